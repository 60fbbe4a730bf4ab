/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyring for one's parent, who then lost Landlock: CVE-2024-42318. The kernel does that to a parent of one thread alone,
 * so it is done to one of our own; whoever started us may have many.
 * class: kernel
 * escaped: answered
 */
#include <sys/wait.h>

#include "attempt.h"

ATTEMPT(kernel_session_to_parent)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		/* a keyring that the parent has not; without one there is nothing to hand over, which is an answer as well */
		(void)syscall(SYS_keyctl, 1 /* JOIN_SESSION_KEYRING */, 0);
		_exit(syscall(SYS_keyctl, 18 /* SESSION_TO_PARENT */) < 0 ? errno : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return IMPOSSIBLE;
	errno = WEXITSTATUS(status);
	if (errno == EPERM || errno == EACCES || errno == ENOSYS) {
		(void)refused("keyctl");
		return errno == ENOSYS ? IMPOSSIBLE : REFUSED;
	}
	printf("answered: %s\n", strerror(errno));
	return ESCAPED;
}
