/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs that wait for a person's yes (--ask wait), seen and answered from somewhere else: docs/approvals.md. They are those of the
 * effective user; nothing here works from inside a sandbox. Texts that come back are malloc'ed and the caller's: free(). Any thread.
 */
#ifndef WARD_APPROVE_H
#define WARD_APPROVE_H

#include <stdbool.h>
#include <stddef.h>

#include "ward/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero: no. What is critical takes ONCE alone. */
enum ward_approve_answer { WARD_APPROVE_NO = 0, WARD_APPROVE_ONCE, WARD_APPROVE_RUN };

/*
 * What waits, for people or as JSON (docs/spec/approval.md); *ret_n (may be NULL): how many questions. Sockets of runs that are
 * dead are removed. WARD_E_REFUSED: their directory is not the caller's alone, or this is inside a sandbox.
 */
int ward_approve_pending(bool json, char **ret_text, size_t *ret_n, struct ward_error *err);
/*
 * Answer what waits: of a run (its ULID), all its questions, but for a yes to what is critical, which must be named by itself; or
 * one question, by its digest or at least 8 digits of it. WARD_E_NOTFOUND: nothing of that name waits. WARD_E_REFUSED: it is
 * critical, or somebody was faster. *ret_text: what was answered, a line each; after an error too, where some had their answer by then.
 */
int ward_approve_answer(const char *what, enum ward_approve_answer answer, char **ret_text, struct ward_error *err);
/*
 * The cure of a refusal in the log file (NULL: the default), which nobody but the caller and root may write, and whose chain holds
 * up to it (else WARD_E_AUDIT): what is "RUN#SEQ", or "#SEQ". *ret_text: the option that would allow it, for a shell; or, with
 * always, the permit that was added to the user's allowed.cedar, for that workspace. WARD_E_NOTFOUND: no such record.
 * WARD_E_REFUSED: it has no cure, a rule forbids it, it is Ward's own, or no rule can say it.
 */
int ward_approve_allow(const char *what, bool always, const char *file, char **ret_text, struct ward_error *err);

#ifdef __cplusplus
}
#endif

#endif
