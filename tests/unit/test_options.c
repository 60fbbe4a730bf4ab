/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table and what each option does to a request: good values arrive, bad ones are refused with place
 * and fix and change nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/request.h"
#include "tap.h"

TEST(table_is_complete)
{
	size_t n = 0;
	const struct ward_option *o = ward_options(&n);

	CHECK(n >= 31);
	for (size_t i = 0; i < n; i++) {
		CASE("%s", o[i].name);
		CHECK(o[i].help && strlen(o[i].help) > 8);
		CHECK(o[i].text && strlen(o[i].text) > 20);
		CHECK(o[i].group && o[i].group[0]);
		CHECK_EQ_INT(ward_option_index(o[i].name), i);
	}
	CHECK_EQ_INT(ward_option_index("no-such"), -1);
}

/* The help of --cap and its completion say what is held, and no more. */
TEST(types_that_are_held_are_told)
{
	size_t n = 0, commas = 0, bars = 0, held = 0;
	const struct ward_option *o = &ward_options(&n)[ward_option_index("cap")];
	const char *list = strstr(o->text, "Types held today: ");
	const char *end = list ? strchr(list, '.') : NULL;

	REQUIRE(list && end);
	for (const char *s = list; s < end; s++)
		commas += *s == ',';
	for (const char *s = o->choices; *s; s++)
		bars += *s == '|';
	for (int t = WARD_CAP_NONE + 1; t < WARD_CAP_TYPE_MAX; t++) {
		const char *name = ward_cap_type_name((enum ward_cap_type)t);
		const char *told = strstr(list, name);

		CASE("%s", name);
		if (!ward_cap_type_held((enum ward_cap_type)t))
			continue;
		held++;
		CHECK(told && told < end);
		CHECK(strstr(o->choices, name));
	}
	CHECK_EQ_SIZE(commas + 1, held);
	CHECK_EQ_SIZE(bars + 1, held);
}

/* Each row of the table as the contract lists them. */
TEST(table_has_the_options_of_the_contract)
{
	static const char *const names[] = { "cap", "capabilities", "read", "write", "workspace",
		"cwd", "env", "timeout", "grace", "cpus", "memory", "pids", "disk", "output-limit",
		"nofile", "stdin", "tty", "audit", "head-to", "outcome", "report", "json",
		"dry-run", "fail-on-violation", "backend", "require", "accept", "attribution",
		"deny-errno", "i-know", "quiet", "mode", "profile", "policy", "approve", "ask",
		"ask-timeout", "repo-root", "environment", "label", "component", "trust", "tier",
		"no-late-names", "resolver", "net-limit", "publish", "review", "disk-backend",
		"caches", "upstream-proxy", "upstream-direct" };
	size_t n = 0;

	(void)ward_options(&n);
	CHECK_EQ_SIZE(n, WARD_ARRAY_SIZE(names));
	TABLE(name, names) {
		CASE("%s", *name);
		CHECK(ward_option_index(*name) >= 0);
	}
}

TEST(defaults_of_run)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);

	REQUIRE(r);
	CHECK_EQ_UINT(r->limits.memory, 0);
	CHECK_EQ_UINT(r->limits.millicpus, 0);
	CHECK_EQ_UINT(r->limits.pids, 4096);
	CHECK_EQ_UINT(r->limits.disk, 1u << 30);
	CHECK_EQ_UINT(r->limits.output, 0);
	CHECK_EQ_UINT(r->limits.timeout_ms, 0);
	CHECK_EQ_UINT(r->limits.grace_ms, 5000);
	CHECK_EQ_UINT(r->limits.nofile, 1024);
	CHECK_EQ_INT(r->backend, WARD_BACKEND_NATIVE);
	CHECK_EQ_INT(r->attribution, WARD_ATTR_AUTO);
	CHECK_EQ_INT(r->deny_errno, ENOENT);
	for (int i = 0; i < WARD_AXIS_MAX; i++) {
		CHECK_EQ_INT(r->require[i], -1);
		CHECK_EQ_INT(r->accept[i], -1);
	}
	ward_request_free(r);
}

