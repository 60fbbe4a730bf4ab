/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ward-init makes of messages that its supervisor never sends: it ends, and says which step it was; it never goes on with less.
 * Without namespaces, so that it runs anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/native/cage.h"
#include "os/os.h"
#include "tap.h"

#define WAIT_MS (20000 * (int)tap_patience())
#define N_JOIN (WARD_HANDED_CGROUP - WARD_HANDED_JOIN)

static struct ward_head_start *start_as(const struct ward_head_want *want, uint32_t flags,
	uint32_t n_tasks)
{
	struct ward_launch l = { .magic = WARD_LAUNCH_MAGIC,
		.version = WARD_LAUNCH_VERSION,
		.size = sizeof(l),
		.flags = flags,
		.n_tasks = n_tasks };
	struct ward_msg m = { .type = WARD_MSG_BLOB, .value = WARD_HANDED_JOIN };
	WARD_FD blob = ward_memfd("blob", &l, sizeof(l), true);
	WARD_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[WARD_HANDED_JOIN] = { blob, null, null, null };
	struct ward_host host = { .userns = want->userns };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_head_start *h = NULL;

	REQUIRE(blob >= 0 && null >= 0);
	if (ward_native_head(&host, want, &h, &err) < 0) {
		if (host.userns == want->userns)
			FAIL("%s", err.message);
		return NULL;
	}
	REQUIRE(ward_send_fds(h->ctl, &m, sizeof(m), fds, WARD_HANDED_JOIN) == (ssize_t)sizeof(m));
	return h;
}

static struct ward_head_start *start(uint32_t flags, uint32_t n_tasks)
{
	struct ward_head_start *h =
		start_as(&(const struct ward_head_want){ .cgroup = -1 }, flags, n_tasks);

	REQUIRE(h);
	return h;
}

/* Join with so many descriptors, saying that they are so many. */
static void join(struct ward_head_start *h, uint32_t type, size_t n, int32_t says, uint32_t ns)
{
	struct ward_msg m = { .type = type, .value = says };
	WARD_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[8];

	REQUIRE(n <= WARD_ARRAY_SIZE(fds));
	for (size_t i = 0; i < WARD_ARRAY_SIZE(fds); i++)
		fds[i] = null;
	/* One of them is none where ns is not 0. */
	for (size_t i = 0; i < WARD_LAUNCH_NS_MAX; i++)
		m.ns[i] = i == 3 ? ns : 1;
	REQUIRE(ward_send_fds(h->ctl, &m, sizeof(m), fds, n) == (ssize_t)sizeof(m));
}

/* What it says before it ends, or a type of 0: nothing. */
static struct ward_msg last_word(struct ward_head_start *h)
{
	struct ward_msg m = { 0 };
	struct pollfd p = { h->ctl, POLLIN, 0 };
	int code = 0, status = 0;

	REQUIRE(poll(&p, 1, WAIT_MS) == 1);
	if (recv(h->ctl, &m, sizeof(m), MSG_DONTWAIT) != (ssize_t)sizeof(m))
		m = (struct ward_msg){ 0 };
	p = (struct pollfd){ h->init.pidfd, POLLIN, 0 };
	CHECK_EQ_INT(poll(&p, 1, WAIT_MS), 1);
	CHECK_EQ_INT(ward_pidfd_wait(h->init.pidfd, &code, &status, true), 0);
	CHECK_EQ_INT(status, 1);
	ward_close(h->init.pidfd);
	h->init.pidfd = -1;
	ward_head_start_free(h);
	return m;
}

static const struct {
	const char *what;
	uint32_t flags, n_tasks, type;
	size_t n;
	int32_t says;
	uint32_t ns;
	enum ward_stage stage; /* NONE: it ends without a word */
	const char *text;
} rows[] = {
	{ "too many", 0, 0, WARD_MSG_JOIN, N_JOIN + 1, N_JOIN + 1, 1, WARD_STAGE_CGROUP,
		"descriptors" },
	{ "one too few", 0, 1, WARD_MSG_JOIN, N_JOIN, N_JOIN, 1, WARD_STAGE_CGROUP, "descriptors" },
	{ "more than ever", 0, 4, WARD_MSG_JOIN, N_JOIN + 5, N_JOIN + 5, 1, WARD_STAGE_NONE, "" },
	{ "another count than is said", 0, 0, WARD_MSG_JOIN, N_JOIN, N_JOIN + 1, 1, WARD_STAGE_NONE,
		"" },
	{ "none", 0, 0, WARD_MSG_JOIN, 0, 0, 1, WARD_STAGE_NONE, "" },
	{ "another message", 0, 0, WARD_MSG_TREES, N_JOIN, N_JOIN, 1, WARD_STAGE_NONE, "" },
	{ "a second blob", 0, 0, WARD_MSG_BLOB, N_JOIN, N_JOIN, 1, WARD_STAGE_NONE, "" },
	{ "a namespace of no number", WARD_LAUNCH_USERNS, 0, WARD_MSG_JOIN, N_JOIN, N_JOIN, 0,
		WARD_STAGE_BLOB, "namespaces of the supervisor" },
};

