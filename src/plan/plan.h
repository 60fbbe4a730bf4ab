/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: grants + host facts -> everything that a backend will do, and which axis each part holds.
 * Pure: what needs the file system (links, globs, runtimes, ownership) was looked up by run/resolve and
 * comes in as facts. The plan is plain data with a JSON form (docs/spec/plan.md); its SHA-256 names it.
 */
#pragma once

#include <sys/types.h>

#include "base/base.h"
#include "decide/decide.h"
#include "policy/policy.h"

/* ---- axes and levels (data/minimum holds the shipped minimum) ---- */
#define WARD_AXES(X) \
	X(WARD_AXIS_FILES, "files") X(WARD_AXIS_FILES_META, "files.meta") X(WARD_AXIS_EXEC, "exec") \
	X(WARD_AXIS_NETWORK, "network") X(WARD_AXIS_IPC, "ipc") X(WARD_AXIS_SYSCALLS, "syscalls") \
	X(WARD_AXIS_PROCESSES, "processes") X(WARD_AXIS_MEMORY, "memory") X(WARD_AXIS_CPU, "cpu") \
	X(WARD_AXIS_PIDS, "pids") X(WARD_AXIS_DISK, "disk") X(WARD_AXIS_ENV, "env") \
	X(WARD_AXIS_ATTRIBUTION, "attribution")
enum ward_axis {
#define WARD_X(id, name) id,
	WARD_AXES(WARD_X)
#undef WARD_X
	WARD_AXIS_MAX
};
enum ward_level { WARD_LEVEL_NONE = 0, WARD_LEVEL_ADVISORY, WARD_LEVEL_SAMPLED, WARD_LEVEL_ENFORCED, WARD_LEVEL_MAX };
const char *ward_axis_name(enum ward_axis a);
const char *ward_level_name(enum ward_level l);
/* "AXIS=LEVEL" of --require and --accept; unknown names: error with the nearest one. */
int ward_axis_level_parse(const char *s, enum ward_axis *ret_axis, enum ward_level *ret_level,
	struct ward_error *err);

enum ward_backend { WARD_BACKEND_NATIVE = 0, WARD_BACKEND_DIRECT };
enum ward_attribution { WARD_ATTR_NONE = 0, WARD_ATTR_NOTIFY, WARD_ATTR_FUSE, WARD_ATTR_AUTO };
const char *ward_attribution_name(enum ward_attribution a);

/* ---- the view: what exists inside ---- */
/*
 * As root the command is this user and group outside: a number that Debian (base-passwd), systemd
 * (docs/UIDS-GIDS: 61184..65519 dynamic, 60578..60705 containers, 524288.. container ranges) and shadow's
 * subuid ranges leave to nobody in practice. It owns nothing on the host; granted trees are shown to it by
 * ID-mapped mounts. Used for uid and gid.
 */
#define WARD_RESERVED_ID 64646
/* What root's command sees itself as. */
#define WARD_INSIDE_ID 1000

