/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/doc: documents of kind Policy (docs/spec/policy.md): deny lists and named profiles of file rules. Trees in, resolved
 * profiles out; pure. Nothing here decides: a resolved profile is what policy/sugar turns into Cedar.
 *
 * What a resolved profile means, for an operation and a normalised path relative to the workspace ("." is the workspace):
 *
 *	allowed = every part allows, and no deny denies
 *	a part allows   = its last rule that matches is positive (not "!"); no rule matches: no
 *	a deny denies   = its last rule that matches is positive; "!" in it is an exception from that one list
 *
 * There is one part for each layer that defines the profile, so that a lower layer narrows and never replaces; and one deny
 * for each list of each document, so that a document's exceptions open what that document denies and nothing else. What is not
 * readable is not modifiable: the parts and denies of MODIFY are those of "modify" and "denyModify", then those of READ.
 */
#pragma once

#include "policy/doc/setting.h"
#include "policy/layer.h"
#include "policy/pattern/pattern.h"
#include "policy/policy.h"

enum ward_doc_op { WARD_DOC_READ = 0, WARD_DOC_MODIFY, WARD_DOC_OP_MAX };

/* The lists that hold rules: X(id, name in the document). */
#define WARD_DOC_LISTS(X) \
	X(WARD_DOC_LIST_READ, "read") \
	X(WARD_DOC_LIST_MODIFY, "modify") \
	X(WARD_DOC_LIST_ALLOW_EXEC, "allowExec") \
	X(WARD_DOC_LIST_DENY_EXEC, "denyExec") \
	X(WARD_DOC_LIST_ENV, "env") \
	X(WARD_DOC_LIST_CACHES, "caches") \
	X(WARD_DOC_LIST_NET_ALLOW, "network.allow") \
	X(WARD_DOC_LIST_NET_DENY, "network.deny") \
	X(WARD_DOC_LIST_DENY_READ, "denyRead") \
	X(WARD_DOC_LIST_DENY_MODIFY, "denyModify")

enum ward_doc_list {
#define WARD_X(id, name) id,
	WARD_DOC_LISTS(WARD_X)
#undef WARD_X
	WARD_DOC_LIST_MAX
};
#define WARD_DOC_PROFILE_LISTS (WARD_DOC_LIST_NET_DENY + 1) /* those of a profile; the other two are the document's */

struct ward_doc;

struct ward_doc_rule {
	const char *text;       /* as written, "!" and all */
	/*
	 * read, modify, deny*: a pattern in its document's grammar, normalised: relative, no "./" in front, no empty or "."
	 * component, no "/" at the end; "." alone is the workspace. Exec: NAME, /abs/path, /abs/dir and "/" "**", or "*".
	 * Env: NAME or NAME=VALUE. Caches: the name of a package cache, or all. Network: an endpoint in its one spelling.
	 */
	const char *pattern;
	const struct ward_pattern *compiled; /* of it; NULL for programs, variables, caches and endpoints */
	bool negated;           /* "!": only in read, modify and denyModify */
	enum ward_doc_list list;
	struct ward_origin origin;
	const struct ward_doc *doc;  /* where it stands: layer, file, grammar */
	const char *profile;    /* the profile that it stands in; NULL for denyRead and denyModify */
};

struct ward_doc_rules {
	const struct ward_doc_rule *v;
	size_t n;
	struct ward_origin origin;   /* of the list as it stands in a document; line 0 when it was left out, or was made */
};

/* A name in extends or includes. */
struct ward_doc_ref {
	const char *name;
	struct ward_origin origin;
};

/* A profile as it stands in its document. */
struct ward_doc_profile {
	const char *name, *description;      /* description may be NULL */
	struct ward_origin origin;           /* of the name */
	const struct ward_doc *doc;
	struct ward_doc_rules lists[WARD_DOC_PROFILE_LISTS];
	struct ward_doc_limit limits[WARD_DOC_LIMIT_MAX];
	struct ward_doc_network network;
	const struct ward_doc_ref *includes, *extends;
	size_t n_includes, n_extends;
};

struct ward_doc {
	enum ward_layer layer;
	unsigned grammar;                    /* 1 or 2 */
	const char *file, *name, *description;  /* metadata.name; description may be NULL */
	struct ward_doc_rules deny[WARD_DOC_OP_MAX]; /* denyRead, denyModify */
	const struct ward_doc_profile *profiles;     /* in the order written */
	size_t n_profiles;
};

/* ---- resolved ---- */

/* One last-match list. For a part: includes, then extends, then the profile's own rules (docs/spec/policy.md). */
struct ward_profile_list {
	enum ward_layer layer; struct ward_origin origin; /* of a part: this layer's definition of the profile */
	struct ward_doc_rules rules;
};

struct ward_profile_op {
	const struct ward_profile_list *parts, *denies;
	size_t n_parts, n_denies;            /* no parts: nothing is allowed */
};

/* A program is allowed when every part has an allow that names it and no deny that does. No "!" here. */
struct ward_profile_exec {
	enum ward_layer layer; struct ward_origin origin; /* as above */
	struct ward_doc_rules allow, deny;
};

