/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of workspaces under review (src/workspace/{store,find,record,remove,size}.c): its directory, its record, its locks, how a run
 * is named, and that a layer goes whatever is in it. What whole runs do with it: tests/sandbox/test_review.py
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"
#include "workspace/landed.h"
#include "workspace/store.h"
#include "workspace/workspace.h"

#define A "01M8BFCZ1X6EEQSZDMNBR5W7AA"
#define B "01M8BFCZ1X6EEQSZDMNBR5W7AB"
#define C "01M9BFCZ1X6EEQSZDMNBR5W7AC"

static char base[64], root[128], runs[128];
static struct ward_error err;

static void begin(void)
{
	snprintf(base, sizeof(base), "/tmp/ward-store-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
	snprintf(root, sizeof(root), "%s/project", base);
	snprintf(runs, sizeof(runs), "%s/ward/runs", base);
	REQUIRE(mkdir(root, 0755) == 0);
	REQUIRE(setenv("XDG_STATE_HOME", base, 1) == 0);
	memset(&err, 0, sizeof(err));
}

__attribute__((format(printf, 1, 2))) static void sh(const char *fmt, ...)
{
	char text[512], command[600];
	va_list ap;
	pid_t pid;
	int status;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "cd %s && %s", base, text);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void end(void)
{
	sh("chmod -R u+rwx . ; rm -rf %s", base);
}

static struct ward_born born_of(const char *path)
{
	WARD_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ward_born b;

	REQUIRE(fd >= 0);
	ward_born_of(fd, &b);
	return b;
}

static struct ward_workspace_facts facts_of(const char *run)
{
	struct ward_workspace_facts f = { .root = root,
		.since_ns = 5,
		.backend = WARD_DISK_DIR,
		.bound = 1 << 20,
		.log = "/var/log/x.jsonl",
		.command = "make",
		.started_ns = 6 };
	struct stat st;

	REQUIRE(stat(root, &st) == 0);
	f.root_dev = st.st_dev;
	f.root_ino = st.st_ino;
	f.root_born = born_of(root);
	snprintf(f.run, sizeof(f.run), "%s", run);
	return f;
}

static struct ward_workspace *make(const char *run)
{
	struct ward_workspace_facts f = facts_of(run);
	struct ward_workspace *w = NULL;

	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	ward_workspace_sync(w, true);
	return w;
}

static void made_and_ended(const char *run)
{
	ward_workspace_close(make(run));
}

static int open_it(const char *run, enum ward_workspace_use use)
{
	struct ward_workspace *w = NULL;
	int r;

	memset(&err, 0, sizeof(err));
	r = ward_workspace_open(run, use, &w, &err);
	if (r == WARD_OK)
		ward_workspace_close(w);
	return r;
}

static bool there(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", runs, name);
	return lstat(path, &st) == 0;
}

static unsigned names(void)
{
	DIR *d = opendir(runs);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	if (d)
		closedir(d);
	return n;
}

TEST(a_run_is_alive_while_its_entry_is_open)
{
	struct ward_workspace *w, *look = NULL;

	begin();
	w = make(A);
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_LIVE);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &look, &err) == WARD_OK);
	CHECK(ward_workspace_state(look) == WARD_WORKSPACE_LIVE);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "still running") != NULL &&
		strstr(err.fix, "ward stop " A) != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_E_REFUSED);
	ward_workspace_close(w);
	CHECK(ward_workspace_state(look) == WARD_WORKSPACE_PENDING);
	ward_workspace_close(look);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

TEST(one_changes_at_a_time)
{
	struct ward_workspace *w = NULL;

	begin();
	made_and_ended(A);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "another ward") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_E_REFUSED);
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) == WARD_OK);
	ward_workspace_close(w);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	end();
}

