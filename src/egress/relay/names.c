/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions for names: read here, judged by the gate, answered from the address that was asked. Who asks again what he still waits for
 * costs nothing; clients that ask the same wait for one answer. What is too much is answered with SERVFAIL, and told as a number.
 */
#include "relay.h"
#include "dns.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 32 /* questions of one connection at a time */
#define LENGTH 2 /* in front of a message over TCP */

/* A name that the gate was asked for. */
struct question {
	uint32_t id; /* 0 = unused; its place in the low 16 bits */
	uint16_t type;
	uint64_t until;
	char name[WARD_RELAY_NAME_MAX + 2];
};
/* Who waits for it. */
struct asker {
	uint32_t question; /* 0 = unused */
	uint32_t flow; /* TCP: its flow; else 0 */
	enum ward_relay_fd which; /* UDP */
	struct sockaddr_in6 from; /* large enough for both families */
	socklen_t from_len;
	struct in6_addr at; /* the address that was asked; its first four bytes for IPv4 */
	struct ward_dns_question q;
};
static struct question questions[WARD_RELAY_NAMES_MAX];
static struct asker *askers[WARD_RELAY_ASKERS_MAX];
static unsigned n_askers; /* places that were used so far */
static uint32_t count;

/*
 * What the gate said of a name: its addresses are the same for as long as the run, so whoever asks again soon is answered without the
 * gate, which judges the connection anyway. What was answered so is told as a number.
 */
struct known {
	char name[WARD_RELAY_NAME_MAX + 2]; /* "" = unused */
	uint64_t until;
	uint64_t again; /* not told yet */
	uint8_t v4[4], v6[16];
};
static struct known known[WARD_RELAY_KNOWN_MAX];

static void forget(struct relay *r, struct known *k)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_NAME, .up = k->again };

	memcpy(m.name, k->name, sizeof(m.name));
	k->name[0] = '\0';
	if (k->again > 0)
		relay_tell(r, &m);
}

static struct known *known_of(const char *name)
{
	for (size_t i = 0; i < WARD_RELAY_KNOWN_MAX; i++)
		if (strcmp(known[i].name, name) == 0)
			return &known[i];
	return NULL;
}

/* Where there is no place, it is not kept. */
static void keep(struct relay *r, const char *name, const struct ward_relay_msg *m)
{
	struct known *k = known_of(name);

	if (k == NULL)
		k = known_of("");
	if (k == NULL)
		return;
	k->again = k->name[0] != '\0' ? k->again : 0;
	k->until = r->now + WARD_RELAY_KNOWN_MS;
	memcpy(k->name, name, sizeof(k->name));
	memcpy(k->v4, m->v4, sizeof(k->v4));
	memcpy(k->v6, m->v6, sizeof(k->v6));
	relay_due(r, k->until);
}

void relay_names_end(struct relay *r)
{
	for (size_t i = 0; i < WARD_RELAY_KNOWN_MAX; i++)
		if (known[i].name[0] != '\0')
			forget(r, &known[i]);
}

/* What the gate says of one service, server by server, until it says that this is all. */
static struct {
	uint32_t id; /* of the question; 0: none */
	bool udp_alone; /* nobody listens at TCP 53 */
	size_t n;
	struct ward_dns_server v[WARD_EGRESS_SERVERS_MAX];
} servers;

void relay_names_server(const struct ward_relay_msg *m)
{
	struct ward_dns_server *v = &servers.v[servers.n];

	if (servers.id != m->id) {
		servers.id = m->id;
		servers.n = 0;
		v = servers.v;
	}
	if (servers.n == WARD_EGRESS_SERVERS_MAX)
		return;
	v->priority = (uint16_t)(m->value >> 16);
	v->weight = (uint16_t)m->value;
	v->port = m->to.port;
	memcpy(v->name, m->name, sizeof(v->name));
	servers.n++;
}

/* ---- answers ---- */

union control {
	char buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

/* Answers come from the address that was asked. */
static union control control_of(const struct asker *a, size_t *ret_len)
{
	union control c = { .buf = { 0 } };

	if (a->which == WARD_RELAY_FD_UDP4) {
		struct in_pktinfo info = { .ipi_ifindex = 0 };

		memcpy(&info.ipi_spec_dst, &a->at, 4);
		c.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(info)),
			.cmsg_level = IPPROTO_IP,
			.cmsg_type = IP_PKTINFO };
		memcpy(CMSG_DATA(&c.align), &info, sizeof(info));
		*ret_len = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_addr = a->at };

		c.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(info)),
			.cmsg_level = IPPROTO_IPV6,
			.cmsg_type = IPV6_PKTINFO };
		memcpy(CMSG_DATA(&c.align), &info, sizeof(info));
		*ret_len = CMSG_SPACE(sizeof(info));
	}
	return c;
}

