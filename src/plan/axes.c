/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The axes: how strongly each kind of promise is held by this plan on this host, by what, and what would raise it.
 * One small function an axis; each starts from "nothing holds it" and names a level only for a mechanism that the
 * host facts show. Nothing here guesses in favour of a level, and a plan below what is required is refused.
 */
#include <errno.h>
#include <string.h>

#include "plan/internal.h"

static const char *const axis_names[] = {
#define WARD_X(id, name) [id] = name,
	WARD_AXES(WARD_X)
#undef WARD_X
};

static const char *const level_names[] = {
	[WARD_LEVEL_NONE] = "none",
	[WARD_LEVEL_ADVISORY] = "advisory",
	[WARD_LEVEL_SAMPLED] = "sampled",
	[WARD_LEVEL_ENFORCED] = "enforced",
};

const char *ward_axis_name(enum ward_axis a)
{
	return (unsigned)a < WARD_ARRAY_SIZE(axis_names) ? axis_names[a] : "unknown";
}

const char *ward_level_name(enum ward_level l)
{
	return (unsigned)l < WARD_ARRAY_SIZE(level_names) ? level_names[l] : "unknown";
}

static int find(const char *const *names, size_t n, const char *s, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && memcmp(names[i], s, len) == 0)
			return (int)i;
	return -1;
}

static int fail_name(struct ward_error *err, const char *what, const char *const *names, size_t n,
	const char *s, size_t len)
{
	char word[32] = "";
	const char *near = NULL;

	if (len < sizeof(word)) {
		memcpy(word, s, len);
		near = ward_nearest(word, names, n);
	}
	ward_fail(err, WARD_E_INVALID, "unknown %s \"%.*s\"", what, (int)(len > 64 ? 64 : len), s);
	if (near)
		ward_fail_fix(err, "did you mean %s?", near);
	else if (names == level_names)
		ward_fail_fix(err, "levels are none, advisory, sampled, enforced");
	else
		ward_fail_fix(err, "ward plan prints the axes");
	return WARD_E_INVALID;
}

int ward_axis_level_parse(const char *s, enum ward_axis *ret_axis, enum ward_level *ret_level,
	struct ward_error *err)
{
	const char *eq = s ? strchr(s, '=') : NULL;
	int axis, level;

	if (!eq) {
		ward_fail(err, WARD_E_INVALID, "\"%.64s\" is not AXIS=LEVEL", s ? s : "");
		ward_fail_fix(err, "as in processes=advisory");
		return WARD_E_INVALID;
	}
	axis = find(axis_names, WARD_ARRAY_SIZE(axis_names), s, (size_t)(eq - s));
	if (axis < 0)
		return fail_name(err, "axis", axis_names, WARD_ARRAY_SIZE(axis_names), s,
			(size_t)(eq - s));
	level = find(level_names, WARD_ARRAY_SIZE(level_names), eq + 1, strlen(eq + 1));
	if (level < 0)
		return fail_name(err, "level", level_names, WARD_ARRAY_SIZE(level_names), eq + 1,
			strlen(eq + 1));
	*ret_axis = (enum ward_axis)axis;
	*ret_level = (enum ward_level)level;
	return WARD_OK;
}

/* ---- one function an axis ---- */

#define FIX_USERNS "allow user namespaces (ward doctor names the switch)"

/* Why there are none to be used, as a beginning of what follows from it; and what would mend that. */
static const struct {
	const char *processes, *fix;
} lacks[WARD_USERNS_LACK_MAX] = {
#define VISIBLE \
	": processes of the host are visible, and one that leaves the session may outlive the run"
	[WARD_USERNS_DENIED] = { "no user namespaces" VISIBLE, FIX_USERNS },
	[WARD_USERNS_NO_RIGHTS] = { "user namespaces without rights in them (AppArmor, or a container's filter)" VISIBLE,
		"do what ward doctor says (the AppArmor profile of Ward, or a container that is started without the engine's filter)" },
	[WARD_USERNS_PROC_COVERED] = { "no /proc of its own, since parts of this one are covered" VISIBLE,
		"start the container with all of /proc (docker run --security-opt systempaths=unconfined)" },
	[WARD_USERNS_ROOT_OF_LITTLE] = { "root of a container has not the right to mount, or not all ids, to ID-map what is granted" VISIBLE,
		"run ward as an ordinary user, in a container that is started as ward doctor says" },
	[WARD_USERNS_PROC_READ_ONLY] = { "no ids can be given to a user namespace, since /proc is read-only" VISIBLE,
		"start ward where /proc can be written to (bwrap --proc /proc; as root: mount -o remount,rw /proc)" },
#undef VISIBLE
};

