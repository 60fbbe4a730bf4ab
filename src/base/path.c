/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as text. Nothing here looks at a file system: a link is not followed, a name is not
 * checked, and what a path leads to is for os to find out, by descriptor. Empty and relative paths
 * are refused where an absolute one is asked for; on any error the output is "", which opens
 * nothing.
 */
#include <string.h>

#include "base/base.h"

/* Take the last component off out, which is "/a/b" or "" for the root. */
static size_t drop_last(const char *out, size_t len)
{
	while (len > 0 && out[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

/*
 * Append the components of s to out[0..*io_len), which holds no trailing slash. The room is tested
 * after "..", as the result has to fit and not the way to it; a component longer than the room
 * fails at once.
 */
static int append(char *out, size_t size, size_t *io_len, const char *s)
{
	size_t len = *io_len;

	while (*s != '\0') {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.') {
			len = drop_last(out, len);
		} else if (n > 0 && !(n == 1 && s[0] == '.')) {
			if (n + 2 > size - len)
				return WARD_E_LIMIT;
			out[len] = '/';
			memcpy(out + len + 1, s, n);
			len += n + 1;
		}
		s += n;
		if (*s == '/')
			s++;
	}
	*io_len = len;
	return WARD_OK;
}

static int finish(char *out, size_t size, size_t len, int r)
{
	if (r == WARD_OK && len == 0) {
		if (size < 2)
			r = WARD_E_LIMIT;
		else
			out[len++] = '/';
	}
	out[r == WARD_OK ? len : 0] = '\0';
	return r;
}

int ward_path_normalize(const char *path, char *out, size_t size)
{
	size_t len = 0;
	int r;

	if (size == 0)
		return WARD_E_LIMIT;
	if (path == NULL || path[0] != '/') {
		out[0] = '\0';
		return WARD_E_INVALID;
	}
	if (size > WARD_PATH_MAX)
		size = WARD_PATH_MAX;
	r = append(out, size, &len, path);
	return finish(out, size, len, r);
}

int ward_path_join(const char *base, const char *rel, char *out, size_t size)
{
	size_t len = 0;
	int r;

	if (size == 0)
		return WARD_E_LIMIT;
	if (rel == NULL || rel[0] == '\0') {
		out[0] = '\0';
		return WARD_E_INVALID;
	}
	if (rel[0] == '/')
		return ward_path_normalize(rel, out, size);
	if (base == NULL || base[0] != '/') {
		out[0] = '\0';
		return WARD_E_INVALID;
	}
	if (size > WARD_PATH_MAX)
		size = WARD_PATH_MAX;
	r = append(out, size, &len, base);
	if (r == WARD_OK)
		r = append(out, size, &len, rel);
	return finish(out, size, len, r);
}

bool ward_path_within(const char *path, const char *dir)
{
	size_t n = 1;

	if (path[0] != '/' || dir[0] != '/')
		return false;
	if (dir[1] == '\0')
		return true;
	/* Most that are compared part soon: no length is looked for first. */
	while (dir[n] != '\0' && path[n] == dir[n])
		n++;
	return dir[n] == '\0' && (path[n] == '\0' || path[n] == '/');
}

bool ward_path_has_dotdot(const char *path)
{
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.')
			return true;
		path += n;
		if (*path == '/')
			path++;
	}
	return false;
}

const char *ward_path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}
