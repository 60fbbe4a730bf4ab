/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of commits: a project, a run under review (an overlay in a namespace of its own, that does random operations there and the
 * same on a
 * plain directory), its layer as a list of changes, and two trees compared. A box has the directories root, plain, was, upper, work,
 * merged and store. Each includer is one program.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "workspace/commit/commit.h"

#define RUN "01M8BFCZ1X6EEQSZDMNBR5W7A0"

static char box_dir[256];
static const char *const box_names[] = { "root", "plain", "was", "upper", "work", "merged", "store" };

static TAP_UNUSED const char *box_path(const char *name)
{
	static char out[8][512];
	static unsigned turn;
	char *p = out[turn++ % 8];

	(void)snprintf(p, 512, "%s/%s", box_dir, name);
	return p;
}

static TAP_UNUSED void box_chmod(int dir, const char *name, mode_t mode)
{
	if (fchmodat(dir, name, mode, 0) < 0 && errno != ENOENT)
		_exit(4);
}

/* All of it is gone, whatever its modes. */
static TAP_UNUSED void box_remove_at(int dir, const char *name)
{
	struct stat st;
	int fd;
	DIR *d;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		(void)unlinkat(dir, name, 0);
		return;
	}
	box_chmod(dir, name, 0700);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			box_remove_at(fd, e->d_name);
	if (d)
		closedir(d);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}

static TAP_UNUSED void box_remove(void)
{
	if (box_dir[0])
		box_remove_at(AT_FDCWD, box_dir);
	box_dir[0] = '\0';
}

/*
 * What is killed at each of its calls is made a thousand times: in memory, where there is room and the file system keeps what a layer
 * needs (user.* on a tmpfs is Linux 6.6). The cases that are made once stay on the disk.
 */
static const char *box_usual(void)
{
#ifdef BOX_IN_MEMORY
	char probe[] = "/dev/shm/ward-commit-test-XXXXXX";
	struct statfs room;
	bool can = statfs("/dev/shm", &room) == 0 && (uint64_t)room.f_bavail * (uint64_t)room.f_bsize > 256U << 20 && mkdtemp(probe);

	if (can) {
		can = setxattr(probe, "user.probe", "", 0, 0) == 0;
		(void)rmdir(probe);
	}
	return can ? "/dev/shm" : "/tmp";
#else
	return "/tmp";
#endif
}

static TAP_UNUSED void box_make(void)
{
	const char *where = getenv("WARD_COMMIT_DIR") ? getenv("WARD_COMMIT_DIR") : getenv("TMPDIR") ? getenv("TMPDIR") : box_usual();

	box_remove();
	(void)snprintf(box_dir, sizeof(box_dir), "%s/ward-commit-test-XXXXXX", where);
	REQUIRE(mkdtemp(box_dir));
	for (size_t i = 0; i < WARD_ARRAY_SIZE(box_names); i++)
		REQUIRE(mkdir(box_path(box_names[i]), 0755) == 0);
}

