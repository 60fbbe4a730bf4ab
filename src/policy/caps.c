/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of capabilities of a run, and its two sources: --cap TYPE:RESOURCE and the text of a capability file
 * (docs/spec/capabilities.md). All or nothing: a call that fails leaves the list as it was. Nothing is skipped and
 * nothing is guessed: an unknown field may be a misspelt restriction, so it is an error.
 */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"

/* Room for the tree of one file; a file that needs more holds no list of capabilities. */
#define TREE_BYTES_MAX (32u << 20)

static int no_memory(struct ward_error *err, const struct ward_origin *origin)
{
	int r = ward_fail(err, WARD_E_NOMEM, "out of memory");

	ward_cap_fail_at(err, origin);
	return r;
}

/* What says as much in fewer. */
static const char *instead(enum ward_cap_type t)
{
	if (t == WARD_CAP_FILE_READ || t == WARD_CAP_FILE_WRITE)
		return "grant directories (DIRECTORY/**) instead of single files";
	if (t == WARD_CAP_NETWORK_CONNECT)
		return "grant ranges of addresses (ADDRESS/BITS:PORT) instead of single ones, or write a policy for the names (--policy FILE)";
	if (t == WARD_CAP_ENV)
		return "pass fewer by name; --env NAME=VALUE is none of them";
	return "name fewer, or write a policy (--policy FILE)";
}

static int grow(struct ward_caps *caps, const struct ward_cap *cap, struct ward_error *err)
{
	size_t room = caps->cap == 0 ? 16 : 2 * caps->cap;
	struct ward_cap *v;

	if (caps->n >= WARD_CAPS_MAX) {
		int r = ward_fail(err, WARD_E_LIMIT, "more than %d capabilities", WARD_CAPS_MAX);

		ward_cap_fail_at(err, &cap->origin);
		ward_fail_fix(err, "%s", instead(cap->type));
		return r;
	}
	if (caps->n < caps->cap)
		return WARD_OK;
	v = ward_arena_alloc(caps->arena, room * sizeof(*v));
	if (v == NULL)
		return no_memory(err, &cap->origin);
	if (caps->n > 0)
		memcpy(v, caps->v, caps->n * sizeof(*v));
	caps->v = v;
	caps->cap = room;
	return WARD_OK;
}

int ward_caps_add(struct ward_caps *caps, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_cap copy;
	int r = caps->only_decided ? ward_cap_check_form(cap, err) : ward_cap_check(cap, err);

	if (r < 0)
		return r;
	r = grow(caps, cap, err);
	if (r < 0)
		return r;
	copy = *cap;
	copy.resource = ward_arena_strdup(caps->arena, cap->resource);
	if (cap->description != NULL)
		copy.description = ward_arena_strdup(caps->arena, cap->description);
	if (cap->origin.file != NULL)
		copy.origin.file = ward_arena_strdup(caps->arena, cap->origin.file);
	if (copy.resource == NULL || (cap->description != NULL && copy.description == NULL) ||
		(cap->origin.file != NULL && copy.origin.file == NULL))
		return no_memory(err, &cap->origin);
	caps->v[caps->n++] = copy;
	return WARD_OK;
}

int ward_caps_add_arg(struct ward_caps *caps, const char *arg, unsigned index,
	struct ward_error *err)
{
	struct ward_cap cap = { .origin = { .file = "--cap", .index = index } };
	const char *colon = strchr(arg, ':');
	int r;

	if (colon == NULL) {
		char shown[WARD_CAP_SHOWN_MAX];

		ward_cap_shown(ward_str(arg), shown);
		r = ward_fail(err, WARD_E_CAPABILITY, "%s has no \":\" between type and resource",
			shown);
		ward_cap_fail_at(err, &cap.origin);
		ward_fail_fix(err, "write TYPE:RESOURCE, for example --cap 'FILE_READ:src/**'");
		return r;
	}
	r = ward_cap_type_parse((struct ward_str){ arg, (size_t)(colon - arg) }, &cap.type, err);
	if (r < 0) {
		ward_cap_fail_at(err, &cap.origin);
		return r;
	}
	cap.resource = colon + 1;
	return ward_caps_add(caps, &cap, err);
}

