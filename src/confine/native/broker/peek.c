/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what a blocked thread of the sandbox is asking for: its system call, its arguments, the paths they point
 * to. The table says which argument of which call is a path, relative to which directory, and what is done to it.
 *
 * Everything read here was written by the inside and can change while it is read: it names things in a record and
 * decides nothing. Every read is bounded; no path found here is ever opened, followed or resolved on the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/broker.h"
#include "os/os.h"

#define PAGE 4096u
/* The asker may not yet have gone to sleep on the other processor; it does so within microseconds. */
#define RUNNING_TRIES 150
#define RUNNING_YIELDS 50
#define RUNNING_PAUSE_NS 200000L

enum effect {
	LOOK = 0, /* attributes or existence */
	READ, /* the content */
	WRITE, /* change of what is there */
	MAKE, /* a new name */
	EXEC,
	OPEN, /* by the flags in an argument */
	OPEN_HOW /* by the flags in struct open_how */
};
#define NO (-1)

/* Calls that are younger than the headers of both C libraries; each architecture has these numbers. */
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_getxattrat 464
#define SYS_listxattrat 465
#define SYS_removexattrat 466
#endif
#ifndef SYS_file_getattr
#define SYS_file_getattr 468
#define SYS_file_setattr 469
#endif

/* Arguments by number; NO = there is none (the working directory, for a directory). */
struct call {
	const char *name;
	int8_t dir[2], path[2];
	int8_t flags; /* of an open, or with AT_SYMLINK_NOFOLLOW */
	uint8_t effect;
};
#define ONE(call, dir, path, flags, effect) \
	[SYS_##call] = { #call, { dir, NO }, { path, NO }, flags, effect }
#define TWO(call, dir1, path1, dir2, path2, effect) \
	[SYS_##call] = { #call, { dir1, dir2 }, { path1, path2 }, NO, effect }

static const struct call calls[] = {
#ifdef SYS_open /* the calls without a directory, which younger architectures do not have */
	ONE(open, NO, 0, 1, OPEN),
	ONE(creat, NO, 0, NO, MAKE),
	ONE(stat, NO, 0, NO, LOOK),
	ONE(lstat, NO, 0, NO, LOOK),
	ONE(access, NO, 0, NO, LOOK),
	ONE(readlink, NO, 0, NO, LOOK),
	ONE(mkdir, NO, 0, NO, MAKE),
	ONE(rmdir, NO, 0, NO, WRITE),
	ONE(unlink, NO, 0, NO, WRITE),
	ONE(mknod, NO, 0, NO, MAKE),
	ONE(chmod, NO, 0, NO, WRITE),
	ONE(chown, NO, 0, NO, WRITE),
	ONE(lchown, NO, 0, NO, WRITE),
	ONE(utime, NO, 0, NO, WRITE),
	ONE(utimes, NO, 0, NO, WRITE),
	ONE(futimesat, 0, 1, NO, WRITE),
	ONE(symlink, NO, 1, NO, MAKE),
	TWO(link, NO, 0, NO, 1, MAKE),
	TWO(rename, NO, 0, NO, 1, MAKE),
#endif
	ONE(openat, 0, 1, 2, OPEN),
	ONE(openat2, 0, 1, 2, OPEN_HOW),
	ONE(execve, NO, 0, NO, EXEC),
	ONE(execveat, 0, 1, NO, EXEC),
	ONE(newfstatat, 0, 1, NO, LOOK),
	ONE(statx, 0, 1, NO, LOOK),
	ONE(faccessat, 0, 1, NO, LOOK),
	ONE(faccessat2, 0, 1, NO, LOOK),
	ONE(readlinkat, 0, 1, NO, LOOK),
	ONE(statfs, NO, 0, NO, LOOK),
	ONE(chdir, NO, 0, NO, READ),
	ONE(getxattr, NO, 0, NO, LOOK),
	ONE(lgetxattr, NO, 0, NO, LOOK),
	ONE(listxattr, NO, 0, NO, LOOK),
	ONE(llistxattr, NO, 0, NO, LOOK),
	ONE(name_to_handle_at, 0, 1, NO, LOOK),
	ONE(inotify_add_watch, NO, 1, NO, READ),
	ONE(truncate, NO, 0, NO, WRITE),
	ONE(mkdirat, 0, 1, NO, MAKE),
	ONE(mknodat, 0, 1, NO, MAKE),
	ONE(unlinkat, 0, 1, NO, WRITE),
	ONE(fchmodat, 0, 1, NO, WRITE),
	ONE(fchmodat2, 0, 1, 3, WRITE),
	ONE(fchownat, 0, 1, 4, WRITE),
	ONE(utimensat, 0, 1, 3, WRITE),
	ONE(setxattr, NO, 0, NO, WRITE),
	ONE(lsetxattr, NO, 0, NO, WRITE),
	ONE(removexattr, NO, 0, NO, WRITE),
	ONE(lremovexattr, NO, 0, NO, WRITE),
	ONE(setxattrat, 0, 1, 2, WRITE),
	ONE(getxattrat, 0, 1, NO, LOOK),
	ONE(listxattrat, 0, 1, NO, LOOK),
	ONE(removexattrat, 0, 1, 2, WRITE),
	ONE(file_getattr, 0, 1, NO, LOOK),
	ONE(file_setattr, 0, 1, 4, WRITE),
	ONE(symlinkat, 1, 2, NO, MAKE),
	TWO(linkat, 0, 1, 2, 3, MAKE),
	TWO(renameat, 0, 1, 2, 3, MAKE),
	TWO(renameat2, 0, 1, 2, 3, MAKE),
};

static const struct call *find_call(int nr)
{
	if (nr < 0 || (size_t)nr >= WARD_ARRAY_SIZE(calls) || !calls[nr].name)
		return NULL;
	return &calls[nr];
}

const char *ward_peek_name(int nr)
{
	const struct call *c = find_call(nr);

	return c ? c->name : NULL;
}

/* ---- procfs ---- */

int ward_peek_open(int proc_dirfd, int pid)
{
	char name[16];
	int fd;

	(void)snprintf(name, sizeof(name), "%d", pid);
	fd = openat(proc_dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A small file of procfs as text: length, or -errno. */
static int read_small(int pid_dirfd, const char *name, char *out, size_t size)
{
	WARD_FD fd = openat(pid_dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, out, size - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return (int)n;
}

void ward_peek_comm(int pid_dirfd, char out[16])
{
	ward_peek_comm_again(pid_dirfd, NULL, out);
}

void ward_peek_comm_again(int pid_dirfd, int *io_fd, char out[16])
{
	char text[32];
	ssize_t n;

	out[0] = '\0';
	if (io_fd && *io_fd < 0)
		*io_fd = openat(pid_dirfd, "comm", O_RDONLY | O_CLOEXEC);
	n = io_fd && *io_fd >= 0 ? pread(*io_fd, text, sizeof(text) - 1, 0)
				 : read_small(pid_dirfd, "comm", text, sizeof(text));
	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	(void)snprintf(out, 16, "%.15s", text);
}

void ward_peek_program(int pid_dirfd, int *io_fd, char out[WARD_PROGRAM_TEXT_MAX])
{
	ssize_t n;

	/* The link itself: what it says is what is executed then. */
	if (io_fd && *io_fd < 0)
		*io_fd = openat(pid_dirfd, "exe", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	n = io_fd && *io_fd >= 0 ? readlinkat(*io_fd, "", out, WARD_PROGRAM_TEXT_MAX)
				 : readlinkat(pid_dirfd, "exe", out, WARD_PROGRAM_TEXT_MAX);

	/* What does not fit is no other program's name. */
	if (n <= 0 || n >= WARD_PROGRAM_TEXT_MAX || out[0] != '/' ||
		!ward_utf8_valid(out, (size_t)n))
		n = 0;
	out[n] = '\0';
}

size_t ward_peek_cmdline(int pid_dirfd, char *out, size_t size)
{
	int n = read_small(pid_dirfd, "cmdline", out, size);

	if (n <= 0)
		return 0;
	return out[n - 1] ? (size_t)n + 1 : (size_t)n;
}

int ward_peek_status(int pid_dirfd, const char *key)
{
	char text[4096], *line, *end;

	if (read_small(pid_dirfd, "status", text, sizeof(text)) <= 0)
		return 0;
	/* At the start of a line: Name: escapes newlines, so a process cannot write a line of its own. */
	for (line = text; line && !ward_has_prefix(line, key); line = line ? line + 1 : NULL)
		line = strchr(line, '\n');
	if (!line)
		return 0;
	line[strcspn(line, "\n")] = '\0';
	end = strrchr(line, '\t');
	return end ? (int)strtol(end + 1, NULL, 10) : 0;
}

uint64_t ward_peek_start(int pid_dirfd)
{
	char text[1024], *s;

	if (read_small(pid_dirfd, "stat", text, sizeof(text)) <= 0)
		return 0;
	/* "PID (NAME) STATE ...", and a name may hold anything, but nothing behind it a parenthesis. The 22nd. */
	s = strrchr(text, ')');
	for (unsigned field = 2; s && field < 22; field++)
		s = strchr(s + 1, ' ');
	return s ? strtoull(s + 1, NULL, 10) : 0;
}

int ward_peek_pidfd(int tid, int pid_dirfd, bool *ret_own)
{
	long r = syscall(SYS_pidfd_open, tid, O_EXCL); /* PIDFD_THREAD, Linux 6.9 */
	int tgid;

	if (ret_own)
		*ret_own = true;
	if (r < 0 && errno == EINVAL)
		r = syscall(SYS_pidfd_open, tid, 0);
	if (r >= 0 || errno != EINVAL) /* EINVAL: not the first thread of its process */
		return r < 0 ? -errno : (int)r;
	if (ret_own)
		*ret_own = false;
	tgid = pid_dirfd >= 0 ? ward_peek_status(pid_dirfd, "Tgid:") : 0;
	return tgid > 0 ? ward_pidfd_open(tgid) : -ESRCH;
}

bool ward_peek_syscall(int pid_dirfd, struct ward_peek *ret)
{
	char text[256], *p, *end;

	for (int i = 0;; i++) {
		if (i == RUNNING_TRIES || read_small(pid_dirfd, "syscall", text, sizeof(text)) <= 0)
			return false;
		if (!ward_has_prefix(text, "running"))
			break;
		/* It has asked and is about to sleep; on a busy machine it has to be let run for that, which it loses nothing by. */
		if (i < RUNNING_YIELDS)
			(void)sched_yield();
		else
			(void)nanosleep(&(struct timespec){ .tv_nsec = RUNNING_PAUSE_NS }, NULL);
	}
	ret->nr = (int)strtol(text, &end, 10);
	for (int i = 0; i < 6; i++) {
		p = end;
		ret->arg[i] = strtoull(p, &end, 16);
		if (end == p)
			return false; /* "-1 sp pc": not in a call */
	}
	return ret->nr >= 0;
}

/* ---- memory ---- */

int ward_peek_mem(int pid_dirfd)
{
	int fd = openat(pid_dirfd, "mem", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int ward_peek_bytes(int mem, uint64_t addr, void *out, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r;

		if (addr + done > INT64_MAX - n)
			return -EFAULT;
		r = pread(mem, (char *)out + done, n - done, (off_t)(addr + done));
		if (r <= 0)
			return -EFAULT;
		done += (size_t)r;
	}
	return 0;
}

/* From memory that is open, or of a process that nothing is open of. */
struct source {
	int mem, pid;
};

static int source_bytes(const struct source *s, uint64_t addr, void *out, size_t n)
{
	struct iovec to = { out, n }, from = { (void *)(uintptr_t)addr, n };

	if (s->mem >= 0)
		return ward_peek_bytes(s->mem, addr, out, n);
	if (process_vm_readv(s->pid, &to, 1, &from, 1, 0) == (ssize_t)n)
		return 0;
	return errno == ENOSYS || errno == EPERM ? -errno : -EFAULT;
}

static int source_text(const struct source *s, uint64_t addr, char *out, size_t size)
{
	for (size_t done = 0; done < size;) {
		/* Never touch a page before the one before it has ended without a NUL. */
		size_t n = PAGE - (size_t)((addr + done) % PAGE);
		const char *end;
		int r;

		if (n > size - done)
			n = size - done;
		r = source_bytes(s, addr + done, out + done, n);
		if (r < 0)
			return r;
		end = memchr(out + done, 0, n);
		if (end)
			return (int)(end - out);
		done += n;
	}
	return -ENAMETOOLONG;
}

int ward_peek_bytes_of(int pid, uint64_t addr, void *out, size_t n)
{
	struct source s = { .mem = -1, .pid = pid };

	return source_bytes(&s, addr, out, n);
}

int ward_peek_text(int mem, uint64_t addr, char *out, size_t size)
{
	struct source s = { .mem = mem };

	return source_text(&s, addr, out, size);
}

/* ---- paths ---- */

/* The directory that a relative path starts at, as the sandbox sees it. above: of the process in dirfd, "" = itself. */
static int base_dir(int dirfd, const char *above, const struct call *c, const struct ward_peek *p,
	unsigned which, char *out, size_t size)
{
	char name[48];
	ssize_t n;

	if (c->dir[which] != NO && (int)p->arg[c->dir[which]] != AT_FDCWD)
		(void)snprintf(name, sizeof(name), "%sfd/%d", above, (int)p->arg[c->dir[which]]);
	else
		(void)snprintf(name, sizeof(name), "%scwd", above);
	n = readlinkat(dirfd, name, out, size - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return out[0] == '/' ? 0 : -ENOTDIR; /* "socket:[1]", "(unreachable)/x" */
}

static uint64_t open_flags(int mem, const struct call *c, const struct ward_peek *p)
{
	struct open_how how = { 0 };

	if (c->effect == OPEN)
		return p->arg[c->flags];
	if (ward_peek_bytes(mem, p->arg[c->flags], &how.flags, sizeof(how.flags)) < 0)
		return 0;
	return how.flags;
}

static enum ward_cap_type effect_action(unsigned effect)
{
	if (effect == EXEC)
		return WARD_CAP_EXTERNAL_COMMAND;
	return effect == WRITE || effect == MAKE ? WARD_CAP_FILE_WRITE : WARD_CAP_FILE_READ;
}

static void fill_action(int mem, const struct call *c, const struct ward_peek *p,
	struct ward_peek_path *ret)
{
	unsigned effect = c->effect;

	ret->opens = effect == READ || effect == EXEC;
	ret->creates = effect == MAKE;
	ret->writes = effect == WRITE;
	if (effect == OPEN || effect == OPEN_HOW) {
		uint64_t flags = open_flags(mem, c, p);

		effect = READ;
		if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)))
			effect = WRITE;
		if ((flags & O_TMPFILE) == O_TMPFILE)
			effect = WRITE;
		if (flags & O_PATH)
			effect = LOOK;
		ret->opens = effect != LOOK;
		ret->writes =
			effect != LOOK && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC));
		ret->creates = effect == WRITE && (flags & O_CREAT);
	}
	ret->action = effect_action(effect);
}

enum ward_cap_type ward_peek_action(const struct ward_peek *p)
{
	const struct call *c = find_call(p->nr);

	if (!c)
		return WARD_CAP_FILE_READ;
	if (c->effect == OPEN) {
		struct ward_peek_path path;

		fill_action(-1, c, p, &path);
		return path.action;
	}
	return effect_action(c->effect);
}

bool ward_peek_nofollow(const struct ward_peek *p)
{
	const struct call *c = find_call(p->nr);

	return c && c->effect == WRITE && c->flags != NO &&
		(p->arg[c->flags] & AT_SYMLINK_NOFOLLOW);
}

bool ward_peek_is_refused(const struct ward_peek *p)
{
	switch (p->nr) {
#ifdef SYS_access
	case SYS_access: return (int)p->arg[1] != F_OK;
#endif
	case SYS_faccessat:
#ifdef SYS_faccessat2
	case SYS_faccessat2:
#endif
		return (int)p->arg[2] != F_OK;
	/* Of other attributes than a user's own the kernel asks no mode, and so nobody. */
	case SYS_getxattr:
	case SYS_lgetxattr:
	case SYS_fchdir: return true;
	default: return false;
	}
}

static int words(int dirfd, const char *above, const struct source *s, const struct ward_peek *p,
	unsigned which, struct ward_peek_words *ret)
{
	const struct call *c = find_call(p->nr);
	int r;

	if (!c || which > 1 || c->path[which] == NO)
		return -ENOENT;
	ret->text[0] = '\0';
	r = source_text(s, p->arg[c->path[which]], ret->text, sizeof(ret->text));
	if (r < 0)
		return r;
	if (ret->text[0] != '/')
		return base_dir(dirfd, above, c, p, which, ret->base, sizeof(ret->base));
	(void)snprintf(ret->base, sizeof(ret->base), "/");
	return 0;
}

int ward_peek_words(int pid_dirfd, int mem, const struct ward_peek *p, unsigned which,
	struct ward_peek_words *ret)
{
	struct source s = { .mem = mem };

	return words(pid_dirfd, "", &s, p, which, ret);
}

int ward_peek_words_of(int proc_dirfd, int pid, const struct ward_peek *p, unsigned which,
	struct ward_peek_words *ret)
{
	struct source s = { .mem = -1, .pid = pid };
	char above[16];

	(void)snprintf(above, sizeof(above), "%d/", pid);
	return words(proc_dirfd, above, &s, p, which, ret);
}

int ward_peek_path(int pid_dirfd, int mem, const struct ward_peek *p, unsigned which,
	struct ward_peek_path *ret)
{
	struct ward_peek_words w;
	int r = ward_peek_words(pid_dirfd, mem, p, which, &w);

	if (r < 0)
		return r;
	fill_action(mem, find_call(p->nr), p, ret);
	return ward_path_join(w.base, w.text, ret->path, sizeof(ret->path)) < 0 ? -ENAMETOOLONG : 0;
}
