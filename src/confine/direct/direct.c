/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backend direct: trusted code, not isolated from anything, and run all the same under a log, limits, a composed environment and
 * a supervisor that leaves nothing of it behind.
 *
 * The helper is ward-init, as for native, with every control off (no namespace, no filter, no Landlock, no ids changed): it closes
 * what was inherited, enters the cgroup, sets the rlimits, becomes the subreaper of all that the command starts, and ends it
 * when the command or the supervisor has ended. Where there is a cgroup, that ends what is left as well; without one a program that
 * became another user can outlive it. Nothing here falls back to anything, and nothing falls back to this: only
 * --backend direct leads here.
 */
#include "confine/backend.h"
#include "confine/helper.h"

const struct ward_backend_ops ward_direct_backend = {
	.name = "direct",
	WARD_HELPER_OPS,
};
