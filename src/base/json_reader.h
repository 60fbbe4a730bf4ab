/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to base: what the two halves of the JSON reader share. Structure is json.c, scalars
 * json_scalar.c.
 */
#pragma once

#include "base/base.h"

struct json_reader {
	struct ward_arena *arena;
	const char *text, *file;
	size_t n, pos;
	size_t line_start; /* offset of the line that pos is in */
	uint32_t line;
	unsigned depth, depth_max;
	bool nul_ok, wide_ok;
	struct ward_error *err;
};

/*
 * Fail with the place of offset at, which lies in the present line; "%s" of what stands there is
 * the caller's.
 */
int ward_json_fail(struct json_reader *r, size_t at, const char *fmt, ...) WARD_PRINTF(3, 4);
int ward_json_nomem(struct json_reader *r);

/* A character as a message names it: "'x'", "'\x1b'" or "the end of the text". */
#define JSON_FOUND_MAX 32
const char *ward_json_found(const struct json_reader *r, size_t at, char out[JSON_FOUND_MAX]);

/* pos is at the opening quote, and behind the closing one afterwards. */
int ward_json_string(struct json_reader *r, struct ward_str *ret);
/* pos is at '-' or a digit. */
int ward_json_number(struct json_reader *r, struct ward_json *ret);