enum ward_node_kind {
	WARD_NODE_DIR = 0,      /* synthetic directory, mode 0755, not writable */
	WARD_NODE_BIND,         /* file or directory of the host */
	WARD_NODE_SYMLINK,
	WARD_NODE_FILE,         /* generated content, mode 0444 */
	WARD_NODE_TMPFS,        /* private, bounded */
	WARD_NODE_PROC,
	WARD_NODE_DEV,          /* the private /dev of six nodes */
	WARD_NODE_CACHE,        /* a directory of the host (source), below a private layer: written, and thrown away */
	WARD_NODE_MASK,         /* what a policy takes out of a wider grant: the name is there, and nothing else of it */
	WARD_NODE_DENIED        /* exists for EACCES only: a program that EXTERNAL_COMMAND does not grant */
};
struct ward_node {
	enum ward_node_kind kind;
	const char *dest;            /* absolute inside path, normalised */
	const char *source;          /* BIND, CACHE: real host path, no link in it; SYMLINK: target; FILE: the content */
	size_t source_len;           /* FILE only */
	bool is_dir;                 /* BIND, CACHE (always) */
	bool write;                  /* BIND: writable */
	bool exec;                   /* Landlock EXECUTE below it; never a noexec mount: libraries are mapped from it */
	bool idmap;                  /* as root: the tree is shown and written with the caller's ids (grants, not the base) */
	bool base;                   /* from the runtime base, not from a grant; such a file may be served instead of mounted */
	bool noexec;                 /* BIND, fixed: nothing of it may be executed, though everything beside it may */
	bool pin;                    /* MASK, BIND: dest is not there; made before the start, and taken away at the end */
	const char *pin_text;        /* of a BIND that is pinned: a file with this text */
	bool fixed;                  /* BIND, MASK: these rights and no others, whatever a grant says: a policy decided them */
	bool protect;                /* BIND: read-only whatever a wider grant says (.ward/) */
	bool told;                   /* MASK: a rule took it out: who is refused by it is on record, where FUSE serves the view */
	bool stay;                   /* MASK: the run starts there: an empty directory, where nothing wider shows the name */
	bool hold;                   /* BIND: as what it lies in, only so that nobody inside moves it away */
	bool apart;                  /* BIND, fixed: of a mount in plan->apart: shown by itself, whatever what it lies in shows */
	bool review;                 /* BIND: not the host's: the overlay of the run under review, or what lies below its root there */
	const char *later;           /* BIND, fixed: only read because its name runs code later for its user: why; NULL: not for that */
	uint64_t dev, ino;           /* BIND, CACHE: identity seen at resolution; the backend refuses another */
	uint64_t size, inodes;       /* TMPFS bounds; CACHE: size, of its layer, which is a part of --disk */
	uint32_t mode;               /* TMPFS root mode; MASK: 0, or 0555: an empty directory that can be read */
	int rule;                    /* index into plan->rules, -1 = base */
};

/*
 * ---- the run's own network, where it has egress ----
 * Synthetic addresses (RFC 2544's range and a ULA): each stands for one name of one run, is local to the run's network namespace and is
 * never seen outside of it. The low 32 bits of the IPv6 one are the offset of the IPv4 one in its range.
 */
#define WARD_NET_SYNTHETIC4 0xc6120000u /* 198.18.0.0/15 */
#define WARD_NET_SYNTHETIC4_BITS 15
#define WARD_NET_SYNTHETIC6 { 0xfd, 0x77, 0x61, 0x72, 0x64, 0x00 } /* fd77:6172:6400::/48 */
#define WARD_NET_SYNTHETIC6_BITS 48
#define WARD_NET_DNS_AT 1    /* the offset of the name server; any address answers, it is what /etc/resolv.conf says */
#define WARD_NET_SELF_AT 2   /* of the run itself */
#define WARD_NET_NAMES_AT 256 /* of the first name */
/* Of the proxy at 127.0.0.1 and ::1 (HTTP and SOCKS5); the capture ends at the same socket. Below 1024: nobody inside can take it. */
#define WARD_NET_PROXY_PORT 1023
/* The sockets that the cage hands out, all of the run's network namespace. DOOR: not one, but where they come from, without an end. */
enum ward_net_socket { WARD_NET_TCP4 = 0, WARD_NET_TCP6, WARD_NET_UDP4, WARD_NET_UDP6, WARD_NET_DOOR, WARD_NET_SOCKET_MAX };

/*
 * ---- review: what the run writes in a directory stays in a layer above it, until somebody makes it real (src/workspace) ----
 */
/* What bounds the layer. */
enum ward_disk_backend {
	WARD_DISK_TMPFS = 0,         /* a tmpfs of that size: enforced; at the end of the run it is copied into the store */
	WARD_DISK_LOOP,              /* as root, a file system in a file of that size: enforced */
	WARD_DISK_DIR,               /* a plain directory of the store, watched: sampled */
	WARD_DISK_BACKEND_MAX
};
const char *ward_disk_backend_name(enum ward_disk_backend b);
int ward_disk_backend_parse(const char *s, enum ward_disk_backend *ret, struct ward_error *err);
/*
 * What is under review, and where what is written stays. In the view root is an overlay: the host's directory below, the layer above,
 * all of it for reading and writing, but where a policy decides otherwise (fixed nodes, masks), which lies on top.
 *
 * layer: a directory of the caller's, absolute and without a link, that holds the empty directories "upper" and "work", his too, for
 * nobody else's eyes (0700). DIR: they are the layer. TMPFS: not looked at, may be NULL; ward_cage_layer() has the layer. LOOP: the
 * file
 * WARD_REVIEW_IMAGE is made in it, an ext4 of that size with the two directories (ward_loop_mount()). Whoever makes it writes it down
 * before the plan is signed; ino 0: it is not made, as in a plan that is shown.
 */
