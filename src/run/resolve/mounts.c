/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's list of the mounts that this process sees, read once a run: most runs need none of it. */
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/resolve/look.h"

#define MOUNTS_BYTES_MAX (4u << 20)
#define FIELDS \
	5 /* of a line, as far as they are used: its number, its parent's, the file system's, the root in that, where */

/* "\040" and the like, in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool take(char *line, struct ward_mount *ret)
{
	char *field[FIELDS], *type;

	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = line;
		line += strcspn(line, " ");
		if (*line != ' ')
			return false;
		*line++ = '\0';
	}
	type = strstr(line, " - ");
	if (!type)
		return false;
	type += 3;
	type[strcspn(type, " ")] = '\0';
	unescape(field[3]);
	unescape(field[4]);
	*ret = (struct ward_mount){ .id = strtoul(field[0], NULL, 10),
		.parent = strtoul(field[1], NULL, 10),
		.fs = field[2],
		.root = field[3],
		.at = field[4],
		.type = type };
	return true;
}

const struct ward_mounts *ward_rs_mounts(struct ward_resolver *rs, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = MOUNTS_BYTES_MAX + 1 };
	struct ward_mounts *x = rs->mounts;
	size_t lines = 0;
	char *text, *next;

	if (x)
		return x;
	if (ward_read_file("/proc/self/mountinfo", MOUNTS_BYTES_MAX, &b, err) < 0)
		return NULL;
	text = ward_arena_dup(rs->arena, ward_buf_cstr(&b), b.n);
	for (size_t i = 0; i < b.n; i++)
		lines += b.s[i] == '\n';
	x = ward_arena_alloc(rs->arena, sizeof(*x));
	if (!text || !x) {
		(void)ward_rs_nomem(err);
		return NULL;
	}
	*x = (struct ward_mounts){ .v = ward_arena_alloc(rs->arena, (lines + 1) * sizeof(*x->v)) };
	if (!x->v) {
		(void)ward_rs_nomem(err);
		return NULL;
	}
	for (char *s = text; *s; s = next) {
		next = s + strcspn(s, "\n");
		if (*next)
			*next++ = '\0';
		if (x->n <= lines && take(s, &x->v[x->n])) {
			x->v[x->n].far = ward_mount_may_be_gone(x->v[x->n].type);
			x->v[x->n].kernels = ward_mount_is_kernels(x->v[x->n].type);
			x->n_far += x->v[x->n].far;
			x->n++;
		}
	}
	rs->mounts = x;
	return x;
}

static const struct ward_mount *parent_of(const struct ward_mounts *all, const struct ward_mount *m)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i].id == m->parent && &all->v[i] != m)
			return &all->v[i];
	}
	return NULL;
}

/* By one of the same parent, on the way to it. */
static bool is_covered(const struct ward_mounts *all, const struct ward_mount *m)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct ward_mount *by = &all->v[i];

		if (by != m && by->parent == m->parent && ward_path_within(m->at, by->at) &&
			!ward_streq(m->at, by->at))
			return true;
	}
	return false;
}

bool ward_mount_is_hidden(const struct ward_mounts *all, const struct ward_mount *m)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->v[i].parent == m->id && ward_streq(all->v[i].at, m->at))
			return true;
	}
	for (size_t up = 0; m && up <= all->n; up++) {
		if (is_covered(all, m))
			return true;
		m = parent_of(all, m);
	}
	return false;
}
