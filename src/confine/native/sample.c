/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory without a cgroup: what the processes of a run hold together: all that are in the sandbox's own /proc or, where that is
 * the host's (no namespaces), the init and all that descends from it, which as their subreaper loses none. Resident sizes come
 * first, since they are cheap and never too small; only when their sum passes the limit are shares of common pages counted (PSS),
 * so that a fork does not count twice. Page tables are in neither, and grow by reading pages that take no memory at all; they are
 * asked for where they could matter. A memfd counts whole, whoever holds it: written but not mapped it would be in no process. So
 * does what there is of System V, which outlives every process that had it.
 * One thing is counted beside a cgroup as well: connections of TCP that wait to be accepted. What they have received no cgroup holds.
 * Numbers of processes that end meanwhile are simply missing. Every text read here comes from the kernel, not from the inside.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/native.h"
#include "os/os.h"

#define DENTS_BYTES 16384
#define CHILDREN_BYTES 8192
#define STATUS_BYTES 16384
#define TABLES_PER_PAGE \
	4 /* at most so many tables are there for one mapped page, alone in its part of the address space */
#define SEEN_MAX 512 /* distinct memfds; more count each time they are seen */
#define LOOKED_MAX 4096 /* descriptors looked at in one sample */

static ssize_t read_small(int dir, const char *name, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%.20s/%s", name, file);
	fd = ward_openat2(dir, path, O_RDONLY, 0, WARD_OPEN_NO_SYMLINKS);
	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n >= 0)
		buf[n] = 0;
	return n;
}

/* What is mapped, whether there is memory behind it or not, and what of it is resident; 0: it has ended. */
struct sizes {
	uint64_t mapped, resident;
};

static struct sizes sizes_of(int dir, const char *name)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[128], *second;
	struct sizes s = { 0 };

	if (read_small(dir, name, "statm", text, sizeof(text)) <= 0)
		return s;
	s.mapped = strtoull(text, &second, 10) * page;
	s.resident = *second == ' ' ? strtoull(second, NULL, 10) * page : 0;
	return s;
}

static uint64_t resident(int dir, const char *name)
{
	return sizes_of(dir, name).resident;
}

/* The groups of a user stand ahead of it, some two thousand of which there is room for. The kernel escapes the name. */
static uint64_t page_tables(int dir, const char *name)
{
	char text[STATUS_BYTES];
	const char *p;

	if (read_small(dir, name, "status", text, sizeof(text)) <= 0)
		return 0;
	p = strstr(text, "\nVmPTE:");
	return p ? strtoull(p + 7, NULL, 10) * 1024 : 0;
}

static uint64_t proportional(int dir, const char *name)
{
	char text[2048];
	const char *p;

	if (read_small(dir, name, "smaps_rollup", text, sizeof(text)) <= 0)
		return resident(dir, name);
	p = strstr(text, "\nPss:");
	return p ? strtoull(p + 5, NULL, 10) * 1024 : resident(dir, name);
}

/* ---- which processes ---- */

struct pids {
	pid_t *v;
	size_t n, max;
	bool failed;
	const struct ward_cage_due *due; /* as in native.h */
	bool late;
	size_t looked; /* at processes, for late() */
};

#define LOOK_AT_ONCE 16u /* before the clock is looked at */

static bool is_due(const struct ward_cage_due *d)
{
	return (d->mono_ns && ward_now_mono_ns() >= d->mono_ns) || (d->now && d->now(d->arg));
}

/* There is something more urgent than to look at the rest. */
static bool late(struct pids *p)
{
	if (p->due && p->looked++ % LOOK_AT_ONCE == 0 && is_due(p->due))
		p->late = true;
	return p->late;
}

static void add(struct pids *p, pid_t pid)
{
	size_t max = p->max ? p->max * 2 : 64;
	pid_t *v;

	if (pid <= 0 || p->failed)
		return;
	if (p->n == p->max) {
		v = max <= WARD_SAMPLE_PIDS_MAX ? realloc(p->v, max * sizeof(*v)) : NULL;
		p->failed = !v;
		if (!v)
			return;
		p->v = v;
		p->max = max;
	}
	p->v[p->n++] = pid;
}

