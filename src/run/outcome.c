/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome: its building, its JSON form (docs/spec/outcome.md, key order fixed), and the exit code that it
 * stands for. It decides nothing: what a refusal is worth was decided before it came here. Texts that the sandbox
 * chose are copied and escaped, never trusted to be text.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os/os.h"
#include "run/outcome.h"
#include "run/request.h"

#define OUTCOME_VERSION 1
#define ARENA_BYTES_MAX (64u << 20)
/* JSON of two captured streams, base64 or escaped: six bytes for one at worst. */
#define JSON_OVERHEAD_MAX (8u << 20)

static const char *const status_names[] = {
#define WARD_X(id, name) [id] = name,
	WARD_STATUSES(WARD_X)
#undef WARD_X
};

const char *ward_status_name(enum ward_status s)
{
	return (unsigned)s < WARD_STATUS_MAX ? status_names[s] : "unknown";
}

/* ---- building ---- */

struct ward_outcome *ward_outcome_new(const struct ward_request *r)
{
	struct ward_outcome *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->arena = ward_arena_new(ARENA_BYTES_MAX);
	if (!o->arena) {
		free(o);
		return NULL;
	}
	ward_ulid_now(o->run);
	o->started_ns = ward_now_wall_ns();
	o->began_ns = ward_now_mono_ns();
	o->attribution = "none";
	o->fail_on_violation = r && r->fail_on_violation;
	return o;
}

void ward_outcome_free(struct ward_outcome *o)
{
	if (!o)
		return;
	free(o->violations);
	free(o->late);
	free(o->notes);
	free(o->out.data);
	free(o->err_stream.data);
	free(o->json);
	free(o->report);
	ward_arena_free(o->arena);
	free(o);
}

void ward_outcome_set_plan(struct ward_outcome *o, const struct ward_request *r,
	const struct ward_plan *p)
{
	const struct ward_axis_state *a = &p->axes[WARD_AXIS_ATTRIBUTION];

	o->has_plan = true;
	o->direct = p->backend == WARD_BACKEND_DIRECT;
	for (int i = 0; i < WARD_AXIS_MAX; i++) {
		o->axes[i] = p->axes[i].level;
		o->accepted[i] = p->axes[i].accepted;
	}
	if (o->direct)
		o->attribution = "none";
	else
		o->attribution = a->level == WARD_LEVEL_ENFORCED ? "full" : "partial";
	o->attribution_chosen = r && r->attribution != WARD_ATTR_AUTO;
	o->attribution_why = a->by ? ward_arena_strdup(o->arena, a->by) : NULL;
	o->attribution_fix = a->fix ? ward_arena_strdup(o->arena, a->fix) : NULL;
	memcpy(o->plan_sha256, p->sha256, sizeof(o->plan_sha256));
}

static const char *dup_or_null(struct ward_arena *a, const char *s, bool *failed)
{
	char *copy = s ? ward_arena_strdup(a, s) : NULL;

	if (s && !copy)
		*failed = true;
	return copy;
}

int ward_outcome_add_violation(struct ward_outcome *o, const struct ward_outcome_violation *v)
{
	struct ward_outcome_violation copy = *v;
	bool failed = false;

	/* What has no place here could not be dropped again. */
	if (v->sought && o->n_violations >= WARD_VIOLATION_NAMES_MAX)
		return WARD_OK;
	o->violations_total += v->count;
	if (o->n_violations >= WARD_VIOLATION_NAMES_MAX)
		return WARD_OK;
	if (o->n_violations == o->cap_violations) {
		size_t cap = o->cap_violations ? 2 * o->cap_violations : 16;
		void *p = reallocarray(o->violations, cap, sizeof(*o->violations));

		if (!p)
			return WARD_E_NOMEM;
		o->violations = p;
		o->cap_violations = cap;
	}
	copy.action = dup_or_null(o->arena, v->action, &failed);
	copy.resource = dup_or_null(o->arena, v->resource, &failed);
	copy.rule = dup_or_null(o->arena, v->rule, &failed);
	copy.file = dup_or_null(o->arena, v->file, &failed);
	copy.why = dup_or_null(o->arena, v->why, &failed);
	copy.cure = dup_or_null(o->arena, v->cure && v->cure[0] ? v->cure : NULL, &failed);
	if (failed)
		return WARD_E_NOMEM;
	o->violations[o->n_violations++] = copy;
	return WARD_OK;
}

