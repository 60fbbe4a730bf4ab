/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the notification thread share (notify*.c). Private to them. */
#pragma once

#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "confine/native/broker.h"
#include "confine/native/broker/notify_leave.h"
#include "confine/native/seccomp.h"

#define WARD_NOTIFY_PENDING_MAX 16   /* connects and sends that wait; more are answered EAGAIN */
#define WARD_NOTIFY_ROOTS_MAX 16     /* private mounts whose sockets can be reached */
#define WARD_NOTIFY_PAYLOAD_MAX (256u << 10)  /* bytes of one mediated sendto */
#define WARD_NOTIFY_WHO_MAX 1024     /* connections of which it is known who made them: asked for as they come */
#define WARD_NOTIFY_WHO_REDIRECTED_MAX 8192 /* where they are lost without: all that wait to be accepted, and those that just were */
#define WARD_NOTIFY_STEPS_MAX 128    /* components that are walked for one path, those of links included */

/* One notification, while it is handled. */
struct ward_ask {
	const struct seccomp_notif *req;
	struct ward_seccomp_verdict v;
	int dir, mem;                /* /proc/PID and its memory; -1 = not opened yet */
	struct ward_caller *caller;  /* whose dir is; NULL: it is its own */
};

/* A thread that connected. Its descriptors are of no other: nobody has its number while it lives, and then they say ESRCH. */
#define WARD_NOTIFY_CALLERS_MAX 16   /* the last ones: who connects often does so again */
struct ward_caller {
	int tid;                     /* 0 = nobody */
	uint64_t used;               /* when, in calls */
	int dir, pidfd, comm, exe;   /* comm, exe: opened when they are asked for; -1 */
	int pid;                     /* inside; 0 = not looked at yet */
};

/* Which file or directory it is, whatever its name is now. 0, 0 = one that Ward serves or makes. */
struct ward_file_id {
	uint64_t dev, ino;
};

/* Where a path of the inside leads. */
struct ward_place {
	char path[WARD_PATH_MAX];    /* inside, without a link; "" = the root */
	const struct ward_node *mount; /* the bind, private directory or FUSE part that it lies in; NULL: the root's own directories */
	bool is_dir;
	uint32_t mode;
	struct ward_file_id above[WARD_NOTIFY_STEPS_MAX]; /* each directory on the way, and itself as the last */
	unsigned depth;              /* of above; 0 = the root */
};

/* A copied address and what it means. */
struct ward_addr {
	struct sockaddr_storage a;
	socklen_t n;
};

/* A blocking connect or send that could not finish at once. */
struct ward_pending {
	bool used;
	uint64_t id, deadline;       /* monotonic ns; 0 = none */
	int fd, err_late;            /* our copy of the socket; errno at the deadline */
	bool poll;                   /* wait for POLLOUT; else try again every few ms */
	bool captured;               /* whoever wants to know hears when it is made */
	struct ward_addr to;
	int path;                    /* the socket file that "to" names by descriptor, or -1 */
	void *payload;               /* of a send, else NULL */
	size_t payload_n;
	int flags;
};

/* Who connected from where. */
struct ward_dialler {
	struct in6_addr from;        /* IPv4 as v4-mapped */
	uint16_t port;               /* network order; 0 = none */
	struct ward_cage_who is;
};

struct ward_notify {
	const struct ward_plan *plan;
	struct ward_refusals *refusals;
	int kill_event;              /* borrowed */
	int listener, event, proc;   /* proc: the host's /proc */
	atomic_bool stopping; atomic_uint dialled; /* see ward_notify_dialled() */
	bool running; int lost;      /* lost: an errno; somebody was not answered, whom only the listener's end frees */
	unsigned n_roots, connecting; /* connecting: turns for which it still counts that a connection was captured */
	struct ward_leave leave;
	pthread_t thread;
	sem_t gate;                  /* the thread waits here until it is its turn */
	struct ward_tree tree;       /* to find which part of the view a path lies in */
	struct ward_file_id *execs;  /* what may be executed, as it was before the run */
	size_t n_execs;
	pthread_mutex_t lock;        /* over the next three, and n_roots */
	int diag, inflight;          /* inflight: socket that the thread may be blocked on */
	int roots[WARD_NOTIFY_ROOTS_MAX]; /* of the i-th private mount of the plan */
	uint64_t netns_dev, netns_ino;   /* of the run, 0 = not known yet */
	int server_pid, server_fd;   /* where the last listening socket was found; 0 = nowhere yet */
	uint32_t absent_ino;         /* a listening socket that was not found, and until when that is taken for so */
	uint64_t absent_dev, absent_file, absent_until; /* and which name it was asked for by */
	uint64_t netns_cookie;           /* the same of its sockets, 0 = not known yet, or the kernel has none */
	uint64_t n_calls, n_callers; /* n_callers of the next are used */
	struct ward_caller callers[WARD_NOTIFY_CALLERS_MAX];
	struct ward_pending pending[WARD_NOTIFY_PENDING_MAX];
	pthread_mutex_t who_lock;    /* over the next three; held while a connect is made that is noted */
	struct ward_dialler *who;        /* the last who_max; NULL without egress */
	uint64_t n_who, who_max;
	pthread_mutex_t captured_lock; /* over the next, which is called under it */
	struct { ward_captured_fn *fn; void *arg; } captured;
	char *payload;               /* scratch, made at the first sendto */
	struct seccomp_notif *req;
	struct seccomp_notif_resp *resp;
	size_t req_size, resp_size;
	_Alignas(8) char diag_buf[16384];
};