TEST(a_record_is_read_as_it_was_written)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w;
	const struct ward_workspace_facts *got;
	char odd[256];

	begin();
	snprintf(odd, sizeof(odd), "%s/a\nb\xff", base);
	REQUIRE(mkdir(odd, 0700) == 0);
	w = make(A);
	f = facts_of(A);
	f.root = odd;
	f.root_dev = UINT64_MAX;
	f.ended_ns = 77;
	f.has_code = true;
	f.code = 3;
	f.incomplete = true;
	f.backend = WARD_DISK_TMPFS;
	REQUIRE(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
	got = ward_workspace_facts(w);
	CHECK_STR_EQ(got->root, odd);
	CHECK(got->root_dev == UINT64_MAX && got->ended_ns == 77 && got->has_code &&
		got->code == 3);
	CHECK(got->incomplete && got->backend == WARD_DISK_TMPFS && got->bound == 1 << 20);
	CHECK_STR_EQ(got->command, "make");
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_PENDING);
	ward_workspace_close(w);
	end();
}

TEST(a_run_lives_as_long_as_anything_of_it)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w = NULL;
	char log[128];
	int fd;

	begin();
	f = facts_of(A);
	snprintf(log, sizeof(log), "%s/log", base);
	f.log = log;
	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	ward_workspace_close(w);
	sh("mkdir log.runs && echo > log.runs/" A);
	snprintf(log, sizeof(log), "%s/log.runs/" A, base);
	fd = open(log, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "still running") != NULL);
	CHECK(flock(fd, LOCK_UN) == 0);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	/* One that has its end is over, whatever has that name. */
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	f = *ward_workspace_facts(w);
	f.ended_ns = 9;
	REQUIRE(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	REQUIRE(flock(fd, LOCK_SH | LOCK_NB) == 0);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	close(fd);
	end();
}

TEST(a_layer_on_a_tmpfs_goes_with_its_ward)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w = NULL;

	begin();
	f = facts_of(A);
	f.backend = WARD_DISK_TMPFS;
	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	ward_workspace_close(w);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_LOST);
	ward_workspace_close(w);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "lost") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	end();
}

