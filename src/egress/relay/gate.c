/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire to the gate. A message that its socket does not take at once waits in a queue; while there is one, nothing new is taken on, so
 * that it holds at most what the flows at hand still have to say. A gate that does not read for long is no gate.
 */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAR_MAX 64 /* messages at a time, before the flows have their turn */

struct relay_note {
	struct relay_note *next;
	struct ward_relay_msg msg;
};

static void watch(struct relay *r, bool full)
{
	struct epoll_event e = { .events = full ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.u64 = (uint64_t)RELAY_KIND_FD << 32 | WARD_RELAY_FD_CTL };

	r->ctl_full = full;
	r->ctl_since = r->now;
	(void)epoll_ctl(r->epoll, EPOLL_CTL_MOD, r->fd[WARD_RELAY_FD_CTL], &e);
	if (full)
		relay_due(r, r->now + WARD_RELAY_GATE_MS);
}

/* 1 sent, 0 not now, -1 the gate is gone. */
static int put(const struct relay *r, const struct ward_relay_msg *m)
{
	ssize_t n = send(r->fd[WARD_RELAY_FD_CTL], m, sizeof(*m), RELAY_SEND_FLAGS);

	if (n == (ssize_t)sizeof(*m))
		return 1;
	return n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) ? 0 : -1;
}

void relay_tell(struct relay *r, const struct ward_relay_msg *m)
{
	struct relay_note *note;
	int sent;

	relay_tell_owed(r);
	sent = r->first == NULL ? put(r, m) : 0;
	if (sent > 0)
		return;
	note = sent == 0 ? malloc(sizeof(*note)) : NULL;
	if (note == NULL) {
		r->gone = true;
		return;
	}
	*note = (struct relay_note){ .msg = *m };
	if (r->last != NULL)
		r->last->next = note;
	else
		r->first = note;
	r->last = note;
	if (!r->ctl_full)
		watch(r, true);
}

void relay_tell_more(struct relay *r)
{
	while (r->first != NULL) {
		struct relay_note *note = r->first;
		int sent = put(r, &note->msg);

		if (sent <= 0) {
			r->gone |= sent < 0;
			return;
		}
		r->ctl_since = r->now;
		r->first = note->next;
		if (r->first == NULL)
			r->last = NULL;
		free(note);
	}
	if (r->ctl_full)
		watch(r, false);
}

/* The descriptor of a message, -1 without one; more than one was never agreed on. */
static int passed_fd(struct msghdr *h, bool *ret_bad)
{
	int fd = -1;

	*ret_bad = (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (fd >= 0 || c->cmsg_len != CMSG_LEN(sizeof(int)))
			*ret_bad = true;
		else
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static bool heed(struct relay *r, const struct ward_relay_msg *m, int fd)
{
	struct relay_flow *f;

	if (m->type == WARD_GATE_DIALED && fd >= 0 && m->inward <= WARD_EGRESS_BUDGETS_MAX) {
		relay_flow_dialed(r, m, fd);
		return true;
	}
	if (m->type == WARD_GATE_SOCKET && fd >= 0)
		return relay_socket(r, m->value, fd);
	if (m->type == WARD_GATE_INWARD && fd >= 0)
		return relay_inward_socket(r, m->value, fd);
	if (fd >= 0) {
		(void)close(fd);
		return false;
	}
	switch (m->type) {
	case WARD_GATE_LIMITS:
		if (m->value > WARD_EGRESS_BUDGETS_MAX)
			return false;
		if (m->value > 0) {
			r->rules[m->value].max[RELAY_UP] = m->up_max;
			r->rules[m->value].max[RELAY_DOWN] = m->down_max;
			return true;
		}
		r->max[RELAY_UP] = m->up_max;
		r->max[RELAY_DOWN] = m->down_max;
		return true;
	case WARD_GATE_ANSWER: relay_names_answer(r, m); return true;
	case WARD_GATE_PASS: relay_flow_pass(r, m->id); return true;
	case WARD_GATE_REFUSED:
		f = relay_flow_get(r, m->id);
		if (f != NULL && f->proxy != NULL)
			relay_proxy_refused(r, f, m);
		else if (f != NULL)
			relay_flow_end(r, f, WARD_END_REFUSED);
		return true;
	default: return false;
	}
}

void relay_hear(struct relay *r)
{
	for (int i = 0; i < HEAR_MAX; i++) {
		struct ward_relay_msg m;
		union {
			char buf[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec v = { &m, sizeof(m) };
		struct msghdr h = { .msg_iov = &v,
			.msg_iovlen = 1,
			.msg_control = control.buf,
			.msg_controllen = sizeof(control.buf) };
		ssize_t n = recvmsg(r->fd[WARD_RELAY_FD_CTL], &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		bool bad;
		int fd;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		fd = n < 0 ? -1 : passed_fd(&h, &bad);
		if (n != (ssize_t)sizeof(m) || bad || !heed(r, &m, fd)) {
			r->gone = true;
			return;
		}
	}
}
