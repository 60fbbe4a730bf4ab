/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the proxy is asked (SOCKS5, CONNECT, absolute form), whole and in pieces of the size that the last byte says. What is opened has
 * one host in its one spelling and a port; the head that its server gets is one request for that host, of the length that was said; what
 * is refused names nobody.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/relay/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

/* All of it, in pieces. *ret_done: what was taken before the last look. */
static enum ward_proxy_verdict ask(struct ward_proxy *s, const uint8_t *p, size_t n, size_t step,
	size_t *ret_done)
{
	enum ward_proxy_verdict v = WARD_PROXY_MORE;
	size_t at = 0, done = 0;

	while (v == WARD_PROXY_MORE && at < n) {
		at = at + step < n ? at + step : n;
		do {
			uint8_t *own = malloc(at - done + 1);

			MUST(own != NULL);
			memcpy(own, p + done, at - done);
			v = ward_proxy_look(s, own, at - done);
			free(own);
			MUST(s->take <= at - done);
			MUST(v != WARD_PROXY_HELLO || (s->take > 0 && s->how == WARD_HOW_SOCKS));
			done += v == WARD_PROXY_HELLO ? s->take : 0;
		} while (v == WARD_PROXY_HELLO);
	}
	*ret_done = done;
	return v;
}

static void check_rewritten(const struct ward_proxy *s, const uint8_t *p)
{
	char *out = malloc(s->take + WARD_PROXY_MORE_MAX);
	struct ward_spoken judged = { 0 };
	size_t n;

	MUST(out != NULL);
	n = ward_proxy_rewrite(s, p, s->take, out);
	MUST(n > 0 && n <= s->take + WARD_PROXY_MORE_MAX);
	MUST(ward_spoken_http(&judged, (const uint8_t *)out, n));
	MUST(judged.what == WARD_SPOKEN_HTTP && judged.port == 0);
	MUST(s->name[0] == '\0' || strcmp(judged.name, s->name) == 0);
	MUST(n > 4 && memcmp(out + n - 4, "\r\n\r\n", 4) == 0);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_proxy whole = { 0 }, pieces = { 0 };
	enum ward_proxy_verdict v, again;
	char name[WARD_RELAY_NAME_MAX + 2];
	size_t done, piece_done;

	if (size < 2 || size > 66000)
		return 0;
	size--;
	v = ask(&whole, data, size, size, &done);
	again = ask(&pieces, data, size, data[size] == 0 ? size : data[size], &piece_done);
	/* Of a second request only who sees it at once can say no. */
	MUST(again == v ||
		(v == WARD_PROXY_BAD && again == WARD_PROXY_OPEN &&
			pieces.how == WARD_HOW_PROXIED));
	if (v == WARD_PROXY_BAD) {
		MUST(whole.why != NULL && whole.name[0] == '\0' && whole.to.family == 0);
		return 0;
	}
	if (v != WARD_PROXY_OPEN)
		return 0;
	MUST(whole.take == pieces.take && done == piece_done);
	MUST(strcmp(whole.name, pieces.name) == 0 &&
		memcmp(&whole.to, &pieces.to, sizeof(whole.to)) == 0);
	MUST(whole.to.port != 0 && (whole.to.family == 4 || whole.to.family == 6));
	if (whole.name[0] != '\0')
		MUST(ward_host_normal((const uint8_t *)whole.name, strlen(whole.name), false,
			     name) &&
			strcmp(name, whole.name) == 0);
	else
		MUST(whole.to.family == 4 || !ward_proxy_is_mapped(whole.to.a));
	if (whole.how == WARD_HOW_PROXIED) {
		MUST(size - done - whole.take <= whole.body);
		check_rewritten(&whole, data + done);
	}
	return 0;
}
