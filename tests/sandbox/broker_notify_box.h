/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The box of broker_box.h with a network namespace, a private /tmp, a directory of the host bound into it, no
 * capability, and the real filter with a listener; the view is the host's own tree. For the tests of the call broker.
 */
#pragma once

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include "broker_box.h"
#include "confine/native/seccomp.h"
#include "tap.h"

static char shared[64]; /* a directory of the host, bound into the view */
static char host_path[100], in_path[100],
	link_path[100]; /* sockets in it: the host's, the run's, a link to the host's */
static struct ward_node nodes[] = {
	{ .kind = WARD_NODE_DIR, .dest = "/" },
	{ .kind = WARD_NODE_SYMLINK, .dest = "/lnk", .source = "tmp" },
	/* Only known to the broker: the test hands it the root of /tmp for this. */
	{ .kind = WARD_NODE_TMPFS, .dest = "/priv" },
	{ .kind = WARD_NODE_TMPFS, .dest = "/tmp" },
	{ .kind = WARD_NODE_DIR, .dest = "/var" },
	{ .kind = WARD_NODE_DIR, .dest = "/var/tmp" },
	{ .kind = WARD_NODE_BIND, .dest = shared, .source = shared, .is_dir = true },
};
static struct ward_plan plan = { .nodes = nodes,
	.n_nodes = WARD_ARRAY_SIZE(nodes),
	.deny_errno = ENOENT,
	.seccomp = WARD_SECCOMP_NETLINK_ROUTE };

struct nbox {
	struct box b;
	struct ward_notify *n;
	int kill_event, tmp; /* tmp: the root of /tmp inside */
};

/* ---- set-up ---- */

static int inherited = -1; /* a TCP socket of the host's network namespace, as stdin could be */

/* In a plan with egress: where what is captured comes to. Nobody inside can listen there. */
static inline bool door_opens(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(WARD_NET_PROXY_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 8) == 0;
}

static inline void confine(int sock)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct {
		uint32_t version;
		int pid;
	} head = { 0x20080522, 0 };
	uint32_t none[6] = { 0 };
	struct sock_fprog prog;
	size_t n;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), diag, listener;

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777") ||
		(plan.egress && !door_opens())) {
		box_send(sock, 3, -1);
		_exit(1);
	}
	close(fd);
	diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	box_send(sock, 0, diag);
	close(diag);
	fd = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	box_send(sock, 0, fd);
	close(fd);
	prog.filter = (void *)(uintptr_t)ward_seccomp_program(plan.seccomp, &n);
	prog.len = (unsigned short)n;
	if (syscall(SYS_capset, &head, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		box_send(sock, 3, -1);
		_exit(1);
	}
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	box_send(sock, 5, listener);
	close(listener);
}

