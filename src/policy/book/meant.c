/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was probably meant, for people. The language suggests the word with the least edit distance whatever it is, and knows one
 * schema no better than another ("Ward::File": "did you mean Ward::Cidr"). Here Ward's own words are known: those that options and
 * other documents take, what people call the same things, and what they write from other languages. A suggestion and nothing
 * else: what is wrong was found before, and stays wrong.
 */
#include <stdio.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/vocabulary.h"

struct meant {
	const struct ward_book *b;
	const struct cedar_schema *schema; /* NULL: nothing is validated */
	struct ward_str text, at; /* the source, and what of it is wrong */
	struct ward_error *err;
};

/* ---- actions ---- */

/* "file.read" is how options say it: in Cedar text it is the actions that it stands for. */
static bool other_word(const struct meant *m, const char *id)
{
	char all[WARD_ERROR_FIX_MAX] = "";
	size_t used = 0, n = 0;
	uint32_t actions = 0;

	for (size_t i = 0; actions == 0 && i < ward_aliases_n; i++) {
		if (ward_streq(ward_aliases[i].word, id))
			actions = ward_aliases[i].actions;
	}
	for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX && used < sizeof(all); a++) {
		if ((actions & UINT32_C(1) << a) == 0)
			continue;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%sWard::Action::\"%s\"",
			n++ > 0 ? ", " : "", ward_action_name(a));
	}
	if (n == 0 || used >= sizeof(all))
		return false;
	ward_fail_fix(m->err, n == 1 ? "write `%s`" : "write `action in [%s]`", all);
	return true;
}

/* The id of an entity that is written with it: what stands in quotes. false: there is none, or it is too long to be meant. */
static bool quoted(struct ward_str at, char *out, size_t size)
{
	const char *open = memchr(at.s, '"', at.n), *end = at.s + at.n, *close;

	close = open != NULL ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;
	if (close == NULL || (size_t)(close - open) > size)
		return false;
	memcpy(out, open + 1, (size_t)(close - open - 1));
	out[close - open - 1] = '\0';
	return true;
}

#define ACTIONS_MAX 64

static void action(const struct meant *m)
{
	const char *names[ACTIONS_MAX], *near;
	size_t n = 0;
	char id[64];

	if (!quoted(m->at, id, sizeof(id))) {
		ward_fail_fix(m->err, "data/ward.cedarschema lists what there is");
		return;
	}
	if (other_word(m, id))
		return;
	for (uint32_t i = 0; i < m->schema->n_actions && n < ACTIONS_MAX; i++)
		names[n++] = m->schema->actions[i]->uid->id->s;
	near = ward_nearest(id, names, n);
	if (near != NULL)
		ward_fail_fix(m->err, "did you mean `Ward::Action::\"%s\"`?", near);
	else
		ward_fail_fix(m->err, "data/ward.cedarschema lists what there is");
}

/* ---- types ---- */

/* What people call the things of Ward. In small letters. */
static const struct {
	const char *word, *type;
} other_types[] = {
	{ "file", "Path" },
	{ "directory", "Path" },
	{ "dir", "Path" },
	{ "folder", "Path" },
	{ "socket", "Path" },
	{ "pattern", "Glob" },
	{ "wildcard", "Glob" },
	{ "command", "Program" },
	{ "binary", "Program" },
	{ "executable", "Program" },
	{ "exe", "Program" },
	{ "process", "Run" },
	{ "session", "Run" },
	{ "url", "Endpoint" },
	{ "port", "Endpoint" },
	{ "hostname", "Host" },
	{ "server", "Host" },
	{ "ip", "Host" },
	{ "address", "Host" },
	{ "network", "Cidr" },
	{ "subnet", "Cidr" },
	{ "range", "Cidr" },
	{ "net", "Cidr" },
	{ "env", "Variable" },
	{ "envvar", "Variable" },
	{ "user", "Person" },
	{ "account", "Person" },
	{ "human", "Person" },
	{ "owner", "Person" },
	{ "model", "Agent" },
	{ "bot", "Agent" },
	{ "function", "Component" },
	{ "script", "Component" },
	{ "plugin", "Component" },
	{ "repo", "Repository" },
	{ "git", "Repository" },
	{ "database", "Table" },
	{ "db", "Table" },
	{ "package", "Artifact" },
	{ "stage", "Phase" },
	{ "lifecycle", "Phase" },
};

static bool same_letters(const char *a, const char *lower)
{
	for (; *a != '\0' && *lower != '\0'; a++, lower++) {
		char c = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;

		if (c != *lower)
			return false;
	}
	return *a == *lower;
}

