/* SPDX-License-Identifier: Apache-2.0 */
/* What packed-refs and the logs of git's say of a reference that has no file in the project any more: line by line, and in which time. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"
#include "workspace/commit/commit.h"
#include "workspace/index/index.h"

#define ZERO "0000000000000000000000000000000000000000"
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define LONG_A A "aaaaaaaaaaaaaaaaaaaaaaaa"
#define SINCE (INT64_C(1000) * 1000000000)
#define MAIN "refs/heads/main"

static char top[] = "/tmp/ward-ref-XXXXXX";
static int root = -1, layer = -1;
static unsigned n_reads;

int __real_ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out,
	struct ward_error *err);
int __wrap_ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out,
	struct ward_error *err);

int __wrap_ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out,
	struct ward_error *err)
{
	n_reads++;
	return __real_ward_read_fd(fd, name, max, out, err);
}

static void put(int dir, const char *path, const char *text)
{
	WARD_FD fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && ward_write_all(fd, text, strlen(text)) == 0);
}

static void prepare(void)
{
	static const char *const dirs[] = { "root", "layer", "root/g", "layer/g", "root/h",
		"root/g/logs", "layer/g/logs", "root/g/logs/refs", "layer/g/logs/refs",
		"root/g/logs/refs/heads", "layer/g/logs/refs/heads" };
	WARD_FD fd = -1;

	if (root >= 0)
		return;
	REQUIRE(mkdtemp(top));
	fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(dirs); i++)
		REQUIRE(mkdirat(fd, dirs[i], 0700) == 0);
	root = openat(fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	layer = openat(fd, "layer", O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(root >= 0 && layer >= 0);
	put(root, "g/HEAD", "ref: " MAIN "\n");
	put(root, "h/HEAD", "ref: " MAIN "\n");
}

static enum ward_ref ask(struct ward_packed **io, const char *path, int64_t since_ns)
{
	return ward_ref_packed(io, NULL, NULL, root, layer, since_ns, path);
}

TEST(a_line_of_packed_refs)
{
	static const struct {
		const char *text;
		enum ward_ref is;
	} rows[] = {
		{ "", WARD_REF_NONE },
		{ A " " MAIN "\n", WARD_REF_AS_WAS },
		{ LONG_A " " MAIN "\n", WARD_REF_AS_WAS },
		{ "# pack-refs with: peeled fully-peeled sorted \n" A " refs/heads/a\n" B " " MAIN
		  "\n^" C "\n",
			WARD_REF_AS_WAS },
		{ B " refs/heads/z\n" A " " MAIN "\n" C " refs/heads/a\n", WARD_REF_AS_WAS },
		{ A " " MAIN, WARD_REF_NONE },
		{ A " " MAIN "2\n" B " refs/heads/mai\n" C " x" MAIN "\n", WARD_REF_NONE },
		{ A "  " MAIN "\n", WARD_REF_NONE },
		{ A MAIN "\n", WARD_REF_NONE },
		{ "^" A " " MAIN "\n", WARD_REF_NONE },
		{ "aaa " MAIN "\n", WARD_REF_NONE },
		{ "\n\n \n" MAIN "\n" A "\n" A " \n", WARD_REF_NONE },
		{ A "g " MAIN "\n", WARD_REF_NONE },
	};

	prepare();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_packed *p = NULL;

		put(root, "g/packed-refs", rows[i].text);
		if (ask(&p, "g/" MAIN, INT64_MAX) != rows[i].is)
			FAIL("%s", rows[i].text);
		ward_packed_free(p);
	}
}

/* ---- logs ---- */

#define WHO " a b <a@example.com> "
#define LINE(from, to, seconds) from " " to WHO seconds " +0000\tcommit: x\n"
#define FIRST LINE(ZERO, A, "10")
#define SECOND LINE(A, B, "20")
#define THIRD LINE(B, C, "2000")

/* It is A, B, C in turn, of which the run has seen A and B, and made C. packed-refs is younger than all of that. */
TEST(who_moved_it)
{
	static const struct {
		const char *what, *value, *theirs, *runs;
		bool as_was;
	} rows[] = {
		{ "nobody", B, FIRST SECOND, FIRST SECOND THIRD, true },
		{ "nobody, and the log is shorter", B, SECOND, FIRST SECOND THIRD, true },
		{ "nobody, and the run moved it twice", B, SECOND,
			FIRST SECOND THIRD LINE(C, A, "2001"), true },
		{ "nobody, and gc left a tab", B, ZERO " " B WHO "20 +0000\t\n",
			ZERO " " B WHO "20 +0000\n" THIRD, true },
		{ "back, and the log was forgotten", A, "", FIRST SECOND THIRD, false },
		{ "back, and its log begins there", A, "", SECOND THIRD, false },
		{ "back, and it says when", A, FIRST SECOND LINE(B, A, "3000"), FIRST SECOND THIRD,
			false },
		{ "back, and it says that it is old", A, FIRST SECOND LINE(B, A, "15"),
			FIRST SECOND THIRD, false },
		{ "back, without a log of it", A, FIRST SECOND, FIRST SECOND THIRD, false },
		{ "forgotten before the run", B, "", THIRD, true },
		{ "forgotten by the host alone", B, "", FIRST SECOND THIRD, true },
		{ "forgotten, and the run's says that it is old", B, "", LINE(B, C, "30"), false },
		{ "to what the run has seen", C, FIRST SECOND LINE(B, C, "30"),
			FIRST SECOND THIRD C "\n", false },
		{ "the run did not move it", B, FIRST SECOND, FIRST SECOND, false },
		{ "no log of the run's", B, FIRST SECOND, "", false },
		{ "torn", B, FIRST ZERO " " B, FIRST SECOND THIRD, false },
		{ "no time, and digits behind it", B, "", B " " C WHO "\n222222 x\n", false },
		{ "no time", B, A " " B " x\n", A " " B " x\n" THIRD, false },
	};

	prepare();
	put(root, "g/packed-refs", "");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_packed *p = NULL;
		char text[128];

		(void)snprintf(text, sizeof(text), "%s " MAIN "\n", rows[i].value);
		put(root, "g/packed-refs", text);
		put(root, "g/logs/" MAIN, rows[i].theirs);
		put(layer, "g/logs/" MAIN, rows[i].runs);
		CHECK_MSG(ask(&p, "g/" MAIN, SINCE) ==
				(rows[i].as_was ? WARD_REF_AS_WAS : WARD_REF_MOVED),
			"%s", rows[i].what);
		ward_packed_free(p);
	}
}