/* Each name of the directory that is a number. */
static void each_number(int dir, void (*fn)(int dir, const char *name, void *arg), void *arg)
{
	_Alignas(struct ward_dirent64) char buf[DENTS_BYTES];
	long n;

	while (dir >= 0 && (n = syscall(SYS_getdents64, dir, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct ward_dirent64 *d =
				(const struct ward_dirent64 *)(const void *)(buf + at);

			at += d->reclen;
			if (isdigit((unsigned char)d->name[0]))
				fn(dir, d->name, arg);
		}
}

static void add_name(int dir, const char *name, void *arg)
{
	(void)dir;
	add(arg, (pid_t)strtol(name, NULL, 10));
}

/* A thread's children. A number may lie in two reads: the kernel fills what it is given, where its pages are larger than that. */
static void add_children(int dir, const char *name, void *arg)
{
	char path[48], text[CHILDREN_BYTES];
	struct pids *p = arg;
	pid_t pid = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/children", name);
	WARD_FD fd = ward_openat2(dir, path, O_RDONLY, 0, WARD_OPEN_NO_SYMLINKS);

	/* A thread that is there without a list: a kernel without CONFIG_PROC_CHILDREN, where nothing below the top is seen. */
	p->failed = p->failed || (fd == -ENOENT && faccessat(dir, name, F_OK, 0) == 0);
	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (isdigit((unsigned char)text[i])) {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			add(p, pid); /* not 0 */
			pid = 0;
		}
	add(p, pid);
}

static void look_below(int proc, pid_t pid, struct pids *p)
{
	char path[48];

	snprintf(path, sizeof(path), "%d/task", (int)pid);
	WARD_FD dir = ward_openat2(proc, path, O_RDONLY | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);

	each_number(dir, add_children, p);
}

/* All in proc, or top and all below it. */
static void collect(int proc, pid_t top, struct pids *p)
{
	if (top > 0) {
		add(p, top);
		for (size_t i = 0; i < p->n && !late(p); i++)
			look_below(proc, p->v[i], p);
		return;
	}
	WARD_FD dir = ward_openat2(proc, ".", O_RDONLY | O_DIRECTORY, 0, 0);

	each_number(dir, add_name, p);
}

static uint64_t sum(int proc, struct pids *p, uint64_t (*of)(int dir, const char *name))
{
	uint64_t total = 0;
	char name[16];

	for (size_t i = 0; i < p->n && !late(p); i++) {
		snprintf(name, sizeof(name), "%d", (int)p->v[i]);
		total += of(proc, name);
	}
	return total;
}

static struct sizes sum_of_sizes(int proc, struct pids *p)
{
	struct sizes total = { 0 };
	char name[16];

	for (size_t i = 0; i < p->n && !late(p); i++) {
		struct sizes s;

		snprintf(name, sizeof(name), "%d", (int)p->v[i]);
		s = sizes_of(proc, name);
		total.mapped += s.mapped;
		total.resident += s.resident;
	}
	return total;
}

/* ---- memory that no process has mapped: files without a name ---- */

struct seen {
	uint64_t ino[SEEN_MAX], total;
	unsigned n, looked;
};

static bool first_time(struct seen *s, uint64_t ino)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->ino[i] == ino)
			return false;
	if (s->n < SEEN_MAX)
		s->ino[s->n++] = ino;
	return true;
}

/* One descriptor of a process: what a memfd holds, as far as nobody has it mapped is not known, so all of it. */
static uint64_t memfd_bytes(int fds, const char *name, struct seen *s)
{
	char link[32];
	struct stat st;
	ssize_t n = readlinkat(fds, name, link, sizeof(link));

	if (n < 7 || memcmp(link, "/memfd:", 7) != 0 || fstatat(fds, name, &st, 0) < 0)
		return 0;
	return first_time(s, st.st_ino) ? (uint64_t)st.st_blocks * 512 : 0;
}

