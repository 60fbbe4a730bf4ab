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
static int put(const struct relay *r, const struct ward_relay_msg *m, size_t count)
{
	ssize_t n = send(r->fd[WARD_RELAY_FD_CTL], m, count * sizeof(*m), RELAY_SEND_FLAGS);

	if (n == (ssize_t)(count * sizeof(*m)))
		return 1;
	return n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR) ? 0 : -1;
}

/* It has to wait for the socket. */
static void queue(struct relay *r, const struct ward_relay_msg *m)
{
	struct relay_note *note = malloc(sizeof(*note));

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

static void send_told(struct relay *r)
{
	unsigned n = r->n_told;
	int sent = r->first == NULL && n > 0 ? put(r, r->told, n) : 0;

	r->n_told = 0;
	r->gone = r->gone || sent < 0;
	for (unsigned i = 0; sent == 0 && i < n; i++)
		queue(r, &r->told[i]);
}

void relay_tell_late(struct relay *r, const struct ward_relay_msg *m)
{
	if (r->n_told == WARD_RELAY_TOLD_MAX)
		send_told(r);
	r->told[r->n_told++] = *m;
}

void relay_tell(struct relay *r, const struct ward_relay_msg *m)
{
	relay_tell_owed(r);
	relay_tell_late(r, m);
	send_told(r);
}

void relay_tell_all(struct relay *r)
{
	relay_tell_owed(r);
	send_told(r);
}

void relay_tell_more(struct relay *r)
{
	while (r->first != NULL) {
		struct relay_note *note = r->first;
		int sent = put(r, &note->msg, 1);

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

/* The descriptors of a message, -1 without one; more than two were never agreed on. */
static void passed_fds(struct msghdr *h, int fd[2], bool *ret_bad)
{
	fd[0] = fd[1] = -1;
	*ret_bad = (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (fd[0] >= 0 ||
			(c->cmsg_len != CMSG_LEN(sizeof(int)) &&
				c->cmsg_len != CMSG_LEN(2 * sizeof(int))))
			*ret_bad = true;
		else
			memcpy(fd, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	}
}

static bool heed(struct relay *r, const struct ward_relay_msg *m, const int fds[2])
{
	struct relay_flow *f;
	int fd = fds[0];

	if (m->type == WARD_GATE_CLIENT && fd >= 0 && m->inward <= WARD_EGRESS_BUDGETS_MAX)
		return relay_flow_client(r, m, fds);
	if (fds[1] >= 0)
		return false; /* its descriptors end with the program */

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
		r->lazy = m->id == 1;
		r->max[RELAY_UP] = m->up_max;
		r->max[RELAY_DOWN] = m->down_max;
		return true;
	case WARD_GATE_ANSWER: relay_names_answer(r, m); return true;
	case WARD_GATE_SERVER: relay_names_server(m); return true;
	case WARD_GATE_PASS: relay_flow_pass(r, m->id, m->value == 1); return true;
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

void relay_hear(struct relay *r, unsigned max)
{
	for (unsigned i = 0; i < max; i++) {
		struct ward_relay_msg m;
		union {
			char buf[CMSG_SPACE(2 * sizeof(int))];
			struct cmsghdr align;
		} control;
		struct iovec v = { &m, sizeof(m) };
		struct msghdr h = { .msg_iov = &v,
			.msg_iovlen = 1,
			.msg_control = control.buf,
			.msg_controllen = sizeof(control.buf) };
		ssize_t n = recvmsg(r->fd[WARD_RELAY_FD_CTL], &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		bool bad = true;
		int fd[2] = { -1, -1 };

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n >= 0)
			passed_fds(&h, fd, &bad);
		if (n != (ssize_t)sizeof(m) || bad || !heed(r, &m, fd)) {
			r->gone = true;
			return;
		}
	}
}
