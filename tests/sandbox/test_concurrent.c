/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libward in one process, many runs at once: 64 threads, each with a grant and an output of its own; whatever the caller
 * does with SIGCHLD and waitpid; and nothing left afterwards: no descriptor, no thread, no child, no memory that grows.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "entries.h"
#include "tap.h"
#include "ward/ward.h"

#define THREADS 64
#define LEAK_RUNS 300
#define RSS_SLACK_KB 4096

static char place[64], audit[96];

static long rss_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, pages = 0;

	if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

enum how { BY_OPTION, BY_PROFILE, DIRECT };

struct one {
	unsigned i;
	bool grant; /* its own file; else it must not see it */
	enum how how; /* DIRECT, not isolated: it sees both */
	int code;
	enum ward_status status;
	char out[256], error[512];
};

/* One run: cat of its own file and of its neighbour's, output into a file of its own by --json. */
static void run_one(struct one *o)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *out = NULL;
	char own[128], other[128], profile[16], team[128];
	char *argv[] = { (char[]){ "cat" }, own, other, NULL };
	const char *json, *data;
	int k;

	snprintf(own, sizeof(own), "%s/ws/f%u", place, o->i);
	snprintf(other, sizeof(other), "%s/ws/f%u", place, (o->i + 1) % THREADS);
	k = ward_request_set(r, "audit", audit, &err);
	snprintf(profile, sizeof(profile), "%c%u", o->grant ? 'p' : 'n', o->i);
	snprintf(team, sizeof(team), "%s/team.yaml", place);
	if (k == WARD_OK && o->how == BY_PROFILE)
		k = ward_request_set(r, "policy", team, &err);
	if (k == WARD_OK && o->how == BY_PROFILE)
		k = ward_request_set(r, "profile", profile, &err);
	if (k == WARD_OK && o->grant && o->how != BY_PROFILE)
		k = ward_request_set(r, "read", own, &err);
	if (k == WARD_OK && o->how == DIRECT)
		k = ward_request_set(r, "backend", "direct", &err);
	if (k == WARD_OK)
		k = ward_request_set(r, "json", NULL, &err);
	if (k == WARD_OK)
		k = ward_request_set(r, "stdin", "null", &err);
	if (k == WARD_OK)
		k = ward_request_command(r, 3, argv, &err);
	if (k == WARD_OK)
		k = ward_run(r, &out, &err);
	ward_error_format(&err, o->error, sizeof(o->error));
	if (out) {
		o->code = ward_outcome_exit_code(out);
		o->status = ward_outcome_status(out);
		json = ward_outcome_json(out, NULL);
		data = strstr(json, "\"stdout\":");
		data = data ? strstr(data, "\"data\":\"") : NULL;
		if (data)
			snprintf(o->out, sizeof(o->out), "%.*s", (int)strcspn(data + 8, "\""),
				data + 8);
	}
	ward_outcome_free(out);
	ward_request_free(r);
}

static void *thread(void *arg)
{
	run_one(arg);
	return NULL;
}

static void check_one(const struct one *o)
{
	char want[64] = "";

	CASE("run %u: %.200s", o->i, o->error);
	if (o->how == DIRECT)
		snprintf(want, sizeof(want), "content %u\\ncontent %u\\n", o->i,
			(o->i + 1) % THREADS);
	else if (o->grant)
		snprintf(want, sizeof(want), "content %u\\n", o->i);
	/* cat fails for the neighbour's file, which is not granted. */
	CHECK_EQ_INT(o->status, WARD_STATUS_EXITED);
	CHECK_EQ_INT(o->code, o->how == DIRECT ? 0 : 1);
	CHECK_STR_EQ(o->out, want);
}

