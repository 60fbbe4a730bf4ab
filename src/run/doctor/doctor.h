/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor: executes every mechanism that a run needs and says what it found. Private to run.
 *
 * A check is a row of one table (doctor.c): what it is, which axis it serves, what is lost without it, and a function that
 * tries. It refuses to conclude from a version number or from the presence of a file: what was not done is not reported as
 * working. Nothing on the host is changed by it, except what a run itself leaves (nothing).
 */
#pragma once

#include "run/run.h"

/* Zero is the worst. */
enum doctor_status { DOCTOR_FAIL = 0, DOCTOR_WARN, DOCTOR_OK };

/* What the checks share while one report is made. */
struct doctor {
	struct ward_host host; /* probed */
	bool inside; /* in a run of Ward's own, which refuses what a run needs */
	bool namespaces; /* the userns check found them usable */
	char userns_fix[256]; /* where it did not: what mends all that needs it */
	bool planned; /* axes is filled */
	struct ward_plan *plan; /* owns the texts of axes */
	struct ward_axis_state axes[WARD_AXIS_MAX];
};

struct doctor_finding {
	enum doctor_status status;
	struct ward_buf detail; /* what was done and what came of it; one line */
	struct ward_buf fix; /* empty: the row's own */
	const char *lost; /* in place of the row's consequence; NULL: that */
};

struct doctor_check {
	const char *id;
	const char *what;
	const char *axis; /* NULL: the run as a whole */
	const char *consequence; /* when it is missing */
	const char *fix; /* the one command; "" = the check says */
	enum doctor_status missing; /* what its absence is worth */
	void (*check)(struct doctor *d, const struct doctor_check *row, struct doctor_finding *f);
};

extern const struct doctor_check doctor_checks[];
extern const size_t doctor_checks_n;

/* Fill a finding. The text is one line; text that is not Ward's own has to be quoted by the caller. */
void doctor_say(struct doctor_finding *f, enum doctor_status s, const char *fmt, ...)
	WARD_PRINTF(3, 4);
void doctor_fix(struct doctor_finding *f, const char *fmt, ...) WARD_PRINTF(2, 3);
/* What needs user namespaces was not tried, since there are none: the same fix. */
void doctor_no_userns(struct doctor *d, enum doctor_status s, struct doctor_finding *f);
/* Is this process in a run of Ward's own, which refuses what a run needs? */
bool doctor_is_inside(void);
/* A number of /proc/sys; -1 where there is none. path is a literal. */
long doctor_sysctl(const char *path);

/* ---- trial.c: a system call is tried in a child of its own ---- */

/* Shared with the child. */
struct doctor_result {
	const char *volatile step; /* static text: what is being tried */
	volatile int err; /* errno of the step that failed */
	volatile bool done; /* every step worked */
	volatile bool killed; /* by a filter of somebody else, for a call; err is EPERM then */
};
struct doctor_trial {
	unsigned long
		flags; /* CLONE_NEW*; with CLONE_NEWUSER the ids are mapped as a run maps them */
	/* In the child: system calls only. Sets r->step before each; returns 0, or errno of the step that failed. */
	int (*child)(struct doctor_result *r, void *arg);
	/* In the parent, while the child waits; replaces the mapping. 0 or errno. NULL ok. */
	int (*before)(pid_t pid, void *arg);
	/* In the parent, while the child works. NULL ok. */
	void (*during)(void *arg);
	void *arg;
};
/* Returns true when all of it worked; else ret says which step did not, and why. Bounded in time. */
bool doctor_try(const struct doctor_trial *t, struct doctor_result *ret);
/* Why a step failed. */
const char *doctor_why(const struct doctor_result *r);
/* What a filter of somebody else kills for, before anything here calls it; WARD_OK: for none of what ward calls by itself. */
int doctor_killing(struct ward_error *err);
/* Ids inside and outside of a mapped child, as a run has them. */
void doctor_ids(unsigned *ret_uid_inside, unsigned *ret_uid_outside, unsigned *ret_gid_inside,
	unsigned *ret_gid_outside);

/* ---- kernel.c, filter.c, mounts.c, host.c; real.c: trials by ward_run() ---- */
#define DOCTOR_CHECK(name) \
	void name(struct doctor *d, const struct doctor_check *row, struct doctor_finding *f)
DOCTOR_CHECK(doctor_userns);
DOCTOR_CHECK(doctor_namespaces);
DOCTOR_CHECK(doctor_kernel_calls);
DOCTOR_CHECK(doctor_proc);
DOCTOR_CHECK(doctor_egress);
DOCTOR_CHECK(doctor_fuse);
DOCTOR_CHECK(doctor_idmap);
DOCTOR_CHECK(doctor_review);
DOCTOR_CHECK(doctor_landlock);
DOCTOR_CHECK(doctor_seccomp);
DOCTOR_CHECK(doctor_notify);
DOCTOR_CHECK(doctor_memfd);
DOCTOR_CHECK(doctor_cgroup_memory);
DOCTOR_CHECK(doctor_cgroup_pids);
DOCTOR_CHECK(doctor_cgroup_cpu);
DOCTOR_CHECK(doctor_audit);
DOCTOR_CHECK(doctor_rlimits);
DOCTOR_CHECK(doctor_clock);
DOCTOR_CHECK(doctor_run);
DOCTOR_CHECK(doctor_refusal);

/* Fill d->axes with what a plan on this host would hold. */
void doctor_plan_axes(struct doctor *d);
