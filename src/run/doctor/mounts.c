/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of mounts that need more than a namespace: FUSE with the device opened where it is mounted, and ID-mapped mounts
 * of the file system that the caller stands in. Nothing is attached to any tree of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/missing.h"
#include "os/os.h"
#include "run/doctor/doctor.h"
#include "run/review/place.h"
#include "workspace/workspace.h"

#define OPEN_TREE_CLONE_ 1u
#define MOUNT_ATTR_IDMAP_ 0x100000u
#define ID_LIMIT 4294967295u

struct mount_attr_ {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

#define FILESYSTEMS_MAX 16384

/* ---- FUSE ---- */

static int mount_fuse(struct doctor_result *r, void *arg)
{
	const unsigned *ids = arg;
	char text[96];
	int fd;

	r->step = "opening /dev/fuse";
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	(void)snprintf(text, sizeof(text), "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
		ids[0], ids[1]);
	r->step = "mounting it in a user namespace";
	return mount("ward-doctor", "/", "fuse", MS_NOSUID | MS_NODEV, text) < 0 ? errno : 0;
}

/* Does /proc/filesystems name it? */
static bool kernel_has(const char *type)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	char line[64];

	if (ward_read_file("/proc/filesystems", FILESYSTEMS_MAX, &b, NULL) < 0)
		return false;
	(void)snprintf(line, sizeof(line), "\t%s\n", type);
	return strstr(ward_buf_cstr(&b), line) != NULL;
}

DOCTOR_CHECK(doctor_fuse)
{
	unsigned ids[2], outside[2];
	const struct doctor_trial t = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS, .child = mount_fuse, .arg = ids
	};
	struct doctor_result r;
	struct stat st;
	bool there;

	doctor_ids(&ids[0], &outside[0], &ids[1], &outside[1]);
	if (!d->namespaces) {
		doctor_no_userns(d, row->missing, f);
		return;
	}
	if (doctor_try(&t, &r)) {
		doctor_say(f, DOCTOR_OK, "opened and mounted in a user namespace");
		return;
	}
	doctor_say(f, row->missing, "%s: %s", r.step, doctor_why(&r));
	there = stat("/dev/fuse", &st) == 0;
	/*
	 * A container's: its /dev lacks the device though the kernel has it, or its cgroup keeps it from that (the mode of a file would
	 * say EACCES).
	 */
	if (there ? r.err == EPERM : kernel_has("fuse"))
		doctor_fix(f, "docker run --device /dev/fuse ...");
	else if (!there || r.err == ENODEV || r.err == ENXIO)
		doctor_fix(f, "sudo modprobe fuse");
	else if (r.err != EACCES)
		doctor_fix(f, "ward run --attribution notify -- CMD");
}

/* ---- ID-mapped mounts ---- */

struct idmap {
	int userns;
};

static int put_map(pid_t pid, const char *file, unsigned from, unsigned to)
{
	unsigned lo = from < to ? from : to, hi = from < to ? to : from;
	char path[64], text[192];
	WARD_FD fd = -1;
	int n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	n = snprintf(text, sizeof(text), "%u %u 1\n%u %u %u\n", from, to, hi + 1, hi + 1,
		ID_LIMIT - hi - 1);
	if (lo > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "0 0 %u\n", lo);
	if (hi > lo + 1)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%u %u %u\n", lo + 1, lo + 1,
			hi - lo - 1);
	fd = ward_openat2(AT_FDCWD, path, O_WRONLY, 0, 0);
	if (fd < 0)
		return -fd;
	return write(fd, text, (size_t)n) < 0 ? errno : 0;
}

/* The caller's id is shown as the run's: as in a run, but for one tree. */
static int keep_userns(pid_t pid, void *arg)
{
	struct idmap *m = arg;
	char path[64];
	int err = put_map(pid, "uid_map", geteuid(), WARD_RESERVED_ID);

	if (!err)
		err = put_map(pid, "gid_map", getegid(), WARD_RESERVED_ID);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	m->userns = ward_openat2(AT_FDCWD, path, O_RDONLY, 0, 0);
	return err ? err : m->userns < 0 ? -m->userns : 0;
}

static int nothing(struct doctor_result *r, void *arg)
{
	(void)r;
	(void)arg;
	return 0;
}

