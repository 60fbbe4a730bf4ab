/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect, and sendto with an address: decided on a copy and done here, on a duplicate of the caller's descriptor, with
 * the copied address. The caller's memory is read once; what it holds afterwards does not matter.
 *
 * What is done: the sandbox's own loopback (127/8, ::1, their v4-mapped form, and 0.0.0.0 and :: which mean it),
 * with egress the run's own address and what is captured (is_captured()), AF_UNSPEC (disconnect), abstract Unix names (they live in the socket's network namespace), path sockets that the
 * run itself bound (notify_unix.c), and NETLINK_ROUTE questions where the plan has them. Everything else is refused:
 * addresses with ENETUNREACH, as in a network without a route, and a note; a host's socket with EACCES.
 *
 * Where nothing captures (plan->redirects: no nf_tables) a TCP connect to what would be captured is made to the port of the gate's
 * listener, at the address that was meant: every address is local, and it listens at all of them. Which port was meant is noted
 * with who it is. A connection that came there by another way has no such note, and is refused by the gate.
 *
 * We act with the supervisor's rights, which the caller does not have, so an act must not depend on them:
 * - the socket must be of the run's network namespace: a socket inherited as stdin may be of the host's;
 * - its domain must be one of the four above, whatever the address says;
 * - netlink is sent without an address: with one, the kernel would ask for the sender's rights, ours, instead of
 *   those of whoever opened the socket.
 * A peer inside sees the supervisor in SO_PEERCRED: pid 0; its user is the run's (notify_pending.c).
 *
 * Nothing here may block (notify_pending.c says what happens with what would): sends use MSG_DONTWAIT, and a
 * blocking socket gets a send timeout of one tick for the moment of the connect. A caller that takes that timeout
 * away at that very moment holds up the answers to its own run; ward_notify_stop() shuts the socket down.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif
#define DNS_PORT 53
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR | MSG_MORE | MSG_CONFIRM | MSG_DONTROUTE)

/* The caller's socket, duplicated. */
struct sock {
	int fd, domain, type, protocol;
};

/* What to do about an address. */
struct decision {
	int err; /* 0 = do it */
	bool captured; /* it goes to the gate */
	bool redirected; /* by another port than the one that was meant */
	int path; /* descriptor of a checked socket file, or -1 */
};

/* ---- the descriptor ---- */

static int get_option(int fd, int option)
{
	int v = 0;
	socklen_t n = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, option, &v, &n) < 0 ? -errno : v;
}

/* Is the socket of the run's own network namespace? The caller is (setns is refused), so its namespace is the measure. */
static bool is_own_netns(struct ward_notify *n, const struct ward_ask *ask, int fd)
{
	WARD_FD ns = -1;
	struct stat st, own;
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	bool told = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0 && cookie;

	/* No two namespaces have the same as long as the host is up. */
	if (n->netns_cookie && told)
		return cookie == n->netns_cookie;
	ns = ioctl(fd, SIOCGSKNS, 0);
	if (n->netns_ino == 0) {
		if (fstatat(ask->dir, "ns/net", &st, 0) < 0)
			return false;
		/* Nothing that is done here for the gate's sake may be done in our own network. */
		if (n->plan->egress &&
			(fstatat(AT_FDCWD, "/proc/thread-self/ns/net", &own, 0) < 0 ||
				(own.st_dev == st.st_dev && own.st_ino == st.st_ino)))
			return false;
		n->netns_dev = st.st_dev;
		n->netns_ino = st.st_ino;
	}
	/* EPERM where the namespace is not ours to look at: then it is not the run's. */
	if (ns < 0 || fstat(ns, &st) < 0 || st.st_dev != n->netns_dev || st.st_ino != n->netns_ino)
		return false;
	n->netns_cookie = told ? cookie : 0;
	return true;
}

static int get_socket(struct ward_notify *n, struct ward_ask *ask, struct sock *s)
{
	s->fd = ward_notify_take_fd(n, ask, (int)ask->req->data.args[0]);
	if (s->fd < 0)
		return -s->fd;
	s->domain = get_option(s->fd, SO_DOMAIN);
	if (s->domain < 0)
		return -s->domain; /* ENOTSOCK */
	s->type = get_option(s->fd, SO_TYPE);
	s->protocol = get_option(s->fd, SO_PROTOCOL);
	return 0;
}

