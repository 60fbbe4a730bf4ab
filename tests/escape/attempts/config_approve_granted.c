/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same where the directory around the socket is granted.
 * class: configuration
 * plants: waiting
 * args: bin asked run
 * grants: --write {ws} --write {asked}
 * expect: any
 * escaped: approved
 */
#include "attempt.h"

ATTEMPT(config_approve_granted)
{
	char ward[4096];

	snprintf(ward, sizeof(ward), "%s/ward", arg("bin"));
	(void)unsetenv("WARD_RUN");
	(void)setenv("XDG_RUNTIME_DIR", arg("asked"), 1);
	(void)execl(ward, "ward", "approve", arg("run"), NULL);
	return refused("execve");
}
