/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person has to be asked before a start. A rule with @approval is one question, whatever number of names it was met at; all
 * that it would give is in the question, and its digest names exactly that: a yes to less is no yes to more. The same request
 * gives the same list, so that it can be shown (ward plan), asked, and answered from somewhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "decide/decide.h"

const char *ward_said_name(enum ward_said a)
{
	static const char *const names[] = { "open", "no", "once", "run" };

	return (unsigned)a < WARD_ARRAY_SIZE(names) ? names[a] : "no";
}

static int nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "no memory for what a person is asked");
}

/* ---- a look begins ---- */

static void argv_digest(char *const *argv, char out[WARD_SHA256_HEX])
{
	struct ward_sha256 c;
	uint8_t sum[WARD_SHA256_SIZE];

	ward_sha256_init(&c);
	for (size_t i = 0; argv && argv[i]; i++)
		ward_sha256_update(&c, argv[i], strlen(argv[i]) + 1);
	ward_sha256_final(&c, sum);
	ward_hex(sum, sizeof(sum), out);
}

static bool same_circumstances(const struct ward_asks *a, const char *workspace,
	const char *argv_sha256, const char *policy_sha256)
{
	return ward_streq(a->workspace, workspace) && ward_streq(a->argv_sha256, argv_sha256) &&
		ward_streq(a->policy_sha256, policy_sha256);
}

int ward_asks_begin(struct ward_asks *a, const char *workspace, char *const *argv,
	const char *policy_sha256, struct ward_error *err)
{
	char hash[WARD_SHA256_HEX];
	size_t kept = 0;

	argv_digest(argv, hash);
	if (!same_circumstances(a, workspace, hash, policy_sha256)) {
		a->n = 0;
		a->workspace = ward_arena_strdup(a->arena, workspace);
		if (!a->workspace || strlen(policy_sha256) >= sizeof(a->policy_sha256))
			return nomem(err);
		memcpy(a->argv_sha256, hash, sizeof(hash));
		memcpy(a->policy_sha256, policy_sha256, strlen(policy_sha256) + 1);
	}
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].answer != WARD_SAID_OPEN)
			a->v[kept++] = a->v[i];
	}
	a->n = kept;
	return WARD_OK;
}

/* ---- one question more ---- */

/* The rule that wants a person: of those that grant, the first that asks for as much as the verdict does. */
static const struct ward_book_rule *asking(const struct ward_verdict *v)
{
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		if (v->rules[i]->approval == v->approval && !v->rules[i]->forbids)
			return v->rules[i];
	}
	return v->n_rules > 0 ? v->rules[0] : NULL;
}

static bool of_rule(const struct ward_asked *k, const struct ward_book_rule *r,
	enum ward_approval level)
{
	return k->layer == r->layer && k->level == level && k->line == r->line &&
		k->column == r->column && ward_streq(k->id, r->id) &&
		ward_streq(k->file, r->file) &&
		ward_streq(k->text, r->text); /* another rule may stand in its place by now */
}

/* What a query is about, as a thing that nothing was allocated for. */
struct about {
	enum ward_action action;
	struct ward_str name;
	bool below;
};

static bool has(const struct ward_asked *k, const struct about *t)
{
	for (size_t i = 0; i < k->n_things; i++) {
		const char *s = k->things[i].resource;

		if (k->things[i].action == t->action && k->things[i].below == t->below &&
			strlen(s) == t->name.n && memcmp(s, t->name.s, t->name.n) == 0)
			return true;
	}
	return false;
}

static void *grow(struct ward_arena *arena, void *v, size_t n, size_t *io_cap, size_t size)
{
	size_t cap = *io_cap ? *io_cap * 2 : 8;
	void *to;

	if (n < *io_cap)
		return v;
	to = ward_arena_alloc(arena, cap * size);
	if (!to)
		return NULL;
	if (n > 0)
		memcpy(to, v, n * size);
	*io_cap = cap;
	return to;
}

/* A probe of a directory stands for all that lies in it. */
static struct about about(const struct ward_query *q)
{
	struct about t = { .action = q->action, .name = q->resource };

	if (q->any)
		t.name.n = ward_path_known(q->resource);
	t.below = t.name.n < q->resource.n;
	if (t.below && t.name.n == 0)
		t.name = ward_str("/");
	return t;
}

static int copy_text(struct ward_asks *a, const char *s, const char **ret)
{
	*ret = s ? ward_arena_strdup(a->arena, s) : NULL;
	return s && !*ret ? WARD_E_NOMEM : WARD_OK;
}

