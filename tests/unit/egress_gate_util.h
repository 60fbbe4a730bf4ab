/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate with a stand-in for the relay, at the other end of its socket, and one for the name server: what tests of the gate share.
 * Each of them is a process of its own, which has one gate at a time.
 */
#pragma once

#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "egress/flow.h"
#include "egress/limits.h"

#define TOLD_MAX 64
/* As whom nothing is in flight, nor of whoever else tests that. */
#define NOBODY ((uid_t)(20000 + getpid() % 40000))

static struct {
	struct ward_egress *e;
	int relay, dns, server;
	uint16_t port; /* of server */
	const char *address_allowed; /* by its own rule */
	const char *address_forbidden; /* behind a name */
	bool wildcard; /* "*.ward.internal" is */
	enum ward_effect held; /* of "held.example" and of this address, if it may be held */
	const char *address_held, *address_asked; /* of that one somebody would have to say yes */
	bool any_name; /* each name is allowed, at any port */
	bool no_rule; /* what is refused is by none */
	bool wide; /* addresses are allowed by a rule that holds them all */
	struct {
		enum ward_egress_kind kind;
		char why[32], name[64], text[160], address[64], ended[16];
		uint64_t count, up;
		bool uncounted, dialled, noted;
	} told[TOLD_MAX];
	size_t n_told;
	unsigned slow_ms, n_slow; /* an address behind a name is judged so slowly; how many were */
	struct ward_relay_msg last; /* what connects() heard */
	const char *only,
		*is; /* the one program that may connect, and who does; NULL: any, and not known */
	unsigned n_who, n_waited; /* whose a connection is was asked, and waited for 2 ms */
	uint16_t meant; /* of a connection that was redirected; 0: nobody knows */
	bool no_record; /* nothing that is told can be recorded */
	bool inspects; /* policies look at what is spoken: at any word this one is forbidden, or where a name leads */
	const char *spoken_not, *spoken_not_led;
} t;

static TAP_UNUSED int on_ask(void *arg, const struct ward_egress_ask *q, enum ward_effect *ret,
	char *rule, size_t size)
{
	(void)arg;
	if (t.only && q->port && !ward_streq(q->program, t.only))
		return WARD_OK;
	(void)snprintf(rule, size, "%s", t.no_rule ? "" : "a rule");
	if (q->inspected &&
		(ward_streq(q->inspected, t.spoken_not) ||
			(q->name && q->address && ward_streq(q->inspected, t.spoken_not_led))))
		return WARD_OK;
	if (q->name && q->address) {
		if (t.slow_ms > 0)
			(void)poll(NULL, 0, (int)t.slow_ms);
		t.n_slow++;
		if (!t.address_forbidden || strcmp(q->address, t.address_forbidden) != 0)
			*ret = WARD_ALLOW;
		return WARD_OK;
	}
	if (q->name && strcmp(q->name, "good.example") == 0 && (q->port == 0 || q->port == t.port))
		*ret = WARD_ALLOW;
	if (q->name && t.any_name)
		*ret = WARD_ALLOW;
	if (q->name && strcmp(q->name, "held.example") == 0)
		*ret = t.held;
	if (q->name && strstr(q->name, ".arpa"))
		*ret = WARD_ALLOW;
	if (!q->name && t.address_allowed && strcmp(q->address, t.address_allowed) == 0)
		*ret = WARD_ALLOW;
	if (q->address && t.wide && !q->meant)
		*ret = WARD_ALLOW;
	if (q->name && strcmp(q->name, "host.ward.internal") == 0 && !(t.wildcard && q->meant))
		*ret = WARD_ALLOW;
	if (q->address && ward_streq(q->address, t.address_held))
		*ret = t.held;
	if (q->address && ward_streq(q->address, t.address_asked))
		*ret = WARD_ASK;
	if (q->inspected && *ret == WARD_ASK)
		*ret = WARD_ALLOW;
	/* Whatever else fails is no yes. */
	return q->name && strcmp(q->name, "broken.example") == 0 ? (*ret = WARD_ALLOW, WARD_E_NOMEM)
								 : WARD_OK;
}

