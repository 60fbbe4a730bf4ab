/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips of whatever the conformance data holds: policies through text and JSON, alone and as a set; schemas through
 * text and JSON; the formatter twice. Nothing may be lost on the way, and a second trip changes nothing at all.
 *
 * WARD_CEDAR_DATA may be any folder: *.cedar, *.cedarschema and *.cedarschema.json are looked for in it and below.
 */
#include <sys/stat.h>

#include "cedar/cedar.h"
#include "cedar_data.h"
#include "schema_util.h"

static struct {
	unsigned long texts, policies, templates, jsons, formatted, schema_texts, schema_jsons,
		json_only, refused;
} counts;

/* ---- policies ---- */

static struct ward_str str(struct ward_buf *b)
{
	return (struct ward_str){ ward_buf_cstr(b), b->n };
}

static const struct cedar_parse_options options = { .unknowns = true };

/* NULL: it is not one policy. */
static const struct cedar_policy *of_text(struct cedar_pool *pool, struct ward_str text)
{
	struct cedar_policy_list list = { 0 };
	const struct cedar_policy *p = NULL;

	if (ward_cedar_parse_policies(pool, text, &options, &list, NULL) == WARD_OK && list.n == 1)
		p = list.v[0];
	ward_cedar_policy_list_done(&list);
	return p;
}

static const struct cedar_policy *of_json(struct cedar_pool *pool, struct ward_str text)
{
	const struct cedar_policy *p = NULL;
	struct ward_json *j;

	if (ward_cedar_json_parse(ward_cedar_pool_arena(pool), text, &j, NULL) == WARD_OK)
		(void)ward_cedar_policy_from_json(pool, j, ward_cedar_intern(pool, "p", 1), true,
			&p, NULL);
	return p;
}

typedef const struct cedar_policy *read_fn(struct cedar_pool *pool, struct ward_str text);
typedef void print_fn(struct ward_buf *out, const struct cedar_policy *p);

/* Printed, read and printed again. */
static const struct cedar_policy *trip(struct cedar_pool *pool, const struct cedar_policy *p,
	print_fn *print, read_fn *read)
{
	struct ward_buf first = WARD_BUF_INIT, second = WARD_BUF_INIT;
	const struct cedar_policy *q;

	print(&first, p);
	q = read(pool, str(&first));
	CHECK_MSG(q != NULL, "cannot be read: %s", ward_buf_cstr(&first));
	if (q != NULL) {
		print(&second, q);
		CHECK_MSG(ward_cedar_policy_eq(p, q), "another tree: %s", ward_buf_cstr(&first));
		CHECK_EQ_INT(p->is_template, q->is_template);
		CHECK_STR_EQ(ward_buf_cstr(&second), ward_buf_cstr(&first));
	}
	ward_buf_done(&first);
	ward_buf_done(&second);
	return q;
}

static void check_policy(struct cedar_pool *pool, const struct cedar_policy *p)
{
	const struct cedar_policy *q = trip(pool, p, ward_cedar_print_policy, of_text), *r;

	if (q != NULL)
		(void)trip(pool, q, ward_cedar_policy_json, of_json);
	r = trip(pool, p, ward_cedar_policy_json, of_json);
	if (r != NULL)
		(void)trip(pool, r, ward_cedar_print_policy, of_text);
	counts.policies++;
	counts.templates += p->is_template;
}

static void check_set(const struct cedar_policies *s)
{
	struct ward_buf first = WARD_BUF_INIT, second = WARD_BUF_INIT;
	struct cedar_policies t;

	REQUIRE(ward_cedar_policies_init(&t) == WARD_OK);
	ward_cedar_policies_json(&first, s);
	CHECK_EQ_INT(ward_cedar_policies_parse_json(&t, str(&first), NULL), WARD_OK);
	ward_cedar_policies_json(&second, &t);
	CHECK_STR_EQ(ward_buf_cstr(&second), ward_buf_cstr(&first));
	ward_cedar_policies_done(&t);
	ward_buf_done(&first);
	ward_buf_done(&second);
}

static void check_format(struct cedar_pool *pool, struct ward_str text,
	const struct cedar_policy_list *list, unsigned width)
{
	struct cedar_format_options o = { .width = width };
	struct ward_buf first = WARD_BUF_INIT, second = WARD_BUF_INIT;
	struct cedar_policy_list again = { 0 };

	CHECK_EQ_INT(ward_cedar_format(text, &o, &first, NULL), WARD_OK);
	CHECK_EQ_INT(ward_cedar_format(str(&first), &o, &second, NULL), WARD_OK);
	CHECK_STR_EQ(ward_buf_cstr(&second), ward_buf_cstr(&first));
	CHECK_EQ_INT(ward_cedar_parse_policies(pool, str(&first), NULL, &again, NULL), WARD_OK);
	CHECK_EQ_INT(again.n, list->n);
	for (size_t i = 0; i < again.n && i < list->n; i++)
		CHECK(ward_cedar_policy_eq(again.v[i], list->v[i]));
	ward_cedar_policy_list_done(&again);
	ward_buf_done(&first);
	ward_buf_done(&second);
	counts.formatted++;
}

