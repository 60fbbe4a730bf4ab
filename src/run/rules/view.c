/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policies say of files, as a view. Policies speak of paths, directories and patterns; between the names that they
 * mention every answer is the same. So the judge is asked at each such name that exists, and a node stands wherever its
 * answer differs from that of what the name lies in: read, read and write, or nothing (a mask, where it lies in something that
 * may be read). What stands in the view is what the judge said, and nothing else is.
 *
 * Names that come to be later have the rights of their directory. Where a policy would say otherwise (a forbid of a pattern, or of
 * a path that is not there yet) the plan says so, and the axis files is advisory.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "os/os.h"
#include "run/review/place.h"
#include "run/rules/rules.h"

/* No file has such a name, and no pattern means it: it stands for all that policies do not name. */
#define ANY WARD_ANY_NAME
struct rights {
	bool read, write, exec;
	bool program; /* it may be started; exec: and it may become code */
	bool noexec; /* taken out of a directory of programs */
	bool asks; /* a person is asked whether it may be written, or was */
	const struct ward_book_rule *by; /* what grants the most of it; NULL: nothing is granted */
};

/* A directory that names which are missing lie in: many of them in few. */
struct above {
	const char *path;
	bool missing; /* or a pin */
	bool real; /* no link leads there */
	struct stat st;
	struct rights had;
};

struct viewing {
	struct ward_resolver *rs;
	struct ward_rulebook *book;
	struct ward_texts names; /* that policies mention and that exist: real paths */
	struct ward_texts written; /* of these, those that policies write: ward_rs_again() */
	struct ward_texts missing; /* and that do not */
	struct ward_texts base_links; /* and that are links of the base */
	struct ward_texts unlisted, closed; /* directories and names: ward_rules_unseen() */
	struct ward_texts unnamed; /* directories: ward_rules_unnamed() */
	struct ward_names parted; /* directories in which a name has more than what lies in one */
	struct ward_told told;
	struct ward_error *err;
	size_t first; /* nodes of rs before ours */
	bool named; /* names are those that policies write, and no match of a pattern */
	bool asks; /* a rule wants a person: to ask the judge may be to ask somebody */
	bool parts; /* the directory that was asked about last is such a one */
	struct above *above;
	size_t n_above, cap_above;
	const char *dir; /* of the last name: */
	struct rights in_dir; /* what in it may be executed */
};

/* ---- the judge ---- */

static int ask(struct viewing *v, enum ward_action action, const char *path,
	struct ward_verdict *ret, bool *ret_yes)
{
	return ward_rules_allowed(v->rs, action, path, ret_yes, ret, v->err);
}

/* What is asked about, and nobody has said yes to, is not granted; nor is what `of` has not, and nothing is asked about that. NULL: all. */
static int rights_among(struct viewing *v, const char *path, const struct rights *of,
	struct rights *ret)
{
	static const enum ward_action actions[] = { WARD_ACT_FS_READ, WARD_ACT_FS_WRITE,
		WARD_ACT_FS_EXEC, WARD_ACT_PROC_EXEC };
	const bool wanted[] = { !of || of->read, !of || of->write, !of || of->exec,
		!of || of->program };
	bool *const to[] = { &ret->read, &ret->write, &ret->exec, &ret->program };
	struct ward_verdict verdict;

	*ret = (struct rights){ 0 };
	for (size_t i = 0; i < WARD_ARRAY_SIZE(actions); i++) {
		int r = wanted[i] ? ask(v, actions[i], path, &verdict, to[i]) : WARD_OK;

		if (r < 0)
			return r;
		if (wanted[i] && actions[i] == WARD_ACT_FS_WRITE)
			ret->asks = verdict.effect == WARD_ASK;
		if (*to[i] && i < 2 && verdict.n_rules > 0)
			ret->by = verdict.rules[0];
	}
	ret->exec = ret->exec && ret->program;
	return WARD_OK;
}

