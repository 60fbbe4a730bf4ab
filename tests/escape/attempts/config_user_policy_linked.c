/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by a link.
 * class: configuration
 * plants: owner
 * grants: --write {home} --i-know
 * args: home
 * escaped: created home/.config/ward/grant.cedar
 */
#include "attempt.h"

ATTEMPT(config_user_policy_linked)
{
	if (chdir(arg("home")) < 0 || mkdir("new", 0700) < 0 || mkdir("new/ward", 0700) < 0 ||
		spoil(open("new/ward/grant.cedar", O_WRONLY | O_CREAT, 0600)) != ESCAPED)
		return refused("mkdir");
	(void)rename(".config", "old");
	return symlink("new", ".config") < 0 ? refused("symlink") : ESCAPED;
}
