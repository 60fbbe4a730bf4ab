/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the layers. */
#include <stddef.h>

#include "policy/layer.h"

const char *ward_layer_name(enum ward_layer layer)
{
	static const char *const names[WARD_LAYER_MAX] = {
#define WARD_X(id, name) [id] = name,
		WARD_LAYERS(WARD_X)
#undef WARD_X
	};

	return (unsigned)layer < WARD_LAYER_MAX ? names[layer] : "unknown";
}
