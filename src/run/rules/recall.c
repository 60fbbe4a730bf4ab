/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that was: its policies as they were stored with it, as a book again, which answers as that run's did. The log says which
 * snapshot it was; the snapshot is believed if it has that hash, and if the book made of it has it too. docs/spec/snapshot.md
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "os/os.h"
#include "run/rules/tools.h"

#define RECALL_BYTES_MAX (256u << 20)

/* ---- the run in the log ---- */

struct finding {
	const char *run;
	bool found, kept; /* kept: its policies are stored */
	char sha256[WARD_SHA256_HEX];
	uint64_t started_ns;
};

static const char *text_of(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = o && o->type == WARD_JSON_OBJECT ? ward_json_get(o, key) : NULL;

	return v && v->type == WARD_JSON_STRING ? v->str.s : NULL;
}

/* From the end on. A second start of the same run (without what the host refused) is recorded again: the last one lived. */
static int look_at(void *arg, const struct ward_json *rec, const char *line, size_t n, uint64_t no)
{
	struct finding *f = arg;
	const char *kind = text_of(rec, "kind"), *policy = text_of(rec, "policy");
	const struct ward_json *ts = ward_json_get(rec, "ts"),
			       *detail = ward_json_get(rec, "detail");
	const struct ward_json *kept;

	(void)line;
	(void)n;
	(void)no;
	if (!ward_streq(text_of(rec, "run"), f->run))
		return WARD_OK;
	f->found = true;
	if (!ward_streq(kind, "run.start") || !policy || strlen(policy) != WARD_SHA256_HEX - 1 ||
		!ts || ts->type != WARD_JSON_INT || ts->i < 0)
		return WARD_OK;
	kept = detail && detail->type == WARD_JSON_OBJECT ? ward_json_get(detail, "snapshot")
							  : NULL;
	f->kept = kept && kept->type == WARD_JSON_BOOL && kept->b;
	memcpy(f->sha256, policy, WARD_SHA256_HEX);
	f->started_ns = (uint64_t)ts->i;
	return 1;
}

static int find(struct finding *f, const char *log, struct ward_error *err)
{
	int r;

	if (!ward_ulid_valid(f->run)) {
		(void)ward_fail(err, WARD_E_INVALID, "that names no run");
		ward_fail_fix(err,
			"give its identifier, as the outcome and ward audit show have it");
		return WARD_E_INVALID;
	}
	r = ward_audit_last_with(log, f->run, look_at, f, err);
	if (r < 0)
		return r;
	if (f->kept)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_NOTFOUND,
		!f->found ? "the log has no run of that name"
			: f->sha256[0]
			? "that run had no policies, only the capabilities that it was given"
			: "that run did not start");
	ward_fail_fix(err,
		f->found ? "its records say all: ward audit show"
			 : "name the log that it is in: --audit FILE");
	return WARD_E_NOTFOUND;
}

/* ---- the snapshot as what it was made of ---- */

struct recalling {
	struct ward_rulebook *b;
	struct ward_error *err;
	bool bad; /* something is not what a snapshot has */
	struct ward_who who;
	struct ward_circumstances now;
};

static const struct ward_json *member(struct recalling *c, const struct ward_json *o,
	const char *key, enum ward_json_type type)
{
	const struct ward_json *v = o && o->type == WARD_JSON_OBJECT ? ward_json_get(o, key) : NULL;

	if (!v || v->type != type)
		c->bad = true;
	return v && v->type == type ? v : NULL;
}

static const char *needed(struct recalling *c, const struct ward_json *o, const char *key)
{
	const struct ward_json *v = member(c, o, key, WARD_JSON_STRING);

	return v ? v->str.s : "";
}

/* Of what may be absent, or null. */
static const char *maybe(struct recalling *c, const struct ward_json *o, const char *key)
{
	const struct ward_json *v = o && o->type == WARD_JSON_OBJECT ? ward_json_get(o, key) : NULL;

	return v && v->type != WARD_JSON_NULL ? needed(c, o, key) : NULL;
}

/* Of a path, which may be no UTF-8. */
static const char *path(struct recalling *c, const struct ward_json *o, const char *key)
{
	const char *s = ward_json_path(ward_json_get(o, key), c->b->arena);

	if (!s)
		c->bad = true;
	return s ? s : "";
}

static const char *maybe_path(struct recalling *c, const struct ward_json *o, const char *key)
{
	const struct ward_json *v = ward_json_get(o, key);

	return v && v->type != WARD_JSON_NULL ? path(c, o, key) : NULL;
}

static bool flag(struct recalling *c, const struct ward_json *o, const char *key)
{
	const struct ward_json *v = member(c, o, key, WARD_JSON_BOOL);

	return v && v->b;
}

static int64_t number(struct recalling *c, const struct ward_json *o, const char *key)
{
	const struct ward_json *v = member(c, o, key, WARD_JSON_INT);

	return v ? v->i : 0;
}

