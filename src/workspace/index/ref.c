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
#define STEP (16u << 10)

static const char packed_refs[] = "packed-refs";

/* The last packed-refs that was read. */
struct ward_packed {
	char path[WARD_PATH_MAX + sizeof(packed_refs)];
	uint64_t ino;
	int64_t ctime_ns;
	struct ward_buf text;
	bool there, whole;
};

void ward_packed_free(struct ward_packed *p)
{
	if (!p)
		return;
	ward_buf_done(&p->text);
	free(p);
}

/* ---- names ---- */

bool ward_ref_is_name(const char *path)
{
	return strncmp(path, "refs/", 5) == 0 || strstr(path, "/refs/");
}

/* How long the path of the repository is, with its slash, of what lies in dir of it: the first whose HEAD is in the project. */
static bool repository_of(int root, const char *path, const char *dir, size_t *ret)
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

/* False: nobody can say what it has. */
static bool load(struct ward_packed *p, int root, const char *path)
{
	struct ward_error none = WARD_ERROR_INIT;
	WARD_FD fd = ward_commit_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd == -ENOENT) {
		p->whole = p->there = false;
		return true;
	}
	if (!is_file(fd, &st))
		return false;
	if (p->whole && ward_streq(p->path, path) && p->ino == st.st_ino &&
		p->ctime_ns == ward_commit_ns(&st.st_ctim))
		return true;
	p->there = true;
	p->whole = false;
	p->text.n = 0;
	if (st.st_size > 0 &&
		ward_read_fd(fd, packed_refs, WARD_INDEX_BYTES_MAX, &p->text, &none) < 0)
		return false;
	(void)snprintf(p->path, sizeof(p->path), "%s", path);
	p->ino = st.st_ino;
	p->ctime_ns = ward_commit_ns(&st.st_ctim);
	p->whole = true;
	return true;
}

/* The line "VALUE NAME": where VALUE begins, and how long it is. NULL: none. */
static const char *line_of(const struct ward_packed *p, const char *name, size_t *ret)
{
	char wanted[WARD_PATH_MAX + 3];
	int n = snprintf(wanted, sizeof(wanted), " %s\n", name);
	const char *at = p->text.s, *end = at ? at + p->text.n : NULL;

	while (at && (at = memmem(at, (size_t)(end - at), wanted, (size_t)n))) {
		const char *begin = at;

		while (begin > p->text.s && begin[-1] != '\n')
			begin--;
		*ret = (size_t)(at - begin);
		if (*ret >= HEX_MIN && strspn(begin, "0123456789abcdef") == *ret)
			return begin;
		at++;
	}
	return NULL;
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

/*
 * The last line of the project's log says that it came to value, and that before the run: "OLD NEW NAME <MAIL> SECONDS ZONE\tWHY". A log without
 * lines is of one that nobody moved for as long as git keeps them.
 */
static bool is_last(const struct ward_buf *log, const char *value, size_t n, int64_t since_ns)
{
	const char *end = log->s + log->n, *line, *mail;

	if (log->n == 0)
		return true;
	if (end[-1] != '\n' || memchr(log->s, 0, log->n))
		return false;
	for (line = end - 1; line > log->s && line[-1] != '\n';)
		line--;
	mail = memmem(line, (size_t)(end - line), "> ", 2);
	return (size_t)(end - line) > 2 * n + 2 && line[n] == ' ' &&
		memcmp(line + n + 1, value, n) == 0 && mail &&
		strtoll(mail + 2, NULL, 10) <= since_ns / 1000000000;
}

/* Nobody has moved it since the run began; times in a log are what somebody says they are, so the run has to have seen the value as well. */
static bool is_as_was(int root, int layer, int64_t since_ns, const char *path, size_t n_dir,
	const char *value, size_t n)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf theirs = WARD_BUF_INIT;
	WARD_CLEANUP(ward_buf_done) struct ward_buf runs = WARD_BUF_INIT;
	char log[WARD_PATH_MAX + sizeof("logs/")];

	(void)snprintf(log, sizeof(log), "%.*slogs/%s", (int)n_dir, path, path + n_dir);
	return strlen(log) < WARD_PATH_MAX && end_of(root, log, TAIL, &theirs) &&
		is_last(&theirs, value, n, since_ns) && end_of(layer, log, LOG_MAX, &runs) &&
		runs.n > 0 && memmem(runs.s, runs.n, value, n);
}

enum ward_ref ward_ref_packed(struct ward_packed **io, struct ward_indexes *x,
	const struct ward_landed *landed, int root, int layer, int64_t since_ns, const char *path)
{
	char packed[WARD_PATH_MAX + sizeof(packed_refs)];
	const char *value;
	size_t n_dir, n;

	if (!repository_of(root, path, "refs/", &n_dir))
		return WARD_REF_NONE;
	if (!*io)
		*io = calloc(1, sizeof(**io));
	(void)snprintf(packed, sizeof(packed), "%.*s%s", (int)n_dir, path, packed_refs);
	if (!*io || !load(*io, root, packed))
		return WARD_REF_MOVED;
	value = (*io)->there ? line_of(*io, path + n_dir, &n) : NULL;
	if (!value)
		return WARD_REF_NONE;
	return (*io)->ctime_ns < since_ns || ward_indexes_has_ref(x, landed, path, value, n) ||
			is_as_was(root, layer, since_ns, path, n_dir, value, n)
		? WARD_REF_AS_WAS
		: WARD_REF_MOVED;
}

/* ---- its log ---- */

static bool begins_with(int layer, int root, off_t size)
{
	char a[STEP], b[STEP];

	for (off_t at = 0; at < size;) {
		size_t want = size - at < (off_t)sizeof(a) ? (size_t)(size - at) : sizeof(a);
		ssize_t n = pread(root, a, want, at);

		if (n <= 0 || pread(layer, b, (size_t)n, at) != n || memcmp(a, b, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

bool ward_ref_log_goes_on(struct ward_indexes *x, int root, int layer, const char *path,
	const struct stat *st)
{
	const uint64_t flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	WARD_FD theirs = -1;
	WARD_FD runs = -1;
	struct stat now, runs_st;
	size_t n_dir;

	if (!x || st->st_size > (off_t)LOG_MAX || !repository_of(root, path, "logs/", &n_dir) ||
		!ward_indexes_settled(st))
		return false;
	theirs = ward_commit_open(root, path, flags);
	runs = ward_commit_open(layer, path, flags);
	if (!is_file(theirs, &now) || !is_file(runs, &runs_st) || now.st_ino != st->st_ino ||
		runs_st.st_size < now.st_size || !begins_with(runs, theirs, now.st_size) ||
		fstat(theirs, &now) < 0 ||
		ward_commit_ns(&now.st_ctim) != ward_commit_ns(&st->st_ctim))
		return false;
	ward_indexes_keep(x, st);
	return true;
}
