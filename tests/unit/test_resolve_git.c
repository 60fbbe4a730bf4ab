/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where git keeps what, found by looking: a clone, a worktree, a submodule, what names another directory or none, and what git obeys
 * outside. Every repository here is made of files, so that each can be broken in one place.
 */
#include "os/os.h"
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
	REQUIRE(stat(rs.workspace, &rs.workspace_st) == 0);
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

/* Anybody may make a .git in a directory that all may write: it must not be the top of what may be read. */
TEST(what_lies_above_and_is_none)
{
	tree();
	put("ws/.git", NULL, 0755);
	look_from("ws/dir");
	CHECK_NULL(found.top);
	CHECK(said_so("it is no directory of git's"));
	GUARDED("ws/dir/.git");
	tree();
	put("ws/.git", "gitdir: nowhere\n", 0644);
	look_from("ws/dir");
	CHECK_NULL(found.top);
	/* Where the workspace is the top, there is nothing to widen. */
	tree();
	put("ws/.git", NULL, 0755);
	look_from("ws");
	CHECK_STR_EQ(found.top, at("ws"));
}

TEST(what_lies_above_and_is_another_users)
{
	static const struct {
		uid_t git, top, workspace;
		bool counts;
	} rows[] = {
		{ 0, 0, 0, true },
		{ 12345, 0, 0, false },
		{ 12345, 12345, 0, false },
		{ 12345, 0, 12345, false },
		{ 12345, 12345, 12345, true },
		{ 0, 12345, 12345, false },
		{ 0, 0, 12345, true },
	};

	if (getuid() != 0)
		SKIP("only root can give files away");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		tree();
		repository("ws/.git");
		REQUIRE(chown(at("ws/.git"), rows[i].git, 0) == 0 &&
			chown(at("ws"), rows[i].top, 0) == 0 &&
			chown(at("ws/dir"), rows[i].workspace, 0) == 0);
		look_from("ws/dir");
		CHECK_EQ_INT(found.top != NULL, rows[i].counts);
		CHECK_EQ_INT(found.dirs.n, rows[i].counts);
		CHECK_EQ_INT(said_so("above the workspace"), !rows[i].counts);
	}
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
	GUARDED("ws/hooks");
	GUARDED("ws/config");
}

TEST(links)
{
	/* Out of the repository: nothing of what it leads to is granted, and nobody inside writes it. */
	tree();
	repository("main/.git");
	put_link("ws/.git", at("main/.git"));
	look_from("ws");
	CHECK_STR_EQ(found.top, at("ws"));
	CHECK_EQ_INT(found.dirs.n, 0);
	CHECK(said_so("a link leads to it"));
	GUARDED("main/.git");
	CHECK(has(&found.links, "ws/.git"));
	/* Into it. */
	tree();
	repository("ws/real");
	put_link("ws/.git", "real");
	look_from("ws");
	DIRS("ws/real");
	GUARDED("ws/real/hooks");
	CHECK(has(&found.links, "ws/.git"));
	/* To nothing yet. */
	tree();
	put_link("ws/.git", "real");
	look_from("ws");
	GUARDED("ws/real");
	CHECK(has(&found.links, "ws/.git"));
	/* Hooks, as a whole and one by one. */
	tree();
	repository("ws/.git");
	put("ws/scripts/pc", "", 0755);
	put("ws/.git/hooks/x.sample", "", 0755);
	put_link("ws/.git/hooks/pre-commit", "../../scripts/pc");
	put_link("ws/.git/hooks/post-commit", "../../scripts/none/there");
	put_link("ws/.git/info", "../a/b");
	look_from("ws");
	GUARDED("ws/scripts/pc");
	GUARDED("ws/scripts/none/there");
	GUARDED("ws/a/b");
	CHECK(has(&found.links, "ws/.git/hooks/pre-commit"));
	CHECK_NULL(found.unsure);
	/* A circle leads nowhere. */
	tree();
	repository("ws/.git");
	put_link("ws/.git/hooks", "hooks2");
	put_link("ws/.git/hooks2", "hooks");
	look_from("ws");
	DIRS("ws/.git");
	REQUIRE(found.unsure);
	CHECK_STR_CONTAINS(found.unsure, "leads too far");
}