TEST(defaults_of_script)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_SCRIPT);

	REQUIRE(r);
	CHECK_EQ_UINT(r->limits.memory, 256u << 20);
	CHECK_EQ_UINT(r->limits.millicpus, 1000);
	CHECK_EQ_UINT(r->limits.pids, 128);
	CHECK_EQ_UINT(r->limits.disk, 256u << 20);
	CHECK_EQ_UINT(r->limits.output, 64u << 20);
	CHECK_EQ_UINT(r->limits.grace_ms, 5000);
	CHECK_EQ_UINT(r->limits.nofile, 1024);
	ward_request_free(r);
	CHECK_NULL(ward_request_new((enum ward_command_kind)7));
	ward_request_free(NULL);
}

static void format_limit(char *out, size_t size, const char *unit, uint64_t value)
{
	if (ward_streq(unit, "bytes"))
		ward_format_size(value, out, size);
	else if (ward_streq(unit, "ms"))
		(void)snprintf(out, size, "%us", (unsigned)(value / 1000));
	else
		(void)snprintf(out, size, "%u", (unsigned)value);
}

TEST(texts_name_the_defaults)
{
	struct ward_request *run = ward_request_new(WARD_COMMAND_RUN),
			    *script = ward_request_new(WARD_COMMAND_SCRIPT);
	const struct ward_limits *a, *b;
	size_t n = 0;
	const struct ward_option *o = ward_options(&n);

	REQUIRE(run && script);
	a = &run->limits;
	b = &script->limits;
	const struct {
		const char *name, *unit;
		uint64_t run, script; /* 0: said in words */
	} rows[] = {
		{ "memory", "bytes", 0, b->memory },
		{ "cpus", "number", 0, b->millicpus / 1000 },
		{ "pids", "number", a->pids, b->pids },
		{ "disk", "bytes", a->disk, b->disk },
		{ "output-limit", "bytes", a->output, b->output },
		{ "grace", "ms", a->grace_ms, b->grace_ms },
		{ "nofile", "number", a->nofile, b->nofile },
	};
	TABLE(row, rows) {
		const struct ward_option *option = &o[ward_option_index(row->name)];
		char text[32];

		CASE("%s", row->name);
		format_limit(text, sizeof(text), row->unit, row->script);
		CHECK_STR_CONTAINS(option->text, text);
		CHECK_STR_CONTAINS(option->help, text);
		if (!row->run)
			continue;
		format_limit(text, sizeof(text), row->unit, row->run);
		CHECK_STR_CONTAINS(option->text, text);
		CHECK_STR_CONTAINS(option->help, text);
	}
	CHECK_EQ_UINT(a->memory, 0);
	CHECK_STR_CONTAINS(o[ward_option_index("memory")].text, "75 %");
	ward_request_free(run);
	ward_request_free(script);
}