#define WARD_REVIEW_IMAGE "image"
struct ward_review {
	bool on;
	const char *root;            /* a directory, absolute, no link in it; the same inside */
	uint64_t root_dev, root_ino;
	const char *layer;
	uint64_t layer_dev, layer_ino;
	enum ward_disk_backend backend;
	uint64_t bound;              /* bytes; never 0 */
};

/* A port of the host's at which a server inside is reached. */
struct ward_published {
	uint8_t family, address[16]; /* 4 or 6 */
	uint16_t port;               /* 0: the kernel chooses, and it is written here before the plan is signed */
	uint16_t inner;
	bool spare;                  /* the other loopback, where the host has it */
	int rule;                    /* index into plan->rules */
};
/* The address alone, and with its port as an endpoint; out: WARD_ENDPOINT_TEXT_MAX. */
const char *ward_published_address(const struct ward_published *p, char *out);
const char *ward_published_text(const struct ward_published *p, char *out);

/* ---- limits: 0 = not limited, where the comment allows it ---- */
struct ward_limits {
	uint64_t memory;             /* bytes; never 0 */
	uint32_t millicpus;          /* 0 = all */
	uint32_t pids;               /* never 0 */
	uint64_t disk;               /* bytes over all private tmpfs; never 0 */
	uint64_t output;             /* bytes a stream; 0 = unlimited */
	uint64_t timeout_ms;         /* 0 = none */
	uint64_t grace_ms;           /* TERM to KILL */
	uint32_t nofile;
	struct ward_net_limits net;  /* in a plan with egress: with what holds where nothing is said */
};

/* ---- seccomp switches: visible in the plan ---- */
#define WARD_SECCOMP_NETLINK_ROUTE (1u << 0)   /* socket(AF_NETLINK, _, NETLINK_ROUTE) */
#define WARD_SECCOMP_NO_SOCKET     (1u << 1)   /* no user namespaces: socket(2) refused for every family */
#define WARD_SECCOMP_NOTIFY_OPEN   (1u << 2)   /* --attribution notify */
#define WARD_SECCOMP_NOTIFY_EXEC   (1u << 3)   /* some program of the view may not be executed: to name it */
#define WARD_SECCOMP_NOTIFY_REPLACE (1u << 4)  /* a single file is granted: to name its replacing */
#define WARD_SECCOMP_NOTIFY_WRITE  (1u << 5)   /* something is granted for reading alone: to name its changing */
#define WARD_SECCOMP_NO_LISTENER   (1u << 6)   /* nobody is told: the filter refuses by itself, connect and sendto too */

/* Why there are no namespaces to be used. */
enum ward_userns_lack {
	WARD_USERNS_DENIED = 0,      /* they cannot be made */
	WARD_USERNS_NO_RIGHTS,       /* they can, and then not all be done in them: AppArmor, a container's filter */
	WARD_USERNS_PROC_COVERED,    /* parts of this /proc are covered, so that none can be mounted: a container */
	WARD_USERNS_ROOT_OF_LITTLE,  /* root of a container: no right to mount, or not all ids, so that no tree can be ID-mapped */
	WARD_USERNS_PROC_READ_ONLY,  /* /proc is, and with it the maps of ids */
	WARD_USERNS_LACK_MAX
};

/* ---- host facts: what was probed by doing (confine/native/probe) ---- */
struct ward_host {
	uid_t uid; gid_t gid;        /* of the caller */
	bool userns;                 /* a user namespace with mounts works */
	enum ward_userns_lack lack;  /* where not */
	bool fuse;                   /* /dev/fuse can be opened in the run's user namespace */
	bool fuse_absent;            /* there is none: a container's /dev, or no module */
	bool idmap;                  /* ID-mapped mounts (root only) */
	int landlock_abi;            /* 0 = none */
	bool no_seccomp;             /* no filter can be installed */
	bool seccomp_notify;
	bool no_taking;              /* pidfd_open or pidfd_getfd is refused, or Yama refuses all of it: no connect is mediated */
	bool no_routes;              /* nobody may ask for or make any: AF_NETLINK is refused */
	bool no_inet;                /* there are no sockets of AF_INET, at which connects are taken in */
	const char *refused;         /* a call that no start can do without, and that is refused here; NULL: none is */
	int refused_errno;
	bool blind;                  /* a root without CAP_SYS_PTRACE: what its run's processes ask for it cannot read */
	bool stuck;                  /* a root that may not become the user of its runs: it has not the right, or no such id */
	bool host_root;              /* an ordinary user of a user namespace that is the host's root by another id */
	bool nft;                    /* nf_tables captures the network of a run; else connects are redirected where they are mediated */
	bool stdio_owned;            /* 0, 1 or 2 is a file that belongs to whom the command will be: its mode can be changed */
	int cgroup;                  /* 0 none, 1 = v1, 2 = v2: the tree that carries a usable memory controller */
	bool cgroup_memory, cgroup_pids, cgroup_cpu;
	unsigned ncpus;
	uint64_t memory_available;   /* bytes */
};

