/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy says in vain. The language lets one ask whether something has an attribute that nothing has, and calls a policy
 * that is false of every request a matter of taste. Here whoever wrote a forbid believes that it holds: one that never can is an
 * error, as a misspelt name is. A permit that gives nothing, and what reads as something else, are warnings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/policy.h"
#include "policy/vocabulary.h"

struct vain {
	struct ward_book *b;
	const struct ward_source *src;
	const struct cedar_schema *schema;
	const struct ward_book_rule *rule; /* at hand */
	uint32_t at, line, column; /* the place that was asked about last */
	bool starts;
	struct ward_error *err;
};

/* Mostly asked in the order of the text, which then is walked once and not for each, in however long a line they stand. */
static void place(struct vain *v, uint32_t at, uint32_t *ret_line, uint32_t *ret_column)
{
	struct ward_str text = v->src->text;
	uint32_t line, column;

	if (at > text.n)
		at = (uint32_t)text.n;
	if (at < v->at || v->line == 0) {
		v->at = 0;
		v->line = v->column = 1;
	}
	ward_cedar_place((struct ward_str){ text.s + v->at, text.n - v->at }, at - v->at, &line,
		&column);
	v->column = line > 1 ? column : v->column + column - 1;
	v->line += line - 1;
	v->at = at;
	*ret_line = v->line;
	*ret_column = v->column;
}

/* ---- names of attributes ---- */

/* Each that the schema has anywhere, to f until it says true. */
static bool each_name(const struct cedar_schema *s,
	bool (*f)(const struct cedar_str *name, void *arg), void *arg)
{
	for (uint32_t i = 0; i < s->n_entities; i++) {
		const struct cedar_type *t = s->entities[i]->attrs;

		for (uint32_t k = 0; k < t->n; k++) {
			if (f(t->attrs[k].name, arg))
				return true;
		}
	}
	for (uint32_t i = 0; i < s->n_actions; i++) {
		const struct cedar_type *t = s->actions[i]->context;

		for (uint32_t k = 0; k < t->n; k++) {
			if (f(t->attrs[k].name, arg))
				return true;
		}
	}
	return false;
}

static bool is_name(const struct cedar_str *name, void *arg)
{
	return ward_cedar_str_eq(name, arg);
}

struct nearer {
	const char *word, *best;
};

static bool is_nearer(const struct cedar_str *name, void *arg)
{
	struct nearer *n = arg;
	const char *both[] = { n->best, name->s };

	n->best = ward_nearest(n->word, n->best != NULL ? both : both + 1, n->best != NULL ? 2 : 1);
	return false;
}

static int no_such_name(struct vain *v, const struct cedar_expr *x, const struct cedar_str *name)
{
	struct nearer near = { name->s, NULL };
	uint32_t line, column;

	(void)each_name(v->schema, is_nearer, &near);
	(void)ward_fail(v->err, WARD_E_REFUSED, "has: nothing has an attribute `%.64s`", name->s);
	place(v, x->start, &line, &column);
	ward_fail_at(v->err, v->src->name, line, column);
	if (near.best != NULL)
		ward_fail_fix(v->err, "did you mean `%s`?", near.best);
	else
		ward_fail_fix(v->err, "data/ward.cedarschema lists what there is");
	return WARD_E_REFUSED;
}

/* ---- what is said of it ---- */

static int add(struct vain *v, uint32_t line, uint32_t column, const char *message, const char *fix)
{
	struct ward_book *b = v->b;
	struct ward_book_warning *w;

	if (b->n_warnings == b->cap_warnings) {
		size_t cap = b->cap_warnings > 0 ? 2 * b->cap_warnings : 8;

		w = realloc(b->warnings, cap * sizeof(*w));
		if (w == NULL)
			return WARD_E_NOMEM;
		b->warnings = w;
		b->cap_warnings = cap;
	}
	w = &b->warnings[b->n_warnings];
	*w = (struct ward_book_warning){ .file = ward_arena_strdup(b->arena, v->src->name),
		.line = line,
		.column = column,
		.message = ward_arena_printf(b->arena, "%s%s%s", message, fix ? "; " : "",
			fix ? fix : "") };
	if (w->file == NULL || w->message == NULL)
		return WARD_E_NOMEM;
	b->n_warnings++;
	return WARD_OK;
}

/* ---- labels that no run has ---- */

