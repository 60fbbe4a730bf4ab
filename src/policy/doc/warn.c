/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is odd about documents: lists without rules, rules that never decide, rules of a lower layer that its upper one does not
 * have. The policy holds all the same, so none of these is an error here; a caller may make one of it. Conservative: what is
 * warned of is so; much that is so is not seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/doc/internal.h"

#define NAME_BYTES_MAX 255 /* of one component, on every file system of Linux */

static int add(struct doc_check *in, enum ward_doc_warning_kind kind,
	const struct ward_origin *origin, const char *fix, const char *fmt, ...) WARD_PRINTF(5, 6);

static int add(struct doc_check *in, enum ward_doc_warning_kind kind,
	const struct ward_origin *origin, const char *fix, const char *fmt, ...)
{
	struct ward_docs *docs = in->docs;
	char message[WARD_ERROR_MESSAGE_MAX];
	struct ward_doc_warning *w;
	va_list ap;

	if (docs->n_warnings == WARD_DOC_WARNINGS_MAX) {
		docs->more_warnings++;
		return WARD_OK;
	}
	if (docs->n_warnings == docs->room_warnings) {
		size_t room = docs->room_warnings == 0 ? 16 : 2 * docs->room_warnings;
		struct ward_doc_warning *v = ward_arena_alloc(docs->said, room * sizeof(*v));

		if (v == NULL)
			return ward_doc_nomem(in->err, origin);
		if (docs->n_warnings > 0)
			memcpy(v, docs->warnings, docs->n_warnings * sizeof(*v));
		docs->warnings = v;
		docs->room_warnings = room;
	}
	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	w = &docs->warnings[docs->n_warnings];
	*w = (struct ward_doc_warning){ kind, *origin, ward_arena_strdup(docs->said, message),
		fix };
	if (w->message == NULL)
		return ward_doc_nomem(in->err, origin);
	docs->n_warnings++;
	return WARD_OK;
}

/* Without memory it cannot be shown, and what a warning says of "?" helps nobody. */
static int show(struct doc_check *in, const char *text, size_t n, char out[WARD_CAP_SHOWN_MAX])
{
	ward_cap_shown((struct ward_str){ text, n }, out);
	return ward_streq(out, "?") ? ward_doc_nomem(in->err, NULL) : WARD_OK;
}

static int show_rule(struct doc_check *in, const struct ward_doc_rule *r,
	char out[WARD_CAP_SHOWN_MAX])
{
	return show(in, r->text, strlen(r->text), out);
}

static int covered(struct doc_check *in, const struct ward_doc_rule *r, const char *how,
	const struct ward_doc_rule *by)
{
	char mine[WARD_CAP_SHOWN_MAX], theirs[WARD_CAP_SHOWN_MAX];
	int code = show_rule(in, r, mine);

	if (code == WARD_OK)
		code = show_rule(in, by, theirs);
	if (code < 0)
		return code;
	return add(in, WARD_DOC_WARN_COVERED, &r->origin, "take it out, or move it",
		"%s %s %s: %s %s (%s:%u) covers it", ward_doc_list_name(r->list), mine, how,
		ward_doc_list_name(by->list), theirs, by->origin.file, by->origin.line);
}

/* A class that leaves nothing, or a name longer than any can be. */
static bool never(const struct ward_doc_rule *r)
{
	const char *special = r->doc->grammar == 1 ? "*" : "*[{\\";

	if (ward_pattern_never(r->compiled))
		return true;
	for (const char *s = r->pattern; *s != '\0';) {
		size_t n = strcspn(s, "/");

		if (n > NAME_BYTES_MAX && strcspn(s, special) >= n)
			return true;
		s += n + (s[n] == '/');
	}
	return false;
}

static bool ends_in_slash(const char *text)
{
	size_t n = strlen(text);

	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	return n > 1 && text[n - 1] == '/';
}

/* A set of names, as grammar 2 writes one: [abc], {a,b}. To grammar 1 it is one name with brackets in it, and what is taken away is nothing. */
static bool is_set(const char *s)
{
	const char *open = strpbrk(s, "[{");
	const char *close = open != NULL ? strchr(open, *open == '[' ? ']' : '}') : NULL;

	return close != NULL && close > open + 1 &&
		(*open == '[' || memchr(open, ',', (size_t)(close - open)) != NULL);
}

