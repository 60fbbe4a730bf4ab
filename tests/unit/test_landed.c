/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The notes of what landed, made smaller: by whom, what is left out, and in which order it reaches the disk. What a crash leaves of them, and
 * what they say: tests/sandbox/test_commit_notes.c
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "os/rawcall.h"
#include "tap.h"
#include "workspace/landed.h"
#include "workspace/store.h"

static bool is_large;

static bool fake_large(const struct ward_landed *l)
{
	(void)l;
	return is_large;
}

#define ward_landed_is_large fake_large
#include "workspace/live.c"

/* What was done, in order: F, a file is synced; D, a directory; R, renamed. */
static char done_so[64];
static int fail_at_directory;

static int fail_realloc_at;

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_realloc(void *p, size_t n)
{
	return fail_realloc_at && --fail_realloc_at == 0 ? NULL : __real_realloc(p, n);
}

static void note_done(char what)
{
	size_t n = strlen(done_so);

	REQUIRE(n + 1 < sizeof(done_so));
	done_so[n] = what;
}

int fsync(int fd)
{
	struct stat st;
	bool dir;

	REQUIRE(fstat(fd, &st) == 0);
	dir = S_ISDIR(st.st_mode);
	note_done(dir ? 'D' : 'F');
	errno = dir ? fail_at_directory : 0;
	return errno ? -1 : 0;
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	long r = ward_raw(SYS_renameat2, from_dir, (long)from, to_dir, (long)to, 0);

	note_done('R');
	errno = r < 0 ? (int)-r : 0;
	return r < 0 ? -1 : 0;
}

static char base[64];
static struct ward_error err;

static int begin(void)
{
	int dir;

	snprintf(base, sizeof(base), "/tmp/ward-landed-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
	dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(dir >= 0);
	fail_at_directory = 0;
	return dir;
}

static void end(int dir)
{
	(void)unlinkat(dir, WARD_LANDED_NAME, 0);
	close(dir);
	CHECK(rmdir(base) == 0);
}

static struct ward_landed *load(int dir)
{
	struct ward_landed *l = NULL;

	REQUIRE(ward_landed_load(dir, true, true, &l, &err) == WARD_OK && l);
	return l;
}

static off_t size_of(int dir)
{
	struct stat st;

	REQUIRE(fstatat(dir, WARD_LANDED_NAME, &st, 0) == 0);
	return st.st_size;
}

/* n times the same name, and as often a file that has lost one of its names. */
static void fill(int dir, int64_t n)
{
	struct ward_landed *l = load(dir);

	for (int64_t i = 1; i <= n; i++) {
		const struct ward_landed_seen lost = { .ino = 77, .ctime_ns = i };
		const struct ward_landed_seen object = {
			.kind = WARD_LANDED_OBJECT, .layer_ino = 5, .ino = 6, .ctime_ns = i
		};
		char path[32];

		snprintf(path, sizeof(path), "name%jd", (intmax_t)i);
		CHECK(ward_landed_add(l, path, &lost, &err) == WARD_OK);
		CHECK(ward_landed_add(l, "same", &object, &err) == WARD_OK);
	}
	CHECK(ward_landed_sync(l, &err) == WARD_OK);
	ward_landed_free(l);
}

static bool ours(const struct ward_landed *l, uint64_t ino, int64_t ctime_ns)
{
	const struct stat st = { .st_ino = ino, .st_ctim = { .tv_nsec = ctime_ns } };

	return ward_landed_ours(l, &st);
}

TEST(an_object_that_outlives_its_names_is_noted_once)
{
	int dir = begin();
	struct ward_landed *l;
	off_t one;

	fill(dir, 1);
	one = size_of(dir);
	unlinkat(dir, WARD_LANDED_NAME, 0);
	fill(dir, 1000);
	l = load(dir);
	CHECK(ward_landed_compact(l, dir, &err) == WARD_OK);
	ward_landed_free(l);
	CHECK_MSG(size_of(dir) < one + 16, "%jd bytes, and of one %jd", (intmax_t)size_of(dir),
		(intmax_t)one);
	l = load(dir);
	CHECK(ours(l, 77, 1000) && ours(l, 6, 1000));
	CHECK(ward_landed_get(l, "same") && !ward_landed_get(l, "name1000"));
	ward_landed_free(l);
	end(dir);
}

/* By whoever opens a dead run's to write, and by nobody else. */
TEST(what_there_was_no_memory_for_spoils_nothing_behind_it)
{
	const struct ward_landed_seen seen = {
		.kind = WARD_LANDED_OBJECT, .ino = 6, .ctime_ns = 1
	};
	char path[200];
	int dir = begin();
	struct ward_landed *l;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (int n = 1; n <= 3; n++) {
		l = load(dir);
		fail_realloc_at = n;
		if (ward_landed_add(l, path, &seen, &err) == WARD_OK)
			CHECK(fail_realloc_at > 0);
		fail_realloc_at = 0;
		CHECK(ward_landed_sync(l, &err) == WARD_OK);
		CHECK(ward_landed_add(l, "behind", &seen, &err) == WARD_OK);
		CHECK(ward_landed_sync(l, &err) == WARD_OK);
		ward_landed_free(l);
		l = load(dir);
		CHECK_MSG(ward_landed_get(l, "behind"), "allocation %d", n);
		ward_landed_free(l);
		unlinkat(dir, WARD_LANDED_NAME, 0);
	}
	end(dir);
}

TEST(they_are_made_smaller_when_they_are_large)
{
	static const struct {
		const char *what;
		bool large, locked, ours, smaller;
	} rows[] = { { "large", true, true, false, true }, { "small", false, true, false, false },
		{ "looked at", true, false, false, false }, { "alive", true, true, true, false } };

	TABLE(row, rows) {
		int dir = begin();
		struct ward_workspace w = { .dir = dir, .locked = row->locked, .ours = row->ours };
		off_t was;

		CASE("%s", row->what);
		fill(dir, 100);
		was = size_of(dir);
		is_large = row->large;
		CHECK(ward_store_landed(&w, &err) == WARD_OK && w.landed);
		CHECK_EQ_INT(size_of(dir) < was / 2, row->smaller);
		ward_landed_free(w.landed);
		end(dir);
	}
}

TEST(the_new_one_is_on_the_disk_before_it_has_the_name)
{
	const struct ward_landed_seen s = { .kind = WARD_LANDED_GONE };
	int dir = begin();
	struct ward_landed *l;
	off_t was;

	fill(dir, 100);
	l = load(dir);
	memset(done_so, 0, sizeof(done_so));
	CHECK(ward_landed_compact(l, dir, &err) == WARD_OK);
	CHECK_STR_EQ(done_so, "FRD");
	CHECK(ward_landed_add(l, "later", &s, &err) == WARD_OK);
	CHECK(ward_landed_sync(l, &err) == WARD_OK);
	ward_landed_free(l);

	CASE("whose name is not known to be on the disk");
	fill(dir, 100);
	l = load(dir);
	fail_at_directory = EIO;
	CHECK(ward_landed_compact(l, dir, &err) < 0);
	fail_at_directory = 0;
	was = size_of(dir);
	CHECK(ward_landed_get(l, "later") && !ward_landed_room(l, 1));
	CHECK(ward_landed_add(l, "much later", &s, &err) == WARD_OK);
	CHECK(ward_landed_sync(l, &err) < 0);
	CHECK(size_of(dir) == was);
	ward_landed_free(l);
	l = load(dir);
	CHECK(ward_landed_get(l, "later") && !ward_landed_get(l, "much later"));
	ward_landed_free(l);
	end(dir);
}

TAP_MAIN();