/* Names of data/persist that come to be: nothing that may be written, so there are none; or what the end of the run does about them. */
enum ward_late_names { WARD_LATE_NONE = 0, WARD_LATE_UNTOLD, WARD_LATE_TOLD };
const char *ward_late_names_word(enum ward_late_names l);

/* Is a connect, and whatever else the filter refuses, seen and answered on this host? */
bool ward_host_mediates(const struct ward_host *h);

struct ward_axis_state {
	enum ward_level level;
	const char *by;              /* what holds it, or why nothing does; static or plan-owned text */
	const char *fix;             /* what would raise it; "" = nothing needed */
	enum ward_level required;    /* shipped minimum, raised by --require, lowered by --accept */
	bool accepted;               /* lowered by name */
};

struct ward_plan {
	struct ward_arena *arena;    /* owns everything below */
	enum ward_backend backend;
	const char *workspace;       /* normalised absolute host path, same inside */
	const char *cwd;             /* inside */
	const char *repo_root;       /* what bounds the reads of a mode; NULL: there are no policies. For people */
	char *const *argv;           /* NULL-terminated; argv[0] as given */
	const char *exe;             /* absolute inside path of what is executed */
	char *const *env;            /* NULL-terminated NAME=VALUE, sorted by name */
	/*
	 * Sorted by dest (strcmp), so that a parent stands before what lies below it. Every parent of an entry but the
	 * root itself is an entry, down to the first BIND of a directory: what lies below that is found in the bound tree itself
	 * (source equals dest wherever something is mounted below it).
	 */
	struct ward_node *nodes;     /* whoever makes a pinned name writes down what it is, before the plan is signed */
	size_t n_nodes;
	/*
	 * As root: mounts of the host that granted trees are shown without, since they cannot be ID-mapped with them. A node
	 * stands in the place of each that would be seen: a mask, or what is there, by itself.
	 */
	const char *const *apart;
	size_t n_apart;
	/*
	 * Absolute inside paths (real: no link in them), files or whole directories, that may be executed beside the
	 * nodes with exec. Landlock EXECUTE in addition; empty when every node has exec.
	 */
	const char *const *exec_paths;
	size_t n_exec_paths;
	const struct ward_rule *rules;
	size_t n_rules;
	const struct ward_rule *forbidden; /* what policies forbid of the network by name: told, and decided at each connection */
	size_t n_forbidden;
	struct ward_limits limits;
	uint32_t seccomp;            /* WARD_SECCOMP_* */
	enum ward_attribution attribution;      /* resolved: never AUTO */
	int deny_errno;              /* ENOENT or EACCES */
	bool audit_off;              /* no log: --audit /dev/null */
	struct ward_published *published; /* the run writes the ports that were chosen */
	size_t n_published;
	bool egress;                 /* something outside may be connected to: the network is captured and goes through the gate */
	bool redirects;              /* with egress: not by nf_tables, but where each connect is mediated */
	uid_t inside_uid; gid_t inside_gid;     /* what the command sees */
	uid_t host_uid; gid_t host_gid;         /* what it is outside: never 0 */
	bool tty;                    /* give it a private pty */
	struct ward_review review;
	struct ward_axis_state axes[WARD_AXIS_MAX];
	const struct ward_asks *asks;           /* what a person is asked before the start; not owned, NULL: nothing */
	const char *late;            /* what no view holds of the policies' rules about files, in a sentence; NULL: all is held */
	const char *late_fix;        /* what would help; static or outlives the plan */
	enum ward_late_names late_names;        /* names that run code later, and are not there yet */
	const char *caches_read;     /* package caches that are read unasked, and not written: "cargo,go"; NULL: none is */
	const char *const *warnings;
	size_t n_warnings;
	char sha256[WARD_SHA256_HEX];           /* of the JSON form without this field */
};

