/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/value: what expressions become, the four extension types, and the types that a schema gives to values. Values are
 * immutable; their memory is that of a pool or of a scratch arena, whose owner outlives them. Equality and hash are those
 * of the language: sets and records ignore order, extension values compare by value.
 */
#pragma once

#include "cedar/syntax/syntax.h"

enum cedar_tag {
	CEDAR_V_NONE = 0, CEDAR_V_BOOL, CEDAR_V_LONG, CEDAR_V_STRING, CEDAR_V_ENTITY, CEDAR_V_SET, CEDAR_V_RECORD,
	CEDAR_V_DECIMAL, CEDAR_V_IP, CEDAR_V_DATETIME, CEDAR_V_DURATION,
	CEDAR_V_MAX
};
struct cedar_ip {
	uint8_t v6, prefix;
	uint8_t addr[16];                /* v4: the first four, the rest 0; host bits are kept */
};
struct cedar_value {
	uint8_t tag;
	union {
		bool truth;
		int64_t number;          /* LONG; DECIMAL in 1/10000; DATETIME and DURATION in ms */
		const struct cedar_str *str;
		const struct cedar_uid *uid;
		const struct cedar_set *set;
		const struct cedar_record *record;
		const struct cedar_ip *ip;
	};
	/*
	 * Extension values: what was written in the constructor, which is printed again ("1.50", "1d2h"); NULL: it was
	 * computed, and its canonical form is printed. Means nothing for others, and never counts in comparisons.
	 */
	const struct cedar_str *text;
};
/* Elements without duplicates (the last of equal ones stays), ordered by hash, equal hashes in the order of arrival. */
struct cedar_set {
	uint64_t hash;
	uint32_t n;
	bool entities;                                   /* no element is anything else; so of an empty one */
	struct cedar_value v[];
};
struct cedar_member {
	const struct cedar_str *name;
	struct cedar_value value;
};
/* Ordered by ward_cedar_str_cmp() of the names, which are distinct. */
struct cedar_record {
	uint64_t hash;
	uint32_t n;
	struct cedar_member v[];
};

/* ---- value.c ---- */
bool ward_cedar_value_eq(const struct cedar_value *a, const struct cedar_value *b);
uint64_t ward_cedar_value_hash(const struct cedar_value *v);
/* A total order for output alone (by tag, then content): what is printed never depends on hashes. */
int ward_cedar_value_cmp(const struct cedar_value *a, const struct cedar_value *b);
/*
 * v is reordered and its duplicates dropped. NULL: no memory. Records: names must be distinct, else NULL with *ret_twice
 * (may be NULL) set to the name.
 */
const struct cedar_set *ward_cedar_set_new(struct ward_arena *a, struct cedar_value *v, size_t n);
const struct cedar_record *ward_cedar_record_new(struct ward_arena *a, struct cedar_member *v, size_t n,
	const struct cedar_str **ret_twice);
bool ward_cedar_set_has(const struct cedar_set *s, const struct cedar_value *v);
const struct cedar_value *ward_cedar_record_get(const struct cedar_record *r, const struct cedar_str *name);
/* "bool" "long" "string" "(entity of type `A::B`)" "set" "record" "ipaddr"...: as the language's messages say it. */
void ward_cedar_value_type_name(struct ward_buf *out, const struct cedar_value *v);
/* Text of the language for it: [..] and {..} in the order of ward_cedar_value_cmp(), ip("1.1.1.1"), decimal("1.50")... */
void ward_cedar_value_print(struct ward_buf *out, const struct cedar_value *v);
void ward_cedar_value_print_short(struct ward_buf *out, const struct cedar_value *v); /* five elements of each: for messages */
/* Entity-JSON of it ("__entity", "__extn" with fn and arg), objects ordered by name. */
void ward_cedar_value_json(struct ward_buf *out, const struct cedar_value *v);
void ward_cedar_uid_json(struct ward_buf *out, const struct cedar_uid *uid);     /* {"type":..,"id":..} */
/* A copy that lives in another pool. */
int ward_cedar_value_adopt(struct cedar_pool *p, const struct cedar_value *v, struct cedar_value *ret);
/* The same as literals, Set, Record and Call nodes. NULL: no memory. */
const struct cedar_expr *ward_cedar_value_expr(struct cedar_pool *p, const struct cedar_value *v);

/* ---- decimal.c ip.c time.c: what is written in constructors. false: not a value of the type ---- */
bool ward_cedar_decimal_parse(struct ward_str s, int64_t *ret);
bool ward_cedar_ip_parse(struct ward_str s, struct cedar_ip *ret);
bool ward_cedar_datetime_parse(struct ward_str s, int64_t *ret_ms);
bool ward_cedar_duration_parse(struct ward_str s, int64_t *ret_ms);
void ward_cedar_decimal_print(struct ward_buf *out, int64_t v);                 /* "-0.1200" */
void ward_cedar_ip_print(struct ward_buf *out, const struct cedar_ip *ip);      /* "::1/128" */

