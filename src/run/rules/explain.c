/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ward policy explain`: one question to the book of a request, answered with the rules that decide, where they stand, and the
 * least grant that would change it, in the words that the rules were written in. The same judge as of a run; nothing is recorded
 * since nothing is done.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "os/os.h"
#include "plan/plan.h"
#include "run/rules/tools.h"
#include "ward/policy.h"

#define RULE_SHOWN 240 /* bytes of a rule's text */
#define PROTOCOLS_MAX 16

struct question {
	struct ward_resolver *rs;
	struct ward_rulebook *book;
	struct ward_query ask;
	struct ward_verdict verdict;
	char cure[WARD_CURE_MAX];
	const char *links; /* the path was given by a link: what it leads to */
	struct ward_request *r; /* NULL: no run is to begin with it */
	char *held, *held_why,
		*held_cure; /* what a run only reads, though the rules allow more; NULL: it does not */
	char *unplanned; /* no run can be planned, so that it is not known: why */
	struct {
		const char *protocol;
		const struct ward_book_rule *by; /* NULL: what forbids it is no rule */
	} unspoken[PROTOCOLS_MAX]; /* a connection may be made, and this not be spoken on it */
	size_t n_unspoken;
	struct ward_by_upstream upstream; /* of a connection that rules let be made */
};

static const struct {
	enum ward_action action;
	enum ward_cap_type type;
} as_caps[] = {
	{ WARD_ACT_FS_READ, WARD_CAP_FILE_READ },
	{ WARD_ACT_FS_WRITE, WARD_CAP_FILE_WRITE },
	{ WARD_ACT_FS_EXEC, WARD_CAP_EXTERNAL_COMMAND },
	{ WARD_ACT_PROC_EXEC, WARD_CAP_EXTERNAL_COMMAND },
	{ WARD_ACT_ENV_READ, WARD_CAP_ENV },
	{ WARD_ACT_NET_CONNECT, WARD_CAP_NETWORK_CONNECT },
};

/* ---- the resource ---- */

const char *ward_rules_real_path(struct ward_resolver *rs, const char *base, const char *given)
{
	const char *path = ward_rs_absolute(rs, base, given);

	return path ? ward_rs_would_be(rs, path) : NULL;
}

/* Inside there is one of its own at that very place: what the host has there is not meant. */
bool ward_rules_made_inside(const char *path)
{
	const char *reserved = ward_rs_reserved(path);

	for (size_t i = 0; i < ward_base_n; i++) {
		if (ward_base[i].verb != WARD_BASE_BIND && ward_streq(ward_base[i].path, path))
			return true;
	}
	return reserved && !ward_streq(reserved, "/");
}

/* An address that only a rule opens which means it, as at the gate (docs/egress.md). */
static bool is_inner(struct ward_str s)
{
	struct ward_endpoint e;
	enum ward_address_class c;

	if (!ward_endpoint_parse_asked(s, &e) || e.kind != WARD_HOST_ADDRESS)
		return false;
	c = ward_address_classify(e.family, e.address);
	return c == WARD_ADDRESS_LOOPBACK || c == WARD_ADDRESS_PRIVATE;
}

/* As people write it, in its one spelling; what is no endpoint is judged as it is, and refused. */
static const char *endpoint(struct ward_resolver *rs, const char *given)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (!ward_endpoint_parse(ward_str(given), &e, &why) || !ward_endpoint_is_one(&e))
		return given;
	ward_endpoint_text(&e, text);
	return ward_arena_strdup(rs->arena, text);
}

int ward_rules_resource(struct ward_resolver *rs, const char *base, const char *given,
	struct ward_query *q, struct ward_error *err)
{
	enum ward_thing thing = ward_action_thing(q->action);
	const bool is_path = thing == WARD_THING_PATH || thing == WARD_THING_PROGRAM ||
		thing == WARD_THING_REPOSITORY;
	const char *s = given;
	struct ward_target t;

	if (thing == WARD_THING_PROGRAM && !strchr(given, '/')) {
		if (ward_rs_lookup(rs, given, true, &s, &t) < 0) {
			(void)ward_fail(err, WARD_E_NOTFOUND, "there is no program %s on PATH",
				ward_rs_show(rs, given));
			ward_fail_fix(err, "write its path");
			return WARD_E_NOTFOUND;
		}
		s = t.path;
	} else if (is_path) {
		s = given[0] ? ward_rules_real_path(rs, base, given) : NULL;
	}
	if (thing == WARD_THING_ENDPOINT)
		s = endpoint(rs, given);
	if (thing == WARD_THING_MODE) {
		enum ward_mode mode = 0;
		int r = ward_mode_parse(ward_str(given), &mode, err);

		if (r < 0)
			return r;
		s = ward_mode(mode)->name;
	}
	if (!s || !s[0]) {
		(void)ward_fail(err, WARD_E_INVALID, "%s names nothing", ward_rs_show(rs, given));
		if (is_path)
			ward_fail_fix(err,
				"give a path with at most %u links, and without \"..\" behind what is not there",
				WARD_LINKS_MAX);
		else
			ward_fail_fix(err, "give the name of what %s is asked about",
				ward_action_name(q->action));
		return WARD_E_INVALID;
	}
	q->resource = ward_str(s);
	/* What is not there yet is made inside; but in the workspace, which is the host's wherever it lies, in /tmp too. */
	q->of_host = thing == WARD_THING_PATH &&
		(ward_path_within(s, rs->workspace) ||
			(ward_rs_target(rs, s, &t) == 0 && !ward_rules_made_inside(s)));
	q->now_ms = (int64_t)(ward_now_wall_ns() / 1000000);
	q->backend = "native";
	return WARD_OK;
}

/* ---- the host's loopback, by the one name for it ---- */

/* One of the addresses that it stands for, as at the gate: no rule forbids it, and one means it or, named, the name. */
static int leads_to(const struct ward_rulebook *book, const struct ward_query *q, bool named,
	const char *address, uint16_t port, struct ward_verdict *ret)
{
	struct ward_query one = *q;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r = ward_judge_leads(book->book, book->desk, &one, address, ret);

	if (r < 0 || ret->effect == WARD_DENY || named ||
		!ward_endpoint_question(address, port, text))
		return r;
	one.resource = ward_str(text);
	one.meant = true;
	return ward_judge(book->book, book->desk, &one, ret);
}

/* A rule that holds it among others says no such thing as that the host's loopback may be reached (docs/egress.md). */
static int host_service(const struct ward_rulebook *book, const struct ward_query *q,
	struct ward_verdict *io)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };
	struct ward_query meant = *q;
	struct ward_verdict v;
	struct ward_endpoint e;
	bool named;
	int r;

	if (q->action != WARD_ACT_NET_CONNECT || io->effect == WARD_DENY ||
		!ward_endpoint_parse_asked(q->resource, &e) || e.kind != WARD_HOST_NAME ||
		!ward_streq(e.name, WARD_HOST_SERVICE))
		return WARD_OK;
	meant.meant = true;
	r = ward_judge(book->book, book->desk, &meant, &v);
	named = v.effect != WARD_DENY;
	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(addresses); i++) {
		r = leads_to(book, q, named, addresses[i], e.ports[0].first, &v);
		if (v.effect != WARD_DENY)
			return r;
	}
	*io = v;
	return r;
}

int ward_rules_judge(const struct ward_rulebook *book, const struct ward_query *q,
	struct ward_verdict *ret)
{
	struct ward_query one = *q;
	int r;

	one.meant = q->action == WARD_ACT_NET_CONNECT && is_inner(q->resource);
	one.by_person = q->action == WARD_ACT_MODE_ENTER;
	r = ward_judge_asked(book->book, book->desk, &one, ret);
	if (r == WARD_OK)
		r = host_service(book, &one, ret);
	return r == WARD_OK ? ward_judge_grantable(book->book, book->desk, &one, ret) : r;
}

/* By the host's proxy of such a run; what is refused there is refused. */
static int by_upstream(struct question *q)
{
	int r;

	if (!q->r || q->verdict.effect == WARD_DENY)
		return WARD_OK;
	r = ward_net_by_upstream(q->r, q->book, &q->ask, &q->upstream);
	if (r < 0 || !q->upstream.refused)
		return r;
	q->verdict.effect = WARD_DENY;
	q->verdict.n_rules = q->upstream.by ? 1 : 0;
	q->verdict.rules[0] = q->upstream.by;
	if (q->upstream.by)
		q->verdict.layer = q->upstream.by->layer;
	(void)snprintf(q->verdict.text, sizeof(q->verdict.text), "%s", q->upstream.why);
	return WARD_OK;
}

static const char *why_of(const struct question *q)
{
	return q->upstream.refused ? q->upstream.refused : ward_why_name(q->verdict.why);
}

/* What may not be spoken, by a rule about it; ret->effect is DENY then. */
static int spoken(const struct question *q, const struct ward_query *one, struct ward_verdict *ret)
{
	struct ward_by_upstream by = { .proxy = NULL };
	int r = ward_rules_judge(q->book, one, ret);

	if (r == WARD_OK && ret->effect != WARD_DENY && q->r)
		r = ward_net_by_upstream(q->r, q->book, one, &by);
	if (r == WARD_OK && by.refused) {
		ret->effect = WARD_DENY;
		ret->n_rules = by.by ? 1 : 0;
		ret->rules[0] = by.by;
	}
	return r;
}

/* Of a connection that may be made. */
static int unspoken(struct question *q)
{
	struct ward_query one = q->ask;
	struct ward_verdict v;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && q->ask.action == WARD_ACT_NET_CONNECT &&
		q->verdict.effect != WARD_DENY && q->n_unspoken < PROTOCOLS_MAX &&
		(one.inspected = ward_book_protocol(q->book->book, &at)) != NULL) {
		r = spoken(q, &one, &v);
		if (r < 0 || v.effect != WARD_DENY)
			continue;
		q->unspoken[q->n_unspoken].protocol = one.inspected;
		q->unspoken[q->n_unspoken++].by = v.n_rules > 0 ? v.rules[0] : NULL;
	}
	return r;
}

/* ---- the cure ---- */

static int cure(struct question *q, struct ward_error *err)
{
	struct ward_question old = { .resource = q->ask.resource.s };
	struct ward_target t;

	q->cure[0] = '\0';
	if (q->verdict.why != WARD_WHY_NO_RULE)
		return WARD_OK;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(as_caps); i++) {
		if (as_caps[i].action == q->ask.action)
			old.action = as_caps[i].type;
	}
	if (old.action == WARD_CAP_NONE)
		return WARD_OK;
	if (ward_action_thing(q->ask.action) == WARD_THING_PATH) {
		old.absent = ward_rs_target(q->rs, old.resource, &t) < 0;
		old.is_dir = !old.absent && S_ISDIR(t.st.st_mode);
	}
	if (ward_cure(&old, q->cure, sizeof(q->cure)) < 0)
		return ward_rs_nomem(err);
	return WARD_OK;
}

static int hold(struct question *q, const struct ward_node *n, struct ward_error *err)
{
	struct ward_question old = {
		.action = WARD_CAP_FILE_WRITE, .resource = n->dest, .is_dir = n->is_dir
	};
	char text[WARD_CURE_MAX];

	if (ward_cure(&old, text, sizeof(text)) < 0)
		return ward_rs_nomem(err);
	q->held = ward_arena_strdup(q->rs->arena, n->dest);
	q->held_why = ward_arena_strdup(q->rs->arena, n->later);
	q->held_cure = ward_arena_strdup(q->rs->arena, text);
	return q->held && q->held_why && q->held_cure ? WARD_OK : ward_rs_nomem(err);
}

/* What runs code later is only read in a run, whatever rules say (docs/persistence.md): that is seen in the plan of one. */
static int held(struct question *q, struct ward_error *err)
{
	static char *const command[] = { (char *)(uintptr_t) "true", NULL };
	struct ward_error why = WARD_ERROR_INIT;
	struct ward_plan *plan = NULL;
	const struct ward_node *n;
	struct ward_host host;
	int r;

	if (!q->r || q->verdict.effect != WARD_ALLOW || q->ask.action != WARD_ACT_FS_WRITE)
		return WARD_OK;
	r = q->r->argc > 0 ? WARD_OK : ward_request_command(q->r, 1, command, &why);
	if (r == WARD_OK)
		r = ward_host_probe(&host, &why);
	if (r == WARD_OK)
		r = ward_resolve(q->r, &host, &plan, NULL, &why);
	if (r == WARD_E_NOMEM)
		return ward_rs_nomem(err);
	if (r < 0) {
		q->unplanned = ward_arena_strdup(q->rs->arena, why.message);
		return q->unplanned ? WARD_OK : ward_rs_nomem(err);
	}
	n = ward_held_for_later(plan, q->ask.resource.s);
	r = n ? hold(q, n, err) : WARD_OK;
	ward_plan_free(plan);
	return r;
}

/* Where a rule that forbids would have to change; the ceiling is not the caller's to change. */
static const struct ward_book_rule *changeable(const struct ward_verdict *v)
{
	if (v->why != WARD_WHY_FORBIDDEN || v->n_rules == 0)
		return NULL;
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		const struct ward_book_rule *r = v->rules[i];

		/* What every run has, whatever the mode, has no place in a text. */
		if (r->layer == WARD_LAYER_CEILING ||
			(r->layer == WARD_LAYER_BUILTIN && r->line == 0))
			return NULL;
	}
	return v->rules[0];
}

/* ---- the answer ---- */

/* Names and reasons were chosen by others, and an answer is read on a terminal. */
static void shown(struct ward_buf *b, const char *s)
{
	ward_show(b, s, strlen(s));
}

static void place(struct ward_buf *b, const struct ward_book_rule *r)
{
	shown(b, r->file);
	if (r->line > 0)
		ward_buf_addf(b, ":%u", r->line);
	if (r->line > 0 && r->column > 0)
		ward_buf_addf(b, ":%u", r->column);
}

/* A text of several lines as one, and no longer than people read. */
static void one_line(struct ward_buf *b, const char *s)
{
	static const char blanks[] = " \t\r\n";
	size_t from = b->n;

	for (s += strspn(s, blanks); *s && b->n - from < RULE_SHOWN;) {
		size_t n = strcspn(s, blanks), left = RULE_SHOWN - (b->n - from);

		ward_show(b, s, n < left ? n : left);
		s += n < left ? n : left;
		if (strspn(s, blanks) > 0 && s[strspn(s, blanks)])
			ward_buf_addc(b, ' ');
		s += strspn(s, blanks);
	}
	ward_buf_adds(b, *s ? "..." : "");
}

static void rule_text(struct ward_buf *b, const struct ward_book_rule *r)
{
	ward_buf_addf(b, "  %s ", r->forbids ? "forbid" : "permit");
	place(b, r);
	if (r->id) {
		ward_buf_addc(b, ' ');
		shown(b, r->id);
	}
	ward_buf_addf(b, " (%s)", ward_layer_name(r->layer));
	if (r->approval != WARD_APPROVAL_NONE)
		ward_buf_addf(b, " approval %s", ward_approval_name(r->approval));
	ward_buf_adds(b, "\n    ");
	if (r->reason)
		shown(b, r->reason);
	else
		one_line(b, r->text);
	ward_buf_addc(b, '\n');
}

/* Of a literal address: what it is; NULL: it is none. */
static const char *class_of(const struct question *q)
{
	struct ward_endpoint e;

	if (ward_action_thing(q->ask.action) != WARD_THING_ENDPOINT ||
		!ward_endpoint_parse_asked(q->ask.resource, &e) || e.kind != WARD_HOST_ADDRESS)
		return NULL;
	return ward_address_class_name(ward_address_classify(e.family, e.address));
}

/* Who dials it inside gets to no place outside, whatever is granted; a name may lead there. */
static const char *only_behind(const struct question *q)
{
	struct ward_endpoint e;
	uint32_t a;

	if (ward_streq(class_of(q), "loopback"))
		return "; what is dialled at it inside is the run's own, and the host's only behind a name: " WARD_HOST_SERVICE;
	if (!ward_endpoint_parse_asked(q->ask.resource, &e) || e.family != 4)
		return "";
	a = (uint32_t)e.address[0] << 24 | (uint32_t)e.address[1] << 16;
	return (a ^ WARD_NET_SYNTHETIC4) >> (32 - WARD_NET_SYNTHETIC4_BITS) == 0
		? "; what is dialled at it inside is the run's own, and what is outside only behind a name"
		: "";
}

/* What is asked about is no endpoint, or no variable: what is wrong with it, and how one is written. False: it is one, or something else. */
static bool malformed(struct ward_buf *b, const struct question *q)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf with_port = WARD_BUF_INIT;
	struct ward_endpoint_fault why, other;
	const struct ward_str given = q->ask.resource;
	struct ward_endpoint e;

	if (q->verdict.why != WARD_WHY_MALFORMED)
		return false;
	if (ward_action_thing(q->ask.action) == WARD_THING_VARIABLE) {
		ward_buf_adds(b, WARD_VARIABLE_FORM ": LANG, API_KEY");
		return true;
	}
	if (ward_action_thing(q->ask.action) != WARD_THING_ENDPOINT)
		return false;
	if (ward_endpoint_parse(given, &e, &why)) {
		ward_buf_adds(b, "a question is about one host and one port: example.com:443");
		return true;
	}
	ward_buf_adds(&with_port, memchr(given.s, ':', given.n) ? "[" : "");
	ward_buf_add(&with_port, given.s, given.n);
	ward_buf_adds(&with_port, memchr(given.s, ':', given.n) ? "]:443" : ":443");
	if (!with_port.failed &&
		ward_endpoint_parse((struct ward_str){ with_port.s, with_port.n }, &e, &other) &&
		ward_endpoint_is_one(&e)) {
		ward_buf_addf(b, "has no port; an endpoint is host:port, for example ");
		ward_show(b, with_port.s, with_port.n);
		return true;
	}
	ward_buf_addf(b, "%s%s%s", why.what, why.fix[0] ? "; " : "", why.fix);
	return true;
}

/* Each rule that forbids stands in the way by itself; those of one file of a mode are changed together. */
static void change_text(struct ward_buf *b, const struct ward_verdict *v)
{
	const char *mode = NULL;

	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++) {
		const struct ward_book_rule *r = v->rules[i];

		if (r->layer == WARD_LAYER_BUILTIN && mode)
			continue;
		ward_buf_adds(b, i == 0 ? "  change: " : "  and: ");
		if (r->layer == WARD_LAYER_BUILTIN) {
			mode = r->file;
			ward_buf_addf(b, "another --mode; or a copy of %s with --policy", mode);
		} else {
			ward_buf_adds(b, "deny less in ");
			place(b, r);
		}
		ward_buf_addc(b, '\n');
	}
}

static void answer_text(struct ward_buf *b, const struct question *q)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf form = WARD_BUF_INIT;

	const struct ward_verdict *v = &q->verdict;
	const struct ward_book_rule *change = changeable(v);

	ward_buf_addf(b, "%s", ward_effect_name(v->effect));
	if (v->effect == WARD_ASK)
		ward_buf_addf(b, " (%s)", ward_approval_name(v->approval));
	ward_buf_addf(b, ": %s ", ward_action_name(q->ask.action));
	ward_quote(b, q->ask.resource.s, q->ask.resource.n);
	ward_buf_addf(b, ": %s\n", v->text);
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++)
		rule_text(b, v->rules[i]);
	if (v->n_rules > WARD_VERDICT_RULES_MAX)
		ward_buf_addf(b, "  and %zu more\n", v->n_rules - WARD_VERDICT_RULES_MAX);
	if (malformed(&form, q))
		ward_buf_addf(b, "  form: %s\n", ward_buf_cstr(&form));
	if (class_of(q))
		ward_buf_addf(b, "  address: %s%s\n", class_of(q), only_behind(q));
	if (q->upstream.proxy)
		ward_buf_addf(b, "  by: the host's proxy %s\n", q->upstream.proxy);
	for (size_t i = 0; i < q->n_unspoken; i++) {
		ward_buf_addf(b, "  not spoken: %s", q->unspoken[i].protocol);
		if (q->unspoken[i].by) {
			ward_buf_adds(b, ", by ");
			place(b, q->unspoken[i].by);
		}
		ward_buf_addc(b, '\n');
	}
	if (q->cure[0])
		ward_buf_addf(b, "  grant: %s\n", q->cure);
	if (q->cure[0] && q->book->profile && q->book->profile->origin.file) {
		ward_buf_addf(b, "  or a rule in profile \"%s\", ", q->book->profile->name);
		shown(b, q->book->profile->origin.file);
		ward_buf_addf(b, ":%u\n", q->book->profile->origin.line);
	}
	if (change)
		change_text(b, v);
	if (v->why == WARD_WHY_NARROWED && v->list) {
		ward_buf_adds(b, "  list: ");
		place(b, v->list);
		ward_buf_addc(b, '\n');
	}
}

static void held_text(struct ward_buf *b, const struct question *q)
{
	if (q->held) {
		ward_buf_adds(b, "  held: a run only reads ");
		shown(b, q->held);
		ward_buf_addf(b, " all the same: it is there, and %s\n  grant: %s\n", q->held_why,
			q->held_cure);
	} else if (q->unplanned) {
		ward_buf_adds(b,
			"  whether a run holds it, as a name that runs code later, is not known; no run can be planned: ");
		shown(b, q->unplanned);
		ward_buf_addc(b, '\n');
	}
}

static void rule_json(struct ward_buf *b, const struct ward_book_rule *r)
{
	ward_jw_open(b, '{');
	if (r->id)
		ward_jw_kstr(b, "id", r->id);
	ward_jw_kstr(b, "effect", r->forbids ? "forbid" : "permit");
	ward_jw_kstr(b, "layer", ward_layer_name(r->layer));
	ward_jw_kstr(b, "file", r->file);
	if (r->line > 0)
		ward_jw_ku64(b, "line", r->line);
	if (r->column > 0)
		ward_jw_ku64(b, "column", r->column);
	ward_jw_kstr(b, "text", r->text);
	if (r->reason)
		ward_jw_kstr(b, "reason", r->reason);
	if (r->approval != WARD_APPROVAL_NONE)
		ward_jw_kstr(b, "approval", ward_approval_name(r->approval));
	ward_jw_close(b, '}');
}

static void unspoken_json(struct ward_buf *b, const struct question *q)
{
	if (q->n_unspoken == 0)
		return;
	ward_jw_key(b, "not_spoken");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < q->n_unspoken; i++) {
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "protocol", q->unspoken[i].protocol);
		if (q->unspoken[i].by) {
			ward_jw_key(b, "rule");
			rule_json(b, q->unspoken[i].by);
		}
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
}

static void answer_json(struct ward_buf *b, const struct question *q)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf form = WARD_BUF_INIT;
	const struct ward_verdict *v = &q->verdict;

	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_kstr(b, "effect", ward_effect_name(v->effect));
	if (v->effect == WARD_ASK)
		ward_jw_kstr(b, "approval", ward_approval_name(v->approval));
	ward_jw_kstr(b, "why", why_of(q));
	ward_jw_kstr(b, "text", v->text);
	ward_jw_kstr(b, "action", ward_action_name(q->ask.action));
	ward_jw_key(b, "resource");
	ward_jw_str(b, q->ask.resource.s, q->ask.resource.n);
	if (v->why == WARD_WHY_NARROWED || v->n_rules > 0)
		ward_jw_kstr(b, "layer", ward_layer_name(v->layer));
	ward_jw_key(b, "rules");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < v->n_rules && i < WARD_VERDICT_RULES_MAX; i++)
		rule_json(b, v->rules[i]);
	ward_jw_close(b, ']');
	ward_jw_ku64(b, "rules_total", v->n_rules);
	if (malformed(&form, q))
		ward_jw_kstr(b, "form", ward_buf_cstr(&form));
	if (class_of(q))
		ward_jw_kstr(b, "address", class_of(q));
	if (q->upstream.proxy)
		ward_jw_kstr(b, "upstream", q->upstream.proxy);
	unspoken_json(b, q);
	if (q->cure[0])
		ward_jw_kstr(b, "cure", q->cure);
	if (q->held) {
		ward_jw_key(b, "held");
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "path", q->held);
		ward_jw_kstr(b, "why", q->held_why);
		ward_jw_kstr(b, "cure", q->held_cure);
		ward_jw_close(b, '}');
	}
	ward_jw_kstr(b, "policy_sha256", q->book->sha256);
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
}

/* ---- the public side ---- */

static int answer(struct question *q, int64_t now_ms, const char *action,
	const char *resource_given, bool json, char **ret_text, enum ward_answer *ret_answer,
	struct ward_error *err)
{
	static const enum ward_answer answers[] = { [WARD_DENY] = WARD_ANSWER_DENY,
		[WARD_ASK] = WARD_ANSWER_ASK,
		[WARD_ALLOW] = WARD_ANSWER_ALLOW };
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	int r = ward_action_parse(ward_str(action), &q->ask.action, err);

	if (r == WARD_OK)
		r = ward_rules_resource(q->rs, q->rs->cwd, resource_given, &q->ask, err);
	if (r < 0)
		return r;
	if (now_ms > 0)
		q->ask.now_ms = now_ms;
	r = ward_rules_judge(q->book, &q->ask, &q->verdict);
	if (r == WARD_OK)
		r = by_upstream(q);
	if (r == WARD_OK)
		r = unspoken(q);
	if (r == WARD_OK)
		r = cure(q, err);
	if (r < 0)
		return ward_rs_nomem(err);
	r = held(q, err);
	if (r < 0)
		return r;
	if (json) {
		answer_json(&b, q);
	} else {
		answer_text(&b, q);
		held_text(&b, q);
	}
	*ret_answer = answers[q->verdict.effect];
	*ret_text = ward_buf_take(&b);
	return *ret_text ? WARD_OK : ward_rs_nomem(err);
}

static struct question *ask_of(struct ward_resolver *rs)
{
	struct question *q = ward_arena_alloc(rs->arena, sizeof(*q));

	if (q) {
		q->rs = rs;
		q->book = rs->book;
	}
	return q;
}

int ward_rules_answer(struct ward_resolver *rs, int64_t now_ms, const char *action,
	const char *resource_given, bool json, char **ret_text, enum ward_answer *ret_answer,
	struct ward_error *err)
{
	struct question *q = ask_of(rs);

	return q ? answer(q, now_ms, action, resource_given, json, ret_text, ret_answer, err)
		 : ward_rs_nomem(err);
}

int ward_request_explain(struct ward_request *r, const char *action, const char *resource_given,
	bool json, char **ret_text, enum ward_answer *ret_answer, struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *book = NULL;
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	struct ward_resolver rs;
	struct question *q;
	struct ward_host host;
	int code;

	if (!r || !action || !resource_given || !ret_text || !ret_answer)
		return ward_fail(err, WARD_E_INVALID,
			"ward_request_explain without a question, or a place for the answer");
	*ret_text = NULL;
	*ret_answer = WARD_ANSWER_DENY;
	code = ward_rs_upstream_check(r, err);
	if (code < 0)
		return code;
	code = ward_rules_of(r, &host, &rs, &arena, &book, err);
	if (code < 0)
		return code;
	rs.book = book;
	q = ask_of(&rs);
	if (!q)
		return ward_rs_nomem(err);
	q->r = r;
	return answer(q, 0, action, resource_given, json, ret_text, ret_answer, err);
}
