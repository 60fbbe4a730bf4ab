/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a layer is read and tidied by who is no root: what it costs where it is deep, that modes are lent by one at a time, and that who is to
 * stop does. Calls of the C library are counted, and led astray, by functions of their names here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "own_syscall.h"
#include "tap.h"
#include "workspace/change.h"
#include "workspace/commit/commit.h"
#include "workspace/workspace.h"

#define A "01M8BFCZ1X6EEQSZDMNBR5W7AA"
#define NOBODY 65534

static size_t opened, naps, reads, stop_at_read, free_at_nap, sets, full_from, full_to;
static atomic_bool stop;
static int other = -1;

long syscall(long nr, ...)
{
	long v[OWN_SYSCALL_ARGS];

	OWN_SYSCALL_TAKE(v, nr);
	opened += nr == WARD_NR_OPENAT2;
	return own_syscall_go(nr, v);
}

ssize_t read(int fd, void *p, size_t n)
{
	if (++reads == stop_at_read)
		atomic_store(&stop, true);
	return own_syscall_result(ward_raw(SYS_read, fd, (long)p, (long)n, 0, 0));
}

/* The disk is full for the calls from full_from, before full_to. */
int fsetxattr(int fd, const char *name, const void *value, size_t n, int flags)
{
	sets++;
	if (full_from && sets >= full_from && sets < full_to)
		return (int)own_syscall_result(-ENOSPC);
	return (int)own_syscall_result(ward_raw(SYS_fsetxattr, fd, (long)name, (long)value, (long)n,
		flags));
}

int nanosleep(const struct timespec *t, struct timespec *left)
{
	(void)t;
	(void)left;
	if (++naps == free_at_nap)
		REQUIRE(flock(other, LOCK_UN) == 0);
	return 0;
}

static char base[64], root[128];
static struct ward_error err;

static void put(const char *at, const char *path, size_t n, char fill)
{
	char name[4096], block[1024];
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s/%s", base, at, path);
	memset(block, fill, sizeof(block));
	f = fopen(name, "we");
	REQUIRE(f != NULL);
	for (size_t i = 0; i < n; i += sizeof(block))
		REQUIRE(fwrite(block, 1, n - i < sizeof(block) ? n - i : sizeof(block), f) > 0);
	REQUIRE(fclose(f) == 0);
}

#define UPPER "ward/runs/" A "/layer/upper"

static const char *at(const char *path)
{
	static char name[4096];

	snprintf(name, sizeof(name), "%s/%s", base, path);
	return name;
}

