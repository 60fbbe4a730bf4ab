/* SPDX-License-Identifier: Apache-2.0 */
/* How much of each file changed: git diff --stat, in 80 columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/change.h"
#include "workspace/diff/diff.h"

#define COLUMNS 80

struct row {
	char *name;
	const struct ward_change *change;
	struct measure m;
};

struct table {
	struct row *v;
	size_t n, most, widest, n_new, n_gone;
	bool binary;
};

static void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].name);
	free(t->v);
}

static int count(struct writer *w, const struct content *a, const struct content *b,
	struct measure *m)
{
	struct compared c = { .memory = NULL };
	size_t n_new = 0, n_gone = 0;
	int code = WARD_OK;

	m->text = m->text && a->what <= LOADED_TEXT && b->what <= LOADED_TEXT;
	m->differs = m->differs || a->n != b->n || a->what > LOADED_BINARY ||
		b->what > LOADED_BINARY || memcmp(a->s, b->s, a->n) != 0;
	if (!m->text)
		return WARD_OK;
	code = ward_diff_compare(a, b, &w->lines, &c);
	if (code == WARD_OK)
		ward_diff_count(&c, &n_new, &n_gone);
	ward_diff_compare_done(&c);
	m->text = code == WARD_OK;
	m->n_new += n_new;
	m->n_gone += n_gone;
	if (code == WARD_E_LIMIT)
		return WARD_OK;
	return code < 0 ? ward_fail(w->err, code, "no memory for the lines of a file") : code;
}

int ward_diff_measure(struct writer *w, const struct ward_change *c, struct measure *ret)
{
	struct content a = { .s = "" }, b = { .s = "" }, none = { .s = "" };
	int code = WARD_OK;

	*ret = (struct measure){ .text = true };
	if ((c->kind == WARD_CHANGE_MODIFIED || c->kind == WARD_CHANGE_RENAMED) && !c->content)
		return WARD_OK;
	if (ward_diff_has_content(c->was_mode))
		code = ward_diff_load(w, c->from ? c->from : c->path, false, c->was_mode, &a);
	if (code == WARD_OK && ward_diff_has_content(c->mode))
		code = ward_diff_load(w, c->path, true, c->mode, &b);
	if (code < 0 || b.busy) {
		code = code < 0 ? code : ward_layer_busy(w->err);
	} else if (c->kind == WARD_CHANGE_TYPE) {
		code = count(w, &a, &none, ret);
		if (code == WARD_OK)
			code = count(w, &none, &b, ret);
	} else {
		code = count(w, &a, &b, ret);
	}
	ward_diff_unload(&a);
	ward_diff_unload(&b);
	return code;
}

/* "dir/{old => new}/name", as git says a rename. */
static void rename_name(struct ward_buf *out, const char *from, const char *to)
{
	size_t a = strlen(from), b = strlen(to), lead = 0, tail = 0;
	WARD_CLEANUP(ward_buf_done) struct ward_buf x = WARD_BUF_INIT, y = WARD_BUF_INIT;
	bool quoted = ward_diff_name(&x, "", from);

	quoted = ward_diff_name(&y, "", to) || quoted;
	for (size_t i = 0; from[i] && from[i] == to[i]; i++) {
		if (from[i] == '/')
			lead = i + 1;
	}
	/* The slash that both share may count for either side, as git has it. */
	for (size_t i = 1; i + (lead ? lead - 1 : 0) <= a && i + (lead ? lead - 1 : 0) <= b &&
		from[a - i] == to[b - i];
		i++) {
		if (from[a - i] == '/')
			tail = i;
	}
	if (quoted || (lead == 0 && tail == 0)) {
		ward_buf_addf(out, "%s => %s", ward_buf_cstr(&x), ward_buf_cstr(&y));
		ward_buf_done(&y);
		return;
	}
	ward_buf_add(out, from, lead);
	ward_buf_addc(out, '{');
	ward_buf_add(out, from + lead, a > lead + tail ? a - lead - tail : 0);
	ward_buf_adds(out, " => ");
	ward_buf_add(out, to + lead, b > lead + tail ? b - lead - tail : 0);
	ward_buf_addc(out, '}');
	ward_buf_adds(out, from + a - tail);
	ward_buf_done(&y);
}

static size_t digits(size_t n)
{
	size_t d = 1;

	for (; n >= 10; n /= 10)
		d++;
	return d;
}

