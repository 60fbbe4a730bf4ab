/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/book: the book of rules of a run. Policies of all layers, in Cedar's syntax, are read, bound to the workspace
 * ("./src" becomes an absolute path), validated against Ward's schema and compiled; the judge (decide) answers from it. A book is
 * immutable and may be asked by any number of threads. Pure: who reads files hands in texts.
 *
 * What is allowed: some source that grants permits it, no source forbids it, and every list of narrowing sources permits it, if that
 * one has a permit for this action at all. So a narrowing source (the ceiling, a repository that nobody trusts yet) can take
 * away by forbidding, or by listing what remains; it never gives.
 */
#pragma once

#include "cedar/cedar.h"
#include "policy/action.h"
#include "policy/layer.h"
#include "policy/net/net.h"

/* What a rule about files speaks of: one file, or a directory or pattern and all that lies in it. */
struct ward_source_place {
	const char *id;                  /* of an entity of Ward's: "./src", "/etc", "src/ *.c" */
	bool pattern, in;
	const struct ward_pattern *compiled;     /* of a pattern whose text is the id; NULL: the book compiles it */
};

/* A rule about files as a policy, in parts: a text of it would be made to be read again. */
struct ward_source_rule {
	const char *file;
	uint32_t line, column;           /* 0: an option */
	const char *text;                /* as it was written */
	enum ward_action action;
	bool forbids;
	const struct ward_source_place *place;   /* NULL: every file */
	const struct ward_source_place *spared;  /* what it is not about, though it lies there */
	size_t n_spared;
};

struct ward_source {
	const char *name;                /* for places: the file, "--cap", "mode read_only" */
	struct ward_str text;            /* policies; no templates */
	const struct ward_source_rule *rules;    /* NULL, or the same in parts, which count; strings and all are borrowed */
	size_t n_rules;
	enum ward_layer layer;
	bool narrows;
	unsigned list;                   /* narrowing sources of one layer and one number are one list: any of them may permit */
	bool inside;                     /* about places that are the sandbox's own, whatever the host has of that name */
	bool generated;                  /* out of policy/sugar: its @source, @layer and @text are believed */
	bool shipped;                    /* a text of data/ as it was built in: tests show that it is valid, a start does not */
};

/* Who asks. Strings are ids; NULL: there is none. At least person. */
struct ward_who {
	const char *run, *agent, *component, *person;
	const char *component_name, *component_version;  /* NULL: "" */
	int64_t uid;                     /* of the person */
	const char *repo_root;           /* absolute; NULL: the workspace */
	const char *const *git_dirs;     /* absolute */
	const char *const *git_protected;        /* absolute */
	size_t n_git_dirs, n_git_protected;
};

/* What holds for all of a run. Words are those of the schema; NULL: unregistered, dev, untrusted; no mode. */
struct ward_circumstances {
	const char *phase, *environment, *trust, *mode;
	int64_t tier;
	const char *const *labels;
	size_t n_labels;
};

struct ward_book_input {
	const struct cedar_schema *schema;       /* parsed; outlives the book. NULL: Ward's own, and nothing is to be validated */
	const char *schema_sha256;               /* of its text, for the snapshot; NULL: Ward's own */
	const char *workspace;                   /* absolute, normalised */
	const struct ward_source *sources;
	size_t n_sources;
	const struct ward_who *who;
	const struct ward_circumstances *circumstances;  /* NULL: nothing is known */
	bool starts, patterns_stay;              /* a run begins: vain.c; rules of the sources outlive the book: none is copied */
};

/* Zero is the most restrictive. */
enum ward_approval { WARD_APPROVAL_CRITICAL = 0, WARD_APPROVAL_RISKY, WARD_APPROVAL_NONE };
const char *ward_approval_name(enum ward_approval a);

/* Where a policy comes from. */
struct ward_book_rule {
	const char *id;                  /* @id, or NULL */
	const char *file;
	uint32_t line, column;           /* 0: an option */
	const char *text;                /* as it was written: the rule of a document, or the policy, of a long one its ends */
	const char *reason;              /* @reason, or NULL */
	enum ward_layer layer;
	enum ward_approval approval;     /* of a permit */
	bool forbids, inside, advisory, equals; /* advisory: a permit gives for who connects; equals: a policy says "resource ==" */
	const struct ward_net_limits *net; /* @net_limit of a permit to connect; NULL: none */
};