static bool is_labels(const struct ward_book *b, const struct cedar_expr *x)
{
	return x->kind == CEDAR_X_ATTR && x->a->kind == CEDAR_X_VAR && x->a->aux == CEDAR_CONTEXT &&
		ward_cedar_str_eq(x->name, b->words[WARD_WORD_LABELS]);
}

static int label(struct vain *v, const struct cedar_expr *x)
{
	uint32_t line, column;

	if (x->kind != CEDAR_X_STRING || ward_is_label((struct ward_str){ x->str->s, x->str->n }))
		return WARD_OK;
	place(v, x->start, &line, &column);
	return add(v, line, column, "no run has a label of this text: one is KEY=VALUE",
		"write \"team=ops\", or take it out");
}

/* What a set of labels is asked for; in a set, each of them. */
static int labels(struct vain *v, const struct cedar_expr *x)
{
	int r = WARD_OK;

	if (x->kind != CEDAR_X_SET)
		return label(v, x);
	for (uint32_t i = 0; r == WARD_OK && i < x->n; i++)
		r = label(v, x->v[i]);
	return r;
}

static int look(const struct cedar_expr *x, void *arg)
{
	struct vain *v = arg;

	if ((x->kind == CEDAR_X_CONTAINS || x->kind == CEDAR_X_CONTAINS_ALL ||
		    x->kind == CEDAR_X_CONTAINS_ANY) &&
		is_labels(v->b, x->a)) {
		int r = labels(v, x->b);

		if (r != WARD_OK)
			return r;
	}
	for (uint32_t i = 0; x->kind == CEDAR_X_HAS && i < x->n; i++) {
		const struct cedar_str *name = x->names[i];

		if (!each_name(v->schema, is_name, (void *)(uintptr_t)name))
			return no_such_name(v, x, name);
	}
	return ward_cedar_expr_children(x, look, arg);
}

/* ---- what never is ---- */

static int in_vain(struct vain *v, const char *why, const char *fix)
{
	char what[256];

	if (!v->rule->forbids) {
		(void)snprintf(what, sizeof(what), "this permit grants nothing: %s", why);
		return add(v, v->rule->line, v->rule->column, what, fix);
	}
	(void)ward_fail(v->err, WARD_E_REFUSED, "this forbid holds nothing: %s", why);
	ward_fail_at(v->err, v->src->name, v->rule->line, v->rule->column);
	ward_fail_fix(v->err, "%s", fix);
	return WARD_E_REFUSED;
}

#define NEVER "it is false of every request that there can be"
#define NEVER_FIX "mend its types, attributes and conditions, or take it out"

/*
 * Who asks is the run, which acts for a person, an agent, a component: these are above it, and are it never. To enter a mode a
 * person asks, before there is a run.
 */
enum { OF_SOMEBODY = 1, OF_A_RUN = 2, OF_WHO_ENTERS = 4 };

void ward_book_is_whose(void *arg, const struct cedar_policy *p, const struct cedar_uid *action,
	const struct cedar_str *principal)
{
	struct ward_book_whose *w = arg;
	uint8_t bits = OF_SOMEBODY;

	if (ward_cedar_str_eq(principal, w->b->types[WARD_TYPE_RUN]))
		bits |= OF_A_RUN;
	if (ward_cedar_str_eq(principal, w->b->types[WARD_TYPE_PERSON]) &&
		ward_cedar_uid_eq(action, w->b->actions[WARD_ACT_MODE_ENTER]))
		bits |= OF_WHO_ENTERS;
	while (w->at < w->of->n && w->of->v[w->at] != p)
		w->at++;
	if (w->at < w->of->n)
		w->v[w->at] |= bits;
}

static const char *principal_fix(const struct cedar_scope *s)
{
	switch (s->op) {
	case CEDAR_SCOPE_IS:
	case CEDAR_SCOPE_IS_IN: return "write `principal in` and who it is, or leave the type out";
	case CEDAR_SCOPE_EQ: return "write `principal in` instead of `principal ==`";
	default:
		return "write `principal in` and who it is, and take out of the conditions what is true of no run";
	}
}

/* Of nobody at all: that was found already. */
static int principal(struct vain *v, const struct cedar_policy *p, uint8_t whose)
{
	uint32_t bits = ward_book_actions_of(v->b, p), enter = UINT32_C(1) << WARD_ACT_MODE_ENTER;
	const char *fix = principal_fix(&p->principal);

	if (whose == OF_SOMEBODY)
		return in_vain(v,
			"the principal of a request is a run, which lies in who it acts for", fix);
	if ((whose & OF_WHO_ENTERS) != 0 && (whose & OF_A_RUN) == 0 && (bits & ~enter) != 0)
		return add(v, v->rule->line, v->rule->column,
			"this rule is about entering a mode alone: the principal of every other request is a run, which lies in who it acts for",
			fix);
	return WARD_OK;
}

