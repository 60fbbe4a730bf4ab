/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled set's own: conditions as instructions for a machine with a stack, and the index over scopes. All of it is
 * immutable once ward_cedar_compile() has returned; what a request changes is in its scratch.
 */
#pragma once

#include "cedar/eval/operate.h"

/* ---- instructions: eight bytes each, run in order but for jumps, which only go forward ---- */
enum cedar_op {
	OP_END = 0,                      /* the policy is satisfied */
	OP_TEST,                         /* takes a Bool; it is aux: go on, else the policy is not satisfied */
	OP_CONST,                        /* puts values[arg] */
	OP_VAR,                          /* puts the variable aux */
	OP_SLOT,                         /* puts the value of the slot aux */
	OP_AND, OP_OR,                   /* a Bool on top: false (true) stays, and on to arg; else it is taken */
	OP_BOOL,                         /* what is on top must be a Bool */
	OP_BRANCH,                       /* takes a Bool: false goes on to arg */
	OP_JUMP,                         /* to arg */
	OP_UNARY, OP_BINARY,             /* aux: enum cedar_expr_kind */
	OP_EQ,                           /* aux: is it wanted that they are equal? */
	OP_EQ_CONST,                     /* the same with values[arg] on the right */
	OP_ATTR,                         /* top becomes its attribute names[arg] */
	OP_VAR_ATTR,                     /* puts the attribute names[arg] of the variable aux */
	OP_HAS,                          /* has it the attribute names[arg]? */
	OP_VAR_HAS,
	OP_HAS_STEP,                     /* it has: top becomes the attribute, and the next instruction is left out; else false */
	OP_IS,                           /* is it of the type names[arg]? */
	OP_IS_STEP,                      /* it is: it stays, and the next instruction is left out; else false */
	OP_LIKE,                         /* names[arg] is the pattern */
	OP_SET,                          /* takes arg values, puts the set of them */
	OP_RECORD,                       /* takes as many values as the next instruction says; their names are names[arg] on */
	OP_COUNT,                        /* that next one: arg */
	OP_CALL,                         /* aux: enum cedar_fn; takes arg values */
	OP_UNKNOWN,                      /* fails; aux: its name is names[arg] */
};
struct cedar_insn {
	uint8_t op, aux;
	uint16_t spare;
	uint32_t arg;
};

/* ---- index ---- */

/*
 * A scope constraint is a number: 0 is none, else which name it speaks of and how. Names are the entities and types that
 * scopes mention. Equal constraints have equal numbers.
 */
enum cedar_dim { DIM_PRINCIPAL = 0, DIM_ACTION, DIM_RESOURCE, DIM_MAX };
struct cedar_scope_name {
	union {
		const struct cedar_uid *uid;
		const struct cedar_str *type;
	};
	bool is_type;
	uint8_t eq, in;                  /* bits 1 << enum cedar_dim: where it is compared with; a type: eq */
};
struct cedar_slot_of {
	uint32_t tag, name;              /* some bits of the hash; 1 + its number, 0: free */
};
/* Two numbers to one. */
struct cedar_pair {
	uint32_t a, b, value;            /* 1 + it; 0: free */
};
struct cedar_map {
	struct cedar_pair *v;
	uint32_t mask;
};
/* Policies of one action constraint and one principal constraint: leaves[first ... first + n). */
struct cedar_branch {
	uint32_t action, principal, first, n;
};
/* Of those, the ones of one resource constraint: numbers[first ... first of the next leaf). */
struct cedar_leaf {
	uint32_t resource, first;
};
struct cedar_index {
	struct cedar_slot_of *slots;
	uint32_t slot_mask;
	struct cedar_scope_name *names;
	struct cedar_branch *branches;
	struct cedar_leaf *leaves;       /* one more than there are */
	uint32_t *numbers;
	uint32_t n_names, n_branches, n_leaves, n_numbers;
	struct cedar_map by_scope;       /* action, principal -> branch */
	struct cedar_map by_resource;    /* branch, resource -> leaf; of branches with more than INDEX_SHORT leaves */
	uint8_t any, groups, types;      /* bits: is there a policy without a constraint there; with "in"; with "is"? */
	size_t bytes;
};
#define INDEX_SHORT 4

/* A static policy or a link. */
struct cedar_unit {
	const struct cedar_str *id;
	const struct cedar_policy *tree;         /* of a link: its template */
	const struct cedar_uid *slots[CEDAR_SLOT_MAX];
	uint32_t code;                           /* where its conditions begin; 0: it has none that could fail */
	uint8_t effect;
	uint8_t typed;                           /* bits: "is T in E", which the index knows as "in E" */
};
struct cedar_compiled {
	unsigned refs;
	struct cedar_pool *pool;                 /* names, entities and trees are in it */
	struct ward_arena *arena;                /* sets, records and addresses that are constant */
	struct cedar_unit *units;
	struct cedar_insn *code;
	struct cedar_value *values;
	const struct cedar_str **names;
	uint32_t n, n_code, n_values, n_names;
	uint32_t stack;                          /* so many values at most */
	struct cedar_index index;
};

/* ---- build.c: instructions from trees ---- */
struct cedar_build {
	struct cedar_compiled *c;
	struct cedar_insn *code;
	struct cedar_value *values;
	const struct cedar_str **names;
	size_t n_code, cap_code, n_values, cap_values, n_names, cap_names;
	uint32_t *seen;                          /* names by hash */
	size_t cap_seen;
	size_t top, max_top;                     /* of the stack */
	unsigned depth;
	int code_of_error;
};
void ward_cedar_build_done(struct cedar_build *b);
/* Where the conditions of p begin. False: b->code_of_error. */
bool ward_cedar_build_policy(struct cedar_build *b, const struct cedar_policy *p, uint32_t *ret);

/* ---- index.c ---- */
int ward_cedar_index_build(struct cedar_compiled *c);
void ward_cedar_index_done(struct cedar_index *x);
uint32_t ward_cedar_map_get(const struct cedar_map *m, uint32_t a, uint32_t b);  /* 1 + value; 0: none */

/* ---- run.c ---- */
struct cedar_run {
	const struct cedar_compiled *compiled;
	const struct cedar_request *request;
	struct cedar_world world;
	struct cedar_value *stack;
	struct ward_arena *arena;
	bool dirty;                              /* something was made in the arena */
};
/* False: *f. */
bool ward_cedar_run(struct cedar_run *r, const struct cedar_unit *u, bool *ret_satisfied, struct cedar_fault *f);
bool ward_cedar_scope_matches(struct cedar_run *r, const struct cedar_unit *u);

/* ---- authorize.c ---- */
struct cedar_list {
	uint32_t *v;
	size_t n, cap;
};
struct cedar_scratch {
	struct ward_arena *arena;                /* what the present policy makes */
	struct ward_arena *kept;                 /* what faults speak of */
	struct cedar_value *stack;
	size_t cap_stack;
	struct cedar_list keys[DIM_MAX];         /* the constraints that this request meets */
	struct cedar_list picked, permits, forbids, errors;
	struct cedar_fault *faults;
	size_t cap_faults;
	uint64_t *marks;                         /* a bit a policy */
	size_t cap_marks;
};
bool ward_cedar_list_add(struct cedar_list *l, uint32_t v);

/* ---- pick.c ---- */
/*
 * The policies whose scope the request meets, ascending, in s->picked. 1: done; 0: looking at each policy is cheaper;
 * WARD_E_NOMEM.
 */
int ward_cedar_pick(struct cedar_run *r, struct cedar_scratch *s);
