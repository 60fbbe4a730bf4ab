/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All policies of a request become one book: mode, layers, profile, capabilities, what every run has. The order does not matter
 * for what is allowed, since permits add up and forbids always win; it is the order in which rules are shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "run/caches/caches.h"
#include "run/rules/rules.h"

#define RULES_BYTES_MAX (256u << 20)

static int warn_done(struct ward_rulebook *b, struct ward_error *err);

void ward_rulebook_free(struct ward_rulebook *b)
{
	struct ward_error ignored = WARD_ERROR_INIT;

	if (!b)
		return;
	if (b->digesting)
		(void)ward_rules_digest(b, &ignored);
	if (b->warning)
		(void)warn_done(b, &ignored);
	ward_worker_unref(b->worker);
	ward_desk_free(b->desk);
	ward_book_free(b->book);
	ward_sources_done(&b->sources);
	ward_docs_free(b->docs);
	ward_cedar_schema_free(b->schema);
	ward_buf_done(&b->snapshot);
	ward_arena_free(b->arena); /* b lives in it */
}

void ward_rulebook_freep(struct ward_rulebook **b)
{
	ward_rulebook_free(*b);
	*b = NULL;
}

/* Ward's own text, of now or of a run that was: an error in it is none of the caller's. */
int ward_rulebook_schema(struct ward_rulebook *b, struct ward_str text, struct ward_error *err)
{
	struct cedar_diags d;
	int r = ward_cedar_diags_init(&d);

	if (r == WARD_OK)
		r = ward_cedar_schema_parse(text, CEDAR_SCHEMA_TEXT, &b->schema, &d);
	ward_cedar_diags_done(&d);
	if (r == WARD_E_NOMEM)
		return ward_rs_nomem(err);
	return r == WARD_OK ? r
			    : ward_fail(err, WARD_E_INTERNAL, "Ward's own schema cannot be read");
}

/* It is read for those who have written a policy in Cedar: nothing else has to be validated. */
static int schema(struct ward_rulebook *b, struct ward_error *err)
{
	bool needed = false;

	for (size_t i = 0; !needed && i < b->sources.n; i++)
		needed = ward_source_unsure(&b->sources.v[i]);
	return needed ? ward_rulebook_schema(b,
				(struct ward_str){ ward_schema_text, ward_schema_size }, err)
		      : WARD_OK;
}

struct ward_rulebook *ward_rulebook_new(void)
{
	struct ward_arena *a = ward_arena_new(RULES_BYTES_MAX);
	struct ward_rulebook *b = a ? ward_arena_alloc(a, sizeof(*b)) : NULL;

	if (!b) {
		ward_arena_free(a);
		return NULL;
	}
	b->arena = a;
	b->sources.arena = a;
	b->docs = ward_docs_new();
	b->desk = ward_desk_new();
	if (!b->docs || !b->desk)
		ward_rulebook_freep(&b);
	return b;
}

/* ---- sources ---- */

/* A text of data/, as it was built in. */
static int add_shipped(struct ward_rulebook *b, const char *name, struct ward_str text,
	struct ward_error *err)
{
	struct ward_source src = {
		.name = name, .text = text, .layer = WARD_LAYER_BUILTIN, .shipped = true
	};

	return ward_sources_add(&b->sources, &src, err);
}

static int add_cedar(struct ward_rulebook *b, const char *name, struct ward_str text,
	enum ward_layer layer, bool narrows, struct ward_error *err)
{
	struct ward_source src = { .name = name, .text = text, .layer = layer, .narrows = narrows };

	return ward_sources_add(&b->sources, &src, err);
}

static int add_document(struct ward_rulebook *b, const char *name, struct ward_str text,
	enum ward_layer layer, struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(RULES_BYTES_MAX);
	struct ward_json *root;
	int r;

	if (!a)
		return ward_rs_nomem(err);
	b->document_bytes += text.n;
	r = ward_tree_parse(a, text.s, text.n, name, &root, err);
	return r == WARD_OK ? ward_docs_add(b->docs, layer, root, name, err) : r;
}

/* What a start has read meanwhile. False: it has not. */
static bool add_read(struct ward_resolver *rs, struct ward_rulebook *b, const char *name,
	enum ward_layer layer, int *ret, struct ward_error *err)
{
	size_t bytes;
	struct ward_doc_alone *one = ward_ahead_take(rs->r->ahead, name, layer, &bytes);