static TAP_UNUSED int box_open(const char *name)
{
	return open(box_path(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static TAP_UNUSED void box_put_map(const char *file, unsigned id)
{
	char text[64];
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	int n = snprintf(text, sizeof(text), "0 %u 1", id);

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		_exit(77);
	close(fd);
}

/* In a child: the overlay is mounted at merged; 77: it cannot be. */
static TAP_UNUSED void box_enter(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char options[2048];
	int fd;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		_exit(77);
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "deny", 4) != 4)
		_exit(77);
	close(fd);
	box_put_map("/proc/self/uid_map", uid);
	box_put_map("/proc/self/gid_map", gid);
	(void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s,userxattr", box_path("root"), box_path("upper"),
		box_path("work"));
	if (mount("overlay", box_path("merged"), "overlay", 0, options) < 0)
		_exit(77);
}

/* fn in the run. False: there is no overlay here. */
static TAP_UNUSED bool box_run(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		box_enter();
		fn(arg);
		_exit(0);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return false;
	CHECK_MSG(status == 0, "the run ended with %#x", status);
	return true;
}

/* ---- two trees compared; the first difference is told ---- */

struct box_link {
	uint64_t a, b;
};

static struct box_link box_links[65536];
static size_t box_n_links;
static char box_difference[WARD_PATH_MAX + 256];

static TAP_UNUSED bool box_differs(const char *what, const char *path)
{
	(void)snprintf(box_difference, sizeof(box_difference), "%.4000s: %.200s", path, what);
	return false;
}

/* Names of one file are names of one file in both. */
static TAP_UNUSED bool box_same_links(const struct stat *a, const struct stat *b, const char *path)
{
	for (size_t i = 0; i < box_n_links && !S_ISLNK(a->st_mode); i++)
		if ((box_links[i].a == a->st_ino) != (box_links[i].b == b->st_ino))
			return box_differs("is another name of another file", path);
	if (box_n_links < WARD_ARRAY_SIZE(box_links) && a->st_nlink > 1)
		box_links[box_n_links++] = (struct box_link){ a->st_ino, b->st_ino };
	/* Names of one symbolic link may part, where one of them is as it was. */
	return a->st_nlink == b->st_nlink || S_ISLNK(a->st_mode) || box_differs("has another number of names", path);
}

/*
 * To be read by an ordinary user too, until box_close_lent(). A change of mode is a change (its ctime is what a commit that goes on
 * looks
 * at): none where none is needed.
 */
static TAP_UNUSED bool box_lends(mode_t mode)
{
	return geteuid() != 0 && (mode & 0400) == 0;
}

static TAP_UNUSED int box_open_lent(int dir, const char *name, mode_t mode, int flags)
{
	if (box_lends(mode))
		box_chmod(dir, name, (mode & 07777) | 0400);
	return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
}

static TAP_UNUSED void box_close_lent(int dir, const char *name, mode_t mode)
{
	if (box_lends(mode))
		box_chmod(dir, name, mode & 07777);
}

static TAP_UNUSED bool box_same_attrs(int a, int b)
{
	return ward_commit_attrs_equal(a, b);
}

static TAP_UNUSED bool box_same_file(int da, int db, const char *name, const struct stat *sa, const struct stat *sb, const char *path)
{
	static char x[1 << 16], y[1 << 16];
	WARD_FD a = box_open_lent(da, name, sa->st_mode, 0);
	WARD_FD b = box_open_lent(db, name, sb->st_mode, 0);
	ssize_t n = 0, m = 0;
	bool same;

	if (a < 0 || b < 0)
		return box_differs("cannot be opened", path);
	do {
		n = read(a, x, sizeof(x));
		m = read(b, y, sizeof(y));
	} while (n > 0 && n == m && memcmp(x, y, (size_t)n) == 0);
	same = box_same_attrs(a, b);
	box_close_lent(da, name, sa->st_mode);
	box_close_lent(db, name, sb->st_mode);
	if (n != 0 || m != 0)
		return box_differs("has another content", path);
	return same || box_differs("has other attributes", path);
}

static TAP_UNUSED bool box_same_dir(int a, int b, const char *path);

static TAP_UNUSED bool box_same_name(int da, int db, const char *name, const char *dir)
{
	char path[WARD_PATH_MAX], x[WARD_PATH_MAX], y[WARD_PATH_MAX];
	struct stat sa, sb;

	(void)snprintf(path, sizeof(path), "%.3000s/%s", dir, name);
	if (fstatat(da, name, &sa, AT_SYMLINK_NOFOLLOW) < 0)
		return box_differs("is missing in the first", path);
	if (fstatat(db, name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
		return box_differs("is missing in the second", path);
	if (sa.st_mode != sb.st_mode) {
		(void)snprintf(x, sizeof(x), "has mode %o and %o", sa.st_mode, sb.st_mode);
		return box_differs(x, path);
	}
	if (S_ISDIR(sa.st_mode)) {
		WARD_FD a = box_open_lent(da, name, sa.st_mode, O_DIRECTORY);
		WARD_FD b = box_open_lent(db, name, sb.st_mode, O_DIRECTORY);

		if (a < 0 || b < 0)
			return box_differs("cannot be opened", path);
		return (box_same_attrs(a, b) || box_differs("has other attributes", path)) && box_same_dir(a, b, path);
	}
	if (!box_same_links(&sa, &sb, path))
		return false;
	if (S_ISLNK(sa.st_mode)) {
		ssize_t n = readlinkat(da, name, x, sizeof(x)), m = readlinkat(db, name, y, sizeof(y));

		return (n == m && memcmp(x, y, (size_t)n) == 0) || box_differs("is another link", path);
	}
	return box_same_file(da, db, name, &sa, &sb, path);
}

static TAP_UNUSED bool box_same_dir(int a, int b, const char *path)
{
	bool same = true;

	for (int turn = 0; turn < 2 && same; turn++) {
		DIR *d = fdopendir(fcntl(turn ? b : a, F_DUPFD_CLOEXEC, 3));

		if (!d)
			return box_differs("cannot be listed", path);
		rewinddir(d);
		for (struct dirent *e; same && (e = readdir(d));)
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				same = turn ? faccessat(a, e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || box_same_name(a, b, e->d_name,
					path) :
					      box_same_name(a, b, e->d_name, path);
		closedir(d);
	}
	return same;
}

static TAP_UNUSED bool box_same(const char *first, const char *second)
{
	WARD_FD a = box_open(first);
	WARD_FD b = box_open(second);

	box_n_links = 0;
	box_difference[0] = '\0';
	return box_same_dir(a, b, "");
}

/* ---- a commit ---- */

static unsigned box_lefts;

static TAP_UNUSED void box_left(void *arg, const char *path, const char *why)
{
	(void)arg;
	box_lefts++;
	if (getenv("WARD_COMMIT_LOUD")) {
		printf("# left: %s %s\n", path, why);
		fflush(stdout);
	}
}

static int64_t box_since;

/* The clock of file systems moves in steps: until what is written now is later than that. */
static TAP_UNUSED void box_await_clock(int64_t than)
{
	struct timespec t;

	do {
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &t);
	} while (ward_commit_ns(&t) <= than);
}

/* The project is as the run will see it; whatever changes from now on is newer. */
static TAP_UNUSED void box_begin(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	box_await_clock(ward_commit_ns(&t));
	clock_gettime(CLOCK_REALTIME, &t);
	box_since = ward_commit_ns(&t);
	box_await_clock(box_since);
}

struct box_fds {
	int root, layer, store;
};

static TAP_UNUSED void box_fds_done(struct box_fds *f)
{
	close(f->root);
	close(f->layer);
	close(f->store);
}

static TAP_UNUSED struct ward_commit box_commit(struct box_fds *f)
{
	struct ward_commit c = WARD_COMMIT_INIT;

	*f = (struct box_fds){ box_open("root"), box_open("upper"), box_open("store") };
	c.root = f->root;
	c.layer = f->layer;
	c.store = f->store;
	c.run = RUN;
	c.since_ns = box_since;
	c.left = box_left;
	box_lefts = 0;
	return c;
}
