/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ceiling that came while a run lives, held against what the run was granted. The new ceiling is judged alone, as if all else were
 * permitted: what stood in the way at the start stands there still. The judge is asked wherever the plan shows something and wherever
 * the ceiling's rules name something, as a start does (view.c); what it takes from the run cannot be taken out of a view that is
 * there, so the first thing found is all that has to be known. What cannot be looked at is an error, and no "nothing".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "egress/egress.h"
#include "os/os.h"
#include "run/rules/rules.h"

#define ARENA_BYTES_MAX (256u << 20)
#define ANY WARD_ANY_NAME
#define FOUND 1 /* nothing more has to be looked at */
#define LED_NS \
	1000000000u /* meanwhile the run is looked after by nobody: what is not known by then is taken for no */

struct again {
	struct ward_resolver rs;
	const struct ward_plan *plan;
	const struct ward_rulebook *had; /* what judged until now; NULL: the plan's rules */
	const struct ward_agreed *agreed;
	const struct ward_asked *
		for_all; /* a yes for the run that the endpoint which is looked at was reached by */
	struct ward_rulebook *book;
	struct ward_texts names; /* that a pattern matches */
	struct ward_texts unlisted,
		unnamed; /* directories in which one may, or a program may lie */
	struct ward_texts
		leading; /* endpoints of names that could be connected to: each may lead to any address */
	const size_t *like; /* of each of these, the first that ward_net_alike() says it is like */
	int64_t now_ms;
	uint64_t led_until; /* monotonic */
	struct ward_taken *taken;
	struct ward_error *err;
};

struct had {
	bool read, write, exec;
};

/* ---- what the run has ---- */

static struct had had_at(const struct again *a, const char *path)
{
	const struct ward_node *best = NULL;
	struct had had = { 0 };

	/* Sorted, so that the narrowest comes last. */
	for (size_t i = 0; i < a->plan->n_nodes; i++) {
		const struct ward_node *n = &a->plan->nodes[i];

		if (n->kind != WARD_NODE_DIR && n->kind != WARD_NODE_SYMLINK &&
			ward_path_within(path, n->dest))
			best = n;
	}
	if (!best || best->kind != WARD_NODE_BIND)
		return had;
	had = (struct had){ .read = true,
		.write = best->write && !best->protect,
		.exec = best->exec && !best->noexec };
	for (size_t i = 0; i < a->plan->n_exec_paths && !best->noexec; i++)
		had.exec = had.exec || ward_path_within(path, a->plan->exec_paths[i]);
	return had;
}

/* ---- what the ceiling says ---- */

static void take(struct again *a, enum ward_action action, const char *path,
	const struct ward_book_rule *rule, const char *why)
{
	struct ward_taken *t = a->taken;
	size_t known = ward_path_known(ward_str(path));

	t->any = true;
	t->action = ward_action_name(action);
	(void)snprintf(t->resource, sizeof(t->resource), "%.*s", (int)known, path);
	if (known == 0 && path[0] == '/')
		(void)snprintf(t->resource, sizeof(t->resource), "/");
	(void)snprintf(t->why, sizeof(t->why), "%s", why);
	if (!rule)
		return;
	(void)snprintf(t->file, sizeof(t->file), "%s", rule->file ? rule->file : "");
	(void)snprintf(t->id, sizeof(t->id), "%s", rule->id ? rule->id : "");
	(void)snprintf(t->reason, sizeof(t->reason), "%s", rule->reason ? rule->reason : "");
	t->line = rule->line;
}

/* Somebody was asked about this very endpoint, and as seriously as the ceiling asks. */
static bool agreed_to(const struct again *a, const struct ward_query *q,
	const struct ward_verdict *v)
{
	if (v->effect != WARD_ASK || q->action != WARD_ACT_NET_CONNECT)
		return false;
	for (size_t i = 0; i < a->agreed->n; i++) {
		if (ward_streq(a->agreed->v[i].endpoint, q->resource.s) &&
			a->agreed->v[i].level <= v->approval)
			return true;
	}
	return a->for_all && a->for_all->level <= v->approval;
}

