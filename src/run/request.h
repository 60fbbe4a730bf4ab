/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked for, parsed but not yet looked up on any file system. Private to run. */
#pragma once

#include <stdatomic.h>

#include "run/run.h"

struct ward_env_set {
	const char *name, *value;    /* value NULL: pass the host's */
	struct ward_origin origin;
};

/* --approve: what the person who starts the run says yes to beforehand. */
enum ward_consent { WARD_CONSENT_NONE = 0, WARD_CONSENT_RISKY, WARD_CONSENT_CRITICAL };

/* --ask: where a person may be. */
enum ward_ask_whom { WARD_ASK_NOBODY = 0, WARD_ASK_AUTO, WARD_ASK_WAIT };

/* --review: what becomes of what the run writes in its workspace. */
#define WARD_REVIEW_OPTION "--review" /* the origin of the permit that lets the run write its layer */
enum ward_review_how { WARD_REVIEW_NOT = 0, WARD_REVIEW_LATER, WARD_REVIEW_AUTO, WARD_REVIEW_LIVE };

/* --policy FILE */
struct ward_policy_option {
	const char *path;
	unsigned index;              /* which occurrence of the option, from 1 */
};

/* --publish: what the capability of that number (of caps) stands for. */
struct ward_publish {
	size_t cap;
	uint16_t port, inner;        /* port 0: the kernel chooses */
	bool spare;                  /* the other loopback, where the host has it */
	const char *text;            /* as given */
};

/* A place to write to, looked up when the option was set (dest.c). */
struct ward_dest {
	const char *text;            /* as given; NULL = not set */
	int fd;                      /* "fd:N"; not owned; -1 = a file */
	int dir;                     /* the file's directory, held open; owned */
	const char *name;            /* in it */
};

struct ward_request {
	enum ward_command_kind kind;
	struct ward_arena *arena;
	struct ward_caps caps;       /* --cap, --capabilities, --read, --write, --env NAME */
	const char *const *cap_files; size_t n_cap_files;   /* --capabilities, as given; those that list nothing too */
	const struct ward_publish *publishes; size_t n_publishes;
	struct ward_env_set *env; size_t n_env;   /* --env NAME=VALUE; each name once */
	const char **env_names;      /* of them, sorted */
	int argc; char **argv;       /* argv[0] = command or script; NULL-terminated */
	const char *workspace;       /* as given, NULL = cwd */
	enum ward_mode mode;         /* NONE: none was named */
	const char *profile;         /* NULL: none was named */
	const struct ward_policy_option *policies; size_t n_policies;
	enum ward_consent consent;
	enum ward_ask_whom ask;
	uint64_t ask_timeout_ms;
	struct ward_ahead *ahead;    /* documents that are being read; NULL: none. Owned */
	struct ward_asks *asks;      /* where what a person has to be asked is put; NULL: nobody wants to know. Borrowed */
	enum ward_review_how review;
	enum ward_disk_backend disk_backend;
	bool caches_bare;            /* --caches stands there without a name: the command may be meant as one */
	uint32_t caches; bool caches_none; /* --caches, as ward_cache_parse(); none: a profile's are not wanted either */
	const char *repo_root;       /* as given, NULL = git's top directory */
	const char *environment;     /* a word of the schema, NULL = dev */
	const char *trust;           /* the same; NULL: nobody vouched for the command */
	const char *component;       /* a file: what the command says of itself */
	const struct ward_component_data *component_data;  /* read once: what the run writes there meanwhile is not believed */
	int64_t tier;                /* at least */
	const char *const *labels; size_t n_labels;
	const char *cwd;             /* as given, NULL = the caller's */
	const char *resolver;        /* "ADDRESS[:PORT]" of the name server outside; NULL: as the host says */
	struct ward_upstream *upstream; const char *upstream_file;  /* the host's proxy, and the file that says so; NULL: none */
	const char *audit;           /* NULL = default */
	bool no_late_names;          /* the end does not look for names that run code later */
	struct ward_before *before;  /* where what there was of them is put; NULL: nobody wants to know. Borrowed */
	bool audit_refused;          /* set by ward_resolve: it lies where the command could write, nothing may go there */
	const char *run_id;          /* WARD_RUN inside; NULL: not yet (ward plan) */
	struct ward_looks *looks;    /* at what options name; NULL: none did. In arena */
	struct ward_dest head_to, outcome, report;   /* written by ward_outcome_deliver() */
	struct ward_limits limits;   /* with the defaults of kind; memory 0 = 75 % of what is available */
	enum ward_backend backend;
	enum ward_attribution attribution;
	int deny_errno;
	signed char require[WARD_AXIS_MAX], accept[WARD_AXIS_MAX];   /* level or -1 */
	bool json, tty, dry_run, fail_on_violation, i_know, quiet;
	void (*on_line)(void *arg, const char *line);  /* what cannot wait for the report; NULL: nobody is told */
	void *on_line_arg;
	bool unlisted;               /* ward stop does not find it: a trial of ward doctor, which leaves nothing behind */
	const char *stdin_mode;      /* NULL or "inherit", "null", "file:PATH" */
	/*
	 * ward_request_signal writes one byte a signal, the supervisor reads. Made by ward_request_new, both ends
	 * non-blocking, so that a signal that comes before the run is not lost. SIGKILL means: end it now;
	 * SIGWINCH: ward_streams_resize(). One that waits already is not written again, as the kernel keeps them: so a
	 * flood of one never fills the pipe, in which the next would be lost.
	 */
	int signal_fd[2];
	atomic_uint_fast64_t signals;        /* bit N - 1: N waits in the pipe */
	uint32_t *given;             /* how often each option of the table was given */
};