static void add_memfd(int fds, const char *name, void *arg)
{
	struct seen *s = arg;

	if (s->looked >= LOOKED_MAX)
		return;
	s->looked++;
	s->total += memfd_bytes(fds, name, s);
}

static uint64_t memfds(int proc, struct pids *p)
{
	struct seen s = { .n = 0 };
	char path[32];

	for (size_t i = 0; i < p->n && s.looked < LOOKED_MAX && !late(p); i++) {
		snprintf(path, sizeof(path), "%d/fd", (int)p->v[i]);
		WARD_FD dir =
			ward_openat2(proc, path, O_RDONLY | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);

		each_number(dir, add_memfd, &s);
	}
	return s.total;
}

/* ---- System V: memory that no process has to hold ---- */

#define SYSV_OBJECTS_MAX 4096 /* of a kind; more is more than can be counted in time */
#define SYSV_OBJECT_BYTES 512 /* what the kernel keeps for one beside what it holds, rounded up */
#define SYSV_PART_BYTES 64 /* of a semaphore; of a message beside its text */

struct line {
	uint64_t column[16]; /* numbers, from the left */
	unsigned n;
};

static uint64_t shm_bytes(const struct line *l)
{
	return l->n < 16 ? 0 : l->column[14] + l->column[15]; /* in memory, and swapped out */
}

static uint64_t sem_bytes(const struct line *l)
{
	return l->n < 4 ? 0 : l->column[3] * SYSV_PART_BYTES;
}

static uint64_t msg_bytes(const struct line *l)
{
	return l->n < 5 ? 0 : l->column[3] + l->column[4] * SYSV_PART_BYTES;
}