void ward_outcome_drop_sought(struct ward_outcome *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n_violations; i++) {
		if (o->violations[i].sought)
			o->violations_total -= o->violations[i].count;
		else
			o->violations[n++] = o->violations[i];
	}
	o->n_violations = n;
}

bool ward_outcome_again(struct ward_outcome *o, enum ward_axis axis, const char *action,
	const char *resource, uint64_t count)
{
	for (size_t i = 0; i < o->n_violations; i++) {
		struct ward_outcome_violation *v = &o->violations[i];

		if (v->axis == axis && ward_streq(v->action, action) &&
			ward_streq(v->resource, resource)) {
			v->count += count;
			o->violations_total += count;
			return true;
		}
	}
	return false;
}

int ward_outcome_add_late(struct ward_outcome *o, const struct ward_outcome_late *late)
{
	struct ward_outcome_late copy = *late;
	bool failed = false;

	o->late_total++;
	if (o->n_late >= WARD_LATE_NAMES_MAX)
		return WARD_OK;
	if (o->n_late == o->cap_late) {
		size_t cap = o->cap_late ? 2 * o->cap_late : 16;
		void *p = reallocarray(o->late, cap, sizeof(*o->late));

		if (!p)
			return WARD_E_NOMEM;
		o->late = p;
		o->cap_late = cap;
	}
	copy.path = dup_or_null(o->arena, late->path, &failed);
	copy.what = dup_or_null(o->arena, late->what, &failed);
	copy.why = dup_or_null(o->arena, late->why, &failed);
	if (failed)
		return WARD_E_NOMEM;
	o->late[o->n_late++] = copy;
	return WARD_OK;
}

void ward_outcome_set_published(struct ward_outcome *o, const struct ward_plan *p)
{
	struct ward_published *v = ward_arena_alloc(o->arena, p->n_published * sizeof(*v));

	/* A line less in an outcome is no failure of a run: the log has it, too. */
	for (size_t i = 0; v && i < p->n_published; i++)
		v[i] = p->published[i];
	o->published = v;
	o->n_published = v ? p->n_published : 0;
}

static void put_published(struct ward_buf *b, const struct ward_outcome *o)
{
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (o->n_published == 0)
		return;
	ward_jw_key(b, "published");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < o->n_published; i++) {
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "host", ward_published_text(&o->published[i], text));
		ward_jw_ku64(b, "inner", o->published[i].inner);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
}

void ward_outcome_set_audit(struct ward_outcome *o, const char *file, uint64_t first, uint64_t last,
	const char *head)
{
	o->has_audit = true;
	o->audit_file = file ? ward_arena_strdup(o->arena, file) : NULL;
	o->audit_first = first;
	o->audit_last = last;
	(void)snprintf(o->audit_head, sizeof(o->audit_head), "%s", head ? head : "");
}

void ward_outcome_set_limit(struct ward_outcome *o, enum ward_limit_id id, uint64_t value,
	uint64_t extra)
{
	if ((unsigned)id >= WARD_LIMIT_MAX)
		return;
	o->limits[id].hit = true;
	o->limits[id].value = value;
	o->limits[id].extra = extra;
}

const char *ward_layer_why(enum ward_layer_over why)
{
	static const char *const texts[] = {
		[WARD_LAYER_DEEP] = "a path of a directory has more than 65535 bytes",
		[WARD_LAYER_MANY] = "it has too many directories side by side",
		[WARD_LAYER_HIDDEN] = "a directory in it cannot be read",
	};

	return (size_t)why < WARD_ARRAY_SIZE(texts) ? texts[why] : NULL;
}

void ward_outcome_set_layer(struct ward_outcome *o, uint64_t bound, enum ward_layer_over why)
{
	ward_outcome_set_limit(o, WARD_LIMIT_DISK, bound, why > WARD_LAYER_FULL ? why : 0);
}

void ward_outcome_note(struct ward_outcome *o, const char *fmt, ...)
{
	const char **notes = reallocarray(o->notes, o->n_notes + 1, sizeof(*notes));
	WARD_CLEANUP(ward_buf_done) struct ward_buf shown = WARD_BUF_INIT;
	WARD_UNSET char line[2048];
	char *copy;
	va_list ap;

	if (!notes)
		return; /* a line less in a report is no failure of a run */
	o->notes = notes;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* What is shown already stays as it is. */
	ward_show(&shown, line, strlen(line));
	copy = shown.failed ? NULL : ward_arena_strdup(o->arena, ward_buf_cstr(&shown));
	/* A second plan has most of the first one's warnings. */
	for (size_t i = 0; copy && i < o->n_notes; i++)
		if (ward_streq(notes[i], copy))
			copy = NULL;
	if (copy)
		notes[o->n_notes++] = copy;
}

