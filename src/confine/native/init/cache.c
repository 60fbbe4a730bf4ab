/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package cache of the host's: an overlay, as what is under review is (review.c), whose layer nobody keeps. Below lies the host's
 * directory, a mount that is read-only by itself; above it a directory of the scratch, so that it has a part of the one bound and goes with
 * the run. No name inside leads to either. What a policy takes away is mounted on the overlay afterwards.
 */
#include "init.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define STAGE_MAX 40 /* "../c", a number, "/lower" */

static void stage_of(const struct init *in, unsigned i, const char *name, char out[STAGE_MAX])
{
	snprintf(out, STAGE_MAX, "../c%u%s", i, name);
	if (mkdir(out, 0700) < 0)
		fail(in->ctl, WARD_STAGE_CACHE, errno, out + 3);
}

void cache_build(struct init *in, unsigned i, const char *dest)
{
	const struct ward_launch_mount *m = blob_at(in->l, in->l->mounts);
	unsigned long flags = MS_NOSUID | MS_NODEV;
	char top[STAGE_MAX], lower[STAGE_MAX], upper[STAGE_MAX], work[STAGE_MAX], opt[256];
	int tree = tree_of(in, i);

	if (WARD_OFF(CACHES)) {
		attach(in, tree, dest);
		return;
	}
	stage_of(in, i, "", top);
	stage_of(in, i, "/lower", lower);
	stage_of(in, i, "/upper", upper);
	stage_of(in, i, "/work", work);
	attach(in, tree, lower);
	layer_check(in, WARD_STAGE_CACHE, lower, upper, work);
	snprintf(opt, sizeof(opt),
		"lowerdir=%s,upperdir=%s,workdir=%s,userxattr,index=off,xino=auto", lower, upper,
		work);
	if (m[i].flags & WARD_LAUNCH_M_NOEXEC)
		flags |= MS_NOEXEC;
	if (mount("overlay", dest, "overlay", flags, opt) < 0)
		fail(in->ctl, WARD_STAGE_CACHE, errno, dest);
	overlay_check(in, WARD_STAGE_CACHE, dest, work);
}
