/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, inside: where cgroups can be made, and small files. Private to cgroup*.c. The paths here come from
 * the kernel (/proc/self/cgroup, mountinfo) and fixed mount points; nothing of a sandbox is in them.
 */
#pragma once

#include "confine/native/cgroup.h"

#define WARD_CGROUP_PREFIX "ward-"
#define WARD_CGROUP_PATH_MAX 512 /* a directory for runs; a longer one is not used */
#define WARD_CGROUP_TEXT_MAX 4096 /* a control file */

/* Where directories of runs go. v1: one path a controller; v2: memory's holds for all. */
struct ward_cgroup_place {
	int version; /* 0 = nowhere */
	bool usable[WARD_CGROUP_CONTROLLERS];
	char path[WARD_CGROUP_CONTROLLERS][WARD_CGROUP_PATH_MAX];
};

/* Find it on this machine. version 0: nowhere. */
void ward_cgroup_find(struct ward_cgroup_place *ret);
/* Where a find that said host would point, without verifying it: a wrong guess fails to make its directory. */
void ward_cgroup_guess(const struct ward_host *host, struct ward_cgroup_place *ret);
/* Make dir a place for runs on v2: its controllers are on for children. Bits of what then is, 1 << controller. */
unsigned ward_cgroup_enable(const char *dir);
/* The path, *ret_n bytes, of "id:controllers:path" in text that lists controller ("" = v2), whatever it is. NULL: none. */
const char *ward_cgroup_line(const char *text, const char *controller, size_t *ret_n);
/* The path of "id:controllers:path" in text that lists controller ("" = v2). False: none, or not below the root. */
bool ward_cgroup_self_path(const char *text, const char *controller, char *out, size_t size);
/* Mount point and root of the hierarchy in mountinfo text; controller NULL = v2. */
bool ward_cgroup_mount(const char *text, const char *controller, char *out, size_t size);
/* The same as ward_cgroup_create(), at a given place. */
int ward_cgroup_create_at(const struct ward_cgroup_place *place, const char *run_id,
	const struct ward_limits *limits, struct ward_cgroup **ret, struct ward_error *err);

struct ward_cgroup_dir {
	int fd; /* the directory, flocked; -1 = not used */
	int entry; /* v1 `tasks`; v2 (first only) the directory again; -1 = closed */
	char path[WARD_CGROUP_PATH_MAX + 64];
};
struct ward_cgroup {
	int version;
	bool has[WARD_CGROUP_CONTROLLERS];
	struct ward_cgroup_dir dir[WARD_CGROUP_CONTROLLERS]; /* v2: the first only */
	int oom_fd, oom_source; /* v1 eventfd and memory.oom_control; v2 memory.events, -1 */
};
/* The directory that a controller's files are in. -1: it has none. */
int ward_cgroup_dirfd(const struct ward_cgroup *cg, enum ward_cgroup_controller c);

/* ---- control files: short texts, one read or write each ---- */
/* A cgroup's directory: descriptor or -errno. */
int ward_cgroup_open(const char *path, int flags);
/* Length, or -errno; always terminated. */
int ward_cgroup_read(int dirfd, const char *name, char *out, size_t size);
int ward_cgroup_pread(int fd, char *out, size_t size);
int ward_cgroup_write(int dirfd, const char *name, const char *text);
/* The number after "key " at the start of a line, or the text's first number for key NULL. */
bool ward_cgroup_value(const char *text, const char *key, uint64_t *ret);
/* A word in a blank-separated list. */
bool ward_cgroup_word(const char *text, const char *word);
/*
 * ward_cgroup_sweep() of one place, trying max directories. now_ms, wall time, says which names are worth a try; what is
 * removed is old by the clock of that moment.
 */
unsigned ward_cgroup_sweep_dir(const char *path, unsigned max, int64_t now_ms);
/* Kill all in a directory; false: some were left after the bounded number of rounds. */
bool ward_cgroup_kill_dir(int dirfd);
