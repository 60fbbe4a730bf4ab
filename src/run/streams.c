/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three descriptors of a command. It refuses to hand in a terminal of the host, any descriptor of a directory (a
 * way out of every view) or of a mechanism of the kernel's, a socket that could still choose its peer (a way out of the network namespace) and one whose
 * owner gets signals (a way out of the pid namespace); what is closed outside is /dev/null inside, so that a number is
 * never taken by something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "os/os.h"
#include "run/streams.h"

enum role { ROLE_READ_OUT, ROLE_READ_ERR, ROLE_WRITE_OUT, ROLE_WRITE_ERR, ROLE_INPUT, ROLE_MASTER };

static const char *const stream_names[] = { "standard input", "standard output", "standard error" };

/* ---- opening ---- */

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int open_own(struct ward_streams *s, int i, const char *path, int flags,
	struct ward_error *err)
{
	int fd = ward_open_named(path, (uint64_t)flags | O_NOCTTY);

	if (fd == -EXDEV) {
		fd = ward_fail(err, WARD_E_REFUSED,
			"\"%s\" leads out of the current directory by a link, which a command may have made",
			path);
		ward_fail_fix(err, "if that is meant, write the absolute name");
		return fd;
	}
	if (fd < 0) {
		int e = -fd;

		fd = ward_fail_errno(err, e == ENOENT ? WARD_E_NOTFOUND : WARD_E_SYSTEM, e,
			"cannot open \"%s\" as %s", path, stream_names[i]);
		if (e == ENOENT && ward_streq(path, "/dev/null"))
			ward_fail_fix(err,
				"the host's /dev lacks it: mknod -m 666 /dev/null c 1 3, as root");
		return fd;
	}
	s->child[i] = fd;
	s->child_owned[i] = true;
	return WARD_OK;
}

/*
 * Not to wait there for somebody who writes to a fifo, which it may have become since the option was read: nothing would end that, no timeout
 * and no signal.
 */
static int open_file(struct ward_streams *s, const char *path, struct ward_error *err)
{
	int r = open_own(s, 0, path, O_RDONLY | O_NONBLOCK, err), flags;
	struct stat st;

	if (r < 0)
		return r;
	flags = fcntl(s->child[0], F_GETFL);
	if (flags < 0 || fcntl(s->child[0], F_SETFL, flags & ~O_NONBLOCK) < 0 ||
		fstat(s->child[0], &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "\"%s\" cannot be looked at",
			path);
	return S_ISFIFO(st.st_mode) ? ward_stdin_fifo(path, err) : WARD_OK;
}

static bool is_namespace(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

/*
 * A directory's descriptor leads to its parents, whatever the view shows. What has no type is a mechanism of the kernel's, which acts for whoever
 * made it: a userfaultfd writes into his memory, a ring of io_uring opens his files. A namespace is one that looks like a file.
 */
static int refuse_kind(int fd, int i, struct ward_error *err)
{
	struct stat st = { 0 };
	int flags = fcntl(fd, F_GETFL), code;
	bool is_place = flags < 0 || (flags & O_PATH) || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode);

	if (!is_place && (st.st_mode & S_IFMT) && !is_namespace(fd))
		return WARD_OK;
	code = ward_fail(err, WARD_E_REFUSED, "%s is %s, which would lead out of the sandbox",
		stream_names[i],
		is_place ? "a directory or a descriptor of a place"
			 : "no file, pipe, socket or device, but something of the kernel's own");
	ward_fail_fix(err, i == 0 ? "use --stdin null" : "send it to a file, a pipe or /dev/null");
	return code;
}

static int socket_option(int fd, int option)
{
	int v = -1;
	socklen_t n = sizeof(v);

	return getsockopt(fd, SOL_SOCKET, option, &v, &n) < 0 ? -1 : v;
}

/*
 * A connected Unix socket that has no name yet could take any abstract one, of the host's. One that has a name keeps it: so it gets
 * one that the kernel chooses, which is nobody's. Whoever shares it sees that name, and nothing else of it changes.
 */
static bool takes_no_name(int fd)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(name);

	if (socket_option(fd, SO_DOMAIN) != AF_UNIX)
		return true;
	if (getsockname(fd, (struct sockaddr *)&name, &n) < 0)
		return false;
	if (n > sizeof(sa_family_t))
		return true;
	name.sun_family = AF_UNIX;
	return bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0 || errno == EINVAL;
}

