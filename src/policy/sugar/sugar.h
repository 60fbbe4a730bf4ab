/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/sugar: what people write instead of Cedar, as Cedar: capabilities and profiles. Each rule becomes one policy that names
 * the place where it stood. What cannot be said exactly is refused. Pure.
 */
#pragma once

#include "policy/book/book.h"

struct ward_caps;
struct ward_docs;
struct ward_origin;
struct ward_profile;

/* Policies to be, one text after the other. Texts and names live in arena; what rules are made of is also the documents'. */
struct ward_sources {
	struct ward_arena *arena;        /* borrowed */
	struct ward_source *v;           /* malloced; ward_sources_done() */
	size_t n, cap;
};
void ward_sources_done(struct ward_sources *s);
/* A copy of it, at the end. */
int ward_sources_add(struct ward_sources *s, const struct ward_source *src, struct ward_error *err);
/* One of the rules that a source may be made of, as a policy: each after the other, they are its text. */
void ward_source_rule_text(const struct ward_source_rule *r, struct ward_buf *out);
/* The texts of those that are made of rules, for who shows them. */
int ward_sources_write(struct ward_sources *s, struct ward_error *err);

/* What only the host knows. */
struct ward_sugar_host {
	const char *cwd;                 /* absolute: what a literal path is relative to */
	/* The absolute path of the program of that name, in a's memory; NULL: there is none. */
	const char *(*program)(const char *name, struct ward_arena *a, void *arg);
	/* All of that name that a run could find, for what takes away, NULL at the end. Itself NULL: what `program` says. */
	int (*programs)(const char *name, struct ward_arena *a, const char *const **ret, void *arg, struct ward_error *err);
	/* There is none of them, so that what stands at o takes nothing away. May be NULL. */
	int (*in_vain)(const char *name, const struct ward_origin *o, void *arg, struct ward_error *err);
	void *arg;
	bool repository_grants;          /* it is trusted; else its profiles only narrow those of others */
};

/*
 * FILE_READ permits fs.read; FILE_WRITE fs.write and fs.read; EXTERNAL_COMMAND the program, and reading its file. A variable
 * with a value is no policy: whoever wrote it down knows it.
 */
int ward_sugar_caps(struct ward_sources *to, const struct ward_caps *caps, enum ward_layer layer,
	const struct ward_sugar_host *host, struct ward_error *err);
/* Where a document of grants stands. */
struct ward_sugar_from {
	const char *file;                /* its name says whose it is, where it is UUID.cedar.json */
	enum ward_layer layer;
	bool narrows;
};
/* import.c: a document that maps components to what they are allowed and denied (docs/spec/import.md). */
int ward_sugar_import(struct ward_sources *to, const struct ward_json *root, const struct ward_sugar_from *from,
	const struct ward_sugar_host *host, struct ward_error *err);
/* What the documents deny whatever the profile, for runs that name none. */
int ward_sugar_denies(struct ward_sources *to, const struct ward_docs *docs, struct ward_error *err);
/* The first part of each operation grants, the others narrow; denies and "!" forbid. */
int ward_sugar_profile(struct ward_sources *to, const struct ward_profile *p, const struct ward_sugar_host *host,
	struct ward_error *err);
