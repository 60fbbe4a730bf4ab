/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: the view, the axes, the two forms. Pure: every test makes its own facts, none looks at this machine.
 */
#include "plan_util.h"

/* ---- names ---- */

TEST(names_and_levels)
{
	static const char *const axes[] = { "files", "files.meta", "exec", "network", "ipc",
		"syscalls", "processes", "memory", "cpu", "pids", "disk", "env", "attribution" };
	static const char *const levels[] = { "none", "advisory", "sampled", "enforced" };

	CHECK_EQ_INT(WARD_AXIS_MAX, 13);
	for (int a = 0; a < WARD_AXIS_MAX; a++)
		CHECK_STR_EQ(ward_axis_name((enum ward_axis)a), axes[a]);
	for (int l = 0; l < WARD_LEVEL_MAX; l++)
		CHECK_STR_EQ(ward_level_name((enum ward_level)l), levels[l]);
	CHECK_STR_EQ(ward_axis_name(WARD_AXIS_MAX), "unknown");
	CHECK_STR_EQ(ward_level_name(WARD_LEVEL_MAX), "unknown");
	CHECK_EQ_INT(WARD_LEVEL_NONE, 0);
	CHECK_STR_EQ(ward_attribution_name(WARD_ATTR_FUSE), "fuse");
	CHECK_STR_EQ(ward_attribution_name((enum ward_attribution)9), "unknown");
}

TEST(axis_level_parse)
{
	static const struct {
		const char *in, *message, *fix;
		int axis, level;
	} rows[] = {
		{ "processes=advisory", NULL, NULL, WARD_AXIS_PROCESSES, WARD_LEVEL_ADVISORY },
		{ "files.meta=none", NULL, NULL, WARD_AXIS_FILES_META, WARD_LEVEL_NONE },
		{ "attribution=enforced", NULL, NULL, WARD_AXIS_ATTRIBUTION, WARD_LEVEL_ENFORCED },
		{ "files", "\"files\" is not AXIS=LEVEL", "as in processes=advisory", 0, 0 },
		{ "", "\"\" is not AXIS=LEVEL", "as in processes=advisory", 0, 0 },
		{ "netwrok=none", "unknown axis \"netwrok\"", "did you mean network?", 0, 0 },
		{ "=none", "unknown axis \"\"", "", 0, 0 },
		{ "files=sample", "unknown level \"sample\"", "did you mean sampled?", 0, 0 },
		{ "files=", "unknown level \"\"", "", 0, 0 },
		{ "files=ENFORCED", "unknown level \"ENFORCED\"", "", 0, 0 },
		{ "files=none=none", "unknown level \"none=none\"", "", 0, 0 },
	};

	TABLE(row, rows) {
		struct ward_error err = WARD_ERROR_INIT;
		enum ward_axis a = WARD_AXIS_MAX;
		enum ward_level l = WARD_LEVEL_MAX;
		int r = ward_axis_level_parse(row->in, &a, &l, &err);

		CASE("%s", row->in);
		if (!row->message) {
			CHECK_EQ_INT(r, WARD_OK);
			CHECK_EQ_INT(a, row->axis);
			CHECK_EQ_INT(l, row->level);
			continue;
		}
		CHECK_EQ_INT(r, WARD_E_INVALID);
		CHECK_STR_EQ(err.message, row->message);
		CHECK_STR_CONTAINS(err.fix, row->fix);
		CHECK_EQ_INT(a, WARD_AXIS_MAX);
	}
	struct ward_error err = WARD_ERROR_INIT;
	enum ward_axis a;
	enum ward_level l;
	CHECK_EQ_INT(ward_axis_level_parse(NULL, &a, &l, &err), WARD_E_INVALID);
}

/* ---- axes: host facts x options -> 13 letters, N A S E, in the order of WARD_AXES ---- */

static const char *letters(const struct ward_plan *p)
{
	static char out[WARD_AXIS_MAX + 1];

	for (int a = 0; a < WARD_AXIS_MAX; a++)
		out[a] = "NASE"[p->axes[a].level];
	return out;
}

