/* SPDX-License-Identifier: Apache-2.0 */
/* The directories of policies: what is read, in which order, under which hash, and everything that refuses the run. */
#include <sys/sysmacros.h>
#include <sys/types.h>

#include "layers_util.h"

TEST(no_directory_no_layer)
{
	tree();
	OK();
	CHECK_EQ_SIZE(layers->n, 0);
	CHECK(!layers->ceiling.present && !layers->user.present && !layers->repository.present);
	CHECK_STR_EQ(layers->ceiling.path, at("etc"));
	CHECK_NULL(layers->notice);
	CHECK_EQ_UINT(layers->epoch, 0);
	/* A layer that nobody asks for. */
	where.ceiling = where.user = where.workspace = where.trust = NULL;
	OK();
	CHECK_NULL(layers->ceiling.path);
	CHECK_EQ_SIZE(layers->n, 0);
}

TEST(a_directory_without_files_is_there)
{
	tree();
	make_dir("etc", 0755);
	OK();
	CHECK(layers->ceiling.present);
	CHECK_EQ_SIZE(layers->ceiling.n, 0);
	CHECK_STR_EQ(layers->ceiling.sha256,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(files_by_layer_and_name)
{
	static const char *const names[] = { "B.cedar", "README.md", "a b.json", "a.yaml",
		"b.yml" };
	static const enum ward_policy_kind kinds[] = { WARD_POLICY_CEDAR, WARD_POLICY_NOTE,
		WARD_POLICY_DOCUMENT, WARD_POLICY_DOCUMENT, WARD_POLICY_DOCUMENT };

	full_tree();
	put("etc/epoch", "7\n");
	for (size_t i = WARD_ARRAY_SIZE(names); i-- > 0;) {
		char rel[64];

		snprintf(rel, sizeof(rel), "config/%s", names[i]);
		put(rel, names[i]);
	}
	unlink(at("config/mine.yaml"));
	OK();
	REQUIRE(layers->n == 8);
	CHECK_EQ_UINT(layers->epoch, 7);
	CHECK_EQ_INT(layers->v[1].kind, WARD_POLICY_EPOCH);
	CHECK_STR_EQ(layers->v[0].path, at("etc/deny.cedar"));
	CHECK_STR_EQ(layers->v[0].text.s, "forbid(principal, action, resource);\n");
	CHECK_EQ_INT(layers->v[0].layer, WARD_LAYER_CEILING);
	CHECK(!layers->v[0].may_grant);
	CHECK_EQ_SIZE(layers->user.first, 2);
	CHECK_EQ_SIZE(layers->user.n, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct ward_policy_file *f = &layers->v[2 + i];

		CASE("%s", names[i]);
		CHECK_STR_EQ(f->name, names[i]);
		CHECK_STR_EQ(f->text.s, names[i]);
		CHECK_EQ_SIZE(f->text.n, strlen(names[i]));
		CHECK_EQ_INT(f->kind, kinds[i]);
		CHECK_EQ_INT(f->layer, WARD_LAYER_USER);
		CHECK(f->may_grant);
	}
	CHECK_EQ_INT(layers->v[7].layer, WARD_LAYER_REPOSITORY);
	CHECK(!layers->v[7].may_grant);
	CHECK_STR_EQ(layers->v[7].path, at("ws/.ward/build.json"));
	CHECK_STR_CONTAINS(layers->notice, "only narrows: it is not trusted");
}

/* printf a > a.cedar; printf b > b.cedar; LC_ALL=C sha256sum * | sha256sum */
TEST(the_hash_is_that_of_sha256sum)
{
	tree();
	make_dir("ws/.ward", 0755);
	put("ws/.ward/b.cedar", "b");
	put("ws/.ward/a.cedar", "a");
	OK();
	CHECK_STR_EQ(layers->v[0].sha256,
		"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
	CHECK_STR_EQ(layers->repository.sha256,
		"9ca8227cd9ae43a61a70f3da6071c08b90c17211e2afc33cbb65bd3af725947e");
}

TEST(the_hash_of_all_knows_texts_names_and_layers)
{
	char was[WARD_SHA256_HEX], text[] = "x";

	full_tree();
	OK();
	memcpy(was, layers->sha256, sizeof(was));
	OK();
	CHECK_STR_EQ(layers->sha256, was);
	put_bytes("config/mine.yaml", text, 1, 0644);
	OK();
	CHECK(strcmp(layers->sha256, was) != 0);
	memcpy(was, layers->sha256, sizeof(was));
	REQUIRE(rename(at("config/mine.yaml"), at("config/yours.yaml")) == 0);
	OK();
	CHECK(strcmp(layers->sha256, was) != 0);
	memcpy(was, layers->sha256, sizeof(was));
	REQUIRE(rename(at("config"), at("old")) == 0 && rename(at("etc"), at("config")) == 0 &&
		rename(at("old"), at("etc")) == 0);
	OK();
	CHECK(strcmp(layers->sha256, was) != 0);
}

TEST(names)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ ".a.yaml", "hidden" },
		{ "a", "no policy is called so" },
		{ "a.txt", "no policy is called so" },
		{ "a.yml~", "did you mean \".yml\"" },
		{ "a.YAML", "did you mean \".yaml\"" },
		{ "a.ceder", "did you mean \".cedar\"" },
		{ "a.b.yaml", "no policy is called so" },
		{ "c:a.yaml", "no policy is called so" },
		{ "a\\b.yaml", "no policy is called so" },
		{ "a\nb.yaml", "no policy is called so" },
		{ "a\x7f.yaml", "no policy is called so" },
		{ "\xff.yaml", "no policy is called so" },
		{ "README\n", "no policy is called so" },
		{ "README\\n", "no policy is called so" },
		{ "README\xff", "no policy is called so" },
		{ "Readme", "no policy is called so" },
		{ "epoch", "the ceiling's alone" },
		{ "Epoch", "no policy is called so" },
		{ ".yaml", "hidden" },
		{ ".cedar", "hidden" },
	};

	TABLE(row, rows) {
		char rel[64];

		CASE("%s", row->name);
		full_tree();
		snprintf(rel, sizeof(rel), "ws/.ward/%s", row->name);
		put(rel, "");
		REFUSED(WARD_E_INVALID, "ws/.ward/", row->want, "NAME.cedar");
	}
}

