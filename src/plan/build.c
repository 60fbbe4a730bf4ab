/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put a plan together: everything copied into one arena, the view settled, each axis judged, the whole named by
 * its SHA-256. Pure: the same input gives the same bytes. It refuses input that resolve can never have meant
 * (no program, no bound on memory) rather than guess, and a plan that holds less than is required.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

#define PLAN_BYTES_MAX (64u << 20)

static int no_memory(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "out of memory");
}

/* A NULL-terminated copy of n texts; one allocation for the pointers, one for each text. */
static char **copy_texts(struct ward_plan *p, const char *const *from, size_t n)
{
	char **to = ward_arena_alloc(p->arena, (n + 1) * sizeof(*to));

	for (size_t i = 0; to && i < n; i++) {
		to[i] = ward_arena_strdup(p->arena, from[i]);
		if (!to[i])
			return NULL;
	}
	return to;
}

static size_t count(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

/* By name: "A" before "A1", though '=' sorts behind the digits. */
static int by_name(const void *va, const void *vb)
{
	const unsigned char *a = *(const unsigned char *const *)va;
	const unsigned char *b = *(const unsigned char *const *)vb;

	while (*a && *a != '=' && *a == *b) {
		a++;
		b++;
	}
	return (*a == '=' ? 0 : *a) - (*b == '=' ? 0 : *b);
}

/* false: no memory. */
static bool copy_net(struct ward_plan *p, struct ward_rule *rule)
{
	struct ward_net_limits *net;

	if (!rule->net)
		return true;
	net = ward_arena_alloc(p->arena, sizeof(*net));
	if (net)
		*net = *rule->net;
	rule->net = net;
	return net != NULL;
}

static int copy_rules(struct ward_plan *p, const struct ward_rule *from, size_t n,
	const struct ward_rule **ret)
{
	struct ward_rule *v = ward_arena_alloc(p->arena, (n + 1) * sizeof(*v));

	if (!v)
		return WARD_E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		const struct ward_rule *r = &from[i];

		v[i] = *r;
		v[i].pattern = ward_arena_strdup(p->arena, r->pattern);
		v[i].text = ward_arena_strdup(p->arena, r->text ? r->text : "");
		v[i].origin.file =
			ward_arena_strdup(p->arena, r->origin.file ? r->origin.file : "");
		if (!v[i].pattern || !v[i].text || !v[i].origin.file || !copy_net(p, &v[i]))
			return WARD_E_NOMEM;
	}
	*ret = v;
	return WARD_OK;
}

const char *ward_published_address(const struct ward_published *p, char *out)
{
	struct ward_endpoint e = { .kind = WARD_HOST_ADDRESS, .family = p->family };

	memcpy(e.address, p->address, sizeof(e.address));
	ward_endpoint_host(&e, out);
	return out;
}

const char *ward_published_text(const struct ward_published *p, char *out)
{
	char address[WARD_ENDPOINT_TEXT_MAX];

	(void)ward_published_address(p, address);
	(void)snprintf(out, WARD_ENDPOINT_TEXT_MAX, p->family == 6 ? "[%.60s]:%u" : "%.60s:%u",
		address, p->port);
	return out;
}

static int copy_published(struct ward_plan *p, const struct ward_plan_input *in)
{
	struct ward_published *v = ward_arena_alloc(p->arena, (in->n_published + 1) * sizeof(*v));

	if (!v)
		return WARD_E_NOMEM;
	for (size_t i = 0; i < in->n_published; i++)
		v[i] = in->published[i];
	p->published = v;
	p->n_published = in->n_published;
	return WARD_OK;
}

static int copy_all(struct ward_plan *p, const struct ward_plan_input *in)
{
	char **env;

	p->workspace = ward_arena_strdup(p->arena, in->workspace);
	p->cwd = ward_arena_strdup(p->arena, in->cwd);
	p->exe = ward_arena_strdup(p->arena, in->exe);
	p->argv = copy_texts(p, (const char *const *)in->argv, count(in->argv));
	env = copy_texts(p, (const char *const *)in->env, count(in->env));
	p->exec_paths = (const char *const *)copy_texts(p, in->exec_paths, in->n_exec_paths);
	p->n_exec_paths = in->n_exec_paths;
	p->warnings = (const char *const *)copy_texts(p, in->warnings, in->n_warnings);
	p->n_warnings = in->n_warnings;
	p->apart = (const char *const *)copy_texts(p, in->apart, in->n_apart);
	p->n_apart = in->n_apart;
	p->asks = in->asks;
	p->late_fix = in->late_fix;
	p->late_names = in->late_names;
	p->repo_root = in->repo_root ? ward_arena_strdup(p->arena, in->repo_root) : NULL;
	p->late = in->late ? ward_arena_strdup(p->arena, in->late) : NULL;
	p->caches_read = in->caches_read ? ward_arena_strdup(p->arena, in->caches_read) : NULL;
	if (!p->workspace || !p->cwd || !p->exe || !p->argv || !env || !p->exec_paths ||
		!p->warnings || !p->apart || (in->late && !p->late) ||
		(in->repo_root && !p->repo_root) || (in->caches_read && !p->caches_read))
		return WARD_E_NOMEM;
	qsort(env, count(env), sizeof(*env), by_name);
	p->env = env;
	if (copy_rules(p, in->rules, in->n_rules, &p->rules) < 0 ||
		copy_rules(p, in->forbidden, in->n_forbidden, &p->forbidden) < 0)
		return WARD_E_NOMEM;
	p->n_rules = in->n_rules;
	p->n_forbidden = in->n_forbidden;
	return copy_published(p, in);
}

