/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: places, grants, patterns, links, the base view and the environment, each on a real tree. */
#include <sys/wait.h>

#include "resolve_util.h"

/* ---- grants ---- */

TEST(a_workspace_grants_nothing)
{
	tree();
	OK(RUN("--", "true"));
	CHECK_STR_EQ(shows(), "d ws/");
	CHECK_STR_EQ(plan->workspace, at("ws"));
	CHECK_STR_EQ(plan->cwd, at("ws"));
	OK(RUN("--workspace", at("out"), "--", "true"));
	CHECK_STR_EQ(shows(), "d out/");
	CHECK_STR_EQ(plan->cwd, at("out"));
}

TEST(literals)
{
	static const struct {
		const char *words[MAX_WORDS];
		const char *want;
	} rows[] = {
		{ { "--read", "f", "--", "true" }, "d ws/, r ws/f" },
		{ { "--read", "./f", "--", "true" }, "d ws/, r ws/f" },
		{ { "--write", "f", "--", "true" }, "d ws/, w ws/f" },
		{ { "--read", ".", "--", "true" }, "r ws/" },
		{ { "--write", "dir", "--", "true" }, "d ws/, w ws/dir/" },
		{ { "--write", "dir/", "--", "true" }, "d ws/, w ws/dir/" },
		{ { "--read", ".", "--write", "dir", "--", "true" }, "r ws/, w ws/dir/" },
		{ { "--write", ".", "--read", "dir", "--", "true" }, "w ws/" },
		{ { "--read", "f", "--write", "f", "--", "true" }, "d ws/, w ws/f" },
		{ { "--read", ".", "--read", "f", "--", "true" }, "r ws/" },
		{ { "--cap", "FILE_READ:f", "--", "true" }, "d ws/, r ws/f" },
		{ { "--cap", "FILE_READ:dir/**", "--", "true" }, "d ws/, r ws/dir/" },
		{ { "--cap", "FILE_WRITE:**", "--", "true" }, "w ws/" },
		{ { "--cap", "FILE_READ:./**", "--", "true" }, "r ws/" },
		{ { "--cap", "FILE_READ:f/**", "--", "true" }, "d ws/, r ws/f" },
	};

	tree();
	TABLE(row, rows) {
		CASE("%s %s", row->words[0], row->words[1]);
		OK(try_words(WARD_COMMAND_RUN, row->words));
		CHECK_STR_EQ(shows(), row->want);
	}
}

TEST(a_grant_is_that_inode)
{
	struct stat st;
	const struct ward_node *n;

	tree();
	OK(RUN("--read", "f", "--", "true"));
	n = node(at("ws/f"));
	REQUIRE(n);
	REQUIRE(stat("f", &st) == 0);
	CHECK_EQ_UINT(n->ino, st.st_ino);
	CHECK_EQ_UINT(n->dev, st.st_dev);
	CHECK_STR_EQ(n->source, at("ws/f"));
	CHECK(!n->is_dir && !n->base && n->exec);
	CHECK_EQ_INT(n->idmap, getuid() == 0);
	CHECK_EQ_INT(node("/usr")->idmap, false);
	CHECK(n->rule >= 0);
	CHECK_STR_EQ(plan->rules[n->rule].text, "--read f");
	CHECK_STR_EQ(plan->rules[n->rule].pattern, at("ws/f"));
	CHECK(plan->rules[n->rule].literal && !plan->rules[n->rule].subtree);
}

