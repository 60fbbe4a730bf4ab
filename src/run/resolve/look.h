/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at directories, git's files and the caller's PATH without believing them. Private to run. */
#pragma once

#include "run/resolve/resolve.h"

/* ---- walk.c ---- */
enum ward_entry { WARD_ENTRY_OTHER = 0, WARD_ENTRY_LINK, WARD_ENTRY_DIR };
struct ward_walk {
	struct ward_resolver *rs;
	/* For each name; *ret_enter (false): look into it as well. */
	int (*entry)(void *arg, const char *path, enum ward_entry type, bool *ret_enter);
	/* A directory that cannot be listed, though what is in it can be had by who knows its name; NULL: that is nothing. */
	int (*unlisted)(void *arg, const char *path);
	void *arg;
	struct ward_error *err;
	struct ward_texts todo;      /* private */
	size_t looked;               /* over WARD_GLOB_WALK_MAX: that is what WARD_E_LIMIT meant, and err is not filled */
};
int ward_rs_walk(struct ward_walk *w, const char *start);        /* start: a real directory */
/* What lies in each of dirs itself, from done on, but links; of one for which there is no room: nothing. shut: not to be listed. */
struct ward_names {
	struct ward_texts dirs; size_t done, room; const char *first; size_t more;     /* those without room: one, and so many more */
};
int ward_rs_names(struct ward_resolver *rs, struct ward_names *n, struct ward_texts *found, struct ward_texts *shut,
	struct ward_error *err);
int ward_rs_push(struct ward_resolver *rs, struct ward_texts *to, const char *path, struct ward_error *err); /* a list, with twins */
void ward_rs_sort(struct ward_texts *t); /* by bytes */
/* To names, what of written lies below one of them: what is shown from now on may give it more. They are sorted. */
int ward_rs_again(struct ward_resolver *rs, const struct ward_texts *written, struct ward_texts *io_names, struct ward_error *err);
bool ward_rs_covers(const struct ward_resolver *rs, const struct ward_node *mask); /* by something wider? Else it says: not shown */
int ward_rs_alone(struct ward_resolver *rs, const struct ward_target *t, int rule, struct ward_error *err); /* and nothing in it */

/* ---- alias.c: does its file system find a file by another spelling, which no mount covers? ---- */
bool ward_rs_has_other_names(struct ward_resolver *rs, const char *path);
int ward_rs_other_names(struct ward_resolver *rs, struct ward_error *err);

/* ---- reach.c: no link on the way to Ward's own files may be written ---- */
int ward_rs_check_reach(struct ward_resolver *rs, struct ward_error *err);
int ward_rs_cover_log(struct ward_resolver *rs, struct ward_error *err); /* nothing inside reads the log: place.c */
/* The program that starts this run: where it lies; called: the name that the command was called by, links and all. NULL: not known. */
const char *ward_rs_starter(struct ward_resolver *rs, bool called);
/* A place of Ward's own and the directories that it lies in, by what they are: looked at once, however many names are compared. */
struct ward_above {
	bool looked;
	int err;                     /* it could not be looked at: then everything is one */
	size_t n;
	struct ward_identity {
		dev_t dev;
		ino_t ino;
	} v[WARD_PATH_MAX / 2 + 1];
};
/*
 * A host may show one of them by a second name, over which nothing of the first lies. True: n is that, or something that is mounted
 * below it is. place: real, or to come.
 */
bool ward_rs_is_second_name(struct ward_resolver *rs, struct ward_above *a, const struct ward_node *n, const char *place);

/* ---- mounts.c: the kernel's list of the mounts that we see, read once ---- */
struct ward_mount {
	unsigned long id, parent; const char *fs, *root, *at;    /* the file system's number, the directory in it, where it is */
	const char *type; bool unbindable;   /* no copy of a tree has it */
	bool kernels, is_file;       /* nobody's files, but the kernel's own (persist/kernels.c); a file, as far as it was asked */
	bool trap, by_name, far, asked; /* autofs: it waits, or what it shows; far: may be gone (answers.c); once asked ... */
	int answer;                  /* ... 0, the errno that it answers by, or ETIMEDOUT: it does not, or not in time */
};
struct ward_mounts {
	struct ward_mount *v; const struct ward_mount **by_id, **by_place;   /* place: by parent, and then where */
	size_t n, n_far, n_asked; uint64_t waited_ns;    /* for all answers so far */
};
const struct ward_mounts *ward_rs_mounts(struct ward_resolver *rs, struct ward_error *err); /* NULL: it cannot be read; err: NULL ok */
const struct ward_mount *ward_mount_parent(const struct ward_mounts *all, const struct ward_mount *m);  /* NULL: we do not see it */
const char *ward_mount_why_gone(const struct ward_mount *m);    /* persist/answers.c, of one that was asked; NULL: it answers */
bool ward_mount_is_hidden(const struct ward_mounts *all, const struct ward_mount *m);    /* by its name something else is found */
bool ward_rs_waits(struct ward_resolver *rs, const char *path);  /* to step into it does, for somebody outside: trap, or by_name */
bool ward_mount_is_kernels(const char *type), ward_mount_may_be_gone(const char *type); /* persist/: kernels.c, answers.c */
bool ward_mount_take(char *line, struct ward_mount *ret);       /* a line of that list; ret points into it */

