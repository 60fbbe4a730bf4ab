/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As host root: the granted and base paths, opened here because only here a mount can be ID-mapped, and handed to the init in
 * the order of the blob, some at a time. Where something is mounted in them that cannot be mapped, they are opened in a namespace that has it
 * not. Stops at the first that cannot be had; the init then waits for what does not come,
 * and ends with our sockets.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "confine/native/cage.h"
#include "confine/native/tree.h"
#include "os/os.h"

#define ID_LIMIT 4294967295u /* (uid_t)-1 is no id */
#define MAP_TEXT_MAX 256

/* Everything as it is, but the caller's id <-> the run's reserved one: what the command writes belongs to the caller. */
static void idmap_text(char *out, size_t size, unsigned caller, unsigned run)
{
	int n = snprintf(out, size, "%u %u 1\n", caller, run);
	unsigned lo = caller < run ? caller : run, hi = caller < run ? run : caller;

	if (lo > 0)
		n += snprintf(out + n, size - (size_t)n, "0 0 %u\n", lo);
	if (hi > lo + 1)
		n += snprintf(out + n, size - (size_t)n, "%u %u %u\n", lo + 1, lo + 1, hi - lo - 1);
	snprintf(out + n, size - (size_t)n, "%u %u %u\n", hi + 1, hi + 1, ID_LIMIT - hi - 1);
}

static int idmap_userns(const struct ward_launch *l, struct ward_userns *ret,
	struct ward_error *err)
{
	char uids[MAP_TEXT_MAX], gids[MAP_TEXT_MAX];
	int r;

	idmap_text(uids, sizeof(uids), l->caller_uid, l->host_uid);
	idmap_text(gids, sizeof(gids), l->caller_gid, l->host_gid);
	r = ward_userns_new(uids, gids, ret);
	if (r < 0)
		return ward_native_stage_failed(WARD_STAGE_IDMAP, -r,
			"user namespace of the ID-mapped mounts", NULL, err);
	return WARD_OK;
}

static int flush(int ctl, int *fds, size_t *io_n, struct ward_error *err)
{
	struct ward_msg m = { .type = WARD_MSG_TREES, .value = (int32_t)*io_n };
	ssize_t r = *io_n ? ward_send_fds(ctl, &m, sizeof(m), fds, *io_n) : 0;

	for (size_t i = 0; i < *io_n; i++)
		ward_close(fds[i]);
	*io_n = 0;
	/* An init that is gone has said why: that is read next. */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return ward_fail_errno(err, WARD_E_SYSTEM, (int)-r,
			"cannot hand the grants to ward-init");
	return WARD_OK;
}

/* A file system of its own, of which the init gets a tree as of any other layer. Descriptor, or a code. */
static int loop_tree(const struct ward_launch *l, const char *path, int userns,
	struct ward_error *err)
{
	struct ward_tree_attr a = {
		.attr_set = WARD_TREE_NOSUID | WARD_TREE_NODEV | WARD_TREE_IDMAP,
		.propagation = WARD_TREE_PRIVATE,
		.userns_fd = (uint64_t)userns,
	};
	enum ward_stage stage = WARD_STAGE_NONE;
	WARD_FD dir = ward_tree_open(path, &l->layer, &stage);
	const char *step = path;
	int r, tree = -1;

	if (dir < 0)
		return ward_native_stage_failed(stage, -dir, path, NULL, err);
	r = ward_loop_make(dir, WARD_REVIEW_IMAGE, l->layer_size, &step);
	if (r == 0)
		r = tree = ward_loop_mount(dir, WARD_REVIEW_IMAGE, &step);
	if (r >= 0) {
		step = "preparing its file system";
		r = mkdirat(tree, "upper", 0700) < 0 || mkdirat(tree, "work", 0700) < 0 ||
				syscall(WARD_NR_MOUNT_SETATTR, tree, "", WARD_TREE_EMPTY_PATH, &a,
					sizeof(a)) < 0
			? -errno
			: 0;
	}
	if (r >= 0)
		return tree;
	ward_close(tree);
	return ward_native_stage_failed(WARD_STAGE_LAYER, -r, step, NULL, err);
}

/* One tree behind the others; all that there is room for go at once. */
static int add_tree(int ctl, int tree, int fds[WARD_TREES_MAX], size_t *io_n,
	struct ward_error *err)
{
	fds[*io_n] = tree;
	return ++*io_n == WARD_TREES_MAX ? flush(ctl, fds, io_n, err) : WARD_OK;
}

/* Descriptor, or a code. */
static int clone_tree(const char *path, const struct ward_launch_mount *m, bool layer, int userns,
	struct ward_error *err)
{
	enum ward_stage stage = WARD_STAGE_NONE;
	int tree = ward_tree_clone(path, m, userns, &stage);

	if (tree < 0 && layer && stage == WARD_STAGE_IDMAP_MOUNT)
		stage = WARD_STAGE_LAYER;
	return tree < 0 ? ward_native_stage_failed(stage, -tree, path, NULL, err) : tree;
}

static int layer_tree(const struct ward_launch *l, const char *blob, int userns,
	struct ward_error *err)
{
	const char *path = blob + l->layer.source;

	return l->layer.flags & WARD_LAUNCH_M_LOOP ? loop_tree(l, path, userns, err)
						   : clone_tree(path, &l->layer, true, userns, err);
}

/* ---- what the host has mounted in a tree, and cannot be ID-mapped with it ---- */

