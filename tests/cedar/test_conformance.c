/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance cases: each request is decided through the index, policy by policy, and by walking the trees; decision,
 * reason and errors are what was recorded. Schema, entities and contexts are read as an application reads them.
 */
#include "cedar_data.h"
#include "eval_util.h"

struct tally {
	size_t cases, requests, wrong;
};

static bool read_member(const struct ward_json *root, const char *key, struct ward_buf *out)
{
	const struct ward_json *j = ward_json_get(root, key);

	return j != NULL && data_read(out, j->str.s);
}

/* The ids of a list, which names each once, are those of v. */
static bool same_ids(const struct world *w, const struct ward_json *list, const uint32_t *v,
	size_t n)
{
	if (list == NULL || list->count != n)
		return false;
	for (const struct ward_json *j = list->child; j != NULL; j = j->next) {
		bool found = false;

		for (size_t i = 0; !found && i < n; i++)
			found = ward_str_eq(j->str,
				ward_cedar_text(ward_cedar_compiled_id(w->c, v[i])));
		if (!found)
			return false;
	}
	return true;
}

static bool as_recorded(const struct world *w, const struct ward_json *j,
	const struct cedar_answer *a)
{
	const struct ward_json *decision = ward_json_get(j, "decision");

	return decision != NULL &&
		ward_str_eq(decision->str,
			a->decision == CEDAR_ALLOW ? WARD_STR("allow") : WARD_STR("deny")) &&
		same_ids(w, ward_json_get(j, "reason"), a->reasons, a->n_reasons) &&
		same_ids(w, ward_json_get(j, "errors"), a->errors, a->n_errors);
}

/* Every static policy by its tree: as many are satisfied and as many fail. */
static bool as_walked(struct world *w, const struct cedar_answer *a)
{
	struct cedar_env env = { .request = &w->r, .entities = w->e, .arena = w->arena };
	size_t n[2] = { 0 }, failed = 0;

	for (size_t i = 0; i < w->s.statics.n; i++) {
		struct cedar_fault f;
		bool satisfied;

		if (!ward_cedar_interpret_policy(&env, w->s.statics.v[i], &satisfied, &f))
			failed++;
		else
			n[w->s.statics.v[i]->effect] += satisfied;
	}
	return failed == a->n_errors &&
		(n[CEDAR_FORBID] > 0 ? n[CEDAR_FORBID] : n[CEDAR_PERMIT]) == a->n_reasons &&
		(a->decision == CEDAR_ALLOW) == (n[CEDAR_FORBID] == 0 && n[CEDAR_PERMIT] > 0);
}

static const struct cedar_uid *uid_json(struct world *w, const struct ward_json *j, const char *key)
{
	struct cedar_json_context c = { .pool = w->s.pool, .diags = &w->d };
	const struct cedar_uid *uid = NULL;

	(void)ward_cedar_json_uid(&c, ward_json_get(j, key), &uid);
	return uid;
}

/* The context as it stands in the file: numbers keep their digits. */
static bool context(struct world *w, const struct cedar_schema *schema, const struct ward_json *j,
	struct ward_str file)
{
	const struct ward_json *c = ward_json_get(j, "context");

	return c != NULL &&
		ward_cedar_context_parse(w->s.pool,
			(struct ward_str){ file.s + c->start, c->end - c->start }, schema,
			w->r.action, &w->r.context, &w->d) == WARD_OK;
}

static void request(struct world *w, const struct cedar_schema *schema, const struct ward_json *j,
	struct ward_str file, struct tally *t)
{
	const struct ward_json *validate = ward_json_get(j, "validateRequest");
	struct cedar_answer a, b;
	bool ok;

	t->requests++;
	w->r.principal = uid_json(w, j, "principal");
	w->r.action = uid_json(w, j, "action");
	w->r.resource = uid_json(w, j, "resource");
	ok = w->r.principal != NULL && w->r.action != NULL && w->r.resource != NULL &&
		context(w, schema, j, file) &&
		(validate == NULL || !validate->b ||
			ward_cedar_request_validate(&w->r, schema, &w->d) == WARD_OK);
	if (!ok) {
		t->wrong++;
		CHECK_MSG(t->wrong > 20, "request %zu: %s", t->requests, why(w));
		return;
	}
	ok = ward_cedar_authorize(w->c, w->e, &w->r, w->scratch, true, &b) == WARD_OK &&
		as_recorded(w, j, &b) && as_walked(w, &b) &&
		ward_cedar_authorize(w->c, w->e, &w->r, w->scratch, false, &a) == WARD_OK &&
		as_recorded(w, j, &a);
	t->wrong += !ok;
	if (!ok && t->wrong <= 20)
		FAIL("request %zu: %s with %u reasons and %u errors", t->requests,
			b.decision == CEDAR_ALLOW ? "allow" : "deny", b.n_reasons, b.n_errors);
}

static void one_case(const char *name, struct tally *t)
{
	struct ward_buf file = { 0 }, schema_text = { 0 }, entities = { 0 }, policies = { 0 };
	struct cedar_schema *schema = NULL;
	struct ward_json *root = NULL;
	struct world w;

	CASE("%.200s", name);
	world_begin(&w, NULL);
	if (!data_read(&file, name) ||
		ward_cedar_json_parse(w.arena, data_text(&file), &root, &w.d) < 0 ||
		!read_member(root, "schema", &schema_text) ||
		!read_member(root, "entities", &entities) ||
		!read_member(root, "policies", &policies) ||
		ward_cedar_schema_parse(data_text(&schema_text), CEDAR_SCHEMA_TEXT, &schema, &w.d) <
			0 ||
		ward_cedar_entities_parse(data_text(&entities), schema, &w.e, &w.d) < 0 ||
		ward_cedar_policies_parse(&w.s, data_text(&policies), NULL, false, &w.d) < 0 ||
		!world_compile(&w)) {
		t->wrong++;
		FAIL("%s", why(&w));
	} else {
		for (const struct ward_json *j = ward_json_get(root, "requests")->child; j != NULL;
			j = j->next)
			request(&w, schema, j, data_text(&file), t);
	}
	t->cases++;
	ward_cedar_schema_free(schema);
	world_end(&w);
	ward_buf_done(&file);
	ward_buf_done(&schema_text);
	ward_buf_done(&entities);
	ward_buf_done(&policies);
}

/* All cases of a folder, in no order. */
static bool folder(const char *name, struct tally *t)
{
	char path[4096];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", data_folder(), name);
	d = opendir(path);
	if (d == NULL)
		return false;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || !ward_has_suffix(e->d_name, ".json") ||
			ward_has_suffix(e->d_name, ".entities.json"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, e->d_name);
		one_case(path, t);
	}
	closedir(d);
	return true;
}

static void report(const struct tally *t)
{
	CASE("%s", "");
	CHECK_EQ_SIZE(t->wrong, 0);
	printf("# %zu cases, %zu requests, %zu disagreements\n", t->cases, t->requests, t->wrong);
}

TEST(corpus)
{
	struct tally t = { 0 };

	if (!folder("corpus-tests", &t))
		SKIP("no conformance data in %s", data_folder());
	report(&t);
}

TEST(hand_written)
{
	static const char *const folders[] = { "tests/decimal", "tests/example_use_cases",
		"tests/ip", "tests/multi" };
	struct tally t = { 0 };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(folders); i++) {
		if (!folder(folders[i], &t))
			SKIP("no conformance data in %s", data_folder());
	}
	report(&t);
}

TAP_MAIN();
