/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions about hand-made changes: what policies say of them, what hangs together, and who said yes. */
#include <time.h>

#include "resolve_util.h"
#include "os/os.h"
#include "run/review/judge.h"

static struct ward_arena *arena;
static struct ward_resolver rs;
static struct ward_host host;
static struct ward_book *book;
static struct ward_desk *desk;
static struct ward_change changes[16];
static struct ward_changes all = { .v = changes };
static struct ward_review_terms terms;
static struct ward_review_decisions d;
static const char *unsure;

#define OPTION \
	"permit(principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./\");"

static struct ward_source source_of(const char *name, const char *text)
{
	return (struct ward_source){
		.name = name, .text = ward_str(text), .layer = WARD_LAYER_RUN
	};
}

/* A project with what the option grants, and one more policy. */
static void begin(const char *policy)
{
	static const struct ward_who who = { .run = "r1", .person = "ann", .uid = 1000 };
	struct ward_source sources[3] = { source_of(WARD_REVIEW_OPTION, OPTION),
		source_of("p.cedar", policy) };
	struct ward_book_input in = { .sources = sources, .n_sources = 3, .who = &who };
	struct cedar_diags diags;
	static struct cedar_schema *schema;

	/* The sandbox's own /tmp, where this project lies. */
	sources[2] = source_of("data/base",
		"permit(principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"/tmp\");");
	sources[2].inside = true;
	tree();
	put("layer", NULL, 0755);
	if (!schema) {
		REQUIRE(ward_cedar_diags_init(&diags) == WARD_OK);
		REQUIRE(ward_cedar_schema_parse((struct ward_str){ ward_schema_text,
							ward_schema_size },
				CEDAR_SCHEMA_TEXT, &schema, &diags) == WARD_OK);
		ward_cedar_diags_done(&diags);
	}
	host = host_facts();
	ward_arena_free(arena);
	arena = ward_arena_new(64u << 20);
	REQUIRE(arena);
	rs = (struct ward_resolver){ .arena = arena, .host = &host, .cwd = "/" };
	rs.workspace = ward_arena_strdup(arena, at("ws"));
	REQUIRE(stat(rs.workspace, &rs.workspace_st) == 0);
	in.schema = schema;
	in.workspace = rs.workspace;
	ward_book_freep(&book);
	err = (struct ward_error)WARD_ERROR_INIT;
	CHECK_MSG(ward_book_new(&in, &book, &err) == WARD_OK, "%s", err.message);
	REQUIRE(book);
	if (!desk)
		desk = ward_desk_new();
	ward_close(terms.layer);
	ward_close(terms.root);
	terms = (struct ward_review_terms){ .rs = &rs, .book = book, .desk = desk };
	terms.layer = open(at("layer"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	terms.root = open(at("ws"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	all.n = 0;
}

static struct ward_change *changed(enum ward_change_kind kind, const char *path, mode_t was,
	mode_t mode)
{
	struct ward_change *c = &changes[all.n++];

	*c = (struct ward_change){
		.kind = kind, .path = path, .was_mode = was, .mode = mode, .content = true
	};
	return c;
}
#define ADDED(path) changed(WARD_CHANGE_ADDED, path, 0, S_IFREG | 0644)
#define ADDED_DIR(path) changed(WARD_CHANGE_ADDED, path, 0, S_IFDIR | 0755)
#define GONE(path) changed(WARD_CHANGE_DELETED, path, S_IFREG | 0644, 0)
#define GONE_DIR(path) changed(WARD_CHANGE_DELETED, path, S_IFDIR | 0755, 0)

static void judge(void)
{
	CHECK_MSG(ward_review_judge(&terms, &all, &d, &unsure, &err) == WARD_OK, "%s", err.message);
	REQUIRE(d.n == all.n);
}

static void settle(void)
{
	CHECK_EQ_INT(ward_review_settle(arena, &d, &err), WARD_OK);
}
#define IS(i, effect_) CHECK_STR_EQ(ward_review_effect_name(d.v[i].effect), effect_)

TEST(what_a_policy_forbids_is_refused_with_its_place)
{
	begin("permit(principal, action, resource);\n"
	      "@id(\"keep\") @reason(\"the lawyers say so\") forbid(principal, action == Ward::Action::\"fs.write\", "
	      "resource == Ward::Path::\"./LICENSE\");");
	ADDED("LICENSE");
	ADDED("other");
	changed(WARD_CHANGE_RENAMED, "moved", S_IFREG | 0644, S_IFREG | 0644)->from = "LICENSE";
	judge();
	IS(0, "refuse");
	CHECK_STR_CONTAINS(d.v[0].why, "the lawyers say so");
	CHECK_STR_EQ(d.v[0].rule, "p.cedar:2 keep");
	CHECK_STR_CONTAINS(d.v[0].cure, "p.cedar:2");
	IS(1, "apply");
	IS(2, "refuse");
}

TEST(what_asks_a_person_asks_although_the_option_permits)
{
	begin("@approval(\"critical\") permit(principal, action == Ward::Action::\"fs.write\", resource == Ward::Path::\"./deploy\");\n"
	      "@approval(\"risky\") permit(principal, action == Ward::Action::\"fs.write\", resource == Ward::Path::\"./infra\");\n"
	      "permit(principal, action == Ward::Action::\"fs.write\", resource == Ward::Path::\"./plain\");");
	ADDED("deploy");
	ADDED("infra");
	ADDED("plain");
	ADDED("nobody");
	judge();
	IS(0, "ask");
	CHECK_EQ_INT(d.v[0].level, WARD_APPROVAL_CRITICAL);
	CHECK_STR_EQ(d.v[0].rule, "p.cedar:1");
	IS(1, "ask");
	CHECK_EQ_INT(d.v[1].level, WARD_APPROVAL_RISKY);
	IS(2, "apply");
	IS(3, "apply");
	/* Nobody typed it: what only the option let be waits. */
	terms.automatic = true;
	judge();
	IS(0, "ask");
	IS(2, "apply");
	IS(3, "ask");
	CHECK_STR_CONTAINS(d.v[3].why, "no policy grants it");
}

TEST(without_any_permit_nothing_is_real)
{
	begin("permit(principal, action == Ward::Action::\"fs.read\", resource);");
	ADDED("f");
	terms.book = book;
	judge();
	IS(0, "apply"); /* by the option, and somebody typed it */
	changes[0].path = "../f";
	judge();
	IS(0, "refuse"); /* what is no name below the workspace has no rule */
}

TEST(devices_are_refused_whatever_is_said)
{
	begin("permit(principal, action, resource);");
	changed(WARD_CHANGE_ADDED, "dev", 0, S_IFCHR | 0600);
	changed(WARD_CHANGE_ADDED, "pipe", 0, S_IFIFO | 0600);
	changed(WARD_CHANGE_TYPE, "socket", S_IFREG | 0644, S_IFSOCK | 0600);
	judge();
	ward_review_agreed(&d, WARD_REVIEW_YES_CRITICAL);
	IS(0, "refuse");
	IS(1, "refuse");
	IS(2, "refuse");
	CHECK(!ward_review_is_real(&d.v[0]));
}

TEST(a_yes_is_for_its_level_and_for_what_was_asked_for)
{
	static const char *const only[] = { "a" };

	begin("permit(principal, action, resource);");
	ADDED("a/.envrc");
	changed(WARD_CHANGE_ADDED, "a/tool", 0, S_IFREG | S_ISUID | 0755);
	ADDED("b/.envrc");
	terms.paths = only;
	terms.n_paths = 1;
	judge();
	IS(0, "ask");
	CHECK_EQ_INT(d.v[0].level, WARD_APPROVAL_RISKY);
	CHECK_STR_EQ(d.v[0].cure, "--approve risky");
	IS(1, "ask");
	CHECK_STR_EQ(d.v[1].cure, "--approve critical");
	ward_review_agreed(&d, WARD_REVIEW_YES_NONE);
	IS(0, "ask");
	ward_review_agreed(&d, WARD_REVIEW_YES_RISKY);
	IS(0, "apply");
	CHECK_STR_EQ(d.v[0].how, "--approve");
	IS(1, "ask");
	ward_review_agreed(&d, WARD_REVIEW_YES_CRITICAL);
	IS(1, "apply");
	IS(2, "ask"); /* it was not asked for */
	CHECK(!d.v[2].wanted);
}

TEST(all_names_of_one_file_share_the_strictest_word)
{
	begin("permit(principal, action, resource);");
	ADDED(".envrc");
	ADDED("innocent");
	ADDED("alone");
	changes[0].n_links = changes[1].n_links = 2;
	changes[0].ino = changes[1].ino = 7;
	changes[2].n_links = 2;
	changes[2].ino = 8;
	judge();
	IS(0, "ask");
	IS(1, "ask");
	IS(2, "apply");
}

/* The second of them is in the way of what somebody else did. */
static int in_the_way(struct ward_workspace *w, const struct ward_change *c, const char **ret,
	struct ward_arena *a, struct ward_error *e)
{
	(void)w, (void)a, (void)e;
	*ret = strcmp(c->path, "a") == 0 ? "somebody changed it" : NULL;
	return WARD_OK;
}

TEST(a_conflict_of_one_name_hides_no_question_of_another)
{
	begin("permit(principal, action, resource);");
	ADDED("a");
	ADDED(".envrc");
	ADDED("innocent");
	for (int i = 0; i < 3; i++) {
		changes[i].n_links = 3;
		changes[i].ino = 7;
	}
	terms.conflict = in_the_way;
	judge();
	IS(0, "conflict");
	IS(1, "ask");
	IS(2, "ask");
}

TEST(what_it_is_is_said_whatever_a_policy_asks)
{
	begin("@approval(\"critical\") permit(principal, action == Ward::Action::\"fs.write\", resource);");
	ADDED(".envrc");
	changed(WARD_CHANGE_ADDED, "tool", 0, S_IFREG | S_ISUID | 0755);
	judge();
	for (int i = 0; i < 2; i++) {
		IS(i, "ask");
		CHECK_EQ_INT(d.v[i].level, WARD_APPROVAL_CRITICAL);
		CHECK_STR_CONTAINS(d.v[i].why, "a rule asks a person");
		CHECK_STR_EQ(d.v[i].rule, "p.cedar:1");
	}
	CHECK_STR_CONTAINS(d.v[0].why, "on entering the directory");
	CHECK_STR_CONTAINS(d.v[1].why, "it runs as its owner");
}

TEST(a_directory_stays_while_something_in_it_does)
{
	begin("permit(principal, action, resource);");
	GONE_DIR("a");
	GONE("a/.envrc");
	GONE_DIR("a/b");
	GONE("a/b/f");
	judge();
	settle();
	IS(0, "behind");
	IS(1, "ask");
	IS(2, "apply");
	IS(3, "apply");
}

TEST(what_lies_in_what_waits_waits)
{
	begin("permit(principal, action, resource);");
	ADDED_DIR(".vscode");
	ADDED(".vscode/x/y");
	changed(WARD_CHANGE_TYPE, "f", S_IFREG | 0644, S_IFDIR | 0755);
	ADDED("f/g");
	judge();
	d.v[2].effect = WARD_REVIEW_CONFLICT;
	settle();
	IS(0, "ask");
	IS(1, "ask");
	IS(3, "behind");
	ward_review_agreed(&d, WARD_REVIEW_YES_RISKY);
	settle();
	IS(0, "apply");
	IS(1, "apply");
}

TEST(a_name_that_begins_like_a_directory_does_not_hide_what_lies_in_that)
{
	begin("permit(principal, action, resource);");
	ADDED_DIR("f");
	ADDED("f-g");
	ADDED("f.d");
	ADDED("f/x");
	judge();
	d.v[0].effect = WARD_REVIEW_CONFLICT;
	settle();
	IS(1, "apply");
	IS(2, "apply");
	IS(3, "behind");
}

TEST(which_path_lies_in_which)
{
	static const char *const paths[] = { "a", "a-", "a-/b", "a.b", "a/b", "a/b!", "a/b/c/d",
		"a/b/c/e", "aa/b", "b", "c/d/e", "c/d/e/f" };
	static const uint32_t wanted[] = { WARD_PATHS_NONE, WARD_PATHS_NONE, 1, WARD_PATHS_NONE, 0,
		0, 4, 4, WARD_PATHS_NONE, WARD_PATHS_NONE, WARD_PATHS_NONE, 10 };
	uint32_t above[WARD_ARRAY_SIZE(paths)];

	ward_paths_above(paths, WARD_ARRAY_SIZE(paths), above);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(paths); i++) {
		CASE("%s", paths[i]);
		CHECK_EQ_INT(above[i], wanted[i]);
	}
	ward_paths_above(NULL, 0, NULL);
}

/*
 * The processor's time to settle new files at the end of a path of many directories, or, as long a
 * path, of two. The files' directory is the last of the changes before them.
 */
static clock_t settling(const char *between)
{
	enum { DEEP = 500, FILES = 4000 };
	static struct ward_change v[DEEP + FILES];
	static struct ward_review_decision one[DEEP + FILES];
	struct ward_review_decisions many = { .v = one, .n = DEEP + FILES };
	static char path[8 * DEEP + 16];
	struct ward_error error = WARD_ERROR_INIT;
	clock_t began;

	begin("permit(principal, action, resource);");
	for (size_t i = 0; i < DEEP + FILES; i++) {
		if (i < DEEP)
			(void)snprintf(path + (i ? 7 * i - 1 : 0), 16, "%sdddddd",
				i == 0 ? "" : (i == DEEP - 1 ? "/" : between));
		else
			(void)snprintf(path + 7 * DEEP - 1, 16, "/f%06zu", i);
		v[i] = (struct ward_change){ .kind = WARD_CHANGE_ADDED,
			.path = ward_arena_strdup(arena, path),
			.mode = i < DEEP ? S_IFDIR | 0755 : S_IFREG | 0644 };
		one[i] = (struct ward_review_decision){
			.change = &v[i], .effect = WARD_REVIEW_APPLY, .wanted = true
		};
		if (!v[i].path)
			break;
	}
	if (!v[DEEP + FILES - 1].path)
		FAIL("no memory");
	began = clock();
	CHECK_EQ_INT(ward_review_settle(arena, &many, &error), WARD_OK);
	began = clock() - began;
	CHECK(ward_review_is_real(&one[DEEP + FILES - 1]));
	return began;
}

/* A run makes as many files as it likes, as deep as there are paths: in ratio, as a machine or a sanitizer has its own pace. */
TEST(what_lies_deep_takes_no_longer_for_it)
{
	clock_t best = settling("/"), other = settling("-");

	for (int i = 0; i < 2; i++) {
		clock_t deep = settling("/"), flat = settling("-");

		best = deep < best ? deep : best;
		other = flat < other ? flat : other;
	}
	printf("# %ld us deep, %ld us flat\n", (long)best, (long)other);
	CHECK_MSG(best < 10 * other, "%ld us deep, %ld us flat", (long)best, (long)other);
}

TEST(new_directories_come_with_what_was_asked_for_in_them)
{
	static const char *const only[] = { "n/m/f" };

	begin("permit(principal, action, resource);");
	ADDED_DIR("n");
	ADDED_DIR("n/m");
	ADDED("n/m/f");
	ADDED("n/other");
	terms.paths = only;
	terms.n_paths = 1;
	judge();
	settle();
	CHECK(ward_review_is_real(&d.v[0]) && ward_review_is_real(&d.v[1]) &&
		ward_review_is_real(&d.v[2]));
	CHECK(!ward_review_is_real(&d.v[3]));
}

TEST(theirs_forgets_and_is_no_way_around_a_question)
{
	static const char *const one[] = { ".envrc" };

	begin("permit(principal, action, resource);");
	ADDED(".envrc");
	terms.theirs = one;
	terms.n_theirs = 1;
	judge();
	IS(0, "apply");
	CHECK_EQ_INT(d.v[0].side, WARD_COMMIT_THEIRS);
	terms.n_theirs = 0;
	terms.ours = one;
	terms.n_ours = 1;
	judge();
	IS(0, "ask");
}

TAP_MAIN();
