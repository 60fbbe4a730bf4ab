/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of a book. The verdict is DENY before anything is looked at. What grants is asked first, and every list that narrows
 * and speaks of the action must agree. An answer of cedar's with an error in it is a deny, whatever the other policies say.
 */
#include <stdio.h>
#include <stdlib.h>
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

/* Said of each refusal of a start's hundred questions, so nothing is printed for it. */
static void because(struct ward_verdict *v, enum ward_why why, const char *text)
{
	size_t n = strnlen(text, sizeof(v->text) - 1);

	v->why = why;
	memcpy(v->text, text, n);
	v->text[n] = '\0';
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

/* ---- what a rule means ---- */

/*
 * Two endpoints that a rule does not hold which means what is asked for: a name that nobody has, and what stands beside it. Of an address
 * that is one just outside of its line in data/addresses, which every range holds that is wider than that; of a name another in its domain.
 */
static bool beside(const struct ward_endpoint *asked, char out[2][WARD_ENDPOINT_TEXT_MAX])
{
	struct ward_endpoint e = *asked;
	unsigned bit;
	const char *dot;

	if (!ward_endpoint_question("no-such-host.invalid", asked->ports[0].first, out[0]))
		return false;
	if (asked->kind == WARD_HOST_ADDRESS) {
		bit = ward_address_line(e.family, e.address) - 1;
		e.address[bit / 8] ^= (uint8_t)(0x80u >> (bit % 8));
	} else {
		dot = strchr(asked->name, '.');
		e.name_n =
			(size_t)snprintf(e.name, sizeof(e.name), "no-such-host%s", dot ? dot : "");
		if (e.name_n >= sizeof(e.name))
			return false;
	}
	ward_endpoint_text(&e, out[1]);
	return true;
}

/* Which permits to connect hold it: a bit in held for each. */
static int holders(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	const char *resource, uint8_t *held)
{
	const struct ward_book_set *s = ward_book_reach_set(b);
	struct ward_query one = *q;
	struct cedar_request r;
	struct cedar_answer a;
	int code;

	one.resource = ward_str(resource);
	one.unreached = true;
	code = ward_book_request(b, d, &one, &r);
	if (code == WARD_OK)
		code = ward_cedar_authorize(s->compiled, ward_book_entities(b), &r,
			ward_desk_scratch(d), false, &a);
	for (uint32_t i = 0; code == WARD_OK && i < a.n_reasons; i++)
		held[a.reasons[i] / 8] |= (uint8_t)(1u << (a.reasons[i] % 8));
	return code;
}

/* True: permits mean it, and *level is the least that they want. *r lives in the desk: it is gone, and made again. */
static bool ask_meant(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	struct ward_verdict *v, enum ward_approval *level, int *code)
{
	const struct ward_book_set *s = ward_book_reach_set(b);
	size_t n = s->policies.statics.n, size = n / 8 + 1;
	char other[2][WARD_ENDPOINT_TEXT_MAX], text[WARD_ENDPOINT_TEXT_MAX];
	uint8_t *held = calloc(2, size), *too = held ? held + size : NULL;
	struct ward_endpoint e;
	bool any = false;

	*code = held ? WARD_OK : WARD_E_NOMEM;
	*level = WARD_APPROVAL_CRITICAL;
	because(v, WARD_WHY_NO_RULE, "no rule grants it by its address");
	if (held && s->compiled && ward_endpoint_parse_asked(q->resource, &e) &&
		beside(&e, other)) {
		ward_endpoint_text(&e, text);
		*code = holders(b, d, q, text, held);
		for (size_t i = 0; *code == WARD_OK && i < WARD_ARRAY_SIZE(other); i++)
			*code = holders(b, d, q, other[i], too);
		for (size_t i = 0; *code == WARD_OK && i < n; i++) {
			if (((held[i / 8] & ~too[i / 8]) >> (i % 8) & 1) == 0)
				continue;
			if (!any || s->rules[i].approval > *level) {
				v->rules[0] = &s->rules[i];
				*level = s->rules[i].approval;
			}
			any = true;
		}
	}
	free(held);
	v->n_rules = any && *code == WARD_OK;
	return v->n_rules > 0;
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

static int judge(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
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
		(!q->meant ||
			(ask_meant(b, d, q, ret, &level, &code) &&
				(code = ward_book_request(b, d, q, &r)) == WARD_OK)) &&
		ask_bounds(b, d, q, &r, ret, &level, &code)) {
		because(ret, WARD_WHY_GRANTED, "a rule grants it");
		ret->approval = level;
		ret->effect = level == WARD_APPROVAL_NONE ? WARD_ALLOW : WARD_ASK;
	}
	if (ret->why == WARD_WHY_NARROWED)
		narrowed(ret);
	return code;
}

/*
 * What is spoken is not known before a connection is made: it may be where it could be for something. Forbids alone look at it, so that
 * permits, what they ask for and their limits are the same for all.
 */
int ward_judge(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	struct ward_verdict *ret)
{
	int r = judge(b, d, q, ret);
	struct ward_verdict v;
	struct ward_query one;
	size_t at = 0;

	/* A Unix socket is connected to, and nobody looks at what is spoken there. */
	if (r != WARD_OK || q->action != WARD_ACT_NET_CONNECT || q->inspected != NULL ||
		(q->thing != WARD_THING_NONE && q->thing != WARD_THING_ENDPOINT) ||
		ret->why != WARD_WHY_FORBIDDEN)
		return r;
	one = *q;
	/* Where something is not forbidden, but granted by nobody, that is why. */
	while (r == WARD_OK && ret->why == WARD_WHY_FORBIDDEN &&
		(one.inspected = ward_book_protocol(b, &at)) != NULL) {
		r = judge(b, d, &one, &v);
		if (r == WARD_OK && v.why != WARD_WHY_FORBIDDEN && v.why != WARD_WHY_FAILED)
			*ret = v;
	}
	if (r != WARD_OK)
		ret->effect = WARD_DENY;
	return r;
}

int ward_judge_grantable(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	struct ward_verdict *io)
{
	struct ward_query one = *q;
	enum ward_approval level = WARD_APPROVAL_CRITICAL;
	int code = WARD_OK;

	if (io->why != WARD_WHY_NO_RULE)
		return WARD_OK;
	for (unsigned i = 0; i < 2 && code == WARD_OK; i++) {
		struct ward_verdict v = *io;
		struct cedar_request r;

		if (i == 1 && q->action != WARD_ACT_FS_WRITE)
			break;
		if (i == 1)
			one.action = WARD_ACT_FS_READ;
		code = ward_book_request(b, d, &one, &r);
		if (code == WARD_OK && ask_bounds(b, d, &one, &r, &v, &level, &code))
			continue;
		if (code != WARD_OK)
			break;
		if (v.why == WARD_WHY_NARROWED)
			narrowed(&v);
		*io = v;
		break;
	}
	return code;
}

/* Of what was said of it: is it a forbid? */
static bool is_forbid(const struct ward_verdict *v)
{
	return v->effect == WARD_DENY && v->why != WARD_WHY_NO_RULE && v->why != WARD_WHY_NARROWED;
}

/* A rule about an endpoint that is this address and no other thing does not see what a name leads to. */
static bool forbids_it(const struct ward_book *b, const struct ward_verdict *v,
	const char *endpoint)
{
	if (v->why != WARD_WHY_FORBIDDEN || v->n_rules > WARD_VERDICT_RULES_MAX)
		return is_forbid(v);
	for (size_t i = 0; i < v->n_rules; i++) {
		if (ward_book_names_endpoint(b, v->rules[i], endpoint))
			return true;
	}
	return false;
}

int ward_judge_leads(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	const char *address, struct ward_verdict *ret)
{
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query one = *q;
	struct ward_endpoint e;
	int r;

	*ret = (struct ward_verdict){ .effect = WARD_DENY };
	because(ret, WARD_WHY_MALFORMED, "not one address");
	if (!ward_endpoint_parse_asked(q->resource, &e) ||
		!ward_endpoint_question(address, e.ports[0].first, text))
		return WARD_OK;
	one.leads_to = address;
	r = ward_judge(b, d, &one, ret);
	if (r != WARD_OK || is_forbid(ret))
		return r;
	one.leads_to = NULL;
	one.resource = ward_str(text);
	r = ward_judge(b, d, &one, ret);
	if (r != WARD_OK || forbids_it(b, ret, text)) {
		ret->effect = WARD_DENY;
		return r;
	}
	*ret = (struct ward_verdict){ .effect = WARD_ALLOW };
	because(ret, WARD_WHY_GRANTED, "no rule forbids it");
	return WARD_OK;
}

/* Of a question about an endpoint that is an address: the IPv4 address that it carries, as one. False: it carries none. */
static bool carried(const struct ward_query *q, struct ward_endpoint *ret)
{
	struct ward_endpoint e;

	return q->action == WARD_ACT_NET_CONNECT && ward_endpoint_parse_asked(q->resource, &e) &&
		ward_endpoint_carried(&e, ret);
}

int ward_judge_asked(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	struct ward_verdict *ret)
{
	char host[WARD_ENDPOINT_TEXT_MAX], text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_verdict v;
	struct ward_endpoint e;
	struct ward_query one;
	int r = ward_judge(b, d, q, ret);

	if (r != WARD_OK || ret->effect == WARD_DENY || !carried(q, &e))
		return r;
	ward_endpoint_host(&e, host);
	r = ward_judge_leads(b, d, q, host, &v);
	if (r == WARD_OK && v.effect == WARD_ALLOW &&
		ward_address_classify(4, e.address) != WARD_ADDRESS_PUBLIC) {
		ward_endpoint_text(&e, text);
		one = *q;
		one.resource = ward_str(text);
		one.meant = true;
		r = ward_judge(b, d, &one, &v);
		if (v.why == WARD_WHY_NO_RULE)
			(void)snprintf(v.text, sizeof(v.text),
				"no rule grants the IPv4 address that it carries, %.80s", text);
	}
	if (r != WARD_OK || v.effect < ret->effect)
		*ret = v;
	if (r != WARD_OK)
		ret->effect = WARD_DENY;
	return r;
}

/*
 * One more port; whoever will connect, since who asks for a name is not known. The first word against it is told, where nothing is for
 * it.
 */
static int at_port(const struct ward_book *b, struct ward_desk *d, const char *endpoint,
	int64_t now_ms, struct ward_verdict *io)
{
	struct ward_query q = {
		.action = WARD_ACT_NET_CONNECT, .resource = ward_str(endpoint), .now_ms = now_ms
	};
	struct ward_verdict one;
	size_t at = 0;
	int r;

	do {
		r = ward_judge(b, d, &q, &one);
		if (r == WARD_OK && (one.effect > io->effect || io->why == WARD_WHY_NO_RULE))
			*io = one;
		q.program = ward_book_program(b, &at);
	} while (r == WARD_OK && io->effect != WARD_ALLOW && q.program != NULL);
	return r;
}

int ward_judge_anyone(const struct ward_book *b, struct ward_desk *d, const char *endpoint,
	int64_t now_ms, struct ward_verdict *ret)
{
	*ret = (struct ward_verdict){ .effect = WARD_DENY };
	because(ret, WARD_WHY_NO_RULE, "no rule grants it to anybody");
	return b && d && endpoint ? at_port(b, d, endpoint, now_ms, ret) : WARD_E_INVALID;
}

int ward_judge_any_port(const struct ward_book *b, struct ward_desk *d, const char *host,
	int64_t now_ms, struct ward_verdict *ret)
{
	const uint16_t *ports;
	const char *endpoint;
	char text[WARD_ENDPOINT_TEXT_MAX];
	size_t n, at = 0, before;
	int r = WARD_OK;

	*ret = (struct ward_verdict){ .effect = WARD_DENY };
	because(ret, WARD_WHY_NO_RULE, "no rule grants it at any port");
	if (b == NULL || d == NULL || host == NULL)
		return WARD_E_INVALID;
	ports = ward_book_ports(b, &n);
	if (n == 0 || !ward_endpoint_question(host, 1, text))
		return WARD_OK;
	before = strlen(text) - 1;
	while (r == WARD_OK && ret->effect != WARD_ALLOW &&
		(endpoint = ward_book_endpoint(b, &at)) != NULL) {
		if (strncmp(endpoint, text, before) == 0)
			r = at_port(b, d, endpoint, now_ms, ret);
	}
	for (size_t i = 0; r == WARD_OK && ret->effect != WARD_ALLOW && i < n; i++) {
		(void)ward_endpoint_question(host, ports[i], text);
		r = at_port(b, d, text, now_ms, ret);
	}
	if (r != WARD_OK)
		ret->effect = WARD_DENY;
	return r;
}
