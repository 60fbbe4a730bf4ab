/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of namespaces, of the calls that Ward makes, and of the helper's way to be executed. A refusal is traced to the
 * switch that made it, as far as the kernel lets an ordinary user see switches; where it does not, the errno is shown and
 * nothing is guessed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "run/doctor/doctor.h"

#define SMALL_FILE 4096

long doctor_sysctl(const char *path)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char *end = NULL;
	long v;

	if (ward_read_file(path, SMALL_FILE, &b, NULL) < 0 || !b.n)
		return -1;
	v = strtol(ward_buf_cstr(&b), &end, 10);
	return end && end != b.s ? v : -1;
}

/* Does a filter of somebody else (a container, a service manager) lie on this process? */
static bool filtered(void)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *p;

	if (ward_read_file("/proc/self/status", SMALL_FILE * 4, &b, NULL) < 0)
		return false;
	p = strstr(ward_buf_cstr(&b), "\nSeccomp:\t");
	return p && p[10] == '2';
}

static bool nested(void)
{
	const char *by[WARD_INHERITED_MAX + 1];

	ward_inherited(by);
	for (size_t i = 0; by[i]; i++) {
		if (ward_streq(by[i], "user_namespace"))
			return true;
	}
	return false;
}

/* ---- namespaces ---- */

static int mount_something(struct doctor_result *r, void *arg)
{
	(void)arg;
	r->step = "changing its mounts";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	r->step = "mounting a tmpfs in it";
	return mount("tmpfs", "/", "tmpfs", MS_NOSUID | MS_NODEV, "size=4k") < 0 ? errno : 0;
}

static int nothing(struct doctor_result *r, void *arg)
{
	(void)r;
	(void)arg;
	return 0;
}

/* In a container an ordinary user needs less than root: nothing that its filter and its covered /proc do not take away. */
#define FIX_CONTAINER_USER \
	"docker run --user 1000:1000 --security-opt seccomp=unconfined --security-opt systempaths=unconfined ..."

static void explain_stuck(struct doctor_finding *f)
{
	doctor_say(f, DOCTOR_FAIL,
		"root may not become another user here (unshare -r, or no CAP_SETUID and CAP_SETGID): nothing starts, whatever is accepted");
	doctor_fix(f, "%s",
		nested() ? "ward run -- CMD   # outside of `unshare -r`, as who calls it"
			 : FIX_CONTAINER_USER);
}

