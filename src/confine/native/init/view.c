/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The view: everything that exists inside, built on nothing.
 *
 * One private tmpfs (the scratch) is mounted over a directory of the copied host tree; it holds the mount point of the new
 * root and the directories behind /tmp, /dev/shm and $HOME, so that all of them share one bound. The new root is FUSE, whose
 * server in the supervisor answers (and names) every lookup of what is not granted, or a read-only tmpfs. Detached trees
 * are attached to it in the order of their paths; then the host's tree is gone. Any step that fails ends the start.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define S_FLAGS (MS_NOSUID | MS_NODEV)

/* Any directory serves: what was below it is hidden, but every source has been opened by then. */
static void scratch(const struct init *in)
{
	static const char *const places[] = { "/tmp", "/mnt", "/var", "/opt", "/home", "/proc" };
	char opt[128];

	snprintf(opt, sizeof(opt), "size=%llu,nr_inodes=%llu,mode=0755",
		(unsigned long long)in->l->scratch_size, (unsigned long long)in->l->scratch_inodes);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (chdir(places[i]) < 0)
			continue;
		if (mount("ward", places[i], "tmpfs", S_FLAGS, opt) < 0)
			continue;
		if (chdir(places[i]) == 0)
			return;
	}
	fail(in->ctl, WARD_STAGE_ROOT, errno, "scratch tmpfs");
}

static void must_mkdir(const struct init *in, const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		fail(in->ctl, WARD_STAGE_ROOT, errno, path);
	/* Past the umask: 1777 must be that. */
	if ((mode & 07022) && chmod(path, mode) < 0)
		fail(in->ctl, WARD_STAGE_ROOT, errno, path);
}

/* On this processor, until go_anywhere(). Its number, or -1. */
static int stay_put(void)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return -1;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) < 0 ? -1 : cpu;
}

void go_anywhere(const struct init *in, int sock)
{
	if (in->l->command_cpu >= 0 &&
		sched_setaffinity(0, sizeof(in->l->cpus), (const void *)in->l->cpus) < 0)
		fail(sock, WARD_STAGE_RLIMIT, errno, "cpu affinity");
}

static void fuse_mount(const struct init *in, int fd)
{
	struct ward_msg m = { .type = WARD_MSG_FUSE };
	char opt[160];

	snprintf(opt, sizeof(opt),
		"fd=%d,rootmode=40755,user_id=%u,group_id=%u,allow_other,default_permissions", fd,
		in->l->inside_uid, in->l->inside_gid);
	if (mount("ward", "root", "fuse", S_FLAGS, opt) < 0)
		fail(in->ctl, WARD_STAGE_FUSE, errno, "mount");
	/* Whoever serves it does so where we wait for the answers. */
	m.value = in->l->command_cpu < 0 ? -1 : stay_put();
	msg_send(in->fuse, &m, &fd, 1);
	close(fd);
}

void seal(const struct init *in, const char *path, uint64_t attr)
{
	struct mount_attr_ a = { .attr_set = attr };

	if (WARD_OFF(SEAL))
		return;
	if (syscall(NR_mount_setattr, AT_FDCWD, path, 0, &a, sizeof(a)) < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, path);
}

static void bind_mount(const struct init *in, const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, to);
}

static void make_file(const struct init *in, const char *path, const char *s, size_t n, mode_t mode)
{
	int fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0 || (n && write(fd, s, n) != (ssize_t)n))
		fail(in->ctl, WARD_STAGE_ROOT, errno, path);
	close(fd);
}

static void make_link(const struct init *in, const char *target, const char *path)
{
	if (symlink(target, path) < 0)
		fail(in->ctl, WARD_STAGE_ROOT, errno, path);
}

/*
 * The name of the terminal that the command gets, which is one of the host's devpts: that node and no other, so that ttyname(3) finds
 * it. A tree opened by that name is looked at before it is attached: where it is something else, or nothing, there is no name.
 */
static void name_terminal(const struct init *in, const char *dest)
{
	struct stat of, st;
	char path[64];
	int tree;

	if (!(in->l->flags & WARD_LAUNCH_CTTY) || fstat(in->handed[WARD_HANDED_STDIO], &of) < 0)
		return;
	snprintf(path, sizeof(path), "/dev/pts/%u", minor(of.st_rdev));
	tree = (int)sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_);
	if (tree < 0)
		return;
	if (fstat(tree, &st) == 0 && S_ISCHR(st.st_mode) && st.st_dev == of.st_dev &&
		st.st_ino == of.st_ino && st.st_rdev == of.st_rdev) {
		make_file(in, "../dev/console", NULL, 0, 0666);
		snprintf(path, sizeof(path), "%s/console", dest);
		attach(in, tree, path);
	}
	close(tree);
}

