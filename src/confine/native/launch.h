/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between the supervisor (glibc, any process that uses libward) and ward-init (musl, a small program
 * of its own): one read-only blob, made before the start, and a few fixed messages.
 *
 * Theory of operation. The supervisor executes ward-init from a sealed memfd before it has a plan, in new user, mount, pid,
 * ipc and uts namespaces, and writes its id maps. That process, the *init* (pid 1 inside, a child of the supervisor), makes
 * the network namespace meanwhile (and captures it, where it was told to), takes the blob when it comes, enters the cgroup, which is
 * made while it reads that, builds the view, drops every privilege and forks the *command*, which confines itself (Landlock,
 * seccomp), runs the self-test, waits for GO and executes. What only host root can open comes from the supervisor, after the blob.
 * Offsets are from the start of the blob; ward-init trusts the blob (the supervisor made it and the descriptor is sealed) but checks
 * the magic and the version, since a stale helper must not guess.
 */
#pragma once

#include <stdint.h>

#include "confine/native/probes.h"

#define WARD_LAUNCH_MAGIC 0x44524157u /* "WARD" */
#define WARD_LAUNCH_VERSION 8u

/* Descriptors that ward-init starts with. */
enum ward_launch_fd {
	WARD_LAUNCH_FD_CTL = 0, /* init <-> supervisor, SEQPACKET */
	WARD_LAUNCH_FD_CMD, /* command <-> supervisor, SEQPACKET, until exec */
	WARD_LAUNCH_FD_FUSE, /* init -> the supervisor's FUSE thread, SEQPACKET, one message */
	WARD_LAUNCH_FD_END, /* readable when the supervisor's process has ended: ward_own_end() */
	WARD_LAUNCH_FD_MAX
};

/* The one thing that ward-init has to know before there is a plan; its only argument. */
#define WARD_LAUNCH_NAMESPACES "namespaces"
#define WARD_LAUNCH_CAPTURED "captured" /* these, and the network captured at once: for a plan with egress, and no other */
#define WARD_LAUNCH_PLAIN "plain"

/* Descriptors that come with WARD_MSG_BLOB, and behind them those of WARD_MSG_JOIN, the last of which are n_tasks v1 "tasks". */
enum ward_launch_handed {
	WARD_HANDED_BLOB = 0,
	WARD_HANDED_STDIO,
	WARD_HANDED_JOIN = WARD_HANDED_STDIO + 3,
	WARD_HANDED_ANCHOR = WARD_HANDED_JOIN, /* kept until the end; what it is is none of the init's business */
	WARD_HANDED_CGROUP
};
#define WARD_HANDED_MAX (WARD_HANDED_CGROUP + 4)
#define WARD_VIEW_ROOTS_MAX 8 /* private mounts whose roots the supervisor gets */
#define WARD_SYSV_FILES 3 /* shared memory, semaphores, messages: /proc/sysvipc, which shows the opener's namespace */
#define WARD_VIEW_FDS_MAX (1 + WARD_VIEW_ROOTS_MAX + WARD_SYSV_FILES + 1)
#define WARD_VIEW_DIAG 1u /* the last descriptor of VIEW is a socket that asks about sockets */
#define WARD_VIEW_SYSV 2u /* before it are the files of System V */
#define WARD_TREES_MAX 64 /* of one WARD_MSG_TREES */

#define WARD_LAUNCH_USERNS (1u << 0) /* user + mount + pid + net + ipc + uts + cgroup namespaces */
#define WARD_LAUNCH_FUSE (1u << 1) /* the view's lowest layer is FUSE, else a tmpfs */
#define WARD_LAUNCH_ROOT (1u << 2) /* the caller is host root: other ids, ID-mapped grants */
#define WARD_LAUNCH_CTTY (1u << 3) /* descriptor 0 becomes the controlling terminal */
#define WARD_LAUNCH_LISTENER (1u << 5) /* the filter has a listener */
#define WARD_LAUNCH_DIRECT (1u << 6) /* backend direct: nothing is confined, and nothing is tested */
#define WARD_LAUNCH_EGRESS (1u << 7) /* the run's network is captured: net/net.h */
#define WARD_LAUNCH_REDIRECTS (1u << 9) /* it is, but without nf_tables: plan->redirects */
#define WARD_LAUNCH_PUBLISH (1u << 8) /* sockets of the run's network are given out while it lives: init/door.c */

