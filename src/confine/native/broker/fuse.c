/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowest layer of the view, served over the raw /dev/fuse protocol: synthetic directories, links, generated files and the mount
 * points of everything else. Whatever is granted is mounted over it, so granted paths never come here; whatever arrives for a name
 * that is not in the table is a refusal and leaves a note. It refuses to write anything, to follow anything on the host, and to answer
 * for what the plan does not name.
 *
 * Theory of operation. One thread, one request at a time: read() a request, look at the table, writev() the reply. Nothing on that
 * road allocates, locks or waits. Names that exist are answered with timeouts without end, so the kernel asks once; refused ones with
 * a negative entry of one second (a flood costs the asker, not the list). The layer is never changed: what would create or change
 * answers EROFS. A lookup shows only the first component that is missing; while its caller is blocked in it, peek.c reads what the
 * caller asked for as a whole. That text is attribution: it can be raced by the caller and decides nothing.
 * A caller can make the peek itself wait, by naming a path in memory that is mapped from a file of this server and not resident: its
 * own run stands still then until ward_fuse_stop() ends the connection, and the wait with it. Nothing else is held up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "confine/native/broker.h"
#include "confine/native/cage.h"
#include "os/os.h"

/* The kernel wants FUSE_MIN_READ_BUFFER and a whole write request; writes are refused, so the smallest will do. */
#define MAX_WRITE 4096u
#define IN_BYTES (FUSE_MIN_READ_BUFFER + MAX_WRITE)
#define OUT_BYTES 16384u
#define HOST_READ_MAX (1u << 20)
#define FOREVER (1ull << 31) /* seconds */

/* A file of the host that is served: opened when it is first looked at, by the name and identity of the plan, if anybody may read it. */
struct host_file {
	bool tried;
	int fd;
	uint64_t size;
};

struct ward_fuse {
	struct host_file *files; /* by index of the table */
	const struct ward_plan *plan;
	struct ward_refusals *refusals;
	struct ward_tree tree;
	int sock; /* brings the device; -1 = it was there from the start */
	atomic_int fd, received; /* the device; as it came, or -errno */
	int event; /* wakes the thread to stop */
	pthread_mutex_t lock; /* over fd, between its coming and stop */
	atomic_bool stopping;
	atomic_int proc; /* the sandbox's /proc, -1 = not there yet */
	bool running, no_open; /* no_open: the kernel can open without asking */
	bool lost; /* somebody could not be answered: only the end of the connection lets him go */
	pthread_t thread;
	/* The last miss of a name to be made: its CREATE, MKDIR, ... follows and is the same attempt. */
	uint32_t miss_parent;
	int miss_pid;
	char miss_name[256];
	struct ward_peek_path peek;
	char path[WARD_PATH_MAX];
	_Alignas(16) char in[IN_BYTES];
	_Alignas(16) char out[OUT_BYTES];
};

struct request {
	const struct fuse_in_header *h;
	const char *arg; /* after the header */
	size_t n; /* bytes there */
	uint32_t index; /* of the node in the table; WARD_TREE_NONE if there is none */
};

/* ---- replies ---- */

/* ENOENT: the caller was interrupted meanwhile. ENODEV, EPERM, EBADF: the connection is over; read() sees it. */
static void sent(struct ward_fuse *f, ssize_t n)
{
	f->lost = f->lost ||
		(n < 0 && errno != ENOENT && errno != ENODEV && errno != EPERM && errno != EBADF);
}

static void reply_iov(struct ward_fuse *f, const struct request *q, const void *p, size_t n)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + n), .unique = q->h->unique };
	struct iovec v[2] = { { &h, sizeof(h) }, { .iov_len = n } };

	/* writev only reads; the pointer type of iovec cannot say so. */
	memcpy(&v[1].iov_base, &p, sizeof(p));
	sent(f, writev(f->fd, v, n ? 2 : 1));
}

