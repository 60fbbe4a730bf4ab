/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime base of a view, from the table that data/base was compiled into. A link on the host stays that link
 * (/bin -> usr/bin), what is missing is left out; the few files that Ward writes itself say who the command is and
 * nothing about the host but the number of its processors. Speed is a promise here: one or two system calls an entry.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/look.h"

#define INODES_MIN 1024u
#define INODES_MAX (1u << 20)
#define BYTES_PER_INODE 4096u
#define SHARES 64u
#define CPU_LIST_MAX 1024

static const char *passwd(struct ward_resolver *rs)
{
	bool root = rs->host->uid == 0;
	unsigned uid = root ? WARD_INSIDE_ID : rs->host->uid;
	unsigned gid = root ? WARD_INSIDE_ID : rs->host->gid;

	return ward_arena_printf(rs->arena,
		"ward:x:%u:%u:ward:/home/ward:/bin/sh\n"
		"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		uid, gid);
}

static const char *group(struct ward_resolver *rs)
{
	unsigned gid = rs->host->uid == 0 ? WARD_INSIDE_ID : rs->host->gid;

	return ward_arena_printf(rs->arena, "ward:x:%u:\nnogroup:x:65534:\n", gid);
}

/* With the name that the run's host has inside: many programs look theirs up, and nobody else could answer. */
static const char *hosts(struct ward_resolver *rs)
{
	(void)rs;
	return "127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.0.1 ward\n";
}

static const char *nsswitch(struct ward_resolver *rs)
{
	(void)rs;
	return "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
	       "protocols: files\nservices: files\n";
}

/*
 * A list of processors ("0-3,8"), as the host's kernel has it; /proc/cpuinfo and /proc/stat say the same. Anything else, as where
 * somebody made a /sys of his own, is left out.
 */
static const char *cpus(struct ward_resolver *rs, const char *path)
{
	WARD_FD fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[CPU_LIST_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0 || (size_t)n == sizeof(text) - 1)
		return "";
	text[n] = '\0';
	if (strspn(text, "0123456789-,\n") != (size_t)n)
		return "";
	return ward_arena_strdup(rs->arena, text);
}

static const char *cpu_possible(struct ward_resolver *rs)
{
	return cpus(rs, "/sys/devices/system/cpu/possible");
}

static const char *cpu_present(struct ward_resolver *rs)
{
	return cpus(rs, "/sys/devices/system/cpu/present");
}

static const char *cpu_online(struct ward_resolver *rs)
{
	return cpus(rs, "/sys/devices/system/cpu/online");
}

static const struct {
	const char *name;
	const char *(*make)(struct ward_resolver *rs);
} generators[] = {
	{ "passwd", passwd },
	{ "group", group },
	{ "hosts", hosts },
	{ "nsswitch", nsswitch },
	{ "gitconfig", ward_rs_gitconfig },
	{ "cpu-possible", cpu_possible },
	{ "cpu-present", cpu_present },
	{ "cpu-online", cpu_online },
};

static int generate(struct ward_resolver *rs, const struct ward_base_entry *e,
	struct ward_error *err)
{
	struct ward_node n = { .kind = WARD_NODE_FILE, .dest = e->path, .base = true, .rule = -1 };

	if (rs->r->kind != WARD_COMMAND_RUN)
		return WARD_OK;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(generators); i++)
		if (ward_streq(generators[i].name, e->arg))
			n.source = generators[i].make(rs);
	if (!n.source)
		return ward_rs_nomem(err);
	n.source_len = strlen(n.source);
	return n.source_len ? ward_rs_node(rs, &n, err) : WARD_OK;
}

static int private_dir(struct ward_resolver *rs, const struct ward_base_entry *e,
	struct ward_error *err)
{
	struct ward_node n = {
		.kind = WARD_NODE_TMPFS,
		.dest = e->path,
		.exec = rs->exec_all,
		.base = true,
		.mode = e->mode,
		.size = rs->limits.disk / SHARES * e->share,
		.rule = -1,
	};

	n.inodes = n.size / BYTES_PER_INODE;
	if (n.inodes < INODES_MIN)
		n.inodes = INODES_MIN;
	if (n.inodes > INODES_MAX)
		n.inodes = INODES_MAX;
	return ward_rs_node(rs, &n, err);
}

/* Do all the links lead to what the base shows anyway? */
static int add_found(struct ward_resolver *rs, const struct ward_target *t, struct ward_error *err)
{
	struct ward_node n = ward_rs_bind(rs, t, -1);
	int r;

	for (size_t i = 0; i < t->n_links; i++) {
		struct ward_node link = { .kind = WARD_NODE_SYMLINK,
			.dest = t->links[i].at,
			.source = t->links[i].to,
			.base = true,
			.rule = -1 };

		r = ward_rs_node(rs, &link, err);
		if (r < 0)
			return r;
	}
	if (ward_rs_visible(rs, t->path))
		return WARD_OK;
	/* A link of the base that leads into a home, or nowhere a base may lie: the link is shown, its end is not. */
	if (!S_ISDIR(t->st.st_mode) && !S_ISREG(t->st.st_mode))
		return WARD_OK;
	if (t->n_links > 0 && !ward_path_within(t->path, "/usr") &&
		!ward_path_within(t->path, "/etc"))
		return WARD_OK;
	n.base = true;
	n.idmap = false;
	return ward_rs_node(rs, &n, err);
}

