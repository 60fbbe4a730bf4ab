/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to policy/doc. The road of a document: read.c (tree to document, with rule.c and limit.c for its leaves), set.c
 * (documents together), refs.c (who takes over from whom), resolve.c (a profile as all layers leave it), check.c (what is
 * wrong), warn.c (what is odd), cover.c (which rules hide which).
 */
#pragma once

#include "policy/doc/doc.h"
#include "policy/fail.h"

struct doc_check;
struct doc_cached {
	struct ward_profile profile;
	struct doc_cached *next;
};

struct ward_docs {
	struct ward_arena *arena;
	const struct ward_doc *v[WARD_DOCS_MAX];
	size_t n;
	struct ward_doc_alone *taken;  /* those that were read by themselves */
	struct doc_check *check;       /* between its two steps */
	struct ward_arena *said;       /* the warnings, which a thread of their own may make */
	struct ward_doc_warning *warnings;
	size_t n_warnings, room_warnings, more_warnings;
	const struct ward_doc_profile **index; /* by name, the most trusted first */
	size_t n_index;
	struct doc_cached *resolved;
	bool checked;
};

/* ---- set.c ---- */
/* An error of a document, with its place. The fix is the caller's to add. */
int ward_doc_fail(struct ward_error *err, int code, const struct ward_origin *origin, const char *fmt, ...)
	WARD_PRINTF(4, 5);
int ward_doc_nomem(struct ward_error *err, const struct ward_origin *origin);

/* ---- read.c ---- */
struct doc_reader {
	struct ward_arena *arena;
	struct ward_doc *doc;
	const char *profile;   /* the one that is being read; NULL outside */
	struct ward_error *err;
};
struct ward_origin ward_doc_origin(const struct doc_reader *in, const struct ward_json *node);
/* A list of rules; node NULL: it was left out. */
int ward_doc_rules_read(const struct doc_reader *in, const struct ward_json *node, enum ward_doc_list list,
	struct ward_doc_rules *ret);
int ward_doc_read(struct ward_arena *arena, enum ward_layer layer, const struct ward_json *root, const char *file,
	const struct ward_doc **ret, struct ward_error *err);
int ward_doc_wrong_type(const struct doc_reader *in, const struct ward_json *node, const char *what, const char *want);
/* The members of an object by the names of its fields; a name that is none of them is an error. */
int ward_doc_fields(const struct doc_reader *in, const struct ward_json *object, const char *what,
	const char *const *names, size_t n, const struct ward_json **ret);

/* ---- rule.c, limit.c ---- */
/* text, list, origin, doc and profile are set; pattern and negated become. */
int ward_doc_rule_normalize(const struct doc_reader *in, struct ward_doc_rule *rule);
int ward_doc_limits_read(const struct doc_reader *in, const struct ward_json *node, struct ward_doc_limit *ret);

/* ---- network.c ---- */
int ward_doc_network_read(const struct doc_reader *in, const struct ward_json *node, struct ward_doc_profile *ret);
bool ward_doc_is_network(enum ward_doc_list list);
/* A rule of list holds every endpoint that r holds, as far as that is known: false only where none does. */
bool ward_doc_network_has(size_t *budget, struct ward_doc_rules list, const struct ward_doc_rule *r);

/* ---- refs.c ---- */
/* All profiles by name; what follows needs it. */
int ward_doc_index(struct ward_docs *docs, struct ward_error *err);
/* Names in extends and includes that stand for nothing, circles, and too much of it. */
int ward_doc_refs_check(const struct ward_docs *docs, struct ward_arena *scratch, struct ward_error *err);
/* One list of a profile with all that it takes over, in order; the profile has passed the check. */
int ward_doc_flatten(const struct ward_docs *docs, struct ward_arena *arena, const struct ward_doc_profile *profile,
	enum ward_doc_list list, struct ward_doc_rules *ret, struct ward_error *err);
void ward_doc_flatten_limits(const struct ward_docs *docs, const struct ward_doc_profile *profile,
	struct ward_doc_limit limits[WARD_DOC_LIMIT_MAX]);
/* The mode that counts, with all that is taken over; said of nobody: origin has line 0. */
struct ward_doc_network ward_doc_flatten_network(const struct ward_docs *docs, const struct ward_doc_profile *profile);
/* Definitions of a profile, most trusted first; those of the builtin layer only where there are no others. */
size_t ward_doc_definitions(const struct ward_docs *docs, const char *name,
	const struct ward_doc_profile *ret[WARD_DOCS_MAX]);

/* ---- foreign.c: what a file of another tool is, and what says the same here; NULL: no such file ---- */
const char *ward_doc_foreign(const struct ward_json *root, const char **ret_fix);

/* ---- resolve.c ---- */
int ward_doc_resolve(struct ward_docs *docs, const char *name, const struct ward_profile **ret, struct ward_error *err);

/* ---- cover.c: which rules hide which, by their text; n log n for a list ---- */
struct doc_cover_entry {
	uint64_t hash;         /* of its pattern */
	const struct ward_doc_rule *rule;
	size_t index;          /* in its list */
};
struct doc_cover {
	struct doc_cover_entry *v;
	size_t n;
};
enum doc_cover_which { DOC_COVER_ALL, DOC_COVER_POSITIVE };
int ward_doc_cover_init(struct doc_cover *c, struct ward_arena *arena, struct ward_doc_rules rules,
	enum doc_cover_which which);
/* A rule of index lo <= i < hi that matches whatever r matches (strict: and more), the last such; NULL: none is known to. */
const struct ward_doc_rule *ward_doc_cover_find(const struct doc_cover *c, const struct ward_doc_rule *r, size_t lo,
	size_t hi, bool strict, size_t *ret_index);
const struct ward_doc_rule *ward_doc_cover_equal(const struct doc_cover *c, const struct ward_doc_rule *r);
/* The same, and then by what the patterns match, as long as the budget lasts. */
const struct ward_doc_rule *ward_doc_covered(size_t *budget, const struct doc_cover *c, const struct ward_doc_rule *r,
	size_t lo, size_t hi, bool strict, size_t *ret_index);
/* True only when no path matches both. */
bool ward_doc_apart(size_t *budget, const struct ward_doc_rule *a, const struct ward_doc_rule *b);
/* The same language of patterns, as far as these two go: their texts may be compared. */
bool ward_doc_comparable(const struct ward_doc_rule *a, const struct ward_doc_rule *b);
/* The rule of a deny list that takes all of r away, exceptions considered; NULL: none is known to. */
const struct ward_doc_rule *ward_doc_denied_by(size_t *budget, const struct doc_cover *positive,
	struct ward_doc_rules list, const struct ward_doc_rule *r);

/* ---- check.c, warn.c ---- */
/* The positive rules of a document's denies. */
struct doc_denies {
	struct doc_cover positive[WARD_DOC_OP_MAX];
};
struct doc_check {
	struct ward_docs *docs;
	struct ward_arena *arena;   /* as long as the check */
	struct ward_arena *one;     /* as long as one profile */
	struct doc_denies denies[WARD_DOCS_MAX];
	size_t pairs;               /* that may still be compared: for errors, where missing one refuses too much */
	size_t warn_pairs;          /* and for warnings, where it says too little */
	struct ward_error *err;
};
int ward_doc_check_all(struct doc_check *in);
int ward_doc_warn_all(struct doc_check *in);