void ward_outcome_warn(struct ward_outcome *o, const char *what, const struct ward_error *why)
{
	char text[WARD_ERROR_FILE_MAX + WARD_ERROR_MESSAGE_MAX + WARD_ERROR_FIX_MAX + 64];

	(void)ward_error_format(why, text, sizeof(text));
	ward_outcome_note(o, "warning: %s: %s", what, text);
}

void ward_outcome_set_error(struct ward_outcome *o, const struct ward_error *err)
{
	o->has_error = true;
	o->error = *err;
}

struct ward_outcome *ward_outcome_refused(const struct ward_request *r,
	const struct ward_error *err)
{
	const struct ward_error unknown = { .code = WARD_E_INTERNAL,
		.message = "the run was refused, and nobody said why" };
	struct ward_outcome *o = ward_outcome_new(r);

	if (!o)
		return NULL;
	ward_outcome_set_error(o, err ? err : &unknown);
	if (ward_outcome_finish(o) < 0) {
		ward_outcome_free(o);
		return NULL;
	}
	return o;
}

/* ---- JSON ---- */

static void put_time(struct ward_buf *b, uint64_t ns)
{
	time_t s = (time_t)(ns / 1000000000u);
	struct tm tm;
	char text[40] = "", all[64];

	if (!gmtime_r(&s, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm)) {
		ward_jw_null(b);
		return;
	}
	(void)snprintf(all, sizeof(all), "%s.%03uZ", text, (unsigned)(ns / 1000000u % 1000u));
	ward_jw_cstr(b, all);
}

static void put_optional(struct ward_buf *b, const char *key, bool has, int64_t v)
{
	ward_jw_key(b, key);
	if (has)
		ward_jw_i64(b, v);
	else
		ward_jw_null(b);
}

static void put_text(struct ward_buf *b, const char *key, const char *s)
{
	ward_jw_kstr(b, key, s && s[0] ? s : NULL);
}

static void put_axes(struct ward_buf *b, const struct ward_outcome *o)
{
	ward_jw_key(b, "axes");
	ward_jw_open(b, '{');
	for (int i = 0; o->has_plan && i < WARD_AXIS_MAX; i++)
		ward_jw_kstr(b, ward_axis_name((enum ward_axis)i), ward_level_name(o->axes[i]));
	ward_jw_close(b, '}');
}

static void put_violation(struct ward_buf *b, const struct ward_outcome_violation *v)
{
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "error", ward_error_class_name(v->error));
	ward_jw_kstr(b, "axis", ward_axis_name(v->axis));
	ward_jw_kstr(b, "action", v->action);
	ward_jw_kstr(b, "resource", v->resource ? v->resource : "");
	ward_jw_ku64(b, "count", v->count);
	put_text(b, "rule", v->rule);
	put_text(b, "file", v->file);
	put_optional(b, "line", v->line != 0, v->line);
	put_text(b, "cure", v->cure);
	put_optional(b, "seq", v->seq != 0, (int64_t)v->seq);
	ward_jw_close(b, '}');
}

static void put_late(struct ward_buf *b, const struct ward_outcome *o)
{
	ward_jw_key(b, "late_names");
	if (!o->late_looked) {
		ward_jw_null(b);
		return;
	}
	ward_jw_open(b, '{');
	ward_jw_key(b, "names");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < o->n_late; i++) {
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "path", o->late[i].path);
		ward_jw_kstr(b, "what", o->late[i].what);
		ward_jw_kstr(b, "why", o->late[i].why);
		ward_jw_kbool(b, "held", o->late[i].held);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
	ward_jw_ku64(b, "total", o->late_total);
	ward_jw_kbool(b, "complete",
		o->late_complete && !o->lost_unknown && o->late_total == o->n_late);
	ward_jw_close(b, '}');
}

/* Not there where nothing is under review. */
static void put_review(struct ward_buf *b, const struct ward_outcome *o)
{
	if (!o->reviewed)
		return;
	ward_jw_key(b, "review");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "run", o->run);
	put_optional(b, "changes", o->review_counted, (int64_t)o->review_changes);
	ward_jw_kstr(b, "state", o->review_state ? o->review_state : "pending");
	ward_jw_close(b, '}');
}

