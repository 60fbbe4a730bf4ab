/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: Ward's vocabulary. Capabilities, their resources, file patterns. Pure: callers hand in
 * text that they have read; nothing here opens a file.
 *
 * Grammar 1 of patterns (docs/spec/capabilities.md): "*" any run within one component, "?" one
 * character of it, "**" any depth, "P/" followed by "**" is P and all below, "." the root alone;
 * anchored; a leading dot is not special; [ ] { } \ are literal.
 */
#pragma once

#include "base/base.h"
#include "policy/action.h"
#include "policy/book/book.h"
#include "policy/cache.h"
#include "policy/layer.h"
#include "policy/net/net.h"
#include "policy/ops.h"
#include "policy/pattern/pattern.h"
#include "policy/redact.h"
#include "policy/vocabulary.h"

/* X(id, name, held): held = the native backend can hold it today; others are validated, then refused. */
#define WARD_CAP_TYPES(X) \
	X(WARD_CAP_NONE, "", false) \
	X(WARD_CAP_FILE_READ, "FILE_READ", true) \
	X(WARD_CAP_FILE_WRITE, "FILE_WRITE", true) \
	X(WARD_CAP_EXTERNAL_COMMAND, "EXTERNAL_COMMAND", true) \
	X(WARD_CAP_ENV, "ENV", true) \
	X(WARD_CAP_NETWORK_CONNECT, "NETWORK_CONNECT", true) \
	X(WARD_CAP_NETWORK_LISTEN, "NETWORK_LISTEN", true) \
	X(WARD_CAP_SECRET_ACCESS, "SECRET_ACCESS", false) \
	X(WARD_CAP_DATABASE_READ, "DATABASE_READ", false) \
	X(WARD_CAP_DATABASE_WRITE, "DATABASE_WRITE", false) \
	X(WARD_CAP_REGISTRY_READ, "REGISTRY_READ", false) \
	X(WARD_CAP_REGISTRY_WRITE, "REGISTRY_WRITE", false) \
	X(WARD_CAP_ARTIFACT_READ, "ARTIFACT_READ", false) \
	X(WARD_CAP_ARTIFACT_WRITE, "ARTIFACT_WRITE", false)

enum ward_cap_type {
#define WARD_X(id, name, held) id,
	WARD_CAP_TYPES(WARD_X)
#undef WARD_X
	WARD_CAP_TYPE_MAX
};

const char *ward_cap_type_name(enum ward_cap_type t);
bool ward_cap_type_held(enum ward_cap_type t);
enum ward_action ward_cap_action(enum ward_cap_type t);     /* what it grants; FILE_WRITE reads too */
/*
 * A name, or another word of data/aliases that means exactly the same ("file.read", "repo_read"). NONE + WARD_E_CAPABILITY with the
 * nearest name for an unknown one, and for a word of policies that no type means.
 */
int ward_cap_type_parse(struct ward_str name, enum ward_cap_type *ret, struct ward_error *err);

/* The least and the most of limits, whether an option says them or a profile. */
#define WARD_LIMIT_MEMORY_MIN (UINT64_C(1) << 20)
#define WARD_LIMIT_DISK_MIN UINT64_C(65536)
#define WARD_LIMIT_PIDS_MIN 2u /* the sandbox's init, and the command */
#define WARD_LIMIT_PIDS_MAX 4194304u
#define WARD_LIMIT_NOFILE_MIN 16u
#define WARD_LIMIT_NOFILE_MAX 1048576u

/* Where a rule was written: "caps.json":3:5, or an option ("--cap", "--read"), or "implied". */
struct ward_origin {
	const char *file;
	uint32_t line, column;       /* 0 for an option */
	unsigned index;              /* which occurrence of the option, from 1; 0 for a file */
};

struct ward_cap {
	enum ward_cap_type type;
	const char *resource;        /* verbatim, NUL-terminated */
	bool literal;                /* from --read/--write: no character is special, relative to the caller's cwd */
	const char *description;     /* may be NULL */
	struct ward_origin origin;
	const char *link;            /* NULL, or the name as it was written: resource, a literal, is what that link leads to */
	bool denied;                 /* it is what a document denies: of what no grant could reach, too */
	bool decided;                /* policies permit this program: it brings no interpreter that they do not permit as well */
};

struct ward_caps {
	struct ward_cap *v;
	size_t n, cap;
	struct ward_arena *arena;    /* owns the texts; borrowed */
	bool only_decided;           /* types that nothing holds yet are taken too: policies only decide */
};

/* Add one; texts are copied into caps->arena. Validates the resource (ward_cap_check). */
int ward_caps_add(struct ward_caps *caps, const struct ward_cap *cap, struct ward_error *err);
/* "TYPE:RESOURCE", split at the first ':'. index = which --cap this is. */
int ward_caps_add_arg(struct ward_caps *caps, const char *arg, unsigned index, struct ward_error *err);
/* Text of a capability file (JSON list, or {"capabilities":[...]}); file is the name for errors and origins. */
int ward_caps_parse(struct ward_caps *caps, const char *text, size_t n, const char *file,
	struct ward_error *err);
/* The list of such a file, as a part of another document. The same, but for what was added before the error. */
int ward_caps_read(struct ward_caps *caps, const struct ward_json *list, const char *file, struct ward_error *err);
/*
 * Is the resource well formed for its type? Refuses empty, NUL, "..", "~", control bytes; for files also a
 * pattern that could not match; NAME[=VALUE] syntax for ENV; host:port for NETWORK_*; and so on. Errors are
 * of class CapabilityError and carry the origin and a fix. A known type that nothing holds yet:
 * WARD_E_CAPABILITY, "NETWORK_CONNECT: not held by this backend".
 */
int ward_cap_check(const struct ward_cap *cap, struct ward_error *err);
int ward_cap_check_form(const struct ward_cap *cap, struct ward_error *err);     /* the same for a type that nothing holds */
bool ward_cap_is_alone(const struct ward_cap *cap);      /* FILE_READ of "DIRECTORY/.": to be looked at, and nothing in it */

/* glob.c */
bool ward_glob_is_pattern(const char *pattern); /* holds * or ? */
/*
 * Path and pattern both absolute, or both relative; empty and "." components do not count; ".." in either matches
 * nothing. At most strlen(pattern) x strlen(path) steps whatever the pattern, no recursion, no memory.
 */
bool ward_glob_match(const char *pattern, const char *path);
/* Could anything strictly below directory dir match? Exact: for pruning a walk. */
bool ward_glob_may_match_below(const char *pattern, const char *dir);
/*
 * The literal directory that every match is or lies in: "/a/b" for "/a/b/" "*" ".c" and for "/a/b/" "**", "/a" for the
 * plain "/a/b". "." for a relative pattern without one. Size WARD_PATH_MAX.
 */
int ward_glob_prefix(const char *pattern, char *out, size_t size);
/* True for "P/" and two stars with a literal P: the grant of a whole directory; out gets P. Size WARD_PATH_MAX. */
bool ward_glob_is_subtree(const char *pattern, char *out, size_t size);
/*
 * How a path begins that means something elsewhere and is a name in the workspace here: a variable ("$HOME/", "%USERPROFILE%"), a drive
 * ("C:/"), a URL ("file://"). NULL: it is none of them, as "~" is, of which each form says its own.
 */
const char *ward_path_elsewhere(const char *path);

/* ---- the other parts, which stand on this one ---- */
#include "policy/doc/component.h"
#include "policy/doc/doc.h"
#include "policy/sugar/sugar.h"
