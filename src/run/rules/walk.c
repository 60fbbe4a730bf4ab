/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names on disk the patterns of policies match: the names at which an answer may change. The walk stays below the literal part
 * of each pattern, follows no link, goes only where a match can lie, and is bounded in entries and in matches.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/persist/persist.h"
#include "run/rules/rules.h"

/* A pattern, and the directory that all its matches are or lie in. */
struct sought {
	const struct ward_pattern *pattern;
	const char *start;
};

/* Patterns of one start: one walk for all of them. */
struct walk {
	struct ward_resolver *rs;
	const struct sought *v;
	size_t n;
	size_t skip; /* bytes of a path that are not the pattern's: the workspace */
	struct ward_texts *found, *unlisted;
	bool everywhere; /* the pattern's own place, in which nothing is granted yet */
	const struct ward_pattern **here; /* those that can match in the directory at hand */
	size_t n_here;
	char dir[WARD_PATH_MAX]; /* that one; "": none yet */
	struct ward_error *err;
};

static int fail_much(struct walk *w, const struct ward_pattern *p, const char *what, unsigned most)
{
	char text[WARD_PATH_MAX];
	struct ward_str s = ward_pattern_text(p);

	(void)snprintf(text, sizeof(text), "%.*s", (int)s.n, s.s);
	(void)ward_fail(w->err, WARD_E_LIMIT, "the pattern %s of a policy %s more than %u names",
		ward_rs_show(w->rs, text), what, most);
	ward_fail_fix(w->err, "name the directory that is meant");
	return WARD_E_LIMIT;
}

int ward_rules_unknown(const char *path, int r, struct ward_error *err)
{
	return ward_fail_errno(err, r == -ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, -r,
		"what a policy says of '%s' cannot be held: it cannot be looked at", path);
}

static struct ward_str own_part(const struct walk *w, const char *path)
{
	const char *s = path + w->skip;

	s += w->skip > 0 && *s == '/';
	return w->skip > 0 && *s == '\0' ? WARD_STR(".") : ward_str(s);
}

/* Is there anything to be seen at, below or above dir, that a grant shows? The base is not searched for names. */
static bool concerns(const struct walk *w, const char *dir)
{
	if (w->everywhere)
		return true;
	for (size_t i = 0; i < w->rs->n_nodes; i++) {
		const struct ward_node *n = &w->rs->nodes[i];

		if (n->kind == WARD_NODE_BIND && !n->base &&
			(ward_path_within(dir, n->dest) || ward_path_within(n->dest, dir)))
			return true;
	}
	return false;
}

/* Which patterns can match right in the directory of path; entries of one come one after the other. */
static void enter(struct walk *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash > path ? (size_t)(slash - path) : 1;

	if (w->dir[0] && strncmp(w->dir, path, n) == 0 && w->dir[n] == '\0')
		return;
	memcpy(w->dir, path, n);
	w->dir[n] = '\0';
	w->n_here = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (ward_pattern_may_match_below(w->v[i].pattern, own_part(w, w->dir)))
			w->here[w->n_here++] = w->v[i].pattern;
	}
}

static int matches(struct walk *w, const struct ward_pattern *p, const char *path)
{
	int r = ward_rs_push(w->rs, w->found, path, w->err);

	return w->found->n > WARD_GLOB_MATCHES_MAX
		? fail_much(w, p, "matches", WARD_GLOB_MATCHES_MAX)
		: r;
}

static int entry(void *arg, const char *path, enum ward_entry type, bool *ret_enter)
{
	struct walk *w = arg;
	struct ward_str own = own_part(w, path);
	bool below = false;
	int r = WARD_OK;

	enter(w, path);
	for (size_t i = 0; r == WARD_OK && i < w->n_here; i++) {
		const struct ward_pattern *p = w->here[i];

		if (type != WARD_ENTRY_LINK && ward_pattern_match(p, own))
			r = matches(w, p, path);
		below = below || (type == WARD_ENTRY_DIR && ward_pattern_may_match_below(p, own));
	}
	*ret_enter = below && !ward_rs_reserved(path) && concerns(w, path);
	return r;
}

static int unlisted(void *arg, const char *path)
{
	struct walk *w = arg;

	return w->unlisted ? ward_rs_push(w->rs, w->unlisted, path, w->err) : WARD_OK;
}

