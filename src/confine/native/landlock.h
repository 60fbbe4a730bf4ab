/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: the envelope around the view. Header only, compiles with glibc and with musl, allocates nothing, so that
 * the supervisor (which composes the masks) and ward-init (which installs them) use one text.
 *
 * A ruleset handles every right that the running kernel's ABI knows: what is handled and not granted is refused.
 * Never granted to anybody: making device nodes, and connecting to Unix sockets made outside (ABI 9). Rights that
 * the kernel does not know are dropped by ward_ll_mask(), never by trial; what is missing for a promise is the plan's
 * matter (landlock_abi in the host facts). Network rights are not handled: the network namespace is the boundary,
 * and Landlock's TCP rights are not one (MPTCP, Fast Open, UDP).
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "os/missing.h"

#define WARD_LL_ABI_MAX 9 /* the newest that this text knows */

/* What a file that is no directory can be given; a directory's rule may hold everything. */
#define WARD_LL_FILE_RIGHTS \
	(WARD_LL_EXECUTE | WARD_LL_WRITE_FILE | WARD_LL_READ_FILE | WARD_LL_TRUNCATE | \
		WARD_LL_IOCTL_DEV | WARD_LL_RESOLVE_UNIX)

/* ---- sets of rights for a grant; add them up, then ward_ll_mask() ---- */
#define WARD_LL_SET_READ (WARD_LL_READ_FILE | WARD_LL_READ_DIR)
#define WARD_LL_SET_EXEC WARD_LL_EXECUTE
#define WARD_LL_SET_WRITE \
	(WARD_LL_WRITE_FILE | WARD_LL_TRUNCATE | WARD_LL_REMOVE_DIR | WARD_LL_REMOVE_FILE | \
		WARD_LL_MAKE_DIR | WARD_LL_MAKE_REG | WARD_LL_MAKE_SOCK | WARD_LL_MAKE_FIFO | \
		WARD_LL_MAKE_SYM | WARD_LL_REFER)
#define WARD_LL_SET_DEV \
	(WARD_LL_READ_FILE | WARD_LL_READ_DIR | WARD_LL_WRITE_FILE | WARD_LL_TRUNCATE | \
		WARD_LL_IOCTL_DEV)

/* Every file system right of an ABI: what a ruleset handles. 0 for ABI 0. */
static inline uint64_t ward_ll_handled_fs(int abi)
{
	static const uint64_t upto[WARD_LL_ABI_MAX + 1] = {
		0,
		WARD_LL_REFER - 1,
		(WARD_LL_REFER << 1) - 1,
		(WARD_LL_TRUNCATE << 1) - 1,
		(WARD_LL_TRUNCATE << 1) - 1,
		(WARD_LL_IOCTL_DEV << 1) - 1,
		(WARD_LL_IOCTL_DEV << 1) - 1,
		(WARD_LL_IOCTL_DEV << 1) - 1,
		(WARD_LL_IOCTL_DEV << 1) - 1,
		(WARD_LL_RESOLVE_UNIX << 1) - 1,
	};

	if (abi <= 0)
		return 0;
	return upto[abi > WARD_LL_ABI_MAX ? WARD_LL_ABI_MAX : abi];
}

/* Scopes: abstract Unix sockets and signals stay inside (ABI 6). */
static inline uint64_t ward_ll_handled_scopes(int abi)
{
	return abi >= 6 ? WARD_LL_SCOPE_ABSTRACT_UNIX | WARD_LL_SCOPE_SIGNAL : 0;
}

/* What of access this kernel's rule for a directory, or for another file, may hold. */
static inline uint64_t ward_ll_mask(int abi, uint64_t access, bool is_dir)
{
	return access & ward_ll_handled_fs(abi) & (is_dir ? ~0ull : WARD_LL_FILE_RIGHTS);
}

/* Bytes of the ruleset attributes that an ABI takes: an older kernel refuses a longer one unless its rest is zero. */
static inline size_t ward_ll_ruleset_size(int abi)
{
	if (abi >= 6)
		return sizeof(struct ward_ll_ruleset_attr);
	return abi >= 4 ? offsetof(struct ward_ll_ruleset_attr, scoped)
			: offsetof(struct ward_ll_ruleset_attr, handled_access_net);
}

/* The kernel's ABI, 1 and up; 0 = Landlock is absent or switched off. */
static inline int ward_ll_abi(void)
{
	long r = syscall(WARD_NR_LANDLOCK_CREATE_RULESET, NULL, 0, WARD_LL_CREATE_RULESET_VERSION);

	return r < 0 ? 0 : (int)r;
}

/* A ruleset that handles fs and scoped (as above for the ABI): descriptor (CLOEXEC) or -errno. */
static inline int ward_ll_create(int abi, uint64_t fs, uint64_t scoped)
{
	struct ward_ll_ruleset_attr attr = { .handled_access_fs = fs, .scoped = scoped };
	long r = syscall(WARD_NR_LANDLOCK_CREATE_RULESET, &attr, ward_ll_ruleset_size(abi), 0u);

	return r < 0 ? -errno : (int)r;
}

/* Grant access (masked) below a directory, or to a file, given by descriptor (O_PATH will do). 0 or -errno. */
static inline int ward_ll_allow(int ruleset, int fd, uint64_t access)
{
	struct ward_ll_path_beneath_attr attr = { .allowed_access = access, .parent_fd = fd };

	if (syscall(WARD_NR_LANDLOCK_ADD_RULE, ruleset, WARD_LL_RULE_PATH_BENEATH, &attr, 0u) < 0)
		return -errno;
	return 0;
}

/*
 * Flags of ward_ll_restrict(), from ABI 7 on: an older kernel refuses any. Where the host's audit is on, the kernel would write a
 * record for each refusal of ours until the command executes, which are those of the self-test, once a start; and for each of
 * a domain that the command makes for itself, as many as it likes, in its own names: the host's log would be its to fill.
 */
static inline uint32_t ward_ll_quiet(int abi)
{
	return abi >= 7 ? WARD_LL_LOG_SAME_EXEC_OFF | WARD_LL_LOG_SUBDOMAINS_OFF : 0;
}

/* Confine the calling thread, for good, and quietly. Needs no_new_privs or CAP_SYS_ADMIN. */
static inline int ward_ll_restrict(int abi, int ruleset)
{
	if (syscall(WARD_NR_LANDLOCK_RESTRICT_SELF, ruleset, ward_ll_quiet(abi)) < 0)
		return -errno;
	return 0;
}
