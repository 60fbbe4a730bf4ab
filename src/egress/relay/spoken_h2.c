/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 without TLS (RFC 9113), by its preface. Some clients say nothing more before the server has answered to that, so the preface and
 * its SETTINGS are told by themselves, without a name; behind them each frame is looked at, until there is the first request. What is no
 * request passes. Only the first request of a connection is read here. Pure.
 */
#include "spoken.h"

#include "base/base.h"

#include <string.h>

#define HEAD 9
#define FRAME_MAX (1u << 14)
#define END_HEADERS 4
#define PADDED 8
#define PRIORITY 32

enum frame_type {
	DATA = 0,
	HEADERS,
	PRIO,
	RST_STREAM,
	SETTINGS,
	PUSH_PROMISE,
	PING,
	GOAWAY,
	WINDOW_UPDATE,
	CONTINUATION
};

struct frame {
	size_t len;
	uint8_t type, flags;
	uint32_t stream;
	const uint8_t *p;
};

/* false: it is not whole; f->len is set as soon as it can be. */
static bool frame(struct frame *f, const uint8_t *p, size_t n, size_t at)
{
	f->len = 0;
	if (n < at + HEAD)
		return false;
	p += at;
	f->len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
	f->type = p[3];
	f->flags = p[4];
	f->stream = ((uint32_t)p[5] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8]) &
		0x7fffffff;
	f->p = p + HEAD;
	return n - at - HEAD >= f->len;
}

static bool decide(struct ward_spoken *s, enum ward_relay_spoken what, size_t take)
{
	s->what = what;
	s->take = (uint32_t)take;
	return true;
}

/* The part of a HEADERS frame that is headers. */
static bool fragment(const struct frame *f, const uint8_t **ret, size_t *ret_n)
{
	size_t at = 0, pad = 0;

	if ((f->flags & PADDED) != 0) {
		if (f->len < 1)
			return false;
		pad = f->p[0];
		at = 1;
	}
	if ((f->flags & PRIORITY) != 0)
		at += 5;
	if (at + pad > f->len)
		return false;
	*ret = f->p + at;
	*ret_n = f->len - at - pad;
	return true;
}

/* The request: HEADERS, and all CONTINUATION that belong to it. */
static bool request(struct ward_spoken *s, struct frame *f, const uint8_t *p, size_t n)
{
	uint8_t block[FRAME_MAX];
	const uint8_t *part = NULL;
	size_t len = 0, at = HEAD + f->len, size = 0;
	uint32_t stream = f->stream;

	if (stream % 2 == 0 || !fragment(f, &part, &size))
		return decide(s, WARD_SPOKEN_BROKEN, 0);
	for (;;) {
		if (size > sizeof(block) - len)
			return decide(s, WARD_SPOKEN_BROKEN, 0);
		memcpy(block + len, part, size);
		len += size;
		if ((f->flags & END_HEADERS) != 0)
			break;
		if (!frame(f, p, n, at)) {
			bool told = n >= at + HEAD;

			s->need = (uint32_t)(at + HEAD + f->len);
			return told &&
					(f->len > FRAME_MAX || f->type != CONTINUATION ||
						f->stream != stream)
				? decide(s, WARD_SPOKEN_BROKEN, 0)
				: false;
		}
		if (f->len > FRAME_MAX || f->type != CONTINUATION || f->stream != stream)
			return decide(s, WARD_SPOKEN_BROKEN, 0);
		part = f->p;
		size = f->len;
		at += HEAD + f->len;
	}
	return decide(s,
		ward_spoken_hpack(block, len, s->name) ? WARD_SPOKEN_HTTP2 : WARD_SPOKEN_BROKEN, 0);
}

bool ward_spoken_h2(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	size_t at = s->h2 ? 0 : WARD_H2_PREFACE_LEN;
	struct frame f;
	bool whole = frame(&f, p, n, at);

	s->need = (uint32_t)(at + HEAD);
	if (n < at + HEAD)
		return false;
	if (f.len > FRAME_MAX || (!s->h2 && (f.type != SETTINGS || f.stream != 0 || f.flags != 0)))
		return decide(s, WARD_SPOKEN_BROKEN, 0);
	if (s->h2 &&
		(f.type == DATA || f.type == RST_STREAM || f.type == PUSH_PROMISE ||
			f.type == CONTINUATION))
		return decide(s, WARD_SPOKEN_BROKEN, 0);
	s->need = (uint32_t)(at + HEAD + f.len);
	if (!whole)
		return false;
	if (f.type == HEADERS)
		return request(s, &f, p, n);
	return decide(s, WARD_SPOKEN_HTTP2, at + HEAD + f.len);
}
