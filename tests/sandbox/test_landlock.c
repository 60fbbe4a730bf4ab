/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock for real: each attempt runs in a child that confined itself to a tree made for the test, and says by its exit
 * code what the kernel answered. What an ABI lacks is skipped by number, never by trial.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "confine/native/landlock.h"
#include "tap.h"

/* ---- a tree: ro/f, rw/f, rw/d, out/f, bin (a program), all below one temporary directory ---- */
static char tree[64];

static void at(const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", tree, name);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	at(name, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void make_tree(void)
{
	static const char *const dirs[] = { "ro", "rw", "rw/d", "rw/e", "out" };
	char path[128];

	strcpy(tree, "/tmp/ward-test-landlock-XXXXXX");
	REQUIRE(mkdtemp(tree));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		at(dirs[i], path);
		REQUIRE(mkdir(path, 0755) == 0);
	}
	put("ro/f", "read me\n", 0644);
	put("ro/run", "#!/bin/true\n", 0755);
	put("rw/f", "write me\n", 0644);
	put("rw/d/g", "move me\n", 0644);
	put("out/f", "secret\n", 0644);
	put("out/only", "this one file\n", 0644);
}

static void remove_tree(void)
{
	static const char *const files[] = { "ro/f", "ro/run", "rw/f", "rw/d/g", "rw/e/g", "rw/new",
		"rw/link", "rw/fifo", "rw/s", "out/f", "out/only", "out/s" };
	static const char *const dirs[] = { "ro", "rw/d", "rw/e", "rw/nd", "rw", "out" };
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		at(files[i], path);
		unlink(path);
	}
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		at(dirs[i], path);
		rmdir(path);
	}
	rmdir(tree);
}

