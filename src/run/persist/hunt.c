/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk. What lies there was made by those who are not trusted, and somebody may rename it while it is looked at: each directory is
 * opened below the root by openat2, which follows no link and comes out nowhere else, and read by its descriptor, of which one is open at a
 * time. Nearer directories come first, so that a bound cuts off what lies deep. Nothing is believed: a directory that looks like git's is
 * taken for one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"
#include "run/persist/persist.h"

#define READ_BYTES (32u << 10)
#define HUNT_BYTES_MAX (64u << 20)
#define TOPS 4 /* components of a row */
#define CLOCK_EVERY 512
#define TURN 4096 /* names of one directory, before others have theirs; or so many bytes of names */
#define TURN_BYTES (HUNT_BYTES_MAX / 4 / 32)

struct entry { /* getdents64(2) */
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* A name whose row waits until all of its directory is known. */
struct waiting {
	struct waiting *next;
	char *name;
	unsigned char type;
};

/* A directory that is still to be looked at, or to be read on. */
struct todo {
	struct todo *next;
	char *rel; /* "" is the root */
	unsigned depth;
	bool passed; /* it lies in what is passed over */
	const char *below; /* the outermost of such a name above it, or itself */
	bool tops[TOPS]; /* do rows of "top" count in what it lies in, in the one above that, ... */
	int64_t from; /* where it is read on; 0: it was not begun */
	const struct waiting *asked; /* what was asked for by name, where it was begun */
	unsigned saw; /* before */
};

/* What makes a directory git's. */
enum { SAW_GIT = 1, SAW_HEAD = 2, SAW_OBJECTS = 4, SAW_REFS = 8, SAW_COMMON = 16 };

struct hunting {
	struct ward_hunt *h;
	struct ward_arena *arena;
	const char *root;
	int fd; /* of it */
	struct todo *last, *at;
	int dir; /* of at */
	bool readable,
		hidden; /* of at: it is read, not entered by name alone; something may lie there that is not seen */
	unsigned saw;
	bool top; /* of at: as tops[0] of what lies in it */
	struct waiting *waiting;
	size_t bytes;
	bool stop;
	char path[WARD_PATH_MAX];
	size_t n_dir; /* bytes of it that are the directory */
	/* Filled by the kernel before it is read: most of it is never touched. */
	_Alignas(struct entry) char buf[READ_BYTES];
};

void ward_hunt_init(struct ward_hunt *h)
{
	h->looked_max = WARD_PERSIST_LOOKED_MAX;
	h->until_ns = ward_now_thread_ns() + WARD_PERSIST_TIME_MS * 1000000ull;
	h->wait_until_ns = ward_now_mono_ns() + WARD_PERSIST_WAIT_MS * 1000000ull;
}

static int no_memory(struct hunting *x)
{
	return ward_fail(x->h->err, WARD_E_NOMEM, "out of memory");
}

/* Into x->path; false: it is too long to be anybody's. */
static bool name_it(struct hunting *x, const char *name)
{
	size_t n = strlen(name);

	if (x->n_dir + n + 2 > sizeof(x->path))
		return false;
	x->path[x->n_dir] = '/';
	memcpy(x->path + x->n_dir + 1, name, n + 1);
	return true;
}

static bool is_gone(const struct hunting *x)
{
	for (size_t i = 0; i < x->h->n_gone; i++) {
		if (ward_streq(x->h->gone[i], x->path))
			return true;
	}
	return false;
}

static int push(struct hunting *x, const char *name, bool is_hit)
{
	size_t n = strlen(x->at->rel), len = strlen(name);
	struct todo *t = ward_arena_alloc(x->arena, sizeof(*t));

	if (!t)
		return no_memory(x);
	*t = (struct todo){ .depth = x->at->depth + 1,
		.passed = x->at->passed || ward_persist_passed(name) };
	t->below = x->at->below;
	if (!t->below && is_hit && x->h->all) {
		t->below = ward_arena_strdup(x->arena, x->path);
		if (!t->below)
			return no_memory(x);
	}
	if (t->depth > WARD_PERSIST_DEPTH_MAX) {
		x->h->cut = true;
		return WARD_OK;
	}
	t->rel = ward_arena_alloc(x->arena, n + len + 2);
	if (!t->rel)
		return no_memory(x);
	(void)snprintf(t->rel, n + len + 2, "%s%s%s", x->at->rel, n ? "/" : "", name);
	x->last->next = t;
	x->last = t;
	return WARD_OK;
}

/* ---- one name ---- */

static unsigned char type_of(struct hunting *x, const char *name, unsigned char type)
{
	struct stat st;

	if (type != DT_UNKNOWN)
		return type;
	if (name_it(x, name) && is_gone(x))
		return DT_DIR;
	if (fstatat(x->dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return DT_REG;
	return (unsigned char)((st.st_mode & S_IFMT) >> 12);
}

static void see(struct hunting *x, const char *name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} marks[] = { { ".git", SAW_GIT }, { "HEAD", SAW_HEAD }, { "objects", SAW_OBJECTS },
		{ "refs", SAW_REFS }, { "commondir", SAW_COMMON } };

	if (!strchr(".HhOoRrCc", name[0]))
		return;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(marks); i++) {
		if (strcasecmp(name, marks[i].name) == 0)
			x->saw |= marks[i].bit;
	}
}

static bool is_git(unsigned saw)
{
	return (saw & SAW_HEAD) &&
		((saw & SAW_COMMON) ||
			(saw & (SAW_OBJECTS | SAW_REFS)) == (SAW_OBJECTS | SAW_REFS));
}

static bool is_top(void *arg, unsigned above)
{
	const struct hunting *x = arg;

	return above == 0 ? x->top : above <= TOPS && x->at->tops[above - 1];
}

/* What git obeys of its own directory, whatever that is called. */
static const char *const obeyed[] = { "hooks", "config", "config.worktree", "commondir", "gitdir",
	"rebase-merge", "rebase-apply" };

bool ward_git_obeys(const char *name)
{
	if (!strchr("HhCcGgRr", name[0]))
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(obeyed); i++) {
		if (strcasecmp(name, obeyed[i]) == 0)
			return true;
	}
	return false;
}

