/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level validation: how far a policy reaches from its request, and that what it may not reach it does not need: answers
 * are the same with the entities beyond the level taken away.
 */
#include "validate_util.h"

static const char schema[] =
	"entity Group in [Group]; entity User in [Group] {f: Bool, n: Long, o: User, r: {u: User, v: {w: User, k: String}},"
	"s: Set<User>, q?: User, qr?: {u?: User}, name: String} tags User;"
	"entity Doc {owner: User, r: {u: User}} tags String; action parent; action act in parent appliesTo {principal: User,"
	"resource: Doc, context: {u: User, r: {u: User}, k: String}};";

#define ANY(x) "permit(principal, action, resource) when { " x " };"

/*
 * What is found at the levels 0 to 3: numbers are levels that would be needed, "literal" an entity literal that is looked
 * into, "internal" that a failed expression is, "type" any other error.
 */
/* clang-format off */
static const struct {
	const char *policy, *found[4];
} rows[] = {
	{ ANY("true"), { "", "", "", "" } },
	{ ANY("1 == 1"), { "", "", "", "" } },
	{ ANY("principal == resource"), { "", "", "", "" } },
	{ ANY("principal.f"), { "1", "", "", "" } },
	{ ANY("principal has q"), { "1", "", "", "" } },
	{ ANY("principal.o.f"), { "2", "2", "", "" } },
	{ ANY("principal.o.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal.o.o.o.f"), { "4", "4", "4", "4" } },
	{ ANY("resource.owner.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal.r.u.f"), { "2", "2", "", "" } },
	{ ANY("principal.r.v.w.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal.r.v.k == \"a\""), { "1", "", "", "" } },
	{ ANY("principal.r has u"), { "1", "", "", "" } },
	{ ANY("principal.o.r has v"), { "2", "2", "", "" } },
	{ ANY("context.u == principal"), { "", "", "", "" } },
	{ ANY("context.u.f"), { "1", "", "", "" } },
	{ ANY("context.r.u.f"), { "1", "", "", "" } },
	{ ANY("context.r.u.o.f"), { "2", "2", "", "" } },
	{ ANY("context.r has u"), { "", "", "", "" } },
	{ ANY("principal in Group::\"g\""), { "1", "", "", "" } },
	{ ANY("principal.o in Group::\"g\""), { "2", "2", "", "" } },
	{ ANY("principal.o.o in [Group::\"g\"]"), { "3", "3", "3", "" } },
	{ ANY("principal in principal.o"), { "1", "", "", "" } },
	{ ANY("principal in resource.owner.o"), { "1 2", "2", "", "" } },
	{ ANY("User::\"a\" in principal"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("User::\"a\".f"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("User::\"a\" == principal"), { "", "", "", "" } },
	{ ANY("User::\"a\" has q"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("User::\"a\".hasTag(\"x\")"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("principal in User::\"a\""), { "1", "", "", "" } },
	{ ANY("action in Action::\"parent\""), { "1", "", "", "" } },
	{ ANY("Action::\"act\" in Action::\"parent\""), { "1", "", "", "" } },
	{ ANY("Action::\"parent\" in Action::\"act\""), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("principal.hasTag(\"a\")"), { "1", "", "", "" } },
	{ ANY("principal.o.hasTag(\"a\")"), { "2", "2", "", "" } },
	{ ANY("principal.hasTag(\"a\") && principal.getTag(\"a\").f"), { "1 2", "2", "", "" } },
	{ ANY("principal.hasTag(principal.name) && principal.getTag(principal.name).o.f"), { "1 3", "3", "3", "" } },
	{ ANY("principal.hasTag(resource.owner.o.name)"), { "1 3", "3", "3", "" } },
	{ ANY("principal has q && principal.q.f"), { "1 2", "2", "", "" } },
	{ ANY("principal has q.f"), { "2", "2", "", "" } },
	{ ANY("principal has q.o.f"), { "3", "3", "3", "" } },
	{ ANY("principal has q.q.f"), { "3", "3", "3", "" } },
	{ ANY("principal has qr.u"), { "1", "", "", "" } },
	{ ANY("principal has qr.u.f"), { "2", "2", "", "" } },
	{ ANY("principal has qr.u.o.f && principal.qr.u.o.f"), { "3", "3", "3", "" } },
	{ ANY("context has r.u.f"), { "1", "", "", "" } },
	{ ANY("context has r.u"), { "", "", "", "" } },
	{ ANY("principal has r.v.w.f"), { "2", "2", "", "" } },
	{ ANY("principal has r.v.k"), { "1", "", "", "" } },
	{ ANY("User::\"a\" has o.f"), { "2", "2", "literal", "literal" } },
	{ ANY("principal.o has o.f"), { "2", "2", "3", "" } },
	{ ANY("{x: principal} has x.f"), { "1", "", "", "" } },
	{ ANY("{x: principal, y: resource.owner.o.f} has x.o.f"), { "2", "2", "3", "" } },
	{ ANY("{x: principal}.x.f"), { "1", "", "", "" } },
	{ ANY("{x: principal.o}.x.f"), { "2", "2", "", "" } },
	{ ANY("{x: {y: principal.o}}.x.y.f"), { "2", "2", "", "" } },
	{ ANY("{x: principal, y: principal.o.o.f}.x.f"), { "1 3", "3", "3", "" } },
	{ ANY("{x: User::\"a\"}.x.f"), { "1 literal", "literal", "literal", "literal" } },
	{ ANY("{x: User::\"a\"}.x == principal"), { "", "", "", "" } },
	{ ANY("{x: principal.o.o}.x == principal"), { "2", "2", "", "" } },
	{ ANY("(if principal.f then principal else principal.o).f"), { "1 2", "2", "", "" } },
	{ ANY("(if principal.o.o.f then principal else principal.o.o).f"), { "3", "3", "3", "" } },
	{ ANY("(if true then principal else principal.o.o).f"), { "1", "", "", "" } },
	{ ANY("(if false then principal.o else principal).f"), { "1", "", "", "" } },
	{ ANY("false && principal.o.o.o.f"), { "", "", "", "" } },
	{ ANY("true || principal.o.o.o.f"), { "", "", "", "" } },
	{ ANY("principal.f && principal.o.f"), { "1 2", "2", "", "" } },
	{ ANY("principal.f || principal.o.o.f"), { "1 3", "3", "3", "" } },
	{ ANY("!principal.o.f"), { "2", "2", "", "" } },
	{ ANY("-principal.o.n == 1"), { "2", "2", "", "" } },
	{ ANY("principal.o.n + principal.n == 1"), { "1 2", "2", "", "" } },
	{ ANY("principal.o.name like \"a\""), { "2", "2", "", "" } },
	{ ANY("principal.o is User"), { "1", "", "", "" } },
	{ ANY("principal.o is User in Group::\"g\""), { "1 2", "2", "", "" } },
	{ ANY("principal is User in principal.o.o"), { "1 2", "2", "", "" } },
	{ ANY("[principal.o.o].contains(principal)"), { "2", "2", "", "" } },
	{ ANY("principal.s.contains(principal.o)"), { "1", "", "", "" } },
	{ ANY("principal.o.s.contains(principal)"), { "2", "2", "", "" } },
	{ ANY("principal.s.isEmpty()"), { "1", "", "", "" } },
	{ ANY("decimal(\"1.0\").lessThan(decimal(\"2.0\"))"), { "", "", "", "" } },
	{ ANY("principal.zz"), { "type", "type", "type", "type" } },
	{ ANY("principal.o.zz"), { "type", "type", "type", "type" } },
	{ ANY("1 && principal.o.f"), { "type", "type", "type", "type" } },
	{ ANY("false && 1"), { "", "", "", "" } },
	{ ANY("principal is Doc && principal.o.f"), { "", "", "", "" } },
	{ ANY("principal in Doc::\"d\" && principal.o.f"), { "1", "", "", "" } },
	{ ANY("principal.o.o in Doc::\"d\" && true"), { "3", "3", "3", "" } },
	{ ANY("principal.o.o has zz && true"), { "3", "3", "3", "" } },
	{ "permit(principal in Group::\"g\", action, resource);", { "1", "", "", "" } },
	{ "permit(principal in Doc::\"g\", action, resource);", { "1", "", "", "" } },
	{ "permit(principal is User in Group::\"g\", action in Action::\"parent\", resource);", { "1", "", "", "" } },
	{ "permit(principal in ?principal, action, resource == ?resource) when { principal.o.f };", { "1 2", "2", "", "" } },
	{ "permit(principal == ?principal, action, resource is Doc) when { resource.owner.f } unless { principal.o.o.f };", { "2 3", "2 3", "3", "" } },
};
/* clang-format on */

static const char *word_of(const struct cedar_diag *g, char out[16])
{
	const char *needs = strstr(g->message, "requires level ");
	size_t n;

	if (g->kind == CEDAR_FINDING_INTERNAL_INVARIANT_VIOLATION)
		return "internal";
	if (g->kind != CEDAR_FINDING_ENTITY_DEREF_LEVEL_VIOLATION)
		return "type";
	if (needs == NULL)
		return "literal";
	needs += strlen("requires level ");
	n = strspn(needs, "0123456789");
	memcpy(out, needs, n);
	out[n] = '\0';
	return out;
}

static void words_of(const struct check *c, struct ward_buf *out)
{
	struct ward_buf lines WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	char room[16];

	for (size_t i = 0; i < c->d.n; i++)
		if (c->d.v[i].severity == CEDAR_ERROR)
			ward_buf_addf(&lines, "%s\n", word_of(&c->d.v[i], room));
	sort_lines(ward_buf_cstr(&lines), out);
	for (size_t i = 0; i < out->n; i++)
		if (out->s[i] == '\n')
			out->s[i] = i + 1 < out->n ? ' ' : '\0';
}

TEST(levels)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		for (int level = 0; level < 4; level++) {
			const struct cedar_validate_options o = { .level = level };
			struct ward_buf got WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
			struct check c;

			CASE("%d: %s", level, rows[i].policy);
			if (check_read(&c, schema, rows[i].policy)) {
				check_run(&c, &o);
				words_of(&c, &got);
				CHECK_STR_EQ(ward_buf_cstr(&got), rows[i].found[level]);
			}
			check_done(&c);
		}
	}
}

TAP_MAIN();
