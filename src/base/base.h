/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: what C lacks. Pure: no I/O, no clock, no global state; every growable thing has a maximum.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ward/error.h"

#define WARD_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define WARD_CLEANUP(fn) __attribute__((cleanup(fn)))
#define WARD_UNSET __attribute__((uninitialized)) /* a large buffer on a hot way, filled before it is read: not zeroed, as others are */
#define WARD_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- limits (base/limits.h holds every maximum of the program) ---- */
#include "base/limits.h"

/* ---- error.c ---- */
/* Fill err (may be NULL) and return code. The message is escaped to one printable line; the class follows the code. */
int ward_fail(struct ward_error *err, int code, const char *fmt, ...) WARD_PRINTF(3, 4);
/* The same with an errno; its text is appended to the message. */
int ward_fail_errno(struct ward_error *err, int code, int sys, const char *fmt, ...) WARD_PRINTF(4, 5);
/* Add where / how to fix / class to a filled err (may be NULL). fix is printf-like. */
void ward_fail_at(struct ward_error *err, const char *file, uint32_t line, uint32_t column);
void ward_fail_fix(struct ward_error *err, const char *fmt, ...) WARD_PRINTF(2, 3);
void ward_fail_class(struct ward_error *err, enum ward_error_class c, enum ward_violation_type v);

/* ---- str.c: borrowed text ---- */
struct ward_str {
	const char *s;
	size_t n;
};
#define WARD_STR(lit) ((struct ward_str){ (lit), sizeof(lit) - 1 })
struct ward_str ward_str(const char *s);              /* of a C string; NULL -> empty */
bool ward_str_eq(struct ward_str a, struct ward_str b);
bool ward_streq(const char *a, const char *b);        /* NULL equals only NULL */
bool ward_has_prefix(const char *s, const char *prefix), ward_has_suffix(const char *s, const char *suffix);
/* Nearest of n names by edit distance <= 3, without case, else NULL: for "did you mean". */
const char *ward_nearest(const char *word, const char *const *names, size_t n);
/*
 * Quote for people: "..." with ", \ and every control, non-ASCII-printable or invalid UTF-8 byte escaped (\n \r \t \xHH); valid
 * multi-byte UTF-8 stays, unless it is a control, bidi control, invisible or private character. For a shell: '...', or $'...'.
 */
struct ward_buf;
void ward_quote(struct ward_buf *out, const char *s, size_t n);
void ward_show(struct ward_buf *out, const char *s, size_t n); /* as ward_quote(), but without quotes; " and \ stay */
uint32_t ward_misread(const char *s);   /* misread.c: its first character that makes it another name than it reads as; 0: none */
bool ward_shown_plain(const char *s, size_t n);                /* ward_show() would change nothing of it */
void ward_quote_shell(struct ward_buf *out, const char *s, size_t n);
/*
 * s as one word to paste into a shell, for the text of a fix: whole, or, where it would not fit, instead (which names what
 * belongs there, as in "FILE"). s may be NULL: then instead as well. Returns out. A word never is a part of s.
 */
#define WARD_PASTE_MAX 384 /* a fix has room for it and for what says what to do with it */
const char *ward_paste(char out[WARD_PASTE_MAX], const char *s, const char *instead);

/* ---- buf.c: growable bytes. Sticky failure: test once, at the end. ---- */
struct ward_buf {
	char *s;        /* NUL-terminated when n > 0 or after ward_buf_cstr() */
	size_t n, cap;
	size_t max;     /* 0 = WARD_BUF_MAX */
	bool failed;    /* out of memory or over max */
};
#define WARD_BUF_INIT { 0 }
void ward_buf_done(struct ward_buf *b);
void ward_buf_clear(struct ward_buf *b);              /* keeps the memory */
void ward_buf_expect(struct ward_buf *b, size_t n);   /* room for n bytes more; it is no failure if there is none */
void ward_buf_add(struct ward_buf *b, const void *p, size_t n);
void ward_buf_adds(struct ward_buf *b, const char *s);
void ward_buf_addc(struct ward_buf *b, char c);
void ward_buf_addf(struct ward_buf *b, const char *fmt, ...) WARD_PRINTF(2, 3);
const char *ward_buf_cstr(struct ward_buf *b);        /* "" after failure; never NULL */
struct ward_str ward_buf_str(struct ward_buf *b);     /* the same with its length: n is more than that of "" after failure */
char *ward_buf_take(struct ward_buf *b);              /* moves the string out; NULL if failed */