/* Might a row, or git, mean it? That is asked of each name of a tree. */
static bool interesting(const char *name)
{
	return (name[0] == '.' && strcasecmp(name, ".git") == 0) || ward_persist_may(name) ||
		ward_git_obeys(name);
}

static int tell(struct hunting *x, struct ward_hit *h, bool *ret_enter)
{
	h->path = x->path;
	h->dir = x->dir;
	h->below = x->at->below;
	return x->h->hit(x->h->arg, h, ret_enter);
}

/* A name that waited, or any where all are wanted; and into it, if it is a directory. */
static int name_at(struct hunting *x, const char *name, unsigned char type, bool skip)
{
	struct ward_hit h = { .kind = WARD_HIT_OTHER, .name = name, .type = type };
	const struct ward_persist_name *row = NULL;
	bool is_dir = type == DT_DIR, enter = true, found = true;
	int r = WARD_OK;

	if (!name_it(x, name)) {
		x->h->cut = true;
		return WARD_OK;
	}
	/* It is left out, whatever it is called. */
	if (is_gone(x))
		return WARD_OK;
	if (ward_persist_may(name))
		row = ward_persist_match(x->path, name,
			type == DT_LNK   ? WARD_AS_ANY
				: is_dir ? WARD_AS_DIR
					 : WARD_AS_FILE,
			is_top, x);
	if (row && (row->kind == WARD_PERSIST_ASKS || (x->at->passed && ward_persist_passes(row))))
		row = NULL;
	h.git = is_git(x->saw) && ward_git_obeys(name);
	if (h.git) {
		h.kind = WARD_HIT_NAME;
		h.why = row ? row->why : WARD_GIT_WHY;
	} else if (row) {
		h.kind = WARD_HIT_NAME;
		h.why = row->why;
		h.told = row->kind >= WARD_PERSIST_TOLD;
	} else if (!is_dir && strcasecmp(name, ".git") == 0) {
		h.kind = WARD_HIT_GITFILE;
		h.why = "git runs what the directory says that it leads to";
	} else {
		found = x->h->all;
	}
	if (found)
		r = tell(x, &h, &enter);
	return r == WARD_OK && is_dir && enter && !skip ? push(x, name, h.kind == WARD_HIT_NAME)
							: r;
}

