/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/core: what every part of the language stands on: texts with their hash, entity identifiers, names, diagnostics,
 * the extension functions by name. Pure. Nothing here is thread-safe while it grows; everything is once it is built.
 */
#pragma once

#include "base/base.h"

/* ---- pool.c: one copy of each text and identifier of an object, in an arena ---- */

/* A text: valid UTF-8, may hold NUL; s[n] is NUL besides. hash is ward_cedar_hash() of the bytes. Immutable. */
struct cedar_str {
	uint64_t hash;
	uint32_t n;
	char s[];
};

/* An entity's identifier. type is normalised ("A::B"). hash covers both. Immutable. */
struct cedar_uid {
	uint64_t hash;
	const struct cedar_str *type, *id;
};

/*
 * The seed is of the process (address of a variable), so that no file can be made whose names collide everywhere; no
 * result depends on it, and no order that is shown may.
 */
uint64_t ward_cedar_hash(const void *p, size_t n);
uint64_t ward_cedar_hash_mix(uint64_t a, uint64_t b);

/* Pools of different objects hold different pointers for equal texts: compare with these, never with ==. */
static inline bool ward_cedar_str_eq(const struct cedar_str *a, const struct cedar_str *b)
{
	return a == b || (a->hash == b->hash && a->n == b->n && __builtin_memcmp(a->s, b->s, a->n) == 0);
}
static inline bool ward_cedar_uid_eq(const struct cedar_uid *a, const struct cedar_uid *b)
{
	return a == b ||
		(a->hash == b->hash && ward_cedar_str_eq(a->id, b->id) && ward_cedar_str_eq(a->type, b->type));
}
int ward_cedar_str_cmp(const struct cedar_str *a, const struct cedar_str *b); /* by bytes; a prefix is less */
int ward_cedar_uid_cmp(const struct cedar_uid *a, const struct cedar_uid *b); /* type, then id */
static inline struct ward_str ward_cedar_text(const struct cedar_str *s)
{
	return (struct ward_str){ s->s, s->n };
}
bool ward_cedar_str_is(const struct cedar_str *s, const char *lit);

struct cedar_pool;                                       /* owns an arena; everything in it dies with it */
struct cedar_pool *ward_cedar_pool_new(size_t max_bytes); /* 0 = WARD_CEDAR_BYTES_MAX; NULL: no memory */
/* One more owner (any thread): what is in the pool stays until each has called free. Only one may let it grow. */
struct cedar_pool *ward_cedar_pool_ref(struct cedar_pool *p);
void ward_cedar_pool_free(struct cedar_pool *p);          /* NULL ok */
void ward_cedar_pool_freep(struct cedar_pool **p);
void ward_cedar_pool_reset(struct cedar_pool *p);         /* all in it is gone, for its one owner; memory stays */
struct ward_arena *ward_cedar_pool_arena(struct cedar_pool *p);
size_t ward_cedar_pool_bytes(const struct cedar_pool *p); /* taken from the system, about */
/* NULL: no memory or over the maximum. s must be valid UTF-8 (the caller has checked). */
const struct cedar_str *ward_cedar_intern(struct cedar_pool *p, const char *s, size_t n);
const struct cedar_uid *ward_cedar_intern_uid(struct cedar_pool *p, const struct cedar_str *type, const struct cedar_str *id);
/* The same from another pool's. */
const struct cedar_uid *ward_cedar_adopt_uid(struct cedar_pool *p, const struct cedar_uid *uid);

/* ---- name.c ---- */

/* [_a-zA-Z][_a-zA-Z0-9]* and none of true false if then else in like has is, nor __cedar. */
bool ward_cedar_is_ident(struct ward_str s);
bool ward_cedar_is_reserved(struct ward_str s);          /* one of those words */
/* "A::B::C" in normal form: identifiers, no blanks, no __cedar. */
bool ward_cedar_is_name(struct ward_str s);
struct ward_str ward_cedar_basename(struct ward_str name);   /* behind the last "::" */
struct ward_str ward_cedar_namespace(struct ward_str name);  /* before it; empty if none */

/* ---- character.c ---- */

#define CEDAR_NO_CHARACTER UINT32_MAX
/* n: the text is valid UTF-8; else the place of the first byte that is not. */
size_t ward_cedar_utf8_end(const char *s, size_t n);
size_t ward_cedar_utf8_put(uint32_t c, char *out);           /* how many bytes */
/* Length of the blank beyond ASCII that begins at i; 0 if there is none. */
uint32_t ward_cedar_blank(struct ward_str text, size_t i);
/*
 * s: a backslash and what follows it, n > 1 bytes of valid UTF-8. Returns how long the escape is and what it stands for,
 * CEDAR_NO_CHARACTER where it is wrong; then, what is read up to what makes it so.
 */
size_t ward_cedar_unescape(const char *s, size_t n, uint32_t *ret);

/*
 * Behind the closing quote of the string that begins at start; 0: it does not end. A backslash takes any character with it
 * but a line feed. *ret_escaped turns true where there is a backslash or a carriage return in it.
 */
size_t ward_cedar_string_end(struct ward_str text, size_t start, bool *ret_escaped);

/* ---- escape.c ---- */

