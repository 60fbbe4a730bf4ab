/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped modes, as the judge reads them: mode by capability, as the seeds have it (S2-5, U4, U5), and what no mode opens. The
 * texts are the ones that people read and copy; this is what they mean.
 */
#include "judge_util.h"

/* ./ is /w, its git directory /w/.git, the protected names /w/.git/hooks and /w/.git/config. */
static const struct {
	const char *action, *resource;
	const char *read_only, *workspace_write, *repo_write, *danger;
} rows[] = {
	{ "fs.read", "/w/src/a.c", "allow", "allow", "allow", "allow" },
	{ "fs.read", "/w/.git/HEAD", "allow", "allow", "allow", "allow" },
	{ "git.read", "/w", "allow", "allow", "allow", "allow" },
	{ "fs.read", "/home/ann/.ssh/id_rsa", "deny no_rule", "deny no_rule", "deny no_rule",
		"allow" },
	{ "fs.write", "/w/src/a.c", "deny forbidden", "allow", "allow", "allow" },
	{ "fs.write", "/w/.ward/x", "deny forbidden", "deny forbidden", "deny forbidden",
		"deny forbidden" },
	{ "fs.write", "/etc/ward/x.cedar", "deny forbidden", "deny forbidden", "deny forbidden",
		"deny forbidden" },
	{ "fs.write", "/w/.git/HEAD", "deny forbidden", "deny forbidden", "ask risky", "allow" },
	{ "fs.write", "/w/.git/hooks/pre-commit", "deny forbidden", "deny forbidden",
		"deny forbidden", "allow" },
	{ "fs.write", "/w/.git/config", "deny forbidden", "deny forbidden", "deny forbidden",
		"allow" },
	{ "fs.write", "/home/ann/x", "deny forbidden", "deny forbidden", "deny forbidden",
		"allow" },
	{ "proc.exec", "/usr/bin/make", "deny no_rule", "allow", "allow", "allow" },
	{ "fs.exec", "/usr/bin/make", "deny no_rule", "allow", "allow", "allow" },
	{ "git.commit", "/w", "deny forbidden", "deny forbidden", "ask risky", "allow" },
	{ "git.push", "/w", "deny forbidden", "deny forbidden", "deny forbidden", "ask risky" },
	{ "net.connect", "example.com:443", "deny forbidden", "deny forbidden", "deny no_rule",
		"allow" },
	{ "net.listen", "example.com:443", "deny forbidden", "deny forbidden", "deny forbidden",
		"allow" },
	{ "shell.exec", "/bin/sh", "deny forbidden", "deny forbidden", "deny forbidden",
		"ask critical" },
	{ "mode.enter", "read_only", "allow", "deny no_rule", "deny no_rule", "deny no_rule" },
	{ "mode.enter", "danger_full_access", "deny forbidden", "deny forbidden", "deny forbidden",
		"ask critical" },
	{ "secret.read", "db", "deny no_rule", "deny no_rule", "deny no_rule", "deny no_rule" },
	{ "db.write", "t", "deny no_rule", "deny no_rule", "deny no_rule", "deny no_rule" },
	{ "env.read", "HOME", "deny no_rule", "deny no_rule", "deny no_rule", "deny no_rule" },
	{ "tool.call", "x", "deny no_rule", "deny no_rule", "deny no_rule", "deny no_rule" },
	{ "grant.request", "FILE_READ:/a", "deny no_rule", "deny no_rule", "deny no_rule",
		"deny no_rule" },
};

static void with_mode(enum ward_mode m)
{
	const struct ward_mode_data *data = ward_mode(m);

	REQUIRE(data != NULL);
	n_sources = 0;
	add_source(data->file, WARD_LAYER_BUILTIN, false, 0, data->text);
	if (judge_book() != WARD_OK)
		FAIL("%s: %s", data->name, err.message);
	REQUIRE(book != NULL);
}

static void check_mode(enum ward_mode m, const char *action, const char *resource, const char *want)
{
	char got[64];

	CASE("%s %s %s", ward_mode(m)->name, action, resource);
	ask(action, resource);
	(void)snprintf(got, sizeof(got), "%s%s%s", ward_effect_name(verdict.effect),
		verdict.effect == WARD_ALLOW ? "" : " ",
		verdict.effect == WARD_ALLOW         ? ""
			: verdict.effect == WARD_ASK ? ward_approval_name(verdict.approval)
						     : ward_why_name(verdict.why));
	CHECK_STR_EQ(got, want);
}

TEST(each_mode_allows_what_the_table_says)
{
	for (unsigned m = WARD_MODE_READ_ONLY; m < WARD_MODE_MAX; m++) {
		with_mode((enum ward_mode)m);
		for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
			const char *const want[WARD_MODE_MAX] = { NULL, rows[i].read_only,
				rows[i].workspace_write, rows[i].repo_write, rows[i].danger };

			check_mode((enum ward_mode)m, rows[i].action, rows[i].resource, want[m]);
		}
	}
}

/* What a run's own options permit adds to a mode, unless the mode says never. */
TEST(options_add_to_a_mode)
{
	static const char text[] =
		"permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Host::\"example.com\");"
		"permit (principal, action in Ward::Action::\"repo_read\", resource in Ward::Path::\"/opt/data\");";

	with_mode(WARD_MODE_REPO_WRITE);
	add_source("--policy", WARD_LAYER_RUN, false, 0, text);
	REQUIRE(judge_book() == WARD_OK);
	check_asks("net.connect example.com:443 allow granted\n"
		   "net.connect example.org:443 deny no_rule\n"
		   "fs.read /opt/data/x allow granted");
	with_mode(WARD_MODE_READ_ONLY);
	add_source("--policy", WARD_LAYER_RUN, false, 0, text);
	REQUIRE(judge_book() == WARD_OK);
	check_asks("net.connect example.com:443 deny forbidden\n"
		   "fs.read /opt/data/x allow granted");
}