static void prepare(void)
{
	char path[128];
	struct rlimit rl;

	if (place[0])
		return;
	strcpy(place, "/tmp/ward-conc-XXXXXX");
	REQUIRE(mkdtemp(place));
	chmod(place, 0755);
	snprintf(audit, sizeof(audit), "%s/audit.jsonl", place);
	snprintf(path, sizeof(path), "%s/ws", place);
	REQUIRE(mkdir(path, 0755) == 0 && chdir(path) == 0);
	for (unsigned i = 0; i < THREADS; i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/ws/f%u", place, i);
		f = fopen(path, "w");
		REQUIRE(f);
		fprintf(f, "content %u\n", i);
		fclose(f);
	}
	/* 64 runs hold more than 1024 descriptors together. */
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < 8192) {
		rl.rlim_cur = rl.rlim_max < 8192 ? rl.rlim_max : 8192;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

/* For each file a profile that reads it (p), and one that reads nothing (n). */
static void write_profiles(void)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/team.yaml", place);
	f = fopen(path, "w");
	REQUIRE(f);
	fprintf(f,
		"schemaVersion: 2\nkind: Policy\nmetadata: {name: team}\nspec:\n  fsProfiles:\n");
	for (unsigned i = 0; i < THREADS; i++)
		fprintf(f,
			"    p%u: {read: [f%u], allowExec: ['*']}\n    n%u: {read: [none], allowExec: ['*']}\n",
			i, i, i);
	fclose(f);
}

/* How many there were, the schema among them. */
static unsigned remove_snapshots(void)
{
	const struct dirent *e;
	char path[512];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/team.yaml", place);
	unlink(path);
	snprintf(path, sizeof(path), "%s.snapshots", audit);
	d = opendir(path);
	REQUIRE(d);
	while ((e = readdir(d)) != NULL)
		n += unlinkat(dirfd(d), e->d_name, 0) == 0;
	closedir(d);
	CHECK(rmdir(path) == 0);
	return n;
}

static void many(unsigned n, enum how how)
{
	static struct one ones[THREADS];
	pthread_t ids[THREADS];
	pthread_attr_t attr;

	memset(ones, 0, sizeof(ones));
	/* A caller's stack is small. */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (unsigned i = 0; i < n; i++) {
		ones[i] = (struct one){ .i = i, .grant = i % 4 != 3, .how = how, .code = -1 };
		REQUIRE(pthread_create(&ids[i], &attr, thread, &ones[i]) == 0);
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(ids[i], NULL);
		check_one(&ones[i]);
	}
	pthread_attr_destroy(&attr);
}

static void no_children(void)
{
	int r = waitpid(-1, NULL, WNOHANG | __WALL);

	CHECK_MSG(r == -1 && errno == ECHILD, "a child is left: %d", r);
}

/* S0-18: a profile is its run's, whatever others of the process have meanwhile. */
TEST(each_run_has_the_profile_that_it_names)
{
	prepare();
	write_profiles();
	many(THREADS, BY_PROFILE);
	no_children();
	/* Each had policies of its own, which are kept beside the log. */
	CHECK_EQ_UINT(remove_snapshots(), THREADS + 1);
}

TEST(sixty_four_at_once)
{
	unsigned fds;

	prepare();
	many(2, BY_OPTION);
	fds = entries("/proc/self/fd");
	many(THREADS, BY_OPTION);
	CHECK_EQ_UINT(entries("/proc/self/fd"), fds);
	CHECK_EQ_UINT(entries("/proc/self/task"), 3);
	no_children();
}

TEST(sixty_four_direct_at_once)
{
	unsigned fds;

	prepare();
	many(2, DIRECT);
	fds = entries("/proc/self/fd");
	many(THREADS, DIRECT);
	CHECK_EQ_UINT(entries("/proc/self/fd"), fds);
	no_children();
}

TEST(nothing_leaks_over_many_runs)
{
	unsigned fds;
	long before;

	prepare();
	many(8, BY_OPTION);
	fds = entries("/proc/self/fd");
	before = rss_kb();
	for (unsigned i = 0; i < LEAK_RUNS / 4; i++)
		many(4, BY_OPTION);
	CHECK_EQ_UINT(entries("/proc/self/fd"), fds);
	CHECK_EQ_UINT(entries("/proc/self/task"), 3);
	CASE("memory");
	CHECK_LE_INT(rss_kb() - before, RSS_SLACK_KB);
	no_children();
}

TEST(a_caller_that_ignores_sigchld)
{
	prepare();
	signal(SIGCHLD, SIG_IGN);
	many(4, BY_OPTION);
	no_children();
	signal(SIGCHLD, SIG_DFL);
}

static atomic_bool stop;

