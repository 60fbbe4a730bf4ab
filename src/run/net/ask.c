/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this be connected to? Asked for every connection of a run with egress, and before a name is answered: of the policies where there
 * are any, else of the rules of the plan. Nothing is recorded here: who lets a connection through, or refuses it, says so.
 */
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define CURE_PORT 443 /* where it is not known which one was meant */

bool ward_ask_answered(const struct ward_rule *r, const struct ward_verdict *v)
{
	return v->effect == WARD_ASK && r->said && r->level <= v->approval;
}

static const struct ward_rule *said_yes(const struct life *l, const char *endpoint,
	const struct ward_verdict *v)
{
	for (size_t i = 0; i < l->plan->n_rules; i++) {
		const struct ward_rule *r = &l->plan->rules[i];

		if (r->type == WARD_CAP_NETWORK_CONNECT && ward_streq(r->pattern, endpoint) &&
			ward_ask_answered(r, v))
			return r;
	}
	return NULL;
}

/* Of a name any such port will do: the connection is asked about by itself. endpoint: of the name, at port 1. */
static int said_yes_any_port(const struct life *l, const char *endpoint, int64_t now_ms,
	const struct ward_rule **ret)
{
	size_t n = strlen(endpoint) - 1;

	for (size_t i = 0; i < l->plan->n_rules; i++) {
		const struct ward_rule *r = &l->plan->rules[i];
		struct ward_query q = { .action = WARD_ACT_NET_CONNECT, .now_ms = now_ms };
		struct ward_verdict v;

		if (r->type != WARD_CAP_NETWORK_CONNECT || !r->said ||
			strncmp(r->pattern, endpoint, n) != 0)
			continue;
		q.resource = ward_str(r->pattern);
		if (ward_judge(l->book->book, l->book->desk, &q, &v) < 0)
			return WARD_E_NOMEM;
		if (ward_ask_answered(r, &v)) {
			*ret = r;
			return WARD_OK;
		}
	}
	return WARD_OK;
}

/*
 * Who is asked before the start is asked about what policies name one by one: the rest has to be named as well. Without a
 * port, endpoint is of port 1, and any of the host will do.
 */
static int cure_of_asking(const struct life *l, const char *host, uint16_t port,
	const char *endpoint, enum ward_approval level, struct ward_decision *ret)
{
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT, .resource = text };
	const char *named;
	size_t at = 0, n;
	int r;

	while ((named = ward_book_endpoint(l->book->book, &at)) != NULL) {
		if (port > 0 ? ward_streq(named, endpoint)
			     : strncmp(named, endpoint, strlen(endpoint) - 1) == 0)
			break;
	}
	if (!named) {
		(void)ward_endpoint_question(host, port > 0 ? port : CURE_PORT, text);
		r = ward_cure(&q, ret->cure, sizeof(ret->cure));
		if (r < 0 || ret->cure[0] == '\0')
			return r;
	}
	n = strlen(ret->cure);
	(void)snprintf(ret->cure + n, sizeof(ret->cure) - n, "%s--approve %s", n > 0 ? " " : "",
		ward_approval_name(level));
	return WARD_OK;
}

/* how: what came of asking him; NULL: nobody did. */
static const char *of_asking(const struct life *l, const char *how)
{
	static const struct {
		const char *how, *text;
	} came[] = { { "peer", "a person was asked, and said no" },
		{ "open", "a person is being asked, and has not answered yet" },
		{ "nobody", "a person would have to be asked, and could not be" },
		{ "epoch", "the ceiling changed while a person was being asked" },
		{ "limit",
			"a person would have to be asked, and too much was asked in this run" } };

	if (!how && l->hold_over)
		return "a person would have to be asked, and nobody is since the ceiling changed";
	if (!how && l->r->ask == WARD_ASK_WAIT)
		return "a person would have to be asked, and is not about this while a connection is made: it needs a rule, or a yes from before the start";
	if (!how)
		return "a person would have to be asked, and a connection waits for one under --ask wait alone";
	for (size_t i = 0; i < WARD_ARRAY_SIZE(came); i++)
		if (ward_streq(came[i].how, how))
			return came[i].text;
	return "a person was asked, and did not answer in time";
}

static void told(const struct life *l, struct ward_decision *ret, const struct ward_verdict *v,
	const char *how)
{
	ret->by = v->why == WARD_WHY_NARROWED ? v->list : v->n_rules > 0 ? v->rules[0] : NULL;
	(void)snprintf(ret->why, sizeof(ret->why), "%.180s%s%.180s",
		v->effect == WARD_ASK ? of_asking(l, how) : v->text,
		ret->by && ret->by->reason ? ": " : "",
		ret->by && ret->by->reason ? ret->by->reason : "");
}