TEST(a_record_that_is_not_ours_is_never_guessed_at)
{
	static const struct {
		const char *name, *edit, *says;
	} rows[] = {
		{ "newer", "s/\"version\":2/\"version\":3/",
			"of version 3, and this ward knows versions up to 2" },
		{ "no version", "s/\"version\":2,//", "\"version\" is not there" },
		{ "unknown", "s/\"version\":2/\"version\":2,\"more\":true/",
			"\"more\" is not known" },
		{ "missing", "s/\"incomplete\":false/\"code2\":1/", "\"code2\" is not known" },
		{ "gone", "s/,\"incomplete\":false//", "\"incomplete\" is not there" },
		{ "twice", "s/\"bound\"/\"since_ns\":1,\"bound\"/", "since_ns" },
		{ "of another", "s/" A "/" B "/", "is not the run" },
		{ "relative", "s#\"root\":\"/#\"root\":\"#", "\"root\" is no absolute path" },
		{ "not normal", "s#\"root\":\"/#\"root\":\"/../#", "\"root\" is no absolute path" },
		{ "hex of none", "s#\"root\":\"[^\"]*\"#\"root\":{\"hex\":\"2g\"}#",
			"\"root\" is no absolute path" },
		{ "hex with a NUL", "s#\"root\":\"[^\"]*\"#\"root\":{\"hex\":\"2f00\"}#",
			"\"root\" is no absolute path" },
		{ "backend", "s/\"backend\":\"dir\"/\"backend\":\"ram\"/",
			"\"backend\" is no disk backend" },
		{ "negative", "s/\"since_ns\":5/\"since_ns\":-5/",
			"\"since_ns\" is no whole number" },
		{ "number", "s/\"since_ns\":5/\"since_ns\":5e1/",
			"\"since_ns\" is no whole number" },
		{ "device", "s/\"root_dev\":\"[0-9]*\"/\"root_dev\":\"x\"/",
			"\"root_dev\" is no number" },
		{ "birth", "s/\"root_born_ns\":[0-9]*/\"root_born_ns\":-1/",
			"\"root_born_ns\" is no whole number" },
		{ "no birth", "s/\"root_born_ns\":[0-9]*,//", "\"root_born_ns\" is not there" },
		{ "handle", "s/\"root_handle\":\"[0-9]*\"/\"root_handle\":1/",
			"\"root_handle\" is no number" },
		{ "code", "s/\"code\":null/\"code\":256/", "\"code\" is neither" },
		{ "bool", "s/\"incomplete\":false/\"incomplete\":0/", "\"incomplete\" is neither" },
		{ "cut", "s/}$//", "" },
		{ "empty", "s/.*//", "" },
		{ "a list", "s/.*/[]/", "version" },
	};
	int code;

	begin();
	made_and_ended(A);
	sh("cp ward/runs/" A "/workspace.json whole");
	TABLE(r, rows) {
		CASE("%s", r->name);
		sh("sed '%s' whole > ward/runs/" A "/workspace.json", r->edit);
		code = ward_streq(r->name, "newer") ? WARD_E_UNSUPPORTED : WARD_E_PARSE;
		CHECK(open_it(A, WARD_WORKSPACE_LOOK) == code);
		CHECK(strstr(err.message, r->says) != NULL);
		CHECK(strstr(err.file, "workspace.json") != NULL && err.line >= 1);
		CHECK(err.fix[0] != '\0');
		CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == code);
		/* What a newer ward keeps may be in use in a way that is not known here, or have what is nowhere else. */
		CHECK(open_it(A, WARD_WORKSPACE_DROP) ==
			(code == WARD_E_PARSE ? WARD_OK : WARD_E_UNSUPPORTED));
	}
	CASE("a link");
	sh("mv whole ward/w; ln -sf ../../w ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) == WARD_E_PARSE);
	CASE("a pipe");
	sh("rm ward/runs/" A "/workspace.json; mkfifo ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) < 0);
	CASE("too large");
	sh("rm ward/runs/" A "/workspace.json; head -c 70000 /dev/zero > ward/runs/" A
	   "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) < 0);
	end();
}

TEST(a_run_is_named_by_what_it_alone_begins_with)
{
	char found[WARD_ULID_SIZE];

	begin();
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	made_and_ended(A);
	made_and_ended(B);
	made_and_ended(C);
	CHECK(open_it("01m9", WARD_WORKSPACE_LOOK) == WARD_OK);
	CHECK(open_it(B, WARD_WORKSPACE_LOOK) == WARD_OK);
	CHECK(open_it("01M8", WARD_WORKSPACE_LOOK) == WARD_E_INVALID);
	CHECK(strstr(err.message, A) != NULL && strstr(err.message, B) != NULL &&
		!strstr(err.message, C));
	CHECK(open_it("", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(open_it("../runs", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(open_it(".", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(open_it(A "X", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(ward_workspace_find(root, true, found, &err) == WARD_E_INVALID);
	CHECK(strstr(err.message, A ", " B ", " C) != NULL);
	CHECK(ward_workspace_find(root, false, found, &err) == WARD_OK);
	CHECK_STR_EQ(found, C);
	CHECK(ward_workspace_find(base, false, found, &err) == WARD_E_NOTFOUND);
	end();
}

TEST(what_is_below_the_root_means_its_run_and_no_neighbour)
{
	char found[WARD_ULID_SIZE], path[256];
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	snprintf(path, sizeof(path), "%s/src/deep", root);
	CHECK(ward_workspace_find(path, true, found, &err) == WARD_OK);
	CHECK_STR_EQ(found, A);
	snprintf(path, sizeof(path), "%s-2", root);
	CHECK(ward_workspace_find(path, true, found, &err) == WARD_E_NOTFOUND);
	w = make(B);
	CHECK(ward_workspace_find(root, true, found, &err) == WARD_OK);
	CHECK_STR_EQ(found, A);
	ward_workspace_close(w);
	end();
}

TEST(another_directory_in_the_place_of_the_root_is_not_changed)
{
	begin();
	made_and_ended(A);
	sh("mv project away && mkdir project");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "not the directory any more") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	sh("rmdir project && ln -s away project");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) < 0);
	sh("rm project && mv away project");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

/* A file system that gives the inode that it got back last gives it to the next; on any other the record is made to say so. */
TEST(a_directory_that_has_its_inode_is_not_the_one_that_had_it)
{
	struct ward_born was, now;
	struct stat a, b;
	bool reused = false;

	begin();
	made_and_ended(A);
	was = born_of(root);
	REQUIRE(stat(root, &a) == 0);
	if (!was.ns && !was.handle)
		SKIP("this file system says of no directory when it came to be");
	for (int i = 0; i < 100 && !reused; i++) {
		REQUIRE(rmdir(root) == 0 && mkdir(root, 0755) == 0 && stat(root, &b) == 0);
		reused = a.st_ino == b.st_ino;
	}
	now = born_of(root);
	CHECK(!ward_born_is(&was, &now));
	sh("sed -i 's/\"root_ino\":\"[0-9]*\"/\"root_ino\":\"%ju\"/' ward/runs/" A
	   "/workspace.json",
		(uintmax_t)b.st_ino);
	printf("# the inode was %s\n", reused ? "given again" : "not given again; it is made so");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "not the directory any more") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	CASE("the time alone tells");
	sh("sed -i 's/\"root_handle\":\"[0-9]*\"/\"root_handle\":\"0\"/' ward/runs/" A
	   "/workspace.json");
	CHECK(was.ns == 0 || open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CASE("the handle alone tells");
	sh("sed -i 's/\"root_born_ns\":[0-9]*/\"root_born_ns\":0/;s/\"root_handle\":\"[0-9]*\"/\"root_handle\":\"%ju\"/' ward/runs/" A
	   "/workspace.json",
		(uintmax_t)was.handle);
	CHECK(was.handle == 0 || open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	sh("sed -i 's/\"root_handle\":\"[0-9]*\"/\"root_handle\":\"%ju\"/' ward/runs/" A
	   "/workspace.json",
		(uintmax_t)now.handle);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

/* What an older ward wrote says nothing of it, and is committed as it was. */
TEST(a_record_of_the_first_version_is_read)
{
	const struct ward_workspace_facts *got;
	struct ward_workspace_facts f;
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	sh("sed -i 's/\"version\":2/\"version\":1/;s/\"root_born_ns\":[0-9]*,\"root_handle\":\"[0-9]*\",//' ward/runs/" A
	   "/workspace.json");
	sh("grep -q '\"version\":1' ward/runs/" A "/workspace.json && ! grep -q born ward/runs/" A
	   "/workspace.json");
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	got = ward_workspace_facts(w);
	CHECK(got->root_born.ns == 0 && got->root_born.handle == 0 && got->since_ns == 5);
	f = *got;
	CHECK(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	sh("grep -q '\"version\":2' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	CASE("with a member that it had not");
	sh("sed -i 's/\"version\":2/\"version\":1/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_PARSE);
	CHECK(strstr(err.message, "\"root_born_ns\" is not known") != NULL);
	end();
}

TEST(numbers_of_devices_hold_until_the_next_boot)
{
	begin();
	made_and_ended(A);
	sh("sed -i 's/\"root_dev\":\"[0-9]*\"/\"root_dev\":\"1\"/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	sh("sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0\"/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	sh("sed -i 's/\"root_ino\":\"[0-9]*\"/\"root_ino\":\"1\"/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	end();
}

TEST(a_store_that_others_could_write_is_refused)
{
	static const struct {
		const char *what, *undo;
	} rows[] = {
		{ "chmod 0770 ward/runs", "chmod 0700 ward/runs" },
		{ "chmod 0705 ward/runs", "chmod 0700 ward/runs" },
		{ "chmod 0777 ward", "chmod 0700 ward" },
		{ "chmod 0777 .", "chmod 0700 ." },
		{ "mv ward/runs ward/x && ln -s x ward/runs",
			"rm ward/runs && mv ward/x ward/runs" },
	};
	char home[WARD_PATH_MAX];

	begin();
	CHECK(ward_workspace_home(false, home, &err) == WARD_E_NOTFOUND);
	CHECK(!there(""));
	CHECK(ward_workspace_home(true, home, &err) == WARD_OK);
	CHECK_STR_EQ(home, runs);
	TABLE(r, rows) {
		CASE("%s", r->what);
		sh("%s", r->what);
		CHECK(ward_workspace_home(true, home, &err) < 0);
		sh("%s", r->undo);
		CHECK(ward_workspace_home(true, home, &err) == WARD_OK);
	}
	if (geteuid() == 0) {
		CASE("of another");
		sh("chown 12345 ward/runs");
		CHECK(ward_workspace_home(true, home, &err) == WARD_E_REFUSED);
		sh("chown 0 ward/runs; chown 12345 ward");
		CHECK(ward_workspace_home(true, home, &err) == WARD_E_REFUSED);
	}
	end();
}

TEST(a_store_behind_a_link_has_its_own_name)
{
	char home[WARD_PATH_MAX], state[128];

	begin();
	sh("mkdir kept && ln -s kept link");
	snprintf(state, sizeof(state), "%s/link", base);
	REQUIRE(setenv("XDG_STATE_HOME", state, 1) == 0);
	CHECK(ward_workspace_home(true, home, &err) == WARD_OK);
	snprintf(state, sizeof(state), "%s/kept/ward/runs", base);
	CHECK_STR_EQ(home, state);
	end();
}

/* n directories in one another, made where they are, since no path is that long. */
static void deep(const char *top, unsigned n)
{
	WARD_FD at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(at >= 0);
	for (unsigned i = 0; i < n; i++) {
		int next;

		REQUIRE(mkdirat(at, "d", 0700) == 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		REQUIRE(next >= 0);
		if (i % 100 == 99) {
			int file = openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

			REQUIRE(file >= 0);
			close(file);
			REQUIRE(fchmod(at, 0) == 0);
		}
		ward_close(at);
		at = next;
	}
}

TEST(a_hostile_layer_goes)
{
	struct ward_workspace *w = NULL;
	char path[256];

	begin();
	made_and_ended(A);
	sh("mkdir outside && echo kept > outside/file && ln outside/file ward/runs/" A
	   "/layer/upper/hard");
	sh("cd ward/runs/" A
	   "/layer/upper && ln -s %s/outside out && ln -s . loop && mkfifo pipe && mkdir 1 2 3 && echo > 0 && chmod 0 1 pipe",
		base);
	sh("cd ward/runs/" A
	   "/layer/upper && mkdir -p a/b/c && echo > a/b/c/f && ln -s ../../../outside a/b/l && chmod 0 a/b/c a/b a");
	sh("cd ward/runs/" A "/layer/upper && mkdir many && cd many && seq 5000 | xargs touch");
	sh("mkdir ward/runs/" A "/layer/work/work && chmod 0 ward/runs/" A "/layer/work/work");
	snprintf(path, sizeof(path), "%s/" A "/layer/upper/2", runs);
	deep(path, 10000);
	snprintf(path, sizeof(path), "%s/" A "/layer", runs);
	REQUIRE(chmod(path, 0) == 0);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_DROP, &w, &err) == WARD_OK);
	CHECK(ward_workspace_remove(w, &err) == WARD_OK);
	CHECK(names() == 0);
	sh("test \"$(cat outside/file)\" = kept && test -d project");
	end();
}

TEST(what_a_removal_or_a_start_left_is_swept)
{
	size_t n = 0;
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	made_and_ended(B);
	made_and_ended(C);
	sh("cd ward/runs && echo > " A "/layer/upper/f && mv " A " .gone-" A " && mv " B
	   " .new-" B);
	sh("cd ward/runs && mkdir .new-01M8BFCZ1X6EEQSZDMNBR5W7AD other .gone-x");
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK);
	CHECK(n == 2);
	CHECK(!there(".gone-" A) && !there(".new-" B) && there(C));
	CHECK(there(".new-01M8BFCZ1X6EEQSZDMNBR5W7AD")); /* of a start that is at it, perhaps */
	CHECK(there("other") && there(".gone-x"));
	/* Somebody is at it. */
	w = make(A);
	sh("cd ward/runs && mv " A " .new-" A);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && there(".new-" A));
	sh("cd ward/runs && mv .new-" A " .gone-" A);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && there(".gone-" A));
	ward_workspace_close(w);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 1 && !there(".gone-" A));
	end();
}

TEST(what_a_crash_left_of_a_first_moment_is_swept)
{
	static const char *const lost[] = { ": >", "rm", "rm -r ward/runs/" A "/layer;: >" };
	static const char *const something[] = { "touch ward/runs/" A "/layer/upper/f",
		"touch ward/runs/" A "/layer/image", "chmod 0 ward/runs/" A "/layer/upper" };
	struct ward_workspace *w;
	size_t n = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(lost); i++) {
		begin();
		made_and_ended(A);
		made_and_ended(B); /* one that is whole stays, with nothing in it */
		sh("%s ward/runs/" A "/workspace.json", lost[i]);
		CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 1);
		CHECK(!there(A) && there(B));
		end();
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(something) - (geteuid() == 0); i++) {
		begin();
		made_and_ended(A);
		sh(": > ward/runs/" A "/workspace.json; %s", something[i]);
		CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && (n == 0) == (i < 2));
		CHECK(there(A) == (i < 2));
		end();
	}
	/* A record that says something wrong is no lost one; nor is that of a run that is alive. */
	begin();
	made_and_ended(A);
	w = make(B);
	sh("echo x > ward/runs/" A "/workspace.json; : > ward/runs/" B "/workspace.json");
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 0 && there(A) && there(B));
	ward_workspace_close(w);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 1 && there(A) && !there(B));
	end();
}

TEST(a_run_that_went_down_with_its_machine_is_not_whole)
{
	static const struct {
		const char *what; /* done to the record */
		enum ward_disk_backend backend;
		bool ended, incomplete;
	} cases[] = {
		{ "true", WARD_DISK_DIR, false, false },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_DIR, false, true },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"\"/'", WARD_DISK_DIR, false, true },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_LOOP, false, true },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_TMPFS, false,
			false },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_DIR, true, false },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		struct ward_workspace_facts f;
		struct ward_workspace *w = NULL;

		begin();
		f = facts_of(A);
		f.backend = cases[i].backend;
		f.ended_ns = cases[i].ended ? 7 : 0;
		REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
		ward_workspace_close(w);
		sh("%s ward/runs/" A "/workspace.json", cases[i].what);
		REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
		CHECK(ward_workspace_facts(w)->incomplete == cases[i].incomplete);
		ward_workspace_close(w);
		end();
	}
}

