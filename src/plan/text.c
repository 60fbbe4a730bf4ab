/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for people: what exists inside and why, what it may use, what holds each promise. Everything that
 * somebody else chose (paths, arguments, origins) is quoted, so that no name can draw a line of its own.
 */
#include <errno.h>
#include <string.h>

#include "plan/internal.h"

#define COLUMN 11

/* Names made of ordinary characters are shown bare. */
static void name(struct ward_buf *b, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "/._-+=:,@%^~*?";

	if (*s && s[strspn(s, plain)] == '\0')
		ward_buf_adds(b, s);
	else
		ward_quote(b, s, strlen(s));
}

/* Where something comes from: in quotes only if it holds what a person should not be shown as it is. */
static void remark(struct ward_buf *b, const char *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf q = WARD_BUF_INIT;
	size_t n = strlen(s), harmless = 2;

	ward_quote(&q, s, n);
	for (const char *c = s; *c; c++)
		harmless += *c == '"' || *c == '\\';
	ward_buf_adds(b, "  # ");
	if (q.n == n + harmless)
		ward_buf_add(b, s, n);
	else
		ward_buf_adds(b, ward_buf_cstr(&q));
}

static void label(struct ward_buf *b, const char *s)
{
	ward_buf_addf(b, "%-*s ", COLUMN, s);
}

static void line(struct ward_buf *b, const char *what, const char *value)
{
	label(b, what);
	name(b, value);
	ward_buf_addc(b, '\n');
}

static void rule_of(struct ward_buf *b, const struct ward_plan *p, const struct ward_node *n,
	size_t from)
{
	const char *text = "base";

	if (n->later)
		text = n->later;
	else if (n->rule >= 0 && (size_t)n->rule < p->n_rules)
		text = p->rules[n->rule].text;
	else if (!n->base)
		text = n->kind == WARD_NODE_DIR ? "workspace" : "implied";
	for (size_t width = b->n - from; width < 44; width++)
		ward_buf_addc(b, ' ');
	remark(b, text);
	ward_buf_addc(b, '\n');
}

static void node(struct ward_buf *b, const struct ward_plan *p, const struct ward_node *n)
{
	char size[32];
	size_t from = b->n;

	ward_buf_adds(b, "  ");
	switch (n->kind) {
	case WARD_NODE_BIND:
		ward_buf_addf(b, "%s%s  ",
			ward_plan_review_root(p, n) ? "ov"
				: n->write          ? "rw"
						    : "ro",
			n->exec ? "x" : " ");
		name(b, n->dest);
		if (n->is_dir)
			ward_buf_adds(b, "/");
		if (strcmp(n->dest, n->source) != 0) {
			ward_buf_adds(b, " <- ");
			name(b, n->source);
		}
		break;
	case WARD_NODE_SYMLINK:
		ward_buf_adds(b, "link ");
		name(b, n->dest);
		ward_buf_adds(b, " -> ");
		name(b, n->source);
		break;
	case WARD_NODE_TMPFS:
		ward_format_size(n->size, size, sizeof(size));
		ward_buf_adds(b, "tmp  ");
		name(b, n->dest);
		ward_buf_addf(b, "/ (%s)", size);
		break;
	case WARD_NODE_CACHE:
		ward_format_size(n->size, size, sizeof(size));
		ward_buf_addf(b, "pc%s  ", n->exec ? "x" : " ");
		name(b, n->dest);
		ward_buf_addf(b, "/ (writes: private, of %s)", size);
		break;
	case WARD_NODE_DIR:
	case WARD_NODE_FILE:
	case WARD_NODE_PROC:
	case WARD_NODE_DEV:
	case WARD_NODE_MASK:
	case WARD_NODE_DENIED:
		ward_buf_addf(b, "%-4s ",
			n->kind == WARD_NODE_DENIED || n->kind == WARD_NODE_MASK
				? "no"
				: ward_node_kind_name(n->kind));
		name(b, n->dest);
		break;
	}
	rule_of(b, p, n, from);
}

static void limits(struct ward_buf *b, const struct ward_plan *p)
{
	const struct ward_limits *l = &p->limits;
	char memory[32], disk[32], output[32];

	ward_format_size(l->memory, memory, sizeof(memory));
	ward_format_size(l->disk, disk, sizeof(disk));
	ward_format_size(l->output, output, sizeof(output));
	label(b, "limits");
	ward_buf_addf(b, "memory %s, pids %u, disk %s, nofile %u", memory, l->pids, disk,
		l->nofile);
	if (l->millicpus)
		ward_buf_addf(b, ", cpus %u.%03u", l->millicpus / 1000, l->millicpus % 1000);
	else
		ward_buf_adds(b, ", all cpus");
	if (l->output)
		ward_buf_addf(b, ", output %s a stream", output);
	if (l->timeout_ms)
		ward_buf_addf(b, ", timeout %llums", (unsigned long long)l->timeout_ms);
	ward_buf_addf(b, ", grace %llums\n", (unsigned long long)l->grace_ms);
	if (!p->egress && p->n_published == 0)
		return;
	label(b, "of network");
	ward_net_limits_text(&l->net, b);
	ward_buf_addc(b, '\n');
}