const char *ward_plan_fix_userns(const struct ward_host *h)
{
	return (unsigned)h->lack < WARD_USERNS_LACK_MAX ? lacks[h->lack].fix : FIX_USERNS;
}

#define FIX_LISTENER \
	"run ward where no other filter has the listener, and nothing refuses pidfd_getfd (ward doctor tries both)"
#define FIX_FUSE_ABSENT "give ward a /dev/fuse (ward doctor says how)"

const char *ward_plan_fix_fuse(const struct ward_host *h)
{
	return !h->userns        ? ward_plan_fix_userns(h)
		: h->fuse_absent ? FIX_FUSE_ABSENT
		: h->uid         ? "sudo chmod 0666 /dev/fuse"
				 : "chmod 0666 /dev/fuse";
}

#define FIX_CGROUP "make a cgroup writable for this user (ward doctor says how)"

static void hold(struct ward_axis_state *s, enum ward_level level, const char *by, const char *fix)
{
	s->level = level;
	s->by = by;
	s->fix = fix;
}

/* Landlock adds rights up: only a mount of its own has less than what it lies in. */
static bool narrows(const struct ward_plan *p)
{
	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct ward_node *n = &p->nodes[i];

		if (n->kind == WARD_NODE_MASK || n->noexec)
			return true;
		for (size_t k = 0; k < i && n->fixed && !n->write; k++) {
			if (p->nodes[k].write && ward_path_within(n->dest, p->nodes[k].dest))
				return true;
		}
	}
	return false;
}

static void axis_files(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	if (!h->userns && narrows(p))
		hold(s, WARD_LEVEL_NONE,
			"a policy takes away below what it grants, which needs mounts of the run's own",
			ward_plan_fix_userns(h));
	else if (p->late)
		hold(s, WARD_LEVEL_ADVISORY, p->late, p->late_fix ? p->late_fix : "");
	else if (h->userns && h->landlock_abi > 0)
		hold(s, WARD_LEVEL_ENFORCED, "a view of the granted paths alone, and Landlock", "");
	else if (h->userns)
		hold(s, WARD_LEVEL_ENFORCED, "a view of the granted paths alone", "");
	else if (h->landlock_abi >= 3)
		hold(s, WARD_LEVEL_ENFORCED, "Landlock", "");
	else if (h->landlock_abi > 0)
		hold(s, WARD_LEVEL_ADVISORY,
			"Landlock of a kernel before 6.2: truncation is not held",
			ward_plan_fix_userns(h));
	else
		hold(s, WARD_LEVEL_NONE, "neither user namespaces nor Landlock",
			ward_plan_fix_userns(h));
}

static void axis_files_meta(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	if (h->userns && h->stdio_owned)
		hold(s, WARD_LEVEL_ADVISORY,
			"a standard stream is a file of yours: its mode and times can be changed through it",
			"redirect through a pipe: ward run ... < FILE becomes cat FILE | ward run ...");
	else if (h->userns)
		hold(s, WARD_LEVEL_ENFORCED, "outside the view there is no name to ask about", "");
	else
		hold(s, WARD_LEVEL_NONE, "Landlock does not hold stat, chmod, utimes, xattr",
			ward_plan_fix_userns(h));
}

static void axis_exec(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	if (h->landlock_abi > 0)
		hold(s, WARD_LEVEL_ADVISORY,
			"Landlock EXECUTE; loaders, interpreters and memfd can run other code", "");
	else
		hold(s, WARD_LEVEL_NONE, "no Landlock",
			"boot a kernel with Landlock in its lsm= list");
}

