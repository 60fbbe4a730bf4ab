/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run's own network, where it has egress: every address is local to its namespace, and every TCP flow to an address that is not
 * its own comes to one listener. Part of ward-init (musl) and of the probe that `ward doctor` makes: system calls only, nothing is
 * allocated, results are 0 or -errno.
 *
 * Theory of operation. A namespace with nothing but lo gets one address of its own (SELF) and the routes `local 0.0.0.0/0 dev lo` and
 * `local ::/0 dev lo`: whatever is dialled is delivered here, and nothing has a way out. A packet of TCP that comes in to anything but
 * loopback and SELF is handed to the capturing listener by nf_tables' tproxy. That is no NAT: the accepted socket's own address is the
 * one that was dialled (getsockname), its peer's is the client's, and nothing is tracked. A connection to the capturing port of the
 * loopback itself has that address as its own, and is thereby told from one that was captured.
 *
 * Without nf_tables (redirects) there is no rule, and the listener is at every address: whoever mediates a connect makes it to the
 * capturing port, and knows which port was meant (broker/notify_connect.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* WARD_NET_PROXY_PORT (plan.h), which ward-init does not know. Below 1024: nothing inside can want it for itself, or take it. */
#define WARD_CAPTURE_PORT 1023
#define WARD_CAPTURE_BACKLOG 4096
#define WARD_CAPTURE_DNS_PORT 53
#define WARD_CAPTURE_SOCKETS 4 /* enum ward_net_socket (plan.h), which ward-init does not know */

/* ---- netlink.c: messages over one socket, each acknowledged ---- */
struct ward_nl {
	int fd; /* -1 = none */
	uint32_t seq, n_asked; /* of the last message; how many ask for an answer */
	size_t n, head; /* bytes; where the message begins that is being written */
	int err; /* there was no room */
	_Alignas(8) char b[4096];
};
int ward_nl_open(struct ward_nl *nl, int protocol);
void ward_nl_close(struct ward_nl *nl);
/* A message begins: what is put is part of it until the next. extra: its fixed header. flags: NLM_F_*. */
void ward_nl_begin(struct ward_nl *nl, unsigned type, unsigned flags, const void *extra, size_t n);
void ward_nl_end(struct ward_nl *nl);
void ward_nl_put(struct ward_nl *nl, unsigned type, const void *v, size_t n);
void ward_nl_put32(struct ward_nl *nl, unsigned type, uint32_t host_order); /* in network order, as nf_tables wants them */
void ward_nl_text(struct ward_nl *nl, unsigned type, const char *s);
/* A nest is closed with what opening it gave. */
size_t ward_nl_nest(struct ward_nl *nl, unsigned type);
void ward_nl_nest_end(struct ward_nl *nl, size_t nest);
/* Send all of it in one piece, and see every message acknowledged. Empty afterwards. */
int ward_nl_run(struct ward_nl *nl);
/* The answers in one packet: 0 or what was refused first, -EPROTO where they are none. *left: less each acknowledgement. */
int ward_nl_answers(const char *p, size_t n, uint32_t *left);

/* ---- the address of the run itself ---- */
#define WARD_SELF4 { 198, 18, 0, 2 }
#define WARD_SELF6 { 0xfd, 0x77, 0x61, 0x72, 0x64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2 }

/* ---- route.c, nft.c ---- */
/* family: AF_INET, AF_INET6. */
int ward_route_local(struct ward_nl *route, int family);
/* One table, chain and rule for IPv4 and, where six, for IPv6: all of it or nothing. */
int ward_nft_capture(struct ward_nl *nft, int six);

/* ---- capture.c ---- */
/*
 * All but names, in the network namespace of the calling process, which needs CAP_NET_ADMIN and CAP_NET_BIND_SERVICE there; lo is up.
 * sockets: enum ward_net_socket, -1 for those of IPv6 where this kernel has none; close-on-exec, TCP listening, all non-blocking. On
 * failure they are closed, and *ret_step says what it was. redirects: without nf_tables. What waits at a listener is counted as whose
 * who accepts it.
 */
int ward_capture_make(bool redirects, int sockets[WARD_CAPTURE_SOCKETS], const char **ret_step);
/* And names, in the cgroup that what waits to be read is counted in. On failure all of the sockets are closed. */
int ward_capture_names(int sockets[WARD_CAPTURE_SOCKETS], const char **ret_step);
/*
 * Dial an address of a network that does not exist (RFC 5737, RFC 3849), and see it come to the listener with that address, and from
 * SELF. 0, -ENODATA when it does not, -errno of the step that failed.
 */
int ward_capture_prove(bool redirects, const int sockets[WARD_CAPTURE_SOCKETS], const char **ret_step);
