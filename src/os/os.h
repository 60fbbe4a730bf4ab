/* SPDX-License-Identifier: Apache-2.0 */
/* os: one thin file per kernel facility; nothing here decides. What mirrors a call returns its result, or -errno. */
#pragma once

#include <pthread.h>
#include <sys/stat.h>

#include "base/base.h"
#include "os/as.h"

/* ---- fd.c ---- */
void ward_close(int fd);                       /* -1 ok; errno kept */
void ward_closep(int *fd);
void ward_forked_without(int fd);              /* forked.c: in a child that the caller forks it is closed; any thread */
void ward_forked_with(int fd);                 /* no more: said before it is closed, and the number is somebody else's */
#define WARD_FD WARD_CLEANUP(ward_closep) int
static inline int ward_take_fd(int *fd)        /* out of a WARD_FD, which then closes nothing */
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
int ward_write_all(int fd, const void *p, size_t n);      /* 0 or -errno; EINTR and short writes handled */
typedef ssize_t ward_write_fn(int fd, const void *p, size_t n);
int ward_write_all_by(ward_write_fn *put, int fd, const void *p, size_t n); /* the same by put, which is as write(2) */
/* Read a whole regular file of at most max bytes. WARD_E_NOTFOUND, WARD_E_LIMIT, WARD_E_INVALID (a directory, a device), ... */
int ward_read_file(const char *path, size_t max, struct ward_buf *out, struct ward_error *err);
int ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out, struct ward_error *err);
/* Write FILE by temporary name in the same directory, fsync, rename. mode e.g. 0600. */
int ward_replace_file(const char *path, const void *p, size_t n, mode_t mode, struct ward_error *err);
/* May temp be the temporary name that it gave a file which is to be called name? Who is killed leaves it. */
bool ward_is_replacement(const char *temp, const char *name);
int ward_memfd(const char *name, const void *p, size_t n, bool seal);   /* fd or -errno; offset 0 */
int ward_memfd_exec(const char *name, const void *p, size_t n);         /* the same, sealed, to be executed */

/* ---- open.c ---- */
#define WARD_OPEN_NO_SYMLINKS 0x04u            /* RESOLVE_NO_SYMLINKS */
#define WARD_OPEN_NO_MAGICLINKS 0x02u
#define WARD_OPEN_NO_XDEV 0x01u
#define WARD_OPEN_BENEATH 0x08u
#define WARD_OPEN_IN_ROOT 0x10u
int ward_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);  /* fd or -errno; O_CLOEXEC always */
bool ward_is_empty(int dir);                   /* an open directory holds nothing; one that cannot be read is not said to */
/* mkdir -p of an absolute path, 0700. 0 or -errno, why it is not there: whoever uses it opens it, and judges what is there. */
int ward_make_dirs(const char *dir);
/* One entry of getdents64(2). */
struct ward_dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

/* ---- born.c: what tells a directory from a later one that was given its inode ---- */
struct ward_born {
	int64_t ns;             /* its time of birth, wall clock; 0: not known */
	uint64_t handle;        /* a sum of its file system's handle of it, which counts the inode's lives; 0: not known */
};
/* Of any descriptor. Of an overlay and of FUSE neither is known: what they tell changes while the directory stays. */
void ward_born_of(int fd, struct ward_born *ret);
/*
 * By time and handle, each where both know it. Nothing was known: it may be the same. Something was, and nothing of it is any more: it
 * is not.
 */
bool ward_born_is(const struct ward_born *was, const struct ward_born *now);

/* ---- pin.c: run/pin.c makes them ---- */
#define WARD_PIN_MODE 01755                    /* of a directory; a file has 01644. Sticky says nothing where only its owner writes */
#define WARD_PIN_TEXT_MAX 16
static inline bool ward_pin_marked(mode_t mode)
{
	return (S_ISDIR(mode) || S_ISREG(mode)) && (mode & (S_ISVTX | S_IWGRP | S_IWOTH)) == S_ISVTX;
}
bool ward_is_pin(int dir, const char *name);   /* marked, and an empty directory or a small file; links are none */
bool ward_was_pin(int dir, const char *name);  /* of what was there a moment ago: a pin, or gone since, as pins go with their run */
bool ward_fd_is_pin(int fd);                   /* what was opened is such a directory */

