/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/syntax: text to tree and back. The tree keeps surface forms (>, !=, has a.b.c, parentheses, quoted
 * attributes), so that text and JSON can be printed as they were written; its meaning is that of the language's core.
 * Trees live in a pool, are immutable once parsed, and are at most WARD_CEDAR_DEPTH_MAX deep. At that depth parsing takes up to
 * 1.6 MB of stack: more than the threads of musl have (128 KB) unless they are told to.
 */
#pragma once

#include "cedar/core/core.h"

enum cedar_expr_kind {
	CEDAR_X_NONE = 0,
	/* leaves */
	CEDAR_X_BOOL,           /* truth */
	CEDAR_X_LONG,           /* number; "-1" is one, "- 1" too; "-(1)" is NEG of one */
	CEDAR_X_STRING,         /* str */
	CEDAR_X_ENTITY,         /* uid */
	CEDAR_X_VAR,            /* aux: enum cedar_var */
	CEDAR_X_SLOT,           /* aux: enum cedar_slot; never parsed in a condition, made by nobody else */
	CEDAR_X_UNKNOWN,        /* str: its name; made by partial evaluation */
	CEDAR_X_VALUE,          /* value (struct cedar_value of cedar/value); made by partial evaluation and JSON */
	/* v[n], n >= 2: a && b && c is one node; the first is never of the same kind unless it is in parentheses */
	CEDAR_X_AND, CEDAR_X_OR,
	CEDAR_X_IF,             /* v[3] */
	/* a */
	CEDAR_X_NOT, CEDAR_X_NEG, CEDAR_X_IS_EMPTY,
	/* a, b */
	CEDAR_X_EQ, CEDAR_X_NE, CEDAR_X_LT, CEDAR_X_LE, CEDAR_X_GT, CEDAR_X_GE, CEDAR_X_IN,
	CEDAR_X_ADD, CEDAR_X_SUB, CEDAR_X_MUL,
	CEDAR_X_CONTAINS, CEDAR_X_CONTAINS_ALL, CEDAR_X_CONTAINS_ANY, CEDAR_X_GET_TAG, CEDAR_X_HAS_TAG,
	CEDAR_X_ATTR,           /* a, name; flag QUOTED: a["name"] */
	CEDAR_X_HAS,            /* a, names[n]: n > 1 is a has x.y.z; flag QUOTED: a has "x" */
	CEDAR_X_LIKE,           /* a, pattern */
	CEDAR_X_IS,             /* a, is: type and, if not NULL, "in" what */
	CEDAR_X_SET,            /* v[n], n may be 0 */
	CEDAR_X_RECORD,         /* fields[n], as written; keys are distinct; flag QUOTED is on the field */
	CEDAR_X_CALL,           /* aux: enum cedar_fn; v[n]: arguments, the receiver first; n is what was written, not checked */
	CEDAR_X_KIND_MAX
};
enum cedar_var { CEDAR_PRINCIPAL = 0, CEDAR_ACTION, CEDAR_RESOURCE, CEDAR_CONTEXT };
enum cedar_slot { CEDAR_SLOT_PRINCIPAL = 0, CEDAR_SLOT_RESOURCE, CEDAR_SLOT_MAX };

#define CEDAR_QUOTED 1u          /* flags */
#define CEDAR_AS_VALUE 2u        /* SET, RECORD, CALL: read from a JSON "Value", and printed as one */

struct cedar_expr;
struct cedar_value;
struct cedar_field {
	const struct cedar_str *name;
	const struct cedar_expr *x;
	bool quoted;
};
/* Pattern of like: a text in UTF-8 where the byte 0xFF, which no UTF-8 holds, is the wildcard. */
#define CEDAR_WILDCARD '\xff'
struct cedar_span {
	uint32_t start, end;             /* both 0: not from a text */
};
struct cedar_is {
	const struct cedar_str *type;
	const struct cedar_expr *in;     /* NULL: none */
	struct cedar_span type_at;
};
struct cedar_expr {
	uint8_t kind, flags, aux;
	uint8_t parens;                  /* how many pairs stood around it, at most 255 */
	uint32_t n;
	/*
	 * Of it in the text, without the parentheses around it (those inside count); both 0: not from a text. As the language's
	 * own places: each link of a chain of .a ["a"] .f() f() has the place of the whole chain, each sum of a + b - c and each
	 * product of a * b * c that of the whole, and the number of "-1" begins behind its sign.
	 */
	uint32_t start, end;
	union {
		bool truth;
		int64_t number;
		const struct cedar_str *str;
		const struct cedar_uid *uid;
		const struct cedar_value *value;
		const struct cedar_expr *const *v;
		const struct cedar_field *fields;
		struct {
			const struct cedar_expr *a;
			union {
				const struct cedar_expr *b;
				const struct cedar_str *name;
				const struct cedar_str *pattern;
				const struct cedar_str *const *names;
				const struct cedar_is *is;
			};
		};
	};
};