/*
 * A socket stays in the network namespace that it was made in. One that is tied to its peer for good is a pipe; a datagram
 * may name another peer in every message, where no filter sees it, and what has no peer yet can bind, listen and accept.
 */
static int refuse_socket(int fd, int i, struct ward_error *err)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof(peer);
	int type = socket_option(fd, SO_TYPE), code;

	if (type < 0 && errno == ENOTSOCK)
		return WARD_OK;
	if ((type == SOCK_STREAM ||
		    (type == SOCK_SEQPACKET && socket_option(fd, SO_DOMAIN) == AF_UNIX)) &&
		getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && takes_no_name(fd))
		return WARD_OK;
	code = ward_fail(err, WARD_E_REFUSED,
		"%s is a socket that is not a connected stream, which would lead out of the sandbox's network",
		stream_names[i]);
	ward_fail_fix(err, "%s",
		i == 0 ? "use --stdin null, or a pipe: cat |" : "send it through a pipe: | cat");
	return code;
}

/*
 * Whoever owns what happens at a descriptor is told by a signal, which the kernel sends for him and no namespace stops: the command could
 * switch that on (O_ASYNC). One that is not seen from here (dead, or of an outer pid namespace) is told no more; a thread of these looks as
 * if there were none.
 */
static int refuse_owner(int fd, int i, struct ward_error *err)
{
	struct f_owner_ex owner = { 0 };
	int code;

	if ((fcntl(fd, F_GETOWN_EX, &owner) < 0 || owner.pid == 0) && fcntl(fd, F_SETOWN, 0) == 0)
		return WARD_OK;
	code = ward_fail(err, WARD_E_REFUSED,
		"what happens at %s is told to process %d by signals (F_SETOWN), which the command could send",
		stream_names[i], (int)owner.pid);
	ward_fail_fix(err, "%s",
		i == 0 ? "use --stdin null, or a pipe: cat |" : "send it through a pipe: | cat");
	return code;
}

static int pass(struct ward_streams *s, int i, int fd, struct ward_error *err)
{
	int code = refuse_kind(fd, i, err);

	if (code >= 0)
		code = refuse_socket(fd, i, err);
	if (code >= 0)
		code = refuse_owner(fd, i, err);
	if (code < 0)
		return code;
	s->child[i] = fd;
	s->flags[i] = fcntl(fd, F_GETFL);
	s->passed[i] = s->flags[i] >= 0;
	return WARD_OK;
}

static int open_input(struct ward_streams *s, const struct ward_request *r, struct ward_error *err)
{
	const char *mode = r->stdin_mode ? r->stdin_mode : "inherit";
	int code;

	if (ward_has_prefix(mode, "file:")) {
		code = open_file(s, mode + strlen("file:"), err);
		if (code < 0) {
			ward_fail_at(err, "--stdin", 0, 0);
			return code;
		}
		return refuse_kind(s->child[0], 0, err);
	}
	if (ward_streq(mode, "null") || !is_open(0) || isatty(0))
		return open_own(s, 0, "/dev/null", O_RDONLY, err);
	return pass(s, 0, 0, err);
}

static int open_relay(struct ward_streams *s, int i, struct ward_capture *c, int out_fd,
	uint64_t limit, struct ward_error *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot make a pipe for %s",
			stream_names[i]);
	s->child[i] = fds[1];
	s->child_owned[i] = true;
	return ward_capture_open(c, fds[0], out_fd, limit, err);
}

static int open_output(struct ward_streams *s, const struct ward_request *r, int i, uint64_t limit,
	struct ward_error *err)
{
	struct ward_capture *c = i == 1 ? &s->out : &s->err;

	if (r->json)
		return open_relay(s, i, c, -1, limit, err);
	if (!is_open(i))
		return open_own(s, i, "/dev/null", O_WRONLY, err);
	if (isatty(i) || limit)
		return open_relay(s, i, c, i, limit, err);
	return pass(s, i, i, err);
}

static bool wants_pty(const struct ward_request *r)
{
	if (r->tty)
		return true;
	return !r->json && (!r->stdin_mode || ward_streq(r->stdin_mode, "inherit")) && isatty(0) &&
		isatty(1);
}

