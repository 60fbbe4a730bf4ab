/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cedar/validate: can a policy go wrong under a schema? Every request environment (action x principal type x resource
 * type) is type-checked; findings are a set: the same one from several environments is reported once.
 */
#pragma once

#include "cedar/eval/eval.h"

/* X(id, name, is a warning): the kinds of findings, named as the official engine names them. */
#define CEDAR_FINDINGS(X) \
	X(UNRECOGNIZED_ENTITY_TYPE, "UnrecognizedEntityType", 0) \
	X(UNRECOGNIZED_ACTION_ID, "UnrecognizedActionId", 0) \
	X(INVALID_ACTION_APPLICATION, "InvalidActionApplication", 0) \
	X(UNEXPECTED_TYPE, "UnexpectedType", 0) \
	X(INCOMPATIBLE_TYPES, "IncompatibleTypes", 0) \
	X(UNSAFE_ATTRIBUTE_ACCESS, "UnsafeAttributeAccess", 0) \
	X(UNSAFE_OPTIONAL_ATTRIBUTE_ACCESS, "UnsafeOptionalAttributeAccess", 0) \
	X(UNSAFE_TAG_ACCESS, "UnsafeTagAccess", 0) \
	X(NO_TAGS_ALLOWED, "NoTagsAllowed", 0) \
	X(UNDEFINED_FUNCTION, "UndefinedFunction", 0) \
	X(WRONG_NUMBER_ARGUMENTS, "WrongNumberArguments", 0) \
	X(FUNCTION_ARGUMENT_VALIDATION, "FunctionArgumentValidation", 0) \
	X(EMPTY_SET_FORBIDDEN, "EmptySetForbidden", 0) \
	X(NON_LIT_EXT_CONSTRUCTOR, "NonLitExtConstructor", 0) \
	X(INTERNAL_INVARIANT_VIOLATION, "InternalInvariantViolation", 0) \
	X(ENTITY_DEREF_LEVEL_VIOLATION, "EntityDerefLevelViolation", 0) \
	X(INVALID_ENUM_ENTITY, "InvalidEnumEntity", 0) \
	X(IMPOSSIBLE_POLICY, "ImpossiblePolicy", 1) \
	X(MIXED_SCRIPT_STRING, "MixedScriptString", 1) \
	X(BIDI_CHARS_IN_STRING, "BidiCharsInString", 1) \
	X(BIDI_CHARS_IN_IDENTIFIER, "BidiCharsInIdentifier", 1) \
	X(MIXED_SCRIPT_IDENTIFIER, "MixedScriptIdentifier", 1) \
	X(CONFUSABLE_IDENTIFIER, "ConfusableIdentifier", 1) \
	X(UNRECOGNIZED_ACTION_APPLICATION, "InvalidActionApplicationWarning", 1)
enum cedar_finding {
	CEDAR_FINDING_NONE = 0,
#define CEDAR_X(id, name, warning) CEDAR_FINDING_##id,
	CEDAR_FINDINGS(CEDAR_X)
#undef CEDAR_X
	CEDAR_FINDING_MAX
};
const char *ward_cedar_finding_name(unsigned kind);

enum cedar_mode { CEDAR_STRICT = 0, CEDAR_PERMISSIVE };
struct cedar_validate_options {
	uint8_t mode;
	bool inapplicable_is_error;              /* as 4.9 and 4.10 had it; 4.13 warns */
	int level;                               /* < 0: no level validation */
	uint64_t steps_max;                      /* what a policy may cost, in some nanoseconds each; 0: the usual */
	/* NULL, or told of each action and type of principal of which a policy may be true; the policies come in their order. */
	void (*possible)(void *arg, const struct cedar_policy *p, const struct cedar_uid *action, const struct cedar_str *principal);
	void *arg;
};
/*
 * strings.c: warnings of texts and identifiers of one policy that may be read as something else: bidirectional controls,
 * mixed scripts, letters that are taken for others.
 */
void ward_cedar_check_strings(const struct cedar_policy *p, struct cedar_diags *d);
/*
 * options NULL: strict, no level. WARD_E_NOMEM, WARD_E_LIMIT (a diagnostic says which policy): not looked at to the end.
 * Findings go to d with kind, policy and span. WARD_OK: no error (warnings may be); WARD_E_REFUSED: errors.
 */
int ward_cedar_validate(const struct cedar_schema *schema, const struct cedar_policies *s,
	const struct cedar_validate_options *o, struct cedar_diags *d);
