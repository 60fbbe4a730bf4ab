/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespace: empty, its loopback up.
 *
 * Making one is most of what namespaces cost. The init does it first of all, while the supervisor still plans.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <net/if.h>
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
	if (WARD_OFF(NS_NET))
		return;
	if (unshare(CLONE_NEWNET) < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, "network namespace");
	loopback_up(in);
}
