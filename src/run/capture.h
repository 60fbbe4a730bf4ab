/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture: one output stream of a command, drained by the supervisor's poll loop. It either collects what comes
 * (at most limit bytes; the rest is read and dropped, so that the command never blocks on us) or passes it on to a
 * descriptor of the caller, with a bounded buffer and never blocking: a slow reader slows the command, not Ward.
 */
#pragma once

#include "base/base.h"

#define WARD_CAPTURE_BUFFER 65536u

struct ward_capture {
	int fd;                      /* from the command; -1 = unused or at its end; owned */
	int out_fd;                  /* pass on to it; -1 = collect; not owned */
	bool used;                   /* the stream goes through Ward at all */
	bool keep_open;              /* a pty: when the reader is gone go on draining instead of closing */
	uint64_t limit;              /* bytes that may pass; 0 = no limit */
	uint64_t bytes;              /* read from the command */
	uint64_t passed;             /* of these: collected or handed on */
	bool truncated;              /* something was dropped because of limit */
	bool broken;                 /* out_fd takes no more */
	bool utf8;                   /* out_fd is a terminal that says it takes UTF-8: no single byte is a control there */
	bool steers, colours;        /* of what was passed on something steers a terminal; its palette, maybe */
	bool escaped;                /* and it ended within ESC */
	struct ward_buf data;        /* collected */
	char *relay;                 /* WARD_CAPTURE_BUFFER bytes: read, not yet written */
	size_t relay_at, relay_n;
};

/* Nothing in it: ward_capture_done() is safe. */
void ward_capture_init(struct ward_capture *c);
/*
 * Take fd (made non-blocking). out_fd -1: collect, and then limit 0 means WARD_BUF_MAX. On failure fd is closed.
 */
int ward_capture_open(struct ward_capture *c, int fd, int out_fd, uint64_t limit, struct ward_error *err);
/* What to poll for. */
bool ward_capture_wants_read(const struct ward_capture *c);
bool ward_capture_wants_write(const struct ward_capture *c);
/* Read what is there, at most a few buffers full. True while more may come. */
bool ward_capture_read(struct ward_capture *c);
/* Write some of what waits to out_fd, which poll() said is writable. */
void ward_capture_write(struct ward_capture *c);
/* Over its limit? The supervisor may end the run for it. */
bool ward_capture_over(const struct ward_capture *c);
void ward_capture_done(struct ward_capture *c);

/* write() that raises no SIGPIPE in a caller's process. */
ssize_t ward_write_quiet(int fd, const void *p, size_t n);