static unsigned depth(const char *path)
{
	unsigned n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Itself, and no link followed. Policies ask about the same names: for them it is remembered. */
static bool is_there(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	int r = rs->book ? ward_rs_look(rs, path, ret) : -EAGAIN;

	ret->path = path;
	ret->n_links = 0;
	if (r == 0 || r == -ENOENT || (r == -ELOOP && S_ISLNK(ret->st.st_mode)))
		return r != -ENOENT;
	return fstatat(AT_FDCWD, path, &ret->st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Below /etc/x a parent may be a link, so the full look is taken. Else one fstatat() tells what it is; a link into
 * /usr (which comes first in data/base) needs nothing more.
 */
static int bind_path(struct ward_resolver *rs, const char *path, struct ward_error *err)
{
	struct ward_target t;
	struct ward_link link = { .at = path };
	char text[WARD_PATH_MAX], dir[WARD_PATH_MAX], at[WARD_PATH_MAX];
	ssize_t got;

	if (depth(path) < 3) {
		if (!is_there(rs, path, &t))
			return WARD_OK;
		if (!S_ISLNK(t.st.st_mode))
			return add_found(rs, &t, err);
		got = readlink(path, text, sizeof(text) - 1);
		if (got <= 0)
			return WARD_OK;
		text[got] = '\0';
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
		link.to = ward_arena_strdup(rs->arena, text);
		if (link.to &&
			ward_path_join(dir[0] ? dir : "/", text, at, sizeof(at)) == WARD_OK &&
			ward_rs_visible(rs, at)) {
			t.links[0] = link;
			t.n_links = 1;
			t.path = at;
			return add_found(rs, &t, err);
		}
	}
	return ward_rs_target(rs, path, &t) == 0 ? add_found(rs, &t, err) : WARD_OK;
}

static int other(struct ward_resolver *rs, const struct ward_base_entry *e, struct ward_error *err)
{
	static const enum ward_node_kind kinds[] = {
		[WARD_BASE_PROC] = WARD_NODE_PROC,
		[WARD_BASE_DEV] = WARD_NODE_DEV,
		[WARD_BASE_DIR] = WARD_NODE_DIR,
		[WARD_BASE_LINK] = WARD_NODE_SYMLINK,
	};
	struct ward_node n = {
		.kind = kinds[e->verb],
		.dest = e->path,
		.source = e->arg,
		.base = true,
		.rule = -1,
	};

	return ward_rs_node(rs, &n, err);
}

static bool leads_into(const char *path, const char *store)
{
	char real[PATH_MAX];

	return realpath(path, real) && ward_path_within(real, store);
}

static const char *const stores[] = { "/nix/store", "/gnu/store" };

bool ward_base_is_store(const char *path)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(stores); i++)
		if (ward_streq(path, stores[i]))
			return true;
	return false;
}

/* A store that is there beside a system that does without holds what people put there, copies of their projects among it. */
bool ward_base_is_here(const struct ward_base_entry *e)
{
	static const char *const leads[] = { "/bin/sh", "/usr/bin/env", "/run/current-system" };
	struct stat st;
	char real[PATH_MAX];

	if (e->verb != WARD_BASE_BIND || !e->arg)
		return true;
	if (fstatat(AT_FDCWD, e->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(stores); i++) {
		if (!realpath(stores[i], real) || !leads_into(e->path, real))
			continue;
		for (size_t k = 0; k < WARD_ARRAY_SIZE(leads); k++) {
			if (leads_into(leads[k], real))
				return true;
		}
	}
	return false;
}

bool ward_base_holds(const char *path)
{
	for (size_t i = 0; i < ward_base_n; i++) {
		if (ward_base[i].verb == WARD_BASE_BIND &&
			ward_path_within(path, ward_base[i].path) &&
			ward_base_is_here(&ward_base[i]))
			return true;
	}
	return false;
}

int ward_rs_base(struct ward_resolver *rs, struct ward_error *err)
{
	for (size_t i = 0; i < ward_base_n; i++) {
		const struct ward_base_entry *e = &ward_base[i];
		int r;

		if (!ward_base_is_here(e))
			continue;
		if (e->verb == WARD_BASE_BIND)
			r = bind_path(rs, e->path, err);
		else if (e->verb == WARD_BASE_PRIVATE)
			r = private_dir(rs, e, err);
		else if (e->verb == WARD_BASE_GENERATE)
			r = generate(rs, e, err);
		else
			r = other(rs, e, err);
		if (r < 0)
			return r;
	}
	return ward_rs_parts_shown(rs, err);
}

/* Where path lies by a link that the view has above it, or at it; NULL: it has none, or a grant lies there. */
static const char *behind_link(struct ward_resolver *rs, const struct ward_node *link,
	const char *path)
{
	struct ward_target t;
	const char *to;

	if (link->kind != WARD_NODE_SYMLINK || link->base || !ward_path_within(path, link->dest) ||
		ward_rs_target(rs, link->dest, &t) < 0 || ward_rs_reserved(t.path))
		return NULL;
	to = ward_arena_printf(rs->arena, "%s%s", t.path, path + strlen(link->dest));
	return to && !ward_rs_visible(rs, to) ? to : NULL;
}

/*
 * Where the host's /home or /tmp is a link (ostree: /home is var/home), and a grant is named by it, the link is in the view as well; so what is
 * private there lies where it leads, and has both names.
 */
int ward_rs_follow(struct ward_resolver *rs, struct ward_error *err)
{
	(void)err;
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *link = &rs->nodes[i];

		for (size_t k = 0; link->kind == WARD_NODE_SYMLINK && k < rs->n_nodes; k++) {
			struct ward_node *n = &rs->nodes[k];
			const char *to = NULL;

			if (k != i && (n->kind == WARD_NODE_TMPFS || n->kind == WARD_NODE_SYMLINK))
				to = behind_link(rs, link, n->dest);
			if (to)
				n->dest = to;
		}
	}
	return WARD_OK;
}
