/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outside resolver: A and AAAA of one name at a time, asked of the host's name servers in their order, each from a socket and
 * with an id that nobody can guess. Only names that a rule allows are ever asked for. Every wait is bounded, and so is the whole.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "egress/limits.h"

#define TOTAL_MS 10000u
/*
 * That the second family is waited for once the first is there (RFC 8305, 3). What was found is a part then; where the host has no way to any of
 * that, the whole is asked for: one without IPv6 may hear the IPv6 address first, and one that has nothing else an IPv4 address.
 */
#define OTHER_MS 50u
#define WHOLE_MS 2000u /* then: there are name servers that never say anything of IPv6 */
#define FOREIGN_MAX 64 /* answers to something else that one query puts up with */
#define TTL_MAX 300u
#define NONE_S 5u
#define SERVICE_S \
	60u /* at least: the relay's answer says as much, and each question tells its servers something */
#define SILENT_S 1u
#define PORTS_TRIED 3
#define WAITED_MS 1000u /* what name servers know they have said by then */
#define AGAIN_MS 100u /* there was no descriptor */
#define CONF_MS 1000u /* between two looks at resolv.conf */
#define YOUNG_MS 1000u /* that a file is looked at again after it changed */
#define LAST_MS 60000u /* that a server which said nothing is asked behind the others */

struct half {
	struct ward_waiter source;
	struct ward_lookup *l;
	int fd;
	bool tcp, plain, done; /* plain: without EDNS */
	bool parked; /* it waits for a descriptor */
	bool said, failed; /* a server answered, though nothing that helps; and none did */
	uint8_t query[WARD_DNS_QUERY_MAX + 2]; /* with the length before it that TCP wants */
	size_t query_n, sent;
	unsigned tries, foreign;
	uint64_t deadline;
	enum ward_found found;
	struct ward_dns_answer out;
	uint8_t *buf; /* TCP: the length and the answer */
	size_t got;
	int err; /* why the last server could not be asked; 0: it did not answer */
};
struct ward_lookup {
	struct ward_lookup *next;
	struct ward_resolver *r;
	struct ward_pinned *p;
	struct half halves[2];
	uint8_t order[WARD_RESOLVERS_MAX]; /* of the servers */
	uint64_t deadline,
		enough; /* enough: no longer than that for the other half; 0: neither is there */
	bool slow, whole; /* it has no place any more; both halves are waited for */
};

static void begin_lookup(struct ward_lookup *l, uint64_t now);
static void begin_try(struct half *h);

/* ---- what the host says ---- */

/*
 * A network that is left (another one is joined, a VPN comes up) takes its name servers with it: what is asked of them is asked anew of those
 * that there are now, and what they said does not count any more.
 */
static void follow_conf(struct ward_resolver *r, uint64_t now)
{
	r->conf_no++;
	memset(r->silent_until, 0, sizeof(r->silent_until));
	for (struct ward_lookup *l = r->first; l; l = l->next)
		begin_lookup(l, now);
}

static bool is_same_conf(const struct ward_resolv_conf *a, const struct ward_resolv_conf *b)
{
	if (a->n != b->n || a->timeout_ms != b->timeout_ms || a->attempts != b->attempts ||
		a->ndots != b->ndots || a->tcp != b->tcp || a->n_search != b->n_search)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (memcmp(&a->v[i], &b->v[i], ward_resolver_size(&a->v[i])) != 0)
			return false;
	for (size_t i = 0; i < a->n_search; i++)
		if (!ward_streq(a->search[i], b->search[i]))
			return false;
	return true;
}

/* Was it looked at so early that it can become another one within the same tick of its file system's clock? */
static bool is_young(const struct stat *st)
{
	const struct timespec *t = &st->st_ctim;

	return (uint64_t)t->tv_sec * 1000 * WARD_MS + (uint64_t)t->tv_nsec + YOUNG_MS * WARD_MS >
		ward_now_wall_ns();
}

