/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run's broker: two threads in the supervising process that answer what the inside asks for and is not granted.
 * One serves the FUSE layer below the view (fuse.c), one the seccomp notifications (notify.c); both write what they
 * refused into one list (refusals.c). Neither holds a global, installs a signal handler, or waits for policy, log
 * or a person; all signals are blocked in them. Everything that they read from the inside is hostile.
 *
 * Order of the end of a run (a FUSE request that is never answered keeps its caller unkillable, and a blocked
 * connect ends with its listener): kill every process of the run, ward_fuse_stop(), ward_notify_stop(), free.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "confine/confine.h"

/* ---- refusals.c: bounded, without doubles; any thread ---- */
struct ward_refusals;

struct ward_refusal_note {
	enum ward_refusal_kind kind;
	enum ward_cap_type action;
	const char *resource; /* NULL = ""; cut at WARD_DETAIL_TEXT_MAX */
	const char *syscall; /* NULL = "" */
	int pid; /* in the sandbox's numbering; 0 = not known */
	uint64_t pid_start; /* ward_peek_start() */
	const char *comm; /* NULL = "" */
	bool quiet, vague, unmade; /* unmade: to be changed, not made; vague: perhaps a part of the name alone */
	enum ward_refusal_seen seen;
};

struct ward_refusals *ward_refusals_new(void); /* NULL: no memory */
void ward_refusals_delete(struct ward_refusals *l); /* NULL ok */
/* While on, what is noted is marked as the self-test's own. */
void ward_refusals_phase(struct ward_refusals *l, bool selftest);
/* Then everything is known of who asks, and looking it up would only cost time. */
bool ward_refusals_testing(struct ward_refusals *l);
/* True, and counted, when it is there already: then nothing has to be found out about it. pid and comm are not looked at. */
bool ward_refusals_again(struct ward_refusals *l, const struct ward_refusal_note *note);
void ward_refusals_note(struct ward_refusals *l, const struct ward_refusal_note *note); /* out of memory counts as dropped */
bool ward_refusals_full(struct ward_refusals *l); /* so many were over lately that looking for details of another costs too much */
/*
 * Copies of the entries not taken before, with their count so far; each distinct refusal is handed out once.
 * Later repeats are still counted as the same one and not handed out again. Behind them those over the maximum, marked.
 * 0 or WARD_E_NOMEM (nothing taken).
 */
int ward_refusals_take(struct ward_refusals *l, struct ward_refusal **ret, size_t *ret_n,
	uint64_t *ret_dropped);

/* quiet.c: data/quiet, compiled in; sought: for what is looked for in each directory above a project, and for nothing else. */
bool ward_quiet_path(const char *path), ward_quiet_below(const char *path); /* absolute, normalised; below: and so is all below it */
/* Is to be made where it may only be read, by who was called so (n bytes, words that end with NUL); and, of what is there, changed. */
bool ward_quiet_write(const char *path, const char *words, size_t n);
bool ward_quiet_change(const char *path), ward_quiet_sought(const char *path);
bool ward_quiet_syscall(const char *name, const char *detail);

/* ---- fuse.c ---- */
struct ward_fuse;

/* plan and refusals are borrowed and must outlive the server. Allocates; no descriptor, no thread yet. */
int ward_fuse_new(const struct ward_plan *plan, struct ward_refusals *refusals,
	struct ward_fuse **ret, struct ward_error *err);
/*
 * Serve fuse_fd (taken, also on failure): /dev/fuse opened in the run's user namespace and mounted there as
 * "fd=N,rootmode=40755,user_id=U,group_id=G,default_permissions,allow_other", neither MS_RDONLY (then the kernel
 * would refuse writes without telling) nor with another copy of the descriptor left open (then stop could not end
 * the connection). Attributes carry plan->inside_uid and inside_gid, which must be mapped in that namespace.
 */
