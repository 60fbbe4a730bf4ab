/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward_run: the road from a request to an outcome. Resolve, plan, open the log, build the cage; while the kernel makes the
 * namespaces the grants are judged and recorded, and while the view is made that becomes durable; only then may the command
 * start. Every way out of here leaves an outcome, and nothing alive. A log that cannot be written refuses the run; one that fails during it ends the run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "os/os.h"
#include "run/life.h"
#include "run/rules/rules.h"

#define PLANS_MAX \
	6 /* as asked, and without each of namespaces, FUSE, nf_tables, a listener, Landlock */
#define LOOKS_MAX 8

static char *axes_json(const struct ward_plan *p)
{
	struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	for (int i = 0; i < WARD_AXIS_MAX; i++)
		ward_jw_kstr(&b, ward_axis_name(i), ward_level_name(p->axes[i].level));
	ward_jw_close(&b, '}');
	return ward_buf_take(&b);
}

int open_log(struct life *l, struct ward_error *err)
{
	uint64_t torn = 0;
	int r = ward_audit_open(l->r->audit, &l->audit, &torn, err);

	if (r < 0)
		return r;
	if (ward_streq(ward_audit_path(l->audit), "/dev/null"))
		ward_outcome_note(l->o, "no log: --audit /dev/null");
	l->torn = torn;
	if (torn)
		ward_outcome_note(l->o,
			"warning: the log's torn last line (%llu bytes) was cut into %s.torn",
			(unsigned long long)torn, ward_audit_path(l->audit));
	return WARD_OK;
}

bool keeps_policies(const struct life *l)
{
	return l->book && l->audit && !ward_streq(ward_audit_path(l->audit), "/dev/null");
}

/* What stops a run before it starts is recorded too, where there is a log to write to. */
static void record_refused(struct life *l, const struct ward_error *why)
{
	struct ward_error ignored = WARD_ERROR_INIT;
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_event e = { .effect = "deny", .action = "run" };

	/* A log that was refused is not written to either. */
	if (l->r->audit_refused || (!l->audit && open_log(l, &ignored) < 0))
		return;
	e.kind = why->error_class == WARD_CLASS_CAPABILITY ? "capability.denied" : "policy.block";
	e.resource = l->r->argc > 0 ? l->r->argv[0] : NULL;
	ward_jw_open(&b, '{');
	ward_jw_kstr(&b, "error", ward_error_class_name(why->error_class));
	ward_jw_kstr(&b, "code", ward_code_name(why->code));
	ward_jw_kstr(&b, "why", why->message);
	if (why->fix[0])
		ward_jw_kstr(&b, "cure", why->fix);
	ward_jw_close(&b, '}');
	e.detail_json = ward_buf_cstr(&b);
	record_event(l, &e);
	(void)record_append(l, &e, 1, false, NULL, &ignored);
	ward_buf_done(&b);
}

static void drop_plan(struct life *l)
{
	ward_plan_free(l->plan);
	l->plan = NULL;
	ward_rulebook_freep(&l->book);
}

/*
 * Look at the request, ask what has to be asked, look again: what was answered may show more. A look that fails may do so for want of an
 * answer, so it is asked for all the same.
 */
static int look(struct life *l, const struct ward_host *host, struct ward_error *err)
{
	for (int i = 0; i < LOOKS_MAX; i++) {
		struct ward_error why = WARD_ERROR_INIT;
		bool again = false;
		int r, asked;

		drop_plan(l);
		r = ward_resolve(l->r, host, &l->plan, &l->book, &why);
		/* Where the log may not be written there is no place for an answer. */
		asked = l->r->audit_refused ? WARD_OK : asking_do(l, &again, err);
		if (asked < 0)
			return asked;
		if (again)
			continue;
		if (r < 0 && err)
			*err = why;
		return r;
	}
	(void)ward_fail(err, WARD_E_REFUSED,
		"there is more to ask about each time that it is looked at");
	ward_fail_fix(err, "leave the files alone that policies speak of, and start again");
	return WARD_E_REFUSED;
}

