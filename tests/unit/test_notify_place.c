/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path of the inside leads. At the bounds of a path's length in a view that is a table alone, so that nothing has to exist; below a
 * bind in a directory that is made here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "entries.h"
#include "tap.h"

#define NAME 250
#define UP 8 /* names above the link, and of what it says */
#define NODES (2 * UP + 1)

static char dests[NODES][WARD_PATH_MAX + 8], says[WARD_PATH_MAX];
static struct ward_node nodes[NODES];

/* to = above, "/" and n times c. */
static void below(char *to, const char *above, char c, size_t n)
{
	size_t have = strlen(above);

	memcpy(to, above, have);
	to[have] = '/';
	memset(to + have + 1, c, n);
	to[have + 1 + n] = '\0';
}

/* Directories, a link in the deepest one, and what its relative text leads to: a path of so many bytes, longer than any text was. */
static void view_of(size_t bytes)
{
	const char *above = "";

	for (int i = 0; i < UP; i++) {
		below(dests[i], above, 'a', NAME);
		nodes[i] = (struct ward_node){ .kind = WARD_NODE_DIR, .dest = dests[i] };
		above = dests[i];
	}
	for (int i = UP; i < 2 * UP; i++) {
		size_t n = i < 2 * UP - 1 ? NAME : bytes - strlen(above) - 1;

		below(dests[i], above, 'b', n);
		nodes[i] = (struct ward_node){ .kind = WARD_NODE_DIR, .dest = dests[i] };
		above = dests[i];
	}
	(void)snprintf(says, sizeof(says), "%s", above + strlen(dests[UP - 1]) + 1);
	below(dests[2 * UP], dests[UP - 1], 'l', 1);
	nodes[2 * UP] = (struct ward_node){
		.kind = WARD_NODE_SYMLINK, .dest = dests[2 * UP], .source = says
	};
}

TEST(a_link_may_lead_to_the_longest_path_and_no_further)
{
	static const struct {
		const char *name;
		size_t bytes;
		int r;
	} rows[] = {
		{ "far from it", WARD_PATH_MAX - 100, 0 },
		{ "the longest", WARD_PATH_MAX - 1, 0 },
		{ "one more", WARD_PATH_MAX, -ENAMETOOLONG },
		{ "two more", WARD_PATH_MAX + 1, -ENAMETOOLONG },
		{ "three more", WARD_PATH_MAX + 2, -ENAMETOOLONG },
	};

	TABLE(row, rows) {
		struct ward_plan plan = { .nodes = nodes, .n_nodes = NODES };
		static struct ward_notify n;
		static struct ward_place at;
		struct ward_ask ask = { .dir = -1, .mem = -1 };
		struct ward_error err = { 0 };

		CASE("%s", row->name);
		view_of(row->bytes);
		n = (struct ward_notify){ .plan = &plan };
		REQUIRE(ward_tree_init(&n.tree, &plan, &err) == WARD_OK);
		CHECK_EQ_INT(ward_notify_place(&n, &ask, "/", dests[2 * UP], true, &at), row->r);
		if (row->r == 0) {
			CHECK_EQ_INT(strlen(at.path), row->bytes);
			CHECK_STR_EQ(at.path, dests[2 * UP - 1]);
			CHECK_EQ_INT(at.depth, 2 * UP);
		}
		/* Not followed, it is the link. */
		CHECK_EQ_INT(ward_notify_place(&n, &ask, "/", dests[2 * UP], false, &at), 0);
		CHECK(S_ISLNK(at.mode) && !at.is_dir);
		ward_tree_done(&n.tree);
	}
}

/* ---- below a bind ---- */

#define STEPS WARD_NOTIFY_STEPS_MAX

static char dir[] = "/tmp/ward-place-XXXXXX";
static struct stat bind_st;
static struct ward_node bound[] = {
	{ .kind = WARD_NODE_DIR, .dest = "/in" },
	{ .kind = WARD_NODE_BIND, .dest = "/in/w", .source = dir, .is_dir = true },
	{ .kind = WARD_NODE_DENIED, .dest = "/in/w/denied" },
	{ .kind = WARD_NODE_SYMLINK, .dest = "/link", .source = "in/w" },
	{ .kind = WARD_NODE_SYMLINK, .dest = "/top", .source = "/" },
};

