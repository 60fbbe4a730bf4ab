/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of plan share: a host that has everything, the input of a small run, and what a build said. */
#pragma once

#include <errno.h>

#include "tap.h"
#include "plan/plan.h"

#define MIB (1ull << 20)

static char *const argv_[] = { (char *)(uintptr_t) "tool", (char *)(uintptr_t) "--flag", NULL };
static char *const env_[] = { (char *)(uintptr_t) "TOKEN=hush-hush", (char *)(uintptr_t) "A1=x",
	(char *)(uintptr_t) "A=y", NULL };

static TAP_UNUSED struct ward_host full_host(void)
{
	return (struct ward_host){
		.uid = 1001,
		.gid = 1002,
		.userns = true,
		.fuse = true,
		.landlock_abi = 7,
		.seccomp_notify = true, .nft = true,
		.cgroup = 2,
		.cgroup_memory = true,
		.cgroup_pids = true,
		.cgroup_cpu = true,
		.ncpus = 4,
		.memory_available = 1024 * MIB,
	};
}

static TAP_UNUSED struct ward_plan_input input(const struct ward_host *h)
{
	return (struct ward_plan_input){
		.workspace = "/w",
		.cwd = "/w",
		.exe = "/usr/bin/tool",
		.argv = argv_,
		.env = env_,
		.limits = { .memory = 64 * MIB,
			.pids = 8,
			.disk = 16 * MIB,
			.grace_ms = 5000,
			.nofile = 64 },
		.attribution = WARD_ATTR_AUTO,
		.deny_errno = ENOENT,
		.minimum = ward_minimum,
		.host = h,
	};
}

#define BIND_OF(rule_, dir, path, ...) \
	{ \
		.kind = WARD_NODE_BIND, .dest = path, .source = path, .is_dir = dir, \
		.rule = rule_, __VA_ARGS__ \
	}
#define BIND(path, ...) BIND_OF(-1, true, path, __VA_ARGS__)
#define BIND_FILE(path, ...) BIND_OF(-1, false, path, __VA_ARGS__)
#define NODE(kind_, path, ...) \
	{ \
		.kind = WARD_NODE_##kind_, .dest = path, .rule = -1, __VA_ARGS__ \
	}

static TAP_UNUSED struct ward_plan *must_build(const struct ward_plan_input *in)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_plan *p = NULL;
	int r = ward_plan_build(in, &p, &err);

	CHECK_MSG(r == WARD_OK && p, "build: %d %s; %s", r, err.message, err.fix);
	REQUIRE(p);
	return p;
}

static TAP_UNUSED int refused(const struct ward_plan_input *in, struct ward_error *err)
{
	struct ward_plan *p = (struct ward_plan *)err;
	int r;

	memset(err, 0, sizeof(*err));
	r = ward_plan_build(in, &p, err);
	CHECK(r < 0);
	CHECK_NULL(p);
	return r;
}
