/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles as policies. Cedar has no order, a list of rules has: the last one that matches decides. So a "!" becomes a forbid
 * that spares what a later rule gives back,
 *
 *	src/ **, !src/gen/ **, src/gen/keep.c   ->   permit src/ **; forbid src/gen/ ** unless src/gen/keep.c; permit src/gen/keep.c
 *
 * and a deny with exceptions the same. That this is the list, exactly: if the last match is positive, its permit matches, and
 * every "!" that matches stands before it and spares it; if it is a "!", nothing behind it matches, and it forbids.
 */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"
#include "policy/sugar/own.h"

struct job {
	struct ward_sources *to;
	const struct ward_profile *profile;
	const struct ward_sugar_host *host;
	struct ward_error *err;
	struct rules *known; /* lists are asked for once an action */
};

static enum ward_grammar grammar_of(const struct ward_doc_rule *r)
{
	return r->doc != NULL && r->doc->grammar == 2 ? WARD_GRAMMAR_2 : WARD_GRAMMAR_1;
}

/* A list, with what each rule is spared by: the same for every action. */
struct rules {
	const struct ward_doc_rules *l;
	const struct ward_pattern **patterns;
	const char **beginnings; /* the directory that all matches of a rule lie in; "": any */
	const char **spares; /* how its policy ends; NULL: not yet made */
	struct rules *next;
};

/* Two directories of which neither lies in the other have nothing in common. Cheap, and true of most pairs. */
static bool apart(const char *a, const char *b)
{
	size_t n = 0;

	if (a[0] == '\0' || b[0] == '\0')
		return false;
	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return !((a[n] == '\0' && (b[n] == '/' || b[n] == '\0')) || (b[n] == '\0' && a[n] == '/'));
}

static bool may_spare(const struct rules *r, size_t i, size_t k)
{
	const struct ward_doc_rule *v = r->l->v;

	return v[k].negated != v[i].negated && !apart(r->beginnings[i], r->beginnings[k]) &&
		ward_pattern_overlap(r->patterns[i], r->patterns[k]);
}

/* The rules behind i that give back what rule i takes: those that are of the other kind, and can match what it matches. */
static const char *spares(struct job *j, const struct rules *r, size_t i)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *ret = NULL;

	for (size_t k = i + 1; k < r->l->n; k++) {
		if (!may_spare(r, i, k))
			continue;
		ward_buf_adds(&b, b.n == 0 ? " unless { " : " || ");
		ward_sugar_resource(&b, r->patterns[k], grammar_of(&r->l->v[k]));
	}
	if (b.n > 0)
		ward_buf_adds(&b, " }");
	if (!b.failed)
		ret = ward_arena_dup(j->to->arena, ward_buf_cstr(&b), b.n);
	ward_buf_done(&b);
	return ret;
}

static void spare(struct job *j, struct ward_buf *out, const struct rules *r, size_t i)
{
	if (r->spares[i] == NULL)
		r->spares[i] = spares(j, r, i);
	if (r->spares[i] != NULL)
		ward_buf_adds(out, r->spares[i]);
	out->failed = out->failed || r->spares[i] == NULL;
}

/* Those of documents are compiled already; the profile that Ward makes itself has texts alone. */
static int pattern_of(struct job *j, const struct ward_doc_rule *rule,
	const struct ward_pattern **ret)
{
	struct ward_pattern_error bad;
	int code;

	*ret = rule->compiled;
	if (*ret != NULL)
		return WARD_OK;
	code = ward_pattern_compile(j->to->arena, ward_str(rule->pattern), grammar_of(rule), ret,
		&bad);
	if (code != WARD_OK) {
		(void)ward_pattern_fail(&bad, ward_str(rule->pattern), j->err);
		ward_fail_at(j->err, rule->origin.file, rule->origin.line, rule->origin.column);
	}
	return code;
}

static int fill(struct job *j, struct rules *r)
{
	char text[WARD_PATH_MAX];

	for (size_t i = 0; i < r->l->n; i++) {
		int code = pattern_of(j, &r->l->v[i], &r->patterns[i]);

		if (code != WARD_OK)
			return code;
		r->beginnings[i] = "";
		if (ward_pattern_prefix(r->patterns[i], text, sizeof(text)) == WARD_OK &&
			!ward_streq(text, "."))
			r->beginnings[i] = ward_arena_strdup(j->to->arena, text);
		if (r->beginnings[i] == NULL)
			return ward_fail(j->err, WARD_E_NOMEM, "no memory left for the policies");
	}
	return WARD_OK;
}

