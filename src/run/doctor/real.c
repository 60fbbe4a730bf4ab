/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of the pudding: ward_run() itself, with the defaults of `ward run` and a log of its own in a private directory.
 * First a command that only ends; then one that tries to read a file that nobody granted, and must neither get it nor be
 * refused it namelessly. Directories and logs are removed again.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/doctor/doctor.h"
#include "run/outcome.h"
#include "run/request.h"

#define LONGEST "30s"
#define TARGET_MAX 4096

struct place {
	char dir[256], log[288], ws[288]; /* the workspace, empty; the log may not lie in it */
};

/* A container may have but one directory that can be written to. */
static int place_make(struct place *p)
{
	const char *const above[] = { "/tmp", "/var/tmp", getenv("TMPDIR"), getenv("HOME") };
	int e = ENOENT;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(above) && !p->dir[0]; i++) {
		if (!above[i] || above[i][0] != '/' ||
			(size_t)snprintf(p->dir, sizeof(p->dir), "%s/ward-doctor-XXXXXX",
				above[i]) >= sizeof(p->dir) ||
			!mkdtemp(p->dir)) {
			e = i == 0 ? errno : e;
			p->dir[0] = '\0';
		}
	}
	if (!p->dir[0])
		return e;
	(void)snprintf(p->log, sizeof(p->log), "%s/audit.jsonl", p->dir);
	(void)snprintf(p->ws, sizeof(p->ws), "%s/ws", p->dir);
	return mkdir(p->ws, 0755) < 0 ? errno : 0;
}

static void place_remove(const struct place *p)
{
	if (!p->dir[0])
		return;
	(void)unlink(p->log);
	(void)rmdir(p->ws);
	(void)rmdir(p->dir);
}

/* Where NAME is; where neither has it (NixOS), the run looks for it on the PATH. */
static const char *program(const char *a, const char *b, const char *name)
{
	struct stat st;

	return stat(a, &st) == 0 ? a : stat(b, &st) == 0 ? b : name;
}

static const char *program_true(void)
{
	return program("/bin/true", "/usr/bin/true", "true");
}

static struct ward_request *request(const struct place *p, const char *exe, const char *arg,
	struct ward_error *err)
{
	const struct {
		const char *name, *value;
	} set[] = {
		{ "audit", p->log },
		{ "workspace", p->ws },
		{ "json", NULL },
		{ "stdin", "null" },
		{ "timeout", LONGEST },
	};
	char *argv[] = { strdup(exe), arg ? strdup(arg) : NULL, NULL };
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	int code = r && argv[0] ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "no memory for a request");

	for (size_t i = 0; code == WARD_OK && i < WARD_ARRAY_SIZE(set); i++)
		code = ward_request_set(r, set[i].name, set[i].value, err);
	if (r)
		r->unlisted = true;
	if (code == WARD_OK)
		code = ward_request_command(r, argv[1] ? 2 : 1, argv, err);
	free(argv[0]);
	free(argv[1]);
	if (code < 0) {
		ward_request_free(r);
		return NULL;
	}
	return r;
}

/* Run it to its end. NULL: it could not even be asked for, and f says why. */
static struct ward_outcome *run(struct doctor_finding *f, const struct doctor_check *row,
	const struct place *p, const char *exe, const char *arg)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = request(p, exe, arg, &err);
	struct ward_outcome *o = NULL;
	int code = r ? ward_run(r, &o, &err) : err.code;

	ward_request_free(r);
	if (code < 0 && !o)
		doctor_say(f, row->missing, "%s", err.message);
	return o;
}

/* It ended as it should? Otherwise say how it did, with the cure of what refused it. */
static bool ended(struct doctor_finding *f, const struct doctor_check *row,
	const struct ward_outcome *o, bool want_zero)
{
	const struct ward_error *err = ward_outcome_error(o);

	if (o->status == WARD_STATUS_EXITED && !err && (!want_zero || o->code == 0))
		return true;
	if (err) {
		doctor_say(f, row->missing, "%s: %s", ward_status_name(o->status), err->message);
		if (err->fix[0])
			doctor_fix(f, "%s", err->fix);
	} else {
		doctor_say(f, row->missing, "%s, code %d", ward_status_name(o->status),
			ward_outcome_exit_code(o));
		doctor_fix(f, "ward run --json -- true   # the outcome says more");
	}
	return false;
}

static void take_axes(struct doctor *d, const struct ward_outcome *o)
{
	for (int i = 0; d->planned && o->has_plan && i < WARD_AXIS_MAX; i++) {
		if (d->axes[i].level != o->axes[i])
			d->axes[i].by =
				"as the run held it; another level was planned: see what does not work above";
		d->axes[i].level = o->axes[i];
	}
}

/* The log that the run left must hold what a log holds. */
static bool log_whole(const struct place *p, uint64_t *ret_records, struct ward_error *err)
{
	struct ward_audit_report rep = { 0 };
	int code = ward_audit_verify(p->log, NULL, &rep, err);

	*ret_records = rep.records;
	return code == WARD_OK && rep.records > 0;
}

