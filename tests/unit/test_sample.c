/* SPDX-License-Identifier: Apache-2.0 */
/* What the sampler of memory makes of a /proc: here a tree of ordinary files, which can be what no kernel at hand is. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "confine/native/native.h"
#include "os/os.h"
#include "tap.h"

#define TOP 100
#define FIRST_PIDS 64 /* what the list of processes has room for at first */
#define MANY 2000
#define MIB (1u << 20)
#define HELD (64 * MIB) /* in a memfd: far more than a process of this test has */

static char root[] = "/tmp/ward-sample-XXXXXX";
static int proc = -1;
static const int no_sysv[WARD_SYSV_FILES] = { -1, -1, -1 };
static const struct ward_cage_due past = { .mono_ns = 1 }, future = { .mono_ns = UINT64_MAX };

static void put(const char *path, const char *text)
{
	int fd = openat(proc, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* A process of one thread and so many pages; children NULL: no such file. */
static void process(int pid, int pages, const char *children)
{
	char path[64], text[32];

	(void)snprintf(path, sizeof(path), "%d", pid);
	(void)mkdirat(proc, path, 0700);
	(void)snprintf(path, sizeof(path), "%d/task", pid);
	(void)mkdirat(proc, path, 0700);
	(void)snprintf(path, sizeof(path), "%d/task/%d", pid, pid);
	(void)mkdirat(proc, path, 0700);
	(void)snprintf(path, sizeof(path), "%d/statm", pid);
	(void)snprintf(text, sizeof(text), "1000 %d 0 0 0 0 0\n", pages);
	put(path, text);
	(void)snprintf(path, sizeof(path), "%d/task/%d/children", pid, pid);
	if (children)
		put(path, children);
	else
		(void)unlinkat(proc, path, 0);
}

static void start(void)
{
	if (proc < 0 && mkdtemp(root))
		proc = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(proc >= 0);
}

TEST(top_and_all_below)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned n = 0;

	start();
	process(TOP, 1, "101 102 ");
	process(101, 10, "");
	process(102, 100, "103 ");
	process(103, 1000, "");
	process(999, 10000, "");
	CHECK_EQ_INT(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n), 1111 * page);
	CHECK_EQ_INT(n, 4);
}

TEST(children_that_are_not_listed)
{
	unsigned n = 0;

	start();
	process(TOP, 1, "101 ");
	process(101, 1, NULL);
	CASE("below the top");
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n) == UINT64_MAX);
	process(TOP, 1, NULL);
	CASE("of the top");
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n) == UINT64_MAX);
	CASE("ended meanwhile");
	process(TOP, 1, "101 77777 ");
	process(101, 1, "");
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n) < UINT64_MAX);
}

TEST(numbers_over_two_reads)
{
	static char text[MANY * 8 + 8];
	size_t at = (size_t)snprintf(text, sizeof(text),
		"103 "); /* so that no read ends with a number */
	unsigned n = 0;

	start();
	for (int i = 0; i < MANY; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%d ", 1000000 + i);
	process(TOP, 1, text);
	(void)ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n);
	CHECK_EQ_INT(n, 2 + MANY);
	CASE("the last one without a blank");
	process(TOP, 1, "101 102");
	(void)ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n);
	CHECK_EQ_INT(n, 3 + 1);
}

static void thread(int pid, int tid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/task/%d", pid, tid);
	REQUIRE(mkdirat(proc, path, 0700) == 0);
}

static void rollup(int pid, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
	put(path, text);
}

/* Once more than may be is resident, what is common is shared out; whoever does not say its share counts whole. */
TEST(shares_are_asked_for_over_the_limit_alone)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), whole = 112 * page;
	unsigned n = 0;

	start();
	process(TOP, 1, "101 102 ");
	process(101, 11, "");
	process(102, 100, "");
	rollup(102,
		"1000-2000 ---p 00000000 00:00 0 [rollup]\nRss:  400 kB\nPss:   44 kB\nPss_Dirty: 7 kB\n");
	rollup(101, "1000-2000 ---p 00000000 00:00 0 [rollup]\nRss:  44 kB\n");
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, whole, no_sysv, NULL, &n), whole);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, whole, no_sysv, &future, &n), whole);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, whole, no_sysv, &past, &n),
		0); /* later than that */
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, whole - 1, no_sysv, NULL, &n),
		12 * page + 44 * 1024);
	CHECK_EQ_INT(n, 3);
}

static bool third_time(void *arg)
{
	return ++*(int *)arg >= 3;
}