TEST(good_values_arrive)
{
	static const struct {
		const char *name, *value;
	} good[] = {
		{ "timeout", "1.5m" },
		{ "grace", "200ms" },
		{ "cpus", "0.5" },
		{ "memory", "50M" },
		{ "pids", "7" },
		{ "disk", "1M" },
		{ "output-limit", "2K" },
		{ "nofile", "64" },
		{ "net-limit", "bytes-up=10M,rate=5" },
		{ "workspace", "/srv" },
		{ "cwd", "sub" },
		{ "audit", "/dev/null" },
		{ "resolver", "[2001:db8::53]:5353" },
		{ "env", "A=b=c" },
		{ "env", "LANG" },
		{ "cap", "FILE_READ:src/**" },
		{ "read", "." },
		{ "write", "out" },
		{ "require", "pids=enforced" },
		{ "accept", "exec=none" },
		{ "backend", "direct" },
		{ "attribution", "notify" },
		{ "deny-errno", "EACCES" },
		{ "stdin", "null" },
		{ "json", NULL },
		{ "quiet", NULL },
		{ "publish", "127.0.0.1:0:8080" },
		{ "i-know", NULL },
		{ "dry-run", NULL },
		{ "fail-on-violation", NULL },
	};
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);

	REQUIRE(r);
	TABLE(g, good) {
		struct ward_error err = WARD_ERROR_INIT;

		CASE("%s", g->name);
		CHECK_MSG(ward_request_set(r, g->name, g->value, &err) == WARD_OK, "%s: %s",
			g->name, err.message);
		CHECK(ward_request_given(r, g->name));
	}
	CHECK_EQ_UINT(r->limits.timeout_ms, 90000);
	CHECK_EQ_UINT(r->limits.grace_ms, 200);
	CHECK_EQ_UINT(r->limits.millicpus, 500);
	CHECK_EQ_UINT(r->limits.memory, 50u << 20);
	CHECK_EQ_UINT(r->limits.pids, 7);
	CHECK_EQ_UINT(r->limits.disk, 1u << 20);
	CHECK_EQ_UINT(r->limits.output, 2048);
	CHECK_EQ_UINT(r->limits.nofile, 64);
	CHECK_STR_EQ(r->workspace, "/srv");
	CHECK_STR_EQ(r->cwd, "sub");
	CHECK_STR_EQ(r->audit, "/dev/null");
	CHECK_EQ_SIZE(r->n_env, 1);
	CHECK_STR_EQ(r->env[0].name, "A");
	CHECK_STR_EQ(r->env[0].value, "b=c");
	CHECK_EQ_SIZE(r->caps.n, 5);
	CHECK_EQ_INT(r->caps.v[0].type, WARD_CAP_ENV);
	CHECK_EQ_INT(r->caps.v[1].type, WARD_CAP_FILE_READ);
	CHECK(!r->caps.v[1].literal);
	CHECK(r->caps.v[2].literal);
	CHECK_STR_EQ(r->caps.v[2].origin.file, "--read");
	CHECK_EQ_INT(r->caps.v[3].type, WARD_CAP_FILE_WRITE);
	CHECK_EQ_INT(r->caps.v[4].type, WARD_CAP_NETWORK_LISTEN);
	/* Whatever the kernel will choose. */
	CHECK_STR_EQ(r->caps.v[4].resource, "127.0.0.1:*");
	CHECK_EQ_SIZE(r->n_publishes, 1);
	CHECK_EQ_UINT(r->publishes[0].port, 0);
	CHECK_EQ_UINT(r->publishes[0].inner, 8080);
	CHECK_EQ_INT(r->require[WARD_AXIS_PIDS], WARD_LEVEL_ENFORCED);
	CHECK_EQ_INT(r->accept[WARD_AXIS_EXEC], WARD_LEVEL_NONE);
	CHECK_EQ_INT(r->backend, WARD_BACKEND_DIRECT);
	CHECK_EQ_INT(r->attribution, WARD_ATTR_NOTIFY);
	CHECK_EQ_INT(r->deny_errno, EACCES);
	CHECK_STR_EQ(r->stdin_mode, "null");
	CHECK(r->json && r->quiet && r->i_know && r->dry_run && r->fail_on_violation);
	CHECK(!ward_request_given(r, "tty"));
	CHECK(!ward_request_given(r, "no-such"));
	ward_request_free(r);
}

