/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an index of git's says, byte by byte: versions and sums of each kind, what counts and what does not, and whatever somebody may write there. And what of
 * it is remembered with a run: bound to the run's beginning or to what landed, and nothing where the file is torn.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"
#include "workspace/commit/commit.h"
#include "workspace/diff/diff.h"
#include "workspace/index/index.h"
#include "workspace/store.h"

struct one {
	const char *name;
	uint32_t mode;
	uint8_t object;
	unsigned flags, more; /* but the name's length */
	uint8_t seen; /* of the file */
};

struct index {
	unsigned version;
	size_t hash;
	const struct one *v;
	size_t n;
	const char *extensions; /* four letters each */
	bool no_sum;
};

static const struct one plain[] = { { "a", 0100644, 1, 0, 0, 9 }, { "a/b", 0100755, 2, 0, 0, 8 },
	{ "a/bcdefgh", 0120000, 3, 0x1000, 0, 7 }, { "a/bcdefgh", 0120000, 4, 0x2000, 0, 7 },
	{ "sub", 0160000, 5, 0x8000, 0, 6 } };

static void put(struct ward_buf *b, uint64_t v, size_t n)
{
	while (n-- > 0)
		ward_buf_addc(b, (char)(v >> (8 * n) & 255));
}

static void put_many(struct ward_buf *b, uint8_t v, size_t n)
{
	while (n-- > 0)
		ward_buf_addc(b, (char)v);
}

static void put_name(struct ward_buf *b, const struct index *x, size_t i, size_t begin)
{
	const char *name = x->v[i].name, *before = i > 0 ? x->v[i - 1].name : "";
	size_t same = 0;

	if (x->version < 4) {
		ward_buf_adds(b, name);
		put_many(b, 0, 8 - (b->n - begin) % 8);
		return;
	}
	while (before[same] && before[same] == name[same])
		same++;
	put(b, strlen(before) - same, 1);
	ward_buf_add(b, name + same, strlen(name + same) + 1);
}

static void put_sum(struct ward_buf *b, size_t hash)
{
	uint8_t sum[WARD_SHA256_SIZE];
	struct ward_sha256 h;

	ward_diff_sha1(b->s, b->n, false, sum);
	if (hash > SHA1_SIZE) {
		ward_sha256_init(&h);
		ward_sha256_update(&h, b->s, b->n);
		ward_sha256_final(&h, sum);
	}
	ward_buf_add(b, sum, hash);
}

static void make(const struct index *x, struct ward_buf *b)
{
	ward_buf_adds(b, "DIRC");
	put(b, x->version, 4);
	put(b, x->n, 4);
	for (size_t i = 0; i < x->n; i++) {
		const struct one *o = &x->v[i];
		size_t begin = b->n, n = strlen(o->name);

		put_many(b, o->seen, 24);
		put(b, o->mode, 4);
		put_many(b, o->seen, 12);
		put_many(b, o->object, x->hash);
		put(b, o->flags | (o->more ? 0x4000 : 0) | (n < 0xfff ? n : 0xfff), 2);
		if (o->more)
			put(b, o->more, 2);
		put_name(b, x, i, begin);
	}
	/* The last one is empty, where there are others. */
	for (const char *e = x->extensions; e && *e; e += 4) {
		bool empty = e != x->extensions && !e[4];

		ward_buf_add(b, e, 4);
		put(b, empty ? 0 : 5, 4);
		ward_buf_adds(b, empty ? "" : "12345");
	}
	if (x->no_sum)
		put_many(b, 0, x->hash);
	else
		put_sum(b, x->hash);
}

/* In memory of exactly its size. */
static bool sum_of(const void *p, size_t n, uint8_t sum[WARD_SHA256_SIZE])
{
	void *copy = malloc(n ? n : 1);
	bool ok;

	REQUIRE(copy);
	memcpy(copy, p, n);
	ok = ward_index_sum(copy, n, sum);
	free(copy);
	return ok;
}

static bool sum(const struct index *x, uint8_t out[WARD_SHA256_SIZE])
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	make(x, &b);
	return sum_of(b.s, b.n, out);
}

