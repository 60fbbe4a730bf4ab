/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to workspace: the parts of a commit. All of it works on descriptors that the caller opened: the project's root, the layer
 * and the store entry.
 *
 *	conflict.c         what the project has in the way
 *	plan.c             changes become steps, in an order that works
 *	place.c, refused.c the staging directory; what the file system refuses
 *	stage.c            everything new is made in it
 *	inside.c           what lies in a new directory is made in it, and comes with it
 *	step.c, order.c    each step takes its place, or is taken back
 *	layer.c            what was made real leaves the layer
 *	land.c             or is noted, and stays in it
 *	given.c            what an abort gave back is noted
 *	times.c            when each step was done, for who goes on after a kill
 *	crew.c             threads for what needs no order
 *	forget.c           the end of it, or what is given up
 *	commit.c           the whole, its journal, and what a dead one left
 */
#pragma once

#include <stdatomic.h>
#include <sys/stat.h>

#include "os/os.h"
#include "workspace/change.h"
#include "workspace/commit/given.h"
#include "workspace/commit/journal.h"
#include "workspace/workspace.h"

#define WARD_COMMIT_STAGE ".ward-commit-" /* and the run: at the project's root, 0700, where the store is of another file system */
#define WARD_COMMIT_STAGE_STORE "stage"   /* in the store entry */
#define WARD_COMMIT_KEPT ".ward-kept-"    /* what could not be given back, and is nowhere else */
#define WARD_COMMIT_NAME_MAX 64

/* The names of a step's objects in the staging directory. */
enum ward_staged {
	WARD_STAGED_NEW = 'n',       /* what was made; after a SWAP, what was replaced */
	WARD_STAGED_OLD = 'o',       /* what was taken */
	WARD_STAGED_NEW_ATTRIBUTES = 'a', /* a directory that has a DIR step's attributes to come */
	WARD_STAGED_OLD_ATTRIBUTES = 'b'  /* those before */
};

/*
 * The directory that was opened last: changes come directory by directory, and each name in it needs no other look for it. What it
 * was is no promise that it still has its name: whoever changes something in it looks again afterwards.
 */
#define WARD_HELD_UP_MAX 6
struct ward_held {
	int from, fd;                /* from: -1, nothing is held. fd: O_PATH, or the -errno that opening it gave */
	size_t n;
	struct stat st;
	char path[WARD_PATH_MAX];    /* n bytes */
	/* Those that it lies in, the outermost below from first; from ward_commit_held_still(). */
	struct {
		int fd;
		uint64_t dev, ino;
	} up[WARD_HELD_UP_MAX];
	size_t n_up;
	bool asked;                  /* once */
};
#define WARD_HELD_INIT { .from = -1, .fd = -1 }

struct ward_commit {
	int root, layer, store;      /* borrowed */
	const char *run;
	int64_t since_ns, began_ns, died_ns; /* since: ward_store_since(), maybe earlier; died: at its last step, if continued */
	ward_commit_left_fn *left;   /* NULL ok */
	void *arg;

	struct ward_arena *arena;    /* from here on: its own; ward_commit_done() */
	int stage, stage_home;       /* home: root or store */
	struct stat root_st;
	struct ward_born root_born;
	uid_t euid;
	struct ward_journal j;       /* of a new one v is malloc'ed, the paths are the arena's or the changes' */
	const struct ward_change **change; /* of a new one: of each step, or NULL */
	size_t cap, put_begin, put_end; /* steps of new objects, by path: a directory before what lies in it */
	bool absent;                 /* ward_commit_in_way(): nothing had the name that something comes to */
	bool kept;                   /* something in the staging directory is nowhere else */
	struct ward_held in_root, in_layer;
	struct ward_way way;         /* of the layer; of the thread that lends */
	/* layer.c: bytes of the name of a directory, and of those that it lies in: each of them the layer says name by name */
	char spoken[WARD_PATH_MAX];
	size_t n_spoken;
	struct ward_landed *landed; struct ward_indexes *indexes; struct ward_packed *packed; /* NULL, or of the workspace, ref.c */
	struct ward_given given;     /* given.c */
	struct ward_landed **begins; /* NULL, or where the workspace has them when they are begun */
	const atomic_bool *stop;     /* NULL, or of the workspace: what has not begun ends, -ECANCELED */
	bool locked, asks_root;      /* the layer: ward_commit_done(); a change is judged by the time of the project's own directory */
	bool *leads;                 /* NULL, or of the workspace: a rename from the store leads into the project */
};
#define WARD_COMMIT_INIT { .root = -1, .layer = -1, .store = -1, .stage = -1, .stage_home = -1, .in_root = WARD_HELD_INIT, \
	.in_layer = WARD_HELD_INIT }

