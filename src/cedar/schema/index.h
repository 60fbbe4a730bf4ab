/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind a schema and is nobody's business: how its names are found. */
#pragma once

#include "cedar/schema/schema.h"

struct schema_slots {                    /* open-addressed, at most half full; 0: free, else 1 + the place in the array */
	const uint32_t *v;
	size_t mask;                     /* 0: there is none */
};
struct cedar_schema_index {
	struct schema_slots entities, actions;
};
