/* SPDX-License-Identifier: Apache-2.0 */
/* A simulator of classic BPF, and what a filter must answer for what the supervisor would judge: test_seccomp.c, fuzz_seccomp.c. */
#pragma once

#include <string.h>

#include "confine/native/seccomp.h"

#define SIM_BAD 0xdeadbeefu

/* ---- the simulator: what the kernel does with the instructions that we use, and nothing else ---- */
struct sim {
	unsigned steps, args_read;
};

static uint32_t load(const struct seccomp_data *d, uint32_t k, struct sim *s)
{
	uint32_t v;

	if (k >= 16)
		s->args_read++;
	memcpy(&v, (const char *)d + k, sizeof(v));
	return v;
}

static uint32_t run(const struct sock_filter *f, size_t n, const struct seccomp_data *d,
	struct sim *s)
{
	uint32_t a = 0;

	*s = (struct sim){ 0 };
	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		bool yes;

		s->steps++;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k + 4 > sizeof(*d))
				return SIM_BAD;
			a = load(d, i->k, s);
			continue;
		case BPF_ALU | BPF_AND | BPF_K: a &= i->k; continue;
		case BPF_JMP | BPF_JA: pc += i->k; continue;
		case BPF_JMP | BPF_JEQ | BPF_K: yes = a == i->k; break;
		case BPF_JMP | BPF_JGE | BPF_K: yes = a >= i->k; break;
		case BPF_JMP | BPF_JSET | BPF_K: yes = a & i->k; break;
		case BPF_RET | BPF_K: return i->k;
		default: return SIM_BAD;
		}
		pc += yes ? i->jt : i->jf;
	}
	return SIM_BAD;
}

/* What the program must return for a judgement. */
static uint32_t expected(uint32_t switches, const struct ward_seccomp_verdict *v)
{
	bool listener = !(switches & WARD_SECCOMP_NO_LISTENER);

	switch (v->verb) {
	case WARD_SECCOMP_ALLOW: return SECCOMP_RET_ALLOW;
	case WARD_SECCOMP_ERRNO: return SECCOMP_RET_ERRNO | (uint32_t)v->err;
	case WARD_SECCOMP_FOREIGN:
		return listener ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_KILL_PROCESS;
	default: return listener ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | (uint32_t)v->err;
	}
}