static bool same(const struct index *x, const struct index *y)
{
	uint8_t a[WARD_SHA256_SIZE], b[WARD_SHA256_SIZE];

	REQUIRE(sum(x, a) && sum(y, b));
	return memcmp(a, b, sizeof(a)) == 0;
}

#define OF(version, hash, v, ...) \
	{ \
		version, hash, v, WARD_ARRAY_SIZE(v), __VA_ARGS__ \
	}

TEST(a_sum_is_that_of_the_standard)
{
	static const uint8_t abc[] = { 0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a, 0xba, 0x3e,
		0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d };
	uint8_t out[SHA1_SIZE];

	ward_diff_sha1("abc", 3, ward_diff_blob_fast(), out);
	CHECK(memcmp(out, abc, sizeof(abc)) == 0);
}

TEST(each_version_says_the_same)
{
	const size_t hashes[] = { SHA1_SIZE, WARD_SHA256_SIZE };

	for (size_t i = 0; i < 2; i++) {
		struct index two = OF(2, hashes[i], plain, NULL, false), three = two, four = two;

		three.version = 3;
		four.version = 4;
		CHECK(same(&two, &three));
		CHECK(same(&two, &four));
		four.no_sum = true;
		CHECK(same(&two, &four));
		four.extensions = "TREEUNTRFSMNEOIEIEOT";
		CHECK(same(&two, &four));
		four.n = two.n = 0;
		CHECK(same(&two, &four));
	}
	CHECK(!same(&(struct index)OF(2, SHA1_SIZE, plain, NULL, false),
		&(struct index)OF(2, WARD_SHA256_SIZE, plain, NULL, false)));
}

TEST(what_git_saw_of_the_files_does_not_count)
{
	struct one v[WARD_ARRAY_SIZE(plain)];
	const struct index a = OF(2, SHA1_SIZE, plain, NULL, false),
			   b = OF(2, SHA1_SIZE, v, NULL, false);

	memcpy(v, plain, sizeof(v));
	for (size_t i = 0; i < WARD_ARRAY_SIZE(v); i++)
		v[i].seen = (uint8_t)(i + 77);
	CHECK(same(&a, &b));
}

TEST(all_else_does)
{
	static const struct one others[] = { { "a", 0100755, 1, 0, 0, 9 },
		{ "a", 0100644, 2, 0, 0, 9 }, { "a", 0100644, 1, 0x8000, 0, 9 },
		{ "a", 0100644, 1, 0x1000, 0, 9 }, { "a", 0100644, 1, 0, 0x4000, 9 },
		{ "a", 0100644, 1, 0, 0x2000, 9 }, { "Z", 0100644, 1, 0, 0, 9 } };
	struct one v[WARD_ARRAY_SIZE(plain)];
	struct index a = OF(3, SHA1_SIZE, plain, NULL, false), b = OF(3, SHA1_SIZE, v, NULL, false);

	memcpy(v, plain, sizeof(v));
	CHECK(same(&a, &b));
	for (size_t i = 0; i < WARD_ARRAY_SIZE(others); i++) {
		v[0] = others[i];
		CHECK(!same(&a, &b));
		b.version = 4;
		CHECK(!same(&a, &b));
		b.version = 3;
	}
	v[0] = plain[0];
	b.n--;
	CHECK(!same(&a, &b));
	b.n++;
	b.extensions = "REUC";
	CHECK(!same(&a, &b));
}

