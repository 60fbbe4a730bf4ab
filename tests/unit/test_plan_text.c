/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan for people, line by line: plans that are made by hand, with one thing of each kind, and what is said of them. What is not
 * there is not said; more than is shown is counted.
 */
#include "plan/internal.h"
#include "plan_util.h"

static struct ward_rule rules_[] = {
	{ .type = WARD_CAP_FILE_WRITE,
		.pattern = "/w",
		.literal = true,
		.subtree = true,
		.text = "--write ." },
	{ .type = WARD_CAP_FILE_READ, .pattern = "/d/*.csv", .text = "caps.json:3 \x1b[2J" },
	{ .type = WARD_CAP_FILE_READ, .pattern = "/d/x", .literal = true, .text = "say \"x\"" },
	{ .text = "beyond the last" }, /* not of the plan, and never read */
};
static struct ward_node nodes_[] = {
	NODE(DIR, "/", .base = true),
	BIND("/base", .base = true, .exec = true),
	{ .kind = WARD_NODE_BIND, .dest = "/file", .source = "/else where", .rule = 1 },
	BIND_OF(0, true, "/w", .write = true, .exec = true),
	BIND("/w/.git", .later = "git runs it"),
	BIND_OF(3, true, "/w/o"),
	NODE(DEV, "/dev", .base = true),
	NODE(DENIED, "/usr/bin/x"),
	NODE(FILE, "/etc/passwd", .source = "x", .base = true),
	NODE(MASK, "/w/secret"),
	NODE(PROC, "/proc", .base = true),
	NODE(SYMLINK, "/bin", .source = "usr/bin", .base = true),
	NODE(TMPFS, "/tmp", .size = 16 * MIB, .base = true),
	NODE(DIR, "/made"),
};
static const char *const exec_paths_[] = { "/w/tool", "/w/a b" };
static const char *const warnings_[] = { "a warning", "a \"second\"" };
static struct ward_ask_thing things_[20];
static struct ward_asked asked_[] = {
	{ .file = "a.cedar",
		.line = 7,
		.level = WARD_APPROVAL_RISKY,
		.reason = "why",
		.id = "id",
		.things = things_,
		.n_things = 2,
		.digest = "0123456789abcdef" },
	{ .file = "b.cedar",
		.line = 8,
		.level = WARD_APPROVAL_CRITICAL,
		.id = "named",
		.things = things_,
		.n_things = 20,
		.digest = "fedcba9876543210" },
	{ .file = "c.cedar",
		.line = 9,
		.level = WARD_APPROVAL_RISKY,
		.things = things_,
		.n_things = 16,
		.digest = "aa" },
};
static const struct ward_asks asks_ = { .v = asked_, .n = 3 }, no_asks = { .v = asked_, .n = 0 };

static struct ward_plan plan_of_everything(void)
{
	struct ward_plan p = { .workspace = "/w",
		.cwd = "/w/sub",
		.repo_root = "/repo",
		.argv = argv_,
		.exe = "/bin/tool",
		.env = env_,
		.nodes = nodes_,
		.n_nodes = WARD_ARRAY_SIZE(nodes_),
		.exec_paths = exec_paths_,
		.n_exec_paths = 2,
		.rules = rules_,
		.n_rules = 3,
		.limits = { .memory = 64 * MIB,
			.millicpus = 1500,
			.pids = 8,
			.disk = 16 * MIB,
			.output = MIB,
			.timeout_ms = 2500,
			.grace_ms = 5000,
			.nofile = 64 },
		.seccomp = WARD_SECCOMP_NETLINK_ROUTE | WARD_SECCOMP_NOTIFY_WRITE,
		.attribution = WARD_ATTR_FUSE,
		.deny_errno = EACCES,
		.audit_off = true,
		.inside_uid = 1000,
		.inside_gid = 1001,
		.host_uid = 64646,
		.host_gid = 64647,
		.asks = &asks_,
		.late_names = WARD_LATE_TOLD,
		.warnings = warnings_,
		.n_warnings = 2,
		.sha256 = "abc" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(things_); i++)
		things_[i] = (struct ward_ask_thing){
			.action = WARD_ACT_FS_READ, .resource = i ? "/b c" : "/a", .below = !i
		};
	for (int a = 0; a < WARD_AXIS_MAX; a++)
		p.axes[a] = (struct ward_axis_state){
			.level = WARD_LEVEL_ENFORCED, .by = "that", .fix = "not needed"
		};
	p.axes[WARD_AXIS_CPU] = (struct ward_axis_state){
		.level = WARD_LEVEL_SAMPLED, .by = "this", .fix = "do it"
	};
	p.axes[WARD_AXIS_DISK] = (struct ward_axis_state){ .level = WARD_LEVEL_NONE,
		.by = "nothing",
		.fix = "",
		.required = WARD_LEVEL_ADVISORY,
		.accepted = true };
	return p;
}

