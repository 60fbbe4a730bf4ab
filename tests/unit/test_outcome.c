/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcome: exit codes, the JSON form (read back with the strict reader), the report for people, and where they
 * are delivered. Hostile names must neither break the JSON nor reach a terminal.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "run/outcome.h"
#include "run/request.h"
#include "tap.h"

TEST(exit_codes)
{
	static const struct {
		const char *what;
		struct ward_outcome o;
		int code;
	} rows[] = {
		{ "zeroed is refused", { .status = 0 }, 125 },
		{ "exited 0", { .status = WARD_STATUS_EXITED }, 0 },
		{ "exited 7", { .status = WARD_STATUS_EXITED, .code = 7 }, 7 },
		{ "violations alone", { .status = WARD_STATUS_EXITED, .violations_total = 3 }, 0 },
		{ "violations count",
			{ .status = WARD_STATUS_EXITED,
				.violations_total = 3,
				.fail_on_violation = true },
			123 },
		{ "own code wins",
			{ .status = WARD_STATUS_EXITED,
				.code = 4,
				.violations_total = 3,
				.fail_on_violation = true },
			4 },
		{ "none counted", { .status = WARD_STATUS_EXITED, .fail_on_violation = true }, 0 },
		{ "segv", { .status = WARD_STATUS_SIGNALED, .sig = SIGSEGV }, 139 },
		{ "signal 0 is a bug", { .status = WARD_STATUS_SIGNALED }, 125 },
		{ "timeout", { .status = WARD_STATUS_TIMEOUT, .sig = SIGKILL }, 124 },
		{ "cancelled", { .status = WARD_STATUS_CANCELLED, .sig = SIGINT }, 130 },
		{ "oom", { .status = WARD_STATUS_OOM }, 137 },
		{ "limit", { .status = WARD_STATUS_LIMIT }, 137 },
		{ "policy", { .status = WARD_STATUS_POLICY_KILL }, 137 },
		{ "not found", { .status = WARD_STATUS_SPAWN_FAILED, .exec_errno = ENOENT }, 127 },
		{ "not a directory", { .status = WARD_STATUS_SPAWN_FAILED, .exec_errno = ENOTDIR },
			127 },
		{ "not executable", { .status = WARD_STATUS_SPAWN_FAILED, .exec_errno = EACCES },
			126 },
		{ "bad format", { .status = WARD_STATUS_SPAWN_FAILED, .exec_errno = ENOEXEC },
			126 },
		{ "spawn without exec", { .status = WARD_STATUS_SPAWN_FAILED }, 125 },
		{ "no status", { .status = (enum ward_status)99 }, 125 },
	};

	TABLE(row, rows) {
		CASE("%s", row->what);
		CHECK_EQ_INT(ward_outcome_exit_code(&row->o), row->code);
	}
}

TEST(status_names)
{
	CHECK_STR_EQ(ward_status_name(0), "refused");
	CHECK_STR_EQ(ward_status_name(WARD_STATUS_POLICY_KILL), "policy_kill");
	CHECK_STR_EQ(ward_status_name((enum ward_status)77), "unknown");
}

static struct ward_json *parse(struct ward_arena *a, const struct ward_outcome *o)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *root = NULL;
	size_t n = 0;
	const char *text = ward_outcome_json(o, &n);
	int r;

	CHECK_EQ_SIZE(n, strlen(text));
	CHECK(n > 0 && text[n - 1] == '\n');
	r = ward_json_parse(a, text, n, "outcome", &root, &err);
	CHECK_MSG(r == WARD_OK, "%s: %s", err.message, text);
	REQUIRE(root);
	return root;
}

static const char *member(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = ward_json_get(o, key);

	return v && v->type == WARD_JSON_STRING ? v->str.s : NULL;
}

static bool is_null(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = ward_json_get(o, key);

	return v && v->type == WARD_JSON_NULL;
}

