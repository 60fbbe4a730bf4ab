/* SPDX-License-Identifier: Apache-2.0 */
/*
 * streams: what the command gets as 0, 1 and 2, and who moves the bytes. The rules (contract: Command line):
 * a pipe or file is inherited as it is, at no cost; the host's terminal never goes inside; --json collects; a
 * limit on the output, or a terminal as output, relays through a pipe; two terminals, or --tty, get a private pty.
 *
 *	ward_streams_open -> cage start with s.child, s.ctty -> ward_streams_started
 *	loop: n = ward_streams_poll(s, fds); poll(); ward_streams_ready(s, fds, n)
 *	at the end of the run: ward_streams_drain, ward_streams_result, ward_streams_done
 */
#pragma once

#include <poll.h>

#include "run/capture.h"
#include "run/outcome.h"
#include "run/pty.h"
#include "run/request.h"

#define WARD_STREAMS_POLL_MAX 8

struct ward_streams {
	int child[3];                /* for ward_cage_options.stdio */
	bool child_owned[3];
	bool passed[3];              /* the caller's own went in: the same open file, whose flags are everybody's ... */
	int flags[3];                /* ... and were these */
	bool steered, coloured;      /* once it is done: a terminal was, by what was passed on to it */
	bool ctty;                   /* child[0] is the slave of the private pty */
	bool has_pty;
	struct ward_pty pty;
	struct ward_capture out, err;
	int role[WARD_STREAMS_POLL_MAX];
};

/* Nothing is open: what was filled with zeroes would be descriptor 0, which is the caller's. */
void ward_streams_init(struct ward_streams *s);
/* Decide and open everything. output: plan->limits.output. On failure s is empty. */
int ward_streams_open(struct ward_streams *s, const struct ward_request *r, uint64_t output, struct ward_error *err);
/* May what they lead to be handed in? A file that may be opened anew with more than it was opened for is refused. */
int ward_streams_check(const struct ward_streams *s, const struct ward_plan *plan, const struct ward_host *host,
	struct ward_error *err);
/* None of them may be the log. */
int ward_streams_log(const struct ward_streams *s, const struct ward_audit *log, struct ward_error *err);
/* The cage holds its copies: close ours. */
void ward_streams_started(struct ward_streams *s);
/* Fill fds (room for WARD_STREAMS_POLL_MAX); how many. */
size_t ward_streams_poll(struct ward_streams *s, struct pollfd *fds);
/* After poll(): the same fds and number. */
void ward_streams_ready(struct ward_streams *s, const struct pollfd *fds, size_t n);
/* On SIGCONT. */
void ward_streams_resumed(struct ward_streams *s);
/* Was a ^Z typed since this was asked last? */
bool ward_streams_suspend(struct ward_streams *s);
/* On SIGWINCH. */
void ward_streams_resize(struct ward_streams *s);
/* Was something dropped because of the output limit? */
bool ward_streams_over(const struct ward_streams *s);
/*
 * The run is over: move what is left. A reader that is slow is waited for, until stop_fd (the request's
 * signal_fd[0], or -1) is readable; an end of a pipe that does not come (--backend direct: something in the background
 * holds it) for at most wait_ms.
 */
void ward_streams_drain(struct ward_streams *s, int stop_fd, unsigned wait_ms);
/* Move counts and data into the outcome, and the limits that were hit. */
void ward_streams_result(struct ward_streams *s, struct ward_outcome *o);
/* Nothing of the run is alive: what went in gets its flags back. What s->steered and s->coloured are is known. */
void ward_streams_done(struct ward_streams *s);