static int warn_plain(struct doc_check *in, const struct ward_doc_rule *rule, const char *name)
{
	bool takes = rule->negated || rule->list == WARD_DOC_LIST_DENY_READ ||
		rule->list == WARD_DOC_LIST_DENY_MODIFY;
	char shown[WARD_CAP_SHOWN_MAX];

	if (!takes || rule->doc->grammar != 1 || !is_set(rule->text))
		return WARD_OK;
	if (show_rule(in, rule, shown) < 0)
		return WARD_E_NOMEM;
	return add(in, WARD_DOC_WARN_PLAIN, &rule->origin,
		"write grammar: 2 below spec for a set of names",
		"%s %s is one name, brackets and all, since the grammar is 1", name, shown);
}

/* It reads as another name than it is. */
static int warn_hidden(struct doc_check *in, const struct ward_doc_rule *rule, const char *name)
{
	char shown[WARD_CAP_SHOWN_MAX];
	uint32_t cp = ward_misread(rule->text);

	if (cp == 0)
		return WARD_OK;
	if (show_rule(in, rule, shown) < 0)
		return WARD_E_NOMEM;
	return add(in, WARD_DOC_WARN_HIDDEN, &rule->origin,
		"type it anew; in a name that has it, ? stands for one",
		"%s %s holds U+%04X, which nobody sees, or which changes the direction", name,
		shown, (unsigned)cp);
}

/* Of a list by itself, as it stands in its document. */
static int warn_list(struct doc_check *in, const struct ward_doc_rules *list, const char *name)
{
	bool files = list->n > 0 && list->v[0].list != WARD_DOC_LIST_ALLOW_EXEC &&
		list->v[0].list != WARD_DOC_LIST_DENY_EXEC &&
		list->v[0].list != WARD_DOC_LIST_ENV && !ward_doc_is_network(list->v[0].list);
	struct doc_cover all;
	int r = WARD_OK;

	if (list->origin.line > 0 && list->n == 0)
		return add(in, WARD_DOC_WARN_EMPTY, &list->origin,
			name[0] == 'n'
				? "leave it out; to allow nothing, write mode: deny-all"
				: "leave it out; to take everything away that is taken over, write \"!**\"",
			"%s is an empty list: it says nothing", name);
	if (list->n == 0 || list->v[0].list == WARD_DOC_LIST_ENV ||
		list->v[0].list == WARD_DOC_LIST_CACHES)
		return WARD_OK;
	if (ward_doc_cover_init(&all, in->one, *list, DOC_COVER_ALL) < 0)
		return ward_doc_nomem(in->err, &list->origin);
	for (size_t i = 0; i < list->n && r == WARD_OK; i++) {
		const struct ward_doc_rule *rule = &list->v[i];
		const struct ward_doc_rule *by =
			ward_doc_covered(&in->warn_pairs, &all, rule, i + 1, SIZE_MAX, false, NULL);
		char shown[WARD_CAP_SHOWN_MAX] = "";

		if (by != NULL)
			r = covered(in, rule, "never decides", by);
		if (r == WARD_OK)
			r = warn_hidden(in, rule, name);
		if (files && r == WARD_OK && (never(rule) || ends_in_slash(rule->text)))
			r = show_rule(in, rule, shown);
		if (files && r == WARD_OK && never(rule))
			r = add(in, WARD_DOC_WARN_NEVER, &rule->origin, "take it out",
				"%s %s can match nothing", name, shown);
		if (files && r == WARD_OK && ends_in_slash(rule->text))
			r = add(in, WARD_DOC_WARN_SLASH, &rule->origin,
				"write DIRECTORY/** for what is in it",
				"%s %s is the directory alone, and nothing in it", name, shown);
		if (files && r == WARD_OK)
			r = warn_plain(in, rule, name);
	}
	return r;
}

/* Of a profile's own rules, with what they are added to and what denies them. */
static int warn_negated(struct doc_check *in, const struct ward_doc_rules *all,
	const struct doc_cover *positive, size_t i)
{
	const struct ward_doc_rule *rule = &all->v[i];
	char shown[WARD_CAP_SHOWN_MAX];

	if (ward_doc_cover_find(positive, rule, 0, i, false, NULL) != NULL)
		return WARD_OK;
	for (size_t k = 0; k < i; k++) {
		if (!all->v[k].negated && !ward_doc_apart(&in->warn_pairs, &all->v[k], rule))
			return WARD_OK;
	}
	if (show_rule(in, rule, shown) < 0)
		return WARD_E_NOMEM;
	return add(in, WARD_DOC_WARN_NEVER, &rule->origin,
		"put it below the rule that it takes from, or take it out",
		"%s %s takes away what no rule above it gives", ward_doc_list_name(rule->list),
		shown);
}

