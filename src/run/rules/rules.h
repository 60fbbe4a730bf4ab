/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run/rules: the policies of a request, from where they lie to the book that judges. Private to run. Files are read here and in
 * registry, nowhere else; what they say is judged in decide.
 */
#pragma once

#include "registry/registry.h"
#include "run/resolve/look.h"
#include "ward/policy.h"

struct ward_rulebook {
	struct ward_arena *arena;
	struct cedar_schema *schema;
	struct ward_docs *docs;
	const struct ward_layers *layers;
	const struct ward_profile *profile;      /* NULL: none was named */
	const struct ward_mode_data *mode;       /* NULL: none was named */
	const struct ward_component_data *component;  /* NULL: none was named */
	const char *trust;                       /* of the run */
	struct ward_git git;                     /* in the resolver's memory */
	const char *repo_root;
	struct ward_sources sources;
	struct ward_book *book;
	struct ward_desk *desk;
	struct ward_texts warnings;              /* in arena */
	struct ward_texts links;                 /* that capabilities lead through; in the resolver's memory */
	const char *circumstances;               /* the snapshot up to its sources */
	struct ward_worker *worker;              /* does what stands beside the way; NULL: nobody */
	unsigned digesting;                      /* its job that makes the snapshot: ward_rules_digest_ahead(); 0: none */
	int digested;                            /* how that ended */
	struct ward_error digest_err;
	size_t document_bytes;
	unsigned warning;                        /* the one that makes the warnings of documents: ward_rules_warned(); 0: none */
	bool warnings_kept;
	int warned;                              /* how that ended */
	struct ward_error warn_err;
	size_t warnings_at;                      /* where they belong among the resolver's */
	struct ward_buf snapshot;                /* ward_rules_digest(); JSON: all that a decision depends on, but the question */
	char sha256[WARD_SHA256_HEX];            /* of it; to be looked at after ward_rules_digest() alone */
};
struct ward_rulebook *ward_rulebook_new(void);          /* empty; NULL: no memory */
int ward_rulebook_schema(struct ward_rulebook *b, struct ward_str text, struct ward_error *err);
void ward_rulebook_free(struct ward_rulebook *b), ward_rulebook_freep(struct ward_rulebook **b); /* NULL ok */

/* start.c: --component FILE, into b; what its circumstances are; whether the run may start, and its component have what it asks for */
int ward_rules_component(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err);
int ward_rules_person(struct ward_resolver *rs, struct ward_rulebook *b, const char **ret, struct ward_error *err); /* of all sources */
const char *ward_rules_trust(const struct ward_resolver *rs, const struct ward_rulebook *b);
int64_t ward_rules_tier(const struct ward_resolver *rs);
int ward_rules_start(struct ward_resolver *rs, struct ward_error *err);
/*
 * gather.c: documents that options name are read by a thread from now on, into r->ahead; what was read before and not used is not
 * used.
 */
void ward_rules_read_ahead(struct ward_request *r);
/* rs->workspace is known. Every refusal names its place and rule. */
int ward_rs_rules(struct ward_resolver *rs, struct ward_rulebook **ret, struct ward_error *err);
/* The warnings of documents, which a start has made beside its own work, among rs->warnings. No book: nothing. Twice is fine. */
int ward_rules_warned(struct ward_resolver *rs, struct ward_error *err);
/* rs->book, where the request or the host has any policy. Its owner is who called ward_resolve(). */
int ward_rules_wanted(struct ward_resolver *rs, struct ward_error *err);
/*
 * The same for a request that is not run: *rs is filled as far as policies need it, and lives, as what it found, until *ret_arena is
 * freed. host: only who the caller is.
 */
int ward_rules_of(struct ward_request *r, struct ward_host *host, struct ward_resolver *rs, struct ward_arena **ret_arena,
	struct ward_rulebook **ret, struct ward_error *err);
/* implied.c: what every run has, as policies of the builtin layer, so that an answer about it is the same answer. */
int ward_rules_implied(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err);
bool ward_rules_of_base(const char *path);       /* does the runtime base name it? */
int ward_rules_late_names(struct ward_resolver *rs, struct ward_error *err); /* walk.c: of patterns; sets rs->late, if need be */
bool ward_rules_base_cut(const struct ward_resolver *rs, size_t first);  /* do nodes from first on take out of the base? */
/* own.c: that none of Ward's own files outside of a repository is written, as policies; and might a capability let one be? */
int ward_rules_own(struct ward_resolver *rs, struct ward_buf *to, struct ward_error *err);
int ward_rules_own_granted(struct ward_resolver *rs, bool *ret, struct ward_error *err);
/* links.c: the request's capabilities; behind each one that leads through links, what it leads to, and they. Texts live in rs and b. */
int ward_rules_linked(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_caps *ret, struct ward_error *err);
/*
 * explain.c: the resource of a question as people write it: paths relative to base, links followed as far as they are there, programs
 * by name. q->action is set; the rest of q is set here.
 */