/* ---- clock.c, random.c ---- */
uint64_t ward_now_wall_ns(void);
uint64_t ward_now_mono_ns(void), ward_now_boot_ns(void); /* boot: since the machine was started, asleep or not */
uint64_t ward_now_thread_ns(void);             /* processor time of this thread */
int ward_random(void *p, size_t n);            /* 0 or -errno */
void ward_ulid_now(char out[WARD_ULID_SIZE]);
/* The same of many, for which the kernel is asked once for some dozens of them. Zeroed before the first; n: how many are to come. */
struct ward_ulids { uint8_t random[32][10]; size_t n, left; };
void ward_ulid_next(struct ward_ulids *many, char out[WARD_ULID_SIZE]);

/* ---- sock.c ---- */
int ward_socketpair(int type, int ret[2]);     /* 0 or -errno; CLOEXEC */
/* One message with up to 250 descriptors. Returns bytes, 0 at end, or -errno. Received ones are CLOEXEC. */
ssize_t ward_send_fds(int sock, const void *p, size_t n, const int *fds, size_t n_fds);
ssize_t ward_recv_fds(int sock, void *p, size_t n, int *fds, size_t *io_n_fds, int flags);

/* ---- proc.c ---- */
int ward_pidfd_open(pid_t pid);
int ward_own_end(void);                        /* readable at the end of our process; never, where a pidfd is refused; -errno */
int ward_pidfd_signal(int pidfd, int sig), ward_pidfd_getfd(int pidfd, int fd);
/* Wait for a child of any clone kind; returns 0 and fills *ret (si_code, si_status), or -errno. */
int ward_pidfd_wait(int pidfd, int *ret_code, int *ret_status, bool nohang);
int ward_pidfd_look(int pidfd, int ms, int *ret_code, int *ret_status); /* the same within ms, and it stays to be waited for; -EAGAIN */
/* Is /proc there, and of this process's own pid namespace? In another one's a number is of somebody else. */
bool ward_proc_is_own(void);
/* May this process mount where it is (CAP_SYS_ADMIN)? Root mostly may not in a container. */
bool ward_may_mount(void);
/* May it look into the memory of another user's processes (CAP_SYS_PTRACE)? */
bool ward_may_peek(void);
/* May it become another user, with that user's groups (CAP_SETUID, CAP_SETGID)? */
bool ward_may_become(void);
/* What this process is held by from outside already, and so whatever it starts: names, NULL behind the last. */
#define WARD_INHERITED_MAX 3
void ward_inherited(const char *ret[WARD_INHERITED_MAX + 1]);

/* ---- spawn.c ---- */
#define WARD_SPAWN_FDS_MAX 16
#define WARD_SPAWN_ARGS_MAX 16
struct ward_spawn {
	int exe_fd; /* what is executed; borrowed */
	const char *const *argv; /* NULL-terminated; its environment is empty */
	const int *fds; /* fds[i] becomes descriptor i; the helper closes the rest by itself */
	size_t n_fds;
	unsigned long namespaces; /* CLONE_NEW*; 0 = the caller's */
	int cgroup; /* a v2 directory to be born in; -1 = the caller's */
	bool hold; /* it waits for ward_spawn_go(), at most 100 ms; not with a cgroup */
};
struct ward_spawn_shared;
struct ward_spawned {
	int pidfd; /* the owner's to close */
	pid_t pid;
	struct ward_spawn_shared *shared; /* what the child runs on until its exec */
};
#define WARD_SPAWNED_INIT { -1, 0, NULL }
/*
 * Execute a descriptor beside the caller, without a single allocation or lock in the child, all signals blocked in it, as a
 * child with exit signal 0 (wait for it by pidfd). Returns before it has executed: 0 or -errno of what could not be begun.
 * With a cgroup it returns afterwards. With a new user namespace all its capabilities are kept over the exec.
 */