static TAP_UNUSED bool on_inspects(void *arg)
{
	(void)arg;
	return t.inspects;
}

static TAP_UNUSED int on_event(void *arg, const struct ward_egress_event *e)
{
	(void)arg;
	if (t.no_record)
		return WARD_E_SYSTEM;
	if (t.n_told == TOLD_MAX)
		return WARD_OK;
	t.told[t.n_told].kind = e->kind;
	t.told[t.n_told].count = e->count;
	t.told[t.n_told].up = e->up;
	t.told[t.n_told].uncounted = e->uncounted;
	t.told[t.n_told].dialled = e->dialled;
	t.told[t.n_told].noted = e->noted;
	(void)snprintf(t.told[t.n_told].ended, 16, "%s", e->ended ? e->ended : "");
	(void)snprintf(t.told[t.n_told].why, 32, "%s", e->why ? e->why : "");
	(void)snprintf(t.told[t.n_told].text, 160, "%s", e->text ? e->text : "");
	(void)snprintf(t.told[t.n_told].name, 64, "%s", e->name ? e->name : "");
	(void)snprintf(t.told[t.n_told].address, 64, "%s", e->address ? e->address : "");
	t.n_told++;
	return WARD_OK;
}

static TAP_UNUSED bool on_who(void *arg, const char *address, uint16_t port, bool wait,
	int *ret_pid, char comm[16], char program[WARD_PROGRAM_TEXT_MAX])
{
	(void)arg, (void)address, (void)port, (void)ret_pid, (void)comm;
	t.n_who++;
	t.n_waited += wait;
	if (wait)
		(void)poll(NULL, 0, 2);
	if (t.is)
		(void)snprintf(program, WARD_PROGRAM_TEXT_MAX, "%s", t.is);
	return t.is;
}

static TAP_UNUSED bool on_meant(void *arg, const char *address, uint16_t port, bool wait,
	uint16_t *io_port)
{
	(void)arg;
	if (strcmp(address, "198.18.0.2") != 0 || port != 4000)
		return false;
	t.n_who++;
	t.n_waited += wait;
	if (wait)
		(void)poll(NULL, 0, 10);
	if (t.meant)
		*io_port = t.meant;
	return t.meant != 0;
}

static TAP_UNUSED int bound(int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		abort();
	return fd;
}

static TAP_UNUSED uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &n) < 0 ? 0 : ntohs(a.sin_port);
}

static TAP_UNUSED void begin(void)
{
	static const struct ward_egress_ops ops = { on_ask, on_event, NULL, NULL, NULL,
		on_inspects };
	struct ward_error err = WARD_ERROR_INIT;
	char resolver[64];
	int pair[2];

	memset(&t, 0, sizeof(t));
	t.dns = bound(SOCK_DGRAM);
	t.server = bound(SOCK_STREAM);
	if (listen(t.server, 8) < 0 || ward_socketpair(SOCK_SEQPACKET, pair) < 0)
		abort();
	t.port = port_of(t.server);
	t.relay = pair[1];
	(void)snprintf(resolver, sizeof(resolver), "127.0.0.1:%u", port_of(t.dns));
	struct ward_egress_options o = { .ops = &ops, .resolver = resolver };
	if (ward_gate_new(&o, pair[0], &t.e, &err) < 0)
		abort();
}

static TAP_UNUSED void turn(void)
{
	struct pollfd p = { ward_egress_fd(t.e), POLLIN, 0 };

	(void)poll(&p, 1, 50);
	(void)ward_egress_next(t.e, NULL);
}

static TAP_UNUSED void say(const struct ward_relay_msg *m)
{
	(void)ward_send_fds(t.relay, m, sizeof(*m), NULL, 0);
	turn();
}

