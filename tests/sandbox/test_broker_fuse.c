/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path broker alone, against the real kernel: what exists inside, what is refused with which errno, and what the
 * record says of it. Needs user namespaces and a /dev/fuse that can be opened; skips with the reason where it cannot.
 */
#include <dirent.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

#include "broker_box.h"
#include "confine/native/cage.h"
#include "tap.h"

#define CONTENT "ward:x:1000:1000::/home/ward:/bin/sh\n"
static struct ward_node nodes[] = {
	{ .kind = WARD_NODE_DIR, .dest = "/" },
	{ .kind = WARD_NODE_SYMLINK, .dest = "/bin", .source = "usr/bin" },
	{ .kind = WARD_NODE_DIR, .dest = "/deep" },
	{ .kind = WARD_NODE_DIR, .dest = "/deep/er" },
	{ .kind = WARD_NODE_DENIED, .dest = "/deep/prog" },
	{ .kind = WARD_NODE_DIR, .dest = "/etc" },
	{ .kind = WARD_NODE_FILE,
		.dest = "/etc/passwd",
		.source = CONTENT,
		.source_len = sizeof(CONTENT) - 1 },
	{ .kind = WARD_NODE_PROC, .dest = "/proc" },
	{ .kind = WARD_NODE_TMPFS, .dest = "/tmp" },
	{ .kind = WARD_NODE_BIND, .dest = "/usr", .source = "/usr", .is_dir = true },
};
static const struct ward_plan plan = { .nodes = nodes,
	.n_nodes = WARD_ARRAY_SIZE(nodes),
	.inside_uid = 1000,
	.inside_gid = 1000,
	.deny_errno = ENOENT };

#define START(b) \
	struct box b; \
	do { \
		if (!box_start(&b, &plan, 0)) { \
			char why[160]; \
			(void)snprintf(why, sizeof(why), "%s", b.why); \
			box_end(&b); \
			SKIP("%s", why); \
		} \
	} while (0)

/* ---- inside; each returns 0 or -errno, or a value ---- */

static long in_open(long path)
{
	int fd = open((const char *)path, O_RDONLY);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static long in_creat(long path)
{
	int fd = open((const char *)path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static long in_stat(long path)
{
	struct stat st;

	return stat((const char *)path, &st) ? -errno : 0;
}

static long in_mode(long path)
{
	struct stat st;

	return lstat((const char *)path, &st) ? -errno : (long)st.st_mode;
}

static long in_uid(long path)
{
	struct stat st;

	return lstat((const char *)path, &st) ? -errno : (long)st.st_uid * 100000 + (long)st.st_gid;
}

static long in_ino(long path)
{
	struct stat st;

	return lstat((const char *)path, &st) ? -errno : (long)st.st_ino;
}

static long in_mkdir(long path)
{
	return mkdir((const char *)path, 0755) ? -errno : 0;
}

static long in_rmdir(long path)
{
	return rmdir((const char *)path) ? -errno : 0;
}

static long in_exec(long path)
{
	char *argv[] = { NULL, NULL };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		memcpy(&argv[0], &path, sizeof(path));
		execv(argv[0], argv);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -1000;
}

static long in_readlink_ok(long arg)
{
	char text[64] = "";

	(void)arg;
	return readlink("/bin", text, sizeof(text) - 1) == 7 && strcmp(text, "usr/bin") == 0;
}

static long in_content_ok(long arg)
{
	char text[128] = "";
	int fd = open("/etc/passwd", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1), m = pread(fd, text + 64, 4, 2);

	(void)arg;
	close(fd);
	return n == (ssize_t)sizeof(CONTENT) - 1 &&
		strncmp(text, CONTENT, sizeof(CONTENT) - 1) == 0 && m == 4 &&
		memcmp(text + 64, &CONTENT[2], 4) == 0;
}

/* The names of a directory, sorted by the kernel's order, joined by blanks: do they equal? */
static long in_list_ok(long expected)
{
	const char *want = (const char *)expected;
	char got[512] = "", dir[64];
	size_t n = strcspn(want, " ");
	struct dirent *e;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)n, want);
	d = opendir(dir);
	while (d && (e = readdir(d)))
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), " %s", e->d_name);
	if (d)
		closedir(d);
	if (strcmp(got, want + n) != 0)
		(void)fprintf(stderr, "# got%s\n", got);
	return strcmp(got, want + n) == 0;
}

