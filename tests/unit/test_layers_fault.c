/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy directories under stress: changed at a known moment while they are read, and at unknown ones by a concurrent
 * renamer; without openat2; and every allocation failing once. Linked with --wrap for the calls below.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "alloc_wrap.h"
#include "entries.h"
#include "layers_util.h"
#include "ward/trust.h"

/* ---- a hook behind each file that is read, and a kernel without openat2 ---- */

static void (*hook)(void);
static int hook_at; /* files still to be read before it */
static int other_bytes_at; /* the n-th read gives other bytes, and no stamp says so */
static int no_openat2; /* the errno instead */

int __real_ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out,
	struct ward_error *e);
int __wrap_ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out,
	struct ward_error *e);
int __real_ward_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
	uint64_t resolve);
int __wrap_ward_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
	uint64_t resolve);

int __wrap_ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out,
	struct ward_error *e)
{
	int r = __real_ward_read_fd(fd, name, max, out, e);

	if (other_bytes_at > 0 && --other_bytes_at == 0 && out->n > 0)
		out->s[0] ^= 1;
	if (hook && hook_at-- <= 0)
		hook();
	return r;
}

int __wrap_ward_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode,
	uint64_t resolve)
{
	return no_openat2 ? -no_openat2 : __real_ward_openat2(dirfd, path, flags, mode, resolve);
}

/* Nobody sleeps here; how often he would have tells how often a directory had changed. */
static unsigned naps;
int __wrap_nanosleep(const struct timespec *want, struct timespec *left);

int __wrap_nanosleep(const struct timespec *want, struct timespec *left)
{
	(void)want;
	(void)left;
	naps++;
	return 0;
}

/* ---- changed while it is read, at a known moment ---- */

static bool only_once;
static unsigned times;

static void did(void)
{
	times++;
	if (only_once)
		hook = NULL;
}

static void in_place(void)
{
	static char text[2] = "a";
	struct stat st;
	int fd = open(at("ws/.ward/a.yaml"), O_WRONLY | O_CLOEXEC);

	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	text[0] = text[0] == 'z' ? 'a' : (char)(text[0] + 1);
	REQUIRE(write(fd, text, 1) == 1);
	/* As many bytes as before, and the old time: whoever looks at these two sees nothing. */
	REQUIRE(futimens(fd, (struct timespec[2]){ st.st_atim, st.st_mtim }) == 0);
	close(fd);
	did();
}

static void replaced(void)
{
	put("new", "1");
	REQUIRE(rename(at("new"), at("ws/.ward/b.yaml")) == 0);
	did();
}

static void added(void)
{
	char rel[64];

	snprintf(rel, sizeof(rel), "ws/.ward/n%u.yaml", times);
	put(rel, "");
	did();
}

static void removed(void)
{
	if (unlink(at("ws/.ward/b.yaml")) < 0)
		put("ws/.ward/b.yaml", "1");
	did();
}

static void made_a_link(void)
{
	put("secret", "1");
	if (unlink(at("ws/.ward/b.yaml")) < 0 || symlink(at("secret"), at("ws/.ward/b.yaml")) < 0)
		FAIL("no link: %s", strerror(errno));
	did();
}

static void made_a_fifo(void)
{
	if (unlink(at("ws/.ward/b.yaml")) < 0 || mkfifo(at("ws/.ward/b.yaml"), 0644) < 0)
		FAIL("no fifo: %s", strerror(errno));
	did();
}

static void grown(void)
{
	REQUIRE(truncate(at("ws/.ward/b.yaml"), 2 << 20) == 0);
	did();
}

static void renamed_and_back(void)
{
	REQUIRE(rename(at("ws/.ward/a.yaml"), at("ws/.ward/c.yaml")) == 0);
	REQUIRE(rename(at("ws/.ward/c.yaml"), at("ws/.ward/a.yaml")) == 0);
	did();
}

static void two_files(void)
{
	hook = NULL;
	full_tree();
	unlink(at("ws/.ward/build.json"));
	put("ws/.ward/a.yaml", "0");
	put("ws/.ward/b.yaml", "0");
	where.ceiling = where.user = NULL;
}

static const struct {
	const char *name;
	void (*fn)(void);
	bool lasting; /* what it leaves is refused for itself */
} changes[] = {
	{ "in place, with the old time", in_place, false },
	{ "replaced", replaced, false },
	{ "added", added, false },
	{ "removed", removed, false },
	{ "made a link", made_a_link, true },
	{ "made a fifo", made_a_fifo, true },
	{ "grown", grown, true },
	{ "renamed and back", renamed_and_back, false },
};

