/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log for people: the verdict of verify and one line of text a record. A log is foreign text: whatever
 * would move a terminal is escaped, nothing of it is used as a format, and nothing is said that was not checked.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/run.h"

#define NOTE \
	"unsigned chain; detects damage and partial edits, not a rewrite by whoever can write the file"

/* ---- verify ---- */

static void verdict_json(struct ward_buf *b, const char *file, const char *head,
	const struct ward_audit_report *rep)
{
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_kstr(b, "file", file);
	ward_jw_kbool(b, "ok", rep->ok);
	ward_jw_ku64(b, "records", rep->records);
	ward_jw_ku64(b, "first_seq", rep->first_seq);
	ward_jw_ku64(b, "last_seq", rep->last_seq);
	ward_jw_kstr(b, "head", rep->head);
	if (head) {
		ward_jw_key(b, "asked");
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "head", head);
		ward_jw_kbool(b, "found", rep->head_seq != 0);
		ward_jw_ku64(b, "seq", rep->head_seq);
		ward_jw_kbool(b, "last", rep->head_last);
		ward_jw_close(b, '}');
	}
	ward_jw_ku64(b, "bad_line", rep->bad_line);
	ward_jw_ku64(b, "bad_seq", rep->bad_seq);
	ward_jw_kstr(b, "why", rep->why);
	ward_jw_kbool(b, "torn", rep->torn);
	ward_jw_kstr(b, "note", NOTE);
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
}

/* Text with everything unprintable escaped, but without the quotes and with " and \ as they are. */
static void add_plain(struct ward_buf *b, const char *s, size_t n)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf q = WARD_BUF_INIT;
	for (size_t i = 0; i < n;) {
		size_t part = 0;
		while (i + part < n && s[i + part] != '"' && s[i + part] != '\\')
			part++;
		ward_buf_clear(&q);
		ward_quote(&q, s + i, part);
		if (q.failed || q.n < 2)
			b->failed = true;
		else
			ward_buf_add(b, q.s + 1, q.n - 2);
		i += part;
		if (i < n)
			ward_buf_addc(b, s[i++]);
	}
}

static void verdict_text(struct ward_buf *b, const char *file, const char *head,
	const struct ward_audit_report *rep)
{
	add_plain(b, file, strlen(file));
	if (rep->bad_line)
		ward_buf_addf(b,
			": INCONSISTENT at line %" PRIu64 " (seq %" PRIu64 "): ", rep->bad_line,
			rep->bad_seq);
	else if (!rep->ok)
		ward_buf_adds(b, ": INCONSISTENT: ");
	else
		ward_buf_addf(b,
			": ok: %" PRIu64 " records, seq %" PRIu64 " to %" PRIu64 ", head %s",
			rep->records, rep->first_seq, rep->last_seq, rep->head);
	add_plain(b, rep->why, strlen(rep->why));
	if (rep->torn)
		ward_buf_adds(b, "; the next start cuts it into a .torn file");
	if (rep->bad_line)
		ward_buf_addf(b, "\n%" PRIu64 " records before it hold together", rep->records);
	if (head && rep->head_seq)
		ward_buf_addf(b, "\nthe head asked for is seq %" PRIu64 "%s", rep->head_seq,
			rep->head_last ? ", the last record" : ", not the last record");
	ward_buf_adds(b, "\n" NOTE "\n");
}

int ward_audit_verify_text(const char *file, const char *head, bool json, char **ret_text,
	struct ward_error *err)
{
	char def[WARD_PATH_MAX];
	struct ward_audit_report rep;
	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_audit_verify_text without a place for the text");
	*ret_text = NULL;
	if (!file) {
		int r = ward_audit_default_path(def, sizeof(def), err);
		if (r < 0)
			return r;
		file = def;
	}
	int r = ward_audit_verify(file, head, &rep, err);
	if (r != WARD_OK && r != WARD_E_AUDIT)
		return r;
	struct ward_buf b = WARD_BUF_INIT;
	if (json)
		verdict_json(&b, file, head, &rep);
	else
		verdict_text(&b, file, head, &rep);
	*ret_text = ward_buf_take(&b);
	if (!*ret_text) {
		ward_buf_done(&b);
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	}
	return r;
}

/* ---- show ---- */

struct show {
	bool json;
	const char *run; /* only the network of this one; NULL: all */
	bool any; /* of run there was something */
	struct ward_net_opened
		*opened; /* for people, begins are shown that have no end; else NULL */
	void (*fn)(void *arg, const char *line);
	void *arg;
	struct ward_buf line;
};

static const struct ward_json *get(const struct ward_json *rec, const char *key,
	enum ward_json_type type)
{
	const struct ward_json *j =
		rec && rec->type == WARD_JSON_OBJECT ? ward_json_get(rec, key) : NULL;
	return j && j->type == type ? j : NULL;
}