/* Somebody wants the end: the look is left. Who is asked and says no is asked again, a few processes later, and is no reason. */
TEST(a_look_is_left_when_something_is_there)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int asked = 0;
	const struct ward_cage_due due = { .now = third_time, .arg = &asked };
	unsigned n = 0;

	start();
	process(TOP, 1, "");
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, &due, &n), page);
	CHECK_EQ_INT(asked, 1);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, &due, &n), page);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, &due, &n), 0);
	CHECK(!ward_sample_tasks_reach(proc, 1, &due));
	CHECK(ward_sample_tasks_reach(proc, 1, &(struct ward_cage_due){ 0 }));
}

/* As /proc/sysvipc shows them: what is swapped out, a key below zero, and a line that is cut. */
TEST(system_v)
{
	static const char *const texts[WARD_SYSV_FILES] = {
		" key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap\n"
		"  0 1 600 99999999 7 7 0 1 1 1 1 5 5 5 8192 4096\n  -9 2 600 1 7 7 0 1 1 1 1 5 5 5 4096 0\n  3 3 600 4096\n",
		" key semid perms nsems uid gid cuid cgid otime ctime\n  0 1 600 32000 1 1 1 1 0 5\n",
		" key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime\n"
		"  0 1 600 1000 2 7 0 1 1 1 1 5 0 5\n",
	};
	uint64_t rest = 5 * 512, sum = 3 * 4096 + 4096 + 32000 * 64 + 1000 + 2 * 64;
	int fds[WARD_SYSV_FILES];
	unsigned n = 0;

	start();
	process(TOP, 0, "");
	for (int i = 0; i < WARD_SYSV_FILES; i++) {
		put("sysv", texts[i]);
		fds[i] = openat(proc, "sysv", O_RDONLY | O_CLOEXEC);
		REQUIRE(fds[i] >= 0 && unlinkat(proc, "sysv", 0) == 0);
	}
	/* Each time from the beginning. */
	for (int i = 0; i < 2; i++)
		CHECK_EQ_UINT(ward_sample_memory(proc, TOP, UINT64_MAX, fds, NULL, &n), sum + rest);
	for (int i = 0; i < WARD_SYSV_FILES; i++)
		close(fds[i]);
}

TEST(more_of_system_v_than_can_be_counted)
{
	static char text[5000 * 16 + 16];
	int fds[WARD_SYSV_FILES] = { -1, -1, -1 };
	size_t at = 0;
	unsigned n = 0;

	start();
	process(TOP, 0, "");
	for (int i = 0; i < 5000; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "0 %d 600 1\n", i);
	put("sysv", text);
	fds[1] = openat(proc, "sysv", O_RDONLY | O_CLOEXEC);
	REQUIRE(fds[1] >= 0);
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX / 4 - 1, fds, NULL, &n) >
		UINT64_MAX / 4 - 1);
	close(fds[1]);
	CASE("that cannot be read");
	fds[1] = proc;
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX / 4 - 1, fds, NULL, &n) >
		UINT64_MAX / 4 - 1);
}

static void status(int pid, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%d/status", pid);
	if (text)
		put(path, text);
	else
		(void)unlinkat(proc, path, 0);
}

/* They stand in neither sum; who has mapped too little to have many is not asked. */
TEST(page_tables_count)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), mapped = 2 * 1000 * page;
	unsigned n = 0;

	start();
	process(TOP, 1, "101 ");
	process(101, 10, "");
	status(TOP, "Name:\ttop\nGroups:\t\nVmPTE:\t       4 kB\n");
	status(101, "Name:\t\\nVmPTE: 9 kB\nVmSize: 4000 kB\nVmPTE:\t     600 kB\nVmSwap: 0 kB\n");
	CASE("what it can have does not matter");
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, 11 * page + 4 * mapped, no_sysv, NULL, &n),
		11 * page);
	CASE("it might");
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, 11 * page + 4 * mapped - 1, no_sysv, NULL, &n),
		11 * page + 604 * 1024);
	CASE("over the limit, where shares are asked for");
	rollup(101, "1000-2000 ---p 00000000 00:00 0 [rollup]\nRss:  40 kB\nPss:   8 kB\n");
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, page, no_sysv, NULL, &n),
		page + 8 * 1024 + 604 * 1024);
	status(101, NULL);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, page, no_sysv, NULL, &n),
		page + 8 * 1024 + 4 * 1024);
	status(TOP, NULL);
}

