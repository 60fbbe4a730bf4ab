/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A yes that outlives the run, as a permit in the user's own layer: for these things, in this workspace, until a time. The file is
 * Cedar text like any other, for a person to read and to change; the time stands in a comment above, and what has expired is passed
 * over when policies are read, and taken out when the next one is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"

#define UNTIL "// until "
#define FOR_GOOD "// for good"
#define TIME_TEXT 21 /* 2026-12-26T04:50:00Z */
#define THINGS_WRITTEN 16
#define FILE_BYTES_MAX (1u << 20)
#define WAIT_NS 10000000000ull
#define NAP_NS 2000000L
#define CLOCK_DIFFERS 3600 /* seconds, between this host and a server of files */

static const char head[] =
	"// Permits that ward wrote because you said so; yours to change. What stands under an \"// until\" line counts until\n"
	"// then, down to the next such line.\n";

/* ---- the text ---- */

/* As people see it: nothing in it controls, hides or turns the direction of what stands beside it in the file. */
static bool writable(const char *s)
{
	return s[0] && ward_shown_plain(s, strlen(s));
}

static void literal(struct ward_buf *out, const char *s)
{
	ward_buf_addc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			ward_buf_addc(out, '\\');
		ward_buf_addc(out, *s);
	}
	ward_buf_addc(out, '"');
}

static bool thing_possible(const struct ward_ask_thing *t)
{
	enum ward_thing kind = ward_action_thing(t->action);

	return (kind == WARD_THING_PATH || kind == WARD_THING_PROGRAM ||
		       kind == WARD_THING_VARIABLE) &&
		writable(t->resource) && !ward_streq(t->resource, "/");
}

bool ward_rule_possible(const struct ward_asks *a, const struct ward_asked *k)
{
	bool ok = k->level == WARD_APPROVAL_RISKY && k->n_things > 0 &&
		k->n_things <= THINGS_WRITTEN && k->layer != WARD_LAYER_CEILING &&
		k->layer != WARD_LAYER_REPOSITORY && writable(a->workspace);

	for (size_t i = 0; ok && i < k->n_things; i++)
		ok = thing_possible(&k->things[i]);
	return ok;
}

int ward_rule_permit(struct ward_buf *out, const char *id, const char *reason,
	const struct ward_ask_thing *t, const char *workspace, struct ward_error *err)
{
	bool below = t->below;

	if (!thing_possible(t) || !writable(workspace) || !writable(id))
		return ward_fail(err, WARD_E_REFUSED, "no rule can be written for it");
	ward_buf_adds(out, "@id(");
	literal(out, id);
	ward_buf_adds(out, ")\n");
	if (reason && writable(reason)) {
		ward_buf_adds(out, "@reason(");
		literal(out, reason);
		ward_buf_adds(out, ")\n");
	}
	ward_buf_addf(out,
		"permit (\n  principal is Ward::Run,\n  action == Ward::Action::\"%s\",\n  resource %s Ward::%s::",
		ward_action_name(t->action), below ? "in" : "==",
		below ? "Path" : ward_thing_name(ward_action_thing(t->action)));
	literal(out, t->resource);
	ward_buf_adds(out, "\n)\nwhen { principal.workspace == Ward::Path::");
	literal(out, workspace);
	ward_buf_adds(out, " };\n\n");
	return out->failed ? ward_fail(err, WARD_E_NOMEM, "out of memory") : WARD_OK;
}

static void time_text(uint64_t seconds, char out[TIME_TEXT])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0'; /* before every time */
}

static void marker(struct ward_buf *out, uint64_t until)
{
	char text[TIME_TEXT];

	if (until == 0) {
		ward_buf_adds(out, FOR_GOOD "\n");
		return;
	}
	time_text(until, text);
	ward_buf_addf(out, UNTIL "%s\n", text);
}

int ward_rule_text(const struct ward_asks *a, const struct ward_asked *k, const char *run,
	uint64_t now, uint64_t until, struct ward_buf *out, struct ward_error *err)
{
	char id[64], reason[WARD_ERROR_MESSAGE_MAX], said[TIME_TEXT];
	int r = WARD_OK;

	if (!ward_rule_possible(a, k))
		return ward_fail(err, WARD_E_REFUSED, "no rule can be written for it");
	time_text(now, said);
	marker(out, until);
	(void)snprintf(reason, sizeof(reason), "said yes to at %s, for run %s: %.200s", said, run,
		k->reason && writable(k->reason) ? k->reason
			: k->id                  ? k->id
						 : "no reason was given");
	for (size_t i = 0; r == WARD_OK && i < k->n_things; i++) {
		(void)snprintf(id, sizeof(id), "approved.%.12s.%zu", k->digest, i + 1);
		r = ward_rule_permit(out, id, reason, &k->things[i], a->workspace, err);
	}
	return r;
}