static int make_plan(struct life *l, const struct ward_host *host, struct ward_error *err)
{
	int r;

	ward_pins_remove(l);
	free(l->axes_json);
	l->axes_json = NULL;
	r = look(l, host, err);
	if (r < 0)
		return r;
	l->axes_json = axes_json(l->plan);
	if (!l->axes_json)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the plan's axes");
	l->o->policy_sha256[0] = '\0';
	if (!l->book)
		record_policy_hash(l->plan, l->o->policy_sha256);
	if (!l->book && !l->o->policy_sha256[0])
		return ward_fail(err, WARD_E_NOMEM, "no memory for the policy's hash");
	ward_outcome_set_plan(l->o, l->r, l->plan);
	for (size_t i = 0; i < l->plan->n_warnings; i++)
		ward_outcome_note(l->o, "warning: %s", l->plan->warnings[i]);
	if (l->plan->limits.millicpus && l->plan->axes[WARD_AXIS_CPU].level == WARD_LEVEL_NONE &&
		l->plan->backend == WARD_BACKEND_NATIVE)
		ward_outcome_note(l->o, "warning: --cpus is not held here: %s",
			l->plan->axes[WARD_AXIS_CPU].by);
	return WARD_OK;
}

static int name_policies(struct life *l, struct ward_error *err)
{
	int r = l->book ? ward_rules_digest(l->book, err) : WARD_OK;

	if (r == WARD_OK && l->book)
		memcpy(l->o->policy_sha256, l->book->sha256, sizeof(l->o->policy_sha256));
	return r;
}

/* Meanwhile the view is made. What is there already, from a run before, costs a look. */
static int keep_policies(const struct life *l, struct ward_error *err)
{
	const char *log = ward_audit_path(l->audit);
	int r;

	if (!keeps_policies(l))
		return WARD_OK;
	r = ward_store_keep(log, ward_schema_sha256, WARD_STORE_SCHEMA,
		(struct ward_str){ ward_schema_text, ward_schema_size }, err);
	return r < 0 ? r
		     : ward_store_keep(log, l->book->sha256, WARD_STORE_POLICY,
			       (struct ward_str){ l->book->snapshot.s, l->book->snapshot.n }, err);
}

static int on_spawned(void *arg, struct ward_error *err)
{
	struct life *l = arg;
	int r = net_prepare(l, err);

	if (r == WARD_OK)
		r = ward_plan_sign(l->plan, err);
	if (r < 0)
		return r;
	memcpy(l->o->plan_sha256, l->plan->sha256, sizeof(l->o->plan_sha256));
	r = name_policies(l, err);
	if (r == WARD_OK)
		r = keep_policies(l, err);
	if (r == WARD_OK)
		r = review_keep(l, err);
	if (r < 0)
		return r;
	/* A second try with another plan is another start of the same run: recorded again, with its axes. */
	r = ward_ask_grants(l, err);
	if (r == WARD_OK)
		live_begin(l);
	return r;
}

static int start(struct life *l, struct ward_host *host, struct ward_error *err)
{
	struct ward_cage_options opts = { .run_id = l->o->run,
		.host = host,
		.ctty = l->streams.ctty,
		.anchor = l->anchor > 0 ? l->anchor : ward_pending_fd(l->pending),
		.spawned = on_spawned,
		.arg = l };

	memcpy(opts.stdio, l->streams.child, sizeof(opts.stdio));
	ward_pty_give(&l->streams.pty, l->plan->host_uid);
	opts.head = l->head;
	l->head = NULL;
	return ward_cage_start(l->plan, &opts, &l->cage, err);
}

/* Does an option name an endpoint? What policies permit beside it is not known yet. */
static bool names_endpoint(const struct ward_request *r)
{
	for (size_t i = 0; i < r->caps.n; i++)
		if (r->caps.v[i].type == WARD_CAP_NETWORK_CONNECT)
			return true;
	return false;
}

