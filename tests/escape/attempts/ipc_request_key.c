/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key of the user, by request_key; what it is in is listed in /proc/keys.
 * class: ipc
 * plants: key
 * args: key
 * escaped: leak key
 */
#include "attempt.h"

ATTEMPT(ipc_request_key)
{
	char buf[100];
	long id = syscall(SYS_request_key, "user", arg("key"), NULL, 0);
	long n = id < 0 ? -1 : syscall(SYS_keyctl, 11 /* READ */, id, buf, sizeof(buf), 0);

	return n > 0 ? found(buf, (size_t)n) : refused("request_key");
}
