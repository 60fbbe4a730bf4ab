/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test_changes.py: what a layer of an overlay changed. layer-diff LAYER ROOT list|patch|stat|names|status|json
 * list: one change a line, its words apart by a tab and its texts in hex, so that no name can disturb it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "workspace/workspace.h"

static void hex(const char *s)
{
	if (s == NULL)
		fputs("-", stdout);
	for (; s && *s; s++)
		printf("%02x", (unsigned char)*s);
}

static void list(const struct ward_changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct ward_change *v = &c->v[i];

		printf("%s\t", ward_change_kind_name(v->kind));
		hex(v->path);
		printf("\t");
		hex(v->from);
		printf("\t%o\t%o\t%" PRIu64 "\t%" PRIu64 "\t%s%s%s%s%s.\t", v->was_mode, v->mode,
			v->was_size, v->size, v->content ? "c" : "", v->bits ? "b" : "",
			v->xattrs ? "x" : "", v->origin ? "o" : "", v->opaque ? "q" : "");
		hex(v->link);
		printf("\n");
	}
}

static int flush(void *arg, struct ward_buf *out, struct ward_error *err)
{
	(void)arg;
	(void)err;
	(void)fwrite(out->s, 1, out->n, stdout);
	ward_buf_clear(out);
	return WARD_OK;
}

static int diff(const struct ward_changes *c, int layer, int root, const char *form,
	struct ward_error *err)
{
	static const char *const forms[] = { "patch", "stat", "names", "status", "json" };
	const struct ward_change **v = calloc(c->n + 1, sizeof(const struct ward_change *));
	struct ward_diff_style style = { .flush = flush };
	struct ward_buf out = WARD_BUF_INIT;
	int code;

	for (size_t i = 0; i < c->n; i++)
		v[i] = &c->v[i];
	while (strcmp(forms[style.form], form) != 0)
		style.form++;
	code = ward_diff_write(v, c->n, layer, root, &style, &out, err);
	ward_buf_done(&out);
	free(v);
	return code;
}

int main(int argc, char **argv)
{
	struct ward_changes *c = NULL;
	struct ward_error err = { 0 };
	int layer, root;

	if (argc != 4)
		return 2;
	layer = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	root = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (layer < 0 || root < 0)
		return 2;
	if (ward_changes_read(layer, root, &c, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	if (strcmp(argv[3], "list") == 0)
		list(c);
	else if (diff(c, layer, root, argv[3], &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	ward_changes_free(c);
	return 0;
}