static int rights_at(struct viewing *v, const char *path, struct rights *ret)
{
	return rights_among(v, path, NULL, ret);
}

/* Of a directory: what anything in it, near or far, may be taken for; the lesser of both. */
static int rights_below(struct viewing *v, const char *dir, const struct rights *of,
	struct rights *ret)
{
	const char *slash = dir[1] != '\0' ? "/" : "";
	const char *near = ward_arena_printf(v->rs->arena, "%s%s" ANY, dir, slash);
	const char *far = ward_arena_printf(v->rs->arena, "%s%s" ANY "/" ANY "/" ANY, dir, slash);
	struct rights other = { 0 };
	int r;

	*ret = other;
	r = near && far ? rights_among(v, near, of, ret) : ward_rs_nomem(v->err);
	/* What the nearer has not, both have not. */
	if (r == WARD_OK)
		r = rights_among(v, far, v->asks ? NULL : ret, &other);
	if (r < 0)
		return r;
	v->parts = (ret->read && !other.read) || (ret->write && !other.write);
	ret->read = ret->read && other.read;
	ret->write = ret->write && other.write;
	ret->exec = ret->exec && other.exec;
	ret->program = ret->program && other.program;
	ret->asks = ret->asks || other.asks;
	return WARD_OK;
}

/* What in dir may be executed. Names come sorted, and each asks it of its own directory: mostly that is the one of before. */
static int executed_in(struct viewing *v, const char *dir, struct rights *ret)
{
	static const struct rights all = { .exec = true, .program = true };
	int r;

	if (v->dir && ward_streq(v->dir, dir)) {
		*ret = v->in_dir;
		return WARD_OK;
	}
	r = rights_below(v, dir, v->asks ? NULL : &all, ret);
	if (r == WARD_OK) {
		v->dir = ward_arena_strdup(v->rs->arena, dir);
		v->in_dir = *ret;
	}
	return r;
}

/* ---- what is there already ---- */

static struct ward_node *shown_by(const struct viewing *v, const char *path)
{
	return ward_rules_shown(v->rs, v->first, path);
}

static struct rights rights_of(const struct ward_node *n)
{
	struct rights r = { 0 };

	if (n && n->kind == WARD_NODE_BIND)
		r = (struct rights){
			.read = true, .write = n->write && !n->protect, .exec = n->exec
		};
	return r;
}

/* ---- nodes ---- */

static int axis_refused(struct viewing *v, const char *path, const struct ward_book_rule *by,
	const char *what, const char *fix)
{
	(void)ward_fail(v->err, WARD_E_AXIS, "axis files: %s %s", ward_rs_show(v->rs, path), what);
	ward_fail_fix(v->err, "%s", fix);
	if (by)
		ward_fail_at(v->err, by->file, by->line, by->column);
	return WARD_E_AXIS;
}

static int rule_for(struct viewing *v, const char *path, bool is_dir, const struct rights *have)
{
	const struct ward_book_rule *by = have->by;
	const char *what;
	struct ward_rule rule = {
		.type = have->write ? WARD_CAP_FILE_WRITE : WARD_CAP_FILE_READ,
		.pattern = path,
		.literal = true,
		.subtree = is_dir,
	};

	if (!by)
		return -1;
	rule.origin =
		(struct ward_origin){ .file = by->file, .line = by->line, .column = by->column };
	what = by->id ? by->id : by->text;
	/* The text of --read and --write begins with the option, which is where it stands as well. */
	if (by->line > 0)
		rule.text = ward_arena_printf(v->rs->arena, "%s:%u %s", by->file, by->line, what);
	else
		rule.text = ward_has_prefix(what, by->file)
			? what
			: ward_arena_printf(v->rs->arena, "%s %s", by->file, what);
	return ward_rs_rule(v->rs, &rule, v->err);
}

