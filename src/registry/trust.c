/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward trust: what lies in a repository's .ward, shown so that nothing in it can pass for anything else, and the user's word
 * that it may grant. What is pinned is what was read here, once, and shown; nothing is read again between the two.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "registry/layers.h"

struct trust {
	struct ward_arena *arena;
	struct ward_layers_where where;
	struct ward_layer_dir dir;
	struct ward_policy_file *v;
	const char *directory; /* real path */
	enum ward_trust_state state;
	const struct ward_pin *pin; /* as it was; NULL: none */
	struct ward_pins pins;
	const char *done; /* "show", "pin", "revoke" */
};

const char *ward_trust_state_name(enum ward_trust_state s)
{
	static const char *const names[] = {
#define WARD_X(id, name) [id] = name,
		WARD_TRUST_STATES(WARD_X)
#undef WARD_X
	};

	return (unsigned)s < WARD_TRUST_STATE_MAX ? names[s] : "unknown";
}

static int nomem(struct ward_error *err)
{
	return ward_fail(err, WARD_E_NOMEM, "out of memory");
}

static void trust_done(struct trust *t)
{
	ward_arena_free(t->arena);
}

static int begin(struct trust *t, const char *dir, const char *done, struct ward_error *err)
{
	t->done = done;
	t->arena = ward_arena_new(0);
	if (!t->arena)
		return nomem(err);
	return ward_layers_where_default(t->arena, dir, &t->where, err);
}

/* What is there, and what the pins say about it. */
static int look(struct trust *t, struct ward_error *err)
{
	const struct layer_rule rule = ward_layer_rule(&t->where, WARD_LAYER_REPOSITORY);
	const char *notice = NULL;
	int r = ward_layer_get(t->arena, &rule, t->where.workspace, &t->dir, &t->v, err);

	if (r >= 0 && !t->dir.present) {
		r = ward_fail(err, WARD_E_NOTFOUND, "there is nothing to trust");
		ward_fail_at(err, t->dir.path, 0, 0);
		ward_fail_fix(err, "name a directory that holds %s", LAYER_REPOSITORY_DIR);
	}
	if (r >= 0)
		r = ward_pins_look(t->arena, &t->where, &t->dir, t->v, &t->state, &notice, err);
	if (r >= 0)
		r = ward_pins_read(t->arena, &t->where, &t->pins, err);
	if (r < 0)
		return r;
	t->directory = ward_pin_directory(t->arena, &t->dir);
	if (!t->directory)
		return nomem(err);
	if (t->state != WARD_TRUST_NONE)
		t->pin = ward_pins_find(&t->pins, t->directory);
	return WARD_OK;
}

/* ---- the report ---- */

static const char *kind_name(enum ward_policy_kind kind)
{
	switch (kind) {
	case WARD_POLICY_CEDAR: return "cedar";
	case WARD_POLICY_DOCUMENT: return "document";
	case WARD_POLICY_IMPORT: return "import";
	case WARD_POLICY_EPOCH: return "epoch";
	default: return "note";
	}
}

static void put_file_json(struct ward_buf *b, const struct ward_policy_file *f)
{
	bool text = ward_utf8_valid(f->text.s, f->text.n) && !memchr(f->text.s, '\0', f->text.n);

	ward_jw_open(b, '{');
	ward_jw_kstr(b, "name", f->name);
	ward_jw_kstr(b, "kind", kind_name(f->kind));
	ward_jw_ku64(b, "bytes", f->text.n);
	ward_jw_kstr(b, "sha256", f->sha256);
	ward_jw_kstr(b, "text", text ? f->text.s : NULL);
	ward_jw_close(b, '}');
}

static void put_json(struct ward_buf *b, const struct trust *t)
{
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_kstr(b, "done", t->done);
	ward_jw_kstr(b, "directory", t->directory);
	ward_jw_kstr(b, "state", ward_trust_state_name(t->state));
	ward_jw_kstr(b, "sha256", t->dir.path ? t->dir.sha256 : NULL);
	ward_jw_key(b, "pinned");
	if (t->pin) {
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "sha256", t->pin->sha256);
		ward_jw_kstr(b, "time", t->pin->time);
		ward_jw_ku64(b, "uid", t->pin->uid);
		ward_jw_close(b, '}');
	} else {
		ward_jw_null(b);
	}
	ward_jw_key(b, "files");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < t->dir.n; i++)
		put_file_json(b, &t->v[i]);
	ward_jw_close(b, ']');
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
}

