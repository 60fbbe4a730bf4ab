/* SPDX-License-Identifier: Apache-2.0 */
/* What a start asks of the host (src/confine/native/probe.c), as the caller's process feels it. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/native/native.h"
#include "os/os.h"
#include "tap.h"

#define PAGES 4096
#define NO_USERNS 77

static bool put(const char *path, const char *text)
{
	WARD_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static long faults(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_minflt : -1;
}

/* As user 1000 of a namespace that has some ids only. 0: it was told right, and nothing was copied. */
static int in_a_part(bool root)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ward_host h;
	char map[64], *much;
	long before;

	snprintf(map, sizeof(map), "1000 %u 1\n", (unsigned)geteuid());
	if (unshare(CLONE_NEWUSER) < 0 || !put("/proc/self/uid_map", map))
		return NO_USERNS;
	much = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (much == MAP_FAILED)
		return 2;
	(void)madvise(much, PAGES * page, MADV_NOHUGEPAGE);
	memset(much, 1, PAGES * page);
	if (ward_host_facts(&h, NULL) < 0 || h.uid != 1000)
		return 3;
	if (h.host_root != root)
		return 4;
	/* After a copy, each page would be asked for when it is written to. */
	before = faults();
	memset(much, 2, PAGES * page);
	return faults() - before < PAGES / 2 ? 0 : 5;
}

TEST(a_start_copies_nothing_of_the_callers_memory)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_a_part(geteuid() == 0));
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_USERNS)
		SKIP("no user namespace can be made here");
	CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

TAP_MAIN();
