/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a plan: every name is looked up once, here, and what was found (device and inode included) goes
 * into the plan; whoever builds the cage refuses anything else in its place. The order matters: what is granted is
 * settled before the program is, so that a "#!" line, a venv or a PATH entry in the workspace can only choose among
 * what is there. It refuses rather than repair: each refusal is one line with place, rule and fix.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "run/caches/caches.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"
#include "run/review/place.h"
#include "run/rules/rules.h"

#define WIDER_RULES_MAX 256 /* more are not compared: every pair would be */
#define RESOLVE_BYTES_MAX (64u << 20)
#define SHOW_MAX 120
#define WARNING_BYTES_MAX 1536 /* a place, a message and a cure */
#define WARNINGS_COMPARED \
	256 /* thousands are told one after the other: each with all before it would be their square */

int ward_rs_nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "out of memory");
}

/* Room for one more: doubled in the arena; what is left behind goes with it. */
static void *grow(struct ward_resolver *rs, void *v, size_t n, size_t *io_cap, size_t size)
{
	size_t cap = *io_cap ? *io_cap * 2 : 64;
	void *to;

	if (n < *io_cap)
		return v;
	to = ward_arena_alloc(rs->arena, cap * size);
	if (!to)
		return NULL;
	if (n > 0)
		memcpy(to, v, n * size);
	*io_cap = cap;
	return to;
}

int ward_rs_node(struct ward_resolver *rs, const struct ward_node *n, struct ward_error *err)
{
	struct ward_node *v;

	/* No plan has more (plan/view.c), and each is compared with every other before one would say so. */
	if (rs->n_nodes >= WARD_MOUNTS_MAX) {
		(void)ward_fail(err, WARD_E_LIMIT, "the view has more than %d entries",
			WARD_MOUNTS_MAX);
		ward_fail_fix(err, "grant directories instead of single files, or name less");
		return WARD_E_LIMIT;
	}
	v = grow(rs, rs->nodes, rs->n_nodes, &rs->cap_nodes, sizeof(*v));
	if (!v)
		return ward_rs_nomem(err);
	rs->nodes = v;
	v[rs->n_nodes++] = *n;
	return WARD_OK;
}

static int add_rule(struct ward_resolver *rs, struct ward_rule **io_v, size_t *io_n, size_t *io_cap,
	const struct ward_rule *rule, struct ward_error *err)
{
	struct ward_rule *v = grow(rs, *io_v, *io_n, io_cap, sizeof(*v));

	if (!v || !rule->pattern || !rule->text)
		return ward_rs_nomem(err);
	*io_v = v;
	v[*io_n] = *rule;
	return (int)(*io_n)++;
}

int ward_rs_rule(struct ward_resolver *rs, const struct ward_rule *rule, struct ward_error *err)
{
	return add_rule(rs, &rs->rules, &rs->n_rules, &rs->cap_rules, rule, err);
}

int ward_rs_forbidden(struct ward_resolver *rs, const struct ward_rule *rule,
	struct ward_error *err)
{
	return add_rule(rs, &rs->forbidden, &rs->n_forbidden, &rs->cap_forbidden, rule, err);
}

/* Once; but of those before `from`, which are not looked at. */
static int add_text(struct ward_resolver *rs, struct ward_texts *to, size_t from, const char *s,
	struct ward_error *err)
{
	const char **v;

	for (size_t i = from; i < to->n; i++)
		if (ward_streq(to->v[i], s))
			return WARD_OK;
	v = grow(rs, to->v, to->n, &to->cap, sizeof(*v));
	if (!v || !s)
		return ward_rs_nomem(err);
	to->v = v;
	v[to->n++] = s;
	return WARD_OK;
}

int ward_rs_text(struct ward_resolver *rs, struct ward_texts *to, const char *s,
	struct ward_error *err)
{
	return add_text(rs, to, 0, s, err);
}

int ward_rs_text_new(struct ward_resolver *rs, struct ward_texts *to, const char *s,
	struct ward_error *err)
{
	return add_text(rs, to, to->n, s, err);
}

uint64_t ward_rs_memory_share(const struct ward_host *host)
{
	return host->memory_available / 4 * 3;
}

