/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host says about resolving: resolv.conf(5) and hosts(5), as texts. Names of a run are absolute, so search and ndots count
 * for the host's proxy alone. Lines that cannot be read are passed over, as every resolver does.
 */
#include <net/if.h>
#include <string.h>

#include "egress/dns.h"
#include "policy/policy.h"

#define TIMEOUT_S 5u
#define ATTEMPTS 2u
#define ATTEMPTS_MAX 3u
#define NDOTS_MAX 15u

socklen_t ward_resolver_size(const struct sockaddr_in6 *a)
{
	return a->sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(*a);
}

static void to_socket(const struct ward_relay_addr *a, uint32_t scope, struct sockaddr_in6 *ret)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(a->port) };

	*ret = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(a->port), .sin6_scope_id = scope
	};
	if (a->family == 6) {
		memcpy(&ret->sin6_addr, a->a, 16);
		return;
	}
	memcpy(&v4.sin_addr, a->a, 4);
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &v4, sizeof(v4));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, from *at; n 0: there is none. */
static struct ward_str next_word(struct ward_str line, size_t *at)
{
	struct ward_str w;

	while (*at < line.n && is_space(line.s[*at]))
		++*at;
	w = (struct ward_str){ line.s + *at, 0 };
	while (*at < line.n && !is_space(line.s[*at])) {
		++*at;
		w.n++;
	}
	return w;
}

static bool next_line(const char *text, size_t n, size_t *at, struct ward_str *ret)
{
	const char *end;

	if (*at >= n)
		return false;
	end = memchr(text + *at, '\n', n - *at);
	ret->s = text + *at;
	ret->n = end ? (size_t)(end - ret->s) : n - *at;
	*at += ret->n + 1;
	return true;
}

/* "fe80::1%eth0": link-local addresses need their link. */
static bool parse_server(struct ward_str w, struct sockaddr_in6 *ret)
{
	const char *percent = memchr(w.s, '%', w.n);
	struct ward_relay_addr a = { .port = 53 };
	uint32_t scope = 0;
	uint64_t number;

	if (percent) {
		size_t n = w.n - (size_t)(percent + 1 - w.s);
		char link[IF_NAMESIZE];

		if (n == 0 || n >= sizeof(link))
			return false;
		memcpy(link, percent + 1, n);
		link[n] = '\0';
		scope = if_nametoindex(link);
		/* Its number will do, as everywhere. */
		if (!scope && ward_parse_u64(link, 1, UINT32_MAX, &number, NULL) == WARD_OK)
			scope = (uint32_t)number;
		if (!scope)
			return false;
		w.n = (size_t)(percent - w.s);
	}
	if (!ward_address_parse(w.s, w.n, &a))
		return false;
	to_socket(&a, scope, ret);
	return true;
}

