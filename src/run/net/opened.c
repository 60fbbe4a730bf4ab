/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connections of a run have a begin on record and no end, from its records in their order. Alike ones are counted together, as
 * they are told (egress/event.c).
 */
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

#define BUCKETS 1024u

struct opened {
	struct opened *next;
	int64_t n;
	char *key, *line; /* line: how its last begin is shown */
};
struct ward_net_opened {
	bool over; /* the run has its end: whatever was open is not any more */
	struct opened *buckets[BUCKETS];
};

static const char *text_of(const struct ward_json *of, const char *key)
{
	const struct ward_json *j =
		of && of->type == WARD_JSON_OBJECT ? ward_json_get(of, key) : NULL;

	return j && j->type == WARD_JSON_STRING ? j->str.s : NULL;
}

static bool is_end(const char *kind, const struct ward_json *detail)
{
	const struct ward_json *j = ward_json_get(detail, "dialled");

	return (ward_streq(kind, "net.connect") || ward_streq(kind, "net.accept")) &&
		!(j && j->type == WARD_JSON_BOOL && !j->b);
}

static struct opened *find(struct ward_net_opened *o, char *key)
{
	struct opened **at, *p;
	uint32_t h = 2166136261u;

	for (const char *c = key; *c; c++)
		h = (h ^ (unsigned char)*c) * 16777619u;
	at = &o->buckets[h % BUCKETS];
	for (p = *at; p && !ward_streq(p->key, key); p = p->next)
		;
	if (p) {
		free(key);
		return p;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		free(key);
		return NULL;
	}
	*p = (struct opened){ .next = *at, .key = key };
	*at = p;
	return p;
}

static struct opened *of(struct ward_net_opened *o, const struct ward_json *rec,
	const struct ward_json *detail, const char *comm)
{
	struct ward_buf b = WARD_BUF_INIT;
	const char *const parts[] = { text_of(rec, "resource"), text_of(detail, "address"),
		text_of(detail, "via"), text_of(detail, "peer"), comm };
	char *key;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++) {
		ward_buf_adds(&b, parts[i] ? parts[i] : "");
		ward_buf_addc(&b, '\n');
	}
	key = ward_buf_take(&b);
	return key ? find(o, key) : NULL;
}

/* n of them have ended. What is over is of begins that come later, or whose program was not known yet when they were told. */
static int64_t ends(struct opened *p, int64_t n)
{
	int64_t gone = n < p->n ? n : p->n;

	p->n -= gone;
	return n - gone;
}

struct ward_net_opened *ward_net_opened_new(void)
{
	return calloc(1, sizeof(struct ward_net_opened));
}

int ward_net_opened_note(struct ward_net_opened *o, const struct ward_json *rec, const char *line)
{
	const struct ward_json *detail = ward_json_get(rec, "detail"), *count;
	const char *kind = text_of(rec, "kind");
	bool begins = kind && ward_streq(kind, "net.open");
	const char *comm;
	struct opened *p;

	if (kind && ward_streq(kind, "run.end"))
		o->over = !ward_streq(text_of(detail, "status"), "aborted");
	if (!detail || detail->type != WARD_JSON_OBJECT || !kind ||
		!(begins || is_end(kind, detail)))
		return WARD_OK;
	count = ward_json_get(detail, "count");
	comm = text_of(detail, "comm");
	p = of(o, rec, detail, comm);
	if (!p)
		return WARD_E_NOMEM;
	if (!count || count->type != WARD_JSON_INT || count->i < 0 || count->i > INT32_MAX)
		return WARD_OK;
	if (!begins) {
		int64_t left = ends(p, count->i);

		p = left > 0 && comm ? of(o, rec, detail, NULL) : p;
		if (p && left > 0)
			(void)ends(p, left);
		return p ? WARD_OK : WARD_E_NOMEM;
	}
	p->n += count->i;
	free(p->line);
	p->line = strdup(line);
	return p->line ? WARD_OK : WARD_E_NOMEM;
}

void ward_net_opened_each(const struct ward_net_opened *o,
	void (*fn)(void *arg, const char *line, int64_t n), void *arg)
{
	for (size_t i = 0; !o->over && i < BUCKETS; i++)
		for (const struct opened *p = o->buckets[i]; p; p = p->next)
			if (p->n > 0 && p->line)
				fn(arg, p->line, p->n);
}

void ward_net_opened_free(struct ward_net_opened *o)
{
	for (size_t i = 0; o && i < BUCKETS; i++)
		while (o->buckets[i]) {
			struct opened *p = o->buckets[i];

			o->buckets[i] = p->next;
			free(p->key);
			free(p->line);
			free(p);
		}
	free(o);
}
