/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watch over a started command: one poll loop for the cage, the streams, the caller's signals and the deadlines, all on
 * the monotonic clock. It ends when the cage has told how the command ended; what a limit did is named here. TERM goes to
 * the command's group first, KILL to everything after the grace.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define MS 1000000ull
#define RECORD_EVERY_MS 100 /* refusals reach the log at least so often while the command runs */

/* A run that lives longer is not one of many short ones: it is worth some 0.5 ms then to hold less, and nobody waits for that. */
#define SETTLE_MS 100
#define CONTINUE_MS 400
#define CONTINUES 5u

static void begin_end(struct life *l, enum ward_status status)
{
	if (l->ended || l->t_kill)
		return;
	l->o->status = status;
	l->t_timeout = 0;
	l->t_kill = ward_now_mono_ns() + l->plan->limits.grace_ms * MS;
	ward_cage_signal(l->cage, SIGTERM);
}

/* How it ends has a name already, and who comes later does not change it. */
static bool is_named(const struct life *l)
{
	const enum ward_status s = l->o->status;

	return l->t_kill || s == WARD_STATUS_OOM || s == WARD_STATUS_POLICY_KILL ||
		s == WARD_STATUS_LIMIT || s == WARD_STATUS_SPAWN_FAILED;
}

void end_now(struct life *l, int sig)
{
	if (!l->cancel_sig)
		l->cancel_sig = sig;
	if (!is_named(l))
		l->o->status = WARD_STATUS_CANCELLED;
	l->t_kill = ward_now_mono_ns();
	ward_cage_kill(l->cage);
}

void end_as(struct life *l, int sig)
{
	ward_cage_signal(l->cage, sig);
	l->cancel_sig = sig;
	if (!l->t_kill) {
		if (!is_named(l))
			l->o->status = WARD_STATUS_CANCELLED;
		l->t_timeout = 0;
		l->t_kill = ward_now_mono_ns() + l->plan->limits.grace_ms * MS;
	}
}

static void on_signal(struct life *l, int sig)
{
	if (sig == SIGWINCH)
		ward_streams_resize(&l->streams);
	else if (sig == SIGKILL)
		end_now(l, SIGTERM);
	else if (sig == SIGHUP || sig == SIGINT || sig == SIGTERM || sig == SIGALRM)
		end_as(l, sig);
	else
		ward_cage_signal(l->cage, sig);
	if (sig == SIGCONT)
		ward_streams_resumed(&l->streams);
}

static void read_signals(struct life *l)
{
	unsigned char got[WARD_SIGNALS_MAX];
	size_t n = ward_request_signals(l->r, got);

	for (size_t i = 0; i < n; i++)
		on_signal(l, got[i]);
}

static void finish_with(struct life *l, const struct ward_cage_event *e)
{
	struct ward_outcome *o = l->o;

	l->ended = true;
	if (e->type == WARD_CAGE_EXITED) {
		o->has_code = true;
		o->code = e->code;
	} else if (e->type == WARD_CAGE_SIGNALED) {
		o->has_signal = true;
		o->sig = e->sig;
	}
	/* A timeout, a cancellation or a limit named the end already. */
	if (l->t_kill || o->status == WARD_STATUS_OOM || o->status == WARD_STATUS_POLICY_KILL ||
		o->status == WARD_STATUS_LIMIT || o->status == WARD_STATUS_SPAWN_FAILED)
		return;
	o->status = e->type == WARD_CAGE_EXITED ? WARD_STATUS_EXITED : WARD_STATUS_SIGNALED;
}

/* What the kernel says of a program in one word, and people need more of. */
static void fix_exec(struct ward_error *err, int e, const char *exe)
{
	char word[WARD_PASTE_MAX];

	if (e == ENOEXEC)
		ward_fail_fix(err,
			"give it a first line such as #!/bin/sh, or: ward run INTERPRETER %s; a program is for another machine, or damaged",
			ward_paste(word, exe, "FILE"));
}

