/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Naming what would change something that may only be read (the plan's switch notify-write). The mount says EROFS, and tells
 * nobody; so the calls that write, make, remove and rename are looked at where the plan grants something for reading alone.
 *
 * Nothing is decided here: the call goes on, whatever is found, and the kernel reads the path again. A call of which the first
 * look, at the words alone, says that it lies elsewhere costs two system calls more than the answer; one that leads from
 * there through a link into what may only be read is refused all the same, without a name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "confine/native/broker/notify.h"

/* When does the kernel get as far as to ask whether the mount may be written? */
enum need {
	THERE = 0, /* the name leads to something (or is a link that its flags say not to follow) */
	NAME, /* ... and is not followed if it is a link */
	GONE, /* a name is taken away: its directory's mount counts, and no mount goes away */
	ABSENT, /* it is to be made */
	OPENS, /* by the flags */
	MOVES /* two names of one mount, the first of which is there */
};

struct change {
	int nr;
	enum need need;
	unsigned which; /* path */
	int flags; /* argument with the flags of an open; -1 = those of creat */
};

static const struct change changes[] = {
/* all others: THERE, 0 */
#ifdef SYS_open
	{ SYS_open, OPENS, 0, 1 },
	{ SYS_creat, OPENS, 0, -1 },
	{ SYS_unlink, GONE, 0, 0 },
	{ SYS_rmdir, GONE, 0, 0 },
	{ SYS_lchown, NAME, 0, 0 },
	{ SYS_mkdir, ABSENT, 0, 0 },
	{ SYS_mknod, ABSENT, 0, 0 },
	{ SYS_symlink, ABSENT, 0, 0 },
	{ SYS_link, ABSENT, 1, 0 },
	{ SYS_rename, MOVES, 0, 0 },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, MOVES, 0, 0 },
#endif
	{ SYS_openat, OPENS, 0, 2 },
	{ SYS_unlinkat, GONE, 0, 0 },
	{ SYS_mkdirat, ABSENT, 0, 0 },
	{ SYS_mknodat, ABSENT, 0, 0 },
	{ SYS_symlinkat, ABSENT, 0, 0 },
	{ SYS_linkat, ABSENT, 1, 0 },
	{ SYS_renameat2, MOVES, 0, 0 },
	{ SYS_lsetxattr, NAME, 0, 0 },
	{ SYS_lremovexattr, NAME, 0, 0 },
};

/* One notification of such a call. */
struct looked {
	struct ward_notify *n;
	struct ward_ask *ask;
	struct ward_peek call;
	struct change how;
	struct ward_place at; /* that, or the directory that it is a name of */
	char path[WARD_PATH_MAX]; /* what is refused */
	bool made; /* it is not there, and was to be made */
};

/* A name that a policy keeps from coming to be: as good as absent, though an empty directory stands there. */
static bool is_pin(const struct ward_node *n)
{
	return n && n->kind == WARD_NODE_MASK && n->pin;
}

/* Or taken out by a rule: who writes to that is seen by FUSE, and who would move or remove it is not. */
static bool only_read(const struct ward_node *n)
{
	return n && ((n->kind == WARD_NODE_BIND && !n->write) || is_pin(n) || ward_fuse_tells(n));
}

/* What a name of the table is part of: a directory that Ward makes, on the way to a mount, belongs to what it lies in. */
static bool lies_in_only_read(const struct looked *l, const char *path)
{
	char rest[WARD_PATH_MAX];
	uint32_t at = ward_notify_find(l->n, path, rest);

	while (at != WARD_TREE_NONE && at != 0 && l->n->tree.v[at].node->kind == WARD_NODE_DIR)
		at = l->n->tree.v[at].parent;
	return at != WARD_TREE_NONE && only_read(l->n->tree.v[at].node);
}