/* What is asked and written there, of a start and of its mounts, would be somebody else's. */
static int check_proc(struct ward_error *err)
{
	int r;

	if (ward_proc_is_own())
		return WARD_OK;
	r = ward_fail(err, WARD_E_UNSUPPORTED,
		"/proc is not there, or not that of the processes here (another pid namespace's)");
	ward_fail_fix(err,
		"mount -t proc proc /proc, where ward is started (unshare --mount-proc)");
	return r;
}

/* What a run would be refused for when it opens its log (audit/open.c) is no plan either. */
static int check_proc_to_plan(struct ward_error *err)
{
	static const char boot[] = "/proc/sys/kernel/random/boot_id";
	WARD_FD fd = -1;
	int r = check_proc(err);

	if (r < 0)
		return r;
	fd = ward_openat2(AT_FDCWD, boot, O_RDONLY, 0, 0);
	if (fd != -ENOENT)
		return WARD_OK;
	r = ward_fail_errno(err, WARD_E_SYSTEM, ENOENT, "%s cannot be read", boot);
	ward_fail_fix(err,
		"mount all of /proc where ward is started, not processes alone (subset=pid; of a systemd unit: ProcSubset=all)");
	return r;
}

/*
 * Plan and start; what the quick facts assumed and the host then refused (user namespaces, FUSE) is planned without, once
 * each. The plan without refuses by itself where that was not accepted by name.
 */
static int plan_and_start(struct life *l, struct ward_error *err)
{
	struct ward_host host, before;
	enum ward_userns_lack lack = WARD_USERNS_DENIED;
	bool userns = true;
	int r = l->r->backend == WARD_BACKEND_NATIVE ? check_proc(err) : WARD_OK;

	if (r < 0)
		return r;
	ward_rules_read_ahead(l->r);
	if (l->r->backend == WARD_BACKEND_NATIVE)
		l->head = ward_head_start_new(names_endpoint(l->r), &userns, &lack);
	/* Plan, policies and records are more than ten kilobytes to sum; and the init is at work meanwhile. */
	ward_sha256_quicken();
	r = ward_host_facts(&host, err);
	if (!userns)
		host.lack = lack;
	host.userns = host.userns && userns;
	host.fuse = host.fuse && userns;
	for (int i = 0; r == WARD_OK && i < PLANS_MAX; i++) {
		r = make_plan(l, &host, err);
		if (r == WARD_OK)
			r = net_listen(l, err);
		if (r == WARD_OK && !l->audit)
			r = open_log(l, err);
		if (r == WARD_OK)
			r = review_begin(l, err);
		if (r == WARD_OK && i == 0)
			r = aborted_sweep(l, err);
		if (r == WARD_OK && i == 0)
			r = ward_streams_open(&l->streams, l->r, l->plan->limits.output, err);
		if (r == WARD_OK)
			r = ward_streams_check(&l->streams, l->plan, &host, err);
		if (r == WARD_OK && l->r->backend != WARD_BACKEND_DIRECT)
			r = ward_streams_log(&l->streams, l->audit, err);
		if (r < 0)
			return r;
		before = host;
		r = pending_begin(l, err);
		if (r == WARD_OK)
			r = ward_pins_make(l, err);
		if (r == WARD_OK)
			r = ward_lost_begin(l, err);
		if (r < 0)
			return r;
		r = start(l, &host, err);
		if (r != WARD_E_UNSUPPORTED ||
			(before.userns == host.userns && before.fuse == host.fuse &&
				before.nft == host.nft &&
				before.seccomp_notify == host.seccomp_notify &&
				before.landlock_abi == host.landlock_abi))
			return r;
		host.fuse = host.fuse && host.userns;
		r = WARD_OK;
	}
	return WARD_E_UNSUPPORTED;
}

