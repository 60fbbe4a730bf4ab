/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the memory of a process of the host by process_vm_readv.
 * class: processes
 * plants: victim
 * args: pid addr
 * escaped: leak victim-memory
 */
#include <sys/uio.h>

#include "attempt.h"

ATTEMPT(proc_vm_readv)
{
	char buf[48];
	struct iovec here = { buf, sizeof(buf) };
	struct iovec there = { (void *)(uintptr_t)strtoull(arg("addr"), NULL, 16), sizeof(buf) };
	ssize_t n = process_vm_readv(number("pid"), &here, 1, &there, 1, 0);

	return n > 0 ? found(buf, (size_t)n) : refused("process_vm_readv");
}
