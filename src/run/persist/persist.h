/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run/persist: names that run code later for their user (data/persist, docs/persistence.md): found before the start below what may be
 * written, and held; and looked for once more at the end, when nothing of the run is alive. Private to run.
 */
#pragma once

#include <sys/stat.h>

#include "run/resolve/look.h"

#define WARD_GIT_WHY "git runs it, or what it names"
/* Of a directory that root's run may not go into: to grant it, or what lies in it, would refuse the start. */
#define WARD_CLOSED_WHY "what runs code later lies where only its owner may enter: chmod o+x it, or run ward as its owner"

/* ---- match.c ---- */
enum { WARD_AS_DIR = 1, WARD_AS_FILE = 2, WARD_AS_ANY = 3 };     /* what a name is, or may be taken for: a link for both */
/*
 * The row of data/persist that path, whose last component is name, is called by; is_top says whether the directory that many
 * components above it is a place where rows of "top" count: 0 is the one that it lies in. NULL: none.
 */
const struct ward_persist_name *ward_persist_match(const char *path, const char *name, unsigned as,
	bool (*is_top)(void *arg, unsigned above), void *arg);
/* path, a link, stands where some row has a directory: what it leads to is obeyed by the row's names. */
bool ward_persist_leads(const char *path);
bool ward_persist_may(const char *name);         /* some row ends so */
bool ward_persist_passed(const char *name);      /* of a directory: its inside is looked through for git's names alone */
bool ward_persist_passes(const struct ward_persist_name *row);   /* the row does not count there */
/* out: path as a file system may take it that knows more of case than ASCII has, or does not see some characters. False: the same. */
bool ward_persist_folds(const char *path, char out[WARD_PATH_MAX]);

/* ---- names.c: the first names of a directory, so that not each that it lacks is asked for ---- */
struct ward_dir_names {
	bool all;                    /* buf holds every name that is there, and none of them could be taken for another */
	size_t n, room;              /* bytes of buf */
	char *buf;                   /* the caller's, aligned as for 64 bits: a directory that has more names is not known */
	uint64_t begins[2];          /* a bit for each character that a name begins with, without its case */
};
#define WARD_DIR_NAMES_ROOM 4096u                /* some hundred names */
#define WARD_DIR_NAMES_ROOM_MANY (32u << 10)     /* some seven hundred */
/* dir: real. most: bytes that it may take on its disk; it takes what it once did. Where it cannot be sure, it lacks nothing. */
void ward_dir_names_read(struct ward_dir_names *d, const char *dir, size_t most);
void ward_dir_names_read_in(struct ward_dir_names *d, int dir, size_t most);     /* of an open one; O_PATH is enough */
bool ward_dir_names_lack(const struct ward_dir_names *d, const char *name);      /* the first component of name surely is not there */

/* ---- answers.c: a mount whose server is gone, below what may be written, is masked, and said; rs->gone, rs->remote ---- */
/*
 * -ETIMEDOUT: path, absolute and without links, lies in a mount that does not answer: whoever looks waits for ever. The first look
 * at such a mount asks it, for a bounded time. 0: it can be looked at, whatever that says.
 */
int ward_rs_far(struct ward_resolver *rs, const char *path);
int ward_rs_lstat(struct ward_resolver *rs, const char *path, struct stat *ret); /* 0 or -errno; -ETIMEDOUT as above, unlooked */
int ward_rs_answers(struct ward_resolver *rs, struct ward_error *err);
/* Of mounts (n paths) that answered then, those that do not now, to ret, which has room for all; how many. Bounded in time. */
size_t ward_gone_since(const char *const *remote, size_t n, const char **ret);

/*
 * What a name is (dev, ino, mode, ctime alone; flags: AT_SYMLINK_NOFOLLOW or 0), where it may lie in a mount that answers nobody. 0, or
 * -errno; -ETIMEDOUT: not known, after a bounded time for all looks of one x into such mounts since it began. x begins as zeros; NULL:
 * the name lies in none.
 */
struct ward_looks {
	bool known, all;             /* not known: more may have been mounted since; all: where they are cannot be told */
	int fd;                      /* + 1: the kernel's list, which says when it is another */
	struct ward_buf far;         /* where they are, each with its end */
	uint64_t spent_ns;
};
void ward_looks_begin(struct ward_looks *x);
void ward_looks_done(struct ward_looks *x);
int ward_look(struct ward_looks *x, const char *path, int flags, struct stat *ret);
/* run/dest.c: what r's option (NULL: another) names is in no mount that answers nobody, where to open it would wait for ever. */
struct ward_request;
int ward_named_answers(struct ward_request *r, const char *path, struct ward_error *err);
void ward_named_done(struct ward_request *r);        /* no more is asked */

/* ---- kernels.c: the kernel's own (proc, sysfs ...), mounted below a grant or in one: no sandbox is shown the host's ---- */
bool ward_rs_in_kernels(struct ward_resolver *rs, const char *path);     /* absolute, without links: it lies in one */
int ward_rs_kernels(struct ward_resolver *rs, struct ward_error *err);   /* masked, and said; what is granted in one refuses the run */

/* ---- apart.c: as root, what cannot be ID-mapped with the grant around it comes by itself, only for reading, or not at all ---- */
int ward_rs_apart(struct ward_resolver *rs, struct ward_error *err);
/* Before both, when rs->mounts were read: what the kernel passes over as it copies root's trees (unbindable) is not there: rs->gone. */
int ward_rs_unbindable(struct ward_resolver *rs, struct ward_error *err);
#define WARD_MOUNTS_SAID_MAX 8   /* of either; the others are counted */
/* What is mounted at a real path is not shown, nor looked at any more: rs->gone. */
int ward_rs_mask_mount(struct ward_resolver *rs, const char *at, bool is_dir, struct ward_error *err);

