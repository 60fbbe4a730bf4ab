/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts in a directory that is not granted, and reads by a relative name: who chooses the directory must not choose
 * the root (CVE-2025-59532).
 * class: arguments
 * grants: --write {ws} --cwd {out}
 * args: out
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_cwd_outside)
{
	int fd = open("secret", O_RDONLY);

	if (fd < 0 && chdir(arg("out")) == 0)
		fd = open("secret", O_RDONLY);
	return found_in(fd);
}
