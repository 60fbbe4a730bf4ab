/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between an object of the layer and that of the project at the same name. Nothing is guessed: of equal sizes the bytes are
 * compared. What the project has and we cannot read counts as different.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "os/missing.h"
#include "workspace/change.h"

#define LIST_MAX 65536 /* XATTR_LIST_MAX, and XATTR_SIZE_MAX */
#define LIST_FIRST \
	1024 /* nearly every list; for more the kernel takes and gives back whole pages, at each call */
#define XATTR_NAME_SIZE 256
#define PROC_SIZE (32 + NAME_MAX)
#define SUM_MAX \
	(16u << 10) /* above it to read it once more costs less than to sum up what no other change is of the size of */

/*
 * Labels that the system gives by where a file lies, and sums that it makes of it: two files of the same content and rights have
 * different ones, and whoever writes the file for good gets those of its place.
 */
static const char *const labels[] = { "security.selinux", "security.SMACK64", "security.ima",
	"security.evm" };

static bool counts(const char *name, bool layer)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(labels); i++) {
		if (ward_has_prefix(name, labels[i]))
			return false;
	}
	return !layer || !ward_changed_own_xattr(name);
}

/* The name that a program inside knows it by. */
static const char *seen_name(const char *name, char out[XATTR_NAME_SIZE])
{
	static const char kept[] = "user.overlay.overlay.";

	if (!ward_has_prefix(name, kept))
		return name;
	(void)snprintf(out, XATTR_NAME_SIZE, "user.overlay.%s", name + strlen(kept));
	return out;
}

/* A name in a directory as a path: xattr calls take no directory, and none follows a link in its last name. */
static const char *proc_name(const struct side *s, char out[PROC_SIZE])
{
	(void)snprintf(out, PROC_SIZE, "/proc/self/fd/%d/%s", s->dir, s->name);
	return out;
}

/* Since Linux 6.13, where a name in a directory can be asked for: to walk through /proc costs several times what the answer does. */
static ssize_t list_at(struct reader *r, const struct side *s, char *out, size_t size)
{
	char proc[PROC_SIZE];

	if (!r->no_listxattrat) {
		long n = syscall(WARD_NR_LISTXATTRAT, s->dir, s->name, AT_SYMLINK_NOFOLLOW, out,
			size);

		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return (ssize_t)n;
		r->no_listxattrat = true;
	}
	return llistxattr(proc_name(s, proc), out, size);
}

/* Bytes of the list in out; 0 too where the file system has no such thing. */
static ssize_t list(struct reader *r, const struct side *s, char *out)
{
	ssize_t n = list_at(r, s, out, LIST_FIRST);

	if (n < 0 && errno == ERANGE)
		n = list_at(r, s, out, LIST_MAX);
	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	return n;
}

/* fd: of the same object, where its mode forbids to name it; -1: by name. */
static ssize_t value(const struct side *s, int fd, const char *name, char *out)
{
	char proc[PROC_SIZE];
	ssize_t n = fd >= 0 ? fgetxattr(fd, name, out, LIST_MAX)
			    : lgetxattr(proc_name(s, proc), name, out, LIST_MAX);

	return n < 0 ? -errno : n;
}

/* The mode is asked at each reading of a value, not at the opening: so it is lent until the value is there. */
static ssize_t lent_value(const struct side *s, int fd, const char *name, char *out)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || fchmod(fd, (st.st_mode & 07777) | 0400) < 0)
		return -errno;
	n = value(s, fd, name, out);
	(void)fchmod(fd, st.st_mode & 07777); /* it was ours to change a moment ago */
	return n;
}

/* Of the layer: what may not be read is lent. */
static ssize_t layer_value(struct reader *r, const char *path, const struct side *s,
	const char *name, char *out)
{
	ssize_t n = value(s, -1, name, out);
	WARD_FD fd = -1;

	if (n != -EACCES || r->lives)
		return n;
	fd = ward_changed_get(&r->way, r->layer, path, false, &(struct stat){ 0 });
	if (fd < 0)
		return fd;
	n = value(s, fd, name, out);
	return n == -EACCES ? lent_value(s, fd, name, out) : n;
}