/* The refusals of grants that no view can hold, in words of the rule. */
static int check(struct viewing *v, const struct ward_target *t, const struct rights *have)
{
	struct ward_cap cap = {
		.type = have->write ? WARD_CAP_FILE_WRITE : WARD_CAP_FILE_READ,
		.resource = t->path,
		.literal = true,
	};

	if (have->by)
		cap.origin = (struct ward_origin){
			.file = have->by->file, .line = have->by->line, .column = have->by->column
		};
	return ward_rs_check_target(v->rs, &cap, t, v->err);
}

/* Whoever forbids reading alone means writing too, and says it nowhere: that rule is the place, and not the one that lets write. */
static int write_only(struct viewing *v, const char *path, const struct ward_book_rule *by)
{
	const char *fix = "permit fs.read there too, or take fs.write away";
	struct ward_verdict said;
	bool yes;
	int r = ask(v, WARD_ACT_FS_READ, path, &said, &yes);

	if (r == WARD_OK && said.why == WARD_WHY_FORBIDDEN && said.n_rules > 0) {
		fix = "let this rule forbid fs.write as well as fs.read";
		by = said.rules[0];
	}
	return r < 0 ? r
		     : axis_refused(v, path, by,
			       "may be written and not read, which no mount can hold", fix);
}

static int put(struct viewing *v, const struct ward_target *t, const struct rights *have,
	const struct rights *had, int rule)
{
	struct ward_node n = ward_rs_bind(v->rs, t, -1);
	struct rights held = *have;
	int r;

	/* What nobody may read nobody reviews: the option's own permit to write ends there. */
	if (ward_rs_reviewed(v->rs, t->path) && !have->read)
		held.write = false;
	have = &held;
	if (have->write && !have->read)
		return write_only(v, t->path, have->by);
	n.fixed = true;
	n.rule = rule;
	n.write = have->write;
	n.noexec = have->noexec;
	n.exec = n.exec && !n.noexec;
	if (!have->read) {
		n.kind = WARD_NODE_MASK;
		n.told = true;
		n.source = NULL;
		n.noexec = false;
		return ward_rs_node(v->rs, &n, v->err);
	}
	r = check(v, t, have);
	if (r < 0)
		return r;
	if (!had->read || (have->write && !had->write)) {
		r = rule_for(v, t->path, n.is_dir, have);
		if (r < -1)
			return r;
		n.rule = r;
	}
	return ward_rs_node(v->rs, &n, v->err);
}

/*
 * Does a mount of its own have to stand there? What may be executed is Landlock's, which adds rights up: only what a rule takes out of
 * a directory of programs needs one.
 */
static bool differs(const struct rights *have, const struct rights *had, bool noexec)
{
	return have->read != had->read || have->write != had->write || (have->read && noexec);
}

/* May what lies beside it be executed, and it not? Who may start any program has no rule of Landlock's for one alone. */
static int taken_out(struct viewing *v, const char *path, const struct rights *have, bool *ret)
{
	WARD_UNSET char dir[WARD_PATH_MAX];
	char *slash;
	struct rights beside = { 0 };
	int r;

	*ret = false;
	if (have->exec)
		return WARD_OK;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return WARD_OK;
	slash[slash == dir] = '\0';
	r = executed_in(v, dir, &beside);
	*ret = beside.exec || (beside.program && !have->program);
	return r;
}

/* It stays where it is, with the rights of what it lies in: nobody inside moves or removes a mount. */
static int keep(struct viewing *v, const char *path, const struct stat *st)
{
	struct ward_target t = { .path = path, .st = *st };
	const struct ward_node *shown = shown_by(v, path);
	struct rights have = rights_of(shown);
	struct ward_node n = ward_rs_bind(v->rs, &t, shown ? shown->rule : -1);

	if (!have.write || ward_streq(shown->dest, path))
		return WARD_OK;
	n.write = true;
	n.exec = have.exec;
	n.fixed = true;
	n.hold = true;
	return ward_rs_node(v->rs, &n, v->err);
}

