/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LOG.runs (src/audit/pending.c): what is begun, kept and found again, with flock as NFS and CIFS do it, with none at all, and what
 * somebody else's file can do to one's own start. Whole runs that are killed: tests/fault/test_kill.py.
 */
#include <sys/file.h>
#include <sys/syscall.h>

#include "alloc_fail.h"
#include "audit_util.h"

enum locks { LOCKS_LOCAL = 0, LOCKS_RANGES, LOCKS_NONE };
static enum locks locks;

/* A shared lock takes a descriptor that reads, an exclusive one one that writes. */
int flock(int fd, int op)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;

	errno = locks == LOCKS_NONE ? ENOLCK : EBADF;
	if (locks == LOCKS_NONE ||
		(locks == LOCKS_RANGES &&
			(((op & LOCK_SH) && mode == O_WRONLY) ||
				((op & LOCK_EX) && mode == O_RDONLY))))
		return -1;
	return (int)syscall(SYS_flock, fd, op);
}

#define RUN "01M8BFCZ1X6EEQSZDMNBR5W7"
static struct ward_audit *a;
static struct ward_error err;
static char runs[112];

static void begin(void)
{
	audit_begin();
	snprintf(runs, sizeof(runs), "%s.runs", audit_log);
	locks = LOCKS_LOCAL;
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
}

static int names(bool take_away)
{
	DIR *d = opendir(runs);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' && (!e->d_name[1] || e->d_name[1] == '.'))
			continue;
		n++;
		if (take_away)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	if (d)
		closedir(d);
	return n;
}

static void end(void)
{
	ward_audit_close(a);
	(void)chmod(runs, 0700);
	(void)names(true);
	rmdir(runs);
	audit_end();
}

struct seen {
	size_t calls, n, started, ended, warned;
	int r;
	char last[64];
	char warning[512];
};

static int found(void *arg, const struct ward_dead_run *d, size_t n, struct ward_error *e)
{
	struct seen *s = arg;

	(void)e;
	s->calls++;
	s->n += n;
	for (size_t i = 0; i < n; i++) {
		s->started += d[i].started;
		s->ended += d[i].ended;
		snprintf(s->last, sizeof(s->last), "%s", d[i].run);
	}
	return s->r;
}

static void warned(void *arg, const char *what)
{
	struct seen *s = arg;

	s->warned++;
	snprintf(s->warning, sizeof(s->warning), "%s", what);
}

static int sweep(struct seen *s)
{
	const struct ward_pending_found f = { found, warned, s };

	return ward_pending_sweep(a, &f, &err);
}

static void record(const char *kind, const char *run)
{
	struct ward_event e = { .kind = kind, .action = "run", .run = run };

	REQUIRE(ward_audit_append(a, &e, 1, false, NULL, NULL, &err) == WARD_OK);
}

static void die(const char *run, enum ward_pending_left left)
{
	struct ward_pending *p = NULL;

	REQUIRE(ward_pending_begin(a, run, "x=y", 4, &p, &err) == WARD_OK);
	REQUIRE(p);
	ward_pending_end(p, left);
}

static void put(const char *name, const char *text, size_t n)
{
	char path[256];

	(void)mkdir(runs, 0700);
	snprintf(path, sizeof(path), "%s/%s", runs, name);
	blob_write(path, text, n);
}

TEST(locks_that_are_ranges_of_bytes)
{
	struct seen s = { 0 };
	struct ward_pending *p = NULL;

	begin();
	locks = LOCKS_RANGES;
	die(RUN "00", WARD_PENDING_NO_END);
	REQUIRE(ward_pending_begin(a, RUN "01", "", 0, &p, &err) == WARD_OK);
	CHECK((fcntl(ward_pending_fd(p), F_GETFL) & O_ACCMODE) == O_RDONLY);
	CHECK(sweep(&s) == WARD_OK);
	CHECK_EQ_INT(s.n, 1);
	CHECK_STR_EQ(s.last, RUN "00");
	ward_pending_end(p, WARD_PENDING_NOTHING);
	CHECK_EQ_INT(names(false), 0);
	end();
}

