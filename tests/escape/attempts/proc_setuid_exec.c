/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program of the host that is set-user-ID root, and keeps it waiting for input.
 * class: processes
 * for: user
 * during: look
 * escaped: root-program
 */
#include <signal.h>
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(proc_setuid_exec)
{
	int p[2];
	pid_t pid;

	if (pipe(p) < 0)
		return refused("pipe");
	pid = fork();
	if (pid == 0) {
		(void)dup2(p[0], 0);
		(void)execl("/usr/bin/passwd", "passwd", NULL);
		fprintf(stderr, "no /usr/bin/passwd\n");
		_exit(IMPOSSIBLE);
	}
	usleep(700 * 1000);
	(void)kill(pid, SIGKILL);
	close(p[1]);
	return REFUSED;
}
