/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace: what a run under review (ward run --review) changed, before any of it is real. docs/review.md
 *
 * The run saw an overlay: the project below, and a layer of its own above, which alone it could write. This folder keeps that layer
 * (store), reads out of it what was changed (change), shows it (diff) and makes it real (commit). What may be made real is not judged
 * here: who calls commit says so, change by change.
 *
 * The layer is the work of hostile code. Everything in it and in the project is reached by descriptor, below its own root, and no link
 * of either is ever followed.
 */
#pragma once

#include <sys/stat.h>

#include "audit/audit.h"
#include "base/base.h"
#include "os/os.h"
#include "plan/plan.h"

/*
 * ---- store.c: STATE/runs/RUN/, 0700, one a run under review (docs/spec/workspace.md). STATE: $XDG_STATE_HOME/ward; where that is not
 * set, of root /var/lib/ward, of others ~/.local/state/ward ----
 */
enum ward_workspace_state {
	WARD_WORKSPACE_BROKEN = 0,   /* its record cannot be read, or is of a newer version */
	WARD_WORKSPACE_LIVE,         /* the run is alive */
	WARD_WORKSPACE_PENDING,      /* it ended, or died; what it changed waits */
	WARD_WORKSPACE_COMMITTING,   /* a commit began and did not end: --continue or --abort */
	WARD_WORKSPACE_LOST          /* the layer lay on a tmpfs, and went with a reboot or crash; or is forgotten but for the record */
};
const char *ward_workspace_state_name(enum ward_workspace_state s);

#define WARD_WORKSPACE_VERSION 3 /* 2 and 1, which are read: without since_boot_ns; 1: without root_born */
/* in the entry's directory: a file, or a directory. While it is there the state is COMMITTING */
#define WARD_WORKSPACE_JOURNAL "journal"

/* workspace.json. Texts belong to whoever filled it in. */
struct ward_workspace_facts {
	char run[WARD_ULID_SIZE];
	const char *root;            /* the directory that was under review: absolute, no link in it */
	uint64_t root_dev, root_ino;
	struct ward_born root_born;  /* ward_born_of() */
	/* wall clock: what the project has of that ctime or a later one was changed meanwhile, by others */
	int64_t since_ns;
	int64_t since_boot_ns;       /* that moment by ward_now_boot_ns(): tells a wall clock that was set back; 0: not known */
	enum ward_disk_backend backend;
	uint64_t bound;              /* bytes of the layer */
	const char *log;             /* the log with the run's records */
	const char *command;         /* for people: its words, escaped; what is longer than WARD_WORKSPACE_COMMAND_MAX is cut */
	int64_t started_ns, ended_ns; /* wall clock; ended 0: not yet, or it died */
	bool has_code;               /* how it ended; false: by a signal, a limit, or it is not known */
	int code;
	/* of a layer on a tmpfs not all could be kept; or (when it is read) the machine went down while the run lived */
	bool incomplete;
};

struct ward_workspace;               /* open, and locked by us until it is closed; one thread */

enum ward_workspace_use {
	WARD_WORKSPACE_LOOK = 0,     /* no lock */
	/*
	 * refused: one that is alive, is lost, or that another process changes (WARD_E_REFUSED), or whose root is another directory now
	 */
	WARD_WORKSPACE_CHANGE,
	WARD_WORKSPACE_DROP          /* to remove it: its record need not be readable,
		nor its root be there. Alive or changed by another: refused */
};

/* The directory of all of them; made, 0700, if make. WARD_E_NOTFOUND: there is none. Refused: one that others could write. */
int ward_workspace_home(bool make, char out[WARD_PATH_MAX], struct ward_error *err);
/* Where it is for who has no XDG_STATE_HOME, and this home (NULL: $HOME). False: nowhere. */
bool ward_workspace_home_otherwise(const char *home, char out[WARD_PATH_MAX]);
/* Its path alone: whether it is there, and fit to be one, is not looked at. False: there is none. */
bool ward_workspace_where(char out[WARD_PATH_MAX]);
/*
 * Of a run that is about to start: its directories and record. It is locked, so it is seen to be alive. Nothing of it is durable
 * yet.
 */