static void made(int at, const char *name, const char *link)
{
	REQUIRE(link ? symlinkat(link, at, name) == 0 : mkdirat(at, name, 0700) == 0);
}

/* Once: directories, files and links. */
static void tree_of(void)
{
	int fd;

	if (bound[1].ino)
		return;
	REQUIRE(mkdtemp(dir));
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0 && fstat(fd, &bind_st) == 0);
	made(fd, "d", NULL);
	made(fd, "d/e", NULL);
	made(fd, "denied", NULL);
	made(fd, "up", "../../in/w/d");
	made(fd, "absolute", "/in/w/d/e");
	made(fd, "host", dir);
	made(fd, "loop", "loop");
	made(fd, "file-link", "d/file");
	close(openat(fd, "d/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	close(fd);
	bound[1].dev = bind_st.st_dev;
	bound[1].ino = bind_st.st_ino;
}

/* What a view has besides its nodes, in the tests that follow. */
static enum ward_attribution attribution;
static int roots[2] = { -1, -1 };

static int place(const struct ward_node *node, size_t n_nodes, const char *text, bool follow,
	struct ward_place *at)
{
	struct ward_plan plan = { .nodes = (struct ward_node *)(uintptr_t)node,
		.n_nodes = n_nodes,
		.attribution = attribution,
		.review = { .root = "/r" } };
	static struct ward_notify n;
	struct ward_ask ask = { .dir = -1, .mem = -1 };
	struct ward_error err = { 0 };
	int r;

	n = (struct ward_notify){ .plan = &plan,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.n_roots = 2,
		.roots = { roots[0], roots[1] } };
	if (n_nodes)
		REQUIRE(ward_tree_init(&n.tree, &plan, &err) == WARD_OK);
	r = ward_notify_place(&n, &ask, "/in", text, follow, at);
	ward_tree_done(&n.tree);
	return r;
}

TEST(a_path_below_a_bind)
{
	static const struct {
		const char *text, *path;
		int r;
		bool follow;
		unsigned depth;
		uint32_t type;
	} rows[] = {
		{ "w", "/in/w", 0, true, 2, S_IFDIR },
		{ "/in/w/", "/in/w", 0, true, 2, S_IFDIR },
		{ "w/d/e", "/in/w/d/e", 0, true, 4, S_IFDIR },
		{ "w//d/./e/..", "/in/w/d", 0, true, 3, S_IFDIR },
		{ "w/d/file", "/in/w/d/file", 0, true, 4, S_IFREG },
		{ "w/d/file/", NULL, -ENOTDIR, true, 0, 0 },
		{ "w/d/file/..", NULL, -ENOTDIR, true, 0, 0 },
		{ "w/none", NULL, -ENOENT, true, 0, 0 },
		{ "w/none/..", NULL, -ENOENT, true, 0, 0 },
		{ "w/denied", NULL, -ENOENT, true, 0, 0 },
		{ "w/..", "/in", 0, true, 1, S_IFDIR },
		{ "../../../in/w/d", "/in/w/d", 0, true, 3, S_IFDIR },
		{ "/", "", 0, true, 0, S_IFDIR },
		{ "/none", NULL, -ENOENT, true, 0, 0 },
		{ "w/up", "/in/w/d", 0, true, 3, S_IFDIR },
		{ "w/up", "/in/w/up", 0, false, 3, S_IFLNK },
		{ "w/up/e", "/in/w/d/e", 0, false, 4, S_IFDIR },
		{ "w/up/..", "/in/w", 0, false, 2, S_IFDIR },
		{ "w/absolute", "/in/w/d/e", 0, true, 4, S_IFDIR },
		{ "w/file-link", "/in/w/d/file", 0, true, 4, S_IFREG },
		{ "w/host", NULL, -ENOENT, true, 0,
			0 }, /* that directory is no path of the inside */
		{ "w/loop", NULL, -ELOOP, true, 0, 0 },
		{ "/link/d", "/in/w/d", 0, true, 3, S_IFDIR },
		{ "/link", "/link", 0, false, 1, S_IFLNK },
		{ "/top/in/w", "/in/w", 0, true, 2, S_IFDIR },
	};

	tree_of();
	TABLE(row, rows) {
		static struct ward_place at;

		CASE("%s%s", row->text, row->follow ? "" : " (not followed)");
		CHECK_EQ_INT(place(bound, 5, row->text, row->follow, &at), row->r);
		if (row->r)
			continue;
		CHECK_STR_EQ(at.path, row->path);
		CHECK_EQ_INT(at.depth, row->depth);
		CHECK_EQ_INT(at.mode & S_IFMT, row->type);
		CHECK_EQ_INT(at.is_dir, row->type == S_IFDIR);
		CHECK((row->depth > 1 && at.mount == &bound[1]) ==
			(strncmp(at.path, "/in/w", 5) == 0));
		if (row->depth > 1)
			CHECK(at.above[1].dev == bind_st.st_dev &&
				at.above[1].ino == bind_st.st_ino);
		if (row->depth > 0)
			CHECK_EQ_INT(at.above[0].ino, 0);
	}
}

/* Another directory at its place: nothing of it is told. Where none was seen when the view was resolved, any is the one. */
TEST(a_bind_that_is_not_what_it_was)
{
	struct ward_node v[] = { bound[0], bound[1] };
	static struct ward_place at;

	tree_of();
	v[1] = bound[1];
	CHECK_EQ_INT(place(v, 2, "w/d", true, &at), 0);
	v[1].ino++;
	CHECK_EQ_INT(place(v, 2, "w/d", true, &at), -ESTALE);
	v[1].ino--;
	v[1].dev++;
	CHECK_EQ_INT(place(v, 2, "w/d", true, &at), -ESTALE);
	CHECK_EQ_INT(place(v, 2, "w", true, &at), -ESTALE);
	v[1].ino = 0;
	CHECK_EQ_INT(place(v, 2, "w/d", true, &at), 0);
	v[1].source = "/nonexistent-ward";
	CHECK_EQ_INT(place(v, 2, "w/d", true, &at), -ENOENT);
	CASE("no view at all");
	CHECK_EQ_INT(place(NULL, 0, "w", true, &at), -ENAMETOOLONG);
}

/* What is walked for one path has a bound, and so has how deep it leads: neither is passed by one. */
TEST(steps_are_counted)
{
	char text[4 * STEPS + 8] = "", *end = text;
	static struct ward_place at;

	tree_of();
	for (unsigned i = 0; i < STEPS - 2; i++)
		end = stpcpy(end, "./");
	CASE("as many as may be"); /* and "/in", which it starts from, and the last one */
	strcpy(end, "w");
	CHECK_EQ_INT(place(bound, 5, text, true, &at), 0);
	CASE("one more");
	strcpy(end, "./w");
	CHECK_EQ_INT(place(bound, 5, text, true, &at), -ELOOP);
}

/* In one bind, from one to another and back, and where one is not what it was. */
/* With what still follows it, a link's text is a path again, and no longer than one may be. */
TEST(a_link_and_what_follows_it)
{
	char text[WARD_PATH_MAX];
	struct ward_node v[] = { bound[0], bound[1],
		{ .kind = WARD_NODE_SYMLINK, .dest = "/l", .source = says } };
	static struct ward_place at;

	tree_of();
	v[1] = bound[1];
	memset(says, '/', 3001);
	strcpy(says + 3001, "in/w");
	for (size_t n = WARD_PATH_MAX - 4; n < WARD_PATH_MAX + 4; n++) {
		size_t rest = n - strlen(says);

		CASE("%zu bytes", n);
		memset(text, '/', sizeof(text));
		memcpy(text, "/l", 2);
		strcpy(text + 2 + rest - 1, "d");
		CHECK_EQ_INT(place(v, 3, text, true, &at), n < WARD_PATH_MAX ? 0 : -ENAMETOOLONG);
		CHECK(n >= WARD_PATH_MAX || strcmp(at.path, "/in/w/d") == 0);
	}
}

/* As the kernel has it: the directory that it starts from counts. */
TEST(a_path_and_where_it_starts)
{
	static char text[WARD_PATH_MAX + 8];
	static struct ward_place at;

	tree_of();
	for (size_t n = WARD_PATH_MAX - 6; n < WARD_PATH_MAX + 2; n++) {
		size_t whole = strlen("/in/") + n;

		CASE("%zu bytes", whole);
		memset(text, '/', sizeof(text));
		text[0] = 'w';
		text[n] = '\0';
		CHECK_EQ_INT(place(bound, 5, text, true, &at),
			whole < WARD_PATH_MAX ? 0 : -ENAMETOOLONG);
	}
}

TEST(no_descriptor_stays_open)
{
	struct ward_node v[] = { bound[0], bound[1], bound[1], bound[1] };
	static struct ward_place at;
	int before = entries("/proc/self/fd");

	tree_of();
	v[1] = v[2] = v[3] = bound[1];
	v[2].dest = "/in/x";
	v[3].dest = "/in/y";
	v[3].ino++;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ_INT(place(v, 4, "w/up/e/../../none", true, &at), -ENOENT);
		CHECK_EQ_INT(place(v, 4, "w/d/file", true, &at), 0);
		CHECK_EQ_INT(place(v, 4, "w/d/../../x/d/../../w/d/e", true, &at), 0);
		CHECK_EQ_INT(place(v, 4, "w/d/../../y/d", true, &at), -ESTALE);
		CHECK_EQ_INT(place(v, 4, "y/d", true, &at), -ESTALE);
		CHECK_EQ_INT(entries("/proc/self/fd"), before);
	}
}

