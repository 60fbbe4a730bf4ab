/* SPDX-License-Identifier: Apache-2.0 */
/* run/persist, before the start: what its steps share. Private to them. */
#pragma once

#include "run/persist/persist.h"

struct holding {
	struct ward_resolver *rs;
	struct ward_before *b; /* NULL: nobody wants to know at the end */
	struct ward_texts roots;
	struct ward_texts named; /* write grants by name, real */
	struct ward_texts repositories; /* directories of git's */
	struct ward_texts leads; /* files that lead to one: the directory of each */
	struct ward_texts above; /* directories that become mounts, so that nobody moves them */
	size_t n_repositories, n_leads; /* of them: found by name, and done with */
	size_t held, unheld, warned, unwarned, inside;
	bool inside_cut;
	bool walking; /* what is found now was found by looking through everything */
	bool full[2]; /* [walking] */
	/* Directories that are held together, and looked into when all of them are: links of one lead to another. */
	struct ward_holding_look {
		const char *path, *why;
	} *looks;
	size_t n_looks, looks_max;
	struct ward_error *err;
};

/* ---- before.c: what there was, for who looks at the end ---- */
int ward_holding_begin(struct holding *x);
int ward_holding_know(struct holding *x, const char *path, const char *why, bool held, bool git);
/* Of no row's name, or not there: the end looks at it by itself, and through a link. */
int ward_holding_ask_later(struct holding *x, const char *path, const char *why);
int ward_holding_keep(struct holding *x, bool cut);

/* ---- held.c: one name ---- */
/* path: real, or a link itself. */
int ward_holding_hold(struct holding *x, const char *path, const char *why);
int ward_holding_cannot(struct holding *x, const char *path, const char *why, const char *because);
int ward_holding_look_in(struct holding *x, const char *dir, const char *why);
bool ward_holding_is_written(const struct holding *x, const char *path);
bool ward_holding_is_among(const struct ward_texts *t, size_t n, const char *path);

/* ---- gits.c: directories of git's, and what leads to one: found, and then done with together ---- */
int ward_holding_repository(struct holding *x, const char *path);
int ward_holding_lead(struct holding *x, const char *path, const char *why);
int ward_holding_of_git(struct holding *x);      /* those that are not done with; each has its own room */

/* ---- asked.c: names that are asked for one by one, before anything is walked ---- */
int ward_holding_ask(struct holding *x);
/* What dir/name is itself; 0: nothing, or a place that a run keeps free. */
mode_t ward_holding_type_at(struct holding *x, const char *dir, const char *name, const char **ret);
bool ward_holding_is_of(const struct ward_persist_name *row, mode_t type);

/* ---- places.c: rows that are a place of the host, so asked for as well ---- */
int ward_holding_places(struct holding *x);
