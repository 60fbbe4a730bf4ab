/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that a thread reads: they are the same as those that the caller reads, each is there once, and what goes wrong is nothing. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "registry/registry.h"
#include "tap.h"

#define HEAD "schemaVersion: 2\nkind: Policy\nmetadata: {name: t}\nspec:\n"

static const char text[] = HEAD
	"  denyRead: [\"**/.env\"]\n  fsProfiles:\n    a: {read: [\"**\", '!x/**'], modify: [out/**]}\n";
static char dir[] = "/tmp/ward-test.XXXXXX";

static const char *at(const char *name)
{
	static char path[4][128];
	static unsigned next;
	static bool made;
	char *out = path[next++ % 4];

	if (!made)
		REQUIRE(mkdtemp(dir) != NULL);
	made = true;
	(void)snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
	return out;
}

static void put(const char *name, const char *s)
{
	FILE *f = fopen(at(name), "w");

	REQUIRE(f != NULL);
	REQUIRE(fputs(s, f) >= 0 && fclose(f) == 0);
}

static struct ward_ahead *start(const char *path, const char *shipped)
{
	static char kept[128];
	struct ward_ahead_item items[2] = { { .name = kept, .layer = WARD_LAYER_RUN },
		{ .name = "shipped", .text = ward_str(shipped), .layer = WARD_LAYER_BUILTIN } };

	(void)snprintf(kept, sizeof(kept), "%s", path);
	return ward_ahead_start(items, shipped ? 2 : 1);
}

TEST(what_was_read_is_the_document)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	struct ward_error err = WARD_ERROR_INIT;
	const struct ward_profile *p = NULL;
	struct ward_ahead *a;
	struct ward_doc_alone *one;
	size_t bytes = 0;

	put("p.yaml", text);
	a = start(at("p.yaml"), HEAD "  fsProfiles:\n    b: {read: [c]}\n");
	REQUIRE(docs != NULL && a != NULL);
	CHECK_NULL(ward_ahead_take(a, "shipped", WARD_LAYER_RUN, &bytes));
	CHECK_NULL(ward_ahead_take(a, at("other"), WARD_LAYER_RUN, &bytes));
	one = ward_ahead_take(a, at("p.yaml"), WARD_LAYER_RUN, &bytes);
	REQUIRE(one != NULL);
	CHECK_EQ_SIZE(bytes, strlen(text));
	/* Once: who looks a second time reads what is there then. */
	CHECK_NULL(ward_ahead_take(a, at("p.yaml"), WARD_LAYER_RUN, &bytes));
	CHECK_EQ_INT(ward_docs_take(docs, one, &err), WARD_OK);
	one = ward_ahead_take(a, "shipped", WARD_LAYER_BUILTIN, &bytes);
	REQUIRE(one != NULL);
	CHECK_EQ_INT(ward_docs_take(docs, one, &err), WARD_OK);
	ward_ahead_free(a);

	CHECK_EQ_SIZE(ward_docs_count(docs), 2);
	REQUIRE(ward_docs_resolve(docs, "a", NULL, &p, &err) == WARD_OK);
	CHECK_EQ_SIZE(p->op[WARD_DOC_READ].n_denies, 1);
	CHECK_EQ_SIZE(p->op[WARD_DOC_READ].parts[0].rules.n, 2);
	CHECK_STR_EQ(p->op[WARD_DOC_READ].parts[0].rules.v[1].pattern, "x/**");
	CHECK_STR_EQ(p->op[WARD_DOC_READ].parts[0].rules.v[0].origin.file, at("p.yaml"));
	CHECK_EQ_INT(p->op[WARD_DOC_READ].parts[0].rules.v[0].origin.line, 7);
	REQUIRE(ward_docs_resolve(docs, "b", NULL, &p, &err) == WARD_OK);
}

TEST(what_goes_wrong_is_nothing)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "no-yaml.yaml", "a: [\n" },
		{ "no-document.yaml", "schemaVersion: 1\n" },
		{ "bad-rule.yaml", HEAD "  denyRead: [\"../x\"]\n" },
		{ "bad.json", "{" },
		{ "absent.yaml", NULL },
		{ "fifo.yaml", NULL },
		{ "directory.yaml", NULL },
	};

	REQUIRE(mkfifo(at("fifo.yaml"), 0600) == 0 && mkdir(at("directory.yaml"), 0700) == 0);
	TABLE(row, rows) {
		struct ward_ahead *a;
		size_t bytes;

		CASE("%s", row->name);
		if (row->text)
			put(row->name, row->text);
		a = start(at(row->name), NULL);
		REQUIRE(a != NULL);
		CHECK_NULL(ward_ahead_take(a, at(row->name), WARD_LAYER_RUN, &bytes));
		ward_ahead_free(a);
	}
	CHECK_NULL(ward_ahead_start(NULL, 0));
	CHECK_NULL(ward_ahead_take(NULL, "x", WARD_LAYER_RUN, &(size_t){ 0 }));
	ward_ahead_free(NULL);
}

TEST(what_nobody_takes_goes)
{
	put("p.yaml", text);
	ward_ahead_free(start(at("p.yaml"), text));
}

/* Two of one layer, and one too many: taken and refused, and freed all the same. */
TEST(taken_and_refused)
{
	WARD_CLEANUP(ward_docs_freep) struct ward_docs *docs = ward_docs_new();
	struct ward_error err = WARD_ERROR_INIT;

	REQUIRE(docs != NULL);
	for (int i = 0; i < 2; i++) {
		struct ward_ahead *a = start(at("p.yaml"), NULL);
		struct ward_doc_alone *one =
			ward_ahead_take(a, at("p.yaml"), WARD_LAYER_RUN, &(size_t){ 0 });

		REQUIRE(one != NULL);
		CHECK_EQ_INT(ward_docs_take(docs, one, &err), i == 0 ? WARD_OK : WARD_E_INVALID);
		ward_ahead_free(a);
	}
	CHECK_STR_CONTAINS(err.message, "is also defined in");
	CHECK_EQ_SIZE(ward_docs_count(docs), 1);
}

TEST(nothing_is_left)
{
	static const char *const names[] = { "p.yaml", "no-yaml.yaml", "no-document.yaml",
		"bad-rule.yaml", "bad.json", "fifo.yaml" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		CHECK_EQ_INT(unlink(at(names[i])), 0);
	CHECK_EQ_INT(rmdir(at("directory.yaml")), 0);
	CHECK_EQ_INT(rmdir(dir), 0);
}

TAP_MAIN();
