/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the audit log: the form of a record, what open refuses, the torn tail, many writers on one chain, rotation.
 * What was written is looked at as bytes and through the JSON reader of base, not through the code that wrote it.
 */
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "audit_util.h"

static struct ward_error err;

static struct ward_audit *must_open(const char *path)
{
	struct ward_audit *a = NULL;
	err = (struct ward_error)WARD_ERROR_INIT;
	int r = ward_audit_open(path, &a, NULL, &err);
	CHECK_MSG(r == WARD_OK, "open %s: %d %s", path, r, err.message);
	REQUIRE(a);
	return a;
}

static int append_one(struct ward_audit *a, const struct ward_event *e,
	struct ward_audit_mark *mark)
{
	err = (struct ward_error)WARD_ERROR_INIT;
	return ward_audit_append(a, e, 1, true, mark, NULL, &err);
}

TEST(kinds_are_the_table)
{
	static const char *const want[] = { "run.start", "policy.snapshot", "policy.check",
		"policy.block", "policy.epoch", "approval.requested", "approval.granted",
		"approval.denied", "capability.denied", "sandbox.violation", "selftest",
		"limit.hit", "net.open", "net.connect", "net.block", "net.accept", "dns.query",
		"dns.block", "fs.late", "workspace.open", "workspace.close", "workspace.change",
		"workspace.commit", "workspace.discard", "run.stop", "run.end" };
	size_t n = 0;
	for (; ward_audit_kind(n); n++) {
		CHECK(n < WARD_ARRAY_SIZE(want) && ward_streq(ward_audit_kind(n), want[n]));
		CHECK(ward_audit_kind_known(ward_audit_kind(n)));
	}
	CHECK_EQ_SIZE(n, WARD_ARRAY_SIZE(want));
	CHECK_STR_EQ(ward_audit_kind_alias(0), "SandboxStart");
	CHECK_STR_EQ(ward_audit_kind_alias(8), "CapabilityDenied");
	CHECK_NULL(ward_audit_kind_alias(99));
	CHECK(!ward_audit_kind_known("SandboxStart"));
	CHECK(!ward_audit_kind_known("run.star") && !ward_audit_kind_known("") &&
		!ward_audit_kind_known(NULL));
}

TEST(a_full_record_has_every_member_in_order)
{
	static const char *const order[] = { "v", "seq", "id", "ts", "mono", "boot", "host", "run",
		"parent", "session", "agent", "trace", "workspace", "kind", "effect", "principal",
		"action", "resource", "rules", "negated", "layer", "policy", "axes", "pid",
		"pid_start", "detail", "prev", "hash" };
	static const char *const rules[] = { "r1", "r2" };
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e = { .kind = "run.start",
		.run = "R",
		.parent = "P",
		.session = "S",
		.agent = "A",
		.trace = "T",
		.workspace = "/w",
		.effect = "allow",
		.principal = "me",
		.action = "FILE_READ",
		.resource = "/x",
		.rules = rules,
		.n_rules = 2,
		.negated = true,
		.layer = "view",
		.policy = AUDIT_ZEROS,
		.axes_json = "{\"files\":\"enforced\"}",
		.pid = 3,
		.pid_start = 4,
		.detail_json = "{\"a\":[1,{\"b\":null}]}" };
	struct ward_audit_mark mark;
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	ward_audit_close(a);
	struct blob b = blob_read(audit_log);
	struct ward_arena *arena = ward_arena_new(1 << 20);
	struct ward_json *rec = NULL;
	REQUIRE(b.n > 2 && b.s[b.n - 1] == '\n' && !memchr(b.s, '\n', b.n - 1));
	REQUIRE(ward_json_parse(arena, b.s, b.n - 1, NULL, &rec, &err) == WARD_OK);
	size_t i = 0;
	for (const struct ward_json *m = rec->child; m; m = m->next, i++)
		CHECK(i < WARD_ARRAY_SIZE(order) && ward_str_eq(m->key, ward_str(order[i])));
	CHECK_EQ_SIZE(i, WARD_ARRAY_SIZE(order));
	CHECK_EQ_INT(ward_json_get(rec, "seq")->i, 1);
	CHECK_STR_EQ(ward_json_get(rec, "prev")->str.s, AUDIT_ZEROS);
	CHECK_STR_EQ(ward_json_get(rec, "hash")->str.s, mark.hash);
	CHECK(ward_ulid_valid(ward_json_get(rec, "id")->str.s));
	CHECK(ward_json_get(rec, "ts")->i > INT64_C(1500000000) * 1000000000);
	CHECK_EQ_SIZE(ward_json_get(rec, "boot")->str.n, 36);
	char host[72] = "";
	gethostname(host, sizeof(host) - 1);
	CHECK_STR_EQ(ward_json_get(rec, "host")->str.s, host);
	/* the hash covers the bytes before ,"hash": */
	char hash[WARD_SHA256_HEX];
	char *at = strstr(b.s, ",\"hash\":");
	REQUIRE(at);
	ward_sha256_hex(b.s, (size_t)(at - b.s), hash);
	CHECK_STR_EQ(hash, mark.hash);
	CHECK(!strstr(b.s, ": ") && !strstr(b.s, ", "));
	ward_arena_free(arena);
	free(b.s);
	audit_end();
}

