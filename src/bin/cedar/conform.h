/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward cedar conformance: its own files' common ground. A case is a file that is run, or a vector of a file of vectors; it
 * agrees or it does not, and each disagreement is one line.
 */
#pragma once

#include "bin/cedar/cedar.h"

enum compat { COMPAT_ANY = 0, COMPAT_ERROR, COMPAT_WARNING };   /* 4.9 and 4.10; 4.13 */
struct conform {
	struct args *a;
	enum compat compat;
	size_t passed, failed;
	size_t cases, requests, vectors, depend; /* depend: cases on whose verdict versions differ */
	size_t same, differ;         /* recorded texts */
	/* of the case at hand */
	const char *name;
	bool bad;
	struct ward_arena *arena;    /* of its JSON */
	struct ward_policy_scratch *scratch;
};

/* One line; the case at hand does not agree. */
void disagree(struct conform *c, const char *fmt, ...) WARD_PRINTF(2, 3);
/* The first error of the last operation; borrowed until the next. The findings are forgotten. */
const char *last_error(struct conform *c);
const char *last_place(struct conform *c);       /* with line and column before it */
void case_begin(struct conform *c, const char *name);
void case_end(struct conform *c);
/* A file as text and, where j is not NULL, as JSON in c->arena. False: there is a disagreement. */
bool conform_read(struct conform *c, const char *path, struct text *ret, struct ward_json **j);
/* A finding's text as it was recorded elsewhere: in lower case, without "for policy `x`, ". */
bool same_message(struct ward_str recorded, const char *ours);
/* Equal as JSON: members of objects in any order. */
bool json_same(const struct ward_json *a, const struct ward_json *b);
const char *json_text(const struct ward_json *j, const char *name);     /* a member that is text, or NULL */
bool json_true(const struct ward_json *j, const char *name);
static inline enum ward_policy_syntax syntax_of_name(const char *name)
{
	return ward_has_suffix(name, ".json") ? WARD_POLICY_JSON : WARD_POLICY_CEDAR;
}
struct ward_str slice_of(const struct text *t, const struct ward_json *j);

/* conform_case.c, conform_probe.c: files; j is t's tree. */
void conform_case(struct conform *c, const char *path, struct text *t, const struct ward_json *j);
void conform_vectors(struct conform *c, const char *path, const struct ward_json *j);
void conform_entities(struct conform *c, const char *path, const struct ward_json *j, const char *record);
/* Where a file that a case names is: in the folder of the case, or in one above it. NULL: nowhere. */
char *conform_locate(const char *case_path, const char *name);
/* PATH with the last suffix in place of ".json", in folder (NULL: beside it); NULL: there is none. */
char *conform_beside(const char *path, const char *folder, const char *suffix);
/* The same in folder, or in the one called name beside the case's folder or in it. */
char *conform_sibling(const char *path, const char *folder, const char *name, const char *suffix);
/* Is the entity's uid "Type::id"? Does the schema take it, by itself? */
bool conform_uid_is(const struct ward_json *entity, struct ward_str name);
bool conform_entity_fits(struct conform *c, const struct ward_policy_schema *schema, struct ward_str entity);
