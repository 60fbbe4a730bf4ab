/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that is alive can be asked what it is, and told to end: it listens on a socket of its own beside those of runs that wait. A
 * request is one message and so is the reply, so that nobody can be slow in the middle of one, and nothing here ever waits: it is a
 * part of the supervisor's loop. Whoever asked for the end is told of it when nothing of the run is alive any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "policy/policy.h"

#define CONNECTIONS (WARD_LIVE_POLL_MAX - 1)
#define REQUEST_MAX 4096
#define WORDS_TOLD 16
#define WORD_TOLD 200

struct ward_live {
	struct ward_live_run run;
	char *workspace;
	int dir, sock;
	char name[WARD_LIVE_NAME_MAX];
	int peers[CONNECTIONS];
	bool waits[CONNECTIONS]; /* it asked for the end, and is told of it: it keeps its place */
	unsigned next; /* where to look for whose place is taken when there is none left */
};

/* ---- the socket ---- */

/* Named as people would find it; by the directory's descriptor where that is too long for an address. */
static int listen_in(struct ward_live *l, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int r = snprintf(at.sun_path, sizeof(at.sun_path), "%.4000s/%s", path, l->name);

	if (r < 0 || (size_t)r >= sizeof(at.sun_path))
		(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", l->dir,
			l->name);
	l->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->sock < 0)
		return -errno;
	/* What is bound has the socket's own mode. The umask is the whole process's, and other threads make files meanwhile. */
	if (fchmod(l->sock, 0600) < 0 || bind(l->sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	return listen(l->sock, 64) < 0 ? -errno : 0;
}

/* Where the sockets of this user lie; elsewhere if that is not to be had. */
static int anywhere(struct ward_live *l, struct ward_error *err)
{
	int r = WARD_E_UNSUPPORTED;

	for (unsigned i = 0; i < WARD_LIVE_PLACES; i++) {
		char path[WARD_PATH_MAX];
		int sys;

		/* One that there is none of is no reason: the one before it was to be had. */
		if (i > 0 && !ward_live_where(i, path))
			continue;
		r = ward_live_dir(i, true, &l->dir, path, err);
		if (r < 0)
			continue;
		sys = listen_in(l, path);
		if (sys == 0)
			return WARD_OK;
		r = ward_fail_errno(err, WARD_E_SYSTEM, -sys, "it cannot listen in \"%s\"", path);
		ward_close(l->sock);
		ward_close(l->dir);
		l->sock = l->dir = -1;
	}
	return r;
}

int ward_live_new(const struct ward_live_run *run, struct ward_live **ret, struct ward_error *err)
{
	struct ward_live *l = calloc(1, sizeof(*l));
	int r;

	*ret = NULL;
	if (!l)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	l->run = *run;
	l->dir = l->sock = -1;
	for (size_t i = 0; i < CONNECTIONS; i++)
		l->peers[i] = -1;
	(void)snprintf(l->name, sizeof(l->name), "%s" WARD_LIVE_SUFFIX, run->run);
	l->workspace = strdup(run->workspace ? run->workspace : "");
	r = l->workspace ? anywhere(l, err) : ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (r < 0) {
		ward_live_free(l, NULL);
		return r;
	}
	*ret = l;
	return WARD_OK;
}

static void say(int fd, const struct ward_buf *b)
{
	if (!b->failed && b->n > 0)
		(void)send(fd, b->s, b->n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void ward_live_free(struct ward_live *l, const char *status)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	if (!l)
		return;
	if (l->sock >= 0 && l->dir >= 0)
		(void)unlinkat(l->dir, l->name, 0);
	ward_jw_open(&b, '{');
	ward_jw_ki64(&b, "v", 1);
	ward_jw_kbool(&b, "ended", true);
	ward_jw_kstr(&b, "status", status ? status : "refused");
	ward_jw_close(&b, '}');
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (l->peers[i] >= 0)
			say(l->peers[i], &b);
		ward_close(l->peers[i]);
	}
	ward_close(l->sock);
	ward_close(l->dir);
	free(l->workspace);
	free(l);
}

void ward_live_sweep(const struct ward_live *l)
{
	if (l)
		ward_sockets_sweep(l->dir);
}

/* ---- requests ---- */

static void tell(const struct ward_live *l, struct ward_buf *out)
{
	ward_jw_open(out, '{');
	ward_jw_ki64(out, "v", 1);
	ward_jw_kbool(out, "ok", true);
	ward_jw_kstr(out, "run", l->run.run);
	ward_jw_ki64(out, "pid", getpid());
	ward_jw_kstr(out, "workspace", l->workspace);
	ward_jw_key(out, "argv");
	ward_redact_argv(l->run.argv, WORDS_TOLD, WORD_TOLD, out);
	ward_jw_kstrs(out, "labels", l->run.labels, l->run.n_labels);
	ward_jw_close(out, '}');
}

static void stop(const struct ward_json *q, const struct ucred *peer, struct ward_stopped *ret,
	struct ward_buf *out)
{
	const struct ward_json *reason = ward_json_get(q, "reason"), *now = ward_json_get(q, "now");

	if ((reason && (reason->type != WARD_JSON_STRING || reason->str.n > WARD_REASON_MAX)) ||
		(now && now->type != WARD_JSON_BOOL)) {
		ward_peer_refuse(out, "the request is none");
		return;
	}
	*ret = (struct ward_stopped){ .wanted = true, .now = now && now->b };
	ret->by.uid = peer->uid;
	ret->by.pid = peer->pid;
	if (reason)
		memcpy(ret->reason, reason->str.s, reason->str.n);
	ward_jw_open(out, '{');
	ward_jw_ki64(out, "v", 1);
	ward_jw_kbool(out, "ok", true);
	ward_jw_close(out, '}');
}

/* False: the peer is gone, or it is nobody who may ask. */
static bool serve(struct ward_live *l, int fd, struct ward_stopped *ret)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	const struct ward_json *op = NULL;
	struct ward_json *q = NULL;
	char text[REQUEST_MAX];
	struct ucred peer;
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0 || !ward_peer_outside(fd, &peer))
		return false;
	arena = ward_arena_new(1u << 20);
	if (arena && (size_t)n <= sizeof(text) &&
		ward_json_parse(arena, text, (size_t)n, "request", &q, NULL) == WARD_OK &&
		q->type == WARD_JSON_OBJECT)
		op = ward_json_get(q, "op");
	if (!op || op->type != WARD_JSON_STRING)
		ward_peer_refuse(&out, "the request is none");
	else if (ward_streq(op->str.s, "list"))
		tell(l, &out);
	else if (ward_streq(op->str.s, "stop"))
		stop(q, &peer, ret, &out);
	else
		ward_peer_refuse(&out, "unknown op");
	say(fd, &out);
	return true;
}