static void on_event(struct life *l, const struct ward_cage_event *e)
{
	struct ward_outcome *o = l->o;
	struct ward_error lost = WARD_ERROR_INIT;

	switch (e->type) {
	case WARD_CAGE_NONE: return;
	case WARD_CAGE_EXITED:
	case WARD_CAGE_SIGNALED: finish_with(l, e); return;
	case WARD_CAGE_EXEC_FAILED:
		o->status = WARD_STATUS_SPAWN_FAILED;
		o->exec_errno = e->err_no;
		ward_fail_errno(&lost, WARD_E_SPAWN, e->err_no, "cannot execute \"%s\"",
			l->plan->exe);
		fix_exec(&lost, e->err_no, l->plan->exe);
		ward_outcome_set_error(o, &lost);
		return;
	case WARD_CAGE_OOM:
		o->status = WARD_STATUS_OOM;
		l->t_timeout = 0;
		return;
	case WARD_CAGE_POLICY_KILL:
		o->status = WARD_STATUS_POLICY_KILL;
		l->t_timeout = 0;
		return;
	case WARD_CAGE_LAYER_FULL:
		o->status = WARD_STATUS_LIMIT;
		ward_outcome_set_layer(o, l->plan->review.bound, e->why);
		l->t_timeout = 0;
		return;
	case WARD_CAGE_LAYER_WRITTEN: review_sync(l); return;
	case WARD_CAGE_LOST:
		l->ended = true;
		if (l->t_kill || o->status == WARD_STATUS_OOM || o->status == WARD_STATUS_LIMIT ||
			o->status == WARD_STATUS_POLICY_KILL)
			return;
		o->status = WARD_STATUS_SIGNALED;
		o->has_signal = true;
		o->sig = SIGKILL;
		ward_fail(&lost, WARD_E_SPAWN, "the sandbox was killed from outside");
		ward_outcome_set_error(o, &lost);
		return;
	}
}

