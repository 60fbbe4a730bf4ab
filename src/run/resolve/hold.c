/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount goes where its directory goes: whoever may write a/ moves a/b away, with all that is protected below it, and makes
 * an a/b that nothing protects, for the next run and for everybody outside. So each directory between what is not
 * written and the grant that it lies in is a mount itself, with the same rights: the kernel moves none of those. And what was granted and
 * stays closed all the same.
 */
#include <string.h>

#include "run/resolve/look.h"

#define TOLD_MAX 4

static int hold_one(struct ward_resolver *rs, const char *path, const struct ward_node *grant,
	struct ward_error *err)
{
	struct ward_target t;
	struct ward_node n;
	bool there = false;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		struct ward_node *one = &rs->nodes[i];

		if (one->kind == WARD_NODE_BIND && ward_streq(one->dest, path))
			there = one->hold = true;
	}
	if (there || ward_rs_target(rs, path, &t) < 0 || !S_ISDIR(t.st.st_mode) ||
		!ward_streq(t.path, path))
		return WARD_OK;
	n = ward_rs_bind(rs, &t, grant->rule);
	n.write = grant->write;
	n.exec = grant->exec;
	n.noexec = grant->noexec;
	n.idmap = grant->idmap;
	n.fixed = true;
	n.hold = true;
	return ward_rs_node(rs, &n, err);
}

static int hold_above(struct ward_resolver *rs, const char *dest, struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	char *slash;
	int r = WARD_OK;

	if (strlen(dest) >= sizeof(path))
		return WARD_OK; /* no such path can be mounted over, and the plan says so */
	memcpy(path, dest, strlen(dest) + 1);
	while (r == WARD_OK && (slash = strrchr(path, '/')) && slash != path) {
		const struct ward_node *shown;
		struct ward_node grant;

		*slash = '\0';
		shown = ward_rs_shown_by(rs, path);
		if (!shown || !shown->write || shown->protect)
			break;
		/* A copy: nodes move when one is added. */
		grant = *shown;
		r = hold_one(rs, path, &grant, err);
	}
	return r;
}

int ward_rs_hold(struct ward_resolver *rs, struct ward_error *err)
{
	size_t n = rs->n_nodes;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < n; i++) {
		const struct ward_node *own = &rs->nodes[i];
		bool kept = own->kind == WARD_NODE_MASK ||
			(own->kind == WARD_NODE_BIND &&
				(own->protect || own->hold || (own->fixed && !own->write)));

		if (kept && !own->base)
			r = hold_above(rs, own->dest, err);
	}
	return r;
}

bool ward_rs_covers(const struct ward_resolver *rs, const struct ward_node *mask)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind == WARD_NODE_BIND && ward_path_within(mask->dest, n->dest) &&
			!ward_streq(mask->dest, n->dest))
			return true;
	}
	return false;
}

/*
 * ---- root's run where nothing can be mapped ----
 * Without user namespaces (most containers) its command is the reserved user by the host's own ids, too: of root's files it may do what
 * everybody may. So what was granted and is closed to it is said before the start: the kernel refuses it in words that name no cure, and
 * nothing of ours is asked. Access lists are not looked at.
 */
enum { ENTER = 1, WRITE = 2, READ = 4 };

static bool may(const struct stat *st, unsigned want)
{
	unsigned mode = st->st_mode;

	if (st->st_uid == WARD_RESERVED_ID)
		mode >>= 6;
	else if (st->st_gid == WARD_RESERVED_ID)
		mode >>= 3;
	return (mode & want) == want;
}

/* The first directory on the way that it may not enter, or path itself; NULL: it is open to it. */
static const char *closed_at(struct ward_resolver *rs, const char *path, unsigned want,
	char out[WARD_PATH_MAX])
{
	struct ward_target t;
	size_t n = strlen(path);

	if (n >= WARD_PATH_MAX)
		return NULL;
	for (size_t i = 1; i < n; i++) {
		if (path[i] != '/')
			continue;
		memcpy(out, path, i);
		out[i] = '\0';
		if (ward_rs_look(rs, out, &t) == 0 && !may(&t.st, ENTER))
			return out;
	}
	memcpy(out, path, n + 1);
	if (ward_rs_look(rs, path, &t) < 0 ||
		may(&t.st, want | (S_ISDIR(t.st.st_mode) ? ENTER : 0)))
		return NULL;
	return out;
}

/* Of what is only read, what somebody named: much else is shown in case it is wanted. */
static bool is_named(const struct ward_rule *rule)
{
	const char *by = rule->origin.file;

	return rule->literal && !ward_streq(by, "data/runtimes") && !ward_streq(by, "data/base");
}

/* All of a home is opened to nobody. */
static const char *open_closed(struct ward_resolver *rs, const char *where, bool on_the_way)
{
	if (ward_rs_is_home(rs, where))
		return "put it elsewhere";
	return on_the_way ? "chmod o+x it" : "chown -R 64646 it";
}

int ward_rs_warn_closed(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_texts said = { .n = 0 };
	char at[WARD_PATH_MAX];
	const char *last = NULL;
	int r = WARD_OK;

	if (rs->host->uid != 0 || rs->host->userns || rs->r->backend != WARD_BACKEND_NATIVE)
		return WARD_OK;
	for (size_t i = 0; i < rs->n_nodes && r == WARD_OK && said.n < TOLD_MAX; i++) {
		const struct ward_node *n = &rs->nodes[i];
		const char *dest = n->dest, *where;
		bool write = n->write;

		if (n->kind != WARD_NODE_BIND || n->base || n->rule < 0 ||
			(last && ward_path_within(dest, last)) ||
			(!write && !is_named(&rs->rules[n->rule])))
			continue;
		where = closed_at(rs, dest, write ? READ | WRITE : READ, at);
		if (!where)
			continue;
		last = dest;
		if (ward_texts_hold(&said, where))
			continue;
		r = ward_rs_text(rs, &said, where, err);
		if (r < 0)
			break;
		r = ward_rs_warn(rs, err,
			"%s is closed to the command, which without user namespaces is user %d, and may %s there what everybody may; %s, or run ward as its owner",
			ward_rs_show(rs, where), WARD_RESERVED_ID,
			!ward_streq(where, dest) ? "enter"
				: write          ? "write"
						 : "read",
			open_closed(rs, where, !ward_streq(where, dest)));
	}
	return r;
}
