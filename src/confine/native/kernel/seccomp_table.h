/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of what tools/gen-seccomp makes of data/seccomp. Private to seccomp.c and the generated file: the
 * rest of Ward asks through seccomp.h. Zero of every enum here is the refusal.
 */
#pragma once

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "confine/native/seccomp.h"

enum ward_cond_kind {
	WARD_COND_EQ = 1, /* (argument & mask) == value */
	WARD_COND_ANY, /* (argument & mask) != 0 */
	WARD_COND_SWITCH /* mask & switches */
};
struct ward_seccomp_cond {
	uint8_t kind, arg;
	uint64_t mask, value;
};
#define WARD_SECCOMP_CONDS_MAX 4

/* One line of a `check`: all of conds hold -> verdict. */
struct ward_seccomp_rule {
	struct ward_seccomp_cond conds[WARD_SECCOMP_CONDS_MAX];
	uint8_t n_conds;
	uint8_t verb; /* enum ward_seccomp_verb */
	uint8_t err;
	const char *detail;
};

/* One number; name NULL = a number that is no call. */
struct ward_seccomp_call {
	const char *name;
	uint8_t verb; /* without rules */
	uint8_t err;
	uint16_t first_rule, n_rules;
};

struct ward_seccomp_program {
	const struct sock_filter *insns;
	uint16_t n;
};

extern const struct ward_seccomp_rule ward_seccomp_rules[];
extern const struct ward_seccomp_call ward_seccomp_calls[];
extern const size_t ward_seccomp_n_calls;
extern const uint32_t ward_seccomp_arch;
extern const int ward_seccomp_default_errno, ward_seccomp_unknown_errno;
extern const struct ward_seccomp_program ward_seccomp_programs[WARD_SECCOMP_VARIANTS];
