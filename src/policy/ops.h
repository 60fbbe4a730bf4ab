/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a system call does, in the words of the schema: which action on which of its arguments. One table (ops.def) says it for
 * every call that data/seccomp/calls lets through; the engine, the compiler and the tests read that one. Pure: nothing
 * here reads a caller's memory, so a path is named by its argument, and who asks reads it.
 */
#pragma once

#include "policy/vocabulary.h"

/* Where the resource is. X(id, meaning) */
#define WARD_OP_OBJECTS(X) \
	X(NOTHING, "no authority: why says why") \
	X(PATH, "the path in argument arg, from the directory in argument dir, or from the working directory") \
	X(FD, "what the descriptor in argument arg is open on") \
	X(ADDRESS, "the socket address in argument arg: an endpoint, or a Unix socket by its path") \
	X(ENDPOINT, "the same, where it is an endpoint") \
	X(UNIX, "the same, where it is a path") \
	X(MESSAGE, "the address in the message header in argument arg, where it has one")

/* When an operation counts, by the argument when_arg. X(id, meaning) */
#define WARD_OP_WHENS(X) \
	X(ALWAYS, "always") \
	X(READS, "for reading") \
	X(WRITES, "for writing, or truncated") \
	X(CREATES, "O_CREAT") \
	X(NAMELESS, "O_TMPFILE") \
	X(LOOKS, "O_PATH") \
	X(GIVEN, "not NULL") \
	X(MISSING, "NULL") \
	X(SETS_ATTRIBUTES, "FS_IOC_SETFLAGS, FS_IOC_SETVERSION or FS_IOC_FSSETXATTR")

/* X(id, meaning): what else there is to know of an operation. */
#define WARD_OP_FLAGS(X) \
	X(NAME, "the directory changes: a grant of that one file does not do") \
	X(ABSENT, "only where there is no such name yet") \
	X(SUBTREE, "asked of everything below it too") \
	X(ABOVE, "also of a directory above what is granted: it exists, and shows the way there and nothing else") \
	X(META, "held by the axis files.meta: by the view, not by Landlock") \
	X(CHAIN, "asked of the interpreters of its #! lines, and of its loader, too") \
	X(OUTSIDE, "only where it leaves the sandbox: not in its own network, not for a socket that the run bound") \
	X(NOFOLLOW, "a link at the end of the path is meant itself")

/* Why a call has no authority. X(id, meaning) */
#define WARD_OP_REASONS(X) \
	X(DESCRIPTOR, "works on a descriptor; what that may do was asked when it was opened") \
	X(SOCKET, "a socket reaches nothing without an address: bind, connect and sendto are asked about") \
	X(PROCESSES, "processes of the run and their share of its limits; it sees no other where it has a pid namespace") \
	X(SELF, "the caller itself, which has no privilege to use or to give away") \
	X(NARROWS, "may only take something away from the caller") \
	X(MACHINE, "facts that every program is told") \
	X(WAITING, "time, signals, and descriptors that lead nowhere else") \
	X(MEMORY, "the caller's own memory") \
	X(CODE, "the caller's own memory; that it may become code is why the axis exec is advisory at best") \
	X(NAMED, "a name that the caller has already used") \
	X(IPC, "names in an ipc namespace of its own; refused where there is none")

enum ward_op_object {
#define WARD_X(id, text) WARD_OP_##id,
	WARD_OP_OBJECTS(WARD_X)
#undef WARD_X
	WARD_OP_OBJECT_MAX
};
enum ward_op_when {
#define WARD_X(id, text) WARD_WHEN_##id,
	WARD_OP_WHENS(WARD_X)
#undef WARD_X
	WARD_WHEN_MAX
};
enum ward_op_flag_bit {
#define WARD_X(id, text) WARD_OP_BIT_##id,
	WARD_OP_FLAGS(WARD_X)
#undef WARD_X
	WARD_OP_BITS
};
enum ward_op_flag {
#define WARD_X(id, text) WARD_OP_##id = 1 << WARD_OP_BIT_##id,
	WARD_OP_FLAGS(WARD_X)
#undef WARD_X
};

struct ward_op {
	const char *call;
	enum ward_action action;     /* NONE for WARD_OP_NOTHING, and only there */
	enum ward_op_object object;
	int dir, arg;                /* arguments, from 0; dir -1: the working directory */
	int at;                      /* argument with AT_* flags (O_* of open and openat); -1: none */
	enum ward_op_when when;
	int when_arg;                /* -1 for ALWAYS */
	unsigned flags;              /* enum ward_op_flag */
	const char *why;             /* of NOTHING the reason, never empty; else what else there is to know, or "" */
};

/* The table: the rows of one call stand together. */
size_t ward_ops_count(void);
const struct ward_op *ward_ops_at(size_t i);                 /* NULL behind the end */
/* The rows of a call, whatever its arguments: how many, *ret the first. 0: the call is not on the allowlist. */
size_t ward_ops_of(const char *call, const struct ward_op **ret);
/*
 * Those that count for these arguments (as the kernel passes them: pointers are compared with NULL, never followed).
 * Returns how many. 0: the call is not on the allowlist; a call without authority has the one row that says so.
 */
#define WARD_OPS_MAX 6
size_t ward_ops(const char *call, const uint64_t args[6], const struct ward_op *ret[WARD_OPS_MAX]);
/* Is a link at the end of its path followed? */
bool ward_op_follows(const struct ward_op *op, const uint64_t args[6]);
/* With AT_EMPTY_PATH, an empty path is the descriptor in dir. */
bool ward_op_may_be_empty(const struct ward_op *op, const uint64_t args[6]);
const char *ward_op_object_text(enum ward_op_object o);