/* ---- what has expired ---- */

/* Where the language ends a comment: of a file with "\r\n" the second is an empty line. */
static size_t line_length(const char *s, size_t n)
{
	size_t len = 0;

	while (len < n && s[len] != '\n' && s[len] != '\r')
		len++;
	return len;
}

/* 1: a line that says until when, and that is over or says no time; 0: one that is not over; -1: another line. */
static int over(const char *line, size_t n, const char now[TIME_TEXT])
{
	static const char shape[] = "0000-00-00T00:00:00Z";
	size_t skip = sizeof(UNTIL) - 1;

	if (n == sizeof(FOR_GOOD) - 1 && memcmp(line, FOR_GOOD, n) == 0)
		return 0;
	if (n < skip || memcmp(line, UNTIL, skip) != 0)
		return -1;
	if (n - skip != TIME_TEXT - 1)
		return 1;
	for (size_t i = 0; i < TIME_TEXT - 1; i++) {
		char c = line[skip + i];

		if (shape[i] == '0' ? c < '0' || c > '9' : c != shape[i])
			return 1;
	}
	return memcmp(line + skip, now, TIME_TEXT - 1) <= 0;
}

/* "//until", "  // Until ...": whoever wrote it believes that it ends something, and what stands below would count for good. */
static bool is_nearly(const char *line, size_t n)
{
	static const char word[] = "until";
	size_t i = 0;

	while (i < n && (line[i] == ' ' || line[i] == '\t'))
		i++;
	if (n - i < 2 || line[i] != '/' || line[i + 1] != '/')
		return false;
	while (i < n && (line[i] == '/' || line[i] == ' ' || line[i] == '\t'))
		i++;
	if (n - i < sizeof(word) - 1)
		return false;
	for (size_t k = 0; k < sizeof(word) - 1; k++) {
		if ((line[i + k] | 0x20) != word[k])
			return false;
	}
	i += sizeof(word) - 1;
	return i == n || !((line[i] | 0x20) >= 'a' && (line[i] | 0x20) <= 'z');
}

int ward_rule_check(const char *text, size_t n, const char *file, struct ward_error *err)
{
	uint32_t line = 1;

	for (size_t i = 0; i < n;) {
		size_t len = line_length(text + i, n - i);

		/* Before every time: whatever is over then says no time. */
		int o = over(text + i, len, "0000-00-00T00:00:00Z");

		if (o == 1 || (o < 0 && is_nearly(text + i, len))) {
			(void)ward_fail(err, WARD_E_PARSE,
				"what stands below counts until a time, and this is none");
			ward_fail_at(err, file, line, 1);
			ward_fail_fix(err,
				"write it so, from the beginning of the line: " UNTIL
				"2027-01-31T00:00:00Z");
			return WARD_E_PARSE;
		}
		line += i + len < n && text[i + len] == '\n';
		i += len + 1;
	}
	return WARD_OK;
}

void ward_rule_expire(char *text, size_t n, uint64_t now)
{
	char at[TIME_TEXT];
	bool gone = false;

	time_text(now, at);
	for (size_t i = 0; i < n;) {
		size_t len = line_length(text + i, n - i);
		int o = over(text + i, len, at);

		if (o >= 0)
			gone = o == 1;
		if (gone)
			memset(text + i, ' ', len);
		i += len + 1;
	}
}

enum ward_rule_doubt ward_rule_doubt(const char *text, size_t n, int64_t written, uint64_t now)
{
	static const char word[] = "forbid";
	enum ward_rule_doubt ret = WARD_RULE_SURE;
	bool counts = false;
	char at[TIME_TEXT];

	if (written <= (int64_t)now + CLOCK_DIFFERS)
		return ret;
	time_text(now, at);
	for (size_t i = 0; i < n;) {
		size_t len = line_length(text + i, n - i);
		int o = over(text + i, len, at);

		if (o >= 0)
			counts = o == 0 && text[i + sizeof("// ") - 1] == 'u';
		if (counts)
			ret = WARD_RULE_DOUBTED;
		/* Also where it is part of another word: then too much is refused, and not too little. */
		if (counts && memmem(text + i, len, word, sizeof(word) - 1))
			return WARD_RULE_DOUBTED_FORBID;
		i += len + 1;
	}
	return ret;
}

