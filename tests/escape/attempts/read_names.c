/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only the names in a directory that is not granted.
 * class: read
 * escaped: leak name
 */
#include <dirent.h>

#include "attempt.h"

ATTEMPT(read_names)
{
	DIR *d = opendir("../out");
	int result = REFUSED;

	for (struct dirent *e; d && (e = readdir(d));)
		result = found(e->d_name, strlen(e->d_name));
	return result;
}
