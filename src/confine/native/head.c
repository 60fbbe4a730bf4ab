/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head start: ward-init, spawned from a sealed memfd before there is a plan. It is told who the caller is and whether
 * there will be namespaces, nothing else; what it makes meanwhile (namespaces, id maps) grants nothing. One that is never used
 * is ended through its sockets: every process of it ends when the supervisor's end closes.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "confine/native/cage.h"
#include "os/os.h"

#define WORD_DIGITS 12

/* ---- the helper's image: one sealed memfd for the whole process ---- */
static pthread_mutex_t image_lock = PTHREAD_MUTEX_INITIALIZER;
static int image_fd = -1;

static int image(struct ward_error *err)
{
	int fd;

	pthread_mutex_lock(&image_lock);
	if (image_fd < 0)
		image_fd = ward_memfd_exec("ward-init", ward_init_image, ward_init_image_size);
	fd = image_fd;
	pthread_mutex_unlock(&image_lock);
	if (fd >= 0)
		return fd;
	ward_fail_errno(err, WARD_E_SYSTEM, -fd, "cannot make the image of ward-init");
	if (fd == -EACCES)
		ward_fail_fix(err, "set sysctl vm.memfd_noexec below 2");
	return WARD_E_SYSTEM;
}

static void describe(const struct ward_host *host, const struct ward_head_start *h,
	struct ward_launch_boot *b)
{
	bool root = host->uid == 0;

	*b = (struct ward_launch_boot){
		.flags = (h->userns ? WARD_LAUNCH_USERNS : 0) | (h->fuse ? WARD_LAUNCH_FUSE : 0) |
			(root && h->userns ? WARD_LAUNCH_ROOT : 0) |
			(h->cgroup2 ? WARD_LAUNCH_CGROUP2 : 0),
		.host_uid = root ? WARD_RESERVED_ID : host->uid,
		.host_gid = root ? WARD_RESERVED_ID : host->gid,
		.caller_uid = host->uid,
		.caller_gid = host->gid,
	};
	/* Without a user namespace there is no inside number: the ids are those of the host. */
	b->inside_uid = root && h->userns ? WARD_INSIDE_ID : b->host_uid;
	b->inside_gid = root && h->userns ? WARD_INSIDE_ID : b->host_gid;
}

static int spawn(struct ward_head_start *h, const struct ward_host *host, const int theirs[2],
	struct ward_error *err)
{
	struct ward_launch_boot boot;
	char words[WARD_LAUNCH_BOOT_WORDS][WORD_DIGITS];
	const char *argv[WARD_LAUNCH_BOOT_WORDS + 2] = { "ward-init" };
	int exe = image(err), pidfd;
	uint32_t values[WARD_LAUNCH_BOOT_WORDS];

	if (exe < 0)
		return exe;
	describe(host, h, &boot);
	memcpy(values, &boot, sizeof(values));
	for (size_t i = 0; i < WARD_LAUNCH_BOOT_WORDS; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "%u", values[i]);
		argv[1 + i] = words[i];
	}
	pidfd = ward_spawn_fd(exe, argv, theirs, 2, NULL);
	if (pidfd < 0) {
		ward_fail_errno(err, WARD_E_SYSTEM, -pidfd, "cannot execute ward-init from memory");
		ward_fail_fix(err, "%s",
			-pidfd == EACCES
				? "set sysctl vm.memfd_noexec below 2"
				: "run `ward doctor`; too many processes, or a filter around ward that refuses clone or execveat");
		return WARD_E_SYSTEM;
	}
	h->launcher = pidfd;
	return WARD_OK;
}

int ward_native_head(const struct ward_host *host, bool userns, struct ward_head_start **ret,
	struct ward_error *err)
{
	struct ward_head_start *h = malloc(sizeof(*h));
	int ctl[2] = { -1, -1 }, cmd[2] = { -1, -1 }, r;

	*ret = NULL;
	if (!h)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a start");
	*h = (struct ward_head_start){ .ctl = -1,
		.cmd = -1,
		.launcher = -1,
		.userns = userns,
		.fuse = userns && host->fuse,
		.cgroup2 = host->cgroup == 2 };
	r = ward_socketpair(SOCK_SEQPACKET, ctl);
	if (r == 0)
		r = ward_socketpair(SOCK_SEQPACKET, cmd);
	h->ctl = ctl[0];
	h->cmd = cmd[0];
	if (r < 0)
		r = ward_fail_errno(err, WARD_E_SYSTEM, -r, "socketpair");
	else
		r = spawn(h, host, (const int[2]){ ctl[1], cmd[1] }, err);
	ward_close(ctl[1]);
	ward_close(cmd[1]);
	if (r < 0)
		ward_head_start_free(h);
	else
		*ret = h;
	return r;
}

struct ward_head_start *ward_head_start_new(const struct ward_host *host)
{
	struct ward_error ignored = WARD_ERROR_INIT;
	struct ward_head_start *h = NULL;

	/* What goes wrong here goes wrong again, and is told, when it is needed; h is NULL then. */
	if (host->userns)
		(void)ward_native_head(host, true, &h, &ignored);
	return h;
}

void ward_head_start_free(struct ward_head_start *h)
{
	if (!h)
		return;
	ward_close(h->ctl);
	ward_close(h->cmd);
	if (h->launcher >= 0) {
		(void)ward_pidfd_signal(h->launcher, SIGKILL);
		(void)ward_pidfd_wait(h->launcher, NULL, NULL, false);
		close(h->launcher);
	}
	free(h);
}
