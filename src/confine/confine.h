/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine: the cage. One plan in, one confined command out. The backends live in confine/native and confine/direct.
 *
 * Life: ward_cage_start() builds the cage and runs the self-test from inside; the command then waits.
 * ward_cage_go() lets it start: the caller records its allow, durably, in between. Poll ward_cage_fd();
 * ward_cage_next() gives events. ward_cage_finish() returns when nothing of the run is alive any more.
 * A cage belongs to one thread; different cages need no common lock and no signal handler.
 */
#pragma once

#include <signal.h>
#include <sys/socket.h>

#include "base/base.h"
#include "plan/plan.h"

struct ward_cage;

/* ---- refusals: what the inside tried and did not get ---- */
enum ward_refusal_kind {
	WARD_REFUSAL_PATH =
		0, /* action FILE_READ / FILE_WRITE / EXTERNAL_COMMAND, resource = path */
	WARD_REFUSAL_CONNECT, /* NETWORK_CONNECT, resource = "203.0.113.1:443" or "[2001:db8::1]:443" */
	WARD_REFUSAL_UNIX, /* host socket, resource = path */
	WARD_REFUSAL_SYSCALL, /* syscall = its name, resource = detail ("AF_VSOCK") or "" */
	WARD_REFUSAL_FOREIGN_ARCH /* killed: int 0x80, x32 */
};
/* What the broker knows beyond the name of what was refused: of a path it looked the file up, in the view. */
enum ward_refusal_seen {
	WARD_SEEN_NOT = 0,
	WARD_SEEN_GRANTED, /* it is there, in what was granted: only the use of it is refused */
	WARD_SEEN_PRIVATE, /* it is there, in a private directory: made inside, and no file of the host */
	WARD_SEEN_ONLY_READ, /* it, or the directory that it was to be made in, may be read and not changed */
	WARD_SEEN_ALONE, /* it was granted alone, to be written, and was to be replaced, renamed or removed */
	WARD_SEEN_DATAGRAM, /* CONNECT: by UDP, which no rule lets out */
	WARD_SEEN_QUESTION, /* CONNECT: by UDP, at the port where names are asked for, in a run that has no network */
	WARD_SEEN_MISSING /* UNIX: it is not there, in a private directory; the host may have a socket of that name */
};
struct ward_refusal {
	enum ward_refusal_kind kind;
	enum ward_refusal_seen seen;
	enum ward_cap_type action; /* NONE for SYSCALL */
	char *resource; /* owned; any bytes, at most WARD_DETAIL_TEXT_MAX */
	char syscall[32]; /* name or "#451" */
	int pid; /* in the sandbox's numbering */
	uint64_t pid_start; /* in ticks since the boot; 0 = not known */
	char comm[16]; /* may be "" */
	bool selftest;
	bool quiet, sought; /* on data/quiet; sought: what is MISSING, or looked for in each directory above a project */
	bool over; /* beyond the first WARD_VIOLATION_NAMES_MAX, absent names among them; perhaps of a name handed out already */
	bool vague; /* perhaps a part of the name alone: to be counted, not described */
	bool unmade; /* by a call that makes no name: where there is none it was no attempt on anything */
	uint64_t count; /* times seen (a lower bound: the kernel caches names for a second) */
	uint64_t wall_ns; /* first time */
};

/* ---- probing ---- */
/* Facts that every start needs, found in microseconds; what only doing can tell is assumed and then verified by the start. */
int ward_host_facts(struct ward_host *ret, struct ward_error *err);
/* The same, each mechanism executed: for plan and doctor. */
int ward_host_probe(struct ward_host *ret, struct ward_error *err);
/*
 * What egress needs, done in namespaces of a child's own: an address is dialled, and has to come to the listener. 0, or -errno and the
 * step that failed (static text). redirects: without nf_tables, as in a plan that says so.
 */
int ward_host_capture(bool redirects, const char **ret_step);

