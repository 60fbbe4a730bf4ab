/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the indexes of the project's repositories said when the run began, or when they landed last. Each is bound to an object: the start's to that
 * which it was read from, which is older than the run; what landed to one that the notes of that speak of, the layer's or the project's. Nothing here
 * allows anything by being wrong or away: what is not known is a conflict.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "workspace/commit/commit.h"
#include "workspace/index/index.h"
#include "workspace/little.h"
#include "workspace/store.h"

#define MAGIC "WARDINDX"
#define VERSION 1u
#define TEMPORARY WARD_INDEXES_NAME ".new"
#define HEAD_BYTES 16u
#define RECORD_BYTES (24u + WARD_SHA256_SIZE)
#define FILE_MAX \
	(HEAD_BYTES + WARD_SHA256_SIZE + WARD_INDEXES_MAX * (RECORD_BYTES + (size_t)WARD_PATH_MAX))
#define READ_STEP ((size_t)1 << 20)
#define NAP_NS 1000000
#define NAPS_MAX 50
#define COMING_MAX 64
#define REF_MAX 256 /* bytes of a reference */

/* What an index says, and which object it is. */
struct said {
	uint64_t ino;
	int64_t ctime_ns;
	uint8_t sum[WARD_SHA256_SIZE];
};

struct known {
	char *path;
	struct said said;
};

struct ward_indexes {
	pthread_mutex_t lock;
	struct known v[WARD_INDEXES_MAX]; /* the oldest first */
	size_t n;
	struct known coming[COMING_MAX]; /* of the landing that is under way, of the layer */
	size_t n_coming, coming_bytes;
	atomic_size_t n_seen; /* of those that say what they did */
	size_t next_seen; /* the oldest makes room: a run that lands as it goes asks for hours */
	struct said seen[WARD_INDEXES_MAX];
};

struct ward_indexes *ward_indexes_new(void)
{
	struct ward_indexes *x = calloc(1, sizeof(*x));

	if (x)
		(void)pthread_mutex_init(&x->lock, NULL);
	return x;
}

void ward_indexes_free(struct ward_indexes *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].path);
	ward_indexes_none_come(x);
	(void)pthread_mutex_destroy(&x->lock);
	free(x);
}

/* ---- one that is read ---- */

