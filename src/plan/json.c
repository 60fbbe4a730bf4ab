/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON form of a plan (docs/spec/plan.schema.json): fixed key order, no blanks, every key always there, so
 * that the same plan has the same bytes and its SHA-256 names it. Values of the environment are left out,
 * and arguments that look like secrets: a plan is printed and kept.
 */
#include <errno.h>
#include <string.h>

#include "plan/internal.h"

static const char *const kinds[] = {
	[WARD_NODE_DIR] = "dir",
	[WARD_NODE_BIND] = "bind",
	[WARD_NODE_SYMLINK] = "link",
	[WARD_NODE_FILE] = "file",
	[WARD_NODE_TMPFS] = "tmpfs",
	[WARD_NODE_PROC] = "proc",
	[WARD_NODE_DEV] = "dev",
	[WARD_NODE_CACHE] = "cache",
	[WARD_NODE_MASK] = "mask",
	[WARD_NODE_DENIED] = "denied",
};

static const char *const attributions[] = {
	[WARD_ATTR_NONE] = "none",
	[WARD_ATTR_NOTIFY] = "notify",
	[WARD_ATTR_FUSE] = "fuse",
	[WARD_ATTR_AUTO] = "auto",
};

const char *ward_node_kind_name(enum ward_node_kind k)
{
	return (unsigned)k < WARD_ARRAY_SIZE(kinds) ? kinds[k] : "unknown";
}

const char *ward_attribution_name(enum ward_attribution a)
{
	return (unsigned)a < WARD_ARRAY_SIZE(attributions) ? attributions[a] : "unknown";
}

const char *ward_late_names_word(enum ward_late_names l)
{
	static const char *const words[] = {
		[WARD_LATE_NONE] = "none", [WARD_LATE_UNTOLD] = "untold", [WARD_LATE_TOLD] = "told"
	};

	return (unsigned)l < WARD_ARRAY_SIZE(words) ? words[l] : "unknown";
}

const char *ward_seccomp_switch_name(unsigned bit)
{
	static const char *const names[] = { "netlink-route", "no-socket", "notify-open",
		"notify-exec", "notify-replace", "notify-write", "no-listener" };

	return bit < WARD_ARRAY_SIZE(names) ? names[bit] : NULL;
}

static void argv(struct ward_buf *b, const struct ward_plan *p)
{
	ward_jw_key(b, "argv");
	ward_redact_argv(p->argv, SIZE_MAX, SIZE_MAX, b);
	ward_jw_key(b, "env");
	ward_jw_open(b, '[');
	for (char *const *e = p->env; *e; e++)
		ward_jw_str(b, *e, strcspn(*e, "="));
	ward_jw_close(b, ']');
}

static void node(struct ward_buf *b, const struct ward_node *n)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "kind", ward_node_kind_name(n->kind));
	ward_jw_kstr(b, "dest", n->dest);
	switch (n->kind) {
	case WARD_NODE_BIND:
		ward_jw_kstr(b, "source", n->source);
		ward_jw_kbool(b, "dir", n->is_dir);
		ward_jw_kbool(b, "write", n->write);
		ward_jw_kbool(b, "exec", n->exec);
		ward_jw_kbool(b, "idmap", n->idmap);
		ward_jw_ku64(b, "dev", n->dev);
		ward_jw_ku64(b, "ino", n->ino);
		if (n->pin)
			ward_jw_kbool(b, "pin", true);
		break;
	case WARD_NODE_CACHE:
		ward_jw_kstr(b, "source", n->source);
		ward_jw_ku64(b, "size", n->size);
		ward_jw_kbool(b, "exec", n->exec);
		ward_jw_kbool(b, "idmap", n->idmap);
		ward_jw_ku64(b, "dev", n->dev);
		ward_jw_ku64(b, "ino", n->ino);
		break;
	case WARD_NODE_MASK:
		ward_jw_kbool(b, "dir", n->is_dir);
		ward_jw_kbool(b, "pin", n->pin);
		ward_jw_ku64(b, "mode", n->mode);
		break;
	case WARD_NODE_SYMLINK: ward_jw_kstr(b, "target", n->source); break;
	case WARD_NODE_FILE:
		ward_jw_key(b, "content");
		ward_jw_str(b, n->source, n->source_len);
		break;
	case WARD_NODE_TMPFS:
		ward_jw_ku64(b, "size", n->size);
		ward_jw_ku64(b, "inodes", n->inodes);
		ward_jw_ku64(b, "mode", n->mode);
		ward_jw_kbool(b, "exec", n->exec);
		break;
	case WARD_NODE_DIR:
	case WARD_NODE_PROC:
	case WARD_NODE_DEV:
	case WARD_NODE_DENIED: break;
	}
	ward_jw_kbool(b, "base", n->base);
	if (n->fixed)
		ward_jw_kbool(b, "fixed", true);
	if (n->noexec)
		ward_jw_kbool(b, "noexec", true);
	if (n->review)
		ward_jw_kbool(b, "review", true);
	if (n->later)
		ward_jw_kstr(b, "later", n->later);
	if (n->rule >= 0)
		ward_jw_ki64(b, "rule", n->rule);
	ward_jw_close(b, '}');
}

