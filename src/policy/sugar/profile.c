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
	struct ward_source_rule *v; /* of the source at hand, in to's arena */
	size_t n, cap;
};

static int no_memory(struct job *j)
{
	return ward_fail(j->err, WARD_E_NOMEM, "no memory left for the policies");
}

static enum ward_grammar grammar_of(const struct ward_doc_rule *r)
{
	return r->doc != NULL && r->doc->grammar == 2 ? WARD_GRAMMAR_2 : WARD_GRAMMAR_1;
}

/* A list, with what each rule is spared by: the same for every action. */
struct rules {
	const struct ward_doc_rules *l;
	const struct ward_pattern **patterns;
	const char **beginnings; /* the directory that all matches of a rule lie in; "": any */
	char *endings; /* the last byte of all its matches; NUL: any */
	struct ward_source_place *places;
	struct spared {
		const struct ward_source_place *v; /* NULL: not yet looked for */
		size_t n;
	} * spared;
	struct ward_source_place *found; /* room for as many as there are rules */
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

	return v[k].negated != v[i].negated &&
		(r->endings[i] == '\0' || r->endings[k] == '\0' ||
			r->endings[i] == r->endings[k]) &&
		!apart(r->beginnings[i], r->beginnings[k]) &&
		ward_pattern_overlap(r->patterns[i], r->patterns[k]);
}

