/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that a run's network ends at, and everything that leads to them. */
#define _GNU_SOURCE
#include "confine/native/mutations.h"
#include "confine/native/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

#define DIAL_MS 2000 /* on the loopback: at once, but for a machine that is busy */

enum { TCP4, TCP6, UDP4, UDP6, N_SOCKETS = WARD_CAPTURE_SOCKETS };

struct option {
	int level, name;
};
/* Each is set to 1. */
static const struct {
	int family, type;
	uint16_t port;
	struct option options[4]; /* up to one of level 0 that is not IPPROTO_IP's */
	int n_options;
	const char *step;
} sockets_of[N_SOCKETS] = {
	[TCP4] = { AF_INET, SOCK_STREAM, WARD_CAPTURE_PORT, { { IPPROTO_IP, IP_TRANSPARENT } }, 1,
		"listening for TCP" },
	[TCP6] = { AF_INET6, SOCK_STREAM, WARD_CAPTURE_PORT,
		{ { IPPROTO_IPV6, IPV6_V6ONLY }, { IPPROTO_IPV6, IPV6_TRANSPARENT } }, 2,
		"listening for TCP over IPv6" },
	/* An answer comes from the address that was asked, whatever that is. */
	[UDP4] = { AF_INET, SOCK_DGRAM, WARD_CAPTURE_DNS_PORT,
		{ { IPPROTO_IP, IP_PKTINFO }, { IPPROTO_IP, IP_FREEBIND } }, 2,
		"listening for DNS" },
	[UDP6] = { AF_INET6, SOCK_DGRAM, WARD_CAPTURE_DNS_PORT,
		{ { IPPROTO_IPV6, IPV6_V6ONLY }, { IPPROTO_IPV6, IPV6_RECVPKTINFO },
			{ IPPROTO_IPV6, IPV6_FREEBIND } },
		3, "listening for DNS over IPv6" },
};

/* A descriptor or -errno. TCP on loopback alone, where tproxy looks for it, unless everywhere; DNS at every address. */
static int make_socket(int which, bool everywhere)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_port = htons(sockets_of[which].port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(sockets_of[which].port) };
	bool tcp = sockets_of[which].type == SOCK_STREAM;
	bool six = sockets_of[which].family == AF_INET6;
	const int one = 1;
	int fd = socket(sockets_of[which].family,
		sockets_of[which].type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int e = fd < 0 ? errno : 0;

	if (tcp && !everywhere) {
		a4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	}
	for (int i = 0; !e && i < sockets_of[which].n_options; i++)
		if (setsockopt(fd, sockets_of[which].options[i].level,
			    sockets_of[which].options[i].name, &one, sizeof(one)) < 0)
			e = errno;
	if (!e &&
		bind(fd, six ? (const void *)&a6 : (const void *)&a4,
			six ? sizeof(a6) : sizeof(a4)) < 0)
		e = errno;
	if (!e && tcp && listen(fd, WARD_CAPTURE_BACKLOG) < 0)
		e = errno;
	if (e && fd >= 0)
		close(fd);
	return e ? -e : fd;
}

/* Has this network ::1? A kernel without IPv6, or one in which it is switched off, is fine: then there is none inside. */
static bool has_six(void)
{
	const struct sockaddr_in6 a = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool r = fd >= 0 && bind(fd, (const void *)&a, sizeof(a)) == 0;

	if (fd >= 0)
		close(fd);
	return r;
}

static int make_routes(bool six, const char **ret_step)
{
	struct ward_nl nl;
	int r = ward_nl_open(&nl, NETLINK_ROUTE);

	*ret_step = "routes";
	if (r == 0)
		r = ward_route_local(&nl, AF_INET);
	if (r == 0 && six) {
		*ret_step = "routes of IPv6";
		r = ward_route_local(&nl, AF_INET6);
	}
	ward_nl_close(&nl);
	return r;
}