static void reply_error(struct ward_fuse *f, const struct request *q, int err)
{
	struct fuse_out_header h = { .len = sizeof(h), .error = -err, .unique = q->h->unique };

	sent(f, write(f->fd, &h, sizeof(h)));
}

/* ---- attributes ---- */

/* The descriptor, or -1: it was replaced since the plan was made, or is no plain file. Then it is empty. */
static const struct host_file *host_file(const struct ward_fuse *f, uint32_t index)
{
	const struct ward_node *node = f->tree.v[index].node;
	struct host_file *h = &f->files[index];
	struct stat st;

	if (h->tried)
		return h;
	h->tried = true;
	h->fd = ward_openat2(AT_FDCWD, node->source, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	if (h->fd >= 0 && fstat(h->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == node->ino &&
		st.st_dev == node->dev && (st.st_mode & S_IROTH) && st.st_size > 0) {
		h->size = (uint64_t)st.st_size;
		return h;
	}
	ward_close(h->fd);
	h->fd = -1;
	return h;
}

static void fill_attr(const struct ward_fuse *f, uint32_t index, struct fuse_attr *a)
{
	const struct ward_node *node = f->tree.v[index].node;

	*a = (struct fuse_attr){ .ino = index + 1,
		.mode = ward_tree_mode(node),
		.blksize = 4096,
		.uid = f->plan->inside_uid,
		.gid = f->plan->inside_gid };
	a->nlink = S_ISDIR(a->mode) ? 2 : 1;
	if (node->kind == WARD_NODE_FILE)
		a->size = node->source_len;
	else if (node->kind == WARD_NODE_SYMLINK)
		a->size = strlen(node->source);
	else if (ward_fuse_serves_file(node))
		a->size = host_file(f, index)->size;
	a->blocks = (a->size + 511) / 512;
}

/* No walk looks a mask up, which is the root of a mount; but who is refused by its mode had it looked at before. */
static uint64_t attr_valid(const struct ward_fuse *f, uint32_t index)
{
	return ward_fuse_tells(f->tree.v[index].node) ? 0 : FOREVER;
}

static void fill_entry(const struct ward_fuse *f, uint32_t index, struct fuse_entry_out *e)
{
	*e = (struct fuse_entry_out){ .nodeid = index + 1, .entry_valid = FOREVER };
	/* Each path walk over a denied program has to come here, since that is all there is to see of an execve. */
	if (f->tree.v[index].node->kind == WARD_NODE_DENIED)
		e->entry_valid = 0;
	e->attr_valid = attr_valid(f, index);
	fill_attr(f, index, &e->attr);
}

/* ---- notes ---- */

/* The path of parent/name (or of the node, name == NULL) into f->path. */
static const char *node_path(struct ward_fuse *f, uint32_t index, const char *name)
{
	const char *dir = f->tree.v[index].node->dest;

	if (!name)
		return dir;
	(void)snprintf(f->path, sizeof(f->path), "%s/%s", dir[1] ? dir : "", name);
	return f->path;
}

/* The process behind a request in the sandbox's procfs, or -1. 0 is a process that is not of the sandbox. */
static int open_caller(struct ward_fuse *f, const struct request *q)
{
	int proc = atomic_load(&f->proc), fd;

	if (proc < 0 || q->h->pid == 0)
		return -1;
	fd = ward_peek_open(proc, (int)q->h->pid);
	return fd < 0 ? -1 : fd;
}

#define UNSEEN -2 /* a caller: in a flood nobody is looked at, and the path may be a part */

static void note(struct ward_fuse *f, const struct request *q, int caller, const char *path,
	enum ward_cap_type action, const char *syscall, bool quiet, bool unmade)
{
	struct ward_refusal_note n = { .kind = WARD_REFUSAL_PATH,
		.action = action,
		.resource = path,
		.syscall = syscall,
		.pid = (int)q->h->pid,
		.vague = caller == UNSEEN,
		.unmade = unmade,
		.quiet = quiet };
	struct ward_peek call;
	char comm[16] = "";

	/* A link is followed before anybody is asked about it: who asks about this node means it. */
	if (f->tree.v[q->index].node->kind == WARD_NODE_SYMLINK)
		n.seen = WARD_SEEN_ONLY_READ;
	if (!syscall && caller >= 0 && ward_peek_syscall(caller, &call))
		n.syscall = ward_peek_name(call.nr);
	if (ward_refusals_again(f->refusals, &n))
		return;
	ward_peek_comm(caller, comm); /* of nobody, nothing */
	n.pid_start = ward_peek_start(caller);
	n.comm = comm;
	ward_refusals_note(f->refusals, &n);
}

/*
 * What the caller asked for as a whole, into f->peek; seen is the path as FUSE knows it. Only a path that is seen
 * or lies below it can be the reason of this request; else (links, races) seen is kept.
 */
static bool peek_caller(struct ward_fuse *f, int caller, const struct ward_peek *call,
	const char *seen)
{
	WARD_FD mem = ward_peek_mem(caller);

	for (unsigned which = 0; mem >= 0 && which < 2; which++)
		if (ward_peek_path(caller, mem, call, which, &f->peek) == 0 &&
			ward_path_within(f->peek.path, seen))
			return true;
	return false;
}

/* Who asks for the name, for what and for which whole path; notes it. */
static void note_miss(struct ward_fuse *f, const struct request *q, const char *name,
	const char *path)
{
	WARD_FD caller = ward_refusals_testing(f->refusals) ? -1 : open_caller(f, q);
	struct ward_peek call = { .nr = -1 };
	enum ward_cap_type action = WARD_CAP_FILE_READ;
	bool creates = false, unmade = false, quiet;

	if (caller >= 0 && ward_peek_syscall(caller, &call))
		action = ward_peek_action(&call);
	/* Looking is what can be quiet without knowing more. */
	quiet = action == WARD_CAP_FILE_READ && ward_quiet_below(path);
	if (!quiet && call.nr >= 0 && peek_caller(f, caller, &call, path)) {
		path = f->peek.path;
		action = f->peek.action;
		creates = f->peek.creates;
		unmade = action == WARD_CAP_FILE_WRITE && !creates;
	}
	quiet = quiet || (action == WARD_CAP_FILE_READ && ward_quiet_path(path)) ||
		(action == WARD_CAP_FILE_WRITE && ward_quiet_write(path, "", 0));
	note(f, q, caller, path, action, ward_peek_name(call.nr), quiet, unmade);
	if (creates) {
		f->miss_parent = q->index;
		f->miss_pid = (int)q->h->pid;
		(void)snprintf(f->miss_name, sizeof(f->miss_name), "%s", name);
	}
}

/* A name that is not in the table: note it, then answer. The caller is blocked until then. */
static void refuse_lookup(struct ward_fuse *f, const struct request *q, const char *name)
{
	const char *path = node_path(f, q->index, name);
	/*
	 * Never remembered by the kernel: what lies below a name that was just refused would be refused unseen, Landlock
	 * would refuse to make what is known to be absent before we hear of it, and remembering some names and not
	 * others would tell by its speed what the host has.
	 */
	struct fuse_entry_out out = { .entry_valid = 0 };

	f->miss_name[0] = '\0';
	if (ward_refusals_full(f->refusals))
		note(f, q, UNSEEN, path, WARD_CAP_FILE_READ, NULL, ward_quiet_path(path), false);
	else
		note_miss(f, q, name, path);
	if (f->plan->deny_errno == EACCES)
		reply_error(f, q, EACCES);
	else
		reply_iov(f, q, &out, sizeof(out));
}

/* A denied program was walked over, or a mask looked at: executing or opening it is refused, and all below a mask; seeing that it is there is not. */
static void note_denied(struct ward_fuse *f, const struct request *q, uint32_t index)
{
	const struct ward_node *node = f->tree.v[index].node;
	const char *path = node->dest;
	struct ward_peek call = { .nr = -1 };
	const bool mask = node->kind == WARD_NODE_MASK;
	WARD_FD caller = mask && ward_refusals_full(f->refusals) ? -1 : open_caller(f, q);
	enum ward_cap_type action;
	bool unmade = false;

	f->peek.opens = false;
	if (caller < 0 || !ward_peek_syscall(caller, &call))
		return;
	action = ward_peek_action(&call);
	if (peek_caller(f, caller, &call, path) && !ward_streq(f->peek.path, path)) {
		path = f->peek.path;
		action = f->peek.action;
		unmade = action == WARD_CAP_FILE_WRITE && !f->peek.creates;
	} else if (action == WARD_CAP_FILE_READ && !f->peek.opens &&
		!(mask && ward_peek_is_refused(&call))) {
		return;
	}
	/* It is the reading that was taken out. */
	if (mask && action == WARD_CAP_EXTERNAL_COMMAND)
		action = WARD_CAP_FILE_READ;
	note(f, q, caller, path, action, ward_peek_name(call.nr),
		mask && action == WARD_CAP_FILE_READ && ward_quiet_path(path), unmade);
}

/* ---- requests ---- */

/* The n-th NUL-terminated text after skip bytes of arguments, or NULL. */
static const char *arg_text(const struct request *q, size_t skip, unsigned n)
{
	for (;; n--) {
		const char *end = q->n > skip ? memchr(q->arg + skip, 0, q->n - skip) : NULL;

		if (!end)
			return NULL;
		if (n == 0)
			return q->arg + skip;
		skip = (size_t)(end - q->arg) + 1;
	}
}

static void do_init(struct ward_fuse *f, const struct request *q)
{
	const struct fuse_init_in *in = (const void *)q->arg;
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_background = 4,
		.congestion_threshold = 3,
		.max_write = MAX_WRITE,
		.time_gran = 1 };

	if (q->n < sizeof(in->major) * 4 || in->major != FUSE_KERNEL_VERSION || in->minor < 31) {
		reply_error(f, q, EPROTO);
		return;
	}
	if (in->minor < out.minor)
		out.minor = in->minor;
	out.max_readahead = in->max_readahead;
	out.flags = in->flags &
		(FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_CACHE_SYMLINKS |
			FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO | FUSE_NO_OPENDIR_SUPPORT |
			FUSE_NO_OPEN_SUPPORT | FUSE_EXPLICIT_INVAL_DATA);
	f->no_open = out.flags & FUSE_NO_OPEN_SUPPORT;
	reply_iov(f, q, &out, sizeof(out));
}

static void do_lookup(struct ward_fuse *f, const struct request *q)
{
	const char *name = arg_text(q, 0, 0);
	struct fuse_entry_out out;
	uint32_t child;

	if (!name || strlen(name) > 255) {
		reply_error(f, q, ENAMETOOLONG);
		return;
	}
	child = ward_tree_child(&f->tree, q->index, name, strlen(name));
	if (child == WARD_TREE_NONE) {
		refuse_lookup(f, q, name);
		return;
	}
	if (f->tree.v[child].node->kind == WARD_NODE_DENIED)
		note_denied(f, q, child);
	fill_entry(f, child, &out);
	reply_iov(f, q, &out, sizeof(out));
}

static void do_getattr(struct ward_fuse *f, const struct request *q)
{
	struct fuse_attr_out out = { .attr_valid = attr_valid(f, q->index) };

	if (ward_fuse_tells(f->tree.v[q->index].node))
		note_denied(f, q, q->index);
	fill_attr(f, q->index, &out.attr);
	reply_iov(f, q, &out, sizeof(out));
}

static void do_readlink(struct ward_fuse *f, const struct request *q)
{
	const struct ward_node *node = f->tree.v[q->index].node;

	if (node->kind != WARD_NODE_SYMLINK)
		reply_error(f, q, EINVAL);
	else
		reply_iov(f, q, node->source, strlen(node->source));
}

static void do_open(struct ward_fuse *f, const struct request *q)
{
	const struct ward_node *node = f->tree.v[q->index].node;
	const struct fuse_open_in *in = (const void *)q->arg;
	struct fuse_open_out out = { .open_flags = FOPEN_KEEP_CACHE | FOPEN_NOFLUSH };
	WARD_FD caller = -1;

	if (q->n < sizeof(*in)) {
		reply_error(f, q, EINVAL);
	} else if (node->kind == WARD_NODE_DENIED) {
		caller = open_caller(f, q);
		/* FMODE_EXEC: the kernel opens a file to execute it. */
		note(f, q, caller, node->dest,
			in->flags & 0x20 ? WARD_CAP_EXTERNAL_COMMAND : WARD_CAP_FILE_READ, NULL,
			false, false);
		reply_error(f, q, EACCES);
	} else if ((in->flags & O_ACCMODE) != O_RDONLY || (in->flags & O_TRUNC)) {
		caller = open_caller(f, q);
		note(f, q, caller, node->dest, WARD_CAP_FILE_WRITE, NULL, false, false);
		reply_error(f, q, EROFS);
	} else if (f->no_open) {
		/* Then no open for reading comes here again: the loader's cache alone is opened by each program that starts. */
		reply_error(f, q, ENOSYS);
	} else {
		reply_iov(f, q, &out, sizeof(out));
	}
}

static void read_host_file(struct ward_fuse *f, const struct request *q,
	const struct fuse_read_in *in)
{
	const struct host_file *h = host_file(f, q->index);
	char *buf = in->size <= HOST_READ_MAX ? malloc(in->size + 1) : NULL;
	ssize_t n = 0;

	/* All that was asked for: the kernel takes less for the end of the file. */
	if (buf && h->fd >= 0)
		n = pread(h->fd, buf, in->size, (off_t)in->offset);
	if (!buf || n < 0)
		reply_error(f, q, EIO);
	else
		reply_iov(f, q, buf, (size_t)n);
	free(buf);
}

static void do_read(struct ward_fuse *f, const struct request *q)
{
	const struct ward_node *node = f->tree.v[q->index].node;
	const struct fuse_read_in *in = (const void *)q->arg;
	size_t n;

	if (q->n >= sizeof(*in) && ward_fuse_serves_file(node)) {
		read_host_file(f, q, in);
		return;
	}
	if (q->n < sizeof(*in) || node->kind != WARD_NODE_FILE) {
		reply_error(f, q, EINVAL);
		return;
	}
	n = in->offset < node->source_len ? node->source_len - (size_t)in->offset : 0;
	if (n > in->size)
		n = in->size;
	reply_iov(f, q, n ? node->source + in->offset : NULL, n);
}

/* One directory entry at out (room bytes): bytes used, 0 = it does not fit. */
static size_t put_dirent(struct ward_fuse *f, char *out, size_t room, uint32_t index,
	struct ward_str name, uint64_t next, bool plus)
{
	size_t head = plus ? offsetof(struct fuse_direntplus, dirent) : 0;
	size_t size = FUSE_DIRENT_ALIGN(head + FUSE_NAME_OFFSET + name.n);
	struct fuse_dirent d = { .ino = index + 1,
		.off = next,
		.namelen = (uint32_t)name.n,
		.type = (ward_tree_mode(f->tree.v[index].node) & S_IFMT) >> 12 };

	if (size > room)
		return 0;
	memset(out, 0, size);
	if (plus) {
		struct fuse_entry_out e = { 0 };

		/* "." and ".." must stay without an entry; a denied program is looked up each time. */
		if (!ward_str_eq(name, WARD_STR(".")) && !ward_str_eq(name, WARD_STR("..")))
			fill_entry(f, index, &e);
		memcpy(out, &e, sizeof(e));
	}
	memcpy(out + head, &d, FUSE_NAME_OFFSET);
	memcpy(out + head + FUSE_NAME_OFFSET, name.s, name.n);
	return size;
}

/* Offsets: 0 ".", 1 "..", then the children. */
static void do_readdir(struct ward_fuse *f, const struct request *q)
{
	const struct fuse_read_in *in = (const void *)q->arg;
	const struct ward_tree_entry *dir = &f->tree.v[q->index];
	bool plus = q->h->opcode == FUSE_READDIRPLUS;
	size_t room, used = 0, one;

	if (q->n < sizeof(*in) || !S_ISDIR(ward_tree_mode(dir->node))) {
		reply_error(f, q, ENOTDIR);
		return;
	}
	room = in->size < sizeof(f->out) ? in->size : sizeof(f->out);
	for (uint64_t i = in->offset; i < 2 + (uint64_t)dir->n_children; i++) {
		uint32_t index = i == 0 ? q->index : q->index ? dir->parent : 0;
		struct ward_str name = i == 0 ? WARD_STR(".") : WARD_STR("..");

		if (i >= 2) {
			index = f->tree.children[dir->first_child + (uint32_t)i - 2];
			name = (struct ward_str){ f->tree.v[index].name,
				f->tree.v[index].name_len };
		}
		one = put_dirent(f, f->out + used, room - used, index, name, i + 1, plus);
		if (!one)
			break;
		used += one;
	}
	reply_iov(f, q, f->out, used);
}

static void do_statfs(struct ward_fuse *f, const struct request *q)
{
	struct fuse_statfs_out out = { .st = { .bsize = 4096, .frsize = 4096, .namelen = 255 } };

	reply_iov(f, q, &out, sizeof(out));
}

static void do_ok(struct ward_fuse *f, const struct request *q)
{
	reply_iov(f, q, NULL, 0);
}

/* ACCESS, OPENDIR, FLUSH, GETXATTR, INTERRUPT ...: after ENOSYS the kernel answers these by itself, for good. */
static void do_nosys(struct ward_fuse *f, const struct request *q)
{
	reply_error(f, q, ENOSYS);
}

static void do_silent(struct ward_fuse *f, const struct request *q)
{
	(void)f, (void)q; /* FORGET: the table is static and the kernel expects no reply */
}

/* Where the name is that a changing request wants to make or take away. */
struct change {
	uint16_t skip; /* bytes of fixed arguments before the names */
	uint8_t nth; /* which of the names */
	bool named; /* false: the node itself is to be changed */
};

static void refuse_change(struct ward_fuse *f, const struct request *q, const struct change *c)
{
	const char *name = c->named ? arg_text(q, c->skip, c->nth) : NULL;
	bool denied = !name && f->tree.v[q->index].node->kind == WARD_NODE_DENIED;
	bool again = name && f->miss_name[0] && f->miss_pid == (int)q->h->pid &&
		f->miss_parent == q->index && strcmp(f->miss_name, name) == 0;

	f->miss_name[0] = '\0';
	if (!again) { /* else its lookup has just been noted, as the write that it is */
		WARD_FD by = open_caller(f, q);

		note(f, q, by, node_path(f, q->index, name), WARD_CAP_FILE_WRITE, NULL, false,
			false);
	}
	reply_error(f, q, denied ? EACCES : EROFS);
}

#define CHANGE(op, bytes, which, is_named) \
	[op] = { .change = { (bytes), (which), (is_named) }, .changes = true }

static const struct {
	void (*fn)(struct ward_fuse *f, const struct request *q);
	struct change change;
	bool changes;
} ops[] = {
	[FUSE_LOOKUP] = { .fn = do_lookup },
	[FUSE_FORGET] = { .fn = do_silent },
	[FUSE_BATCH_FORGET] = { .fn = do_silent },
	[FUSE_GETATTR] = { .fn = do_getattr },
	[FUSE_READLINK] = { .fn = do_readlink },
	[FUSE_OPEN] = { .fn = do_open },
	[FUSE_READ] = { .fn = do_read },
	[FUSE_STATFS] = { .fn = do_statfs },
	[FUSE_RELEASE] = { .fn = do_ok },
	[FUSE_RELEASEDIR] = { .fn = do_ok },
	[FUSE_DESTROY] = { .fn = do_ok },
	[FUSE_READDIR] = { .fn = do_readdir },
	[FUSE_READDIRPLUS] = { .fn = do_readdir },
	[FUSE_INIT] = { .fn = do_init },
	CHANGE(FUSE_SETATTR, 0, 0, false),
	CHANGE(FUSE_WRITE, 0, 0, false),
	CHANGE(FUSE_SETXATTR, 0, 0, false),
	CHANGE(FUSE_REMOVEXATTR, 0, 0, false),
	CHANGE(FUSE_FALLOCATE, 0, 0, false),
	CHANGE(FUSE_COPY_FILE_RANGE, 0, 0, false),
	CHANGE(FUSE_TMPFILE, 0, 0, false),
	CHANGE(FUSE_UNLINK, 0, 0, true),
	CHANGE(FUSE_RMDIR, 0, 0, true),
	CHANGE(FUSE_SYMLINK, 0, 0, true),
	CHANGE(FUSE_MKDIR, sizeof(struct fuse_mkdir_in), 0, true),
	CHANGE(FUSE_MKNOD, sizeof(struct fuse_mknod_in), 0, true),
	CHANGE(FUSE_CREATE, sizeof(struct fuse_create_in), 0, true),
	CHANGE(FUSE_LINK, sizeof(struct fuse_link_in), 0, true),
	CHANGE(FUSE_RENAME, sizeof(struct fuse_rename_in), 0, true),
	CHANGE(FUSE_RENAME2, sizeof(struct fuse_rename2_in), 0, true),
};

static void handle(struct ward_fuse *f, size_t n)
{
	struct request q = {
		.h = (const void *)f->in, .arg = f->in + sizeof(*q.h), .index = WARD_TREE_NONE
	};
	uint32_t op;

	if (n < sizeof(*q.h) || q.h->len != n)
		return; /* cannot be: the kernel writes whole requests */
	q.n = n - sizeof(*q.h);
	op = q.h->opcode;
	if (q.h->nodeid >= 1 && q.h->nodeid <= f->tree.n)
		q.index = (uint32_t)q.h->nodeid - 1;
	if (op >= WARD_ARRAY_SIZE(ops) || (!ops[op].fn && !ops[op].changes))
		do_nosys(f, &q);
	else if (q.index == WARD_TREE_NONE && op != FUSE_INIT && op != FUSE_BATCH_FORGET &&
		op != FUSE_FORGET && op != FUSE_DESTROY && op != FUSE_STATFS)
		reply_error(f, &q, ESTALE);
	else if (ops[op].changes)
		refuse_change(f, &q, &ops[op].change);
	else
		ops[op].fn(f, &q);
}

/* ---- life ---- */

/* The owner may still speak of this thread: it ends when it is told to, not before. */
static void *linger(struct ward_fuse *f)
{
	struct pollfd p = { f->event, POLLIN, 0 };

	while (!atomic_load(&f->stopping))
		(void)poll(&p, 1, -1);
	return NULL;
}

static void *serve(void *arg)
{
	struct ward_fuse *f = arg;

	(void)prctl(PR_SET_NAME, "ward-fuse");
	while (!atomic_load(&f->stopping) && !f->lost) {
		struct pollfd p[2] = { { f->fd, POLLIN, 0 }, { f->event, POLLIN, 0 } };
		ssize_t n = read(f->fd, f->in, sizeof(f->in));

		if (n >= 0) {
			handle(f, (size_t)n);
		} else if (errno == EAGAIN) {
			(void)poll(p, 2, -1); /* whatever it says, the loop looks again */
		} else if (errno != EINTR && errno != ENOENT) {
			break; /* ENODEV: unmounted */
		}
	}
	/* Never leave a caller waiting for a server that is gone. Harmless when stop has done the same. */
	(void)dup3(f->event, f->fd, O_CLOEXEC);
	return linger(f);
}

int ward_fuse_new(const struct ward_plan *plan, struct ward_refusals *refusals,
	struct ward_fuse **ret, struct ward_error *err)
{
	struct ward_fuse *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the path broker");
	f->plan = plan;
	f->refusals = refusals;
	f->fd = f->sock = f->event = -1;
	atomic_init(&f->proc, -1);
	(void)pthread_mutex_init(&f->lock, NULL); /* cannot fail without attributes */
	r = ward_tree_init(&f->tree, plan, err);
	if (r == WARD_OK) {
		f->files = calloc(f->tree.n, sizeof(*f->files));
		if (!f->files)
			r = ward_fail(err, WARD_E_NOMEM, "no memory for the path broker");
	}
	if (r < 0) {
		ward_tree_done(&f->tree);
		free(f);
		return r;
	}
	*ret = f;
	return WARD_OK;
}

static void *serve_later(void *arg)
{
	struct ward_fuse *f = arg;
	int fd = ward_fuse_receive(f->sock);

	f->received = fd;
	/* A device that cannot be served, or be had, is closed: whoever waits for an answer gets an error. */
	(void)pthread_mutex_lock(&f->lock);
	if (fd < 0)
		ward_closep(&f->sock);
	else if (ward_fuse_unblocked(fd) < 0 || atomic_load(&f->stopping))
		ward_fuse_close(fd);
	else
		f->fd = fd;
	(void)pthread_mutex_unlock(&f->lock);
	return f->fd >= 0 ? serve(f) : linger(f);
}

static int begin(struct ward_fuse *f, void *(*life)(void *), struct ward_error *err)
{
	int r;

	f->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->event < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "path broker");
	r = ward_thread_start(&f->thread, life, f);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "path broker: thread");
	f->running = true;
	return WARD_OK;
}