/* Without a top: every process that there is, and what is no process is none. */
TEST(all_that_are_there)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned n = 0;

	start();
	process(TOP, 1, NULL);
	process(101, 10, NULL);
	process(102, 100, NULL);
	process(103, 1000, NULL);
	process(999, 10000, NULL);
	(void)mkdirat(proc, "self", 0700);
	put("self/statm", "1 100000 0\n");
	put("0", "");
	CHECK_EQ_UINT(ward_sample_memory(proc, 0, UINT64_MAX, no_sysv, NULL, &n), 11111 * page);
	CHECK_EQ_INT(n, 5);
	CASE("one that has ended meanwhile, and one that says nothing");
	put("103/statm", "1000");
	put("999/statm", "");
	CHECK_EQ_UINT(ward_sample_memory(proc, 0, UINT64_MAX, no_sysv, NULL, &n), 111 * page);
	CHECK_EQ_INT(n, 5);
}

/* Who has no standard streams: the first file that is opened has the number 0. And none stays open. */
TEST(descriptor_zero_is_one)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int in = fcntl(0, F_DUPFD_CLOEXEC, 100), before, after;
	unsigned n = 0;
	uint64_t used;
	bool reached;

	start();
	process(TOP, 1, "101 ");
	process(101, 10, "");
	before = dup(proc);
	close(before);
	REQUIRE(in >= 0 && close(0) == 0);
	used = ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n);
	reached = ward_sample_tasks_reach(proc, 5, NULL);
	REQUIRE(dup2(in, 0) == 0);
	close(in);
	after = dup(proc);
	close(after);
	CHECK_EQ_UINT(used, 11 * page);
	CHECK_EQ_INT(n, 2);
	CHECK(reached);
	CHECK_EQ_INT(after, before);
}

/* More than is read of it, at any size of what is read. */
TEST(a_text_that_is_too_long)
{
	char text[1024];
	unsigned n = 0;

	start();
	memset(text, '1', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	process(TOP, 1, "");
	put("100/statm", text);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n), 0);
	CHECK_EQ_INT(n, 1);
}

/* Each with one thread, so far. */
TEST(tasks_are_threads)
{
	static const int tids[] = { 5, 2000, 104, 99 };

	start();
	CHECK(ward_sample_tasks_reach(proc, 5, NULL));
	CHECK(!ward_sample_tasks_reach(proc, 6, NULL));
	CHECK(!ward_sample_tasks_reach(proc, 5, &past)); /* later than that */
	for (size_t i = 0; i < sizeof(tids) / sizeof(*tids); i++)
		thread(i % 2 ? 101 : 999, tids[i]);
	CHECK(ward_sample_tasks_reach(proc, 8, NULL));
	CHECK(ward_sample_tasks_reach(proc, 9, NULL));
	CHECK(!ward_sample_tasks_reach(proc, 10, NULL));
}

static bool never(void *arg)
{
	++*(int *)arg;
	return false;
}

/* Whatever the processes have of threads: it was passed by for as long as the number of tasks did not come to a multiple. */
TEST(who_may_want_the_end_is_asked_every_sixteen_processes)
{
	enum { PROCESSES = 48, THREADS = 16, PASSES = 3 };
	int asked = 0, other;
	const struct ward_cage_due due = { .now = never, .arg = &asked };

	start();
	REQUIRE(mkdirat(proc, "other", 0700) == 0);
	other = proc;
	proc = openat(other, "other", O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(proc >= 0);
	for (int i = 0; i < PROCESSES; i++) {
		int pid = 10000 + 100 * i;

		process(pid, 1, "");
		for (int k = 1; k < THREADS; k++)
			thread(pid, pid + k);
	}
	CHECK(ward_sample_tasks_reach(proc, PROCESSES * THREADS, &due));
	CHECK_EQ_INT(asked, PASSES * PROCESSES / 16);
	close(proc);
	proc = other;
}

/* A process of the real /proc that has written to memory without a name, has it open as often as it can, and maps none of it. */
static pid_t holds_memory(int *ready)
{
	static char some[MIB];
	int fds[2], fd = memfd_create("held", MFD_CLOEXEC);
	pid_t pid;

	REQUIRE(fd >= 0 && pipe(fds) == 0);
	for (unsigned i = 0; i < HELD / MIB; i++)
		REQUIRE(write(fd, some, sizeof(some)) == (ssize_t)sizeof(some));
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup(fd) < 0 || dup(fd) < 0 || (fork() == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL)))
			_exit(1);
		(void)!write(fds[1], "x", 1);
		for (;;)
			pause();
	}
	close(fd);
	close(fds[1]);
	*ready = fds[0];
	return pid;
}

