/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log lies in what the run may write: its records can be changed.
 * class: arguments
 * plants: inner_log
 * args: inner token
 * grants: --write {ws} --audit {inner}
 * expect: refused
 * escaped: logged inner
 */
#include "attempt.h"

ATTEMPT(argument_log_in_grant)
{
	int fd = open(arg("inner"), O_WRONLY | O_APPEND);

	return fd >= 0 && dprintf(fd, "\n%s\n", arg("token")) > 0 ? ESCAPED : refused("log");
}