TEST(refused_before_the_start)
{
	struct ward_error why = WARD_ERROR_INIT;
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_outcome *o;
	struct ward_json *j;
	const struct ward_json *e;

	(void)ward_fail(&why, WARD_E_INVALID, "a \"bad\" value");
	ward_fail_at(&why, "--memory", 0, 0);
	ward_fail_fix(&why, "give more");
	o = ward_outcome_refused(NULL, &why);
	REQUIRE(o && a);
	CHECK_EQ_INT(ward_outcome_status(o), WARD_STATUS_REFUSED);
	CHECK_EQ_INT(ward_outcome_exit_code(o), 125);
	j = parse(a, o);
	CHECK_EQ_INT(ward_json_get(j, "v")->i, 1);
	CHECK(ward_ulid_valid(member(j, "run")));
	CHECK_STR_EQ(member(j, "status"), "refused");
	CHECK(is_null(j, "code") && is_null(j, "signal") && is_null(j, "audit") &&
		is_null(j, "plan_sha256") && is_null(j, "policy_sha256"));
	CHECK_EQ_SIZE(ward_json_get(j, "axes")->count, 0);
	CHECK_STR_EQ(member(j, "attribution"), "none");
	e = ward_json_get(j, "error");
	CHECK_EQ_INT(ward_json_get(e, "code")->i, WARD_E_INVALID);
	CHECK_STR_EQ(member(e, "class"), "SecurityError");
	CHECK_STR_EQ(member(e, "security"), "SECURITY-100");
	CHECK_STR_EQ(member(e, "file"), "--memory");
	CHECK_STR_CONTAINS(member(e, "message"), "bad");
	CHECK_STR_EQ(ward_outcome_report(o), "");
	ward_outcome_free(o);
	ward_arena_free(a);
}

static struct ward_outcome *full(struct ward_request *r)
{
	static const struct ward_outcome_violation passwd = {
		.error = WARD_CLASS_SANDBOX_VIOLATION,
		.axis = WARD_AXIS_FILES,
		.action = "FILE_READ",
		.resource = "/etc/passwd",
		.count = 1,
		.why = "no rule grants it",
		.cure = "--cap 'FILE_READ:/etc/passwd'",
		.seq = 9,
	};
	struct ward_plan plan = { .attribution = WARD_ATTR_NONE };
	struct ward_outcome *o = ward_outcome_new(r);

	REQUIRE(o);
	o->status = WARD_STATUS_EXITED;
	o->has_code = true;
	o->duration_ms = 12;
	plan.axes[WARD_AXIS_FILES].level = WARD_LEVEL_ENFORCED;
	plan.axes[WARD_AXIS_FILES].accepted = true;
	plan.axes[WARD_AXIS_EXEC].accepted = true;
	plan.axes[WARD_AXIS_ATTRIBUTION].by = "paths have no names";
	plan.axes[WARD_AXIS_ATTRIBUTION].fix = "chmod 0666 /dev/fuse";
	memset(plan.sha256, 'a', sizeof(plan.sha256) - 1);
	ward_outcome_set_plan(o, r, &plan);
	CHECK_EQ_INT(ward_outcome_add_violation(o, &passwd), WARD_OK);
	ward_outcome_set_audit(o, "/var/log/x", 4, 11, "feed");
	return o;
}

TEST(everything_in_json)
{
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_outcome *o = full(NULL);
	const struct ward_json *v;
	struct ward_json *j;

	REQUIRE(a);
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	j = parse(a, o);
	CHECK_EQ_INT(ward_json_get(j, "code")->i, 0);
	CHECK_EQ_INT(ward_json_get(j, "duration_ms")->i, 12);
	CHECK_STR_EQ(member(j, "attribution"), "partial");
	CHECK_STR_EQ(member(ward_json_get(j, "axes"), "files"), "enforced");
	CHECK_STR_EQ(member(ward_json_get(j, "axes"), "exec"), "none");
	CHECK_EQ_SIZE(ward_json_get(j, "axes")->count, WARD_AXIS_MAX);
	CHECK_EQ_INT(ward_json_get(j, "violations_total")->i, 1);
	v = ward_json_get(j, "violations")->child;
	REQUIRE(v);
	CHECK_STR_EQ(member(v, "error"), "SandboxViolationError");
	CHECK_STR_EQ(member(v, "axis"), "files");
	CHECK_STR_EQ(member(v, "action"), "FILE_READ");
	CHECK_STR_EQ(member(v, "resource"), "/etc/passwd");
	CHECK_STR_EQ(member(v, "cure"), "--cap 'FILE_READ:/etc/passwd'");
	CHECK(is_null(v, "rule") && is_null(v, "file") && is_null(v, "line"));
	CHECK_EQ_INT(ward_json_get(v, "seq")->i, 9);
	CHECK(is_null(ward_json_get(j, "stdout"), "bytes"));
	v = ward_json_get(j, "audit");
	CHECK_EQ_INT(ward_json_get(v, "first_seq")->i, 4);
	CHECK_STR_EQ(member(v, "head"), "feed");
	CHECK(is_null(j, "error"));
	CHECK_EQ_SIZE(strlen(member(j, "started")), strlen("2026-01-01T00:00:00.000Z"));
	ward_outcome_free(o);
	ward_arena_free(a);
}

