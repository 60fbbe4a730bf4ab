/* SPDX-License-Identifier: Apache-2.0 */
/* How a rule becomes the text of a policy. */
#include <stdlib.h>
#include <string.h>

#include "policy/sugar/own.h"

void ward_sources_done(struct ward_sources *s)
{
	if (s == NULL)
		return;
	free(s->v);
	s->v = NULL;
	s->n = s->cap = 0;
}

int ward_sources_add(struct ward_sources *s, const struct ward_source *src, struct ward_error *err)
{
	struct ward_source copy = *src;

	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 8;
		struct ward_source *v = realloc(s->v, cap * sizeof(*v));

		if (v == NULL)
			return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
		s->v = v;
		s->cap = cap;
	}
	copy.name = ward_arena_strdup(s->arena, src->name);
	/* What was built in stays where it is. */
	if (!src->shipped)
		copy.text.s =
			ward_arena_dup(s->arena, src->text.n > 0 ? src->text.s : "", src->text.n);
	if (copy.name == NULL || copy.text.s == NULL)
		return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
	s->v[s->n++] = copy;
	return WARD_OK;
}

/* A start prints many rules: nothing of it goes by way of printf. */
static void number(struct ward_buf *out, uint32_t n)
{
	char text[16];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	ward_buf_add(out, text + at, sizeof(text) - at);
}

void ward_sugar_head(struct ward_buf *out, const struct ward_origin *origin, const char *text)
{
	ward_buf_adds(out, "@source(\"");
	ward_cedar_escape(out, ward_str(origin->file));
	if (origin->line > 0) {
		ward_buf_addc(out, ':');
		number(out, origin->line);
		ward_buf_addc(out, ':');
		number(out, origin->column);
	}
	ward_buf_adds(out, "\")\n@text(");
	ward_cedar_quote(out, ward_str(text));
	ward_buf_adds(out, ")\n");
}

void ward_sugar_uid(struct ward_buf *out, const char *type, const char *id)
{
	ward_buf_adds(out, "Ward::");
	ward_buf_adds(out, type);
	ward_buf_adds(out, "::");
	ward_cedar_quote(out, ward_str(id));
}

/* ---- what a rule is about ---- */

/* A path of a rule as the id of an entity. */
static const char *path_id(struct ward_arena *a, const char *p)
{
	size_t n = ward_streq(p, ".") ? 0 : strlen(p);
	char *id;

	if (p[0] == '/')
		return ward_arena_strdup(a, p);
	id = ward_arena_alloc(a, n + 3);
	if (id != NULL) {
		memcpy(id, "./", 2);
		memcpy(id + 2, p, n);
		id[n + 2] = '\0';
	}
	return id;
}

static const char *pattern_id(struct ward_arena *a, struct ward_str text, enum ward_grammar grammar)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *id = NULL;

	/* Patterns are relative by themselves. */
	if (text.n > 2 && text.s[0] == '.' && text.s[1] == '/')
		text = (struct ward_str){ text.s + 2, text.n - 2 };
	if (grammar != WARD_GRAMMAR_1)
		return ward_arena_dup(a, text.s, text.n);
	ward_pattern_escape1(&b, text);
	if (!b.failed)
		id = ward_arena_dup(a, ward_buf_cstr(&b), b.n);
	ward_buf_done(&b);
	return id;
}

bool ward_sugar_place(struct ward_arena *a, const struct ward_pattern *p, enum ward_grammar grammar,
	struct ward_source_place *ret)
{
	WARD_UNSET char name[WARD_PATH_MAX];
	bool one = ward_pattern_is_literal(p, name, sizeof(name));

	*ret = (struct ward_source_place){ .in = !one };
	if (one || ward_pattern_is_subtree(p, name, sizeof(name))) {
		ret->id = path_id(a, name);
	} else {
		ret->pattern = true;
		ret->id = pattern_id(a, ward_pattern_text(p), grammar);
		if (ret->id != NULL && grammar == WARD_GRAMMAR_2 &&
			ward_str_eq(ward_str(ret->id), ward_pattern_text(p)))
			ret->compiled = p;
	}
	return ret->id != NULL;
}

bool ward_sugar_is_long(const struct ward_source_place *place)
{
	return strlen(place->id) >= WARD_PATH_MAX;
}

void ward_sugar_resource(struct ward_buf *out, const struct ward_source_place *place)
{
	ward_buf_adds(out, place->in ? "resource in " : "resource == ");
	ward_sugar_uid(out, place->pattern ? "Glob" : "Path", place->id);
}

