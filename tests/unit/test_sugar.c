/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sugar is its reference: random documents of several layers and random capabilities, compiled to Cedar, made into a book and
 * judged, against what docs/spec/policy.md and capabilities.md say, written down here as one walk over each list. And what a
 * ceiling denies stays denied, whatever a lower layer adds.
 *
 * WARD_SUGAR_PAIRS=1000000 and WARD_SUGAR_CASES=100000 make it long, WARD_SUGAR_SEED another one.
 */
#include "judge_util.h"
#include "ref_pattern.h"
#include "registry/registry.h"
#include "sugar_world.h"

static size_t wanted(const char *name, size_t otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? (size_t)strtoull(s, NULL, 0) : otherwise;
}

static void write_list(struct ward_buf *b, const char *name, const struct list *l,
	const char *indent)
{
	if (l->n == 0)
		return;
	ward_buf_addf(b, "%s%s:\n", indent, name);
	for (unsigned i = 0; i < l->n; i++)
		ward_buf_addf(b, "%s  - '%s%s'\n", indent, l->negated[i] ? "!" : "", l->p[i]);
}

static void write_words(struct ward_buf *b, const char *name, const char *const *v, unsigned n)
{
	ward_buf_addf(b, "      %s: [", name);
	for (unsigned i = 0; i < n; i++) {
		if (v[i] != NULL)
			ward_buf_addf(b, "'%s', ", v[i]);
	}
	ward_buf_adds(b, "]\n");
}

static void write_doc(struct ward_buf *b, const struct doc *d)
{
	static const char *const names[] = { "A", "B", "C" };
	const char *env[3];
	bool based = d->base[WARD_DOC_READ].n > 0;

	ward_buf_clear(b);
	ward_buf_addf(b,
		"schemaVersion: 2\nkind: Policy\nmetadata: {name: t}\nspec:\n  grammar: %u\n",
		d->grammar);
	write_list(b, "denyRead", &d->deny[WARD_DOC_READ], "  ");
	write_list(b, "denyModify", &d->deny[WARD_DOC_MODIFY], "  ");
	ward_buf_addf(b, "  fsProfiles:\n    %s:\n      description: random\n",
		d->defines ? "x" : "other");
	for (unsigned i = 0; i < 3; i++)
		env[i] = d->env[i] ? names[i] : NULL;
	write_list(b, "read", &d->own[WARD_DOC_READ], "      ");
	write_list(b, "modify", &d->own[WARD_DOC_MODIFY], "      ");
	write_words(b, "allowExec", d->allow, PROGRAMS);
	write_words(b, "denyExec", d->deny_exec, PROGRAMS);
	write_words(b, "env", env, 3);
	if (!based)
		return;
	ward_buf_addf(b, "      extends: base%d\n    base%d:\n      description: base\n",
		(int)d->layer, (int)d->layer);
	write_list(b, "read", &d->base[WARD_DOC_READ], "      ");
	write_list(b, "modify", &d->base[WARD_DOC_MODIFY], "      ");
}

static void some_caps(struct world *w)
{
	static const enum ward_cap_type types[] = { WARD_CAP_FILE_READ, WARD_CAP_FILE_WRITE,
		WARD_CAP_EXTERNAL_COMMAND, WARD_CAP_ENV };
	static const char *const variables[] = { "A", "B", "C", "D" };

	w->n_caps = rnd(2) * rnd(CAPS + 1);
	for (unsigned i = 0; i < w->n_caps; i++) {
		struct ward_cap *c = &w->caps[i];

		*c = (struct ward_cap){ .type = types[rnd(WARD_ARRAY_SIZE(types))],
			.resource = w->cap_text[i],
			.origin = { .file = "--cap", .index = i + 1 } };
		if (c->type == WARD_CAP_ENV) {
			snprintf(w->cap_text[i], TEXT, "%s",
				variables[rnd(WARD_ARRAY_SIZE(variables))]);
		} else if (c->type == WARD_CAP_EXTERNAL_COMMAND) {
			snprintf(w->cap_text[i], TEXT, "%s",
				programs[rnd(WARD_ARRAY_SIZE(programs))]);
		} else if (rnd(6) == 0) {
			snprintf(w->cap_text[i], TEXT, "/out/**");
		} else if ((c->literal = rnd(4) == 0)) {
			a_path(w->cap_text[i]);
			if (!ward_utf8_valid(w->cap_text[i], strlen(w->cap_text[i])))
				snprintf(w->cap_text[i], TEXT, "a");
		} else {
			a_pattern(w->cap_text[i], 1);
		}
	}
}

