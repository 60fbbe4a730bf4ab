/* SPDX-License-Identifier: Apache-2.0 */
/* plan: which calls the supervisor looks at first, and who answers, by plan and host. Pure: the facts are made here. */
#include <errno.h>

#include "tap.h"
#include "plan/plan.h"

#define EXEC WARD_SECCOMP_NOTIFY_EXEC
#define REPLACE WARD_SECCOMP_NOTIFY_REPLACE
#define WRITE WARD_SECCOMP_NOTIFY_WRITE
#define ALL (EXEC | REPLACE | WRITE)

static char *const argv_[] = { (char *)(uintptr_t) "tool", NULL };
static char *const env_[] = { NULL };

/* /usr and /tmp, a file, and what is done about each. */
static uint32_t switches(const struct ward_host *h, enum ward_attribution how, bool exec,
	bool write, bool is_dir)
{
	const struct ward_node nodes[] = {
		{ .kind = WARD_NODE_BIND,
			.dest = "/usr",
			.source = "/usr",
			.is_dir = true,
			.exec = exec,
			.base = true },
		{ .kind = WARD_NODE_TMPFS, .dest = "/tmp", .size = 1, .inodes = 1, .exec = true },
		{ .kind = WARD_NODE_BIND,
			.dest = "/w",
			.source = "/w",
			.is_dir = is_dir,
			.write = write,
			.exec = true },
	};
	static signed char accept[WARD_AXIS_MAX];
	struct ward_plan_input in = { .workspace = "/w",
		.cwd = "/",
		.exe = "/usr/bin/tool",
		.argv = argv_,
		.env = env_,
		.nodes = nodes,
		.n_nodes = 3,
		.limits = { .memory = 1 << 20, .pids = 1, .disk = 1 << 20 },
		.attribution = how,
		.deny_errno = ENOENT,
		.minimum = ward_minimum,
		.accept = accept,
		.host = h };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_plan *p = NULL;
	uint32_t got;

	CHECK_MSG(ward_plan_build(&in, &p, &err) == WARD_OK, "%s", err.message);
	REQUIRE(p);
	CHECK_EQ_INT(ward_plan_all_exec(p), exec);
	got = p->seccomp;
	ward_plan_free(p);
	return got & ALL;
}

TEST(the_switches_follow_the_plan)
{
	static const struct {
		const char *name;
		bool exec, write, is_dir;
		uint32_t want;
	} rows[] = {
		{ "a directory may be read", true, false, true, WRITE },
		{ "a directory may be written", true, true, true, 0 },
		{ "a single file may be read", true, false, false, REPLACE | WRITE },
		{ "a single file may be written", true, true, false, REPLACE },
		{ "some programs may not run", false, true, true, EXEC },
		{ "all", false, false, false, ALL },
	};
	const struct ward_host h = {
		.uid = 1, .userns = true, .fuse = true, .landlock_abi = 7, .seccomp_notify = true
	};

	TABLE(row, rows) {
		CASE("%s", row->name);
		CHECK_EQ_UINT(switches(&h, WARD_ATTR_AUTO, row->exec, row->write, row->is_dir),
			row->want);
		CHECK_EQ_UINT(switches(&h, WARD_ATTR_NOTIFY, row->exec, row->write, row->is_dir),
			row->want);
		CHECK_EQ_UINT(switches(&h, WARD_ATTR_NONE, row->exec, row->write, row->is_dir), 0);
	}
}