static int rules_of(struct job *j, const struct ward_doc_rules *l, struct rules **ret)
{
	struct ward_arena *a = j->to->arena;
	size_t n = l->n + 1;
	struct rules *r;
	int code;

	for (r = j->known; r != NULL; r = r->next) {
		*ret = r;
		if (r->l->v == l->v && r->l->n == l->n)
			return WARD_OK;
	}
	*ret = r = ward_arena_alloc(a, sizeof(*r));
	if (r != NULL) {
		*r = (struct rules){ .l = l, .next = j->known };
		r->patterns = ward_arena_alloc(a, n * sizeof(*r->patterns));
		r->beginnings = ward_arena_alloc(a, n * sizeof(*r->beginnings));
		r->spares = ward_arena_alloc(a, n * sizeof(*r->spares));
	}
	if (r == NULL || r->patterns == NULL || r->beginnings == NULL || r->spares == NULL)
		return ward_fail(j->err, WARD_E_NOMEM, "no memory left for the policies");
	code = fill(j, r);
	if (code == WARD_OK)
		j->known = r;
	return code;
}

static const char *const op_actions[WARD_DOC_OP_MAX] = { "fs.read", "fs.write" };

/* takes: which of the rules forbid, those with "!" or those without; the others spare, and permit where permits is set. */
static int list(struct job *j, struct ward_buf *out, const struct ward_doc_rules *l,
	enum ward_doc_op op, bool takes, bool permits)
{
	struct rules *r;
	int code = rules_of(j, l, &r);

	for (size_t i = 0; code == WARD_OK && i < l->n; i++) {
		const struct ward_doc_rule *rule = &l->v[i];
		bool forbids = rule->negated == takes;

		if (!forbids && !permits)
			continue;
		ward_sugar_head(out, &rule->origin, rule->text);
		ward_buf_addf(out, "%s (principal, action == Ward::Action::\"%s\", ",
			forbids ? "forbid" : "permit", op_actions[op]);
		ward_sugar_resource(out, r->patterns[i], grammar_of(rule));
		ward_buf_adds(out, ")");
		if (forbids)
			spare(j, out, r, i);
		ward_buf_adds(out, ";\n\n");
	}
	return code;
}

static bool believed(const struct job *j, enum ward_layer layer)
{
	return layer != WARD_LAYER_REPOSITORY || (j->host != NULL && j->host->repository_grants);
}

static int add(struct job *j, struct ward_buf *text, enum ward_layer layer, bool narrows,
	unsigned number)
{
	struct ward_source src = { .name = "profile",
		.layer = layer,
		.narrows = narrows || !believed(j, layer),
		.list = number,
		.generated = true };
	int r = WARD_OK;

	if (text->failed)
		r = ward_fail(j->err, WARD_E_NOMEM, "no memory left for the policies");
	src.text = (struct ward_str){ ward_buf_cstr(text), text->n };
	if (r == WARD_OK)
		r = ward_sources_add(j->to, &src, j->err);
	ward_buf_clear(text);
	return r;
}

/* A profile is about the workspace: a list that narrows says nothing of what lies outside. */
static void outside(struct job *j, struct ward_buf *out, enum ward_doc_op op)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "profile %.128s is about the workspace",
		j->profile->name);
	ward_sugar_head(out, &j->profile->origin, text);
	ward_buf_addf(out,
		"permit (principal, action == Ward::Action::\"%s\", resource) unless { resource in Ward::Path::\"./\" };\n\n",
		op_actions[op]);
}

static int operation(struct job *j, struct ward_buf *text, enum ward_doc_op op)
{
	const struct ward_profile_op *o = &j->profile->op[op];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < o->n_parts; i++) {
		const struct ward_profile_list *p = &o->parts[i];

		r = list(j, text, &p->rules, op, true, true);
		if (i > 0 || !believed(j, p->layer))
			outside(j, text, op);
		if (r == WARD_OK)
			r = add(j, text, o->parts[i].layer, i > 0, (unsigned)i);
	}
	for (size_t i = 0; r == WARD_OK && i < o->n_denies; i++) {
		r = list(j, text, &o->denies[i].rules, op, false, false);
		if (r == WARD_OK)
			r = add(j, text, o->denies[i].layer, true, (unsigned)(o->n_parts + i));
	}
	return r;
}

/* ---- programs and variables ---- */