bool ward_source_unsure(const struct ward_source *s);    /* it has to be validated, and so needs a schema */

struct ward_book;
/*
 * WARD_E_PARSE, WARD_E_REFUSED (what the schema does not allow, a forbid that never holds), WARD_E_INVALID, WARD_E_LIMIT,
 * WARD_E_NOMEM: *ret is NULL, and err names file, line and column. Of several findings the first is told.
 */
int ward_book_new(const struct ward_book_input *in, struct ward_book **ret, struct ward_error *err);
void ward_book_free(struct ward_book *b), ward_book_freep(struct ward_book **b);        /* NULL ok */
struct ward_book_warning { const char *file, *message; uint32_t line, column; }; /* of what does nothing, or reads as another */
const struct ward_book_warning *ward_book_warnings(const struct ward_book *b, size_t *ret_n);    /* b's */

/* ---- for the judge, the compiler and those who show ---- */
struct ward_book_set {                   /* number i of compiled is rules[i] and the static policy i of policies */
	struct cedar_policies policies;
	struct cedar_compiled *compiled;
	struct ward_book_rule *rules;
	size_t room;                     /* of rules */
	uint32_t actions;                /* bits 1 << enum ward_action: what its permits speak of */
	enum ward_layer layer;
	unsigned list;
};
const struct ward_book_set *ward_book_grants(const struct ward_book *b);         /* permits that grant, and all forbids */
size_t ward_book_n_bounds(const struct ward_book *b);
const struct ward_book_set *ward_book_bound(const struct ward_book *b, size_t i);
/* The first permit of a set that speaks of an action; NULL: there is none. */
const struct ward_book_rule *ward_book_speaks(const struct ward_book *b, const struct ward_book_set *s, enum ward_action a);
const struct cedar_entities *ward_book_entities(const struct ward_book *b);      /* who asks, and the actions */
const char *ward_book_workspace(const struct ward_book *b);
/* What policies name of files and programs: between these answers are the same. Absolute paths, in no order, NULL behind the last. */
const char *ward_book_path(const struct ward_book *b, size_t *io_at);
/* All that policies name, of whatever type, and who asks: the same way. For those who look for what books answer differently. */
const struct cedar_uid *ward_book_named(const struct ward_book *b, size_t *io_at);
bool ward_book_names(const struct ward_book *b, const struct cedar_uid *uid); /* is it one of these? uid: of any book */
/* fresh.c: what forbids of b name that had (NULL: none) has not, word for word, maybe twice. Not 0 ends it and is returned; NOMEM. */
typedef int ward_book_thing_fn(void *arg, const struct cedar_uid *thing);
int ward_book_newly_forbids(const struct ward_book *b, const struct ward_book *had, enum ward_action action, ward_book_thing_fn *fn,
	void *arg);
const struct ward_patterns *ward_book_patterns(const struct ward_book *b, bool relative); /* else absolute */
bool ward_book_asks(const struct ward_book *b); /* does any rule want a person's yes? */
/* Does this rule, a permit that grants, have this path in its text: not just one that it lies in, or a pattern? */
bool ward_book_permit_names(const struct ward_book *b, const struct ward_book_rule *rule, const char *path);
/* A rule that forbids, or spares, files by a pattern: a name may come to be that it means. !written: about more than it. NULL: none. */
const struct ward_book_rule *ward_book_late(const struct ward_book *b, bool written);
const struct ward_book_rule *ward_book_late_in(const struct ward_book *b, const char *dir, bool written); /* that means one below dir */
size_t ward_book_late_more(const struct ward_book *b, bool written); /* how many such rules there are beside that one */
/* A rule about files that looks at what changes while a run lives (the time), and so cannot be decided once. NULL: there is none. */
const struct ward_book_rule *ward_book_timely(const struct ward_book *b);
const struct ward_book_rule *ward_book_unheld(const struct ward_book *b); /* forbids programs by arguments: nobody holds it; NULL */
const struct ward_book_rule *ward_book_by_name(const struct ward_book *b); /* about programs by their name; NULL: none */

