/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to cedar/value: why a text is no value of an extension type, in the words of the language's own engine, and what
 * to do about it. Called only when somebody wants to read it: the text is read a second time.
 */
#pragma once

#include "cedar/value/value.h"

void ward_cedar_decimal_complain(struct ward_buf *out, struct ward_str s);
void ward_cedar_decimal_advise(struct ward_buf *out, struct ward_str s);
void ward_cedar_ip_complain(struct ward_buf *out, struct ward_str s);
void ward_cedar_datetime_complain(struct ward_buf *out, struct ward_str s);
void ward_cedar_duration_complain(struct ward_buf *out, struct ward_str s);

/* -9223372036854775808ms: as a duration is printed. */
void ward_cedar_duration_print(struct ward_buf *out, int64_t ms);
/* datetime("1970-01-01").offset(duration("5ms")) */
void ward_cedar_datetime_print(struct ward_buf *out, int64_t ms);
