/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a layer is reached. The run may have taken every bit from the mode of what it left; its owner is we, and a bit that is lacking
 * is lent: given for as long as the opening takes, and taken back. Nothing is lent in the project, nor while the run lives, which would see it and
 * whose directories would never be left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "workspace/change.h"

#define BENEATH (WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_XDEV)

int ward_beneath(int dir, const char *path, uint64_t flags)
{
	return ward_openat2(dir, path[0] ? path : ".", (flags ? flags : O_PATH) | O_NOFOLLOW, 0,
		BENEATH);
}

/* ---- one at a time ---- */

#define LOCK_STEP_MS 20
#define LOCK_WAIT_MS 5000

int ward_layer_busy(struct ward_error *err)
{
	int r = ward_fail(err, WARD_E_REFUSED,
		"what the run changed is being read, or made real, by another ward");

	ward_fail_fix(err, "wait for its end, then again");
	return r;
}

int ward_layer_lock(int layer, bool lives, struct ward_error *err)
{
	const struct timespec nap = { .tv_nsec = LOCK_STEP_MS * 1000000L };

	if (lives || geteuid() == 0)
		return WARD_OK;
	for (int waited = 0; flock(layer, LOCK_EX | LOCK_NB) < 0; waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ward_fail_errno(err, WARD_E_SYSTEM, errno,
				"the layer cannot be locked");
		if (waited >= LOCK_WAIT_MS)
			return ward_layer_busy(err);
		(void)nanosleep(&nap, NULL);
	}
	return WARD_OK;
}

void ward_layer_unlock(int layer)
{
	int saved = errno;

	(void)flock(layer, LOCK_UN); /* of one that was not locked: nothing */
	errno = saved;
}

/* ---- lending ---- */

struct lent {
	char proc[32];
	mode_t mode;
	bool given;
};

/* The mode of what fd (O_PATH) is gets bits: 0 or -errno. A link is never lent to: fd is what it is of. */
static int lend(struct lent *l, int fd, mode_t bits)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -EACCES;
	l->mode = st.st_mode & 07777;
	if ((l->mode & bits) == bits)
		return -EACCES; /* it was not for the mode */
	(void)snprintf(l->proc, sizeof(l->proc), "/proc/self/fd/%d", fd);
	if (chmod(l->proc, l->mode | bits) < 0)
		return -errno;
	l->given = true;
	return 0;
}

static void give_back(struct lent *l)
{
	int saved = errno;

	if (l->given)
		(void)chmod(l->proc, l->mode);
	l->given = false;
	errno = saved;
}

/* To read what fd, an O_PATH descriptor, is of: through /proc, since it is that object and no other that is opened. */
static int reopen(int fd)
{
	struct lent l = { .given = false };
	struct stat st;
	char proc[32];
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, got;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -EINVAL;
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	got = open(proc, flags);
	if (got < 0 && errno == EACCES && lend(&l, fd, S_ISDIR(st.st_mode) ? 0500 : 0400) == 0) {
		got = open(proc, flags);
		give_back(&l);
	}
	return got < 0 ? -errno : got;
}

/* For where the short way is closed. */
static int open_steps(struct ward_way *way, int layer, const char *path)
{
	WARD_FD at = path[0] ? ward_way_open(way, layer, path) : -1;

	return path[0] && at < 0 ? at : reopen(path[0] ? at : layer);
}

int ward_changed_get(struct ward_way *way, int layer, const char *path, bool lives,
	struct stat *ret)
{
	WARD_FD fd = ward_beneath(layer, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd == -EACCES && !lives)
		fd = open_steps(way, layer, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret) < 0)
		return -errno;
	return S_ISREG(ret->st_mode) || S_ISDIR(ret->st_mode) ? ward_take_fd(&fd) : -EINVAL;
}

int ward_changed_get_alone(struct ward_way *way, int layer, const char *path, bool lives,
	struct stat *ret)
{
	int fd = ward_changed_get(way, layer, path, true, ret);

	if (fd != -EACCES || lives)
		return fd;
	fd = ward_layer_lock(layer, lives, NULL);
	if (fd < 0)
		return fd == WARD_E_REFUSED ? -EBUSY : -ENOLCK;
	fd = ward_changed_get(way, layer, path, lives, ret);
	ward_layer_unlock(layer);
	return fd;
}

int ward_changed_open(int layer, const char *path, bool lives, struct ward_error *err)
{
	WARD_CLEANUP(ward_way_done) struct ward_way way = { .n = 0 };
	struct stat st;
	int fd = ward_changed_get_alone(&way, layer, path, lives, &st);

	if (fd >= 0)
		return fd;
	if (fd == -EBUSY)
		return ward_layer_busy(err);
	return ward_fail_errno(err, fd == -ENOENT ? WARD_E_NOTFOUND : WARD_E_SYSTEM, -fd,
		"cannot read '%s' of the layer", path);
}

bool ward_changed_own_xattr(const char *name)
{
	/* What a program inside called user.overlay.x the kernel keeps as user.overlay.overlay.x: that is the program's. */
	if (ward_has_prefix(name, "user.overlay."))
		return !ward_has_prefix(name, "user.overlay.overlay.");
	return ward_has_prefix(name, "trusted.overlay.");
}