int ward_workspace_make(const struct ward_workspace_facts *f, struct ward_workspace **ret, struct ward_error *err);
/*
 * Beside a run that lives: a thread makes the entry durable, once, and with layer all that was written to a layer in a directory.
 * Nothing is waited for; what another sync is in the way of, the next call begins. What failed settle tells.
 */
void ward_workspace_sync(struct ward_workspace *w, bool layer);
/*
 * What the indexes of the project's repositories say is remembered, so that one that git only wrote anew is no conflict: beside the
 * run, at the first call; and at its end of those among all that were not yet, if they are as old. What fails is not remembered.
 */
struct ward_changes;
void ward_workspace_indexes(struct ward_workspace *w);
void ward_workspace_indexes_of(struct ward_workspace *w, const struct ward_changes *all);
/* Nobody writes any more: all of it is durable, or an error. */
int ward_workspace_settle(struct ward_workspace *w, struct ward_error *err);
/*
 * run: its identifier, or a prefix of it (in any case) that is of one alone. WARD_E_NOTFOUND, WARD_E_REFUSED, WARD_E_PARSE (it is
 * broken), WARD_E_UNSUPPORTED (it is of a newer version: not to be removed either)
 */
int ward_workspace_open(const char *run, enum ward_workspace_use use, struct ward_workspace **ret, struct ward_error *err);
/*
 * The one that a command without RUN means: whose root is path or lies above it, that is PENDING or COMMITTING; the youngest; more than
 * one and only_one: an error that lists them. WARD_E_NOTFOUND.
 */
int ward_workspace_find(const char *path, bool only_one, char out[WARD_ULID_SIZE], struct ward_error *err);
/* rewritten, by rename, durable; with an end in it, the run is not alive any more */
int ward_workspace_record(struct ward_workspace *w, const struct ward_workspace_facts *f, struct ward_error *err);
const struct ward_workspace_facts *ward_workspace_facts(const struct ward_workspace *w); /* until the next record or close */
/* as it is now, if w holds the lock; else as it was when it was opened */
enum ward_workspace_state ward_workspace_state(const struct ward_workspace *w);
const char *ward_workspace_path(const struct ward_workspace *w);  /* of its directory in the store */
int ward_workspace_dir(const struct ward_workspace *w);           /* the same, open; not to be closed */
/* "layer/upper", open, mounted first where it is a loop; not to be closed */
int ward_workspace_layer(struct ward_workspace *w, struct ward_error *err);
/* Its layer has nothing. False: it has, or cannot be read. */
bool ward_workspace_unwritten(struct ward_workspace *w);
/* the project, open; checked to be the same directory; not to be closed */
int ward_workspace_root(struct ward_workspace *w, struct ward_error *err);
void ward_workspace_close(struct ward_workspace *w);              /* NULL ok */
/*
 * All that it has is forgotten, whatever modes the run gave it: by descriptor, no link followed, bounded memory. It is closed, even
 * after
 * an error, and is no entry any more from the first moment on; what a crash leaves of it ward_workspace_sweep() takes away.
 */
int ward_workspace_remove(struct ward_workspace *w, struct ward_error *err);
/*
 * Before that, where the disk is so full that it cannot be recorded: the layer goes, and from the first moment on the run is LOST.
 * Nobody takes what a kill leaves of it for the run's; said again it goes on. An error: it has not begun.
 */
int ward_workspace_empty(struct ward_workspace *w, struct ward_error *err);
/* Of a run that is LOST: what became of its changes, behind "what it changed ". */
const char *ward_workspace_lost(const struct ward_workspace_facts *f);
/* What removals and starts that died have left. ret_n (NULL ok): of how many. */
int ward_workspace_sweep(size_t *ret_n, struct ward_error *err);
/*
 * fn with each, the oldest first; what it returns other than 0 ends it and is returned. Of a BROKEN one facts has the run alone, and
 * why
 * says what is wrong. No store: WARD_OK.
 */
