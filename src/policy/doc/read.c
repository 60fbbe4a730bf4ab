/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree as a document: its shape, and nothing of what it means together with others. Whatever is not known is refused with the
 * nearest name, because an unknown field may be a misspelt restriction. Version 1 is refused with what to do about it.
 */
#include <stdio.h>
#include <string.h>

#include "policy/doc/internal.h"

static const char whole[] = "a policy document";

static struct ward_origin key_origin(const struct doc_reader *in, const struct ward_json *node)
{
	return (struct ward_origin){
		.file = in->doc->file, .line = node->key_line, .column = node->key_column
	};
}

struct ward_origin ward_doc_origin(const struct doc_reader *in, const struct ward_json *node)
{
	return (struct ward_origin){
		.file = in->doc->file, .line = node->line, .column = node->column
	};
}

int ward_doc_wrong_type(const struct doc_reader *in, const struct ward_json *node, const char *what,
	const char *want)
{
	struct ward_origin origin = ward_doc_origin(in, node);
	int r = ward_doc_fail(in->err, WARD_E_PARSE, &origin, "%s must be %s, not %s", what, want,
		ward_json_type_name(node->type));

	if (node->type == WARD_JSON_NULL && strcmp(want, "an object") == 0 && what != whole)
		ward_fail_fix(in->err,
			"what belongs to it is indented below it; {} is one without content");
	else if (strcmp(want, "a list") == 0 && node->type == WARD_JSON_STRING && node->str.n > 1 &&
		node->str.s[0] == '-')
		ward_fail_fix(in->err, "write a blank behind the \"-\" of each entry: \"- %.64s\"",
			node->str.s + 1);
	else if (strcmp(want, "a list") == 0)
		ward_fail_fix(in->err, "write [...]; [] is an empty one");
	else if (strcmp(want, "a string") == 0)
		ward_fail_fix(in->err,
			"write text, in quotes where YAML would read something else");
	else
		ward_fail_fix(in->err, "see docs/spec/policy.md for the form of a policy");
	return r;
}

