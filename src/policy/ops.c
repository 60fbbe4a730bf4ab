/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of ops.def, looked up by name and by arguments. Arguments come from a hostile caller: they are numbers here, and
 * every combination of them has an answer.
 */
#include <string.h>

#include "policy/ops.h"

#define WARD_X(id, text) static const char reason_##id[] = text;
WARD_OP_REASONS(WARD_X)
#undef WARD_X

/* clang-format off */
#define F(flag) WARD_OP_##flag
#define DO(c, act, obj, dir_, arg_, at_, when_, when_arg_, flags_, why_) { \
	.call = #c, .action = WARD_ACT_##act, .object = WARD_OP_##obj, .dir = dir_, .arg = arg_, .at = at_, \
	.when = WARD_WHEN_##when_, .when_arg = when_arg_, .flags = flags_, .why = why_ },
#define FREE(c, reason) { \
	.call = #c, .dir = -1, .arg = -1, .at = -1, .when_arg = -1, .why = reason_##reason },
static const struct ward_op table[] = {
#include "policy/ops.def"
};
/* clang-format on */

/* What the kernel's open(2) and *at(2) look at; the numbers are part of its interface, and differ between machines in one. */
#define ACCESS_MODE 3u
#define READ_ONLY 0u
#define WRITE_ONLY 1u
#define CREATE 0x40u
#define EXCLUSIVE 0x80u
#define TRUNCATE 0x200u
#define PATH_ONLY 0x200000u
#define TMPFILE 0x400000u /* that which O_TMPFILE has beside O_DIRECTORY */
#if defined(__aarch64__)
#define OPEN_NOFOLLOW 0x8000u
#else
#define OPEN_NOFOLLOW 0x20000u
#endif
#define AT_NOFOLLOW 0x100u
#define AT_FOLLOW 0x400u
#define AT_EMPTY 0x1000u
#define IOC_SETFLAGS 0x40086602u
#define IOC_SETVERSION 0x40087602u
#define IOC_FSSETXATTR 0x401c5820u

size_t ward_ops_count(void)
{
	return WARD_ARRAY_SIZE(table);
}

const struct ward_op *ward_ops_at(size_t i)
{
	return i < WARD_ARRAY_SIZE(table) ? &table[i] : NULL;
}

size_t ward_ops_of(const char *call, const struct ward_op **ret)
{
	size_t i = 0, n = 0;

	*ret = NULL;
	while (i < WARD_ARRAY_SIZE(table) && strcmp(table[i].call, call) != 0)
		i++;
	while (i + n < WARD_ARRAY_SIZE(table) && strcmp(table[i + n].call, call) == 0)
		n++;
	if (n > 0)
		*ret = &table[i];
	return n;
}

/* For an int argument the kernel looks at the low half only. */
static uint32_t low(const uint64_t args[6], int arg)
{
	return arg >= 0 && arg < 6 ? (uint32_t)args[arg] : 0;
}

/* As the kernel reads them: O_PATH takes nothing but O_DIRECTORY and O_NOFOLLOW seriously; access mode 3 asks for both. */
static bool open_counts(enum ward_op_when when, uint32_t flags)
{
	uint32_t mode = flags & ACCESS_MODE;

	if (flags & PATH_ONLY)
		return when == WARD_WHEN_LOOKS;
	if (flags & TMPFILE)
		return when == WARD_WHEN_NAMELESS;
	switch (when) {
	case WARD_WHEN_READS: return mode != WRITE_ONLY;
	case WARD_WHEN_WRITES: return mode != READ_ONLY || (flags & TRUNCATE);
	case WARD_WHEN_CREATES: return flags & CREATE;
	default: return false;
	}
}

static bool counts(const struct ward_op *op, const uint64_t args[6])
{
	switch (op->when) {
	case WARD_WHEN_ALWAYS: return true;
	case WARD_WHEN_READS:
	case WARD_WHEN_WRITES:
	case WARD_WHEN_CREATES:
	case WARD_WHEN_NAMELESS:
	case WARD_WHEN_LOOKS: return open_counts(op->when, low(args, op->when_arg));
	case WARD_WHEN_GIVEN: return args[op->when_arg] != 0;
	case WARD_WHEN_MISSING: return args[op->when_arg] == 0;
	case WARD_WHEN_SETS_ATTRIBUTES:
		switch (low(args, op->when_arg)) {
		case IOC_SETFLAGS:
		case IOC_SETVERSION:
		case IOC_FSSETXATTR: return true;
		default: return false;
		}
	case WARD_WHEN_MAX: break;
	}
	return true;
}

size_t ward_ops(const char *call, const uint64_t args[6], const struct ward_op *ret[WARD_OPS_MAX])
{
	const struct ward_op *rows, *free_row = NULL;
	size_t all = ward_ops_of(call, &rows), n = 0;

	for (size_t i = 0; i < all; i++) {
		if (rows[i].object == WARD_OP_NOTHING)
			free_row = &rows[i];
		else if (counts(&rows[i], args) && n < WARD_OPS_MAX)
			ret[n++] = &rows[i];
	}
	if (n == 0 && free_row != NULL)
		ret[n++] = free_row;
	return n;
}

static bool opens(const struct ward_op *op)
{
	return op->when >= WARD_WHEN_READS && op->when <= WARD_WHEN_LOOKS;
}

bool ward_op_follows(const struct ward_op *op, const uint64_t args[6])
{
	uint32_t flags = low(args, op->at);

	if (opens(op))
		return !(flags & OPEN_NOFOLLOW) && (~flags & (CREATE | EXCLUSIVE));
	if (op->flags & WARD_OP_NOFOLLOW)
		return flags & AT_FOLLOW;
	return !(flags & AT_NOFOLLOW);
}

bool ward_op_may_be_empty(const struct ward_op *op, const uint64_t args[6])
{
	return !opens(op) && op->dir >= 0 && (low(args, op->at) & AT_EMPTY);
}

const char *ward_op_object_text(enum ward_op_object o)
{
	static const char *const texts[] = {
#define WARD_X(id, text) text,
		WARD_OP_OBJECTS(WARD_X)
#undef WARD_X
	};

	return (unsigned)o < WARD_ARRAY_SIZE(texts) ? texts[o] : "unknown";
}
