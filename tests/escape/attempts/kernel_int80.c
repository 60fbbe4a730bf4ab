/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a file through the 32-bit door.
 * class: kernel
 * args: secret
 * escaped: leak file
 */
#include "int80.h"

ATTEMPT(kernel_int80)
{
	char *path = low_page();

	snprintf(path, 4096, "%s", arg("secret"));
	return found_in((int)int80(5, (long)(uintptr_t)path, 0, 0));
}