int ward_rules_resource(struct ward_resolver *rs, const char *base, const char *given, struct ward_query *q, struct ward_error *err);
/* What is there of a path is what its links lead to; of what is not, the directory that would hold it. NULL: no path, or no memory. */
const char *ward_rules_real_path(struct ward_resolver *rs, const char *base, const char *given);
bool ward_rules_made_inside(const char *path); /* the sandbox has one of its own at that very place */
int ward_rules_links(struct ward_resolver *rs, size_t *io_first, struct ward_error *err); /* what may not be read goes */
int ward_rules_about_nothing(struct ward_resolver *rs, const char *path, const struct ward_target *t, struct ward_error *err);
/* apply.c: a request that v is against, in its words, with the rule. */
int ward_rules_forbidden(struct ward_resolver *rs, const struct ward_cap *cap, const struct ward_verdict *v, struct ward_error *err);
/* apply.c: rs->caps, rs->limits. A request that a rule forbids as a whole is refused here, naming it. */
int ward_rules_apply(struct ward_resolver *rs, struct ward_error *err);
/*
 * Allowed, or asked about and somebody said yes: beforehand (--approve), or to this very question. What nobody has said anything
 * about is not granted, and stands in the request's list of questions.
 */
int ward_rules_yes(struct ward_resolver *rs, const struct ward_query *q, const struct ward_verdict *v, bool *ret,
	struct ward_error *err);
/* The judge's answer about a path or name of the host, and that. */
int ward_rules_allowed(struct ward_resolver *rs, enum ward_action action, const char *resource, bool *ret,
	struct ward_verdict *verdict, struct ward_error *err);
/* view.c: what the policies say of files, as nodes of the view; after the capabilities are. */
int ward_rules_view(struct ward_resolver *rs, struct ward_error *err);
bool ward_rules_still_open(const struct ward_resolver *rs, const struct ward_verdict *v);   /* v asks, and somebody will be asked */
/* brought.c: what the command brought is judged, once it is known. */
int ward_rules_brought(struct ward_resolver *rs, struct ward_error *err);
/*
 * path, a real one, is needed before the command's first instruction: read, or started as well. What the policies do not let be is
 * refused, naming the rule.
 */
enum ward_need { WARD_NEED_READ = 0, WARD_NEED_START };
int ward_rules_needed(struct ward_resolver *rs, const char *path, enum ward_need need, struct ward_error *err);
/* script may be started, by policies; warned of if what its "#!" line names may not. */
int ward_rules_interpreter(struct ward_resolver *rs, const char *script, const char *interpreter, struct ward_error *err);
/* gather.c: a ceiling alone bounds what is granted otherwise. rs: request, host, cwd, workspace. */
int ward_rules_ceiling(struct ward_resolver *rs, const struct ward_layers *ceiling, struct ward_rulebook **ret,
	struct ward_error *err);
/*
 * again.c: the first thing that the plan of a live run, with the policies that it had (NULL: none), grants and this ceiling does not
 * let be, as a start would find. ret->any
 * is false only where all of it was looked at. Any error says that it is not known.
 */
struct ward_taken {
	bool any;
	const char *action;          /* "fs.read"; static */
	char resource[WARD_PATH_MAX];
	char why[256];               /* without the resource */
	char file[WARD_ERROR_FILE_MAX];  /* of the rule; "": there is none, or it has no line */
	uint32_t line;
	char id[128], reason[256];   /* of the rule, or "" */
};
/* What a person said yes to since the run began: endpoints, and in asks those yeses that are for whatever their rule asks about. */
struct ward_agreed {
	const struct ward_agreed_one {
		const char *endpoint;
		enum ward_approval level;
	} *v;
	size_t n;
	struct ward_asks *asks;      /* NULL: nothing was asked */
};
int ward_rules_again(struct ward_request *r, const struct ward_plan *plan, const struct ward_rulebook *had,
	const struct ward_agreed *agreed, const struct ward_layers *ceiling, struct ward_taken *ret, struct ward_error *err);
/*
 * net/again.c: fn with each endpoint to be asked about then, until it returns other than WARD_OK, which is returned. tried false: of
 * what endpoint says there is no one endpoint that could be asked about. had: the policies until now, or NULL. agreed: a person let
 * something be that the plan does not have.
 */
