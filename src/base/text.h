/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to base: one place that decodes UTF-8 and one that decides what may be shown to a person.
 * Nothing of these allocates. Whoever prints text that was not written by Ward goes through these.
 */
#pragma once

#include "base/base.h"

/*
 * Decode the character at s (n > 0 bytes left) strictly: no overlong form, no surrogate, nothing
 * above U+10FFFF. Returns its length in bytes (1..4), or 0 when the bytes are not UTF-8.
 */
size_t ward_utf8_decode(const char *s, size_t n, uint32_t *ret_cp);

/* False for controls, bidi controls, invisible characters and line separators. */
bool ward_cp_printable(uint32_t cp);

#define WARD_ESCAPE_MAX 17 /* four bytes as \xHH, and a NUL */

/*
 * Write the character at s into out, escaped if it cannot be shown (\n \r \t, else \xHH for each
 * byte) or lies in special (\ and itself). Returns the bytes of s it took (>= 1).
 */
size_t ward_escape_char(const char *s, size_t n, const char *special, char out[WARD_ESCAPE_MAX]);

/*
 * Escape a whole text into out, always NUL-terminated; what does not fit is cut between two
 * characters and marked with an ellipsis. size >= 4. Returns the length written.
 */
size_t ward_escape_fixed(char *out, size_t size, const char *s, size_t n, const char *special);

/*
 * Room for n more bytes and a NUL at the end of b, to be written in place by the caller, who then adds
 * to b->n what he used and ends it with the NUL; NULL (and sticky) when there is none.
 */
char *ward_buf_room(struct ward_buf *b, size_t n);
