/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the conformance data, which is not part of the project: a test that wants it skips where it is not. */
#pragma once

#include <dirent.h>

#include "cedar/cedar.h"
#include "tap.h"

static TAP_UNUSED const char *data_folder(void)
{
	const char *folder = getenv("WARD_CEDAR_DATA");

	return folder != NULL && folder[0] != '\0' ? folder
						   : WARD_SOURCE_ROOT "/../shared/cedar-conformance";
}

/* The whole file into b; false: it is not there. */
static TAP_UNUSED bool data_read(struct ward_buf *b, const char *name)
{
	char path[4096], piece[65536];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", data_folder(), name);
	f = fopen(path, "rb");
	if (f == NULL)
		return false;
	b->max = 512u << 20;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		ward_buf_add(b, piece, n);
	fclose(f);
	return !b->failed;
}

static TAP_UNUSED struct ward_str data_text(const struct ward_buf *b)
{
	return (struct ward_str){ b->s, b->n };
}

/* To be called before anything is allocated. */
static TAP_UNUSED void data_or_skip(void)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/README.md", data_folder());
	f = fopen(path, "rb");
	if (f == NULL)
		SKIP("no conformance data in %s", data_folder());
	fclose(f);
}

static TAP_UNUSED struct ward_json *data_json(struct ward_arena *a, const char *name)
{
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *j = NULL;

	REQUIRE(data_read(&b, name));
	(void)ward_cedar_json_parse(a, data_text(&b), &j, NULL);
	ward_buf_done(&b);
	return j;
}

static TAP_UNUSED const char *data_str(const struct ward_json *j, const char *key)
{
	const struct ward_json *m = ward_json_get(j, key);

	return m != NULL && m->type == WARD_JSON_STRING ? m->str.s : NULL;
}

static TAP_UNUSED bool data_bool(const struct ward_json *j, const char *key)
{
	const struct ward_json *m = ward_json_get(j, key);

	return m != NULL && m->type == WARD_JSON_BOOL && m->b;
}

static TAP_UNUSED int data_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* f(folder, name without the suffix) for each file that ends so, in order; how many there were. */
static TAP_UNUSED size_t data_each(const char *folder, const char *suffix,
	void (*f)(const char *folder, const char *name))
{
	char path[4096];
	char **names = NULL;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", data_folder(), folder);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		size_t len = strlen(e->d_name), cut = strlen(suffix);

		if (e->d_name[0] == '.' || len < cut || strcmp(e->d_name + len - cut, suffix) != 0)
			continue;
		names = realloc(names, (n + 1) * sizeof(*names));
		REQUIRE(names != NULL);
		names[n] = strdup(e->d_name);
		REQUIRE(names[n] != NULL);
		names[n++][len - cut] = '\0';
	}
	closedir(dir);
	if (n > 0)
		qsort(names, n, sizeof(*names), data_cmp);
	for (size_t i = 0; i < n; i++) {
		f(folder, names[i]);
		free(names[i]);
	}
	free(names);
	return n;
}