TEST(levels_follow_the_facts)
{
	static const struct {
		const char *name;
		struct ward_host host;
		uint32_t millicpus;
		bool write, direct;
		enum ward_attribution attribution;
		const char *want;
	} rows[] = {
#define FULL .uid = 1001, .gid = 1, .ncpus = 4, .memory_available = 1
#define CGROUPS .cgroup = 2, .cgroup_memory = true, .cgroup_pids = true, .cgroup_cpu = true
		/*                                                  files meta exec net ipc sys proc mem cpu pids disk env attr */
		{ "everything",
			{ FULL, CGROUPS, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, false, false, WARD_ATTR_AUTO, "EEAEEEEEEEEEE" },
		{ "write grant: the host's disk is not ours to bound",
			{ FULL, CGROUPS, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, true, false, WARD_ATTR_AUTO, "EEAEEEEEEESEE" },
		{ "no fuse",
			{ FULL, CGROUPS, .userns = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, false, false, WARD_ATTR_AUTO, "EEAEEEEEEEEEN" },
		{ "notify",
			{ FULL, CGROUPS, .userns = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, false, false, WARD_ATTR_NOTIFY, "EEAEEEEEEEEES" },
		{ "attribution none although fuse is there",
			{ FULL, CGROUPS, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, false, false, WARD_ATTR_NONE, "EEAEEEEEEEEEN" },
		{ "no cgroup",
			{ FULL, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, false, false, WARD_ATTR_AUTO, "EEAEEEESNSEEE" },
		{ "no cgroup, whole cpus",
			{ FULL, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			2000, false, false, WARD_ATTR_AUTO, "EEAEEEESASEEE" },
		{ "no cgroup, half a cpu",
			{ FULL, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			500, false, false, WARD_ATTR_AUTO, "EEAEEEESNSEEE" },
		{ "no landlock",
			{ FULL, CGROUPS, .userns = true, .fuse = true, .seccomp_notify = true }, 0,
			false, false, WARD_ATTR_AUTO, "EENEEEEEEEEEE" },
		{ "direct isolates nothing",
			{ FULL, CGROUPS, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			0, false, true, WARD_ATTR_AUTO, "NNNNNNNANANAN" },
		{ "direct, half a cpu",
			{ FULL, CGROUPS, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			500, false, true, WARD_ATTR_AUTO, "NNNNNNNAAANAN" },
		{ "direct without a cgroup",
			{ FULL, .userns = true, .fuse = true, .landlock_abi = 7,
				.seccomp_notify = true },
			500, false, true, WARD_ATTR_AUTO, "NNNNNNNANNNAN" },
	};

	TABLE(row, rows) {
		struct ward_plan_input in = input(&row->host);
		struct ward_node nodes[] = { BIND("/w", .write = row->write) };
		struct ward_plan *p;

		CASE("%s", row->name);
		in.limits.millicpus = row->millicpus;
		in.nodes = nodes;
		in.n_nodes = 1;
		in.attribution = row->attribution;
		in.backend = row->direct ? WARD_BACKEND_DIRECT : WARD_BACKEND_NATIVE;
		p = must_build(&in);
		CHECK_STR_EQ(letters(p), row->want);
		for (int a = 0; a < WARD_AXIS_MAX; a++) {
			CHECK(p->axes[a].by && p->axes[a].by[0]);
			CHECK(p->axes[a].fix);
			CHECK(p->axes[a].level >= p->axes[a].required);
		}
		CHECK(p->attribution != WARD_ATTR_AUTO);
		CHECK_EQ_INT(!!(p->seccomp & WARD_SECCOMP_NOTIFY_OPEN),
			row->attribution == WARD_ATTR_NOTIFY);
		ward_plan_free(p);
	}
}

/* Without user namespaces: what Landlock and seccomp alone hold; each step down is named. */
TEST(levels_without_user_namespaces)
{
	static const struct {
		const char *name;
		int abi;
		const char *want;
	} rows[] = {
		{ "abi 7", 7, "ENAEEEAEEEEEN" },
		{ "abi 5: signals are not scoped", 5, "ENAEAEAEEEEEN" },
		{ "abi 2: truncation is not held", 2, "ANAEAEAEEEEEN" },
		{ "no landlock", 0, "NNNEAEAEEEEEN" },
	};
	signed char accept[WARD_AXIS_MAX] = { 0 };

	TABLE(row, rows) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_plan *p;

		CASE("%s", row->name);
		h.userns = false;
		h.landlock_abi = row->abi;
		in.accept = accept;
		p = must_build(&in);
		CHECK_STR_EQ(letters(p), row->want);
		CHECK(p->seccomp & WARD_SECCOMP_NO_SOCKET);
		ward_plan_free(p);
	}
}

/* ---- refusals ---- */

TEST(below_the_minimum_is_refused)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	signed char accept[WARD_AXIS_MAX];
	struct ward_error err;
	struct ward_plan *p;

	h.userns = false;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message,
		"axis processes would be advisory, and enforced is required: ");
	CHECK_STR_CONTAINS(err.message, "no user namespaces");
	CHECK_STR_CONTAINS(err.fix,
		"allow user namespaces (ward doctor names the switch); or "
		"--accept processes=advisory");
	CHECK(!strstr(err.fix, "files.meta"));

	/* Several at once: the first by name, the acceptance for all of them. */
	h.landlock_abi = 0;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message, "axis files would be none");
	CHECK_STR_CONTAINS(err.fix,
		"--accept files=none --accept ipc=advisory --accept processes=advisory");

	/* What the fix says, works, and shows. */
	h.landlock_abi = 7;
	memset(accept, -1, sizeof(accept));
	accept[WARD_AXIS_PROCESSES] = WARD_LEVEL_ADVISORY;
	in.accept = accept;
	p = must_build(&in);
	CHECK(p->axes[WARD_AXIS_PROCESSES].accepted);
	CHECK_EQ_INT(p->axes[WARD_AXIS_PROCESSES].required, WARD_LEVEL_ADVISORY);
	CHECK(!p->axes[WARD_AXIS_FILES].accepted);
	ward_plan_free(p);
}

TEST(require_raises)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	signed char require[WARD_AXIS_MAX], accept[WARD_AXIS_MAX];
	struct ward_error err;
	struct ward_plan *p;

	memset(require, -1, sizeof(require));
	memset(accept, -1, sizeof(accept));
	in.require = require;
	in.accept = accept;
	require[WARD_AXIS_EXEC] = WARD_LEVEL_ENFORCED;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message, "axis exec would be advisory, and enforced is required");
	/* To accept what is required by name would be a contradiction. */
	CHECK(ward_has_suffix(err.fix, "--require exec=advisory, or drop it"));
	CHECK_NULL(strstr(err.fix, "--accept"));
	h.userns = false;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK(ward_has_suffix(err.fix,
		"--accept processes=advisory, --require exec=advisory, or drop it"));
	h.userns = true;
	require[WARD_AXIS_EXEC] = WARD_LEVEL_ADVISORY;
	p = must_build(&in);
	CHECK_EQ_INT(p->axes[WARD_AXIS_EXEC].required, WARD_LEVEL_ADVISORY);
	ward_plan_free(p);

	/* --require below the minimum lowers nothing. */
	require[WARD_AXIS_NETWORK] = WARD_LEVEL_NONE;
	p = must_build(&in);
	CHECK_EQ_INT(p->axes[WARD_AXIS_NETWORK].required, WARD_LEVEL_ENFORCED);
	ward_plan_free(p);

	require[WARD_AXIS_MEMORY] = WARD_LEVEL_ENFORCED;
	accept[WARD_AXIS_MEMORY] = WARD_LEVEL_NONE;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_INVALID);
	CHECK_STR_EQ(err.message, "axis memory: --require enforced and --accept none contradict");
	accept[WARD_AXIS_MEMORY] = -1;
	h.cgroup_memory = false;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.fix, "--require memory=sampled, or drop it");
	h.cgroup_memory = true;

	/* --backend direct accepts everything, but not what is required by name. */
	accept[WARD_AXIS_MEMORY] = -1;
	in.backend = WARD_BACKEND_DIRECT;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.fix, "drop --require ");
	in.require = in.accept = NULL;
	p = must_build(&in);
	for (int a = 0; a < WARD_AXIS_MAX; a++)
		CHECK_EQ_INT(p->axes[a].required, WARD_LEVEL_NONE);
	CHECK(p->axes[WARD_AXIS_FILES].accepted);
	ward_plan_free(p);
}

TEST(attribution_asked_for_by_name_is_not_replaced)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_error err;

	h.fuse = false;
	in.attribution = WARD_ATTR_FUSE;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message, "/dev/fuse cannot be opened");
	CHECK_EQ_INT(ward_has_prefix(err.fix, "sudo chmod 0666 /dev/fuse"), h.uid != 0);
	h.uid = 0;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK(ward_has_prefix(err.fix, "chmod 0666 /dev/fuse"));
	h.fuse_absent = true;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK(ward_has_prefix(err.fix, "give ward a /dev/fuse"));
	in.attribution = WARD_ATTR_NOTIFY;
	h.blind = true;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message, "CAP_SYS_PTRACE");
	h.blind = false;
	h.seccomp_notify = false;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK_STR_CONTAINS(err.message, "no seccomp notification");
}

