/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that may not run, as the interpreter of a script of the workspace.
 * class: processes
 * args: marker
 * grants: --write {ws} --cap EXTERNAL_COMMAND:{bin}/escape-attempts
 * escaped: told marker
 */
#include "attempt.h"

ATTEMPT(exec_script)
{
	FILE *f = fopen("script", "w");

	if (!f)
		return refused("open");
	fprintf(f, "#!/usr/bin/printf found:\\040%s\\n\n", arg("marker"));
	fclose(f);
	(void)chmod("script", 0755);
	(void)execl("./script", "script", NULL);
	return refused("execve");
}