TEST(a_memfd_counts_whole_and_once)
{
	int real = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), ready = -1;
	pid_t pid = holds_memory(&ready);
	uint64_t used, tight;
	unsigned n = 0;
	char c[2];

	REQUIRE(real >= 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ_INT(read(ready, c, 1), 1);
	used = ward_sample_memory(real, pid, UINT64_MAX, no_sysv, NULL, &n);
	tight = ward_sample_memory(real, pid, 1, no_sysv, NULL, &n);
	CHECK_EQ_INT(n, 2);
	CHECK(used >= HELD && used < 2 * HELD);
	CHECK(tight >= HELD && tight <= used);
	/* The second goes with the first. */
	kill(pid, SIGKILL);
	CHECK_EQ_INT(waitpid(pid, NULL, 0), pid);
	close(ready);
	close(real);
}

/* A process with as many below it as fill the list's first piece, itself among them. */
static pid_t has_children(int *ready)
{
	int fds[2];
	pid_t pid;

	REQUIRE(pipe(fds) == 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 1; i < FIRST_PIDS; i++) {
			pid_t child = fork();

			if (child < 0)
				_exit(1);
			if (child == 0) {
				(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
				for (;;)
					pause();
			}
		}
		(void)!write(fds[1], "x", 1);
		for (;;)
			pause();
	}
	close(fds[1]);
	*ready = fds[0];
	return pid;
}

/* What lies in memory behind a list that is just full is no process: here the number of one that holds much, which is not below. */
TEST(the_list_ends_where_it_does)
{
	int real = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), ready[2] = { -1, -1 };
	pid_t other = holds_memory(&ready[0]), top = has_children(&ready[1]);
	pid_t *old = malloc(FIRST_PIDS * sizeof(*old));
	unsigned n = 0;
	uint64_t bare, used;
	char c;

	REQUIRE(real >= 0 && old);
	for (int i = 0; i < 2; i++)
		CHECK_EQ_INT(read(ready[i], &c, 1), 1);
	bare = ward_sample_memory(real, top, UINT64_MAX, no_sysv, NULL,
		&n); /* a sanitizer makes them large */
	for (size_t i = 0; i < malloc_usable_size(old) / sizeof(*old); i++)
		old[i] = other;
	/* It is given out again, as it is; the compiler thinks that nobody reads it. */
	__asm__ volatile("" : : "r"(old) : "memory");
	free(old);
	used = ward_sample_memory(real, top, UINT64_MAX, no_sysv, NULL, &n);
	CHECK_EQ_INT(n, FIRST_PIDS);
	CHECK(used > 0 && used < bare + HELD / 2);
	for (int i = 0; i < 2; i++) {
		pid_t pid = i ? top : other;

		kill(pid, SIGKILL);
		CHECK_EQ_INT(waitpid(pid, NULL, 0), pid);
		close(ready[i]);
	}
	close(real);
}

/* As many as are looked at are counted; of one more it is not known what it holds, which is too much. */
TEST(as_many_as_are_looked_at)
{
	size_t size = 8 * (size_t)WARD_SAMPLE_PIDS_MAX + 8, at = 0;
	char *text = malloc(size);
	unsigned n = 0;

	start();
	REQUIRE(text);
	for (int i = 1; i < WARD_SAMPLE_PIDS_MAX; i++)
		at += (size_t)snprintf(text + at, size - at, "%d ", 1000000 + i);
	process(TOP, 1, text);
	CHECK_EQ_UINT(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n),
		(uint64_t)sysconf(_SC_PAGESIZE));
	CHECK_EQ_INT(n, WARD_SAMPLE_PIDS_MAX);
	CASE("one more");
	(void)snprintf(text + at, size - at, "999999 ");
	process(TOP, 1, text);
	CHECK(ward_sample_memory(proc, TOP, UINT64_MAX, no_sysv, NULL, &n) == UINT64_MAX);
	free(text);
}

/* ---- connections that nobody has accepted ---- */

#define HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

/* A listener at which so many wait, and connections that hold so many bytes, of this inode. */
static void table(const char *path, unsigned waiting, unsigned n, unsigned state, unsigned bytes,
	unsigned inode)
{
	size_t size = 512 + 160 * (size_t)n, at = 0;
	char *text = malloc(size);

	REQUIRE(text);
	at += (size_t)snprintf(text, size,
		HEAD
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:%08X 00:00000000 00000000     0        0 77 1 0\n",
		waiting);
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, size - at,
			"%4u: 0100007F:1F90 0100007F:%04X %02X 00000000:%08X 00:00000000 00000000     0        0 %u 1 0\n",
			i + 1, i, state, bytes, inode);
	put(path, text);
	free(text);
}