/* The core of the public functions. c: descriptors, run, since, left filled in. */
int ward_commit_run(struct ward_commit *c, const struct ward_changes *all, const struct ward_commit_item *v, size_t n,
	struct ward_error *err);
int ward_commit_resume(struct ward_commit *c, struct ward_error *err);
int ward_commit_undo(struct ward_commit *c, struct ward_error *err);
/* Applied or aborted: nothing is needed any more but the state itself. */
int ward_commit_end(struct ward_commit *c, struct ward_error *err);
void ward_commit_done(struct ward_commit *c);

/* ---- path.c ---- */
/* A descriptor below dir: no link, no other mount. -errno. */
int ward_commit_open(int dir, const char *path, uint64_t flags);
/* Of the directory that path lies in (O_PATH), and the name in it. -errno. */
int ward_commit_parent(int dir, const char *path, const char **ret_name);
/* The same, held and borrowed, until the next or ward_commit_let_go(). -errno. */
int ward_commit_hold(struct ward_held *h, int dir, const char *path, const char **ret_name);
void ward_commit_let_go(struct ward_held *h);
/* Does the held directory still have its name, below where it was opened from? Without links on the way. */
bool ward_commit_held_still(struct ward_held *h);
bool ward_commit_same_parent(const char *a, const char *b);
/* What is at path below dir, links not followed. 0 or -errno. */
int ward_commit_look(struct ward_held *h, int dir, const char *path, struct stat *ret);
void ward_commit_seen(const struct stat *st, struct ward_seen *ret);
bool ward_commit_same(const struct stat *st, const struct ward_seen *s);
int64_t ward_commit_ns(const struct timespec *t);
void ward_commit_staged(char out[WARD_COMMIT_NAME_MAX], enum ward_staged what, size_t step);
bool ward_commit_empty(int dir, const char *name); /* a directory with nothing in it */
int ward_commit_rename(int from_dir, const char *from, int to_dir, const char *to, unsigned flags); /* renameat2: 0 or -errno */
int ward_commit_unlink(int dir, const char *name); /* a directory too, if it has nothing; not there is as good: 0 or -errno */
int ward_commit_chmod(int fd, mode_t mode);        /* of an O_PATH descriptor: 0 or -errno */
/* The names of the directory open at fd, "." and ".." left out; fn's other result than 0 ends it and is returned. 0 or -errno. */
typedef int ward_commit_name_fn(void *arg, int dir, const char *name);
int ward_commit_names(int dir, const char *name, ward_commit_name_fn *fn, void *arg);
/*
 * In the layer the modes are those that the run gave: where its owner may not enter or change a directory, its mode is lent, and given
 * back by ward_commit_give_back(). Of the directory that path lies in. lives: the run does, and would see it: nothing is lent.
 */
struct ward_lent {
	int fd;                      /* the parent */
	const char *name;
	bool lent;                   /* it is, and this was its mode: */
	mode_t mode;
};
int ward_commit_borrow(struct ward_way *way, int layer, const char *path, bool lives, struct ward_lent *ret); /* 0 or -errno */
void ward_commit_give_back(struct ward_lent *l);