static int ask(struct again *a, struct ward_query *q)
{
	struct ward_verdict v;
	bool yes = false;
	int r;

	q->now_ms = a->now_ms;
	q->backend = "native";
	if (ward_judge(a->book->book, a->book->desk, q, &v) < 0)
		return ward_rs_nomem(a->err);
	/* Whom it would ask may have said yes before the start; nobody is asked now. */
	r = ward_rules_yes(&a->rs, q, &v, &yes, a->err);
	if (r < 0 || yes || agreed_to(a, q, &v))
		return r;
	/* A list of programs is about those that the command starts: it is itself in no need of being listed. */
	if (v.why == WARD_WHY_NARROWED && ward_streq(q->resource.s, a->plan->exe) &&
		(q->action == WARD_ACT_FS_EXEC || q->action == WARD_ACT_PROC_EXEC))
		return WARD_OK;
	take(a, q->action, q->resource.s,
		v.why == WARD_WHY_NARROWED ? v.list
			: v.n_rules > 0    ? v.rules[0]
					   : NULL,
		v.effect == WARD_ASK ? "a person would have to be asked, and the run is under way"
				     : v.text);
	return WARD_OK;
}

static int ask_path(struct again *a, const struct had *had, const char *path)
{
	const struct {
		bool has;
		enum ward_action action;
	} rows[] = {
		{ had->read, WARD_ACT_FS_READ },
		{ had->write, WARD_ACT_FS_WRITE },
		{ had->exec, WARD_ACT_FS_EXEC },
		{ had->exec, WARD_ACT_PROC_EXEC },
	};
	int r = path ? WARD_OK : ward_rs_nomem(a->err);

	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_query q = { .action = rows[i].action,
			.resource = ward_str(path),
			.any = true,
			.of_host = true };

		if (rows[i].has)
			r = ask(a, &q);
	}
	return r;
}

/* A mount of its own is moved or removed by nobody inside. */
static bool stands(const struct again *a, const char *path)
{
	for (size_t i = 0; i < a->plan->n_nodes; i++) {
		if (ward_streq(a->plan->nodes[i].dest, path))
			return true;
	}
	return false;
}

/* Of a directory: what anything in it, near or far, may be taken for, and whether it may be moved or removed. */
static int look(struct again *a, const char *path, bool is_dir)
{
	const char *slash = path[1] != '\0' ? "/" : "";
	const struct had had = had_at(a, path);
	const struct had itself = { .write = had.write && !stands(a, path) };
	int r;

	if (!is_dir)
		return ask_path(a, &had, path);
	r = ask_path(a, &itself, path);
	if (r == WARD_OK)
		r = ask_path(a, &had, ward_arena_printf(a->rs.arena, "%s%s" ANY, path, slash));
	return r == WARD_OK
		? ask_path(a, &had,
			  ward_arena_printf(a->rs.arena, "%s%s" ANY "/" ANY "/" ANY, path, slash))
		: r;
}

/* A name that is not there, where the run could make it: none may be missing that a start would pin. */
static int look_absent(struct again *a, const char *path)
{
	const struct had had = had_at(a, path);
	const struct had wants = { .write = had.write, .read = had.write };
	int r = ask_path(a, &wants, path);

	/* It may become a directory. */
	if (r == WARD_OK)
		r = ask_path(a, &wants, ward_arena_printf(a->rs.arena, "%s/" ANY, path));
	return r == WARD_OK
		? ask_path(a, &wants,
			  ward_arena_printf(a->rs.arena, "%s/" ANY "/" ANY "/" ANY, path))
		: r;
}

/* A name of the ceiling's rules. One that leads through a link is about nothing, here as at a start. */
static int look_name(struct again *a, const char *path)
{
	struct ward_target t;
	int r = ward_rs_target(&a->rs, path, &t);

	if (r == -ENOENT || r == -ENOTDIR || (r == 0 && ward_rs_is_pin(&t)))
		return look_absent(a, path);
	if (r < 0)
		return look(a, path, false);
	if (ward_rs_reserved(t.path) || !ward_streq(t.path, path))
		return WARD_OK;
	return look(a, path, S_ISDIR(t.st.st_mode));
}