typedef int ward_workspace_each_fn(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *facts,
	const struct ward_error *why);
int ward_workspace_each(ward_workspace_each_fn *fn, void *arg, struct ward_error *err);
/*
 * What the layer takes on its disk, and how many objects it has; what its owner cannot read, or is named too deep for a path, is not
 * counted.
 */
int ward_workspace_size(struct ward_workspace *w, uint64_t *ret_bytes, uint64_t *ret_objects, struct ward_error *err);

/* ---- change.c: what a layer says was changed ---- */

enum ward_change_kind {
	WARD_CHANGE_NONE = 0,
	WARD_CHANGE_ADDED,
	WARD_CHANGE_MODIFIED,        /* content, mode or extended attributes */
	WARD_CHANGE_TYPE,            /* another type of object in its place */
	WARD_CHANGE_DELETED,
	WARD_CHANGE_RENAMED          /* with or without other content */
};
const char *ward_change_kind_name(enum ward_change_kind k);
extern const char ward_change_closed[];

struct ward_change {
	enum ward_change_kind kind;
	const char *path;            /* below the root, without a leading slash; as bytes */
	const char *from;            /* RENAMED: the name that is gone */
	const char *target;          /* what a link of the layer said when it was read: that is what is made real; else NULL */
	mode_t was_mode, mode;       /* type and bits, 0 = not there */
	uint64_t was_size, size;
	uint64_t dev, ino;           /* of it in the layer; 0 = not there */
	uint64_t n_links;            /* in the layer */
	int64_t ctime_ns;            /* of it in the layer */
	/* a file of several names in the layer: the first of them that is not path; else NULL. It may be no change */
	const char *link;
	/*
	 * MODIFIED: of the names that the project's file has, in the place of how many the layer has that same file; or, if these are
	 * more, has anything else, or nothing. 0: of none but this
	 */
	uint64_t n_same;
	const char *as_was;          /* the first of its names in the layer that is no change: the project has that file; else NULL */
	/*
	 * What the project has here, and would lose by this change, the layer has there (renamed over something, or two that changed
	 * places): it may be the only copy. NULL: no other change has it. unsure: of its size, and not compared. part: changed too.
	 */
	const struct ward_change *moved_to;
	bool moved_unsure, moved_part;
	uint32_t summed;             /* private to who reads the changes */
	/*
	 * A directory of which not all could be looked at, and why (static): neither that nor the directory is made real, and what is
	 * gone elsewhere may be there. MODIFIED, without a difference: of one that is otherwise no change.
	 */
	const char *beyond;          /* or ward_change_closed: of the project's */
	/* MODIFIED, RENAMED: what of it differs; never a guess: content is compared where sizes are equal */
	bool content, bits, xattrs;
	/* the layer has it as a copy of something of the project; not of a directory that is gone there, and has something new */
	bool origin;
	bool opaque;                 /* a directory that hides all that the project has below it */
};

struct ward_changes {
	struct ward_arena *arena;    /* owns the texts */
	struct ward_change *v;       /* by path, as bytes; a directory before what lies in it; of what was deleted each name */
	size_t n;
};
/*
 * Walks the layer, and of the project only what the layer names and what lies below a directory that is gone. A directory that differs
 * in
 * nothing is no change, and neither is the workspace's own directory. Both are descriptors of directories. Of a file of the project
 * that
 * cannot be read the content counts as changed. A mount of the project where the layer has something is refused: the run saw what lies
 * under it. A rename is what was
 * deleted and added with the same content; a directory's are those of the files in it. WARD_RENAME_BYTES_MAX bounds what is read for
 * that.
 */