int ward_fuse_start(struct ward_fuse *f, int fuse_fd, struct ward_error *err);
/* The same with what comes as the one message of a socket (taken, also on failure): WARD_MSG_FUSE and its descriptor. */
int ward_fuse_await(struct ward_fuse *f, int sock, struct ward_error *err);
/* Where its thread is to run: see ward_place_thread(). */
struct ward_place;
void ward_fuse_place(struct ward_fuse *f, const struct ward_place *p, int cpu);
/* The sandbox's own /proc (O_PATH or not; borrowed until stop): who asked, and for which whole path. */
void ward_fuse_set_proc(struct ward_fuse *f, int proc_dirfd);
int ward_fuse_device(struct ward_fuse *f); /* its number; -1 = it is not there (yet); after stop -errno: why it never was */
/* End the connection: pending requests fail with ECONNABORTED, later ones with ENOTCONN. Waits for nobody; twice is fine. */
void ward_fuse_end(struct ward_fuse *f);
void ward_fuse_stop(struct ward_fuse *f); /* the same, and join */
struct ward_fuse *ward_fuse_free(struct ward_fuse *f); /* stops; NULL ok; returns NULL */

/*
 * A public file of the runtime base (/etc/services, the loader's cache): read through FUSE, and from then on out of the
 * kernel's cache, since a mount costs every start what few programs ever open.
 */
static inline bool ward_fuse_serves_file(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND && n->base && !n->is_dir && !n->write && !n->idmap;
}
bool ward_fuse_tells(const struct ward_node *n); /* a mask that is a part of the FUSE layer: what can be listed refuses nothing */
/* ---- fuse_device.c ---- */
int ward_fuse_receive(int sock); /* waits; descriptor or -EPROTO, -errno */
void ward_fuse_close(int fd);    /* of it */
int ward_fuse_unblocked(int fd); /* O_NONBLOCK: 0 or -errno */

/* ---- fuse_tree.c: the static table behind the node ids; node id = index + 1, the root is index 0 ---- */
#define WARD_TREE_NONE UINT32_MAX
struct ward_tree_entry {
	const struct ward_node *node;
	const char *name; /* within node->dest; "" for the root */
	uint32_t name_len, parent, first_child, n_children;
};
struct ward_tree {
	struct ward_tree_entry *v;
	uint32_t n;
	uint32_t *children; /* indices, grouped by parent, sorted by name */
	uint32_t *hash; /* index + 1, 0 = empty; open addressing */
	uint32_t mask;
};
int ward_tree_init(struct ward_tree *t, const struct ward_plan *plan, struct ward_error *err);
void ward_tree_done(struct ward_tree *t);
uint32_t ward_tree_child(const struct ward_tree *t, uint32_t parent, const char *name, size_t n);
uint32_t ward_tree_mode(const struct ward_node *node); /* type and permission */

/* ---- peek.c: what a blocked thread of the sandbox is asking for. Attribution only, never a decision. ---- */
struct ward_peek {
	int nr;
	uint64_t arg[6];
};
struct ward_peek_path {
	char path[WARD_PATH_MAX]; /* absolute inside, normalised lexically */
	enum ward_cap_type action; /* FILE_READ, FILE_WRITE or EXTERNAL_COMMAND */
	bool creates; /* the last component is to be made */
	bool writes; /* an open that wants to write to what is there */
	bool opens; /* wants the content or an execution, not only attributes */
};
/* The directory of a process (or thread) in a procfs, O_PATH: fd or -errno. */
int ward_peek_open(int proc_dirfd, int pid);
void ward_peek_comm(int pid_dirfd, char out[16]);
void ward_peek_comm_again(int pid_dirfd, int *io_fd, char out[16]); /* io_fd: kept for the next time, -1 at first; NULL ok */
void ward_peek_program(int pid_dirfd, int *io_fd, char out[WARD_PROGRAM_TEXT_MAX]); /* its executable, as it sees it; "": not known */
size_t ward_peek_cmdline(int pid_dirfd, char *out, size_t size); /* cut to size and ended: bytes, of which the last is NUL, or 0 */
/* The system call that the thread is blocked in; false: running, gone or not allowed. */
bool ward_peek_syscall(int pid_dirfd, struct ward_peek *ret);
/*
 * The which-th path (0, 1) of that call. -ENOENT: the call has no such path; -EFAULT and others: it could not be
 * read. `mem` is a descriptor of its memory (ward_peek_mem), borrowed.
 */
int ward_peek_mem(int pid_dirfd);
int ward_peek_path(int pid_dirfd, int mem, const struct ward_peek *p, unsigned which,
	struct ward_peek_path *ret);
/* The same as it was written: the text, and the directory that it starts at ("/" for an absolute one). */
struct ward_peek_words {
	char base[WARD_PATH_MAX], text[WARD_PATH_MAX];
};
int ward_peek_words(int pid_dirfd, int mem, const struct ward_peek *p, unsigned which,
	struct ward_peek_words *ret);