/* What other tools call the same. */
static const char *other_word(struct ward_str key, const char *const *names, size_t n)
{
	static const char *const words[][2] = {
		{ "write", "modify" },
		{ "change", "modify" },
		{ "exec", "allowExec" },
		{ "programs", "allowExec" },
		{ "commands", "allowExec" },
		{ "net", "network" },
		{ "environment", "env" },
		{ "inherits", "extends" },
		{ "deny", "denyRead" },
		{ "denyWrite", "denyModify" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++) {
		if (!ward_str_eq(key, ward_str(words[i][0])))
			continue;
		for (size_t k = 0; k < n; k++) {
			if (ward_streq(names[k], words[i][1]))
				return names[k];
		}
	}
	return NULL;
}

/* A field that stands to the left of where it belongs. false: it is none. */
static bool indented_too_little(const struct doc_reader *in, const struct ward_json *object,
	const struct ward_json *node, const char *what)
{
	static const char *const of_spec[] = { "grammar", "denyRead", "denyModify", "fsProfiles" };
	const struct ward_json *before = NULL;

	for (const struct ward_json *at = object->child; at != NULL && at != node; at = at->next)
		before = at;
	if (before != NULL && before->type == WARD_JSON_NULL) {
		char shown[WARD_CAP_SHOWN_MAX];

		ward_cap_shown(before->key, shown);
		ward_fail_fix(in->err, "what belongs to %s is indented below it", shown);
		return true;
	}
	for (size_t i = 0; what == whole && i < WARD_ARRAY_SIZE(of_spec); i++) {
		if (ward_str_eq(node->key, ward_str(of_spec[i]))) {
			ward_fail_fix(in->err, "it belongs below spec, and is indented there");
			return true;
		}
	}
	return false;
}

/* What denies stands beside the profiles, for all of them, and what grants in one of them: where other tools have one list. */
static bool elsewhere(const struct doc_reader *in, const struct ward_json *node, const char *what)
{
	static const char *const of_profile[] = { "read", "modify", "allowExec", "denyExec", "env",
		"caches", "network", "limits", "extends", "includes" };
	const bool in_profile = strncmp(what, "profile ", strlen("profile ")) == 0;

	if (in_profile &&
		(ward_str_eq(node->key, ward_str("denyRead")) ||
			ward_str_eq(node->key, ward_str("denyModify")))) {
		ward_fail_fix(in->err,
			"it belongs below spec, beside fsProfiles, and holds for every profile; of one alone read and modify take away with \"!\"");
		return true;
	}
	for (size_t i = 0; strcmp(what, "spec") == 0 && i < WARD_ARRAY_SIZE(of_profile); i++) {
		if (!ward_str_eq(node->key, ward_str(of_profile[i])))
			continue;
		ward_fail_fix(in->err,
			"it belongs into a profile: fsProfiles: {NAME: {...}}, which --profile NAME asks for");
		return true;
	}
	return false;
}

static int unknown_field(const struct doc_reader *in, const struct ward_json *object,
	const struct ward_json *node, const char *what, const char *const *names, size_t n)
{
	struct ward_origin origin = key_origin(in, node);
	const char *near = other_word(node->key, names, n);
	char shown[WARD_CAP_SHOWN_MAX], all[WARD_ERROR_FIX_MAX] = "";
	size_t used = 0;

	ward_cap_shown(node->key, shown);
	(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin, "unknown field %s in %s", shown, what);
	for (size_t i = 0; i < n && used < sizeof(all); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ",
			names[i]);
	if (near == NULL)
		near = ward_nearest(node->key.s, names, n);
	if (indented_too_little(in, object, node, what) || elsewhere(in, node, what))
		return WARD_E_PARSE;
	if (near != NULL)
		ward_fail_fix(in->err, "did you mean \"%s\"?", near);
	else
		ward_fail_fix(in->err, "the fields are %s", all);
	return WARD_E_PARSE;
}

int ward_doc_fields(const struct doc_reader *in, const struct ward_json *object, const char *what,
	const char *const *names, size_t n, const struct ward_json **ret)
{
	if (object->type != WARD_JSON_OBJECT)
		return ward_doc_wrong_type(in, object, what, "an object");
	for (const struct ward_json *node = object->child; node != NULL; node = node->next) {
		size_t i = 0;

		while (i < n && !ward_str_eq(node->key, ward_str(names[i])))
			i++;
		if (i == n)
			return unknown_field(in, object, node, what, names, n);
		ret[i] = node;
	}
	return WARD_OK;
}

static int string(const struct doc_reader *in, const struct ward_json *node, const char *what,
	const char **ret)
{
	if (node == NULL)
		return WARD_OK;
	if (node->type != WARD_JSON_STRING)
		return ward_doc_wrong_type(in, node, what, "a string");
	*ret = ward_arena_dup(in->arena, node->str.s, node->str.n);
	if (*ret == NULL)
		return ward_doc_nomem(in->err, NULL);
	return WARD_OK;
}

/* What quoting would have to change can mislead a reader of a list or a log. */
static int shows_plainly(struct ward_str s, bool *ret)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_quote(&b, s.s, s.n);
	*ret = b.n == s.n + 2;
	return b.failed ? WARD_E_NOMEM : WARD_OK;
}

/* The stem of a file that every system could have (S0-24); a profile may also hold dots. */
static int check_name(const struct doc_reader *in, struct ward_str name,
	const struct ward_origin *origin, const char *what, bool file_stem)
{
	const char *problem = NULL;
	char shown[WARD_CAP_SHOWN_MAX];
	bool plain = false;

	if (name.n <= WARD_DOC_NAME_MAX && shows_plainly(name, &plain) < 0)
		return ward_doc_nomem(in->err, origin);
	if (name.n == 0)
		problem = "is empty";
	else if (name.n > WARD_DOC_NAME_MAX)
		problem = "is too long";
	else if (name.s[0] == '.')
		problem = "begins with a dot";
	else if (name.s[0] == ' ' || name.s[name.n - 1] == ' ')
		problem = "begins or ends with a blank";
	else if (memchr(name.s, '/', name.n) != NULL || memchr(name.s, '\\', name.n) != NULL)
		problem = "holds a separator of paths";
	else if (memchr(name.s, ':', name.n) != NULL)
		problem = "holds a colon";
	else if (file_stem && memchr(name.s, '.', name.n) != NULL)
		problem = "holds a dot";
	else if (!plain)
		problem = "holds a quote, a control or an invisible character";
	if (problem == NULL)
		return WARD_OK;
	ward_cap_shown(name, shown);
	(void)ward_doc_fail(in->err, WARD_E_INVALID, origin, "%s %s %s", what, shown, problem);
	ward_fail_fix(in->err, "write letters, digits, \"-\" and \"_\", at most %d",
		WARD_DOC_NAME_MAX);
	return WARD_E_INVALID;
}

