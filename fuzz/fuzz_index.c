/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index of git's, as src/workspace/index/git.c reads it. Its sum is made right half of the time, so that what lies behind it is reached. What has
 * a sum has the same one whatever git noted of the first file; and no part of it has one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "workspace/diff/diff.h"
#include "workspace/index/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES 12
#define MODE_AT 24

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_index.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void make_right(uint8_t *p, size_t n)
{
	struct ward_sha256 h;

	if (n > HEAD_BYTES + WARD_SHA256_SIZE && p[7] % 2 == 1) {
		ward_sha256_init(&h);
		ward_sha256_update(&h, p, n - WARD_SHA256_SIZE);
		ward_sha256_final(&h, p + n - WARD_SHA256_SIZE);
	} else if (n > HEAD_BYTES + SHA1_SIZE) {
		ward_diff_sha1(p, n - SHA1_SIZE, false, p + n - SHA1_SIZE);
	}
}

static bool is_of_sha1(const uint8_t *p, size_t n)
{
	uint8_t sum[SHA1_SIZE];

	ward_diff_sha1(p, n - SHA1_SIZE, false, sum);
	return memcmp(sum, p + n - SHA1_SIZE, SHA1_SIZE) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t a[WARD_SHA256_SIZE], b[WARD_SHA256_SIZE];
	uint8_t *p = malloc(size ? size : 1);

	MUST(p);
	memcpy(p, data, size);
	if (size > 0 && data[size - 1] % 2 == 0)
		make_right(p, size);
	if (!ward_index_sum(p, size, a)) {
		free(p);
		return 0;
	}
	MUST(size >= HEAD_BYTES + SHA1_SIZE && memcmp(p, "DIRC", 4) == 0);
	MUST(!ward_index_sum(p, size - 1, b) && !ward_index_sum(p, size - SHA1_SIZE, b));
	if (is_of_sha1(p, size) && memcmp(p + 8, "\0\0\0\0", 4) != 0) {
		memset(p + HEAD_BYTES, 0x5a, MODE_AT);
		ward_diff_sha1(p, size - SHA1_SIZE, false, p + size - SHA1_SIZE);
		MUST(ward_index_sum(p, size, b) && memcmp(a, b, sizeof(a)) == 0);
	}
	free(p);
	return 0;
}
