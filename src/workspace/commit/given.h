/* SPDX-License-Identifier: Apache-2.0 */
/* Private to workspace: what an abort gives back, and what a part of a commit changes, is noted: no conflict for the next commit. */
#pragma once

#include <sys/stat.h>

#include "workspace/commit/journal.h"

struct ward_commit;

/* Of a file that had several names when it was planned, one that a step takes or replaces. */
struct ward_name_of {
	uint64_t ino;
	size_t step;
};

/* From step to step. */
struct ward_given {
	bool on;                     /* of a commit: something of the run waits behind it, or that is not known */
	int64_t begun_ns, again_ns;  /* when the journal was written; when it was read, by the clock of ctimes. 0: it was not */
	struct stat st;              /* of the directory of the step before; st_ino 0: none */
	char path[WARD_PATH_MAX];
	size_t own_step;             /* that gives it its mode; SIZE_MAX: none does */
	bool judged, ours;           /* ours: nobody but us has changed it since the run began */
	bool changed;                /* by us, and that is not noted yet */
	bool noting;                 /* what the step gives back may be noted */
	bool none;                   /* there can be no notes */
	struct ward_name_of *names;  /* by inode; ward_commit_note_end() */
	size_t n_names;
	int64_t *times; int times_fd; /* times.c: of each step, and the file that has them too; NULL: there are none */
};

/* times.c: is the directory of step i as it was left by that one? UNDER_WAY: a kill came before that was said. */
enum ward_commit_last { WARD_LAST_UNKNOWN = 0, WARD_LAST_FIRST_UNDER_WAY, WARD_LAST_UNDER_WAY, WARD_LAST_OURS };
enum ward_commit_last ward_commit_time_is(const struct ward_commit *c, size_t i, const struct stat *dir);
void ward_commit_times_make(struct ward_commit *c);
void ward_commit_times_open(struct ward_commit *c);
void ward_commit_times_done(struct ward_commit *c);
/* Around the step's call; before: its directory. */
int64_t ward_commit_time_begin(struct ward_commit *c, size_t i);
void ward_commit_time_end(struct ward_commit *c, size_t i, int dir, const struct stat *before, int64_t was);

/* Before the first step of who goes on, or takes back: of a directory that somebody took one of our names from nothing is noted. */
void ward_commit_know_lost(struct ward_commit *c);
/* Around each step, whose directory is open at dir; and at the end. */
void ward_commit_note_before(struct ward_commit *c, size_t i, bool back, int dir, const char *name);
void ward_commit_note_after(struct ward_commit *c, size_t i, int dir);
void ward_commit_note_end(struct ward_commit *c);
/* A directory got its mode, or names by us. */
void ward_commit_note_mode(struct ward_commit *c, const char *path, int fd, const struct stat *before);
/* There are notes, or are now. */
bool ward_commit_begin_notes(struct ward_commit *c);
