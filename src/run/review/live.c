/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --review=live: while the run lives, what it changed and then left alone for a moment is judged as by a commit, and what nobody has to be asked
 * about becomes real; the rest waits. A thread of its own looks at the layer again and again (the kernel tells nobody of what an overlay
 * writes to its files), as often as that is cheap. The layer is hostile: it is looked at by descriptor and within bounds, no link is followed,
 * and nothing but the kernel's own times and numbers says that something is quiet. docs/review.md
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/review/judge.h"

#define MS INT64_C(1000000)
#define TICK_MS 100
#define WAIT_MAX_MS 600000u
#define QUIET_NS (300 * MS) /* so long nobody has written to it */
#define SHARE \
	10 /* of one processor a look takes at most one part in so many; of what follows it, one in two */
#define AGAIN_NS (2000 * MS) /* what was written to while it was read waits so long */
#define SEND_STEP ((off_t)4 << 20)
#define SENDS_MAX 4096 /* for one file */
#define TRIES_MAX 4
#define FAILURES_MAX \
	3 /* one behind the other, not of what was written to meanwhile: then all waits for the end */
#define RECORDED_MAX 200000u /* decisions that a run puts into the log while it lives */
#define WAITING_MAX (64u << 20)
#define FIRST_SLOTS 1024u

/* What is known of a name of the layer, by a sum of its path. */
struct known {
	uint64_t path; /* 0: free */
	uint64_t done; /* a sum of what it was when it was dealt with; 0: never */
	uint64_t now; /* what is being dealt with */
	uint64_t told; /* of what a decision was recorded */
	int64_t settled,
		settled_ns; /* the ctime that it had when its pages went to the disk, and when that was */
	int64_t calm; /* the ctime with which it was found quiet */
	int64_t again_ns; /* what was written to while it was read is not tried again before */
	uint32_t look; /* the last one that found it */
	uint32_t pass; /* that told it */
};

struct review_live {
	struct ward_workspace *w;
	pthread_t thread;
	atomic_bool stop;
	int wake, layer;
	uint64_t seed;
	struct known *v;
	size_t n, n_slots, n_objects,
		n_waiting; /* bytes of directories that are yet to be looked into */
	uint32_t look, pass;
	bool due, over;
	bool failed; /* several times, one behind the other */
	int64_t now_ns;
	char dir[WARD_PATH_MAX]; /* pick: the last one that was looked at, and its time */
	int64_t dir_ns;
	size_t applied, recorded;
	struct ward_error err; /* of the last try, if that failed */
};

/* ---- what is known ---- */

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	return h;
}

/* Seeded: nobody who names files can say which meet. */
static uint64_t sum_of(const struct review_live *v, const char *path)
{
	uint64_t h = v->seed;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 0x100000001b3u + (h >> 47);
	h = mix(h);
	return h ? h : 1;
}

/* A whiteout is one inode of many names, so its time says nothing. */
static uint64_t sign_of(uint64_t ino, int64_t ctime_ns, uint64_t size)
{
	uint64_t h = mix(mix(mix(ino) ^ (uint64_t)ctime_ns) ^ size);

	return h > 1 ? h : 2;
}

#define SIGN_GONE 1u

static struct known *slot_of(const struct review_live *v, uint64_t path)
{
	for (size_t at = path & (v->n_slots - 1);; at = (at + 1) & (v->n_slots - 1))
		if (v->v[at].path == 0 || v->v[at].path == path)
			return &v->v[at];
}

/* What is there no more makes room. */
static bool grow(struct review_live *v)
{
	size_t old = v->n_slots, n = old, most = FIRST_SLOTS;
	size_t wanted = 2 * ((v->n_objects > v->n ? v->n_objects : v->n) + 1);
	struct known *was = v->v;

	/* Half full of what two looks behind each other find, which is all that is kept. */
	while (most < 4 * (size_t)WARD_LIVE_OBJECTS_MAX + 4)
		most *= 2;
	while (n < wanted && n < most)
		n *= 2;
	v->v = calloc(n, sizeof(*v->v));
	if (!v->v) {
		v->v = was;
		return false;
	}
	v->n_slots = n;
	v->n = 0;
	for (size_t i = 0; i < old; i++) {
		if (was[i].path == 0 || was[i].look + 1 < v->look)
			continue;
		*slot_of(v, was[i].path) = was[i];
		v->n++;
	}
	free(was);
	return true;
}

static struct known *know(struct review_live *v, uint64_t path)
{
	struct known *k = slot_of(v, path);

	if (k->path == 0 && 2 * (v->n + 1) > v->n_slots) {
		if (!grow(v) || 2 * (v->n + 1) > v->n_slots)
			return NULL;
		k = slot_of(v, path);
	}
	v->n += k->path == 0;
	k->path = path;
	return k;
}

