/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs inside for test_flood.py: floods of what is refused, many who wait at once, and a clock over single calls.
 * It trusts its arguments, which are the test's, and believes nothing about what it gets: it only counts and prints.
 *
 *   alike FILE          FILE: lines "CLASS PATH"; each call of ops[] on each path, in order, and again
 *                       prints "OP CLASS ERRNO FIRST_NS AGAIN_NS", the last being the quickest of some
 *   pace MS             one refused name and one connect at a time for so long; prints "count worst_us median_us"
 *   hold N              N processes that ask without end; says "ready" when all have begun
 *   names|huge|made|calls|connects|paths|lines COUNT    0 = without end; then TERM is ignored
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static unsigned long now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long)t.tv_sec * 1000000000ul + (unsigned long)t.tv_nsec;
}

/* ---- single calls ---- */

static int watch = -1, unix_fd = -1;
static char text[PATH_MAX + 64];

static long op_stat(const char *p)
{
	struct stat st;

	return stat(p, &st);
}

static long op_lstat(const char *p)
{
	struct stat st;

	return lstat(p, &st);
}

static long op_open(const char *p)
{
	return open(p, O_RDONLY);
}

static long op_opath(const char *p)
{
	return open(p, O_PATH | O_NOFOLLOW);
}

static long op_opendir(const char *p)
{
	return open(p, O_RDONLY | O_DIRECTORY);
}

static long op_openwrite(const char *p)
{
	return open(p, O_WRONLY);
}

static long op_create(const char *p)
{
	return open(p, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long op_access(const char *p)
{
	return access(p, F_OK);
}

static long op_readlink(const char *p)
{
	char buf[64];

	return readlink(p, buf, sizeof(buf));
}

static long op_chdir(const char *p)
{
	return chdir(p);
}

static long op_statfs(const char *p)
{
	struct statfs s;

	return statfs(p, &s);
}

static long op_getxattr(const char *p)
{
	char buf[16];

	return getxattr(p, "user.x", buf, sizeof(buf));
}

static long op_watch(const char *p)
{
	return inotify_add_watch(watch, p, IN_OPEN);
}

static long op_mkdir(const char *p)
{
	return mkdir(p, 0700);
}

static long op_rmdir(const char *p)
{
	return rmdir(p);
}

static long op_unlink(const char *p)
{
	return unlink(p);
}

static long op_symlink(const char *p)
{
	return symlink("own", p);
}

static long op_link_to(const char *p)
{
	return link("own", p);
}

static long op_link_from(const char *p)
{
	return link(p, "made");
}

static long op_rename_to(const char *p)
{
	return rename("own", p);
}

static long op_rename_from(const char *p)
{
	return rename(p, "made");
}

static long op_truncate(const char *p)
{
	return truncate(p, 0);
}

static long op_chmod(const char *p)
{
	return chmod(p, 0600);
}

static long op_bind(const char *p)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", p);
	return bind(unix_fd, (struct sockaddr *)&u, sizeof(u));
}

static long op_connect(const char *p)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", p);
	return connect(unix_fd, (struct sockaddr *)&u, sizeof(u));
}

static long with(const char *p, const char *more)
{
	struct stat st;

	snprintf(text, sizeof(text), "%s%s", p, more);
	return stat(text, &st);
}

static long op_slash(const char *p)
{
	return with(p, "/");
}

static long op_dot(const char *p)
{
	return with(p, "/.");
}

static long op_below(const char *p)
{
	return with(p, "/below");
}

static long op_back(const char *p)
{
	return with(p, "/../none");
}

static long op_case(const char *p)
{
	struct stat st;
	char *last;

	snprintf(text, sizeof(text), "%s", p);
	last = strrchr(text, '/') + 1;
	*last = (char)(*last ^ 0x20);
	return stat(text, &st);
}

/* execve would not come back if it worked; the time is that of the call, in a child that shares our memory. */
static volatile unsigned long exec_ns;
static volatile int exec_errno;

