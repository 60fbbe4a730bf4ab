/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run/review, the decisions: of each thing that a run under review changed, whether it may become real, what a person has to be asked
 * first, and what is refused. Private to run. docs/review.md
 */
#pragma once

#include "audit/audit.h"
#include "run/persist/persist.h"
#include "run/request.h"
#include "ward/review.h"
#include "workspace/workspace.h"

/* ---- guard.c: what would run code later, or leads out ---- */
struct ward_guard;
struct ward_guarded {
	enum ward_approval level;    /* NONE: it is nothing of that kind */
	const char *why;             /* static, or in the arena: "git runs it, or what it names"; asked about together */
};
/*
 * all: what the layer changed, below the directory rs->workspace, of which root is a descriptor. The project is looked through once,
 * bounded as before a start. Everything lives in rs->arena.
 */
int ward_guard_new(struct ward_resolver *rs, const struct ward_changes *all, int layer, int root, bool lives, struct ward_guard **ret,
	struct ward_error *err);
int ward_guard_ask(struct ward_guard *g, const struct ward_change *c, struct ward_guarded *ret, struct ward_error *err);
struct ward_git_marks;                /* marks.h */
const struct ward_git_marks *ward_guard_marks(const struct ward_guard *g);
/* Why not all of what the project has was looked at, a sentence; NULL: it was. */
const char *ward_guard_unsure(const struct ward_guard *g);

/* ---- named.c: what a file of the layer names of the same layer ---- */
enum ward_named_as {
	WARD_NAMED_WORDS = 0,        /* text: each word that is the name of a file */
	WARD_NAMED_ALL,              /* the same, of directories too */
	WARD_NAMED_GIT               /* a configuration of git's: what it runs or reads, directories too */
};
struct ward_named {
	const struct ward_changes *all;
	int layer;
	bool lives;                  /* the run does, and writes the layer */
	const char *root;            /* the project, absolute */
	const uint32_t *odd;         /* of all those whose last name has a byte that parts words */
	size_t n_odd;
	/* a bit for each name and directory in all, by a sum of it, of n_names; without its bit a word names nothing. NULL: unknown */
	const uint8_t *names;
	size_t n_names;
	enum ward_named_as as;
};
/* Fills odd and names; *unsure, where there are too many of the first. */
int ward_named_prepare(struct ward_arena *a, struct ward_named *of, const char **unsure, struct ward_error *err);
bool ward_named_is_hook(const char *path);
/* path: below the root, until the next. c: the change that has it; NULL: a directory in which something has changed. Not 0 ends it. */
typedef int ward_named_fn(void *arg, const char *path, const struct ward_change *c);
/* *budget: bytes that may still be read; looking for a word takes some. WARD_E_LIMIT, without a message: too large, or unreadable. */
int ward_named_each(const struct ward_named *of, const struct ward_change *by, size_t *budget, ward_named_fn *fn, void *arg);
/*
 * Does a file that row is about (NULL: git) name what runs? False: people read it, or a package manager, whose user runs it on
 * purpose.
 */
bool ward_named_by(const struct ward_persist_name *row, const char *path, enum ward_named_as *ret);
/* why, and in a the first that by names, or that it could not be looked through; why itself where that is nothing. */
const char *ward_named_told(struct ward_arena *a, const struct ward_named *of, const struct ward_change *by, size_t *budget,
	const char *why);

/* ---- kind.c ---- */
/*
 * Where a link at path (below root) leads, without looking: ".." may stand in front alone, since behind a name it goes up from whatever
 * that name leads to.
 */
bool ward_link_stays(const char *root, const char *path, const char *to);
/* A file of the layer has capabilities, or it cannot be told. */
bool ward_file_is_capable(int layer, const char *path);

/* ---- judge.c ---- */
enum ward_review_effect {
	WARD_REVIEW_REFUSE = 0,
	WARD_REVIEW_CONFLICT,        /* the project has something else there by now, and nobody said which it is to be */
	WARD_REVIEW_ASK,             /* a person has to say yes */
	WARD_REVIEW_BEHIND,          /* what it lies in, or what lies in it, does not become real */
	WARD_REVIEW_APPLY
};
const char *ward_review_effect_name(enum ward_review_effect e);

struct ward_review_decision {
	const struct ward_change *change;
	enum ward_review_effect effect;
	enum ward_approval level;    /* of ASK; of APPLY: what was asked and had its yes */
	enum ward_commit_side side;
	bool wanted;                 /* it is among what was asked for */
	bool by_name, named;         /* --ours has its very path; a PATH is it */
	bool spared;                 /* an object that the project keeps, though nobody said so: it is told */
	const char *why;             /* a sentence without the path */
	const char *rule;            /* FILE:LINE of a policy; NULL: none decided */
	const char *cure;            /* NULL: there is none */
	const char *how;             /* of a yes: "tty", "--approve"; NULL */
	bool told;                   /* while the run lives: not wanted, since it was before */
	/* repo.h: by its path, and by the name that it had */
	struct { struct ward_review_repo *repo; unsigned part; } of_repo[2];
};
struct ward_review_decisions {
	struct ward_review_decision *v;
	size_t n;
	bool lives;
};

