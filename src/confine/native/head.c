/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head start: ward-init, executed from a sealed memfd before there is a plan. It is told whether there are namespaces, and whether
 * the network is to be captured, nothing else; what it makes meanwhile (the network namespace) grants nothing. One that is never used is ended through its
 * sockets: it ends when the supervisor's end closes.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "confine/native/cage.h"
#include "confine/native/mutations.h"
#include "os/missing.h"
#include "os/os.h"

/* The network namespace takes longer than all of these: the init makes it by itself, while we go on. */
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)

/* ---- the helper's image: one sealed memfd for the whole process ---- */
static pthread_mutex_t image_lock = PTHREAD_MUTEX_INITIALIZER;
static int image_fd = -1;

int ward_native_image(void)
{
	int fd;

	pthread_mutex_lock(&image_lock);
	if (image_fd < 0)
		image_fd = ward_memfd_exec("ward-init", ward_init_image, ward_init_image_size);
	fd = image_fd;
	pthread_mutex_unlock(&image_lock);
	return fd;
}

static int image(struct ward_error *err)
{
	int fd = ward_native_image();

	if (fd >= 0)
		return fd;
	ward_fail_errno(err, WARD_E_SYSTEM, -fd, "cannot make the image of ward-init");
	if (fd == -EACCES)
		ward_fail_fix(err, "set sysctl vm.memfd_noexec below 2");
	return WARD_E_SYSTEM;
}

bool ward_native_passing(int e)
{
	return e == EAGAIN || e == ENOMEM || e == EMFILE || e == ENFILE;
}

static int spawn_failed(int e, bool namespaces, struct ward_host *host, struct ward_error *err)
{
	if (namespaces)
		return ward_native_stage_failed(WARD_STAGE_CLONE, e, NULL, host, err);
	ward_fail_errno(err, WARD_E_SYSTEM, e, "cannot execute ward-init from memory");
	ward_fail_fix(err,
		"run `ward doctor`; too many processes, or a filter around ward that refuses clone or execveat");
	return WARD_E_SYSTEM;
}

/* The same without namespaces: executes, or why not. It ends by itself, there being nobody to talk to. */
static int exec_plainly(void)
{
	const char *const argv[] = { "ward-init", WARD_LAUNCH_PLAIN, NULL };
	struct ward_spawn what = { .exe_fd = image(NULL), .argv = argv, .cgroup = -1 };
	struct ward_spawned c;
	int r = what.exe_fd < 0 ? what.exe_fd : ward_spawn(&what, &c);

	if (r < 0)
		return r;
	r = -ward_spawn_error(&c);
	(void)ward_pidfd_signal(c.pidfd, SIGKILL);
	(void)ward_pidfd_wait(c.pidfd, NULL, NULL, false);
	ward_spawn_done(&c);
	close(c.pidfd);
	return r;
}

int ward_native_exec_failed(const struct ward_spawned *init, struct ward_host *host,
	struct ward_error *err)
{
	int e = ward_spawn_error(init);

	if (!e)
		return WARD_OK;
	/* Refused in namespaces alone: a host that hands them out and then no right in them. */
	if (host && host->userns && (e == EACCES || e == EPERM) && exec_plainly() == 0)
		return ward_native_stage_failed(WARD_STAGE_RIGHTS, e, "ward-init", host, err);
	ward_fail_errno(err, WARD_E_SYSTEM, e, "cannot execute ward-init from memory");
	ward_fail_fix(err, "%s",
		e == EACCES
			? "set sysctl vm.memfd_noexec below 2"
			: "run `ward doctor`; a filter around ward refuses execveat, or too few descriptors");
	return WARD_E_SYSTEM;
}

static int put_map(pid_t pid, const char *name, const char *text, struct ward_error *err)
{
	int r = ward_put_map(pid, name, text);

	return r < 0 ? ward_native_stage_failed(WARD_STAGE_IDMAP, -r, name, NULL, err) : WARD_OK;
}

/* One id each: the caller's own, or as root the reserved pair, so that the command is nobody on the host. */
static int put_maps(pid_t pid, struct ward_error *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	bool root = uid == 0;
	char text[64];
	int r;

	(void)snprintf(text, sizeof(text), "%u %u 1\n", root ? WARD_INSIDE_ID : uid,
		root && !WARD_OFF(HOST_ROOT) ? WARD_RESERVED_ID : uid);
	r = put_map(pid, "uid_map", text, err);
	/* An ordinary user may map its group only after giving up setgroups(2); root keeps it to clear the groups. */
	if (r == WARD_OK && !root)
		r = put_map(pid, "setgroups", "deny", err);
	(void)snprintf(text, sizeof(text), "%u %u 1\n", root ? WARD_INSIDE_ID : gid,
		root ? WARD_RESERVED_ID : gid);
	return r == WARD_OK ? put_map(pid, "gid_map", text, err) : r;
}

/*
 * With a hard limit of 0 the kernel starts the host's handler of core dumps for each crash (limits(), init/child.c), and inside nobody may raise
 * it: for root's runs it is done here. Where root may not either (a container), it stays as it is.
 */