/* ---- arena.c: many small things with one lifetime ---- */
struct ward_arena;
struct ward_arena *ward_arena_new(size_t max_bytes);  /* 0 = WARD_BUF_MAX; NULL: no memory */
void ward_arena_free(struct ward_arena *a);           /* NULL ok */
void ward_arena_freep(struct ward_arena **a);
size_t ward_arena_bytes(const struct ward_arena *a);  /* taken from the system */
void ward_arena_reset(struct ward_arena *a);          /* all that was handed out is gone; the memory stays, for reuse */
void *ward_arena_alloc(struct ward_arena *a, size_t n); /* zeroed, 16-aligned; NULL: no memory or over max */
char *ward_arena_dup(struct ward_arena *a, const char *s, size_t n); /* NUL-terminated copy */
char *ward_arena_strdup(struct ward_arena *a, const char *s);
char *ward_arena_printf(struct ward_arena *a, const char *fmt, ...) WARD_PRINTF(2, 3);

/* ---- utf8.c ---- */
bool ward_utf8_valid(const char *s, size_t n);        /* strict: no surrogates, no overlong */

/* ---- path.c: lexical only; nothing here looks at a file system ---- */
/*
 * Normalise an absolute path into out (size >= WARD_PATH_MAX): collapses // and /./, resolves ..
 * lexically, no trailing slash. Returns WARD_OK or WARD_E_INVALID / WARD_E_LIMIT.
 */
int ward_path_normalize(const char *path, char *out, size_t size);
/* base + "/" + rel (rel absolute -> rel), normalised. Empty rel: WARD_E_INVALID, as "." is base. */
int ward_path_join(const char *base, const char *rel, char *out, size_t size);
/* True when path is dir or lies below it. Both normalised. */
bool ward_path_within(const char *path, const char *dir);
bool ward_path_has_dotdot(const char *path);          /* a component that is ".." */
const char *ward_path_basename(const char *path);     /* behind the last slash: "" for "/" and "a/" */

/* ---- units.c: numbers with units. Strict: no sign, no blanks, no rest. ---- */
int ward_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct ward_error *err);
int ward_parse_size(const char *s, uint64_t *ret_bytes, struct ward_error *err); /* "50M", "1G", "4096": K M G T binary; 0 is refused */
/* "5s", "200ms", "1.5m", "2h", "10" (seconds). 0, negatives, nan, inf and > 365 days refused. */
int ward_parse_duration(const char *s, uint64_t *ret_ms, struct ward_error *err);
int ward_parse_cpus(const char *s, uint32_t *ret_millicpus, struct ward_error *err); /* "1", "0.5": thousandths, 10 .. 1024000 */
void ward_format_size(uint64_t bytes, char *out, size_t size);

/* ---- sha256.c (FIPS 180-4) ---- */
enum { WARD_SHA256_SIZE = 32, WARD_SHA256_HEX = 65 };
struct ward_sha256 {
	uint32_t h[8];
	uint64_t n;
	uint8_t block[64];
};
extern const uint32_t ward_sha256_k[64];              /* its constants */
void ward_sha256_use(void (*fn)(uint32_t h[8], const uint8_t *p, size_t n_blocks)); /* from now on, all threads; NULL: what is here */
void ward_sha256_init(struct ward_sha256 *c);
void ward_sha256_update(struct ward_sha256 *c, const void *p, size_t n);
void ward_sha256_final(struct ward_sha256 *c, uint8_t out[WARD_SHA256_SIZE]);
void ward_sha256_hex(const void *p, size_t n, char out[WARD_SHA256_HEX]);
void ward_hex(const uint8_t *p, size_t n, char *out); /* out: 2n+1 */

/* ---- ulid.c (github.com/ulid/spec): 48 bits of ms, 80 bits that the caller drew ---- */
#define WARD_ULID_SIZE 27
void ward_ulid_format(uint64_t unix_ms, const uint8_t random[10], char out[WARD_ULID_SIZE]);
bool ward_ulid_valid(const char *s);

/* ---- base64.c (RFC 4648, with padding) ---- */
void ward_base64(struct ward_buf *out, const void *p, size_t n);

