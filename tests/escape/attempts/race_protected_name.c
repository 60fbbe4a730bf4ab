/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host swaps the directory of Ward's own policies and a link out of the workspace while Ward starts,
 * which covers that name: what came of CVE-2025-31133.
 * class: races
 * grants: --write {ws}
 * runs: 15
 * during: swap-policies
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(race_protected_name)
{
	return found_in(open(".ward/secret", O_RDONLY));
}