TEST(absent_members_are_left_out)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e = { .kind = "run.end" };
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	ward_audit_close(a);
	struct blob b = blob_read(audit_log);
	static const char *const absent[] = { "run", "effect", "rules", "negated", "layer", "axes",
		"pid", "pid_start", "detail", "resource", "null" };
	TABLE(name, absent) {
		char key[32];
		snprintf(key, sizeof(key), "\"%s\":", *name);
		CASE("%s", *name);
		CHECK(!strstr(b.s, key));
	}
	free(b.s);
	audit_end();
}

TEST(any_bytes_in_a_text_stay_one_line_of_json)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	char all[256];
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	struct ward_event e = {
		.kind = "sandbox.violation", .resource = all, .agent = "\"},\"hash\":\"\n{\"v\":1"
	};
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	ward_audit_close(a);
	struct blob b = blob_read(audit_log), lines[4];
	CHECK_EQ_SIZE(blob_lines(b, lines, 4), 2);
	CHECK(ward_utf8_valid(b.s, b.n));
	for (size_t i = 0; i + 1 < lines[0].n; i++)
		CHECK((unsigned char)b.s[i] >= 0x20);
	CHECK(strstr(b.s, "\xef\xbf\xbd"));
	CHECK(audit_verifies(audit_log, NULL));
	free(b.s);
	audit_end();
}