TEST(changed_once_is_read_again)
{
	for (int moment = 0; moment < 4; moment++)
		TABLE(row, changes) {
			int r;

			/* Behind the last look at that file it is another moment: both were so together. */
			if (moment == 3 && row->fn == in_place)
				continue;
			CASE("%s, behind read %d", row->name, moment);
			two_files();
			times = 0;
			only_once = true;
			hook_at = moment;
			hook = row->fn;
			r = load();
			CHECK_EQ_UINT(times, 1);
			if (row->lasting) {
				CHECK(r < 0);
				CHECK_NULL(layers);
				continue;
			}
			CHECK_MSG(r == WARD_OK, "%s", err.message);
			REQUIRE(layers);
			/* What is handed out is what lies there now. */
			for (size_t i = 0; i < layers->n; i++) {
				WARD_CLEANUP(ward_buf_done) struct ward_buf now = WARD_BUF_INIT;

				CHECK_EQ_INT(ward_read_file(layers->v[i].path, 100, &now, NULL), 0);
				CHECK_STR_EQ(layers->v[i].text.s, ward_buf_cstr(&now));
			}
		}
	hook = NULL;
}

TEST(changed_again_is_refused)
{
	TABLE(row, changes) {
		if (row->lasting)
			continue;
		CASE("%s", row->name);
		two_files();
		times = 0;
		only_once = false;
		hook_at = 0;
		hook = row->fn;
		REFUSED(WARD_E_REFUSED, "ws/.ward", "changed while it was read", "try again");
		CHECK(times >= 2);
	}
	hook = NULL;
}

/* A kernel whose clock for files goes in steps: two changes in one of them have the same stamp. */
TEST(bytes_are_compared_too)
{
	for (int n = 1; n <= 4; n++) {
		CASE("read %d", n);
		two_files();
		naps = 0;
		other_bytes_at = n;
		OK();
		CHECK_EQ_UINT(naps, 1);
		CHECK_STR_EQ(layers->v[0].text.s, "0");
		CHECK_STR_EQ(layers->v[1].text.s, "0");
	}
}

static void open_to_all(void)
{
	REQUIRE(chmod(at("etc/deny.cedar"), 0666) == 0);
	did();
}

TEST(a_ceiling_that_loses_its_guard_meanwhile)
{
	for (int moment = 0; moment < 2; moment++) {
		hook = NULL;
		full_tree();
		where.user = where.workspace = NULL;
		only_once = true;
		hook_at = moment;
		hook = open_to_all;
		REFUSED(WARD_E_REFUSED, "deny.cedar", "group or others may write", "chmod");
	}
}

/* ---- a concurrent renamer ---- */

static struct {
	atomic_bool stop;
	atomic_uint rounds;
} * shared;

static void swap(const char *a, const char *b)
{
	(void)syscall(SYS_renameat2, AT_FDCWD, at(a), AT_FDCWD, at(b), 2 /* RENAME_EXCHANGE */);
}

/* Whole directories change places, each whole in itself; and names in them become links and fifos for a moment. */
static void renamer(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves it alone */
	while (!atomic_load(&shared->stop)) {
		swap("ws/.ward", "ws/other");
		swap("ws/.ward/a.yaml", "link");
		swap("ws/.ward/a.yaml", "link");
		swap("ws/.ward", "ws/other");
		swap("ws/.ward/b.yaml", "fifo");
		swap("ws/.ward/b.yaml", "fifo");
		swap("ws/.ward", "link");
		swap("ws/.ward", "link");
		atomic_fetch_add(&shared->rounds, 1);
		/* Moments of rest, so that some loads succeed. */
		if (atomic_load(&shared->rounds) % 8 == 0)
			usleep(300);
	}
	_exit(0);
}

