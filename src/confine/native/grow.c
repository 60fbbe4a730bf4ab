/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer in a directory of the store is bounded by looking: all that lies in it is added up, again and again, a few milliseconds at a
 * time. A layer that is large is looked at less often, so that looking never takes more than a small part of a processor.
 *
 * The run made what is walked here, and changes it meanwhile: everything is reached beneath the layer, no link is followed, names that are
 * gone are gone. A directory that even its owner may not enter hides nothing: an ordinary user's walk is made with the rights that he has in
 * the run's own user namespace. A path may be longer than the kernel takes at once, as configure scripts make them. What cannot be counted (paths longer
 * still, too many directories, one that cannot be read) is too much, and is told apart. Not seen is a file
 * that has no name any more and is still open.
 *
 * It sees as well when the layer was written, which is when somebody has to make it durable: the overlay above it does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/native.h"
#include "os/os.h"

#define DENTS_BYTES 32768
#define STEP_NS 2000000ull /* of one look */
#define BETWEEN_NS 6000000ull /* two looks of one walk */
#define PAUSE_NS 100000000ull /* two walks, */
#define PAUSE_FACTOR 25 /* and so many times of what the last one took */
#define LAST_NS 1000000000ull /* of the look when nothing of the run is alive any more */
#define NAMES_A_CLOCK 64
#define SYNC_NS 5000000000ull /* between two times that a layer is said to have been written */
#define STAMP_NS 20000000 /* what objects are stamped with is so much behind: two ticks of 100 Hz */
#define NAME_COST 512u /* of an inode and its name, so that files of no content are bounded too */

struct ward_growth {
	int top, userns; /* the layer; -1 = as we are */
	uint64_t bound, sum; /* sum: of this walk so far */
	uint64_t due, until; /* monotonic ns: the next look; the end of this one */
	uint64_t took; /* by this walk */
	enum ward_layer_over why; /* of over */
	bool over, whole; /* whole: the walk is at its end */
	int64_t newest,
		told; /* wall clock: the last ctime that this walk saw; what is older was told of */
	uint64_t told_at; /* monotonic ns */
	int dir; /* that is being read; -1 = none */
	size_t n_path, n_paths;
	long at, got; /* of dents */
	char path[WARD_LAYER_PATH_MAX]; /* dir's, below top */
	_Alignas(struct ward_dirent64) char dents[DENTS_BYTES];
	char paths
		[WARD_LAYER_NAMES_MAX]; /* known and not yet read, each with its NUL; the last one is next; untouched pages are free */
};

/* The first reason is the one that is told. */
static void is_over(struct ward_growth *g, enum ward_layer_over why)
{
	g->why = g->over ? g->why : why;
	g->over = true;
}

static void push(struct ward_growth *g, const char *name)
{
	size_t n = strlen(name);

	if (g->n_path + n + 2 > sizeof(g->path)) {
		is_over(g, WARD_LAYER_DEEP);
		return;
	}
	if (g->n_paths + g->n_path + n + 2 > WARD_LAYER_NAMES_MAX) {
		is_over(g, WARD_LAYER_MANY);
		return;
	}
	memcpy(g->paths + g->n_paths, g->path, g->n_path);
	g->n_paths += g->n_path;
	if (g->n_path)
		g->paths[g->n_paths++] = '/';
	memcpy(g->paths + g->n_paths, name, n + 1);
	g->n_paths += n + 1;
}

static void see(struct ward_growth *g, const struct stat *st)
{
	int64_t t = st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec;

	g->newest = t > g->newest ? t : g->newest;
}