TEST(no_character_of_a_literal_is_special)
{
	tree();
	put("ws/a*b/c[?]", "x", 0644);
	put("ws/aXb/no", "x", 0644);
	OK(RUN("--read", "a*b", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/a*b/");
	OK(RUN("--read", "a*b/c[?]", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, d ws/a*b/, r ws/a*b/c[?]");
	REQUIRE(chdir(at("ws/a*b")) == 0);
	OK(RUN("--cap", "FILE_READ:**", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/a*b/");
	REFUSED(RUN("--cap", "FILE_READ:*.c", "--", "true"), WARD_E_CAPABILITY,
		"the path of the workspace itself holds * or ?");
}

TEST(missing_names)
{
	tree();
	REFUSED(RUN("--read", "nope", "--", "true"), WARD_E_CAPABILITY,
		"--read: FILE_READ \"nope\": \"/tmp/ward-resolve-");
	CHECK_STR_CONTAINS(said(),
		"ws/nope\" does not exist; touch it first, or grant its directory: --read '/tmp/");
	CHECK_EQ_INT(err.error_class, WARD_CLASS_CAPABILITY);
	REFUSED(RUN("--read", "/no-such-name", "--", "true"), WARD_E_CAPABILITY, "does not exist");
	CHECK_STR_EQ(err.fix, "touch it first, or take it out");
	REFUSED(RUN("--read", "f", "--cap", "FILE_WRITE:sub/new", "--", "true"), WARD_E_CAPABILITY,
		"does not exist; make it first, with its directory, or grant its directory: --cap 'FILE_WRITE:/tmp/");
	CHECK_STR_CONTAINS(err.fix, "/ws/**'");
	REFUSED(RUN("--read", "no/such/x", "--", "true"), WARD_E_CAPABILITY, "does not exist");
	CHECK(ward_has_suffix(err.fix, "/ws'"));
	/* Nothing is offered that is refused itself. */
	REFUSED(RUN("--read", "/home/no-such-user/x", "--", "true"), WARD_E_CAPABILITY,
		"does not exist");
	CHECK_STR_EQ(err.fix, "make it first, with its directory, or take it out");
	REFUSED(RUN("--write", "/home/no-such-user", "--", "true"), WARD_E_CAPABILITY,
		"does not exist");
	CHECK_STR_EQ(err.fix, "touch it first, or take it out");
	REFUSED(RUN("--read", "/dev/nonexistent", "--", "true"), WARD_E_CAPABILITY,
		"the sandbox has a /dev of its own");
	CHECK_STR_EQ(err.fix, "take it out");
	REFUSED(RUN("--cap", "FILE_READ:/proc/99999999/x", "--", "true"), WARD_E_CAPABILITY,
		"the sandbox has a /proc of its own");
	REFUSED(RUN("--read", "f", "--read", "f/x", "--", "true"), WARD_E_CAPABILITY,
		"--read (2): ");
	put("caps.json", "[\n {\"type\":\"FILE_READ\",\"resource\":\"nope\"}]", 0644);
	REFUSED(RUN("--capabilities", at("caps.json"), "--", "true"), WARD_E_CAPABILITY,
		"caps.json:2:");
}

/* Whoever wrote the workspace chose these names: what is offered to paste is quoted for a shell, whole, or not there. */
TEST(fixes_to_paste)
{
	char deep[512], name[201];

	tree();
	put("out/$(touch pwned)/f", "x", 0644);
	put("out/a\x1b'b", "x", 0644);
	put("out/x*`id`/f", "x", 0644);
	put_link("ws/sub", at("out/$(touch pwned)/f"));
	put_link("ws/ctl", at("out/a\x1b'b"));
	put_link("ws/star", at("out/x*`id`/f"));

	REFUSED(RUN("--read", "sub", "--", "true"), WARD_E_CAPABILITY, "name it: --read '/tmp/");
	CHECK(ward_has_suffix(err.fix, "/out/$(touch pwned)/f'"));
	REFUSED(RUN("--cap", "FILE_READ:sub", "--", "true"), WARD_E_CAPABILITY,
		"name it: --cap 'FILE_READ:/tmp/");
	CHECK(ward_has_suffix(err.fix, "/out/$(touch pwned)/f'"));
	REFUSED(RUN("--cap", "FILE_WRITE:ctl", "--", "true"), WARD_E_CAPABILITY,
		"name it: --write $'/tmp/");
	CHECK(ward_has_suffix(err.fix, "/out/a\\x1b\\047b'"));
	/* As a pattern it would grant more than itself. */
	REFUSED(RUN("--cap", "FILE_READ:star", "--", "true"), WARD_E_CAPABILITY,
		"name it: --read '/tmp/");
	CHECK(ward_has_suffix(err.fix, "/out/x*`id`/f'"));
	REFUSED(RUN("--read", at("out/$(touch pwned)/no"), "--", "true"), WARD_E_CAPABILITY,
		"grant its directory: --read '/tmp/");
	CHECK(ward_has_suffix(err.fix, "/out/$(touch pwned)'"));
	REFUSED(RUN("--cwd", at("out/$(touch pwned)"), "--", "true"), WARD_E_REFUSED,
		"or --read '/tmp/");

	/* Nothing to paste is a part of a name. */
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(deep, sizeof(deep), "out/%s/%s", name, name);
	put(deep, NULL, 0755);
	REFUSED(RUN("--cwd", at(deep), "--", "true"), WARD_E_REFUSED, "or --read PATH");
	CHECK_NULL(strstr(err.fix, "ddd"));
	CHECK_NULL(strstr(err.fix, "..."));
}

TEST(links)
{
	tree();
	put_link("ws/in", "f");
	put_link("ws/dirlink", "dir");
	put_link("ws/out", at("out/secret"));
	put_link("ws/outdir", "../out");
	put_link("ws/a", "b");
	put_link("ws/b", "a");
	put_link("deep/l1", "l2");
	put_link("deep/l2", at("deep/real"));
	put("deep/real/x/y", "y", 0644);
	put_link("deep/real/x/z", "y");

	OK(RUN("--read", "in", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/f, l ws/in -> f");
	OK(RUN("--write", "dirlink", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, w ws/dir/, l ws/dirlink -> dir");
	OK(RUN("--read", "dirlink/g", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, d ws/dir/, r ws/dir/g, l ws/dirlink -> dir");

	/* A relative name that leaves the workspace by a link is refused, naming the target; an absolute one was meant. */
	REFUSED(RUN("--read", "out", "--", "true"), WARD_E_CAPABILITY,
		"leads out of the workspace, to \"/tmp/");
	CHECK_STR_CONTAINS(said(), "out/secret\"");
	REFUSED(RUN("--cap", "FILE_READ:outdir/**", "--", "true"), WARD_E_CAPABILITY,
		"leads out of the workspace");
	CHECK_STR_CONTAINS(err.fix, "/out/**'");
	REFUSED(RUN("--cap", "FILE_READ:out", "--", "true"), WARD_E_CAPABILITY,
		"leads out of the workspace");
	OK(RUN("--read", at("ws/out"), "--", "true"));
	CHECK_STR_EQ(shows(), "d out/, r out/secret, d ws/, l ws/out -> out/secret");

	/* Every link on the way is there. */
	OK(RUN("--read", at("deep/l1/x/z"), "--", "true"));
	CHECK_STR_EQ(shows(),
		"d deep/, l deep/l1 -> l2, l deep/l2 -> deep/real, d deep/real/, d deep/real/x/, "
		"r deep/real/x/y, l deep/real/x/z -> y, d ws/");
	/* Below a granted directory a link is that directory's own. */
	OK(RUN("--read", at("deep/l1"), "--", "true"));
	CHECK_STR_EQ(shows(),
		"d deep/, l deep/l1 -> l2, l deep/l2 -> deep/real, r deep/real/, d ws/");

	REFUSED(RUN("--read", "a", "--", "true"), WARD_E_CAPABILITY, "a circle of links");
	put_link("ws/gone", "nothing");
	REFUSED(RUN("--read", "gone", "--", "true"), WARD_E_CAPABILITY, "does not exist");
}

/* From the third name in a directory on it is looked up in the directory, which is open: links and what is missing are as before. */
TEST(many_names_of_one_directory)
{
	tree();
	put("ws/g", "g", 0644);
	put("ws/h", "h", 0644);
	put_link("ws/in", "f");
	put_link("ws/dirlink", "dir");
	put_link("ws/out", at("out/secret"));
	put_link("ws/gone", "nothing");
#define FIRST "--read", "f", "--read", "g", "--read", "h"
	OK(RUN(FIRST, "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/f, r ws/g, r ws/h");
	OK(RUN(FIRST, "--read", "in", "--read", "dir/g", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, d ws/dir/, r ws/dir/g, r ws/f, r ws/g, r ws/h, l ws/in -> f");
	OK(RUN(FIRST, "--read", "dirlink/g", "--", "true"));
	CHECK_STR_EQ(shows(),
		"d ws/, d ws/dir/, r ws/dir/g, l ws/dirlink -> dir, r ws/f, r ws/g, r ws/h");
	REFUSED(RUN(FIRST, "--read", "out", "--", "true"), WARD_E_CAPABILITY,
		"leads out of the workspace, to \"/tmp/");
	REFUSED(RUN(FIRST, "--read", "gone", "--", "true"), WARD_E_CAPABILITY, "does not exist");
	REFUSED(RUN(FIRST, "--read", "none", "--", "true"), WARD_E_CAPABILITY, "does not exist");
	REFUSED(RUN(FIRST, "--read", "none/x", "--", "true"), WARD_E_CAPABILITY, "does not exist");
	REFUSED(RUN(FIRST, "--read", "f/x", "--", "true"), WARD_E_CAPABILITY, "");
#undef FIRST
}

TEST(what_no_view_can_hold)
{
	static const struct {
		const char *path, *part;
	} rows[] = {
		{ "/", "\"/\" cannot be granted: it holds /proc, /sys and /dev" },
		{ "/proc", "cannot be granted: the sandbox has a /proc of its own" },
		{ "/proc/self/status", "cannot be granted: the sandbox has a /proc of its own" },
		{ "/sys/kernel", "cannot be granted: no sandbox has a /sys, which tells" },
		{ "/dev/null", "cannot be granted: the sandbox has a /dev of its own" },
		{ "/dev", "cannot be granted: the sandbox has a /dev of its own" },
		{ "/home", "the run's private home /home/ward lies in it" },
	};

	tree();
	TABLE(row, rows) {
		CASE("%s", row->path);
		REFUSED(RUN("--read", row->path, "--", "true"), WARD_E_CAPABILITY, row->part);
		REFUSED(RUN("--i-know", "--write", row->path, "--", "true"), WARD_E_CAPABILITY,
			row->part);
	}
	put_link("dev", "/dev");
	REFUSED(RUN("--read", at("dev/null"), "--", "true"), WARD_E_CAPABILITY,
		"the sandbox has a /dev of its own");
	REQUIRE(mkfifo(at("ws/pipe"), 0600) == 0);
	OK(RUN("--read", "pipe", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/pipe");
}

TEST(a_directory_needs_two_stars)
{
	tree();
	REFUSED(RUN("--cap", "FILE_READ:dir", "--", "true"), WARD_E_CAPABILITY, "is a directory");
	CHECK_STR_CONTAINS(err.fix, "write 'FILE_READ:dir/**'");
	REFUSED(RUN("--cap", "FILE_WRITE:.", "--", "true"), WARD_E_CAPABILITY, "is a directory");
	CHECK_STR_CONTAINS(err.fix, "write 'FILE_WRITE:**'");
	CHECK(!strstr(err.fix, "./**"));
}

TEST(patterns)
{
	static const struct {
		const char *pattern, *want, *warning;
	} rows[] = {
		{ "*.py", "d ws/, r ws/.hidden.py, r ws/a.py, r ws/b.py", NULL },
		{ "**/*.py",
			"d ws/, r ws/.hidden.py, r ws/a.py, r ws/b.py, d ws/src/, r ws/src/c.py, d ws/src/sub/, "
			"r ws/src/sub/d.py",
			NULL },
		{ "src/?.py", "d ws/, d ws/src/, r ws/src/c.py", NULL },
		{ "src/*", "d ws/, d ws/src/, r ws/src/c.py", "also matches 1 directory" },
		{ "src/*/**", "d ws/, d ws/src/, r ws/src/c.py, r ws/src/sub/", NULL },
		{ "s*/**", "d ws/, r ws/src/", NULL },
		{ "none*", "d ws/", "FILE_READ \"none*\" matches nothing" },
		{ "no/such/*.c", "d ws/", "matches nothing" },
		{ "f/*", "d ws/", "matches nothing" },
	};

	tree();
	put("ws/a.py", "", 0644);
	put("ws/b.py", "", 0644);
	put("ws/.hidden.py", "", 0644);
	put("ws/src/c.py", "", 0644);
	put("ws/src/sub/d.py", "", 0644);
	/* Not followed: it would match out/secret. */
	put_link("ws/src/way", "../../out");
	put("out/e.py", "", 0644);
	unlink(at("ws/src/way"));
	TABLE(row, rows) {
		char cap[128];

		CASE("%s", row->pattern);
		snprintf(cap, sizeof(cap), "FILE_READ:%s", row->pattern);
		OK(RUN("--cap", cap, "--", "true"));
		CHECK_STR_EQ(shows(), row->want);
		CHECK_EQ_SIZE(plan->n_warnings, row->warning ? 1 : 0);
		if (row->warning)
			CHECK(warned(row->warning));
	}
	put_link("ws/src/way", "../../out");
	OK(RUN("--cap", "FILE_READ:src/**/*.py", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, d ws/src/, r ws/src/c.py, d ws/src/sub/, r ws/src/sub/d.py");
	char cap[256];
	snprintf(cap, sizeof(cap), "FILE_WRITE:%s/*.py", at("ws"));
	OK(RUN("--cap", cap, "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, w ws/.hidden.py, w ws/a.py, w ws/b.py");
	snprintf(cap, sizeof(cap), "FILE_READ:%s/*.py", at("ws/src/way"));
	REFUSED(RUN("--cap", cap, "--", "true"), WARD_E_CAPABILITY, "leads through a link, \"");
}

TEST(matches_that_are_links)
{
	tree();
	put("ws/a.py", "", 0644);
	put_link("ws/l.py", "a.py");
	put_link("ws/broken.py", "nowhere");
	OK(RUN("--cap", "FILE_READ:*.py", "--", "true"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/a.py, l ws/l.py -> a.py");
	put_link("ws/evil.py", "../out/secret");
	REFUSED(RUN("--cap", "FILE_READ:*.py", "--", "true"), WARD_E_CAPABILITY,
		"leads out of the workspace, to \"/tmp/");
	CHECK_STR_CONTAINS(said(), "/out/secret\"");
}

TEST(too_many_matches)
{
	char name[64];

	tree();
	for (int i = 0; i < WARD_GLOB_MATCHES_MAX; i++) {
		snprintf(name, sizeof(name), "ws/many/%04d.x", i);
		put(name, "", 0644);
	}
	OK(RUN("--cap", "FILE_READ:many/*.x", "--", "true"));
	put("ws/many/one-more.x", "", 0644);
	REFUSED(RUN("--cap", "FILE_READ:many/*.x", "--", "true"), WARD_E_LIMIT,
		"matches more than 1024");
	CHECK_STR_CONTAINS(err.fix, "grant the directory: --cap 'FILE_READ:many/**'");
	REFUSED(RUN("--cap", "FILE_READ:**/*.x", "--", "true"), WARD_E_LIMIT,
		"grant the directory: --cap 'FILE_READ:**'");
}

/* ---- places ---- */

TEST(i_know)
{
	static const struct {
		const char *option, *path;
		bool ok;
		const char *part;
	} rows[] = {
		{ "--workspace", "/", false, "the workspace \"/\" is the root of the host" },
		{ "--workspace", "home", false, "is your home" },
		{ "--workspace", "", false, "is above your home" },
		{ "--workspace", "homelink", false, "is your home" },
		{ "--workspace", "home/project", true, NULL },
		{ "--write", "home", false, "is your home, and would be writable as a whole" },
		{ "--write", "", false, "is above your home, and would be writable as a whole" },
		{ "--write", "homelink", false, "is your home" },
		{ "--write", "home/project", true, NULL },
		{ "--read", "home", true, NULL },
	};

	tree();
	put("home/project", NULL, 0755);
	put_link("homelink", "home");
	TABLE(row, rows) {
		const char *path = row->path[0] == '/' ? row->path : at(row->path);

		CASE("%s %s", row->option, row->path);
		if (row->ok) {
			OK(RUN(row->option, path, "--", "true"));
			continue;
		}
		CHECK(RUN(row->option, path, "--", "true") < 0);
		CHECK_STR_CONTAINS(said(), row->option);
		CHECK_STR_CONTAINS(said(), row->part);
		CHECK_STR_CONTAINS(err.fix, "--i-know");
		OK(RUN("--i-know", row->option, path, "--audit", "/dev/null", "--", "true"));
	}
	/* A workspace that nobody named may be the home: it grants nothing. */
	REQUIRE(chdir(at("home")) == 0);
	OK(RUN("--", "true"));
	CHECK_STR_EQ(shows(), "d home/");
	/* $HOME may itself be a link. */
	setenv("HOME", at("homelink"), 1);
	REFUSED(RUN("--write", at("home"), "--", "true"), WARD_E_CAPABILITY, "is your home");
}

TEST(home_without_the_variable)
{
	tree();
	unsetenv("HOME");
	OK(RUN("--write", "dir", "--", "true"));
	REFUSED(RUN("--workspace", "/", "--", "true"), WARD_E_REFUSED, "the root of the host");
}

TEST(workspaces_that_are_none)
{
	tree();
	REFUSED(RUN("--workspace", "nope", "--", "true"), WARD_E_NOTFOUND,
		"--workspace: the workspace \"nope\"");
	REFUSED(RUN("--workspace", "f", "--", "true"), WARD_E_INVALID, "is not a directory");
	REFUSED(RUN("--workspace", "f/x", "--", "true"), WARD_E_INVALID, "cannot be opened");
	REFUSED(RUN("--workspace", "/proc", "--", "true"), WARD_E_REFUSED, "lies in /proc");
	REFUSED(RUN("--workspace", "/dev/shm", "--", "true"), WARD_E_REFUSED, "lies in /dev");
	put_link("wslink", "ws");
	OK(RUN("--workspace", at("wslink"), "--read", "f", "--", "true"));
	CHECK_STR_EQ(plan->workspace, at("ws"));
}

TEST(working_directories)
{
	tree();
	OK(RUN("--cwd", "dir", "--", "true"));
	CHECK_STR_EQ(plan->cwd, at("ws/dir"));
	CHECK_STR_EQ(shows(), "d ws/, d ws/dir/");
	OK(RUN("--cwd", "/tmp", "--", "true"));
	CHECK_STR_EQ(plan->cwd, "/tmp");
	OK(RUN("--cwd", "/usr/lib", "--", "true"));
	OK(RUN("--read", at("out"), "--cwd", at("out"), "--", "true"));
	CHECK_STR_EQ(plan->cwd, at("out"));
	REFUSED(RUN("--cwd", at("out"), "--", "true"), WARD_E_REFUSED,
		"--cwd: the working directory \"/tmp/");
	CHECK_STR_CONTAINS(said(), "is not in the view");
	CHECK_STR_CONTAINS(err.fix, "--read '/tmp/");
	REFUSED(RUN("--cwd", "nope", "--", "true"), WARD_E_NOTFOUND, "does not exist");
	REFUSED(RUN("--cwd", "f", "--", "true"), WARD_E_INVALID, "is not a directory");
	put_link("ws/dl", "dir");
	OK(RUN("--cwd", "dl", "--", "true"));
	CHECK_STR_EQ(plan->cwd, at("ws/dir"));
}

TEST(the_log_lies_outside)
{
	tree();
	OK(RUN("--audit", at("log"), "--", "true"));
	OK(RUN("--audit", "/dev/null", "--write", ".", "--", "true"));
	REFUSED(RUN("--audit", "log", "--", "true"), WARD_E_REFUSED, "--audit: the log \"/tmp/");
	CHECK_STR_CONTAINS(said(), "in the workspace");
	REFUSED(RUN("--audit", at("ws/new/log"), "--", "true"), WARD_E_REFUSED, "in the workspace");
	REFUSED(RUN("--audit", at("out/log"), "--write", at("out"), "--", "true"), WARD_E_REFUSED,
		"under the write grant");
	OK(RUN("--audit", at("out/log"), "--read", at("out"), "--", "true"));
	put("out/log", "", 0600);
	REFUSED(RUN("--audit", at("out/log"), "--write", at("out/log"), "--", "true"),
		WARD_E_REFUSED, "under the write grant");
	/* By another name. */
	put_link("alias", "out");
	REFUSED(RUN("--audit", at("alias/log"), "--write", at("out"), "--", "true"), WARD_E_REFUSED,
		"under the write grant");
	REFUSED(RUN("--audit", at("alias/sub/log"), "--write", at("out"), "--", "true"),
		WARD_E_REFUSED, "under the write grant");
}

TEST(the_default_log_is_no_exception)
{
	tree();
	if (getuid() == 0) {
		put_link("varlog", "/var/log");
		REFUSED(RUN("--write", "/var/log", "--", "true"), WARD_E_REFUSED,
			"under the write grant");
		REFUSED(RUN("--write", at("varlog"), "--", "true"), WARD_E_REFUSED,
			"under the write grant");
		return;
	}
	put("home/.local/state", NULL, 0755);
	REFUSED(RUN("--write", at("home/.local"), "--", "true"), WARD_E_REFUSED,
		"under the write grant");
	REQUIRE(chdir(at("home")) == 0);
	OK(RUN("--", "true"));
}

/* ---- the base ---- */

static const char *content(const char *path)
{
	const struct ward_node *n = node(path);

	return n && n->kind == WARD_NODE_FILE ? n->source : NULL;
}

TEST(base_view)
{
	size_t binds = 0;
	uint64_t disk = 0;

	tree();
	put("home/.gitconfig", "[alias]\n x = !rm\n[user]\n name = A \"B\"\n email = a@b # c\n",
		0644);
	OK(RUN("--disk", "64M", "--", "true"));
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct ward_node *n = &plan->nodes[i];

		/* Of what a host can have and mostly has not, Java is two. */
		binds += n->kind == WARD_NODE_BIND && !ward_has_prefix(n->dest, "/etc/java");
		if (n->kind == WARD_NODE_TMPFS) {
			disk += n->size;
			CHECK(n->inodes >= 1024 && n->inodes <= 1u << 20);
		}
		CHECK_MSG(n->kind != WARD_NODE_BIND || (n->base && !n->write && !n->idmap), "%s",
			n->dest);
	}
	/* Each costs about 10 us of every start. */
	CHECK_LE_INT(binds, 10);
	CHECK_EQ_UINT(disk, 64u << 20);
	REQUIRE(node("/usr") && node("/proc") && node("/dev") && node("/tmp") &&
		node("/home/ward"));
	CHECK_EQ_INT(node("/usr")->kind, WARD_NODE_BIND);
	CHECK_EQ_INT(node("/proc")->kind, WARD_NODE_PROC);
	CHECK_EQ_INT(node("/dev")->kind, WARD_NODE_DEV);
	CHECK_EQ_INT(node("/tmp")->mode, 01777);
	CHECK_EQ_INT(node("/home/ward")->mode, 0700);
	CHECK_EQ_INT(node("/dev/shm")->kind, WARD_NODE_TMPFS);
	CHECK_NULL(node("/root"));
	CHECK_NULL(node("/etc/shadow"));
	CHECK_NULL(node("/etc/resolv.conf"));
	CHECK_STR_CONTAINS(content("/etc/passwd"), "ward:x:");
	CHECK_NULL(strstr(content("/etc/passwd"), "root"));
	CHECK_STR_CONTAINS(content("/etc/group"), "ward:x:");
	CHECK_STR_CONTAINS(content("/etc/hosts"), "127.0.0.1 localhost");
	CHECK_STR_CONTAINS(content("/etc/nsswitch.conf"), "passwd: files");
	if (access("/sys/devices/system/cpu/online", R_OK) == 0)
		CHECK_EQ_INT(strspn(content("/sys/devices/system/cpu/online"), "0123456789-,"),
			strlen(content("/sys/devices/system/cpu/online")) - 1);
	CHECK_STR_EQ(content("/etc/gitconfig"),
		geteuid() == 0
			? "[core]\n\tcheckStat = minimal\n[user]\n\tname = \"A B\"\n\temail = \"a@b\"\n"
			: "[user]\n\tname = \"A B\"\n\temail = \"a@b\"\n");
	/* A script has none of the generated files, and the base is not executable as a whole. */
	put("ws/s.sh", "#!/bin/sh\n", 0644);
	OK(SCRIPT("s.sh"));
	CHECK_NULL(node("/etc/passwd"));
	CHECK_NULL(node("/etc/gitconfig"));
	CHECK_NULL(node("/sys/devices/system/cpu/online"));
	CHECK(!node("/usr")->exec);
	/* The host's own files of those names, only by a grant. */
	OK(RUN("--read", "/etc/passwd", "--", "true"));
	CHECK_EQ_INT(node("/etc/passwd")->kind, WARD_NODE_BIND);
	CHECK(node("/usr")->exec);
}

TEST(base_follows_the_host)
{
	struct stat st;

	tree();
	OK(RUN("--", "true"));
	REQUIRE(lstat("/bin", &st) == 0 && node("/bin"));
	CHECK_EQ_INT(node("/bin")->kind, S_ISLNK(st.st_mode) ? WARD_NODE_SYMLINK : WARD_NODE_BIND);
	if (lstat("/libx32", &st) < 0)
		CHECK_NULL(node("/libx32"));
	OK(RUN("--write", "/usr/local", "--", "true"));
	CHECK(node("/usr/local") && node("/usr/local")->write && !node("/usr")->write);
}

TEST(gitconfig)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "" },
		{ "[user]\nname=x\nemail=y", "[user]\n\tname = \"x\"\n\temail = \"y\"\n" },
		{ "[USER]\n\tName = Ann Other \n", "[user]\n\tname = \"Ann Other\"\n" },
		{ "[user]\nname = \"a \\\"q\\\" b\"\n", "[user]\n\tname = \"a \\\"q\\\" b\"\n" },
		{ "[user]\nname = x ; y\n", "[user]\n\tname = \"x\"\n" },
		{ "[user]\nname = \"x ; y\"\n", "[user]\n\tname = \"x ; y\"\n" },
		{ "[user]\nname = one\nname = two\n", "[user]\n\tname = \"two\"\n" },
		{ "[core]\nname = no\n[user \"sub\"]\nname = no\n", "" },
		{ "[user]\nsigningkey = k\nname\n", "" },
		{ "[user]\nname = \"open\n", "" },
		{ "[user]\nname = a\\nb\n", "" },
		{ "[user]\nname = a\x01z\n", "" },
		{ "[user]\nname = \xff\n", "" },
		{ "[user]\nname =\n", "" },
		{ "[include]\npath = /etc/passwd\n", "" },
	};

	TABLE(row, rows) {
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", row->in);
		ward_gitconfig_user(row->in, strlen(row->in), &b);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->want);
		ward_buf_done(&b);
	}
}

/* ---- environment ---- */

TEST(environment)
{
	tree();
	setenv("LANG", "xx_YY", 1);
	setenv("LC_WARD_TEST", "z", 1);
	setenv("TERM", "dumb", 1);
	setenv("SECRET_OF_MINE", "hush", 1);
	setenv("LD_PRELOAD_TEST", "x", 1);
	OK(RUN("--", "true"));
	CHECK_STR_EQ(env_of("HOME"), "/home/ward");
	CHECK_STR_EQ(env_of("USER"), "ward");
	CHECK_STR_EQ(env_of("LOGNAME"), "ward");
	CHECK_STR_EQ(env_of("TMPDIR"), "/tmp");
	CHECK_STR_CONTAINS(env_of("PATH"), "/usr/bin:/bin");
	CHECK_STR_EQ(env_of("LANG"), "xx_YY");
	CHECK_STR_EQ(env_of("LC_WARD_TEST"), "z");
	CHECK_STR_EQ(env_of("TERM"), "dumb");
	CHECK_STR_EQ(env_of("WARD_RUN"), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
	CHECK_NULL(env_of("SECRET_OF_MINE"));
	for (char *const *e = plan->env; *e; e++)
		CHECK(ward_has_prefix(*e, "HOME=") || ward_has_prefix(*e, "USER=") ||
			ward_has_prefix(*e, "LOGNAME=") || ward_has_prefix(*e, "TMPDIR=") ||
			ward_has_prefix(*e, "GIT_OPTIONAL_LOCKS=") ||
			ward_has_prefix(*e, "NPM_CONFIG_UPDATE_NOTIFIER=") ||
			ward_has_prefix(*e, "PIP_DISABLE_PIP_VERSION_CHECK=") ||
			ward_has_prefix(*e, "PATH=") || ward_has_prefix(*e, "LANG=") ||
			ward_has_prefix(*e, "LC_") || ward_has_prefix(*e, "TERM=") ||
			ward_has_prefix(*e, "TZ=") || ward_has_prefix(*e, "WARD_RUN="));

	OK(RUN("--env", "SECRET_OF_MINE", "--env", "MODE=a=b", "--env", "TERM=t", "--env",
		"EMPTY=", "--", "true"));
	CHECK_STR_EQ(env_of("SECRET_OF_MINE"), "hush");
	CHECK_STR_EQ(env_of("MODE"), "a=b");
	CHECK_STR_EQ(env_of("TERM"), "t");
	CHECK_STR_EQ(env_of("EMPTY"), "");
	CHECK(has_rule(WARD_CAP_ENV, "SECRET_OF_MINE"));
	OK(RUN("--cap", "ENV:MODE=x", "--", "true"));
	CHECK_STR_EQ(env_of("MODE"), "x");
	/* A value may be a secret: in no rule, no message. */
	for (size_t i = 0; i < plan->n_rules; i++)
		CHECK(!strstr(plan->rules[i].text, "=x"));
	OK(RUN("--env", "PATH=/usr/bin", "--", "true"));
	CHECK_STR_EQ(env_of("PATH"), "/usr/bin");
	unsetenv("LD_PRELOAD_TEST");
}

TEST(environment_refusals)
{
	static char big[130 << 10];
	const char *words[2 * 20 + 3];
	char names[20][8];
	size_t n = 0;

	tree();
	unsetenv("NOT_SET_HERE");
	setenv("LD_PRELOAD", "", 1);
	REFUSED(RUN("--env", "NOT_SET_HERE", "--", "true"), WARD_E_CAPABILITY,
		"--env: ENV \"NOT_SET_HERE\": is not set here; set it before, or --env NOT_SET_HERE=VALUE");
	REFUSED(RUN("--env", "LD_PRELOAD", "--", "true"), WARD_E_CAPABILITY, "is not passed on");
	unsetenv("LD_PRELOAD");
	OK(RUN("--env", "LD_PRELOAD=/x.so", "--", "true"));
	CHECK_STR_EQ(env_of("LD_PRELOAD"), "/x.so");
	CHECK(warned("LD_PRELOAD changes which code"));
	OK(RUN("--env", "LDX=1", "--", "true"));
	CHECK_EQ_SIZE(plan->n_warnings, 0);
	REFUSED(RUN("--env", "WARD_RUN=x", "--", "true"), WARD_E_INVALID,
		"WARD_RUN is the run's own name");
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "A00=", 4);
	for (int i = 0; i < 18; i++) {
		snprintf(names[i], sizeof(names[i]), "A%02d", i);
		setenv(names[i], big, 1);
		words[n++] = "--env";
		words[n++] = names[i];
	}
	words[n++] = "--";
	words[n++] = "true";
	words[n] = NULL;
	REFUSED(try_words(WARD_COMMAND_RUN, words), WARD_E_LIMIT, "arguments and environment are");
	for (int i = 0; i < 18; i++)
		unsetenv(names[i]);
}

/* ---- the same as an ordinary user ---- */

TEST(as_an_ordinary_user)
{
	char log[] = "/tmp/ward-resolve-log-XXXXXX";
	int fd, status = 0;
	pid_t pid;

	if (getuid() != 0) {
		CHECK(getuid() != 0);
		return;
	}
	fd = mkstemp(log);
	REQUIRE(fd >= 0);
	unlink(log);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		dup2(fd, 1);
		if (setgid(65534) < 0 || setuid(65534) < 0 || chdir("/tmp") < 0)
			_exit(99);
		execl("/proc/self/exe", "test_resolve", (char *)NULL);
		_exit(98);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ_INT(status, 0);
	if (status != 0) {
		char text[8192];
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			printf("# %s\n", line);
	}
	close(fd);
}

TAP_MAIN();
