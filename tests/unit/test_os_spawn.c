/* SPDX-License-Identifier: Apache-2.0 */
/* os/spawn: what is executed, what is told when it is not, and what is left. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"

static int shell(void)
{
	return open("/bin/sh", O_RDONLY | O_CLOEXEC);
}

/* Exit code of sh -c SCRIPT with out as its descriptor 1; -1: not executed. */
static int run(const char *script, int out, bool hold, unsigned long namespaces,
	struct ward_spawned *c)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const int fds[] = { out, out };
	struct ward_spawn what = { .exe_fd = shell(),
		.argv = argv,
		.fds = fds,
		.n_fds = 2,
		.namespaces = namespaces,
		.cgroup = -1,
		.hold = hold };
	int code = 0, status = -1, r = ward_spawn(&what, c);

	close(what.exe_fd);
	if (r < 0)
		return r;
	if (hold)
		return 0;
	CHECK_EQ_INT(ward_pidfd_wait(c->pidfd, &code, &status, false), 0);
	CHECK_EQ_INT(code, CLD_EXITED);
	ward_spawn_done(c);
	ward_spawn_done(c);
	close(c->pidfd);
	return status;
}

TEST(executes)
{
	struct ward_spawned c;
	int p[2];
	char got[16] = "";

	CHECK(pipe2(p, O_CLOEXEC) == 0);
	CHECK_EQ_INT(run("echo hello; exit 7", p[1], false, 0, &c), 7);
	CHECK_EQ_INT(read(p[0], got, sizeof(got) - 1), 6);
	CHECK_STR_EQ(got, "hello\n");
	close(p[0]);
	close(p[1]);
}

TEST(errno_of_ours_is_left_alone)
{
	const char *const argv[] = { "x", NULL };
	const int fds[] = { 999 };
	struct ward_spawn what = {
		.exe_fd = shell(), .argv = argv, .fds = fds, .n_fds = 1, .cgroup = -1, .hold = true
	};
	struct ward_spawned c;
	int code = 0, status = 0;

	CHECK_EQ_INT(ward_spawn(&what, &c), 0);
	ward_spawn_go(&c);
	/* What fails in the child now, in our memory, is no error of ours. */
	errno = 4711;
	(void)nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	CHECK_EQ_INT(errno, 4711);
	CHECK_EQ_INT(ward_spawn_error(&c), EBADF);
	CHECK_EQ_INT(ward_pidfd_wait(c.pidfd, &code, &status, false), 0);
	CHECK_EQ_INT(status, 127);
	ward_spawn_done(&c);
	CHECK_EQ_INT(ward_spawn_error(&c), 0);
	close(c.pidfd);
	close(what.exe_fd);
}

TEST(what_cannot_be_executed_says_so)
{
	const char *const argv[] = { "x", NULL };
	struct ward_spawn what = {
		.exe_fd = ward_memfd_exec("noise", "\1noise", 6), .argv = argv, .cgroup = -1
	};
	struct ward_spawned c;

	CHECK_EQ_INT(ward_spawn(&what, &c), 0);
	CHECK_EQ_INT(ward_spawn_error(&c), ENOEXEC);
	CHECK_EQ_INT(ward_pidfd_wait(c.pidfd, NULL, NULL, false), 0);
	ward_spawn_done(&c);
	close(c.pidfd);
	close(what.exe_fd);
}

/* Nothing is executed before the word, unless it does not come at all. */
TEST(held)
{
	struct ward_spawned c;
	char path[64], exe[256] = "";
	ssize_t n;

	CHECK_EQ_INT(run("exec sleep 100", 2, true, 0, &c), 0);
	(void)snprintf(path, sizeof(path), "/proc/%ld/exe", (long)c.pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	CHECK(n > 0 && strstr(exe, "test_os_spawn"));
	ward_spawn_go(&c);
	ward_spawn_go(&c);
	CHECK_EQ_INT(ward_spawn_error(&c), 0);
	memset(exe, 0, sizeof(exe));
	n = readlink(path, exe, sizeof(exe) - 1);
	CHECK(n > 0 && !strstr(exe, "test_os_spawn"));
	CHECK_EQ_INT(ward_pidfd_signal(c.pidfd, SIGKILL), 0);
	CHECK_EQ_INT(ward_pidfd_wait(c.pidfd, NULL, NULL, false), 0);
	ward_spawn_done(&c);
	close(c.pidfd);
}

TEST(held_not_for_ever)
{
	struct ward_spawned c;
	int status = -1;

	CHECK_EQ_INT(run("exit 3", 2, true, 0, &c), 0);
	CHECK_EQ_INT(ward_pidfd_wait(c.pidfd, NULL, &status, false), 0);
	CHECK_EQ_INT(status, 3);
	ward_spawn_done(&c);
	close(c.pidfd);
}

TEST(bounds)
{
	const char *argv[WARD_SPAWN_ARGS_MAX + 2] = { NULL };
	struct ward_spawn what = {
		.exe_fd = -1, .argv = argv, .n_fds = WARD_SPAWN_FDS_MAX + 1, .cgroup = -1
	};
	struct ward_spawned c;

	CHECK_EQ_INT(ward_spawn(&what, &c), -E2BIG);
	what.n_fds = 0;
	for (int i = 0; i <= WARD_SPAWN_ARGS_MAX; i++)
		argv[i] = "a";
	CHECK_EQ_INT(ward_spawn(&what, &c), -E2BIG);
	CHECK_EQ_INT(c.pidfd, -1);
	ward_spawn_done(&c);
}

/* Those capabilities of a new user namespace that somebody needs, and they alone, outlive the exec, which would take them from an id that is not mapped. */
TEST(namespaces_with_capabilities)
{
	struct ward_spawned c;
	int r = run(
		"while read -r a b; do case $a in CapPrm:|CapEff:|CapAmb:) [ $b = 0000000089acb5ff ] || exit 6;; esac; done </proc/self/status; exit 5",
		2, false, CLONE_NEWUSER, &c);

	if (r == -EPERM || r == -ENOSPC)
		SKIP("no user namespaces");
	CHECK_EQ_INT(r, 5);
}

TEST(a_map_carrier)
{
	struct ward_userns u;
	char map[64];
	int r;

	(void)snprintf(map, sizeof(map), "%u %u 1\n", geteuid(), geteuid());
	r = ward_userns_new(map, "nonsense\n", &u);
	if (r == -EPERM || r == -ENOSPC)
		SKIP("no user namespaces");
	CHECK_EQ_INT(r, -EINVAL);
	CHECK_EQ_INT(u.fd, -1);
	CHECK_EQ_INT(u.carrier, -1);
	CHECK(waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD);
	/* Another's group may be mapped by root alone. */
	if (geteuid() != 0) {
		CHECK_EQ_INT(ward_userns_new(map, map, &u), -EPERM);
		CHECK_EQ_INT(u.fd, -1);
		return;
	}
	CHECK_EQ_INT(ward_userns_new(map, map, &u), 0);
	CHECK(u.fd >= 0);
	ward_userns_done(&u);
	ward_userns_done(&u);
	CHECK_EQ_INT(u.fd, -1);
	CHECK(waitpid(-1, NULL, WNOHANG | __WALL) < 0 && errno == ECHILD);
}

TAP_MAIN();