DOCTOR_CHECK(doctor_run)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct place p = { "", "", "" };
	struct ward_outcome *o = NULL;
	const char *exe = program_true();
	uint64_t records = 0;
	int e = place_make(&p);

	if (e)
		doctor_say(f, row->missing, "no directory for its log: %s", strerror(e));
	else
		o = run(f, row, &p, exe, NULL);
	if (o && o->status == WARD_STATUS_SPAWN_FAILED && !strchr(exe, '/')) {
		doctor_say(f, DOCTOR_WARN, "not tried: this host has no program named %s", exe);
	} else if (o && ended(f, row, o, true)) {
		take_axes(d, o);
		if (log_whole(&p, &records, &err))
			doctor_say(f, DOCTOR_OK,
				"%s exited with 0 after %llu ms; attribution: %s; %llu records, chain whole",
				exe, (unsigned long long)o->duration_ms, o->attribution,
				(unsigned long long)records);
		else
			doctor_say(f, row->missing, "the run's log is not whole: %s", err.message);
	}
	ward_outcome_free(o);
	place_remove(&p);
}

static bool named(const struct ward_outcome *o, const char *path)
{
	for (size_t i = 0; i < o->n_violations; i++)
		if (ward_streq(o->violations[i].resource, path) && o->violations[i].cure)
			return true;
	return false;
}

/* A file that every host has one of, that everybody may read, and that is in no view. Its content into b. */
static const char *target(struct ward_buf *b)
{
	static const char *const files[] = { "/etc/machine-id", "/etc/hostname",
		"/etc/debian_version", "/etc/shells", "/etc/fstab", "/etc/issue" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(files); i++) {
		ward_buf_clear(b);
		if (ward_read_file(files[i], TARGET_MAX, b, NULL) == WARD_OK && b->n > 1)
			return files[i];
	}
	return NULL;
}

static void judge(struct doctor_finding *f, const struct doctor_check *row,
	const struct ward_outcome *o, const char *path, const struct ward_buf *secret)
{
	char word[WARD_PASTE_MAX];

	if (o->out.data && memmem(o->out.data, o->out.n, secret->s, secret->n)) {
		doctor_say(f, DOCTOR_FAIL, "%s was read although nothing grants it", path);
		doctor_fix(f, "ward plan -- cat %s   # a defect of Ward: report it with this plan",
			ward_paste(word, path, "FILE"));
	} else if (!o->has_code || o->code == 0) {
		doctor_say(f, row->missing, "the command did not notice that it was refused %s",
			path);
	} else if (named(o, path)) {
		doctor_say(f, DOCTOR_OK, "reading %s was refused, named, and came with its cure",
			path);
	} else if (ward_streq(o->attribution, "full")) {
		doctor_say(f, DOCTOR_FAIL, "reading %s was refused, but not named", path);
	} else {
		doctor_say(f, DOCTOR_OK, "reading %s was refused (not named: attribution %s)", path,
			o->attribution);
	}
}

DOCTOR_CHECK(doctor_refusal)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf secret = WARD_BUF_INIT;
	const char *path = target(&secret);
	struct place p = { "", "", "" };
	struct ward_outcome *o = NULL;
	int e = place_make(&p);

	(void)d;
	if (!path)
		doctor_say(f, DOCTOR_WARN, "not tried: no file of the host to be refused");
	else if (e)
		doctor_say(f, row->missing, "no directory for its log: %s", strerror(e));
	else
		o = run(f, row, &p, program("/bin/cat", "/usr/bin/cat", "cat"), path);
	if (o && ended(f, row, o, false))
		judge(f, row, o, path, &secret);
	ward_outcome_free(o);
	place_remove(&p);
}

/* ---- the axes, also where a run is refused ---- */

static struct ward_plan *plan_of(struct doctor *d, const char *exe, bool grant)
{
	/* Any directory: an image may be of one program, or of one and its links in /bin. */
	static const char *const some[] = { "/usr", "/etc", "/bin", "/tmp", "/home", "/var" };
	struct stat st;
	struct place p = { "", "/dev/null", "" };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r;
	struct ward_plan *plan = NULL;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(some) && !p.ws[0]; i++)
		if (stat(some[i], &st) == 0)
			(void)snprintf(p.ws, sizeof(p.ws), "%s", some[i]);
	r = request(&p, exe, NULL, &err);
	/* Whatever the level: this plan is never run. */
	for (int i = 0; r && i < WARD_AXIS_MAX; i++)
		r->accept[i] = WARD_LEVEL_NONE;
	if (r && (!grant || ward_request_set(r, "read", exe, &err) == WARD_OK))
		(void)ward_resolve(r, &d->host, &plan, NULL, &err);
	ward_request_free(r);
	return plan;
}

void doctor_plan_axes(struct doctor *d)
{
	char self[PATH_MAX];
	ssize_t n;

	d->plan = plan_of(d, program_true(), false);
	/* A host without any program (an image of one static binary) has this one. */
	n = d->plan ? 0 : readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		d->plan = plan_of(d, self, true);
	}
	d->planned = d->plan != NULL;
	if (d->planned)
		memcpy(d->axes, d->plan->axes, sizeof(d->axes));
}