/* A rule about a directory alone: what lies in it may be written, and it may not be moved or removed. */
static int alone(struct viewing *v, const struct ward_target *t, const struct rights *below)
{
	struct rights own = { 0 };
	int r;

	if (!S_ISDIR(t->st.st_mode) || !below->write)
		return WARD_OK;
	r = rights_at(v, t->path, &own);
	return r < 0 || own.write ? r : keep(v, t->path, &t->st);
}

/* A directory that a policy names, and of which nothing is shown: a rule about itself alone lets it be looked at. */
static int itself(struct viewing *v, const struct ward_target *t)
{
	struct rights have = { 0 };
	struct ward_verdict verdict;
	int r = S_ISDIR(t->st.st_mode) ? ask(v, WARD_ACT_FS_READ, t->path, &verdict, &have.read)
				       : WARD_OK;

	if (r < 0 || !have.read)
		return r;
	have.by = verdict.n_rules > 0 ? verdict.rules[0] : NULL;
	r = check(v, t, &have);
	if (r == WARD_OK)
		r = rule_for(v, t->path, false, &have);
	return r < -1 ? r : ward_rs_alone(v->rs, t, r, v->err);
}

/* A name at which the answer may change; t is what is there. */
static int boundary(struct viewing *v, const struct ward_target *t)
{
	struct ward_node *shown = shown_by(v, t->path);
	bool same = shown && ward_streq(shown->dest, t->path), noexec = false;
	struct rights own, have, had = rights_of(shown);
	int r = S_ISDIR(t->st.st_mode) ? rights_below(v, t->path, NULL, &have)
				       : rights_at(v, t->path, &have);

	if (r == WARD_OK && S_ISDIR(t->st.st_mode) && v->parts)
		r = ward_rs_text(v->rs, &v->parted.dirs, t->path, v->err);
	if (r == WARD_OK)
		r = taken_out(v, t->path, &have, &noexec);
	if (r < 0)
		return r;
	/* A generated file is the sandbox's own, whatever the host has of that name; so are the roots of private places. */
	if (same && shown->kind != WARD_NODE_BIND && shown->kind != WARD_NODE_MASK)
		return WARD_OK;
	if (shown && shown->kind == WARD_NODE_MASK && have.read && ward_rs_covers(v->rs, shown)) {
		return axis_refused(v, t->path, have.by,
			"is given back below what may not be read, which no mount can hold",
			"deny what is beside it instead");
	}
	if (!same && !have.read && !had.read && !have.write)
		return v->named && !(shown && shown->kind == WARD_NODE_MASK) ? itself(v, t)
									     : WARD_OK;
	if (!differs(&have, &had, noexec)) {
		/* The grant of an option stays what it is, and is not added to from now on. */
		if (same && !shown->base)
			shown->fixed = true;
		return alone(v, t, &have);
	}
	have.noexec = noexec;
	/* Who is asked about what lies in it is asked about it itself in the same question: alone() asks that after a yes. */
	r = have.asks && had.write && !have.write ? rights_at(v, t->path, &own) : WARD_OK;
	return r < 0 ? r : put(v, t, &have, &had, same ? shown->rule : -1);
}

/* Less of a name, or of what could lie in it, than of what it would be made in. */
static int rights_to_come(struct viewing *v, const char *path, struct rights *ret)
{
	struct rights below = { 0 };
	int r = rights_at(v, path, ret);

	if (r == WARD_OK)
		r = rights_below(v, path, NULL, &below);
	if (r < 0)
		return r;
	ret->read = ret->read && below.read;
	ret->write = ret->write && below.write;
	return WARD_OK;
}