static long in_list_twice(long expected)
{
	return in_list_ok(expected) && in_list_ok(expected);
}

static long in_relative(long path)
{
	long r;

	if (chdir("/deep/er"))
		return -1;
	r = in_open(path);
	return chdir("/") ? -1 : r;
}

static long in_openat(long path)
{
	int dir = open("/deep", O_PATH | O_DIRECTORY), fd;
	long r;

	fd = openat(dir, (const char *)path, O_RDWR);
	r = fd < 0 ? -errno : 0;
	close(fd);
	close(dir);
	return r;
}

static long in_openat2(long path)
{
	struct open_how how = { .flags = O_WRONLY };
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : close((int)fd);
}

static long in_rename(long arg)
{
	(void)arg;
	return rename("/tmp/there", "/etc/new") ? -errno : 0;
}

static long in_symlink(long arg)
{
	(void)arg;
	return symlink("/x", "/deep/link") ? -errno : 0;
}

static long in_chmod(long arg)
{
	(void)arg;
	return chmod("/etc/passwd", 0666) ? -errno : 0;
}

static long in_unlink(long arg)
{
	(void)arg;
	return unlink("/etc/passwd") ? -errno : 0;
}

static long in_write(long arg)
{
	int fd = open("/etc/passwd", O_RDWR);

	(void)arg;
	return fd < 0 ? -errno : close(fd);
}

static long in_setxattr(long arg)
{
	(void)arg;
	return setxattr("/etc", "user.x", "1", 1, 0) ? -errno : 0;
}

static long in_getxattr(long arg)
{
	char v[8];

	(void)arg;
	return getxattr("/etc", "user.x", v, sizeof(v)) < 0 ? -errno : 0;
}

static long in_statfs(long arg)
{
	struct statfs s;

	(void)arg;
	return statfs("/etc", &s) ? -errno : (long)s.f_namelen;
}

/* ---- tests ---- */

TEST(view_exists)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_mode, (long)"/"), S_IFDIR | 0755);
	CHECK_EQ_INT(box_call(&b, in_mode, (long)"/deep/er"), S_IFDIR | 0755);
	CHECK_EQ_INT(box_call(&b, in_mode, (long)"/etc/passwd"), S_IFREG | 0444);
	CHECK_EQ_INT(box_call(&b, in_mode, (long)"/bin"), S_IFLNK | 0777);
	CHECK_EQ_INT(box_call(&b, in_mode, (long)"/deep/prog"), S_IFREG);
	CHECK_EQ_INT(box_call(&b, in_uid, (long)"/etc/passwd"), 1000L * 100000 + 1000);
	CHECK_EQ_INT(box_call(&b, in_readlink_ok, 0), 1);
	CHECK_EQ_INT(box_call(&b, in_content_ok, 0), 1);
	CHECK_EQ_INT(box_call(&b, in_stat, (long)"/bin/env"), 0);
	CHECK_EQ_INT(box_call(&b, in_statfs, 0), 255);
	CHECK_EQ_INT(box_call(&b, in_getxattr, 0), -EOPNOTSUPP);
	box_refusals(&b);
	CHECK_EQ_SIZE(b.n, 0);
	box_end(&b);
}

TEST(readdir)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_list_twice, (long)"/ . .. bin deep etc proc tmp usr"), 1);
	CHECK_EQ_INT(box_call(&b, in_list_twice, (long)"/deep . .. er prog"), 1);
	CHECK_EQ_INT(box_call(&b, in_list_ok, (long)"/deep/er . .."), 1);
	CHECK_EQ_INT(box_call(&b, in_ino, (long)"/deep/er"), 4);
	CHECK_EQ_INT(box_call(&b, in_ino, (long)"/deep/er/.."), 3);
	box_end(&b);
}

