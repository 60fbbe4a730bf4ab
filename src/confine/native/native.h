/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the native backend share. Private to confine/native. */
#pragma once

#include "confine/confine.h"
#include "confine/native/launch.h"

/* The embedded ward-init (native/embed: made at build time). */
extern const unsigned char ward_init_image[];
extern const size_t ward_init_image_size;

/* What the host side decided about one start, beside the plan. */
struct ward_pack {
	bool userns, fuse, listener, ctty, root, direct;
	uint32_t caller_uid, caller_gid;
	int landlock_abi;
	uint32_t n_tasks; /* cgroup v1 descriptors */
	bool cgroup2;
	int command_cpu; /* -1 = anywhere */
	uint64_t cpus[16];
	bool cgroup_memory, cgroup_pids,
		cgroup_cpu; /* a cgroup holds it; else the init sets what stands in */
};

/* pack.c: plan -> launch blob, appended to an empty buffer. */
int ward_pack_plan(const struct ward_plan *plan, const struct ward_pack *pack, struct ward_buf *ret,
	struct ward_error *err);

/*
 * probe.c: fn in a child of its own, made with these flags of clone(2), that shares the caller's memory until it ends: system calls
 * only.
 * How it ended; -errno where none was made; -ECHILD where it ended otherwise.
 */
int ward_native_in_child(int (*fn)(void *arg), int flags, void *arg);

/* head.c: the memfd that ward-init is executed from, made at most once and not to be closed, or -errno. */
int ward_native_image(void);

/* head.c: an errno of what comes and goes (memory, processes), not of what the host is. */
bool ward_native_passing(int e);

/*
 * grow.c: what a layer in a directory of the store has grown to. The directory that was planned, or an error; init: whose user
 * namespace
 * may look into what its owner may not, 0: the caller may (root). No run goes on that is not watched.
 */
struct ward_growth;
int ward_growth_new(const struct ward_review *review, pid_t init, struct ward_growth **ret, struct ward_error *err);
void ward_growth_free(struct ward_growth *g); /* NULL ok */
/* Look on, for at most a few milliseconds. True: it is over its bound, or cannot be counted. */
bool ward_growth_over(struct ward_growth *g);
/*
 * When nothing of the run is alive any more: what was written between the last look and the end. For at most a second; true
 * only if that was enough to see it. No other call may follow but ward_growth_free().
 */
bool ward_growth_ended_over(struct ward_growth *g);
/* After either of these was true. */
enum ward_layer_over ward_growth_why(const struct ward_growth *g);
/* Something of it was changed since it was last asked, and true, or since the start; not within seconds of that. Asked after a look. */
bool ward_growth_written(struct ward_growth *g);
/* Monotonic ns: when to look next. */
uint64_t ward_growth_due(const struct ward_growth *g);

/*
 * sample.c: memory without a cgroup, in bytes. The sum over all processes in the sandbox's own /proc, or with top over that process
 * and its descendants, and over what /proc/sysvipc shows (-1: none). UINT64_MAX: it could not be counted. 0: something else became due
 * (NULL: nothing will), and it was left: four thousand processes beside which we have a turn in 0.2 s are seconds.
 */
uint64_t ward_sample_memory(int proc_dirfd, pid_t top, uint64_t limit, const int sysv[WARD_SYSV_FILES],
	const struct ward_cage_due *due, unsigned *ret_processes);
/*
 * In the sandbox's own /proc: have there been limit tasks, threads with them, at one time while it was looked? Never true of fewer, nor
 * when something else became due.
 */
bool ward_sample_tasks_reach(int proc_dirfd, uint64_t limit, const struct ward_cage_due *due);
/*
 * What connections of TCP that nobody has accepted take of the kernel's memory, in bytes, about, and no longer looked
 * than it is more than limit; as above. No cgroup counts them. UINT64_MAX: there are too many.
 */
uint64_t ward_sample_waiting(int proc_dirfd, uint64_t limit, const struct ward_cage_due *due);

/*
 * When to look at them: for each look the kernel goes through the connections of the whole host, milliseconds on a large one.
 * due: monotonic ns, 0 = not yet once; from: not before, even if somebody dials; used, dialled: at the last look.
 */
struct ward_waiting_looks { uint64_t due, from, used; unsigned dialled; };

bool ward_sample_waiting_due(const struct ward_waiting_looks *w, uint64_t now, unsigned dialled);
/* It was looked, which took so much of a processor. */
void ward_sample_waiting_looked(struct ward_waiting_looks *w, uint64_t now, uint64_t took, uint64_t used, uint64_t limit,
	unsigned dialled);
