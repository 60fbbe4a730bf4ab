/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Naming programs that may not be executed (the plan's switch notify-exec). Landlock and mounts refuse them, and tell nobody; so
 * execve and execveat are looked at where the plan limits what may run, and only there. A program that is in the view
 * and that no rule lets run is noted and answered EACCES, as Landlock would; everything else goes on.
 *
 * Going on decides nothing. The kernel reads the caller's path again, which may be another one by then, and Landlock
 * judges what it finds. So a raced argument wins a line in the log or loses one, and never an execution. Nor may a mistake
 * here keep a granted program from running: Landlock's rules lie on files, not on names, and so does the comparison.
 * Loaders and the interpreters of "#!" lines are the kernel's own business and are not named.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/broker/notify.h"
#include "os/os.h"

int ward_notify_exec_init(struct ward_notify *n, struct ward_error *err)
{
	const struct ward_plan *p = n->plan;
	struct stat st;

	if (!(p->seccomp & WARD_SECCOMP_NOTIFY_EXEC))
		return WARD_OK;
	n->execs = calloc(p->n_nodes + p->n_exec_paths + 1, sizeof(*n->execs));
	if (!n->execs)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the call broker");
	/* Before the run: what the inside renames or replaces later is still what Landlock's rules lie on. */
	for (size_t i = 0; i < p->n_exec_paths; i++)
		if (fstatat(AT_FDCWD, p->exec_paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			n->execs[n->n_execs++] = (struct ward_file_id){ st.st_dev, st.st_ino };
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].kind == WARD_NODE_BIND && p->nodes[i].exec)
			n->execs[n->n_execs++] =
				(struct ward_file_id){ p->nodes[i].dev, p->nodes[i].ino };
	return WARD_OK;
}

/* Does a rule lie on it, or on a directory above it? By name for what Ward itself makes, else by what it is. */
static bool granted(const struct ward_notify *n, const struct ward_place *at)
{
	const struct ward_plan *p = n->plan;

	/* What a rule takes out of a directory of programs is a mount of its own. */
	if (at->mount && at->mount->noexec)
		return false;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].exec && ward_path_within(at->path, p->nodes[i].dest))
			return true;
	for (size_t i = 0; i < p->n_exec_paths; i++)
		if (ward_path_within(at->path, p->exec_paths[i]))
			return true;
	for (unsigned d = 0; d < at->depth; d++)
		for (size_t i = 0; at->above[d].ino && i < n->n_execs; i++)
			if (at->above[d].dev == n->execs[i].dev &&
				at->above[d].ino == n->execs[i].ino)
				return true;
	return false;
}

/* execveat of a descriptor itself: the name that it has must still be that file. */
static bool is_fd(const struct ward_ask *ask, int fd, const struct ward_place *at)
{
	char name[32];
	struct stat st;
	WARD_FD it = -1;

	(void)snprintf(name, sizeof(name), "fd/%d", fd);
	it = openat(ask->dir, name, O_PATH | O_CLOEXEC);
	return it >= 0 && at->depth && fstat(it, &st) == 0 &&
		st.st_dev == at->above[at->depth - 1].dev &&
		st.st_ino == at->above[at->depth - 1].ino;
}

/* Where the call's program is; false: nowhere that could be told. */
static bool find_program(struct ward_notify *n, struct ward_ask *ask, struct ward_place *ret)
{
	struct ward_peek call = { .nr = ask->req->data.nr };
	struct ward_peek_words w;
	int flags = 0;

	for (unsigned i = 0; i < 6; i++)
		call.arg[i] = ask->req->data.args[i];
	if (call.nr == SYS_execveat)
		flags = (int)call.arg[4];
	if (ward_notify_open_caller(n, ask) != 0 ||
		ward_peek_words(ask->dir, ask->mem, &call, 0, &w) < 0)
		return false;
	if (w.text[0])
		return ward_notify_place(n, ask, w.base, w.text, !(flags & AT_SYMLINK_NOFOLLOW),
			       ret) == 0;
	return (flags & AT_EMPTY_PATH) && ward_notify_place(n, ask, "/", w.base, true, ret) == 0 &&
		is_fd(ask, (int)call.arg[0], ret);
}

void ward_notify_exec(struct ward_notify *n, struct ward_ask *ask)
{
	struct ward_refusal_note note = { .kind = WARD_REFUSAL_PATH,
		.action = WARD_CAP_EXTERNAL_COMMAND,
		.syscall = ask->v.name };
	struct ward_place at;

	/* Without an execute bit it is no program, whatever is granted. */
	if (find_program(n, ask, &at) && S_ISREG(at.mode) && (at.mode & 0111) && !granted(n, &at)) {
		note.resource = at.path;
		note.seen =
			at.mount->kind == WARD_NODE_TMPFS ? WARD_SEEN_PRIVATE : WARD_SEEN_GRANTED;
		ward_notify_tell(n, ask, &note);
		ward_notify_answer(n, ask->req->id, 0, EACCES);
	} else if (n->plan->seccomp & WARD_SECCOMP_NOTIFY_OPEN) {
		ward_notify_look(n, ask);
	} else {
		ward_notify_continue(n, ask->req->id);
	}
}
