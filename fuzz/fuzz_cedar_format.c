/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter. The first two bytes are width and indent. What is taken must come out as the same policies with the same
 * comments, and its layout must be its own layout; what is refused must have a finding and give nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void parse(struct cedar_pool *pool, struct ward_str text, struct cedar_policy_list *list)
{
	MUST(ward_cedar_parse_policies(pool, text, NULL, list, NULL) == WARD_OK);
}

static void check_same(struct ward_str a, struct ward_str b)
{
	struct cedar_pool *pool = ward_cedar_pool_new(0);
	struct cedar_policy_list x = { 0 }, y = { 0 };

	MUST(pool != NULL);
	parse(pool, a, &x);
	parse(pool, b, &y);
	MUST(x.n == y.n);
	for (size_t i = 0; i < x.n; i++)
		MUST(ward_cedar_policy_eq(x.v[i], y.v[i]));
	ward_cedar_policy_list_done(&x);
	ward_cedar_policy_list_done(&y);
	ward_cedar_pool_free(pool);
}

/* Letters of comments, by a scanner of its own: an order-free sum, blanks aside. */
static uint64_t comments(struct ward_str s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.s[i] == '"') {
			for (i++; i < s.n && s.s[i] != '"'; i++)
				i += s.s[i] == '\\';
		} else if (s.s[i] == '/' && i + 1 < s.n && s.s[i + 1] == '/') {
			for (; i < s.n && s.s[i] != '\n' && s.s[i] != '\r'; i++) {
				if ((unsigned char)s.s[i] > ' ' && (unsigned char)s.s[i] < 0x7f)
					sum += (uint64_t)s.s[i] * (uint64_t)s.s[i] * 2654435761u;
			}
		}
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cedar_format_options o;
	struct ward_buf out = WARD_BUF_INIT, again = WARD_BUF_INIT;
	struct ward_str text;
	struct cedar_diags d;
	int r;

	if (size < 2)
		return 0;
	o = (struct cedar_format_options){ .width = data[0], .indent = data[1] % 16u };
	text = (struct ward_str){ (const char *)data + 2, size - 2 };
	MUST(ward_cedar_diags_init(&d) == WARD_OK);
	r = ward_cedar_format(text, &o, &out, &d);
	MUST(r == WARD_OK || r == WARD_E_PARSE || r == WARD_E_LIMIT || r == WARD_E_NOMEM);
	if (r == WARD_OK) {
		struct ward_str first = { out.s, out.n };

		MUST(d.errors == 0);
		check_same(text, first);
		MUST(comments(text) == comments(first));
		MUST(ward_cedar_format(first, &o, &again, &d) == WARD_OK);
		MUST(ward_str_eq(first, (struct ward_str){ again.s, again.n }));
	} else {
		MUST(out.n == 0 && (d.errors > 0 || r == WARD_E_NOMEM));
	}
	ward_buf_done(&out);
	ward_buf_done(&again);
	ward_cedar_diags_done(&d);
	return 0;
}
