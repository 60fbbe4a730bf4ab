/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log when the disk fails: what was acknowledged stays, what was not leaves no trace, and after a failed sync
 * nothing is claimed any more. Calls of the C library are failed by the linker (--wrap); a full disk is a real one, a
 * small tmpfs in a mount namespace of its own.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "audit_util.h"
#include "os/os.h"

static struct ward_error err;

/* ---- the wraps: -1 = never; else the call with this number (from 0) fails with fail_errno ---- */
static int fail_write = -1, short_write = -1, fail_sync = -1, fail_cut = -1, fail_errno = EIO;
static uint64_t clock_skew_step;
static int syncs, rewrites;
/* Called once, when the lines are written and the sync is about to fail. */
static void (*before_failed_sync)(void);

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n);
uint64_t __real_ward_now_mono_ns(void);
uint64_t __wrap_ward_now_mono_ns(void);

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (short_write >= 0 && short_write-- == 0)
		return __real_write(fd, p, n / 2);
	if (fail_write >= 0 && fail_write-- == 0) {
		errno = fail_errno;
		return fail_errno ? -1 : 0;
	}
	return __real_write(fd, p, n);
}

int __wrap_fdatasync(int fd)
{
	syncs++;
	if (fail_sync >= 0 && fail_sync-- == 0) {
		void (*call)(void) = before_failed_sync;
		before_failed_sync = NULL;
		if (call)
			call();
		errno = fail_errno;
		return -1;
	}
	return __real_fdatasync(fd);
}

/* with 64-bit file offsets the C library's name is another one */
int __real_ftruncate64(int fd, off_t n);
int __wrap_ftruncate64(int fd, off_t n);
int __wrap_ftruncate64(int fd, off_t n)
{
	if (fail_cut >= 0 && fail_cut-- == 0) {
		errno = fail_errno;
		return -1;
	}
	return __real_ftruncate64(fd, n);
}

int __wrap_ftruncate(int fd, off_t n)
{
	if (fail_cut >= 0 && fail_cut-- == 0) {
		errno = fail_errno;
		return -1;
	}
	return __real_ftruncate(fd, n);
}

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	rewrites++;
	return __real_pwrite(fd, p, n, at);
}

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
{
	rewrites++;
	return __real_pwrite64(fd, p, n, at);
}

uint64_t __wrap_ward_now_mono_ns(void)
{
	static uint64_t skew;
	skew += clock_skew_step;
	return __real_ward_now_mono_ns() + skew;
}

static bool no_thread;

int __real_ward_thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);
int __wrap_ward_thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);

int __wrap_ward_thread_start(pthread_t *ret, void *(*fn)(void *), void *arg)
{
	return no_thread ? -EAGAIN : __real_ward_thread_start(ret, fn, arg);
}

/* Memory: the allocation with this number fails, and only it. */
static long fail_alloc = -1;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__wrap_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool alloc_fails(void)
{
	return fail_alloc >= 0 && fail_alloc-- == 0;
}

void *__wrap_malloc(size_t n)
{
	return alloc_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
	return alloc_fails() ? NULL : __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
	return alloc_fails() ? NULL : __real_realloc(p, n);
}

static struct ward_audit *log_of(unsigned records)
{
	struct ward_audit *a = NULL;
	audit_begin();
	REQUIRE(audit_write(audit_log, records, &err) == WARD_OK);
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	err = (struct ward_error)WARD_ERROR_INIT;
	return a;
}

static bool ahead; /* what is to be durable is synced by a thread, and waited for */

static int append_ahead(struct ward_audit *a, unsigned n)
{
	struct ward_event e[8];
	for (unsigned i = 0; i < 8; i++)
		audit_event_fill(&e[i], i);
	return ward_audit_append_ahead(a, e, n, NULL, NULL, &err);
}

static int append(struct ward_audit *a, unsigned n, bool durable)
{
	struct ward_event e[8];
	if (ahead && durable) {
		int r = append_ahead(a, n);
		return r < 0 ? r : ward_audit_settle(a, &err);
	}
	for (unsigned i = 0; i < 8; i++)
		audit_event_fill(&e[i], i);
	return ward_audit_append(a, e, n, durable, NULL, NULL, &err);
}