static int open_pty(struct ward_streams *s, const struct ward_request *r, uint64_t limit,
	struct ward_error *err)
{
	int dup_fd, code = ward_pty_open(&s->pty, 0, 1, err);

	if (code < 0)
		return code;
	s->has_pty = s->ctty = true;
	dup_fd = fcntl(s->pty.master, F_DUPFD_CLOEXEC, 3);
	if (dup_fd < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot duplicate a descriptor");
	code = ward_capture_open(&s->out, dup_fd, 1, limit, err);
	if (code < 0)
		return code;
	s->out.keep_open = true;
	s->child[0] = s->child[1] = s->pty.slave;
	if (!isatty(2))
		return open_output(s, r, 2, limit, err);
	s->child[2] = s->pty.slave;
	return WARD_OK;
}

/*
 * Under root the command is somebody else, and "echo x >/dev/stderr" opens a pipe anew: let it, in the direction that it was handed in, and in
 * no other: what it wrote into its input the caller's next command would read, and what lies in its output unread is perhaps another's.
 * Only whoever may look into the descriptors of a process that has the pipe gets that far.
 */
static void open_pipes_anew(const struct ward_streams *s)
{
	struct statfs fs;
	struct stat st;

	for (int i = 0; i < 3; i++) {
		int way = fcntl(s->child[i], F_GETFL) & O_ACCMODE;
		mode_t mode = (way != O_WRONLY ? 0444u : 0u) | (way != O_RDONLY ? 0222u : 0u);

		if (fstatfs(s->child[i], &fs) == 0 && fs.f_type == PIPEFS_MAGIC &&
			fstat(s->child[i], &st) == 0)
			(void)fchmod(s->child[i],
				(st.st_mode & 07777) |
					mode); /* not possible: /dev/stderr stays closed */
	}
}

void ward_streams_init(struct ward_streams *s)
{
	memset(s, 0, sizeof(*s));
	s->child[0] = s->child[1] = s->child[2] = -1;
	ward_pty_init(&s->pty);
	ward_capture_init(&s->out);
	ward_capture_init(&s->err);
}

int ward_streams_open(struct ward_streams *s, const struct ward_request *r, uint64_t output,
	struct ward_error *err)
{
	int code;

	ward_streams_init(s);
	if (wants_pty(r)) {
		code = open_pty(s, r, output, err);
	} else {
		code = open_input(s, r, err);
		if (code >= 0)
			code = open_output(s, r, 1, output, err);
		if (code >= 0)
			code = open_output(s, r, 2, output, err);
	}
	if (code < 0)
		ward_streams_done(s);
	else if (geteuid() == 0)
		open_pipes_anew(s);
	return code;
}

/* ---- opened anew ---- */

struct reach {
	bool read, write;
};

static struct reach of_node(const struct ward_node *n)
{
	/* What is under review is another file than the host's. */
	bool bound = n->kind == WARD_NODE_BIND && !n->review;

	return (struct reach){ bound, bound && n->write && !n->protect };
}

/*
 * What /proc/self/fd/N opens anew is the host's file, past every mount: a cover, or a mount that is read-only, does not lie on it.
 * Landlock is asked, and adds up what the directories above it may; where there is none, nobody is. ret: what the view takes back of that.
 */
static struct reach taken_back(const struct ward_plan *plan, bool landlock, const char *path)
{
	struct reach adds = { !landlock, !landlock }, view = { 0 };
	size_t longest = 0;

	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct ward_node *n = &plan->nodes[i];
		struct reach r = of_node(n);

		if ((n->kind != WARD_NODE_BIND && n->kind != WARD_NODE_MASK) ||
			!ward_path_within(path, n->dest))
			continue;
		adds.read = adds.read || r.read;
		adds.write = adds.write || r.write;
		if (strlen(n->dest) >= longest) {
			longest = strlen(n->dest);
			view = r;
		}
	}
	return (struct reach){ adds.read && !view.read, adds.write && !view.write };
}

