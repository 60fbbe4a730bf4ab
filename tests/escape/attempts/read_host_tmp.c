/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of the host's /tmp.
 * class: read
 * args: temp
 * escaped: leak temp
 */
#include "attempt.h"

ATTEMPT(read_host_tmp)
{
	return found_in(open(arg("temp"), O_RDONLY));
}