/* Line by line behind a bar, controls escaped: no text can look like a line of ours, or move the cursor. */
static void put_file_text(struct ward_buf *b, const struct ward_policy_file *f)
{
	const char *s = f->text.s, *end = s + f->text.n;

	ward_show(b, f->name, strlen(f->name));
	ward_buf_addf(b, " (%s, %zu bytes, sha256 %s)\n", kind_name(f->kind), f->text.n, f->sha256);
	while (s < end) {
		const char *newline = memchr(s, '\n', (size_t)(end - s));
		const char *stop = newline ? newline : end;

		ward_buf_adds(b, "  | ");
		ward_show(b, s, (size_t)(stop - s));
		ward_buf_addc(b, '\n');
		s = newline ? newline + 1 : end;
	}
}

static void put_state(struct ward_buf *b, const struct trust *t)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf differs = WARD_BUF_INIT;

	switch (t->state) {
	case WARD_TRUST_PINNED:
		ward_buf_addf(b, "trusted since %s by uid %u: it may grant, until it changes\n",
			t->pin->time, t->pin->uid);
		return;
	case WARD_TRUST_CHANGED:
		ward_pin_differences(&differs, t->pin, t->v, t->dir.n);
		b->failed |= differs.failed;
		ward_buf_adds(b, "not trusted any more, it only narrows: ");
		ward_show(b, ward_buf_cstr(&differs), ward_buf_str(&differs).n);
		ward_buf_addf(b, " since %s\n", t->pin->time);
		return;
	default: ward_buf_adds(b, "not trusted: it only narrows\n");
	}
}

static void put_text(struct ward_buf *b, const struct trust *t)
{
	for (size_t i = 0; i < t->dir.n; i++)
		put_file_text(b, &t->v[i]);
	ward_show(b, t->dir.path, strlen(t->dir.path));
	ward_buf_addf(b, ": %zu file%s, sha256 %s\n", t->dir.n, t->dir.n == 1 ? "" : "s",
		t->dir.sha256);
	put_state(b, t);
	if (t->state == WARD_TRUST_PINNED)
		return;
	ward_buf_addf(b, "to trust just this: ward trust --hash %s ", t->dir.sha256);
	ward_quote_shell(b, t->directory, strlen(t->directory));
	ward_buf_addc(b, '\n');
}

static void put_forgotten(struct ward_buf *b, const struct trust *t)
{
	ward_show(b, t->directory, strlen(t->directory));
	ward_buf_adds(b, ": not trusted any more, it only narrows\n");
}

static int report(const struct trust *t, bool json, char **ret_text, struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;

	if (json)
		put_json(&b, t);
	else if (t->dir.path == NULL) /* it was not looked at: forgotten */
		put_forgotten(&b, t);
	else
		put_text(&b, t);
	*ret_text = ward_buf_take(&b);
	if (*ret_text)
		return WARD_OK;
	ward_buf_done(&b);
	return nomem(err);
}

int ward_trust_show(const char *dir, bool json, char **ret_text, enum ward_trust_state *ret_state,
	struct ward_error *err)
{
	WARD_CLEANUP(trust_done) struct trust t = { 0 };
	int r;

	if (!dir || !ret_text || !ret_state)
		return ward_fail(err, WARD_E_INVALID,
			"ward_trust_show without a directory, or a place for what is found");
	*ret_text = NULL;
	*ret_state = WARD_TRUST_NONE;
	r = begin(&t, dir, "show", err);
	if (r >= 0)
		r = look(&t, err);
	if (r >= 0)
		r = report(&t, json, ret_text, err);
	if (r >= 0)
		*ret_state = t.state;
	return r;
}

/* ---- pin ---- */

static int may_pin(const struct trust *t, const char *hash, struct ward_error *err)
{
	if (hash && !ward_streq(hash, t->dir.sha256)) {
		ward_fail(err, WARD_E_REFUSED, "it is not what was looked at: its sha256 is %s",
			t->dir.sha256);
		ward_fail_at(err, t->dir.path, 0, 0);
		ward_fail_fix(err, "look again: ward trust --show DIR");
		return WARD_E_REFUSED;
	}
	if (!ward_utf8_valid(t->directory, strlen(t->directory))) {
		ward_fail(err, WARD_E_INVALID,
			"the path is not UTF-8, and cannot stand in the list of trusted ones");
		ward_fail_at(err, t->dir.path, 0, 0);
		ward_fail_fix(err, "rename the directory");
		return WARD_E_INVALID;
	}
	return WARD_OK;
}