	if (!one)
		return false;
	b->document_bytes += bytes;
	*ret = ward_docs_take(b->docs, one, err);
	return true;
}

#define SHIPPED_PROFILES "data/profiles.yaml"

static bool is_document(const char *path)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(endings); i++) {
		if (ward_has_suffix(path, endings[i]))
			return !ward_has_suffix(path, ".cedar.json");
	}
	return false;
}

#define MANY_BYTES 2048 /* of documents, where a thread costs less than they do */
#define VERY_MANY_BYTES 4096 /* of one, where what rules are made of takes most of a megabyte */

static bool has_very_many(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_size >= VERY_MANY_BYTES;
}

void ward_rules_read_ahead(struct ward_request *r)
{
	struct ward_ahead_item items[WARD_DOCS_MAX];
	bool many = false;
	size_t n = 0;

	ward_ahead_free(r->ahead);
	for (size_t i = 0; i < r->n_policies && n + 1 < WARD_ARRAY_SIZE(items); i++) {
		const char *path = r->policies[i].path;

		if (!is_document(path))
			continue;
		items[n++] = (struct ward_ahead_item){ .name = path, .layer = WARD_LAYER_RUN };
		many = many || has_very_many(path);
	}
	if (r->profile)
		items[n++] = (struct ward_ahead_item){ .name = SHIPPED_PROFILES,
			.text = { ward_profiles_text, ward_profiles_size },
			.layer = WARD_LAYER_BUILTIN };
	if (many)
		ward_memory_expect();
	r->ahead = ward_ahead_start(items, n);
}

static const char *lookup(const char *name, struct ward_arena *a, void *arg)
{
	struct ward_resolver *rs = arg;
	struct ward_target t;
	const char *at;

	if (ward_rs_lookup(rs, name, true, &at, &t) < 0)
		return NULL;
	return ward_arena_strdup(a, t.path);
}

static int lookup_all(const char *name, struct ward_arena *a, const char *const **ret, void *arg,
	struct ward_error *err)
{
	struct ward_resolver *rs = arg;
	struct ward_texts found = { 0 };
	int r = ward_rs_lookup_all(rs, name, &found, err);
	const char **v;

	if (r < 0)
		return r;
	v = ward_arena_alloc(a, (found.n + 1) * sizeof(*v));
	for (size_t i = 0; v && i < found.n; i++) {
		v[i] = ward_arena_strdup(a, found.v[i]);
		if (!v[i])
			return ward_rs_nomem(err);
	}
	*ret = v;
	return v ? WARD_OK : ward_rs_nomem(err);
}

static int in_vain(const char *name, const struct ward_origin *o, void *arg, struct ward_error *err)
{
	struct ward_resolver *rs = arg;

	/* Whoever checks a policy wants to know; a start of one that many hosts share has nothing to fear of what it has not. */
	if (rs->starts)
		return WARD_OK;
	return ward_rs_warn(rs, err,
		"%s:%u:%u: denyExec %s takes nothing away: there is no program of that name on the PATH; name its path, or take it out",
		o->file, o->line, o->column, ward_rs_show(rs, name));
}

static struct ward_sugar_host sugar_host(struct ward_resolver *rs)
{
	return (struct ward_sugar_host){ .cwd = rs->cwd,
		.program = lookup,
		.programs = lookup_all,
		.in_vain = in_vain,
		.arg = rs };
}

static int add_import(struct ward_resolver *rs, struct ward_rulebook *b,
	const struct ward_sugar_from *from, struct ward_str text, struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(RULES_BYTES_MAX);
	struct ward_sugar_host host = sugar_host(rs);
	struct ward_json *root;
	int r;

	if (!a)
		return ward_rs_nomem(err);
	r = ward_tree_parse(a, text.s, text.n, from->file, &root, err);
	return r == WARD_OK ? ward_sugar_import(&b->sources, root, from, &host, err) : r;
}