TEST(no_locks_and_no_place)
{
	struct ward_pending *p = NULL;
	struct seen s = { 0 };

	begin();
	locks = LOCKS_NONE;
	CHECK(ward_pending_begin(a, RUN "00", "", 0, &p, &err) == WARD_E_UNSUPPORTED);
	CHECK(!p && strstr(err.message, runs));
	CHECK_EQ_INT(names(false), 0);
	put(RUN "01", "", 0);
	CHECK(sweep(&s) == WARD_OK && s.n == 0);
	locks = LOCKS_LOCAL;
	if (geteuid() != 0) {
		CHECK(chmod(runs, 0500) == 0);
		CHECK(ward_pending_begin(a, RUN "00", "", 0, &p, &err) == WARD_E_UNSUPPORTED);
	}
	end();
}

TEST(what_cannot_be_looked_at_is_left_and_said)
{
	static char big[WARD_PENDING_BYTES_MAX + 1];
	struct seen s = { 0 };

	begin();
	put(RUN "00", big, sizeof(big));
	die(RUN "01", WARD_PENDING_NO_END);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 1 && s.warned == 1 && strstr(s.warning, RUN "00"));
	CHECK_EQ_INT(names(false), 1);
	end();
}

TEST(a_log_that_cannot_be_read_stops_nobody)
{
	struct seen s = { 0 };
	char path[256];

	begin();
	die(RUN "00", WARD_PENDING_NO_END);
	snprintf(path, sizeof(path), "%s.x", audit_log);
	REQUIRE(rename(audit_log, path) == 0 && mkdir(audit_log, 0700) == 0);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 0 && s.warned == 1);
	CHECK_EQ_INT(names(false), 1);
	rmdir(audit_log);
	end();
}

TEST(what_was_not_recorded_stays)
{
	struct seen s = { .r = WARD_E_AUDIT };

	begin();
	die(RUN "00", WARD_PENDING_NO_END);
	CHECK(sweep(&s) == WARD_E_AUDIT);
	CHECK_EQ_INT(names(false), 1);
	end();
}

TEST(some_at_a_time_in_one_call)
{
	struct seen s = { 0 };
	char run[WARD_ULID_SIZE];

	begin();
	for (int i = 0; i < WARD_PENDING_DEAD_MAX + 4; i++) {
		snprintf(run, sizeof(run), RUN "%02d", i);
		die(run, WARD_PENDING_NO_END);
		record("run.start", run);
	}
	record("run.end", RUN "07");
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.calls == 1 && s.n == WARD_PENDING_DEAD_MAX);
	CHECK_EQ_INT(names(false), 4);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.calls == 2 && s.n == WARD_PENDING_DEAD_MAX + 4);
	CHECK(s.started == s.n && s.ended == 1);
	CHECK(sweep(&s) == WARD_OK && s.calls == 2);
	end();
}

TEST(more_names_than_are_looked_at)
{
	struct seen s = { 0 };
	char name[160];

	begin();
	(void)mkdir(runs, 0700);
	for (int i = 0; i < WARD_PENDING_LOOKS_MAX + 500; i++) {
		snprintf(name, sizeof(name), "%s/%d", runs, i);
		REQUIRE(mknod(name, S_IFREG | 0600, 0) == 0);
	}
	die(RUN "00", WARD_PENDING_NO_END);
	for (int i = 0; i < 500 && s.n == 0; i++)
		CHECK(sweep(&s) == WARD_OK);
	CHECK_EQ_INT(s.n, 1);
	end();
}

TEST(an_end_is_not_forgotten_with_its_log)
{
	struct seen s = { 0 };
	char old[128];

	begin();
	die(RUN "00", WARD_PENDING_ENDED);
	CHECK_EQ_INT(names(false), 1);
	snprintf(old, sizeof(old), "%s.1", audit_log);
	REQUIRE(rename(audit_log, old) == 0);
	record("run.start", RUN "01");
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 1 && s.ended == 1);
	CHECK_STR_EQ(s.last, RUN "00");
	CHECK_EQ_INT(names(false), 0);
	end();
}

TEST(a_log_that_was_cut_or_is_another)
{
	struct seen s = { 0 };
	struct stat st;
	char head[128];
	int n;

	begin();
	record("run.start", RUN "09");
	die(RUN "00", WARD_PENDING_NO_END);
	REQUIRE(truncate(audit_log, 0) == 0); /* copytruncate */
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 1 && s.started == 1);
	REQUIRE(stat(audit_log, &st) == 0);
	n = snprintf(head, sizeof(head), "%lu 0 %lu", (unsigned long)st.st_ino + 1,
		(unsigned long)st.st_dev);
	put(RUN "01", head, (size_t)n + 1);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 2 && s.started == 2);
	n = snprintf(head, sizeof(head), "%lu 0 %lu", (unsigned long)st.st_ino,
		(unsigned long)st.st_dev);
	put(RUN "02", head, (size_t)n + 1);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 3 && s.started == 2);
	end();
}

