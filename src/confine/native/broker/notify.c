/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp half of the broker: one thread reads notifications of calls that the filter does not allow by itself,
 * answers each with an errno and a note, mediates connect and sendto (notify_connect.c), and kills what speaks
 * another architecture. What a call means is judged by the tables that the filter was made from (seccomp.h), on the
 * copied arguments; a number that filter and tables disagree on is refused.
 *
 * The thread acts on copies and on descriptors, and re-checks that the notification is still alive after everything that is opened
 * or read by process number, and before an act that comes later than that. SECCOMP_USER_NOTIF_FLAG_CONTINUE appears once, in
 * notify_open.c, for calls that the filter allows anyway where their switch (notify-open, notify-exec, notify-replace,
 * notify-write) is off: whatever they are answered, the view, the mounts and Landlock decide.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/crowd.h"
#include "os/os.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define FD_SYNC_WAKE_UP 1ul
/* Each costs a run descriptors: who connects often, and through many threads, connects outside. */
#define CALLERS_WITHOUT_EGRESS 4

/* ENOENT: the caller is gone, and with it the wish to know; EINPROGRESS: it has its answer. */
void ward_notify_send(struct ward_notify *n)
{
	int r;

	do
		r = ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, n->resp);
	while (r < 0 && errno == EINTR);
	if (!n->lost && r < 0 && errno != ENOENT && errno != EINPROGRESS)
		n->lost = errno;
}

void ward_notify_answer(struct ward_notify *n, uint64_t id, int64_t val, int err)
{
	if (ward_notify_left(n))
		return;
	memset(n->resp, 0, n->resp_size);
	n->resp->id = id;
	n->resp->val = err ? 0 : val;
	n->resp->error = -err;
	ward_notify_send(n);
}

