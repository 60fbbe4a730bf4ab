/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YAML reader: libyaml's events become the tree that the JSON reader would have made. libyaml is trusted to read, not to
 * be frugal: bytes, nesting, nodes and aliases are counted here, an alias at the full size of what it stands for, so that a
 * small text never becomes a large tree. Refused, because readers differ on them or because nobody needs them in a policy: more
 * than one document, %YAML 1.1, tags outside the core schema, merge keys, names that are no strings, names given twice,
 * anchors given twice or used inside themselves. No recursion: a stack of frames, as deep as the limit.
 */
#include <stdlib.h>
#include <string.h>

#include "registry/yaml_reader.h"

static int too_many(struct yaml_reader *r, const yaml_mark_t *mark, const char *what, size_t max)
{
	int code = ward_yaml_fail(r, WARD_E_LIMIT, mark, "more than %zu %s", max, what);

	ward_fail_fix(r->err, "split the document, or write it with fewer");
	return code;
}

static int count(struct yaml_reader *r, const yaml_mark_t *mark, size_t nodes)
{
	r->nodes += nodes;
	if (r->nodes > WARD_YAML_NODES_MAX)
		return too_many(r, mark, "values, those of aliases counted each time",
			WARD_YAML_NODES_MAX);
	return WARD_OK;
}

static struct ward_json *new_node(struct yaml_reader *r, const yaml_event_t *event)
{
	struct ward_json *v = ward_arena_alloc(r->arena, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->start = (uint32_t)ward_yaml_offset(r, &event->start_mark);
	v->line = ward_yaml_line(r, &event->start_mark);
	v->column = ward_yaml_column(r, &event->start_mark);
	v->end = (uint32_t)ward_yaml_offset(r, &event->end_mark);
	return v;
}

/* Where the next value goes: the root, the end of a list, or behind a name. */
static void place(struct yaml_reader *r, struct ward_json *v, unsigned height)
{
	struct yaml_frame *top;

	if (r->depth == 0) {
		r->root = v;
		return;
	}
	top = &r->frames[r->depth - 1];
	if (top->node->type == WARD_JSON_OBJECT) {
		v->key = top->key;
		v->key_line = top->key_line;
		v->key_column = top->key_column;
		top->has_key = false;
	}
	*top->tail = v;
	top->tail = &v->next;
	top->node->count++;
	if (height > top->height)
		top->height = height;
}

static int new_anchor(struct yaml_reader *r, const yaml_event_t *event, const yaml_char_t *name,
	int *ret)
{
	const char *s = (const char *)name;
	int code;

	*ret = -1;
	if (s == NULL)
		return WARD_OK;
	for (unsigned i = 0; i < r->n_anchors; i++) {
		if (strcmp(r->anchors[i].name, s) == 0) {
			code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark,
				"the anchor &%.80s is given twice, first in line %u", s,
				r->anchors[i].node->line);
			ward_fail_fix(r->err, "give the second one another name");
			return code;
		}
	}
	if (r->n_anchors == WARD_YAML_ALIASES_MAX)
		return too_many(r, &event->start_mark, "anchors", WARD_YAML_ALIASES_MAX);
	r->anchors[r->n_anchors].name = ward_arena_strdup(r->arena, s);
	if (r->anchors[r->n_anchors].name == NULL)
		return ward_yaml_nomem(r);
	*ret = (int)r->n_anchors++;
	return WARD_OK;
}

/* Is a name due here? Only in an object that has none waiting. */
static bool key_due(const struct yaml_reader *r)
{
	const struct yaml_frame *top = &r->frames[r->depth == 0 ? 0 : r->depth - 1];

	return r->depth > 0 && top->node->type == WARD_JSON_OBJECT && !top->has_key;
}

static int no_key(struct yaml_reader *r, const yaml_event_t *event, const char *what,
	const char *fix)
{
	int code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark, "%s as a name", what);

	ward_fail_fix(r->err, "%s", fix);
	return code;
}

static int key(struct yaml_reader *r, const yaml_event_t *event)
{
	struct yaml_frame *top = &r->frames[r->depth - 1];
	struct ward_json v = { 0 };
	int code;

	if (event->data.scalar.anchor != NULL)
		return no_key(r, event, "an anchor", "write the name alone");
	code = ward_yaml_scalar(r, event, &v);
	if (code < 0)
		return code;
	if (v.type != WARD_JSON_STRING)
		return no_key(r, event, ward_json_type_name(v.type), "put it in quotes");
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		ward_str_eq(v.str, WARD_STR("<<")))
		return no_key(r, event, "\"<<\"",
			"YAML 1.2 has no merge keys: write what is to be merged, or use \"extends\"");
	top->key = v.str;
	top->key_line = ward_yaml_line(r, &event->start_mark);
	top->key_column = ward_yaml_column(r, &event->start_mark);
	top->has_key = true;
	return WARD_OK;
}

