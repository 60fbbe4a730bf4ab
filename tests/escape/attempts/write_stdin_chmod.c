/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a file of the host, opened for reading: change its mode.
 * class: write
 * stdio: file
 * escaped: mode target
 */
#include "attempt.h"

ATTEMPT(write_stdin_chmod)
{
	return fchmod(0, 0777) < 0 ? refused("fchmod") : ESCAPED;
}
