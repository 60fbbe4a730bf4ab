/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies of a request: what decides, why, and what would change it. Nothing runs, and nothing is recorded. A request is
 * filled by option name (ward.h); it needs no command here. Threads: as for a request.
 */
#ifndef WARD_POLICY_H
#define WARD_POLICY_H

#include "ward/ward.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ward_answer { WARD_ANSWER_DENY = 0, WARD_ANSWER_ASK, WARD_ANSWER_ALLOW };

/*
 * May the run do action ("fs.read") to resource? Paths are relative to the caller's working directory, and links in them are
 * followed as far as they are there; programs may be bare names. *ret_text (free()): for people, or JSON
 * (docs/spec/explain.md). WARD_E_INVALID for an unknown action, and whatever is wrong with the policies, with its place.
 */
int ward_request_explain(struct ward_request *r, const char *action, const char *resource, bool json, char **ret_text,
	enum ward_answer *ret_answer, struct ward_error *err);

/* How policies are printed. */
enum ward_policy_form {
	WARD_POLICY_AS_CEDAR = 0,    /* one text of Cedar's syntax: what the sugar of all layers compiled to, and the rest as it is */
	WARD_POLICY_AS_SNAPSHOT      /* JSON: all that a decision depends on, but the question; its SHA-256 names it */
};
/* WARD_OK also means that all of them are right. */
int ward_request_policy(struct ward_request *r, enum ward_policy_form form, char **ret_text, struct ward_error *err);
/* The same without the texts: how many of what there is, the hash, and each warning, a line each; or JSON. */
int ward_request_check(struct ward_request *r, bool json, char **ret_text, struct ward_error *err);

/* One option of `ward run` that policies depend on: "mode", "policy", "read" ...; value NULL for a flag. */
struct ward_policy_setting {
	const char *name, *value;
};

/*
 * Expectations in files (docs/spec/policy-test.md), against the policies of the settings and of the files' own. *ret_text (free()):
 * one line a failure, with its place, and "N passed, N failed"; or JSON. *ret_failed: how many. WARD_OK also where some failed.
 */
int ward_policy_test(const struct ward_policy_setting *settings, size_t n_settings, const char *const *files, size_t n_files,
	bool json, char **ret_text, size_t *ret_failed, struct ward_error *err);
/* Two sides, each a mode's name, a policy file or a directory of them; requests: a file of questions to ask too, or NULL. */
struct ward_policy_sides {
	const char *a, *b, *requests;
};
/*
 * Questions whose answer is another one under b than under a, with the settings beside both. Asked are all names, patterns,
 * endpoints, programs, variables ... that either mentions, names beside and below these, and those of requests. Texts as above:
 * "ACTION RESOURCE: deny -> allow (file:line)".
 */
int ward_policy_diff(const struct ward_policy_setting *settings, size_t n_settings, const struct ward_policy_sides *sides, bool json,
	char **ret_text, size_t *ret_changed, struct ward_error *err);

/* ---- a run that was ---- */
struct ward_policy_run {
	const char *run;             /* its identifier */
	const char *log;             /* the log that it is in; NULL: this user's */
};
/*
 * The same questions, answered from what was stored with that run beside its log, as at its start. Relative paths start at that run's
 * workspace; links are followed as they are now. WARD_E_NOTFOUND: no such run, or it had no policies, or they are not stored any more;
 * WARD_E_AUDIT: what is stored is not what the log names.
 */
int ward_policy_run_explain(const struct ward_policy_run *of, const char *action, const char *resource, bool json, char **ret_text,
	enum ward_answer *ret_answer, struct ward_error *err);
/* As ward_request_policy. */
int ward_policy_run_text(const struct ward_policy_run *of, enum ward_policy_form form, char **ret_text, struct ward_error *err);
/* As ward_policy_diff: a is what that run had, b what the settings say now. requests: a file of questions to ask too, or NULL. */
int ward_policy_run_diff(const struct ward_policy_run *of, const struct ward_policy_setting *settings, size_t n_settings,
	const char *requests, bool json, char **ret_text, size_t *ret_changed, struct ward_error *err);

/*
 * The snapshot of a request's policies, written as DIR/SHA256.json (mode 0600; one that is there stays). *ret_text: that path.
 */
int ward_request_snapshot(struct ward_request *r, const char *dir, char **ret_text, struct ward_error *err);

#ifdef __cplusplus
}
#endif

#endif