/* One document a layer, in any order. */
static void a_world(struct world *w)
{
	static const enum ward_layer layers[] = { WARD_LAYER_CEILING, WARD_LAYER_USER,
		WARD_LAYER_RUN, WARD_LAYER_REPOSITORY };
	unsigned first = rnd(WARD_ARRAY_SIZE(layers));

	w->n_docs = rnd(DOCS + 1);
	w->trusted = rnd(2);
	w->profile = false;
	for (unsigned i = 0; i < w->n_docs; i++) {
		a_doc(&w->docs[i], layers[(first + i) % WARD_ARRAY_SIZE(layers)]);
		w->profile = w->profile || w->docs[i].defines;
	}
	w->profile = w->profile && rnd(5) > 0;
	some_caps(w);
}

/* ---- what it means, in the plainest words ---- */

enum last { NOTHING, GIVES, TAKES };

static bool ref_match(unsigned grammar, const char *pattern, const char *path)
{
	return grammar == 2 ? ref_pattern_match(pattern, path) : ref_glob_match(pattern, path);
}

static enum last last_of(const struct list *l, const char *path, enum last so_far)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (ref_match(l->grammar, l->p[i], path))
			so_far = l->negated[i] ? TAKES : GIVES;
	}
	return so_far;
}

static enum last part(const struct doc *d, enum ward_doc_op op, const char *path)
{
	enum last base =
		d->base[WARD_DOC_READ].n > 0 ? last_of(&d->base[op], path, NOTHING) : NOTHING;

	return last_of(&d->own[op], path, base);
}

static bool believed(const struct world *w, const struct doc *d)
{
	return d->layer != WARD_LAYER_REPOSITORY || w->trusted;
}

/* The most trusted layer that defines the profile. */
static const struct doc *first_of(const struct world *w)
{
	const struct doc *first = NULL;

	for (unsigned i = 0; i < w->n_docs; i++) {
		if (w->docs[i].defines && (first == NULL || w->docs[i].layer > first->layer))
			first = &w->docs[i];
	}
	return first;
}

static bool capped(const struct world *w, enum ward_doc_op op, const char *path)
{
	for (unsigned i = 0; i < w->n_caps; i++) {
		const struct ward_cap *c = &w->caps[i];
		size_t n = strlen(c->resource);

		if (c->type != WARD_CAP_FILE_WRITE &&
			(c->type != WARD_CAP_FILE_READ || op == WARD_DOC_MODIFY))
			continue;
		if (!c->literal ? ref_glob_match(c->resource, path)
				: (ward_streq(c->resource, ".") && path[0] != '/') ||
					ward_streq(c->resource, path) ||
					(strncmp(c->resource, path, n) == 0 && path[n] == '/'))
			return true;
	}
	return false;
}

static bool denied(const struct world *w, enum ward_doc_op op, const char *path)
{
	for (unsigned i = 0; i < w->n_docs; i++) {
		const struct doc *d = &w->docs[i];

		if (last_of(&d->deny[WARD_DOC_READ], path, NOTHING) == GIVES ||
			(op == WARD_DOC_MODIFY && last_of(&d->deny[op], path, NOTHING) == GIVES))
			return true;
	}
	return false;
}

