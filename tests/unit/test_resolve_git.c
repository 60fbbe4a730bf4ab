/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where git keeps what, found by looking: a clone, a worktree, a submodule, what names another directory or none, and what git obeys
 * outside. Every repository here is made of files, so that each can be broken in one place.
 */
#include "resolve_util.h"
#include "run/resolve/look.h"

static struct ward_arena *arena;
static struct ward_resolver rs;
static struct ward_git found;

/* The workspace is rel. */
static void look_from(const char *rel)
{
	static struct ward_host host;

	host = host_facts();
	ward_arena_free(arena);
	arena = ward_arena_new(1u << 20);
	REQUIRE(arena);
	memset(&err, 0, sizeof(err));
	rs = (struct ward_resolver){ .arena = arena, .host = &host };
	rs.workspace = ward_arena_strdup(arena, at(rel));
	REQUIRE(rs.workspace);
	CHECK_EQ_INT(ward_rs_git(&rs, &found, &err), WARD_OK);
}

static bool has(const struct ward_texts *t, const char *rel)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i], rel[0] == '/' ? rel : at(rel)) == 0)
			return true;
	return false;
}
#define DIRS(rel) CHECK_MSG(has(&found.dirs, rel), "not among git's directories: %s", rel)
#define GUARDED(rel) CHECK_MSG(has(&found.guarded, rel), "not guarded: %s", rel)

static bool said_so(const char *part)
{
	for (size_t i = 0; i < rs.warnings.n; i++)
		if (strstr(rs.warnings.v[i], part))
			return true;
	return false;
}

static void put_in(const char *dir, const char *name, const char *text)
{
	char rel[256];

	snprintf(rel, sizeof(rel), "%s/%s", dir, name);
	put(rel, text, text ? 0644 : 0755);
}

static void repository(const char *dir)
{
	put_in(dir, "HEAD", "ref: refs/heads/main\n");
	put_in(dir, "objects/x", "");
	put_in(dir, "refs/x", "");
	put_in(dir, "config", "[core]\n\tbare = false\n");
}

/* main/.git with the worktree ws of it. */
static void worktree(void)
{
	char text[512];

	tree();
	repository("main/.git");
	put("main/.git/worktrees/ws/HEAD", "ref: refs/heads/work\n", 0644);
	put("main/.git/worktrees/ws/commondir", "../..\n", 0644);
	snprintf(text, sizeof(text), "%s\n", at("ws/.git"));
	put("main/.git/worktrees/ws/gitdir", text, 0644);
	snprintf(text, sizeof(text), "gitdir: %s\n", at("main/.git/worktrees/ws"));
	put("ws/.git", text, 0644);
}

TEST(no_repository)
{
	tree();
	look_from("ws");
	CHECK_NULL(found.top);
	CHECK_EQ_INT(found.dirs.n, 0);
	/* One that came to be would be obeyed by the next git that is run there. */
	GUARDED("ws/.git");
	CHECK_EQ_INT(found.guarded.n, 1);
}

TEST(plain_clone)
{
	static const char *const names[] = { "hooks", "config", "info", "modules", "commondir" };
	char rel[64];

	tree();
	repository("ws/.git");
	look_from("ws");
	CHECK_STR_EQ(found.top, at("ws"));
	DIRS("ws/.git");
	CHECK_EQ_INT(found.dirs.n, 1);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		snprintf(rel, sizeof(rel), "ws/.git/%s", names[i]);
		GUARDED(rel);
	}
	CHECK_EQ_INT(found.guarded.n, WARD_ARRAY_SIZE(names));
	CHECK_EQ_INT(rs.warnings.n, 0);
}

TEST(below_the_top)
{
	tree();
	repository("ws/.git");
	look_from("ws/dir");
	CHECK_STR_EQ(found.top, at("ws"));
	DIRS("ws/.git");
	GUARDED("ws/dir/.git");
}

TEST(home_under_version_control_is_not_meant)
{
	tree();
	repository("home/.git");
	put("home/project", NULL, 0755);
	look_from("home/project");
	CHECK_NULL(found.top);
	CHECK_EQ_INT(found.dirs.n, 0);
	GUARDED("home/project/.git");
}