/* All of w's patterns at and below start, a real directory or a file. */
static int search(struct walk *w, const char *start, bool dir, bool *ret_over)
{
	struct ward_walk walk = {
		.rs = w->rs, .entry = entry, .unlisted = unlisted, .arg = w, .err = w->err
	};
	int r = WARD_OK;

	*ret_over = false;
	/* A pattern of all below src is about a file of that name, too. */
	for (size_t i = 0; r == WARD_OK && i < w->n; i++) {
		if (ward_pattern_match(w->v[i].pattern, own_part(w, start)))
			r = matches(w, w->v[i].pattern, start);
	}
	if (r == WARD_OK && dir)
		r = ward_rs_walk(&walk, start);
	*ret_over = r == WARD_E_LIMIT && walk.looked > WARD_GLOB_WALK_MAX;
	return r;
}

/* Together, or, where that is too much to look at, one by one: the bound is a pattern's. */
static int group(struct walk *w, bool relative)
{
	const struct sought *v = w->v;
	const char *start = v->start;
	size_t n = w->n, had = w->found->n;
	struct ward_target t;
	bool over;
	int r;

	r = ward_rs_target(w->rs, start, &t);
	if (ward_rs_is_gone(r) && w->unlisted)
		return unlisted(w, start);
	if (r < 0 && !ward_rs_is_none(r))
		return ward_rules_unknown(start, r, w->err);
	if (r < 0 || t.n_links > 0 || (ward_rs_reserved(start) && start[1]))
		return WARD_OK;
	/* A pattern of the workspace may be what grants, wherever it matches. */
	w->everywhere = false;
	w->everywhere = start[1] && (relative || !concerns(w, start));
	r = search(w, start, S_ISDIR(t.st.st_mode), &over);
	if (!over)
		return r;
	w->found->n = had;
	for (size_t i = 0; i < n; i++) {
		w->v = &v[i];
		w->n = 1;
		w->dir[0] = '\0';
		r = search(w, start, true, &over);
		if (over)
			return fail_much(w, v[i].pattern, "would look at", WARD_GLOB_WALK_MAX);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

static int by_start(const void *a, const void *b)
{
	const struct sought *x = a, *y = b;

	return strcmp(x->start, y->start);
}

int ward_rules_matches(struct ward_resolver *rs, const struct ward_patterns *patterns,
	bool relative, struct ward_texts *found, struct ward_texts *ret_unlisted,
	struct ward_error *err)
{
	size_t most = ward_patterns_count(patterns), n = 0, skip = 0, same;
	struct sought *v = ward_arena_alloc(rs->arena, (most + 1) * sizeof(*v));
	const struct ward_pattern **here = ward_arena_alloc(rs->arena, (most + 1) * sizeof(*here));
	int r = WARD_OK;

	if (!v || !here)
		return ward_rs_nomem(err);
	if (relative)
		skip = strlen(rs->workspace) > 1 ? strlen(rs->workspace) : 0;
	for (size_t i = 0; i < most; i++) {
		WARD_UNSET char prefix[WARD_PATH_MAX];
		WARD_UNSET char start[WARD_PATH_MAX];

		v[n].pattern = ward_patterns_get(patterns, i);
		if (ward_pattern_prefix(v[n].pattern, prefix, sizeof(prefix)) < 0 ||
			ward_path_join(relative ? rs->workspace : "/", prefix, start,
				sizeof(start)) < 0)
			continue; /* longer than any path */
		v[n].start = ward_arena_strdup(rs->arena, start);
		if (!v[n++].start)
			return ward_rs_nomem(err);
	}
	if (n > 0)
		qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 0; r == WARD_OK && i < n; i += same) {
		struct walk w = { .rs = rs,
			.v = &v[i],
			.skip = skip,
			.found = found,
			.unlisted = ret_unlisted,
			.here = here,
			.err = err };

		for (same = 1; i + same < n && ward_streq(v[i].start, v[i + same].start);)
			same++;
		w.n = same;
		r = group(&w, relative);
	}
	return r;
}

/* ---- names that only who knows them can find ---- */

struct ward_node *ward_rules_shown(struct ward_resolver *rs, size_t first, const char *path)
{
	struct ward_node *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		struct ward_node *n = &rs->nodes[i];
		size_t len;

		if (n->kind == WARD_NODE_DIR || n->kind == WARD_NODE_SYMLINK ||
			!ward_path_within(path, n->dest))
			continue;
		len = strlen(n->dest);
		if (!best || len > longest || (len == longest && i >= first)) {
			best = n;
			longest = len;
		}
	}
	return best;
}

