/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount covers a name, and some file systems find one file by many: where a server (of NTFS, of a Mac, of a share) takes no heed
 * of case, the kernel knows nothing of it and keeps an entry for each spelling, and a mount on one of them is on that one
 * alone. What a policy takes away as ".env" is read as ".ENV" there. A directory has one entry whatever it is called, and file
 * systems of the kernel's own that take no heed of case find the entry that is there: both are held.
 *
 * Found by asking for another spelling. Where there is such a file, or it cannot be known, the plan says that it does not hold it.
 */
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "run/persist/persist.h"
#include "run/resolve/look.h"

/* Names of these have one entry each, whatever their case counts for. */
static bool has_one_entry(const char *path)
{
	static const unsigned long kinds[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
		TMPFS_MAGIC, F2FS_SUPER_MAGIC, MSDOS_SUPER_MAGIC };
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(kinds); i++) {
		if ((unsigned long)fs.f_type == kinds[i])
			return true;
	}
	return false;
}

/* False: it has no letter whose case this knows how to turn. */
static bool turn(char *name, const char *end)
{
	bool any = false;

	for (; name < end; name++) {
		if ((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')) {
			*name ^= 0x20;
			any = true;
		}
	}
	return any;
}

static bool lies_on(char *path, size_t n, dev_t dev)
{
	char *slash = memrchr(path, '/', n);
	struct stat st;
	bool is;

	if (slash == NULL || slash == path)
		return lstat("/", &st) == 0 && st.st_dev == dev;
	*slash = '\0';
	is = lstat(path, &st) == 0 && st.st_dev == dev;
	*slash = '/';
	return is;
}

/* path with the case turned of its last name that has letters: of those above it on that file system, where it has none itself. */
static bool turned(const char *path, dev_t dev, char out[WARD_PATH_MAX])
{
	size_t n = strlen(path);

	if (n >= WARD_PATH_MAX)
		return false;
	memcpy(out, path, n + 1);
	do {
		char *slash = memrchr(out, '/', n);

		if (slash == NULL || turn(slash + 1, out + n))
			return slash != NULL;
		n = (size_t)(slash - out);
	} while (n > 0 && lies_on(out, n, dev));
	return false;
}

/* Letters that turn() does not know: whether they have another case there nobody can ask. */
static bool has_other_letters(const char *path)
{
	const char *slash = strrchr(path, '/');

	for (const char *c = slash ? slash + 1 : path; *c; c++) {
		if ((unsigned char)*c >= 0x80)
			return true;
	}
	return false;
}

/* A server may number its files anew for each name. */
static bool looks_like(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev &&
		(a->st_ino == b->st_ino ||
			(a->st_size == b->st_size && a->st_mode == b->st_mode &&
				a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
				a->st_mtim.tv_nsec == b->st_mtim.tv_nsec));
}

bool ward_rs_has_other_names(struct ward_resolver *rs, const char *path)
{
	char other[WARD_PATH_MAX];
	struct stat st, by;

	if (ward_rs_lstat(rs, path, &st) < 0 || S_ISDIR(st.st_mode))
		return false;
	/* Most ask about the same file system, one after the other. */
	if (!rs->fs_known || rs->fs_dev != st.st_dev) {
		rs->fs_one_entry = has_one_entry(path);
		rs->fs_dev = st.st_dev;
		rs->fs_known = true;
	}
	if (rs->fs_one_entry)
		return false;
	if (!turned(path, st.st_dev, other))
		return has_other_letters(path);
	/* What cannot be looked at may be there. */
	return lstat(other, &by) == 0 ? looks_like(&st, &by) : errno != ENOENT;
}

/* Has the file that n stands for fewer rights than what it lies in? */
static bool takes_away(const struct ward_resolver *rs, const struct ward_node *n)
{
	if (n->base || n->is_dir || n->later)
		return false; /* later: run/persist has warned of it */
	if (n->kind == WARD_NODE_MASK)
		return ward_rs_covers(rs, n);
	if (n->kind != WARD_NODE_BIND || !n->fixed || n->write)
		return false;
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *in = &rs->nodes[i];

		if (in->kind == WARD_NODE_BIND && in->write &&
			ward_path_within(n->dest, in->dest) && !ward_streq(n->dest, in->dest))
			return true;
	}
	return false;
}

int ward_rs_other_names(struct ward_resolver *rs, struct ward_error *err)
{
	for (size_t i = 0; i < rs->n_nodes && !rs->late; i++) {
		const struct ward_node *n = &rs->nodes[i];
		const char *path = n->kind == WARD_NODE_BIND ? n->source : n->dest;

		if (!takes_away(rs, n) || !ward_rs_has_other_names(rs, path))
			continue;
		rs->late = ward_arena_printf(rs->arena,
			"%s is held by its name, and its file system, which takes no heed of case, finds it by others, too",
			ward_rs_show(rs, n->dest));
		rs->late_fix =
			"grant the directories beside it instead of the one that it lies in, or keep it on a file system where case counts";
		if (!rs->late)
			return ward_rs_nomem(err);
	}
	return WARD_OK;
}