int ward_fuse_await(struct ward_fuse *f, int sock, struct ward_error *err)
{
	f->sock = sock;
	return begin(f, serve_later, err);
}

int ward_fuse_start(struct ward_fuse *f, int fuse_fd, struct ward_error *err)
{
	int r = ward_fuse_unblocked(fuse_fd);

	f->fd = fuse_fd;
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "path broker");
	return begin(f, serve, err);
}

void ward_fuse_place(struct ward_fuse *f, const struct ward_place *p, int cpu)
{
	if (f->running)
		ward_place_thread(p, f->thread, cpu);
}

void ward_fuse_set_proc(struct ward_fuse *f, int proc_dirfd)
{
	atomic_store(&f->proc, proc_dirfd);
}

int ward_fuse_device(struct ward_fuse *f)
{
	return f->fd < 0 && f->received < 0 ? f->received : f->fd;
}

void ward_fuse_end(struct ward_fuse *f)
{
	uint64_t one = 1;

	(void)pthread_mutex_lock(&f->lock);
	if (f->running && !atomic_exchange(&f->stopping, true)) {
		(void)!write(f->event, &one, sizeof(one)); /* a full counter wakes as well */
		/*
		 * The device is closed under the thread by putting the eventfd in its place: the number is never free for
		 * somebody else's file, and a thread that waits on its own answer (see above) is let go.
		 */
		if (f->fd >= 0)
			(void)dup3(f->event, f->fd, O_CLOEXEC);
		if (f->sock >= 0)
			(void)shutdown(f->sock, SHUT_RDWR);
	}
	(void)pthread_mutex_unlock(&f->lock);
}

void ward_fuse_stop(struct ward_fuse *f)
{
	ward_fuse_end(f);
	if (f->running)
		(void)pthread_join(f->thread, NULL);
	f->running = false;
	ward_close(f->sock);
	ward_fuse_close(f->fd);
	ward_close(f->event);
	f->fd = f->sock = f->event = -1;
}

struct ward_fuse *ward_fuse_free(struct ward_fuse *f)
{
	if (f) {
		ward_fuse_stop(f);
		for (uint32_t i = 0; f->files && i < f->tree.n; i++)
			if (f->files[i].tried)
				ward_close(f->files[i].fd);
		free(f->files);
		ward_tree_done(&f->tree);
		(void)pthread_mutex_destroy(&f->lock);
		free(f);
	}
	return NULL;
}