typedef int ward_net_again_fn(void *arg, const char *endpoint, bool tried);
/* Of what policies name alone, at that port; at others, too. */
int ward_net_named(const struct ward_book *now, uint16_t port, ward_net_again_fn *fn, void *arg);
/* The same with examples of one capability: of names below a domain, of a range, the ends of its ranges of ports. */
int ward_net_examples(const char *endpoint, ward_net_again_fn *fn, void *arg);
/*
 * The addresses, and one of each range, as text, that forbids of now name which had (NULL: none) has not, and to which a name may lead:
 * no range whose addresses are all inner, since to these a name leads only where a rule means them; with all, where somebody else looks
 * names up, each. tried false: of this range none is known, or it is never reached. WARD_E_NOMEM.
 */
int ward_net_led_to(const struct ward_book *now, const struct ward_book *had, bool all, ward_net_again_fn *fn, void *arg);
/* Of each of these names the first that it is like: wherever they lead, now says the same, and forbids of had do. In arena. NOMEM. */
int ward_net_alike(const struct ward_rulebook *now, const struct ward_rulebook *had, const struct ward_texts *names,
	struct ward_arena *arena, const size_t **ret);
int ward_rs_upstream(struct ward_resolver *rs, struct ward_error *err); /* net/upstream.c: the host's proxy, beside what is granted */
int ward_net_asked_again(const struct ward_plan *plan, const struct ward_book *had, const struct ward_book *now,
	bool agreed, ward_net_again_fn *fn, void *arg);
/* walk.c: names on disk that a pattern matches, added to found; to unlisted (NULL ok) directories in which one may match unseen. */
int ward_rules_matches(struct ward_resolver *rs, const struct ward_patterns *patterns, bool relative,
	struct ward_texts *found, struct ward_texts *unlisted, struct ward_error *err);
/* walk.c: what nobody sees and a rule may be about, unlisted directories and closed names, covered as far as it takes them */
int ward_rules_unseen(struct ward_resolver *rs, size_t first, struct ward_texts *unlisted, struct ward_texts *names,
	struct ward_error *err);
bool ward_rules_reached(struct ward_resolver *rs, const char *path); /* could a run come to what lies in that unlisted directory? */
int ward_rules_unknown(const char *path, int r, struct ward_error *err); /* walk.c: r, of a look at a name of a policy, is no answer */
/* walk.c: what shows path; of one place the last word is a policy's. NULL: nothing. */
struct ward_node *ward_rules_shown(struct ward_resolver *rs, size_t first, const char *path);
/* walk.c: the judge about a file or directory of the host's; its last names may be WARD_ANY_NAME. WARD_E_NOMEM. */
int ward_rules_ask(struct ward_resolver *rs, enum ward_action action, const char *path, struct ward_verdict *ret,
	struct ward_error *err);
/* walk.c: a rule of somebody's own that takes a directory away, and nothing that lies in it, is warned of, once each. */
struct ward_told { const struct ward_book_rule *v[16]; size_t n; };
int ward_rules_alone(struct ward_resolver *rs, const struct ward_target *t, struct ward_told *told, struct ward_error *err);
int ward_rules_warn_less(struct ward_resolver *rs, struct ward_error *err); /* of all policies: what is not held, or not asked for */
bool ward_rules_unasked(const struct ward_resolver *rs, const struct ward_rulebook *b, char *ret, size_t size); /* profiles */
/* named.c: where rules look at a program's name, the programs so found that the judge allows, or not; unlisted as above */
int ward_rules_named(struct ward_resolver *rs, bool allowed, struct ward_texts *to, struct ward_texts *unlisted,
	struct ward_error *err);
int ward_rules_unnamed(struct ward_resolver *rs, size_t first, struct ward_texts *dirs, struct ward_error *err); /* none run */
/* explain.c, show.c: what the public functions print. now_ms 0: now. */
int ward_rules_answer(struct ward_resolver *rs, int64_t now_ms, const char *action,
	const char *resource_given, bool json, char **ret_text, enum ward_answer *ret_answer, struct ward_error *err);
int ward_rules_text(struct ward_rulebook *book, enum ward_policy_form form, struct ward_buf *b, struct ward_error *err);
/* gather.c: fn by the thread beside the way, behind what it has to do. 0: nobody does it. last: nothing is given from then on. */
unsigned ward_rules_beside(struct ward_rulebook *b, void (*fn)(void *arg), bool last);
/* snapshot.c: docs/spec/snapshot.md */
int ward_rules_circumstances(struct ward_rulebook *b, const struct ward_book_input *in, struct ward_error *err);
/*
 * b->snapshot and b->sha256, once. Nothing depends on them but what is kept and recorded, and who is asked: so a run has them made
 * ahead, by a thread, and waits for it here. Nothing is added to the sources from then on. No thread to be had: they are made here.
 */
void ward_rules_digest_ahead(struct ward_rulebook *b);
int ward_rules_digest(struct ward_rulebook *b, struct ward_error *err);