/* All definitions of the profile must give; the first one grants if it is believed, else somebody else has to. */
static bool may(const struct world *w, enum ward_doc_op op, const char *path)
{
	const struct doc *first = w->profile ? first_of(w) : NULL;
	bool granted = capped(w, op, path);

	if (path[0] == '/')
		return granted; /* documents are about the workspace */
	if (denied(w, op, path))
		return false;
	for (unsigned i = 0; w->profile && i < w->n_docs; i++) {
		const struct doc *d = &w->docs[i];
		enum last own = d->defines ? part(d, op, path) : GIVES;
		/* Modifying needs reading, which the reading list of the same layer gives. */
		enum last reads =
			d->defines && op == WARD_DOC_MODIFY ? part(d, WARD_DOC_READ, path) : GIVES;

		if (own == TAKES || reads != GIVES)
			return false;
		if (d == first && believed(w, d))
			granted = granted || own == GIVES;
		else if (own != GIVES)
			return false;
	}
	return granted;
}

static bool names_program(const char *rule, const char *program)
{
	if (ward_streq(rule, "*"))
		return true;
	if (ward_streq(rule, "git"))
		rule = "/usr/bin/git";
	return ref_glob_match(rule, program);
}

static bool any_names(const char *const *v, const char *program)
{
	for (unsigned i = 0; i < PROGRAMS; i++) {
		if (v[i] != NULL && names_program(v[i], program))
			return true;
	}
	return false;
}

static bool may_start(const struct world *w, const char *program)
{
	const struct doc *first = w->profile ? first_of(w) : NULL;
	bool granted = false;

	for (unsigned i = 0; i < w->n_caps; i++)
		granted = granted ||
			(w->caps[i].type == WARD_CAP_EXTERNAL_COMMAND &&
				names_program(w->caps[i].resource, program));
	for (unsigned i = 0; w->profile && i < w->n_docs; i++) {
		const struct doc *d = &w->docs[i];

		if (d->defines && any_names(d->deny_exec, program))
			return false;
		if (d == first && believed(w, d))
			granted = granted || any_names(d->allow, program);
		else if (d->defines && !any_names(d->allow, program))
			return false;
	}
	return granted;
}

/* A variable that is given on the command line is the person's own. */
static bool may_see(const struct world *w, unsigned variable)
{
	const char name[] = { (char)('A' + variable), '\0' };
	const struct doc *first = w->profile ? first_of(w) : NULL;
	bool all = first != NULL && believed(w, first);

	for (unsigned i = 0; i < w->n_caps; i++) {
		if (w->caps[i].type == WARD_CAP_ENV && ward_streq(w->caps[i].resource, name))
			return true;
	}
	for (unsigned i = 0; w->profile && i < w->n_docs; i++)
		all = all && (!w->docs[i].defines || w->docs[i].env[variable]);
	return all;
}

/* ---- the same by way of Cedar ---- */

struct made {
	struct ward_arena *arena;
	struct ward_docs *docs;
	struct ward_sources sources;
	struct ward_caps caps;
	struct ward_buf text;
};

static void begin_made(struct made *m)
{
	*m = (struct made){ .arena = ward_arena_new(0), .docs = ward_docs_new() };
	REQUIRE(m->arena != NULL && m->docs != NULL);
	m->sources.arena = m->caps.arena = m->arena;
}

static void end_made(struct made *m)
{
	ward_sources_done(&m->sources);
	ward_docs_free(m->docs);
	ward_buf_done(&m->text);
	ward_arena_free(m->arena);
}

static int add_doc(struct made *m, const struct doc *d)
{
	struct ward_json *root;
	int r;

	write_doc(&m->text, d);
	r = ward_tree_parse(m->arena, ward_buf_cstr(&m->text), m->text.n, ward_layer_name(d->layer),
		&root, &err);
	CHECK_EQ_INT(r, WARD_OK);
	return r < 0 ? r : ward_docs_add(m->docs, d->layer, root, ward_layer_name(d->layer), &err);
}

