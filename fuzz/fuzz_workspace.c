/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace.json as src/workspace/record.c reads it. Whatever it says: what was read has absolute, normal paths and a state that there is, and
 * written again it is read as the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RUN "01M8BFCZ1X6EEQSZDMNBR5W7AA"
#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_workspace.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void check_path(const char *path)
{
	char normal[WARD_PATH_MAX];

	MUST(path && path[0] == '/' &&
		ward_path_normalize(path, normal, sizeof(normal)) == WARD_OK &&
		ward_streq(path, normal));
}

static void check(const struct ward_workspace_facts *f)
{
	check_path(f->root);
	check_path(f->log);
	MUST(ward_streq(f->run, RUN) && f->command);
	MUST((unsigned)f->backend < WARD_DISK_BACKEND_MAX);
	MUST(f->since_ns >= 0 && f->started_ns >= 0 && f->ended_ns >= 0);
	MUST(f->has_code ? f->code >= 0 && f->code <= 255 : f->code == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_workspace *w = ward_store_new(), *again = ward_store_new();
	struct ward_buf b = WARD_BUF_INIT, c = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;

	MUST(w && again);
	if (ward_record_read(w, RUN, (const char *)data, size, &err) == WARD_OK) {
		check(&w->facts);
		ward_record_write(&w->facts, w->boot, &b);
		MUST(!b.failed);
		MUST(ward_record_read(again, RUN, b.s, b.n, &err) == WARD_OK);
		ward_record_write(&again->facts, again->boot, &c);
		MUST(!c.failed && b.n == c.n && memcmp(b.s, c.s, b.n) == 0);
	} else {
		MUST(err.code != WARD_OK && err.message[0]);
	}
	ward_buf_done(&b);
	ward_buf_done(&c);
	ward_workspace_close(w);
	ward_workspace_close(again);
	return 0;
}
