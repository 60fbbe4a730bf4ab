/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hard-links a file of the workspace to a place outside.
 * class: write
 * args: out
 * escaped: created out/linked
 */
#include "attempt.h"

ATTEMPT(write_link_out)
{
	char path[4096];
	int fd = open("mine", O_CREAT | O_WRONLY, 0666);

	(void)fd;
	snprintf(path, sizeof(path), "%s/linked", arg("out"));
	return link("mine", path) < 0 ? refused("link") : ESCAPED;
}
