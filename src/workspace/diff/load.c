/* SPDX-License-Identifier: Apache-2.0 */
/* What a name has, as git sees it: the bytes of a file, or the target of a link. Both sides change under us, and may be hostile. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/diff/diff.h"

#define LOOKED_AT 8000 /* bytes of a file in which git looks for a NUL */

static const char no_memory[] = "no memory for the content of a file";

static int load_link(int dir, const char *path, struct content *ret)
{
	WARD_FD fd = ward_beneath(dir, path, 0);
	char *s = malloc(WARD_PATH_MAX);
	ssize_t n = fd < 0 || s == NULL ? -1 : readlinkat(fd, "", s, WARD_PATH_MAX);

	if (s == NULL)
		return WARD_E_NOMEM;
	if (n < 0)
		free(s);
	else
		*ret = (struct content){ LOADED_TEXT, s, (size_t)n, (uint64_t)n, s };
	return WARD_OK;
}

static int load_file(int fd, const struct stat *st, struct content *ret)
{
	size_t n = 0, size;

	if (!S_ISREG(st->st_mode))
		return WARD_OK;
	ret->size = (uint64_t)st->st_size;
	if (ret->size > WARD_DIFF_FILE_MAX) {
		ret->what = LOADED_LARGE;
		return WARD_OK;
	}
	size = (size_t)st->st_size;
	ret->owned = malloc(size + 1);
	if (ret->owned == NULL)
		return WARD_E_NOMEM;
	while (n < size) {
		ssize_t got = read(fd, ret->owned + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return WARD_OK;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	ret->s = ret->owned;
	ret->n = n;
	ret->what =
		memchr(ret->s, '\0', n < LOOKED_AT ? n : LOOKED_AT) ? LOADED_BINARY : LOADED_TEXT;
	return WARD_OK;
}

int ward_diff_load(struct writer *w, const char *path, bool in_layer, mode_t mode,
	struct content *ret)
{
	WARD_FD fd = -1;
	struct stat st;
	int code = WARD_OK;

	*ret = (struct content){ .what = LOADED_UNREADABLE, .s = "" };
	if (!ward_diff_has_content(mode)) {
		ret->what = LOADED_NOTHING;
		return WARD_OK;
	}
	if (S_ISLNK(mode)) {
		code = load_link(in_layer ? w->layer : w->root, path, ret);
		return code < 0 ? ward_fail(w->err, code, no_memory) : code;
	}
	fd = in_layer ? ward_changed_get_alone(&w->way, w->layer, path, w->style->lives, &st)
		      : ward_beneath(w->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ret->busy = fd == -EBUSY;
	if (fd == -ENOMEM)
		code = WARD_E_NOMEM;
	else if (fd >= 0 && (in_layer || fstat(fd, &st) == 0))
		code = load_file(fd, &st, ret);
	return code < 0 ? ward_fail(w->err, code, no_memory) : code;
}

void ward_diff_unload(struct content *c)
{
	free(c->owned);
	c->owned = NULL;
}
