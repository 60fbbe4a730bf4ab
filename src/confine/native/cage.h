/* SPDX-License-Identifier: Apache-2.0 */
/* One live cage. Private to confine/native; the life is in cage.c, the start in start.c. */
#pragma once

#include <sched.h>

#include "confine/native/broker.h"
#include "confine/native/cgroup.h"
#include "confine/native/native.h"
#include "os/os.h"

/* place.c: which processor does what during a start. here -1: nothing is placed. */
struct ward_place {
	int here; /* the supervisor's when it looked */
	cpu_set_t all, there; /* allowed (what to go back to); all but here */
};
void ward_place_look(struct ward_place *p);
void ward_place_away(struct ward_place *p, pid_t pid);
/* cpu: a number, or one of these. */
#define WARD_PLACE_ANYWHERE (-1)
#define WARD_PLACE_AWAY (-2)
void ward_place_thread(const struct ward_place *p, pthread_t thread, int cpu);

struct ward_native {
	const struct ward_plan *plan; /* borrowed */
	int epoll; /* what ward_cage_fd() gives */
	int ctl, cmd; /* our ends */
	int listener; /* its number, which the broker has; -1 = none */
	int fuse_sock; /* the same, until the FUSE thread has it */
	struct ward_spawned init; /* pid 1 inside, or its like */
	struct ward_place place;
	struct ward_userns idmap; /* of the granted trees, as root */
	int scratch; /* the private directories, O_PATH; -1 = none */
	int layer; /* of a run under review on a tmpfs, O_PATH; -1 = none */
	int proc; /* the sandbox's /proc, O_PATH */
	int sysv[WARD_SYSV_FILES]; /* what there is of System V in it, where memory is sampled; else -1 */
	int net[WARD_NET_SOCKET_MAX]; /* until they are taken; -1 */
	bool net_came;
	int kill_event; /* eventfd: the broker saw a foreign architecture */
	short oom_events;
	int oom; /* readable: the memory limit was hit; -1 = no cgroup */
	struct ward_refusals *refusals;
	struct ward_fuse *fuse;
	struct ward_notify *notify;
	struct ward_cgroup *cgroup;
	bool counts[WARD_CGROUP_CONTROLLERS]; /* what it holds, or will */
	bool namespaces; /* there are some */
	int in_cgroup; /* the init: 1, 0, or -errno: cannot be told */
	bool ready; /* the self-test has passed */
	bool gone; /* GO was said */
	bool over; /* an end was reported */
	bool reaped;
	bool sampling, sampled_oom;
	struct ward_growth *growth; /* of the layer in a directory; NULL = it is bounded, or there is none */
	enum ward_layer_over layer_over; /* when the run ended */
	bool pids_reached; /* as many tasks as the limit allows were seen, where no cgroup counts them */
	bool foreign;
	uint64_t next_sample; /* monotonic ns */
	struct ward_waiting_looks waiting;
	uint64_t sampled_peak;
	unsigned sampled_processes;
	struct ward_msg exit; /* WARD_MSG_EXIT, type 0 = not seen */
};

/* head.c: a ward-init that waits for its blob. */
struct ward_head_start {
	int ctl, cmd, fuse; /* our ends */
	struct ward_spawned init;
	struct ward_place place;
	bool userns, captured, cgroup2;
};
struct ward_head_want {
	bool userns; /* false: without any namespace (accepted by name, or backend direct) */
	bool captured; /* its network is at once: of use to a plan with egress by nf_tables, and to no other */
	int cgroup; /* a v2 directory to be born in, or -1 */
};
/*
 * Where the host refuses namespaces for good, host->userns becomes false and the result is WARD_E_UNSUPPORTED.
 */
int ward_native_head(struct ward_host *host, const struct ward_head_want *want,
	struct ward_head_start **ret, struct ward_error *err);
/* Why a ward-init that has ended was never executed; WARD_OK: it was. host: where it was for namespaces, else NULL. */
int ward_native_exec_failed(const struct ward_spawned *init, struct ward_host *host,
	struct ward_error *err);

/* trees.c: after the blob was sent, as host root. */
int ward_trees_send(int ctl, const char *blob, struct ward_userns *ret, struct ward_error *err);

/* For poll(2), from one moment to another (ns): what is left, rounded up: nobody turns in the last millisecond. 0: it is over. */
static inline int ward_native_left_ms(uint64_t now, uint64_t until)
{
	return now >= until ? 0 : (int)((until - now + 999999) / 1000000);
}

/* start.c */
int ward_native_build(struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_error *err);
/* A step of the start failed with errno e: the WARD_E_* to return. text, host: NULL ok. */
int ward_native_stage_failed(enum ward_stage stage, int e, const char *text,
	struct ward_host *host, struct ward_error *err);
