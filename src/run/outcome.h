/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome: what became of a run, filled by the supervisor while it learns it. The JSON form is
 * docs/spec/outcome.md; the report for people is made of the same fields. A zeroed outcome is a refusal: what was
 * not said to have happened did not happen.
 *
 * Life: ward_outcome_new() at the start; the setters below and the plain fields; ward_outcome_finish() once, which makes
 * the texts that ward_outcome_json() and ward_outcome_report() give out. All texts handed in are copied.
 */
#pragma once

#include "confine/confine.h"
#include "plan/plan.h"
#include "run/run.h"

/* Limits that a report names: X(id, option, kind of value). */
enum ward_limit_id {
	WARD_LIMIT_MEMORY = 0,       /* bytes; ended the run */
	WARD_LIMIT_TIMEOUT,          /* ms; ended the run */
	WARD_LIMIT_STDOUT,           /* bytes */
	WARD_LIMIT_STDERR,           /* bytes */
	WARD_LIMIT_PIDS,             /* reached; extra = how many forks were refused, 0 = unknown */
	WARD_LIMIT_DISK,             /* bytes; extra = why a layer cannot be counted (enum ward_layer_over), 0 = it is over them */
	WARD_LIMIT_NAMES,            /* more distinct refusals than are listed; extra = how many more */
	WARD_LIMIT_LOOKED,           /* more names were asked for than are looked up at a time; extra = how many */
	WARD_LIMIT_MAX
};

/* One distinct refusal. */
struct ward_outcome_violation {
	enum ward_error_class error;
	enum ward_axis axis;
	const char *action;          /* "FILE_READ", or "syscall" for a refused call */
	const char *resource;        /* chosen by the sandbox: any bytes */
	uint64_t count;
	const char *rule;            /* text of the rule that refused; NULL: no rule grants it */
	const char *file;            /* where that rule stands; NULL = none */
	uint32_t line;
	const char *why;             /* "no rule grants it" */
	const char *cure;            /* option line to paste; NULL or "" = none may be offered */
	bool sought;                 /* it is only told if the command fails: ward_outcome_drop_sought() */
	uint64_t seq;                /* record in the log; 0 = none */
};

/* A name that runs code later, and was not there before, or is another (docs/persistence.md); or that a rule kept from the run. */
struct ward_outcome_late {
	const char *path;            /* chosen by the sandbox: any bytes */
	const char *what;            /* "appeared" or "changed" */
	const char *why;
	bool held;                   /* it was, and is another all the same: somebody outside did that, or the run after them */
	bool read;                   /* it was not to be read; else not to be written */
};

struct ward_outcome_stream {
	bool counted;                /* it went through Ward; otherwise bytes is unknown (null) */
	bool truncated;              /* the output limit cut it */
	bool captured;               /* data holds it */
	uint64_t bytes;              /* what the command wrote, cut bytes included */
	char *data; size_t n;        /* owned; of a capture */
};

struct ward_outcome {
	struct ward_arena *arena;
	char run[WARD_ULID_SIZE];
	enum ward_status status;
	bool has_code, has_signal;
	int code, sig;               /* of the command; sig also: what cancelled the run */
	int exec_errno;              /* SPAWN_FAILED: errno of execve, 0 = the command never got that far */
	uint64_t started_ns;         /* wall clock */
	uint64_t began_ns;           /* the same moment, of a clock that nobody sets */
	uint64_t duration_ms;
	uint64_t cpu_ms, max_rss;
	uint32_t pids_peak;

	bool has_plan;               /* set by ward_outcome_set_plan */
	bool direct;                 /* --backend direct: accepted for every axis at once */
	enum ward_level axes[WARD_AXIS_MAX];
	bool accepted[WARD_AXIS_MAX];
	const char *attribution;     /* "full", "partial" or "none" */
	bool attribution_chosen;     /* asked for by name: no line in the report */
	const char *attribution_why, *attribution_fix;
	char policy_sha256[WARD_SHA256_HEX], plan_sha256[WARD_SHA256_HEX];   /* "" = null */

