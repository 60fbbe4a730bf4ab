/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents that say which component is allowed or denied which capability, as Cedar (docs/spec/import.md). They have the name of a
 * format of Cedar's own, and are another one: that one is told apart and refused. What is not known is refused, as everywhere.
 */
#include <stdio.h>
#include <string.h>

#include "policy/doc/component.h"
#include "policy/fail.h"
#include "policy/sugar/own.h"

#define ENDING ".cedar.json"

struct reader {
	struct ward_sources *to;
	const struct ward_sugar_from *from;
	const struct ward_sugar_host *host;
	const char *component; /* of all of the document; NULL: each policy says */
	struct ward_buf *out;
	struct ward_error *err;
};

static int fail(const struct reader *r, const struct ward_json *at, const char *fix,
	const char *fmt, ...) WARD_PRINTF(4, 5);

static int fail(const struct reader *r, const struct ward_json *at, const char *fix,
	const char *fmt, ...)
{
	char message[WARD_ERROR_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)ward_fail(r->err, WARD_E_PARSE, "%s", message);
	ward_fail_at(r->err, r->from->file, at->line, at->column);
	ward_fail_fix(r->err, "%s", fix);
	return WARD_E_PARSE;
}

static int no_memory(const struct reader *r)
{
	return ward_fail(r->err, WARD_E_NOMEM, "no memory left for the policies");
}

/* "effect" is the word of Cedar's own JSON, in which no resource is a text. */
static bool of_cedar(const struct ward_json *object, const struct ward_json *effect)
{
	const struct ward_json *resource = ward_json_get(object, "resource");

	return resource == NULL ? !ward_str_eq(effect->str, WARD_STR("allow")) &&
			!ward_str_eq(effect->str, WARD_STR("deny"))
				: resource->type == WARD_JSON_OBJECT;
}

/* The members of an object in the order of names; any other is an error. */
static int fields(const struct reader *r, const struct ward_json *object, const char *const *names,
	size_t n, const struct ward_json **ret)
{
	char shown[WARD_CAP_SHOWN_MAX], fix[WARD_ERROR_FIX_MAX];
	const char *near;
	size_t used;

	for (const struct ward_json *node = object->child; node != NULL; node = node->next) {
		size_t i = 0;

		while (i < n && !ward_str_eq(node->key, ward_str(names[i])))
			i++;
		if (i < n) {
			ret[i] = node;
			continue;
		}
		if (ward_str_eq(node->key, WARD_STR("staticPolicies")) ||
			(ward_str_eq(node->key, WARD_STR("effect")) && of_cedar(object, node)))
			return fail(r, node,
				"`ward cedar translate-policy --direction json-to-cedar` makes a NAME.cedar of it",
				"this is Cedar's own JSON, and no document about components");
		near = ward_str_eq(node->key, WARD_STR("effect"))
			? "action"
			: ward_nearest(node->key.s, names, n);
		ward_cap_shown(node->key, shown);
		used = (size_t)snprintf(fix, sizeof(fix),
			near != NULL ? "did you mean \"%s\"?" : "the fields are", near);
		for (i = 0; near == NULL && i < n && used < sizeof(fix); i++)
			used += (size_t)snprintf(fix + used, sizeof(fix) - used, "%s \"%s\"",
				i == 0               ? ""
					: i + 1 == n ? " and"
						     : ",",
				names[i]);
		return fail(r, node, fix, "unknown field %s", shown);
	}
	return WARD_OK;
}

static int text_of(const struct reader *r, const struct ward_json *node, const char *what)
{
	if (node->type == WARD_JSON_STRING)
		return WARD_OK;
	return fail(r, node, "docs/spec/import.md has an example", "%s must be a string, not %s",
		what, ward_json_type_name(node->type));
}

/* ---- whose it is ---- */

static int uuid(const struct reader *r, const struct ward_json *node, const char *what,
	const char **ret)
{
	int code = text_of(r, node, what);
	char shown[WARD_CAP_SHOWN_MAX];

	if (code < 0)
		return code;
	ward_cap_shown(node->str, shown);
	if (!ward_is_uuid(node->str))
		return fail(r, node, "write the component's UUID, in small letters",
			"%s %s is no UUID", what, shown);
	if (r->component != NULL && !ward_str_eq(node->str, ward_str(r->component)))
		return fail(r, node, "keep a document for each component",
			"%s %s, and the document is about %s", what, shown, r->component);
	*ret = ward_arena_dup(r->to->arena, node->str.s, node->str.n);
	return *ret != NULL ? WARD_OK : no_memory(r);
}

/* UUID.cedar.json */
static int by_name(struct reader *r)
{
	const char *base = ward_path_basename(r->from->file);
	struct ward_str stem = { base, strlen(base) - strlen(ENDING) };

	if (!ward_has_suffix(base, ENDING) || !ward_is_uuid(stem))
		return WARD_OK;
	r->component = ward_arena_dup(r->to->arena, stem.s, stem.n);
	return r->component != NULL ? WARD_OK : no_memory(r);
}

/* ---- what is allowed ---- */