int ward_changes_read(int layer, int root, struct ward_changes **ret, struct ward_error *err);
void ward_changes_free(struct ward_changes *c);                   /* NULL ok */
enum ward_changes_how {
	WARD_CHANGES_ALL = 0,        /* as ward_changes_read() */
	/* also: of a run that is dead, and w is open for CHANGE; what it removed again gets its whiteouts in the layer */
	WARD_CHANGES_LAST,
	WARD_CHANGES_QUICK           /* what is as it was when it was landed is not compared again */
};
/* The same of a workspace, without what was landed (ward_commit_land()) and is in the layer as it was then. */
int ward_workspace_changes(struct ward_workspace *w, enum ward_changes_how how, struct ward_changes **ret, struct ward_error *err);
/* c is path itself, below it, or (RENAMED) came from there. path "" or ".": always. */
bool ward_change_within(const struct ward_change *c, const char *path);
#define WARD_PATHS_NONE UINT32_MAX
/*
 * paths: n, sorted as bytes. ret[i]: the last of them that names a directory that paths[i] lies in, or WARD_PATHS_NONE; ret[ret[i]] the
 * next one. It takes as long as all of them are, however deep: to look each directory of each path up would not.
 */
void ward_paths_above(const char *const *paths, size_t n, uint32_t *ret);
/*
 * Below dir, "" being itself: no link, no other mount, nothing outside; -errno. flags 0: O_PATH (to read: O_RDONLY | O_NONBLOCK).
 * O_NOFOLLOW always.
 */
int ward_beneath(int dir, const char *path, uint64_t flags);
/*
 * A regular file or a directory of the layer, to read. What its owner cannot reach or read is lent the mode for it, which is then
 * given back; but not where the run lives, which would see it.
 */
int ward_changed_open(int layer, const char *path, bool lives, struct ward_error *err);
/* An extended attribute that the overlay keeps for itself: it is not of the file. */
bool ward_changed_own_xattr(const char *name);

/* ---- diff/: for people and programs. docs/spec/diff.md ---- */
enum ward_diff_form { WARD_DIFF_PATCH = 0, WARD_DIFF_STAT, WARD_DIFF_NAMES, WARD_DIFF_STATUS, WARD_DIFF_JSON };
struct ward_diff_style {
	enum ward_diff_form form;
	bool terminal;               /* what a file could do to a terminal is escaped; off: its bytes, as git gives them */
	bool colour;                 /* git's */
	bool lives;                  /* the run does: what cannot be read of the layer is said to be so */
	/* takes what there is and empties it, now and then; NULL: all stays in out */
	int (*flush)(void *arg, struct ward_buf *out, struct ward_error *err);
	void *arg;
};
/*
 * Of v, which are of one list, in its order. Git's format, names quoted as git quotes them. What that format has no word for (devices,
 * attributes, empty directories, modes but 644 and 755) stands in lines "# ward: ..." between the files, which git apply skips. A file
 * of more
 * than WARD_DIFF_FILE_MAX bytes is said to differ, as one that is not text. Past WARD_DIFF_STEPS_MAX steps what is left is gone and
 * new whole.
 */
int ward_diff_write(const struct ward_change *const *v, size_t n, int layer, int root, const struct ward_diff_style *style,
	struct ward_buf *out, struct ward_error *err);

/* ---- commit.c: the layer's changes made real, by two phases and a journal. docs/spec/commit-journal.md ---- */
enum ward_commit_side {
	WARD_COMMIT_NEITHER = 0,     /* what the project has that is newer than the run is never overwritten */
	WARD_COMMIT_THEIRS,          /* the project's stays as it is; the change is forgotten (leaves the layer) */
	WARD_COMMIT_OURS             /* the layer's goes over what the project has now */
};
struct ward_commit_item {
	const struct ward_change *change;
	enum ward_commit_side side;
	bool set_id;                 /* its set-user-ID and set-group-ID bits may become real; else a new one is refused */
	const char *git;             /* an object of this repository: left where its names have moved when all is staged; NULL */
};
/*
 * What the project has in the way of c that was not there, or not so, when the run began: a text for people in a, or NULL. Of a
 * directory that is gone, everything below it counts.
 */
int ward_commit_conflict(struct ward_workspace *w, const struct ward_change *c, const char **ret, struct ward_arena *a,
	struct ward_error *err);