/* By the words alone: may it lie in what is only read? Everything else answers for itself, or may be written. */
static bool may_be_only_read(const struct looked *l, unsigned which)
{
	struct ward_peek_words w;
	char path[WARD_PATH_MAX], *slash;
	int r = ward_peek_words_of(l->n->proc, (int)l->ask->req->pid, &l->call, which, &w);

	if (r < 0) /* a host that lets nobody read so: the other way is slower */
		return r == -ENOSYS || r == -EPERM;
	if (ward_path_join(w.base, w.text, path, sizeof(path)) < 0)
		return false;
	if (lies_in_only_read(l, path))
		return true;
	/* A name that is a mount of its own is the directory's all the same. */
	slash = strrchr(path, '/');
	if ((l->how.need != GONE && l->how.need != MOVES) || !slash || slash == path)
		return false;
	*slash = '\0';
	return lies_in_only_read(l, path);
}

/* With --attribution notify all is looked at, whatever the words say: links lead elsewhere. */
static bool worth_it(const struct looked *l)
{
	return (l->n->plan->seccomp & WARD_SECCOMP_NOTIFY_OPEN) ||
		may_be_only_read(l, l->how.which) ||
		(l->how.need == MOVES && may_be_only_read(l, 1));
}

static bool keep(struct looked *l, const char *dir, const char *name)
{
	int n = snprintf(l->path, sizeof(l->path), "%s%s%s", dir, name[0] ? "/" : "", name);

	return n > 0 && (size_t)n < sizeof(l->path) && l->at.mount &&
		((l->at.mount->kind == WARD_NODE_BIND && !l->at.mount->write) ||
			is_pin(l->at.mount));
}

static bool is_pinned(const struct looked *l)
{
	return is_pin(ward_notify_node(l->n, l->path));
}

/* The directory of a name into dir, and the name, which is cut off of w. NULL: it has none. */
static const char *split(struct looked *l, struct ward_peek_words *w, struct ward_place *dir)
{
	size_t len = strlen(w->text);
	char *slash, *name;
	bool root;

	while (len > 1 && w->text[len - 1] == '/')
		w->text[--len] = '\0';
	slash = strrchr(w->text, '/');
	name = slash ? slash + 1 : w->text;
	root = slash == w->text;
	if (slash)
		*slash = '\0';
	if (!name[0] || ward_streq(name, ".") || ward_streq(name, ".."))
		return NULL;
	return ward_notify_place(l->n, l->ask, root ? "/" : w->base, slash && !root ? w->text : ".",
		       true, dir) == 0 &&
			dir->is_dir
		? name
		: NULL;
}

/* A name that is not there, in a directory that is only read; or that is pinned, of which the kernel says EEXIST. */
static bool absent(struct looked *l, struct ward_peek_words *w)
{
	const char *name;
	bool kept;
	int r;

	r = ward_notify_place(l->n, l->ask, w->base, w->text, false, &l->at);
	name = split(l, w, &l->at);
	l->made = name != NULL;
	kept = name && keep(l, l->at.path, name);
	return name && ((kept && r == -ENOENT) || is_pinned(l));
}

/* A name that is a mount of its own, and only read. */
static bool is_held(const struct looked *l)
{
	const struct ward_node *n = ward_notify_node(l->n, l->path);

	return is_pin(n) || (n && n->kind == WARD_NODE_BIND && !n->write && !n->base);
}

/* What a rule took out is there, and no walk gets to it. */
static bool is_taken_out(const struct looked *l)
{
	const struct ward_node *n = ward_notify_node(l->n, l->path);

	return n && ward_fuse_tells(n);
}

static bool gone(struct looked *l, struct ward_peek_words *w)
{
	bool there = ward_notify_place(l->n, l->ask, w->base, w->text, false, &l->at) == 0;
	const char *name = split(l, w, &l->at);
	bool kept = name && keep(l, l->at.path, name);

	return name && (is_taken_out(l) || (there && (kept || is_held(l))));
}

/* Something that is there, of the kinds that belong to the mount and not to a driver. */
static bool present(struct looked *l, const struct ward_peek_words *w, bool follow)
{
	return ward_notify_place(l->n, l->ask, w->base, w->text, follow, &l->at) == 0 &&
		(S_ISREG(l->at.mode) || S_ISDIR(l->at.mode) || S_ISLNK(l->at.mode)) &&
		keep(l, l->at.path, "");
}

