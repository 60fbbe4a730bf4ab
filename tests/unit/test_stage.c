/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A step of a start that fails: is it the host, which is then planned for without what it lacks, or is it this start, which is refused?
 * Nothing that a plan was made with is given up for an error that says nothing of the host. And how long a start is waited for.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/native/cage.h"
#include "tap.h"

static const struct ward_host all = {
	.userns = true, .fuse = true, .seccomp_notify = true, .nft = true, .landlock_abi = 6
};

/* What the host has, afterwards. */
static struct ward_host after(enum ward_stage stage, int e, const struct ward_host *before,
	int want)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_host host = *before;

	CHECK_EQ_INT(ward_native_stage_failed(stage, e, NULL, &host, &err), want);
	CHECK_EQ_INT(err.code, want);
	CHECK(err.message[0] && err.fix[0]);
	return host;
}

static bool same(const struct ward_host *a, const struct ward_host *b)
{
	return a->userns == b->userns && a->fuse == b->fuse &&
		a->seccomp_notify == b->seccomp_notify && a->nft == b->nft && a->lack == b->lack &&
		a->landlock_abi == b->landlock_abi;
}

TEST(a_listener_that_another_filter_has_is_the_hosts_lack)
{
	static const int lacks[] = { EBUSY, EPERM, EACCES };
	static const int others[] = { EINVAL, ENOSYS, EFAULT, EIO, ESRCH, EAGAIN, ENOMEM, 0 };
	struct ward_host none = all, h;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(lacks); i++) {
		h = after(WARD_STAGE_SECCOMP, lacks[i], &all, WARD_E_UNSUPPORTED);
		CHECK(!h.seccomp_notify);
		h.seccomp_notify = true;
		CHECK(same(&h, &all));
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(others); i++) {
		h = after(WARD_STAGE_SECCOMP, others[i], &all, WARD_E_SPAWN);
		CHECK(same(&h, &all));
	}
	/* A plan without it has nothing to give up. */
	none.seccomp_notify = false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(lacks); i++) {
		h = after(WARD_STAGE_SECCOMP, lacks[i], &none, WARD_E_SPAWN);
		CHECK(same(&h, &none));
	}
}

TEST(namespaces_fuse_and_nf_tables_are_the_hosts)
{
	struct ward_host h = after(WARD_STAGE_CLONE, EPERM, &all, WARD_E_UNSUPPORTED);

	CHECK(!h.userns && h.lack == WARD_USERNS_DENIED);
	h = after(WARD_STAGE_RIGHTS, EPERM, &all, WARD_E_UNSUPPORTED);
	CHECK(!h.userns && h.lack == WARD_USERNS_NO_RIGHTS);
	h = after(WARD_STAGE_PROC, EPERM, &all, WARD_E_UNSUPPORTED);
	CHECK(!h.userns && h.lack == WARD_USERNS_PROC_COVERED);
	h = after(WARD_STAGE_FUSE, EPERM, &all, WARD_E_UNSUPPORTED);
	CHECK(!h.fuse && h.userns);
	h = after(WARD_STAGE_EGRESS, EPROTONOSUPPORT, &all, WARD_E_UNSUPPORTED);
	CHECK(!h.nft && h.userns);
	/* It is there, and does not do what it should. */
	h = after(WARD_STAGE_EGRESS, ENODATA, &all, WARD_E_SPAWN);
	CHECK(same(&h, &all));
}

/* The ABI is told to anybody; a filter around ward may refuse what follows. */
TEST(landlock_that_a_filter_refuses_is_none)
{
	static const int lacks[] = { EPERM, ENOSYS };
	static const int others[] = { EINVAL, E2BIG, EBADFD, ENOMEM, 0 };
	struct ward_host none = all, h;

	none.landlock_abi = 0;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(lacks); i++) {
		h = after(WARD_STAGE_LANDLOCK, lacks[i], &all, WARD_E_UNSUPPORTED);
		CHECK(same(&h, &none));
		h = after(WARD_STAGE_LANDLOCK, lacks[i], &none, WARD_E_SPAWN);
		CHECK(same(&h, &none));
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(others); i++) {
		h = after(WARD_STAGE_LANDLOCK, others[i], &all, WARD_E_SPAWN);
		CHECK(same(&h, &all));
	}
}