static void *waits_for_all(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		if (waitpid(-1, NULL, 0) < 0)
			usleep(100);
	return NULL;
}

TEST(a_caller_that_waits_for_any_child)
{
	pthread_t id;

	prepare();
	atomic_store(&stop, false);
	REQUIRE(pthread_create(&id, NULL, waits_for_all, NULL) == 0);
	for (int i = 0; i < 5; i++)
		many(4, BY_OPTION);
	atomic_store(&stop, true);
	pthread_join(id, NULL);
	no_children();
}

/* A daemon has closed some of 0, 1 and 2, before the request or behind it: what is opened next must not become the command's. */
static int run_with_closed(unsigned before, unsigned after)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_outcome *out = NULL;
	struct ward_request *r;
	/* What it reads has an end, and what it writes goes nowhere: no byte of it is a signal to who watches it. */
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char[]){
			"cat >&1 || exit 8; printf '\\017\\002\\017' || exit 9; printf '\\017' >&2; exit 7" },
		NULL };
	int k;

	for (int i = 0; i < 3; i++)
		if (before & (1u << i))
			close(i);
	r = ward_request_new(WARD_COMMAND_RUN);
	if (!r || ward_request_set(r, "audit", audit, &err) < 0 ||
		ward_request_command(r, 3, argv, &err) < 0)
		return 100;
	for (int i = 0; i < 3; i++)
		if (after & (1u << i))
			close(i);
	k = ward_run(r, &out, &err);
	k = k == WARD_OK && ward_outcome_status(out) == WARD_STATUS_EXITED
		? ward_outcome_exit_code(out)
		: 101;
	ward_outcome_free(out);
	ward_request_free(r);
	return k;
}

/* What was not opened yet was filled with zeroes, and closed: standard input, or what another thread had opened there since. */
TEST(a_run_that_is_refused_closes_nothing_of_the_caller)
{
	static const char *const options[][2] = {
		{ "read", "/nonexistent" }, /* before a plan */
		{ "audit", "/nonexistent/log" },
		{ "cwd", "/nonexistent" },
		{ "policy", "/nonexistent" },
		{ "write", "/" },
	};
	char *argv[] = { (char[]){ "no-such-program" }, NULL };

	prepare();
	many(2, BY_OPTION); /* what is looked up once stays open */
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		unsigned fds = entries("/proc/self/fd");
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
		struct ward_outcome *out = NULL;
		struct stat before[3], after;
		int k;

		CASE("%s", options[i][0]);
		for (int fd = 0; fd < 3; fd++)
			REQUIRE(fstat(fd, &before[fd]) == 0);
		CHECK_EQ_INT(ward_request_set(r, "audit", audit, &err), WARD_OK);
		k = ward_request_set(r, options[i][0], options[i][1], &err);
		if (k == WARD_OK)
			k = ward_request_command(r, 1, argv, &err);
		if (k == WARD_OK)
			CHECK(ward_run(r, &out, &err) < 0);
		ward_outcome_free(out);
		ward_request_free(r);
		for (int fd = 0; fd < 3; fd++)
			CHECK(fstat(fd, &after) == 0 && after.st_dev == before[fd].st_dev &&
				after.st_ino == before[fd].st_ino);
		CHECK_EQ_UINT(entries("/proc/self/fd"), fds);
	}
}

TEST(closed_descriptors_are_not_taken)
{
	prepare();
	for (unsigned mask = 1; mask < 16; mask += 1 + (mask == 7)) {
		int status = -1;
		pid_t pid;

		CASE("closed %x, %s the request", mask & 7, mask < 8 ? "before" : "behind");
		pid = fork();
		REQUIRE(pid >= 0);
		if (pid == 0) {
			int null = open("/dev/null", O_RDWR);

			for (int i = 0; i < 3; i++)
				dup2(null, i);
			if (null > 2)
				close(null);
			_exit(run_with_closed(mask < 8 ? mask : 0, mask < 8 ? 0 : mask & 7));
		}
		REQUIRE(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status));
		CHECK_EQ_INT(WEXITSTATUS(status), 7);
	}
}