TEST(incomplete_input_is_a_bug_and_not_a_plan)
{
	struct ward_host h = full_host();
	struct ward_error err;

	for (int i = 0; i < 7; i++) {
		struct ward_plan_input in = input(&h);

		CASE("%d", i);
		if (i == 0)
			in.host = NULL;
		if (i == 1)
			in.limits.memory = 0;
		if (i == 2)
			in.limits.pids = 0;
		if (i == 3)
			in.exe = "tool";
		if (i == 4)
			in.deny_errno = 0;
		if (i == 5)
			in.workspace = NULL;
		if (i == 6)
			in.cwd = "relative";
		CHECK_EQ_INT(refused(&in, &err), WARD_E_INTERNAL);
		CHECK_STR_CONTAINS(err.message, "a plan needs");
	}
	/* A level that is none, from a caller that did not parse it. */
	signed char require[WARD_AXIS_MAX] = { 99 };
	struct ward_plan_input in = input(&h);
	in.require = require;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_INTERNAL);
	struct ward_node lost[] = { NODE(DIR, "relative") };
	in = input(&h);
	in.nodes = lost;
	in.n_nodes = 1;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_INTERNAL);
}

/* ---- the view ---- */

/* "d /a, b /b rw" ... */
static const char *show(const struct ward_plan *p)
{
	static char out[4096];
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->n_nodes && n < sizeof(out); i++) {
		const struct ward_node *v = &p->nodes[i];

		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%c%s %s", i ? ", " : "",
			"dblftpvx"[v->kind],
			v -> kind == WARD_NODE_BIND ? (v->write ? "w" : "r") : "", v->dest);
	}
	return out;
}

