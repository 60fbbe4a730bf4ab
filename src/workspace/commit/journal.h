/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to workspace: the journal of a commit, docs/spec/commit-journal.md. It is a file of the store entry, whole or not there:
 * written
 * beside its name, synced, renamed. What it says is checked before anything of it is used; a torn, damaged or invented one is refused.
 */
#pragma once

#include "base/base.h"
#include "workspace/workspace.h"

#define WARD_JOURNAL_NAME WARD_WORKSPACE_JOURNAL
#define WARD_JOURNAL_NEW WARD_WORKSPACE_JOURNAL ".new"
#define WARD_JOURNAL_TIMES WARD_WORKSPACE_JOURNAL ".times" /* times.c */
/* Those before are read: 1 without root_born, 2 without inside, 3 without dir_old and was_old, 4 without owners, 5 without with. */
#define WARD_JOURNAL_VERSION 6u

enum ward_journal_state {
	WARD_JOURNAL_NONE = 0,
	WARD_JOURNAL_BEGUN,          /* everything is made; steps are done, or being done */
	WARD_JOURNAL_APPLIED,        /* the steps are done; the layer is being tidied */
	WARD_JOURNAL_ABORTED         /* the steps are taken back; what was made beside is being removed */
};

enum ward_step_kind {
	WARD_STEP_NONE = 0,
	WARD_STEP_TAKE,              /* the project's object goes to the staging directory */
	WARD_STEP_PUT,               /* a new object comes to a name that is free */
	WARD_STEP_SWAP,              /* a new object takes the place of an old one, which goes to the staging directory */
	WARD_STEP_DIR,               /* a directory's mode and attributes, at the end; until then it can be written */
	WARD_STEP_DROP               /* nothing in the project: the change leaves the layer */
};

enum ward_step_result { WARD_RESULT_OPEN = 0, WARD_RESULT_DONE, WARD_RESULT_LEFT };

/* What says that an object is the same: its ctime cannot, a rename changes it. Of a directory ino, type, owner count. ino 0: none. */
struct ward_seen {
	uint64_t ino, size;
	int64_t mtime_ns;
	uint32_t mode;
	uint32_t uid, gid;
	bool owned;                  /* these two are known */
};

#define WARD_DIR_UNKNOWN UINT64_MAX
struct ward_step {
	enum ward_step_kind kind;
	enum ward_step_result result;
	/* DIR: its extended attributes change too, and stand on two directories of the staging directory */
	bool attributes;
	bool inside;                 /* PUT: what is new is made in the directory of an earlier step, and comes with it */
	struct ward_seen old, new;   /* DIR: the mode before and the mode to come */
	/* when it was planned; of a file looked at before it is replaced. 0: not known (a file with other names) */
	int64_t old_ctime_ns;
	uint64_t dir_ino;            /* of the directory that it lies in; WARD_DIR_UNKNOWN: it was not there, and the step is left */
	uint64_t layer_ino;          /* of what the layer has at the path; 0: nothing, or a whiteout */
	int64_t layer_ctime_ns;      /* not in the file: when it was copied; 0 = not known */
	/* when it was planned only we had changed, since the run began, the directory that it lies in, or (DIR) it; what is old */
	bool dir_old, was_old;
	/* TAKE, SWAP: what is old may be nowhere but in what that step, less one, puts: if that is left, it is given back. 0: none */
	uint64_t with;
	int64_t given_back_ns;       /* not in the file: ctime of what was old when it had its name again, by us; 0: it has not */
	bool noted;                  /* not in the file: that it was given back is */
	bool moved;                  /* not in the file: the run wrote to it while it was read */
	size_t top;                  /* not in the file. Of inside: the step whose rename brings it */
	bool named;                  /* not in the file. An object that something may name by now */
	bool came;                   /* not in the file. Of inside: it was as it was made when that was about to be done */
	bool inherited;              /* not in the file: what is made in this directory inherits a list of its */
	bool no_room;                /* not in the file: the layer's directory could not be made to look like the project's */
	const char *path;
};

/* A step's objects are named after its index in the staging directory: see commit.h. */
struct ward_journal {
	enum ward_journal_state state;
	char run[WARD_ULID_SIZE];
	uint64_t root_ino, stage_ino;
	struct ward_born root_born;
	bool stays;                  /* the run lives: what is made real stays in the layer */
	struct ward_step *v;
	size_t n;
	char *text;                  /* read: what the paths point into, and v, are the journal's own */
};

/* WARD_E_LIMIT: it is more than one commit may be. */
int ward_journal_fits(const struct ward_journal *j, struct ward_error *err);
/* Durable when it returns: the file and its name in dir. */
int ward_journal_write(int dir, const struct ward_journal *j, struct ward_error *err);
/* WARD_E_NOTFOUND: there is none. WARD_E_UNSUPPORTED: of a newer version. WARD_E_PARSE: damaged. */
int ward_journal_read(int dir, struct ward_journal *ret, struct ward_error *err);
int ward_journal_remove(int dir, struct ward_error *err);
bool ward_journal_there(int dir);
/* text becomes the journal's own, whatever comes of it. */
int ward_journal_parse(char *text, size_t n, struct ward_journal *ret, struct ward_error *err);
void ward_journal_done(struct ward_journal *j); /* of one that was read */
