/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate makes of a relay that somebody has taken over (src/egress): the input is a few words of the run and then what the relay
 * says, step by step: messages, several in a packet or cut short, with a descriptor, and what happens beside them (a person's yes,
 * time, the name server). Whatever it says: nobody outside hears of a name that no rule grants, only what was granted is dialled, at
 * most once for each connection that was opened, on record before the relay has the socket; first bytes go on by no word but one that
 * agrees; what no message can be is the relay's last; and all that was opened has an end.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "egress/flow.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_gate.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

#define IDS 256
#define ANSWERS 64
#define HOSTS \
	"127.0.0.1 good.example held.example ruled.example\n::1 good.example\n10.9.8.7 inner.example\n169.254.169.254 never.example\n"
enum config {
	NOT_READY = 1, /* the relay's first word is the input's */
	BY_PROGRAM = 2,
	FEW = 4, /* limits of the run */
	PUBLISHES = 8,
	REDIRECTED = 16,
	NO_RECORD = 32, /* after some events nothing can be recorded */
	INSPECTS = 64, /* what is forbidden is SPOKEN_NOT, by name and by address */
};
enum step {
	STEP_RAW = 6, /* a message whose type is the input's */
	STEP_BYTES, /* a packet that need not be a message */
	STEP_WHOLE, /* a message, each byte of it */
	STEP_YES, /* a person's */
	STEP_TIME,
	STEP_DNS, /* the name server answers */
	STEP_DOOR, /* a socket of the run's network comes */
	STEP_MAX
};
#define SPOKEN_NOT "tls_ech"
#define STEP_MORE 0x10 /* the next message is in the same packet */
#define STEP_FD 0x20
#define STEP_ENDLESS 0x40 /* a name without an end */

static struct {
	int server, dns, home, hosts;
	uint16_t port, home_port;
	char resolver[64];
} out; /* once */

static struct {
	struct ward_egress *e;
	int relay, door;
	uint8_t config;
	const uint8_t *p;
	size_t n;
	bool yes, must_be_lost;
	unsigned ready, events;
	uint64_t opens, ends; /* of flows that were dialled, as they were told */
	struct ward_relay_msg packet[WARD_RELAY_TOLD_MAX];
	size_t n_packet;
	struct {
		uint8_t v4[4], v6[16];
		char name[WARD_RELAY_NAME_MAX + 2];
		bool unknown; /* the name */
	} answer[ANSWERS]; /* the last is that of the last one */
	size_t n_answers;
	struct {
		unsigned asked, opened, dialled, refused, passed, agrees, somes, somes_passed;
		bool open;
		char asks[WARD_RELAY_NAME_MAX + 2]; /* the last name */
		bool several; /* names that wait for an answer: whose it is, is not known */
		/* To what it was opened, "" = to an address; NULL: that is not known, or not always the same. */
		const char *meant;
	} id[IDS]; /* by what the relay said, and heard */
} t;

static uint64_t number(size_t bytes)
{
	uint64_t v = 0;

	for (size_t i = 0; i < bytes && t.n > 0; i++, t.p++, t.n--)
		v |= (uint64_t)*t.p << 8 * i;
	return v;
}

/* ---- who the gate asks and tells ---- */

static bool is_granted(const char *name)
{
	return strcmp(name, "good.example") == 0 || strcmp(name, "ruled.example") == 0 ||
		strcmp(name, "dns.example") == 0 || strcmp(name, "inner.example") == 0 ||
		strcmp(name, "never.example") == 0;
}

/* "_x._tcp.good.example": of a name that is granted. */
static bool is_service(const char *name)
{
	const char *host = strstr(name, "._tcp.");

	return name[0] == '_' && host && is_granted(host + 6);
}

