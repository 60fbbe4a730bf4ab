/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of the sockets of waiting runs. It must be the caller's, a real directory, and nobody else's to enter: whoever can
 * reach a socket can say yes. It is never part of a view.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"

int ward_bell_where(char out[WARD_PATH_MAX], struct ward_error *err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	char base[WARD_PATH_MAX];
	int r;

	if (geteuid() == 0)
		(void)snprintf(base, sizeof(base), "/run");
	else if (xdg && xdg[0] == '/' && strlen(xdg) < sizeof(base))
		(void)snprintf(base, sizeof(base), "%s", xdg);
	else
		(void)snprintf(base, sizeof(base), "/run/user/%u", (unsigned)geteuid());
	r = ward_path_join(base, "ward", out, WARD_PATH_MAX);
	return r < 0 ? ward_fail(err, r, "XDG_RUNTIME_DIR is no usable path") : WARD_OK;
}

bool ward_live_where(unsigned place, char out[WARD_PATH_MAX])
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char base[WARD_PATH_MAX];
	int n;

	if (place == 0)
		return ward_bell_where(out, NULL) == WARD_OK;
	if (place > 1 || geteuid() == 0)
		return false;
	if (xdg && xdg[0] == '/')
		n = snprintf(base, sizeof(base), "%s", xdg);
	else if (home && home[0] == '/')
		n = snprintf(base, sizeof(base), "%s/.local/state", home);
	else
		return false;
	return n > 0 && (size_t)n < sizeof(base) &&
		ward_path_join(base, "ward/live", out, WARD_PATH_MAX) >= 0;
}

static int no_dir(const char *path, int sys, struct ward_error *err)
{
	(void)ward_fail_errno(err, WARD_E_UNSUPPORTED, sys,
		"there is no place for the sockets of runs that wait or live");
	ward_fail_at(err, path, 0, 0);
	/* Root has no other place; that of a user namespace mostly has not this one. */
	if (geteuid() == 0)
		ward_fail_fix(err,
			"let root of the host make %s, mode 0700, or run ward as an ordinary user",
			path);
	else
		ward_fail_fix(err, "set XDG_RUNTIME_DIR to a directory of your own, mode 0700");
	return WARD_E_UNSUPPORTED;
}

/* fd of what is there, if it is the caller's alone. */
static int open_own(const char *path, bool make, int *ret_fd, struct ward_error *err)
{
	struct stat st;
	WARD_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && !make)
		return ward_fail(err, WARD_E_NOTFOUND, "no run waits for an answer");
	if (fd < 0 || fstat(fd, &st) < 0)
		return no_dir(path, errno, err);
	if (st.st_uid != geteuid() || (st.st_mode & 07777) != 0700) {
		(void)ward_fail(err, WARD_E_REFUSED,
			"it must belong to you alone, mode 0700, as whoever gets in can say yes");
		ward_fail_at(err, path, 0, 0);
		ward_fail_fix(err, "look at what it is, then remove it");
		return WARD_E_REFUSED;
	}
	*ret_fd = ward_take_fd(&fd);
	return WARD_OK;
}

int ward_bell_dir(bool make, int *ret_fd, char out[WARD_PATH_MAX], struct ward_error *err)
{
	int r = ward_bell_where(out, err);

	if (r < 0)
		return r;
	if (make && mkdir(out, 0700) < 0 && errno != EEXIST)
		return no_dir(out, errno, err);
	return open_own(out, make, ret_fd, err);
}

int ward_live_dir(unsigned place, bool make, int *ret_fd, char out[WARD_PATH_MAX],
	struct ward_error *err)
{
	if (place == 0)
		return ward_bell_dir(make, ret_fd, out, err);
	if (!ward_live_where(place, out))
		return ward_fail(err, WARD_E_UNSUPPORTED,
			geteuid() == 0 ? "root's runs listen in /run/ward alone"
				       : "HOME is not an absolute path");
	if (make)
		(void)ward_make_dirs(out);
	return open_own(out, make, ret_fd, err);
}

void ward_live_forget(const char *run)
{
	char path[WARD_PATH_MAX], name[WARD_LIVE_NAME_MAX], made[WARD_LIVE_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s" WARD_LIVE_SUFFIX, run);
	for (unsigned i = 0; i < WARD_LIVE_PLACES; i++) {
		WARD_FD dir = -1;

		if (ward_live_dir(i, false, &dir, path, NULL) < 0)
			continue;
		(void)unlinkat(dir, name, 0);
		(void)unlinkat(dir, run, 0); /* it may have waited for a person */
		(void)snprintf(made, sizeof(made), WARD_BELL_MADE "%s", run);
		(void)unlinkat(dir, made, 0);
	}
}