static struct ward_file_was as_it_is(const struct stat *st)
{
	return (struct ward_file_was){ .time = st->st_ctim,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.known = true,
		.young = is_young(st) };
}

static bool is_as_it_was(const struct ward_file_was *was, const struct stat *st)
{
	return was->known && !was->young && st->st_ino == was->ino &&
		(uint64_t)st->st_size == was->size && st->st_ctim.tv_sec == was->time.tv_sec &&
		st->st_ctim.tv_nsec == was->time.tv_nsec;
}

/* Whoever renews a lease writes the same once more: that is no other network. */
static void read_conf(struct ward_resolver *r, uint64_t now)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_resolv_conf read;
	struct ward_error why = WARD_ERROR_INIT;
	struct stat st;

	if (r->fixed || (r->conf.n && now < r->conf_again))
		return;
	r->conf_again = now + CONF_MS * WARD_MS;
	if (stat(r->conf_file, &st) < 0)
		memset(&st, 0, sizeof(st));
	if (r->conf.n && is_as_it_was(&r->conf_was, &st))
		return;
	if (ward_read_file(r->conf_file, WARD_RESOLV_CONF_BYTES_MAX, &b, &why) < 0)
		ward_buf_done(&b);
	/* That this process has no descriptor left, or no memory, is no other network. */
	if (why.code == WARD_E_NOMEM || ward_limits_is_lack(why.sys_errno))
		return;
	r->conf_was = as_it_is(&st);
	ward_resolv_conf_parse(ward_buf_cstr(&b), b.n, &read);
	ward_buf_done(&b);
	if (is_same_conf(&read, &r->conf))
		return;
	r->conf = read;
	follow_conf(r, now);
}

const struct ward_resolv_conf *ward_resolver_conf(struct ward_resolver *r)
{
	read_conf(r, ward_now_mono_ns());
	return &r->conf;
}

/* Kept: a list against advertisements has megabytes, and who waits for another name would wait for it to be read. False: there is no descriptor. */
static bool read_hosts(struct ward_resolver *r)
{
	struct ward_error why = WARD_ERROR_INIT;
	struct stat st;

	if (stat(r->hosts_file, &st) < 0)
		memset(&st, 0, sizeof(st));
	if (is_as_it_was(&r->hosts_was, &st))
		return true;
	ward_buf_done(&r->hosts);
	r->hosts_was = (struct ward_file_was){ 0 };
	if (ward_read_file(r->hosts_file, WARD_HOSTS_BYTES_MAX, &r->hosts, &why) < 0) {
		ward_buf_done(&r->hosts);
		return !ward_limits_is_lack(why.sys_errno);
	}
	ward_hosts_fold(r->hosts.s, r->hosts.n);
	r->hosts_was = as_it_is(&st);
	return true;
}

int ward_resolver_init(struct ward_resolver *r, int epoll, const char *spec, struct ward_error *err)
{
	*r = (struct ward_resolver){ .epoll = epoll,
		.conf_file = "/etc/resolv.conf",
		.hosts_file = "/etc/hosts",
		.most = ward_limits_part(WARD_EGRESS_LOOKUPS_MAX, 16),
		.most_slow = ward_limits_part(WARD_EGRESS_LOOKUPS_SLOW_MAX, 16),
		.pace = { .rate = WARD_EGRESS_LOOKUPS_RATE, .burst = WARD_EGRESS_LOOKUPS_BURST } };
	if (!spec)
		return WARD_OK;
	r->fixed = true;
	r->conf = (struct ward_resolv_conf){ .n = 1, .timeout_ms = 5000, .attempts = 2 };
	return ward_resolver_parse(spec, &r->conf.v[0], err);
}

/* ---- one query ---- */

static void close_half(struct half *h)
{
	/* By word: a child of the process that has not executed yet keeps a closed one where it is waited for. */
	if (h->fd >= 0) {
		(void)epoll_ctl(h->l->r->epoll, EPOLL_CTL_DEL, h->fd, NULL);
		ward_limits_gone();
	}
	ward_close(h->fd);
	h->fd = -1;
	free(h->buf);
	h->buf = NULL;
	h->got = h->sent = 0;
}