/* The run has ended; what the layer has is put there by the test. */
static void begin(void)
{
	struct ward_workspace_facts f = { .root = root,
		.since_ns = (int64_t)ward_now_wall_ns(),
		.backend = WARD_DISK_DIR,
		.bound = 1 << 20,
		.log = "/var/log/x.jsonl",
		.command = "make",
		.started_ns = 6,
		.run = A };
	struct ward_workspace *w = NULL;
	struct stat st;

	/* To root nothing is closed. */
	if (getuid() == 0)
		REQUIRE(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	snprintf(base, sizeof(base), "/tmp/ward-read-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
	snprintf(root, sizeof(root), "%s/project", base);
	REQUIRE(mkdir(root, 0755) == 0 && stat(root, &st) == 0);
	REQUIRE(setenv("XDG_STATE_HOME", base, 1) == 0);
	f.root_dev = st.st_dev;
	f.root_ino = st.st_ino;
	memset(&err, 0, sizeof(err));
	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	f.ended_ns = f.since_ns;
	REQUIRE(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	stop_at_read = free_at_nap = 0;
	atomic_store(&stop, false);
}

static void end(void)
{
	char command[256];
	pid_t pid = fork();
	int status;

	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", base, base);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static struct ward_workspace *open_it(enum ward_workspace_use use)
{
	struct ward_workspace *w = NULL;

	REQUIRE(ward_workspace_open(A, use, &w, &err) == WARD_OK);
	return w;
}

static int commit_all(struct ward_workspace *w)
{
	struct ward_changes *all = NULL;
	struct ward_commit_item *v;
	int r = ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err);

	if (r < 0)
		return r;
	v = calloc(all->n + 1, sizeof(*v));
	REQUIRE(v != NULL);
	for (size_t i = 0; i < all->n; i++)
		v[i].change = &all->v[i];
	opened = 0;
	r = ward_commit_apply(w, all, v, all->n, NULL, NULL, &err);
	free(v);
	ward_changes_free(all);
	return r;
}

/* ---- what is deep ---- */

/* One in another; how often something is opened by name for the commit of all. */
static size_t opened_for(size_t depth)
{
	struct ward_workspace *w;
	int dir;

	begin();
	dir = open(at(UPPER), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < depth; i++) {
		int next;

		REQUIRE(mkdirat(dir, "d", 0755) == 0);
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		REQUIRE(next >= 0);
		close(dir);
		dir = next;
	}
	REQUIRE(symlinkat("x", dir, "l") == 0);
	close(dir);
	w = open_it(WARD_WORKSPACE_CHANGE);
	CHECK_MSG(commit_all(w) == WARD_OK, "%s", err.message);
	CHECK(ward_workspace_unwritten(w));
	ward_workspace_close(w);
	end();
	return opened;
}

TEST(a_layer_four_times_as_deep_takes_four_times_as_long)
{
	size_t some = opened_for(60), many = opened_for(240);

	CHECK_MSG(many < 5 * some, "%zu, and %zu", some, many);
}

TEST(what_is_borrowed_says_so_by_nothing)
{
	static const char *const paths[] = { "open", "shut/f", "shut/.", "." };

	begin();
	put(UPPER, "open", 1, 'x');
	for (mode_t mode = 0; mode <= 0700; mode += 0100) {
		REQUIRE(mkdir(at(UPPER "/shut"), 0755) == 0);
		put(UPPER, "shut/f", 1, 'x');
		REQUIRE(chmod(at(UPPER "/shut"), mode) == 0);
		TABLE(path, paths) {
			WARD_FD layer = open(at(UPPER), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			WARD_CLEANUP(ward_way_done) struct ward_way way = { .n = 0 };
			struct ward_lent l = { .fd = -1 };
			struct stat st;

			CASE("%s, %03o", *path, (unsigned)mode);
			CHECK_EQ_INT(ward_commit_borrow(&way, layer, *path, false, &l), 0);
			CHECK(fstatat(l.fd, l.name, &st, AT_SYMLINK_NOFOLLOW) == 0);
			ward_commit_give_back(&l);
			CHECK(stat(at(UPPER "/shut"), &st) == 0 && (st.st_mode & 07777) == mode);
		}
		REQUIRE(chmod(at(UPPER "/shut"), 0700) == 0 && unlink(at(UPPER "/shut/f")) == 0 &&
			rmdir(at(UPPER "/shut")) == 0);
	}
	end();
}

/* ---- who lends is alone ---- */

static void closed_layer(void)
{
	begin();
	REQUIRE(mkdir(at(UPPER "/shut"), 0755) == 0);
	put(UPPER, "shut/f", 10, 'x');
	put(UPPER, "open", 10, 'x');
	REQUIRE(chmod(at(UPPER "/shut/f"), 0) == 0 && chmod(at(UPPER "/shut"), 0) == 0);
	other = open(at(UPPER), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(other >= 0);
}

static void still_closed(void)
{
	struct stat st;

	CHECK(stat(at(UPPER "/shut"), &st) == 0 && (st.st_mode & 07777) == 0);
	CHECK(flock(other, LOCK_EX | LOCK_NB) == 0); /* nobody has it any more */
	close(other);
	end();
}

static void nobody_hangs(void)
{
	CHECK_MSG(naps > 10 && naps <= 600, "%zu", naps); /* each of 20 ms */
	CHECK(strstr(err.message, "by another ward") != NULL && err.fix[0]);
	naps = 0;
}

TEST(who_reads_while_another_lends_waits_and_not_for_ever)
{
	struct ward_changes *all = NULL;
	struct ward_workspace *w;

	closed_layer();
	w = open_it(WARD_WORKSPACE_LOOK);
	REQUIRE(flock(other, LOCK_EX | LOCK_NB) == 0);
	naps = 0;
	CHECK(ward_workspace_changes(w, WARD_CHANGES_ALL, &all, &err) == WARD_E_REFUSED);
	nobody_hangs();
	free_at_nap = 3;
	CHECK(ward_workspace_changes(w, WARD_CHANGES_ALL, &all, &err) == WARD_OK);
	CHECK(naps == 3 && all && all->n == 3);
	ward_changes_free(all);
	ward_workspace_close(w);
	still_closed();
}

TEST(a_commit_that_another_is_in_the_way_of_changes_nothing)
{
	struct ward_changes *all = NULL;
	struct ward_commit_item one = { 0 };
	struct ward_workspace *w;
	struct stat st;

	closed_layer();
	w = open_it(WARD_WORKSPACE_CHANGE);
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	one.change = &all->v[0];
	CHECK_STR_EQ(one.change->path, "open");
	REQUIRE(flock(other, LOCK_EX | LOCK_NB) == 0);
	naps = 0;
	CHECK(ward_commit_apply(w, all, &one, 1, NULL, NULL, &err) == WARD_E_REFUSED);
	nobody_hangs();
	CHECK(stat(at("project/open"), &st) < 0);
	REQUIRE(flock(other, LOCK_UN) == 0);
	CHECK(ward_commit_apply(w, all, &one, 1, NULL, NULL, &err) == WARD_OK);
	CHECK(stat(at("project/open"), &st) == 0);
	ward_changes_free(all);
	ward_workspace_close(w);
	still_closed();
}

TEST(one_that_is_shown_is_waited_for_only_where_it_is_closed)
{
	struct ward_diff_style style = { .form = WARD_DIFF_PATCH };
	const struct ward_change *v[1];
	struct ward_changes *all = NULL;
	struct ward_workspace *w;
	int layer, project;

	closed_layer();
	w = open_it(WARD_WORKSPACE_LOOK);
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_ALL, &all, &err) == WARD_OK);
	layer = ward_workspace_layer(w, &err);
	project = ward_workspace_root(w, &err);
	REQUIRE(layer >= 0 && project >= 0);
	REQUIRE(flock(other, LOCK_EX | LOCK_NB) == 0);
	for (size_t i = 0; i < all->n; i++) {
		static const enum ward_diff_form forms[] = { WARD_DIFF_PATCH, WARD_DIFF_STAT };
		bool shut = ward_streq(all->v[i].path, "shut/f");

		TABLE(form, forms) {
			WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
			int r;

			CASE("%s, %d", all->v[i].path, (int)*form);
			v[0] = &all->v[i];
			style.form = *form;
			naps = 0;
			r = ward_diff_write(v, 1, layer, project, &style, &out, &err);
			CHECK_EQ_INT(r, shut ? WARD_E_REFUSED : WARD_OK);
			if (shut)
				nobody_hangs();
			CHECK_EQ_SIZE(naps, 0);
		}
	}
	CHECK(ward_changed_open(layer, "shut/f", false, &err) == WARD_E_REFUSED);
	REQUIRE(flock(other, LOCK_UN) == 0);
	close(ward_changed_open(layer, "shut/f", false, &err));
	ward_changes_free(all);
	ward_workspace_close(w);
	still_closed();
}

/* ---- what the layer says of a directory is said whole ---- */

static void attribute(const char *path, const char *name)
{
	REQUIRE(setxattr(at(path), name, "x", 1, 0) == 0);
}

static bool has(const char *path, const char *name)
{
	return getxattr(at(path), name, NULL, 0) == 1;
}

/* The run took the attributes of a directory of the project away, gave it one of its own, and made a file in it. */
static struct ward_changes *changed_directory(struct ward_workspace **ret)
{
	struct ward_changes *all = NULL;

	begin();
	REQUIRE(mkdir(at("project/src"), 0755) == 0 && mkdir(at(UPPER "/src"), 0755) == 0);
	for (const char *c = "abc"; *c; c++) {
		const char name[] = { 'u', 's', 'e', 'r', '.', *c, '\0' };

		attribute("project/src", name);
	}
	attribute(UPPER "/src", "user.mine");
	put(UPPER, "src/new", 1, 'x');
	*ret = open_it(WARD_WORKSPACE_CHANGE);
	REQUIRE(ward_workspace_changes(*ret, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	CHECK(all->n == 2 && ward_streq(all->v[0].path, "src"));
	sets = full_from = 0;
	return all;
}

static bool is_the_run_s(void)
{
	return has(UPPER "/src", "user.mine") && !has(UPPER "/src", "user.a") &&
		!has(UPPER "/src", "user.b") && !has(UPPER "/src", "user.c");
}

static bool is_the_project_s(void)
{
	return !has(UPPER "/src", "user.mine") && has(UPPER "/src", "user.a") &&
		has(UPPER "/src", "user.b") && has(UPPER "/src", "user.c");
}

static void count_left(void *arg, const char *path, const char *why)
{
	CHECK_STR_EQ(path, "src");
	CHECK(strstr(why, "no room") != NULL);
	++*(size_t *)arg;
}

static void note_named(void *arg, const char *path, const char *why)
{
	CHECK_STR_EQ(path, ".git/objects/x");
	CHECK(strstr(why, "may be named") != NULL);
	++*(size_t *)arg;
}

TEST(an_object_that_may_be_named_when_all_is_staged_does_not_go)
{
	static const char *const dirs[] = { "project/.git", "project/.git/refs",
		"project/.git/objects", UPPER "/.git", UPPER "/.git/objects" };
	struct ward_changes *all = NULL;
	struct ward_commit_item one = { .side = WARD_COMMIT_OURS, .git = ".git" };
	struct ward_workspace *w;
	struct stat st;
	size_t left = 0;

	begin();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		REQUIRE(mkdir(at(dirs[i]), 0755) == 0);
	put("project", ".git/HEAD", 1024, 'x');
	put("project", ".git/objects/x", 1024, 'x');
	if (mknod(at(UPPER "/.git/objects/x"), S_IFCHR, 0) < 0 && errno == EPERM)
		SKIP("this host lets nobody make a whiteout (the devices of a container)");
	w = open_it(WARD_WORKSPACE_CHANGE);
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	REQUIRE(all->n == 1);
	one.change = &all->v[0];
	CHECK(ward_commit_apply(w, all, &one, 1, note_named, &left, &err) == WARD_OK);
	CHECK(left == 1 && stat(at("project/.git/objects/x"), &st) == 0);
	CASE("and one that is asked for by its name does");
	one.git = NULL;
	CHECK(ward_commit_apply(w, all, &one, 1, note_named, &left, &err) == WARD_OK);
	CHECK(left == 1 && stat(at("project/.git/objects/x"), &st) < 0);
	ward_changes_free(all);
	ward_workspace_close(w);
	end();
}

TEST(attributes_that_have_no_room_are_none_of_them_put_back)
{
	struct ward_workspace *w;
	struct ward_changes *all = changed_directory(&w);
	struct ward_commit_item one = { .change = &all->v[0], .side = WARD_COMMIT_THEIRS };
	size_t left = 0;

	full_from = 2;
	full_to = 3;
	CHECK(ward_commit_apply(w, all, &one, 1, count_left, &left, &err) == WARD_OK);
	CHECK(sets > 2 && left == 1 && is_the_run_s());
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_PENDING);
	CASE("and with room they are");
	full_from = 0;
	CHECK(ward_commit_apply(w, all, &one, 1, count_left, &left, &err) == WARD_OK);
	CHECK(left == 1 && is_the_project_s());
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_PENDING);
	ward_changes_free(all);
	ward_workspace_close(w);
	end();
}

TEST(what_is_half_said_of_a_directory_is_said_to_its_end_later)
{
	struct ward_workspace *w;
	struct ward_changes *all = changed_directory(&w);
	struct ward_commit_item one = { .change = &all->v[0], .side = WARD_COMMIT_THEIRS };
	size_t left = 0;

	full_from = 2;
	full_to = SIZE_MAX; /* nor can it be taken back */
	CHECK(ward_commit_apply(w, all, &one, 1, count_left, &left, &err) < 0);
	CHECK(strstr(err.fix, "--continue") != NULL);
	CHECK(!is_the_run_s() && !is_the_project_s() && left == 0);
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_COMMITTING);
	full_from = 0;
	CHECK(ward_commit_continue(w, count_left, &left, &err) == WARD_OK);
	CHECK(left == 0 && is_the_project_s());
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_PENDING);
	ward_changes_free(all);
	ward_workspace_close(w);
	end();
}

/* ---- who is to stop does ---- */

static size_t last_n; /* how many changes there are */

static int read_it(void)
{
	struct ward_changes_of of = { .layer = open(at(UPPER), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.stop = &stop };
	struct ward_changes *all = NULL;
	int r;

	REQUIRE(of.layer >= 0 && of.root >= 0);
	reads = 0;
	r = ward_changes_read_of(&of, &all, &err);
	last_n = r == WARD_OK ? all->n : 0;
	if (r == WARD_OK)
		ward_changes_free(all);
	close(of.layer);
	close(of.root);
	return r;
}

TEST(a_walk_through_directories_alone_is_stopped)
{
	begin();
	REQUIRE(mkdir(at(UPPER "/d"), 0755) == 0);
	CHECK(read_it() == WARD_OK);
	atomic_store(&stop, true);
	CHECK(read_it() == WARD_E_REFUSED);
	CHECK(strstr(err.message, "the run ended") != NULL);
	end();
}

#define LARGE (16 * (size_t)CHANGE_STEP)

TEST(two_large_files_that_are_compared_are_left)
{
	begin();
	put(UPPER, "f", LARGE, 'x');
	put("project", "f", LARGE, 'x');
	CHECK(read_it() == WARD_OK && reads >= 32);
	stop_at_read = 2;
	CHECK(read_it() == WARD_E_REFUSED);
	CHECK_MSG(reads <= 4, "%zu", reads);
	end();
}

#define HUGE ((off_t)1 << 40)
#define NEAR_END (HUGE - 4096)

/* A run can make a file of any size that takes nothing of the disk: it is as large to who compares it. */
TEST(holes_that_both_have_are_not_read)
{
	static const struct {
		off_t at[2]; /* of a byte in the layer's, and in the project's; 0: none */
		bool differs;
	} cases[] = { { { 0, 0 }, false }, { { NEAR_END, NEAR_END }, false },
		{ { NEAR_END, 0 }, true }, { { 0, 1 << 20 }, true },
		{ { 1 << 20, NEAR_END }, true } };

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (int k = 0; k < 2; k++) {
			int fd = open(at(k ? "project/f" : UPPER "/f"),
				O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

			REQUIRE(fd >= 0 && ftruncate(fd, HUGE) == 0);
			REQUIRE(cases[i].at[k] == 0 || pwrite(fd, "x", 1, cases[i].at[k]) == 1);
			close(fd);
		}
		stop_at_read = 64;
		CHECK(read_it() == WARD_OK);
		CHECK_MSG(reads < 8, "case %zu: %zu", i, reads);
		CHECK(last_n == cases[i].differs);
	}
	end();
}

/* Of a pair of a rename nothing is said then: the list is the run's, which is over, and nobody has it. */
TEST(a_large_file_that_may_be_a_renamed_one_is_left)
{
	begin();
	put("project", "was", LARGE, 'x');
	put(UPPER, "is", LARGE, 'x');
	if (mknod(at(UPPER "/was"), S_IFCHR, 0) < 0 && errno == EPERM)
		SKIP("this host lets nobody make a whiteout (the devices of a container)");
	CHECK(read_it() == WARD_OK && reads >= 32);
	stop_at_read = 2;
	(void)read_it();
	CHECK_MSG(reads <= 4, "%zu", reads);
	end();
}

TAP_MAIN();
