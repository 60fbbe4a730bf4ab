/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words for actions and modes, and the texts that are compiled in. That the texts are valid, and that they say what
 * docs/spec/modes.md promises: tests/cli/test_modes.py.
 */
#include "policy/vocabulary.h"
#include "tap.h"

#define BIT(a) WARD_ACTION_BIT(WARD_ACT_##a)

TEST(words)
{
	static const struct {
		const char *word;
		uint32_t want;
	} cases[] = {
		{ "fs.read", BIT(FS_READ) },
		{ "mode.enter", BIT(MODE_ENTER) },
		{ "FILE_READ", BIT(FS_READ) },
		{ "FILE_WRITE", BIT(FS_READ) | BIT(FS_WRITE) },
		{ "file.write", BIT(FS_READ) | BIT(FS_WRITE) },
		{ "EXTERNAL_COMMAND", BIT(FS_EXEC) | BIT(PROC_EXEC) },
		{ "process.execute", BIT(FS_EXEC) | BIT(PROC_EXEC) },
		{ "ENV", BIT(ENV_READ) },
		{ "DATABASE_WRITE", BIT(DB_WRITE) },
		{ "secret.access", BIT(SECRET_READ) },
		{ "repo_read", BIT(FS_READ) | BIT(GIT_READ) },
		{ "repo_write_files", BIT(FS_WRITE) },
		{ "repo_write", BIT(FS_READ) | BIT(FS_WRITE) },
		{ "git_commit", BIT(GIT_COMMIT) },
		{ "network_access", BIT(NET_CONNECT) | BIT(NET_LISTEN) | BIT(HTTP_REQUEST) },
		{ "shell_exec", BIT(SHELL_EXEC) },
		{ "modify", BIT(FS_WRITE) },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		uint32_t got = 0;

		CASE("%s", cases[i].word);
		CHECK_EQ_INT(ward_actions_parse(ward_str(cases[i].word), &got, NULL), WARD_OK);
		CHECK_EQ_INT(got, cases[i].want);
	}
}

/* Each type of capabilities, and each word of the tables, is known and means something that exists. */
TEST(all_words)
{
	for (size_t i = 0; i < ward_aliases_n; i++) {
		uint32_t got = 0;

		CASE("%s", ward_aliases[i].word);
		CHECK_EQ_INT(ward_actions_parse(ward_str(ward_aliases[i].word), &got, NULL),
			WARD_OK);
		CHECK_EQ_INT(got, ward_aliases[i].actions);
		CHECK(got != 0 && !(got & WARD_ACTION_BIT(WARD_ACT_NONE)) &&
			got >> WARD_ACT_MAX == 0);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(ward_aliases[i].word, ward_aliases[k].word) != 0);
	}
	for (unsigned m = WARD_MODE_NONE + 1; m < WARD_MODE_MAX; m++) {
		enum ward_mode got = WARD_MODE_NONE;

		CASE("%s", ward_modes[m].name);
		CHECK_EQ_INT(ward_mode_parse(ward_str(ward_modes[m].name), &got, NULL), WARD_OK);
		CHECK_EQ_INT(got, m);
	}
	for (size_t i = 0; i < ward_mode_aliases_n; i++) {
		enum ward_mode got = WARD_MODE_NONE;

		CASE("%s", ward_mode_aliases[i].word);
		CHECK_EQ_INT(ward_mode_parse(ward_str(ward_mode_aliases[i].word), &got, NULL),
			WARD_OK);
		CHECK_EQ_INT(got, ward_mode_aliases[i].mode);
	}
	CHECK_EQ_INT(ward_mode_aliases_n, WARD_MODE_MAX - 1);
}