static void put_stream(struct ward_buf *b, const char *key, const struct ward_outcome_stream *s)
{
	ward_jw_key(b, key);
	ward_jw_open(b, '{');
	put_optional(b, "bytes", s->counted, (int64_t)s->bytes);
	ward_jw_kbool(b, "truncated", s->truncated);
	if (s->captured && ward_utf8_valid(s->data, s->n)) {
		ward_jw_kstr(b, "encoding", "utf8");
		ward_jw_key(b, "data");
		ward_jw_str(b, s->data ? s->data : "", s->n);
	} else if (s->captured) {
		struct ward_buf text = { .max = b->max };

		ward_base64(&text, s->data, s->n);
		ward_jw_kstr(b, "encoding", "base64");
		ward_jw_key(b, "data");
		ward_jw_str(b, ward_buf_str(&text).s, ward_buf_str(&text).n);
		b->failed |= text.failed;
		ward_buf_done(&text);
	}
	ward_jw_close(b, '}');
}

static void put_audit(struct ward_buf *b, const struct ward_outcome *o)
{
	ward_jw_key(b, "audit");
	if (!o->has_audit) {
		ward_jw_null(b);
		return;
	}
	ward_jw_open(b, '{');
	put_text(b, "file", o->audit_file);
	put_optional(b, "first_seq", o->audit_first != 0, (int64_t)o->audit_first);
	put_optional(b, "last_seq", o->audit_last != 0, (int64_t)o->audit_last);
	put_text(b, "head", o->audit_head);
	ward_jw_close(b, '}');
}

static void put_error(struct ward_buf *b, const struct ward_outcome *o)
{
	const struct ward_error *e = &o->error;
	bool violation = e->error_class == WARD_CLASS_SANDBOX_VIOLATION &&
		e->violation != WARD_VIOLATION_NONE;

	ward_jw_key(b, "error");
	if (!o->has_error) {
		ward_jw_null(b);
		return;
	}
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "code", e->code);
	ward_jw_kstr(b, "name", ward_code_name(e->code));
	ward_jw_kstr(b, "class", ward_error_class_name(e->error_class));
	ward_jw_kstr(b, "security",
		violation ? ward_violation_code(e->violation)
			  : ward_error_class_code(e->error_class));
	ward_jw_kstr(b, "message", e->message);
	put_text(b, "fix", e->fix);
	put_text(b, "file", e->file);
	put_optional(b, "line", e->line != 0, e->line);
	put_optional(b, "column", e->column != 0, e->column);
	ward_jw_close(b, '}');
}

static void put_outcome(struct ward_buf *b, const struct ward_outcome *o)
{
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", OUTCOME_VERSION);
	ward_jw_kstr(b, "run", o->run);
	ward_jw_kstr(b, "status", ward_status_name(o->status));
	put_optional(b, "code", o->has_code, o->code);
	put_optional(b, "signal", o->has_signal, o->sig);
	ward_jw_key(b, "started");
	put_time(b, o->started_ns);
	ward_jw_ku64(b, "duration_ms", o->duration_ms);
	ward_jw_key(b, "usage");
	ward_jw_open(b, '{');
	ward_jw_ku64(b, "cpu_ms", o->cpu_ms);
	ward_jw_ku64(b, "max_rss", o->max_rss);
	ward_jw_ku64(b, "pids_peak", o->pids_peak);
	ward_jw_close(b, '}');
	put_axes(b, o);
	ward_jw_kstr(b, "attribution", o->attribution);
	put_published(b, o);
	put_review(b, o);
	ward_jw_key(b, "violations");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < o->n_violations; i++)
		put_violation(b, &o->violations[i]);
	ward_jw_close(b, ']');
	ward_jw_ku64(b, "violations_total", o->violations_total);
	put_late(b, o);
	put_stream(b, "stdout", &o->out);
	put_stream(b, "stderr", &o->err_stream);
	put_text(b, "policy_sha256", o->policy_sha256);
	put_text(b, "plan_sha256", o->plan_sha256);
	put_audit(b, o);
	put_error(b, o);
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
}

int ward_outcome_finish(struct ward_outcome *o)
{
	struct ward_buf json = { .max = JSON_OVERHEAD_MAX + 6 * (o->out.n + o->err_stream.n) };
	struct ward_buf report = WARD_BUF_INIT;

	if (!o->duration_ms)
		o->duration_ms = (ward_now_mono_ns() - o->began_ns) / 1000000u;
	put_outcome(&json, o);
	ward_report_write(o, &report);
	free(o->json);
	free(o->report);
	o->n_json = json.n;
	o->json = ward_buf_take(&json);
	o->report = ward_buf_take(&report);
	ward_buf_done(&json);
	ward_buf_done(&report);
	if (!o->json || !o->report) {
		o->n_json = 0;
		return WARD_E_NOMEM;
	}
	return WARD_OK;
}