static void axis_network(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	if (p->redirects)
		hold(s, WARD_LEVEL_ENFORCED,
			p->n_published
				? "a network namespace; each connect is led to the gate where it is mediated (no nf_tables), which lets the host in to what is published, too"
				: "a network namespace; each connect is led to the gate where it is mediated (no nf_tables)",
			"");
	else if (p->egress)
		hold(s, WARD_LEVEL_ENFORCED,
			p->n_published
				? "a network namespace, every connection through the gate, also from the host to what is published"
				: "a network namespace, every connection through the gate",
			"");
	else if (p->n_published)
		hold(s, WARD_LEVEL_ENFORCED,
			"a network namespace without a way out, seccomp, and the gate for what is published",
			"");
	else if (h->userns)
		hold(s, WARD_LEVEL_ENFORCED, "a network namespace without a way out, and seccomp",
			"");
	else
		hold(s, WARD_LEVEL_ENFORCED, "seccomp refuses socket(2) for every family", "");
}

/* A read-only bind does not stop connect() to a socket in a granted tree: that needs the mediated call. */
static void axis_ipc(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	if (h->userns && ward_host_mediates(h))
		hold(s, WARD_LEVEL_ENFORCED, "namespaces, mediated connect and sendto, seccomp",
			"");
	else if (h->userns)
		hold(s, WARD_LEVEL_ENFORCED,
			"namespaces; no seccomp notification, so that connect and sendto are refused altogether",
			"");
	else if (h->landlock_abi >= 6)
		hold(s, WARD_LEVEL_ENFORCED,
			"seccomp refuses sockets, System V IPC and keyrings; Landlock scopes signals",
			"");
	else
		hold(s, WARD_LEVEL_ADVISORY,
			"signals to other processes of this user (Landlock scopes them from ABI 6)",
			ward_plan_fix_userns(h));
}

static void axis_syscalls(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	(void)h;
	hold(s, WARD_LEVEL_ENFORCED, "a seccomp allowlist", "");
}

static void axis_processes(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	if (h->userns)
		hold(s, WARD_LEVEL_ENFORCED, "a pid namespace: none visible, all end together", "");
	else
		hold(s, WARD_LEVEL_ADVISORY,
			(unsigned)h->lack < WARD_USERNS_LACK_MAX ? lacks[h->lack].processes
								 : lacks[0].processes,
			ward_plan_fix_userns(h));
}

static void axis_memory(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	if (h->cgroup_memory)
		hold(s, WARD_LEVEL_ENFORCED, h->cgroup == 1 ? "cgroup v1" : "cgroup v2", "");
	else
		hold(s, WARD_LEVEL_SAMPLED, "RLIMIT_DATA, and PSS looked at every 10 ms",
			FIX_CGROUP);
}

static void axis_cpu(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	uint32_t m = p->limits.millicpus;

	if (h->cgroup_cpu)
		hold(s, WARD_LEVEL_ENFORCED, h->cgroup == 1 ? "cgroup v1" : "cgroup v2", "");
	else if (m != 0 && m % 1000 == 0)
		hold(s, WARD_LEVEL_ADVISORY, "affinity, which the command may change", FIX_CGROUP);
	else if (m != 0)
		hold(s, WARD_LEVEL_NONE, "no cgroup: a fraction of a cpu cannot be held",
			FIX_CGROUP);
	else
		hold(s, WARD_LEVEL_NONE, "not limited", "");
}

static void axis_pids(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	if (h->cgroup_pids)
		hold(s, WARD_LEVEL_ENFORCED, h->cgroup == 1 ? "cgroup v1" : "cgroup v2", "");
	else if (h->userns)
		hold(s, WARD_LEVEL_SAMPLED, "RLIMIT_NPROC in the run's own user namespace",
			FIX_CGROUP);
	else
		hold(s, WARD_LEVEL_SAMPLED,
			"RLIMIT_NPROC, counted with this user's other processes", FIX_CGROUP);
}

static void review_disk(const struct ward_plan *p, struct ward_axis_state *s)
{
	switch (p->review.backend) {
	case WARD_DISK_TMPFS:
		hold(s, WARD_LEVEL_ENFORCED,
			"bounded tmpfs, and one for what is under review; nothing else is writable",
			"");
		return;
	case WARD_DISK_LOOP:
		hold(s, WARD_LEVEL_ENFORCED,
			"bounded tmpfs, and a file system of fixed size for what is under review; nothing else is writable",
			"");
		return;
	case WARD_DISK_DIR:
	case WARD_DISK_BACKEND_MAX: break;
	}
	hold(s, WARD_LEVEL_SAMPLED,
		"bounded tmpfs; the directory for what is under review is looked at, and the run ended when it is over its bound",
		"--disk-backend tmpfs");
}