static int on_ask(void *arg, const struct ward_egress_ask *q, enum ward_effect *ret, char *rule,
	size_t size)
{
	(void)arg;
	MUST(*ret == WARD_DENY && (q->name || q->address));
	MUST(!q->name || !q->name[0] || ward_name_is_normal(ward_str(q->name)) || q->address);
	(void)snprintf(rule, size, "a rule");
	MUST(!q->inspected || (t.config & INSPECTS && !q->hold && !q->inward));
	if (q->inspected && strcmp(q->inspected, SPOKEN_NOT) == 0)
		return WARD_OK;
	if (q->inward) {
		MUST(q->port == out.home_port);
		*ret = WARD_ALLOW;
	} else if (q->name && q->address) {
		*ret = WARD_ALLOW; /* nothing forbids that it leads there */
	} else if (q->name && strcmp(q->name, "held.example") == 0) {
		*ret = t.yes || !q->port ? WARD_ALLOW : WARD_ASK;
	} else if (q->name && is_granted(q->name)) {
		*ret = q->port == 0 || q->port == out.port ? WARD_ALLOW : WARD_DENY;
	} else if (!q->name && strcmp(q->address, "127.0.0.1") == 0 && q->port == out.port) {
		*ret = WARD_ALLOW;
	} else if (q->name && strcmp(q->name, "broken.example") == 0) {
		*ret = WARD_ALLOW; /* an error is never an allow */
		return WARD_E_NOMEM;
	}
	return WARD_OK;
}

static bool on_inspects(void *arg)
{
	(void)arg;
	return t.config & INSPECTS;
}

static void is_text(const char *s)
{
	for (; s && *s; s++)
		MUST((unsigned char)*s >= ' ' && (unsigned char)*s < 0x7f);
}

static int on_event(void *arg, const struct ward_egress_event *e)
{
	(void)arg;
	if ((t.config & NO_RECORD) && ++t.events > 3)
		return WARD_E_SYSTEM;
	MUST(e->count > 0 && e->kind < WARD_EGRESS_KIND_MAX);
	/* What a record can have. */
	MUST(e->count <= WARD_RELAY_NUMBER_MAX && e->up <= WARD_RELAY_NUMBER_MAX &&
		e->down <= WARD_RELAY_NUMBER_MAX);
	is_text(e->name);
	is_text(e->address);
	is_text(e->text);
	is_text(e->peer);
	if (e->kind == WARD_EGRESS_OPEN)
		t.opens += e->count;
	if ((e->kind == WARD_EGRESS_CONNECT || e->kind == WARD_EGRESS_ACCEPT) && e->dialled)
		t.ends += e->count;
	return WARD_OK;
}

static bool on_who(void *arg, const char *address, uint16_t port, bool wait, int *ret_pid,
	char comm[16], char program[WARD_PROGRAM_TEXT_MAX])
{
	(void)arg, (void)address, (void)wait, (void)ret_pid, (void)comm, (void)program;
	return port % 2;
}

static bool on_meant(void *arg, const char *address, uint16_t port, bool wait, uint16_t *io_port)
{
	(void)arg, (void)address, (void)wait;
	*io_port = out.port;
	return port % 2;
}

static int on_limits(void *arg, const struct ward_egress_ask *q,
	struct ward_egress_limit ret[WARD_EGRESS_LIMITS_MAX])
{
	(void)arg;
	if (!q->name || strcmp(q->name, "ruled.example") != 0)
		return 0;
	ret[0] = (struct ward_egress_limit){ .file = "p.cedar", .line = 1, .column = 1 };
	ret[0].limits.v[WARD_NET_CONNECTIONS] = 2;
	ret[0].limits.v[WARD_NET_BYTES_UP] = 100;
	return 1;
}

/* ---- what the relay hears ---- */

static bool is_same(const char *a, const char *b)
{
	return a[0] && strcmp(a, b) == 0;
}

/* meant: NULL = whatever it may be. */
static bool agrees(const struct ward_relay_msg *m, const char *meant)
{
	uint32_t what = m->value & 0xffu;

	if (what == WARD_SPOKEN_BROKEN || (what == WARD_SPOKEN_TLS_ECH && t.config & INSPECTS))
		return false;
	if (what == WARD_SPOKEN_UNKNOWN || what == WARD_SPOKEN_SSH || what == WARD_SPOKEN_POSTGRES)
		return true; /* they name nobody */
	if (what == WARD_SPOKEN_TLS_ECH)
		return !meant || is_same(meant, m->name);
	if (!m->name[0] || (meant && meant[0]))
		return !m->name[0] || is_same(meant, m->name);
	/* Who meant an address may name what is granted, or that address. */
	return !meant || is_granted(m->name) || strcmp(m->name, "127.0.0.1") == 0 ||
		(t.yes && strcmp(m->name, "held.example") == 0);
}

static void is_server(int fd)
{
	struct sockaddr_in6 a = { 0 };
	struct ward_relay_addr peer;
	socklen_t n = sizeof(a);

	MUST(getpeername(fd, (void *)&a, &n) == 0 && ward_inside_address(&a, &peer));
	MUST(peer.family == 4 && peer.port == out.port &&
		ward_address_classify(4, peer.a) == WARD_ADDRESS_LOOPBACK);
}