/* What run/resolve hands to plan. nodes may come in any order and repeat a dest (the stronger wins). */
struct ward_plan_input {
	enum ward_backend backend;
	const char *workspace, *cwd, *exe;
	char *const *argv;
	char *const *env;
	const struct ward_node *nodes;
	size_t n_nodes;
	const char *const *apart;
	size_t n_apart;
	const char *const *exec_paths;
	size_t n_exec_paths;
	const struct ward_rule *rules;
	size_t n_rules;
	const struct ward_rule *forbidden;
	size_t n_forbidden;
	const struct ward_published *published;
	size_t n_published;
	struct ward_limits limits;
	uint32_t seccomp;
	enum ward_attribution attribution;      /* may be AUTO */
	int deny_errno;
	bool tty, audit_off;
	bool sign_later;                        /* sha256 stays "" until ward_plan_sign() */
	const enum ward_level *minimum;         /* WARD_AXIS_MAX: data/minimum */
	const signed char *require, *accept;    /* WARD_AXIS_MAX each, level or -1 */
	const char *repo_root;
	struct ward_review review;
	const char *late, *late_fix;            /* as in the plan */
	enum ward_late_names late_names;
	const char *caches_read;
	const struct ward_asks *asks;           /* outlives the plan */
	const char *const *warnings;
	size_t n_warnings;
	const struct ward_host *host;
};

/*
 * Build the plan. WARD_E_AXIS when a required axis cannot be held: message names axis, cause, and the fix
 * (--accept AXIS=LEVEL or the host's cure). On failure *ret is NULL.
 */
int ward_plan_build(const struct ward_plan_input *in, struct ward_plan **ret, struct ward_error *err);
/* Fill in sha256, once. A start has better to do first; a plan that is shown or recorded has it. */
int ward_plan_sign(struct ward_plan *p, struct ward_error *err);
void ward_plan_free(struct ward_plan *p);
/* Everything that the view shows may be executed: then one Landlock rule at its root says so. */
bool ward_plan_all_exec(const struct ward_plan *p);
/* A file granted by itself: a mount of its own, whose name the kernel lets nobody take away or replace (EBUSY). */
bool ward_plan_alone(const struct ward_node *n);
/* The overlay of what is under review, not a part of it. */
bool ward_plan_review_root(const struct ward_plan *p, const struct ward_node *n);
/* The JSON form, fixed key order (docs/spec/plan.schema.json). */
void ward_plan_json(const struct ward_plan *p, struct ward_buf *out);
/* For people: view, grants, limits, axes, warnings. */
void ward_plan_text(const struct ward_plan *p, struct ward_buf *out);

/* ---- data files, compiled in (tools/gen-tables): what a person may want to read or change ---- */

/* data/minimum: WARD_AXIS_MAX levels. */
extern const enum ward_level ward_minimum[WARD_AXIS_MAX];

/* data/base: the runtime base of every view. */
enum ward_base_verb {
	WARD_BASE_BIND = 0,          /* bind PATH; a link on the host stays a link. ARG: not on every host (run/resolve/viewbase.c) */
	WARD_BASE_PROC, WARD_BASE_DEV,
	WARD_BASE_DIR,               /* empty, synthetic */
	WARD_BASE_LINK,              /* PATH -> ARG */
	WARD_BASE_PRIVATE,           /* tmpfs: part of --disk in 1/64, mode */
	WARD_BASE_GENERATE           /* ward run only: ARG names the generator */
};
struct ward_base_entry {
	enum ward_base_verb verb;
	const char *path, *arg;
	unsigned share, mode;        /* PRIVATE */
};
extern const struct ward_base_entry ward_base[];
extern const size_t ward_base_n;

/* data/environment: NAME=VALUE to set, NAME or PREFIX* to pass, names that change what a program is; what is put behind PATH. */
extern const char *const ward_env_path[];
extern const char *const ward_env_set[];
extern const char *const ward_env_alone[]; /* set where there is no view */
extern const char *const ward_env_pass[];
extern const char *const ward_env_risky[];

