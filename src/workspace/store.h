/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the store: what store*.c share. Nothing of a layer is reached but by descriptor. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "os/os.h"
#include "workspace/workspace.h"

#define STORE_RECORD "workspace.json"
#define STORE_LOCK "lock"
#define STORE_LAYER "layer"
#define STORE_UPPER "layer/upper"
#define STORE_WORK "layer/work"
#define STORE_NEW ".new-"  /* behind it a run: an entry that is being made */
#define STORE_GONE ".gone-" /* an entry that is being removed */
#define STORE_BOOT_SIZE 40

/* Bytes of the lock file that are locked. */
enum store_lock { STORE_ALIVE = 0, STORE_CHANGED };

struct ward_workspace {
	struct ward_workspace_facts facts; /* its texts live in arena */
	struct ward_arena *arena;
	char boot[STORE_BOOT_SIZE]; /* of the kernel that root_dev is of */
	enum ward_workspace_state state;
	bool alive;                 /* somebody else has the lock that says so */
	bool ours;                  /* we have it */
	bool made;                  /* by us, for a run of ours */
	bool locked;                /* nobody else writes it */
	bool leads;                 /* a rename leads from it into the project: that was tried */
	int home, dir, lock, layer, root;
	int unlocked;               /* errno of a lock that is there, and could not be opened */
	char path[WARD_PATH_MAX];
	bool durable;               /* its entry is */
	/* What makes it durable beside a run that lives. The thread's own until sync_over, but for sync_wanted. */
	pthread_t syncing;
	bool sync_begun, sync_wanted, sync_layer;
	atomic_bool sync_over;
	int synced;                 /* -errno of the first that could not be */
	atomic_bool land_over;      /* what lands is to end: any thread says so */
	struct ward_indexes *indexes; /* NULL: no memory, or nobody asked yet */
	pthread_t learning;         /* reads them beside a run that lives */
	bool learning_begun, learning_asked;
	atomic_bool learning_over;  /* it is to end */
	struct ward_landed *landed; /* NULL: nothing is made real while it lives, or nobody asked yet */
	bool landed_looked;
	struct ward_commit *looking; /* NULL, or what ward_commit_conflict() has open of the project */
};

struct ward_workspace *ward_store_new(void);
void ward_store_wait(struct ward_workspace *w); /* until nothing of it is being made durable */
/* Fd of the directory of all, and its path; a code. */
int ward_store_home(bool make, char out[WARD_PATH_MAX], struct ward_error *err);
/* The caller's alone, or an error that says whose. */
int ward_store_own(int fd, const char *path, struct ward_error *err);
/* 0, -EAGAIN (another has it), -errno. */
int ward_store_lock(int fd, enum store_lock what);
bool ward_store_held(int fd, enum store_lock what); /* by another */
/* Names of runs, each of WARD_ULID_SIZE bytes, the oldest first; with prefix, else what begins with a run's. */
int ward_store_names(int home, const char *prefix, struct ward_buf *out, struct ward_error *err);
/*
 * Read what is there into w (home and path are set); a record that is not readable leaves BROKEN and why. -errno: there is no such
 * directory.
 */
int ward_store_load(struct ward_workspace *w, const char *run, enum ward_workspace_use use, struct ward_error *why);
enum ward_workspace_state ward_store_state(const struct ward_workspace *w, bool *ret_alive); /* as it is now */
int ward_store_lost(const struct ward_workspace *w, struct ward_error *err); /* of one that is LOST, why */
void ward_store_judge(struct ward_workspace *w); /* the same, kept in it */

/* live.c: w->landed, if there is such; to be written where w holds the lock. */
int ward_store_landed(struct ward_workspace *w, struct ward_error *err);

/* live.c: w->indexes, of an entry that was opened as they were written there. */
struct ward_indexes *ward_store_indexes(struct ward_workspace *w);
void ward_store_indexes_over(struct ward_workspace *w); /* nobody reads them any more */

void ward_commit_looked_over(struct ward_workspace *w); /* commit.c: nothing of it is open any more */

/* record.c */
void ward_record_write(const struct ward_workspace_facts *f, const char *boot, struct ward_buf *out);
/* Into w: facts, arena, boot. WARD_E_PARSE with the place; WARD_E_UNSUPPORTED: of a newer version. */
int ward_record_read(struct ward_workspace *w, const char *run, const char *text, size_t n, struct ward_error *err);
/* facts of w become a copy of f. */
int ward_record_keep(struct ward_workspace *w, const struct ward_workspace_facts *f, struct ward_error *err);
/*
 * What the project has of this ctime or a later one may have been changed by others since the run began: since_ns, or earlier by as
 * much as the wall clock was set back since. 0: nothing is known of that, and it is behind.
 */
int64_t ward_store_since(const struct ward_workspace *w);
void ward_record_boot(char out[STORE_BOOT_SIZE]); /* "" where it is not known */

/* remove.c: name, a directory of home, and all below it. -errno of the first thing that could not be removed. */
int ward_store_erase(int home, const char *name);
/*
 * What there is below dir of an entry whose run wrote nothing, by name and in the order in which it can go: what else is there
 * stays, for ward_store_erase(). No name of it is the run's.
 */
void ward_store_erase_unwritten(int dir);
/* Its layer is, or is being taken away, and the record of that is not written: ward_workspace_empty(). */
bool ward_store_forgotten(const struct ward_workspace *w);
