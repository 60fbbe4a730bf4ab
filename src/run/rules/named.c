/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs by their name. A name is no place, and what is held is places: so the programs that can be found by a name (on the PATH, the
 * run's and the caller's, and in directories that are shown and may be executed from) are looked at one by one, and each that the judge
 * answers otherwise for becomes a name like any other. A copy of one under another name is another program; docs/policies.md says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

struct naming {
	struct ward_resolver *rs;
	struct ward_texts *to, *unlisted, seen;
	bool deep, allowed; /* below directories too; what is allowed, not what is denied */
	struct ward_error *err;
};

static int judge(struct naming *n, const char *path, bool *ret_yes)
{
	struct ward_query q = { .action = WARD_ACT_PROC_EXEC,
		.resource = ward_str(path),
		.of_host = true,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };
	struct ward_verdict verdict;

	*ret_yes = false;
	if (ward_judge(n->rs->book->book, n->rs->book->desk, &q, &verdict) < 0)
		return ward_rs_nomem(n->err);
	*ret_yes = verdict.effect == WARD_ALLOW;
	return WARD_OK;
}

/* A link has no rights of its own, and no name that a rule could mean: docs/symlinks.md. */
static int by_link(struct naming *n, const char *path, const struct ward_target *t)
{
	bool as_named = true, as_is = true;
	int r = judge(n, path, &as_named);

	if (r == WARD_OK)
		r = judge(n, t->path, &as_is);
	if (r == WARD_OK && as_is == n->allowed)
		r = ward_rs_push(n->rs, n->to, t->path, n->err);
	if (r == WARD_OK && as_is && !as_named && !n->allowed)
		r = ward_rs_warn(n->rs, n->err,
			"%s is a link: a rule about a program of that name says nothing of %s; name that",
			ward_rs_show(n->rs, path), ward_rs_show(n->rs, t->path));
	return r;
}

static int entry(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	struct naming *n = arg;
	struct ward_target t;
	bool yes = false;
	int r;

	*ret_enter = n->deep && type == WARD_ENTRY_DIR && !ward_rs_reserved(path);
	if (type == WARD_ENTRY_DIR || ward_rs_target(n->rs, path, &t) < 0 ||
		!S_ISREG(t.st.st_mode) || !(t.st.st_mode & 0111))
		return WARD_OK;
	if (type == WARD_ENTRY_LINK)
		return by_link(n, path, &t);
	r = judge(n, t.path, &yes);
	return r == WARD_OK && yes == n->allowed ? ward_rs_push(n->rs, n->to, t.path, n->err) : r;
}

static int unlisted(void *arg, const char *path)
{
	struct naming *n = arg;

	return n->unlisted ? ward_rs_push(n->rs, n->unlisted, path, n->err) : WARD_OK;
}

static int look_in(struct naming *n, const char *dir)
{
	const struct ward_book_rule *rule = ward_book_by_name(n->rs->book->book);
	struct ward_walk w = {
		.rs = n->rs, .entry = entry, .unlisted = unlisted, .arg = n, .err = n->err
	};
	struct ward_target t;
	int r;

	if (ward_rs_target(n->rs, dir, &t) < 0 || !S_ISDIR(t.st.st_mode) ||
		ward_rs_reserved(t.path))
		return WARD_OK;
	for (size_t i = 0; i < n->seen.n; i++) {
		if (ward_streq(n->seen.v[i], t.path))
			return WARD_OK;
	}
	r = ward_rs_push(n->rs, &n->seen, t.path, n->err);
	if (r == WARD_OK)
		r = ward_rs_walk(&w, t.path);
	if (r != WARD_E_LIMIT || w.looked <= WARD_GLOB_WALK_MAX)
		return r;
	(void)ward_fail(n->err, WARD_E_AXIS,
		"axis exec: a rule about a program's name would have to look at more than %u names in %s",
		WARD_GLOB_WALK_MAX, ward_rs_show(n->rs, t.path));
	ward_fail_at(n->err, rule->file, rule->line, rule->column);
	ward_fail_fix(n->err,
		"name programs by their paths: resource == Ward::Program::\"/usr/bin/NAME\"");
	return WARD_E_AXIS;
}

