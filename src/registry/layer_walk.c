/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to a directory of policies. A file is as good as the weakest directory above it: whoever may write one of them puts
 * another file in its place. So the way is walked step by step from the root, on descriptors, and each step is looked at; a link
 * is read here, not by the kernel, and leads on only where its owner might as well have written the policy. Of a repository
 * nothing is asked but that .ward is a directory of it: what lies in there is foreign text whoever owns it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "registry/layers.h"

#define LINKS_MAX 40 /* as the kernel follows */
#define OPEN_TRIES 16

struct walk {
	const struct layer_rule *rule;
	char rest[WARD_PATH_MAX]; /* still to be walked */
	char *done; /* walked, without links; "" is the root */
	int fd;
	unsigned links;
	size_t own; /* of rest, what is behind every link that was met: the part of the way that no link is to lead to */
	struct ward_error
		weak; /* the first step that others may change; counts only if the directory is there */
};

const char *ward_layer_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "a regular file";
	case S_IFDIR: return "a directory";
	case S_IFLNK: return "a symbolic link";
	case S_IFIFO: return "a fifo";
	case S_IFCHR: return "a character device";
	case S_IFBLK: return "a block device";
	case S_IFSOCK: return "a socket";
	default: return "something unknown";
	}
}

int ward_layer_open(int dirfd, const char *name, int flags)
{
	uint64_t resolve = WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS;
	int fd;

	flags |= O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	if (flags & O_PATH) /* knows no others */
		flags &= O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY;
	if (!ward_streq(name, ".."))
		resolve |= WARD_OPEN_BENEATH;
	/* EXDEV: what was found had been moved elsewhere before the kernel looked whether it lies below. */
	fd = -EXDEV;
	for (int i = 0; i < OPEN_TRIES && fd == -EXDEV; i++)
		fd = ward_openat2(dirfd, name, (uint64_t)flags, 0, resolve);
	/* Linux before 5.6, or a filter that knows no openat2. Of one component O_NOFOLLOW promises the same. */
	if ((fd == -ENOSYS || fd == -EPERM) && !strchr(name, '/')) {
		fd = openat(dirfd, name, flags);
		fd = fd < 0 ? -errno : fd;
	}
	return fd;
}

int ward_layer_owner(const struct layer_rule *rule, const struct stat *st, const char *path,
	struct ward_error *err)
{
	char word[WARD_PASTE_MAX];

	if (!rule->owned)
		return WARD_OK;
	if (st->st_uid != 0 && st->st_uid != rule->uid) {
		ward_fail(err, WARD_E_REFUSED, "%s may not hold what belongs to uid %u", rule->what,
			(unsigned)st->st_uid);
		ward_fail_at(err, path, 0, 0);
		ward_fail_fix(err, "look who wrote it, then: chown %s%u %s",
			S_ISLNK(st->st_mode) ? "-h " : "", rule->uid,
			ward_paste(word, path, "PATH"));
		return WARD_E_REFUSED;
	}
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) && !S_ISLNK(st->st_mode)) {
		ward_fail(err, WARD_E_REFUSED,
			"%s may not hold what group or others may write (mode %04o)", rule->what,
			(unsigned)(st->st_mode & 07777));
		ward_fail_at(err, path, 0, 0);
		ward_fail_fix(err, "look who wrote it, then: chmod go-w %s",
			ward_paste(word, path, "PATH"));
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

/* What keeps from path is often a directory above it, and then path may not even be there: for the cure alone. */
static const char *shut(const char *path, char above[static WARD_PATH_MAX])
{
	for (size_t n = 1; n < WARD_PATH_MAX && path[0] == '/' && path[n]; n++) {
		if (path[n] != '/')
			continue;
		memcpy(above, path, n);
		above[n] = '\0';
		if (faccessat(AT_FDCWD, above, X_OK, 0) < 0 && errno == EACCES)
			return above;
	}
	return path;
}

static int fail_open(const struct layer_rule *rule, const char *path, int sys,
	struct ward_error *err)
{
	int code = sys == ENOMEM ? WARD_E_NOMEM : WARD_E_SYSTEM;
	char word[WARD_PASTE_MAX], above[WARD_PATH_MAX];

	ward_fail_errno(err, code, sys, "%s cannot be opened", rule->what);
	ward_fail_at(err, path, 0, 0);
	if (sys == EACCES || sys == EPERM)
		ward_fail_fix(err, "let %s read it: chmod %s %s",
			rule->layer == WARD_LAYER_CEILING ? "everybody who runs ward" : "yourself",
			rule->layer == WARD_LAYER_CEILING ? "a+rX" : "u+rX",
			ward_paste(word, shut(path, above), "PATH"));
	return code;
}

static int too_long(const struct layer_rule *rule, struct ward_error *err)
{
	return ward_fail(err, WARD_E_LIMIT, "the path of %s is longer than %d bytes", rule->what,
		WARD_PATH_MAX - 1);
}

/* What is weak about a directory on the way: kept, as the end of the way may be absent. */
static void look_at(struct walk *w, const struct stat *st, bool last)
{
	bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) && !last;
	struct stat shown = *st;

	/* Under the sticky bit others cannot replace what is root's or the owner's, and the next step must be. */
	if (sticky)
		shown.st_mode &= (mode_t) ~(S_IWGRP | S_IWOTH);
	if (w->weak.code == WARD_OK)
		(void)ward_layer_owner(w->rule, &shown, w->done[0] ? w->done : "/", &w->weak);
}

