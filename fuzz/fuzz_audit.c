/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of the audit log. The first byte chooses: the rest is a log, and verify and show must survive it; or the rest
 * says how a good log is changed (offset, bits), appended to or cut, and then verify must not call it good, nor an
 * append go on behind a damaged end. Works on files in a directory of its own, removed at the end.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "ward/ward.h"

#define RECORDS 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/ward-fuzz-audit-XXXXXX", file[64], torn[80];
static char *good;
static size_t good_n;

static void require(int ok)
{
	if (!ok)
		abort();
}

static void clean(void)
{
	unlink(file);
	unlink(torn);
	rmdir(dir);
}

static void put(const void *p, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	require(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static void begin(void)
{
	struct ward_audit *a = NULL;
	struct stat st;
	require(mkdtemp(dir) != NULL);
	atexit(clean);
	snprintf(file, sizeof(file), "%s/log", dir);
	snprintf(torn, sizeof(torn), "%s.torn", file);
	require(ward_audit_open(file, &a, NULL, NULL) == WARD_OK);
	for (int i = 0; i < RECORDS; i++) {
		struct ward_event e = { .kind = "policy.check",
			.effect = i % 2 ? "allow" : "deny",
			.action = "FILE_READ",
			.resource = "/a \"b\"\n",
			.detail_json = i % 3 ? NULL : "{\"cure\":\"x\"}" };
		require(ward_audit_append(a, &e, 1, false, NULL, NULL, NULL) == WARD_OK);
	}
	ward_audit_close(a);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	require(fd >= 0 && fstat(fd, &st) == 0);
	good_n = (size_t)st.st_size;
	good = malloc(good_n);
	require(good && read(fd, good, good_n) == (ssize_t)good_n);
	close(fd);
}

static void show_line(void *arg, const char *line)
{
	for (const char *p = line; *(int *)arg && *p; p++)
		require((unsigned char)*p >= 0x20 && *p != 0x7f);
}

/* Any bytes as a log. */
static void raw(const uint8_t *data, size_t size)
{
	struct ward_audit_report rep;
	char *text = NULL;
	int people = 1, machine = 0;
	put(data, size);
	int r = ward_audit_verify(file, NULL, &rep, NULL);
	require((r == WARD_OK) == rep.ok &&
		(r == WARD_OK || r == WARD_E_AUDIT || r == WARD_E_NOMEM));
	require(rep.ok || rep.bad_line > 0 || r == WARD_E_NOMEM);
	(void)ward_audit_verify_text(file, rep.head, false, &text, NULL);
	free(text);
	(void)ward_audit_show(file, false, show_line, &people, NULL);
	(void)ward_audit_show(file, true, show_line, &machine, NULL);
}

/* Triples of (offset high, offset low, bits) change the good log; what is not the good log any more must be seen. */
static void mutated(const uint8_t *data, size_t size)
{
	struct ward_audit_report rep;
	char *log = malloc(good_n);
	require(log != NULL);
	memcpy(log, good, good_n);
	for (size_t i = 0; i + 2 < size; i += 3)
		log[((size_t)data[i] << 8 | data[i + 1]) % good_n] ^= (char)data[i + 2];
	put(log, good_n);
	bool same = memcmp(log, good, good_n) == 0;
	require((ward_audit_verify(file, NULL, &rep, NULL) == WARD_OK) == same);
	free(log);
}

/* The good log and something behind it: what append then makes of it must verify, or append must refuse. */
static void continued(const uint8_t *data, size_t size)
{
	struct ward_audit_report rep;
	struct ward_audit *a = NULL;
	struct ward_event e = { .kind = "run.start" };
	char *log = malloc(good_n + size);
	require(log != NULL);
	memcpy(log, good, good_n);
	memcpy(log + good_n, data, size);
	put(log, good_n + size);
	free(log);
	unlink(torn);
	int r = ward_audit_open(file, &a, NULL, NULL);
	if (r == WARD_OK)
		r = ward_audit_append(a, &e, 1, false, NULL, NULL, NULL);
	ward_audit_close(a);
	int v = ward_audit_verify(file, NULL, &rep, NULL);
	if (r == WARD_OK && !memchr(data, '\n', size))
		require(v == WARD_OK && rep.records == RECORDS + 1);
	require(rep.records >= RECORDS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!good)
		begin();
	if (size == 0 || size > (1u << 20))
		return 0;
	if (data[0] % 4 == 1)
		mutated(data + 1, size - 1);
	else if (data[0] % 4 == 2)
		continued(data + 1, size - 1);
	else
		raw(data + 1, size - 1);
	return 0;
}