/* resolve.c: look everything up and build the plan. host: facts to plan with. */
/* The plan is not signed yet: ward_plan_sign(). */
struct ward_rulebook;
/* *ret_book: the policies that decided, to be asked again during the run (run/rules); NULL where there are none. May be NULL. */
/* ask.c: the node of a plan in which path is only read because its name runs code later for its user; NULL: it is not for that. */
const struct ward_node *ward_held_for_later(const struct ward_plan *plan, const char *path);
int ward_resolve(struct ward_request *r, const struct ward_host *host, struct ward_plan **ret, struct ward_rulebook **ret_book,
	struct ward_error *err);

/*
 * request.c: the signals that wait, each once; none: 0. What comes meanwhile is for the next call, so that no flood keeps the loop from
 * what else there is.
 */
#define WARD_SIGNALS_MAX 64
size_t ward_request_signals(struct ward_request *r, unsigned char out[WARD_SIGNALS_MAX]);

/* options.c: position of name in the table, -1 = none. */
int ward_option_index(const char *name);

/* What a row of the table does. index: which occurrence of the option this is, from 1. */
typedef int ward_apply_fn(struct ward_request *r, const char *value, unsigned index, struct ward_error *err);
int ward_stdin_fifo(const char *path, struct ward_error *err);                   /* refuses --stdin file:PATH */
int ward_option_keep(struct ward_request *r, const char *value, const char **ret, struct ward_error *err);   /* a path */
int ward_option_choice(const char *value, const char *const *names, size_t n, int *ret, struct ward_error *err);
/* rules/options.c */
extern ward_apply_fn ward_apply_mode, ward_apply_profile, ward_apply_policy, ward_apply_component, ward_apply_trust, ward_apply_tier,
	ward_apply_approve, ward_apply_ask, ward_apply_ask_timeout, ward_apply_repo_root, ward_apply_environment, ward_apply_label;

/* review/place.c */
extern ward_apply_fn ward_apply_review, ward_apply_disk_backend;

/* caches/caches.c */
extern ward_apply_fn ward_apply_caches;

/* net/publish.c */
extern ward_apply_fn ward_apply_publish;

/* net/upstream.c */
extern ward_apply_fn ward_apply_upstream_proxy, ward_apply_upstream_direct;

/* request.c: where 0, 1 or 2 is closed, /dev/null is opened there: nothing of ours may pass for the caller's stream. 0 or -errno. */
int ward_request_keep_streams(void);

/* dest.c: where --outcome, --report and --head-to go. A failed open leaves *d as it was. */
void ward_dest_init(struct ward_dest *d);
void ward_dest_done(struct ward_dest *d);
/* Open what the caller named; a descriptor, or -errno. -EXDEV: a name that is relative, without "..", and leads out by a link. */
int ward_open_named(const char *path, uint64_t flags);
int ward_dest_open(struct ward_dest *d, struct ward_arena *a, const char *text, struct ward_error *err);
/* Two files of one name in one directory: the later would replace the earlier. Descriptors may be shared. */
bool ward_dest_same(const struct ward_dest *a, const struct ward_dest *b);
int ward_dest_write(const struct ward_dest *d, const char *option, const void *p, size_t n, struct ward_error *err);
