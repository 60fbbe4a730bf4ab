/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init: what its parts share. Built with musl and linked statically, because what executes on the start path of
 * every run must not pay for a C library's start-up; includes nothing of the rest of Ward but the launch wire.
 */
#pragma once

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "confine/native/launch.h"
#include "confine/native/mutations.h"
#include "confine/native/net/net.h"

/* The blob, and what was made from it so far. One per process; there are no threads. */
struct init {
	bool namespaces;
	bool ahead; /* the network is captured before there is a plan */
	mode_t umask; /* the caller's */
	const struct ward_launch *l; /* NULL until the blob came */
	int handed[WARD_HANDED_MAX]; /* descriptors by enum ward_launch_handed */
	uint32_t ns[WARD_LAUNCH_NS_MAX]; /* the supervisor's namespaces */
	int ctl, cmd, fuse, end; /* WARD_LAUNCH_FD_* */
	pid_t self; /* our own pid, as the command sees it */
	int steps; /* eventfd: how often the command may go on */
	bool captured; /* tried, and with this result */
	uint32_t supervisor; /* its pid, as we see it: 0 outside of our pid namespace */
	int capture_error; /* 0, or -errno of capture_step */
	const char *capture_step;
	int net[WARD_CAPTURE_SOCKETS];
	int door; /* where sockets of the run's network go out; -1 = none */
	int outside; /* O_PATH of the scratch, which lies outside of every view; -1 = none */
	int executed[2]; /* pipe: the command's end closes by its exec */
	int input_given, input_mine; /* input.c: of the standard input, the caller's and the command's; -1: they are one */
	off_t input_at; /* where it began */
	int oom; /* /proc/self/oom_score_adj, -1 = not to be had */
	char oom_old[16]; /* what it was */
	ssize_t oom_old_n;
	int *trees; /* detached mounts, one per BIND, OVERLAY and CACHE, -1 = none; NULL as host root */
	int layer; /* the same of the layer of what is under review */
	int *parts; /* detached parts of the FUSE tree, for SUBTREE, and of the overlay, for PART */
};

/* blob.c */
const struct ward_launch *blob_map(int fd);
const char *blob_text(const struct ward_launch *l, uint32_t off);
const void *blob_at(const struct ward_launch *l, uint32_t off);
/* NULL-terminated vector out of n offsets. */
char **blob_vector(const struct ward_launch *l, uint32_t n, uint32_t off);

/* Wait for the blob, and take it and what came with it: in->l, the first of in->handed. */
void blob_receive(struct init *in);
/*
 * Wait for the rest, and enter the cgroup: in->handed, in->ns. Nothing is forked before, and what is done before holds no memory that
 * anybody else could make it hold.
 */
void blob_join(struct init *in);

/* msg.c */
void msg_send(int sock, const struct ward_msg *m, const int *fds, size_t n_fds);
ssize_t msg_recv(int sock, struct ward_msg *m);
/*
 * With descriptors: how many came into fds, 1 to max, and what with them; ret: NULL ok. A message of another type or size, or a
 * supervisor that is gone, ends the process.
 */
size_t msg_recv_fds(int sock, uint32_t type, int *fds, size_t max, struct ward_msg *ret);
/* Report and end this process: nothing after a failed step is ever executed. err is positive. */
_Noreturn void fail(int sock, enum ward_stage stage, int err, const char *text);

/* trees.c: granted and base paths as detached mounts: opened beforehand, or as host root received when they are needed. */
void trees_open(struct init *in);
int tree_of(struct init *in, unsigned i); /* of the i-th mount; ask once for each, in order */
int tree_of_layer(struct init *in); /* behind the OVERLAY's own */

/* review.c: the i-th mount, an overlay, at dest; what of it is mounted apart goes to in->parts. */
void review_build(struct init *in, unsigned i, const char *dest);

/* A layer that keeps what an overlay has to remember, and whose root looks as lower's. Else the start fails, in stage. */
void layer_check(const struct init *in, enum ward_stage stage, const char *lower, const char *upper, const char *work);
/* The overlay at dest can be written. Else the start fails, in stage. */
void overlay_check(const struct init *in, enum ward_stage stage, const char *dest, const char *work);

/* cache.c: the i-th mount, a package cache, at dest. */
void cache_build(struct init *in, unsigned i, const char *dest);

/* net.c: an empty network namespace with its loopback up. */
void net_make(const struct init *in);
/*
 * With egress it is captured. Of the two steps the first holds nothing that anybody else could make grow, and is made when there is
 * time: ahead of the plan, or of the cgroup. The second, in the cgroup, ends the start if either failed, and gives the sockets that the
 * network ends at, and the door, to the supervisor.
 */
void net_capture(struct init *in, bool redirects);
void net_hand_over(struct init *in);

/* door.c: in->door, and the supervisor's end. */
int door_make(struct init *in);
/* There is room for more: one pair goes. LATER: it cannot now. CLOSED: that was the last. */
enum door_state { DOOR_CLOSED = 0, DOOR_LATER, DOOR_OPEN };
enum door_state door_give(int door);

/*
 * input.c: a file as standard input, opened anew so that it is only read, before the host's tree is gone; and at the end of the
 * run: the caller's descriptor goes to where the command left its own.
 */
void input_reopen(struct init *in);
void input_ended(int given, int mine, off_t began);

/* share.c: of what the kernel counts by user, a part. */
void share_out(void);

/* view.c: set attributes of the one mount at path; not of those below it. */
void seal(const struct init *in, const char *path, uint64_t attr);
void attach(const struct init *in, int tree, const char *dest);
/* view.c: everything below the new root; the command is started on the way. Returns its pid when the host's tree is gone. */
pid_t view_build(struct init *in);
/* init.c: from here on sig comes when the supervisor's process ends; if it has, we do. */
void follow_supervisor(const struct init *in, int sig);
/* Take the run's ids; what setgroups(2) can give up is given up. */
void become(const struct init *in);
/* Back to the processors that the caller may use. */
void go_anywhere(const struct init *in, int sock);

/* init.c: pid 1 */
_Noreturn void init_main(struct init *in);

/*
 * child.c: the command. Started when the ids are taken; confines itself, waits for the view, tests, waits for GO, executes. It
 * shares our memory until then.
 */
pid_t child_start(struct init *in);
/* It goes on: to confine itself, and once more when the new root is the root. */
void child_step(const struct init *in);
void drop_bounding(const struct init *in);
void drop_capabilities(int sock);

/* errno.c: what the child runs on until it executes, and what it and its errno are known by. */
#define CHILD_STACK (64 * 1024) /* untouched pages are free */
extern char child_stack[CHILD_STACK];

/* The command's descriptors until it executes, beside 0, 1 and 2: they close by exec. */
#define COMMAND_FD_CMD 3
#define COMMAND_FD_STEPS 4
#define COMMAND_FD_EXECUTED 5
#define COMMAND_FD_OUTSIDE 6 /* until the self-test */

/*
 * selftest.c: bits of enum ward_probe that could be broken; 0 = every promise held. in->outside is closed here. envp: what the
 * command is to get.
 */
uint32_t selftest(const struct init *in, char *const *envp);
/* selftest_mounts.c, selftest_filter.c: probes that have to read something. True: broken. */
bool mounts_broken(const struct ward_launch *l, int self);
bool filter_broken(const struct ward_launch *l);
