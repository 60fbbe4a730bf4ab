/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a person, before anything starts. What rules with @approval want to know is collected while the request is looked at
 * (decide/asks.c); here it is asked, and both question and answer are in the log, durably, before an answer counts. Nobody there
 * means no, at once: a run without a terminal never waits for one.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define ASKS_BYTES_MAX (32u << 20)
#define THINGS_IN_RECORD 8

/* Ward's own terminal, or a person who looks from another one. */
static bool somebody(const struct ward_request *r)
{
	int fd = r->ask == WARD_ASK_AUTO ? ward_terminal_open() : -1;

	ward_close(fd);
	return fd >= 0 || r->ask == WARD_ASK_WAIT;
}

int asking_begin(struct life *l, struct ward_error *err)
{
	l->asks = (struct ward_asks){ .arena = ward_arena_new(ASKS_BYTES_MAX),
		.may_ask = somebody(l->r) };
	if (!l->asks.arena)
		return ward_fail(err, WARD_E_NOMEM, "no memory for what a person is asked");
	l->r->asks = &l->asks;
	return WARD_OK;
}

void asking_end(struct life *l)
{
	l->r->asks = NULL;
	ward_buf_done(&l->rules);
	ward_arena_free(l->asks.arena);
	l->cache_roots = NULL;
	l->asks = (struct ward_asks){ 0 };
}

/* ---- records ---- */

static void who(struct ward_buf *b, const struct ward_reply *s)
{
	ward_jw_key(b, "by");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "how", s->how);
	ward_jw_ku64(b, "uid", s->uid);
	if (s->pid)
		ward_jw_ki64(b, "pid", s->pid);
	ward_jw_close(b, '}');
}

static int append(struct life *l, const struct ward_asks *a, struct ward_event *e,
	const struct ward_asked *k, struct ward_buf *detail, struct ward_error *err)
{
	char place[WARD_ERROR_FILE_MAX + 16];
	const char *rules[] = { place };
	int r;

	(void)snprintf(place, sizeof(place), "%.250s:%u", k->file, k->line);
	e->action = ward_action_name(k->things[0].action);
	e->resource = k->things[0].resource;
	e->rules = rules;
	e->n_rules = 1;
	e->layer = ward_layer_name(k->layer);
	record_event(l, e);
	e->workspace = a->workspace;
	e->policy = a->policy_sha256;
	e->detail_json = detail->failed ? NULL : ward_buf_cstr(detail);
	if (!e->detail_json)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	r = record_append(l, e, 1, true, NULL, err);
	return r;
}

int asking_record(struct life *l, const struct ward_asks *a, const struct ward_asked *k,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "approval.requested", .effect = "ask" };

	ward_jw_open(&b, '{');
	ward_jw_key(&b, "ask");
	ward_asked_json(k, THINGS_IN_RECORD, &b);
	ward_jw_kstr(&b, "argv_sha256", a->argv_sha256);
	ward_jw_close(&b, '}');
	return append(l, a, &e, k, &b, err);
}

int asking_record_said(struct life *l, const struct ward_asks *a, const struct ward_asked *k,
	const struct ward_reply *s, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	bool yes = s->said == WARD_SAID_ONCE || s->said == WARD_SAID_RUN;
	struct ward_event e = { .kind = yes ? "approval.granted" : "approval.denied",
		.effect = yes ? "allow" : "deny" };

	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "digest", k->digest);
	ward_jw_kstr(&b, "level", ward_approval_name(k->level));
	if (yes)
		ward_jw_kstr(&b, "scope", s->rule ? "rule" : ward_said_name(s->said));
	who(&b, s);
	ward_jw_close(&b, '}');
	return append(l, a, &e, k, &b, err);
}

/* ---- answers ---- */

static int need_log(struct life *l, struct ward_error *err)
{
	return l->audit ? WARD_OK : open_log(l, err);
}

static int settle(struct life *l, struct ward_asked *k, const struct ward_reply *s,
	struct ward_error *err)
{
	int r = asking_record_said(l, &l->asks, k, s, err);

	k->answer = r == WARD_OK ? s->said : WARD_SAID_NO;
	k->agreed = false;
	return r;
}

/* ---- a yes that outlives the run ---- */

/* Written when the run has started: it is for others. In this one it would be another policy, and all answers void. */
static int keep_rule(struct life *l, const struct ward_asked *k, struct ward_reply *reply,
	struct ward_error *err)
{
	uint64_t now = ward_now_wall_ns() / 1000000000;
	int r = ward_rule_text(&l->asks, k, l->o->run, now, now + WARD_APPROVED_DAYS * 86400ull,
		&l->rules, err);

	if (r == WARD_E_REFUSED) {
		reply->rule = false;
		return WARD_OK;
	}
	return r;
}