/* The directory at path, looked at once. NULL: no memory. */
static const struct above *above_of(struct viewing *v, const char *path)
{
	struct above *one;
	struct ward_target t;

	/* Names come sorted: mostly it is the last. */
	for (size_t i = v->n_above; i-- > 0;) {
		if (ward_streq(v->above[i].path, path))
			return &v->above[i];
	}
	if (v->n_above == v->cap_above) {
		size_t cap = v->cap_above ? v->cap_above * 2 : 16;
		struct above *more = ward_arena_alloc(v->rs->arena, cap * sizeof(*more));

		if (!more)
			return NULL;
		if (v->n_above > 0)
			memcpy(more, v->above, v->n_above * sizeof(*more));
		v->above = more;
		v->cap_above = cap;
	}
	one = &v->above[v->n_above];
	one->path = ward_arena_strdup(v->rs->arena, path);
	if (!one->path)
		return NULL;
	one->missing = ward_rs_target(v->rs, path, &t) != 0 || ward_rs_is_pin(&t);
	one->real = !one->missing && ward_streq(t.path, path);
	one->st = t.st;
	if (one->real)
		one->had = rights_of(shown_by(v, path));
	v->n_above++;
	return one;
}

/*
 * A name that is not there, in a directory where the run could make it, and that a policy says less of than of its neighbours: it is
 * pinned. What of it is missing first is made, an empty directory, while the run lives, and nobody inside may change it.
 */
static int absent(struct viewing *v, const char *path)
{
	WARD_UNSET char at[WARD_PATH_MAX];
	WARD_UNSET char above[WARD_PATH_MAX];
	char *slash;
	struct ward_node n = {
		.kind = WARD_NODE_MASK, .is_dir = true, .fixed = true, .pin = true, .rule = -1
	};
	size_t len = strlen(path);
	const struct above *dir;
	struct rights have;
	const char *text;
	int r;

	if (len >= sizeof(at))
		return WARD_OK; /* the kernel takes no such name */
	memcpy(at, path, len + 1);
	memcpy(above, path, len + 1);
	for (;;) {
		slash = strrchr(above, '/');
		if (!slash || slash == above)
			return WARD_OK;
		*slash = '\0';
		dir = above_of(v, above);
		if (!dir)
			return ward_rs_nomem(v->err);
		if (!dir->missing)
			break;
		memcpy(at, above, (size_t)(slash - above) + 1);
	}
	/* What cannot be made needs no judge, unless that is who would ask. */
	if (!dir->real || (!dir->had.write && !v->asks))
		return WARD_OK;
	r = rights_to_come(v, path, &have);
	if (r < 0 || !dir->had.write || (have.write && have.read))
		return r;
	/* A file stands where a directory would have to. */
	if (!S_ISDIR(dir->st.st_mode))
		return S_ISREG(dir->st.st_mode) ? keep(v, dir->path, &dir->st) : WARD_OK;
	n.dest = ward_arena_strdup(v->rs->arena, at);
	n.mode = have.read ? 0555 : 0;
	text = ward_streq(at, path) && have.read ? ward_git_stand_in(&v->book->git, path) : NULL;
	if (text) {
		n.kind = WARD_NODE_BIND;
		n.is_dir = false;
		n.source = n.dest;
		n.idmap = v->rs->host->uid == 0;
		n.pin_text = text;
	}
	return n.dest ? ward_rs_node(v->rs, &n, v->err) : ward_rs_nomem(v->err);
}

/* ---- names ---- */

static int name(struct viewing *v, const char *path)
{
	struct ward_target t;
	int r;

	/* A link of the base is one inside, too: what it leads to has names of its own, and it is not followed. */
	if (!ward_path_within(path, v->rs->workspace) && ward_rules_of_base(path) &&
		ward_rs_is_link(v->rs, path))
		return ward_rs_push(v->rs, &v->base_links, path, v->err);
	r = ward_rs_target(v->rs, path, &t);
	if (r == -ENOENT || r == -ENOTDIR)
		return ward_rs_push(v->rs, &v->missing, path, v->err);
	if (r == -EACCES || ward_rs_is_gone(r))
		return ward_rs_push(v->rs, &v->closed, path, v->err);
	if (r < 0 && !ward_rs_is_none(r))
		return ward_rules_unknown(path, r, v->err);
	if (r < 0 || ward_rs_reserved(t.path))
		return WARD_OK;
	if (!ward_streq(t.path, path) && ward_rules_of_base(path))
		return WARD_OK;
	if (!ward_streq(t.path, path))
		return ward_rules_about_nothing(v->rs, path, &t, v->err);
	return ward_rs_text(v->rs, &v->names, t.path, v->err);
}

