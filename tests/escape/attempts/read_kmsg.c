/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the kernel.
 * class: read
 * for: root
 * plants: kmsg
 * escaped: leak kmsg
 */
#include <sys/klog.h>

#include "attempt.h"

ATTEMPT(read_kmsg)
{
	static char buf[1 << 20];
	int n = klogctl(3, buf, sizeof(buf)), result = REFUSED;

	for (char *p = buf, *end = buf + n;
		n > 0 && (p = memmem(p, (size_t)(end - p), "ward-escape: ", 13)); p++)
		result = found(p, (size_t)(end - p) < 60 ? (size_t)(end - p) : 60);
	return n > 0 ? result : refused("syslog");
}