TEST(joins)
{
	TABLE(row, rows) {
		struct ward_head_start *h = start(row->flags, row->n_tasks);
		struct ward_msg m;

		CASE("%s", row->what);
		join(h, row->type, row->n, row->says, row->ns);
		m = last_word(h);
		CHECK_EQ_INT(m.type, row->stage ? WARD_MSG_FAILED : 0);
		CHECK_EQ_INT(m.stage, row->stage);
		CHECK_EQ_INT(m.err, row->stage ? EPROTO : 0);
		CHECK_STR_EQ(m.text, row->text);
	}
}

/* The same that is right: it goes on to what a blob of nothing lacks. */
TEST(a_join_that_is_right)
{
	struct ward_head_start *h = start(0, 0);
	struct ward_msg m;

	join(h, WARD_MSG_JOIN, N_JOIN, N_JOIN, 0);
	m = last_word(h);
	CHECK_EQ_INT(m.type, WARD_MSG_FAILED);
	CHECK(m.stage != WARD_STAGE_CGROUP && strcmp(m.text, "namespaces of the supervisor") != 0);
}

/* Captured before there was a plan: for one with egress, by nf_tables, and for no other. */
TEST(a_network_that_was_captured_ahead)
{
	static const struct {
		const char *what;
		uint32_t flags;
		bool right;
	} plans[] = {
		{ "none", 0, false },
		{ "publishes", WARD_LAUNCH_PUBLISH, false },
		{ "led where it is mediated", WARD_LAUNCH_EGRESS | WARD_LAUNCH_REDIRECTS, false },
		{ "egress", WARD_LAUNCH_EGRESS, true },
	};
	static const char word[] = "a network that was captured ahead";

	TABLE(row, plans) {
		const struct ward_head_want want = {
			.userns = true, .captured = true, .cgroup = -1
		};
		struct ward_head_start *h = start_as(&want, WARD_LAUNCH_USERNS | row->flags, 0);
		struct ward_msg m;

		CASE("%s", row->what);
		if (!h)
			SKIP("no user namespaces here");
		m = last_word(h);
		CHECK_EQ_INT(m.type, WARD_MSG_FAILED);
		CHECK_EQ_INT(m.stage, WARD_STAGE_BLOB);
		CHECK_EQ_INT(m.err, EPROTO);
		/* It goes on to what a blob of nothing lacks. */
		CHECK_STR_EQ(m.text, row->right ? "offset" : word);
	}
}

TEST(gone_in_between)
{
	struct ward_head_start *h = start(0, 0);
	int code = 0, status = 0;
	struct pollfd p = { h->init.pidfd, POLLIN, 0 };

	ward_close(h->ctl);
	h->ctl = -1;
	REQUIRE(poll(&p, 1, WAIT_MS) == 1);
	CHECK_EQ_INT(ward_pidfd_wait(h->init.pidfd, &code, &status, true), 0);
	CHECK_EQ_INT(status, 1);
	ward_close(h->init.pidfd);
	h->init.pidfd = -1;
	ward_head_start_free(h);
}

/* It has something to say, and nobody is there any more: it ends all the same. */
TEST(gone_before_it_can_say_why)
{
	struct ward_head_start *h = start(0, 0);
	int code = 0, status = 0;
	struct pollfd p = { h->init.pidfd, POLLIN, 0 };

	REQUIRE(ward_pidfd_signal(h->init.pidfd, SIGSTOP) == 0);
	join(h, WARD_MSG_JOIN, N_JOIN + 1, N_JOIN + 1, 1);
	ward_close(h->ctl);
	h->ctl = -1;
	REQUIRE(ward_pidfd_signal(h->init.pidfd, SIGCONT) == 0);
	CHECK_EQ_INT(poll(&p, 1, WAIT_MS), 1);
	if (p.revents == 0)
		(void)ward_pidfd_signal(h->init.pidfd, SIGKILL);
	CHECK_EQ_INT(ward_pidfd_wait(h->init.pidfd, &code, &status, false), 0);
	CHECK_EQ_INT(code, CLD_EXITED);
	CHECK_EQ_INT(status, 1);
	ward_close(h->init.pidfd);
	h->init.pidfd = -1;
	ward_head_start_free(h);
}

TAP_MAIN();