/* The rules behind i that give back what rule i takes: those that are of the other kind, and can match what it matches. */
static bool find_spared(struct job *j, struct rules *r, size_t i)
{
	struct spared *to = &r->spared[i];
	struct ward_source_place *v;
	size_t n = 0;

	for (size_t k = i + 1; k < r->l->n; k++) {
		if (may_spare(r, i, k))
			r->found[n++] = r->places[k];
	}
	v = ward_arena_alloc(j->to->arena, (n + 1) * sizeof(*v));
	if (v == NULL)
		return false;
	if (n > 0)
		memcpy(v, r->found, n * sizeof(*v));
	*to = (struct spared){ v, n };
	return true;
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

static int too_long(struct job *j, const struct ward_doc_rule *rule)
{
	int code = ward_fail(j->err, WARD_E_LIMIT,
		"a pattern is too long, with a backslash before each of [ ] { }");

	ward_fail_fix(j->err, "write a shorter one, with * for what may be anything");
	ward_fail_at(j->err, rule->origin.file, rule->origin.line, rule->origin.column);
	return code;
}

static int fill(struct job *j, struct rules *r)
{
	WARD_UNSET char text[WARD_PATH_MAX];

	for (size_t i = 0; i < r->l->n; i++) {
		int code = pattern_of(j, &r->l->v[i], &r->patterns[i]);

		if (code != WARD_OK)
			return code;
		r->beginnings[i] = "";
		r->endings[i] = ward_pattern_ending(r->patterns[i]);
		if (ward_pattern_prefix(r->patterns[i], text, sizeof(text)) == WARD_OK &&
			!ward_streq(text, "."))
			r->beginnings[i] = ward_arena_strdup(j->to->arena, text);
		if (r->beginnings[i] == NULL ||
			!ward_sugar_place(j->to->arena, r->patterns[i], grammar_of(&r->l->v[i]),
				&r->places[i]))
			return no_memory(j);
		if (ward_sugar_is_long(&r->places[i]))
			return too_long(j, &r->l->v[i]);
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
		r->endings = ward_arena_alloc(a, n);
		r->places = ward_arena_alloc(a, n * sizeof(*r->places));
		r->spared = ward_arena_alloc(a, n * sizeof(*r->spared));
		r->found = ward_arena_alloc(a, n * sizeof(*r->found));
	}
	if (r == NULL || r->patterns == NULL || r->beginnings == NULL || r->endings == NULL ||
		r->places == NULL || r->spared == NULL || r->found == NULL)
		return no_memory(j);
	code = fill(j, r);
	if (code == WARD_OK)
		j->known = r;
	return code;
}

static const enum ward_action op_actions[WARD_DOC_OP_MAX] = { WARD_ACT_FS_READ, WARD_ACT_FS_WRITE };

static int put(struct job *j, const struct ward_source_rule *rule)
{
	if (j->n == j->cap) {
		size_t cap = j->cap > 0 ? j->cap * 2 : 64;
		struct ward_source_rule *v = ward_arena_alloc(j->to->arena, cap * sizeof(*v));

		if (v == NULL)
			return no_memory(j);
		if (j->n > 0)
			memcpy(v, j->v, j->n * sizeof(*v));
		j->v = v;
		j->cap = cap;
	}
	j->v[j->n++] = *rule;
	return WARD_OK;
}

/* takes: which of the rules forbid, those with "!" or those without; the others spare, and permit where permits is set. */
static int list(struct job *j, const struct ward_doc_rules *l, enum ward_doc_op op, bool takes,
	bool permits)
{
	struct rules *r;
	int code = rules_of(j, l, &r);

	for (size_t i = 0; code == WARD_OK && i < l->n; i++) {
		const struct ward_doc_rule *rule = &l->v[i];
		struct ward_source_rule to = { .file = rule->origin.file,
			.line = rule->origin.line,
			.column = rule->origin.column,
			.text = rule->text,
			.action = op_actions[op],
			.forbids = rule->negated == takes,
			.place = &r->places[i] };

		if (!to.forbids && !permits)
			continue;
		if (to.forbids && r->spared[i].v == NULL && !find_spared(j, r, i))
			return no_memory(j);
		if (to.forbids) {
			to.spared = r->spared[i].v;
			to.n_spared = r->spared[i].n;
		}
		code = put(j, &to);
	}
	return code;
}

static bool believed(const struct job *j, enum ward_layer layer)
{
	return layer != WARD_LAYER_REPOSITORY || (j->host != NULL && j->host->repository_grants);
}

static int add(struct job *j, const struct ward_source *what, enum ward_layer layer, bool narrows,
	unsigned number)
{
	struct ward_source src = *what;

	src.name = "profile";
	src.layer = layer;
	src.narrows = narrows || !believed(j, layer);
	src.list = number;
	src.generated = true;
	return ward_sources_add(j->to, &src, j->err);
}

static int add_rules(struct job *j, enum ward_layer layer, bool narrows, unsigned number)
{
	struct ward_source src = { .rules = j->v, .n_rules = j->n };

	j->v = NULL;
	j->n = j->cap = 0;
	return add(j, &src, layer, narrows, number);
}

static int add_text(struct job *j, struct ward_buf *text, enum ward_layer layer, bool narrows,
	unsigned number)
{
	struct ward_source src = { .text = { ward_buf_cstr(text), text->n } };
	int r = text->failed ? no_memory(j) : add(j, &src, layer, narrows, number);

	ward_buf_clear(text);
	return r;
}

/* A profile is about the workspace: a list that narrows says nothing of what lies outside. */
static int outside(struct job *j, const struct ward_origin *o, enum ward_doc_op op)
{
	static const struct ward_source_place workspace = { .id = "./", .in = true };
	/* The profile that nobody wrote stands nowhere. */
	struct ward_source_rule rule = { .file = o->file != NULL ? o->file : "builtin",
		.line = o->line,
		.column = o->column,
		.action = op_actions[op],
		.spared = &workspace,
		.n_spared = 1 };

	rule.text = ward_arena_printf(j->to->arena, "profile %.128s is about the workspace",
		j->profile->name);
	return rule.text != NULL ? put(j, &rule) : no_memory(j);
}

static int operation(struct job *j, enum ward_doc_op op)
{
	const struct ward_profile_op *o = &j->profile->op[op];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < o->n_parts; i++) {
		const struct ward_profile_list *p = &o->parts[i];

		r = list(j, &p->rules, op, true, true);
		if (r == WARD_OK && (i > 0 || !believed(j, p->layer)))
			r = outside(j, &p->origin, op);
		if (r == WARD_OK)
			r = add_rules(j, o->parts[i].layer, i > 0, (unsigned)i);
	}
	for (size_t i = 0; r == WARD_OK && i < o->n_denies; i++) {
		r = list(j, &o->denies[i].rules, op, false, false);
		if (r == WARD_OK)
			r = add_rules(j, o->denies[i].layer, true, (unsigned)(o->n_parts + i));
	}
	return r;
}