static int make_rules(bool six, const char **ret_step)
{
	struct ward_nl nl;
	int r = ward_nl_open(&nl, NETLINK_NETFILTER);

	*ret_step = "nf_tables";
	if (r == 0)
		r = ward_nft_capture(&nl, six);
	ward_nl_close(&nl);
	return r;
}

static int make_sockets(int type, bool six, bool everywhere, int *sockets, const char **ret_step)
{
	for (int i = 0; i < N_SOCKETS; i++) {
		if (sockets_of[i].type != type || (sockets_of[i].family == AF_INET6 && !six))
			continue;
		*ret_step = sockets_of[i].step;
		sockets[i] = make_socket(i, everywhere);
		if (sockets[i] < 0)
			return sockets[i];
	}
	return 0;
}

static int all_or_none(int r, int *sockets)
{
	for (int i = 0; r < 0 && i < N_SOCKETS; i++) {
		if (sockets[i] >= 0)
			close(sockets[i]);
		sockets[i] = -1;
	}
	return r;
}

int ward_capture_make(bool redirects, int sockets[WARD_CAPTURE_SOCKETS], const char **ret_step)
{
	bool six = has_six();
	int r;

	for (int i = 0; i < N_SOCKETS; i++)
		sockets[i] = -1;
	/* Who listens is there before anything leads to it. */
	r = make_sockets(SOCK_STREAM, six, redirects, sockets, ret_step);
	if (r == 0)
		r = make_routes(six, ret_step);
	if (r == 0 && !redirects && !WARD_OFF(CAPTURE))
		r = make_rules(six, ret_step);
	return all_or_none(r, sockets);
}

int ward_capture_names(int sockets[WARD_CAPTURE_SOCKETS], const char **ret_step)
{
	int r = make_sockets(SOCK_DGRAM, sockets[TCP6] >= 0, true, sockets, ret_step);

	return all_or_none(r, sockets);
}

static bool comes_from(int family, const void *peer, const void *self)
{
	const struct sockaddr_in *four = peer;
	const struct sockaddr_in6 *six = peer;

	return family == AF_INET ? memcmp(&four->sin_addr, self, 4) == 0
				 : memcmp(&six->sin6_addr, self, 16) == 0;
}

/* Something that was dialled, and its answer. */
static int dial(int family, int listener, const void *to, const void *self, socklen_t n)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), came = -1, r = 0;
	struct pollfd p = { listener, POLLIN, 0 };
	struct sockaddr_in6 is = { 0 }, from = { 0 }; /* the larger one */
	socklen_t is_n = sizeof(is), from_n = sizeof(from);

	if (fd < 0 || (connect(fd, to, n) < 0 && errno != EINPROGRESS))
		r = -errno;
	if (r == 0 && poll(&p, 1, DIAL_MS) < 0)
		r = -errno;
	if (r == 0 && p.revents)
		came = accept4(listener, (void *)&from, &from_n, SOCK_CLOEXEC);
	if (r == 0 &&
		(came < 0 || getsockname(came, (void *)&is, &is_n) < 0 || is_n != n ||
			memcmp(&is, to, n) != 0 || from_n != n || !comes_from(family, &from, self)))
		r = -ENODATA;
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
	if (came >= 0)
		close(came);
	return r;
}

int ward_capture_prove(bool redirects, const int sockets[WARD_CAPTURE_SOCKETS],
	const char **ret_step)
{
	static const uint8_t self4[4] = WARD_SELF4, self6[16] = WARD_SELF6,
			     nowhere4[4] = { 192, 0, 2, 1 };
	const uint16_t port = htons(redirects ? WARD_CAPTURE_PORT : 9);
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = port,
		.sin6_addr = { { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } } } };
	int r;

	memcpy(&four.sin_addr, nowhere4, sizeof(nowhere4));
	*ret_step = "what was dialled did not come to the listener";
	r = dial(AF_INET, sockets[TCP4], &four, self4, sizeof(four));
	if (r == 0 && sockets[TCP6] >= 0) {
		*ret_step = "what was dialled over IPv6 did not come to the listener";
		r = dial(AF_INET6, sockets[TCP6], &six, self6, sizeof(six));
	}
	return r;
}
