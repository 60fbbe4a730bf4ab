/* SPDX-License-Identifier: Apache-2.0 */
/* Private to cedar/value: values with their sets in the order of output. */
#pragma once

#include "cedar/value/value.h"

/* Does it hold a set with anything in it? Else it is printed as it is. */
bool ward_cedar_value_has_set(const struct cedar_value *v);
/* A copy, for output alone (it has no hashes), whose sets are ordered as they are printed. WARD_E_NOMEM. */
int ward_cedar_value_order(struct ward_arena *a, const struct cedar_value *v, struct cedar_value *ret);
/* What stands, or would stand, in the constructor of an extension value (of a datetime: in that of the offset). */
void ward_cedar_ext_argument(struct ward_buf *out, const struct cedar_value *v);
