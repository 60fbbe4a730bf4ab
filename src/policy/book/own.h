/* SPDX-License-Identifier: Apache-2.0 */
/* The book's own: what its policies mention, so that a resource can be said to lie in it. */
#pragma once

#include "policy/book/book.h"
#include "policy/pattern/pattern.h"

/* Entity types that the book looks into, and those it makes. X(id, name) */
#define WARD_TYPES(X) \
	X(PATH, "Path") X(GLOB, "Glob") X(PROGRAM, "Program") X(ENDPOINT, "Endpoint") X(HOST, "Host") \
	X(DOMAIN, "Domain") X(CIDR, "Cidr") \
	X(VARIABLE, "Variable") X(SECRET, "Secret") X(ARTIFACT, "Artifact") X(TABLE, "Table") X(REGISTRY, "Registry") \
	X(REPOSITORY, "Repository") X(TOOL, "Tool") X(SANDBOX, "Sandbox") X(CAPABILITY, "Capability") X(MODE, "Mode") \
	X(PHASE, "Phase") X(ENVIRONMENT, "Environment") X(TRUST, "Trust") X(PROTOCOL, "Protocol") X(PERSON, "Person") \
	X(AGENT, "Agent") X(COMPONENT, "Component") X(RUN, "Run") X(ACTION, "Action")
enum ward_type {
	WARD_TYPE_NONE = 0,
#define WARD_X(id, name) WARD_TYPE_##id,
	WARD_TYPES(WARD_X)
#undef WARD_X
	WARD_TYPE_MAX
};

/* Names of attributes and of what contexts hold. X(id, name) */
#define WARD_WORDS(X) \
	X(PHASE, "phase") X(ENVIRONMENT, "environment") X(TIER, "tier") X(TRUST, "trust") X(MODE, "mode") X(TIME, "time") \
	X(LABELS, "labels") X(ARGV, "argv_sha256") X(METHOD, "method") X(PATH, "path") X(BRANCH, "branch") X(REMOTE, "remote") \
	X(NAME, "name") X(VERSION, "version") X(UID, "uid") X(PORT, "port") X(BACKEND, "backend") X(PROGRAM, "program") \
	X(ACTION, "action") X(TARGET, "target") X(INSPECTED, "inspected") \
	X(WORKSPACE, "workspace") X(REPO_ROOT, "repo_root") X(GIT_DIRS, "git_dirs") X(GIT_PROTECTED, "git_protected")
enum ward_word {
#define WARD_X(id, name) WARD_WORD_##id,
	WARD_WORDS(WARD_X)
#undef WARD_X
	WARD_WORD_MAX
};

struct ward_range {
	const struct cedar_uid *uid;
	struct cedar_ip ip;
	size_t same;                     /* from this one on, how many have its width */
};
/* Entities that some policy or the principal names, by hash: only in these can it matter that a resource lies. */
struct ward_known {
	const struct cedar_uid **v;      /* open-addressed, at most half full */
	size_t n, cap;
};

/*
 * parts.c: what was made of a place, or of all that a rule spares, by where that lies in memory: a rule that has exceptions names what
 * many others name, and what may not be read may not be written either.
 */
struct ward_planted {
	struct ward_planted_test {
		const void *of;          /* an id, or the places; borrowed from the sources: gone with them */
		size_t n;                /* of the places; 0: an id */
		bool in, pattern;
		const struct cedar_uid *uid;
		const struct cedar_expr *test; /* NULL: nobody asked */
		const struct cedar_condition *unless;
	} *v;                            /* malloced, open-addressed, at most half full */
	size_t n, cap;
	const struct cedar_expr *resource;
};
void ward_planted_done(struct ward_planted *p);

struct ward_globs {
	struct ward_patterns *patterns;
	const struct cedar_uid **uids;   /* by number of the pattern */
	const struct ward_pattern **ready;       /* by the same; NULL: not compiled yet */
	size_t n, cap;
};

struct ward_book {
	struct cedar_pool *pool;         /* names, who asks, what is mentioned */
	struct ward_arena *arena;        /* of the pool */
	const char *workspace;
	size_t workspace_n;
	struct ward_book_set grants;
	struct ward_book_set reach;      /* of these the permits to connect, alone: a forbid hides what they hold */
	struct ward_book_set *bounds;
	size_t n_bounds;
	struct ward_book_set *sources;   /* owners of the trees */
	size_t n_sources;
	struct cedar_entities *entities;
	const struct cedar_uid *principal, *person;
	const struct cedar_uid *actions[WARD_ACT_MAX];
	const struct cedar_str *types[WARD_TYPE_MAX], *words[WARD_WORD_MAX];
	struct ward_known known;
	const struct ward_pattern *ready; /* of the id at hand */
	struct ward_planted planted;     /* while sources are read */
	bool sure;                       /* patterns at hand were patterns before: they are not looked at twice */
	struct ward_globs globs[2];      /* absolute ones, and those that are relative to the workspace */
	struct ward_range *ranges;
	size_t n_ranges, cap_ranges;
	struct cedar_member fixed[WARD_WORD_MAX];        /* of every context, in no order */
	uint32_t n_fixed;
	const struct ward_book_rule *timely, *late, *late_read, *unheld, *by_name;
	uint16_t *ports;                 /* in the arena: at which the answers about one host could differ */
	size_t n_ports;
	const struct ward_book_rule **by_program; /* in the arena: ward_book_by_program() */
	size_t n_by_program, cap_by_program;
	const char **programs;           /* in the arena: those that policies about connecting name, in no order */
	size_t n_programs, cap_programs;
	bool asks_program;               /* some of them look at context.program */
	bool programs_unsure;            /* ward_book_programs_unsure() */
	bool inspects;                   /* ward_book_inspects() */
	bool net_limited;                /* a permit has @net_limit */
	struct ward_book_warning *warnings; /* malloced; their texts are the arena's */
	size_t n_warnings, cap_warnings;
};

