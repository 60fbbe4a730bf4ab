/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of a cage: cgroup, launch blob, ward-init, then its messages in whatever order they come, up to the verdict of
 * the self-test. Nothing is executed here: the command waits for GO. Any failure, a message that was not expected, a helper
 * that ends early or that takes longer than the deadline: the start fails and everything made so far is undone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/native/cage.h"
#include "confine/native/landlock.h"
#include "os/os.h"

#define START_DEADLINE_NS (30ull * 1000000000)
#define LOST_MS 1000
#define SAMPLE_NS (8ull * 1000000) /* below the 10 ms that are promised */

static int init_failed(struct ward_native *c, const struct ward_msg *m, struct ward_host *host,
	struct ward_error *err)
{
	char text[sizeof(m->text)];

	/* There all that it sees of us is that nobody answers. Why is ours to say. */
	if (m->err == ENOTCONN && c->fuse) {
		int e;

		ward_fuse_stop(c->fuse);
		e = ward_fuse_device(c->fuse);
		/* EPROTO: nothing came, since it was stopped; what the init says is why. */
		if (e < -1 && e != -EPROTO)
			return ward_native_stage_failed(WARD_STAGE_FUSE, -e, "its device", host,
				err);
	}

	memcpy(text, m->text, sizeof(text));
	text[sizeof(text) - 1] = 0;
	return ward_native_stage_failed(m->stage, m->err, text, host, err);
}

static int selftest_failed(uint32_t bits, struct ward_error *err)
{
	static const char *const axes[] = {
#define WARD_X(id, axis, text) [id] = (axis),
		WARD_PROBES(WARD_X)
#undef WARD_X
	};
	static const char *const texts[] = {
#define WARD_X(id, axis, text) [id] = (text),
		WARD_PROBES(WARD_X)
#undef WARD_X
	};

	for (unsigned i = 0; i < WARD_PROBE_MAX; i++)
		if (bits & (1u << i)) {
			ward_fail(err, WARD_E_SELFTEST, "self-test: axis %s is not held: %s",
				axes[i], texts[i]);
			ward_fail_fix(err,
				"run `ward doctor`; this is a defect of the host or of Ward");
			return WARD_E_SELFTEST;
		}
	return ward_fail(err, WARD_E_SELFTEST, "self-test: an unknown probe broke");
}

static int watch(const struct ward_native *c, int fd, short events, struct ward_error *err)
{
	struct epoll_event e = { .events = (uint32_t)events, .data.fd = fd };

	if (fd >= 0 && epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "epoll");
	return WARD_OK;
}

static bool held(const struct ward_plan *p, enum ward_axis a)
{
	return p->axes[a].level == WARD_LEVEL_ENFORCED;
}

static void describe(const struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_pack *k)
{
	const struct ward_plan *p = c->plan;

	*k = (struct ward_pack){
		.userns = !(p->seccomp & WARD_SECCOMP_NO_SOCKET),
		.fuse = p->attribution == WARD_ATTR_FUSE,
		.listener = !(p->seccomp & WARD_SECCOMP_NO_LISTENER),
		.ctty = opts->ctty,
		.caller_uid = geteuid(),
		.caller_gid = getegid(),
		.landlock_abi = opts->host->landlock_abi,
	};
	if (p->backend == WARD_BACKEND_DIRECT) {
		k->direct = true;
		k->userns = k->fuse = k->listener = false;
		k->landlock_abi = 0;
	}
	k->root = k->caller_uid == 0 && k->userns;
	k->cgroup2 = c->cgroup != NULL;
	for (unsigned i = 0; i < WARD_CGROUP_CONTROLLERS && !k->cgroup2; i++)
		k->n_tasks += c->counts[i];
	k->cgroup_memory = c->counts[WARD_CGROUP_MEMORY];
	k->cgroup_pids = c->counts[WARD_CGROUP_PIDS];
	k->cgroup_cpu = c->counts[WARD_CGROUP_CPU];
}

/* Without it nobody could tell that the run has another: a self-test that cannot fail proves nothing. */
static int namespace_untold(const char *name, const char *axis, int e, struct ward_error *err)
{
	(void)ward_fail_errno(err, WARD_E_SPAWN, e,
		"axis %s cannot be tested: /proc/thread-self/ns/%s, the namespace of ward that a run must not be in, cannot be read",
		axis, name);
	ward_fail_fix(err,
		"give ward a whole /proc (a container that does not mask it), on a kernel that has %s namespaces",
		name);
	return err->code;
}