TEST(an_epoch_is_one_number)
{
	static const struct {
		const char *text;
		uint64_t want; /* 0: refused */
	} rows[] = {
		{ "1", 1 },
		{ "12\n", 12 },
		{ "9223372036854775807\n", INT64_MAX },
		{ "9223372036854775808\n", 0 },
		{ "99999999999999999999999999999999\n", 0 },
		{ "", 0 },
		{ "\n", 0 },
		{ "0\n", 0 },
		{ "-1\n", 0 },
		{ "+1\n", 0 },
		{ " 1\n", 0 },
		{ "1\n\n", 0 },
		{ "1 2\n", 0 },
		{ "0x10\n", 0 },
	};

	TABLE(row, rows) {
		struct ward_epoch now = { .number = 42 };

		CASE("%s", row->text);
		full_tree();
		put("etc/epoch", row->text);
		if (row->want) {
			OK();
			CHECK_EQ_UINT(layers->epoch, row->want);
			CHECK_EQ_INT(ward_layers_epoch(&where, &now, &err), WARD_OK);
			CHECK_EQ_UINT(now.number, row->want);
			CHECK_STR_EQ(now.sha256, layers->ceiling.sha256);
		} else {
			REFUSED(WARD_E_PARSE, "etc/epoch", "one number", "larger");
			CHECK_EQ_INT(err.line, 1);
			CHECK_EQ_INT(ward_layers_epoch(&where, &now, &err), WARD_E_PARSE);
			CHECK_EQ_UINT(now.number, 42);
		}
	}
	full_tree();
	put_bytes("etc/epoch", "1\0002", 3, 0644);
	REFUSED(WARD_E_PARSE, "etc/epoch", "one number", "larger");
}

