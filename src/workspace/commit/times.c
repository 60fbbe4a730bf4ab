/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ctime that each step left its directory with, for who goes on or takes back after a kill: what has that one still was changed by nobody
 * else since. It is written where a kill leaves it, and a crash of the machine may not: docs/spec/commit-journal.md. Nothing rests on it but
 * that nobody's change is taken for ours: without it none is ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/commit/commit.h"

/* Less than 0: a call is under way, and before it this was what it had; so 0 is the least that there is. */
#define NEVER INT64_MIN

static size_t bytes_of(const struct ward_commit *c)
{
	return c->j.n * sizeof(*c->given.times);
}

static void map(struct ward_commit *c, int fd)
{
	void *p = mmap(NULL, bytes_of(c), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	c->given.times = p == MAP_FAILED ? NULL : p;
}

/* Before the journal: what another commit left is not taken for its own. All of it has its place on the disk when it is written. */
void ward_commit_times_make(struct ward_commit *c)
{
	WARD_FD fd = -1;

	if ((unlinkat(c->store, WARD_JOURNAL_TIMES, 0) < 0 && errno != ENOENT) || c->j.stays)
		return;
	fd = openat(c->store, WARD_JOURNAL_TIMES,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, (off_t)bytes_of(c)) == 0)
		map(c, fd);
	if (!c->given.times)
		(void)unlinkat(c->store, WARD_JOURNAL_TIMES, 0);
}

void ward_commit_times_open(struct ward_commit *c)
{
	WARD_FD fd = openat(c->store, WARD_JOURNAL_TIMES, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && c->j.n > 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == bytes_of(c) && !ward_change_has_holes(&st))
		map(c, fd);
}

void ward_commit_times_done(struct ward_commit *c)
{
	if (c->given.times)
		(void)munmap(c->given.times, bytes_of(c));
	c->given.times = NULL;
}

/* What the step's call leaves is not known until it returns. */
int64_t ward_commit_time_begin(struct ward_commit *c, size_t i)
{
	int64_t was = c->given.times ? c->given.times[i] : 0;

	if (was < 0)
		was = was == NEVER ? 0 : -was;
	if (c->given.times)
		__atomic_store_n(&c->given.times[i], was > 0 ? -was : NEVER, __ATOMIC_RELAXED);
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
	__atomic_store_n(&c->given.times[i], was, __ATOMIC_RELAXED);
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
