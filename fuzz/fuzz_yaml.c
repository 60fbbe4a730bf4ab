/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as YAML. What is refused has a code that says why and a line fit to print. What is accepted is bounded (nodes,
 * depth, counted as a consumer would walk it), has places inside the text, is UTF-8 without NUL, has no name twice, and is what
 * the JSON reader makes of it when it is written as JSON. A text that JSON accepts as well must be the same document in both.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static size_t nodes;

static void check_text(struct ward_str s)
{
	MUST(s.s != NULL && s.s[s.n] == '\0' && strlen(s.s) == s.n && ward_utf8_valid(s.s, s.n));
}

static void check_node(const struct ward_json *v, unsigned depth, size_t size, uint32_t lines)
{
	size_t count = 0;

	MUST(++nodes <= WARD_YAML_NODES_MAX && depth <= WARD_JSON_DEPTH_MAX);
	MUST(v->line >= 1 && v->line <= lines && v->column >= 1 && v->column <= size + 1);
	MUST(v->start <= v->end && v->end <= size);
	if (v->type == WARD_JSON_STRING)
		check_text(v->str);
	if (v->type != WARD_JSON_ARRAY && v->type != WARD_JSON_OBJECT) {
		MUST(v->child == NULL);
		return;
	}
	for (const struct ward_json *m = v->child; m != NULL; m = m->next, count++) {
		if (v->type == WARD_JSON_OBJECT) {
			check_text(m->key);
			MUST(m->key_line >= 1 && m->key_column >= 1);
		}
		check_node(m, depth + 1, size, lines);
	}
	MUST(count == v->count);
}

static void check_error(int r, const struct ward_error *err)
{
	char line[2048];

	MUST(r == WARD_E_PARSE || r == WARD_E_LIMIT);
	MUST(err->code == r && err->message[0] != '\0' && err->fix[0] != '\0');
	ward_error_format(err, line, sizeof(line));
	for (const char *p = line; *p; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	MUST(ward_utf8_valid(line, strlen(line)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done)
	struct ward_buf once = WARD_BUF_INIT, twice = WARD_BUF_INIT, json = WARD_BUF_INIT;
	const char *text = (const char *)data;
	struct ward_json *v = NULL, *again = NULL, *other = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	uint32_t lines = 1;
	int r;

	if (arena == NULL)
		return 0;
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	r = ward_yaml_parse(arena, text, size, "fuzz.yaml", &v, &err);
	if (r < 0) {
		MUST(v == NULL);
		check_error(r, &err);
		return 0;
	}
	nodes = 0;
	check_node(v, 0, size, lines);
	ward_jw_value(&once, v);
	MUST(!once.failed);
	MUST(ward_json_parse(arena, once.s, once.n, "again.json", &again, &err) == WARD_OK);
	ward_jw_value(&twice, again);
	MUST(!twice.failed && twice.n == once.n && memcmp(twice.s, once.s, once.n) == 0);
	if (ward_json_parse(arena, text, size, "fuzz.json", &other, &err) == WARD_OK) {
		ward_jw_value(&json, other);
		MUST(json.n == once.n && memcmp(json.s, once.s, once.n) == 0);
	}
	return 0;
}
