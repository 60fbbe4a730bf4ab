/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners of the host's, for what a run publishes. What they accept goes the way of all flows, but for its bytes: they come from
 * outside to a server of the sandbox's, so there is nothing that they could ask for beyond it, and nothing is held. Who is let in, and
 * where to, the gate says.
 */
#include "relay.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int watch(struct relay *r, int op, uint32_t which)
{
	struct epoll_event e = { .events = EPOLLIN,
		.data.u64 = (uint64_t)RELAY_KIND_INWARD << 32 | which };

	return epoll_ctl(r->epoll, op, r->inward[which], &e);
}

bool relay_inward_socket(struct relay *r, uint32_t which, int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	if (which != r->n_inward || which >= WARD_PUBLISH_SOCKETS_MAX ||
		getsockname(fd, (struct sockaddr *)&ss, &n) < 0 ||
		(ss.ss_family != AF_INET && ss.ss_family != AF_INET6)) {
		(void)close(fd);
		return false;
	}
	r->inward[r->n_inward++] = fd;
	/* While nothing new is taken on it waits with the others. */
	return r->paused || watch(r, EPOLL_CTL_ADD, which) == 0;
}

int relay_inward_listen(struct relay *r, int op)
{
	for (uint32_t i = 0; i < r->n_inward; i++)
		if (watch(r, op, i) < 0)
			return -1;
	return 0;
}

bool relay_inward_begin(struct relay *r, struct relay_flow *f)
{
	if (r->inward_flows >= WARD_INWARD_FLOWS_MAX)
		return false;
	r->inward_flows++;
	f->inward = f->passed = true;
	return true;
}
