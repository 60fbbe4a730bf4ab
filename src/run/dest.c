/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where --outcome, --report and --head-to go: a regular file, replaced by rename, or a descriptor that the
 * caller passed ("fd:N"). Looked up once, when the option is set: nothing runs whose outcome has no place, and
 * the directory is held open from then on, so that a run which may write there cannot turn it into a link to
 * another. It refuses devices, links and directories (a rename would replace them), and descriptors of our own:
 * those are close-on-exec, an inherited one is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/capture.h"
#include "run/persist/persist.h"
#include "run/request.h"

#define FD_PREFIX "fd:"
#define LOOKS 10

static const char too_few[] = "raise the limit of open files (ulimit -n): a run needs 64";

void ward_dest_init(struct ward_dest *d)
{
	*d = (struct ward_dest){ .fd = -1, .dir = -1 };
}

void ward_dest_done(struct ward_dest *d)
{
	ward_close(d->dir);
	ward_dest_init(d);
}

static int check_fd(const char *text, int *ret, struct ward_error *err)
{
	uint64_t n = 0;
	int flags, fdflags;

	if (ward_parse_u64(text + strlen(FD_PREFIX), 1, 1u << 20, &n, NULL) < 0)
		return ward_fail(err, WARD_E_INVALID,
			"\"%s\" is not a descriptor: fd: takes a number from 1", text);
	flags = fcntl((int)n, F_GETFL);
	fdflags = fcntl((int)n, F_GETFD);
	if (flags < 0 || fdflags < 0 || (fdflags & FD_CLOEXEC))
		return ward_fail(err, WARD_E_INVALID, "descriptor %d is not open", (int)n);
	if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		return ward_fail(err, WARD_E_INVALID, "descriptor %d is not open for writing",
			(int)n);
	*ret = (int)n;
	return WARD_OK;
}

/* May name be made, or replaced by rename, in the directory dir? */
static int check_name(int dir, const char *name, const char *text, struct ward_error *err)
{
	struct stat st;

	if (!name[0] || ward_streq(name, ".") || ward_streq(name, ".."))
		return ward_fail(err, WARD_E_INVALID, "\"%s\" names a directory, not a file", text);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(st.st_mode)
			? WARD_OK
			: ward_fail(err, WARD_E_INVALID, "\"%s\" exists and is not a regular file",
				  text);
	return errno == ENOENT
		? WARD_OK
		: ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot look at \"%s\"", text);
}

int ward_named_answers(struct ward_request *r, const char *path, struct ward_error *err)
{
	WARD_CLEANUP(ward_looks_done) struct ward_looks own = { 0 };
	struct ward_looks *looks;
	uint64_t began = ward_now_mono_ns();
	char at[WARD_PATH_MAX], cwd[WARD_PATH_MAX];
	struct stat st;

	/* What cannot be named like this is the matter of who opens it. */
	if (!path[0] || ward_has_prefix(path, FD_PREFIX) ||
		(path[0] != '/' && !getcwd(cwd, sizeof(cwd))) ||
		(size_t)snprintf(at, sizeof(at), "%s%s%s", path[0] == '/' ? "" : cwd,
			path[0] == '/' ? "" : "/", path) >= sizeof(at))
		return WARD_OK;
	/* One for all: where many are mounted the list of them is long. */
	if (r && !r->looks)
		r->looks = ward_arena_alloc(r->arena, sizeof(*r->looks));
	looks = r ? r->looks : &own;
	if (!looks)
		return ward_fail(err, WARD_E_NOMEM, "no memory for an option");
	/* Some five seconds, as of what is mounted in a grant: one look is half a second, and a busy server may be late. */
	for (int i = 0; i < LOOKS; i++) {
		ward_looks_begin(looks);
		if (ward_look(looks, at, 0, &st) != -ETIMEDOUT)
			return WARD_OK;
	}
	/* Nobody was asked, for want of descriptors: who opens it says so. */
	if (ward_now_mono_ns() - began < LOOKS * 100000000ull)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_SYSTEM,
		"\"%s\" cannot be looked at: what is mounted there does not answer", path);
	ward_fail_fix(err, "name a file elsewhere, or unmount it (umount -l)");
	return WARD_E_SYSTEM;
}

