/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of workspaces under review (src/workspace/{store,find,record,remove,size}.c): its directory, its record, its locks, how a run
 * is named, and that a layer goes whatever is in it. What whole runs do with it: tests/sandbox/test_review.py
 */
#include "workspace_util.h"

TEST(a_run_is_alive_while_its_entry_is_open)
{
	struct ward_workspace *w, *look = NULL;

	begin();
	w = make(A);
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_LIVE);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &look, &err) == WARD_OK);
	CHECK(ward_workspace_state(look) == WARD_WORKSPACE_LIVE);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "still running") != NULL &&
		strstr(err.fix, "ward stop " A) != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_E_REFUSED);
	ward_workspace_close(w);
	CHECK(ward_workspace_state(look) == WARD_WORKSPACE_PENDING);
	ward_workspace_close(look);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

TEST(one_changes_at_a_time)
{
	struct ward_workspace *w = NULL;

	begin();
	made_and_ended(A);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "another ward") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_E_REFUSED);
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) == WARD_OK);
	ward_workspace_close(w);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	end();
}

TEST(a_record_is_read_as_it_was_written)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w;
	const struct ward_workspace_facts *got;
	char odd[256];

	begin();
	snprintf(odd, sizeof(odd), "%s/a\nb\xff", base);
	REQUIRE(mkdir(odd, 0700) == 0);
	w = make(A);
	f = facts_of(A);
	f.root = odd;
	f.root_dev = UINT64_MAX;
	f.ended_ns = 77;
	f.has_code = true;
	f.code = 3;
	f.incomplete = true;
	f.backend = WARD_DISK_TMPFS;
	REQUIRE(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
	got = ward_workspace_facts(w);
	CHECK_STR_EQ(got->root, odd);
	CHECK(got->root_dev == UINT64_MAX && got->ended_ns == 77 && got->has_code &&
		got->code == 3);
	CHECK(got->incomplete && got->backend == WARD_DISK_TMPFS && got->bound == 1 << 20);
	CHECK_STR_EQ(got->command, "make");
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_PENDING);
	ward_workspace_close(w);
	end();
}

TEST(a_run_lives_as_long_as_anything_of_it)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w = NULL;
	char log[128];
	int fd;

	begin();
	f = facts_of(A);
	snprintf(log, sizeof(log), "%s/log", base);
	f.log = log;
	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	ward_workspace_close(w);
	sh("mkdir log.runs && echo > log.runs/" A);
	snprintf(log, sizeof(log), "%s/log.runs/" A, base);
	fd = open(log, O_RDONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "still running") != NULL);
	CHECK(flock(fd, LOCK_UN) == 0);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	/* One that has its end is over, whatever has that name. */
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	f = *ward_workspace_facts(w);
	f.ended_ns = 9;
	REQUIRE(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	REQUIRE(flock(fd, LOCK_SH | LOCK_NB) == 0);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	close(fd);
	end();
}

TEST(a_layer_on_a_tmpfs_goes_with_its_ward)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w = NULL;

	begin();
	f = facts_of(A);
	f.backend = WARD_DISK_TMPFS;
	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	ward_workspace_close(w);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
	CHECK(ward_workspace_state(w) == WARD_WORKSPACE_LOST);
	ward_workspace_close(w);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "lost") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	end();
}

