/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libward: decide what a command may do, and hold it to that in the kernel.
 *
 * A request is filled by option name, exactly as on the command line of ward(1); it can be planned (nothing
 * runs) or run. Threads: an object belongs to one thread at a time; different objects are independent, and any
 * number of runs may go on in one process. Where a pointer may be NULL it is said, and of err it always may; elsewhere NULL is
 * WARD_E_INVALID, and an outcome that is NULL is one of a run that was refused. The library installs no signal handler, never
 * prints and never exits; it asks on the terminal only where the option "ask" says so. errno is not kept.
 *
 * A thread that plans, runs or commits needs 512 KiB of stack (half of that is headroom), and 2 MB where texts of others are read,
 * such as policies (cedar.h): musl gives 128 KiB unless told otherwise. pthread_cancel() waits for the end of ward_run(), which
 * ward_request_signal() brings about, and a limit of file sizes is an error there, not a SIGXFSZ; elsewhere in here a thread must not
 * be cancelled. A run ends with its process, however that ends, and whatever that has forked.
 * The umask of the process must leave what its owner may (as 077 does): log, store and pins are made under it.
 * After a fork() requests and outcomes are the parent's alone; the child may make its own.
 */
#ifndef WARD_WARD_H
#define WARD_WARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ward/error.h"

#define WARD_VERSION "0.1.0"
#define WARD_VERSION_HEX 0x000100

