/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of components: shape and words. What is asked for is checked as capabilities are, by the same functions. */
#include <string.h>

#include "policy/doc/component.h"
#include "policy/doc/internal.h"

#define TIER_MAX 3

struct reader {
	struct doc_reader in; /* for its complaints */
	struct ward_doc doc;
	struct ward_component_data *c;
};

bool ward_is_uuid(struct ward_str s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (s.n != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.s[i];

		if (form[i] == '-' ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* Three numbers, and what may follow them. */
static bool is_version(struct ward_str s)
{
	size_t i = 0;

	for (int part = 0; part < 3; part++) {
		size_t from = i;

		while (i < s.n && s.s[i] >= '0' && s.s[i] <= '9')
			i++;
		if (i == from || (part < 2 && (i == s.n || s.s[i++] != '.')))
			return false;
	}
	if (i < s.n && s.s[i] != '-' && s.s[i] != '+')
		return false;
	for (; i < s.n; i++) {
		if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+",
			    s.s[i]) ||
			s.s[i] == '\0')
			return false;
	}
	return s.n <= WARD_DOC_NAME_MAX;
}

static bool is_name(struct ward_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((unsigned char)s.s[i] < 0x20 || s.s[i] == 0x7f)
			return false;
	}
	return s.n > 0 && s.n <= WARD_DOC_NAME_MAX;
}

static int bad(const struct reader *r, const struct ward_json *node, const char *what,
	const char *fix)
{
	struct ward_origin at = ward_doc_origin(&r->in, node);
	char shown[WARD_CAP_SHOWN_MAX];

	ward_cap_shown(node->type == WARD_JSON_STRING ? node->str : WARD_STR("?"), shown);
	(void)ward_doc_fail(r->in.err, WARD_E_INVALID, &at, "%s is no %s", shown, what);
	ward_fail_fix(r->in.err, "%s", fix);
	return WARD_E_INVALID;
}

static int missing(const struct reader *r, const struct ward_json *object, const char *what)
{
	struct ward_origin at = ward_doc_origin(&r->in, object);

	(void)ward_doc_fail(r->in.err, WARD_E_PARSE, &at, "a component without \"%s\"", what);
	ward_fail_fix(r->in.err, "docs/spec/component.md has an example");
	return WARD_E_PARSE;
}

static int text(const struct reader *r, const struct ward_json *node, const char *what,
	const char **ret)
{
	if (node->type != WARD_JSON_STRING)
		return ward_doc_wrong_type(&r->in, node, what, "a string");
	*ret = ward_arena_dup(r->in.arena, node->str.s, node->str.n);
	return *ret != NULL ? WARD_OK : ward_doc_nomem(r->in.err, NULL);
}

static int word(const struct reader *r, const struct ward_json *node, const char *what,
	const char *const *words, size_t n, const char **ret)
{
	struct ward_origin at = ward_doc_origin(&r->in, node);
	char shown[WARD_CAP_SHOWN_MAX], all[WARD_ERROR_FIX_MAX] = "";
	const char *near;

	if (node->type != WARD_JSON_STRING)
		return ward_doc_wrong_type(&r->in, node, what, "a string");
	for (size_t i = 0; i < n; i++) {
		if (ward_str_eq(node->str, ward_str(words[i]))) {
			*ret = words[i];
			return WARD_OK;
		}
		strncat(all, i > 0 ? ", " : "", sizeof(all) - strlen(all) - 1);
		strncat(all, words[i], sizeof(all) - strlen(all) - 1);
	}
	near = ward_nearest(node->str.s, words, n);
	ward_cap_shown(node->str, shown);
	(void)ward_doc_fail(r->in.err, WARD_E_INVALID, &at, "unknown %s %s", what, shown);
	if (near != NULL)
		ward_fail_fix(r->in.err, "did you mean \"%s\"?", near);
	else
		ward_fail_fix(r->in.err, "use one of %s", all);
	return WARD_E_INVALID;
}

enum { META_ID, META_NAME, META_VERSION, META_LIFECYCLE, META_DESCRIPTION, META_FIELDS };

static int metadata(const struct reader *r, const struct ward_json *node)
{
	static const char *const names[META_FIELDS] = { "id", "name", "version", "lifecycle",
		"description" };
	static const char *const phases[] = { "draft", "experimental", "canary", "active", "stable",
		"deprecated", "archived" };
	const struct ward_json *f[META_FIELDS] = { NULL };
	const char *description;
	int code = ward_doc_fields(&r->in, node, "metadata", names, META_FIELDS, f);

	for (int i = 0; code == WARD_OK && i < META_DESCRIPTION; i++) {
		if (f[i] == NULL)
			code = missing(r, node, names[i]);
	}
	if (code != WARD_OK)
		return code;
	code = text(r, f[META_ID], "id", &r->c->id);
	if (code == WARD_OK)
		code = text(r, f[META_NAME], "name", &r->c->name);
	if (code == WARD_OK)
		code = text(r, f[META_VERSION], "version", &r->c->version);
	if (code == WARD_OK && f[META_DESCRIPTION] != NULL)
		code = text(r, f[META_DESCRIPTION], "description", &description);
	if (code != WARD_OK)
		return code;
	if (!ward_is_uuid(f[META_ID]->str))
		return bad(r, f[META_ID], "UUID",
			"write 8-4-4-4-12 digits and letters a to f, in small letters");
	if (!is_name(f[META_NAME]->str))
		return bad(r, f[META_NAME], "name", "write one line of at most 128 bytes");
	if (!is_version(f[META_VERSION]->str))
		return bad(r, f[META_VERSION], "version", "write three numbers, as in 1.4.0");
	return word(r, f[META_LIFECYCLE], "lifecycle", phases, WARD_ARRAY_SIZE(phases),
		&r->c->phase);
}