/* All that is sent, of which some was opened before; elsewhere: in a namespace that has less mounted. */
struct sending {
	int ctl, userns;
	const char *blob;
	int *early; /* of each mount, or -1; NULL: nothing was */
	int result;
	struct ward_error *err;
};

static const char *text_at(const char *blob, uint32_t list, uint32_t i)
{
	return blob + ((const uint32_t *)(const void *)(blob + list))[i];
}

static bool is_apart(const char *blob, const char *path)
{
	const struct ward_launch *l = (const void *)blob;

	for (uint32_t i = 0; i < l->n_apart; i++) {
		const char *at = text_at(blob, l->apart, i);
		size_t n = strlen(at);

		if (strncmp(path, at, n) == 0 && (path[n] == '\0' || path[n] == '/'))
			return true;
	}
	return false;
}

/*
 * In this thread's own namespace, of which the host sees nothing. Where it is not to be had any more, or something else is by now, that is
 * seen by what follows: a tree that has one left in it cannot be ID-mapped.
 */
static void take_away(const char *path)
{
	struct ward_tree_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = WARD_TREE_NO_SYMLINKS | WARD_TREE_NO_MAGICLINKS };
	const char *name = strrchr(path, '/') + 1;
	char dir[WARD_PATH_MAX];
	WARD_FD fd = -1;

	if ((size_t)snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path) >= sizeof(dir))
		return;
	fd = (int)syscall(WARD_NR_OPENAT2, AT_FDCWD, dir, &how, sizeof(how));
	/* Relative, for no link on the way leads elsewhere; and all that are one on the other. */
	if (fd >= 0 && fchdir(fd) == 0)
		while (umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
}

static int send_all(struct sending *s)
{
	const struct ward_launch *l = (const void *)s->blob;
	const struct ward_launch_mount *m = (const void *)(s->blob + l->mounts);
	int fds[WARD_TREES_MAX], r = WARD_OK;
	size_t n = 0;

	for (uint32_t i = 0; r >= 0 && i < l->n_mounts; i++) {
		if (!ward_tree_is_source(&m[i]))
			continue;
		if (s->early && s->early[i] >= 0) {
			r = s->early[i];
			s->early[i] = -1;
		} else {
			r = clone_tree(s->blob + m[i].source, &m[i], false, s->userns, s->err);
		}
		if (r >= 0)
			r = add_tree(s->ctl, r, fds, &n, s->err);
		if (r < 0 || m[i].kind != WARD_LAUNCH_OVERLAY || l->layer.kind != WARD_LAUNCH_BIND)
			continue;
		r = layer_tree(l, s->blob, s->userns, s->err);
		if (r >= 0)
			r = add_tree(s->ctl, r, fds, &n, s->err);
	}
	for (size_t i = 0; r < 0 && i < n; i++)
		ward_close(fds[i]);
	return r < 0 ? r : flush(s->ctl, fds, &n, s->err);
}

static void *elsewhere(void *arg)
{
	struct sending *s = arg;
	const struct ward_launch *l = (const void *)s->blob;

	/* Private before anything is taken away: a shared one would take it from the host. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		s->result = ward_native_stage_failed(WARD_STAGE_IDMAP, errno,
			"mount namespace of the ID-mapped mounts", NULL, s->err);
		return NULL;
	}
	for (uint32_t i = 0; i < l->n_apart; i++)
		take_away(text_at(s->blob, l->apart, i));
	s->result = send_all(s);
	return NULL;
}

/* What lies in one of those comes from where they are. */
static int open_early(struct sending *s)
{
	const struct ward_launch *l = (const void *)s->blob;
	const struct ward_launch_mount *m = (const void *)(s->blob + l->mounts);

	s->early = malloc((l->n_mounts + 1) * sizeof(*s->early));
	if (!s->early)
		return ward_fail(s->err, WARD_E_NOMEM, "no memory for the granted trees");
	memset(s->early, -1, (l->n_mounts + 1) * sizeof(*s->early));
	for (uint32_t i = 0; i < l->n_mounts; i++) {
		if (!ward_tree_is_source(&m[i]) || !is_apart(s->blob, s->blob + m[i].source))
			continue;
		s->early[i] = clone_tree(s->blob + m[i].source, &m[i], false, s->userns, s->err);
		if (s->early[i] < 0)
			return s->early[i];
	}
	return WARD_OK;
}

static int send_apart(struct sending *s)
{
	const struct ward_launch *l = (const void *)s->blob;
	pthread_t thread;
	int r = open_early(s);

	if (r == WARD_OK) {
		r = ward_thread_start(&thread, elsewhere, s);
		if (r < 0)
			r = ward_fail_errno(s->err, WARD_E_SYSTEM, -r,
				"cannot start the thread of the granted trees");
		else
			(void)pthread_join(thread, NULL);
		r = r < 0 ? r : s->result;
	}
	for (uint32_t i = 0; s->early && i < l->n_mounts; i++)
		ward_close(s->early[i]);
	free(s->early);
	return r;
}

int ward_trees_send(int ctl, const char *blob, struct ward_userns *ret, struct ward_error *err)
{
	const struct ward_launch *l = (const void *)blob;
	struct sending s = { .ctl = ctl, .blob = blob, .err = err };
	int r = idmap_userns(l, ret, err);

	s.userns = ret->fd;
	if (r < 0)
		return r;
	return l->n_apart > 0 ? send_apart(&s) : send_all(&s);
}