/* ---- hunt.c: a bounded walk by descriptors, which follows no link and leaves no root ---- */
enum ward_hit_kind {
	WARD_HIT_NAME = 0,           /* of data/persist, or one that git obeys in a directory of its own */
	WARD_HIT_GIT,                /* a directory that git takes for its own, whatever it is called */
	WARD_HIT_GITFILE,            /* a file that leads to one */
	WARD_HIT_HIDDEN,             /* a directory that cannot be read or entered, though the command might; name is "" */
	WARD_HIT_OTHER               /* any other name; only where hunt->all */
};
struct ward_hit {
	enum ward_hit_kind kind;
	const char *path;            /* absolute; until the next one */
	int dir;                     /* its directory ... */
	const char *name;            /* ... and it in there */
	unsigned char type;          /* DT_*, never DT_UNKNOWN */
	const char *why;
	const char *below;           /* a directory of such a name that it lies in, the outermost; NULL: none */
	bool told;                   /* it may be written */
	bool git;                    /* git obeys it, in a directory that it takes for its own */
};
struct ward_hunt {
	/* *ret_enter (of a directory; true): look into it as well. */
	int (*hit)(void *arg, const struct ward_hit *h, bool *ret_enter);
	/* A directory of git's: are its objects looked through? NULL: no. */
	bool (*objects)(void *arg, const char *path);
	void *arg;
	const char *workspace;
	const char *const *gone;     /* directories that nobody looks into: who does may wait for ever */
	size_t n_gone;
	bool all;
	size_t looked, looked_max;   /* over all roots */
	/* Processor time of the thread that looks: others who are busy, which may be a run, leave nothing unseen. */
	uint64_t until_ns;           /* of one root, it only grows from one to the next */
	uint64_t ask_ns;             /* monotonic: before that it cannot have had so much */
	uint64_t wait_until_ns;      /* monotonic: a disk or a server that does not answer */
	bool cut;                    /* a bound was met, or something could not be looked into: there is more */
	struct ward_error *err;
};
bool ward_git_obeys(const char *name);           /* in a directory that it takes for its own */
void ward_hunt_init(struct ward_hunt *h);        /* the clocks start; it is looked through by the same thread */
/* root: a real path. What the caller neither owns nor may enter is passed over: the command, no more than the caller, cannot either. */
int ward_hunt(struct ward_hunt *h, const char *root);

/* ---- meant.c ---- */
int ward_meant_names(struct ward_resolver *rs, struct ward_texts *to, struct ward_error *err);   /* real */
int ward_meant(struct ward_resolver *rs, const struct ward_texts *names, const char *path, bool *ret, struct ward_error *err);

/* ---- start.c, with holding.h ---- */
struct ward_known {
	const char *path, *why;
	uint64_t dev, ino;
	int64_t ctime_ns;
	bool held;                   /* nothing inside could change it */
	bool git;                    /* a directory of git's */
	bool asked;                  /* the end looks at it by this name, through a link; it may be absent (dev, ino, ctime_ns: 0) */
};
/* A directory of the caller's PATH that the run may write, of which nothing is said before the start: onpath.c. */
struct ward_on_path {
	const char *path;            /* real, or what it would be; link: of one on the way to it */
	const char *names;           /* of programs in it, each with its end */
	size_t n_names;              /* bytes */
	const char *all;             /* PATH ... */
	size_t behind;               /* ... and where what follows it begins */
	bool link;
	uint64_t ino;                /* of a link */
	int64_t ctime_ns;
};
/* What there was before the start; in a memory of its own. */
struct ward_before {
	struct ward_arena *arena;
	const char *const *roots, *const *gone;
	const char *const *remote;   /* of others' servers, which answered: answers.c */
	struct ward_known *known;    /* by path */
	const struct ward_on_path *on_path;
	size_t n_roots, n_gone, n_remote, n_known, cap_known, n_on_path;
	bool cut;
	int64_t since_ns;            /* wall clock, as coarse as that of inodes */
};
void ward_before_done(struct ward_before *b);
/* One after the other, and none uses up what there is for those behind it. */
int ward_hunt_all(struct ward_hunt *h, const char *const *roots, size_t n);
/* A step of resolve, when all that is granted stands in the view. */
int ward_rs_persist(struct ward_resolver *rs, struct ward_error *err);

/* ---- granted.c: the step behind it, which says what was granted that runs later ---- */
int ward_rs_persist_granted(struct ward_resolver *rs, struct ward_error *err);

/* ---- onpath.c ---- */
#define WARD_ON_PATH_MAX 32
/* False: the end could not say what came to be there. behind: where in PATH begins what follows it. */
bool ward_on_path_know(struct ward_before *b, const char *dir, const char *all, size_t behind);
bool ward_on_path_know_link(struct ward_before *b, const char *link);
struct ward_on_path_tell {
	int (*tell)(void *arg, const char *path, const char *what, const char *why);
	void *arg;
	bool cut;                    /* not all was looked at */
	struct ward_looks *looks;
};
int ward_on_path_look(const struct ward_before *b, struct ward_on_path_tell *to);

/* ---- late.c ---- */
struct life;
/* live/lost.c: what a policy takes out of a wider grant, as it was before the view was made, and which of it is another by now. */
struct ward_node;
struct ward_lost_name { const struct ward_node *node; uint64_t dev, ino, handle; int64_t born_ns; };
struct ward_lost { struct ward_lost_name *v; size_t n; };
void ward_lost_done(struct ward_lost *x);
int ward_lost_begin(struct life *l, struct ward_error *err);
int ward_lost_look(struct life *l, struct ward_error *err);
int ward_late_look(struct life *l, struct ward_error *err);
