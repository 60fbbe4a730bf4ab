/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a directory: a name from there.
 * class: read
 * stdio: dir
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(read_stdin_dir)
{
	return found_in(openat(0, "secret", O_RDONLY));
}
