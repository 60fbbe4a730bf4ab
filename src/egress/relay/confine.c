/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the relay gives up before it reads a byte. Each part would do by itself against most of what a taken-over relay might try; the
 * filter is the one that all rests on: no socket, no connect, no file, no process.
 */
#include "relay.h"

#include "os/missing.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
#define OWN_ARCH AUDIT_ARCH_X86_64
#else
#define OWN_ARCH AUDIT_ARCH_AARCH64
#endif
#define OWN_FDS (16 + WARD_PUBLISH_SOCKETS_MAX) /* that no flow has */
/* What all flows keep at once, in blocks of powers of two, twice for what the heap loses by it; the least of each flow; and all else. */
#define FLOW_BYTES ((rlim_t)16 << 10)
#define OWN_BYTES (((rlim_t)64 << 20) + 4 * (rlim_t)WARD_RELAY_KEPT_MAX)

/* What an argument must be. Descriptors, flags and levels are ints: the kernel looks at their low half alone. */
enum how { ANY = 0, IS, WITHOUT, NONE /* a pointer: NULL */ };
struct check {
	uint8_t arg;
	uint8_t how;
	uint32_t value;
};
/*
 * The calls that remain, the busiest first; several rows for one call: any of them will do.
 *
 * send*: flags are what ours are. MSG_FASTOPEN connects: a dialled socket that the server has reset can be brought to a state in which the
 * kernel takes an address with it, and connects to that one (net/ipv4/af_inet.c, __inet_stream_connect, SS_CONNECTING).
 */
static const struct row {
	int nr;
	struct check check[2];
} rows[] = {
	{ SYS_recvfrom, { { 0 } } },
	{ SYS_sendto, { { 3, IS, RELAY_SEND_FLAGS }, { 4, NONE, 0 } } },
#ifdef SYS_epoll_wait
	{ SYS_epoll_wait, { { 0 } } },
#endif
	{ SYS_epoll_pwait, { { 0 } } },
	{ SYS_epoll_ctl, { { 0 } } },
	{ SYS_clock_gettime, { { 0 } } },
	{ SYS_recvmsg, { { 0 } } },
	{ SYS_sendmsg, { { 2, IS, RELAY_SEND_FLAGS } } },
	{ SYS_accept4, { { 0 } } },
	{ SYS_close, { { 0 } } },
	{ SYS_shutdown, { { 0 } } },
	{ SYS_getsockname, { { 0 } } },
	{ SYS_setsockopt, { { 1, IS, IPPROTO_TCP }, { 2, IS, TCP_NODELAY } } },
	{ SYS_setsockopt, { { 1, IS, SOL_SOCKET }, { 2, IS, SO_LINGER } } },
	/* on which processor it runs itself (os/crowd.h) */
	{ SYS_sched_getaffinity, { { 0, IS, 0 } } },
	{ SYS_sched_setaffinity, { { 0, IS, 0 } } },
	/* the heap of the C library */
	{ SYS_mmap, { { 2, WITHOUT, PROT_EXEC } } },
	{ SYS_mprotect, { { 2, WITHOUT, PROT_EXEC } } },
	{ SYS_mremap, { { 0 } } },
	{ SYS_munmap, { { 0 } } },
	{ SYS_madvise, { { 0 } } },
	{ SYS_brk, { { 0 } } },
	/* a stop and a continue in a wait */
	{ SYS_restart_syscall, { { 0 } } },
	{ SYS_exit_group, { { 0 } } },
	{ SYS_exit, { { 0 } } },
};
#define N_ROWS (sizeof(rows) / sizeof(*rows))
#define ROW_MAX 10 /* instructions */
#define LOW(arg) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(arg)))

static uint32_t put_check(struct sock_filter *f, const struct check *c)
{
	uint32_t n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(c->arg));
	if (c->how == WITHOUT) {
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, c->value, 255, 0);
		return n;
	}
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, 255);
	if (c->how == NONE) {
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(c->arg) + 4);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 255);
	}
	return n;
}

/* A row: 255 stands for "on to the next row" until its length is known. */
static uint32_t put_row(struct sock_filter *f, const struct row *row)
{
	uint32_t n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)row->nr, 0, 255);
	for (size_t i = 0; i < 2; i++)
		if (row->check[i].how != ANY)
			n += put_check(f + n, &row->check[i]);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	for (uint32_t i = 0; i < n; i++) {
		if (BPF_CLASS(f[i].code) != BPF_JMP)
			continue;
		if (f[i].jt == 255)
			f[i].jt = (uint8_t)(n - i - 1);
		if (f[i].jf == 255)
			f[i].jf = (uint8_t)(n - i - 1);
	}
	return n;
}