/* ---- all of it ---- */

static int look_view(struct again *a)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < a->plan->n_nodes; i++) {
		const struct ward_node *n = &a->plan->nodes[i];

		if (n->kind == WARD_NODE_BIND && !n->pin)
			r = look(a, n->dest, n->is_dir);
		else if (n->kind == WARD_NODE_DIR && n->rule >= 0) /* granted alone */
			r = ask_path(a, &(struct had){ .read = true }, n->dest);
	}
	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < a->plan->n_exec_paths; i++)
		r = look_name(a, a->plan->exec_paths[i]);
	return r;
}

/* Where a pattern is about one name, or all below one directory, that is a name as any other. */
static int look_pattern(struct again *a, const struct ward_pattern *p, bool relative)
{
	char at[WARD_PATH_MAX], path[WARD_PATH_MAX];

	if ((!ward_pattern_is_subtree(p, at, sizeof(at)) &&
		    !ward_pattern_is_literal(p, at, sizeof(at))) ||
		ward_path_join(relative ? a->plan->workspace : "/", at, path, sizeof(path)) < 0)
		return WARD_OK;
	return look_name(a, path);
}

/* A directory that nobody but its owner, the run, looks into: what a rule may mean there was not looked at. */
static void look_unlisted(struct again *a, const char *dir)
{
	static const char why[] =
		"it cannot be looked into, and a rule about names may be about what lies in it";
	const struct ward_book_rule *read = ward_book_late_in(a->book->book, dir, false),
				    *write = ward_book_late_in(a->book->book, dir, true);
	const struct had had = had_at(a, dir);

	if (!((read && had.read) || (write && had.write)) || !ward_rules_reached(&a->rs, dir))
		return;
	if (read && had.read)
		take(a, WARD_ACT_FS_READ, dir, read, why);
	else
		take(a, WARD_ACT_FS_WRITE, dir, write, why);
}

static void look_unseen(struct again *a)
{
	for (size_t i = 0; !a->taken->any && i < a->unlisted.n; i++)
		look_unlisted(a, a->unlisted.v[i]);
	for (size_t i = 0; !a->taken->any && i < a->unnamed.n; i++) {
		const char *dir = a->unnamed.v[i];

		if (had_at(a, dir).exec && ward_rules_reached(&a->rs, dir))
			take(a, WARD_ACT_PROC_EXEC, dir, ward_book_by_name(a->book->book),
				"it cannot be looked into, and a rule is about programs by their names");
	}
}

static int look_rules(struct again *a)
{
	const char *path;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && !a->taken->any &&
		(path = ward_book_path(a->book->book, &at)) != NULL)
		r = look_name(a, path);
	for (int relative = 0; relative < 2; relative++) {
		const struct ward_patterns *v = ward_book_patterns(a->book->book, relative);

		for (size_t i = 0; r == WARD_OK && !a->taken->any && i < ward_patterns_count(v);
			i++)
			r = look_pattern(a, ward_patterns_get(v, i), relative);
	}
	for (int relative = 0; r == WARD_OK && !a->taken->any && relative < 2; relative++)
		r = ward_rules_matches(&a->rs, ward_book_patterns(a->book->book, relative),
			relative, &a->names, &a->unlisted, a->err);
	if (r == WARD_OK && !a->taken->any)
		r = ward_rules_named(&a->rs, false, &a->names, &a->unnamed, a->err);
	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < a->names.n; i++)
		r = look_name(a, a->names.v[i]);
	if (r == WARD_OK && !a->taken->any)
		look_unseen(a);
	return r;
}

