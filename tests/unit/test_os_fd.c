/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors and whole files: what is read and what is refused by name, files replaced whole or
 * not at all (also when a call fails in the middle), sealed memory files, scoped opens, clocks and
 * identifiers. Some calls are wrapped by the linker, so that they can be made to fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __real_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

/* The call that fails, the errno it fails with, and at which time; a write can also be short. */
static const char *fail_call = "";
static int fail_errno, fail_at;
static size_t short_write;
static bool same_random;

static bool fails(const char *call)
{
	if (strcmp(call, fail_call) != 0 || --fail_at != 0)
		return false;
	errno = fail_errno;
	return true;
}

static void arm(const char *call, int sys, int at)
{
	fail_call = call;
	fail_errno = sys;
	fail_at = at;
}

int __wrap_fsync(int fd)
{
	return fails("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return fails("fchmod") ? -1 : __real_fchmod(fd, mode);
}

int __wrap_renameat(int a, const char *from, int b, const char *to)
{
	return fails("renameat") ? -1 : __real_renameat(a, from, b, to);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (fails("write"))
		return -1;
	return __real_write(fd, p, short_write > 0 && n > short_write ? short_write : n);
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
	if (fails("getrandom"))
		return -1;
	if (same_random) {
		memset(p, 0, n);
		return (ssize_t)n;
	}
	/* As the kernel may: less than was asked for. */
	return __real_getrandom(p, n > 4 ? 4 : n, flags);
}

/* ---- a directory of its own for each test ---- */

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_dir(char *path)
{
	if (path[0] != '\0')
		(void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	path[0] = '\0';
	arm("", 0, 0);
	short_write = 0;
	same_random = false;
}

__attribute__((destructor)) static void remove_last_dir(void)
{
	remove_dir(dir);
}

static void make_dir(void)
{
	remove_dir(dir);
	(void)snprintf(dir, sizeof(dir), "/tmp/ward-test-os.XXXXXX");
	REQUIRE(mkdtemp(dir) != NULL);
}

static const char *in_dir(const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	REQUIRE(f != NULL);
	REQUIRE(fputs(text, f) >= 0);
	REQUIRE(fclose(f) == 0);
}

static unsigned entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	if (d == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(d);
	return n;
}

static unsigned open_fds(void)
{
	return entries("/proc/self/fd");
}

/* ---- closing and writing ---- */

TEST(close_keeps_errno)
{
	int fd = dup(1);

	REQUIRE(fd >= 0);
	errno = EDOM;
	ward_close(-1);
	ward_close(999999);
	CHECK_EQ_INT(errno, EDOM);
	ward_closep(&fd);
	CHECK_EQ_INT(fd, -1);
	ward_closep(&fd);
	CHECK_EQ_INT(errno, EDOM);
}

TEST(write_all)
{
	int pipes[2];
	char got[16] = "";

	REQUIRE(pipe2(pipes, O_CLOEXEC | O_NONBLOCK) == 0);
	short_write = 3;
	arm("write", EINTR, 2);
	CHECK_EQ_INT(ward_write_all(pipes[1], "0123456789", 10), 0);
	CHECK_EQ_INT(read(pipes[0], got, sizeof(got) - 1), 10);
	CHECK_STR_EQ(got, "0123456789");
	CHECK_EQ_INT(ward_write_all(pipes[1], NULL, 0), 0);
	arm("write", ENOSPC, 2);
	CHECK_EQ_INT(ward_write_all(pipes[1], "0123456789", 10), -ENOSPC);
	CHECK_EQ_INT(ward_write_all(-1, "x", 1), -EBADF);
	short_write = 0;
	arm("", 0, 0);
	ward_close(pipes[0]);
	ward_close(pipes[1]);
}

/* ---- reading ---- */

TEST(read_file)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;

	make_dir();
	put(in_dir("f"), "content\n");
	CHECK_EQ_INT(ward_read_file(in_dir("f"), 8, &b, &err), WARD_OK);
	CHECK_STR_EQ(ward_buf_cstr(&b), "content\n");
	put(in_dir("empty"), "");
	ward_buf_clear(&b);
	CHECK_EQ_INT(ward_read_file(in_dir("empty"), 0, &b, &err), WARD_OK);
	CHECK_EQ_SIZE(b.n, 0);
	/* A link is the caller's affair. */
	REQUIRE(symlink("f", in_dir("link")) == 0);
	CHECK_EQ_INT(ward_read_file(in_dir("link"), 100, &b, &err), WARD_OK);
	CHECK_STR_EQ(ward_buf_cstr(&b), "content\n");
	/* Size 0 by stat(), and yet bytes. */
	ward_buf_clear(&b);
	CHECK_EQ_INT(ward_read_file("/proc/self/status", 1 << 16, &b, &err), WARD_OK);
	CHECK(b.n > 100);
	CHECK_EQ_INT(ward_read_file("/proc/self/status", 10, &b, &err), WARD_E_LIMIT);
}

TEST(read_file_max)
{
	char text[40001];
	struct ward_error err = WARD_ERROR_INIT;

	make_dir();
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	put(in_dir("f"), text);
	for (size_t max = 39998; max <= 40002; max++) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		WARD_CLEANUP(ward_buf_done) struct ward_buf c = WARD_BUF_INIT;
		WARD_FD fd = open(in_dir("f"), O_RDONLY | O_CLOEXEC);
		int want = max < 40000 ? WARD_E_LIMIT : WARD_OK;

		CASE("at most %zu", max);
		CHECK_EQ_INT(ward_read_file(in_dir("f"), max, &b, &err), want);
		CHECK_EQ_INT(ward_read_fd(fd, "f", max, &c, &err), want);
		if (want == WARD_OK) {
			CHECK_STR_EQ(ward_buf_cstr(&b), text);
			CHECK_STR_EQ(ward_buf_cstr(&c), text);
		} else {
			CHECK_STR_CONTAINS(err.message, "it is larger than 39");
			CHECK_STR_CONTAINS(err.fix, "of at most 39");
		}
	}
}

