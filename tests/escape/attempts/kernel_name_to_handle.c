/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle of a directory that is granted: half of the way to every other file of its file system.
 * class: kernel
 * plants: handle
 * args: ws
 * escaped: told handle_type
 */
#include "attempt.h"

ATTEMPT(kernel_name_to_handle)
{
	union {
		struct file_handle h;
		char bytes[256];
	} u = { .h.handle_bytes = 128 };
	char text[32];
	int mount;

	if (name_to_handle_at(AT_FDCWD, arg("ws"), &u.h, &mount, 0) < 0)
		return refused("name_to_handle_at");
	snprintf(text, sizeof(text), "handle %d", u.h.handle_type);
	return found(text, strlen(text));
}