TEST(what_was_written_is_settled)
{
	struct ward_workspace *w;

	begin();
	w = make(A);
	CHECK(ward_workspace_unwritten(w));
	/* As an overlay leaves it. */
	sh("cd ward/runs/" A
	   "/layer && mkdir -p work/work/incompat/volatile && touch work/work/incompat/volatile/dirty upper/f && chmod 0 work/work/incompat work/work");
	CHECK(!ward_workspace_unwritten(w));
	CHECK(ward_workspace_settle(w, &err) == WARD_OK);
	CHECK(!there(A "/layer/work") && there(A "/layer/upper/f"));
	ward_workspace_close(w);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

/* On an overlay, as in a container, the kernel makes nothing that would be a whiteout there; no layer of a run can lie on one either. */
static bool whiteouts_can_be_made(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/whiteout", base);
	return mknod(path, S_IFCHR, 0) == 0 || errno != EPERM;
}

/* What is gone from a new directory of the layer may be so since it is to be put back: no whiteout is made of it before that is known. */
TEST(while_a_landing_waits_nothing_is_settled)
{
	struct ward_landed_seen dir = { .kind = WARD_LANDED_OBJECT, .layer_ino = 1, .ino = 1 };
	struct ward_landed_seen file = dir;
	struct ward_workspace *w;
	struct ward_changes *all = NULL;

	begin();
	if (!whiteouts_can_be_made()) {
		end();
		SKIP("a file of a layer cannot be made gone on this file system (an overlay)");
	}
	w = make(A);
	REQUIRE(ward_workspace_land(w, &err) == WARD_OK);
	sh("mkdir -p ward/runs/" A
	   "/layer/upper/d; mkdir project/d; echo x > project/d/f; touch ward/runs/" A "/journal");
	CHECK(ward_landed_add(w->landed, "d", &dir, &err) == WARD_OK);
	CHECK(ward_landed_add(w->landed, "d/f", &file, &err) == WARD_OK);
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	ward_changes_free(all);
	all = NULL;
	CHECK(!there(A "/layer/upper/d/f"));
	sh("rm ward/runs/" A "/journal");
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	ward_changes_free(all);
	CHECK(there(A "/layer/upper/d/f"));
	ward_workspace_close(w);
	end();
}

TEST(an_entry_of_which_nothing_was_written_goes_at_once)
{
	struct ward_workspace *w;

	begin();
	w = make(A);
	sh("cd ward/runs/" A
	   "/layer && mkdir -p work/work/incompat/volatile && touch work/work/incompat/volatile/dirty work/work/left && chmod 0 work/work/incompat work/work");
	CHECK(ward_workspace_remove(w, &err) == WARD_OK && names() == 0);
	end();
}

static int count_one(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *f, const struct ward_error *why)
{
	char *out = arg;

	(void)f;
	snprintf(out + strlen(out), 200 - strlen(out), "%s %s%s;", run + 24,
		ward_workspace_state_name(state), why ? "!" : "");
	return 0;
}

TEST(each_is_seen_with_its_state)
{
	char seen[200] = "";
	struct ward_workspace *w;

	begin();
	CHECK(ward_workspace_each(count_one, seen, &err) == WARD_OK && !seen[0]);
	made_and_ended(C);
	made_and_ended(B);
	w = make(A);
	sh("echo > ward/runs/" B "/workspace.json; mkdir ward/runs/" C
	   "/journal; mkdir ward/runs/not-a-run");
	CHECK(ward_workspace_each(count_one, seen, &err) == WARD_OK);
	CHECK_STR_EQ(seen, "AA live;AB broken!;AC committing;");
	ward_workspace_close(w);
	end();
}

TEST(a_layer_is_counted)
{
	uint64_t bytes = 0, objects = 0;
	struct ward_workspace *w = NULL;

	begin();
	made_and_ended(A);
	sh("cd ward/runs/" A
	   "/layer/upper && mkdir -p a/b && head -c 100000 /dev/urandom > a/b/f && sync a/b/f && ln -s /usr l");
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
	CHECK(ward_workspace_size(w, &bytes, &objects, &err) == WARD_OK);
	CHECK(objects == 4);
	CHECK(bytes >= 100000 && bytes < 200000);
	ward_workspace_close(w);
	end();
}

TEST(a_start_that_finds_no_place_leaves_nothing)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w = NULL;

	begin();
	f = facts_of(A);
	snprintf(f.run, sizeof(f.run), "../x");
	CHECK(ward_workspace_make(&f, &w, &err) == WARD_E_INVALID);
	CHECK(names() == 0);
	made_and_ended(A);
	f = facts_of(A);
	CHECK(ward_workspace_make(&f, &w, &err) < 0); /* never over one that is there */
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	CHECK(names() == 1);
	end();
}

TAP_MAIN();
