/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that may not run, by a link from the workspace.
 * class: processes
 * args: marker
 * grants: --write {ws} --cap EXTERNAL_COMMAND:{bin}/escape-attempts
 * escaped: told marker
 */
#include "attempt.h"

ATTEMPT(exec_link)
{
	char text[128];

	snprintf(text, sizeof(text), "found: %s", arg("marker"));
	(void)symlink("/usr/bin/printf", "link");
	(void)execl("./link", "printf", text, NULL);
	return refused("execve");
}
