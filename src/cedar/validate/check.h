/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to cedar/validate. A policy becomes a tree of nodes once (desugar.c): surface forms are gone, equal
 * expressions have equal numbers, and what `has` and `hasTag` can teach is numbered too. Each request environment then
 * writes its types into that tree (type_check.c), and findings are collected by policy (finding.c).
 */
#pragma once

#include "cedar/validate/types.h"

/* Of what recurses through others: its variables stay out of the frames of those that call it. */
#define APART __attribute__((noinline))

/* Advice with a type that was not expected. */
enum type_help {
	HELP_NONE = 0, HELP_LIKE, HELP_CONTAINS, HELP_SINGLE_CONTAINS, HELP_HAS, HELP_IS, HELP_IN, HELP_EMPTY_STRING,
	HELP_TYPE_TEST, HELP_CONCATENATION, HELP_SET_OPERATIONS,
};

/* ---- desugar.c ---- */
#define X_ALL CEDAR_X_KIND_MAX           /* v[n]: a && (b && (c && ..)): scope and conditions */
struct node {
	uint8_t kind, aux;               /* enum cedar_expr_kind without NE GT GE VALUE, or X_ALL */
	bool again;                      /* IN of `x is T in y`: x has been looked at as the operand of `is` */
	bool fixed;                      /* SET of literals: its type is that of every environment; kept once it is known */
	bool ok, unexpected;             /* in this environment: no failure in it; type is not one that was expected */
	uint32_t n;                      /* of v */
	uint32_t start, end;
	uint32_t shape;                  /* equal in equal expressions of the policy */
	uint32_t cap;                    /* ATTR HAS(1) GET_TAG HAS_TAG: number of what is learnt or needed */
	uint32_t n_names;                /* HAS: then v[0] is what, v[1..n_names-1] what.a, what.a.b, ... */
	uint32_t alive;                  /* in this environment: AND OR X_ALL: children looked at; IF: see ALIVE_ */
	union {
		bool truth;
		int64_t number;
		const struct cedar_str *str;         /* STRING; LIKE: pattern; IS: type; ATTR: name */
		const struct cedar_uid *uid;
		const struct cedar_str *const *names; /* HAS: n_names; RECORD: n */
	};
	union {
		uint32_t *caps;          /* HAS of several names: n_names */
		const struct cedar_type *kept; /* SET that is fixed */
		const struct cedar_type *given; /* ENTITY: its type, NULL if the schema knows none */
		struct cedar_span type_at;      /* IS */
	};
	struct node **v;
	const struct cedar_type *type;   /* in this environment; NULL: none could be found */
	const struct cedar_action_type *action; /* ENTITY: of the schema, NULL if it is none */
	const struct node *place;        /* in this environment: whose place it has, since it stands for that */
	uint32_t leveled;                /* environment in which level.c has seen all of it */
};
enum { ALIVE_BOTH = 0, ALIVE_THEN, ALIVE_ELSE };
/* The tree of c->policy. NULL: no memory or too much of it. */
struct node *ward_cedar_desugar(struct checker *c);
/* As the language prints the typed tree of this environment. */
void ward_cedar_print_node(struct checker *c, struct ward_buf *out, const struct node *n);

/* ---- finding.c ---- */
struct finding {
	uint8_t severity;
	uint16_t kind;
	struct cedar_span at;
	uint64_t hash;
	const char *message, *help;
	struct finding *next;
};
struct findings {
	struct finding **buckets;        /* of the policy's arena */
	size_t n_buckets, n, max;
	size_t more, more_errors;        /* those for which there was no room */
	size_t errors;                   /* of all policies */
	size_t seen;                     /* in the buckets without a text, so that they are counted once */
};
/*
 * at: both 0: no place. message begins behind "for policy `id`, ", where the kind has that. help may be NULL. Both are
 * copied. The same once more is nothing new.
 */
void ward_cedar_find(struct checker *c, enum cedar_finding kind, struct cedar_span at, struct ward_buf *message,
	const char *help);
void ward_cedar_find_text(struct checker *c, enum cedar_finding kind, struct cedar_span at, const char *message,
	const char *help);
/* Those of one policy to the caller, in the order of the text; then none is left. */
void ward_cedar_findings_emit(struct checker *c);
static inline struct cedar_span ward_cedar_node_at(const struct node *n)
{
	return (struct cedar_span){ n->start, n->end };
}

/* ---- nearest.c: "did you mean": the first of those with the least edit distance, in characters ---- */
#define NEAREST_MAX 256                  /* characters of a word; longer ones are nobody's misspelling */
struct nearest {
	uint32_t word[NEAREST_MAX];
	uint32_t n, distance;
	struct checker *c;
};
bool ward_cedar_nearest_begin(struct checker *c, struct nearest *s, struct ward_str word); /* false: there can be none */
bool ward_cedar_nearest_try(struct nearest *s, struct ward_str candidate); /* true: the best yet */

