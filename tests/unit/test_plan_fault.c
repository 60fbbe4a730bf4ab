/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of a plan fails once, and then from there on: no plan, the error says why, and nothing is lost. */
#include "arena_wrap.h"
#include "plan_util.h"

static int build(struct ward_plan **ret, struct ward_error *err)
{
	static const struct ward_rule rules[] = { { .type = WARD_CAP_FILE_WRITE,
							  .pattern = "/w",
							  .text = "--write .",
							  .origin = { .file = "--write" } },
		{ .type = WARD_CAP_FILE_READ, .pattern = "/d" } };
	static const struct ward_node nodes[] = {
		BIND_OF(0, true, "/w", .write = true),
		{ .kind = WARD_NODE_BIND,
			.dest = "/w/pin",
			.source = "/w/pin",
			.pin = true,
			.pin_text = "gitdir: x\n",
			.later = "git",
			.fixed = true,
			.rule = -1 },
		NODE(FILE, "/etc/a/hosts", .source = "text", .source_len = 4, .base = true),
		NODE(SYMLINK, "/bin", .source = "usr/bin", .base = true),
		NODE(TMPFS, "/tmp", .size = MIB, .base = true),
	};
	static const char *const warnings[] = { "a warning" }, *const exec[] = { "/w/tool" };
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	signed char accept[WARD_AXIS_MAX] = { 0 };

	in.nodes = nodes;
	in.n_nodes = WARD_ARRAY_SIZE(nodes);
	in.rules = rules;
	in.n_rules = WARD_ARRAY_SIZE(rules);
	in.warnings = warnings;
	in.n_warnings = 1;
	in.exec_paths = exec;
	in.n_exec_paths = 1;
	in.repo_root = "/repo";
	in.late = "what is to come is not held";
	in.accept = accept;
	return ward_plan_build(&in, ret, err);
}

TEST(no_memory)
{
	for (int how = 0; how < 2; how++) {
		unsigned failures = 0;

		for (long n = 0;; n++) {
			struct ward_plan *p = (struct ward_plan *)&failures;
			struct ward_error err = WARD_ERROR_INIT;
			long before = live;
			int r;

			CASE("%s %ld", how ? "once" : "from", n);
			once = how;
			fired = false;
			countdown = n;
			r = build(&p, &err);
			countdown = -1;
			if (!fired) {
				CHECK_EQ_INT(r, WARD_OK);
				ward_plan_free(p);
				break;
			}
			failures++;
			CHECK_EQ_INT(r, WARD_E_NOMEM);
			CHECK_NULL(p);
			CHECK_STR_CONTAINS(err.message, "memory");
			CHECK_EQ_INT(live, before);
		}
		CHECK(failures > 20);
	}
}

TAP_MAIN();