int ward_doc_rules_read(const struct doc_reader *in, const struct ward_json *node,
	enum ward_doc_list list, struct ward_doc_rules *ret)
{
	size_t n = 0, max = list == WARD_DOC_LIST_ENV ? WARD_DOC_ENV_MAX : WARD_DOC_RULES_MAX;
	struct ward_doc_rule *v;

	if (node == NULL)
		return WARD_OK;
	if (node->type != WARD_JSON_ARRAY)
		return ward_doc_wrong_type(in, node, ward_doc_list_name(list), "a list");
	ret->origin = ward_doc_origin(in, node);
	if (node->count > max) {
		(void)ward_doc_fail(in->err, WARD_E_LIMIT, &ret->origin,
			"more than %zu rules in %s", max, ward_doc_list_name(list));
		ward_fail_fix(in->err, "%s",
			ward_doc_is_network(list)
				? "name domains (**.DOMAIN) instead of single hosts"
				: "name directories (DIRECTORY/**) instead of single files");
		return WARD_E_LIMIT;
	}
	v = ward_arena_alloc(in->arena, (node->count + 1) * sizeof(*v));
	if (v == NULL)
		return ward_doc_nomem(in->err, &ret->origin);
	for (const struct ward_json *e = node->child; e != NULL; e = e->next, n++) {
		int r;

		v[n] = (struct ward_doc_rule){ .list = list,
			.origin = ward_doc_origin(in, e),
			.doc = in->doc,
			.profile = in->profile };
		r = string(in, e, "a rule", &v[n].text);
		if (r == WARD_OK)
			r = ward_doc_rule_normalize(in, &v[n]);
		if (r < 0)
			return r;
	}
	ret->v = v;
	ret->n = n;
	return WARD_OK;
}

/* A name, or a list of them. */
static int read_refs(const struct doc_reader *in, const struct ward_json *node, const char *what,
	const struct ward_doc_ref **ret, size_t *ret_n)
{
	struct ward_doc_ref *v;
	size_t n = 0, count;

	if (node == NULL)
		return WARD_OK;
	if (node->type != WARD_JSON_STRING && node->type != WARD_JSON_ARRAY)
		return ward_doc_wrong_type(in, node, what,
			"the name of a profile, or a list of names");
	count = node->type == WARD_JSON_STRING ? 1 : node->count;
	v = ward_arena_alloc(in->arena, (count + 1) * sizeof(*v));
	if (v == NULL)
		return ward_doc_nomem(in->err, NULL);
	for (const struct ward_json *e = node->type == WARD_JSON_STRING ? node : node->child;
		n < count; e = e->next) {
		int r = string(in, e, "the name of a profile", &v[n].name);

		if (r < 0)
			return r;
		v[n++].origin = ward_doc_origin(in, e);
	}
	*ret = v;
	*ret_n = n;
	return WARD_OK;
}

enum {
	PROFILE_LISTS = WARD_DOC_LIST_CACHES + 1,
	PROFILE_NETWORK = PROFILE_LISTS,
	PROFILE_LIMITS,
	PROFILE_EXTENDS,
	PROFILE_INCLUDES,
	PROFILE_DESCRIPTION,
	PROFILE_FIELDS
};

static int read_profile(struct doc_reader *in, const struct ward_json *node,
	struct ward_doc_profile *ret)
{
	static const char *const names[PROFILE_FIELDS] = { "read", "modify", "allowExec",
		"denyExec", "env", "caches", "network", "limits", "extends", "includes",
		"description" };
	const struct ward_json *field[PROFILE_FIELDS] = { NULL };
	char what[WARD_DOC_NAME_MAX + 16];
	int r;

	ret->origin = key_origin(in, node);
	ret->doc = in->doc;
	r = check_name(in, node->key, &ret->origin, "the name of a profile", false);
	if (r < 0)
		return r;
	ret->name = ward_arena_dup(in->arena, node->key.s, node->key.n);
	if (ret->name == NULL)
		return ward_doc_nomem(in->err, &ret->origin);
	in->profile = ret->name;
	(void)snprintf(what, sizeof(what), "profile \"%s\"", ret->name);
	r = ward_doc_fields(in, node, what, names, PROFILE_FIELDS, field);
	for (unsigned i = 0; i < PROFILE_LISTS && r == WARD_OK; i++)
		r = ward_doc_rules_read(in, field[i], (enum ward_doc_list)i, &ret->lists[i]);
	if (r == WARD_OK && field[PROFILE_NETWORK] != NULL)
		r = ward_doc_network_read(in, field[PROFILE_NETWORK], ret);
	if (r == WARD_OK && field[PROFILE_LIMITS] != NULL)
		r = ward_doc_limits_read(in, field[PROFILE_LIMITS], ret->limits);
	if (r == WARD_OK)
		r = read_refs(in, field[PROFILE_EXTENDS], "extends", &ret->extends,
			&ret->n_extends);
	if (r == WARD_OK)
		r = read_refs(in, field[PROFILE_INCLUDES], "includes", &ret->includes,
			&ret->n_includes);
	if (r == WARD_OK)
		r = string(in, field[PROFILE_DESCRIPTION], "description", &ret->description);
	in->profile = NULL;
	return r;
}