/* ---- attr.c: what of an object's extended attributes is a project's: not the overlay's own, no file capabilities ---- */
bool ward_commit_attr_counts(const char *name);
int ward_commit_attrs_copy(int from, int to, bool clear, struct ward_error *err, const char *path); /* clear: what from has not, goes */
/* Whole, with clear, or not at all. *ret_same: after an error to has what it had. Else it can be done again. */
int ward_commit_attrs_replace(int from, int to, bool *ret_same, struct ward_error *err, const char *path);
bool ward_commit_attrs_equal(int a, int b);        /* false where it cannot be told */
/* either: nobody else gave now one, or took one; of a list what no mode changes. back: of new's, and no others; *mode: of now. */
bool ward_commit_attrs_either(int now, int old, int new);
int ward_commit_attrs_back(int now, int old, int new, mode_t *mode, struct ward_error *err, const char *path);

/* ---- crew.c ---- */
#define WARD_CREW_MAX 4
/* state: of the thread that calls it, which calls for nothing else meanwhile. Its first error ends all. */
typedef int ward_crew_fn(void *state, size_t i, struct ward_error *err);
/*
 * How many threads are worth it for n files: with that many states each i of 0..n is called for once; the caller's thread has
 * states[0].
 */
size_t ward_crew_size(size_t n);
int ward_crew_run(size_t n, ward_crew_fn *fn, void *const states[], size_t n_states, struct ward_error *err);

/* ---- the others ---- */
/* What the project has in the way: a text for people (static), or NULL. deep: below a directory that is gone too. 0 or -errno. */
int ward_commit_in_way(struct ward_commit *c, const struct ward_change *change, bool deep, const char **ret);
int ward_commit_plan(struct ward_commit *c, const struct ward_changes *all, const struct ward_commit_item *v, size_t n,
	struct ward_error *err);
int ward_commit_stage(struct ward_commit *c, struct ward_error *err);
int ward_commit_forward(struct ward_commit *c, struct ward_error *err);
int ward_commit_back(struct ward_commit *c, struct ward_error *err);
/* land.c: what was made real is noted (ret: durable), what was put back forgotten. */
int ward_commit_note(struct ward_commit *c, bool back, struct ward_error *err);
/*
 * While the run lives: what a program has written to fd by its mapping is on its way to the disk, so that the next that it writes
 * so is a ctime again. 0 or -errno.
 */
int ward_commit_settle(const struct ward_commit *c, int fd);
bool ward_commit_stops(const struct ward_commit *c);
/* What was copied from fd is what was judged, and whole: nobody has written to it since all was read. */
bool ward_commit_is_still(const struct ward_commit *c, int fd, struct ward_step *s);
/* code of what was made for s: the layer is written while it is read; what went, or is another by now, waits for another time. */
int ward_commit_not_now(const struct ward_commit *c, int code, struct ward_step *s, struct ward_error *err);
void ward_commit_leave_moved(const struct ward_commit *c); /* such are told. Before the first step: */
void ward_commit_know_indexes(const struct ward_commit *c);
/* Nobody but us changed the object since the run began. */
bool ward_commit_is_old(const struct ward_commit *c, const struct stat *st);
int ward_commit_tidy(struct ward_commit *c, struct ward_error *err);
/* Of one that only forgets: each thing is forgotten by one call, so that who is killed between two leaves the others as they were. */
bool ward_commit_needs_no_journal(struct ward_commit *c);
/*
 * Directories of the project that their owner, who we are, may not read, enter or change get that right; and those that were
 * changed have their own mode again. Each may be done again. settle_modes: 0 or -errno, of the first that failed.
 */
int ward_commit_lend(struct ward_commit *c, struct ward_error *err);
int ward_commit_settle_modes(const struct ward_commit *c);
/* The staging directory: made (what a dead one left is removed before), opened again, removed. */
int ward_commit_stage_make(struct ward_commit *c, struct ward_error *err);
int ward_commit_stage_open(struct ward_commit *c, struct ward_error *err);
int ward_commit_stage_remove(struct ward_commit *c, struct ward_error *err);
void ward_commit_leave(const struct ward_commit *c, const char *path, const char *why);