static void raise_core_limit(pid_t pid)
{
	const struct rlimit one = { 1, 1 };
	struct rlimit ours;

	if (geteuid() == 0 && getrlimit(RLIMIT_CORE, &ours) == 0 && ours.rlim_max < one.rlim_max)
		(void)prlimit(pid, RLIMIT_CORE, &one, NULL);
}

static int spawn(struct ward_head_start *h, const int *theirs, int cgroup, struct ward_host *host,
	struct ward_error *err)
{
	const char *argv[] = { "ward-init",
		!h->userns            ? WARD_LAUNCH_PLAIN
			: h->captured ? WARD_LAUNCH_CAPTURED
				      : WARD_LAUNCH_NAMESPACES,
#ifdef WARD_MUTATIONS
		ward_mutation_argument(),
#endif
		NULL };
	struct ward_spawn what = { .exe_fd = image(err),
		.argv = argv,
		.fds = theirs,
		.n_fds = WARD_LAUNCH_FD_MAX,
		.namespaces = h->userns ? NAMESPACES : 0,
		.cgroup = WARD_OFF(CGROUP) ? -1 : cgroup,
		.hold = true };
	int r;

	if (what.exe_fd < 0)
		return what.exe_fd;
	what.namespaces &= ~(WARD_OFF(NS_IPC) ? (uint64_t)CLONE_NEWIPC
			: WARD_OFF(NS_UTS)    ? (uint64_t)CLONE_NEWUTS
			: WARD_OFF(NS_PID)    ? (uint64_t)CLONE_NEWPID
			: WARD_OFF(NS_MOUNT)  ? (uint64_t)CLONE_NEWNS
					      : 0u);
	ward_place_look(&h->place);
	r = ward_spawn(&what, &h->init);
	if (r < 0)
		return spawn_failed(-r, h->userns, host, err);
	ward_place_away(&h->place, h->init.pid);
	raise_core_limit(h->init.pid);
	ward_spawn_go(&h->init);
	r = h->userns ? put_maps(h->init.pid, err) : WARD_OK;
	/*
	 * Until its exec the child is as closed to a look as we may be (PR_SET_DUMPABLE), and its maps belong to root: once more
	 * afterwards. Those of a child that did not even come to its exec cannot be written at all: the first trouble counts.
	 */
	if (r < 0) {
		int first = ward_native_exec_failed(&h->init, h->userns ? host : NULL, err);

		r = first < 0 ? first : put_maps(h->init.pid, err);
	}
	return r;
}

int ward_native_head(struct ward_host *host, const struct ward_head_want *want,
	struct ward_head_start **ret, struct ward_error *err)
{
	struct ward_head_start *h = malloc(sizeof(*h));
	int pairs[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, r = 0;
	WARD_FD end = ward_own_end();

	*ret = NULL;
	if (!h)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a start");
	if (end < 0)
		r = end;
	for (int i = 0; r == 0 && i < 3; i++)
		r = ward_socketpair(SOCK_SEQPACKET, pairs[i]);
	*h = (struct ward_head_start){ .ctl = pairs[WARD_LAUNCH_FD_CTL][0],
		.cmd = pairs[WARD_LAUNCH_FD_CMD][0],
		.fuse = pairs[WARD_LAUNCH_FD_FUSE][0],
		.init = WARD_SPAWNED_INIT,
		.userns = want->userns,
		.captured = want->captured,
		.cgroup2 = want->cgroup >= 0 };
	if (r < 0)
		r = ward_fail_errno(err, WARD_E_SYSTEM, -r, "%s",
			end < 0 ? "eventfd" : "socketpair");
	else
		r = spawn(h,
			(const int[WARD_LAUNCH_FD_MAX]){
				pairs[0][1], pairs[1][1], pairs[2][1], end },
			want->cgroup, host, err);
	/* The child copies the table of descriptors at its birth: ours can be closed. */
	for (int i = 0; i < 3; i++)
		ward_close(pairs[i][1]);
	if (r < 0)
		ward_head_start_free(h);
	else
		*ret = h;
	return r;
}

struct ward_head_start *ward_head_start_new(bool egress, bool *ret_userns,
	enum ward_userns_lack *ret_lack)
{
	const struct ward_head_want want = { .userns = true, .captured = egress, .cgroup = -1 };
	struct ward_error ignored = WARD_ERROR_INIT;
	struct ward_host host = { .userns = true };
	struct ward_head_start *h = NULL;
	struct statfs st;

	/* A cgroup v2 has to be there first: it is entered by being born in it. */
	if (statfs("/sys/fs/cgroup", &st) < 0 || st.f_type != WARD_MAGIC_CGROUP2)
		(void)ward_native_head(&host, &want, &h, &ignored);
	/* Any other trouble comes again, and is told, when it is needed; h is NULL then. */
	*ret_userns = host.userns;
	*ret_lack = host.lack;
	return h;
}

void ward_head_start_free(struct ward_head_start *h)
{
	if (!h)
		return;
	ward_close(h->ctl);
	ward_close(h->cmd);
	ward_close(h->fuse);
	if (h->init.pidfd >= 0) {
		(void)ward_pidfd_signal(h->init.pidfd, SIGKILL);
		(void)ward_pidfd_wait(h->init.pidfd, NULL, NULL, false);
		close(h->init.pidfd);
	}
	ward_spawn_done(&h->init);
	free(h);
}
