/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a file, opened for reading: open it again, for writing.
 * class: write
 * stdio: file
 * escaped: changed target
 */
#include "attempt.h"

ATTEMPT(write_stdin_again)
{
	return spoil(open("/proc/self/fd/0", O_WRONLY));
}
