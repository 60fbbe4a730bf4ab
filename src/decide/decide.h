/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide: the judge. A question and the grants of a run in; effect, the rule behind it and the least
 * grant that would change it out. Pure: same input, same bytes. It does not know that anything is confined.
 * Only run (through ward_ask), plan and the tests may call it; tools/check-layers holds that.
 */
#pragma once

#include "base/base.h"
#include "policy/policy.h"

enum ward_effect { WARD_DENY = 0, WARD_ASK, WARD_ALLOW };   /* zero is the most restrictive */
const char *ward_effect_name(enum ward_effect e);

/*
 * The rules that a run was started with. Patterns here are resolved: absolute and normalised; a
 * directory grant is "P/" "**". A literal rule (--read, --write, implied ones) is a plain path in which no
 * character is special, not even a trailing "/" "**": what makes it a directory grant is subtree.
 */
struct ward_rule {
	enum ward_cap_type type;
	const char *pattern;
	struct ward_origin origin;
	const char *text;            /* as it was written: "--read ./data", "caps.json:3 FILE_READ src/ **" */
	bool literal;                /* pattern is a plain path: it matches that path alone ... */
	bool subtree;                /* ... or, when this is set too, everything below it as well */
	bool told;                   /* a policy's: the book decides, and by itself it grants nothing */
	bool said;                   /* this very thing was asked about, and somebody said yes; level: how serious a question it was */
	enum ward_approval level;
	const struct ward_net_limits *net; /* of what it lets be connected to, for who shows it; NULL: none */
};
struct ward_net_index;
struct ward_rules {
	const struct ward_rule *v;
	size_t n;
	const struct ward_net_index *net;   /* of exactly these; NULL: they are looked through one by one */
};
/* net.c: NETWORK_CONNECT by what it names: the same answers, in a time that does not grow with the rules. Borrows v. */
int ward_net_index_new(const struct ward_rule *v, size_t n, struct ward_net_index **ret, struct ward_error *err);
void ward_net_index_free(struct ward_net_index *x);                 /* NULL ok */

struct ward_question {
	enum ward_cap_type action;
	const char *resource;        /* absolute path, NAME, "name:port", "address:port"; chosen by the sandbox, any bytes */
	const char *syscall;         /* set instead of action (NONE) for a refused system call */
	bool protected_name;         /* of the ceiling or Ward itself: no cure may be offered */
	bool is_dir;                 /* the resource is known to be a directory */
	bool looked;                 /* with is_dir: it was looked at, and nothing in it; the directory itself would be enough */
	bool absent;                 /* known not to exist: only a grant of its directory can help */
	bool meant;                  /* NETWORK_CONNECT: only a rule that names it, or a range within its line of data/addresses */
	bool no_cure;                /* nobody will read one */
	const char *above;           /* with absent: the nearest directory above it that exists; NULL = the one it lies in */
};

#define WARD_CURE_MAX 8192
struct ward_decision {
	enum ward_effect effect;     /* preset to WARD_DENY by ward_decide() */
	const struct ward_rule *rule;   /* the rule that allowed; NULL: no rule grants it */
	const struct ward_book_rule *by; /* the policies' rule that refused; the book's. NULL: none */
	bool negated;                /* refused for want of a rule: none forbids it */
	char why[384];               /* "no rule grants it" */
	char cure[WARD_CURE_MAX];    /* option line to paste, shell-quoted: --cap 'FILE_READ:/etc/passwd'; "" = none */
};

/* FILE_WRITE rules answer FILE_READ too. Any error leaves effect = WARD_DENY. */
int ward_decide(const struct ward_rules *rules, const struct ward_question *q,
	struct ward_decision *ret, struct ward_error *err);

/*
 * The first rule that lets this name, in its normal form, be reached at some port; NULL: none does. Nothing about it may leave the host
 * then, a question to a name server included.
 */
const struct ward_rule *ward_decide_any_port(const struct ward_rules *rules, const char *name);

/* cure.c: only the cure of a refusal, with the resource quoted for a shell. */
int ward_cure(const struct ward_question *q, char *out, size_t size);

/* ---- judge.c: the same of a book, for every action; it replaces the above where a run has policies ---- */

enum ward_why {
	WARD_WHY_MALFORMED = 0,      /* the resource has not the form that it should: what it names is not sure */
	WARD_WHY_FAILED,             /* a policy could not be evaluated: rules are those policies */
	WARD_WHY_FORBIDDEN,          /* rules forbid it */
	WARD_WHY_NO_RULE,            /* no rule grants it */
	WARD_WHY_NARROWED,           /* layer lists what may be granted, and not this */
	WARD_WHY_GRANTED,            /* rules grant it; ASK: when somebody says so */
	WARD_WHY_NEVER               /* an address that is never reached, whatever rules say (data/addresses) */
};
const char *ward_why_name(enum ward_why w);     /* "malformed" ... */