/* ---- life ---- */
/*
 * A start that begins before there is a plan, even before host facts: the kernel makes the namespaces while the caller
 * resolves and plans. Nothing is confined or executed yet, and nothing is shown to it. A plan that turns out to need
 * something else gets a new one. NULL is always fine: then ward_cage_start() makes its own. egress: the plan will have some, so that
 * the network is captured meanwhile. *ret_userns: false where the host has just refused a user namespace, and will again, and *ret_lack
 * says how.
 */
struct ward_head_start;
struct ward_head_start *ward_head_start_new(bool egress, bool *ret_userns, enum ward_userns_lack *ret_lack);
void ward_head_start_free(struct ward_head_start *h); /* NULL ok */

struct ward_cage_options {
	struct ward_head_start *head; /* taken, also on failure */
	int stdio[3]; /* become 0, 1, 2 of the command; duplicated, stay the caller's */
	int anchor; /* stays open until nothing of the run is alive, whatever becomes of the supervisor; 0 = none */
	bool ctty; /* stdio[0] is the private pty's slave: make it the controlling terminal */
	const char *run_id; /* ULID: names the cgroup and leftovers */
	/* What the plan was made with. On WARD_E_UNSUPPORTED the fact that proved wrong (userns, fuse) is set to false, or to 0. */
	struct ward_host *host;
	/*
	 * Called once, when the helper has what it needs for its first steps: the caller's own step (its record) costs no time
	 * of its own here. What is slow of it (the disk) belongs into a thread: the start goes on behind it. NULL ok; a
	 * failure ends the start.
	 */
	int (*spawned)(void *arg, struct ward_error *err);
	void *arg;
};
/* Why a layer in a directory ends its run: it is over its bound; WARD_LAYER_PATH_MAX or _NAMES_MAX are; a directory cannot be read. */
enum ward_layer_over { WARD_LAYER_NOT_OVER = 0, WARD_LAYER_FULL, WARD_LAYER_DEEP, WARD_LAYER_MANY, WARD_LAYER_HIDDEN };
enum ward_cage_event_type {
	WARD_CAGE_NONE = 0,
	WARD_CAGE_EXITED, /* code */
	WARD_CAGE_SIGNALED, /* sig */
	WARD_CAGE_EXEC_FAILED, /* err_no of execve */
	WARD_CAGE_OOM, /* the memory limit was hit; the run is being killed */
	WARD_CAGE_POLICY_KILL, /* foreign architecture; the run is being killed */
	WARD_CAGE_LAYER_FULL, /* the layer in a directory: why; the run is being killed */
	WARD_CAGE_LAYER_WRITTEN, /* the layer in a directory was changed: it is to be made durable. Every few seconds */
	WARD_CAGE_LOST /* init died without a word; the run is over */
};
struct ward_cage_event {
	enum ward_cage_event_type type;
	int code, sig, err_no;
	enum ward_layer_over why;
	bool over; /* the command has ended; no further event comes */
};
struct ward_usage {
	uint64_t cpu_ms, max_rss; /* bytes */
	uint32_t pids_peak;
	uint64_t pids_refused; /* forks that the pids limit refused; 0 where nothing can tell */
	bool pids_reached; /* no cgroup, memory sampled: there were as many tasks as may be; perhaps a fork was refused */
	bool memory_sampled, oom;
	bool disk_full;              /* the private directories were full when the run ended */
	enum ward_layer_over layer;  /* of the layer in a directory, when the run ended by itself */
};

/*
 * Build the cage and self-test it. On success the command waits for ward_cage_go(). WARD_E_SELFTEST: a promise
 * broke, nothing was executed. WARD_E_UNSUPPORTED with sys_errno: the host refused namespaces (re-plan without).
 */
int ward_cage_start(const struct ward_plan *plan, const struct ward_cage_options *opts,
	struct ward_cage **ret, struct ward_error *err);