static int new_ask(struct ward_asks *a, const struct ward_book_rule *r, enum ward_approval level,
	struct ward_asked **ret, struct ward_error *err)
{
	struct ward_asked *v, *k;

	if (a->n >= WARD_ASKS_MAX)
		return ward_fail(err, WARD_E_LIMIT,
			"more than %u rules would have to be asked about", WARD_ASKS_MAX);
	v = grow(a->arena, a->v, a->n, &a->cap, sizeof(*v));
	if (!v)
		return nomem(err);
	a->v = v;
	k = &v[a->n];
	*k = (struct ward_asked){
		.line = r->line, .column = r->column, .layer = r->layer, .level = level
	};
	if (copy_text(a, r->id, &k->id) < 0 || copy_text(a, r->file, &k->file) < 0 ||
		copy_text(a, r->text, &k->text) < 0 || copy_text(a, r->reason, &k->reason) < 0)
		return nomem(err);
	a->n++;
	*ret = k;
	return WARD_OK;
}

static int add_thing(struct ward_asks *a, struct ward_asked *k, const struct about *t,
	struct ward_error *err)
{
	struct ward_ask_thing *v;
	const char *name;

	if (k->n_things >= WARD_ASK_THINGS_MAX)
		return ward_fail(err, WARD_E_LIMIT,
			"one rule would have to be asked about at more than %u names",
			WARD_ASK_THINGS_MAX);
	v = grow(a->arena, k->things, k->n_things, &k->cap_things, sizeof(*v));
	if (!v)
		return nomem(err);
	k->things = v;
	name = ward_arena_dup(a->arena, t->name.s, t->name.n);
	if (!name)
		return nomem(err);
	v[k->n_things++] = (struct ward_ask_thing){ t->action, name, t->below };
	return WARD_OK;
}

int ward_asks_put(struct ward_asks *a, const struct ward_verdict *v, const struct ward_query *q,
	bool agreed, enum ward_said *ret, struct ward_error *err)
{
	const struct ward_book_rule *rule = asking(v);
	const struct about t = about(q);
	struct ward_asked *open = NULL;
	int r = WARD_OK;

	*ret = WARD_SAID_NO;
	if (!rule || v->effect != WARD_ASK)
		return WARD_OK;
	for (size_t i = 0; i < a->n; i++) {
		struct ward_asked *k = &a->v[i];

		if (!of_rule(k, rule, v->approval))
			continue;
		if (k->answer == WARD_SAID_OPEN) {
			open = k;
		} else if (k->answer == WARD_SAID_RUN || has(k, &t)) {
			*ret = k->answer;
			return WARD_OK;
		}
	}
	if (!open)
		r = new_ask(a, rule, v->approval, &open, err);
	if (!open)
		return r < 0 ? r : nomem(err);
	if (r == WARD_OK && !has(open, &t))
		r = add_thing(a, open, &t, err);
	if (r < 0)
		return r;
	open->agreed = agreed;
	*ret = WARD_SAID_OPEN;
	return WARD_OK;
}

/* ---- the list ---- */