/* "..." with the escapes of Rust's escape_debug, as the language prints texts. */
void ward_cedar_quote(struct ward_buf *out, struct ward_str s);
void ward_cedar_escape(struct ward_buf *out, struct ward_str s); /* without the quotes */
/* Type::"id" */
void ward_cedar_print_uid(struct ward_buf *out, const struct cedar_uid *uid);

/* ---- function.c: the extension functions by name ---- */
enum cedar_fn {
	CEDAR_FN_NONE = 0,
	CEDAR_FN_DECIMAL, CEDAR_FN_LESS_THAN, CEDAR_FN_LESS_THAN_OR_EQUAL, CEDAR_FN_GREATER_THAN, CEDAR_FN_GREATER_THAN_OR_EQUAL,
	CEDAR_FN_IP, CEDAR_FN_IS_IPV4, CEDAR_FN_IS_IPV6, CEDAR_FN_IS_LOOPBACK, CEDAR_FN_IS_MULTICAST, CEDAR_FN_IS_IN_RANGE,
	CEDAR_FN_DATETIME, CEDAR_FN_OFFSET, CEDAR_FN_DURATION_SINCE, CEDAR_FN_TO_DATE, CEDAR_FN_TO_TIME,
	CEDAR_FN_DURATION, CEDAR_FN_TO_MILLISECONDS, CEDAR_FN_TO_SECONDS, CEDAR_FN_TO_MINUTES, CEDAR_FN_TO_HOURS, CEDAR_FN_TO_DAYS,
	CEDAR_FN_UNKNOWN,                                /* unknown("x"): only where partial evaluation is on */
	CEDAR_FN_MAX
};
/* Types of values that functions and type-checking speak of. */
enum cedar_ext { CEDAR_EXT_NONE = 0, CEDAR_EXT_DECIMAL, CEDAR_EXT_IPADDR, CEDAR_EXT_DATETIME, CEDAR_EXT_DURATION, CEDAR_EXT_MAX };
enum cedar_fn_type { CEDAR_T_NONE = 0, CEDAR_T_BOOL, CEDAR_T_LONG, CEDAR_T_STRING, CEDAR_T_DECIMAL, CEDAR_T_IPADDR,
	CEDAR_T_DATETIME, CEDAR_T_DURATION };
struct cedar_function {
	const char *name;
	uint8_t method;                                  /* called as x.f(...): x counts as the first argument */
	uint8_t constructor;                             /* of one text: the argument must be a literal in strict validation */
	uint8_t n_args;                                  /* the receiver included */
	uint8_t result, args[2];                         /* enum cedar_fn_type */
};
extern const struct cedar_function ward_cedar_functions[CEDAR_FN_MAX];
enum cedar_fn ward_cedar_function(struct ward_str name);     /* CEDAR_FN_NONE: there is none of that name */
const char *ward_cedar_ext_name(enum cedar_ext e);           /* "decimal" "ipaddr" "datetime" "duration" */

/* ---- diag.c: what is wrong with a text, several at a time ---- */
enum cedar_severity { CEDAR_ERROR = 0, CEDAR_WARNING };
struct cedar_diag {
	uint8_t severity;
	uint16_t kind;                                   /* of the part that reports it; 0 = a parse error */
	const char *message;                             /* one line, as the language's own tools say it; of the diags' arena */
	const char *help;                                /* how to mend it, or NULL */
	const char *policy;                              /* whose id it is, or NULL */
	uint32_t start, end;                             /* bytes in the text, end exclusive; both 0: no place known */
};
struct cedar_diags {
	struct ward_arena *arena;
	struct cedar_diag *v;
	size_t n, cap, max;                              /* max: how many are kept; the rest is counted in dropped */
	size_t errors, dropped;
	bool failed;                                     /* no memory for one: an error all the same */
};
int ward_cedar_diags_init(struct cedar_diags *d);        /* WARD_E_NOMEM; max = WARD_CEDAR_DIAGS_MAX */
void ward_cedar_diags_done(struct cedar_diags *d);       /* zeroed and half-built ones too */
/* Returns WARD_E_PARSE (always), so that callers can return it. d may be NULL. */
int ward_cedar_diag(struct cedar_diags *d, enum cedar_severity s, unsigned kind, uint32_t start, uint32_t end,
	const char *fmt, ...) WARD_PRINTF(6, 7);
/* Of the newest one. */
void ward_cedar_diag_help(struct cedar_diags *d, const char *fmt, ...) WARD_PRINTF(2, 3);
void ward_cedar_diag_policy(struct cedar_diags *d, const struct cedar_str *id);
/* Line and column (both from 1, columns in characters) of an offset. */
void ward_cedar_place(struct ward_str text, uint32_t at, uint32_t *ret_line, uint32_t *ret_column);
/* FILE:LINE:COL: error: MESSAGE, the line with carets under it, and the help; for people. text may be empty. */
void ward_cedar_diag_print(struct ward_buf *out, const struct cedar_diag *g, const char *file, struct ward_str text);
/* The first error as the error object; WARD_E_PARSE, or WARD_E_NOMEM. */
int ward_cedar_diags_error(const struct cedar_diags *d, const char *file, struct ward_str text, struct ward_error *err);