static bool is_put_off(const struct review_live *v, const struct known *k)
{
	return v->now_ns < k->again_ns;
}

/* ---- a look at the layer ---- */

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

static bool is_quiet(const struct review_live *v, int64_t ctime_ns)
{
	return v->now_ns - ctime_ns >= QUIET_NS;
}

struct pending {
	char *path;
	struct pending *next;
};

/*
 * In pieces, each of which ends in a moment on any disk: who waits for the end of it does not wait for all of a large file. False: it is over, or
 * the file is not known to be on its way.
 */
static bool send_pages(const struct review_live *v, int fd, off_t size)
{
	const unsigned how = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE;
	/* A run can make a file of any size, which is holes for the most part: memory has not so much of it. */
	off_t step = size / SENDS_MAX > SEND_STEP ? size / SENDS_MAX : SEND_STEP, left = size;

	for (off_t at = 0; !atomic_load(&v->stop); at += step, left -= step) {
		/* The last one is to its end, wherever that is by now. Of a tmpfs: nothing. */
		(void)sync_file_range(fd, at, left > step ? step : 0, how);
		if (left <= step)
			return true;
	}
	return false;
}

/*
 * A file that was quiet for a part of the time has its pages put on their way to the disk: from then on a program that writes by a mapping is
 * seen to, by a new ctime, and the rest of the time it is to be quiet so.
 */
static bool is_calm(const struct review_live *v, struct known *k, int dir, const char *name,
	const struct stat *st)
{
	int64_t ctime_ns = ns_of(&st->st_ctim);
	WARD_FD fd = -1;

	if (v->now_ns - ctime_ns < QUIET_NS / 3)
		return false;
	if (k->settled != ctime_ns) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || !send_pages(v, fd, st->st_size))
			return false;
		k->settled = ctime_ns;
		k->settled_ns = (int64_t)ward_now_wall_ns();
		return false;
	}
	if (!is_quiet(v, ctime_ns) || v->now_ns - k->settled_ns < QUIET_NS * 2 / 3)
		return false;
	k->calm = ctime_ns;
	return true;
}

static bool see(struct review_live *v, const char *path, int dir, const char *name,
	const struct stat *st, int64_t dir_ns)
{
	bool gone = S_ISCHR(st->st_mode) && st->st_rdev == 0;
	uint64_t size = S_ISDIR(st->st_mode) ? st->st_mode : (uint64_t)st->st_size ^ st->st_mode;
	uint64_t sum = sum_of(v, path);
	struct known *k = know(v, sum);

	if (!k)
		return false;
	k->look = v->look;
	k->now = gone ? SIGN_GONE : sign_of(st->st_ino, ns_of(&st->st_ctim), size);
	if (k->now == k->done)
		return true;
	if ((S_ISREG(st->st_mode) ? is_calm(v, k, dir, name, st)
				  : is_quiet(v, gone ? dir_ns : ns_of(&st->st_ctim))) &&
		!is_put_off(v, k))
		v->due = true;
	else
		k->now = k->done; /* another time */
	return true;
}

static bool later(struct review_live *v, struct pending **list, const char *path)
{
	size_t n = sizeof(struct pending) + strlen(path) + 1;
	struct pending *p = v->n_waiting + n <= WAITING_MAX ? malloc(sizeof(*p)) : NULL;

	if (p)
		p->path = strdup(path);
	if (!p || !p->path) {
		free(p); /* NULL too */
		return false;
	}
	v->n_waiting += n;
	p->next = *list;
	*list = p;
	return true;
}

