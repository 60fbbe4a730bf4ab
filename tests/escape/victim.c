/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the host that attempts are made on: holds a secret in its memory, one behind descriptor 209, others in its
 * environment and arguments (escape.py puts them there), and sleeps. It prints the address of the one in memory. It refuses
 * nothing itself: what protects it has to come from elsewhere.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char secret[64];

int main(void)
{
	int fd = memfd_create("victim", 0);

	if (read(0, secret, sizeof(secret) - 1) <= 0 || fd < 0 || dup2(fd, 209) < 0 ||
		write(209, secret, strlen(secret)) < 0)
		return 1;
	printf("%p\n", (void *)secret);
	fflush(stdout);
	sleep(60);
	return 0;
}