/* Who has no standard streams: the first file that is opened has the number 0. */
TEST(descriptor_zero_is_one)
{
	static struct ward_place at;
	int in = fcntl(0, F_DUPFD_CLOEXEC, 100), first, deep, other, absent;
	struct ward_node v[] = { bound[0], bound[1] };

	tree_of();
	v[1] = bound[1];
	v[1].ino++;
	REQUIRE(in >= 0 && close(0) == 0);
	first = place(bound, 5, "w", true, &at);
	deep = place(bound, 5, "w/up/e", true, &at);
	other = place(v, 2, "w", true, &at);
	absent = place(bound, 5, "w/none", true, &at);
	REQUIRE(dup2(in, 0) == 0);
	close(in);
	CHECK_EQ_INT(first, 0);
	CHECK_EQ_INT(deep, 0);
	CHECK_EQ_INT(other, -ESTALE);
	CHECK_EQ_INT(absent, -ENOENT);
	CHECK_STR_EQ(at.path, "/in/w/none");
}

/*
 * A directory that Ward makes in a private one is a mount of FUSE, if there is FUSE, and then nothing of the private one is looked at below
 * it; else it is a directory of the private one. In a bind it is one of the bind, whoever serves the rest.
 */
TEST(what_a_directory_of_wards_belongs_to)
{
	static const struct ward_node v[] = {
		{ .kind = WARD_NODE_DIR, .dest = "/in" },
		{ .kind = WARD_NODE_TMPFS, .dest = "/in/p" },
		{ .kind = WARD_NODE_DIR, .dest = "/in/p/d" },
		{ .kind = WARD_NODE_TMPFS, .dest = "/in/q" },
		{ .kind = WARD_NODE_BIND, .dest = "/in/w", .source = dir, .is_dir = true },
		{ .kind = WARD_NODE_DIR, .dest = "/in/w/d" },
	};
	static struct ward_place at;
	int before;

	tree_of();
	roots[0] = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	roots[1] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(roots[0] >= 0 && roots[1] >= 0);
	before = entries("/proc/self/fd");
	for (int fuse = 0; fuse < 2; fuse++) {
		attribution = fuse ? WARD_ATTR_FUSE : WARD_ATTR_NONE;
		CASE("%s", fuse ? "FUSE" : "none");
		CHECK_EQ_INT(place(v, 6, "p/d", true, &at), 0);
		CHECK(at.mount == (fuse ? &v[2] : &v[1]));
		CHECK(at.above[1].ino == bind_st.st_ino && (at.above[2].ino != 0) == !fuse);
		CHECK_EQ_INT(place(v, 6, "p/d/file", true, &at), fuse ? -ENOENT : 0);
		CHECK_EQ_INT(place(v, 6, "p/denied/../d", true, &at), 0);
		CHECK((at.above[2].ino != 0) == !fuse); /* nor what was walked before */
		CHECK_EQ_INT(place(v, 6, "p/up", false, &at), 0);
		CHECK(at.mount == &v[1] && S_ISLNK(at.mode));
		CHECK_EQ_INT(place(v, 6, "q/tmp", true, &at), 0);
		CHECK(at.mount == &v[3]);
		CHECK_EQ_INT(place(v, 6, "w/d/file", true, &at), 0);
		CHECK(at.mount == &v[4] && S_ISREG(at.mode));
	}
	CHECK_EQ_INT(entries("/proc/self/fd"), before);
	close(roots[0]);
	close(roots[1]);
	roots[0] = roots[1] = -1;
	attribution = WARD_ATTR_NONE;
	CASE("nobody handed the private one over, and the caller's root is not to be had");
	CHECK(place(v, 6, "p/d", true, &at) < 0);
}