static int add_file(struct ward_resolver *rs, struct ward_rulebook *b, const char *path,
	enum ward_layer layer, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = { .max = WARD_LAYER_FILE_BYTES_MAX };
	struct ward_str s;
	int r;

	if (is_document(path) && add_read(rs, b, path, layer, &r, err))
		return r;
	r = ward_read_file(path, WARD_LAYER_FILE_BYTES_MAX, &text, err);
	if (r < 0)
		return r;
	s = (struct ward_str){ ward_buf_cstr(&text), text.n };
	if (ward_has_suffix(path, ".cedar"))
		return add_cedar(b, path, s, layer, false, err);
	if (ward_has_suffix(path, ".cedar.json"))
		return add_import(rs, b, &(struct ward_sugar_from){ .file = path, .layer = layer },
			s, err);
	if (is_document(path))
		return add_document(b, path, s, layer, err);
	(void)ward_fail(err, WARD_E_INVALID, "the name does not say what it holds");
	ward_fail_at(err, path, 0, 0);
	ward_fail_fix(err,
		"policies are NAME.cedar, documents NAME.yaml or NAME.json, grants of components NAME.cedar.json");
	return WARD_E_INVALID;
}

/* ---- all of them ---- */

static int mode(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	b->mode = ward_mode(rs->r->mode);
	if (!b->mode)
		return WARD_OK;
	return add_shipped(b, b->mode->file, (struct ward_str){ b->mode->text, b->mode->n }, err);
}

#define END_OF_TIME 253402300799u /* 9999-12-31T23:59:59Z */

/* What the user said yes to for a while, and that is over, is no policy any more; its lines stay where they are. */
static int own_rules(struct ward_resolver *rs, struct ward_rulebook *b,
	const struct ward_policy_file *f, struct ward_error *err)
{
	char *text = ward_arena_dup(b->arena, f->text.s, f->text.n);
	uint64_t now = ward_now_wall_ns() / 1000000000;
	enum ward_rule_doubt doubt;

	if (!text)
		return ward_rs_nomem(err);
	if (ward_rule_check(text, f->text.n, f->path, err) < 0)
		return WARD_E_PARSE;
	doubt = ward_rule_doubt(text, f->text.n, f->written, now);
	/* To leave out a permit is safe, to leave out a forbid would allow. */
	if (doubt == WARD_RULE_DOUBTED_FORBID)
		return ward_rule_doubt_fail(f->path,
			"whether a forbid under \"// until\" is over is not known", err);
	if (doubt) {
		now = END_OF_TIME;
		if (ward_rs_warn(rs, err,
			    "%s was written later than this host's clock says it is: what stands under \"// until\" does not count",
			    f->path) < 0)
			return WARD_E_NOMEM;
	}
	ward_rule_expire(text, f->text.n, now);
	return add_cedar(b, f->path, (struct ward_str){ text, f->text.n }, f->layer, !f->may_grant,
		err);
}

static int layer_file(struct ward_resolver *rs, struct ward_rulebook *b,
	const struct ward_policy_file *f, struct ward_error *err)
{
	if (f->layer == WARD_LAYER_USER &&
		(ward_streq(f->name, WARD_APPROVED_FILE) || ward_streq(f->name, WARD_ALLOWED_FILE)))
		return own_rules(rs, b, f, err);
	if (f->kind == WARD_POLICY_CEDAR)
		return add_cedar(b, f->path, f->text, f->layer, !f->may_grant, err);
	if (f->kind == WARD_POLICY_DOCUMENT)
		return add_document(b, f->path, f->text, f->layer, err);
	if (f->kind == WARD_POLICY_IMPORT)
		return add_import(rs, b,
			&(struct ward_sugar_from){
				.file = f->path, .layer = f->layer, .narrows = !f->may_grant },
			f->text, err);
	return WARD_OK;
}

static bool is_closed(const char *path)
{
	return path && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == EACCES;
}

/* Nothing but blanks and comments. */
static bool says_nothing(struct ward_str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] == '/' && i + 1 < text.n && text.s[i + 1] == '/') {
			while (i < text.n && text.s[i] != '\n' && text.s[i] != '\r')
				i++;
		} else if (strchr(" \t\r\n", text.s[i]) == NULL || text.s[i] == '\0') {
			return false;
		}
	}
	return true;
}