TEST(read_file_refuses)
{
	static const struct {
		const char *path;
		int r;
		const char *message;
	} rows[] = {
		{ "missing", WARD_E_NOTFOUND, "missing': No such file" },
		{ "f/below", WARD_E_NOTFOUND, "Not a directory" },
		{ "d", WARD_E_INVALID, "it is a directory" },
		{ "fifo", WARD_E_INVALID, "it is a fifo" },
		{ "socket", WARD_E_INVALID, "cannot open" },
		{ "loop", WARD_E_INVALID, "Too many levels" },
		{ "null", WARD_E_INVALID, "it is a character device" },
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	WARD_FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned before;

	make_dir();
	put(in_dir("f"), "x");
	REQUIRE(mkdir(in_dir("d"), 0700) == 0);
	REQUIRE(mkfifo(in_dir("fifo"), 0600) == 0);
	REQUIRE(symlink("loop", in_dir("loop")) == 0);
	REQUIRE(symlink("/dev/null", in_dir("null")) == 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", dir);
	REQUIRE(bind(sock, (struct sockaddr *)&address, sizeof(address)) == 0);
	before = open_fds();
	TABLE(row, rows) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
		struct ward_error err = WARD_ERROR_INIT;

		CASE("%s", row->path);
		CHECK_EQ_INT(ward_read_file(in_dir(row->path), 100, &b, &err), row->r);
		CHECK_EQ_INT(err.code, row->r);
		CHECK_STR_CONTAINS(err.message, row->message);
		CHECK_STR_CONTAINS(err.message, dir);
		CHECK_STR_CONTAINS(err.fix, "name a ");
		CHECK_EQ_SIZE(b.n, 0);
	}
	CHECK_EQ_UINT(open_fds(), before);
}

TEST(read_file_unreadable)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	int r;

	make_dir();
	put(in_dir("f"), "secret");
	REQUIRE(chmod(in_dir("f"), 0) == 0);
	REQUIRE(chmod(dir, 0711) == 0);
	/* Root reads everything: be nobody for a moment. */
	if (geteuid() == 0)
		REQUIRE(seteuid(65534) == 0);
	r = ward_read_file(in_dir("f"), 100, &b, &err);
	if (getuid() == 0)
		REQUIRE(seteuid(0) == 0);
	CHECK_EQ_INT(r, WARD_E_SYSTEM);
	CHECK_EQ_INT(err.sys_errno, EACCES);
	CHECK_STR_CONTAINS(err.message, "Permission denied");
	CHECK_STR_CONTAINS(err.fix, "that you may read");
}

