/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that acts as another user for a moment. Whoever changes ids is not to be looked into any more (commit_creds()), and that is of the
 * process, which is the caller's: the first thread that does it remembers what it was, and the last that is back says so again. What the
 * caller says of it in between is lost.
 */
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

#define FILES (1u << CAP_DAC_OVERRIDE)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned others; /* threads that are somebody else */
static int dumpable; /* before the first of them was */

static void back(void)
{
	if (dumpable == 1)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void leave(void)
{
	(void)pthread_mutex_lock(&lock);
	if (--others == 0)
		back();
	(void)pthread_mutex_unlock(&lock);
}

static void before_fork(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	(void)pthread_mutex_unlock(&lock);
}

/* None of those threads is in it. */
static void in_child(void)
{
	if (others)
		back();
	others = 0;
	(void)pthread_mutex_unlock(&lock);
}

static void once(void)
{
	(void)pthread_atfork(before_fork, in_parent, in_child);
}

static void enter(void)
{
	static pthread_once_t done = PTHREAD_ONCE_INIT;

	(void)pthread_once(&done, once);
	(void)pthread_mutex_lock(&lock);
	if (others++ == 0)
		dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	(void)pthread_mutex_unlock(&lock);
}

static int set_caps(const struct __user_cap_data_struct d[2])
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

/* What there is to come back to, and that nothing will keep us from it. */
static int remember(struct ward_thread_was *w)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	uid_t ru, su;
	gid_t rg, sg;

	_Static_assert(sizeof(d) == sizeof(w->caps), "as capget(2) tells them");
	if (getresuid(&ru, &w->uid, &su) < 0 || getresgid(&rg, &w->gid, &sg) < 0 ||
		syscall(SYS_capget, &h, d) < 0)
		return -errno;
	if ((w->uid != ru && w->uid != su) || (w->gid != rg && w->gid != sg))
		return -EPERM;
	memcpy(w->caps, d, sizeof(d));
	return set_caps(d);
}

int ward_thread_as(struct ward_thread_was *w, uid_t uid, gid_t gid)
{
	struct __user_cap_data_struct d[2];
	int r = remember(w);

	if (r < 0)
		return r;
	enter();
	/* The C library's own change every thread (nptl(7)). */
	if (syscall(SYS_setresgid, -1, gid, -1) < 0) {
		r = -errno;
	} else if (syscall(SYS_setresuid, -1, uid, -1) < 0) {
		r = -errno;
		if (syscall(SYS_setresgid, -1, w->gid, -1) < 0)
			abort();
	}
	if (r < 0) {
		leave();
		return r;
	}
	memcpy(d, w->caps, sizeof(d));
	d[0].effective &= FILES;
	d[1].effective = 0;
	(void)set_caps(d);
	return 0;
}

void ward_thread_as_before(const struct ward_thread_was *w)
{
	struct __user_cap_data_struct d[2];

	memcpy(d, w->caps, sizeof(d));
	/* They are ours still, as the real or the saved ones: it cannot fail, and nobody goes on as somebody else. */
	if (syscall(SYS_setresuid, -1, w->uid, -1) < 0 ||
		syscall(SYS_setresgid, -1, w->gid, -1) < 0 || set_caps(d) < 0)
		abort();
	leave();
}
