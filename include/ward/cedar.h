/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Cedar policy language (language 4.5): policies, schemas, entities and requests in; decisions out. In libward, and
 * by itself in libward-policy, which needs nothing but the C library. docs/cedar.md says what is implemented.
 *
 * Texts are UTF-8, given as pointer and length, and need no NUL at their end. They are the caller's; what is needed later
 * is copied (a set keeps the texts of its policies, to show them in findings). file is what the text is called in findings
 * and may be NULL. Texts that come back are malloc'ed, NUL-terminated, and the caller's:
 * free(). Functions that can fail return WARD_OK or a negative enum ward_code; what is wrong goes to the findings, which
 * may be NULL everywhere: that is none. Other objects must be there where nothing else is said. An error is never a
 * decision, and a warning for which there is no memory is an error.
 *
 * Threads: schemas, entities and compiled sets are immutable, counted, and used by any number of threads at once.
 * Everything else belongs to one thread at a time. Nothing here prints, opens files, looks at a clock or keeps global
 * state. A thread that parses texts of others needs 2 MB of stack (musl gives 128 KB unless told otherwise): nesting is
 * limited, and that much goes as far as the limit.
 *
 *	parse a set ─► compile ─┐
 *	parse entities ─────────┼─► ward_policy_authorize(), with a request and a scratch of this thread
 *	parse a schema ─► ... ──┘
 */
#ifndef WARD_CEDAR_H
#define WARD_CEDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ward/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ward_policy_diags;       /* findings */
struct ward_policy_set;         /* policies, templates and links, as data */
struct ward_policy_compiled;    /* a set that requests are held against */
struct ward_policy_schema;
struct ward_policy_entities;
struct ward_policy_request;
struct ward_policy_scratch;     /* the memory of a thread that authorizes */
struct ward_policy_partial;     /* what is left of a set when only part of a request is known */

/* How something is written. Zero is Cedar's own syntax. */
enum ward_policy_syntax {
	WARD_POLICY_CEDAR = 0,
	WARD_POLICY_JSON,
	WARD_POLICY_JSON_RESOLVED    /* of schemas, as output: every name resolved */
};

/* "4.5": the version of the language. Static; any thread. */
const char *ward_policy_language_version(void);

/* ---- findings: what is wrong with texts, several a text ---- */

struct ward_policy_diag {
	bool warning;
	const char *kind;            /* "UnsafeAttributeAccess": as the official engine names it; "" where it has no name */
	const char *message;         /* as the official engine says it, or close to it; never NULL */
	const char *help;            /* how to mend it; NULL: nothing known */
	const char *policy;          /* the id of the policy that is meant, or NULL */
	const char *file;            /* "" = unknown */
	uint32_t line, column;       /* from 1, in characters; 0 = no place known */
	uint32_t start, end;         /* bytes in the text, end exclusive */
};

/* NULL: out of memory. */
struct ward_policy_diags *ward_policy_diags_new(void);
void ward_policy_diags_free(struct ward_policy_diags *d);       /* NULL ok */
/* Forget all findings, for the next text. */
void ward_policy_diags_clear(struct ward_policy_diags *d);
/* How many are kept; how many of all were errors; how many were counted only (WARD_CEDAR_DIAGS_MAX a text). */
size_t ward_policy_diags_count(const struct ward_policy_diags *d);
size_t ward_policy_diags_errors(const struct ward_policy_diags *d);
size_t ward_policy_diags_dropped(const struct ward_policy_diags *d);
/* The i-th, borrowed until the findings are cleared or freed. WARD_E_NOTFOUND: there is none. */
int ward_policy_diags_at(const struct ward_policy_diags *d, size_t i, struct ward_policy_diag *ret);
/* All of them for people: FILE:LINE:COL, message, the line with carets under what is meant (carets = true), the help. */
int ward_policy_diags_print(const struct ward_policy_diags *d, bool carets, char **ret, size_t *ret_n);
/* All of them as a JSON list; docs/spec/cedar.md has its fields. */
int ward_policy_diags_json(const struct ward_policy_diags *d, char **ret, size_t *ret_n);
/* The first error as the error object. Returns its code; WARD_OK where there is none. */
int ward_policy_diags_error(const struct ward_policy_diags *d, struct ward_error *err);

/* ---- policy sets ---- */