/* It asks for what is not there all the time: each is a question to the supervisor, which its end may leave without an answer. */
static void *runs_until_killed(void *arg)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" },
		(char[]){ "echo alive; while :; do [ -e /a ]; [ -e /b ]; done" }, NULL };
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *out = NULL;

	/* arg: isolated or not */
	if ((!arg || ward_request_set(r, "backend", "direct", NULL) == WARD_OK) &&
		ward_request_set(r, "audit", audit, NULL) == WARD_OK &&
		ward_request_command(r, 3, argv, NULL) == WARD_OK)
		(void)ward_run(r, &out, NULL);
	_exit(9);
}

/* A run, a child that goes on without exec and has all its descriptors but its output, and the end of the process between. */
static void dies_and_leaves_a_child(int out, int go)
{
	pthread_t id;
	char c;

	if (dup2(out, 1) < 0 || pthread_create(&id, NULL, runs_until_killed, NULL) != 0 ||
		read(go, &c, 1) != 1)
		_exit(8);
	if (fork() == 0) {
		close(out);
		close(1);
		(void)!read(go, &c, 1);
		_exit(0);
	}
	(void)raise(SIGKILL);
}

static void a_run_ends(void)
{
	int out[2], go[2], status = -1;
	struct pollfd p;
	char line[16];
	pid_t pid;

	REQUIRE(pipe(out) == 0 && pipe(go) == 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		dies_and_leaves_a_child(out[1], go[0]);
	}
	close(out[1]);
	close(go[0]);
	CHECK(read(out[0], line, sizeof(line)) > 0);
	CHECK(write(go[1], "x", 1) == 1);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* Who holds the output is the command, and nobody else. */
	p = (struct pollfd){ .fd = out[0], .events = POLLIN };
	CHECK_EQ_INT(poll(&p, 1, 10000 * (int)tap_patience()), 1);
	CHECK((p.revents & POLLHUP) && !(p.revents & POLLIN));
	close(go[1]);
	close(out[0]);
}

TEST(a_run_ends_with_its_process_whatever_that_forked)
{
	prepare();
	for (unsigned i = 0; i < 30; i++)
		a_run_ends();
}

/* Of those that the process left, who are our children now, only who is told to stay is there. */
static bool only_one_is_left(void)
{
	char name[64], comm[32];
	FILE *f = fopen("/proc/thread-self/children", "r");
	bool others = !f;
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1) {
		FILE *c;

		snprintf(name, sizeof(name), "/proc/%d/comm", pid);
		c = fopen(name, "r");
		if (c && fgets(comm, sizeof(comm), c) && strcmp(comm, "left-behind\n") != 0)
			others = true;
		if (c)
			fclose(c);
	}
	if (f)
		fclose(f);
	return !others;
}

static bool all_are_gone(void)
{
	for (unsigned i = 0; i < 500; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (only_one_is_left())
			return true;
		usleep(10000);
	}
	return false;
}

static void dies_at(useconds_t us, int go, bool direct)
{
	pthread_t id;
	char c;

	if (pthread_create(&id, NULL, runs_until_killed, direct ? &direct : NULL) != 0)
		_exit(8);
	usleep(us);
	if (fork() == 0) {
		(void)prctl(PR_SET_NAME, "left-behind");
		(void)!write(1, "x", 1);
		(void)!read(go, &c, 1);
		_exit(0);
	}
	(void)pause();
	_exit(8);
}