/* Bytes of the list, which r->a has afterwards. */
static ssize_t list_marks(struct reader *r, const char *path, const struct side *layer,
	struct differs *ret)
{
	ssize_t n = list(r, layer, r->a);

	for (const char *name = r->a; name < r->a + n; name += strlen(name) + 1) {
		char mark[8];

		if (!ward_changed_own_xattr(name))
			continue;
		if (ward_has_suffix(name, ".overlay.origin"))
			ret->origin = true;
		if (ward_has_suffix(name, ".overlay.opaque")) {
			ssize_t got = layer_value(r, path, layer, name, r->b);

			if (got < 0)
				return (int)got;
			(void)snprintf(mark, sizeof(mark), "%.*s", (int)got, r->b);
			ret->opaque = ward_streq(mark, "y");
		}
		/* These are of mounts that Ward makes none of: what they stand for is elsewhere, and would be shown wrong. */
		if (ward_has_suffix(name, ".overlay.redirect") ||
			ward_has_suffix(name, ".overlay.metacopy"))
			return -EUCLEAN;
	}
	return n;
}

/* How many count. */
static size_t count(const char *v, ssize_t n, bool layer)
{
	size_t k = 0;

	for (const char *name = v; name < v + n; name += strlen(name) + 1)
		k += counts(name, layer);
	return k;
}

int ward_change_marks(struct reader *r, const char *path, const struct side *layer,
	struct differs *ret)
{
	ssize_t n = list_marks(r, path, layer, ret);

	ret->xattrs = n > 0 && count(r->a, n, true) > 0;
	return n < 0 ? (int)n : 0;
}

/* r->a has the layer's list, of n bytes. Each of it is in the project with the same value. */
static int compare_values(struct reader *r, const char *path, const struct side *layer,
	const struct side *root, ssize_t n, bool *ret)
{
	char *mine = r->a + LIST_MAX, *theirs = r->b;

	for (const char *name = r->a; name < r->a + n; name += strlen(name) + 1) {
		char seen[XATTR_NAME_SIZE];
		ssize_t a, b;

		if (!counts(name, true))
			continue;
		a = layer_value(r, path, layer, name, mine);
		if (a < 0)
			return (int)a;
		b = value(root, -1, seen_name(name, seen), theirs);
		if (b != a || memcmp(mine, theirs, (size_t)a) != 0) {
			*ret = true;
			return 0;
		}
	}
	return 0;
}

_Static_assert(CHANGE_STEP >= 2 * LIST_MAX, "a list and a value lie in one buffer");

/* r->a has the layer's list, of a bytes. */
static int compare_xattrs(struct reader *r, const char *path, const struct side *layer,
	const struct side *root, ssize_t a, bool *ret)
{
	ssize_t b = list(r, root, r->b);

	if (b < 0 || count(r->a, a, true) != count(r->b, b, false)) {
		*ret = true;
		return 0;
	}
	return compare_values(r, path, layer, root, a, ret);
}

/* ---- content ---- */

bool ward_change_stops(const struct reader *r)
{
	return r->stop && atomic_load(r->stop);
}

