/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of what the host gives to this user: cgroups, the place of the log, resource limits, the clock. The log is opened
 * for appending and its last record's hash is computed again; nothing is written to it, and a torn end is reported, not cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/magic.h>

#include "os/missing.h"
#include "os/os.h"
#include "run/doctor/doctor.h"

#define LOG_FILES_MIN 64
#define LOG_ROOM_MIN (16u << 20)
#define NOFILE_MIN 1024
#define FSIZE_MIN (1ull << 30)
#define YEAR_2024 1704067200
#define TIMER_LATE_NS 100000000

/* ---- cgroups ---- */

/* The shell that calls moves into a cgroup that belongs to its user. */
#define FIX_CGROUP_V1 \
	"sudo sh -c 'for c in memory pids cpu; do d=/sys/fs/cgroup/$c/ward-$2; mkdir -p $d && chown -R $2 $d &&" \
	" echo $1 >$d/cgroup.procs; done' sh $$ $(id -u)"
#define FIX_CGROUP_V2 \
	"sudo sh -c 'echo +memory +pids +cpu >/sys/fs/cgroup/cgroup.subtree_control; d=/sys/fs/cgroup/ward-$2;" \
	" mkdir -p $d/shell && chown -R $2 $d && echo $1 >$d/shell/cgroup.procs' sh $$ $(id -u)"
#define FIX_CGROUP_SYSTEMD "systemd-run --user --scope -p Delegate=yes ward run -- CMD"
#define FIX_CGROUP_ROOT "mount -o remount,rw /sys/fs/cgroup"
/* What a container cannot change from inside: its own limits hold it as a whole, whatever runs in it. */
#define FIX_CGROUP_CONTAINER "docker run --memory 1g --pids-limit 1024 --cpus 2 ..."

/* Nothing there to be made writable: whoever mounts finds out whether the kernel has it. */
#define FIX_CGROUP_MOUNT_V2 "mount -t cgroup2 none /sys/fs/cgroup"
#define FIX_CGROUP_MOUNT_V1 \
	"mkdir -p /sys/fs/cgroup/%s && mount -t cgroup -o %s none /sys/fs/cgroup/%s"

static bool is_kind(const char *path, long magic)
{
	struct statfs s;

	return statfs(path, &s) == 0 && (long)s.f_type == magic;
}

static bool is_cgroup2(const char *path)
{
	return is_kind(path, WARD_MAGIC_CGROUP2);
}

/* Is that controller's tree where it is looked for? *ret_any: is one of version 1? */
static bool cgroup_mounted(const char *name, bool *ret_any)
{
	static const char *const names[] = { "memory", "pids", "cpu" };
	char path[64];

	*ret_any = false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", names[i]);
		*ret_any = *ret_any || is_kind(path, CGROUP_SUPER_MAGIC);
	}
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
	return is_cgroup2("/sys/fs/cgroup") || is_kind(path, CGROUP_SUPER_MAGIC);
}

/* As root, who may mount; everybody else has it done. */
static void cgroup_mount_fix(const struct doctor *d, struct doctor_finding *f, const char *name,
	bool v1)
{
	const char *sudo = d->host.uid ? "sudo " : "";

	if (!v1)
		doctor_fix(f, "%s%s", sudo, FIX_CGROUP_MOUNT_V2);
	else if (d->host.uid)
		doctor_fix(f, "sudo sh -c '" FIX_CGROUP_MOUNT_V1 "'", name, name, name);
	else
		doctor_fix(f, FIX_CGROUP_MOUNT_V1, name, name, name);
}

static void controller(const struct doctor *d, const struct doctor_check *row,
	struct doctor_finding *f, bool usable, const char *name)
{
	struct statvfs fs;
	struct stat st;
	bool v1;