#define MAX_IN 8
TEST(view)
{
	static const struct {
		const char *name;
		struct ward_node in[MAX_IN];
		const char *want;
	} rows[] = {
		{ "nothing", { { 0 } }, "" },
		{ "the root is no entry", { NODE(DIR, "/") }, "" },
		{ "parents appear", { BIND("/a/b/c") }, "d /a, d /a/b, br /a/b/c" },
		{ "parents of neighbours appear once",
			{ BIND("/a/b/c/x"), BIND("/a/b-c/x"), BIND("/a/b/x"), BIND("/a/b!/c/x") },
			"d /a, d /a/b, d /a/b!, d /a/b!/c, br /a/b!/c/x, d /a/b-c, br /a/b-c/x, d /a/b/c, br /a/b/c/x, br /a/b/x" },
		{ "sorted, once", { NODE(DIR, "/z"), NODE(DIR, "/a"), NODE(DIR, "/z") },
			"d /a, d /z" },
		{ "rights add up at one dest", { BIND("/a"), BIND("/a", .write = true) }, "bw /a" },
		{ "a grant is stronger than a generated file",
			{ NODE(FILE, "/etc/passwd", .source = "x", .source_len = 1, .base = true),
				BIND_FILE("/etc/passwd") },
			"d /etc, br /etc/passwd" },
		{ "a tmpfs is stronger than the workspace's directory",
			{ NODE(DIR, "/tmp"), NODE(TMPFS, "/tmp", .base = true) }, "t /tmp" },
		{ "read in read is one mount", { BIND("/a"), BIND("/a/b") }, "br /a" },
		{ "write in read", { BIND("/a"), BIND("/a/b", .write = true) }, "br /a, bw /a/b" },
		{ "read in write takes nothing away", { BIND("/a", .write = true), BIND("/a/b") },
			"bw /a" },
		{ "a file in a written directory is not pinned",
			{ BIND("/a", .write = true), BIND_FILE("/a/f", .write = true) }, "bw /a" },
		{ "write in read in write",
			{ BIND("/a", .write = true), BIND("/a/b"), BIND("/a/b/c", .write = true) },
			"bw /a" },
		{ "a neighbour is not below", { BIND("/a"), BIND("/ab"), BIND("/a.b") },
			"br /a, br /a.b, br /ab" },
		{ "a grant on top of the base",
			{ BIND("/usr", .base = true), BIND("/usr/local", .write = true) },
			"br /usr, bw /usr/local" },
		{ "the base gives way to a grant above it",
			{ BIND("/etc/ssl/certs", .base = true),
				NODE(FILE, "/etc/passwd", .source = "", .base = true),
				NODE(SYMLINK, "/etc/localtime", .source = "x", .base = true),
				BIND("/etc") },
			"br /etc" },
		{ "a private tmpfs gives way too",
			{ NODE(TMPFS, "/var/tmp", .base = true), BIND("/var") }, "br /var" },
		{ "a link in a bound tree is the tree's own",
			{ BIND("/a"), NODE(SYMLINK, "/a/l", .source = "b") }, "br /a" },
		{ "a link elsewhere stays", { BIND("/a"), NODE(SYMLINK, "/b/l", .source = "/a") },
			"br /a, d /b, l /b/l" },
		{ "a link of the base gives way to what lies below it",
			{ NODE(SYMLINK, "/var/tmp", .source = "/tmp", .base = true),
				BIND("/var/tmp/w") },
			"d /var, d /var/tmp, br /var/tmp/w" },
		{ "inside a private tmpfs",
			{ NODE(TMPFS, "/tmp"), BIND("/tmp/x/w", .write = true) },
			"t /tmp, d /tmp/x, bw /tmp/x/w" },
		{ "below dev", { NODE(DEV, "/dev"), NODE(TMPFS, "/dev/shm") },
			"v /dev, t /dev/shm" },
		{ "exec and idmap are reasons for a mount of its own",
			{ BIND("/a"), BIND("/a/x", .exec = true), BIND("/a/y", .idmap = true) },
			"br /a, br /a/x, br /a/y" },
		{ "exec outside covers",
			{ BIND("/a", .exec = true), BIND("/a/x", .exec = true), BIND("/a/y") },
			"br /a" },
	};
	struct ward_host h = full_host();

	TABLE(row, rows) {
		struct ward_plan_input in = input(&h);
		struct ward_plan *p;

		CASE("%s", row->name);
		in.nodes = row->in;
		while (in.n_nodes < MAX_IN && row->in[in.n_nodes].dest)
			in.n_nodes++;
		p = must_build(&in);
		CHECK_STR_EQ(show(p), row->want);
		for (size_t i = 1; i < p->n_nodes; i++)
			CHECK(strcmp(p->nodes[i - 1].dest, p->nodes[i].dest) < 0);
		ward_plan_free(p);
	}
}

