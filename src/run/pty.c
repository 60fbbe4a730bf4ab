/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private pty. Bytes pass unchanged in both directions; only a ^Z among what is typed is noticed, and the only thing that is
 * made here is the end-of-file character, when the caller's input ends. It refuses to touch a terminal that belongs to somebody else's
 * foreground, and it never leaves one raw.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "os/os.h"
#include "run/capture.h"
#include "run/pty.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

#define ROWS_DEFAULT 24
#define COLS_DEFAULT 80
#define PARENTS_MAX 64u

void ward_pty_init(struct ward_pty *p)
{
	memset(p, 0, sizeof(*p));
	p->master = p->slave = -1;
	p->in_fd = p->out_fd = -1;
}

void ward_pty_resize(struct ward_pty *p)
{
	struct winsize ws;

	memset(&ws, 0, sizeof(ws));
	if (ioctl(p->in_fd, TIOCGWINSZ, &ws) < 0 && ioctl(p->out_fd, TIOCGWINSZ, &ws) < 0) {
		ws.ws_row = ROWS_DEFAULT;
		ws.ws_col = COLS_DEFAULT;
	}
	if (p->master < 0 || (ws.ws_row == p->rows && ws.ws_col == p->cols))
		return;
	p->rows = ws.ws_row;
	p->cols = ws.ws_col;
	(void)ioctl(p->master, TIOCSWINSZ, &ws); /* a wrong size is no reason to end a run */
}

/* Of /proc/PID/stat, behind the name: proc(5). */
struct process {
	int parent, group, session, terminal, foreground;
};

static bool look_at(const char *pid, struct process *ret)
{
	int *const to[] = { NULL, &ret->parent, &ret->group, &ret->session, &ret->terminal,
		&ret->foreground };
	char path[64], text[512];
	const char *rest;
	ssize_t n;
	WARD_FD fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	rest = strrchr(text, ')');
	for (size_t i = 0; rest && i < WARD_ARRAY_SIZE(to); i++) {
		rest = strchr(rest + 1, ' ');
		if (rest && to[i])
			*to[i] = (int)strtol(rest, NULL, 10);
	}
	return rest != NULL;
}

static bool is_device(int terminal, dev_t dev)
{
	unsigned n = (unsigned)terminal;

	return major(dev) == (n >> 8 & 0xfff) && minor(dev) == ((n & 0xff) | (n >> 12 & 0xfff00));
}

/* No session has it: whoever opened it reads it, and nobody else. */
static bool is_nobodys(dev_t dev)
{
	DIR *all = opendir("/proc");
	const struct dirent *e;
	bool found = !all;
	struct process p;

	while (!found && (e = readdir(all)))
		found = e->d_name[0] >= '1' && e->d_name[0] <= '9' && look_at(e->d_name, &p) &&
			p.terminal != 0 && is_device(p.terminal, dev);
	if (all)
		closedir(all);
	return !found;
}

/*
 * A terminal that is not this session's (su -c, setsid --wait) has no foreground of ours to look at. Whoever started us waits for us
 * there: then what is typed is meant for us, and left alone it would be a run that nobody can type to. Not where it is the shell itself
 * (setsid ward run &), which reads it meanwhile; nor where somebody has it and is not above us any more.
 */
static bool is_waited_for(struct ward_pty *p)
{
	struct process up = { .parent = getppid() };
	char name[16];
	struct stat st;
	int pid = up.parent;

	if (fstat(p->in_fd, &st) < 0)
		return false;
	for (unsigned i = 0; i < PARENTS_MAX && pid > 1; i++, pid = up.parent) {
		(void)snprintf(name, sizeof(name), "%d", pid);
		if (!look_at(name, &up))
			return false;
		if (up.terminal != 0 && is_device(up.terminal, st.st_rdev))
			return up.group == up.foreground && up.session != pid;
		if (up.terminal != 0)
			break;
	}
	if (!p->owner_known)
		p->nobodys = is_nobodys(st.st_rdev);
	p->owner_known = true;
	return p->nobodys;
}

static bool in_foreground(struct ward_pty *p)
{
	pid_t group = p->in_is_tty ? tcgetpgrp(p->in_fd) : -1;

	return p->in_is_tty &&
		(group == getpgrp() || (group < 0 && errno == ENOTTY && is_waited_for(p)));
}

/*
 * The private terminal begins as the caller's is: its modes, its erase and kill characters. One that is another's foreground is
 * as that one has it (a shell that edits its line: no echo, no lines, CR is no end): of it the letters alone.
 */
static void begin_like(struct ward_pty *p)
{
	struct termios t, own;

	if (!p->in_is_tty || tcgetattr(p->in_fd, &t) < 0)
		return;
	if (!in_foreground(p)) {
		if (tcgetattr(p->slave, &own) < 0)
			return;
		own.c_iflag |= t.c_iflag & IUTF8;
		own.c_cc[VERASE] = t.c_cc[VERASE];
		t = own;
	}
	(void)tcsetattr(p->slave, TCSANOW, &t);
}

int ward_pty_open(struct ward_pty *p, int in_fd, int out_fd, struct ward_error *err)
{
	int flags;

	ward_pty_init(p);
	p->in_fd = in_fd;
	p->out_fd = out_fd;
	p->in_is_tty = isatty(in_fd);
	p->in_open = fcntl(in_fd, F_GETFL) >= 0;
	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->master < 0 || unlockpt(p->master) < 0)
		goto fail;
	p->slave = ioctl(p->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	flags = fcntl(p->master, F_GETFL);
	if (p->slave < 0 || flags < 0 || fcntl(p->master, F_SETFL, flags | O_NONBLOCK) < 0)
		goto fail;
	begin_like(p);
	ward_pty_resize(p);
	return WARD_OK;
fail:
	flags = ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot make a private pseudo-terminal");
	ward_fail_fix(err,
		"mount devpts on /dev/pts, or run without a terminal: < /dev/null | cat");
	ward_pty_done(p);
	return flags;
}

