/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a path of the inside leads. The supervisor cannot walk the view itself (the kernel lets no process of another
 * user namespace into the FUSE layer), so it is walked here, one component at a time: what the plan's table names is
 * answered by the table; what lies below a bind or a private directory is looked at beneath that mount's own root.
 *
 * It says where the caller's walk leads only if it is sure. Whatever it does not know (/proc, a denied name, a bind
 * that is not what it was) is an error, on which nobody may act. The path was chosen by the inside: the steps are
 * bounded, and no link is followed but by text, so that none leads out of the view.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

struct walk {
	struct ward_notify *n;
	struct ward_ask *ask;
	struct ward_place *at;
	bool follow;
	unsigned steps;
	const struct ward_node *opened; /* base is its root */
	int base;
	char todo[WARD_PATH_MAX], link[WARD_PATH_MAX];
};

/* What of the table lies on a path. */
struct covering {
	const struct ward_node *node, *mount; /* node: the path itself, or NULL */
	const char *rest; /* below mount; "" = its root */
};

static struct covering cover(const struct ward_notify *n, const char *path)
{
	struct covering c = { .rest = path };
	uint32_t at = 0;

	for (const char *p = path; *p;) {
		size_t len = strcspn(++p, "/");

		at = ward_tree_child(&n->tree, at, p, len);
		c.node = at == WARD_TREE_NONE ? NULL : n->tree.v[at].node;
		if (!c.node)
			break;
		p += len;
		/* Directories that Ward makes belong to what they lie in; in a private one they are a mount of FUSE, if there is FUSE. */
		if (c.node->kind == WARD_NODE_DIR &&
			(!c.mount || c.mount->kind != WARD_NODE_TMPFS ||
				n->plan->attribution != WARD_ATTR_FUSE))
			continue;
		c.mount = c.node;
		c.rest = p;
	}
	return c;
}

const struct ward_node *ward_notify_node(const struct ward_notify *n, const char *path)
{
	return path[0] == '/' && n->tree.n ? cover(n, path).node : NULL;
}

/* The root of a mount, kept open while the walk stays in it: descriptor or -errno. */
static int base_of(struct walk *w, const struct ward_node *mount)
{
	struct stat st;

	if (w->opened == mount)
		return w->base;
	ward_close(w->base);
	w->opened = NULL;
	w->base = ward_notify_base(w->n, w->ask, mount);
	if (w->base < 0)
		return w->base;
	if (mount->kind == WARD_NODE_BIND && !mount->review && mount->ino &&
		(fstat(w->base, &st) < 0 || st.st_dev != mount->dev || st.st_ino != mount->ino)) {
		ward_close(w->base);
		w->base = -1;
		return -ESTALE;
	}
	w->opened = mount;
	return w->base;
}

/* What lies at rest below a mount, into w->at; a link's target into w->link. */
static int look_below(struct walk *w, const struct ward_node *mount, const char *rest)
{
	int base = base_of(w, mount);
	WARD_FD fd = -1;
	struct stat st;
	ssize_t n;

	if (base < 0)
		return base;
	if (rest[0])
		fd = ward_openat2(base, rest + 1, O_PATH | O_NOFOLLOW, 0,
			WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS);
	if (rest[0] && fd < 0)
		return fd;
	if (fstat(rest[0] ? fd : base, &st) < 0)
		return -errno;
	/* A file that FUSE serves is nobody's program: its mode inside is 0444. */
	w->at->mode = w->n->plan->attribution == WARD_ATTR_FUSE && ward_fuse_serves_file(mount)
		? S_IFREG | 0444
		: st.st_mode;
	w->at->above[w->at->depth - 1] = (struct ward_file_id){ st.st_dev, st.st_ino };
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlinkat(fd, "", w->link, sizeof(w->link) - 1);
	if (n <= 0)
		return n < 0 ? -errno : -ENOENT;
	w->link[n] = '\0';
	return 0;
}

