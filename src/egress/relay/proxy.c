/* SPDX-License-Identifier: Apache-2.0 */
/* What the proxy is asked: which protocol it is, and whom it means. Pure. */
#include "proxy.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum ward_proxy_verdict ward_proxy_bad(struct ward_proxy *s, unsigned status, const char *why)
{
	s->status = (uint16_t)status;
	s->why = why;
	s->to = (struct ward_relay_addr){ 0 };
	memset(s->name, 0, sizeof(s->name));
	return WARD_PROXY_BAD;
}

bool ward_proxy_is_mapped(const uint8_t a[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a, mapped, sizeof(mapped)) == 0;
}

static bool is_localhost(const char *name)
{
	static const char word[] = "localhost";
	size_t n = strlen(name), len = sizeof(word) - 1;

	return n >= len && strcmp(name + n - len, word) == 0 &&
		(n == len || name[n - len - 1] == '.');
}

static bool literal(struct ward_proxy *s, const uint8_t *p, size_t n, bool six)
{
	char text[INET6_ADDRSTRLEN] = "", again[INET6_ADDRSTRLEN];
	int family = six ? AF_INET6 : AF_INET;

	if (n == 0 || n >= sizeof(text) || memchr(p, '\0', n) != NULL)
		return false;
	memcpy(text, p, n);
	memset(s->to.a, 0, sizeof(s->to.a));
	if (inet_pton(family, text, s->to.a) != 1 ||
		inet_ntop(family, s->to.a, again, sizeof(again)) == NULL ||
		strcasecmp(text, again) != 0 || (six && ward_proxy_is_mapped(s->to.a)))
		return false;
	s->to.family = six ? 6 : 4;
	return true;
}

bool ward_proxy_host(struct ward_proxy *s, const uint8_t *p, size_t n, bool six)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };

	memset(s->name, 0, sizeof(s->name));
	/* Of a name the family says which one is tried first. */
	s->to = (struct ward_relay_addr){ .family = 4 };
	if (six || !ward_host_normal(p, n, true, s->name)) {
		memset(s->name, 0, sizeof(s->name));
		return literal(s, p, n, six);
	}
	/* As in the answers to questions: it is the run's own, which nobody has to be asked for. */
	if (is_localhost(s->name)) {
		memset(s->name, 0, sizeof(s->name));
		memcpy(s->to.a, loopback, sizeof(loopback));
	}
	return true;
}

enum ward_proxy_verdict ward_proxy_look(struct ward_proxy *s, const uint8_t *p, size_t n)
{
	s->take = 0;
	if (n == 0 || n < s->need)
		return WARD_PROXY_MORE;
	if (s->how == WARD_HOW_SOCKS || p[0] == 5)
		return ward_proxy_socks(s, p, n);
	if (p[0] == 4) {
		s->how = WARD_HOW_SOCKS;
		s->old = true;
		return ward_proxy_bad(s, 0x5b, "SOCKS4 is not spoken here");
	}
	if (!ward_spoken_token(p[0]))
		return ward_proxy_bad(s, 0, "neither HTTP nor SOCKS");
	return ward_proxy_http(s, p, n);
}