TEST(what_a_new_epoch_asks_of_a_live_run)
{
	struct ward_epoch was, now;

	tree();
	CHECK_EQ_INT(ward_layers_epoch(&where, &was, &err), WARD_OK);
	CHECK_EQ_UINT(was.number, 0);
	CHECK_EQ_INT(ward_epoch_compare(&was, &was), WARD_EPOCH_SAME);
	make_dir("etc", 0755);
	put("etc/epoch", "3\n");
	CHECK_EQ_INT(ward_layers_epoch(&where, &now, &err), WARD_OK);
	CHECK_EQ_INT(ward_epoch_compare(&was, &now), WARD_EPOCH_NEW);
	CHECK_EQ_INT(ward_epoch_compare(&now, &was), WARD_EPOCH_BACK);
	was = now;
	put("etc/a.cedar", "");
	CHECK_EQ_INT(ward_layers_epoch(&where, &now, &err), WARD_OK);
	CHECK_EQ_INT(ward_epoch_compare(&was, &now), WARD_EPOCH_EDITED);
	/* A ceiling that is not as it must be is no ceiling that went away. */
	REQUIRE(chmod(at("etc/a.cedar"), 0666) == 0);
	CHECK_EQ_INT(ward_layers_epoch(&where, &now, &err), WARD_E_REFUSED);
	where.ceiling = NULL;
	CHECK_EQ_INT(ward_layers_epoch(&where, &now, &err), WARD_OK);
	CHECK_EQ_INT(ward_epoch_compare(&was, &now), WARD_EPOCH_BACK);
}

/* ---- whose they are ---- */

TEST(what_others_may_write)
{
	static const struct {
		const char *rel;
		mode_t mode;
	} rows[] = {
		{ "etc", 0757 },
		{ "etc", 0775 },
		{ "etc", 01777 }, /* the sticky bit is for what lies above it */
		{ "etc/deny.cedar", 0646 },
		{ "etc/deny.cedar", 0664 },
		{ "config", 0777 },
		{ "config/mine.yaml", 0666 },
	};

	TABLE(row, rows) {
		char chmod_word[600];

		CASE("%s %o", row->rel, (unsigned)row->mode);
		full_tree();
		REQUIRE(chmod(at(row->rel), row->mode) == 0);
		snprintf(chmod_word, sizeof(chmod_word), "chmod go-w '%s'", at(row->rel));
		REFUSED(WARD_E_REFUSED, at(row->rel), "group or others may write", chmod_word);
	}
	/* A note is a file of the directory too. */
	full_tree();
	put("etc/README", "");
	REQUIRE(chmod(at("etc/README"), 0666) == 0);
	REFUSED(WARD_E_REFUSED, "etc/README", "group or others may write", "chmod");
	/* What a repository holds is foreign text whatever its mode. */
	full_tree();
	REQUIRE(chmod(at("ws/.ward/build.json"), 0666) == 0 && chmod(at("ws/.ward"), 0777) == 0 &&
		chmod(at("ws"), 0777) == 0);
	OK();
}

TEST(a_directory_on_the_way_that_others_may_write)
{
	full_tree();
	REQUIRE(chmod(T, 0777) == 0);
	CHECK_EQ_INT(load(), WARD_E_REFUSED);
	CHECK_STR_EQ(err.file, T);
	CHECK_STR_CONTAINS(err.fix, "chmod go-w");
	where.ceiling = NULL;
	CHECK_EQ_INT(load(), WARD_E_REFUSED);
	where.user = NULL;
	where.trust = NULL;
	OK();
	/* Under the sticky bit nobody replaces what is somebody else's. */
	full_tree();
	REQUIRE(chmod(T, 01777) == 0);
	OK();
	/* Of no consequence where there is no policy. */
	tree();
	REQUIRE(chmod(T, 0777) == 0);
	OK();
}