static int gather(struct writer *w, struct table *t)
{
	t->v = calloc(w->n + 1, sizeof(*t->v));
	if (t->v == NULL)
		return ward_fail(w->err, WARD_E_NOMEM, "no memory for the diff");
	for (size_t i = 0; i < w->n; i++) {
		const struct ward_change *c = w->v[i];
		struct row *r = &t->v[t->n];
		struct ward_buf name = WARD_BUF_INIT;
		size_t sum;
		int code;

		if (!ward_diff_told(w, i))
			continue;
		code = ward_diff_measure(w, c, &r->m);
		if (code < 0)
			return code;
		if (c->from)
			rename_name(&name, c->from, c->path);
		else
			(void)ward_diff_name(&name, "", c->path);
		if (S_ISDIR(c->mode ? c->mode : c->was_mode))
			ward_buf_addc(&name, '/');
		r->change = c;
		r->name = ward_buf_take(&name);
		if (r->name == NULL)
			return ward_fail(w->err, WARD_E_NOMEM, "no memory for the diff");
		t->n++;
		sum = r->m.text ? r->m.n_new + r->m.n_gone : 0;
		t->most = sum > t->most ? sum : t->most;
		t->widest = strlen(r->name) > t->widest ? strlen(r->name) : t->widest;
		t->binary = t->binary || !r->m.text;
		t->n_new += r->m.text ? r->m.n_new : 0;
		t->n_gone += r->m.text ? r->m.n_gone : 0;
	}
	return WARD_OK;
}

static size_t scale(size_t n, size_t width, size_t most)
{
	return n ? 1 + n * (width - 1) / most : 0;
}

static void bar(struct writer *w, char c, size_t n, enum colour colour)
{
	if (n == 0)
		return;
	ward_diff_colour(w, colour);
	while (n-- > 0)
		ward_buf_addc(w->out, c);
	ward_diff_reset(w, colour);
}

static void graph(struct writer *w, const struct table *t, const struct row *r, size_t width)
{
	size_t plus = r->m.n_new, minus = r->m.n_gone;

	if (width <= t->most && plus + minus > 0) {
		size_t total = scale(plus + minus, width, t->most);

		if (total < 2 && plus && minus)
			total = 2;
		if (plus < minus) {
			plus = scale(plus, width, t->most);
			minus = total - plus;
		} else {
			minus = scale(minus, width, t->most);
			plus = total - minus;
		}
	}
	bar(w, '+', plus, COLOUR_NEW);
	bar(w, '-', minus, COLOUR_OLD);
}

static void row(struct writer *w, const struct table *t, const struct row *r, size_t name_width,
	size_t number_width, size_t graph_width)
{
	size_t n = strlen(r->name);
	const char *name = r->name, *cut = "";

	if (n > name_width) {
		const char *slash;

		cut = "...";
		name += n - (name_width > 3 ? name_width - 3 : 0);
		slash = strchr(name, '/');
		name = slash ? slash : name;
	}
	n = strlen(name) + strlen(cut);
	ward_buf_addf(w->out, " %s%s%*s | ", cut, name, (int)(name_width > n ? name_width - n : 0),
		"");
	if (!r->m.text) {
		ward_buf_addf(w->out, "%*s", (int)number_width, "Bin");
		if (r->m.differs)
			ward_buf_addf(w->out, " %llu -> %llu bytes",
				(unsigned long long)r->change->was_size,
				(unsigned long long)r->change->size);
	} else {
		size_t sum = r->m.n_new + r->m.n_gone;

		ward_buf_addf(w->out, "%*zu%s", (int)number_width, sum, sum ? " " : "");
		graph(w, t, r, graph_width);
	}
	ward_buf_addc(w->out, '\n');
}

static void summary(struct writer *w, const struct table *t)
{
	ward_buf_addf(w->out, " %zu file%s changed", t->n, t->n == 1 ? "" : "s");
	if (t->n_new > 0 || t->n_gone == 0)
		ward_buf_addf(w->out, ", %zu insertion%s(+)", t->n_new, t->n_new == 1 ? "" : "s");
	if (t->n_gone > 0 || t->n_new == 0)
		ward_buf_addf(w->out, ", %zu deletion%s(-)", t->n_gone, t->n_gone == 1 ? "" : "s");
	ward_buf_addc(w->out, '\n');
}

int ward_diff_stat(struct writer *w)
{
	WARD_CLEANUP(table_done) struct table t = { .v = NULL };
	size_t number_width, graph_width, name_width;
	int code = gather(w, &t);

	if (code < 0 || t.n == 0)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
		return code;
	number_width = digits(t.most);
	if (t.binary && number_width < 3)
		number_width = 3;
	graph_width = t.most;
	name_width = t.widest;
	if (name_width + number_width + 6 + graph_width > COLUMNS) {
		if (graph_width > COLUMNS * 3 / 8 - number_width - 6)
			graph_width = COLUMNS * 3 / 8 - number_width - 6;
		if (graph_width < 6)
			graph_width = 6;
		if (name_width > COLUMNS - number_width - 6 - graph_width)
			name_width = COLUMNS - number_width - 6 - graph_width;
		else
			graph_width = COLUMNS - number_width - 6 - name_width;
	}
	for (size_t i = 0; i < t.n; i++)
		row(w, &t, &t.v[i], name_width, number_width, graph_width);
	summary(w, &t);
	return WARD_OK;
}