/* Rules that no view holds, whatever is in it: a start with them is refused, too, but where it was accepted. */
static void look_unheld(struct again *a)
{
	const struct ward_book_rule *late = ward_book_late(a->book->book, true),
				    *timely = ward_book_timely(a->book->book);
	bool accepted = a->plan->late || a->plan->axes[WARD_AXIS_FILES].accepted;

	if (timely)
		take(a, WARD_ACT_FS_READ, a->plan->workspace, timely,
			"it looks at the time, and a view is made once");
	for (size_t i = 0; late && !accepted && !a->taken->any && i < a->plan->n_nodes; i++) {
		const struct ward_node *n = &a->plan->nodes[i];

		if (n->kind == WARD_NODE_BIND && !n->base && n->write && !n->protect)
			take(a, WARD_ACT_FS_WRITE, n->dest, late,
				"it is about names that may come to be there, too");
	}
}

/* May it run at all, and may its component ask for what it asked for: start.c, of the ceiling alone. */
static int look_start(struct again *a)
{
	const struct ward_component_data *c = a->book->component;
	int64_t tier = ward_rules_tier(&a->rs);
	struct ward_query run = {
		.action = WARD_ACT_SANDBOX_RUN, .resource = ward_str("native"), .tier = &tier
	};
	int r = ask(a, &run);

	for (size_t i = 0; r == WARD_OK && c && !a->taken->any && i < c->requests.n; i++) {
		const struct ward_cap *cap = &c->requests.v[i];
		const char *name = ward_arena_printf(a->rs.arena, "%s:%s",
			ward_cap_type_name(cap->type), cap->resource);
		struct ward_query q = { .action = WARD_ACT_GRANT_REQUEST,
			.resource = ward_str(name ? name : "") };

		r = name ? ask(a, &q) : ward_rs_nomem(a->err);
	}
	return r;
}

static int look_rest(struct again *a)
{
	const struct ward_mode_data *mode = a->book->mode;
	struct ward_query enter = { .action = WARD_ACT_MODE_ENTER, .by_person = true };
	int r = WARD_OK;

	if (mode && !a->taken->any) {
		enter.resource = ward_str(mode->name);
		r = ask(a, &enter);
	}
	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < a->plan->n_rules; i++) {
		const struct ward_rule *rule = &a->plan->rules[i];
		struct ward_query q = { .action = WARD_ACT_ENV_READ,
			.resource = ward_str(rule->pattern),
			.of_host = true };

		if (rule->type == WARD_CAP_ENV && !strchr(rule->pattern, '='))
			r = ask(a, &q);
	}
	return r;
}

/* A yes that was given for whatever this rule would ask about. */
static bool agreed_for_all(struct again *a, const struct ward_query *q,
	const struct ward_verdict *v)
{
	struct ward_asked *k = NULL;

	if (!a->agreed->asks || ward_asks_one(a->agreed->asks, v, q, false, &k, NULL) < 0 || !k ||
		k->answer != WARD_SAID_RUN)
		return false;
	a->for_all = k;
	return true;
}

/*
 * Who connects, and what is spoken, where a connection is open, is not known here: first neither, and then each that the books tell apart.
 * What is spoken counts as the new one looks at it: the old one's forbids hold on.
 */
struct turn {
	size_t book, program, protocol;
	bool begun;
	const char *who;
};

static bool next_turn(const struct again *a, struct turn *t, struct ward_query *q)
{
	const struct ward_book *books[2] = { a->had ? a->had->book : NULL, a->book->book };

	if (t->begun) {
		q->inspected = ward_book_protocol(a->book->book, &t->protocol);
		while (!q->inspected && t->book < WARD_ARRAY_SIZE(books)) {
			t->protocol = 0;
			t->who = books[t->book] ? ward_book_program(books[t->book], &t->program)
						: NULL;
			if (t->who)
				break;
			t->book++;
			t->program = 0;
		}
	}
	t->begun = true;
	q->program = t->who;
	return t->book < WARD_ARRAY_SIZE(books);
}

/* Could it be connected to until now? Where that is not known it is taken to be so. */
static bool connected(struct again *a, const struct ward_query *asked)
{
	struct ward_rules rules = { a->plan->rules, a->plan->n_rules };
	struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
		.resource = asked->resource.s };
	struct ward_query query = *asked;
	struct ward_decision *d;
	struct ward_verdict v;
	bool yes = true;

	if (a->had && ward_judge(a->had->book, a->had->desk, &query, &v) == WARD_OK &&
		v.effect != WARD_ASK)
		return v.effect == WARD_ALLOW;
	if (a->had && agreed_for_all(a, &query, &v))
		return true;
	d = calloc(1, sizeof(*d));
	if (d && ward_decide(&rules, &q, d, NULL) == WARD_OK)
		yes = d->effect == WARD_ALLOW;
	free(d);
	return yes;
}