/* The language says both of one that no action fits, and knows for that one what would. */
static bool is_never(const struct cedar_diag *g)
{
	return g->kind == CEDAR_FINDING_IMPOSSIBLE_POLICY ||
		g->kind == CEDAR_FINDING_UNRECOGNIZED_ACTION_APPLICATION;
}

static int never(struct vain *v, const struct ward_book_set *set, const struct cedar_diags *d,
	size_t at)
{
	const struct cedar_policy_list *l = &set->policies.statics;
	const char *fix = d->v[at].help;

	for (size_t i = at + 1; i < d->n && fix == NULL && is_never(&d->v[i]) &&
		ward_streq(d->v[i].policy, d->v[at].policy);
		i++)
		fix = d->v[i].help;
	for (size_t i = 0; i < l->n; i++) {
		if (ward_cedar_str_is(l->v[i]->id, d->v[at].policy)) {
			v->rule = &set->rules[i];
			return in_vain(v, NEVER, fix != NULL ? fix : NEVER_FIX);
		}
	}
	return ward_fail(v->err, WARD_E_INTERNAL, "a finding about no policy");
}

const char *ward_book_said(const char *message)
{
	const char *behind = strstr(message, "`, "), *other = strstr(message, "`: ");

	if (!ward_has_prefix(message, "for policy `"))
		return message;
	if (behind == NULL || (other != NULL && other < behind))
		behind = other;
	return behind != NULL ? behind + strlen("`, ") : message;
}

static int findings(struct vain *v, const struct ward_book_set *set, const struct cedar_diags *d)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < d->n; i++) {
		const struct cedar_diag *g = &d->v[i];
		uint32_t line = 0, column = 0;

		if (is_never(g)) {
			if (i == 0 || !is_never(g - 1) || !ward_streq(g->policy, g[-1].policy))
				r = never(v, set, d, i);
			continue;
		}
		place(v, g->start, &line, &column);
		r = add(v, line, column, ward_book_said(g->message),
			g->help != NULL ? ward_book_said(g->help) : NULL);
	}
	return r;
}

/* ---- what no run is asked about ---- */

/*
 * Decided where somebody asks (ward policy explain, the library), and asked about by no run: nothing of this version sees it
 * happen. What holds of it is said instead. Secrets, tables, registries and artifacts are not here: no run is given any.
 */
static const struct {
	enum ward_action action;
	const char *fix;
} unasked[] = {
	{ WARD_ACT_HTTP_REQUEST,
		"what a run may connect to is net.connect, whatever it says there; what is spoken there is context.inspected" },
	{ WARD_ACT_GIT_PUSH,
		"where a run can push to is net.connect, and what it can log in with fs.read and env.read" },
	{ WARD_ACT_GIT_COMMIT, "what it takes to commit is fs.write of git's directories" },
	{ WARD_ACT_GIT_READ, "what it takes to read history is fs.read of git's directories" },
	{ WARD_ACT_SHELL_EXEC,
		"which programs a run may start, shells among them, is fs.exec and proc.exec" },
	{ WARD_ACT_TOOL_CALL,
		"start the tool's server by ward run, with what it may do as grants" },
};

#define NEVER_GIVEN \
	(UINT32_C(1) << WARD_ACT_SECRET_READ | UINT32_C(1) << WARD_ACT_ARTIFACT_READ | \
		UINT32_C(1) << WARD_ACT_ARTIFACT_WRITE | UINT32_C(1) << WARD_ACT_DB_READ | \
		UINT32_C(1) << WARD_ACT_DB_WRITE | UINT32_C(1) << WARD_ACT_REGISTRY_READ | \
		UINT32_C(1) << WARD_ACT_REGISTRY_WRITE)

/* At a start: whoever keeps such rules knows by `ward policy check` and `ward plan` what comes of them, and it is so at each. */
static bool is_kept(const struct vain *v)
{
	return v->starts && v->src->layer != WARD_LAYER_RUN &&
		v->src->layer != WARD_LAYER_REPOSITORY;
}

