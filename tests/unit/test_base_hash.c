/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256, ULID and base64 against published vectors and against an independent implementation's
 * results. Nothing here takes a value from the code under test.
 */
#include "base/base.h"
#include "tap.h"

static const struct {
	const char *text, *digest;
} sha_rows[] = {
	/* FIPS 180-4 and NIST CAVS examples */
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
	  "lmnopqrsmnopqrstnopqrstu",
		"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

TEST(sha256_vectors)
{
	TABLE(row, sha_rows) {
		char hex[WARD_SHA256_HEX];

		CASE("%s", row->text);
		ward_sha256_hex(row->text, strlen(row->text), hex);
		CHECK_STR_EQ(hex, row->digest);
	}
}

TEST(sha256_million)
{
	struct ward_sha256 c;
	uint8_t digest[WARD_SHA256_SIZE];
	char hex[WARD_SHA256_HEX];
	char block[1000];

	memset(block, 'a', sizeof(block));
	ward_sha256_init(&c);
	for (int i = 0; i < 1000; i++)
		ward_sha256_update(&c, block, sizeof(block));
	ward_sha256_final(&c, digest);
	ward_hex(digest, sizeof(digest), hex);
	CHECK_STR_EQ(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/*
 * All lengths from 0 to 200, so every place of the padding in a block; the expected sum is Python
 * hashlib's.
 */
TEST(sha256_lengths)
{
	struct ward_sha256 all;
	uint8_t digest[WARD_SHA256_SIZE];
	char hex[WARD_SHA256_HEX];

	ward_sha256_init(&all);
	for (size_t n = 0; n <= 200; n++) {
		uint8_t text[200];
		struct ward_sha256 c;

		for (size_t i = 0; i < n; i++)
			text[i] = (uint8_t)((i * 7 + n) % 251);
		ward_sha256_init(&c);
		ward_sha256_update(&c, text, n);
		ward_sha256_final(&c, digest);
		ward_sha256_update(&all, digest, sizeof(digest));
	}
	ward_sha256_final(&all, digest);
	ward_hex(digest, sizeof(digest), hex);
	CHECK_STR_EQ(hex, "37657e00834049a046517511e611d42f5688ba0d04367cf6e365412288401d5d");
}

/* However a text is cut into pieces, the digest is the same. */
TEST(sha256_pieces)
{
	char text[257], whole[WARD_SHA256_HEX], hex[WARD_SHA256_HEX];
	uint8_t digest[WARD_SHA256_SIZE];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 13);
	ward_sha256_hex(text, sizeof(text), whole);
	for (size_t cut = 0; cut <= sizeof(text); cut++) {
		struct ward_sha256 c;

		CASE("cut at %zu", cut);
		ward_sha256_init(&c);
		ward_sha256_update(&c, text, cut);
		ward_sha256_update(&c, NULL, 0);
		ward_sha256_update(&c, text + cut, sizeof(text) - cut);
		ward_sha256_final(&c, digest);
		ward_hex(digest, sizeof(digest), hex);
		CHECK_STR_EQ(hex, whole);
	}
}

TEST(hex)
{
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	char out[9];

	ward_hex(bytes, sizeof(bytes), out);
	CHECK_STR_EQ(out, "000fa5ff");
	ward_hex(bytes, 0, out);
	CHECK_STR_EQ(out, "");
}

TEST(ulid_format)
{
	static const uint8_t zero[10] = { 0 };
	static const uint8_t ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
	static const uint8_t step[10] = { 0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35,
		0xcf };
	char out[WARD_ULID_SIZE];

	/* The example time of the specification. */
	ward_ulid_format(1469918176385, zero, out);
	CHECK_STR_EQ(out, "01ARYZ6S410000000000000000");
	ward_ulid_format((UINT64_C(1) << 48) - 1, ones, out);
	CHECK_STR_EQ(out, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	ward_ulid_format(0, zero, out);
	CHECK_STR_EQ(out, "00000000000000000000000000");
	/* These ten bytes are the values 0 to 15 of five bits each. */
	ward_ulid_format(0, step, out);
	CHECK_STR_EQ(out, "00000000000123456789ABCDEF");
	/* What is above 48 bits is cut and does not spill into the random part. */
	ward_ulid_format(UINT64_C(1) << 48, zero, out);
	CHECK_STR_EQ(out, "00000000000000000000000000");
}

TEST(ulid_sorts_by_time)
{
	static const uint8_t ones[10] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 };
	static const uint8_t zero[10] = { 0 };
	char a[WARD_ULID_SIZE], b[WARD_ULID_SIZE];

	for (uint64_t ms = 1; ms < UINT64_C(1) << 47; ms = ms * 3 + 1) {
		ward_ulid_format(ms, ones, a);
		ward_ulid_format(ms + 1, zero, b);
		CHECK(strcmp(a, b) < 0);
		CHECK(ward_ulid_valid(a) && ward_ulid_valid(b));
	}
}

TEST(ulid_valid)
{
	static const struct {
		const char *text;
		bool valid;
	} rows[] = {
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAV", true },
		{ "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true },
		{ "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", false },
		{ "01arz3ndektsv4rrffq69g5fav", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FA", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAVV", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAI", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAL", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAO", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FAU", false },
		{ "01ARZ3NDEKTSV4RRFFQ69G5FA ", false },
		{ "-1ARZ3NDEKTSV4RRFFQ69G5FAV", false },
		{ "", false },
		{ NULL, false },
	};

	TABLE(row, rows) {
		CASE("%s", row->text != NULL ? row->text : "NULL");
		CHECK_EQ_INT(ward_ulid_valid(row->text), row->valid);
	}
}

TEST(base64_vectors)
{
	static const struct {
		const char *text;
		size_t n;
		const char *out;
	} rows[] = {
		/* RFC 4648 section 10 */
		{ "", 0, "" },
		{ "f", 1, "Zg==" },
		{ "fo", 2, "Zm8=" },
		{ "foo", 3, "Zm9v" },
		{ "foob", 4, "Zm9vYg==" },
		{ "fooba", 5, "Zm9vYmE=" },
		{ "foobar", 6, "Zm9vYmFy" },
		{ "\xff\xef\xbe\x00", 4, "/+++AA==" },
	};

	TABLE(row, rows) {
		WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", row->out);
		ward_base64(&b, row->text, row->n);
		CHECK_STR_EQ(ward_buf_cstr(&b), row->out);
	}
}

TAP_MAIN();