/* Of what has several names each has its share. */
static void count(struct ward_growth *g, const char *name)
{
	struct stat st;

	if (ward_streq(name, ".") || ward_streq(name, "..") ||
		fstatat(g->dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return;
	see(g, &st);
	g->sum += NAME_COST;
	if (S_ISDIR(st.st_mode)) {
		g->sum += (uint64_t)st.st_blocks * 512;
		push(g, name);
	} else if (st.st_nlink) {
		g->sum += (uint64_t)st.st_blocks * 512 / st.st_nlink;
	}
	if (g->sum > g->bound)
		is_over(g, WARD_LAYER_FULL);
}

/* path below top, by as much of it at a time as the kernel takes. -errno. */
static int open_path(struct ward_growth *g)
{
	char *at = g->path, *end = g->path + g->n_path;
	WARD_FD from = -1;

	while (end - at >= WARD_PATH_MAX) {
		char *cut = memrchr(at, '/', WARD_PATH_MAX - 1);
		int fd;

		if (!cut)
			return -ENAMETOOLONG;
		*cut = '\0';
		fd = ward_openat2(from < 0 ? g->top : from, at, O_PATH | O_DIRECTORY | O_NOFOLLOW,
			0, WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);
		*cut = '/';
		if (fd < 0)
			return fd;
		ward_close(from);
		from = fd;
		at = cut + 1;
	}
	return ward_openat2(from < 0 ? g->top : from, *at ? at : ".",
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);
}

/* The next directory. False: there is none. */
static bool open_next(struct ward_growth *g)
{
	size_t from;

	if (g->n_paths == 0)
		return false;
	for (from = g->n_paths - 1; from > 0 && g->paths[from - 1]; from--)
		;
	g->n_path = g->n_paths - 1 - from;
	memcpy(g->path, g->paths + from, g->n_path + 1);
	g->n_paths = from;
	g->at = g->got = 0;
	g->dir = open_path(g);
	/* Gone, or something else by now; what is there and cannot be read is too much. */
	if (g->dir < 0 && g->dir != -ENOENT && g->dir != -ENOTDIR && g->dir != -ELOOP)
		is_over(g, WARD_LAYER_HIDDEN);
	return true;
}

/* The next names of the directory. False: there are none. */
static bool read_next(struct ward_growth *g)
{
	if (g->at < g->got)
		return true;
	g->at = 0;
	g->got = syscall(SYS_getdents64, g->dir, g->dents, sizeof(g->dents));
	if (g->got > 0)
		return true;
	if (g->got < 0 && errno != ENOENT)
		is_over(g, WARD_LAYER_HIDDEN);
	ward_close(g->dir);
	g->dir = -1;
	return false;
}

static void walk(struct ward_growth *g)
{
	for (unsigned n = 0; !g->over; n++) {
		const struct ward_dirent64 *d;

		if (n % NAMES_A_CLOCK == NAMES_A_CLOCK - 1 && ward_now_mono_ns() >= g->until)
			return;
		if (g->dir < 0) {
			g->whole = !open_next(g);
			if (g->whole)
				return;
			continue;
		}
		if (!read_next(g))
			continue;
		d = (const struct ward_dirent64 *)(const void *)(g->dents + g->at);
		g->at += d->reclen;
		count(g, d->name);
	}
}

/* In memory and descriptors that are the caller's. */
static int walk_inside(void *arg)
{
	struct ward_growth *g = arg;

	if (setns(g->userns, CLONE_NEWUSER) < 0)
		syscall(SYS_exit, 1);
	walk(g);
	syscall(SYS_exit, 0);
	return 0;
}

static void begin(struct ward_growth *g)
{
	g->whole = false;
	g->sum = g->took = 0;
	g->newest = 0;
	g->n_paths = 1; /* the layer itself */
	g->paths[0] = '\0';
}

static void look(struct ward_growth *g, uint64_t until)
{
	g->until = until;
	if (g->userns < 0)
		walk(g);
	else if (ward_native_in_child(walk_inside, CLONE_FILES, g) != 0)
		is_over(g, WARD_LAYER_HIDDEN);
}

bool ward_growth_over(struct ward_growth *g)
{
	uint64_t now = ward_now_mono_ns(), began = now;

	if (g->over || now < g->due)
		return g->over;
	if (g->whole)
		begin(g);
	look(g, now + STEP_NS);
	now = ward_now_mono_ns();
	g->took += now - began;
	g->due = now + BETWEEN_NS;
	if (g->whole)
		g->due = now + PAUSE_NS + PAUSE_FACTOR * g->took;
	return g->over;
}

/* The most runs write nothing: no walk is made for those. */
static bool is_unwritten(struct ward_growth *g)
{
	WARD_FD upper = ward_openat2(g->top, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
		WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);

	return upper >= 0 && ward_is_empty(upper);
}

bool ward_growth_ended_over(struct ward_growth *g)
{
	ward_close(g->dir);
	g->dir = -1;
	if (g->over || is_unwritten(g))
		return g->over;
	begin(g);
	look(g, ward_now_mono_ns() + LAST_NS);
	return g->over;
}

bool ward_growth_written(struct ward_growth *g)
{
	uint64_t now = ward_now_mono_ns();

	if (!g->whole || now < g->told_at + SYNC_NS || g->newest < g->told)
		return false;
	g->told = (int64_t)ward_now_wall_ns() - STAMP_NS;
	g->told_at = now;
	return true;
}

enum ward_layer_over ward_growth_why(const struct ward_growth *g)
{
	return g->over ? g->why : WARD_LAYER_NOT_OVER;
}

uint64_t ward_growth_due(const struct ward_growth *g)
{
	return g->due;
}

static int refuse(int e, const char *what, const char *path, struct ward_error *err)
{
	(void)ward_fail_errno(err, WARD_E_SPAWN, e,
		"axis disk: the layer of what is under review cannot be watched: %s \"%s\"", what,
		path);
	ward_fail_fix(err, "use --disk-backend tmpfs");
	return err->code;
}

int ward_growth_new(const struct ward_review *review, pid_t init, struct ward_growth **ret,
	struct ward_error *err)
{
	struct ward_growth *g = calloc(1, sizeof(*g));
	char path[64];
	struct stat st;

	if (!g)
		return ward_fail(err, WARD_E_NOMEM, "no memory to watch a layer");
	g->bound = review->bound;
	g->whole = true;
	g->userns = g->dir = -1;
	g->told_at = ward_now_mono_ns();
	g->due = g->told_at + PAUSE_NS;
	g->top = ward_openat2(AT_FDCWD, review->layer, O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	if (g->top < 0 || fstat(g->top, &st) < 0 || st.st_dev != review->layer_dev ||
		st.st_ino != review->layer_ino) {
		int e = g->top < 0 ? -g->top : ESTALE;

		ward_growth_free(g);
		return refuse(e, "opening", review->layer, err);
	}
	/* The init was the last who touched it. */
	if (fstatat(g->top, "upper", &st, AT_SYMLINK_NOFOLLOW) == 0)
		see(g, &st);
	g->told = g->newest + 1;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)init);
	if (init)
		g->userns = ward_openat2(AT_FDCWD, path, O_RDONLY, 0, 0);
	if (init && g->userns < 0) {
		int e = -g->userns;

		ward_growth_free(g);
		return refuse(e, "opening", path, err);
	}
	*ret = g;
	return WARD_OK;
}

void ward_growth_free(struct ward_growth *g)
{
	if (!g)
		return;
	ward_close(g->top);
	ward_close(g->userns);
	ward_close(g->dir);
	free(g);
}