static bool opens(struct looked *l, struct ward_peek_words *w)
{
	uint64_t flags =
		l->how.flags < 0 ? O_CREAT | O_WRONLY | O_TRUNC : l->call.arg[l->how.flags];
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
	unsigned how = (unsigned)(flags & O_ACCMODE); /* 3 is for ioctl alone */
	bool writes = unnamed || how == O_WRONLY || how == O_RDWR || (flags & O_TRUNC);

	if (flags & O_PATH)
		return false;
	if (present(l, w, !(flags & O_NOFOLLOW)))
		return is_pinned(l)
			? unnamed || (flags & O_CREAT)
			: writes && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL) &&
				S_ISDIR(l->at.mode) == unnamed && !S_ISLNK(l->at.mode);
	return (flags & O_CREAT) && absent(l, w);
}

/* Of one mount, else EXDEV: what was to be moved, or a mount that was to give way. */
static bool moves(struct looked *l, struct ward_peek_words *w)
{
	struct ward_place from;
	const char *name;
	bool first, there;

	there = ward_notify_place(l->n, l->ask, w->base, w->text, false, &l->at) == 0;
	first = gone(l, w);
	from = l->at;
	if ((!there && !first) || !from.is_dir ||
		ward_peek_words(l->ask->dir, l->ask->mem, &l->call, 1, w) < 0)
		return false;
	if (first) {
		name = split(l, w, &l->at);
		return name && l->at.mount == from.mount;
	}
	return gone(l, w) && l->at.mount == from.mount;
}

static bool refused(struct looked *l)
{
	struct ward_peek_words w;

	if (ward_notify_open_caller(l->n, l->ask) != 0 ||
		ward_peek_words(l->ask->dir, l->ask->mem, &l->call, l->how.which, &w) < 0)
		return false;
	switch (l->how.need) {
	case THERE: return present(l, &w, !ward_peek_nofollow(&l->call));
	case NAME: return present(l, &w, false);
	case GONE: return gone(l, &w);
	case ABSENT: return absent(l, &w);
	case OPENS: return opens(l, &w);
	case MOVES: return moves(l, &w);
	}
	return false;
}

void ward_notify_note_change(struct ward_notify *n, struct ward_ask *ask)
{
	struct looked l = { .n = n, .ask = ask, .call = { .nr = ask->req->data.nr } };
	struct ward_refusal_note note = { .kind = WARD_REFUSAL_PATH,
		.action = WARD_CAP_FILE_WRITE,
		.syscall = ask->v.name,
		.seen = WARD_SEEN_ONLY_READ };
	char words[1024];
	size_t n_words;

	for (unsigned i = 0; i < 6; i++)
		l.call.arg[i] = ask->req->data.args[i];
	for (size_t i = 0; i < WARD_ARRAY_SIZE(changes); i++)
		if (changes[i].nr == l.call.nr)
			l.how = changes[i];
	if (ward_refusals_full(n->refusals) || !worth_it(&l) || !refused(&l))
		return;
	note.resource = l.path;
	if (l.made) {
		n_words = ward_peek_cmdline(ask->dir, words, sizeof(words));
		note.quiet = ward_quiet_write(l.path, words, n_words);
	} else {
		note.quiet = ward_quiet_change(l.path);
	}
	ward_notify_tell(n, ask, &note);
}

void ward_notify_change(struct ward_notify *n, struct ward_ask *ask)
{
	ward_notify_note_change(n, ask);
	ward_notify_continue(n, ask->req->id);
}

/* With --attribution notify every open is looked at, and these as well. */
void ward_notify_write(struct ward_notify *n, struct ward_ask *ask)
{
	if (n->plan->seccomp & WARD_SECCOMP_NOTIFY_OPEN)
		ward_notify_note_open(n, ask);
	ward_notify_change(n, ask);
}
