/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cage with egress and without a gate: the test holds the sockets at which the run's network ends. Inside runs this very program
 * again, as `test_x inside WORD...`: each WORD is one thing to do, and prints one line.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "confine/confine.h"
#include "os/os.h"
#include "tap.h"

#define INSIDE "/inside"
#define CAGE_LINES_MAX 32
#define CAGE_DEADLINE_MS (20000 * tap_patience())

struct capture_box {
	struct ward_plan *plan;
	struct ward_cage *cage;
	int out; /* what the inside prints */
	int net[WARD_NET_SOCKET_MAX];
	char text[16384], error[512];
	size_t n;
	bool over;
	int code;
};

static inline void add_node(struct ward_node *v, size_t *n, const char *path, bool exec)
{
	static char targets[8][64];
	struct stat st;
	ssize_t len;

	if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		len = readlink(path, targets[*n], sizeof(targets[0]) - 1);
		targets[*n][len < 0 ? 0 : len] = 0;
		v[*n] = (struct ward_node){
			.kind = WARD_NODE_SYMLINK, .dest = path, .source = targets[*n], .base = true, .rule = -1
		};
	} else {
		v[*n] = (struct ward_node){ .kind = WARD_NODE_BIND,
			.dest = path,
			.source = path,
			.is_dir = S_ISDIR(st.st_mode),
			.exec = exec,
			.base = true,
			.dev = st.st_dev,
			.ino = st.st_ino,
			.rule = -1 };
	}
	(*n)++;
}

/* Private directories that a view has besides /tmp: /private0, ... */
static unsigned more_private;

/* words: what is done inside, NULL at the end. */
static inline int box_plan(struct capture_box *b, const struct ward_host *host, const char *const *words,
	bool egress, struct ward_error *err)
{
	static const signed char no[WARD_AXIS_MAX] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	static const enum ward_level minimum[WARD_AXIS_MAX];
	static char path[] = "PATH=/usr/bin", self[512];
	char *env[] = { path, NULL };
	char *argv[CAGE_LINES_MAX + 3] = { (char[]){ INSIDE }, (char[]){ "inside" } };
	static char private[8][16];
	struct ward_node v[16];
	struct stat st;
	size_t n = 0;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r;

	if (len < 0 || fstatat(AT_FDCWD, self, &st, 0) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "/proc/self/exe");
	self[len] = 0;
	for (int i = 0; words[i] && i < CAGE_LINES_MAX; i++)
		argv[i + 2] = (char *)(uintptr_t)words[i];
	add_node(v, &n, "/usr", true);
	add_node(v, &n, "/lib", true);
	add_node(v, &n, "/lib64", true);
	v[n++] = (struct ward_node){ .kind = WARD_NODE_PROC, .dest = "/proc", .rule = -1 };
	v[n++] = (struct ward_node){ .kind = WARD_NODE_DEV, .dest = "/dev", .rule = -1 };
	v[n++] = (struct ward_node){
		.kind = WARD_NODE_TMPFS, .dest = "/tmp", .size = 1 << 20, .inodes = 100, .mode = 01777, .rule = -1
	};
	for (unsigned i = 0; i < more_private && i < WARD_ARRAY_SIZE(private); i++) {
		(void)snprintf(private[i], sizeof(private[i]), "/private%u", i);
		v[n++] = (struct ward_node){
			.kind = WARD_NODE_TMPFS, .dest = private[i], .size = 1 << 16, .inodes = 10, .mode = 01777, .rule = -1
		};
	}
	v[n++] = (struct ward_node){ .kind = WARD_NODE_BIND,
		.dest = INSIDE,
		.source = self,
		.exec = true,
		.idmap = geteuid() == 0,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.rule = -1 };
	struct ward_plan_input in = { .workspace = "/tmp",
		.cwd = "/tmp",
		.exe = INSIDE,
		.argv = argv,
		.env = env,
		.nodes = v,
		.n_nodes = n,
		.limits = { .memory = 256 << 20, .pids = 64, .disk = 1 << 20, .nofile = 1024 },
		.attribution = WARD_ATTR_AUTO,
		.deny_errno = ENOENT,
		.minimum = minimum,
		.require = no,
		.accept = no,
		.host = host };
	r = ward_plan_build(&in, &b->plan, err);
	if (r == WARD_OK)
		b->plan->egress = egress;
	return r;
}

