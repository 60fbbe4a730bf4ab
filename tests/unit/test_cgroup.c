/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup: limits are hit for real where the caller may make cgroups (root, or a delegated user), and the parts that
 * read kernel texts are shown texts. What v2 does is shown on a tree of ordinary files too, since a machine has
 * either v1 or v2. Processes are children of this test, and directories carry run ids made here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/native/kernel/cgroup_private.h"
#include "os/os.h"
#include "tap.h"

#define MIB (1u << 20)

/* ---- helpers ---- */
static pid_t hidden_pid;
static int opened_with;

/* Ward's too: /proc does not show that process. With which flags the last one was opened is remembered. */
int openat(int dirfd, const char *path, int flags, ...)
{
	char hidden[64];
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	opened_with = flags;
	snprintf(hidden, sizeof(hidden), "/proc/%d/cgroup", (int)hidden_pid);
	if (hidden_pid && strcmp(path, hidden) == 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

static struct ward_limits limits(uint64_t memory, uint32_t pids, uint32_t millicpus)
{
	return (struct ward_limits){ .memory = memory, .pids = pids, .millicpus = millicpus };
}

static struct ward_cgroup *make(const struct ward_limits *l)
{
	struct ward_host host = { 0 };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_cgroup *cg = NULL;
	char id[WARD_ULID_SIZE];

	ward_cgroup_probe(&host, false);
	if (!host.cgroup_memory || !host.cgroup_pids)
		SKIP("no cgroup can be made: cgroup=%d memory=%d pids=%d uid=%d", host.cgroup,
			host.cgroup_memory, host.cgroup_pids, (int)geteuid());
	ward_ulid_now(id);
	CHECK_EQ_INT(ward_cgroup_create(&host, id, l, &cg, &err), 0);
	CHECK_STR_EQ(err.message, "");
	REQUIRE(cg);
	return cg;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A child that enters by itself, as the launcher does on v1 (v2: by its own write, which is enough for a test). */
static pid_t enter(struct ward_cgroup *cg, void (*fn)(void))
{
	int fds[WARD_CGROUP_CONTROLLERS];
	size_t n = ward_cgroup_entry_fds(cg, fds);
	pid_t pid = fork();

	if (pid)
		return pid;
	for (size_t i = 0; i < n; i++) {
		if (ward_cgroup_version(cg) == 2
				? ward_cgroup_write(fds[i], "cgroup.procs", "0") < 0
				: write(fds[i], "0", 1) != 1)
			_exit(99);
	}
	/* An execve would close these; while they are open, the directory counts as held. */
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++)
		ward_close(cg->dir[c].fd);
	fn();
	_exit(0);
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void balloon(void)
{
	for (int i = 0; i < 64; i++) {
		char *p =
			mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(98);
		memset(p, 1, MIB);
	}
	_exit(97);
}

static void fork_bomb(void)
{
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pause();
			_exit(0);
		}
		if (pid < 0)
			_exit(errno == EAGAIN ? 42 : 98);
	}
	_exit(97);
}

static void sleeper(void)
{
	if (fork() == 0 && fork() == 0)
		setsid();
	for (;;)
		pause();
}

static void spin(void)
{
	for (volatile unsigned long i = 0; i < 3000000000ul; i++)
		;
}

/* ---- the real thing ---- */
TEST(limits_are_written_and_the_directory_goes)
{
	struct ward_limits l = limits(48 * MIB, 17, 250);
	struct ward_cgroup *cg = make(&l);
	char text[256], path[sizeof(cg->dir[0].path)];
	bool v2 = ward_cgroup_version(cg) == 2;
	uint64_t v = 0;
	struct stat st;

	CHECK(ward_cgroup_has(cg, WARD_CGROUP_MEMORY));
	CHECK(ward_cgroup_read(ward_cgroup_dirfd(cg, WARD_CGROUP_MEMORY),
		      v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof(text)) > 0);
	CHECK(ward_cgroup_value(text, NULL, &v));
	CHECK_EQ_UINT(v, 48 * MIB);
	CHECK(ward_cgroup_read(ward_cgroup_dirfd(cg, WARD_CGROUP_PIDS), "pids.max", text,
		      sizeof(text)) > 0);
	CHECK_STR_EQ(text, "17\n");
	if (ward_cgroup_has(cg, WARD_CGROUP_CPU)) {
		CHECK(ward_cgroup_read(ward_cgroup_dirfd(cg, WARD_CGROUP_CPU),
			      v2 ? "cpu.max" : "cpu.cfs_quota_us", text, sizeof(text)) > 0);
		CHECK_STR_EQ(text, v2 ? "25000 100000\n" : "25000\n");
	}
	CHECK(!ward_cgroup_was_oom(cg));
	strcpy(path, cg->dir[0].path);
	CHECK(exists(path));
	/* Who can open it can hold its lock, and it would pass for that of a run that is alive. */
	CHECK_EQ_INT(fstat(cg->dir[0].fd, &st), 0);
	CHECK_EQ_UINT(st.st_mode & 0777, 0700);
	CHECK(ward_cgroup_destroy(cg));
	CHECK(!exists(path));
}

/* What hides a process in /proc (hidepid, a mask) does not hide it in its cgroup; where both are silent that is no yes. */
TEST(who_is_in_it_without_proc)
{
	struct ward_limits l = limits(48 * MIB, 17, 0);
	struct ward_cgroup *cg = make(&l);
	pid_t in, out = fork();
	int kept[WARD_CGROUP_CONTROLLERS], status;

	while (out == 0)
		pause();
	in = enter(cg, sleeper);
	for (int i = 0; i < 1000 && ward_cgroup_holds(cg, in) != 1; i++)
		usleep(1000);
	CHECK_EQ_INT(ward_cgroup_holds(cg, in), 1);
	CHECK_EQ_INT(ward_cgroup_holds(cg, out), 0);
	hidden_pid = in;
	CHECK_EQ_INT(ward_cgroup_holds(cg, in), 1);
	hidden_pid = out;
	CHECK_EQ_INT(ward_cgroup_holds(cg, out), 0);
	hidden_pid = in;
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		kept[c] = cg->dir[c].fd;
		if (kept[c] >= 0)
			cg->dir[c].fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	CHECK(ward_cgroup_holds(cg, in) < 0);
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		ward_close(kept[c] >= 0 ? cg->dir[c].fd : -1);
		cg->dir[c].fd = kept[c];
	}
	hidden_pid = 0;
	ward_cgroup_kill(cg);
	kill(out, SIGKILL);
	CHECK(waitpid(in, &status, 0) == in && waitpid(out, &status, 0) == out);
	CHECK(ward_cgroup_destroy(cg));
}

