/* SPDX-License-Identifier: Apache-2.0 */
/* What was changed, shown: the forms, and handing on what is written so that a large diff takes no memory. */
#include "workspace/diff/diff.h"

#define FLUSH_AT (256u << 10)
#define FAST_FROM 16 /* changes: below, to ask the processor costs more than it saves */

static int flush(struct writer *w, size_t at)
{
	/* Before it is handed on, which empties it: what lacks a part is no diff. */
	if (w->out->failed)
		return ward_fail(w->err, WARD_E_NOMEM, "no memory for the diff");
	if (w->style->flush && w->out->n > at)
		return w->style->flush(w->style->arg, w->out, w->err);
	return WARD_OK;
}

static void path_line(struct writer *w, const struct ward_change *c, const char *path)
{
	(void)ward_diff_name(w->out, "", path);
	if (S_ISDIR(c->mode ? c->mode : c->was_mode))
		ward_buf_addc(w->out, '/');
}

static void names(struct writer *w, size_t i)
{
	static const char *const letters[] = {
		[WARD_CHANGE_NONE] = "?",
		[WARD_CHANGE_ADDED] = "A",
		[WARD_CHANGE_MODIFIED] = "M",
		[WARD_CHANGE_TYPE] = "T",
		[WARD_CHANGE_DELETED] = "D",
		[WARD_CHANGE_RENAMED] = "R",
	};
	const struct ward_change *c = w->v[i];

	if (!ward_diff_told(w, i))
		return;
	if (w->style->form == WARD_DIFF_STATUS) {
		ward_buf_adds(w->out, letters[c->kind]);
		if (c->from) {
			ward_buf_adds(w->out, c->content ? "050\t" : "100\t");
			path_line(w, c, c->from);
		}
		ward_buf_addc(w->out, '\t');
	}
	path_line(w, c, c->path);
	ward_buf_addc(w->out, '\n');
}

static int one(struct writer *w, size_t i)
{
	switch (w->style->form) {
	case WARD_DIFF_PATCH: return ward_diff_patch(w, i);
	case WARD_DIFF_JSON: ward_diff_json(w, i); return w->code;
	default: names(w, i); return WARD_OK;
	}
}

static void done(struct writer *w)
{
	ward_way_done(&w->way);
}

int ward_diff_write(const struct ward_change *const *v, size_t n, int layer, int root,
	const struct ward_diff_style *style, struct ward_buf *out, struct ward_error *err)
{
	WARD_CLEANUP(done)
	struct writer w = {
		.style = style, .v = v, .n = n, .layer = layer, .root = root, .out = out, .err = err
	};
	int code = ward_diff_comparing(&w.lines);

	if (code < 0)
		return ward_fail(err, code, "the system has no random number for the diff");
	w.fast = style->form == WARD_DIFF_PATCH && n >= FAST_FROM && ward_diff_blob_fast();
	if (style->form == WARD_DIFF_STAT) {
		code = ward_diff_stat(&w);
		return code < 0 ? code : flush(&w, 0);
	}
	if (style->form == WARD_DIFF_JSON)
		ward_buf_adds(out, "{\"v\":1,\"changes\":[");
	for (size_t i = 0; code == WARD_OK && i < n; i++) {
		/* The writer sets the comma where it sees what stands before, which was handed on here. */
		if (style->form == WARD_DIFF_JSON && i > 0 && out->n == 0)
			ward_buf_addc(out, ',');
		code = one(&w, i);
		if (code == WARD_OK)
			code = flush(&w, FLUSH_AT);
	}
	if (style->form == WARD_DIFF_JSON)
		ward_buf_adds(out, "]}\n");
	return code < 0 ? code : flush(&w, 0);
}