/* Where a pattern is about one name, or all below one directory, that is a name as any other. */
static int of_patterns(struct viewing *v, bool relative)
{
	const struct ward_patterns *patterns = ward_book_patterns(v->book->book, relative);
	char at[WARD_PATH_MAX], path[WARD_PATH_MAX];
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_patterns_count(patterns); i++) {
		const struct ward_pattern *p = ward_patterns_get(patterns, i);

		if ((ward_pattern_is_subtree(p, at, sizeof(at)) ||
			    ward_pattern_is_literal(p, at, sizeof(at))) &&
			ward_path_join(relative ? v->rs->workspace : "/", at, path, sizeof(path)) ==
				WARD_OK)
			r = name(v, path);
	}
	return r;
}

/* "All" has no mount: what lies in the root has one each. */
static int whole_host(struct viewing *v)
{
	struct rights have;
	const struct dirent *e;
	DIR *d;
	int r = rights_below(v, "/", NULL, &have);

	if (r < 0 || !have.read)
		return r;
	d = opendir("/");
	if (!d)
		return ward_fail_errno(v->err, WARD_E_SYSTEM, errno, "/ cannot be read");
	while (errno = 0, r == WARD_OK && (e = readdir(d))) {
		if (e->d_name[0] == '.' || ward_streq(e->d_name, "home"))
			continue;
		r = name(v, ward_arena_printf(v->rs->arena, "/%s", e->d_name));
	}
	if (r == WARD_OK && errno)
		r = ward_fail_errno(v->err, WARD_E_SYSTEM, errno, "/ cannot be read");
	closedir(d);
	if (r == WARD_OK && ward_rs_home(v->rs)[0])
		r = name(v, v->rs->home);
	return r;
}

static int all_absent(struct viewing *v)
{
	struct ward_texts *t = &v->missing;
	int r = WARD_OK;

	ward_rs_sort(t);
	for (size_t i = 0; r == WARD_OK && i < t->n; i++) {
		if (i == 0 || !ward_streq(t->v[i], t->v[i - 1]))
			r = absent(v, t->v[i]);
	}
	return r;
}

static int boundaries(struct viewing *v)
{
	int r = WARD_OK;

	ward_rs_sort(&v->names);
	for (size_t i = 0; r == WARD_OK && i < v->names.n; i++) {
		struct ward_target t;

		if (i > 0 && ward_streq(v->names.v[i], v->names.v[i - 1]))
			continue;
		r = ward_rs_target(v->rs, v->names.v[i], &t);
		if (r < 0) {
			r = r == -EACCES || ward_rs_is_gone(r) /* listed, and not to be entered */
				? ward_rs_push(v->rs, &v->closed, v->names.v[i], v->err)
				: ward_rs_is_none(r) ? WARD_OK
						     : ward_rules_unknown(v->names.v[i], r, v->err);
			continue;
		}
		/* Kept from coming to be by another run, which may end before this one: it is no more there than what is missing. */
		r = ward_rs_is_pin(&t) ? ward_rs_push(v->rs, &v->missing, v->names.v[i], v->err)
				       : boundary(v, &t);
		if (r == WARD_OK)
			r = ward_rules_alone(v->rs, &t, &v->told, v->err);
	}
	v->names = (struct ward_texts){ 0 };
	return r;
}

/* Those at hand, and what policies name below them: what is shown by then may give it more. */
static int asked_again(struct viewing *v)
{
	int r = ward_rs_again(v->rs, &v->written, &v->names, v->err);

	return r == WARD_OK ? boundaries(v) : r;
}

