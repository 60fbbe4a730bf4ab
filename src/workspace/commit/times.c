/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ctime that each step left its directory with, for who goes on or takes back after a kill: what has that one still was changed by nobody
 * else since. It is written where a kill leaves it, and a crash of the machine may not: docs/spec/commit-journal.md. Nothing rests on it but
 * that nobody's change is taken for ours: without it none is ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/commit/commit.h"

/* Less than 0: a call is under way, and before it this was what it had; so 0 is the least that there is. */
#define NEVER INT64_MIN

static size_t bytes_of(const struct ward_commit *c)
{
	return c->j.n * sizeof(*c->given.times);
}

/*
 * Not mapped: where a copy-on-write file system finds no place for what is written, that would be a signal in the middle of the commit.
 * fd: taken.
 */
static void have(struct ward_commit *c, int fd)
{
	c->given.times = calloc(c->j.n, sizeof(*c->given.times));
	if (c->given.times && pread(fd, c->given.times, bytes_of(c), 0) == (ssize_t)bytes_of(c)) {
		c->given.times_fd = fd;
		return;
	}
	free(c->given.times);
	c->given.times = NULL;
	ward_close(fd);
}

/* Before the journal: what another commit left is not taken for its own. All of it has its place on the disk when it is written. */
void ward_commit_times_make(struct ward_commit *c)
{
	int fd;

	if ((unlinkat(c->store, WARD_JOURNAL_TIMES, 0) < 0 && errno != ENOENT) || c->j.stays)
		return;
	fd = openat(c->store, WARD_JOURNAL_TIMES,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && posix_fallocate(fd, 0, (off_t)bytes_of(c)) == 0)
		have(c, fd);
	else
		ward_close(fd);
	if (!c->given.times)
		(void)unlinkat(c->store, WARD_JOURNAL_TIMES, 0);
}

void ward_commit_times_open(struct ward_commit *c)
{
	int fd = openat(c->store, WARD_JOURNAL_TIMES, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && c->j.n > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == bytes_of(c) && !ward_change_has_holes(&st))
		have(c, fd);
	else
		ward_close(fd);
}

void ward_commit_times_done(struct ward_commit *c)
{
	if (!c->given.times)
		return;
	free(c->given.times);
	c->given.times = NULL;
	ward_close(c->given.times_fd);
}

/* What cannot be written would be taken for what was: then nothing is known of any step. */
static void put(struct ward_commit *c, size_t i, int64_t v)
{
	ssize_t n = pwrite(c->given.times_fd, &v, sizeof(v), (off_t)(i * sizeof(v)));

	c->given.times[i] = v;
	if (n == (ssize_t)sizeof(v))
		return;
	(void)unlinkat(c->store, WARD_JOURNAL_TIMES, 0);
	ward_commit_times_done(c);
}

/* What the step's call leaves is not known until it returns. */
int64_t ward_commit_time_begin(struct ward_commit *c, size_t i)
{
	int64_t was = c->given.times ? c->given.times[i] : 0;

	if (was < 0)
		was = was == NEVER ? 0 : -was;
	if (c->given.times)
		put(c, i, was > 0 ? -was : NEVER);
	return was;
}

/* was: what the step had. It stays, if this one has changed nothing in the directory. One that is left met somebody else. */
void ward_commit_time_end(struct ward_commit *c, size_t i, int dir, const struct stat *before,
	int64_t was)
{
	struct stat st;

	if (!c->given.times || fstat(dir, &st) < 0)
		return;
	if (ward_commit_ns(&st.st_ctim) != ward_commit_ns(&before->st_ctim))
		was = ward_commit_ns(&st.st_ctim);
	if (c->j.v[i].result == WARD_RESULT_LEFT)
		was = 0;
	put(c, i, was);
}

enum ward_commit_last ward_commit_time_is(const struct ward_commit *c, size_t i,
	const struct stat *dir)
{
	int64_t t = c->given.times ? c->given.times[i] : 0, now = ward_commit_ns(&dir->st_ctim);

	if (t == NEVER)
		return WARD_LAST_FIRST_UNDER_WAY;
	if (t != 0 && now == (t < 0 ? -t : t))
		return WARD_LAST_OURS;
	return t < 0 ? WARD_LAST_UNDER_WAY : WARD_LAST_UNKNOWN;
}
