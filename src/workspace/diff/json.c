/* SPDX-License-Identifier: Apache-2.0 */
/* A change for a program: docs/spec/diff.md. */
#include <stdio.h>
#include <string.h>

#include "workspace/diff/diff.h"

static void name(struct ward_buf *b, const char *key, const char *bytes_key, const char *s)
{
	ward_jw_kstr(b, key, s);
	if (s && !ward_utf8_valid(s, strlen(s))) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;

		ward_base64(&text, s, strlen(s));
		ward_jw_kstr(b, bytes_key, ward_buf_cstr(&text));
	}
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return "file";
	case S_IFLNK: return "link";
	case S_IFDIR: return "directory";
	case S_IFIFO: return "fifo";
	case S_IFSOCK: return "socket";
	case S_IFBLK: return "block-device";
	default: return "character-device";
	}
}

static void object(struct ward_buf *b, const char *key, mode_t mode, uint64_t size)
{
	char text[8];

	ward_jw_key(b, key);
	if (mode == 0) {
		ward_jw_null(b);
		return;
	}
	(void)snprintf(text, sizeof(text), "%04o", (unsigned)mode & 07777);
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "type", type_name(mode));
	ward_jw_kstr(b, "mode", text);
	ward_jw_ku64(b, "size", size);
	ward_jw_close(b, '}');
}

void ward_diff_json(struct writer *w, size_t i)
{
	const struct ward_change *c = w->v[i];
	struct ward_buf *b = w->out;
	struct measure m;

	w->code = ward_diff_measure(w, c, &m);
	if (w->code < 0)
		return;
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "kind", ward_change_kind_name(c->kind));
	name(b, "path", "path_base64", c->path);
	name(b, "from", "from_base64", c->from);
	object(b, "was", c->was_mode, c->was_size);
	object(b, "is", c->mode, c->size);
	ward_jw_kbool(b, "content", c->content);
	ward_jw_kbool(b, "bits", c->bits);
	ward_jw_kbool(b, "xattrs", c->xattrs);
	name(b, "link", "link_base64", c->link);
	name(b, "moved_to", "moved_to_base64", c->moved_to ? c->moved_to->path : NULL);
	ward_jw_kbool(b, "moved_unsure", c->moved_to && c->moved_unsure);
	ward_jw_kbool(b, "moved_part", c->moved_to && c->moved_part);
	ward_jw_kstr(b, "beyond", c->beyond);
	ward_jw_key(b, "lines");
	if (m.text) {
		ward_jw_open(b, '{');
		ward_jw_ku64(b, "new", m.n_new);
		ward_jw_ku64(b, "gone", m.n_gone);
		ward_jw_close(b, '}');
	} else {
		ward_jw_null(b);
	}
	ward_jw_close(b, '}');
}