int ward_spawn(const struct ward_spawn *what, struct ward_spawned *ret);
void ward_spawn_go(const struct ward_spawned *c);
/* errno of a child that ended before its exec; 0: it has executed. Waits for the one or the other. */
int ward_spawn_error(const struct ward_spawned *c);
/* Give the shared memory back, after the exec (waits for it); not the pidfd. Twice is fine. */
void ward_spawn_done(struct ward_spawned *c);
/* Write one of uid_map, gid_map, setgroups of a process: 0 or -errno. */
int ward_put_map(pid_t pid, const char *name, const char *text);
/* A user namespace that only carries these maps. 0 or -errno; needs privilege over the ids. */
struct ward_userns {
	int fd;
	int carrier; /* pidfd of the process that it was made with, killed already */
	char *stack;
};
#define WARD_USERNS_INIT { -1, -1, NULL }
int ward_userns_new(const char *uid_map, const char *gid_map, struct ward_userns *ret);
void ward_userns_done(struct ward_userns *u); /* waits for what is left of the carrier; twice is fine */

/* ---- loop.c: a file system in a file, as root ---- */
/* An ext4 of so many bytes in a new file. 0, or -errno and what was being done (static text). */
int ward_loop_make(int dir, const char *name, uint64_t size, const char **ret_step);
/*
 * It, mounted and attached nowhere: the descriptor of its root, with which it goes; the same one if it is mounted already. -errno as
 * above.
 */
int ward_loop_mount(int dir, const char *name, const char **ret_step);

/* ---- sha256.c: for whoever will sum some kilobytes: the processor's own instructions from now on, if it has them. Any thread ---- */
void ward_sha256_quicken(void);

/* ---- thread.c: the one way to start a thread ---- */
/* Small stack (128 KiB), every signal blocked in it. 0 or -errno. */
int ward_thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);
/* The same with 4 MiB, of which it takes what it touches. */
int ward_thread_start_deep(pthread_t *ret, void *(*fn)(void *), void *arg);
/*
 * What would end a thread of the caller's, or all of its process, half-way is put off: pthread_cancel(), and the SIGXFSZ of a limit of
 * file sizes, which then is an EFBIG alone.
 */
struct ward_shield {
	int cancel;
	bool size, was_pending;
	sigset_t mask;
};
void ward_thread_shield(struct ward_shield *h);
void ward_thread_unshield(const struct ward_shield *h);

/* ---- worker.c: one thread for jobs that come one after the other ---- */
struct ward_worker;
struct ward_worker *ward_worker_new(void (*fn)(void *arg), void *arg);   /* with its job 1; NULL: no memory, or no thread */
struct ward_worker *ward_worker_ref(struct ward_worker *w);              /* NULL ok */
/* Behind what was given before. 0: it is not done (no worker, or one that is at its end); last: nothing comes behind it. */
unsigned ward_worker_give(struct ward_worker *w, void (*fn)(void *arg), void *arg, bool last);
void ward_worker_end(struct ward_worker *w);                             /* nothing comes behind what was given; NULL ok */
void ward_worker_wait(struct ward_worker *w, unsigned job);              /* until it is done, with all before it */
void ward_worker_unref(struct ward_worker *w);                           /* the last one waits for all jobs; NULL ok */

/* ---- memory.c ---- */
/* More than a megabyte will be needed, soon and as long as the process lives. Advice: nothing depends on it. One thread calls it. */
void ward_memory_expect(void);
/* What was needed for a while has been freed: what is left of it goes back to the kernel. Advice too, of some 0.5 ms; any thread. */
void ward_memory_settle(void);
