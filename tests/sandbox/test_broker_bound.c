/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose socket it is on a file system where numbers do not tell (here a tmpfs): found in whatever process of the run holds it, and at
 * a bounded price where none does. Needs what test_broker_connect.c needs, and a /dev/shm that is a tmpfs.
 */
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#include "broker_notify_box.h"

#define HOLDERS 64
#define EACH 1000
#define CONNECTS 40

static bool on_tmpfs(void)
{
	struct statfs fs;

	if (shared[0])
		return true;
	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return false;
	(void)snprintf(shared, sizeof(shared), "/dev/shm/ward-broker-XXXXXX");
	if (!mkdtemp(shared) || chmod(shared, 0777)) {
		shared[0] = '\0';
		return false;
	}
	nodes[4].dest = "/dev"; /* instead of /var and /var/tmp */
	nodes[5].dest = "/dev/shm";
	(void)snprintf(host_path, sizeof(host_path), "%s/host", shared);
	(void)snprintf(in_path, sizeof(in_path), "%s/in", shared);
	return true;
}

#define START_ON_TMPFS(x) \
	do { \
		if (!on_tmpfs()) \
			SKIP("/dev/shm is not a tmpfs that can be written"); \
	} while (0); \
	START(x)

static const struct target own = { AF_UNIX, SOCK_STREAM, CONNECTS * 4, in_path, 0 };
static const struct target host = { AF_UNIX, SOCK_STREAM, 8, host_path, 0 };

static int unix_listener(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(a.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) || chmod(path, 0777) || listen(fd, 8))
		return -1;
	return fd;
}

/* Somebody else of the run listens. */
static pid_t serving;

