/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: programs, "#!" lines, runtimes, shims and venvs, each on a real tree. Nothing is ever executed. */
#include <elf.h>
#include <sys/wait.h>

#include "os/os.h"
#include "resolve_util.h"

#define SH "#!/bin/sh\n"

static const char *real_of(const char *path)
{
	static char out[WARD_PATH_MAX];

	return realpath(path, out) ? out : "?";
}

/* ---- the first bytes of a program ---- */

TEST(heads)
{
	static const struct {
		const char *in, *interp, *arg, *error;
		bool env;
	} rows[] = {
		{ "#!/bin/sh\nrest", "/bin/sh", "", NULL, false },
		{ "#!/bin/sh", "/bin/sh", "", NULL, false },
		{ "#! \t/bin/sh  -e \r\n", "/bin/sh", "-e", NULL, false },
		{ "#!/usr/bin/env python3\n", "python3", "", NULL, true },
		{ "#!/usr/bin/env python3 -u\n", "python3", "-u", NULL, true },
		{ "#!/usr/bin/env -S node --x\n", "node", "--x", NULL, true },
		{ "#!/bin/env sh\n", "sh", "", NULL, true },
		{ "#!\n", NULL, NULL, "names no interpreter", false },
		{ "#!", NULL, NULL, "names no interpreter", false },
		{ "#!python\n", NULL, NULL, "names a relative interpreter", false },
		{ "#!../x\n", NULL, NULL, "names a relative interpreter", false },
		{ "#!/bin/sh -a -b\n", NULL, NULL, "has more than one argument", false },
		{ "#!/usr/bin/env\n", NULL, NULL, "names no program behind env", false },
		{ "#!/usr/bin/env -i sh\n", NULL, NULL, "names no program behind env", false },
		{ "#!/usr/bin/env A=b sh\n", NULL, NULL, "names no program behind env", false },
		{ "#!/usr/bin/env ./x\n", NULL, NULL, "names no program behind env", false },
		{ "print(1)\n", "", "", NULL, false },
		{ "", "", "", NULL, false },
		{ "#", "", "", NULL, false },
	};

	TABLE(row, rows) {
		struct ward_head h;
		int r;

		CASE("%s", row->in);
		memset(&h, 0x5a, sizeof(h));
		h.n = strlen(row->in);
		memcpy(h.bytes, row->in, h.n);
		memset(&err, 0, sizeof(err));
		r = ward_head_parse(&h, &err);
		if (row->error) {
			CHECK_EQ_INT(r, WARD_E_PARSE);
			CHECK_STR_CONTAINS(err.message, row->error);
			CHECK(err.fix[0]);
			CHECK(!h.script);
			continue;
		}
		CHECK_EQ_INT(r, WARD_OK);
		CHECK_STR_EQ(h.interp, row->interp);
		CHECK_STR_EQ(h.arg, row->arg);
		CHECK_EQ_INT(h.env, row->env);
		CHECK_EQ_INT(h.script, row->interp[0] != '\0');
		CHECK(!h.elf);
	}
}

TEST(hostile_heads)
{
	struct ward_head h;
	Elf64_Ehdr e = {
		.e_phoff = UINT64_MAX - 8, .e_phnum = 0xffff, .e_phentsize = sizeof(Elf64_Phdr)
	};

	memset(&h, 'a', sizeof(h));
	memcpy(h.bytes, "#!/", 3);
	h.n = WARD_HEAD_MAX;
	CHECK_EQ_INT(ward_head_parse(&h, NULL), WARD_E_PARSE);
	memset(h.bytes, '/', WARD_HEAD_MAX);
	memcpy(h.bytes, "#!", 2);
	h.bytes[WARD_HEAD_MAX - 1] = '\n';
	CHECK_EQ_INT(ward_head_parse(&h, NULL), WARD_OK);
	CHECK_EQ_SIZE(strlen(h.interp), WARD_HEAD_MAX - 3);
	memcpy(h.bytes, "#!/bin/sh\0x\n", 12);
	h.n = 12;
	CHECK_EQ_INT(ward_head_parse(&h, NULL), WARD_E_PARSE);
	/* Program headers that lie nowhere. */
	memset(&h, 0, sizeof(h));
	memcpy(e.e_ident, ELFMAG, SELFMAG);
	e.e_ident[EI_CLASS] = ELFCLASS64;
	memcpy(h.bytes, &e, sizeof(e));
	h.n = WARD_HEAD_MAX;
	CHECK_EQ_INT(ward_head_parse(&h, NULL), WARD_OK);
	CHECK(h.elf);
	CHECK_EQ_UINT(h.loader_n, 0);
	CHECK_EQ_INT(ward_head_read("/bin/true", &h, NULL) == WARD_OK || real_of("/bin/true"), 1);
	CHECK_EQ_INT(ward_head_read(real_of("/bin/sh"), &h, NULL), WARD_OK);
	CHECK(h.elf);
	CHECK_STR_CONTAINS(h.loader, "/ld-");
}

