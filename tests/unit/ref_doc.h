/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a resolved profile means, in the plainest words: last match in each list, every part, no deny. Written from the contract
 * in src/policy/doc/doc.h; whatever compiles profiles is compared with this. Patterns by the slow matchers beside this file.
 */
#pragma once

#include "policy/doc/doc.h"
#include "ref_pattern.h"

static inline bool ref_doc_match(unsigned grammar, const char *pattern, const char *path)
{
	return grammar == 2 ? ref_pattern_match(pattern, path) : ref_glob_match(pattern, path);
}

/* Is the last rule that matches a positive one? */
static inline bool ref_doc_list(struct ward_doc_rules rules, const char *path)
{
	bool verdict = false;

	for (size_t i = 0; i < rules.n; i++) {
		if (ref_doc_match(rules.v[i].doc->grammar, rules.v[i].pattern, path))
			verdict = !rules.v[i].negated;
	}
	return verdict;
}

static inline bool ref_doc_allowed(const struct ward_profile *profile, enum ward_doc_op op, const char *path)
{
	const struct ward_profile_op *o = &profile->op[op];

	for (size_t i = 0; i < o->n_parts; i++) {
		if (!ref_doc_list(o->parts[i].rules, path))
			return false;
	}
	for (size_t i = 0; i < o->n_denies; i++) {
		if (ref_doc_list(o->denies[i].rules, path))
			return false;
	}
	return o->n_parts > 0;
}