/* ---- gitconfig.c ---- */
#define WARD_GITCONFIG_VALUE_MAX 1024
struct ward_gitconfig_key {
	const char *section, *key;   /* key NULL: each of the section */
	bool subsections;            /* [section "x"] counts too */
	bool alone;                  /* a key without a value is the value "true" */
};
/* Each value of a key, in order; one that is longer, or not understood, is left out. False: each() ended it. */
bool ward_gitconfig_each(const char *text, size_t n, const struct ward_gitconfig_key *k,
	bool (*each)(const char *value, void *arg), void *arg);
/* The directory of git's in which git-lfs keeps what it has, under a mode that does not write it; NULL: none, or no git-lfs. */
const char *ward_rs_git_lfs(struct ward_resolver *rs);

/* ---- git.c, gitguard.c ---- */
struct ward_git {
	const char *top;             /* of the repository that the workspace lies in; NULL: there is none */
	struct ward_texts dirs;      /* git's own: of the worktree, the common one */
	struct ward_texts guarded;   /* what git obeys outside; real names, may not exist */
	struct ward_texts files;     /* of it: configuration */
	struct ward_texts absent;    /* what command lines of its configuration name of the work tree, and is not there */
	struct ward_texts links;     /* on the way to it: whoever may put another in their place leads git elsewhere */
	const char *unsure;          /* why that is not all, a sentence; NULL: it is */
};
bool ward_rs_find(struct ward_resolver *rs, const char *dir, const char *name, struct ward_target *ret);
/* All that git obeys which has this directory; g->top is known. */
int ward_git_guard(struct ward_resolver *rs, struct ward_git *g, const char *dir, const char *common, struct ward_error *err);
int ward_git_guard_found(struct ward_resolver *rs, struct ward_git *g, const char *dir, const char *common, struct ward_error *err);
/* What a directory of git's names as the common one of its work trees, or itself; what the file name in top leads to. NULL: nothing. */
const char *ward_git_common(struct ward_resolver *rs, const char *dir);
const char *ward_git_led_to(struct ward_resolver *rs, const char *top, const char *name);
/* What git would obey in a directory, if that were its own. */
int ward_git_guard_names(struct ward_resolver *rs, struct ward_git *g, const char *dir, struct ward_error *err);
int ward_git_guard_name(struct ward_resolver *rs, struct ward_git *g, const char *dir, const char *name, struct ward_error *err);
/*
 * Of a name in a directory of git's that is not there: the text of a file that means the same as none, to keep it from coming to
 * be; NULL: an empty directory does.
 */
const char *ward_git_stand_in(const struct ward_git *g, const char *path);
/* Never fails for what a repository holds: what does not count is a warning. */
int ward_rs_git(struct ward_resolver *rs, struct ward_git *ret, struct ward_error *err);

/* ---- runtimes.c ---- */
/*
 * The bin directories that the stand-ins of dir stand for, a version each, at the end of to; *ret false: dir is no directory of
 * stand-ins.
 */
int ward_rt_shim_bins(struct ward_resolver *rs, const char *dir, struct ward_texts *to, bool *ret, struct ward_error *err);
const char *ward_rt_above(struct ward_resolver *rs, const struct ward_runtime *rt);    /* where versions of it lie, real, or NULL */
/* By the text of path, which lies on no mount that may keep a look waiting: in a runtime, or a venv. */
bool ward_rt_named(struct ward_resolver *rs, const char *path);
/* What of a runtime, which lies at prefix (real), no run is shown: real names in it, at the end of to. */
int ward_rt_hidden(struct ward_resolver *rs, const char *prefix, struct ward_texts *to, struct ward_error *err);
/* run/caches/hidden.c: one line "hide" about what lies at top (real); what is in its directory line, but " NAME NAME ". */
int ward_rs_hidden(struct ward_resolver *rs, const char *top, const char *line, struct ward_texts *to, struct ward_error *err);
int ward_rs_hidden_but(struct ward_resolver *rs, const char *top, const char *line, const char *but, struct ward_texts *to,
	struct ward_error *err);
