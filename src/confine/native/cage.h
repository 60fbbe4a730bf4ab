/* SPDX-License-Identifier: Apache-2.0 */
/* One live cage. Private to confine/native; the life is in cage.c, the start in start.c. */
#pragma once

#include "confine/native/broker.h"
#include "confine/native/cgroup.h"
#include "confine/native/native.h"

struct ward_native {
	const struct ward_plan *plan; /* borrowed */
	int epoll; /* what ward_cage_fd() gives */
	int ctl, cmd; /* our ends; cmd -1 once the command has executed */
	int launcher, init; /* pidfds */
	int scratch; /* the private directories, O_PATH; -1 = none */
	int proc; /* the sandbox's /proc, O_PATH */
	int kill_event; /* eventfd: the broker saw a foreign architecture */
	short oom_events;
	int oom; /* readable: the memory limit was hit; -1 = no cgroup */
	struct ward_refusals *refusals;
	struct ward_fuse *fuse;
	struct ward_notify *notify;
	struct ward_cgroup *cgroup;
	bool serving; /* the FUSE descriptor came */
	bool ready; /* the self-test has passed */
	bool over; /* an end was reported */
	bool reaped;
	bool sampling, sampled_oom;
	bool foreign;
	uint64_t next_sample; /* monotonic ns */
	uint64_t sampled_peak;
	unsigned sampled_processes;
	struct ward_msg exit; /* WARD_MSG_EXIT, type 0 = not seen */
};

/* head.c: a spawned launcher that waits for its blob. */
struct ward_head_start {
	int ctl, cmd, launcher; /* our ends, and the pidfd; -1 = taken */
	bool userns, fuse, cgroup2;
};
/* userns false: without any namespace (accepted by name, or backend direct). */
int ward_native_head(const struct ward_host *host, bool userns, struct ward_head_start **ret,
	struct ward_error *err);

/* start.c */
int ward_native_build(struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_error *err);
