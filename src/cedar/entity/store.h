/* SPDX-License-Identifier: Apache-2.0 */
/* Private to cedar/entity: the store while it grows. */
#pragma once

#include "cedar/entity/entity.h"

/* Entities with the same parents have the same ancestors: one of these for all of them. */
struct up {
	const struct cedar_uid *const *parents;      /* ordered by uid_cmp, distinct */
	const struct cedar_uid *const *ancestors;    /* behind them, the upper halves of their hashes */
	uint64_t hash;                               /* of the parents */
	uint32_t n_parents, n_ancestors;
	uint8_t state;                               /* of closing */
};
struct slot {
	uint32_t hash;                               /* lower half, so that a miss seldom looks further */
	uint32_t at;                                 /* number + 1; 0: free */
};
struct place {
	uint32_t start, end;
};
struct cedar_entities {
	unsigned refs;                               /* atomic */
	bool finished;
	struct cedar_pool *pool;
	const struct cedar_record *empty;
	struct cedar_entity *v;
	size_t n, cap;
	struct slot *slots;                          /* of v, by uid; power of two, at most half full */
	size_t n_slots;
	uint32_t *order;                             /* numbers of v ordered by uid_cmp; made when it is asked for; atomic */
	/* until finished */
	uint32_t *up_of;                             /* of each entity */
	struct place *places;                        /* of each entity, in the text it was read from */
	struct place now;                            /* of the one that is added next; none: both 0 */
	struct up *ups;                              /* the first has no parents */
	size_t n_ups, cap_ups;
	struct slot *up_slots;
	size_t n_up_slots;
	const struct cedar_uid **parents;            /* room for sorting */
	size_t cap_parents;
};

#define NO_ENTITY UINT32_MAX
uint32_t ward_entities_find(const struct cedar_entities *s, const struct cedar_uid *uid);

/* A finding that is only counted needs no text: names in it may be as long as the document, and findings as many. */
static inline bool ward_unheard(const struct cedar_diags *d)
{
	return d == NULL || d->failed || d->n >= d->max;
}
static inline int ward_count_finding(struct cedar_diags *d)
{
	return ward_cedar_diag(d, CEDAR_ERROR, 0, 0, 0, "%s", "");
}

/* The findings from number `from` on that have no place are about the entity at that place. */
void ward_entities_place(struct cedar_diags *d, size_t from, struct place place);

/* closure.c: the ancestors of all entities so far. A cycle, or too many: a diagnostic. */
int ward_entities_close(struct cedar_entities *s, struct cedar_diags *d);

/* fits.c: why v is not of type t; at: the part of it that is not. */
enum misfit_kind { FITS = 0, MISFIT_TYPE, MISFIT_MISSING, MISFIT_UNEXPECTED };
struct misfit {
	enum misfit_kind kind;
	const struct cedar_value *at;
	const struct cedar_type *type;
	const struct cedar_str *name;
};
bool ward_value_misfit(const struct cedar_value *v, const struct cedar_type *t, struct misfit *ret);
void ward_misfit_print(struct ward_buf *out, const struct misfit *m);
/* An identifier in v that the schema does not know: of an enumerated type, or of an action. NULL: none. */
const struct cedar_uid *ward_value_bad_uid(const struct cedar_value *v, const struct cedar_schema *schema);
bool ward_uid_known(const struct cedar_uid *uid, const struct cedar_schema *schema);
/* Of an identifier that is not known. */
int ward_report_uid(const struct cedar_uid *uid, const struct cedar_schema *schema, struct cedar_diags *d);
bool ward_is_action(const struct cedar_uid *uid);

/* validate.c: of one entity, whose parents are known and whose ancestors are not. All findings. */
int ward_entity_validate(const struct cedar_entity *e, const struct cedar_schema *schema, struct cedar_diags *d);
/* Of one that is an action, whose ancestors are known. */
int ward_action_validate(const struct cedar_entity *e, const struct cedar_schema *schema, struct cedar_diags *d);
