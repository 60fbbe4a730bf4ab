/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every run has without a rule, as policies: the runtime base (data/base), places that are private to it, and, where neither
 * a mode, a profile nor a capability speaks of programs, every program in the view. So `ward policy explain` answers for them
 * too, a mode or a ceiling can forbid them, and nothing is allowed that no policy permits.
 */
#include <string.h>

#include "run/caches/caches.h"

/* An entry of the base as rules. */
struct as_rules {
	const char *verb;
	bool shown; /* what the host has of it is in the view; else it is the sandbox's own */
	bool in, write;
};
static const struct as_rules as_rules[] = {
	[WARD_BASE_BIND] = { "bind", true, true, false },
	[WARD_BASE_PROC] = { "proc", false, true, true },
	[WARD_BASE_DEV] = { "dev", false, true, true },
	[WARD_BASE_PRIVATE] = { "private", false, true, true },
	[WARD_BASE_DIR] = { "dir", false, false, false },
	[WARD_BASE_LINK] = { "link", false, false, false },
	[WARD_BASE_GENERATE] = { "generate", false, false, false },
};

/* In parts: a text would be printed, and read again, at each start. */
static int base(struct ward_rulebook *b, bool shown, struct ward_error *err)
{
	struct ward_source_rule *v = ward_arena_alloc(b->arena, 2 * ward_base_n * sizeof(*v));
	struct ward_source_place *at = ward_arena_alloc(b->arena, ward_base_n * sizeof(*at));
	struct ward_source src = { .name = "data/base",
		.layer = WARD_LAYER_BUILTIN,
		.generated = true,
		.inside = !shown,
		.rules = v };

	for (size_t i = 0; v && at && i < ward_base_n; i++) {
		const struct ward_base_entry *e = &ward_base[i];
		const struct as_rules *how = &as_rules[e->verb];
		struct ward_source_rule rule = {
			.file = "data/base", .place = &at[i], .action = WARD_ACT_FS_READ
		};

		if (how->shown != shown || !ward_base_is_here(e))
			continue;
		rule.text = ward_arena_printf(b->arena, "%s %s", how->verb, e->path);
		if (!rule.text)
			return ward_rs_nomem(err);
		at[i] = (struct ward_source_place){ .id = e->path, .in = how->in };
		v[src.n_rules++] = rule;
		rule.action = WARD_ACT_FS_WRITE;
		if (how->write)
			v[src.n_rules++] = rule;
	}
	return v && at ? ward_sources_add(&b->sources, &src, err) : ward_rs_nomem(err);
}

static bool names_programs(const struct ward_resolver *rs, const struct ward_rulebook *b)
{
	for (size_t i = 0; i < rs->r->caps.n; i++) {
		if (rs->r->caps.v[i].type == WARD_CAP_EXTERNAL_COMMAND)
			return true;
	}
	return b->mode != NULL || b->profile != NULL || rs->r->kind != WARD_COMMAND_RUN;
}

/* A profile of "everything" does not mean what git executes for its user; one that names git's directory does. */
static bool names_git(const struct ward_profile *p)
{
	const struct ward_profile_op *op = &p->op[WARD_DOC_MODIFY];

	for (size_t i = 0; i < op->n_parts; i++) {
		const struct ward_doc_rules *rules = &op->parts[i].rules;

		for (size_t k = 0; k < rules->n; k++) {
			if (!rules->v[k].negated &&
				(strstr(rules->v[k].text, ".git/") ||
					ward_has_suffix(rules->v[k].text, ".git")))
				return true;
		}
	}
	return false;
}

/* A name that no text of a policy holds as it is stands in none: then it is not granted. */
static bool plain(const char *path)
{
	for (const char *s = path; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '"' || *s == '\\')
			return false;
	}
	return ward_utf8_valid(path, strlen(path));
}

/* spared: in it, and not meant; NULL: all of it is. */
static void toolchain(struct ward_buf *b, const char *what, const char *path,
	const struct ward_texts *spared)
{
	if (!path || !plain(path))
		return;
	for (size_t i = 0; spared && i < spared->n; i++)
		if (!plain(spared->v[i]))
			return;
	ward_buf_addf(b,
		"@source(\"data/runtimes\") @text(\"%s\")\npermit (principal, action == Ward::Action::\"fs.read\", "
		"resource in Ward::Path::\"%s\")",
		what, path);
	for (size_t i = 0; spared && i < spared->n; i++)
		ward_buf_addf(b, "%s resource in Ward::Path::\"%s\"", i == 0 ? " unless {" : " ||",
			spared->v[i]);
	ward_buf_adds(b, spared && spared->n > 0 ? " };\n" : ";\n");
}