TEST(views_that_cannot_be_mounted)
{
	static const struct {
		const char *name;
		struct ward_node in[2];
		int code;
		const char *message;
	} rows[] = {
		{ "below a file", { BIND_FILE("/a"), BIND("/a/b") }, WARD_E_INVALID,
			"\"/a/b\" cannot be in the view: \"/a\" is no directory there" },
		{ "below a generated file", { NODE(FILE, "/a", .source = ""), BIND("/a/b/c") },
			WARD_E_INVALID,
			"\"/a/b/c\" cannot be in the view: \"/a\" is no directory there" },
		{ "below a link that was granted",
			{ NODE(SYMLINK, "/a", .source = "b"), BIND("/a/b") }, WARD_E_INVALID,
			"\"/a/b\" cannot be in the view: \"/a\" is no directory there" },
		{ "above proc", { NODE(PROC, "/x/proc"), BIND("/x") }, WARD_E_INVALID,
			"\"/x\" cannot be granted: it holds \"/x/proc\"" },
	};
	struct ward_host h = full_host();

	TABLE(row, rows) {
		struct ward_plan_input in = input(&h);
		struct ward_error err;

		CASE("%s", row->name);
		in.nodes = row->in;
		in.n_nodes = 2;
		CHECK_EQ_INT(refused(&in, &err), row->code);
		CHECK_STR_EQ(err.message, row->message);
	}
}

TEST(view_is_bounded)
{
	static struct ward_node v[WARD_MOUNTS_MAX + 1];
	static char names[WARD_MOUNTS_MAX + 1][32];
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_error err;
	struct ward_plan *p;

	for (size_t i = 0; i <= WARD_MOUNTS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "/d%zu", i);
		v[i] = (struct ward_node){ .kind = WARD_NODE_DIR, .dest = names[i], .rule = -1 };
	}
	in.nodes = v;
	in.n_nodes = WARD_MOUNTS_MAX + 1;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_LIMIT);
	CHECK_STR_CONTAINS(err.fix, "grant directories");
	in.n_nodes = WARD_MOUNTS_MAX;
	p = must_build(&in);
	CHECK_EQ_SIZE(p->n_nodes, WARD_MOUNTS_MAX);
	ward_plan_free(p);
	/* Parents count, too. */
	for (size_t i = 0; i < WARD_MOUNTS_MAX; i++)
		snprintf(names[i], sizeof(names[i]), "/d%zu/x", i);
	CHECK_EQ_INT(refused(&in, &err), WARD_E_LIMIT);
	CHECK_STR_CONTAINS(err.fix, "grant directories");
	/* But each once, however many lie in it: the base's last, and the rule of the first grant. */
	for (size_t i = 0; i < WARD_MOUNTS_MAX - 6; i++) {
		snprintf(names[i], sizeof(names[i]), "/a/b/c%s/e/f/%zu", i % 2 ? "-" : "", i);
		v[i].rule = i == 0 ? -1 : (int)(WARD_MOUNTS_MAX - i);
		v[i].base = i == 0;
	}
	in.n_nodes = WARD_MOUNTS_MAX - 8;
	p = must_build(&in);
	CHECK_EQ_SIZE(p->n_nodes, WARD_MOUNTS_MAX);
	for (size_t i = 0; i < 2; i++) {
		CHECK_EQ_INT(p->nodes[i].rule, 9);
		CHECK(!p->nodes[i].base);
	}
	ward_plan_free(p);
}