static int read_whole(int fd, char *to, size_t n, const atomic_bool *stop)
{
	size_t at = 0;

	while (at < n) {
		ssize_t k = pread(fd, to + at, n - at < READ_STEP ? n - at : READ_STEP, (off_t)at);

		if (stop && atomic_load(stop))
			return -ECANCELED;
		if (k == 0)
			return -ESTALE;
		if (k < 0 && errno != EINTR)
			return -errno;
		at += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

/* Where nothing names a branch, no index is git's. */
static int open_index(int root, const char *path, struct stat *ret)
{
	const char *name;
	WARD_FD dir = ward_commit_parent(root, path, &name), fd = -1;
	struct stat st;

	if (dir < 0 || fstatat(dir, "HEAD", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -ENOENT;
	fd = ward_commit_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode) || ret->st_size <= 0 ||
		(uint64_t)ret->st_size > WARD_INDEX_BYTES_MAX)
		return -EINVAL;
	return ward_take_fd(&fd);
}

/* Nobody wrote to it from st on until it was read. */
static bool read_index(int fd, const struct stat *st, const atomic_bool *stop, struct said *ret)
{
	size_t n = (size_t)st->st_size;
	char *text = malloc(n);
	struct stat now;
	bool ok = text && read_whole(fd, text, n, stop) == 0 && fstat(fd, &now) == 0 &&
		now.st_size == st->st_size &&
		ward_commit_ns(&now.st_ctim) == ward_commit_ns(&st->st_ctim) &&
		ward_index_sum(text, n, ret->sum);

	free(text);
	ret->ino = st->st_ino;
	ret->ctime_ns = ward_commit_ns(&st->st_ctim);
	return ok;
}

/*
 * Who writes to it from here on gives it another time. The clock that inodes are stamped with goes by ticks; and some file systems keep whole seconds
 * of it, which are not waited for.
 */
bool ward_indexes_settled(const struct stat *st)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	struct timespec now;

	if (st->st_ctim.tv_nsec == 0)
		return clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
			now.tv_sec > st->st_ctim.tv_sec + 1;
	for (unsigned i = 0; i < NAPS_MAX; i++) {
		if (clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 &&
			ward_commit_ns(&now) > ward_commit_ns(&st->st_ctim))
			return true;
		(void)nanosleep(&nap, NULL);
	}
	return false;
}

/* ---- what is known; locked ---- */

static bool is_index(const char *path)
{
	return ward_streq(ward_path_basename(path), "index");
}

static struct known *find(struct ward_indexes *x, const char *path)
{
	for (size_t i = 0; i < x->n; i++)
		if (ward_streq(x->v[i].path, path))
			return &x->v[i];
	return NULL;
}

static void take_out(struct ward_indexes *x, size_t i)
{
	x->n--;
	memmove(&x->v[i], &x->v[i + 1], (x->n - i) * sizeof(x->v[0]));
}

/* Anything below a directory refs may be one: an index makes room for none. */
static bool oldest_ref(const struct known *v, size_t n, size_t *ret)
{
	for (*ret = 0; *ret < n; ++*ret)
		if (!is_index(v[*ret].path))
			return true;
	return false;
}

/* What lands again is the newest again. */
static bool add(struct ward_indexes *x, const char *path, const struct said *said)
{
	struct known *k = find(x, path);
	size_t i = k ? (size_t)(k - x->v) : x->n;
	char *copy;

	if (!k && x->n == WARD_INDEXES_MAX && !oldest_ref(x->v, x->n, &i))
		return false;
	copy = strdup(path);
	if (!copy)
		return false;
	if (i < x->n) {
		free(x->v[i].path);
		take_out(x, i);
	}
	x->v[x->n++] = (struct known){ copy, *said };
	return true;
}

static bool forget(struct ward_indexes *x, const char *path)
{
	struct known *k = find(x, path);

	if (!k)
		return false;
	free(k->path);
	take_out(x, (size_t)(k - x->v));
	return true;
}

/* ---- the file ---- */

static void sum_of(const char *p, size_t n, uint8_t out[WARD_SHA256_SIZE])
{
	struct ward_sha256 h;

	ward_sha256_init(&h);
	ward_sha256_update(&h, p, n);
	ward_sha256_final(&h, out);
}

static void put_all(const struct ward_indexes *x, struct ward_buf *b)
{
	uint8_t sum[WARD_SHA256_SIZE];

	ward_buf_add(b, MAGIC, 8);
	put_u32(b, VERSION);
	put_u32(b, (uint32_t)x->n);
	for (size_t i = 0; i < x->n; i++) {
		const struct known *k = &x->v[i];

		put_u32(b, (uint32_t)strlen(k->path));
		put_u32(b, 0);
		put_u64(b, k->said.ino);
		put_u64(b, (uint64_t)k->said.ctime_ns);
		ward_buf_add(b, k->said.sum, WARD_SHA256_SIZE);
		ward_buf_add(b, k->path, strlen(k->path) + 1);
	}
	if (b->failed)
		return;
	sum_of(b->s, b->n, sum);
	ward_buf_add(b, sum, sizeof(sum));
}

void ward_indexes_save(struct ward_indexes *x, int dir)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_FD fd = -1;

	(void)pthread_mutex_lock(&x->lock);
	put_all(x, &b);
	if (!b.failed)
		fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd >= 0 &&
		(ward_write_all(fd, b.s, b.n) < 0 ||
			renameat(dir, TEMPORARY, dir, WARD_INDEXES_NAME) < 0))
		(void)unlinkat(dir, TEMPORARY, 0);
	(void)pthread_mutex_unlock(&x->lock);
}

static bool parse(struct ward_indexes *x, const char *p, size_t n)
{
	uint8_t sum[WARD_SHA256_SIZE];
	size_t at = HEAD_BYTES, end = n - WARD_SHA256_SIZE;
	uint32_t left;

	if (n < HEAD_BYTES + WARD_SHA256_SIZE || memcmp(p, MAGIC, 8) != 0 ||
		get_u32(p + 8) != VERSION)
		return false;
	sum_of(p, end, sum);
	if (memcmp(sum, p + end, sizeof(sum)) != 0)
		return false;
	for (left = get_u32(p + 12); left > 0; left--) {
		struct said said;
		size_t path;

		if (end - at < RECORD_BYTES)
			return false;
		path = get_u32(p + at);
		if (path == 0 || path >= WARD_PATH_MAX || end - at - RECORD_BYTES < path + 1 ||
			memchr(p + at + RECORD_BYTES, 0, path + 1) != p + at + RECORD_BYTES + path)
			return false;
		said.ino = get_u64(p + at + 8);
		said.ctime_ns = (int64_t)get_u64(p + at + 16);
		memcpy(said.sum, p + at + 24, sizeof(said.sum));
		if (!add(x, p + at + RECORD_BYTES, &said))
			return false;
		at += RECORD_BYTES + path + 1;
	}
	return at == end;
}

