/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same, to write where the link leads.
 * class: races
 * grants: --write {ws}
 * runs: 15
 * during: swap-policies
 * expect: any
 * escaped: created out/raced
 */
#include "attempt.h"

ATTEMPT(race_protected_name_write)
{
	return spoil(open(".ward/raced", O_WRONLY | O_CREAT, 0666));
}