TEST(captured_streams)
{
	static const char binary[] = "a\0\xff";
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_outcome *o = full(NULL);
	const struct ward_json *s;

	REQUIRE(a);
	o->out = (struct ward_outcome_stream){
		.counted = true, .captured = true, .bytes = 6, .n = 6
	};
	o->out.data = strdup("h\xc3\xa4\x1b\n!");
	o->err_stream = (struct ward_outcome_stream){
		.counted = true, .captured = true, .truncated = true, .bytes = 99, .n = 3
	};
	o->err_stream.data = malloc(3);
	memcpy(o->err_stream.data, binary, 3);
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	s = ward_json_get(parse(a, o), "stdout");
	CHECK_STR_EQ(member(s, "encoding"), "utf8");
	CHECK_STR_EQ(member(s, "data"), "h\xc3\xa4\x1b\n!");
	s = ward_json_get(parse(a, o), "stderr");
	CHECK_STR_EQ(member(s, "encoding"), "base64");
	CHECK_STR_EQ(member(s, "data"), "YQD/");
	CHECK_EQ_INT(ward_json_get(s, "bytes")->i, 99);
	CHECK(ward_json_get(s, "truncated")->b);
	ward_outcome_free(o);
	ward_arena_free(a);
}

TEST(empty_capture_is_a_text)
{
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_outcome *o = full(NULL);

	REQUIRE(a);
	o->out = (struct ward_outcome_stream){ .counted = true, .captured = true };
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	CHECK_STR_EQ(member(ward_json_get(parse(a, o), "stdout"), "data"), "");
	ward_outcome_free(o);
	ward_arena_free(a);
}

TEST(report_block)
{
	struct ward_outcome *o = full(NULL);

	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	CHECK_STR_CONTAINS(ward_outcome_report(o),
		"ward: SandboxViolationError: FILE_READ \"/etc/passwd\" refused: no rule grants it\n"
		"ward:   grant: --cap 'FILE_READ:/etc/passwd'\n");
	CHECK_STR_CONTAINS(ward_outcome_report(o), "ward: accepted: exec is held at none only\n");
	CHECK_STR_CONTAINS(ward_outcome_report(o),
		"ward: accepted: files is held at enforced all the same\n");
	CHECK_STR_CONTAINS(ward_outcome_report(o),
		"ward: attribution: partial: paths have no names; chmod 0666 /dev/fuse\n");
	ward_outcome_free(o);
}

/* "full" is a promise: only what names every kind of refusal makes it. */
TEST(attribution_is_full_where_it_is_held)
{
	static const struct {
		const char *name;
		enum ward_attribution how;
		enum ward_level level;
		const char *want;
	} rows[] = {
		{ "FUSE and notification", WARD_ATTR_FUSE, WARD_LEVEL_ENFORCED, "full" },
		{ "FUSE alone", WARD_ATTR_FUSE, WARD_LEVEL_ADVISORY, "partial" },
		{ "notify", WARD_ATTR_NOTIFY, WARD_LEVEL_SAMPLED, "partial" },
		{ "none", WARD_ATTR_NONE, WARD_LEVEL_NONE, "partial" },
	};

	TABLE(row, rows) {
		struct ward_plan plan = { .attribution = row->how };
		struct ward_outcome *o = ward_outcome_new(NULL);

		CASE("%s", row->name);
		REQUIRE(o);
		plan.axes[WARD_AXIS_ATTRIBUTION].level = row->level;
		ward_outcome_set_plan(o, NULL, &plan);
		CHECK_STR_EQ(o->attribution, row->want);
		ward_outcome_free(o);
	}
}