/* ---- rules as a text ---- */

void ward_source_rule_text(const struct ward_source_rule *r, struct ward_buf *out)
{
	struct ward_origin at = { .file = r->file, .line = r->line, .column = r->column };

	ward_sugar_head(out, &at, r->text);
	ward_buf_adds(out, r->forbids ? "forbid" : "permit");
	ward_buf_adds(out, " (principal, action == Ward::Action::\"");
	ward_buf_adds(out, ward_action_name(r->action));
	ward_buf_adds(out, "\", ");
	if (r->place != NULL)
		ward_sugar_resource(out, r->place);
	else
		ward_buf_adds(out, "resource");
	ward_buf_adds(out, ")");
	for (size_t i = 0; i < r->n_spared; i++) {
		ward_buf_adds(out, i == 0 ? " unless { " : " || ");
		ward_sugar_resource(out, &r->spared[i]);
	}
	ward_buf_adds(out, r->n_spared > 0 ? " };\n\n" : ";\n\n");
}

int ward_sources_write(struct ward_sources *s, struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;
	bool failed = false;

	for (size_t i = 0; i < s->n && !failed; i++) {
		struct ward_source *src = &s->v[i];

		if (src->n_rules == 0 || src->text.n > 0)
			continue;
		ward_buf_clear(&b);
		for (size_t k = 0; k < src->n_rules; k++)
			ward_source_rule_text(&src->rules[k], &b);
		src->text = ward_buf_str(&b);
		src->text.s = ward_arena_dup(s->arena, src->text.s, src->text.n);
		failed = b.failed || src->text.s == NULL;
	}
	ward_buf_done(&b);
	return failed ? ward_fail(err, WARD_E_NOMEM, "no memory left for the policies") : WARD_OK;
}

/* ---- programs ---- */

/* Absolute; a directory with two stars is all below it. In one spelling, as ids are. */
void ward_sugar_program(struct ward_buf *out, const char *resource)
{
	char dir[WARD_PATH_MAX], path[WARD_PATH_MAX];
	const char *p = ward_glob_is_subtree(resource, dir, sizeof(dir)) ? dir : resource;

	if (ward_path_normalize(p, path, sizeof(path)) < 0)
		out->failed = true;
	ward_buf_adds(out, "resource in ");
	ward_sugar_uid(out, "Path", path);
}

const char *ward_sugar_program_word(const struct ward_sugar_host *host, struct ward_arena *a,
	const char *name)
{
	size_t n = strcspn(name, " ");
	char *word;

	if (name[n] == '\0' || n == 0 || name[0] == '/' || host == NULL || host->program == NULL)
		return NULL;
	word = ward_arena_dup(a, name, n);
	return word != NULL && host->program(word, a, host->arg) != NULL ? word : NULL;
}

const char *ward_sugar_find(const struct ward_sugar_host *host, struct ward_arena *a,
	const char *name, const struct ward_origin *origin, struct ward_error *err)
{
	const char *found, *word;

	if (name[0] == '/' || ward_streq(name, "*"))
		return name;
	found = host != NULL && host->program != NULL ? host->program(name, a, host->arg) : NULL;
	if (found != NULL)
		return found;
	(void)ward_fail(err, WARD_E_NOTFOUND, "there is no program \"%s\" on PATH", name);
	ward_fail_at(err, origin->file, origin->line, origin->column);
	/* As other tools write it: "git push", "npm run test:*". */
	word = ward_sugar_program_word(host, a, name);
	if (word != NULL)
		ward_fail_fix(err,
			"a program is granted with whatever arguments: write \"%s\" (what it may do with them is files, hosts and variables), or its whole path",
			word);
	else
		ward_fail_fix(err, "write its whole path");
	return NULL;
}

int ward_sugar_find_all(const struct ward_sugar_host *host, struct ward_arena *a, const char *name,
	const char *const **ret, struct ward_error *err)
{
	const char **one;

	if (name[0] != '/' && !ward_streq(name, "*") && host != NULL && host->programs != NULL)
		return host->programs(name, a, ret, host->arg, err);
	one = ward_arena_alloc(a, 2 * sizeof(*one));
	if (one == NULL)
		return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
	if (name[0] == '/' || ward_streq(name, "*"))
		one[0] = name;
	else if (host != NULL && host->program != NULL)
		one[0] = host->program(name, a, host->arg);
	*ret = one;
	return WARD_OK;
}