/* "net:[4026531840]" as its number, 0: it is none. */
static uint32_t namespace_number(const char *name, const char *text)
{
	size_t n = strlen(name);
	char *end = NULL;
	unsigned long v;

	if (strncmp(text, name, n) != 0 || text[n] != ':' || text[n + 1] != '[')
		return 0;
	v = strtoul(text + n + 2, &end, 10);
	return v <= UINT32_MAX && end[0] == ']' && end[1] == '\0' ? (uint32_t)v : 0;
}

/* Those that the thread is in that makes the run's. */
static int own_namespaces(uint32_t ret[WARD_LAUNCH_NS_MAX], struct ward_error *err)
{
	static const char *const names[WARD_LAUNCH_NS_MAX] = WARD_LAUNCH_NS;
	static const char *const axes[WARD_LAUNCH_NS_MAX] = { "processes", "files", "processes",
		"network", "ipc", "processes", "processes" };
	WARD_FD dir = open("/proc/thread-self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < WARD_LAUNCH_NS_MAX; i++) {
		char text[64];
		ssize_t n = dir < 0 ? -1 : readlinkat(dir, names[i], text, sizeof(text) - 1);

		if (n < 0)
			return namespace_untold(names[i], axes[i], errno, err);
		text[n] = '\0';
		ret[i] = namespace_number(names[i], text);
		if (!ret[i])
			return ward_fail(err, WARD_E_INTERNAL, "a namespace with the name %s",
				text);
	}
	return WARD_OK;
}

static int take_fd(int *fds, size_t n, size_t i)
{
	int fd = i < n ? fds[i] : -1;

	if (i < n)
		fds[i] = -1;
	return fd;
}

static int on_view(struct ward_native *c, const struct ward_msg *m, int *fds, size_t n,
	struct ward_error *err)
{
	bool diag = m->stage & WARD_VIEW_DIAG;
	size_t sysv = m->stage & WARD_VIEW_SYSV ? WARD_SYSV_FILES : 0, more = sysv + diag;
	int roots[WARD_VIEW_ROOTS_MAX];
	size_t n_roots = 0;

	if (c->proc >= 0 || n < 1u + more || n > 1u + WARD_VIEW_ROOTS_MAX + more)
		return ward_fail(err, WARD_E_INTERNAL,
			"ward-init: VIEW twice or without its descriptors");
	c->proc = take_fd(fds, n, 0);
	/* Here, while the command tests itself: it has been born where the init is. Told after what that finds: an end is astray, too. */
	c->in_cgroup = c->cgroup ? ward_cgroup_holds(c->cgroup, c->init.pid) : 1;
	if (c->fuse) {
		ward_fuse_set_proc(c->fuse, c->proc);
		/* The init asks no more; the command's self-test will, from where it was put. */
		ward_fuse_place(c->fuse, &c->place, c->place.here);
	}
	/* They are one file system: whether it is full at the end is asked through any of them. */
	c->scratch = n > 1u + more ? fcntl(fds[1], F_DUPFD_CLOEXEC, 3) : -1;
	for (size_t i = 0; i < sysv; i++)
		c->sysv[i] = take_fd(fds, n, n - more + i);
	if (!c->notify)
		return WARD_OK;
	if (diag)
		ward_notify_set_diag(c->notify, take_fd(fds, n, n - 1));
	for (size_t i = 1; i + more < n; i++)
		roots[n_roots++] = take_fd(fds, n, i);
	ward_notify_set_roots(c->notify, roots, n_roots);
	return WARD_OK;
}

static int on_net(struct ward_native *c, const struct ward_msg *m, int *fds, size_t n,
	struct ward_error *err)
{
	const struct ward_plan *p = c->plan;
	size_t taken = 0;

