/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the network a run, or what one rule lets through, may use: the text of it, read and printed. docs/egress.md has the words. */
#include <stdio.h>
#include <string.h>

#include "policy/net/net.h"

#define WORD_MAX 64

enum kind { COUNT, SIZE, DURATION };
static const struct {
	const char *name;
	enum kind kind;
	uint64_t max;
} rows[WARD_NET_LIMIT_MAX] = {
	[WARD_NET_CONNECTIONS] = { "connections", COUNT, WARD_RELAY_FLOWS_MAX },
	[WARD_NET_CONNECTIONS_TOTAL] = { "connections-total", COUNT, UINT32_MAX },
	[WARD_NET_RATE] = { "rate", COUNT, WARD_EGRESS_OPENED_RATE },
	[WARD_NET_BYTES_UP] = { "bytes-up", SIZE, INT64_MAX },
	[WARD_NET_BYTES_DOWN] = { "bytes-down", SIZE, INT64_MAX },
	[WARD_NET_IDLE] = { "idle", DURATION, (uint64_t)366 * 24 * 3600 * 1000 },
	[WARD_NET_TIME] = { "time", DURATION, (uint64_t)366 * 24 * 3600 * 1000 },
	[WARD_NET_NAMES] = { "names", COUNT, WARD_EGRESS_NAMES_MAX },
};

const char *ward_net_limit_name(enum ward_net_limit which)
{
	return (unsigned)which < WARD_NET_LIMIT_MAX ? rows[which].name : "";
}

uint64_t ward_net_limit_max(enum ward_net_limit which)
{
	return rows[which].max;
}

static int unknown(const char *name, struct ward_error *err)
{
	const char *names[WARD_NET_LIMIT_MAX], *near;
	int r = ward_fail(err, WARD_E_PARSE, "there is no limit of the network \"%s\"", name);

	for (size_t i = 0; i < WARD_NET_LIMIT_MAX; i++)
		names[i] = rows[i].name;
	near = ward_nearest(name, names, WARD_NET_LIMIT_MAX);
	if (near)
		ward_fail_fix(err, "did you mean %s?", near);
	else
		ward_fail_fix(err,
			"known are connections, connections-total, rate, bytes-up, "
			"bytes-down, idle, time and names");
	return r;
}

static int value_of(size_t i, const char *text, uint64_t *ret, struct ward_error *err)
{
	int r;

	if (rows[i].kind == COUNT)
		r = ward_parse_u64(text, 0, UINT64_MAX, ret, err);
	else
		r = rows[i].kind == SIZE ? ward_parse_size(text, ret, err)
					 : ward_parse_duration(text, ret, err);
	if (r < 0)
		return r;
	if (*ret == 0) {
		r = ward_fail(err, WARD_E_PARSE, "%s of 0 would let nothing through", rows[i].name);
		ward_fail_fix(err,
			"leave the grant out where nothing may go; without %s there is "
			"no such limit",
			rows[i].name);
	} else if (*ret > rows[i].max) {
		r = ward_fail(err, WARD_E_PARSE, "%s is more than %llu, which no run may have",
			rows[i].name, (unsigned long long)rows[i].max);
		ward_fail_fix(err, "write %llu or less", (unsigned long long)rows[i].max);
	}
	return r;
}

/* One NAME=VALUE. */
static int one(const char *p, size_t n, struct ward_net_limits *io, struct ward_error *err)
{
	char word[WORD_MAX], *value;
	int r;

	if (n >= sizeof(word) || memchr(p, '\0', n)) {
		r = ward_fail(err, WARD_E_PARSE,
			"a limit of the network is no longer than %d bytes", WORD_MAX - 1);
		ward_fail_fix(err, "write bytes-up=10M, or several with commas between");
		return r;
	}
	memcpy(word, p, n);
	word[n] = '\0';
	value = strchr(word, '=');
	if (!value || value == word || value[1] == '\0') {
		r = ward_fail(err, WARD_E_PARSE, "\"%s\" is not NAME=VALUE", word);
		ward_fail_fix(err, "write bytes-up=10M, or several with commas between");
		return r;
	}
	*value++ = '\0';
	for (size_t i = 0; i < WARD_NET_LIMIT_MAX; i++) {
		uint64_t v = 0;

		if (strcmp(word, rows[i].name) != 0)
			continue;
		if (io->v[i] != 0) {
			r = ward_fail(err, WARD_E_PARSE, "%s is given twice", word);
			ward_fail_fix(err, "leave one out");
			return r;
		}
		r = value_of(i, value, &v, err);
		if (r == WARD_OK)
			io->v[i] = v;
		return r;
	}
	return unknown(word, err);
}