/* ---- call.c: the extension functions ---- */
/* Why a value could not be had. The text is built from it by ward_cedar_fault_print(), only when somebody asks. */
enum cedar_fault_kind {
	CEDAR_FAULT_NONE = 0,
	CEDAR_FAULT_TYPE,                /* value is not of one of the types in want */
	CEDAR_FAULT_ENTITY,              /* uid is not there */
	CEDAR_FAULT_ATTR,                /* uid (or a record: uid NULL) has no attribute name. value: the record without it; */
	CEDAR_FAULT_TAG,                 /* uid has no tag name. value2: the other one of attributes and tags. For the help. */
	CEDAR_FAULT_OVERFLOW,            /* op: enum cedar_expr_kind ADD SUB MUL NEG, on value and value2 */
	CEDAR_FAULT_ARITY,               /* fn: want arguments, got other */
	CEDAR_FAULT_EXTENSION,           /* fn: its argument (value) is none, or the result has no value */
	CEDAR_FAULT_SLOT,                /* op: a slot without a value: a bug of the caller */
	CEDAR_FAULT_UNKNOWN,             /* an unknown (name) where a value is due */
	CEDAR_FAULT_DEPTH,               /* deeper than allowed */
	CEDAR_FAULT_MEMORY,              /* no memory: no decision at all, never a policy's own error */
	CEDAR_FAULT_KIND_MAX
};
struct cedar_fault {
	uint8_t kind, op, fn;
	uint16_t want;                   /* TYPE: bits 1 << enum cedar_tag; ARITY: how many */
	uint32_t got;
	struct cedar_value value, value2;
	const struct cedar_uid *uid;
	const struct cedar_str *name;
};
void ward_cedar_fault_print(struct ward_buf *out, const struct cedar_fault *f);
/* What to do about it; nothing is added if there is nothing to say. */
void ward_cedar_fault_help(struct ward_buf *out, const struct cedar_fault *f);
/* v[n]: arguments, the receiver first. Results that need memory (ip) take it from a; they point to texts of v. false: *f says why. */
bool ward_cedar_call(struct ward_arena *a, enum cedar_fn fn, const struct cedar_value *v, size_t n, struct cedar_value *ret,
	struct cedar_fault *f);

/* ---- wildcard.c: like; linear in text and pattern, no recursion ---- */
bool ward_cedar_like(struct ward_str s, const struct cedar_str *pattern);

/* ---- types that a schema gives; made by cedar/schema, read by cedar/entity and cedar/validate ---- */
enum cedar_type_kind {
	CEDAR_TYPE_NONE = 0, CEDAR_TYPE_BOOL, CEDAR_TYPE_LONG, CEDAR_TYPE_STRING,
	CEDAR_TYPE_SET,                  /* element */
	CEDAR_TYPE_RECORD,               /* attrs[n], ordered by name; closed */
	CEDAR_TYPE_ENTITY,               /* name */
	CEDAR_TYPE_EXT,                  /* ext */
};
struct cedar_attr_type {
	const struct cedar_str *name;
	const struct cedar_type *type;
	bool required;
};
struct cedar_type {
	uint8_t kind, ext;
	uint32_t n;
	union {
		const struct cedar_type *element;
		const struct cedar_attr_type *attrs;
		const struct cedar_str *name;
	};
};
const struct cedar_attr_type *ward_cedar_type_attr(const struct cedar_type *record, const struct cedar_str *name);
/* As the language writes it in messages and schemas: "Set<Long>", "{a: Long, b?: String}", "A::B". */
void ward_cedar_type_print(struct ward_buf *out, const struct cedar_type *t);

/* ---- json.c: values in entity-JSON ---- */
struct cedar_json_context {
	struct cedar_pool *pool;
	struct cedar_diags *diags;
	const char *what;                /* for messages: "while parsing context"; NULL: as uid and name say, or nothing */
	const struct cedar_uid *uid;     /* "in attribute `name` on `uid`", or tag; name NULL: "in parents field of `uid`" */
	const struct cedar_str *name;
	bool tag;
	struct ward_arena *scratch;      /* for what is needed on the way; NULL: the pool's */
};
/*
 * expected NULL: escapes (__entity, __extn) say what a value is. Else it says so too, and shorthand is taken:
 * "1.1.1.1" for an ipaddr, {type,id} for an entity, {fn,arg} for an extension. Sets must be lists then, and records must
 * have the attributes they should; whether everything else fits is ward_cedar_value_fits()'s to say.
 */
int ward_cedar_json_value(const struct cedar_json_context *c, const struct ward_json *j, const struct cedar_type *expected,
	struct cedar_value *ret);
/* {"type":..,"id":..} or {"__entity":{..}}. */
int ward_cedar_json_uid(const struct cedar_json_context *c, const struct ward_json *j, const struct cedar_uid **ret);
/*
 * In the object of an __entity or __extn, a number that is not a 64-bit integer among the members that are not read; those
 * that are read say so themselves. NULL: none.
 */
const struct ward_json *ward_cedar_json_stray_real(const struct ward_json *escape);
/*
 * A document as Cedar's are: NUL in texts, numbers of any size, WARD_CEDAR_JSON_DEPTH_MAX, WARD_CEDAR_JSON_BYTES_MAX. A
 * number that is not written as a 64-bit integer (-0 among them) is a WARD_JSON_REAL.
 */
int ward_cedar_json_parse(struct ward_arena *a, struct ward_str text, struct ward_json **ret, struct cedar_diags *d);
/* The same of a list, an element at a time: see ward_json_each(). */
int ward_cedar_json_each(struct ward_arena *a, struct ward_str text, int (*each)(const struct ward_json *element, void *arg),
	void *arg, struct cedar_diags *d);
