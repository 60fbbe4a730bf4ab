/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the command itself brought into the view (its file, its runtime, the directory that its program is granted with) is nobody's
 * grant, and no rule has to permit it. But what a rule forbids, or a list leaves out, does not come in that way: as a whole it is
 * refused, below it is covered, or not executed. It is all read-only, so names that come to be there are the host's doing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define ANY WARD_ANY_NAME

struct brought {
	struct ward_resolver *rs;
	struct ward_error *err;
	size_t end; /* nodes n_viewed to here are the command's */
	int64_t now_ms;
	struct ward_texts names; /* below them, at which an answer may change: real paths */
	struct ward_texts unlisted, closed; /* ward_rules_unseen() */
};

struct refused {
	bool is;
	struct ward_verdict verdict; /* where it is */
};

/* ---- the judge ---- */

static int ask(struct brought *b, enum ward_action action, const char *path, struct refused *ret)
{
	struct ward_query q = { .action = action,
		.resource = ward_str(path),
		.any = true,
		.of_host = true,
		.now_ms = b->now_ms };

	*ret = (struct refused){ .is = true };
	if (ward_judge(b->rs->book->book, b->rs->book->desk, &q, &ret->verdict) < 0)
		return ward_rs_nomem(b->err);
	/* What is too long to be judged is not sure, and is covered. */
	ret->is = ret->verdict.why == WARD_WHY_FORBIDDEN || ret->verdict.why == WARD_WHY_NARROWED ||
		ret->verdict.why == WARD_WHY_FAILED || ret->verdict.why == WARD_WHY_MALFORMED;
	return WARD_OK;
}

/* Of a directory: anything in it, near or far. */
static int ask_of(struct brought *b, enum ward_action action, const char *path, bool is_dir,
	struct refused *ret)
{
	const char *near, *far;
	int r;

	*ret = (struct refused){ .is = true };
	if (!is_dir)
		return ask(b, action, path, ret);
	near = ward_arena_printf(b->rs->arena, "%s/" ANY, path);
	far = ward_arena_printf(b->rs->arena, "%s/" ANY "/" ANY "/" ANY, path);
	r = near && far ? ask(b, action, near, ret) : ward_rs_nomem(b->err);
	return r == WARD_OK && !ret->is ? ask(b, action, far, ret) : r;
}

static void fail_at(struct brought *b, const struct ward_book_rule *rule)
{
	if (rule)
		ward_fail_at(b->err, rule->file, rule->line, rule->column);
}

/* What a list would have to hold: the part of the base, or of what the command brings, that path lies in. */
static const char *part_of(const struct brought *b, const char *path)
{
	for (size_t i = 0; i < b->rs->n_nodes; i++) {
		const struct ward_node *n = &b->rs->nodes[i];

		if (n->kind == WARD_NODE_BIND && (n->base || i >= b->rs->n_viewed) &&
			ward_path_within(path, n->dest))
			return n->dest;
	}
	return path;
}

/* Why the permits of a repository are a list. What has changed since it was trusted is said here, since no warning goes with a start that is refused. */
static const char *why_list(const struct brought *b, const struct ward_verdict *v)
{
	const struct ward_layers *l = b->rs->book->layers;

	if (v->layer != WARD_LAYER_REPOSITORY || !l || l->trust == WARD_TRUST_PINNED)
		return "";
	if (l->trust == WARD_TRUST_CHANGED && l->notice)
		return ward_arena_printf(b->rs->arena, "%s; or ", l->notice);
	return "it is not trusted, so its permits are a list: ward trust --show; or ";
}

static int needs(struct brought *b, const char *path, enum ward_action action,
	const struct refused *no)
{
	const struct ward_verdict *v = &no->verdict;
	const char *why = why_list(b, v);

	(void)ward_fail(b->err, WARD_E_REFUSED, "axis %s: the command needs %s: %s",
		ward_axis_name(action == WARD_ACT_FS_READ ? WARD_AXIS_FILES : WARD_AXIS_EXEC),
		ward_rs_show(b->rs, path), v->text);
	if (v->why == WARD_WHY_NARROWED) {
		fail_at(b, v->list);
		ward_fail_fix(b->err,
			"%sadd to that list: permit (principal, action == Ward::Action::\"%s\", resource in Ward::Path::%s);",
			why ? why : "", ward_action_name(action),
			ward_rs_show(b->rs, part_of(b, path)));
		return WARD_E_REFUSED;
	}
	fail_at(b, v->n_rules > 0 ? v->rules[0] : NULL);
	ward_fail_fix(b->err, "run another one, or change that rule");
	return WARD_E_REFUSED;
}