int ward_rule_doubt_fail(const char *file, const char *why, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_REFUSED,
		"it was written later than this host's clock says it is: %s", why);
	ward_fail_at(err, file, 0, 0);
	ward_fail_fix(err,
		"set the clock; where that is right, look at what stands under \"// until\" there, and touch the file");
	return WARD_E_REFUSED;
}

/* ---- the file ---- */

static int lock(int dir)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t begin = ward_now_mono_ns();

	/* Of the directory: a file of its own would be one more that is no policy. */
	while (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (ward_now_mono_ns() - begin > WAIT_NS)
			return -ETIMEDOUT;
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

static int own_dir(const char *dir, struct ward_error *err)
{
	char above[WARD_PATH_MAX], *slash;
	struct stat st;
	int fd;

	(void)snprintf(above, sizeof(above), "%s", dir);
	slash = strrchr(above, '/');
	if (slash && slash != above) {
		*slash = '\0';
		(void)mkdir(above, 0700); /* ~/.config; what lies above it is not ours to make */
	}
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot make '%s'", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot open '%s'", dir);
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	ward_close(fd);
	return ward_fail(err, WARD_E_REFUSED, "'%s' must be yours, and nobody else's to write",
		dir);
}

/* What is there and has not expired. */
static int present(const char *path, uint64_t now, struct ward_buf *out, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf old = { .max = FILE_BYTES_MAX };
	struct stat st = { 0 };
	int r = ward_read_file(path, FILE_BYTES_MAX, &old, err);

	if (r == WARD_E_NOTFOUND) {
		ward_buf_adds(out, head);
		return WARD_OK;
	}
	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot look at '%s'", path);
	/* Written anew it would be of this clock's time, and nobody would doubt what is over. */
	if (ward_rule_doubt(old.s, old.n, st.st_mtim.tv_sec, now))
		return ward_rule_doubt_fail(path,
			"what is over would count again if something were added", err);
	ward_rule_expire(old.s, old.n, now);
	/* Lines that are nothing but blanks now go, but one. */
	for (size_t i = 0, blank = 0; i < old.n;) {
		size_t len = strcspn(old.s + i, "\n");
		bool empty = strspn(old.s + i, " \t\r") >= len;

		blank = empty ? blank + 1 : 0;
		if (blank <= 1) {
			ward_buf_add(out, old.s + i, empty ? 0 : len);
			ward_buf_addc(out, '\n');
		}
		i += len + 1;
	}
	return WARD_OK;
}

/* What is written for good below a line that says until when would end with it. */
static bool under_a_time(const char *s, size_t n)
{
	bool some = false;

	for (size_t i = 0; i < n;) {
		size_t len = line_length(s + i, n - i);

		if (over(s + i, len, "0000-00-00T00:00:00Z") >= 0)
			some = s[i + sizeof("// ") - 1] == 'u';
		i += len + 1;
	}
	return some;
}

/* As it would be written: a second one of the same name would be warned of at each start. */
static bool stands(const struct ward_buf *b, struct ward_str text)
{
	const char *at = b->s, *end = at + b->n;

	while (text.n > 0 && text.s[text.n - 1] == '\n')
		text.n--;
	for (; at && text.n > 0 && (at = memmem(at, (size_t)(end - at), text.s, text.n)); at++) {
		if (!under_a_time(b->s, (size_t)(at - b->s)))
			return true;
	}
	return false;
}

int ward_rule_write(const char *dir, const char *file, struct ward_str text, uint64_t now,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf all = { .max = FILE_BYTES_MAX };
	char path[WARD_PATH_MAX];
	WARD_FD fd = -1;
	int r = ward_path_join(dir, file, path, sizeof(path));

	if (r < 0)
		return ward_fail(err, r, "no path for the rule");
	fd = own_dir(dir, err);
	if (fd < 0)
		return fd;
	r = lock(fd);
	if (r < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, -r, "cannot lock '%s'", dir);
	r = present(path, now, &all, err);
	if (r < 0)
		return r;
	if (stands(&all, text))
		return WARD_OK;
	if (text.n > 0 && text.s[0] == '@' && under_a_time(all.s, all.n))
		ward_buf_adds(&all, FOR_GOOD "\n");
	ward_buf_add(&all, text.s, text.n);
	if (all.failed)
		return ward_fail(err, WARD_E_LIMIT, "'%s' is full", path);
	return ward_replace_file(path, all.s, all.n, 0600, err);
}
