/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approve: the bell, and the line to runs that are alive. A question goes to a person, on the terminal or to whoever looks from
 * another one, and the answer comes back with who gave it; a run is told to end, and by whom. Nothing here decides or records.
 * What is shown was chosen by others and is escaped; every wait has an end, and whatever is not clearly a yes is a no.
 * docs/approvals.md, docs/live.md
 */
#pragma once

#include <sys/types.h>

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
	bool alive;                  /* its command runs, and can bring about questions at will */
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

/*
 * A question that stands by itself: text, escaped already, then one of the letters of choices, or the word that begins with it
 * (separated by
 * blanks: "yes no diff"). Its letter; 0: the terminal was closed, or nothing of it was said, which is no.
 */
char ward_terminal_choose(int fd, struct ward_str text, const char *choices);

/* ---- rule.c: a yes that outlives the run, as a permit of the user's own ---- */
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
 * by rename. What has expired is taken out; in doubt of that (below) nothing is written. What stands there for good as it is is not
 * written again; text that says no time counts for good, whatever stands above. dir must be the caller's own.
 */
int ward_rule_write(const char *dir, const char *file, struct ward_str text, uint64_t now, struct ward_error *err);
/* Does each line that says until when say a time? WARD_E_PARSE with its place: a rule that is lost to a slip would be lost unseen. */
int ward_rule_check(const char *text, size_t n, const char *file, struct ward_error *err);
/* Blank out, in place and line by line, what has expired: what is left stands where it stood. */
void ward_rule_expire(char *text, size_t n, uint64_t now);
/*
 * Is now, the clock's time, more than an hour behind that at which the file was written, and something there counts until a later one?
 * Then a clock that was set back (a battery that is empty, a snapshot) may bring back what is over.
 */
enum ward_rule_doubt { WARD_RULE_SURE = 0, WARD_RULE_DOUBTED, WARD_RULE_DOUBTED_FORBID /* and a forbid is part of it */ };
enum ward_rule_doubt ward_rule_doubt(const char *text, size_t n, int64_t written, uint64_t now);
int ward_rule_doubt_fail(const char *file, const char *why, struct ward_error *err); /* WARD_E_REFUSED */

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
/* While a run lives: one who rings is served, and is not waited for long. until_ns: as that of the run. */
void ward_bell_next(struct ward_bell *b, uint64_t until_ns, struct ward_reply *replies);
int ward_bell_wait(struct ward_bell *b, struct ward_reply *replies, struct ward_error *err);

/* ---- peer.c ---- */
struct ucred;
bool ward_peer_same_namespace(pid_t pid);        /* is its user namespace ours? Nothing in a sandbox has that */
/* A connected socket's other end is this user's or root's, and outside of every sandbox. */
bool ward_peer_outside(int fd, struct ucred *ret);
void ward_peer_refuse(struct ward_buf *out, const char *why);    /* the answer to what is not done */

/* ---- dir.c: where runs that are alive listen ---- */
/* The bell's directory; where there is none, $XDG_STATE_HOME/ward/live or ~/.local/state/ward/live, which root has no use for. */
#define WARD_LIVE_PLACES 2
#define WARD_LIVE_SUFFIX ".live"                 /* behind the run's id: beside the sockets of runs that wait */
#define WARD_LIVE_NAME_MAX 40
#define WARD_BELL_MADE "."                       /* before it: that of a run that waits, until it listens */
bool ward_live_where(unsigned place, char out[WARD_PATH_MAX]);
int ward_live_dir(unsigned place, bool make, int *ret_fd, char out[WARD_PATH_MAX], struct ward_error *err);

/* ---- sweep.c ---- */
/* Take away what killed runs left in dir, a minute ago or earlier. Nobody who listens there notices it. */
void ward_sockets_sweep(int dir);

/* ---- live.c: a run that is alive can be told to end ---- */
struct ward_live_run {
	const char *run, *workspace;                 /* ULID; the workspace is copied */
	char *const *argv;
	const char *const *labels;
	size_t n_labels;
};
struct ward_stopped {
	bool wanted, now;
	struct {
		uint32_t uid;
		int pid;
	} by;
	char reason[WARD_REASON_MAX + 1];
};
struct ward_live;
int ward_live_new(const struct ward_live_run *run, struct ward_live **ret, struct ward_error *err);
/* When nothing of the run is alive: who asked for its end is told so. NULL ok. */
void ward_live_free(struct ward_live *l, const char *status);
/* ward_sockets_sweep() of where l listens. NULL ok. */
void ward_live_sweep(const struct ward_live *l);
/* The sockets of a run of which nothing is alive any more. */
void ward_live_forget(const char *run);
struct pollfd;
#define WARD_LIVE_POLL_MAX 9
size_t ward_live_poll(const struct ward_live *l, struct pollfd *fds);    /* how many were filled in; l NULL: none */
/* After a poll of these: answers what can be answered at once. ret->wanted: somebody who may wants it to end. */
void ward_live_ready(struct ward_live *l, const struct pollfd *fds, size_t n, struct ward_stopped *ret);