/* Local time as ISO 8601 with milliseconds and the offset: 2026-11-23T01:02:03.456+01:00 */
static void add_time(struct ward_buf *b, int64_t ns)
{
	char date[32], zone[8];
	struct tm tm;
	time_t t = (time_t)(ns / 1000000000);
	if (ns < 0 || !localtime_r(&t, &tm) ||
		!strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) ||
		strftime(zone, sizeof(zone), "%z", &tm) != 5) {
		ward_buf_addf(b, "ts=%" PRId64, ns);
		return;
	}
	ward_buf_addf(b, "%s.%03d%.3s:%s", date, (int)(ns / 1000000 % 1000), zone, zone + 3);
}

/* A member that is a word is shown as it is, anything else in quotes. */
static void add_word(struct ward_buf *b, const struct ward_json *rec, const char *key)
{
	const struct ward_json *j = get(rec, key, WARD_JSON_STRING);
	if (!j)
		return;
	size_t n = strspn(j->str.s,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	ward_buf_addc(b, ' ');
	if (n == j->str.n && n > 0)
		ward_buf_add(b, j->str.s, n);
	else
		ward_quote(b, j->str.s, j->str.n);
}

static void add_quoted(struct ward_buf *b, const char *label, const struct ward_json *j)
{
	if (!j)
		return;
	ward_buf_adds(b, label);
	ward_quote(b, j->str.s, j->str.n);
}

static void record_text(struct ward_buf *b, const struct ward_json *rec)
{
	const struct ward_json *ts = get(rec, "ts", WARD_JSON_INT);
	const struct ward_json *seq = get(rec, "seq", WARD_JSON_INT);
	const struct ward_json *pid = get(rec, "pid", WARD_JSON_INT);
	const struct ward_json *rules = get(rec, "rules", WARD_JSON_ARRAY);
	const struct ward_json *detail = get(rec, "detail", WARD_JSON_OBJECT);
	const struct ward_json *cure = get(detail, "cure", WARD_JSON_STRING);
	const struct ward_json *code = get(detail, "code", WARD_JSON_STRING);
	const struct ward_json *why = get(detail, "why", WARD_JSON_STRING);
	const struct ward_json *selftest = get(detail, "selftest", WARD_JSON_BOOL);
	const struct ward_json *quiet = get(detail, "quiet", WARD_JSON_BOOL);
	const struct ward_json *sought = get(detail, "sought", WARD_JSON_BOOL);
	bool mute = (selftest && selftest->b) || (quiet && quiet->b && !(sought && sought->b));

	add_time(b, ts ? ts->i : -1);
	ward_buf_addf(b, " #%" PRId64, seq ? seq->i : 0);
	add_word(b, rec, "kind");
	add_word(b, rec, "effect");
	add_word(b, rec, "action");
	add_quoted(b, " ", get(rec, "resource", WARD_JSON_STRING));
	if (pid)
		ward_buf_addf(b, " pid=%" PRId64, pid->i);
	for (const struct ward_json *rule = rules ? rules->child : NULL; rule; rule = rule->next)
		if (rule->type == WARD_JSON_STRING)
			add_quoted(b, " rule=", rule);
	/* Neither is what the command did wrong, so nobody should be led to grant it. */
	if (selftest && selftest->b) {
		ward_buf_adds(b, " (self-test)");
	} else if (quiet && quiet->b) {
		ward_buf_adds(b, mute ? " (quiet)" : " (where the command fails)");
	} else if (code && why) {
		/* A run that was refused: its cure is advice, not an option to paste. */
		ward_buf_adds(b, "; ");
		add_plain(b, why->str.s, why->str.n);
	}
	if (cure && cure->str.n > 0 && !mute) {
		ward_buf_adds(b, code ? "; fix: " : "; grant: ");
		add_plain(b, cure->str.s, cure->str.n);
	}
}

/* What a person wants to know of a connection. */
static void network_text(struct ward_buf *b, const struct ward_json *rec)
{
	static const char *const numbers[] = { "inner", "up", "down", "duration_ms", "count" };
	static const char *const words[] = { "address", "peer", "via", "upstream", "inspected",
		"ended", "comm", "program", "reason" };
	const struct ward_json *detail = get(rec, "detail", WARD_JSON_OBJECT);
	const struct ward_json *why = get(detail, "why", WARD_JSON_STRING);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++)
		if (get(detail, words[i], WARD_JSON_STRING)) {
			ward_buf_addf(b, " %s=", words[i]);
			ward_show(b, get(detail, words[i], WARD_JSON_STRING)->str.s,
				get(detail, words[i], WARD_JSON_STRING)->str.n);
		}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(numbers); i++)
		if (get(detail, numbers[i], WARD_JSON_INT))
			ward_buf_addf(b, " %s=%" PRId64, numbers[i],
				get(detail, numbers[i], WARD_JSON_INT)->i);
	if (why) {
		ward_buf_adds(b, "; ");
		add_plain(b, why->str.s, why->str.n);
	}
}