/* What the shipped minimum asks for is not "only". */
TEST(accepted_where_the_minimum_holds)
{
	struct ward_outcome *o = full(NULL);

	o->axes[WARD_AXIS_MEMORY] = ward_minimum[WARD_AXIS_MEMORY];
	o->accepted[WARD_AXIS_MEMORY] = true;
	o->axes[WARD_AXIS_PROCESSES] = WARD_LEVEL_ADVISORY;
	o->accepted[WARD_AXIS_PROCESSES] = true;
	ward_outcome_set_limit(o, WARD_LIMIT_PIDS, 128, 1);
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	CHECK_STR_CONTAINS(ward_outcome_report(o), "ward: accepted: memory is held at sampled\n");
	CHECK_STR_CONTAINS(ward_outcome_report(o),
		"ward: accepted: processes is held at advisory only\n");
	CHECK_STR_CONTAINS(ward_outcome_report(o), ": 1 fork was refused; raise it");
	ward_outcome_free(o);
}

TEST(report_of_limits)
{
	struct ward_outcome *o = full(NULL);
	const char *text;

	ward_outcome_set_limit(o, WARD_LIMIT_MEMORY, 50u << 20, 0);
	ward_outcome_set_limit(o, WARD_LIMIT_TIMEOUT, 1500, 0);
	ward_outcome_set_limit(o, WARD_LIMIT_PIDS, 128, 34);
	ward_outcome_set_limit(o, WARD_LIMIT_STDOUT, 64u << 20, 0);
	ward_outcome_set_limit(o, WARD_LIMIT_NAMES, 256, 1000);
	ward_outcome_set_limit(o, WARD_LIMIT_LOOKED, 1024, 1);
	ward_outcome_set_limit(o, WARD_LIMIT_MAX, 1, 1);
	ward_outcome_note(o, "warning: %s", "a pattern matched nothing");
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	text = ward_outcome_report(o);
	CHECK_STR_CONTAINS(text,
		"ward: memory limit of 50M was reached (oom); raise it with --memory SIZE\n");
	CHECK_STR_CONTAINS(text,
		"ward: timeout of 1500ms was reached; raise it with --timeout TIME\n");
	CHECK_STR_CONTAINS(text,
		"ward: pids limit of 128 was reached: 34 forks were refused; raise it with --pids N\n");
	CHECK_STR_CONTAINS(text, "standard output was cut; raise it with --output-limit SIZE\n");
	CHECK_STR_CONTAINS(text,
		"ward: only the first 256 distinct refusals are listed: 1000 more were counted\n");
	CHECK_STR_CONTAINS(text,
		"ward: more than 1024 further names that were not granted were asked for at a time: 1 was not looked up, and is not counted as refused\n");
	CHECK_STR_CONTAINS(text, "ward: warning: a pattern matched nothing\n");
	ward_outcome_free(o);
}

TEST(hostile_names_stay_names)
{
	static const char name[] = "/tmp/x\nward: all is well\x1b[2J\x7f\"\xff\xe2\x80\xae";
	struct ward_outcome_violation v = { .error = WARD_CLASS_SANDBOX_VIOLATION,
		.action = "FILE_READ",
		.resource = name,
		.count = 2 };
	struct ward_arena *a = ward_arena_new(1 << 20);
	struct ward_outcome *o = ward_outcome_new(NULL);
	const char *text;

	REQUIRE(a && o);
	CHECK_EQ_INT(ward_outcome_add_violation(o, &v), WARD_OK);
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	text = ward_outcome_report(o);
	CHECK_NULL(strstr(text, "\nward: all"));
	CHECK_NULL(strchr(text, 0x1b));
	CHECK_NULL(strchr(text, 0x7f));
	CHECK_NULL(strstr(text, "\xe2\x80\xae"));
	CHECK_STR_CONTAINS(text, "(2 times)");
	for (const char *p = text; *p; p = strchr(p, '\n') + 1)
		CHECK(ward_has_prefix(p, "ward: "));
	(void)parse(a, o);
	ward_outcome_free(o);
	ward_arena_free(a);
}

TEST(a_flood_of_names_is_counted)
{
	struct ward_outcome *o = ward_outcome_new(NULL);

	REQUIRE(o);
	for (int i = 0; i < 1000; i++) {
		char name[32];
		struct ward_outcome_violation v = {
			.action = "FILE_READ", .resource = name, .count = 2
		};

		(void)snprintf(name, sizeof(name), "/x/%d", i);
		CHECK_EQ_INT(ward_outcome_add_violation(o, &v), WARD_OK);
	}
	CHECK_EQ_SIZE(o->n_violations, WARD_VIOLATION_NAMES_MAX);
	CHECK_EQ_UINT(o->violations_total, 2000);
	CHECK_STR_EQ(o->violations[7].resource, "/x/7");
	ward_outcome_free(o);
}

