/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a request: made with the defaults of its kind, filled by options.c, freed. Nothing here looks
 * anything up on a file system or decides anything; a request that could not be made is NULL, and one that
 * was only half filled can be freed like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "egress/egress.h"
#include "os/os.h"
#include "registry/registry.h"
#include "run/persist/persist.h"
#include "run/request.h"

#define ARENA_BYTES_MAX (64u << 20)
#define MIB (1ull << 20)
#define BIT_OF(sig) (UINT64_C(1) << ((sig)-1))

/* The texts of options_table.h name them; tests/unit/test_options.c compares. */
static const struct ward_limits defaults[] = {
	[WARD_COMMAND_RUN] = {
		.memory = 0,
		.millicpus = 0,
		.pids = 4096,
		.disk = 1024 * MIB,
		.output = 0,
		.timeout_ms = 0,
		.grace_ms = 5000,
		.nofile = 1024,
	},
	[WARD_COMMAND_SCRIPT] = {
		.memory = 256 * MIB,
		.millicpus = 1000,
		.pids = 128,
		.disk = 256 * MIB,
		.output = 64 * MIB,
		.timeout_ms = 0,
		.grace_ms = 5000,
		.nofile = 1024,
	},
};

const char *ward_version(void)
{
	return WARD_VERSION;
}

int ward_request_keep_streams(void)
{
	for (int i = 0; i < 3; i++) {
		int fd;

		if (fcntl(i, F_GETFD) >= 0)
			continue;
		fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return -errno;
		/* Another thread of the caller's was faster: whatever is there is the caller's. */
		if (fd > 2)
			ward_close(fd);
	}
	return 0;
}

struct ward_request *ward_request_new(enum ward_command_kind kind)
{
	struct ward_request *r;
	size_t n_options = 0;

	if ((unsigned)kind >= WARD_ARRAY_SIZE(defaults))
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->signal_fd[0] = r->signal_fd[1] = -1;
	ward_dest_init(&r->head_to);
	ward_dest_init(&r->outcome);
	ward_dest_init(&r->report);
	r->kind = kind;
	r->limits = defaults[kind];
	r->backend = WARD_BACKEND_NATIVE;
	r->attribution = WARD_ATTR_AUTO;
	r->deny_errno = ENOENT;
	r->ask = WARD_ASK_NOBODY; /* a library has no terminal; the command sets auto */
	r->ask_timeout_ms = 300000;
	r->disk_backend = WARD_DISK_DIR;
	memset(r->require, -1, sizeof(r->require));
	memset(r->accept, -1, sizeof(r->accept));
	(void)ward_options(&n_options);
	r->given = calloc(n_options, sizeof(*r->given));
	r->arena = ward_arena_new(ARENA_BYTES_MAX);
	r->caps.arena = r->arena;
	if (!r->given || !r->arena || ward_request_keep_streams() < 0 ||
		pipe2(r->signal_fd, O_CLOEXEC | O_NONBLOCK) < 0) {
		ward_request_free(r);
		return NULL;
	}
	return r;
}

void ward_request_free(struct ward_request *r)
{
	if (!r)
		return;
	ward_ahead_free(r->ahead);
	ward_upstream_forget(r->upstream);
	ward_close(r->signal_fd[0]);
	ward_close(r->signal_fd[1]);
	ward_named_done(r);
	ward_dest_done(&r->head_to);
	ward_dest_done(&r->outcome);
	ward_dest_done(&r->report);
	free(r->env);
	free(r->env_names);
	free(r->argv);
	free(r->given);
	ward_arena_free(r->arena);
	free(r);
}

void ward_request_on_line(struct ward_request *r, void (*fn)(void *arg, const char *line),
	void *arg)
{
	if (!r)
		return;
	r->on_line = fn;
	r->on_line_arg = arg;
}

void ward_request_signal(struct ward_request *r, int sig)
{
	int saved = errno;
	unsigned char byte = (unsigned char)sig;

	if (!r || sig <= 0 || sig >= NSIG || r->signal_fd[1] < 0 ||
		(atomic_fetch_or(&r->signals, BIT_OF(sig)) & BIT_OF(sig)))
		return;
	if (write(r->signal_fd[1], &byte, 1) < 0)
		atomic_fetch_and(&r->signals, ~BIT_OF(sig));
	errno = saved;
}

size_t ward_request_signals(struct ward_request *r, unsigned char out[WARD_SIGNALS_MAX])
{
	ssize_t n = read(r->signal_fd[0], out, WARD_SIGNALS_MAX);

	for (ssize_t i = 0; i < n; i++)
		atomic_fetch_and(&r->signals, ~BIT_OF(out[i]));
	return n < 0 ? 0 : (size_t)n;
}

bool ward_request_given(const struct ward_request *r, const char *name)
{
	int i = ward_option_index(name);

	return r && i >= 0 && r->given[i] > 0;
}

int ward_request_command(struct ward_request *r, int argc, char *const *argv,
	struct ward_error *err)
{
	const char *what = r && r->kind == WARD_COMMAND_SCRIPT ? "script" : "command";
	char **copy;
	size_t bytes = 0;
	int code;

	if (!r)
		return ward_fail(err, WARD_E_INVALID, "ward_request_command without a request");
	if (argc < 1 || !argv || !argv[0] || !argv[0][0]) {
		code = ward_fail(err, WARD_E_INVALID,
			argc < 1 ? "no %s given" : "the %s is an empty word", what);
		ward_fail_fix(err,
			r->kind == WARD_COMMAND_SCRIPT
				? "ward sandbox run SCRIPT [options] [-- ARG...]"
				: "ward run [options] [--] CMD [ARG...]");
		return code;
	}
	for (int i = 0; i < argc; i++) {
		if (!argv[i])
			return ward_fail(err, WARD_E_INVALID, "word %d of %d of the %s is missing",
				i + 1, argc, what);
		bytes += strlen(argv[i]) + 1;
	}
	if (bytes > WARD_ARGV_BYTES_MAX) {
		code = ward_fail(err, WARD_E_LIMIT,
			"the %s and its arguments take more than %u bytes", what,
			WARD_ARGV_BYTES_MAX);
		ward_fail_fix(err, "pass them in a file or on standard input");
		return code;
	}
	copy = calloc((size_t)argc + 1, sizeof(*copy));
	for (int i = 0; copy && i < argc; i++) {
		copy[i] = ward_arena_strdup(r->arena, argv[i]);
		if (!copy[i]) {
			free(copy);
			copy = NULL;
		}
	}
	if (!copy)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	free(r->argv);
	r->argv = copy;
	r->argc = argc;
	return WARD_OK;
}
