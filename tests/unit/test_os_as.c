/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that acts as another user for a moment (src/os/as.c): whom the kernel takes it for, and that all is as before when it is back. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"

#define OTHER 64646
#define ROUNDS 2000

static uint64_t effective(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	REQUIRE(syscall(SYS_capget, &h, d) == 0);
	return (uint64_t)d[1].effective << 32 | d[0].effective;
}

TEST(it_has_the_right_to_files_and_no_other)
{
	struct ward_thread_was w;
	uint64_t had = effective();
	char path[] = "/tmp/ward-as-XXXXXX";
	int fd = mkstemp(path);

	REQUIRE(fd >= 0 && fchmod(fd, 0600) == 0);
	ward_close(fd);
	if (geteuid() != 0) {
		/* Nobody else may. */
		CHECK(ward_thread_as(&w, OTHER, OTHER) < 0);
	} else {
		REQUIRE(ward_thread_as(&w, OTHER, OTHER) == 0);
		CHECK(geteuid() == OTHER && getegid() == OTHER && getuid() == 0);
		CHECK(effective() == (had & 1u << CAP_DAC_OVERRIDE));
		fd = open(path, O_RDWR | O_CLOEXEC);
		CHECK(fd >= 0 || !(had & 1u << CAP_DAC_OVERRIDE));
		ward_close(fd);
		CHECK(chown(path, OTHER, OTHER) < 0);
		ward_thread_as_before(&w);
	}
	CHECK(geteuid() == getuid() && getegid() == getgid());
	CHECK(effective() == had);
	REQUIRE(unlink(path) == 0);
}

/* What the thread itself had given up does not come back to it by the change of ids. */
static void *without_chown(void *arg)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	struct ward_thread_was w;
	uint64_t had;

	(void)arg;
	REQUIRE(syscall(SYS_capget, &h, d) == 0);
	d[0].effective &= ~(1u << CAP_CHOWN);
	REQUIRE(syscall(SYS_capset, &h, d) == 0);
	had = effective();
	if (ward_thread_as(&w, OTHER, OTHER) == 0)
		ward_thread_as_before(&w);
	CHECK(effective() == had);
	return NULL;
}

static void *again_and_again(void *arg)
{
	struct ward_thread_was w;

	for (int i = 0; i < ROUNDS; i++)
		if (ward_thread_as(&w, OTHER, OTHER) == 0)
			ward_thread_as_before(&w);
	atomic_fetch_add((atomic_int *)arg, 1);
	return NULL;
}

TEST(what_was_given_up_stays_given_up)
{
	pthread_t t;

	REQUIRE(pthread_create(&t, NULL, without_chown, NULL) == 0 && pthread_join(t, NULL) == 0);
}

TEST(the_process_can_be_looked_into_as_before)
{
	atomic_int over = 0;
	pthread_t t[2];
	int status, bad = 0;

	REQUIRE(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	for (int i = 0; i < 2; i++)
		REQUIRE(pthread_create(&t[i], NULL, again_and_again, &over) == 0);
	/* And so can each child of it, and the child's own turns end as well. */
	while (atomic_load(&over) < 2) {
		pid_t pid = fork();

		if (pid == 0) {
			struct ward_thread_was w;
			bool was = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;

			if (ward_thread_as(&w, OTHER, OTHER) == 0)
				ward_thread_as_before(&w);
			_exit(was && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : 1);
		}
		REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
		bad += status != 0;
	}
	for (int i = 0; i < 2; i++)
		REQUIRE(pthread_join(t[i], NULL) == 0);
	CHECK_EQ_INT(bad, 0);
	CHECK_EQ_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
}

TEST(what_could_not_be_done_changed_nothing)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2], less[2];
	struct ward_thread_was w;

	REQUIRE(syscall(SYS_capget, &h, d) == 0);
	memcpy(less, d, sizeof(d));
	/* The group is changed by then. */
	less[0].effective &= ~(1u << CAP_SETUID);
	REQUIRE(syscall(SYS_capset, &h, less) == 0 && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	CHECK_EQ_INT(ward_thread_as(&w, OTHER, OTHER), -EPERM);
	CHECK(geteuid() == getuid() && getegid() == getgid());
	CHECK_EQ_INT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	REQUIRE(syscall(SYS_capset, &h, d) == 0);
}

/* In a child, with all rights to change ids: 0, or what is wrong, by a number. */
static int from(const uid_t ids[3], bool of_groups, int want)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	struct ward_thread_was w;
	uid_t was[3], now[3];
	int r;

	if (syscall(SYS_capget, &h, d) < 0 ||
		syscall(of_groups ? SYS_setresgid : SYS_setresuid, ids[0], ids[1], ids[2]) < 0 ||
		syscall(SYS_capset, &h, d) < 0)
		return 1;
	r = ward_thread_as(&w, OTHER + 1, OTHER + 1);
	if (r != want)
		return 2;
	if (r == 0)
		ward_thread_as_before(&w);
	if ((of_groups ? getresgid(&was[0], &was[1], &was[2])
		       : getresuid(&was[0], &was[1], &was[2])) < 0 ||
		memcmp(was, ids, sizeof(was)) != 0)
		return 3;
	return (of_groups ? getresuid(&now[0], &now[1], &now[2])
			  : getresgid(&now[0], &now[1], &now[2])) < 0 ||
			now[0] != now[1] || now[1] != now[2]
		? 4
		: 0;
}

/* Ids that are neither the real nor the saved ones nobody without rights gets again. */
TEST(who_could_not_come_back_does_not_go)
{
	static const struct {
		uid_t ids[3];
		int want;
	} whos[] = { { { 0, OTHER, 0 }, -EPERM }, { { 0, 0, OTHER }, 0 }, { { OTHER, 0, 0 }, 0 } };

	struct ward_thread_was w;

	CHECK(geteuid() == 0 || ward_thread_as(&w, OTHER, OTHER) < 0);
	for (int of_groups = 0; of_groups < 2 && geteuid() == 0; of_groups++) {
		TABLE(row, whos) {
			int status;
			pid_t pid = fork();

			if (pid == 0)
				_exit(from(row->ids, of_groups, row->want));
			CASE("%s, row %zu", of_groups ? "groups" : "users", (size_t)(row - whos));
			REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
			CHECK_EQ_INT(status, 0);
		}
	}
}

TAP_MAIN();
