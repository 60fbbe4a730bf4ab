/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: documents that people write, as trees. YAML is read here, through libyaml, and nowhere else: the pure column gets
 * the same trees that the JSON reader makes. Nothing here opens a file.
 */
#pragma once

#include "base/base.h"

/*
 * YAML text (n bytes, UTF-8, need not be terminated) as nodes living in a: one document, docs/spec/yaml.md. Plain scalars are
 * read by the core schema of YAML 1.2: "no", "off", "yes", "on" and "1:30" are strings. Aliases are counted at their full
 * size; what an anchor names is shared between the places that use it, so nodes must not be changed. Over WARD_YAML_*_MAX or
 * WARD_JSON_DEPTH_MAX: WARD_E_LIMIT. Not this YAML: WARD_E_PARSE. No memory, or the arena is full: WARD_E_NOMEM. *ret is
 * NULL after any error. The tree does not point into text; file may be NULL.
 */
int ward_yaml_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err);

/* JSON where the name ends in ".json", else YAML; the JSON reader is the stricter one. At most WARD_YAML_BYTES_MAX bytes. */
int ward_tree_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err);