static long in_serve(long arg)
{
	int ready[2];
	char c = 1;

	(void)arg;
	if (pipe(ready))
		return -errno;
	serving = fork();
	if (serving == 0) {
		long r = in_listen((long)&own);

		if (r < 0 || write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	close(ready[1]);
	c = (char)(read(ready[0], &c, 1) == 1);
	close(ready[0]);
	return c;
}

static long in_serve_no_more(long arg)
{
	(void)arg;
	(void)kill(serving, SIGKILL);
	return waitpid(serving, NULL, 0) == serving;
}

TEST(found_in_another_process)
{
	int listener;

	START_ON_TMPFS(x);
	CHECK_EQ_INT(CALL(in_serve, 0), 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQ_INT(CALL(in_connect, &own), 0);
	CHECK_EQ_INT(CALL(in_serve_no_more, 0), 1);
	(void)unlink(in_path);
	CASE("another one at the same place, right after");
	CHECK_EQ_INT(CALL(in_serve, 0), 1);
	CHECK_EQ_INT(CALL(in_connect, &own), 0);
	CASE("the host's");
	listener = unix_listener(host_path);
	REQUIRE(listener >= 0);
	CHECK_EQ_INT(CALL(in_connect, &host), -EACCES);
	close(listener);
	nbox_end(&x);
	(void)unlink(host_path);
	(void)unlink(in_path);
}

/* In the private /tmp, by a file that has just this number there. 0, or -errno. */
static long in_listen_as(long number)
{
	static const struct target same = { AF_UNIX, SOCK_STREAM, 8, "/tmp/same", 0 };
	struct stat st = { .st_ino = 0 };
	long r = 0;

	while (!r && st.st_ino + 1 < (ino_t)number) {
		int fd = open("/tmp/one", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

		r = fd < 0 || fstat(fd, &st) || unlink("/tmp/one") ? -errno : 0;
		close(fd);
	}
	if (!r)
		r = in_listen((long)&same);
	if (r)
		return r;
	return lstat("/tmp/same", &st) ? -errno : st.st_ino == (ino_t)number ? 0 : -ERANGE;
}

/* Mounted in a mount namespace of our own. */
static void own_tmpfs(const char *at)
{
	REQUIRE(unshare(CLONE_NEWNS) == 0 &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("ward-test", at, "tmpfs", 0, "mode=0777") == 0);
}

/* The kernel lists sockets by their file's number, which is another file's on another file system: the file itself decides. */
TEST(a_number_that_the_host_has_too)
{
	struct stat st;
	int listener = -1;

	if (geteuid() != 0)
		SKIP("as root alone: a tmpfs whose numbers are small, too");
	if (!on_tmpfs())
		SKIP("/dev/shm is not a tmpfs that can be written");
	own_tmpfs(shared);
	START(x);
	/* Beyond what the fresh /tmp inside has used. */
	for (int i = 0; i < 20; i++) {
		listener = unix_listener(host_path);
		REQUIRE(listener >= 0 && stat(host_path, &st) == 0);
		if (i < 19) {
			close(listener);
			(void)unlink(host_path);
		}
	}
	CHECK_EQ_INT(CALL(in_listen_as, (long)st.st_ino), 0);
	CHECK_EQ_INT(CALL(in_connect, &host), -EACCES);
	close(listener);
	nbox_end(&x);
	CHECK_EQ_INT(umount2(shared, MNT_DETACH), 0);
}

#define ALIKE 12

static struct target alike[ALIKE];
static char alike_path[ALIKE][100];

static long in_listen_alike(long arg)
{
	ino_t first = 0;

	(void)arg;
	for (int i = 0; i < ALIKE; i++) {
		struct stat st;

		if (unix_listener(alike_path[i]) < 0 || stat(alike_path[i], &st))
			return -errno;
		first = i ? first : st.st_ino;
		if (st.st_ino != first)
			return -ERANGE;
	}
	return 0;
}

/* Sockets of the run whose files have one number, each in a file system of its own: more than are looked at. They can be refused, and that is all. */
TEST(more_with_one_number_than_are_looked_at)
{
	int reached = 0;
	char dir[100];

	if (geteuid() != 0)
		SKIP("as root alone: many file systems");
	if (!on_tmpfs())
		SKIP("/dev/shm is not a tmpfs that can be written");
	own_tmpfs(shared);
	for (int i = 0; i < ALIKE; i++) {
		(void)snprintf(dir, sizeof(dir), "%s/%d", shared, i);
		REQUIRE(mkdir(dir, 0777) == 0);
		own_tmpfs(dir);
		(void)snprintf(alike_path[i], sizeof(alike_path[i]), "%s/%d/s", shared, i);
		alike[i] = (struct target){ AF_UNIX, SOCK_STREAM, 8, alike_path[i], 0 };
	}
	START(x);
	CHECK_EQ_INT(CALL(in_listen_alike, 0), 0);
	for (int i = 0; i < ALIKE; i++) {
		int r = (int)CALL(in_connect, &alike[i]);

		CHECK(r == 0 || r == -EACCES);
		reached += r == 0;
	}
	CHECK_GE_INT(reached, 8);
	nbox_end(&x);
	for (int i = 0; i < ALIKE; i++) {
		(void)snprintf(dir, sizeof(dir), "%s/%d", shared, i);
		CHECK_EQ_INT(umount2(dir, MNT_DETACH), 0);
	}
	CHECK_EQ_INT(umount2(shared, MNT_DETACH), 0);
}

static int out[2] = { -1, -1 }; /* the inside has it from before */

static long in_give_away(long arg)
{
	char c = 1;

	(void)arg;
	if (in_listen((long)&own) || ward_send_fds(out[1], &c, 1, &server, 1) < 0)
		return -ENOTCONN;
	close(server);
	server = -1;
	return 1;
}

/* Who serves there now is nobody of the run, though the socket was made in its network. */
TEST(what_was_given_to_the_host_is_the_hosts)
{
	int kept[2] = { -1, -1 };
	size_t n = 1;
	char c;

	if (!on_tmpfs())
		SKIP("/dev/shm is not a tmpfs that can be written");
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, out) == 0);
	START(x);
	CHECK_EQ_INT(CALL(in_give_away, 0), 1);
	CHECK_EQ_INT(ward_recv_fds(out[0], &c, 1, kept, &n, 0), 1);
	REQUIRE(kept[0] >= 0);
	CHECK_EQ_INT(CALL(in_connect, &own), -EACCES);
	CASE("one of the run's");
	(void)unlink(in_path);
	CHECK_EQ_INT(CALL(in_serve, 0), 1);
	CHECK_EQ_INT(CALL(in_connect, &own), 0);
	close(kept[0]);
	nbox_end(&x);
	close(out[0]);
	close(out[1]);
	(void)unlink(in_path);
}

/* A listener that is nowhere but in a message on its way, among processes with many descriptors each. */
static long in_hide(long arg)
{
	static int mail[2];
	struct rlimit files = { EACH + 100, EACH + 100 };
	int ready[2];
	char c = 1;

	(void)arg;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (pipe(ready) || socketpair(AF_UNIX, SOCK_STREAM, 0, mail))
		return -errno;
	for (int i = 0; i < HOLDERS; i++)
		if (fork() == 0) {
			for (int k = 0; k < EACH; k++)
				(void)!dup(mail[0]);
			(void)!write(ready[1], &c, 1);
			for (;;)
				(void)pause();
		}
	for (int i = 0; i < HOLDERS; i++)
		if (read(ready[0], &c, 1) != 1)
			return -EIO;
	if (in_listen((long)&own) || ward_send_fds(mail[0], &c, 1, &server, 1) < 0)
		return -ENOTCONN;
	close(server);
	server = -1;
	return 1;
}

static long in_connect_often(long arg)
{
	long refused = 0;

	for (int i = 0; i < CONNECTS; i++)
		refused += in_connect(arg) == -EACCES;
	return refused;
}

/* Of this process, in which the broker's thread is: the box is others. */
static double processor_seconds(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(bounded_where_none_holds_it)
{
	double before, used;

	START_ON_TMPFS(x);
	CHECK_EQ_INT(CALL(in_hide, 0), 1);
	before = processor_seconds();
	CHECK_EQ_INT(CALL(in_connect_often, &own), CONNECTS);
	used = processor_seconds() - before;
	printf("# %d connects: %.3f s\n", CONNECTS, used);
	CHECK(used < 0.6);
	nbox_end(&x);
	(void)unlink(in_path);
}

TEST(tidy)
{
	CHECK(shared_gone());
}

TAP_MAIN();