/* NULL: out of memory. */
struct ward_policy_set *ward_policy_set_new(void);
void ward_policy_set_free(struct ward_policy_set *s);           /* NULL ok */

#define WARD_POLICY_IDS_FROM_ANNOTATION 1u   /* @id("x") names its policy x, as the official command does */
#define WARD_POLICY_STATIC_ONLY 2u           /* templates are an error */
#define WARD_POLICY_UNKNOWNS 4u              /* unknown("x") is a function: for partial authorization */
/*
 * Add every policy and template of a text. In Cedar's syntax their ids are policy0, policy1, ... in the order of the
 * text (a second text goes on counting); in JSON it is a policy set, whose ids it names, or one policy, whose id is
 * "JSON policy". flags: WARD_POLICY_*. WARD_E_PARSE: findings say what; WARD_E_LIMIT, WARD_E_NOMEM. After an error the
 * set is as it was, or, where ids collided half-way, good for nothing: every later use of it says so.
 */
int ward_policy_set_parse(struct ward_policy_set *s, enum ward_policy_syntax syntax, unsigned flags, const char *file,
	const char *text, size_t n, struct ward_policy_diags *d);
/* Add the one policy or template of a text under an id of the caller's choice, which must be free. */
int ward_policy_set_add(struct ward_policy_set *s, const char *id, enum ward_policy_syntax syntax, unsigned flags,
	const char *file, const char *text, size_t n, struct ward_policy_diags *d);
/*
 * Link a template under a new id. principal and resource are entities (Type::"id") for ?principal and ?resource: exactly
 * those that the template has, NULL for the others. WARD_E_PARSE: no such template, a slot too many or few, an id that
 * is taken; the set is as it was.
 */
int ward_policy_set_link(struct ward_policy_set *s, const char *template_id, const char *new_id, const char *principal,
	const char *resource, struct ward_policy_diags *d);

enum ward_policy_kind { WARD_POLICY_STATIC = 0, WARD_POLICY_TEMPLATE, WARD_POLICY_LINK };
struct ward_policy_info {
	enum ward_policy_kind kind;
	bool permit;                 /* else forbid */
	const char *id;              /* NUL-terminated; an id may hold NUL besides */
	size_t id_n;
	const char *template_id;     /* of a LINK, else NULL */
};
/* Static policies, then templates, then links, each in the order in which they came. */
size_t ward_policy_set_count(const struct ward_policy_set *s);
/* The i-th, borrowed from the set. WARD_E_NOTFOUND: there is none. */
int ward_policy_set_at(const struct ward_policy_set *s, size_t i, struct ward_policy_info *ret);
/* Its number by its id. WARD_E_NOTFOUND. */
int ward_policy_set_find(const struct ward_policy_set *s, const char *id, size_t n, size_t *ret);
/* The value of an annotation of the i-th ("" for @key alone), borrowed; NULL: it has none of that key. */
const char *ward_policy_set_annotation(const struct ward_policy_set *s, size_t i, const char *key);
/* The i-th as text or JSON; a link with its slots filled. */
int ward_policy_set_print(const struct ward_policy_set *s, size_t i, enum ward_policy_syntax syntax, char **ret, size_t *ret_n);
/* The whole set. Cedar's syntax has none for links: WARD_E_UNSUPPORTED. In it ids are lost. */
int ward_policy_set_print_all(const struct ward_policy_set *s, enum ward_policy_syntax syntax, char **ret, size_t *ret_n);
/* Lay text of policies out anew, comments kept. width and indent in characters; 0 = 80 and 2. */
int ward_policy_format(const char *file, const char *text, size_t n, unsigned width, unsigned indent, char **ret,
	size_t *ret_n, struct ward_policy_diags *d);

/* ---- compiled sets: immutable, counted ---- */

/* All static policies and links of a set, one reference. The set may be changed or freed afterwards. */
int ward_policy_compile(const struct ward_policy_set *s, struct ward_policy_compiled **ret, struct ward_policy_diags *d);
struct ward_policy_compiled *ward_policy_compiled_ref(struct ward_policy_compiled *c);
void ward_policy_compiled_unref(struct ward_policy_compiled *c);        /* NULL ok */
/* Policies in it, the id of the i-th (borrowed; NULL: there is none), and the memory that it takes, in bytes. */
size_t ward_policy_compiled_count(const struct ward_policy_compiled *c);
const char *ward_policy_compiled_id(const struct ward_policy_compiled *c, size_t i, size_t *ret_n);
size_t ward_policy_compiled_bytes(const struct ward_policy_compiled *c);

