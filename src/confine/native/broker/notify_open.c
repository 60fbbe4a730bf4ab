/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --attribution notify: on hosts without /dev/fuse, open and exec are notified so that what is not in the view can be
 * named. This is attribution and nothing else. The mount view and Landlock decide what the call gets, with or without
 * us; therefore, and only therefore, the answer is SECCOMP_USER_NOTIF_FLAG_CONTINUE: the kernel goes on with the
 * caller's own arguments, which may have changed since we read them. No other file of Ward answers it, and nobody
 * calls ward_notify_continue() but for calls that the filter allows by itself where their switch is off.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

void ward_notify_continue(struct ward_notify *n, uint64_t id)
{
	memset(n->resp, 0, n->resp_size);
	n->resp->id = id;
	n->resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ward_notify_send(n);
}

static bool is_read_only(int fd)
{
	struct statvfs s;

	return fstatvfs(fd, &s) == 0 && (s.f_flag & ST_RDONLY);
}

/* Would making a name in the directory of path fail because the mount is read-only? */
static bool parent_read_only(int root, const char *path)
{
	char dir[WARD_PATH_MAX];
	size_t n = (size_t)(strrchr(path, '/') - path);
	WARD_FD fd = -1;

	memcpy(dir, path, n);
	dir[n] = '\0';
	fd = ward_openat2(root, n ? dir : "/", O_PATH, 0,
		WARD_OPEN_IN_ROOT | WARD_OPEN_NO_MAGICLINKS);
	return fd >= 0 && is_read_only(fd);
}

/*
 * Without namespaces the names are the host's, and Landlock alone refuses them: what the plan shows nothing of, and a write of what may only be
 * read. A link of a granted tree that leads out of it is not followed here: its refusal has no name.
 */
static enum ward_cap_type refused_by_landlock(const struct ward_node *node, const char *rest,
	const struct ward_peek_path *p, bool there)
{
	if (node->kind == WARD_NODE_DIR)
		return rest[0] ? p->action : WARD_CAP_NONE;
	/* Of a view these would be the run's own; here the name is the host's, and nothing of it was granted. */
	if (node->kind == WARD_NODE_FILE || node->kind == WARD_NODE_TMPFS)
		return p->action;
	if (node->kind == WARD_NODE_BIND && !node->write && (p->writes || (p->creates && !there)))
		return WARD_CAP_FILE_WRITE;
	return WARD_CAP_NONE;
}

/* Is the path refused by the view, and as what? NONE: it is granted, absent in a granted tree, or not ours to say. */
static enum ward_cap_type refused_as(struct ward_notify *n, int root,
	const struct ward_peek_path *p)
{
	char rest[WARD_PATH_MAX];
	WARD_FD fd =
		ward_openat2(root, p->path, O_PATH, 0, WARD_OPEN_IN_ROOT | WARD_OPEN_NO_MAGICLINKS);
	uint32_t at = ward_notify_find(n, p->path, rest);
	enum ward_node_kind kind;

	if (at == WARD_TREE_NONE)
		return WARD_CAP_NONE;
	kind = n->tree.v[at].node->kind;
	if (kind == WARD_NODE_DENIED)
		return p->action == WARD_CAP_EXTERNAL_COMMAND || p->opens ? p->action
									  : WARD_CAP_NONE;
	if (kind == WARD_NODE_PROC || kind == WARD_NODE_DEV)
		return WARD_CAP_NONE; /* /proc/self is ours when we walk it */
	if (n->plan->seccomp & WARD_SECCOMP_NO_SOCKET)
		return refused_by_landlock(n->tree.v[at].node, rest, p, fd >= 0);
	if (n->plan->seccomp & WARD_SECCOMP_NOTIFY_WRITE) /* notify_write.c names these */
		return fd < 0 && kind == WARD_NODE_DIR && rest[0] ? p->action : WARD_CAP_NONE;
	if (fd >= 0)
		return p->writes && is_read_only(fd) ? WARD_CAP_FILE_WRITE : WARD_CAP_NONE;
	if (kind == WARD_NODE_DIR && rest[0])
		return p->action;
	return p->creates && parent_read_only(root, p->path) ? WARD_CAP_FILE_WRITE : WARD_CAP_NONE;
}

void ward_notify_note_open(struct ward_notify *n, struct ward_ask *ask)
{
	struct ward_peek call = { .nr = ask->req->data.nr };
	struct ward_peek_path p;
	enum ward_cap_type action;
	WARD_FD root = -1;

	for (unsigned i = 0; i < 6; i++)
		call.arg[i] = ask->req->data.args[i];
	if (!ward_refusals_full(n->refusals) && ward_notify_open_caller(n, ask) == 0 &&
		ward_peek_path(ask->dir, ask->mem, &call, 0, &p) == 0) {
		root = openat(ask->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
		action = root >= 0 ? refused_as(n, root, &p) : WARD_CAP_NONE;
		if (action != WARD_CAP_NONE)
			ward_notify_note(n, ask, WARD_REFUSAL_PATH, action, p.path, ask->v.name,
				action == WARD_CAP_FILE_READ && ward_quiet_path(p.path));
	}
}

void ward_notify_look(struct ward_notify *n, struct ward_ask *ask)
{
	ward_notify_note_open(n, ask);
	ward_notify_continue(n, ask->req->id);
}
