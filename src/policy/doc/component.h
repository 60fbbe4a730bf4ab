/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/doc/component: what a component says of itself (docs/spec/component.md): who it is, how far it has come, what it asks for. It
 * asks, and grants nothing: its trust may only be less, its tier only more than what others say.
 */
#pragma once

#include "policy/policy.h"

struct ward_component_data {
	const char *id;              /* its UUID, in small letters */
	const char *name, *version;
	const char *phase;           /* a word of the schema's Phase */
	const char *trust;           /* of its Trust; NULL: nothing was said */
	struct ward_origin origin, trust_origin, tier_origin;
	int64_t tier;                /* 0: nothing was said */
	struct ward_caps requests;
};

/*
 * The tree of such a document. Everything is copied into a. Unknown fields and words are errors with the nearest one; every error has
 * its place.
 */
int ward_component_read(struct ward_arena *a, const struct ward_json *root, const char *file, const struct ward_component_data **ret,
	struct ward_error *err);
/* 8-4-4-4-12 digits, in small letters. */
bool ward_is_uuid(struct ward_str s);