TEST(a_foreign_owner)
{
	static const char *const rels[] = { "etc", "etc/deny.cedar", "config", "config/mine.yaml" };

	if (geteuid() != 0) {
		/* An ordinary user cannot give a file away; but everything here is foreign to uid + 1. */
		full_tree();
		where.ceiling_uid = where.uid + 1;
		REFUSED(WARD_E_REFUSED, T, "what belongs to uid", "chown");
		where.ceiling = NULL;
		where.uid = where.uid + 1;
		REFUSED(WARD_E_REFUSED, T, "what belongs to uid", "chown");
		return;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rels); i++) {
		CASE("%s", rels[i]);
		full_tree();
		REQUIRE(chown(at(rels[i]), 12345, 0) == 0);
		REFUSED(WARD_E_REFUSED, at(rels[i]), "uid 12345", "chown 0");
	}
	/* The user's own are not good enough for the ceiling; root's are for the user. */
	full_tree();
	where.uid = 12345;
	OK();
	REQUIRE(chown(T, 12345, 0) == 0);
	CHECK_EQ_INT(load(), WARD_E_REFUSED);
	CHECK_STR_EQ(err.file, T);
	where.ceiling = NULL;
	OK();
	/* A repository may be anybody's. */
	REQUIRE(chown(at("ws/.ward"), 54321, 0) == 0 &&
		chown(at("ws/.ward/build.json"), 54321, 0) == 0);
	OK();
}

/* ---- what is no file of a policy ---- */

TEST(links_fifos_directories_sockets)
{
	static const char *const dirs[] = { "etc", "config", "ws/.ward" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(dirs); i++) {
		char rel[64];

		CASE("%s", dirs[i]);
		snprintf(rel, sizeof(rel), "%s/x.yaml", dirs[i]);
		full_tree();
		put("elsewhere.yaml", "");
		REQUIRE(symlink(at("elsewhere.yaml"), at(rel)) == 0);
		REFUSED(WARD_E_REFUSED, "x.yaml", "a symbolic link", "take it away");
		unlink(at(rel));
		REQUIRE(symlink("/nowhere", at(rel)) == 0);
		REFUSED(WARD_E_REFUSED, "x.yaml", "a symbolic link", "take it away");
		unlink(at(rel));
		REQUIRE(mkfifo(at(rel), 0644) == 0);
		REFUSED(WARD_E_REFUSED, "x.yaml", "a fifo", "take it away");
		unlink(at(rel));
		make_dir(rel, 0755);
		REFUSED(WARD_E_REFUSED, "x.yaml", "a directory", "side by side");
		rmdir(at(rel));
		OK();
		if (geteuid() == 0 && mknod(at(rel), S_IFCHR | 0644, makedev(1, 5)) == 0)
			REFUSED(WARD_E_REFUSED, "x.yaml", "a character device", "take it away");
	}
}

TEST(a_layer_that_is_a_link)
{
	full_tree();
	REQUIRE(rename(at("ws/.ward"), at("ws/ward")) == 0 && symlink("ward", at("ws/.ward")) == 0);
	REFUSED(WARD_E_REFUSED, "ws/.ward", "a symbolic link", "put the directory itself");
	unlink(at("ws/.ward"));
	put("ws/.ward", "");
	REFUSED(WARD_E_REFUSED, "ws/.ward", "a regular file", "put the directory itself");
	unlink(at("ws/.ward"));
	OK();
	REQUIRE(rename(at("etc"), at("real")) == 0 && symlink("real", at("etc")) == 0);
	REFUSED(WARD_E_REFUSED, at("etc"), "a symbolic link", "put the directory itself");
	unlink(at("etc"));
	REQUIRE(symlink("nowhere", at("etc")) == 0);
	REFUSED(WARD_E_REFUSED, at("etc"), "a symbolic link", "put the directory itself");
	/* Not on the way to a ceiling either. */
	unlink(at("etc"));
	make_dir("etc", 0755);
	REQUIRE(rename(at("real"), at("etc/ward")) == 0 && symlink("etc", at("way")) == 0);
	where.ceiling = at("way/ward");
	REFUSED(WARD_E_REFUSED, at("way"), "a symbolic link", "put the directory itself");
	where.ceiling = at("etc/ward");
	OK();
}