/* What a name in it would lose, all that is in it loses. read, write: the rules that take it, or NULL. */
static int cover(struct ward_resolver *rs, const struct ward_target *t, size_t first,
	const struct ward_book_rule *read, const struct ward_book_rule *write, bool pattern,
	struct ward_error *err)
{
	const struct ward_node *shown = ward_rules_shown(rs, first, t->path);
	const struct ward_book_rule *by = read ? read : write;
	struct ward_node n = ward_rs_bind(rs, t, -1);
	int r;

	if (!shown || shown->kind != WARD_NODE_BIND ||
		(!read && (!write || !shown->write || shown->protect)))
		return WARD_OK;
	n.fixed = true;
	n.write = false;
	n.exec = shown->exec;
	if (read) {
		n.kind = WARD_NODE_MASK;
		n.told = true;
		n.source = NULL;
	}
	r = ward_rs_node(rs, &n, err);
	return r < 0
		? r
		: ward_rs_warn(rs, err, "%s cannot be looked into, so nothing in it %s: %s%s:%u%s",
			  ward_rs_show(rs, t->path), read ? "is shown" : "may be written",
			  pattern ? "a rule about names (" : "", by->file, by->line,
			  pattern ? " is one) may be about it" : " is about what may lie in it");
}

/* The rule that takes it away; NULL: none. */
static int taken_by(struct ward_resolver *rs, enum ward_action action, const char *path,
	const struct ward_book_rule **ret, struct ward_error *err)
{
	struct ward_verdict said;
	int r = ward_rules_ask(rs, action, path, &said, err);

	*ret = r == WARD_OK && said.effect == WARD_DENY && said.n_rules > 0 ? said.rules[0] : NULL;
	return r;
}

/* Ward knows the workspace by where it stands, and so does the run, however closed what is above it. */
static void at_workspace(struct ward_resolver *rs, const char *would, char *dir)
{
	if (ward_path_within(rs->workspace, dir) &&
		(!would || ward_path_within(would, rs->workspace)))
		(void)snprintf(dir, WARD_PATH_MAX, "%s", rs->workspace);
}

/*
 * The directory that can be reached and keeps us from path, if the run can reach into it: its owner opens it, inside as outside. path
 * itself, where that can be reached. Behind a link it is one that the link leads into, and not where the link lies.
 */
static bool kept_by(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	char dir[WARD_PATH_MAX];
	const char *would;
	int r = ward_rs_target(rs, path, ret);

	if (r != -EACCES)
		return r == 0 && ward_streq(ret->path, path);
	if (ward_rs_stuck(rs, path, dir, &would) == -EACCES && strrchr(dir, '/') > dir)
		*strrchr(dir, '/') = '\0';
	at_workspace(rs, would, dir);
	while ((r = ward_rs_target(rs, dir, ret)) == -EACCES && strrchr(dir, '/') > dir)
		*strrchr(dir, '/') = '\0';
	return r == 0 && ret->st.st_uid == rs->host->uid;
}

static const char *mount_of(struct ward_resolver *rs, const char *path)
{
	const struct ward_mounts *mounts = ward_rs_mounts(rs, NULL);
	const char *best = NULL;

	for (size_t i = 0; mounts && i < mounts->n; i++) {
		const char *at = mounts->v[i].at;

		if (ward_path_within(path, at) && (!best || strlen(at) >= strlen(best)))
			best = at;
	}
	return best;
}

static bool is_file_mounted(const struct ward_resolver *rs, const char *at)
{
	bool is_file = false;

	for (size_t i = 0; i < rs->mounts->n; i++) {
		if (ward_streq(rs->mounts->v[i].at, at))
			is_file = rs->mounts->v[i].is_file;
	}
	return is_file;
}

/* Nothing is known of what lies in a mount whose server is gone, and the server may be back while the run lives: so it is all left out. */
static int gone(struct ward_resolver *rs, const char *path, int why, size_t first, bool read,
	bool write, struct ward_error *err)
{
	char real[WARD_PATH_MAX];
	const char *would, *at;
	const struct ward_node *shown;
	int r;

	(void)ward_rs_stuck(rs, path, real, &would);
	at = mount_of(rs, real);
	shown = ward_rules_shown(rs, first, real);
	if (!shown || shown->kind != WARD_NODE_BIND ||
		(!read && (!write || !shown->write || shown->protect)))
		return WARD_OK;
	if (!rs->host->userns || !at || ward_path_within(shown->dest, at)) {
		r = ward_rules_unknown(path, why, err);
		ward_fail_fix(err, "unmount %s, or grant nothing around it", at ? at : real);
		return r;
	}
	r = ward_rs_mask_mount(rs, at, !is_file_mounted(rs, at), err);
	return r < 0
		? r
		: ward_rs_warn(rs, err,
			  "%s is left out: what is mounted there %s, and a policy is about what lies in it",
			  ward_rs_show(rs, at),
			  why == -ETIMEDOUT ? "does not answer" : "answers by an error");
}

