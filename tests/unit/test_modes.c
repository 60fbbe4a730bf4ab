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

TAP_MAIN();