/*
 * data/runtimes. A root is "/abs", or "~/below home", in place of which the caller's variable env counts where that
 * is set; and then "/rest", or "".
 */
struct ward_runtime_root {
	const char *env, *path, *rest;
};
struct ward_runtime {
	const char *name;
	struct ward_runtime_root root;
	const char *shape;           /* below the root, "*" = one component; "" = the root itself */
};
extern const struct ward_runtime ward_runtimes[];
extern const size_t ward_runtimes_n;
/* A directory is a runtime when it holds this file or directory (pyvenv.cfg). NULL-terminated pairs. */
struct ward_runtime_marker {
	const char *name, *file;
};
extern const struct ward_runtime_marker ward_runtime_markers[];
extern const size_t ward_runtime_markers_n;
/* Where a variable says that it is, and its shape is "", it counts only with one of these in it. */
struct ward_runtime_sign {
	const char *name, *file;
	bool is_dir;
};
extern const struct ward_runtime_sign ward_runtime_signs[];
extern const size_t ward_runtime_signs_n;
/* Programs that only look for the real one: a file names the version; the program is in the runtime's bin. */
struct ward_shim {
	const char *runtime;         /* name in ward_runtimes */
	struct ward_runtime_root dir;
	struct ward_runtime_root file;
	const char *key;             /* KEY = "VALUE", or KEY: "VALUE", in file; NULL: a version a line, or TOOL VERSION. KEY>OTHER:
	                              * VALUE is a key itself, of an object with OTHER: "VALUE" */
};
extern const struct ward_shim ward_shims[];
extern const size_t ward_shims_n;
/* What of a runtime no run is shown by that. */
struct ward_runtime_hide {
	const char *runtime;         /* NULL: any */
	const char *path;            /* below it; one * in it is each directory there */
	const char *but;             /* NULL, or " NAME NAME ": what is in the directory, but these */
};
extern const struct ward_runtime_hide ward_runtime_hides[];
extern const size_t ward_runtime_hides_n;
/* Under a mode or a profile: who has the program on the PATH has every version; the variable is where the runtime is. */
struct ward_runtime_all {
	const char *runtime, *program;
};
extern const struct ward_runtime_all ward_runtime_alls[];
extern const size_t ward_runtime_alls_n;
struct ward_runtime_home {
	const char *runtime, *variable;
};
extern const struct ward_runtime_home ward_runtime_homes[];
extern const size_t ward_runtime_homes_n;
/*
 * Under a mode or a profile: what packages laid outside /usr, shown as the base is; files that are made, which name
 * modules.
 */
struct ward_part {
	const char *path;
};
extern const struct ward_part ward_parts[];
extern const size_t ward_parts_n;
extern const struct ward_part ward_modules_at[];
extern const size_t ward_modules_at_n;
struct ward_module {
	const char *name;
	bool zend;
};
extern const struct ward_module ward_modules[];
extern const size_t ward_modules_n;
/* data/persist: names that run code later for their user. */
enum ward_persist_kind { WARD_PERSIST_HELD = 0, WARD_PERSIST_TOP, WARD_PERSIST_TOLD, WARD_PERSIST_DEEP, WARD_PERSIST_ASKS };
struct ward_persist_name {
	enum ward_persist_kind kind;
	const char *name;            /* one or more components in lower case; * is any part of one */
	const char *spelt;           /* as the tools spell it that obey it */
	unsigned char last, n_last;  /* where its last component begins, and bytes of that */
	bool dir, file;              /* a directory and nothing else; anything but a directory */
	bool links;                  /* a directory of links to what is installed, which is not held for them */
	const char *why;
};
extern const struct ward_persist_name ward_persist[];
extern const size_t ward_persist_n;
/* Rows from [c] to [c + 1] have a last component that begins with c; those from [0] to [1] with a wildcard. */
extern const unsigned short ward_persist_at[130];
extern const char *const ward_persist_pass[];    /* in lower case, NULL-terminated */
/* Extension of a script -> its interpreter. */
struct ward_script_kind {
	const char *ext, *program;
};
extern const struct ward_script_kind ward_script_kinds[];
extern const size_t ward_script_kinds_n;
/* What a program must be able to execute to work: EXTERNAL_COMMAND:gcc grants these too. */
struct ward_program_needs {
	const char *program, *path;
};
extern const struct ward_program_needs ward_program_needs[];
extern const size_t ward_program_needs_n;