/* What Ward gives of its own is bounded; what a granted host tree may grow to is the host's quota, and said to be. */
static void axis_disk(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	bool writes = false, caches = false;

	for (size_t i = 0; i < p->n_nodes; i++) {
		writes |= p->nodes[i].kind == WARD_NODE_BIND && p->nodes[i].write &&
			!p->nodes[i].review;
		caches |= p->nodes[i].kind == WARD_NODE_CACHE;
	}
	if (!writes && p->review.on)
		review_disk(p, s);
	else if (writes)
		hold(s, WARD_LEVEL_SAMPLED,
			h->userns
				? "bounded tmpfs; a write grant is bounded by the host's quota alone"
				: "a write grant is bounded by the host's quota alone",
			"grant no writes, or set a quota on the host");
	else
		hold(s, WARD_LEVEL_ENFORCED,
			caches ? "bounded tmpfs, the layers of package caches included; nothing else is writable"
				: h->userns ? "bounded tmpfs, nothing else is writable"
					    : "nothing is writable",
			"");
}

static void axis_env(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	(void)h;
	hold(s, WARD_LEVEL_ENFORCED, "composed; descriptors other than 0-2 closed", "");
}

static void axis_attribution(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	if (p->attribution == WARD_ATTR_FUSE && ward_host_mediates(h))
		hold(s, WARD_LEVEL_ENFORCED, "FUSE names refused paths, seccomp refused calls", "");
	else if (p->attribution == WARD_ATTR_FUSE)
		hold(s, WARD_LEVEL_ADVISORY,
			"FUSE names refused paths; refused calls are not named, and every connect is refused",
			FIX_LISTENER);
	else if (p->attribution == WARD_ATTR_NOTIFY)
		hold(s, WARD_LEVEL_SAMPLED, "seccomp notification on open and exec",
			"--attribution fuse");
	else if (ward_host_mediates(h))
		hold(s, WARD_LEVEL_NONE,
			p->seccomp & WARD_SECCOMP_NOTIFY_EXEC
				? "refused paths are not named (refused calls and programs are)"
				: "refused paths are not named (refused calls are)",
			!h->userns && h->blind
				? "run ward as an ordinary user, with --attribution notify"
				: !h->userns     ? "--attribution notify"
				: h->fuse        ? "--attribution auto"
				: h->fuse_absent ? FIX_FUSE_ABSENT ", or --attribution notify"
				: h->uid ? "sudo chmod 0666 /dev/fuse, or --attribution notify"
					 : "chmod 0666 /dev/fuse, or --attribution notify");
	else
		hold(s, WARD_LEVEL_NONE,
			"neither FUSE nor seccomp notification: no refusal is named, and every connect is refused",
			FIX_LISTENER);
}

/*
 * Without isolation: limits, and what is composed. They hold a command that does not mean to get around them, and no other one, so
 * none is more than advisory.
 */
static void direct_limit(const struct ward_host *h, bool cgroup, struct ward_axis_state *s,
	enum ward_level without, const char *by)
{
	if (cgroup)
		hold(s, WARD_LEVEL_ADVISORY,
			h->cgroup == 1
				? "cgroup v1, which a command may leave that may write to it"
				: "cgroup v2, which a command may leave that may write to it",
			"--backend native");
	else
		hold(s, without, by, FIX_CGROUP);
}

static void direct_memory(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	direct_limit(h, h->cgroup_memory, s, WARD_LEVEL_ADVISORY,
		"RLIMIT_DATA, of each process by itself");
}

static void direct_cpu(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	if (p->limits.millicpus && h->cgroup_cpu)
		direct_limit(h, true, s, WARD_LEVEL_NONE, "");
	else
		axis_cpu(p, &(struct ward_host){ 0 }, s);
}

static void direct_pids(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	direct_limit(h, h->cgroup_pids, s, WARD_LEVEL_NONE, "no cgroup: not limited");
}