static int check_input(const struct ward_plan_input *in, struct ward_error *err)
{
	const char *what = NULL;

	if (!in->host)
		what = "host facts";
	else if (!in->workspace || in->workspace[0] != '/')
		what = "a workspace";
	else if (!in->cwd || in->cwd[0] != '/')
		what = "a working directory";
	else if (!in->exe || in->exe[0] != '/' || !in->argv || !in->argv[0])
		what = "a program";
	else if (in->limits.memory == 0 || in->limits.pids == 0 || in->limits.disk == 0)
		what = "bounds on memory, pids and disk";
	else if (in->n_published > WARD_PUBLISH_SOCKETS_MAX)
		what = "fewer published ports";
	else if (in->deny_errno != ENOENT && in->deny_errno != EACCES)
		what = "ENOENT or EACCES as the answer for what is not granted";
	if (what)
		return ward_fail(err, WARD_E_INTERNAL, "a plan needs %s", what);
	return WARD_OK;
}

/* AUTO: FUSE where it can be had, else none, and the axis says so. What is asked for by name is never replaced. */
static int resolve_attribution(struct ward_plan *p, const struct ward_plan_input *in,
	struct ward_error *err)
{
	const struct ward_host *h = in->host;
	bool fuse = h->userns && h->fuse && in->backend == WARD_BACKEND_NATIVE;

	p->attribution = in->attribution;
	if (in->attribution == WARD_ATTR_AUTO) {
		p->attribution = fuse ? WARD_ATTR_FUSE : WARD_ATTR_NONE;
		return WARD_OK;
	}
	if (in->attribution == WARD_ATTR_FUSE && !fuse) {
		ward_fail(err, WARD_E_AXIS,
			"axis attribution: --attribution fuse cannot be held: %s",
			!h->userns ? "no user namespaces" : "/dev/fuse cannot be opened");
		ward_fail_fix(err, "%s; or --attribution auto", ward_plan_fix_fuse(h));
		return WARD_E_AXIS;
	}
	if (in->attribution == WARD_ATTR_NOTIFY && !ward_host_mediates(h)) {
		ward_fail(err, WARD_E_AXIS,
			"axis attribution: --attribution notify cannot be held: no seccomp notification");
		ward_fail_fix(err, "use --attribution auto");
		return WARD_E_AXIS;
	}
	if (in->attribution == WARD_ATTR_NOTIFY && h->blind) {
		ward_fail(err, WARD_E_AXIS,
			"axis attribution: --attribution notify cannot be held: this root may not look into the processes of a run, which are another user's (CAP_SYS_PTRACE)");
		ward_fail_fix(err,
			"docker run --cap-add SYS_PTRACE, or run ward as an ordinary user; or --attribution auto");
		return WARD_E_AXIS;
	}
	if (in->attribution == WARD_ATTR_NOTIFY)
		p->seccomp |= WARD_SECCOMP_NOTIFY_OPEN;
	return WARD_OK;
}

/* What is not in the view is answered by FUSE alone; everywhere else the kernel says ENOENT, whatever was asked for. */
static int check_answer(const struct ward_plan *p, const struct ward_plan_input *in,
	struct ward_error *err)
{
	const struct ward_host *h = in->host;

	if (p->deny_errno == ENOENT || p->attribution == WARD_ATTR_FUSE ||
		p->backend != WARD_BACKEND_NATIVE)
		return WARD_OK;
	ward_fail(err, WARD_E_AXIS,
		"axis files: --deny-errno EACCES cannot be held: only FUSE answers so, and %s",
		!h->userns         ? "there are no user namespaces"
			: !h->fuse ? "/dev/fuse cannot be opened"
				   : "--attribution goes without it");
	ward_fail_fix(err, "%s; or drop --deny-errno",
		h->userns && h->fuse ? "--attribution fuse" : ward_plan_fix_fuse(h));
	return WARD_E_AXIS;
}

bool ward_plan_all_exec(const struct ward_plan *p)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if ((p->nodes[i].kind == WARD_NODE_BIND || p->nodes[i].kind == WARD_NODE_TMPFS ||
			    p->nodes[i].kind == WARD_NODE_CACHE) &&
			!p->nodes[i].exec)
			return false;
	return true;
}