/* In parts, as the base is. */
static int parts(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	int r = ward_rs_parts(rs, err);
	size_t n = rs->parts.n;
	struct ward_source_rule *v;
	struct ward_source_place *at;
	struct ward_source src = {
		.name = "data/runtimes", .layer = WARD_LAYER_BUILTIN, .generated = true
	};

	if (r < 0 || n == 0)
		return r;
	v = ward_arena_alloc(b->arena, n * sizeof(*v));
	at = ward_arena_alloc(b->arena, n * sizeof(*at));
	if (!v || !at)
		return ward_rs_nomem(err);
	for (size_t i = 0; i < n; i++) {
		/* The rules outlive who resolves: their text is written when the run starts. */
		at[i] = (struct ward_source_place){
			.id = ward_arena_strdup(b->arena, rs->parts.v[i]), .in = true
		};
		v[i] = (struct ward_source_rule){ .file = "data/runtimes",
			.place = &at[i],
			.action = WARD_ACT_FS_READ,
			.text = ward_arena_printf(b->arena, "part %s", rs->parts.v[i]) };
		if (!v[i].text || !at[i].id)
			return ward_rs_nomem(err);
	}
	src.rules = v;
	src.n_rules = n;
	return ward_sources_add(&b->sources, &src, err);
}

/* What the caller works with, under what is meant to work as it is: a mode, a profile. */
static int toolchains(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_buf *to,
	struct ward_error *err)
{
	struct ward_texts spared = { 0 };
	int r;

	if ((!b->mode && !b->profile) || rs->r->kind != WARD_COMMAND_RUN)
		return WARD_OK;
	r = parts(rs, b, err);
	if (r == WARD_OK)
		r = ward_rs_toolchains(rs, err);
	for (size_t i = 0; r == WARD_OK && i < rs->toolchains.n; i++) {
		struct ward_texts kept = { 0 };

		r = ward_rt_hidden(rs, rs->toolchains.v[i], &kept, err);
		if (r == WARD_OK)
			toolchain(to, "a runtime on your PATH", rs->toolchains.v[i], &kept);
	}
	for (size_t i = 0; r == WARD_OK && i < rs->linked.n; i++) {
		r = ward_rs_push(rs, &b->links, rs->linked.v[i], err);
		if (r == WARD_OK)
			toolchain(to, "a link on your PATH into a runtime", rs->linked.v[i], NULL);
	}
	for (size_t i = 0; r == WARD_OK && i < ward_caches_n; i++) {
		if (ward_cache_asked(rs, i) || !rs->caches[i])
			continue;
		r = ward_cache_hidden(rs, &ward_caches[i], rs->caches[i], &spared, err);
		if (r == WARD_OK)
			toolchain(to, "what a tool on your PATH fetched before", rs->caches[i],
				&spared);
	}
	return r;
}

static int add(struct ward_rulebook *b, const struct ward_buf *text, struct ward_error *err)
{
	struct ward_source src = {
		.name = "data/base", .layer = WARD_LAYER_BUILTIN, .generated = true
	};

	if (text->failed)
		return ward_rs_nomem(err);
	src.text = (struct ward_str){ text->n > 0 ? text->s : "", text->n };
	return ward_sources_add(&b->sources, &src, err);
}

int ward_rules_implied(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;
	int r = base(b, true, err);

	if (r == WARD_OK)
		r = base(b, false, err);
	if (r < 0)
		return r;
	if (!names_programs(rs, b))
		ward_buf_adds(&shown,
			"@source(\"implied\") @text(\"every program in the view\")\n"
			"permit (principal, action in Ward::Action::\"run_programs\", resource);\n");
	ward_buf_adds(&shown,
		"@source(\"implied\") @text(\".ward/ is not written by any run\") @reason(\".ward/ says what runs may do; no run writes it\")\n"
		"forbid (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./.ward\");\n");
	if (b->profile && !b->mode && !names_git(b->profile))
		ward_buf_adds(&shown,
			"@source(\"implied\") @text(\"what git obeys is not written\") @reason(\"git obeys its hooks and configuration outside, where nothing is confined; a profile that names .git may\")\n"
			"forbid (principal is Ward::Run, action == Ward::Action::\"fs.write\", resource) when { resource in principal.git_protected };\n");
	r = ward_rules_own(rs, &shown, err);
	if (r == WARD_OK)
		r = toolchains(rs, b, &shown, err);
	if (r == WARD_OK)
		r = add(b, &shown, err);
	return r;
}

bool ward_rules_of_base(const char *path)
{
	for (size_t i = 0; i < ward_base_n; i++) {
		if (ward_streq(ward_base[i].path, path) && ward_base_is_here(&ward_base[i]))
			return true;
	}
	return false;
}

bool ward_rules_base_cut(const struct ward_resolver *rs, size_t first)
{
	for (size_t i = first; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		for (size_t k = 0; k < first && (n->kind == WARD_NODE_MASK || n->noexec); k++) {
			if (rs->nodes[k].base && rs->nodes[k].kind == WARD_NODE_BIND &&
				(ward_path_within(n->dest, rs->nodes[k].dest) ||
					ward_path_within(rs->nodes[k].dest, n->dest)))
				return true;
		}
	}
	return false;
}