static long op_exec(const char *p)
{
	char *argv[] = { text, NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		unsigned long begin = now_ns();

		(void)execve(p, argv, NULL);
		exec_errno = errno;
		exec_ns = now_ns() - begin;
		_exit(1);
	}
	(void)waitpid(pid, NULL, 0);
	errno = exec_errno;
	return -1;
}

static const struct {
	const char *name;
	long (*fn)(const char *path);
	unsigned again; /* 0 = 2 */
} ops[] = {
	{ "stat", op_stat, 12 },
	{ "lstat", op_lstat },
	{ "open", op_open, 6 },
	{ "open-path", op_opath },
	{ "open-directory", op_opendir },
	{ "open-write", op_openwrite },
	{ "create", op_create },
	{ "access", op_access },
	{ "readlink", op_readlink },
	{ "chdir", op_chdir },
	{ "statfs", op_statfs },
	{ "getxattr", op_getxattr },
	{ "watch", op_watch },
	{ "mkdir", op_mkdir },
	{ "rmdir", op_rmdir },
	{ "unlink", op_unlink },
	{ "symlink", op_symlink },
	{ "link-to", op_link_to },
	{ "link-from", op_link_from },
	{ "rename-to", op_rename_to },
	{ "rename-from", op_rename_from },
	{ "truncate", op_truncate },
	{ "chmod", op_chmod },
	{ "bind", op_bind },
	{ "connect", op_connect },
	{ "slash", op_slash },
	{ "dot", op_dot },
	{ "below", op_below },
	{ "back", op_back },
	{ "case", op_case },
	{ "exec", op_exec },
};
#define N_OPS (sizeof(ops) / sizeof(*ops))

static unsigned long timed(long (*fn)(const char *), const char *path, int *ret_errno)
{
	unsigned long begin = now_ns(), ns;
	long r;

	errno = 0;
	r = fn(path);
	ns = now_ns() - begin;
	*ret_errno = r < 0 ? errno : 0;
	if (fn == op_exec)
		ns = exec_ns;
	if (r > 2 &&
		(fn == op_open || fn == op_opath || fn == op_opendir || fn == op_openwrite ||
			fn == op_create))
		close((int)r);
	return ns;
}