/* ---- reach.c: connecting ---- */
/* Ports at which the answers about any host may differ, in order; none where nothing permits to connect. And those of its endpoints. */
const uint16_t *ward_book_ports(const struct ward_book *b, size_t *ret_n);
/* Rules about connecting that look at context.program, NULL behind the last. */
const struct ward_book_rule *ward_book_by_program(const struct ward_book *b, size_t *io_at);
bool ward_book_asks_program(const struct ward_book *b); /* is there any? */
const char *ward_book_program(const struct ward_book *b, size_t *io_at); /* each for which an answer may differ; NULL behind the last */
bool ward_book_programs_unsure(const struct ward_book *b); /* it may differ for others, too: a rule compares parts of it, say (like) */
bool ward_book_inspects(const struct ward_book *b); /* does a forbid look at what is spoken, context.inspected? Then each there is: */
const char *ward_book_protocol(const struct ward_book *b, size_t *io_at); /* NULL behind the last */
bool ward_book_net_limited(const struct ward_book *b); /* has a permit that grants to connect limits of its own? */
/* A permit that grants to connect: to host, with before it as a capability has it ("**." and "example.com"); NULL: every host. */
struct ward_book_reach {
	const struct ward_book_rule *rule;
	const char *before, *host;
	bool one, address, conditional;  /* host is an endpoint: it has its port; a range of addresses; with conditions, of ports say */
	const struct cedar_expr *narrow; /* without host: the condition that holds for none but what it names, or NULL: */
};
int ward_book_reach_named(const struct ward_book *b, const struct ward_book_reach *of,
	int (*fn)(const struct ward_book_reach *named, void *arg), void *arg); /* each; ends with the first r < 0 */
const struct ward_book_set *ward_book_reach_set(const struct ward_book *b); /* permits to connect that grant; compiled NULL: none */
/* Has this rule, one of the grants' set, this very endpoint in its text? */
bool ward_book_names_endpoint(const struct ward_book *b, const struct ward_book_rule *rule, const char *endpoint);
bool ward_book_reaches(const struct ward_book *b, size_t *io_at, struct ward_book_reach *ret);
/* The same of forbids: of those that name a host, or are of nothing but connecting. */
bool ward_book_net_forbids(const struct ward_book *b, size_t *io_at, struct ward_book_reach *ret);
const char *ward_book_endpoint(const struct ward_book *b, size_t *io_at); /* that policies name, in no order; NULL behind the last */

/* ---- thing.c: a resource as an entity that lies in what the policies name ---- */
struct ward_desk;                        /* what asking needs; one a thread; keeps its memory */
struct ward_desk *ward_desk_new(void);
void ward_desk_free(struct ward_desk *d), ward_desk_freep(struct ward_desk **d);
struct ward_query {
	enum ward_action action;
	enum ward_thing thing;           /* NONE: what the action is usually done to */
	struct ward_str resource;        /* PATH, PROGRAM, REPOSITORY: absolute, normalised. ENDPOINT: host:port. Else a name */
	int64_t now_ms;                  /* Unix time */
	bool any;                        /* the last names of a PATH or a PROGRAM may be WARD_ANY_NAME: the caller put them there */
	bool of_host;                    /* the host's file of that name is meant: permits about the sandbox's own do not count */
	bool meant;                      /* to connect: only permits count that mean this endpoint: docs/spec/capabilities.md */
	bool unreached;                  /* an address that is never reached is looked up as any other */
	const char *leads_to;            /* an ENDPOINT's address, as text: it lies in what that one lies in, too. NULL */
	bool by_person;                  /* the person asks, not the run: before there is one */
	const char *argv_sha256, *method, *path, *branch, *remote, *program, *inspected; /* NULL: not known, or not of this action */
	const char *backend;             /* of a SANDBOX */
	const int64_t *tier;             /* NULL: that of the run */
};
/* The request in cedar's words; lives in d until the next one. WARD_E_REFUSED: to connect to an address that is never reached. */
int ward_book_request(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q, struct cedar_request *ret);
/* To `to` by what policies tell an ENDPOINT from others: its port, and what it lies in or is of all they name, or what counts. */
int ward_book_told_apart(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	bool (*counts)(void *arg, const struct cedar_uid *uid), void *arg, struct ward_buf *to);
struct cedar_scratch *ward_desk_scratch(struct ward_desk *d);