/* notify.c */
void ward_notify_answer(struct ward_notify *n, uint64_t id, int64_t val, int err);
void ward_notify_send(struct ward_notify *n); /* n->resp */
bool ward_notify_valid(const struct ward_notify *n, uint64_t id);
/* Open /proc/PID and its memory and make sure that they are the caller's. 0 or errno for the caller (ESRCH). */
int ward_notify_open_caller(struct ward_notify *n, struct ward_ask *ask);
void ward_notify_forget_ask(struct ward_ask *ask); /* close what was opened for it */
/* Add the process to the note and keep it. */
void ward_notify_tell(struct ward_notify *n, struct ward_ask *ask, struct ward_refusal_note *note);
void ward_notify_note(struct ward_notify *n, struct ward_ask *ask, enum ward_refusal_kind kind,
	enum ward_cap_type action, const char *resource, const char *name, bool quiet);

/* notify_connect.c: answers the call, now or (pending) later. */
void ward_notify_mediate(struct ward_notify *n, struct ward_ask *ask);

/* notify_pending.c */
/* Never waits for longer than a tick (may_block: the socket is a blocking one). 0 or errno. */
int ward_notify_try_connect(struct ward_notify *n, struct ward_pending *p, bool may_block);
ssize_t ward_notify_try_send(const struct ward_pending *p);      /* bytes or -errno */
/* Take over p with its descriptors and payload, and answer when it is done; false: no room, nothing taken. */
bool ward_notify_wait(struct ward_notify *n, const struct ward_pending *p);
/* Fill polls (room WARD_NOTIFY_PENDING_MAX); returns how many. *io_timeout is shortened for what is tried again. */
unsigned ward_notify_poll(struct ward_notify *n, struct pollfd *polls, int *io_timeout);
void ward_notify_retry(struct ward_notify *n);
void ward_notify_drop_pending(struct ward_notify *n);

/*
 * notify_who.c: between begin (which says who it is) and end nobody is told. Does nothing without egress. made: something came of it;
 * port: which one was dialled, where it was redirected, else 0.
 */
void ward_notify_who_begin(struct ward_notify *n, struct ward_ask *ask, struct ward_dialler *ret);
void ward_notify_who_end(struct ward_notify *n, struct ward_dialler *who, int fd, bool made, uint16_t port);
void ward_notify_captured(struct ward_notify *n, const struct ward_addr *to, struct ward_cage_caller *caller); /* or may have been */
/*
 * The caller's descriptor, duplicated, and ask->dir; or -errno (ESRCH: it is gone). What was opened by its number is its own if the
 * notification is alive afterwards: that is for who called to look at.
 */
int ward_notify_take_fd(struct ward_notify *n, struct ward_ask *ask, int fd);
bool ward_notify_forget_callers(struct ward_notify *n, const struct ward_caller *keep); /* but keep (NULL ok); false: there were none */

/* notify_unix.c: the socket file that path (absolute inside, normalised) names, if a process of this run bound it: 0 and an O_PATH
 * descriptor, or the errno for the caller. *ret: REFUSED: for a record; MISSING: nobody made it, in a private directory. */
enum ward_socket { WARD_SOCKET_REFUSED = 0, WARD_SOCKET_MISSING, WARD_SOCKET_OWN };
int ward_notify_unix(struct ward_notify *n, struct ward_ask *ask, const char *path, int *ret_fd, enum ward_socket *ret);
/* notify_bound.c. Inodes of that file system are 32 bits of one counter, as sock_diag tells them. */
bool ward_notify_plain_inodes(int fd);
/* A socket of one of those numbers is held by a process of the run, listens, and is bound to that very file. */
bool ward_notify_listens(struct ward_notify *n, const struct ward_ask *ask, const uint32_t *sockets, unsigned n_sockets,
	const struct stat *file);
/* The deepest node that holds path, links of the view followed: its index and the rest of the path ("" = itself). */
uint32_t ward_notify_find(const struct ward_notify *n, const char *path, char rest[WARD_PATH_MAX]);

/* The directory or file behind a bind or private mount of the view: O_PATH descriptor or -errno. */
int ward_notify_base(struct ward_notify *n, struct ward_ask *ask, const struct ward_node *node);

/*
 * notify_place.c: follow text from the directory base (absolute, inside), links as the caller's own walk would follow
 * them; follow: the last one too. 0; negative: it leads nowhere, or where it leads cannot be told for sure.
 */
int ward_notify_place(struct ward_notify *n, struct ward_ask *ask, const char *base, const char *text, bool follow,
	struct ward_place *ret);
/* The node of the view that is path itself, or NULL. path is without links. */
const struct ward_node *ward_notify_node(const struct ward_notify *n, const char *path);

/* notify_open.c */
void ward_notify_look(struct ward_notify *n, struct ward_ask *ask);
void ward_notify_note_open(struct ward_notify *n, struct ward_ask *ask); /* the same without the answer */
void ward_notify_continue(struct ward_notify *n, uint64_t id);

/*
 * notify_write.c: what would be changed and lies in what may only be read is noted; ward_notify_write for the open
 * family, ward_notify_change for the others, both answer. ward_notify_note_change notes and does not answer.
 */
void ward_notify_write(struct ward_notify *n, struct ward_ask *ask);
void ward_notify_change(struct ward_notify *n, struct ward_ask *ask);
void ward_notify_note_change(struct ward_notify *n, struct ward_ask *ask);

/* notify_exec.c, notify_replace.c: refuse what the plan refuses for sure, else let the kernel decide. */
int ward_notify_exec_init(struct ward_notify *n, struct ward_error *err);
void ward_notify_exec(struct ward_notify *n, struct ward_ask *ask);
void ward_notify_replace(struct ward_notify *n, struct ward_ask *ask);
