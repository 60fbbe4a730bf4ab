/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says yes to a question of another run, by Ward's own program.
 * class: configuration
 * plants: waiting
 * args: bin asked run
 * grants: --write {ws}
 * expect: any
 * escaped: approved
 */
#include "attempt.h"

ATTEMPT(config_approve)
{
	char ward[4096];

	snprintf(ward, sizeof(ward), "%s/ward", arg("bin"));
	(void)unsetenv("WARD_RUN");
	(void)setenv("XDG_RUNTIME_DIR", arg("asked"), 1);
	(void)execl(ward, "ward", "approve", arg("run"), NULL);
	return refused("execve");
}
