/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NETWORK_CONNECT, from what was written to the rules of the plan, each in its one spelling. No name is looked up: what a name leads to
 * is found out when it is asked for, outside, and looked at then. With policies it is they that decide, at every connection; what they
 * permit is in the plan for people and for the log.
 */
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

/* Whoever looks after a domain sees each name below it that is asked for: the name itself is a message. */
static int warn_wild(struct ward_resolver *rs, const char *rule, struct ward_error *err)
{
	return ward_rs_warn(rs, err,
		"%s: names below a domain carry data out: its name servers see each one that is asked for",
		rule);
}

/* docs/egress.md: such a permit means no address. */
static int warn_all(struct ward_resolver *rs, const char *rule, struct ward_error *err)
{
	return ward_rs_warn(rs, err,
		"%s: every name and every public address can be connected to, and data sent there; addresses of this host and of private networks need a rule that names them",
		rule);
}

static int warn_range(struct ward_resolver *rs, const struct ward_endpoint *e, const char *rule,
	struct ward_error *err)
{
	struct ward_address_range_said s = ward_address_range(e->family, e->address, e->bits);

	if (!s.some)
		return WARD_OK;
	return ward_rs_warn(rs, err, "%s: what is never reached lies in it, and stays so (%s)",
		rule, s.what);
}

static int warn_host(struct ward_resolver *rs, const struct ward_endpoint *e, const char *rule,
	struct ward_error *err)
{
	if (e->kind == WARD_HOST_CHILD || e->kind == WARD_HOST_BELOW)
		return warn_wild(rs, rule, err);
	return e->kind == WARD_HOST_RANGE ? warn_range(rs, e, rule, err) : WARD_OK;
}

static bool is_loopback(const struct ward_endpoint *e)
{
	static const uint8_t six[16] = { [15] = 1 };

	return e->kind == WARD_HOST_ADDRESS &&
		(e->family == 4 ? e->address[0] == 127 : memcmp(e->address, six, sizeof(six)) == 0);
}

/* Beside a name it says that the name may lead there; without one somebody means the host's own server, and gets the run's. */
static int warn_own(struct ward_resolver *rs, const char *rule, struct ward_error *err)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;

	for (size_t i = 0; i < rs->caps.n; i++) {
		const struct ward_cap *cap = &rs->caps.v[i];

		if (cap->type == WARD_CAP_NETWORK_CONNECT && !cap->denied &&
			ward_endpoint_parse(ward_str(cap->resource), &e, &why) &&
			e.kind != WARD_HOST_ADDRESS && e.kind != WARD_HOST_RANGE)
			return WARD_OK;
	}
	return ward_rs_warn(rs, err,
		"%s: it lets a name lead there, and no name is granted: what is connected to at it is the run's own; the host's own is " WARD_HOST_SERVICE,
		rule);
}

static int grant(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_rule rule = { .type = cap->type, .origin = cap->origin };
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r;

	if (!ward_endpoint_parse(ward_str(cap->resource), &e, &why))
		return ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "%s", why.what);
	ward_endpoint_text(&e, text);
	rule.pattern = ward_arena_strdup(rs->arena, text);
	rule.text = ward_rs_rule_text(rs, cap);
	r = ward_rs_rule(rs, &rule, err);
	if (r >= 0)
		r = warn_host(rs, &e, rule.text, err);
	if (r >= 0 && is_loopback(&e))
		r = warn_own(rs, rule.text, err);
	return r < 0 ? r : WARD_OK;
}

/* ---- what policies permit ---- */

static struct ward_origin origin_of(const struct ward_book_rule *by)
{
	return (struct ward_origin){ .file = by->file, .line = by->line, .column = by->column };
}

static const char *text_of(struct ward_resolver *rs, const struct ward_book_rule *by)
{
	const char *what = by->id ? by->id : by->text;

	return by->line > 0 ? ward_arena_printf(rs->arena, "%s:%u %s", by->file, by->line, what)
			    : ward_arena_printf(rs->arena, "%s %s", by->file, what);
}

#define SHOWN_ENDS 100

