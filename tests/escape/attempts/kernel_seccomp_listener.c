/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter of its own with a listener: it would answer before Ward's does.
 * class: kernel
 * escaped: holds seccomp
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "attempt.h"

ATTEMPT(kernel_seccomp_listener)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog p = { 1, code };

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return hold(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		&p));
}
