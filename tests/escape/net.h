/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For attempts that talk: addresses, and the token that a listener of the host waits for. Whether it arrived is seen
 * there; what these return is only what the attempt believes. They refuse nothing.
 */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "attempt.h"

static inline socklen_t address(int family, const char *text, struct sockaddr_storage *a)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)number("port")) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = v4.sin_port };

	if (!*text) {
		fprintf(stderr, "the host has no address but the loopback's\n");
		exit(IMPOSSIBLE);
	}
	(void)inet_pton(family, text,
		family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr);
	memset(a, 0, sizeof(*a));
	memcpy(a, family == AF_INET ? (void *)&v4 : (void *)&v6,
		family == AF_INET ? sizeof(v4) : sizeof(v6));
	return family == AF_INET ? sizeof(v4) : sizeof(v6);
}

/* A kernel without the protocol cannot be asked to refuse it. */
static inline int no_socket(void)
{
	int missing = errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == ESOCKTNOSUPPORT;

	(void)refused("socket");
	return missing ? IMPOSSIBLE : REFUSED;
}

static inline int push_token(int type, const struct sockaddr *a, socklen_t n)
{
	const char *token = arg("token");
	int fd = socket(a->sa_family, type, 0), r;

	if (fd < 0)
		return no_socket();
	r = connect(fd, a, n) < 0 || send(fd, token, strlen(token), MSG_NOSIGNAL) < 0
		? refused("connect")
		: ESCAPED;
	close(fd);
	return r;
}

static inline int send_token(int family, int type, int protocol, const char *to)
{
	struct sockaddr_storage a;
	socklen_t n = address(family, to, &a);
	const char *token = arg("token");
	int fd = socket(family, type, protocol);

	if (fd < 0)
		return no_socket();
	if (connect(fd, (struct sockaddr *)&a, n) < 0 || write(fd, token, strlen(token)) < 0)
		return refused("connect");
	return ESCAPED;
}

static inline int send_message(int fd, int family, const char *to, int flags)
{
	struct sockaddr_storage a;
	char token[64];
	struct iovec v = { token, (size_t)snprintf(token, sizeof(token), "%s", arg("token")) };
	struct msghdr m = { .msg_name = &a,
		.msg_namelen = address(family, to, &a),
		.msg_iov = &v,
		.msg_iovlen = 1 };

	return sendmsg(fd, &m, flags) < 0 ? refused("sendmsg") : ESCAPED;
}

/* To a Unix socket; an abstract one has a zero before its name. */
static inline int send_unix_path(int type, const char *path, int abstract, bool by_sendto)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int len = snprintf(u.sun_path + abstract, sizeof(u.sun_path) - 1, "%s", path);
	socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract +
		(size_t)len);
	const char *token = arg("token");
	int fd;

	if (!by_sendto)
		return push_token(type, (struct sockaddr *)&u, n);
	fd = socket(AF_UNIX, type, 0);
	if (sendto(fd, token, strlen(token), 0, (struct sockaddr *)&u, n) < 0)
		return refused("sendto");
	return ESCAPED;
}

static inline int send_unix(int type, const char *key, int abstract, bool by_sendto)
{
	return send_unix_path(type, arg(key), abstract, by_sendto);
}

static inline int send_unix_message(int fd, const char *path)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	char token[64];
	struct iovec v = { token, (size_t)snprintf(token, sizeof(token), "%s", arg("token")) };
	struct msghdr m = {
		.msg_name = &u, .msg_namelen = sizeof(u), .msg_iov = &v, .msg_iovlen = 1
	};

	snprintf(u.sun_path, sizeof(u.sun_path), "%s", path);
	return sendmsg(fd, &m, 0) < 0 ? refused("sendmsg") : ESCAPED;
}

static inline int hold_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	return fd < 0 ? no_socket() : hold(fd);
}

/* Through a proxy of SOCKS5, by name: the host's own, or Ward's, which a run has at a port that is always the same. */
static inline int send_by_socks(const char *name, size_t n)
{
	int ports[] = { 1023, number("proxy") };
	unsigned char ask[300] = { 5, 1, 0, 3, (unsigned char)n }, got[300];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *token = arg("token");

	memcpy(ask + 5, name, n);
	ask[5 + n] = (unsigned char)(number("port") >> 8);
	ask[6 + n] = (unsigned char)number("port");
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		a.sin_port = htons((uint16_t)ports[i]);
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
			send(fd, "\5\1", 3, MSG_NOSIGNAL) == 3 && recv(fd, got, 2, MSG_WAITALL) == 2 &&
			send(fd, ask, 7 + n, MSG_NOSIGNAL) > 0 && recv(fd, got, 10, MSG_WAITALL) == 10 &&
			got[1] == 0 && send(fd, token, strlen(token), MSG_NOSIGNAL) > 0)
			return ESCAPED;
		fprintf(stderr, "port %d: answer %d\n", ports[i], got[1]);
		close(fd);
	}
	return REFUSED;
}

/* Wait two seconds for somebody who connects, and give them the token. */
static inline int serve(int family, const void *a, socklen_t n)
{
	struct timeval two = { .tv_sec = 2 };
	const char *token = arg("token");
	int fd = socket(family, SOCK_STREAM, 0), peer;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two, sizeof(two));
	if (bind(fd, a, n) < 0 || listen(fd, 8) < 0)
		return refused("bind");
	peer = accept(fd, NULL, NULL);
	return peer < 0 || write(peer, token, strlen(token)) < 0 ? refused("accept") : ESCAPED;
}
