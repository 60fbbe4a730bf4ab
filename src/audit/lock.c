/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock that makes one chain of many writers: an OFD lock, so that it belongs to the open file and works
 * between threads as between processes, and goes with its holder. Waiting is bounded: nobody who holds the lock can
 * hold up a start for ever. A wait in the kernel (F_OFD_SETLKW) is none: only a signal could end it, and a library has
 * none to send. It is not needed either: nobody sleeps or syncs under the lock, so that it is free within microseconds
 * unless its holder lost the processor. Hence ours is given away first, and only then slept. After the lock the name
 * is looked at again, because the file may have been rotated or removed while we waited.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "audit/log.h"

#define REOPEN_TRIES 8
#define YIELDS 8

int ward_audit_lock_fd(int fd, short type)
{
	uint64_t begin = 0;
	long nap = 50000;
	for (unsigned tries = 0;; tries++) {
		struct flock l = { .l_type = type, .l_whence = SEEK_SET };
		if (fcntl(fd, F_OFD_SETLK, &l) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -errno;
		uint64_t now = ward_now_mono_ns();
		begin = begin ? begin : now;
		if (now - begin > WARD_AUDIT_LOCK_WAIT_MS * UINT64_C(1000000))
			return -ETIMEDOUT;
		if (tries < YIELDS) {
			(void)sched_yield();
			continue;
		}
		struct timespec t = { .tv_nsec = nap };
		(void)nanosleep(&t, NULL); /* a signal only makes the nap shorter */
		nap = nap < 2000000 ? nap + nap / 2 : nap;
	}
}

void ward_audit_unlock_fd(int fd)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	(void)fcntl(fd, F_OFD_SETLK, &l); /* cannot fail on a descriptor that holds it */
}

static int fail_lock(const struct ward_audit *a, int sys, struct ward_error *err)
{
	if (sys != ETIMEDOUT) {
		(void)ward_fail_errno(err, WARD_E_AUDIT, sys, "audit log %s cannot be locked",
			a->path);
		ward_fail_fix(err,
			"give --audit FILE on a file system that has locks; NFS needs its lock service");
		return WARD_E_AUDIT;
	}
	int r = ward_fail(err, WARD_E_AUDIT,
		"audit log %s: another process has held its lock for %u s", a->path,
		WARD_AUDIT_LOCK_WAIT_MS / 1000);
	ward_fail_fix(err, "see who has it open: fuser -v FILE");
	return r;
}

/* Is the file that we hold still the one that the name means? */
static bool same_file(const struct ward_audit *a, const struct stat *st)
{
	struct stat now;
	return st->st_nlink > 0 && fstatat(a->dirfd, a->base, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
		now.st_ino == st->st_ino && now.st_dev == st->st_dev;
}

int ward_audit_lock(struct ward_audit *a, uint64_t *ret_size, struct ward_error *err)
{
	for (int i = 0; i < REOPEN_TRIES; i++) {
		struct stat st;
		int r = ward_audit_lock_fd(a->fd, F_WRLCK);
		if (r < 0)
			return fail_lock(a, -r, err);
		if (fstat(a->fd, &st) < 0) {
			r = ward_fail_errno(err, WARD_E_AUDIT, errno,
				"audit log %s cannot be looked at", a->path);
			ward_audit_unlock_fd(a->fd);
			return r;
		}
		if (same_file(a, &st)) {
			*ret_size = (uint64_t)st.st_size;
			return WARD_OK;
		}
		/* Closing the old one drops its lock. Until the new one is open the object keeps the old. */
		r = ward_audit_open_file(a, a->base, err);
		if (r < 0) {
			ward_audit_unlock_fd(a->fd);
			return r;
		}
		ward_close(a->fd);
		a->fd = r;
	}
	return ward_fail(err, WARD_E_AUDIT, "audit log %s is replaced again and again", a->path);
}