/* For warnings, which say what comes of it: a long name of a file, or of a rule, leaves its middle out. */
static const char *shown(struct ward_resolver *rs, const char *rule)
{
	size_t n = rule ? strlen(rule) : 0, from = SHOWN_ENDS, to = n - SHOWN_ENDS;
	const char *copy;

	if (n <= 2 * SHOWN_ENDS + 3)
		return rule ? rule : "net.connect";
	/* No character is parted. */
	while (from > 0 && ((unsigned char)rule[from] & 0xc0) == 0x80)
		from--;
	while (to < n && ((unsigned char)rule[to] & 0xc0) == 0x80)
		to++;
	copy = ward_arena_printf(rs->arena, "%.*s...%s", (int)from, rule, rule + to);
	return copy ? copy : "net.connect";
}

/* An address that nobody ever reaches is no more a grant in a policy than in a capability. */
static int check_never(const struct ward_book_reach *w, const struct ward_endpoint *e,
	struct ward_error *err)
{
	struct ward_address_range_said s;

	if (e->kind != WARD_HOST_ADDRESS && e->kind != WARD_HOST_RANGE)
		return WARD_OK;
	s = ward_address_range(e->family, e->address, e->bits);
	if (!s.never)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_REFUSED,
		"net.connect %s: never reached, whatever is permitted: %s", w->host, s.what);
	ward_fail_at(err, w->rule->file, w->rule->line, w->rule->column);
	ward_fail_fix(err, "take it out");
	return WARD_E_REFUSED;
}

/* As a capability has it. ret_e is NONE where it is every host. */
static void endpoint_of(const struct ward_book_reach *w, char text[WARD_ENDPOINT_TEXT_MAX],
	struct ward_endpoint *ret_e)
{
	bool brackets = w->host && !w->one && strchr(w->host, ':') != NULL;
	struct ward_endpoint_fault why;

	*ret_e = (struct ward_endpoint){ 0 };
	(void)snprintf(text, WARD_ENDPOINT_TEXT_MAX, brackets ? "%s[%s]%s" : "%s%s%s", w->before,
		w->host ? w->host : "*", w->one ? "" : ":*");
	if (w->host)
		(void)ward_endpoint_parse(ward_str(text), ret_e, &why);
}

/* With what is known of a rule beside it; NULL: no memory. ret_e is NONE where it is every host. */
static const char *pattern_of(struct ward_resolver *rs, const struct ward_book_reach *w,
	struct ward_endpoint *ret_e)
{
	static const char written[] = "NETWORK_CONNECT ";
	struct ward_endpoint_fault why;
	char text[WARD_ENDPOINT_TEXT_MAX];

	/* In these words by the list of a profile (no author of a policy has them): then the port, which is a condition, is among them. */
	if (w->rule->text && strncmp(w->rule->text, written, strlen(written)) == 0 &&
		ward_endpoint_parse(ward_str(w->rule->text + strlen(written)), ret_e, &why)) {
		ward_endpoint_text(ret_e, text);
		return ward_arena_strdup(rs->arena, text);
	}
	endpoint_of(w, text, ret_e);
	return w->conditional ? ward_arena_printf(rs->arena, "%s, as its conditions say", text)
			      : ward_arena_strdup(rs->arena, text);
}

/* Nor may a person be asked for what is refused whatever is answered. */
static int asks_never(struct ward_resolver *rs, const struct ward_book_reach *w,
	struct ward_error *err)
{
	struct ward_endpoint e;

	return pattern_of(rs, w, &e) ? check_never(w, &e, err) : ward_rs_nomem(err);
}

static bool is_sugar(const struct ward_book_rule *by)
{
	/* A capability of the request is a rule of its own already. */
	return by->file[0] == '-' && by->file[1] == '-';
}

/* A forbid wins: who wrote both may mean something else. */
static int warn_forbidden(struct ward_resolver *rs, const struct ward_book_reach *w,
	const char *rule, struct ward_error *err)
{
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = ward_str(w->host),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict v;
	size_t at = 0;

	if (ward_book_programs_unsure(rs->book->book))
		return WARD_OK;
	/* Of which program: that is not known before. What some of them may is not forbidden. */
	do {
		if (ward_judge(rs->book->book, rs->book->desk, &q, &v) < 0)
			return ward_fail(err, WARD_E_NOMEM, "no memory for a decision");
		if (v.why != WARD_WHY_FORBIDDEN || v.n_rules == 0)
			return WARD_OK;
	} while ((q.program = ward_book_program(rs->book->book, &at)) != NULL);
	return ward_rs_warn(rs, err,
		"%s: it is forbidden as well (%s:%u), and a forbid wins: %s cannot be connected to",
		rule, v.rules[0]->file, v.rules[0]->line, w->host);
}

struct named {
	struct ward_resolver *rs;
	const char *rule;
	struct ward_error *err;
};

