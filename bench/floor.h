/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to start a program, from the least to what a sandbox cannot do without. What the kernel takes for these is the
 * floor that a start of Ward is compared with; none of them confines anything.
 */
#pragma once

#include <sys/types.h>

enum floor_way {
	FLOOR_SPAWN = 0, /* vfork, exec */
	FLOOR_NAMESPACES, /* the same into all seven namespaces, ids mapped */
	FLOOR_VIEW /* the same, with a root made of a tmpfs, three binds, proc and pivot_root */
};

/* The way of this name ("@spawn", "@namespaces", "@view"); -1 = it is a program. */
int floor_way(const char *name);
/* Start argv[0] with standard streams on null_fd. Returns the pid, or -1 with errno. ws: bound into the view. */
pid_t floor_start(enum floor_way way, char *const *argv, const char *ws, int null_fd);