static const char *text_of(const struct ward_plan *p)
{
	static struct ward_buf b;

	ward_buf_clear(&b);
	ward_buf_addc(&b, '\n');
	ward_plan_text(p, &b);
	return ward_buf_cstr(&b);
}

/* Whole lines, in this order and each once. */
static const char *const everything[] = {
	"backend     native (tier 1)",
	"runs        /bin/tool",
	"argv        tool --flag",
	"workspace   /w",
	"repository  /repo",
	"cwd         /w/sub",
	"ids         1000:1001 inside, 64646:64647 on the host",
	"environment TOKEN A1 A",
	"limits      memory 64M, pids 8, disk 16M, nofile 64, cpus 1.500, output 1M a stream, timeout 2500ms, grace 5000ms",
	"seccomp     allowlist + netlink-route + notify-write",
	"attribution fuse",
	"log         no log (--audit /dev/null)",
	"ungranted   EACCES",
	"grants",
	"  FILE_WRITE       /w/**  # --write .",
	"  FILE_READ        /d/*.csv  # \"caps.json:3 \\x1b[2J\"",
	"  FILE_READ        /d/x  # say \"x\"",
	"may be executed, beside what is marked x",
	"  /w/tool",
	"  \"/w/a b\"",
	"view (what is not here does not exist inside)",
	"  dir  /                                      # base",
	"  rox  /base/                                 # base",
	"  ro   /file <- \"/else where\"                 # \"caps.json:3 \\x1b[2J\"",
	"  rwx  /w/                                    # --write .",
	"  ro   /w/.git/                               # git runs it",
	"  ro   /w/o/                                  # implied",
	"  dev  /dev                                   # base",
	"  no   /usr/bin/x                             # implied",
	"  file /etc/passwd                            # base",
	"  no   /w/secret                              # implied",
	"  proc /proc                                  # base",
	"  link /bin -> usr/bin                        # base",
	"  tmp  /tmp/ (16M)                            # base",
	"  dir  /made                                  # workspace",
	"names that run code later (data/persist) and are not there yet can be made where something may be written; the end of the run lists them",
	"what holds each axis",
	"  files        enforced  that",
	"  cpu          sampled   this",
	"                         fix: do it",
	"  disk         none      nothing (accepted: advisory)",
	"a person is asked before the start",
	"  0123456789ab risky    a.cedar:7  # why",
	"    fs.read      /a and below",
	"    fs.read      \"/b c\"",
	"  fedcba987654 critical b.cedar:8  # named",
	"    and 4 more",
	"  aa risky    c.cedar:9",
	"warnings",
	"  # a warning",
	"  # a \"second\"",
	"sha256 abc",
};

TEST(everything_in_its_place)
{
	struct ward_plan p = plan_of_everything();
	const char *text = text_of(&p), *at = text;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(everything); i++) {
		char whole[256];
		const char *found;

		(void)snprintf(whole, sizeof(whole), "\n%s\n", everything[i]);
		found = strstr(at, whole);
		CHECK_MSG(found, "not in its place: %s\n%s", everything[i], i ? "" : text);
		at = found ? found + 1 : at;
	}
	CHECK(!strstr(text, "not needed"));
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (; (text = strstr(text, part)); text++)
		n++;
	return n;
}

