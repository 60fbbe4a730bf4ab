/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to registry: what the readers of policy directories and of the pins share. layer_walk.c finds a directory that
 * nobody else can have put there, layer_dir.c reads all that lies in one, layers.c puts the layers of a run together,
 * pins.c remembers what is trusted.
 */
#pragma once

#include <sys/stat.h>

#include "os/os.h"
#include "registry/registry.h"

#define LAYER_REPOSITORY_DIR ".ward"

/* Who may have written what is read, and how it is called in messages. */
struct layer_rule {
	enum ward_layer layer;
	const char *what;            /* "the ceiling" */
	uint32_t uid;                /* owner of everything, beside root */
	bool owned;                  /* false: whoever (a repository) */
	bool links;                  /* the way to the directory may lead over links of root or of uid */
};

/* ---- layer_walk.c ---- */
/*
 * Open directory path (absolute), from the root on, looking at every step: who owns it, who may write it. *ret_fd: -1 if it
 * is absent. real (WARD_PATH_MAX) gets its path without links, or, if it is absent, path.
 */
int ward_layer_walk(const struct layer_rule *rule, const char *path, char *real, int *ret_fd, struct ward_error *err);
/* .ward of a workspace, which may be reached over links; .ward itself is none. real gets its path. */
int ward_layer_repository(const char *workspace, char *real, int *ret_fd, struct ward_error *err);
/* One name below a directory, never over a link: as openat2() does it, where it is missing as O_NOFOLLOW does. fd or -errno. */
int ward_layer_open(int dirfd, const char *name, int flags);
/* Is what st says as rule asks? Owner and mode only. */
int ward_layer_owner(const struct layer_rule *rule, const struct stat *st, const char *path, struct ward_error *err);
const char *ward_layer_type(mode_t mode); /* "a fifo" */

/* ---- layer_dir.c ---- */
/* HELD: somebody writes a rule there, and is soon done. */
enum ward_layer_change { WARD_LAYER_STEADY = 0, WARD_LAYER_CHANGED, WARD_LAYER_HELD };
/*
 * All files of the directory fd, whose path is path, sorted, into *ret_v (in a) and dir. Read twice; WARD_E_REFUSED and
 * *ret_change if the second time was not as the first. may_grant is left to the caller.
 */
int ward_layer_read(struct ward_arena *a, const struct layer_rule *rule, int fd, const char *path, struct ward_layer_dir *dir,
	struct ward_policy_file **ret_v, enum ward_layer_change *ret_change, struct ward_error *err);

/* ---- layers.c ---- */
struct layer_rule ward_layer_rule(const struct ward_layers_where *where, enum ward_layer layer);
/* The whole of one layer: found, read, and once more if it changed meanwhile. path: for a repository that of the workspace. */
int ward_layer_get(struct ward_arena *a, const struct layer_rule *rule, const char *path, struct ward_layer_dir *dir,
	struct ward_policy_file **ret_v, struct ward_error *err);

/* ---- pins.c: the file of pins, docs/spec/trust.md ---- */
struct ward_pin_file {
	const char *name, *sha256;
};
struct ward_pin {
	const char *directory;       /* real path of the directory that .ward lies in */
	const char *sha256;          /* of its .ward, as struct ward_layer_dir has it */
	const char *time;            /* when it was pinned, RFC 3339, UTC */
	uint32_t uid;                /* who did it */
	struct ward_pin_file *files;
	size_t n_files;
};
struct ward_pins {
	struct ward_pin *v;
	size_t n;
};
/* A directory for the pins, made 0700 if need be and checked: *ret_fd, and its real path (WARD_PATH_MAX). */
int ward_pins_dir(const struct ward_layers_where *where, bool make, char *real, int *ret_fd, struct ward_error *err);
/* Could whoever may write below directory write the pins? Then they are worth nothing there. real: from ward_pins_dir(). */
bool ward_pins_inside(const char *real, const char *directory);
/* Owner, mode and form are checked; no file: none are pinned. Texts live in a. */
int ward_pins_read(struct ward_arena *a, const struct ward_layers_where *where, struct ward_pins *ret, struct ward_error *err);
const struct ward_pin *ward_pins_find(const struct ward_pins *pins, const char *directory);
/* What the pins say about a .ward, and the notice that goes with it (in a; NULL: none). */
int ward_pins_look(struct ward_arena *a, const struct ward_layers_where *where, const struct ward_layer_dir *dir,
	const struct ward_policy_file *v, enum ward_trust_state *ret, const char **ret_notice, struct ward_error *err);
/* What differs: "b.yaml has changed, c.cedar is new, d.yaml is gone". */
void ward_pin_differences(struct ward_buf *out, const struct ward_pin *pin, const struct ward_policy_file *v, size_t n);
/* Replace or, with sha256 NULL, take out what is pinned for pin->directory. *ret_was: there was something. Texts: a's. */
int ward_pins_write(struct ward_arena *a, const struct ward_layers_where *where, const struct ward_pin *pin, bool *ret_was,
	struct ward_error *err);
/* "/home/u/repo/.ward" -> "/home/u/repo", in a. NULL: no memory. */
const char *ward_pin_directory(struct ward_arena *a, const struct ward_layer_dir *dir);
