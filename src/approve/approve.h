/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve: the bell. A question goes to a person, on the terminal or to whoever looks from another one, and the answer comes
 * back with who gave it. Nothing here decides or records. What is shown was chosen by others and is escaped; every wait has an end,
 * and whatever is not clearly a yes is a no. docs/approvals.md
 */
#pragma once

#include "base/base.h"
#include "decide/decide.h"

struct ward_reply {
	enum ward_said said;         /* NO until somebody says otherwise */
	bool rule;                   /* with RUN: and write a rule */
	const char *how;             /* "tty", "peer", "timeout", "end", "cancelled"; static */
	uint32_t uid;
	int pid;                     /* of a peer; 0: none */
};

/* What all questions of a run share. */
struct ward_bell_run {
	const char *run;             /* ULID */
	char *const *argv;
	const struct ward_asks *asks;
	uint64_t until_ns;           /* monotonic: when the answer is no */
	int stop_fd;                 /* readable: call stop(); -1 = none */
	bool (*stop)(void *arg);     /* true: the run is to end */
	void *arg;
};

/* ---- terminal.c ---- */
/*
 * /dev/tty, where this process alone may ask on it: 0, 1 and 2 are the controlling terminal, and it is in the foreground. Else -1.
 * The caller closes it.
 */
int ward_terminal_open(void);
/* Ask about k, the number-th of total. What was typed before is thrown away. */
void ward_terminal_ask(int fd, const struct ward_bell_run *run, const struct ward_asked *k, size_t number, size_t total,
	struct ward_reply *ret);

/* ---- rule.c: a yes that outlives the run, as a permit of the user's own ---- */
#define WARD_APPROVED_FILE "approved.cedar"
#define WARD_ALLOWED_FILE "allowed.cedar"
#define WARD_APPROVED_DAYS 30
/* May a rule be written for it? Never for what is critical, a mode, a whole host, or where another layer would ask all the same. */
bool ward_rule_possible(const struct ward_asks *a, const struct ward_asked *k);
/* Permits for exactly k's things in this workspace; seconds since 1970, until 0: for good. */
int ward_rule_text(const struct ward_asks *a, const struct ward_asked *k, const char *run, uint64_t now, uint64_t until,
	struct ward_buf *out, struct ward_error *err);
/* One permit; resource is a whole path or name. */
int ward_rule_permit(struct ward_buf *out, const char *id, const char *reason, const struct ward_ask_thing *t, const char *workspace,
	struct ward_error *err);
/*
 * Add text to file (one of those above) in dir, the user's directory of policies, which is made if it is not there: under a lock,
 * by rename. What has expired is taken out. dir must be the caller's own.
 */
int ward_rule_write(const char *dir, const char *file, struct ward_str text, uint64_t now, struct ward_error *err);
/* Does each line that says until when say a time? WARD_E_PARSE with its place: a rule that is lost to a slip would be lost unseen. */
int ward_rule_check(const char *text, size_t n, const char *file, struct ward_error *err);
/* Blank out, in place and line by line, what has expired: what is left stands where it stood. */
void ward_rule_expire(char *text, size_t n, uint64_t now);

/* ---- dir.c: where the sockets of waiting runs lie ---- */
/* $XDG_RUNTIME_DIR/ward, /run/user/UID/ward; of root /run/ward. WARD_E_UNSUPPORTED: there is no such place. */
int ward_bell_where(char out[WARD_PATH_MAX], struct ward_error *err);
/* Open it; make: 0700. Refused unless it is a directory of the caller alone. */
int ward_bell_dir(bool make, int *ret_fd, char out[WARD_PATH_MAX], struct ward_error *err);

/* ---- bell.c ---- */
struct ward_bell;
int ward_bell_new(const struct ward_bell_run *run, struct ward_bell **ret, struct ward_error *err);
void ward_bell_free(struct ward_bell *b);        /* and its socket; NULL ok */
/* Until every open question has its reply (by index in run->asks), or the time is over. */
int ward_bell_wait(struct ward_bell *b, struct ward_reply *replies, struct ward_error *err);