TEST(what_waits_to_be_accepted_is_counted)
{
	const uint64_t one = 4096 + 2 * 1000;

	start();
	(void)mkdirat(proc, "1", 0700);
	(void)mkdirat(proc, "1/net", 0700);
	CASE("there is no such table: nothing waits where nobody listens");
	CHECK_EQ_UINT(ward_sample_waiting(proc, UINT64_MAX - 1, NULL), 0);
	table("1/net/tcp", 0, 3, 1, 1000, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, MIB, NULL), 0); /* the listener says: nobody */
	table("1/net/tcp", 3, 3, 1, 1000, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, MIB, NULL), 3 * one);
	CASE("of both families, and of a peer that has ended");
	table("1/net/tcp6", 2, 2, 8, 1000, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, MIB, NULL), 5 * one);
	CASE("accepted, or the end of somebody who closed");
	table("1/net/tcp6", 1, 2, 1, 1000, 4711);
	CHECK_EQ_UINT(ward_sample_waiting(proc, MIB, NULL), 3 * one);
	table("1/net/tcp6", 1, 2, 5, 1000, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, MIB, NULL), 3 * one);
	CASE("what is seen before there is no time is seen");
	table("1/net/tcp", 1000, 1000, 1, 1000, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, UINT64_MAX - 1, &past), 0);
	CHECK(ward_sample_waiting(proc, 100 * one, &future) > 100 * one);
	CHECK_EQ_UINT(ward_sample_waiting(proc, 2000 * one, &future), 1000 * one);
	CASE("too many");
	put("1/net/tcp6", "");
	table("1/net/tcp", WARD_SAMPLE_WAITING_MAX, 0, 1, 0, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, UINT64_MAX - 1, NULL), 0);
	table("1/net/tcp", WARD_SAMPLE_WAITING_MAX + 1, 0, 1, 0, 0);
	CHECK_EQ_UINT(ward_sample_waiting(proc, UINT64_MAX - 1, NULL), UINT64_MAX);
	CASE("more connections than are looked at");
	table("1/net/tcp", 1, WARD_SAMPLE_CONNECTIONS_MAX, 2, 0, 9);
	CHECK_EQ_UINT(ward_sample_waiting(proc, UINT64_MAX - 1, NULL), UINT64_MAX);
}

#define MS 1000000ull

/* The kernel goes through the connections of the whole host for each look: a look of 5 ms is not to be had ten times a second for nothing. */
TEST(how_often_it_is_looked_what_waits)
{
	struct ward_waiting_looks w = { 0 };
	const uint64_t t = 1000 * MS;

	CASE("nobody dialled; the first one is enough, and looked at at once");
	CHECK(!ward_sample_waiting_due(&w, t, 0));
	CHECK(ward_sample_waiting_due(&w, t, 1));
	CASE("a look that cost nothing; it may have been in the middle of a connect");
	ward_sample_waiting_looked(&w, t, 0, 0, 100 * MIB, 1);
	CHECK(!ward_sample_waiting_due(&w, t + 80 * MS, 2));
	CHECK(ward_sample_waiting_due(&w, t + 100 * MS, 1));
	CASE("nothing waited twice, and nobody dialled: seldom; dialled: soon");
	ward_sample_waiting_looked(&w, t, 0, 0, 100 * MIB, 1);
	CHECK(!ward_sample_waiting_due(&w, t + 900 * MS, 1));
	CHECK(ward_sample_waiting_due(&w, t + 1100 * MS, 1));
	CHECK(ward_sample_waiting_due(&w, t + 100 * MS, 2));
	CHECK_EQ_UINT(w.due, t + 1000 * MS);
	CASE("a fiftieth of a processor, and twice a second at the least");
	ward_sample_waiting_looked(&w, t, 5 * MS, MIB, 100 * MIB, 2);
	CHECK(!ward_sample_waiting_due(&w, t + 249 * MS, 3));
	CHECK(ward_sample_waiting_due(&w, t + 250 * MS, 2));
	ward_sample_waiting_looked(&w, t, 1000 * MS, MIB, 100 * MIB, 2);
	CHECK(ward_sample_waiting_due(&w, t + 500 * MS, 2));
	CASE("much, and it grows: as often as at memory, whatever it costs; not where it stays");
	ward_sample_waiting_looked(&w, t, 5 * MS, 10 * MIB, 100 * MIB, 2);
	CHECK(ward_sample_waiting_due(&w, t + 10 * MS, 2));
	ward_sample_waiting_looked(&w, t, 5 * MS, 10 * MIB, 100 * MIB, 2);
	CHECK(!ward_sample_waiting_due(&w, t + 249 * MS, 2));
}

TEST(tidy)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	CHECK_EQ_INT(system(command), 0);
}

TAP_MAIN();