/*
 * What patterns match. A pattern that takes away from the second name on (a star, a star, all below) leaves the first: what is there of
 * these, and in them, is asked about by itself, as far as the view has room for it, for what is above it, and for what follows. More is
 * shown then, in which all that policies name is asked about again.
 */
static int all_matches(struct viewing *v)
{
	struct ward_names *p = &v->parted;
	size_t room = (WARD_MOUNTS_MAX - v->rs->n_nodes) / 3;
	char others[48] = "";
	int r;

	if (room > WARD_GLOB_MATCHES_MAX)
		room = WARD_GLOB_MATCHES_MAX;
	p->room = room;
	do {
		v->named = true;
		r = ward_rs_names(v->rs, p, &v->names, &v->unlisted, v->err);
		r = r == WARD_OK && v->names.n > 0 ? asked_again(v) : r;
		v->named = false;
		v->unlisted.n = 0;
		for (int relative = 0; r == WARD_OK && relative < 2; relative++)
			r = ward_rules_matches(v->rs, ward_book_patterns(v->book->book, relative),
				relative, &v->names, &v->unlisted, v->err);
		r = r == WARD_OK ? asked_again(v) : r;
	} while (r == WARD_OK && p->done < p->dirs.n);
	if (r < 0 || !p->first)
		return r;
	if (p->more > 0)
		(void)snprintf(others, sizeof(others), " (and %zu more)", p->more);
	return ward_rs_warn(v->rs, v->err,
		"rules let more be of the names in %s%s than of what lies below them, and of such names the view takes %zu in all: of these nothing is shown or written by itself; grant them by name",
		ward_rs_show(v->rs, p->first), others, room);
}

/* What options grant by the name of a link is judged by what it leads to: a list of a layer may leave that out. */
static int granted(struct viewing *v)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < v->first; i++) {
		const struct ward_node *n = &v->rs->nodes[i];
		const char *probe = n->dest;
		struct ward_verdict verdict;
		bool yes = false;

		if (n->kind != WARD_NODE_BIND || n->base)
			continue;
		if (n->is_dir)
			probe = ward_arena_printf(v->rs->arena, "%s/" ANY, n->dest);
		if (!probe)
			return ward_rs_nomem(v->err);
		r = ask(v, n->write ? WARD_ACT_FS_WRITE : WARD_ACT_FS_READ, probe, &verdict, &yes);
		if (r == WARD_OK && !yes && verdict.why == WARD_WHY_NO_RULE)
			r = ward_rs_warn(v->rs, v->err,
				"%s is granted by the name of a link alone: no rule names it, so it is not shown; write it",
				ward_rs_show(v->rs, n->dest));
		if (r == WARD_OK && !yes)
			r = name(v, n->dest);
	}
	return r;
}

/* Is anything of the host written, or could the directory of this name be? */
static bool writes(const struct viewing *v, const char *name)
{
	char dir[WARD_PATH_MAX];
	char *slash;

	for (size_t i = 0; !name && i < v->rs->n_nodes; i++) {
		if (v->rs->nodes[i].kind == WARD_NODE_BIND && v->rs->nodes[i].write)
			return true;
	}
	if (!name || strlen(name) >= sizeof(dir))
		return name != NULL;
	memcpy(dir, name, strlen(name) + 1);
	slash = strrchr(dir, '/');
	dir[slash && slash > dir ? slash - dir : 1] = '\0';
	return rights_of(shown_by(v, dir)).write;
}