/* Six nodes, private terminals, the mount point of /dev/shm, and the links that programs expect. */
static void dev_build(const struct init *in, const char *dest)
{
	static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" },
		{ "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" },
		{ "/proc/self/fd/2", "stderr" },
		{ "pts/ptmx", "ptmx" },
	};
	char from[64], to[96];

	must_mkdir(in, "../dev", 0755);
	must_mkdir(in, "../dev/pts", 0755);
	must_mkdir(in, "../dev/shm", 0755);
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		snprintf(to, sizeof(to), "../dev/%s", links[i][1]);
		make_link(in, links[i][0], to);
	}
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		snprintf(to, sizeof(to), "../dev/%s", nodes[i]);
		make_file(in, to, NULL, 0, 0666);
	}
	bind_mount(in, "../dev", dest);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		snprintf(from, sizeof(from), "/dev/%s", nodes[i]);
		snprintf(to, sizeof(to), "%s/%s", dest, nodes[i]);
		bind_mount(in, from, to);
	}
	snprintf(to, sizeof(to), "%s/pts", dest);
	/* The kernel has some thousands for all runs and containers together: by default 4096, of which the host keeps 1024. */
	if (mount("devpts", to, "devpts", MS_NOSUID | MS_NOEXEC,
		    "newinstance,ptmxmode=0666,mode=0620,max=512") < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, "dev/pts");
	name_terminal(in, dest);
	seal(in, dest, MOUNT_ATTR_RDONLY_ | MOUNT_ATTR_NOEXEC_ | MOUNT_ATTR_NOSUID_);
}

