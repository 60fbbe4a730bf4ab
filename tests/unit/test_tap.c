/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness tests itself: it runs this program again with tests that must fail, and reads what it says. The
 * tests that must fail register only when WARD_TAP_INNER is set. Trusts nothing but popen-free pipes and fork.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static const char *self;

static void fails(void)
{
	CASE("row %d", 7);
	CHECK(1 == 2);
	CHECK_EQ_INT(3, 4);
	CHECK_STR_EQ("got", "want");
}

static void stops(void)
{
	REQUIRE(0 > 1);
	FAIL("this line is never reached");
}

static void skips(void)
{
	CHECK(true);
	SKIP("no %s here", "moon");
}

static void fails_then_skips(void)
{
	CHECK(false);
	SKIP("a failure is not undone by a skip");
}

static void checks_nothing(void)
{
}

/* The output of this program with the inner test `name`, and its exit status. */
static int inner(const char *name, char *out, size_t size)
{
	int fd[2];
	REQUIRE(pipe(fd) == 0);
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		dup2(fd[1], 1);
		setenv("WARD_TAP_INNER", "1", 1);
		execl(self, self, name, (char *)NULL);
		_exit(99);
	}
	close(fd[1]);
	size_t n = 0;
	ssize_t r;
	while (n < size - 1 && (r = read(fd[0], out + n, size - 1 - n)) > 0)
		n += (size_t)r;
	out[n] = '\0';
	close(fd[0]);
	int status = 0;
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(a_failed_check_is_reported_with_its_values)
{
	char out[4096];
	CHECK_EQ_INT(inner("fails", out, sizeof(out)), 1);
	CHECK_STR_CONTAINS(out, "TAP version 13\n1..1\n");
	CHECK_STR_CONTAINS(out, "[row 7] CHECK(1 == 2)");
	CHECK_STR_CONTAINS(out, "#   got:  3\n#   want: 4");
	CHECK_STR_CONTAINS(out, "#   got:  \"got\"\n#   want: \"want\"");
	CHECK_STR_CONTAINS(out, "not ok 1 - fails\n");
}

TEST(require_ends_the_test)
{
	char out[4096];
	CHECK_EQ_INT(inner("stops", out, sizeof(out)), 1);
	CHECK_STR_CONTAINS(out, "REQUIRE(0 > 1)");
	CHECK(!strstr(out, "never reached"));
}

TEST(skip_has_a_reason_and_never_hides_a_failure)
{
	char out[4096];
	CHECK_EQ_INT(inner("skips", out, sizeof(out)), 0);
	CHECK_STR_CONTAINS(out, "\nok 1 - skips # SKIP no moon here\n");
	CHECK_EQ_INT(inner("fails_then_skips", out, sizeof(out)), 1);
	CHECK_STR_CONTAINS(out, "\nnot ok 1 - fails_then_skips\n");
}

TEST(a_test_that_checks_nothing_fails)
{
	char out[4096];
	CHECK_EQ_INT(inner("checks_nothing", out, sizeof(out)), 1);
	CHECK_STR_CONTAINS(out, "checks nothing");
}

TEST(an_unknown_name_runs_nothing_and_fails)
{
	char out[4096];
	CHECK_EQ_INT(inner("no_such_test", out, sizeof(out)), 1);
	CHECK_STR_CONTAINS(out, "1..0\n");
}

TEST(table_visits_every_row)
{
	static const struct {
		int in, out;
	} rows[] = { { 1, 1 }, { 2, 4 }, { 3, 9 } };
	int seen = 0;
	TABLE(row, rows) {
		CASE("%d squared", row->in);
		CHECK_EQ_INT(row->in * row->in, row->out);
		seen++;
	}
	CHECK_EQ_INT(seen, 3);
}

int main(int argc, char **argv)
{
	self = "/proc/self/exe";
	if (getenv("WARD_TAP_INNER")) {
		tap_n_tests = 0;
		tap_add("fails", fails);
		tap_add("stops", stops);
		tap_add("skips", skips);
		tap_add("fails_then_skips", fails_then_skips);
		tap_add("checks_nothing", checks_nothing);
	}
	return tap_main(argc, argv);
}
