/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: what people write. YAML is read here, through libyaml, and nowhere else: the pure column gets the same trees that
 * the JSON reader makes. The directories of policies are read here too, checked for who may have written what lies in them;
 * their texts are handed on, and nothing here says what they mean.
 */
#pragma once

#include "policy/policy.h"
#include "ward/trust.h"

/*
 * YAML text (n bytes, UTF-8, need not be terminated) as nodes living in a: one document, docs/spec/yaml.md. Plain scalars are
 * read by the core schema of YAML 1.2: "no", "off", "yes", "on" and "1:30" are strings. Aliases are counted at their full
 * size; what an anchor names is shared between the places that use it, so nodes must not be changed. Over WARD_YAML_*_MAX or
 * WARD_JSON_DEPTH_MAX: WARD_E_LIMIT. Not this YAML: WARD_E_PARSE. No memory, or the arena is full: WARD_E_NOMEM. *ret is
 * NULL after any error. The tree does not point into text; file may be NULL.
 */
int ward_yaml_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err);

/* JSON where the name ends in ".json", else YAML; the JSON reader is the stricter one. At most WARD_YAML_BYTES_MAX bytes. */
int ward_tree_parse(struct ward_arena *a, const char *text, size_t n, const char *file,
	struct ward_json **ret, struct ward_error *err);

/* ---- ahead.c: documents that are read by a thread while the caller does something else ---- */
struct ward_ahead_item {
	const char *name;            /* of the file, and for places; borrowed until ward_ahead_free() */
	struct ward_str text;        /* its text, borrowed as well; of NULL the file is read */
	enum ward_layer layer;
};
struct ward_ahead;
struct ward_worker;
/* NULL: there is nothing to read, or no memory. */
struct ward_ahead *ward_ahead_start(const struct ward_ahead_item *items, size_t n);
/* Waits. The caller's from now on; NULL (a NULL too): it is not there, for whatever reason, and the caller reads it himself. */
struct ward_doc_alone *ward_ahead_take(struct ward_ahead *a, const char *name, enum ward_layer layer, size_t *ret_bytes);
/* Who reads them, for jobs behind that: one more reference, the caller's. NULL (a NULL too): there is none. */
struct ward_worker *ward_ahead_worker(struct ward_ahead *a);
void ward_ahead_free(struct ward_ahead *a);     /* waits; NULL ok */

/* ---- layers.c: the policy files of a run, docs/policy-layers.md ---- */

/* What a file is, by the end of its name. Zero: a note for people, counted by the hashes, never interpreted. */
enum ward_policy_kind {
	WARD_POLICY_NOTE = 0,        /* README* */
	WARD_POLICY_EPOCH,           /* "epoch", of the ceiling alone */
	WARD_POLICY_DOCUMENT,        /* .yaml .yml .json: ward_tree_parse() */
	WARD_POLICY_IMPORT,          /* .cedar.json: the same, of components and what they are allowed */
	WARD_POLICY_CEDAR            /* .cedar */
};

#define WARD_CEILING_DIR "/etc/ward"

/* Where they lie: absolute paths, borrowed. NULL: there is no such layer. */
struct ward_layers_where {
	const char *ceiling;         /* the directory: WARD_CEILING_DIR */
	const char *user;            /* the directory: $XDG_CONFIG_HOME/ward */
	const char *workspace;       /* the directory that .ward lies in */
	const char *trust;           /* the file of pins: $XDG_STATE_HOME/ward/trust; NULL: nothing is trusted */
	uint32_t uid;                /* who the user layer and the pins must belong to */
	uint32_t ceiling_uid;        /* who the ceiling must belong to: root */
};
/*
 * What a run uses: from the environment and the effective uid, texts living in a. workspace may be NULL. An environment
 * without HOME is an error, as somebody's policy would be passed over.
 */
int ward_layers_where_default(struct ward_arena *a, const char *workspace, struct ward_layers_where *ret, struct ward_error *err);
/* The user's policies and pins as they are without XDG_CONFIG_HOME and XDG_STATE_HOME, at home (NULL: $HOME); nothing else. */
int ward_layers_where_otherwise(struct ward_arena *a, const char *home, struct ward_layers_where *ret, struct ward_error *err);

struct ward_policy_file {
	enum ward_layer layer;
	enum ward_policy_kind kind;
	bool may_grant;              /* false: it only narrows. Of the user and of a trusted repository alone it is true */
	const char *name;            /* "build.yaml" */
	const char *path;            /* for messages and @source: the real path of the directory, and the name */
	struct ward_str text;        /* NUL-terminated behind n; a NUL may be inside */
	int64_t written;             /* when, in seconds, as the file system says */
	char sha256[WARD_SHA256_HEX];
};

struct ward_layer_dir {
	bool present;                /* an empty directory is a present one: a ceiling that allows nothing */
	const char *path;            /* its real path; where it would be, if it is absent; NULL: no such layer */
	size_t first, n;             /* its files */
	char sha256[WARD_SHA256_HEX]; /* over its list, as `sha256sum * | sha256sum` in it, in the order of bytes */
};

struct ward_layers {
	struct ward_policy_file *v;  /* ceiling, user, repository; by name in each, in the order of bytes */
	size_t n;
	struct ward_layer_dir ceiling, user, repository;
	uint64_t epoch;              /* of the ceiling; 0: it names none */
	enum ward_trust_state trust; /* of the repository */
	const char *notice;          /* one line for the user: an untrusted repository, what has changed; NULL: nothing to say */
	char sha256[WARD_SHA256_HEX]; /* over all of it: layers, what may grant, names, texts */
};

/*
 * Read them. Anything that is not as it must be refuses the whole: a link, a file of somebody else or one that others may
 * write (ceiling, user), another kind of file, an unknown ending, too many, too large, a directory that changes while it is
 * read (tried twice): WARD_E_REFUSED, _INVALID, _LIMIT, _PARSE, _SYSTEM, _NOMEM, with the path and what mends it. What is
 * handed out was read twice with the same result, and lives in a. *ret is NULL after an error.
 */
int ward_layers_load(struct ward_arena *a, const struct ward_layers_where *where, const struct ward_layers **ret,
	struct ward_error *err);

/* The present ceiling, for a run that is alive: read, checked as at a start, and given back. */
struct ward_epoch {
	uint64_t number;             /* 0: no ceiling, or one without an epoch */
	char sha256[WARD_SHA256_HEX]; /* of the whole ceiling; of nothing, if there is none */
};
int ward_layers_epoch(const struct ward_layers_where *where, struct ward_epoch *ret, struct ward_error *err);

/* What a live run has to do about it. Zero: it cannot be held to this ceiling. */
enum ward_epoch_change {
	WARD_EPOCH_BACK = 0,         /* a lower number than before: an error of the owner, or worse */
	WARD_EPOCH_NEW,              /* a higher number: the run is held to both ceilings from now on */
	WARD_EPOCH_EDITED,           /* another ceiling under the same number: for runs that start later */
	WARD_EPOCH_SAME
};
enum ward_epoch_change ward_epoch_compare(const struct ward_epoch *was, const struct ward_epoch *now);