/* Of a line that was cut something else is left. A policy in Cedar ends with its own mark, and what is JSON with a bracket. */
static int warn_of_cut(struct ward_resolver *rs, const struct ward_layers *l,
	struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < l->ceiling.n; i++) {
		const struct ward_policy_file *f = &l->v[l->ceiling.first + i];

		if (f->kind == WARD_POLICY_DOCUMENT && !ward_has_suffix(f->path, ".json") &&
			f->text.n > 0 && f->text.s[f->text.n - 1] != '\n')
			r = ward_rs_warn(rs, err,
				"%s: the last line has no newline: it may have been cut short, and say less than it did; end it with one",
				ward_rs_show(rs, f->path));
	}
	return r;
}

/* An empty ceiling allows nothing: that its files are gone is no reason to be held by none. */
static int empty_ceiling(const struct ward_layers *l, struct ward_error *err)
{
	bool any = !l->ceiling.present;

	for (size_t i = 0; i < l->ceiling.n; i++) {
		const struct ward_policy_file *f = &l->v[l->ceiling.first + i];
		enum ward_policy_kind kind = f->kind;

		/* One that was cut short, by a full disk say: what it forbade nobody knows. */
		if (kind == WARD_POLICY_CEDAR && says_nothing(f->text)) {
			(void)ward_fail(err, WARD_E_REFUSED,
				"this file of the ceiling holds no policy");
			ward_fail_at(err, f->path, 0, 0);
			ward_fail_fix(err, "write what it is to say, or take it away");
			return WARD_E_REFUSED;
		}
		any = any || kind == WARD_POLICY_CEDAR || kind == WARD_POLICY_DOCUMENT ||
			kind == WARD_POLICY_IMPORT;
	}
	if (any)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_REFUSED,
		"the ceiling holds no policy, and an empty one allows nothing");
	ward_fail_at(err, l->ceiling.path, 0, 0);
	ward_fail_fix(err,
		"write one, such as a NAME.cedar of forbids, or take the directory away");
	return WARD_E_REFUSED;
}

static int layers(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	struct ward_layers_where where;
	int r = ward_layers_where_default(b->arena, rs->workspace, &where, err);

	/* HOME is another user's (sudo -u): what lies there is not this caller's policy. */
	if (r == WARD_OK && is_closed(where.user)) {
		r = ward_rs_warn(rs, err,
			"%s may not be looked at by you: no policies of a user are used",
			ward_rs_show(rs, where.user));
		where.user = where.trust = NULL;
	}
	if (r == WARD_OK)
		r = ward_layers_load(b->arena, &where, &b->layers, err);
	if (r == WARD_OK)
		r = empty_ceiling(b->layers, err);
	if (r == WARD_OK)
		r = warn_of_cut(rs, b->layers, err);
	for (size_t i = 0; r == WARD_OK && i < b->layers->n; i++)
		r = layer_file(rs, b, &b->layers->v[i], err);
	if (r == WARD_OK && b->layers->notice)
		r = ward_rs_warn(rs, err, "%s", b->layers->notice);
	return r;
}

static int files(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	int r = layers(rs, b, err);

	for (size_t i = 0; r == WARD_OK && i < rs->r->n_policies; i++)
		r = add_file(rs, b, rs->r->policies[i].path, WARD_LAYER_RUN, err);
	return r;
}

/* ---- warnings: of many rules by a thread, since nothing but the plan's text waits for them ---- */

/* Who read the documents, if anybody did, does this as well: a thread more costs more than it is told. */
unsigned ward_rules_beside(struct ward_rulebook *b, void (*fn)(void *arg), bool last)
{
	if (b->worker)
		return ward_worker_give(b->worker, fn, b, last);
	b->worker = ward_worker_new(fn, b);
	if (last)
		ward_worker_end(b->worker);
	return b->worker != NULL;
}

static void warn(void *arg)
{
	struct ward_rulebook *b = arg;

	b->warned = ward_docs_warn(b->docs, &b->warn_err);
}

static void warn_ahead(struct ward_resolver *rs, struct ward_rulebook *b)
{
	b->warnings_at = rs->warnings.n;
	if (rs->starts && b->document_bytes >= MANY_BYTES)
		b->warning = ward_rules_beside(b, warn, false);
}

static int warn_done(struct ward_rulebook *b, struct ward_error *err)
{
	if (!b->warning)
		return ward_docs_warn(b->docs, err);
	ward_worker_wait(b->worker, b->warning);
	b->warning = 0;
	if (b->warned < 0 && err)
		*err = b->warn_err;
	return b->warned;
}