TEST(of_many_things_some_are_shown_and_the_others_counted)
{
	struct ward_plan p = plan_of_everything();
	const char *text = text_of(&p);

	CHECK_EQ_SIZE(count(text, "    fs.read "), 2 + 16 + 16);
	CHECK_EQ_SIZE(count(text, " more\n"), 1);
	p.asks = &no_asks;
	CHECK(!strstr(text_of(&p), "a person is asked"));
	p.asks = NULL;
	CHECK(!strstr(text_of(&p), "a person is asked"));
}

TEST(what_is_not_there_is_not_said)
{
	static const char *const not_said[] = { "repository", "cpus 1", "a stream", "timeout",
		"no log", " + ", "may be executed", "/**", "later", "asked", "warnings" };
	struct ward_plan p = plan_of_everything();

	p.repo_root = NULL;
	p.limits.millicpus = 0;
	p.limits.output = p.limits.timeout_ms = 0;
	p.audit_off = false;
	p.seccomp = 0;
	p.deny_errno = ENOENT;
	p.n_exec_paths = p.n_rules = p.n_warnings = 0;
	p.n_nodes = 2;
	p.late_names = WARD_LATE_NONE;
	p.asks = NULL;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(not_said); i++)
		CHECK_MSG(!strstr(text_of(&p), not_said[i]), "said: %s", not_said[i]);
	CHECK_STR_CONTAINS(text_of(&p), ", all cpus, grace 5000ms\n");
	CHECK_STR_CONTAINS(text_of(&p), "\nungranted   ENOENT\n");
	CHECK_STR_CONTAINS(text_of(&p), "\ngrants\n  none\n");
	p.late_names = WARD_LATE_UNTOLD;
	CHECK_STR_CONTAINS(text_of(&p), "may be written; nobody will list them\n");
	p.late_names = WARD_LATE_TOLD;
	CHECK(!strstr(text_of(&p), "nobody will"));
}

TEST(direct_holds_nothing_and_says_so)
{
	struct ward_plan p = plan_of_everything();
	const char *text;

	p.backend = WARD_BACKEND_DIRECT;
	text = text_of(&p);
	CHECK_STR_CONTAINS(text, "\nbackend     direct (tier 0)\n");
	CHECK_STR_CONTAINS(text, "\nseccomp     none\n");
	CHECK_STR_CONTAINS(text, "\nungranted   open: nothing is held back\n");
	CHECK_STR_CONTAINS(text, "\ngrants (judged and recorded, not held)\n");
	CHECK_STR_CONTAINS(text, "\nview: none; the command sees the host as its caller does\n");
	CHECK(!strstr(text, "  proc /proc"));
	CHECK(!strstr(text, "view (what is not here"));
}

/* Without namespaces nothing of Ward's own is made: none of it is promised. */
TEST(without_namespaces_there_is_no_view)
{
	static const char *const opened[] = { "  rwx  /w/ ", "  dev  /dev ", "  proc /proc " };
	static const char *const nowhere[] = { "view (what is not here", "  tmp  /tmp/",
		"  dir  /made", "  link /bin", "  file /etc/passwd" };
	struct ward_plan p = plan_of_everything();
	const char *text;

	p.seccomp = WARD_SECCOMP_NO_SOCKET;
	text = text_of(&p);
	CHECK_STR_CONTAINS(text, "\nview: none, for want of user namespaces; ");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(opened); i++)
		CHECK_STR_CONTAINS(text, opened[i]);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(nowhere); i++)
		CHECK(!strstr(text, nowhere[i]));
}

