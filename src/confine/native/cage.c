/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a cage after its start, and its end. Whatever happens, ward_helper_finish() leaves no process, thread, mount,
 * cgroup or descriptor behind: the init is killed by descriptor, its pid namespace goes with it, and only then is the
 * cgroup removed. An init that dies without a word is an event of its own (LOST), never a success.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "confine/backend.h"
#include "confine/helper.h"
#include "confine/native/cage.h"
#include "os/os.h"

#define SAMPLE_NS (8ull * 1000000)

int ward_helper_start(const struct ward_plan *plan, const struct ward_cage_options *opts,
	void **ret, struct ward_error *err)
{
	struct ward_native *c = calloc(1, sizeof(*c));
	int r;

	*ret = NULL;
	if (!c)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a cage");
	c->plan = plan;
	c->listener = c->layer = c->fuse_sock = c->epoll = c->scratch = c->ctl = c->cmd = c->proc =
		c->kill_event = c->oom = -1;
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		c->net[i] = -1;
	for (int i = 0; i < WARD_SYSV_FILES; i++)
		c->sysv[i] = -1;
	c->init = (struct ward_spawned)WARD_SPAWNED_INIT;
	c->idmap = (struct ward_userns)WARD_USERNS_INIT;
	r = ward_native_build(c, opts, err);
	if (r < 0) {
		ward_helper_free(c);
		return r;
	}
	*ret = c;
	return WARD_OK;
}

