/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespace, and the steps that the launcher hands to the init.
 *
 * Making a network namespace is most of what namespaces cost. The init does it first of all, while the supervisor still
 * plans. A launcher that fails has reported it; the init then waits for a step that does not come, and ends with the
 * supervisor's socket.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void loopback_up(const struct init *in)
{
	struct ifreq r = { .ifr_flags = IFF_UP };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(r.ifr_name, "lo", 3);
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &r) < 0)
		fail(in->ctl, WARD_STAGE_NET, errno, "lo");
	close(s);
}

void net_make(const struct init *in)
{
	if (unshare(CLONE_NEWNET) < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, "network namespace");
	loopback_up(in);
}

static void must_read(const struct init *in, void *p, size_t n)
{
	struct pollfd f[2] = { { in->handoff[0], POLLIN, 0 }, { in->ctl, 0, 0 } };
	char *at = p;

	while (n > 0) {
		ssize_t got;

		if (poll(f, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		if (f[1].revents)
			_exit(1);
		if (!(f[0].revents & POLLIN))
			continue;
		got = read(in->handoff[0], at, n);
		if (got <= 0)
			_exit(1);
		at += got;
		n -= (size_t)got;
	}
}

void handoff_wait(const struct init *in, enum handoff step, void *p, size_t n)
{
	char c;

	must_read(in, &c, 1);
	if (c != (char)step)
		fail(in->ctl, WARD_STAGE_BLOB, EPROTO, "handoff");
	must_read(in, p, n);
}

void handoff_send(const struct init *in, enum handoff step, const void *p, size_t n)
{
	char c = (char)step;

	if (write(in->handoff[1], &c, 1) != 1 || (n && write(in->handoff[1], p, n) != (ssize_t)n))
		fail(in->ctl, WARD_STAGE_CLONE, errno, "handoff");
}