/* Where somebody says yes, or nobody need: whether it is open still is not known here. */
static bool could_be(struct again *a, const struct ward_query *q)
{
	struct ward_verdict v;

	return !a->had || ward_judge(a->had->book, a->had->desk, q, &v) != WARD_OK ||
		v.effect != WARD_DENY;
}

static int ask_turns(struct again *a, const char *endpoint,
	bool (*could)(struct again *a, const struct ward_query *q))
{
	struct ward_query q = {
		.action = WARD_ACT_NET_CONNECT, .resource = ward_str(endpoint), .now_ms = a->now_ms
	};
	struct turn t = { 0 };
	int r = WARD_OK;

	while (r == WARD_OK && !a->taken->any && next_turn(a, &t, &q)) {
		if (could(a, &q))
			r = ask(a, &q);
		a->for_all = NULL;
	}
	return r;
}

/* Then there are programs for which the answers may differ, and which nobody names. */
static bool unsure(const struct again *a)
{
	return ward_book_programs_unsure(a->book->book) ||
		(a->had && ward_book_programs_unsure(a->had->book));
}

static bool by_some(struct again *a, const char *endpoint)
{
	struct ward_query q = {
		.action = WARD_ACT_NET_CONNECT, .resource = ward_str(endpoint), .now_ms = a->now_ms
	};
	struct turn t = { 0 };
	bool could = false;

	while (!could && next_turn(a, &t, &q))
		could = connected(a, &q);
	a->for_all = NULL;
	return could;
}

/*
 * It leads there: is that forbidden now, and was it not? ret_of_all: that it was is so for all that no forbid tells from it, and not
 * since a policy failed.
 */
static int ask_leads(struct again *a, struct ward_query *q, const char *address, bool *ret_of_all)
{
	struct ward_verdict now, before = { .effect = WARD_ALLOW };

	*ret_of_all = true;
	q->now_ms = a->now_ms;
	q->unreached = true; /* asked about where somebody else looks names up, and may reach it */
	if (ward_judge_leads(a->book->book, a->book->desk, q, address, &now) < 0)
		return ward_rs_nomem(a->err);
	if (now.effect == WARD_ALLOW)
		return WARD_OK;
	if (a->had && ward_judge_leads(a->had->book, a->had->desk, q, address, &before) < 0)
		return ward_rs_nomem(a->err);
	if (before.effect == WARD_ALLOW)
		take(a, WARD_ACT_NET_CONNECT, q->resource.s, now.n_rules > 0 ? now.rules[0] : NULL,
			"it may lead to an address that a rule forbids");
	*ret_of_all = before.why == WARD_WHY_FORBIDDEN;
	return WARD_OK;
}

/* By whoever q says, of the names in turn. */
static int ask_led(struct again *a, struct ward_query *q, const char *address)
{
	int r = WARD_OK;
	bool of_all = true;

	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < a->leading.n; i++) {
		if (of_all && a->like[i] != i)
			continue;
		q->resource = ward_str(a->leading.v[i]);
		if (ward_now_mono_ns() > a->led_until)
			take(a, WARD_ACT_NET_CONNECT, a->leading.v[i], NULL,
				"it is not known in time whether it leads to what a rule forbids");
		else
			r = ask_leads(a, q, address, &of_all);
	}
	return r;
}

/* Where the names lead is nobody's to know beforehand: to each address that a new forbid of the ceiling speaks of. */
static int look_led(void *arg, const char *address, bool tried)
{
	struct again *a = arg;
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT };
	struct turn t = { 0 };
	int r = WARD_OK;

	if (a->leading.n > 0 && !tried)
		take(a, WARD_ACT_NET_CONNECT, a->leading.v[0], NULL,
			"it is not known whether it leads to what a rule forbids");
	while (r == WARD_OK && !a->taken->any && next_turn(a, &t, &q))
		r = ask_led(a, &q, address);
	return r == WARD_OK && a->taken->any ? FOUND : r;
}

