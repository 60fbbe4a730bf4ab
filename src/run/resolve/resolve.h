/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of resolve share. Private to run: the face is ward_resolve() in run/request.h.
 * resolve looks names up on the host and writes down what it found; it never runs anything to find out, never follows
 * what lies in the workspace into more than was granted, and decides nothing that plan or decide can decide.
 */
#pragma once

#include <sys/stat.h>

#include "run/request.h"

#define WARD_LINKS_MAX 40
struct ward_rulebook;            /* run/rules */
/* A link met on the way to something: at is its own real path. */
struct ward_link {
	const char *at, *to;
};
struct ward_target {
	const char *path;            /* real: no link in it */
	struct stat st;
	struct ward_link links[WARD_LINKS_MAX];
	size_t n_links;
};

struct ward_texts {
	const char **v;
	size_t n, cap;
};

struct ward_resolver {
	struct ward_request *r;
	const struct ward_host *host;
	struct ward_arena *arena; struct ward_rs_dirs *dirs; struct ward_mounts *mounts; /* look.h; NULL: none is open, not read yet */
	const char *cwd;             /* of the caller; the kernel's answer, so no link in it */
	const char *home, *account; struct ward_rt_at *rt_at[2]; /* of the caller, real; "" = none. By ward_rs_home(), _account() */
	const char *workspace;       /* real */
	dev_t fs_dev; bool fs_known, fs_one_entry;   /* alias.c */
	struct stat workspace_st;    /* what it was when it was looked up (mode 0: not yet): what is granted of it most is itself */
	const char *audit;           /* of the log, real; NULL = not looked up yet */
	const char *inside_cwd;
	const char *exe;
	char **argv;
	bool exec_all;               /* every program in the view */
	bool exec_default;           /* because nobody said anything of programs, policies included */
	struct ward_node *nodes;
	size_t n_nodes, cap_nodes;
	size_t n_viewed; bool base_cut;      /* nodes that the policies have judged; they take something of the base away */
	struct ward_rule *rules, *forbidden; /* forbidden: what policies forbid of the network by name */
	size_t n_rules, cap_rules, n_forbidden, cap_forbidden;
	int owner_warned;            /* the last rule that had its warning about another owner, + 1; 0 = none */
	struct ward_texts exec_paths, warnings, env, bins, meant, gone, remote, apart; /* meant, gone, remote, apart: persist/ */
	struct ward_rulebook *book;  /* NULL: nothing but the request's own capabilities decides */
	struct ward_caps caps;       /* the request's, and what the policies add for programs and variables */
	struct ward_limits limits;   /* the request's, with those of mode and profile where it has none */
	const char *late, *late_fix; /* what no view holds of the policies' rules about files, and what would; NULL: all is held */
	enum ward_late_names late_names; struct ward_review review; /* of the workspace; its layer is made later */
	struct ward_published published[WARD_PUBLISH_SOCKETS_MAX]; size_t n_published;
	bool i_know, starts; int starved; /* starts: a run, which keeps what its policies were. starved: of ward_rs_target(), errno */
	const char *path, *ahead; bool path_set, no_mounts; /* the run's PATH; ahead: to be; set: by --env. no_mounts: no list */
	const char *caches_read;     /* those that nobody asked for, and the run has: as in the plan */
	/* Under a mode or a profile: the directories of the caller's PATH, with what stand-ins stand for in their place ... */
	struct ward_texts callers;
	struct ward_texts toolchains, linked, homes; /* ... real prefixes of runtimes, links and variables of them ... */
	struct ward_texts parts; bool works, links_left; /* ... what packages laid outside /usr, under a mode or a profile ... */
	const char *caches[WARD_CACHES_MAX]; /* ... and caches of data/caches, in its order: real; NULL = not wanted */
	struct ward_cache_place *cached;     /* run/caches: those that were asked for, in that order; NULL: none was */
};

