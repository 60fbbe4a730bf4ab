/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of system calls: sound in itself, and right about what the kernel looks at. That it has every call of the allowlist
 * and no other: tests/docs/test_operations.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/ops.h"
#include "tap.h"

static const struct ward_op *found[WARD_OPS_MAX];

static size_t look(const char *call, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
	uint64_t a4)
{
	const uint64_t args[6] = { a0, a1, a2, a3, a4, 0 };

	return ward_ops(call, args, found);
}

/* "fs.read:READS fs.write:..." of what was found. */
static const char *said(size_t n)
{
	static char text[512];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%d%s%s%s", i ? " " : "",
			found[i]->action ? ward_action_name(found[i]->action) : "none",
			found[i]->arg, found[i]->flags & WARD_OP_NAME ? "N" : "",
			found[i]->flags & WARD_OP_ABSENT ? "A" : "",
			found[i]->flags & WARD_OP_SUBTREE ? "S" : "");
	return text;
}

TEST(rows)
{
	for (size_t i = 0; i < ward_ops_count(); i++) {
		const struct ward_op *op = ward_ops_at(i), *first,
				     *before = i ? ward_ops_at(i - 1) : NULL;
		bool nothing = op->object == WARD_OP_NOTHING;

		CASE("%s, row %zu", op->call, i);
		CHECK_EQ_INT(nothing, op->action == WARD_ACT_NONE);
		CHECK(op->why != NULL && (!nothing || op->why[0]));
		CHECK(op->dir >= -1 && op->dir < 6 && op->arg >= (nothing ? -1 : 0) && op->arg < 6);
		CHECK(op->at >= -1 && op->at < 6);
		CHECK_EQ_INT(op->when == WARD_WHEN_ALWAYS, op->when_arg == -1);
		CHECK(op->when_arg >= -1 && op->when_arg < 6);
		CHECK(!(op->flags & ~((1u << WARD_OP_BITS) - 1)));
		/* Rows of one call stand together, so that the first look-up finds all. */
		CHECK(ward_ops_of(op->call, &first) > 0);
		CHECK(first <= op);
		CHECK(first == op || strcmp(before->call, op->call) == 0);
		CHECK(strlen(ward_op_object_text(op->object)) > 0);
	}
	CHECK(ward_ops_count() > 295);
	CHECK(ward_ops_at(ward_ops_count()) == NULL);
	CHECK_STR_EQ(ward_op_object_text(WARD_OP_OBJECT_MAX), "unknown");
}

/* Whatever the arguments are, a call of the table has an answer, and never more than there is room for. */
TEST(every_argument)
{
	static const uint64_t values[] = { 0, 1, 2, 3, O_CREAT, O_TRUNC, O_PATH, O_TMPFILE,
		UINT32_MAX, UINT64_MAX, 0x100000000u, FS_IOC_SETFLAGS };

	for (size_t i = 0; i < ward_ops_count(); i++) {
		const char *call = ward_ops_at(i)->call;

		for (size_t v = 0; v < WARD_ARRAY_SIZE(values); v++) {
			uint64_t x = values[v];
			size_t n = look(call, x, x, x, x, x);

			CASE("%s %zu", call, v);
			CHECK(n >= 1 && n <= WARD_OPS_MAX);
			for (size_t k = 0; k < n; k++)
				CHECK_STR_EQ(found[k]->call, call);
			CHECK(n == 1 || found[0]->object != WARD_OP_NOTHING);
		}
	}
}

TEST(what_is_not_on_the_list)
{
	const struct ward_op *row = ward_ops_at(0);
	static const char *const calls[] = { "", "ptrace", "mount", "io_uring_setup", "openat2",
		"clone3", "opena", "openatt" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		CASE("%s", calls[i]);
		CHECK_EQ_INT(ward_ops_of(calls[i], &row), 0);
		CHECK(row == NULL);
		CHECK_EQ_INT(look(calls[i], 0, 0, 0, 0, 0), 0);
	}
}