bool ward_notify_valid(const struct ward_notify *n, uint64_t id)
{
	return !ward_notify_left(n) && ioctl(n->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static int open_caller(struct ward_notify *n, struct ward_ask *ask)
{
	if (ask->dir < 0)
		ask->dir = ward_peek_open(n->proc, (int)ask->req->pid);
	if (ask->dir < 0)
		return ask->dir;
	if (ask->mem < 0)
		ask->mem = ward_peek_mem(ask->dir);
	return ask->mem;
}

int ward_notify_open_caller(struct ward_notify *n, struct ward_ask *ask)
{
	if (open_caller(n, ask) == -EMFILE && ward_notify_forget_callers(n, ask->caller))
		(void)open_caller(n, ask);
	/* The number may have gone to somebody else before the open; if the id is alive now, it was ours then. */
	if (ask->dir < 0 || ask->mem < 0 || !ward_notify_valid(n, ask->req->id))
		return ESRCH;
	return 0;
}

void ward_notify_tell(struct ward_notify *n, struct ward_ask *ask, struct ward_refusal_note *note)
{
	char comm[16] = "";

	if (ward_notify_left(n) || ward_refusals_again(n->refusals, note))
		return;
	if (ward_refusals_testing(n->refusals)) {
		ward_refusals_note(n->refusals, note);
		return;
	}
	if (ask->dir < 0)
		ask->dir = ward_peek_open(n->proc, (int)ask->req->pid);
	if (ask->dir >= 0) {
		ward_peek_comm(ask->dir, comm);
		note->comm = comm;
		note->pid = ward_peek_status(ask->dir, "NSpid:");
		note->pid_start = ward_peek_start(ask->dir);
	}
	if (!ward_notify_valid(n, ask->req->id)) { /* then those were not surely the caller's */
		note->comm = NULL;
		note->pid = 0;
		note->pid_start = 0;
	}
	ward_refusals_note(n->refusals, note);
	note->comm = NULL; /* it ends with this function */
}

void ward_notify_note(struct ward_notify *n, struct ward_ask *ask, enum ward_refusal_kind kind,
	enum ward_cap_type action, const char *resource, const char *name, bool quiet)
{
	struct ward_refusal_note note = { .kind = kind,
		.action = action,
		.resource = resource,
		.syscall = name,
		.quiet = quiet };

	ward_notify_tell(n, ask, &note);
}

/* "connect", or "#451" for a number without a name. */
static const char *call_name(const struct ward_ask *ask, char out[32])
{
	if (ask->v.name[0])
		return ask->v.name;
	(void)snprintf(out, 32, "#%d", ask->req->data.nr);
	return out;
}

/* The refusal itself costs nothing but the answer; the record is made first, while the caller is still there. */
static void refuse(struct ward_notify *n, struct ward_ask *ask)
{
	char number[32], detail[128];
	const char *name = call_name(ask, number);

	(void)ward_seccomp_detail(&ask->req->data, &ask->v, detail, sizeof(detail));
	ward_notify_note(n, ask, WARD_REFUSAL_SYSCALL, WARD_CAP_NONE, detail, name,
		ward_quiet_syscall(name, detail));
	ward_notify_answer(n, ask->req->id, 0, ask->v.err > 0 ? ask->v.err : EPERM);
}

static void kill_foreign(struct ward_notify *n, struct ward_ask *ask)
{
	char number[32], detail[128];
	uint64_t one = 1;
	WARD_FD pidfd = -1;

	if (ask->dir < 0)
		ask->dir = ward_peek_open(n->proc, (int)ask->req->pid);
	(void)ward_seccomp_detail(&ask->req->data, &ask->v, detail, sizeof(detail));
	(void)snprintf(number, sizeof(number), "#%d", ask->req->data.nr);
	ward_notify_note(n, ask, WARD_REFUSAL_FOREIGN_ARCH, WARD_CAP_NONE, detail, number, false);
	pidfd = ward_peek_pidfd((int)ask->req->pid, ask->dir, NULL);
	if (pidfd >= 0 && ward_notify_valid(n, ask->req->id))
		(void)ward_pidfd_signal(pidfd, SIGKILL);
	/* The owner ends the run, whether or not the signal has found its target. */
	if (n->kill_event >= 0 && write(n->kill_event, &one, sizeof(one)) < 0)
		(void)0; /* a full counter is readable as well */
	ward_notify_answer(n, ask->req->id, 0, EPERM);
}

static void (*const verbs[])(struct ward_notify *n, struct ward_ask *ask) = {
	[WARD_SECCOMP_NOTIFY] = refuse,
	[WARD_SECCOMP_ERRNO] = refuse,
	[WARD_SECCOMP_MEDIATE] = ward_notify_mediate,
	[WARD_SECCOMP_OPEN] = ward_notify_look,
	[WARD_SECCOMP_EXEC] = ward_notify_exec,
	[WARD_SECCOMP_REPLACE] = ward_notify_replace,
	[WARD_SECCOMP_WRITE] = ward_notify_write,
	[WARD_SECCOMP_CHANGE] = ward_notify_change,
	[WARD_SECCOMP_FOREIGN] = kill_foreign,
	[WARD_SECCOMP_ALLOW] = refuse, /* the filter asked, the tables allow: they disagree */
	[WARD_SECCOMP_PRIVATE] = refuse,
};

void ward_notify_forget_ask(struct ward_ask *ask)
{
	if (!ask->caller)
		ward_close(ask->dir);
	ward_close(ask->mem);
	ask->caller = NULL;
	ask->dir = ask->mem = -1;
}

static void handle(struct ward_notify *n)
{
	struct ward_ask ask = { .req = n->req, .dir = -1, .mem = -1 };

	memset(n->req, 0, n->req_size);
	if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, n->req) < 0) {
		/* ENOENT: the caller was killed meanwhile. What stays as it is poll() would say without end. */
		if (!n->lost && errno != ENOENT && errno != EINTR)
			n->lost = errno;
		return;
	}
	ward_seccomp_judge(n->plan->seccomp, &n->req->data, &ask.v);
	if ((size_t)ask.v.verb < WARD_ARRAY_SIZE(verbs))
		verbs[ask.v.verb](n, &ask);
	else
		refuse(n, &ask);
	ward_notify_forget_ask(&ask);
}

/* Hand over the processor instead of waking another: half the round trip. Linux 6.6; older ones do without. */
static void hand_over(struct ward_notify *n, bool yes)
{
	(void)ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, yes ? FD_SYNC_WAKE_UP : 0ul);
}

