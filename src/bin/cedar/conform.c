/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward cedar conformance: folders are walked, and whatever looks like a case is run: integration tests, recorded
 * validation results and schemas beside them, files of vectors, lists of entities. What a file is, is told by what is in
 * it. The last line is "N passed, N failed".
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/cedar/conform.h"

#define DEPTH_MAX 32
#define TEXT_MAX (64u << 10) /* of one disagreement; what is longer is cut */

/* ---- what all cases need ---- */

void disagree(struct conform *c, const char *fmt, ...)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT, shown = WARD_BUF_INIT;
	char text[TEXT_MAX];
	va_list ap;

	c->bad = true;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->a->v[O_JSON]) {
		ward_jw_open(&b, '{');
		ward_jw_kstr(&b, "case", c->name);
		ward_jw_kstr(&b, "disagreement", text);
		ward_jw_close(&b, '}');
		(void)put_buf(c->a, &b, 0);
		return;
	}
	show_text(&shown, c->name, strlen(c->name));
	ward_buf_adds(&shown, ": ");
	show_text(&shown, text, strlen(text));
	puts(ward_buf_cstr(&shown));
}

const char *last_error(struct conform *c)
{
	static char text[WARD_ERROR_MESSAGE_MAX];
	struct ward_error err = WARD_ERROR_INIT;

	(void)ward_policy_diags_error(c->a->d, &err);
	(void)snprintf(text, sizeof(text), "%s", err.message);
	ward_policy_diags_clear(c->a->d);
	return text;
}

const char *last_place(struct conform *c)
{
	static char text[WARD_ERROR_MESSAGE_MAX + 32];
	struct ward_error err = WARD_ERROR_INIT;

	(void)ward_policy_diags_error(c->a->d, &err);
	if (err.line > 0)
		(void)snprintf(text, sizeof(text), "%u:%u: %s", err.line, err.column, err.message);
	else
		(void)snprintf(text, sizeof(text), "%s", err.message);
	ward_policy_diags_clear(c->a->d);
	return text;
}

void case_begin(struct conform *c, const char *name)
{
	c->name = name;
	c->bad = false;
	ward_policy_diags_clear(c->a->d);
}

void case_end(struct conform *c)
{
	c->passed += !c->bad;
	c->failed += c->bad;
	if (c->a->v[O_VERBOSE] && !c->bad && !c->a->v[O_JSON]) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;

		show_text(&shown, c->name, strlen(c->name));
		printf("%s: agrees\n", ward_buf_cstr(&shown));
	}
}

bool conform_read(struct conform *c, const char *path, struct text *ret, struct ward_json **j)
{
	struct ward_error err = WARD_ERROR_INIT;

	if (!read_text(c->a, path, "case", WARD_CEDAR_JSON_BYTES_MAX, ret)) {
		disagree(c, "%s cannot be read", path);
		return false;
	}
	if (!j || parse_json(c->arena, ret, path, j, &err))
		return true;
	if (ward_streq(path, c->name))
		disagree(c, "%u:%u: %s", err.line, err.column, err.message);
	else
		disagree(c, "%s:%u:%u: %s", path, err.line, err.column, err.message);
	return false;
}

static struct ward_str without_policy(struct ward_str text)
{
	const char *end = ward_has_prefix(text.s, "for policy `") ? strstr(text.s, "`, ") : NULL;

