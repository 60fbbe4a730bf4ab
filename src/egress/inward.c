/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the host to a server inside: what a run publishes. The relay accepts; here is decided, and dialled, over a socket that ward-init
 * made in the run's network: it can reach nothing but what listens there, at the loopback, IPv4 first. Whoever is let in is let in
 * to that port, and what is inside gets no more by it than the bytes that come.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "egress/limits.h"

void ward_inward_tell(const struct ward_flow *f, struct ward_egress_event *v,
	char peer[WARD_ADDRESS_TEXT_MAX])
{
	if (!f->inward)
		return;
	v->peer = ward_address_text(&f->from, peer);
	v->inner = f->inward->inner;
	v->inspected = NULL;
}

void ward_inward_drop(struct ward_dial *d)
{
	for (size_t i = 0; i < 2; i++) {
		ward_close(d->door[i]);
		d->door[i] = -1;
	}
}

/* At which of its addresses a listener of them all was reached, the relay alone can say. */
bool ward_inward_can_be(const struct ward_egress *e, const struct ward_relay_msg *m)
{
	static const uint8_t every[16];
	const struct ward_relay_addr *at;
	struct ward_relay_addr to = m->to;

	if (!m->inward)
		return true;
	if (m->inward > e->n_inward || m->value || m->name[0])
		return false;
	at = &e->inward[m->inward - 1].at;
	ward_address_unmap(&to);
	return to.port == at->port && to.family == at->family &&
		(memcmp(at->a, every, sizeof(every)) == 0 || ward_address_same(at, &to));
}

void ward_inward_open(struct ward_flow *f)
{
	static const struct ward_relay_addr inside[2] = { { .family = 4, .a = { 127, 0, 0, 1 } },
		{ .family = 6, .a = { [15] = 1 } } };
	char to[WARD_ADDRESS_TEXT_MAX];
	const struct ward_egress_ask q = {
		.address = ward_address_text(&f->to, to), .port = f->inward->at.port, .inward = true
	};

	enum ward_net_limit which;

	if (!ward_flow_may(f, &q)) {
		ward_flow_refuse(f, WARD_EGRESS_WHY_NO_RULE);
		return;
	}
	if (!ward_limits_bytes(f->e, &which)) {
		ward_flow_refuse(f,
			which == WARD_NET_BYTES_UP ? WARD_EGRESS_WHY_BUDGET_BYTES_UP
						   : WARD_EGRESS_WHY_BUDGET_BYTES_DOWN);
		return;
	}
	f->dial = calloc(1, sizeof(*f->dial));
	if (!f->dial) {
		ward_flow_refuse(f, WARD_EGRESS_WHY_SYSTEM);
		return;
	}
	memcpy(f->dial->v, inside, sizeof(inside));
	f->dial->n = 2;
	f->dial->door[0] = f->dial->door[1] = -1;
	f->state = WARD_FLOW_WAITING;
}

/* ---- the door ---- */

/* Who waits is looked at after each turn. */
static void on_door(struct ward_waiter *s, uint32_t events)
{
	struct ward_egress *e = s->arg;

	(void)events;
	e->door_empty = false;
}

static bool wait_for_door(struct ward_egress *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = &e->door_source };

	e->door_empty = epoll_ctl(e->epoll, EPOLL_CTL_MOD, e->door, &ev) == 0;
	return e->door_empty;
}

/* It came from the sandbox's side: that it is one is seen. */
static bool is_tcp(int fd, int family)
{
	int v = 0;
	socklen_t n = sizeof(v);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &v, &n) < 0 || v != family)
		return false;
	n = sizeof(v);
	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &v, &n) == 0 && v == IPPROTO_TCP;
}

static bool waits_for_nobody(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fcntl(fds[i], F_SETFL, O_NONBLOCK) < 0)
			return false;
	return true;
}

static int take_pair(struct ward_egress *e, int door[2])
{
	int fds[2] = { -1, -1 };
	size_t n = 2;
	char word;
	ssize_t r = ward_recv_fds(e->door, &word, sizeof(word), fds, &n, MSG_DONTWAIT);

	if (r < 0)
		return (int)r;
	if (r == (ssize_t)sizeof(word) && n >= 1 && is_tcp(fds[0], AF_INET) &&
		(n == 1 || is_tcp(fds[1], AF_INET6)) && waits_for_nobody(fds, n)) {
		door[0] = fds[0];
		door[1] = n > 1 ? fds[1] : -1;
		return 0;
	}
	for (size_t i = 0; r > 0 && i < n; i++)
		ward_close(fds[i]);
	return -EPIPE;
}

bool ward_inward_ready(struct ward_flow *f)
{
	struct ward_egress *e = f->e;
	int r;

	if (e->door_empty || e->n_inward_dials >= WARD_INWARD_DIALS_MAX)
		return false;
	r = e->door < 0 ? -EPIPE : take_pair(e, f->dial->door);
	if (r == 0)
		return true;
	if (r == -EAGAIN && wait_for_door(e))
		return false;
	ward_flow_refuse(f, WARD_EGRESS_WHY_SYSTEM);
	return false;
}

int ward_inward_socket(struct ward_flow *f, int family)
{
	int *door = &f->dial->door[family == 6], fd = *door;

	*door = -1;
	if (fd < 0)
		errno = ECONNREFUSED; /* no IPv6 in there, and so nothing that listens */
	return fd;
}

/* ---- its begin and end ---- */

static bool address_of(int fd, struct ward_relay_addr *ret)
{
	struct sockaddr_in6 a = { 0 }; /* the larger one */
	socklen_t n = sizeof(a);

	return getsockname(fd, (void *)&a, &n) == 0 && ward_inside_address(&a, ret);
}

int ward_egress_listen(struct ward_egress *e, const struct ward_egress_listener *v, size_t n,
	int door, struct ward_error *err)
{
	/* That it is closed would be told for ever, asked for or not. */
	struct epoll_event ev = { .events = EPOLLONESHOT, .data.ptr = &e->door_source };
	bool ok = n <= WARD_PUBLISH_SOCKETS_MAX && !e->n_inward && e->door < 0 && door >= 0;

	e->door_source = (struct ward_waiter){ on_door, e };
	if (ok && epoll_ctl(e->epoll, EPOLL_CTL_ADD, door, &ev) < 0)
		ok = false;
	if (ok)
		e->door = door;
	else
		ward_close(door);
	for (size_t i = 0; i < n; i++) {
		const struct ward_relay_msg m = { .type = WARD_GATE_INWARD, .value = (uint32_t)i };

		ok = ok && address_of(v[i].fd, &e->inward[i].at);
		if (!ok) {
			ward_close(v[i].fd);
			continue;
		}
		e->inward[i].inner = v[i].inner;
		/* Whoever came from another machine, and is gone without a word, does not keep his place. */
		(void)ward_inside_options(v[i].fd);
		e->n_inward++;
		/* From here on it is the relay's alone: with its end nobody is let in. */
		ward_gate_send(e, &m, v[i].fd);
	}
	return ok ? WARD_OK
		  : ward_fail(err, WARD_E_SYSTEM, "what the run publishes cannot be listened at");
}

void ward_inward_done(struct ward_egress *e)
{
	ward_close(e->door);
	e->door = -1;
}
