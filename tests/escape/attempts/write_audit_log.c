/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends a line to Ward's own log.
 * class: write
 * args: log token
 * escaped: logged log
 */
#include "attempt.h"

ATTEMPT(write_audit_log)
{
	int fd = open(arg("log"), O_WRONLY | O_APPEND);

	return fd >= 0 && dprintf(fd, "\n%s\n", arg("token")) > 0 ? ESCAPED : refused("log");
}
