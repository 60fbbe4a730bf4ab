/* SPDX-License-Identifier: Apache-2.0 */
/* interp.c: what the first bytes of a program say. Private to run, and with resolve.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ward_error;
struct ward_resolver;

/* The first bytes of a program. */
#define WARD_HEAD_MAX 256
struct ward_head {
	size_t n;
	char bytes[WARD_HEAD_MAX + 1];
	bool elf, script, cr;        /* cr: its first line ends as on Windows */
	char interp[WARD_HEAD_MAX], arg[WARD_HEAD_MAX];   /* of "#!"; arg "" = none */
	bool env;                    /* "#!/usr/bin/env X": interp is X, a bare name */
	char loader[WARD_HEAD_MAX];  /* PT_INTERP of an ELF program; "" = static. Read by ward_head_read */
	uint64_t loader_at, loader_n; /* where it stands in the file */
};
/* Pure: parse what was read. WARD_E_PARSE: a "#!" that means nothing, or one over WARD_HEAD_MAX bytes. */
int ward_head_parse(struct ward_head *h, struct ward_error *err);
int ward_head_read(const char *path, struct ward_head *ret, struct ward_error *err); /* opened without following links */
int ward_head_line_end(struct ward_resolver *rs, const struct ward_head *h, const char *path, struct ward_error *err);