static inline bool box_start(struct capture_box *b, bool egress, const char *const *words)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_host host;
	int pipe_fds[2], r;
	struct ward_cage_options opts = { .run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV", .host = &host };

	*b = (struct capture_box){ .out = -1, .net = { -1, -1, -1, -1 } };
	r = ward_host_facts(&host, &err);
	/* Not what is tested here, and this machine may have none that we may use. */
	host.cgroup_memory = host.cgroup_pids = host.cgroup_cpu = false;
	if (r == WARD_OK)
		r = box_plan(b, &host, words, egress, &err);
	if (r == WARD_OK && pipe2(pipe_fds, O_CLOEXEC) == 0) {
		opts.stdio[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
		opts.stdio[1] = pipe_fds[1];
		opts.stdio[2] = 2;
		b->out = pipe_fds[0];
		r = ward_cage_start(b->plan, &opts, &b->cage, &err);
		close(pipe_fds[1]);
		close(opts.stdio[0]);
	}
	if (r == WARD_OK)
		return true;
	ward_error_format(&err, b->error, sizeof(b->error));
	return false;
}

static inline void box_end(struct capture_box *b)
{
	if (b->cage)
		ward_cage_finish(b->cage);
	ward_cage_free(b->cage);
	ward_plan_free(b->plan);
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		ward_close(b->net[i]);
	ward_close(b->out);
	b->cage = NULL;
}

/* What one accepted connection is: "203.0.113.7:443", its source, and who made it. It says hello, and what it was told. */
struct arrival {
	char to[64], from[64], said[16], comm[16];
	int pid;
	bool known;
};

static inline void text_of(const struct sockaddr_storage *a, char out[64])
{
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in *four = (const void *)a;
	const struct sockaddr_in6 *six = (const void *)a;

	if (a->ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
		(void)snprintf(out, 64, "%s:%u", host, ntohs(four->sin_port));
	} else {
		(void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		(void)snprintf(out, 64, "[%s]:%u", host, ntohs(six->sin6_port));
	}
}

static inline void serve_one(struct capture_box *b, int listener, struct arrival *a)
{
	struct sockaddr_storage from = { 0 }, to = { 0 };
	socklen_t from_n = sizeof(from), to_n = sizeof(to);
	struct timeval wait = { .tv_sec = 5 };
	struct ward_cage_who who = { 0 };
	int fd = accept4(listener, (void *)&from, &from_n, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	(void)getsockname(fd, (void *)&to, &to_n);
	text_of(&to, a->to);
	text_of(&from, a->from);
	a->known = ward_cage_who(b->cage, (void *)&from, from_n, true, &who);
	a->pid = who.pid;
	memcpy(a->comm, who.comm, sizeof(a->comm));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)!send(fd, "hello", 5, MSG_NOSIGNAL);
	(void)!recv(fd, a->said, sizeof(a->said) - 1, 0);
	close(fd);
}

/* A datagram: sent back with "re:" before it, from the address that it was for. */
static inline void answer_one(int fd, struct arrival *a)
{
	char text[64] = "re:", control[128];
	struct sockaddr_storage from = { 0 }, to = { 0 };
	struct iovec iov = { text + 3, sizeof(text) - 4 };
	struct msghdr m = { .msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, 0);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	if (!c)
		return;
	if (c->cmsg_level == IPPROTO_IP) {
		struct in_pktinfo *i = (void *)CMSG_DATA(c);
		struct sockaddr_in *four = (void *)&to;

		four->sin_family = AF_INET;
		four->sin_addr = i->ipi_addr;
		four->sin_port = htons(53);
		i->ipi_spec_dst = i->ipi_addr;
		i->ipi_ifindex = 0;
	} else {
		struct in6_pktinfo *i = (void *)CMSG_DATA(c);
		struct sockaddr_in6 *six = (void *)&to;

		six->sin6_family = AF_INET6;
		six->sin6_addr = i->ipi6_addr;
		six->sin6_port = htons(53);
		i->ipi6_ifindex = 0;
	}
	text_of(&to, a->to);
	text_of(&from, a->from);
	(void)memcpy(a->said, text + 3, (size_t)n < sizeof(a->said) ? (size_t)n : sizeof(a->said) - 1);
	iov = (struct iovec){ text, (size_t)n + 3 };
	if (sendmsg(fd, &m, 0) < 0)
		(void)snprintf(a->said, sizeof(a->said), "%.15s", strerror(errno));
}

/* Until the inside has ended; what arrived meanwhile: how many. */
static inline size_t box_serve(struct capture_box *b, struct arrival *ret, size_t max)
{
	uint64_t deadline = ward_now_mono_ns() + CAGE_DEADLINE_MS * 1000000ull;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_cage_event e = { 0 };
	size_t n = 0;

	ward_cage_take_net(b->cage, b->net);
	if (ward_cage_go(b->cage, &err) < 0)
		return 0;
	while (!e.over && ward_now_mono_ns() < deadline) {
		struct pollfd p[6] = { { ward_cage_fd(b->cage), POLLIN, 0 }, { b->out, POLLIN, 0 } };

		for (int i = 0; i < WARD_NET_DOOR; i++)
			p[i + 2] = (struct pollfd){ n < max ? b->net[i] : -1, POLLIN, 0 };
		if (poll(p, 6, 10) < 0)
			break;
		for (int i = 0; i < WARD_NET_DOOR && n < max; i++)
			if (p[i + 2].revents) {
				ret[n] = (struct arrival){ 0 };
				if (i < WARD_NET_UDP4)
					serve_one(b, b->net[i], &ret[n++]);
				else
					answer_one(b->net[i], &ret[n++]);
			}
		if (p[1].revents & POLLIN && b->n < sizeof(b->text) - 1) {
			ssize_t got = read(b->out, b->text + b->n, sizeof(b->text) - 1 - b->n);

			b->n += got > 0 ? (size_t)got : 0;
		}
		(void)ward_cage_next(b->cage, NULL, &e, &err);
	}
	for (ssize_t got; b->n < sizeof(b->text) - 1 &&
		(got = read(b->out, b->text + b->n, sizeof(b->text) - 1 - b->n)) > 0;)
		b->n += (size_t)got;
	b->over = e.over;
	b->code = e.code;
	return n;
}
