/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of what lies on the command itself: Landlock, seccomp, seccomp notification. Each is put on a child and then
 * tested from inside: it counts as working only when it refused what it had to.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "os/missing.h"
#include "os/os.h"
#include "run/doctor/doctor.h"

#define LANDLOCK_ABI_FULL 6 /* scoping of signals and abstract sockets */
#define LANDLOCK_ABI_OK 5 /* ioctl on devices */
#define NOTIFY_MS 2000

/* ---- Landlock ---- */

static int under_landlock(struct doctor_result *r, void *arg)
{
	struct ward_ll_ruleset_attr a = { .handled_access_fs = WARD_LL_READ_FILE };
	int fd;

	(void)arg;
	r->step = "making a ruleset";
	fd = (int)syscall(WARD_NR_LANDLOCK_CREATE_RULESET, &a, sizeof(a.handled_access_fs), 0);
	if (fd < 0)
		return errno;
	r->step = "taking the ruleset on";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(WARD_NR_LANDLOCK_RESTRICT_SELF, fd, 0) < 0)
		return errno;
	r->step = "being refused a file";
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return ENOTRECOVERABLE;
	return errno == EACCES ? 0 : errno;
}

DOCTOR_CHECK(doctor_landlock)
{
	const struct doctor_trial t = { .child = under_landlock };
	int abi = d->host.landlock_abi;
	struct doctor_result r;

	if (!doctor_try(&t, &r)) {
		doctor_say(f, d->namespaces ? row->missing : DOCTOR_FAIL, "%s: %s", r.step,
			r.err == EOPNOTSUPP ? "built into the kernel, but not in its lsm= list"
				: r.err == ENOTRECOVERABLE ? "it was not refused"
							   : doctor_why(&r));
		if (r.err == ENOSYS)
			doctor_fix(f, "sudo apt-get install linux-image-amd64 && sudo reboot");
		else if (r.err == EPERM)
			doctor_fix(f, "docker run --security-opt seccomp=unconfined ...");
		return;
	}
	if (abi >= LANDLOCK_ABI_OK) {
		doctor_say(f, DOCTOR_OK, "ABI %d refused a file%s", abi,
			abi < LANDLOCK_ABI_FULL ? "; signals are not scoped before ABI 6" : "");
		return;
	}
	doctor_say(f, DOCTOR_WARN,
		"ABI %d refused a file; device ioctls%s are held by the view alone before ABI 5",
		abi, abi < 3 ? " and truncation" : "");
	doctor_fix(f, "sudo apt-get install linux-image-amd64 && sudo reboot");
}

/* ---- seccomp ---- */

/* getppid answers in a way it never does. */
static int filter_getppid(uint32_t action, unsigned flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = WARD_ARRAY_SIZE(code), .filter = code };
	long fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	return fd < 0 ? -errno : (int)fd;
}

static int refused_with(int want)
{
	if (syscall(SYS_getppid) >= 0)
		return ENOTRECOVERABLE;
	return errno == want ? 0 : errno;
}

static int under_filter(struct doctor_result *r, void *arg)
{
	int fd;

	(void)arg;
	r->step = "installing a filter";
	fd = filter_getppid(SECCOMP_RET_ERRNO | EDOM, 0);
	if (fd < 0)
		return -fd;
	r->step = "being refused a call";
	return refused_with(EDOM);
}

DOCTOR_CHECK(doctor_seccomp)
{
	const struct doctor_trial t = { .child = under_filter };
	struct doctor_result r;

	(void)d;
	if (doctor_try(&t, &r))
		doctor_say(f, DOCTOR_OK, "a filter refused a call");
	else
		doctor_say(f, row->missing, "%s: %s", r.step,
			r.err == ENOTRECOVERABLE ? "it was not refused" : doctor_why(&r));
}

/* ---- seccomp notification ---- */

static int under_notify(struct doctor_result *r, void *arg)
{
	const int *sock = arg;
	int fd;

	r->step = "installing a filter with a listener";
	fd = filter_getppid(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (fd < 0)
		return -fd;
	r->step = "handing the listener out";
	if (ward_send_fds(sock[1], "l", 1, &fd, 1) != 1)
		return EIO;
	close(fd);
	r->step = "being refused a call by the listener";
	return refused_with(EXDEV);
}

/* A connect is made on the caller's own socket, which is taken out of its process. */
static int take_a_descriptor(struct doctor_result *r, void *arg)
{
	int fd;

	(void)arg;
	r->step = "pidfd_open";
	fd = ward_pidfd_open(getpid());
	if (fd < 0)
		return -fd;
	r->step = "pidfd_getfd";
	fd = ward_pidfd_getfd(fd, 0);
	/* EBADF: descriptor 0 is closed, which is no fault of the call */
	return fd < 0 && fd != -EBADF ? -fd : 0;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, NOTIFY_MS) == 1 && (p.revents & POLLIN);
}

/* Answer one notification. What the kernel gives may be larger than these headers know. */
static void answer_one(void *arg)
{
	union {
		struct seccomp_notif n;
		char room[256];
	} req = { .room = { 0 } };
	union {
		struct seccomp_notif_resp n;
		char room[256];
	} resp = { .room = { 0 } };
	const int *sock = arg;
	WARD_FD fd = -1;
	size_t n = 1;
	char c;

	if (!readable(sock[0]) || ward_recv_fds(sock[0], &c, 1, &fd, &n, 0) != 1 || n != 1)
		return;
	if (!readable(fd) || ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req) < 0 ||
		req.n.data.nr != SYS_getppid)
		return;
	resp.n.id = req.n.id;
	resp.n.error = -EXDEV;
	(void)ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

DOCTOR_CHECK(doctor_notify)
{
	int sock[2] = { -1, -1 };
	const struct doctor_trial t = { .child = under_notify, .during = answer_one, .arg = sock };
	const struct doctor_trial taking = { .child = take_a_descriptor };
	struct doctor_result r = { .step = "socketpair", .err = EMFILE };

	bool takes = doctor_try(&taking, &r);

	(void)d;
	if (doctor_sysctl("/proc/sys/kernel/yama/ptrace_scope") == 3) {
		doctor_say(f, row->missing,
			"kernel.yama.ptrace_scope is 3: nothing can be taken out of another process, until the next boot");
		doctor_fix(f, "%s",
			"echo kernel.yama.ptrace_scope=1 | sudo tee /etc/sysctl.d/99-ptrace.conf && sudo reboot");
		return;
	}
	if (takes && ward_socketpair(SOCK_SEQPACKET, sock) == 0 && doctor_try(&t, &r))
		doctor_say(f, DOCTOR_OK, "a call was held, named and refused");
	else
		doctor_say(f, row->missing, "%s: %s", r.step,
			takes && r.err == ENOSYS ? "nobody could answer" : doctor_why(&r));
	if (!takes)
		doctor_fix(f, "docker run --security-opt seccomp=unconfined ...");
	ward_close(sock[0]);
	ward_close(sock[1]);
}