/* There is nothing wrong with the name then. */
TEST(read_file_without_descriptors)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct rlimit was, none;
	int r;

	make_dir();
	put(in_dir("f"), "x");
	REQUIRE(getrlimit(RLIMIT_NOFILE, &was) == 0);
	none = (struct rlimit){ 0, was.rlim_max };
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	r = ward_read_file(in_dir("f"), 100, &b, &err);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &was) == 0);
	CHECK_EQ_INT(r, WARD_E_SYSTEM);
	CHECK_EQ_INT(err.sys_errno, EMFILE);
	CHECK_STR_EQ(err.fix, "");
}

TEST(read_fd_errors)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = 4 };
	struct ward_error err = WARD_ERROR_INIT;
	WARD_FD fd = ward_memfd("x", "0123456789", 10, false);

	CHECK_EQ_INT(ward_read_fd(-1, "nowhere", 10, &b, &err), WARD_E_SYSTEM);
	CHECK_STR_CONTAINS(err.message, "'nowhere': Bad file descriptor");
	CHECK_EQ_INT(ward_read_fd(fd, "narrow", 10, &b, &err), WARD_E_NOMEM);
	CHECK_STR_CONTAINS(err.message, "'narrow'");
}

/* ---- replacing ---- */

static void check_content(const char *path, const char *want, mode_t mode)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct stat st;

	CHECK_EQ_INT(ward_read_file(path, 1000, &b, NULL), WARD_OK);
	CHECK_STR_EQ(ward_buf_cstr(&b), want);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == mode);
}

TEST(replace_file)
{
	struct ward_error err = WARD_ERROR_INIT;
	mode_t mask = umask(077);
	struct stat before, after;

	make_dir();
	/* The mode is the one asked for, whatever the umask is. */
	CHECK_EQ_INT(ward_replace_file(in_dir("f"), "one", 3, 0644, &err), WARD_OK);
	check_content(in_dir("f"), "one", 0644);
	REQUIRE(stat(in_dir("f"), &before) == 0);
	short_write = 2;
	CHECK_EQ_INT(ward_replace_file(in_dir("f"), "second", 6, 0600, &err), WARD_OK);
	check_content(in_dir("f"), "second", 0600);
	REQUIRE(stat(in_dir("f"), &after) == 0);
	CHECK(before.st_ino != after.st_ino);
	CHECK_EQ_INT(ward_replace_file(in_dir("f"), NULL, 0, 0600, &err), WARD_OK);
	check_content(in_dir("f"), "", 0600);
	CHECK_EQ_UINT(entries(dir), 1);
	(void)umask(mask);
}

/* The link is replaced, and not what it leads to: that is somewhere else and not the caller's. */
TEST(replace_file_link)
{
	make_dir();
	put(in_dir("target"), "target");
	REQUIRE(chmod(in_dir("target"), 0640) == 0);
	REQUIRE(symlink("target", in_dir("link")) == 0);
	CHECK_EQ_INT(ward_replace_file(in_dir("link"), "new", 3, 0600, NULL), WARD_OK);
	check_content(in_dir("target"), "target", 0640);
	check_content(in_dir("link"), "new", 0600);
}

