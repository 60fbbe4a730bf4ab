/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which socket file a path names inside, and whether a process of the run bound it. A read-only bind does not stop a
 * connect to a host's socket in it, so the answer is looked up, not assumed:
 *
 * - below a private mount (/tmp, /dev/shm, $HOME) only the run itself can have bound anything: allowed, if it is of that mount;
 * - below a bind of the host, to which a link in a private mount may lead as well, the file must belong to a socket that listens in the run's own network namespace, as
 *   sock_diag there says, and where its numbers do not tell files apart, the socket itself (notify_bound.c); every other
 *   one is the host's: refused;
 * - everything else is not in the view: refused, as any ungranted name;
 * - of a link that leads from one of these to another it is asked where it leads (notify_place.c), and that is looked at as above.
 *
 * The supervisor cannot walk the FUSE layer (the kernel lets no process of another user namespace in), so the way
 * through it is looked up in the plan's table, and the rest of the path is walked beneath the mount's own root, whatever
 * links say. Walking it differently from the caller can only end at another file that the run bound, or nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#define LINKS_MAX 40
#define SOCKETS_MAX 65536 /* listening sockets looked at for one connect */
#define CANDIDATES_MAX 8 /* of these that may be at the file that is asked about */
#define STATE_LISTEN 10 /* TCP_LISTEN, which Unix sockets share */

/* ---- the view ---- */

/* One component at *io_p of path: its length, 0 at the end. */
static size_t component(const char *path, size_t *io_p)
{
	while (path[*io_p] == '/')
		(*io_p)++;
	return strcspn(path + *io_p, "/");
}

/* path = the link's target and what comes after the link (which may lie in path). */
static int follow(const struct ward_node *link, const char *rest, char path[WARD_PATH_MAX])
{
	char dir[WARD_PATH_MAX], target[WARD_PATH_MAX];
	size_t n = (size_t)(strrchr(link->dest, '/') - link->dest);
	int r, len;

	if (n >= sizeof(dir))
		return WARD_E_LIMIT;
	memcpy(dir, link->dest, n);
	dir[n] = '\0';
	r = ward_path_join(n ? dir : "/", link->source, target, sizeof(target));
	if (r < 0)
		return r;
	/* dir is done with, and serves as the room for the whole. */
	len = snprintf(dir, sizeof(dir), "%s/%s", target, rest);
	if (len < 0 || (size_t)len >= sizeof(dir))
		return WARD_E_LIMIT;
	return ward_path_normalize(dir, path, WARD_PATH_MAX);
}

uint32_t ward_notify_find(const struct ward_notify *n, const char *path, char rest[WARD_PATH_MAX])
{
	char p[WARD_PATH_MAX];
	uint32_t at = 0, child;
	size_t pos = 0, len;
	int links = 0;

	rest[0] = '\0';
	if (n->tree.n == 0 || strlen(path) >= sizeof(p))
		return WARD_TREE_NONE;
	memcpy(p, path, strlen(path) + 1);
	while ((len = component(p, &pos)) > 0) {
		child = ward_tree_child(&n->tree, at, p + pos, len);
		if (child == WARD_TREE_NONE)
			break;
		if (n->tree.v[child].node->kind == WARD_NODE_SYMLINK) {
			if (links++ == LINKS_MAX ||
				follow(n->tree.v[child].node, p + pos + len, p) < 0)
				return WARD_TREE_NONE;
			at = 0;
			pos = 0;
			continue;
		}
		at = child;
		pos += len;
	}
	memcpy(rest, p + pos, strlen(p + pos) + 1);
	return at;
}

/* ---- whose socket ---- */

/* Of each listening socket whose file may be the one that is asked about. */
struct candidates {
	uint32_t socket_ino[CANDIDATES_MAX];
	unsigned n;
	bool device; /* one has the device that stat tells as well */
};

