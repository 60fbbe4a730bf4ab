/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober [-c SEED]: runs inside. Each line of stdin is an operation and its one or two names; each is tried, undone where it was
 * done, and answered by a line "= NUMBER ERRNO [WHAT WAS READ]", and by "! NUMBER ERRNO" where it could not be undone ("- NAME": by the other one). With -c a
 * second process renames, exchanges and links the same names meanwhile, and every operation is tried until it succeeds or has failed
 * TRIES times; behind the answers come lines "r TEXT" and "w TEXT": what files (by their first line) the other one could read and
 * write by other names than their own.
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
	UNDO_TRIES = 4000,
	PATH_BYTES = 512,
	SAID_MAX = 2048
};

struct op {
	char call[16], a[PATH_BYTES], b[PATH_BYTES];
};
static struct op ops[OPS_MAX];
static size_t n_ops;
static char said[SAID_MAX];
static int not_undone; /* the errno of what could not be undone of the last operation */

static int result(int r)
{
	return r < 0 ? errno : 0;
}

/*
 * A name by its directory as it was found: to undo what was done there, whatever the other one does with the way to it. Where there is
 * no way to the directory (dir < 0) nothing is tried: it would end the same, or could not be undone.
 */
struct spot {
	int dir, e;
	const char *name;
};

static struct spot spot_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_BYTES * 2];
	int fd;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	fd = open(dir[0] ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return (struct spot){ fd, result(fd), slash + 1 };
}

static void leave(const struct spot *s)
{
	if (s->dir >= 0)
		close(s->dir);
}

static int put_back(const struct spot *from, const struct spot *to)
{
	int e = EBADF;

	for (int i = 0; i < UNDO_TRIES; i++) {
		e = result(renameat(from->dir, from->name, to->dir, to->name));
		/* The other one has it, and gives it back. */
		if (e != ENOENT)
			break;
		sched_yield();
	}
	return e;
}

static int put_away(const struct spot *s, bool dir)
{
	int e = EBADF;

	for (int i = 0; i < UNDO_TRIES; i++) {
		e = result(unlinkat(s->dir, s->name, dir ? AT_REMOVEDIR : 0));
		if (e != ENOENT)
			break;
		sched_yield();
	}
	return e;
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
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), e, r;
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : 0,
		to = readlink(path, target, sizeof(target) - 1);
	struct spot at = spot_of(path);
	struct stat st = { .st_mode = 0644 };

	if (fd >= 0 && fstat(fd, &st) == 0)
		close(fd);
	e = at.dir < 0 ? at.e : fd < 0 && to < 0 ? result(lstat(path, &st)) : 0;
	if (e == 0)
		e = result(unlink(path));
	if (e == 0 && to > 0) {
		target[to] = '\0';
		not_undone = result(symlinkat(target, at.dir, at.name));
	} else if (e == 0) {
		r = openat(at.dir, at.name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			st.st_mode & 0777);
		not_undone = result(r);
		if (r >= 0) {
			(void)!write(r, text, n > 0 ? (size_t)n : 0);
			close(r);
		}
	}
	leave(&at);
	return e;
}

