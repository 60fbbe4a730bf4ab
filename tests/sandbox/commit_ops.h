/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of commits: random operations, the same below two directories. After commit_box.h. */
#pragma once

#include <linux/fs.h>

static bool ops_tame; /* no modes that take something from the owner */

struct ops {
	uint64_t seed;
	int a, b; /* b: the plain one */
	bool links; /* link(2) too */
	unsigned long done, refused;
};

static uint64_t ops_random(struct ops *o, uint64_t below)
{
	o->seed ^= o->seed << 13;
	o->seed ^= o->seed >> 7;
	o->seed ^= o->seed << 17;
	return (o->seed >> 11) % below;
}

static void ops_path(struct ops *o, char out[64])
{
	size_t n = 0;
	uint64_t depth = 1 + ops_random(o, 3);

	for (uint64_t i = 0; i < depth; i++)
		n += (size_t)snprintf(out + n, 64 - n, "%s%c", i ? "/" : "", (char)('a' + ops_random(o, 5)));
}

struct op {
	char path[64], other[64];
	uint64_t n;
};

static int op_result(int r)
{
	return r < 0 ? -errno : 0;
}

static int op_write(int dir, const struct op *op, int flags)
{
	WARD_FD fd = openat(dir, op->path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0644);
	char text[64];

	if (fd < 0)
		return -errno;
	for (uint64_t i = 0; i < 1 + op->n % 3; i++) {
		int n = snprintf(text, sizeof(text), "%llu of %s\n", (unsigned long long)(op->n * 7 + i), op->path);

		if (write(fd, text, (size_t)n) != n)
			return -EIO;
	}
	return 0;
}

static int op_create(int dir, const struct op *op)
{
	return op_write(dir, op, O_CREAT | O_TRUNC);
}

static int op_append(int dir, const struct op *op)
{
	return op_write(dir, op, O_APPEND);
}

static int op_truncate(int dir, const struct op *op)
{
	WARD_FD fd = openat(dir, op->path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : op_result(ftruncate(fd, (off_t)(op->n % 5 == 0 ? 400000 : op->n % 40)));
}

static int op_rename(int dir, const struct op *op)
{
	return op_result((int)syscall(SYS_renameat2, dir, op->path, dir, op->other, op->n % 4 == 0 ? RENAME_NOREPLACE : 0));
}

static int op_exchange(int dir, const struct op *op)
{
	return op_result((int)syscall(SYS_renameat2, dir, op->path, dir, op->other, RENAME_EXCHANGE));
}

static int op_link(int dir, const struct op *op)
{
	return op_result(linkat(dir, op->path, dir, op->other, 0));
}

static int op_unlink(int dir, const struct op *op)
{
	return op_result(unlinkat(dir, op->path, 0));
}

static int op_symlink(int dir, const struct op *op)
{
	return op_result(symlinkat(op->other, dir, op->path));
}

static int op_chmod(int dir, const struct op *op)
{
	unsigned tame = ops_tame ? 2 : 0;
	static const mode_t files[] = { 0644, 0600, 0755, 0664, 0444, 0000 }, dirs[] = { 0755, 0700, 0775, 01755, 0555, 0500 };
	struct stat st;

	if (fstatat(dir, op->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return op_result(fchmodat(dir, op->path, S_ISDIR(st.st_mode) ? dirs[op->n % (6 - tame)] : files[op->n % (6 - tame)], 0));
}

static int op_xattr(int dir, const struct op *op)
{
	WARD_FD fd = openat(dir, op->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char name[32], value[32];
	int n = snprintf(value, sizeof(value), "%llu", (unsigned long long)op->n);

	if (fd < 0)
		return -errno;
	(void)snprintf(name, sizeof(name), "user.x%llu", (unsigned long long)(op->n % 3));
	return op_result(op->n % 4 ? fsetxattr(fd, name, value, (size_t)n, 0) : fremovexattr(fd, name));
}

static int op_mkdir(int dir, const struct op *op)
{
	return op_result(mkdirat(dir, op->path, 0755));
}

static int op_rmdir(int dir, const struct op *op)
{
	return op_result(unlinkat(dir, op->path, AT_REMOVEDIR));
}

/* All below it too; then, half of the time, it is made again: opaque. */
static int op_clear(int dir, const struct op *op)
{
	struct stat st;

	if (fstatat(dir, op->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	box_remove_at(dir, op->path);
	return op->n % 2 ? op_result(mkdirat(dir, op->path, 0755)) : 0;
}

/* A file of any type in its place. */
static int op_replace(int dir, const struct op *op)
{
	box_remove_at(dir, op->path);
	return op->n % 3 == 0 ? op_mkdir(dir, op) : op->n % 3 == 1 ? op_symlink(dir, op) : op_create(dir, op);
}

static const struct {
	int (*fn)(int dir, const struct op *op);
	unsigned weight;
} op_table[] = { { op_create, 20 }, { op_append, 8 }, { op_truncate, 5 }, { op_rename, 12 }, { op_exchange, 5 }, { op_link, 6 },
	{ op_unlink, 8 },
	{ op_symlink, 5 }, { op_chmod, 8 }, { op_xattr, 6 }, { op_mkdir, 14 }, { op_rmdir, 4 }, { op_clear, 3 }, { op_replace, 5 } };

static void ops_one(struct ops *o)
{
	unsigned total = 0;
	uint64_t pick;
	struct op op;
	size_t k = 0;
	int x, y;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(op_table); i++)
		total += op_table[i].weight;
	pick = ops_random(o, total);
	while (pick >= op_table[k].weight)
		pick -= op_table[k++].weight;
	ops_path(o, op.path);
	ops_path(o, op.other);
	op.n = ops_random(o, 1000);
	if (op_table[k].fn == op_link && !o->links)
		return;
	x = op_table[k].fn(o->a, &op);
	/*
	 * Named differences of an overlay: a directory of the project's cannot be renamed, and of two names of one file in it only one
	 * changes.
	 */
	if (x == -EXDEV || x == -ESTALE) {
		o->refused++;
		return;
	}
	y = op_table[k].fn(o->b, &op);
	if (x != y) {
		printf("# operation %zu of '%s' and '%s': %d in the run, %d in the plain directory\n", k, op.path, op.other, x, y);
		fflush(stdout);
		_exit(3);
	}
	o->done++;
}

static TAP_UNUSED void ops_many(struct ops *o, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		ops_one(o);
}
