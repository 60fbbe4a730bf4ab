/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: capture and relay under limits and slow or vanished readers, the private pty, and which descriptors a
 * command would get. The command is played by the test itself, through s.child.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "run/streams.h"
#include "tap.h"

static void turn(struct ward_streams *s, int ms)
{
	struct pollfd fds[WARD_STREAMS_POLL_MAX];
	size_t n = ward_streams_poll(s, fds);

	if (poll(fds, n, ms) > 0)
		ward_streams_ready(s, fds, n);
}

TEST(json_collects_both_streams)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *o = ward_outcome_new(NULL);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_streams s;

	REQUIRE(r && o);
	CHECK_EQ_INT(ward_request_set(r, "json", NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "stdin", "null", &err), WARD_OK);
	REQUIRE(ward_streams_open(&s, r, 0, &err) == WARD_OK);
	CHECK(!s.ctty);
	CHECK_EQ_INT(read(s.child[0], &err, 1), 0);
	CHECK_EQ_INT(write(s.child[1], "hello", 5), 5);
	CHECK_EQ_INT(write(s.child[2], "oops", 4), 4);
	ward_streams_started(&s);
	ward_streams_drain(&s, -1, 1000);
	ward_streams_result(&s, o);
	ward_streams_done(&s);
	CHECK(o->out.counted && o->out.captured && !o->out.truncated);
	CHECK_EQ_UINT(o->out.bytes, 5);
	CHECK_MEM_EQ(o->out.data, "hello", 5);
	CHECK_EQ_UINT(o->err_stream.bytes, 4);
	CHECK_MEM_EQ(o->err_stream.data, "oops", 4);
	ward_outcome_free(o);
	ward_request_free(r);
}

static void *write_much(void *arg)
{
	static const char block[4096];
	int fd = *(int *)arg;

	for (int i = 0; i < 256; i++)
		if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
			break;
	(void)close(fd);
	return NULL;
}

TEST(a_capture_stops_at_its_limit_and_goes_on_reading)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *o = ward_outcome_new(NULL);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_streams s;
	pthread_t t;
	int fd;

	REQUIRE(r && o);
	CHECK_EQ_INT(ward_request_set(r, "json", NULL, &err), WARD_OK);
	REQUIRE(ward_streams_open(&s, r, 10000, &err) == WARD_OK);
	fd = dup(s.child[1]);
	ward_streams_started(&s);
	REQUIRE(pthread_create(&t, NULL, write_much, &fd) == 0);
	ward_streams_drain(&s, -1, 5000);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(ward_streams_over(&s));
	ward_streams_result(&s, o);
	CHECK_EQ_UINT(o->out.bytes, 256 * 4096);
	CHECK_EQ_SIZE(o->out.n, 10000);
	CHECK(o->out.truncated);
	CHECK(o->limits[WARD_LIMIT_STDOUT].hit);
	CHECK(!o->limits[WARD_LIMIT_STDERR].hit);
	CHECK(!o->err_stream.truncated);
	ward_streams_done(&s);
	ward_outcome_free(o);
	ward_request_free(r);
}

/* A relay by hand: command -> in[1] .. in[0] -> capture -> out[1] .. out[0]. */
struct relay {
	struct ward_capture c;
	int in[2], out[2];
};

static void relay_open(struct relay *f, uint64_t limit)
{
	REQUIRE(pipe(f->in) == 0 && pipe(f->out) == 0);
	REQUIRE(ward_capture_open(&f->c, f->in[0], f->out[1], limit, NULL) == WARD_OK);
}

TEST(a_relay_passes_on)
{
	struct relay f;
	char buf[16] = "";

	relay_open(&f, 0);
	CHECK_EQ_INT(write(f.in[1], "abc", 3), 3);
	CHECK(ward_capture_wants_read(&f.c) && !ward_capture_wants_write(&f.c));
	CHECK(ward_capture_read(&f.c));
	CHECK(!ward_capture_wants_read(&f.c) && ward_capture_wants_write(&f.c));
	ward_capture_write(&f.c);
	CHECK_EQ_INT(read(f.out[0], buf, sizeof(buf)), 3);
	CHECK_STR_EQ(buf, "abc");
	(void)close(f.in[1]);
	CHECK(!ward_capture_read(&f.c));
	CHECK_EQ_INT(f.c.fd, -1);
	ward_capture_done(&f.c);
	(void)close(f.out[0]);
	(void)close(f.out[1]);
}

