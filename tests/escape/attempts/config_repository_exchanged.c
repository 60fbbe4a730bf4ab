/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by an exchange of names, where the directory is there.
 * class: configuration
 * plants: config
 * escaped: created ws/.ward/grant.cedar
 */
#include "attempt.h"

ATTEMPT(config_repository_exchanged)
{
	if (mkdir("new", 0755) < 0 ||
		spoil(open("new/grant.cedar", O_WRONLY | O_CREAT, 0644)) != ESCAPED)
		return refused("mkdir");
	return renameat2(AT_FDCWD, "new", AT_FDCWD, ".ward", RENAME_EXCHANGE) < 0
		? refused("renameat2")
		: ESCAPED;
}