static int wait_for_call(struct pollfd *p, unsigned n_p, int timeout, bool *ret_at_once)
{
	int r = poll(p, n_p, 0);

	*ret_at_once = r != 0;
	return r != 0 ? r : poll(p, n_p, timeout);
}

/*
 * Whoever has his answer is to go on at once: on this processor where we are about to sleep, and on another where somebody else's
 * call is here already. The kernel believes the flag, and lets him wait behind us: with eight that connect at once, and a
 * processor idle meanwhile, a tenth fewer connections. Who calls again before we have looked is one, and no crowd.
 */
static void count_call(struct ward_notify *n, struct ward_crowd *crowd, uint32_t before,
	bool at_once)
{
	if (ward_crowd_turn(crowd, at_once && n->req->pid != before))
		hand_over(n, !crowd->is);
	/* The relay has the other side: it is at work where connections are captured, and only there. */
	n->connecting -= n->connecting > 0;
	ward_crowd_hold(crowd, crowd->is && n->connecting > 0);
}

static void serve(struct ward_notify *n)
{
	struct pollfd p[2 + WARD_NOTIFY_PENDING_MAX];
	struct ward_crowd crowd = { .side = WARD_CROWD_LOWER };
	bool at_once;

	(void)prctl(PR_SET_NAME, "ward-notify");
	while (!atomic_load(&n->stopping) && !n->lost) {
		const uint32_t before = n->req->pid;
		int timeout = -1;
		unsigned more;

		p[0] = (struct pollfd){ .fd = n->listener, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = n->event, .events = POLLIN };
		more = ward_notify_poll(n, p + 2, &timeout);
		if (wait_for_call(p, 2 + more, timeout, &at_once) < 0 && errno != EINTR)
			break;
		if (p[0].revents & POLLIN) {
			handle(n);
			count_call(n, &crowd, before, at_once);
		} else if (p[0].revents) {
			break; /* nobody is left under this filter */
		}
		if ((more || timeout >= 0) && !ward_notify_left(n))
			ward_notify_retry(n);
	}
	ward_notify_drop_pending(n);
	/* Never leave a caller waiting for a server that is gone: without a listener the answer is ENOSYS. */
	if (!atomic_load(&n->stopping))
		(void)dup3(n->event, n->listener, O_CLOEXEC);
}

static void *serve_later(void *arg)
{
	struct ward_notify *n = arg;

	while (sem_wait(&n->gate) < 0 && errno == EINTR)
		;
	if (n->listener >= 0)
		serve(n);
	ward_notify_ended(n);
	return NULL;
}

static int allocate(struct ward_notify *n)
{
	struct seccomp_notif_sizes sizes = { 0 };

	/* The kernel writes its own idea of the structure, which may have grown. */
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		sizes = (struct seccomp_notif_sizes){ 0 };
	n->req_size = sizes.seccomp_notif > sizeof(*n->req) ? sizes.seccomp_notif : sizeof(*n->req);
	n->resp_size = sizes.seccomp_notif_resp > sizeof(*n->resp) ? sizes.seccomp_notif_resp
								   : sizeof(*n->resp);
	n->req = calloc(1, n->req_size);
	n->resp = calloc(1, n->resp_size);
	return n->req && n->resp ? 0 : -ENOMEM;
}

int ward_notify_new(const struct ward_plan *plan, struct ward_refusals *refusals, int kill_event,
	struct ward_notify **ret, struct ward_error *err)
{
	struct ward_notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the call broker");
	n->plan = plan;
	n->refusals = refusals;
	n->kill_event = kill_event;
	ward_notify_leave_init(n);
	n->listener = n->event = n->proc = n->diag = n->inflight = -1;
	(void)ward_notify_forget_callers(n, NULL);
	n->n_callers = plan->egress ? WARD_NOTIFY_CALLERS_MAX : CALLERS_WITHOUT_EGRESS;
	(void)pthread_mutex_init(&n->lock, NULL); /* cannot fail without attributes */
	(void)pthread_mutex_init(&n->who_lock, NULL);
	(void)pthread_mutex_init(&n->captured_lock, NULL);
	(void)sem_init(&n->gate, 0, 0);
	r = plan->n_nodes ? ward_tree_init(&n->tree, plan, err)
			  : WARD_OK; /* no view without namespaces */
	if (r == 0)
		r = ward_notify_exec_init(n, err);
	n->who_max = plan->redirects ? WARD_NOTIFY_WHO_REDIRECTED_MAX : WARD_NOTIFY_WHO_MAX;
	if (plan->egress)
		n->who = calloc(n->who_max, sizeof(*n->who));
	if (r == 0 && (allocate(n) < 0 || (plan->egress && !n->who)))
		r = ward_fail(err, WARD_E_NOMEM, "no memory for the call broker");
	if (r < 0) {
		ward_notify_free(n);
		return r;
	}
	*ret = n;
	return WARD_OK;
}

