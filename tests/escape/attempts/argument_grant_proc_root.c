/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grant is a directory by the name of another process.
 * class: arguments
 * plants: victim
 * grants: --write {ws} --read /proc/{pid}/cwd
 * args: pid
 * expect: refused
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(argument_grant_proc_root)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd/secret", number("pid"));
	return found_in(open(path, O_RDONLY));
}
