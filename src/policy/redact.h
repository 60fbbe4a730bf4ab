/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What looks like a secret in a command line, and is not written down: by names and shapes of data/sensitive. A guess, which errs
 * towards saying less. What is executed, asked about and hashed for an approval is never changed by it.
 */
#pragma once

#include "base/base.h"

#define WARD_REDACTED "[redacted]"

/* NAME of NAME=VALUE: would VALUE be a secret? */
bool ward_name_is_sensitive(struct ward_str name);

/* Words of one command line in their order: an option may say that the next word is a secret. Begins zeroed. */
struct ward_redactor {
	bool whole, pair;            /* of the word to come */
};
/* The word as it may be shown, behind what out holds already; of a long one only somewhat more than the first max bytes. */
void ward_redact_word(struct ward_redactor *r, struct ward_str word, size_t max, struct ward_buf *out);
/* The first max words of argv as a list of JSON, each cut behind text_max bytes. */
void ward_redact_argv(char *const *argv, size_t max, size_t text_max, struct ward_buf *json);

/* ---- made by tools/gen-vocabulary out of data/sensitive ---- */
enum ward_sensitive_kind {
	WARD_SENSITIVE_PART = 0, WARD_SENSITIVE_WORD, WARD_SENSITIVE_LAST, WARD_SENSITIVE_VALUE, WARD_SENSITIVE_BLOCK,
	WARD_SENSITIVE_PAIR
};
struct ward_sensitive {
	enum ward_sensitive_kind kind;
	const char *text;
	size_t n;
};
extern const struct ward_sensitive ward_sensitives[];
extern const size_t ward_sensitives_n;
