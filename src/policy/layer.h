/* SPDX-License-Identifier: Apache-2.0 */
/* policy/layer: whose word a rule is. In the order of trust, least first: what is zeroed may only narrow. */
#pragma once

/* X(id, name). The names are those of @layer("...") and of the records. */
#define WARD_LAYERS(X) \
	X(WARD_LAYER_REPOSITORY, "repository") \
	X(WARD_LAYER_RUN, "run") \
	X(WARD_LAYER_USER, "user") \
	X(WARD_LAYER_CEILING, "ceiling") \
	X(WARD_LAYER_BUILTIN, "builtin")

enum ward_layer {
#define WARD_X(id, name) id,
	WARD_LAYERS(WARD_X)
#undef WARD_X
	WARD_LAYER_MAX
};

/* What ward writes among the user's policies itself: a yes to a question, and what `ward allow --always` was told. */
#define WARD_APPROVED_FILE "approved.cedar"
#define WARD_ALLOWED_FILE "allowed.cedar"

const char *ward_layer_name(enum ward_layer layer); /* "unknown" for a value that is none */
