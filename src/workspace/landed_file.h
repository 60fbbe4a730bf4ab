/* SPDX-License-Identifier: Apache-2.0 */
/* Private to landed*.c: what was landed, in memory and as a file. */
#pragma once

#include "workspace/landed.h"

#define LANDED_HEAD_BYTES 16u
#define LANDED_RECORD_BYTES 48u      /* then the path, its NUL, and the sum */
#define LANDED_SUM_BYTES 8u
#define LANDED_FILE_MAX (WARD_LANDED_BYTES_MAX / 2 * 3)
#define LANDED_SLACK 256u            /* beyond it, so that the last record of all always has room */

struct ward_landed {
	struct ward_arena *arena;
	struct entry *v;
	size_t n, cap;
	uint32_t *slots;             /* of v, one more; 0: free */
	size_t n_slots;
	struct object *objects;
	size_t n_objects, n_object_slots;
	struct ward_buf late;        /* not written yet */
	uint64_t bytes, seed;
	uint64_t max;                /* bytes of the file, but for the last record of all */
	int fd;                      /* -1: it is only looked at */
	bool settled;
	bool unsynced;               /* something was written since the last sync */
	/* half a record is at its end, and cannot be cut; or nobody knows which file a crash would leave: nothing is noted */
	bool torn;
};

/* Bytes of the record at p, of which n are there; 0: it is none. */
size_t ward_landed_record(const char *p, size_t n, const char **ret_path, struct ward_landed_seen *ret);