/* No mount stands on a link, and none on a name that a file has elsewhere: who writes there leads git where he likes. */
static int git_unheld(struct viewing *v)
{
	const struct ward_git *g = &v->book->git;

	for (size_t i = 0; i < g->links.n; i++) {
		if (!writes(v, g->links.v[i]))
			continue;
		v->rs->late = ward_arena_printf(v->rs->arena,
			"%s is a link on the way to what git obeys, and could be replaced",
			ward_rs_show(v->rs, g->links.v[i]));
		v->rs->late_fix =
			"put there what it leads to; for .git, a file that says \"gitdir: DIRECTORY\"";
		return v->rs->late ? WARD_OK : ward_rs_nomem(v->err);
	}
	if (g->unsure && writes(v, NULL)) {
		v->rs->late = g->unsure;
		v->rs->late_fix =
			"git obeys it outside; make it a plain file of its own, or have less of it";
	}
	return WARD_OK;
}

/* Nor on one of the base: who may write where it lies may replace it, whatever a rule says of its name. */
static int base_unheld(struct viewing *v)
{
	for (size_t i = 0; i < v->base_links.n; i++) {
		const char *path = v->base_links.v[i];
		struct rights have = { .read = true, .write = true };
		int r = writes(v, path) ? rights_at(v, path, &have) : WARD_OK;

		if (r < 0)
			return r;
		if (have.read && have.write)
			continue;
		v->rs->late = ward_arena_printf(v->rs->arena,
			"%s is a link that a rule takes out of what may be written, and could be replaced",
			ward_rs_show(v->rs, path));
		v->rs->late_fix =
			"name what it leads to instead, or let less be written than the directory that it lies in";
		return v->rs->late ? WARD_OK : ward_rs_nomem(v->err);
	}
	return WARD_OK;
}

static int refuse_timely(struct viewing *v)
{
	const struct ward_book_rule *timely = ward_book_timely(v->book->book);

	if (!timely)
		return WARD_OK;
	return axis_refused(v, v->rs->workspace, timely,
		"cannot be held by a rule about files or programs that looks at the time: a view is made once",
		"take the time out of it");
}

int ward_rules_view(struct ward_resolver *rs, struct ward_error *err)
{
	struct viewing v = { .rs = rs, .book = rs->book, .err = err, .first = rs->n_nodes };
	const char *path;
	size_t at = 0;
	int r;

	if (!rs->book)
		return WARD_OK;
	v.asks = ward_book_asks(rs->book->book);
	r = refuse_timely(&v);
	if (r == WARD_OK)
		r = ward_rules_warn_less(rs, err);
	if (r == WARD_OK)
		r = whole_host(&v);
	while (r == WARD_OK && (path = ward_book_path(rs->book->book, &at)) != NULL)
		r = name(&v, path);
	for (int relative = 0; r == WARD_OK && relative < 2; relative++)
		r = of_patterns(&v, relative);
	if (r == WARD_OK)
		r = ward_rules_links(rs, &v.first, err);
	if (r == WARD_OK)
		r = granted(&v);
	v.named = true;
	v.written = v.names;
	if (r == WARD_OK)
		r = boundaries(&v);
	if (r == WARD_OK)
		r = all_matches(&v);
	if (r == WARD_OK)
		r = ward_rules_unseen(rs, v.first, &v.unlisted, &v.closed, err);
	if (r == WARD_OK)
		r = ward_rules_named(rs, false, &v.names, &v.unnamed, err);
	if (r == WARD_OK)
		r = boundaries(&v);
	if (r == WARD_OK)
		r = ward_rules_unnamed(rs, v.first, &v.unnamed, err);
	if (r == WARD_OK && v.closed.n > 0) /* by the last of them, too */
		r = ward_rules_unseen(rs, v.first, &v.unlisted, &v.closed, err);
	if (r == WARD_OK)
		r = all_absent(&v);
	rs->n_viewed = rs->n_nodes;
	rs->base_cut = ward_rules_base_cut(rs, v.first);
	if (r == WARD_OK)
		r = git_unheld(&v);
	if (r == WARD_OK && !rs->late)
		r = base_unheld(&v);
	return r == WARD_OK && !rs->late ? ward_rules_late_names(rs, err) : r;
}
