/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the kinds that are printed and stored. */
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

const char *ward_workspace_state_name(enum ward_workspace_state s)
{
	return (size_t)s < WARD_ARRAY_SIZE(states) ? states[s] : "?";
}

const char *ward_change_kind_name(enum ward_change_kind k)
{
	return (size_t)k < WARD_ARRAY_SIZE(kinds) ? kinds[k] : "?";
}