int ward_rs_warn(struct ward_resolver *rs, struct ward_error *err, const char *fmt, ...)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;
	WARD_UNSET char text[WARNING_BYTES_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Names in it were chosen by others, and it is shown on terminals. */
	ward_show(&shown, text, strlen(text));
	if (shown.failed)
		return ward_rs_nomem(err);
	return add_text(rs, &rs->warnings,
		rs->warnings.n > WARNINGS_COMPARED ? rs->warnings.n - WARNINGS_COMPARED : 0,
		ward_arena_strdup(rs->arena, ward_buf_cstr(&shown)), err);
}

const char *ward_rs_show(struct ward_resolver *rs, const char *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	size_t n = strlen(s);
	const char *copy;

	ward_quote(&b, s, n > SHOW_MAX ? SHOW_MAX : n);
	if (n > SHOW_MAX)
		ward_buf_adds(&b, "...");
	copy = ward_arena_strdup(rs->arena, ward_buf_cstr(&b));
	return copy && !b.failed ? copy : "?";
}

int ward_rs_cap_fail(struct ward_resolver *rs, const struct ward_cap *cap, int code,
	struct ward_error *err, const char *fmt, ...)
{
	char text[WARD_ERROR_MESSAGE_MAX], place[WARD_ERROR_FILE_MAX];
	const struct ward_origin *o = &cap->origin;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)ward_fail(err, code, "%s %s: %s", ward_cap_type_name(cap->type),
		ward_rs_show(rs, cap->resource), text);
	ward_fail_class(err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
	if (o->file) {
		(void)snprintf(place, sizeof(place), o->index > 1 ? "%s (%u)" : "%s", o->file,
			o->index);
		ward_fail_at(err, place, o->line, o->column);
	}
	return code;
}

/* Of two of one place, as the plan makes one of them: a policy's is the last word, else what either lets be written is. */
static bool is_stronger(const struct ward_node *n, const struct ward_node *best)
{
	if (best->kind != WARD_NODE_BIND || n->kind != WARD_NODE_BIND)
		return n->kind == WARD_NODE_BIND;
	if (n->fixed != best->fixed)
		return n->fixed;
	return n->write || !best->write;
}

/* The plan leaves out what the base shows below a grant: that is as the grant is, however much nearer the base's own is. */
static bool gives_way(const struct ward_node *n, const struct ward_node *best)
{
	return n->base && !n->fixed && !n->hold && best->kind == WARD_NODE_BIND && !best->base;
}

/* path, or a directory that it lies in. */
bool ward_texts_hold(const struct ward_texts *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++) {
		if (ward_path_within(path, t->v[i]))
			return true;
	}
	return false;
}

const struct ward_node *ward_rs_shown_by(const struct ward_resolver *rs, const char *path)
{
	const struct ward_node *best = NULL;
	size_t best_n = 0;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];
		size_t len;
		bool hides = n->kind == WARD_NODE_TMPFS || n->kind == WARD_NODE_PROC ||
			n->kind == WARD_NODE_DEV;

		if (n->kind != WARD_NODE_BIND && !hides)
			continue;
		if (!ward_path_within(path, n->dest))
			continue;
		if (best && gives_way(n, best))
			continue;
		len = strlen(n->dest);
		/* At one dest a grant is stronger than what is private. */
		if (!best || gives_way(best, n) || len > best_n ||
			(len == best_n && is_stronger(n, best))) {
			best = n;
			best_n = len;
		}
	}
	return best && best->kind == WARD_NODE_BIND ? best : NULL;
}

bool ward_rs_visible(const struct ward_resolver *rs, const char *path)
{
	return ward_rs_shown_by(rs, path) != NULL;
}

struct ward_node ward_rs_bind(const struct ward_resolver *rs, const struct ward_target *t, int rule)
{
	return (struct ward_node){
		.kind = WARD_NODE_BIND,
		.dest = t->path,
		.source = t->path,
		.is_dir = S_ISDIR(t->st.st_mode),
		.exec = rs->exec_all,
		.idmap = rs->host->uid == 0,
		.dev = t->st.st_dev,
		.ino = t->st.st_ino,
		.rule = rule,
	};
}