	for (int i = 0; i < WARD_NET_SOCKET_MAX && !c->net_came; i++)
		if ((m->value & 1 << i) && (i == WARD_NET_DOOR ? p->n_published > 0 : p->egress))
			c->net[i] = take_fd(fds, n, taken++);
	/* Those of IPv4 are always there. */
	if (taken != n || (p->egress && (c->net[WARD_NET_TCP4] < 0 || c->net[WARD_NET_UDP4] < 0)) ||
		(p->n_published && c->net[WARD_NET_DOOR] < 0))
		return ward_fail(err, WARD_E_INTERNAL,
			"ward-init: NET twice, unasked or without its descriptors");
	c->net_came = true;
	return WARD_OK;
}

/* One message of the start. *ret_done: the self-test has spoken. */
static int on_message(struct ward_native *c, const struct ward_msg *m, int *fds, size_t n,
	bool *ret_done, struct ward_host *host, struct ward_error *err)
{
	switch ((enum ward_msg_type)m->type) {
	case WARD_MSG_FAILED: return init_failed(c, m, host, err);
	case WARD_MSG_VIEW: return on_view(c, m, fds, n, err);
	case WARD_MSG_NET: return on_net(c, m, fds, n, err);
	case WARD_MSG_LAYER:
		if (n != 1 || c->layer >= 0 || c->plan->review.backend != WARD_DISK_TMPFS)
			break;
		c->layer = take_fd(fds, n, 0);
		return WARD_OK;
	case WARD_MSG_LISTENER:
		if (n != 1 || !c->notify)
			break;
		c->listener = fds[0];
		return ward_notify_attach(c->notify, take_fd(fds, n, 0), err);
	case WARD_MSG_SELFTEST:
		*ret_done = true;
		return m->value ? selftest_failed((uint32_t)m->value, err) : WARD_OK;
	default: break;
	}
	return ward_fail(err, WARD_E_INTERNAL, "ward-init sent an unexpected message (%u)",
		m->type);
}

/* One message; *ret_ended: there is none and will be none. */
static int receive(struct ward_native *c, int sock, bool *ret_done, bool *ret_ended,
	struct ward_host *host, struct ward_error *err)
{
	struct ward_msg m = { 0 };
	int fds[WARD_VIEW_FDS_MAX], r = WARD_OK;
	size_t n = WARD_ARRAY_SIZE(fds);
	ssize_t got = ward_recv_fds(sock, &m, sizeof(m), fds, &n, 0);

	/* Its other end closed with something of ours unread. That is told once, ahead of what it had said. */
	if (got == -ECONNRESET) {
		n = WARD_ARRAY_SIZE(fds);
		got = ward_recv_fds(sock, &m, sizeof(m), fds, &n, 0);
	}
	*ret_ended = got == 0 || (got == (ssize_t)sizeof(m) && m.type == WARD_MSG_EXIT);
	if (*ret_ended && got)
		c->exit = m;
	if (got < 0)
		return ward_fail_errno(err, WARD_E_SPAWN, (int)-got, "reading from ward-init");
	if (got > 0 && got != (ssize_t)sizeof(m))
		r = ward_fail_errno(err, WARD_E_SPAWN, EPROTO, "reading from ward-init");
	else if (!*ret_ended)
		r = on_message(c, &m, fds, n, ret_done, host, err);
	for (size_t i = 0; got > 0 && i < n; i++)
		ward_close(fds[i]);
	return r;
}

static int was_killed(const char *who, int sig, struct ward_error *err)
{
	const char *name = sig == SIGSYS ? " (SIGSYS)" : sig == SIGKILL ? " (SIGKILL)" : "";

	(void)ward_fail(err, WARD_E_SPAWN, "%s was ended by signal %d%s during the start", who, sig,
		name);
	/* Which call it was, nobody is told but the kernel's log. */
	if (sig == SIGSYS)
		ward_fail_fix(err, "%s",
			"a filter around ward kills whoever makes a call that it does not allow: let it answer with an error instead (systemd: SystemCallErrorNumber=EPERM), and `ward doctor` names what it refuses; journalctl -k has the call's number (type=1326)");
	else if (sig == SIGKILL)
		ward_fail_fix(err, "%s",
			"somebody killed it, or the kernel for lack of memory (dmesg says so); try again");
	return WARD_E_SPAWN;
}

