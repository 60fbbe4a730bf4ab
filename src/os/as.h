/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that acts as another user for a moment (thread.c). */
#pragma once

#include <sys/types.h>

struct ward_thread_was {
	uid_t uid;
	gid_t gid;
	int dumpable;
};
/* This thread alone, until ward_thread_as_before(); without that user's rights, or its own, to anything. 0; or -errno: as before. */
int ward_thread_as(struct ward_thread_was *w, uid_t uid, gid_t gid);
void ward_thread_as_before(const struct ward_thread_was *w);
