/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small parsers of resolve under arbitrary bytes: the head of a program ("#!", ELF), pyvenv.cfg, the version files of
 * shims, and the caller's git config. Whatever the bytes: what comes out is bounded, is a text, and cannot name a path
 * where a name is meant.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/resolve/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_resolve.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void head(const uint8_t *data, size_t size)
{
	struct ward_head h = { .n = size < WARD_HEAD_MAX ? size : WARD_HEAD_MAX };
	struct ward_error err = WARD_ERROR_INIT;
	int r;

	memcpy(h.bytes, data, h.n);
	r = ward_head_parse(&h, &err);
	MUST(memchr(h.interp, '\0', sizeof(h.interp)) && memchr(h.arg, '\0', sizeof(h.arg)));
	if (r < 0) {
		MUST(!h.script && err.message[0] && err.fix[0]);
		return;
	}
	if (!h.script)
		return;
	MUST(h.interp[0] && !strpbrk(h.interp, " \t\n") && !strpbrk(h.arg, " \t\n"));
	MUST(h.env ? !strchr(h.interp, '/') && h.interp[0] != '-' : h.interp[0] == '/');
}

static void venv(char *text)
{
	uint32_t line = 0;
	const char *home = ward_rt_venv_home(text, &line);

	MUST(!home || (line > 0 && !strchr(home, '\n')));
}

static void versions(char *text, const char *key)
{
	for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
		const char *version = ward_rt_version(line, key);

		MUST(!version || (version[0] && version[0] != '.' && !strchr(version, '/')));
	}
}

static void tool_versions(char *text)
{
	for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
		const char *pair = ward_rt_tool_version(line),
			   *slash = pair ? strchr(pair, '/') : NULL;

		MUST(!pair ||
			(slash && slash > pair && pair[0] != '.' && slash[1] && slash[1] != '.' &&
				!strchr(slash + 1, '/')));
	}
}

static void config(const char *text, size_t size)
{
	struct ward_buf out = WARD_BUF_INIT, again = WARD_BUF_INIT;

	ward_gitconfig_user(text, size, &out);
	MUST(!out.failed && out.n < 2048);
	for (size_t i = 0; i < out.n; i++)
		MUST(out.s[i] == '\n' || out.s[i] == '\t' || (unsigned char)out.s[i] >= 0x20);
	/* What was written is read as the same. */
	if (out.n > 0) {
		ward_gitconfig_user(out.s, out.n, &again);
		MUST(again.n == out.n && memcmp(again.s, out.s, out.n) == 0);
	}
	ward_buf_done(&out);
	ward_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	head(data, size);
	config((const char *)data, size);
	for (int i = 0; i < 5; i++) {
		static const char *const keys[] = { NULL, NULL, "default_toolchain",
			"\"runtime\"" };

		memcpy(text, data, size);
		text[size] = '\0';
		if (i == 0)
			venv(text);
		else if (i == 4)
			tool_versions(text);
		else
			versions(text, keys[i]);
	}
	free(text);
	return 0;
}
