/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's side of mutations.h. Part of ward-mutated alone. */
#include <stdlib.h>
#include <string.h>

#include "confine/native/mutations.h"

#ifdef WARD_MUTATIONS
const char *ward_mutation_argument(void)
{
	return getenv("WARD_MUTATION");
}

bool ward_off(enum ward_mutation m)
{
	static const char *const names[] = {
#define WARD_X(id, name, text, view, plain) [WARD_MUTATION_##id] = (name),
		WARD_MUTATIONS_TABLE(WARD_X)
#undef WARD_X
	};
	const char *off = ward_mutation_argument();

	return off && strcmp(off, names[m]) == 0;
}
#endif