TEST(what_cannot_be_a_record_is_refused_and_nothing_is_written)
{
	static const char *const null_rule[] = { NULL };
	static char long_detail[WARD_AUDIT_LINE_MAX + 64];
	memset(long_detail, 'x', sizeof(long_detail));
	memcpy(long_detail, "{\"a\":\"", 6);
	memcpy(long_detail + sizeof(long_detail) - 3, "\"}", 3);
	const struct {
		const char *name;
		struct ward_event e;
		int code;
		const char *says, *fix;
	} rows[] = {
		{ "kind", { .kind = "run.strat" }, WARD_E_INVALID, "unknown kind", "run.start" },
		{ "no kind", { .kind = NULL }, WARD_E_INVALID, "unknown kind", "" },
		{ "alias", { .kind = "SandboxStart" }, WARD_E_INVALID, "unknown kind", "" },
		{ "effect", { .kind = "run.end", .effect = "permit" }, WARD_E_INVALID, "effect",
			"" },
		{ "policy", { .kind = "run.end", .policy = "ABC" }, WARD_E_INVALID, "SHA-256", "" },
		{ "pid", { .kind = "run.end", .pid = -1 }, WARD_E_INVALID, "negative", "" },
		{ "pid_start", { .kind = "run.end", .pid_start = UINT64_MAX }, WARD_E_INVALID,
			"range", "" },
		{ "rule", { .kind = "run.end", .rules = null_rule, .n_rules = 1 }, WARD_E_INVALID,
			"NULL", "" },
		{ "no object", { .kind = "run.end", .detail_json = "[1]" }, WARD_E_INVALID,
			"wrong type", "" },
		{ "no JSON", { .kind = "run.end", .detail_json = "{\"a\":}" }, WARD_E_INVALID,
			"not valid JSON", "" },
		{ "empty", { .kind = "run.end", .axes_json = "" }, WARD_E_INVALID, "not valid JSON",
			"" },
		{ "newline", { .kind = "run.end", .detail_json = "{\"a\":\n1}" }, WARD_E_INVALID,
			"control byte", "" },
		{ "duplicate", { .kind = "run.end", .detail_json = "{\"a\":1,\"a\":1}" },
			WARD_E_INVALID, "JSON", "" },
		{ "smuggle", { .kind = "run.end", .axes_json = "{},\"q\":{}" }, WARD_E_INVALID,
			"not one JSON object", "" },
		{ "smuggle member", { .kind = "run.end", .axes_json = "{},\"pid\":1" },
			WARD_E_INVALID, "", "" },
		{ "half as before", { .kind = "run.end", .axes_json = "{}", .detail_json = "{]" },
			WARD_E_INVALID, "not valid JSON", "" },
		{ "long", { .kind = "run.end", .detail_json = long_detail }, WARD_E_LIMIT,
			"longer than", "less" },
	};
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event ok = { .kind = "run.start" };
	CHECK_EQ_INT(append_one(a, &ok, NULL), WARD_OK);
	TABLE(row, rows) {
		CASE("%s", row->name);
		struct ward_audit_mark mark;
		struct ward_event good = { .kind = "run.end", .axes_json = "{}" };
		struct ward_event v[] = { ok, good, good, row->e };
		err = (struct ward_error)WARD_ERROR_INIT;
		CHECK_EQ_INT(ward_audit_append(a, v, 4, true, &mark, NULL, &err), row->code);
		CHECK_STR_CONTAINS(err.message, row->says);
		CHECK_STR_CONTAINS(err.fix, row->fix);
		CHECK_EQ_UINT(mark.seq, 0);
	}
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 1);
	CHECK_EQ_INT(ward_audit_append(NULL, &ok, 1, true, NULL, NULL, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_append(a, NULL, 1, true, NULL, NULL, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_append(a, NULL, 0, true, NULL, NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_audit_append(a, NULL, 0, false, NULL, NULL, &err), WARD_OK);
	ward_audit_close(a);
	audit_end();
}

TEST(the_longest_record_fits_and_can_be_chained_onto)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event ok = { .kind = "run.start" };
	char *text = malloc(WARD_AUDIT_LINE_MAX + 1);
	REQUIRE(text);
	memset(text, 'x', WARD_AUDIT_LINE_MAX);
	/* find the longest by trying down from the limit: the rest of the line is some 400 bytes */
	int r = WARD_E_LIMIT;
	for (size_t n = WARD_AUDIT_LINE_MAX - 300; r == WARD_E_LIMIT && n > 0; n--) {
		text[n] = '\0';
		struct ward_event e = { .kind = "run.end", .resource = text };
		r = append_one(a, &e, NULL);
	}
	CHECK_EQ_INT(r, WARD_OK);
	struct blob b = blob_read(audit_log);
	CHECK_EQ_SIZE(b.n, WARD_AUDIT_LINE_MAX + 1);
	free(b.s);
	CHECK_EQ_INT(append_one(a, &ok, NULL), WARD_OK);
	CHECK_EQ_INT(append_one(a, &ok, NULL), WARD_OK);
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 3);
	free(text);
	ward_audit_close(a);
	audit_end();
}