enum cedar_scope_op { CEDAR_SCOPE_ANY = 0, CEDAR_SCOPE_EQ, CEDAR_SCOPE_IN, CEDAR_SCOPE_IS, CEDAR_SCOPE_IS_IN };
struct cedar_scope {
	uint8_t op;
	bool slot;                       /* ?principal or ?resource stands where uid would */
	const struct cedar_str *type;    /* IS, IS_IN */
	const struct cedar_uid *uid;     /* EQ, IN, IS_IN, unless slot */
	struct cedar_span type_at, uid_at;
	uint32_t start, end;
};
struct cedar_action_scope {
	uint8_t op;                      /* ANY, EQ, IN */
	bool list;                       /* in [..] as written, even of one */
	uint32_t n;
	const struct cedar_uid *const *uids;
	const struct cedar_span *at;     /* of each of them; NULL: not from a text */
	uint32_t start, end;
};
struct cedar_condition {
	bool unless;
	const struct cedar_expr *body;
	uint32_t start, end;
};
struct cedar_annotation {
	const struct cedar_str *key, *value;     /* value NULL: @key alone */
	uint32_t start, end;
};
enum cedar_effect { CEDAR_FORBID = 0, CEDAR_PERMIT };
struct cedar_policy {
	const struct cedar_str *id;      /* never NULL */
	uint8_t effect;
	bool is_template;                /* has a slot */
	uint32_t n_annotations, n_conditions;
	const struct cedar_annotation *annotations;      /* ordered by ward_cedar_str_cmp() of the keys, which are distinct */
	const struct cedar_condition *conditions;
	struct cedar_scope principal, resource;
	struct cedar_action_scope action;
	uint32_t start, end;             /* of the text, annotations included */
};
struct cedar_policy_list {
	const struct cedar_policy **v;
	size_t n, cap;
};

/* ---- parse.c, scope.c, expr.c, lex.c ---- */
struct cedar_refusal {
	char what[256], help[256];       /* help "": none */
	bool no_memory;
};
struct cedar_parse_options {
	bool unknowns;                   /* unknown("x") is a function */
	const char *id_prefix;           /* NULL: "policy": policies are policy0, policy1, ... in the order of the text */
	size_t first;                    /* number of the first */
	/*
	 * NULL, or called with each entity as it is read, whose id may have a form of its own: returns it, another one in its
	 * place, or NULL where it is none, having filled why, or no_memory.
	 */
	const struct cedar_uid *(*entity)(struct cedar_pool *pool, const struct cedar_uid *uid, struct cedar_refusal *why, void *arg);
	void *arg;
};
/*
 * All policies and templates of a text, appended to list (whose array is malloced, freed by
 * ward_cedar_policy_list_done()). Errors go to d, several a text; any error: WARD_E_PARSE and list as it was.
 * WARD_E_NOMEM, WARD_E_LIMIT (a diagnostic says which).
 */
int ward_cedar_parse_policies(struct cedar_pool *pool, struct ward_str text, const struct cedar_parse_options *o,
	struct cedar_policy_list *list, struct cedar_diags *d);
void ward_cedar_policy_list_done(struct cedar_policy_list *list);
int ward_cedar_policy_list_add(struct cedar_policy_list *list, const struct cedar_policy *p);
/* One expression and nothing else. */
int ward_cedar_parse_expr(struct cedar_pool *pool, struct ward_str text, const struct cedar_parse_options *o,
	const struct cedar_expr **ret, struct cedar_diags *d);
/* Type::"id", blanks allowed as in policy text. */
int ward_cedar_parse_uid(struct cedar_pool *pool, struct ward_str text, const struct cedar_uid **ret, struct cedar_diags *d);

/* ---- print.c: text of a tree, on one line, as the language's own printer writes it ---- */
void ward_cedar_print_expr(struct ward_buf *out, const struct cedar_expr *x);
void ward_cedar_print_policy(struct ward_buf *out, const struct cedar_policy *p);
void ward_cedar_print_pattern(struct ward_buf *out, const struct cedar_str *pattern);   /* with its quotes */

/* ---- tree.c ---- */
/* Equal in everything that is printed as JSON: spans, parentheses and quoting do not count. */
bool ward_cedar_expr_eq(const struct cedar_expr *a, const struct cedar_expr *b);
bool ward_cedar_policy_eq(const struct cedar_policy *a, const struct cedar_policy *b); /* ids do not count */
unsigned ward_cedar_expr_depth(const struct cedar_expr *x);
/*
 * Calls f for x's direct children, in the order of evaluation; stops at the first result < 0 and returns it.
 */
int ward_cedar_expr_children(const struct cedar_expr *x, int (*f)(const struct cedar_expr *child, void *arg), void *arg);
/* The fields of a record, ordered by name, in a list of x->n to be freed; NULL: no memory. */
const struct cedar_field **ward_cedar_fields_sorted(const struct cedar_expr *x);
/* New nodes, for those that build trees; NULL: no memory. The span is that of at, which may be NULL. */
struct cedar_expr *ward_cedar_expr_new(struct cedar_pool *p, enum cedar_expr_kind kind, const struct cedar_expr *at);