/* ---- how often, and how long ---- */

static void many(size_t n)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	for (size_t i = 0; i < n; i++)
		ward_buf_addf(&b, A " refs/heads/%09zu\n", i * 7 % n);
	ward_buf_add(&b, "", 1);
	REQUIRE(!b.failed);
	put(root, "g/packed-refs", b.s);
}

static int64_t took(struct ward_packed **io)
{
	struct timespec a, b;
	char path[64];

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(path, sizeof(path), "g/refs/remotes/%d", i);
		CHECK(ask(io, path, INT64_MAX) == WARD_REF_NONE);
	}
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ward_commit_ns(&b) - ward_commit_ns(&a);
}

/* A run makes as many references as it likes, and packed-refs as long: in ratio, as a machine or a sanitizer has its own pace. */
TEST(who_asks_again_does_not_read_it_again)
{
	static const size_t sizes[] = { 1000, 64000 };
	int64_t best[2] = { INT64_MAX, INT64_MAX };

	prepare();
	for (size_t i = 0; i < 2; i++) {
		struct ward_packed *p = NULL;

		many(sizes[i]);
		n_reads = 0;
		CHECK(ask(&p, "g/refs/heads/000000007", INT64_MAX) == WARD_REF_AS_WAS);
		CHECK(ask(&p, "g/refs/heads/000000000", INT64_MAX) == WARD_REF_AS_WAS);
		for (int k = 0; k < 3; k++) {
			int64_t ns = took(&p);

			best[i] = ns < best[i] ? ns : best[i];
		}
		CHECK_EQ_UINT(n_reads, 1);
		ward_packed_free(p);
	}
	CHECK_MSG(best[1] < 8 * best[0], "%lld ns, of 64 times as many lines %lld",
		(long long)best[0], (long long)best[1]);
}

TEST(what_cannot_be_read_is_tried_once)
{
	struct ward_packed *p = NULL;
	WARD_FD fd = -1;

	prepare();
	fd = openat(root, "g/packed-refs", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0 && ftruncate(fd, (off_t)WARD_INDEX_BYTES_MAX + 1) == 0);
	n_reads = 0;
	for (int i = 0; i < 5; i++)
		CHECK(ask(&p, "g/" MAIN, INT64_MAX) == WARD_REF_UNREAD);
	CHECK(n_reads <= 1);
	ward_packed_free(p);
	/* The same file by another name; and files of the size that is read, one behind the other. */
	p = NULL;
	put(root, "g/packed-refs", A " " MAIN "\n");
	REQUIRE(linkat(root, "g/packed-refs", root, "h/packed-refs", 0) == 0);
	n_reads = 0;
	for (int i = 0; i < 6; i++)
		CHECK(ask(&p, i % 2 ? "g/" MAIN : "h/" MAIN, INT64_MAX) == WARD_REF_AS_WAS);
	CHECK_EQ_UINT(n_reads, 1);
	REQUIRE(unlinkat(root, "h/packed-refs", 0) == 0);
	ward_packed_free(p);
}

/* Holes cost whoever writes them nothing. */
TEST(all_that_is_read_is_bounded)
{
	struct ward_packed *p = NULL;
	WARD_FD fd = -1;

	prepare();
	fd = openat(root, "g/packed-refs", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	n_reads = 0;
	for (off_t i = 0; i < 8; i++) {
		REQUIRE(fd >= 0 && ftruncate(fd, (off_t)WARD_INDEX_BYTES_MAX - i) == 0);
		CHECK(ask(&p, "g/" MAIN, INT64_MAX) == (i < 4 ? WARD_REF_NONE : WARD_REF_UNREAD));
	}
	CHECK_EQ_UINT(n_reads, 4);
	ward_packed_free(p);
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

__attribute__((destructor)) static void clean_up(void)
{
	if (root >= 0)
		(void)nftw(top, take_away, 16, FTW_DEPTH | FTW_PHYS);
}

TAP_MAIN();
