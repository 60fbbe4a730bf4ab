/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cannot be read to its end is not at its end: what lies behind that is neither lost without a word nor taken for nothing. Calls of the C library
 * fail by functions of their names here.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "own_syscall.h"
#include "run/life.h"
#include "tap.h"
#include "ward/live.h"
#include "workspace/workspace.h"

enum { NOTHING, READDIR, GETDENTS, DATA, HOLE, READ };
static int fails;

static bool hit(int what)
{
	errno = fails == what ? EIO : errno;
	return fails == what;
}

struct dirent *readdir(DIR *d)
{
	static struct dirent *(*real)(DIR *);

	if (!real)
		real = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
	return hit(READDIR) ? NULL : real(d);
}

off_t lseek(int fd, off_t at, int whence)
{
	if ((whence == SEEK_DATA && hit(DATA)) || (whence == SEEK_HOLE && hit(HOLE)))
		return -1;
	return own_syscall_result(ward_raw(SYS_lseek, fd, at, whence, 0, 0));
}

ssize_t read(int fd, void *p, size_t n)
{
	return hit(READ) ? -1 : own_syscall_result(ward_raw(SYS_read, fd, (long)p, (long)n, 0, 0));
}

long syscall(long nr, ...)
{
	long v[OWN_SYSCALL_ARGS];

	OWN_SYSCALL_TAKE(v, nr);
	return nr == SYS_getdents64 && hit(GETDENTS) ? -1 : own_syscall_go(nr, v);
}

static char base[64];

static int made(const char *name, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	REQUIRE(mkdir(path, 0700) == 0 && chmod(path, mode) == 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

static void begin(void)
{
	snprintf(base, sizeof(base), "/tmp/ward-unread-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
	fails = NOTHING;
}

static void end(void)
{
	char command[2 * sizeof(base) + 64];

	fails = NOTHING;
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", base, base);
	REQUIRE(system(command) == 0);
}

/* fails: what; then so many things of the layer are lost, and said to be. */
static void kept(int what, uint64_t lost)
{
	struct ward_error err = WARD_ERROR_INIT;
	uint64_t left = 0;
	int from, to, fd, r;

	begin();
	from = made("layer", 0700);
	to = made("kept", 0700);
	close(made("layer/upper", 0755));
	fd = open(base, O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	for (int i = 0; i < 2; i++) {
		int file = openat(fd, i ? "layer/upper/a" : "layer/upper/b",
			O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		REQUIRE(file >= 0 && write(file, "text", 4) == 4);
		close(file);
	}
	fails = what;
	alarm(20 * tap_patience());
	r = ward_layer_keep(from, to, &left, &err);
	alarm(0);
	fails = NOTHING;
	CHECK_EQ_INT(r, lost ? WARD_E_SYSTEM : WARD_OK);
	CHECK_EQ_INT(left, lost);
	CHECK_EQ_INT(err.sys_errno, lost ? EIO : 0);
	CHECK_EQ_INT(faccessat(to, "a", F_OK, 0), lost ? -1 : 0);
	close(fd);
	close(from);
	close(to);
	end();
}

TEST(a_layer_is_kept_whole_or_says_what_is_lost)
{
	kept(NOTHING, 0);
	kept(READDIR, 1); /* its top */
	kept(DATA, 2); /* each of the files */
	kept(HOLE, 2);
}

TEST(what_cannot_be_listed_is_not_empty)
{
	int fd;

	begin();
	fd = made("pin", WARD_PIN_MODE);
	CHECK(ward_is_empty(fd) && ward_fd_is_pin(fd));
	fails = GETDENTS;
	CHECK(!ward_is_empty(fd) && !ward_fd_is_pin(fd));
	fails = NOTHING;
	close(made("pin/in", 0700));
	CHECK(!ward_is_empty(fd) && !ward_fd_is_pin(fd));
	close(fd);
	end();
}

static int none(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *facts, const struct ward_error *why)
{
	(void)arg;
	(void)run;
	(void)state;
	(void)facts;
	(void)why;
	return 1;
}

TEST(runs_that_cannot_be_listed_are_not_none)
{
	struct ward_error err = WARD_ERROR_INIT;
	char home[WARD_PATH_MAX];

	begin();
	REQUIRE(setenv("XDG_STATE_HOME", base, 1) == 0);
	REQUIRE(ward_workspace_home(true, home, &err) == WARD_OK);
	CHECK_EQ_INT(ward_workspace_each(none, NULL, &err), WARD_OK);
	fails = READDIR;
	CHECK_EQ_INT(ward_workspace_each(none, NULL, &err), WARD_E_SYSTEM);
	end();
}

TEST(sockets_that_cannot_be_listed_are_not_none)
{
	const struct ward_stop all = { .all = true, .dry_run = true };
	struct ward_error err = WARD_ERROR_INIT;
	char *text = NULL;

	unsetenv("WARD_RUN");
	fails = READ;
	CHECK_EQ_INT(ward_live_stop(&all, &text, NULL, NULL, &err), WARD_E_SYSTEM);
	fails = NOTHING;
	CHECK(text == NULL);
	free(text);
}

TAP_MAIN();
