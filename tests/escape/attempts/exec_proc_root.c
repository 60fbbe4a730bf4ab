/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that may not run, by the name of one's own root in /proc.
 * class: processes
 * args: marker
 * grants: --write {ws} --cap EXTERNAL_COMMAND:{bin}/escape-attempts
 * escaped: told marker
 */
#include "attempt.h"

ATTEMPT(exec_proc_root)
{
	char text[128];

	snprintf(text, sizeof(text), "found: %s", arg("marker"));
	(void)execl("/proc/self/root/usr/bin/printf", "printf", text, NULL);
	return refused("execve");
}
