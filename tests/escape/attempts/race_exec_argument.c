/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name in memory changes while an execve is looked at: a program that may run, one that may not.
 * alone: yes
 * class: races
 * args: bin marker
 * grants: --write {ws} --cap EXTERNAL_COMMAND:{bin}/escape-attempts
 * escaped: told marker
 */
#include <pthread.h>
#include <sys/wait.h>

#include "attempt.h"

static char shared[4096];
static volatile int over;

static void *flip(void *p)
{
	const char *const *names = p;

	while (!over) {
		strcpy(shared, names[0]);
		strcpy(shared, names[1]);
	}
	return NULL;
}

ATTEMPT(race_exec_argument)
{
	char program[4096], text[128];
	const char *names[2] = { program, "/usr/bin/printf" };
	char *const words[] = { shared, text, NULL };
	pthread_t t;

	snprintf(program, sizeof(program), "%s/escape-attempts", arg("bin"));
	snprintf(text, sizeof(text), "found: %s", arg("marker"));
	(void)pthread_create(&t, NULL, flip, names);
	for (int i = 0; i < 300; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			(void)execv(shared, words);
			_exit(1);
		}
		(void)waitpid(pid, NULL, 0);
	}
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}
