/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call broker alone: programs that the plan does not let run, and files that are granted alone. No Landlock and no mount
 * holds anything here, so what is refused was refused by the broker, and what it lets go on succeeds.
 */
#include <linux/fs.h>
#include <sys/mman.h>

#include "broker_notify_box.h"

static char good[100], bad[100], alone[100], other[100];

/* What the inside is asked to do, in memory that both sides see. */
static struct {
	char dir[WARD_PATH_MAX], path[WARD_PATH_MAX];
	bool at, thread, fault; /* at: relative to dir; fault: a pointer to nothing for path */
	unsigned flags;
} * ask;

static struct ward_node view[] = {
	{ .kind = WARD_NODE_PROC, .dest = "/proc" },
	{ .kind = WARD_NODE_TMPFS, .dest = "/tmp" },
	{ .kind = WARD_NODE_DIR, .dest = "/var" },
	{ .kind = WARD_NODE_DIR, .dest = "/var/tmp" },
	{ .kind = WARD_NODE_BIND, .dest = shared, .source = shared, .is_dir = true },
	{ .kind = WARD_NODE_BIND, .dest = alone, .source = alone, .write = true },
};
static const char *const execs[] = { good };

/* The broker's files, anew: two programs, a file that is granted alone, one that is not. */
static void prepare(void)
{
	char cmd[900];

	if (!shared[0]) {
		(void)snprintf(shared, sizeof(shared), "/var/tmp/ward-broker-XXXXXX");
		REQUIRE(mkdtemp(shared) && chmod(shared, 0777) == 0);
	}
	(void)snprintf(good, sizeof(good), "%s/good", shared);
	(void)snprintf(bad, sizeof(bad), "%s/bad", shared);
	(void)snprintf(alone, sizeof(alone), "%s/zalone", shared);
	(void)snprintf(other, sizeof(other), "%s/other", shared);
	(void)snprintf(cmd, sizeof(cmd),
		"cd %s && rm -rf * && cp /bin/true good && cp /bin/true bad && cp bad plain && chmod 644 plain && "
		"ln good hard && ln -s bad link && ln -s good glink && mkdir d && ln -s ../bad d/up && "
		"ln -s %s d/abs && echo x > zalone && echo x > other && chmod 666 zalone other",
		shared, bad);
	REQUIRE(system(cmd) == 0);
	if (!ask)
		ask = mmap(NULL, sizeof(*ask), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	REQUIRE(ask != MAP_FAILED);
	plan.nodes = view;
	plan.n_nodes = WARD_ARRAY_SIZE(view);
	plan.exec_paths = execs;
	plan.n_exec_paths = 1;
	plan.seccomp = WARD_SECCOMP_NOTIFY_EXEC | WARD_SECCOMP_NOTIFY_REPLACE;
}

/* ---- inside ---- */

static const char *path(void)
{
	return ask->fault ? (const char *)8 : ask->path;
}

static void *run_it(void *arg)
{
	char *argv[] = { (char *)(uintptr_t) "x", NULL }, *envp[] = { NULL };

	if (ask->at)
		(void)syscall(SYS_execveat, open(ask->dir, O_PATH), path(), argv, envp, ask->flags);
	else
		(void)execve(path(), argv, envp);
	_exit(errno);
	return arg;
}

static long in_program(long arg)
{
	pthread_t t;
	int status = 0;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0) {
		if (chdir(shared))
			_exit(99);
		if (!ask->thread || pthread_create(&t, NULL, run_it, NULL))
			(void)run_it(NULL);
		for (;;)
			(void)pause();
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static long in_memfd(long arg)
{
	char buf[65536], *argv[] = { (char *)(uintptr_t) "x", NULL }, *envp[] = { NULL };
	int from, to, status = 0;
	ssize_t n;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0) {
		from = open("/bin/true", O_RDONLY);
		to = (int)syscall(SYS_memfd_create, "x", 1);
		while ((n = read(from, buf, sizeof(buf))) > 0)
			if (write(to, buf, (size_t)n) != n)
				_exit(98);
		(void)syscall(SYS_execveat, to, "", argv, envp, AT_EMPTY_PATH);
		_exit(errno);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static long in_unlink(long flags)
{
	if (chdir(shared))
		return 99;
	return (flags ? unlinkat(AT_FDCWD, path(), (int)flags) : unlink(path())) ? errno : 0;
}

/* dir is the old name. */
static long in_rename(long flags)
{
	if (chdir(shared))
		return 99;
	return syscall(SYS_renameat2, AT_FDCWD, ask->dir, AT_FDCWD, path(), flags) ? errno : 0;
}

static void set(const char *dir, const char *name, unsigned flags)
{
	memset(ask, 0, sizeof(*ask));
	ask->at = dir != NULL;
	ask->fault = !name;
	ask->flags = flags;
	(void)snprintf(ask->dir, sizeof(ask->dir), "%s", dir ? dir : "");
	(void)snprintf(ask->path, sizeof(ask->path), "%s", name ? name : "");
}

/* ---- programs ---- */

/* execve of name (NULL: of nothing), or execveat relative to dir; from a second thread. */
#define RUN(name) (set(NULL, name, 0), CALL(in_program, 0))
#define RUN_AT(dir, name, flags) (set(dir, name, flags), CALL(in_program, 0))
#define RUN_IN_THREAD(dir, name, flags) \
	(set(dir, name, flags), ask->thread = true, CALL(in_program, 0))

TEST(a_granted_program_runs_however_it_is_named)
{
	static char up[100];

	prepare();
	(void)snprintf(up, sizeof(up), "/var/tmp/../../var/./tmp//%s/d/../good",
		strrchr(shared, '/') + 1);
	START(x);
	CHECK_EQ_INT(RUN(good), 0);
	CHECK_EQ_INT(RUN("good"), 0);
	CHECK_EQ_INT(RUN("./d/../good"), 0);
	CHECK_EQ_INT(RUN("glink"), 0);
	CHECK_EQ_INT(RUN(up), 0);
	CHECK_EQ_INT(RUN_AT(shared, "good", 0), 0);
	CHECK_EQ_INT(RUN_AT(good, "", AT_EMPTY_PATH), 0);
	CHECK_EQ_INT(RUN_IN_THREAD(NULL, "good", 0), 0);
	CHECK_EQ_INT(RUN_IN_THREAD(shared, "good", 0), 0);
	CHECK_EQ_INT(RUN_IN_THREAD(good, "", AT_EMPTY_PATH), 0);
	/* Landlock's rules lie on the file, whatever it is called. */
	CHECK_EQ_INT(RUN("hard"), 0);
	CHECK_EQ_INT(CALL(in_memfd, 0), 0);
	box_refusals(&x.b);
	dump(&x);
	CHECK_EQ_SIZE(x.b.n, 0);
	nbox_end(&x);
}

TEST(another_program_is_refused_and_named)
{
	const struct ward_refusal *r;

	prepare();
	START(x);
	CHECK_EQ_INT(RUN(bad), EACCES);
	CHECK_EQ_INT(RUN("bad"), EACCES);
	CHECK_EQ_INT(RUN("link"), EACCES);
	CHECK_EQ_INT(RUN("d/up"), EACCES);
	CHECK_EQ_INT(RUN("d/abs"), EACCES);
	CHECK_EQ_INT(RUN_AT(shared, "link", 0), EACCES);
	CHECK_EQ_INT(RUN_AT(bad, "", AT_EMPTY_PATH), EACCES);
	CHECK_EQ_INT(RUN_IN_THREAD(NULL, "bad", 0), EACCES);
	box_refusals(&x.b);
	dump(&x);
	CHECK_EQ_SIZE(x.b.n, 1);
	r = find(&x, WARD_REFUSAL_PATH, NULL, bad);
	REQUIRE(r);
	CHECK_EQ_INT(r->action, WARD_CAP_EXTERNAL_COMMAND);
	CHECK_EQ_INT(r->seen, WARD_SEEN_GRANTED);
	CHECK_EQ_INT((int)r->count, 8);
	CHECK(r->pid > 1);
	CHECK_STR_EQ(r->comm, "boxed");
	nbox_end(&x);
}

/* What is no program of the view, or cannot be told, is the kernel's to answer. */
TEST(the_rest_goes_on)
{
	prepare();
	START(x);
	CHECK_EQ_INT(RUN("absent"), ENOENT);
	CHECK_EQ_INT(RUN(""), ENOENT);
	CHECK_EQ_INT(RUN("bad/"), ENOTDIR);
	CHECK_EQ_INT(RUN("bad/."), ENOTDIR);
	CHECK_EQ_INT(RUN("bad/../good"), ENOTDIR);
	CHECK_EQ_INT(RUN("plain"), EACCES);
	CHECK_EQ_INT(RUN("d"), EACCES);
	CHECK_EQ_INT(RUN(NULL), EFAULT);
	CHECK_EQ_INT(RUN_AT(shared, "link", AT_SYMLINK_NOFOLLOW), ELOOP);
	CHECK_EQ_INT(RUN_AT(shared, "", 0), ENOENT);
	box_refusals(&x.b);
	dump(&x);
	CHECK_EQ_SIZE(x.b.n, 0);
	nbox_end(&x);
}

static long in_made(long arg)
{
	return system("cp /bin/true /tmp/made") ? 97 : in_program(arg);
}

/* A program that the run made itself, in a private directory. */
TEST(private_programs)
{
	const struct ward_refusal *r;

	prepare();
	{
		/* Without a switch nothing is asked. */
		plan.seccomp = 0;
		START(x);
		CHECK_EQ_INT(RUN(bad), 0);
		nbox_end(&x);
	}
	plan.seccomp = WARD_SECCOMP_NOTIFY_EXEC;
	START(x);
	ward_notify_set_roots(x.n, &x.tmp, 1);
	x.tmp = -1;
	/* /bin/sh and cp are not in this view's table: nothing is known of them. */
	set(NULL, "/tmp/made", 0);
	CHECK_EQ_INT(CALL(in_made, 0), EACCES);
	box_refusals(&x.b);
	dump(&x);
	CHECK_EQ_SIZE(x.b.n, 1);
	r = find(&x, WARD_REFUSAL_PATH, "execve", "/tmp/made");
	CHECK(r && r->seen == WARD_SEEN_PRIVATE);
	nbox_end(&x);
}

/* ---- files that are granted alone ---- */

#define UNLINK(name, flags) (set(NULL, name, 0), CALL(in_unlink, flags))
#define RENAME(from, to, flags) (set(from, to, 0), CALL(in_rename, flags))

TEST(a_file_granted_alone_keeps_its_name)
{
	const struct ward_refusal *r;

	prepare();
	START(x);
	CHECK_EQ_INT(UNLINK(alone, 0), EBUSY);
	CHECK_EQ_INT(UNLINK("d/../zalone", 0), EBUSY);
	CHECK_EQ_INT(RENAME("zalone", "elsewhere", 0), EBUSY);
	CHECK_EQ_INT(RENAME("other", "zalone", 0), EBUSY);
	CHECK_EQ_INT(RENAME("other", "zalone", RENAME_EXCHANGE), EBUSY);
	CHECK(access(alone, F_OK) == 0 && access(other, F_OK) == 0);
	box_refusals(&x.b);
	dump(&x);
	CHECK_EQ_SIZE(x.b.n, 1);
	r = find(&x, WARD_REFUSAL_PATH, NULL, alone);
	REQUIRE(r);
	CHECK_EQ_INT(r->action, WARD_CAP_FILE_WRITE);
	CHECK_EQ_INT(r->seen, WARD_SEEN_ALONE);
	CHECK_EQ_INT((int)r->count, 5);
	nbox_end(&x);
}

/* Where the kernel has another answer, or a neighbour is meant, nothing is said. */
TEST(other_names_go_on)
{
	prepare();
	START(x);
	CHECK_EQ_INT(RENAME("/tmp/absent", "zalone", 0), EXDEV);
	CHECK_EQ_INT(RENAME("absent", "zalone", 0), ENOENT);
	CHECK_EQ_INT(RENAME("zalone", "/tmp/there", 0), EXDEV);
	CHECK_EQ_INT(RENAME("other", "zalone", RENAME_NOREPLACE), EEXIST);
	CHECK_EQ_INT(RENAME("zalone", "zalone", 0), 0);
	CHECK_EQ_INT(UNLINK("zalone/", 0), ENOTDIR);
	CHECK_EQ_INT(UNLINK(alone, AT_REMOVEDIR), ENOTDIR);
	CHECK_EQ_INT(UNLINK(NULL, 0), EFAULT);
	CHECK_EQ_INT(RENAME("other", "neighbour", 0), 0);
	CHECK_EQ_INT(UNLINK("neighbour", 0), 0);
	box_refusals(&x.b);
	dump(&x);
	CHECK_EQ_SIZE(x.b.n, 0);
	nbox_end(&x);
}

/* ---- paths that are made to be walked ---- */

static char longest[WARD_PATH_MAX];

TEST(hostile_paths_end)
{
	char loop[100];
	size_t n = 0;

	prepare();
	for (n = 0; n + 3 < sizeof(longest); n += 2)
		memcpy(longest + n, "./", 3);
	(void)snprintf(loop, sizeof(loop), "%s/loop", shared);
	REQUIRE(symlink("loop", loop) == 0);
	START(x);
	CHECK_EQ_INT(RUN(longest), EACCES); /* the directory itself */
	memcpy(longest + n - 2, "d", 2);
	CHECK_EQ_INT(RUN(longest), EACCES);
	CHECK_EQ_INT(RUN("loop"), ELOOP);
	box_refusals(&x.b);
	CHECK_EQ_SIZE(x.b.n, 0);
	nbox_end(&x);
}

TEST(tidy)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", shared);
	CHECK(!shared[0] || system(cmd) == 0);
}

TAP_MAIN();