/* Texts or, where paths says so, paths. */
static const char *const *list(struct recalling *c, const struct ward_json *o, const char *key,
	bool paths, size_t *ret_n)
{
	const struct ward_json *v = member(c, o, key, WARD_JSON_ARRAY), *e;
	const char **out, *s;

	*ret_n = 0;
	out = ward_arena_alloc(c->b->arena, ((v ? v->count : 0) + 1) * sizeof(*out));
	for (e = v ? v->child : NULL; out && e; e = e->next) {
		s = paths                             ? ward_json_path(e, c->b->arena)
			: e->type == WARD_JSON_STRING ? e->str.s
						      : NULL;
		if (s)
			out[(*ret_n)++] = s;
		else
			c->bad = true;
	}
	c->bad = c->bad || !out;
	return out;
}

static void who(struct recalling *c, const struct ward_json *root)
{
	const struct ward_json *o = member(c, root, "who", WARD_JSON_OBJECT);
	struct ward_who *w = &c->who;

	w->person = needed(c, o, "person");
	w->uid = number(c, o, "uid");
	w->agent = maybe(c, o, "agent");
	w->component = maybe(c, o, "component");
	w->component_name = maybe(c, o, "component_name");
	w->component_version = maybe(c, o, "component_version");
	w->repo_root = maybe_path(c, o, "repo_root");
	w->git_dirs = list(c, o, "git_dirs", true, &w->n_git_dirs);
	w->git_protected = list(c, o, "git_protected", true, &w->n_git_protected);
	c->b->repo_root = w->repo_root;
}

static void circumstances(struct recalling *c, const struct ward_json *root)
{
	const struct ward_json *o = member(c, root, "circumstances", WARD_JSON_OBJECT);
	struct ward_circumstances *n = &c->now;

	n->phase = maybe(c, o, "phase");
	n->environment = maybe(c, o, "environment");
	n->trust = maybe(c, o, "trust");
	n->mode = maybe(c, o, "mode");
	n->tier = number(c, o, "tier");
	n->labels = list(c, o, "labels", false, &n->n_labels);
}

static enum ward_layer layer(struct recalling *c, const char *name)
{
	for (unsigned l = 0; l < WARD_LAYER_MAX; l++) {
		if (ward_streq(ward_layer_name((enum ward_layer)l), name))
			return (enum ward_layer)l;
	}
	c->bad = true;
	return WARD_LAYER_CEILING;
}

static int sources(struct recalling *c, const struct ward_json *root)
{
	const struct ward_json *v = member(c, root, "sources", WARD_JSON_ARRAY), *e;
	int r = WARD_OK;

	for (e = v ? v->child : NULL; r == WARD_OK && e; e = e->next) {
		const struct ward_json *text = member(c, e, "text", WARD_JSON_STRING);
		int64_t number_of = number(c, e, "list");
		struct ward_source s = { .name = needed(c, e, "name"),
			.layer = layer(c, needed(c, e, "layer")),
			.narrows = flag(c, e, "narrows"),
			.inside = flag(c, e, "inside"),
			.generated = flag(c, e, "generated") };

		if (!text || number_of < 0 || number_of > UINT32_MAX)
			c->bad = true;
		if (c->bad)
			return WARD_OK;
		s.text = text->str;
		s.list = (unsigned)number_of;
		r = ward_sources_add(&c->b->sources, &s, c->err);
	}
	return r;
}

/* Ward's own schema, or the one of that time. */
static int schema(struct recalling *c, const struct ward_json *root, const char *log,
	struct ward_buf *text)
{
	const char *hash = needed(c, root, "schema");
	int r;

	if (c->bad || ward_streq(hash, ward_schema_sha256))
		return ward_rulebook_schema(c->b,
			(struct ward_str){ ward_schema_text, ward_schema_size }, c->err);
	if (strlen(hash) != WARD_SHA256_HEX - 1 || strchr(hash, '/')) {
		c->bad = true;
		return WARD_OK;
	}
	r = ward_store_read(log, hash, WARD_STORE_SCHEMA, text, c->err);
	if (r < 0)
		return r;
	return ward_rulebook_schema(c->b, (struct ward_str){ text->s, text->n }, c->err);
}

static int not_one(struct recalling *c, const char *sha256)
{
	(void)ward_fail(c->err, WARD_E_UNSUPPORTED,
		"the snapshot %s is not one that this version of Ward understands", sha256);
	ward_fail_fix(c->err, "ask the version that made the run");
	return WARD_E_UNSUPPORTED;
}

