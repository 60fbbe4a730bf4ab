/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run/caches: package caches that a run reads from the host, and writes above them (docs/caches.md). Private to run. What lies where is
 * looked up here, and what cannot be shown without a doubt is refused; whether it may be read the policies say; the overlay is the
 * plan's.
 */
#pragma once

#include "run/rules/rules.h"

/* One that was asked for, and is there. */
struct ward_cache_place {
	struct ward_target t;        /* t.path NULL: it is not asked for, or the host has none */
	struct ward_origin origin;   /* of the option, or of the line of a profile */
	enum ward_layer layer;
	struct ward_texts hidden;    /* in it */
};

/* Where the host would have it, by the caller's variables; NULL: nowhere. */
const char *ward_cache_root(struct ward_resolver *rs, const struct ward_cache *c);
/* Why nobody should be shown this as a cache, whether it was asked for by name or is read unasked; NULL: nothing is against it. */
const char *ward_cache_unfit(struct ward_resolver *rs, const struct ward_target *t);
/* What of c, which lies at top (real), no run is shown: real names in it, as *ret, of rs's arena. */
int ward_cache_hidden(struct ward_resolver *rs, const struct ward_cache *c, const char *top, struct ward_texts *ret,
	struct ward_error *err);
/*
 * A grant to write that has the host's own directory, or a part of it, by another name (a bind mount): *ret_cache is the cache's.
 * *ret NULL: there is none. With rs->cached.
 */
int ward_cache_aliased(struct ward_resolver *rs, size_t *ret_cache, const struct ward_node **ret, struct ward_error *err);
/* ward_caches[i] was asked for, whether the host has it or not. */
bool ward_cache_asked(const struct ward_resolver *rs, size_t i);
/* Without policies: after it was looked whether there are any. */
int ward_rs_caches(struct ward_resolver *rs, struct ward_error *err);
/* With policies: those of the option and of b's profile, as permits to read them. believed: a repository's profile may grant. */
int ward_rules_caches(struct ward_resolver *rs, struct ward_rulebook *b, bool believed, struct ward_error *err);
/* After the view is known: those that may not be read go, with a warning, and what would let the host's own be written is refused. */
int ward_rs_caches_judged(struct ward_resolver *rs, struct ward_error *err);
/* When all else is there: each as a node of its own kind. */
int ward_rs_caches_laid(struct ward_resolver *rs, struct ward_error *err);
