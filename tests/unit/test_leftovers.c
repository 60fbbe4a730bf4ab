/* SPDX-License-Identifier: Apache-2.0 */
/* What looking at the host, and making a network, leaves in the process that does it: no descriptor. A library lives long. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"
#include "confine/native/cage.h"
#include "confine/native/net/net.h"
#include "entries.h"
#include "tap.h"

TEST(a_look_at_the_host)
{
	struct ward_host host;
	struct ward_error err = WARD_ERROR_INIT;
	unsigned before;

	REQUIRE(ward_host_probe(&host, &err) ==
		WARD_OK); /* what stays for the whole process is there now */
	before = entries("/proc/self/fd");
	for (int i = 0; i < 3; i++) {
		CHECK_EQ_INT(ward_host_probe(&host, &err), WARD_OK);
		CHECK_EQ_INT(entries("/proc/self/fd"), before);
	}
}

/* A host that hands namespaces out and then no right in them: what tells is that ward-init can be executed without. */
TEST(a_try_without_namespaces)
{
	const char *const argv[] = { "not executable", NULL };
	struct ward_spawn what = { .exe_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC),
		.argv = argv,
		.cgroup = -1 };
	struct ward_error err = WARD_ERROR_INIT;
	unsigned before = 0;

	REQUIRE(what.exe_fd >= 0);
	for (int i = 0; i < 3; i++) {
		struct ward_host host = { .userns = true };
		struct ward_spawned c;

		REQUIRE(ward_spawn(&what, &c) == 0);
		CHECK_EQ_INT(ward_spawn_error(&c), EACCES);
		CHECK_EQ_INT(ward_native_exec_failed(&c, &host, &err), WARD_E_UNSUPPORTED);
		CHECK(!host.userns);
		CHECK_EQ_INT(host.lack, WARD_USERNS_NO_RIGHTS);
		(void)ward_pidfd_wait(c.pidfd, NULL, NULL, false);
		ward_spawn_done(&c);
		close(c.pidfd);
		if (!i)
			before = entries("/proc/self/fd");
		CHECK_EQ_INT(entries("/proc/self/fd"), before);
	}
	close(what.exe_fd);
}

/* ---- a network: in a process with one of its own ---- */

#define NO_NETWORK 77

/* 0, NO_NETWORK, or what fn said. */
static int in_own_network(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
		int fd = unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0
			? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
			: -1;

		if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
			_exit(NO_NETWORK);
		close(fd);
		_exit(fn());
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* By redirects, which no nf_tables is needed for. */
static int make(void)
{
	int sockets[WARD_CAPTURE_SOCKETS];
	unsigned before = entries("/proc/self/fd"), made = 0;
	const char *step = "";

	if (ward_capture_make(true, sockets, &step) < 0 || ward_capture_names(sockets, &step) < 0 ||
		ward_capture_prove(true, sockets, &step) < 0)
		return 1;
	for (int i = 0; i < WARD_CAPTURE_SOCKETS; i++)
		made += sockets[i] >= 0;
	if (entries("/proc/self/fd") != before + made)
		return 2;
	return made >= 2 ? 0 : 3;
}

TEST(a_network_that_captures)
{
	int r = in_own_network(make);

	if (r == NO_NETWORK)
		SKIP("no network namespace can be made");
	CHECK_EQ_INT(r, 0);
}

/* The first socket is descriptor 0, and there is no room for another. */
static int too_few(void)
{
	struct rlimit files = { 3, 3 };
	int sockets[WARD_CAPTURE_SOCKETS];
	const char *step = "";

	close(0);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return 1;
	if (ward_capture_make(true, sockets, &step) != -EMFILE)
		return 2;
	for (int i = 0; i < WARD_CAPTURE_SOCKETS; i++)
		if (sockets[i] != -1)
			return 3;
	return fcntl(0, F_GETFD) < 0 ? 0 : 4;
}

TEST(half_a_network_is_none)
{
	int r = in_own_network(too_few);

	if (r == NO_NETWORK)
		SKIP("no network namespace can be made");
	CHECK_EQ_INT(r, 0);
}

TAP_MAIN();