TEST(marks_name_the_first_and_the_last)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e[5];
	struct ward_audit_mark first, last;
	for (unsigned i = 0; i < 5; i++)
		audit_event_fill(&e[i], i);
	CHECK_EQ_INT(append_one(a, e, NULL), WARD_OK);
	CHECK_EQ_INT(ward_audit_append(a, e, 5, true, &first, &last, &err), WARD_OK);
	CHECK_EQ_UINT(first.seq, 2);
	CHECK_EQ_UINT(last.seq, 6);
	struct ward_audit_report rep;
	CHECK_EQ_INT(ward_audit_verify(audit_log, first.hash, &rep, &err), WARD_OK);
	CHECK_EQ_UINT(rep.head_seq, 2);
	CHECK(!rep.head_last);
	CHECK_STR_EQ(rep.head, last.hash);
	CHECK_EQ_UINT(rep.first_seq, 1);
	CHECK_EQ_UINT(rep.last_seq, 6);
	ward_audit_close(a);
	audit_end();
}

TEST(files_are_0600_and_directories_0700)
{
	audit_begin();
	char path[160], dir[128];
	struct stat st;
	snprintf(dir, sizeof(dir), "%s/a", audit_dir);
	snprintf(path, sizeof(path), "%s/a/b/log", audit_dir);
	mode_t old = umask(0);
	struct ward_audit *a = must_open(path);
	CHECK_STR_EQ(ward_audit_path(a), path);
	CHECK(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	ward_audit_close(a);
	CHECK(unlink(path) == 0);
	umask(0777);
	a = must_open(path);
	umask(old);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	ward_audit_close(a);
	unlink(path);
	strrchr(path, '/')[0] = '\0';
	CHECK(rmdir(path) == 0 && rmdir(dir) == 0);
	audit_end();
}

static void make_link(const char *p)
{
	REQUIRE(symlink("/etc/hostname", p) == 0);
}
static void make_dangling(const char *p)
{
	REQUIRE(symlink("elsewhere", p) == 0);
}
static void make_dir(const char *p)
{
	REQUIRE(mkdir(p, 0700) == 0);
}
static void make_fifo(const char *p)
{
	REQUIRE(mkfifo(p, 0600) == 0);
}
static void make_group(const char *p)
{
	blob_write(p, "", 0);
	REQUIRE(chmod(p, 0620) == 0);
}
static void make_world(const char *p)
{
	blob_write(p, "", 0);
	REQUIRE(chmod(p, 0602) == 0);
}
static void make_hard_link(const char *p)
{
	char other[128];
	snprintf(other, sizeof(other), "%s.other", p);
	blob_write(other, "", 0);
	REQUIRE(link(other, p) == 0);
}
static void make_foreign(const char *p)
{
	blob_write(p, "", 0);
	if (chown(p, 12345, (gid_t)-1) < 0)
		tap_case[0] = '\0';
}
static void make_text(const char *p)
{
	blob_write(p, "dear diary,\ntoday", 17);
}
static void make_torn_text(const char *p)
{
	blob_write(p, "dear diary", 10);
}
static void make_open_dir(const char *p)
{
	(void)p;
	REQUIRE(chmod(audit_dir, 0777) == 0);
}

TEST(open_refuses_what_is_no_log_of_its_own)
{
	const struct {
		const char *name;
		void (*make)(const char *);
		const char *says;
		bool root;
	} rows[] = {
		{ "symlink", make_link, "symbolic link", false },
		{ "dangling", make_dangling, "symbolic link", false },
		{ "directory", make_dir, "is a directory", false },
		{ "fifo", make_fifo, "not a regular file", false },
		{ "group", make_group, "group or others", false },
		{ "world", make_world, "group or others", false },
		{ "hard link", make_hard_link, "second name", false },
		{ "foreign", make_foreign, "another user", true },
		{ "text", make_text, "inconsistent at line 1", false },
		{ "torn text", make_torn_text, "does not begin like", false },
		{ "open dir", make_open_dir, "anybody may write", false },
	};
	TABLE(row, rows) {
		if (row->root && geteuid() != 0)
			continue;
		audit_begin();
		CASE("%s", row->name);
		row->make(audit_log);
		struct stat before = { 0 }, after = { 0 };
		lstat(audit_log, &before);
		struct ward_audit *a = (struct ward_audit *)&err;
		err = (struct ward_error)WARD_ERROR_INIT;
		CHECK_EQ_INT(ward_audit_open(audit_log, &a, NULL, &err), WARD_E_AUDIT);
		CHECK_NULL(a);
		CHECK_STR_CONTAINS(err.message, row->says);
		CHECK(err.fix[0] != '\0');
		lstat(audit_log, &after);
		CHECK(before.st_size == after.st_size && before.st_ino == after.st_ino);
		CHECK(access(audit_torn_file, F_OK) < 0);
		audit_end();
	}
}

TEST(open_names_bad_paths)
{
	struct ward_audit *a = NULL;
	char deep[WARD_PATH_MAX + 8];
	memset(deep, 'a', sizeof(deep) - 1);
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	CHECK_EQ_INT(ward_audit_open("", &a, NULL, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_open("/tmp/", &a, NULL, &err), WARD_E_AUDIT);
	CHECK_EQ_INT(ward_audit_open("/tmp/..", &a, NULL, &err), WARD_E_AUDIT);
	CHECK_EQ_INT(ward_audit_open(deep, &a, NULL, &err), WARD_E_LIMIT);
	CHECK_EQ_INT(ward_audit_open("/etc/hostname/log", &a, NULL, &err), WARD_E_AUDIT);
	CHECK_EQ_INT(ward_audit_open("/proc/nothing/log", &a, NULL, &err), WARD_E_AUDIT);
	CHECK_EQ_INT(ward_audit_open("x", NULL, NULL, &err), WARD_E_INVALID);
	CHECK_NULL(a);
}

TEST(a_relative_path_survives_chdir)
{
	audit_begin();
	int cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(cwd >= 0 && chdir(audit_dir) == 0);
	struct ward_audit *a = must_open("audit.jsonl");
	REQUIRE(fchdir(cwd) == 0);
	close(cwd);
	CHECK_STR_EQ(ward_audit_path(a), audit_log);
	struct ward_event e = { .kind = "run.start" };
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	ward_audit_close(a);
	CHECK(audit_verifies(audit_log, NULL));
	audit_end();
}

TEST(dev_null_is_no_log)
{
	struct ward_audit *a = must_open("/dev/null");
	struct ward_audit_mark first = { 9, "x" }, last = first;
	struct ward_event e = { .kind = "run.start" }, bad = { .kind = "nonsense" };
	CHECK_STR_EQ(ward_audit_path(a), "/dev/null");
	CHECK_EQ_INT(ward_audit_append(a, &e, 1, true, &first, &last, &err), WARD_OK);
	CHECK_EQ_UINT(first.seq, 0);
	CHECK_STR_EQ(last.hash, AUDIT_ZEROS);
	CHECK_EQ_INT(append_one(a, &bad, NULL), WARD_E_INVALID);
	ward_audit_close(a);
	ward_audit_close(NULL);
}

TEST(the_default_path_follows_the_user)
{
	char path[WARD_PATH_MAX], old_state[256] = "", old_home[256] = "";
	const char *s = getenv("XDG_STATE_HOME"), *h = getenv("HOME");
	snprintf(old_state, sizeof(old_state), "%s", s ? s : "");
	snprintf(old_home, sizeof(old_home), "%s", h ? h : "");
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0) {
			if (ward_audit_default_path(path, sizeof(path), NULL) < 0 ||
				strcmp(path, "/var/log/ward/audit.jsonl") != 0 ||
				seteuid(65534) < 0)
				_exit(1);
		}
		setenv("XDG_STATE_HOME", "/st", 1);
		if (ward_audit_default_path(path, sizeof(path), NULL) < 0 ||
			strcmp(path, "/st/ward/audit.jsonl") != 0)
			_exit(2);
		setenv("XDG_STATE_HOME", "relative", 1);
		setenv("HOME", "/h", 1);
		if (ward_audit_default_path(path, sizeof(path), NULL) < 0 ||
			strcmp(path, "/h/.local/state/ward/audit.jsonl") != 0)
			_exit(3);
		unsetenv("HOME");
		err = (struct ward_error)WARD_ERROR_INIT;
		if (ward_audit_default_path(path, sizeof(path), &err) != WARD_E_AUDIT ||
			!strstr(err.fix, "--audit"))
			_exit(4);
		setenv("HOME", "/h", 1);
		_exit(ward_audit_default_path(path, 8, &err) == WARD_E_LIMIT ? 0 : 5);
	}
	int status = 0;
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ_INT(status, 0);
}

