/* SPDX-License-Identifier: Apache-2.0 */
/* What the levels of axes depend on beside the facts of the host: what the plan takes away, and what was asked for. */
#include <errno.h>

#include "plan_util.h"

/* A directory of no rule, but for what is said of it: the last word about a member counts. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define N(...) \
	{ \
		.kind = WARD_NODE_BIND, .is_dir = true, .rule = -1, __VA_ARGS__ \
	}

/* Without mounts of the run's own nothing is taken out of what is granted: then the axis is not held, and never passes for it. */
TEST(what_a_policy_takes_away_needs_a_view)
{
	static const struct {
		const char *name;
		struct ward_node nodes[3];
		enum ward_level level;
	} rows[] = {
		{ "two grants", { N(.dest = "/w", .write = true), N(.dest = "/x") },
			WARD_LEVEL_ENFORCED },
		{ "a mask",
			{ N(.dest = "/w"),
				{ .kind = WARD_NODE_MASK,
					.dest = "/w/m",
					.fixed = true,
					.rule = -1 } },
			WARD_LEVEL_NONE },
		{ "nothing of it is executed",
			{ N(.dest = "/w"), N(.dest = "/x", .fixed = true, .noexec = true) },
			WARD_LEVEL_NONE },
		{ "read only below what is written",
			{ N(.dest = "/w", .write = true), N(.dest = "/w/r", .fixed = true) },
			WARD_LEVEL_NONE },
		{ "read only deep below it, with another between",
			{ N(.dest = "/w", .write = true), N(.dest = "/w/a"),
				N(.dest = "/w/a/r", .fixed = true) },
			WARD_LEVEL_NONE },
		{ "written below what is written",
			{ N(.dest = "/w", .write = true),
				N(.dest = "/w/r", .fixed = true, .write = true) },
			WARD_LEVEL_ENFORCED },
		{ "read only below what is read only",
			{ N(.dest = "/w"), N(.dest = "/w/r", .fixed = true) },
			WARD_LEVEL_ENFORCED },
		{ "read only beside what is written",
			{ N(.dest = "/w", .write = true), N(.dest = "/wr", .fixed = true) },
			WARD_LEVEL_ENFORCED },
	};
	signed char accept[WARD_AXIS_MAX] = { 0 };

	TABLE(row, rows) {
		for (int view = 0; view < 2; view++) {
			struct ward_host h = full_host();
			struct ward_plan_input in = input(&h);
			struct ward_node nodes[3];
			struct ward_plan *p;

			CASE("%s, %s", row->name, view ? "with a view" : "without");
			memcpy(nodes, row->nodes, sizeof(nodes));
			for (in.n_nodes = 0; in.n_nodes < 3 && nodes[in.n_nodes].dest; in.n_nodes++)
				nodes[in.n_nodes].source = nodes[in.n_nodes].dest;
			in.nodes = nodes;
			h.userns = view;
			in.accept = accept;
			p = must_build(&in);
			CHECK_EQ_INT(p->axes[WARD_AXIS_FILES].level,
				view ? WARD_LEVEL_ENFORCED : row->level);
			CHECK_EQ_INT(p->axes[WARD_AXIS_FILES].fix[0] != '\0',
				!view && row->level == WARD_LEVEL_NONE);
			ward_plan_free(p);
		}
	}
}

TEST(levels_that_are_none_are_a_bug_and_not_a_plan)
{
	for (int what = 0; what < 3; what++) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		enum ward_level minimum[WARD_AXIS_MAX];
		signed char wish[WARD_AXIS_MAX];
		struct ward_error err = WARD_ERROR_INIT;

		CASE("%d", what);
		memcpy(minimum, ward_minimum, sizeof(minimum));
		memset(wish, -1, sizeof(wish));
		if (what == 0)
			minimum[WARD_AXIS_NETWORK] = WARD_LEVEL_MAX;
		else
			wish[WARD_AXIS_NETWORK] = WARD_LEVEL_MAX;
		in.minimum = minimum;
		in.require = what == 1 ? wish : NULL;
		in.accept = what == 2 ? wish : NULL;
		CHECK_EQ_INT(refused(&in, &err), WARD_E_INTERNAL);
		CHECK_STR_CONTAINS(err.message, "axis network");
	}
}

/* Whatever is accepted: its command would be root. */
TEST(root_that_has_to_stay_root_is_no_plan)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	signed char all[WARD_AXIS_MAX] = { 0 };
	struct ward_error err = WARD_ERROR_INIT;

	h.uid = h.gid = 0;
	h.stuck = true;
	in.accept = all;
	for (int ns = 0; ns < 2; ns++) {
		h.userns = ns;
		CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
		CHECK_STR_CONTAINS(err.message, "axis processes cannot be held: root");
		CHECK_STR_CONTAINS(err.fix, "run ward as an ordinary user");
	}
	h.stuck = false;
	h.host_root = true;
	h.uid = h.gid = 1000;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message,
		"axis processes cannot be held: user 1000 here is root on the host");
	in.backend = WARD_BACKEND_DIRECT;
	ward_plan_free(must_build(&in));
}

TEST(ids_inside_are_others_only_in_a_user_namespace)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	signed char all[WARD_AXIS_MAX] = { 0 };

	h.uid = h.gid = 0;
	in.accept = all;
	for (int ns = 0; ns < 2; ns++) {
		struct ward_plan *p;

		h.userns = ns;
		p = must_build(&in);
		CHECK_EQ_UINT(p->host_uid, WARD_RESERVED_ID);
		CHECK_EQ_UINT(p->inside_uid, ns ? WARD_INSIDE_ID : WARD_RESERVED_ID);
		CHECK_EQ_UINT(p->inside_gid, ns ? WARD_INSIDE_ID : WARD_RESERVED_ID);
		ward_plan_free(p);
	}
}