	struct ward_outcome_violation *violations;
	size_t n_violations, cap_violations;
	uint64_t violations_total;   /* every refusal counted, those not listed included */
	bool fail_on_violation;
	const struct ward_published *published; size_t n_published; /* of the plan, copied */

	bool reviewed;               /* what it wrote in its workspace is not real by itself */
	bool review_counted;         /* review_changes is known */
	uint64_t review_changes;     /* that wait */
	/* static: "none" (nothing was changed), "pending", "committed" (nothing waits any more), "incomplete" */
	const char *review_state;

	bool lost;                   /* what a rule kept from the run is another: live/lost.c */
	bool lost_unknown;           /* or may be: the look at the end failed */
	bool late_looked, late_wanted;       /* for names that run code later, or those a rule kept; wanted: for the former */
	bool late_complete;          /* and nothing was left out, but for what the list has no room for */
	struct ward_outcome_late *late;
	size_t n_late, cap_late;
	uint64_t late_total;

	struct { bool hit; uint64_t value, extra; } limits[WARD_LIMIT_MAX];
	const char **notes; size_t n_notes;   /* further lines of the report, without "ward: " */

	struct ward_outcome_stream out, err_stream;
	bool steered, coloured;      /* a terminal of the caller's was, by what was passed on to it: struct ward_streams */

	bool has_audit;
	const char *audit_file;      /* "/dev/null": no log */
	uint64_t audit_first, audit_last;
	char audit_head[WARD_SHA256_HEX];

	bool has_error;
	struct ward_error error;

	char *json; size_t n_json;   /* made by ward_outcome_finish */
	char *report;
};

/* r may be NULL. The run id is drawn and the clock started here. NULL: out of memory. */
struct ward_outcome *ward_outcome_new(const struct ward_request *r);
/* Axes, attribution and hash of the plan. r: whether attribution was asked for by name (may be NULL). */
void ward_outcome_set_plan(struct ward_outcome *o, const struct ward_request *r, const struct ward_plan *p);
/* Where it is reached, once that is known. */
void ward_outcome_set_published(struct ward_outcome *o, const struct ward_plan *p);
/* Copied; *v->count is added to violations_total. Over WARD_VIOLATION_NAMES_MAX only the total grows. */
int ward_outcome_add_violation(struct ward_outcome *o, const struct ward_outcome_violation *v);
void ward_outcome_drop_sought(struct ward_outcome *o);
/* The same refusal once more: added to its count, and to violations_total. False: there is none such. */
bool ward_outcome_again(struct ward_outcome *o, enum ward_axis axis, const char *action, const char *resource, uint64_t count);
/* Copied. Over WARD_LATE_NAMES_MAX only the total grows. */
int ward_outcome_add_late(struct ward_outcome *o, const struct ward_outcome_late *late);
void ward_outcome_set_audit(struct ward_outcome *o, const char *file, uint64_t first, uint64_t last, const char *head);
/* value: what the limit was, in the unit of enum ward_limit_id. */
/* Why a layer cannot be counted; NULL: it can. */
const char *ward_layer_why(enum ward_layer_over why);
void ward_outcome_set_layer(struct ward_outcome *o, uint64_t bound, enum ward_layer_over why);
void ward_outcome_set_limit(struct ward_outcome *o, enum ward_limit_id id, uint64_t value, uint64_t extra);
/* One more line of the report: "warning: ...". */
void ward_outcome_note(struct ward_outcome *o, const char *fmt, ...) WARD_PRINTF(2, 3);
/* "warning: WHAT: ", and all of why: where, what, and how to mend it. */
void ward_outcome_warn(struct ward_outcome *o, const char *what, const struct ward_error *why);
void ward_outcome_set_error(struct ward_outcome *o, const struct ward_error *err);
/* Stop the clock (if duration_ms is still 0) and make the texts. WARD_E_NOMEM leaves the texts of the least kind. */
int ward_outcome_finish(struct ward_outcome *o);

/* report.c: the lines for people, each "ward: ...\n". */
void ward_report_write(const struct ward_outcome *o, struct ward_buf *out);
