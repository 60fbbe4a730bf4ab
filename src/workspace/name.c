/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the kinds that are printed and stored; and which path lies in which. */
#include <string.h>

#include "workspace/workspace.h"

static const char *const states[] = {
	[WARD_WORKSPACE_BROKEN] = "broken",
	[WARD_WORKSPACE_LIVE] = "live",
	[WARD_WORKSPACE_PENDING] = "pending",
	[WARD_WORKSPACE_COMMITTING] = "committing",
	[WARD_WORKSPACE_LOST] = "lost",
};
static const char *const kinds[] = {
	[WARD_CHANGE_NONE] = "none",
	[WARD_CHANGE_ADDED] = "added",
	[WARD_CHANGE_MODIFIED] = "modified",
	[WARD_CHANGE_TYPE] = "type",
	[WARD_CHANGE_DELETED] = "deleted",
	[WARD_CHANGE_RENAMED] = "renamed",
};

const char *ward_workspace_lost(const struct ward_workspace_facts *f)
{
	return f->backend == WARD_DISK_TMPFS && f->ended_ns == 0
		? "lay on a tmpfs and is lost: its ward was killed, or the machine went down"
		: "is forgotten already: only the record of that could not be written";
}

const char *ward_workspace_state_name(enum ward_workspace_state s)
{
	return (size_t)s < WARD_ARRAY_SIZE(states) ? states[s] : "?";
}

const char *ward_change_kind_name(enum ward_change_kind k)
{
	return (size_t)k < WARD_ARRAY_SIZE(kinds) ? kinds[k] : "?";
}

void ward_paths_above(const char *const *paths, size_t n, uint32_t *ret)
{
	/* Those before that this one begins with, as bytes: each is longer than the one before it. */
	struct {
		uint32_t at;
		uint32_t bytes;
	} v[WARD_PATH_MAX];
	size_t top = 0;

	for (size_t i = 0; i < n; i++) {
		const char *path = paths[i];
		size_t same = 0, k;

		while (i > 0 && path[same] && path[same] == paths[i - 1][same])
			same++;
		while (top > 0 && v[top - 1].bytes > same)
			top--;
		/* Between "a" and "a/b" there is "a-b", and what begins with a name is not always in it. */
		for (k = top; k > 0 && path[v[k - 1].bytes] != '/'; k--)
			;
		ret[i] = k > 0 ? v[k - 1].at : WARD_PATHS_NONE;
		if (top < WARD_ARRAY_SIZE(v)) {
			v[top].at = (uint32_t)i;
			v[top++].bytes = (uint32_t)(same + strlen(path + same));
		}
	}
}