static int rebuild(struct recalling *c, const struct finding *f, const char *log,
	const struct ward_json *root, struct ward_buf *schema_text)
{
	struct ward_book_input in = { .who = &c->who, .circumstances = &c->now };
	int r;

	c->bad = root->type != WARD_JSON_OBJECT || number(c, root, "v") != 1;
	r = schema(c, root, log, schema_text);
	if (r == WARD_OK)
		r = sources(c, root);
	if (r < 0)
		return r;
	who(c, root);
	circumstances(c, root);
	c->who.run = f->run;
	in.schema = c->b->schema;
	in.schema_sha256 = needed(c, root, "schema");
	in.workspace = path(c, root, "workspace");
	in.sources = c->b->sources.v;
	in.n_sources = c->b->sources.n;
	if (c->bad)
		return not_one(c, f->sha256);
	r = ward_book_new(&in, &c->b->book, c->err);
	if (r == WARD_OK)
		r = ward_rules_circumstances(c->b, &in, c->err);
	if (r == WARD_OK)
		r = ward_rules_digest(c->b, c->err);
	/* A member that we do not know would be an answer that the run did not give. */
	return r == WARD_OK && !ward_streq(c->b->sha256, f->sha256) ? not_one(c, f->sha256) : r;
}

void ward_recalled_done(struct ward_recalled *r)
{
	ward_side_done(&r->side);
	ward_buf_done(&r->text);
	ward_buf_done(&r->schema);
	*r = (struct ward_recalled){ 0 };
}

/* Nobody but root could make it. */
#define NOWHERE "/\001ward\001"

/* As a run in that workspace is looked at; what is there is looked at now. */
static int place(struct ward_recalled *c, struct ward_error *err)
{
	struct ward_side *s = &c->side;

	s->r = ward_request_new(WARD_COMMAND_RUN);
	if (!s->r)
		return ward_rs_nomem(err);
	s->host = (struct ward_host){ .uid = geteuid(), .gid = getegid() };
	s->rs = (struct ward_resolver){
		.r = s->r, .host = &s->host, .arena = s->arena, .cwd = c->workspace
	};
	/* One that is gone is none: nothing is in it. */
	s->rs.workspace = stat(c->workspace, &s->rs.workspace_st) == 0 ? c->workspace : NOWHERE;
	return WARD_OK;
}

int ward_rules_recall(const struct ward_policy_run *of, struct ward_recalled *ret,
	struct ward_error *err)
{
	struct finding f = { .run = of->run };
	struct recalling c = { .err = err };
	struct ward_json *root;
	char log[WARD_PATH_MAX];
	int r = WARD_OK;

	*ret = (struct ward_recalled){ .text = WARD_BUF_INIT, .schema = WARD_BUF_INIT };
	if (!of->log)
		r = ward_audit_default_path(log, sizeof(log), err);
	if (r == WARD_OK)
		r = find(&f, of->log ? of->log : log, err);
	if (r == WARD_OK)
		r = ward_store_read(of->log, f.sha256, WARD_STORE_POLICY, &ret->text, err);
	if (r < 0)
		return r;
	ret->side.arena = ward_arena_new(RECALL_BYTES_MAX);
	ret->side.book = c.b = ward_rulebook_new();
	if (!ret->side.arena || !c.b)
		return ward_rs_nomem(err);
	r = ward_json_parse(ret->side.arena, ret->text.s, ret->text.n, f.sha256, &root, err);
	if (r == WARD_OK)
		r = rebuild(&c, &f, of->log, root, &ret->schema);
	if (r < 0)
		return r;
	ret->workspace = ward_arena_strdup(ret->side.arena, ward_book_workspace(c.b->book));
	ret->started_ms = (int64_t)(f.started_ns / 1000000);
	return ret->workspace ? place(ret, err) : ward_rs_nomem(err);
}

/* ---- the public side ---- */

int ward_policy_run_explain(const struct ward_policy_run *of, const char *action,
	const char *resource_given, bool json, char **ret_text, enum ward_answer *ret_answer,
	struct ward_error *err)
{
	struct ward_recalled c;
	int r;

	if (!of || !action || !resource_given || !ret_text || !ret_answer)
		return ward_fail(err, WARD_E_INVALID,
			"ward_policy_run_explain without a question, or a place for the answer");
	*ret_text = NULL;
	*ret_answer = WARD_ANSWER_DENY;
	r = ward_rules_recall(of, &c, err);
	if (r == WARD_OK) {
		c.side.rs.book = c.side.book;
		r = ward_rules_answer(&c.side.rs, c.started_ms, action, resource_given, json,
			ret_text, ret_answer, err);
	}
	ward_recalled_done(&c);
	return r;
}

int ward_policy_run_text(const struct ward_policy_run *of, enum ward_policy_form form,
	char **ret_text, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_recalled c;
	int r;

	if (!of || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_policy_run_text without a run, or a place for the text");
	*ret_text = NULL;
	if (form != WARD_POLICY_AS_CEDAR && form != WARD_POLICY_AS_SNAPSHOT)
		return ward_fail(err, WARD_E_INVALID, "no such form");
	r = ward_rules_recall(of, &c, err);
	if (r == WARD_OK)
		r = ward_rules_text(c.side.book, form, &b, err);
	ward_recalled_done(&c);
	if (r < 0)
		return r;
	*ret_text = ward_buf_take(&b);
	return *ret_text ? WARD_OK : ward_rs_nomem(err);
}