int ward_notify_warm(struct ward_notify *n, struct ward_error *err)
{
	int r;

	n->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	n->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->proc < 0 || n->event < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "call broker");
	/* Of what is captured the gate has its turn on this thread (ward_cage_on_captured()). */
	r = n->plan->egress ? ward_thread_start_deep(&n->thread, serve_later, n)
			    : ward_thread_start(&n->thread, serve_later, n);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "call broker: thread");
	n->running = true;
	return WARD_OK;
}

int ward_notify_attach(struct ward_notify *n, int listener, struct ward_error *err)
{
	if (n->listener >= 0) {
		ward_close(listener);
		return ward_fail(err, WARD_E_INTERNAL, "call broker: a second listener");
	}
	n->listener = listener;
	hand_over(n, true);
	return WARD_OK;
}

int ward_notify_fd(const struct ward_notify *n)
{
	return n->lost ? -1 : n->listener;
}

int ward_notify_lost(const struct ward_notify *n)
{
	return n->lost;
}

void ward_notify_turn(struct ward_notify *n)
{
	handle(n);
}

void ward_notify_run(struct ward_notify *n)
{
	(void)sem_post(&n->gate);
}

int ward_notify_start(struct ward_notify *n, int listener, struct ward_error *err)
{
	int r = ward_notify_attach(n, listener, err);

	if (r == WARD_OK)
		r = ward_notify_warm(n, err);
	if (r == WARD_OK)
		ward_notify_run(n);
	return r;
}

void ward_notify_set_diag(struct ward_notify *n, int diag)
{
	(void)pthread_mutex_lock(&n->lock);
	ward_close(n->diag);
	n->diag = diag;
	(void)pthread_mutex_unlock(&n->lock);
}

void ward_notify_set_roots(struct ward_notify *n, const int *fds, size_t n_fds)
{
	(void)pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n_fds; i++) {
		if (n->n_roots < WARD_NOTIFY_ROOTS_MAX)
			n->roots[n->n_roots++] = fds[i];
		else
			ward_close(fds[i]);
	}
	(void)pthread_mutex_unlock(&n->lock);
}

void ward_notify_end(struct ward_notify *n)
{
	uint64_t one = 1;

	if (!n->running || atomic_exchange(&n->stopping, true))
		return;
	if (write(n->event, &one, sizeof(one)) < 0)
		(void)0; /* a full counter wakes as well */
	(void)sem_post(&n->gate);
	/* A caller may have made a connect block that should not (see notify_connect.c): let go of it. */
	(void)pthread_mutex_lock(&n->lock);
	if (n->inflight >= 0)
		(void)shutdown(n->inflight, SHUT_RDWR);
	(void)pthread_mutex_unlock(&n->lock);
}

void ward_notify_stop(struct ward_notify *n)
{
	ward_notify_end(n);
	if (n->running)
		ward_notify_join(n);
	n->running = false;
	(void)ward_notify_forget_callers(n, NULL);
	ward_close(n->listener);
	ward_close(n->event);
	ward_close(n->proc);
	n->listener = n->event = n->proc = -1;
}

struct ward_notify *ward_notify_free(struct ward_notify *n)
{
	if (!n)
		return NULL;
	ward_notify_stop(n);
	ward_close(n->diag);
	for (unsigned i = 0; i < n->n_roots; i++)
		ward_close(n->roots[i]);
	ward_tree_done(&n->tree);
	/* Who was left behind has no use for them. */
	free(n->execs);
	free(n->who);
	free(n->payload);
	ward_notify_disown(n);
	return NULL;
}
