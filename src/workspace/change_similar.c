/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the run moved and changed as well. It is no rename, and nobody can prove where it is by comparing bytes: of what a change takes away some
 * pieces (lines, or of a longer one each 64 bytes; blanks do not count) are looked for in what the others bring. Where more than half of them
 * are there, the first waits for the second, as for what is the same (change_rename.c). It is a guess to the safe side: what it finds is kept
 * longer, what it does not find is as if nobody had looked. A few lines are in very many files, so of less than FOUND_MIN pieces and FOUND_BYTES
 * nothing is guessed.
 *
 * Of a large file the pieces are those of the smallest sums. A piece that very many files have says nothing. Each file is read once, its
 * beginning alone, and all of them to a bound. The same question has the same answer: nothing here is drawn by lot. Who wrote the files may
 * so know which pieces of a large one are looked for, and gains nothing by it: he could as well have removed the file, or copied all of it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/change.h"

#define PIECE 64 /* bytes that are no blanks */
#define PIECE_MIN 3 /* a bracket is in every file */
#define PIECES 256 /* of one file */
#define MARKS_MAX 65536 /* pieces of all */
#define FOUND_MIN 5 /* pieces */
#define FOUND_BYTES 200 /* that are no blanks */
#define SEED 0xcbf29ce484222325u
#define HEAD \
	(64u << 10) /* bytes of what is taken away; of what is brought twice that: something may stand before it */
#define COST 8192 /* bytes, at least: to open a file */
#define SHARED_MAX 16 /* files that have a piece, at most, for it to say something */
#define FILTER_BITS ((size_t)1 << 20)

_Static_assert(2 * HEAD <= CHANGE_STEP, "what is looked at of a file is read at once");

/* What a change takes away. */
struct taken {
	struct ward_change *change;
	const struct ward_change *to;
	uint32_t n, n_to; /* pieces that say something; that to has */
	uint32_t at, n_at, bytes_at; /* what is being looked at, and how much it has */
	bool kept; /* it is still most of what its name has */
};

struct mark {
	uint64_t sum;
	uint32_t taken;
	uint32_t at; /* what had it last */
};

struct similar {
	struct reader *r;
	uint64_t left; /* bytes that may be read yet */
	bool unread; /* there was more */
	struct taken *v;
	size_t n, max;
	struct mark *marks;
	size_t n_marks, cap_marks;
	uint64_t sums[2 * PIECES]; /* of one file */
	size_t n_sums;
	uint8_t *filter;
};