static bool present(const char *path)
{
	int fd = openat(AT_FDCWD, path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void proc_build(const struct init *in, const char *dest)
{
	char sys[64], keys[64], pressure[64];

	if (WARD_OFF(PROC)) {
		if (mount("/proc", dest, NULL, MS_BIND | MS_REC, NULL) < 0)
			fail(in->ctl, WARD_STAGE_MOUNT, errno, "proc");
	} else if (mount("proc", dest, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		/* EPERM: parts of the /proc that we see are covered, as in a container, and a new one would show them. */
		fail(in->ctl, errno == EPERM ? WARD_STAGE_PROC : WARD_STAGE_MOUNT, errno, "proc");
	snprintf(sys, sizeof(sys), "%s/sys", dest);
	bind_mount(in, sys, sys);
	seal(in, sys, MOUNT_ATTR_RDONLY_);
	/* Keyrings are not namespaced: their names must not be listed. */
	snprintf(keys, sizeof(keys), "%s/keys", dest);
	if (present(keys)) {
		bind_mount(in, "/dev/null", keys);
		seal(in, keys, MOUNT_ATTR_RDONLY_);
	}
	/*
	 * Anybody may write there to be told of pressure. A descriptor of that waits for every processor when it is closed, one after the other
	 * and in state D: the 4,096 of one process kept its run alive for two minutes after it was killed.
	 */
	snprintf(pressure, sizeof(pressure), "%s/pressure", dest);
	if (present(pressure)) {
		bind_mount(in, pressure, pressure);
		seal(in, pressure, MOUNT_ATTR_RDONLY_);
	}
}

void attach(const struct init *in, int tree, const char *dest)
{
	if (syscall(NR_move_mount, tree, "", AT_FDCWD, dest, MOVE_MOUNT_F_EMPTY_PATH_) < 0)
		fail(in->ctl, WARD_STAGE_MOUNT, errno, dest);
	close(tree);
}

static void tmpfs_build(const struct init *in, unsigned i, const char *dest, uint32_t mode)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "../t%u", i);
	must_mkdir(in, dir, mode);
	bind_mount(in, dir, dest);
}

/*
 * The name is there, and nobody may read, list, enter or change it: its mode says so even to its owner, whom the command may be, and
 * the mount is read-only, so that the mode stays. told: the same of the FUSE tree, taken, which never changes, and where each who is
 * refused is seen; -1.
 */
static void mask_build(const struct init *in, const char *dest, bool dir, uint32_t mode, int told)
{
	const char *from = !dir ? "../nil" : mode ? "../empty" : "../nothing";

	if (WARD_OFF(MASK))
		return;
	if (told >= 0) {
		attach(in, told, dest);
	} else {
		if (!present(from) && dir)
			must_mkdir(in, from, mode);
		else if (!present(from))
			make_file(in, from, NULL, 0, 0);
		bind_mount(in, from, dest);
	}
	/* By its mount who writes or executes would be refused before he is seen; by its mode, and who serves it, he is as well. */
	seal(in, dest,
		MOUNT_ATTR_NOSUID_ | MOUNT_ATTR_NODEV_ |
			(told < 0 ? MOUNT_ATTR_RDONLY_ | MOUNT_ATTR_NOEXEC_ : 0));
}

static void place(struct init *in, unsigned i, const struct ward_launch_mount *m)
{
	const char *dest = blob_text(in->l, m->dest);

	if (m->flags & WARD_LAUNCH_M_MAKE) {
		if (m->flags & WARD_LAUNCH_M_DIR)
			must_mkdir(in, dest, 0755);
		else
			make_file(in, dest, NULL, 0, 0644);
	}
	switch ((enum ward_launch_mount_kind)m->kind) {
	case WARD_LAUNCH_BIND: attach(in, tree_of(in, i), dest); break;
	case WARD_LAUNCH_SUBTREE:
	case WARD_LAUNCH_PART: attach(in, in->parts[i], dest); break;
	case WARD_LAUNCH_OVERLAY: review_build(in, i, dest); break;
	case WARD_LAUNCH_CACHE: cache_build(in, i, dest); break;
	case WARD_LAUNCH_TMPFS: tmpfs_build(in, i, dest, m->mode); break;
	case WARD_LAUNCH_PROC: proc_build(in, dest); break;
	case WARD_LAUNCH_DEV: dev_build(in, dest); break;
	case WARD_LAUNCH_MASK:
		mask_build(in, dest, (m->flags & WARD_LAUNCH_M_DIR) != 0, m->mode, in->parts[i]);
		break;
	case WARD_LAUNCH_DIR:
		must_mkdir(in, dest, 0755);
		if (m->flags & WARD_LAUNCH_M_SEAL)
			bind_mount(in, dest, dest);
		break;
	case WARD_LAUNCH_LINK: make_link(in, blob_text(in->l, m->source), dest); break;
	case WARD_LAUNCH_FILE:
		make_file(in, dest, blob_at(in->l, m->source), m->source_len, 0444);
		break;
	default: fail(in->ctl, WARD_STAGE_BLOB, EPROTO, dest);
	}
}

#define SPARE 32 /* descriptors, for the rest of the view */

/* Masks that hide as much, while nobody sees who is refused by them: those before the one that had no descriptor any more. */
static void spare(const struct init *in, const struct ward_launch_mount *m, uint32_t at)
{
	for (int n = 0; at-- > 0 && n < SPARE;) {
		if (!(m[at].flags & WARD_LAUNCH_M_TOLD) || in->parts[at] < 0)
			continue;
		close(in->parts[at]);
		in->parts[at] = -1;
		n++;
	}
}

/* Parts of the FUSE tree that a private tmpfs, or what is granted, is about to cover. */
static void subtrees_open(struct init *in, const struct ward_launch_mount *m)
{
	bool full = false;

	in->parts = malloc((in->l->n_mounts + 1) * sizeof(int));
	if (!in->parts)
		fail(in->ctl, WARD_STAGE_FUSE, ENOMEM, NULL);
	memset(in->parts, -1, (in->l->n_mounts + 1) * sizeof(int));
	for (uint32_t i = 0; i < in->l->n_mounts; i++) {
		bool told = m[i].flags & WARD_LAUNCH_M_TOLD;

		if (m[i].kind != WARD_LAUNCH_SUBTREE && (!told || full))
			continue;
		in->parts[i] = (int)sys_open_tree(AT_FDCWD, blob_text(in->l, m[i].dest),
			OPEN_TREE_CLONE_ | OPEN_TREE_CLOEXEC_);
		if (in->parts[i] >= 0)
			continue;
		if (errno != EMFILE || full)
			fail(in->ctl, WARD_STAGE_FUSE, errno, blob_text(in->l, m[i].dest));
		/* What is no mask is tried again. */
		full = true;
		spare(in, m, i--);
	}
}

/* A host may hand out namespaces and then not all that is done in them (AppArmor, a container's filter): that is a host without. */
static bool no_right(int e)
{
	return e == EPERM || e == EACCES || e == ENOSYS;
}

/*
 * The old root lies on the new one until it is taken away, and a link of enough ".." leads to it: nobody looks anything up by
 * name before, whatever the time that the kernel takes for it.
 */
static void pivot(const struct init *in)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0 ||
		(!WARD_OFF(OLD_ROOT) && umount2(".", MNT_DETACH) < 0) || chdir("/") < 0)
		fail(in->ctl, no_right(errno) ? WARD_STAGE_RIGHTS : WARD_STAGE_PIVOT, errno, NULL);
	child_step(in);
}

/* From here on no id of the host's root is left, nor any group of the caller's where that can be given up. */
void become(const struct init *in)
{
	const struct ward_launch *l = in->l;

	if (l->caller_uid == 0 && !WARD_OFF(GROUPS) && setgroups(0, NULL) < 0)
		fail(in->ctl, WARD_STAGE_IDS, errno, "setgroups");
	if (setresgid(l->inside_gid, l->inside_gid, l->inside_gid) < 0)
		fail(in->ctl, WARD_STAGE_IDS, errno, "setresgid");
	if (!WARD_OFF(UID) && setresuid(l->inside_uid, l->inside_uid, l->inside_uid) < 0)
		fail(in->ctl, WARD_STAGE_IDS, errno, "setresuid");
	follow_supervisor(in, SIGKILL);
}

