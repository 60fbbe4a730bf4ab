/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a policy of the user, for the next run: the user's directory is granted, the file is not there yet.
 * class: configuration
 * plants: owner
 * grants: --write {home} --i-know
 * args: home
 * escaped: created home/.config/ward/grant.cedar
 */
#include "attempt.h"

ATTEMPT(config_user_policy)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/.config", arg("home"));
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/ward", arg("home"));
	(void)mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/.config/ward/grant.cedar", arg("home"));
	return spoil(open(path, O_WRONLY | O_CREAT, 0600));
}
