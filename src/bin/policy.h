/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of `ward policy` share: the words of a command line as a request, as settings, and as its own. */
#pragma once

#include "bin/cli.h"
#include "ward/policy.h"

#define POLICY_WORDS_MAX 256

/* What the command line said besides the request. */
struct own {
	const char *op, *path, *action, *resource, *as, *store, *requests, *run, *audit;
	const char *files[POLICY_WORDS_MAX];
	size_t n_files;
	struct ward_policy_setting settings[POLICY_WORDS_MAX];   /* what the request was told, once more */
	size_t n_settings;
	bool json, takes_files;
	bool plans;                  /* a run is planned, and so --accept is one of its options */
	bool connects;               /* and what leads its connections is, too */
};
struct own_option {
	const char *name;
	size_t at;                   /* offset in struct own */
};
typedef int policy_fn(struct ward_request *r, struct own *o, struct ward_error *err);

/* name: both words of the command. files: words that are no options are taken. */
int policy_command(struct words w, const char *name, const struct own_option *options, bool files, policy_fn *fn);
/* Is it about a run that was (--run RUN)? Then no other option of a run says anything. 1: *of is it; 0; or it fails. */
int policy_of_run(const struct own *o, struct ward_policy_run *of, struct ward_error *err);
int policy_fail(struct ward_error *err, const char *place, const char *what, const char *fix);  /* fills it; its code */
int policy_failed(const struct ward_error *err);         /* says it; EXIT_USAGE */
int policy_print(char *text);                            /* takes it; EXIT_OK, or EXIT_USAGE where it cannot be written */