TEST(refused_names)
{
	const struct ward_refusal *r;

	START(b);
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/etc/shadow"), -ENOENT);
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/root/.ssh/id_ed25519"), -ENOENT);
	CHECK_EQ_INT(box_call(&b, in_stat, (long)"/etc/../srv//data/./x"), -ENOENT);
	box_refusals(&b);
	r = box_find(&b, "/etc/shadow", WARD_CAP_FILE_READ);
	REQUIRE(r);
	CHECK_EQ_INT(r->kind, WARD_REFUSAL_PATH);
	CHECK_EQ_INT(r->pid, 1);
	CHECK_STR_EQ(r->comm, "boxed");
	CHECK_STR_EQ(r->syscall, "openat");
	CHECK_EQ_UINT(r->count, 1);
	CHECK(!r->quiet && !r->selftest);
	CHECK(box_find(&b, "/root/.ssh/id_ed25519", WARD_CAP_FILE_READ));
	CHECK(box_find(&b, "/srv/data/x", WARD_CAP_FILE_READ));
	CHECK_EQ_SIZE(b.n, 3);
	box_end(&b);
}

TEST(whole_path_relative)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_relative, (long)"../../home/user/secret"), -ENOENT);
	CHECK_EQ_INT(box_call(&b, in_openat, (long)"no/such"), -ENOENT);
	CHECK_EQ_INT(box_call(&b, in_openat2, (long)"/var/lib/x"), -ENOENT);
	box_refusals(&b);
	CHECK(box_find(&b, "/home/user/secret", WARD_CAP_FILE_READ));
	CHECK(box_find(&b, "/deep/no/such", WARD_CAP_FILE_WRITE));
	CHECK(box_find(&b, "/var/lib/x", WARD_CAP_FILE_WRITE));
	CHECK_EQ_SIZE(b.n, 3);
	box_end(&b);
}

TEST(exec)
{
	const struct ward_refusal *r;

	START(b);
	CHECK_EQ_INT(box_call(&b, in_exec, (long)"/opt/tool/bin/x"), -ENOENT);
	CHECK_EQ_INT(box_call(&b, in_stat, (long)"/deep/prog"), 0);
	box_refusals(&b);
	r = box_find(&b, "/opt/tool/bin/x", WARD_CAP_EXTERNAL_COMMAND);
	CHECK(r && r->pid > 1);
	CHECK_EQ_SIZE(b.n, 1);
	CHECK_EQ_INT(box_call(&b, in_exec, (long)"/deep/prog"), -EACCES);
	CHECK_EQ_INT(box_call(&b, in_exec, (long)"/deep/prog"), -EACCES);
	box_refusals(&b);
	r = box_find(&b, "/deep/prog", WARD_CAP_EXTERNAL_COMMAND);
	CHECK(r && r->pid > 1 && strcmp(r->syscall, "execve") == 0);
	CHECK_EQ_SIZE(b.n, 1);
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/deep/prog"), -EACCES);
	box_refusals(&b);
	CHECK(box_find(&b, "/deep/prog", WARD_CAP_FILE_READ));
	box_end(&b);
}

TEST(changes_are_refused)
{
	static const struct {
		long (*fn)(long);
		const char *arg, *record;
	} rows[] = {
		{ in_creat, "/etc/evil", "/etc/evil" },
		{ in_creat, "/evil", "/evil" },
		{ in_mkdir, "/deep/dir", "/deep/dir" },
		{ in_rmdir, "/deep/er", "/deep/er" },
		{ in_symlink, NULL, "/deep/link" },
		{ in_chmod, NULL, "/etc/passwd" },
		{ in_unlink, NULL, "/etc/passwd" },
		{ in_setxattr, NULL, "/etc" },
	};

	START(b);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		const struct ward_refusal *r;

		CASE("row %zu %s", i, rows[i].record);
		CHECK_EQ_INT(box_call(&b, rows[i].fn, (long)rows[i].arg), -EROFS);
		box_refusals(&b);
		r = box_find(&b, rows[i].record, WARD_CAP_FILE_WRITE);
		if (i != 6) {
			REQUIRE(r);
			CHECK_EQ_UINT(r->count, 1);
			CHECK_EQ_SIZE(b.n, 1);
			CHECK_STR_EQ(r->comm, "boxed");
		}
	}
	CASE("write");
	CHECK_EQ_INT(box_call(&b, in_write, 0), -EROFS);
	CHECK_EQ_INT(box_call(&b, in_creat, (long)"/tmp/there"), 0);
	CHECK_EQ_INT(box_call(&b, in_rename, 0), -EXDEV);
	box_end(&b);
}

