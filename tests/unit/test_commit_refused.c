/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit knows beforehand that the file system will refuse, and what it takes for such afterwards: each rule by itself, whoever runs the test. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "workspace/commit/refused.h"

#define OURS 1000
#define THEIRS 1001
#define SOMEBODY 1002

TEST(what_is_refused_and_what_is_an_error)
{
	static const int refused[] = { -EPERM, -EACCES, -EROFS },
			 errors[] = { 0, -ENOSPC, -EIO, -EDQUOT, -ENOENT, EPERM };

	TABLE(row, refused)
		CHECK_MSG(ward_commit_is_refused(*row), "%d", *row);
	TABLE(row, errors)
		CHECK_MSG(!ward_commit_is_refused(*row), "%d", *row);
}

/* In a directory that is sticky a name is removed by its owner, the directory's and root. */
TEST(a_sticky_directory)
{
	static const struct {
		mode_t mode;
		uid_t dir, name, euid;
		bool refused;
	} rows[] = {
		{ 01777, THEIRS, SOMEBODY, OURS, true },
		{ 01777, THEIRS, OURS, OURS, false },
		{ 01777, OURS, SOMEBODY, OURS, false },
		{ 01777, THEIRS, SOMEBODY, 0, false },
		{ 0777, THEIRS, SOMEBODY, OURS, false },
	};
	char path[] = "/tmp/ward-refused-XXXXXX";
	int dir;

	REQUIRE(mkdtemp(path) != NULL);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(dir >= 0);
	TABLE(row, rows) {
		const struct stat st = { .st_mode = S_IFDIR | row->mode, .st_uid = row->dir },
				  old = { .st_mode = S_IFREG | 0644, .st_uid = row->name };

		CASE("%zu", (size_t)(row - rows));
		CHECK_EQ_INT(ward_commit_refuses_name(dir, &st, "none", &old, row->euid) != NULL,
			row->refused);
	}
	close(dir);
	CHECK(rmdir(path) == 0);
}

/* Who is not of a directory's group takes its set-group-ID bit away by lending it a mode. */
TEST(a_directory_of_a_foreign_group)
{
	struct stat st = { .st_mode = S_IFDIR | S_ISGID, .st_gid = getegid() };
	char path[] = "/tmp/ward-refused-XXXXXX";
	gid_t groups[64];
	int dir, n = getgroups(64, groups);

	REQUIRE(mkdtemp(path) != NULL);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(dir >= 0);
	CHECK_NULL(ward_commit_refuses_lending(dir, "none", &st));
	for (int i = 0; i < n; i++) {
		st.st_gid = groups[i];
		CHECK_NULL(ward_commit_refuses_lending(dir, "none", &st));
	}
	st.st_gid = 4000000000u;
	CHECK_STR_CONTAINS(ward_commit_refuses_lending(dir, "none", &st), "set-group-ID");
	st.st_mode = S_IFDIR;
	CHECK_NULL(ward_commit_refuses_lending(dir, "none", &st));
	close(dir);
	CHECK(rmdir(path) == 0);
}

TAP_MAIN();
