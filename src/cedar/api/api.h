/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to cedar/api: include/ward/cedar.h on top of the parts of the language. The public handles are the parts' own
 * objects, or thin structures around them; nothing is decided here.
 */
#pragma once

#include "cedar/cedar.h"
#include "ward/cedar.h"

/* A text that findings speak of, shared by those and by the set that was made of it. */
struct source {
	unsigned refs;
	char *file;                      /* NULL: unknown */
	size_t n;
	char text[];
};
struct source *ward_source_new(const char *file, const char *text, size_t n);   /* NULL: no memory */
struct source *ward_source_ref(struct source *s);
void ward_source_unref(struct source *s);                                       /* NULL ok */

/* ---- diags.c ---- */

/* What a text is called and holds, before anybody needs to keep it. */
struct origin {
	const char *file;
	struct ward_str text;
	struct source *kept;             /* of a set; NULL: made where there is a finding */
};
/* Where in a set policies come from, for those who report on whole sets; NULL: unknown. */
typedef struct source *source_of(const void *arg, const char *policy);

/*
 * Findings of a part go to the caller's (d may be NULL), with their places in the origin. code is the part's result; an error
 * of which nothing was said is given a finding of its own. Returns code, or WARD_E_NOMEM.
 */
int ward_diags_move(struct ward_policy_diags *d, struct cedar_diags *from, const struct origin *o, int code);
int ward_diags_move_of(struct ward_policy_diags *d, struct cedar_diags *from, source_of *of, const void *arg, int code);
/* A finding of this folder. Returns code. */
int ward_diags_say(struct ward_policy_diags *d, int code, const char *message);

/* A text that is too long for places in it (WARD_CEDAR_TEXT_MAX, WARD_CEDAR_JSON_BYTES_MAX) is refused here, before anything. */
int ward_check_size(struct ward_policy_diags *d, size_t n, size_t max);
/* Moves b out, or says that there is no memory. */
int ward_give(struct ward_buf *b, char **ret, size_t *ret_n);
/* The same where code is WARD_OK; else b is gone, and code comes back. After the findings: nothing is handed out with an error. */
int ward_give_after(struct ward_policy_diags *d, int code, struct ward_buf *b, char **ret, size_t *ret_n);
#define GIVE_BUF ((struct ward_buf){ .max = WARD_CEDAR_JSON_BYTES_MAX * (size_t)4 })

/* ---- the handles ---- */

/* Counted by several threads. */
static inline void ward_refs_more(unsigned *refs)
{
	(void)__atomic_fetch_add(refs, 1, __ATOMIC_RELAXED);
}
static inline bool ward_refs_last(unsigned *refs)
{
	return __atomic_fetch_sub(refs, 1, __ATOMIC_ACQ_REL) == 1;
}

struct range {                           /* policies that came with one text */
	struct source *source;
	size_t statics, templates;       /* how many there were before */
};
struct ward_policy_set {
	struct cedar_policies p;
	struct range *ranges;
	size_t n_ranges;
	bool broken;
};
int ward_set_usable(const struct ward_policy_set *s, struct ward_policy_diags *d);
struct source *ward_set_source(const void *set, const char *policy);    /* a source_of */

struct ward_policy_schema {
	unsigned refs;
	struct cedar_schema *schema;
};
struct ward_policy_request {
	struct cedar_pool *pool;
	struct cedar_request r;
};
struct ward_policy_scratch {
	struct cedar_scratch *scratch;
	struct cedar_entities *none;
	struct cedar_answer answer;
	struct ward_buf text;
};

static inline struct cedar_entities *ward_entities_of(const struct ward_policy_entities *e)
{
	return (struct cedar_entities *)(uintptr_t)e;
}
static inline struct cedar_compiled *ward_compiled_of(const struct ward_policy_compiled *c)
{
	return (struct cedar_compiled *)(uintptr_t)c;
}
static inline struct ward_str ward_text_of(const char *s, size_t n)
{
	return (struct ward_str){ n > 0 ? s : "", n };
}
