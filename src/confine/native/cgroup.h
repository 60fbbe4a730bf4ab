/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: memory, pids and cpu of one run, on v1 hierarchies or on v2. Host side.
 *
 * One directory `ward-<run id>` for each controller (v1) or one for all (v2) is made below the caller's own cgroup,
 * or where that may not hold children, at the nearest place above that may. The first process of the run enters by
 * itself: on v1 it writes "0" to inherited `tasks` descriptors, on v2 it is cloned into the directory; an attach from
 * outside is never done (it waits for an RCU grace period). The supervisor holds a flock on each directory, so that
 * a sweep can tell a leftover from a live run without trusting pids. Nothing here is visible from inside.
 *
 * It refuses to limit by half: a limit that was asked for and could not be written fails the creation.
 */
#pragma once

#include "base/base.h"
#include "plan/plan.h"

enum ward_cgroup_controller {
	WARD_CGROUP_MEMORY = 0,
	WARD_CGROUP_PIDS,
	WARD_CGROUP_CPU,
	WARD_CGROUP_CONTROLLERS
};

struct ward_cgroup;

/*
 * Fill cgroup, cgroup_memory, cgroup_pids and cgroup_cpu of a host: by looking (some 20 microseconds), or with
 * deep by making and removing a cgroup with every limit. Never fails: what cannot be had is false. The memory
 * controller decides between v1 and v2; without it cgroup is the version that has pids, else 0.
 */
void ward_cgroup_probe(struct ward_host *host, bool deep);

/*
 * Make the cgroup of a run and write its limits. run_id: a ULID. Controllers that host says are missing are left
 * out; cpu also when limits->millicpus is 0. A few leftovers of dead runs beside it are swept on the way.
 * WARD_E_UNSUPPORTED when nothing is left; WARD_E_SYSTEM otherwise; then everything made is removed again.
 */
int ward_cgroup_create(const struct ward_host *host, const char *run_id,
	const struct ward_limits *limits, struct ward_cgroup **ret, struct ward_error *err);

/*
 * The rest of the limits: what sockets may hold, which v1 counts beside memory. To be written before anything runs there that could
 * make one, and apart because it takes long. WARD_E_SYSTEM. Any thread.
 */
int ward_cgroup_bound_sockets(const struct ward_cgroup *cg, const struct ward_limits *limits, struct ward_error *err);

/* Which controllers one that is made for these has: to say so before it is. */
void ward_cgroup_wanted(const struct ward_host *host, const struct ward_limits *limits, bool ret[WARD_CGROUP_CONTROLLERS]);

/* 1 or 2. */
int ward_cgroup_version(const struct ward_cgroup *cg);
bool ward_cgroup_has(const struct ward_cgroup *cg, enum ward_cgroup_controller c);
/*
 * What the first process needs, borrowed: v1 one descriptor of `tasks` a controller, to which it writes "0"; v2 one of the
 * directory for CLONE_INTO_CGROUP. Returns how many. ward_cgroup_entered() closes them in the supervisor: call it once they
 * were inherited.
 */
size_t ward_cgroup_entry_fds(const struct ward_cgroup *cg, int fds[WARD_CGROUP_CONTROLLERS]);
void ward_cgroup_entered(struct ward_cgroup *cg);

/*
 * Is pid, of our own pid namespace, in every directory of it? 1 or 0, or -errno: cannot be told. Asked of /proc, which knows it at
 * once, and of the cgroup itself where /proc does not show that process (hidepid, masked).
 */
int ward_cgroup_holds(const struct ward_cgroup *cg, pid_t pid);

/*
 * Becomes ready when memory ran out; *ret_events is what to poll for (POLLIN on v1, POLLPRI on v2). -1: no memory
 * controller. Readiness is a hint: ward_cgroup_was_oom() reads the counter and takes the readiness back.
 */
int ward_cgroup_oom_fd(const struct ward_cgroup *cg, short *ret_events);
/* True when the kernel killed a process of the run for memory, or has the run stopped for it. */
bool ward_cgroup_was_oom(struct ward_cgroup *cg);

struct ward_cgroup_usage {
	bool has_cpu, has_memory, has_pids_peak, has_pids_refused;
	uint64_t cpu_ms;
	uint64_t memory_peak; /* bytes, page cache and kernel memory included */
	uint32_t pids_peak;
	uint64_t pids_refused; /* forks that the limit refused */
	uint64_t oom_kills;
};
/* What the controllers tell; a thing they cannot tell has has_* false. Call before destroy. */
void ward_cgroup_usage(const struct ward_cgroup *cg, struct ward_cgroup_usage *ret);

/* SIGKILL to everything in it, forks that race included (bounded). Safe at any time, also twice. */
void ward_cgroup_kill(struct ward_cgroup *cg);
/* The same by one word, which waits for nobody; false: there is none (v1, before 5.14). */
bool ward_cgroup_kill_at_once(struct ward_cgroup *cg);
/*
 * Remove the directories and free. Processes that are still dying are waited for, some 200 ms at most; then the rest is
 * left to a later sweep and false is returned. NULL ok (true).
 */
bool ward_cgroup_destroy(struct ward_cgroup *cg);

/*
 * Remove `ward-*` cgroups that no live supervisor holds, what runs in them included. Looks at a bounded number a call;
 * younger than two seconds are left alone. Returns how many were removed.
 */
unsigned ward_cgroup_sweep(void);
/* The cgroups of a run that is known to be dead, however young they are. */
void ward_cgroup_forget(const char *run_id);