static void usage_to_outcome(struct life *l)
{
	struct ward_usage u;

	ward_cage_usage(l->cage, &u);
	l->o->cpu_ms = u.cpu_ms;
	l->o->max_rss = u.max_rss;
	l->o->pids_peak = u.pids_peak;
	if (u.oom || l->o->status == WARD_STATUS_OOM)
		ward_outcome_set_limit(l->o, WARD_LIMIT_MEMORY, l->plan->limits.memory, 0);
	if (u.disk_full)
		ward_outcome_set_limit(l->o, WARD_LIMIT_DISK, l->plan->limits.disk, 0);
	/* The run had ended before somebody looked: how, is its own. */
	if (u.layer)
		ward_outcome_set_layer(l->o, l->plan->review.bound, u.layer);
	if (u.pids_refused || u.pids_reached)
		ward_outcome_set_limit(l->o, WARD_LIMIT_PIDS, l->plan->limits.pids, u.pids_refused);
}

/* After the last refusal was taken. */
static void names_to_outcome(struct life *l)
{
	if (l->names_over)
		ward_outcome_set_limit(l->o, WARD_LIMIT_NAMES, WARD_VIOLATION_NAMES_MAX,
			l->names_over);
	if (l->names_lost)
		ward_outcome_set_limit(l->o, WARD_LIMIT_LOOKED, WARD_VIOLATION_OVER_MAX,
			l->names_lost);
}

static int record_limits(struct life *l, struct ward_error *err)
{
	static const char *const names[WARD_LIMIT_MAX] = {
		[WARD_LIMIT_MEMORY] = "memory",
		[WARD_LIMIT_TIMEOUT] = "timeout",
		[WARD_LIMIT_STDOUT] = "stdout",
		[WARD_LIMIT_STDERR] = "stderr",
		[WARD_LIMIT_PIDS] = "pids",
		[WARD_LIMIT_DISK] = "disk",
		[WARD_LIMIT_NAMES] = "violations",
		[WARD_LIMIT_LOOKED] = "names",
	};
	int r = WARD_OK;

	for (int i = 0; r == WARD_OK && i < WARD_LIMIT_MAX; i++)
		if (l->o->limits[i].hit)
			r = record_limit(l, names[i], l->o->limits[i].value, l->o->limits[i].extra,
				err);
	return r;
}

/* The last records. The init has reaped everything; the kernel takes its namespaces apart meanwhile. */
static int wind_up(struct life *l, struct ward_error *err)
{
	struct ward_error later = WARD_ERROR_INIT;
	int r, s;

	/* The watch failed, and the command may still be alive: nothing is waited for that it could hold open. */
	if (!l->ended)
		ward_cage_finish(l->cage);
	net_ends(l);
	usage_to_outcome(l);
	ward_streams_drain(&l->streams, l->r->signal_fd[0], 0);
	ward_streams_result(&l->streams, l->o);
	if (l->cancel_sig) {
		l->o->has_signal = true;
		l->o->sig = l->cancel_sig;
	}
	r = record_refusals(l, err);
	if (l->o->status == WARD_STATUS_EXITED && l->o->code == 0)
		ward_outcome_drop_sought(l->o);
	s = net_end(l, r < 0 ? &later : err);
	r = r == WARD_OK ? s : r;
	names_to_outcome(l);
	ward_not_found(l);
	ward_no_tmp(l);
	ward_uncached(l);
	s = record_limits(l, r < 0 ? &later : err);
	if (r == WARD_OK)
		r = s;
	/* What is still alive could go on making names. */
	if (l->ended) {
		s = ward_late_look(l, r < 0 ? &later : err);
		r = r == WARD_OK ? s : r;
	}
	s = review_end(l, r < 0 ? &later : err);
	r = r == WARD_OK ? s : r;
	s = record_end(l, r < 0 ? &later : err);
	return r < 0 ? r : s;
}

/* From a prepared cage to the end of the run. */
static int live(struct life *l, struct ward_error *err)
{
	struct ward_error later = WARD_ERROR_INIT;
	int r, s;

	net_tell(l);
	review_wait(l);
	l->went = true;
	r = ward_cage_go(l->cage, err);
	ward_streams_started(&l->streams);
	ward_live_sweep(l->live); /* the command runs meanwhile */
	if (r == WARD_OK)
		review_live_begin(l);
	if (r == WARD_OK)
		r = supervise(l, err);
	if (r < 0)
		l->o->status = WARD_STATUS_LIMIT; /* ended by us: the log or the watch failed */
	s = wind_up(l, r < 0 ? &later : err);
	return r < 0 ? r : s;
}