void asking_write_rules(struct life *l)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_error why = WARD_ERROR_INIT;
	struct ward_layers_where where = { 0 };
	int r;

	if (l->rules.n == 0)
		return;
	r = a ? ward_layers_where_default(a, NULL, &where, &why)
	      : ward_fail(&why, WARD_E_NOMEM, "out of memory");
	if (r == WARD_OK)
		r = ward_rule_write(where.user, WARD_APPROVED_FILE,
			(struct ward_str){ l->rules.s, l->rules.n },
			ward_now_wall_ns() / 1000000000, &why);
	if (r < 0)
		ward_outcome_warn(l->o, "no rule was written", &why);
}

/* ---- asking ---- */

/* What came while somebody was asked: the end of the run, or a window that changed its size. */
static bool stop(void *arg)
{
	struct life *l = arg;
	unsigned char got[WARD_SIGNALS_MAX];
	size_t n = ward_request_signals(l->r, got);

	for (size_t i = 0; i < n; i++) {
		int sig = got[i];

		if (sig == SIGHUP || sig == SIGINT || sig == SIGTERM || sig == SIGQUIT ||
			sig == SIGALRM || sig == SIGKILL)
			l->cancel_sig = sig;
	}
	return l->cancel_sig != 0;
}

static int settle_all(struct life *l, struct ward_reply *replies, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < l->asks.n; i++) {
		struct ward_asked *k = &l->asks.v[i];

		if (k->answer != WARD_SAID_OPEN)
			continue;
		if (replies[i].rule)
			r = keep_rule(l, k, &replies[i], err);
		if (r == WARD_OK)
			r = settle(l, k, &replies[i], err);
	}
	return r;
}

static void on_terminal(struct life *l, const struct ward_bell_run *run, int fd,
	struct ward_reply *replies)
{
	size_t number = 0, total = ward_asks_open(&l->asks);

	for (size_t i = 0; i < l->asks.n; i++) {
		if (l->asks.v[i].answer != WARD_SAID_OPEN || l->asks.v[i].agreed)
			continue;
		if (l->cancel_sig)
			replies[i].how = "cancelled";
		else
			ward_terminal_ask(fd, run, &l->asks.v[i], ++number, total, &replies[i]);
	}
}

static int on_socket(const struct ward_bell_run *run, struct ward_reply *replies,
	struct ward_error *err)
{
	struct ward_bell *bell;
	int r = ward_bell_new(run, &bell, err);

	if (r < 0)
		return r;
	r = ward_bell_wait(bell, replies, err);
	ward_bell_free(bell);
	return r;
}

/* Whoever is there. What was agreed to beforehand has its reply already. */
static int ask_somebody(struct life *l, struct ward_reply *replies, struct ward_error *err)
{
	struct ward_bell_run run = { .run = l->o->run,
		.argv = l->r->argv,
		.asks = &l->asks,
		.until_ns = ward_now_mono_ns() + l->r->ask_timeout_ms * 1000000,
		.stop_fd = l->r->signal_fd[0],
		.stop = stop,
		.arg = l };
	WARD_FD fd = -1;

	if (l->r->ask == WARD_ASK_WAIT)
		return on_socket(&run, replies, err);
	fd = ward_terminal_open();
	if (fd >= 0)
		on_terminal(l, &run, fd, replies);
	return WARD_OK;
}

static int ask_all(struct life *l, size_t open, struct ward_error *err)
{
	struct ward_reply replies[WARD_ASKS_MAX] = { 0 };
	int r = need_log(l, err);

	for (size_t i = 0; r == WARD_OK && i < l->asks.n; i++) {
		if (l->asks.v[i].answer == WARD_SAID_OPEN)
			r = asking_record(l, &l->asks, &l->asks.v[i], err);
		if (l->asks.v[i].agreed)
			replies[i] = (struct ward_reply){
				.said = WARD_SAID_RUN, .how = "--approve", .uid = getuid()
			};
	}
	if (r == WARD_OK && open > 0 && l->asks.may_ask)
		r = ask_somebody(l, replies, err);
	for (size_t i = 0; i < l->asks.n; i++) {
		if (!replies[i].how)
			replies[i] = (struct ward_reply){ .how = "nobody", .uid = getuid() };
		if (replies[i].said == WARD_SAID_OPEN)
			replies[i].said = WARD_SAID_NO;
	}
	return r == WARD_OK ? settle_all(l, replies, err) : r;
}

int asking_do(struct life *l, bool *ret_again, struct ward_error *err)
{
	int r = ward_asks_finish(&l->asks, err);
	size_t open = ward_asks_open(&l->asks);
	bool any = false;

	*ret_again = false;
	for (size_t i = 0; i < l->asks.n; i++)
		any = any || l->asks.v[i].answer == WARD_SAID_OPEN;
	if (r < 0 || !any)
		return r;
	r = ask_all(l, open, err);
	if (r == WARD_OK && l->cancel_sig)
		return ward_fail(err, WARD_E_REFUSED, "ended by signal %d while a person was asked",
			l->cancel_sig);
	/* With nobody there it was looked at as if the answer were no. */
	*ret_again = r == WARD_OK && open > 0 && l->asks.may_ask;
	return r;
}