/* Numbers that no such thing has, as a damaged plan might hold: named so, and never read past a table. */
TEST(names_of_what_there_is_not)
{
	CHECK_STR_EQ(ward_node_kind_name(WARD_NODE_DENIED), "denied");
	CHECK_STR_EQ(ward_node_kind_name((enum ward_node_kind)(WARD_NODE_DENIED + 1)), "unknown");
	CHECK_STR_EQ(ward_attribution_name(WARD_ATTR_AUTO), "auto");
	CHECK_STR_EQ(ward_attribution_name((enum ward_attribution)(WARD_ATTR_AUTO + 1)), "unknown");
	CHECK_STR_EQ(ward_late_names_word(WARD_LATE_TOLD), "told");
	CHECK_STR_EQ(ward_late_names_word((enum ward_late_names)(WARD_LATE_TOLD + 1)), "unknown");
}

/* The same for machines: what is said only where it is so, and what the example of test_plan.c has not. */
TEST(json_of_what_is_seldom)
{
	static struct ward_node nodes[] = {
		{ .kind = WARD_NODE_BIND,
			.dest = "/a",
			.source = "/b",
			.is_dir = true,
			.exec = true,
			.idmap = true,
			.dev = 1,
			.ino = 2,
			.pin = true,
			.fixed = true,
			.noexec = true,
			.later = "git runs it",
			.rule = 0 },
		{ .kind = WARD_NODE_MASK,
			.dest = "/m",
			.is_dir = true,
			.pin = true,
			.mode = 0555,
			.fixed = true,
			.rule = -1 },
		{ .kind = WARD_NODE_DENIED, .dest = "/n", .base = true, .rule = 2 },
		{ .kind = WARD_NODE_TMPFS, .dest = "/t", .exec = true, .rule = -1 },
	};
	static const char *const parts[] = {
		("{\"kind\":\"bind\",\"dest\":\"/a\",\"source\":\"/b\",\"dir\":true,\"write\":false,\"exec\":true,\"idmap\":true,"
		 "\"dev\":1,\"ino\":2,\"pin\":true,\"base\":false,\"fixed\":true,\"noexec\":true,\"later\":\"git runs it\",\"rule\":0},"),
		"{\"kind\":\"mask\",\"dest\":\"/m\",\"dir\":true,\"pin\":true,\"mode\":365,\"base\":false,\"fixed\":true},",
		"{\"kind\":\"denied\",\"dest\":\"/n\",\"base\":true,\"rule\":2},",
		"{\"kind\":\"tmpfs\",\"dest\":\"/t\",\"size\":0,\"inodes\":0,\"mode\":0,\"exec\":true,\"base\":false}],",
		"\"millicpus\":1500,",
		"\"output\":1048576,\"timeout_ms\":2500,",
		"\"late_names\":\"told\",",
		"\"warnings\":[\"a warning\",\"a \\\"second\\\"\"],",
		"\"asks\":[{\"digest\":\"0123456789abcdef\",\"level\":\"risky\",",
		"\"disk\":{\"level\":\"none\",\"required\":\"advisory\",\"accepted\":true,\"by\":\"nothing\",\"fix\":\"\"}",
		"\"sha256\":\"abc\"}",
	};
	struct ward_plan p = plan_of_everything();
	struct ward_buf b = WARD_BUF_INIT;

	p.nodes = nodes;
	p.n_nodes = WARD_ARRAY_SIZE(nodes);
	ward_plan_json(&p, &b);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++)
		CHECK_STR_CONTAINS(ward_buf_cstr(&b), parts[i]);
	ward_buf_clear(&b);
	p.backend = WARD_BACKEND_DIRECT;
	p.deny_errno = ENOENT;
	p.asks = &no_asks;
	p.sha256[0] = '\0';
	ward_plan_json(&p, &b);
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "\"backend\":\"direct\",");
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), "\"deny_errno\":\"ENOENT\",");
	CHECK(!strstr(ward_buf_cstr(&b), "\"asks\""));
	CHECK(!strstr(ward_buf_cstr(&b), "\"sha256\""));
	ward_buf_done(&b);
}

TAP_MAIN();