static int make_pin(struct trust *t, struct ward_pin *pin, struct ward_error *err)
{
	time_t now = (time_t)(ward_now_wall_ns() / UINT64_C(1000000000));
	char text[32];
	struct tm tm;

	if (!gmtime_r(&now, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return ward_fail(err, WARD_E_SYSTEM, "the clock shows no date");
	*pin = (struct ward_pin){
		.directory = t->directory,
		.sha256 = t->dir.sha256,
		.time = ward_arena_strdup(t->arena, text),
		.uid = t->where.uid,
		.files = ward_arena_alloc(t->arena, (t->dir.n + 1) * sizeof(*pin->files)),
		.n_files = t->dir.n,
	};
	if (!pin->time || !pin->files)
		return nomem(err);
	for (size_t i = 0; i < t->dir.n; i++)
		pin->files[i] = (struct ward_pin_file){ t->v[i].name, t->v[i].sha256 };
	return WARD_OK;
}

int ward_trust_pin(const char *dir, const char *hash, bool json, char **ret_text,
	struct ward_error *err)
{
	WARD_CLEANUP(trust_done) struct trust t = { 0 };
	struct ward_pin pin;
	bool was = false;
	int r;

	if (!dir || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_trust_pin without a directory, or a place for the text");
	*ret_text = NULL;
	/* Says it early and clearly, no more: what holds is that the list of pins is in no view. */
	if (getenv("WARD_RUN")) {
		r = ward_fail(err, WARD_E_REFUSED,
			"a repository is not trusted from inside a sandbox (WARD_RUN is set)");
		ward_fail_fix(err, "say ward trust outside, after looking at it");
		return r;
	}
	r = begin(&t, dir, "pin", err);
	if (r >= 0)
		r = look(&t, err);
	if (r >= 0)
		r = may_pin(&t, hash, err);
	if (r >= 0)
		r = make_pin(&t, &pin, err);
	if (r < 0)
		return r;
	t.state = WARD_TRUST_PINNED;
	t.pin = &pin;
	/* First the text: a pin of which nobody was told would be the worse half. */
	r = report(&t, json, ret_text, err);
	if (r >= 0)
		r = ward_pins_write(t.arena, &t.where, &pin, &was, err);
	if (r < 0) {
		free(*ret_text);
		*ret_text = NULL;
	}
	return r;
}

/* ---- revoke ---- */

_Static_assert(WARD_PATH_MAX >= PATH_MAX, "realpath() writes that much");

/* The path under which dir is or would be pinned. */
static int find_directory(struct trust *t, const char *dir, struct ward_error *err)
{
	char cwd[WARD_PATH_MAX] = "/", path[WARD_PATH_MAX];
	int r = WARD_OK;

	if (!realpath(dir, path)) {
		if (dir[0] != '/' && !getcwd(cwd, sizeof(cwd)))
			return ward_fail(err, WARD_E_SYSTEM, "the current directory is unknown");
		r = ward_path_join(cwd, dir, path, sizeof(path));
	}
	if (r < 0) {
		ward_fail(err, r, "'%s' is no directory", dir);
		ward_fail_fix(err, "give the path that was trusted");
		return r;
	}
	t->directory = ward_arena_strdup(t->arena, path);
	return t->directory ? WARD_OK : nomem(err);
}

int ward_trust_revoke(const char *dir, bool json, char **ret_text, struct ward_error *err)
{
	WARD_CLEANUP(trust_done) struct trust t = { 0 };
	struct ward_pin none = { 0 };
	bool was = false;
	int r;

	if (!dir || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_trust_revoke without a directory, or a place for the text");
	*ret_text = NULL;
	r = begin(&t, dir, "revoke", err);
	if (r >= 0)
		r = find_directory(&t, dir, err);
	if (r < 0)
		return r;
	none.directory = t.directory;
	r = report(&t, json, ret_text, err);
	if (r >= 0)
		r = ward_pins_write(t.arena, &t.where, &none, &was, err);
	if (r >= 0 && !was) {
		r = ward_fail(err, WARD_E_NOTFOUND, "'%s' was not trusted", t.directory);
		ward_fail_fix(err, "give the path that was trusted");
	}
	if (r < 0) {
		free(*ret_text);
		*ret_text = NULL;
	}
	return r;
}
