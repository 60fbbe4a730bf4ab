/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modes, and the other names that people may use for actions and modes, from data/. What is spelled
 * in no table is an error that names the nearest one, never a guess. The texts come from data/ by tools/gen-vocabulary.
 */
#pragma once

#include "policy/action.h"

/* A set of actions is a uint32_t: bit n is the action n. */
#define WARD_ACTION_BIT(a) (UINT32_C(1) << (a))

/*
 * alias.c: what a word means: an action, a family of the schema, a capability type, or another name (data/aliases).
 * Unknown: WARD_E_CAPABILITY with the nearest word, and *ret is the empty set.
 */
int ward_actions_parse(struct ward_str word, uint32_t *ret, struct ward_error *err);

/* Zero, no mode, permits nothing by itself. In the order of data/modes. */
enum ward_mode {
	WARD_MODE_NONE = 0, WARD_MODE_READ_ONLY, WARD_MODE_WORKSPACE_WRITE, WARD_MODE_REPO_WRITE,
	WARD_MODE_DANGER_FULL_ACCESS, WARD_MODE_MAX
};
/* "read_only", or with hyphens. Unknown: WARD_E_CAPABILITY with the nearest, and *ret is NONE. */
int ward_mode_parse(struct ward_str word, enum ward_mode *ret, struct ward_error *err);

/* Of a run: KEY=VALUE. */
#define WARD_LABEL_BYTES_MAX 256u
bool ward_is_label(struct ward_str text);

/* The name of a variable, as rules, options and questions have it. */
#define WARD_VARIABLE_FORM "a variable's name has letters, digits and \"_\", and no digit first"
bool ward_is_variable(struct ward_str name);

struct ward_mode_limits {
	uint64_t memory;             /* bytes; 0: memory_percent of what is available */
	uint32_t memory_percent;     /* 0: memory says */
	uint32_t millicpus;          /* 0 = all */
	uint32_t pids;
	uint64_t disk;               /* bytes over all private tmpfs */
	uint64_t output;             /* bytes a stream; 0 = unlimited */
	uint64_t timeout_ms;         /* 0 = none */
	uint64_t grace_ms;
	uint32_t nofile;
};
struct ward_mode_data {
	const char *name, *file;     /* "read_only", "data/modes/read_only.cedar" */
	const char *text;            /* Cedar, NUL-terminated */
	size_t n;
	struct ward_mode_limits limits;
};
const struct ward_mode_data *ward_mode(enum ward_mode m);   /* NULL for NONE */

/* ---- made by tools/gen-vocabulary ---- */
struct ward_alias {
	const char *word;
	uint32_t actions;
};
struct ward_mode_alias {
	const char *word;
	enum ward_mode mode;
};
extern const char ward_schema_text[];           /* data/ward.cedarschema */
extern const size_t ward_schema_size;           /* without the NUL */
extern const char ward_schema_sha256[];         /* of it, in hexadecimal */
/* What a start needs of the schema where nothing is to be validated: families with their actions, enumerated types with their words. */
struct ward_family {
	const char *name;
	uint32_t actions;
};
struct ward_enumerated {
	const char *type, *word;     /* "Mode", "read_only" */
};
extern const struct ward_family ward_families[];
extern const size_t ward_families_n;
extern const struct ward_enumerated ward_enumerated[];
extern const size_t ward_enumerated_n;
extern const struct ward_mode_data ward_modes[WARD_MODE_MAX];
extern const struct ward_alias ward_aliases[];  /* families and data/aliases */
extern const size_t ward_aliases_n;
extern const struct ward_mode_alias ward_mode_aliases[];
extern const size_t ward_mode_aliases_n;
/* data/modes/dotenv.cedar: no mode, but rules that one may add to any. */
extern const char ward_dotenv_text[];
extern const size_t ward_dotenv_size;
/* data/profiles.yaml: a policy document, of the builtin layer. */
extern const char ward_profiles_text[];
extern const size_t ward_profiles_size;
/* data/start.cedar: what a run has to be before it starts; in every run that has policies. */
extern const char ward_start_text[];
extern const size_t ward_start_size;
