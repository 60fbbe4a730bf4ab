/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober [-c SEED]: runs inside. Each line of stdin is an operation and its one or two names; each is tried, undone where it was
 * done, and answered by a line "ERRNO [WHAT WAS READ]". With -c a second process renames, exchanges and links the same names
 * meanwhile, and every operation is tried until it succeeds or has failed TRIES times; behind the answers come lines "r TEXT" and
 * "w TEXT": what files (by their first line) the other one could read and write by other names than their own.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	OPS_MAX = 4096,
	TEXT_MAX = 64,
	SEEN_MAX = 512,
	TRIES = 200,
	PATH_BYTES = 512,
	SAID_MAX = 2048
};

struct op {
	char call[16], a[PATH_BYTES], b[PATH_BYTES];
};
static struct op ops[OPS_MAX];
static size_t n_ops;
static char said[SAID_MAX];

static int result(int r)
{
	return r < 0 ? errno : 0;
}

static int opened(const char *path, int flags, bool say)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0644);
	ssize_t n;

	if (fd < 0)
		return errno;
	if (say) {
		n = read(fd, said, TEXT_MAX);
		said[n > 0 ? n : 0] = '\0';
		said[strcspn(said, "\n")] = '\0';
	}
	close(fd);
	return 0;
}

static int listed(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	size_t at = 0;

	if (!d)
		return errno;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			at + strlen(e->d_name) + 2 < sizeof(said))
			at += (size_t)snprintf(said + at, sizeof(said) - at, "%s/", e->d_name);
	}
	closedir(d);
	return 0;
}

static int removed(const char *path)
{
	char text[TEXT_MAX] = "", target[PATH_BYTES];
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r;
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0,
		to = readlink(path, target, sizeof(target) - 1);
	struct stat st = { .st_mode = 0644 };

	if (fd >= 0 && fstat(fd, &st) == 0)
		close(fd);
	if (unlink(path) < 0)
		return errno;
	if (to > 0) {
		target[to] = '\0';
		(void)!symlink(target, path);
		return 0;
	}
	r = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
	if (r >= 0) {
		(void)!write(r, text, n > 0 ? (size_t)n : 0);
		close(r);
	}
	return 0;
}

static int executed(const char *path)
{
	int fds[2], e = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return 255;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execl(path, path, (char *)NULL);
		e = errno;
		(void)!write(fds[1], &e, sizeof(e));
		_exit(1);
	}
	close(fds[1]);
	if (read(fds[0], &e, sizeof(e)) != sizeof(e))
		e = 0;
	close(fds[0]);
	(void)waitpid(pid, NULL, 0);
	return pid < 0 ? 255 : e;
}

static int done(int r, const char *name, bool dir)
{
	int e = result(r);

	if (e == 0)
		(void)(dir ? rmdir(name) : unlink(name));
	return e;
}

static int moved(const char *a, const char *b)
{
	int e = result(rename(a, b));

	if (e == 0)
		(void)rename(b, a);
	return e;
}

static int once(const struct op *o)
{
	struct stat st;

	said[0] = '\0';
	if (strcmp(o->call, "read") == 0)
		return opened(o->a, O_RDONLY, true);
	if (strcmp(o->call, "list") == 0)
		return listed(o->a);
	if (strcmp(o->call, "write") == 0)
		return opened(o->a, O_WRONLY, false);
	if (strcmp(o->call, "readwrite") == 0)
		return opened(o->a, O_RDWR, false);
	if (strcmp(o->call, "create") == 0) {
		int e = opened(o->a, O_WRONLY | O_CREAT | O_EXCL, false);

		if (e == 0)
			(void)unlink(o->a);
		return e;
	}
	if (strcmp(o->call, "mkdir") == 0)
		return done(mkdir(o->a, 0755), o->a, true);
	if (strcmp(o->call, "symlink") == 0)
		return done(symlink("nowhere", o->a), o->a, false);
	if (strcmp(o->call, "mkfifo") == 0)
		return done(mkfifo(o->a, 0644), o->a, false);
	if (strcmp(o->call, "link") == 0)
		return done(link(o->a, o->b), o->b, false);
	if (strcmp(o->call, "rename") == 0)
		return moved(o->a, o->b);
	if (strcmp(o->call, "unlink") == 0)
		return removed(o->a);
	if (strcmp(o->call, "rmdir") == 0) {
		int e = result(rmdir(o->a));

		if (e == 0)
			(void)mkdir(o->a, 0755);
		return e;
	}
	if (strcmp(o->call, "truncate") == 0)
		return stat(o->a, &st) < 0 ? errno : result(truncate(o->a, st.st_size));
	if (strcmp(o->call, "chmod") == 0)
		return stat(o->a, &st) < 0 ? errno : result(chmod(o->a, st.st_mode & 0777));
	if (strcmp(o->call, "utimes") == 0)
		return result(utimensat(AT_FDCWD, o->a, NULL, 0));
	if (strcmp(o->call, "exec") == 0)
		return executed(o->a);
	return 255;
}

