/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents whose names are known before anything else of a run is, read and parsed by a thread meanwhile. What goes wrong there is
 * not told: whoever needs the document then reads it himself, where its turn is, and fails as if nobody had tried.
 */
#include <stdlib.h>

#include "os/os.h"
#include "registry/registry.h"

#define TREE_BYTES_MAX (256u << 20)

struct ward_ahead {
	struct ward_worker *worker; /* NULL: no thread was to be had */
	size_t n;
	struct slot {
		struct ward_ahead_item item;
		struct ward_doc_alone *doc; /* NULL: none, or taken */
		size_t bytes;
	} v[];
};

static void read_one(struct slot *s)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(TREE_BYTES_MAX);
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = { .max = WARD_LAYER_FILE_BYTES_MAX };
	struct ward_error unseen = WARD_ERROR_INIT;
	struct ward_str from = s->item.text;
	struct ward_json *root;

	if (!from.s) {
		if (ward_read_file(s->item.name, WARD_LAYER_FILE_BYTES_MAX, &text, &unseen) < 0)
			return;
		from = (struct ward_str){ ward_buf_cstr(&text), text.n };
	}
	if (!a || ward_tree_parse(a, from.s, from.n, s->item.name, &root, &unseen) < 0)
		return;
	s->bytes = from.n;
	(void)ward_doc_alone(s->item.layer, root, s->item.name, &s->doc, &unseen);
}

static void all(void *arg)
{
	struct ward_ahead *a = arg;

	for (size_t i = 0; i < a->n; i++)
		read_one(&a->v[i]);
}

struct ward_ahead *ward_ahead_start(const struct ward_ahead_item *items, size_t n)
{
	struct ward_ahead *a = n > 0 ? calloc(1, sizeof(*a) + n * sizeof(*a->v)) : NULL;

	if (!a)
		return NULL;
	a->n = n;
	for (size_t i = 0; i < n; i++)
		a->v[i].item = items[i];
	a->worker = ward_worker_new(all, a);
	return a;
}

struct ward_worker *ward_ahead_worker(struct ward_ahead *a)
{
	return a ? ward_worker_ref(a->worker) : NULL;
}

static void wait_for(struct ward_ahead *a)
{
	if (a->worker)
		ward_worker_wait(a->worker, 1);
}

struct ward_doc_alone *ward_ahead_take(struct ward_ahead *a, const char *name,
	enum ward_layer layer, size_t *ret_bytes)
{
	struct ward_doc_alone *doc = NULL;

	if (!a)
		return NULL;
	wait_for(a);
	for (size_t i = 0; i < a->n && !doc; i++) {
		struct slot *s = &a->v[i];

		if (!s->doc || s->item.layer != layer || !ward_streq(s->item.name, name))
			continue;
		doc = s->doc;
		*ret_bytes = s->bytes;
		s->doc = NULL;
	}
	return doc;
}

void ward_ahead_free(struct ward_ahead *a)
{
	if (!a)
		return;
	wait_for(a);
	for (size_t i = 0; i < a->n; i++)
		ward_doc_alone_free(a->v[i].doc);
	ward_worker_unref(a->worker);
	free(a);
}