TEST(a_worktree)
{
	worktree();
	look_from("ws");
	CHECK_STR_EQ(found.top, at("ws"));
	DIRS("main/.git/worktrees/ws");
	DIRS("main/.git");
	CHECK_EQ_INT(found.dirs.n, 2);
	GUARDED("ws/.git");
	GUARDED("main/.git/hooks");
	GUARDED("main/.git/config");
	GUARDED("main/.git/worktrees/ws/gitdir");
	GUARDED("main/.git/worktrees/ws/commondir");
	CHECK_EQ_INT(rs.warnings.n, 0);
}

TEST(a_submodule)
{
	tree();
	repository("super/.git");
	repository("super/.git/modules/sub");
	put("super/.git/modules/sub/config", "[core]\n\tworktree = ../../../sub\n", 0644);
	put("super/sub/.git", "gitdir: ../.git/modules/sub\n", 0644);
	look_from("super/sub");
	CHECK_STR_EQ(found.top, at("super/sub"));
	DIRS("super/.git/modules/sub");
	CHECK_EQ_INT(found.dirs.n, 1);
	GUARDED("super/sub/.git");
	GUARDED("super/.git/modules/sub/hooks");
}

/* A ".git" file of the workspace is not believed: nothing of what it names is granted, and the file stays guarded. */
static void refuses(const char *text, const char *why)
{
	put("ws/.git", text, 0644);
	look_from("ws");
	CHECK_MSG(found.dirs.n == 0, "%s: %s", text, found.dirs.n ? found.dirs.v[0] : "");
	GUARDED("ws/.git");
	CHECK_MSG(said_so(why), "%s: %s", text, rs.warnings.n ? rs.warnings.v[0] : "no warning");
	CHECK_STR_EQ(found.top, at("ws"));
}

TEST(a_gitfile_that_lies)
{
	char text[512];

	tree();
	repository("other/.git");
	snprintf(text, sizeof(text), "gitdir: %s\n", at("other/.git"));
	refuses(text, "does not name it in return");
	refuses("gitdir: ../other/.git\n", "does not name it in return");
	refuses("gitdir: /etc\n", "it is no directory of git's");
	refuses("gitdir: /\n", "it is no directory of git's");
	refuses("gitdir: ..\n", "it is no directory of git's");
	refuses("gitdir: /etc/passwd\n", "it names no directory");
	refuses("gitdir: /nonexistent/x\n", "it names no directory");
	refuses("gitdir: \n", "it names no directory");
	refuses("gitdir:/etc\n", "it names no directory");
	refuses("", "it names no directory");
	/* The other's own worktree is somewhere else: its answer names another file. */
	put("other/.git/gitdir", "/elsewhere/.git\n", 0644);
	snprintf(text, sizeof(text), "gitdir: %s\n", at("other/.git"));
	refuses(text, "does not name it in return");
}

TEST(a_worktree_that_was_changed)
{
	worktree();
	put("main/.git/worktrees/ws/commondir", "/etc\n", 0644);
	look_from("ws");
	CHECK_EQ_INT(found.dirs.n, 0);
	CHECK(said_so("it is no directory of git's"));

	worktree();
	put("main/.git/worktrees/ws/commondir", "/nonexistent\n", 0644);
	look_from("ws");
	CHECK_EQ_INT(found.dirs.n, 0);
	CHECK(said_so("its commondir names no directory"));

	worktree();
	put("main/.git/worktrees/ws/gitdir", "/elsewhere/.git\n", 0644);
	look_from("ws");
	CHECK_EQ_INT(found.dirs.n, 0);
	CHECK(said_so("does not name it in return"));
}

TEST(another_users)
{
	if (getuid() != 0)
		SKIP("only root can give files away");
	worktree();
	REQUIRE(chown(at("main/.git"), 12345, 12345) == 0);
	look_from("ws");
	CHECK_EQ_INT(found.dirs.n, 0);
	CHECK(said_so("another user's"));
}