static void add_candidate(const struct nlmsghdr *h, const struct stat *st, struct candidates *c)
{
	const struct unix_diag_msg *m = (const void *)((const char *)h + NLMSG_HDRLEN);
	const struct nlattr *a;
	size_t left = h->nlmsg_len, at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(*m));

	while (at + sizeof(*a) <= left) {
		const struct unix_diag_vfs *v;

		a = (const void *)((const char *)h + at);
		if (a->nla_len < sizeof(*a) || at + a->nla_len > left)
			return;
		v = (const void *)((const char *)a + NLA_HDRLEN);
		/* The kernel tells 32 bits of the inode and its own form of the device. */
		if ((a->nla_type & NLA_TYPE_MASK) == UNIX_DIAG_VFS &&
			a->nla_len >= NLA_HDRLEN + sizeof(*v) &&
			v->udiag_vfs_ino == (uint32_t)st->st_ino) {
			c->device = c->device ||
				v->udiag_vfs_dev == ((major(st->st_dev) << 20) | minor(st->st_dev));
			if (c->n < CANDIDATES_MAX)
				c->socket_ino[c->n++] = m->udiag_ino;
			return;
		}
		at += NLA_ALIGN(a->nla_len);
	}
}

/* Read one dump to its end, whatever was found: the next one would fail with EBUSY. 0, or -1: broken. */
static int read_dump(struct ward_notify *n, int diag, const struct stat *st, struct candidates *c)
{
	for (unsigned seen = 0; seen < SOCKETS_MAX;) {
		ssize_t got = recv(diag, n->diag_buf, sizeof(n->diag_buf), MSG_DONTWAIT);
		struct nlmsghdr *h = (void *)n->diag_buf;

		if (got <= 0)
			return -1;
		for (size_t left = (size_t)got; NLMSG_OK(h, left);
			h = NLMSG_NEXT(h, left), seen++) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
				h->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
				return -1;
			add_candidate(h, st, c);
		}
	}
	return -1;
}

/* Does the socket file belong to a socket that listens in the run's network namespace? */
static bool bound_inside(struct ward_notify *n, const struct ward_ask *ask, int file,
	const struct stat *st)
{
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} q = {
		.h = { .nlmsg_len = sizeof(q),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.r = { .sdiag_family = AF_UNIX,
			.udiag_states = 1u << STATE_LISTEN,
			.udiag_show = UDIAG_SHOW_VFS },
	};
	struct candidates c = { .n = 0 };
	int diag;

	(void)pthread_mutex_lock(&n->lock);
	diag = n->diag;
	(void)pthread_mutex_unlock(&n->lock);
	if (diag < 0 || send(diag, &q, sizeof(q), MSG_DONTWAIT) != (ssize_t)sizeof(q))
		return false;
	if (read_dump(n, diag, st, &c) < 0) {
		/* What is left in it would be taken for the next answer: from now on nothing is found. */
		ward_notify_set_diag(n, -1);
		return false;
	}
	if (c.device && ward_notify_plain_inodes(file))
		return true;
	return ward_notify_listens(n, ask, c.socket_ino, c.n, st);
}

/* ---- the door ---- */

/* The root of a private mount that the init handed over, duplicated, or -1. */
static int private_root(struct ward_notify *n, const struct ward_node *node)
{
	unsigned nth = 0;
	int fd = -1;

	/* The overlay of what is under review stands behind them. */
	for (size_t i = 0; i < n->plan->n_nodes; i++)
		nth += n->plan->nodes[i].kind == WARD_NODE_TMPFS &&
			(node->review || &n->plan->nodes[i] < node);
	(void)pthread_mutex_lock(&n->lock);
	if (nth < n->n_roots && n->roots[nth] >= 0)
		fd = fcntl(n->roots[nth], F_DUPFD_CLOEXEC, 0);
	(void)pthread_mutex_unlock(&n->lock);
	return fd;
}

/* Of the overlay of what is under review, or a part of it, which lies on the name that it has there. */
static int review_base(struct ward_notify *n, const struct ward_node *node)
{
	WARD_FD root = private_root(n, node);
	const char *rest = node->dest + strlen(n->plan->review.root);

	if (root < 0)
		return -EACCES;
	return ward_openat2(root, *rest ? rest + 1 : ".", O_PATH, 0,
		WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);
}

