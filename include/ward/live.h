/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs that are alive, ended from outside: docs/live.md. They are those of the effective user; of root, everybody's. Nothing here works
 * from inside a sandbox. Texts that come back are malloc'ed and the caller's: free(). Any thread.
 */
#ifndef WARD_LIVE_H
#define WARD_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ward/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which runs: exactly one of runs, match and all. */
struct ward_stop {
	const char *const *runs;     /* ULIDs */
	size_t n_runs;
	const char *const *match;    /* KEY=VALUE: the runs that have all of these labels */
	size_t n_match;
	bool all;
	const char *reason;          /* for the records of the runs; UTF-8, NULL: none */
	bool now;                    /* KILL at once, instead of TERM and the grace of the run */
	bool dry_run;                /* say which they are, and end none */
	uint64_t wait_ms;            /* for all of them together; 0 = 10 s */
	bool json;                   /* docs/spec/stop.schema.json */
};
/*
 * End them, each as a TERM to its ward would, and wait until nothing of them is alive. *ret_text: a line each, or JSON. *ret_n (may be
 * NULL): how many there were; *ret_left (may be NULL): how many were named and are not alive, cannot be asked, or live on.
 * WARD_E_INVALID: what is asked for is not clear. WARD_E_REFUSED: this is inside a sandbox.
 */
int ward_live_stop(const struct ward_stop *what, char **ret_text, size_t *ret_n, size_t *ret_left, struct ward_error *err);

#ifdef __cplusplus
}
#endif

#endif