/* Over UDP an answer that does not go out is lost, as others are: its client asks again. */
static void answer_udp(struct relay *r, struct asker *a, const uint8_t *p, size_t n)
{
	struct iovec v = { (void *)(uintptr_t)p, n };
	size_t len;
	union control c = control_of(a, &len);
	struct msghdr h = { .msg_name = &a->from,
		.msg_namelen = a->from_len,
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = c.buf,
		.msg_controllen = (socklen_t)len };

	(void)sendmsg(r->fd[a->which], &h, RELAY_SEND_FLAGS);
}

/* Kept with the flow; who called sees to its going out. */
static void answer_tcp(struct relay_flow *f, const uint8_t *p, size_t n)
{
	char head[LENGTH] = { (char)(n >> 8), (char)n };

	f->asked = false;
	if (!relay_keep(&f->way[RELAY_DOWN], head, sizeof(head)) ||
		!relay_keep(&f->way[RELAY_DOWN], (const char *)p, n))
		f->ending = WARD_END_MEMORY + 1;
}

static void answer(struct relay *r, struct asker *a, uint8_t rcode, const uint8_t *v4,
	const uint8_t *v6)
{
	uint8_t out[WARD_DNS_SERVERS_BYTES_MAX];
	struct relay_flow *f = relay_flow_get(r, a->flow);
	size_t n;

	if (rcode == WARD_RCODE_OK && servers.id != 0 && servers.id == a->question)
		n = ward_dns_write_servers(&a->q, servers.v, servers.n,
			a->flow == 0 ? a->q.room : sizeof(out), !servers.udp_alone, out);
	else
		n = ward_dns_write(&a->q, rcode, v4, v6, out);
	if (a->flow == 0)
		answer_udp(r, a, out, n);
	else if (f != NULL)
		answer_tcp(f, out, n);
}

/* All who wait for it. */
static void close_question(struct relay *r, struct question *q, uint8_t rcode, const uint8_t *v4,
	const uint8_t *v6)
{
	uint32_t id = q->id;

	q->id = 0;
	for (unsigned i = 0; i < n_askers; i++) {
		struct asker *a = askers[i];
		struct relay_flow *f;

		if (a == NULL || a->question != id)
			continue;
		askers[i] = NULL; /* what follows may ask anew */
		answer(r, a, rcode, v4, v6);
		f = relay_flow_get(r, a->flow);
		free(a);
		if (f == NULL)
			continue;
		relay_names_tcp(r, f);
		relay_flow_settle(r, f);
	}
	while (n_askers > 0 && askers[n_askers - 1] == NULL)
		n_askers--;
}

/* Its answer has the name's addresses in it, or would have if it were for them. Of others the gate says each time what they are. */
static bool has_addresses(uint16_t type)
{
	return type == WARD_TYPE_A || type == WARD_TYPE_AAAA || type == WARD_TYPE_SVCB ||
		type == WARD_TYPE_HTTPS;
}

/* Without it there is nothing that takes connections to such an address: then there is none of that name. */
static bool has_ipv6(const struct relay *r)
{
	return r->fd[WARD_RELAY_FD_UDP6] >= 0;
}

void relay_names_answer(struct relay *r, const struct ward_relay_msg *m)
{
	uint32_t place = m->id & 0xffff;
	struct question *q = place < WARD_RELAY_NAMES_MAX ? &questions[place] : NULL;

	servers.udp_alone = m->up == 1;
	/* Else it was waited for too long. */
	if (q != NULL && q->id != 0 && q->id == m->id) {
		if (m->value == WARD_RCODE_OK && has_addresses(q->type))
			keep(r, q->name, m);
		close_question(r, q, m->value < 16 ? (uint8_t)m->value : WARD_RCODE_SERVFAIL, m->v4,
			has_ipv6(r) ? m->v6 : NULL);
	}
	/* What is said of a service ends with its answer, whoever heard it. */
	servers.id = 0;
}

/* ---- questions ---- */