TEST(read_then_create_is_two)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/etc/both"), -ENOENT);
	CHECK_EQ_INT(box_call(&b, in_creat, (long)"/etc/both"), -EROFS);
	box_refusals(&b);
	CHECK(box_find(&b, "/etc/both", WARD_CAP_FILE_READ));
	CHECK(box_find(&b, "/etc/both", WARD_CAP_FILE_WRITE));
	CHECK_EQ_SIZE(b.n, 2);
	box_end(&b);
}

TEST(quiet_and_selftest)
{
	const struct ward_refusal *r;

	START(b);
	ward_refusals_phase(b.refusals, true);
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/etc/canary"), -ENOENT);
	ward_refusals_phase(b.refusals, false);
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/sys/kernel/mm"), -ENOENT);
	box_refusals(&b);
	r = box_find(&b, "/etc/canary", WARD_CAP_FILE_READ);
	CHECK(r && r->selftest && !r->quiet);
	r = box_find(&b, "/sys", WARD_CAP_FILE_READ);
	CHECK(r && !r->selftest && r->quiet);
	box_end(&b);
}

TEST(deny_errno_eacces)
{
	static struct ward_plan p;
	struct box b;

	p = plan;
	p.deny_errno = EACCES;
	if (!box_start(&b, &p, 0)) {
		box_end(&b);
		SKIP("%s", b.why);
	}
	CHECK_EQ_INT(box_call(&b, in_open, (long)"/etc/shadow"), -EACCES);
	CHECK_EQ_INT(box_call(&b, in_stat, (long)"/nothing/there"), -EACCES);
	CHECK_EQ_INT(box_call(&b, in_creat, (long)"/etc/evil"), -EACCES);
	box_refusals(&b);
	CHECK(box_find(&b, "/nothing/there", WARD_CAP_FILE_READ));
	CHECK(box_find(&b, "/etc/evil", WARD_CAP_FILE_WRITE));
	box_end(&b);
}

/* ---- hostile ---- */

static long in_flood(long n)
{
	char path[64];

	for (long i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/etc/flood-%ld", i);
		if (in_open((long)path) != -ENOENT)
			return -1;
	}
	return 0;
}

TEST(flood_is_bounded)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_flood, 2000), 0);
	box_refusals(&b);
	CHECK_EQ_SIZE(b.n, WARD_VIOLATION_NAMES_MAX + WARD_VIOLATION_OVER_MAX);
	CHECK_EQ_UINT(b.dropped, 2000 - b.n);
	box_end(&b);
}

/* A path in unmapped memory, one that ends at the edge of it, one without an end, control bytes. */
static long in_strange(long arg)
{
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long r = 0;

	(void)arg;
	munmap(two + 4096, 4096);
	memcpy(two + 4096 - 11, "/etc/edged", 11);
	r |= in_open((long)(two + 4096 - 11)) != -ENOENT;
	memset(two, 'a', 4096);
	r |= (in_open((long)(two + 4000)) != -EFAULT) << 1;
	r |= (in_open(8) != -EFAULT) << 2;
	r |= (in_open((long)"/etc/a\nb\033[31m\xff") != -ENOENT) << 3;
	r |= (in_open((long)"/etc/x\"'$(id)") != -ENOENT) << 4;
	munmap(two, 4096);
	return r;
}

TEST(strange_paths)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_strange, 0), 0);
	box_refusals(&b);
	CHECK(box_find(&b, "/etc/edged", WARD_CAP_FILE_READ));
	CHECK(box_find(&b, "/etc/a\nb\033[31m\xff", WARD_CAP_FILE_READ));
	CHECK(box_find(&b, "/etc/x\"'$(id)", WARD_CAP_FILE_READ));
	CHECK_EQ_SIZE(b.n, 3);
	box_end(&b);
}

static char racing[64] = "/etc/race-a/x";
static volatile bool race_on;