TEST(a_concurrent_renamer)
{
	unsigned good = 0, refused = 0, wrong = 0;
	pid_t pid;

	hook = NULL;
	naps = 0;
	tree();
	where.ceiling = where.user = NULL;
	make_dir("ws/.ward", 0755);
	make_dir("ws/other", 0755);
	put("ws/.ward/a.yaml", "one");
	put("ws/.ward/b.yaml", "one");
	put("ws/other/a.yaml", "two");
	put("ws/other/b.yaml", "two");
	put("secret", "secret");
	REQUIRE(symlink(at("secret"), at("link")) == 0 && mkfifo(at("fifo"), 0644) == 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		0);
	REQUIRE(shared != MAP_FAILED);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0)
		renamer();
	for (unsigned i = 0; i < 3000; i++) {
		int r = load();

		if (r == WARD_OK) {
			bool one = layers->n == 2 && ward_streq(layers->v[0].text.s, "one");
			bool two = layers->n == 2 && ward_streq(layers->v[0].text.s, "two");

			good++;
			wrong += !((one || two) &&
				ward_streq(layers->v[0].text.s, layers->v[1].text.s));
		} else {
			refused++;
			wrong += layers != NULL || r != err.code || r != WARD_E_REFUSED;
			if (r != WARD_E_REFUSED)
				CHECK_STR_EQ(err.message, "");
		}
	}
	atomic_store(&shared->stop, true);
	REQUIRE(waitpid(pid, NULL, 0) == pid);
	printf("# %u read, %u refused, %u had changed, %u rounds of the renamer\n", good, refused,
		naps, atomic_load(&shared->rounds));
	CHECK_EQ_UINT(wrong, 0);
	CHECK(good > 0 && naps > 0);
	CHECK(atomic_load(&shared->rounds) > 0);
	munmap(shared, sizeof(*shared));
}

/* ---- a kernel, or a filter, without openat2 ---- */

TEST(without_openat2)
{
	static const int answers[] = { ENOSYS, EPERM };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(answers); i++) {
		CASE("errno %d", answers[i]);
		no_openat2 = answers[i];
		full_tree();
		OK();
		CHECK_EQ_SIZE(layers->n, 3);
		put("secret", "");
		REQUIRE(symlink(at("secret"), at("ws/.ward/x.yaml")) == 0);
		REFUSED(WARD_E_REFUSED, "x.yaml", "a symbolic link", "take it away");
		unlink(at("ws/.ward/x.yaml"));
		REQUIRE(mkfifo(at("ws/.ward/x.yaml"), 0644) == 0);
		REFUSED(WARD_E_REFUSED, "x.yaml", "a fifo", "take it away");
		unlink(at("ws/.ward/x.yaml"));
		REQUIRE(rename(at("ws/.ward"), at("ws/ward")) == 0 &&
			symlink("ward", at("ws/.ward")) == 0);
		REFUSED(WARD_E_REFUSED, "ws/.ward", "a symbolic link", "put the directory");
		unlink(at("ws/.ward"));
		REQUIRE(rename(at("etc"), at("real")) == 0 && symlink("real", at("etc")) == 0);
		REFUSED(WARD_E_REFUSED, "etc", "a symbolic link", "put the directory");
	}
	no_openat2 = 0;
}

/* ---- every allocation fails once ---- */

static unsigned open_descriptors(void)
{
	return entries("/proc/self/fd");
}

static int load_layers(void)
{
	return ward_layers_load(arena, &where, &layers, &err);
}

static int read_epoch(void)
{
	struct ward_epoch now;

	return ward_layers_epoch(&where, &now, &err);
}

static int find_places(void)
{
	struct ward_layers_where w;

	return ward_layers_where_default(arena, "/w", &w, &err);
}

static char *report;

static int show_it(void)
{
	enum ward_trust_state state = WARD_TRUST_PINNED;
	int r = ward_trust_show(at("ws"), false, &report, &state, &err);

	CHECK(r == WARD_OK || (!report && state == WARD_TRUST_NONE));
	return r;
}

static int pin_it(void)
{
	return ward_trust_pin(at("ws"), NULL, true, &report, &err);
}

static int forget(void)
{
	return ward_trust_revoke(at("ws"), false, &report, &err);
}

/* The n-th allocation fails, and all behind it, or it alone. */
static long fail_from(int (*fn)(void), bool alone)
{
	unsigned before = open_descriptors();

	for (long n = 0;; n++) {
		bool was_pinned = access(where.trust, F_OK) == 0;
		struct ward_pins pins;
		long blocks;
		int r;

		ward_arena_freep(&arena);
		arena = ward_arena_new(0);
		REQUIRE(arena);
		layers = NULL;
		memset(&err, 0, sizeof(err));
		blocks = live;
		fired = false;
		once = alone;
		countdown = n;
		r = fn();
		countdown = -1;
		free(report);
		report = NULL;
		CHECK(!layers || r == WARD_OK);
		ward_arena_freep(&arena);
		CHECK_EQ_INT(live, blocks - 1);
		CHECK_EQ_UINT(open_descriptors(), before);
		if (!fired) {
			CHECK_MSG(r == WARD_OK, "%s", err.message);
			return n;
		}
		/* What could do with less has lost nothing. */
		CHECK_MSG(r == WARD_E_NOMEM || (alone && r == WARD_OK), "%ld: %d, %s", n, r,
			err.message);
		CHECK_EQ_INT(err.code, r);
		arena = ward_arena_new(0);
		REQUIRE(arena);
		CHECK_EQ_INT(ward_pins_read(arena, &where, &pins, NULL), WARD_OK);
		CHECK(alone || was_pinned == (access(where.trust, F_OK) == 0));
	}
}

