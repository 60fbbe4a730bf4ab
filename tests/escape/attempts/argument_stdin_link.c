/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaves a link for the next run, whose standard input Ward opens by that name: CVE-2026-39861, where the side that
 * is not confined followed.
 * class: arguments
 * grants: --write {ws} | --stdin file:in
 * runs: 2
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_stdin_link)
{
	int fd;

	if (number("phase") == 1)
		return symlink("../out/secret", "in") < 0 ? refused("symlink") : REFUSED;
	fd = open("in", O_RDONLY);
	return found_in(fd < 0 ? 0 : fd);
}