static bool holds(uint64_t records)
{
	struct ward_audit_report rep;
	return audit_verifies(audit_log, &rep) && rep.records == records;
}

TEST(a_failed_write_leaves_the_log_as_it_was)
{
	static const struct {
		int sys;
		const char *fix;
	} rows[] = { { ENOSPC, "free space" }, { EDQUOT, "free space" }, { EIO, "check the disk" },
		{ 0, "disk" } };
	TABLE(row, rows) {
		CASE("errno %d", row->sys);
		struct ward_audit *a = log_of(3);
		struct blob before = blob_read(audit_log);
		fail_errno = row->sys;
		fail_write = 0;
		CHECK_EQ_INT(append(a, 2, true), WARD_E_AUDIT);
		CHECK_STR_CONTAINS(err.message, "cannot be written");
		CHECK_STR_CONTAINS(err.fix, row->fix);
		/* half of the lines first, then the error */
		short_write = 0;
		fail_write = 0;
		CHECK_EQ_INT(append(a, 2, true), WARD_E_AUDIT);
		struct blob after = blob_read(audit_log);
		CHECK(after.n == before.n && memcmp(after.s, before.s, after.n) == 0);
		/* and it works again */
		CHECK_EQ_INT(append(a, 2, true), WARD_OK);
		CHECK(holds(5));
		free(before.s);
		free(after.s);
		ward_audit_close(a);
		audit_end();
	}
}

TEST(an_interrupted_or_short_write_goes_on)
{
	struct ward_audit *a = log_of(3);
	short_write = 0;
	CHECK_EQ_INT(append(a, 3, true), WARD_OK);
	fail_errno = EINTR;
	fail_write = 0;
	CHECK_EQ_INT(append(a, 3, true), WARD_OK);
	CHECK(holds(9));
	ward_audit_close(a);
	audit_end();
}

static void failed_sync(void)
{
	struct ward_audit *a = log_of(3);
	fail_errno = EIO;
	fail_sync = 0;
	CHECK_EQ_INT(append(a, 2, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "cannot be made durable");
	CHECK(holds(3));
	syncs = 0;
	CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "an earlier write could not be made durable");
	CHECK_EQ_INT(append(a, 1, false), WARD_E_AUDIT);
	CHECK_EQ_INT(ward_audit_append(a, NULL, 0, true, NULL, NULL, &err), WARD_E_AUDIT);
	CHECK_EQ_INT(syncs, 0);
	CHECK(holds(3));
	ward_audit_close(a);
	/* a new object starts from what the file holds */
	CHECK_EQ_INT(audit_write(audit_log, 2, &err), WARD_OK);
	CHECK(holds(5));
	audit_end();
}

TEST(a_failed_sync_is_the_end_of_the_object)
{
	failed_sync();
	ahead = true;
	failed_sync();
	ahead = false;
}

/* ---- a sync that is not waited for at once ---- */

static int slow_ms;
static bool slow_done;

static void be_slow(void)
{
	usleep((useconds_t)slow_ms * 1000);
	slow_done = true;
}

TEST(a_sync_ahead_is_done_once_and_heard_of_once)
{
	struct ward_audit *a = log_of(3);
	struct ward_audit_mark first, last;
	struct ward_event e;
	audit_event_fill(&e, 0);
	syncs = 0;
	CHECK_EQ_INT(ward_audit_append_ahead(a, &e, 1, &first, &last, &err), WARD_OK);
	CHECK_EQ_UINT(first.seq, 4);
	CHECK_EQ_UINT(last.seq, 4);
	CHECK(holds(4));
	CHECK_EQ_INT(ward_audit_settle(a, &err), WARD_OK);
	CHECK_EQ_INT(syncs, 1);
	CHECK_EQ_INT(ward_audit_settle(a, &err), WARD_OK);
	CHECK_EQ_INT(append(a, 1, false), WARD_OK);
	CHECK_EQ_INT(syncs, 1);
	CHECK(holds(5));
	ward_audit_close(a);
	audit_end();
}

