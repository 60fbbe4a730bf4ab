/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formatter's own. One policy at a time: its tokens with the comments around them (token.c), its concrete tree, which
 * keeps all that was written (tree.c), the layout of that as a line of operations (lay.c), and those as text (doc.c).
 */
#pragma once

#include "cedar/format/format.h"
#include "cedar/syntax/parser.h"

/* ---- token.c ---- */

/* A part of the text that holds blanks and comments alone. */
struct gap {
	uint32_t start, end;
	struct gap *next;
};
/*
 * What stands between two tokens belongs to the first of them up to the end of its line (trail, without the blanks around),
 * and to the second behind it (lead). lost: what is put before lead because the layout has no place for it at its own.
 */
struct ftoken {
	uint32_t start, end;
	struct gap lead;
	uint32_t trail, trail_end;
	const struct gap *lost;
	uint8_t kind;                            /* enum token_kind */
	bool shown;                              /* the layout has taken its comments */
};
struct tokens {
	struct ftoken *v;
	uint32_t n, cap;
	bool comments;                           /* there is one */
	uint64_t sum;                            /* of all that were read: equal if none was lost and none made */
};
void ward_cedar_tokens_done(struct tokens *t);
/*
 * Those of the next policy, up to its semicolon, from *at on, which goes behind them; *lead is what belongs to the first of
 * them, and becomes what belongs to the one behind. n = 0: the text is at its end. False: no memory.
 */
bool ward_cedar_tokens_read(struct ward_str text, uint32_t *at, struct gap *lead, struct tokens *t);
/* Adds those of a gap to t->sum and t->comments. */
void ward_cedar_tokens_count(struct ward_str text, uint32_t start, uint32_t end, struct tokens *t);
/* The next comment in [*i, end), without blanks behind it; *i goes behind. False: there is none. */
bool ward_cedar_comment(struct ward_str text, uint32_t *i, uint32_t end, struct ward_str *ret);
struct ward_str ward_cedar_trim(struct ward_str s);

/* ---- tree.c ---- */
enum node_kind {
	N_NONE = 0,
	N_IF, N_OR, N_AND, N_RELATION, N_HAS, N_LIKE, N_IS, N_ADD, N_MUL, N_UNARY, N_MEMBER,
	N_LITERAL, N_NAME, N_UID, N_SLOT, N_PARENS, N_LIST, N_RECORD, N_FIELD,  /* FIELD: of a record: key, value */
	N_DOT, N_CALL, N_INDEX,
	N_VARIABLE,                              /* of the scope: type and what it is compared with; flags say which there are */
	N_ANNOTATION, N_CONDITION, N_POLICY,
};
#define NODE_IS 1u
#define NODE_COMPARED 2u
struct node {
	uint8_t kind, flags;
	uint32_t first, last;                    /* tokens, both included */
	uint32_t n;                              /* children */
	struct node *child, *next;
};
/* Children of a policy: annotations, three variables, conditions. NULL: no memory, or *bad: not a policy (a bug: it was parsed). */
struct node *ward_cedar_tree(struct ward_arena *a, const struct tokens *t, bool *bad);

/* ---- doc.c ---- */

/*
 * The operations of Wadler's printer in a line. A group is laid out flat if it and what follows it up to the next place to
 * break fit into the line and no hard break is in it.
 */
enum doc_kind { D_TEXT = 0, D_HARD, D_LINE, D_SOFT, D_GROUP, D_GROUP_END, D_NEST, D_NEST_END };
struct doc_op {
	const char *s;
	uint32_t n;                              /* bytes of TEXT; of NEST and its end, how far; of GROUP, where its end is */
	uint32_t width;                          /* of TEXT */
	uint8_t kind;
};
struct doc {
	struct doc_op *v;
	uint32_t n, cap;
	bool failed;                             /* no memory */
};
void ward_cedar_doc_done(struct doc *d);
void ward_cedar_doc_text(struct doc *d, const char *s, size_t n);
void ward_cedar_doc_op(struct doc *d, enum doc_kind kind, uint32_t n);
/* False: no memory. Takes time linear in the number of operations. */
bool ward_cedar_doc_render(const struct doc *d, size_t width, struct ward_buf *out);
/* What was rendered, to out: without blanks around it and without empty lines but those in texts. */
void ward_cedar_tidy(struct ward_buf *out, struct ward_str s);
/* width.c: how many columns a terminal shows it in. */
size_t ward_cedar_width(struct ward_str s);

/* ---- lay.c ---- */
void ward_cedar_lay(struct doc *d, struct ward_str text, struct tokens *t, const struct node *policy, unsigned indent);