static int follow(struct walk *w, int link, const char *behind, struct ward_error *err)
{
	char target[WARD_PATH_MAX], rest[WARD_PATH_MAX];
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	char *slash = strrchr(w->done, '/');
	int all;

	if (n < 0)
		return fail_open(w->rule, w->done, errno, err);
	target[n] = '\0';
	if (++w->links > LINKS_MAX)
		return fail_open(w->rule, w->done, ELOOP, err);
	if (strlen(behind) < w->own)
		w->own = strlen(behind);
	all = snprintf(rest, sizeof(rest), "%s/%s", target, behind);
	if (all < 0 || (size_t)all >= sizeof(rest))
		return too_long(w->rule, err);
	memcpy(w->rest, rest, (size_t)all + 1);
	*slash = '\0';
	if (target[0] == '/') {
		WARD_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (root < 0)
			return fail_open(w->rule, "/", errno, err);
		ward_close(w->fd);
		w->fd = ward_take_fd(&root);
		w->done[0] = '\0';
	}
	return WARD_OK;
}

/* A link to nothing: what it is to lead to is elsewhere for now, and with it the policies. Without a link it is absent. */
static int missing(const struct walk *w, const char *behind, struct ward_error *err)
{
	if (strlen(behind) < w->own)
		return WARD_E_NOTFOUND;
	(void)fail_open(w->rule, w->done, ENOENT, err);
	ward_fail_fix(err, "a link leads there: make it, or take the link away");
	return WARD_E_SYSTEM;
}

