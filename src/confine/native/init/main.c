/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-init, as it is executed: in its namespaces already (or, where that was accepted, in none), before there is a plan.
 * Whatever fails from here on is reported with its stage; nothing is retried and nothing is done without.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct init in = { .ctl = WARD_LAUNCH_FD_CTL,
		.cmd = WARD_LAUNCH_FD_CMD,
		.fuse = WARD_LAUNCH_FD_FUSE,
		.oom = -1 };

	if (syscall(NR_close_range, (unsigned)WARD_LAUNCH_FD_FUSE + 1, ~0u, 0) < 0)
		fail(in.ctl, WARD_STAGE_FORK, errno, "close_range");
	in.namespaces = argc == 2 && strcmp(argv[1], WARD_LAUNCH_NAMESPACES) == 0;
	if (!in.namespaces && (argc != 2 || strcmp(argv[1], WARD_LAUNCH_PLAIN) != 0))
		fail(in.ctl, WARD_STAGE_BLOB, EINVAL, "arguments");
	init_main(&in);
}
