/* SPDX-License-Identifier: Apache-2.0 */
/*
 * os: one thin file per kernel facility. Nothing here decides anything. Functions that mirror a system call
 * return its result, or -errno; the others take a struct ward_error.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "base/base.h"

/* ---- fd.c ---- */
void ward_close(int fd);                       /* -1 ok; errno kept */
void ward_closep(int *fd);
#define WARD_FD WARD_CLEANUP(ward_closep) int
int ward_write_all(int fd, const void *p, size_t n);      /* 0 or -errno; EINTR and short writes handled */
/* Read a whole regular file of at most max bytes. WARD_E_NOTFOUND, WARD_E_LIMIT, WARD_E_INVALID (a directory, a device), ... */
int ward_read_file(const char *path, size_t max, struct ward_buf *out, struct ward_error *err);
int ward_read_fd(int fd, const char *name, size_t max, struct ward_buf *out, struct ward_error *err);
/* Write FILE by temporary name in the same directory, fsync, rename. mode e.g. 0600. */
int ward_replace_file(const char *path, const void *p, size_t n, mode_t mode, struct ward_error *err);
int ward_memfd(const char *name, const void *p, size_t n, bool seal);   /* fd or -errno; offset 0 */
int ward_memfd_exec(const char *name, const void *p, size_t n);         /* the same, sealed, to be executed */

/* ---- open.c ---- */
#define WARD_OPEN_NO_SYMLINKS 0x04u            /* RESOLVE_NO_SYMLINKS */
#define WARD_OPEN_NO_MAGICLINKS 0x02u
#define WARD_OPEN_BENEATH 0x08u
#define WARD_OPEN_IN_ROOT 0x10u
int ward_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);  /* fd or -errno; O_CLOEXEC always */

/* ---- clock.c, random.c ---- */
uint64_t ward_now_wall_ns(void);
uint64_t ward_now_mono_ns(void);
int ward_random(void *p, size_t n);            /* 0 or -errno */
void ward_ulid_now(char out[WARD_ULID_SIZE]);

/* ---- sock.c ---- */
int ward_socketpair(int type, int ret[2]);     /* 0 or -errno; CLOEXEC */
/* One message with up to 250 descriptors. Returns bytes, 0 at end, or -errno. Received ones are CLOEXEC. */
ssize_t ward_send_fds(int sock, const void *p, size_t n, const int *fds, size_t n_fds);
ssize_t ward_recv_fds(int sock, void *p, size_t n, int *fds, size_t *io_n_fds, int flags);

/* ---- proc.c ---- */
int ward_pidfd_open(pid_t pid);
int ward_pidfd_signal(int pidfd, int sig);
int ward_pidfd_getfd(int pidfd, int fd);
/* Wait for a child of any clone kind; returns 0 and fills *ret (si_code, si_status), or -errno. */
int ward_pidfd_wait(int pidfd, int *ret_code, int *ret_status, bool nohang);
/*
 * vfork-like spawn of an executable descriptor without a single allocation or lock in the child: fds[i] becomes
 * descriptor i of the child for i < n_fds, the rest is closed by the helper itself. All signals are blocked
 * around it. Returns the pidfd or -errno.
 */
int ward_spawn_fd(int exe_fd, const char *const *argv, const int *fds, size_t n_fds, pid_t *ret_pid);