static void net_limits(struct ward_buf *b, const struct ward_net_limits *l)
{
	ward_jw_key(b, "net");
	ward_jw_open(b, '{');
	for (int i = 0; i < WARD_NET_LIMIT_MAX; i++)
		if (l->v[i])
			ward_jw_ku64(b, ward_net_limit_name((enum ward_net_limit)i), l->v[i]);
	ward_jw_close(b, '}');
}

static void rule(struct ward_buf *b, const struct ward_rule *r)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "type", ward_cap_type_name(r->type));
	ward_jw_kstr(b, "pattern", r->pattern);
	ward_jw_kbool(b, "literal", r->literal);
	ward_jw_kbool(b, "subtree", r->subtree);
	ward_jw_kstr(b, "text", r->text);
	ward_jw_kstr(b, "file", r->origin.file);
	ward_jw_ku64(b, "line", r->origin.line);
	ward_jw_ku64(b, "column", r->origin.column);
	ward_jw_ku64(b, "index", r->origin.index);
	if (r->net)
		net_limits(b, r->net);
	ward_jw_close(b, '}');
}

static void rules(struct ward_buf *b, const char *key, const struct ward_rule *v, size_t n)
{
	ward_jw_key(b, key);
	ward_jw_open(b, '[');
	for (size_t i = 0; i < n; i++)
		rule(b, &v[i]);
	ward_jw_close(b, ']');
}

static void limits(struct ward_buf *b, const struct ward_limits *l)
{
	ward_jw_key(b, "limits");
	ward_jw_open(b, '{');
	ward_jw_ku64(b, "memory", l->memory);
	ward_jw_ku64(b, "millicpus", l->millicpus);
	ward_jw_ku64(b, "pids", l->pids);
	ward_jw_ku64(b, "disk", l->disk);
	ward_jw_ku64(b, "output", l->output);
	ward_jw_ku64(b, "timeout_ms", l->timeout_ms);
	ward_jw_ku64(b, "grace_ms", l->grace_ms);
	ward_jw_ku64(b, "nofile", l->nofile);
	net_limits(b, &l->net);
	ward_jw_close(b, '}');
}

static void switches(struct ward_buf *b, const struct ward_plan *p)
{
	const char *name;

	ward_jw_key(b, "seccomp");
	ward_jw_open(b, '[');
	for (unsigned bit = 0; (name = ward_seccomp_switch_name(bit)); bit++)
		if (p->seccomp & (1u << bit))
			ward_jw_cstr(b, name);
	ward_jw_close(b, ']');
}

static void axes(struct ward_buf *b, const struct ward_plan *p)
{
	ward_jw_key(b, "axes");
	ward_jw_open(b, '{');
	for (int a = 0; a < WARD_AXIS_MAX; a++) {
		const struct ward_axis_state *s = &p->axes[a];

		ward_jw_key(b, ward_axis_name((enum ward_axis)a));
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "level", ward_level_name(s->level));
		ward_jw_kstr(b, "required", ward_level_name(s->required));
		ward_jw_kbool(b, "accepted", s->accepted);
		ward_jw_kstr(b, "by", s->by);
		ward_jw_kstr(b, "fix", s->fix);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, '}');
}