/*
 * One reading of the new root fills the kernel's cache with everything that lies in it, so that the mounts below need not
 * be looked up one by one. Only for speed: a failure shows in the mounts themselves.
 */
static void prime(void)
{
	static char dents[8192];
	int fd = openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Not to its end: what does not fit is looked up when it is needed. */
	if (fd >= 0)
		(void)syscall(SYS_getdents64, fd, dents, sizeof(dents));
	if (fd >= 0)
		close(fd);
}

/* By nf_tables, which needs to know nothing else of the plan. */
static bool captures(const struct ward_launch *l)
{
	return (l->flags & WARD_LAUNCH_EGRESS) && !(l->flags & WARD_LAUNCH_REDIRECTS);
}

/* What needs no plan, while the supervisor makes it; then the plan. Returns /dev/fuse or -1. */
static int view_begin(struct init *in)
{
	int fuse = -1;

	if (!WARD_OFF(PROPAGATION) && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail(in->ctl, no_right(errno) ? WARD_STAGE_RIGHTS : WARD_STAGE_ROOT, errno, "/");
	net_make(in);
	share_out();
	/* It holds for what is executed, not for what is still to be done here. */
	drop_bounding(in);
	if (in->ahead)
		net_capture(in, false);
	/* Our ids were mapped before it was sent. */
	blob_receive(in);
	if (in->ahead && !captures(in->l))
		fail(in->ctl, WARD_STAGE_BLOB, EPROTO, "a network that was captured ahead");
	/* As host root the node is still ours to open: the ids change only below. */
	if (in->l->flags & WARD_LAUNCH_FUSE) {
		fuse = openat(AT_FDCWD, "/dev/fuse", O_RDWR | O_CLOEXEC);
		if (fuse < 0)
			fail(in->ctl, WARD_STAGE_FUSE, errno, "/dev/fuse");
	}
	if (!(in->l->flags & WARD_LAUNCH_ROOT))
		trees_open(in);
	input_reopen(in);
	if ((in->l->flags & WARD_LAUNCH_EGRESS) && !in->captured)
		net_capture(in, !captures(in->l));
	return fuse;
}

/* The cgroup is made while we do what needs none; nothing that anybody else could run is there before we are in it. */
static void join(struct init *in)
{
	blob_join(in);
	/* What its sockets hold is the run's. */
	net_hand_over(in);
	if (!WARD_OFF(NS_CGROUP) && unshare((int)CLONE_NEWCGROUP_) < 0)
		fail(in->ctl, WARD_STAGE_CLONE, errno, "cgroup namespace");
}

pid_t view_build(struct init *in)
{
	int fuse = view_begin(in);
	pid_t command;
	const struct ward_launch_mount *m = in->l->n_mounts ? blob_at(in->l, in->l->mounts) : NULL;
	const char *hostname = blob_text(in->l, in->l->hostname);

	/* Where a filter refuses it (ProtectHostname= of a systemd unit; podman's own) the host's name is seen inside, which nothing hangs on. */
	if (!WARD_OFF(NS_UTS) && sethostname(hostname, strlen(hostname)) < 0 && !no_right(errno))
		fail(in->ctl, WARD_STAGE_NET, errno, "hostname");
	become(in);
	scratch(in);
	must_mkdir(in, "root", 0755);
	if (in->l->flags & WARD_LAUNCH_FUSE)
		fuse_mount(in, fuse);
	else
		bind_mount(in, "root", "root");
	join(in);
	command = child_start(in);
	if (chdir("root") < 0)
		fail(in->ctl, WARD_STAGE_ROOT, errno, "root");
	if (in->l->flags & WARD_LAUNCH_FUSE)
		prime();
	if (m) {
		subtrees_open(in, m);
		for (uint32_t i = 0; i < in->l->n_mounts; i++)
			place(in, i, &m[i]);
		for (uint32_t i = 0; i < in->l->n_mounts; i++)
			if (m[i].flags & WARD_LAUNCH_M_SEAL)
				seal(in, blob_text(in->l, m[i].dest), MOUNT_ATTR_RDONLY_);
	}
	if (!(in->l->flags & WARD_LAUNCH_FUSE))
		seal(in, ".", MOUNT_ATTR_RDONLY_ | MOUNT_ATTR_NOSUID_ | MOUNT_ATTR_NODEV_);
	if (WARD_OFF(VIEW))
		bind_mount(in, "/etc", "etc");
	pivot(in);
	go_anywhere(in, in->ctl);
	return command;
}