static int asked_by_nobody(struct vain *v, const struct cedar_policy *p)
{
	uint32_t bits = ward_book_actions_of(v->b, p) & ~NEVER_GIVEN;
	size_t first = WARD_ARRAY_SIZE(unasked);
	char what[128];

	for (size_t i = WARD_ARRAY_SIZE(unasked); i-- > 0;) {
		uint32_t bit = UINT32_C(1) << unasked[i].action;

		first = (bits & bit) != 0 ? i : first;
		bits &= ~bit;
	}
	if (bits != 0 || first == WARD_ARRAY_SIZE(unasked))
		return WARD_OK;
	(void)snprintf(what, sizeof(what),
		"no run is asked about %s, so that this %s holds of none",
		ward_action_name(unasked[first].action), v->rule->forbids ? "forbid" : "permit");
	return add(v, v->rule->line, v->rule->column, what, unasked[first].fix);
}

/* ---- ids that may mean another thing to who wrote them ---- */

static int doubt(struct vain *v, const struct cedar_uid *uid, uint32_t line, uint32_t column)
{
	const char *id = uid->id->s;
	bool glob = ward_cedar_str_eq(uid->type, v->b->types[WARD_TYPE_GLOB]);
	bool path = ward_cedar_str_eq(uid->type, v->b->types[WARD_TYPE_PATH]) ||
		ward_cedar_str_eq(uid->type, v->b->types[WARD_TYPE_PROGRAM]);

	if (path && strchr(id, '*') != NULL) {
		if (!v->rule->forbids)
			return add(v, line, column,
				"in a path \"*\" is a character like any other: this is the file of that very name",
				"a pattern is `resource in Ward::Glob::\"...\"`");
		(void)ward_fail(v->err, WARD_E_REFUSED,
			"this forbid holds nothing but a file of that very name: in a path \"*\" is a character like any other");
		ward_fail_at(v->err, v->src->name, line, column);
		ward_fail_fix(v->err,
			"a pattern is `resource in Ward::Glob::\"...\"`, in which \"\\\\*\" is that character");
		return WARD_E_REFUSED;
	}
	if (ward_cedar_str_eq(uid->type, v->b->types[WARD_TYPE_AGENT]))
		return is_kept(v)
			? WARD_OK
			: add(v, line, column,
				  "no run has an agent, so that nothing lies in this one",
				  "whose run it is says a component (--component) or a label (--label)");
	if (glob && id[uid->id->n - 1] == '/')
		return add(v, line, column,
			"this pattern is the directory alone, and nothing in it",
			"write DIRECTORY/** for what is in it");
	if (glob && id[0] == '!')
		return add(v, line, column,
			"in a pattern \"!\" takes nothing away: it is a character of the name",
			"a policy that takes away is a forbid");
	if (glob && id[0] == '~' && (id[1] == '/' || id[1] == '\0'))
		return add(v, line, column,
			"in a pattern \"~\" is not expanded: it is a directory of that name in the workspace",
			"write the whole path");
	if (glob && ward_path_elsewhere(id) != NULL) {
		char what[128];

		(void)snprintf(what, sizeof(what),
			"%s: this pattern is about a name in the workspace that begins so",
			ward_path_elsewhere(id));
		return add(v, line, column, what, "write the whole path as this host has it");
	}
	return WARD_OK;
}

static int doubt_in(const struct cedar_expr *x, void *arg)
{
	struct vain *v = arg;
	uint32_t line, column;

	if (x->kind != CEDAR_X_ENTITY)
		return ward_cedar_expr_children(x, doubt_in, arg);
	place(v, x->start, &line, &column);
	return doubt(v, x->uid, line, column);
}

/* No scope and no condition: mostly one that was forgotten. A list only says what others may grant, and a mode is asked for by its name. */
static bool is_of_every_file(const struct vain *v, const struct cedar_policy *p)
{
	uint32_t files = UINT32_C(1) << WARD_ACT_FS_READ | UINT32_C(1) << WARD_ACT_FS_WRITE;

	return p->effect == CEDAR_PERMIT && !v->src->narrows &&
		(p->principal.op == CEDAR_SCOPE_ANY || p->principal.op == CEDAR_SCOPE_IN) &&
		v->src->layer != WARD_LAYER_BUILTIN && p->resource.op == CEDAR_SCOPE_ANY &&
		p->n_conditions == 0 && (ward_book_actions_of(v->b, p) & files) != 0;
}