void ward_indexes_load(struct ward_indexes *x, int dir)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error none = WARD_ERROR_INIT;
	WARD_FD fd = openat(dir, WARD_INDEXES_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ward_read_fd(fd, WARD_INDEXES_NAME, FILE_MAX, &b, &none) < 0)
		return;
	(void)pthread_mutex_lock(&x->lock);
	if (!parse(x, b.s, b.n))
		while (x->n > 0)
			free(x->v[--x->n].path);
	(void)pthread_mutex_unlock(&x->lock);
}

/* ---- learned ---- */

bool ward_indexes_counts(const char *path)
{
	return is_index(path) || ward_ref_is_name(path);
}

static bool read_ref(int fd, struct said *ret)
{
	char text[REF_MAX];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	if (n <= 0 || n == (ssize_t)sizeof(text))
		return false;
	sum_of(text, (size_t)n, ret->sum);
	return true;
}

bool ward_indexes_learn(struct ward_indexes *x, struct ward_index_from *from, const char *path)
{
	struct stat st;
	struct said said;
	WARD_FD fd = open_index(from->root, path, &st);
	bool is_new;

	if (fd < 0 || (size_t)st.st_size > from->budget)
		return false;
	(void)pthread_mutex_lock(&x->lock);
	is_new = !find(x, path);
	(void)pthread_mutex_unlock(&x->lock);
	from->budget -= is_new ? (size_t)st.st_size : 0;
	if (!is_new || ward_commit_ns(&st.st_ctim) >= ward_store_since(from->w) ||
		!read_index(fd, &st, from->stop, &said) ||
		said.ctime_ns >= ward_store_since(from->w))
		return false;
	(void)pthread_mutex_lock(&x->lock);
	/* What landed meanwhile is what counts. */
	is_new = !find(x, path) && add(x, path, &said);
	(void)pthread_mutex_unlock(&x->lock);
	return is_new;
}

void ward_indexes_none_come(struct ward_indexes *x)
{
	if (!x)
		return;
	(void)pthread_mutex_lock(&x->lock);
	while (x->n_coming > 0)
		free(x->coming[--x->n_coming].path);
	x->coming_bytes = 0;
	(void)pthread_mutex_unlock(&x->lock);
}

void ward_indexes_comes(struct ward_indexes *x, int fd, const char *path, uint64_t layer_ino,
	int64_t layer_ctime_ns)
{
	struct stat st;
	struct said said;
	const bool index = is_index(path);
	size_t at;
	char *copy;

	if (!x || layer_ctime_ns == 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
		st.st_size <= 0)
		return;
	at = x->n_coming;
	if (at == COMING_MAX && (!index || !oldest_ref(x->coming, COMING_MAX, &at)))
		return;
	if (index && (uint64_t)st.st_size > WARD_INDEX_BYTES_MAX - x->coming_bytes)
		return;
	x->coming_bytes += index ? (size_t)st.st_size : 0;
	if (!(index ? read_index(fd, &st, NULL, &said) : read_ref(fd, &said)))
		return;
	said.ino = layer_ino;
	said.ctime_ns = layer_ctime_ns;
	copy = strdup(path);
	if (!copy)
		return;
	(void)pthread_mutex_lock(&x->lock);
	if (at < x->n_coming)
		free(x->coming[at].path);
	else
		x->n_coming++;
	x->coming[at] = (struct known){ copy, said };
	(void)pthread_mutex_unlock(&x->lock);
}

static bool has_come(struct ward_indexes *x, const char *path, const struct ward_landed_seen *seen,
	struct said *ret)
{
	bool found = false;

	(void)pthread_mutex_lock(&x->lock);
	for (size_t i = 0; i < x->n_coming && !found; i++) {
		const struct said *said = &x->coming[i].said;

		found = ward_streq(x->coming[i].path, path) && said->ino == seen->layer_ino &&
			said->ctime_ns == seen->layer_ctime_ns;
		if (found)
			*ret = *said;
	}
	(void)pthread_mutex_unlock(&x->lock);
	return found;
}