/* WARD_OK, or why the documents are refused as such. */
static int sugar(struct made *m, struct world *w)
{
	struct ward_sugar_host host = {
		.cwd = "/w", .program = find_program, .repository_grants = w->trusted
	};
	const struct ward_profile *p = NULL;
	int r = WARD_OK;

	for (unsigned i = 0; r == WARD_OK && i < w->n_docs; i++)
		r = add_doc(m, &w->docs[i]);
	if (r == WARD_OK)
		r = ward_docs_check(m->docs, &err);
	if (r == WARD_OK && w->profile)
		r = ward_docs_resolve(m->docs, "x", NULL, &p, &err);
	if (r != WARD_OK)
		return r;
	r = p != NULL ? ward_sugar_profile(&m->sources, p, &host, &err)
		      : ward_sugar_denies(&m->sources, m->docs, &err);
	CHECK_EQ_INT(r, WARD_OK);
	for (unsigned i = 0; i < w->n_caps; i++) {
		/* What is no capability is none of the world either. */
		if (ward_caps_add(&m->caps, &w->caps[i], &err) < 0)
			w->caps[i].type = WARD_CAP_NONE;
	}
	r = ward_sugar_caps(&m->sources, &m->caps, WARD_LAYER_RUN, &host, &err);
	CHECK_EQ_INT(r, WARD_OK);
	return r;
}

/* A book believes what Ward generates, so here it is validated. */
static void validate(const struct ward_source *src)
{
	static const struct cedar_validate_options strict = { .mode = CEDAR_STRICT, .level = -1 };
	struct cedar_policies policies;
	struct cedar_diags d;

	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK &&
		ward_cedar_policies_init(&policies) == WARD_OK);
	CHECK_EQ_INT(ward_cedar_policies_parse(&policies, src->text, NULL, true, &d), WARD_OK);
	CHECK_EQ_INT(ward_cedar_validate(schema, &policies, &strict, &d), WARD_OK);
	CHECK_EQ_SIZE(d.n, 0);
	ward_cedar_policies_done(&policies);
	ward_cedar_diags_done(&d);
}

/* ---- rules in parts, and their text ---- */

static unsigned n_compared;

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void same_set(const struct ward_book_set *a, const struct ward_book_set *b)
{
	REQUIRE(a->policies.statics.n == b->policies.statics.n);
	CHECK_EQ_UINT(a->actions, b->actions);
	for (size_t i = 0; i < a->policies.statics.n; i++) {
		const struct ward_book_rule *x = &a->rules[i], *y = &b->rules[i];
		struct cedar_policy p = *a->policies.statics.v[i], q = *b->policies.statics.v[i];

		/* What they say is in the rules. */
		p.n_annotations = q.n_annotations = 0;
		if (!ward_cedar_policy_eq(&p, &q) || !ward_cedar_str_eq(p.id, q.id))
			FAIL("%s:%u %s: another policy than its text", x->file, x->line, x->text);
		if (!same_text(x->file, y->file) || x->line != y->line || x->column != y->column ||
			!same_text(x->text, y->text) || !same_text(x->id, y->id) ||
			!same_text(x->reason, y->reason) || x->layer != y->layer ||
			x->approval != y->approval || x->forbids != y->forbids ||
			x->inside != y->inside)
			FAIL("%s:%u %s: another rule than its text", x->file, x->line, x->text);
		n_compared++;
	}
}

/* The book out of the parts is the book out of the texts. */
static void same_as_texts(void)
{
	struct ward_book *of_parts = book;

	book = NULL;
	for (size_t i = 0; i < n_sources; i++)
		sources[i].n_rules = 0;
	CHECK_EQ_INT(judge_book(), WARD_OK);
	REQUIRE(book != NULL);
	same_set(ward_book_grants(of_parts), ward_book_grants(book));
	REQUIRE(ward_book_n_bounds(of_parts) == ward_book_n_bounds(book));
	for (size_t i = 0; i < ward_book_n_bounds(book); i++)
		same_set(ward_book_bound(of_parts, i), ward_book_bound(book, i));
	for (int written = 0; written < 2; written++)
		CHECK_EQ_INT(ward_book_late(of_parts, written) == NULL,
			ward_book_late(book, written) == NULL);
	ward_book_free(book);
	book = of_parts;
}