int ward_net_limits_parse(const char *text, struct ward_net_limits *io, struct ward_error *err)
{
	struct ward_net_limits l = *io;
	int r = WARD_OK;

	for (const char *p = text; r == WARD_OK; p++) {
		size_t n = strcspn(p, ",");

		r = one(p, n, &l, err);
		p += n;
		if (*p == '\0')
			break;
	}
	if (r == WARD_OK)
		*io = l;
	return r;
}

int ward_net_limits_of_rule(const char *text, struct ward_net_limits *io, struct ward_error *err)
{
	static const bool of_run[WARD_NET_LIMIT_MAX] = { [WARD_NET_NAMES] = true };
	int r = ward_net_limits_parse(text, io, err);

	for (size_t i = 0; r == WARD_OK && i < WARD_NET_LIMIT_MAX; i++) {
		if (io->v[i] == 0 || !of_run[i])
			continue;
		r = ward_fail(err, WARD_E_PARSE, "%s is held of a whole run, not of a rule",
			rows[i].name);
		ward_fail_fix(err, "say it by --net-limit, or by network.limits of a profile");
	}
	return r;
}

void ward_net_limits_default(struct ward_net_limits *io)
{
	static const struct ward_net_limits usual = { .v = {
							      [WARD_NET_CONNECTIONS] =
								      WARD_RELAY_FLOWS_MAX,
							      [WARD_NET_IDLE] = WARD_EGRESS_IDLE_MS,
							      [WARD_NET_NAMES] =
								      WARD_EGRESS_NAMES_MAX,
						      } };

	for (size_t i = 0; i < WARD_NET_LIMIT_MAX; i++)
		if (io->v[i] == 0)
			io->v[i] = usual.v[i];
}

static void duration(uint64_t ms, char *out, size_t size)
{
	if (ms % 1000)
		(void)snprintf(out, size, "%llums", (unsigned long long)ms);
	else if (ms % 60000)
		(void)snprintf(out, size, "%llus", (unsigned long long)ms / 1000);
	else if (ms % 3600000)
		(void)snprintf(out, size, "%llum", (unsigned long long)ms / 60000);
	else
		(void)snprintf(out, size, "%lluh", (unsigned long long)ms / 3600000);
}

/* Exactly, as it may be written. */
static void bytes(uint64_t n, char *out, size_t size)
{
	static const char units[] = "TGMK";

	for (unsigned i = 0; i < sizeof(units) - 1; i++) {
		unsigned shift = 10 * (4 - i);

		if (n == 0 || n & ((UINT64_C(1) << shift) - 1))
			continue;
		(void)snprintf(out, size, "%llu%c", (unsigned long long)(n >> shift), units[i]);
		return;
	}
	(void)snprintf(out, size, "%llu", (unsigned long long)n);
}

void ward_net_limit_text(enum ward_net_limit which, uint64_t v, char out[WARD_NET_LIMIT_TEXT_MAX])
{
	char value[40];

	if (rows[which].kind == SIZE)
		bytes(v, value, sizeof(value));
	else if (rows[which].kind == DURATION)
		duration(v, value, sizeof(value));
	else
		(void)snprintf(value, sizeof(value), "%llu", (unsigned long long)v);
	(void)snprintf(out, WARD_NET_LIMIT_TEXT_MAX, "%s=%s", rows[which].name, value);
}

void ward_net_limits_text(const struct ward_net_limits *l, struct ward_buf *b)
{
	char text[WARD_NET_LIMIT_TEXT_MAX];
	const char *between = "";

	for (size_t i = 0; i < WARD_NET_LIMIT_MAX; i++) {
		if (l->v[i] == 0)
			continue;
		ward_net_limit_text((enum ward_net_limit)i, l->v[i], text);
		ward_buf_adds(b, between);
		ward_buf_adds(b, text);
		between = ",";
	}
}
