/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a book could answer differently from another: everything that its policies name, what lies beside and below it, a name that
 * each pattern matches, and of each kind of thing one that nobody names. A policy tells requests apart by these, by the port of an
 * endpoint and by texts in its conditions; of the last nothing can be guessed, and who has such policies names requests in a file.
 */
#include <stdlib.h>
#include <string.h>

#include "run/rules/tools.h"

#define PROBE "ward-probe"
#define BELOW_MAX 4096u /* what is said of it: docs/policies.md */

static int by_probe(const void *a, const void *b)
{
	const struct ward_probe *x = a, *y = b;

	return x->action != y->action ? (x->action < y->action ? -1 : 1)
				      : strcmp(x->resource, y->resource);
}

int ward_probes_once(struct ward_probes *p, struct ward_error *err)
{
	size_t n = 0;

	if (p->n > 0)
		qsort(p->v, p->n, sizeof(*p->v), by_probe);
	for (size_t i = 0; i < p->n; i++) {
		if (n == 0 || by_probe(&p->v[n - 1], &p->v[i]) != 0)
			p->v[n++] = p->v[i];
	}
	p->n = n;
	if (n <= WARD_POLICY_PROBES_MAX)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_LIMIT,
		"these policies name too much: more than %u different questions",
		WARD_POLICY_PROBES_MAX);
	ward_fail_fix(err,
		"compare fewer rules at a time: the same part of each side, in a file or directory of its own");
	return WARD_E_LIMIT;
}

/*
 * Room for one more. Names that lie beside one another, and two sides that are nearly the same, ask most of it again: so what is
 * there twice goes before there is more room, and the bound is about different questions.
 */
static int room(struct ward_probes *p, struct ward_error *err)
{
	size_t cap = p->cap > 0 ? p->cap * 2 : 256;
	struct ward_probe *v;
	int r = ward_probes_once(p, err);

	if (r < 0 || p->n < p->cap - p->cap / 4)
		return r;
	v = realloc(p->v, cap * sizeof(*v));
	if (!v)
		return ward_rs_nomem(err);
	p->v = v;
	p->cap = cap;
	return WARD_OK;
}

int ward_probes_add(struct ward_probes *p, enum ward_action action, const char *resource,
	struct ward_error *err)
{
	if (!resource)
		return ward_rs_nomem(err);
	if (p->n == p->cap) {
		int r = room(p, err);

		if (r < 0)
			return r;
	}
	p->v[p->n++] = (struct ward_probe){ action, resource };
	return WARD_OK;
}

struct probing {
	struct ward_probes *to;
	const struct ward_book *b;
	struct ward_error *err;
	size_t n_below; /* names that patterns were looked for in */
};

/* Everything that is done to that kind of thing. */
static int of_thing(struct probing *p, enum ward_thing thing, const char *resource)
{
	int r = WARD_OK;

	for (unsigned a = WARD_ACT_NONE + 1; r == WARD_OK && a < WARD_ACT_MAX; a++) {
		if (ward_action_thing((enum ward_action)a) == thing)
			r = ward_probes_add(p->to, (enum ward_action)a, resource, p->err);
	}
	return r;
}

static int path(struct probing *p, const char *name)
{
	static const enum ward_thing things[] = { WARD_THING_PATH, WARD_THING_PROGRAM,
		WARD_THING_REPOSITORY };
	const char *own = ward_arena_strdup(p->to->arena, name), *slash = strrchr(name, '/');
	const char *s = name[0] == '/' && name[1] == '\0' ? "" : name;
	const char *below = ward_arena_printf(p->to->arena, "%s/" PROBE, s);
	const char *far = ward_arena_printf(p->to->arena, "%s/" PROBE "/" PROBE, s);
	const char *beside = ward_arena_printf(p->to->arena, "%.*s/" PROBE,
		slash ? (int)(slash - name) : 0, name);
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(things); i++) {
		r = of_thing(p, things[i], own);
		if (r == WARD_OK)
			r = of_thing(p, things[i], below);
		if (r == WARD_OK)
			r = of_thing(p, things[i], far);
		if (r == WARD_OK)
			r = of_thing(p, things[i], beside);
	}
	return r;
}