/* ---- resolve.c ---- */
int ward_rs_begin(struct ward_resolver *rs, struct ward_error *err);      /* the caller's directory, the workspace */
int ward_rs_nomem(struct ward_error *err);
uint64_t ward_rs_memory_share(const struct ward_host *host);     /* where nobody says how much memory; 0: it is not known */
int ward_rs_node(struct ward_resolver *rs, const struct ward_node *n, struct ward_error *err);
int ward_rs_rule(struct ward_resolver *rs, const struct ward_rule *rule, struct ward_error *err); /* its index, or a code < 0 */
int ward_rs_forbidden(struct ward_resolver *rs, const struct ward_rule *rule, struct ward_error *err);
int ward_rs_text(struct ward_resolver *rs, struct ward_texts *to, const char *s, struct ward_error *err); /* once each */
int ward_rs_text_new(struct ward_resolver *rs, struct ward_texts *to, const char *s, struct ward_error *err); /* is not there yet */
/* What is shown of fmt is escaped. */
int ward_rs_warn(struct ward_resolver *rs, struct ward_error *err, const char *fmt, ...) WARD_PRINTF(3, 4);
/* What shows this real path: the narrowest bind so far, unless something private hides it. */
const struct ward_node *ward_rs_shown_by(const struct ward_resolver *rs, const char *path);
bool ward_rs_visible(const struct ward_resolver *rs, const char *path), ward_texts_hold(const struct ward_texts *t, const char *path);
/* The node for a target that was found. */
struct ward_node ward_rs_bind(const struct ward_resolver *rs, const struct ward_target *t, int rule);
/* hold.c, when all nodes are there: no directory above what is protected is moved away; what is closed to root's command is said. */
int ward_rs_hold(struct ward_resolver *rs, struct ward_error *err);
int ward_rs_warn_closed(struct ward_resolver *rs, struct ward_error *err);
const char *ward_rs_show(struct ward_resolver *rs, const char *s);       /* "\"...\"", shortened, for a message */
/* Fill err for a capability: `TYPE "RESOURCE": message`, with its place. Returns code. */
int ward_rs_cap_fail(struct ward_resolver *rs, const struct ward_cap *cap, int code, struct ward_error *err,
	const char *fmt, ...) WARD_PRINTF(5, 6);

/* ---- link.c ---- */
/* Find an absolute path (may hold ".." and links). 0 or -errno; links in the order they were met. -ELOOP: too many. */
int ward_rs_target(struct ward_resolver *rs, const char *path, struct ward_target *ret);
bool ward_rs_is_pin(const struct ward_target *t);   /* kept from coming to be by a run (os/pin.c): as good as absent */
/* A node for each link, none of which may lie in /proc, /sys or /dev. */
int ward_rs_links(struct ward_resolver *rs, const struct ward_target *t, int rule, struct ward_error *err);
/* "/proc", "/sys", "/dev" if path is, or lies in, one of them; "/" for the root, which holds them; else NULL. */
const char *ward_rs_reserved(const char *path);
/* path made absolute from base, not normalised (".." stays); NULL: too long. */
const char *ward_rs_absolute(struct ward_resolver *rs, const char *base, const char *path);

/* ---- place.c ---- */
int ward_rs_place(struct ward_resolver *rs, struct ward_error *err);      /* workspace */
int ward_rs_place_cwd(struct ward_resolver *rs, struct ward_error *err);  /* after the grants */
int ward_rs_words(struct ward_resolver *rs, struct ward_error *err);      /* the command's, of what a private directory hides */
int ward_rs_check_audit_place(struct ward_resolver *rs, struct ward_error *err);   /* before the grants */
int ward_rs_check_audit(struct ward_resolver *rs, struct ward_error *err);
const char *ward_rs_home(struct ward_resolver *rs); char *ward_rs_home_named(uid_t uid); /* unresolved; malloc'ed or NULL */
int ward_rs_login(uid_t uid, char **ret); /* malloc'ed; NULL: nobody has that number. 0, or -errno: it is not known */
const char *ward_rs_account(struct ward_resolver *rs);                   /* of the account, where $HOME is not that; else NULL */
bool ward_rs_is_home(struct ward_resolver *rs, const char *path);        /* the caller's home, "/", or an ancestor of the home? */

/* ---- viewbase.c, gitconfig.c ---- */
int ward_rs_base(struct ward_resolver *rs, struct ward_error *err), ward_rs_follow(struct ward_resolver *rs, struct ward_error *err);
bool ward_base_is_here(const struct ward_base_entry *e), ward_base_is_store(const char *path), ward_base_holds(const char *path);
const char *ward_rs_gitconfig(struct ward_resolver *rs); /* the generated one; "": none. Bounded. NULL: no memory */
/* The parser of it: user.name and user.email of a git config text into out, as a git config text. */
void ward_gitconfig_user(const char *text, size_t n, struct ward_buf *out);
/* ---- grant.c, glob.c ---- */
int ward_rs_grants(struct ward_resolver *rs, struct ward_error *err);
/* Show t for rule, links included; refuses what no view can hold. within: real path must stay in it (NULL = anywhere). */
int ward_rs_show_target(struct ward_resolver *rs, const struct ward_cap *cap, const struct ward_target *t,
	const char *within, int rule, struct ward_error *err);
/* What no view can hold, and what nobody means to hand out, in words of cap. */
int ward_rs_check_target(struct ward_resolver *rs, const struct ward_cap *cap, const struct ward_target *t, struct ward_error *err);
/* Bind what a pattern matches now. pattern and dir: below prefix, which is real. */
int ward_rs_glob(struct ward_resolver *rs, const struct ward_cap *cap, const char *base, const char *pattern, int rule,
	struct ward_error *err);
/* The links among what a pattern matches, that lead to what the pattern grants with them; the others are passed over. */
int ward_rs_glob_links(struct ward_resolver *rs, const struct ward_cap *cap, const char *base, const char *pattern,
	int (*each)(void *arg, const struct ward_target *t), void *arg, struct ward_error *err);
