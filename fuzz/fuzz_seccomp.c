/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filters that the build made of data/seccomp, in a simulator, against what the supervisor judges of the same call: the input is a set
 * of switches, an architecture, a number and six arguments. They agree on every call, whatever stands in its arguments; a foreign
 * call is never allowed, and what people are told of it is text.
 */
#include <linux/audit.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "confine/native/kernel/seccomp_table.h"

#include "../tests/unit/seccomp_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_seccomp.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define X32_BIT 0x40000000u
#define X32_END 0x80000000u

static void told(const struct seccomp_data *d, const struct ward_seccomp_verdict *v)
{
	char text[64];

	for (size_t size = 1; size <= sizeof(text); size += 21) {
		(void)ward_seccomp_detail(d, v, text, size);
		MUST(memchr(text, '\0', size));
		for (const char *p = text; *p; p++)
			MUST(*p >= 0x20 && *p < 0x7f);
	}
}

static void one(uint32_t switches, const struct seccomp_data *d)
{
	struct ward_seccomp_verdict v;
	struct sim s;
	size_t n;
	const struct sock_filter *f = ward_seccomp_program(switches, &n);
	uint32_t got = run(f, n, d, &s);
	bool foreign = d->arch != ward_seccomp_arch;

	ward_seccomp_judge(switches, d, &v);
	MUST(got == expected(switches, &v));
#ifdef __x86_64__
	foreign = foreign || ((uint32_t)d->nr >= X32_BIT && (uint32_t)d->nr < X32_END);
#endif
	MUST(foreign == (v.verb == WARD_SECCOMP_FOREIGN));
	MUST(v.verb != WARD_SECCOMP_PRIVATE);
	/* Errno 0 is done as if: a limit of core files that is set is what it was. Nobody is notified of that. */
	MUST(v.verb == WARD_SECCOMP_ALLOW || v.err > 0 ||
		(v.verb == WARD_SECCOMP_ERRNO && v.err == 0));
	MUST(v.verb != WARD_SECCOMP_ALLOW || ward_seccomp_name(d->nr));
	told(d, &v);
}

/* switches, what architecture, what to do with the number, the number; then the arguments as they lie in memory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t archs[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64 };
	struct seccomp_data d = { .arch = ward_seccomp_arch };
	uint32_t nr;

	if (size < 5)
		return 0;
	if (data[1] >= 0xf0)
		d.arch = archs[data[1] % 3];
	nr = (uint32_t)data[3] | (uint32_t)data[4] << 8;
	nr = data[2] < 0xe0 ? nr % 512 : data[2] < 0xf0 ? nr : nr << (data[2] - 0xf0);
	d.nr = (int)nr;
	memcpy(d.args, data + 5, size - 5 < sizeof(d.args) ? size - 5 : sizeof(d.args));
	one(data[0], &d);
	/* The other switches see the same call. */
	for (uint32_t i = 0; i < WARD_SECCOMP_VARIANTS; i += 1 + data[0] % 7)
		one(i, &d);
	return 0;
}