/* ---- the supervisor's loop ---- */

size_t ward_live_poll(const struct ward_live *l, struct pollfd *fds)
{
	if (!l)
		return 0;
	fds[0] = (struct pollfd){ .fd = l->sock, .events = POLLIN };
	for (size_t i = 0; i < CONNECTIONS; i++)
		fds[i + 1] = (struct pollfd){ .fd = l->peers[i], .events = POLLIN };
	return WARD_LIVE_POLL_MAX;
}

/* CONNECTIONS: there is none. Only who has not asked for the end gives up its place: who has would take that for the end. */
static size_t place(struct ward_live *l)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (l->peers[i] < 0)
			return i;
	}
	for (size_t k = 0; k < CONNECTIONS; k++) {
		size_t i = l->next;

		l->next = (l->next + 1) % CONNECTIONS;
		if (!l->waits[i])
			return i;
	}
	return CONNECTIONS;
}

/* A stranger gets no place, and neither does anybody where all are of those who wait for the end. */
static void take_in(struct ward_live *l)
{
	WARD_FD fd = accept4(l->sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	size_t i;

	if (fd < 0 || !ward_peer_outside(fd, &peer))
		return;
	i = place(l);
	if (i == CONNECTIONS)
		return;
	ward_close(l->peers[i]);
	l->peers[i] = ward_take_fd(&fd);
	l->waits[i] = false;
}

void ward_live_ready(struct ward_live *l, const struct pollfd *fds, size_t n,
	struct ward_stopped *ret)
{
	*ret = (struct ward_stopped){ 0 };
	for (size_t i = 1; i < n; i++) {
		struct ward_stopped one = { 0 };

		if (fds[i].fd < 0 || !fds[i].revents)
			continue;
		if (!serve(l, l->peers[i - 1], &one)) {
			ward_close(l->peers[i - 1]);
			l->peers[i - 1] = -1;
		}
		l->waits[i - 1] = l->peers[i - 1] >= 0 && (l->waits[i - 1] || one.wanted);
		/* The more urgent of several. */
		if (one.wanted && (!ret->wanted || one.now))
			*ret = one;
	}
	if (n > 0 && fds[0].revents)
		take_in(l);
}