enum { SPEC_TRUST, SPEC_TIER, SPEC_CAPABILITIES, SPEC_FIELDS };

static int tier(const struct reader *r, const struct ward_json *node)
{
	int code;

	r->c->tier_origin = ward_doc_origin(&r->in, node);
	if (node->type != WARD_JSON_INT) {
		code = ward_doc_wrong_type(&r->in, node, "tier", "a number");
		ward_fail_fix(r->in.err, "0 direct, 1 native, 2 gvisor, 3 microvm");
		return code;
	}
	r->c->tier = node->i;
	if (node->i >= 0 && node->i <= TIER_MAX)
		return WARD_OK;
	(void)ward_doc_fail(r->in.err, WARD_E_INVALID, &r->c->tier_origin, "there is no such tier");
	ward_fail_fix(r->in.err, "0 direct, 1 native, 2 gvisor, 3 microvm");
	return WARD_E_INVALID;
}

static int spec(const struct reader *r, const struct ward_json *node)
{
	static const char *const names[SPEC_FIELDS] = { "trust", "tier", "capabilities" };
	static const char *const trusts[] = { "untrusted", "semi_trusted", "trusted" };
	const struct ward_json *f[SPEC_FIELDS] = { NULL };
	int code = ward_doc_fields(&r->in, node, "spec", names, SPEC_FIELDS, f);

	if (code == WARD_OK && f[SPEC_TRUST] != NULL) {
		code = word(r, f[SPEC_TRUST], "trust", trusts, WARD_ARRAY_SIZE(trusts),
			&r->c->trust);
		r->c->trust_origin = ward_doc_origin(&r->in, f[SPEC_TRUST]);
	}
	if (code == WARD_OK && f[SPEC_TIER] != NULL)
		code = tier(r, f[SPEC_TIER]);
	if (code == WARD_OK && f[SPEC_CAPABILITIES] != NULL)
		code = ward_caps_read(&r->c->requests, f[SPEC_CAPABILITIES], r->doc.file,
			r->in.err);
	return code;
}

enum { TOP_VERSION, TOP_KIND, TOP_METADATA, TOP_SPEC, TOP_FIELDS };

static int top(const struct reader *r, const struct ward_json *root)
{
	static const char *const names[TOP_FIELDS] = { "schemaVersion", "kind", "metadata",
		"spec" };
	const struct ward_json *f[TOP_FIELDS] = { NULL };
	int code = ward_doc_fields(&r->in, root, "a component", names, TOP_FIELDS, f);

	for (int i = 0; code == WARD_OK && i < TOP_SPEC; i++) {
		if (f[i] == NULL)
			code = missing(r, root, names[i]);
	}
	if (code != WARD_OK)
		return code;
	if (f[TOP_VERSION]->type != WARD_JSON_INT || f[TOP_VERSION]->i != 1) {
		struct ward_origin at = ward_doc_origin(&r->in, f[TOP_VERSION]);

		(void)ward_doc_fail(r->in.err, WARD_E_PARSE, &at,
			"schemaVersion is not 1, the one of components that is read");
		ward_fail_fix(r->in.err, "write schemaVersion: 1");
		return WARD_E_PARSE;
	}
	if (f[TOP_KIND]->type != WARD_JSON_STRING ||
		!ward_str_eq(f[TOP_KIND]->str, WARD_STR("Component")))
		return bad(r, f[TOP_KIND], "kind that is known here", "write kind \"Component\"");
	code = metadata(r, f[TOP_METADATA]);
	return code == WARD_OK && f[TOP_SPEC] != NULL ? spec(r, f[TOP_SPEC]) : code;
}

int ward_component_read(struct ward_arena *a, const struct ward_json *root, const char *file,
	const struct ward_component_data **ret, struct ward_error *err)
{
	struct ward_component_data *c = ward_arena_alloc(a, sizeof(*c));
	struct reader r = { .in = { .arena = a, .err = err }, .c = c };
	int code;

	*ret = NULL;
	r.doc.file = ward_arena_strdup(a, file);
	r.in.doc = &r.doc;
	if (c == NULL || r.doc.file == NULL)
		return ward_doc_nomem(err, NULL);
	c->requests.arena = a;
	c->origin = ward_doc_origin(&r.in, root);
	code = top(&r, root);
	if (code == WARD_OK)
		*ret = c;
	return code;
}