static void book_of(struct made *m)
{
	judge_begin();
	CHECK_EQ_INT(ward_sources_write(&m->sources, &err), WARD_OK);
	for (size_t i = 0; i < m->sources.n; i++)
		validate(&m->sources.v[i]);
	REQUIRE(m->sources.n <= WARD_ARRAY_SIZE(sources));
	n_sources = m->sources.n;
	if (n_sources > 0)
		memcpy(sources, m->sources.v, n_sources * sizeof(*sources));
	patterns_stay = true; /* m's documents have them */
	if (judge_book() != WARD_OK) {
		char line[2048];

		ward_error_format(&err, line, sizeof(line));
		FAIL("%s", line);
		REQUIRE(book != NULL);
	}
	same_as_texts();
}

static bool judged(const char *action, const char *resource)
{
	ask(action, resource);
	if (verdict.why == WARD_WHY_MALFORMED || verdict.why == WARD_WHY_FAILED)
		FAIL("%s %s: %s", action, resource, verdict.text);
	return verdict.effect == WARD_ALLOW;
}

static const char *absolute(const char *path, char out[2 * TEXT])
{
	snprintf(out, 2 * TEXT, "/w%s%s", path[0] == '.' && path[1] == '\0' ? "" : "/",
		path[0] == '.' && path[1] == '\0' ? "" : path);
	return out;
}

static void show(const struct made *m)
{
	for (size_t i = 0; i < m->sources.n; i++)
		printf("# -- %s %s%s list %u\n%.*s\n", m->sources.v[i].name,
			ward_layer_name(m->sources.v[i].layer),
			m->sources.v[i].narrows ? " narrows" : "", m->sources.v[i].list,
			(int)m->sources.v[i].text.n, m->sources.v[i].text.s);
}

struct count {
	size_t worlds, pairs, allowed, differ;
};

static void compare(struct count *c, const struct made *m, bool got, bool want, const char *action,
	const char *resource)
{
	c->pairs++;
	c->allowed += want;
	CHECK(got == want);
	if (got == want || c->differ++ > 2)
		return;
	printf("# world %zu, %s %s: judged %s, meant %s; %s\n", c->worlds, action, resource,
		got ? "allow" : "deny", want ? "allow" : "deny", verdict.text);
	show(m);
}

#define PATHS 48

static void compare_world(struct count *c, const struct made *m, const struct world *w)
{
	char path[TEXT], whole[2 * TEXT];

	for (unsigned i = 0; i < PATHS; i++) {
		a_path(path);
		absolute(path, whole);
		compare(c, m, judged("fs.read", whole), may(w, WARD_DOC_READ, path), "fs.read",
			whole);
		compare(c, m, judged("fs.write", whole), may(w, WARD_DOC_MODIFY, path), "fs.write",
			whole);
	}
	compare(c, m, judged("fs.read", "/out/a"), may(w, WARD_DOC_READ, "/out/a"), "fs.read",
		"/out/a");
	compare(c, m, judged("fs.write", "/out/a"), may(w, WARD_DOC_MODIFY, "/out/a"), "fs.write",
		"/out/a");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(program_paths); i++)
		compare(c, m, judged("proc.exec", program_paths[i]), may_start(w, program_paths[i]),
			"proc.exec", program_paths[i]);
	for (unsigned i = 0; i < 3; i++) {
		const char name[] = { (char)('A' + i), '\0' };

		compare(c, m, judged("env.read", name), may_see(w, i), "env.read", name);
	}
}