TEST(a_torn_line_is_cut_into_a_file_and_reported)
{
	audit_begin();
	REQUIRE(audit_write(audit_log, 3, &err) == WARD_OK);
	struct blob whole = blob_read(audit_log), lines[3];
	REQUIRE(blob_lines(whole, lines, 3) == 3);
	size_t good = lines[0].n + lines[1].n;
	/* every cut inside the last line; then the same inside the only line */
	for (size_t cut = 1; cut < lines[2].n; cut++) {
		blob_write(audit_log, whole.s, good + cut);
		unlink(audit_torn_file);
		struct ward_audit *a = NULL;
		uint64_t torn = 0;
		CASE("cut at %zu", cut);
		CHECK_EQ_INT(ward_audit_open(audit_log, &a, &torn, &err), WARD_OK);
		CHECK_EQ_UINT(torn, cut);
		struct blob t = blob_read(audit_torn_file), now = blob_read(audit_log);
		CHECK(t.n == cut + 1 && memcmp(t.s, lines[2].s, cut) == 0 && t.s[cut] == '\n');
		CHECK(now.n == good && memcmp(now.s, whole.s, good) == 0);
		free(t.s);
		free(now.s);
		ward_audit_close(a);
	}
	struct stat st;
	CHECK(stat(audit_torn_file, &st) == 0 && (st.st_mode & 07777) == 0600);
	struct ward_audit_report rep;
	REQUIRE(audit_write(audit_log, 2, &err) == WARD_OK);
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.last_seq, 4);
	blob_write(audit_log, whole.s, 20);
	uint64_t torn = 0;
	struct ward_audit *a = NULL;
	CHECK_EQ_INT(ward_audit_open(audit_log, &a, &torn, &err), WARD_OK);
	CHECK_EQ_UINT(torn, 20);
	struct ward_audit_mark mark;
	struct ward_event e = { .kind = "run.start" };
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	CHECK_EQ_UINT(mark.seq, 1);
	ward_audit_close(a);
	free(whole.s);
	audit_end();
}