/* ---- the whole ---- */

TEST(root_stays_outside)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_plan *p = must_build(&in);

	CHECK_EQ_UINT(p->host_uid, 1001);
	CHECK_EQ_UINT(p->inside_uid, 1001);
	CHECK_EQ_UINT(p->host_gid, 1002);
	CHECK_EQ_UINT(p->inside_gid, 1002);
	ward_plan_free(p);
	h.uid = h.gid = 0;
	p = must_build(&in);
	CHECK_EQ_UINT(p->host_uid, WARD_RESERVED_ID);
	CHECK_EQ_UINT(p->host_gid, WARD_RESERVED_ID);
	CHECK_EQ_UINT(p->inside_uid, 1000);
	CHECK_EQ_UINT(p->inside_gid, 1000);
	ward_plan_free(p);
}

static struct ward_plan *example(void)
{
	static const struct ward_rule rules[] = {
		{ .type = WARD_CAP_FILE_WRITE,
			.pattern = "/w",
			.origin = { .file = "--write", .index = 1 },
			.text = "--write .",
			.literal = true,
			.subtree = true },
		{ .type = WARD_CAP_FILE_READ,
			.pattern = "/d/*.csv",
			.origin = { .file = "caps.json", .line = 3, .column = 5 },
			.text = "caps.json:3 FILE_READ /d/*.csv" },
	};
	static const struct ward_node nodes[] = {
		BIND_OF(0, true, "/w", .write = true, .exec = true, .dev = 7, .ino = 8),
		BIND_OF(1, false, "/d/\n\"a.csv", .write = false),
		BIND("/usr", .base = true),
		NODE(SYMLINK, "/bin", .source = "usr/bin", .base = true),
		NODE(FILE, "/etc/hosts", .source = "127.0.0.1 localhost\n", .source_len = 20,
			.base = true),
		NODE(TMPFS, "/tmp", .size = MIB, .inodes = 256, .mode = 01777, .base = true),
		NODE(PROC, "/proc", .base = true),
	};
	static const char *const warnings[] = { "a warning" }, *const exec[] = { "/usr/bin/tool" };
	static struct ward_host h;
	struct ward_plan_input in;

	h = full_host();
	in = input(&h);
	in.nodes = nodes;
	in.n_nodes = WARD_ARRAY_SIZE(nodes);
	in.rules = rules;
	in.n_rules = WARD_ARRAY_SIZE(rules);
	in.warnings = warnings;
	in.n_warnings = 1;
	in.exec_paths = exec;
	in.n_exec_paths = 1;
	in.seccomp = WARD_SECCOMP_NETLINK_ROUTE;
	in.deny_errno = EACCES;
	return must_build(&in);
}