/* ---- capability files ---- */

struct reader {
	struct ward_caps *caps;
	const char *file;
	struct ward_error *err;
};

static void at(const struct reader *in, uint32_t line, uint32_t column,
	const struct ward_json *node)
{
	struct ward_origin origin = { .file = in->file, .line = line, .column = column };

	ward_cap_fail_at(in->err, &origin);
	if (in->err != NULL && node != NULL) {
		in->err->start = node->start;
		in->err->end = node->end;
	}
}

/* A node is of another type than it must be. */
static int wrong_type(const struct reader *in, const struct ward_json *node, const char *what,
	const char *want)
{
	int r = ward_fail(in->err, WARD_E_PARSE, "%s must be %s, not %s", what, want,
		ward_json_type_name(node->type));

	at(in, node->line, node->column, node);
	ward_fail_fix(in->err, "write [{\"type\": \"FILE_READ\", \"resource\": \"src/**\"}]");
	return r;
}

static int unknown_field(const struct reader *in, const struct ward_json *node,
	const char *const *fields, size_t n)
{
	char shown[WARD_CAP_SHOWN_MAX];
	char word[64] = "";
	const char *near;
	int r;

	if (node->key.n < sizeof(word))
		memcpy(word, node->key.s, node->key.n);
	near = ward_nearest(word, fields, n);
	ward_cap_shown(node->key, shown);
	r = ward_fail(in->err, WARD_E_PARSE, "unknown field %s", shown);
	at(in, node->key_line, node->key_column, NULL);
	if (near != NULL)
		ward_fail_fix(in->err, "did you mean \"%s\"?", near);
	else if (n == 1)
		ward_fail_fix(in->err, "write a list, or {\"capabilities\": [...]}");
	else
		ward_fail_fix(in->err, "the fields are \"type\", \"resource\" and \"description\"");
	return r;
}

enum { FIELD_TYPE, FIELD_RESOURCE, FIELD_DESCRIPTION, FIELD_MAX };
static const char *const fields[FIELD_MAX] = { "type", "resource", "description" };

/* The three fields of one entry; only the description may be absent, and is NULL then. */
static int read_fields(const struct reader *in, const struct ward_json *entry,
	const struct ward_json *ret[FIELD_MAX])
{
	if (entry->type != WARD_JSON_OBJECT)
		return wrong_type(in, entry, "a capability", "an object");
	for (const struct ward_json *node = entry->child; node != NULL; node = node->next) {
		size_t i = 0;

		while (i < FIELD_MAX && !ward_str_eq(node->key, ward_str(fields[i])))
			i++;
		if (i == FIELD_MAX)
			return unknown_field(in, node, fields, FIELD_MAX);
		if (node->type != WARD_JSON_STRING)
			return wrong_type(in, node, fields[i], "a string");
		ret[i] = node;
	}
	for (size_t i = FIELD_TYPE; i <= FIELD_RESOURCE; i++) {
		int r;

		if (ret[i] != NULL)
			continue;
		r = ward_fail(in->err, WARD_E_PARSE, "a capability without \"%s\"", fields[i]);
		at(in, entry->line, entry->column, entry);
		ward_fail_fix(in->err, "write {\"type\": \"FILE_READ\", \"resource\": \"src/**\"}");
		return r;
	}
	return WARD_OK;
}

static int read_entry(const struct reader *in, const struct ward_json *entry)
{
	const struct ward_json *field[FIELD_MAX] = { NULL };
	struct ward_cap cap = {
		.origin = { .file = in->file, .line = entry->line, .column = entry->column },
	};
	int r = read_fields(in, entry, field);

	if (r < 0)
		return r;
	if (field[FIELD_TYPE] == NULL || field[FIELD_RESOURCE] == NULL)
		return ward_fail(in->err, WARD_E_INTERNAL, "a capability without its fields");
	r = ward_cap_type_parse(field[FIELD_TYPE]->str, &cap.type, in->err);
	if (r < 0) {
		at(in, field[FIELD_TYPE]->line, field[FIELD_TYPE]->column, field[FIELD_TYPE]);
		return r;
	}
	cap.resource = field[FIELD_RESOURCE]->str.s;
	if (field[FIELD_DESCRIPTION] != NULL)
		cap.description = field[FIELD_DESCRIPTION]->str.s;
	r = ward_caps_add(in->caps, &cap, in->err);
	if (r < 0)
		at(in, field[FIELD_RESOURCE]->line, field[FIELD_RESOURCE]->column,
			field[FIELD_RESOURCE]);
	return r;
}