TEST(a_line_torn_while_we_are_open_is_cut_by_the_next_append)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e = { .kind = "run.start" };
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	int fd = open(audit_log, O_WRONLY | O_APPEND | O_CLOEXEC);
	REQUIRE(write(fd, "\0\0garbage", 9) == 9);
	close(fd);
	struct ward_audit_report rep;
	CHECK(!audit_verifies(audit_log, &rep));
	CHECK(rep.torn);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	CHECK_EQ_UINT(ward_audit_torn(a), 9);
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 2);
	ward_audit_close(a);
	audit_end();
}

TEST(a_torn_line_is_kept_when_the_torn_file_is_no_file_of_ours)
{
	audit_begin();
	REQUIRE(audit_write(audit_log, 2, &err) == WARD_OK);
	struct blob b = blob_read(audit_log);
	blob_write(audit_log, b.s, b.n - 1);
	REQUIRE(symlink("/etc/hostname", audit_torn_file) == 0);
	struct ward_audit *a = NULL;
	CHECK_EQ_INT(ward_audit_open(audit_log, &a, NULL, &err), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, ".torn is a symbolic link");
	struct blob now = blob_read(audit_log);
	CHECK_EQ_SIZE(now.n, b.n - 1);
	free(now.s);
	free(b.s);
	audit_end();
}