static void *racer(void *arg)
{
	(void)arg;
	while (race_on) {
		memcpy(racing, "/etc/race-b/x", 14);
		memcpy(racing, "/usr/lib/harm", 14);
		memcpy(racing, "/etc/race-a/x", 14);
	}
	return NULL;
}

static long in_race(long n)
{
	pthread_t t;

	race_on = true;
	if (pthread_create(&t, NULL, racer, NULL))
		return -1;
	for (long i = 0; i < n; i++)
		(void)in_open((long)racing);
	race_on = false;
	pthread_join(t, NULL);
	return 0;
}

/* The text may be raced, but what is recorded always lies at or below what the kernel asked for. */
TEST(race_stays_below)
{
	START(b);
	CHECK_EQ_INT(box_call(&b, in_race, 300), 0);
	box_refusals(&b);
	for (size_t i = 0; i < b.n; i++) {
		CASE("%s", b.r[i].resource);
		CHECK(strncmp(b.r[i].resource, "/etc/", 5) == 0 ||
			strncmp(b.r[i].resource, "/usr", 4) != 0);
	}
	box_end(&b);
}

/*
 * Paths in a page of a file of the broker itself, while another thread drops that page all the time: sooner or later
 * the peek waits for its own answer.
 */
static char *own_page;
static int own_fd;

