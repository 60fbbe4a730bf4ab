/* SPDX-License-Identifier: Apache-2.0 */
/* The probes of the self-test, as a table: part of the wire (launch.h), and of what ward doctor and the documents say. */
#pragma once

/* What the self-test tries from inside, as the command: X(id, axis, text). Bit i of WARD_MSG_SELFTEST. */
#define WARD_PROBES(X) \
	X(WARD_PROBE_IDS, "processes", "the command still has a host id of 0 or can regain one") \
	X(WARD_PROBE_MAPS, "processes", "an id of the run is not the one on the host that it was given") \
	X(WARD_PROBE_GROUPS, "processes", "groups of root are left") \
	X(WARD_PROBE_NAMESPACES, "processes", "a namespace is the caller's") \
	X(WARD_PROBE_NNP, "syscalls", "new privileges can be gained") \
	X(WARD_PROBE_CAPS, "processes", "a capability is left") \
	X(WARD_PROBE_BOUNDING, "processes", "a capability could be had again by executing (bounding set)") \
	X(WARD_PROBE_SECCOMP, "syscalls", "no filter is there, or a refused call was allowed (unshare)") \
	X(WARD_PROBE_FILTER, "syscalls", \
		"the filter allows a call that no run may make, or a foreign architecture") \
	X(WARD_PROBE_KEYCTL, "ipc", "the kernel keyring answered") \
	X(WARD_PROBE_VSOCK, "network", "a vsock socket could be made") \
	X(WARD_PROBE_CONNECT, "network", "a connect to an outside address was not refused") \
	X(WARD_PROBE_INTERFACES, "network", "the captured network has an interface beside lo") \
	X(WARD_PROBE_CANARY, "files", "an ungranted host file could be opened") \
	X(WARD_PROBE_ROOT_WRITE, "files", "a file could be made in the root of the view") \
	X(WARD_PROBE_SYSCTL, "processes", "/proc/sys could be opened for writing") \
	X(WARD_PROBE_PROC, "processes", "a process of the host is visible") \
	X(WARD_PROBE_LANDLOCK, "files", "a descriptor of a directory outside the view could be opened anew") \
	X(WARD_PROBE_MOUNTS, "files", "a mount is writable, shared with the host, missing, or one too many") \
	X(WARD_PROBE_DESCRIPTORS, "env", "a descriptor beyond 0-2 is open") \
	X(WARD_PROBE_ENVIRONMENT, "env", "a variable would be passed on that was not composed") \
	X(WARD_PROBE_SESSION, "processes", "the command is in the caller's session") \
	X(WARD_PROBE_DUMPABLE, "processes", "ward-init can be looked into") \
	X(WARD_PROBE_RLIMITS, "memory", "a limit is not set (core, priorities, nofile, nproc, data)") \
	X(WARD_PROBE_CGROUP, "pids", "the run is not in its cgroup")
enum ward_probe {
#define WARD_X(id, axis, text) id,
	WARD_PROBES(WARD_X)
#undef WARD_X
		WARD_PROBE_MAX
};