static int caller_cwd(struct ward_resolver *rs, struct ward_error *err)
{
	char path[WARD_PATH_MAX];

	if (!getcwd(path, sizeof(path)) || path[0] != '/') {
		int e = errno;

		ward_fail_errno(err, WARD_E_INVALID, e, "the working directory cannot be named");
		ward_fail_fix(err,
			e == ENAMETOOLONG || e == ERANGE ? "cd to one whose path is shorter"
							 : "cd to a directory that exists");
		return WARD_E_INVALID;
	}
	rs->cwd = ward_arena_strdup(rs->arena, path);
	return rs->cwd ? WARD_OK : ward_rs_nomem(err);
}

/* The shipped netlink-route switch: node and Go ask for interface names; the run's own network has but lo. */
static uint32_t seccomp_switches(const struct ward_resolver *rs)
{
	bool run = rs->r->kind == WARD_COMMAND_RUN;

	return run && rs->host->userns ? WARD_SECCOMP_NETLINK_ROUTE : 0;
}

/* The directory that a rule grants as a whole; "" = it grants no directory. */
static void subtree_of(const struct ward_rule *rule, char out[WARD_PATH_MAX])
{
	out[0] = '\0';
	if (rule->literal && rule->subtree && strlen(rule->pattern) < WARD_PATH_MAX)
		memcpy(out, rule->pattern, strlen(rule->pattern) + 1);
	else if (!rule->literal && !ward_glob_is_subtree(rule->pattern, out, WARD_PATH_MAX))
		out[0] = '\0';
}

/* Grants add up, as permits do in the policy: who writes a read grant inside a write grant may expect otherwise. */
static int warn_wider(struct ward_resolver *rs, struct ward_error *err)
{
	char dir[WARD_PATH_MAX], inner[WARD_PATH_MAX];
	int r = WARD_OK;

	for (size_t i = 0; i < rs->n_rules && rs->n_rules <= WIDER_RULES_MAX; i++) {
		/* What --review lets be written is a layer, and nobody wrote that rule to give something away. */
		if (rs->rules[i].type != WARD_CAP_FILE_WRITE ||
			ward_streq(rs->rules[i].origin.file, WARD_REVIEW_OPTION))
			continue;
		subtree_of(&rs->rules[i], dir);
		for (size_t k = 0; dir[0] && r == WARD_OK && k < rs->n_rules; k++) {
			const struct ward_rule *rule = &rs->rules[k];

			if (rule->type != WARD_CAP_FILE_READ)
				continue;
			subtree_of(rule, inner);
			if (ward_path_within(inner[0] ? inner : rule->pattern, dir))
				r = ward_rs_warn(rs, err,
					"%s takes nothing away: %s lets it be written",
					rule->text ? rule->text : rule->pattern,
					rs->rules[i].text ? rs->rules[i].text : dir);
		}
	}
	return r;
}

/* What Ward will be told by a workspace is not for a command to write. One that is not there grants nothing to begin with. */
static int protect_config(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_target t = { 0 };
	const struct ward_node *shown;
	struct ward_node n;
	char path[WARD_PATH_MAX];

	/* With policies the same is a rule of each mode, and of the builtin layer. */
	if (ward_path_join(rs->workspace, ".ward", path, sizeof(path)) < 0)
		return WARD_OK;
	shown = ward_rs_shown_by(rs, path);
	if (!shown || shown->kind != WARD_NODE_BIND || !shown->write ||
		ward_rs_target(rs, path, &t) < 0 || t.n_links || !S_ISDIR(t.st.st_mode) ||
		ward_rs_is_pin(&t))
		return WARD_OK;
	n = ward_rs_bind(rs, &t, -1);
	n.protect = true;
	return ward_rs_node(rs, &n, err);
}