TEST(a_second_name)
{
	static const char *const names[] = { "config", "hooks/pre-commit" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		tree();
		repository("ws/.git");
		put("ws/.git/hooks/pre-commit", "", 0755);
		put_in("ws/.git", "other", "");
		(void)unlink(at("ws/other"));
		REQUIRE(link(at(i == 0 ? "ws/.git/config" : "ws/.git/hooks/pre-commit"),
				at("ws/other")) == 0);
		look_from("ws");
		REQUIRE(found.unsure);
		CHECK_STR_CONTAINS(found.unsure, names[i]);
	}
}

TEST(more_than_can_be_guarded)
{
	char rel[64];

	tree();
	repository("ws/.git");
	for (unsigned i = 0; i < 1200; i++) {
		snprintf(rel, sizeof(rel), "ws/.git/hooks/h%u", i);
		put_link(rel, "../../gh");
	}
	look_from("ws");
	CHECK(found.links.n <= 1024);
	REQUIRE(found.unsure);
	CHECK_STR_CONTAINS(found.unsure, "more names");
}

/* Of a store that is another user's: who cannot write the file cannot do so by another name. */
TEST(a_second_name_of_another_users)
{
	if (getuid() != 0)
		SKIP("only root can give files away");
	tree();
	repository("ws/.git");
	put("ws/.git/hooks/pre-commit", "", 0755);
	REQUIRE(link(at("ws/.git/hooks/pre-commit"), at("ws/other")) == 0 &&
		chown(at("ws/other"), 12345, 12345) == 0);
	look_from("ws");
	CHECK_NULL(found.unsure);
	REQUIRE(chmod(at("ws/other"), 0775) == 0);
	look_from("ws");
	CHECK(found.unsure != NULL);
}

/* Not believed is not unguarded: git may believe it. */
TEST(what_is_not_believed_is_guarded)
{
	char text[512];

	tree();
	repository("ws/gd");
	put("ws/.git", "gitdir: gd\n", 0644);
	look_from("ws");
	CHECK_EQ_INT(found.dirs.n, 0);
	GUARDED("ws/gd");
	/* It may come to be. */
	tree();
	put("ws/.git", "gitdir: gd/x\n", 0644);
	look_from("ws");
	GUARDED("ws/gd/x");
	/* The workspace itself: what git obeys in it, and the rest can be written. */
	tree();
	repository("ws");
	put("ws/.git", "gitdir: .\n", 0644);
	look_from("ws");
	GUARDED("ws/hooks");
	CHECK(!has(&found.guarded, "ws"));
	/* Another repository's history is not granted by naming it as the common one. */
	tree();
	repository("other/.git");
	repository("ws/.git");
	snprintf(text, sizeof(text), "%s\n", at("other/.git"));
	put("ws/.git/commondir", text, 0644);
	look_from("ws");
	CHECK_EQ_INT(found.dirs.n, 0);
	CHECK(said_so("does not have it among its work trees"));
	GUARDED("ws/.git");
	GUARDED("other/.git");
}

TEST(other_worktrees)
{
	worktree();
	put("main/.git/worktrees/two/HEAD", "", 0644);
	look_from("ws");
	GUARDED("main/.git/worktrees/two");
	CHECK(!has(&found.guarded, "main/.git/worktrees/ws"));
	look_from("main");
	DIRS("main/.git");
	GUARDED("main/.git/worktrees");
}