static int read_profiles(struct doc_reader *in, const struct ward_json *node)
{
	struct ward_doc_profile *v;
	struct ward_origin origin;

	if (node == NULL)
		return WARD_OK;
	if (node->type != WARD_JSON_OBJECT)
		return ward_doc_wrong_type(in, node, "fsProfiles", "an object");
	origin = ward_doc_origin(in, node);
	if (node->count > WARD_DOC_PROFILES_MAX) {
		(void)ward_doc_fail(in->err, WARD_E_LIMIT, &origin, "more than %d profiles",
			WARD_DOC_PROFILES_MAX);
		ward_fail_fix(in->err, "put them into several documents");
		return WARD_E_LIMIT;
	}
	v = ward_arena_alloc(in->arena, (node->count + 1) * sizeof(*v));
	if (v == NULL)
		return ward_doc_nomem(in->err, &origin);
	in->doc->profiles = v;
	for (const struct ward_json *e = node->child; e != NULL; e = e->next) {
		int r = read_profile(in, e, &v[in->doc->n_profiles]);

		if (r < 0)
			return r;
		in->doc->n_profiles++;
	}
	return WARD_OK;
}

static int read_grammar(const struct doc_reader *in, const struct ward_json *node)
{
	struct ward_origin origin;

	in->doc->grammar = 1;
	if (node == NULL)
		return WARD_OK;
	if (node->type == WARD_JSON_INT && (node->i == 1 || node->i == 2)) {
		in->doc->grammar = (unsigned)node->i;
		return WARD_OK;
	}
	origin = ward_doc_origin(in, node);
	(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin, "grammar is neither 1 nor 2");
	ward_fail_fix(in->err,
		"write 2 for [...], {...} and \\ in patterns; without it they are plain characters");
	return WARD_E_PARSE;
}

static int read_spec(struct doc_reader *in, const struct ward_json *node)
{
	enum { DESCRIPTION, GRAMMAR, DENY_READ, DENY_MODIFY, PROFILES, FIELDS };
	static const char *const names[FIELDS] = { "description", "grammar", "denyRead",
		"denyModify", "fsProfiles" };
	const struct ward_json *field[FIELDS] = { NULL };
	int r = ward_doc_fields(in, node, "spec", names, FIELDS, field);

	if (r == WARD_OK)
		r = string(in, field[DESCRIPTION], "description", &in->doc->description);
	if (r == WARD_OK)
		r = read_grammar(in, field[GRAMMAR]);
	if (r == WARD_OK)
		r = ward_doc_rules_read(in, field[DENY_READ], WARD_DOC_LIST_DENY_READ,
			&in->doc->deny[WARD_DOC_READ]);
	if (r == WARD_OK)
		r = ward_doc_rules_read(in, field[DENY_MODIFY], WARD_DOC_LIST_DENY_MODIFY,
			&in->doc->deny[WARD_DOC_MODIFY]);
	if (r == WARD_OK)
		r = read_profiles(in, field[PROFILES]);
	return r;
}

static int read_metadata(const struct doc_reader *in, const struct ward_json *node)
{
	static const char *const names[] = { "name" };
	const struct ward_json *name = NULL;
	struct ward_origin origin;
	int r = ward_doc_fields(in, node, "metadata", names, 1, &name);

	if (r < 0)
		return r;
	if (name == NULL) {
		origin = ward_doc_origin(in, node);
		(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin, "metadata without \"name\"");
		ward_fail_fix(in->err, "write metadata: {name: default}");
		return WARD_E_PARSE;
	}
	r = string(in, name, "metadata.name", &in->doc->name);
	if (r < 0)
		return r;
	origin = ward_doc_origin(in, name);
	return check_name(in, name->str, &origin, "metadata.name", true);
}