static int wait_for(struct hunting *x, const char *name, unsigned char type)
{
	struct waiting *w = ward_arena_alloc(x->arena, sizeof(*w));

	if (w)
		*w = (struct waiting){
			.next = x->waiting, .name = ward_arena_strdup(x->arena, name), .type = type
		};
	if (!w || !w->name)
		return no_memory(x);
	x->waiting = w;
	return WARD_OK;
}

/* ---- one directory ---- */

/* A thread has had no more of a processor than time has passed: until that could be too much, its own clock, a system call, is not asked. */
static bool time_is_up(struct ward_hunt *h)
{
	uint64_t now = ward_now_mono_ns(), had;

	if (now > h->wait_until_ns)
		return true;
	if (now < h->ask_ns)
		return false;
	had = ward_now_thread_ns();
	h->ask_ns = had < h->until_ns ? now + (h->until_ns - had) : 0;
	return had > h->until_ns;
}

/* Names of directories alone could be more than there is memory for. */
static bool enough(struct hunting *x, size_t bytes)
{
	x->bytes += bytes;
	x->stop = x->stop || ++x->h->looked > x->h->looked_max || x->bytes > HUNT_BYTES_MAX / 4 ||
		(x->h->looked % CLOCK_EVERY == 0 && time_is_up(x->h));
	x->h->cut = x->h->cut || x->stop;
	return x->stop;
}

/* The clock is asked where one thing may take long. */
static bool late(struct hunting *x)
{
	if (time_is_up(x->h))
		x->stop = x->h->cut = true;
	return x->stop;
}

static int found(struct hunting *x, const char *name, unsigned char type)
{
	see(x, name);
	if (type != DT_DIR && !x->h->all && !interesting(name))
		return WARD_OK;
	for (const struct waiting *w = x->at->asked; w; w = w->next) {
		if (ward_streq(w->name, name))
			return WARD_OK;
	}
	return wait_for(x, name, type);
}

/* A directory of a hundred thousand files would leave nothing for what lies beside it: of each so many names have a turn. */
static int read_names(struct hunting *x, int64_t *ret_from)
{
	const size_t begin = x->h->looked, bytes = x->bytes;
	int64_t from = 0;
	int r = WARD_OK;

	if (x->at->from && lseek(x->dir, x->at->from, SEEK_SET) < 0) {
		x->h->cut = true;
		return WARD_OK;
	}
	for (;;) {
		long n;

		if (from && x->at->next &&
			(x->h->looked - begin >= TURN || x->bytes - bytes >= TURN_BYTES)) {
			*ret_from = from;
			return WARD_OK;
		}
		n = syscall(SYS_getdents64, x->dir, x->buf, sizeof(x->buf));

		if (n < 0 && errno != ENOENT)
			x->h->cut = true;
		if (n <= 0)
			return WARD_OK;
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(x->buf + at);

			at += e->reclen;
			from = e->off;
			if (ward_streq(e->name, ".") || ward_streq(e->name, ".."))
				continue;
			if (enough(x, x->n_dir + strlen(e->name)))
				return WARD_OK;
			r = found(x, e->name, type_of(x, e->name, e->type));
			if (r < 0)
				return r;
		}
	}
}

/* ---- one that cannot be read, but entered by name ---- */

