/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run under review begins: its entry in the store, which the plan's layer lies in, and its first record. The entry is there before
 * anything could be written; a run that never starts takes it away again. Most runs that change nothing are over before it would be
 * durable: that is waited for by nobody, begins beside the command when it has lived a moment, and comes before what the layer has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os/os.h"
#include "run/life.h"

#define WAIT_NS 500000 /* an eighth of a tick of 250 Hz */
#define WAITS_MAX 100
#define ENTRY_NS \
	100000000ull /* of the command's life: what is over by then is made durable at its end, or leaves nothing */

/* For people: each word as a shell would take it. */
static void words_of(const struct ward_request *r, struct ward_buf *out)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	for (int i = 0; i < r->argc && b.n < WARD_WORKSPACE_COMMAND_MAX; i++) {
		if (i > 0)
			ward_buf_addc(&b, ' ');
		if (r->argv[i][0] &&
			strspn(r->argv[i],
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:,@%+-") ==
				strlen(r->argv[i]))
			ward_buf_adds(&b, r->argv[i]);
		else
			ward_quote_shell(&b, r->argv[i], strlen(r->argv[i]));
	}
	out->failed = out->failed || b.failed;
	ward_show(out, ward_buf_cstr(&b), ward_buf_str(&b).n);
}

/*
 * What a person was asked until now may have taken long; nothing of the project was shown to the command yet. What inodes are stamped with is
 * a tick behind: a moment of so long ago has passed for them, or nearly, and is waited for. Not before ward was started: what whoever started it wrote
 * just before is older than the run. But where the clock was set back since then.
 */
static int64_t since(const struct life *l, int64_t now)
{
	int64_t started = (int64_t)l->o->started_ns, past;
	struct timespec tick;

	if (clock_getres(CLOCK_REALTIME_COARSE, &tick) < 0)
		return now;
	past = now - tick.tv_sec * INT64_C(1000000000) - tick.tv_nsec;
	return past > started || started > now ? past : started;
}

/* The same moment by both clocks. In this order: what lies between the two makes it no later by the second. */
static void know_since(struct life *l, struct ward_workspace_facts *f)
{
	int64_t boot = (int64_t)ward_now_boot_ns(), now = (int64_t)ward_now_wall_ns();

	f->since_ns = l->since_ns = since(l, now);
	f->since_boot_ns = boot - (now - f->since_ns);
}

/* It is the directory that the plan is of, and will be known again; what is mounted later is compared with the plan once more. */
static int know_root(const struct ward_review *v, struct ward_born *ret, struct ward_error *err)
{
	WARD_FD fd =
		ward_openat2(AT_FDCWD, v->root, O_PATH | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == v->root_dev &&
		st.st_ino == v->root_ino) {
		ward_born_of(fd, ret);
		return WARD_OK;
	}
	(void)ward_fail(err, WARD_E_REFUSED,
		"the workspace is another directory by now than the one that was looked up");
	ward_fail_at(err, v->root, 0, 0);
	ward_fail_fix(err, "run again, when nobody replaces it");
	return WARD_E_REFUSED;
}

/* The log by a name that is the same from everywhere: what belongs to it lies beside it, so that its own last name stays, also that of a link. */
static int know_log(struct life *l, char out[WARD_PATH_MAX], struct ward_error *err)
{
	const char *given = ward_audit_path(l->audit), *name = ward_path_basename(given);
	char at[WARD_PATH_MAX], real[WARD_PATH_MAX];
	int r;

	(void)snprintf(at, sizeof(at), "%.*s", (int)(name - given), given);
	if (realpath(at[0] ? at : ".", real) && ward_path_join(real, name, out, WARD_PATH_MAX) == 0)
		return WARD_OK;
	r = ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot name the log '%s' from elsewhere",
		given);
	ward_fail_fix(err, "--audit with an absolute path");
	return r;
}

static int make(struct life *l, struct ward_error *err)
{
	char log[WARD_PATH_MAX];
	WARD_CLEANUP(ward_buf_done) struct ward_buf words = WARD_BUF_INIT;
	const struct ward_review *v = &l->plan->review;
	struct ward_workspace_facts f = {
		.root = v->root,
		.root_dev = v->root_dev,
		.root_ino = v->root_ino,
		.backend = v->backend,
		.bound = v->bound,
		.log = log,
		.started_ns = (int64_t)l->o->started_ns,
	};
	int r = know_root(v, &f.root_born, err);

	if (r == WARD_OK)
		r = know_log(l, log, err);
	if (r < 0)
		return r;
	know_since(l, &f);
	memcpy(f.run, l->o->run, sizeof(f.run));
	words_of(l->r, &words);
	f.command = ward_buf_cstr(&words);
	return ward_workspace_make(&f, &l->workspace, err);
}

int review_begin(struct life *l, struct ward_error *err)
{
	struct ward_review *v = &l->plan->review;
	const char *path;
	struct stat st;
	int r;

	if (!v->on)
		return WARD_OK;
	r = l->workspace ? WARD_OK : make(l, err);
	if (r < 0)
		return r;
	/* The plan is not signed yet. */
	path = ward_arena_printf(l->plan->arena, "%s/layer", ward_workspace_path(l->workspace));
	if (!path)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (fstatat(ward_workspace_dir(l->workspace), "layer", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno,
			"the layer of the run cannot be looked at");
	v->layer = path;
	v->layer_dev = st.st_dev;
	v->layer_ino = st.st_ino;
	return WARD_OK;
}

int review_keep(struct life *l, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .kind = "workspace.open", .action = "fs.write" };
	const struct ward_review *v = &l->plan->review;

	if (!l->workspace)
		return WARD_OK;
	e.resource = v->root;
	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "backend", ward_disk_backend_name(v->backend));
	ward_jw_ku64(&b, "bound", v->bound);
	ward_jw_ki64(&b, "since_ns", l->since_ns);
	ward_jw_kbool(&b, "auto", l->r->review == WARD_REVIEW_AUTO);
	ward_jw_kbool(&b, "live", l->r->review == WARD_REVIEW_LIVE);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "no memory for a record");
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	return record_append(l, &e, 1, false, NULL, err);
}

void review_turn(const struct life *l)
{
	if (!l->workspace || ward_now_mono_ns() < l->t_start + ENTRY_NS)
		return;
	ward_workspace_sync(l->workspace, false);
	ward_workspace_indexes(l->workspace);
}

void review_sync(const struct life *l)
{
	if (l->workspace)
		ward_workspace_sync(l->workspace, true);
}

void review_wait(const struct life *l)
{
	const struct timespec nap = { .tv_nsec = WAIT_NS };
	struct timespec ts;

	/* Nothing of what comes is to look older than what was there. */
	for (unsigned i = 0; l->workspace && i < WAITS_MAX; i++) {
		if (clock_gettime(CLOCK_REALTIME_COARSE, &ts) < 0 ||
			ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec >= l->since_ns)
			return;
		(void)nanosleep(&nap, NULL);
	}
}