static void *dropper(void *arg)
{
	(void)arg;
	while (race_on) {
		(void)madvise(own_page, 4096, MADV_DONTNEED);
		(void)posix_fadvise(own_fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	return NULL;
}

static long in_hang(long n)
{
	pthread_t t;
	long r = -ENOENT;

	own_fd = open("/etc/names", O_RDONLY);
	own_page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, own_fd, 0);
	race_on = true;
	if (own_page == MAP_FAILED || pthread_create(&t, NULL, dropper, NULL))
		return -1;
	for (long i = 0; i < n && r == -ENOENT; i++)
		r = in_open((long)(own_page + 5 * (i % 400)));
	race_on = false;
	pthread_join(t, NULL);
	return r;
}

static void *in_thread(void *arg)
{
	return (void *)box_call(arg, in_hang, 400);
}

TEST(stop_ends_a_peek_that_waits)
{
	static char names[4001];
	static struct ward_node v[WARD_ARRAY_SIZE(nodes) + 1];
	static struct ward_plan p;
	struct box b;
	pthread_t t;
	double start;
	void *result = NULL;

	for (int i = 0; i < 800; i++)
		(void)snprintf(names + 5 * i, 6, "%04d/", i);
	for (size_t i = 0, j = 0; i < WARD_ARRAY_SIZE(nodes); i++) {
		if (strcmp(nodes[i].dest, "/etc/passwd") == 0)
			v[j++] = (struct ward_node){ .kind = WARD_NODE_FILE,
				.dest = "/etc/names",
				.source = names,
				.source_len = 4000 };
		v[j++] = nodes[i];
	}
	p = plan;
	p.nodes = v;
	p.n_nodes = WARD_ARRAY_SIZE(v);
	if (!box_start(&b, &p, 0)) {
		box_end(&b);
		SKIP("%s", b.why);
	}
	REQUIRE(pthread_create(&t, NULL, in_thread, &b) == 0);
	usleep(300000);
	start = box_now_us();
	ward_fuse_stop(b.fuse);
	CHECK(box_now_us() - start < 1e6 * tap_patience());
	pthread_join(t, &result);
	printf("# the caller got %s\n", strerror(-(int)(long)result));
	CHECK((long)result < 0);
	box_end(&b);
}

TEST(stop_lets_callers_go)
{
	START(b);
	ward_fuse_stop(b.fuse);
	CHECK_EQ_INT(box_call(&b, in_stat, (long)"/never-seen"), -ENOTCONN);
	ward_fuse_stop(b.fuse);
	box_end(&b);
}

/* A thread that is gone has number 0 for the kernel, which is the one who asks: it stays until it is told to go. */
TEST(a_device_that_never_comes)
{
	struct ward_refusals *refusals = ward_refusals_new();
	struct ward_fuse *f = NULL;
	struct ward_place place;
	cpu_set_t before, after;
	int s[2];

	REQUIRE(refusals && ward_fuse_new(&plan, refusals, &f, NULL) == 0);
	REQUIRE(ward_socketpair(SOCK_SEQPACKET, s) == 0);
	REQUIRE(sched_getaffinity(0, sizeof(before), &before) == 0);
	close(s[1]);
	CHECK_EQ_INT(ward_fuse_await(f, s[0], NULL), 0);
	usleep(50000);
	ward_place_look(&place);
	ward_fuse_place(f, &place, WARD_PLACE_AWAY);
	ward_fuse_place(f, &place, sched_getcpu());
	REQUIRE(sched_getaffinity(0, sizeof(after), &after) == 0);
	CHECK(CPU_EQUAL(&before, &after));
	ward_fuse_end(f);
	ward_fuse_stop(f);
	ward_fuse_free(f);
	ward_refusals_delete(refusals);
}

/* There is no room for its number: why is known afterwards, and nothing that was on its way is kept. */
TEST(a_device_that_cannot_be_had)
{
	struct ward_refusals *refusals = ward_refusals_new();
	struct ward_msg m = { .type = WARD_MSG_FUSE, .value = -1 };
	struct ward_fuse *f = NULL;
	struct rlimit before, none;
	int s[2], p[2];

	REQUIRE(refusals && ward_fuse_new(&plan, refusals, &f, NULL) == 0 && pipe(p) == 0);
	REQUIRE(ward_socketpair(SOCK_SEQPACKET, s) == 0 && getrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK_EQ_INT(ward_fuse_device(f), -1);
	CHECK_EQ_INT(ward_fuse_await(f, s[0], NULL), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(ward_send_fds(s[1], &m, sizeof(m), &p[1], 1) == (ssize_t)sizeof(m));
	close(p[1]);
	CHECK_EQ_INT(read(p[0], &m, 1), 0); /* nobody has it any more */
	CHECK_EQ_INT(read(s[1], &m, 1), 0);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
	ward_fuse_stop(f);
	CHECK_EQ_INT(ward_fuse_device(f), -EMFILE);
	close(p[0]);
	close(s[1]);
	ward_fuse_free(f);
	ward_refusals_delete(refusals);
}

TEST(bad_plans)
{
	static struct ward_node no_parent[] = { { .dest = "/" }, { .dest = "/a/b" } };
	static struct ward_node twice[] = { { .dest = "/" }, { .dest = "/a" }, { .dest = "/a" } };
	static struct ward_node relative[] = { { .dest = "/" }, { .dest = "a" } };
	static const struct {
		struct ward_node *v;
		size_t n;
		int code;
	} rows[] = {
		{ NULL, 0, WARD_E_LIMIT },
		{ no_parent, 2, WARD_E_INTERNAL },
		{ twice, 3, WARD_E_INTERNAL },
		{ relative, 2, WARD_E_INTERNAL },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_plan p = { .nodes = rows[i].v, .n_nodes = rows[i].n };
		struct ward_fuse *f = NULL;
		struct ward_error err = { 0 };

		CASE("row %zu", i);
		CHECK_EQ_INT(ward_fuse_new(&p, NULL, &f, &err), rows[i].code);
		CHECK_NULL(f);
	}
}

/* ---- what it costs (printed, not judged) ---- */

static long in_time_existing(long n)
{
	double start = box_now_us();
	struct stat st;

	for (long i = 0; i < n; i++)
		(void)!stat("/deep/prog", &st); /* never cached */
	return (long)((box_now_us() - start) * 1000 / (double)n);
}

static long in_time_refused(long n)
{
	double start = box_now_us();

	in_flood(n);
	return (long)((box_now_us() - start) * 1000 / (double)n);
}

TEST(cost)
{
	START(b);
	printf("# denied program seen by stat: %ld ns\n", box_call(&b, in_time_existing, 1000));
	printf("# refused lookup, noted: %ld ns\n", box_call(&b, in_time_refused, 250));
	(void)box_call(&b, in_flood, 300);
	ward_fuse_set_proc(b.fuse, -1);
	printf("# existing lookup (no peek): %ld ns\n", box_call(&b, in_time_existing, 1000));
	CHECK(true);
	box_end(&b);
}

TAP_MAIN();
