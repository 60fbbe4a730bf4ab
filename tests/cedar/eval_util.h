/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, entities and requests from text, for tests of evaluation. */
#pragma once

#include "cedar/eval/eval.h"
#include "tap.h"

struct world {
	struct cedar_policies s;
	struct cedar_diags d;
	struct cedar_entities *e;
	struct cedar_compiled *c;
	struct cedar_scratch *scratch;
	struct ward_arena *arena;
	struct cedar_request r;
};

static TAP_UNUSED struct ward_str text_of(const char *s)
{
	return (struct ward_str){ s, strlen(s) };
}

static TAP_UNUSED const char *why(const struct world *w)
{
	return w->d.n > 0 ? w->d.v[w->d.n - 1].message : "";
}

static TAP_UNUSED void world_begin(struct world *w, const char *entities)
{
	*w = (struct world){ 0 };
	REQUIRE(ward_cedar_diags_init(&w->d) == WARD_OK);
	REQUIRE(ward_cedar_policies_init(&w->s) == WARD_OK);
	w->scratch = ward_cedar_scratch_new();
	w->arena = ward_arena_new(0);
	REQUIRE(w->scratch != NULL && w->arena != NULL);
	if (entities != NULL &&
		ward_cedar_entities_parse(text_of(entities), NULL, &w->e, &w->d) != WARD_OK) {
		FAIL("entities: %s", why(w));
		REQUIRE(false);
	}
}

static TAP_UNUSED void world_end(struct world *w)
{
	ward_cedar_compiled_unref(w->c);
	ward_cedar_entities_unref(w->e);
	ward_cedar_scratch_free(w->scratch);
	ward_cedar_policies_done(&w->s);
	ward_cedar_diags_done(&w->d);
	ward_arena_free(w->arena);
}

static TAP_UNUSED const struct cedar_uid *uid_of(struct world *w, const char *text)
{
	const struct cedar_uid *uid = NULL;

	if (ward_cedar_parse_uid(w->s.pool, text_of(text), &uid, &w->d) != WARD_OK)
		FAIL("%s: %s", text, why(w));
	REQUIRE(uid != NULL);
	return uid;
}

static TAP_UNUSED void world_ask(struct world *w, const char *principal, const char *action,
	const char *resource, const char *context)
{
	w->r.principal = uid_of(w, principal);
	w->r.action = uid_of(w, action);
	w->r.resource = uid_of(w, resource);
	if (ward_cedar_context_parse(w->s.pool, text_of(context), NULL, NULL, &w->r.context,
		    &w->d) != WARD_OK)
		FAIL("%s: %s", context, why(w));
	REQUIRE(w->r.context != NULL);
}

/* Policies and templates, added. */
static TAP_UNUSED bool world_policies(struct world *w, const char *text, const char *prefix)
{
	struct cedar_parse_options o = { .id_prefix = prefix };

	if (ward_cedar_policies_parse(&w->s, text_of(text), &o, false, &w->d) == WARD_OK)
		return true;
	FAIL("%s: %s", text, why(w));
	return false;
}

static TAP_UNUSED bool world_compile(struct world *w)
{
	ward_cedar_compiled_unrefp(&w->c);
	if (ward_cedar_compile(&w->s, &w->c, &w->d) == WARD_OK)
		return true;
	FAIL("compile: %s", why(w));
	return false;
}

static TAP_UNUSED const char *fault_text(struct world *w, const struct cedar_fault *f)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *s;

	ward_cedar_fault_print(&b, f);
	s = ward_arena_strdup(w->arena, ward_buf_cstr(&b));
	ward_buf_done(&b);
	return s;
}