TEST(a_sync_ahead_that_fails_is_heard_of_by_what_comes_next)
{
	struct ward_audit *a = log_of(3);
	fail_errno = EIO;
	fail_sync = 0;
	CHECK_EQ_INT(append_ahead(a, 2), WARD_OK);
	CHECK_EQ_INT(append(a, 1, false), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "cannot be made durable");
	CHECK(holds(3));
	/* Whoever else waits for it hears of it too. */
	CHECK_EQ_INT(ward_audit_settle(a, &err), WARD_E_AUDIT);
	CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "an earlier write could not be made durable");
	ward_audit_close(a);
	audit_end();
}

/* Two appends, and the end, wait for it: none goes on while it is under way, and the object is not freed under it. */
TEST(whatever_comes_behind_a_sync_ahead_waits_for_it)
{
	for (int by = 0; by < 3; by++) {
		struct ward_audit *a = log_of(3);
		CASE("by %d", by);
		slow_ms = 100;
		slow_done = false;
		before_failed_sync = be_slow;
		fail_errno = EIO;
		fail_sync = 0;
		CHECK_EQ_INT(append_ahead(a, 2), WARD_OK);
		if (by == 0)
			CHECK_EQ_INT(ward_audit_settle(a, &err), WARD_E_AUDIT);
		else if (by == 1)
			CHECK_EQ_INT(append_ahead(a, 1), WARD_E_AUDIT);
		else
			ward_audit_close(a);
		CHECK(slow_done);
		CHECK(holds(3));
		if (by < 2)
			ward_audit_close(a);
		audit_end();
	}
}

TEST(without_a_thread_the_sync_is_waited_for)
{
	struct ward_audit *a = log_of(3);
	no_thread = true;
	syncs = 0;
	CHECK_EQ_INT(append_ahead(a, 1), WARD_OK);
	CHECK_EQ_INT(syncs, 1);
	fail_errno = EIO;
	fail_sync = 0;
	CHECK_EQ_INT(append_ahead(a, 1), WARD_E_AUDIT);
	no_thread = false;
	CHECK(holds(4));
	ward_audit_close(a);
	audit_end();
}

TEST(without_a_log_nothing_is_synced)
{
	struct ward_audit *a = NULL;
	syncs = 0;
	REQUIRE(ward_audit_open("/dev/null", &a, NULL, &err) == WARD_OK);
	CHECK_EQ_INT(append_ahead(a, 2), WARD_OK);
	CHECK_EQ_INT(ward_audit_settle(a, &err), WARD_OK);
	CHECK_EQ_INT(syncs, 0);
	ward_audit_close(a);
	CHECK_EQ_INT(ward_audit_settle(NULL, &err), WARD_E_INVALID);
}

/* ---- somebody else between our write and our failed sync: the lock is free then ---- */

static struct ward_audit_mark theirs;
static int their_result;

static void somebody_appends(void)
{
	struct ward_audit *other = NULL;
	struct ward_event e[2];
	for (unsigned i = 0; i < 2; i++)
		audit_event_fill(&e[i], i);
	REQUIRE(ward_audit_open(audit_log, &other, NULL, NULL) == WARD_OK);
	their_result = ward_audit_append(other, e, 2, true, NULL, &theirs, NULL);
	ward_audit_close(other);
}

static void somebody_appends_and_fails(void)
{
	fail_sync = 0;
	somebody_appends();
}

static void somebody_rotates(void)
{
	char moved[112];
	snprintf(moved, sizeof(moved), "%s.1", audit_log);
	REQUIRE(rename(audit_log, moved) == 0);
	somebody_appends();
}

static int locked = -1;

static void somebody_locks(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	locked = open(audit_log, O_RDWR | O_CLOEXEC);
	REQUIRE(locked >= 0 && fcntl(locked, F_OFD_SETLK, &l) == 0);
	clock_skew_step = UINT64_C(2000000000);
}

/* Two records onto three; the sync fails when meanwhile() is done. The object must be dead then. */
static void fail_after(void (*meanwhile)(void))
{
	struct ward_audit *a = log_of(3);
	theirs = (struct ward_audit_mark){ 0 };
	their_result = 1;
	rewrites = 0;
	fail_errno = EIO;
	before_failed_sync = meanwhile;
	fail_sync = 0;
	CHECK_EQ_INT(append(a, 2, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "cannot be made durable");
	clock_skew_step = 0;
	CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "an earlier write could not be made durable");
	ward_audit_close(a);
}

