/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is under review: an overlay. Below lies the host's directory, which is only read; above it the layer, which nobody inside can name.
 *
 * Both were opened and compared as every source is (tree.h), and are attached to stages of the scratch, whose paths are ours alone: what
 * the kernel is told are these, so that nothing of the host's can be put in between, and no path of the host's is told to the inside. The
 * overlay keeps what it needs; the stages go with the old root (view.c, pivot), before anything but us is there: a umount of each by itself
 * would wait for the kernel's readers twice more. What is mounted apart of it is cloned first, while it can be written.
 */
#include "init.h"
#include "sys.h"
#include "confine/native/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define LOWER "../lower"
#define LAYER "../layer"
#define UPPER LAYER "/upper"
#define WORK LAYER "/work"
#define PROBE "user.ward.probe"

static void make_dir(const struct init *in, const char *path)
{
	if (mkdir(path, 0700) < 0)
		fail(in->ctl, WARD_STAGE_LAYER, errno, path + 3);
}

/* The layer is the run's own, and the supervisor keeps it when the run is gone. */
static void layer_make(const struct init *in)
{
	struct ward_msg m = { .type = WARD_MSG_LAYER };
	char opt[128];
	int fd;

	snprintf(opt, sizeof(opt), "size=%llu,nr_inodes=%llu,mode=0700",
		(unsigned long long)in->l->layer_size, (unsigned long long)in->l->layer_inodes);
	if (mount("ward", LAYER, "tmpfs", MS_NOSUID | MS_NODEV, opt) < 0)
		fail(in->ctl, WARD_STAGE_LAYER, errno, "tmpfs");
	make_dir(in, UPPER);
	make_dir(in, WORK);
	fd = openat(AT_FDCWD, LAYER, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail(in->ctl, WARD_STAGE_LAYER, errno, "tmpfs");
	msg_send(in->ctl, &m, &fd, 1);
	close(fd);
}

/*
 * The kernel does without extended attributes where they cannot be had, and then loses what was replaced by a directory: it is tried here.
 * What the upper directory is, the root of the overlay is.
 */
void layer_check(const struct init *in, enum ward_stage stage, const char *lower, const char *upper,
	const char *work)
{
	struct stat st;

	if (setxattr(work, PROBE, "", 0, 0) < 0 || removexattr(work, PROBE) < 0)
		fail(in->ctl, stage, errno, "user extended attributes");
	if (stat(lower, &st) < 0 || chmod(upper, st.st_mode & 07777) < 0 ||
		utimensat(AT_FDCWD, upper, (struct timespec[]){ st.st_atim, st.st_mtim }, 0) < 0)
		fail(in->ctl, stage, errno, "upper");
}

/*
 * Where the kernel has no room for what an overlay needs in work it lays one all the same, which is only read: the command would begin, and fail at its
 * first write without a word of why. What it could not make is tried again for the reason.
 */
void overlay_check(const struct init *in, enum ward_stage stage, const char *dest, const char *work)
{
	char path[128];
	struct statfs fs;
	int e = EROFS;

	if (statfs(dest, &fs) < 0)
		fail(in->ctl, stage, errno, dest);
	if (!(fs.f_flags & ST_RDONLY))
		return;
	snprintf(path, sizeof(path), "%s/work", work);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		e = errno;
	fail(in->ctl, stage, e, "work");
}

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* By its name in the overlay, without a link: what somebody puts there meanwhile gets these rights as well, and nothing else does. */
static int part_open(const struct init *in, const struct ward_launch_mount *m)
{
	struct ward_tree_attr a = { .attr_set = WARD_TREE_NOSUID | WARD_TREE_NODEV };
	const char *path = blob_text(in->l, m->dest);
	int fd = (int)sys_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
		RESOLVE_NO_SYMLINKS_ | RESOLVE_NO_MAGICLINKS_);
	int tree;

	if (fd < 0)
		fail(in->ctl, errno == ELOOP ? WARD_STAGE_CHANGED : WARD_STAGE_SOURCE, errno, path);
	tree = (int)sys_open_tree(fd, "", OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_ | AT_EMPTY_PATH_);
	close(fd);
	if (!(m->flags & WARD_LAUNCH_M_WRITE) && !WARD_OFF(READ_ONLY))
		a.attr_set |= WARD_TREE_RDONLY;
	if (m->flags & WARD_LAUNCH_M_NOEXEC)
		a.attr_set |= WARD_TREE_NOEXEC;
	if (tree < 0 || syscall(NR_mount_setattr, tree, "", AT_EMPTY_PATH_, &a, sizeof(a)) < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, path);
	return tree;
}

static void parts_open(struct init *in, const char *dest)
{
	const struct ward_launch_mount *m = blob_at(in->l, in->l->mounts);

	for (uint32_t i = 0; i < in->l->n_mounts; i++)
		if (m[i].kind == WARD_LAUNCH_PART && below(blob_text(in->l, m[i].dest), dest))
			in->parts[i] = part_open(in, &m[i]);
}

/*
 * A layer in a directory of the host's: volatile, or the kernel waits for the disk at each first write to a file of the project, and for all
 * that anybody wrote to the layer's file system when the overlay goes. The command's own fsync does nothing there; the supervisor makes the
 * layer durable (docs/review.md). Refused where the file system has an error that nobody was told of: then the kernel's own way is had.
 * A file system in a file is the layer's alone, and keeps it.
 */
static int overlay_mount(const struct init *in, const char *dest)
{
	unsigned long flags = MS_NOSUID | MS_NODEV;
	struct statvfs v;
	static const char opt[] = "lowerdir=" LOWER ",upperdir=" UPPER ",workdir=" WORK
				  ",userxattr,index=off,xino=auto";
	char relaxed[sizeof(opt) + 16];

	/* What the host's own mount does not execute a run without a layer does not either. */
	if (statvfs(LOWER, &v) < 0)
		return -1;
	if (v.f_flag & ST_NOEXEC)
		flags |= MS_NOEXEC;
	snprintf(relaxed, sizeof(relaxed), "%s,volatile", opt);
	if (in->l->layer.kind == WARD_LAUNCH_BIND && !(in->l->layer.flags & WARD_LAUNCH_M_LOOP)) {
		if (mount("overlay", dest, "overlay", flags, relaxed) == 0)
			return 0;
		/* What it has begun to make there would be refused the other way, for another reason. */
		if (errno == ENOSPC || errno == EDQUOT)
			return -1;
	}
	return mount("overlay", dest, "overlay", flags, opt);
}

void review_build(struct init *in, unsigned i, const char *dest)
{
	const struct ward_launch_mount *m = blob_at(in->l, in->l->mounts);
	int lower = tree_of(in, i);

	make_dir(in, LAYER);
	if (in->l->layer.kind == WARD_LAUNCH_TMPFS)
		layer_make(in);
	else
		attach(in, tree_of_layer(in), LAYER);
	if (WARD_OFF(REVIEW)) {
		attach(in, lower, dest);
		parts_open(in, dest);
		return;
	}
	make_dir(in, LOWER);
	attach(in, lower, LOWER);
	layer_check(in, WARD_STAGE_LAYER, LOWER, UPPER, WORK);
	if (overlay_mount(in, dest) < 0)
		fail(in->ctl,
			errno == ENOSPC || errno == EDQUOT ? WARD_STAGE_LAYER : WARD_STAGE_OVERLAY,
			errno, dest);
	overlay_check(in, WARD_STAGE_LAYER, dest, WORK);
	parts_open(in, dest);
	if (!(m[i].flags & WARD_LAUNCH_M_WRITE))
		seal(in, dest, MOUNT_ATTR_RDONLY_);
}