static void answered(const struct ward_relay_msg *m)
{
	static const uint8_t none[16];
	bool several = t.id[m->id % IDS].several;
	const char *name = t.id[m->id % IDS].asks;
	size_t i;

	MUST(several || is_granted(name) || is_service(name) || strcmp(name, "held.example") == 0);
	/* A question that was not for addresses: both, or neither. */
	MUST((memcmp(m->v4, none, 4) == 0) == (memcmp(m->v6, none, 16) == 0));
	if (memcmp(m->v4, none, 4) == 0)
		return;
	i = t.n_answers < ANSWERS ? t.n_answers++ : ANSWERS - 1;
	t.answer[i].unknown = several;
	memcpy(t.answer[i].v4, m->v4, 4);
	memcpy(t.answer[i].v6, m->v6, 16);
	memcpy(t.answer[i].name, name, sizeof(t.answer[i].name));
}

static void heard(const struct ward_relay_msg *m, const int *fds, size_t n_fds)
{
	uint32_t id = m->id % IDS;

	MUST(memchr(m->name, '\0', sizeof(m->name)));
	switch (m->type) {
	case WARD_GATE_ANSWER:
		MUST(t.id[id].asked > 0 && n_fds == 0);
		t.id[id].asked--;
		if (m->value == 0)
			answered(m);
		return;
	case WARD_GATE_SERVER:
		/* Nobody hears of a server that may not be connected to. */
		MUST(t.id[id].asked > 0 && n_fds == 0 && m->to.port == out.port);
		MUST(is_granted(m->name));
		return;
	case WARD_GATE_DIALED:
		MUST(n_fds == 1 && t.id[id].dialled < t.id[id].opened);
		MUST(t.config & NO_RECORD || t.opens > 0);
		MUST(!(t.config & INSPECTS) || m->value == 0);
		t.id[id].dialled++;
		is_server(fds[0]);
		MUST(!m->name[0] || is_granted(m->name) ||
			(t.yes && strcmp(m->name, "held.example") == 0));
		MUST(!t.id[id].meant || strcmp(t.id[id].meant, m->name) == 0);
		return;
	case WARD_GATE_REFUSED:
		MUST(n_fds == 0 && t.id[id].refused < t.id[id].opened);
		t.id[id].refused++;
		is_text(m->name);
		return;
	case WARD_GATE_PASS:
		MUST(n_fds == 0 && m->value <= 1);
		MUST(m->value == 1 ? t.id[id].somes_passed++ < t.id[id].somes
				   : t.id[id].passed++ < t.id[id].agrees);
		return;
	case WARD_GATE_LIMITS: MUST(n_fds == 0 && m->value >= 1); return;
	default: MUST(!"a message that this relay is not told");
	}
}

static void hear(void)
{
	struct ward_relay_msg m;

	for (;;) {
		int fds[2] = { -1, -1 };
		size_t n_fds = 2;

		if (ward_recv_fds(t.relay, &m, sizeof(m), fds, &n_fds, MSG_DONTWAIT) !=
			(ssize_t)sizeof(m))
			return;
		heard(&m, fds, n_fds);
		ward_close(fds[0]);
		ward_close(fds[1]);
	}
}

static void turn(void)
{
	MUST(ward_egress_next(t.e, NULL) == WARD_OK);
	hear();
}

/* ---- what it says ---- */

static const char *meant_by(const struct ward_relay_msg *m)
{
	static const uint8_t v4[2] = { 198, 18 }, v6[4] = { 0xfd, 0x77, 0x61, 0x72 };

	for (size_t i = 0; i < t.n_answers; i++)
		if (m->to.family == 4 ? memcmp(m->to.a, t.answer[i].v4, 4) == 0
				      : memcmp(m->to.a, t.answer[i].v6, 16) == 0)
			return t.answer[i].unknown ? NULL : t.answer[i].name;
	/* One that was not told yet, or of a form that carries another one. */
	return m->to.family == 6 || memcmp(m->to.a, v4, 1) == 0 || memcmp(m->to.a, v6, 4) == 0
		? NULL
		: "";
}