static int text_order(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int thing_order(const void *pa, const void *pb)
{
	const struct ward_ask_thing *a = pa, *b = pb;

	if (a->action != b->action)
		return a->action < b->action ? -1 : 1;
	if (a->below != b->below)
		return a->below ? 1 : -1;
	return strcmp(a->resource, b->resource);
}

static int ask_order(const void *pa, const void *pb)
{
	const struct ward_asked *a = pa, *b = pb;
	int r = text_order(a->file, b->file);

	if (r == 0)
		r = a->line != b->line ? (a->line < b->line ? -1 : 1) : 0;
	if (r == 0)
		r = a->column != b->column ? (a->column < b->column ? -1 : 1) : 0;
	if (r == 0)
		r = text_order(a->id, b->id);
	if (r == 0)
		r = a->level != b->level ? (a->level < b->level ? -1 : 1) : 0;
	/* Of one rule: what was answered before what is open. */
	return r == 0 ? strcmp(a->digest, b->digest) : r;
}

static void things_json(const struct ward_asked *k, size_t max, struct ward_buf *out)
{
	ward_jw_key(out, "things");
	ward_jw_open(out, '[');
	for (size_t i = 0; i < k->n_things && i < max; i++) {
		const struct ward_ask_thing *t = &k->things[i];

		ward_jw_open(out, '{');
		ward_jw_kstr(out, "action", ward_action_name(t->action));
		ward_jw_kstr(out, "resource", t->resource);
		ward_jw_kbool(out, "below", t->below);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, ']');
}

static void rule_json(const struct ward_asked *k, struct ward_buf *out)
{
	ward_jw_key(out, "rule");
	ward_jw_open(out, '{');
	if (k->id)
		ward_jw_kstr(out, "id", k->id);
	ward_jw_kstr(out, "file", k->file);
	ward_jw_ku64(out, "line", k->line);
	ward_jw_ku64(out, "column", k->column);
	ward_jw_kstr(out, "layer", ward_layer_name(k->layer));
	ward_jw_close(out, '}');
}

void ward_asked_json(const struct ward_asked *k, size_t things_max, struct ward_buf *out)
{
	ward_jw_open(out, '{');
	ward_jw_kstr(out, "digest", k->digest);
	ward_jw_kstr(out, "level", ward_approval_name(k->level));
	rule_json(k, out);
	if (k->reason)
		ward_jw_kstr(out, "reason", k->reason);
	things_json(k, things_max, out);
	ward_jw_ku64(out, "things_total", k->n_things);
	ward_jw_close(out, '}');
}

/*
 * Names are bytes, and a text of JSON is not: two names that differ only in what is no UTF-8 would have one digest. So what is hashed
 * has the digest of the bytes themselves beside it.
 */
static int name_it(const struct ward_asks *a, struct ward_asked *k, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_sha256 c;
	uint8_t sum[WARD_SHA256_SIZE];

	ward_sha256_init(&c);
	for (size_t i = 0; i < k->n_things; i++)
		ward_sha256_update(&c, k->things[i].resource, strlen(k->things[i].resource) + 1);
	ward_sha256_final(&c, sum);
	ward_jw_open(&b, '{');
	ward_jw_ku64(&b, "v", 1);
	ward_jw_kstr(&b, "workspace", a->workspace);
	ward_jw_kstr(&b, "policy_sha256", a->policy_sha256);
	ward_jw_kstr(&b, "argv_sha256", a->argv_sha256);
	ward_jw_kstr(&b, "level", ward_approval_name(k->level));
	rule_json(k, &b);
	things_json(k, k->n_things, &b);
	ward_hex(sum, sizeof(sum), k->digest);
	ward_jw_kstr(&b, "names_sha256", k->digest);
	ward_jw_close(&b, '}');
	if (b.failed) {
		k->digest[0] = '\0';
		return nomem(err);
	}
	ward_sha256_hex(b.s, b.n, k->digest);
	return WARD_OK;
}

int ward_asks_finish(struct ward_asks *a, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < a->n; i++) {
		struct ward_asked *k = &a->v[i];

		if (k->answer != WARD_SAID_OPEN)
			continue;
		if (k->n_things > 0)
			qsort(k->things, k->n_things, sizeof(*k->things), thing_order);
		r = name_it(a, k, err);
	}
	if (r == WARD_OK && a->n > 0)
		qsort(a->v, a->n, sizeof(*a->v), ask_order);
	return r;
}

size_t ward_asks_open(const struct ward_asks *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->v[i].answer == WARD_SAID_OPEN && !a->v[i].agreed;
	return n;
}

bool ward_asks_agreed(const struct ward_asks *a, const struct ward_verdict *v)
{
	const struct ward_book_rule *rule = asking(v);

	for (size_t i = 0; rule && i < a->n; i++) {
		const struct ward_asked *k = &a->v[i];

		if (of_rule(k, rule, v->approval) &&
			(k->agreed || k->answer == WARD_SAID_ONCE || k->answer == WARD_SAID_RUN))
			return true;
	}
	return false;
}

int ward_asks_one(struct ward_asks *a, const struct ward_verdict *v, const struct ward_query *q,
	bool begin, struct ward_asked **ret, struct ward_error *err)
{
	const struct ward_book_rule *rule = asking(v);
	const struct about t = about(q);
	struct ward_asked *k = NULL;
	int r;

	*ret = NULL;
	if (!rule || v->effect != WARD_ASK)
		return WARD_OK;
	for (size_t i = 0; i < a->n; i++) {
		k = &a->v[i];
		if (of_rule(k, rule, v->approval) && (k->answer == WARD_SAID_RUN || has(k, &t))) {
			*ret = k;
			return WARD_OK;
		}
	}
	if (!begin)
		return WARD_OK;
	k = NULL;
	r = new_ask(a, rule, v->approval, &k, err);
	if (r < 0 || !k)
		return r;
	r = add_thing(a, k, &t, err);
	if (r == WARD_OK)
		r = name_it(a, k, err);
	if (r == WARD_OK)
		*ret = k;
	else
		a->n--;
	return r;
}