/*
 * toolchain.c, what the caller has: the runtimes of data/runtimes that the caller's PATH leads to, and caches of tools on it, into
 * rs->callers, toolchains, linked, homes, caches. Nothing is granted here: the policies say whether they may be read.
 */
int ward_rs_toolchains(struct ward_resolver *rs, struct ward_error *err);
int ward_rs_callers_path(struct ward_resolver *rs, const char **ret, struct ward_error *err); /* with versions in place of stand-ins */
/* Links of the caller's PATH into runtimes, as nodes, before the policies are asked whether they may be read. */
int ward_rs_toolchain_links(struct ward_resolver *rs, struct ward_error *err);
/* After the view is known: the run's PATH is the caller's, as far as it is in the view, and the caches are where tools look. */
int ward_rs_toolchain_path(struct ward_resolver *rs, struct ward_error *err);
bool ward_rs_on_path(const char *path, const char *dir);
/* ---- parts.c ---- */
/* What the host has of the parts of data/runtimes, into rs->parts; and then, as nodes of the base, with the lists of modules. */
int ward_rs_parts(struct ward_resolver *rs, struct ward_error *err);
int ward_rs_parts_shown(struct ward_resolver *rs, struct ward_error *err);

/* ---- net.c: NETWORK_CONNECT as rules of the plan; what policies would ask a person about before a connection ---- */
int ward_rs_net(struct ward_resolver *rs, struct ward_error *err);
/* Of rs->book alone, whatever the host and without asking anybody: what ward_rs_net would refuse of its permits, and warn of. */
int ward_rs_net_check(struct ward_resolver *rs, struct ward_error *err);

/* ---- publish.c: NETWORK_LISTEN and --publish as rules, and what will be listened at ---- */
int ward_rs_publish(struct ward_resolver *rs, struct ward_error *err);

/* ---- link.c ---- */
/* Of what a look failed by: nothing is there, or nothing that we get to. Of any other error what is there may be anything. */
bool ward_rs_is_none(int r);
bool ward_rs_is_gone(int r); /* whose server is another machine, or a program, and is not there; or a disk that fails */
/* Where the way to path ends, links followed: real but for its last component, of which the look said r. would: all of it, or NULL */
int ward_rs_stuck(struct ward_resolver *rs, const char *path, char *ret_at, const char **ret_would);
/* Directories that more than one name was looked up in, open, for the time of a resolve. */
struct ward_dir_names;
struct ward_rs_dirs {
	struct ward_rs_dir {
		const char *path;
		size_t n;
		int fd;
		unsigned missed;     /* names that were not in it; of some more it is asked what it has, once */
		struct ward_dir_names *names;    /* that, while nothing is made; NULL: not read */
	} v[24];
	size_t n;
	uint64_t seen[64];           /* hashes of those that were needed once ... */
	unsigned next;               /* ... the oldest of which is here */
	/* What was at a path, or that nothing was, while nothing is made: several sides look. Open-addressed, at most half full. */
	bool remember;
	struct ward_rs_known {
		const char *path;    /* NULL: free */
		const struct stat *st;   /* NULL: nothing was there; a link: that it is one */
	} known[512];
	size_t n_known;
};
void ward_rs_dirs_done(struct ward_rs_dirs *d);
/* From now on. Not to remember is to forget what was known. */
void ward_rs_dirs_remember(struct ward_rs_dirs *d, bool remember);
/*
 * What is at an absolute, normalised path: 0; -ELOOP: a link is there, which ret->st is of, or on the way, and st_mode is 0. What a
 * resolve has remembered is not looked at again.
 */
int ward_rs_look(struct ward_resolver *rs, const char *path, struct ward_target *ret);
/* Does an absolute, normalised path lead through a link, or end at one? One look, and not at what it leads to. */
bool ward_rs_is_link(struct ward_resolver *rs, const char *path);
/*
 * An absolute path (links, "..") that need not be there, as what opening it to create would make: a link to nothing
 * is what it leads to. NULL: too many links, too long, or ".." behind what is not there.
 */
const char *ward_rs_would_be(struct ward_resolver *rs, const char *path);