int ward_cage_go(struct ward_cage *c, struct ward_error *err);
int ward_cage_fd(const struct ward_cage *c); /* readable: call ward_cage_next() */
/* Milliseconds until ward_cage_next() wants to be called anyway (memory sampling); -1 = never. */
int ward_cage_timeout(const struct ward_cage *c);
/* What its owner has to do that is not to wait for a look at the memory of all processes: such a look is left then, and begun anew. */
struct ward_cage_due {
	uint64_t mono_ns; /* from then on; 0 = nothing */
	bool (*now)(void *arg); /* NULL, or asked meanwhile, again and again: something is there. May itself do what is small */
	void *arg;
};
/* due: NULL = nothing. */
int ward_cage_next(struct ward_cage *c, const struct ward_cage_due *due, struct ward_cage_event *ret, struct ward_error *err);
/* To the command's process group. */
int ward_cage_signal(struct ward_cage *c, int sig);
/* Everything in the run, now. Safe at any time, also twice. */
void ward_cage_kill(struct ward_cage *c);
/* What the run used; whole once an event said over. */
void ward_cage_usage(struct ward_cage *c, struct ward_usage *ret);
/* Kill what is left and wait until it is gone: processes, threads, mounts, cgroup. */
void ward_cage_finish(struct ward_cage *c);
/*
 * Take the refusals seen so far (array of *ret_n, owned by the caller: ward_refusals_free). Distinct ones, and those over
 * WARD_VIOLATION_NAMES_MAX, marked; *ret_dropped counts what there was no room for at all since the start.
 */
int ward_cage_take_refusals(struct ward_cage *c, struct ward_refusal **ret, size_t *ret_n,
	uint64_t *ret_dropped);
/*
 * With plan->egress: the sockets at which the run's network ends (enum ward_net_socket; -1 where the kernel has no IPv6, all of them
 * without egress, or if they were taken before). The caller's from then on, once, before GO; what is never taken ends with the cage.
 * An accepted connection's own address is the one that was dialled; one of 127.0.0.1 or ::1 was not captured, but came to the proxy.
 * With plan->redirects the port is not: ward_cage_who() has it.
 */
void ward_cage_take_net(struct ward_cage *c, int ret[WARD_NET_SOCKET_MAX]);
/*
 * Who inside connected from that address (of an accepted connection), as it was then. False: not known (any more). It is noted while
 * the connect is made: wait, some milliseconds, for one that is under way, or say false. Any thread.
 */
struct ward_cage_who {
	int pid; /* inside */
	char comm[16]; /* for the record: names can be chosen by whoever bears them */
	char program[WARD_PROGRAM_TEXT_MAX]; /* inside, as the kernel names it; "": not known, or longer */
	/* with plan->redirects: which one was dialled; 0: it was not redirected. As good as what was dialled: to be judged */
	uint16_t port;
};
bool ward_cage_who(struct ward_cage *c, const struct sockaddr *source, socklen_t n, bool wait, struct ward_cage_who *ret);
/*
 * From now on fn is called after each connect that is captured, by the thread that made it: all others whose calls are mediated wait
 * meanwhile. six: over IPv6. caller: who has no answer yet; he has it when fn returns, or when it has called go_on(), once. NULL: he
 * has it, or will by himself. fn NULL: nobody is told, and no call is under way any more. Any thread but that one.
 */
struct ward_cage_caller {
	void (*go_on)(struct ward_cage_caller *c);
};
typedef void ward_captured_fn(void *arg, bool six, struct ward_cage_caller *caller);
void ward_cage_on_captured(struct ward_cage *c, ward_captured_fn *fn, void *arg);
/*
 * Of a plan with a review on a tmpfs: the directory that holds the layer's "upper" and "work", open (O_PATH), the cage's own until
 * ward_cage_free(): what it has is to be copied out after ward_cage_finish(), when nobody writes it any more. -1: the layer is in the
 * plan's directory (dir, loop), or there is none.
 */
int ward_cage_layer(const struct ward_cage *c);
void ward_refusals_free(struct ward_refusal *v, size_t n);
void ward_cage_free(struct ward_cage *c); /* NULL ok; kills and waits if need be */

/* Remove cgroups and other leftovers of runs whose supervisor is dead. Cheap when there are none. */
void ward_confine_sweep(void);
/* What a run that is known to be dead left. */
void ward_confine_forget(const char *run_id);