/* A copy of "." that nothing is attached to: does its owner show as mapped? */
static int map_here(const char **ret_step, int userns)
{
	struct mount_attr_ a = { .attr_set = MOUNT_ATTR_IDMAP_, .userns_fd = (uint64_t)userns };
	struct stat plain, mapped;
	WARD_FD tree = -1;

	*ret_step = "open_tree";
	tree = (int)syscall(WARD_NR_OPEN_TREE, AT_FDCWD, ".", OPEN_TREE_CLONE_ | O_CLOEXEC);
	if (tree < 0)
		return errno;
	*ret_step = "mount_setattr";
	if (syscall(WARD_NR_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &a, sizeof(a)) < 0)
		return errno;
	*ret_step = "looking at the owner";
	if (stat(".", &plain) < 0 || fstat(tree, &mapped) < 0)
		return errno;
	return plain.st_uid == geteuid() && mapped.st_uid != WARD_RESERVED_ID ? ENOTRECOVERABLE : 0;
}

DOCTOR_CHECK(doctor_idmap)
{
	struct idmap m = { .userns = -1 };
	const struct doctor_trial t = {
		.flags = CLONE_NEWUSER, .child = nothing, .before = keep_userns, .arg = &m
	};
	const char *step = "";
	struct doctor_result r;
	struct statfs fs;
	int err;

	if (d->host.uid != 0) {
		doctor_say(f, DOCTOR_OK, "not needed: not root");
		return;
	}
	if (!d->namespaces) {
		doctor_no_userns(d, row->missing, f);
		return;
	}
	if (!doctor_try(&t, &r) || m.userns < 0) {
		doctor_say(f, row->missing, "%s: %s", r.step, strerror(r.err ? r.err : EPERM));
		ward_close(m.userns);
		return;
	}
	err = map_here(&step, m.userns);
	ward_close(m.userns);
	if (!err)
		doctor_say(f, DOCTOR_OK, "the working directory was shown with another owner");
	else if (statfs(".", &fs) == 0)
		doctor_say(f, row->missing, "%s: %s (file system type 0x%lx)", step,
			err == ENOTRECOVERABLE ? "the owner did not change" : strerror(err),
			(unsigned long)fs.f_type);
}

/* ---- overlays, for what is under review ---- */

static const char on_tmpfs[] = "extended attributes on a tmpfs (Linux 6.6)";

/* What is read is below, what is written above, and what is removed stays below: in a mount namespace that ends with us. */
static int lay_overlay(struct doctor_result *r, void *arg)
{
	const unsigned *ids = arg;
	struct stat st;
	int fd;

	r->step = "taking the ids of a run";
	if (setresgid(ids[1], ids[1], ids[1]) < 0 || setresuid(ids[0], ids[0], ids[0]) < 0)
		return errno;
	r->step = "mounting a tmpfs";
	if (mount("ward-doctor", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0 ||
		chdir("/tmp") < 0 || mkdir("lower", 0700) < 0 || mkdir("upper", 0700) < 0 ||
		mkdir("work", 0700) < 0 || mkdir("both", 0700) < 0)
		return errno;
	r->step = "making a file below";
	fd = open("lower/file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	r->step = "mounting an overlay in a user namespace";
	if (mount("ward-doctor", "both", "overlay", MS_NOSUID | MS_NODEV,
		    "lowerdir=lower,upperdir=upper,workdir=work,userxattr") < 0)
		return errno;
	r->step = "removing a file in it";
	if (unlink("both/file") < 0)
		return errno;
	r->step = "looking at what became of it";
	if (stat("lower/file", &st) < 0 || lstat("upper/file", &st) < 0)
		return errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(0, 0))
		return EINVAL;
	r->step = on_tmpfs;
	return setxattr("upper", "user.ward.probe", "", 0, 0) < 0 ? errno : 0;
}

DOCTOR_CHECK(doctor_review)
{
	unsigned ids[2], outside[2];
	char store[WARD_PATH_MAX];
	struct doctor_result r;

	doctor_ids(&ids[0], &outside[0], &ids[1], &outside[1]);
	if (!d->namespaces) {
		doctor_no_userns(d, row->missing, f);
		return;
	}
	if (!doctor_try(&(const struct doctor_trial){ .flags = CLONE_NEWUSER | CLONE_NEWNS,
				.child = lay_overlay,
				.arg = ids },
		    &r)) {
		doctor_say(f, row->missing, "%s: %s", r.step, doctor_why(&r));
		if (r.step == on_tmpfs)
			doctor_fix(f, "ward run --review --disk-backend dir -- CMD");
		return;
	}
	/* It would be refused, or keep no removal: where that lies is what matters then. */
	if (ward_workspace_where(store) && !ward_review_store_fits(store)) {
		doctor_say(f, row->missing, WARD_REVIEW_STORE_WHY);
		doctor_fix(f, WARD_REVIEW_STORE_FIX);
		return;
	}
	doctor_say(f, DOCTOR_OK, "a file was removed in an overlay, and was still there below");
}