/* Behind the first bytes, where patchelf puts it. */
TEST(a_loader_whose_header_comes_last)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_head h = { 0 };
	Elf64_Ehdr e;
	Elf64_Phdr p, last;
	char *at_last, *at_p;
	FILE *f;

	tree();
	REQUIRE(ward_read_file(real_of("/bin/true"), 1 << 20, &b, NULL) == WARD_OK);
	memcpy(&e, b.s, sizeof(e));
	REQUIRE(e.e_phnum > 4 && e.e_phoff == sizeof(e));
	at_last = b.s + e.e_phoff + (e.e_phnum - 1u) * sizeof(p);
	for (at_p = b.s + e.e_phoff; at_p < at_last; at_p += sizeof(p)) {
		memcpy(&p, at_p, sizeof(p));
		if (p.p_type == PT_INTERP)
			break;
	}
	REQUIRE(at_p < at_last);
	memcpy(&last, at_last, sizeof(last));
	memcpy(at_p, &last, sizeof(last));
	memcpy(at_last, &p, sizeof(p));
	f = fopen(at("late"), "w");
	REQUIRE(f && fwrite(b.s, 1, b.n, f) == b.n && fclose(f) == 0);
	CHECK_EQ_INT(ward_head_read(at("late"), &h, NULL), WARD_OK);
	CHECK(h.elf);
	CHECK_STR_CONTAINS(h.loader, "/ld-");
}

/* ---- CMD ---- */

