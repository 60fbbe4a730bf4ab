/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grant is the name of a descriptor that was left open.
 * class: arguments
 * grants: --write {ws} --read /proc/self/fd/208
 * args: secret
 * expect: refused
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_grant_descriptor)
{
	int fd = open("/proc/self/fd/208/secret", O_RDONLY);

	return found_in(fd < 0 ? open(arg("secret"), O_RDONLY) : fd);
}
