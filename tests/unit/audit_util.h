/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the audit log share: a directory of its own for each test, whole files in and out of memory, and
 * events to write. Trusts nothing that the code under test says of a file: it looks for itself.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/audit.h"
#include "tap.h"

#define AUDIT_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static char audit_dir[64], audit_log[96], audit_torn_file[112];

/* A fresh directory; audit_log is a name in it that does not exist yet. */
static TAP_UNUSED void audit_begin(void)
{
	strcpy(audit_dir, "/tmp/ward-audit-XXXXXX");
	REQUIRE(mkdtemp(audit_dir));
	snprintf(audit_log, sizeof(audit_log), "%s/audit.jsonl", audit_dir);
	snprintf(audit_torn_file, sizeof(audit_torn_file), "%s.torn", audit_log);
}

/* Remove audit_dir and the files in it. */
static TAP_UNUSED void audit_end(void)
{
	DIR *d = opendir(audit_dir);
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.') {
			int flags = e->d_type == DT_DIR ? AT_REMOVEDIR : 0;
			(void)unlinkat(dirfd(d), e->d_name, flags);
		}
	if (d)
		closedir(d);
	rmdir(audit_dir);
}

struct blob {
	char *s;
	size_t n;
};

static TAP_UNUSED struct blob blob_read(const char *path)
{
	struct blob b = { 0 };
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	b.s = malloc((size_t)st.st_size + 1);
	REQUIRE(b.s);
	while (b.n < (size_t)st.st_size) {
		ssize_t r = read(fd, b.s + b.n, (size_t)st.st_size - b.n);
		REQUIRE(r > 0);
		b.n += (size_t)r;
	}
	b.s[b.n] = '\0';
	close(fd);
	return b;
}

static TAP_UNUSED void blob_write(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, p, n) == (ssize_t)n);
	close(fd);
}

/* The lines of a log, each with its newline, as slices of b. Returns how many. */
static TAP_UNUSED size_t blob_lines(struct blob b, struct blob *lines, size_t max)
{
	size_t n = 0, at = 0;
	while (at < b.n && n < max) {
		char *nl = memchr(b.s + at, '\n', b.n - at);
		size_t len = nl ? (size_t)(nl - (b.s + at)) + 1 : b.n - at;
		lines[n++] = (struct blob){ b.s + at, len };
		at += len;
	}
	return n;
}

static TAP_UNUSED void audit_event_fill(struct ward_event *e, unsigned i)
{
	static const char *const rules[] = { "--read ./data", "caps.json:3 FILE_READ src/**" };
	static const char *const resources[] = { "/etc/passwd", "a\nb\x01\x7f", "\xff\xfe invalid",
		"caf\xc3\xa9 \"q\" \\", "\",\"hash\":\"0\"}\n{\"v\":1,\"seq\":1," };
	*e = (struct ward_event){ .kind = "policy.check", .run = "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
	e->effect = i % 2 ? "allow" : "deny";
	e->action = "FILE_READ";
	e->resource = resources[i % 5];
	if (i % 3 == 0) {
		e->rules = rules;
		e->n_rules = 2;
	}
	if (i % 4 == 1) {
		e->pid = 7;
		e->pid_start = 123456;
		e->detail_json = "{\"cure\":\"--cap 'FILE_READ:/etc/passwd'\",\"hash\":\"x\"}";
	}
}

/* Append n events to path through an object of its own. Returns the first error. */
static TAP_UNUSED int audit_write(const char *path, unsigned n, struct ward_error *err)
{
	struct ward_audit *a = NULL;
	int r = ward_audit_open(path, &a, NULL, err);
	for (unsigned i = 0; i < n && r >= 0; i++) {
		struct ward_event e;
		audit_event_fill(&e, i);
		r = ward_audit_append(a, &e, 1, false, NULL, NULL, err);
	}
	ward_audit_close(a);
	return r;
}

static TAP_UNUSED bool audit_verifies(const char *path, struct ward_audit_report *rep)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_audit_report mine;
	rep = rep ? rep : &mine;
	int r = ward_audit_verify(path, NULL, rep, &err);
	if ((r == WARD_OK) != rep->ok)
		FAIL("verify returned %d, but the report says ok=%d", r, rep->ok);
	return r == WARD_OK;
}