TEST(sugar_is_its_reference)
{
	size_t pairs = wanted("WARD_SUGAR_PAIRS", 40000), refused = 0;
	struct world *w = calloc(1, sizeof(*w));
	struct count c = { 0 };

	REQUIRE(w != NULL);
	seed = wanted("WARD_SUGAR_SEED", 0x5eed);
	while (c.pairs < pairs && c.differ < 10 && refused < 100 * (c.worlds + 100)) {
		struct made m;

		begin_made(&m);
		a_world(w);
		if (sugar(&m, w) == WARD_OK) {
			book_of(&m);
			compare_world(&c, &m, w);
			c.worlds++;
		} else {
			CHECK(err.code == WARD_E_INVALID || err.code == WARD_E_PARSE);
			refused++;
		}
		end_made(&m);
	}
	free(w);
	printf("# %zu worlds, %zu more were refused as such; %zu pairs, %zu allowed\n", c.worlds,
		refused, c.pairs, c.allowed);
	printf("# %u policies in parts, the same as their texts\n", n_compared);
	CHECK(n_compared > 1000);
	CHECK(c.pairs >= pairs);
	CHECK(c.allowed > c.pairs / 20 && c.allowed < c.pairs / 10 * 9);
}

/* ---- the ceiling ---- */

static const char *const lower_cedar[] = {
	"permit (principal, action, resource);",
	"permit (principal, action in Ward::Action::\"repo_read\", resource in Ward::Path::\"/\");",
	"permit (principal, action, resource in Ward::Path::\"./\"); forbid (principal, action, resource in Ward::Path::\"./a\");",
	"permit (principal, action in [Ward::Action::\"fs.read\", Ward::Action::\"fs.write\"], resource in Ward::Glob::\"**/*b\");",
};

/* What the owner of the host writes as Cedar: forbids, and lists of what may be granted. */
static void ceiling_cedar(struct ward_buf *b)
{
	static const char *const actions[] = { "fs.read", "fs.write", "proc.exec", "env.read" };

	ward_buf_clear(b);
	for (unsigned n = rnd(4); n > 0; n--) {
		char pattern[TEXT];

		a_pattern(pattern, 2);
		/* A pattern of Cedar's has one spelling. */
		if (strncmp(pattern, "./", 2) == 0 ||
			ward_pattern_check(ward_str(pattern), WARD_GRAMMAR_2, NULL) < 0)
			continue;
		ward_buf_addf(b,
			"%s (principal, action == Ward::Action::\"%s\", resource in Ward::Glob::",
			rnd(2) ? "permit" : "forbid", actions[rnd(2)]);
		ward_cedar_quote(b, ward_str(pattern));
		ward_buf_adds(b, ");\n");
	}
	if (rnd(4) == 0)
		ward_buf_addf(b, "permit (principal, action == Ward::Action::\"%s\", resource);\n",
			actions[rnd(4)]);
}

static void add_text(struct made *m, enum ward_layer layer, bool narrows, struct ward_str text)
{
	struct ward_source src = {
		.name = "text", .text = text, .layer = layer, .narrows = narrows
	};

	REQUIRE(ward_sources_add(&m->sources, &src, &err) == WARD_OK);
}

#define ASKS 40
static char asks[ASKS][2 * TEXT];
static const char *const ask_actions[] = { "fs.read", "fs.write", "proc.exec", "env.read" };

static void some_asks(void)
{
	char path[TEXT];

	for (unsigned i = 0; i < ASKS; i++) {
		a_path(path);
		if (i % 10 < 7)
			absolute(path, asks[i]);
		else if (i % 10 == 7)
			snprintf(asks[i], sizeof(asks[i]), "%s",
				program_paths[rnd(WARD_ARRAY_SIZE(program_paths))]);
		else
			snprintf(asks[i], sizeof(asks[i]), "%c", 'A' + (char)rnd(3));
	}
}

static const char *action_of(unsigned i)
{
	return i % 10 < 7 ? ask_actions[i % 2] : i % 10 == 7 ? ask_actions[2] : ask_actions[3];
}

/*
 * What the ceiling denies: under its profile what it does not allow with nothing else there; under none, what it denies to somebody
 * to whom everything is granted.
 */
