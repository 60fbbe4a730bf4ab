/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network namespace: empty, its loopback up; and with egress, captured (../net/net.h). What the supervisor needs of it goes to it.
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

	/* Any socket will do: a filter may leave us this alone (RestrictAddressFamilies= of a systemd unit). */
	if (s < 0)
		s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

void net_capture(struct init *in, bool redirects)
{
	const char *step = "";
	int r = ward_capture_make(redirects, in->net, &step);

	if (r == 0)
		r = ward_capture_prove(redirects, in->net, &step);
	in->captured = true;
	in->capture_error = r;
	in->capture_step = step;
}

void net_hand_over(struct init *in)
{
	struct ward_msg m = { .type = WARD_MSG_NET };
	int fds[WARD_CAPTURE_SOCKETS + 1];
	size_t n = 0;
	int r = in->capture_error, door = -1;

	if (in->captured && r == 0)
		r = ward_capture_names(in->net, &in->capture_step);
	if (r < 0)
		fail(in->ctl, WARD_STAGE_EGRESS, -r, in->capture_step);
	if (in->l->flags & WARD_LAUNCH_PUBLISH)
		door = door_make(in);
	for (int i = 0; i <= WARD_CAPTURE_SOCKETS; i++) {
		int fd = i == WARD_CAPTURE_SOCKETS ? door : in->captured ? in->net[i] : -1;

		if (fd < 0)
			continue;
		m.value |= 1 << i;
		fds[n++] = fd;
	}
	if (n == 0)
		return;
	msg_send(in->ctl, &m, fds, n);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}