TEST(what_nobody_here_knows_has_no_sum)
{
	static const char *const extensions[] = { "link", "sdir", "ABCD", "abcd", "TREElink" };
	static const struct one odd[] = { { "a", 040000, 1, 0, 0, 9 }, { "a", 0, 1, 0, 0, 9 },
		{ "a", 0100644, 1, 0, 0x8000, 9 }, { "a", 0100644, 1, 0, 1, 9 },
		{ "", 0100644, 1, 0, 0, 9 } };
	static const struct one unordered[] = { { "b", 0100644, 1, 0, 0, 9 },
		{ "a", 0100644, 1, 0, 0, 9 } },
				twice[] = { { "b", 0100644, 1, 0, 0, 9 },
					{ "b", 0100644, 1, 0, 0, 9 } };
	uint8_t out[WARD_SHA256_SIZE];
	struct index x = OF(2, SHA1_SIZE, plain, NULL, false);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(extensions); i++) {
		x.extensions = extensions[i];
		CHECK(!sum(&x, out));
	}
	x.extensions = NULL;
	for (unsigned version = 0; version < 8; version++) {
		x.version = version;
		CHECK_EQ_INT(sum(&x, out), version >= 2 && version <= 4);
	}
	x.n = 1;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(odd); i++) {
		x.v = &odd[i];
		for (x.version = 2; x.version <= 4; x.version++)
			CHECK(!sum(&x, out));
	}
	/* More flags are of no index of version 2. */
	x.v = &(struct one){ "a", 0100644, 1, 0, 0x4000, 9 };
	x.version = 2;
	CHECK(!sum(&x, out));
	x.version = 3;
	CHECK(sum(&x, out));
	x.n = 2;
	x.v = unordered;
	CHECK(!sum(&x, out));
	x.v = twice;
	CHECK(!sum(&x, out));
}

TEST(a_long_name_is_read_to_its_end)
{
	char name[WARD_PATH_MAX + 8];
	struct one v[] = { { name, 0100644, 1, 0, 0, 9 } };
	uint8_t out[WARD_SHA256_SIZE];

	for (unsigned version = 2; version <= 4; version++) {
		const struct index x = OF(version, SHA1_SIZE, v, NULL, false);

		for (size_t n = 4093; n < sizeof(name); n++) {
			memset(name, 'n', n);
			name[n] = '\0';
			CHECK_EQ_INT(sum(&x, out), n < WARD_PATH_MAX);
		}
	}
}

TEST(torn_at_any_byte_or_with_another_in_any_place_it_is_none)
{
	for (unsigned version = 2; version <= 4; version++) {
		for (size_t hash = SHA1_SIZE; hash <= WARD_SHA256_SIZE; hash += 12) {
			WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
			const struct index x = OF(version, hash, plain, "TREEREUCEOIE", false);
			uint8_t out[WARD_SHA256_SIZE];

			make(&x, &b);
			REQUIRE(!b.failed && sum_of(b.s, b.n, out));
			for (size_t n = 0; n < b.n; n++) {
				CHECK(!sum_of(b.s, n, out));
				b.s[n] ^= 0x55;
				CHECK(!sum_of(b.s, b.n, out));
				b.s[n] ^= 0x55;
			}
			ward_buf_addc(&b, 0);
			CHECK(!sum_of(b.s, b.n, out));
		}
	}
}

/* The sum is right: whoever wrote it meant it. What is read of it lies within it (the sanitizers say so), and is the same twice. */
TEST(whatever_somebody_wrote_is_read_within_it)
{
	for (unsigned version = 2; version <= 4; version++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		const struct index x = OF(version, SHA1_SIZE, plain, "TREEREUC", false);
		uint8_t a[WARD_SHA256_SIZE], c[WARD_SHA256_SIZE];
		size_t whole;

		make(&x, &b);
		whole = b.n - SHA1_SIZE;
		for (size_t at = 0; at < whole; at++) {
			static const uint8_t values[] = { 0x01, 0x7f, 0x80, 0xff };

			for (size_t k = 0; k < WARD_ARRAY_SIZE(values); k++) {
				b.s[at] ^= (char)values[k];
				b.n = whole;
				put_sum(&b, SHA1_SIZE);
				if (sum_of(b.s, b.n, a))
					CHECK(sum_of(b.s, b.n, c) && memcmp(a, c, sizeof(a)) == 0);
				b.s[at] ^= (char)values[k];
			}
		}
		for (size_t n = 0; n < whole; n++) {
			b.n = n;
			put_sum(&b, SHA1_SIZE);
			(void)sum_of(b.s, b.n, a);
			CHECK(b.n == n + SHA1_SIZE);
			b.n = 0;
			make(&x, &b);
		}
	}
}