TEST(submodules)
{
	tree();
	repository("ws/.git");
	repository("ws/.git/modules/a/b");
	put("ws/.git/modules/a/b/config", "[core]\n\tworktree = ../../../../sub/ab\n", 0644);
	repository("ws/.git/modules/a/b/modules/deep");
	put("ws/.git/modules/a/b/modules/deep/config",
		"[core]\n\tworktree = ../../../../../../sub/ab/deep\n", 0644);
	put("ws/sub/ab/.git", "gitdir: x\n", 0644);
	put("ws/sub/ab/deep/.git", "gitdir: x\n", 0644);
	/* One with its directory in it, one that was never fetched, and names that are none. */
	put("ws/.gitmodules",
		"[submodule \"c\"]\n\tpath = c\n[submodule \"d\"]\n\tpath = d\n"
		"[submodule \"e\"]\n\tpath = .\n[submodule \"f\"]\n\tpath = ../main\n[submodule \"g\"]\n\tpath = /etc\n",
		0644);
	repository("ws/c/.git");
	put("ws/d", NULL, 0755);
	put("main", NULL, 0755);
	look_from("ws");
	GUARDED("ws/sub/ab/.git");
	GUARDED("ws/sub/ab/deep/.git");
	GUARDED("ws/c/.git");
	GUARDED("ws/d");
	CHECK(!has(&found.guarded, "ws"));
	CHECK(!has(&found.guarded, "ws/.git"));
	CHECK(!has(&found.guarded, "main"));
	CHECK(!has(&found.guarded, "main/.git"));
	CHECK(!has(&found.guarded, "/etc"));
	CHECK(!has(&found.guarded, "/etc/.git"));
}

TEST(includes_of_includes_and_of_the_caller)
{
	tree();
	repository("ws/.git");
	put("ws/.git/config", "\xef\xbb\xbf[include]\n\tpath = ../one.inc\n\tpath = ../none.inc\n",
		0644);
	put("ws/one.inc", "[include] path = dir/two.inc\n[core] fsmonitor = tools/watch 2\n", 0644);
	put("ws/dir/two.inc",
		"[include]\n path = ../one.inc\n[core]\n hooksPath = .hooks\n[filter \"x\"]\n clean = sh 'tools/clean' %f\n",
		0644);
	put("ws/tools/watch", "", 0755);
	put("ws/tools/clean", "", 0755);
	put("home/.gitconfig", "[core]\n hooksPath = .githooks\n[alias]\n\tx = y\n", 0644);
	look_from("ws");
	GUARDED("ws/one.inc");
	GUARDED("ws/none.inc");
	GUARDED("ws/dir/two.inc");
	GUARDED("ws/.hooks");
	GUARDED("ws/.githooks");
	GUARDED("ws/tools/watch");
	GUARDED("ws/tools/clean");
	CHECK_NULL(found.unsure);
	/* An empty file for what may be included, since a directory would be an error to git. */
	CHECK_STR_EQ(ward_git_stand_in(&found, at("ws/none.inc")), "");
	CHECK_STR_EQ(ward_git_stand_in(&found, at("ws/.git/commondir")), ".\n");
	CHECK_NULL(ward_git_stand_in(&found, at("ws/.hooks")));
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
	GUARDED("home/mine.inc");
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
	static char big[(1 << 20) + 2];

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
	REQUIRE(found.unsure);
	CHECK_STR_CONTAINS(found.unsure, "is not read");
	ward_arena_free(arena);
	arena = NULL;
}

