/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's list of refusals, its quiet names, and the way through the view's table. Needs nothing of the machine. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confine/native/broker/notify.h"
#include "tap.h"

static void note(struct ward_refusals *l, enum ward_refusal_kind kind, const char *resource,
	const char *call, bool quiet)
{
	ward_refusals_note(l,
		&(struct ward_refusal_note){ .kind = kind,
			.action = WARD_CAP_FILE_READ,
			.resource = resource,
			.syscall = call,
			.pid = 7,
			.comm = "a-name-that-is-too-long",
			.quiet = quiet });
}

TEST(one_entry_each)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal *v = NULL;
	uint64_t dropped = 9;
	size_t n = 9;

	REQUIRE(l);
	note(l, WARD_REFUSAL_PATH, "/a", "open", false);
	note(l, WARD_REFUSAL_PATH, "/a", "stat", false); /* the same path by another call */
	note(l, WARD_REFUSAL_SYSCALL, "X", "bpf", false);
	note(l, WARD_REFUSAL_SYSCALL, "X", "ptrace", false);
	note(l, WARD_REFUSAL_UNIX, "/a", "connect", false);
	note(l, WARD_REFUSAL_SYSCALL, NULL, NULL, false);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	REQUIRE(n == 5);
	CHECK_EQ_UINT(v[0].count, 2);
	CHECK_STR_EQ(v[0].syscall, "open");
	CHECK_STR_EQ(v[0].comm, "a-name-that-is-");
	CHECK_EQ_INT(v[0].pid, 7);
	CHECK(v[0].wall_ns > 0);
	CHECK_STR_EQ(v[4].resource, "");
	CHECK_EQ_UINT(dropped, 0);
	ward_refusals_free(v, n);

	/* Handed out once; known ever after. */
	note(l, WARD_REFUSAL_PATH, "/a", "open", false);
	note(l, WARD_REFUSAL_PATH, "/b", "open", false);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	REQUIRE(n == 1);
	CHECK_STR_EQ(v[0].resource, "/b");
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
	ward_refusals_delete(NULL);
	ward_refusals_free(NULL, 0);
}

TEST(again_only_counts)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal_note x = {
		.kind = WARD_REFUSAL_PATH, .action = WARD_CAP_FILE_READ, .resource = "/x"
	};
	struct ward_refusal *v = NULL;
	uint64_t dropped;
	size_t n;

	REQUIRE(l);
	CHECK(!ward_refusals_again(l, &x));
	ward_refusals_note(l, &x);
	CHECK(ward_refusals_again(l, &x));
	x.action = WARD_CAP_FILE_WRITE;
	CHECK(!ward_refusals_again(l, &x));
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	REQUIRE(n == 1);
	CHECK_EQ_UINT(v[0].count, 2);
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
}

/* A path may be absent, and is no refusal then; a call that was refused counts, however many of them come at a time. */
TEST(calls_are_counted_without_a_bound)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal *v = NULL;
	uint64_t dropped, sum = 0;
	size_t n, named = 0;
	char call[32];

	REQUIRE(l);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(call, sizeof(call), "#%d", i);
		note(l, WARD_REFUSAL_SYSCALL, "", call, false);
	}
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	for (size_t i = 0; i < n; i++) {
		sum += v[i].count;
		named += !v[i].vague;
	}
	CHECK_EQ_UINT(sum, 5000);
	CHECK_EQ_UINT(dropped, 0);
	CHECK_EQ_SIZE(named, WARD_VIOLATION_NAMES_MAX + WARD_VIOLATION_OVER_MAX);
	ward_refusals_free(v, n);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	CHECK_EQ_SIZE(n, 0);
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
}

TEST(bounded_by_class)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal *v = NULL;
	uint64_t dropped;
	size_t n, real = 0, quiet = 0, self = 0, over = 0;
	char name[32];

	REQUIRE(l);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "/q/%d", i);
		note(l, WARD_REFUSAL_PATH, name, NULL, true);
	}
	ward_refusals_phase(l, true);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "/r/%d", i);
		note(l, WARD_REFUSAL_PATH, name, NULL, false);
	}
	ward_refusals_phase(l, false);
	CHECK(!ward_refusals_full(l));
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "/r/%d", i);
		note(l, WARD_REFUSAL_PATH, name, NULL, false);
	}
	CHECK(ward_refusals_full(l));
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	for (size_t i = 0; i < n; i++) {
		self += v[i].selftest;
		quiet += v[i].quiet;
		real += !v[i].quiet && !v[i].selftest && !v[i].over;
		over += v[i].over;
	}
	CHECK_EQ_SIZE(real, WARD_VIOLATION_NAMES_MAX);
	CHECK_EQ_SIZE(over, WARD_VIOLATION_OVER_MAX);
	CHECK_EQ_UINT(dropped, 2000 - WARD_VIOLATION_NAMES_MAX - WARD_VIOLATION_OVER_MAX);
	CHECK(quiet > 0 && quiet <= 64 && self > 0 && self <= 64);
	ward_refusals_free(v, n);
	/* Room again, and the same name right again takes none of it. */
	for (int i = 0; i < 5000; i++)
		note(l, WARD_REFUSAL_PATH, "/r/late", NULL, false);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	REQUIRE(n == 1);
	CHECK(v[0].over);
	CHECK_STR_EQ(v[0].resource, "/r/late");
	CHECK_EQ_UINT(v[0].count, 5000);
	CHECK_EQ_UINT(dropped, 2000 - WARD_VIOLATION_NAMES_MAX - WARD_VIOLATION_OVER_MAX);
	ward_refusals_free(v, n);
	/* Not taken: freed with the list. */
	note(l, WARD_REFUSAL_PATH, "/r/later", NULL, false);
	ward_refusals_delete(l);
}

