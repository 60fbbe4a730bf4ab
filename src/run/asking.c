/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a person, before anything starts. What rules with @approval want to know is collected while the request is looked at
 * (decide/asks.c); here it is asked, and both question and answer are in the log, durably, before an answer counts. Nobody there
 * means no, at once: a run without a terminal never waits for one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/life.h"

#define ASKS_BYTES_MAX (32u << 20)
#define THINGS_IN_RECORD 8

int asking_begin(struct life *l, struct ward_error *err)
{
	l->asks = (struct ward_asks){ .arena = ward_arena_new(ASKS_BYTES_MAX) };
	if (!l->asks.arena)
		return ward_fail(err, WARD_E_NOMEM, "no memory for what a person is asked");
	l->r->asks = &l->asks;
	return WARD_OK;
}

void asking_end(struct life *l)
{
	l->r->asks = NULL;
	ward_arena_free(l->asks.arena);
	l->asks = (struct ward_asks){ 0 };
}

/* ---- records ---- */

/* Who said what: tty, peer (from another terminal), --approve; nobody, timeout, end: no. */
struct said {
	enum ward_said answer;
	const char *by;
	uint32_t uid;
	int pid; /* of a peer; 0: none */
};

static void who(struct ward_buf *b, const struct said *s)
{
	ward_jw_key(b, "by");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "how", s->by);
	ward_jw_ku64(b, "uid", s->uid);
	if (s->pid)
		ward_jw_ki64(b, "pid", s->pid);
	ward_jw_close(b, '}');
}

static int append(struct life *l, struct ward_event *e, const struct ward_asked *k,
	struct ward_buf *detail, struct ward_error *err)
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
	e->workspace = l->asks.workspace;
	e->policy = l->asks.policy_sha256;
	e->detail_json = detail->failed ? NULL : ward_buf_cstr(detail);
	if (!e->detail_json)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	r = record_append(l, e, 1, true, NULL, err);
	return r;
}

static int record_asked(struct life *l, const struct ward_asked *k, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "approval.requested", .effect = "ask" };

	ward_jw_open(&b, '{');
	ward_jw_key(&b, "ask");
	ward_asked_json(k, THINGS_IN_RECORD, &b);
	ward_jw_kstr(&b, "argv_sha256", l->asks.argv_sha256);
	ward_jw_close(&b, '}');
	return append(l, &e, k, &b, err);
}

static int record_said(struct life *l, const struct ward_asked *k, const struct said *s,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	bool yes = s->answer == WARD_SAID_ONCE || s->answer == WARD_SAID_RUN;
	struct ward_event e = { .kind = yes ? "approval.granted" : "approval.denied",
		.effect = yes ? "allow" : "deny" };

	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "digest", k->digest);
	ward_jw_kstr(&b, "level", ward_approval_name(k->level));
	if (yes)
		ward_jw_kstr(&b, "scope", ward_said_name(s->answer));
	who(&b, s);
	ward_jw_close(&b, '}');
	return append(l, &e, k, &b, err);
}

/* ---- answers ---- */

static int need_log(struct life *l, struct ward_error *err)
{
	return l->audit ? WARD_OK : open_log(l, err);
}

static int settle(struct life *l, struct ward_asked *k, const struct said *s,
	struct ward_error *err)
{
	int r = record_said(l, k, s, err);

	k->answer = r == WARD_OK ? s->answer : WARD_SAID_NO;
	k->agreed = false;
	return r;
}

/* One after the other; each is in the log before it is asked. */
static int ask_one(struct life *l, struct ward_asked *k, struct ward_error *err)
{
	struct said said = { .answer = WARD_SAID_NO, .by = "nobody", .uid = getuid() };
	int r = record_asked(l, k, err);

	if (r < 0)
		return r;
	if (k->agreed) {
		said.answer = WARD_SAID_RUN;
		said.by = "--approve";
	}
	return settle(l, k, &said, err);
}

int asking_do(struct life *l, bool *ret_again, struct ward_error *err)
{
	int r = ward_asks_finish(&l->asks, err);
	size_t open = ward_asks_open(&l->asks);

	*ret_again = false;
	for (size_t i = 0; r == WARD_OK && i < l->asks.n; i++) {
		struct ward_asked *k = &l->asks.v[i];

		if (k->answer != WARD_SAID_OPEN)
			continue;
		r = need_log(l, err);
		if (r == WARD_OK)
			r = ask_one(l, k, err);
	}
	/* With nobody there it was looked at as if the answer were no. */
	*ret_again = r == WARD_OK && open > 0 && l->asks.may_ask;
	return r;
}