static int scalar(struct yaml_reader *r, const yaml_event_t *event)
{
	struct ward_json *v;
	int anchor = -1, code;

	if (key_due(r))
		return key(r, event);
	code = ward_yaml_one_entry(r, event);
	if (code == WARD_OK)
		code = count(r, &event->start_mark, 1);
	if (code == WARD_OK)
		code = new_anchor(r, event, event->data.scalar.anchor, &anchor);
	if (code < 0)
		return code;
	v = new_node(r, event);
	if (v == NULL)
		return ward_yaml_nomem(r);
	if (anchor >= 0)
		r->anchors[anchor] =
			(struct yaml_anchor){ r->anchors[anchor].name, v, 1, 0, false };
	code = ward_yaml_scalar(r, event, v);
	if (code < 0)
		return code;
	place(r, v, 0);
	return WARD_OK;
}

static int alias(struct yaml_reader *r, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct yaml_anchor *a = NULL;
	struct ward_json *v;
	int code;

	if (key_due(r))
		return no_key(r, event, "an alias", "write the name itself");
	for (unsigned i = 0; i < r->n_anchors && a == NULL; i++)
		a = strcmp(r->anchors[i].name, name) == 0 ? &r->anchors[i] : NULL;
	if (a == NULL || a->open) {
		code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark,
			a == NULL ? "the alias *%.80s stands for nothing above it"
				  : "the alias *%.80s inside of what it stands for",
			name);
		ward_fail_fix(r->err,
			"a text that begins with \"*\" is written in quotes: \"*%.80s\"", name);
		return code;
	}
	if (++r->n_aliases > WARD_YAML_ALIASES_MAX)
		return too_many(r, &event->start_mark, "aliases", WARD_YAML_ALIASES_MAX);
	code = count(r, &event->start_mark, a->nodes);
	if (code < 0)
		return code;
	if (r->depth + a->height > WARD_JSON_DEPTH_MAX)
		return too_many(r, &event->start_mark, "levels of lists and objects",
			WARD_JSON_DEPTH_MAX);
	v = new_node(r, event);
	if (v == NULL)
		return ward_yaml_nomem(r);
	v->type = a->node->type;
	v->b = a->node->b;
	v->i = a->node->i;
	v->d = a->node->d;
	v->str = a->node->str;
	v->child = a->node->child;
	v->count = a->node->count;
	place(r, v, a->height);
	return WARD_OK;
}

static int begin(struct yaml_reader *r, const yaml_event_t *event, enum ward_json_type type)
{
	bool list = type == WARD_JSON_ARRAY;
	const yaml_char_t *name =
		list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
	const yaml_char_t *tag =
		list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
	size_t before = r->nodes;
	struct ward_json *v;
	int anchor = -1, code;

	if (key_due(r))
		return no_key(r, event, ward_json_type_name(type), "put it in quotes");
	code = ward_yaml_tag(r, event, tag, list ? "seq" : "map");
	if (code == WARD_OK)
		code = count(r, &event->start_mark, 1);
	if (code == WARD_OK && r->depth == WARD_JSON_DEPTH_MAX)
		code = too_many(r, &event->start_mark, "levels of lists and objects",
			WARD_JSON_DEPTH_MAX);
	if (code == WARD_OK)
		code = new_anchor(r, event, name, &anchor);
	if (code < 0)
		return code;
	v = new_node(r, event);
	if (v == NULL)
		return ward_yaml_nomem(r);
	v->type = type;
	if (anchor >= 0)
		r->anchors[anchor] = (struct yaml_anchor){ r->anchors[anchor].name, v, 0, 0, true };
	r->frames[r->depth++] = (struct yaml_frame){
		.node = v, .tail = &v->child, .nodes_before = before, .anchor = anchor
	};
	return WARD_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct ward_json *x = *(const struct ward_json *const *)a,
			       *y = *(const struct ward_json *const *)b;
	int order;

	if (x->key.n != y->key.n)
		return x->key.n < y->key.n ? -1 : 1;
	order = memcmp(x->key.s, y->key.s, x->key.n);
	if (order != 0)
		return order;
	return x->start < y->start ? -1 : 1;
}

static int refuse_duplicates(struct yaml_reader *r, const struct ward_json *object)
{
	const struct ward_json **v, *first = NULL, *again = NULL;
	size_t n = 0;
	int code;

	if (object->count < 2)
		return WARD_OK;
	v = ward_arena_alloc(r->arena, object->count * sizeof(const struct ward_json *));
	if (v == NULL)
		return ward_yaml_nomem(r);
	for (const struct ward_json *m = object->child; m != NULL; m = m->next)
		v[n++] = m;
	qsort(v, n, sizeof(const struct ward_json *), by_key);
	for (size_t i = 1; i < n; i++) {
		if (ward_str_eq(v[i - 1]->key, v[i]->key) &&
			(again == NULL || v[i]->start < again->start)) {
			first = v[i - 1];
			again = v[i];
		}
	}
	if (again == NULL)
		return WARD_OK;
	code = ward_fail(r->err, WARD_E_PARSE,
		"the name \"%.80s\" appears twice: in line %u and first in line %u", again->key.s,
		again->key_line, first->key_line);
	ward_fail_at(r->err, r->file, again->key_line, again->key_column);
	ward_fail_fix(r->err, "remove one of the two");
	return code;
}