static void finish(struct half *h, enum ward_found found)
{
	close_half(h);
	h->done = true;
	h->found = found;
	if (found == WARD_FOUND_SOME && !h->l->enough)
		h->l->enough = ward_now_mono_ns() + (h->l->whole ? WHOLE_MS : OTHER_MS) * WARD_MS;
}

/* Those that said nothing lately come last: whoever looks up the next name does not wait for them again. */
static void put_in_order(struct ward_lookup *l, uint64_t now)
{
	const struct ward_resolver *r = l->r;
	uint8_t n = 0;

	for (int silent = 0; silent < 2; silent++)
		for (uint8_t i = 0; i < r->conf.n; i++)
			if ((now < r->silent_until[i]) == silent)
				l->order[n++] = i;
}

static uint8_t server_of(const struct half *h)
{
	return h->l->order[h->tries % h->l->r->conf.n];
}

/* Another server, or the same once more. err: why this one could not be asked. */
static void next_try(struct half *h, int err)
{
	const struct ward_resolv_conf *c = &h->l->r->conf;

	h->err = err;
	close_half(h);
	h->tcp = c->tcp;
	/* There are boxes on the way that let nothing through that they do not know. */
	h->plain = h->tries + 1 >= c->n;
	if (++h->tries < c->n * c->attempts) {
		begin_try(h);
		return;
	}
	h->failed = h->said;
	finish(h, h->said ? WARD_FOUND_NONE : WARD_FOUND_SILENT);
}

static void take_answer(struct half *h, const uint8_t *p, size_t n)
{
	switch (ward_dns_read_servers(p, n, h->query + 2, h->query_n, &h->out, h->l->p->servers)) {
	case WARD_DNS_FOREIGN:
		if (h->tcp || ++h->foreign > FOREIGN_MAX)
			next_try(h, 0);
		return;
	case WARD_DNS_FAILED:
		h->said = true;
		next_try(h, 0);
		return;
	case WARD_DNS_PLAIN:
		close_half(h);
		h->plain = true;
		begin_try(h);
		return;
	case WARD_DNS_CUT:
		if (h->tcp) {
			next_try(h, 0);
			return;
		}
		close_half(h);
		h->tcp = true;
		begin_try(h);
		return;
	case WARD_DNS_NO_NAME: finish(h, WARD_FOUND_NONE); return;
	case WARD_DNS_ANSWER: finish(h, h->out.n ? WARD_FOUND_SOME : WARD_FOUND_NONE); return;
	}
}

static void read_udp(struct half *h)
{
	uint8_t buf[4096];
	ssize_t n = recv(h->fd, buf, sizeof(buf), MSG_DONTWAIT);

	/* More of them come back by themselves. */
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		next_try(h, errno);
	else
		take_answer(h, buf, (size_t)n);
}

static void watch(struct half *h, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = &h->source };

	if (epoll_ctl(h->l->r->epoll, op, h->fd, &ev) < 0)
		next_try(h, errno);
}

static void write_tcp(struct half *h)
{
	ssize_t n = send(h->fd, h->query + h->sent, h->query_n + 2 - h->sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		next_try(h, errno);
		return;
	}
	h->sent += (size_t)n;
	if (h->sent == h->query_n + 2)
		watch(h, EPOLL_CTL_MOD, EPOLLIN);
}

static void read_tcp(struct half *h)
{
	size_t whole;
	ssize_t n;

	if (!h->buf)
		h->buf = calloc(1, 2 + 65535);
	if (!h->buf) {
		next_try(h, ENOMEM);
		return;
	}
	whole = h->got < 2 ? 2 : 2u + ((size_t)h->buf[0] << 8 | h->buf[1]);
	n = recv(h->fd, h->buf + h->got, whole - h->got, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		next_try(h, n < 0 ? errno : 0);
		return;
	}
	h->got += (size_t)n;
	if (h->got >= 2 && h->got == 2u + ((size_t)h->buf[0] << 8 | h->buf[1]))
		take_answer(h, h->buf + 2, h->got - 2);
}