static bool grant(int set, int abi, const char *name, uint64_t access)
{
	char path[128];
	struct stat st;
	int fd, r;

	if (name[0] == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		at(name, path);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	r = ward_ll_allow(set, fd, ward_ll_mask(abi, access, S_ISDIR(st.st_mode)));
	close(fd);
	return r == 0;
}

static void confine(int abi)
{
	int set = ward_ll_create(abi, ward_ll_handled_fs(abi), ward_ll_handled_scopes(abi));

	if (set < 0 || !grant(set, abi, "ro", WARD_LL_SET_READ | WARD_LL_SET_EXEC) ||
		!grant(set, abi, "rw", WARD_LL_SET_READ | WARD_LL_SET_WRITE) ||
		!grant(set, abi, "out/only", WARD_LL_SET_READ | WARD_LL_SET_WRITE) ||
		!grant(set, abi, "/dev/null", WARD_LL_SET_DEV) ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || ward_ll_restrict(abi, set) < 0)
		_exit(200);
	close(set);
}

/* What an attempt gives: 0, or its errno. */
typedef int attempt_fn(void);

static int attempt(attempt_fn *fn)
{
	int status = 0, abi = ward_ll_abi();
	pid_t pid;

	if (!abi)
		SKIP("this kernel has no Landlock");
	pid = fork();
	if (pid == 0) {
		confine(abi);
		_exit(fn());
	}
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_open(const char *name, int flags)
{
	char path[128];
	int fd;

	if (name[0] == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		at(name, path);
	fd = open(path, flags | O_CLOEXEC, 0644);
	return fd < 0 ? errno : 0;
}

static int read_granted(void)
{
	return try_open("ro/f", O_RDONLY);
}
static int read_directory(void)
{
	return try_open("ro", O_RDONLY | O_DIRECTORY);
}
static int read_outside(void)
{
	return try_open("out/f", O_RDONLY);
}
static int read_system(void)
{
	return try_open("/etc/passwd", O_RDONLY);
}
static int read_one_file(void)
{
	return try_open("out/only", O_RDWR);
}
static int write_read_only(void)
{
	return try_open("ro/f", O_WRONLY);
}
static int create_read_only(void)
{
	return try_open("ro/new", O_WRONLY | O_CREAT);
}
static int write_granted(void)
{
	return try_open("rw/f", O_WRONLY | O_TRUNC);
}
static int create_granted(void)
{
	return try_open("rw/new", O_WRONLY | O_CREAT | O_EXCL);
}
static int write_null(void)
{
	return try_open("/dev/null", O_WRONLY);
}
static int other_device(void)
{
	return try_open("/dev/zero", O_RDONLY);
}

static int truncate_read_only(void)
{
	char path[128];

	at("ro/f", path);
	return truncate(path, 0) < 0 ? errno : 0;
}

static int exec_granted(void)
{
	char path[128], *argv[] = { path, NULL };

	/* its interpreter is not granted: the kernel got past the script itself when it says so of /bin/true */
	at("ro/run", path);
	execv(path, argv);
	return errno;
}

static int exec_not_granted(void)
{
	char *argv[] = { tree, NULL };

	execv("/bin/true", argv);
	return errno;
}

static int rename_within(void)
{
	char a[128], b[128];

	at("rw/d/g", a);
	at("rw/e/g", b);
	return rename(a, b) < 0 ? errno : 0;
}

static int rename_out(void)
{
	char a[128], b[128];

	at("rw/f", a);
	at("out/stolen", b);
	return rename(a, b) < 0 ? errno : 0;
}

static int link_in(void)
{
	char a[128], b[128];

	at("out/f", a);
	at("rw/link", b);
	return link(a, b) < 0 ? errno : 0;
}

static int make_things(void)
{
	char path[128];

	at("rw/nd", path);
	if (mkdir(path, 0755) < 0)
		return errno;
	at("rw/link", path);
	if (symlink("f", path) < 0)
		return errno;
	at("rw/fifo", path);
	return mkfifo(path, 0644) < 0 ? errno : 0;
}

static int make_device(void)
{
	char path[128];

	at("rw/node", path);
	return mknod(path, S_IFCHR | 0666, 0x103) < 0 ? errno : 0;
}

static int widen(void)
{
	int abi = ward_ll_abi(), set = ward_ll_create(abi, ward_ll_handled_fs(abi), 0);

	/* a second ruleset that grants everything changes nothing */
	if (set < 0 || !grant(set, abi, "/", ward_ll_handled_fs(abi)) ||
		ward_ll_restrict(abi, set) < 0)
		return 200;
	return read_outside();
}

TEST(files)
{
	static const struct {
		const char *what;
		attempt_fn *fn;
		int want, abi;
	} rows[] = {
		{ "read what is granted", read_granted, 0, 1 },
		{ "list what is granted", read_directory, 0, 1 },
		{ "read outside", read_outside, EACCES, 1 },
		{ "read the system's", read_system, EACCES, 1 },
		{ "read and write one granted file", read_one_file, 0, 1 },
		{ "write what is read only", write_read_only, EACCES, 1 },
		{ "create where it is read only", create_read_only, EACCES, 1 },
		{ "truncate what is read only", truncate_read_only, EACCES, 3 },
		{ "write what is granted", write_granted, 0, 1 },
		{ "create where it is granted", create_granted, 0, 1 },
		{ "write to a granted device", write_null, 0, 1 },
		{ "read another device", other_device, EACCES, 1 },
		{ "execute a script whose interpreter is not granted", exec_granted, EACCES, 1 },
		{ "execute what is not granted", exec_not_granted, EACCES, 1 },
		{ "move between granted directories", rename_within, 0, 2 },
		{ "move out", rename_out, EACCES, 1 },
		{ "link in from outside", link_in, EXDEV, 1 },
		{ "make directories, links, fifos", make_things, 0, 1 },
		{ "make a device", make_device, EACCES, 1 },
		{ "grant oneself more", widen, EACCES, 1 },
	};

	TABLE(row, rows) {
		if (ward_ll_abi() && ward_ll_abi() < row->abi)
			continue;
		make_tree();
		CASE("%s", row->what);
		CHECK_EQ_INT(attempt(row->fn), row->want);
		remove_tree();
	}
}

/* ---- scopes (ABI 6) ---- */
static struct sockaddr_un abstract;
static socklen_t abstract_len;

static int connect_abstract(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(s, (const struct sockaddr *)&abstract, abstract_len) < 0 ? errno : 0;
}

static int connect_own_abstract(void)
{
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	abstract.sun_path[1] = 'X';
	if (bind(l, (const struct sockaddr *)&abstract, abstract_len) < 0 || listen(l, 1) < 0)
		return 200;
	return connect_abstract();
}

static int signal_parent(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int signal_child(void)
{
	pid_t pid = fork();
	int r;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	r = kill(pid, SIGKILL) < 0 ? errno : 0;
	(void)waitpid(pid, NULL, 0);
	return r;
}

TEST(scopes)
{
	int abi = ward_ll_abi(), l;

	if (abi < 6)
		SKIP("Landlock ABI %d has no scopes (6 has)", abi);
	make_tree();
	abstract.sun_family = AF_UNIX;
	abstract_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		(size_t)snprintf(abstract.sun_path + 1, 64, "%s", tree));
	l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(l, (const struct sockaddr *)&abstract, abstract_len) == 0 &&
		listen(l, 1) == 0);
	CHECK_EQ_INT(attempt(connect_abstract), EPERM);
	CHECK_EQ_INT(attempt(connect_own_abstract), 0);
	CHECK_EQ_INT(attempt(signal_parent), EPERM);
	CHECK_EQ_INT(attempt(signal_child), 0);
	close(l);
	remove_tree();
}

/* ---- sockets with a path (ABI 9): held by others before that, so here only what is said is compared ---- */
static struct sockaddr_un named = { .sun_family = AF_UNIX };

static int connect_named(void)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(s, (const struct sockaddr *)&named, sizeof(named)) < 0 ? errno : 0;
}

TEST(named_sockets)
{
	int abi = ward_ll_abi(), l;

	if (abi < 9)
		SKIP("Landlock ABI %d does not hold sockets with a path (9 does)", abi);
	make_tree();
	snprintf(named.sun_path, sizeof(named.sun_path), "%s/rw/s", tree);
	l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	REQUIRE(bind(l, (const struct sockaddr *)&named, sizeof(named)) == 0 && listen(l, 1) == 0);
	CHECK_EQ_INT(attempt(connect_named), EACCES);
	close(l);
	remove_tree();
}

/* ---- masks: numbers of the kernel's header, by ABI ---- */
TEST(masks)
{
	static const struct {
		int abi;
		uint64_t fs, scopes;
		size_t size;
		uint32_t quiet;
	} rows[] = {
		{ -1, 0, 0, 8, 0 },
		{ 0, 0, 0, 8, 0 },
		{ 1, 0x1fff, 0, 8, 0 },
		{ 2, 0x3fff, 0, 8, 0 },
		{ 3, 0x7fff, 0, 8, 0 },
		{ 4, 0x7fff, 0, 16, 0 },
		{ 5, 0xffff, 0, 16, 0 },
		{ 6, 0xffff, 3, 24, 0 },
		{ 7, 0xffff, 3, 24, 5 },
		{ 8, 0xffff, 3, 24, 5 },
		{ 9, 0x1ffff, 3, 24, 5 },
		{ 99, 0x1ffff, 3, 24, 5 },
	};

	TABLE(row, rows) {
		CASE("ABI %d", row->abi);
		CHECK_EQ_UINT(ward_ll_handled_fs(row->abi), row->fs);
		CHECK_EQ_UINT(ward_ll_handled_scopes(row->abi), row->scopes);
		CHECK_EQ_SIZE(ward_ll_ruleset_size(row->abi), row->size);
		CHECK_EQ_UINT(ward_ll_quiet(row->abi), row->quiet);
		CHECK_EQ_UINT(ward_ll_mask(row->abi, UINT64_MAX, true), row->fs);
		CHECK_EQ_UINT(ward_ll_mask(row->abi, WARD_LL_SET_WRITE, false) &
				~(uint64_t)(WARD_LL_WRITE_FILE | WARD_LL_TRUNCATE),
			0);
	}
	CASE("never granted");
	uint64_t all = WARD_LL_SET_READ | WARD_LL_SET_EXEC | WARD_LL_SET_WRITE | WARD_LL_SET_DEV;
	CHECK_EQ_UINT(all & (WARD_LL_MAKE_CHAR | WARD_LL_MAKE_BLOCK | WARD_LL_RESOLVE_UNIX), 0);
}

TEST(errors)
{
	int abi = ward_ll_abi(), set, fd = open("/", O_PATH | O_CLOEXEC);

	if (!abi)
		SKIP("this kernel has no Landlock");
	CHECK_EQ_INT(ward_ll_create(abi, 1ull << 63, 0), -EINVAL);
	CHECK_EQ_INT(ward_ll_create(abi, 0, 0), -ENOMSG);
	CHECK_EQ_INT(ward_ll_restrict(abi, -1), geteuid() == 0 ? -EBADF : -EPERM);
	set = ward_ll_create(abi, WARD_LL_READ_FILE, 0);
	CHECK(set >= 0);
	CHECK(fcntl(set, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ_INT(ward_ll_allow(set, fd, WARD_LL_EXECUTE), -EINVAL);
	CHECK_EQ_INT(ward_ll_allow(set, fd, 0), -ENOMSG);
	CHECK_EQ_INT(ward_ll_allow(set, -1, WARD_LL_READ_FILE), -EBADF);
	CHECK_EQ_INT(ward_ll_allow(-1, fd, WARD_LL_READ_FILE), -EBADF);
	CHECK_EQ_INT(ward_ll_allow(set, fd, WARD_LL_READ_FILE), 0);
	close(fd);
	close(set);
}

TAP_MAIN();