static int soonest(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int until(uint64_t t, uint64_t now)
{
	if (!t)
		return -1;
	return t <= now
		? 0
		: (int)((t - now + MS - 1) / MS > 1000000 ? 1000000 : (t - now + MS - 1) / MS);
}

/* What only the start needed goes, and the policies' text, which is beside the log by now. */
static void settle(struct life *l)
{
	l->t_settle = 0;
	if (l->book)
		ward_buf_done(&l->book->snapshot);
	ward_memory_settle();
}

/*
 * A command that reads its ^Z itself gives the terminal back, sends itself SIGTSTP and waits for SIGCONT. Nothing stops it, since its
 * group is an orphaned one (setpgid(2)), and nobody inside would bring it back: it would wait for ever, on a terminal that ends nothing
 * either. So it is told to go on. More than once, since it may have been slow; to whom nothing had stopped this is nothing. A shell
 * inside has its jobs in groups of their own.
 */
static void go_on(struct life *l, uint64_t now)
{
	if (ward_streams_suspend(&l->streams)) {
		l->t_continue = now + CONTINUE_MS * MS;
		l->continues = CONTINUES;
	} else if (l->t_continue && now >= l->t_continue) {
		ward_cage_signal(l->cage, SIGCONT);
		l->t_continue = --l->continues ? now + CONTINUE_MS * MS : 0;
	}
}

static void deadlines(struct life *l)
{
	uint64_t now = ward_now_mono_ns();

	go_on(l, now);
	if (l->t_settle && now >= l->t_settle)
		settle(l);
	if (l->t_timeout && now >= l->t_timeout) {
		ward_outcome_set_limit(l->o, WARD_LIMIT_TIMEOUT, l->plan->limits.timeout_ms, 0);
		begin_end(l, WARD_STATUS_TIMEOUT);
	}
	if (l->t_kill && l->t_kill != UINT64_MAX && now >= l->t_kill) {
		ward_cage_kill(l->cage);
		l->t_kill = UINT64_MAX;
	}
	if (!l->t_kill && ward_streams_over(&l->streams))
		begin_end(l, WARD_STATUS_LIMIT);
}

/*
 * While the memory of all processes is looked at, which beside hundreds that are busy takes seconds: streams go on, a terminal's ctrl-C
 * among them. True: the look is to be left. Never for what the command can bring about as often as it likes: it would not be looked at.
 */
static bool more_urgent(void *arg)
{
	struct pollfd fds[2 + WARD_STREAMS_POLL_MAX + WARD_LIVE_POLL_MAX];
	struct life *l = arg;
	size_t n, n_live;

	fds[0] = (struct pollfd){ ward_cage_fd(l->cage), POLLIN, 0 };
	fds[1] = (struct pollfd){ l->r->signal_fd[0], POLLIN, 0 };
	n_live = ward_live_poll(l->live, fds + 2);
	n = ward_streams_poll(&l->streams, fds + 2 + n_live);
	if (poll(fds, (nfds_t)(2 + n_live + n), 0) <= 0)
		return false;
	ward_streams_ready(&l->streams, fds + 2 + n_live, n);
	for (size_t i = 0; i < 2 + n_live; i++) {
		if (fds[i].revents)
			return true;
	}
	return !l->t_kill && ward_streams_over(&l->streams);
}

/* After the last of these times nobody has to be looked at any more. */
static int next_event(struct life *l, struct ward_cage_event *ret, struct ward_error *err)
{
	const struct ward_cage_due due = {
		.mono_ns = l->t_kill == UINT64_MAX ? 1
			: l->t_kill                ? l->t_kill
						   : l->t_timeout,
		.now = more_urgent,
		.arg = l,
	};

	return ward_cage_next(l->cage, &due, ret, err);
}

/* wait_ms: at most so long; what it refused is recorded afterwards. */
static int turn(struct life *l, int wait_ms, struct ward_error *err)
{
	struct pollfd fds[3 + WARD_STREAMS_POLL_MAX + WARD_LIVE_POLL_MAX];
	struct ward_cage_event e = { .type = WARD_CAGE_NONE };
	struct ward_stopped stopped;
	uint64_t now = ward_now_mono_ns();
	int wait = soonest(ward_cage_timeout(l->cage), until(l->t_timeout, now)), r;
	size_t n, n_live;

	if (l->t_kill != UINT64_MAX)
		wait = soonest(wait, until(l->t_kill, now));
	wait = soonest(wait, until(l->t_continue, now));
	fds[0] = (struct pollfd){ ward_cage_fd(l->cage), POLLIN, 0 };
	fds[1] = (struct pollfd){ l->r->signal_fd[0], POLLIN, 0 };
	n = ward_streams_poll(&l->streams, fds + 2);
	n_live = ward_live_poll(l->live, fds + 2 + n);
	/* Last: where there is none it is not even looked at. */
	if (l->egress) {
		fds[2 + n + n_live] = (struct pollfd){ ward_egress_fd(l->egress), POLLIN, 0 };
		wait = soonest(wait, ward_egress_timeout(l->egress));
	}
	net_waits(l);
	r = poll(fds, (nfds_t)(2 + n + n_live + (l->egress != NULL)), soonest(wait, wait_ms)) < 0
		? -errno
		: 0;
	net_waited(l);
	if (r < 0 && r != -EINTR)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "poll");
	ward_streams_ready(&l->streams, fds + 2, n);
	if (fds[1].revents)
		read_signals(l);
	ward_live_ready(l->live, fds + 2 + n, n_live, &stopped);
	r = live_stop(l, &stopped, err);
	if (r < 0)
		return r;
	r = net_next(l, err);
	if (r == WARD_OK)
		r = next_event(l, &e, err);
	if (r < 0)
		return r;
	on_event(l, &e);
	if (e.over)
		l->ended = true;
	if (!l->ended) {
		deadlines(l);
		review_turn(l);
	}
	r = l->ended ? WARD_OK : watch_ceiling(l, err);
	return r == WARD_OK ? record_refusals(l, err) : r;
}

int supervise(struct life *l, struct ward_error *err)
{
	int r;

	l->t_start = ward_now_mono_ns();
	l->t_settle = l->t_start + SETTLE_MS * MS; /* about: with the records of refusals */
	watch_begin(l);
	if (l->plan->limits.timeout_ms)
		l->t_timeout = l->t_start + l->plan->limits.timeout_ms * MS;
	/* The self-test's refusals are there already, and there is nothing else to do while the command executes. */
	r = turn(l, 0, err);
	while (r == WARD_OK && !l->ended)
		r = turn(l, RECORD_EVERY_MS, err);
	return r;
}