TEST(a_damaged_end_stops_every_new_run)
{
	audit_begin();
	REQUIRE(audit_write(audit_log, 4, &err) == WARD_OK);
	struct blob b = blob_read(audit_log), lines[4];
	REQUIRE(blob_lines(b, lines, 4) == 4);
	size_t last = b.n - lines[3].n;
	struct ward_event e = { .kind = "run.start" };
	for (size_t i = last; i < b.n - 1; i++) {
		char was = b.s[i];
		b.s[i] = (char)(was ^ 4);
		if (b.s[i] != '\n') {
			blob_write(audit_log, b.s, b.n);
			struct ward_audit *a = must_open(audit_log);
			CASE("byte %zu", i - last);
			CHECK_EQ_INT(append_one(a, &e, NULL), WARD_E_AUDIT);
			CHECK_STR_CONTAINS(err.message, "inconsistent at line 4");
			CHECK_STR_CONTAINS(err.fix, "ward audit verify");
			CHECK_EQ_UINT(err.line, 4);
			ward_audit_close(a);
			struct stat st;
			CHECK(stat(audit_log, &st) == 0 && (size_t)st.st_size == b.n);
		}
		b.s[i] = was;
	}
	/* an endless last line is no torn record */
	char *big = malloc(WARD_AUDIT_LINE_MAX * 3);
	REQUIRE(big);
	memset(big, 'x', WARD_AUDIT_LINE_MAX * 3);
	memcpy(big, b.s, b.n);
	blob_write(audit_log, big, WARD_AUDIT_LINE_MAX * 3);
	struct ward_audit *a = NULL;
	CHECK_EQ_INT(ward_audit_open(audit_log, &a, NULL, &err), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "longer than a record");
	big[WARD_AUDIT_LINE_MAX * 3 - 1] = '\n';
	blob_write(audit_log, big, WARD_AUDIT_LINE_MAX * 3);
	a = must_open(audit_log);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_E_AUDIT);
	ward_audit_close(a);
	free(big);
	free(b.s);
	audit_end();
}

/* The object that wrote the last line knows it, and looks at it all the same. */
TEST(a_damaged_end_stops_who_wrote_it_too)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e = { .kind = "run.start" };
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	struct blob b = blob_read(audit_log);
	b.s[b.n - 100] ^= 1;
	blob_write(audit_log, b.s, b.n);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "inconsistent at line 2");
	b.s[b.n - 100] ^= 1;
	blob_write(audit_log, b.s, b.n);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	CHECK(audit_verifies(audit_log, NULL));
	free(b.s);
	ward_audit_close(a);
	audit_end();
}

static int append_many(const char *path, int n, int batch)
{
	struct ward_audit *a = NULL;
	struct ward_event e[4];
	for (unsigned i = 0; i < 4; i++)
		audit_event_fill(&e[i], i);
	int r = ward_audit_open(path, &a, NULL, NULL);
	for (int i = 0; i < n && r >= 0; i += batch) {
		struct ward_audit_mark first, last;
		r = ward_audit_append(a, e, (size_t)batch, i % 50 == 0, &first, &last, NULL);
		if (r >= 0 && last.seq != first.seq + (uint64_t)batch - 1)
			r = -99;
	}
	ward_audit_close(a);
	return r;
}

TEST(eight_processes_share_one_chain)
{
	audit_begin();
	pid_t pids[8];
	fflush(stdout);
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		REQUIRE(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(append_many(audit_log, 200, i % 2 ? 4 : 1) == WARD_OK ? 0 : 1);
	}
	for (int i = 0; i < 8; i++) {
		int status = -1;
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 1600);
	CHECK_EQ_UINT(rep.last_seq, 1600);
	audit_end();
}

