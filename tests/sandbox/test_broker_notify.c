/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call broker alone, with the real filter: refused calls and what is recorded of them, foreign architectures, the
 * switches, --attribution notify. Needs user namespaces and seccomp user notification; skips with the reason.
 */
#include "broker_notify_box.h"

static long in_socket(long family)
{
	int fd = socket((int)family, SOCK_STREAM, 0);

	return fd < 0 ? -errno : close(fd);
}

static long in_nr(long nr)
{
	return syscall(nr, 0, 0, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static long in_tiocsti(long arg)
{
	char c = 'x';

	(void)arg;
	return ioctl(0, 0x5412, &c) ? -errno : 0;
}

/* ---- refused calls ---- */

TEST(refused_calls)
{
	const struct ward_refusal *r;

	START(x);
	CHECK_EQ_INT(CALL(in_unshare, CLONE_NEWUSER), -EPERM);
	CHECK_EQ_INT(CALL(in_socket, 40), -EAFNOSUPPORT);
	CHECK_EQ_INT(CALL(in_socket, 38), -EAFNOSUPPORT);
	CHECK_EQ_INT(CALL(in_socket, 17), -EAFNOSUPPORT);
	CHECK_EQ_INT(CALL(in_nr, SYS_bpf), -EPERM);
	CHECK_EQ_INT(CALL(in_nr, SYS_keyctl), -EPERM);
	CHECK_EQ_INT(CALL(in_nr, SYS_keyctl), -EPERM);
	CHECK_EQ_INT(CALL(in_nr, 4000), -ENOSYS);
	CHECK_EQ_INT(CALL(in_tiocsti, 0), -EPERM);
	box_refusals(&x.b);
	dump(&x);
	r = find(&x, WARD_REFUSAL_SYSCALL, "unshare", "CLONE_NEWUSER");
	REQUIRE(r);
	CHECK_EQ_INT(r->pid, 1);
	CHECK_STR_EQ(r->comm, "boxed");
	CHECK_EQ_INT(r->action, WARD_CAP_NONE);
	CHECK(find(&x, WARD_REFUSAL_SYSCALL, "socket", "AF_VSOCK SOCK_STREAM"));
	CHECK(find(&x, WARD_REFUSAL_SYSCALL, "socket", "AF_ALG SOCK_STREAM"));
	CHECK(find(&x, WARD_REFUSAL_SYSCALL, "socket", "AF_PACKET SOCK_STREAM"));
	CHECK(find(&x, WARD_REFUSAL_SYSCALL, "bpf", ""));
	r = find(&x, WARD_REFUSAL_SYSCALL, "keyctl", "");
	CHECK(r && r->count == 2);
	CHECK(find(&x, WARD_REFUSAL_SYSCALL, "#4000", ""));
	CHECK(find(&x, WARD_REFUSAL_SYSCALL, "ioctl", "TIOCSTI"));
	nbox_end(&x);
}

static long in_foreign(long x32)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
#ifdef __x86_64__
		long r = 20;

		if (x32)
			(void)syscall(0x40000000 + 39);
		else
			__asm__ volatile("int $0x80"
					 : "+a"(r)
					 :
					 : "memory", "r8", "r9", "r10", "r11");
#endif
		_exit(0);
	}
	(void)waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

TEST(foreign_architecture)
{
#ifdef __x86_64__
	const struct ward_refusal *r = NULL;
	uint64_t told = 0;

	START(x);
	CHECK_EQ_INT(CALL(in_foreign, 0), SIGKILL);
	CHECK_EQ_INT(poll(&(struct pollfd){ .fd = x.kill_event, .events = POLLIN }, 1, 2000), 1);
	CHECK(read(x.kill_event, &told, sizeof(told)) == 8 && told == 1);
	CHECK_EQ_INT(CALL(in_foreign, 1), SIGKILL);
	box_refusals(&x.b);
	dump(&x);
	for (size_t i = 0; i < x.b.n; i++)
		if (x.b.r[i].kind == WARD_REFUSAL_FOREIGN_ARCH)
			r = &x.b.r[i];
	CHECK(r && r->pid > 1);
	CHECK_EQ_SIZE(x.b.n, 2);
	nbox_end(&x);
#else
	SKIP("x86-64 only");
#endif
}

/* ---- no network namespace: everything is the host's ---- */

TEST(no_socket_switch)
{
	static const struct target to = { AF_INET, SOCK_STREAM, 0, "127.0.0.1", 9 };

	inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	last_port = 9;
	plan.seccomp = WARD_SECCOMP_NO_SOCKET;
	{
		START(x);
		CHECK_EQ_INT(CALL(in_connect, &to), -1000 - EACCES);
		CHECK_EQ_INT(CALL(in_inherited, 0), -EACCES);
		nbox_end(&x);
	}
	plan.seccomp = WARD_SECCOMP_NETLINK_ROUTE;
	close(inherited);
	inherited = -1;
}

/* ---- a listener that says without end that somebody waits, and cannot be read ---- */

TEST(broken_listener_is_let_go)
{
	static const struct ward_plan bare = { .seccomp = WARD_SECCOMP_NETLINK_ROUTE };
	struct ward_refusals *refusals = ward_refusals_new();
	struct pollfd p = { .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), .events = POLLIN };
	struct ward_notify *n = NULL;
	struct ward_error err = { 0 };

	REQUIRE(refusals && p.fd >= 0 && ward_notify_new(&bare, refusals, -1, &n, &err) == 0);
	REQUIRE(ward_notify_start(n, p.fd, &err) == 0);
	/* Its number is another file's then, so that nobody waits behind it. */
	for (int i = 0; i < 1000 && poll(&p, 1, 0) > 0; i++)
		(void)usleep(10000);
	CHECK_EQ_INT(poll(&p, 1, 0), 0);
	(void)ward_notify_free(n);
	ward_refusals_delete(refusals);
}