TEST(replace_file_here)
{
	char name[256];
	int old = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	make_dir();
	REQUIRE(old >= 0 && chdir(dir) == 0);
	CHECK_EQ_INT(ward_replace_file("f", "x", 1, 0600, NULL), WARD_OK);
	check_content("f", "x", 0600);
	/* The longest name that there is: the temporary one is made shorter. */
	memset(name, 'n', 255);
	name[255] = '\0';
	CHECK_EQ_INT(ward_replace_file(name, "y", 1, 0600, NULL), WARD_OK);
	check_content(name, "y", 0600);
	CHECK_EQ_INT(fchdir(old), 0);
	ward_close(old);
}

TEST(replace_file_refuses)
{
	static const struct {
		const char *path;
		int r, sys;
	} rows[] = {
		{ "d", WARD_E_INVALID, EISDIR },
		{ "d/", WARD_E_INVALID, EISDIR },
		{ "d/.", WARD_E_INVALID, EISDIR },
		{ "d/..", WARD_E_INVALID, EISDIR },
		{ "missing/f", WARD_E_NOTFOUND, ENOENT },
		{ "f/f", WARD_E_NOTFOUND, ENOTDIR },
	};
	char name[300];
	struct ward_error err = WARD_ERROR_INIT;
	unsigned before;

	make_dir();
	put(in_dir("f"), "old");
	REQUIRE(mkdir(in_dir("d"), 0700) == 0);
	before = open_fds();
	TABLE(row, rows) {
		CASE("%s", row->path);
		CHECK_EQ_INT(ward_replace_file(in_dir(row->path), "x", 1, 0600, &err), row->r);
		CHECK_EQ_INT(err.sys_errno, row->sys);
		CHECK_STR_CONTAINS(err.message, "cannot write '");
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	CHECK_EQ_INT(ward_replace_file(in_dir(name), "x", 1, 0600, &err), WARD_E_INVALID);
	CHECK_EQ_INT(err.sys_errno, ENAMETOOLONG);
	CHECK_EQ_INT(ward_replace_file("", "x", 1, 0600, &err), WARD_E_INVALID);
	CHECK_EQ_UINT(entries(dir), 2);
	CHECK_EQ_UINT(open_fds(), before);
}

/*
 * Whichever call fails: the old file stays, nothing is left beside it, no descriptor is left open.
 */
TEST(replace_file_fails_whole)
{
	static const struct {
		const char *call;
		int sys, at;
		const char *after;
	} rows[] = {
		{ "getrandom", ENOSYS, 1, "old" },
		{ "write", ENOSPC, 1, "old" },
		{ "write", ENOSPC, 2, "old" },
		{ "fchmod", EPERM, 1, "old" },
		{ "fsync", EIO, 1, "old" },
		{ "renameat", EXDEV, 1, "old" },
		/* The directory: the name is there already, but it is not known to last. */
		{ "fsync", EIO, 2, "new!" },
	};
	unsigned before;

	make_dir();
	before = open_fds();
	TABLE(row, rows) {
		struct ward_error err = WARD_ERROR_INIT;

		CASE("%s %d", row->call, row->at);
		put(in_dir("f"), "old");
		REQUIRE(chmod(in_dir("f"), 0600) == 0);
		short_write = 2;
		arm(row->call, row->sys, row->at);
		CHECK_EQ_INT(ward_replace_file(in_dir("f"), "new!", 4, 0600, &err), WARD_E_SYSTEM);
		arm("", 0, 0);
		CHECK_EQ_INT(err.sys_errno, row->sys);
		check_content(in_dir("f"), row->after, 0600);
		CHECK_EQ_UINT(entries(dir), 1);
		CHECK_EQ_UINT(open_fds(), before);
	}
	/* A file system without fsync of directories says EINVAL, and that is all right. */
	arm("fsync", EINVAL, 2);
	CHECK_EQ_INT(ward_replace_file(in_dir("f"), "new!", 4, 0600, NULL), WARD_OK);
}

/*
 * Somebody lies in wait under the temporary name: it is never opened, and in the end the answer is
 * no.
 */
TEST(replace_file_temp_taken)
{
	struct ward_error err = WARD_ERROR_INIT;

	make_dir();
	put(in_dir(".f.000000"), "trap");
	REQUIRE(chmod(in_dir(".f.000000"), 0644) == 0);
	same_random = true;
	CHECK_EQ_INT(ward_replace_file(in_dir("f"), "x", 1, 0600, &err), WARD_E_SYSTEM);
	CHECK_EQ_INT(err.sys_errno, EEXIST);
	same_random = false;
	check_content(in_dir(".f.000000"), "trap", 0644);
	CHECK_EQ_UINT(entries(dir), 1);
}

/* ---- memory files, scoped opens ---- */

TEST(memfd)
{
	WARD_FD fd = ward_memfd("ward-test", "0123", 4, true);
	WARD_FD plain = ward_memfd("ward-test", NULL, 0, false);
	char got[8] = "";

	REQUIRE(fd >= 0 && plain >= 0);
	CHECK_EQ_INT(read(fd, got, sizeof(got)), 4);
	CHECK_STR_EQ(got, "0123");
	CHECK_EQ_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
	CHECK(ftruncate(fd, 0) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
	CHECK_EQ_INT(pwrite(plain, "x", 1, 0), 1);
}

TEST(memfd_to_execute)
{
	WARD_FD fd = ward_memfd_exec("ward-test", "0123", 4);
	struct stat st;

	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	CHECK_EQ_UINT(st.st_mode & 0111, 0111);
	CHECK(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
	CHECK_EQ_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(memfd_errors)
{
	unsigned before = open_fds();
	char name[300];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	CHECK_EQ_INT(ward_memfd(name, "x", 1, false), -EINVAL);
	arm("write", ENOMEM, 1);
	CHECK_EQ_INT(ward_memfd("x", "x", 1, false), -ENOMEM);
	arm("", 0, 0);
	CHECK_EQ_UINT(open_fds(), before);
}

TEST(openat2)
{
	WARD_FD at = -1;

	make_dir();
	put(in_dir("f"), "x");
	REQUIRE(mkdir(in_dir("d"), 0700) == 0);
	REQUIRE(symlink("../f", in_dir("d/up")) == 0);
	REQUIRE(symlink("/etc", in_dir("d/out")) == 0);
	at = ward_openat2(AT_FDCWD, in_dir("d"), O_PATH | O_DIRECTORY, 0, 0);
	REQUIRE(at >= 0);
	CHECK_EQ_INT(fcntl(at, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_EQ_INT(ward_openat2(at, "../f", O_RDONLY, 0, WARD_OPEN_BENEATH), -EXDEV);
	CHECK_EQ_INT(ward_openat2(at, "up", O_RDONLY, 0, WARD_OPEN_BENEATH), -EXDEV);
	CHECK_EQ_INT(ward_openat2(at, "/etc/passwd", O_RDONLY, 0, WARD_OPEN_BENEATH), -EXDEV);
	CHECK_EQ_INT(ward_openat2(at, "up", O_RDONLY, 0, WARD_OPEN_NO_SYMLINKS), -ELOOP);
	CHECK_EQ_INT(ward_openat2(at, "out/passwd", O_RDONLY, 0, WARD_OPEN_IN_ROOT), -ENOENT);
	CHECK_EQ_INT(ward_openat2(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, WARD_OPEN_NO_MAGICLINKS),
		-ELOOP);
	CHECK_EQ_INT(ward_openat2(at, "f", O_RDONLY, 0, 1ull << 40), -EINVAL);
	WARD_FD made =
		ward_openat2(at, "new", O_WRONLY | O_CREAT | O_EXCL, 0600, WARD_OPEN_BENEATH);

	CHECK(made >= 0);
}

/* ---- clocks and identifiers ---- */

TEST(clocks)
{
	uint64_t mono = ward_now_mono_ns(), wall = ward_now_wall_ns();
	struct timespec pause = { .tv_nsec = 2000000 };

	/* After 2020 and before 2200. */
	CHECK(wall > UINT64_C(1577836800000000000) && wall < UINT64_C(7258118400000000000));
	CHECK(nanosleep(&pause, NULL) == 0);
	CHECK(ward_now_mono_ns() >= mono + 2000000);
}

TEST(random_bytes)
{
	uint8_t a[64] = { 0 }, b[64] = { 0 };

	CHECK_EQ_INT(ward_random(a, sizeof(a)), 0);
	arm("getrandom", EINTR, 3);
	CHECK_EQ_INT(ward_random(b, sizeof(b)), 0);
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	/* Filled to the end, though each call gives four. */
	CHECK(memcmp(a + 60, "\0\0\0\0", 4) != 0);
	arm("getrandom", ENOSYS, 2);
	CHECK_EQ_INT(ward_random(b, sizeof(b)), -ENOSYS);
	arm("", 0, 0);
	CHECK_EQ_INT(ward_random(NULL, 0), 0);
}

TEST(ulid_now)
{
	char a[WARD_ULID_SIZE], b[WARD_ULID_SIZE];
	uint8_t zero[10] = { 0 };
	uint64_t before = ward_now_wall_ns() / 1000000;

	ward_ulid_now(a);
	CHECK(ward_ulid_valid(a));
	ward_ulid_format(before, zero, b);
	CHECK(strcmp(a, b) >= 0);
	ward_ulid_format(before + 60000, zero, b);
	CHECK(strcmp(a, b) < 0);
	for (int i = 0; i < 100; i++) {
		/* Every second one without the kernel's help. */
		arm(i % 2 == 0 ? "getrandom" : "", EPERM, 1);
		ward_ulid_now(b);
		CHECK(ward_ulid_valid(b));
		CHECK(strcmp(a, b) != 0);
		memcpy(a, b, sizeof(a));
	}
	arm("", 0, 0);
}

/* Of many the kernel is asked for some dozens at a time, and each is another one; so it is where it gives none, and where more are taken than were said. */
TEST(ulids_of_many)
{
	static char v[200][WARD_ULID_SIZE];
	static const size_t said[] = { 0, 1, 2, 33, 200 };

	for (size_t k = 0; k < WARD_ARRAY_SIZE(said); k++) {
		struct ward_ulids many = { .n = said[k] };

		for (size_t i = 0; i < WARD_ARRAY_SIZE(v); i++) {
			arm(i % 50 == 7 ? "getrandom" : "", EPERM, 1);
			ward_ulid_next(&many, v[i]);
			CHECK(ward_ulid_valid(v[i]));
			for (size_t j = 0; j < i; j++)
				CHECK(strcmp(v[i] + 10, v[j] + 10) != 0);
		}
	}
	arm("", 0, 0);
}

/* The processor's own way, where it has one, and the plain one give the same digest, of whatever length and in whatever pieces. */
TEST(sha256_both_ways)
{
	static uint8_t text[9000];
	char plain[WARD_SHA256_HEX], quick[WARD_SHA256_HEX];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * i * 31 + i / 256);
	for (size_t n = 0; n <= sizeof(text); n += n < 4 * 64 + 1 ? 1 : 977) {
		uint8_t digest[WARD_SHA256_SIZE];
		struct ward_sha256 c;

		CASE("%zu bytes", n);
		ward_sha256_quicken();
		ward_sha256_init(&c);
		for (size_t at = 0; at < n; at += 150)
			ward_sha256_update(&c, text + at, n - at < 150 ? n - at : 150);
		ward_sha256_final(&c, digest);
		ward_hex(digest, sizeof(digest), quick);
		ward_sha256_use(NULL);
		ward_sha256_hex(text, n, plain);
		CHECK_STR_EQ(quick, plain);
	}
}

TAP_MAIN();