static bool finished(const struct ward_lookup *l, uint64_t now)
{
	const struct half *h = l->halves;

	return (h[0].done && h[1].done) || now >= l->deadline || (l->enough && now >= l->enough);
}

static void end_lookup(struct ward_lookup *l)
{
	struct ward_resolver *r = l->r;
	struct ward_pinned *p = l->p;
	uint32_t ttl = TTL_MAX;

	p->found = WARD_FOUND_NONE;
	p->err = 0;
	p->failed = false;
	p->part = !l->whole && !(l->halves[0].done && l->halves[1].done);
	memset(&p->out, 0, sizeof(p->out));
	memset(&p->out6, 0, sizeof(p->out6));
	for (size_t i = 0; i < 2; i++) {
		struct half *h = &l->halves[i];

		close_half(h);
		if (h->found == WARD_FOUND_SOME) {
			*(i == 0 ? &p->out : &p->out6) = h->out;
			p->found = WARD_FOUND_SOME;
			ttl = h->out.ttl < ttl ? h->out.ttl : ttl;
		} else if (h->found == WARD_FOUND_SILENT && p->found == WARD_FOUND_NONE) {
			p->found = WARD_FOUND_SILENT;
		}
		p->err = (h->done || h->parked) && h->found == WARD_FOUND_SILENT ? h->err : p->err;
		p->failed |= h->failed;
	}
	if (p->found != WARD_FOUND_SOME)
		ttl = p->found == WARD_FOUND_NONE ? NONE_S : SILENT_S;
	if (p->servers && p->found != WARD_FOUND_SILENT && !p->failed && ttl < SERVICE_S)
		ttl = SERVICE_S;
	p->until = ward_now_mono_ns() + (ttl ? ttl : 1) * 1000 * WARD_MS;
	p->asked = r->conf_no;
	p->lookup = NULL;
	for (struct ward_lookup **at = &r->first; *at; at = &(*at)->next)
		if (*at == l) {
			*at = l->next;
			break;
		}
	r->n--;
	r->n_slow -= l->slow;
	free(l);
}

static void on_half(struct ward_waiter *s, uint32_t events)
{
	struct half *h = s->arg;
	struct ward_lookup *l = h->l;

	if (!h->tcp)
		read_udp(h);
	else if (h->sent < h->query_n + 2 && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		write_tcp(h);
	else
		read_tcp(h);
	if (finished(l, ward_now_mono_ns()))
		end_lookup(l);
}

/* What listens for answers should not be guessed either. */
static void any_port(int fd, int family)
{
	for (int i = 0; i < PORTS_TRIED; i++) {
		struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family };
		uint16_t port;

		if (ward_random(&port, sizeof(port)) < 0)
			return;
		/* In sockaddr_in it stands at the same place. */
		a.sin6_port = htons((uint16_t)(port | 0x4000));
		if (bind(fd, (const struct sockaddr *)&a, ward_resolver_size(&a)) == 0)
			return;
	}
}

static uint16_t type_of(const struct half *h)
{
	if (h->l->p->servers)
		return WARD_DNS_SRV;
	return h == h->l->halves ? WARD_DNS_A : WARD_DNS_AAAA;
}

static int open_try(struct half *h)
{
	const struct ward_resolv_conf *c = &h->l->r->conf;
	const struct sockaddr_in6 *to = &c->v[server_of(h)];
	int type = h->tcp ? SOCK_STREAM : SOCK_DGRAM;
	uint16_t id;

	h->fd = ward_limits_socket(to->sin6_family, type, false);
	if (h->fd < 0 || ward_random(&id, sizeof(id)) < 0)
		return -1;
	h->query_n = ward_dns_query(h->query + 2, id, h->l->p->name, type_of(h), !h->plain);
	h->query[0] = (uint8_t)(h->query_n >> 8);
	h->query[1] = (uint8_t)h->query_n;
	if (!h->tcp)
		any_port(h->fd, to->sin6_family);
	if (connect(h->fd, (const struct sockaddr *)to, ward_resolver_size(to)) < 0 &&
		errno != EINPROGRESS)
		return -1;
	if (!h->tcp && send(h->fd, h->query + 2, h->query_n, MSG_NOSIGNAL) < 0)
		return -1;
	return 0;
}

