/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF map.
 * class: kernel
 * for: root
 * escaped: holds bpf-map
 */
#include "attempt.h"

ATTEMPT(kernel_bpf)
{
	unsigned attr[32] = { 2 /* array */, 4, 4, 1 };

	return hold(syscall(SYS_bpf, 0 /* MAP_CREATE */, attr, sizeof(attr)));
}