TEST(a_failed_sync_alone_is_cut_back)
{
	fail_after(NULL);
	CHECK(holds(3));
	CHECK_EQ_INT(rewrites, 0);
	audit_end();
}

static void built_upon(void)
{
	struct ward_audit_report rep;
	fail_after(somebody_appends);
	CHECK_EQ_INT(their_result, WARD_OK);
	CHECK_EQ_UINT(theirs.seq, 7);
	CHECK(holds(7));
	CHECK_EQ_INT(ward_audit_verify(audit_log, theirs.hash, &rep, &err), WARD_OK);
	CHECK(rep.head_last);
	CHECK_EQ_INT(rewrites, 1); /* ours are dirty again, for their next sync */
	/* and it goes on from there */
	CHECK_EQ_INT(audit_write(audit_log, 2, &err), WARD_OK);
	CHECK(holds(9));
	audit_end();
}

TEST(a_failed_sync_takes_nothing_from_who_built_upon_it)
{
	built_upon();
	ahead = true;
	built_upon();
	ahead = false;
}

TEST(two_failed_syncs_are_both_cut_back)
{
	fail_after(somebody_appends_and_fails);
	CHECK_EQ_INT(their_result, WARD_E_AUDIT);
	CHECK(holds(3));
	audit_end();
}

TEST(a_failed_sync_of_a_rotated_log_is_cut_back_there)
{
	struct ward_audit_report rep;
	char moved[112];
	fail_after(somebody_rotates);
	snprintf(moved, sizeof(moved), "%s.1", audit_log);
	CHECK_EQ_INT(their_result, WARD_OK);
	CHECK(holds(2));
	CHECK(audit_verifies(moved, &rep));
	CHECK_EQ_UINT(rep.records, 3);
	audit_end();
}

TEST(a_failed_sync_without_the_lock_touches_nothing)
{
	fail_after(somebody_locks);
	close(locked);
	CHECK(holds(5));
	CHECK_EQ_INT(rewrites, 0);
	audit_end();
}

TEST(a_cut_that_fails_is_the_end_too_and_the_next_start_heals)
{
	struct ward_audit *a = log_of(3);
	fail_errno = ENOSPC;
	short_write = 0;
	fail_write = 0;
	fail_cut = 0;
	CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "earlier write");
	ward_audit_close(a);
	uint64_t torn = 0;
	struct ward_audit_report rep;
	CHECK(!audit_verifies(audit_log, &rep));
	CHECK(rep.torn && rep.records == 3);
	CHECK_EQ_INT(ward_audit_open(audit_log, &a, &torn, &err), WARD_OK);
	CHECK(torn > 0);
	CHECK(holds(3));
	ward_audit_close(a);
	audit_end();
}

TEST(a_torn_line_that_cannot_be_kept_is_not_cut)
{
	for (int step = 0; step < 4; step++) {
		struct ward_audit *a = log_of(2);
		ward_audit_close(a);
		struct blob b = blob_read(audit_log);
		blob_write(audit_log, b.s, b.n - 10);
		CASE("step %d", step);
		fail_errno = ENOSPC;
		int *const knobs[] = { &fail_write, &fail_sync, &fail_cut, &fail_sync };
		*knobs[step] = step == 3 ? 1 : 0;
		a = NULL;
		CHECK_EQ_INT(ward_audit_open(audit_log, &a, NULL, &err), WARD_E_AUDIT);
		CHECK_STR_CONTAINS(err.message, "torn last line");
		CHECK_NULL(a);
		struct blob now = blob_read(audit_log);
		CHECK(now.n == b.n - 10 || step == 3);
		free(now.s);
		CHECK_EQ_INT(ward_audit_open(audit_log, &a, NULL, &err), WARD_OK);
		CHECK(holds(1));
		free(b.s);
		ward_audit_close(a);
		audit_end();
	}
}