/* Which of the known switches refused a user namespace? */
static void explain_userns(const struct doctor *d, struct doctor_finding *f,
	const struct doctor_result *r)
{
	const char *why = doctor_why(r);
	struct stat st;

	if (d->host.stuck) {
		explain_stuck(f);
	} else if (doctor_sysctl("/proc/sys/user/max_user_namespaces") == 0) {
		doctor_say(f, DOCTOR_FAIL, "user.max_user_namespaces is 0");
		doctor_fix(f, "sudo sysctl -w user.max_user_namespaces=15000");
	} else if (geteuid() != 0 &&
		doctor_sysctl("/proc/sys/kernel/unprivileged_userns_clone") == 0) {
		doctor_say(f, DOCTOR_FAIL, "kernel.unprivileged_userns_clone is 0");
		doctor_fix(f, "sudo sysctl -w kernel.unprivileged_userns_clone=1");
	} else if (doctor_sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1 &&
		geteuid() != 0) {
		doctor_say(f, DOCTOR_FAIL,
			"AppArmor restricts unprivileged user namespaces: %s: %s", r->step, why);
		doctor_fix(f, "%s",
			stat("/etc/apparmor.d/ward", &st) == 0
				? "sudo apparmor_parser -r /etc/apparmor.d/ward"
				: "sudo make install");
	} else if (r->err == EROFS) {
		doctor_say(f, DOCTOR_FAIL,
			"made one, but its ids cannot be mapped: /proc is read-only here");
		doctor_fix(f, "%s",
			geteuid() == 0 && ward_may_mount() ? "mount -o remount,rw /proc"
							   : "bwrap --proc /proc ...");
	} else if (r->err == ENOSPC || r->err == EUSERS) {
		doctor_say(f, DOCTOR_FAIL,
			"the limit of namespaces is reached, or they are nested too deep: %s", why);
		/* Each user namespace has a limit of its own, and the one that refuses may be above, where no setting of ours reaches. */
		doctor_fix(f, "%s",
			nested()
				? "bwrap ...   # without --disable-userns: a user namespace around ward allows no more of them"
				: "sudo sysctl -w user.max_user_namespaces=63000");
	} else if (!r->err) {
		doctor_say(f, DOCTOR_FAIL,
			"made one, but root here has no CAP_SYS_ADMIN (a container's?) to clone granted trees with");
		doctor_fix(f, "%s", FIX_CONTAINER_USER);
	} else if (r->killed) {
		doctor_say(f, DOCTOR_FAIL, "%s: %s", r->step, why);
		doctor_fix(f,
			"SystemCallErrorNumber=EPERM   # in the unit; then `ward doctor` again");
	} else if (filtered() && geteuid() == 0 && !ward_may_mount()) {
		doctor_say(f, DOCTOR_FAIL,
			"a seccomp filter lies on this process (a container's?), and root has no CAP_SYS_ADMIN: %s: %s",
			r->step, why);
		doctor_fix(f, "%s", FIX_CONTAINER_USER);
	} else if (filtered()) {
		doctor_say(f, DOCTOR_FAIL,
			"a seccomp filter lies on this process (a container's?): %s: %s", r->step,
			why);
		doctor_fix(f,
			"docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined ...");
	} else {
		doctor_say(f, DOCTOR_FAIL, "%s: %s", r->step, why);
		doctor_fix(f, "%s",
			r->err == EINVAL || r->err == ENOSYS
				? "sudo apt-get install linux-image-amd64 && sudo reboot"
				: "ward run --accept processes=advisory -- CMD");
	}
}

DOCTOR_CHECK(doctor_userns)
{
	const struct doctor_trial t = { .flags = CLONE_NEWUSER | CLONE_NEWNS,
		.child = mount_something };
	struct doctor_result r;

	d->namespaces = doctor_try(&t, &r) && (geteuid() != 0 || ward_may_mount());
	if (d->namespaces)
		doctor_say(f, DOCTOR_OK, "made one, mapped ids into it, mounted in it");
	else
		explain_userns(d, f, &r);
	(void)snprintf(d->userns_fix, sizeof(d->userns_fix), "%s", ward_buf_cstr(&f->fix));
	(void)row;
}

void doctor_no_userns(struct doctor *d, enum doctor_status s, struct doctor_finding *f)
{
	doctor_say(f, s, "not tried: no user namespace");
	doctor_fix(f, "%s", d->userns_fix);
}

static int name_it(struct doctor_result *r, void *arg)
{
	(void)arg;
	r->step = "naming the host";
	/* Without it a run's host is called as ours is. */
	return sethostname("ward", 4) < 0 && errno != EPERM && errno != ENOSYS ? errno : 0;
}

static const struct {
	const char *name;
	unsigned long flag;
	const char *limit;
} kinds[] = {
	{ "mount", CLONE_NEWNS, "mnt" },
	{ "pid", CLONE_NEWPID, "pid" },
	{ "network", CLONE_NEWNET, "net" },
	{ "ipc", CLONE_NEWIPC, "ipc" },
	{ "uts", CLONE_NEWUTS, "uts" },
	{ "cgroup", CLONE_NEWCGROUP, "cgroup" },
};

DOCTOR_CHECK(doctor_namespaces)
{
	if (!d->namespaces) {
		doctor_no_userns(d, row->missing, f);
		return;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		const struct doctor_trial t = { .flags = CLONE_NEWUSER | kinds[i].flag,
			.child = kinds[i].flag == CLONE_NEWUTS ? name_it : nothing };
		struct doctor_result r;

		if (doctor_try(&t, &r))
			continue;
		doctor_say(f, row->missing, "%s namespace: %s", kinds[i].name, doctor_why(&r));
		if (r.err == ENOSPC || r.err == EUSERS)
			doctor_fix(f, "sudo sysctl -w user.max_%s_namespaces=15000",
				kinds[i].limit);
		else if (filtered())
			doctor_fix(f,
				"docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined ...");
		else
			doctor_fix(f, "sudo apt-get install linux-image-amd64 && sudo reboot");
		return;
	}
	doctor_say(f, DOCTOR_OK, "made one of each");
}