bool ward_indexes_landed(struct ward_indexes *x, int root, const char *path,
	const struct ward_landed_seen *seen)
{
	struct said said;
	struct stat st;
	bool known;

	if (!x || !ward_indexes_counts(path))
		return false;
	known = has_come(x, path, seen, &said);
	if (!known && is_index(path)) {
		WARD_FD fd = open_index(root, path, &st);

		known = fd >= 0 && seen->ctime_ns != 0 && st.st_ino == seen->ino &&
			ward_commit_ns(&st.st_ctim) == seen->ctime_ns &&
			read_index(fd, &st, NULL, &said);
	}
	(void)pthread_mutex_lock(&x->lock);
	known = (known && add(x, path, &said)) || forget(x, path);
	(void)pthread_mutex_unlock(&x->lock);
	return known;
}

/* ---- asked ---- */

static bool is_of(const struct said *said, uint64_t ino, int64_t ctime_ns)
{
	return ctime_ns != 0 && said->ino == ino && said->ctime_ns == ctime_ns;
}

static bool is_bound(const struct said *said, const struct ward_landed *landed, int64_t began_ns,
	const char *path)
{
	const struct ward_landed_seen *seen = landed ? ward_landed_get(landed, path) : NULL;

	return seen ? seen->kind == WARD_LANDED_OBJECT &&
			(is_of(said, seen->layer_ino, seen->layer_ctime_ns) ||
				is_of(said, seen->ino, seen->ctime_ns))
		    : said->ctime_ns < began_ns;
}

static bool ask(struct ward_indexes *x, const char *path, struct said *ret)
{
	const struct known *k;

	(void)pthread_mutex_lock(&x->lock);
	k = find(x, path);
	if (k)
		*ret = k->said;
	(void)pthread_mutex_unlock(&x->lock);
	return k != NULL;
}

bool ward_indexes_has_ref(struct ward_indexes *x, const struct ward_landed *landed,
	const char *path, const char *value, size_t n)
{
	char text[REF_MAX];
	uint8_t sum[WARD_SHA256_SIZE];
	struct said said;

	if (!x || !landed || n + 2 > sizeof(text) || !ask(x, path, &said) ||
		!is_bound(&said, landed, INT64_MIN, path))
		return false;
	memcpy(text, value, n);
	text[n] = '\n';
	sum_of(text, n + 1, sum);
	return memcmp(sum, said.sum, sizeof(sum)) == 0;
}

void ward_indexes_keep(struct ward_indexes *x, const struct stat *st)
{
	if (ward_indexes_seen(x, st))
		return;
	(void)pthread_mutex_lock(&x->lock);
	x->seen[x->next_seen].ino = st->st_ino;
	x->seen[x->next_seen].ctime_ns = ward_commit_ns(&st->st_ctim);
	x->next_seen = (x->next_seen + 1) % WARD_INDEXES_MAX;
	if (x->n_seen < WARD_INDEXES_MAX)
		x->n_seen++;
	(void)pthread_mutex_unlock(&x->lock);
}

bool ward_indexes_same(struct ward_indexes *x, const struct ward_landed *landed, int64_t began_ns,
	int root, const char *path, const struct stat *st)
{
	struct said said, now;
	struct stat there;
	WARD_FD fd = -1;

	if (!x || !ask(x, path, &said) || !is_bound(&said, landed, began_ns, path) ||
		!ward_indexes_settled(st))
		return false;
	fd = open_index(root, path, &there);
	if (fd < 0 || there.st_ino != st->st_ino ||
		ward_commit_ns(&there.st_ctim) != ward_commit_ns(&st->st_ctim) ||
		!read_index(fd, &there, NULL, &now) ||
		memcmp(now.sum, said.sum, sizeof(now.sum)) != 0)
		return false;
	ward_indexes_keep(x, st);
	return true;
}

bool ward_indexes_seen(struct ward_indexes *x, const struct stat *st)
{
	bool seen = false;

	if (!x || atomic_load(&x->n_seen) == 0)
		return false;
	(void)pthread_mutex_lock(&x->lock);
	for (size_t i = 0; i < x->n_seen && !seen; i++)
		seen = x->seen[i].ino == st->st_ino &&
			x->seen[i].ctime_ns == ward_commit_ns(&st->st_ctim);
	(void)pthread_mutex_unlock(&x->lock);
	return seen;
}