TEST(durable_means_one_sync_and_else_none)
{
	struct ward_audit *a = log_of(1);
	syncs = 0;
	CHECK_EQ_INT(append(a, 8, false), WARD_OK);
	CHECK_EQ_INT(syncs, 0);
	CHECK_EQ_INT(append(a, 8, true), WARD_OK);
	CHECK_EQ_INT(syncs, 1);
	CHECK_EQ_INT(ward_audit_append(a, NULL, 0, true, NULL, NULL, &err), WARD_OK);
	CHECK_EQ_INT(syncs, 2);
	CHECK(holds(17));
	ward_audit_close(a);
	audit_end();
}

TEST(a_lock_held_for_ever_is_an_error)
{
	struct ward_audit *a = log_of(1);
	struct ward_audit_report rep;
	int fd = open(audit_log, O_RDWR | O_CLOEXEC);
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	REQUIRE(fd >= 0 && fcntl(fd, F_OFD_SETLK, &l) == 0);
	clock_skew_step = UINT64_C(2000000000); /* two seconds pass at every look at the clock */
	CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "held its lock for 10 s");
	CHECK_EQ_INT(ward_audit_verify(audit_log, NULL, &rep, &err), WARD_E_SYSTEM);
	CHECK(!rep.ok);
	clock_skew_step = 0;
	close(fd);
	CHECK_EQ_INT(append(a, 1, true), WARD_OK);
	CHECK(holds(2));
	ward_audit_close(a);
	audit_end();
}

/* Every allocation of open, append and verify fails once: an error each time, and the log stays whole. */
TEST(without_memory_nothing_is_lost_and_nothing_is_allowed)
{
	struct ward_audit *a = log_of(2);
	ward_audit_close(a);
	struct blob b = blob_read(audit_log);
	bool done = false;
	long n = 0;
	for (; !done && n < 1000; n++) {
		struct ward_audit_report rep = { 0 };
		bool wrote = false;
		CASE("allocation %ld", n);
		blob_write(audit_log, b.s, b.n);
		fail_alloc = n;
		a = NULL;
		int r = ward_audit_open(audit_log, &a, NULL, &err);
		if (r == WARD_OK)
			r = append(a, 2, true);
		wrote = r == WARD_OK;
		if (r == WARD_OK)
			r = ward_audit_verify(audit_log, NULL, &rep, &err);
		done = fail_alloc >= 0;
		fail_alloc = -1;
		ward_audit_close(a);
		CHECK_EQ_INT(r, done ? WARD_OK : WARD_E_NOMEM);
		CHECK(rep.ok == done);
		CHECK(holds(wrote ? 4 : 2));
	}
	CHECK(done && n > 5);
	free(b.s);
	audit_end();
}

/* ---- a disk that is really full ---- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -errno : 0;
}

/* Own mount namespace, as root or through a user namespace, with a tmpfs of 256K on audit_dir. 0 or -errno. */
static int small_disk(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (uid != 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
			return -errno;
		snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
		int r = write_file("/proc/self/uid_map", map);
		if (r == 0)
			r = write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
		if (r == 0)
			r = write_file("/proc/self/gid_map", map);
		if (r < 0)
			return r;
	} else if (unshare(CLONE_NEWNS) < 0) {
		return -errno;
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("small", audit_dir, "tmpfs", 0, "size=256k,mode=0700") < 0)
		return -errno;
	return 0;
}

static void fill(const char *name)
{
	static char block[4096];
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	REQUIRE(errno == ENOSPC);
	close(fd);
}

/* Grow the log until exactly `spare` bytes of its last page are unused: on a full tmpfs these are all there is. */
static bool grow_to(struct ward_audit *a, size_t spare)
{
	static char text[5000];
	struct stat st;
	struct ward_event e = { .kind = "limit.hit", .resource = "" };
	for (int tries = 0; tries < 20; tries++) {
		REQUIRE(stat(audit_log, &st) == 0);
		size_t before = (size_t)st.st_size;
		if ((before + spare) % 4096 == 0)
			return true;
		REQUIRE(ward_audit_append(a, &e, 1, true, NULL, NULL, &err) == WARD_OK);
		REQUIRE(stat(audit_log, &st) == 0);
		size_t bare = (size_t)st.st_size -
			before; /* a record without text; the next may be a digit longer */
		size_t end = (size_t)st.st_size + bare;
		size_t pad = (4096 - (end + spare) % 4096) % 4096;
		memset(text, 'p', pad);
		text[pad] = '\0';
		struct ward_event padded = { .kind = "limit.hit", .resource = text };
		REQUIRE(ward_audit_append(a, &padded, 1, true, NULL, NULL, &err) == WARD_OK);
	}
	return false;
}