TEST(a_relay_cuts_at_its_limit)
{
	struct relay f;
	char buf[64] = "";

	relay_open(&f, 5);
	CHECK_EQ_INT(write(f.in[1], "abcdefgh", 8), 8);
	(void)ward_capture_read(&f.c);
	ward_capture_write(&f.c);
	CHECK_EQ_INT(read(f.out[0], buf, sizeof(buf)), 5);
	CHECK_EQ_INT(write(f.in[1], "more", 4), 4);
	(void)ward_capture_read(&f.c);
	CHECK(!ward_capture_wants_write(&f.c));
	CHECK(ward_capture_over(&f.c));
	CHECK_EQ_UINT(f.c.bytes, 12);
	CHECK_EQ_UINT(f.c.passed, 5);
	ward_capture_done(&f.c);
	(void)close(f.in[1]);
	(void)close(f.out[0]);
	(void)close(f.out[1]);
}

TEST(a_slow_reader_slows_the_command_only)
{
	struct relay f;
	static char block[WARD_CAPTURE_BUFFER];

	relay_open(&f, 0);
	/* The reader's pipe is full: after one buffer nothing more is read from the command. */
	REQUIRE(fcntl(f.out[1], F_SETPIPE_SZ, 4096) >= 4096);
	CHECK_EQ_INT(write(f.out[1], block, 4096), 4096);
	CHECK_EQ_INT(write(f.in[1], block, 60000), 60000);
	(void)ward_capture_read(&f.c);
	CHECK(ward_capture_wants_write(&f.c));
	CHECK(!ward_capture_wants_read(&f.c));
	ward_capture_done(&f.c);
	(void)close(f.in[1]);
	(void)close(f.out[0]);
	(void)close(f.out[1]);
}

TEST(a_reader_that_left_is_told_to_the_command)
{
	struct relay f;

	(void)signal(SIGPIPE,
		SIG_DFL); /* write_quiet raises none, whatever the process thinks of it */
	relay_open(&f, 0);
	(void)close(f.out[0]);
	CHECK_EQ_INT(write(f.in[1], "abc", 3), 3);
	(void)ward_capture_read(&f.c);
	ward_capture_write(&f.c);
	CHECK(f.c.broken);
	CHECK_EQ_INT(f.c.fd, -1);
	(void)signal(SIGPIPE, SIG_IGN);
	CHECK_EQ_INT(write(f.in[1], "abc", 3), -1);
	CHECK_EQ_INT(errno, EPIPE);
	(void)signal(SIGPIPE, SIG_DFL);
	ward_capture_done(&f.c);
	(void)close(f.in[1]);
	(void)close(f.out[1]);
}

TEST(files_and_pipes_are_inherited)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_streams s;
	struct pollfd fds[WARD_STREAMS_POLL_MAX];
	int in = dup(0), null = open("/dev/null", O_RDONLY);

	REQUIRE(r && null >= 0 && dup2(null, 0) == 0);
	if (isatty(1) || isatty(2))
		SKIP("this test wants its output in a pipe or file");
	REQUIRE(ward_streams_open(&s, r, 0, &err) == WARD_OK);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ_INT(s.child[i], i);
		CHECK(!s.child_owned[i]);
	}
	CHECK_EQ_SIZE(ward_streams_poll(&s, fds), 0);
	ward_streams_done(&s);
	CHECK(fcntl(1, F_GETFD) >= 0);
	(void)dup2(in, 0);
	(void)close(in);
	(void)close(null);
	ward_request_free(r);
}

