/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps a file of the read grant to be written, shared.
 * class: write
 * args: ro fixed
 * grants: --write {ws} --read {ro}
 * escaped: changed fixed
 */
#include <sys/mman.h>

#include "attempt.h"

ATTEMPT(write_read_grant_map)
{
	int fd = open(arg("fixed"), O_RDWR);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return refused("mmap");
	memcpy(p, "spoiled", 7);
	return ESCAPED;
}