static bool is_nonblock(const struct sock *s)
{
	int flags = fcntl(s->fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK);
}

/* ---- the address ---- */

static int read_caller(struct ward_notify *n, struct ward_ask *ask, uint64_t at, void *out,
	size_t size)
{
	int r = ward_peek_bytes_of((int)ask->req->pid, at, out, size);

	if (r != -ENOSYS && r != -EPERM)
		return r < 0 ? EFAULT : 0;
	r = ward_notify_open_caller(n, ask);
	if (r == 0 && ward_peek_bytes(ask->mem, at, out, size) < 0)
		r = EFAULT;
	return r;
}

static int copy_addr(struct ward_notify *n, struct ward_ask *ask, uint64_t at, uint64_t len,
	struct ward_addr *ret)
{
	int size = (int)len, err = 0;

	memset(&ret->a, 0, sizeof(ret->a));
	if (size < 0 || (size_t)size > sizeof(ret->a))
		return EINVAL;
	if (size)
		err = read_caller(n, ask, at, &ret->a, (size_t)size);
	ret->n = (socklen_t)size;
	return err || (size_t)size >= sizeof(ret->a.ss_family) ? err : EINVAL;
}

static bool is_local4(const struct ward_notify *n, uint32_t network_order)
{
	uint32_t a = ntohl(network_order);

	return a == INADDR_ANY || (a >> 24) == 127 ||
		(n->plan->egress && a == WARD_NET_SYNTHETIC4 + WARD_NET_SELF_AT);
}

static bool is_synthetic4(uint32_t network_order)
{
	return (ntohl(network_order) ^ WARD_NET_SYNTHETIC4) >> (32 - WARD_NET_SYNTHETIC4_BITS) == 0;
}

static bool is_synthetic6(const struct in6_addr *a)
{
	static const uint8_t range[] = WARD_NET_SYNTHETIC6;

	_Static_assert(sizeof(range) * 8 == WARD_NET_SYNTHETIC6_BITS, "the range");
	return memcmp(a, range, sizeof(range)) == 0;
}

static bool is_local6(const struct ward_notify *n, const struct in6_addr *a)
{
	struct in6_addr self = { { WARD_NET_SYNTHETIC6 } };

	self.s6_addr[15] = WARD_NET_SELF_AT;
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) ||
		(n->plan->egress && IN6_ARE_ADDR_EQUAL(a, &self));
}

/*
 * With egress every address is local to the run's network, and the gate judges what is sent there: TCP, and questions to any name
 * server. A UDP socket may be connected to an address that stands for a name: resolvers do, to see which of a name's addresses
 * would be used. That sends nothing, and what is sent then finds no port there, at once.
 */
static bool is_captured(const struct ward_notify *n, const struct ward_ask *ask,
	const struct sock *s, bool synthetic, uint16_t network_port)
{
	if (!n->plan->egress)
		return false;
	/* At port 0 nobody ever listens: it is refused, and told, at once. */
	if (s->type == SOCK_STREAM)
		return s->protocol == IPPROTO_TCP && network_port != 0;
	return s->type == SOCK_DGRAM && s->protocol == IPPROTO_UDP &&
		(network_port == htons(DNS_PORT) ||
			(synthetic && ask->req->data.nr == SYS_connect));
}

/* The proxy of the run's loopback, which no address at all is as well: the gate is asked there, too. */
static bool is_proxy(const struct ward_notify *n, const struct sock *s, bool loopback,
	uint16_t network_port)
{
	return n->plan->egress && loopback && s->type == SOCK_STREAM &&
		network_port == htons(WARD_NET_PROXY_PORT);
}

/* The v4 address in a v4-mapped one. */
static uint32_t mapped4(const struct in6_addr *a)
{
	uint32_t v;

	memcpy(&v, a->s6_addr + 12, sizeof(v));
	return v;
}