TEST(a_record_that_is_not_ours_is_never_guessed_at)
{
	static const struct {
		const char *name, *edit, *says;
	} rows[] = {
		{ "newer", "s/\"version\":3/\"version\":4/",
			"of version 4, and this ward knows versions up to 3" },
		{ "no version", "s/\"version\":3,//", "\"version\" is not there" },
		{ "unknown", "s/\"version\":3/\"version\":3,\"more\":true/",
			"\"more\" is not known" },
		{ "missing", "s/\"incomplete\":false/\"code2\":1/", "\"code2\" is not known" },
		{ "gone", "s/,\"incomplete\":false//", "\"incomplete\" is not there" },
		{ "twice", "s/\"bound\"/\"since_ns\":1,\"bound\"/", "since_ns" },
		{ "of another", "s/" A "/" B "/", "is not the run" },
		{ "relative", "s#\"root\":\"/#\"root\":\"#", "\"root\" is no absolute path" },
		{ "not normal", "s#\"root\":\"/#\"root\":\"/../#", "\"root\" is no absolute path" },
		{ "hex of none", "s#\"root\":\"[^\"]*\"#\"root\":{\"hex\":\"2g\"}#",
			"\"root\" is no absolute path" },
		{ "hex with a NUL", "s#\"root\":\"[^\"]*\"#\"root\":{\"hex\":\"2f00\"}#",
			"\"root\" is no absolute path" },
		{ "backend", "s/\"backend\":\"dir\"/\"backend\":\"ram\"/",
			"\"backend\" is no disk backend" },
		{ "negative", "s/\"since_ns\":5/\"since_ns\":-5/",
			"\"since_ns\" is no whole number" },
		{ "number", "s/\"since_ns\":5/\"since_ns\":5e1/",
			"\"since_ns\" is no whole number" },
		{ "device", "s/\"root_dev\":\"[0-9]*\"/\"root_dev\":\"x\"/",
			"\"root_dev\" is no number" },
		{ "birth", "s/\"root_born_ns\":[0-9]*/\"root_born_ns\":-1/",
			"\"root_born_ns\" is no whole number" },
		{ "no birth", "s/\"root_born_ns\":[0-9]*,//", "\"root_born_ns\" is not there" },
		{ "handle", "s/\"root_handle\":\"[0-9]*\"/\"root_handle\":1/",
			"\"root_handle\" is no number" },
		{ "code", "s/\"code\":null/\"code\":256/", "\"code\" is neither" },
		{ "bool", "s/\"incomplete\":false/\"incomplete\":0/", "\"incomplete\" is neither" },
		{ "cut", "s/}$//", "" },
		{ "empty", "s/.*//", "" },
		{ "a list", "s/.*/[]/", "version" },
	};
	int code;

	begin();
	made_and_ended(A);
	sh("cp ward/runs/" A "/workspace.json whole");
	TABLE(r, rows) {
		CASE("%s", r->name);
		sh("sed '%s' whole > ward/runs/" A "/workspace.json", r->edit);
		code = ward_streq(r->name, "newer") ? WARD_E_UNSUPPORTED : WARD_E_PARSE;
		CHECK(open_it(A, WARD_WORKSPACE_LOOK) == code);
		CHECK(strstr(err.message, r->says) != NULL);
		CHECK(strstr(err.file, "workspace.json") != NULL && err.line >= 1);
		CHECK(err.fix[0] != '\0');
		CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == code);
		/* What a newer ward keeps may be in use in a way that is not known here, or have what is nowhere else. */
		CHECK(open_it(A, WARD_WORKSPACE_DROP) ==
			(code == WARD_E_PARSE ? WARD_OK : WARD_E_UNSUPPORTED));
	}
	end();
}