static void similar_done(struct similar *s)
{
	free(s->v);
	free(s->marks);
	free(s->filter);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* How long it is; ret 0: it says nothing. ret_bytes: that are no blanks. */
static size_t piece(const char *s, size_t n, uint64_t *ret, uint32_t *ret_bytes)
{
	uint64_t h = SEED;
	size_t i = 0, k = 0;

	while (i < n && k < PIECE && s[i] != '\n') {
		if (!is_blank(s[i])) {
			h = (h ^ (unsigned char)s[i]) * 0x100000001b3u;
			k++;
		}
		i++;
	}
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	*ret = k < PIECE_MIN ? 0 : h ? h : 1;
	*ret_bytes = (uint32_t)k;
	return i + (i < n && s[i] == '\n');
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest of those so far, in order, each once. */
static void keep_smallest(struct similar *s)
{
	size_t n = 0;

	qsort(s->sums, s->n_sums, sizeof(*s->sums), by_value);
	for (size_t i = 0; i < s->n_sums && n < PIECES; i++)
		if (n == 0 || s->sums[i] != s->sums[n - 1])
			s->sums[n++] = s->sums[i];
	s->n_sums = n;
}

static void take_piece(struct similar *s, uint64_t sum, uint64_t *most)
{
	if (sum == 0 || sum >= *most)
		return;
	s->sums[s->n_sums++] = sum;
	if (s->n_sums < WARD_ARRAY_SIZE(s->sums))
		return;
	keep_smallest(s);
	if (s->n_sums == PIECES)
		*most = s->sums[PIECES - 1];
}

/* Bytes of its beginning, which r->a has; 0 where it cannot be read, too. */
static size_t read_head(struct similar *s, const struct ward_change *c, bool brought, size_t most)
{
	uint64_t size = brought ? c->size : c->was_size;
	size_t want = size < most ? (size_t)size : most, cost = want > COST ? want : COST;
	WARD_FD fd = -1;
	ssize_t n;

	if (s->left < cost || ward_change_stops(s->r)) {
		s->unread = true;
		return 0;
	}
	s->left -= cost;
	fd = brought ? ward_changed_get(&s->r->way, s->r->layer, c->path, s->r->lives,
			       &(struct stat){ 0 })
		     : ward_beneath(s->r->root, c->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	n = fd < 0 ? 0 : ward_change_fill(fd, s->r->a, want);
	return n > 0 ? (size_t)n : 0;
}

/* ---- what is taken away ---- */

static bool brings(const struct ward_change *c)
{
	return S_ISREG(c->mode) && c->size >= FOUND_BYTES &&
		(c->kind == WARD_CHANGE_ADDED || c->kind == WARD_CHANGE_TYPE ||
			(c->kind == WARD_CHANGE_MODIFIED && c->content));
}

/*
 * In whose place something else came: what was written in place has the mark of a copy (and so has what came from elsewhere as it was), and
 * only where there is something else that it could have been moved to.
 */
static bool takes(const struct ward_change *c, size_t n_bring)
{
	if (!S_ISREG(c->was_mode) || c->was_size < FOUND_BYTES || c->moved_to)
		return false;
	return c->kind == WARD_CHANGE_DELETED || c->kind == WARD_CHANGE_TYPE ||
		(c->kind == WARD_CHANGE_MODIFIED && c->content && !c->origin &&
			n_bring > brings(c));
}

/* NULL: no memory. */
static struct mark *more_marks(struct similar *s, size_t n)
{
	if (s->n_marks + n > s->cap_marks) {
		size_t cap = 2 * s->cap_marks + 4 * (size_t)PIECES;
		struct mark *v = realloc(s->marks, cap * sizeof(*v));

		if (!v)
			return NULL;
		s->marks = v;
		s->cap_marks = cap;
	}
	s->n_marks += n;
	return s->marks + s->n_marks - n;
}

static int take(struct similar *s, struct ward_change *c)
{
	size_t n = read_head(s, c, false, HEAD);
	uint64_t most = UINT64_MAX;
	struct mark *m;

	s->n_sums = 0;
	for (size_t at = 0; at < n;) {
		uint64_t sum;
		uint32_t bytes;

		at += piece(s->r->a + at, n - at, &sum, &bytes);
		take_piece(s, sum, &most);
	}
	keep_smallest(s);
	if (s->n_sums < FOUND_MIN)
		return WARD_OK;
	m = more_marks(s, s->n_sums);
	if (!m)
		return ward_fail(s->r->err, WARD_E_NOMEM, "no memory for the changes");
	for (size_t i = 0; i < s->n_sums; i++)
		m[i] = (struct mark){ .sum = s->sums[i], .taken = (uint32_t)s->n };
	s->v[s->n++] = (struct taken){ .change = c, .n = (uint32_t)s->n_sums };
	return WARD_OK;
}

/* What is gone first: there is nothing else of it. */
static int take_all(struct similar *s, size_t n_bring)
{
	struct ward_changes *all = s->r->out;
	int r = WARD_OK;

	for (int gone = 1; gone >= 0; gone--)
		for (size_t i = 0; i < all->n && s->n < s->max &&
			s->n_marks <= MARKS_MAX - PIECES && r == WARD_OK;
			i++)
			if (takes(&all->v[i], n_bring) &&
				(all->v[i].kind == WARD_CHANGE_MODIFIED) == !gone)
				r = take(s, &all->v[i]);
	return r;
}

static int by_sum(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->sum != y->sum)
		return x->sum < y->sum ? -1 : 1;
	return x->taken < y->taken ? -1 : x->taken > y->taken;
}

/* In order, without those that too many files have. */
static void mark_all(struct similar *s)
{
	size_t n = 0;

	if (s->n_marks == 0)
		return;
	qsort(s->marks, s->n_marks, sizeof(*s->marks), by_sum);
	for (size_t i = 0, k; i < s->n_marks; i = k) {
		uint64_t sum = s->marks[i].sum;

		for (k = i + 1; k < s->n_marks && s->marks[k].sum == sum;)
			k++;
		if (k - i <= SHARED_MAX)
			s->filter[sum % FILTER_BITS / 8] |= (uint8_t)(1u << sum % 8);
		for (size_t m = i; m < k; m++) {
			if (k - i <= SHARED_MAX)
				s->marks[n++] = s->marks[m];
			else
				s->v[s->marks[m].taken].n--;
		}
	}
	s->n_marks = n;
}

/* ---- what is brought ---- */

static size_t first_mark(const struct similar *s, uint64_t sum)
{
	size_t low = 0, high = s->n_marks;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->marks[mid].sum < sum)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool same_name(const struct taken *t, const struct ward_change *c)
{
	return ward_streq(ward_path_basename(t->change->path), ward_path_basename(c->path));
}

/* So many of its pieces were found in c until now. */
static void found(struct taken *t, const struct ward_change *c)
{
	if (2 * t->n_at <= t->n || t->n_at < FOUND_MIN || t->bytes_at < FOUND_BYTES)
		return;
	if (t->change == c)
		t->kept = true;
	else if (t->n_at > t->n_to ||
		(t->n_at == t->n_to && !same_name(t, t->to) && same_name(t, c))) {
		t->to = c;
		t->n_to = t->n_at;
	}
}

static void bring(struct similar *s, const struct ward_change *c, uint32_t at)
{
	size_t n = read_head(s, c, true, 2 * HEAD);

	for (size_t i = 0; i < n;) {
		uint64_t sum;
		uint32_t bytes;

		i += piece(s->r->a + i, n - i, &sum, &bytes);
		if (sum == 0 || !(s->filter[sum % FILTER_BITS / 8] & 1u << sum % 8))
			continue;
		for (size_t m = first_mark(s, sum); m < s->n_marks && s->marks[m].sum == sum; m++) {
			struct taken *t = &s->v[s->marks[m].taken];

			if (s->marks[m].at == at)
				continue;
			s->marks[m].at = at;
			t->n_at = t->at == at ? t->n_at + 1 : 1;
			t->bytes_at = t->at == at ? t->bytes_at + bytes : bytes;
			t->at = at;
			found(t, c);
		}
	}
}

/* What is new first: most of what was moved is. */
static void bring_all(struct similar *s)
{
	const struct ward_changes *all = s->r->out;

	for (int new = 1; new >= 0; new --)
		for (size_t i = 0; i < all->n && s->n_marks > 0 && !s->unread; i++)
			if (brings(&all->v[i]) && (all->v[i].kind == WARD_CHANGE_MODIFIED) == !new)
				bring(s, &all->v[i], (uint32_t)i + 1);
}

static int look(struct similar *s, size_t n_bring)
{
	int r;

	s->v = calloc(s->max, sizeof(*s->v));
	s->filter = s->v ? calloc(FILTER_BITS / 8, 1) : NULL;
	if (!s->filter)
		return ward_fail(s->r->err, WARD_E_NOMEM, "no memory for the changes");
	s->left = WARD_SIMILAR_BYTES_MAX / 2;
	r = take_all(s, n_bring);
	if (r < 0)
		return r;
	mark_all(s);
	s->left += WARD_SIMILAR_BYTES_MAX / 2;
	s->unread = false;
	bring_all(s);
	for (size_t i = 0; i < s->n; i++) {
		struct ward_change *c = s->v[i].change;

		/* What was not read may be what it was, with an edit. */
		if (!s->v[i].to || s->v[i].kept || (s->unread && c->kind == WARD_CHANGE_MODIFIED))
			continue;
		c->moved_to = s->v[i].to;
		c->moved_part = true;
	}
	return WARD_OK;
}

int ward_changes_similar(struct reader *r)
{
	WARD_CLEANUP(similar_done) struct similar s = { .r = r };
	size_t n_bring = 0;

	for (size_t i = 0; i < r->out->n; i++)
		n_bring += brings(&r->out->v[i]);
	for (size_t i = 0; i < r->out->n && n_bring > 0; i++)
		s.max += takes(&r->out->v[i], n_bring);
	/* Half of what may be read is for what is brought. */
	if (s.max > WARD_SIMILAR_BYTES_MAX / COST / 2)
		s.max = WARD_SIMILAR_BYTES_MAX / COST / 2;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed by its cleanup */
	return s.max > 0 ? look(&s, n_bring) : WARD_OK;
}
