/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How entries of the store of workspaces end (src/workspace/{store,find,remove,size}.c): a layer goes whatever is in it, what a crash or a removal
 * left is swept, what was written is settled. Their records and locks: test_workspace_store.c
 */
#include "workspace_util.h"

/* n directories in one another, made where they are, since no path is that long. */
static void deep(const char *top, unsigned n)
{
	WARD_FD at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(at >= 0);
	for (unsigned i = 0; i < n; i++) {
		int next;

		REQUIRE(mkdirat(at, "d", 0700) == 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		REQUIRE(next >= 0);
		if (i % 100 == 99) {
			int file = openat(at, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

			REQUIRE(file >= 0);
			close(file);
			REQUIRE(fchmod(at, 0) == 0);
		}
		ward_close(at);
		at = next;
	}
}

TEST(a_hostile_layer_goes)
{
	struct ward_workspace *w = NULL;
	char path[256];

	begin();
	made_and_ended(A);
	sh("mkdir outside && echo kept > outside/file && ln outside/file ward/runs/" A
	   "/layer/upper/hard");
	sh("cd ward/runs/" A
	   "/layer/upper && ln -s %s/outside out && ln -s . loop && mkfifo pipe && mkdir 1 2 3 && echo > 0 && chmod 0 1 pipe",
		base);
	sh("cd ward/runs/" A
	   "/layer/upper && mkdir -p a/b/c && echo > a/b/c/f && ln -s ../../../outside a/b/l && chmod 0 a/b/c a/b a");
	sh("cd ward/runs/" A "/layer/upper && mkdir many && cd many && seq 5000 | xargs touch");
	sh("mkdir ward/runs/" A "/layer/work/work && chmod 0 ward/runs/" A "/layer/work/work");
	snprintf(path, sizeof(path), "%s/" A "/layer/upper/2", runs);
	deep(path, 10000);
	snprintf(path, sizeof(path), "%s/" A "/layer", runs);
	REQUIRE(chmod(path, 0) == 0);
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_DROP, &w, &err) == WARD_OK);
	CHECK(ward_workspace_remove(w, &err) == WARD_OK);
	CHECK(names() == 0);
	sh("test \"$(cat outside/file)\" = kept && test -d project");
	end();
}

TEST(what_a_removal_or_a_start_left_is_swept)
{
	size_t n = 0;
	struct ward_workspace *w;

	begin();
	made_and_ended(A);
	made_and_ended(B);
	made_and_ended(C);
	sh("cd ward/runs && echo > " A "/layer/upper/f && mv " A " .gone-" A " && mv " B
	   " .new-" B);
	sh("cd ward/runs && mkdir .new-01M8BFCZ1X6EEQSZDMNBR5W7AD other .gone-x");
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK);
	CHECK(n == 2);
	CHECK(!there(".gone-" A) && !there(".new-" B) && there(C));
	CHECK(there(".new-01M8BFCZ1X6EEQSZDMNBR5W7AD")); /* of a start that is at it, perhaps */
	CHECK(there("other") && there(".gone-x"));
	/* Somebody is at it. */
	w = make(A);
	sh("cd ward/runs && mv " A " .new-" A);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && there(".new-" A));
	sh("cd ward/runs && mv .new-" A " .gone-" A);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && there(".gone-" A));
	ward_workspace_close(w);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 1 && !there(".gone-" A));
	end();
}

TEST(what_a_crash_left_of_a_first_moment_is_swept)
{
	static const char *const lost[] = { ": >", "rm", "rm -r ward/runs/" A "/layer;: >" };
	static const char *const something[] = { "touch ward/runs/" A "/layer/upper/f",
		"touch ward/runs/" A "/layer/image", "chmod 0 ward/runs/" A "/layer/upper" };
	struct ward_workspace *w;
	size_t n = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(lost); i++) {
		begin();
		made_and_ended(A);
		made_and_ended(B); /* one that is whole stays, with nothing in it */
		sh("%s ward/runs/" A "/workspace.json", lost[i]);
		CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 1);
		CHECK(!there(A) && there(B));
		end();
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(something) - (geteuid() == 0); i++) {
		begin();
		made_and_ended(A);
		sh(": > ward/runs/" A "/workspace.json; %s", something[i]);
		CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && (n == 0) == (i < 2));
		CHECK(there(A) == (i < 2));
		end();
	}
	/* A record that says something wrong is no lost one; nor is that of a run that is alive. */
	begin();
	made_and_ended(A);
	w = make(B);
	sh("echo x > ward/runs/" A "/workspace.json; : > ward/runs/" B "/workspace.json");
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 0 && there(A) && there(B));
	ward_workspace_close(w);
	CHECK(ward_workspace_sweep(&n, &err) == WARD_OK && n == 1 && there(A) && !there(B));
	end();
}

TEST(a_run_that_went_down_with_its_machine_is_not_whole)
{
	static const struct {
		const char *what; /* done to the record */
		enum ward_disk_backend backend;
		bool ended, incomplete;
	} cases[] = {
		{ "true", WARD_DISK_DIR, false, false },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_DIR, false, true },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"\"/'", WARD_DISK_DIR, false, true },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_LOOP, false, true },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_TMPFS, false,
			false },
		{ "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"0-1\"/'", WARD_DISK_DIR, true, false },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		struct ward_workspace_facts f;
		struct ward_workspace *w = NULL;

		begin();
		f = facts_of(A);
		f.backend = cases[i].backend;
		f.ended_ns = cases[i].ended ? 7 : 0;
		REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
		ward_workspace_close(w);
		sh("%s ward/runs/" A "/workspace.json", cases[i].what);
		REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
		CHECK(ward_workspace_facts(w)->incomplete == cases[i].incomplete);
		ward_workspace_close(w);
		end();
	}
}