/* One name. WARD_E_NOTFOUND without a message: it is absent. */
static int step(struct walk *w, const char *name, const char *behind, struct ward_error *err)
{
	WARD_FD fd = ward_layer_open(w->fd, name, O_PATH);
	size_t n = strlen(w->done);
	struct stat st;
	int r;

	if (ward_streq(name, "..")) {
		char *slash = strrchr(w->done, '/');

		if (slash)
			*slash = '\0';
	} else {
		if (n + strlen(name) + 2 > WARD_PATH_MAX)
			return too_long(w->rule, err);
		(void)snprintf(w->done + n, WARD_PATH_MAX - n, "/%s", name);
	}
	if (fd == -ENOENT)
		return missing(w, behind, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_open(w->rule, w->done, fd < 0 ? -fd : errno, err);
	look_at(w, &st, behind[0] == '\0');
	if (S_ISLNK(st.st_mode) && w->rule->links)
		return follow(w, fd, behind, err);
	if (!S_ISDIR(st.st_mode)) {
		r = ward_fail(err, WARD_E_REFUSED, "%s must be a directory: this is %s",
			w->rule->what, ward_layer_type(st.st_mode));
		ward_fail_at(err, w->done, 0, 0);
		/* HOME=/dev/null, as some accounts of services have it: nobody should take that away. */
		ward_fail_fix(err, "%s",
			behind[0] && w->rule->layer == WARD_LAYER_USER
				? "it lies on the way there, which is where XDG_CONFIG_HOME or HOME says: set it to a directory"
				: "put the directory itself in its place, or take it away");
		return r;
	}
	ward_close(w->fd);
	w->fd = ward_take_fd(&fd);
	return WARD_OK;
}

static int walk(struct walk *w, struct ward_error *err)
{
	while (w->rest[0]) {
		char name[WARD_PATH_MAX];
		size_t n = strcspn(w->rest, "/");
		size_t skip = n + strspn(w->rest + n, "/");
		int r;

		memcpy(name, w->rest, n);
		name[n] = '\0';
		memmove(w->rest, w->rest + skip, strlen(w->rest + skip) + 1);
		if (n == 0 || ward_streq(name, "."))
			continue;
		r = step(w, name, w->rest, err);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

static void walk_done(struct walk *w)
{
	ward_close(w->fd);
}

int ward_layer_walk(const struct layer_rule *rule, const char *path, char *real, int *ret_fd,
	struct ward_error *err)
{
	WARD_CLEANUP(walk_done)
	struct walk w = { .rule = rule, .done = real, .fd = -1, .own = SIZE_MAX };
	struct stat st;
	int r;

	*ret_fd = -1;
	real[0] = '\0';
	r = ward_path_normalize(path, w.rest, sizeof(w.rest));
	if (r < 0) {
		ward_fail(err, r, "%s must have an absolute path", rule->what);
		ward_fail_at(err, path, 0, 0);
		return r;
	}
	w.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.fd < 0 || fstat(w.fd, &st) < 0)
		return fail_open(rule, "/", errno, err);
	look_at(&w, &st, false);
	r = walk(&w, err);
	if (r == WARD_E_NOTFOUND) {
		(void)snprintf(real, WARD_PATH_MAX, "%s", path);
		return WARD_OK;
	}
	if (r < 0)
		return r;
	if (w.weak.code != WARD_OK) {
		if (err)
			*err = w.weak;
		return w.weak.code;
	}
	r = ward_layer_open(w.fd, ".", O_RDONLY | O_DIRECTORY);
	if (r < 0)
		return fail_open(rule, real, -r, err);
	*ret_fd = r;
	return WARD_OK;
}

/* The path of an open directory without links, as the kernel knows it. */
static int real_path(int fd, const char *path, char *real, struct ward_error *err)
{
	char proc[64];
	struct stat a, b;
	ssize_t n;

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, WARD_PATH_MAX - 1);
	if (n < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"the real path of the workspace '%s' is unknown", path);
	real[n] = '\0';
	if (fstat(fd, &a) < 0 || lstat(real, &b) < 0 || a.st_dev != b.st_dev ||
		a.st_ino != b.st_ino || real[0] != '/') {
		ward_fail(err, WARD_E_REFUSED,
			"the workspace '%s' was moved or removed while it was looked at", path);
		ward_fail_fix(err, "try again when it stays where it is");
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

int ward_layer_repository(const char *workspace, char *real, int *ret_fd, struct ward_error *err)
{
	static const struct layer_rule rule = { .what = "the policy of a repository" };
	WARD_FD fd = open(workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	size_t n;
	int r;

	*ret_fd = -1;
	/* Not "no repository": where there is no workspace, nothing may be run at all. */
	if (fd < 0)
		return ward_fail_errno(err, errno == ENOENT ? WARD_E_NOTFOUND : WARD_E_SYSTEM,
			errno, "the workspace '%s' cannot be opened", workspace);
	r = real_path(fd, workspace, real, err);
	if (r < 0)
		return r;
	n = strlen(real);
	if (n + sizeof(LAYER_REPOSITORY_DIR) + 1 > WARD_PATH_MAX)
		return too_long(&rule, err);
	(void)snprintf(real + n, WARD_PATH_MAX - n, "%s" LAYER_REPOSITORY_DIR, n > 1 ? "/" : "");
	r = ward_layer_open(fd, LAYER_REPOSITORY_DIR, O_RDONLY | O_DIRECTORY);
	/* What a run keeps from coming to be is not there: it may have come since, and will be gone. */
	if (r >= 0 && ward_fd_is_pin(r)) {
		ward_close(r);
		return WARD_OK;
	}
	if (r >= 0) {
		*ret_fd = r;
		return WARD_OK;
	}
	if (r == -ENOENT || ward_was_pin(fd, LAYER_REPOSITORY_DIR))
		return WARD_OK;
	if ((r == -ENOTDIR || r == -ELOOP) &&
		fstatat(fd, LAYER_REPOSITORY_DIR, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		r = ward_fail(err, WARD_E_REFUSED, "%s must be a directory: this is %s", rule.what,
			ward_layer_type(st.st_mode));
		ward_fail_at(err, real, 0, 0);
		ward_fail_fix(err, "put the directory itself in its place, or take it away");
		return r;
	}
	return fail_open(&rule, real, -r, err);
}