TEST(all_cpus_need_no_cpu_cgroup)
{
	struct ward_limits l = limits(48 * MIB, 17, 0);
	struct ward_cgroup *cg = make(&l);

	CHECK(!ward_cgroup_has(cg, WARD_CGROUP_CPU));
	CHECK_EQ_INT(ward_cgroup_dirfd(cg, WARD_CGROUP_CPU), -1);
	CHECK(ward_cgroup_destroy(cg));
}

TEST(memory_balloon_is_killed_and_said)
{
	if (SANITIZED)
		SKIP("a sanitizer's own memory is in the way");

	struct ward_limits l = limits(24 * MIB, 20, 0);
	struct ward_cgroup *cg = make(&l);
	struct ward_cgroup_usage use;
	struct pollfd p = { .fd = ward_cgroup_oom_fd(cg, &p.events) };
	int status = 0;

	CHECK_EQ_INT(poll(&p, 1, 0), 0);
	pid_t pid = enter(cg, balloon);
	CHECK_EQ_INT(poll(&p, 1, 10000 * (int)tap_patience()), 1);
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(ward_cgroup_was_oom(cg));
	CHECK(ward_cgroup_was_oom(cg));
	CHECK_EQ_INT(poll(&p, 1, 0), 0);
	ward_cgroup_usage(cg, &use);
	CHECK(use.oom_kills > 0);
	CHECK(!use.has_memory || (use.memory_peak > 16 * MIB && use.memory_peak <= 24 * MIB));
	CHECK(ward_cgroup_destroy(cg));
}

