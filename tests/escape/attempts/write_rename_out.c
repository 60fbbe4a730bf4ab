/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves a file of the workspace out of it.
 * class: write
 * escaped: created out/moved
 */
#include "attempt.h"

ATTEMPT(write_rename_out)
{
	return rename("own", "../out/moved") < 0 ? refused("rename") : ESCAPED;
}
