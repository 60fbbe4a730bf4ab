/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the list of trusted repositories.
 * class: configuration
 * plants: owner
 * grants: --write {home} --i-know
 * args: home
 * escaped: created home/.local/state/ward/trust
 */
#include "attempt.h"

ATTEMPT(config_trust_list)
{
	if (chdir(arg("home")) < 0)
		return refused("chdir");
	(void)mkdir(".local", 0700);
	(void)mkdir(".local/state", 0700);
	(void)mkdir(".local/state/ward", 0700);
	return spoil(open(".local/state/ward/trust", O_WRONLY | O_CREAT, 0600));
}