/* Of a name, without a port, nobody is asked: that it may be connected to is, when it is. */
static void asked_now(struct life *l, const struct ward_verdict *v, const struct ward_query *q,
	uint16_t port, bool hold, struct ward_decision *ret)
{
	const char *how = NULL;
	enum ward_said said;

	if (port == 0) {
		ret->effect =
			hold && (hold_may(l) || hold_had(l, q->resource.s)) ? WARD_ASK : WARD_DENY;
		return;
	}
	said = hold_ask(l, v, q, hold, &how);
	told(l, ret, v, how);
	if (said == WARD_SAID_ONCE || said == WARD_SAID_RUN)
		ret->effect = WARD_ALLOW;
	else if (said == WARD_SAID_OPEN)
		ret->effect = WARD_ASK;
}

/* leads_to: the address that the name leads to; NULL: it is the connection itself. */
static int judge_one(struct life *l, const struct ward_query *q, const char *leads_to,
	struct ward_verdict *ret)
{
	return leads_to ? ward_judge_leads(l->book->book, l->book->desk, q, leads_to, ret)
			: ward_judge(l->book->book, l->book->desk, q, ret);
}

/*
 * Who connects may see to it that he is not known. So what is let through without a program is refused where it would be to any that the
 * rules tell apart; where they tell apart more than they name, always.
 */
static int judge(struct life *l, const struct ward_query *q, const char *leads_to,
	struct ward_verdict *ret)
{
	const struct ward_book *b = l->book->book;
	struct ward_query one = *q;
	struct ward_verdict v;
	size_t at = 0;
	int r = judge_one(l, q, leads_to, ret);

	if (r < 0 || q->program || ret->effect == WARD_DENY)
		return r;
	if (ward_book_programs_unsure(b)) {
		*ret = (struct ward_verdict){ .effect = WARD_DENY, .why = WARD_WHY_FAILED };
		(void)snprintf(ret->text, sizeof(ret->text),
			"which program connects is not known, and a rule compares its path otherwise than as a whole");
		return WARD_OK;
	}
	while (r >= 0 && ret->effect != WARD_DENY &&
		(one.program = ward_book_program(b, &at)) != NULL) {
		r = judge_one(l, &one, leads_to, &v);
		if (r >= 0 && v.effect < ret->effect)
			*ret = v;
	}
	return r;
}

static int by_policies(struct life *l, const char *host, uint16_t port,
	struct ward_connect_asked how, const char *endpoint, struct ward_decision *ret)
{
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = ward_str(endpoint),
		.meant = how.meant,
		.program = how.program,
		.inspected = how.inspected,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;
	int r = port == 0 ? ward_judge_any_port(l->book->book, l->book->desk, host, q.now_ms, &v)
		: how.anyone
		? ward_judge_anyone(l->book->book, l->book->desk, endpoint, q.now_ms, &v)
		: judge(l, &q, NULL, &v);

	if (r < 0)
		return r;
	told(l, ret, &v, NULL);
	/* What asks for a person looks at nothing that is spoken: who said yes to the connection has said it to this. */
	if (v.effect == WARD_ALLOW || (v.effect == WARD_ASK && how.inspected)) {
		ret->effect = WARD_ALLOW;
	} else if (v.effect == WARD_ASK) {
		if (port > 0)
			ret->rule = said_yes(l, endpoint, &v);
		else if (said_yes_any_port(l, endpoint, q.now_ms, &ret->rule) < 0)
			return WARD_E_NOMEM;
		if (ret->rule)
			ret->effect = WARD_ALLOW;
		else
			asked_now(l, &v, &q, port, how.hold, ret);
		if (ret->effect != WARD_ALLOW && how.cure)
			return cure_of_asking(l, host, port, endpoint, v.approval, ret);
	} else if (v.why == WARD_WHY_NO_RULE && port > 0 && how.cure) {
		struct ward_question cure = { .action = WARD_CAP_NETWORK_CONNECT,
			.resource = endpoint };

		return ward_cure(&cure, ret->cure, sizeof(ret->cure));
	}
	return WARD_OK;
}

static int by_rules(const struct life *l, const char *host, uint16_t port,
	struct ward_connect_asked how, const char *endpoint, struct ward_decision *ret,
	struct ward_error *err)
{
	struct ward_rules rules = { l->plan->rules, l->plan->n_rules, l->net_index };
	struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
		.resource = endpoint,
		.meant = how.meant,
		.no_cure = !how.cure };

	if (port > 0)
		return ward_decide(&rules, &q, ret, err);
	ret->rule = ward_decide_any_port(&rules, host);
	ret->effect = ret->rule ? WARD_ALLOW : WARD_DENY;
	(void)snprintf(ret->why, sizeof(ret->why), "%s",
		ret->rule ? "a rule grants it" : "no rule grants it at any port");
	return WARD_OK;
}

