/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every policy and template against every request environment, and every link against what its slots became. Memory of
 * a policy and of an environment is taken again for the next; findings alone outlive them.
 */
#include "cedar/validate/check.h"

#define SUGGESTING (1ull << 27)

bool ward_cedar_check_spend(struct checker *c, uint64_t steps, const char *what)
{
	if (c->exhausted == NULL && c->budget < steps)
		c->exhausted = what;
	if (c->exhausted == NULL)
		c->budget -= steps;
	return c->exhausted == NULL;
}

void *ward_cedar_check_alloc(struct checker *c, struct ward_arena *a, size_t n, size_t size)
{
	void *p = n <= SIZE_MAX / size ? ward_arena_alloc(a, n * size) : NULL;

	if (p == NULL)
		c->failed = true;
	return p;
}

/* ---- environments ---- */

struct tally {
	struct node *whole;
	bool possible; /* in some environment the policy is not false */
};

static void check_environment(struct checker *c, struct tally *t)
{
	struct answer a;

	c->env_number++;
	ward_arena_reset(c->per_env);
	a = ward_cedar_type_expect(c, t->whole, &ward_cedar_expect_bool);
	if (a.type == NULL || a.type->kind != VT_FALSE) {
		t->possible = true;
		if (c->o->possible != NULL)
			c->o->possible(c->o->arg, c->policy, c->env->action->uid,
				c->env->principal.name);
	}
	if (c->o->level >= 0 && (a.ok || (a.type != NULL && a.type->kind == VT_FALSE)))
		ward_cedar_check_level(c, t->whole);
}

static struct cedar_type type_named(const struct cedar_str *name)
{
	return (struct cedar_type){ .kind = CEDAR_TYPE_ENTITY, .name = name };
}

/*
 * The types of which an entity in this slot can be, for a variable of type t: its own, and where the scope says `in`
 * those above it. i from 0; false: no more. Without a slot there is one environment.
 */
static bool slot_type(const struct cedar_scope *s, const struct cedar_entity_type *t, uint32_t i,
	struct cedar_type *ret)
{
	bool above = s->op == CEDAR_SCOPE_IN || s->op == CEDAR_SCOPE_IS_IN;

	*ret = type_named(t->name);
	if (i == 0)
		return true;
	if (!s->slot || !above || i > t->n_ancestors)
		return false;
	*ret = type_named(t->ancestors[i - 1]->name);
	return true;
}

static void check_slots(struct checker *c, struct tally *t,
	const struct cedar_entity_type *principal, const struct cedar_entity_type *resource)
{
	const struct cedar_policy *p = c->policy;
	struct cedar_type *slots = c->env->slots;

	for (uint32_t i = 0; slot_type(&p->principal, principal, i, &slots[CEDAR_SLOT_PRINCIPAL]);
		i++) {
		for (uint32_t j = 0;
			slot_type(&p->resource, resource, j, &slots[CEDAR_SLOT_RESOURCE]); j++) {
			if (c->failed || c->exhausted != NULL)
				return;
			check_environment(c, t);
		}
	}
}

static void check_types(struct checker *c, struct node *whole)
{
	struct tally t = { .whole = whole };
	struct environment env;

	c->env = &env;
	for (uint32_t i = 0; i < c->schema->n_actions; i++) {
		const struct cedar_action_type *a = c->schema->actions[i];

		/* Levels are asked of what is false as well. */
		if (c->o->level < 0 && ward_cedar_scope_excludes(c, a))
			continue;
		env.action = a;
		env.action_type = type_named(a->uid->type);
		for (uint32_t j = 0; a->applies && j < a->n_principals; j++) {
			env.principal = type_named(a->principals[j]->name);
			for (uint32_t k = 0; k < a->n_resources; k++) {
				env.resource = type_named(a->resources[k]->name);
				check_slots(c, &t, a->principals[j], a->resources[k]);
			}
		}
	}
	c->env = NULL;
	if (!t.possible)
		ward_cedar_find_text(c, CEDAR_FINDING_IMPOSSIBLE_POLICY,
			(struct cedar_span){ c->policy->start, c->policy->end },
			"policy is impossible: the policy expression evaluates to false for all valid requests",
			NULL);
}

/* ---- policies ---- */

static void begin(struct checker *c, const struct cedar_policy *p, const struct cedar_str *id)
{
	ward_arena_reset(c->per_policy);
	ward_arena_reset(c->per_env);
	c->policy = p;
	c->id = id;
	/* Types whose parts are shared can be written out to any size; a few lines of schema have 10^9 environments. */
	c->budget = c->o->steps_max > 0 ? c->o->steps_max : WARD_CEDAR_STEPS_MAX;
	c->suggesting = SUGGESTING;
	c->env_number = 0;
	c->scope_known = false;
}

static void check_policy(struct checker *c, const struct cedar_policy *p)
{
	struct node *whole;

	begin(c, p, p->id);
	whole = ward_cedar_desugar(c);
	if (whole == NULL)
		return;
	ward_cedar_check_names(c, whole);
	ward_cedar_check_applicable(c, NULL);
	check_types(c, whole);
	/* First, since findings may leave no room. */
	if (c->exhausted != NULL && c->d != NULL) {
		(void)ward_cedar_diag(c->d, CEDAR_ERROR, CEDAR_FINDING_NONE, p->start, p->end,
			"policy `%s` is not validated to the end: %s", p->id->s, c->exhausted);
		ward_cedar_diag_policy(c->d, p->id);
	}
	ward_cedar_findings_emit(c);
	ward_cedar_check_strings(p, c->d);
}

static void check_link(struct checker *c, const struct cedar_link *l)
{
	begin(c, l->tmpl, l->id);
	ward_cedar_check_link_names(c, l);
	ward_cedar_check_applicable(c, l);
	ward_cedar_findings_emit(c);
}

static void check_set(struct checker *c, const struct cedar_policies *s)
{
	for (size_t i = 0; i < s->statics.n && !c->failed && c->exhausted == NULL; i++)
		check_policy(c, s->statics.v[i]);
	for (size_t i = 0; i < s->templates.n && !c->failed && c->exhausted == NULL; i++)
		check_policy(c, s->templates.v[i]);
	for (size_t i = 0; i < s->n_links && !c->failed && c->exhausted == NULL; i++)
		check_link(c, &s->links[i]);
}

int ward_cedar_validate(const struct cedar_schema *schema, const struct cedar_policies *s,
	const struct cedar_validate_options *o, struct cedar_diags *d)
{
	static const struct cedar_validate_options usual = { .level = -1 };
	struct checker c = { .schema = schema, .o = o != NULL ? o : &usual, .d = d };

	c.strict = c.o->mode != CEDAR_PERMISSIVE; /* what is no mode is not the lenient one */
	c.found.max = d != NULL && d->max > 0 ? d->max : 1;
	c.per_policy = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	c.per_env = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	c.failed = c.per_policy == NULL || c.per_env == NULL;
	check_set(&c, s);
	ward_arena_free(c.per_policy);
	ward_arena_free(c.per_env);
	ward_cedar_pool_free(c.pool);
	if (c.failed || (d != NULL && d->failed))
		return WARD_E_NOMEM;
	if (c.exhausted != NULL)
		return WARD_E_LIMIT;
	return c.found.errors > 0 ? WARD_E_REFUSED : WARD_OK;
}