TEST(what_comes_and_goes_or_is_no_part_of_a_host_is_not)
{
	static const int passing[] = { EAGAIN, ENOMEM, EMFILE, ENFILE };
	static const enum ward_stage could[] = { WARD_STAGE_CLONE, WARD_STAGE_RIGHTS,
		WARD_STAGE_PROC, WARD_STAGE_FUSE, WARD_STAGE_EGRESS, WARD_STAGE_SECCOMP };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_host h;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(could); i++) {
		for (size_t k = 0; k < WARD_ARRAY_SIZE(passing); k++) {
			h = after(could[i], passing[k], &all, WARD_E_SPAWN);
			CHECK(same(&h, &all));
		}
	}
	h = after(WARD_STAGE_IDS, EPERM, &all, WARD_E_SPAWN);
	CHECK(same(&h, &all));
	CHECK_EQ_INT(ward_native_stage_failed(WARD_STAGE_CLONE, EPERM, NULL, NULL, &err),
		WARD_E_SPAWN);
}

/* Limits that other runs have a part in: neither the host's lack, nor the path's fault. */
TEST(what_many_runs_share_is_named)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_host h = all;

	CHECK_EQ_INT(ward_native_stage_failed(WARD_STAGE_SOURCE, ENOSPC, "/usr", &h, &err),
		WARD_E_SPAWN);
	CHECK_STR_CONTAINS(err.fix, "user.max_mnt_namespaces");
	CHECK_EQ_INT(ward_native_stage_failed(WARD_STAGE_MOUNT, ETOOMANYREFS, NULL, &h, &err),
		WARD_E_SPAWN);
	CHECK_STR_CONTAINS(err.fix, "ulimit -n");
	CHECK(same(&h, &all));
}

TEST(what_is_left_of_a_start_is_rounded_up)
{
	const uint64_t s30 = 30ull * 1000000000;

	CHECK_EQ_INT(ward_native_left_ms(0, s30), 30000);
	CHECK_EQ_INT(ward_native_left_ms(7, s30 + 7), 30000);
	CHECK_EQ_INT(ward_native_left_ms(s30 - 1000001, s30), 2);
	CHECK_EQ_INT(ward_native_left_ms(s30 - 1000000, s30), 1);
	CHECK_EQ_INT(ward_native_left_ms(s30 - 1, s30), 1);
	CHECK_EQ_INT(ward_native_left_ms(s30, s30), 0);
	CHECK_EQ_INT(ward_native_left_ms(s30 + 1, s30), 0);
	CHECK_EQ_INT(ward_native_left_ms(UINT64_MAX, s30), 0);
}

/* 0, 77: no namespaces here. A filter lets all be made and mounted, but for one call. */
static int look_without(unsigned nr, bool needed)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { .len = WARD_ARRAY_SIZE(rules), .filter = rules };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_host h;

	if (ward_host_probe(&h, &err) < 0 || !h.userns)
		return 77;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		return 1;
	if (ward_host_probe(&h, &err) < 0)
		return 2;
	return needed ? (!h.userns && h.lack == WARD_USERNS_NO_RIGHTS ? 0 : 3) : h.userns ? 0 : 4;
}

TEST(a_plan_is_made_without_namespaces_in_which_a_start_would_be_refused_one_call)
{
	/* Nothing hangs on the name of the host (podman's own filter; ProtectHostname= of a systemd unit). */
	static const unsigned calls[] = { SYS_pivot_root, SYS_sethostname };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			_exit(look_without(calls[i], calls[i] == SYS_pivot_root));
		REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			SKIP("no user namespaces");
		CHECK_EQ_INT(WEXITSTATUS(status), 0);
	}
}

TAP_MAIN();