/* ---- schemas: immutable, counted ---- */

/* One reference. Warnings (names that hide others) are findings too. */
int ward_policy_schema_parse(enum ward_policy_syntax syntax, const char *file, const char *text, size_t n,
	struct ward_policy_schema **ret, struct ward_policy_diags *d);
struct ward_policy_schema *ward_policy_schema_ref(struct ward_policy_schema *s);
void ward_policy_schema_unref(struct ward_policy_schema *s);            /* NULL ok */
/* From one syntax to another. The schema need not be whole, but for WARD_POLICY_JSON_RESOLVED. */
int ward_policy_schema_translate(enum ward_policy_syntax from, enum ward_policy_syntax to, const char *file,
	const char *text, size_t n, char **ret, size_t *ret_n, struct ward_policy_diags *d);

/* ---- entities: immutable, counted ---- */

/*
 * A JSON list of entities, one reference; their hierarchy is closed. With a schema (may be NULL) it guides the reading,
 * they are checked against it, and its actions are added. Cycles, and entities given twice differently, are errors.
 */
int ward_policy_entities_parse(const struct ward_policy_schema *schema, const char *file, const char *text, size_t n,
	struct ward_policy_entities **ret, struct ward_policy_diags *d);
struct ward_policy_entities *ward_policy_entities_ref(struct ward_policy_entities *e);
void ward_policy_entities_unref(struct ward_policy_entities *e);        /* NULL ok */
size_t ward_policy_entities_count(const struct ward_policy_entities *e);
/* Against a schema: every finding of them. WARD_E_PARSE where there is one. */
int ward_policy_entities_validate(const struct ward_policy_entities *e, const struct ward_policy_schema *schema,
	struct ward_policy_diags *d);
/* As JSON, ordered by entity, with parents (not all ancestors). */
int ward_policy_entities_print(const struct ward_policy_entities *e, char **ret, size_t *ret_n);

/* ---- requests ---- */

enum ward_policy_part { WARD_POLICY_PRINCIPAL = 0, WARD_POLICY_ACTION, WARD_POLICY_RESOURCE };
/* Nothing of it is known. NULL: out of memory. */
struct ward_policy_request *ward_policy_request_new(void);
void ward_policy_request_free(struct ward_policy_request *r);           /* NULL ok */
/* Nothing of it is known again; it keeps its memory. */
void ward_policy_request_clear(struct ward_policy_request *r);
/* Text of an entity, Type::"id"; or its type and id. WARD_E_PARSE: a finding says what; the request is as it was. */
int ward_policy_request_set_text(struct ward_policy_request *r, enum ward_policy_part part, const char *file,
	const char *text, size_t n, struct ward_policy_diags *d);
int ward_policy_request_set_uid(struct ward_policy_request *r, enum ward_policy_part part, const char *type, size_t type_n,
	const char *id, size_t id_n, struct ward_policy_diags *d);
/*
 * A JSON object. With a schema (may be NULL) it is read as the context of the request's action, which must be set
 * before and be declared.
 */
int ward_policy_request_set_context(struct ward_policy_request *r, const struct ward_policy_schema *schema, const char *file,
	const char *json, size_t n, struct ward_policy_diags *d);
/* Does the schema know such a request? WARD_E_PARSE: no; findings say why. What is unknown is not looked at. */
int ward_policy_request_validate(const struct ward_policy_request *r, const struct ward_policy_schema *schema,
	struct ward_policy_diags *d);

/* ---- authorization ---- */

/* One a thread, reused: after the first requests nothing is allocated. NULL: out of memory. */
struct ward_policy_scratch *ward_policy_scratch_new(void);
void ward_policy_scratch_free(struct ward_policy_scratch *s);           /* NULL ok */