/* Whoever can reach a socket of a run that waits could say yes, or end one: no view shows them, whatever is granted around them. */
static int protect_sockets(struct ward_resolver *rs, unsigned place, struct ward_error *err)
{
	struct ward_node n = { .kind = WARD_NODE_MASK, .is_dir = true, .fixed = true, .rule = -1 };
	char path[WARD_PATH_MAX], made[WARD_PATH_MAX];
	struct ward_target t = { 0 };
	bool there;
	WARD_FD fd = -1, first = -1;

	if (!ward_live_where(place, path))
		return WARD_OK;
	there = ward_rs_target(rs, path, &t) == 0;
	if (!ward_rs_visible(rs, there ? t.path : path))
		return WARD_OK;
	for (size_t i = 0; i < rs->n_nodes; i++) {
		if (rs->nodes[i].kind != WARD_NODE_BIND ||
			!ward_path_within(rs->nodes[i].dest, there ? t.path : path))
			continue;
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s cannot be granted: runs wait there for a person's answer, or to be ended",
			ward_rs_show(rs, rs->nodes[i].dest));
		ward_fail_fix(err, "take it out");
		return WARD_E_REFUSED;
	}
	/* The second place is for want of the first; where it cannot be made now, no run of this user has made it. */
	if (place > 0 && !there && ward_live_dir(0, true, &first, made, NULL) == WARD_OK)
		return WARD_OK;
	/* It could come to be while the run lives, so it is there from the start. */
	if (ward_live_dir(place, true, &fd, made, NULL) < 0 || ward_rs_target(rs, path, &t) < 0) {
		if (place > 0)
			return WARD_OK;
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s would be shown, where runs wait for a person's answer, and it cannot be covered",
			ward_rs_show(rs, path));
		ward_fail_fix(err, "%sdo not grant the directory above it",
			geteuid() != 0 ? "set XDG_RUNTIME_DIR to a directory of your own, or "
				       : "");
		return WARD_E_REFUSED;
	}
	n.dest = t.path;
	return ward_rs_node(rs, &n, err);
}

static int protect_bell(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (unsigned i = 0; r == WARD_OK && i < WARD_LIVE_PLACES; i++)
		r = protect_sockets(rs, i, err);
	return r;
}

static int build(struct ward_resolver *rs, struct ward_plan **ret, struct ward_error *err)
{
	const struct ward_request *r = rs->r;
	struct ward_plan_input in = {
		.backend = r->backend,
		.workspace = rs->workspace,
		.cwd = rs->inside_cwd,
		.exe = rs->exe,
		.argv = rs->argv,
		.nodes = rs->nodes,
		.n_nodes = rs->n_nodes,
		.apart = rs->apart.v,
		.n_apart = rs->apart.n,
		.exec_paths = rs->exec_paths.v,
		.n_exec_paths = rs->exec_paths.n,
		.rules = rs->rules,
		.n_rules = rs->n_rules,
		.forbidden = rs->forbidden,
		.n_forbidden = rs->n_forbidden,
		.published = rs->published,
		.n_published = rs->n_published,
		.limits = rs->limits,
		.seccomp = seccomp_switches(rs),
		.attribution = r->attribution,
		.deny_errno = r->deny_errno ? r->deny_errno : ENOENT,
		.tty = r->tty,
		.sign_later = true,
		.audit_off = ward_streq(r->audit, "/dev/null"),
		.minimum = ward_minimum,
		.require = r->require,
		.accept = r->accept,
		.repo_root = rs->book ? rs->book->repo_root : NULL,
		.review = rs->review,
		.late = rs->late,
		.late_fix = rs->late_fix,
		.late_names = rs->late_names,
		.caches_read = rs->caches_read,
		.asks = r->asks,
		.warnings = rs->warnings.v,
		.n_warnings = rs->warnings.n,
		.host = rs->host,
	};
	char **env = ward_arena_alloc(rs->arena, (rs->env.n + 1) * sizeof(*env));

	if (!env)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < rs->env.n; i++) {
		env[i] = ward_arena_strdup(rs->arena, rs->env.v[i]);
		if (!env[i])
			return ward_rs_nomem(err);
	}
	in.env = env;
	if (in.limits.memory == 0)
		in.limits.memory = ward_rs_memory_share(rs->host);
	if (in.limits.memory == 0) {
		ward_fail(err, WARD_E_SYSTEM, "how much memory is available is unknown");
		ward_fail_fix(err, "set --memory");
		return WARD_E_SYSTEM;
	}
	return ward_plan_build(&in, ret, err);
}