/* The flags are of everybody who has the open file: what was added is taken away, and what somebody else took away stays away. */
TEST(what_went_in_gets_its_flags_back)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_streams s;
	int in = fcntl(0, F_DUPFD_CLOEXEC, 10), fds[2];

	REQUIRE(r && in >= 0 && pipe2(fds, O_CLOEXEC) == 0 && dup2(fds[0], 0) == 0);
	REQUIRE(ward_streams_open(&s, r, 0, NULL) == WARD_OK);
	CHECK_EQ_INT(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ward_streams_done(&s);
	CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));

	CHECK_EQ_INT(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	REQUIRE(ward_streams_open(&s, r, 0, NULL) == WARD_OK);
	CHECK_EQ_INT(fcntl(fds[0], F_SETFL, 0), 0);
	ward_streams_done(&s);
	CHECK(!(fcntl(fds[0], F_GETFL) & O_NONBLOCK));

	CHECK_EQ_INT(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	REQUIRE(ward_streams_open(&s, r, 0, NULL) == WARD_OK);
	ward_streams_done(&s);
	CHECK(fcntl(fds[0], F_GETFL) & O_NONBLOCK);

	/* What no other run takes away comes back. */
	CHECK_EQ_INT(fcntl(fds[0], F_SETFL, O_DIRECT), 0);
	REQUIRE(ward_streams_open(&s, r, 0, NULL) == WARD_OK);
	CHECK_EQ_INT(fcntl(fds[0], F_SETFL, 0), 0);
	ward_streams_done(&s);
	CHECK(fcntl(fds[0], F_GETFL) & O_DIRECT);

	(void)dup2(in, 0);
	(void)close(in);
	(void)close(fds[0]);
	(void)close(fds[1]);
	ward_request_free(r);
}

TEST(no_directory_goes_inside)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_streams s;
	int in = dup(0), dir = open("/", O_RDONLY | O_DIRECTORY);

	REQUIRE(r && in >= 0 && dup2(dir, 0) == 0);
	CHECK_EQ_INT(ward_streams_open(&s, r, 0, &err), WARD_E_REFUSED);
	CHECK_STR_CONTAINS(err.message, "standard input");
	CHECK_STR_CONTAINS(err.fix, "--stdin null");
	(void)close(dir);
	dir = open("/etc/passwd", O_PATH);
	REQUIRE(dup2(dir, 0) == 0);
	CHECK_EQ_INT(ward_streams_open(&s, r, 0, &err), WARD_E_REFUSED);
	(void)dup2(in, 0);
	(void)close(in);
	(void)close(dir);
	ward_request_free(r);
}

static int checked(const char *path, int flags, const struct ward_plan *plan, int abi)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_host host = { .landlock_abi = abi };
	struct ward_streams s = { .child = { open(path, flags | O_CLOEXEC), 1, 2 } };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), r;

	s.child[1] = s.child[2] = null;
	r = s.child[0] < 0 ? -1 : ward_streams_check(&s, plan, &host, &err);
	(void)close(s.child[0]);
	(void)close(null);
	return r;
}

