/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the sandbox off by its own program: ward run --backend direct.
 * class: configuration
 * args: bin secret
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(config_nested_direct)
{
	char ward[4096];

	snprintf(ward, sizeof(ward), "%s/ward", arg("bin"));
	(void)execl(ward, "ward", "run", "--audit", "/dev/null", "--backend", "direct", "--",
		"/bin/cat", arg("secret"), NULL);
	return refused("execve");
}