TEST(the_users_directory_may_be_reached_over_links)
{
	char want[512];

	full_tree();
	make_dir("dotfiles", 0755);
	REQUIRE(rename(at("config"), at("dotfiles/ward")) == 0);
	REQUIRE(symlink("dotfiles/./ward", at("config")) == 0);
	OK();
	snprintf(want, sizeof(want), "%s", at("dotfiles/ward"));
	CHECK_STR_EQ(layers->user.path, want);
	CHECK_STR_EQ(layers->v[layers->user.first].path, at("dotfiles/ward/mine.yaml"));
	/* Absolute, over two links and "..". */
	unlink(at("config"));
	REQUIRE(symlink(at("second"), at("config")) == 0);
	REQUIRE(symlink("ws/../dotfiles/ward", at("second")) == 0);
	OK();
	CHECK_STR_EQ(layers->user.path, want);
	/* A link is a step of the way: what it leads to, and what lies behind it. */
	REQUIRE(chmod(at("dotfiles"), 0777) == 0);
	REFUSED(WARD_E_REFUSED, at("dotfiles"), "group or others may write", "chmod");
	REQUIRE(chmod(at("dotfiles"), 0755) == 0);
	REQUIRE(rename(at("dotfiles"), at("gone")) == 0);
	CHECK_EQ_INT(load(), WARD_E_SYSTEM); /* it says that there is a policy, and there is none */
	unlink(at("second"));
	REQUIRE(symlink("config", at("second")) == 0);
	CHECK_EQ_INT(load(), WARD_E_SYSTEM); /* for ever */
}

TEST(a_link_on_the_way_to_nothing_is_no_absent_policy)
{
	full_tree();
	make_dir("dotfiles", 0755);
	where.user = at("far/near/ward");
	REQUIRE(symlink("dotfiles", at("far")) == 0);
	OK(); /* nobody said that there is one */
	CHECK(!layers->user.present);
	REQUIRE(symlink("../there", at("dotfiles/near")) == 0);
	REFUSED(WARD_E_SYSTEM, at("there"), "cannot be opened", "take the link away");
	make_dir("there", 0755);
	OK();
	CHECK(!layers->user.present);
	make_dir("there/ward", 0755);
	OK();
	CHECK(layers->user.present);
	REQUIRE(rename(at("dotfiles"), at("gone")) == 0);
	REFUSED(WARD_E_SYSTEM, at("dotfiles"), "cannot be opened", "take the link away");
}

TEST(a_workspace_that_is_not_there_is_no_absent_policy)
{
	full_tree();
	where.workspace = at("missing");
	CHECK_EQ_INT(load(), WARD_E_NOTFOUND);
	CHECK_STR_CONTAINS(err.message, "missing");
	where.workspace = at("config/mine.yaml");
	CHECK(load() < 0);
	REQUIRE(symlink("ws", at("link")) == 0);
	where.workspace = at("link");
	OK();
	CHECK_STR_EQ(layers->repository.path, at("ws/.ward"));
}

TEST(paths_are_absolute)
{
	full_tree();
	where.ceiling = "etc";
	CHECK_EQ_INT(load(), WARD_E_INVALID);
	where.ceiling = "";
	CHECK_EQ_INT(load(), WARD_E_INVALID);
}

TEST(what_may_not_be_read)
{
	uid_t was = geteuid();

	/* Root reads everything; so this is somebody else then, under root's ceiling. */
	full_tree();
	REQUIRE(chmod(T, 0755) == 0 && chmod(at("etc/deny.cedar"), 0) == 0);
	REQUIRE(was != 0 || seteuid(12345) == 0);
	REFUSED(WARD_E_SYSTEM, "deny.cedar", "cannot be read", "chmod a+r");
	REQUIRE(seteuid(was) == 0 && chmod(at("etc"), 0) == 0 && (was != 0 || seteuid(12345) == 0));
	REFUSED(WARD_E_SYSTEM, "etc", "cannot be opened", "chmod a+rX");
	REQUIRE(seteuid(was) == 0 && chmod(at("etc"), 0755) == 0 &&
		chmod(at("etc/deny.cedar"), 0644) == 0);
	/* One's own is nobody else's to read. */
	REQUIRE(chmod(at("config/mine.yaml"), 0) == 0 && (was != 0 || seteuid(12345) == 0));
	REFUSED(WARD_E_SYSTEM, "mine.yaml", "cannot be read", "yourself read it: chmod u+r");
	REQUIRE(seteuid(was) == 0 && chmod(at("config/mine.yaml"), 0600) == 0);
	if (was != 0)
		return;
	/* chown follows links, and would give away what the link leads to. */
	REQUIRE(rename(at("config"), at("dotfiles")) == 0 &&
		symlink("dotfiles", at("config")) == 0 && lchown(at("config"), 12345, 12345) == 0);
	REFUSED(WARD_E_REFUSED, "config", "uid 12345", "chown -h 0");
}