/* Nobody to ask, nothing that is refused, or no names wanted: no call is looked at. */
TEST(the_switches_follow_the_host)
{
	static const struct {
		const char *name;
		struct ward_host host;
		uint32_t want;
	} rows[] = {
#define HOST(userns_, fuse_, landlock, notify) \
	{ .uid = 1, \
		.userns = userns_, \
		.fuse = fuse_, \
		.landlock_abi = landlock, \
		.seccomp_notify = notify }
		{ "everything", HOST(true, true, 7, true), ALL },
		{ "no Landlock: every program runs", HOST(true, true, 0, true), REPLACE | WRITE },
		{ "no FUSE: these are named without it", HOST(true, false, 7, true), ALL },
		{ "no notification", HOST(true, true, 7, false), 0 },
		{ "no user namespaces: no mounts", HOST(false, true, 7, true), 0 },
	};

	TABLE(row, rows) {
		CASE("%s", row->name);
		CHECK_EQ_UINT(switches(&row->host, WARD_ATTR_AUTO, false, false, false), row->want);
		CHECK_EQ_UINT(switches(&row->host, WARD_ATTR_NONE, false, false, false), 0);
	}
}

/* EACCES for what is not granted is FUSE's answer: where there is none the option would be no more than words. */
TEST(an_answer_that_nobody_gives_is_refused)
{
	static const struct {
		const char *name;
		bool userns, fuse, absent;
		enum ward_backend backend;
		enum ward_attribution how;
		const char *why, *fix; /* NULL: it is held, or (direct) promised by nobody */
	} rows[] = {
#define NATIVE WARD_BACKEND_NATIVE
		{ "FUSE", true, true, false, NATIVE, WARD_ATTR_AUTO, NULL, NULL },
		{ "direct", true, false, false, WARD_BACKEND_DIRECT, WARD_ATTR_AUTO, NULL, NULL },
		{ "auto without FUSE", true, false, false, NATIVE, WARD_ATTR_AUTO,
			"/dev/fuse cannot be opened",
			"sudo chmod 0666 /dev/fuse; or drop --deny-errno" },
		{ "notify without FUSE", true, false, false, NATIVE, WARD_ATTR_NOTIFY,
			"/dev/fuse cannot be opened",
			"sudo chmod 0666 /dev/fuse; or drop --deny-errno" },
		{ "no such device", true, false, true, NATIVE, WARD_ATTR_AUTO,
			"/dev/fuse cannot be opened",
			"give ward a /dev/fuse (ward doctor says how); or drop --deny-errno" },
		{ "notify", true, true, false, NATIVE, WARD_ATTR_NOTIFY,
			"--attribution goes without it",
			"--attribution fuse; or drop --deny-errno" },
		{ "none", true, true, false, NATIVE, WARD_ATTR_NONE,
			"--attribution goes without it",
			"--attribution fuse; or drop --deny-errno" },
		{ "no user namespaces", false, true, false, NATIVE, WARD_ATTR_AUTO,
			"no user namespaces",
			"allow user namespaces (ward doctor names the switch); or drop --deny-errno" },
	};
	static signed char accept[WARD_AXIS_MAX];

	TABLE(row, rows) {
		const struct ward_host h = { .uid = 1,
			.userns = row->userns,
			.fuse = row->fuse,
			.fuse_absent = row->absent,
			.landlock_abi = 7,
			.seccomp_notify = true };
		struct ward_plan_input in = { .backend = row->backend,
			.workspace = "/w",
			.cwd = "/",
			.exe = "/usr/bin/tool",
			.argv = argv_,
			.env = env_,
			.limits = { .memory = 1 << 20, .pids = 1, .disk = 1 << 20 },
			.attribution = row->how,
			.deny_errno = EACCES,
			.minimum = ward_minimum,
			.accept = accept,
			.host = &h };
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_plan *p = NULL;

		CASE("%s", row->name);
		CHECK_EQ_INT(ward_plan_build(&in, &p, &err), row->why ? WARD_E_AXIS : WARD_OK);
		if (row->why) {
			CHECK_STR_CONTAINS(err.message, "--deny-errno EACCES cannot be held");
			CHECK_STR_CONTAINS(err.message, row->why);
			CHECK_STR_EQ(err.fix, row->fix);
		}
		ward_plan_free(p);
	}
}

TAP_MAIN();