TEST(unknown_words)
{
	static const struct {
		struct ward_str word;
		const char *action, *mode; /* in the fix */
	} cases[] = {
		{ WARD_STR("file.raed"), "did you mean file.read?", "docs/spec/modes.md" },
		{ WARD_STR("file_read"), "did you mean FILE_READ?", "docs/spec/modes.md" },
		{ WARD_STR("fs.raed"), "did you mean fs.read?", "docs/spec/modes.md" },
		{ WARD_STR("repo-read"), "did you mean repo_read?", NULL },
		{ WARD_STR("readonly"), NULL, "did you mean read_only?" },
		{ WARD_STR("READ_ONLY"), NULL, "did you mean read_only?" },
		{ WARD_STR("workspace write"), NULL, "did you mean workspace_write?" },
		{ WARD_STR("auto-edit"), "docs/spec/vocabulary.md", "docs/spec/modes.md" },
		{ WARD_STR("fs.read\0"), NULL, "docs/spec/modes.md" },
		{ WARD_STR(""), "docs/spec/vocabulary.md", "docs/spec/modes.md" },
	};
	uint32_t actions;
	enum ward_mode mode;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		struct ward_error err = { 0 };

		CASE("%zu: %s", i, cases[i].word.s);
		actions = UINT32_MAX;
		CHECK_EQ_INT(ward_actions_parse(cases[i].word, &actions, &err), WARD_E_CAPABILITY);
		CHECK_EQ_INT(actions, 0);
		CHECK(cases[i].action == NULL || strstr(err.fix, cases[i].action) != NULL);
		memset(&err, 0, sizeof(err));
		mode = WARD_MODE_DANGER_FULL_ACCESS;
		CHECK_EQ_INT(ward_mode_parse(cases[i].word, &mode, &err), WARD_E_CAPABILITY);
		CHECK_EQ_INT(mode, WARD_MODE_NONE);
		CHECK(cases[i].mode == NULL || strstr(err.fix, cases[i].mode) != NULL);
	}
}

static void same_as_file(const char *name, const char *text, size_t n)
{
	static char data[1 << 20];
	char path[4096];
	size_t got;
	FILE *f;

	CASE("%s", name);
	snprintf(path, sizeof(path), "%s/%s", SOURCE_DIR, name);
	f = fopen(path, "re");
	REQUIRE(f != NULL);
	got = fread(data, 1, sizeof(data), f);
	fclose(f);
	CHECK_EQ_INT(got, n);
	CHECK(got == n && memcmp(data, text, n) == 0);
	CHECK_EQ_INT(strlen(text), n);
}

TEST(texts)
{
	char hash[WARD_SHA256_HEX];

	same_as_file("data/ward.cedarschema", ward_schema_text, ward_schema_size);
	ward_sha256_hex(ward_schema_text, ward_schema_size, hash);
	CHECK_STR_EQ(ward_schema_sha256, hash);
	same_as_file("data/modes/dotenv.cedar", ward_dotenv_text, ward_dotenv_size);
	for (unsigned m = WARD_MODE_NONE + 1; m < WARD_MODE_MAX; m++) {
		const struct ward_mode_data *d = ward_mode((enum ward_mode)m);

		REQUIRE(d != NULL);
		same_as_file(d->file, d->text, d->n);
	}
	CHECK(ward_mode(WARD_MODE_NONE) == NULL);
	CHECK(ward_mode(WARD_MODE_MAX) == NULL);
}

TEST(limits)
{
	const struct ward_mode_limits *l;

	for (unsigned m = WARD_MODE_NONE + 1; m < WARD_MODE_MAX; m++) {
		l = &ward_modes[m].limits;
		CASE("%s", ward_modes[m].name);
		CHECK((l->memory == 0) != (l->memory_percent == 0));
		CHECK(l->memory_percent <= 100);
		CHECK(l->pids > 0 && l->disk > 0 && l->grace_ms > 0 && l->nofile > 0);
	}
	l = &ward_modes[WARD_MODE_WORKSPACE_WRITE].limits;
	CHECK_EQ_INT(l->memory_percent, 75);
	CHECK_EQ_INT(l->disk, 4ull << 30);
	CHECK_EQ_INT(l->pids, 8192);
	CHECK_EQ_INT(l->grace_ms, 10000);
	CHECK_EQ_INT(l->millicpus, 0);
	CHECK_EQ_INT(l->timeout_ms, 0);
	CHECK(memcmp(l, &ward_modes[WARD_MODE_REPO_WRITE].limits, sizeof(*l)) == 0);
}

TAP_MAIN();