static bool ceiling_alone(struct made *m, const struct doc *ceiling, struct ward_str cedar,
	bool profile, bool ret[ASKS])
{
	static struct world w;

	w = (struct world){ .n_docs = 1, .profile = profile };
	w.docs[0] = *ceiling;
	if (sugar(m, &w) != WARD_OK)
		return false;
	add_text(m, WARD_LAYER_CEILING, true, cedar);
	if (!profile)
		add_text(m, WARD_LAYER_USER, false,
			WARD_STR("permit (principal, action, resource);"));
	book_of(m);
	for (unsigned i = 0; i < ASKS; i++)
		ret[i] = judged(action_of(i), asks[i]);
	return true;
}

/* The ceiling with what another layer adds: documents, and with no profile capabilities and Cedar too. */
static bool with_others(struct made *m, struct world *w, struct ward_str cedar)
{
	if (sugar(m, w) != WARD_OK)
		return false;
	add_text(m, WARD_LAYER_CEILING, true, cedar);
	if (!w->profile && rnd(2))
		add_text(m, rnd(2) ? WARD_LAYER_USER : WARD_LAYER_RUN, false,
			ward_str(lower_cedar[rnd(WARD_ARRAY_SIZE(lower_cedar))]));
	book_of(m);
	return true;
}

struct lower {
	size_t cases, denied, allowed, widened, refused;
};

static void one_ceiling(struct lower *l, struct world *w, struct ward_buf *cedar)
{
	bool alone[ASKS];
	struct made a, b;

	a_world(w);
	w->n_docs = 2 + rnd(2);
	a_doc(&w->docs[0], WARD_LAYER_CEILING);
	a_doc(&w->docs[1],
		(enum ward_layer[]){
			WARD_LAYER_USER, WARD_LAYER_RUN, WARD_LAYER_REPOSITORY }[rnd(3)]);
	if (w->n_docs == 3)
		a_doc(&w->docs[2],
			w->docs[1].layer == WARD_LAYER_USER ? WARD_LAYER_REPOSITORY
							    : WARD_LAYER_USER);
	w->profile = w->docs[0].defines && rnd(2);
	w->n_caps = w->profile ? 0 : w->n_caps;
	some_asks();
	ceiling_cedar(cedar);
	begin_made(&a);
	begin_made(&b);
	if (ceiling_alone(&a, &w->docs[0], (struct ward_str){ ward_buf_cstr(cedar), cedar->n },
		    w->profile, alone) &&
		with_others(&b, w, (struct ward_str){ ward_buf_cstr(cedar), cedar->n })) {
		for (unsigned i = 0; i < ASKS; i++) {
			bool now = judged(action_of(i), asks[i]);

			l->cases++;
			l->denied += !alone[i];
			l->allowed += now;
			CHECK(!now || alone[i]);
			if (now && !alone[i] && l->widened++ < 2) {
				printf("# %s %s is denied by the ceiling alone, and allowed with:\n",
					action_of(i), asks[i]);
				show(&b);
			}
		}
	} else {
		l->refused++;
	}
	end_made(&a);
	end_made(&b);
}

TEST(what_the_ceiling_denies_nobody_below_allows)
{
	size_t cases = wanted("WARD_SUGAR_CASES", 12000);
	struct ward_buf cedar = WARD_BUF_INIT;
	struct world *w = calloc(1, sizeof(*w));
	struct lower l = { 0 };

	REQUIRE(w != NULL);
	seed = wanted("WARD_SUGAR_SEED", 0xce111);
	while (l.cases < cases && l.widened < 10 && l.refused < 100 * (l.cases + 100))
		one_ceiling(&l, w, &cedar);
	ward_buf_done(&cedar);
	free(w);
	printf("# %zu cases, %zu denied by the ceiling, %zu allowed; %zu worlds were refused as such\n",
		l.cases, l.denied, l.allowed, l.refused);
	CHECK(l.cases >= cases);
	CHECK(l.denied > l.cases / 10);
	CHECK(l.allowed > l.cases / 50);
}

TAP_MAIN();