/* The list itself, at the top or below "capabilities". */
static int find_list(const struct reader *in, const struct ward_json *root,
	const struct ward_json **ret)
{
	static const char *const top[] = { "capabilities" };

	*ret = root;
	if (root->type == WARD_JSON_OBJECT) {
		for (const struct ward_json *node = root->child; node != NULL; node = node->next) {
			if (!ward_str_eq(node->key, WARD_STR("capabilities")))
				return unknown_field(in, node, top, WARD_ARRAY_SIZE(top));
		}
		*ret = root->child;
		if (*ret == NULL) {
			int r = ward_fail(in->err, WARD_E_PARSE,
				"an object without \"capabilities\"");

			at(in, root->line, root->column, root);
			ward_fail_fix(in->err,
				"write a list, or {\"capabilities\": [...]}; [] grants nothing");
			return r;
		}
	}
	if ((*ret)->type != WARD_JSON_ARRAY)
		return wrong_type(in, *ret, "a capability file", "a list");
	return WARD_OK;
}

/* What begins as neither is no JSON that somebody mistyped: YAML, or words. */
static bool begins_otherwise(const char *text, size_t n)
{
	size_t i = 0;

	while (i < n && strchr(" \t\r\n", text[i]) != NULL)
		i++;
	return i < n && strchr("[{/#\xef", text[i]) == NULL;
}

static int read_text(const struct reader *in, const char *text, size_t n)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *tree = NULL;
	struct ward_origin origin = { .file = in->file };
	const struct ward_json *list = NULL;
	struct ward_json *root = NULL;
	int r;

	if (n > WARD_CAPFILE_BYTES_MAX) {
		r = ward_fail(in->err, WARD_E_LIMIT, "a capability file of more than %u bytes",
			WARD_CAPFILE_BYTES_MAX);
		ward_cap_fail_at(in->err, &origin);
		ward_fail_fix(in->err, "grant directories (DIRECTORY/**) instead of single files");
		return r;
	}
	tree = ward_arena_new(TREE_BYTES_MAX);
	if (tree == NULL)
		return no_memory(in->err, &origin);
	r = ward_json_parse(tree, text, n, in->file, &root, in->err);
	if (r < 0) {
		ward_fail_class(in->err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
		if (in->err != NULL && (in->err->fix[0] == '\0' || begins_otherwise(text, n)))
			ward_fail_fix(in->err,
				"a capability file is JSON: [{\"type\": \"FILE_READ\", \"resource\": \"src/**\"}]");
		return r;
	}
	r = find_list(in, root, &list);
	return r == WARD_OK ? ward_caps_read(in->caps, list, in->file, in->err) : r;
}

int ward_caps_read(struct ward_caps *caps, const struct ward_json *list, const char *file,
	struct ward_error *err)
{
	struct reader in = { caps, file, err };
	int r = WARD_OK;

	if (list->type != WARD_JSON_ARRAY)
		return wrong_type(&in, list, "a list of capabilities", "a list");
	for (const struct ward_json *entry = list->child; r == WARD_OK && entry != NULL;
		entry = entry->next)
		r = read_entry(&in, entry);
	return r;
}

int ward_caps_parse(struct ward_caps *caps, const char *text, size_t n, const char *file,
	struct ward_error *err)
{
	struct reader in = { caps, file != NULL ? file : "capabilities", err };
	size_t before = caps->n;
	int r = read_text(&in, text, n);

	if (r < 0)
		caps->n = before;
	return r;
}