/* ---- --attribution notify ---- */

static long in_open(long path)
{
	int fd = open((const char *)path, O_RDONLY);

	return fd < 0 ? -errno : close(fd);
}

static long in_create(long path)
{
	int fd = open((const char *)path, O_WRONLY | O_CREAT, 0600);

	return fd < 0 ? -errno : close(fd);
}

static long in_exec(long path)
{
	char *argv[] = { NULL, NULL };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		memcpy(&argv[0], &path, sizeof(path));
		execv(argv[0], argv);
		_exit(errno);
	}
	(void)waitpid(pid, &status, 0);
	return -WEXITSTATUS(status);
}

TEST(notify_mode)
{
	plan.seccomp = WARD_SECCOMP_NOTIFY_OPEN;
	plan.attribution = WARD_ATTR_NOTIFY;
	{
		START(x);
		CHECK_EQ_INT(CALL(in_create, "/tmp/new"), 0);
		CHECK_EQ_INT(CALL(in_open, "/tmp/new"), 0);
		CHECK_EQ_INT(CALL(in_open, "/tmp/absent"), -ENOENT);
		box_refusals(&x.b);
		CHECK_EQ_SIZE(x.b.n, 0);
		CHECK_EQ_INT(CALL(in_open, "/no-such/file"), -ENOENT);
		CHECK_EQ_INT(CALL(in_create, "/no-such/file"), -ENOENT);
		CHECK_EQ_INT(CALL(in_exec, "/no-such/../no-such/prog"), -ENOENT);
		CHECK_EQ_INT(CALL(in_open, 8), -EFAULT);
		box_refusals(&x.b);
		dump(&x);
		CHECK(box_find(&x.b, "/no-such/file", WARD_CAP_FILE_READ));
		CHECK(box_find(&x.b, "/no-such/file", WARD_CAP_FILE_WRITE));
		CHECK(box_find(&x.b, "/no-such/prog", WARD_CAP_EXTERNAL_COMMAND));
		CHECK_EQ_SIZE(x.b.n, 3);
		nbox_end(&x);
	}
	plan.seccomp = WARD_SECCOMP_NETLINK_ROUTE;
	plan.attribution = WARD_ATTR_NONE;
}

/* ---- what it costs (printed, not judged) ---- */

static long in_time_refused(long n)
{
	double start = box_now_us();

	for (long i = 0; i < n; i++)
		(void)syscall(SYS_bpf, 0, 0, 0);
	return (long)((box_now_us() - start) * 1000 / (double)n);
}

TEST(cost)
{
	START(x);
	printf("# refused call: %ld ns\n", CALL(in_time_refused, 1000));
	CHECK(true);
	nbox_end(&x);
}

TEST(tidy)
{
	CHECK(!shared[0] || rmdir(shared) == 0);
}

TAP_MAIN();
