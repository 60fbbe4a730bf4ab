/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a capability file and, when they hold no NUL, as a --cap argument. What is refused must leave nothing
 * behind and say something fit to print; what is accepted must pass the check of a capability by itself, keep its
 * origin, and come out the same when it is written as an argument.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void check_error(int r, const struct ward_error *err)
{
	char line[2048];

	MUST(err->code == r && err->message[0] != '\0');
	MUST(err->error_class == WARD_CLASS_CAPABILITY);
	ward_error_format(err, line, sizeof(line));
	for (const char *p = line; *p; p++)
		MUST((unsigned char)*p >= 0x20 && *p != 0x7f);
	MUST(ward_utf8_valid(line, strlen(line)));
}

static void check_cap(const struct ward_cap *cap)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(8u << 20);
	WARD_CLEANUP(ward_buf_done) struct ward_buf arg = WARD_BUF_INIT;
	struct ward_caps again = { .arena = arena };

	MUST(ward_cap_check(cap, NULL) == WARD_OK);
	MUST(ward_cap_type_held(cap->type));
	MUST(cap->resource[0] != '\0' && !cap->literal);
	ward_buf_addf(&arg, "%s:%s", ward_cap_type_name(cap->type), cap->resource);
	MUST(!arg.failed && arena != NULL);
	MUST(ward_caps_add_arg(&again, ward_buf_cstr(&arg), 1, NULL) == WARD_OK);
	MUST(again.n == 1 && again.v[0].type == cap->type);
	MUST(strcmp(again.v[0].resource, cap->resource) == 0);
	if (cap->type == WARD_CAP_FILE_READ || cap->type == WARD_CAP_FILE_WRITE) {
		MUST(!ward_path_has_dotdot(cap->resource) && cap->resource[0] != '~');
		MUST(ward_utf8_valid(cap->resource, strlen(cap->resource)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(32u << 20);
	struct ward_caps caps = { .arena = arena };
	struct ward_error err = WARD_ERROR_INIT;
	int r;

	if (arena == NULL)
		return 0;
	r = ward_caps_parse(&caps, (const char *)data, size, "fuzz.json", &err);
	if (r < 0) {
		check_error(r, &err);
		MUST(caps.n == 0);
	}
	for (size_t i = 0; i < caps.n; i++) {
		MUST(caps.v[i].origin.line > 0 && strcmp(caps.v[i].origin.file, "fuzz.json") == 0);
		check_cap(&caps.v[i]);
	}
	if (memchr(data, 0, size) != NULL)
		return 0;
	char *arg = strndup((const char *)data, size);
	MUST(arg != NULL);
	size_t before = caps.n;
	err = (struct ward_error)WARD_ERROR_INIT;
	r = ward_caps_add_arg(&caps, arg, 1, &err);
	if (r < 0)
		check_error(r, &err);
	MUST(caps.n == before + (r == WARD_OK));
	if (r == WARD_OK && caps.v[before].type != WARD_CAP_ENV)
		check_cap(&caps.v[before]);
	free(arg);
	return 0;
}