/* What is known of an end without a word: how the init ended, or what its last message says of the command's process. */
static int lost(struct ward_native *c, bool *ret_done, struct ward_host *host,
	struct ward_error *err)
{
	struct pollfd p = { c->ctl, POLLIN, 0 };
	int code = 0, status = 0, r = WARD_OK;
	bool told = ward_pidfd_look(c->init.pidfd, LOST_MS, &code, &status) == 0, over = false;

	while (r == WARD_OK && !over && !c->exit.type && poll(&p, 1, 0) > 0)
		r = receive(c, c->ctl, ret_done, &over, host, err);
	if (r < 0)
		return r;
	if (c->exit.type && WIFSIGNALED(c->exit.value))
		return was_killed("the process of the command", WTERMSIG(c->exit.value), err);
	if (told && code != CLD_EXITED)
		return was_killed("ward-init", status, err);
	if (c->exit.type)
		return ward_fail(err, WARD_E_SPAWN,
			"the process of the command ended during the start, with %d and without a word",
			WEXITSTATUS(c->exit.value));
	return told
		? ward_fail(err, WARD_E_SPAWN,
			  "ward-init ended during the start, with %d and without a word", status)
		: ward_fail(err, WARD_E_SPAWN,
			  "ward-init closed its socket during the start without a word");
}

/*
 * All that waits on both sockets. Who fails says why and then ends, and what others notice of that end may be read first:
 * an end without a word is believed only after both were read once more.
 */
static int hear(struct ward_native *c, bool *ret_done, struct ward_host *host,
	struct ward_error *err)
{
	bool ended = false;
	int r;

	for (int round = 0; round < 2; round++) {
		ended = false;
		for (size_t i = 0; i < 2; i++) {
			struct pollfd p = { i ? c->cmd : c->ctl, POLLIN, 0 };
			bool over = false;

			while (!over && poll(&p, 1, 0) > 0) {
				r = receive(c, p.fd, ret_done, &over, host, err);
				if (r < 0)
					return r;
			}
			ended = ended || over;
		}
		if (!ended)
			return WARD_OK;
	}
	/* Or it has never been ward-init. */
	r = ward_native_exec_failed(&c->init, c->namespaces ? host : NULL, err);
	return r < 0 ? r : lost(c, ret_done, host, err);
}

/* A limit that may count somebody else is none: neither doubt nor certainty of that begins a run. */
static int in_cgroup(const struct ward_native *c, struct ward_error *err)
{
	for (unsigned i = 0; i < WARD_CGROUP_CONTROLLERS; i++)
		if (c->counts[i] && !c->cgroup)
			return ward_fail(err, WARD_E_INTERNAL,
				"the cgroup that was planned was not made");
	if (c->in_cgroup > 0)
		return WARD_OK;
	if (c->in_cgroup == 0)
		return selftest_failed(1u << WARD_PROBE_CGROUP, err);
	(void)ward_fail_errno(err, WARD_E_SELFTEST, -c->in_cgroup,
		"self-test: axis pids cannot be tested: neither /proc/%ld/cgroup nor the cgroup's own list of processes can be read",
		(long)c->init.pid);
	ward_fail_fix(err,
		"give ward a /proc that shows its own processes (no hidepid, not masked), or read access to its cgroups");
	return err->code;
}

/* Who waits for it would wait for ever. */
static int not_answered(int why, struct ward_error *err)
{
	ward_fail_errno(err, WARD_E_SPAWN, why,
		"call broker: a held call of the self-test can be neither read nor answered (ioctl of seccomp's listener)");
	ward_fail_fix(err,
		"start ward outside of the filter that refuses it (docker run --security-opt seccomp=unconfined; ward doctor says more)");
	return WARD_E_SPAWN;
}

/*
 * Read messages until the self-test has spoken. The calls that it makes in order to be refused are answered from here as
 * well: waking the thread that does so later would cost more than all of them.
 */