/* A reference of git's that has no file in the project, and is there all the same: in packed-refs. */
bool ward_commit_is_packed(struct ward_workspace *w, const struct ward_change *c);
/* 1: what names objects in the repository at git has moved since the run began; 0: it has not; -errno: nobody can tell. */
int ward_commit_names_moved(struct ward_workspace *w, const char *git);
bool ward_commit_packs_moved(struct ward_workspace *w, const char *git); /* the same of its packs */
/*
 * A change that was not made real after all, or (abort) not taken back: somebody changed the project between the look and the moment,
 * or it
 * depends on a change that is not among those to be made real. Called while the rest goes on. path is below the root; both texts are
 * borrowed.
 */
typedef void ward_commit_left_fn(void *arg, const char *path, const char *why);
/*
 * Make them real. v in any order. First everything is made in the entry (or ROOT/.ward-commit-RUN), and is durable; then the journal
 * says so;
 * then each takes its place by a rename. After an error before the journal is whole nothing of the project has changed and the state is
 * what it was; after a later one (the message says which) the state is COMMITTING: commit_continue finishes, commit_abort puts
 * everything
 * back. What was made real leaves the layer, so that ward_changes_read() then finds exactly the rest. left may be NULL.
 * A directory that is new and in which something is made real is made too. Refused: devices, fifos, sockets, new set-ID bits that are
 * not allowed.
 */
int ward_commit_apply(struct ward_workspace *w, const struct ward_changes *all, const struct ward_commit_item *v, size_t n,
	ward_commit_left_fn *left, void *arg, struct ward_error *err);
/* Tells left what can be seen beforehand, of w that is open to LOOK too, and changes nothing. */
int ward_commit_try(struct ward_workspace *w, const struct ward_changes *all, const struct ward_commit_item *v, size_t n,
	ward_commit_left_fn *left, void *arg, struct ward_error *err);
/*
 * The same as apply of a run that is alive, and ours; ward_workspace_land() was before it. What was made real stays in the layer, which
 * somebody else writes: it is noted in the store instead (docs/spec/workspace.md), and is no change any more for
 * ward_workspace_changes(). What is not as it was when all was read is told to left, and the whole is WARD_E_REFUSED, before
 * anything of the project has changed. A crash leaves the state COMMITTING, as above.
 */
int ward_workspace_land(struct ward_workspace *w, struct ward_error *err);
/* By any thread, and for good: what is under way ends within a moment, with nothing half done (WARD_E_REFUSED), or finishes. */
void ward_workspace_land_over(struct ward_workspace *w);
int ward_commit_land(struct ward_workspace *w, const struct ward_changes *all, const struct ward_commit_item *v, size_t n,
	ward_commit_left_fn *left, void *arg, struct ward_error *err);
/*
 * WARD_E_NOTFOUND: no commit began that did not end (what a dead one left beside the project's files is taken away by abort even so).
 */
int ward_commit_continue(struct ward_workspace *w, ward_commit_left_fn *left, void *arg, struct ward_error *err);
/* Refused (WARD_E_REFUSED) once everything was made real and only the layer is to be tidied: continue does that. */
int ward_commit_abort(struct ward_workspace *w, ward_commit_left_fn *left, void *arg, struct ward_error *err);
/*
 * Before a run is forgotten of which a commit began and did not end: its journal goes, and what it kept. Only where that is applied or
 * aborted (*ret_over: what could be given back to no name stays beside the project's files, and left is told), or where neither
 * verb can go on: the project is gone or another, what was kept is gone, or the journal is damaged. WARD_E_REFUSED: they can; or
 * what was kept may be all there is of files, and err says where it lies. *ret_why: a sentence without the run, static. look:
 * nothing is changed, and w may be open to LOOK.
 */
struct ward_commit_giving_up {
	bool look;
	ward_commit_left_fn *left;   /* NULL ok */
	void *arg;
};
int ward_commit_give_up(struct ward_workspace *w, const struct ward_commit_giving_up *how, const char **ret_why, bool *ret_over,
	struct ward_error *err);