/* What is asked for by name counts with every backend: direct accepts in place of who says nothing, and of nobody else. */
TEST(require_and_accept_of_one_axis)
{
	static const struct {
		bool direct;
		signed char require, accept;
		int r;
	} rows[] = {
		{ false, WARD_LEVEL_ENFORCED, WARD_LEVEL_ADVISORY, WARD_E_INVALID },
		{ true, WARD_LEVEL_ENFORCED, WARD_LEVEL_ADVISORY, WARD_E_INVALID },
		{ true, WARD_LEVEL_ENFORCED, -1, WARD_E_AXIS },
		{ true, -1, -1, WARD_OK },
		{ true, -1, WARD_LEVEL_NONE, WARD_OK },
		{ false, WARD_LEVEL_ENFORCED, -1, WARD_OK },
		{ false, WARD_LEVEL_ADVISORY, WARD_LEVEL_ADVISORY, WARD_OK },
		{ false, -1, WARD_LEVEL_ENFORCED, WARD_OK },
		{ false, WARD_LEVEL_ENFORCED, WARD_LEVEL_ENFORCED, WARD_OK },
		{ false, -1, WARD_LEVEL_NONE, WARD_OK },
	};

	TABLE(row, rows) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_error err = WARD_ERROR_INIT;
		signed char require[WARD_AXIS_MAX], accept[WARD_AXIS_MAX];
		struct ward_plan *p = NULL;

		CASE("row %td", row - rows);
		memset(require, -1, sizeof(require));
		memset(accept, -1, sizeof(accept));
		require[WARD_AXIS_NETWORK] = row->require;
		accept[WARD_AXIS_NETWORK] = row->accept;
		in.require = require;
		in.accept = accept;
		in.backend = row->direct ? WARD_BACKEND_DIRECT : WARD_BACKEND_NATIVE;
		CHECK_EQ_INT(ward_plan_build(&in, &p, &err), row->r);
		CHECK_EQ_INT(p != NULL, row->r == WARD_OK);
		/* Accepted is what was lowered, and nothing else. */
		CHECK(!p ||
			p->axes[WARD_AXIS_NETWORK].accepted ==
				(row->direct ||
					(row->accept >= 0 &&
						row->accept <
							(signed char)
								ward_minimum[WARD_AXIS_NETWORK])));
		ward_plan_free(p);
	}
}

/* Which single node has its changes, or its replacing, looked at first. */
TEST(what_is_looked_at_first)
{
	static const struct ward_rule rules[] = {
		{ .type = WARD_CAP_FILE_READ,
			.pattern = "/w",
			.text = "x",
			.origin = { .file = "implied" } },
		{ .type = WARD_CAP_FILE_READ,
			.pattern = "/w",
			.text = "x",
			.origin = { .file = "--read" } },
	};
	static const struct {
		const char *name;
		struct ward_node node;
		uint32_t want;
	} rows[] = {
		{ "a directory that somebody named", N(.rule = 1), WARD_SECCOMP_NOTIFY_WRITE },
		{ "one that is implied", N(.rule = 0), 0 },
		{ "of no rule", N(.rule = -1), 0 },
		{ "fixed, of no rule", N(.fixed = true), WARD_SECCOMP_NOTIFY_WRITE },
		{ "protected, of no rule", N(.protect = true), WARD_SECCOMP_NOTIFY_WRITE },
		{ "fixed and protected", N(.fixed = true, .protect = true),
			WARD_SECCOMP_NOTIFY_WRITE },
		{ "written", N(.rule = 1, .write = true), 0 },
		{ "fixed, and written", N(.fixed = true, .write = true), 0 },
		{ "of the base", N(.rule = 1, .base = true), 0 },
		{ "only held in its place", N(.fixed = true, .hold = true), 0 },
		{ "a file that somebody named", N(.is_dir = false, .rule = 1),
			WARD_SECCOMP_NOTIFY_WRITE | WARD_SECCOMP_NOTIFY_REPLACE },
		{ "a file that somebody named, written",
			N(.is_dir = false, .rule = 1, .write = true), WARD_SECCOMP_NOTIFY_REPLACE },
		{ "a file that is implied", N(.is_dir = false, .rule = 0), 0 },
		{ "a file of no rule", N(.is_dir = false), 0 },
		{ "a file of the base", N(.is_dir = false, .rule = 1, .base = true), 0 },
	};

	TABLE(row, rows) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_node node = row->node;
		struct ward_plan *p;

		CASE("%s", row->name);
		node.dest = node.source = "/w";
		node.exec = true;
		in.nodes = &node;
		in.n_nodes = 1;
		in.rules = rules;
		in.n_rules = 2;
		p = must_build(&in);
		CHECK_EQ_UINT(p->seccomp &
				(WARD_SECCOMP_NOTIFY_WRITE | WARD_SECCOMP_NOTIFY_REPLACE),
			row->want);
		ward_plan_free(p);
	}
}

/* Whatever is accepted; and what is not confined needs none of it. */
TEST(where_a_start_is_refused_there_is_no_plan)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	signed char accept[WARD_AXIS_MAX];
	struct ward_error err;

	memset(accept, WARD_LEVEL_NONE, sizeof(accept));
	in.accept = accept;
	h.refused = "memfd_create";
	h.refused_errno = EACCES;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message, "memfd_create is refused here");
	CHECK_STR_CONTAINS(err.fix, "vm.memfd_noexec");
	h.refused_errno = EPERM;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.fix, "the filter that refuses it");
	in.accept = NULL;
	in.backend = WARD_BACKEND_DIRECT;
	ward_plan_free(must_build(&in));
}

TAP_MAIN();