static bool same_asker(const struct asker *a, const struct asker *b)
{
	return a->flow == 0 && b->flow == 0 && a->which == b->which && a->from_len == b->from_len &&
		memcmp(&a->from, &b->from, a->from_len) == 0 && a->q.id == b->q.id &&
		a->q.len == b->q.len && memcmp(a->q.raw, b->q.raw, a->q.len) == 0;
}

/* A place for one more; NULL: there is none. *ret_again: he waits already. */
static struct asker **asker_place(const struct asker *a, bool *ret_again)
{
	struct asker **place = NULL;

	*ret_again = false;
	for (unsigned i = 0; i < n_askers; i++) {
		if (askers[i] == NULL)
			place = &askers[i];
		else if (same_asker(askers[i], a))
			*ret_again = true;
	}
	if (place == NULL && n_askers < WARD_RELAY_ASKERS_MAX && !*ret_again)
		place = &askers[n_askers++];
	return place;
}

/* The one that is open for this name and type, or a new one that the gate is told of. NULL: too many. */
static struct question *question_for(struct relay *r, const struct ward_dns_question *q)
{
	struct ward_relay_msg m = { .type = WARD_RELAY_NAME, .value = q->type };
	struct question *unused = NULL;

	for (size_t i = 0; i < WARD_RELAY_NAMES_MAX; i++) {
		if (questions[i].id == 0)
			unused = unused != NULL ? unused : &questions[i];
		else if (questions[i].type == q->type && strcmp(questions[i].name, q->name) == 0)
			return &questions[i];
	}
	if (unused == NULL)
		return NULL;
	count = (count + 1) & 0x7fff;
	unused->id = 0x80000000u | count << 16 | (uint32_t)(unused - questions);
	unused->type = q->type;
	unused->until = r->now + WARD_RELAY_ANSWER_MS;
	memcpy(unused->name, q->name, sizeof(unused->name));
	relay_due(r, unused->until);
	m.id = unused->id;
	memcpy(m.name, q->name, sizeof(m.name));
	relay_tell(r, &m);
	return unused;
}

/* true: he waits. */
static bool wait_for(struct relay *r, const struct asker *a)
{
	bool again;
	struct asker **place = asker_place(a, &again);
	struct question *q;

	if (again)
		return true;
	q = place != NULL ? question_for(r, &a->q) : NULL;
	if (q == NULL)
		return false;
	*place = malloc(sizeof(*a));
	if (*place == NULL)
		return false; /* the gate's answer meets nobody */
	**place = *a;
	(*place)->question = q->id;
	return true;
}

static void ask(struct relay *r, struct asker *a, const uint8_t *p, size_t n)
{
	static const uint8_t v4[4] = { 127, 0, 0, 1 };
	static const uint8_t v6[16] = { [15] = 1 };
	struct relay_flow *f = relay_flow_get(r, a->flow);
	struct known *k;

	switch (ward_dns_read(p, n, &a->q)) {
	case WARD_DNS_DROP:
		relay_limited(r, WARD_RELAY_LIMIT_NO_HOST);
		/* Over TCP there is somebody to tell, and no more to expect. */
		if (f != NULL)
			f->ending = WARD_END_REFUSED + 1;
		return;
	case WARD_DNS_REPLY:
		relay_limited(r, WARD_RELAY_LIMIT_NO_HOST);
		answer(r, a, a->q.rcode, NULL, NULL);
		return;
	case WARD_DNS_LOCAL: answer(r, a, WARD_RCODE_OK, v4, has_ipv6(r) ? v6 : NULL); return;
	default: break;
	}
	k = has_addresses(a->q.type) ? known_of(a->q.name) : NULL;
	if (k != NULL && k->until > r->now) {
		k->again++;
		answer(r, a, WARD_RCODE_OK, k->v4, has_ipv6(r) ? k->v6 : NULL);
		return;
	}
	if (wait_for(r, a))
		return;
	relay_limited(r, WARD_RELAY_LIMIT_NAMES);
	answer(r, a, WARD_RCODE_SERVFAIL, NULL, NULL);
}

/* The address that a packet was sent to. */
static bool asked_at(struct msghdr *h, enum ward_relay_fd which, struct in6_addr *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (which == WARD_RELAY_FD_UDP4 && c->cmsg_level == IPPROTO_IP &&
			c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(ret, &info.ipi_addr, 4);
			return true;
		}
		if (which == WARD_RELAY_FD_UDP6 && c->cmsg_level == IPPROTO_IPV6 &&
			c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*ret = info.ipi6_addr;
			return true;
		}
	}
	return false;
}