void ward_pty_give(struct ward_pty *p, uid_t uid)
{
	if (p->slave >= 0 && geteuid() != uid && fchown(p->slave, uid, (gid_t)-1) < 0)
		return; /* what is open already serves; to open it by its name does not */
}

void ward_pty_started(struct ward_pty *p)
{
	ward_close(p->slave);
	p->slave = -1;
}

void ward_pty_claim(struct ward_pty *p)
{
	struct termios t;

	if (p->raw || p->master < 0 || !in_foreground(p) || tcgetattr(p->in_fd, &p->saved) < 0)
		return;
	t = p->saved;
	cfmakeraw(&t);
	p->raw = tcsetattr(p->in_fd, TCSADRAIN, &t) == 0;
	ward_pty_resize(p); /* who is in the background is told of no new size */
}

/* Whoever stopped us has the terminal as he likes it, and it is ours again only in the foreground. Still raw: as we left it. */
void ward_pty_resumed(struct ward_pty *p)
{
	struct termios t;

	if (!p->raw)
		return;
	if (!in_foreground(p) || (tcgetattr(p->in_fd, &t) == 0 && (t.c_lflag & ICANON)))
		p->raw = false;
	ward_pty_resize(p);
}

bool ward_pty_wants_input(const struct ward_pty *p)
{
	return p->master >= 0 && p->in_open && p->input_n == 0 && (!p->in_is_tty || p->raw);
}

bool ward_pty_wants_write(const struct ward_pty *p)
{
	return p->master >= 0 && p->input_n > 0;
}

/* The end of a file is no byte: say it as a person would. In raw mode the command has to look for itself. */
static void put_end(struct ward_pty *p)
{
	struct termios t;

	p->in_open = false;
	if (tcgetattr(p->master, &t) == 0 && (t.c_lflag & ICANON)) {
		p->input[0] = (char)t.c_cc[VEOF];
		p->input_at = 0;
		p->input_n = 1;
	}
}

/* In the background, where a shell may have put us since it was polled, this is EIO: with SIGTTIN it would be a stop. */
static ssize_t read_unstopped(struct ward_pty *p)
{
	sigset_t stop, before;
	ssize_t n;
	int saved;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTTIN);
	(void)pthread_sigmask(SIG_BLOCK, &stop, &before);
	n = read(p->in_fd, p->input, sizeof(p->input));
	saved = errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return n;
}

/* The numbers of a key behind its ESC and [: fields, and what they consist of; 0: it is not there. Returns what ends it, NUL if that is not there. */
static char read_key(const char *s, size_t n, unsigned v[3][3])
{
	size_t field = 0, part = 0;

	memset(v, 0, 9 * sizeof(v[0][0]));
	for (size_t i = 0; i < n; i++) {
		if (s[i] >= '0' && s[i] <= '9') {
			if (field < 3 && part < 3 && v[field][part] < 1000000)
				v[field][part] = v[field][part] * 10 + (unsigned)(s[i] - '0');
		} else if (s[i] == ':') {
			part++;
		} else if (s[i] == ';') {
			field++;
			part = 0;
		} else {
			return s[i];
		}
	}
	return '\0';
}

/* With Caps Lock or Num Lock, too. */
static bool is_ctrl(unsigned modifiers)
{
	return modifiers > 0 && ((modifiers - 1) & ~(64u | 128u)) == 4;
}

/* xterm says Z where Caps Lock is on. */
static bool is_z(unsigned key)
{
	return key == 'z' || key == 'Z';
}

/* Kitty's (key:shifted:by-its-place;modifiers:event u; event 3: let go) or xterm's (27;modifiers;key ~). */
static bool is_suspend(const char *s, size_t n)
{
	unsigned v[3][3];

	switch (read_key(s, n, v)) {
	case 'u': return (is_z(v[0][0]) || is_z(v[0][2])) && is_ctrl(v[1][0]) && v[1][1] != 3;
	case '~': return v[0][0] == 27 && is_ctrl(v[1][0]) && is_z(v[2][0]);
	default: return false;
	}
}

/* As a byte, and as the keyboard protocols of kitty and of xterm spell it. One that two reads share is missed, and typed again. */
static bool has_suspend(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\x1a' ||
			(s[i] == '\x1b' && n - i > 2 && s[i + 1] == '[' &&
				is_suspend(s + i + 2, n - i - 2)))
			return true;
	}
	return false;
}

void ward_pty_read_input(struct ward_pty *p)
{
	ssize_t n = read_unstopped(p);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0 && errno == EIO && p->in_is_tty && !in_foreground(p)) {
		p->raw = false; /* the shell has it, as it likes it */
		return;
	}
	if (n <= 0) {
		put_end(p);
		return;
	}
	p->input_at = 0;
	p->input_n = (size_t)n;
	p->suspend = p->suspend || has_suspend(p->input, p->input_n);
}

void ward_pty_write_input(struct ward_pty *p)
{
	ssize_t n = ward_write_quiet(p->master, p->input + p->input_at, p->input_n);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		p->in_open = false;
		p->input_n = 0;
		return;
	}
	p->input_at += (size_t)n;
	p->input_n -= (size_t)n;
}

void ward_pty_done(struct ward_pty *p)
{
	if (p->raw)
		(void)tcsetattr(p->in_fd, TCSADRAIN, &p->saved);
	ward_close(p->master);
	ward_close(p->slave);
	ward_pty_init(p);
}
