/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxy, and what is spared it, from text that the host's owner wrote. Pure. No message has any of the text: there may be a
 * password in it.
 */
#include <stdio.h>
#include <string.h>

#include "egress/upstream/upstream.h"
#include "policy/policy.h"

#define SPARED_MAX 256
#define LOGIN_MAX 512 /* bytes of USER:PASSWORD */
#define FORM "http://HOST:PORT"

struct ward_upstream *ward_upstream_new(struct ward_arena *arena)
{
	struct ward_upstream *u = ward_arena_alloc(arena, sizeof(*u));

	if (u)
		*u = (struct ward_upstream){ .arena = arena };
	return u;
}

static int no(const char *of, const char *what, const char *fix, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_INVALID, "%s%s%s", of, of[0] ? ": " : "", what);
	ward_fail_fix(err, "%s", fix);
	return WARD_E_INVALID;
}

static int no_memory(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "no memory for the host's proxy");
}

/* ---- HOST:PORT ---- */

struct place {
	struct ward_str host; /* without brackets */
	uint16_t port; /* 0: none was given */
};

static bool split(struct ward_str s, struct place *ret)
{
	const char *colon = memchr(s.s, ':', s.n);
	struct ward_str port = { NULL, 0 };
	char text[8];
	uint64_t v;

	*ret = (struct place){ .host = s };
	if (s.n > 0 && s.s[0] == '[') {
		const char *end = memchr(s.s, ']', s.n);

		if (!end)
			return false;
		ret->host = (struct ward_str){ s.s + 1, (size_t)(end - s.s) - 1 };
		port = (struct ward_str){ end + 1, s.n - ret->host.n - 2 };
		if (port.n == 0)
			return true;
		colon = end + 1;
	} else if (!colon || memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.s))) {
		return true; /* a host alone, perhaps an address of IPv6 */
	} else {
		ret->host.n = (size_t)(colon - s.s);
		port = (struct ward_str){ colon, s.n - ret->host.n };
	}
	if (port.n < 2 || port.n > sizeof(text) - 1 || *colon != ':')
		return false;
	memcpy(text, colon + 1, port.n - 1);
	text[port.n - 1] = '\0';
	if (ward_parse_u64(text, 1, 65535, &v, NULL) < 0)
		return false;
	ret->port = (uint16_t)v;
	return true;
}

/* A name in its normal form. */
static bool name_of(struct ward_str s, char out[WARD_NAME_SIZE])
{
	enum ward_name_fault fault = ward_name_normalize(s, out);

	return s.n > 0 && (fault == WARD_NAME_OK || fault == WARD_NAME_DOT);
}

