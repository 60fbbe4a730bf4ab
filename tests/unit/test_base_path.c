/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: normal form, joining, lying within; sizes at their limit; "" after every error. */
#include "base/base.h"
#include "tap.h"

TEST(normalize)
{
	static const struct {
		const char *in;
		int r;
		const char *out;
	} rows[] = {
		{ "/", WARD_OK, "/" },
		{ "//", WARD_OK, "/" },
		{ "/.", WARD_OK, "/" },
		{ "/..", WARD_OK, "/" },
		{ "/../..", WARD_OK, "/" },
		{ "/a", WARD_OK, "/a" },
		{ "/a/", WARD_OK, "/a" },
		{ "/a//b", WARD_OK, "/a/b" },
		{ "/a/./b/.", WARD_OK, "/a/b" },
		{ "/a/../b", WARD_OK, "/b" },
		{ "/a/b/../../..", WARD_OK, "/" },
		{ "/a/b/..", WARD_OK, "/a" },
		{ "/a/.../b", WARD_OK, "/a/.../b" },
		{ "/a/..b/c..", WARD_OK, "/a/..b/c.." },
		{ "/.a/.", WARD_OK, "/.a" },
		{ "/a b/\n", WARD_OK, "/a b/\n" },
		{ "", WARD_E_INVALID, "" },
		{ "a", WARD_E_INVALID, "" },
		{ "./a", WARD_E_INVALID, "" },
		{ "~/a", WARD_E_INVALID, "" },
		{ NULL, WARD_E_INVALID, "" },
	};

	TABLE(row, rows) {
		char out[WARD_PATH_MAX] = "before";

		CASE("%s", row->in != NULL ? row->in : "NULL");
		CHECK_EQ_INT(ward_path_normalize(row->in, out, sizeof(out)), row->r);
		CHECK_STR_EQ(out, row->out);
	}
}

TEST(normalize_twice_is_once)
{
	static const char *const in[] = { "/a/b/../c//d/./e/", "/../x/..", "//a//..//b//" };

	TABLE(path, in) {
		char once[WARD_PATH_MAX], twice[WARD_PATH_MAX];

		CHECK_EQ_INT(ward_path_normalize(*path, once, sizeof(once)), WARD_OK);
		CHECK_EQ_INT(ward_path_normalize(once, twice, sizeof(twice)), WARD_OK);
		CHECK_STR_EQ(twice, once);
	}
}

TEST(normalize_sizes)
{
	char out[16];

	CHECK_EQ_INT(ward_path_normalize("/abc", out, 5), WARD_OK);
	CHECK_STR_EQ(out, "/abc");
	CHECK_EQ_INT(ward_path_normalize("/abc", out, 4), WARD_E_LIMIT);
	CHECK_STR_EQ(out, "");
	CHECK_EQ_INT(ward_path_normalize("/a/bc", out, 5), WARD_E_LIMIT);
	CHECK_EQ_INT(ward_path_normalize("/", out, 2), WARD_OK);
	CHECK_STR_EQ(out, "/");
	CHECK_EQ_INT(ward_path_normalize("/", out, 1), WARD_E_LIMIT);
	CHECK_STR_EQ(out, "");
	CHECK_EQ_INT(ward_path_normalize("/", out, 0), WARD_E_LIMIT);
	/* What counts is the result. */
	CHECK_EQ_INT(ward_path_normalize("/a/../b/../c/../////.//d", out, 3), WARD_OK);
	CHECK_STR_EQ(out, "/d");
}

