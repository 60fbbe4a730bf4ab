/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As root a granted tree is ID-mapped with all that is mounted in it, which some file systems cannot: FUSE, NFS, overlays, squashfs and
 * whatever the kernel does not say it of. One of them somewhere below would refuse the whole grant. So the tree comes without it, and what
 * is there by itself, with the ids that it has: only for reading, since whatever is written in it would belong to nobody. What does not
 * answer, or lets root not in (FUSE of another user), is masked. What may be mapped is tried: no list of file systems knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"
#include "run/review/place.h"

#define OPEN_TREE_CLONE 1u
#define MOUNT_ATTR_IDMAP 0x00100000ull

struct attr {
	uint64_t set, clr, propagation, userns_fd;
};

/* As good as those of a run, to see whether there can be any. */
#define TRIED_MAP "0 0 4294967295"

int ward_rs_mask_mount(struct ward_resolver *rs, const char *at, bool is_dir,
	struct ward_error *err)
{
	struct ward_node n = {
		.kind = WARD_NODE_MASK, .dest = at, .is_dir = is_dir, .fixed = true, .rule = -1
	};
	int r = ward_rs_node(rs, &n, err);

	if (r == WARD_OK)
		r = ward_rs_text(rs, &rs->gone, at, err);
	return r == WARD_OK && rs->host->uid == 0 ? ward_rs_text(rs, &rs->apart, at, err) : r;
}

/* The grant whose tree it comes with; NULL: none. */
static const struct ward_node *comes_with(const struct ward_resolver *rs,
	const struct ward_mount *m)
{
	const struct ward_node *by = ward_rs_shown_by(rs, m->at);

	/* An overlay shows one file system. */
	return by && by->idmap && by->is_dir && !ward_streq(by->dest, m->at) &&
			!ward_rs_reviewed(rs, m->at) && !ward_texts_hold(&rs->gone, m->at) &&
			!ward_mount_is_hidden(rs->mounts, m)
		? by
		: NULL;
}

enum tried { TRIED_NOT_OURS, TRIED_MAPPED, TRIED_UNMAPPED };

/* What cannot be copied does not come with the tree either, or keeps all of it from being copied, which is said then. */
static enum tried try(int userns, const char *at)
{
	struct attr a = { .set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	WARD_FD tree = (int)syscall(WARD_NR_OPEN_TREE, AT_FDCWD, at,
		OPEN_TREE_CLONE | O_CLOEXEC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);

	if (tree < 0)
		return errno == EINVAL || errno == ENOENT ? TRIED_NOT_OURS : TRIED_UNMAPPED;
	return syscall(WARD_NR_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &a, sizeof(a)) == 0
		? TRIED_MAPPED
		: TRIED_UNMAPPED;
}

/* h lies below m, and not in it: it comes with the tree as well, seen or not. */
static bool hides(const struct ward_mounts *all, const struct ward_mount *m,
	const struct ward_mount *h)
{
	if (h == m || !ward_path_within(h->at, m->at))
		return false;
	for (size_t up = 0; h && up <= all->n; up++) {
		if (h == m)
			return false;
		h = ward_mount_parent(all, h);
	}
	return true;
}

static bool hides_any(const struct ward_mounts *all, const struct ward_mount *m)
{
	for (size_t i = 0; i < all->n; i++) {
		if (hides(all, m, &all->v[i]))
			return true;
	}
	return false;
}

/* The tree comes without it, and without what it hides. */
static int take_away(struct ward_resolver *rs, const struct ward_mount *m, struct ward_error *err)
{
	int r = ward_rs_text(rs, &rs->apart, m->at, err);

	for (size_t i = 0; r == WARD_OK && i < rs->mounts->n; i++) {
		if (hides(rs->mounts, m, &rs->mounts->v[i]))
			r = ward_rs_text(rs, &rs->apart, rs->mounts->v[i].at, err);
	}
	return r;
}

/* What policies decided of names in it: as all of it. A grant that names what is to be written there is not held. */
static int unmapped(struct ward_resolver *rs, const struct ward_mount *m, struct ward_error *err)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		struct ward_node *n = &rs->nodes[i];

		if (n->kind != WARD_NODE_BIND || !ward_path_within(n->dest, m->at) ||
			ward_streq(n->dest, m->at))
			continue;
		if (n->write && !n->fixed) {
			(void)ward_fail(err, WARD_E_REFUSED,
				"%s cannot be written by a run of root's: what is mounted at %s (%s) cannot be ID-mapped",
				ward_rs_show(rs, n->dest), ward_rs_show(rs, m->at), m->type);
			ward_fail_fix(err,
				"run ward as the user whose it is, or grant it for reading");
			return WARD_E_REFUSED;
		}
		n->write = false;
		n->idmap = false;
	}
	return WARD_OK;
}