static const char golden[] =
	"{\"v\":1,\"backend\":\"native\",\"workspace\":\"/w\",\"cwd\":\"/w\",\"exe\":\"/usr/bin/tool\","
	"\"argv\":[\"tool\",\"--flag\"],\"env\":[\"A\",\"A1\",\"TOKEN\"],\"view\":["
	"{\"kind\":\"link\",\"dest\":\"/bin\",\"target\":\"usr/bin\",\"base\":true},"
	"{\"kind\":\"dir\",\"dest\":\"/d\",\"base\":false,\"rule\":1},"
	"{\"kind\":\"bind\",\"dest\":\"/d/\\n\\\"a.csv\",\"source\":\"/d/\\n\\\"a.csv\",\"dir\":false,\"write\":false,"
	"\"exec\":false,\"idmap\":false,\"dev\":0,\"ino\":0,\"base\":false,\"rule\":1},"
	"{\"kind\":\"dir\",\"dest\":\"/etc\",\"base\":true},"
	"{\"kind\":\"file\",\"dest\":\"/etc/hosts\",\"content\":\"127.0.0.1 localhost\\n\",\"base\":true},"
	"{\"kind\":\"proc\",\"dest\":\"/proc\",\"base\":true},"
	"{\"kind\":\"tmpfs\",\"dest\":\"/tmp\",\"size\":1048576,\"inodes\":256,\"mode\":1023,\"exec\":false,"
	"\"base\":true},"
	"{\"kind\":\"bind\",\"dest\":\"/usr\",\"source\":\"/usr\",\"dir\":true,\"write\":false,\"exec\":false,"
	"\"idmap\":false,\"dev\":0,\"ino\":0,\"base\":true},"
	"{\"kind\":\"bind\",\"dest\":\"/w\",\"source\":\"/w\",\"dir\":true,\"write\":true,\"exec\":true,\"idmap\":false,"
	"\"dev\":7,\"ino\":8,\"base\":false,\"rule\":0}],"
	"\"exec_paths\":[\"/usr/bin/tool\"],\"rules\":["
	"{\"type\":\"FILE_WRITE\",\"pattern\":\"/w\",\"literal\":true,\"subtree\":true,\"text\":\"--write .\","
	"\"file\":\"--write\",\"line\":0,\"column\":0,\"index\":1},"
	"{\"type\":\"FILE_READ\",\"pattern\":\"/d/*.csv\",\"literal\":false,\"subtree\":false,"
	"\"text\":\"caps.json:3 FILE_READ /d/*.csv\",\"file\":\"caps.json\",\"line\":3,\"column\":5,\"index\":0}],"
	"\"limits\":{\"memory\":67108864,\"millicpus\":0,\"pids\":8,\"disk\":16777216,\"output\":0,\"timeout_ms\":0,"
	"\"grace_ms\":5000,\"nofile\":64,\"net\":{}},\"seccomp\":[\"netlink-route\",\"notify-exec\",\"notify-replace\",\"notify-write\"],\"attribution\":\"fuse\","
	"\"deny_errno\":\"EACCES\",\"ids\":{\"inside_uid\":1001,\"inside_gid\":1002,\"host_uid\":1001,"
	"\"host_gid\":1002},\"tty\":false,\"axes\":{\"files\":{\"level\":\"enforced\",\"required\":\"enforced\","
	"\"accepted\":false,\"by\":\"a view of the granted paths alone, and Landlock\",\"fix\":\"\"},";

TEST(json_has_stable_bytes_and_names_itself)
{
	struct ward_plan *p = example(), *q = example();
	struct ward_buf b = WARD_BUF_INIT, c = WARD_BUF_INIT;
	char tail[128], hex[WARD_SHA256_HEX];
	struct ward_json *doc = NULL;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_arena *a = ward_arena_new(1 << 20);

	ward_plan_json(p, &b);
	ward_plan_json(q, &c);
	CHECK_STR_EQ(ward_buf_cstr(&b), ward_buf_cstr(&c));
	CHECK(strncmp(ward_buf_cstr(&b), golden, sizeof(golden) - 1) == 0);
	if (strncmp(b.s, golden, sizeof(golden) - 1) != 0) {
		b.s[sizeof(golden) - 1] = '\0';
		CHECK_STR_EQ(b.s, golden);
	}
	/* The name is the hash of the document without it. */
	snprintf(tail, sizeof(tail), ",\"sha256\":\"%s\"}", p->sha256);
	CHECK_STR_EQ(b.s + b.n - strlen(tail), tail);
	ward_buf_clear(&c);
	ward_buf_add(&c, b.s, b.n - strlen(tail));
	ward_buf_addc(&c, '}');
	ward_sha256_hex(c.s, c.n, hex);
	CHECK_STR_EQ(hex, p->sha256);
	/* It is JSON, every axis is in it, and no value of the environment is. */
	CHECK_EQ_INT(ward_json_parse(a, b.s, b.n, "plan", &doc, &err), WARD_OK);
	REQUIRE(doc);
	CHECK_EQ_SIZE(ward_json_get(doc, "axes")->count, WARD_AXIS_MAX);
	CHECK_NULL(strstr(b.s, "hush"));
	ward_arena_free(a);
	ward_buf_done(&b);
	ward_buf_done(&c);
	ward_plan_free(p);
	ward_plan_free(q);
}

