/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that a policy keeps from coming to be (".ward", ".git" where there is none) need something to mount over: an empty
 * directory, or a file that says what no file would. Inside, nobody can write to it or move it. Any number of runs share one:
 * each holds a shared lock on it while anything of the run is alive, and who ends tries to get an exclusive one, which only the last
 * can; that one takes it away. Until its mount is gone a name must not be free, so nobody else ever does.
 *
 * A pin is told from what people make by its mode (os/pin.c), which it is made with. One that was left behind, because everybody was killed,
 * is taken away by the next start (aborted.c), or held and taken away by the next run that needs it. Where a file system keeps no such mode, or has no locks, the run does not start.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"

#define TRIES \
	400 /* whoever removes a pin has it locked for some microseconds; a half written one is about to be whole */
#define PATIENT 100 /* tries after which who holds it alone is no run */
#define NAP_NS 2000000L
#define FDS_A_MESSAGE 200

struct ward_pin {
	const char *dest; /* of the plan */
	const char *text; /* of the plan; NULL: a directory */
	int fd; /* shared lock */
};

/* The directory that name lies in, by a way without links. */
static int open_parent(const char *dest, const char **ret_name)
{
	char dir[WARD_PATH_MAX];
	const char *slash = strrchr(dest, '/');

	if (!slash || strlen(dest) >= sizeof(dir))
		return -EINVAL;
	memcpy(dir, dest, (size_t)(slash - dest));
	dir[slash - dest] = '\0';
	*ret_name = slash + 1;
	return ward_openat2(AT_FDCWD, dir[0] ? dir : "/", O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
}

/* ---- making ---- */

static int make_new(int dir, const char *name, const char *text)
{
	WARD_FD fd = -1;

	if (!text)
		return mkdirat(dir, name, WARD_PIN_MODE) < 0 ? -errno : 0;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		WARD_PIN_MODE & ~0111);
	return fd < 0 ? -errno : ward_write_all(fd, text, strlen(text));
}

/* What the caller's umask took; and as root it is whose directory it lies in. */
static int finish(int dir, int fd, bool is_dir)
{
	struct stat parent;

	if (geteuid() == 0 &&
		(fstat(dir, &parent) < 0 || fchown(fd, parent.st_uid, parent.st_gid) < 0))
		return -errno;
	return fchmod(fd, is_dir ? WARD_PIN_MODE : WARD_PIN_MODE & ~0111) < 0 ? -errno : 0;
}

/* ---- holding ---- */

static bool same(int dir, const char *name, const struct stat *st)
{
	struct stat now;

	return fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_dev == st->st_dev &&
		now.st_ino == st->st_ino && ward_pin_marked(now.st_mode);
}

/* What fd says, of what it should say: 0 all, 1 the beginning (whoever made it was killed in between, or still writes), -1 something else. */
static int compare(int fd, const char *text)
{
	char have[WARD_PIN_TEXT_MAX + 1];
	ssize_t n = text ? pread(fd, have, sizeof(have), 0) : 0;

	if (n < 0 || (text && ((size_t)n > strlen(text) || memcmp(have, text, (size_t)n) != 0)))
		return -1;
	return text && (size_t)n < strlen(text);
}

/*
 * 0, or -errno. Where flock is done with ranges of bytes (NFS, CIFS) an exclusive lock of a file takes a descriptor that writes, and the
 * init, which has a copy of the one that holds, must have none: so a second one. The shared lock is in its way, and is given up, as in
 * a change of locks anywhere else. Directories have locks of this machine alone there.
 */
