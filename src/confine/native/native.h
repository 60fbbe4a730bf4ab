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
	char ns[WARD_LAUNCH_NS_MAX][32]; /* "net:[4026531840]" */
	bool cgroup_memory, cgroup_pids,
		cgroup_cpu; /* a cgroup holds it; else the init sets what stands in */
};

/* pack.c: plan -> launch blob, appended to an empty buffer. */
int ward_pack_plan(const struct ward_plan *plan, const struct ward_pack *pack, struct ward_buf *ret,
	struct ward_error *err);

/*
 * sample.c: memory without a cgroup, in bytes. The sum over all processes in the sandbox's own /proc, or with top over that process
 * and its descendants. UINT64_MAX: it could not be counted.
 */
uint64_t ward_sample_memory(int proc_dirfd, pid_t top, uint64_t limit, unsigned *ret_processes);