/* A buffer larger than WARD_PATH_MAX does not make longer paths acceptable. */
TEST(normalize_path_max)
{
	static char in[WARD_PATH_MAX + 8], out[2 * WARD_PATH_MAX];

	memset(in, 'a', sizeof(in));
	in[0] = '/';
	in[WARD_PATH_MAX - 1] = '\0';
	CHECK_EQ_INT(ward_path_normalize(in, out, sizeof(out)), WARD_OK);
	CHECK_STR_EQ(out, in);
	in[WARD_PATH_MAX - 1] = 'a';
	in[WARD_PATH_MAX] = '\0';
	CHECK_EQ_INT(ward_path_normalize(in, out, sizeof(out)), WARD_E_LIMIT);
	CHECK_STR_EQ(out, "");
	CHECK_EQ_INT(ward_path_join("/", in + 1, out, sizeof(out)), WARD_E_LIMIT);
	CHECK_STR_EQ(out, "");
}

TEST(join)
{
	static const struct {
		const char *base, *rel;
		int r;
		const char *out;
	} rows[] = {
		{ "/a", "b", WARD_OK, "/a/b" },
		{ "/a/", "./b/", WARD_OK, "/a/b" },
		{ "/", "b", WARD_OK, "/b" },
		{ "/a/b", "../c", WARD_OK, "/a/c" },
		{ "/a", "../../..", WARD_OK, "/" },
		{ "/a", ".", WARD_OK, "/a" },
		{ "/a", "/b", WARD_OK, "/b" },
		{ "nowhere", "/b", WARD_OK, "/b" },
		{ "nowhere", "b", WARD_E_INVALID, "" },
		{ "", "b", WARD_E_INVALID, "" },
		{ NULL, "b", WARD_E_INVALID, "" },
		{ "/a", "", WARD_E_INVALID, "" },
		{ "/a", NULL, WARD_E_INVALID, "" },
	};
	char none[1];

	TABLE(row, rows) {
		char out[WARD_PATH_MAX] = "before";

		CASE("%s + %s", row->base != NULL ? row->base : "NULL",
			row->rel != NULL ? row->rel : "NULL");
		CHECK_EQ_INT(ward_path_join(row->base, row->rel, out, sizeof(out)), row->r);
		CHECK_STR_EQ(out, row->out);
	}
	CHECK_EQ_INT(ward_path_join("/a", "b", none, 0), WARD_E_LIMIT);
	CHECK_EQ_INT(ward_path_join("/abc", "..", none, 1), WARD_E_LIMIT);
	CHECK_STR_EQ(none, "");
}

TEST(within)
{
	static const struct {
		const char *path, *dir;
		bool within;
	} rows[] = {
		{ "/a/b", "/a", true },
		{ "/a", "/a", true },
		{ "/a/b/c", "/a/b", true },
		{ "/ab", "/a", false },
		{ "/a", "/a/b", false },
		{ "/b/a", "/a", false },
		{ "/anything", "/", true },
		{ "/", "/", true },
		{ "/", "/a", false },
		{ "a/b", "a", false },
		{ "/a", "", false },
		{ "", "/", false },
		{ "", "", false },
	};

	TABLE(row, rows) {
		CASE("%s in %s", row->path, row->dir);
		CHECK_EQ_INT(ward_path_within(row->path, row->dir), row->within);
	}
}

TEST(dotdot)
{
	static const struct {
		const char *path;
		bool has;
	} rows[] = {
		{ "..", true },
		{ "../a", true },
		{ "a/..", true },
		{ "a/../b", true },
		{ "/..", true },
		{ "a//..//b", true },
		{ "", false },
		{ "a/b", false },
		{ "...", false },
		{ "a/..b", false },
		{ "a../b", false },
		{ ".", false },
	};

	TABLE(row, rows) {
		CASE("%s", row->path);
		CHECK_EQ_INT(ward_path_has_dotdot(row->path), row->has);
	}
}

TEST(basename)
{
	CHECK_STR_EQ(ward_path_basename("/a/b"), "b");
	CHECK_STR_EQ(ward_path_basename("b"), "b");
	CHECK_STR_EQ(ward_path_basename("/"), "");
	CHECK_STR_EQ(ward_path_basename("a/"), "");
	CHECK_STR_EQ(ward_path_basename(""), "");
}

TAP_MAIN();
