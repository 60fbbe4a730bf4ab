/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of a start, each of which can be left out: in `ward-mutated` alone, a program for tests/selftest that is built
 * beside ward and never installed. The self-test has to notice. WARD_OFF(LANDLOCK) stands where the layer is applied; everywhere
 * else it is the constant false, and nothing of this table is in a program (a test looks for its words in ward).
 *
 * X(id, name, what is left out, caught with a view, caught without one). Caught by WARD_PROBE_* or WARD_STAGE_* (the kernel
 * refuses the next step), or NONE: the layer is no part of such a start, or nothing is lost without it there.
 */
#pragma once

#include <stdbool.h>

#define WARD_MUTATIONS_TABLE(X) \
	X(LANDLOCK, "landlock", "Landlock is not entered", PROBE_LANDLOCK, PROBE_CANARY) \
	X(FILTER, "filter", "the system call filter is not installed", PROBE_SECCOMP, \
		PROBE_SECCOMP) \
	X(FILTER_RULE, "filter-rule", "one rule of the filter is missing: ptrace is allowed", \
		PROBE_FILTER, PROBE_FILTER) \
	X(FILTER_ARCH, "filter-arch", "the filter allows a foreign architecture", PROBE_FILTER, \
		PROBE_FILTER) \
	X(FILTER_X32, "filter-x32", "the filter allows x32", PROBE_FILTER, PROBE_FILTER) \
	X(NNP, "no-new-privs", "no_new_privs is not set", PROBE_NNP, NONE) \
	X(CAP_EFFECTIVE, "cap-effective", "a capability stays permitted and effective", \
		PROBE_CAPS, NONE) \
	X(CAP_PERMITTED, "cap-permitted", "a capability stays permitted", PROBE_CAPS, NONE) \
	X(CAP_INHERITABLE, "cap-inheritable", "a capability stays inheritable", PROBE_CAPS, NONE) \
	X(CAP_AMBIENT, "cap-ambient", "a capability stays ambient", PROBE_CAPS, NONE) \
	X(CAP_BOUNDING, "cap-bounding", "the bounding set is not emptied", PROBE_BOUNDING, NONE) \
	X(UID, "uid", "the run's user id is not taken", STAGE_ROOT, PROBE_IDS) \
	X(HOST_ROOT, "host-root", "the run's id is root on the host", PROBE_MAPS, NONE) \
	X(GROUPS, "groups", "the groups of root are kept", PROBE_GROUPS, PROBE_GROUPS) \
	X(NS_NET, "ns-net", "no network namespace is entered", PROBE_NAMESPACES, NONE) \
	X(CAPTURE, "capture", "connections are not handed to the gate", STAGE_EGRESS, NONE) \
	X(NS_IPC, "ns-ipc", "no ipc namespace is entered", PROBE_NAMESPACES, NONE) \
	X(NS_UTS, "ns-uts", "no uts namespace is entered", PROBE_NAMESPACES, NONE) \
	X(NS_CGROUP, "ns-cgroup", "no cgroup namespace is entered", PROBE_NAMESPACES, NONE) \
	X(NS_PID, "ns-pid", "no pid namespace is entered", STAGE_PROC, NONE) \
	X(NS_MOUNT, "ns-mount", "no mount namespace is entered", STAGE_CLONE, NONE) \
	X(OLD_ROOT, "old-root", "the host's tree is not detached", PROBE_MOUNTS, NONE) \
	X(VIEW, "view", "a directory that nobody granted is in the view", PROBE_CANARY, NONE) \
	X(PROC, "proc", "/proc is not the run's own", PROBE_PROC, NONE) \
	X(PROPAGATION, "propagation", "mounts are left shared with the host", PROBE_MOUNTS, NONE) \
	X(READ_ONLY, "mount-read-only", "what is granted for reading is mounted writable", PROBE_MOUNTS, \
		NONE) \
	X(REVIEW, "review", "what is under review is the host's own directory, without an overlay", \
		PROBE_MOUNTS, NONE) \
	X(CACHES, "caches", "a package cache is the host's own directory, without a layer above it", \
		PROBE_MOUNTS, NONE) \
	X(SEAL, "seal", "/dev, /proc/sys and masks stay writable", PROBE_MOUNTS, NONE) \
	X(MASK, "mask", "a name that is denied below a grant is not covered", PROBE_MOUNTS, NONE) \
	X(DESCRIPTOR, "descriptor", "inherited descriptors are not closed", PROBE_DESCRIPTORS, \
		PROBE_DESCRIPTORS) \
	X(ENVIRONMENT, "environment", "a variable that nobody composed is passed on", \
		PROBE_ENVIRONMENT, PROBE_ENVIRONMENT) \
	X(SESSION, "session", "the caller's session and terminal are kept", PROBE_SESSION, \
		PROBE_SESSION) \
	X(DUMPABLE, "dumpable", "ward-init can be looked into", PROBE_DUMPABLE, PROBE_DUMPABLE) \
	X(RLIMITS, "rlimits", "no rlimit is set", PROBE_RLIMITS, PROBE_RLIMITS) \
	X(CGROUP, "cgroup", "the cgroup is not entered", PROBE_CGROUP, PROBE_CGROUP)

#ifdef WARD_MUTATIONS
enum ward_mutation {
	WARD_MUTATION_NONE = 0,
#define WARD_X(id, name, text, view, plain) WARD_MUTATION_##id,
	WARD_MUTATIONS_TABLE(WARD_X)
#undef WARD_X
};

/* Is that layer left out in this process? ward-init: by its second argument; ward-mutated: by WARD_MUTATION. */
bool ward_off(enum ward_mutation m);
const char *ward_mutation_argument(void);
#define WARD_OFF(id) ward_off(WARD_MUTATION_##id)
#else
#define WARD_OFF(id) false
#endif
