/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of what was refused: bounded, without doubles, filled by the broker's threads and taken by the owner of
 * the run. One mutex, held for a hash probe and a few copies; nobody waits for anything under it.
 *
 * The inside chooses the texts and how many there are: texts are cut, distinct entries end at a maximum of their
 * class (real ones, quiet ones, missing sockets and the self-test's own never push each other out). What is over is handed out once more, for
 * whoever can tell an absent name from a violation; what is over that is lost, and counted here.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confine/native/broker.h"
#include "os/os.h"

#define HASH_SIZE 2048u /* power of 2, at least twice the sum of the maxima */
enum note_class { CLASS_REAL = 0, CLASS_QUIET, CLASS_MISSING, CLASS_SELFTEST, CLASS_MAX };
static const uint32_t class_max[CLASS_MAX] = {
	[CLASS_REAL] = WARD_VIOLATION_NAMES_MAX,
	[CLASS_QUIET] = 64,
	[CLASS_MISSING] = 64,
	[CLASS_SELFTEST] = 64,
};
#define SPAN_NS \
	8000000000u /* to look one up takes twice as long as to refuse it: some 128 a second, on the average */
#define ENTRIES_MAX (WARD_VIOLATION_NAMES_MAX + 192)

struct entry {
	struct ward_refusal r;
	uint32_t hash;
	bool taken;
};

struct ward_refusals {
	pthread_mutex_t lock;
	atomic_bool selftest;
	uint32_t n, n_class[CLASS_MAX];
	uint64_t dropped, calls_over; /* calls_over: not taken yet */
	/* Real ones over the maximum, not taken yet; each attempt, but for the same name right again. */
	uint32_t n_over;
	size_t over_bytes; /* of their names */
	uint32_t over_lately; /* those that were looked up since over_since */
	uint64_t
		over_since; /* a second at least: a flood of names costs the host no more than that */
	struct ward_refusal *over; /* made when it is needed: few runs ever do */
	uint16_t slot[HASH_SIZE]; /* index + 1 */
	struct entry v[ENTRIES_MAX];
};

struct ward_refusals *ward_refusals_new(void)
{
	struct ward_refusals *l = calloc(1, sizeof(*l));

	if (l && pthread_mutex_init(&l->lock, NULL) != 0) {
		free(l);
		l = NULL;
	}
	return l;
}

void ward_refusals_delete(struct ward_refusals *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		free(l->v[i].r.resource);
	for (uint32_t i = 0; i < l->n_over; i++)
		free(l->over[i].resource);
	free(l->over);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

void ward_refusals_free(struct ward_refusal *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		free(v[i].resource);
	free(v);
}

void ward_refusals_phase(struct ward_refusals *l, bool selftest)
{
	(void)pthread_mutex_lock(&l->lock);
	l->selftest = selftest;
	(void)pthread_mutex_unlock(&l->lock);
}

bool ward_refusals_testing(struct ward_refusals *l)
{
	return atomic_load(&l->selftest);
}

bool ward_refusals_full(struct ward_refusals *l)
{
	bool full;

	(void)pthread_mutex_lock(&l->lock);
	full = l->over_lately >= WARD_VIOLATION_OVER_MAX;
	(void)pthread_mutex_unlock(&l->lock);
	return full;
}

/* A path is the same refusal by whichever call it was asked for; a call is told apart by its name. */
static const char *key_syscall(const struct ward_refusal_note *n)
{
	return n->kind == WARD_REFUSAL_SYSCALL && n->syscall ? n->syscall : "";
}

static uint32_t hash_text(uint32_t h, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return (h ^ (h >> 15)) * 2246822519u;
}

static bool same(const struct entry *e, const struct ward_refusal_note *n, size_t len,
	bool selftest)
{
	/* What is quiet for one who asks is none for another: it must not swallow him. */
	if (n->seen == WARD_SEEN_ONLY_READ && e->r.quiet != n->quiet)
		return false;
	/* By UDP and by TCP one address is two things. */
	if (n->kind == WARD_REFUSAL_CONNECT && e->r.seen != n->seen)
		return false;
	/* What is missing in a private directory is quiet, and must not swallow what is refused by that name later. */
	if (n->kind == WARD_REFUSAL_UNIX && e->r.seen != n->seen)
		return false;
	/* To change a name that is nowhere is none at all, and must not swallow the making of it. */
	if (e->r.unmade != n->unmade)
		return false;
	return e->r.kind == n->kind && e->r.action == n->action && e->r.selftest == selftest &&
		strncmp(e->r.resource, n->resource, len) == 0 && e->r.resource[len] == '\0' &&
		(n->kind != WARD_REFUSAL_SYSCALL || strncmp(e->r.syscall, key_syscall(n), 31) == 0);
}

static void put_names(struct ward_refusal *r, const struct ward_refusal_note *n)
{
	(void)snprintf(r->syscall, sizeof(r->syscall), "%s", n->syscall ? n->syscall : "");
	(void)snprintf(r->comm, sizeof(r->comm), "%s", n->comm ? n->comm : "");
}

/* No room for another distinct one. Without memory it is lost, but for the count. */
static void add_over(struct ward_refusals *l, const struct ward_refusal_note *n, size_t len)
{
	struct ward_refusal *last = l->n_over > 0 ? &l->over[l->n_over - 1] : NULL;
	char *text = NULL;

	if (last && last->kind == n->kind && last->action == n->action && last->seen == n->seen &&
		strncmp(last->resource, n->resource, len) == 0 && last->resource[len] == '\0' &&
		(n->kind != WARD_REFUSAL_SYSCALL ||
			strncmp(last->syscall, key_syscall(n), 31) == 0) &&
		last->vague == n->vague && last->unmade == n->unmade) {
		last->count++;
		return;
	}
	if (!l->over)
		l->over = calloc(WARD_VIOLATION_OVER_MAX, sizeof(*l->over));
	if (l->over && l->n_over < WARD_VIOLATION_OVER_MAX &&
		l->over_bytes + len < WARD_VIOLATION_OVER_BYTES_MAX)
		text = strndup(n->resource, len);
	l->over_lately++; /* also one that is lost: it took the same look */
	if (!text) {
		/* A call that was refused is one: nothing has to be looked up to count it. */
		if (n->kind == WARD_REFUSAL_SYSCALL)
			l->calls_over++;
		else
			l->dropped++;
		return;
	}
	l->over_bytes += len + 1;
	l->over[l->n_over] = (struct ward_refusal){ .kind = n->kind,
		.action = n->action,
		.resource = text,
		.pid = n->pid,
		.pid_start = n->pid_start,
		.seen = n->seen,
		.over = true,
		.vague = n->vague,
		.unmade = n->unmade,
		.count = 1,
		.wall_ns = ward_now_wall_ns() };
	put_names(&l->over[l->n_over++], n);
}

static void add_entry(struct ward_refusals *l, const struct ward_refusal_note *n, size_t len,
	uint32_t hash, uint32_t at)
{
	enum note_class c = l->selftest        ? CLASS_SELFTEST
		: n->seen == WARD_SEEN_MISSING ? CLASS_MISSING
		: n->quiet                     ? CLASS_QUIET
					       : CLASS_REAL;
	struct entry *e = &l->v[l->n];
	bool room = l->n_class[c] < class_max[c];
	char *text = room ? strndup(n->resource, len) : NULL;

	if (!text) {
		if (c == CLASS_REAL && !room)
			add_over(l, n, len);
		else
			l->dropped += c == CLASS_REAL;
		return;
	}
	*e = (struct entry){ .hash = hash,
		.r = { .kind = n->kind,
			.action = n->action,
			.resource = text,
			.pid = n->pid,
			.pid_start = n->pid_start,
			.selftest = l->selftest,
			.quiet = n->quiet,
			.sought = n->seen == WARD_SEEN_MISSING ||
				(n->quiet && n->kind == WARD_REFUSAL_PATH &&
					n->action == WARD_CAP_FILE_READ && ward_quiet_sought(text)),
			.seen = n->seen,
			.unmade = n->unmade,
			.count = 1,
			.wall_ns = ward_now_wall_ns() } };
	put_names(&e->r, n);
	l->n_class[c]++;
	l->slot[at] = (uint16_t)++l->n;
}

/* Count the entry if it is there; else, with add, make it. */
static bool look_up(struct ward_refusals *l, const struct ward_refusal_note *note, bool add)
{
	struct ward_refusal_note n = *note;
	const char *sc = key_syscall(note);
	uint32_t hash = 2166136261u ^ (uint32_t)n.kind ^ ((uint32_t)n.action << 8), at;
	bool found = false;
	size_t len;

	if (!n.resource)
		n.resource = "";
	len = strnlen(n.resource, WARD_DETAIL_TEXT_MAX - 1);
	hash = hash_text(hash_text(hash, n.resource, len), sc, strnlen(sc, 31));
	(void)pthread_mutex_lock(&l->lock);
	for (at = hash & (HASH_SIZE - 1); l->slot[at] && !found; at = (at + 1) & (HASH_SIZE - 1)) {
		struct entry *e = &l->v[l->slot[at] - 1];

		found = e->hash == hash && same(e, &n, len, l->selftest);
		if (found)
			e->r.count++;
	}
	if (!found && add)
		add_entry(l, &n, len, hash, at);
	(void)pthread_mutex_unlock(&l->lock);
	return found;
}

bool ward_refusals_again(struct ward_refusals *l, const struct ward_refusal_note *note)
{
	return look_up(l, note, false);
}

void ward_refusals_note(struct ward_refusals *l, const struct ward_refusal_note *note)
{
	(void)look_up(l, note, true);
}

/* Under the lock. */
static int copy_new(struct ward_refusals *l, struct ward_refusal **ret, size_t *ret_n)
{
	struct ward_refusal *v = calloc((size_t)l->n + l->n_over + 2, sizeof(*v));
	struct ward_refusal calls = { .kind = WARD_REFUSAL_SYSCALL,
		.over = true,
		.vague = true,
		.count = l->calls_over,
		.wall_ns = ward_now_wall_ns() };
	size_t n = 0;

	for (uint32_t i = 0; v && i < l->n; i++) {
		if (l->v[i].taken)
			continue;
		v[n] = l->v[i].r;
		v[n].resource = strdup(l->v[i].r.resource);
		if (!v[n++].resource) {
			ward_refusals_free(v, n);
			v = NULL;
		}
	}
	if (v && calls.count)
		calls.resource = strdup("");
	if (!v || (calls.count && !calls.resource)) {
		ward_refusals_free(v, n);
		return WARD_E_NOMEM;
	}
	for (uint32_t i = 0; i < l->n; i++)
		l->v[i].taken = true;
	if (l->n_over > 0)
		memcpy(v + n, l->over, l->n_over * sizeof(*v));
	n += l->n_over;
	if (calls.count)
		v[n++] = calls;
	*ret = v;
	*ret_n = n;
	l->n_over = 0;
	l->calls_over = 0;
	l->over_bytes = 0;
	return WARD_OK;
}

int ward_refusals_take(struct ward_refusals *l, struct ward_refusal **ret, size_t *ret_n,
	uint64_t *ret_dropped)
{
	uint64_t now = ward_now_mono_ns();
	int r;

	(void)pthread_mutex_lock(&l->lock);
	if (l->over_lately > 0 && now - l->over_since >= SPAN_NS) {
		l->over_lately = 0;
		l->over_since = now;
	}
	r = copy_new(l, ret, ret_n);
	*ret_dropped = l->dropped;
	(void)pthread_mutex_unlock(&l->lock);
	return r;
}