/* ---- programs and variables ---- */

static void one_program(struct ward_buf *out, const struct ward_doc_rule *r, const char *found,
	const char *scope)
{
	ward_sugar_head(out, &r->origin, r->text);
	ward_buf_adds(out, scope);
	if (ward_streq(found, "*"))
		ward_buf_adds(out, "resource");
	else
		ward_sugar_program(out, found);
	ward_buf_adds(out, ");\n\n");
}

/* reads: its file may be read as well. */
static int allowed(struct job *j, struct ward_buf *out, const struct ward_doc_rule *r, bool reads)
{
	const char *found = ward_sugar_find(j->host, j->to->arena, r->pattern, &r->origin, j->err);

	if (found == NULL)
		return WARD_E_NOTFOUND;
	one_program(out, r, found, "permit (principal, action in Ward::Action::\"run_programs\", ");
	if (reads && !ward_streq(found, "*"))
		one_program(out, r, found,
			"permit (principal, action == Ward::Action::\"fs.read\", ");
	return WARD_OK;
}

/* "git push" where there is a git: whoever wrote it believes that something is denied. A name may have a blank in it, too. */
static int with_arguments(struct job *j, const struct ward_doc_rule *r)
{
	const char *word = ward_sugar_program_word(j->host, j->to->arena, r->pattern);

	if (word == NULL)
		return WARD_OK;
	(void)ward_fail(j->err, WARD_E_INVALID,
		"denyExec \"%.64s\" takes nothing away: there is no program of that name on the PATH",
		r->pattern);
	ward_fail_at(j->err, r->origin.file, r->origin.line, r->origin.column);
	ward_fail_fix(j->err,
		"a program is denied with whatever arguments: write \"%s\", or its whole path",
		word);
	return WARD_E_INVALID;
}

static int denied(struct job *j, struct ward_buf *out, const struct ward_doc_rule *r)
{
	const char *const *found;
	int code = ward_sugar_find_all(j->host, j->to->arena, r->pattern, &found, j->err);

	if (code != WARD_OK)
		return code;
	if (found[0] == NULL && (code = with_arguments(j, r)) != WARD_OK)
		return code;
	/* What is not there need not be denied; but whoever wrote it may believe that something is. */
	if (found[0] == NULL && j->host != NULL && j->host->in_vain != NULL)
		return j->host->in_vain(r->pattern, &r->origin, j->host->arg, j->err);
	for (; *found != NULL; found++)
		one_program(out, r, *found,
			"forbid (principal, action in Ward::Action::\"run_programs\", ");
	return WARD_OK;
}

/* Lists are asked about what they speak of, and an empty one speaks of nothing. But nothing is what it gives. */
static void no_programs(const struct ward_origin *o, struct ward_buf *out)
{
	ward_sugar_head(out, o, "no allowExec");
	ward_buf_adds(out,
		"forbid (principal, action in Ward::Action::\"run_programs\", resource);\n\n");
}

static int programs(struct job *j, struct ward_buf *text)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < j->profile->n_exec; i++) {
		const struct ward_profile_exec *x = &j->profile->exec[i];

		for (size_t k = 0; r == WARD_OK && k < x->allow.n; k++)
			r = allowed(j, text, &x->allow.v[k], i == 0 && believed(j, x->layer));
		for (size_t k = 0; r == WARD_OK && k < x->deny.n; k++)
			r = denied(j, text, &x->deny.v[k]);
		if (x->allow.n == 0 && (i > 0 || !believed(j, x->layer)))
			no_programs(&x->origin, text);
		if (r == WARD_OK)
			r = add_text(j, text, x->layer, i > 0, (unsigned)i);
	}
	return r;
}