/* An endpoint is allowed when every part has its mode or an allow for it and no deny that holds it. No "!" here either. */
struct ward_profile_network {
	enum ward_layer layer; struct ward_origin origin; /* as above */
	struct ward_doc_network said;        /* line 0: this layer says nothing, and so allows nothing */
	struct ward_doc_rules allow, deny;
};

struct ward_profile {
	const char *name, *description;
	struct ward_origin origin;           /* of its most trusted definition; file is NULL for the unrestricted that is made here */
	struct ward_profile_op op[WARD_DOC_OP_MAX];
	const struct ward_profile_exec *exec;
	size_t n_exec;
	const struct ward_profile_network *network; /* none: no layer says anything of the network */
	size_t n_network;
	struct ward_doc_rules env;           /* what every layer lets in; the most trusted layer's value */
	struct ward_doc_rules caches;        /* of the most trusted layer; of them those of cache_set, which every layer has */
	uint32_t cache_set;                  /* as ward_cache_parse() */
	struct ward_doc_limit limits[WARD_DOC_LIMIT_MAX]; /* the least of all layers */
};

/* ---- warnings: the policy is good, but says something that its author may not mean ---- */
enum ward_doc_warning_kind {
	WARD_DOC_WARN_EMPTY = 0, /* a list without rules, or without a positive one: it grants or denies nothing */
	WARD_DOC_WARN_NEVER,     /* a rule that no path can match, or that takes away what nothing gave */
	WARD_DOC_WARN_COVERED,   /* a rule that never decides: a later one, or a deny, covers it */
	WARD_DOC_WARN_SLASH,     /* "dir/" is the directory alone */
	WARD_DOC_WARN_PLAIN,     /* in grammar 1 "[ab]" and "{a,b}" are one name; of what takes away */
	WARD_DOC_WARN_HIDDEN,    /* a rule has characters that nobody sees, or that change the direction */
	WARD_DOC_WARN_WIDENS,    /* a lower layer's profile has a rule that the same profile of a higher one does not cover */
};
struct ward_doc_warning {
	enum ward_doc_warning_kind kind;
	struct ward_origin origin;
	const char *message, *fix;           /* fix may be "" */
};

/* ---- a set of documents ---- */
struct ward_docs;
struct ward_docs *ward_docs_new(void);                  /* NULL: no memory */
void ward_docs_free(struct ward_docs *docs);            /* NULL ok; everything that was handed out lives as long as docs */
void ward_docs_freep(struct ward_docs **docs);

/*
 * Read one document, out of JSON or YAML. The tree is copied from and may go. After an error (WARD_E_PARSE, WARD_E_INVALID,
 * WARD_E_LIMIT, WARD_E_NOMEM, each with its place and a fix) the set is as it was. Several documents of one layer are
 * added one by one; two that define the same profile are an error.
 */
int ward_docs_add(struct ward_docs *docs, enum ward_layer layer, const struct ward_json *root, const char *file,
	struct ward_error *err);
/* The same in two steps, of which the first may be another thread's: what it reads is in no set yet. take frees it in any case. */
struct ward_doc_alone;
int ward_doc_alone(enum ward_layer layer, const struct ward_json *root, const char *file, struct ward_doc_alone **ret,
	struct ward_error *err);
int ward_docs_take(struct ward_docs *docs, struct ward_doc_alone *one, struct ward_error *err);
void ward_doc_alone_free(struct ward_doc_alone *one);  /* NULL ok */
/*
 * Look at the whole: every name in extends and includes (own document, own layer, more trusted layers; never a less trusted
 * one), cycles, rules that a deny contradicts, exceptions that a higher layer does not have; resolves every profile once, and
 * collects the warnings anew. To be called after the last add; resolve does it where it was not.
 */
int ward_docs_check(struct ward_docs *docs, struct ward_error *err);
/*
 * The same in two steps, errors first. The second may be another thread's while this one resolves profiles and reads documents: what it
 * writes is ward_docs_warnings() alone, which is there when it has returned. Once; without the first it does nothing.
 */
int ward_docs_check_errors(struct ward_docs *docs, struct ward_error *err);
int ward_docs_warn(struct ward_docs *docs, struct ward_error *err);
/*
 * The profile of that name. asked is where the name was written ("--profile"; may be NULL). name NULL: WARD_E_INVALID, since
 * leaving the profile out never means "everything". None has it: WARD_E_NOTFOUND with the nearest name; only "unrestricted"
 * is made when nobody defines it: the whole workspace, every program in the view, no variables. The profiles of the builtin
 * layer are defaults: one counts only where no other layer has its name. Denies of all documents always count.
 */
int ward_docs_resolve(struct ward_docs *docs, const char *name, const struct ward_origin *asked,
	const struct ward_profile **ret, struct ward_error *err);

size_t ward_docs_count(const struct ward_docs *docs);
const struct ward_doc *ward_docs_get(const struct ward_docs *docs, size_t i);  /* in the order added */
/* Warnings of the last check; ordered by document and place. */
const struct ward_doc_warning *ward_docs_warnings(const struct ward_docs *docs, size_t *ret_n);

const char *ward_doc_list_name(enum ward_doc_list list);
const char *ward_doc_limit_name(enum ward_doc_limit_id id);
const char *ward_doc_net_mode_name(enum ward_doc_net_mode mode);
