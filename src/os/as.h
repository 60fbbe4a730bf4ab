/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that acts as another user for a moment (as.c). */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct ward_thread_was {
	uid_t uid;
	gid_t gid;
	uint32_t caps[6];            /* as capget(2) tells them: effective, permitted, inheritable, and the same of those from 32 on */
};
/*
 * This thread alone, until ward_thread_as_before(). It keeps its right to files whatever their mode (CAP_DAC_OVERRIDE), if it had
 * it, and its supplementary groups, and no other right. 0; or -errno: as before. Any number of threads at once. A child that is
 * forked meanwhile (by fork() of the C library) is as if it had been forked before.
 */
int ward_thread_as(struct ward_thread_was *w, uid_t uid, gid_t gid);
void ward_thread_as_before(const struct ward_thread_was *w);