void ward_named_done(struct ward_request *r)
{
	if (r->looks)
		ward_looks_done(r->looks);
}

/*
 * A relative name that says nothing of going elsewhere was meant to stay here. The links on its way may be a former run's, and we
 * are who would follow them outside.
 */
int ward_open_named(const char *path, uint64_t flags)
{
	bool meant = path[0] == '/' || ward_streq(path, "..") || ward_has_prefix(path, "../") ||
		strstr(path, "/../") || ward_has_suffix(path, "/..");

	return ward_openat2(AT_FDCWD, path, flags, 0, meant ? 0 : WARD_OPEN_BENEATH);
}

static int leads_out(const char *name, struct ward_error *err)
{
	return ward_fail(err, WARD_E_REFUSED,
		"\"%s\" leads out of the current directory by a link, which a command may have made; if that is meant, write the absolute name",
		name);
}

static int open_dir(const char *text, const char *name, int *ret, struct ward_error *err)
{
	char dir[WARD_PATH_MAX];
	size_t n = (size_t)(name - text);
	int fd;

	if (n >= sizeof(dir))
		return ward_fail(err, WARD_E_LIMIT, "path is longer than %d bytes",
			WARD_PATH_MAX - 1);
	(void)snprintf(dir, sizeof(dir), "%.*s", n ? (int)n : 1, n ? text : ".");
	fd = ward_open_named(dir, O_PATH | O_DIRECTORY);
	if (fd == -EXDEV)
		return leads_out(dir, err);
	if (fd < 0)
		return ward_fail_errno(err, fd == -ENOENT ? WARD_E_NOTFOUND : WARD_E_SYSTEM, -fd,
			"cannot write into directory \"%s\"", dir);
	*ret = fd;
	return WARD_OK;
}

static int open_file(struct ward_dest *d, const char *text, struct ward_error *err)
{
	const char *name = ward_path_basename(text);
	int r = open_dir(text, name, &d->dir, err);

	if (r < 0)
		return r;
	d->name = name;
	return check_name(d->dir, name, text, err);
}

int ward_dest_open(struct ward_dest *d, struct ward_arena *a, const char *text,
	struct ward_error *err)
{
	struct ward_dest made;
	const char *copy = ward_arena_strdup(a, text);
	int r;

	ward_dest_init(&made);
	if (!copy)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (!text[0])
		r = ward_fail(err, WARD_E_INVALID, "an empty file name");
	else if (ward_has_prefix(text, FD_PREFIX))
		r = check_fd(text, &made.fd, err);
	else
		r = open_file(&made, copy, err);
	if (r < 0) {
		ward_dest_done(&made);
		ward_fail_fix(err,
			err && err->sys_errno == EMFILE
				? too_few
				: "name a file in an existing directory, or fd:N for a descriptor that the "
				  "caller opened for writing, as in 3>FILE");
		return r;
	}
	made.text = copy;
	*d = made;
	return WARD_OK;
}

bool ward_dest_same(const struct ward_dest *a, const struct ward_dest *b)
{
	struct stat x, y;

	return a->name && b->name && ward_streq(a->name, b->name) && fstat(a->dir, &x) == 0 &&
		fstat(b->dir, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int ward_dest_write(const struct ward_dest *d, const char *option, const void *p, size_t n,
	struct ward_error *err)
{
	char path[64 + NAME_MAX];
	int r;

	if (d->fd >= 0) {
		/* The caller's pipe: that nobody reads it is an error of this call, and no signal that would end the caller. */
		r = ward_write_all_by(ward_write_quiet, d->fd, p, n);
		if (r < 0)
			r = ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot write to descriptor %d",
				d->fd);
	} else {
		struct ward_error why = WARD_ERROR_INIT;

		/* By way of the descriptor: the name of the directory may mean another one by now. */
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", d->dir, d->name);
		r = check_name(d->dir, d->name, d->text, err);
		if (r >= 0 && ward_replace_file(path, p, n, 0600, &why) < 0)
			r = ward_fail_errno(err, why.code, why.sys_errno, "cannot write \"%s\"",
				d->text);
	}
	if (r < 0) {
		ward_fail_at(err, option, 0, 0);
		if (err && err->sys_errno == EMFILE)
			ward_fail_fix(err, too_few);
	}
	return r;
}