/* ---- remembered ---- */

static char top[] = "/tmp/ward-test-index-XXXXXX";
static int root = -1, entry = -1;

static void write_index(const char *name, const struct index *x)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_FD fd = openat(root, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	make(x, &b);
	REQUIRE(fd >= 0 && ward_write_all(fd, b.s, b.n) == 0);
	REQUIRE(renameat(root, "new", root, name) == 0);
}

static struct stat look(const char *name)
{
	struct stat st;

	REQUIRE(fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st;
}

static void prepare(void)
{
	WARD_FD head = -1;

	if (root < 0) {
		REQUIRE(mkdtemp(top));
		root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		REQUIRE(root >= 0 && mkdirat(root, "entry", 0700) == 0 &&
			mkdirat(root, ".git", 0700) == 0);
		entry = openat(root, "entry", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		REQUIRE(entry >= 0);
	}
	head = openat(root, ".git/HEAD", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(head >= 0);
}

/* A moment that is past for what is there, and not for what comes. */
static void begin(struct ward_workspace *w)
{
	const struct timespec nap = { .tv_nsec = 20000000 };

	(void)nanosleep(&nap, NULL);
	w->facts.since_ns = (int64_t)ward_now_wall_ns();
	(void)nanosleep(&nap, NULL);
}

static bool is_same(struct ward_indexes *x, const struct ward_landed *l, int64_t since,
	const char *name)
{
	const struct stat st = look(name);
	bool same = ward_indexes_same(x, l, since, root, name, &st);

	CHECK_EQ_INT(ward_indexes_seen(x, &st), same);
	return same;
}

TEST(what_it_said_is_remembered_and_what_is_torn_is_not)
{
	struct one v[WARD_ARRAY_SIZE(plain)];
	const struct index first = OF(2, SHA1_SIZE, plain, NULL, false),
			   anew = OF(4, SHA1_SIZE, v, "TREE", false);
	struct ward_workspace *w = ward_store_new();
	struct ward_indexes *x = ward_indexes_new(), *y;
	struct ward_index_from from = { -1, w, NULL, WARD_INDEX_BYTES_MAX };
	char text[4096];
	ssize_t n;

	prepare();
	from.root = root;
	memcpy(v, plain, sizeof(v));
	v[0].seen = 55;
	write_index(".git/index", &first);
	begin(w);
	CHECK(ward_indexes_learn(x, &from, ".git/index"));
	CHECK(!ward_indexes_learn(x, &from, ".git/index"));
	ward_indexes_save(x, entry);
	write_index(".git/index", &anew);
	CHECK(is_same(x, NULL, w->facts.since_ns, ".git/index"));
	/* Read again, whole, and torn or changed at any byte. */
	WARD_FD fd = openat(entry, WARD_INDEXES_NAME, O_RDWR | O_CLOEXEC);
	n = read(fd, text, sizeof(text));
	REQUIRE(n > 0 && n < (ssize_t)sizeof(text));
	for (ssize_t i = 0; i <= n; i++) {
		y = ward_indexes_new();
		REQUIRE(ftruncate(fd, i) == 0);
		ward_indexes_load(y, entry);
		CHECK_EQ_INT(is_same(y, NULL, w->facts.since_ns, ".git/index"), i == n);
		REQUIRE(pwrite(fd, text, (size_t)n, 0) == n);
		ward_indexes_free(y);
		if (i == n)
			continue;
		y = ward_indexes_new();
		REQUIRE(pwrite(fd, (char[]){ (char)~text[i] }, 1, i) == 1);
		ward_indexes_load(y, entry);
		CHECK(!is_same(y, NULL, w->facts.since_ns, ".git/index"));
		REQUIRE(pwrite(fd, text, (size_t)n, 0) == n);
		ward_indexes_free(y);
	}
	/* Another content, and one that was changed behind the look. */
	v[0].object = 99;
	const struct stat before = look(".git/index");
	write_index(".git/index", &anew);
	y = ward_indexes_new();
	ward_indexes_load(y, entry);
	CHECK(!is_same(y, NULL, w->facts.since_ns, ".git/index"));
	v[0].object = plain[0].object;
	write_index(".git/index", &anew);
	CHECK(!ward_indexes_same(y, NULL, w->facts.since_ns, root, ".git/index", &before));
	CHECK(is_same(y, NULL, w->facts.since_ns, ".git/index"));
	ward_indexes_free(y);
	ward_indexes_free(x);
	ward_workspace_close(w);
}

/* A run of hours that lands as it goes asks at each landing, and again within each. */
TEST(it_may_be_asked_and_written_anew_as_often_as_anybody_likes)
{
	struct one v[WARD_ARRAY_SIZE(plain)];
	const struct index x = OF(2, SHA1_SIZE, v, NULL, false);
	struct ward_workspace *w = ward_store_new();
	struct ward_indexes *k = ward_indexes_new();
	struct ward_index_from from = { -1, w, NULL, WARD_INDEX_BYTES_MAX };

	prepare();
	from.root = root;
	memcpy(v, plain, sizeof(v));
	write_index(".git/index", &x);
	begin(w);
	CHECK(ward_indexes_learn(k, &from, ".git/index"));
	for (unsigned i = 0; i < WARD_INDEXES_MAX + 2; i++) {
		v[0].seen = i;
		write_index(".git/index", &x);
		for (unsigned j = 0; j < 3; j++)
			CHECK(is_same(k, NULL, w->facts.since_ns, ".git/index"));
	}
	ward_indexes_free(k);
	ward_workspace_close(w);
}

TEST(nothing_is_learned_of_what_is_younger_or_no_index_of_git)
{
	const struct index x = OF(2, SHA1_SIZE, plain, NULL, false);
	struct ward_workspace *w = ward_store_new();
	struct ward_indexes *k = ward_indexes_new();
	struct ward_index_from from = { -1, w, NULL, WARD_INDEX_BYTES_MAX };

	prepare();
	from.root = root;
	write_index(".git/index", &x);
	write_index("index", &x);
	REQUIRE(symlinkat("index", root, ".git/link") == 0 &&
		mkfifoat(root, ".git/fifo", 0600) == 0);
	REQUIRE(symlinkat(".git", root, "linked") == 0);
	begin(w);
	CHECK(!ward_indexes_learn(k, &from, "index")); /* no HEAD beside it */
	CHECK(!ward_indexes_learn(k, &from, ".git/link"));
	CHECK(!ward_indexes_learn(k, &from, "linked/index"));
	CHECK(!ward_indexes_learn(k, &from, ".git/fifo"));
	CHECK(!ward_indexes_learn(k, &from, ".git/HEAD"));
	from.budget = 10;
	CHECK(!ward_indexes_learn(k, &from, ".git/index"));
	from.budget = WARD_INDEX_BYTES_MAX;
	write_index(".git/index", &x);
	CHECK(!ward_indexes_learn(k, &from, ".git/index"));
	CHECK(!is_same(k, NULL, w->facts.since_ns, ".git/index"));
	ward_indexes_free(k);
	ward_workspace_close(w);
}

TEST(what_landed_is_what_counts)
{
	struct one v[WARD_ARRAY_SIZE(plain)];
	const struct index first = OF(2, SHA1_SIZE, plain, NULL, false),
			   second = OF(2, SHA1_SIZE, v, NULL, false);
	struct ward_workspace *w = ward_store_new();
	struct ward_indexes *x = ward_indexes_new();
	struct ward_index_from from = { -1, w, NULL, WARD_INDEX_BYTES_MAX };
	struct ward_landed_seen seen = {
		.kind = WARD_LANDED_OBJECT, .layer_ino = 1, .layer_size = 1
	};
	struct ward_landed *l = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	struct stat st;

	prepare();
	from.root = root;
	memcpy(v, plain, sizeof(v));
	v[0].object = 99;
	write_index(".git/index", &first);
	begin(w);
	REQUIRE(ward_landed_load(entry, true, true, &l, &err) == WARD_OK);
	CHECK(ward_indexes_learn(x, &from, ".git/index"));
	write_index(".git/index", &second);
	st = look(".git/index");
	seen.ino = st.st_ino;
	seen.ctime_ns = ward_commit_ns(&st.st_ctim);
	/* It landed, and a crash came before what it says was written: the start's is of another object. */
	REQUIRE(ward_landed_add(l, ".git/index", &seen, &err) == WARD_OK);
	write_index(".git/index", &first);
	CHECK(!is_same(x, l, w->facts.since_ns, ".git/index"));
	/* And where it is not what has the name any more nothing is known. */
	CHECK(ward_indexes_landed(x, root, ".git/index", &seen));
	CHECK(!is_same(x, NULL, w->facts.since_ns, ".git/index"));
	write_index(".git/index", &second);
	st = look(".git/index");
	seen.ino = st.st_ino;
	seen.ctime_ns = ward_commit_ns(&st.st_ctim);
	REQUIRE(ward_landed_add(l, ".git/index", &seen, &err) == WARD_OK);
	CHECK(ward_indexes_landed(x, root, ".git/index", &seen));
	v[1].seen = 3;
	write_index(".git/index", &second);
	CHECK(is_same(x, l, w->facts.since_ns, ".git/index"));
	write_index(".git/index", &first);
	CHECK(!is_same(x, l, w->facts.since_ns, ".git/index"));
	CHECK(!ward_indexes_landed(x, root, "HEAD", &seen));
	ward_landed_free(l);
	ward_indexes_free(x);
	ward_workspace_close(w);
}

TEST(what_comes_is_known_before_it_is_there)
{
	const struct index x = OF(2, SHA1_SIZE, plain, NULL, false);
	struct ward_indexes *k = ward_indexes_new();
	struct ward_landed_seen seen = { .kind = WARD_LANDED_OBJECT,
		.layer_ino = 1,
		.layer_size = 1,
		.layer_ctime_ns = 7,
		.ino = 2 };
	struct ward_landed *l = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	WARD_FD fd = -1;

	prepare();
	write_index(".git/index", &x);
	fd = openat(root, ".git/index", O_RDONLY | O_CLOEXEC);
	REQUIRE(ward_landed_load(entry, true, true, &l, &err) == WARD_OK);
	/* Somebody has written it anew before it was noted. */
	REQUIRE(ward_landed_add(l, ".git/index", &seen, &err) == WARD_OK);
	CHECK(!ward_indexes_landed(k, root, ".git/index", &seen));
	ward_indexes_comes(k, fd, ".git/index", 1, 6);
	CHECK(!ward_indexes_landed(k, root, ".git/index", &seen));
	ward_indexes_comes(k, fd, ".git/index", 1, 7);
	CHECK(ward_indexes_landed(k, root, ".git/index", &seen));
	CHECK(is_same(k, l, INT64_MAX, ".git/index"));
	/* What landed later is not what it says; nor does it say so of the next landing. */
	seen.layer_ctime_ns = 8;
	REQUIRE(ward_landed_add(l, ".git/index", &seen, &err) == WARD_OK);
	ward_indexes_none_come(k);
	write_index(".git/index", &x);
	CHECK(!is_same(k, l, INT64_MAX, ".git/index"));
	seen.layer_ctime_ns = 7;
	CHECK(ward_indexes_landed(k, root, ".git/index", &seen));
	CHECK(!ward_indexes_landed(k, root, ".git/index", &seen));
	ward_landed_free(l);
	ward_indexes_free(k);
}

static void lands(struct ward_indexes *k, int fd, const char *path, bool want)
{
	const struct ward_landed_seen seen = {
		.kind = WARD_LANDED_OBJECT, .layer_ino = 1, .layer_size = 1, .layer_ctime_ns = 7
	};

	ward_indexes_comes(k, fd, path, 1, 7);
	CHECK_MSG(ward_indexes_landed(k, root, path, &seen) == want, "%s", path);
}

static bool has_ref(struct ward_indexes *k, const struct ward_landed *l, const char *path)
{
	return ward_indexes_has_ref(k, l, path, "0123", 4);
}

/* In a place of its own. */
static int an_index(void)
{
	const struct index x = OF(2, SHA1_SIZE, plain, NULL, false);
	int fd;

	prepare();
	write_index(".git/index", &x);
	fd = openat(root, ".git/index", O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

static int reference(void)
{
	int fd = openat(root, "new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && write(fd, "0123\n", 5) == 5);
	return fd;
}

/* As many names below a refs as anybody likes: the oldest makes room for a newer one, and for an index. */
TEST(no_index_makes_room_for_a_reference)
{
	const struct ward_landed_seen seen = {
		.kind = WARD_LANDED_OBJECT, .layer_ino = 1, .layer_size = 1, .layer_ctime_ns = 7
	};
	struct ward_indexes *k = ward_indexes_new();
	struct ward_landed *l = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	WARD_FD index = an_index(), ref = reference();
	char path[64];

	REQUIRE(ward_landed_load(entry, true, true, &l, &err) == WARD_OK);
	lands(k, index, ".git/index", true);
	lands(k, ref, "refs/main", true);
	for (unsigned i = 0; i < WARD_INDEXES_MAX + 2; i++) {
		(void)snprintf(path, sizeof(path), "docs/refs/%u", i);
		REQUIRE(ward_landed_add(l, path, &seen, &err) == WARD_OK);
		ward_indexes_none_come(k);
		lands(k, ref, path, true);
		/* What lands again is no old one. */
		lands(k, ref, "refs/main", true);
	}
	REQUIRE(ward_landed_add(l, "refs/main", &seen, &err) == WARD_OK);
	REQUIRE(ward_landed_add(l, ".git/index", &seen, &err) == WARD_OK);
	CHECK(has_ref(k, l, path) && has_ref(k, l, "refs/main") && !has_ref(k, l, "docs/refs/3"));
	CHECK(has_ref(k, l, "docs/refs/4"));
	ward_close(an_index());
	CHECK(is_same(k, l, INT64_MAX, ".git/index"));
	/* Indexes alone: there is no room for one more of any kind. */
	for (unsigned i = 1; i <= WARD_INDEXES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "%u/index", i);
		ward_indexes_none_come(k);
		lands(k, index, path, i < WARD_INDEXES_MAX);
	}
	CHECK(!has_ref(k, l, "refs/main"));
	lands(k, ref, "refs/main", false);
	ward_landed_free(l);
	ward_indexes_free(k);
}

/* Of one landing. */
TEST(an_index_comes_among_many_and_large_references)
{
	struct ward_indexes *k = ward_indexes_new();
	WARD_FD index = an_index(), ref = reference();
	char path[64];

	REQUIRE(ftruncate(ref, WARD_INDEX_BYTES_MAX) == 0);
	lands(k, ref, "docs/refs/large", false);
	lands(k, index, ".git/index", true);
	REQUIRE(ftruncate(ref, 5) == 0);
	ward_indexes_none_come(k);
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(path, sizeof(path), "refs/%u", i);
		ward_indexes_comes(k, ref, path, 1, 7);
	}
	lands(k, index, ".git/index", true);
	lands(k, ref, "refs/1", true);
	lands(k, ref, "refs/99", false);
	ward_indexes_free(k);
}

__attribute__((destructor)) static void clean_up(void)
{
	static const char *const names[] = { ".git/index", ".git/HEAD", ".git/link", ".git/fifo",
		"index", "linked", "new", "entry/indexes", "entry/landed" };

	for (size_t i = 0; root >= 0 && i < WARD_ARRAY_SIZE(names); i++)
		(void)unlinkat(root, names[i], 0);
	(void)unlinkat(root, ".git", AT_REMOVEDIR);
	(void)unlinkat(root, "entry", AT_REMOVEDIR);
	(void)rmdir(top);
}

TAP_MAIN();
