/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces a process of the host and reads its memory word by word.
 * class: processes
 * plants: victim
 * args: pid addr
 * escaped: leak victim-memory
 */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(proc_ptrace)
{
	pid_t pid = number("pid");
	char *at = (char *)(uintptr_t)strtoull(arg("addr"), NULL, 16);
	long words[6];

	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
		return refused("ptrace");
	(void)waitpid(pid, NULL, __WALL);
	for (int i = 0; i < 6; i++)
		words[i] = ptrace(PTRACE_PEEKDATA, pid, at + 8 * i, NULL);
	(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return found(words, sizeof(words));
}