TEST(broken_and_bare)
{
	static const char *const parts[] = { "HEAD", "objects", "refs" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++) {
		char rel[64];

		tree();
		repository("ws/.git");
		snprintf(rel, sizeof(rel), "ws/.git/%s/x", parts[i]);
		(void)unlink(at(rel));
		snprintf(rel, sizeof(rel), "ws/.git/%s", parts[i]);
		REQUIRE(remove(at(rel)) == 0);
		look_from("ws");
		CHECK_EQ_INT(found.dirs.n, 0);
		CHECK(said_so("it is no directory of git's"));
	}
	/* A bare repository has no work tree: it is a directory like any other, and .git in it is kept from coming to be. */
	tree();
	repository("ws");
	look_from("ws");
	CHECK_NULL(found.top);
	GUARDED("ws/.git");
	/* A link is nobody's habit. */
	tree();
	repository("main/.git");
	put_link("ws/.git", at("main/.git"));
	look_from("ws");
	CHECK_NULL(found.top);
	CHECK_EQ_INT(found.dirs.n, 0);
	GUARDED("ws/.git");
}

TEST(what_the_configuration_names)
{
	tree();
	repository("ws/.git");
	put("ws/.git/config",
		"[core]\n\thooksPath = tools/hooks\n[include]\n\tpath = ../shared.inc\n\tpath = own.inc\n"
		"[includeIf \"gitdir:x\"]\n\tpath = /opt/some.inc\n[include]\n\tpath = ~/mine.inc\n",
		0644);
	put("ws/shared.inc", "", 0644);
	look_from("ws");
	GUARDED("ws/tools/hooks"); /* from the top, and though it is not there yet */
	GUARDED("ws/shared.inc"); /* from where the configuration lies */
	GUARDED("ws/.git/own.inc");
	GUARDED("/opt/some.inc");
	CHECK(!has(&found.guarded, "home/mine.inc"));
	/* Guarded is all that it comes to: nothing outside is granted for having been named. */
	CHECK_EQ_INT(found.dirs.n, 1);
}

TEST(configuration_of_each_worktree)
{
	static const char *const says[] = { "[extensions]\n\tworktreeConfig = true\n",
		"[extensions]\n\tworktreeConfig\n", "[Extensions] WorktreeConfig ; yes\n",
		"[extensions]worktreeconfig=1" };

	/* Not there, and git does not look for it. */
	worktree();
	look_from("ws");
	CHECK(!has(&found.guarded, "main/.git/config.worktree"));
	/* Not there, and git does, however it is written. */
	for (size_t i = 0; i < WARD_ARRAY_SIZE(says); i++) {
		worktree();
		put("main/.git/config", says[i], 0644);
		look_from("ws");
		GUARDED("main/.git/config.worktree");
		GUARDED("main/.git/worktrees/ws/config.worktree");
	}
	/* There. */
	tree();
	repository("ws/.git");
	put("ws/.git/config.worktree", "", 0644);
	look_from("ws");
	GUARDED("ws/.git/config.worktree");
}

TEST(keys_behind_the_head_of_their_section)
{
	tree();
	put("ws/x.inc", "", 0644);
	put("ws/y.inc", "", 0644);
	repository("ws/.git");
	put("ws/.git/config",
		"[core] hooksPath = tools/hooks\n[includeIf \"a]\\\"]b\"]path = ../x.inc\n[other] path = ../y.inc\n"
		"[core]\n\thooksPath\n",
		0644);
	look_from("ws");
	GUARDED("ws/tools/hooks");
	GUARDED("ws/x.inc");
	CHECK(!has(&found.guarded, "ws/y.inc"));
	CHECK(!has(&found.guarded, "ws/true"));
}

TEST(hooks_of_a_worktree_and_odd_configurations)
{
	static char big[300 << 10];

	worktree();
	put("main/.git/config", "[core]\n\thookspath = .hooks\n", 0644);
	look_from("ws");
	GUARDED("ws/.hooks");

	tree();
	repository("ws/.git");
	put("ws/.git/config", "[core\nhooksPath = x\n[core]\n hooksPath\n\x01\xff = \n", 0644);
	look_from("ws");
	DIRS("ws/.git");
	/* Over what is read: still git's directory, with what is always guarded. */
	memset(big, '#', sizeof(big) - 1);
	put("ws/.git/config", big, 0644);
	look_from("ws");
	DIRS("ws/.git");
	GUARDED("ws/.git/config");
	ward_arena_free(arena);
	arena = NULL;
}

TAP_MAIN();