/* ---- the proxy ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded; false: it cannot be part of a header, or is too long. No colon is in a user. */
static bool decode(struct ward_str s, bool user, char out[LOGIN_MAX], size_t *io_n)
{
	for (size_t i = 0; i < s.n; i++) {
		int c = (unsigned char)s.s[i];

		if (c == '%') {
			int high = i + 2 < s.n ? hex(s.s[i + 1]) : -1;
			int low = i + 2 < s.n ? hex(s.s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high * 16 + low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || (user && c == ':') || *io_n >= LOGIN_MAX)
			return false;
		out[(*io_n)++] = (char)c;
	}
	return true;
}

/* USER[:PASSWORD] of a URL, as Basic has it. */
static int login_of(struct ward_upstream *u, struct ward_str s, const char *of, char **ret,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *colon = memchr(s.s, ':', s.n);
	struct ward_str user = { s.s, colon ? (size_t)(colon - s.s) : s.n };
	struct ward_str password = { colon ? colon + 1 : s.s, colon ? s.n - user.n - 1 : 0 };
	char text[LOGIN_MAX];
	size_t n = 0;
	bool good = user.n > 0 && decode(user, true, text, &n) && n < sizeof(text);

	if (good)
		text[n++] = ':';
	good = good && decode(password, false, text, &n);
	if (good)
		ward_base64(&b, text, n);
	explicit_bzero(text, sizeof(text));
	if (!good)
		return no(of, "the user or the password of the proxy cannot be read",
			"write http://USER:PASSWORD@HOST:PORT, in it what is special as %XX, at most 512 bytes",
			err);
	*ret = b.failed ? NULL : ward_arena_strdup(u->arena, ward_buf_cstr(&b));
	if (b.n)
		explicit_bzero(b.s, b.n);
	return *ret ? WARD_OK : no_memory(err);
}

static int host_of(struct ward_upstream *u, const struct place *p, const char *of,
	struct ward_upstream *to, struct ward_error *err)
{
	char name[WARD_NAME_SIZE];
	bool six;

	to->at = (struct ward_relay_addr){ .port = p->port };
	if (p->port == 0)
		return no(of, "the port of the proxy is missing, or none", "write " FORM, err);
	if (!ward_address_parse(p->host.s, p->host.n, &to->at)) {
		to->at.family = 0;
		if (!name_of(p->host, name))
			return no(of, "no proxy is named by that", "write " FORM, err);
	} else {
		(void)ward_address_text(&to->at, name);
	}
	to->whole = p->host.n > 0 && p->host.s[p->host.n - 1] == '.';
	six = to->at.family == 6;
	to->host = ward_arena_strdup(u->arena, name);
	to->text = ward_arena_printf(u->arena, "%s%s%s:%u", six ? "[" : "", name, six ? "]" : "",
		p->port);
	return to->host && to->text ? WARD_OK : no_memory(err);
}

int ward_upstream_set(struct ward_upstream *u, const char *url, const char *of,
	struct ward_error *err)
{
	static const char scheme[] = "http://";
	struct ward_str s = ward_str(url);
	struct ward_upstream to = *u;
	const char *slash, *at;
	struct place p;
	int r = WARD_OK;

	if (s.n >= strlen(scheme) && strncasecmp(s.s, scheme, strlen(scheme)) == 0)
		s = (struct ward_str){ s.s + strlen(scheme), s.n - strlen(scheme) };
	else if (strstr(url, "://"))
		return no(of, "a proxy that is spoken to otherwise than by HTTP without TLS",
			"name one as " FORM "; https, socks5 and others are not spoken", err);
	slash = memchr(s.s, '/', s.n);
	if (slash && slash + 1 != s.s + s.n)
		return no(of, "behind the port of the proxy stands more", "write " FORM, err);
	s.n -= slash != NULL;
	to.login = NULL;
	at = memrchr(s.s, '@', s.n);
	if (at) {
		r = login_of(u, (struct ward_str){ s.s, (size_t)(at - s.s) }, of, &to.login, err);
		s = (struct ward_str){ at + 1, s.n - (size_t)(at + 1 - s.s) };
	}
	if (r == WARD_OK && !split(s, &p))
		r = no(of, "no proxy is named by that", "write " FORM, err);
	if (r == WARD_OK)
		r = host_of(u, &p, of, &to, err);
	if (r == WARD_OK)
		*u = to;
	return r;
}

/* ---- what is spared it ---- */

static bool range_of(struct ward_str s, struct ward_spared *to)
{
	const char *slash = memchr(s.s, '/', s.n);
	struct ward_str host = { s.s, slash ? (size_t)(slash - s.s) : s.n };
	char bits[4];
	size_t n = slash ? s.n - host.n - 1 : 0;
	uint64_t v;

	if (!slash || n == 0 || n >= sizeof(bits) || !ward_address_parse(host.s, host.n, &to->a))
		return false;
	memcpy(bits, slash + 1, n);
	bits[n] = '\0';
	if (ward_parse_u64(bits, 0, to->a.family == 4 ? 32 : 128, &v, NULL) < 0)
		return false;
	to->bits = (unsigned)v;
	return true;
}

/* Which one: of its text nothing is shown, and a list may be long. */
static int not_spared(const char *of, size_t nth, struct ward_error *err)
{
	char what[80];

	(void)snprintf(what, sizeof(what),
		"its entry number %zu is neither a name, an address nor a range", nth);
	return no(of, what,
		"write what is not to go by the proxy, with commas between: example.com,10.0.0.0/8,[2001:db8::1]:443",
		err);
}

/* "*", "example.com", ".example.com", "*.example.com", each with ":PORT"; an address, "[ADDRESS]:PORT", a range. */
static int spared_of(struct ward_upstream *u, struct ward_str s, const char *of, size_t nth,
	struct ward_spared *to, struct ward_error *err)
{
	char name[WARD_NAME_SIZE];
	struct place p;

	*to = (struct ward_spared){ .name = "" };
	if (ward_str_eq(s, WARD_STR("*")) || range_of(s, to))
		return WARD_OK;
	if (!split(s, &p))
		return not_spared(of, nth, err);
	to->port = p.port;
	if (ward_address_parse(p.host.s, p.host.n, &to->a)) {
		to->bits = to->a.family == 4 ? 32 : 128;
		return WARD_OK;
	}
	to->a.family = 0;
	if (p.host.n > 1 && p.host.s[0] == '*' && p.host.s[1] == '.')
		p.host = (struct ward_str){ p.host.s + 1, p.host.n - 1 };
	if (p.host.n > 1 && p.host.s[0] == '.')
		p.host = (struct ward_str){ p.host.s + 1, p.host.n - 1 };
	if (!name_of(p.host, name))
		return not_spared(of, nth, err);
	to->name = ward_arena_strdup(u->arena, name);
	return to->name ? WARD_OK : no_memory(err);
}

static bool between(char c)
{
	return c == ',' || c == ' ' || c == '\t';
}

int ward_upstream_spare(struct ward_upstream *u, const char *list, bool by_env, const char *of,
	struct ward_error *err)
{
	struct ward_spared_list *to = by_env ? &u->by_env : &u->said;
	struct ward_spared *v = ward_arena_alloc(u->arena, (SPARED_MAX + 1) * sizeof(*v));
	size_t n = 0, nth = 0;
	int r;

	if (!v)
		return no_memory(err);
	if (!by_env && to->n)
		memcpy(v, to->v, to->n * sizeof(*v));
	n = by_env ? 0 : to->n;
	for (const char *p = list; *p;) {
		struct ward_str s = { p, 0 };

		while (p[s.n] && !between(p[s.n]))
			s.n++;
		p += s.n ? s.n : 1;
		if (!s.n)
			continue;
		if (n >= SPARED_MAX)
			return no(of, "more than 256 names and addresses", "name fewer", err);
		r = spared_of(u, s, of, ++nth, &v[n++], err);
		if (r < 0)
			return r;
	}
	*to = (struct ward_spared_list){ v, n };
	u->is_said = u->is_said || !by_env;
	return WARD_OK;
}

/* ---- asked ---- */

const char *ward_upstream_text(const struct ward_upstream *u)
{
	return u && u->host ? u->text : NULL;
}

bool ward_upstream_spares(const struct ward_upstream *u)
{
	return u && u->is_said;
}

void ward_upstream_forget(struct ward_upstream *u)
{
	if (!u || !u->login)
		return;
	explicit_bzero(u->login, strlen(u->login));
	u->login = NULL;
}

static const struct ward_spared_list *list_of(const struct ward_upstream *u)
{
	return u->is_said ? &u->said : &u->by_env;
}

static bool at_port(const struct ward_spared *s, uint16_t port)
{
	return s->port == 0 || s->port == port;
}

static bool is_all(const struct ward_spared *s)
{
	return s->a.family == 0 && s->name[0] == '\0';
}

static bool holds_name(const struct ward_spared *s, const char *name)
{
	size_t n = strlen(name), m = strlen(s->name);

	if (s->a.family)
		return false;
	return is_all(s) ||
		(n >= m && ward_streq(name + n - m, s->name) && (n == m || name[n - m - 1] == '.'));
}

static bool holds_address(const struct ward_spared *s, const struct ward_relay_addr *a)
{
	unsigned whole = s->bits / 8, rest = s->bits % 8;

	if (s->a.family != a->family)
		return is_all(s);
	if (memcmp(s->a.a, a->a, whole) != 0)
		return false;
	return rest == 0 || ((s->a.a[whole] ^ a->a[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

bool ward_upstream_takes(const struct ward_upstream *u, const char *name, uint16_t port)
{
	const struct ward_spared_list *l;

	if (!u || !u->host || ward_streq(name, WARD_HOST_SERVICE))
		return false;
	l = list_of(u);
	for (size_t i = 0; i < l->n; i++)
		if (holds_name(&l->v[i], name) && at_port(&l->v[i], port))
			return false;
	return true;
}

bool ward_upstream_takes_address(const struct ward_upstream *u, const struct ward_relay_addr *a)
{
	const struct ward_spared_list *l;

	if (!u || !u->host)
		return false;
	l = list_of(u);
	for (size_t i = 0; i < l->n; i++)
		if (holds_address(&l->v[i], a) && at_port(&l->v[i], a->port))
			return false;
	return true;
}

/*
 * Of whoever looks it up that is himself, or the service of his cloud that lends him rights. "localhost" the relay asks about for nobody,
 * unless somebody has taken it over.
 */
bool ward_upstream_is_own(const char *name)
{
	static const char *const own[] = { "localhost", "localhost.localdomain",
		"localhost6.localdomain6", "localhost4", "localhost6", "ip6-localhost",
		"ip6-loopback", "metadata", "metadata.google.internal" };
	size_t n = strlen(name);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(own); i++) {
		size_t m = strlen(own[i]);

		if (n >= m && ward_streq(name + n - m, own[i]) &&
			(n == m || name[n - m - 1] == '.'))
			return true;
	}
	return false;
}

bool ward_upstream_is_carried_inner(const struct ward_relay_addr *a)
{
	const uint8_t *v4 = ward_address_nat64(a->family, a->a);

	return v4 && ward_address_classify(4, v4) != WARD_ADDRESS_PUBLIC;
}

enum ward_upstream_way ward_upstream_way(const struct ward_upstream *u,
	const struct ward_endpoint *e)
{
	struct ward_relay_addr a = { .family = (uint8_t)e->family, .port = e->ports[0].first };

	if (e->kind == WARD_HOST_NAME) {
		if (!ward_upstream_takes(u, e->name, a.port))
			return WARD_UPSTREAM_SPARED;
		return ward_upstream_is_own(e->name) ? WARD_UPSTREAM_INNER : WARD_UPSTREAM_ASKED;
	}
	if (e->kind != WARD_HOST_ADDRESS)
		return WARD_UPSTREAM_INNER;
	memcpy(a.a, e->address, sizeof(a.a));
	if (!ward_upstream_takes_address(u, &a))
		return WARD_UPSTREAM_SPARED;
	return ward_address_classify(a.family, a.a) != WARD_ADDRESS_PUBLIC ||
			ward_upstream_is_carried_inner(&a)
		? WARD_UPSTREAM_INNER
		: WARD_UPSTREAM_ASKED;
}
