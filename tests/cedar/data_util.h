/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance data, which lies beside the project and not in it: the folder in WARD_CEDAR_DATA, or
 * ../shared/cedar-conformance of the source. A test that needs it skips where it is not. And JSON, compared as values.
 */
#pragma once

#include "cedar/value/value.h"
#include "tap.h"

#ifndef WARD_SOURCE_ROOT
#define WARD_SOURCE_ROOT "."
#endif

static TAP_UNUSED const char *data_folder(void)
{
	const char *set = getenv("WARD_CEDAR_DATA");

	return set != NULL ? set : WARD_SOURCE_ROOT "/../shared/cedar-conformance";
}

/* A whole file; false: it is not there. */
static TAP_UNUSED bool data_read(const char *name, struct ward_buf *out)
{
	char path[4096], part[65536];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", data_folder(), name);
	f = fopen(path, "rb");
	if (f == NULL)
		return false;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		ward_buf_add(out, part, n);
	fclose(f);
	return true;
}

static TAP_UNUSED bool json_same(const struct ward_json *a, const struct ward_json *b)
{
	const struct ward_json *x, *y;

	if (a->type != b->type || a->count != b->count)
		return false;
	switch (a->type) {
	case WARD_JSON_NULL: return true;
	case WARD_JSON_BOOL: return a->b == b->b;
	case WARD_JSON_INT: return a->i == b->i;
	case WARD_JSON_REAL: return a->d == b->d;
	case WARD_JSON_STRING: return ward_str_eq(a->str, b->str);
	case WARD_JSON_ARRAY:
		for (x = a->child, y = b->child; x != NULL; x = x->next, y = y->next) {
			if (!json_same(x, y))
				return false;
		}
		return true;
	case WARD_JSON_OBJECT: break;
	}
	for (x = a->child; x != NULL; x = x->next) {
		for (y = b->child; y != NULL && !ward_str_eq(x->key, y->key);)
			y = y->next;
		if (y == NULL || !json_same(x, y))
			return false;
	}
	return true;
}

/* Two texts of JSON that say the same, whatever the order of members. */
static TAP_UNUSED bool json_text_same(struct ward_str a, struct ward_str b)
{
	struct ward_arena *arena = ward_arena_new(0);
	struct ward_json *x, *y;
	bool same = ward_cedar_json_parse(arena, a, &x, NULL) == WARD_OK &&
		ward_cedar_json_parse(arena, b, &y, NULL) == WARD_OK && json_same(x, y);

	ward_arena_free(arena);
	return same;
}