static int end(struct yaml_reader *r, const yaml_event_t *event)
{
	struct yaml_frame *top = &r->frames[r->depth - 1];
	struct ward_json *v = top->node;
	unsigned height = top->height + 1;

	v->end = (uint32_t)ward_yaml_offset(r, &event->end_mark);
	if (top->anchor >= 0)
		r->anchors[top->anchor] = (struct yaml_anchor){ r->anchors[top->anchor].name, v,
			r->nodes - top->nodes_before, height, false };
	r->depth--;
	place(r, v, height);
	return v->type == WARD_JSON_OBJECT ? refuse_duplicates(r, v) : WARD_OK;
}

static int begin_document(struct yaml_reader *r, const yaml_event_t *event)
{
	const yaml_version_directive_t *version = event->data.document_start.version_directive;
	int code;

	if (r->n_documents++ > 0) {
		code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark,
			"a second document in one file");
		ward_fail_fix(r->err, "put it into a file of its own");
		return code;
	}
	if (version != NULL && (version->major != 1 || version->minor != 2)) {
		code = ward_yaml_fail(r, WARD_E_PARSE, &event->start_mark,
			"YAML %d.%d, where 1.2 is read", version->major, version->minor);
		ward_fail_fix(r->err,
			"take the %%YAML line out; \"no\" and \"off\" are texts here");
		return code;
	}
	return WARD_OK;
}

static int handle(struct yaml_reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT: return begin_document(r, event);
	case YAML_SCALAR_EVENT: return scalar(r, event);
	case YAML_ALIAS_EVENT: return alias(r, event);
	case YAML_SEQUENCE_START_EVENT: return begin(r, event, WARD_JSON_ARRAY);
	case YAML_MAPPING_START_EVENT: return begin(r, event, WARD_JSON_OBJECT);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: return end(r, event);
	case YAML_STREAM_END_EVENT: r->done = true; return WARD_OK;
	default: return WARD_OK;
	}
}

static int check_text(struct yaml_reader *r)
{
	int code;

	if (r->n > WARD_YAML_BYTES_MAX) {
		code = ward_fail(r->err, WARD_E_LIMIT, "the document has %zu bytes, more than %u",
			r->n, WARD_YAML_BYTES_MAX);
		ward_fail_at(r->err, r->file, 0, 0);
		ward_fail_fix(r->err, "split it");
		return code;
	}
	if (r->n >= 2 &&
		(memcmp(r->text, "\xff\xfe", 2) == 0 || memcmp(r->text, "\xfe\xff", 2) == 0 ||
			(r->n >= 3 && memcmp(r->text, "\xef\xbb\xbf", 3) == 0))) {
		code = ward_fail(r->err, WARD_E_PARSE,
			"the document starts with a byte order mark");
		ward_fail_at(r->err, r->file, 1, 1);
		ward_fail_fix(r->err, "save it as UTF-8 without BOM");
		return code;
	}
	return ward_yaml_lines(r);
}

static int read_events(struct yaml_reader *r)
{
	int code = WARD_OK;

	if (yaml_parser_initialize(&r->parser) == 0)
		return ward_yaml_nomem(r);
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->text, r->n);
	while (code == WARD_OK && !r->done) {
		yaml_event_t event;

		if (yaml_parser_parse(&r->parser, &event) == 0) {
			code = ward_yaml_broken(r);
			break;
		}
		code = handle(r, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&r->parser);
	return code;
}

int ward_yaml_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err)
{
	struct yaml_reader *r = ward_arena_alloc(a, sizeof(*r));
	int code;

	*ret = NULL;
	if (r == NULL) {
		code = ward_fail(err, WARD_E_NOMEM, "out of memory");
		ward_fail_at(err, file, 0, 0);
		return code;
	}
	r->arena = a;
	r->text = text;
	r->n = n;
	r->file = file;
	r->err = err;
	code = check_text(r);
	if (code == WARD_OK)
		code = read_events(r);
	if (code < 0)
		return code;
	if (r->root == NULL) {
		code = ward_fail(err, WARD_E_PARSE, "the document is empty");
		ward_fail_at(err, file, 1, 1);
		ward_fail_fix(err, "write what it is to say, or take the file away");
		return code;
	}
	*ret = r->root;
	return WARD_OK;
}

int ward_tree_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err)
{
	static const struct ward_json_options o = { .bytes_max = WARD_YAML_BYTES_MAX,
		.depth_max = WARD_JSON_DEPTH_MAX };

	if (file != NULL && ward_has_suffix(file, ".json"))
		return ward_json_parse_with(a, text, n, file, &o, ret, err);
	return ward_yaml_parse(a, text, n, file, ret, err);
}