TEST(forms_of_what_is_published)
{
	static const struct {
		const char *value, *first, *second; /* second NULL: one address alone */
		unsigned port, inner;
	} rows[] = {
		{ "8080", "127.0.0.1:8080", "[::1]:8080", 8080, 8080 },
		{ "80:8080", "127.0.0.1:80", "[::1]:80", 80, 8080 },
		{ "80:8080/tcp", "127.0.0.1:80", "[::1]:80", 80, 8080 },
		{ "localhost:80:8080", "127.0.0.1:80", "[::1]:80", 80, 8080 },
		{ "localhost:8080", "127.0.0.1:8080", "[::1]:8080", 8080, 8080 },
		{ "0:8080", "127.0.0.1:*", "[::1]:*", 0, 8080 },
		{ ":8080", "127.0.0.1:*", "[::1]:*", 0, 8080 },
		{ "10.1.2.3:80:8080", "10.1.2.3:80", NULL, 80, 8080 },
		{ "10.1.2.3:8080", "10.1.2.3:8080", NULL, 8080, 8080 },
		{ "10.1.2.3::8080", "10.1.2.3:*", NULL, 0, 8080 },
		{ "0.0.0.0:80:8080", "0.0.0.0:80", NULL, 80, 8080 },
		{ "[::1]:80:8080", "[::1]:80", NULL, 80, 8080 },
		{ "[2001:DB8:0::1]:80:8080", "[2001:db8::1]:80", NULL, 80, 8080 },
		{ "[::]:8080", "[::]:8080", NULL, 8080, 8080 },
		{ "65535:65535", "127.0.0.1:65535", "[::1]:65535", 65535, 65535 },
	};

	TABLE(row, rows) {
		struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
		struct ward_error err = WARD_ERROR_INIT;

		CASE("%s", row->value);
		CHECK_MSG(ward_request_set(r, "publish", row->value, &err) == WARD_OK, "%s",
			err.message);
		CHECK_EQ_SIZE(r->n_publishes, row->second ? 2 : 1);
		CHECK_EQ_SIZE(r->caps.n, r->n_publishes);
		for (size_t i = 0; i < r->n_publishes && i < r->caps.n; i++) {
			CHECK_EQ_INT(r->caps.v[i].type, WARD_CAP_NETWORK_LISTEN);
			CHECK_STR_EQ(r->caps.v[i].resource, i ? row->second : row->first);
			CHECK_EQ_UINT(r->publishes[i].port, row->port);
			CHECK_EQ_UINT(r->publishes[i].inner, row->inner);
			CHECK_EQ_INT(r->publishes[i].spare, i == 1);
		}
		ward_request_free(r);
	}
}