static void note_open(const struct ward_relay_msg *m)
{
	uint32_t id = m->id % IDS;
	const char *meant = m->name[0] ? NULL : meant_by(m);

	t.must_be_lost = m->id & WARD_GATE_FLOW || (m->id == id && t.id[id].open) ||
		(m->to.family != 4 && m->to.family != 6) || m->inward > 1 ||
		(m->inward && !(t.config & PUBLISHES));
	t.id[id].meant = t.id[id].opened++ && t.id[id].meant != meant ? NULL : meant;
	t.id[id].open = t.id[id].open || m->id == id;
}

/* By the rules of wire.h: what has to be the relay's last word. What else may be is the gate's to say. */
static void note(const struct ward_relay_msg *m)
{
	uint32_t id = m->id % IDS;
	bool text = memchr(m->name, '\0', sizeof(m->name));

	if (!text || m->up > WARD_RELAY_NUMBER_MAX || m->down > WARD_RELAY_NUMBER_MAX ||
		m->type < WARD_RELAY_READY || m->type > WARD_RELAY_LIMIT ||
		(!t.ready && m->type != WARD_RELAY_READY) ||
		(m->type == WARD_RELAY_READY && (t.ready++ || m->value != WARD_RELAY_VERSION)))
		t.must_be_lost = true;
	if (t.must_be_lost)
		return;
	if (m->type == WARD_RELAY_NAME) {
		t.must_be_lost = !ward_name_is_normal(ward_str(m->name));
		t.id[id].several = t.id[id].asked > 0 &&
			(t.id[id].several || strcmp(t.id[id].asks, m->name) != 0);
		t.id[id].asked += m->id != 0;
		memcpy(t.id[id].asks, m->name, sizeof(m->name));
	} else if (m->type == WARD_RELAY_OPEN) {
		note_open(m);
	} else if (m->type == WARD_RELAY_SEEN) {
		t.must_be_lost = !t.id[id].opened;
		if (m->value & WARD_SEEN_SOME)
			t.id[id].somes++;
		else
			t.id[id].agrees += agrees(m, t.id[id].meant);
	} else if (m->type == WARD_RELAY_CLOSED) {
		t.must_be_lost = !t.id[id].opened || m->value >= WARD_END_MAX;
		t.id[id].open = t.id[id].open && m->id != id;
	}
}

static void say(const void *p, size_t n, bool fd)
{
	const int fds[1] = { out.dns };
	int left = 0;

	/* A turn ends when its time is over, whatever is left. */
	if (n > 0 && ward_send_fds(t.relay, p, n, fds, fd) == (ssize_t)n)
		do
			turn();
		while (!t.e->lost && ioctl(t.relay, SIOCOUTQ, &left) == 0 && left > 0);
	if (t.must_be_lost)
		MUST(t.e->lost);
}

static void flush(bool fd)
{
	for (size_t i = 0; i < t.n_packet; i++)
		note(&t.packet[i]);
	say(t.packet, t.n_packet * sizeof(t.packet[0]), fd);
	t.n_packet = 0;
}

static struct ward_relay_addr address(void)
{
	struct ward_relay_addr a = { .family = 4, .port = out.port };
	uint8_t how = (uint8_t)number(1);
	size_t last = t.n_answers ? t.n_answers - 1 : 0;

	switch ((how & 0x7f) % 6) {
	case 0: memcpy(a.a, t.answer[last].v4, 4); break;
	case 1:
		a.family = 6;
		memcpy(a.a, t.answer[last].v6, 16);
		break;
	case 2:
		a = (struct ward_relay_addr){
			.family = 4, .port = out.home_port, .a = { 127, 0, 0, 1 }
		};
		break;
	case 3: memcpy(a.a, (const uint8_t[]){ 127, 0, 0, 1 }, 4); break;
	case 4: memcpy(a.a, (const uint8_t[]){ 198, 18, 0, 2 }, 4); break;
	default:
		a.family = (uint8_t)number(1);
		a.port = (uint16_t)number(2);
		for (size_t i = 0; i < sizeof(a.a); i++)
			a.a[i] = (uint8_t)number(1);
	}
	if (how & 0x80)
		a.port = (uint16_t)number(2);
	return a;
}

static struct ward_relay_msg message(uint32_t type, bool endless)
{
	struct ward_relay_msg m = { .type = type };
	size_t n;