static void read_all(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "r");

	out[0] = '\0';
	if (f) {
		out[fread(out, 1, size - 1, f)] = '\0';
		(void)fclose(f);
	}
}

TEST(delivered_where_the_options_say)
{
	char dir[] = "/tmp/ward-outcome-XXXXXX", file[64], head[64], moved[64], text[8192];
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_outcome *o;
	char dest[32];
	int fds[2];

	REQUIRE(r && mkdtemp(dir) && pipe(fds) == 0);
	(void)snprintf(file, sizeof(file), "%s/outcome", dir);
	(void)snprintf(head, sizeof(head), "%s/head", dir);
	(void)snprintf(dest, sizeof(dest), "fd:%d", fds[1]);
	CHECK_EQ_INT(ward_request_set(r, "outcome", file, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "head-to", head, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "report", dest, &err), WARD_OK);
	o = full(r);
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	CHECK_EQ_INT(ward_outcome_deliver(r, o, &err), WARD_OK);
	read_all(file, text, sizeof(text));
	CHECK_STR_EQ(text, ward_outcome_json(o, NULL));
	read_all(head, text, sizeof(text));
	CHECK_STR_EQ(text, "feed\n");
	memset(text, 0, sizeof(text));
	CHECK(read(fds[0], text, sizeof(text) - 1) > 0);
	CHECK_STR_EQ(text, ward_outcome_report(o));
	/* What the run made of the place meanwhile is no reason to follow it. */
	(void)unlink(file);
	CHECK(symlink("/tmp/elsewhere", file) == 0);
	CHECK(ward_outcome_deliver(r, o, &err) < 0);
	CHECK_STR_EQ(err.file, "--outcome");
	/* The directory is the one that it was when the option was given, whatever its name means now. */
	(void)unlink(file);
	(void)snprintf(moved, sizeof(moved), "%s.moved", dir);
	CHECK(rename(dir, moved) == 0 && symlink("/nowhere", dir) == 0);
	CHECK_EQ_INT(ward_outcome_deliver(r, o, &err), WARD_OK);
	CHECK(unlink(dir) == 0 && rename(moved, dir) == 0);
	read_all(file, text, sizeof(text));
	CHECK_STR_EQ(text, ward_outcome_json(o, NULL));
	ward_outcome_free(o);
	ward_request_free(r);
	(void)unlink(file);
	(void)unlink(head);
	(void)rmdir(dir);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static volatile sig_atomic_t signals_seen;

static void count_signal(int sig)
{
	(void)sig;
	signals_seen++;
}

/* A reader that went away, and a file at its limit, are errors of the call: whoever embeds the library is not ended by a signal. */
TEST(delivery_raises_no_signal)
{
	char dir[] = "/tmp/ward-outcome-XXXXXX", file[64], dest[32];
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	struct rlimit old, none;
	struct ward_outcome *o;
	int fds[2];

	REQUIRE(r && mkdtemp(dir) && pipe(fds) == 0 && getrlimit(RLIMIT_FSIZE, &old) == 0);
	(void)snprintf(file, sizeof(file), "%s/outcome", dir);
	(void)snprintf(dest, sizeof(dest), "fd:%d", fds[1]);
	o = full(r);
	CHECK_EQ_INT(ward_outcome_finish(o), WARD_OK);
	(void)signal(SIGPIPE, count_signal);
	(void)signal(SIGXFSZ, count_signal);
	CHECK_EQ_INT(ward_request_set(r, "report", dest, &err), WARD_OK);
	(void)close(fds[0]);
	CHECK_EQ_INT(ward_outcome_deliver(r, o, &err), WARD_E_SYSTEM);
	CHECK_EQ_INT(err.sys_errno, EPIPE);
	CHECK_STR_EQ(err.file, "--report");
	CHECK_EQ_INT(signals_seen, 0);
	CHECK_EQ_INT(ward_request_set(r, "outcome", file, &err), WARD_OK);
	none = (struct rlimit){ 0, old.rlim_max };
	REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
	CHECK_EQ_INT(ward_outcome_deliver(r, o, &err), WARD_E_SYSTEM);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
	CHECK_EQ_INT(err.sys_errno, EFBIG);
	CHECK_STR_EQ(err.file, "--outcome");
	CHECK_EQ_INT(signals_seen, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	ward_outcome_free(o);
	ward_request_free(r);
	(void)rmdir(dir);
	(void)close(fds[1]);
}

TAP_MAIN();
