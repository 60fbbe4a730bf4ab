/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file by its handle, without any path: all of the file system can be reached so.
 * class: read
 * for: root
 * plants: handle
 * args: handle
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_by_handle)
{
	union {
		struct file_handle h;
		unsigned char bytes[256];
	} u = { 0 };
	const char *hex = arg("handle");

	for (size_t i = 0; hex[2 * i] && i < sizeof(u.bytes); i++)
		sscanf(hex + 2 * i, "%2hhx", &u.bytes[i]);
	return found_in(open_by_handle_at(open(".", O_RDONLY), &u.h, O_RDONLY));
}