TEST(a_denial_names_the_rule_and_its_reason)
{
	with_mode(WARD_MODE_WORKSPACE_WRITE);
	ask("fs.write", "/w/.ward/x");
	REQUIRE(verdict.n_rules >= 1);
	CHECK_STR_EQ(verdict.rules[0]->id, "workspace_write.never_write_rules");
	CHECK_STR_EQ(verdict.rules[0]->reason, ".ward/ says what runs may do; no run writes it");
	CHECK(strstr(verdict.rules[0]->file, "data/modes/workspace_write.cedar") != NULL);
	CHECK(verdict.rules[0]->line > 1);
}

/* ---- what a start does not validate, and what it takes from tables instead of the schema ---- */

TEST(what_is_shipped_is_valid)
{
	/* Each mode by itself is read, and validated, by the tests above. */
	one_source(ward_start_text);
	CHECK_EQ_INT(judge_book(), WARD_OK);
	one_source(ward_dotenv_text);
	CHECK_EQ_INT(judge_book(), WARD_OK);
	for (unsigned m = WARD_MODE_NONE + 1; m < WARD_MODE_MAX; m++)
		with_mode((enum ward_mode)m);
}

static size_t enumerated(const struct cedar_entity_type *t)
{
	const char *name = t->name->s + strlen("Ward::");
	size_t n = 0;

	for (size_t i = 0; i < ward_enumerated_n; i++) {
		if (!ward_streq(ward_enumerated[i].type, name))
			continue;
		for (uint32_t k = 0; k < t->n_ids; k++)
			n += ward_cedar_str_is(t->ids[k], ward_enumerated[i].word);
	}
	return n;
}

TEST(words_of_the_tables_are_the_schema_s)
{
	size_t all = 0;

	judge_begin();
	for (uint32_t i = 0; i < schema->n_entities; i++) {
		const struct cedar_entity_type *t = schema->entities[i];

		CASE("%s", t->name->s);
		CHECK_EQ_INT(t->is_enum ? enumerated(t) : 0, t->n_ids);
		all += t->n_ids;
	}
	CHECK_EQ_INT(all, ward_enumerated_n);
}

TEST(actions_of_the_tables_are_the_schema_s)
{
	size_t all = 0;

	judge_begin();
	one_source("permit (principal, action, resource);");
	sources[0].shipped = without_schema = true;
	REQUIRE(judge_book() == WARD_OK);
	without_schema = false;
	for (uint32_t i = 0; i < schema->n_actions; i++) {
		const struct cedar_action_type *a = schema->actions[i];
		const struct cedar_entity *e =
			ward_cedar_entities_get(ward_book_entities(book), a->uid);

		CASE("%s", a->uid->id->s);
		REQUIRE(e != NULL);
		CHECK_EQ_INT(e->n_parents, a->n_parents);
		CHECK_EQ_INT(e->n_ancestors, a->n_ancestors);
		for (uint32_t k = 0; k < a->n_ancestors; k++)
			CHECK(ward_cedar_entity_in(e, a->ancestors[k]->uid));
		all += a->n_parents;
	}
	for (size_t i = 0; i < ward_families_n; i++)
		all -= (size_t)__builtin_popcount(ward_families[i].actions);
	CHECK_EQ_INT(all, 0);
}

TEST(a_start_s_book_answers_as_a_validated_one)
{
	for (unsigned m = WARD_MODE_READ_ONLY; m < WARD_MODE_MAX; m++) {
		with_mode((enum ward_mode)m);
		sources[0].shipped = without_schema = true;
		REQUIRE(judge_book() == WARD_OK);
		without_schema = false;
		for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
			const char *const want[WARD_MODE_MAX] = { NULL, rows[i].read_only,
				rows[i].workspace_write, rows[i].repo_write, rows[i].danger };

			check_mode((enum ward_mode)m, rows[i].action, rows[i].resource, want[m]);
		}
	}
}

TEST(what_somebody_wrote_is_never_taken_unvalidated)
{
	one_source("permit (principal, action, resource);");
	without_schema = true;
	CHECK_EQ_INT(judge_book(), WARD_E_INVALID);
	CHECK(book == NULL);
	without_schema = false;
	CHECK_EQ_INT(judge_book(), WARD_OK);
}

static int word_is(const char *phase, const char *mode)
{
	const struct ward_who who = { .run = "r1", .person = "ann" };
	const struct ward_circumstances now = { .phase = phase, .mode = mode };
	const struct ward_book_input in = { .workspace = "/w", .who = &who, .circumstances = &now };

	ward_book_freep(&book);
	return ward_book_new(&in, &book, &err);
}

TEST(a_word_that_the_tables_do_not_have)
{
	CHECK_EQ_INT(word_is("canary", "read_only"), WARD_OK);
	CHECK_EQ_INT(word_is("canary", "canary"), WARD_E_PARSE);
	CHECK_EQ_INT(word_is("read_only", NULL), WARD_E_PARSE);
	CHECK_EQ_INT(word_is("", NULL), WARD_E_PARSE);
	CHECK_EQ_INT(word_is("canar", NULL), WARD_E_PARSE);
}

TAP_MAIN();