/* The same of a thread of which nothing is open: half the system calls, and nobody has checked yet whose words they are. */
int ward_peek_words_of(int proc_dirfd, int pid, const struct ward_peek *p, unsigned which, struct ward_peek_words *ret);
enum ward_cap_type ward_peek_action(const struct ward_peek *p); /* what the call does to its paths, where none can be read */
bool ward_peek_nofollow(const struct ward_peek *p); /* do its flags say to change a link itself? */
bool ward_peek_is_refused(const struct ward_peek *p); /* by a mode of 0: it opens nothing, and is no stat(2) either */
/* A NUL-terminated text of at most size-1 bytes: length, -EFAULT, -ENAMETOOLONG. Never reads past size. */
int ward_peek_text(int mem, uint64_t addr, char *out, size_t size);
int ward_peek_bytes(int mem, uint64_t addr, void *out, size_t n); /* exactly n bytes: 0 or -EFAULT */
int ward_peek_status(int pid_dirfd, const char *key); /* of /proc/pid/status a line's last number ("NSpid:", "Tgid:"); 0 = none */
uint64_t ward_peek_start(int pid_dirfd); /* when it began, as ps has it: clock ticks since the boot; 0: not known */
/* The same of a process of which nothing is open. -ENOSYS, -EPERM: it cannot be done so here. */
int ward_peek_bytes_of(int pid, uint64_t addr, void *out, size_t n);
/*
 * A pidfd of a thread of the host (tid): its own where the kernel can (*ret_own, if not NULL), else its process's. fd or -errno.
 */
int ward_peek_pidfd(int tid, int pid_dirfd, bool *ret_own);
const char *ward_peek_name(int nr); /* of the calls in the table; NULL for others */

/* ---- notify.c ---- */
struct ward_notify;
/*
 * plan and refusals are borrowed. kill_event (borrowed, -1 = none): an eventfd that is written when a process was
 * killed for a foreign architecture; the owner then ends the run. The switches of the filter are plan->seccomp.
 */
int ward_notify_new(const struct ward_plan *plan, struct ward_refusals *refusals, int kill_event,
	struct ward_notify **ret, struct ward_error *err);
/*
 * The life of one: warm (a thread that waits: all that can fail), attach (the listener, taken, also on failure), turns by the
 * owner, who polls ward_notify_fd() (-1 = not attached, or lost); from run on, the thread alone. Start is all of it at once. */
int ward_notify_warm(struct ward_notify *n, struct ward_error *err);
int ward_notify_attach(struct ward_notify *n, int listener, struct ward_error *err);
int ward_notify_fd(const struct ward_notify *n); int ward_notify_lost(const struct ward_notify *n); /* an errno: held calls stay so */
unsigned ward_notify_dialled(struct ward_notify *n); /* by TCP, to its own loopback */
void ward_notify_turn(struct ward_notify *n); /* one notification; the descriptor was readable */
void ward_notify_run(struct ward_notify *n);
int ward_notify_start(struct ward_notify *n, int listener, struct ward_error *err);
/* A NETLINK_SOCK_DIAG socket made in the run's network namespace (taken); -1: every path socket is refused. */
void ward_notify_set_diag(struct ward_notify *n, int diag);
/*
 * The root directories (O_PATH, all taken) of the view's private mounts, such as /tmp: one for each WARD_NODE_TMPFS of
 * the plan, in its order; -1 or too few = not had. The supervisor may not walk the FUSE layer to them, so without
 * these every connect to a socket that the run itself made there is refused. Once, before the command runs.
 */
void ward_notify_set_roots(struct ward_notify *n, const int *fds, size_t n_fds);
/* See ward_cage_who(), of any thread, and ward_cage_on_captured(). */
bool ward_notify_who(struct ward_notify *n, const struct sockaddr *source, socklen_t len, bool wait, struct ward_cage_who *ret);
void ward_notify_on_captured(struct ward_notify *n, ward_captured_fn *fn, void *arg);
/* After the processes of the run are gone. End tells the thread and waits for nobody, stop joins it. Twice is fine. */
void ward_notify_end(struct ward_notify *n);
void ward_notify_stop(struct ward_notify *n);
struct ward_notify *ward_notify_free(struct ward_notify *n);