static void note_missing(struct ward_refusals *l, const char *name)
{
	ward_refusals_note(l,
		&(struct ward_refusal_note){ .kind = WARD_REFUSAL_UNIX,
			.resource = name,
			.quiet = true,
			.seen = WARD_SEEN_MISSING });
}

/* Whoever asks for a name before it is there hides nothing by it, neither that name nor others. */
TEST(what_is_missing_takes_nobodys_place)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal_note there = { .kind = WARD_REFUSAL_UNIX, .resource = "/tmp/0" };
	struct ward_refusal *v = NULL;
	uint64_t dropped;
	size_t n, missing = 0, refused = 0, quiet = 0;
	char name[32];

	REQUIRE(l);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "/tmp/%d", i);
		note_missing(l, name);
	}
	ward_refusals_note(l, &there);
	note(l, WARD_REFUSAL_PATH, "/w/package.json", "open", true);
	note_missing(l, "/tmp/0");
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	for (size_t i = 0; i < n; i++) {
		missing += v[i].seen == WARD_SEEN_MISSING;
		refused += v[i].kind == WARD_REFUSAL_UNIX && !v[i].quiet && v[i].count == 1;
		quiet += v[i].kind == WARD_REFUSAL_PATH;
	}
	CHECK(missing > 0 && missing <= 64);
	CHECK_EQ_SIZE(refused, 1);
	CHECK_EQ_SIZE(quiet, 1);
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
}

TEST(names_that_wait_take_no_more_than_their_bytes)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal *v;
	size_t n, bytes = 0;
	char name[3001];
	uint64_t dropped;

	REQUIRE(l);
	for (int i = 0; i < 1200; i++) {
		(void)snprintf(name, sizeof(name), "/r/%0*d", (int)sizeof(name) - 4, i);
		note(l, WARD_REFUSAL_PATH, name, NULL, false);
	}
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	for (size_t i = 0; i < n; i++)
		bytes += v[i].over ? strlen(v[i].resource) + 1 : 0;
	CHECK(bytes <= WARD_VIOLATION_OVER_BYTES_MAX);
	CHECK(bytes > WARD_VIOLATION_OVER_BYTES_MAX - sizeof(name));
	CHECK_EQ_UINT(dropped, 1200 - n);
	ward_refusals_free(v, n);
	/* What was taken leaves its room to others. */
	note(l, WARD_REFUSAL_PATH, "/r/late", NULL, false);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	CHECK_EQ_SIZE(n, 1);
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
}

TEST(long_texts_are_cut)
{
	static char path[3 * WARD_DETAIL_TEXT_MAX], call[100];
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal *v = NULL;
	uint64_t dropped;
	size_t n;

	REQUIRE(l);
	memset(path, 'p', sizeof(path) - 1);
	memset(call, 'c', sizeof(call) - 1);
	note(l, WARD_REFUSAL_SYSCALL, path, call, false);
	note(l, WARD_REFUSAL_SYSCALL, path, call, false);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	REQUIRE(n == 1);
	CHECK_EQ_SIZE(strlen(v[0].resource), WARD_DETAIL_TEXT_MAX - 1);
	CHECK_EQ_SIZE(strlen(v[0].syscall), 31);
	CHECK_EQ_UINT(v[0].count, 2);
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
}

static void *noter(void *arg)
{
	char name[32];

	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "/t/%d", i % 100);
		note(arg, WARD_REFUSAL_PATH, name, NULL, false);
	}
	return NULL;
}