static void direct_processes(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	hold(s, WARD_LEVEL_NONE,
		h->cgroup_memory || h->cgroup_pids
			? "not isolated; what it leaves behind is ended (cgroup, subreaper)"
			: "not isolated; what it leaves behind is ended (process group, subreaper)",
		"--backend native");
}

static void direct_env(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s)
{
	(void)p;
	(void)h;
	hold(s, WARD_LEVEL_ADVISORY,
		"composed; descriptors other than 0-2 closed; other processes' are in /proc",
		"--backend native");
}

typedef void axis_fn(const struct ward_plan *p, const struct ward_host *h,
	struct ward_axis_state *s);

static axis_fn *const axis_fns[WARD_AXIS_MAX] = {
	[WARD_AXIS_FILES] = axis_files,
	[WARD_AXIS_FILES_META] = axis_files_meta,
	[WARD_AXIS_EXEC] = axis_exec,
	[WARD_AXIS_NETWORK] = axis_network,
	[WARD_AXIS_IPC] = axis_ipc,
	[WARD_AXIS_SYSCALLS] = axis_syscalls,
	[WARD_AXIS_PROCESSES] = axis_processes,
	[WARD_AXIS_MEMORY] = axis_memory,
	[WARD_AXIS_CPU] = axis_cpu,
	[WARD_AXIS_PIDS] = axis_pids,
	[WARD_AXIS_DISK] = axis_disk,
	[WARD_AXIS_ENV] = axis_env,
	[WARD_AXIS_ATTRIBUTION] = axis_attribution,
};

/* The others hold nothing. */
static axis_fn *const direct_fns[WARD_AXIS_MAX] = {
	[WARD_AXIS_PROCESSES] = direct_processes,
	[WARD_AXIS_MEMORY] = direct_memory,
	[WARD_AXIS_CPU] = direct_cpu,
	[WARD_AXIS_PIDS] = direct_pids,
	[WARD_AXIS_ENV] = direct_env,
};

/* What the run insists on: the minimum, raised, then lowered by name. Both for one axis is a contradiction. */
static int require(const struct ward_plan_input *in, enum ward_axis a, struct ward_axis_state *s,
	struct ward_error *err)
{
	enum ward_level min = in->minimum ? in->minimum[a] : ward_minimum[a];
	int up = in->require ? in->require[a] : -1, down = in->accept ? in->accept[a] : -1;

	if (up > WARD_LEVEL_ENFORCED || down > WARD_LEVEL_ENFORCED ||
		(unsigned)min >= WARD_LEVEL_MAX)
		return ward_fail(err, WARD_E_INTERNAL, "axis %s: no such level", ward_axis_name(a));
	/* --backend direct is the acceptance for all. */
	if (in->backend == WARD_BACKEND_DIRECT && down < 0)
		down = WARD_LEVEL_NONE;
	s->required = min;
	if (up > (int)s->required)
		s->required = (enum ward_level)up;
	if (down < 0 || down >= (int)s->required)
		return WARD_OK;
	if (up > down) {
		if (in->backend == WARD_BACKEND_DIRECT && (!in->accept || in->accept[a] < 0))
			return WARD_OK;
		ward_fail(err, WARD_E_INVALID, "axis %s: --require %s and --accept %s contradict",
			ward_axis_name(a), ward_level_name((enum ward_level)up),
			ward_level_name((enum ward_level)down));
		ward_fail_fix(err, "drop one of the two");
		return WARD_E_INVALID;
	}
	s->required = (enum ward_level)down;
	s->accepted = true;
	return WARD_OK;
}

/* Is more required than the minimum, by name? Then an --accept would contradict what was said. */
static bool raised(const struct ward_plan_input *in, int a)
{
	enum ward_level min = in->minimum ? in->minimum[a] : ward_minimum[a];

	return in->require && in->require[a] > (int)min;
}

/* What mends a. A --require may be lowered to the minimum, no further: below that it is dropped, and the level accepted. */
static void add_mend(struct ward_buf *out, const struct ward_plan *p,
	const struct ward_plan_input *in, int a)
{
	enum ward_level min = in->minimum ? in->minimum[a] : ward_minimum[a];
	const char *axis = ward_axis_name((enum ward_axis)a);
	enum ward_level level = p->axes[a].level;

	if (out->n > 0)
		ward_buf_adds(out, raised(in, a) ? ", " : " ");
	if (!raised(in, a))
		ward_buf_addf(out, "--accept %s=%s", axis, ward_level_name(level));
	else if (in->backend == WARD_BACKEND_DIRECT)
		ward_buf_addf(out, "drop --require %s", axis);
	else if (level < min)
		ward_buf_addf(out, "--accept %s=%s without --require %s", axis,
			ward_level_name(level), axis);
	else
		ward_buf_addf(out, "--require %s=%s, or drop it", axis, ward_level_name(level));
}