/* /proc/self/fd/0 is the host's file, past the mounts of the view. */
TEST(a_file_that_may_be_opened_anew_for_more_is_refused)
{
	char ws[] = "/tmp/ward-anew-XXXXXX", hidden[64], kept[64], open_[64],
	     far[] = "/tmp/ward-far-XXXXXX";
	struct ward_node nodes[] = { { .kind = WARD_NODE_BIND, .dest = ws, .write = true },
		{ .kind = WARD_NODE_MASK, .dest = hidden },
		{ .kind = WARD_NODE_BIND, .dest = kept } };
	struct ward_plan plan = { .nodes = nodes, .n_nodes = WARD_ARRAY_SIZE(nodes) };
	const char *const names[] = { hidden, kept, open_ };

	REQUIRE(mkdtemp(ws) != NULL);
	REQUIRE(close(mkstemp(far)) == 0);
	(void)snprintf(hidden, sizeof(hidden), "%s/hidden", ws);
	(void)snprintf(kept, sizeof(kept), "%s/kept", ws);
	(void)snprintf(open_, sizeof(open_), "%s/open", ws);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		int fd = open(names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

		REQUIRE(fd >= 0 && fchmod(fd, 0666) == 0 && close(fd) == 0);
	}
	CHECK_EQ_INT(checked(hidden, O_RDONLY, &plan, 4), WARD_E_REFUSED);
	CHECK_EQ_INT(checked(hidden, O_WRONLY, &plan, 4), WARD_E_REFUSED);
	CHECK_EQ_INT(checked(hidden, O_RDWR, &plan, 4), WARD_OK);
	CHECK_EQ_INT(checked(kept, O_RDONLY, &plan, 4), WARD_E_REFUSED);
	CHECK_EQ_INT(checked(kept, O_WRONLY, &plan, 4), WARD_OK);
	CHECK_EQ_INT(checked(open_, O_RDONLY, &plan, 4), WARD_OK);
	CHECK_EQ_INT(checked(open_, O_RDONLY, &plan, 0), WARD_OK);
	/* Outside of all: Landlock says no. Where there is none, the file's own permissions do. */
	REQUIRE(chmod(far, 0666) == 0);
	CHECK_EQ_INT(checked(far, O_RDONLY, &plan, 4), WARD_OK);
	CHECK_EQ_INT(checked(far, O_RDONLY, &plan, 0), WARD_E_REFUSED);
	REQUIRE(chmod(far, 0400) == 0);
	CHECK_EQ_INT(checked(far, O_RDONLY, &plan, 0), WARD_OK);
	plan.backend = WARD_BACKEND_DIRECT;
	CHECK_EQ_INT(checked(hidden, O_RDONLY, &plan, 0), WARD_OK);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		(void)unlink(names[i]);
	(void)rmdir(ws);
	(void)unlink(far);
}

TEST(stdin_from_a_file)
{
	char path[] = "/tmp/ward-stdin-XXXXXX", option[64], buf[16] = "";
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_streams s;
	int fd = mkstemp(path);

	REQUIRE(r && fd >= 0 && write(fd, "data", 4) == 4);
	(void)snprintf(option, sizeof(option), "file:%s", path);
	CHECK_EQ_INT(ward_request_set(r, "stdin", option, &err), WARD_OK);
	CHECK_EQ_INT(ward_request_set(r, "json", NULL, &err), WARD_OK);
	REQUIRE(ward_streams_open(&s, r, 0, &err) == WARD_OK);
	CHECK_EQ_INT(read(s.child[0], buf, sizeof(buf)), 4);
	CHECK_STR_EQ(buf, "data");
	ward_streams_done(&s);
	/* Gone between the option and the start. */
	(void)unlink(path);
	CHECK(ward_streams_open(&s, r, 0, &err) < 0);
	CHECK_STR_EQ(err.file, "--stdin");
	(void)close(fd);
	ward_request_free(r);
}

/* A terminal as 0 and 1: the process behind it is a child with its own standard descriptors. */
static int in_terminal(void (*fn)(int report), _Atomic int *ret_master)
{
	int fds[2], status = -1;
	char text[256] = "";
	pid_t pid;

	*ret_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*ret_master < 0 || unlockpt(*ret_master) < 0)
		SKIP("no pseudo-terminals: %s", strerror(errno));
	REQUIRE(pipe(fds) == 0);
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int slave;

		(void)setsid();
		slave = open(ptsname(*ret_master), O_RDWR);
		(void)ioctl(slave, TIOCSCTTY, 0);
		(void)dup2(slave, 0);
		(void)dup2(slave, 1);
		fn(fds[1]);
		_exit(0);
	}
	(void)close(fds[1]);
	(void)waitpid(pid, &status, 0);
	if (read(fds[0], text, sizeof(text) - 1) > 0)
		FAIL("%s", text);
	(void)close(fds[0]);
	return status;
}