TEST(from_two_threads)
{
	struct ward_refusals *l = ward_refusals_new();
	struct ward_refusal *v = NULL;
	uint64_t dropped, sum = 0;
	size_t n;
	pthread_t a, b;

	REQUIRE(l && pthread_create(&a, NULL, noter, l) == 0 &&
		pthread_create(&b, NULL, noter, l) == 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	CHECK_EQ_INT(ward_refusals_take(l, &v, &n, &dropped), WARD_OK);
	CHECK_EQ_SIZE(n, 100);
	for (size_t i = 0; i < n; i++)
		sum += v[i].count;
	CHECK_EQ_UINT(sum, 4000);
	ward_refusals_free(v, n);
	ward_refusals_delete(l);
}

TEST(quiet_names)
{
	static const struct {
		const char *path;
		bool quiet, below;
	} rows[] = {
		{ "/etc/ld.so.preload", true, true },
		{ "/sys", true, true },
		{ "/sys/kernel/mm/x", true, true },
		{ "/system", false, false },
		{ "/etc", false, false },
		{ "/etc/shadow", false, false },
		{ "/etc/passwd", false, false },
		{ "/etc/python3.11", true, true },
		{ "/home/user/src/.git", true, false },
		{ "/.git", true, false },
		{ "/home/user/src/.git/config", false, false },
		{ "/home/user/.ssh", false, false },
		{ "/root", false, false },
		{ "/run/docker.sock", false, false },
		{ "/var/run/nscd/socket", true, true },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		CASE("%s", rows[i].path);
		CHECK_EQ_INT(ward_quiet_path(rows[i].path), rows[i].quiet);
		CHECK_EQ_INT(ward_quiet_below(rows[i].path), rows[i].below);
	}
	CHECK(ward_quiet_sought("/home/user/src/.git") && ward_quiet_sought("/package.json"));
	CHECK(!ward_quiet_sought("/etc/profile") && !ward_quiet_sought("/etc/postgresql"));
	CHECK(!ward_quiet_sought("/sys/x/package.json") &&
		!ward_quiet_sought("/home/user/src/.git/config"));
	CHECK(ward_quiet_syscall("socket", "AF_NETLINK SOCK_RAW protocol 9"));
	CHECK(ward_quiet_syscall("socket", "AF_NETLINK SOCK_RAW protocol 15"));
	CHECK(!ward_quiet_syscall("socket", "AF_VSOCK SOCK_STREAM"));
	CHECK(!ward_quiet_syscall("bpf", ""));
}

TEST(way_through_the_view)
{
	static struct ward_node nodes[] = {
		{ .kind = WARD_NODE_DIR, .dest = "/" },
		{ .kind = WARD_NODE_SYMLINK, .dest = "/a", .source = "b/../c" },
		{ .kind = WARD_NODE_DIR, .dest = "/c" },
		{ .kind = WARD_NODE_BIND, .dest = "/c/bind", .source = "/x", .is_dir = true },
		{ .kind = WARD_NODE_BIND, .dest = "/c/bind/in", .source = "/y", .is_dir = true },
		{ .kind = WARD_NODE_SYMLINK, .dest = "/c/up", .source = "../tmp" },
		{ .kind = WARD_NODE_SYMLINK, .dest = "/loop", .source = "/loop/x" },
		{ .kind = WARD_NODE_TMPFS, .dest = "/tmp" },
	};
	static const struct {
		const char *path, *node, *rest;
	} rows[] = {
		{ "/", "/", "" },
		{ "/tmp", "/tmp", "" },
		{ "/tmp/x/y", "/tmp", "x/y" },
		{ "/a/bind/f", "/c/bind", "f" },
		{ "/c/bind/in/f", "/c/bind/in", "f" },
		{ "/c/bind/inn", "/c/bind", "inn" },
		{ "/c/up/s", "/tmp", "s" },
		{ "/a/up", "/tmp", "" },
		{ "/nothing/at/all", "/", "nothing/at/all" },
		{ "/loop/y", NULL, NULL },
	};
	struct ward_plan plan = { .nodes = nodes, .n_nodes = WARD_ARRAY_SIZE(nodes) };
	struct ward_notify *n = NULL;
	struct ward_error err = { 0 };
	char rest[WARD_PATH_MAX];

	REQUIRE(ward_notify_new(&plan, NULL, -1, &n, &err) == 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		uint32_t at = ward_notify_find(n, rows[i].path, rest);

		CASE("%s", rows[i].path);
		if (!rows[i].node) {
			CHECK_EQ_UINT(at, WARD_TREE_NONE);
			continue;
		}
		REQUIRE(at != WARD_TREE_NONE);
		CHECK_STR_EQ(n->tree.v[at].node->dest, rows[i].node);
		CHECK_STR_EQ(rest, rows[i].rest);
	}
	ward_notify_free(n);
	ward_notify_free(NULL);
}

TAP_MAIN();
