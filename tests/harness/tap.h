/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test harness: TAP 13 on stdout, one line a TEST, nothing else to link.
 *
 *	TEST(name)
 *	{
 *		CHECK(x > 0);
 *		CHECK_EQ_INT(f(2), 4);
 *	}
 *	TAP_MAIN();
 *
 * A failed CHECK is reported with its values and the test goes on; a failed REQUIRE ends the test. SKIP("reason")
 * ends it as skipped: only for what this machine lacks, and .ci/run decides whether it may lack it. A table test
 * loops with TABLE(row, rows) and names the row with CASE(...); the name is printed with every failure in it.
 * A test without a single CHECK is a failure. `test_x NAME...` runs only the named tests; `test_x -l` lists them.
 * The plan is printed first, so that a crash is a failure of the run and not a shorter one.
 */
#pragma once

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAP_UNUSED __attribute__((unused))
#define TAP_TESTS_MAX 512

struct tap_test {
	const char *name;
	void (*fn)(void);
};

static struct tap_test tap_tests[TAP_TESTS_MAX];
static size_t tap_n_tests;
static unsigned tap_checks, tap_failures;
static char tap_case[256], tap_reason[256];
static jmp_buf tap_leave;

#define TEST(name) \
	static void tap_fn_##name(void); \
	__attribute__((constructor)) static void tap_register_##name(void) \
	{ \
		tap_add(#name, tap_fn_##name); \
	} \
	static void tap_fn_##name(void)

/* How many times as long as on an idle machine a test waits itself before it gives up: tools/run-tests says so, as to Meson. */
static TAP_UNUSED unsigned tap_patience(void)
{
	const char *s = getenv("WARD_TEST_PATIENCE");
	int n = s ? atoi(s) : 1;

	return n > 1 ? (unsigned)n : 1;
}

static TAP_UNUSED void tap_add(const char *name, void (*fn)(void))
{
	if (tap_n_tests == TAP_TESTS_MAX)
		abort();
	tap_tests[tap_n_tests++] = (struct tap_test){ name, fn };
}

/* One check: counts it and, when it failed, prints where and what as TAP comment lines. */
__attribute__((format(printf, 4, 5))) static TAP_UNUSED bool tap_check(bool ok, const char *file,
	int line, const char *fmt, ...)
{
	tap_checks++;
	if (ok)
		return true;
	tap_failures++;
	char text[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("# %s:%d: ", file, line);
	if (tap_case[0])
		printf("[%s] ", tap_case);
	for (const char *p = text; *p; p++) {
		putchar(*p);
		if (*p == '\n')
			fputs("# ", stdout);
	}
	putchar('\n');
	return false;
}

static TAP_UNUSED bool tap_check_str(const char *a, const char *b, const char *ea, const char *eb,
	const char *file, int line)
{
	bool ok = a && b ? strcmp(a, b) == 0 : a == b;
	return tap_check(ok, file, line, "%s == %s\n  got:  %s%s%s\n  want: %s%s%s", ea, eb,
		a ? "\"" : "", a ? a : "NULL", a ? "\"" : "", b ? "\"" : "", b ? b : "NULL",
		b ? "\"" : "");
}

static TAP_UNUSED bool tap_check_contains(const char *text, const char *part, const char *file,
	int line)
{
	return tap_check(text && part && strstr(text, part), file, line,
		"\"%s\"\n  should contain \"%s\"", text ? text : "NULL", part ? part : "NULL");
}

#define CHECK(x) ((void)tap_check(!!(x), __FILE__, __LINE__, "CHECK(%s)", #x))
#define CHECK_MSG(x, ...) ((void)tap_check(!!(x), __FILE__, __LINE__, __VA_ARGS__))
#define FAIL(...) ((void)tap_check(false, __FILE__, __LINE__, __VA_ARGS__))
#define TAP_CMP(type, fmt, a, op, b) \
	do { \
		type tap_a = (type)(a), tap_b = (type)(b); \
		(void)tap_check(tap_a op tap_b, __FILE__, __LINE__, \
			"%s " #op " %s\n  got:  %" fmt "\n  want: %" fmt, #a, #b, tap_a, tap_b); \
	} while (0)
#define CHECK_EQ_INT(a, b) TAP_CMP(intmax_t, PRIdMAX, a, ==, b)
#define CHECK_NE_INT(a, b) TAP_CMP(intmax_t, PRIdMAX, a, !=, b)
#define CHECK_GE_INT(a, b) TAP_CMP(intmax_t, PRIdMAX, a, >=, b)
#define CHECK_LE_INT(a, b) TAP_CMP(intmax_t, PRIdMAX, a, <=, b)
#define CHECK_EQ_UINT(a, b) TAP_CMP(uintmax_t, PRIuMAX, a, ==, b)
#define CHECK_EQ_SIZE(a, b) TAP_CMP(uintmax_t, PRIuMAX, a, ==, b)
#define CHECK_EQ_PTR(a, b) \
	((void)tap_check((const void *)(a) == (const void *)(b), __FILE__, __LINE__, "%s == %s", \
		#a, #b))
#define CHECK_NULL(p) CHECK_EQ_PTR(p, NULL)
#define CHECK_STR_EQ(a, b) ((void)tap_check_str(a, b, #a, #b, __FILE__, __LINE__))
#define CHECK_STR_CONTAINS(text, part) ((void)tap_check_contains(text, part, __FILE__, __LINE__))
#define CHECK_MEM_EQ(a, b, n) CHECK(memcmp(a, b, n) == 0)
#define REQUIRE(x) \
	do { \
		if (!tap_check(!!(x), __FILE__, __LINE__, "REQUIRE(%s)", #x)) \
			longjmp(tap_leave, 1); \
	} while (0)
#define SKIP(...) \
	do { \
		snprintf(tap_reason, sizeof(tap_reason), __VA_ARGS__); \
		longjmp(tap_leave, 2); \
	} while (0)

/* Table tests: `static const struct row rows[] = {...}; TABLE(row, rows) { CASE("%s", row->in); CHECK(...); }` */
#define TABLE(row, rows) \
	for (const __typeof__((rows)[0]) *row = (rows); \
		row < (rows) + sizeof(rows) / sizeof((rows)[0]); row++)
#define CASE(...) ((void)snprintf(tap_case, sizeof(tap_case), __VA_ARGS__))

static TAP_UNUSED bool tap_run(size_t number, const struct tap_test *t)
{
	tap_checks = tap_failures = 0;
	tap_case[0] = tap_reason[0] = '\0';
	int how = setjmp(tap_leave);
	if (how == 0)
		t->fn();
	if (how != 2 && tap_checks == 0)
		(void)tap_check(false, __FILE__, __LINE__, "%s checks nothing", t->name);
	bool ok = tap_failures == 0;
	printf("%sok %zu - %s%s%s\n", ok ? "" : "not ", number, t->name,
		ok && how == 2 ? " # SKIP " : "", ok && how == 2 ? tap_reason : "");
	fflush(stdout);
	return ok;
}

static TAP_UNUSED bool tap_wanted(const char *name, int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

static TAP_UNUSED int tap_main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		for (size_t i = 0; i < tap_n_tests; i++)
			puts(tap_tests[i].name);
		return 0;
	}
	size_t n = 0, number = 0, failed = 0;
	for (size_t i = 0; i < tap_n_tests; i++)
		n += tap_wanted(tap_tests[i].name, argc, argv);
	printf("TAP version 13\n1..%zu\n", n);
	fflush(stdout);
	for (size_t i = 0; i < tap_n_tests; i++)
		if (tap_wanted(tap_tests[i].name, argc, argv))
			failed += !tap_run(++number, &tap_tests[i]);
	return failed || n == 0 ? 1 : 0;
}

#define TAP_MAIN() \
	int main(int argc, char **argv) \
	{ \
		return tap_main(argc, argv); \
	} \
	struct tap_end_of_file
