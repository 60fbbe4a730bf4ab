/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs under review (ward run --review) changed, before any of it is real: docs/review.md. With --review=live a part of it is real
 * while the run lives: what is told of here is the rest. It is that of the effective user, and no sandbox can see it. run: a run's
 * ULID, or a prefix of it that is of one alone. Texts that come back are malloc'ed and the caller's: free(). Any thread.
 */
#ifndef WARD_REVIEW_H
#define WARD_REVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ward/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- which there are ---- */

/* All of them, the oldest first: a line each, or docs/spec/runs.schema.json. *ret_n (may be NULL): how many. */
int ward_review_list(bool json, char **ret_text, size_t *ret_n, struct ward_error *err);
/* One of them, with all that is known of it. WARD_E_NOTFOUND; WARD_E_INVALID: run begins several. */
int ward_review_show(const char *run, bool json, char **ret_text, struct ward_error *err);

/* ---- looked at ---- */

enum ward_review_form { WARD_REVIEW_PATCH = 0, WARD_REVIEW_STAT, WARD_REVIEW_NAMES, WARD_REVIEW_STATUS, WARD_REVIEW_JSON };
struct ward_review_diff {
	const char *run;             /* ULID, or the beginning of one; NULL: the youngest that waits where the working directory is */
	const char *const *paths;    /* relative to the working directory; none: everything */
	size_t n_paths;
	enum ward_review_form form;  /* docs/spec/diff.md */
	bool terminal;               /* what a file could do to a terminal is escaped */
	bool colour;
	bool *ret_incomplete;        /* not all that the run wrote could be kept: what is missing may look deleted. May be NULL */
	/* is given all of it, bit by bit; what it returns but 0 ends it: WARD_E_SYSTEM */
	int (*write)(void *arg, const char *s, size_t n);
	void *arg;
};
/*
 * What a run under review changed; it may be alive. WARD_E_NOTFOUND: no such run, or none that waits here. WARD_E_INVALID: a path that
 * does not lie in what was under review, or that neither that has nor the run changed.
 */
int ward_review_diff(const struct ward_review_diff *what, struct ward_error *err);

/* ---- forgotten ---- */

/*
 * Forget what these runs changed, each with a record; *ret_text: a line each, after an error too, which ends it. WARD_E_REFUSED: one
 * is alive, a commit of it has begun and not ended, or another ward changes it. WARD_E_AUDIT: the record cannot be written, and it
 * stays.
 */
int ward_review_remove(const char *const *runs, size_t n_runs, char **ret_text, struct ward_error *err);
/* The same of one run; NULL: of the one that left changes in the working directory, WARD_E_INVALID if several have. */
int ward_review_discard(const char *run, char **ret_text, struct ward_error *err);
/*
 * Take away what nobody needs: what starts and removals that died have left, and runs whose layer is lost. older_than_ms not 0: also
 * those that ended that long ago, and what they changed with them. Never one that is alive, is broken, or has a commit that began.
 * dry_run: only say which. *ret_n (may be NULL): how many.
 */
struct ward_review_gc {
	uint64_t older_than_ms;
	bool dry_run, json;
};
int ward_review_gc(const struct ward_review_gc *what, char **ret_text, size_t *ret_n, struct ward_error *err);

/* ---- made real ---- */

/* What is agreed to beforehand. Zero: nothing. CRITICAL: both. */
enum ward_review_yes { WARD_REVIEW_YES_NONE = 0, WARD_REVIEW_YES_RISKY, WARD_REVIEW_YES_CRITICAL };
/* CONTINUE, ABORT: of a commit that began and did not end. */
enum ward_review_step { WARD_REVIEW_COMMIT = 0, WARD_REVIEW_CONTINUE, WARD_REVIEW_ABORT };

struct ward_review_commit {
	const char *run;             /* ULID, or the beginning of one; NULL: the only one that waits where the working directory is */
	const char *const *paths;    /* relative to the working directory; none: everything */
	size_t n_paths;
	const char *const *theirs;   /* of these what the project has stays, and what the run made is forgotten */
	size_t n_theirs;
	const char *const *ours;     /* of these what the run made goes over what the project has by now */
	size_t n_ours;
	enum ward_review_yes yes;
	enum ward_review_step step;
	bool dry_run;                /* say what would be decided, and change nothing */
	bool incomplete;             /* also where not all that the run wrote could be kept; else that is WARD_E_REFUSED */
	bool ask;                    /* what has to be asked is asked on the terminal, where this process has it for itself */
	bool json;                   /* docs/spec/commit.schema.json */
};
/*
 * Decide each change, record that, and make real what may be. *ret_text: what was done and what was not, with why and what would
 * help; it is there after an error, too, where something is known. *ret_left (may be NULL): how many of those that were asked for are
 * not real. WARD_E_NOTFOUND: no such run, or none that waits here. WARD_E_INVALID: run begins several, or a path is of nothing that it
 * changed. WARD_E_REFUSED: it is alive, another process changes it, a commit of it began and did not end (or, for CONTINUE and ABORT,
 * none did), not all of it could be kept, its policies are not there any more, or this is inside a sandbox.
 */
int ward_review_commit(const struct ward_review_commit *what, char **ret_text, size_t *ret_left, struct ward_error *err);

#ifdef __cplusplus
}
#endif

#endif