/* ---- the network ---- */

static void every_endpoint(struct ward_buf *out, const struct ward_origin *o, const char *text,
	bool permits)
{
	ward_sugar_head(out, o, text);
	ward_buf_addf(out, "%s (principal, action == Ward::Action::\"net.connect\", resource);\n\n",
		permits ? "permit" : "forbid");
}

static int endpoints(struct job *j, struct ward_buf *out, const struct ward_doc_rules *l,
	bool denies)
{
	const struct ward_sugar_grant grant = { .denies = denies };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < l->n; i++) {
		struct ward_cap cap = { .type = WARD_CAP_NETWORK_CONNECT,
			.resource = l->v[i].pattern,
			.origin = l->v[i].origin,
			.denied = denies };

		r = ward_sugar_cap(out, j->to->arena, &cap, &grant, j->host, j->err);
	}
	return r;
}

/*
 * deny-all forbids, as the modes without a network do: no option lifts it. Open is a permit of every endpoint, which means no inner
 * address. A list that narrows and has no permit would say nothing (see no_programs).
 */
static int one_network(struct job *j, struct ward_buf *out, const struct ward_profile_network *x,
	bool narrows)
{
	bool said = x->said.origin.line > 0, mode = x->said.mode_origin.line > 0;
	const struct ward_origin *o = !said ? &x->origin
		: mode                      ? &x->said.mode_origin
					    : &x->said.origin;
	int r = WARD_OK;

	if (x->said.mode == WARD_DOC_NET_DENY_ALL && (said || narrows))
		every_endpoint(out, o, said ? "network: deny-all" : "no network", false);
	if (x->said.mode == WARD_DOC_NET_ALLOW && x->allow.n == 0 && narrows)
		every_endpoint(out, o, "network: allow, and nothing to allow", false);
	if (x->said.mode == WARD_DOC_NET_OPEN)
		every_endpoint(out, o, "network: open", true);
	if (x->said.mode != WARD_DOC_NET_DENY_ALL)
		r = endpoints(j, out, &x->allow, false);
	return r == WARD_OK ? endpoints(j, out, &x->deny, true) : r;
}

static int network(struct job *j, struct ward_buf *text)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < j->profile->n_network; i++) {
		const struct ward_profile_network *x = &j->profile->network[i];

		r = one_network(j, text, x, i > 0 || !believed(j, x->layer));
		if (r == WARD_OK)
			r = add_text(j, text, x->layer, i > 0, (unsigned)i);
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
	return add_text(j, text, layer, false, 0);
}

int ward_sugar_profile(struct ward_sources *to, const struct ward_profile *p,
	const struct ward_sugar_host *host, struct ward_error *err)
{
	struct job j = { .to = to, .profile = p, .host = host, .err = err };
	struct ward_buf text = WARD_BUF_INIT;
	int r = operation(&j, WARD_DOC_READ);

	if (r == WARD_OK)
		r = operation(&j, WARD_DOC_MODIFY);
	if (r == WARD_OK)
		r = programs(&j, &text);
	if (r == WARD_OK)
		r = network(&j, &text);
	if (r == WARD_OK)
		r = variables(&j, &text);
	ward_buf_done(&text);
	return r;
}

int ward_sugar_denies(struct ward_sources *to, const struct ward_docs *docs, struct ward_error *err)
{
	struct job j = { .to = to, .err = err };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_docs_count(docs); i++) {
		const struct ward_doc *doc = ward_docs_get(docs, i);

		r = list(&j, &doc->deny[WARD_DOC_READ], WARD_DOC_READ, false, false);
		/* What is not readable is not modifiable. */
		if (r == WARD_OK)
			r = list(&j, &doc->deny[WARD_DOC_READ], WARD_DOC_MODIFY, false, false);
		if (r == WARD_OK)
			r = list(&j, &doc->deny[WARD_DOC_MODIFY], WARD_DOC_MODIFY, false, false);
		if (r == WARD_OK)
			r = add_rules(&j, doc->layer, true, 0);
	}
	return r;
}
