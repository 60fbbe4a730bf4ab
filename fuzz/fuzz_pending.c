/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left of runs whose ward was killed: the files of LOG.runs as src/audit/pending.c reads them, and what src/run/aborted.c takes away
 * because of them. The input is files, each a byte that chooses the name, a length of two bytes and the text; a name that is the log's
 * appends to it instead, and one that begins with @ gets the head of a file of this machine in its place. Whatever they say: a sweep fails for nothing but memory, tells of each run once, and hands out whole texts
 * only; what it told of is gone afterwards, and everything else is still there. Works in a directory of its own.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void saw_pin(const char *dest);
static void saw_run(const char *run);
#define ward_pin_forget saw_pin_as_ward_pin_forget
#define ward_confine_forget saw_run_as_ward_confine_forget
#define ward_live_forget saw_run_as_ward_live_forget
#include "audit/log.h"
#include "run/aborted.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_pending.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define RUN "01M8BFCZ1X6EEQSZDMNBR5W7A"
#define FILES 12

/* The log has a start of 0 and 1, and an end of 1 and 2. */
static const char *const names[] = { RUN "0", RUN "1", RUN "2", RUN "3", RUN "4.ended",
	RUN "0.ended", ".new." RUN "0", ".new.x", "x", RUN "5.endedx", RUN, "log" };
static const bool is_one[] = { true, true, true, true, true, true, false, false, false, false,
	false };

static char dir[] = "/tmp/ward-fuzz-pending-XXXXXX", file[64], runs[72];
static struct ward_audit *audit;
static bool before[FILES], raw_log;
static unsigned told_of[FILES]; /* of the run of this name */
static const struct ward_dead_run *now;

void saw_pin_as_ward_pin_forget(const char *dest)
{
	saw_pin(dest);
}
void saw_run_as_ward_confine_forget(const char *run)
{
	saw_run(run);
}
void saw_run_as_ward_live_forget(const char *run)
{
	saw_run(run);
}

static void saw_pin(const char *dest)
{
	MUST(dest >= now->text && dest + strlen(dest) < now->text + now->n);
}

static void saw_run(const char *run)
{
	MUST(ward_ulid_valid(run) && run == now->run);
}

static void put(const char *path, int flags, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	MUST(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/* Only who has our boot and name is one of ours. */
static void put_run(const char *path, const uint8_t *p, size_t n)
{
	char head[256] = "";
	struct stat st;

	if (n > 0 && p[0] == '@') {
		MUST(stat(file, &st) == 0);
		(void)snprintf(head, sizeof(head), "%llu %u %llu %s %s",
			(unsigned long long)st.st_ino, n > 1 ? p[1] : 0,
			(unsigned long long)st.st_dev, audit->boot, audit->host);
		put(path, O_TRUNC, head, strlen(head) + 1);
		p++;
		n--;
	}
	put(path, head[0] ? O_APPEND : O_TRUNC, p, n);
}

static void empty_runs(void)
{
	char path[160];

	for (size_t i = 0; i + 1 < FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", runs, names[i]);
		unlink(path);
	}
}

static void clean_up(void)
{
	empty_runs();
	rmdir(runs);
	unlink(file);
	rmdir(dir);
}

static void begin(void)
{
	static const struct {
		const char *kind, *run;
	} rows[] = { { "run.start", RUN "0" }, { "run.start", RUN "1" }, { "run.end", RUN "1" },
		{ "run.end", RUN "2" } };

	if (audit)
		ward_audit_close(audit);
	unlink(file);
	MUST(ward_audit_open(file, &audit, NULL, NULL) == WARD_OK);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_event e = { .kind = rows[i].kind, .action = "run", .run = rows[i].run };

		MUST(ward_audit_append(audit, &e, 1, false, NULL, NULL, NULL) == WARD_OK);
	}
	raw_log = false;
}

/* A run may have two files, and which of them was told of is not said. */
static bool is_of(size_t i, const char *run)
{
	return is_one[i] && strncmp(names[i], run, WARD_ULID_SIZE - 1) == 0;
}

static void note(const struct ward_dead_run *d)
{
	bool known = false;

	for (size_t i = 0; i + 1 < FILES; i++) {
		known = known || (is_of(i, d->run) && before[i]);
		told_of[i] += is_of(i, d->run);
	}
	MUST(known);
}

static int saw(void *arg, const struct ward_dead_run *d, size_t n, struct ward_error *err)
{
	(void)arg;
	(void)err;
	MUST(n > 0 && n <= WARD_PENDING_DEAD_MAX);
	for (size_t i = 0; i < n; i++) {
		struct ward_event e = { .kind = "run.end" };

		MUST(ward_ulid_valid(d[i].run) && (d[i].text || d[i].n == 0));
		note(&d[i]);
		now = &d[i];
		clean(now, &e);
		MUST(!e.workspace || strlen(e.workspace) < WARD_PATH_MAX);
		MUST(!e.resource || strlen(e.resource) < WARD_PATH_MAX);
	}
	return WARD_OK;
}

static void not_seen(void *arg, const char *what)
{
	(void)arg;
	MUST(what && what[0]);
}

static void sweep(void)
{
	const struct ward_pending_found f = { saw, not_seen, NULL };
	struct ward_error err = WARD_ERROR_INIT;
	char path[160];

	memset(told_of, 0, sizeof(told_of));
	MUST(ward_pending_sweep(audit, &f, &err) == WARD_OK);
	for (size_t i = 0; i + 1 < FILES; i++) {
		unsigned gone = 0;
		bool there;

		for (size_t k = 0; k + 1 < FILES; k++) {
			(void)snprintf(path, sizeof(path), "%s/%s", runs, names[k]);
			there = access(path, F_OK) == 0;
			MUST(!there || before[k]);
			gone += is_of(k, names[i]) && before[k] && !there;
			MUST(is_one[k] ||
				there == (before[k] && strncmp(names[k], ".new.", 5) != 0));
		}
		MUST(!is_one[i] || gone == told_of[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[160];

	if (!file[0]) {
		MUST(mkdtemp(dir) != NULL);
		(void)snprintf(file, sizeof(file), "%s/log", dir);
		(void)snprintf(runs, sizeof(runs), "%s.runs", file);
		MUST(mkdir(runs, 0700) == 0);
		atexit(clean_up);
		begin();
	}
	if (raw_log)
		begin();
	memset(before, 0, sizeof(before));
	for (size_t k = 0; k < FILES && size >= 3; k++) {
		size_t i = data[0] % FILES, n = (size_t)data[1] | (size_t)data[2] << 8;

		data += 3;
		size -= 3;
		n = n < size ? n : size;
		(void)snprintf(path, sizeof(path), "%s/%s", runs, names[i]);
		raw_log = raw_log || i + 1 == FILES;
		if (i + 1 == FILES)
			put(file, O_APPEND, data, n);
		else
			put_run(path, data, n);
		before[i] = true;
		data += n;
		size -= n;
	}
	sweep();
	empty_runs();
	return 0;
}