/* Nobody's program: FUSE shows a file that it serves without the host's mode. */
TEST(the_mode_of_a_file_that_is_served)
{
	char file[64];
	struct ward_node v[] = { bound[0],
		{ .kind = WARD_NODE_BIND, .dest = "/in/f", .source = file, .base = true } };
	static struct ward_place at;

	tree_of();
	(void)snprintf(file, sizeof(file), "%s/d/file", dir);
	for (int fuse = 0; fuse < 2; fuse++) {
		attribution = fuse ? WARD_ATTR_FUSE : WARD_ATTR_NONE;
		CASE("%s", fuse ? "FUSE" : "none");
		CHECK_EQ_INT(place(v, 2, "f", true, &at), 0);
		CHECK_EQ_INT(at.mode, S_IFREG | (fuse ? 0444 : 0600));
		v[1].write = true;
		CHECK_EQ_INT(place(v, 2, "f", true, &at), 0);
		CHECK_EQ_INT(at.mode, S_IFREG | 0600);
		v[1].write = false;
	}
	attribution = WARD_ATTR_NONE;
}

/* Exactly that name, and nothing without a view. */
TEST(the_node_of_a_path)
{
	struct ward_plan plan = { .nodes = bound, .n_nodes = 5 };
	static struct ward_notify n;
	struct ward_error err = { 0 };

	n = (struct ward_notify){ .plan = &plan };
	CHECK(!ward_notify_node(&n, "/in/w"));
	REQUIRE(ward_tree_init(&n.tree, &plan, &err) == WARD_OK);
	CHECK(ward_notify_node(&n, "/in/w") == &bound[1]);
	CHECK(ward_notify_node(&n, "/in/w/denied") == &bound[2]);
	CHECK(!ward_notify_node(&n, "/in/w/d"));
	CHECK(!ward_notify_node(&n, "/i"));
	CHECK(!ward_notify_node(&n, "in/w"));
	CHECK(!ward_notify_node(&n, ""));
	ward_tree_done(&n.tree);
}

/* A call that names no path has no words, whatever its first arguments are. */
TEST(words_of_a_call_without_a_path)
{
	static const int calls[] = { SYS_getpid, SYS_write, 100000, -1 };
	struct ward_peek_words w;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		struct ward_peek p = { .nr = calls[i] };

		CASE("%d", calls[i]);
		CHECK_EQ_INT(ward_peek_words(-1, -1, &p, 0, &w), -ENOENT);
		CHECK_NULL(ward_peek_name(calls[i]));
	}
}

TEST(tidy)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK_EQ_INT(system(command), 0);
}

TAP_MAIN();