/* The note "203.0.113.1:443" or "[2001:db8::1]:443", and by what it was to be reached. */
static void note_address(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	int family, const void *a, uint16_t port)
{
	char host[INET6_ADDRSTRLEN] = "?", text[64];
	struct ward_refusal_note note = { .kind = WARD_REFUSAL_CONNECT,
		.action = WARD_CAP_NETWORK_CONNECT,
		.resource = text,
		.syscall = ask->v.name };

	if (s->type == SOCK_DGRAM)
		note.seen = port == htons(DNS_PORT) ? WARD_SEEN_QUESTION : WARD_SEEN_DATAGRAM;
	(void)inet_ntop(family, a, host, sizeof(host));
	(void)snprintf(text, sizeof(text), family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
		ntohs(port));
	ward_notify_tell(n, ask, &note);
}

static int refuse_address(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	int family, const void *a, uint16_t port)
{
	note_address(n, ask, s, family, a, port);
	return ENETUNREACH;
}

/*
 * Without a network no name is answered: what resolvers ask is the run's own loopback, at a port that nobody inside can have, where there is
 * no resolv.conf to say another. They fail at once by themselves, and what then failed would be on no record.
 */
static void note_question(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	int family, const void *a, uint16_t port)
{
	if (!n->plan->egress && s->type == SOCK_DGRAM && port == htons(DNS_PORT))
		note_address(n, ask, s, family, a, port);
}

/* No connection is ever made to many: the kernel would say so, and nobody else. */
static bool is_many(const struct sock *s, bool many)
{
	return s->type == SOCK_STREAM && many;
}

/* By TCP questions have a port that nobody listens at: resolvers ask by UDP. */
static bool is_redirected(const struct ward_notify *n, const struct sock *s, uint16_t network_port)
{
	return n->plan->redirects && s->type == SOCK_STREAM && network_port != htons(DNS_PORT);
}

static void decide_v4(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	uint32_t network_order, uint16_t port, struct decision *d)
{
	d->err = 0;
	d->captured = is_proxy(n, s,
		ntohl(network_order) == INADDR_LOOPBACK || network_order == htonl(INADDR_ANY),
		port);
	if (is_local4(n, network_order)) {
		note_question(n, ask, s, AF_INET, &network_order, port);
		return;
	}
	d->captured =
		!is_many(s,
			IN_MULTICAST(ntohl(network_order)) || network_order == INADDR_BROADCAST) &&
		is_captured(n, ask, s, is_synthetic4(network_order), port);
	d->redirected = d->captured && is_redirected(n, s, port);
	if (!d->captured)
		d->err = refuse_address(n, ask, s, AF_INET, &network_order, port);
}

static void decide_v6(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct in6_addr *a, uint16_t port, struct decision *d)
{
	d->err = 0;
	d->captured = is_proxy(n, s, IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a), port);
	if (is_local6(n, a)) {
		note_question(n, ask, s, AF_INET6, a, port);
		return;
	}
	d->captured = !is_many(s, IN6_IS_ADDR_MULTICAST(a)) &&
		is_captured(n, ask, s, is_synthetic6(a), port);
	d->redirected = d->captured && is_redirected(n, s, port);
	if (!d->captured)
		d->err = refuse_address(n, ask, s, AF_INET6, a, port);
}

static void decide_inet(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct ward_addr *to, struct decision *d)
{
	struct sockaddr_in a;

	if (s->domain != AF_INET && s->domain != AF_INET6) {
		d->err = EAFNOSUPPORT;
	} else if (to->n < sizeof(a)) {
		d->err = EINVAL;
	} else {
		memcpy(&a, &to->a, sizeof(a));
		decide_v4(n, ask, s, a.sin_addr.s_addr, a.sin_port, d);
	}
}

static void decide_inet6(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct ward_addr *to, struct decision *d)
{
	struct sockaddr_in6 a;

	memcpy(&a, &to->a, sizeof(a)); /* the copy is zeroed behind to->n */
	if (s->domain != AF_INET6)
		d->err = EAFNOSUPPORT;
	else if (to->n < offsetof(struct sockaddr_in6, sin6_scope_id))
		d->err = EINVAL;
	else if (IN6_IS_ADDR_V4MAPPED(&a.sin6_addr))
		decide_v4(n, ask, s, mapped4(&a.sin6_addr), a.sin6_port, d);
	else
		decide_v6(n, ask, s, &a.sin6_addr, a.sin6_port, d);
}