#define SAY(fd, cond) \
	do { \
		if (!(cond)) \
			(void)!write(fd, #cond "\n", sizeof(#cond)); \
	} while (0)

static void relay_two_terminals(int report)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct winsize ws = { .ws_row = 33, .ws_col = 101 }, got = { 0 };
	struct termios before, now;
	struct ward_streams s;
	struct stat real, inside;
	char buf[64] = "";
	int slave;

	(void)tcgetattr(0, &before);
	(void)ioctl(0, TIOCSWINSZ, &ws);
	SAY(report, ward_streams_open(&s, r, 0, NULL) == WARD_OK);
	SAY(report, s.ctty && isatty(s.child[0]) && s.child[0] == s.child[1]);
	SAY(report,
		fstat(0, &real) == 0 && fstat(s.child[0], &inside) == 0 &&
			real.st_rdev != inside.st_rdev);
	SAY(report,
		ioctl(s.child[0], TIOCGWINSZ, &got) == 0 && got.ws_row == 33 && got.ws_col == 101);
	slave = dup(s.child[0]);
	ward_streams_started(&s);
	turn(&s, 0);
	(void)tcgetattr(0, &now);
	SAY(report, s.pty.raw && !(now.c_lflag & (ICANON | ECHO | ISIG)));
	ws.ws_row = 50;
	(void)ioctl(0, TIOCSWINSZ, &ws);
	ward_streams_resize(&s);
	SAY(report, ioctl(slave, TIOCGWINSZ, &got) == 0 && got.ws_row == 50);
	(void)!write(slave, "from inside\n", 12);
	/* What the person types has come when the line is whole. */
	for (int i = 0;
		i < 2000 && poll(&(struct pollfd){ .fd = slave, .events = POLLIN }, 1, 0) == 0; i++)
		turn(&s, 5);
	(void)fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
	for (int i = 0; i < 400 && read(slave, buf, sizeof(buf)) < 0; i++)
		turn(&s, 5);
	SAY(report, memcmp(buf, "typed\n", 6) == 0);
	(void)close(slave);
	ward_streams_drain(&s, -1, 1000);
	ward_streams_done(&s);
	(void)tcgetattr(0, &now);
	SAY(report,
		now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag &&
			now.c_oflag == before.c_oflag);
	ward_request_free(r);
}

static void *person(void *arg)
{
	const _Atomic int *fd = arg;

	/* Again and again: what is typed before the terminal is taken is flushed, and nobody knows when that is. */
	for (unsigned i = 0; i < 20 * tap_patience(); i++) {
		(void)usleep(150000);
		(void)!write(*fd, "typed\r", 6);
	}
	return NULL;
}

static _Atomic int person_fd;

TEST(a_private_pty_between_two_terminals)
{
	char out[256] = "";
	pthread_t t;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;

	if (master < 0)
		SKIP("no pseudo-terminals: %s", strerror(errno));
	(void)close(master);
	person_fd = -1;
	/* The descriptor of the terminal is known only inside in_terminal: the thread looks at what it sets, each time anew. */
	REQUIRE(pthread_create(&t, NULL, person, &person_fd) == 0);
	status = in_terminal(relay_two_terminals, &person_fd);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(pthread_cancel(t) == 0 && pthread_join(t, NULL) == 0);
	CHECK(read(person_fd, out, sizeof(out) - 1) > 0);
	CHECK_STR_CONTAINS(out, "from inside");
	(void)close(person_fd);
}

static void terminal_as_output_only(int report)
{
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_streams s;

	(void)ward_request_set(r, "stdin", "null", NULL);
	SAY(report, ward_streams_open(&s, r, 0, NULL) == WARD_OK);
	SAY(report, !s.ctty && !isatty(s.child[0]) && !isatty(s.child[1]));
	(void)!write(s.child[1], "relayed\n", 8);
	ward_streams_started(&s);
	ward_streams_drain(&s, -1, 1000);
	ward_streams_done(&s);
	ward_request_free(r);
}

TEST(a_terminal_never_goes_inside)
{
	char out[64] = "";
	_Atomic int master;
	int status = in_terminal(terminal_as_output_only, &master);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(read(master, out, sizeof(out) - 1) > 0);
	CHECK_STR_CONTAINS(out, "relayed");
	(void)close(master);
}

TAP_MAIN();