ssize_t ward_change_fill(int fd, char *out, size_t want)
{
	size_t n = 0;

	while (n < want) {
		ssize_t got = read(fd, out + n, want - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* The next byte from at on that is in no hole, or size. Where the file system knows of no holes there are none. */
static off_t next_data(int fd, off_t at, off_t size)
{
	off_t data = lseek(fd, at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? size : at;
	return data < size ? data : size;
}

off_t ward_change_skip(int a, int b, off_t at, off_t size)
{
	off_t x = next_data(a, at, size), y = x > at ? next_data(b, at, size) : x;

	return x < y ? x : y;
}

/* Whoever has holes takes less of the disk than it has bytes. */
bool ward_change_has_holes(const struct stat *st)
{
	return (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

/*
 * r->a and r->b have all of two contents of n bytes that differ. What one takes away another may bring, for which both would be read once more
 * (change_rename.c). Without memory they are.
 */
static uint32_t sum_both(struct reader *r, size_t n)
{
	struct ward_sums *s;

	if (r->n_sums == r->cap_sums) {
		size_t cap = r->cap_sums ? r->cap_sums * 2 : 64;

		s = realloc(r->sums, cap * sizeof(*s));
		if (s == NULL)
			return 0;
		r->sums = s;
		r->cap_sums = cap;
	}
	s = &r->sums[r->n_sums++];
	*s = (struct ward_sums){ { r->seed, r->seed }, { r->seed, r->seed } };
	ward_change_sum(s->is, r->a, n);
	ward_change_sum(s->was, r->b, n);
	return (uint32_t)r->n_sums;
}

/* Both are of that size; what either has got behind it since was not there when it was looked at. holes: both have some. */
static int same_bytes(struct reader *r, int a, int b, off_t size, bool holes, struct differs *ret)
{
	ret->content = false;
	for (off_t at = 0; at < size && !ret->content;) {
		off_t begin = holes ? ward_change_skip(a, b, at, size) : at;
		size_t want =
			size - begin < (off_t)CHANGE_STEP ? (size_t)(size - begin) : CHANGE_STEP;
		ssize_t x, y;

		if (holes && (lseek(a, begin, SEEK_SET) < 0 || lseek(b, begin, SEEK_SET) < 0))
			return -errno;
		x = ward_change_fill(a, r->a, want);
		y = ward_change_fill(b, r->b, want);
		if (ward_change_stops(r))
			return -ECANCELED;
		if (x < 0 || y < 0)
			return (int)(x < 0 ? x : y);
		ret->content = x != y || memcmp(r->a, r->b, (size_t)x) != 0;
		if (ret->content && want == (size_t)size && want <= SUM_MAX && (size_t)x == want &&
			x == y)
			ret->summed = sum_both(r, want);
		if ((size_t)x < want)
			return 0;
		at = begin + (off_t)want;
	}
	return 0;
}

static int compare_files(struct reader *r, const char *path, const struct side *layer,
	const struct side *root, struct differs *d)
{
	WARD_FD a = -1;
	WARD_FD b = -1;
	int code;

	d->content = true;
	if (layer->st.st_size != root->st.st_size)
		return 0;
	b = ward_beneath(root->dir, root->name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (b < 0)
		return 0;
	a = ward_beneath(layer->dir, layer->name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (a == -EACCES)
		a = ward_changed_get(&r->way, r->layer, path, r->lives, &(struct stat){ 0 });
	if (a < 0)
		return a;
	code = same_bytes(r, a, b, layer->st.st_size,
		ward_change_has_holes(&layer->st) && ward_change_has_holes(&root->st), d);
	/* What could not be read is another. */
	d->content = d->content || code < 0;
	return code;
}

static int compare_links(struct reader *r, const struct side *layer, const struct side *root,
	bool *ret)
{
	ssize_t a = readlinkat(layer->dir, layer->name, r->a, WARD_PATH_MAX);
	ssize_t b = readlinkat(root->dir, root->name, r->b, WARD_PATH_MAX);

	*ret = true;
	if (a < 0)
		return -errno;
	*ret = a != b || memcmp(r->a, r->b, (size_t)a) != 0;
	return 0;
}

int ward_change_differs(struct reader *r, const char *path, const struct side *layer,
	const struct side *root, struct differs *ret)
{
	ssize_t n = list_marks(r, path, layer, ret);
	int code;

	if (n < 0)
		return (int)n;
	if (S_ISLNK(layer->st.st_mode))
		return compare_links(r, layer, root, &ret->content);
	ret->bits = ((layer->st.st_mode ^ root->st.st_mode) & 07777) != 0;
	code = compare_xattrs(r, path, layer, root, n, &ret->xattrs);
	if (code < 0)
		return code;
	if (S_ISREG(layer->st.st_mode))
		return compare_files(r, path, layer, root, ret);
	if (S_ISCHR(layer->st.st_mode) || S_ISBLK(layer->st.st_mode))
		ret->content = layer->st.st_rdev != root->st.st_rdev;
	return 0;
}
