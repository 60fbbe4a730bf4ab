/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, as it is executed: in its namespaces already (or, where that was accepted, in none), before there is a plan.
 * Whatever fails from here on is reported with its stage; nothing is retried and nothing is done without.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#ifdef WARD_MUTATIONS
static const char *mutation;

bool ward_off(enum ward_mutation m)
{
	static const char *const names[] = {
#define WARD_X(id, name, text, view, plain) [WARD_MUTATION_##id] = (name),
		WARD_MUTATIONS_TABLE(WARD_X)
#undef WARD_X
	};

	return strcmp(mutation, names[m]) == 0;
}
#endif

/* All trees are open at once, and what is handed over is counted against it (child.c). The command's own limit is set later. */
static void raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

int main(int argc, char **argv)
{
	struct init in = { .ctl = WARD_LAUNCH_FD_CTL,
		.cmd = WARD_LAUNCH_FD_CMD,
		.fuse = WARD_LAUNCH_FD_FUSE,
		.end = WARD_LAUNCH_FD_END,
		.oom = -1,
		.input_given = -1,
		.input_mine = -1,
		.door = -1,
		.layer = -1,
		.outside = -1 };

#ifdef WARD_MUTATIONS
	mutation = argc == 3 ? argv[--argc] : "";
#endif
	if (!WARD_OFF(DESCRIPTOR) &&
		syscall(NR_close_range, (unsigned)WARD_LAUNCH_FD_MAX, ~0u, 0) < 0)
		fail(in.ctl, WARD_STAGE_FORK, errno, "close_range");
	in.ahead = argc == 2 && strcmp(argv[1], WARD_LAUNCH_CAPTURED) == 0;
	in.namespaces = in.ahead || (argc == 2 && strcmp(argv[1], WARD_LAUNCH_NAMESPACES) == 0);
	if (!in.namespaces && (argc != 2 || strcmp(argv[1], WARD_LAUNCH_PLAIN) != 0))
		fail(in.ctl, WARD_STAGE_BLOB, EINVAL, "arguments");
	raise_files();
	init_main(&in);
}
