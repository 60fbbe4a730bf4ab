/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock-abi N COMMAND...: runs it, and whatever it starts, on a kernel whose Landlock has ABI N: the question for the version is
 * answered with N, and a ruleset that only a newer kernel takes is refused as that kernel would (by its size; by its rights where
 * they can be read), as flags of landlock_restrict_self are before ABI 7. Everything else stays as it is here. A tracer, since a
 * filter cannot answer with a number that is no error; only these two calls stop for it. Exits as the command does; 77: not on this machine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_create_ruleset 444
#define NR_restrict_self 446
#define VERSION 1u
#define EVENT_STOP 128

#ifdef __x86_64__

/* Bytes of the attributes and rights of a file system, by ABI. */
static const struct {
	unsigned long size;
	uint64_t fs;
} abis[] = {
	{ 0, 0 },
	{ 8, (1u << 13) - 1 },
	{ 8, (1u << 14) - 1 },
	{ 8, (1u << 15) - 1 },
	{ 16, (1u << 15) - 1 },
	{ 16, (1u << 16) - 1 },
	{ 24, (1u << 16) - 1 },
	{ 24, (1u << 16) - 1 },
};

/* What that kernel would answer; 1: what this one does. */
static long answer(pid_t pid, const struct user_regs_struct *r, int abi)
{
	uint64_t fs = 0;
	struct iovec to = { &fs, sizeof(fs) }, from = { (void *)r->rdi, sizeof(fs) };

	if (r->orig_rax == NR_restrict_self)
		return r->rsi && abi < 7 ? -EINVAL : 0;
	if (r->rdx == VERSION)
		return r->rdi || r->rsi ? -EINVAL : abi;
	if (r->rdx)
		return -EINVAL;
	if (r->rsi > abis[abi].size)
		return -E2BIG;
	if (process_vm_readv(pid, &to, 1, &from, 1, 0) == (ssize_t)sizeof(fs) &&
		(fs & ~abis[abi].fs))
		return -EINVAL;
	return 0;
}

static void asked(pid_t pid, int abi)
{
	struct user_regs_struct r;
	long a;

	if (ptrace(PTRACE_GETREGS, pid, 0, &r) < 0)
		return;
	a = answer(pid, &r, abi);
	if (!a)
		return;
	r.orig_rax = (unsigned long long)-1;
	r.rax = (unsigned long long)a;
	ptrace(PTRACE_SETREGS, pid, 0, &r);
}

static void command(char **argv, int go)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_create_ruleset, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_restrict_self, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 5, .filter = code };
	char c;

	if (read(go, &c, 1) != 1 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		_exit(77);
	close(go);
	execvp(argv[0], argv);
	_exit(127);
}

static int follow(pid_t child, int abi)
{
	int status, end = 77;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int sig = WSTOPSIG(status), event = status >> 16;

		if (!WIFSTOPPED(status)) {
			if (pid != child)
				continue;
			end = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
			break;
		}
		if (event == PTRACE_EVENT_SECCOMP)
			asked(pid, abi);
		if (event == EVENT_STOP && sig != SIGTRAP)
			ptrace(PTRACE_LISTEN, pid, 0, 0);
		else
			ptrace(PTRACE_CONT, pid, 0, event ? 0 : sig);
	}
	return end;
}

int main(int argc, char **argv)
{
	int abi = argc > 2 ? atoi(argv[1]) : 0, go[2];
	pid_t pid;

	if (abi < 1 || abi >= (int)(sizeof(abis) / sizeof(*abis)) || pipe(go) < 0)
		return 77;
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		command(argv + 2, go[0]);
	}
	close(go[0]);
	if (pid < 0 ||
		ptrace(PTRACE_SEIZE, pid, 0,
			PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) < 0)
		return 77;
	if (write(go[1], "g", 1) != 1)
		return 77;
	close(go[1]);
	return follow(pid, abi);
}

#else
int main(void)
{
	return 77;
}
#endif