static void review(struct ward_buf *b, const struct ward_plan *p)
{
	const struct ward_review *v = &p->review;
	char size[32];

	if (!v->on)
		return;
	ward_format_size(v->bound, size, sizeof(size));
	label(b, "review");
	name(b, v->root);
	ward_buf_addf(b, ": what is written stays in a layer (%s, %s) until it is committed\n",
		ward_disk_backend_name(v->backend), size);
	if (v->layer && v->layer_ino)
		line(b, "layer", v->layer);
}

static void axes(struct ward_buf *b, const struct ward_plan *p)
{
	ward_buf_adds(b, "\nwhat holds each axis\n");
	for (int a = 0; a < WARD_AXIS_MAX; a++) {
		const struct ward_axis_state *s = &p->axes[a];

		ward_buf_addf(b, "  %-12s %-9s %s", ward_axis_name((enum ward_axis)a),
			ward_level_name(s->level), s->by);
		if (s->accepted)
			ward_buf_addf(b, " (accepted: %s)", ward_level_name(s->required));
		if (s->fix[0] && s->level < WARD_LEVEL_ENFORCED)
			ward_buf_addf(b, "\n  %-12s %-9s fix: %s", "", "", s->fix);
		ward_buf_addc(b, '\n');
	}
}

static void head(struct ward_buf *b, const struct ward_plan *p)
{
	struct ward_redactor r = { 0 };
	struct ward_buf word = WARD_BUF_INIT;
	bool direct = p->backend == WARD_BACKEND_DIRECT;

	label(b, "backend");
	ward_buf_adds(b, direct ? "direct (tier 0)\n" : "native (tier 1)\n");
	line(b, "runs", p->exe);
	label(b, "argv");
	for (char *const *a = p->argv; *a; a++) {
		ward_buf_adds(b, a == p->argv ? "" : " ");
		ward_buf_clear(&word);
		ward_redact_word(&r, ward_str(*a), SIZE_MAX, &word);
		name(b, ward_buf_cstr(&word));
		b->failed = b->failed || word.failed;
	}
	ward_buf_done(&word);
	ward_buf_addc(b, '\n');
	line(b, "workspace", p->workspace);
	if (p->repo_root)
		line(b, "repository", p->repo_root);
	line(b, "cwd", p->cwd);
	label(b, "ids");
	ward_buf_addf(b, "%u:%u inside, %u:%u on the host\n", p->inside_uid, p->inside_gid,
		p->host_uid, p->host_gid);
	label(b, "environment");
	for (char *const *e = p->env; *e; e++)
		ward_buf_addf(b, "%s%.*s", e == p->env ? "" : " ", (int)strcspn(*e, "="), *e);
	ward_buf_addc(b, '\n');
	limits(b, p);
	review(b, p);
	label(b, "seccomp");
	ward_buf_adds(b, direct ? "none" : "allowlist");
	for (unsigned bit = 0; !direct && ward_seccomp_switch_name(bit); bit++)
		if (p->seccomp & (1u << bit))
			ward_buf_addf(b, " + %s", ward_seccomp_switch_name(bit));
	ward_buf_addc(b, '\n');
	line(b, "attribution", ward_attribution_name(p->attribution));
	if (p->audit_off) {
		label(b, "log");
		ward_buf_adds(b, "no log (--audit /dev/null)\n");
	}
	label(b, "ungranted");
	ward_buf_adds(b,
		direct                            ? "open: nothing is held back\n"
			: p->deny_errno == EACCES ? "EACCES\n"
						  : "ENOENT\n");
}

static void rule(struct ward_buf *b, const struct ward_rule *r)
{
	ward_buf_addf(b, "  %-16s ", ward_cap_type_name(r->type));
	name(b, r->pattern);
	ward_buf_adds(b, r->literal && r->subtree ? "/**" : "");
	remark(b, r->text);
	if (r->net) {
		ward_buf_adds(b, ", at most ");
		ward_net_limits_text(r->net, b);
	}
	ward_buf_addc(b, '\n');
}

