/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-test of the filter: the program that was installed, asked about calls that no run may make. Most of them cannot be
 * tried for real (one refused call costs as much as all of this, and a foreign architecture ends the run), so the program is
 * run here as the kernel runs it. That it is the one in force is what the calls that are tried for real say (selftest.c).
 */
#include "init.h"
#include "sys.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#define X32_BIT 0x40000000

#ifdef __x86_64__
#define OWN_ARCH AUDIT_ARCH_X86_64
#define FOREIGN_ARCH AUDIT_ARCH_I386
#else
#define OWN_ARCH AUDIT_ARCH_AARCH64
#define FOREIGN_ARCH AUDIT_ARCH_ARM
#endif

/* Calls that reach other processes, namespaces, keyrings, mounts, or the kernel's own machinery; with any argument. */
static const int never[] = { SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
	438 /* pidfd_getfd */, SYS_kcmp, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root,
	SYS_chroot, NR_move_mount, NR_open_tree, NR_mount_setattr, 430 /* fsopen */, SYS_bpf,
	SYS_perf_event_open, 425 /* io_uring_setup */, SYS_userfaultfd, SYS_add_key,
	SYS_request_key, SYS_keyctl, SYS_open_by_handle_at, SYS_init_module, SYS_finit_module,
	SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_acct, SYS_quotactl,
	SYS_syslog, SYS_sethostname, SYS_fanotify_init, NR_clone3,
#ifdef __x86_64__
	SYS_iopl, SYS_ioperm
#endif
};

/* As the kernel's: what our programs are made of. Anything else, or an end without a verdict, is no filter of ours: allowed. */
static uint32_t verdict(const struct sock_filter *f, uint32_t n, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (uint32_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		bool yes;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof(*d) - sizeof(a))
				return SECCOMP_RET_ALLOW;
			memcpy(&a, (const char *)d + i->k, sizeof(a));
			continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; continue;
		case BPF_JMP | BPF_JA: pc += i->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: yes = a == i->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: yes = a >= i->k; break;
		case BPF_JMP | BPF_JSET | BPF_K: yes = (a & i->k) != 0; break;
		case BPF_RET | BPF_K: return i->k;
		default: return SECCOMP_RET_ALLOW;
		}
		pc += yes ? i->jt : i->jf;
	}
	return SECCOMP_RET_ALLOW;
}

bool filter_broken(const struct ward_launch *l)
{
	const struct sock_filter *f = blob_at(l, l->filter);
	struct seccomp_data d = { .arch = FOREIGN_ARCH, .nr = SYS_read };

	if (verdict(f, l->n_filter, &d) == SECCOMP_RET_ALLOW)
		return true;
	d.arch = OWN_ARCH;
#ifdef __x86_64__
	d.nr = X32_BIT;
	if (verdict(f, l->n_filter, &d) == SECCOMP_RET_ALLOW)
		return true;
#endif
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		d.nr = never[i];
		if (verdict(f, l->n_filter, &d) == SECCOMP_RET_ALLOW)
			return true;
	}
	return false;
}