/* connect: dissolve. sendto on UDP: the kernel takes it for AF_INET. */
static void decide_unspec(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct ward_addr *to, struct decision *d)
{
	if (ask->req->data.nr == SYS_connect)
		d->err = s->domain == AF_NETLINK ? EINVAL : 0;
	else if (s->domain == AF_INET)
		decide_inet(n, ask, s, to, d);
	else
		d->err = EAFNOSUPPORT;
}

/* The path in a Unix address, absolute inside: false if it cannot be told. */
static bool whole_path(const struct ward_ask *ask, const char *text, char path[WARD_PATH_MAX])
{
	char cwd[WARD_PATH_MAX] = "/";
	ssize_t n;

	if (text[0] != '/') {
		n = readlinkat(ask->dir, "cwd", cwd, sizeof(cwd) - 1);
		if (n < 0 || cwd[0] != '/')
			return false;
		cwd[n] = '\0';
	}
	return ward_path_join(cwd, text, path, WARD_PATH_MAX) == WARD_OK;
}

static void decide_unix(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct ward_addr *to, struct decision *d)
{
	char text[sizeof(struct sockaddr_un)] = "", path[WARD_PATH_MAX];
	size_t len = to->n > offsetof(struct sockaddr_un, sun_path)
		? to->n - offsetof(struct sockaddr_un, sun_path)
		: 0;
	enum ward_socket what = WARD_SOCKET_OWN;
	struct ward_refusal_note note = { .kind = WARD_REFUSAL_UNIX,
		.action = WARD_CAP_NETWORK_CONNECT,
		.resource = path,
		.syscall = ask->v.name };

	if (s->domain != AF_UNIX || to->n > sizeof(struct sockaddr_un)) {
		d->err = EINVAL;
		return;
	}
	if (s->type != SOCK_STREAM && s->type != SOCK_SEQPACKET) {
		d->err =
			EACCES; /* a datagram could be sent anywhere; the filter lets nobody make such a socket */
		return;
	}
	memcpy(text, (const char *)&to->a + offsetof(struct sockaddr_un, sun_path), len);
	if (len == 0 || text[0] == '\0') {
		d->err =
			0; /* unnamed, or abstract: looked up in the socket's own network namespace */
		return;
	}
	text[len] = '\0';
	if (!whole_path(ask, text, path)) {
		d->err = EACCES;
		return;
	}
	d->err = ward_notify_unix(n, ask, path, &d->path, &what);
	if (what == WARD_SOCKET_OWN)
		return;
	/* Clients of a server of the run's own try until it is there: then the host's of that name was not meant. */
	note.quiet = what == WARD_SOCKET_MISSING || ward_quiet_path(path);
	note.seen = what == WARD_SOCKET_MISSING ? WARD_SEEN_MISSING : WARD_SEEN_NOT;
	ward_notify_tell(n, ask, &note);
}

static void decide_netlink(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct ward_addr *to, struct decision *d)
{
	struct sockaddr_nl a;

	(void)ask;
	memcpy(&a, &to->a, sizeof(a));
	if (s->domain != AF_NETLINK || to->n < sizeof(a))
		d->err = EINVAL;
	else if (!(n->plan->seccomp & WARD_SECCOMP_NETLINK_ROUTE) || s->protocol != NETLINK_ROUTE ||
		a.nl_pid || a.nl_groups)
		d->err = EPERM;
	else
		d->err = 0;
}

static const struct {
	int family;
	void (*decide)(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
		const struct ward_addr *to, struct decision *d);
} families[] = {
	{ AF_INET, decide_inet },
	{ AF_INET6, decide_inet6 },
	{ AF_UNSPEC, decide_unspec },
	{ AF_UNIX, decide_unix },
	{ AF_NETLINK, decide_netlink },
};

static void decide(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	const struct ward_addr *to, struct decision *d)
{
	*d = (struct decision){ .err = EAFNOSUPPORT, .path = -1 };
	if (n->plan->seccomp & WARD_SECCOMP_NO_SOCKET) {
		d->err = EACCES; /* no network namespace of its own: every address is the host's */
		return;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(families); i++)
		if (families[i].family == to->a.ss_family)
			families[i].decide(n, ask, s, to, d);
	if (d->err == 0 && !is_own_netns(n, ask, s->fd))
		d->err = EACCES;
}