static int warn_denied(struct doc_check *in, const struct ward_doc_rule *rule)
{
	unsigned first = rule->list == WARD_DOC_LIST_READ ? WARD_DOC_READ : WARD_DOC_MODIFY;

	for (size_t k = 0; k < in->docs->n; k++) {
		for (unsigned op = WARD_DOC_READ; op <= first; op++) {
			const struct ward_doc_rule *by = ward_doc_denied_by(&in->warn_pairs,
				&in->denies[k].positive[op], in->docs->v[k]->deny[op], rule);

			if (by != NULL)
				return covered(in, rule, "grants nothing", by);
		}
	}
	return WARD_OK;
}

static int warn_files(struct doc_check *in, const struct ward_doc_profile *p,
	enum ward_doc_list list)
{
	const struct ward_doc_rules *own = &p->lists[list];
	struct ward_doc_rules all;
	struct doc_cover positive;
	bool any = false;
	int r = ward_doc_flatten(in->docs, in->one, p, list, &all, in->err);

	for (size_t i = 0; i < all.n; i++)
		any = any || !all.v[i].negated;
	if (r == WARD_OK && own->n > 0 && !any)
		return add(in, WARD_DOC_WARN_EMPTY, &own->origin,
			"add what is to be granted above it, or leave the list out",
			"%s of profile \"%s\" has no rule that grants", ward_doc_list_name(list),
			p->name);
	if (r == WARD_OK && ward_doc_cover_init(&positive, in->one, all, DOC_COVER_POSITIVE) < 0)
		return ward_doc_nomem(in->err, &own->origin);
	for (size_t i = 0; i < own->n && r == WARD_OK; i++)
		r = own->v[i].negated ? warn_negated(in, &all, &positive, all.n - own->n + i)
				      : warn_denied(in, &own->v[i]);
	return r;
}

static int warn_network(struct doc_check *in, const struct ward_doc_profile *p)
{
	const struct ward_doc_rules *deny = &p->lists[WARD_DOC_LIST_NET_DENY];
	struct ward_doc_network all = ward_doc_flatten_network(in->docs, p);
	struct ward_doc_rules allow;
	int r = ward_doc_flatten(in->docs, in->one, p, WARD_DOC_LIST_NET_ALLOW, &allow, in->err);

	if (r == WARD_OK && p->network.mode == WARD_DOC_NET_ALLOW && allow.n == 0)
		r = add(in, WARD_DOC_WARN_EMPTY, &p->network.mode_origin,
			"list what may be connected to under allow, or write mode: deny-all",
			"network.mode of profile \"%s\" is allow, and network.allow has nothing to allow",
			p->name);
	if (r == WARD_OK && deny->n > 0 && all.mode == WARD_DOC_NET_DENY_ALL)
		r = add(in, WARD_DOC_WARN_COVERED, &deny->origin,
			"take it out, or write mode: allow or mode: open",
			"network.deny of profile \"%s\" never decides: the mode is deny-all%s",
			p->name, all.mode_origin.line > 0 ? "" : ", since it was left out");
	return r;
}

/* ---- what a lower layer says and a higher one does not ---- */

static bool has(struct doc_check *in, const struct doc_cover *upper,
	const struct ward_doc_rule *rule)
{
	size_t n;

	if (rule->list != WARD_DOC_LIST_ENV)
		return ward_doc_covered(&in->warn_pairs, upper, rule, 0, SIZE_MAX, false, NULL) !=
			NULL;
	n = strcspn(rule->pattern, "=");
	for (size_t i = 0; i < upper->n; i++) {
		const char *other = upper->v[i].rule->pattern;

		if (strcspn(other, "=") == n && memcmp(other, rule->pattern, n) == 0)
			return true;
	}
	return false;
}

static bool is_open(struct doc_check *in, const struct ward_doc_profile *p)
{
	return ward_doc_flatten_network(in->docs, p).mode == WARD_DOC_NET_OPEN;
}

