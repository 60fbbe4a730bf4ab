/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Package caches by name: the words of --caches and of "caches" in a profile, and what data/caches says of each. Pure; where a cache
 * lies on a host run/caches looks up.
 */
#pragma once

#include "base/base.h"

#define WARD_CACHES_MAX 24       /* lines of data/caches */
#define WARD_CACHE_ROOTS 3
#define WARD_CACHE_HIDES 4
#define WARD_CACHE_NEEDED 3

/* $env and rest, where that is set; env NULL: the caller's home and rest. rest begins with '/', or is "". */
struct ward_cache_root {
	const char *env, *rest;
};
/* What a tool fetched before, on the host. */
struct ward_cache {
	const char *name, *program;
	const char *inside;          /* where a run finds it: DIR/NAME in its home, or a variable */
	const char *hides[WARD_CACHE_HIDES]; /* below it, never shown; a component "*", not the last, is any directory */
	size_t n_hides;
	const char *needed[WARD_CACHE_NEEDED]; /* commands that do nothing without it */
	size_t n_needed;
	bool implied;                /* read unasked under a mode or a profile */
	bool named;                  /* meant by its own name alone, not by "all" */
	struct ward_cache_root roots[WARD_CACHE_ROOTS];  /* the first that counts */
	size_t n_roots;
};
/* Made by tools/gen-caches out of data/caches. */
extern const struct ward_cache ward_caches[];
extern const size_t ward_caches_n;

/*
 * NAME, or "all", as a set, in which bit i is ward_caches[i]; "all" means those that need not be named. WARD_E_INVALID: err says which
 * is near, or which there are.
 */
int ward_cache_parse(struct ward_str name, uint32_t *ret, struct ward_error *err);
/* list itself where its first name, up to a comma, is a cache's or "all"; the one that it nearly is; NULL: none. */
const char *ward_cache_meant(const char *list);