/*
 * Each of them has its turn within the whole: the first of three half of it, so that a slow one that answers has as long as if there were no
 * others, and the rest an equal share of what is left.
 */
static uint64_t turn(const struct half *h, uint64_t now)
{
	const struct ward_resolv_conf *c = &h->l->r->conf;
	uint64_t left = h->l->deadline > now ? h->l->deadline - now : 0, share = left;

	if (h->tries == 0 && c->n > 2)
		share = left / 2;
	else if (h->tries < c->n)
		share = left / (c->n - h->tries);
	return c->timeout_ms * WARD_MS < share ? c->timeout_ms * WARD_MS : share;
}

static void begin_try(struct half *h)
{
	uint64_t now = ward_now_mono_ns();
	struct epoll_event ev = { .events = h->tcp ? EPOLLOUT : EPOLLIN, .data.ptr = &h->source };

	h->foreign = 0;
	h->parked = false;
	h->deadline = now + turn(h, now);
	if (open_try(h) == 0 && epoll_ctl(h->l->r->epoll, EPOLL_CTL_ADD, h->fd, &ev) == 0)
		return;
	if (h->fd < 0 && ward_limits_is_lack(errno)) {
		h->err = errno;
		h->parked = true;
		h->deadline = now + AGAIN_MS * WARD_MS;
		return;
	}
	/* At most as many times as there are tries left. */
	next_try(h, errno);
}

/* Or anew. Where both come to nothing at once the next tick says so, so that the name's lookup is what it seems to be. */
static void begin_lookup(struct ward_lookup *l, uint64_t now)
{
	put_in_order(l, now);
	l->enough = 0;
	for (size_t i = 0; i < 2; i++) {
		struct half *h = &l->halves[i];

		if (h->l)
			close_half(h);
		*h = (struct half){
			.source = { on_half, h }, .l = l, .fd = -1, .tcp = l->r->conf.tcp
		};
	}
	/* A service is one question. */
	l->halves[1].done = l->p->servers != NULL;
	l->halves[1].found = WARD_FOUND_NONE;
	for (size_t i = 0; i < 2; i++)
		if (!l->halves[i].done)
			begin_try(&l->halves[i]);
}

/* ---- the face ---- */

/* Whoever may not now tries again when there is a token; he is counted once each time. */
static bool may_ask(struct ward_resolver *r, uint64_t now)
{
	if (ward_bucket_take(&r->pace, now))
		return true;
	r->paced_until = ward_bucket_next(&r->pace);
	r->paced++;
	return false;
}

static uint64_t slow_at(const struct ward_lookup *l)
{
	return l->slow ? UINT64_MAX : l->deadline - (TOTAL_MS - WAITED_MS) * WARD_MS;
}

static bool is_full(const struct ward_resolver *r)
{
	return r->n - r->n_slow >= r->most;
}

/* Names whose own servers are gone would have all places for as long as they are asked about, and who asks for another one wait for them. */
static bool has_place(struct ward_resolver *r, uint64_t now)
{
	if (!is_full(r))
		return true;
	for (struct ward_lookup *l = r->first; l && r->n_slow < r->most_slow; l = l->next)
		if (now >= slow_at(l)) {
			l->slow = true;
			r->n_slow++;
		}
	return !is_full(r);
}

