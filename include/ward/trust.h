/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which repositories the user trusts. The policy in DIR/.ward only narrows what a run may do, until somebody has looked at
 * it and said so: then the real path of DIR and the hash of all that lies in .ward are remembered ("pinned"), and it may
 * grant, until one byte of it changes or the repository is moved. docs/policy-layers.md has the whole.
 *
 * The pins are the effective user's: $XDG_STATE_HOME/ward/trust, docs/spec/trust.md. Texts that come back are malloc'ed and
 * the caller's: free(). Any thread, any process: writers wait for one another, readers see the old list or the new one.
 */
#ifndef WARD_TRUST_H
#define WARD_TRUST_H

#include <stdbool.h>

#include "ward/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(id, name): what a directory is to the pins. Zero: its policy may not grant. */
#define WARD_TRUST_STATES(X) \
	X(WARD_TRUST_NONE, "none") \
	X(WARD_TRUST_CHANGED, "changed") \
	X(WARD_TRUST_PINNED, "pinned")
enum ward_trust_state {
#define WARD_X(id, name) id,
	WARD_TRUST_STATES(WARD_X)
#undef WARD_X
	WARD_TRUST_STATE_MAX
};
/* "none": never pinned, moved or copied; "changed": not as it was when it was pinned; "pinned". Static, never NULL. */
const char *ward_trust_state_name(enum ward_trust_state s);

/*
 * What lies in dir/.ward, its hash and its state, for people or as JSON (docs/spec/trust-report.schema.json). Changes
 * nothing. WARD_E_NOTFOUND: dir has no .ward. WARD_E_REFUSED, _INVALID, _LIMIT: something in it would refuse a run too.
 */
int ward_trust_show(const char *dir, bool json, char **ret_text, enum ward_trust_state *ret_state, struct ward_error *err);
/*
 * The same, and pin it. hash: refuse (WARD_E_REFUSED) if it is not the present one, so that what is pinned is what was
 * looked at; NULL: whatever it is. Refused inside a sandbox of Ward, and where the list of pins would lie in dir.
 */
int ward_trust_pin(const char *dir, const char *hash, bool json, char **ret_text, struct ward_error *err);
/* Forget dir, which need not be there any more. WARD_E_NOTFOUND: it was not pinned. */
int ward_trust_revoke(const char *dir, bool json, char **ret_text, struct ward_error *err);

#ifdef __cplusplus
}
#endif

#endif