/* One refusal for the first axis that falls short; its fix names what to say for all of them. */
static int check(const struct ward_plan *p, const struct ward_plan_input *in,
	struct ward_error *err)
{
	int first = -1;
	WARD_CLEANUP(ward_buf_done) struct ward_buf accept = WARD_BUF_INIT;
	const struct ward_axis_state *s;

	for (int a = 0; a < WARD_AXIS_MAX; a++) {
		s = &p->axes[a];
		if (s->level >= s->required)
			continue;
		if (first < 0)
			first = a;
		if (!raised(in, a))
			add_mend(&accept, p, in, a);
	}
	for (int a = 0; a < WARD_AXIS_MAX; a++)
		if (p->axes[a].level < p->axes[a].required && raised(in, a))
			add_mend(&accept, p, in, a);
	if (first < 0)
		return WARD_OK;
	s = &p->axes[first];
	ward_fail(err, WARD_E_AXIS, "axis %s would be %s, and %s is required: %s",
		ward_axis_name((enum ward_axis)first), ward_level_name(s->level),
		ward_level_name(s->required), s->by);
	ward_fail_fix(err, "%s%s%s", s->fix, s->fix[0] ? "; or " : "", ward_buf_cstr(&accept));
	return WARD_E_AXIS;
}

#define NO_ROUTES "no route can be made, since sockets of AF_NETLINK are refused here"
#define NO_INET ", since sockets of AF_INET are refused here"
#define FIX_FAMILIES \
	"start ward outside of the filter that refuses them (RestrictAddressFamilies= of a systemd unit: add AF_NETLINK, AF_INET and AF_INET6)"

int ward_plan_egress(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err)
{
	const struct ward_host *h = in->host;
	const struct {
		bool there;
		const char *why, *fix;
	} needs[] = {
		{ h->userns, "without a network namespace no connection is let out",
			ward_plan_fix_userns(h) },
		{ ward_host_mediates(h), "no call is mediated, so that every connect is refused",
			FIX_LISTENER },
		{ !h->no_routes, NO_ROUTES, FIX_FAMILIES },
		{ !h->no_inet, "no connect can be taken in" NO_INET, FIX_FAMILIES },
	};
	const struct ward_rule *rule = NULL;

	/* direct holds nothing back, so nothing has to be let through. */
	for (size_t i = 0; in->backend == WARD_BACKEND_NATIVE && !rule && i < p->n_rules; i++) {
		if (p->rules[i].type == WARD_CAP_NETWORK_CONNECT)
			rule = &p->rules[i];
	}
	p->egress = rule != NULL;
	p->redirects = p->egress && !h->nft;
	if (p->egress || p->n_published > 0)
		ward_net_limits_default(&p->limits.net);
	for (size_t i = 0; rule && i < WARD_ARRAY_SIZE(needs); i++) {
		if (needs[i].there)
			continue;
		ward_fail(err, WARD_E_AXIS, "axis network: %.200s cannot be granted: %s",
			rule->text, needs[i].why);
		if (rule->origin.file[0] != '-')
			ward_fail_at(err, rule->origin.file, rule->origin.line,
				rule->origin.column);
		ward_fail_fix(err, "%s; or take it out", needs[i].fix);
		return WARD_E_AXIS;
	}
	return WARD_OK;
}

/* What keeps a run that is no direct one from it, and what mends that; NULL: nothing does. */
static const char *unpublishable(const struct ward_host *h, const struct ward_published *w,
	const char **ret_fix)
{
	*ret_fix = FIX_FAMILIES;
	if (!h->userns) {
		*ret_fix = ward_plan_fix_userns(h);
		return "without a network namespace the command has no socket to listen with";
	}
	if (h->no_routes)
		return NO_ROUTES;
	return h->no_inet && w->family == 4 ? "nobody can listen at it" NO_INET : NULL;
}