/* ---- as a whole ---- */

static bool is_brought(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND && !n->base && !n->fixed && !n->protect;
}

static int whole(struct brought *b)
{
	struct refused no;

	for (size_t i = b->rs->n_viewed; i < b->end; i++) {
		const struct ward_node *n = &b->rs->nodes[i];
		int r = WARD_OK;

		if (!is_brought(n))
			continue;
		r = ask_of(b, WARD_ACT_FS_READ, n->dest, n->is_dir, &no);
		if (r < 0 || no.is)
			return r < 0 ? r : needs(b, n->dest, WARD_ACT_FS_READ, &no);
	}
	return WARD_OK;
}

/* ---- below ---- */

static bool lies_below(const struct brought *b, const char *path)
{
	for (size_t i = b->rs->n_viewed; i < b->end; i++) {
		const struct ward_node *n = &b->rs->nodes[i];

		if (is_brought(n) && n->is_dir && ward_path_within(path, n->dest) &&
			!ward_streq(path, n->dest))
			return true;
	}
	return false;
}

static int collect(struct brought *b)
{
	struct ward_texts matches = { 0 };
	const struct ward_book *book = b->rs->book->book;
	struct ward_target t;
	const char *path;
	size_t at = 0;
	int r = WARD_OK;

	while (r == WARD_OK && (path = ward_book_path(book, &at)) != NULL) {
		int found = lies_below(b, path) ? ward_rs_target(b->rs, path, &t) : -ENOENT;

		if (found == 0 && ward_streq(t.path, path))
			r = ward_rs_push(b->rs, &b->names, t.path, b->err);
		else if (found == -EACCES || ward_rs_is_gone(found))
			r = ward_rs_push(b->rs, &b->closed, path, b->err);
	}
	for (int relative = 0; r == WARD_OK && relative < 2; relative++)
		r = ward_rules_matches(b->rs, ward_book_patterns(book, relative), relative,
			&matches, &b->unlisted, b->err);
	for (size_t i = 0; r == WARD_OK && i < matches.n; i++) {
		if (lies_below(b, matches.v[i]))
			r = ward_rs_push(b->rs, &b->names, matches.v[i], b->err);
	}
	return r;
}

/* The narrowest of what stands at or above path; of one place the last. */
static const struct ward_node *shown_by(const struct brought *b, const char *path)
{
	const struct ward_node *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < b->rs->n_nodes; i++) {
		const struct ward_node *n = &b->rs->nodes[i];
		size_t len = strlen(n->dest);

		if ((n->kind == WARD_NODE_BIND || n->kind == WARD_NODE_MASK) &&
			ward_path_within(path, n->dest) && (!best || len >= longest)) {
			best = n;
			longest = len;
		}
	}
	return best;
}

/* A grant of the policies stands below what is to be covered. */
static int refuse_given_back(struct brought *b, const char *path, const struct refused *no)
{
	for (size_t i = 0; i < b->rs->n_viewed; i++) {
		const struct ward_node *n = &b->rs->nodes[i];

		if (n->kind != WARD_NODE_BIND || !ward_path_within(n->dest, path))
			continue;
		(void)ward_fail(b->err, WARD_E_AXIS,
			"axis files: %s is given back below what may not be read, which no mount can hold",
			ward_rs_show(b->rs, n->dest));
		fail_at(b,
			no->verdict.why == WARD_WHY_NARROWED ? no->verdict.list
				: no->verdict.n_rules > 0    ? no->verdict.rules[0]
							     : NULL);
		ward_fail_fix(b->err, "deny what is beside it instead");
		return WARD_E_AXIS;
	}
	return WARD_OK;
}

static int cover(struct brought *b, const struct ward_target *t, const struct refused *no)
{
	struct ward_node n = ward_rs_bind(b->rs, t, -1);
	int r = refuse_given_back(b, t->path, no);

	if (r < 0)
		return r;
	n.kind = WARD_NODE_MASK;
	n.told = true;
	n.source = NULL;
	n.fixed = true;
	n.exec = false;
	return ward_rs_node(b->rs, &n, b->err);
}