/* A decided path is reached by descriptor, so that what was checked is what is meant. */
static void name_path(const struct decision *d, struct ward_addr *to)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };

	if (d->path < 0)
		return;
	(void)snprintf(u.sun_path, sizeof(u.sun_path), "/proc/self/fd/%d", d->path);
	memcpy(&to->a, &u, sizeof(u));
	to->n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(u.sun_path) + 1);
}

/* The port that was meant, which is that of the listener afterwards. 0: it is not redirected. */
static uint16_t redirect(const struct decision *d, struct ward_addr *to)
{
	struct sockaddr_in a;
	uint16_t meant;

	_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
			offsetof(struct sockaddr_in6, sin6_port),
		"the port of both is at the same place");
	if (!d->redirected)
		return 0;
	memcpy(&a, &to->a, sizeof(a));
	meant = ntohs(a.sin_port);
	a.sin_port = htons(WARD_NET_PROXY_PORT);
	memcpy(&to->a, &a, sizeof(a));
	return meant;
}

/* ---- the act ---- */

/* Who made a connect that was captured. The copy of his socket is closed by then. */
struct waiting {
	struct ward_cage_caller caller; /* the first */
	struct ward_notify *n;
	uint64_t id;
	int err;
	bool answered;
};

static void go_on(struct ward_cage_caller *c)
{
	struct waiting *w = (struct waiting *)c;

	if (!w->answered)
		ward_notify_answer(w->n, w->id, 0, w->err);
	w->answered = true;
}

/* The copy goes before the answer, which hands the processor over: the caller's own close shall be the last. It may take its time. */
static void finish(struct ward_notify *n, struct ward_ask *ask, struct sock *s, struct decision *d)
{
	ward_close(d->path);
	d->path = -1;
	ward_notify_forget_ask(ask);
	/* With datagrams there is nobody to wait for, whatever SO_LINGER says. */
	if (s->type == SOCK_DGRAM && (s->domain == AF_INET || s->domain == AF_INET6))
		ward_close(s->fd);
	else
		ward_notify_let_go(n, s->fd);
	s->fd = -1;
}

static void do_connect(struct ward_notify *n, struct ward_ask *ask, struct sock *s,
	struct ward_addr *to, struct decision *d)
{
	bool may_block = s->type != SOCK_DGRAM && to->a.ss_family != AF_UNSPEC && !is_nonblock(s);
	uint16_t meant = redirect(d, to);
	struct ward_pending p = {
		.used = true, .id = ask->req->id, .fd = s->fd, .to = *to, .path = d->path
	};
	/* Who asks for a name is in no record. */
	bool noted = d->captured && s->type == SOCK_STREAM;
	struct ward_dialler who;
	struct waiting w = { { go_on }, n, ask->req->id, 0, false };
	bool late;
	int err;

	if (noted)
		ward_notify_who_begin(n, ask, &who);
	else if (s->type == SOCK_STREAM && (s->domain == AF_INET || s->domain == AF_INET6))
		(void)atomic_fetch_add_explicit(&n->dialled, 1, memory_order_relaxed);
	err = ward_notify_try_connect(n, &p, may_block);
	if (noted)
		ward_notify_who_end(n, &who, s->fd, err == 0 || err == EINPROGRESS || err == EAGAIN,
			meant);
	w.err = err;
	late = may_block && (err == EINPROGRESS || err == EAGAIN);
	if (noted && !late && (err == 0 || err == EINPROGRESS)) {
		/* He may go on, and close his own, in the middle of it. */
		ward_notify_let_go(n, s->fd);
		s->fd = -1;
	}
	if (noted && (err == 0 || err == EINPROGRESS) && !ward_notify_left(n))
		ward_notify_captured(n, to, late ? NULL : &w.caller);
	if (late) {
		p.captured = noted;
		p.poll = err == EINPROGRESS;
		p.err_late = err;
		if (ward_notify_wait(n, &p)) { /* has them now, and answers */
			s->fd = d->path = -1;
			return;
		}
		err = EAGAIN;
	}
	finish(n, ask, s, d);
	if (!w.answered)
		ward_notify_answer(n, ask->req->id, 0, err);
}

unsigned ward_notify_dialled(struct ward_notify *n)
{
	return atomic_load_explicit(&n->dialled, memory_order_relaxed);
}