	if (end)
		text.n -= (size_t)(end + 3 - text.s);
	return (struct ward_str){ end ? end + 3 : text.s, text.n };
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool same_message(struct ward_str recorded, const char *ours)
{
	recorded = without_policy(recorded);
	ours = without_policy(ward_str(ours)).s;
	for (size_t i = 0; i < recorded.n; i++) {
		char c = recorded.s[i];

		/* A message cannot hold NUL, and has \0 in its place. */
		if (!c && ours[0] == '\\' && ours[1] == '0')
			ours += 2;
		else if (lower(c) != lower(*ours++))
			return false;
	}
	return !*ours;
}

static bool member_same(const struct ward_json *a, const struct ward_json *b)
{
	for (const struct ward_json *m = b->child; m; m = m->next)
		if (ward_str_eq(a->key, m->key))
			return json_same(a, m);
	return false;
}

bool json_same(const struct ward_json *a, const struct ward_json *b)
{
	if (a->type != b->type || a->count != b->count)
		return false;
	switch (a->type) {
	case WARD_JSON_NULL: return true;
	case WARD_JSON_BOOL: return a->b == b->b;
	case WARD_JSON_INT: return a->i == b->i;
	case WARD_JSON_REAL: return a->d == b->d;
	case WARD_JSON_STRING: return ward_str_eq(a->str, b->str);
	case WARD_JSON_OBJECT:
		for (const struct ward_json *m = a->child; m; m = m->next)
			if (!member_same(m, b))
				return false;
		return true;
	case WARD_JSON_ARRAY:
		b = b->child;
		for (a = a->child; a; a = a->next, b = b->next)
			if (!json_same(a, b))
				return false;
		return true;
	}
	return false;
}

const char *json_text(const struct ward_json *j, const char *name)
{
	const struct ward_json *m = j->type == WARD_JSON_OBJECT ? ward_json_get(j, name) : NULL;

	return m && m->type == WARD_JSON_STRING ? m->str.s : NULL;
}

bool json_true(const struct ward_json *j, const char *name)
{
	const struct ward_json *m = j->type == WARD_JSON_OBJECT ? ward_json_get(j, name) : NULL;

	return m && m->type == WARD_JSON_BOOL && m->b;
}

struct ward_str slice_of(const struct text *t, const struct ward_json *j)
{
	return (struct ward_str){ t->s + j->start, j->end - j->start };
}

/* ---- paths ---- */

static char *join(const char *dir, size_t n, const char *name)
{
	char *path = malloc(n + strlen(name) + 2);

	if (path)
		(void)snprintf(path, n + strlen(name) + 2, "%.*s/%s", (int)n, dir, name);
	return path;
}

static char *if_there(char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return path;
	free(path);
	return NULL;
}

/* Length of the folder's part of a path; "." where there is none. */
static const char *folder_of(const char *path, size_t *ret)
{
	const char *slash = strrchr(path, '/');

	*ret = slash ? (size_t)(slash - path) : 1;
	return slash ? path : ".";
}

char *conform_locate(const char *case_path, const char *name)
{
	const char *base = strrchr(name, '/');
	size_t n = 0;
	const char *dir = folder_of(case_path, &n);
	char *found;

	if (name[0] == '/')
		return NULL; /* a case names what lies beside it */
	for (size_t len = n;;) {
		found = if_there(join(dir, len, name));
		if (found || len == 0)
			break;
		while (len > 0 && dir[--len] != '/')
			;
	}
	if (!found)
		found = if_there(join("..", 2, name));
	return found ? found : if_there(join(dir, n, base ? base + 1 : name));
}

char *conform_beside(const char *path, const char *folder, const char *suffix)
{
	const char *base = strrchr(path, '/');
	char name[512];
	size_t n = 0;
	const char *dir = folder_of(path, &n);
	int len;

	base = base ? base + 1 : path;
	len = (int)strlen(base) - (int)strlen(".json");
	if (len < 0 ||
		(size_t)snprintf(name, sizeof(name), "%.*s%s", len, base, suffix) >= sizeof(name))
		return NULL;
	return folder ? if_there(join(folder, strlen(folder), name)) : if_there(join(dir, n, name));
}

char *conform_sibling(const char *path, const char *folder, const char *name, const char *suffix)
{
	char dir[WARD_PATH_MAX], *found;
	size_t n = 0;
	const char *own = folder_of(path, &n);

	if (folder)
		return conform_beside(path, folder, suffix);
	(void)snprintf(dir, sizeof(dir), "%.*s/../%s", (int)n, own, name);
	found = conform_beside(path, dir, suffix);
	if (found)
		return found;
	(void)snprintf(dir, sizeof(dir), "%.*s/%s", (int)n, own, name);
	return conform_beside(path, dir, suffix);
}

/* ---- the walk ---- */

static bool is_companion(const char *name)
{
	static const char *const suffixes[] = { ".entities.json", ".cedarschema.json",
		".validation.json", ".parsing.json" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(suffixes); i++)
		if (ward_has_suffix(name, suffixes[i]))
			return true;
	return !ward_has_suffix(name, ".json");
}

static void run_file(struct conform *c, const char *path)
{
	WARD_CLEANUP(text_done) struct text t = { 0 };
	WARD_CLEANUP(free_string) char *record = conform_beside(path, NULL, ".parsing.json");
	struct ward_json *j = NULL;

	ward_arena_reset(c->arena);
	case_begin(c, path);
	if (!conform_read(c, path, &t, &j)) {
		case_end(c);
		return;
	}
	if (j->type != WARD_JSON_OBJECT)
		return; /* entities of somebody else's case */
	if (ward_json_get(j, "vectors")) {
		conform_vectors(c, path, j);
	} else if (ward_json_get(j, "requests") && ward_json_get(j, "policies")) {
		conform_case(c, path, &t, j);
		case_end(c);
	} else if (record && ward_json_get(j, "entities")) {
		conform_entities(c, path, j, record);
		case_end(c);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in a folder, in order; NULL-terminated. NULL: no memory, or no folder. */
static char **list(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0, cap = 64;
	char **v = d ? malloc(cap * sizeof(*v)) : NULL;

	while (v && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (n + 1 == cap) {
			char **more = realloc(v, 2 * cap * sizeof(*v));

			if (!more)
				break;
			v = more;
			cap *= 2;
		}
		v[n] = strdup(e->d_name);
		if (v[n])
			n++;
	}
	if (d)
		(void)closedir(d);
	if (v) {
		v[n] = NULL;
		qsort(v, n, sizeof(*v), by_name);
	}
	return v;
}

static void walk(struct conform *c, const char *path, unsigned depth)
{
	struct stat st;
	char **names;

	if (stat(path, &st) < 0) {
		case_begin(c, path);
		disagree(c, "there is no such file");
		case_end(c);
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		run_file(c, path);
		return;
	}
	names = depth < DEPTH_MAX ? list(path) : NULL;
	for (size_t i = 0; names && names[i]; i++) {
		WARD_CLEANUP(free_string) char *below = join(path, strlen(path), names[i]);

		if (below && stat(below, &st) == 0 &&
			(S_ISDIR(st.st_mode) || !is_companion(names[i])))
			walk(c, below, depth + 1);
		free(names[i]);
	}
	free(names);
}

static int say_counts(struct conform *c)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	int code = c->failed > 0 ? CEDAR_FAILURE : CEDAR_SUCCESS;

	if (c->passed + c->failed == 0) {
		struct ward_error err = WARD_ERROR_INIT;

		ward_fail(&err, WARD_E_NOTFOUND, "no case was found");
		return fail_error(c->a, &err);
	}
	if (c->a->v[O_JSON]) {
		ward_jw_open(&b, '{');
		ward_jw_ku64(&b, "passed", c->passed);
		ward_jw_ku64(&b, "failed", c->failed);
		ward_jw_ku64(&b, "cases", c->cases);
		ward_jw_ku64(&b, "requests", c->requests);
		ward_jw_ku64(&b, "vectors", c->vectors);
		ward_jw_ku64(&b, "versionDependent", c->depend);
		ward_jw_ku64(&b, "messagesSame", c->same);
		ward_jw_ku64(&b, "messagesDifferent", c->differ);
		ward_jw_close(&b, '}');
		return put_buf(c->a, &b, code);
	}
	printf("%zu cases with %zu requests, %zu vectors; %zu verdicts depend on the version\n",
		c->cases, c->requests, c->vectors, c->depend);
	if (c->same + c->differ > 0)
		printf("recorded texts: %zu the same, %zu different\n", c->same, c->differ);
	printf("%zu passed, %zu failed\n", c->passed, c->failed);
	return put_text("", 0, false, code);
}

static int conformance(struct args *a)
{
	WARD_CLEANUP(free_scratch) struct ward_policy_scratch *s = ward_policy_scratch_new();
	WARD_CLEANUP(ward_arena_freep)
	struct ward_arena *arena = ward_arena_new(WARD_CEDAR_JSON_BYTES_MAX);
	struct conform c = { .a = a, .scratch = s, .arena = arena };

	if (!s || !arena)
		return out_of_memory(a);
	if (a->v[O_COMPAT])
		c.compat = ward_streq(a->v[O_COMPAT], "4.13") ? COMPAT_WARNING : COMPAT_ERROR;
	for (int i = 0; i < a->rest.n; i++) {
		char *path = a->rest.v[i];

		for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';)
			path[--n] = '\0';
		walk(&c, path, 0);
	}
	return say_counts(&c);
}

int cmd_cedar_conformance(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct args a;
	int code = 0;

	if (!take_args(w, C_CONFORMANCE, w.n, &a, &code))
		return code;
	if (a.rest.n < 1) {
		ward_fail(&err, WARD_E_INVALID, "DIR or CASE is missing");
		ward_fail_fix(&err, "see ward help cedar conformance");
		code = usage_error(&err, NULL);
	} else {
		code = conformance(&a);
	}
	args_done(&a);
	return code;
}