static int capability(const struct reader *r, const struct ward_json *node,
	const struct ward_sugar_grant *grant)
{
	struct ward_cap cap = { .denied = grant->denies,
		.origin = { .file = r->from->file, .line = node->line, .column = node->column } };
	int code = text_of(r, node, "a resource");
	const char *colon = code == WARD_OK ? strchr(node->str.s, ':') : NULL;

	if (code < 0)
		return code;
	if (colon == NULL)
		return fail(r, node, "write TYPE:RESOURCE, as in \"FILE_READ:src/**\"",
			"a resource without a type");
	code = ward_cap_type_parse((struct ward_str){ node->str.s, (size_t)(colon - node->str.s) },
		&cap.type, r->err);
	if (code < 0) {
		ward_cap_fail_at(r->err, &cap.origin);
		return code;
	}
	cap.resource = colon + 1;
	code = ward_cap_check_form(&cap, r->err);
	if (code < 0)
		return code;
	if (cap.type == WARD_CAP_ENV && strchr(cap.resource, '=') != NULL)
		return fail(r, node, "name the variable alone",
			"a value is nothing that a policy could allow");
	return ward_sugar_cap(r->out, r->to->arena, &cap, grant, r->host, r->err);
}

static int resources(const struct reader *r, const struct ward_json *node,
	const struct ward_sugar_grant *grant)
{
	int code = WARD_OK;

	if (node->type != WARD_JSON_ARRAY)
		return capability(r, node, grant);
	if (node->child == NULL)
		return fail(r, node, "name one, or take the policy out",
			"a policy about no resource");
	for (const struct ward_json *e = node->child; code == WARD_OK && e != NULL; e = e->next)
		code = capability(r, e, grant);
	return code;
}

enum { PRINCIPAL, ACTION, RESOURCE, DESCRIPTION, FIELDS };

static int policy(const struct reader *r, const struct ward_json *node)
{
	static const char *const names[FIELDS] = { "principal", "action", "resource",
		"description" };
	const struct ward_json *f[FIELDS] = { NULL };
	struct ward_sugar_grant grant = { .component = r->component };
	int code;

	if (node->type != WARD_JSON_OBJECT)
		return fail(r, node, "docs/spec/import.md has an example",
			"a policy must be an object, not %s", ward_json_type_name(node->type));
	code = fields(r, node, names, FIELDS, f);
	if (code == WARD_OK && f[DESCRIPTION] != NULL)
		code = text_of(r, f[DESCRIPTION], "description");
	if (code == WARD_OK && f[PRINCIPAL] != NULL)
		code = uuid(r, f[PRINCIPAL], "principal", &grant.component);
	if (code < 0)
		return code;
	if (grant.component == NULL)
		return fail(r, node, "write \"principal\", or call the file UUID.cedar.json",
			"a policy about nobody");
	if (f[ACTION] == NULL || f[RESOURCE] == NULL)
		return fail(r, node, "write \"action\" (allow or deny) and \"resource\"",
			"a policy without \"%s\"", f[ACTION] == NULL ? "action" : "resource");
	code = text_of(r, f[ACTION], "action");
	if (code < 0)
		return code;
	grant.denies = ward_str_eq(f[ACTION]->str, WARD_STR("deny"));
	if (!grant.denies && !ward_str_eq(f[ACTION]->str, WARD_STR("allow")))
		return fail(r, f[ACTION], "write \"allow\" or \"deny\"", "unknown action");
	return resources(r, f[RESOURCE], &grant);
}

static int policies(const struct reader *r, const struct ward_json *list)
{
	int code = WARD_OK;

	if (list->type != WARD_JSON_ARRAY)
		return fail(r, list, "docs/spec/import.md has an example",
			"policies must be a list, not %s", ward_json_type_name(list->type));
	for (const struct ward_json *e = list->child; code == WARD_OK && e != NULL; e = e->next)
		code = policy(r, e);
	return code;
}

static int document(struct reader *r, const struct ward_json *root)
{
	static const char *const names[] = { "component", "policies" };
	const struct ward_json *f[2] = { NULL };
	int code = by_name(r);

	if (code < 0 || root->type == WARD_JSON_ARRAY)
		return code < 0 ? code : policies(r, root);
	if (root->type != WARD_JSON_OBJECT)
		return fail(r, root, "docs/spec/import.md has an example",
			"neither a list of policies nor an object with one");
	code = fields(r, root, names, WARD_ARRAY_SIZE(names), f);
	if (code == WARD_OK && f[0] != NULL)
		code = uuid(r, f[0], "component", &r->component);
	if (code < 0)
		return code;
	if (f[1] == NULL)
		return fail(r, root, "write \"policies\": [...]; [] allows nothing",
			"a document without \"policies\"");
	return policies(r, f[1]);
}

int ward_sugar_import(struct ward_sources *to, const struct ward_json *root,
	const struct ward_sugar_from *from, const struct ward_sugar_host *host,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	struct reader r = { .to = to, .from = from, .host = host, .out = &text, .err = err };
	struct ward_source src = { .name = from->file,
		.layer = from->layer,
		.narrows = from->narrows,
		.generated = true };
	int code = document(&r, root);

	if (code == WARD_OK && text.failed)
		return no_memory(&r);
	if (code < 0)
		return code;
	src.text = (struct ward_str){ ward_buf_cstr(&text), text.n };
	return ward_sources_add(to, &src, err);
}
