/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents together: adding them, asking for what is in them. All or nothing: an add that fails leaves the set as it was; a
 * set that fails its check resolves nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/doc/internal.h"

#define SCRATCH_BYTES_MAX (64u << 20)

struct ward_doc_alone {
	struct ward_arena *arena; /* it lives there itself */
	const struct ward_doc *doc;
	struct ward_doc_alone *next;
};

const char *ward_doc_list_name(enum ward_doc_list list)
{
	static const char *const names[WARD_DOC_LIST_MAX] = {
#define WARD_X(id, name) [id] = name,
		WARD_DOC_LISTS(WARD_X)
#undef WARD_X
	};

	return (unsigned)list < WARD_DOC_LIST_MAX ? names[list] : "unknown";
}

const char *ward_doc_limit_name(enum ward_doc_limit_id id)
{
	static const char *const names[WARD_DOC_LIMIT_MAX] = {
#define WARD_X(id, name) [id] = name,
		WARD_DOC_LIMITS(WARD_X)
#undef WARD_X
	};

	return (unsigned)id < WARD_DOC_LIMIT_MAX ? names[id] : "unknown";
}

int ward_doc_fail(struct ward_error *err, int code, const struct ward_origin *origin,
	const char *fmt, ...)
{
	char message[WARD_ERROR_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	code = ward_fail(err, code, "%s", message);
	if (origin != NULL)
		ward_fail_at(err, origin->file, origin->line, origin->column);
	return code;
}

int ward_doc_nomem(struct ward_error *err, const struct ward_origin *origin)
{
	return ward_doc_fail(err, WARD_E_NOMEM, origin,
		"no memory left for the policy documents, or they need more than is allowed");
}

struct ward_docs *ward_docs_new(void)
{
	struct ward_docs *docs = calloc(1, sizeof(*docs));

	if (docs == NULL)
		return NULL;
	docs->arena = ward_arena_new(0);
	docs->said = ward_arena_new(0);
	if (docs->arena == NULL || docs->said == NULL) {
		ward_docs_free(docs);
		return NULL;
	}
	return docs;
}

/* Between the steps of a check, or before another one. */
static void check_done(struct ward_docs *docs)
{
	struct doc_check *in = docs->check;

	docs->check = NULL;
	if (in == NULL)
		return;
	ward_arena_free(in->one);
	ward_arena_free(in->arena); /* in lives in it */
}

void ward_docs_free(struct ward_docs *docs)
{
	if (docs == NULL)
		return;
	check_done(docs);
	while (docs->taken != NULL) {
		struct ward_doc_alone *one = docs->taken;

		docs->taken = one->next;
		ward_doc_alone_free(one);
	}
	ward_arena_free(docs->said);
	ward_arena_free(docs->arena);
	free(docs);
}

void ward_docs_freep(struct ward_docs **docs)
{
	ward_docs_free(*docs);
	*docs = NULL;
}

/* Two definitions of one layer would have to be ordered by chance. */
static int refuse_twice(const struct ward_docs *docs, const struct ward_doc *doc,
	struct ward_error *err)
{
	for (size_t i = 0; i < docs->n; i++) {
		if (docs->v[i]->layer != doc->layer)
			continue;
		for (size_t k = 0; k < doc->n_profiles; k++) {
			for (size_t j = 0; j < docs->v[i]->n_profiles; j++) {
				const struct ward_doc_profile *old = &docs->v[i]->profiles[j];

				if (!ward_streq(old->name, doc->profiles[k].name))
					continue;
				(void)ward_doc_fail(err, WARD_E_INVALID, &doc->profiles[k].origin,
					"profile \"%s\" is also defined in %s:%u, in the same layer (%s)",
					old->name, old->origin.file, old->origin.line,
					ward_layer_name(doc->layer));
				ward_fail_fix(err, "rename or remove one of the two");
				return WARD_E_INVALID;
			}
		}
	}
	return WARD_OK;
}

static int refuse_empty(enum ward_layer layer, const struct ward_json *root, const char *file,
	struct ward_error *err)
{
	if ((unsigned)layer < WARD_LAYER_MAX && root != NULL)
		return WARD_OK;
	return ward_doc_fail(err, WARD_E_INVALID, &(struct ward_origin){ .file = file },
		"a policy document without layer or content");
}

static int refuse_many(const struct ward_docs *docs, const char *file, struct ward_error *err)
{
	if (docs->n < WARD_DOCS_MAX)
		return WARD_OK;
	(void)ward_doc_fail(err, WARD_E_LIMIT, &(struct ward_origin){ .file = file },
		"more than %d policy documents", WARD_DOCS_MAX);
	ward_fail_fix(err, "put several into one");
	return WARD_E_LIMIT;
}

static int put(struct ward_docs *docs, const struct ward_doc *doc, struct ward_error *err)
{
	int r = refuse_twice(docs, doc, err);

	if (r < 0)
		return r;
	check_done(docs);
	docs->v[docs->n++] = doc;
	docs->checked = false;
	docs->resolved = NULL;
	return WARD_OK;
}

int ward_docs_add(struct ward_docs *docs, enum ward_layer layer, const struct ward_json *root,
	const char *file, struct ward_error *err)
{
	const struct ward_doc *doc = NULL;
	int r;

	file = file != NULL ? file : "policy";
	r = refuse_empty(layer, root, file, err);
	if (r == WARD_OK)
		r = refuse_many(docs, file, err);
	if (r == WARD_OK)
		r = ward_doc_read(docs->arena, layer, root, file, &doc, err);
	return r == WARD_OK ? put(docs, doc, err) : r;
}

void ward_doc_alone_free(struct ward_doc_alone *one)
{
	if (one != NULL)
		ward_arena_free(one->arena);
}

int ward_doc_alone(enum ward_layer layer, const struct ward_json *root, const char *file,
	struct ward_doc_alone **ret, struct ward_error *err)
{
	struct ward_arena *a = ward_arena_new(0);
	struct ward_doc_alone *one = a != NULL ? ward_arena_alloc(a, sizeof(*one)) : NULL;
	int r;

	*ret = NULL;
	file = file != NULL ? file : "policy";
	if (one == NULL) {
		ward_arena_free(a);
		return ward_doc_nomem(err, NULL);
	}
	r = refuse_empty(layer, root, file, err);
	if (r == WARD_OK)
		r = ward_doc_read(a, layer, root, file, &one->doc, err);
	if (r < 0) {
		ward_arena_free(a);
		return r;
	}
	one->arena = a;
	*ret = one;
	return WARD_OK;
}

int ward_docs_take(struct ward_docs *docs, struct ward_doc_alone *one, struct ward_error *err)
{
	int r = refuse_many(docs, one->doc->file, err);

	if (r == WARD_OK)
		r = put(docs, one->doc, err);
	if (r < 0) {
		ward_doc_alone_free(one);
		return r;
	}
	one->next = docs->taken;
	docs->taken = one;
	return WARD_OK;
}

static int check_begin(struct ward_docs *docs, struct ward_error *err)
{
	struct ward_arena *arena = ward_arena_new(SCRATCH_BYTES_MAX);
	struct doc_check *in = arena != NULL ? ward_arena_alloc(arena, sizeof(*in)) : NULL;

	if (in == NULL) {
		ward_arena_free(arena);
		return ward_doc_nomem(err, NULL);
	}
	in->docs = docs;
	in->arena = arena;
	in->err = err;
	in->pairs = in->warn_pairs = WARD_DOC_PAIRS_MAX;
	docs->check = in;
	in->one = ward_arena_new(SCRATCH_BYTES_MAX);
	return in->one != NULL ? WARD_OK : ward_doc_nomem(err, NULL);
}

int ward_docs_check_errors(struct ward_docs *docs, struct ward_error *err)
{
	int r;

	check_done(docs);
	docs->checked = false;
	docs->resolved = NULL;
	docs->n_warnings = docs->more_warnings = 0;
	r = check_begin(docs, err);
	if (r == WARD_OK && docs->check != NULL)
		r = ward_doc_check_all(docs->check);
	if (r < 0)
		check_done(docs);
	docs->checked = r == WARD_OK;
	return r;
}

int ward_docs_warn(struct ward_docs *docs, struct ward_error *err)
{
	int r;

	if (docs->check == NULL)
		return WARD_OK;
	docs->check->err = err;
	r = ward_doc_warn_all(docs->check);
	check_done(docs);
	return r;
}

int ward_docs_check(struct ward_docs *docs, struct ward_error *err)
{
	int r = ward_docs_check_errors(docs, err);

	if (r == WARD_OK)
		r = ward_docs_warn(docs, err);
	docs->checked = r == WARD_OK;
	return r;
}

/* The profiles that could have been meant, for "did you mean". */
static const char *nearest_profile(const struct ward_docs *docs, const char *name)
{
	const char *best = NULL;

	for (size_t i = 0; i < docs->n; i++) {
		for (size_t k = 0; k < docs->v[i]->n_profiles; k++) {
			const char *both[] = { best, docs->v[i]->profiles[k].name };

			best = ward_nearest(name, best == NULL ? both + 1 : both,
				best == NULL ? 1 : 2);
		}
	}
	return best != NULL ? best : ward_nearest(name, (const char *const[]){ "unrestricted" }, 1);
}

static int no_profile(const struct ward_docs *docs, const char *name,
	const struct ward_origin *asked, struct ward_error *err)
{
	char shown[WARD_CAP_SHOWN_MAX];
	const char *near;
	size_t n = 0;

	if (name == NULL) {
		(void)ward_doc_fail(err, WARD_E_INVALID, asked, "no profile is named");
		ward_fail_fix(err,
			"name one; leaving it out never means everything, \"unrestricted\" does");
		return WARD_E_INVALID;
	}
	near = nearest_profile(docs, name);
	ward_cap_shown(ward_str(name), shown);
	(void)ward_doc_fail(err, WARD_E_NOTFOUND, asked, "there is no profile %s", shown);
	for (size_t i = 0; i < docs->n; i++)
		n += docs->v[i]->n_profiles;
	if (near != NULL)
		ward_fail_fix(err, "did you mean \"%s\"?", near);
	else if (n == 0)
		ward_fail_fix(err, "no policy document defines any: write one under fsProfiles");
	else
		ward_fail_fix(err, "define it under fsProfiles of a policy document");
	return WARD_E_NOTFOUND;
}

int ward_docs_resolve(struct ward_docs *docs, const char *name, const struct ward_origin *asked,
	const struct ward_profile **ret, struct ward_error *err)
{
	const struct ward_doc_profile *definitions[WARD_DOCS_MAX];
	int r = WARD_OK;

	*ret = NULL;
	if (!docs->checked)
		r = ward_docs_check(docs, err);
	if (r < 0)
		return r;
	if (name == NULL ||
		(ward_doc_definitions(docs, name, definitions) == 0 &&
			!ward_streq(name, "unrestricted")))
		return no_profile(docs, name, asked, err);
	return ward_doc_resolve(docs, name, ret, err);
}

size_t ward_docs_count(const struct ward_docs *docs)
{
	return docs->n;
}

const struct ward_doc *ward_docs_get(const struct ward_docs *docs, size_t i)
{
	return i < docs->n ? docs->v[i] : NULL;
}

const struct ward_doc_warning *ward_docs_warnings(const struct ward_docs *docs, size_t *ret_n)
{
	*ret_n = docs->n_warnings;
	return docs->warnings;
}