/* ---- reading ---- */

enum ward_status ward_outcome_status(const struct ward_outcome *o)
{
	return o ? o->status : WARD_STATUS_REFUSED;
}

const char *ward_outcome_json(const struct ward_outcome *o, size_t *ret_n)
{
	if (ret_n)
		*ret_n = o ? o->n_json : 0;
	return o && o->json ? o->json : "";
}

const char *ward_outcome_report(const struct ward_outcome *o)
{
	return o && o->report ? o->report : "";
}

/*
 * End of a string, of the ways of a VT52, and of a link; back from the other screen, to where the cursor was before it, or is; margins; soft reset; plain letters;
 * characters as they are; wrapped, and not inserted; no reports of mouse and focus, no marks around what is pasted, and all is drawn at once.
 */
#define CALM \
	"\x1b\\\x1b<\x1b]8;;\x1b\\" \
	"\x1b" \
	"7\x1b[?1049l\x1b" \
	"7\x1b[r\x1b" \
	"8\x1b[!p\x1b[0m\x1b(B\x0f\x1b[?7h\x1b[4l" \
	"\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004;2026l"
#define CALM_PALETTE "\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\"

const char *ward_outcome_calm(const struct ward_outcome *o)
{
	if (!o || !o->steered)
		return "";
	return o->coloured ? CALM CALM_PALETTE : CALM;
}

const struct ward_error *ward_outcome_error(const struct ward_outcome *o)
{
	return o && o->has_error ? &o->error : NULL;
}

static int spawn_exit_code(const struct ward_outcome *o)
{
	if (!o->exec_errno)
		return 125;
	return o->exec_errno == ENOENT || o->exec_errno == ENOTDIR ? 127 : 126;
}

int ward_outcome_exit_code(const struct ward_outcome *o)
{
	static const int fixed[WARD_STATUS_MAX] = {
		[WARD_STATUS_REFUSED] = 125,
		[WARD_STATUS_TIMEOUT] = 124,
		[WARD_STATUS_OOM] = 128 + SIGKILL,
		[WARD_STATUS_LIMIT] = 128 + SIGKILL,
		[WARD_STATUS_POLICY_KILL] = 128 + SIGKILL,
	};

	/* What the command wrote is not all there: that must not look like success. */
	if (!o || (unsigned)o->status >= WARD_STATUS_MAX ||
		ward_streq(o->review_state, "incomplete"))
		return 125;
	if (fixed[o->status])
		return fixed[o->status];
	if (o->status == WARD_STATUS_SPAWN_FAILED)
		return spawn_exit_code(o);
	if (o->status == WARD_STATUS_EXITED)
		return o->code == 0 && o->fail_on_violation &&
				(o->violations_total > 0 || o->lost || o->lost_unknown)
			? 123
			: o->code & 0xff;
	return o->sig > 0 && o->sig < 128 ? 128 + o->sig : 125; /* signaled, cancelled */
}

static int deliver(const struct ward_request *r, const struct ward_outcome *o,
	struct ward_error *err)
{
	const char *report = ward_outcome_report(o);
	int code = WARD_OK, k;

	if (r->outcome.text)
		code = ward_dest_write(&r->outcome, "--outcome", ward_outcome_json(o, NULL),
			o->n_json, err);
	if (r->report.text) {
		k = ward_dest_write(&r->report, "--report", report, strlen(report),
			code < 0 ? NULL : err);
		code = code < 0 ? code : k;
	}
	if (r->head_to.text && o->has_audit && o->audit_head[0]) {
		char line[WARD_SHA256_HEX + 1];
		int n = snprintf(line, sizeof(line), "%s\n", o->audit_head);

		k = ward_dest_write(&r->head_to, "--head-to", line, (size_t)n,
			code < 0 ? NULL : err);
		code = code < 0 ? code : k;
	}
	return code;
}

/* As ward_run(): a file at the caller's limit, or a cancel half-way through a rename, is not the caller's end. */
int ward_outcome_deliver(const struct ward_request *r, const struct ward_outcome *o,
	struct ward_error *err)
{
	struct ward_shield shield;
	int code;

	if (!r || !o)
		return ward_fail(err, WARD_E_INVALID,
			"ward_outcome_deliver without a request or an outcome");
	ward_thread_shield(&shield);
	code = deliver(r, o, err);
	ward_thread_unshield(&shield);
	return code;
}