	m.id = (uint32_t)number(1);
	if (m.id & 0x80)
		m.id = (m.id & 0x7f) | (uint32_t)number(1) << 24;
	m.value = (uint32_t)number(2);
	if (type == WARD_RELAY_READY && m.value == 0)
		m.value = WARD_RELAY_VERSION;
	m.inward = (uint32_t)number(1);
	m.to = address();
	m.from = address();
	m.up = number(1);
	if (m.up & 0x80)
		m.up = m.down = number(8);
	n = (size_t)number(1);
	for (size_t i = 0; i < n && t.n > 0; i++)
		m.name[i] = (char)number(1);
	if (endless)
		memset(m.name, 'a', sizeof(m.name));
	return m;
}

/* What a name server is asked of a service. Where its name ends. */
static size_t must_be_service(const uint8_t *q)
{
	char name[256] = "";
	size_t at = 12, n = 0;

	for (; q[at]; at += 1u + q[at])
		n += (size_t)snprintf(name + n, sizeof(name) - n, "%s%.*s", n ? "." : "", q[at],
			(const char *)q + at + 1);
	MUST(is_service(name) && q[at + 2] == WARD_DNS_SRV);
	return at;
}

/* One for a service: it has a server that may be connected to, or another. */
static size_t serve_service(uint8_t q[512], uint8_t how)
{
	static const uint8_t rr[] = { 0xc0, 12, 0, WARD_DNS_SRV, 0, 1, 0, 0, 0, 60, 0, 20, 0, 1, 0,
		1 };
	static const uint8_t hosts[2][14] = { "\4good\7example", "\4evil\7example" };
	size_t at = must_be_service(q);

	q[2] = 0x81;
	q[3] = 0x80;
	q[7] = 1;
	q[11] = 0;
	memcpy(q + at + 5, rr, sizeof(rr));
	q[at + 21] = (uint8_t)(out.port >> 8);
	q[at + 22] = (uint8_t)out.port;
	memcpy(q + at + 23, hosts[how >> 1 & 1], sizeof(hosts[0]));
	return at + 23 + sizeof(hosts[0]);
}

/* A question that came: of a granted name. It gets an address that may be dialled, in most cases. */
static void serve(void)
{
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);
	ssize_t n;

	while ((n = recvfrom(out.dns, q, 256, MSG_DONTWAIT, (void *)&from, &n_from)) > 0) {
		static const uint8_t rr[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0,
			1 };
		uint8_t how = (uint8_t)number(1);
		bool is_a;
		size_t len;

		if (n > 13 && q[13] == '_') {
			len = serve_service(q, how);
			if (how & 1)
				q[how] ^= how;
			(void)sendto(out.dns, q, len, MSG_NOSIGNAL, (void *)&from, n_from);
			continue;
		}
		MUST(n >= 12 + 13 + 4 && memcmp(q + 12, "\3dns\7example", 13) == 0);
		is_a = q[26] == 1;
		q[2] = 0x81;
		q[3] = 0x80;
		q[7] = is_a;
		q[11] = 0;
		if (is_a)
			memcpy(q + 12 + 13 + 4, rr, sizeof(rr));
		if (how & 1)
			q[how % sizeof(q)] ^= how;
		(void)sendto(out.dns, q, 29 + (is_a ? sizeof(rr) : 0), MSG_NOSIGNAL, (void *)&from,
			n_from);
	}
	turn();
}

static void door(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && t.door >= 0)
		(void)ward_send_fds(t.door, "", 1, &fd, 1);
	ward_close(fd);
	turn();
}

static void step(void)
{
	uint8_t how = (uint8_t)number(1);
	uint32_t what = (how & 0xfu) % STEP_MAX, n;
	struct ward_relay_msg m;
	uint8_t bytes[sizeof(m) + 1] = { 0 };

	if (what <= STEP_RAW || what == STEP_WHOLE) {
		if (what == STEP_WHOLE)
			for (size_t i = 0; i < sizeof(m); i++)
				((uint8_t *)&m)[i] = (uint8_t)number(1);
		else
			m = message(what < STEP_RAW ? what + 1 : (uint32_t)number(4),
				how & STEP_ENDLESS);
		t.packet[t.n_packet++] = m;
		if (!(how & STEP_MORE) || t.n_packet == WARD_RELAY_TOLD_MAX)
			flush(how & STEP_FD);
		return;
	}
	flush(false);
	switch (what) {
	case STEP_BYTES:
		n = (uint32_t)number(2) % sizeof(bytes);
		t.must_be_lost = t.must_be_lost || (n > 0 && n < sizeof(m));
		if (n < sizeof(m))
			say(bytes, n, how & STEP_FD);
		return;
	case STEP_YES:
		t.yes = true;
		ward_egress_answered(t.e);
		turn();
		return;
	case STEP_TIME:
		if (!t.e->lost)
			ward_flows_tick(t.e, ward_now_mono_ns() + 31000 * WARD_MS);
		turn();
		return;
	case STEP_DNS: serve(); return;
	default: door(); return;
	}
}

