/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard input is a file of the host: change its mode. An ordinary user's file cannot be kept from its own user; the
 * plan says so, and a run that requires files.meta to be enforced does not start.
 * grants: --write {ws} --require files.meta=enforced
 * expect: any
 * class: write
 * stdio: file
 * escaped: mode target
 */
#include "attempt.h"

ATTEMPT(write_stdin_chmod)
{
	return fchmod(0, 0777) < 0 ? refused("fchmod") : ESCAPED;
}