/* place: what err.file must be; fix: what the fix must contain. */
TEST(bad_values_are_refused)
{
	static const struct {
		const char *name, *value, *place, *says;
	} bad[] = {
		{ "memory", "0", "--memory", NULL },
		{ "memory", "1K", "--memory", "1M" },
		{ "memory", "12Q", "--memory", NULL },
		{ "memory", "", "--memory", NULL },
		{ "memory", NULL, "--memory", "--memory SIZE" },
		{ "timeout", "-1", "--timeout", NULL },
		{ "timeout", "1e999", "--timeout", NULL },
		{ "timeout", "nan", "--timeout", NULL },
		{ "timeout", "0", "--timeout", NULL },
		{ "grace", "2h", "--grace", "1h" },
		{ "cpus", "0", "--cpus", NULL },
		{ "cpus", "1,5", "--cpus", NULL },
		{ "pids", "0", "--pids", NULL },
		{ "pids", "1", "--pids", "2 to 4194304" },
		{ "pids", "9999999999", "--pids", NULL },
		{ "pids", "1 ", "--pids", NULL },
		{ "disk", "1", "--disk", "64K" },
		{ "nofile", "3", "--nofile", NULL },
		{ "output-limit", "0", "--output-limit", NULL },
		{ "cap", "FILE_RAED:x", "--cap", "FILE_READ" },
		{ "cap", "FILE_READ", "--cap", NULL },
		{ "cap", "FILE_READ:", "--cap", NULL },
		{ "cap", "FILE_READ:../x", "--cap", NULL },
		{ "cap", "NETWORK_LISTEN:127.0.0.1:0", "--cap", NULL },
		{ "publish", "", "--publish", "PORT" },
		{ "publish", "0", "--publish", "no server listens at port 0" },
		{ "publish", "8080:0", "--publish", "no server listens at port 0" },
		{ "publish", "65536", "--publish", "1 to 65535" },
		{ "publish", "08080", "--publish", NULL },
		{ "publish", "+80:8080", "--publish", NULL },
		{ "publish", "8000-8010:8000", "--publish", NULL },
		{ "publish", "8000-8010", "--publish", "range" },
		{ "publish", "a:8080", "--publish", "ADDRESS" },
		{ "publish", "example.com:80:8080", "--publish", "no address" },
		{ "publish", "*:80:8080", "--publish", "no address" },
		{ "publish", "127.1:80:8080", "--publish", "no address" },
		{ "publish", "10.0.0.0/8:80:8080", "--publish", "no address" },
		{ "publish", "::1:80:8080", "--publish", "brackets" },
		{ "publish", "[::1]", "--publish", "brackets" },
		{ "publish", "[::1]8080", "--publish", "brackets" },
		{ "publish", "[fe80::1%lo]:80:8080", "--publish", "no address" },
		{ "publish", "1:2:3:4", "--publish", NULL },
		{ "publish", "8080/udp", "--publish", "only TCP" },
		{ "publish", "8080:", "--publish", NULL },
		{ "publish", "127.0.0.1:80:", "--publish", NULL },
		{ "cap", "NETWORK_CONNECT:api.example.org:99999", "--cap", NULL },
		{ "read", "", "--read", NULL },
		{ "write", "", "--write", NULL },
		{ "workspace", "", "--workspace", NULL },
		{ "cwd", "", "--cwd", NULL },
		{ "audit", "", "--audit", NULL },
		{ "resolver", "", "--resolver", "ADDRESS:PORT" },
		{ "resolver", "dns.example", "--resolver", "ADDRESS:PORT" },
		{ "resolver", "192.0.2.1:0", "--resolver", "ADDRESS:PORT" },
		{ "upstream-proxy", "", "--upstream-proxy", NULL },
		{ "upstream-proxy", "proxy.example", "--upstream-proxy", "http://HOST:PORT" },
		{ "upstream-proxy", "http://u:p@192.0.2.1:1", "--upstream-proxy", "file:PATH" },
		{ "upstream-proxy", "file:", "--upstream-proxy", NULL },
		{ "upstream-direct", "", "--upstream-direct", NULL },
		{ "upstream-direct", "10.0.0.0/33", "--upstream-direct", "10.0.0.0/8" },
		{ "env", "", "--env", NULL },
		{ "env", "=x", "--env", NULL },
		{ "env", "1A=x", "--env", NULL },
		{ "env", "A B=x", "--env", NULL },
		{ "env", "A-B", "--env", NULL },
		{ "require", "fils=enforced", "--require", "files" },
		{ "require", "files=enforce", "--require", "enforced" },
		{ "require", "files", "--require", NULL },
		{ "accept", "=none", "--accept", NULL },
		{ "backend", "natve", "--backend", "native" },
		{ "backend", "", "--backend", "native" },
		{ "attribution", "fused", "--attribution", "fuse" },
		{ "deny-errno", "EPERM", "--deny-errno", "ENOENT" },
		{ "stdin", "nul", "--stdin", "null" },
		{ "stdin", "file:PATH", "--stdin", NULL },
		{ "stdin", "file:", "--stdin", NULL },
		{ "stdin", "file:/no/such/file", "--stdin", NULL },
		{ "stdin", "file:/", "--stdin", NULL },
		{ "outcome", "", "--outcome", NULL },
		{ "outcome", "/no/such/dir/file", "--outcome", NULL },
		{ "outcome", "/", "--outcome", NULL },
		{ "outcome", "/dev/null", "--outcome", "fd:N" },
		{ "outcome", "/dev/stdout", "--outcome", "fd:N" },
		{ "outcome", "fd:0", "--outcome", NULL },
		{ "outcome", "fd:x", "--outcome", NULL },
		{ "outcome", "fd:", "--outcome", NULL },
		{ "outcome", "fd:977", "--outcome", NULL },
		{ "report", "fd:977", "--report", NULL },
		{ "head-to", "fd:-1", "--head-to", NULL },
		{ "json", "yes", "--json", NULL },
		{ "capabilities", "/no/such/file", NULL, NULL },
		{ "capabilities", "/dev", NULL, NULL },
		{ "capabilities", "/dev/zero", NULL, NULL },
		{ "capabilites", "x", "--capabilites", "--capabilities" },
		{ "zzzzzzzzzz", "x", "--zzzzzzzzzz", "help" },
	};
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);

	REQUIRE(r);
	TABLE(b, bad) {
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_limits before = r->limits;

		CASE("--%s %s", b->name, b->value ? b->value : "(none)");
		CHECK(ward_request_set(r, b->name, b->value, &err) < 0);
		CHECK(err.code < 0);
		CHECK(err.message[0] != '\0');
		CHECK(strchr(err.message, '\n') == NULL);
		CHECK(err.fix[0] != '\0');
		CHECK(err.file[0] != '\0' || strstr(err.message, "unknown option"));
		if (b->place && ward_option_index(b->name) >= 0)
			CHECK(ward_has_prefix(err.file, b->place));
		if (b->says)
			CHECK_MSG(strstr(err.fix, b->says) || strstr(err.message, b->says),
				"\"%s; %s\" lacks %s", err.message, err.fix, b->says);
		CHECK(memcmp(&before, &r->limits, sizeof(before)) == 0);
		CHECK(!ward_request_given(r, b->name));
	}
	CHECK_EQ_SIZE(r->caps.n, 0);
	CHECK_EQ_SIZE(r->n_env, 0);
	CHECK_NULL(r->stdin_mode);
	CHECK_NULL(r->outcome.text);
	CHECK_EQ_INT(r->outcome.dir, -1);
	ward_request_free(r);
}