/* A text that is none is counted, and that is all. */
static void check_text(struct ward_str text)
{
	struct cedar_policy_list list = { 0 };
	struct cedar_policies s;

	REQUIRE(ward_cedar_policies_init(&s) == WARD_OK);
	if (ward_cedar_policies_parse(&s, text, NULL, false, NULL) == WARD_OK) {
		REQUIRE(ward_cedar_parse_policies(s.pool, text, NULL, &list, NULL) == WARD_OK);
		for (size_t i = 0; i < list.n; i++)
			check_policy(s.pool, list.v[i]);
		check_set(&s);
		check_format(s.pool, text, &list, 80);
		check_format(s.pool, text, &list, 20);
		counts.texts++;
	} else {
		counts.refused++;
	}
	ward_cedar_policy_list_done(&list);
	ward_cedar_policies_done(&s);
}

static void check_json(struct ward_str text)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	const struct cedar_policy *p;

	REQUIRE(pool != NULL);
	p = of_json(pool, text);
	if (p != NULL)
		check_policy(pool, p);
	counts.jsons += p != NULL;
	counts.refused += p == NULL;
	ward_cedar_pool_free(pool);
}

/* ---- schemas ---- */

static struct cedar_diags diags;

/* False: text has no words for it. */
static bool print_schema(struct ward_buf *out, const struct cedar_schema *s,
	enum cedar_schema_syntax syntax)
{
	int code = syntax == CEDAR_SCHEMA_TEXT ? ward_cedar_schema_to_text(s, out, &diags)
					       : ward_cedar_schema_to_json(s, out, &diags);

	CHECK(code == WARD_OK || (code == WARD_E_UNSUPPORTED && syntax == CEDAR_SCHEMA_TEXT));
	return code == WARD_OK;
}

/* Printed, read and printed again; means the same. */
static struct cedar_schema *schema_trip(const struct cedar_schema *s,
	enum cedar_schema_syntax syntax)
{
	struct ward_buf first = WARD_BUF_INIT, second = WARD_BUF_INIT;
	struct ward_buf meaning = WARD_BUF_INIT, other = WARD_BUF_INIT;
	struct cedar_schema *t;

	if (!print_schema(&first, s, syntax)) {
		counts.json_only++;
		ward_buf_done(&first);
		return NULL;
	}
	t = schema_of(str(&first), syntax, &diags);
	CHECK_MSG(t != NULL, "%s: %s", first_error(&diags), ward_buf_cstr(&first));
	if (t != NULL) {
		(void)print_schema(&second, t, syntax);
		CHECK_STR_EQ(ward_buf_cstr(&second), ward_buf_cstr(&first));
		describe(&meaning, s);
		describe(&other, t);
		CHECK_STR_EQ(ward_buf_cstr(&other), ward_buf_cstr(&meaning));
	}
	ward_buf_done(&first);
	ward_buf_done(&second);
	ward_buf_done(&meaning);
	ward_buf_done(&other);
	return t;
}

static void check_schema(struct ward_str text, enum cedar_schema_syntax syntax)
{
	struct cedar_schema *s = schema_of(text, syntax, &diags), *t, *u;

	if (s == NULL) {
		counts.refused++;
		return;
	}
	for (int json = 0; json < 2; json++) {
		t = schema_trip(s, json > 0 ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_TEXT);
		u = t != NULL ? schema_trip(t, json > 0 ? CEDAR_SCHEMA_TEXT : CEDAR_SCHEMA_JSON)
			      : NULL;
		ward_cedar_schema_free(t);
		ward_cedar_schema_free(u);
	}
	ward_cedar_schema_free(s);
	counts.schema_texts += syntax == CEDAR_SCHEMA_TEXT;
	counts.schema_jsons += syntax == CEDAR_SCHEMA_JSON;
}

/* ---- files ---- */

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

static void check_file(const char *path)
{
	size_t n = 0;
	char *text;

	if (!ends(path, ".cedar") && !ends(path, ".cedarschema") &&
		!ends(path, ".cedarschema.json"))
		return;
	CASE("%.200s", path + (strlen(path) > 200 ? strlen(path) - 200 : 0));
	text = read_file(path, &n);
	REQUIRE(text != NULL);
	if (ends(path, ".cedar"))
		check_text((struct ward_str){ text, n });
	else
		check_schema((struct ward_str){ text, n },
			ends(path, ".json") ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_TEXT);
	free(text);
}

