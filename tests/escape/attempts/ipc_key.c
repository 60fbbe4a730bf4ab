/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key in the session keyring that the run inherits.
 * class: ipc
 * plants: key
 * args: key
 * escaped: leak key
 */
#include "attempt.h"

ATTEMPT(ipc_key)
{
	char buf[100];
	long id = syscall(SYS_keyctl, 10 /* SEARCH */, -3L, "user", arg("key"), 0);
	long n = id < 0 ? -1 : syscall(SYS_keyctl, 11 /* READ */, id, buf, sizeof(buf), 0);

	return n > 0 ? found(buf, (size_t)n) : refused("keyctl");
}