TEST(open_flags)
{
	static const struct {
		uint64_t flags;
		const char *want;
	} cases[] = {
		{ O_RDONLY, "fs.read1" },
		{ O_RDONLY | O_DIRECTORY | O_CLOEXEC, "fs.read1" },
		{ O_WRONLY, "fs.write1" },
		{ O_WRONLY | O_APPEND, "fs.write1" },
		{ O_RDWR, "fs.read1 fs.write1" },
		{ 3, "fs.read1 fs.write1" },
		{ O_RDONLY | O_TRUNC, "fs.read1 fs.write1" },
		{ O_RDONLY | O_CREAT, "fs.read1 fs.write1NA" },
		{ O_WRONLY | O_CREAT | O_TRUNC, "fs.write1 fs.write1NA" },
		{ O_RDWR | O_CREAT | O_EXCL, "fs.read1 fs.write1 fs.write1NA" },
		{ O_TMPFILE | O_RDWR, "fs.write1" },
		{ O_PATH, "fs.read1" },
		{ O_PATH | O_RDWR | O_CREAT | O_TRUNC, "fs.read1" },
		{ O_PATH | O_TMPFILE, "fs.read1" },
		/* The high half is not looked at. */
		{ (1ull << 32) | O_WRONLY, "fs.write1" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		CASE("%#llx", (unsigned long long)cases[i].flags);
		CHECK_STR_EQ(said(look("openat", 0, 1, cases[i].flags, 0, 0)), cases[i].want);
		CHECK_EQ_INT(look("open", 1, cases[i].flags, 0, 0, 0),
			look("openat", 0, 1, cases[i].flags, 0, 0));
	}
	CASE("%s", "a directory above a grant can be listed");
	(void)look("openat", 0, 1, O_RDONLY | O_DIRECTORY, 0, 0);
	CHECK(found[0]->flags & WARD_OP_ABOVE);
	CHECK(!(found[0]->flags & WARD_OP_META));
	CASE("%s", "O_PATH is about the name");
	(void)look("open", 1, O_PATH, 0, 0, 0);
	CHECK(found[0]->flags & WARD_OP_META);
	CHECK(found[0]->flags & WARD_OP_ABOVE);
}

/* The numbers in ops.c are this machine's. */
TEST(links)
{
	static const struct {
		const char *call;
		uint64_t args[6];
		bool follows, empty;
	} cases[] = {
		{ "open", { 1, O_RDONLY }, true, false },
		{ "open", { 1, O_RDONLY | O_NOFOLLOW }, false, false },
		{ "openat", { 0, 1, O_PATH | O_NOFOLLOW }, false, false },
		{ "openat", { 0, 1, O_WRONLY | O_CREAT }, true, false },
		{ "openat", { 0, 1, O_WRONLY | O_CREAT | O_EXCL }, false, false },
		{ "openat", { 0, 1, O_WRONLY | O_EXCL }, true, false },
		{ "openat", { 0, 1, AT_EMPTY_PATH }, true, false },
		{ "stat", { 1, 1 }, true, false },
		{ "lstat", { 1, 1 }, false, false },
		{ "newfstatat", { 0, 1, 1, 0 }, true, false },
		{ "newfstatat", { 0, 1, 1, AT_SYMLINK_NOFOLLOW }, false, false },
		{ "newfstatat", { 0, 1, 1, AT_EMPTY_PATH }, true, true },
		{ "statx", { 0, 1, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH }, false, true },
		{ "linkat", { 0, 1, 2, 3, 0 }, false, false },
		{ "linkat", { 0, 1, 2, 3, AT_SYMLINK_FOLLOW }, true, false },
		{ "linkat", { 0, 1, 2, 3, AT_EMPTY_PATH }, false, true },
		{ "fchmodat", { 0, 1, 0, AT_SYMLINK_NOFOLLOW }, true, false },
		{ "fchmodat2", { 0, 1, 0, AT_SYMLINK_NOFOLLOW }, false, false },
		{ "unlinkat", { 0, 1, AT_REMOVEDIR }, false, false },
		{ "execveat", { 0, 1, 1, 1, AT_EMPTY_PATH }, true, true },
		{ "readlink", { 1 }, false, false },
		{ "utimensat", { 0, 1, 1, AT_SYMLINK_NOFOLLOW }, false, false },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		CASE("%zu: %s", i, cases[i].call);
		REQUIRE(ward_ops(cases[i].call, cases[i].args, found) > 0);
		CHECK_EQ_INT(ward_op_follows(found[0], cases[i].args), cases[i].follows);
		CHECK_EQ_INT(ward_op_may_be_empty(found[0], cases[i].args), cases[i].empty);
	}
}

TEST(operations)
{
	CHECK_STR_EQ(said(look("rename", 1, 1, 0, 0, 0)), "fs.write0NS fs.write1NS");
	CHECK_STR_EQ(said(look("renameat2", 0, 1, 0, 1, 0)), "fs.write1NS fs.write3NS");
	CHECK_STR_EQ(said(look("link", 1, 1, 0, 0, 0)), "fs.read0N fs.write0N fs.write1N");
	CHECK_STR_EQ(said(look("symlinkat", 1, 0, 1, 0, 0)), "fs.write2N");
	CHECK_STR_EQ(said(look("creat", 1, 0, 0, 0, 0)), "fs.write0 fs.write0NA");
	CHECK_STR_EQ(said(look("execve", 1, 1, 1, 0, 0)), "fs.exec0 proc.exec0");
	CHECK_STR_EQ(said(look("utimensat", 3, 1, 0, 0, 0)), "fs.write1");
	CHECK_EQ_INT(found[0]->object, WARD_OP_PATH);
	CHECK_STR_EQ(said(look("utimensat", 3, 0, 0, 0, 0)), "fs.write0");
	CHECK_EQ_INT(found[0]->object, WARD_OP_FD);
	CHECK_STR_EQ(said(look("sendto", 3, 1, 1, 0, 0)), "none-1");
	CHECK_STR_EQ(said(look("sendto", 3, 1, 1, 0, 1)), "net.connect4");
	CHECK_STR_EQ(said(look("ioctl", 3, FS_IOC_SETFLAGS, 1, 0, 0)), "fs.write0");
	CHECK_STR_EQ(said(look("ioctl", 3, FS_IOC_FSSETXATTR, 1, 0, 0)), "fs.write0");
	CHECK_STR_EQ(said(look("ioctl", 3, FS_IOC_SETVERSION, 1, 0, 0)), "fs.write0");
	CHECK_STR_EQ(said(look("ioctl", 3, FS_IOC_GETFLAGS, 1, 0, 0)), "none-1");
	CHECK_STR_EQ(said(look("read", 3, 1, 1, 0, 0)), "none-1");
	CHECK_STR_EQ(said(look("bind", 3, 1, 1, 0, 0)), "fs.write1N net.listen1");
}

TAP_MAIN();