TEST(a_record_that_is_no_file_of_its_size_is_not_read)
{
	begin();
	made_and_ended(A);
	CASE("a link");
	sh("mv ward/runs/" A "/workspace.json ward/w; ln -sf ../../w ward/runs/" A
	   "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) == WARD_E_PARSE);
	CASE("a pipe");
	sh("rm ward/runs/" A "/workspace.json; mkfifo ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) < 0);
	CASE("too large");
	sh("rm ward/runs/" A "/workspace.json; head -c 70000 /dev/zero > ward/runs/" A
	   "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) < 0);
	end();
}

TEST(a_run_is_named_by_what_it_alone_begins_with)
{
	char found[WARD_ULID_SIZE];

	begin();
	CHECK(open_it(A, WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	made_and_ended(A);
	made_and_ended(B);
	made_and_ended(C);
	CHECK(open_it("01m9", WARD_WORKSPACE_LOOK) == WARD_OK);
	CHECK(open_it(B, WARD_WORKSPACE_LOOK) == WARD_OK);
	CHECK(open_it("01M8", WARD_WORKSPACE_LOOK) == WARD_E_INVALID);
	CHECK(strstr(err.message, A) != NULL && strstr(err.message, B) != NULL &&
		!strstr(err.message, C));
	CHECK(open_it("", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(open_it("../runs", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(open_it(".", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(open_it(A "X", WARD_WORKSPACE_LOOK) == WARD_E_NOTFOUND);
	CHECK(ward_workspace_find(root, true, found, &err) == WARD_E_INVALID);
	CHECK(strstr(err.message, A ", " B ", " C) != NULL);
	CHECK(ward_workspace_find(root, false, found, &err) == WARD_OK);
	CHECK_STR_EQ(found, C);
	CHECK(ward_workspace_find(base, false, found, &err) == WARD_E_NOTFOUND);
	end();
}

TEST(what_is_below_the_root_means_its_run_and_no_neighbour)
{
	char found[WARD_ULID_SIZE], path[256];
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	snprintf(path, sizeof(path), "%s/src/deep", root);
	CHECK(ward_workspace_find(path, true, found, &err) == WARD_OK);
	CHECK_STR_EQ(found, A);
	snprintf(path, sizeof(path), "%s-2", root);
	CHECK(ward_workspace_find(path, true, found, &err) == WARD_E_NOTFOUND);
	w = make(B);
	CHECK(ward_workspace_find(root, true, found, &err) == WARD_OK);
	CHECK_STR_EQ(found, A);
	ward_workspace_close(w);
	end();
}

TEST(another_directory_in_the_place_of_the_root_is_not_changed)
{
	begin();
	made_and_ended(A);
	sh("mv project away && mkdir project");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "not the directory any more") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	sh("rmdir project && ln -s away project");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) < 0);
	sh("rm project && mv away project");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

/* A file system that gives the inode that it got back last gives it to the next; on any other the record is made to say so. */
TEST(a_directory_that_has_its_inode_is_not_the_one_that_had_it)
{
	struct ward_born was, now;
	struct stat a, b;
	bool reused = false;

	begin();
	made_and_ended(A);
	was = born_of(root);
	REQUIRE(stat(root, &a) == 0);
	if (!was.ns && !was.handle)
		SKIP("this file system says of no directory when it came to be");
	for (int i = 0; i < 100 && !reused; i++) {
		REQUIRE(rmdir(root) == 0 && mkdir(root, 0755) == 0 && stat(root, &b) == 0);
		reused = a.st_ino == b.st_ino;
	}
	now = born_of(root);
	CHECK(!ward_born_is(&was, &now));
	sh("sed -i 's/\"root_ino\":\"[0-9]*\"/\"root_ino\":\"%ju\"/' ward/runs/" A
	   "/workspace.json",
		(uintmax_t)b.st_ino);
	printf("# the inode was %s\n", reused ? "given again" : "not given again; it is made so");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CHECK(strstr(err.message, "not the directory any more") != NULL);
	CHECK(open_it(A, WARD_WORKSPACE_DROP) == WARD_OK);
	CASE("the time alone tells");
	sh("sed -i 's/\"root_handle\":\"[0-9]*\"/\"root_handle\":\"0\"/' ward/runs/" A
	   "/workspace.json");
	CHECK(was.ns == 0 || open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	CASE("the handle alone tells");
	sh("sed -i 's/\"root_born_ns\":[0-9]*/\"root_born_ns\":0/;s/\"root_handle\":\"[0-9]*\"/\"root_handle\":\"%ju\"/' ward/runs/" A
	   "/workspace.json",
		(uintmax_t)was.handle);
	CHECK(was.handle == 0 || open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	sh("sed -i 's/\"root_handle\":\"[0-9]*\"/\"root_handle\":\"%ju\"/' ward/runs/" A
	   "/workspace.json",
		(uintmax_t)now.handle);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

/* What an older ward wrote says nothing of it, and is committed as it was. */
TEST(a_record_of_the_first_version_is_read)
{
	const struct ward_workspace_facts *got;
	struct ward_workspace_facts f;
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	sh("sed -i 's/\"version\":3/\"version\":1/;s/\"root_born_ns\":[0-9]*,\"root_handle\":\"[0-9]*\",//;s/\"since_boot_ns\":[0-9]*,//' ward/runs/" A
	   "/workspace.json");
	sh("grep -q '\"version\":1' ward/runs/" A "/workspace.json && ! grep -q born ward/runs/" A
	   "/workspace.json");
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	got = ward_workspace_facts(w);
	CHECK(got->root_born.ns == 0 && got->root_born.handle == 0 && got->since_ns == 5);
	f = *got;
	CHECK(ward_workspace_record(w, &f, &err) == WARD_OK);
	ward_workspace_close(w);
	sh("grep -q '\"version\":3' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	CASE("with a member that it had not");
	sh("sed -i 's/\"version\":3/\"version\":1/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_PARSE);
	CHECK(strstr(err.message, "\"root_born_ns\" is not known") != NULL);
	end();
}

TEST(a_record_of_the_second_version_is_read)
{
	const struct ward_workspace_facts *got;
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	sh("sed -i 's/\"version\":3/\"version\":2/;s/\"since_boot_ns\":[0-9]*,//' ward/runs/" A
	   "/workspace.json");
	sh("grep -q '\"version\":2' ward/runs/" A
	   "/workspace.json && ! grep -q since_boot ward/runs/" A "/workspace.json");
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_CHANGE, &w, &err) == WARD_OK);
	got = ward_workspace_facts(w);
	CHECK(got->since_boot_ns == 0 && got->since_ns == 5 && got->root_born.ns != 0);
	ward_workspace_close(w);
	CASE("with a member that it had not");
	sh("sed -i 's/\"since_ns\":5,/&\"since_boot_ns\":5,/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_PARSE);
	CHECK(strstr(err.message, "\"since_boot_ns\" is not known") != NULL);
	end();
}

TEST(numbers_of_devices_hold_until_the_next_boot)
{
	begin();
	made_and_ended(A);
	sh("sed -i 's/\"root_dev\":\"[0-9]*\"/\"root_dev\":\"1\"/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	sh("sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0\"/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	sh("sed -i 's/\"root_ino\":\"[0-9]*\"/\"root_ino\":\"1\"/' ward/runs/" A "/workspace.json");
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_E_REFUSED);
	end();
}

TEST(a_store_that_others_could_write_is_refused)
{
	static const struct {
		const char *what, *undo;
		const char *at,
			*cure; /* whose mode it is, below the state directory, and what mends it */
	} rows[] = {
		{ "chmod 0770 ward/runs", "chmod 0700 ward/runs", "/ward/runs", "chmod 700 " },
		{ "chmod 0705 ward/runs", "chmod 0700 ward/runs", "/ward/runs", "chmod 700 " },
		{ "chmod 0777 ward", "chmod 0700 ward", "/ward", "chmod go-w " },
		{ "chmod 0777 .", "chmod 0700 .", "", "chmod o-w " },
		{ "mv ward/runs ward/x && ln -s x ward/runs", "rm ward/runs && mv ward/x ward/runs",
			"/ward/runs", "" },
	};
	char home[WARD_PATH_MAX];

	begin();
	CHECK(ward_workspace_home(false, home, &err) == WARD_E_NOTFOUND);
	CHECK(!there(""));
	CHECK(ward_workspace_home(true, home, &err) == WARD_OK);
	CHECK_STR_EQ(home, runs);
	TABLE(r, rows) {
		CASE("%s", r->what);
		sh("%s", r->what);
		CHECK(ward_workspace_home(true, home, &err) < 0);
		CHECK(strlen(err.file) >= strlen(r->at));
		CHECK_STR_EQ(err.file + strlen(err.file) - strlen(r->at), r->at);
		CHECK_STR_CONTAINS(err.fix, r->cure);
		CHECK_STR_CONTAINS(err.fix, r->cure[0] ? err.file : "XDG_STATE_HOME");
		sh("%s", r->undo);
		CHECK(ward_workspace_home(true, home, &err) == WARD_OK);
	}
	if (geteuid() == 0) {
		CASE("of another");
		sh("chown 12345 ward/runs");
		CHECK(ward_workspace_home(true, home, &err) == WARD_E_REFUSED);
		sh("chown 0 ward/runs; chown 12345 ward");
		CHECK(ward_workspace_home(true, home, &err) == WARD_E_REFUSED);
	}
	end();
}

TEST(a_store_behind_a_link_has_its_own_name)
{
	char home[WARD_PATH_MAX], state[128];

	begin();
	sh("mkdir kept && ln -s kept link");
	snprintf(state, sizeof(state), "%s/link", base);
	REQUIRE(setenv("XDG_STATE_HOME", state, 1) == 0);
	CHECK(ward_workspace_home(true, home, &err) == WARD_OK);
	snprintf(state, sizeof(state), "%s/kept/ward/runs", base);
	CHECK_STR_EQ(home, state);
	end();
}

TAP_MAIN();