static int probe(struct hunting *x, const char *name)
{
	struct stat st;

	for (const struct waiting *w = x->waiting; w; w = w->next) {
		if (ward_streq(w->name, name))
			return WARD_OK;
	}
	if ((name_it(x, name) && is_gone(x)) ||
		fstatat(x->dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
		enough(x, x->n_dir + strlen(name)))
		return WARD_OK;
	return found(x, name, (unsigned char)((st.st_mode & S_IFMT) >> 12));
}

/* Every component of a row may be what lies here; a * tells no name. */
static int probe_rows(struct hunting *x)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < ward_persist_n; i++) {
		const char *part = ward_persist[i].spelt;

		while (r == WARD_OK && *part) {
			char name[NAME_MAX + 1];
			size_t n = strcspn(part, "/");

			(void)snprintf(name, sizeof(name), "%.*s", (int)n, part);
			part += n + (part[n] == '/');
			if (!strchr(name, '*'))
				r = probe(x, name);
		}
	}
	return r;
}

static int probe_names(struct hunting *x)
{
	static const char *const git[] = { ".git", "HEAD", "objects", "refs" };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(git); i++)
		r = probe(x, git[i]);
	for (size_t i = 0; r == WARD_OK && i < WARD_ARRAY_SIZE(obeyed); i++)
		r = probe(x, obeyed[i]);
	return r == WARD_OK ? probe_rows(x) : r;
}

/*
 * Behind what is known of by now, and as much of all others as of it. What makes a directory git's, or one of rows of "top", and what rows
 * name, may lie in the rest: it is asked for by name, so that nothing of it waits for that.
 */
static int ask_for_rest(struct hunting *x, struct waiting **ret)
{
	struct waiting *read = x->waiting, **end = ret;
	int r = probe_names(x);

	*ret = NULL;
	for (struct waiting *w = x->waiting; r == WARD_OK && w != read; w = w->next) {
		struct waiting *one = ward_arena_alloc(x->arena, sizeof(*one));

		if (!one)
			return no_memory(x);
		*one = (struct waiting){ .name = w->name, .type = w->type };
		*end = one;
		end = &one->next;
	}
	return r;
}

static int read_on_later(struct hunting *x, int64_t from, const struct waiting *asked)
{
	struct todo *t = ward_arena_alloc(x->arena, sizeof(*t));

	if (!t)
		return no_memory(x);
	*t = *x->at;
	t->next = NULL;
	t->from = from;
	t->asked = asked;
	t->saw = x->saw;
	x->last->next = t;
	x->last = t;
	return WARD_OK;
}

static int hidden(struct hunting *x)
{
	struct ward_hit h = { .kind = WARD_HIT_HIDDEN,
		.name = "",
		.type = DT_DIR,
		.why = "it cannot be looked into, and anything may lie there" };
	bool enter = true;

	x->h->cut = true;
	x->path[x->n_dir] = '\0';
	return tell(x, &h, &enter);
}

/* Rows of "top" count in the directory that was granted, in the workspace, and beside a .git. */
static void settle(struct hunting *x)
{
	x->path[x->n_dir] = '\0';
	x->top = x->at->depth == 0 || (x->saw & SAW_GIT) || ward_streq(x->path, x->h->workspace);
}

static int git_here(struct hunting *x, bool *ret_skip)
{
	struct ward_hit h = { .kind = WARD_HIT_GIT,
		.name = ".",
		.type = DT_DIR,
		.why = "git takes it for a repository, and runs what its configuration names" };
	bool enter = true;

	*ret_skip = false;
	if (!is_git(x->saw))
		return WARD_OK;
	x->path[x->n_dir] = '\0';
	*ret_skip = !x->h->objects || !x->h->objects(x->h->arg, x->path);
	return is_git(x->at->saw) ? WARD_OK : tell(x, &h, &enter);
}

static int names(struct hunting *x)
{
	bool skip = false;
	size_t n = 0;
	int r;

	settle(x);
	r = git_here(x, &skip);
	for (const struct waiting *w = x->waiting; r == WARD_OK && w; w = w->next) {
		if (++n % CLOCK_EVERY == 0 && late(x))
			break;
		r = name_at(x, w->name, w->type, skip && strcasecmp(w->name, "objects") == 0);
	}
	return r;
}