static int emptied(const char *path)
{
	struct spot at = spot_of(path);
	int e = at.dir < 0 ? at.e : result(rmdir(path));

	if (e == 0)
		not_undone = result(mkdirat(at.dir, at.name, 0755));
	leave(&at);
	return e;
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

static int make(const struct op *o, const char *name)
{
	if (strcmp(o->call, "create") == 0)
		return opened(name, O_WRONLY | O_CREAT | O_EXCL, false);
	if (strcmp(o->call, "mkdir") == 0)
		return result(mkdir(name, 0755));
	if (strcmp(o->call, "symlink") == 0)
		return result(symlink("nowhere", name));
	if (strcmp(o->call, "mkfifo") == 0)
		return result(mkfifo(name, 0644));
	return strcmp(o->call, "link") == 0 ? result(link(o->a, name)) : -1;
}

/* -1: it makes nothing. */
static int made(const struct op *o)
{
	struct spot at = spot_of(o->b[0] ? o->b : o->a);
	int e = at.dir < 0 ? at.e : make(o, o->b[0] ? o->b : o->a);

	if (e == 0)
		not_undone = put_away(&at, strcmp(o->call, "mkdir") == 0);
	leave(&at);
	return e;
}

static int moved(const char *a, const char *b)
{
	struct spot from = spot_of(a), to = spot_of(b);
	int e = from.dir < 0 ? from.e : to.dir < 0 ? to.e : result(rename(a, b));

	if (e == 0)
		not_undone = put_back(&to, &from);
	leave(&from);
	leave(&to);
	return e;
}

static int once(const struct op *o)
{
	struct stat st;
	int e;

	said[0] = '\0';
	not_undone = 0;
	if (strcmp(o->call, "read") == 0)
		return opened(o->a, O_RDONLY, true);
	if (strcmp(o->call, "list") == 0)
		return listed(o->a);
	if (strcmp(o->call, "write") == 0)
		return opened(o->a, O_WRONLY, false);
	if (strcmp(o->call, "readwrite") == 0)
		return opened(o->a, O_RDWR, false);
	if (strcmp(o->call, "rename") == 0)
		return moved(o->a, o->b);
	if (strcmp(o->call, "unlink") == 0)
		return removed(o->a);
	if (strcmp(o->call, "rmdir") == 0)
		return emptied(o->a);
	if (strcmp(o->call, "truncate") == 0)
		return stat(o->a, &st) < 0 ? errno : result(truncate(o->a, st.st_size));
	if (strcmp(o->call, "chmod") == 0)
		return stat(o->a, &st) < 0 ? errno : result(chmod(o->a, st.st_mode & 0777));
	if (strcmp(o->call, "utimes") == 0)
		return result(utimensat(AT_FDCWD, o->a, NULL, 0));
	if (strcmp(o->call, "exec") == 0)
		return executed(o->a);
	e = made(o);
	return e < 0 ? 255 : e;
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
	struct spot from, to;

	signal(SIGTERM, end);
	srandom(seed);
	while (!over) {
		const struct op *x = &ops[(size_t)random() % n_ops],
				*y = &ops[(size_t)random() % n_ops];
		const char *slash = strrchr(y->a, '/');

		snprintf(name, sizeof(name), "%.*s/zz%ld", (int)(slash - y->a), y->a, random() % 3);
		switch (random() % 3) {
		case 0:
			from = spot_of(x->a);
			to = spot_of(name);
			if (from.dir >= 0 && to.dir >= 0 && rename(x->a, name) == 0) {
				look_below(name, 3);
				if (put_back(&to, &from) != 0)
					printf("- %s\n", x->a);
			}
			leave(&from);
			leave(&to);
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
		if (i % 32 == 0)
			sched_yield();
		e = once(o);
	}
	return e;
}

static void answer(size_t i, int e)
{
	printf("= %zu %d %s\n", i, e, said);
	if (not_undone)
		printf("! %zu %d\n", i, not_undone);
}

static bool makes(const struct op *o)
{
	static const char *const calls[] = { "create", "mkdir", "symlink", "mkfifo" };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strcmp(o->call, calls[i]) == 0)
			return true;
	}
	return false;
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
		answer(i, errs[i]);
	}
	fflush(stdout);
	if (pid > 0) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
		/* What failed because the other one held the name at that time succeeds now. */
		for (size_t i = 0; i < n_ops; i++) {
			const char *name = ops[i].b[0] ? ops[i].b
				: makes(&ops[i])       ? ops[i].a
						       : NULL;

			if (errs[i] != 0 && name && unlink(name) < 0)
				(void)rmdir(name);
			if (errs[i] != 0)
				answer(i, once(&ops[i]));
		}
	}
	return 0;
}
