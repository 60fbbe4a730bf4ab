/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: the memory. One JSON line a record, hash-chained, appended under an OFD lock, durable when asked.
 * Format: docs/spec/audit.md. Trusts nothing that it reads back.
 */
#pragma once

#include "base/base.h"

struct ward_audit;

/* A record to be: body members in the fixed order of the format. NULL / 0 members are left out. */
struct ward_event {
	const char *kind;            /* "run.start", one of data in audit/kinds */
	const char *run, *parent, *session, *agent, *trace, *workspace;
	const char *effect;          /* "allow", "deny" or NULL */
	const char *principal, *action, *resource;
	const char *const *rules; size_t n_rules;
	bool negated;
	const char *layer;           /* "view", "fuse", "seccomp", "cgroup", ... */
	const char *policy;          /* hex SHA-256 */
	const char *axes_json;       /* finished JSON object or NULL */
	int pid;                     /* as seen in the sandbox; 0 = left out */
	uint64_t pid_start;
	const char *detail_json;     /* finished JSON object or NULL */
};

/*
 * Open (create 0600, parent directories 0700) and lock nothing yet; a torn last line is cut into FILE.torn and
 * reported in *ret_torn (bytes, 0 = none). file NULL = default path; "/dev/null" = no log. Refuses a log that is
 * not a regular file, is a link, or is writable by others. O_NOFOLLOW on the last component.
 */
int ward_audit_open(const char *file, struct ward_audit **ret, uint64_t *ret_torn, struct ward_error *err);
void ward_audit_close(struct ward_audit *a);
const char *ward_audit_path(const struct ward_audit *a);
/* Is fd a descriptor of its file? */
bool ward_audit_is(const struct ward_audit *a, int fd);
/* Bytes of torn lines that a has cut into FILE.torn so far (another writer can die while a is open). */
uint64_t ward_audit_torn(const struct ward_audit *a);
/* Default path of this user: $XDG_STATE_HOME/ward/audit.jsonl, ~/.local/state/..., root: /var/log/ward/audit.jsonl */
int ward_audit_default_path(char *out, size_t size, struct ward_error *err);

struct ward_audit_mark {         /* where something was written */
	uint64_t seq;
	char hash[WARD_SHA256_HEX];
};
/*
 * Append n events as one write under the OFD lock: the previous hash and seq are read from the end of the file,
 * so that many processes share one chain. durable: fdatasync before returning, without the lock. A short write or ENOSPC: the
 * file is cut back to where it was, WARD_E_AUDIT. A failed sync: the same, unless somebody has appended meanwhile (then the
 * records stay, and nobody was told of them), and a refuses everything from then on.
 * ret (may be NULL): mark of the first and the last record; with no log ("/dev/null") seq 0 and 64 zeros. Any
 * thread; calls are serialised. n 0 and durable: only sync.
 */
int ward_audit_append(struct ward_audit *a, const struct ward_event *events, size_t n, bool durable,
	struct ward_audit_mark *ret_first, struct ward_audit_mark *ret_last, struct ward_error *err);
/*
 * The same, durable, but the sync is not waited for: a thread does it, and nothing may be done that relies on it before
 * ward_audit_settle(). Whatever is appended next waits for it, and ward_audit_close() too, who does not hear how it went.
 */
int ward_audit_append_ahead(struct ward_audit *a, const struct ward_event *events, size_t n,
	struct ward_audit_mark *ret_first, struct ward_audit_mark *ret_last, struct ward_error *err);
/*
 * Wait for it: WARD_OK where it went well, or there was none, or was waited for; else what a failed sync is above, also where that is
 * known to somebody else already. Any thread.
 */
int ward_audit_settle(struct ward_audit *a, struct ward_error *err);

/* ---- reading ---- */
struct ward_audit_report {
	bool ok;
	uint64_t records;
	uint64_t first_seq, last_seq;
	char head[WARD_SHA256_HEX];
	uint64_t bad_line;           /* 1-based, 0 = none */
	uint64_t bad_seq;
	char why[256];
	bool torn;                   /* the last line has no end */
	uint64_t head_seq;           /* of the record whose hash was asked for; 0 = not found, or not asked */
	bool head_last;              /* and it is the last one */
};
/*
 * head: NULL or the hex hash that the log must contain as the hash of some record (a truncation shows). The log is
 * looked at as it was when the call began, writers go on. WARD_OK only if all holds; WARD_E_AUDIT with *ret and err
 * filled if the log is inconsistent; another code if it could not be read.
 */