/* ---- a name that a pattern matches ---- */

/* Is c among what stands between s and end: characters, ranges, escapes? */
static bool listed(const char *s, const char *end, char c)
{
	while (s < end) {
		char low, high;

		s += *s == '\\' && s + 1 < end;
		low = high = *s++;
		if (s + 1 < end && *s == '-') {
			s++;
			s += *s == '\\' && s + 1 < end;
			high = *s++;
		}
		if (c >= low && c <= high)
			return true;
	}
	return false;
}

/* Behind the class at s; *c is a character that it takes, if one of these few is. */
static const char *class(const char *s, char *c)
{
	static const char some[] = "w0_aZ-~!zA9";
	const char *first = s + 1, *end;
	bool all_but = *first == '!' || *first == '^';

	first += all_but;
	end = first + (*first == ']');
	while (*end && *end != ']')
		end += end[0] == '\\' && end[1] ? 2 : 1;
	*c = *first == '\\' ? first[1] : *first;
	for (size_t i = 0; all_but && some[i]; i++) {
		*c = some[i];
		if (!listed(first, end, some[i]))
			break;
	}
	return *end ? end + 1 : end;
}

/* Of a text without braces: stars become names, two stars deep or nothing. */
static void instance(struct ward_buf *out, const char *s, bool deep)
{
	while (*s) {
		char c = *s;

		if (c == '*' && s[1] == '*') {
			s += 2;
			if (deep || *s == '\0')
				ward_buf_adds(out, deep ? PROBE "/" PROBE : PROBE);
			else
				s += *s == '/';
			continue;
		}
		if (c == '*')
			ward_buf_adds(out, PROBE);
		else if (c == '?')
			ward_buf_addc(out, 'w');
		if (c == '*' || c == '?') {
			s++;
			continue;
		}
		if (c == '[') {
			s = class(s, &c);
		} else {
			s += c == '\\' && s[1] ? 1 : 0;
			c = *s++;
		}
		ward_buf_addc(out, c);
	}
}

/* A pattern of any depth is met in what a rule is about as well (`in` a directory and not `in` that pattern): so below each path that is named. */
static int below_named(struct probing *p, const char *name)
{
	const struct cedar_uid *uid;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && p->n_below < BELOW_MAX &&
		(uid = ward_book_named(p->b, &at)) != NULL) {
		const char *type = uid->type->s, *id = uid->id->s;

		if (!ward_streq(type, "Ward::Path"))
			continue;
		p->n_below++;
		r = of_thing(p, WARD_THING_PATH,
			ward_arena_printf(p->to->arena, "%s/%s", id[1] != '\0' ? id : "", name));
	}
	return r;
}

static int pattern(struct probing *p, const struct ward_pattern *pattern, size_t alternative,
	bool relative, bool deep)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT, name = WARD_BUF_INIT;
	char whole[WARD_PATH_MAX], normal[WARD_PATH_MAX];

	ward_pattern_alternative(pattern, alternative, &text);
	instance(&name, ward_buf_cstr(&text), deep);
	if (text.failed || name.failed)
		return ward_rs_nomem(p->err);
	if (!ward_pattern_match(pattern, (struct ward_str){ ward_buf_cstr(&name), name.n }))
		return WARD_OK;
	if (ward_path_join(relative ? ward_book_workspace(p->b) : "/", ward_buf_cstr(&name), whole,
		    sizeof(whole)) < 0 ||
		ward_path_normalize(whole, normal, sizeof(normal)) < 0)
		return WARD_OK; /* longer than any path */
	if (!deep && ward_has_prefix(ward_buf_cstr(&text), "**/")) {
		int r = below_named(p, ward_buf_cstr(&name));

		if (r < 0)
			return r;
	}
	return path(p, normal);
}