bool ward_plan_alone(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND && !n->is_dir && !n->base;
}

/* A file that somebody named, not one that is there for the command to run at all: every removal inside would pay for that. */
static bool named_alone(const struct ward_plan *p, const struct ward_node *n)
{
	return ward_plan_alone(n) && n->rule >= 0 &&
		!ward_streq(p->rules[n->rule].origin.file, "implied");
}

/* Somebody may read it and not change it. What is there for the command to run at all does not count. */
static bool only_read(const struct ward_plan *p, const struct ward_node *n)
{
	if (n->kind == WARD_NODE_MASK && n->pin)
		return true;
	return n->kind == WARD_NODE_BIND && !n->write && !n->base && !n->hold &&
		(n->fixed || n->protect ||
			(n->rule >= 0 && !ward_streq(p->rules[n->rule].origin.file, "implied")));
}

/*
 * What the kernel refuses and tells nobody of is looked at by the supervisor first, unless no names are wanted, and only
 * if the plan has such refusals: whoever limits nothing pays nothing. It needs no FUSE, so a host without one that
 * cannot name refused paths still names these.
 */
static void name_refusals(struct ward_plan *p, const struct ward_plan_input *in)
{
	const struct ward_host *h = in->host;

	if (in->attribution == WARD_ATTR_NONE || !h->userns || !ward_host_mediates(h) ||
		p->backend != WARD_BACKEND_NATIVE)
		return;
	if (h->landlock_abi > 0 && !ward_plan_all_exec(p))
		p->seccomp |= WARD_SECCOMP_NOTIFY_EXEC;
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (named_alone(p, &p->nodes[i]))
			p->seccomp |= WARD_SECCOMP_NOTIFY_REPLACE;
		if (only_read(p, &p->nodes[i]))
			p->seccomp |= WARD_SECCOMP_NOTIFY_WRITE;
	}
}

/* Root never goes inside, neither as user nor by its group: a reserved pair stands in for it. */
static void set_ids(struct ward_plan *p, const struct ward_host *h)
{
	/* What is not isolated stays who it is. */
	bool root = h->uid == 0 && p->backend != WARD_BACKEND_DIRECT;

	p->host_uid = root ? WARD_RESERVED_ID : h->uid;
	p->host_gid = root ? WARD_RESERVED_ID : h->gid;
	/* Without a user namespace nobody has another id inside. */
	p->inside_uid = root && h->userns ? WARD_INSIDE_ID : p->host_uid;
	p->inside_gid = root && h->userns ? WARD_INSIDE_ID : p->host_gid;
}

int ward_plan_sign(struct ward_plan *p, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (p->sha256[0])
		return WARD_OK;
	ward_plan_json(p, &b);
	if (b.failed)
		return no_memory(err);
	ward_sha256_hex(b.s, b.n, p->sha256);
	return WARD_OK;
}

int ward_plan_build(const struct ward_plan_input *in, struct ward_plan **ret,
	struct ward_error *err)
{
	struct ward_arena *arena;
	struct ward_plan *p;
	int r;

	*ret = NULL;
	r = check_input(in, err);
	if (r < 0)
		return r;
	arena = ward_arena_new(PLAN_BYTES_MAX);
	p = arena ? ward_arena_alloc(arena, sizeof(*p)) : NULL;
	if (!p) {
		ward_arena_free(arena);
		return no_memory(err);
	}
	p->arena = arena;
	p->backend = in->backend;
	p->limits = in->limits;
	p->seccomp = in->seccomp | (in->host->userns ? 0 : WARD_SECCOMP_NO_SOCKET) |
		(ward_host_mediates(in->host) ? 0 : WARD_SECCOMP_NO_LISTENER);
	p->deny_errno = in->deny_errno;
	p->tty = in->tty;
	p->audit_off = in->audit_off;
	set_ids(p, in->host);
	r = copy_all(p, in);
	if (r < 0)
		r = no_memory(err);
	if (r == WARD_OK)
		r = ward_plan_egress(p, in, err);
	if (r == WARD_OK)
		r = ward_plan_published(p, in, err);
	if (r == WARD_OK)
		r = ward_plan_review(p, in, err);
	if (r == WARD_OK)
		r = ward_plan_view(p, in, err);
	if (r == WARD_OK)
		r = ward_plan_review_shown(p, err);
	if (r == WARD_OK)
		r = resolve_attribution(p, in, err);
	if (r == WARD_OK)
		r = check_answer(p, in, err);
	if (r == WARD_OK)
		name_refusals(p, in);
	if (r == WARD_OK)
		r = ward_plan_axes(p, in, err);
	if (r == WARD_OK && !in->sign_later)
		r = ward_plan_sign(p, err);
	if (r < 0) {
		ward_plan_free(p);
		return r;
	}
	*ret = p;
	return WARD_OK;
}

void ward_plan_free(struct ward_plan *p)
{
	if (p)
		ward_arena_free(p->arena);
}