static int lock_alone(int dir, const char *name, int fd, const struct stat *st, int *ret_second)
{
	WARD_FD second = -1;
	struct stat now;

	*ret_second = -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EBADF || !S_ISREG(st->st_mode))
		return -errno;
	second = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (second < 0 || fstat(second, &now) < 0)
		return -errno;
	if (now.st_dev != st->st_dev || now.st_ino != st->st_ino)
		return -ESTALE;
	if (flock(fd, LOCK_UN) < 0 || flock(second, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*ret_second = ward_take_fd(&second);
	return 0;
}

static void remove_alone(int dir, const char *name, int fd, const struct stat *st, bool is_dir)
{
	WARD_FD second = -1;

	if (lock_alone(dir, name, fd, st, &second) == 0 && same(dir, name, st))
		(void)unlinkat(dir, name, is_dir ? AT_REMOVEDIR : 0);
}

/*
 * Lock what is there, then see whether the name still is what was locked: between the two the last holder may have taken
 * it away. -EAGAIN: once more. -EEXIST: it is no pin, but somebody's own, and nothing to be taken away.
 */
static int hold(int dir, const char *name, const char *text, bool made, int *ret_fd,
	struct stat *ret_st)
{
	WARD_FD fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (text ? 0 : O_DIRECTORY));
	int r = 0, missing;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? -EAGAIN : -errno;
	if (fstat(fd, ret_st) < 0)
		return -errno;
	if (!ward_pin_marked(ret_st->st_mode))
		return made ? -EOPNOTSUPP : -EEXIST;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
	if (!same(dir, name, ret_st))
		return -EAGAIN;
	if (made)
		r = finish(dir, fd, text == NULL);
	missing = r < 0 ? 1 : compare(fd, text);
	if (missing > 0)
		remove_alone(dir, name, fd, ret_st, text == NULL);
	if (r == 0 && missing)
		r = missing > 0 ? -EAGAIN : -EEXIST;
	if (r == 0)
		*ret_fd = ward_take_fd(&fd);
	return r;
}

/*
 * Whoever may read a directory may lock it, and hold up every start that needs it. A run never holds it alone for long, and none has it
 * at all while somebody does: so it is taken away, and the next is ours to make. Only what is a pin still, and locked still.
 */
static void take_from_stranger(int dir, const char *name, const char *text)
{
	WARD_FD fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (text ? 0 : O_DIRECTORY));
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && ward_pin_marked(st.st_mode) &&
		compare(fd, text) >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 &&
		errno == EWOULDBLOCK && same(dir, name, &st))
		(void)unlinkat(dir, name, text ? 0 : AT_REMOVEDIR);
}