static int patterns(struct probing *p, bool relative)
{
	const struct ward_patterns *all = ward_book_patterns(p->b, relative);
	int r = WARD_OK;

	for (size_t i = 0; i < ward_patterns_count(all); i++) {
		const struct ward_pattern *one = ward_patterns_get(all, i);

		for (size_t k = 0; r == WARD_OK && k < ward_pattern_alternatives(one); k++) {
			r = pattern(p, one, k, relative, false);
			if (r == WARD_OK)
				r = pattern(p, one, k, relative, true);
		}
	}
	return r;
}

/* ---- hosts ---- */

static int host(struct probing *p, const char *name)
{
	static const char *const ports[] = { "443", "80", "22", "8080" };
	bool brackets = strchr(name, ':') != NULL;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(ports); i++)
		r = of_thing(p, WARD_THING_ENDPOINT,
			ward_arena_printf(p->to->arena, brackets ? "[%s]:%s" : "%s:%s", name,
				ports[i]));
	return r;
}

static int named(struct probing *p, const struct cedar_uid *uid)
{
	const char *type = uid->type->s, *id = uid->id->s;
	const char *name = ward_has_prefix(type, "Ward::") ? type + strlen("Ward::") : type;
	int r = WARD_OK;

	if (ward_streq(name, "Path"))
		return path(p, id);
	if (ward_streq(name, "Host"))
		return host(p, id);
	if (ward_streq(name, "Domain")) {
		r = host(p,
			ward_arena_printf(p->to->arena, PROBE ".%s",
				ward_has_prefix(id, "*.") ? id + 2 : id));
		return r == WARD_OK ? host(p, ward_has_prefix(id, "*.") ? id + 2 : id) : r;
	}
	if (ward_streq(name, "Cidr"))
		return host(p, ward_arena_printf(p->to->arena, "%.*s", (int)strcspn(id, "/"), id));
	for (unsigned t = WARD_THING_NONE + 1; r == WARD_OK && t < WARD_THING_MAX; t++) {
		if (ward_streq(ward_thing_name((enum ward_thing)t), name))
			r = of_thing(p, (enum ward_thing)t, ward_arena_strdup(p->to->arena, id));
	}
	return r;
}

/* Of each kind one that nobody names. */
static int nobody(struct probing *p)
{
	static const char *const usual[WARD_THING_MAX] = {
		[WARD_THING_PATH] = "/" PROBE,
		[WARD_THING_PROGRAM] = "/usr/bin/" PROBE,
		[WARD_THING_ENDPOINT] = PROBE ".invalid:443",
		[WARD_THING_VARIABLE] = "WARD_PROBE",
		[WARD_THING_SECRET] = PROBE,
		[WARD_THING_ARTIFACT] = PROBE,
		[WARD_THING_TABLE] = PROBE,
		[WARD_THING_REGISTRY] = PROBE,
		[WARD_THING_REPOSITORY] = "/" PROBE,
		[WARD_THING_TOOL] = PROBE,
		[WARD_THING_SANDBOX] = PROBE,
		[WARD_THING_CAPABILITY] = "FILE_READ:/" PROBE,
		[WARD_THING_MODE] = "danger_full_access",
	};
	int r = path(p, ward_book_workspace(p->b));

	for (unsigned t = WARD_THING_NONE + 1; r == WARD_OK && t < WARD_THING_MAX; t++)
		r = of_thing(p, (enum ward_thing)t, usual[t]);
	return r;
}

int ward_probes_of(struct ward_probes *to, const struct ward_book *b, struct ward_error *err)
{
	struct probing p = { to, b, err, 0 };
	const struct cedar_uid *uid;
	size_t at = 0;
	int r = nobody(&p);

	while (r == WARD_OK && (uid = ward_book_named(b, &at)) != NULL)
		r = named(&p, uid);
	if (r == WARD_OK)
		r = patterns(&p, false);
	return r == WARD_OK ? patterns(&p, true) : r;
}