static TAP_UNUSED void ready(void)
{
	say(&(struct ward_relay_msg){ .type = WARD_RELAY_READY, .value = WARD_RELAY_VERSION });
}

/* The next message of the gate; 0: none, -1: the relay is given up. A descriptor that comes with it is closed, and counted. */
static TAP_UNUSED int hear(struct ward_relay_msg *m, size_t *ret_fds)
{
	int fd[2] = { -1, -1 };
	size_t n_fds = 2;
	ssize_t n = ward_recv_fds(t.relay, m, sizeof(*m), fd, &n_fds, MSG_DONTWAIT);

	ward_close(fd[0]);
	ward_close(fd[1]);
	if (ret_fds)
		*ret_fds = n == (ssize_t)sizeof(*m) ? n_fds : 0;
	return n == (ssize_t)sizeof(*m) ? 1 : n == -EAGAIN ? 0 : -1;
}

static TAP_UNUSED void end(void)
{
	ward_close(t.relay);
	ward_egress_stop(t.e);
	ward_close(t.dns);
	ward_close(t.server);
}

static TAP_UNUSED struct ward_relay_msg named(const char *name)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_NAME, .id = 7, .value = 1 };

	(void)snprintf(m.name, sizeof(m.name), "%s", name);
	return m;
}

static TAP_UNUSED bool told(enum ward_egress_kind kind, const char *why)
{
	for (size_t i = 0; i < t.n_told; i++)
		if (t.told[i].kind == kind && strcmp(t.told[i].why, why) == 0)
			return true;
	return false;
}

/* The name of the first one of that kind. */
static TAP_UNUSED const char *told_of(enum ward_egress_kind kind)
{
	for (size_t i = 0; i < t.n_told; i++)
		if (t.told[i].kind == kind)
			return t.told[i].name;
	return "";
}

/* Answers what the gate asked: A with this address, everything else with nothing. How many questions there were. */
static TAP_UNUSED int serve(const char *address)
{
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	ssize_t n;
	int served = 0;

	for (int i = 0; i < 20 && served < 2; i++) {
		struct pollfd p = { t.dns, POLLIN, 0 };
		size_t end_q;

		(void)poll(&p, 1, 20);
		n = recvfrom(t.dns, q, 256, 0, (struct sockaddr *)&from, &n_from);
		if (n < 20)
			continue;
		served++;
		end_q = 12 + strlen((char *)q + 12) + 1 + 4;
		q[2] = 0x81;
		q[3] = 0x80;
		q[7] = q[end_q - 3] == 1;
		q[11] = 0;
		n = (ssize_t)end_q;
		if (q[7]) {
			const uint8_t rr[12] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };

			memcpy(q + n, rr, sizeof(rr));
			(void)inet_pton(AF_INET, address, q + n + 12);
			n += 16;
		}
		(void)sendto(t.dns, q, (size_t)n, 0, (struct sockaddr *)&from, n_from);
	}
	return served;
}

static TAP_UNUSED struct ward_relay_msg opened(uint32_t id, const uint8_t v4[4])
{
	struct ward_relay_msg m = { .type = WARD_RELAY_OPEN,
		.id = id,
		.to = { .family = 4, .port = t.port },
		.from = { .family = 4, .port = 4000, .a = { 198, 18, 0, 2 } } };

	memcpy(m.to.a, v4, 4);
	return m;
}

/* From a name to a connection, as far as the name server lets it. */
static TAP_UNUSED uint32_t connects(const char *address, size_t *ret_fds)
{
	struct ward_relay_msg m, ask = named("good.example");

	*ret_fds = 0;
	say(&ask);
	if (hear(&m, NULL) != 1)
		return 0;
	m = opened(1, m.v4);
	say(&m);
	(void)serve(address);
	for (int i = 0; i < 20; i++) {
		int r;

		turn();
		r = hear(&m, ret_fds);
		t.last = m;
		if (r)
			return r < 0 ? 0 : m.type;
	}
	return 0;
}
