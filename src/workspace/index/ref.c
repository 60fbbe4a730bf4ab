/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reference of git's that the run wrote, and that has no file of its own in the project any more. It is not gone: git pack-refs, which each gc does,
 * writes it into packed-refs, whatever it had come to be until then. That file's time says nothing of one reference, so it is asked who moved this
 * one: the project's log of it, which the run has not written, and the layer's, which begins with what the run had. What neither says is a
 * conflict.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/index/index.h"

#define TAIL (4u << 10) /* of a log, in which its last line is */
#define LOG_MAX (1u << 20) /* of one that is read */
#define HEX_MIN 40u
#define READ_MAX (4u * WARD_INDEX_BYTES_MAX) /* of packed-refs, all that are asked about at once */

static const char packed_refs[] = "packed-refs";

/* "VALUE NAME\n", in the text. */
struct line {
	uint32_t at, n_value, n_name;
};

/* Which file it was, and what it was then. */
struct what {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

/* The last packed-refs that was read, whatever its path. */
struct ward_packed {
	struct what is;
	struct ward_buf text;
	struct line *v; /* by name, and of one name the first of the file */
	size_t n, v_size;
	uint64_t n_read; /* bytes, of all that were */
	bool there, read, whole;
};

void ward_packed_free(struct ward_packed *p)
{
	if (!p)
		return;
	ward_buf_done(&p->text);
	free(p->v);
	free(p);
}

/* ---- names ---- */

bool ward_ref_is_name(const char *path)
{
	return strncmp(path, "refs/", 5) == 0 || strstr(path, "/refs/");
}

bool ward_ref_repository(int root, const char *path, const char *dir, size_t *ret)
{
	char head[WARD_PATH_MAX + sizeof("HEAD")];

	for (const char *at = path; (at = strstr(at, dir)); at += strlen(dir)) {
		WARD_FD fd = -1;

		if (at != path && at[-1] != '/')
			continue;
		(void)snprintf(head, sizeof(head), "%.*sHEAD", (int)(at - path), path);
		fd = ward_commit_open(root, head, O_PATH | O_NOFOLLOW);
		if (fd < 0)
			continue;
		*ret = (size_t)(at - path);
		return true;
	}
	return false;
}

/* ---- files ---- */

static bool is_file(int fd, struct stat *ret)
{
	return fd >= 0 && fstat(fd, ret) == 0 && S_ISREG(ret->st_mode);
}

static int by_name(const void *a, const void *b, void *text)
{
	const struct line *x = a, *y = b;
	const char *s = text;
	int r = memcmp(s + x->at + x->n_value + 1, s + y->at + y->n_value + 1,
		x->n_name < y->n_name ? x->n_name : y->n_name);

	if (r == 0)
		r = (x->n_name > y->n_name) - (x->n_name < y->n_name);
	return r ? r : (x->at > y->at) - (x->at < y->at);
}

static bool keep_line(struct ward_packed *p, const struct line *one)
{
	if (p->n == p->v_size) {
		size_t size = p->v_size ? 2 * p->v_size : 64;
		struct line *v = reallocarray(p->v, size, sizeof(*v));

		if (!v)
			return false;
		p->v = v;
		p->v_size = size;
	}
	p->v[p->n++] = *one;
	return true;
}

/* Once for all that is asked of it: who wrote it says how long it is, and how much is asked. */
static bool index_lines(struct ward_packed *p)
{
	const char *end = p->text.s ? p->text.s + p->text.n : NULL, *next;
	bool sorted = true;

	for (const char *at = p->text.s; at && at < end; at = next + 1) {
		struct line one = { .at = (uint32_t)(at - p->text.s) };

		next = memchr(at, '\n', (size_t)(end - at));
		if (!next)
			break;
		one.n_value = (uint32_t)strspn(at, "0123456789abcdef");
		if (one.n_value < HEX_MIN || at[one.n_value] != ' ')
			continue;
		one.n_name = (uint32_t)(next - at) - one.n_value - 1;
		if (!keep_line(p, &one))
			return false;
		if (p->n > 1 && sorted)
			sorted = by_name(&p->v[p->n - 2], &p->v[p->n - 1], p->text.s) < 0;
	}
	if (!sorted)
		qsort_r(p->v, p->n, sizeof(*p->v), by_name, p->text.s);
	return true;
}

static bool read_packed(struct ward_packed *p, int fd)
{
	struct ward_error none = WARD_ERROR_INIT;

	p->text.n = p->n = 0;
	if (p->is.size > WARD_INDEX_BYTES_MAX || p->is.size > READ_MAX - p->n_read)
		return false;
	p->n_read += p->is.size;
	return (p->is.size == 0 ||
		       ward_read_fd(fd, packed_refs, WARD_INDEX_BYTES_MAX, &p->text, &none) ==
			       WARD_OK) &&
		index_lines(p);
}

/* False: nobody can say what it has. */
static bool load(struct ward_packed *p, int root, const char *path)
{
	WARD_FD fd = ward_commit_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct what is;
	struct stat st;

	p->there = fd != -ENOENT;
	if (!p->there)
		return true;
	if (!is_file(fd, &st))
		return false;
	is = (struct what){ st.st_dev, st.st_ino, (uint64_t)st.st_size, ward_commit_ns(&st.st_mtim),
		ward_commit_ns(&st.st_ctim) };
	if (p->read && memcmp(&p->is, &is, sizeof(is)) == 0)
		return p->whole;
	p->is = is;
	p->read = true;
	p->whole = read_packed(p, fd);
	return p->whole;
}

/* The line "VALUE NAME": where VALUE begins, and how long it is. NULL: none. */
static const char *line_of(const struct ward_packed *p, const char *name, size_t *ret)
{
	size_t from = 0, to = p->n, n = strlen(name);

	while (from < to) {
		size_t half = from + (to - from) / 2;
		const struct line *l = &p->v[half];
		int r = memcmp(p->text.s + l->at + l->n_value + 1, name,
			n < l->n_name ? n : l->n_name);

		if (r < 0 || (r == 0 && l->n_name < n))
			from = half + 1;
		else
			to = half;
	}
	if (from == p->n || p->v[from].n_name != n ||
		memcmp(p->text.s + p->v[from].at + p->v[from].n_value + 1, name, n) != 0)
		return NULL;
	*ret = p->v[from].n_value;
	return p->text.s + p->v[from].at;
}

/* At most n bytes of its end. False: it is not there, or cannot be read. */
static bool end_of(int dir, const char *path, size_t n, struct ward_buf *out)
{
	WARD_FD fd = ward_commit_open(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct ward_error none = WARD_ERROR_INIT;
	struct stat st;

	return is_file(fd, &st) &&
		(st.st_size <= (off_t)n || lseek(fd, st.st_size - (off_t)n, SEEK_SET) >= 0) &&
		ward_read_fd(fd, path, n, out, &none) == WARD_OK;
}

/* ---- who moved it ---- */

/* "OLD NEW NAME <MAIL> SECONDS ZONE\tWHY", without its end. */
struct entry {
	const char *s;
	size_t n;
};

/* The next of them, from *io on. gc leaves a tab where there is no WHY. */
static bool next_entry(const char **io, const char *end, struct entry *ret)
{
	const char *over = *io < end ? memchr(*io, '\n', (size_t)(end - *io)) : NULL;

	if (!over)
		return false;
	*ret = (struct entry){ *io, (size_t)(over - *io) };
	if (ret->n > 0 && ret->s[ret->n - 1] == '\t')
		ret->n--;
	*io = over + 1;
	return true;
}

static bool seconds_of(const struct entry *e, long long *ret)
{
	const char *mail = memmem(e->s, e->n, "> ", 2);
	const char *at = mail ? mail + 2 : NULL, *end = e->s + e->n;

	/* Of this line: the next one begins with digits, too. */
	if (!at || at == end || *at < '0' || *at > '9')
		return false;
	*ret = strtoll(at, NULL, 10);
	return true;
}

static bool is_from(const struct entry *e, const char *value, size_t n)
{
	return e->n > n && memcmp(e->s, value, n) == 0 && e->s[n] == ' ';
}

static bool is_to(const struct entry *e, const char *value, size_t n)
{
	return e->n > 2 * n + 1 && e->s[n] == ' ' && memcmp(e->s + n + 1, value, n) == 0 &&
		e->s[2 * n + 1] == ' ';
}

/* The last entry of the project's log says that it came to value, and that before the run. No entry, where the host's git has forgotten all: n is 0. */
static bool last_of(const struct ward_buf *log, const char *value, size_t n, int64_t since_ns,
	struct entry *ret)
{
	const char *end, *line;
	long long seconds;

	*ret = (struct entry){ "", 0 };
	if (log->n == 0)
		return true;
	end = log->s + log->n;
	if (end[-1] != '\n' || memchr(log->s, 0, log->n))
		return false;
	for (line = end - 1; line > log->s && line[-1] != '\n';)
		line--;
	return next_entry(&line, end, ret) && is_to(ret, value, n) && seconds_of(ret, &seconds) &&
		seconds <= since_ns / 1000000000;
}

/* Without an entry of the host's: the run's first is from value, and what is before it, if anything, led there. */
static bool starts_from(const struct ward_buf *runs, const char *value, size_t n, int64_t since_ns)
{
	const char *at = runs->s, *end = runs->s + runs->n;
	bool led_there = runs->n < LOG_MAX; /* else what is before was cut off */
	struct entry e;
	long long seconds;

	while (next_entry(&at, end, &e)) {
		if (!seconds_of(&e, &seconds))
			return false;
		if (seconds >= since_ns / 1000000000)
			return led_there && is_from(&e, value, n);
		led_there = is_to(&e, value, n);
	}
	return false;
}

/*
 * The run went on from there: behind that entry its log has one from value. Any other place of value there says nothing, since all that it ever was is
 * in that log.
 */
static bool goes_on_from(const struct ward_buf *runs, const struct entry *last, const char *value,
	size_t n, int64_t since_ns)
{
	const char *at = runs->s, *end = runs->s + runs->n;
	struct entry e;
	bool here = false;

	if (last->n == 0)
		return starts_from(runs, value, n, since_ns);
	while (next_entry(&at, end, &e)) {
		if (here && is_from(&e, value, n))
			return true;
		here = e.n == last->n && memcmp(e.s, last->s, e.n) == 0;
	}
	return false;
}

/* Nobody has moved it since the run began: both logs have to say so, since times in a log are what somebody says they are. */
static bool is_as_was(int root, int layer, int64_t since_ns, const char *path, size_t n_dir,
	const char *value, size_t n)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf theirs = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf runs = WARD_BUF_INIT;
	char log[WARD_PATH_MAX + sizeof("logs/")];
	struct entry last;

	(void)snprintf(log, sizeof(log), "%.*slogs/%s", (int)n_dir, path, path + n_dir);
	return strlen(log) < WARD_PATH_MAX && end_of(root, log, TAIL, &theirs) &&
		last_of(&theirs, value, n, since_ns, &last) && end_of(layer, log, LOG_MAX, &runs) &&
		runs.n > 0 && goes_on_from(&runs, &last, value, n, since_ns);
}

/* What it says of all that it names is the run's: its own git packed it, and it has landed. */
static bool is_landed(const struct ward_packed *p, const struct ward_landed *landed,
	const char *path)
{
	const struct ward_landed_seen *seen = landed ? ward_landed_get(landed, path) : NULL;

	return seen && seen->kind == WARD_LANDED_OBJECT && seen->ctime_ns != 0 &&
		seen->ino == p->is.ino && seen->ctime_ns == p->is.ctime_ns;
}

enum ward_ref ward_ref_packed(struct ward_packed **io, struct ward_indexes *x,
	const struct ward_landed *landed, int root, int layer, int64_t since_ns, const char *path)
{
	char packed[WARD_PATH_MAX + sizeof(packed_refs)];
	const char *value;
	size_t n_dir, n;

	if (!ward_ref_repository(root, path, "refs/", &n_dir))
		return WARD_REF_NONE;
	if (!*io)
		*io = calloc(1, sizeof(**io));
	(void)snprintf(packed, sizeof(packed), "%.*s%s", (int)n_dir, path, packed_refs);
	if (!*io || !load(*io, root, packed))
		return WARD_REF_UNREAD;
	value = (*io)->there ? line_of(*io, path + n_dir, &n) : NULL;
	if (!value)
		return WARD_REF_NONE;
	return (*io)->is.ctime_ns < since_ns || is_landed(*io, landed, packed) ||
			ward_indexes_has_ref(x, landed, path, value, n) ||
			is_as_was(root, layer, since_ns, path, n_dir, value, n)
		? WARD_REF_AS_WAS
		: WARD_REF_MOVED;
}

/* ---- its log ---- */

/* All that the project's says, in whole lines, the run's begins with. A tab at their ends is gc's, or update-ref's that left it out. */
static bool begins_with(const struct ward_buf *runs, const struct ward_buf *theirs)
{
	const char *at = theirs->s, *end = theirs->n ? at + theirs->n : at;
	const char *from = runs->s, *over = runs->n ? from + runs->n : from;
	struct entry a, b;

	while (next_entry(&at, end, &a))
		if (!next_entry(&from, over, &b) || a.n != b.n || memcmp(a.s, b.s, a.n) != 0)
			return false;
	return at == end;
}

bool ward_ref_log_goes_on(struct ward_indexes *x, int root, int layer, const char *path,
	const struct stat *st)
{
	const uint64_t flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	WARD_CLEANUP(ward_buf_done) struct ward_buf a = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_FD theirs = -1;
	WARD_FD runs = -1;
	struct ward_error none = WARD_ERROR_INIT;
	struct stat now, runs_st;
	size_t n_dir;
	int r;

	if (!x || st->st_size > (off_t)LOG_MAX ||
		!ward_ref_repository(root, path, "logs/", &n_dir) || !ward_indexes_settled(st))
		return false;
	theirs = ward_commit_open(root, path, flags);
	runs = ward_commit_open(layer, path, flags);
	if (!is_file(theirs, &now) || !is_file(runs, &runs_st) || now.st_ino != st->st_ino ||
		ward_read_fd(theirs, "a log", LOG_MAX, &a, &none) < 0)
		return false;
	/* More than that has nothing to say: of what it begins with a line is longer by a tab at most. */
	r = ward_read_fd(runs, "a log", 2 * LOG_MAX, &b, &none);
	if ((r < 0 && r != WARD_E_LIMIT) || !begins_with(&b, &a) || fstat(theirs, &now) < 0 ||
		ward_commit_ns(&now.st_ctim) != ward_commit_ns(&st->st_ctim))
		return false;
	ward_indexes_keep(x, st);
	return true;
}
