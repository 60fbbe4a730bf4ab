/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a file in a directory outside every grant.
 * class: write
 * escaped: created out/new
 */
#include "attempt.h"

ATTEMPT(write_create)
{
	return spoil(open("../out/new", O_WRONLY | O_CREAT, 0666));
}