static void begin(struct ward_decision *ret)
{
	ret->effect = WARD_DENY;
	ret->rule = NULL;
	ret->by = NULL;
	ret->cure[0] = '\0';
	(void)snprintf(ret->why, sizeof(ret->why),
		"not one host and one port in their one spelling");
}

static int end(struct ward_decision *ret, int r, struct ward_error *err)
{
	if (r >= 0)
		return WARD_OK;
	ret->effect = WARD_DENY;
	return ward_fail(err, r, "no memory for a decision");
}

int ward_ask_connect(struct life *l, const char *host, uint16_t port, struct ward_connect_asked how,
	struct ward_decision *ret, struct ward_error *err)
{
	char endpoint[WARD_ENDPOINT_TEXT_MAX];

	begin(ret);
	if (!ward_endpoint_question(host, port > 0 ? port : 1, endpoint))
		return WARD_OK;
	return end(ret,
		l->book ? by_policies(l, host, port, how, endpoint, ret)
			: by_rules(l, host, port, how, endpoint, ret, err),
		err);
}

int ward_ask_leads(struct life *l, const char *host, uint16_t port, const char *address,
	struct ward_connect_asked how, struct ward_decision *ret, struct ward_error *err)
{
	char endpoint[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.program = how.program,
		.inspected = how.inspected,
		.unreached = how.unreached,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;
	int r;

	begin(ret);
	if (port == 0 || !ward_endpoint_question(host, port, endpoint))
		return WARD_OK;
	if (!l->book) {
		/* Options forbid nothing. */
		ret->effect = WARD_ALLOW;
		return WARD_OK;
	}
	q.resource = ward_str(endpoint);
	r = judge(l, &q, address, &v);
	if (r >= 0) {
		told(l, ret, &v, NULL);
		ret->effect = v.effect == WARD_ALLOW ? WARD_ALLOW : WARD_DENY;
	}
	return end(ret, r, err);
}

/* ---- by a proxy, which alone knows where a name leads ---- */

struct unseen {
	struct life *l;
	const char *host;
	uint16_t port;
	struct ward_connect_asked how;
	struct ward_decision *ret;
	size_t n; /* looked at: each takes as long as a decision, at every connection */
};

/* Not 0: it could lead there, and is refused. */
static int leads_there(void *arg, const char *address, bool tried)
{
	struct unseen *u = arg;

	if (++u->n > WARD_EGRESS_UNSEEN_MAX) {
		begin(u->ret);
		(void)snprintf(u->ret->why, sizeof(u->ret->why),
			"rules forbid more addresses than are looked at for each connection");
		return 1;
	}
	if (tried)
		return ward_ask_leads(u->l, u->host, u->port, address, u->how, u->ret, NULL) < 0 ||
			u->ret->effect != WARD_ALLOW;
	begin(u->ret);
	(void)snprintf(u->ret->why, sizeof(u->ret->why), "a rule forbids %.100s", address);
	return 1;
}

int ward_ask_unseen(struct life *l, const char *host, uint16_t port, struct ward_connect_asked how,
	struct ward_decision *ret)
{
	struct unseen u = { l, host, port, how, ret, 0 };

	u.how.unreached = true; /* the proxy may reach it */
	begin(ret);
	if (l->book && ward_net_led_to(l->book->book, NULL, true, leads_there, &u) != 0) {
		ret->effect = WARD_DENY;
		return WARD_OK;
	}
	begin(ret);
	ret->effect = WARD_ALLOW;
	return WARD_OK;
}

int ward_ask_limits(struct life *l, const char *host, uint16_t port, const char *program,
	struct ward_egress_limit *ret, size_t max)
{
	char endpoint[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.program = program,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;
	size_t n = 0;
	int r;

	if (!l->book || !ward_book_net_limited(l->book->book))
		return 0;
	if (!ward_endpoint_question(host, port, endpoint))
		return WARD_E_INVALID;
	q.resource = ward_str(endpoint);
	r = ward_judge(l->book->book, l->book->desk, &q, &v);
	if (r < 0)
		return r;
	/* What was answered a moment ago may be another answer by now: then nothing goes. */
	if (v.effect == WARD_DENY || v.n_rules == 0)
		return WARD_E_REFUSED;
	for (size_t i = 0; i < v.n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		const struct ward_book_rule *by = v.rules[i];

		if (!by->net)
			return 0;
		if (n == max)
			continue;
		ret[n].limits = *by->net;
		ret[n].line = by->line;
		ret[n].column = by->column;
		(void)snprintf(ret[n].file, sizeof(ret->file), "%s", by->file);
		(void)snprintf(ret[n++].rule, sizeof(ret->rule), "%s", by->id ? by->id : by->text);
	}
	return (int)n;
}