/* The name that the descriptor was opened by; false: it has none, and so no directory above it. */
static bool name_of(int fd, char path[WARD_PATH_MAX])
{
	static const char gone[] = " (deleted)";
	char link[32];
	struct stat st;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return false;
	n = readlink(link, path, WARD_PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
	if (st.st_nlink == 0 && ward_has_suffix(path, gone))
		path[strlen(path) - strlen(gone)] = '\0';
	return path[0] == '/';
}

/* By the file's own permissions: as root the command is somebody else. */
static bool may_open(int fd, bool write)
{
	struct stat st;
	char link[32];

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (geteuid() == 0)
		return fstat(fd, &st) < 0 || (st.st_mode & (write ? S_IWOTH : S_IROTH));
	return faccessat(AT_FDCWD, link, write ? W_OK : R_OK, AT_EACCESS) == 0;
}

int ward_streams_check(const struct ward_streams *s, const struct ward_plan *plan,
	const struct ward_host *host, struct ward_error *err)
{
	for (int i = 0; plan->backend != WARD_BACKEND_DIRECT && i < 3; i++) {
		int mode = fcntl(s->child[i], F_GETFL) & O_ACCMODE;
		char path[WARD_PATH_MAX];
		struct reach more;

		if (!name_of(s->child[i], path))
			continue;
		more = taken_back(plan, host->landlock_abi > 0, path);
		more.read = more.read && mode == O_WRONLY && may_open(s->child[i], false);
		more.write = more.write && mode == O_RDONLY && may_open(s->child[i], true);
		if (!more.read && !more.write)
			continue;
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s is \"%s\", which the command could open anew to %s it, though it may not",
			stream_names[i], path, more.write ? "write" : "read");
		ward_fail_fix(err, "%s",
			i == 0 ? "give it through a pipe: cat FILE |"
			       : "send it through a pipe: | cat > FILE");
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

/* Who has a descriptor of a file can lock it, and then nobody writes the log: the supervisor would wait for that. */
int ward_streams_log(const struct ward_streams *s, const struct ward_audit *log,
	struct ward_error *err)
{
	for (int i = 0; i < 3; i++) {
		if (!ward_audit_is(log, s->child[i]))
			continue;
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s is the log %s, which the command could lock", stream_names[i],
			ward_audit_path(log));
		ward_fail_fix(err, "%s",
			i == 0 ? "give it through a pipe: cat FILE |" : "send it elsewhere");
		return WARD_E_REFUSED;
	}
	return WARD_OK;
}

void ward_streams_started(struct ward_streams *s)
{
	for (int i = 0; i < 3; i++) {
		if (s->child_owned[i])
			ward_close(s->child[i]);
		s->child[i] = -1;
		s->child_owned[i] = false;
	}
	ward_pty_started(&s->pty);
}

/*
 * What waits where nobody else does (O_NONBLOCK) would lose what is said of the run, or what whoever comes next writes. Another run on the same
 * open file may have set that before this one looked, and have taken it away since: it is never set anew.
 */
static void give_back(struct ward_streams *s)
{
	for (int i = 0; i < 3; i++) {
		int now = s->passed[i] ? fcntl(i, F_GETFL) : -1;
		int flags = s->flags[i] & (now | ~O_NONBLOCK);

		if (now >= 0 && now != flags)
			(void)fcntl(i, F_SETFL, flags);
		s->passed[i] = false;
	}
}

static bool to_terminal(const struct ward_capture *c)
{
	return c->steers && c->out_fd >= 0 && isatty(c->out_fd);
}

void ward_streams_done(struct ward_streams *s)
{
	s->steered = s->steered || to_terminal(&s->out) || to_terminal(&s->err);
	s->coloured = s->coloured || (to_terminal(&s->out) && s->out.colours) ||
		(to_terminal(&s->err) && s->err.colours);
	give_back(s);
	ward_streams_started(s);
	ward_capture_done(&s->out);
	ward_capture_done(&s->err);
	ward_pty_done(&s->pty);
	s->has_pty = s->ctty = false;
}

/* ---- moving ---- */

static size_t add(struct ward_streams *s, struct pollfd *fds, size_t n, int fd, short events,
	enum role role)
{
	fds[n] = (struct pollfd){ .fd = fd, .events = events };
	s->role[n] = role;
	return n + 1;
}

size_t ward_streams_poll(struct ward_streams *s, struct pollfd *fds)
{
	size_t n = 0;

	if (ward_capture_wants_read(&s->out))
		n = add(s, fds, n, s->out.fd, POLLIN, ROLE_READ_OUT);
	if (ward_capture_wants_read(&s->err))
		n = add(s, fds, n, s->err.fd, POLLIN, ROLE_READ_ERR);
	if (ward_capture_wants_write(&s->out))
		n = add(s, fds, n, s->out.out_fd, POLLOUT, ROLE_WRITE_OUT);
	if (ward_capture_wants_write(&s->err))
		n = add(s, fds, n, s->err.out_fd, POLLOUT, ROLE_WRITE_ERR);
	if (!s->has_pty)
		return n;
	ward_pty_claim(&s->pty);
	if (ward_pty_wants_input(&s->pty))
		n = add(s, fds, n, s->pty.in_fd, POLLIN, ROLE_INPUT);
	if (ward_pty_wants_write(&s->pty))
		n = add(s, fds, n, s->pty.master, POLLOUT, ROLE_MASTER);
	return n;
}

static void serve(struct ward_streams *s, enum role role)
{
	switch (role) {
	case ROLE_READ_OUT: (void)ward_capture_read(&s->out); break;
	case ROLE_READ_ERR: (void)ward_capture_read(&s->err); break;
	case ROLE_WRITE_OUT: ward_capture_write(&s->out); break;
	case ROLE_WRITE_ERR: ward_capture_write(&s->err); break;
	case ROLE_INPUT: ward_pty_read_input(&s->pty); break;
	case ROLE_MASTER: ward_pty_write_input(&s->pty); break;
	}
}

void ward_streams_ready(struct ward_streams *s, const struct pollfd *fds, size_t n)
{
	for (size_t i = 0; i < n && i < WARD_STREAMS_POLL_MAX; i++)
		if (fds[i].revents)
			serve(s, (enum role)s->role[i]);
}

void ward_streams_resumed(struct ward_streams *s)
{
	if (s->has_pty)
		ward_pty_resumed(&s->pty);
}

bool ward_streams_suspend(struct ward_streams *s)
{
	bool typed = s->has_pty && s->pty.suspend;

	s->pty.suspend = false;
	return typed;
}

void ward_streams_resize(struct ward_streams *s)
{
	if (s->has_pty)
		ward_pty_resize(&s->pty);
}

bool ward_streams_over(const struct ward_streams *s)
{
	return ward_capture_over(&s->out) || ward_capture_over(&s->err);
}

/* One turn; false when there is nothing more to wait for. */
static bool drain_turn(struct ward_streams *s, int stop_fd, int timeout_ms)
{
	struct pollfd fds[WARD_STREAMS_POLL_MAX + 1];
	size_t n = ward_streams_poll(s, fds);
	int r;

	if (!n)
		return false;
	fds[n] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	r = poll(fds, n + 1, timeout_ms);
	if (r < 0)
		return errno == EINTR;
	if (r == 0 || fds[n].revents)
		return false;
	ward_streams_ready(s, fds, n);
	return true;
}

void ward_streams_drain(struct ward_streams *s, int stop_fd, unsigned wait_ms)
{
	uint64_t end = ward_now_mono_ns() + wait_ms * 1000000ull;

	s->pty.in_open =
		false; /* the command is gone: what is typed now is for the caller's shell */
	s->pty.input_n = 0;
	for (;;) {
		bool writing =
			ward_capture_wants_write(&s->out) || ward_capture_wants_write(&s->err);
		uint64_t now = ward_now_mono_ns();
		int timeout = now >= end ? 0 : (int)((end - now + 999999u) / 1000000u);

		if (!drain_turn(s, stop_fd, writing ? -1 : timeout))
			return;
	}
}

static void move(struct ward_outcome *o, struct ward_outcome_stream *to, struct ward_capture *c,
	enum ward_limit_id limit)
{
	to->counted = c->used;
	to->bytes = c->bytes;
	to->truncated = c->truncated;
	to->captured = c->used && c->out_fd < 0;
	if (c->truncated)
		ward_outcome_set_limit(o, limit, c->limit, 0);
	if (to->captured) {
		to->n = c->data.n;
		to->data = ward_buf_take(&c->data);
		if (!to->data)
			to->n = 0;
	}
}

void ward_streams_result(struct ward_streams *s, struct ward_outcome *o)
{
	move(o, &o->out, &s->out, WARD_LIMIT_STDOUT);
	move(o, &o->err_stream, &s->err, WARD_LIMIT_STDERR);
}
