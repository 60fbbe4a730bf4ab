/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink, as much as is needed: what was not acknowledged was not done. */
#define _GNU_SOURCE
#include "confine/native/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int ward_nl_open(struct ward_nl *nl, int protocol)
{
	nl->n = nl->head = 0;
	nl->seq = nl->n_asked = 0;
	nl->err = 0;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	return nl->fd < 0 ? -errno : 0;
}

void ward_nl_close(struct ward_nl *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

/* n bytes, and up to the next boundary of four. */
static void *room(struct ward_nl *nl, size_t n)
{
	size_t aligned = NLMSG_ALIGN(n), at = nl->n;

	if (aligned < n || aligned > sizeof(nl->b) - nl->n) {
		nl->err = ENOBUFS;
		return NULL;
	}
	memset(nl->b + at, 0, aligned);
	nl->n += aligned;
	return nl->b + at;
}

void ward_nl_begin(struct ward_nl *nl, unsigned type, unsigned flags, const void *extra, size_t n)
{
	struct nlmsghdr *h = room(nl, NLMSG_HDRLEN);
	void *p = h ? room(nl, n) : NULL;

	if (!p)
		return;
	nl->head = (size_t)((char *)h - nl->b);
	h->nlmsg_type = (uint16_t)type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++nl->seq;
	nl->n_asked += (flags & NLM_F_ACK) ? 1 : 0;
	memcpy(p, extra, n);
}

void ward_nl_end(struct ward_nl *nl)
{
	uint32_t n = (uint32_t)(nl->n - nl->head);

	if (!nl->err)
		memcpy(nl->b + nl->head, &n, sizeof(n)); /* nlmsg_len */
}

void ward_nl_put(struct ward_nl *nl, unsigned type, const void *v, size_t n)
{
	struct nlattr *a = room(nl, NLA_HDRLEN + n);

	if (!a)
		return;
	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + n);
	if (n)
		memcpy((char *)a + NLA_HDRLEN, v, n);
}

void ward_nl_put32(struct ward_nl *nl, unsigned type, uint32_t host_order)
{
	uint32_t v = htonl(host_order);

	ward_nl_put(nl, type, &v, sizeof(v));
}

void ward_nl_text(struct ward_nl *nl, unsigned type, const char *s)
{
	ward_nl_put(nl, type, s, strlen(s) + 1);
}

size_t ward_nl_nest(struct ward_nl *nl, unsigned type)
{
	size_t at = nl->n;

	ward_nl_put(nl, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void ward_nl_nest_end(struct ward_nl *nl, size_t nest)
{
	uint16_t n = (uint16_t)(nl->n - nest);

	if (!nl->err)
		memcpy(nl->b + nest, &n, sizeof(n)); /* nla_len */
}

int ward_nl_answers(const char *p, size_t n, uint32_t *left)
{
	struct nlmsghdr h;
	int e;

	while (n >= sizeof(h)) {
		memcpy(&h, p, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > n)
			return -EPROTO;
		if (h.nlmsg_type == NLMSG_ERROR) {
			if (h.nlmsg_len < sizeof(h) + sizeof(e))
				return -EPROTO;
			memcpy(&e, p + NLMSG_HDRLEN, sizeof(e));
			if (e)
				return e < 0 ? e : -EPROTO;
			if (*left)
				(*left)--;
		}
		if (NLMSG_ALIGN(h.nlmsg_len) >= n)
			return 0;
		p += NLMSG_ALIGN(h.nlmsg_len);
		n -= NLMSG_ALIGN(h.nlmsg_len);
	}
	return n ? -EPROTO : 0;
}

/* The kernel answers before the call returns: nothing is waited for. */
int ward_nl_run(struct ward_nl *nl)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	uint32_t left = nl->n_asked;
	ssize_t n;
	int r = nl->err ? -nl->err : 0;

	if (!r && sendto(nl->fd, nl->b, nl->n, 0, (const void *)&kernel, sizeof(kernel)) < 0)
		r = -errno;
	nl->n = nl->head = 0;
	nl->n_asked = 0;
	nl->err = 0;
	while (!r && left) {
		/* What was sent is of no more use: an answer may repeat it, and no more. */
		n = recv(nl->fd, nl->b, sizeof(nl->b), MSG_DONTWAIT);
		if (n < 0)
			r = errno == EAGAIN ? -EPROTO : -errno;
		else
			r = ward_nl_answers(nl->b, (size_t)n, &left);
	}
	return r;
}