/* One call over all names, then the next: what one call leaves behind meets both classes alike. */
static int alike(const char *file)
{
	static char paths[4096][PATH_MAX / 8], classes[4096];
	unsigned n = 0;
	FILE *f = fopen(file, "r");

	while (f && n < 4096 && fscanf(f, " %c %511s", &classes[n], paths[n]) == 2)
		n++;
	watch = inotify_init1(IN_CLOEXEC);
	unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	close(open("own", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	for (unsigned o = 0; o < N_OPS; o++)
		for (unsigned i = 0; i < n; i++) {
			unsigned n_again = ops[o].again ? ops[o].again : 2;
			int e, again_errno;
			unsigned long first = timed(ops[o].fn, paths[i], &e), again = ULONG_MAX;

			for (unsigned k = 0; k < n_again; k++) {
				unsigned long ns = timed(ops[o].fn, paths[i], &again_errno);

				again = ns < again ? ns : again;
				e = e == again_errno ? e : 1000 + again_errno;
			}
			printf("%s %c %d %lu %lu\n", ops[o].name, classes[i], e, first, again);
		}
	return 0;
}

/* ---- how long an answer takes while something else goes on ---- */

static int compare(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

static int pace(int ms)
{
	static unsigned long v[200000];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	unsigned long end = now_ns() + (unsigned long)ms * 1000000ul;
	unsigned n = 0;

	printf("ready\n");
	fflush(stdout);
	while (now_ns() < end && n + 2 < 200000) {
		int e, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		unsigned long begin;
		char path[64];

		snprintf(path, sizeof(path), "/pace-%d-%u", (int)getpid(), n);
		v[n++] = timed(op_stat, path, &e);
		a.sin_addr.s_addr = htonl(0x0a000000u + n);
		begin = now_ns();
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
			return 1;
		v[n++] = now_ns() - begin;
		close(fd);
		usleep(500);
	}
	qsort(v, n, sizeof(*v), compare);
	printf("%u %lu %lu\n", n, v[n - 1] / 1000, v[n / 2] / 1000);
	return 0;
}

/* ---- floods ---- */

static void say_name(unsigned long i)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/n%lu", i);
	(void)stat(path, &st);
}

/* As long as a path can be, each part as long as a name can be, with what no terminal should see. */
static void say_huge(unsigned long i)
{
	static char path[PATH_MAX];
	size_t n = (size_t)snprintf(path, sizeof(path), "/%lu\x1b]0;\x07\n", i);

	for (; n < sizeof(path) - 1; n++)
		path[n] = n % 250 ? (char)(1 + (n + i) % 31) : '/';
	path[n] = '\0';
	(void)open(path, O_RDONLY);
}

/* What could be made where it is asked for, and so is a violation each time: names as long as they may be. */
static void say_made(unsigned long i)
{
	char path[256];
	int n = snprintf(path, sizeof(path), "/%lu\x1b]0;\x07\n", i);

	memset(path + n, 1 + (int)(i % 31), sizeof(path) - 1 - (size_t)n);
	path[sizeof(path) - 1] = '\0';
	(void)open(path, O_WRONLY | O_CREAT, 0600);
}

static void say_call(unsigned long i)
{
	(void)syscall(SYS_ptrace, i % 17, i, i, i);
	(void)syscall((long)(2000 + i % 5000));
}

static void say_connect(unsigned long i)
{
	static int fd = -1;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((unsigned short)i),
		.sin_addr = { htonl(0x0a000000u + (unsigned)i % 0xffffff) } };

	if (fd < 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static void say_path(unsigned long i)
{
	char path[108];

	if (unix_fd < 0)
		unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(path, sizeof(path), "/run/%lu.sock", i);
	(void)op_connect(path);
}

static void say_line(unsigned long i)
{
	static const char line[] =
		"\x1b[2J\x1b]0;owned\x07 \xff\xfe\x00 ward: SandboxViolationError\r";

	if (write(i % 2 ? 1 : 2, line, sizeof(line) - 1) < 0)
		(void)usleep(1000);
}

static const struct {
	const char *name;
	void (*say)(unsigned long i);
} floods[] = { { "names", say_name }, { "huge", say_huge }, { "made", say_made },
	{ "calls", say_call }, { "connects", say_connect }, { "paths", say_path },
	{ "lines", say_line } };

static int flood(void (*say)(unsigned long), unsigned long count)
{
	if (!count)
		(void)signal(SIGTERM, SIG_IGN);
	for (unsigned long i = 0; !count || i < count; i++)
		say(i);
	return 0;
}

/* ---- many who wait ---- */

static int hold(int n)
{
	atomic_int *begun = mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)signal(SIGTERM, SIG_IGN);
	for (int k = 0; k < n; k++)
		if (fork() == 0) {
			(*begun)++;
			for (unsigned long i = 0;; i++)
				say_name((unsigned long)k * 1000000 + i);
		}
	while (*begun < n)
		usleep(10000);
	printf("ready\n");
	fflush(stdout);
	for (;;)
		(void)pause();
	return 0;
}

/* n processes whose children end at once, as do those that these leave to process 1, without end and up to every limit. */
static int storm(int n)
{
	(void)signal(SIGTERM, SIG_IGN);
	for (int k = 0; k < n; k++)
		if (fork() == 0)
			for (;;) {
				pid_t pid = vfork();

				if (pid == 0) {
					(void)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0,
						0);
					_exit(0);
				}
				if (pid > 0)
					(void)waitpid(pid, NULL, 0);
			}
	for (;;)
		(void)pause();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (strcmp(argv[1], "alike") == 0)
		return alike(argv[2]);
	if (strcmp(argv[1], "pace") == 0)
		return pace(atoi(argv[2]));
	if (strcmp(argv[1], "hold") == 0)
		return hold(atoi(argv[2]));
	if (strcmp(argv[1], "storm") == 0)
		return storm(atoi(argv[2]));
	for (size_t i = 0; i < sizeof(floods) / sizeof(*floods); i++)
		if (strcmp(argv[1], floods[i].name) == 0)
			return flood(floods[i].say, strtoul(argv[2], NULL, 10));
	return 2;
}