TEST(fork_bomb_is_refused_and_counted)
{
	struct ward_limits l = limits(64 * MIB, 12, 0);
	struct ward_cgroup *cg = make(&l);
	struct ward_cgroup_usage use;
	int status = 0;
	pid_t pid = enter(cg, fork_bomb);

	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ_INT(WEXITSTATUS(status), 42);
	ward_cgroup_usage(cg, &use);
	CHECK(use.has_pids_refused);
	CHECK(use.pids_refused >= 1);
	CHECK(!use.has_pids_peak || (use.pids_peak >= 11 && use.pids_peak <= 12));
	CHECK(!ward_cgroup_was_oom(cg));
	/* its children pause: they are ours to end */
	ward_cgroup_kill(cg);
	CHECK(ward_cgroup_destroy(cg));
}

TEST(kill_reaches_daemons_and_is_repeatable)
{
	struct ward_limits l = limits(64 * MIB, 12, 0);
	struct ward_cgroup *cg = make(&l);
	char text[256];
	int status = 0;
	pid_t pid = enter(cg, sleeper);

	for (int i = 0; i < 200; i++) {
		ward_cgroup_read(ward_cgroup_dirfd(cg, WARD_CGROUP_PIDS), "cgroup.procs", text,
			sizeof(text));
		if (strchr(text, '\n') && strchr(strchr(text, '\n') + 1, '\n'))
			break;
		usleep(5000);
	}
	ward_cgroup_kill(cg);
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ward_cgroup_kill(cg);
	CHECK(ward_cgroup_destroy(cg));
}

TEST(cpu_quota_slows)
{
	/* Less than its share of a machine that twenty others use as well. */
	struct ward_limits l = limits(64 * MIB, 12, 50);
	struct ward_cgroup *cg = make(&l);
	struct ward_cgroup_usage use;
	char text[512];
	uint64_t throttled = 0;
	int status;

	if (!ward_cgroup_has(cg, WARD_CGROUP_CPU)) {
		ward_cgroup_destroy(cg);
		SKIP("no cpu controller");
	}
	pid_t pid = enter(cg, spin);
	usleep(400000);
	ward_cgroup_usage(cg, &use);
	for (int i = 0; i < 100 && throttled == 0; i++) {
		REQUIRE(ward_cgroup_read(ward_cgroup_dirfd(cg, WARD_CGROUP_CPU), "cpu.stat", text,
				sizeof(text)) > 0);
		REQUIRE(ward_cgroup_value(text, "nr_throttled", &throttled));
		usleep(50000);
	}
	CHECK(throttled > 0);
	CHECK(!use.has_cpu || use.cpu_ms < 300);
	kill(pid, SIGKILL);
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(ward_cgroup_destroy(cg));
}

/* By us, or by the start of a run beside the tests, which does the same. */
static bool is_swept(const char *path)
{
	/* Not before its age is that of a leftover: 2 s. */
	for (unsigned i = 0; i < 80 * tap_patience() && exists(path); i++) {
		if (ward_cgroup_sweep() == 0)
			usleep(50000);
	}
	return !exists(path);
}

struct busy {
	char path[sizeof(((struct ward_cgroup *)0)->dir[0].path)];
	pid_t pid;
};

/* How long was it waited for? In milliseconds. */
static uint64_t leave_busy(struct busy *b)
{
	struct ward_limits l = limits(64 * MIB, 12, 0);
	uint64_t made = ward_now_mono_ns(), t, took;
	struct ward_cgroup *cg = make(&l);

	strcpy(b->path, cg->dir[0].path);
	b->pid = enter(cg, sleeper);
	usleep(50000);
	t = ward_now_mono_ns();
	CHECK(!ward_cgroup_destroy(cg));
	took = (ward_now_mono_ns() - t) / 1000000;
	/* Nobody holds it now, and it is too young to be swept. */
	(void)ward_cgroup_sweep();
	CHECK(exists(b->path) || ward_now_mono_ns() - made > UINT64_C(2000000000));
	return took;
}