/* What came behind `from` goes to `at`: it would have stood there. */
static int move_up(struct ward_resolver *rs, size_t at, size_t from, struct ward_error *err)
{
	struct ward_texts *t = &rs->warnings;
	size_t n = t->n - from;
	const char **v = ward_arena_alloc(rs->arena, (n + 1) * sizeof(*v));

	if (!v)
		return ward_rs_nomem(err);
	if (n == 0 || at >= from)
		return WARD_OK;
	memcpy(v, t->v + from, n * sizeof(*v));
	memmove(t->v + at + n, t->v + at, (from - at) * sizeof(*v));
	memcpy(t->v + at, v, n * sizeof(*v));
	return WARD_OK;
}

static int keep_warnings(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	size_t n, from = rs->warnings.n;
	const struct ward_doc_warning *w;
	int r = warn_done(b, err);

	if (r < 0 || b->warnings_kept)
		return r;
	b->warnings_kept = true;
	w = ward_docs_warnings(b->docs, &n);
	for (size_t i = 0; r == WARD_OK && i < n; i++)
		r = ward_rs_warn(rs, err, "%s:%u:%u: %s%s%s", w[i].origin.file, w[i].origin.line,
			w[i].origin.column, w[i].message, w[i].fix[0] ? "; " : "", w[i].fix);
	return r == WARD_OK ? move_up(rs, b->warnings_at, from, err) : r;
}

int ward_rules_warned(struct ward_resolver *rs, struct ward_error *err)
{
	return rs->book ? keep_warnings(rs, rs->book, err) : WARD_OK;
}

static int documents(struct ward_resolver *rs, struct ward_rulebook *b,
	const struct ward_sugar_host *host, struct ward_error *err)
{
	static const struct ward_origin option = { .file = "--profile" };
	int r = WARD_OK;

	/* A document may extend them, whatever profile is asked for. */
	if ((rs->r->profile || b->document_bytes > 0) &&
		!add_read(rs, b, SHIPPED_PROFILES, WARD_LAYER_BUILTIN, &r, err))
		r = add_document(b, SHIPPED_PROFILES,
			(struct ward_str){ ward_profiles_text, ward_profiles_size },
			WARD_LAYER_BUILTIN, err);
	if (r == WARD_OK)
		r = ward_docs_check_errors(b->docs, err);
	if (r == WARD_OK)
		warn_ahead(rs, b);
	if (r == WARD_OK && rs->r->profile)
		r = ward_docs_resolve(b->docs, rs->r->profile, &option, &b->profile, err);
	if (r == WARD_OK && b->profile)
		r = ward_sugar_profile(&b->sources, b->profile, host, err);
	else if (r == WARD_OK)
		r = ward_sugar_denies(&b->sources, b->docs, err);
	return r == WARD_OK && !b->warning ? keep_warnings(rs, b, err) : r;
}

static int sources(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	struct ward_sugar_host host = sugar_host(rs);
	struct ward_caps linked;
	int r = mode(rs, b, err);

	if (r == WARD_OK)
		r = add_shipped(b, "data/start.cedar",
			(struct ward_str){ ward_start_text, ward_start_size }, err);
	if (r == WARD_OK)
		r = files(rs, b, err);
	host.repository_grants = b->layers && b->layers->trust == WARD_TRUST_PINNED;
	if (r == WARD_OK)
		r = documents(rs, b, &host, err);
	if (r == WARD_OK)
		r = ward_rules_caches(rs, b, host.repository_grants, err);
	if (r == WARD_OK)
		r = ward_rules_linked(rs, b, &linked, err);
	if (r == WARD_OK)
		r = ward_sugar_caps(&b->sources, &linked, WARD_LAYER_RUN, &host, err);
	return r == WARD_OK ? ward_rules_implied(rs, b, err) : r;
}

static int keep_vain(struct ward_resolver *rs, const struct ward_book *book, struct ward_error *err)
{
	size_t n;
	const struct ward_book_warning *w = ward_book_warnings(book, &n);
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < n; i++)
		r = ward_rs_warn(rs, err, "%s:%u:%u: %s", w[i].file, w[i].line, w[i].column,
			w[i].message);
	return r;
}