#ifdef __cplusplus
extern "C" {
#endif

struct ward_request;
struct ward_outcome;

/* "0.1.0". Static. */
const char *ward_version(void);

/* ---- options: one table for parsing, --help, man page and completion ---- */
enum ward_command_kind {
	WARD_COMMAND_RUN = 0,        /* ward run CMD */
	WARD_COMMAND_SCRIPT          /* ward sandbox run SCRIPT: the stricter defaults */
};
struct ward_option {
	const char *name;            /* without "--" */
	const char *arg;             /* "SIZE"; "[=HOW]": a flag, or --name=HOW, never a word of its own; NULL = a flag */
	bool repeat;                 /* may be given more than once */
	const char *group;           /* heading in --help */
	const char *help;            /* one line */
	const char *text;            /* the paragraph of the man page */
	const char *choices;         /* "a|b|c" for completion, or NULL */
};
/* The table, *ret_n entries, static. */
const struct ward_option *ward_options(size_t *ret_n);

/* ---- request ---- */
/*
 * NULL: out of memory, or of descriptors. Where 0, 1 or 2 is closed, /dev/null is opened there, close-on-exec, and stays: a descriptor
 * of the library's with such a number would be a stream of the command's. The same again when the request is run.
 */
struct ward_request *ward_request_new(enum ward_command_kind kind);
void ward_request_free(struct ward_request *r);                        /* NULL ok */
/*
 * Set one option by name, without "--"; value as on the command line, copied; NULL for a flag, and for what may go without. Nothing is
 * changed by a call that fails. WARD_E_INVALID: no such option, a value that it does not take, or given twice where once is all;
 * WARD_E_CAPABILITY, WARD_E_PARSE: what a capability, or a file that the option names, says is wrong, with its line; WARD_E_LIMIT: too
 * much of it; WARD_E_NOTFOUND: a file that is not there. WARD_E_NOMEM, WARD_E_SYSTEM.
 */
int ward_request_set(struct ward_request *r, const char *name, const char *value, struct ward_error *err);
/*
 * The command (RUN) or script and its arguments (SCRIPT): argc words, copied; the last call counts. WARD_E_INVALID: none, or one is
 * NULL. WARD_E_LIMIT: too much for one command line (docs/spec/limits.md). WARD_E_NOMEM.
 */
int ward_request_command(struct ward_request *r, int argc, char *const *argv, struct ward_error *err);
/* Was the option of this name set? false for a name that is none. */
bool ward_request_given(const struct ward_request *r, const char *name);

/* ---- plan: what would be done; runs nothing ---- */
/*
 * JSON (json = true) or text form of the plan, malloc'ed into *ret_text: free(). A plan that would be refused
 * returns its error (WARD_E_AXIS, WARD_E_CAPABILITY, ...).
 */
int ward_request_plan(struct ward_request *r, bool json, char **ret_text, struct ward_error *err);

/* ---- run ---- */
/*
 * fn gets, in the thread of ward_run(), each line for people that cannot wait for the report: where a run is reached whose host
 * port the kernel chose (--publish 0:PORT), before its command starts. Without this nobody is told. line lives for the call.
 */
void ward_request_on_line(struct ward_request *r, void (*fn)(void *arg, const char *line), void *arg);
/*
 * Run the request to its end in this thread. An outcome exists for every end, a refusal before the start included: *ret is set unless
 * memory ran out (or r or ret is NULL). The result is WARD_OK when the command was started, whatever became of it; else the code of
 * what refused (INVALID, PARSE, CAPABILITY, REFUSED, AXIS, NOTFOUND, LIMIT), of what this host could not do (SYSTEM, SPAWN, SELFTEST,
 * UNSUPPORTED, NOMEM) or of the log (AUDIT); SYSTEM and AUDIT too where a run that had started could not be watched or recorded any
 * more, and was ended. A request can be run again. Signals: ward_request_signal() from any thread or a signal handler ends the run.
 */
int ward_run(struct ward_request *r, struct ward_outcome **ret, struct ward_error *err);
/* Pass sig to the command's group; for HUP INT TERM also begin the end (TERM, grace, KILL). Async-signal-safe. */
void ward_request_signal(struct ward_request *r, int sig);

/* X(id, name): how a run ended. Zero is "refused". */
#define WARD_STATUSES(X) \
	X(WARD_STATUS_REFUSED, "refused") X(WARD_STATUS_SPAWN_FAILED, "spawn_failed") \
	X(WARD_STATUS_EXITED, "exited") X(WARD_STATUS_SIGNALED, "signaled") X(WARD_STATUS_TIMEOUT, "timeout") \
	X(WARD_STATUS_CANCELLED, "cancelled") X(WARD_STATUS_OOM, "oom") X(WARD_STATUS_LIMIT, "limit") \
	X(WARD_STATUS_POLICY_KILL, "policy_kill")
enum ward_status {
#define WARD_X(id, name) id,
	WARD_STATUSES(WARD_X)
#undef WARD_X
	WARD_STATUS_MAX
};
const char *ward_status_name(enum ward_status s);
enum ward_status ward_outcome_status(const struct ward_outcome *o);
/* The exit code that ward(1) would end with. */
int ward_outcome_exit_code(const struct ward_outcome *o);
/* docs/spec/outcome.md; static text of the object, valid until it is freed. */
const char *ward_outcome_json(const struct ward_outcome *o, size_t *ret_n);
/* The report for people: one block a distinct refusal, as on stderr of ward(1). */
const char *ward_outcome_report(const struct ward_outcome *o);
/*
 * What undoes what the command told a terminal of the caller's that its output was passed on to: hidden letters, margins, the other
 * screen, a link, colours. Written to that terminal before the report, or the report may not be seen there. "": it told it nothing,
 * or there was none. Static.
 */
const char *ward_outcome_calm(const struct ward_outcome *o);
/* What refused or broke the run; NULL: nothing did. Not part of the report. Valid until o is freed. */
const struct ward_error *ward_outcome_error(const struct ward_outcome *o);
void ward_outcome_free(struct ward_outcome *o);                        /* NULL ok */
/*
 * The outcome of a request that never came to ward_run(), for instance because an option of it was wrong: status
 * refused, with err (copied). NULL: out of memory.
 */
struct ward_outcome *ward_outcome_refused(const struct ward_request *r, const struct ward_error *err);
/*
 * Write o, its report and the log's head to where the request's --outcome, --report and --head-to say; nothing where
 * they were not set. ward_run() does not do it. All three are tried; the first failure is returned: WARD_E_SYSTEM also where nobody
 * reads the pipe any more, or a limit of file sizes is met, which raise no signal.
 */
int ward_outcome_deliver(const struct ward_request *r, const struct ward_outcome *o, struct ward_error *err);

/* ---- audit ---- */
/*
 * Verify FILE (NULL: this user's), and that its last hash is head (NULL: not asked for); the verdict for people, or JSON, in *ret_text
 * (free()), which is there after WARD_E_AUDIT too: the chain does not hold. WARD_E_NOTFOUND, WARD_E_SYSTEM: it cannot be read.
 */
int ward_audit_verify_text(const char *file, const char *head, bool json, char **ret_text, struct ward_error *err);
/*
 * Each record of file (NULL: this user's) through fn: one line of JSON or of text, which lives for the call. Nothing is verified here.
 * WARD_E_NOTFOUND, WARD_E_SYSTEM: it cannot be read; WARD_E_PARSE, WARD_E_AUDIT: a line is none, and those before it were shown.
 */
int ward_audit_show(const char *file, bool json, void (*fn)(void *arg, const char *line), void *arg,
	struct ward_error *err);

/* The same of one run's network: its net.* and dns.* records, the limits that it met. WARD_E_NOTFOUND: the log has nothing of run. */
int ward_net_log(const char *file, const char *run, bool json, void (*fn)(void *arg, const char *line), void *arg,
	struct ward_error *err);

/* ---- doctor ---- */
/*
 * Execute every mechanism, which takes a second or so, and report: for people, or JSON (docs/spec/doctor.schema.json), in *ret_text
 * (free()); *ret_worst: 0 ok, 1 warn, 2 fail. WARD_OK also where some fail. WARD_E_NOMEM, WARD_E_SYSTEM.
 */
int ward_doctor(bool json, char **ret_text, int *ret_worst, struct ward_error *err);

#ifdef __cplusplus
}
#endif

#endif