/* By a condition: there what is never reached may be one of many, where it is refused that a rule is of it alone (check_never). */
static int warn_named(const struct ward_book_reach *w, void *arg)
{
	const struct named *n = arg;
	struct ward_address_range_said s;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r;

	endpoint_of(w, text, &e);
	r = warn_host(n->rs, &e, n->rule, n->err);
	if (r < 0 || (e.kind != WARD_HOST_ADDRESS && e.kind != WARD_HOST_RANGE))
		return r;
	s = ward_address_range(e.family, e.address, e.bits);
	if (!s.never)
		return r;
	return ward_rs_warn(n->rs, n->err, "%s: %s is never reached, whatever is permitted (%s)",
		n->rule, w->host, s.what);
}

/* What its author may not have meant. */
static int warn_reach(struct ward_resolver *rs, const struct ward_book_reach *w,
	const struct ward_endpoint *e, const char *rule, struct ward_error *err)
{
	int r = WARD_OK;

	rule = shown(rs, rule);
	if (w->one)
		r = warn_forbidden(rs, w, rule, err);
	if (r >= 0 && !w->host && !w->narrow)
		r = warn_all(rs, rule, err);
	if (r >= 0)
		r = warn_host(rs, e, rule, err);
	if (r >= 0)
		r = ward_book_reach_named(rs->book->book, w, warn_named,
			&(struct named){ rs, rule, err });
	return r < 0 ? r : WARD_OK;
}

static int permit(struct ward_resolver *rs, const struct ward_book_reach *w, struct ward_error *err)
{
	struct ward_rule rule = { .type = WARD_CAP_NETWORK_CONNECT,
		.told = true,
		.origin = origin_of(w->rule),
		.text = text_of(rs, w->rule) };
	struct ward_net_limits *net;
	struct ward_endpoint e;
	int r;

	if (w->rule->net) {
		net = ward_arena_alloc(rs->arena, sizeof(*net));
		if (!net)
			return ward_rs_nomem(err);
		*net = *w->rule->net;
		rule.net = net;
	}
	rule.pattern = pattern_of(rs, w, &e);
	r = check_never(w, &e, err);
	if (r == WARD_OK && !w->host && !(rs->host->userns && ward_host_mediates(rs->host))) {
		/* All that there is, which here is nothing: it is no promise of one place. */
		return ward_rs_warn(rs, err,
			"%s: nothing can be connected to on this host; ward doctor says what it lacks",
			rule.text ? rule.text : "net.connect");
	}
	if (r == WARD_OK)
		r = ward_rs_rule(rs, &rule, err);
	if (r >= 0)
		r = warn_reach(rs, w, &e, rule.text, err);
	return r < 0 ? r : WARD_OK;
}

/* The same place twice is one line. */
static bool is_told(const struct ward_resolver *rs, const struct ward_book_rule *by)
{
	for (size_t i = 0; i < rs->caps.n; i++) {
		const struct ward_cap *cap = &rs->caps.v[i];

		if (cap->type == WARD_CAP_NETWORK_CONNECT && cap->origin.line == by->line &&
			cap->origin.column == by->column && ward_streq(cap->origin.file, by->file))
			return true;
	}
	return is_sugar(by);
}

/*
 * Before the start is asked about endpoints that policies or the component name one by one. Said yes to, such a one is a grant. What else
 * there is to be asked about is met when it is connected to (net/hold.c).
 */
static int ask(struct ward_resolver *rs, const char *endpoint, struct ward_error *err)
{
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = ward_str(endpoint),
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_rule rule = { .type = WARD_CAP_NETWORK_CONNECT, .pattern = endpoint };
	struct ward_verdict v;
	bool yes = false;
	int r;

	for (size_t i = 0; i < rs->n_rules; i++) {
		if (rs->rules[i].said && ward_streq(rs->rules[i].pattern, endpoint))
			return WARD_OK;
	}
	if (ward_judge(rs->book->book, rs->book->desk, &q, &v) < 0)
		return ward_rs_nomem(err);
	if (v.effect != WARD_ASK)
		return WARD_OK;
	r = ward_rules_yes(rs, &q, &v, &yes, err);
	if (r < 0 || !yes || v.n_rules == 0)
		return r;
	rule.said = true;
	rule.level = v.approval;
	rule.origin = origin_of(v.rules[0]);
	rule.text = text_of(rs, v.rules[0]);
	r = ward_rs_rule(rs, &rule, err);
	return r < 0 ? r : WARD_OK;
}

