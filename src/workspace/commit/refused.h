/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to workspace/commit: what the file system refuses, before anything is made for it as far as it can be seen then
 * (refused.c). A step finds the rest.
 */
#pragma once

#include "workspace/commit/commit.h"

extern const char ward_commit_closed_text[];       /* of a name: its directory cannot be written */
extern const char ward_commit_refused_text[];
/* An error that says: it stays as it is whatever is tried again, and says nothing of the others. */
bool ward_commit_is_refused(int r);
/* Each NULL, or why, a text for people (static). dir: O_PATH is enough; st: of it. */
/* Immutable or append-only; dir itself: name "". */
bool ward_commit_is_fixed(int dir, const char *name);
/* What has the name (old) in dir, which can be written and is not fixed, can neither be replaced nor taken away. */
const char *ward_commit_refuses_name(int dir, const struct stat *st, const char *name, const struct stat *old, uid_t euid);
/* A directory (st; name in dir, or "" for dir itself) cannot be opened for a while to its owner, who we are. */
const char *ward_commit_refuses_lending(int dir, const char *name, const struct stat *st);
