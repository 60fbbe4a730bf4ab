/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that waits. It listens on a socket of its own, in a directory that only its user may enter, and answers two requests:
 * what is asked, and an answer to one question by its whole digest. A peer is the same user, outside of every sandbox; the first
 * answer counts. Requests are small, and a peer that is slow is not waited for long.
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

#define REQUEST_MAX 1024
#define THINGS_TOLD 8
#define WORDS_TOLD 16
#define PATIENCE_NS 2000000000ull /* for a request and its reply */
#define SHORT_NS 100000000ull /* where a run waits for it, too */

struct ward_bell {
	struct ward_bell_run run;
	int dir, sock;
	char path[WARD_PATH_MAX]; /* of the socket */
};

/* ---- the socket ---- */

static int no_socket(const char *path, int sys, struct ward_error *err)
{
	(void)ward_fail_errno(err, WARD_E_SYSTEM, sys, "the run cannot be asked about");
	ward_fail_at(err, path, 0, 0);
	return WARD_E_SYSTEM;
}

/* It has its name when it listens: whoever finds it and is refused would take it for a dead run's, and remove it. */
static int listen_at(struct ward_bell *b, struct ward_error *err)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char made[WARD_LIVE_NAME_MAX];

	/* In the directory that was looked at, however long its name is. */
	(void)snprintf(made, sizeof(made), WARD_BELL_MADE "%s", b->run.run);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", b->dir, made);
	b->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (b->sock < 0)
		return no_socket(b->path, errno, err);
	/*
	 * The directory keeps others out; the mode is for whoever looks at it. It is the socket's before it has a name: the umask is
	 * the whole process's, and two runs that begin at once could leave it changed.
	 */
	if (fchmod(b->sock, 0600) < 0 || bind(b->sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		return no_socket(b->path, errno, err);
	if (listen(b->sock, 8) < 0 || renameat(b->dir, made, b->dir, b->run.run) < 0) {
		(void)no_socket(b->path, errno, err);
		(void)unlinkat(b->dir, made, 0);
		return WARD_E_SYSTEM;
	}
	return WARD_OK;
}

int ward_bell_new(const struct ward_bell_run *run, struct ward_bell **ret, struct ward_error *err)
{
	struct ward_bell *b = calloc(1, sizeof(*b));
	char dir[WARD_PATH_MAX];
	int r;

	*ret = NULL;
	if (!b)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	b->run = *run;
	b->dir = b->sock = -1;
	r = ward_bell_dir(true, &b->dir, dir, err);
	if (r == WARD_OK) {
		(void)snprintf(b->path, sizeof(b->path), "%.4000s/%s", dir, run->run);
		r = listen_at(b, err);
	}
	if (r < 0) {
		ward_bell_free(b);
		return r;
	}
	*ret = b;
	return WARD_OK;
}

void ward_bell_free(struct ward_bell *b)
{
	if (!b)
		return;
	if (b->sock >= 0 && b->dir >= 0)
		(void)unlinkat(b->dir, b->run.run, 0);
	ward_close(b->sock);
	ward_close(b->dir);
	free(b);
}

/* ---- who rings ---- */

/* The same user; and nobody who came out of a sandbox by some way that we do not know. */
static bool may_answer(int fd, struct ucred *ret)
{
	return ward_peer_outside(fd, ret) && ret->uid == geteuid();
}

/* ---- requests ---- */

static size_t count(char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static void tell(const struct ward_bell *b, const struct ward_reply *replies, struct ward_buf *out)
{
	const struct ward_asks *a = b->run.asks;
	uint64_t now = ward_now_mono_ns();

	ward_jw_open(out, '{');
	ward_jw_ki64(out, "v", 1);
	ward_jw_kbool(out, "ok", true);
	ward_jw_kstr(out, "run", b->run.run);
	ward_jw_ki64(out, "pid", getpid());
	ward_jw_kstr(out, "workspace", a->workspace);
	ward_jw_key(out, "argv");
	ward_jw_open(out, '[');
	for (size_t i = 0; b->run.argv[i] && i < WORDS_TOLD; i++)
		ward_jw_str(out, b->run.argv[i], strnlen(b->run.argv[i], WARD_DETAIL_TEXT_MAX));
	ward_jw_close(out, ']');
	ward_jw_ku64(out, "argv_total", count(b->run.argv));
	ward_jw_ku64(out, "left_ms", b->run.until_ns > now ? (b->run.until_ns - now) / 1000000 : 0);
	ward_jw_kbool(out, "alive", b->run.alive);
	ward_jw_key(out, "asks");
	ward_jw_open(out, '[');
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].answer == WARD_SAID_OPEN && !a->v[i].agreed && !replies[i].how)
			ward_asked_json(&a->v[i], THINGS_TOLD, out);
	}
	ward_jw_close(out, ']');
	ward_jw_close(out, '}');
}

static const char *text_of(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = ward_json_get(o, key);

	return v && v->type == WARD_JSON_STRING ? v->str.s : "";
}

static void answer(struct ward_bell *b, const struct ward_json *q, const struct ucred *peer,
	struct ward_reply *replies, struct ward_buf *out)
{
	const char *digest = text_of(q, "digest"), *said = text_of(q, "said");
	const struct ward_asks *a = b->run.asks;
	size_t i = 0;