#define WARD_VERDICT_RULES_MAX 16
struct ward_verdict {
	enum ward_effect effect;     /* preset to WARD_DENY */
	enum ward_approval approval; /* with ASK: how serious it is */
	enum ward_why why;
	enum ward_layer layer;       /* of the first rule; with NARROWED: which list it is */
	size_t n_rules;              /* all of them, of which the first are here; the book's */
	const struct ward_book_rule *rules[WARD_VERDICT_RULES_MAX];
	const struct ward_book_rule *list;       /* with NARROWED: the first rule of that list; else NULL */
	char text[256];              /* for people: why, in a sentence without the resource */
};
/*
 * Of the permits that match, one without @approval is enough; else the least of their levels is asked for, and over the lists
 * of several layers the highest. Any error of any policy that looks at the request is a deny: a forbid that fails must not be
 * passed over. WARD_E_NOMEM: no verdict, and deny; a request that is not one (WARD_E_INVALID) is MALFORMED. To connect, without what is
 * spoken (q->inspected): may it be made, for something that could be?
 */
int ward_judge(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q, struct ward_verdict *ret);

/*
 * io: no rule grants q. Where a list of some layer would not let it be granted either, io says that (NARROWED): a grant for it would be
 * refused. To write is asked as a grant of it is, which lets read, too. WARD_E_NOMEM: not known, and io is as it was.
 */
int ward_judge_grantable(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q, struct ward_verdict *io);

/*
 * q is to connect to an endpoint, which leads to this address (text): does a policy forbid that? ALLOW: none does, whatever else is
 * granted. A forbid that spares names by their domain spares what they lead to.
 */
int ward_judge_leads(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q, const char *address,
	struct ward_verdict *ret);

/*
 * ward_judge() as the gate asks about what is written down: an address behind the well-known prefix of NAT64 has to be allowed as the
 * IPv4 address that it carries, too. For those who say beforehand what a run would be told.
 */
int ward_judge_asked(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q, struct ward_verdict *ret);

/*
 * May this name, or address as text without brackets, be reached at some port? Asked at every port at which the answers could differ;
 * the verdict about the first that is allowed, else one that says why not.
 */
int ward_judge_any_port(const struct ward_book *b, struct ward_desk *d, const char *host, int64_t now_ms, struct ward_verdict *ret);
/* May this endpoint, in its one spelling, be connected to by some program? */
int ward_judge_anyone(const struct ward_book *b, struct ward_desk *d, const char *endpoint, int64_t now_ms, struct ward_verdict *ret);

/* ---- asks.c: what a person has to be asked before a start, as a list; docs/approvals.md ---- */

/* Zero: nobody has said anything yet, which is no yes. */
enum ward_said { WARD_SAID_OPEN = 0, WARD_SAID_NO, WARD_SAID_ONCE, WARD_SAID_RUN };
const char *ward_said_name(enum ward_said a);        /* "open" "no" "once" "run" */

struct ward_ask_thing {
	enum ward_action action;
	const char *resource;        /* absolute path, or a name */
	bool below;                  /* and all that lies below it */
};
/* One question: a rule, and all that it was asked about. */
struct ward_asked {
	const char *id, *file, *text, *reason;   /* of the rule; id, reason: or NULL */
	uint32_t line, column;
	enum ward_layer layer;
	enum ward_approval level;
	struct ward_ask_thing *things;
	size_t n_things, cap_things;
	char digest[WARD_SHA256_HEX];            /* of the exact action: docs/spec/approval.md. "" until ward_asks_finish() */
	enum ward_said answer;
	bool agreed;                 /* OPEN, and yes was said beforehand (--approve): its things were granted */
};
struct ward_asks {
	struct ward_arena *arena;    /* everything lives in it; the owner's */
	const char *workspace;
	char argv_sha256[WARD_SHA256_HEX], policy_sha256[WARD_SHA256_HEX];
	bool may_ask;                /* somebody is there: what is open is asked before anything starts */
	struct ward_asked *v;
	size_t n, cap;
};
/*
 * A look at the whole request begins. Answers that were given for another policy, workspace or command are forgotten. What is open
 * from an earlier look is, too: it is found again, or is no question any more.
 */
int ward_asks_begin(struct ward_asks *a, const char *workspace, char *const *argv, const char *policy_sha256, struct ward_error *err);
/*
 * v is ASK, of q: *ret is what was said of it; OPEN: it stands in the list now. agreed: somebody said so beforehand.
 * WARD_E_LIMIT: more than WARD_ASKS_MAX rules, or more than WARD_ASK_THINGS_MAX things of one.
 */
int ward_asks_put(struct ward_asks *a, const struct ward_verdict *v, const struct ward_query *q, bool agreed, enum ward_said *ret,
	struct ward_error *err);
/*
 * While a run lives: v is ASK, of q, which is a question by itself. *ret: that one, or one of its rule that was answered for the run.
 * NULL: it is not in the list; begin: it is put there, open, with its name.
 */
int ward_asks_one(struct ward_asks *a, const struct ward_verdict *v, const struct ward_query *q, bool begin, struct ward_asked **ret,
	struct ward_error *err);
/* Sort and name: the same questions are the same bytes, in whatever order they were met. */
int ward_asks_finish(struct ward_asks *a, struct ward_error *err);
size_t ward_asks_open(const struct ward_asks *a);        /* how many have no answer, and were not agreed to */
/* v is ASK: did somebody say yes to its rule, before the start or by --approve? */
bool ward_asks_agreed(const struct ward_asks *a, const struct ward_verdict *v);
/* As in plan, log and `ward pending`: without the answer, at most things_max things. */
void ward_asked_json(const struct ward_asked *k, size_t things_max, struct ward_buf *out);