static void rules(struct ward_buf *b, const struct ward_plan *p)
{
	ward_buf_adds(b,
		p->backend == WARD_BACKEND_DIRECT ? "\ngrants (judged and recorded, not held)\n"
						  : "\ngrants\n");
	for (size_t i = 0; i < p->n_rules; i++)
		rule(b, &p->rules[i]);
	if (p->n_rules == 0)
		ward_buf_adds(b, "  none\n");
	if (p->n_forbidden > 0)
		ward_buf_adds(b, "\nforbidden, whatever is granted\n");
	for (size_t i = 0; i < p->n_forbidden; i++)
		rule(b, &p->forbidden[i]);
	if (p->n_exec_paths > 0)
		ward_buf_adds(b, "\nmay be executed, beside what is marked x\n");
	for (size_t i = 0; i < p->n_exec_paths; i++) {
		ward_buf_adds(b, "  ");
		name(b, p->exec_paths[i]);
		ward_buf_addc(b, '\n');
	}
}

static void published(struct ward_buf *b, const struct ward_plan *p)
{
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (p->n_published > 0)
		ward_buf_adds(b,
			"\npublished (whoever reaches it there reaches that port inside)\n");
	for (size_t i = 0; i < p->n_published; i++) {
		const struct ward_published *v = &p->published[i];
		bool six = v->family == 6;

		ward_buf_addf(b, "  %s%s%s:", six ? "[" : "", ward_published_address(v, text),
			six ? "]" : "");
		if (v->port)
			ward_buf_addf(b, "%u", v->port);
		else
			ward_buf_adds(b, "a port that the kernel chooses");
		ward_buf_addf(b, " -> %u%s", v->inner,
			v->spare ? " (where this host has that address)" : "");
		remark(b, p->rules[v->rule].text);
		ward_buf_addc(b, '\n');
	}
}

#define ASKED_MAX 16

static void asks(struct ward_buf *b, const struct ward_plan *p)
{
	if (!p->asks || p->asks->n == 0)
		return;
	ward_buf_adds(b, "\na person is asked before the start\n");
	for (size_t i = 0; i < p->asks->n; i++) {
		const struct ward_asked *k = &p->asks->v[i];

		ward_buf_addf(b, "  %.12s %-8s ", k->digest, ward_approval_name(k->level));
		name(b, k->file);
		ward_buf_addf(b, ":%u", k->line);
		if (k->reason || k->id)
			remark(b, k->reason ? k->reason : k->id);
		ward_buf_addc(b, '\n');
		for (size_t j = 0; j < k->n_things && j < ASKED_MAX; j++) {
			const struct ward_ask_thing *t = &k->things[j];

			ward_buf_addf(b, "    %-12s ", ward_action_name(t->action));
			name(b, t->resource);
			ward_buf_adds(b, t->below ? " and below\n" : "\n");
		}
		if (k->n_things > ASKED_MAX)
			ward_buf_addf(b, "    and %zu more\n", k->n_things - ASKED_MAX);
	}
}

static void late_names(struct ward_buf *b, const struct ward_plan *p)
{
	if (p->late_names == WARD_LATE_NONE)
		return;
	ward_buf_adds(b,
		"\nnames that run code later (data/persist) and are not there yet can be made where something may be written; ");
	ward_buf_adds(b,
		p->late_names == WARD_LATE_TOLD ? "the end of the run lists them\n"
						: "nobody will list them\n");
}

/* Without namespaces nothing is mounted: what is Ward's own is nowhere, and what Landlock allows is the host's. */
static bool opened(const struct ward_node *n)
{
	return n->kind == WARD_NODE_BIND || n->kind == WARD_NODE_DEV || n->kind == WARD_NODE_PROC;
}

static void view(struct ward_buf *b, const struct ward_plan *p)
{
	bool alone = p->seccomp & WARD_SECCOMP_NO_SOCKET;

	if (p->backend == WARD_BACKEND_DIRECT) {
		ward_buf_adds(b, "\nview: none; the command sees the host as its caller does\n");
		return;
	}
	ward_buf_adds(b,
		alone ? "\nview: none, for want of user namespaces; of the host's own Landlock lets these be opened (what is not here is refused, not hidden; no private /tmp, no home)\n"
		      : "\nview (what is not here does not exist inside)\n");
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (!alone || opened(&p->nodes[i]))
			node(b, p, &p->nodes[i]);
	}
}

void ward_plan_text(const struct ward_plan *p, struct ward_buf *b)
{
	head(b, p);
	rules(b, p);
	published(b, p);
	view(b, p);
	late_names(b, p);
	axes(b, p);
	asks(b, p);
	if (p->n_warnings > 0)
		ward_buf_adds(b, "\nwarnings\n");
	for (size_t i = 0; i < p->n_warnings; i++) {
		remark(b, p->warnings[i]);
		ward_buf_addc(b, '\n');
	}
	ward_buf_addf(b, "\nsha256 %s\n", p->sha256);
}
