/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same file, through the own root directory, by .. from there.
 * class: read
 * args: secret
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_self_root)
{
	char path[4096];

	snprintf(path, sizeof(path), "/proc/self/root/../..%s", arg("secret"));
	return found_in(open(path, O_RDONLY));
}