/* The last part of a type's name. */
static bool last_name(struct ward_str at, char *out, size_t size)
{
	size_t n = 0, from = 0;

	while (n < at.n && at.s[n] != '"' && at.s[n] != ' ' && at.s[n] != '\n') {
		if (n + 2 < at.n && at.s[n] == ':' && at.s[n + 1] == ':' && at.s[n + 2] != '"')
			from = n + 2;
		n++;
	}
	while (n > from && at.s[n - 1] == ':')
		n--;
	if (n - from == 0 || n - from >= size)
		return false;
	memcpy(out, at.s + from, n - from);
	out[n - from] = '\0';
	return true;
}

static void type(const struct meant *m)
{
	const char *names[WARD_TYPE_MAX], *near = NULL;
	size_t n = 0;
	char name[64];

	ward_fail_fix(m->err, "data/ward.cedarschema lists what there is");
	if (!last_name(m->at, name, sizeof(name)))
		return;
	for (size_t i = 0; near == NULL && i < WARD_ARRAY_SIZE(other_types); i++) {
		if (same_letters(name, other_types[i].word))
			near = other_types[i].type;
	}
	for (unsigned t = WARD_TYPE_NONE + 1; t < WARD_TYPE_MAX; t++)
		names[n++] = m->b->types[t]->s + strlen("Ward::");
	if (near == NULL)
		near = ward_nearest(name, names, n);
	if (near != NULL)
		ward_fail_fix(m->err, "did you mean `Ward::%s`?", near);
}

/* ---- attributes ---- */

static bool applies_to(const struct meant *m, const struct cedar_entity_type *t, uint32_t actions)
{
	for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX; a++) {
		const struct cedar_action_type *at;

		if ((actions & UINT32_C(1) << a) == 0)
			continue;
		at = ward_cedar_schema_action(m->schema, m->b->actions[a]);
		for (uint32_t i = 0; at != NULL && i < at->n_resources; i++) {
			if (at->resources[i] == t)
				return true;
		}
	}
	return false;
}

static bool has_attribute(const struct cedar_entity_type *t, const char *name)
{
	for (uint32_t i = 0; i < t->attrs->n; i++) {
		if (ward_cedar_str_is(t->attrs->attrs[i].name, name))
			return true;
	}
	return false;
}

/*
 * resource.NAME, where some of what the action is done to has it and some has not: a connection may be to a socket in the file system,
 * which has no port.
 */
static void attribute(const struct meant *m, const struct cedar_policy *p)
{
	static const char root[] = "resource.";
	const struct cedar_entity_type *only = NULL;
	size_t n = 0;
	char name[64];

	if (p == NULL || m->at.n <= strlen(root) || m->at.n - strlen(root) >= sizeof(name) ||
		memcmp(m->at.s, root, strlen(root)) != 0)
		return;
	memcpy(name, m->at.s + strlen(root), m->at.n - strlen(root));
	name[m->at.n - strlen(root)] = '\0';
	for (uint32_t i = 0; i < m->schema->n_entities; i++) {
		const struct cedar_entity_type *t = m->schema->entities[i];

		if (has_attribute(t, name) && applies_to(m, t, ward_book_actions_of(m->b, p))) {
			only = t;
			n++;
		}
	}
	if (n == 1)
		ward_fail_fix(m->err, "%s alone has it: write `resource is %s && resource.%s ...`",
			only->name->s, only->name->s, name);
	else if (n == 0 && m->err->fix[0] == '\0')
		ward_fail_fix(m->err,
			"a file or a program by its name: `resource in Ward::Glob::\"**/*.c\"`");
}

/* ---- a text in the place of an entity ---- */

/* context.environment == "dev": the type that the message names is to be written before the text. */
static void text_for_entity(const struct meant *m)
{
	const char *message = m->err->message, *type = strstr(message, "Ward::");
	int n = type != NULL ? (int)strcspn(type, " ,;") : 0;
	char id[64];

	if (type == NULL || strstr(message, "types ") == NULL ||
		strstr(message, "String") == NULL || !quoted(m->at, id, sizeof(id)))
		return;
	ward_fail_fix(m->err, "write `%.*s::\"%s\"`", n, type, id);
}