const char *ward_rs_rule_text(struct ward_resolver *rs, const struct ward_cap *cap);

/* ---- env.c ---- */
int ward_rs_env(struct ward_resolver *rs, struct ward_error *err);
int ward_rs_env_home(struct ward_resolver *rs, struct ward_error *err); /* when the view is known: git's configuration there */
int ward_rs_env_finish(struct ward_resolver *rs, struct ward_error *err); /* runtimes' bins behind PATH, order, size */

/* ---- exec.c, interp.c, runtimes.c ---- */
int ward_rs_exec_mode(struct ward_resolver *rs, struct ward_error *err); /* sets exec_all */
int ward_rs_exec(struct ward_resolver *rs, struct ward_error *err);      /* CMD or SCRIPT: exe, argv */
int ward_rs_exec_grants(struct ward_resolver *rs, struct ward_error *err);
/*
 * env.c: a bare name on the run's PATH (or what that will be), then (trusted) on the caller's, but for entries in the workspace.
 * *ret_path: where it was found, before links. 0 or -ENOENT / -EACCES. _all: in every directory of both, for what takes away.
 */
int ward_rs_lookup(struct ward_resolver *rs, const char *name, bool trusted, const char **ret_path, struct ward_target *ret);
int ward_rs_lookup_all(struct ward_resolver *rs, const char *name, struct ward_texts *to, struct ward_error *err);
/*
 * Make a program visible and executable: path as it was found, t what it is. trusted: it may bring its runtime, or,
 * with alone, itself; untrusted ones choose among what is visible. from is the file whose "#!" line names it, NULL = the caller does.
 */
struct ward_program {
	const char *path;
	struct ward_target t;
	const char *from;
	const char *rule_text;       /* of the implied EXTERNAL_COMMAND rule; NULL = a grant says it already */
	bool trusted, alone, decided; /* decided: as of struct ward_cap */
	unsigned depth;              /* of #! lines */
};
int ward_rs_program(struct ward_resolver *rs, struct ward_program *p, struct ward_error *err);
/* The first bytes of a program. */
#define WARD_HEAD_MAX 256
struct ward_head {
	size_t n;
	char bytes[WARD_HEAD_MAX + 1];
	bool elf, script, cr;        /* cr: its first line ends as on Windows */
	char interp[WARD_HEAD_MAX], arg[WARD_HEAD_MAX];   /* of "#!"; arg "" = none */
	bool env;                    /* "#!/usr/bin/env X": interp is X, a bare name */
	char loader[WARD_HEAD_MAX];  /* PT_INTERP of an ELF program; "" = static. Read by ward_head_read */
	uint64_t loader_at, loader_n; /* where it stands in the file */
};
/* Pure: parse what was read. WARD_E_PARSE: a "#!" that means nothing, or one over WARD_HEAD_MAX bytes. */
int ward_head_parse(struct ward_head *h, struct ward_error *err);
int ward_head_read(const char *path, struct ward_head *ret, struct ward_error *err); /* opened without following links */
int ward_head_line_end(struct ward_resolver *rs, const struct ward_head *h, const char *path, struct ward_error *err);

/* If path (before links) lies in a shim directory: the real program's path, else NULL. Errors: err filled, code. */
int ward_rt_unshim(struct ward_resolver *rs, const char *path, const char **ret, struct ward_error *err);
/*
 * The runtime prefix that path lies in by shape or marker: *ret_prefix NULL = none. Refuses (WARD_E_REFUSED) one that
 * does not count: other owner, in the workspace, / or $HOME or above, or a link to what is none itself.
 */
int ward_rt_prefix(struct ward_resolver *rs, const char *path, const char **ret_prefix,
	const char **ret_name, struct ward_error *err);
/*
 * The same refusal for whatever the way from path to t leads through: a prefix in the shape of a runtime that is a link to
 * what is none. Also below a root that a variable has moved elsewhere, where nothing is granted but much is kept.
 */
int ward_rt_linked(struct ward_resolver *rs, const char *path, const struct ward_target *t, struct ward_error *err);
/* path = PREFIX/bin/X with PREFIX/pyvenv.cfg: check its home; trusted ones bring the runtime that it names. */
int ward_rt_venv(struct ward_resolver *rs, const char *path, bool trusted, struct ward_error *err);
/* Pure, all cut their text in place: the value of "home = DIR", NULL = none; the version, or TOOL/VERSION, of a shim's line. */
char *ward_rt_venv_home(char *text, uint32_t *ret_line);
char *ward_rt_version(char *line, const char *key), *ward_rt_tool_version(char *line);
/* A runtime as an implied read (and execute) of all of it. */
int ward_rt_grant(struct ward_resolver *rs, const char *prefix, const char *name, struct ward_error *err);