/* While things are made a name may become another directory's: none that was opened before then is looked into. */
/* The run that keeps a name away ends between two looks. */
TEST(what_was_kept_away_and_is_gone_was_nobodys)
{
	struct ward_target t;
	char was[512];
	int fd;

	tree();
	arena = ward_arena_new(1u << 20);
	REQUIRE(arena);
	rs = (struct ward_resolver){ .arena = arena };
	REQUIRE(mkdir(at("pin"), 0755) == 0);
	(void)snprintf(was, sizeof(was), "%s", at("pin"));
	CHECK_EQ_INT(ward_rs_target(&rs, was, &t), 0);
	CHECK(!ward_rs_is_pin(&t));
	REQUIRE(chmod(was, WARD_PIN_MODE) == 0);
	CHECK_EQ_INT(ward_rs_target(&rs, was, &t), 0);
	CHECK(ward_rs_is_pin(&t));
	fd = open(was, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	CHECK(ward_fd_is_pin(fd));
	REQUIRE(rmdir(was) == 0);
	CHECK(ward_rs_is_pin(&t));
	CHECK(ward_was_pin(AT_FDCWD, was) && !ward_is_pin(AT_FDCWD, was));
	CHECK(ward_fd_is_pin(fd));
	close(fd);
	/* Somebody's own in its place, or in it, is no pin. */
	put("pin/note", "mine", 0644);
	CHECK(!ward_rs_is_pin(&t));
	REQUIRE(chmod(was, WARD_PIN_MODE) == 0);
	CHECK(!ward_rs_is_pin(&t) && !ward_was_pin(AT_FDCWD, was));
	fd = open(was, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	CHECK(!ward_fd_is_pin(fd));
	close(fd);
	fd = open(at("pin/note"), O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && fchmod(fd, WARD_PIN_MODE & ~0111) == 0);
	CHECK(!ward_fd_is_pin(fd));
	CHECK(!ward_was_pin(AT_FDCWD, at("pin/note")));
	close(fd);
	/* Nor is what cannot be looked at. */
	CHECK(!ward_was_pin(AT_FDCWD, at("pin/note/x")));
	ward_arena_free(arena);
	arena = NULL;
}

TEST(a_directory_that_was_replaced_is_looked_up_anew)
{
	struct ward_rs_dirs dirs = { .n = 0 };
	struct ward_target t;

	tree();
	put("d/old", "", 0644);
	put("d/older", "", 0644);
	arena = ward_arena_new(1u << 20);
	REQUIRE(arena);
	rs = (struct ward_resolver){ .arena = arena, .dirs = &dirs };
	ward_rs_dirs_remember(&dirs, true);
	CHECK_EQ_INT(ward_rs_target(&rs, at("d/older"), &t), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ_INT(ward_rs_target(&rs, at("d/old"), &t), 0);
	CHECK(S_ISREG(t.st.st_mode));
	CHECK_STR_EQ(t.path, at("d/old"));
	CHECK(dirs.n > 0);
	REQUIRE(rename(at("d"), at("e")) == 0);
	put("d/new", "", 0644);
	ward_rs_dirs_remember(&dirs, false);
	CHECK_EQ_INT(ward_rs_target(&rs, at("d/new"), &t), 0);
	CHECK_EQ_INT(ward_rs_target(&rs, at("d/old"), &t), -ENOENT);
	ward_rs_dirs_done(&dirs);
	ward_arena_free(arena);
	arena = NULL;
}

/* A directory that lacked many names is read: then it is known to lack others, and has what it has. */
TEST(a_directory_that_lacks_much_is_read_once)
{
	struct ward_rs_dirs dirs = { .n = 0 };
	struct ward_target t;
	char name[16];

	tree();
	put("d/there", "", 0644);
	REQUIRE(symlink("there", at("d/link")) == 0);
	arena = ward_arena_new(1u << 20);
	REQUIRE(arena);
	rs = (struct ward_resolver){ .arena = arena, .dirs = &dirs };
	ward_rs_dirs_remember(&dirs, true);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "d/no%d", i);
		CHECK_EQ_INT(ward_rs_target(&rs, at(name), &t), -ENOENT);
	}
	REQUIRE(dirs.n > 0);
	CHECK(dirs.v[dirs.n - 1].missed < 20);
	CHECK_EQ_INT(ward_rs_target(&rs, at("d/there"), &t), 0);
	CHECK_EQ_INT(ward_rs_target(&rs, at("d/link"), &t), 0);
	CHECK_STR_EQ(t.path, at("d/there"));
	CHECK(ward_rs_is_link(&rs, at("d/link")));
	CHECK(!ward_rs_is_link(&rs, at("d/there")));
	CHECK(!ward_rs_is_link(&rs, at("d/no1")));
	ward_rs_dirs_remember(&dirs, false);
	put("d/no99", "", 0644);
	for (int i = 0; i < 3; i++)
		CHECK_EQ_INT(ward_rs_target(&rs, at("d/no99"), &t), 0);
	ward_rs_dirs_done(&dirs);
	ward_arena_free(arena);
	arena = NULL;
}

TAP_MAIN();