static struct ward_audit *shared;
static void *thread_shared(void *arg)
{
	(void)arg;
	struct ward_event e = { .kind = "limit.hit" };
	for (int i = 0; i < 100; i++)
		if (ward_audit_append(shared, &e, 1, false, NULL, NULL, NULL) < 0)
			return shared;
	return NULL;
}
static void *thread_own(void *arg)
{
	(void)arg;
	return append_many(audit_log, 100, 2) == WARD_OK ? NULL : audit_log;
}

TEST(threads_share_an_object_and_a_log)
{
	audit_begin();
	shared = must_open(audit_log);
	pthread_t t[8];
	for (int i = 0; i < 8; i++)
		REQUIRE(pthread_create(&t[i], NULL, i % 2 ? thread_shared : thread_own, NULL) == 0);
	for (int i = 0; i < 8; i++) {
		void *bad = audit_dir;
		pthread_join(t[i], &bad);
		CHECK_NULL(bad);
	}
	ward_audit_close(shared);
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 800);
	audit_end();
}

TEST(a_log_that_was_moved_or_removed_is_begun_anew)
{
	audit_begin();
	char moved[112];
	snprintf(moved, sizeof(moved), "%s.1", audit_log);
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e = { .kind = "run.start" };
	struct ward_audit_mark mark;
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	REQUIRE(rename(audit_log, moved) == 0);
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	CHECK_EQ_UINT(mark.seq, 1);
	CHECK(audit_verifies(audit_log, NULL) && audit_verifies(moved, NULL));
	REQUIRE(rename(moved, audit_log) == 0);
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	CHECK_EQ_UINT(mark.seq, 2);
	REQUIRE(unlink(audit_log) == 0);
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	CHECK_EQ_UINT(mark.seq, 1);
	/* replaced by something that is no log: refused, and the object is not stuck for ever */
	REQUIRE(unlink(audit_log) == 0 && symlink("/etc/hostname", audit_log) == 0);
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_E_AUDIT);
	CHECK_EQ_UINT(mark.seq, 0);
	REQUIRE(unlink(audit_log) == 0);
	CHECK_EQ_INT(append_one(a, &e, &mark), WARD_OK);
	ward_audit_close(a);
	audit_end();
}

TEST(the_lock_is_waited_for)
{
	audit_begin();
	struct ward_audit *a = must_open(audit_log);
	struct ward_event e = { .kind = "run.start" };
	int fd = open(audit_log, O_RDWR | O_CLOEXEC), go[2];
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	REQUIRE(fd >= 0 && fcntl(fd, F_OFD_SETLK, &l) == 0 && pipe2(go, O_CLOEXEC) == 0);
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		char c = 0;
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		usleep(100000);
		_exit(0); /* the lock belongs to the open file: it goes when the last of us closes it */
	}
	close(fd);
	REQUIRE(write(go[1], "x", 1) == 1);
	struct timespec t0, t1;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_EQ_INT(append_one(a, &e, NULL), WARD_OK);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	CHECK_GE_INT((t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000, 90);
	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
	ward_audit_close(a);
	audit_end();
}

TEST(a_file_size_limit_is_an_error_and_no_signal)
{
	audit_begin();
	REQUIRE(audit_write(audit_log, 3, &err) == WARD_OK);
	fflush(stdout);
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		struct stat st;
		struct ward_audit *a = NULL;
		struct ward_event e = { .kind = "run.start" };
		if (stat(audit_log, &st) < 0 || ward_audit_open(audit_log, &a, NULL, NULL) < 0)
			_exit(1);
		struct rlimit small = { (rlim_t)st.st_size + 100, (rlim_t)st.st_size + 100 };
		setrlimit(RLIMIT_FSIZE, &small);
		if (append_one(a, &e, NULL) != WARD_E_AUDIT || !strstr(err.fix, "ulimit -f"))
			_exit(2);
		_exit(0);
	}
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 3);
	audit_end();
}

TAP_MAIN();