static int converse(struct ward_native *c, struct ward_host *host, struct ward_error *err)
{
	uint64_t deadline = ward_now_mono_ns() + START_DEADLINE_NS;
	struct pollfd p[3] = { { c->ctl, POLLIN, 0 }, { c->cmd, POLLIN, 0 }, { -1, POLLIN, 0 } };
	bool done = false;
	int r;

	/* VIEW comes on the other socket than SELFTEST: both must be in. */
	while (!done || c->proc < 0) {
		int left = ward_native_left_ms(ward_now_mono_ns(), deadline);

		if (left == 0)
			return ward_fail(err, WARD_E_SPAWN,
				"the sandbox did not come up within 30 s");
		p[2].fd = c->notify ? ward_notify_fd(c->notify) : -1;
		if (c->notify && ward_notify_lost(c->notify))
			return not_answered(ward_notify_lost(c->notify), err);
		if (poll(p, 3, left) < 0) {
			if (errno == EINTR)
				continue;
			return ward_fail_errno(err, WARD_E_SYSTEM, errno, "poll");
		}
		if (p[2].revents & POLLIN)
			ward_notify_turn(c->notify);
		if (!p[0].revents && !p[1].revents)
			continue;
		r = hear(c, &done, host, err);
		if (r < 0)
			return r;
	}
	if ((c->plan->egress || c->plan->n_published) && c->namespaces && !c->net_came)
		return ward_fail(err, WARD_E_INTERNAL, "ward-init: no NET");
	if (c->plan->review.on && c->plan->review.backend == WARD_DISK_TMPFS && c->layer < 0)
		return ward_fail(err, WARD_E_INTERNAL, "ward-init: no LAYER");
	return in_cgroup(c, err);
}

/* A cgroup v2 is entered by being born in it; into those of v1 the init writes itself. */
static bool born_in(const struct ward_cage_options *opts)
{
	return opts->host->cgroup == 2;
}

static int make_cgroup(struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_error *err)
{
	int r = ward_cgroup_create(opts->host, opts->run_id, &c->plan->limits, &c->cgroup, err);

	/* The blob may have said already what it holds. */
	for (unsigned i = 0; r == WARD_OK && i < WARD_CGROUP_CONTROLLERS; i++)
		if (ward_cgroup_has(c->cgroup, i) != c->counts[i])
			r = ward_fail(err, WARD_E_INTERNAL,
				"a cgroup with other controllers than those planned");
	if (r == WARD_OK && (ward_cgroup_version(c->cgroup) == 2) != born_in(opts))
		r = ward_fail(err, WARD_E_INTERNAL, "a cgroup of another version than planned");
	if (r == WARD_OK)
		c->oom = ward_cgroup_oom_fd(c->cgroup, &c->oom_events);
	return r;
}

/* Direct: nothing is refused inside, so there is nobody to answer. */
static int prepare_brokers(struct ward_native *c, struct ward_error *err)
{
	const struct ward_plan *p = c->plan;
	int r = WARD_OK;

	if (p->backend == WARD_BACKEND_DIRECT)
		return WARD_OK;
	ward_refusals_phase(c->refusals, true);
	if (!(p->seccomp & WARD_SECCOMP_NO_LISTENER))
		r = ward_notify_new(p, c->refusals, c->kill_event, &c->notify, err);
	if (r < 0)
		return r;
	if (p->attribution == WARD_ATTR_FUSE)
		r = ward_fuse_new(p, c->refusals, &c->fuse, err);
	if (r < 0)
		return r;
	c->next_sample = ward_now_mono_ns() + SAMPLE_NS;
	return WARD_OK;
}

/* Direct: memory without a cgroup is not sampled, since /proc is everybody's. */
static int prepare(struct ward_native *c, struct ward_error *err)
{
	c->sampling = c->plan->backend != WARD_BACKEND_DIRECT && !held(c->plan, WARD_AXIS_MEMORY);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->kill_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->refusals = ward_refusals_new();
	if (c->epoll < 0 || c->kill_event < 0 || !c->refusals)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot prepare the supervisor");
	return WARD_OK;
}

/* Without namespaces the processes of a run are found by whose children they are, which a kernel can be built without. */
static int can_sample(const struct ward_native *c, struct ward_error *err)
{
	WARD_FD list = -1;

	if (!c->sampling || c->namespaces)
		return WARD_OK;
	list = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	if (list >= 0)
		return WARD_OK;
	ward_fail(err, WARD_E_SPAWN,
		"memory cannot be looked at: this kernel lists no children of a process (CONFIG_PROC_CHILDREN)");
	ward_fail_fix(err,
		"run where there is a cgroup for memory, or user namespaces (`ward doctor`)");
	return WARD_E_SPAWN;
}

