/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of one policy as a set: several environments find the same, and it is said once. They are handed on in the
 * order of the text, so that what is printed does not depend on the order of the environments.
 */
#include <stdlib.h>
#include <string.h>

#include "cedar/validate/check.h"

#define SEEN_MAX (64u << 10)

static const struct {
	const char *name;
	uint8_t warning;
} kinds[CEDAR_FINDING_MAX] = { [CEDAR_FINDING_NONE] = { "None", 0 },
#define CEDAR_X(id, name, warning) [CEDAR_FINDING_##id] = { name, warning },
	CEDAR_FINDINGS(CEDAR_X)
#undef CEDAR_X
};

const char *ward_cedar_finding_name(unsigned kind)
{
	return kind < CEDAR_FINDING_MAX ? kinds[kind].name : kinds[0].name;
}

static bool same(const struct finding *a, const struct finding *b)
{
	if (a->hash != b->hash || a->kind != b->kind || a->at.start != b->at.start ||
		a->at.end != b->at.end)
		return false;
	return a->message == NULL ||
		(strcmp(a->message, b->message) == 0 && ward_streq(a->help, b->help));
}

/* Twice as many buckets when there are as many findings. */
static bool grow(struct checker *c)
{
	struct findings *s = &c->found;
	size_t room = s->n_buckets > 0 ? s->n_buckets * 2 : 64;
	struct finding **v, *next;

	if (s->n + s->seen < s->n_buckets)
		return true;
	v = ward_cedar_check_alloc(c, c->per_policy, room, sizeof(struct finding *));
	if (v == NULL)
		return false;
	for (size_t i = 0; i < s->n_buckets; i++) {
		for (struct finding *f = s->buckets[i]; f != NULL; f = next) {
			next = f->next;
			f->next = v[f->hash % room];
			v[f->hash % room] = f;
		}
	}
	s->buckets = v;
	s->n_buckets = room;
	return true;
}

/* There is no room for its text. That it was found is remembered, of the first ones, for it is found again. */
static void count(struct checker *c, struct finding f, struct finding **bucket)
{
	struct findings *s = &c->found;
	struct finding *copy;

	s->more++;
	s->more_errors += f.severity == CEDAR_ERROR;
	if (s->seen == SEEN_MAX)
		return;
	copy = ward_cedar_check_alloc(c, c->per_policy, 1, sizeof(*copy));
	if (copy == NULL)
		return;
	f.message = f.help = NULL;
	f.next = *bucket;
	*copy = f;
	*bucket = copy;
	s->seen++;
}

static void keep(struct checker *c, struct finding f)
{
	struct findings *s = &c->found;
	struct finding **bucket, *copy;

	if (c->exhausted != NULL || !grow(c))
		return;
	bucket = &s->buckets[f.hash % s->n_buckets];
	for (const struct finding *g = *bucket; g != NULL; g = g->next)
		if (same(g, &f))
			return;
	s->errors += f.severity == CEDAR_ERROR;
	if (s->n >= s->max) {
		count(c, f, bucket);
		return;
	}
	copy = ward_cedar_check_alloc(c, c->per_policy, 1, sizeof(*copy));
	f.message = ward_arena_strdup(c->per_policy, f.message);
	if (f.help != NULL) {
		f.help = ward_arena_strdup(c->per_policy, f.help);
		c->failed = c->failed || f.help == NULL;
	}
	if (copy == NULL || f.message == NULL) {
		c->failed = true;
		return;
	}
	f.next = *bucket;
	*copy = f;
	*bucket = copy;
	s->n++;
}

void ward_cedar_find_text(struct checker *c, enum cedar_finding kind, struct cedar_span at,
	const char *message, const char *help)
{
	uint64_t h = ward_cedar_hash_mix(at.start, ((uint64_t)kind << 32) | at.end);
	struct finding f = { .severity = kinds[kind].warning ? CEDAR_WARNING : CEDAR_ERROR,
		.kind = (uint16_t)kind,
		.at = at,
		.message = message,
		.help = help };
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	if (kind != CEDAR_FINDING_INCOMPATIBLE_TYPES &&
		kind != CEDAR_FINDING_INTERNAL_INVARIANT_VIOLATION) {
		ward_buf_adds(&b, "for policy `");
		ward_vt_print_name(&b, c->id);
		ward_buf_adds(&b, kind == CEDAR_FINDING_INVALID_ENUM_ENTITY ? "`: " : "`, ");
	}
	ward_buf_adds(&b, message);
	f.message = ward_buf_cstr(&b);
	f.hash = ward_cedar_hash_mix(h, ward_cedar_hash(f.message, strlen(f.message)));
	if (b.failed)
		c->failed = true;
	else if (ward_cedar_check_spend(c, FINDING_COST + b.n / 8, "too many findings"))
		keep(c, f);
}

void ward_cedar_find(struct checker *c, enum cedar_finding kind, struct cedar_span at,
	struct ward_buf *message, const char *help)
{
	if (message->failed)
		c->failed = true;
	else
		ward_cedar_find_text(c, kind, at, ward_buf_cstr(message), help);
}

static int in_text(const void *a, const void *b)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;
	int r;

	if (x->at.start != y->at.start)
		return x->at.start < y->at.start ? -1 : 1;
	if (x->at.end != y->at.end)
		return x->at.end < y->at.end ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	r = strcmp(x->message, y->message);
	return r != 0 || x->help == NULL || y->help == NULL ? r : strcmp(x->help, y->help);
}

void ward_cedar_findings_emit(struct checker *c)
{
	struct findings *s = &c->found;
	struct finding **v = ward_cedar_check_alloc(c, c->per_policy, s->n, sizeof(*v));
	struct cedar_diags *d = c->d;
	size_t n = 0;

	for (size_t i = 0; v != NULL && i < s->n_buckets; i++)
		for (struct finding *f = s->buckets[i]; f != NULL; f = f->next)
			if (f->message != NULL)
				v[n++] = f;
	if (n > 1)
		qsort(v, n, sizeof(*v), in_text);
	for (size_t i = 0; d != NULL && i < n; i++) {
		(void)ward_cedar_diag(d, v[i]->severity, v[i]->kind, v[i]->at.start, v[i]->at.end,
			"%s", v[i]->message);
		if (v[i]->help != NULL)
			ward_cedar_diag_help(d, "%s", v[i]->help);
		ward_cedar_diag_policy(d, c->id);
	}
	if (d != NULL) {
		d->dropped += s->more;
		d->errors += s->more_errors;
	}
	s->buckets = NULL;
	s->n_buckets = s->n = s->seen = s->more = s->more_errors = 0;
}