TEST(busy_cgroup_is_left_not_waited_for_long)
{
	struct busy v[8];
	uint64_t least = UINT64_MAX;
	size_t n = 0;
	int status;

	/* A fifth of a second for each controller; a busy machine is late for many tries, and not for all. */
	while (n < WARD_ARRAY_SIZE(v) && least >= 2000) {
		uint64_t ms = leave_busy(&v[n++]);

		least = ms < least ? ms : least;
	}
	CHECK(least < 2000);
	for (size_t i = 0; i < n; i++) {
		/* A sweep takes it and what runs in it, once it is old enough. */
		CHECK(is_swept(v[i].path));
		CHECK_EQ_INT(waitpid(v[i].pid, &status, 0), v[i].pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

TEST(sweep_leaves_the_living_and_takes_the_dead)
{
	struct ward_limits l = limits(64 * MIB, 12, 0);
	struct ward_cgroup *live = make(&l);
	char dead[sizeof(live->dir[0].path)] = "";
	int out[2], status;

	REQUIRE(pipe(out) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct ward_cgroup *cg = make(&l);

		if (write(out[1], cg->dir[0].path, sizeof(dead)) < 0)
			_exit(1);
		raise(SIGKILL);
	}
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(read(out[0], dead, sizeof(dead)) == (ssize_t)sizeof(dead));
	CHECK(exists(dead));
	CHECK(is_swept(dead));
	CHECK(exists(live->dir[0].path));
	CHECK(ward_cgroup_destroy(live));
	close(out[0]);
	close(out[1]);
}

/* A sweep that was kept waiting since it looked at the clock: what was made meanwhile is held by nobody yet. */
TEST(a_late_sweep_leaves_what_is_being_made)
{
	struct ward_limits l = limits(64 * MIB, 12, 0);
	struct ward_cgroup *cg = make(&l);
	char parent[sizeof(cg->dir[0].path)], *slash;
	int64_t then = (int64_t)(ward_now_wall_ns() / 1000000) - 60000;

	snprintf(parent, sizeof(parent), "%s", cg->dir[0].path);
	slash = strrchr(parent, '/');
	REQUIRE(slash);
	*slash = '\0';
	CHECK(flock(cg->dir[0].fd, LOCK_UN) == 0);
	(void)ward_cgroup_sweep_dir(parent, 64, then);
	CHECK(exists(cg->dir[0].path));
	CHECK(ward_cgroup_destroy(cg));
}

TEST(deep_probe_agrees_and_leaves_nothing)
{
	struct ward_host quick = { 0 }, deep = { 0 };

	ward_cgroup_probe(&quick, false);
	ward_cgroup_probe(&deep, true);
	CHECK_EQ_INT(quick.cgroup, deep.cgroup);
	CHECK_EQ_INT(quick.cgroup_memory, deep.cgroup_memory);
	CHECK_EQ_INT(quick.cgroup_pids, deep.cgroup_pids);
	CHECK_EQ_INT(quick.cgroup_cpu, deep.cgroup_cpu);
}

TEST(creation_time)
{
	struct ward_limits l = limits(64 * MIB, 12, 500);
	uint64_t best = UINT64_MAX, best_end = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t a = ward_now_mono_ns();
		struct ward_cgroup *cg = make(&l);
		uint64_t b = ward_now_mono_ns();

		CHECK(ward_cgroup_destroy(cg));
		uint64_t c = ward_now_mono_ns();
		best = b - a < best ? b - a : best;
		best_end = c - b < best_end ? c - b : best_end;
	}
	printf("# probe and create %u us, destroy %u us (best of 20, three controllers)\n",
		(unsigned)(best / 1000), (unsigned)(best_end / 1000));
}

/* ---- errors ---- */
TEST(refusals)
{
	struct ward_host none = { 0 };
	struct ward_limits l = limits(64 * MIB, 12, 0);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_cgroup *cg = (struct ward_cgroup *)(uintptr_t)1;
	struct ward_cgroup_place place = { .version = 1, .usable = { true } }, here;

	CHECK_EQ_INT(ward_cgroup_create(&none, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &l, &cg, &err),
		WARD_E_UNSUPPORTED);
	CHECK_NULL(cg);
	strcpy(place.path[0], "/nonexistent");
	/* controllers were seen that are not here: never fewer limits than the plan counts on */
	struct ward_host wrong = {
		.cgroup = 1, .cgroup_memory = true, .cgroup_pids = true, .cgroup_cpu = true
	};
	ward_cgroup_find(&here);
	if (here.version == 0) {
		CHECK_EQ_INT(ward_cgroup_create(&wrong, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &l, &cg,
				     &err),
			WARD_E_UNSUPPORTED);
		CHECK_NULL(cg);
	}
	CHECK_EQ_INT(ward_cgroup_create_at(&place, "../../x", &l, &cg, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "no run id");
	CHECK_EQ_INT(ward_cgroup_create_at(&place, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &l, &cg, &err),
		WARD_E_SYSTEM);
	CHECK_EQ_INT(err.sys_errno, ENOENT);
	CHECK_STR_CONTAINS(err.message, "/nonexistent/ward-01ARZ3NDEKTSV4RRFFQ69G5FAV");
	CHECK_NULL(cg);
	memset(place.path[0], 'a', sizeof(place.path[0]) - 1);
	CHECK_EQ_INT(ward_cgroup_create_at(&place, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &l, &cg, &err),
		WARD_E_SYSTEM);
	place.version = 0;
	CHECK_EQ_INT(ward_cgroup_create_at(&place, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &l, &cg, &err),
		WARD_E_UNSUPPORTED);
	CHECK(ward_cgroup_destroy(NULL));
}

/* A limit that the kernel refuses fails the whole, and the directory is gone again. */
TEST(refused_limit_undoes_all)
{
	struct ward_limits l = limits(64 * MIB, 12, 0), bad = limits(64 * MIB, 4294967295u, 0);
	struct ward_cgroup *probe = make(&l), *cg = NULL;
	struct ward_cgroup_place place;
	struct ward_error err = WARD_ERROR_INIT;
	char path[sizeof(probe->dir[0].path)];

	ward_cgroup_destroy(probe);
	ward_cgroup_find(&place);
	CHECK_EQ_INT(ward_cgroup_create_at(&place, "01ARZ3NDEKTSV4RRFFQ69G5FAV", &bad, &cg, &err),
		WARD_E_SYSTEM);
	CHECK_NULL(cg);
	CHECK_STR_CONTAINS(err.message, "pids.max = 4294967295");
	snprintf(path, sizeof(path), "%s/ward-01ARZ3NDEKTSV4RRFFQ69G5FAV", place.path[0]);
	CHECK(!exists(path));
}

/* ---- texts of the kernel ---- */
static const char self[] =
	"9:name=systemd:/\n8:pids:/a\n4:memory:/process_api/87\n3:cpu,cpuacct:/b/c\n"
	"2:net:/../up\n1:blkio:relative\n0::/user.slice/u.scope\n";

TEST(self_path)
{
	static const struct {
		const char *text, *controller, *want;
	} rows[] = {
		{ self, "pids", "/a" },
		{ self, "memory", "/process_api/87" },
		{ self, "cpu", "/b/c" },
		{ self, "cpuacct", "/b/c" },
		{ self, "", "/user.slice/u.scope" },
		{ self, "cpus", NULL },
		{ self, "net", NULL },
		{ self, "blkio", NULL },
		{ "", "", NULL },
		{ "0:", "", NULL },
		{ "::", "", NULL },
		{ "1:memory", "memory", NULL },
		{ "0::/cut off in the middle of this very long lineeeeeeeeeeeeeeeeeeeeeee", "",
			NULL },
	};

	TABLE(row, rows) {
		char out[48];
		bool got = ward_cgroup_self_path(row->text, row->controller, out, sizeof(out));

		CASE("%s in %.20s", row->controller, row->text);
		CHECK_STR_EQ(got ? out : NULL, row->want);
	}
}

TEST(mountinfo)
{
	static const char text[] =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /mnt/cg/cpu rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct\n"
		"35 31 0:32 / /mnt/with\\040blank rw - cgroup cgroup rw,memory\n"
		"36 31 0:32 / /mnt/mem rw - cgroup cgroup rw,memory\n"
		"garbage\n"
		"41 31 0:38 / /mnt/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";
	char out[64];

	CHECK(ward_cgroup_mount(text, "cpu", out, sizeof(out)));
	CHECK_STR_EQ(out, "/mnt/cg/cpu");
	CHECK(ward_cgroup_mount(text, "memory", out, sizeof(out)));
	CHECK_STR_EQ(out, "/mnt/mem");
	CHECK(ward_cgroup_mount(text, NULL, out, sizeof(out)));
	CHECK_STR_EQ(out, "/mnt/unified");
	CHECK(!ward_cgroup_mount(text, "pids", out, sizeof(out)));
	CHECK(!ward_cgroup_mount(text, "memory", out, 4));
	CHECK(!ward_cgroup_mount("", "memory", out, sizeof(out)));
}

TEST(values)
{
	uint64_t v = 7;

	CHECK(ward_cgroup_value("low 1\noom 2\noom_kill 3\n", "oom_kill", &v) && v == 3);
	CHECK(ward_cgroup_value("low 1\noom 2\noom_kill 3\n", "oom", &v) && v == 2);
	CHECK(ward_cgroup_value("18446744073709551615\n", NULL, &v) && v == UINT64_MAX);
	CHECK(!ward_cgroup_value("18446744073709551616\n", NULL, &v));
	CHECK(!ward_cgroup_value("max\n", NULL, &v));
	CHECK(!ward_cgroup_value("-1\n", NULL, &v));
	CHECK(!ward_cgroup_value("", NULL, &v));
	CHECK(!ward_cgroup_value("12x\n", NULL, &v));
	CHECK(!ward_cgroup_value("oom_kill", "oom_kill", &v));
	CHECK(!ward_cgroup_value("oom_kill \n", "oom_kill", &v));
	CHECK(ward_cgroup_word("cpu memory pids\n", "pids"));
	CHECK(ward_cgroup_word("cpu memory pids\n", "cpu"));
	CHECK(!ward_cgroup_word("cpuset memory\n", "cpu"));
	CHECK(!ward_cgroup_word("", "cpu"));
}

/* ---- v2, on a tree of files ---- */
static void put(const char *dir, const char *name, const char *text)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void remove_tree(const char *dir)
{
	static const char *const names[] = { "memory.max", "memory.swap.max", "memory.oom.group",
		"pids.max", "cpu.max", "memory.events", "cgroup.kill", "cpu.stat", "memory.peak",
		"pids.peak", "pids.events", "cgroup.subtree_control", "cgroup.controllers",
		"cgroup.procs" };
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

TEST(a_file_is_read_by_its_own_name)
{
	char dir[] = "/tmp/ward-test-cgroup-XXXXXX", text[64];
	int fd;

	REQUIRE(mkdtemp(dir));
	put(dir, "cpu.stat", "usage_usec 5\n");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0 && symlinkat("cpu.stat", fd, "memory.peak") == 0);
	CHECK_EQ_INT(ward_cgroup_read(fd, "cpu.stat", text, sizeof(text)), 13);
	CHECK_STR_EQ(text, "usage_usec 5\n");
	CHECK(opened_with & O_CLOEXEC);
	CHECK_EQ_INT(ward_cgroup_read(fd, "memory.peak", text, sizeof(text)), -ELOOP);
	CHECK_STR_EQ(text, "");
	close(fd);
	remove_tree(dir);
}

TEST(v2_controllers_are_turned_on)
{
	char dir[] = "/tmp/ward-test-cgroup-XXXXXX", text[64];

	REQUIRE(mkdtemp(dir));
	CHECK_EQ_UINT(ward_cgroup_enable(dir), 0);
	put(dir, "cgroup.controllers", "cpuset cpu memory pids\n");
	put(dir, "cgroup.subtree_control", "memory\n");
	CHECK_EQ_UINT(ward_cgroup_enable(dir), 7);
	CHECK(ward_cgroup_read(AT_FDCWD, dir, text, sizeof(text)) < 0);
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	CHECK(ward_cgroup_read(fd, "cgroup.subtree_control", text, sizeof(text)) > 0);
	/* a file keeps the last write at its start; the kernel would have taken both */
	CHECK_STR_CONTAINS(text, "+cpu");
	close(fd);
	put(dir, "cgroup.controllers", "cpuset\n");
	put(dir, "cgroup.subtree_control", "\n");
	CHECK_EQ_UINT(ward_cgroup_enable(dir), 0);
	remove_tree(dir);
	CHECK_EQ_UINT(ward_cgroup_enable("/nonexistent"), 0);
}

/* Whoever owns the directory above (a manager of services) cannot take a controller from a run that counts on it. */
TEST(v2_controllers_stay_on)
{
	struct ward_limits l = limits(64 * MIB, 12, 500);
	struct ward_cgroup *cg = make(&l);
	char above[sizeof(cg->dir[0].path)], text[64];

	if (ward_cgroup_version(cg) != 2) {
		ward_cgroup_destroy(cg);
		SKIP("this machine's cgroups are v1");
	}
	strcpy(above, cg->dir[0].path);
	*strrchr(above, '/') = '\0';
	*strrchr(above, '/') = '\0';
	int fd = open(above, O_RDONLY | O_DIRECTORY);
	CHECK_EQ_INT(ward_cgroup_write(fd, "cgroup.subtree_control", "-memory"), -EBUSY);
	CHECK_EQ_INT(ward_cgroup_write(fd, "cgroup.subtree_control", "-pids"), -EBUSY);
	CHECK_EQ_INT(ward_cgroup_write(fd, "cgroup.subtree_control", "-cpu"), -EBUSY);
	CHECK(ward_cgroup_read(cg->dir[0].fd, "memory.max", text, sizeof(text)) > 0);
	CHECK_STR_CONTAINS(text, "67108864");
	close(fd);
	ward_cgroup_destroy(cg);
}

/* What the files would hold, had the kernel made them with the directory. */
TEST(v2_reads_its_counters)
{
	char dir[] = "/tmp/ward-test-cgroup-XXXXXX";
	struct ward_cgroup *cg = calloc(1, sizeof(*cg));
	struct ward_cgroup_usage use;
	short events = 0;

	REQUIRE(cg && mkdtemp(dir));
	put(dir, "cpu.stat", "usage_usec 123456\nuser_usec 1\n");
	put(dir, "memory.peak", "4096\n");
	put(dir, "pids.events", "max 5\n");
	put(dir, "memory.events", "low 0\noom 1\noom_kill 0\n");
	*cg = (struct ward_cgroup){ .version = 2, .has = { true, true, false }, .oom_source = -1 };
	for (int c = 0; c < WARD_CGROUP_CONTROLLERS; c++)
		cg->dir[c].fd = cg->dir[c].entry = -1;
	cg->dir[0].fd = open(dir, O_RDONLY | O_DIRECTORY);
	cg->oom_fd = openat(cg->dir[0].fd, "memory.events", O_RDONLY);
	ward_cgroup_usage(cg, &use);
	CHECK(use.has_cpu);
	CHECK_EQ_UINT(use.cpu_ms, 123);
	CHECK(use.has_memory);
	CHECK_EQ_UINT(use.memory_peak, 4096);
	CHECK(!use.has_pids_peak);
	CHECK_EQ_UINT(use.pids_refused, 5);
	CHECK(!ward_cgroup_was_oom(cg));
	put(dir, "memory.events", "low 0\noom 1\noom_kill 1\n");
	CHECK(ward_cgroup_was_oom(cg));
	CHECK_EQ_INT(ward_cgroup_oom_fd(cg, &events), cg->oom_fd);
	CHECK_EQ_INT(events, POLLPRI);
	/* A kernel without that word, and then one with it. */
	CHECK(!ward_cgroup_kill_at_once(cg));
	put(dir, "cgroup.kill", "");
	CHECK(ward_cgroup_kill_at_once(cg));
	char text[8];
	CHECK(ward_cgroup_read(cg->dir[0].fd, "cgroup.kill", text, sizeof(text)) == 1);
	CHECK_STR_EQ(text, "1");
	put(dir, "cgroup.kill", "");
	ward_cgroup_kill(cg);
	CHECK(ward_cgroup_read(cg->dir[0].fd, "cgroup.kill", text, sizeof(text)) == 1);
	CHECK_STR_EQ(text, "1");
	remove_tree(dir);
	CHECK(ward_cgroup_destroy(cg));
}

TAP_MAIN();