static int send_msg(int sock, uint32_t type, int value)
{
	struct ward_msg m = { .type = type, .value = value };

	while (send(sock, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int ward_helper_go(void *cage, struct ward_error *err)
{
	struct ward_native *c = cage;
	int r;

	if (!c->ready || c->gone)
		return ward_fail(err, WARD_E_INVALID, "the command has been started already");
	c->gone = true;
	r = send_msg(c->cmd, WARD_MSG_GO, 0);
	if (c->notify)
		ward_notify_run(c->notify);
	return r < 0
		? ward_fail_errno(err, WARD_E_SPAWN, -r, "the command is gone before its start")
		: WARD_OK;
}

int ward_helper_fd(const void *cage)
{
	const struct ward_native *c = cage;

	return c->epoll;
}

int ward_helper_timeout(const void *cage)
{
	const struct ward_native *c = cage;
	uint64_t due = c->sampling ? c->next_sample : UINT64_MAX;

	if (!c->sampled_oom && c->waiting.due && c->waiting.due < due)
		due = c->waiting.due;
	if (c->growth && ward_growth_due(c->growth) < due)
		due = ward_growth_due(c->growth);
	if (due == UINT64_MAX || c->over)
		return -1;
	return ward_native_left_ms(ward_now_mono_ns(), due);
}

static void drop(struct ward_native *c, int *fd)
{
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

/* ECONNRESET is told once, ahead of the words of somebody who ended with a message of ours unread. */
static bool read_again(int e)
{
	return e == EAGAIN || e == EINTR || e == ECONNRESET;
}

/*
 * The command's socket closed by exec, or it said why it could not. Read once, at the end: nothing else can come from it,
 * and watching it would wake us in the middle of every start. False: nothing was said.
 */
static bool exec_failed(struct ward_native *c, struct ward_cage_event *ret)
{
	struct ward_msg m;
	ssize_t n;

	do
		n = recv(c->cmd, &m, sizeof(m), MSG_DONTWAIT);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n != (ssize_t)sizeof(m) || m.type != WARD_MSG_EXEC_FAILED)
		return false;
	*ret = (struct ward_cage_event){ .type = WARD_CAGE_EXEC_FAILED, .err_no = m.err };
	return true;
}

/* Everything but the init is gone: what served them ends while the kernel takes the namespaces apart. */
static void brokers_end(struct ward_native *c)
{
	if (c->fuse)
		ward_fuse_end(c->fuse);
	if (c->notify)
		ward_notify_end(c->notify);
}

static void on_ctl(struct ward_native *c, struct ward_cage_event *ret)
{
	struct ward_msg m;
	ssize_t n = recv(c->ctl, &m, sizeof(m), MSG_DONTWAIT);

	if (n < 0 && read_again(errno))
		return;
	c->over = true;
	if (n == (ssize_t)sizeof(m) && m.type == WARD_MSG_EXIT) {
		c->exit = m;
		brokers_end(c);
	} else {
		drop(c, &c->ctl);
	}
	if (exec_failed(c, ret))
		return;
	if (c->foreign)
		ret->type = WARD_CAGE_POLICY_KILL;
	else if (c->sampled_oom || (c->cgroup && ward_cgroup_was_oom(c->cgroup)))
		ret->type = WARD_CAGE_OOM;
	else if (!c->exit.type)
		ret->type = WARD_CAGE_LOST;
	else if (WIFSIGNALED(m.value))
		*ret = (struct ward_cage_event){ .type = WARD_CAGE_SIGNALED,
			.sig = WTERMSIG(m.value) };
	else
		*ret = (struct ward_cage_event){ .type = WARD_CAGE_EXITED,
			.code = WEXITSTATUS(m.value) };
}

static void sample(struct ward_native *c, const struct ward_cage_due *due,
	struct ward_cage_event *ret)
{
	uint64_t now = ward_now_mono_ns(), used;
	unsigned n;

	if (!c->sampling || c->over || now < c->next_sample || c->proc < 0)
		return;
	if (due && due->mono_ns && now >= due->mono_ns) {
		c->next_sample = now + SAMPLE_NS;
		return;
	}
	used = ward_sample_memory(c->proc, c->namespaces ? 0 : c->init.pid, c->plan->limits.memory,
		c->sysv, due, &n);
	if (used > c->sampled_peak)
		c->sampled_peak = used;
	if (n > c->sampled_processes)
		c->sampled_processes = n;
	if (!c->pids_reached && c->namespaces && !c->counts[WARD_CGROUP_PIDS])
		c->pids_reached = ward_sample_tasks_reach(c->proc, c->plan->limits.pids, due);
	c->next_sample = now + SAMPLE_NS;
	if (used <= c->plan->limits.memory || c->sampled_oom)
		return;
	c->sampled_oom = true;
	ret->type = WARD_CAGE_OOM;
	ward_helper_kill(c);
}

/* Of this thread: who is kept from the processor looks no less often for it. */
static uint64_t processor_ns(void)
{
	struct timespec t = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What no cgroup counts until somebody accepts it, nor any process: beside the rest as much again may be there as is allowed, and no more. */
static void look_at_waiting(struct ward_native *c, const struct ward_cage_due *due,
	struct ward_cage_event *ret)
{
	uint64_t now = ward_now_mono_ns(), began, used;
	unsigned dialled;

	if (c->over || c->sampled_oom || !c->notify || !c->namespaces || c->proc < 0 ||
		(!c->sampling && !c->counts[WARD_CGROUP_MEMORY]))
		return;
	dialled = ward_notify_dialled(c->notify);
	if (!ward_sample_waiting_due(&c->waiting, now, dialled))
		return;
	if (due && due->mono_ns && now >= due->mono_ns) {
		c->waiting.due = c->waiting.from = now + SAMPLE_NS;
		return;
	}
	began = processor_ns();
	used = ward_sample_waiting(c->proc, c->plan->limits.memory, due);
	ward_sample_waiting_looked(&c->waiting, now, processor_ns() - began, used,
		c->plan->limits.memory, dialled);
	if (used <= c->plan->limits.memory)
		return;
	c->sampled_oom = true;
	ret->type = WARD_CAGE_OOM;
	ward_helper_kill(c);
}

/* Once it is over there is nothing left to look for. */
static void look_at_layer(struct ward_native *c, struct ward_cage_event *ret)
{
	if (!c->growth || c->over)
		return;
	if (!ward_growth_over(c->growth)) {
		if (ward_growth_written(c->growth))
			ret->type = WARD_CAGE_LAYER_WRITTEN;
		return;
	}
	ret->why = ward_growth_why(c->growth);
	ward_growth_free(c->growth);
	c->growth = NULL;
	ret->type = WARD_CAGE_LAYER_FULL;
	ward_helper_kill(c);
}

int ward_helper_next(void *cage, const struct ward_cage_due *due, struct ward_cage_event *ret,
	struct ward_error *err)
{
	struct ward_native *c = cage;
	struct epoll_event e[4];
	int n;

	*ret = (struct ward_cage_event){ .type = WARD_CAGE_NONE };
	n = epoll_wait(c->epoll, e, WARD_ARRAY_SIZE(e), 0);
	if (n < 0 && errno != EINTR)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "epoll");
	for (int i = 0; i < n && ret->type == WARD_CAGE_NONE; i++) {
		if (e[i].data.fd == c->kill_event) {
			c->foreign = true;
			ret->type = WARD_CAGE_POLICY_KILL;
			drop(c, &c->kill_event);
			ward_helper_kill(c);
		} else if (e[i].data.fd == c->oom) {
			/* A limit that kills one process ends the run, as memory.oom.group does. */
			if (!ward_cgroup_was_oom(c->cgroup))
				continue;
			epoll_ctl(c->epoll, EPOLL_CTL_DEL, c->oom, NULL);
			c->oom = -1;
			ret->type = WARD_CAGE_OOM;
			ward_helper_kill(c);
		} else if (e[i].data.fd == c->ctl) {
			on_ctl(c, ret);
		}
	}
	if (ret->type == WARD_CAGE_NONE)
		sample(c, due, ret);
	if (ret->type == WARD_CAGE_NONE)
		look_at_waiting(c, due, ret);
	if (ret->type == WARD_CAGE_NONE)
		look_at_layer(c, ret);
	ret->over = c->over;
	return WARD_OK;
}

int ward_helper_signal(void *cage, int sig)
{
	struct ward_native *c = cage;

	return c->ctl >= 0 && !c->over ? send_msg(c->ctl, WARD_MSG_SIGNAL, sig) : -ESRCH;
}

void ward_helper_kill(void *cage)
{
	struct ward_native *c = cage;
	bool at_once = false;

	/* Whoever stopped it from outside has stopped no limit: it goes on as far as to its end. */
	if (c->ctl >= 0 && c->ready && !c->over) {
		(void)send_msg(c->ctl, WARD_MSG_KILL, 0);
		(void)ward_pidfd_signal(c->init.pidfd, SIGCONT);
	}
	if (c->init.pidfd >= 0 && (!c->ready || c->over))
		(void)ward_pidfd_signal(c->init.pidfd, SIGKILL);
	/*
	 * A task that waits for FUSE is not gone until its request is answered or the connection ended. Not before they are killed: a thousand that
	 * are let go alive, and ask on, keep us from the processor for seconds: so nothing is waited for in between, either. Where
	 * there is no word for all of a cgroup it is asked again and again who is left, and that is whoever FUSE holds.
	 */
	if (c->cgroup)
		at_once = ward_cgroup_kill_at_once(c->cgroup);
	if (c->fuse)
		ward_fuse_end(c->fuse);
	if (c->cgroup && !at_once)
		ward_cgroup_kill(c->cgroup);
	if (c->fuse)
		ward_fuse_stop(c->fuse);
}

static bool scratch_full(const struct ward_native *c)
{
	struct statfs st;

	return c->scratch >= 0 && fstatfs(c->scratch, &st) == 0 && st.f_blocks > 0 &&
		(st.f_bavail == 0 || st.f_ffree == 0);
}

/* Once: the look is the last. */
static enum ward_layer_over layer_over(struct ward_native *c)
{
	if (c->growth && c->over) {
		if (ward_growth_ended_over(c->growth))
			c->layer_over = ward_growth_why(c->growth);
		ward_growth_free(c->growth);
		c->growth = NULL;
	}
	return c->layer_over;
}

void ward_helper_usage(void *cage, struct ward_usage *ret)
{
	struct ward_native *c = cage;
	struct ward_cgroup_usage u = { 0 };

	*ret = (struct ward_usage){ .disk_full = scratch_full(c), .layer = layer_over(c) };
	ret->cpu_ms = c->exit.cpu_us / 1000;
	ret->max_rss = c->exit.max_rss_kb * 1024;
	ret->memory_sampled = c->sampling;
	ret->oom = c->sampled_oom;
	ret->pids_peak = c->sampled_processes;
	ret->pids_reached = c->pids_reached || c->exit.err != 0;
	if (c->sampled_peak > ret->max_rss)
		ret->max_rss = c->sampled_peak;
	if (!c->cgroup)
		return;
	ward_cgroup_usage(c->cgroup, &u);
	if (u.cpu_ms)
		ret->cpu_ms = u.cpu_ms;
	if (u.memory_peak > ret->max_rss && !c->sampling)
		ret->max_rss = u.memory_peak;
	if (u.pids_peak)
		ret->pids_peak = u.pids_peak;
	ret->pids_refused = u.pids_refused;
	ret->oom = ret->oom || ward_cgroup_was_oom(c->cgroup);
}

static void reap(struct ward_native *c)
{
	/* After EXIT the init is about to end by itself; killing it as well costs nothing and waits for nobody. */
	if (c->init.pidfd >= 0 && !c->exit.type)
		(void)ward_pidfd_signal(c->init.pidfd, SIGKILL);
	if (c->fuse)
		ward_fuse_stop(c->fuse);
	/* The kernel needs a while for the namespaces: what can be given back meanwhile is. */
	if (c->exit.type) {
		if (c->notify)
			ward_notify_stop(c->notify);
		ward_closep(&c->scratch);
		ward_closep(&c->proc);
		ward_closep(&c->cmd);
		ward_closep(&c->kill_event);
		ward_closep(&c->epoll);
	}
	if (c->init.pidfd >= 0) {
		(void)ward_pidfd_wait(c->init.pidfd, NULL, NULL, false);
		ward_spawn_done(&c->init);
	}
	c->reaped = true;
}

void ward_helper_finish(void *cage)
{
	struct ward_native *c = cage;

	if (!c->reaped)
		reap(c);
	if (c->notify)
		ward_notify_stop(c->notify);
	/* Without a pid namespace somebody may be left who became another user: what the helper may not kill, the cgroup may. */
	if (c->cgroup && !c->namespaces)
		ward_cgroup_kill(c->cgroup);
	if (c->cgroup)
		ward_cgroup_destroy(c->cgroup);
	c->cgroup = NULL;
}

int ward_helper_take_refusals(void *cage, struct ward_refusal **ret, size_t *ret_n,
	uint64_t *ret_dropped)
{
	struct ward_native *c = cage;

	return ward_refusals_take(c->refusals, ret, ret_n, ret_dropped);
}

void ward_helper_take_net(void *cage, int ret[WARD_NET_SOCKET_MAX])
{
	struct ward_native *c = cage;

	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++) {
		ret[i] = c->net[i];
		c->net[i] = -1;
	}
}

bool ward_helper_who(void *cage, const struct sockaddr *source, socklen_t n, bool wait,
	struct ward_cage_who *ret)
{
	struct ward_native *c = cage;

	return c->notify && ward_notify_who(c->notify, source, n, wait, ret);
}

void ward_helper_on_captured(void *cage, ward_captured_fn *fn, void *arg)
{
	struct ward_native *c = cage;

	if (c->notify)
		ward_notify_on_captured(c->notify, fn, arg);
}

int ward_helper_layer(const void *cage)
{
	const struct ward_native *c = cage;

	return c->layer;
}

void ward_helper_free(void *cage)
{
	struct ward_native *c = cage;

	if (!c)
		return;
	ward_helper_finish(c);
	ward_fuse_free(c->fuse);
	ward_notify_free(c->notify);
	ward_refusals_delete(c->refusals);
	ward_close(c->ctl);
	ward_close(c->cmd);
	ward_close(c->init.pidfd);
	ward_userns_done(&c->idmap);
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		ward_close(c->net[i]);
	for (int i = 0; i < WARD_SYSV_FILES; i++)
		ward_close(c->sysv[i]);
	ward_close(c->fuse_sock);
	ward_close(c->scratch);
	ward_close(c->layer);
	ward_growth_free(c->growth);
	ward_close(c->proc);
	ward_close(c->kill_event);
	ward_close(c->epoll);
	free(c);
}

const struct ward_backend_ops ward_native_backend = {
	.name = "native",
	WARD_HELPER_OPS,
};

void ward_confine_sweep(void)
{
	(void)ward_cgroup_sweep();
}

void ward_confine_forget(const char *run_id)
{
	ward_cgroup_forget(run_id);
}