/* The namespaces that a view is in, as names of /proc/PID/ns. */
#define WARD_LAUNCH_NS { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" }
#define WARD_LAUNCH_NS_MAX 7

enum ward_launch_mount_kind {
	WARD_LAUNCH_BIND = 1,
	WARD_LAUNCH_TMPFS,
	WARD_LAUNCH_PROC,
	WARD_LAUNCH_DEV,
	/* where no FUSE directory is: the init makes them on the tmpfs */
	WARD_LAUNCH_DIR,
	WARD_LAUNCH_LINK,
	WARD_LAUNCH_FILE,
	/* over a file or directory of a bound tree: nothing that anybody may open */
	WARD_LAUNCH_MASK,
	/* a synthetic directory below a private tmpfs: its part of the FUSE tree is mounted there */
	WARD_LAUNCH_SUBTREE,
	/* what is under review: source below, the layer of the header above; then what of it has other rights, as its part */
	WARD_LAUNCH_OVERLAY,
	WARD_LAUNCH_PART,
	WARD_LAUNCH_CACHE /* a package cache: source below, a directory of the scratch above */
};
#define WARD_LAUNCH_M_WRITE (1u << 0)
#define WARD_LAUNCH_M_DIR (1u << 1)
#define WARD_LAUNCH_M_IDMAP (1u << 2)
#define WARD_LAUNCH_M_NOEXEC (1u << 5)
#define WARD_LAUNCH_M_SEAL (1u << 4) /* a mount of its own, read-only once everything is in its place */
#define WARD_LAUNCH_M_LOOP (1u << 6) /* of a layer: the supervisor makes and mounts a file system in it; the init sees a tree */
#define WARD_LAUNCH_M_TOLD (1u << 7) /* a mask: that of the FUSE tree, which sees who is refused */
#define WARD_LAUNCH_M_MAKE (1u << 3) /* the mount point is not there yet: make it on the tmpfs */

struct ward_launch_mount {
	uint32_t kind, flags;
	uint32_t dest, source; /* offsets of texts; dest without the leading '/' */
	uint32_t source_len, mode;
	uint64_t dev, ino;
};
struct ward_launch_rule { /* Landlock: access below an inside path */
	uint32_t path, pad;
	uint64_t access; /* masked for the ABI and for what path is */
	uint64_t dev, ino; /* without a view: what was resolved; ino 0 = of no recorded identity */
};
struct ward_launch {
	uint32_t magic, version, size, flags;
	uint32_t inside_uid, inside_gid, host_uid, host_gid;
	uint32_t caller_uid, caller_gid;
	uint32_t n_mounts, mounts; /* struct ward_launch_mount[] */
	uint32_t n_rules, rules; /* struct ward_launch_rule[] */
	uint32_t n_apart, apart; /* uint32_t offsets[] of paths of mounts that ID-mapped trees come without */
	uint32_t argc, argv; /* uint32_t offsets[] */
	uint32_t envc, envp;
	uint32_t exe, cwd, hostname,
		canary; /* canary: a host path that must not be there; 0 = none */
	uint32_t n_filter, filter; /* struct sock_filter[] */
	uint32_t n_tasks; /* cgroup v1 descriptors; with v2 the init was born in it */
	uint32_t landlock_abi; /* 0 = none: no ruleset is made */
	uint32_t nofile, nproc; /* nproc 0 = a cgroup counts */
	uint32_t n_cpus; /* affinity: the first n of the allowed ones; 0 = all */
	int32_t command_cpu; /* where the command is to begin (place.c); -1 = anywhere */
	uint64_t cpus[16]; /* the affinity to go back to, a cpu_set_t; not looked at where command_cpu is -1 */
	uint64_t landlock_fs, landlock_scoped; /* handled */
	uint64_t rlimit_data; /* 0 = none */
	uint64_t scratch_size, scratch_inodes; /* the one tmpfs behind every private directory */
	/*
	 * of what is under review: BIND, a tree that comes behind the OVERLAY's own; TMPFS, of this size, made by the init; 0 =
	 * nothing is
	 */
	struct ward_launch_mount layer;
	uint64_t layer_size, layer_inodes;
};

