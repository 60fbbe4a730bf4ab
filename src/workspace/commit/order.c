/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which order the steps are done, where that is not how they stand: what reads a repository of git's meanwhile finds what is named there. New
 * objects come before what names them, and references and objects go when what has them elsewhere is there. It is said by names alone, and
 * nothing rests on it: each step can be done at any time that its directory is there, and its name is free.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace/commit/inside.h"

/* Done one after the other; back: the last first. Those of one stand as in the journal. */
enum { OBJECTS = 0, LISTS, REST, OLD_NAMES, OLD_OBJECTS };

struct order {
	const struct ward_commit *c;
	size_t put_begin, put_end; /* of a journal that was read nobody else knows */
	uint8_t *phase;
	bool any;
};

/* What is behind the last part of the path that is a directory so called. */
static const char *below(const char *path, const char *dir)
{
	const char *found = NULL;
	size_t n = strlen(dir);

	for (const char *at = path; (at = strstr(at, dir)); at += n)
		if (at == path || at[-1] == '/')
			found = at + n;
	return found;
}

/* objects/xx and what is in it, and all of objects/pack. */
static bool is_object(const char *path)
{
	const char *at = below(path, "objects/");

	return at &&
		((strspn(at, "0123456789abcdef") == 2 && (at[2] == '\0' || at[2] == '/')) ||
			strncmp(at, "pack/", 5) == 0);
}

/* By these a pack is found. */
static bool is_list(const char *path)
{
	size_t n = strlen(path);

	return (n > 4 && strcmp(path + n - 4, ".idx") == 0) || strstr(path, "/multi-pack-index");
}

/* Who makes (or, of what goes, takes) the directory that it lies in. */
static bool of_parent(const struct order *o, size_t i, bool takes, size_t *ret)
{
	const char *path = o->c->j.v[i].path, *slash = strrchr(path, '/');
	size_t begin = takes ? 0 : o->put_begin, end = takes ? o->put_begin : o->put_end;

	*ret = slash ? ward_commit_find_step(o->c, begin, end, takes, path, (size_t)(slash - path))
		     : end;
	return *ret < end;
}

/* Something new gets its name, or that of a directory above it. */
static bool makes_room(const struct order *o, const char *path)
{
	for (size_t n = strlen(path); n > 0; n--)
		if ((path[n] == '/' || path[n] == '\0') &&
			ward_commit_find_step(o->c, o->put_begin, o->put_end, false, path, n) <
				o->put_end)
			return true;
	return false;
}

static uint8_t phase_of_put(const struct order *o, size_t i)
{
	const struct ward_step *s = &o->c->j.v[i];
	size_t dir;

	if (s->kind != WARD_STEP_PUT || s->inside || !is_object(s->path) ||
		(of_parent(o, i, false, &dir) && o->phase[dir] != OBJECTS))
		return REST;
	return is_list(s->path) ? LISTS : OBJECTS;
}

/* A directory goes when all is gone that was in it. */
static uint8_t phase_of_take(const struct order *o, size_t i)
{
	const struct ward_step *s = &o->c->j.v[i];
	bool object = is_object(s->path);
	uint8_t phase = object && !is_list(s->path) ? OLD_OBJECTS : OLD_NAMES;
	size_t dir;

	if (s->kind != WARD_STEP_TAKE || (!object && !below(s->path, "refs/")) ||
		makes_room(o, s->path) || (of_parent(o, i, true, &dir) && o->phase[dir] < phase))
		return REST;
	return phase;
}

static void find_puts(struct order *o)
{
	const struct ward_journal *j = &o->c->j;

	while (o->put_begin < j->n &&
		(j->v[o->put_begin].kind == WARD_STEP_TAKE ||
			j->v[o->put_begin].kind == WARD_STEP_DROP))
		o->put_begin++;
	o->put_end = o->put_begin;
	while (o->put_end < j->n &&
		(j->v[o->put_end].kind == WARD_STEP_PUT || j->v[o->put_end].kind == WARD_STEP_SWAP))
		o->put_end++;
}

static void find_phases(struct order *o)
{
	memset(o->phase, REST, o->c->j.n);
	for (size_t i = o->put_begin; i < o->put_end; i++) {
		o->phase[i] = phase_of_put(o, i);
		o->any = o->any || o->phase[i] != REST;
	}
	/* The directory stands behind what lies in it. */
	for (size_t i = o->put_begin; i-- > 0;) {
		o->phase[i] = phase_of_take(o, i);
		o->any = o->any || o->phase[i] != REST;
	}
}

size_t *ward_commit_order(const struct ward_commit *c)
{
	struct order o = { .c = c, .phase = malloc(c->j.n + 1) };
	size_t *ret = NULL, n = 0;

	if (!o.phase)
		return NULL;
	find_puts(&o);
	find_phases(&o);
	if (o.any)
		ret = malloc((c->j.n + 1) * sizeof(*ret));
	for (unsigned phase = OBJECTS; ret && phase <= OLD_OBJECTS; phase++)
		for (size_t i = 0; i < c->j.n; i++)
			if (o.phase[i] == phase)
				ret[n++] = i;
	free(o.phase);
	return ret;
}
