/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only the size of a file that is not granted.
 * class: read
 * args: sized
 * escaped: told size
 */
#include "attempt.h"

ATTEMPT(read_size)
{
	struct stat st;
	char text[32];

	if (stat(arg("sized"), &st) < 0)
		return refused("stat");
	snprintf(text, sizeof(text), "%lld", (long long)st.st_size);
	return found(text, strlen(text));
}