/* In the place of an entity: what it is of the text tells its type, where only one is meant. */
static bool bare_text(const struct meant *m)
{
	const char *type = NULL;
	char id[64];

	if (!ward_has_prefix(m->err->message, "expected an entity uid, found literal") ||
		!quoted(m->at, id, sizeof(id)))
		return false;
	for (unsigned a = WARD_ACT_NONE + 1; type == NULL && a < WARD_ACT_MAX; a++) {
		if (ward_streq(ward_action_name(a), id))
			type = "Action";
	}
	if (type == NULL && strchr(id, '*') != NULL)
		type = "Glob";
	else if (type == NULL && (id[0] == '/' || ward_has_prefix(id, "./")))
		type = "Path";
	if (type != NULL)
		ward_fail_fix(m->err, "write `Ward::%s::\"%s\"`", type, id);
	return type != NULL;
}

/* ---- words of other languages ---- */

static struct ward_str word_at(struct ward_str text, size_t at)
{
	size_t n = 0;

	while (at + n < text.n &&
		((text.s[at + n] >= 'a' && text.s[at + n] <= 'z') ||
			(text.s[at + n] >= 'A' && text.s[at + n] <= 'Z') || text.s[at + n] == '_'))
		n++;
	return (struct ward_str){ text.s + at, n };
}

static bool is_word(struct ward_str word, const char *what)
{
	return ward_str_eq(word, ward_str(what));
}

/* The word that ends before at, blanks left out. */
static struct ward_str word_before(struct ward_str text, size_t at)
{
	size_t from;

	while (at > 0 && strchr(" \t\r\n", text.s[at - 1]) != NULL)
		at--;
	for (from = at; from > 0 && word_at(text, from - 1).n > at - from;)
		from--;
	return (struct ward_str){ text.s + from, at - from };
}

static void syntax(const struct meant *m)
{
	size_t at = (size_t)(m->at.s - m->text.s);
	struct ward_str word = word_at(m->text, at), before = word_before(m->text, at);

	if (bare_text(m))
		return;
	if (at < m->text.n && (m->text.s[at] == '#' || m->text.s[at] == '/'))
		ward_fail_fix(m->err, "a comment begins with //, and ends with its line");
	else if (is_word(word, "and"))
		ward_fail_fix(m->err, "write `&&`");
	else if (is_word(word, "or"))
		ward_fail_fix(m->err, "write `||`");
	else if (is_word(word, "not") && m->err->fix[0] == '\0')
		ward_fail_fix(m->err, "write `!`");
	else if (m->text.n > at && m->text.s[at] == '(' &&
		(is_word(before, "permit") || is_word(before, "forbid")))
		ward_fail_fix(m->err, "a `;` ends the policy before this one");
	else if (ward_has_prefix(m->err->message, "expected single entity uid"))
		ward_fail_fix(m->err,
			"several of them: leave `resource` alone there, and write `when { resource in [...] }`");
	else if (ward_has_suffix(m->err->message, "is not a valid function") &&
		m->err->fix[0] == '\0')
		ward_fail_fix(m->err, "there are ip, decimal, datetime and duration");
	else if (ward_has_suffix(m->err->message, "is not a valid method") &&
		m->err->fix[0] == '\0')
		ward_fail_fix(m->err,
			"of a set there are contains, containsAll, containsAny and isEmpty");
}

/* ---- all of it ---- */

static const struct cedar_policy *policy_of(const struct ward_book_set *set, const char *id)
{
	const struct cedar_policy_list *l = &set->policies.statics;

	for (size_t i = 0; id != NULL && i < l->n; i++) {
		if (ward_cedar_str_is(l->v[i]->id, id))
			return l->v[i];
	}
	return NULL;
}

void ward_book_meant(const struct ward_book *b, const struct ward_source *src,
	const struct cedar_schema *schema, const struct ward_book_set *set,
	const struct cedar_diags *d, struct ward_error *err)
{
	struct meant m = { .b = b, .schema = schema, .text = src->text, .err = err };
	const struct cedar_diag *g = NULL;

	for (size_t i = 0; g == NULL && i < d->n; i++) {
		if (d->v[i].severity == CEDAR_ERROR)
			g = &d->v[i];
	}
	if (g == NULL || err == NULL || g->start > src->text.n || g->end > src->text.n ||
		g->end < g->start)
		return;
	m.at = (struct ward_str){ src->text.s + g->start, g->end - g->start };
	switch (g->kind) {
	case 0: syntax(&m); break;
	case CEDAR_FINDING_UNRECOGNIZED_ACTION_ID: action(&m); break;
	case CEDAR_FINDING_UNRECOGNIZED_ENTITY_TYPE: type(&m); break;
	case CEDAR_FINDING_UNSAFE_ATTRIBUTE_ACCESS: attribute(&m, policy_of(set, g->policy)); break;
	case CEDAR_FINDING_INCOMPATIBLE_TYPES: text_for_entity(&m); break;
	default: break;
	}
}