TEST(text_for_people)
{
	static const char *const parts[] = {
		"runs        /usr/bin/tool\n",
		"environment A A1 TOKEN\n",
		"ids         1001:1002 inside, 1001:1002 on the host\n",
		"limits      memory 64M, pids 8, disk 16M, nofile 64, all cpus, grace 5000ms\n",
		"seccomp     allowlist + netlink-route + notify-exec + notify-replace + notify-write\n",
		"ungranted   EACCES\n",
		"  FILE_WRITE       /w/**  # --write .\n",
		"  FILE_READ        /d/*.csv  # caps.json:3 FILE_READ /d/*.csv\n",
		"  link /bin -> usr/bin ",
		"  rwx  /w/ ",
		"  ro   \"/d/\\n\\\"a.csv\" ",
		"  tmp  /tmp/ (1M) ",
		"  files        enforced  a view of the granted paths alone, and Landlock\n",
		"  # a warning\n",
	};
	struct ward_plan *p = example();
	struct ward_buf b = WARD_BUF_INIT;

	ward_plan_text(p, &b);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++)
		CHECK_STR_CONTAINS(ward_buf_cstr(&b), parts[i]);
	CHECK_STR_CONTAINS(ward_buf_cstr(&b), p->sha256);
	CHECK_NULL(strstr(b.s, "hush"));
	ward_buf_done(&b);
	ward_plan_free(p);
}

TEST(another_plan_has_another_name)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_plan *p = must_build(&in), *q;

	in.limits.pids++;
	q = must_build(&in);
	CHECK(strcmp(p->sha256, q->sha256) != 0);
	ward_plan_free(p);
	ward_plan_free(q);
	ward_plan_free(NULL);
}

TEST(a_plan_signed_later_has_the_same_name)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_plan *p = must_build(&in), *q;
	struct ward_error err = WARD_ERROR_INIT;

	in.sign_later = true;
	q = must_build(&in);
	CHECK_STR_EQ(q->sha256, "");
	CHECK_EQ_INT(ward_plan_sign(q, &err), WARD_OK);
	CHECK_STR_EQ(q->sha256, p->sha256);
	/* Once is for good: its name is not part of what it names. */
	CHECK_EQ_INT(ward_plan_sign(q, &err), WARD_OK);
	CHECK_STR_EQ(q->sha256, p->sha256);
	ward_plan_free(p);
	ward_plan_free(q);
}

/* ---- the data files ---- */

TEST(data_files_say_what_the_contract_says)
{
	static const enum ward_level minimum[WARD_AXIS_MAX] = {
		[WARD_AXIS_FILES] = WARD_LEVEL_ENFORCED,
		[WARD_AXIS_NETWORK] = WARD_LEVEL_ENFORCED,
		[WARD_AXIS_IPC] = WARD_LEVEL_ENFORCED,
		[WARD_AXIS_SYSCALLS] = WARD_LEVEL_ENFORCED,
		[WARD_AXIS_PROCESSES] = WARD_LEVEL_ENFORCED,
		[WARD_AXIS_ENV] = WARD_LEVEL_ENFORCED,
		[WARD_AXIS_MEMORY] = WARD_LEVEL_SAMPLED,
		[WARD_AXIS_PIDS] = WARD_LEVEL_SAMPLED,
		[WARD_AXIS_DISK] = WARD_LEVEL_SAMPLED,
	};
	static const char *const never[] = { "/etc/shadow", "/etc/resolv.conf", "/etc/machine-id",
		"/root", "/home", "/etc/ssl/private" };
	unsigned share = 0;

	for (int a = 0; a < WARD_AXIS_MAX; a++)
		CHECK_EQ_INT(ward_minimum[a], minimum[a]);
	for (size_t i = 0; i < ward_base_n; i++) {
		share += ward_base[i].share;
		for (size_t k = 0;
			k < WARD_ARRAY_SIZE(never) && ward_base[i].verb == WARD_BASE_BIND; k++)
			CHECK(!ward_path_within(never[k], ward_base[i].path));
		if (ward_streq(ward_base[i].path, "/etc/passwd") ||
			ward_streq(ward_base[i].path, "/etc/group") ||
			ward_streq(ward_base[i].path, "/etc/hosts"))
			CHECK_EQ_INT(ward_base[i].verb, WARD_BASE_GENERATE);
	}
	for (size_t i = 0; i < ward_parts_n; i++)
		for (size_t k = 0; k < WARD_ARRAY_SIZE(never); k++)
			CHECK(!ward_path_within(never[k], ward_parts[i].path));
	CHECK(ward_parts_n > 5 && ward_modules_n > 5);
	CHECK(share > 0 && share <= 64);
	CHECK_STR_EQ(ward_env_pass[0], "LANG");
	CHECK(ward_runtimes_n > 5 && ward_shims_n >= 2 && ward_script_kinds_n > 5 &&
		ward_program_needs_n > 5);
}

TAP_MAIN();