static int mount_proc(struct doctor_result *r, void *arg)
{
	(void)arg;
	r->step = "mounting proc";
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? errno
											  : 0;
}

DOCTOR_CHECK(doctor_proc)
{
	const struct doctor_trial t = { .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID,
		.child = mount_proc };
	struct doctor_result r;

	if (!d->namespaces) {
		doctor_no_userns(d, row->missing, f);
	} else if (doctor_try(&t, &r)) {
		doctor_say(f, DOCTOR_OK, "mounted one in a pid namespace");
	} else {
		/* mount_too_revealing() in fs/namespace.c: parts of the visible /proc are covered */
		doctor_say(f, row->missing, "%s: %s%s", r.step, doctor_why(&r),
			r.err == EPERM ? " (parts of this /proc are covered)" : "");
		doctor_fix(f, "docker run --security-opt systempaths=unconfined ...");
	}
}

/* ---- the network of a run with egress ---- */

DOCTOR_CHECK(doctor_egress)
{
	const char *step = "", *second = "";
	int r;

	if (!d->namespaces) {
		doctor_no_userns(d, row->missing, f);
		return;
	}
	r = ward_host_capture(false, &step);
	if (r == 0) {
		doctor_say(f, DOCTOR_OK,
			"dialled an address that nobody has, and was caught with it (nf_tables, tproxy)");
	} else if (ward_host_capture(true, &second) == 0 && ward_host_mediates(&d->host)) {
		doctor_say(f, DOCTOR_WARN,
			"%s: %s; without it each connect is led to the gate where it is mediated, which works",
			step, strerror(-r));
		f->lost =
			"runs that are granted NETWORK_CONNECT start, and programs connect as they are; "
			"what does not hold then: docs/egress.md, \"Without nf_tables\"";
	} else {
		doctor_say(f, row->missing, "%s: %s", step, strerror(-r));
	}
	if (r == -EPERM && filtered())
		doctor_fix(f, "docker run --security-opt seccomp=unconfined ...");
}

/* ---- calls ---- */

/* Called with arguments that are refused in a known way once the call exists and may be made. */
static int call_mounts(struct doctor_result *r, void *arg)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
		{ "open_tree", WARD_NR_OPEN_TREE },
		{ "move_mount", WARD_NR_MOVE_MOUNT },
		{ "mount_setattr", WARD_NR_MOUNT_SETATTR },
	};

	(void)arg;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(calls); i++) {
		r->step = calls[i].name;
		if (syscall(calls[i].nr, -1, "", -1L, "", -1L) < 0 &&
			(errno == ENOSYS || errno == EPERM))
			return errno;
	}
	return 0;
}

static int call_others(struct doctor_result *r, void *arg)
{
	int fd;

	(void)arg;
	r->step = "openat2";
	fd = ward_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);
	if (fd < 0)
		return -fd;
	r->step = "close_range";
	if (syscall(WARD_NR_CLOSE_RANGE, fd, fd, 0) < 0)
		return errno;
	r->step = "execveat";
	return syscall(SYS_execveat, -1, NULL, NULL, NULL, 0) < 0 && errno != EFAULT ? errno : 0;
}

bool doctor_is_inside(void)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);

	/* --backend direct says that it is a run, too, and refuses nothing. */
	return fd == -ENOSYS && filtered() && getenv("WARD_RUN");
}