static int below(struct brought *b, const char *path)
{
	const struct ward_node *shown = shown_by(b, path);
	struct ward_target t;
	struct ward_node n;
	struct refused no;
	bool is_dir;
	int r;

	/* What a policy has put there was judged then, and a cover covers all below it. */
	if (!shown || shown->kind == WARD_NODE_MASK ||
		(size_t)(shown - b->rs->nodes) < b->rs->n_viewed ||
		ward_rs_target(b->rs, path, &t) < 0)
		return WARD_OK;
	is_dir = S_ISDIR(t.st.st_mode);
	r = ask_of(b, WARD_ACT_FS_READ, path, is_dir, &no);
	if (r < 0 || no.is)
		return r < 0 ? r : cover(b, &t, &no);
	r = ask_of(b, WARD_ACT_FS_EXEC, path, is_dir, &no);
	if (r == WARD_OK && !no.is)
		r = ask_of(b, WARD_ACT_PROC_EXEC, path, is_dir, &no);
	if (r < 0 || !no.is || !shown->exec)
		return r;
	n = ward_rs_bind(b->rs, &t, shown->rule);
	n.fixed = true;
	n.noexec = true;
	n.exec = false;
	return ward_rs_node(b->rs, &n, b->err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* That the command itself is started nobody has to permit, and a list of programs is about others; a forbid is about it too. */
int ward_rules_needed(struct ward_resolver *rs, const char *path, enum ward_need need,
	struct ward_error *err)
{
	static const enum ward_action starts[] = { WARD_ACT_FS_EXEC, WARD_ACT_PROC_EXEC };
	struct brought b = {
		.rs = rs, .err = err, .now_ms = (int64_t)(ward_now_wall_ns() / 1000000)
	};
	struct refused no;
	int r;

	if (!rs->book)
		return WARD_OK;
	r = ask(&b, WARD_ACT_FS_READ, path, &no);
	if (r < 0 || no.is)
		return r < 0 ? r : needs(&b, path, WARD_ACT_FS_READ, &no);
	for (size_t i = 0; need == WARD_NEED_START && i < WARD_ARRAY_SIZE(starts); i++) {
		r = ask(&b, starts[i], path, &no);
		if (r < 0)
			return r;
		if (no.is && no.verdict.why != WARD_WHY_NARROWED)
			return needs(&b, path, starts[i], &no);
	}
	return WARD_OK;
}

int ward_rules_interpreter(struct ward_resolver *rs, const char *script, const char *interpreter,
	struct ward_error *err)
{
	struct brought b = {
		.rs = rs, .err = err, .now_ms = (int64_t)(ward_now_wall_ns() / 1000000)
	};
	struct ward_question q = { .action = WARD_CAP_EXTERNAL_COMMAND };
	char cure[WARD_CURE_MAX] = "";
	struct ward_target t;
	struct refused no = { 0 };
	int r;

	if (ward_rs_target(rs, interpreter, &t) < 0)
		return WARD_OK; /* it starts nothing */
	q.resource = t.path;
	r = ask(&b, WARD_ACT_PROC_EXEC, t.path, &no);
	if (r < 0 || no.verdict.effect == WARD_ALLOW)
		return r;
	if (no.verdict.why == WARD_WHY_NO_RULE && ward_cure(&q, cure, sizeof(cure)) < 0)
		cure[0] = '\0';
	return ward_rs_warn(rs, err,
		"%s may be started, and %s, which its #! line names, may not: permit that too%s%s",
		ward_rs_show(rs, script), ward_rs_show(rs, t.path), cure[0] ? ": " : "", cure);
}

int ward_rules_brought(struct ward_resolver *rs, struct ward_error *err)
{
	struct brought b = { .rs = rs,
		.err = err,
		.end = rs->n_nodes,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	bool dirs = false;
	int r;

	if (!rs->book)
		return WARD_OK;
	r = whole(&b);
	for (size_t i = rs->n_viewed; i < b.end; i++)
		dirs = dirs || (is_brought(&rs->nodes[i]) && rs->nodes[i].is_dir);
	if (r < 0 || !dirs)
		return r;
	r = collect(&b);
	if (b.names.n > 0)
		qsort(b.names.v, b.names.n, sizeof(*b.names.v), by_text);
	for (size_t i = 0; r == WARD_OK && i < b.names.n; i++) {
		if (i == 0 || !ward_streq(b.names.v[i], b.names.v[i - 1]))
			r = below(&b, b.names.v[i]);
	}
	/* What policies show was looked at by the view, and what it covered is covered. */
	return r == WARD_OK ? ward_rules_unseen(rs, 0, &b.unlisted, &b.closed, err) : r;
}