/* ---- the run around it ---- */

static int bound(int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	MUST(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	MUST(getsockname(fd, (void *)&a, &n) == 0);
	return ntohs(a.sin_port);
}

static void prepare(void)
{
	out.server = bound(SOCK_STREAM);
	out.home = bound(SOCK_STREAM);
	out.dns = bound(SOCK_DGRAM);
	out.hosts = memfd_create("hosts", 0);
	MUST(listen(out.server, 64) == 0 && listen(out.home, 8) == 0);
	MUST(out.hosts >= 0 && write(out.hosts, HOSTS, strlen(HOSTS)) == (ssize_t)strlen(HOSTS));
	out.port = port_of(out.server);
	out.home_port = port_of(out.home);
	(void)snprintf(out.resolver, sizeof(out.resolver), "127.0.0.1:%u", port_of(out.dns));
}

static void publish(void)
{
	const struct ward_egress_listener v = { .fd = fcntl(out.home, F_DUPFD_CLOEXEC, 3),
		.inner = out.port };
	struct ward_relay_msg m;
	int pair[2], fd = -1;
	size_t n = 1;

	MUST(v.fd >= 0 && ward_socketpair(SOCK_SEQPACKET, pair) >= 0);
	/* The init asks poll() whether there is room. */
	MUST(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0);
	MUST(ward_egress_listen(t.e, &v, 1, pair[0], NULL) == WARD_OK);
	MUST(ward_recv_fds(t.relay, &m, sizeof(m), &fd, &n, MSG_DONTWAIT) == (ssize_t)sizeof(m));
	MUST(m.type == WARD_GATE_INWARD && n == 1);
	ward_close(fd);
	t.door = pair[1];
}

static void begin(void)
{
	static const struct ward_egress_ops plain = { on_ask, on_event, on_who, NULL, on_limits,
		on_inspects },
					    redirected = { on_ask, on_event, on_who, on_meant,
						    on_limits, on_inspects };
	struct ward_egress_options o = { .ops = t.config & REDIRECTED ? &redirected : &plain,
		.resolver = out.resolver,
		.by_program = t.config & BY_PROGRAM };
	static char hosts[32];
	int pair[2];

	if (t.config & FEW) {
		o.limits.v[WARD_NET_CONNECTIONS] = 2;
		o.limits.v[WARD_NET_NAMES] = 2;
		o.limits.v[WARD_NET_BYTES_UP] = 1000;
	}
	(void)snprintf(hosts, sizeof(hosts), "/proc/self/fd/%d", out.hosts);
	MUST(ward_socketpair(SOCK_SEQPACKET, pair) >= 0);
	t.relay = pair[1];
	MUST(ward_gate_new(&o, pair[0], &t.e, NULL) == WARD_OK);
	t.e->resolver.hosts_file = hosts;
	if (t.config & PUBLISHES)
		publish();
	if (!(t.config & NOT_READY)) {
		t.packet[t.n_packet++] = (struct ward_relay_msg){ .type = WARD_RELAY_READY,
			.value = WARD_RELAY_VERSION };
		flush(false);
	}
}

static size_t descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	MUST(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* By resets, so that no port is left waiting. */
static void hang_up(void)
{
	static const struct linger l = { .l_onoff = 1 };
	int fd;

	while ((fd = accept4(out.server, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		ward_close(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t rest[64];
	size_t before;

	if (!out.port)
		prepare();
	if (size < 2 || size > 8192)
		return 0;
	before = descriptors();
	memset(&t, 0, sizeof(t));
	t.door = -1;
	t.config = data[0];
	t.p = data + 1;
	t.n = size - 1;
	begin();
	while (t.n > 0)
		step();
	flush(false);
	hang_up();
	/* With its end everything ends. */
	ward_close(t.relay);
	ward_egress_stop(t.e);
	ward_close(t.door);
	hang_up();
	while (recv(out.dns, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		if (rest[13] == '_')
			(void)must_be_service(rest);
		else
			MUST(memmem(rest, sizeof(rest), "\3dns\7example", 12));
	MUST(t.config & NO_RECORD || t.opens == t.ends);
	MUST(descriptors() == before);
	return 0;
}