/* What decisions depend on besides the changes. */
struct ward_review_terms {
	struct ward_resolver *rs;    /* workspace, host and arena, in which everything lives */
	const struct ward_book *book;
	struct ward_desk *desk;
	struct ward_workspace *w;
	/* ward_commit_conflict(); NULL: none are looked for */
	int (*conflict)(struct ward_workspace *w, const struct ward_change *c, const char **ret, struct ward_arena *a,
		struct ward_error *err);
	int layer, root;
	bool lives;                  /* the run does */
	bool automatic;              /* nobody typed it: what only the option allowed waits */
	/* NULL: all, or paths; else only what it says true of is wanted */
	bool (*pick)(void *arg, const struct ward_change *c);
	bool (*told)(void *arg, const struct ward_change *c); /* of what is not: it was before, and is as it was then */
	void *arg;
	const char *const *paths;    /* below the root; none: everything */
	size_t n_paths;
	const char *const *theirs, *const *ours;
	size_t n_theirs, n_ours;
};
/* The directory of the project's that path lies in and that nobody could look into; NULL: in none. */
const char *ward_review_closed(const struct ward_changes *all, const char *path);
int ward_review_judge(const struct ward_review_terms *t, const struct ward_changes *all, struct ward_review_decisions *ret,
	const char **ret_unsure, struct ward_error *err);
/* After answers came: what cannot become real since another does not. */
int ward_review_settle(struct ward_arena *a, struct ward_review_decisions *d, struct ward_error *err);

/* ---- answer.c: what a person says ---- */
void ward_review_agreed(struct ward_review_decisions *d, enum ward_review_yes yes);     /* beforehand */
/* On the terminal (fd), one question for all that is asked about for one reason; the difference is shown on request. */
int ward_review_ask(int fd, const struct ward_review_terms *t, struct ward_review_decisions *d, struct ward_error *err);

/* ---- tell.c: decisions in the log, and as people and programs read them ---- */
struct ward_review_told {
	const char *run, *root, *policy;         /* policy: hash of the policies that decided */
	const char *unsure;
	bool dry_run, automatic;
	size_t n_applied, n_left;    /* of those that were wanted */
	bool removed;                /* nothing is left of the run */
	bool unfinished;             /* it began, and met an error: there is a journal */
	size_t n_recorded;           /* records that were handed to the log */
};
/* Each decision about what was wanted, durable; from: of which on. */
int ward_review_record(struct ward_audit *log, struct ward_review_told *t, const struct ward_review_decisions *d,
	struct ward_error *err);
/* One more, about what was to be real and is not after all. */
int ward_review_record_left(struct ward_audit *log, struct ward_review_told *t, const struct ward_review_decision *d,
	struct ward_error *err);
/* workspace.commit: the end of all of them; why NULL: it went well. step: "commit" "auto" "continue" "abort". */
int ward_review_record_end(struct ward_audit *log, struct ward_review_told *t, const char *step, const char *why,
	struct ward_error *err);
void ward_review_log_fix(struct ward_error *err); /* of an error of the log: another one is no cure here */
void ward_review_text(const struct ward_review_told *t, const struct ward_review_decisions *d, struct ward_buf *out);
void ward_review_json(const struct ward_review_told *t, const struct ward_review_decisions *d, struct ward_buf *out);
bool ward_review_is_real(const struct ward_review_decision *d);  /* wanted, and it becomes real, or is forgotten as was said */

/* ---- commit.c ---- */
/*
 * At the end of a run with --review=auto that returned 0: what the policies permit without asking, and without the option's own
 * permit, becomes real. w is open for CHANGE. *ret_applied, *ret_left: how many. *ret_gone: w is closed, since nothing is left, even
 * after an error. ret_why: of the first that waits, as text; "" = none does.
 */
#define WARD_REVIEW_WHY_SIZE 256
int ward_review_auto(struct ward_workspace *w, size_t *ret_applied, size_t *ret_left, bool *ret_gone,
	char ret_why[WARD_REVIEW_WHY_SIZE], struct ward_error *err);
/*
 * The same while the run lives, of what pick says true of; nothing of the layer is touched. left: not after all, since the run or
 * somebody else changed it meanwhile. ward_workspace_land() was before it. *ret_recorded: how many records the log was given, also
 * by one that failed.
 */
struct ward_review_landing {
	bool (*pick)(void *arg, const struct ward_change *c);
	bool (*told)(void *arg, const struct ward_change *c); /* it picked that before, as it is */
	void (*left)(void *arg, const char *path);
	void *arg;
};
int ward_review_land(struct ward_workspace *w, const struct ward_review_landing *how, size_t *ret_applied,
	size_t *ret_recorded, struct ward_error *err);
/* One that began and met an error goes on, with its record. */
int ward_review_land_on(struct ward_workspace *w, const struct ward_review_landing *how, struct ward_error *err);