/* ---- json.c: strict reader with spans; RFC 8259, no duplicates, bounded depth and size ---- */
enum ward_json_type {
	WARD_JSON_NULL = 0, WARD_JSON_BOOL, WARD_JSON_INT, WARD_JSON_REAL, WARD_JSON_STRING, WARD_JSON_ARRAY, WARD_JSON_OBJECT
};
struct ward_json {
	enum ward_json_type type;
	bool b;
	int64_t i;                    /* INT: out of int64 range is an error, not a REAL */
	double d;
	struct ward_str str;          /* STRING: decoded, NUL-terminated behind n; NUL inside is an error */
	struct ward_json *child;      /* ARRAY/OBJECT: first element */
	struct ward_json *next;       /* sibling */
	struct ward_str key;          /* in an OBJECT */
	size_t count;                 /* children */
	uint32_t line, column, start, end;   /* of the value */
	uint32_t key_line, key_column;
};
/*
 * Parse text (n bytes, need not be terminated) into nodes living in a. Errors carry file, line, column. file may be NULL.
 * Duplicate keys, bad UTF-8, lone surrogates, NaN, trailing data, depth > WARD_JSON_DEPTH_MAX, n > WARD_JSON_BYTES_MAX: WARD_E_PARSE.
 * The arena is full: WARD_E_NOMEM. *ret is NULL after any error. The tree does not point into text.
 */
int ward_json_parse(struct ward_arena *a, const char *text, size_t n, const char *file, struct ward_json **ret, struct ward_error *err);
/* The same with other limits, and with NUL in texts and names where nul_ok. */
struct ward_json_options {
	size_t bytes_max;
	unsigned depth_max;           /* the reader's stack grows with it: some 250 bytes a level */
	bool nul_ok;
	bool wide_ok;                 /* an integer out of range, and -0, is a REAL and no error */
};
int ward_json_parse_with(struct ward_arena *a, const char *text, size_t n, const char *file,
	const struct ward_json_options *o, struct ward_json **ret, struct ward_error *err);
/*
 * A list, element by element: each() gets one at a time, living in a, which is reset before the next. What each() returns
 * other than WARD_OK ends the reading and is returned. Before an error, each() has seen some.
 */
int ward_json_each(struct ward_arena *a, const char *text, size_t n, const char *file, const struct ward_json_options *o,
	int (*each)(const struct ward_json *element, void *arg), void *arg, struct ward_error *err);
const struct ward_json *ward_json_get(const struct ward_json *object, const char *key);
const char *ward_json_path(const struct ward_json *v, struct ward_arena *a); /* of ward_jw_path(); NULL: it is none, or no memory */
const char *ward_json_type_name(enum ward_json_type t);      /* for messages: "a string", "a list", "null" */

/* ---- json_write.c: compact writer onto a buffer; the caller keeps the nesting right ---- */
void ward_jw_key(struct ward_buf *b, const char *key);     /* "key": with a comma when needed */
void ward_jw_str(struct ward_buf *b, const char *s, size_t n); /* invalid UTF-8 -> U+FFFD */
void ward_jw_more(struct ward_buf *b, const char *s, size_t n); /* of the string that was written last; whole characters */
void ward_jw_cstr(struct ward_buf *b, const char *s);      /* NULL -> null */
void ward_jw_path(struct ward_buf *b, const char *s);      /* no UTF-8: its bytes, {"hex": "2fff"}. NULL -> null */
void ward_jw_i64(struct ward_buf *b, int64_t v);
void ward_jw_u64(struct ward_buf *b, uint64_t v);
void ward_jw_f64(struct ward_buf *b, double v);            /* exact, not shortest; nan, inf -> null */
void ward_jw_bool(struct ward_buf *b, bool v);
void ward_jw_null(struct ward_buf *b);
void ward_jw_open(struct ward_buf *b, char c);             /* '{' or '[', comma when needed */
void ward_jw_close(struct ward_buf *b, char c);
void ward_jw_raw(struct ward_buf *b, const char *json, size_t n); /* a finished value */
void ward_jw_value(struct ward_buf *b, const struct ward_json *v); /* what was read; NULL -> null */
void ward_jw_kstr(struct ward_buf *b, const char *key, const char *s); /* key + value in one */
void ward_jw_ki64(struct ward_buf *b, const char *key, int64_t v);
void ward_jw_ku64(struct ward_buf *b, const char *key, uint64_t v);
void ward_jw_kbool(struct ward_buf *b, const char *key, bool v);
void ward_jw_kstrs(struct ward_buf *b, const char *key, const char *const *v, size_t n); /* an array of strings */