TEST(commands)
{
	tree();
	put("ws/tool", SH, 0755);
	put("ws/plain", "x", 0644);
	put("ws/bin.sh", SH, 0755);
	OK(RUN("--", "sh", "-c", ":"));
	CHECK_STR_EQ(plan->exe, "/usr/bin/sh");
	CHECK_STR_EQ(plan->argv[0], "sh");
	CHECK_STR_EQ(plan->argv[2], ":");
	CHECK_NULL(plan->argv[3]);
	CHECK_EQ_SIZE(plan->n_exec_paths, 0);
	CHECK(has_rule(WARD_CAP_EXTERNAL_COMMAND, "/**"));
	OK(RUN("--", "/bin/sh"));
	CHECK_STR_EQ(plan->exe, "/bin/sh");
	OK(RUN("--", "./tool", "x"));
	CHECK_STR_EQ(plan->exe, at("ws/tool"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/tool");
	CHECK(node(at("ws/tool"))->exec);
	CHECK(has_rule(WARD_CAP_FILE_READ, at("ws/tool")));
	OK(RUN("--read", ".", "--", "./tool"));
	CHECK_STR_EQ(shows(), "r ws/");
	REQUIRE(chdir(at("ws/dir")) == 0);
	OK(RUN("--", "../tool"));
	CHECK_STR_EQ(plan->exe, at("ws/tool"));
}

/* 127 and 126: ward_request_run's caller reads sys_errno. */
TEST(commands_that_cannot_be_executed)
{
	static const struct {
		const char *cmd;
		int e;
	} rows[] = {
		{ "no-such-program-at-all", ENOENT },
		{ "./no-such", ENOENT },
		{ "/no/such", ENOENT },
		{ "./plain", EACCES },
		{ "./dir", EACCES },
		{ "/usr", EACCES },
		{ ".", EACCES },
		{ "..", EACCES },
		{ "./plain/x", ENOTDIR },
	};

	tree();
	put("ws/plain", SH, 0644);
	TABLE(row, rows) {
		CASE("%s", row->cmd);
		CHECK_EQ_INT(RUN("--", row->cmd), WARD_E_SPAWN);
		CHECK_EQ_INT(err.sys_errno, row->e);
		CHECK_STR_CONTAINS(said(), "cannot be executed");
		if (strstr(row->cmd, "dir") || ward_streq(row->cmd, "/usr") ||
			row->cmd[strspn(row->cmd, ".")] == '\0')
			CHECK_STR_CONTAINS(said(), "it is a directory; name a program");
		CHECK_EQ_INT(err.error_class, WARD_CLASS_EXTERNAL_COMMAND);
	}
}

TEST(the_callers_path)
{
	char path[1024];

	tree();
	put("home/bin/mytool", SH, 0755);
	put("ws/bin/mytool", SH, 0755);
	put("ws/bin/only-here", SH, 0755);
	put_link("home/bin/sneaky", at("ws/bin/only-here"));
	snprintf(path, sizeof(path), "%s:relative:.::%s:/usr/bin", at("ws/bin"), at("home/bin"));
	setenv("PATH", path, 1);
	/* Entries in the workspace are somebody else's choice; a tool of the caller's is that one file. */
	OK(RUN("--", "mytool"));
	CHECK_STR_EQ(plan->exe, at("home/bin/mytool"));
	CHECK_STR_EQ(shows(), "d home/, d home/bin/, r home/bin/mytool, d ws/");
	CHECK_EQ_INT(RUN("--", "only-here"), WARD_E_SPAWN);
	CHECK_EQ_INT(err.sys_errno, ENOENT);
	CHECK_EQ_INT(RUN("--", "sneaky"), WARD_E_SPAWN);
	/* The run's own PATH comes first. */
	put("home/bin/sh", SH, 0755);
	OK(RUN("--", "sh"));
	CHECK_STR_EQ(plan->exe, "/usr/bin/sh");
}

TEST(a_link_in_the_workspace_brings_nothing)
{
	tree();
	put("out/tool", SH, 0755);
	put_link("ws/tool", "../out/tool");
	put_link("ws/sh", "/bin/sh");
	REFUSED(RUN("--", "./tool"), WARD_E_REFUSED, "leads out of the workspace, to \"/tmp/");
	OK(RUN("--", "./sh"));
	CHECK_STR_EQ(shows(), "d ws/, l ws/sh -> /bin/sh");
	/* By its absolute name it was meant. */
	OK(RUN("--", at("ws/tool")));
	CHECK_STR_EQ(shows(), "d out/, r out/tool, d ws/, l ws/tool -> ../out/tool");
}

TEST(sharp_bang_of_a_command)
{
	char text[512];

	tree();
	put("home/.ssh/id_rsa", "SECRET", 0600);
	snprintf(text, sizeof(text), "#!%s\n", at("home/.ssh/id_rsa"));
	put("ws/evil", text, 0755);
	put("home/evil", text, 0755);
	REFUSED(RUN("--", "./evil"), WARD_E_REFUSED, "ws/evil:1: its #! line names \"/tmp/");
	CHECK_STR_CONTAINS(said(), "id_rsa\"");
	chmod(at("home/.ssh/id_rsa"), 0755);
	REFUSED(RUN("--", "./evil"), WARD_E_REFUSED, "ws/evil:1: its #! line names \"/tmp/");
	/* Not from outside the workspace either: a key is no runtime. */
	REFUSED(RUN("--", at("home/evil")), WARD_E_REFUSED,
		"no grant and no runtime of data/runtimes covers");
	snprintf(text, sizeof(text), "#!%s\n", at("home/.ssh/not-there"));
	put("ws/evil", text, 0755);
	/* Whether it exists makes no difference to the answer. */
	REFUSED(RUN("--", "./evil"), WARD_E_REFUSED, "ws/evil:1: its #! line names \"/tmp/");
	put("ws/evil", "#!/usr/bin/no-such-interpreter\n", 0755);
	REFUSED(RUN("--", "./evil"), WARD_E_SPAWN,
		"ws/evil:1: \"/usr/bin/no-such-interpreter\" cannot be executed");
	CHECK_EQ_INT(err.sys_errno, ENOENT);
	put("ws/evil", "#!bin/sh\n", 0755);
	REFUSED(RUN("--", "./evil"), WARD_E_PARSE,
		"ws/evil:1: its #! line names a relative interpreter");
	/* A chain of them. */
	put("ws/s1", SH, 0755);
	for (int i = 2; i < 7; i++) {
		char name[16];

		snprintf(text, sizeof(text), "#!%s%d\n", at("ws/s"), i - 1);
		snprintf(name, sizeof(name), "ws/s%d", i);
		put(name, text, 0755);
	}
	REFUSED(RUN("--", "./s2"), WARD_E_REFUSED, "ws/s2:1: its #! line names");
	OK(RUN("--read", ".", "--", "./s2"));
	REFUSED(RUN("--read", ".", "--", "./s6"), WARD_E_REFUSED, "lead over 4 programs");
	put("ws/self", "x", 0755);
	snprintf(text, sizeof(text), "#!%s\n", at("ws/self"));
	put("ws/self", text, 0755);
	REFUSED(RUN("--read", ".", "--", "./self"), WARD_E_REFUSED, "lead over 4 programs");
}

/* ---- SCRIPT ---- */

TEST(scripts)
{
	tree();
	put("ws/env.x", "#!/usr/bin/env sh -e\n", 0644);
	put("ws/direct.py", "#!/bin/sh\n", 0644);
	put("ws/by.sh", "echo\n", 0600);
	put("ws/empty.sh", "", 0644);
	OK(SCRIPT("env.x", "--", "a", "b"));
	CHECK_STR_EQ(plan->exe, "/usr/bin/sh");
	CHECK_STR_EQ(plan->argv[0], "/usr/bin/sh");
	CHECK_STR_EQ(plan->argv[1], "-e");
	CHECK_STR_EQ(plan->argv[2], at("ws/env.x"));
	OK(SCRIPT("direct.py"));
	CHECK_STR_EQ(plan->exe, "/bin/sh");
	CHECK_STR_EQ(plan->argv[0], "/bin/sh");
	CHECK_STR_EQ(plan->argv[1], at("ws/direct.py"));
	CHECK_STR_EQ(shows(), "d ws/, r ws/direct.py");
	CHECK(!node(at("ws/direct.py"))->exec);
	CHECK(has_rule(WARD_CAP_FILE_READ, at("ws/direct.py")));
	OK(SCRIPT("by.sh"));
	CHECK_STR_EQ(plan->exe, "/usr/bin/sh");
	OK(SCRIPT("empty.sh"));
	OK(SCRIPT("--read", ".", "by.sh"));
	CHECK_STR_EQ(shows(), "r ws/");
	OK(SCRIPT(at("ws/by.sh")));
	put("out/x.sh", "", 0644);
	OK(SCRIPT(at("out/x.sh")));
	CHECK_STR_EQ(shows(), "d out/, r out/x.sh, d ws/");
}

TEST(scripts_execute_their_interpreter_alone)
{
	struct ward_head h;
	char loader[WARD_PATH_MAX];

	tree();
	put("ws/s", "#!/bin/sh\n", 0644);
	OK(SCRIPT("s"));
	CHECK(may_exec(real_of("/bin/sh")));
	REQUIRE(ward_head_read(real_of("/bin/sh"), &h, NULL) == WARD_OK);
	snprintf(loader, sizeof(loader), "%s", real_of(h.loader));
	CHECK(may_exec(loader));
	CHECK(!may_exec(real_of("/usr/bin/env")));
	CHECK_EQ_SIZE(plan->n_exec_paths, 2);
	for (size_t i = 0; i < plan->n_nodes; i++)
		CHECK_MSG(!plan->nodes[i].exec, "%s is executable", plan->nodes[i].dest);
	CHECK(has_rule(WARD_CAP_EXTERNAL_COMMAND, "/bin/sh"));
	CHECK(!has_rule(WARD_CAP_EXTERNAL_COMMAND, "/**"));
	OK(SCRIPT("--cap", "EXTERNAL_COMMAND:env", "s"));
	CHECK(may_exec(real_of("/usr/bin/env")));
	OK(SCRIPT("--cap", "EXTERNAL_COMMAND:/usr/bin/**", "s"));
	CHECK(may_exec("/usr/bin"));
	OK(SCRIPT("--cap", "EXTERNAL_COMMAND:*", "s"));
	CHECK_EQ_SIZE(plan->n_exec_paths, 0);
	CHECK(node("/usr")->exec && node("/tmp")->exec);
	CHECK(has_rule(WARD_CAP_EXTERNAL_COMMAND, "/**"));
}

TEST(scripts_that_are_refused)
{
	static const struct {
		const char *name, *text;
		int code;
		const char *part;
	} rows[] = {
		{ "ws/unknown", "text\n", WARD_E_INVALID, "unknown:1: which interpreter" },
		{ "ws/unknown.xyz", "text\n", WARD_E_INVALID, "is not known" },
		{ "ws/a.py", "#!\n", WARD_E_PARSE, "a.py:1: its #! line names no interpreter" },
		{ "ws/b.py", "#!/root/.ssh/id_rsa\n", WARD_E_REFUSED,
			"b.py:1: its #! line names \"/root/.ssh/id_rsa\"" },
		{ "ws/c.py", "#!/etc/shadow\n", WARD_E_REFUSED,
			"c.py:1: its #! line names \"/etc/shadow\"" },
		{ "ws/d.py", "#!/proc/self/exe\n", WARD_E_REFUSED,
			"d.py:1: its #! line names \"/proc/self/exe\"" },
		{ "ws/e.py", "#!/usr/bin/env no-such-interp\n", WARD_E_SPAWN,
			"e.py:1: the interpreter \"no-such-interp\"" },
		{ "ws/elf", "\177ELF\2\1\1", WARD_E_INVALID,
			"is a program, not a script; ward run" },
	};

	tree();
	TABLE(row, rows) {
		CASE("%s", row->name);
		put(row->name, row->text, 0644);
		REFUSED(SCRIPT(row->name + 3), row->code, row->part);
	}
	REFUSED(SCRIPT("missing.py"), WARD_E_SPAWN, "no such script");
	CHECK_EQ_INT(err.sys_errno, ENOENT);
	REFUSED(SCRIPT("dir"), WARD_E_SPAWN, "is a directory");
	CHECK_EQ_INT(err.sys_errno, EACCES);
	put_link("ws/key.py", "../out/secret");
	REFUSED(SCRIPT("key.py"), WARD_E_REFUSED, "leads out of the workspace");
	CHECK(SCRIPT("/dev/null") < 0);
}

/* ---- EXTERNAL_COMMAND ---- */

TEST(external_command)
{
	tree();
	put("out/bin/tool", SH, 0755);
	put("out/bin/data", "", 0644);
	OK(RUN("--cap", "EXTERNAL_COMMAND:env", "--", "sh"));
	CHECK(may_exec(real_of("/usr/bin/env")) && may_exec(real_of("/bin/sh")));
	CHECK(!node("/usr")->exec);
	char cap[256];
	snprintf(cap, sizeof(cap), "EXTERNAL_COMMAND:%s", at("out/bin/tool"));
	OK(RUN("--cap", cap, "--", "env"));
	CHECK(may_exec(at("out/bin/tool")) && may_exec(real_of("/bin/sh")));
	CHECK_STR_EQ(shows(), "d out/, d out/bin/, r out/bin/tool, d ws/");
	CHECK(has_rule(WARD_CAP_EXTERNAL_COMMAND, at("out/bin/tool")));
	snprintf(cap, sizeof(cap), "EXTERNAL_COMMAND:%s/**", at("out/bin"));
	OK(RUN("--cap", cap, "--", "sh"));
	CHECK(may_exec(at("out/bin")));
	CHECK_STR_EQ(shows(), "d out/, r out/bin/, d ws/");
	snprintf(cap, sizeof(cap), "EXTERNAL_COMMAND:%s", at("out/bin/data"));
	REFUSED(RUN("--cap", cap, "--", "sh"), WARD_E_CAPABILITY, "is not executable");
	REFUSED(RUN("--cap", "EXTERNAL_COMMAND:no-such-tool", "--", "sh"), WARD_E_CAPABILITY,
		"--cap: EXTERNAL_COMMAND \"no-such-tool\": is no program on the run's PATH");
	REFUSED(RUN("--cap", "EXTERNAL_COMMAND:/no/such/**", "--", "sh"), WARD_E_CAPABILITY,
		"is no directory");
	REFUSED(RUN("--cap", "EXTERNAL_COMMAND:/dev/**", "--", "sh"), WARD_E_CAPABILITY,
		"/dev of its own");
	if (access("/usr/lib/git-core", F_OK) == 0 && access("/usr/bin/git", X_OK) == 0) {
		OK(RUN("--cap", "EXTERNAL_COMMAND:git", "--", "sh"));
		CHECK(may_exec("/usr/lib/git-core"));
	}
}

/* ---- runtimes ---- */

static void make_pyenv(void)
{
	put("home/.pyenv/versions/3.12.1/bin/python3.12", SH, 0755);
	put("home/.pyenv/versions/3.12.1/lib/os.py", "", 0644);
	put("home/.pyenv/versions/3.11.7/bin/python3.11", SH, 0755);
	put("home/.pyenv/shims/python3.12", "#!/usr/bin/env bash\nexec pyenv\n", 0755);
	put("home/.pyenv/shims/python3.9", "#!/usr/bin/env bash\nexec pyenv\n", 0755);
	put("home/.pyenv/version", "# a comment\nsystem\n../../evil\n3.11.7\n3.12.1\n", 0644);
	setenv("PATH", at("home/.pyenv/shims"), 1);
}

TEST(shims_are_read_and_never_run)
{
	tree();
	make_pyenv();
	OK(RUN("--", "python3.12", "x.py"));
	CHECK_STR_EQ(plan->exe, at("home/.pyenv/versions/3.12.1/bin/python3.12"));
	CHECK_STR_EQ(shows(),
		"d home/, d home/.pyenv/, d home/.pyenv/versions/, r home/.pyenv/versions/3.12.1/, d ws/");
	CHECK(node(at("home/.pyenv/versions/3.12.1"))->exec);
	CHECK_STR_CONTAINS(env_of("PATH"), at("home/.pyenv/versions/3.12.1/bin"));
	CHECK(has_rule(WARD_CAP_FILE_READ, at("home/.pyenv/versions/3.12.1")));
	CHECK_EQ_INT(RUN("--", "python3.9"), WARD_E_SPAWN);
	CHECK_STR_CONTAINS(said(), "is a shim of pyenv, and no version in \"");
	CHECK_EQ_INT(err.sys_errno, ENOENT);
	/* What the workspace says about versions does not count. */
	put("ws/.python-version", "3.9\n", 0644);
	OK(RUN("--", "python3.12"));
	CHECK_STR_EQ(plan->exe, at("home/.pyenv/versions/3.12.1/bin/python3.12"));
	/* A root that the caller moved. */
	put("moved/versions/3.12.1/bin/python3.12", SH, 0755);
	put("moved/shims/python3.12", SH, 0755);
	put("moved/version", "3.12.1\n", 0644);
	setenv("PYENV_ROOT", at("moved"), 1);
	setenv("PATH", at("moved/shims"), 1);
	OK(RUN("--", "python3.12"));
	CHECK_STR_EQ(plan->exe, at("moved/versions/3.12.1/bin/python3.12"));
}

TEST(rustup)
{
	tree();
	put("home/.cargo/bin/rustup", SH, 0755);
	put("home/.cargo/bin/ward-rg", SH, 0755);
	put_link("home/.cargo/bin/cargo", "rustup");
	put("home/.rustup/settings.toml",
		"version = \"12\"\ndefault_toolchain = \"stable-x\"\n[overrides]\n", 0644);
	put("home/.rustup/toolchains/stable-x/bin/cargo", SH, 0755);
	setenv("PATH", at("home/.cargo/bin"), 1);
	OK(RUN("--", "cargo", "build"));
	CHECK_STR_EQ(plan->exe, at("home/.rustup/toolchains/stable-x/bin/cargo"));
	/* A program beside the shims is itself. */
	OK(RUN("--", "ward-rg"));
	CHECK_STR_EQ(plan->exe, at("home/.cargo/bin/ward-rg"));
	CHECK_STR_EQ(shows(),
		"d home/, d home/.cargo/, d home/.cargo/bin/, r home/.cargo/bin/ward-rg, d ws/");
}

TEST(prefixes_by_path)
{
	tree();
	make_pyenv();
	put("home/.nvm/versions/node/v20/bin/node", SH, 0755);
	put("home/.nvm/secret", "", 0600);
	OK(RUN("--", at("home/.nvm/versions/node/v20/bin/node")));
	CHECK_STR_EQ(shows(),
		"d home/, d home/.nvm/, d home/.nvm/versions/, d home/.nvm/versions/node/, "
		"r home/.nvm/versions/node/v20/, d ws/");
	/* Granted by name, or not: its programs find each other. */
	CHECK_STR_CONTAINS(env_of("PATH"), at("home/.nvm/versions/node/v20/bin"));
	OK(RUN("--read", at("home/.nvm"), "--", at("home/.nvm/versions/node/v20/bin/node")));
	CHECK_STR_CONTAINS(env_of("PATH"), at("home/.nvm/versions/node/v20/bin"));
	CHECK_STR_EQ(shows(), "d home/, r home/.nvm/, d ws/");
	OK(RUN("--env", "PATH=/usr/bin", "--", at("home/.nvm/versions/node/v20/bin/node")));
	CHECK_STR_EQ(env_of("PATH"), "/usr/bin");
	/* A link among the versions is fine, */
	put_link("home/.pyenv/versions/3", "3.12.1");
	OK(RUN("--", at("home/.pyenv/versions/3/bin/python3.12")));
	CHECK_STR_EQ(shows(),
		"d home/, d home/.pyenv/, d home/.pyenv/versions/, l home/.pyenv/versions/3 -> 3.12.1, "
		"r home/.pyenv/versions/3.12.1/, d ws/");
	/* one to something that is no runtime is refused by name, */
	put("out/bin/python3.12", SH, 0755);
	put_link("home/.pyenv/versions/evil", at("out"));
	REFUSED(RUN("--", at("home/.pyenv/versions/evil/bin/python3.12")), WARD_E_REFUSED,
		"home/.pyenv/versions/evil\" (pyenv) does not count: it is a link to \"/tmp/");
	CHECK_STR_CONTAINS(said(), "which is no runtime of data/runtimes");
	/* and so is one to the home. */
	put("home/bin/python3.12", SH, 0755);
	put("home/conda-meta", NULL, 0755);
	put_link("home/.pyenv/versions/home", at("home"));
	REFUSED(RUN("--", at("home/.pyenv/versions/home/bin/python3.12")), WARD_E_REFUSED,
		"does not count: it is your home");
	/* A home that is a link. */
	put_link("homelink", "home");
	setenv("HOME", at("homelink"), 1);
	OK(RUN("--", at("homelink/.pyenv/versions/3.12.1/bin/python3.12")));
	CHECK(node(at("home/.pyenv/versions/3.12.1")));
}

/* A link in the place of a runtime is refused however the program is come by: typed, on the PATH, in a "#!", by links. */
TEST(a_linked_prefix_is_refused_on_every_way)
{
	char line[WARD_PATH_MAX];

	tree();
	put("real/bin/tool", SH, 0755);
	put("home/.pyenv/versions/3.12.1/bin/tool", SH, 0755);
	put_link("home/.pyenv/versions/3.99", at("real"));
	put_link("home/.pyenv/versions/3.98", "/usr");
	put_link("home/.pyenv/versions/3", "3.12.1");
	put_link("home/b/tool-link", "../.pyenv/versions/3.99/bin/tool");
	put_link("home/b/fine", "../.pyenv/versions/3/bin/tool");
	put_link("home/versions", ".pyenv/versions");
	(void)snprintf(line, sizeof(line), "#!%s\n", at("home/.pyenv/versions/3.99/bin/tool"));
	put("home/b/script", line, 0755);
	(void)snprintf(line, sizeof(line), "#!%s\n", at("home/.pyenv/versions/3.98/bin/true"));
	put("ws/script", line, 0755);
	/* With the root where it is, and moved by the variable: what is kept there looks like a runtime all the same. */
	for (int moved = 0; moved < 2; moved++) {
		CASE("%d", moved);
		if (moved)
			setenv("PYENV_ROOT", at("elsewhere"), 1);
#define LINKED(x) REFUSED(x, WARD_E_REFUSED, "(pyenv) does not count: it is a link to")
		LINKED(RUN("--", at("home/.pyenv/versions/3.99/bin/tool")));
		LINKED(RUN("--", at("home/.pyenv/versions/3.98/bin/env")));
		LINKED(RUN("--", at("home/b/tool-link")));
		LINKED(RUN("--", at("home/versions/3.99/bin/tool")));
		LINKED(RUN("--", at("home/b/script")));
		CHECK_STR_CONTAINS(said(), "home/b/script:1: ");
		LINKED(RUN("--read", at("ws"), "--", "./script"));
		setenv("PATH", at("home/.pyenv/versions/3.99/bin"), 1);
		LINKED(RUN("--", "tool"));
		OK(RUN("--", at("home/b/fine")));
		OK(RUN("--", at("home/.pyenv/versions/3/bin/tool")));
		/* Granted by name, it is what it is. */
		OK(RUN("--read", at("home/.pyenv/versions/3.99"), "--",
			at("home/.pyenv/versions/3.99/bin/tool")));
	}
	unsetenv("PYENV_ROOT");
}

TEST(prefixes_that_do_not_count)
{
	tree();
	make_pyenv();
	REQUIRE(chdir(at("home/.pyenv/versions/3.12.1/lib")) == 0);
	REFUSED(RUN("--", at("home/.pyenv/versions/3.12.1/bin/python3.12")), WARD_E_REFUSED,
		"does not count: the workspace lies in it");
	if (getuid() != 0)
		return;
	REQUIRE(chdir(at("ws")) == 0);
	REQUIRE(chown(at("home/.pyenv/versions/3.12.1"), 12345, 12345) == 0);
	REFUSED(RUN("--", at("home/.pyenv/versions/3.12.1/bin/python3.12")), WARD_E_REFUSED,
		"does not count: it belongs to uid 12345");
	/* By name it may be granted all the same. */
	OK(RUN("--read", at("home/.pyenv/versions/3.12.1"), "--",
		at("home/.pyenv/versions/3.12.1/bin/python3.12")));
}

TEST(a_workspace_adds_no_runtime)
{
	char text[512];

	tree();
	make_pyenv();
	snprintf(text, sizeof(text), "#!%s\n", at("home/.pyenv/versions/3.12.1/bin/python3.12"));
	put("ws/in.py", text, 0755);
	put("out/out.py", text, 0755);
	REFUSED(SCRIPT("in.py"), WARD_E_REFUSED, "ws/in.py:1: its #! line names \"");
	CHECK_STR_CONTAINS(said(), "a file in the workspace cannot add to what is");
	REFUSED(RUN("--", "./in.py"), WARD_E_REFUSED,
		"a file in the workspace cannot add to what is");
	/* Granted, it may be chosen; and a script of the caller's elsewhere may bring it. */
	OK(SCRIPT("--read", at("home/.pyenv/versions/3.12.1"), "in.py"));
	OK(SCRIPT(at("out/out.py")));
	CHECK(node(at("home/.pyenv/versions/3.12.1")));
	CHECK(may_exec(at("home/.pyenv/versions/3.12.1/bin/python3.12")));
	/* env looks on the run's PATH only. */
	put("ws/env.py", "#!/usr/bin/env python3.12\n", 0755);
	put("out/env.py", "#!/usr/bin/env python3.12\n", 0755);
	if (access("/usr/bin/python3.12", F_OK) != 0)
		CHECK_EQ_INT(SCRIPT("env.py"), WARD_E_SPAWN);
	OK(SCRIPT(at("out/env.py")));
}

/* ---- venv ---- */

static void make_venv(const char *dir, const char *target, const char *cfg)
{
	char rel[256];

	snprintf(rel, sizeof(rel), "%s/bin/python", dir);
	put_link(rel, target);
	snprintf(rel, sizeof(rel), "%s/lib/site.py", dir);
	put(rel, "", 0644);
	snprintf(rel, sizeof(rel), "%s/pyvenv.cfg", dir);
	put(rel, cfg, 0644);
}

TEST(venvs_of_the_caller)
{
	char cfg[512];

	tree();
	make_pyenv();
	make_venv("home/venv", "/bin/sh", "home = /usr/bin\nversion = 3\n");
	OK(RUN("--", at("home/venv/bin/python")));
	CHECK_STR_EQ(shows(), "d home/, r home/venv/, d ws/");
	CHECK_STR_EQ(plan->exe, at("home/venv/bin/python"));
	snprintf(cfg, sizeof(cfg), "home = %s\n", at("home/.pyenv/versions/3.12.1/bin"));
	make_venv("home/venv2", at("home/.pyenv/versions/3.12.1/bin/python3.12"), cfg);
	OK(RUN("--", at("home/venv2/bin/python")));
	CHECK(node(at("home/venv2")) && node(at("home/.pyenv/versions/3.12.1")));
}

TEST(pyvenv_cfg_is_not_believed)
{
	static const struct {
		const char *home, *part;
	} rows[] = {
		{ "/", "home = \"/\" is the root of the host and no runtime" },
		{ "home", "is your home, or above it, and no runtime" },
		{ "", "is your home, or above it, and no runtime" },
		{ "ws/..", "is your home, or above it, and no runtime" },
		{ "homelink", "is your home, or above it, and no runtime" },
		{ "out", "is no runtime of data/runtimes" },
		{ "none", "does not exist" },
		{ "*relative", "is not an absolute path" },
	};
	static const char *const where[] = { "home/venv", "ws/.venv" };

	tree();
	put_link("homelink", "home");
	put("out/python3", SH, 0755);
	TABLE(row, rows) {
		for (size_t i = 0; i < 2; i++) {
			char cfg[512], cmd[256];

			CASE("%s %s", where[i], row->home);
			snprintf(cfg, sizeof(cfg), "# x\nhome = %s\n",
				row->home[0] == '/'           ? row->home
					: row->home[0] == '*' ? row->home + 1
							      : at(row->home));
			make_venv(where[i], "/bin/sh", cfg);
			snprintf(cmd, sizeof(cmd), "%s/bin/python", at(where[i]));
			if (i == 1 && strcmp(row->home, "out") == 0)
				REFUSED(RUN("--", cmd), WARD_E_REFUSED,
					"a file in the workspace cannot add");
			else
				REFUSED(RUN("--", cmd), WARD_E_REFUSED, row->part);
			CHECK_STR_CONTAINS(said(), "pyvenv.cfg:2: home = ");
		}
	}
	make_venv("home/venv", "/bin/sh", "version = 3\n");
	REFUSED(RUN("--", at("home/venv/bin/python")), WARD_E_REFUSED,
		"pyvenv.cfg: home = \"\" is not there");
}

TEST(a_venv_in_the_workspace_chooses_and_adds_nothing)
{
	char cfg[512];

	tree();
	make_pyenv();
	make_venv("ws/.venv", "/bin/sh", "home = /usr/bin\n");
	OK(RUN("--read", ".", "--", ".venv/bin/python"));
	CHECK_STR_EQ(shows(), "r ws/");
	snprintf(cfg, sizeof(cfg), "home = %s\n", at("home/.pyenv/versions/3.12.1/bin"));
	make_venv("ws/.venv", at("home/.pyenv/versions/3.12.1/bin/python3.12"), cfg);
	REFUSED(RUN("--read", ".", "--", ".venv/bin/python"), WARD_E_REFUSED,
		"is not granted, and a file in the workspace cannot add to what is");
	CHECK_STR_CONTAINS(said(), "ws/.venv/pyvenv.cfg:1: home = ");
	OK(RUN("--read", ".", "--read", at("home/.pyenv/versions/3.12.1"), "--",
		".venv/bin/python"));
	CHECK_STR_EQ(plan->exe, at("ws/.venv/bin/python"));
}

TEST(as_an_ordinary_user)
{
	pid_t pid;
	int status = 0;

	if (getuid() != 0) {
		CHECK(getuid() != 0);
		return;
	}
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		/* Its lines go to stderr: they are not part of this document. */
		dup2(2, 1);
		if (setgid(65534) < 0 || setuid(65534) < 0 || chdir("/tmp") < 0)
			_exit(99);
		execl("/proc/self/exe", "test_resolve_exec", (char *)NULL);
		_exit(98);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ_INT(status, 0);
}

/* The script chose these names, not the caller: no shell may read more in them than a name. */
TEST(fixes_to_paste)
{
	tree();
	put("ws/s.sh", "#!/tmp/x$(touch${IFS}pwned)/`id`\n", 0755);
	put("ws/e.sh", "#!/tmp/x\x1b[2J'y\n", 0755);
	put("ws/n$(id)x", "text\n", 0644);
	put("out/$(id)/p", "#!/bin/sh\n", 0755);
	put_link("ws/tool", at("out/$(id)/p"));

	REFUSED(SCRIPT("s.sh"), WARD_E_REFUSED, "its #! line names ");
	CHECK_STR_CONTAINS(err.fix, "grant it: --read '/tmp/x$(touch${IFS}pwned)/`id`'");
	REFUSED(SCRIPT("e.sh"), WARD_E_REFUSED, "its #! line names ");
	CHECK_STR_CONTAINS(err.fix, "grant it: --read $'/tmp/x\\x1b[2J\\047y'");
	REFUSED(SCRIPT("n$(id)x"), WARD_E_INVALID, "is not known");
	CHECK_STR_CONTAINS(err.fix, "ward run INTERPRETER '/tmp/");
	CHECK(ward_has_suffix(err.fix, "/ws/n$(id)x'"));
	REFUSED(RUN("--", "./tool"), WARD_E_REFUSED, "leads out of the workspace");
	CHECK(ward_has_prefix(err.fix, "if that is meant, name it: '/tmp/"));
	CHECK(ward_has_suffix(err.fix, "/out/$(id)/p'"));
}

TAP_MAIN();
