/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of data/caches that failed, and the run did not have what the host has of its package cache, or had it only to read: the word that
 * shows it. What is not in the view is not looked for there, and what was asked of the network instead is refused as any connection: neither
 * says so. The host is looked at only then, and it is a line of the report and nothing else.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy/policy.h"
#include "run/life.h"

static bool asked_network(const struct ward_outcome *o)
{
	for (size_t i = 0; i < o->n_violations; i++) {
		if (o->violations[i].axis == WARD_AXIS_NETWORK)
			return true;
	}
	return false;
}

static bool concerns(const struct ward_cache *c, const char *command, bool network)
{
	for (size_t i = 0; i < c->n_needed; i++) {
		if (ward_streq(command, c->needed[i]))
			return true;
	}
	return network && ward_streq(command, c->program);
}

/* As the tool itself takes it, which is what counts when the option is there. */
static bool on_host(const struct ward_cache *c, struct stat *st)
{
	char path[WARD_PATH_MAX];

	for (size_t i = 0; i < c->n_roots; i++) {
		const char *base = getenv(c->roots[i].env ? c->roots[i].env : "HOME");
		size_t n = base ? strlen(base) : 0, rest = strlen(c->roots[i].rest);

		if (n == 0)
			continue;
		if (base[0] != '/' || n + rest >= sizeof(path))
			return false;
		memcpy(path, base, n);
		memcpy(path + n, c->roots[i].rest, rest + 1);
		return stat(path, st) == 0 && S_ISDIR(st->st_mode);
	}
	return false;
}

static bool in_plan(const struct ward_plan *p, const struct stat *st)
{
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct ward_node *n = &p->nodes[i];

		if ((n->kind == WARD_NODE_BIND || n->kind == WARD_NODE_CACHE) &&
			n->dev == st->st_dev && n->ino == st->st_ino)
			return true;
	}
	return false;
}

/* A tool that fetches what such a cache has not is told EROFS, and of a write that a mount refuses nobody else hears. */
static void only_read(struct life *l)
{
	if (l->plan->egress && l->plan->caches_read)
		ward_outcome_note(l->o,
			"the host's package caches are only read in this run; if what is fetched is to have a place above them: --caches=%s",
			l->plan->caches_read);
}

void ward_uncached(struct life *l)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *command = l->r->argc > 0 ? l->r->argv[0] : "", *slash = strrchr(command, '/');
	bool network = asked_network(l->o);
	struct stat st;
	size_t n = 0;

	if (!l->o->has_code || l->o->code == 0 || !l->plan || l->r->caches_none ||
		l->r->backend != WARD_BACKEND_NATIVE)
		return;
	command = slash ? slash + 1 : command;
	for (size_t i = 0; i < ward_caches_n; i++) {
		const struct ward_cache *c = &ward_caches[i];

		if (concerns(c, command, network) && !(l->r->caches & UINT32_C(1) << i) &&
			on_host(c, &st) && !in_plan(l->plan, &st))
			ward_buf_addf(&b, "%s%s", n++ > 0 ? "," : "", c->name);
	}
	if (n > 0 && !b.failed)
		ward_outcome_note(l->o,
			"%s had nothing of what it fetched or made on this host before: --caches=%s lets that be read, and what is written there is thrown away",
			command, ward_buf_cstr(&b));
	only_read(l);
}
