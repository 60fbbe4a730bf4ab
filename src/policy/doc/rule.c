/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rule: its text as written becomes a pattern that means one thing (S0-26). What a reader could take for more or less than
 * it is stays out: "..", "~", absolute paths (a profile goes with a workspace), "**" beside other characters, control bytes. Empty
 * and "." components and a slash at the end go, so that "secret/./key" and "secret//key" are "secret/key" in every list.
 */
#include <stdio.h>
#include <string.h>

#include "policy/doc/internal.h"
#include "policy/net/net.h"

static int rule_fail(const struct doc_reader *in, const struct ward_doc_rule *rule,
	const char *problem)
{
	char shown[WARD_CAP_SHOWN_MAX];

	ward_cap_shown(ward_str(rule->text), shown);
	return ward_doc_fail(in->err, WARD_E_INVALID, &rule->origin, "%s %s: %s",
		ward_doc_list_name(rule->list), shown, problem);
}

static int refuse(const struct doc_reader *in, const struct ward_doc_rule *rule,
	const char *problem, const char *fix)
{
	int r = rule_fail(in, rule, problem);

	ward_fail_fix(in->err, "%s", fix);
	return r;
}

static struct ward_str trim(struct ward_str s)
{
	while (s.n > 0 && (s.s[0] == ' ' || s.s[0] == '\t')) {
		s.s++;
		s.n--;
	}
	while (s.n > 0 && (s.s[s.n - 1] == ' ' || s.s[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int take_exclamation(const struct doc_reader *in, struct ward_doc_rule *rule,
	struct ward_str *s)
{
	if (s->n == 0 || s->s[0] != '!')
		return WARD_OK;
	if (rule->list == WARD_DOC_LIST_DENY_READ)
		return refuse(in, rule, "there are no exceptions from denyRead",
			"deny less instead");
	if (rule->list == WARD_DOC_LIST_ALLOW_EXEC)
		return refuse(in, rule, "there are no exceptions here", "name it under denyExec");
	if (rule->list == WARD_DOC_LIST_NET_ALLOW)
		return refuse(in, rule, "there are no exceptions here",
			"name it under deny of network");
	if (rule->list != WARD_DOC_LIST_READ && rule->list != WARD_DOC_LIST_MODIFY &&
		rule->list != WARD_DOC_LIST_DENY_MODIFY)
		return refuse(in, rule, "there are no exceptions here", "take it out");
	rule->negated = true;
	*s = trim((struct ward_str){ s->s + 1, s->n - 1 });
	if (s->n > 0 && s->s[0] == '!')
		return refuse(in, rule, "more than one \"!\"",
			"write one; a name that begins with \"!\" is ./!name");
	return WARD_OK;
}

static int check_start(const struct doc_reader *in, const struct ward_doc_rule *rule,
	struct ward_str s)
{
	if (s.n == 0)
		return refuse(in, rule, "the rule is empty", "write a pattern, such as src/**");
	for (size_t i = 0; i < s.n; i++) {
		if ((uint8_t)s.s[i] < 0x20 || s.s[i] == 0x7f)
			return refuse(in, rule, "holds a control character",
				"take it out, or write \"?\" in its place");
	}
	if (s.s[0] == '/')
		return refuse(in, rule,
			"an absolute path, where rules are relative to the workspace",
			"write it relative; other paths are granted by --read and --write, and denied by a Cedar policy");
	if (s.s[0] == '~')
		return refuse(in, rule, "\"~\" is not expanded",
			"write a path relative to the workspace; a name that begins with \"~\" is ./~name");
	if (ward_path_elsewhere(s.s) != NULL)
		return refuse(in, rule, ward_path_elsewhere(s.s),
			"write a path relative to the workspace; a name in it that begins so has \"./\" before it");
	if (s.n >= WARD_PATH_MAX)
		return refuse(in, rule, "longer than a path can be",
			"name a directory above it: DIRECTORY/**");
	return WARD_OK;
}

/* Add one component to the pattern in out, which has n bytes. */
static int add_component(const struct doc_reader *in, const struct ward_doc_rule *rule,
	const char *s, size_t len, char *out, size_t *n)
{
	if (len == 0 || (len == 1 && s[0] == '.'))
		return WARD_OK;
	if (len == 2 && memcmp(s, "..", 2) == 0)
		return refuse(in, rule, "\"..\" is not allowed in a path",
			"write the path that is meant, below the workspace");
	if (rule->doc->grammar == 1 && len != 2 && memmem(s, len, "**", 2) != NULL)
		return refuse(in, rule, "\"**\" must stand alone between slashes",
			"write \"*\" for a part of one name, or \"/**/\" for any depth");
	/* Any depth twice is any depth. */
	if (len == 2 && memcmp(s, "**", 2) == 0 && *n >= 2 && memcmp(out + *n - 2, "**", 2) == 0 &&
		(*n == 2 || out[*n - 3] == '/'))
		return WARD_OK;
	if (*n > 0)
		out[(*n)++] = '/';
	memcpy(out + *n, s, len);
	*n += len;
	return WARD_OK;
}

/* Grammar 2 has more to say of a text than this file knows; and who compares rules needs them compiled. */
static int compile(const struct doc_reader *in, struct ward_doc_rule *rule, struct ward_str written)
{
	struct ward_str text = ward_str(rule->pattern);
	struct ward_pattern_error bad = { 0 };
	char problem[WARD_ERROR_FIX_MAX];

	if (ward_pattern_compile(in->arena, text, (enum ward_grammar)rule->doc->grammar,
		    &rule->compiled, &bad) == WARD_OK)
		return WARD_OK;
	if (bad.code == WARD_E_NOMEM)
		return ward_doc_nomem(in->err, &rule->origin);
	/* Where it is says something only of a text that is as it was written. */
	if (rule->doc->grammar == 2 && bad.column > 0 && ward_str_eq(text, written))
		(void)snprintf(problem, sizeof(problem), "%s, at character %u", bad.what,
			bad.column);
	else
		(void)snprintf(problem, sizeof(problem), "%s", bad.what);
	return refuse(in, rule, problem, bad.fix);
}

static int path_rule(const struct doc_reader *in, struct ward_doc_rule *rule, struct ward_str s)
{
	WARD_UNSET char text[WARD_PATH_MAX];
	WARD_UNSET char out[WARD_PATH_MAX + 1];
	size_t n = 0;
	int r = check_start(in, rule, s);

	if (r < 0)
		return r;
	memcpy(text, s.s, s.n);
	text[s.n] = '\0';
	for (char *p = text; rule->doc->grammar == 1 && (p = strchr(p, '\\')) != NULL;)
		*p = '/';
	if (text[0] == '/')
		return check_start(in, rule, ward_str(text));
	for (const char *p = text; *p != '\0';) {
		size_t len = strcspn(p, "/");

		r = add_component(in, rule, p, len, out, &n);
		if (r < 0)
			return r;
		p += len + (p[len] == '/');
	}
	if (n == 0)
		out[n++] = '.';
	rule->pattern = ward_arena_dup(in->arena, out, n);
	return rule->pattern != NULL ? compile(in, rule, s)
				     : ward_doc_nomem(in->err, &rule->origin);
}

/* Programs and variables are written as capabilities write them. */
static int capability(const struct doc_reader *in, struct ward_doc_rule *rule,
	enum ward_cap_type type, struct ward_str s)
{
	struct ward_cap cap = {
		.type = type, .origin = rule->origin, .denied = rule->list == WARD_DOC_LIST_NET_DENY
	};

	if (s.n == 0)
		return refuse(in, rule, "the entry is empty", "take it out");
	cap.resource = rule->pattern = ward_arena_dup(in->arena, s.s, s.n);
	if (rule->pattern == NULL)
		return ward_doc_nomem(in->err, &rule->origin);
	return ward_cap_check(&cap, in->err);
}

/* In its one spelling, so that who compares compares what is meant. */
static int endpoint(const struct doc_reader *in, struct ward_doc_rule *rule, struct ward_str s)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r = capability(in, rule, WARD_CAP_NETWORK_CONNECT, s);

	if (r < 0)
		return r;
	if (!ward_endpoint_parse(s, &e, &why))
		return refuse(in, rule, why.what, why.fix);
	ward_endpoint_text(&e, text);
	rule->pattern = ward_arena_strdup(in->arena, text);
	return rule->pattern != NULL ? WARD_OK : ward_doc_nomem(in->err, &rule->origin);
}

static int cache(const struct doc_reader *in, struct ward_doc_rule *rule)
{
	uint32_t set;
	int r = ward_cache_parse(ward_str(rule->text), &set, in->err);

	rule->pattern = rule->text;
	if (r < 0)
		ward_fail_at(in->err, rule->origin.file, rule->origin.line, rule->origin.column);
	return r;
}

int ward_doc_rule_normalize(const struct doc_reader *in, struct ward_doc_rule *rule)
{
	struct ward_str s = trim(ward_str(rule->text));
	int r = take_exclamation(in, rule, &s);

	if (r < 0)
		return r;
	if (rule->list == WARD_DOC_LIST_CACHES)
		return cache(in, rule);
	if (rule->list == WARD_DOC_LIST_ENV)
		return capability(in, rule, WARD_CAP_ENV, ward_str(rule->text));
	if (rule->list == WARD_DOC_LIST_ALLOW_EXEC || rule->list == WARD_DOC_LIST_DENY_EXEC)
		return capability(in, rule, WARD_CAP_EXTERNAL_COMMAND, s);
	if (ward_doc_is_network(rule->list))
		return endpoint(in, rule, s);
	return path_rule(in, rule, s);
}
