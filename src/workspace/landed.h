/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to workspace: what was made real of a run while it lived (--review=live), and so stays in its layer. The file "landed" of the
 * store entry, docs/spec/workspace.md: records, one behind the other, each with its sum; the last one of a path counts.
 */
#pragma once

#include "os/os.h"
#include "workspace/change.h"

#define WARD_LANDED_NAME "landed"

enum ward_landed_kind {
	WARD_LANDED_NOTHING = 0,     /* taken back: what an earlier record of the path says counts no more */
	WARD_LANDED_OBJECT,          /* the project has what the layer has */
	WARD_LANDED_GONE,            /* the project has nothing there, as the layer says */
	WARD_LANDED_TOUCHED,         /* a directory that was there: its bits, or names in it */
	WARD_LANDED_SETTLED          /* of no path: what is gone has its whiteout in the layer */
};

/* What was in the layer, and what the project has of it. Nobody but the kernel sets a ctime. */
struct ward_landed_seen {
	enum ward_landed_kind kind;
	uint64_t layer_ino, layer_size; /* of a directory its bits in the place of a size; ino 0: none */
	int64_t layer_ctime_ns;      /* 0: not known. Of a directory it says nothing */
	uint64_t ino;
	int64_t ctime_ns;            /* 0: it was changed at once */
};

struct ward_landed;
/* Of the entry open at dir; *ret NULL: there is none, and make is false. to_write: what a crash tore off the end is cut. */
int ward_landed_load(int dir, bool make, bool to_write, struct ward_landed **ret, struct ward_error *err);
void ward_landed_free(struct ward_landed *l);
/*
 * In memory; durable after ward_landed_sync(). WARD_E_LIMIT: there is no room for it, and nothing is noted; that a run is SETTLED
 * always has room.
 */
int ward_landed_add(struct ward_landed *l, const char *path, const struct ward_landed_seen *s, struct ward_error *err);
/* A directory of the project that names came into or went from: by us alone. */
int ward_landed_touch(struct ward_landed *l, const char *path, const struct stat *st, struct ward_error *err);
/*
 * Half as much again may be noted as lands while the run lives, so that what began can be ended and taken back. False: n bytes of
 * paths, with WARD_LANDED_EACH for each, are more than there is room for, or nothing can be noted any more.
 */
#define WARD_LANDED_EACH 256
bool ward_landed_room(const struct ward_landed *l, size_t n_bytes);
/* Written, so that a kill of ours leaves it, and not durable. */
int ward_landed_flush(struct ward_landed *l, struct ward_error *err);
int ward_landed_sync(struct ward_landed *l, struct ward_error *err);
/* For tests: max bytes of the file, instead of the limit. */
void ward_landed_bound(struct ward_landed *l, uint64_t max);
bool ward_landed_is_large(const struct ward_landed *l);
/*
 * landed_compact.c. The run is dead: of each path the last record alone, and of each object that outlives its path. After an error
 * the file is the old one; or (a sync failed behind the rename) the new one, and which of the two a crash would leave is not known:
 * both say the same, and nothing more can be noted until it is loaded again.
 */
int ward_landed_compact(struct ward_landed *l, int dir, struct ward_error *err);
/* NULL: nothing of it was landed. */
const struct ward_landed_seen *ward_landed_get(const struct ward_landed *l, const char *path);
/* An object of the project that is as we left it there. l may be NULL. */
bool ward_landed_ours(const struct ward_landed *l, const struct stat *st);
/* The layer has at path what was landed of it; and the project has that still: there is nothing to compare. */
bool ward_landed_is(const struct ward_landed *l, const char *path, const struct stat *layer, const struct stat *root);
/*
 * r->out, in order: what the layer has had since it was landed is no change, whatever the project has by now; what was landed and
 * is gone from the layer without a trace is one.
 */
int ward_landed_filter(struct reader *r);
/* The run is dead, and the layer ours: what is gone without a trace gets one. */
int ward_landed_settle(struct ward_landed *l, int layer, int root, struct ward_error *err);