static void walk(const char *folder)
{
	struct dirent **v;
	int n = scandir(folder, &v, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		struct stat st;
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, v[i]->d_name);
		if (v[i]->d_name[0] != '.' && stat(path, &st) == 0) {
			if (S_ISDIR(st.st_mode))
				walk(path);
			else
				check_file(path);
		}
		free(v[i]);
	}
	if (n >= 0)
		free(v);
}

TEST(files)
{
	struct stat st;

	if (stat(data_folder(), &st) != 0)
		SKIP("no conformance data in %s", data_folder());
	counts = (__typeof__(counts)){ 0 };
	walk(data_folder());
	printf("# %lu policy texts (%lu policies, %lu of them templates), %lu layouts, %lu schemas in text, %lu in JSON; "
	       "%lu refused\n",
		counts.texts, counts.policies, counts.templates, counts.formatted,
		counts.schema_texts, counts.schema_jsons, counts.refused);
	CHECK_EQ_INT(counts.json_only, 0);
	CHECK(counts.texts + counts.schema_texts + counts.schema_jsons > 0);
	ward_cedar_diags_done(&diags);
}

/* ---- vectors ---- */

/* before and after: what stands around an input. */
static void vectors(const char *name, const char *key, const char *before, const char *after,
	void (*check)(struct ward_str text))
{
	struct ward_arena *a = ward_arena_new(0);
	const struct ward_json *j, *list;

	REQUIRE(a != NULL);
	j = data_json(a, name);
	REQUIRE(j != NULL);
	list = ward_json_get(j, "vectors");
	REQUIRE(list != NULL && list->count > 0);
	for (const struct ward_json *v = list->child; v != NULL; v = v->next) {
		const struct ward_json *in = ward_json_get(v, key);
		struct ward_buf b = WARD_BUF_INIT;

		if (in == NULL || in->type != WARD_JSON_STRING)
			continue;
		ward_buf_adds(&b, before);
		ward_buf_add(&b, in->str.s, in->str.n);
		ward_buf_adds(&b, after);
		CASE("%s: %s", name, ward_buf_cstr(&b));
		check(str(&b));
		ward_buf_done(&b);
	}
	ward_arena_free(a);
}

static void check_schema_text(struct ward_str text)
{
	check_schema(text, CEDAR_SCHEMA_TEXT);
}

/* Schemas in JSON stand there as they are. */
static void schema_objects(const char *name)
{
	struct ward_arena *a = ward_arena_new(0);
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *j = NULL;
	const struct ward_json *list;

	REQUIRE(a != NULL && data_read(&b, name));
	REQUIRE(ward_cedar_json_parse(a, data_text(&b), &j, NULL) == WARD_OK);
	list = ward_json_get(j, "vectors");
	REQUIRE(list != NULL);
	for (const struct ward_json *v = list->child; v != NULL; v = v->next) {
		const struct ward_json *in = ward_json_get(v, "input");

		if (in == NULL || in->type != WARD_JSON_OBJECT)
			continue;
		CASE("%s: %.*s", name, (int)(in->end - in->start), b.s + in->start);
		check_schema((struct ward_str){ b.s + in->start, in->end - in->start },
			CEDAR_SCHEMA_JSON);
	}
	ward_buf_done(&b);
	ward_arena_free(a);
}

TEST(probes)
{
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/probes", data_folder());
	if (stat(path, &st) != 0)
		SKIP("no vectors in %s", data_folder());
	counts = (__typeof__(counts)){ 0 };
	vectors("probes/parse-policy.json", "input", "", "", check_text);
	vectors("probes/parse-expr.json", "input", "permit(principal,action,resource) when { ",
		" };", check_text);
	vectors("probes/eval.json", "input", "permit(principal,action,resource) when { ", " };",
		check_text);
	vectors("probes/validate.json", "input", "", "", check_text);
	vectors("probes/policy-json.json", "cedar", "", "", check_text);
	vectors("probes/policy-json.json", "json_text", "", "", check_json);
	vectors("probes/schema.json", "input", "", "", check_schema_text);
	schema_objects("probes/schema.json");
	printf("# %lu policy texts, %lu policies in JSON (%lu policies, %lu of them templates), %lu layouts, %lu schemas "
	       "in text, %lu in JSON (%lu trips that JSON alone can make); %lu refused\n",
		counts.texts, counts.jsons, counts.policies, counts.templates, counts.formatted,
		counts.schema_texts, counts.schema_jsons, counts.json_only, counts.refused);
	CHECK_GE_INT(counts.texts, 200);
	CHECK_GE_INT(counts.jsons, 10);
	CHECK_GE_INT(counts.schema_texts, 20);
	CHECK_GE_INT(counts.schema_jsons, 4);
	ward_cedar_diags_done(&diags);
}

TAP_MAIN();
