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
	ward_changes_free(c);
	return 0;
}