/* What a cgroup is to hold. A v2 one has to be there before the init is born; others are made while that reads its plan. */
static int plan_cgroup(struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_error *err)
{
	const struct ward_plan *p = c->plan;
	const struct ward_host *h = opts->host;
	bool any = p->backend == WARD_BACKEND_DIRECT
		? h->cgroup_memory || h->cgroup_pids || (h->cgroup_cpu && p->limits.millicpus)
		: held(p, WARD_AXIS_MEMORY) || held(p, WARD_AXIS_PIDS) || held(p, WARD_AXIS_CPU);

	if (!any)
		return WARD_OK;
	ward_cgroup_wanted(h, &p->limits, c->counts);
	return born_in(opts) ? make_cgroup(c, opts, err) : WARD_OK;
}

/* The head start that the caller made, if it is of the right kind; else a new one. */
static int take_head(struct ward_native *c, const struct ward_cage_options *opts,
	const struct ward_pack *k, struct ward_error *err)
{
	struct ward_head_start *h = opts->head;
	int fds[WARD_CGROUP_CONTROLLERS] = { -1 }, r;
	struct ward_head_want want = { .userns = k->userns,
		.captured = k->userns && c->plan->egress && !c->plan->redirects,
		.cgroup = -1 };

	if (k->cgroup2 && ward_cgroup_entry_fds(c->cgroup, fds) > 0)
		want.cgroup = fds[0];
	/* One whose network was not captured has that done when it has its plan. */
	if (h &&
		(h->userns != want.userns || h->cgroup2 != k->cgroup2 ||
			(h->captured && !want.captured))) {
		ward_head_start_free(h);
		h = NULL;
	}
	if (!h) {
		r = ward_native_head(opts->host, &want, &h, err);
		if (r < 0)
			return r;
	}
	/* Outside of its cgroup nothing would count it. */
	if (h->cgroup2 != k->cgroup2) {
		ward_head_start_free(h);
		return ward_fail(err, WARD_E_INTERNAL, "the run's cgroup cannot be entered");
	}
	c->ctl = h->ctl;
	c->cmd = h->cmd;
	c->init = h->init;
	c->namespaces = h->userns;
	c->place = h->place;
	c->fuse_sock = h->fuse;
	free(h);
	return can_sample(c, err);
}

/* An init that failed has said why: that is read next. */
static int handed(ssize_t sent, struct ward_error *err)
{
	if (sent < 0 && sent != -EPIPE && sent != -ECONNRESET)
		return ward_fail_errno(err, WARD_E_SYSTEM, (int)-sent,
			"cannot hand the plan to ward-init");
	return WARD_OK;
}

/* sealed: the blob. */
static int hand_over(struct ward_native *c, const struct ward_cage_options *opts, int sealed,
	struct ward_error *err)
{
	struct ward_msg m = { .type = WARD_MSG_BLOB, .value = WARD_HANDED_JOIN };
	const int fds[WARD_HANDED_JOIN] = { sealed, opts->stdio[0], opts->stdio[1],
		opts->stdio[2] };

	if (sealed < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -sealed, "cannot make the launch blob");
	return handed(ward_send_fds(c->ctl, &m, sizeof(m), fds, WARD_HANDED_JOIN), err);
}

/*
 * What the init is to enter is made, and given to it, while it reads its plan: it forks nothing before. Where there is no anchor the
 * blob stands in for it, which it keeps as long: nothing of the caller's, whose pipes would stay open.
 */
static int join(struct ward_native *c, const struct ward_cage_options *opts,
	const struct ward_pack *k, int sealed, struct ward_error *err)
{
	struct ward_msg m = { .type = WARD_MSG_JOIN };
	int fds[WARD_HANDED_MAX - WARD_HANDED_JOIN] = { opts->anchor > 0 ? opts->anchor : sealed };
	size_t n = WARD_HANDED_CGROUP - WARD_HANDED_JOIN;
	int r = k->n_tasks ? make_cgroup(c, opts, err) : WARD_OK;

	if (r == WARD_OK && k->userns)
		r = own_namespaces(m.ns, err);
	if (r < 0)
		return r;
	if (k->n_tasks)
		n += ward_cgroup_entry_fds(c->cgroup, fds + n);
	m.value = (int32_t)n;
	r = handed(ward_send_fds(c->ctl, &m, sizeof(m), fds, n), err);
	if (c->cgroup)
		ward_cgroup_entered(c->cgroup);
	return r;
}

