/* SPDX-License-Identifier: Apache-2.0 */
/* For tests with a syscall() of their own, which counts calls or leads them astray: its arguments, and the call itself. */
#pragma once

#include <errno.h>
#include <stdarg.h>

#include "os/rawcall.h"

#define OWN_SYSCALL_ARGS 5

/* n: the last argument that syscall() names. */
#define OWN_SYSCALL_TAKE(v, n) \
	do { \
		va_list ap; \
		va_start(ap, n); \
		for (int i = 0; i < OWN_SYSCALL_ARGS; i++) \
			(v)[i] = va_arg(ap, long); \
		va_end(ap); \
	} while (0)

/* What the kernel said, as the C library hands it on. */
static inline long own_syscall_result(long r)
{
	if (r >= 0)
		return r;
	errno = (int)-r;
	return -1;
}

static inline long own_syscall_go(long nr, const long v[OWN_SYSCALL_ARGS])
{
	return own_syscall_result(ward_raw(nr, v[0], v[1], v[2], v[3], v[4]));
}
