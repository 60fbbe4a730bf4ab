/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Naming what a grant of a single file does not give (the plan's switch notify-replace). Such a file is a mount of its own:
 * it can be read, and maybe written, but its name cannot be taken from it. The kernel says EBUSY, and tells nobody; so the calls that
 * rename and unlink are looked at where the plan has such a grant, and only there.
 *
 * Going on decides nothing: the kernel reads the path again, and a mount point is refused whoever asked. What would fail
 * in another way first (another file system, a name that is not there) goes on, so that programs that know what to do
 * then still do it: mv copies after EXDEV, and may write the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "confine/native/broker/notify.h"

/* One name that a call takes away or gives. */
struct end {
	struct ward_place at; /* its directory */
	char path[WARD_PATH_MAX];
	const struct ward_node *node; /* where the view itself has that name */
};

static bool alone(const struct end *e)
{
	return e->node && ward_plan_alone(e->node);
}

/* The which-th path of the call, up to its last name, which is not followed. */
static bool find_end(struct ward_notify *n, struct ward_ask *ask, const struct ward_peek *call,
	unsigned which, struct end *e)
{
	struct ward_peek_words w;
	char last[256], *slash, *name;
	int len;

	if (ward_peek_words(ask->dir, ask->mem, call, which, &w) < 0)
		return false;
	slash = strrchr(w.text, '/');
	name = slash ? slash + 1 : w.text;
	if (!name[0] || strlen(name) >= sizeof(last) || ward_streq(name, ".") ||
		ward_streq(name, ".."))
		return false;
	memcpy(last, name, strlen(name) + 1);
	if (slash)
		slash[slash == w.text] = '\0';
	if (ward_notify_place(n, ask, w.base, slash ? w.text : ".", true, &e->at) < 0 ||
		!e->at.is_dir)
		return false;
	len = snprintf(e->path, sizeof(e->path), "%s/%s", e->at.path, last);
	if (len < 0 || (size_t)len >= sizeof(e->path))
		return false;
	e->node = ward_notify_node(n, e->path);
	return true;
}

/* ... for a rename: the file that stands in its way, or NULL. */
static const struct end *in_the_way(struct ward_notify *n, struct ward_ask *ask,
	const struct end *from, const struct end *to, unsigned flags)
{
	struct ward_place is;

	if (from->at.mount != to->at.mount || ward_streq(from->path, to->path))
		return NULL; /* EXDEV; nothing to do */
	if (alone(to) && (flags & RENAME_NOREPLACE))
		return NULL; /* EEXIST */
	if (alone(from))
		return from;
	return alone(to) && ward_notify_place(n, ask, "/", from->path, false, &is) == 0 ? to : NULL;
}

static bool is_rename(long nr)
{
#ifdef SYS_rename
	if (nr == SYS_rename)
		return true;
#endif
#ifdef SYS_renameat
	if (nr == SYS_renameat)
		return true;
#endif
	return nr == SYS_renameat2;
}

void ward_notify_replace(struct ward_notify *n, struct ward_ask *ask)
{
	struct ward_peek call = { .nr = ask->req->data.nr };
	struct ward_refusal_note note = { .kind = WARD_REFUSAL_PATH,
		.action = WARD_CAP_FILE_WRITE,
		.syscall = ask->v.name,
		.seen = WARD_SEEN_ALONE };
	struct end e[2];
	const struct end *held = NULL;

	if (!(n->plan->seccomp & WARD_SECCOMP_NOTIFY_REPLACE)) {
		ward_notify_change(n, ask);
		return;
	}
	for (unsigned i = 0; i < 6; i++)
		call.arg[i] = ask->req->data.args[i];
	if (ward_notify_open_caller(n, ask) == 0 && find_end(n, ask, &call, 0, &e[0])) {
		if (is_rename(call.nr) && find_end(n, ask, &call, 1, &e[1]))
			held = in_the_way(n, ask, &e[0], &e[1],
				call.nr == SYS_renameat2 ? (unsigned)call.arg[4] : 0);
		else if (!is_rename(call.nr) && alone(&e[0]) &&
			!(call.nr == SYS_unlinkat && ((int)call.arg[2] & AT_REMOVEDIR)))
			held = &e[0];
	}
	if (!held) {
		if (n->plan->seccomp & WARD_SECCOMP_NOTIFY_WRITE)
			ward_notify_note_change(n, ask);
		ward_notify_continue(n, ask->req->id);
		return;
	}
	note.resource = held->path;
	ward_notify_tell(n, ask, &note);
	ward_notify_answer(n, ask->req->id, 0, EBUSY);
}