/* Only questions: the kernel would refuse the rest anyway, since whoever opened the socket has no right to it. */
static bool only_questions(char *payload, size_t n)
{
	struct nlmsghdr *h = (void *)payload;

	for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n))
		if (h->nlmsg_type < RTM_BASE || (h->nlmsg_type & 3) != 2)
			return false;
	return true;
}

static int prepare_send(struct ward_notify *n, struct ward_ask *ask, const struct sock *s,
	struct ward_addr *to, struct ward_pending *p)
{
	const __u64 *arg = ask->req->data.args;

	p->flags = (int)arg[3];
	p->payload_n = arg[2];
	if (p->flags & ~SEND_FLAGS)
		return p->flags & (MSG_FASTOPEN | MSG_OOB) ? EOPNOTSUPP : EINVAL;
	if (p->payload_n > WARD_NOTIFY_PAYLOAD_MAX && s->type != SOCK_STREAM)
		return EMSGSIZE;
	if (p->payload_n > WARD_NOTIFY_PAYLOAD_MAX)
		p->payload_n =
			WARD_NOTIFY_PAYLOAD_MAX; /* a stream may take less than was offered */
	if (!n->payload)
		n->payload = malloc(WARD_NOTIFY_PAYLOAD_MAX);
	if (!n->payload)
		return ENOBUFS;
	if (ward_peek_bytes(ask->mem, arg[1], n->payload, p->payload_n) < 0)
		return EFAULT;
	if (s->domain == AF_NETLINK && !only_questions(n->payload, p->payload_n))
		return EPERM;
	if (s->domain == AF_NETLINK || s->type == SOCK_STREAM)
		to->n = 0; /* see the head of this file; and a stream has its peer */
	p->payload = n->payload;
	p->to = *to;
	return 0;
}

static void do_sendto(struct ward_notify *n, struct ward_ask *ask, struct sock *s,
	struct ward_addr *to, struct decision *d)
{
	struct ward_pending p = { .used = true, .id = ask->req->id, .fd = s->fd, .path = d->path };
	int err = prepare_send(n, ask, s, to, &p);
	ssize_t sent = 0;

	if (!err && !ward_notify_valid(n, ask->req->id))
		err = ESRCH;
	if (!err) {
		sent = ward_notify_try_send(&p);
		err = sent < 0 ? (int)-sent : 0;
	}
	if (err == EAGAIN && !((int)ask->req->data.args[3] & MSG_DONTWAIT) && !is_nonblock(s)) {
		p.err_late = EAGAIN;
		p.payload = malloc(p.payload_n ? p.payload_n : 1);
		if (p.payload) {
			memcpy(p.payload, n->payload, p.payload_n);
			if (ward_notify_wait(n, &p)) {
				s->fd = d->path = -1;
				return;
			}
			free(p.payload);
		}
	}
	finish(n, ask, s, d);
	ward_notify_answer(n, ask->req->id, sent, err);
}

void ward_notify_mediate(struct ward_notify *n, struct ward_ask *ask)
{
	const __u64 *arg = ask->req->data.args;
	bool connecting = ask->req->data.nr == SYS_connect;
	struct sock s = { .fd = -1, .type = -1 };
	struct ward_addr to;
	struct decision d = { .err = EPERM, .path = -1 };
	int err = get_socket(n, ask, &s);

	if (!err)
		err = copy_addr(n, ask, connecting ? arg[1] : arg[4], connecting ? arg[2] : arg[5],
			&to);
	/* What it says to send is read from memory that stays open. */
	if (!err && !connecting)
		err = ward_notify_open_caller(n, ask);
	/* It was the caller's descriptor, and its memory, if he is alive still. */
	if (!err && !ward_notify_valid(n, ask->req->id))
		err = ESRCH;
	if (!err) {
		decide(n, ask, &s, &to, &d);
		err = d.err;
	}
	/* A socket file was looked for meanwhile, by a walk that takes its time; any other decision is one on what is at hand. */
	if (!err && d.path >= 0 && !ward_notify_valid(n, ask->req->id))
		err = ESRCH;
	if (err) {
		finish(n, ask, &s, &d);
		ward_notify_answer(n, ask->req->id, 0, err);
	} else {
		name_path(&d, &to);
		(connecting ? do_connect : do_sendto)(n, ask, &s, &to, &d);
	}
}