/* After a boot the same log may be on a device of another number: what it has counts, and so does what it does not have. */
TEST(a_device_that_has_another_number)
{
	struct seen s = { 0 };
	struct stat st;
	char head[128];
	int n;

	begin();
	record("run.start", RUN "00");
	record("run.start", RUN "01");
	record("run.end", RUN "01");
	REQUIRE(stat(audit_log, &st) == 0);
	n = snprintf(head, sizeof(head), "%lu 0 %lu", (unsigned long)st.st_ino,
		(unsigned long)st.st_dev + 1);
	for (int i = 0; i < 3; i++) {
		char run[WARD_ULID_SIZE];

		snprintf(run, sizeof(run), RUN "%02d", i);
		put(run, head, (size_t)n + 1);
	}
	CHECK(sweep(&s) == WARD_OK);
	CHECK_EQ_INT(s.n, 3);
	CHECK_EQ_INT(s.started, 2); /* the third is not told of as aborted */
	CHECK_EQ_INT(s.ended, 1);
	/* Its records stand before where another log of that inode ended: looked for all the same. */
	n = snprintf(head, sizeof(head), "%lu %lu %lu", (unsigned long)st.st_ino,
		(unsigned long)st.st_size, (unsigned long)st.st_dev + 1);
	put(RUN "00", head, (size_t)n + 1);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 4 && s.started == 3);
	end();
}

TEST(of_another_machine)
{
	const struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	char path[256];
	struct seen s = { 0 };
	char host[80] = "", head[256];
	int n;

	begin();
	REQUIRE(gethostname(host, sizeof(host) - 1) == 0);
	n = snprintf(head, sizeof(head), "1 2 3 another-boot another-host");
	put(RUN "00", head, (size_t)n + 1);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 0 && s.warned == 0);
	CHECK_EQ_INT(names(false), 1);
	snprintf(path, sizeof(path), "%s/" RUN "00", runs);
	REQUIRE(utimensat(AT_FDCWD, path, old, 0) == 0);
	CHECK(sweep(&s) == WARD_OK);
	CHECK(s.n == 0 && s.warned == 1 && strstr(s.warning, path) &&
		strstr(s.warning, "another machine"));
	CHECK_EQ_INT(names(false), 1);
	n = snprintf(head, sizeof(head), "1 2 3 another-boot %s", host); /* started anew */
	put(RUN "01", head, (size_t)n + 1);
	CHECK(sweep(&s) == WARD_OK);
	CHECK_EQ_INT(s.n, 1);
	end();
}

TEST(no_memory_is_not_taken_for_no_record)
{
	struct seen s = { 0 };
	unsigned long at = 1;

	if (!ALLOC_FAIL_WORKS)
		SKIP("the sanitizer has its own allocator");
	begin();
	die(RUN "00", WARD_PENDING_NO_END);
	record("run.start", RUN "00");
	for (; at < 200; at++) {
		int r;

		alloc_fail_hit = false;
		alloc_fail_at = at;
		r = sweep(&s);
		alloc_fail_at = 0;
		CHECK(r == WARD_OK || !alloc_fail_hit || s.n == 0);
		if (r == WARD_OK && s.n > 0)
			break;
		CHECK_EQ_INT(names(false), 1);
	}
	CHECK(at > 3 && at < 200);
	CHECK(s.n == 1 && s.started == 1);
	end();
}

TEST(a_second_begin_takes_the_name)
{
	struct ward_pending *first = NULL, *second = NULL;
	struct seen s = { 0 };

	begin();
	REQUIRE(ward_pending_begin(a, RUN "00", "a", 1, &first, &err) == WARD_OK);
	REQUIRE(ward_pending_begin(a, RUN "00", "b", 1, &second, &err) == WARD_OK);
	ward_pending_end(first, WARD_PENDING_NO_END);
	CHECK_EQ_INT(names(false), 1);
	CHECK(sweep(&s) == WARD_OK && s.n == 0);
	ward_pending_end(second, WARD_PENDING_NOTHING);
	CHECK_EQ_INT(names(false), 0);
	end();
}

TAP_MAIN();