/* ---- validate.c ---- */
struct environment {
	const struct cedar_action_type *action;
	struct cedar_type principal, resource, action_type, slots[CEDAR_SLOT_MAX];
};
struct checker {
	const struct cedar_schema *schema;
	const struct cedar_validate_options *o;
	struct cedar_diags *d;
	bool strict;
	bool failed;                     /* no memory */
	const char *exhausted;           /* NULL; or what this policy has too much of: it is given up */
	uint64_t budget;                 /* steps that are left for this policy */
	uint64_t suggesting;             /* the same of nearest.c, where none left means no more suggestions */
	struct ward_arena *per_policy, *per_env;
	struct cedar_pool *pool;         /* for what VALUE nodes become; NULL until needed */
	const struct cedar_policy *policy;
	const struct cedar_str *id;      /* of the policy or of the link */
	struct findings found;
	/* of the policy */
	const struct cedar_action_type **scope_actions; /* those that the scope names */
	bool scope_known;                /* all of them are declared */
	uint32_t n_caps;
	uint32_t *prior;                 /* by capability: how often it is known here */
	uint32_t *mark, stamp;
	struct environment *env;
	uint32_t env_number;             /* of this policy, from 1 */
};
/* Some nanoseconds are one. false: they are spent, now or before; answers no longer count. */
bool ward_cedar_check_spend(struct checker *c, uint64_t steps, const char *what);
enum { NAME_COST = 8, VISIT_COST = 8, TYPE_COST = 16, FINDING_COST = 32 };
#define PRINTED_MAX (64u << 10)          /* of a type or an expression in a message: more than anybody reads */
void *ward_cedar_check_alloc(struct checker *c, struct ward_arena *a, size_t n, size_t size);

/* ---- capability.c: what is known to be there, by number; a rope of sets ---- */
struct capability;
const struct capability *ward_cedar_cap_one(struct checker *c, uint32_t number);
const struct capability *ward_cedar_cap_union(struct checker *c, const struct capability *a, const struct capability *b);
const struct capability *ward_cedar_cap_both(struct checker *c, const struct capability *a, const struct capability *b);
void ward_cedar_cap_learn(struct checker *c, const struct capability *a);
void ward_cedar_cap_forget(struct checker *c, const struct capability *a);
static inline bool ward_cedar_cap_known(const struct checker *c, uint32_t number)
{
	return c->prior[number] > 0;
}

/* ---- type_check.c: logic; operator.c: operands and results; attribute.c: . has getTag hasTag ---- */
struct answer {
	const struct cedar_type *type;   /* NULL: none could be found */
	const struct capability *caps;   /* what is known if it is true; only when ok */
	bool ok;
};
/* The type of n in c->env; n and those below keep theirs. */
struct answer ward_cedar_type_check(struct checker *c, struct node *n);
/* The same, and it must be of one of the types: else that is found, and there is no type. */
struct expectation {
	const struct cedar_type *const *types;
	size_t n;
	enum type_help (*help)(const struct cedar_type *actual); /* NULL: none */
};
struct answer ward_cedar_type_expect(struct checker *c, struct node *n, const struct expectation *e);
/* What a says of n, which has been looked at. */
struct answer ward_cedar_type_expected(struct checker *c, struct node *n, struct answer a, const struct expectation *e);
extern const struct expectation ward_cedar_expect_bool;
static inline struct answer ward_cedar_answer(const struct cedar_type *t, bool ok)
{
	return (struct answer){ t, NULL, ok };
}
struct answer ward_cedar_type_operator(struct checker *c, struct node *n);
struct answer ward_cedar_type_attribute(struct checker *c, struct node *n);
/* NULL: there is none, which is found, or one of the types is missing. Of none: NEVER. types[n] may be overwritten. */
const struct cedar_type *ward_cedar_type_lub(struct checker *c, struct cedar_span at, const struct cedar_type **types,
	size_t n, enum lub_where where);

/* ---- message.c: findings of the type-checker in the language's own words ---- */
void ward_cedar_find_type(struct checker *c, struct cedar_span at, const struct cedar_type *const *expected, size_t n,
	const struct cedar_type *actual, enum type_help help);
/* types[n] are overwritten. */
void ward_cedar_find_lub(struct checker *c, struct cedar_span at, const struct cedar_type **types, size_t n,
	enum lub_why why, enum lub_where where);
/* what: the expression that should have had the attribute; its type is not NULL. */
void ward_cedar_find_attr(struct checker *c, struct cedar_span at, const struct node *what, const struct cedar_str *name,
	bool optional);
void ward_cedar_find_tag(struct checker *c, const struct node *get_tag);
void ward_cedar_find_no_tags(struct checker *c, const struct node *get_tag);
/* Of a constructor: a literal text that is none of its values is found, and false. */
bool ward_cedar_check_argument(struct checker *c, const struct node *call);

/* ---- scope.c ---- */
/* Entity types, actions and ids of enums that the schema does not know. */
void ward_cedar_check_names(struct checker *c, const struct node *whole);
void ward_cedar_check_link_names(struct checker *c, const struct cedar_link *link);
/* Is there an action for the scope? link NULL: the policy by itself. */
void ward_cedar_check_applicable(struct checker *c, const struct cedar_link *link);
/* After it: is the policy false for that action before anything in it could be wrong? */
bool ward_cedar_scope_excludes(const struct checker *c, const struct cedar_action_type *a);

/* ---- level.c: after a type check in c->env ---- */
void ward_cedar_check_level(struct checker *c, struct node *n);