TEST(an_option_is_given_once)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;

	REQUIRE(r);
	CHECK_EQ_INT(ward_request_set(r, "memory", "64M", &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "memory", "65M", &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "twice");
	CHECK_EQ_UINT(r->limits.memory, 64u << 20);
	CHECK_EQ_INT(ward_request_set(r, "quiet", NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "quiet", NULL, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_request_set(r, "read", "a", &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "read", "b", &err), WARD_OK);
	CHECK_EQ_INT(r->caps.v[1].origin.index, 2);
	CHECK_EQ_INT(ward_request_set(r, "env", "A=1", &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "env", "A=2", &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_request_set(r, "accept", "pids=none", &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "accept", "pids=sampled", &err), WARD_E_INVALID);
	CHECK_EQ_INT(r->accept[WARD_AXIS_PIDS], WARD_LEVEL_NONE);
	ward_request_free(r);
}

TEST(tty_excludes_what_it_replaces)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;

	REQUIRE(r);
	CHECK_EQ_INT(ward_request_set(r, "tty", NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "json", NULL, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "--tty");
	CHECK_EQ_INT(ward_request_set(r, "stdin", "null", &err), WARD_E_INVALID);
	ward_request_free(r);
	r = ward_request_new(WARD_COMMAND_RUN);
	REQUIRE(r);
	CHECK_EQ_INT(ward_request_set(r, "json", NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "tty", NULL, &err), WARD_E_INVALID);
	ward_request_free(r);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	REQUIRE(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

TEST(capability_file_all_or_nothing)
{
	char dir[] = "/tmp/ward-options-XXXXXX", path[64];
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;

	REQUIRE(r && mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/caps.json", dir);
	write_file(path,
		"[{\"type\":\"FILE_READ\",\"resource\":\"a\"},\n{\"type\":\"FILE_RAED\",\"resource\":\"b\"}]");
	CHECK(ward_request_set(r, "capabilities", path, &err) < 0);
	CHECK_EQ_SIZE(r->caps.n, 0);
	CHECK_STR_EQ(err.file, path);
	CHECK_EQ_INT(err.line, 2);
	CHECK_STR_CONTAINS(err.fix, "FILE_READ");
	write_file(path,
		"{\"capabilities\":[{\"type\":\"FILE_READ\",\"resource\":\"a\",\"description\":\"d\"}]}");
	CHECK_EQ_INT(ward_request_set(r, "capabilities", path, &err), WARD_OK);
	CHECK_EQ_SIZE(r->caps.n, 1);
	write_file(path, "\xff\xfe[]");
	CHECK(ward_request_set(r, "capabilities", path, &err) < 0);
	CHECK(truncate(path, WARD_CAPFILE_BYTES_MAX + 1) == 0);
	CHECK(ward_request_set(r, "capabilities", path, &err) < 0);
	CHECK_EQ_SIZE(r->caps.n, 1);
	ward_request_free(r);
	(void)unlink(path);
	(void)rmdir(dir);
}

TEST(command_is_copied_and_checked)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	char word[] = "ls", arg[] = "-l", empty[] = "";
	char *argv[] = { word, arg, NULL }, *none[] = { empty, NULL };

	REQUIRE(r);
	CHECK_EQ_INT(ward_request_command(r, 0, argv, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.message, "no command");
	CHECK_EQ_INT(ward_request_command(r, 1, none, &err), WARD_E_INVALID);
	CHECK_NULL(r->argv);
	CHECK_EQ_INT(ward_request_command(r, 2, argv, &err), WARD_OK);
	word[0] = 'X';
	CHECK_EQ_INT(r->argc, 2);
	CHECK_STR_EQ(r->argv[0], "ls");
	CHECK_STR_EQ(r->argv[1], "-l");
	CHECK_NULL(r->argv[2]);
	ward_request_free(r);
}

TEST(a_command_line_has_a_maximum)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	char *big = malloc(WARD_ARGV_BYTES_MAX + 2);
	char word[] = "ls";
	char *argv[] = { word, big, NULL };

	REQUIRE(r && big);
	memset(big, 'x', WARD_ARGV_BYTES_MAX + 1);
	big[WARD_ARGV_BYTES_MAX + 1] = '\0';
	CHECK_EQ_INT(ward_request_command(r, 2, argv, &err), WARD_E_LIMIT);
	free(big);
	ward_request_free(r);
}

TEST(signals_wait_for_the_supervisor)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	unsigned char got[WARD_SIGNALS_MAX] = { 0 };

	REQUIRE(r);
	CHECK_EQ_INT(ward_request_signals(r, got), 0);
	ward_request_signal(r, 15);
	ward_request_signal(r, 0);
	ward_request_signal(r, 4000);
	ward_request_signal(r, 9);
	CHECK_EQ_INT(ward_request_signals(r, got), 2);
	CHECK_EQ_INT(got[0], 15);
	CHECK_EQ_INT(got[1], 9);
	/* Each waits once, and what comes behind a flood of another is not lost. */
	for (int i = 0; i < 200000; i++)
		ward_request_signal(r, 10);
	ward_request_signal(r, 15);
	CHECK_EQ_INT(ward_request_signals(r, got), 2);
	CHECK_EQ_INT(got[0], 10);
	CHECK_EQ_INT(got[1], 15);
	CHECK_EQ_INT(ward_request_signals(r, got), 0);
	ward_request_signal(r, 10);
	CHECK_EQ_INT(ward_request_signals(r, got), 1);
	ward_request_signal(NULL, 15);
	ward_request_free(r);
}

TEST(descriptor_of_ours_is_no_destination)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	char dest[32];
	int fds[2];

	REQUIRE(r);
	(void)snprintf(dest, sizeof(dest), "fd:%d", r->signal_fd[1]);
	CHECK(ward_request_set(r, "outcome", dest, &err) < 0);
	REQUIRE(pipe(fds) == 0);
	(void)snprintf(dest, sizeof(dest), "fd:%d", fds[0]);
	CHECK(ward_request_set(r, "outcome", dest, &err) < 0);
	CHECK_STR_CONTAINS(err.message, "writing");
	(void)snprintf(dest, sizeof(dest), "fd:%d", fds[1]);
	CHECK_EQ_INT(ward_request_set(r, "outcome", dest, &err), WARD_OK);
	(void)close(fds[0]);
	(void)close(fds[1]);
	ward_request_free(r);
}

TEST(an_option_with_its_dashes_is_told_to_have_none_here)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;

	REQUIRE(r);
	CHECK_EQ_INT(ward_request_set(r, "--read", ".", &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.fix, "no dashes: \"read\"");
	ward_request_free(r);
}

TAP_MAIN();