/* A name leads to addresses, and one behind the prefix of NAT64 to the one that it carries. */
static int look_behind(struct again *a, const char *endpoint)
{
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT, .resource = ward_str(endpoint) };
	char text[WARD_ENDPOINT_TEXT_MAX];
	struct ward_endpoint e, four = { .family = 4, .kind = WARD_HOST_ADDRESS };
	const uint8_t *v4;
	bool of_all;

	if (a->taken->any || !ward_endpoint_parse_asked(q.resource, &e))
		return WARD_OK;
	if (e.kind == WARD_HOST_NAME)
		return by_some(a, endpoint) ? ward_rs_push(&a->rs, &a->leading, endpoint, a->err)
					    : WARD_OK;
	v4 = ward_address_nat64(e.family, e.address);
	if (!v4 || !by_some(a, endpoint))
		return WARD_OK;
	memcpy(four.address, v4, 4);
	ward_endpoint_host(&four, text);
	return ask_leads(a, &q, text, &of_all);
}

static int look_endpoint(void *arg, const char *endpoint, bool tried)
{
	struct again *a = arg;
	int r = WARD_OK;

	if (!tried)
		take(a, WARD_ACT_NET_CONNECT, endpoint, NULL,
			"it is not known whether it may still be connected to");
	else if (unsure(a))
		take(a, WARD_ACT_NET_CONNECT, endpoint, NULL,
			"it is not known which programs may still connect: a rule compares their paths otherwise than as a whole");
	else
		r = ask_turns(a, endpoint, connected);
	if (tried && r == WARD_OK)
		r = look_behind(a, endpoint);
	return r == WARD_OK && a->taken->any ? FOUND : r;
}

struct place {
	struct again *a;
	const struct ward_published *p;
};

/* Of what is listened at for every address, one that the new ceiling names: it may have been open until now. */
static int look_place(void *arg, const char *endpoint, bool tried)
{
	const struct place *l = arg;
	struct again *a = l->a;
	struct ward_published at = *l->p;
	char text[WARD_ENDPOINT_TEXT_MAX], address[WARD_ENDPOINT_TEXT_MAX];
	struct ward_query q = { .action = WARD_ACT_NET_LISTEN,
		.resource = ward_str(ward_published_text(l->p, text)),
		.now_ms = a->now_ms };
	struct ward_endpoint_fault why;
	struct ward_verdict now, before = { .effect = WARD_ALLOW };
	struct ward_endpoint e;

	if (!tried) {
		take(a, WARD_ACT_NET_LISTEN, endpoint, NULL,
			"it is not known whether it may still be listened at");
		return FOUND;
	}
	if (!ward_endpoint_parse(ward_str(endpoint), &e, &why) || e.kind != WARD_HOST_ADDRESS ||
		e.family != at.family || e.ports[0].first != at.port)
		return WARD_OK;
	memcpy(at.address, e.address, sizeof(at.address));
	(void)ward_published_address(&at, address);
	if (ward_judge_leads(a->book->book, a->book->desk, &q, address, &now) < 0 ||
		(a->had && ward_judge_leads(a->had->book, a->had->desk, &q, address, &before) < 0))
		return ward_rs_nomem(a->err);
	if (now.effect == WARD_ALLOW || before.effect != WARD_ALLOW)
		return WARD_OK;
	take(a, WARD_ACT_NET_LISTEN, endpoint, now.n_rules > 0 ? now.rules[0] : NULL, now.text);
	return FOUND;
}

static bool is_every(const struct ward_published *p)
{
	static const uint8_t every[16];

	return memcmp(p->address, every, p->family == 4 ? 4 : 16) == 0;
}