TEST(what_was_written_is_settled)
{
	struct ward_workspace *w;

	begin();
	w = make(A);
	CHECK(ward_workspace_unwritten(w));
	/* As an overlay leaves it. */
	sh("cd ward/runs/" A
	   "/layer && mkdir -p work/work/incompat/volatile && touch work/work/incompat/volatile/dirty upper/f && chmod 0 work/work/incompat work/work");
	CHECK(!ward_workspace_unwritten(w));
	CHECK(ward_workspace_settle(w, &err) == WARD_OK);
	CHECK(!there(A "/layer/work") && there(A "/layer/upper/f"));
	ward_workspace_close(w);
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	end();
}

/* On an overlay, as in a container, the kernel makes nothing that would be a whiteout there; no layer of a run can lie on one either. */
static bool whiteouts_can_be_made(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/whiteout", base);
	return mknod(path, S_IFCHR, 0) == 0 || errno != EPERM;
}

/* What is gone from a new directory of the layer may be so since it is to be put back: no whiteout is made of it before that is known. */
TEST(while_a_landing_waits_nothing_is_settled)
{
	struct ward_landed_seen dir = { .kind = WARD_LANDED_OBJECT, .layer_ino = 1, .ino = 1 };
	struct ward_landed_seen file = dir;
	struct ward_workspace *w;
	struct ward_changes *all = NULL;

	begin();
	if (!whiteouts_can_be_made()) {
		end();
		SKIP("a file of a layer cannot be made gone on this file system (an overlay)");
	}
	w = make(A);
	REQUIRE(ward_workspace_land(w, &err) == WARD_OK);
	sh("mkdir -p ward/runs/" A
	   "/layer/upper/d; mkdir project/d; echo x > project/d/f; touch ward/runs/" A "/journal");
	CHECK(ward_landed_add(w->landed, "d", &dir, &err) == WARD_OK);
	CHECK(ward_landed_add(w->landed, "d/f", &file, &err) == WARD_OK);
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	ward_changes_free(all);
	all = NULL;
	CHECK(!there(A "/layer/upper/d/f"));
	sh("rm ward/runs/" A "/journal");
	REQUIRE(ward_workspace_changes(w, WARD_CHANGES_LAST, &all, &err) == WARD_OK);
	ward_changes_free(all);
	CHECK(there(A "/layer/upper/d/f"));
	ward_workspace_close(w);
	end();
}

TEST(an_entry_of_which_nothing_was_written_goes_at_once)
{
	struct ward_workspace *w;

	begin();
	w = make(A);
	sh("cd ward/runs/" A
	   "/layer && mkdir -p work/work/incompat/volatile && touch work/work/incompat/volatile/dirty work/work/left && chmod 0 work/work/incompat work/work");
	CHECK(ward_workspace_remove(w, &err) == WARD_OK && names() == 0);
	end();
}

static int count_one(void *arg, const char *run, enum ward_workspace_state state,
	const struct ward_workspace_facts *f, const struct ward_error *why)
{
	char *out = arg;

	(void)f;
	snprintf(out + strlen(out), 200 - strlen(out), "%s %s%s;", run + 24,
		ward_workspace_state_name(state), why ? "!" : "");
	return 0;
}

TEST(each_is_seen_with_its_state)
{
	char seen[200] = "";
	struct ward_workspace *w;

	begin();
	CHECK(ward_workspace_each(count_one, seen, &err) == WARD_OK && !seen[0]);
	made_and_ended(C);
	made_and_ended(B);
	w = make(A);
	sh("echo > ward/runs/" B "/workspace.json; mkdir ward/runs/" C
	   "/journal; mkdir ward/runs/not-a-run");
	CHECK(ward_workspace_each(count_one, seen, &err) == WARD_OK);
	CHECK_STR_EQ(seen, "AA live;AB broken!;AC committing;");
	ward_workspace_close(w);
	end();
}

TEST(a_layer_is_counted)
{
	uint64_t bytes = 0, objects = 0;
	struct ward_workspace *w = NULL;

	begin();
	made_and_ended(A);
	sh("cd ward/runs/" A
	   "/layer/upper && mkdir -p a/b && head -c 100000 /dev/urandom > a/b/f && sync a/b/f && ln -s /usr l");
	REQUIRE(ward_workspace_open(A, WARD_WORKSPACE_LOOK, &w, &err) == WARD_OK);
	CHECK(ward_workspace_size(w, &bytes, &objects, &err) == WARD_OK);
	CHECK(objects == 4);
	CHECK(bytes >= 100000 && bytes < 200000);
	ward_workspace_close(w);
	end();
}

TEST(a_start_that_finds_no_place_leaves_nothing)
{
	struct ward_workspace_facts f;
	struct ward_workspace *w = NULL;

	begin();
	f = facts_of(A);
	snprintf(f.run, sizeof(f.run), "../x");
	CHECK(ward_workspace_make(&f, &w, &err) == WARD_E_INVALID);
	CHECK(names() == 0);
	made_and_ended(A);
	f = facts_of(A);
	CHECK(ward_workspace_make(&f, &w, &err) < 0); /* never over one that is there */
	CHECK(open_it(A, WARD_WORKSPACE_CHANGE) == WARD_OK);
	CHECK(names() == 1);
	end();
}

TAP_MAIN();