/* ---- messages: supervisor <- init on CTL, and <- command on CMD ---- */
enum ward_msg_type {
	WARD_MSG_FAILED = 1, /* stage, err; the end of the start */
	WARD_MSG_FUSE, /* init, on FUSE: + /dev/fuse descriptor, mounted */
	WARD_MSG_NET, /* init: + sockets of the captured network, the door, in order; value = 1 << enum ward_net_socket of each */
	WARD_MSG_VIEW, /* init: + O_PATH /proc, of each TMPFS in order, of the OVERLAY, sock_diag if stage is 1 */
	WARD_MSG_LAYER, /* init: + O_PATH of the layer that it made */
	WARD_MSG_LISTENER, /* command: + seccomp listener */
	WARD_MSG_SELFTEST, /* command: value = failed probes as bits, 0 = all held */
	WARD_MSG_EXEC_FAILED, /* command: err */
	WARD_MSG_EXIT, /* init: value = wait status, cpu_us, max_rss_kb, stage = processes seen, err: RLIMIT_NPROC was reached */
	/* supervisor -> */
	WARD_MSG_BLOB, /* to the init: + the first WARD_HANDED_JOIN of enum ward_launch_handed; value = how many */
	WARD_MSG_JOIN, /* to the init: + the rest of them; value = how many, ns */
	WARD_MSG_TREES, /* to the init, as host root: + detached mounts of the next BINDs; value = how many */
	WARD_MSG_GO, /* to the command */
	WARD_MSG_SIGNAL, /* to the init: value = signal for the command's group */
	WARD_MSG_KILL /* to the init */
};
struct ward_msg {
	uint32_t type, stage;
	int32_t err, value;
	uint64_t cpu_us, max_rss_kb;
	union {
		char text[128]; /* a path, for FAILED */
		uint32_t ns[WARD_LAUNCH_NS_MAX]; /* of JOIN: numbers of the supervisor's own, of which none may be ours */
	};
};

/* Where a start can fail: X(id, text). */
#define WARD_STAGES(X) \
	X(WARD_STAGE_NONE, "nothing") \
	X(WARD_STAGE_BLOB, "reading the launch blob") X(WARD_STAGE_CGROUP, "entering the cgroup") \
		X(WARD_STAGE_CLONE, "making namespaces") X(WARD_STAGE_RIGHTS, \
			"having rights in new namespaces") X(WARD_STAGE_PROC, \
			"mounting a private /proc") X(WARD_STAGE_IDMAP, \
			"writing the id maps") X(WARD_STAGE_SOURCE, \
			"opening a granted path") X(WARD_STAGE_CHANGED, \
			"a granted path changed since it was resolved") X(WARD_STAGE_IDMAP_MOUNT, \
			"ID-mapping a granted tree (this file system cannot)") X(WARD_STAGE_NET, \
			"bringing the loopback up") X(WARD_STAGE_ROOT, \
			"making the root of the view") X(WARD_STAGE_FUSE, "mounting FUSE") \
			X(WARD_STAGE_MOUNT, "mounting a part of the view") X(WARD_STAGE_PIVOT, \
				"changing the root") X(WARD_STAGE_IDS, "changing ids") \
				X(WARD_STAGE_CAPS, "dropping capabilities") X(WARD_STAGE_FORK, \
					"forking the command") X(WARD_STAGE_RLIMIT, \
					"setting limits") X(WARD_STAGE_LANDLOCK, \
					"restricting by Landlock") X(WARD_STAGE_SECCOMP, \
					"installing the system call filter") \
					X(WARD_STAGE_CWD, "entering the working directory") \
						X(WARD_STAGE_SELFTEST, "the self-test") \
							X(WARD_STAGE_TTY, "taking the terminal") \
							X(WARD_STAGE_EGRESS, "capturing the run's network") \
	X(WARD_STAGE_HAND, "handing descriptors over, of which this user has too many on their way") \
	X(WARD_STAGE_LAYER, "preparing the layer of what is under review") \
	X(WARD_STAGE_NESTED, "separating what is under review from what is mounted in it") \
	X(WARD_STAGE_OVERLAY, "laying an overlay over what is under review") \
	X(WARD_STAGE_CACHE, "laying a private layer over a package cache")
enum ward_stage {
#define WARD_X(id, text) id,
	WARD_STAGES(WARD_X)
#undef WARD_X
		WARD_STAGE_MAX
};
