/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of a datagram changes in memory while sendto is decided: own loopback, address of the host.
 * alone: yes
 * class: network
 * plants: udp
 * args: port address token
 * escaped: heard
 */
#include <pthread.h>
#include <unistd.h>

#include "net.h"

static struct sockaddr_storage shared;
static volatile int over;

static void *flip(void *p)
{
	struct sockaddr_storage own;

	(void)address(AF_INET, "127.0.0.2", &own);
	while (!over) {
		memcpy(&shared, &own, sizeof(struct sockaddr_in));
		memcpy(&shared, p, sizeof(struct sockaddr_in));
	}
	return NULL;
}

ATTEMPT(net_address_race)
{
	struct sockaddr_storage other;
	socklen_t n = address(AF_INET, arg("address"), &other);
	const char *token = arg("token");
	pthread_t t;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (pthread_create(&t, NULL, flip, &other))
		return refused("thread");
	/* On one busy processor the other thread would not run before this one is through. */
	for (int i = 0; i < 20000; i++) {
		if (i % 1000 == 0)
			(void)usleep(100);
		(void)sendto(fd, token, strlen(token), 0, (struct sockaddr *)&shared, n);
	}
	over = 1;
	(void)pthread_join(t, NULL);
	return REFUSED;
}