/* "timeout:3" */
static bool number_of(struct ward_str w, struct ward_str key, unsigned max, unsigned *ret)
{
	unsigned v = 0;

	if (w.n <= key.n || memcmp(w.s, key.s, key.n) != 0)
		return false;
	for (size_t i = key.n; i < w.n; i++) {
		if (w.s[i] < '0' || w.s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(w.s[i] - '0');
		if (v > max)
			v = max;
	}
	*ret = v ? v : 1;
	return true;
}

/* Whatever was said before does not count any more. */
static void take_search(struct ward_str line, size_t at, size_t max, struct ward_resolv_conf *ret)
{
	struct ward_str w;

	ret->n_search = 0;
	while (ret->n_search < max && (w = next_word(line, &at)).n) {
		enum ward_name_fault fault = ward_name_normalize(w, ret->search[ret->n_search]);

		ret->n_search += fault == WARD_NAME_OK || fault == WARD_NAME_DOT;
	}
}

/* "options": 0 dots are as many as any; of all others at least one is meant. */
static void take_options(struct ward_str line, size_t at, struct ward_resolv_conf *ret,
	unsigned *timeout)
{
	struct ward_str w;

	while ((w = next_word(line, &at)).n) {
		(void)number_of(w, WARD_STR("timeout:"), TIMEOUT_S, timeout);
		(void)number_of(w, WARD_STR("attempts:"), ATTEMPTS_MAX, &ret->attempts);
		(void)number_of(w, WARD_STR("ndots:"), NDOTS_MAX, &ret->ndots);
		if (ward_str_eq(w, WARD_STR("ndots:0")))
			ret->ndots = 0;
		if (ward_str_eq(w, WARD_STR("use-vc")))
			ret->tcp = true;
	}
}

void ward_resolv_conf_parse(const char *text, size_t n, struct ward_resolv_conf *ret)
{
	const struct ward_relay_addr self = { .family = 4, .port = 53, .a = { 127, 0, 0, 1 } };
	unsigned timeout = TIMEOUT_S;
	struct ward_str line, w;
	size_t at = 0;

	ret->n = ret->n_search = 0;
	ret->tcp = false;
	ret->attempts = ATTEMPTS;
	ret->ndots = 1;
	while (next_line(text, n, &at, &line)) {
		size_t in = 0;

		w = next_word(line, &in);
		if (ward_str_eq(w, WARD_STR("nameserver")) && ret->n < WARD_RESOLVERS_MAX) {
			w = next_word(line, &in);
			ret->n += w.n && parse_server(w, &ret->v[ret->n]);
		} else if (ward_str_eq(w, WARD_STR("search"))) {
			take_search(line, in, WARD_SEARCH_MAX, ret);
		} else if (ward_str_eq(w, WARD_STR("domain"))) {
			take_search(line, in, 1, ret);
		} else if (ward_str_eq(w, WARD_STR("options"))) {
			take_options(line, in, ret, &timeout);
		}
	}
	if (ret->n == 0)
		to_socket(&self, 0, &ret->v[ret->n++]);
	ret->timeout_ms = timeout * 1000;
}

int ward_resolver_parse(const char *s, struct sockaddr_in6 *ret, struct ward_error *err)
{
	struct ward_relay_addr a = { .port = 53 };
	const char *given = s, *colon = strrchr(s, ':'), *port = NULL;
	size_t n = strlen(s);
	uint64_t v;

	if (s[0] == '[') {
		const char *end = strchr(s, ']');

		if (end && (end[1] == '\0' || end[1] == ':')) {
			port = end[1] ? end + 2 : NULL;
			n = (size_t)(end - s) - 1;
			s++;
		}
	} else if (colon && strchr(s, ':') == colon) {
		port = colon + 1;
		n = (size_t)(colon - s);
	}
	if (port && ward_parse_u64(port, 1, 65535, &v, NULL) == WARD_OK)
		a.port = (uint16_t)v;
	else if (port)
		n = 0;
	if (!ward_address_parse(s, n, &a)) {
		(void)ward_fail(err, WARD_E_INVALID, "\"%.100s\" is no address of a name server",
			given);
		ward_fail_fix(err,
			"write ADDRESS or ADDRESS:PORT, for example 192.0.2.53 or [2001:db8::53]:5353");
		return WARD_E_INVALID;
	}
	to_socket(&a, 0, ret);
	return WARD_OK;
}

int ward_egress_resolver_check(const char *resolver, struct ward_error *err)
{
	struct sockaddr_in6 ignored;

	return ward_resolver_parse(resolver, &ignored, err);
}

static bool same_name(struct ward_str w, const char *name)
{
	size_t n = strlen(name);

	if (w.n == n + 1 && w.s[n] == '.')
		w.n--;
	return w.n == n && memcmp(w.s, name, n) == 0;
}

void ward_hosts_fold(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] + 32);
}

/* A line that may be about the name: where its bytes are a word, or the beginning of one. From *at. */
static bool next_hit(const char *text, size_t n, const char *name, size_t *at, struct ward_str *ret)
{
	size_t len = strlen(name);

	for (const char *hit; *at < n && (hit = memmem(text + *at, n - *at, name, len)) != NULL;) {
		size_t start = (size_t)(hit - text), end = start + len;

		*at = end;
		if (start == 0 || !is_space(text[start - 1]) ||
			(end < n && !is_space(text[end]) && !strchr("\n.#", text[end])))
			continue;
		while (start > 0 && text[start - 1] != '\n')
			start--;
		*at = start;
		return next_line(text, n, at, ret);
	}
	return false;
}

/* Of a list against advertisements (200,000 lines) only the lines that have the name's bytes are read as lines. */
bool ward_hosts_find(const char *text, size_t n, const char *name, struct ward_dns_answer *ret)
{
	struct ward_str line, first, w;
	size_t at = 0;

	*ret = (struct ward_dns_answer){ 0 };
	while (ret->n < WARD_EGRESS_ADDRESSES_MAX && next_hit(text, n, name, &at, &line)) {
		const char *comment = memchr(line.s, '#', line.n);
		struct ward_relay_addr a = { 0 };
		size_t in = 0;
		bool is = false;

		if (comment)
			line.n = (size_t)(comment - line.s);
		first = next_word(line, &in);
		while (!is && (w = next_word(line, &in)).n)
			is = same_name(w, name);
		if (is && ward_address_parse(first.s, first.n, &a))
			ret->v[ret->n++] = a;
	}
	return ret->n > 0;
}
