/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that may not run, by a descriptor (execveat).
 * class: processes
 * args: marker
 * grants: --write {ws} --cap EXTERNAL_COMMAND:{bin}/escape-attempts
 * escaped: told marker
 */
#include "attempt.h"

ATTEMPT(exec_descriptor)
{
	char name[] = "printf", text[128];
	char *const words[] = { name, text, NULL };
	int fd = open("/usr/bin/printf", O_PATH);

	snprintf(text, sizeof(text), "found: %s", arg("marker"));
	(void)syscall(SYS_execveat, fd, "", words, words + 2, AT_EMPTY_PATH);
	return refused("execveat");
}