TEST(a_start_ends_with_its_process_whatever_that_forked)
{
	unsigned left = 0, first = 0;

	prepare();
	/* Whose end is waited for by us. */
	REQUIRE(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	for (unsigned i = 0; i < 150; i++) {
		int go[2], forked[2], status = -1;
		char c;
		pid_t pid;

		REQUIRE(pipe(go) == 0 && pipe(forked) == 0);
		pid = fork();
		REQUIRE(pid >= 0);
		if (pid == 0) {
			close(go[1]);
			if (dup2(forked[1], 1) < 0)
				_exit(8);
			dies_at(50 * i, go[0], i % 3 == 0);
		}
		close(go[0]);
		close(forked[1]);
		/* Of the child, or of the command, which is told of by the same pipe. */
		CHECK(read(forked[0], &c, 1) == 1);
		(void)kill(pid, SIGKILL);
		REQUIRE(waitpid(pid, &status, 0) == pid);
		if (!all_are_gone())
			first = left++ ? first : i;
		close(go[1]);
		close(forked[0]);
		if (left > 3)
			break;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	CHECK_EQ_INT((int)left, 0);
	if (left)
		printf("# the first after %u us\n", 50 * first);
}

static struct ward_request *cancelled_run;
static struct ward_outcome *cancelled_outcome;

static void *is_cancelled(void *arg)
{
	(void)arg;
	(void)ward_run(cancelled_run, &cancelled_outcome, NULL);
	pthread_testcancel();
	return NULL;
}

/* It is put off until the run has ended, which has its outcome, and leaves nothing behind. */
TEST(a_thread_that_is_cancelled)
{
	char *argv[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };
	struct ward_error err = WARD_ERROR_INIT;
	void *with = NULL;
	unsigned fds;
	pthread_t id;

	prepare();
	many(2, BY_OPTION);
	fds = entries("/proc/self/fd");
	cancelled_run = ward_request_new(WARD_COMMAND_RUN);
	REQUIRE(cancelled_run);
	REQUIRE(ward_request_set(cancelled_run, "audit", audit, &err) == WARD_OK);
	REQUIRE(ward_request_command(cancelled_run, 2, argv, &err) == WARD_OK);
	REQUIRE(pthread_create(&id, NULL, is_cancelled, NULL) == 0);
	usleep(200000);
	pthread_cancel(id);
	usleep(50000);
	ward_request_signal(cancelled_run, SIGTERM);
	pthread_join(id, &with);
	CHECK(with == PTHREAD_CANCELED);
	CHECK_EQ_INT(ward_outcome_status(cancelled_outcome), WARD_STATUS_CANCELLED);
	ward_outcome_free(cancelled_outcome);
	ward_request_free(cancelled_run);
	CHECK_EQ_UINT(entries("/proc/self/fd"), fds);
	no_children();
}

/* Whoever set a limit of file sizes has an error, and is not ended by a signal. */
TEST(a_limit_of_file_sizes)
{
	int status = -1;
	pid_t pid;

	prepare();
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		struct one o = { .grant = true, .code = -1 };
		sigset_t set;

		(void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 0, 0 });
		run_one(&o);
		sigpending(&set);
		if (sigismember(&set, SIGXFSZ))
			_exit(3);
		pthread_sigmask(SIG_BLOCK, NULL, &set);
		_exit(sigismember(&set, SIGXFSZ) ? 4 : o.code == 125 ? 7 : 5);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_MSG(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	CHECK_EQ_INT(WEXITSTATUS(status), 7);
}

TEST(no_signal_handler_is_installed)
{
	struct sigaction sa;
	sigset_t set;

	prepare();
	many(1, BY_OPTION);
	for (int s = 1; s < 32; s++)
		if (sigaction(s, NULL, &sa) == 0)
			CHECK_MSG(sa.sa_handler == SIG_DFL || sa.sa_handler == SIG_IGN,
				"a handler for signal %d", s);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	for (int s = 1; s < 32; s++)
		CHECK_MSG(!sigismember(&set, s), "signal %d is blocked", s);
}

TEST(the_log_is_one_chain)
{
	struct ward_error err = WARD_ERROR_INIT;
	char *text = NULL, path[128];
	int r;

	prepare();
	many(4, BY_OPTION);
	r = ward_audit_verify_text(audit, NULL, false, &text, &err);
	CHECK_MSG(r == WARD_OK, "%s", err.message);
	free(text);
	for (unsigned i = 0; i < THREADS; i++) {
		snprintf(path, sizeof(path), "%s/ws/f%u", place, i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/ws", place);
	CHECK(chdir("/") == 0 && rmdir(path) == 0);
	snprintf(path, sizeof(path), "%s.runs", audit);
	CHECK(rmdir(path) == 0);
	/* A process that was ended while it wrote, above, leaves half a line, which is kept beside the log. */
	snprintf(path, sizeof(path), "%s.torn", audit);
	CHECK(unlink(path) == 0 || errno == ENOENT);
	CHECK(unlink(audit) == 0 && rmdir(place) == 0);
	place[0] = 0;
}

TAP_MAIN();
