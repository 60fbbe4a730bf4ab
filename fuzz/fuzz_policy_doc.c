/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as policy documents: what stands before the first form feed as the ceiling's, what stands behind it as the
 * repository's; YAML, which holds JSON. What is refused has a place, a fix and a line fit to print, and leaves the set good. What is
 * accepted resolves, profile for profile, within the bounds; its rules are normal; and the repository widens nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/ref_doc.h"
#include "registry/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void check_line(const char *line)
{
	for (const char *p = line; *p; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	MUST(ward_utf8_valid(line, strlen(line)));
}

static void check_error(int r, const struct ward_error *err)
{
	char line[2048];

	MUST(r < 0 && r != WARD_E_INTERNAL && err->code == r && err->message[0] != '\0' &&
		err->file[0] != '\0');
	MUST(err->fix[0] != '\0' || r == WARD_E_NOMEM);
	ward_error_format(err, line, sizeof(line));
	check_line(line);
}

static void check_rule(const struct ward_doc_rule *r)
{
	const char *s = r->pattern;

	MUST(r->text != NULL && r->doc != NULL && r->origin.file != NULL);
	if (r->list > WARD_DOC_LIST_MODIFY && r->list < WARD_DOC_LIST_DENY_READ) {
		MUST(!r->negated && s[0] != '\0');
		return;
	}
	MUST(!r->negated || r->list != WARD_DOC_LIST_DENY_READ);
	MUST(s[0] != '\0' && s[0] != '/' && s[0] != '~' && strlen(s) < WARD_PATH_MAX);
	MUST(!ward_path_has_dotdot(s) && strstr(s, "//") == NULL && strstr(s, "/./") == NULL);
	MUST(!ward_has_prefix(s, "./") && !ward_has_suffix(s, "/") && !ward_has_suffix(s, "/."));
	MUST(r->doc->grammar == 2 || strchr(s, '\\') == NULL);
}

static void check_profile(const struct ward_profile *p)
{
	for (unsigned op = 0; op < WARD_DOC_OP_MAX; op++) {
		const struct ward_profile_op *o = &p->op[op];

		MUST(o->n_parts > 0);
		for (size_t i = 0; i < o->n_parts + o->n_denies; i++) {
			struct ward_doc_rules rules = i < o->n_parts
				? o->parts[i].rules
				: o->denies[i - o->n_parts].rules;

			MUST(rules.n <= WARD_DOC_RULES_MAX);
			for (size_t k = 0; k < rules.n; k++)
				check_rule(&rules.v[k]);
		}
	}
	MUST(p->env.n <= WARD_DOC_ENV_MAX);
	for (size_t i = 0; i < p->env.n; i++)
		check_rule(&p->env.v[i]);
}

/* A path that the pattern has a chance to match. */
static void sample(const char *pattern, char *out, size_t size)
{
	size_t n = 0;

	for (; *pattern != '\0' && n + 1 < size; pattern++)
		out[n++] = strchr("*?[]{}\\", *pattern) != NULL ? 'x' : *pattern;
	out[n] = '\0';
}

static bool small(const struct ward_profile *p, const char *path)
{
	for (unsigned op = 0; op < WARD_DOC_OP_MAX; op++) {
		for (size_t i = 0; i < p->op[op].n_parts + p->op[op].n_denies; i++) {
			const struct ward_profile_op *o = &p->op[op];
			struct ward_doc_rules rules = i < o->n_parts
				? o->parts[i].rules
				: o->denies[i - o->n_parts].rules;

			for (size_t k = 0; k < rules.n; k++) {
				const char *pattern = rules.v[k].pattern;

				if (rules.v[k].doc->grammar == 2 ? !ref_pattern_small(pattern, path)
								 : !ref_glob_small(pattern, path))
					return false;
			}
		}
	}
	return true;
}

static void check_narrower(const struct ward_profile *alone, const struct ward_profile *both)
{
	for (size_t i = 0; i < both->op[WARD_DOC_MODIFY].n_parts; i++) {
		struct ward_doc_rules rules = both->op[WARD_DOC_MODIFY].parts[i].rules;

		for (size_t k = 0; k < rules.n && k < 8; k++) {
			char path[64];

			sample(rules.v[k].pattern, path, sizeof(path));
			if (!small(alone, path) || !small(both, path))
				continue;
			for (unsigned op = 0; op < WARD_DOC_OP_MAX; op++)
				MUST(!ref_doc_allowed(both, (enum ward_doc_op)op, path) ||
					ref_doc_allowed(alone, (enum ward_doc_op)op, path));
		}
	}
}

static int add(struct ward_docs *docs, enum ward_layer layer, const char *text, size_t n)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *root = NULL;
	size_t before = ward_docs_count(docs);
	int r;

	MUST(arena != NULL);
	if (ward_yaml_parse(arena, text, n, "fuzz.yaml", &root, &err) < 0)
		return -1;
	r = ward_docs_add(docs, layer, root, "fuzz.yaml", &err);
	if (r < 0)
		check_error(r, &err);
	MUST(ward_docs_count(docs) == before + (r == WARD_OK));
	return r;
}

static int check_set(struct ward_docs *docs)
{
	struct ward_error err = WARD_ERROR_INIT;
	int r = ward_docs_check(docs, &err);
	const struct ward_doc_warning *w;
	size_t n;

	if (r < 0) {
		check_error(r, &err);
		return r;
	}
	w = ward_docs_warnings(docs, &n);
	MUST(n <= WARD_DOC_WARNINGS_MAX);
	for (size_t i = 0; i < n; i++) {
		MUST(w[i].origin.line > 0 && w[i].fix != NULL && w[i].message[0] != '\0');
		check_line(w[i].message);
	}
	for (size_t i = 0; i < ward_docs_count(docs); i++) {
		const struct ward_doc *doc = ward_docs_get(docs, i);

		for (size_t k = 0; k < doc->n_profiles; k++) {
			const struct ward_profile *p = NULL;

			MUST(ward_docs_resolve(docs, doc->profiles[k].name, NULL, &p, &err) ==
				WARD_OK);
			check_profile(p);
		}
	}
	return WARD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WARD_CLEANUP(ward_docs_freep)
	struct ward_docs *alone = ward_docs_new(), *both = ward_docs_new();
	const char *text = (const char *)data, *feed = size > 0 ? memchr(text, '\f', size) : NULL;
	size_t first = feed != NULL ? (size_t)(feed - text) : size;
	const struct ward_doc *ceiling;

	MUST(alone != NULL && both != NULL);
	if (add(alone, WARD_LAYER_CEILING, text, first) < 0 || check_set(alone) < 0 || feed == NULL)
		return 0;
	MUST(add(both, WARD_LAYER_CEILING, text, first) == WARD_OK);
	if (add(both, WARD_LAYER_REPOSITORY, feed + 1, size - first - 1) < 0 || check_set(both) < 0)
		return 0;
	ceiling = ward_docs_get(alone, 0);
	for (size_t k = 0; k < ceiling->n_profiles; k++) {
		const struct ward_profile *p = NULL, *q = NULL;

		MUST(ward_docs_resolve(alone, ceiling->profiles[k].name, NULL, &p, NULL) ==
			WARD_OK);
		MUST(ward_docs_resolve(both, ceiling->profiles[k].name, NULL, &q, NULL) == WARD_OK);
		check_narrower(p, q);
	}
	return 0;
}