int ward_notify_base(struct ward_notify *n, struct ward_ask *ask, const struct ward_node *node)
{
	WARD_FD root = -1;
	int fd;

	if (node->review)
		return review_base(n, node);
	if (node->kind == WARD_NODE_BIND)
		return ward_openat2(AT_FDCWD, node->source, O_PATH, 0, WARD_OPEN_NO_SYMLINKS);
	fd = private_root(n, node);
	if (fd >= 0)
		return fd;
	/* Without FUSE the caller's own root can be walked. */
	root = openat(ask->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	return ward_openat2(root, node->dest, O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_IN_ROOT | WARD_OPEN_NO_MAGICLINKS);
}

/*
 * Nobody outside can have bound anything there: an overlay has inodes of its own, and the run's private directories are one file
 * system that nobody else has. What is mounted below such a directory is of another, and a link of the run's own leads over it.
 */
static bool is_private(const struct ward_node *node, int base, const struct stat *file)
{
	struct stat st;

	return node->review ||
		(node->kind == WARD_NODE_TMPFS && fstat(base, &st) == 0 &&
			st.st_dev == file->st_dev);
}

/* As ward_notify_unix(), but EXDEV where a link leads from the mount that path lies in. */
static int socket_at(struct ward_notify *n, struct ward_ask *ask, const char *path, int *ret_fd,
	enum ward_socket *ret)
{
	char rest[WARD_PATH_MAX];
	uint32_t at = ward_notify_find(n, path, rest);
	const struct ward_node *node = at == WARD_TREE_NONE ? NULL : n->tree.v[at].node;
	WARD_FD base = -1;
	struct stat st;
	int fd;

	*ret = WARD_SOCKET_REFUSED;
	if (!node || (node->kind != WARD_NODE_BIND && node->kind != WARD_NODE_TMPFS))
		return n->plan->deny_errno == EACCES ? EACCES : ENOENT;
	base = ward_notify_base(n, ask, node);
	if (base < 0)
		return EACCES;
	fd = rest[0] ? ward_openat2(base, rest[0] == '/' ? rest + 1 : rest, O_PATH, 0,
			       WARD_OPEN_BENEATH | WARD_OPEN_NO_MAGICLINKS)
		     : fcntl(base, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		/* Else the file is simply not there. What a private directory hides is not seen from here. */
		if (fd != -EXDEV)
			*ret = fd == -ENOENT && node->kind == WARD_NODE_TMPFS && !node->review
				? WARD_SOCKET_MISSING
				: WARD_SOCKET_OWN;
		return fd == -EXDEV || fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP ? -fd
										       : EACCES;
	}
	if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		ward_close(fd);
		*ret = WARD_SOCKET_OWN;
		return ECONNREFUSED;
	}
	if (!is_private(node, base, &st) && !bound_inside(n, ask, fd, &st)) {
		ward_close(fd);
		return EACCES;
	}
	*ret = WARD_SOCKET_OWN;
	*ret_fd = fd;
	return 0;
}

/* Of what is missing: it would lie in a granted directory, or a private one, and no refusal hides it. */
static bool is_missing(int r, const struct ward_place *place)
{
	return r == -ENOENT && place->mount &&
		(place->mount->kind == WARD_NODE_BIND || place->mount->kind == WARD_NODE_TMPFS);
}

int ward_notify_unix(struct ward_notify *n, struct ward_ask *ask, const char *path, int *ret_fd,
	enum ward_socket *ret)
{
	struct ward_place place;
	int r = socket_at(n, ask, path, ret_fd, ret);

	if (r != EXDEV)
		return r;
	/* Daemons keep their socket in /tmp, and a link to it where their clients look: where it leads decides. */
	r = ward_notify_place(n, ask, "/", path, true, &place);
	if (r == 0) {
		r = -socket_at(n, ask, place.path, ret_fd, ret);
	} else {
		*ret = is_missing(r, &place) ? WARD_SOCKET_OWN : WARD_SOCKET_REFUSED;
		if (*ret == WARD_SOCKET_REFUSED && n->plan->deny_errno == EACCES)
			r = -EACCES;
	}
	return r == 0 || r == -ENOENT || r == -ENOTDIR || r == -ECONNREFUSED ? -r : EACCES;
}