static int by_itself(struct ward_resolver *rs, const struct ward_mount *m,
	const struct ward_node *by, const struct stat *st, bool mapped, size_t *io_said,
	struct ward_error *err)
{
	struct ward_node n = {
		.kind = WARD_NODE_BIND,
		.dest = m->at,
		.source = m->at,
		.is_dir = S_ISDIR(st->st_mode),
		.write = by->write && mapped,
		.exec = by->exec,
		.noexec = by->noexec,
		.idmap = mapped,
		.protect = by->protect,
		.fixed = true,
		.apart = true,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.rule = by->rule,
	};
	bool less = by->write && !by->protect;
	int r = take_away(rs, m, err);

	if (r == WARD_OK)
		r = ward_rs_node(rs, &n, err);
	if (r < 0 || mapped)
		return r;
	r = unmapped(rs, m, err);
	return r < 0 || ++*io_said > WARD_MOUNTS_SAID_MAX
		? r
		: ward_rs_warn(rs, err,
			  "%s %s: what is mounted there (%s) cannot be ID-mapped, as what root grants is; "
			  "for more, run ward as the user whose it is",
			  ward_rs_show(rs, m->at),
			  less ? "may only be read, and as by anybody" : "is shown as to anybody",
			  m->type);
}

static int without(struct ward_resolver *rs, const struct ward_mount *m, const char *why,
	size_t *io_said, struct ward_error *err)
{
	int r = ward_rs_mask_mount(rs, m->at, !m->is_file, err);

	return r < 0 || ++*io_said > WARD_MOUNTS_SAID_MAX
		? r
		: ward_rs_warn(rs, err, "%s is left out: what is mounted there (%s) %s",
			  ward_rs_show(rs, m->at), m->type, why);
}

static int look_at(struct ward_resolver *rs, const struct ward_mount *m, const struct ward_node *by,
	int userns, size_t *io_said, struct ward_error *err)
{
	const char *gone = NULL;
	enum tried how;
	struct stat st;

	if (m->far) {
		(void)ward_rs_far(rs, m->at);
		gone = ward_mount_why_gone(m);
	}
	if (gone)
		return without(rs, m, gone, io_said, err);
	/* Whoever steps into it has something mounted there, outside. */
	if (ward_streq(m->type, "autofs"))
		return without(rs, m, "waits for somebody outside to use it", io_said, err);
	how = try(userns, m->at);
	if (how == TRIED_NOT_OURS || (how == TRIED_MAPPED && !hides_any(rs->mounts, m)))
		return WARD_OK;
	if (ward_rs_lstat(rs, m->at, &st) < 0)
		return without(rs, m,
			"cannot be ID-mapped, as what root grants is, nor looked at by root; run ward as the user whose it is",
			io_said, err);
	return by_itself(rs, m, by, &st, how == TRIED_MAPPED, io_said, err);
}

int ward_rs_unbindable(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_mounts *all = rs->mounts;
	int r = WARD_OK;

	if (rs->host->uid != 0 || !rs->host->userns)
		return WARD_OK;
	for (size_t i = 0; r == WARD_OK && i < all->n; i++) {
		const struct ward_mount *m = &all->v[i];
		const struct ward_node *by = m->unbindable ? ward_rs_shown_by(rs, m->at) : NULL;

		if (by && by->is_dir && !ward_streq(by->dest, m->at) &&
			!ward_rs_reviewed(rs, m->at) && !ward_mount_is_hidden(all, m))
			r = ward_rs_text(rs, &rs->gone, m->at, err);
		else
			continue;
		/* Where the tree is copied less something it would be bindable. */
		if (r == WARD_OK)
			r = ward_rs_text(rs, &rs->apart, m->at, err);
	}
	return r;
}

int ward_rs_apart(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_userns userns = WARD_USERNS_INIT;
	const struct ward_mounts *all = rs->mounts;
	size_t said = 0;
	int r = WARD_OK;

	if (rs->host->uid != 0 || !rs->host->userns || rs->r->backend == WARD_BACKEND_DIRECT)
		return WARD_OK;
	for (size_t i = 0; r == WARD_OK && all && i < all->n; i++) {
		const struct ward_node *by = comes_with(rs, &all->v[i]);
		struct ward_node grant;

		if (!by)
			continue;
		/* A host that has none of these refuses the start, and says so. */
		if (userns.fd < 0 && ward_userns_new(TRIED_MAP, TRIED_MAP, &userns) < 0)
			break;
		/* A copy: nodes move when one is added. */
		grant = *by;
		r = look_at(rs, &all->v[i], &grant, userns.fd, &said, err);
	}
	ward_userns_done(&userns);
	return r == WARD_OK && said > WARD_MOUNTS_SAID_MAX
		? ward_rs_warn(rs, err,
			  "and %zu more of what is mounted below what is granted are left out, or shown as to anybody and only for reading",
			  said - WARD_MOUNTS_SAID_MAX)
		: r;
}