/* *ret_fd: -1 where what somebody else made meanwhile is covered, and stays. */
static int pin(struct ward_node *n, int *ret_fd)
{
	const char *name;
	WARD_FD dir = open_parent(n->dest, &name);
	struct stat st = { 0 };
	int r = -EAGAIN;

	*ret_fd = -1;
	if (dir < 0)
		return dir;
	for (int i = 0; i < TRIES; i++) {
		const struct timespec nap = { .tv_nsec = NAP_NS };
		int made = make_new(dir, name, n->pin_text);

		if (made < 0 && made != -EEXIST)
			return made;
		r = hold(dir, name, n->pin_text, made == 0, ret_fd, &st);
		/* No locks, or no such mode: nobody else holds it either. */
		if (made == 0 && r < 0 && r != -EAGAIN)
			(void)unlinkat(dir, name, n->pin_text ? 0 : AT_REMOVEDIR);
		if (r != -EAGAIN)
			break;
		if (i >= PATIENT)
			take_from_stranger(dir, name, n->pin_text);
		if (made < 0)
			(void)nanosleep(&nap, NULL);
	}
	if (r == -EEXIST && S_ISDIR(st.st_mode) == n->is_dir &&
		(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		r = 0;
	if (r < 0)
		return r;
	n->dev = st.st_dev;
	n->ino = st.st_ino;
	return 0;
}

/* ---- giving up ---- */

/*
 * Where the exclusive lock cannot be had, the shared one is gone all the same (flock(2)): of two who end at once the second
 * finds nobody. False: it may have been left, and the next start has to look (aborted.c). An outsider's own of that name is another inode, and what holds something is nobody's pin any more.
 */
static bool let_go(const struct ward_pin *p)
{
	const char *name;
	WARD_FD dir = open_parent(p->dest, &name);
	WARD_FD second = -1;
	struct stat st;
	int r;

	if (dir < 0)
		return dir == -ENOENT;
	if (fstat(p->fd, &st) < 0)
		return false;
	r = lock_alone(dir, name, p->fd, &st, &second);
	if (r < 0)
		return r == -EWOULDBLOCK || r == -ENOENT;
	if (!same(dir, name, &st) || compare(p->fd, p->text) != 0)
		return !ward_is_pin(dir, name);
	if (unlinkat(dir, name, p->text ? 0 : AT_REMOVEDIR) == 0 || errno == ENOENT)
		return true;
	/* An ordinary directory by now. */
	return errno == ENOTEMPTY && fchmod(p->fd, st.st_mode & 07777 & ~(mode_t)S_ISVTX) == 0;
}

/* Looked at under the lock: until then somebody could hold it, or write to it. */
void ward_pin_forget(const char *dest)
{
	const char *name;
	WARD_FD dir = open_parent(dest, &name);
	WARD_FD fd = -1, second = -1;
	struct stat st;

	if (dir < 0 || !ward_is_pin(dir, name))
		return;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && ward_pin_marked(st.st_mode) &&
		lock_alone(dir, name, fd, &st, &second) == 0 && same(dir, name, &st) &&
		ward_is_pin(dir, name))
		(void)unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

void ward_pins_remove(struct life *l)
{
	for (size_t i = 0; i < l->n_pins; i++) {
		if (!let_go(&l->pins[i]))
			l->pins_left = true;
		ward_close(l->pins[i].fd);
	}
	if (l->anchor > 0)
		ward_close(l->anchor);
	free(l->pins);
	l->pins = NULL;
	l->n_pins = 0;
	l->anchor = 0;
}

/*
 * The locks end with their last descriptor, which must not be that of a supervisor that is killed while the command still is alive:
 * the init keeps a socket in which they lie, unread.
 */
static int anchor(struct life *l)
{
	int sock[2], fds[FDS_A_MESSAGE], r = ward_socketpair(SOCK_SEQPACKET, sock);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < l->n_pins;) {
		size_t n = 0;

		if (i == 0 && l->pending)
			fds[n++] = ward_pending_fd(l->pending);
		while (n < FDS_A_MESSAGE && i < l->n_pins)
			fds[n++] = l->pins[i++].fd;
		r = (int)ward_send_fds(sock[0], "p", 1, fds, n);
	}
	ward_close(sock[0]);
	if (r < 0)
		ward_close(sock[1]);
	else
		l->anchor = sock[1];
	return r < 0 ? r : 0;
}

/* ---- all of a plan ---- */

static int cannot(const char *dest, int sys, struct ward_error *err)
{
	(void)ward_fail_errno(err, WARD_E_AXIS, sys,
		"axis files: \"%s\" cannot be kept from coming to be", dest);
	ward_fail_fix(err,
		sys == EROFS
			? "nothing can be made where it lies: grant that for reading alone"
			: "make it yourself, as an empty directory, or grant less of what it lies in");
	return WARD_E_AXIS;
}

int ward_pins_make(struct life *l, struct ward_error *err)
{
	struct ward_plan *p = l->plan;
	size_t n = 0;
	int r;

	ward_pins_remove(l);
	for (size_t i = 0; i < p->n_nodes; i++)
		n += p->nodes[i].pin;
	if (n == 0)
		return WARD_OK;
	l->pins = calloc(n, sizeof(*l->pins));
	if (!l->pins)
		return ward_fail(err, WARD_E_NOMEM,
			"no memory for the names that are kept from coming to be");
	for (size_t i = 0; i < p->n_nodes; i++) {
		struct ward_node *node = &p->nodes[i];
		int fd;

		if (!node->pin)
			continue;
		r = pin(node, &fd);
		if (r < 0)
			return cannot(node->dest, -r, err);
		if (fd >= 0)
			l->pins[l->n_pins++] = (struct ward_pin){ node->dest, node->pin_text, fd };
	}
	r = l->n_pins > 0 ? anchor(l) : 0;
	return r < 0 ? cannot(l->pins[0].dest, -r, err) : WARD_OK;
}