void relay_names_udp(struct relay *r, enum ward_relay_fd which, unsigned max)
{
	for (unsigned i = 0; i < max; i++) {
		uint8_t p[WARD_DNS_BYTES_MAX + 1];
		struct asker a = { .which = which };
		union control c;
		struct iovec v = { p, sizeof(p) };
		struct msghdr h = { .msg_name = &a.from,
			.msg_namelen = sizeof(a.from),
			.msg_iov = &v,
			.msg_iovlen = 1,
			.msg_control = c.buf,
			.msg_controllen = sizeof(c.buf) };
		ssize_t n;

		if (r->ctl_full) {
			relay_pause(r, 0);
			return;
		}
		n = recvmsg(r->fd[which], &h, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 || !asked_at(&h, which, &a.at))
			continue; /* an error that an answer met, or nobody to answer */
		a.from_len = h.msg_namelen;
		ask(r, &a, p, (size_t)n);
	}
}

/* ---- over TCP: one question at a time, its length in front ---- */

static bool send_kept(struct relay *r, struct relay_flow *f)
{
	struct relay_way *w = &f->way[RELAY_DOWN];
	ssize_t n;

	if (w->len == 0)
		return true;
	n = send(f->fd[RELAY_CLIENT], w->kept + w->off, w->len, RELAY_SEND_FLAGS);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		f->ending = WARD_END_CLIENT + 1;
	if (n <= 0)
		return false;
	f->last = r->now;
	w->off += (uint32_t)n;
	w->len -= (uint32_t)n;
	if (w->len > 0)
		return false;
	relay_drop(w);
	return true;
}

static bool fill(struct relay_flow *f, size_t want)
{
	struct relay_way *w = &f->way[RELAY_UP];
	char buf[LENGTH + WARD_DNS_BYTES_MAX];

	while (w->len < want) {
		ssize_t n = recv(f->fd[RELAY_CLIENT], buf, want - w->len, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0) {
			w->eof = n == 0;
			f->ending = n < 0 || w->len > 0 ? WARD_END_CLIENT + 1 : WARD_END_DONE + 1;
			return false;
		}
		if (!relay_keep(w, buf, (size_t)n)) {
			f->ending = WARD_END_MEMORY + 1;
			return false;
		}
	}
	return true;
}

/* One question that is whole. false: there is none yet, or the flow ends. */
static bool next_question(struct relay *r, struct relay_flow *f)
{
	struct relay_way *w = &f->way[RELAY_UP];
	struct asker a = { .flow = f->id };
	uint8_t question[WARD_DNS_BYTES_MAX];
	size_t len;

	if (!fill(f, LENGTH))
		return false;
	len = (size_t)(uint8_t)w->kept[w->off] << 8 | (uint8_t)w->kept[w->off + 1];
	if (len > sizeof(question)) {
		f->ending = WARD_END_REFUSED + 1;
		return false;
	}
	if (!fill(f, LENGTH + len))
		return false;
	memcpy(question, w->kept + w->off + LENGTH, len);
	relay_drop(w);
	f->last = r->now;
	f->asked = true;
	ask(r, &a, question, len);
	return true;
}

/* Each answer goes out before the next question is read. */
void relay_names_tcp(struct relay *r, struct relay_flow *f)
{
	for (int i = 0; i < BATCH; i++)
		if (f->ending != 0 || !send_kept(r, f) || f->asked || !next_question(r, f))
			return;
}

/* ---- time, and ends ---- */

void relay_names_timers(struct relay *r)
{
	for (size_t i = 0; i < WARD_RELAY_NAMES_MAX; i++) {
		struct question *q = &questions[i];

		if (q->id == 0)
			continue;
		if (q->until <= r->now)
			close_question(r, q, WARD_RCODE_SERVFAIL, NULL, NULL);
		else
			relay_due(r, q->until);
	}
	for (size_t i = 0; i < WARD_RELAY_KNOWN_MAX; i++) {
		if (known[i].name[0] == '\0')
			continue;
		if (known[i].until <= r->now)
			forget(r, &known[i]);
		else
			relay_due(r, known[i].until);
	}
}

void relay_names_forget(struct relay *r, uint32_t flow)
{
	(void)r;
	for (unsigned i = 0; i < n_askers; i++) {
		if (askers[i] == NULL || askers[i]->flow != flow)
			continue;
		free(askers[i]);
		askers[i] = NULL;
	}
}
