/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining a command's output. The bytes are hostile only in their number here: nothing is parsed. It refuses
 * to block, to grow beyond its limit, and to stop reading because a limit was reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "os/os.h"
#include "run/capture.h"

/* Reads of one call: the other descriptors of the loop get their turn. */
#define READS_MAX 16
/* poll() promises room for this much in a pipe; more could block. */
#define WRITE_MAX 4096u

void ward_capture_init(struct ward_capture *c)
{
	*c = (struct ward_capture){ .fd = -1, .out_fd = -1 };
}

static bool takes_utf8(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0 && (t.c_iflag & IUTF8);
}

int ward_capture_open(struct ward_capture *c, int fd, int out_fd, uint64_t limit,
	struct ward_error *err)
{
	int flags = fcntl(fd, F_GETFL);

	ward_capture_init(c);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		int code =
			ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot prepare an output pipe");

		ward_close(fd);
		return code;
	}
	c->limit = limit;
	if (out_fd < 0) {
		if (!c->limit)
			c->limit = WARD_BUF_MAX;
		c->data.max = c->limit + 1;
	} else {
		c->relay = malloc(WARD_CAPTURE_BUFFER);
		if (!c->relay) {
			ward_close(fd);
			return ward_fail(err, WARD_E_NOMEM, "out of memory");
		}
	}
	c->fd = fd;
	c->out_fd = out_fd;
	c->used = true;
	c->utf8 = out_fd >= 0 && takes_utf8(out_fd);
	return WARD_OK;
}

void ward_capture_done(struct ward_capture *c)
{
	ward_close(c->fd);
	ward_buf_done(&c->data);
	free(c->relay);
	ward_capture_init(c);
}

bool ward_capture_wants_read(const struct ward_capture *c)
{
	return c->fd >= 0 && c->relay_n == 0;
}

bool ward_capture_wants_write(const struct ward_capture *c)
{
	return c->relay_n > 0;
}

bool ward_capture_over(const struct ward_capture *c)
{
	return c->truncated;
}

/* The part of n bytes that the limit lets through. */
static size_t within(struct ward_capture *c, size_t n)
{
	uint64_t room;

	if (!c->limit)
		return n;
	room = c->limit > c->passed ? c->limit - c->passed : 0;
	if (n > room) {
		c->truncated = true;
		n = (size_t)room;
	}
	return n;
}

/* ESC ]: what follows ESC may come later, and other control characters between the two change nothing for a terminal. */
static bool has_string(struct ward_capture *c, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		if (!c->escaped)
			p = memchr(p, '\x1b', (size_t)(end - p));
		if (!p)
			return false;
		for (c->escaped = true; p < end && ((unsigned char)*p < ' ' || *p == '\x7f');)
			p++;
		if (p == end)
			return false;
		c->escaped = false;
		if (*p == ']')
			return true;
	}
	return false;
}

static bool has_c1(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] & 0xe0) == 0x80)
			return true;
	return false;
}

/*
 * ESC, SO, and the control characters of C1: as UTF-8, where the first byte is enough, and as the one byte that each is elsewhere. Whoever steers
 * the terminal may have led it out of UTF-8.
 */
static void look(struct ward_capture *c, const char *p, size_t n)
{
	bool wide = memchr(p, 0xc2, n) != NULL;

	c->steers = c->steers || wide || memchr(p, '\x1b', n) || memchr(p, '\x0e', n) ||
		(!c->utf8 && has_c1(p, n));
	c->colours = c->colours || wide || has_string(c, p, n) ||
		((!c->utf8 || c->steers) && memchr(p, 0x9d, n));
}

static void take(struct ward_capture *c, const char *p, size_t n)
{
	c->bytes += n;
	if (c->broken)
		return;
	n = within(c, n);
	if (c->out_fd < 0) {
		size_t before = c->data.n;

		ward_buf_add(&c->data, p, n);
		if (c->data.failed) {
			/* No memory: keep what there is, and say that there was more. */
			c->data.failed = false;
			c->data.n = before;
			c->truncated = true;
			c->limit = c->passed;
			return;
		}
	} else if (n) {
		look(c, p, n);
		memcpy(c->relay, p, n);
		c->relay_at = 0;
		c->relay_n = n;
	}
	c->passed += n;
}

static void at_end(struct ward_capture *c)
{
	ward_close(c->fd);
	c->fd = -1;
}

bool ward_capture_read(struct ward_capture *c)
{
	char buf[WARD_CAPTURE_BUFFER];

	for (int i = 0; i < READS_MAX && ward_capture_wants_read(c); i++) {
		ssize_t n = read(c->fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			at_end(c); /* EIO: the last holder of a pty's slave is gone */
			return false;
		}
		take(c, buf, (size_t)n);
	}
	return c->fd >= 0;
}

ssize_t ward_write_quiet(int fd, const void *p, size_t n)
{
	static const struct timespec now = { 0, 0 };
	sigset_t pipe_set, old, pending;
	ssize_t r;
	int saved;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigemptyset(&pending);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	r = write(fd, p, n);
	saved = errno;
	if (r < 0 && saved == EPIPE && !sigismember(&pending, SIGPIPE))
		(void)sigtimedwait(&pipe_set, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return r;
}

void ward_capture_write(struct ward_capture *c)
{
	size_t n = c->relay_n < WRITE_MAX ? c->relay_n : WRITE_MAX;
	ssize_t r;

	if (!n)
		return;
	r = ward_write_quiet(c->out_fd, c->relay + c->relay_at, n);
	if (r < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (r < 0) {
		/* Nobody reads any more: the command learns it as it would without us, by its own SIGPIPE. */
		c->broken = true;
		c->relay_n = 0;
		if (!c->keep_open)
			at_end(c);
		return;
	}
	c->relay_at += (size_t)r;
	c->relay_n -= (size_t)r;
}