/* What the component asks for by its name may be named by nobody else. */
static int ask_requests(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_component_data *c = rs->book->component;
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && c && i < c->requests.n; i++) {
		const struct ward_cap *cap = &c->requests.v[i];
		const char *endpoint;

		if (cap->type != WARD_CAP_NETWORK_CONNECT ||
			!ward_endpoint_parse(ward_str(cap->resource), &e, &why) ||
			!ward_endpoint_is_one(&e))
			continue;
		ward_endpoint_text(&e, text);
		endpoint = ward_arena_strdup(rs->arena, text);
		r = endpoint ? ask(rs, endpoint, err) : ward_rs_nomem(err);
	}
	return r;
}

/* It wins over each grant, whoever's: told, since who reads the grants alone takes them for all there is. */
static int forbidden(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_book_reach w;
	struct ward_endpoint e;
	size_t at = 0;
	int r = WARD_OK;

	while (r >= 0 && ward_book_net_forbids(rs->book->book, &at, &w)) {
		struct ward_rule rule = { .type = WARD_CAP_NETWORK_CONNECT,
			.told = true,
			.origin = origin_of(w.rule),
			.text = text_of(rs, w.rule),
			.pattern = pattern_of(rs, &w, &e) };

		r = ward_rs_forbidden(rs, &rule, err);
	}
	return r < 0 ? r : WARD_OK;
}

static int policies(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_book_reach w;
	const char *endpoint;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && ward_book_reaches(rs->book->book, &at, &w)) {
		if (!is_told(rs, w.rule))
			r = w.rule->approval == WARD_APPROVAL_NONE ? permit(rs, &w, err)
								   : asks_never(rs, &w, err);
	}
	at = 0;
	while (r == WARD_OK && ward_book_asks(rs->book->book) &&
		(endpoint = ward_book_endpoint(rs->book->book, &at)) != NULL)
		r = ask(rs, endpoint, err);
	return r == WARD_OK && ward_book_asks(rs->book->book) ? ask_requests(rs, err) : r;
}

/* What holds is the same, and what works nearly so: nobody is asked to accept it, and everybody is told. */
static int warn_redirected(struct ward_resolver *rs, struct ward_error *err)
{
	bool some = false;

	for (size_t i = 0; i < rs->n_rules; i++)
		some |= rs->rules[i].type == WARD_CAP_NETWORK_CONNECT;
	if (!some || rs->host->nft || !rs->host->userns || rs->r->backend != WARD_BACKEND_NATIVE)
		return WARD_OK;
	return ward_rs_warn(rs, err,
		"this host has no nf_tables: each connect is led to the gate where it is mediated (ward doctor says what to do, docs/egress.md what differs)");
}

/*
 * A permit's author has said that he knows; who reads the plan has not. What a forbid, or a list, spares a program is spared all code that
 * can act as it.
 */
static int warn_by_program(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_book_rule *by;
	size_t at = 0;
	int r = WARD_OK;

	while (r >= 0 && (by = ward_book_by_program(rs->book->book, &at)) != NULL)
		r = ward_rs_warn(rs, err,
			"%s:%u: which program connects is advice: all code of the run can act as one that may (docs/egress.md)",
			by->file, by->line);
	return r < 0 ? r : WARD_OK;
}

int ward_rs_net_check(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_book_reach w;
	struct ward_endpoint e;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && ward_book_reaches(rs->book->book, &at, &w)) {
		if (is_told(rs, w.rule))
			continue;
		if (!pattern_of(rs, &w, &e))
			return ward_rs_nomem(err);
		r = check_never(&w, &e, err);
		if (r == WARD_OK && w.rule->approval == WARD_APPROVAL_NONE)
			r = warn_reach(rs, &w, &e, text_of(rs, w.rule), err);
	}
	return r == WARD_OK ? warn_by_program(rs, err) : r;
}

int ward_rs_net(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->caps.n; i++) {
		if (rs->caps.v[i].type == WARD_CAP_NETWORK_CONNECT)
			r = grant(rs, &rs->caps.v[i], err);
	}
	if (r == WARD_OK && rs->book)
		r = policies(rs, err);
	if (r == WARD_OK && rs->book)
		r = forbidden(rs, err);
	if (r == WARD_OK && rs->book)
		r = warn_by_program(rs, err);
	return r == WARD_OK ? warn_redirected(rs, err) : r;
}