int ward_audit_verify(const char *file, const char *head, struct ward_audit_report *ret, struct ward_error *err);
/*
 * Call fn for each line (n bytes without newline) with its parsed form; stop when fn returns nonzero (returned).
 * The chain is not checked. A line that is no JSON, too long or torn ends it with WARD_E_AUDIT.
 */
int ward_audit_each(const char *file, int (*fn)(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno), void *arg, struct ward_error *err);
/*
 * The same of a log that Ward would write to: WARD_E_AUDIT as well if others can write it, or a line is not what the chain says. For
 * whoever acts on what a record says, instead of only showing it.
 */
int ward_audit_each_own(const char *file, int (*fn)(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno), void *arg, struct ward_error *err);
/*
 * back.c: from the end of the log, the last line first: the lines alone in which text (not "") stands, until fn returns nonzero
 * (returned). lineno is 0: it is not counted. For whoever looks for the last record of one run, behind which there is mostly little;
 * what lies before it is not read, and a line without the text may be no JSON.
 */
int ward_audit_last_with(const char *file, const char *text, int (*fn)(void *arg, const struct ward_json *rec, const char *line,
	size_t n, uint64_t lineno), void *arg, struct ward_error *err);
/* kinds.c: is it a kind of the format? name of the i-th, NULL at the end; another name for it, or NULL. */
bool ward_audit_kind_known(const char *kind);
const char *ward_audit_kind(size_t i);
const char *ward_audit_kind_alias(size_t i);

/*
 * ---- store.c: what runs' policies were, each under its SHA-256, in a directory beside the log with them (docs/spec/snapshot.md).
 * What is read back is believed only as far as its name, a hash that the log gave, says so. ----
 */
#define WARD_STORE_POLICY ".json"
#define WARD_STORE_SCHEMA ".cedarschema"

/* LOG.snapshots; log NULL: of the caller's own. */
int ward_store_where(const char *log, char out[WARD_PATH_MAX], struct ward_error *err);
/*
 * Durable when it returns. What is there under that name, and as long, stays: its name is its content. The oldest
 * go where there are more than WARD_SNAPSHOTS_MAX. WARD_E_AUDIT.
 */
int ward_store_keep(const char *log, const char *sha256, const char *ending, struct ward_str text, struct ward_error *err);
/* WARD_E_NOTFOUND: it is not there; WARD_E_AUDIT: it is not what its name says. */
int ward_store_read(const char *log, const char *sha256, const char *ending, struct ward_buf *out, struct ward_error *err);

/* ---- pending.c: runs that have begun, each a file in LOG.runs that is locked as long as anything of the run is alive ---- */
struct ward_pending;
/*
 * text: whatever whoever finds the run dead has to know; n bytes. *ret NULL: there is no log ("/dev/null"). WARD_E_AUDIT;
 * WARD_E_UNSUPPORTED: there is no place for it, or there are no locks.
 */
#define WARD_PENDING_TEXT_MAX (WARD_PENDING_BYTES_MAX - 256)
int ward_pending_begin(struct ward_audit *a, const char *run, const void *text, size_t n, struct ward_pending **ret,
	struct ward_error *err);
int ward_pending_fd(const struct ward_pending *p); /* borrowed; it holds the lock, and so does every copy of it. -1: none */
enum ward_pending_left {
	WARD_PENDING_NO_END = 0, /* its end is not in the log, so that a later start has to write it */
	WARD_PENDING_ENDED,      /* it is, but something is left to be taken away */
	WARD_PENDING_NOTHING
};
void ward_pending_end(struct ward_pending *p, enum ward_pending_left left); /* NULL ok */
struct ward_dead_run {
	const char *run, *text;      /* text: n bytes, as begun; NULL: nothing is known any more */
	size_t n;
	bool started, ended;         /* what the log has of it */
};
/*
 * fn is called once, for some of the runs of which nothing is alive any more; they are forgotten when it returns WARD_OK, and nobody
 * else is called for them meanwhile. warn: what could not be looked at, and stays.
 */
struct ward_pending_found {
	int (*fn)(void *arg, const struct ward_dead_run *d, size_t n, struct ward_error *err); /* n: 1 .. WARD_PENDING_DEAD_MAX */
	void (*warn)(void *arg, const char *what);
	void *arg;
};
int ward_pending_sweep(struct ward_audit *a, const struct ward_pending_found *found, struct ward_error *err);
int ward_pending_where(const char *log, char out[WARD_PATH_MAX]); /* LOG.runs; WARD_E_LIMIT */
bool ward_pending_alive(const char *log, const char *run);       /* something of the run is; false: it is not, or is not there */