static bool of_run(const struct show *s, const struct ward_json *rec)
{
	const struct ward_json *run = get(rec, "run", WARD_JSON_STRING);

	return run && ward_streq(run->str.s, s->run);
}

static bool is_begin(const struct ward_json *rec)
{
	const struct ward_json *kind = get(rec, "kind", WARD_JSON_STRING);

	return kind && ward_streq(kind->str.s, "net.open");
}

/* Is it a record of the run's network? */
static bool of_network(struct show *s, const struct ward_json *rec)
{
	const struct ward_json *kind = get(rec, "kind", WARD_JSON_STRING);
	const struct ward_json *resource = get(rec, "resource", WARD_JSON_STRING);

	if (!kind || !of_run(s, rec))
		return false;
	s->any = true;
	return ward_has_prefix(kind->str.s, "net.") || ward_has_prefix(kind->str.s, "dns.") ||
		(ward_streq(kind->str.s, "limit.hit") && resource &&
			ward_has_prefix(resource->str.s, "egress."));
}

/*
 * The line as it is, which is what its hash is of; but what a terminal would obey, and which Ward itself never writes, as JSON escapes:
 * the same record. Such characters stand in texts alone, but for blanks between tokens.
 */
static void add_line(struct ward_buf *b, const char *line, size_t n)
{
	bool plain = ward_shown_plain(line, n);

	if (plain)
		ward_buf_add(b, line, n);
	for (size_t i = 0; !plain && i < n;) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf one = WARD_BUF_INIT;
		size_t part = 1;

		while (i + part < n && ((unsigned char)line[i + part] & 0xc0) == 0x80)
			part++;
		if (ward_shown_plain(line + i, part)) {
			ward_buf_add(b, line + i, part);
		} else if ((unsigned char)line[i] < 0x20) {
			ward_buf_addc(b, ' ');
		} else {
			ward_jw_str(&one, line + i, part);
			if (one.failed || one.n < 2)
				b->failed = true;
			else
				ward_buf_add(b, one.s + 1, one.n - 2);
		}
		i += part;
	}
}

static int show_record(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno)
{
	struct show *s = arg;
	(void)lineno; /* the record's own number is shown */
	if (s->run && !of_network(s, rec))
		return s->opened && of_run(s, rec) ? ward_net_opened_note(s->opened, rec, "") : 0;
	ward_buf_clear(&s->line);
	if (s->json)
		add_line(&s->line, line, n);
	else
		record_text(&s->line, rec);
	if (s->run && !s->json)
		network_text(&s->line, rec);
	const char *text = ward_buf_cstr(&s->line);
	if (s->line.failed)
		return WARD_E_NOMEM;
	if (!s->opened || !is_begin(rec))
		s->fn(s->arg, text);
	return s->opened ? ward_net_opened_note(s->opened, rec, text) : 0;
}

static void show_opened(void *arg, const char *line, int64_t n)
{
	struct show *s = arg;

	ward_buf_clear(&s->line);
	ward_buf_adds(&s->line, line);
	ward_buf_addf(&s->line, "; %" PRId64 " without an end on record", n);
	if (!s->line.failed)
		s->fn(s->arg, ward_buf_cstr(&s->line));
}

int ward_audit_show(const char *file, bool json, void (*fn)(void *arg, const char *line), void *arg,
	struct ward_error *err)
{
	if (!fn)
		return ward_fail(err, WARD_E_INVALID,
			"ward_audit_show without a function to show with");
	struct show s = { .json = json, .fn = fn, .arg = arg, .line = WARD_BUF_INIT };
	int r = ward_audit_each(file, show_record, &s, err);
	ward_buf_done(&s.line);
	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "out of memory");
	return r;
}

int ward_net_log(const char *file, const char *run, bool json,
	void (*fn)(void *arg, const char *line), void *arg, struct ward_error *err)
{
	struct show s = { .json = json, .run = run, .fn = fn, .arg = arg };
	int r;

	if (!fn || !run || !ward_ulid_valid(run)) {
		r = ward_fail(err, WARD_E_INVALID, "that is no run's name");
		ward_fail_fix(err, "give the run as the log has it: 26 letters and digits");
		return r;
	}
	if (!json)
		s.opened = ward_net_opened_new();
	r = json || s.opened ? ward_audit_each(file, show_record, &s, err) : WARD_E_NOMEM;
	if (r == WARD_OK && s.opened)
		ward_net_opened_each(s.opened, show_opened, &s);
	r = r == WARD_OK && s.line.failed ? WARD_E_NOMEM : r;
	ward_net_opened_free(s.opened);
	ward_buf_done(&s.line);
	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "out of memory");
	if (r == WARD_OK && !s.any)
		return ward_fail(err, WARD_E_NOTFOUND, "the log has nothing of run %s", run);
	return r;
}