/* Services have a quarter of the places: names come first. */
static bool has_place_for(struct ward_resolver *r, const struct ward_pinned *p, uint64_t now)
{
	size_t n = 0;

	for (const struct ward_lookup *l = r->first; p->servers && l; l = l->next)
		n += l->p->servers && !l->slow;
	return (n == 0 || n < r->most / 4) && has_place(r, now);
}

bool ward_resolver_begin(struct ward_resolver *r, struct ward_pinned *p, bool whole)
{
	uint64_t now = ward_now_mono_ns();
	struct ward_lookup *l;

	read_conf(r, now);
	whole = whole && p->part;
	if (p->lookup || (!whole && p->until && now < p->until && p->asked == r->conf_no))
		return true;
	/* First: whoever waits asks again each turn, and a file is not to be read for each of them. */
	if (now < r->paced_until || !has_place_for(r, p, now))
		return false;
	memset(&p->out, 0, sizeof(p->out));
	memset(&p->out6, 0, sizeof(p->out6));
	p->until = 0;
	if (!read_hosts(r)) {
		r->paced_until = now + AGAIN_MS * WARD_MS;
		return false;
	}
	/* What the host knows by its file has no services, and nobody outside is asked about it. */
	if (ward_hosts_find(ward_buf_cstr(&r->hosts), r->hosts.n, p->servers ? p->host : p->name,
		    &p->out)) {
		p->found = p->servers ? WARD_FOUND_NONE : WARD_FOUND_SOME;
		p->failed = p->part = false;
		p->until = now + SILENT_S * 1000 * WARD_MS;
		p->asked = r->conf_no;
		return true;
	}
	if (!may_ask(r, now))
		return false;
	l = calloc(1, sizeof(*l));
	if (!l)
		return false;
	l->r = r;
	l->p = p;
	l->whole = whole;
	l->deadline = now + TOTAL_MS * WARD_MS;
	l->next = r->first;
	r->first = l;
	r->n++;
	p->lookup = l;
	begin_lookup(l, now);
	return true;
}

static void overdue(struct half *h, uint64_t now)
{
	struct ward_resolver *r = h->l->r;

	if (h->parked) {
		begin_try(h);
		return;
	}
	r->silent_until[server_of(h)] = now + LAST_MS * WARD_MS;
	next_try(h, 0);
}

void ward_resolver_tick(struct ward_resolver *r, uint64_t now)
{
	struct ward_lookup *next;

	if (now >= r->paced_until)
		r->paced_until = 0;
	if (r->first)
		read_conf(r, now);
	(void)has_place(r, now);
	for (struct ward_lookup *l = r->first; l; l = next) {
		next = l->next;
		for (size_t i = 0; i < 2; i++)
			if (!l->halves[i].done && now >= l->halves[i].deadline)
				overdue(&l->halves[i], now);
		if (finished(l, now))
			end_lookup(l);
	}
}

uint64_t ward_resolver_next(const struct ward_resolver *r)
{
	uint64_t t = r->paced_until ? r->paced_until : UINT64_MAX;

	for (const struct ward_lookup *l = r->first; l; l = l->next) {
		t = l->deadline < t ? l->deadline : t;
		t = l->enough && l->enough < t ? l->enough : t;
		if (is_full(r) && r->n_slow < r->most_slow && slow_at(l) < t)
			t = slow_at(l);
		for (size_t i = 0; i < 2; i++)
			if (!l->halves[i].done && l->halves[i].deadline < t)
				t = l->halves[i].deadline;
		if (l->halves[0].done && l->halves[1].done)
			t = 0;
	}
	if (r->first && !r->fixed && r->conf_again < t)
		t = r->conf_again;
	return t;
}

void ward_resolver_done(struct ward_resolver *r)
{
	while (r->first) {
		struct ward_lookup *l = r->first;

		r->first = l->next;
		for (size_t i = 0; i < 2; i++)
			close_half(&l->halves[i]);
		l->p->lookup = NULL;
		free(l);
	}
	ward_buf_done(&r->hosts);
	r->hosts_was = (struct ward_file_was){ 0 };
	r->n = r->n_slow = 0;
}