/* What the caller's own limits refuse, no mechanism of the host is in the way of. */
static const char *fix_of(int sys)
{
	switch (sys) {
	case EMFILE:
	case ETOOMANYREFS: return "raise the limit of open files (ulimit -n): a run needs 64";
	case ELOOP: return "links lead in a circle: name what is meant itself";
	case EFBIG: return "raise the limit of file sizes (ulimit -f)";
	case EAGAIN:
	case ENFILE:
	case ENOMEM:
		return "try again when there is more room; `ulimit -a` and the cgroup say how much there is";
	default: return "run `ward doctor`: it executes each mechanism and names what refuses";
	}
}

static void refuse(struct life *l, struct ward_error *err)
{
	struct ward_error ignored = WARD_ERROR_INIT;

	l->o->status = l->cancel_sig ? WARD_STATUS_CANCELLED : WARD_STATUS_REFUSED;
	l->o->has_signal = l->cancel_sig != 0;
	l->o->sig = l->cancel_sig;
	if (l->plan && ward_plan_sign(l->plan, &ignored) == WARD_OK)
		memcpy(l->o->plan_sha256, l->plan->sha256, sizeof(l->o->plan_sha256));
	if (l->axes_json)
		(void)name_policies(l, &ignored);
	/* Whatever was to be opened, and however that is mended else. */
	if (err->sys_errno == EMFILE)
		ward_fail_fix(err, "%s", fix_of(EMFILE));
	if (!err->fix[0] &&
		(err->code == WARD_E_SYSTEM || err->code == WARD_E_SPAWN ||
			err->code == WARD_E_UNSUPPORTED))
		ward_fail_fix(err, "%s", fix_of(err->sys_errno));
	if (err->code == WARD_E_SPAWN && !l->plan &&
		(err->sys_errno == ENOENT || err->sys_errno == EACCES || err->sys_errno == ELOOP)) {
		l->o->status = WARD_STATUS_SPAWN_FAILED;
		l->o->exec_errno = err->sys_errno;
	}
	ward_outcome_set_error(l->o, err);
	/* Refused for something else, it may be, while run.start was made durable. */
	(void)record_settle(l, &ignored);
	if (err->code == WARD_E_AUDIT)
		return;
	if (l->started_recorded)
		(void)record_end(l, &ignored);
	else
		record_refused(l, err);
}

static void life_done(struct life *l)
{
	ward_head_start_free(l->head);
	(void)net_end(l, NULL);
	net_unlisten(l);
	ward_streams_done(&l->streams);
	l->o->steered = l->streams.steered;
	l->o->coloured = l->streams.coloured;
	if (l->audit)
		ward_outcome_set_audit(l->o, ward_audit_path(l->audit), l->first.seq, l->last.seq,
			l->last.seq ? l->last.hash : NULL);
	/* Another writer of the same log died in the middle of a line since. */
	if (l->audit && ward_audit_torn(l->audit) > l->torn)
		ward_outcome_note(l->o,
			"warning: a torn line of the log (%llu bytes) was cut into %s.torn",
			(unsigned long long)(ward_audit_torn(l->audit) - l->torn),
			ward_audit_path(l->audit));
	ward_audit_close(l->audit);
	free(l->axes_json);
	ward_net_index_free(l->net_index);
	ward_rulebook_freep(&l->book);
}

/* To a command that waits for its start, which is on record. */
static int start_recorded(struct life *l, struct ward_error *err)
{
	int code = asking_begin(l, err);

	if (code == WARD_OK)
		code = plan_and_start(l, err);
	if (code == WARD_OK)
		code = net_begin(l, err);
	if (code == WARD_OK)
		code = record_settle(l, err);
	if (code == WARD_OK && !l->started_recorded)
		code = ward_fail(err, WARD_E_AUDIT, "the run's start is on no record");
	return code;
}