static int directory(struct hunting *x)
{
	struct todo *before = x->last;
	struct waiting *asked = NULL;
	int64_t from = 0;
	int r = x->hidden && !x->at->from ? hidden(x) : WARD_OK;

	x->saw = x->at->saw;
	x->waiting = NULL;
	if (r == WARD_OK)
		r = x->readable ? read_names(x, &from) : probe_names(x);
	if (r == WARD_OK && from && !x->at->from)
		r = ask_for_rest(x, &asked);
	if (r == WARD_OK)
		r = names(x);
	for (struct todo *t = before->next; t; t = t->next) {
		t->tops[0] = x->top;
		memcpy(t->tops + 1, x->at->tops, sizeof(t->tops) - sizeof(t->tops[0]));
	}
	return r == WARD_OK && from ? read_on_later(x, from, x->at->from ? x->at->asked : asked)
				    : r;
}

/*
 * x->dir; false: there is nothing to look at. What the caller cannot enter and does not own, the command cannot enter either; but its own
 * directory it may have closed behind itself, and into one that can be entered and not read it goes by name.
 */
static bool open_it(struct hunting *x)
{
	static const uint64_t how =
		WARD_OPEN_BENEATH | WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS;
	const char *rel = x->at->rel[0] ? x->at->rel : ".";
	char entered[WARD_PATH_MAX];
	struct stat st;
	bool enters;

	/* Behind its "." is only who may enter it: nearly all are read and entered, and a look of its own would tell no more. */
	x->hidden = false;
	x->readable = true;
	if (snprintf(entered, sizeof(entered), "%s/.", rel) < (int)sizeof(entered)) {
		x->dir = ward_openat2(x->fd, entered, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, how);
		if (x->dir >= 0)
			return true;
	}
	x->dir = ward_openat2(x->fd, rel, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, how);
	x->readable = x->dir >= 0;
	if (x->dir == -EACCES)
		x->dir = ward_openat2(x->fd, rel, O_PATH | O_DIRECTORY, 0, how);
	if (x->dir < 0) {
		/* Gone, or no directory any more; EACCES: the one above it is what is hidden. */
		if (x->dir != -ENOENT && x->dir != -ENOTDIR && x->dir != -ELOOP &&
			x->dir != -EACCES)
			x->h->cut = true;
		return false;
	}
	enters = fstatat(x->dir, ".", &st, AT_SYMLINK_NOFOLLOW) == 0;
	x->hidden = (!enters || !x->readable) &&
		(enters || (fstat(x->dir, &st) == 0 && st.st_uid == geteuid()));
	return true;
}

static int each(struct hunting *x)
{
	int r = WARD_OK;

	for (; x->at && r == WARD_OK; x->at = x->at->next) {
		int n = snprintf(x->path, sizeof(x->path), "%s%s%s",
			ward_streq(x->root, "/") ? "" : x->root, x->at->rel[0] ? "/" : "",
			x->at->rel);

		if (n < 0 || (size_t)n >= sizeof(x->path)) {
			x->h->cut = true;
			continue;
		}
		x->n_dir = (size_t)n;
		if (late(x))
			break;
		if (!open_it(x))
			continue;
		r = directory(x);
		ward_close(x->dir);
		if (x->stop)
			break;
	}
	return r;
}

static int hunt_in(struct hunting *x)
{
	struct todo start = { .rel = (char[]){ "" } };

	x->arena = ward_arena_new(HUNT_BYTES_MAX);
	if (!x->arena)
		return no_memory(x);
	for (size_t i = 0; i < TOPS; i++)
		start.tops[i] = true;
	x->last = x->at = &start;
	x->fd = ward_openat2(AT_FDCWD, x->root, O_PATH | O_DIRECTORY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	if (x->fd >= 0)
		return each(x);
	x->h->cut = true;
	return WARD_OK;
}

int ward_hunt(struct ward_hunt *h, const char *root)
{
	struct hunting *x = malloc(sizeof(*x));
	int r;

	if (!x)
		return ward_fail(h->err, WARD_E_NOMEM, "out of memory");
	memset(x, 0, offsetof(struct hunting, buf));
	x->h = h;
	x->root = root;
	x->fd = x->dir = -1;
	r = hunt_in(x);
	ward_close(x->fd);
	ward_arena_free(x->arena);
	free(x);
	return r;
}