static void asks(struct ward_buf *b, const struct ward_plan *p)
{
	if (!p->asks || p->asks->n == 0)
		return;
	ward_jw_key(b, "asks");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < p->asks->n; i++)
		ward_asked_json(&p->asks->v[i], WARD_ASK_THINGS_MAX, b);
	ward_jw_close(b, ']');
}

static void published(struct ward_buf *b, const struct ward_plan *p)
{
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (p->n_published == 0)
		return;
	ward_jw_key(b, "published");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < p->n_published; i++) {
		const struct ward_published *v = &p->published[i];

		ward_jw_open(b, '{');
		ward_jw_kstr(b, "address", ward_published_address(v, text));
		ward_jw_ku64(b, "port", v->port);
		ward_jw_ku64(b, "inner", v->inner);
		ward_jw_ki64(b, "rule", v->rule);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
}

static void review(struct ward_buf *b, const struct ward_review *v)
{
	if (!v->on)
		return;
	ward_jw_key(b, "review");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "root", v->root);
	ward_jw_ku64(b, "dev", v->root_dev);
	ward_jw_ku64(b, "ino", v->root_ino);
	ward_jw_kstr(b, "backend", ward_disk_backend_name(v->backend));
	ward_jw_ku64(b, "bound", v->bound);
	if (v->layer && v->layer_ino) {
		ward_jw_kstr(b, "layer", v->layer);
		ward_jw_ku64(b, "layer_dev", v->layer_dev);
		ward_jw_ku64(b, "layer_ino", v->layer_ino);
	}
	ward_jw_close(b, '}');
}

void ward_plan_json(const struct ward_plan *p, struct ward_buf *b)
{
	ward_jw_open(b, '{');
	ward_jw_ku64(b, "v", 1);
	ward_jw_kstr(b, "backend", p->backend == WARD_BACKEND_DIRECT ? "direct" : "native");
	ward_jw_kstr(b, "workspace", p->workspace);
	ward_jw_kstr(b, "cwd", p->cwd);
	ward_jw_kstr(b, "exe", p->exe);
	argv(b, p);
	ward_jw_key(b, "view");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < p->n_nodes; i++)
		node(b, &p->nodes[i]);
	ward_jw_close(b, ']');
	ward_jw_kstrs(b, "exec_paths", p->exec_paths, p->n_exec_paths);
	rules(b, "rules", p->rules, p->n_rules);
	if (p->n_forbidden > 0)
		rules(b, "forbidden", p->forbidden, p->n_forbidden);
	published(b, p);
	limits(b, &p->limits);
	switches(b, p);
	ward_jw_kstr(b, "attribution", ward_attribution_name(p->attribution));
	ward_jw_kstr(b, "deny_errno", p->deny_errno == EACCES ? "EACCES" : "ENOENT");
	ward_jw_key(b, "ids");
	ward_jw_open(b, '{');
	ward_jw_ku64(b, "inside_uid", p->inside_uid);
	ward_jw_ku64(b, "inside_gid", p->inside_gid);
	ward_jw_ku64(b, "host_uid", p->host_uid);
	ward_jw_ku64(b, "host_gid", p->host_gid);
	ward_jw_close(b, '}');
	ward_jw_kbool(b, "tty", p->tty);
	review(b, &p->review);
	axes(b, p);
	if (p->n_apart > 0)
		ward_jw_kstrs(b, "apart", p->apart, p->n_apart);
	ward_jw_kstr(b, "late_names", ward_late_names_word(p->late_names));
	ward_jw_kstrs(b, "warnings", p->warnings, p->n_warnings);
	asks(b, p);
	if (p->sha256[0])
		ward_jw_kstr(b, "sha256", p->sha256);
	ward_jw_close(b, '}');
}