DOCTOR_CHECK(doctor_kernel_calls)
{
	struct doctor_trial t = { .child = call_others };
	struct doctor_result r;
	bool ok = doctor_try(&t, &r);

	if (ok && d->namespaces) {
		t = (struct doctor_trial){ .flags = CLONE_NEWUSER | CLONE_NEWNS,
			.child = call_mounts };
		ok = doctor_try(&t, &r);
	}
	/* memfd_create has a check of its own. */
	if (ok && d->host.refused && strcmp(d->host.refused, "memfd_create") != 0) {
		r.step = d->host.refused;
		r.err = d->host.refused_errno;
		ok = false;
	}
	if (ok) {
		doctor_say(f, DOCTOR_OK, "openat2, close_range, execveat%s",
			d->namespaces ? ", open_tree, move_mount, mount_setattr" : "");
		return;
	}
	if (r.err == ENOSYS && filtered()) {
		doctor_say(f, row->missing,
			"%s is refused by a filter on this process, as in a sandbox of Ward's own",
			r.step);
		doctor_fix(f, "ward doctor # outside of it");
		return;
	}
	doctor_say(f, row->missing, "%s: %s", r.step, doctor_why(&r));
	if (r.err == EPERM && filtered())
		doctor_fix(f, "docker run --security-opt seccomp=unconfined ...");
}

/* ---- the helper ---- */

/* The least program there is: it ends with 42. */
#if defined(__x86_64__) || defined(__aarch64__)
struct tiny {
	unsigned char ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	struct {
		uint32_t type, flags;
		uint64_t offset, vaddr, paddr, filesz, memsz, align;
	} ph;
	unsigned char code[16];
};
#define TINY_BASE 0x400000u
static const struct tiny tiny = {
	.ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 },
	.type = 2,
	.version = 1,
	.entry = TINY_BASE + offsetof(struct tiny, code),
	.phoff = offsetof(struct tiny, ph),
	.ehsize = offsetof(struct tiny, ph),
	.phentsize = sizeof(tiny.ph),
	.phnum = 1,
	.ph = { .type = 1,
		.flags = 5,
		.vaddr = TINY_BASE,
		.paddr = TINY_BASE,
		.filesz = sizeof(tiny),
		.memsz = sizeof(tiny),
		.align = 0x1000 },
#ifdef __x86_64__
	.machine = 62,
	.code = { 0xb8, 0x3c, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f,
		0x05 }, /* mov eax,60; mov edi,42; syscall */
#else
	.machine = 183,
	.code = { 0x40, 0x05, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0, 0,
		0xd4 }, /* mov x0,42; mov x8,93; svc 0 */
#endif
};
#define TINY_HERE 1
#else
#define TINY_HERE 0
static const char tiny[1];
#endif

DOCTOR_CHECK(doctor_memfd)
{
	static const char *const argv[] = { "doctor", NULL };
	WARD_FD fd = ward_memfd_exec("ward-doctor", &tiny, sizeof(tiny));
	const struct ward_spawn what = { .exe_fd = fd, .argv = argv, .cgroup = -1 };
	struct ward_spawned child = WARD_SPAWNED_INIT;
	int code = 0, status = 0, err, untold = 0;

	(void)d;
	if (!TINY_HERE) {
		doctor_say(f, DOCTOR_OK, "not tried alone on this architecture: see run");
		return;
	}
	err = fd < 0 ? -fd : -ward_spawn(&what, &child);
	if (!err)
		err = ward_spawn_error(&child);
	if (!err)
		untold = -ward_pidfd_wait(child.pidfd, &code, &status, false);
	ward_spawn_done(&child);
	ward_close(child.pidfd);
	if (untold == EPERM || untold == EACCES || untold == ENOSYS) {
		doctor_say(f, DOCTOR_OK,
			"executed from a sealed memfd; how it ended is not told here (waitid: %s): see run",
			strerror(untold));
		return;
	}
	err = err ? err : untold;
	if (!err && code == CLD_EXITED && status == 42) {
		doctor_say(f, DOCTOR_OK, "executed a program from a sealed memfd");
		return;
	}
	doctor_say(f, row->missing, "%s (vm.memfd_noexec is %ld)",
		err ? strerror(err) : "it ended in another way than it should",
		doctor_sysctl("/proc/sys/vm/memfd_noexec"));
	if ((err == EPERM || err == ENOSYS) && filtered())
		doctor_fix(f, "docker run --security-opt seccomp=unconfined ...");
}