/* What the path walked so far is. */
static int look(struct walk *w)
{
	struct ward_place *at = w->at;
	struct covering c = cover(w->n, at->path);
	enum ward_node_kind kind = c.node ? c.node->kind : WARD_NODE_DENIED;

	at->mount = c.mount;
	at->mode = S_IFDIR;
	at->is_dir = true;
	w->link[0] = '\0';
	if (at->depth == 0)
		return 0;
	at->above[at->depth - 1] = (struct ward_file_id){ 0, 0 };
	if (c.node == c.mount && kind == WARD_NODE_SYMLINK) {
		at->mode = S_IFLNK;
		(void)snprintf(w->link, sizeof(w->link), "%s", c.node->source);
	} else if (c.mount &&
		(c.mount->kind == WARD_NODE_BIND || c.mount->kind == WARD_NODE_TMPFS)) {
		int r = look_below(w, c.mount, c.rest);

		if (r < 0)
			return r;
	} else if (kind == WARD_NODE_FILE) {
		at->mode = S_IFREG | 0444;
	} else if (kind != WARD_NODE_DIR &&
		!(kind == WARD_NODE_MASK && c.node->pin && c.node->mode)) {
		return -ENOENT; /* not in the view; or /proc, /dev, a denied name */
	}
	at->is_dir = S_ISDIR(at->mode);
	return 0;
}

static void cut(struct ward_place *at)
{
	char *slash = strrchr(at->path, '/');

	if (slash)
		*slash = '\0';
	if (at->depth)
		at->depth--;
}

/* Go on at the link's target, from the directory that it lies in or the root. */
static int take_link(struct walk *w, const char *rest)
{
	char whole[WARD_PATH_MAX];
	int n = snprintf(whole, sizeof(whole), "%s%s", w->link, rest);

	if (n < 0 || (size_t)n >= sizeof(whole))
		return -ENAMETOOLONG;
	memcpy(w->todo, whole, (size_t)n + 1);
	cut(w->at);
	if (w->link[0] == '/') {
		w->at->path[0] = '\0';
		w->at->depth = 0;
	}
	return look(w);
}

/* One component of w->todo. 1 = go on, 0 = that was all. */
static int step(struct walk *w)
{
	struct ward_place *at = w->at;
	size_t slashes = strspn(w->todo, "/"), len = strcspn(w->todo + slashes, "/");
	size_t have = strlen(at->path);
	char *name = w->todo + slashes, *rest = name + len;
	int r;

	if (!at->is_dir && (slashes || len))
		return -ENOTDIR;
	if (!len)
		return 0;
	if (w->steps++ == WARD_NOTIFY_STEPS_MAX)
		return -ELOOP;
	if (len == 2 && memcmp(name, "..", 2) == 0) {
		cut(at);
	} else if (len != 1 || name[0] != '.') {
		if (have + 1 + len >= sizeof(at->path) || at->depth == WARD_NOTIFY_STEPS_MAX)
			return -ENAMETOOLONG;
		at->path[have] = '/';
		memcpy(at->path + have + 1, name, len);
		at->path[have + 1 + len] = '\0';
		at->depth++;
	}
	r = look(w);
	if (r < 0)
		return r;
	if (w->link[0] && (w->follow || rest[0])) {
		r = take_link(w, rest);
		return r < 0 ? r : 1;
	}
	memmove(w->todo, rest, strlen(rest) + 1);
	return 1;
}

int ward_notify_place(struct ward_notify *n, struct ward_ask *ask, const char *base,
	const char *text, bool follow, struct ward_place *ret)
{
	struct walk w = { .n = n, .ask = ask, .at = ret, .follow = follow, .base = -1 };
	int r = snprintf(w.todo, sizeof(w.todo), "%s%s%s", text[0] == '/' ? "" : base,
		text[0] == '/' ? "" : "/", text);

	if (n->tree.n == 0 || r < 0 || (size_t)r >= sizeof(w.todo))
		return -ENAMETOOLONG;
	*ret = (struct ward_place){ .is_dir = true, .mode = S_IFDIR };
	do
		r = step(&w);
	while (r > 0);
	ward_close(w.base);
	return r;
}