static int warn_wider(struct doc_check *in, const struct ward_doc_profile *p,
	const struct ward_doc_profile *upper)
{
	static const enum ward_doc_list lists[] = { WARD_DOC_LIST_READ, WARD_DOC_LIST_MODIFY,
		WARD_DOC_LIST_ALLOW_EXEC, WARD_DOC_LIST_ENV, WARD_DOC_LIST_NET_ALLOW };

	for (size_t l = 0; l < WARD_ARRAY_SIZE(lists); l++) {
		const struct ward_doc_rules *own = &p->lists[lists[l]];
		struct ward_doc_rules theirs;
		struct doc_cover cover;
		int r = ward_doc_flatten(in->docs, in->one, upper, lists[l], &theirs, in->err);

		if (r < 0)
			return r;
		if (ward_doc_cover_init(&cover, in->one, theirs, DOC_COVER_POSITIVE) < 0)
			return ward_doc_nomem(in->err, &p->origin);
		for (size_t i = 0; i < own->n; i++) {
			const char *text = own->v[i].text;
			char shown[WARD_CAP_SHOWN_MAX];

			if (own->v[i].negated ||
				(lists[l] == WARD_DOC_LIST_NET_ALLOW ? is_open(in, upper) ||
							ward_doc_network_has(&in->warn_pairs,
								theirs, &own->v[i])
								     : has(in, &cover, &own->v[i])))
				continue;
			/* The value of a variable is not shown. */
			r = show(in, text,
				lists[l] == WARD_DOC_LIST_ENV ? strcspn(text, "=") : strlen(text),
				shown);
			if (r < 0)
				return r;
			r = add(in, WARD_DOC_WARN_WIDENS, &own->v[i].origin,
				"a lower layer only narrows: take it out, or name the profile otherwise",
				"%s %s: no rule of profile \"%s\" of the layer %s (%s:%u) covers it; only what both grant is granted",
				ward_doc_list_name(lists[l]), shown, p->name,
				ward_layer_name(upper->doc->layer), upper->origin.file,
				upper->origin.line);
			if (r < 0)
				return r;
		}
	}
	return WARD_OK;
}

static int warn_profile(struct doc_check *in, const struct ward_doc_profile *p)
{
	const struct ward_doc_profile *same[WARD_DOCS_MAX];
	size_t n = ward_doc_definitions(in->docs, p->name, same);
	int r = WARD_OK;

	ward_arena_reset(in->one);
	for (unsigned list = 0; list < WARD_DOC_PROFILE_LISTS && r == WARD_OK; list++)
		r = warn_list(in, &p->lists[list], ward_doc_list_name((enum ward_doc_list)list));
	if (r == WARD_OK)
		r = warn_files(in, p, WARD_DOC_LIST_READ);
	if (r == WARD_OK)
		r = warn_files(in, p, WARD_DOC_LIST_MODIFY);
	if (r == WARD_OK)
		r = warn_network(in, p);
	for (size_t i = 1; i < n && r == WARD_OK; i++) {
		if (same[i] == p)
			r = warn_wider(in, p, same[i - 1]);
	}
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct ward_doc_warning *x = a, *y = b;

	if (x->origin.line != y->origin.line)
		return x->origin.line < y->origin.line ? -1 : 1;
	if (x->origin.column != y->origin.column)
		return x->origin.column < y->origin.column ? -1 : 1;
	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	return strcmp(x->message, y->message);
}

static int warn_document(struct doc_check *in, const struct ward_doc *doc)
{
	size_t before = in->docs->n_warnings;
	int r;

	/* Whoever denies what a shipped profile grants cannot take it out there, and may not even use it. */
	if (doc->layer == WARD_LAYER_BUILTIN)
		return WARD_OK;
	ward_arena_reset(in->one);
	r = warn_list(in, &doc->deny[WARD_DOC_READ], "denyRead");
	if (r == WARD_OK)
		r = warn_list(in, &doc->deny[WARD_DOC_MODIFY], "denyModify");
	for (size_t i = 0; i < doc->n_profiles && r == WARD_OK; i++)
		r = warn_profile(in, &doc->profiles[i]);
	if (in->docs->n_warnings > before)
		qsort(in->docs->warnings + before, in->docs->n_warnings - before,
			sizeof(*in->docs->warnings), by_place);
	return r;
}

int ward_doc_warn_all(struct doc_check *in)
{
	struct ward_docs *docs = in->docs;
	int r = WARD_OK;

	for (size_t i = 0; i < docs->n && r == WARD_OK; i++)
		r = warn_document(in, docs->v[i]);
	if (r == WARD_OK && docs->more_warnings > 0) {
		struct ward_doc_warning *last = &docs->warnings[docs->n_warnings - 1];

		last->message = ward_arena_printf(docs->said, "%zu more warnings, from here on",
			docs->more_warnings + 1);
		last->fix = "";
		if (last->message == NULL)
			return ward_doc_nomem(in->err, NULL);
	}
	return r;
}