static int book(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	struct ward_who who = {
		.run = rs->r->run_id ? rs->r->run_id : "00000000000000000000000000",
		.uid = rs->host->uid,
		.repo_root = b->repo_root,
		.git_dirs = b->git.dirs.v,
		.n_git_dirs = b->git.dirs.n,
		.git_protected = b->git.guarded.v,
		.n_git_protected = b->git.guarded.n,
		.component = b->component ? b->component->id : NULL,
		.component_name = b->component ? b->component->name : NULL,
		.component_version = b->component ? b->component->version : NULL,
	};
	struct ward_circumstances now = {
		.mode = b->mode ? b->mode->name : NULL,
		.environment = rs->r->environment,
		.trust = b->trust,
		.phase = b->component ? b->component->phase : NULL,
		.tier = ward_rules_tier(rs),
		.labels = rs->r->labels,
		.n_labels = rs->r->n_labels,
	};
	struct ward_book_input in = {
		.workspace = rs->workspace,
		.sources = b->sources.v,
		.n_sources = b->sources.n,
		.who = &who,
		.circumstances = &now,
		.starts = rs->starts,
		.patterns_stay = true, /* they are b->docs' and b->sources' */
	};
	int r = ward_rules_person(rs, b, &who.person, err);

	if (r == WARD_OK)
		r = schema(b, err);
	if (r < 0)
		return r;
	in.schema = b->schema;
	r = ward_book_new(&in, &b->book, err);
	if (r == WARD_OK)
		r = keep_vain(rs, b->book, err);
	return r == WARD_OK ? ward_rules_circumstances(b, &in, err) : r;
}

/* The layer is the workspace's. Of what a mode lets be read above it that policy says nothing, which people may not expect. */
static int warn_above(struct ward_resolver *rs, const char *top, struct ward_error *err)
{
	const char *above = ward_rs_absolute(rs, top, ".ward");
	struct ward_target t;

	if (ward_streq(top, rs->workspace) || !above || ward_rs_target(rs, above, &t) < 0 ||
		!S_ISDIR(t.st.st_mode) || ward_rs_is_pin(&t))
		return WARD_OK;
	return ward_rs_warn(rs, err,
		"the policy in %s is not used, as the workspace is %s: it is with --workspace",
		above, rs->workspace);
}

/* The repository's top bounds reads: named, or git's. */
static int places(struct ward_resolver *rs, struct ward_rulebook *b, struct ward_error *err)
{
	struct ward_target t;
	int r = ward_rs_git(rs, &b->git, err);

	b->repo_root = b->git.top ? b->git.top : rs->workspace;
	if (r == WARD_OK)
		r = warn_above(rs, b->repo_root, err);
	if (r != WARD_OK || !rs->r->repo_root)
		return r;
	if (ward_rs_target(rs, ward_rs_absolute(rs, rs->cwd, rs->r->repo_root), &t) < 0 ||
		!S_ISDIR(t.st.st_mode) || !ward_path_within(rs->workspace, t.path)) {
		(void)ward_fail(err, WARD_E_INVALID,
			"%s is no directory that the workspace lies in",
			ward_rs_show(rs, rs->r->repo_root));
		ward_fail_at(err, "--repo-root", 0, 0);
		ward_fail_fix(err, "name the repository's top directory; the workspace is %s",
			ward_rs_show(rs, rs->workspace));
		return WARD_E_INVALID;
	}
	b->repo_root = t.path;
	return WARD_OK;
}

int ward_rs_rules(struct ward_resolver *rs, struct ward_rulebook **ret, struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *b = ward_rulebook_new();
	int r;

	*ret = NULL;
	if (!b)
		return ward_rs_nomem(err);
	b->worker = rs->starts ? ward_ahead_worker(rs->r->ahead) : NULL;
	r = places(rs, b, err);
	if (r == WARD_OK)
		r = ward_rules_component(rs, b, err);
	b->trust = ward_rules_trust(rs, b);
	if (r == WARD_OK)
		r = sources(rs, b, err);
	if (r == WARD_OK)
		r = book(rs, b, err);
	if (r < 0)
		return r;
	*ret = b;
	b = NULL;
	return WARD_OK;
}

int ward_rules_of(struct ward_request *r, struct ward_host *host, struct ward_resolver *rs,
	struct ward_arena **ret_arena, struct ward_rulebook **ret, struct ward_error *err)
{
	int code;

