/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same in a key of the session keyring.
 * class: persistence
 * args: marker
 * runs: 2
 * escaped: created ws/passed-on
 */
#include "attempt.h"

ATTEMPT(persist_key)
{
	char name[64];

	snprintf(name, sizeof(name), "left-%s", arg("marker"));
	if (number("phase") == 1)
		return syscall(SYS_add_key, "user", name, "x", 1, -3L) < 0 ? refused("add_key")
									   : REFUSED;
	if (syscall(SYS_keyctl, 10 /* SEARCH */, -3L, "user", name, 0) < 0)
		return refused("keyctl");
	return spoil(open("passed-on", O_WRONLY | O_CREAT, 0666));
}
