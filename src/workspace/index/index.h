/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to workspace: what an index of git's says. git writes it anew where it only looks (git status notes there what it has seen
 * of the files), so that its time says nothing: what it says is remembered with the run, and compared. docs/spec/workspace.md
 *
 *	git.c     the file, read: the project's may be anybody's, what landed is the run's
 *	known.c   what is remembered, and asked
 *	find.c    which there are, when a run has begun
 *	ref.c     references that the project has in packed-refs by now
 *	names.c   whether what names objects has moved
 */
#pragma once

#include <stdatomic.h>

#include "os/os.h"
#include "workspace/landed.h"
#include "workspace/workspace.h"

#define WARD_INDEXES_NAME "indexes" /* in the store entry */

/* ---- git.c ---- */
/*
 * A sum of all that it says and that is not of the moment: of each entry mode, object, name, stage and flags. Not of what git notes of
 * the files, nor of what it can make anew. False: it is split, sparse, torn, of an unknown kind, or has what nobody here knows.
 */
bool ward_index_sum(const void *p, size_t n, uint8_t ret[WARD_SHA256_SIZE]);

/* ---- known.c: all by any thread ---- */
bool ward_indexes_counts(const char *path); /* an index, or a reference, of which there is a sum once it landed */
struct ward_indexes;
struct ward_indexes *ward_indexes_new(void);                     /* NULL: no memory */
void ward_indexes_free(struct ward_indexes *x);                  /* NULL ok */
/* Of the entry open at dir. What is not there, or not whole, says nothing. */
void ward_indexes_load(struct ward_indexes *x, int dir);
/* Into it. What fails is not remembered, and is a conflict as before. */
void ward_indexes_save(struct ward_indexes *x, int dir);
/* Where something is to be read, and until when. */
struct ward_index_from {
	int root;                    /* the project */
	const struct ward_workspace *w;  /* the run's times */
	const atomic_bool *stop;     /* NULL, or nobody waits for it any more */
	size_t budget;               /* bytes that may still be read */
};
/* As it was when the run began, if it is older and not known yet. True: it was learned. */
bool ward_indexes_learn(struct ward_indexes *x, struct ward_index_from *from, const char *path);
/*
 * Before it lands: what is open at fd is what the layer has, for path. The host may write it anew before it is noted that it landed.
 * By who lands, which is one at a time.
 */
void ward_indexes_none_come(struct ward_indexes *x); /* another landing begins; NULL ok */
void ward_indexes_comes(struct ward_indexes *x, int fd, const char *path, uint64_t layer_ino, int64_t layer_ctime_ns);
/* It landed, and is seen of the project: what it says is what counts from now on. True: there is something to be saved. */
bool ward_indexes_landed(struct ward_indexes *x, int root, const char *path, const struct ward_landed_seen *seen);
/*
 * The project's, which is st and younger than the run, says what it said when the run began, or when it landed last. What it is then
 * is known, so that it is as old as the run for whoever looks again: another has another time. x may be NULL.
 */
bool ward_indexes_same(struct ward_indexes *x, const struct ward_landed *landed, int64_t began_ns, int root, const char *path,
	const struct stat *st);
/* path, a reference, is of this value since the run's landed there. x may be NULL. */
bool ward_indexes_has_ref(struct ward_indexes *x, const struct ward_landed *landed, const char *path, const char *value, size_t n);
bool ward_indexes_seen(struct ward_indexes *x, const struct stat *st);
bool ward_indexes_settled(const struct stat *st); /* who writes to it from here on gives it another time */
void ward_indexes_keep(struct ward_indexes *x, const struct stat *st); /* such a one is as old as the run */

/* ---- ref.c ---- */
struct ward_packed;                      /* packed-refs, as it was read last */
void ward_packed_free(struct ward_packed *p);    /* NULL ok */
/* How long the path of the repository is, with its slash, of what lies in dir ("refs/") of it: the first with HEAD in the project. */
bool ward_ref_repository(int root, const char *path, const char *dir, size_t *ret);
bool ward_ref_is_name(const char *path); /* it may be one: others need not be asked of */
enum ward_ref { WARD_REF_MOVED = 0, WARD_REF_UNREAD, WARD_REF_AS_WAS, WARD_REF_NONE }; /* UNREAD: packed-refs is no file or too large */
/*
 * path, of which the project has no file: what packed-refs of its repository says of it. What is not older than since_ns is younger
 * than the run. *io: NULL at first.
 */
enum ward_ref ward_ref_packed(struct ward_packed **io, struct ward_indexes *x, const struct ward_landed *landed, int root,
	int layer, int64_t since_ns, const char *path);

/*
 * path, a log of git's that the project has as st, and younger than the run: all that it says is in the layer's, which goes on from
 * there. It was only written anew (each gc does), and is kept as above. x may be NULL.
 */
bool ward_ref_log_goes_on(struct ward_indexes *x, int root, int layer, const char *path, const struct stat *st);

/* ---- names.c ---- */
/* Since the run began, what names objects in the repository git (a path below the root): 0, 1: it has moved; -errno. */
struct ward_commit;
int ward_names_moved(const struct ward_commit *c, const char *git);
bool ward_packs_moved(const struct ward_commit *c, const char *git); /* came or went */

/* ---- find.c ---- */
/* Of the project: its own repository, worktrees and submodules, and what lies some directories below. Bounded. */
void ward_indexes_find(struct ward_indexes *x, struct ward_index_from *from);
