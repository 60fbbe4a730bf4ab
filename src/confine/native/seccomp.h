/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: the allowlist of system calls. The filter programs are made at build time from data/seccomp (one for
 * each combination of switches); here they are handed out, and a notified call is judged by the same rules, so
 * that supervisor and filter cannot disagree. Nothing here installs a filter, and nothing here answers CONTINUE.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "plan/plan.h"

/*
 * WARD_SECCOMP_NO_LISTENER: nobody will listen. Then refused calls, and those that the supervisor would make itself, get their
 * errno from the filter, unrecorded, and foreign architectures are killed by it.
 */
#define WARD_SECCOMP_VARIANTS 128u

/* What happens to a call. Zero is the refusal. */
enum ward_seccomp_verb {
	WARD_SECCOMP_NOTIFY = 0, /* refuse with err, and record */
	WARD_SECCOMP_ERRNO, /* the filter itself answers err; never notified */
	WARD_SECCOMP_MEDIATE, /* connect, sendto with an address: the supervisor acts; err if it will not */
	WARD_SECCOMP_OPEN, /* open and exec family: allowed, or with NOTIFY_OPEN looked at first */
	WARD_SECCOMP_EXEC, /* exec family with NOTIFY_EXEC: EACCES for a program that the plan does not grant */
	WARD_SECCOMP_REPLACE, /* unlink and rename with NOTIFY_REPLACE: EBUSY for a file that is granted alone */
	WARD_SECCOMP_WRITE, /* opens that write or create, with NOTIFY_WRITE: looked at first; else as OPEN */
	WARD_SECCOMP_CHANGE, /* what changes names or attributes, with NOTIFY_WRITE: looked at first */
	WARD_SECCOMP_FOREIGN, /* x32 or a foreign architecture: record, then kill the run */
	WARD_SECCOMP_ALLOW,
	WARD_SECCOMP_PRIVATE /* only inside the tables: allow, with NO_SOCKET notify */
};

struct ward_seccomp_verdict {
	enum ward_seccomp_verb verb;
	int err; /* for NOTIFY, ERRNO, MEDIATE, OPEN, EXEC, REPLACE, WRITE, CHANGE; 0 for ALLOW */
	const char *name; /* "connect"; "" if the number has no name or is foreign. Static. */
	const char *detail; /* "TIOCSTI", "" : what the rule says of the arguments. Static. */
};

/* The program for a set of switches (others are ignored): *ret_n instructions, static. Never NULL. */
const struct sock_filter *ward_seccomp_program(uint32_t switches, size_t *ret_n);
/* Judge a call as the program with these switches does. switches as given to ward_seccomp_program. */
void ward_seccomp_judge(uint32_t switches, const struct seccomp_data *d,
	struct ward_seccomp_verdict *ret);
/* Name of a call of this machine; NULL = none. */
const char *ward_seccomp_name(int nr);
/*
 * For the record: what was asked for, in words where the arguments say it ("AF_VSOCK SOCK_STREAM", "CLONE_NEWUSER",
 * "TIOCSTI", "x32 call 41"), else "". Never follows a pointer. Always terminated; returns out.
 */
const char *ward_seccomp_detail(const struct seccomp_data *d, const struct ward_seccomp_verdict *v,
	char *out, size_t size);