/* False: it is over, for want of room. What went meanwhile, or cannot be read, is no error: there is another look, and the end. */
static bool look_into(struct review_live *v, const char *path, struct pending **list)
{
	int fd = ward_beneath(v->layer, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char name[WARD_PATH_MAX];
	size_t n = strlen(path);
	const struct dirent *e;
	struct stat st;
	int64_t dir_ns;
	bool ok = true;

	if (!d) {
		ward_close(fd);
		return true;
	}
	dir_ns = fstat(fd, &st) == 0 ? ns_of(&st.st_ctim) : INT64_MAX;
	while (ok && !atomic_load(&v->stop) && (e = readdir(d))) {
		size_t k = strlen(e->d_name);

		if (ward_streq(e->d_name, ".") || ward_streq(e->d_name, "..") ||
			n + 1 + k >= sizeof(name) ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s%s%s", path, n > 0 ? "/" : "", e->d_name);
		v->n_objects++;
		ok = v->n_objects <= WARD_LIVE_OBJECTS_MAX &&
			see(v, name, fd, e->d_name, &st, dir_ns) &&
			(!S_ISDIR(st.st_mode) || later(v, list, name));
	}
	(void)closedir(d);
	return ok;
}

static void look(struct review_live *v)
{
	struct pending *list = NULL, *p;
	struct stat st;

	v->due = false;
	v->look++;
	v->n_objects = 0;
	v->now_ns = (int64_t)ward_now_wall_ns();
	/* The root's own: what is removed in it leaves no name. */
	if (fstat(v->layer, &st) == 0 && !see(v, ".", v->layer, ".", &st, 0))
		v->over = true;
	if (!v->over && !later(v, &list, ""))
		v->over = true;
	while ((p = list)) {
		list = p->next;
		if (!v->over && !look_into(v, p->path, &list))
			v->over = true;
		v->n_waiting -= sizeof(*p) + strlen(p->path) + 1;
		free(p->path);
		free(p);
	}
}

/* ---- what is wanted ---- */

/* When a name last came to or went from the directory of the layer that path lies in, or the next one above it that is there. */
static int64_t dir_time(struct review_live *v, const char *path)
{
	char dir[WARD_PATH_MAX];
	struct stat st;

	(void)memcpy(dir, path, strlen(path) + 1);
	for (;;) {
		char *slash = strrchr(dir, '/');
		WARD_FD fd = -1;

		dir[slash ? slash - dir : 0] = '\0';
		if (v->dir_ns && ward_streq(dir, v->dir))
			return v->dir_ns;
		fd = ward_beneath(v->layer, dir, O_PATH | O_DIRECTORY);
		if (fd >= 0 && fstat(fd, &st) == 0) {
			(void)memcpy(v->dir, dir, strlen(dir) + 1);
			return v->dir_ns = ns_of(&st.st_ctim);
		}
		if (!slash)
			return INT64_MAX;
	}
}

static uint64_t sign_of_change(const struct ward_change *c)
{
	return c->mode == 0 ? SIGN_GONE
			    : sign_of(c->ino, c->ctime_ns, S_ISDIR(c->mode) ? 0 : c->size);
}

static bool told(void *arg, const struct ward_change *c)
{
	const struct review_live *v = arg;

	return slot_of(v, sum_of(v, c->path))->told == sign_of_change(c);
}

static bool pick(void *arg, const struct ward_change *c)
{
	struct review_live *v = arg;
	uint64_t sum = sum_of(v, c->path);
	struct known *k = know(v, sum);
	uint64_t sign = sign_of_change(c);

	if (!k)
		v->over = true;
	if (!k || atomic_load(&v->stop) || k->told == sign || is_put_off(v, k))
		return false;
	if ((c->mode == 0 || c->kind == WARD_CHANGE_RENAMED) &&
		!is_quiet(v, dir_time(v, c->mode == 0 ? c->path : c->from)))
		return false;
	/* Names that come into a directory change its time, and say nothing of it. */
	if (c->mode != 0 && !S_ISDIR(c->mode) && !is_quiet(v, c->ctime_ns))
		return false;
	if (S_ISREG(c->mode) && k->calm != c->ctime_ns)
		return false;
	/* To read it needs a loan of its mode, which is a ctime of its own: at the end. */
	if (S_ISREG(c->mode) && geteuid() != 0 && !(c->mode & S_IRUSR))
		return false;
	if (S_ISDIR(c->mode) && geteuid() != 0 &&
		(c->mode & (S_IRUSR | S_IXUSR)) != (S_IRUSR | S_IXUSR))
		return false;
	k->told = sign;
	k->pass = v->pass;
	k->look = v->look;
	return true;
}

static void left(void *arg, const char *path)
{
	struct review_live *v = arg;
	uint64_t sum = sum_of(v, path);
	struct known *k = know(v, sum);

	if (k) {
		k->again_ns = v->now_ns + AGAIN_NS;
		k->told = 0;
		k->now = k->done;
	}
}

/* All that was wanted and did not become real by an error is wanted again. */
static void forget_told(struct review_live *v)
{
	for (size_t i = 0; i < v->n_slots; i++)
		if (v->v[i].pass == v->pass)
			v->v[i].told = 0;
}

static void dealt_with(struct review_live *v)
{
	for (size_t i = 0; i < v->n_slots; i++)
		if (v->v[i].path && v->v[i].look == v->look)
			v->v[i].done = v->v[i].now;
}

/* True: it went well, whatever became of it. */
static bool land(struct review_live *v)
{
	const struct ward_review_landing how = { pick, told, left, v };
	int r = WARD_OK;

	/* One that had begun, and met an error. */
	if (faccessat(ward_workspace_dir(v->w), WARD_WORKSPACE_JOURNAL, F_OK,
		    AT_SYMLINK_NOFOLLOW) == 0) {
		r = ward_review_land_on(v->w, &how, &v->err);
		v->recorded++;
	}
	if (r < 0) {
		/* Stopped by the end, it goes on by a commit: the entry says so. */
		if (r == WARD_E_REFUSED && atomic_load(&v->stop))
			v->err = (struct ward_error)WARD_ERROR_INIT;
		return false;
	}
	r = WARD_E_REFUSED;
	for (int i = 0; r == WARD_E_REFUSED && i < TRIES_MAX && v->recorded <= RECORDED_MAX &&
		!atomic_load(&v->stop);
		i++) {
		size_t applied = 0, recorded = 0;

		v->err = (struct ward_error)WARD_ERROR_INIT;
		v->dir_ns = 0;
		v->pass++;
		r = ward_review_land(v->w, &how, &applied, &recorded, &v->err);
		v->applied += applied;
		v->recorded += recorded; /* by one that fails too */
		if (r < 0)
			forget_told(v);
	}
	if (r == WARD_OK)
		dealt_with(v);
	/* The end waited for nobody: what was under way waits, as all else that was not quiet. */
	if (r == WARD_E_REFUSED && atomic_load(&v->stop))
		v->err = (struct ward_error)WARD_ERROR_INIT;
	v->over = v->over || r == WARD_E_LIMIT || v->recorded > RECORDED_MAX;
	return r == WARD_OK || r == WARD_E_REFUSED;
}

/* ---- the thread ---- */

static uint64_t ms_since(uint64_t begin)
{
	return (ward_now_mono_ns() - begin) / (uint64_t)MS;
}

static void *run(void *arg)
{
	struct review_live *v = arg;
	unsigned failures = 0;

	while (!atomic_load(&v->stop) && !v->over) {
		struct pollfd wake = { v->wake, POLLIN, 0 };
		uint64_t begin = ward_now_mono_ns(), wait;

		uint64_t least;

		look(v);
		wait = (SHARE - 1) * ms_since(begin);
		if (v->due && !v->over && !atomic_load(&v->stop)) {
			failures = land(v) ? 0 : failures + 1;
			v->failed = failures >= FAILURES_MAX;
			v->over = v->over || v->failed;
			if (ms_since(begin) > wait)
				wait = ms_since(begin);
		}
		least = (uint64_t)TICK_MS << failures;
		if (wait < least)
			wait = least;
		(void)poll(&wake, 1, (int)(wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS));
	}
	return NULL;
}

static void live_free(struct review_live *v)
{
	ward_close(v->wake);
	free(v->v);
	free(v);
}

static int begin(struct review_live *v, struct ward_error *err)
{
	int r = ward_workspace_land(v->w, err);

	if (r < 0)
		return r;
	v->layer = ward_workspace_layer(v->w, err);
	if (v->layer < 0)
		return v->layer;
	v->n_slots = FIRST_SLOTS;
	v->v = calloc(v->n_slots, sizeof(*v->v));
	v->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!v->v || v->wake < 0 || ward_random(&v->seed, sizeof(v->seed)) < 0)
		return ward_fail(err, WARD_E_NOMEM, "there is no room for it");
	r = ward_thread_start_deep(&v->thread, run, v);
	return r < 0 ? ward_fail_errno(err, WARD_E_SYSTEM, -r, "a thread") : WARD_OK;
}

/* Without it everything waits for the end: nothing is lost, and it is said. */
void review_live_begin(struct life *l)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct review_live *v;

	if (l->r->review != WARD_REVIEW_LIVE || !l->workspace)
		return;
	v = calloc(1, sizeof(*v));
	if (v) {
		v->w = l->workspace;
		v->wake = v->layer = -1;
	}
	if (!v || begin(v, &err) < 0) {
		if (!v)
			(void)ward_fail(&err, WARD_E_NOMEM, "out of memory");
		ward_outcome_warn(l->o, "nothing is made real while the run lives", &err);
		if (v)
			live_free(v);
		return;
	}
	l->landing = v;
}

void review_live_end(struct life *l, size_t *ret_n)
{
	struct review_live *v = l->landing;
	const uint64_t one = 1;

	*ret_n = 0;
	if (!v)
		return;
	atomic_store(&v->stop, true);
	ward_workspace_land_over(v->w);
	(void)ward_write_all(v->wake, &one, sizeof(one));
	(void)pthread_join(v->thread, NULL);
	*ret_n = v->applied;
	if (v->applied > 0)
		ward_outcome_note(l->o, "made real while it ran: %zu change%s", v->applied,
			v->applied == 1 ? "" : "s");
	if (v->over && !v->failed && v->err.code != WARD_E_LIMIT)
		ward_outcome_note(l->o,
			"warning: the run made more than is looked at while it lives: the rest waits");
	else if (v->err.code)
		ward_outcome_warn(l->o, "not all was made real while it ran", &v->err);
	live_free(v);
	l->landing = NULL;
}