	if (usable) {
		doctor_say(f, DOCTOR_OK, "made a cgroup (v%d) with a %s limit and removed it",
			d->host.cgroup, name);
		return;
	}
	doctor_say(f, row->missing, "no cgroup with a %s limit could be made by this user", name);
	if (statvfs(is_cgroup2("/sys/fs/cgroup") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory",
		    &fs) == 0 &&
		fs.f_flag & ST_RDONLY && !ward_may_mount()) {
		doctor_say(f, row->missing,
			"no cgroup with a %s limit could be made: /sys/fs/cgroup is read-only (a container's?); limit the container as a whole",
			name);
		doctor_fix(f, "%s", FIX_CGROUP_CONTAINER);
	} else if (d->host.uid == 0 &&
		(!ward_may_mount() || d->host.lack == WARD_USERNS_ROOT_OF_LITTLE)) {
		doctor_say(f, row->missing,
			"no cgroup with a %s limit could be made: this root has no right over the host's cgroups (a container's?); limit the container as a whole",
			name);
		doctor_fix(f, "%s", FIX_CGROUP_CONTAINER);
	} else if (!cgroup_mounted(name, &v1)) {
		doctor_say(f, row->missing,
			"no cgroup with a %s limit could be made: none is mounted at /sys/fs/cgroup",
			name);
		cgroup_mount_fix(d, f, name, v1);
	} else if (d->host.uid == 0)
		doctor_fix(f, "%s", FIX_CGROUP_ROOT);
	else if (!is_cgroup2("/sys/fs/cgroup"))
		doctor_fix(f, "%s", FIX_CGROUP_V1);
	else if (stat("/run/systemd/system", &st) == 0)
		doctor_fix(f, "%s", FIX_CGROUP_SYSTEMD);
	else
		doctor_fix(f, "%s", FIX_CGROUP_V2);
}

DOCTOR_CHECK(doctor_cgroup_memory)
{
	controller(d, row, f, d->host.cgroup_memory, "memory");
}

DOCTOR_CHECK(doctor_cgroup_pids)
{
	controller(d, row, f, d->host.cgroup_pids, "pids");
}

DOCTOR_CHECK(doctor_cgroup_cpu)
{
	controller(d, row, f, d->host.cgroup_cpu, "cpu");
}

/* ---- the log ---- */

/* The nearest directory of path that exists, into dir. */
static void nearest_dir(const char *path, char *dir, size_t size)
{
	struct stat st;
	char *slash;

	(void)snprintf(dir, size, "%s", path);
	while ((slash = strrchr(dir, '/')) && slash != dir) {
		*slash = '\0';
		if (stat(dir, &st) == 0)
			return;
	}
	(void)snprintf(dir, size, "/");
}

/* A file without a name in dir shows that one could be made. */
static int can_create(const char *dir)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, dir, O_TMPFILE | O_WRONLY, 0600, 0);

	if (fd >= 0)
		return 0;
	if (fd != -EOPNOTSUPP && fd != -EISDIR)
		return -fd;
	return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* Is the last line a whole record whose hash is right? NULL: yes; else what is wrong. n = bytes of the file's end. */
static const char *last_record(const char *s, size_t n)
{
	static const char mark[] = ",\"hash\":\"";
	char hex[WARD_SHA256_HEX];
	const char *line = s, *at;

	if (n == 0)
		return NULL;
	if (s[n - 1] != '\n')
		return "its last line is torn (the next run cuts it into a .torn file)";
	for (size_t i = n - 1; i > 0 && line == s; i--)
		if (s[i - 1] == '\n')
			line = s + i;
	n = (size_t)(s + n - 1 - line);
	at = n > sizeof(mark) + WARD_SHA256_HEX
		? line + n - (sizeof(mark) - 1) - (WARD_SHA256_HEX - 1) - 2
		: NULL;
	if (!at || memcmp(at, mark, sizeof(mark) - 1) != 0)
		return "its last line is no record";
	ward_sha256_hex(line, (size_t)(at - line), hex);
	return memcmp(at + sizeof(mark) - 1, hex, WARD_SHA256_HEX - 1) == 0
		? NULL
		: "its last record does not have its hash";
}

static const char *check_end(int fd, off_t size)
{
	size_t want = size > (off_t)WARD_AUDIT_LINE_MAX + 1 ? (size_t)WARD_AUDIT_LINE_MAX + 1
							    : (size_t)size;
	char *text = malloc(want + 1);
	const char *bad = "no memory to read it";
	ssize_t n;

	if (text) {
		n = pread(fd, text, want, size - (off_t)want);
		bad = n == (ssize_t)want ? last_record(text, want) : "its end cannot be read";
	}
	free(text);
	return bad;
}

static void existing_log(const struct doctor_check *row, struct doctor_finding *f, int fd,
	const char *path)
{
	char word[WARD_PASTE_MAX];
	struct stat st;
	const char *bad;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		doctor_say(f, row->missing, "%s is not a regular file", path);
	} else if (st.st_uid != 0 && st.st_uid != geteuid()) {
		doctor_say(f, row->missing, "%s belongs to uid %u", path, (unsigned)st.st_uid);
	} else if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		doctor_say(f, row->missing, "%s may be written by group or others", path);
		doctor_fix(f, "chmod 600 %s", ward_paste(word, path, "FILE"));
	} else if (st.st_nlink > 1) {
		doctor_say(f, row->missing, "%s has a second name (a hard link)", path);
	} else {
		bad = check_end(fd, st.st_size);
		if (!bad) {
			doctor_say(f, DOCTOR_OK,
				"%s opened for appending; its last record has its hash", path);
			return;
		}
		doctor_say(f,
			ward_has_prefix(bad, "its last line is torn") ? DOCTOR_WARN : row->missing,
			"%s: %s", path, bad);
		doctor_fix(f, "ward audit verify %s", ward_paste(word, path, "FILE"));
	}
}

