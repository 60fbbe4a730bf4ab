/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends another run, by Ward's own program.
 * class: configuration
 * plants: living
 * args: bin asked run
 * grants: --write {ws} --write {asked}
 * expect: any
 * escaped: ended
 */
#include "attempt.h"

ATTEMPT(config_stop)
{
	char ward[4096];

	snprintf(ward, sizeof(ward), "%s/ward", arg("bin"));
	(void)unsetenv("WARD_RUN");
	(void)setenv("XDG_RUNTIME_DIR", arg("asked"), 1);
	(void)execl(ward, "ward", "stop", arg("run"), NULL);
	return refused("execve");
}