/* ids.c */
const struct cedar_uid *ward_book_id(struct cedar_pool *pool, const struct cedar_uid *uid, struct cedar_refusal *why, void *book);
/* False: no memory. */
bool ward_book_mention(struct ward_book *b, const struct cedar_uid *uid);
/* When no range comes any more: those that an address lies in are found without a look at each. */
void ward_book_sort_ranges(struct ward_book *b);
/* The next of them, from *io_at, 0 at first; NULL behind the last. */
const struct ward_range *ward_book_range_of(const struct ward_book *b, const struct cedar_ip *ip, size_t *io_at);
const struct cedar_uid *ward_book_uid(struct ward_book *b, enum ward_type t, const char *id, size_t n); /* NULL: no memory */

/* book.c: bits of enum ward_action that a policy may be about. reach.c: b->ports. */
uint32_t ward_book_actions_of(const struct ward_book *b, const struct cedar_policy *p);
int ward_book_find_ports(struct ward_book *b);

/* timely.c: does a policy look at context.time, or at context as a whole? */
/* late: does it take away by a pattern that is no whole directory? leading: NULL, or the patterns that count, NULL behind the last. */
bool ward_book_is_late(const struct ward_book *b, const struct cedar_policy *p, const struct cedar_uid *const *leading);
/* The patterns of names that can match below dir, malloced; NULL: no memory. */
const struct cedar_uid **ward_book_leading(const struct ward_book *b, const char *dir);
/* unheld: does it forbid programs by their arguments, which no path tells? named: does it look at resource.name? */
bool ward_book_is_unheld(const struct ward_book *b, const struct cedar_policy *p);
bool ward_book_is_named(const struct ward_book *b, const struct cedar_policy *p);
/* programs.c: who may connect for which program; the programs that policies name. */
int ward_book_find_programs(struct ward_book *b, struct ward_error *err);
/* Does a condition look at that word of the context, or at the context as a whole? */
bool ward_book_looks_at(const struct ward_book *b, const struct cedar_policy *p, enum ward_word word);
/* inspected.c: b->inspects. What gives by it is an error. */
int ward_book_find_inspected(struct ward_book *b, struct ward_error *err);
bool ward_book_is_timely(const struct ward_book *b, const struct cedar_policy *p);

/* provenance.c: set->rules from annotations and places. */
int ward_book_provenance(struct ward_book *b, const struct ward_source *src, struct ward_book_set *set, struct ward_error *err);

/*
 * vain.c: of whom a policy may be true, by its place in the set, as the validator tells. Then what a
 * source says in vain that has been found valid; d: what was found of it. A forbid that never holds: WARD_E_REFUSED.
 */
struct ward_book_whose {
	const struct ward_book *b;
	const struct cedar_policy_list *of;
	uint8_t *v;                  /* one a policy */
	size_t at;
};
/* What the language says of a policy, without its number, which nobody gave it. */
const char *ward_book_said(const char *message);
void ward_book_is_whose(void *arg, const struct cedar_policy *p, const struct cedar_uid *action, const struct cedar_str *principal);
int ward_book_vain(struct ward_book *b, const struct ward_source *src, const struct cedar_schema *schema,
	const struct ward_book_set *set, const struct cedar_diags *d, const uint8_t *whose, bool starts, struct ward_error *err);
/* Of two policies that have one @id the later one is warned of. */
int ward_book_same_ids(struct ward_book *b);

/* meant.c: a better fix into err, which holds the first error of d. */
void ward_book_meant(const struct ward_book *b, const struct ward_source *src, const struct cedar_schema *schema,
	const struct ward_book_set *set, const struct cedar_diags *d, struct ward_error *err);

/* parts.c: set->policies and set->rules from src->rules, without a text. number: of the source. stay: as of patterns_stay. */
int ward_book_parts(struct ward_book *b, const struct ward_source *src, size_t number, bool stay, struct ward_book_set *set,
	struct ward_error *err);

/* who.c: the principal, the actions and the circumstances. */
int ward_book_who(struct ward_book *b, const struct ward_book_input *in, struct cedar_diags *d);
