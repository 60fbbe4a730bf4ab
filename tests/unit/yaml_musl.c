/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The YAML reader as the static ward has it: libyaml.a was compiled for glibc and is linked with musl here. That it links
 * shows that it needs nothing that musl lacks; that it reads, refuses and ends shows that the two agree on what they share.
 */
#include <stdio.h>
#include <string.h>

#include "registry/registry.h"

static int said;

static void say(int ok, const char *what)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++said, what);
}

int main(void)
{
	static const char good[] = "a: &x [1, no, 0x1f, .5, \"\\u00e9\"]\nb: *x\n",
			  bad[] = "a: [\n";
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *v = NULL;

	if (arena == NULL)
		return 1;
	printf("TAP version 13\n1..3\n");
	say(ward_yaml_parse(arena, good, sizeof(good) - 1, "p.yaml", &v, &err) == WARD_OK,
		"it reads");
	ward_jw_value(&b, v);
	say(strcmp(ward_buf_cstr(&b),
		    "{\"a\":[1,\"no\",31,0.5,\"\xc3\xa9\"],\"b\":[1,\"no\",31,0.5,\"\xc3\xa9\"]}") ==
			0,
		"it reads right");
	say(ward_yaml_parse(arena, bad, sizeof(bad) - 1, "p.yaml", &v, &err) == WARD_E_PARSE &&
			err.line == 2,
		"it refuses");
	return 0;
}
