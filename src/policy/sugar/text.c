/* SPDX-License-Identifier: Apache-2.0 */
/* How a rule becomes the text of a policy. */
#include <stdlib.h>
#include <string.h>

#include "policy/sugar/own.h"

void ward_sources_done(struct ward_sources *s)
{
	if (s == NULL)
		return;
	free(s->v);
	s->v = NULL;
	s->n = s->cap = 0;
}

int ward_sources_add(struct ward_sources *s, const struct ward_source *src, struct ward_error *err)
{
	struct ward_source copy = *src;

	if (s->n == s->cap) {
		size_t cap = s->cap > 0 ? s->cap * 2 : 8;
		struct ward_source *v = realloc(s->v, cap * sizeof(*v));

		if (v == NULL)
			return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
		s->v = v;
		s->cap = cap;
	}
	copy.name = ward_arena_strdup(s->arena, src->name);
	copy.text.s = ward_arena_dup(s->arena, src->text.n > 0 ? src->text.s : "", src->text.n);
	if (copy.name == NULL || copy.text.s == NULL)
		return ward_fail(err, WARD_E_NOMEM, "no memory left for the policies");
	s->v[s->n++] = copy;
	return WARD_OK;
}

void ward_sugar_head(struct ward_buf *out, const struct ward_origin *origin, const char *text)
{
	struct ward_buf at = WARD_BUF_INIT;

	ward_buf_adds(&at, origin->file);
	if (origin->line > 0)
		ward_buf_addf(&at, ":%u:%u", origin->line, origin->column);
	ward_buf_adds(out, "@source(");
	ward_cedar_quote(out, (struct ward_str){ ward_buf_cstr(&at), at.n });
	ward_buf_adds(out, ")\n@text(");
	ward_cedar_quote(out, ward_str(text));
	ward_buf_adds(out, ")\n");
	out->failed = out->failed || at.failed;
	ward_buf_done(&at);
}

void ward_sugar_uid(struct ward_buf *out, const char *type, const char *id)
{
	ward_buf_addf(out, "Ward::%s::", type);
	ward_cedar_quote(out, ward_str(id));
}

/* A path of a rule as the id of an entity. */
static void path(struct ward_buf *out, const char *op, const char *p)
{
	struct ward_buf id = WARD_BUF_INIT;

	if (p[0] != '/')
		ward_buf_adds(&id, "./");
	if (!ward_streq(p, "."))
		ward_buf_adds(&id, p);
	ward_buf_addf(out, "resource %s ", op);
	ward_sugar_uid(out, "Path", ward_buf_cstr(&id));
	out->failed = out->failed || id.failed;
	ward_buf_done(&id);
}

void ward_sugar_resource(struct ward_buf *out, const struct ward_pattern *p,
	enum ward_grammar grammar)
{
	struct ward_str text = ward_pattern_text(p);
	struct ward_buf id = WARD_BUF_INIT;
	char name[WARD_PATH_MAX];

	if (ward_pattern_is_literal(p, name, sizeof(name))) {
		path(out, "==", name);
		return;
	}
	if (ward_pattern_is_subtree(p, name, sizeof(name))) {
		path(out, "in", name);
		return;
	}
	/* Patterns are relative by themselves. */
	if (text.n > 2 && text.s[0] == '.' && text.s[1] == '/')
		text = (struct ward_str){ text.s + 2, text.n - 2 };
	if (grammar == WARD_GRAMMAR_1)
		ward_pattern_escape1(&id, text);
	else
		ward_buf_add(&id, text.s, text.n);
	ward_buf_adds(out, "resource in ");
	ward_sugar_uid(out, "Glob", ward_buf_cstr(&id));
	out->failed = out->failed || id.failed;
	ward_buf_done(&id);
}

/* Absolute; a directory with two stars is all below it. In one spelling, as ids are. */
void ward_sugar_program(struct ward_buf *out, const char *resource)
{
	char dir[WARD_PATH_MAX], path[WARD_PATH_MAX];
	const char *p = ward_glob_is_subtree(resource, dir, sizeof(dir)) ? dir : resource;

	if (ward_path_normalize(p, path, sizeof(path)) < 0)
		out->failed = true;
	ward_buf_adds(out, "resource in ");
	ward_sugar_uid(out, "Path", path);
}

const char *ward_sugar_find(const struct ward_sugar_host *host, struct ward_arena *a,
	const char *name, const struct ward_origin *origin, struct ward_error *err)
{
	const char *found;

	if (name[0] == '/' || ward_streq(name, "*"))
		return name;
	found = host != NULL && host->program != NULL ? host->program(name, a, host->arg) : NULL;
	if (found != NULL)
		return found;
	(void)ward_fail(err, WARD_E_NOTFOUND, "there is no program \"%s\" on PATH", name);
	ward_fail_at(err, origin->file, origin->line, origin->column);
	ward_fail_fix(err, "write its whole path");
	return NULL;
}