int ward_plan_published(const struct ward_plan *p, const struct ward_plan_input *in,
	struct ward_error *err)
{
	bool direct = in->backend == WARD_BACKEND_DIRECT;
	const char *why = NULL, *fix = "";
	const struct ward_rule *rule;
	size_t i = 0;

	while (!direct && i < p->n_published && !why)
		why = unpublishable(in->host, &p->published[i++], &fix);
	if (p->n_published == 0 || (!direct && !why))
		return WARD_OK;
	rule = &p->rules[p->published[direct ? 0 : i - 1].rule];
	ward_fail(err, direct ? WARD_E_INVALID : WARD_E_AXIS, "%.200s cannot be published: %s",
		rule->text,
		direct ? "with --backend direct the command has the host's network, and listens there by itself"
		       : why);
	if (rule->origin.file[0] != '-')
		ward_fail_at(err, rule->origin.file, rule->origin.line, rule->origin.column);
	ward_fail_fix(err, "%s%stake it out", fix, direct ? "" : "; or ");
	return err ? err->code : WARD_E_AXIS;
}

/* Whatever is accepted: what /proc has for root alone (the registers of PCI devices), the kernel gives by the host's id, whatever it is called. */
static int not_root(const struct ward_host *h, struct ward_error *err)
{
	if (!h->stuck && !h->host_root)
		return WARD_OK;
	ward_fail(err, WARD_E_AXIS,
		h->stuck
			? "axis processes cannot be held: root may not become another user here, and so the command would be root"
			: "axis processes cannot be held: user %u here is root on the host, and so the command would be root there",
		(unsigned)h->uid);
	if (h->stuck)
		ward_fail_fix(err,
			"run ward as an ordinary user (outside of `unshare -r`), or give this root CAP_SETUID, CAP_SETGID and id %d, as container engines do",
			WARD_RESERVED_ID);
	else
		ward_fail_fix(err,
			"run ward as a user that is not root on the host, or as root outside of that user namespace");
	return WARD_E_AXIS;
}

/* Whatever is accepted: the helper is executed from memory, and closes what it was not given. */
static int no_start(const struct ward_host *h, struct ward_error *err)
{
	ward_fail_errno(err, WARD_E_AXIS, h->refused_errno,
		"no axis can be held: %s is refused here, and nothing starts without", h->refused);
	ward_fail_fix(err, "%s",
		h->refused_errno == EACCES && strcmp(h->refused, "memfd_create") == 0
			? "set sysctl vm.memfd_noexec below 2"
			: "start ward outside of the filter that refuses it (docker run --security-opt seccomp=unconfined; ward doctor says more)");
	return WARD_E_AXIS;
}

bool ward_host_mediates(const struct ward_host *h)
{
	return h->seccomp_notify && !(h->userns && h->no_taking);
}

int ward_plan_axes(struct ward_plan *p, const struct ward_plan_input *in, struct ward_error *err)
{
	if (in->backend == WARD_BACKEND_NATIVE && in->host->refused)
		return no_start(in->host, err);
	if (in->backend == WARD_BACKEND_NATIVE && not_root(in->host, err) < 0)
		return WARD_E_AXIS;
	/* Whatever is accepted: half of all that is promised hangs on it, and a start needs it. */
	if (in->host->no_seccomp && in->backend == WARD_BACKEND_NATIVE) {
		ward_fail(err, WARD_E_AXIS,
			"axis syscalls cannot be held: no system call filter can be installed");
		ward_fail_fix(err,
			"run `ward doctor`; the kernel lacks CONFIG_SECCOMP_FILTER, or a filter around ward refuses seccomp(2)");
		return WARD_E_AXIS;
	}
	for (int a = 0; a < WARD_AXIS_MAX; a++) {
		struct ward_axis_state *s = &p->axes[a];
		axis_fn *fn = in->backend == WARD_BACKEND_DIRECT ? direct_fns[a] : axis_fns[a];
		int r;

		if (fn)
			fn(p, in->host, s);
		else
			hold(s, WARD_LEVEL_NONE, "--backend direct isolates nothing",
				"--backend native");
		r = require(in, (enum ward_axis)a, s, err);
		if (r < 0)
			return r;
	}
	return check(p, in, err);
}
