/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot of a run's policy: one JSON document of all that a decision depends on but the question (sources as they were
 * read, who asks, circumstances, the schema by its hash), and its SHA-256. Two runs under one hash answer alike.
 */
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

static void paths(struct ward_buf *b, const char *key, const char *const *v, size_t n)
{
	ward_jw_key(b, key);
	ward_jw_open(b, '[');
	for (size_t i = 0; i < n; i++)
		ward_jw_path(b, v[i]);
	ward_jw_close(b, ']');
}

static void who(struct ward_buf *b, const struct ward_who *w)
{
	ward_jw_key(b, "who");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "person", w->person);
	ward_jw_ki64(b, "uid", w->uid);
	if (w->agent)
		ward_jw_kstr(b, "agent", w->agent);
	if (w->component) {
		ward_jw_kstr(b, "component", w->component);
		ward_jw_kstr(b, "component_name", w->component_name);
		ward_jw_kstr(b, "component_version", w->component_version);
	}
	ward_jw_key(b, "repo_root");
	ward_jw_path(b, w->repo_root);
	paths(b, "git_dirs", w->git_dirs, w->n_git_dirs);
	paths(b, "git_protected", w->git_protected, w->n_git_protected);
	ward_jw_close(b, '}');
}

static void circumstances(struct ward_buf *b, const struct ward_circumstances *c)
{
	ward_jw_key(b, "circumstances");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "phase", c->phase);
	ward_jw_kstr(b, "environment", c->environment);
	ward_jw_kstr(b, "trust", c->trust);
	ward_jw_kstr(b, "mode", c->mode);
	ward_jw_ki64(b, "tier", c->tier);
	ward_jw_kstrs(b, "labels", c->labels, c->n_labels);
	ward_jw_close(b, '}');
}

static void source(struct ward_buf *b, const struct ward_source *s, struct ward_buf *rule)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "name", s->name);
	ward_jw_kstr(b, "layer", ward_layer_name(s->layer));
	ward_jw_kbool(b, "narrows", s->narrows);
	ward_jw_ku64(b, "list", s->list);
	ward_jw_kbool(b, "generated", s->generated);
	ward_jw_kbool(b, "inside", s->inside);
	ward_jw_key(b, "text");
	ward_jw_str(b, s->text.s, s->text.n);
	/* Each rule goes where it belongs as it is written: a second whole text would be as large as the snapshot. */
	for (size_t i = 0; s->text.n == 0 && i < s->n_rules; i++) {
		ward_buf_clear(rule);
		ward_source_rule_text(&s->rules[i], rule);
		b->failed = b->failed || rule->failed;
		ward_jw_more(b, ward_buf_cstr(rule), ward_buf_str(rule).n);
	}
	ward_jw_close(b, '}');
}

static void before_sources(struct ward_buf *b, const struct ward_book_input *in)
{
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_kstr(b, "schema", in->schema_sha256 ? in->schema_sha256 : ward_schema_sha256);
	ward_jw_key(b, "workspace");
	ward_jw_path(b, in->workspace);
	who(b, in->who);
	circumstances(b, in->circumstances);
	ward_jw_key(b, "sources");
	ward_jw_open(b, '[');
}

int ward_rules_circumstances(struct ward_rulebook *b, const struct ward_book_input *in,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;

	before_sources(&text, in);
	b->circumstances = text.failed ? NULL : ward_arena_strdup(b->arena, ward_buf_cstr(&text));
	return b->circumstances ? WARD_OK : ward_rs_nomem(err);
}

/* About what it takes: a buffer that grows would leave half as much behind, and memory is what a start waits for most. */
static size_t room(const struct ward_rulebook *b)
{
	size_t n = 4096;

	for (size_t i = 0; i < b->sources.n; i++)
		n += b->sources.v[i].text.n + b->sources.v[i].text.n / 8 +
			b->sources.v[i].n_rules * 448;
	return n < (4u << 20) ? n : 4u << 20;
}

static int digest(struct ward_rulebook *b, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf rule = WARD_BUF_INIT;
	struct ward_buf *text = &b->snapshot;

	ward_buf_expect(text, room(b));
	ward_buf_adds(text, b->circumstances);
	for (size_t i = 0; i < b->sources.n; i++)
		source(text, &b->sources.v[i], &rule);
	ward_jw_close(text, ']');
	ward_jw_close(text, '}');
	if (text->failed)
		return ward_rs_nomem(err);
	ward_sha256_quicken();
	ward_sha256_hex(text->s, text->n, b->sha256);
	return WARD_OK;
}

static void ahead(void *arg)
{
	struct ward_rulebook *b = arg;

	b->digested = digest(b, &b->digest_err);
}

/* A thread costs what it takes to write and hash some twenty rules. */
#define MANY 50

void ward_rules_digest_ahead(struct ward_rulebook *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->sources.n; i++)
		n += b->sources.v[i].n_rules;
	if (n >= MANY && !b->sha256[0] && !b->digesting)
		b->digesting = ward_rules_beside(b, ahead, true);
	ward_worker_end(b->worker);
}

int ward_rules_digest(struct ward_rulebook *b, struct ward_error *err)
{
	if (b->digesting) {
		ward_worker_wait(b->worker, b->digesting);
		b->digesting = 0;
		if (b->digested < 0 && err)
			*err = b->digest_err;
		return b->digested;
	}
	return b->sha256[0] ? WARD_OK : digest(b, err);
}