static int run_whole(struct ward_request *r, struct ward_outcome **ret, struct ward_error *err)
{
	struct ward_error local = WARD_ERROR_INIT;
	struct life l = { .r = r };
	int code;

	ward_streams_init(&l.streams);
	if (!ret)
		return ward_fail(err, WARD_E_INVALID, "ward_run without a place for the outcome");
	*ret = NULL;
	if (!r)
		return ward_fail(err, WARD_E_INVALID, "ward_run without a request");
	if (r->argc < 1) {
		code = ward_fail(&local, WARD_E_INVALID, "no command to run");
		*ret = ward_outcome_refused(r, &local);
		if (err)
			*err = local;
		return code;
	}
	l.o = ward_outcome_new(r);
	if (!l.o)
		return ward_fail(err, WARD_E_NOMEM, "no memory for an outcome");
	code = ward_request_keep_streams();
	if (code < 0)
		code = ward_fail_errno(&local, WARD_E_SYSTEM, -code,
			"a closed descriptor 0, 1 or 2 cannot be kept from being taken");
	r->run_id = l.o->run;
	r->before = &l.before;
	ward_named_done(r);
	if (code == WARD_OK)
		code = start_recorded(&l, &local);
	asking_write_rules(&l);
	if (code == WARD_OK) {
		code = live(&l, &local);
		if (code < 0)
			ward_outcome_set_error(l.o, &local);
	} else {
		refuse(&l, &local);
	}
	life_done(&l);
	r->before = NULL;
	ward_looks_done(&l.looks);
	ward_before_done(&l.before);
	ward_lost_done(&l.lost);
	r->run_id = NULL; /* the outcome may be freed before the request */
	if (ward_outcome_finish(l.o) < 0)
		code = ward_fail(&local, WARD_E_NOMEM, "no memory for the outcome's text");
	/* Nothing of the run is alive when its outcome is handed out. */
	ward_cage_free(l.cage);
	review_done(&l);
	ward_pins_remove(&l);
	ward_live_free(l.live, ward_status_name(l.o->status));
	pending_end(&l);
	ward_plan_free(l.plan);
	asking_end(&l);
	*ret = l.o;
	if (code < 0 && err)
		*err = local;
	return code;
}

/* Cancelled half-way, the caller's thread would leave a lock of the log and every descriptor behind; a log at its limit would end the caller. */
int ward_run(struct ward_request *r, struct ward_outcome **ret, struct ward_error *err)
{
	struct ward_shield shield;
	int code;

	ward_thread_shield(&shield);
	code = run_whole(r, ret, err);
	ward_thread_unshield(&shield);
	return code;
}

int ward_request_plan(struct ward_request *r, bool json, char **ret_text, struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct life l = { .r = r };
	struct ward_plan *plan = NULL;
	struct ward_host host;
	int code;

	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_request_plan without a place for the text");
	*ret_text = NULL;
	if (!r || r->argc < 1)
		return ward_fail(err, WARD_E_INVALID, "no command to plan");
	if (r->backend == WARD_BACKEND_NATIVE) {
		code = check_proc_to_plan(err);
		if (code < 0)
			return code;
	}
	code = asking_begin(&l, err);
	if (code == WARD_OK)
		code = ward_host_probe(&host, err);
	if (code == WARD_OK)
		code = ward_resolve(r, &host, &plan, NULL, err);
	if (code == WARD_OK)
		code = ward_plan_sign(plan, err);
	if (code == WARD_OK && json)
		ward_plan_json(plan, &b);
	else if (code == WARD_OK)
		ward_plan_text(plan, &b);
	ward_plan_free(plan);
	asking_end(&l);
	if (code < 0)
		return code;
	*ret_text = ward_buf_take(&b);
	return *ret_text ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "no memory for the plan's text");
}