static int closed(struct ward_resolver *rs, const char *path, size_t first, struct ward_error *err)
{
	const struct ward_book_rule *read = NULL, *write = NULL;
	struct ward_target t;
	int r, why;

	why = ward_rs_target(rs, path, &t);
	if (!ward_rs_is_gone(why) && !kept_by(rs, path, &t))
		return WARD_OK;
	r = taken_by(rs, WARD_ACT_FS_READ, path, &read, err);
	if (r == WARD_OK)
		r = taken_by(rs, WARD_ACT_FS_WRITE, path, &write, err);
	if (r == WARD_OK && ward_rs_is_gone(why))
		return gone(rs, path, why, first, read, write, err);
	return r < 0 ? r : cover(rs, &t, first, read, write, false, err);
}

bool ward_rules_reached(struct ward_resolver *rs, const char *path)
{
	struct ward_target t;

	return ward_rs_is_gone(ward_rs_target(rs, path, &t)) || kept_by(rs, path, &t);
}

int ward_rules_unseen(struct ward_resolver *rs, size_t first, struct ward_texts *unlisted,
	struct ward_texts *names, struct ward_error *err)
{
	struct ward_target t;
	int r = WARD_OK;

	ward_rs_sort(unlisted);
	for (size_t i = 0; r == WARD_OK && i < unlisted->n; i++) {
		const struct ward_book_rule *read, *write;
		int why;

		if (i > 0 && ward_streq(unlisted->v[i], unlisted->v[i - 1]))
			continue;
		read = ward_book_late_in(rs->book->book, unlisted->v[i], false);
		write = ward_book_late_in(rs->book->book, unlisted->v[i], true);
		why = ward_rs_target(rs, unlisted->v[i], &t);
		if (ward_rs_is_gone(why))
			r = gone(rs, unlisted->v[i], why, first, read, write, err);
		else if (kept_by(rs, unlisted->v[i], &t))
			r = cover(rs, &t, first, read, write, true, err);
	}
	ward_rs_sort(names);
	for (size_t i = 0; r == WARD_OK && i < names->n; i++)
		r = closed(rs, names->v[i], first, err);
	return r;
}

/* ---- names to come ---- */

/*
 * Where a name could come to be, by the run itself if anywhere, and in the workspace before elsewhere, since most rules are about that;
 * NULL: nothing but the base is shown.
 */
static const struct ward_node *comes_in(const struct ward_resolver *rs)
{
	const struct ward_node *found = NULL;
	unsigned best = 0;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		unsigned fits = 1 + 2 * (n->is_dir && ward_path_within(n->dest, rs->workspace)) +
			4 * (n->is_dir && n->write && !n->protect);

		if (n->kind != WARD_NODE_BIND || n->base || fits <= best)
			continue;
		found = n;
		best = fits;
	}
	return found;
}

/* Names of a pattern that come to be later have the rights of their directory; where that is more, it is said. */
int ward_rules_late_names(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_node *in = ward_book_late(rs->book->book, true) ? comes_in(rs) : NULL;
	bool itself = in && in->write;
	/* To who writes nothing, a rule that takes writing away takes nothing. */
	const struct ward_book_rule *by = in ? ward_book_late(rs->book->book, itself) : NULL;
	char others[48] = "";
	size_t more;

	if (!by)
		return WARD_OK;
	more = ward_book_late_more(rs->book->book, itself);
	if (more > 0)
		(void)snprintf(others, sizeof(others), "; so with %zu more rule%s", more,
			more > 1 ? "s" : "");
	rs->late = ward_arena_printf(rs->arena,
		"%s:%u is about names that are not there yet, too: those that are there are held, and one that %s in %s has the rights of its directory%s",
		by->file, by->line,
		itself ? "the run makes" : "somebody outside makes during the run",
		ward_rs_show(rs, in->dest), others);
	rs->late_fix = itself
		? "name what is meant without a pattern of names (a path, or DIRECTORY/**, is kept from coming to be), or let less be written (--read)"
		: "name what is meant without a pattern of names (a path, or DIRECTORY/**)";
	return rs->late ? WARD_OK : ward_rs_nomem(err);
}

