/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mediated connects and sends that cannot finish at once, without a thread of their own: a TCP handshake goes on in the
 * kernel and is polled; a Unix listener whose backlog is full, or a full send buffer, is tried again every few
 * milliseconds. At most WARD_NOTIFY_PENDING_MAX wait; the next one is told EAGAIN.
 *
 * O_NONBLOCK belongs to the open file that the caller shares, so it is never touched. SO_SNDTIMEO is shared as well,
 * but only counts while somebody sends: it is set to a tick around the connect and put back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

#define RETRY_MS 5
#define LOOK_MS 50

static void set_inflight(struct ward_notify *n, int fd)
{
	(void)pthread_mutex_lock(&n->lock);
	n->inflight = fd;
	(void)pthread_mutex_unlock(&n->lock);
}

/*
 * Whom the server sees is who connects (SO_PEERCRED). As root that would be one whom the run's namespace does not know, and servers that
 * want their own user refuse him (ssh's multiplexer, tmux, agents): so it is done as the run's user. By its path outside a socket in a write grant
 * is its owner's there, who inside is that user: so what its mode says holds nobody up, as it never held root. What one may not, by some
 * file system's rights, is done as before. Which socket it may be was decided, and that is one of the run's own.
 */
static int connect_as(const struct ward_notify *n, const struct ward_pending *p)
{
	struct ward_thread_was was;
	bool other = p->to.a.ss_family == AF_UNIX && geteuid() == 0 && n->plan->host_uid != 0;
	int err = EACCES;

	if (other && ward_thread_as(&was, n->plan->host_uid, n->plan->host_gid) == 0) {
		err = connect(p->fd, (const struct sockaddr *)&p->to.a, p->to.n) < 0 ? errno : 0;
		ward_thread_as_before(&was);
	}
	if (err == EACCES)
		err = connect(p->fd, (const struct sockaddr *)&p->to.a, p->to.n) < 0 ? errno : 0;
	return err;
}

int ward_notify_try_connect(struct ward_notify *n, struct ward_pending *p, bool may_block)
{
	struct timeval tick = { .tv_usec = 1 }, old = { 0 };
	socklen_t size = sizeof(old);
	int err = 0;

	if (may_block) {
		if (getsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &old, &size) < 0 ||
			setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof(tick)) < 0)
			return errno;
		if (!p->deadline && (old.tv_sec || old.tv_usec))
			p->deadline = ward_now_mono_ns() + (uint64_t)old.tv_sec * 1000000000u +
				(uint64_t)old.tv_usec * 1000u;
	}
	set_inflight(n, p->fd);
	if (!atomic_load(&n->stopping))
		err = connect_as(n, p);
	set_inflight(n, -1);
	if (may_block)
		(void)setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &old, sizeof(old));
	return err;
}

ssize_t ward_notify_try_send(const struct ward_pending *p)
{
	ssize_t r = sendto(p->fd, p->payload, p->payload_n, p->flags | MSG_DONTWAIT | MSG_NOSIGNAL,
		p->to.n ? (const struct sockaddr *)&p->to.a : NULL, p->to.n);

	return r < 0 ? -errno : r;
}

bool ward_notify_wait(struct ward_notify *n, const struct ward_pending *p)
{
	for (unsigned i = 0; i < WARD_NOTIFY_PENDING_MAX; i++)
		if (!n->pending[i].used) {
			n->pending[i] = *p;
			return true;
		}
	return false;
}

/* Nothing of p is held any more while the socket is closed, which may take its time. */
static void drop(struct ward_notify *n, struct ward_pending *p)
{
	int sock = p->fd;

	ward_close(p->path);
	free(p->payload);
	*p = (struct ward_pending){ .fd = -1, .path = -1 };
	ward_notify_let_go(n, sock);
}

unsigned ward_notify_poll(struct ward_notify *n, struct pollfd *polls, int *io_timeout)
{
	unsigned count = 0;

	for (unsigned i = 0; i < WARD_NOTIFY_PENDING_MAX; i++) {
		const struct ward_pending *p = &n->pending[i];
		int wait;

		if (!p->used)
			continue;
		if (p->poll)
			polls[count++] = (struct pollfd){ .fd = p->fd, .events = POLLOUT };
		/* Also where the kernel wakes us: a caller that has died shows only when looked at. */
		wait = p->poll ? LOOK_MS : RETRY_MS;
		if (*io_timeout < 0 || wait < *io_timeout)
			*io_timeout = wait;
	}
	return count;
}

/* One more try: true when there is an answer. */
static bool finish(struct ward_notify *n, struct ward_pending *p, int64_t *ret_val, int *ret_err)
{
	struct pollfd out = { .fd = p->fd, .events = POLLOUT };
	ssize_t r;

	*ret_val = 0;
	*ret_err = EAGAIN;
	if (p->payload) {
		r = ward_notify_try_send(p);
		*ret_val = r < 0 ? 0 : r;
		*ret_err = r < 0 ? (int)-r : 0;
	} else if (!p->poll || poll(&out, 1, 0) > 0) {
		/* For a handshake that is over, this tells how it ended, and marks the socket as connected. */
		*ret_err = ward_notify_try_connect(n, p, true);
	}
	if (*ret_err != EAGAIN && *ret_err != EALREADY && *ret_err != EINPROGRESS)
		return true;
	*ret_err = p->err_late;
	return p->deadline && ward_now_mono_ns() >= p->deadline;
}

void ward_notify_retry(struct ward_notify *n)
{
	for (unsigned i = 0; i < WARD_NOTIFY_PENDING_MAX && !ward_notify_left(n); i++) {
		struct ward_pending *p = &n->pending[i];
		uint64_t id = p->id;
		int64_t val;
		int err;

		if (!p->used)
			continue;
		if (!ward_notify_valid(n, id)) {
			drop(n, p);
		} else if (finish(n, p, &val, &err)) {
			if (p->captured && err == 0)
				ward_notify_captured(n, &p->to, NULL);
			drop(n, p); /* before the answer: his own close shall be the last */
			ward_notify_answer(n, id, val, err);
		}
	}
}

void ward_notify_drop_pending(struct ward_notify *n)
{
	for (unsigned i = 0; i < WARD_NOTIFY_PENDING_MAX && !ward_notify_left(n); i++)
		if (n->pending[i].used)
			drop(n, &n->pending[i]);
}
