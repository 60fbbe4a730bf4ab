/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of a book. The verdict is DENY before anything is looked at. What grants is asked first, and every list that narrows
 * and speaks of the action must agree. An answer of cedar's with an error in it is a deny, whatever the other policies say.
 */
#include <stdio.h>
#include <string.h>

#include "decide/decide.h"

const char *ward_why_name(enum ward_why w)
{
	static const char *const names[] = { "malformed", "failed", "forbidden", "no_rule",
		"narrowed", "granted", "never" };

	return (unsigned)w < WARD_ARRAY_SIZE(names) ? names[w] : "malformed";
}

static void list(struct ward_verdict *v, const struct ward_book_set *s, const uint32_t *numbers,
	uint32_t n)
{
	v->n_rules = n;
	for (uint32_t i = 0; i < n && i < WARD_VERDICT_RULES_MAX; i++)
		v->rules[i] = &s->rules[numbers[i]];
	if (n > 0)
		v->layer = s->rules[numbers[0]].layer;
}

static void because(struct ward_verdict *v, enum ward_why why, const char *text)
{
	v->why = why;
	(void)snprintf(v->text, sizeof(v->text), "%s", text);
}

static void failed(struct ward_verdict *v, const struct cedar_answer *a)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_buf_adds(&b, "a rule could not be evaluated: ");
	ward_cedar_fault_print(&b, &a->faults[0]);
	because(v, WARD_WHY_FAILED, b.failed ? "a rule could not be evaluated" : ward_buf_cstr(&b));
	ward_buf_done(&b);
}

static bool any_outside(const struct ward_book_set *s, const struct cedar_answer *a)
{
	for (uint32_t i = 0; i < a->n_reasons; i++) {
		if (!s->rules[a->reasons[i]].inside)
			return true;
	}
	return false;
}

/* The least that one of them wants. */
static enum ward_approval approval_of(const struct ward_book_set *s, const struct cedar_answer *a,
	bool of_host)
{
	enum ward_approval least = WARD_APPROVAL_CRITICAL;

	for (uint32_t i = 0; i < a->n_reasons; i++) {
		enum ward_approval one = s->rules[a->reasons[i]].approval;

		if (!of_host || !s->rules[a->reasons[i]].inside)
			least = one > least ? one : least;
	}
	return least;
}

/* True: the set agrees, and *level is what it wants. False: *v says why not, or code. */
static bool ask_set(const struct ward_book *b, struct ward_desk *d, const struct ward_book_set *s,
	const struct cedar_request *r, bool of_host, struct ward_verdict *v,
	enum ward_approval *level, int *code)
{
	struct cedar_answer a;

	*code = ward_cedar_authorize(s->compiled, ward_book_entities(b), r, ward_desk_scratch(d),
		false, &a);
	if (*code != WARD_OK)
		return false;
	if (a.n_errors > 0) {
		list(v, s, a.errors, a.n_errors);
		failed(v, &a);
		return false;
	}
	if (a.decision != CEDAR_ALLOW) {
		list(v, s, a.reasons, a.n_reasons);
		if (a.n_reasons > 0)
			because(v, WARD_WHY_FORBIDDEN, "a rule forbids it");
		else
			because(v, WARD_WHY_NO_RULE, "no rule grants it");
		return false;
	}
	if (of_host && !any_outside(s, &a)) {
		because(v, WARD_WHY_NO_RULE, "no rule grants it");
		return false;
	}
	list(v, s, a.reasons, a.n_reasons);
	*level = approval_of(s, &a, of_host);
	return true;
}

static bool ask_bounds(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	const struct cedar_request *r, struct ward_verdict *v, enum ward_approval *level, int *code)
{
	for (size_t i = 0; i < ward_book_n_bounds(b); i++) {
		const struct ward_book_set *s = ward_book_bound(b, i);
		struct ward_verdict one = *v;
		enum ward_approval wants;

		if ((s->actions & UINT32_C(1) << q->action) == 0)
			continue;
		if (!ask_set(b, d, s, r, q->of_host, &one, &wants, code)) {
			if (one.why == WARD_WHY_FAILED)
				*v = one;
			else
				because(v, WARD_WHY_NARROWED, "");
			v->layer = s->layer;
			v->list = ward_book_speaks(b, s, q->action);
			return false;
		}
		if (wants < *level) {
			/* It is this list that wants a person: its rules are who asks. */
			*v = one;
			*level = wants;
		}
	}
	return true;
}

/* Who would have to change his mind. */
static void narrowed(struct ward_verdict *v)
{
	(void)snprintf(v->text, sizeof(v->text),
		"the %s lists what may be granted, and this is not among it",
		v->layer == WARD_LAYER_CEILING ? "ceiling" : ward_layer_name(v->layer));
}

/* Whatever it is that the policies say. */
static void never(const struct ward_query *q, struct ward_verdict *ret)
{
	struct ward_endpoint e;
	const char *what = "no address";

	if (ward_endpoint_parse_asked(q->resource, &e))
		(void)ward_address_what(e.family, e.address, &what);
	ret->why = WARD_WHY_NEVER;
	(void)snprintf(ret->text, sizeof(ret->text), "never reached, whatever is granted: %s",
		what);
}

int ward_judge(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	struct ward_verdict *ret)
{
	enum ward_approval level = WARD_APPROVAL_CRITICAL;
	struct cedar_request r;
	int code;

	*ret = (struct ward_verdict){ .effect = WARD_DENY };
	because(ret, WARD_WHY_MALFORMED,
		"what it names is not sure: it has not the form of such a name");
	if (b == NULL || d == NULL || q == NULL)
		return WARD_E_INVALID;
	code = ward_book_request(b, d, q, &r);
	if (code == WARD_E_INVALID)
		return WARD_OK;
	if (code == WARD_E_REFUSED) {
		never(q, ret);
		return WARD_OK;
	}
	if (code == WARD_OK &&
		ask_set(b, d, ward_book_grants(b), &r, q->of_host, ret, &level, &code) &&
		ask_bounds(b, d, q, &r, ret, &level, &code)) {
		because(ret, WARD_WHY_GRANTED, "a rule grants it");
		ret->approval = level;
		ret->effect = level == WARD_APPROVAL_NONE ? WARD_ALLOW : WARD_ASK;
	}
	if (ret->why == WARD_WHY_NARROWED)
		narrowed(ret);
	return code;
}

int ward_judge_any_port(const struct ward_book *b, struct ward_desk *d, const char *host,
	int64_t now_ms, struct ward_verdict *ret)
{
	const uint16_t *ports;
	size_t n;
	int r = WARD_OK;

	*ret = (struct ward_verdict){ .effect = WARD_DENY };
	because(ret, WARD_WHY_NO_RULE, "no rule grants it at any port");
	if (b == NULL || d == NULL || host == NULL)
		return WARD_E_INVALID;
	ports = ward_book_ports(b, &n);
	for (size_t i = 0; r == WARD_OK && ret->effect != WARD_ALLOW && i < n; i++) {
		char text[WARD_ENDPOINT_TEXT_MAX];
		struct ward_query q = { .action = WARD_ACT_NET_CONNECT, .now_ms = now_ms };
		struct ward_verdict one;

		if (!ward_endpoint_question(host, ports[i], text))
			return WARD_OK;
		q.resource = ward_str(text);
		r = ward_judge(b, d, &q, &one);
		/* The first word against it is told, where nothing is for it. */
		if (r == WARD_OK && (one.effect > ret->effect || ret->why == WARD_WHY_NO_RULE))
			*ret = one;
	}
	if (r != WARD_OK)
		ret->effect = WARD_DENY;
	return r;
}
