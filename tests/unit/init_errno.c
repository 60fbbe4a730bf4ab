/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The errno of ward-init and that of the command's child (src/confine/native/init/errno.c), which share their memory: what fails in the one is
 * nothing to the other, however they take turns. With musl, as ward-init is built: tap.h is not.
 */
#include "confine/native/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int turn;
static int seen_in_child;

static void wait_for(int n)
{
	while (atomic_load(&turn) != n)
		sched_yield();
}

/* Its call fails between one of the init's and the look at it, and the other way round. */
static int child(void *arg)
{
	(void)arg;
	(void)openat(AT_FDCWD, "/", O_WRONLY); /* EISDIR */
	wait_for(1);
	(void)close(-1); /* EBADF */
	(void)openat(AT_FDCWD, "/", O_WRONLY);
	atomic_store(&turn, 2);
	wait_for(3);
	seen_in_child = errno;
	_exit(0);
}

int main(void)
{
	int seen, status = -1;
	pid_t pid = clone(child, child_stack + CHILD_STACK, CLONE_VM | SIGCHLD, NULL);

	(void)openat(AT_FDCWD, "/nothing/of/the/kind", O_RDONLY); /* ENOENT */
	atomic_store(&turn, 1);
	wait_for(2);
	seen = errno;
	(void)close(-1);
	atomic_store(&turn, 3);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		printf("Bail out! no child: %d\n", status);
		return 1;
	}
	printf("TAP version 13\n1..2\n");
	printf("%sok 1 - what fails in the child is not what failed in the init: %d\n",
		seen == ENOENT ? "" : "not ", seen);
	printf("%sok 2 - what fails in the init is not what failed in the child: %d\n",
		seen_in_child == EISDIR ? "" : "not ", seen_in_child);
	return seen != ENOENT || seen_in_child != EISDIR;
}