TEST(out_of_memory)
{
	static const struct {
		const char *name;
		int (*fn)(void);
	} rows[] = {
		{ "where", find_places },
		{ "load", load_layers },
		{ "epoch", read_epoch },
		{ "show", show_it },
		{ "pin", pin_it },
		{ "show what is pinned", show_it },
		{ "load what is pinned", load_layers },
		{ "revoke", forget },
	};

	full_tree();
	make_dir("state/ward", 0700);
	where.trust = keep(3, "state/ward/trust");
	setenv("HOME", T, 1);
	setenv("XDG_STATE_HOME", at("state"), 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("WARD_RUN");
	put("etc/epoch", "1\n");
	TABLE(row, rows) {
		long n;

		CASE("%s", row->name);
		n = fail_from(row->fn, false);
		printf("# %s: %ld allocations\n", row->name, n);
		CHECK(n > 0);
		if (row->fn == forget)
			CHECK_EQ_INT(pin_it(), WARD_OK);
		free(report);
		report = NULL;
		CASE("%s, one alone", row->name);
		if (row->fn != forget) /* which can be done once only */
			(void)fail_from(row->fn, true);
	}
	CASE("pinned");
	CHECK_EQ_INT(pin_it(), WARD_OK);
	free(report);
	report = NULL;
	OK();
	CHECK_EQ_INT(layers->trust, WARD_TRUST_PINNED);
}

/* ---- trust, as a run sees it ---- */

TEST(a_trusted_repository_may_grant)
{
	full_tree();
	make_dir("state/ward", 0700);
	where.trust = keep(3, "state/ward/trust");
	setenv("HOME", T, 1);
	setenv("XDG_STATE_HOME", at("state"), 1);
	OK();
	CHECK_EQ_INT(layers->trust, WARD_TRUST_NONE);
	CHECK(!layers->v[2].may_grant);
	char narrow[WARD_SHA256_HEX];
	memcpy(narrow, layers->sha256, sizeof(narrow));
	CHECK_EQ_INT(ward_trust_pin(at("ws"), NULL, false, &report, &err), WARD_OK);
	free(report);
	OK();
	CHECK_EQ_INT(layers->trust, WARD_TRUST_PINNED);
	CHECK(layers->v[2].may_grant);
	CHECK_NULL(layers->notice);
	/* The same texts, and another meaning: another hash. */
	CHECK(strcmp(narrow, layers->sha256) != 0);
	put("ws/.ward/build.json", "{ }");
	OK();
	CHECK_EQ_INT(layers->trust, WARD_TRUST_CHANGED);
	CHECK(!layers->v[2].may_grant);
	CHECK_STR_CONTAINS(layers->notice, "since it was trusted, build.json has changed");
	CHECK_STR_CONTAINS(layers->notice, "ward trust --show");
	/* Emptied, it asks again too. */
	unlink(at("ws/.ward/build.json"));
	OK();
	CHECK_EQ_INT(layers->trust, WARD_TRUST_CHANGED);
	CHECK_STR_CONTAINS(layers->notice, "build.json is gone");
	for (int i = 0; i < 10; i++) {
		char rel[64];

		snprintf(rel, sizeof(rel), "ws/.ward/n%d.yaml", i);
		put(rel, "");
	}
	OK();
	CHECK_STR_CONTAINS(layers->notice, "n7.yaml is new and 3 more");
	/* Without pins nothing is trusted; with damaged ones nothing is run. */
	where.trust = NULL;
	OK();
	CHECK_EQ_INT(layers->trust, WARD_TRUST_NONE);
	where.trust = keep(3, "state/ward/trust");
	put_bytes("state/ward/trust", "{", 1, 0600);
	CHECK_EQ_INT(load(), WARD_E_PARSE);
	CHECK_NULL(layers);
}

TAP_MAIN();
