/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/eval: a policy set is compiled once into an immutable, reference-counted object; a request is then answered
 * without allocation after warm-up. Only policies whose scope can match are looked at: no answer depends on it, since a
 * scope never errs and a condition is evaluated only when it matches.
 */
#pragma once

#include "cedar/entity/entity.h"

/* ---- set.c: policies, templates, links under their ids; grows, then is compiled ---- */
struct cedar_link {
	const struct cedar_str *id;
	const struct cedar_policy *tmpl;
	const struct cedar_uid *slots[CEDAR_SLOT_MAX];   /* NULL: the template has no such slot */
};
struct cedar_policies {                                  /* a policy set as data */
	struct cedar_pool *pool;
	struct cedar_policy_list statics, templates;
	struct cedar_link *links;
	size_t n_links, cap_links;
	struct cedar_ids *ids;                           /* private: all ids, for collisions and lookup */
};
int ward_cedar_policies_init(struct cedar_policies *s);
void ward_cedar_policies_done(struct cedar_policies *s); /* zeroed and half-built ones too */
/*
 * Each under its own id; an id that is taken is an error. Text may hold both; static_only refuses templates. What is added
 * lives in s->pool, or outlives s. Any error leaves the set as it was.
 */
int ward_cedar_policies_add(struct cedar_policies *s, const struct cedar_policy *p, struct cedar_diags *d);
int ward_cedar_policies_parse(struct cedar_policies *s, struct ward_str text, const struct cedar_parse_options *o,
	bool static_only, struct cedar_diags *d);
/* Room for so many more, to be added one by one. */
int ward_cedar_policies_reserve(struct cedar_policies *s, size_t more);
/* Exactly the template's slots must have values; new id must be free. */
int ward_cedar_policies_link(struct cedar_policies *s, struct ward_str template_id, struct ward_str new_id,
	const struct cedar_uid *const slots[CEDAR_SLOT_MAX], struct cedar_diags *d);
const struct cedar_policy *ward_cedar_policies_get(const struct cedar_policies *s, struct ward_str id); /* static or template */
const struct cedar_link *ward_cedar_policies_get_link(const struct cedar_policies *s, struct ward_str id);
/* Takes back what was added since there were so many. */
void ward_cedar_policies_back(struct cedar_policies *s, size_t n_statics, size_t n_templates, size_t n_links);
/* A linked policy as a static one: slots filled; its parts are the template's and the link's. NULL: no memory. */
const struct cedar_policy *ward_cedar_link_policy(struct cedar_pool *p, const struct cedar_link *l);

/* ---- compile.c, index.c ---- */
struct cedar_compiled;
/*
 * Afterwards s may go or grow: names, entities and trees stay in its pool, of which *ret is an owner too, and which lives as
 * long as either. WARD_E_NOMEM; WARD_E_LIMIT: a tree deeper than allowed, which no parser makes.
 */
int ward_cedar_compile(const struct cedar_policies *s, struct cedar_compiled **ret, struct cedar_diags *d);
struct cedar_compiled *ward_cedar_compiled_ref(struct cedar_compiled *c);
void ward_cedar_compiled_unref(struct cedar_compiled *c);
void ward_cedar_compiled_unrefp(struct cedar_compiled **c);
size_t ward_cedar_compiled_bytes(const struct cedar_compiled *c);      /* its own: without the pool */
size_t ward_cedar_compiled_count(const struct cedar_compiled *c);      /* static policies, then links, in the order of the set */
const struct cedar_str *ward_cedar_compiled_id(const struct cedar_compiled *c, size_t i);

/* ---- authorize.c ---- */
struct cedar_scratch;                                    /* one a thread; reused; keeps its memory */
struct cedar_scratch *ward_cedar_scratch_new(void);
void ward_cedar_scratch_free(struct cedar_scratch *s);
void ward_cedar_scratch_freep(struct cedar_scratch **s);
enum cedar_decision { CEDAR_DENY = 0, CEDAR_ALLOW };
struct cedar_answer {                                    /* valid until the scratch is used again */
	uint8_t decision;
	uint32_t n_reasons, n_errors;
	const uint32_t *reasons;                         /* numbers of policies, ascending */
	const uint32_t *errors;
	const struct cedar_fault *faults;                /* n_errors */
};
/*
 * answer is set to deny first. WARD_E_NOMEM: no decision, and deny; also where one policy makes more than WARD_BUF_MAX bytes
 * of sets and records. WARD_E_INVALID: something of the request is unknown. e NULL: no entities. unindexed: look at every
 * policy. Any number of threads may ask the same c and e at once, each with a scratch of its own.
 */
int ward_cedar_authorize(const struct cedar_compiled *c, const struct cedar_entities *e, const struct cedar_request *r,
	struct cedar_scratch *s, bool unindexed, struct cedar_answer *answer);

/* ---- interpret.c: a tree without compiling it: for `evaluate`, for partial evaluation, and as the compiled one's judge ---- */
struct cedar_env {
	const struct cedar_request *request;             /* NULL: all unknown */
	const struct cedar_entities *entities;           /* NULL: there are none */
	const struct cedar_uid *slots[CEDAR_SLOT_MAX];
	struct ward_arena *arena;                        /* for what is made */
};
/* False: *fault says why there is no value. */
bool ward_cedar_interpret(const struct cedar_env *env, const struct cedar_expr *x, struct cedar_value *ret,
	struct cedar_fault *fault);
/* Scope and conditions; a template's slots are env->slots. */
bool ward_cedar_interpret_policy(const struct cedar_env *env, const struct cedar_policy *p, bool *ret_satisfied,
	struct cedar_fault *fault);
