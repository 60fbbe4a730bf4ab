/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workspace is named through a link; what lies beside its target is asked for by .. .
 * class: arguments
 * plants: linked_workspace
 * args: linked
 * grants: --write {linked}
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_linked_workspace)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/../out/secret", arg("linked"));
	return found_in(open(path, O_RDONLY));
}