static int look_on(struct naming *n, const char *path)
{
	char dir[WARD_PATH_MAX];
	int r = WARD_OK;

	for (const char *s = path, *end; r == WARD_OK && s && *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, ':');
		if (*s == '/' &&
			(size_t)snprintf(dir, sizeof(dir), "%.*s", (int)(end - s), s) < sizeof(dir))
			r = look_in(n, dir);
	}
	return r;
}

int ward_rules_named(struct ward_resolver *rs, bool allowed, struct ward_texts *to,
	struct ward_texts *ret_unlisted, struct ward_error *err)
{
	struct naming n = {
		.rs = rs, .to = to, .unlisted = ret_unlisted, .allowed = allowed, .err = err
	};
	size_t n_nodes = rs->n_nodes;
	int r = WARD_OK;

	if (!ward_book_by_name(rs->book->book))
		return WARD_OK;
	for (const char *const *s = ward_env_set; r == WARD_OK && *s; s++) {
		if (ward_has_prefix(*s, "PATH="))
			r = look_on(&n, *s + strlen("PATH="));
	}
	if (r == WARD_OK)
		r = look_on(&n, rs->path);
	if (r == WARD_OK)
		r = look_on(&n, getenv("PATH"));
	n.seen.n = 0; /* what was looked at alone is now looked at with all below it */
	n.deep = true;
	for (size_t i = 0; r == WARD_OK && !allowed && i < n_nodes; i++) {
		const struct ward_node *d = &rs->nodes[i];

		if (d->kind == WARD_NODE_BIND && d->is_dir && d->exec &&
			(!d->base || ward_base_is_store(d->dest)))
			r = look_in(&n, d->source ? d->source : d->dest);
	}
	return r;
}

/* In a directory that cannot be listed any name may be the one that is meant: nothing of it is executed. */
static int unnamed(struct ward_resolver *rs, size_t first, const char *dir, struct ward_error *err)
{
	const struct ward_book_rule *by = ward_book_by_name(rs->book->book);
	const struct ward_node *shown = ward_rules_shown(rs, first, dir);
	const char *in = ward_arena_printf(rs->arena, "%s/" WARD_ANY_NAME, dir);
	struct ward_verdict said = { .effect = WARD_DENY };
	struct ward_target t;
	struct ward_node n;
	int r = in ? ward_rules_ask(rs, WARD_ACT_PROC_EXEC, in, &said, err) : ward_rs_nomem(err);

	if (r < 0 || said.effect == WARD_DENY || !shown || shown->kind != WARD_NODE_BIND ||
		shown->noexec || ward_rs_target(rs, dir, &t) < 0)
		return r;
	n = ward_rs_bind(rs, &t, shown->rule);
	n.write = shown->write && !shown->protect;
	n.fixed = true;
	n.noexec = true;
	n.exec = false;
	r = ward_rs_node(rs, &n, err);
	return r < 0
		? r
		: ward_rs_warn(rs, err,
			  "%s cannot be looked into, so nothing in it is executed: %s:%u is about programs by their names",
			  ward_rs_show(rs, dir), by->file, by->line);
}

int ward_rules_unnamed(struct ward_resolver *rs, size_t first, struct ward_texts *dirs,
	struct ward_error *err)
{
	int r = WARD_OK;

	ward_rs_sort(dirs);
	for (size_t i = 0; r == WARD_OK && i < dirs->n; i++) {
		if ((i == 0 || !ward_streq(dirs->v[i], dirs->v[i - 1])) &&
			ward_rules_reached(rs, dirs->v[i]))
			r = unnamed(rs, first, dirs->v[i], err);
	}
	return r;
}