	*ret = NULL;
	*ret_arena = ward_arena_new(RULES_BYTES_MAX);
	*host = (struct ward_host){ .uid = geteuid(), .gid = getegid() };
	*rs = (struct ward_resolver){ .r = r, .host = host, .arena = *ret_arena };
	if (!*ret_arena)
		return ward_rs_nomem(err);
	code = ward_rs_begin(rs, err);
	if (code == WARD_OK)
		code = ward_rs_rules(rs, ret, err);
	return code == WARD_OK ? ward_rules_digest(*ret, err) : code;
}

/* ---- a ceiling by itself ---- */

/* Everything is granted, so that the answer is the ceiling's. Profiles that it defines are for those who name them at a start. */
static int ceiling_sources(struct ward_resolver *rs, struct ward_rulebook *b,
	const struct ward_layers *ceiling, struct ward_error *err)
{
	static const char all[] = "@source(\"the run\") @text(\"what the run was granted\")\n"
				  "permit (principal, action, resource);\n";
	const struct ward_source src = { .name = "the run",
		.text = { all, sizeof(all) - 1 },
		.layer = WARD_LAYER_RUN,
		.generated = true };
	int r = ward_sources_add(&b->sources, &src, err);

	if (r == WARD_OK)
		r = empty_ceiling(ceiling, err);
	for (size_t i = 0; r == WARD_OK && i < ceiling->n; i++)
		r = layer_file(rs, b, &ceiling->v[i], err);
	if (r == WARD_OK)
		r = ward_docs_check(b->docs, err);
	return r == WARD_OK ? ward_sugar_denies(&b->sources, b->docs, err) : r;
}

int ward_rules_ceiling(struct ward_resolver *rs, const struct ward_layers *ceiling,
	struct ward_rulebook **ret, struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *b = ward_rulebook_new();
	int r;

	*ret = NULL;
	if (!b)
		return ward_rs_nomem(err);
	b->mode = ward_mode(rs->r->mode);
	r = places(rs, b, err);
	if (r == WARD_OK)
		r = ward_rules_component(rs, b, err);
	b->trust = ward_rules_trust(rs, b);
	if (r == WARD_OK)
		r = ceiling_sources(rs, b, ceiling, err);
	if (r == WARD_OK)
		r = book(rs, b, err);
	if (r < 0)
		return r;
	*ret = b;
	b = NULL;
	return WARD_OK;
}

/* A directory of policies that is there, or that cannot be looked at, counts. */
static bool may_be_there(const char *path)
{
	return path &&
		(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT) &&
		!ward_was_pin(AT_FDCWD, path);
}

/* It would do nothing, and whoever named it believes that it does. */
static int no_root_alone(const struct ward_request *r, struct ward_error *err)
{
	if (!r->repo_root)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_INVALID,
		"nothing asks where the repository ends: there is no mode, no profile and no policy");
	ward_fail_at(err, "--repo-root", 0, 0);
	ward_fail_fix(err, "--mode MODE with it, or leave it out");
	return WARD_E_INVALID;
}

/* Whoever names no policy, where nobody has written any, pays for none. */
int ward_rules_wanted(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_request *r = rs->r;
	struct ward_layers_where where;
	bool own = false;
	int code = ward_rules_own_granted(rs, &own, err);

	if (code < 0)
		return code;
	/* What a run under review did is judged when it is made real, by what its policies were. */
	if (!own && r->review == WARD_REVIEW_NOT && r->mode == WARD_MODE_NONE && !r->profile &&
		r->n_policies == 0 && !r->component && !r->trust && !r->environment &&
		r->tier == 0) {
		code = ward_layers_where_default(rs->arena, rs->workspace, &where, NULL);
		/* Without a home there is no user's layer; the others count all the same. */
		if (code == WARD_OK && !may_be_there(where.ceiling) &&
			(!may_be_there(where.user) || is_closed(where.user)) &&
			!may_be_there(ward_rs_absolute(rs, rs->workspace, ".ward")))
			return no_root_alone(r, err);
		if (code != WARD_OK && !may_be_there(WARD_CEILING_DIR) &&
			!may_be_there(ward_rs_absolute(rs, rs->workspace, ".ward")))
			return no_root_alone(r, err);
	}
	code = ward_rs_rules(rs, &rs->book, err);
	if (code == WARD_OK && rs->starts)
		ward_rules_digest_ahead(rs->book);
	return code;
}