int ward_rules_ask(struct ward_resolver *rs, enum ward_action action, const char *path,
	struct ward_verdict *ret, struct ward_error *err)
{
	struct ward_query q = { .action = action,
		.resource = ward_str(path),
		.any = true,
		.of_host = true,
		.now_ms = (int64_t)(ward_now_wall_ns() / 1000000) };

	return ward_judge(rs->book->book, rs->book->desk, &q, ret) < 0 ? ward_rs_nomem(err)
								       : WARD_OK;
}

/*
 * ---- what a rule holds less of than whoever wrote it may think, where only a look at the host tells ----
 * A rule that takes away names a directory, and what lies in it has other names. The rule stays what it is (docs/agreement.md).
 */

/* A directory that a Cedar policy names with == may not be moved nor removed then, which is a reason to write that. */
static bool meant(enum ward_action action, const struct ward_book_rule *by)
{
	return action == WARD_ACT_FS_WRITE && by->equals;
}

static int tell(struct ward_resolver *rs, enum ward_action action, const char *path,
	const struct ward_book_rule *by, struct ward_told *told, struct ward_error *err)
{
	for (size_t i = 0; i < told->n; i++) {
		if (told->v[i] == by)
			return WARD_OK;
	}
	if (told->n == WARD_ARRAY_SIZE(told->v))
		return WARD_OK;
	told->v[told->n++] = by;
	return ward_rs_warn(rs, err,
		"%s:%u names the directory %s alone: what lies in it can be %s all the same; a rule about that ends in /**",
		by->file, by->line, ward_rs_show(rs, path),
		action == WARD_ACT_FS_READ ? "read" : "written");
}

int ward_rules_alone(struct ward_resolver *rs, const struct ward_target *t, struct ward_told *told,
	struct ward_error *err)
{
	static const enum ward_action actions[] = { WARD_ACT_FS_READ, WARD_ACT_FS_WRITE };
	char in[WARD_PATH_MAX + sizeof(WARD_ANY_NAME) + 1];
	struct ward_verdict itself, within;
	int r = WARD_OK;

	/* What is shipped means what it says. */
	if ((rs->r->n_policies == 0 && rs->book->layers->n == 0) || !S_ISDIR(t->st.st_mode) ||
		ward_rs_is_pin(t))
		return WARD_OK;
	(void)snprintf(in, sizeof(in), "%s/%s", t->path, WARD_ANY_NAME);
	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(actions); i++) {
		const struct ward_book_rule *by;

		r = ward_rules_ask(rs, actions[i], t->path, &itself, err);
		by = r == WARD_OK && itself.why == WARD_WHY_FORBIDDEN && itself.n_rules > 0
			? itself.rules[0]
			: NULL;
		if (!by || by->layer == WARD_LAYER_BUILTIN || meant(actions[i], by))
			continue;
		r = ward_rules_ask(rs, actions[i], in, &within, err);
		if (r == WARD_OK && within.effect == WARD_ALLOW)
			return tell(rs, actions[i], t->path, by, told, err);
	}
	return r;
}

bool ward_rules_unasked(const struct ward_resolver *rs, const struct ward_rulebook *b, char *ret,
	size_t size)
{
	ret[0] = '\0';
	for (size_t i = 0; !rs->r->profile && i < ward_docs_count(b->docs); i++) {
		const struct ward_doc *d = ward_docs_get(b->docs, i);

		if (d->layer != WARD_LAYER_RUN || d->n_profiles == 0)
			continue;
		(void)snprintf(ret, size,
			"no profile of %.200s is asked for, so only what it denies counts; --profile %.64s%s",
			d->file, d->profiles[0].name, d->n_profiles > 1 ? ", or another one" : "");
		return true;
	}
	return false;
}

int ward_rules_warn_less(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_book_rule *by = ward_book_unheld(rs->book->book);
	char text[384];
	int r = WARD_OK;

	if (ward_rules_unasked(rs, rs->book, text, sizeof(text)))
		r = ward_rs_warn(rs, err, "%s", text);
	/* Programs are advisory in any case, so the plan stays what it is; but nobody is left to believe that it holds. */
	if (r < 0 || !by)
		return r;
	return ward_rs_warn(rs, err,
		"%s:%u is about the arguments of programs, which nothing holds: forbid their paths",
		by->file, by->line);
}
