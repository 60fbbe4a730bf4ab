/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/format: text of the language laid out anew: comments kept, lines broken at width. Idempotent; its result parses
 * to the same tree, which is checked before it is handed out.
 */
#pragma once

#include "cedar/syntax/syntax.h"

struct cedar_format_options {
	unsigned width, indent;                  /* 80 and 2 where 0 */
};
int ward_cedar_format(struct ward_str text, const struct cedar_format_options *o, struct ward_buf *out, struct cedar_diags *d);