/* Before anything else is looked at: a document of another version has other fields. */
static int check_version(const struct doc_reader *in, const struct ward_json *root)
{
	const struct ward_json *version = ward_json_get(root, "schemaVersion");
	const struct ward_json *kind = ward_json_get(root, "kind");
	const char *foreign, *same = NULL;
	struct ward_origin origin;

	if (root->type != WARD_JSON_OBJECT)
		return ward_doc_wrong_type(in, root, whole, "an object");
	if (version != NULL && version->type == WARD_JSON_INT && version->i == 2)
		return WARD_OK;
	if (kind != NULL && kind->type == WARD_JSON_STRING &&
		ward_str_eq(kind->str, WARD_STR("Component"))) {
		origin = ward_doc_origin(in, kind);
		(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin,
			"kind is Component, which says what asks and is no policy");
		ward_fail_fix(in->err,
			"name it with --component; a policy document has kind: Policy");
		return WARD_E_PARSE;
	}
	origin = ward_doc_origin(in, version != NULL ? version : root);
	foreign = version == NULL ? ward_doc_foreign(root, &same) : NULL;
	if (foreign != NULL)
		(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin, "no policy document, but %s",
			foreign);
	else if (version == NULL)
		(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin,
			"a policy document without \"schemaVersion\"");
	else if (version->type == WARD_JSON_INT && version->i == 1)
		(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin,
			"schemaVersion 1 is no longer read");
	else
		(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin,
			"schemaVersion is not 2, the one that is read");
	ward_fail_fix(in->err, "%s",
		version != NULL && version->type == WARD_JSON_INT && version->i == 1
			? "migrate it: schemaVersion: 2, kind: Policy, the name as metadata.name, and denyRead, denyModify and fsProfiles below spec"
			: foreign != NULL ? same
			: version == NULL && ward_json_get(root, "policies") != NULL
			? "grants of a component are a file NAME.cedar.json; a policy document begins with schemaVersion: 2"
			: "write schemaVersion: 2");
	return WARD_E_PARSE;
}

static int check_kind(const struct doc_reader *in, const struct ward_json *root,
	const struct ward_json *kind)
{
	struct ward_origin origin = ward_doc_origin(in, kind != NULL ? kind : root);

	if (kind != NULL && kind->type == WARD_JSON_STRING &&
		ward_str_eq(kind->str, WARD_STR("Policy")))
		return WARD_OK;
	(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin,
		kind == NULL ? "a policy document without \"kind\""
			     : "kind is not Policy, the only one that is read here");
	ward_fail_fix(in->err, "write kind: Policy");
	return WARD_E_PARSE;
}

static int missing(const struct doc_reader *in, const struct ward_json *root, const char *name,
	const char *fix)
{
	struct ward_origin origin = ward_doc_origin(in, root);

	(void)ward_doc_fail(in->err, WARD_E_PARSE, &origin, "a policy document without \"%s\"",
		name);
	ward_fail_fix(in->err, "%s", fix);
	return WARD_E_PARSE;
}

static int read_document(struct doc_reader *in, const struct ward_json *root)
{
	enum { VERSION, KIND, METADATA, SPEC, FIELDS };
	static const char *const names[FIELDS] = { "schemaVersion", "kind", "metadata", "spec" };
	const struct ward_json *field[FIELDS] = { NULL };
	int r = check_version(in, root);

	if (r == WARD_OK)
		r = ward_doc_fields(in, root, whole, names, FIELDS, field);
	if (r == WARD_OK)
		r = check_kind(in, root, field[KIND]);
	if (r < 0)
		return r;
	if (field[METADATA] == NULL)
		return missing(in, root, "metadata", "write metadata: {name: default}");
	r = read_metadata(in, field[METADATA]);
	if (r < 0)
		return r;
	if (field[SPEC] == NULL)
		return missing(in, root, "spec",
			"write spec: with denyRead, denyModify or fsProfiles");
	return read_spec(in, field[SPEC]);
}

int ward_doc_read(struct ward_arena *arena, enum ward_layer layer, const struct ward_json *root,
	const char *file, const struct ward_doc **ret, struct ward_error *err)
{
	struct ward_doc *doc = ward_arena_alloc(arena, sizeof(*doc));
	struct doc_reader in = { .arena = arena, .doc = doc, .err = err };
	int r;

	if (doc != NULL)
		doc->file = ward_arena_strdup(arena, file);
	if (doc == NULL || doc->file == NULL)
		return ward_doc_nomem(err, &(struct ward_origin){ .file = file });
	doc->layer = layer;
	r = read_document(&in, root);
	if (r < 0)
		return r;
	*ret = doc;
	return WARD_OK;
}