DOCTOR_CHECK(doctor_audit)
{
	struct ward_error err = WARD_ERROR_INIT;
	char path[WARD_PATH_MAX], dir[WARD_PATH_MAX], word[WARD_PASTE_MAX];
	struct statvfs fs;
	WARD_FD fd = -1;
	int missing;

	(void)d;
	if (ward_audit_default_path(path, sizeof(path), &err) < 0) {
		doctor_say(f, row->missing, "%s", err.message);
		return;
	}
	nearest_dir(path, dir, sizeof(dir));
	fd = ward_openat2(AT_FDCWD, path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0, 0);
	if (fd >= 0) {
		existing_log(row, f, fd, path);
	} else {
		missing = fd == -ENOENT ? can_create(dir) : -fd;
		if (missing)
			doctor_say(f, row->missing, "%s: %s", fd == -ENOENT ? dir : path,
				strerror(missing));
		else
			doctor_say(f, DOCTOR_OK, "%s can be made", path);
	}
	if (f->status != DOCTOR_OK || statvfs(dir, &fs) < 0)
		return;
	if ((uint64_t)fs.f_bavail * fs.f_frsize < LOG_ROOM_MIN) {
		doctor_say(f, DOCTOR_WARN,
			"less than 16M free below %s: when it is full, runs are refused", dir);
		doctor_fix(f, "df -h %s", ward_paste(word, dir, "DIRECTORY"));
	} else if (fs.f_files && fs.f_favail < LOG_FILES_MIN) {
		/* 0 in all: a file system that has no number of them (btrfs). */
		doctor_say(f, DOCTOR_WARN,
			"fewer than %d files can be made below %s: when there is none, runs are refused",
			LOG_FILES_MIN, dir);
		doctor_fix(f, "df -i %s", ward_paste(word, dir, "DIRECTORY"));
	}
}

/* ---- limits and time ---- */

DOCTOR_CHECK(doctor_rlimits)
{
	struct rlimit files, size, space;

	(void)d;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || getrlimit(RLIMIT_FSIZE, &size) < 0 ||
		getrlimit(RLIMIT_AS, &space) < 0) {
		doctor_say(f, row->missing, "getrlimit: %s", strerror(errno));
	} else if (files.rlim_max < NOFILE_MIN) {
		doctor_say(f, row->missing, "at most %llu descriptors: below %d",
			(unsigned long long)files.rlim_max, NOFILE_MIN);
		doctor_fix(f, "sudo prlimit --pid $$ --nofile=1024:4096");
	} else if (size.rlim_cur < FSIZE_MIN) {
		doctor_say(f, row->missing, "files end at %llu bytes, the log too",
			(unsigned long long)size.rlim_cur);
		doctor_fix(f, "sudo prlimit --pid $$ --fsize=unlimited");
	} else if (space.rlim_cur != RLIM_INFINITY) {
		doctor_say(f, row->missing, "address space ends at %llu bytes",
			(unsigned long long)space.rlim_cur);
		doctor_fix(f, "sudo prlimit --pid $$ --as=unlimited");
	} else {
		doctor_say(f, DOCTOR_OK,
			"descriptors up to %llu; file size and address space unlimited",
			(unsigned long long)files.rlim_max);
	}
}

DOCTOR_CHECK(doctor_clock)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	uint64_t before = ward_now_mono_ns(), took;

	(void)d;
	(void)nanosleep(&ms, NULL);
	took = ward_now_mono_ns() - before;
	if (ward_now_wall_ns() / 1000000000u < YEAR_2024) {
		doctor_say(f, row->missing, "the wall clock stands before 2024");
	} else if (took < 1000000 || took > TIMER_LATE_NS) {
		doctor_say(f, row->missing, "a timer of 1 ms took %llu us",
			(unsigned long long)(took / 1000));
		doctor_fix(f, "uptime   # the host is overloaded, or its timer is coarse");
	} else {
		doctor_say(f, DOCTOR_OK, "a timer of 1 ms took %llu us",
			(unsigned long long)(took / 1000));
	}
}
