/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespace: empty, its loopback up; and with egress, captured (../net/net.h). What the supervisor needs of it goes to it.
 *
 * Making one is most of what namespaces cost. The init does it first of all, while the supervisor still plans.
 */
#include "init.h"
#include "sys.h"
#include "confine/native/net/net.h"

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

void net_capture(struct init *in)
{
	struct ward_msg m = { .type = WARD_MSG_NET };
	int sockets[WARD_CAPTURE_SOCKETS + 1] = { -1, -1, -1, -1, -1 };
	int fds[WARD_CAPTURE_SOCKETS + 1];
	const char *step = "";
	size_t n = 0;
	bool redirects = in->l->flags & WARD_LAUNCH_REDIRECTS;
	int r = 0;

	if (in->l->flags & WARD_LAUNCH_EGRESS) {
		r = ward_capture_make(redirects, sockets, &step);
		if (r == 0)
			r = ward_capture_prove(redirects, sockets, &step);
	}
	if (r < 0)
		fail(in->ctl, WARD_STAGE_EGRESS, -r, step);
	if (in->l->flags & WARD_LAUNCH_PUBLISH)
		sockets[WARD_CAPTURE_SOCKETS] = door_make(in);
	for (int i = 0; i <= WARD_CAPTURE_SOCKETS; i++)
		if (sockets[i] >= 0) {
			m.value |= 1 << i;
			fds[n++] = sockets[i];
		}
	if (n == 0)
		return;
	msg_send(in->ctl, &m, fds, n);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}
