/* SPDX-License-Identifier: Apache-2.0 */
/* The name that git gives a content: the answers of `git hash-object`, and the processor's instructions against plain C at every length. */
#include "workspace/diff/diff.h"

#include "tap.h"

#define LENGTH_MAX 400

static void is_name(const char *s, size_t n, const char *want)
{
	uint8_t sum[SHA1_SIZE];
	char text[2 * SHA1_SIZE + 1];

	for (int fast = 0; fast <= ward_diff_blob_fast(); fast++) {
		ward_diff_blob(s, n, fast, sum);
		ward_hex(sum, sizeof(sum), text);
		CHECK_STR_EQ(text, want);
	}
}

TEST(names_that_git_gives)
{
	static char large[1000000];

	is_name("", 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
	is_name("hello world\n", 12, "3b18e512dba79e4c8300dd08aeb37f8e728b8dad");
	memset(large, 'a', sizeof(large));
	is_name(large, sizeof(large), "de1fbf0c2f34f67f01f355f31ed0cf7319643c5e");
}

TEST(instructions_and_plain_c_agree)
{
	uint8_t plain[SHA1_SIZE], fast[SHA1_SIZE];
	char text[LENGTH_MAX];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7919 >> 3);
	for (size_t n = 0; n < sizeof(text); n++) {
		CASE("%zu bytes", n);
		ward_diff_blob(text, n, false, plain);
		ward_diff_blob(text, n, ward_diff_blob_fast(), fast);
		CHECK_MEM_EQ(plain, fast, sizeof(plain));
	}
}

TAP_MAIN();
