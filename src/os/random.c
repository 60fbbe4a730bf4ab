/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes of the kernel, and identifiers made of them. There is no other source: where the
 * kernel gives none, ward_random() fails. An identifier has to be unique and not secret, so that
 * one is still made then, of whatever tells this moment and place from others.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os.h"

int ward_random(void *p, size_t n)
{
	char *s = p;

	while (n > 0) {
		ssize_t got = getrandom(s, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		s += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Unique, not unpredictable. */
static void distinct_bytes(uint8_t out[10])
{
	static atomic_uint_fast64_t counter;
	uint64_t parts[] = {
		ward_now_wall_ns(),
		ward_now_mono_ns(),
		(uint64_t)getpid(),
		(uint64_t)syscall(SYS_gettid),
		(uint64_t)(uintptr_t)&parts,
		atomic_fetch_add(&counter, 1),
	};
	uint8_t digest[WARD_SHA256_SIZE];
	struct ward_sha256 c;

	ward_sha256_init(&c);
	ward_sha256_update(&c, parts, sizeof(parts));
	ward_sha256_final(&c, digest);
	memcpy(out, digest, 10);
}

void ward_ulid_next(struct ward_ulids *many, char out[WARD_ULID_SIZE])
{
	uint8_t distinct[10], *random = distinct;

	if (many->left == 0) {
		size_t n = many->n == 0                           ? 1
			: many->n < WARD_ARRAY_SIZE(many->random) ? many->n
								  : WARD_ARRAY_SIZE(many->random);

		if (ward_random(many->random, n * sizeof(many->random[0])) == 0)
			many->left = n;
	}
	if (many->left > 0)
		random = many->random[--many->left];
	else
		distinct_bytes(distinct);
	many->n -= many->n > 0;
	ward_ulid_format(ward_now_wall_ns() / 1000000, random, out);
}

void ward_ulid_now(char out[WARD_ULID_SIZE])
{
	struct ward_ulids one = { .n = 1 };

	ward_ulid_next(&one, out);
}
