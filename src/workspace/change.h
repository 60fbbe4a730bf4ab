/* SPDX-License-Identifier: Apache-2.0 */
/* Private to what reads the changes out of a layer. */
#pragma once

#include <stdatomic.h>

#include "os/os.h"
#include "workspace/workspace.h"

struct ward_landed;

#define CHANGE_STEP (128u << 10) /* bytes that are compared at a time */

/* A name in an open directory, and what it is. */
struct side {
	int dir;                     /* -1: there is nothing to be found */
	const char *name;
	bool there;
	struct stat st;
};

/*
 * way.c: the way to what the run has closed, as far as it is known from the path before. Each closed directory on it is lent the bit
 * that lets its owner in, while the next is opened. The layer is locked, and has the same directories until ward_way_done(), but for
 * those that go.
 */
#define WARD_WAY_STEP 8 /* so many directories behind each other one stays open */
struct ward_way {
	size_t n;
	struct {
		int fd;              /* O_PATH */
		unsigned depth;
		size_t n;            /* bytes of path that name it */
	} v[WARD_CHANGE_DEPTH_MAX / WARD_WAY_STEP + 2];
	char path[WARD_PATH_MAX];
};
/* Of the directory that path's first n bytes name, O_PATH, borrowed until the next; n 0: layer. -errno. */
int ward_way_to(struct ward_way *w, int layer, const char *path, size_t n);
int ward_way_open(struct ward_way *w, int layer, const char *path); /* of path itself, O_PATH, the caller's; not "". -errno */
void ward_way_done(struct ward_way *w);

struct reader {
	int layer, root;
	struct ward_way way;
	const struct ward_landed *landed; /* NULL: nothing of it is real already */
	bool quick;                  /* what is as it was when it was landed is not compared */
	bool lives;                  /* the run writes the layer: no mode is lent in it, and what cannot be read so is passed over */
	bool beyond;                 /* the layer has something that is too deep, or has no path, which was passed over */
	struct beyond *beyond_in;    /* where, if not quick */
	size_t n_beyond, cap_beyond;
	const atomic_bool *stop;     /* NULL, or another thread's word that nobody waits for it any more: -ECANCELED, WARD_E_REFUSED */
	struct ward_changes *out;
	size_t cap;
	struct ward_error *err;
	char *a, *b;                 /* CHANGE_STEP bytes each */
	uint64_t seed;               /* of sums of contents: whoever wrote the files shall not know which of them collide */
	struct ward_sums *sums;      /* of contents that were compared: a change's are sums[summed - 1] */
	size_t n_sums, cap_sums;
	bool no_listxattrat;         /* the kernel has none, or it is not let through */
	struct link_names *links;
	size_t n_links, cap_links;
	struct was_name *was;        /* changes of which the project's file has several names */
	size_t n_was, cap_was;
};

struct ward_sums {
	uint64_t was[2], is[2];
};

/* A directory that not all could be looked at of. Its modes, 0: it is not there. */
struct beyond {
	const char *path, *why;
	mode_t was_mode, mode;
};

struct was_name {
	dev_t dev;                   /* of an overlay of several file systems numbers are those of each */
	uint64_t ino;
	const char *path;            /* the change's */
};

/* A file of the layer that has several names. */
struct link_names {
	uint64_t ino;
	const char *path;
	dev_t was_dev;
	uint64_t was;                /* the inode that the project has there; 0: none */
	uint64_t n_same;             /* how many of its names have that inode there */
	const char *as_was;          /* of the first of an inode: a name of it that is no change, or NULL */
};

/*
 * Who lends modes in a layer, and who looks at modes there, is alone with it while that lasts: two that lend at once would give back
 * what they have seen, which is what the other lent. layer is open, and of nobody else. What is waited for another is bounded:
 * WARD_E_REFUSED. Nothing is locked where nothing is lent: as root, or of a run that lives. Once: not again before it is unlocked.
 */
int ward_layer_lock(int layer, bool lives, struct ward_error *err);
void ward_layer_unlock(int layer);
int ward_layer_busy(struct ward_error *err); /* fills err */
/* -errno; the same as ward_changed_open(), and what was opened. The layer is locked. */
int ward_changed_get(struct ward_way *way, int layer, const char *path, bool lives, struct stat *ret);
/*
 * The same, and locks it itself, for as long as it lends. -EBUSY: another has it. Between two of one way somebody else may tidy the
 * layer: what is gone is then not found, and nothing else.
 */
int ward_changed_get_alone(struct ward_way *way, int layer, const char *path, bool lives, struct stat *ret);

/* change.c: a new one of path, which is copied; NULL after an error, which is in r->err and is *ret_code. */
struct ward_change *ward_change_add(struct reader *r, const char *path, int *ret_code);
/* r->out is in order afterwards. */
void ward_changes_sort(struct ward_changes *c);
/* ino: of the layer. was: of the project, which may have nothing there */
int ward_change_linked(struct reader *r, const char *path, uint64_t ino, const struct side *was);
int ward_change_was(struct reader *r, const char *path, const struct stat *st); /* of the project; path: the change's */

/*
 * change_names.c: the names of an open directory of the project, O_PATH or not, where two calls give all; *io is malloc'ed the first
 * time. False: nothing is known of them. What it is said not to have is not there; what it has may be gone by now.
 */
struct ward_names;
bool ward_names_read(struct ward_names **io, int dir);
bool ward_names_have(const struct ward_names *k, const char *name);

/* change_walk.c: fills r->out, in no order. */
int ward_changes_walk(struct reader *r);

/* change_rename.c: of what was added and deleted. r->out is in order before and after. */
int ward_changes_pair(struct reader *r);
/* Adds n bytes, a multiple of 16 but at the end, to a sum that began with the seed, twice. */
void ward_change_sum(uint64_t sum[2], const char *s, size_t n);

/* change_similar.c: of what was moved and changed, behind the other. */
int ward_changes_similar(struct reader *r);

/* What a workspace says (ward_workspace_changes()); landed NULL: as ward_changes_read(), and the layer is locked. */
struct ward_changes_of {
	int layer, root;
	const struct ward_landed *landed;
	bool quick, lives;
	const atomic_bool *stop;
};
int ward_changes_read_of(const struct ward_changes_of *of, struct ward_changes **ret, struct ward_error *err);

/*
 * change_same.c: what differs between two that are of one type. path names that of the layer. -errno of what cannot be read in the
 * layer.
 * ret_origin: the layer has it as a copy. opaque: of a directory.
 */
struct differs {
	bool content, bits, xattrs, origin, opaque;
	uint32_t summed;             /* of a content that differs, if all of both was read at once: in r->sums, from 1 on; else 0 */
};
int ward_change_differs(struct reader *r, const char *path, const struct side *layer, const struct side *root, struct differs *ret);
/* The marks alone of what the project has nothing like. */
int ward_change_marks(struct reader *r, const char *path, const struct side *layer, struct differs *ret);
bool ward_change_stops(const struct reader *r);
/* As many bytes as there are, at most n, which is no more than CHANGE_STEP. -errno. */
ssize_t ward_change_fill(int fd, char *out, size_t n);
/* Of two files of that size, the next byte from at on of which not both have a hole, or size. Both are sought elsewhere by it. */
off_t ward_change_skip(int a, int b, off_t at, off_t size);
bool ward_change_has_holes(const struct stat *st);