/* ---- the other one ---- */

static char seen[2][SEEN_MAX][TEXT_MAX];
static size_t n_seen[2];
static volatile sig_atomic_t over;

static void end(int sig)
{
	(void)sig;
	over = 1;
}

static void note(int which, const char *text)
{
	for (size_t i = 0; i < n_seen[which]; i++) {
		if (strcmp(seen[which][i], text) == 0)
			return;
	}
	if (n_seen[which] < SEEN_MAX)
		snprintf(seen[which][n_seen[which]++], TEXT_MAX, "%.63s", text);
}

static void look(const char *name)
{
	if (opened(name, O_RDONLY | O_NOFOLLOW, true) == 0)
		note(0, said);
	if (opened(name, O_RDWR | O_NOFOLLOW, true) == 0)
		note(1, said);
}

/* How far below a directory of another name one gets. */
static void look_below(const char *dir, unsigned depth)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	char path[PATH_BYTES * 2];

	if (!d) {
		look(dir);
		return;
	}
	while (depth > 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < sizeof(path))
			look_below(path, depth - 1);
	}
	closedir(d);
}

static void other(unsigned seed)
{
	char name[PATH_BYTES + 32];

	signal(SIGTERM, end);
	srandom(seed);
	while (!over) {
		const struct op *x = &ops[(size_t)random() % n_ops],
				*y = &ops[(size_t)random() % n_ops];
		const char *slash = strrchr(y->a, '/');

		snprintf(name, sizeof(name), "%.*s/zz%ld", (int)(slash - y->a), y->a, random() % 3);
		switch (random() % 3) {
		case 0:
			if (rename(x->a, name) == 0) {
				look_below(name, 3);
				(void)rename(name, x->a);
			}
			break;
		case 1:
			if (link(x->a, name) == 0) {
				look(name);
				(void)unlink(name);
			}
			break;
		default:
			if (symlink(x->a, name) == 0)
				(void)unlink(name);
		}
		(void)unlink(name);
		sched_yield();
	}
	for (int w = 0; w < 2; w++)
		for (size_t i = 0; i < n_seen[w]; i++)
			printf("%c %s\n", "rw"[w], seen[w][i]);
	fflush(stdout);
	_exit(0);
}

static int until(const struct op *o, bool again)
{
	int e = once(o);

	for (int i = 0; again && e != 0 && i < (strcmp(o->call, "exec") == 0 ? 5 : TRIES); i++) {
		if (i % 8 == 0)
			sched_yield();
		e = once(o);
	}
	return e;
}

int main(int argc, char **argv)
{
	bool concurrent = argc == 3 && strcmp(argv[1], "-c") == 0;
	static int errs[OPS_MAX];
	pid_t pid = -1;
	static char line[2 * PATH_BYTES + 32];

	while (n_ops < OPS_MAX && fgets(line, sizeof(line), stdin))
		n_ops += sscanf(line, "%15s %511s %511s", ops[n_ops].call, ops[n_ops].a,
				 ops[n_ops].b) >= 2;
	if (concurrent) {
		pid = fork();
		if (pid == 0)
			other((unsigned)atoi(argv[2]));
	}
	for (size_t i = 0; i < n_ops; i++) {
		errs[i] = until(&ops[i], concurrent);
		printf("= %zu %d %s\n", i, errs[i], said);
	}
	fflush(stdout);
	if (pid > 0) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
		/* What failed because the other one held the name at that time succeeds now. */
		for (size_t i = 0; i < n_ops; i++) {
			const char *made = ops[i].b[0] ? ops[i].b
				: strcmp(ops[i].call, "create") == 0 ||
					strcmp(ops[i].call, "mkdir") == 0 ||
					strcmp(ops[i].call, "symlink") == 0 ||
					strcmp(ops[i].call, "mkfifo") == 0
				? ops[i].a
				: NULL;

			if (errs[i] != 0 && made && unlink(made) < 0)
				(void)rmdir(made);
			if (errs[i] != 0)
				printf("= %zu %d %s\n", i, once(&ops[i]), said);
		}
	}
	return 0;
}
