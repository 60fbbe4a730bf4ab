/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A performance counter.
 * class: kernel
 * escaped: holds [perf_event]
 */
#include <linux/perf_event.h>

#include "attempt.h"

ATTEMPT(kernel_perf)
{
	struct perf_event_attr a = { .type = PERF_TYPE_SOFTWARE,
		.size = sizeof(a),
		.config = PERF_COUNT_SW_TASK_CLOCK,
		.exclude_kernel = 1,
		.exclude_hv = 1 };
	long fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);

	if (fd < 0 && (errno == ENOENT || errno == ENOSYS)) {
		(void)refused("perf_event_open");
		return IMPOSSIBLE;
	}
	return hold(fd);
}