/* ---- bounds ---- */

TEST(a_huge_file)
{
	full_tree();
	put("ws/.ward/x.yaml", "");
	REQUIRE(truncate(at("ws/.ward/x.yaml"), WARD_LAYER_FILE_BYTES_MAX) == 0);
	OK();
	REQUIRE(truncate(at("ws/.ward/x.yaml"), WARD_LAYER_FILE_BYTES_MAX + 1) == 0);
	REFUSED(WARD_E_LIMIT, "x.yaml", "larger than 1048576 bytes", "divide");
	REQUIRE(truncate(at("ws/.ward/x.yaml"), (off_t)1 << 40) == 0);
	REFUSED(WARD_E_LIMIT, "x.yaml", "larger than 1048576 bytes", "divide");
}

TEST(many_bytes)
{
	full_tree();
	for (int i = 0; i < 8; i++) {
		char rel[64];

		snprintf(rel, sizeof(rel), "ws/.ward/x%d.yaml", i);
		put(rel, "");
		REQUIRE(truncate(at(rel), WARD_LAYER_FILE_BYTES_MAX) == 0);
	}
	REFUSED(WARD_E_LIMIT, "ws/.ward", "8388608 bytes",
		"take some away"); /* build.json is too much */
	unlink(at("ws/.ward/build.json"));
	OK();
}

TEST(many_files)
{
	char rel[64];

	full_tree();
	for (int i = 1; i < WARD_LAYER_FILES_MAX; i++) {
		snprintf(rel, sizeof(rel), "ws/.ward/x%d.yaml", i);
		put(rel, "");
	}
	OK();
	CHECK_EQ_SIZE(layers->repository.n, WARD_LAYER_FILES_MAX);
	put("ws/.ward/y.yaml", "");
	REFUSED(WARD_E_LIMIT, "ws/.ward", "more than 256 files", "take some away");
}

/* ---- where they lie ---- */

TEST(from_the_environment)
{
	struct ward_layers_where w;

	ward_arena_freep(&arena);
	arena = ward_arena_new(0);
	REQUIRE(arena);
	setenv("HOME", "/home/x", 1);
	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_STATE_HOME", "/s", 1);
	CHECK_EQ_INT(ward_layers_where_default(arena, "/w", &w, &err), WARD_OK);
	CHECK_STR_EQ(w.ceiling, "/etc/ward");
	CHECK_STR_EQ(w.user, "/c/ward");
	CHECK_STR_EQ(w.trust, "/s/ward/trust");
	CHECK_STR_EQ(w.workspace, "/w");
	CHECK_EQ_UINT(w.uid, geteuid());
	CHECK_EQ_UINT(w.ceiling_uid, 0);
	setenv("XDG_CONFIG_HOME", "c", 1);
	setenv("XDG_STATE_HOME", "", 1);
	CHECK_EQ_INT(ward_layers_where_default(arena, NULL, &w, &err), WARD_OK);
	CHECK_STR_EQ(w.user, "/home/x/.config/ward");
	CHECK_STR_EQ(w.trust, "/home/x/.local/state/ward/trust");
	CHECK_NULL(w.workspace);
	/* A user whose home is unknown may have denied something there. */
	unsetenv("HOME");
	CHECK_EQ_INT(ward_layers_where_default(arena, NULL, &w, &err), WARD_E_INVALID);
	CHECK_STR_CONTAINS(err.fix, "set HOME");
	setenv("XDG_CONFIG_HOME", "/c", 1);
	CHECK_EQ_INT(ward_layers_where_default(arena, NULL, &w, &err), WARD_E_INVALID);
	setenv("XDG_STATE_HOME", "/s", 1);
	CHECK_EQ_INT(ward_layers_where_default(arena, NULL, &w, &err), WARD_OK);
}

TAP_MAIN();