static inline bool nbox_start(struct nbox *x)
{
	struct ward_error err = { 0 };
	int fd;

	*x = (struct nbox){ .tmp = -1, .kill_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	x->b = (struct box){ .refusals = ward_refusals_new(), .outer = -1, .sock = -1, .proc = -1 };
	if (!shared[0]) {
		(void)snprintf(shared, sizeof(shared), "/var/tmp/ward-broker-XXXXXX");
		if (!mkdtemp(shared) || chmod(shared, 0777))
			return false;
		(void)snprintf(host_path, sizeof(host_path), "%s/host", shared);
		(void)snprintf(in_path, sizeof(in_path), "%s/in", shared);
		(void)snprintf(link_path, sizeof(link_path), "%s/link", shared);
	}
	if (ward_notify_new(&plan, x->b.refusals, x->kill_event, &x->n, &err) < 0) {
		(void)snprintf(x->b.why, sizeof(x->b.why), "%.100s", err.message);
		return false;
	}
	if (box_fork(&x->b, CLONE_NEWNET, confine) < 0)
		return false;
	fd = box_recv(&x->b);
	if (fd < 0)
		return false;
	ward_notify_set_diag(x->n, fd);
	x->tmp = box_recv(&x->b);
	fd = box_recv(&x->b);
	return fd >= 0 && ward_notify_start(x->n, fd, &err) == 0;
}

static inline void nbox_end(struct nbox *x)
{
	if (x->b.outer > 0) {
		close(x->b.sock);
		(void)kill(x->b.outer, SIGKILL);
		(void)waitpid(x->b.outer, NULL, 0);
		x->b.outer = x->b.sock = -1;
	}
	x->n = ward_notify_free(x->n);
	ward_close(x->kill_event);
	ward_close(x->tmp);
	box_end(&x->b);
}

#define START(x) \
	struct nbox x; \
	do { \
		if (!nbox_start(&x)) { \
			char why[160]; \
			(void)snprintf(why, sizeof(why), "%s", x.b.why); \
			nbox_end(&x); \
			SKIP("%s", why); \
		} \
	} while (0)
#define CALL(fn, arg) box_call(&x.b, fn, (long)(arg))

static inline const struct ward_refusal *find(const struct nbox *x, enum ward_refusal_kind kind,
	const char *syscall, const char *resource)
{
	for (size_t i = 0; i < x->b.n; i++)
		if (x->b.r[i].kind == kind && strcmp(x->b.r[i].resource, resource) == 0 &&
			(!syscall || strcmp(x->b.r[i].syscall, syscall) == 0))
			return &x->b.r[i];
	return NULL;
}

static inline void dump(const struct nbox *x)
{
	for (size_t i = 0; i < x->b.n; i++)
		printf("# kind %d %s \"%s\" pid %d %s x%llu\n", (int)x->b.r[i].kind,
			x->b.r[i].syscall, x->b.r[i].resource, x->b.r[i].pid, x->b.r[i].comm,
			(unsigned long long)x->b.r[i].count);
}

/* ---- inside ---- */

struct target {
	int family, type, flags;
	const char *host;
	int port; /* 0 = the one that in_listen() got last */
};
static int last_port;

static inline socklen_t fill(const struct target *t, struct sockaddr_storage *a)
{
	memset(a, 0, sizeof(*a));
	a->ss_family = (sa_family_t)t->family;
	if (t->family == AF_INET) {
		struct sockaddr_in *in = (void *)a;

		in->sin_port = htons((uint16_t)(t->port ? t->port : last_port));
		(void)inet_pton(AF_INET, t->host, &in->sin_addr);
		return sizeof(*in);
	}
	if (t->family == AF_INET6) {
		struct sockaddr_in6 *in = (void *)a;

		in->sin6_port = htons((uint16_t)(t->port ? t->port : last_port));
		(void)inet_pton(AF_INET6, t->host, &in->sin6_addr);
		return sizeof(*in);
	}
	if (t->family == AF_UNIX) {
		struct sockaddr_un *un = (void *)a;

		/* "@name" = abstract */
		memcpy(un->sun_path, t->host, strlen(t->host) + 1);
		if (t->host[0] == '@') {
			un->sun_path[0] = 0;
			return (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				strlen(t->host));
		}
		return sizeof(*un);
	}
	return sizeof(a->ss_family);
}

static inline long in_connect(long arg)
{
	const struct target *t = (const void *)arg;
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a);
	int fd = socket(t->family, t->type, 0);
	long r = fd < 0 ? -1000 - errno : connect(fd, (void *)&a, n) ? -errno : 0;

	close(fd);
	return r;
}

static inline long in_sendto(long arg)
{
	const struct target *t = (const void *)arg;
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a);
	int fd = socket(t->family, t->type, 0);
	ssize_t r = sendto(fd, "hello", 5, t->flags, (void *)&a, n);

	r = r < 0 ? -errno : r;
	close(fd);
	return r;
}

static int server = -1;

/* Listen (or only bind, for datagrams): the port. flags = backlog. */
static inline long in_listen(long arg)
{
	const struct target *t = (const void *)arg;
	struct sockaddr_storage a;
	socklen_t n = fill(t, &a);

	close(server);
	last_port = 0;
	server = socket(t->family, t->type | SOCK_NONBLOCK, 0);
	if (server < 0 || bind(server, (void *)&a, n) ||
		(t->type != SOCK_DGRAM && listen(server, t->flags)))
		return -errno;
	n = sizeof(a);
	(void)getsockname(server, (void *)&a, &n);
	last_port = ntohs(((struct sockaddr_in *)&a)->sin_port);
	return 0;
}

/* A socket that was made in the host's network namespace: disconnecting and connecting it would leave the sandbox. */
static inline long in_inherited(long unspec)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)last_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (unspec)
		a.sin_family = AF_UNSPEC;
	return connect(inherited, (void *)&a, sizeof(a)) ? -errno : 0;
}

static inline long in_unshare(long arg)
{
	return unshare((int)arg) ? -errno : 0;
}

/* At the end of each program: nothing of the shared directory is left. */
static inline bool shared_gone(void)
{
	return !shared[0] || rmdir(shared) == 0;
}
