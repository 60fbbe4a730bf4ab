/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run ward and let one system call of it, or of its helpers, fail; never one of the command. The kernel stops for us
 * whoever is about to make a call (a seccomp filter that says TRACE), and the n-th one is skipped and answered with an
 * error; or whoever makes it is killed there. Nothing else is changed, so that all the other calls are real.
 *
 *   inject REPORT CALL N ERRNO PROGRAM...    CALL: a number, or -1: any; N 0: only count; ERRNO 0: kill -9
 *
 * REPORT gets a line "CALL COUNT" for each call that was made, and "hit CALL WHO" for the one that failed. The result is
 * that of PROGRAM, 99 if something of it is still alive two seconds after its end.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS 512
#define TASKS 4096
#define LATE_S 60

enum who { WHO_GONE = 0, WHO_WARD, WHO_HELPER, WHO_COMMAND };
static const char *const who_names[] = { "gone", "ward", "helper", "command" };

static struct {
	pid_t pid;
	enum who who;
} tasks[TASKS];
static unsigned long counts[CALLS];
static long call, n_th, error, seen;
static bool is_ward; /* the program is executed: from then on calls are its own */
static long hit_call = -1;
static enum who hit_who;

static void die(const char *what)
{
	perror(what);
	exit(98);
}

static enum who *who_of(pid_t pid)
{
	size_t free_at = TASKS;

	for (size_t i = 0; i < TASKS; i++) {
		if (tasks[i].who && tasks[i].pid == pid)
			return &tasks[i].who;
		if (!tasks[i].who && free_at == TASKS)
			free_at = i;
	}
	if (free_at == TASKS) {
		fprintf(stderr, "inject: too many processes\n");
		exit(98);
	}
	tasks[free_at].pid = pid;
	tasks[free_at].who = WHO_HELPER;
	return &tasks[free_at].who;
}

/* What cannot fail, or what nobody could answer for: it would be another test. */
static bool is_spared(long nr)
{
	static const long spared[] = { SYS_exit, SYS_exit_group, SYS_rt_sigreturn,
		SYS_restart_syscall, SYS_getpid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid,
		SYS_getegid, SYS_sched_yield, SYS_munmap, SYS_set_tid_address, SYS_arch_prctl,
		SYS_brk, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_umask, SYS_getppid, SYS_wait4,
		SYS_futex, SYS_close };

	for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++) {
		if (spared[i] == nr)
			return true;
	}
	return false;
}

static void child(char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, call < 0 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		die("traceme");
	raise(SIGSTOP);
	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("no_new_privs");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		die("seccomp");
	execv(argv[0], argv);
	die(argv[0]);
}

/* To wake somebody cannot fail: the counter of an eventfd does not overflow. */
static bool is_wake(pid_t pid, long nr, unsigned long fd)
{
	char path[64], to[64] = "";
	ssize_t n;

	if (nr != SYS_write)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%lu", (int)pid, fd);
	n = readlink(path, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = '\0';
	return strcmp(to, "anon_inode:[eventfd]") == 0;
}

static void at_call(pid_t pid)
{
	struct user_regs_struct r;
	enum who who = *who_of(pid);
	long nr;

	if (who == WHO_COMMAND || !is_ward || ptrace(PTRACE_GETREGS, pid, NULL, &r) < 0)
		return;
	nr = (long)r.orig_rax;
	if (nr < 0 || nr >= CALLS || is_spared(nr) || is_wake(pid, nr, r.rdi))
		return;
	counts[nr]++;
	if (hit_call >= 0 || (call >= 0 && nr != call) || ++seen != n_th)
		return;
	hit_call = nr;
	hit_who = who;
	if (!error) {
		kill(pid, SIGKILL);
		return;
	}
	r.orig_rax = (unsigned long)-1;
	r.rax = (unsigned long)-error;
	(void)ptrace(PTRACE_SETREGS, pid, NULL, &r);
}

/* The helper is executed from memory; what is executed from a file afterwards is the command. */
static void at_exec(pid_t pid, pid_t root)
{
	char path[64], exe[64] = "";
	ssize_t n;

	if (pid == root && !is_ward) {
		is_ward = true;
		*who_of(pid) = WHO_WARD;
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	*who_of(pid) = strncmp(exe, "/memfd:", 7) == 0 ? WHO_HELPER : WHO_COMMAND;
}

static void at_birth(pid_t parent)
{
	unsigned long born = 0;

	/* A thread of ward is ward; a child of the command is a command. */
	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &born) == 0 && born)
		*who_of((pid_t)born) = *who_of(parent) == WHO_WARD ? WHO_HELPER : *who_of(parent);
}

static bool is_late(const struct timespec *since, time_t seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - since->tv_sec > seconds;
}

static int stopped(pid_t pid, int status, pid_t root, bool *started)
{
	int sig = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_SECCOMP: at_call(pid); return 0;
	case PTRACE_EVENT_EXEC: at_exec(pid, root); return 0;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK: at_birth(pid); return 0;
	case 0: break;
	default: return 0;
	}
	if (sig == SIGSTOP && pid == root && !*started) {
		*started = true;
		if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
			    PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE |
				    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL) <
			0)
			die("options");
		return 0;
	}
	/* The first stop of whoever is born. */
	if (sig == SIGSTOP) {
		(void)who_of(pid);
		return 0;
	}
	return sig;
}

static void on_tick(int sig)
{
	(void)sig;
}

/* The result of root; -1: it, or something that it has left, does not end. */
static int follow(pid_t root)
{
	const struct itimerval tick = { { 0, 200000 }, { 0, 200000 } };
	const struct sigaction wake = { .sa_handler = on_tick }; /* no SA_RESTART: it ends a wait */
	struct timespec begin, end = { 0 };
	int result = -1, status;
	bool started = false;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (sigaction(SIGALRM, &wake, NULL) < 0 || setitimer(ITIMER_REAL, &tick, NULL) < 0)
		die("timer");
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);

		if (is_late(&begin, LATE_S) || (end.tv_sec && is_late(&end, 2)))
			return -1;
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return result;
		if (!WIFSTOPPED(status)) {
			*who_of(pid) = WHO_GONE;
			if (pid == root) {
				result = WIFEXITED(status) ? WEXITSTATUS(status)
							   : 128 + WTERMSIG(status);
				clock_gettime(CLOCK_MONOTONIC, &end);
			}
			continue;
		}
		(void)ptrace(PTRACE_CONT, pid, NULL,
			(void *)(long)stopped(pid, status, root, &started));
	}
}

int main(int argc, char **argv)
{
	FILE *report;
	pid_t root;
	int result;

	if (argc < 6)
		return 98;
	report = fopen(argv[1], "we");
	call = strtol(argv[2], NULL, 10);
	n_th = strtol(argv[3], NULL, 10);
	error = strtol(argv[4], NULL, 10);
	root = report ? fork() : -1;
	if (root == 0)
		child(argv + 5);
	if (root < 0)
		die("inject");
	result = follow(root);
	for (long i = 0; i < CALLS; i++) {
		if (counts[i])
			fprintf(report, "%ld %lu\n", i, counts[i]);
	}
	if (hit_call >= 0)
		fprintf(report, "hit %ld %s\n", hit_call, who_names[hit_who]);
	return fclose(report) == 0 && result >= 0 ? result : 99;
}