/* Where it is reached from the host: as it is listened at. */
static int look_published(struct again *a)
{
	char text[WARD_ENDPOINT_TEXT_MAX];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < a->plan->n_published && !a->taken->any; i++) {
		const struct ward_published *p = &a->plan->published[i];
		struct place l = { a, p };
		struct ward_query q = { .action = WARD_ACT_NET_LISTEN,
			.resource = ward_str(ward_published_text(p, text)) };

		r = ask(a, &q);
		if (r == WARD_OK && !a->taken->any && is_every(p))
			r = ward_net_named(a->book->book, p->port, look_place, &l);
	}
	return r == FOUND ? WARD_OK : r;
}

static int look_net(struct again *a)
{
	int r = WARD_OK;

	/* Whether it is open still is not known here. */
	for (size_t i = 0; r == WARD_OK && !a->taken->any && i < a->agreed->n; i++) {
		struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
			.resource = ward_str(a->agreed->v[i].endpoint) };

		r = ask(a, &q);
		if (r == WARD_OK)
			r = ask_turns(a, a->agreed->v[i].endpoint, could_be);
		if (r == WARD_OK)
			r = ward_rs_push(&a->rs, &a->leading, a->agreed->v[i].endpoint, a->err);
	}
	if (r == WARD_OK && !a->taken->any)
		r = ward_net_asked_again(a->plan, a->had ? a->had->book : NULL, a->book->book,
			a->agreed->n > 0, look_endpoint, a);
	return r == FOUND ? WARD_OK : r;
}

/* The last of all, since it takes longest: each name with each address. */
static int look_leading(struct again *a)
{
	bool by_proxy = ward_upstream_text(
		a->rs.r->upstream); /* which leads names to inner addresses, too */
	int r;

	a->led_until = ward_now_mono_ns() + LED_NS;
	if (ward_net_alike(a->book, a->had, &a->leading, a->rs.arena, &a->like) < 0)
		return ward_rs_nomem(a->err);
	r = ward_net_led_to(a->book->book, a->had ? a->had->book : NULL, by_proxy, look_led, a);
	if (r == WARD_E_NOMEM)
		return ward_rs_nomem(a->err);
	return r == FOUND ? WARD_OK : r;
}

static int look_all(struct again *a)
{
	int r;

	look_unheld(a);
	r = a->taken->any ? WARD_OK : look_start(a);
	if (r == WARD_OK)
		r = look_rest(a);
	if (r == WARD_OK && !a->taken->any)
		r = look_net(a);
	if (r == WARD_OK && !a->taken->any)
		r = look_published(a);
	if (r == WARD_OK && !a->taken->any)
		r = look_view(a);
	if (r == WARD_OK && !a->taken->any)
		r = look_rules(a);
	return r == WARD_OK && !a->taken->any ? look_leading(a) : r;
}

int ward_rules_again(struct ward_request *r, const struct ward_plan *plan,
	const struct ward_rulebook *had, const struct ward_agreed *agreed,
	const struct ward_layers *ceiling, struct ward_taken *ret, struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(ARENA_BYTES_MAX);
	struct ward_host host = { .uid = geteuid(), .gid = getegid() };
	struct again a = { .rs = { .r = r,
				   .host = &host,
				   .arena = arena,
				   .cwd = plan->workspace,
				   .workspace = plan->workspace,
				   .nodes = plan->nodes,
				   .n_nodes = plan->n_nodes },
		.plan = plan,
		.had = had,
		.agreed = agreed,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000),
		.taken = ret,
		.err = err };
	int code;

	*ret = (struct ward_taken){ .any = true, .why = "it is not known" };
	if (!arena)
		return ward_rs_nomem(err);
	code = ward_rules_ceiling(&a.rs, ceiling, &a.book, err);
	if (code == WARD_OK) {
		*ret = (struct ward_taken){ 0 };
		a.rs.book = a.book;
		for (size_t i = 0; plan->env[i]; i++)
			if (ward_has_prefix(plan->env[i], "PATH="))
				a.rs.path = plan->env[i] + strlen("PATH=");
		code = look_all(&a);
	}
	if (code < 0)
		ret->any = true;
	ward_rulebook_free(a.book);
	return code;
}
