/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the folder: what the forms of a diff share. */
#pragma once

#include "os/os.h"
#include "workspace/change.h"
#include "workspace/workspace.h"

/* ---- sha1.c: for the name that git gives a content, the sum of its index, and nothing else ---- */
#define SHA1_SIZE 20
void ward_diff_sha1(const void *p, size_t n, bool fast, uint8_t out[SHA1_SIZE]);
/*
 * Of a blob of git: "blob N\0" and the bytes. fast: only where ward_diff_blob_fast() says that the processor has instructions for
 * it.
 */
void ward_diff_blob(const void *p, size_t n, bool fast, uint8_t out[SHA1_SIZE]);
bool ward_diff_blob_fast(void);      /* to ask costs some microseconds in a virtual machine: once */

/* ---- load.c: what a name has ---- */
enum loaded { LOADED_NOTHING = 0, LOADED_TEXT, LOADED_BINARY, LOADED_LARGE, LOADED_UNREADABLE };
struct content {
	enum loaded what;
	const char *s;               /* of TEXT and BINARY */
	size_t n;
	uint64_t size;
	char *owned;
	bool busy;                   /* it is closed, and another ward is at the layer: nothing is known of it */
};
struct writer;
/* WARD_OK, whatever ret then is, or WARD_E_NOMEM: nothing is known of it. To be unloaded in any case. */
int ward_diff_load(struct writer *w, const char *path, bool in_layer, mode_t mode, struct content *ret);
void ward_diff_unload(struct content *c);

/* ---- lines.c: which lines are gone, which are new ---- */
struct lines {
	const char *s;
	size_t n;                    /* lines */
	uint32_t *at;                /* n + 1: where each begins */
	uint32_t *id;                /* equal lines have equal ones */
	bool *changed;
};
struct compared {
	struct lines a, b;
	uint32_t *memory;
	bool *flags;
};
/* What all files share. */
struct comparing {
	uint64_t steps;              /* that may be spent yet */
	uint64_t seed;               /* of the hash of lines: whoever wrote them shall not know which collide */
};
int ward_diff_comparing(struct comparing *ret); /* WARD_OK, or WARD_E_SYSTEM: the system has no randomness to give */
/* WARD_E_LIMIT: too many lines; WARD_E_NOMEM. */
int ward_diff_compare(const struct content *a, const struct content *b, struct comparing *io, struct compared *ret);
void ward_diff_compare_done(struct compared *c);
/* How many of b are new, and of a gone. */
void ward_diff_count(const struct compared *c, size_t *ret_new, size_t *ret_gone);

/* ---- text.c ---- */
struct writer {
	const struct ward_diff_style *style;
	const struct ward_change *const *v;
	size_t n;
	int layer, root;
	struct ward_way way;         /* to what the run has closed of the layer, which is locked only while one of it is opened */
	struct comparing lines;
	bool fast;                   /* ward_diff_blob() */
	struct ward_buf *out;
	struct ward_error *err;
	int code;                    /* of a flush that failed */
};
enum colour { COLOUR_NONE = 0, COLOUR_META, COLOUR_FRAG, COLOUR_OLD, COLOUR_NEW };
void ward_diff_colour(struct writer *w, enum colour c);
void ward_diff_reset(struct writer *w, enum colour c);
/* Bytes of a file: as they are, or as a terminal may have them. */
void ward_diff_raw(struct writer *w, const char *s, size_t n);
/* n, and a NUL; its length without. What is written for each hunk and each file is not worth a printf. */
#define DECIMAL_SIZE 24
size_t ward_diff_decimal(size_t n, char out[DECIMAL_SIZE]);
/* prefix and path, quoted together as git does if it has to. Returns whether it had to. */
bool ward_diff_name(struct ward_buf *out, const char *prefix, const char *path);
/* What git's format cannot say of change i, a line each; nothing if there is nothing. */
void ward_diff_notes(struct writer *w, size_t i, void (*say)(struct writer *w, const struct ward_change *c, const char *what));
bool ward_diff_has_notes(struct writer *w, size_t i);
bool ward_diff_has_content(mode_t mode); /* of git's kinds: a file, or a link */

/* What a change is in lines. A TYPE counts what is gone and what is new. */
struct measure {
	bool text;                   /* both sides are, or not there; else the counts are nothing */
	bool differs;                /* the bytes do */
	size_t n_new, n_gone;
};
int ward_diff_measure(struct writer *w, const struct ward_change *c, struct measure *ret);
/* Is it told of where only names are? A directory is if nothing else of the list says that it is there. */
bool ward_diff_told(struct writer *w, size_t i);

/* The forms: change i. */
int ward_diff_patch(struct writer *w, size_t i);
void ward_diff_json(struct writer *w, size_t i);
int ward_diff_stat(struct writer *w);  /* all of them */