static void full_disk(size_t spare)
{
	struct ward_audit *a = NULL;
	char filler[112];
	snprintf(filler, sizeof(filler), "%s/filler", audit_dir);
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	REQUIRE(grow_to(a, spare));
	fill(filler);
	struct blob before = blob_read(audit_log);
	struct ward_audit_report whole, rep;
	CHECK(audit_verifies(audit_log, &whole));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
		CHECK_STR_CONTAINS(err.message, "No space left");
		CHECK_STR_CONTAINS(err.fix, "free space");
	}
	struct blob after = blob_read(audit_log);
	CHECK(after.n == before.n && memcmp(after.s, before.s, after.n) == 0);
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_STR_EQ(rep.head, whole.head);
	CHECK(unlink(filler) == 0);
	CHECK_EQ_INT(append(a, 1, true), WARD_OK);
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, whole.records + 1);
	free(before.s);
	free(after.s);
	ward_audit_close(a);
}

/* Nothing left at all, and there is no log yet; then a torn one that has no place to go to. */
static void no_log_on_a_full_disk(void)
{
	char filler[112];
	struct ward_audit *a = NULL;
	snprintf(filler, sizeof(filler), "%s/filler", audit_dir);
	fill(filler);
	if (ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK)
		CHECK_EQ_INT(append(a, 1, true), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.fix, "free space");
	ward_audit_close(a);
	CHECK(unlink(filler) == 0);
	REQUIRE(audit_write(audit_log, 2, &err) == WARD_OK);
	struct stat st;
	REQUIRE(stat(audit_log, &st) == 0 && truncate(audit_log, st.st_size - 3) == 0);
	fill(filler);
	CHECK_EQ_INT(ward_audit_open(audit_log, &a, NULL, &err), WARD_E_AUDIT);
	struct stat now;
	CHECK(stat(audit_log, &now) == 0 && now.st_size == st.st_size - 3);
	CHECK(unlink(filler) == 0);
	CHECK_EQ_INT(audit_write(audit_log, 1, &err), WARD_OK);
	CHECK(holds(2));
}

/* Run fn on a small disk in a child (as uid, if given); its failed checks are printed by it and counted here. */
static void on_small_disk(uid_t uid, void (*fn)(size_t), size_t arg)
{
	int status = -1;
	audit_begin();
	if (uid && chown(audit_dir, uid, uid) < 0)
		REQUIRE(false);
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		/* a process that dropped root may not write its own uid_map unless it is dumpable again */
		if (uid && (setgid(uid) < 0 || setuid(uid) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0))
			_exit(100);
		int r = small_disk();
		if (r < 0) {
			fprintf(stderr, "no small disk: %s\n", strerror(-r));
			_exit(r == -EPERM || r == -EACCES || r == -ENOSPC || r == -EINVAL ? 77
											  : 100);
		}
		if (setjmp(tap_leave) == 0)
			fn(arg);
		fflush(stdout);
		_exit(tap_failures ? 1 : 0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	rmdir(audit_dir);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("this user may have no mount namespace of its own here");
	CHECK_EQ_INT(status, 0);
}

static void run_full(size_t spare)
{
	full_disk(spare);
}

static void run_none(size_t arg)
{
	(void)arg;
	no_log_on_a_full_disk();
}

TEST(a_full_disk_with_0_bytes_left)
{
	on_small_disk(0, run_full, 0);
}

TEST(a_full_disk_with_1_byte_left)
{
	on_small_disk(0, run_full, 1);
}

TEST(a_full_disk_with_100_bytes_left)
{
	on_small_disk(0, run_full, 100);
}

TEST(a_full_disk_without_a_log)
{
	on_small_disk(0, run_none, 0);
}

TEST(a_full_disk_as_an_ordinary_user)
{
	if (geteuid() != 0)
		SKIP("the tests before this one ran as an ordinary user");
	on_small_disk(65534, run_full, 100);
}

TAP_MAIN();