static int filter(void)
{
	struct sock_filter f[4 + N_ROWS * ROW_MAX];
	struct sock_fprog program = { .filter = f };
	uint32_t n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, arch));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < N_ROWS; i++)
		n += put_row(f + n, &rows[i]);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : RELAY_EXIT_CONFINE;
}

/* Nothing of the file system, no TCP port to bind or connect: everything is handled, and no rule gives anything. */
static int landlock(void)
{
	long abi =
		syscall(WARD_NR_LANDLOCK_CREATE_RULESET, NULL, 0, WARD_LL_CREATE_RULESET_VERSION);
	struct ward_ll_ruleset_attr attr = { .handled_access_fs = WARD_LL_REFER - 1 };
	size_t size = offsetof(struct ward_ll_ruleset_attr, handled_access_net);
	long fd;

	if (abi <= 0)
		return 0; /* none here: the filter holds without it */
	if (abi >= 2)
		attr.handled_access_fs |= WARD_LL_REFER;
	if (abi >= 3)
		attr.handled_access_fs |= WARD_LL_TRUNCATE;
	if (abi >= 4) {
		attr.handled_access_net = 3;
		size = offsetof(struct ward_ll_ruleset_attr, scoped);
	}
	if (abi >= 5)
		attr.handled_access_fs |= WARD_LL_IOCTL_DEV;
	if (abi >= 6) {
		attr.scoped = WARD_LL_SCOPE_ABSTRACT_UNIX | WARD_LL_SCOPE_SIGNAL;
		size = sizeof(attr);
	}
	fd = syscall(WARD_NR_LANDLOCK_CREATE_RULESET, &attr, size, 0u);
	if (fd < 0 || syscall(WARD_NR_LANDLOCK_RESTRICT_SELF, (int)fd, 0u) < 0)
		return RELAY_EXIT_CONFINE;
	return close((int)fd) == 0 ? 0 : RELAY_EXIT_CONFINE;
}

/* Two sockets a flow, and some; of what the starter's limits allow. */
static int limits(unsigned *ret_flows)
{
	static const int none[] = { RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_NPROC };
	const rlim_t want = 2 * WARD_RELAY_FLOWS_MAX + OWN_FDS;
	struct rlimit l = { want, want };

	if (setrlimit(RLIMIT_NOFILE, &l) < 0) {
		if (getrlimit(RLIMIT_NOFILE, &l) < 0)
			return RELAY_EXIT_CONFINE;
		l.rlim_cur = l.rlim_max = l.rlim_max < want ? l.rlim_max : want;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			return RELAY_EXIT_CONFINE;
	}
	*ret_flows = l.rlim_cur > OWN_FDS + 2 ? (unsigned)(l.rlim_cur - OWN_FDS) / 2 : 1;
	if (getrlimit(RLIMIT_AS, &l) < 0)
		return RELAY_EXIT_CONFINE;
	if (l.rlim_max > OWN_BYTES + *ret_flows * FLOW_BYTES)
		l.rlim_max = OWN_BYTES + *ret_flows * FLOW_BYTES;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_AS, &l) < 0)
		return RELAY_EXIT_CONFINE;
	l = (struct rlimit){ 0, 0 };
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (setrlimit(none[i], &l) < 0)
			return RELAY_EXIT_CONFINE;
	return 0;
}

/* Root's own number goes; of everybody else's there is none to go to. No capability stays with either. */
static int privileges(unsigned id)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (geteuid() == 0 || getuid() == 0) {
		if (id == 0 || setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0)
			return RELAY_EXIT_CONFINE;
		/* Up to the last that there is. */
		for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
			continue;
		if (setresuid(id, id, id) < 0)
			return RELAY_EXIT_CONFINE;
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, data) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return RELAY_EXIT_CONFINE;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : RELAY_EXIT_CONFINE;
}

int relay_confine(unsigned id, unsigned *ret_flows)
{
	int r;

	(void)prctl(PR_SET_NAME, "ward-relay", 0, 0, 0); /* for people alone */
	r = limits(ret_flows);
	if (r == 0)
		r = privileges(id);
	if (r == 0)
		r = landlock();
	if (r == 0)
		r = filter();
	return r;
}