	while (i < a->n &&
		(!ward_streq(a->v[i].digest, digest) || a->v[i].answer != WARD_SAID_OPEN ||
			a->v[i].agreed))
		i++;
	if (i == a->n || replies[i].how) {
		ward_peer_refuse(out,
			i == a->n ? "it asks no such thing" : "it was answered already");
		return;
	}
	if (ward_streq(said, "run") && a->v[i].level == WARD_APPROVAL_CRITICAL) {
		ward_peer_refuse(out, "what is critical is allowed once and never remembered");
		return;
	}
	if (!ward_streq(said, "once") && !ward_streq(said, "run") && !ward_streq(said, "no")) {
		ward_peer_refuse(out, "the answer is none of once, run, no");
		return;
	}
	replies[i] = (struct ward_reply){ .said = said[0] == 'o' ? WARD_SAID_ONCE
			: said[0] == 'r'                         ? WARD_SAID_RUN
								 : WARD_SAID_NO,
		.how = "peer",
		.uid = peer->uid,
		.pid = peer->pid };
	ward_jw_open(out, '{');
	ward_jw_ki64(out, "v", 1);
	ward_jw_kbool(out, "ok", true);
	ward_jw_close(out, '}');
}

/* Wait for fd, no longer than until: who sends byte by byte gets no more time than anybody else. */
static bool ready(int fd, short events, uint64_t until)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = ward_now_mono_ns();
		int n = now < until ? poll(&p, 1, (int)((until - now) / 1000000) + 1) : 0;

		if (n >= 0 || errno != EINTR)
			return n > 0;
	}
}

/* All that the peer sends before it shuts its side; -1: too much, or too slow. */
static ssize_t take(int fd, char *to, size_t size, uint64_t until)
{
	size_t n = 0;

	while (n < size && ready(fd, POLLIN, until)) {
		ssize_t got = recv(fd, to + n, size - n, MSG_DONTWAIT);

		if (got == 0)
			return (ssize_t)n;
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		n += got > 0 ? (size_t)got : 0;
	}
	return -1;
}

static void give(int fd, const struct ward_buf *b, uint64_t until)
{
	for (size_t at = 0; !b->failed && at < b->n && ready(fd, POLLOUT, until);) {
		ssize_t n = send(fd, b->s + at, b->n - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		at += n > 0 ? (size_t)n : 0;
	}
}

static void serve(struct ward_bell *b, int fd, uint64_t patience_ns, struct ward_reply *replies)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(1u << 20);
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;
	uint64_t until = ward_now_mono_ns() + patience_ns;
	struct ward_json *q = NULL;
	char text[REQUEST_MAX];
	struct ucred peer;
	ssize_t n;

	if (!may_answer(fd, &peer))
		return;
	n = take(fd, text, sizeof(text), until);
	if (n < 0 || !arena || ward_json_parse(arena, text, (size_t)n, "request", &q, NULL) < 0 ||
		q->type != WARD_JSON_OBJECT)
		ward_peer_refuse(&out, "the request is none");
	else if (ward_streq(text_of(q, "op"), "list"))
		tell(b, replies, &out);
	else if (ward_streq(text_of(q, "op"), "answer"))
		answer(b, q, &peer, replies, &out);
	else
		ward_peer_refuse(&out, "unknown op");
	give(fd, &out, until);
}

/* ---- waiting ---- */

static bool all_answered(const struct ward_bell *b, const struct ward_reply *replies)
{
	const struct ward_asks *a = b->run.asks;

	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].answer == WARD_SAID_OPEN && !a->v[i].agreed && !replies[i].how)
			return false;
	}
	return true;
}

static void rest_is_no(const struct ward_bell *b, struct ward_reply *replies, const char *how)
{
	for (size_t i = 0; i < b->run.asks->n; i++) {
		if (!replies[i].how)
			replies[i] = (struct ward_reply){ .how = how, .uid = getuid() };
		if (replies[i].said == WARD_SAID_OPEN)
			replies[i].said = WARD_SAID_NO;
	}
}

void ward_bell_next(struct ward_bell *b, uint64_t until_ns, struct ward_reply *replies)
{
	WARD_FD fd = accept4(b->sock, NULL, NULL, SOCK_CLOEXEC);

	b->run.until_ns = until_ns;
	if (fd >= 0)
		serve(b, fd, SHORT_NS, replies);
}

int ward_bell_wait(struct ward_bell *b, struct ward_reply *replies, struct ward_error *err)
{
	while (!all_answered(b, replies)) {
		struct pollfd p[] = { { .fd = b->sock, .events = POLLIN },
			{ .fd = b->run.stop_fd, .events = POLLIN } };
		uint64_t now = ward_now_mono_ns();
		int ms = now >= b->run.until_ns ? 0
			: (b->run.until_ns - now) / 1000000 > 3600000
			? 3600000
			: (int)((b->run.until_ns - now) / 1000000) + 1;
		int n = ms > 0 ? poll(p, 2, ms) : 0;

		if (ms == 0) {
			rest_is_no(b, replies, "timeout");
			break;
		}
		if (n < 0 && errno != EINTR)
			return no_socket(b->path, errno, err);
		if (n > 0 && p[1].revents && b->run.stop(b->run.arg)) {
			rest_is_no(b, replies, "cancelled");
			break;
		}
		if (n > 0 && p[0].revents) {
			WARD_FD fd = accept4(b->sock, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				serve(b, fd, PATIENCE_NS, replies);
		}
	}
	rest_is_no(b, replies, "end");
	return WARD_OK;
}
