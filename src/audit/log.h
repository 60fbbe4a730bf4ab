/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to audit: what its files share. A line is the text of one record without its newline. Everything
 * that is read back from a log is foreign text: bounded, checked, never trusted for more than its hash says.
 */
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "audit/audit.h"
#include "os/os.h"

#define WARD_AUDIT_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define WARD_AUDIT_LOCK_WAIT_MS 10000u
/* The end of every line: ,"prev":"<64>","hash":"<64>"}   The hash covers all before ,"hash": */
#define WARD_AUDIT_PREV_KEY ",\"prev\":\""
#define WARD_AUDIT_HASH_KEY "\",\"hash\":\""
#define WARD_AUDIT_HEAD_KEY "{\"v\":1,\"seq\":"

struct ward_audit {
	pthread_mutex_t mutex;
	int fd; /* -1: no log ("/dev/null") */
	int dirfd; /* the log's directory, O_PATH */
	char *path; /* absolute */
	const char *base; /* last component of path */
	int dead; /* errno of the sync or cut that failed; from then on everything is refused */
	uint64_t torn; /* bytes cut into FILE.torn by this object */
	struct ward_buf line; /* the line that was built last */
	struct ward_audit_mark made; /* its seq and hash; seq 0: it is none. Whether it is in the file does not matter */
	struct { /* of ward_audit_append_ahead: its sync, until it was waited for */
		pthread_t thread;
		bool running;
		int sys; /* 0 or errno; the thread's until it is joined */
		struct ward_buf out; /* what was written, from start on */
		uint64_t start;
	} ahead;
	char boot[40];
	char host[72];
};

/* ---- line.c ---- */
struct ward_audit_stamp { /* what the log adds to an event */
	uint64_t seq;
	const char *boot, *host, *prev;
	bool of_many; /* it is one of a dozen or more */
	struct ward_ulids *ids;
	const struct ward_event *before; /* the finished values in it were found good; or NULL */
};
/* Refuse what could never be a record, before anything is locked or written. */
int ward_audit_event_check(const struct ward_event *e, struct ward_error *err);
/* Write the finished line of e into line (cleared first) and its hash into hash. */
int ward_audit_line_build(struct ward_buf *line, const struct ward_event *e,
	const struct ward_audit_stamp *s, char hash[WARD_SHA256_HEX], struct ward_error *err);
struct ward_audit_links { /* how a line is chained */
	uint64_t seq;
	char prev[WARD_SHA256_HEX], hash[WARD_SHA256_HEX];
};
/*
 * The frame of a line: its fixed head and end, and that its hash is the hash of its bytes. No JSON is parsed.
 * False, with the reason in why (may be NULL), for anything else; ret->seq is 0 if not even that could be read.
 */
bool ward_audit_line_frame(const char *line, size_t n, struct ward_audit_links *ret, char *why,
	size_t size);
/* A parsed line: known members have their type and stand in their order, the required ones are there. */
bool ward_audit_record_valid(const struct ward_json *rec, char *why, size_t size);
/* Parse one line into a: WARD_OK, WARD_E_PARSE or WARD_E_NOMEM. */
int ward_audit_line_parse(struct ward_arena **a, const char *line, size_t n, const char *file,
	uint64_t lineno, struct ward_json **ret, struct ward_error *err);

/* ---- open.c ---- */
/* Open, or create, dirfd/base as a log; checks its kind, owner and mode. fd or an error. */
int ward_audit_open_file(const struct ward_audit *a, const char *base, struct ward_error *err);
/* Could nobody but the caller and root have written what is in fd? path: for the message. */
int ward_audit_check_file(int fd, const char *path, struct ward_error *err);
/* The fix that goes with an errno of the log's file system. */
void ward_audit_fix(struct ward_error *err, int sys, const char *path);

/* ---- lock.c ---- */
/* Wait, bounded, for an OFD lock (F_RDLCK or F_WRLCK) on fd. 0 or -errno (-ETIMEDOUT). */
int ward_audit_lock_fd(int fd, short type);
void ward_audit_unlock_fd(int fd);
/* Lock the file that the log's name means now: one that was renamed or removed is opened anew. */
int ward_audit_lock(struct ward_audit *a, uint64_t *ret_size, struct ward_error *err);

/* ---- tail.c: under the lock ---- */
struct ward_audit_tail {
	uint64_t size; /* of the file, behind the last whole line */
	uint64_t seq; /* of the last record, 0 = none yet */
	char hash[WARD_SHA256_HEX];
};
/* Find the record to chain onto. A torn last line is cut into FILE.torn; a damaged whole one is WARD_E_AUDIT. */
int ward_audit_tail(struct ward_audit *a, uint64_t size, struct ward_audit_tail *ret,
	struct ward_error *err);

/* ---- read.c ---- */
struct ward_audit_reader {
	int fd;
	const char *file;
	uint64_t left; /* bytes of the log not yet read */
	uint64_t lineno;
	char *buf;
	size_t start, end,
		seen; /* the unread bytes of buf; seen: searched for a newline up to here */
};
enum ward_audit_next { WARD_AUDIT_END = 0, WARD_AUDIT_LINE, WARD_AUDIT_TORN, WARD_AUDIT_LONG };
/* Call fn with a line, parsed. What fn returns, or an error. */
struct ward_audit_visit {
	int (*fn)(void *arg, const struct ward_json *rec, const char *line, size_t n,
		uint64_t lineno);
	void *arg;
	const char *with; /* back.c: a text; lines without it are passed over unparsed */
};
int ward_audit_visit_line(const struct ward_audit_reader *r, const struct ward_audit_visit *v,
	const char *line, size_t n, struct ward_error *err);
/* WARD_E_AUDIT: the log is inconsistent at the line that was read last. */
int ward_audit_fail_line(const struct ward_audit_reader *r, const char *why,
	struct ward_error *err);
int ward_audit_reader_open(struct ward_audit_reader *r, const char *file, struct ward_error *err);
void ward_audit_reader_done(struct ward_audit_reader *r);
/* One of enum ward_audit_next, or an error. The line is valid until the next call. */
int ward_audit_reader_next(struct ward_audit_reader *r, const char **ret, size_t *ret_n,
	struct ward_error *err);
/* file, or the default path written into buf (WARD_PATH_MAX). */
int ward_audit_file_or_default(const char *file, char *buf, const char **ret,
	struct ward_error *err);