/* A line may lie in two reads. The first has names alone. */
static uint64_t sysv_sum(int fd, uint64_t (*of)(const struct line *l))
{
	struct line l = { .n = 0 };
	uint64_t total = 0, value = 0;
	char text[DENTS_BYTES];
	bool inside = false;
	unsigned objects = 0;
	off_t at = 0;
	ssize_t n;

	for (; (n = pread(fd, text, sizeof(text), at)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++) {
			if (isdigit((unsigned char)text[i])) {
				value = value * 10 + (uint64_t)(text[i] - '0');
				inside = true;
				continue;
			}
			if (inside && l.n < WARD_ARRAY_SIZE(l.column))
				l.column[l.n++] = value;
			value = 0;
			inside = false;
			if (text[i] != '\n')
				continue;
			total += l.n ? of(&l) + SYSV_OBJECT_BYTES : 0;
			if (l.n && ++objects > SYSV_OBJECTS_MAX)
				return UINT64_MAX / 4;
			l.n = 0;
		}
	return n < 0 ? UINT64_MAX / 4 : total;
}

static uint64_t sysv_bytes(const int fds[WARD_SYSV_FILES])
{
	static uint64_t (*const of[WARD_SYSV_FILES])(const struct line *l) = { shm_bytes, sem_bytes,
		msg_bytes };
	uint64_t total = 0;

	for (size_t i = 0; i < WARD_SYSV_FILES; i++)
		total += fds[i] < 0 ? 0 : sysv_sum(fds[i], of[i]);
	return total;
}

uint64_t ward_sample_memory(int proc_dirfd, pid_t top, uint64_t limit,
	const int sysv[WARD_SYSV_FILES], const struct ward_cage_due *due, unsigned *ret_processes)
{
	struct pids p = { .due = due };
	struct sizes all;
	uint64_t more, total;

	collect(proc_dirfd, top, &p);
	*ret_processes = (unsigned)p.n;
	all = sum_of_sizes(proc_dirfd, &p);
	more = memfds(proc_dirfd, &p) + sysv_bytes(sysv);
	/* Most programs cannot have as many as would matter: these are not asked. */
	if (all.resident + more > limit ||
		all.mapped > (limit - all.resident - more) / TABLES_PER_PAGE)
		more += sum(proc_dirfd, &p, page_tables);
	/* What is mapped of a memfd or a segment is counted twice here: it may end a run at half of what it was given, never later. */
	total = all.resident + more <= limit ? all.resident + more
					     : sum(proc_dirfd, &p, proportional) + more;
	/* What cannot be counted is too much. */
	if (p.failed)
		total = UINT64_MAX;
	if (p.late)
		total = 0;
	free(p.v);
	return total;
}

/* ---- how many there are ---- */

/* A process's threads are the links of that directory, less two. */
static unsigned threads_of(int proc, const char *name)
{
	char path[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%.16s/task", name);
	return fstatat(proc, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 2
		? (unsigned)st.st_nlink - 2
		: 0;
}

struct threads {
	struct pids clock; /* holds none */
	unsigned n;
};

static void add_threads(int proc, const char *name, void *arg)
{
	struct threads *t = arg;

	if (!late(&t->clock))
		t->n += threads_of(proc, name);
}

static void add_tasks(int proc, const char *name, void *arg)
{
	struct pids *p = arg;
	char path[32];

	if (late(p))
		return;
	(void)snprintf(path, sizeof(path), "%.16s/task", name);
	WARD_FD dir = ward_openat2(proc, path, O_RDONLY | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);

	each_number(dir, add_name, arg);
}

static int by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

static void each_name(int proc, void (*fn)(int dir, const char *name, void *arg), void *arg)
{
	WARD_FD dir = ward_openat2(proc, ".", O_RDONLY | O_DIRECTORY, 0, 0);

	each_number(dir, fn, arg);
}

/* In both lists, which were made one after the other: alive between them. */
static unsigned in_both(struct pids *a, struct pids *b)
{
	unsigned n = 0;

	if (a->n == 0 || b->n == 0)
		return 0;
	qsort(a->v, a->n, sizeof(*a->v), by_number);
	qsort(b->v, b->n, sizeof(*b->v), by_number);
	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		if (a->v[i] == b->v[k]) {
			n++;
			i++;
			k++;
		} else if (a->v[i] < b->v[k]) {
			i++;
		} else {
			k++;
		}
	}
	return n;
}

bool ward_sample_tasks_reach(int proc_dirfd, uint64_t limit, const struct ward_cage_due *due)
{
	struct pids one = { .due = due }, two = { .due = due };
	struct threads t = { .clock = { .due = due } };
	unsigned n;

	each_name(proc_dirfd, add_threads, &t);
	if (t.n < limit)
		return false;
	/* While they are counted some end and others begin: what is in two lists was there at one time. */
	each_name(proc_dirfd, add_tasks, &one);
	each_name(proc_dirfd, add_tasks, &two);
	n = in_both(&one, &two);
	free(one.v);
	free(two.v);
	return n >= limit;
}

/* ---- connections that nobody has accepted ---- */

/*
 * The kernel makes them where a packet comes in, which is nobody's, and counts them, with what their peers have sent, as the memory of whoever
 * accepts them (__inet_accept). Until then they are in no cgroup's, of either version, and the peer can have ended long ago.
 */
#define WAITING_BYTES 4096 /* what the kernel keeps for one, without what was sent, rounded up */
#define LISTENERS_FIRST \
	512 /* bytes at a time, while there may be nothing else: the kernel looks long */
#define TCP_ESTABLISHED 1
#define TCP_CLOSE_WAIT 8
#define TCP_LISTEN 10

struct waiting {
	uint64_t bytes, limit, n; /* n: as the listeners say */
	size_t lines;
	bool only_listeners, over;
};

/* The n-th word behind s; at its end, where there are fewer. */
static const char *word(const char *s, unsigned n)
{
	s += strspn(s, " ");
	while (n-- > 0) {
		s += strcspn(s, " ");
		s += strspn(s, " ");
	}
	return s;
}

/* "  1: ADDRESS ADDRESS STATE SENT:RECEIVED TIMER:WHEN AGAIN UID TIMEOUT INODE ..." The first line has names, and no colon. */
static void add_connection(struct waiting *w, const char *line)
{
	const char *state_at = word(line, 3), *queues = word(state_at, 1), *inode = word(queues, 5);
	unsigned long state = strtoul(state_at, NULL, 16), received;

	queues = strchr(queues, ':');
	if (!queues || !*inode)
		return;
	received = strtoul(queues + 1, NULL, 16);
	w->only_listeners = w->only_listeners && state == TCP_LISTEN;
	if (state == TCP_LISTEN)
		w->n += received; /* of a listener: how many wait */
	else if (strtoul(inode, NULL, 10) == 0 &&
		(state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT))
		w->bytes += WAITING_BYTES + 2 * (uint64_t)received;
}

/* All lines of what is in text, and what is left of the last one moved to its front. */
static size_t add_lines(struct waiting *w, char *text, size_t n)
{
	char *line = text, *end;

	while ((end = memchr(line, '\n', n - (size_t)(line - text)))) {
		*end = '\0';
		add_connection(w, line);
		w->lines++;
		line = end + 1;
	}
	n -= (size_t)(line - text);
	memmove(text, line, n);
	return n;
}

static void add_table(struct waiting *w, int proc, const char *name, struct pids *clock)
{
	WARD_FD fd = ward_openat2(proc, name, O_RDONLY, 0, WARD_OPEN_NO_SYMLINKS);
	char text[DENTS_BYTES];
	size_t kept = 0;
	ssize_t n = 0;

	w->only_listeners = true;
	while (fd >= 0 && !late(clock) && kept < sizeof(text) / 2) {
		n = read(fd, text + kept,
			w->only_listeners ? LISTENERS_FIRST : sizeof(text) - kept);
		if (n <= 0)
			break;
		kept = add_lines(w, text, kept + (size_t)n);
		w->over = w->n > WARD_SAMPLE_WAITING_MAX || w->lines > WARD_SAMPLE_CONNECTIONS_MAX;
		if (w->over || w->bytes > w->limit || (!w->only_listeners && w->n == 0))
			return;
	}
	w->over = kept >= sizeof(text) / 2;
}

uint64_t ward_sample_waiting(int proc_dirfd, uint64_t limit, const struct ward_cage_due *due)
{
	struct pids clock = { .due = due };
	struct waiting w = { .limit = limit };

	/* The init's network is the run's. Without IPv6 there is no second table; who has no descriptor left at the moment looks again later. */
	add_table(&w, proc_dirfd, "1/net/tcp", &clock);
	if (!w.over && w.bytes <= limit)
		add_table(&w, proc_dirfd, "1/net/tcp6", &clock);
	if (w.over)
		return UINT64_MAX;
	if (w.n == 0)
		return 0;
	/* Who was in the middle of it, and has seen enough, has seen it. */
	return clock.late && w.bytes <= limit ? 0 : w.bytes;
}

#define MS 1000000ull
#define LOOK_MIN_NS (90 * MS)
#define LOOK_MAX_NS (450 * MS)
#define LOOK_FAST_NS (8 * MS)
#define LOOK_QUIET_NS (1000 * MS)
#define LOOK_SHARE 50 /* at most one part of so many of a processor */
#define FAST_PART 16 /* of the limit, from which on what grows is looked at often */

bool ward_sample_waiting_due(const struct ward_waiting_looks *w, uint64_t now, unsigned dialled)
{
	return dialled > 0 && now >= w->from && (now >= w->due || dialled != w->dialled);
}

/*
 * Nothing waits, and nobody dialled since the last look: what comes still was dialled before (a full listener, one that defers, cookies), so it
 * is looked at seldom, and not never.
 */
void ward_sample_waiting_looked(struct ward_waiting_looks *w, uint64_t now, uint64_t took,
	uint64_t used, uint64_t limit, unsigned dialled)
{
	uint64_t gap = took > LOOK_MAX_NS / LOOK_SHARE ? LOOK_MAX_NS : took * LOOK_SHARE;
	bool fast = used > w->used && used > limit / FAST_PART;

	gap = fast ? LOOK_FAST_NS : gap < LOOK_MIN_NS ? LOOK_MIN_NS : gap;
	w->from = now + gap;
	w->due = used == 0 && dialled == w->dialled ? now + LOOK_QUIET_NS : w->from;
	w->used = used;
	w->dialled = dialled;
}