static int doubts(struct vain *v, const struct cedar_policy *p)
{
	int r = WARD_OK;

	/* What Ward writes itself means what it says: a file that an option names may have any name. */
	if (v->src->generated)
		return WARD_OK;
	if (is_of_every_file(v, p))
		r = add(v, v->rule->line, v->rule->column,
			"this permit is of every file of this host",
			"name what is meant: `resource in Ward::Path::\"./\"` is the workspace");
	if (r == WARD_OK)
		r = v->src->layer != WARD_LAYER_BUILTIN && !is_kept(v) ? asked_by_nobody(v, p)
								       : WARD_OK;
	if (r == WARD_OK && p->principal.uid != NULL)
		r = doubt(v, p->principal.uid, v->rule->line, v->rule->column);
	if (r == WARD_OK && p->resource.uid != NULL)
		r = doubt(v, p->resource.uid, v->rule->line, v->rule->column);
	for (uint32_t i = 0; r == WARD_OK && i < p->n_conditions; i++)
		r = doubt_in(p->conditions[i].body, v);
	return r;
}

int ward_book_vain(struct ward_book *b, const struct ward_source *src,
	const struct cedar_schema *schema, const struct ward_book_set *set,
	const struct cedar_diags *d, const uint8_t *whose, bool starts, struct ward_error *err)
{
	struct vain v = { .b = b, .src = src, .schema = schema, .starts = starts, .err = err };
	const struct cedar_policy_list *l = &set->policies.statics;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < l->n; i++) {
		v.rule = &set->rules[i];
		for (uint32_t k = 0; r == WARD_OK && k < l->v[i]->n_conditions; k++)
			r = look(l->v[i]->conditions[k].body, &v);
	}
	if (r == WARD_OK)
		r = findings(&v, set, d);
	for (size_t i = 0; r == WARD_OK && i < l->n; i++) {
		v.rule = &set->rules[i];
		r = principal(&v, l->v[i], whose[i]);
		if (r == WARD_OK)
			r = doubts(&v, l->v[i]);
	}
	if (r == WARD_E_NOMEM)
		return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
	return r;
}

/* ---- one id of two ---- */

#define SAME_MAX 16

static int by_id(const void *a, const void *b)
{
	const struct ward_book_rule *const *x = a, *const *y = b;
	int r = strcmp((*x)->id, (*y)->id);

	return r != 0 ? r : (*x > *y) - (*x < *y);
}

static size_t with_ids(const struct ward_book_set *s, const struct ward_book_rule **to)
{
	size_t n = 0;

	for (size_t i = 0; i < s->policies.statics.n; i++) {
		if (s->rules[i].id == NULL)
			continue;
		if (to != NULL)
			to[n] = &s->rules[i];
		n++;
	}
	return n;
}

/* An id is a name for people: who is told one of two looks at the wrong one. What they decide does not change by it. */
int ward_book_same_ids(struct ward_book *b)
{
	size_t n = with_ids(&b->grants, NULL), told = 0;
	const struct ward_book_rule **v;
	int r = WARD_OK;

	for (size_t i = 0; i < b->n_bounds; i++)
		n += with_ids(&b->bounds[i], NULL);
	if (n < 2)
		return WARD_OK;
	v = malloc(n * sizeof(const struct ward_book_rule *));
	if (v == NULL)
		return WARD_E_NOMEM;
	n = with_ids(&b->grants, v);
	for (size_t i = 0; i < b->n_bounds; i++)
		n += with_ids(&b->bounds[i], v + n);
	qsort(v, n, sizeof(const struct ward_book_rule *), by_id);
	for (size_t i = 1; r == WARD_OK && i < n && told < SAME_MAX; i++) {
		struct ward_source at = { .name = v[i]->file };
		struct vain of = { .b = b, .src = &at };
		char what[512];

		if (strcmp(v[i - 1]->id, v[i]->id) != 0)
			continue;
		(void)snprintf(what, sizeof(what), "@id(\"%.64s\") is also that of %.200s:%u:%u",
			v[i]->id, v[i - 1]->file, (unsigned)v[i - 1]->line,
			(unsigned)v[i - 1]->column);
		r = add(&of, v[i]->line, v[i]->column, what,
			"give each a name of its own: reports, the log and tests of policies tell rules by it");
		told++;
	}
	free(v);
	return r;
}

const struct ward_book_warning *ward_book_warnings(const struct ward_book *b, size_t *ret_n)
{
	*ret_n = b->n_warnings;
	return b->warnings;
}
