/* SPDX-License-Identifier: Apache-2.0 */
/* Private to registry: what the parts of the YAML reader share. Structure is yaml.c, places yaml_place.c, scalars yaml_scalar.c. */
#pragma once

#include <yaml.h>

#include "registry/registry.h"

/* Finished, or being read: what an alias may stand for. */
struct yaml_anchor {
	const char *name;
	struct ward_json *node;
	size_t nodes;     /* of the whole, aliases counted at full size */
	unsigned height;  /* levels of lists and objects in it */
	bool open;
};

struct yaml_frame {
	struct ward_json *node, **tail;
	struct ward_str key;
	uint32_t key_line, key_column;
	bool has_key;
	size_t nodes_before;
	unsigned height;
	int anchor;       /* its index, or -1 */
};

struct yaml_reader {
	struct ward_arena *arena;
	const char *text, *file;
	size_t n;
	struct ward_error *err;
	yaml_parser_t parser;
	uint32_t *lines;  /* where each begins */
	size_t n_lines;
	/* The place that was last asked for: the next one is near. */
	size_t line, column, offset;
	struct yaml_frame frames[WARD_JSON_DEPTH_MAX];
	unsigned depth;
	struct yaml_anchor anchors[WARD_YAML_ALIASES_MAX];
	unsigned n_anchors, n_aliases, n_documents;
	size_t nodes;
	struct ward_json *root;
	bool done;
};

/* ---- yaml_place.c ---- */
int ward_yaml_lines(struct yaml_reader *r);
/* Offset of a mark; libyaml counts characters, Ward bytes. */
size_t ward_yaml_offset(struct yaml_reader *r, const yaml_mark_t *mark);
uint32_t ward_yaml_line(const struct yaml_reader *r, const yaml_mark_t *mark);
uint32_t ward_yaml_column(struct yaml_reader *r, const yaml_mark_t *mark);
int ward_yaml_fail(struct yaml_reader *r, int code, const yaml_mark_t *mark, const char *fmt, ...) WARD_PRINTF(4, 5);
int ward_yaml_nomem(struct yaml_reader *r);
/* A text without quotes that goes on in lines that look like entries of a list is refused: whoever wrote them meant entries. */
int ward_yaml_one_entry(struct yaml_reader *r, const yaml_event_t *event);
/* libyaml has failed: say so in Ward's way. */
int ward_yaml_broken(struct yaml_reader *r);

/* ---- yaml_scalar.c ---- */
/* Type and value of a scalar event into v, which has its place already. */
int ward_yaml_scalar(struct yaml_reader *r, const yaml_event_t *event, struct ward_json *v);
/* Is it the tag of this kind ("seq", "map"), or none? Else an error. */
int ward_yaml_tag(struct yaml_reader *r, const yaml_event_t *event, const yaml_char_t *tag, const char *kind);