/* The thread that has FUSE served, which the init is about to mount. */
static int serve_fuse(struct ward_native *c, struct ward_error *err)
{
	int sock = c->fuse_sock, r;

	c->fuse_sock = -1;
	r = ward_fuse_await(c->fuse, sock, err);
	/* Where the init is; it goes to the very place when that is known. */
	if (r == WARD_OK)
		ward_fuse_place(c->fuse, &c->place, WARD_PLACE_AWAY);
	return r;
}

static int hand_trees(struct ward_native *c, const struct ward_pack *k, const struct ward_buf *blob,
	struct ward_error *err)
{
	return k->root ? ward_trees_send(c->ctl, blob->s, &c->idmap, err) : WARD_OK;
}

static int launch(struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf blob = WARD_BUF_INIT;
	WARD_FD sealed = -1;
	struct ward_pack k;
	int r;

	describe(c, opts, &k);
	r = take_head(c, opts, &k, err);
	k.command_cpu = r == WARD_OK ? c->place.here : -1;
	memcpy(k.cpus, &c->place.all, sizeof(k.cpus));
	if (r == WARD_OK)
		r = ward_pack_plan(c->plan, &k, &blob, err);
	if (r == WARD_OK) {
		sealed = ward_memfd("ward-launch", blob.s, blob.n, true);
		r = hand_over(c, opts, sealed, err);
	}
	if (r == WARD_OK)
		r = join(c, opts, &k, sealed, err);
	if (r == WARD_OK)
		r = prepare_brokers(c, err);
	if (r == WARD_OK && c->fuse)
		r = serve_fuse(c, err);
	if (r == WARD_OK)
		r = hand_trees(c, &k, &blob, err);
	if (r == WARD_OK && opts->spawned)
		r = opts->spawned(opts->arg, err);
	return r;
}

/*
 * Who is killed has his descriptors closed by the kernel, the highest number first, and what asked the broker and waited wakes up
 * with it. A thousand of these keep a dying supervisor from the processor for seconds, so the init hears of its end before them. Only for
 * that: where there is no such number, it hears of it later.
 */
static void ctl_goes_first(struct ward_native *c)
{
	int device = c->fuse ? ward_fuse_device(c->fuse) : -1,
	    high = device > c->listener ? device : c->listener, fd;

	if (high < c->ctl)
		return;
	fd = fcntl(c->ctl, F_DUPFD_CLOEXEC, high + 1);
	if (fd < 0)
		return;
	close(c->ctl);
	c->ctl = fd;
}

int ward_native_build(struct ward_native *c, const struct ward_cage_options *opts,
	struct ward_error *err)
{
	int r = prepare(c, err);

	if (r == WARD_OK)
		r = plan_cgroup(c, opts, err);
	if (r < 0) {
		ward_head_start_free(opts->head);
		return r;
	}
	r = launch(c, opts, err);
	/* The thread that will be needed, while the kernel is busy with the namespaces. */
	if (r == WARD_OK && c->notify)
		r = ward_notify_warm(c->notify, err);
	if (r == WARD_OK && c->cgroup)
		r = ward_cgroup_bound_sockets(c->cgroup, &c->plan->limits, err);
	if (r == WARD_OK)
		r = converse(c, opts->host, err);
	if (r == WARD_OK && c->plan->review.on && c->plan->review.backend == WARD_DISK_DIR)
		r = ward_growth_new(&c->plan->review, geteuid() ? c->init.pid : 0, &c->growth, err);
	if (r < 0)
		return r;
	ward_spawn_done(&c->init);
	ward_userns_done(&c->idmap);
	if (c->fuse)
		ward_fuse_place(c->fuse, &c->place, WARD_PLACE_ANYWHERE);
	ward_refusals_phase(c->refusals, false);
	c->ready = true;
	ctl_goes_first(c);
	r = watch(c, c->ctl, POLLIN, err);
	if (r == WARD_OK)
		r = watch(c, c->kill_event, POLLIN, err);
	if (r == WARD_OK)
		r = watch(c, c->oom, c->oom_events, err);
	return r;
}
