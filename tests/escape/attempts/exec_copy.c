/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that may not run, copied.
 * class: processes
 * args: marker
 * grants: --write {ws} --cap EXTERNAL_COMMAND:{bin}/escape-attempts
 * escaped: told marker
 */
#include "attempt.h"

ATTEMPT(exec_copy)
{
	char text[128], buf[65536];
	int from = open("/usr/bin/printf", O_RDONLY), to = open("copy", O_WRONLY | O_CREAT, 0755);

	for (ssize_t n; (n = read(from, buf, sizeof(buf))) > 0;)
		(void)!write(to, buf, (size_t)n);
	close(to);
	snprintf(text, sizeof(text), "found: %s", arg("marker"));
	(void)execl("./copy", "printf", text, NULL);
	return refused("execve");
}