enum ward_policy_decision { WARD_POLICY_DENY = 0, WARD_POLICY_ALLOW };
struct ward_policy_answer {              /* borrowed from the scratch until it is used again */
	enum ward_policy_decision decision;
	size_t n_reasons, n_errors;
	const uint32_t *reasons;         /* numbers for ward_policy_compiled_id(): what decided, ascending */
	const uint32_t *errors;          /* policies whose evaluation failed, ascending: they decided nothing */
};
/*
 * *ret is set to deny before anything else happens, and stays so after an error. entities NULL: none. The request must
 * be known whole: WARD_E_INVALID, as for a set, request or scratch that is NULL. WARD_E_NOMEM: no decision.
 */
int ward_policy_authorize(const struct ward_policy_compiled *c, const struct ward_policy_entities *entities,
	const struct ward_policy_request *r, struct ward_policy_scratch *s, struct ward_policy_answer *ret);
/*
 * Why the i-th of the last answer's errors failed, borrowed from the scratch until its next use; NULL: there is none. It is
 * made only now: the set, the entities and the request of that answer must still be there, the request unchanged.
 */
const char *ward_policy_answer_error(struct ward_policy_scratch *s, size_t i);

/* ---- expressions ---- */

/* Is it one expression and nothing else? */
int ward_policy_expression_check(const char *file, const char *text, size_t n, struct ward_policy_diags *d);
/* An expression as JSON, as it stands in conditions of policies. */
int ward_policy_expression_json(const char *file, const char *text, size_t n, char **ret, size_t *ret_n,
	struct ward_policy_diags *d);
/* Its value for a request (r NULL, or parts of it unknown: then those must not be used) as text or as entity-JSON. */
int ward_policy_evaluate(const char *file, const char *text, size_t n, const struct ward_policy_entities *entities,
	const struct ward_policy_request *r, enum ward_policy_syntax syntax, char **ret, size_t *ret_n,
	struct ward_policy_diags *d);

/* ---- validation: can a policy go wrong under a schema? ---- */

enum ward_policy_mode { WARD_POLICY_STRICT = 0, WARD_POLICY_PERMISSIVE };
struct ward_policy_validate_options {
	enum ward_policy_mode mode;
	bool inapplicable_is_error;      /* an action that fits no scope: an error, as in 4.9 and 4.10; 4.13 warns */
	bool levels;                     /* check how deep entities are looked into, too: */
	uint32_t level;
};
/* o NULL: strict, as 4.13. WARD_E_REFUSED: there are errors among the findings; WARD_OK: warnings at most. */
int ward_policy_validate(const struct ward_policy_set *s, const struct ward_policy_schema *schema,
	const struct ward_policy_validate_options *o, struct ward_policy_diags *d);

/* ---- partial authorization: parts of the request, or unknown("x") in policies, are not known ---- */

enum ward_policy_residual_state {
	WARD_POLICY_RESIDUAL_ERROR = 0,  /* fails, whatever the unknowns are */
	WARD_POLICY_RESIDUAL_FALSE, WARD_POLICY_RESIDUAL_TRUE, WARD_POLICY_RESIDUAL_OPEN
};
struct ward_policy_residual {
	enum ward_policy_residual_state state;
	bool permit;
	const char *id;
	size_t id_n;
};
/* entities NULL: none. The result is independent of what it was made from. */
int ward_policy_partial_new(const struct ward_policy_set *s, const struct ward_policy_entities *entities,
	const struct ward_policy_request *r, struct ward_policy_partial **ret, struct ward_policy_diags *d);
void ward_policy_partial_free(struct ward_policy_partial *p);           /* NULL ok */
/* What holds whatever the unknowns are: 1 allow, 0 deny, -1 it depends. */
int ward_policy_partial_decision(const struct ward_policy_partial *p);
/* One residual for each static policy and link; the i-th is borrowed. WARD_E_NOTFOUND: there is none. */
size_t ward_policy_partial_count(const struct ward_policy_partial *p);
int ward_policy_partial_at(const struct ward_policy_partial *p, size_t i, struct ward_policy_residual *ret);
/* What is left of the i-th, as a policy. */
int ward_policy_partial_print(const struct ward_policy_partial *p, size_t i, enum ward_policy_syntax syntax, char **ret,
	size_t *ret_n);
/* All of it, as the official engine lays it out: decision, satisfied, errored, residuals, ... */
int ward_policy_partial_json(const struct ward_policy_partial *p, char **ret, size_t *ret_n);

#ifdef __cplusplus
}
#endif

#endif