/* reads: the file of what is allowed may be read as well. */
static int program(struct job *j, struct ward_buf *out, const struct ward_doc_rule *r, bool allow,
	bool reads)
{
	const char *found = ward_sugar_find(j->host, j->to->arena, r->pattern, &r->origin,
		allow ? j->err : NULL);

	/* What is not there need not be denied. */
	if (found == NULL && !allow)
		return WARD_OK;
	if (found == NULL)
		return WARD_E_NOTFOUND;
	ward_sugar_head(out, &r->origin, r->text);
	ward_buf_addf(out, "%s (principal, action in Ward::Action::\"run_programs\", ",
		allow ? "permit" : "forbid");
	if (ward_streq(found, "*"))
		ward_buf_adds(out, "resource");
	else
		ward_sugar_program(out, found);
	ward_buf_adds(out, ");\n\n");
	if (!reads || ward_streq(found, "*"))
		return WARD_OK;
	ward_sugar_head(out, &r->origin, r->text);
	ward_buf_adds(out, "permit (principal, action == Ward::Action::\"fs.read\", ");
	ward_sugar_program(out, found);
	ward_buf_adds(out, ");\n\n");
	return WARD_OK;
}

/* Lists are asked about what they speak of, and an empty one speaks of nothing. But nothing is what it gives. */
static void no_programs(struct job *j, struct ward_buf *out)
{
	ward_sugar_head(out, &j->profile->origin, "no allowExec");
	ward_buf_adds(out,
		"forbid (principal, action in Ward::Action::\"run_programs\", resource);\n\n");
}

static int programs(struct job *j, struct ward_buf *text)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < j->profile->n_exec; i++) {
		const struct ward_profile_exec *x = &j->profile->exec[i];

		for (size_t k = 0; r == WARD_OK && k < x->allow.n; k++)
			r = program(j, text, &x->allow.v[k], true, i == 0 && believed(j, x->layer));
		for (size_t k = 0; r == WARD_OK && k < x->deny.n; k++)
			r = program(j, text, &x->deny.v[k], false, false);
		if (x->allow.n == 0 && (i > 0 || !believed(j, x->layer)))
			no_programs(j, text);
		if (r == WARD_OK)
			r = add(j, text, x->layer, i > 0, (unsigned)i);
	}
	return r;
}

/* They only grant: what a person names on the command line is the person's own. */
static int variables(struct job *j, struct ward_buf *text)
{
	const struct ward_doc_rules *l = &j->profile->env;
	enum ward_layer layer =
		l->n > 0 && l->v[0].doc != NULL ? l->v[0].doc->layer : WARD_LAYER_REPOSITORY;

	if (l->n == 0 || !believed(j, layer))
		return WARD_OK;
	for (size_t i = 0; i < l->n; i++) {
		if (strchr(l->v[i].pattern, '=') != NULL)
			continue;
		ward_sugar_head(text, &l->v[i].origin, l->v[i].text);
		ward_buf_adds(text,
			"permit (principal, action == Ward::Action::\"env.read\", resource == ");
		ward_sugar_uid(text, "Variable", l->v[i].pattern);
		ward_buf_adds(text, ");\n\n");
	}
	return add(j, text, layer, false, 0);
}

int ward_sugar_profile(struct ward_sources *to, const struct ward_profile *p,
	const struct ward_sugar_host *host, struct ward_error *err)
{
	struct job j = { .to = to, .profile = p, .host = host, .err = err };
	struct ward_buf text = WARD_BUF_INIT;
	int r = operation(&j, &text, WARD_DOC_READ);

	if (r == WARD_OK)
		r = operation(&j, &text, WARD_DOC_MODIFY);
	if (r == WARD_OK)
		r = programs(&j, &text);
	if (r == WARD_OK)
		r = variables(&j, &text);
	ward_buf_done(&text);
	return r;
}

int ward_sugar_denies(struct ward_sources *to, const struct ward_docs *docs, struct ward_error *err)
{
	struct job j = { .to = to, .err = err };
	struct ward_buf text = WARD_BUF_INIT;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_docs_count(docs); i++) {
		const struct ward_doc *doc = ward_docs_get(docs, i);

		r = list(&j, &text, &doc->deny[WARD_DOC_READ], WARD_DOC_READ, false, false);
		/* What is not readable is not modifiable. */
		if (r == WARD_OK)
			r = list(&j, &text, &doc->deny[WARD_DOC_READ], WARD_DOC_MODIFY, false,
				false);
		if (r == WARD_OK)
			r = list(&j, &text, &doc->deny[WARD_DOC_MODIFY], WARD_DOC_MODIFY, false,
				false);
		if (r == WARD_OK)
			r = add(&j, &text, doc->layer, true, 0);
	}
	ward_buf_done(&text);
	return r;
}