int ward_rs_begin(struct ward_resolver *rs, struct ward_error *err)
{
	int r = caller_cwd(rs, err);

	return r < 0 ? r : ward_rs_place(rs, err);
}

/* What lies in the resolver's memory is for nobody who has the book afterwards. */
static struct ward_rulebook *hand_out(struct ward_rulebook *b)
{
	if (b) {
		b->git = (struct ward_git){ 0 };
		b->links = (struct ward_texts){ 0 };
		b->repo_root = NULL;
	}
	return b;
}

/* looks: it makes nothing, so that what was missing before it still is. */
static const struct {
	int (*fn)(struct ward_resolver *, struct ward_error *);
	bool looks;
} steps[] = {
	{ ward_rs_begin, false },
	{ ward_rs_review, false },
	{ ward_rules_wanted, true },
	{ ward_rs_caches, true },
	{ ward_rules_apply, true },
	{ ward_rs_exec_mode, true },
	{ ward_rs_check_audit_place, true },
	{ ward_rs_base, true },
	{ ward_rs_env, true },
	{ ward_rs_grants, true },
	{ ward_rs_net, true },
	{ ward_rs_publish, true },
	{ ward_rs_toolchain_links, true },
	{ ward_rules_view, true },
	{ ward_rs_upstream, true },
	{ ward_rs_check_audit, true },
	{ ward_rs_check_reach, true },
	{ ward_rs_caches_judged, true },
	{ ward_rs_toolchain_path, true },
	{ ward_rs_env_home, true },
	{ ward_rs_exec_grants, true },
	{ ward_rs_exec, true },
	{ ward_rules_brought, true },
	{ warn_wider, true },
	{ ward_rs_kernels, false },
	{ ward_rs_answers, false },
	{ ward_rs_apart, false },
	{ ward_rs_persist, false },
	{ ward_rs_persist_granted, false },
	{ protect_config, false },
	{ protect_bell, false },
	{ ward_rs_review_store, false },
	{ ward_rs_cover_log, false },
	{ ward_rs_hold, false },
	{ ward_rs_warn_closed, true },
	{ ward_rs_other_names, false },
	{ ward_rs_caches_laid, false },
	{ ward_rs_place_cwd, false },
	{ ward_rs_words, true },
	{ ward_rs_follow, false },
	{ ward_rs_env_finish, false },
	{ ward_rules_warned, false },
};

int ward_resolve(struct ward_request *r, const struct ward_host *host, struct ward_plan **ret,
	struct ward_rulebook **ret_book, struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(RESOLVE_BYTES_MAX);
	WARD_CLEANUP(ward_rs_dirs_done) struct ward_rs_dirs dirs = { .n = 0 };
	struct ward_resolver rs = {
		.r = r, .host = host, .arena = arena, .starts = ret_book != NULL, .dirs = &dirs
	};
	int res = WARD_OK;

	*ret = NULL;
	if (ret_book)
		*ret_book = NULL;
	if (!arena)
		return ward_rs_nomem(err);
	if (r->argc < 1 || !r->argv[0]) {
		ward_fail(err, WARD_E_INVALID, "no command is given");
		ward_fail_fix(err,
			r->kind == WARD_COMMAND_RUN ? "ward run [options] [--] CMD [ARG...]"
						    : "ward sandbox run SCRIPT");
		return WARD_E_INVALID;
	}
	for (size_t i = 0; res >= 0 && i < WARD_ARRAY_SIZE(steps); i++) {
		ward_rs_dirs_remember(&dirs, steps[i].looks);
		res = steps[i].fn(&rs, err);
		if (res >= 0 && rs.starved)
			res = ward_fail_errno(err,
				rs.starved == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM, rs.starved,
				"the host could not be looked at");
	}
	if (res >= 0 && r->asks)
		res = ward_asks_finish(r->asks, err);
	if (res >= 0)
		res = build(&rs, ret, err);
	if (res < 0 || !ret_book) {
		ward_rulebook_free(rs.book);
		return res;
	}
	*ret_book = hand_out(rs.book);
	return WARD_OK;
}
