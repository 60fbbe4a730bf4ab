/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a directory: what is said to be absent is absent, and where that is not sure nothing is said to be. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/persist/persist.h"
#include "tap.h"

#define MOST (256u << 10)

static char top[] = "/tmp/ward-test.XXXXXX";
static _Alignas(8) char buf[WARD_DIR_NAMES_ROOM_MANY];
static struct ward_dir_names names = { .buf = buf, .room = sizeof(buf) };

static const char *at(const char *rel)
{
	static char path[2][512];
	static unsigned next;
	char *out = path[next++ % 2];

	(void)snprintf(out, sizeof(path[0]), "%s/%s", top, rel);
	return out;
}

static void put(const char *rel)
{
	int fd = open(at(rel), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	(void)close(fd);
}

static bool lacks(const char *dir, const char *name)
{
	ward_dir_names_read(&names, dir, MOST);
	return ward_dir_names_lack(&names, name);
}

TEST(what_is_absent)
{
	REQUIRE(mkdtemp(top) != NULL);
	ward_dir_names_read(&names, top, MOST);
	if (!names.all)
		SKIP("the file system of /tmp is none of those that are believed");
	CHECK(lacks(top, ".bashrc"));
	put(".bashrc");
	put("HEAD");
	REQUIRE(mkdir(at(".Config"), 0700) == 0);
	CHECK(!lacks(top, ".bashrc"));
	CHECK(!lacks(top, ".config/fish"));
	CHECK(!lacks(top, "head"));
	CHECK(!lacks(top, "HEAD/x"));
	CHECK(lacks(top, ".bashr"));
	CHECK(lacks(top, ".bashrc2"));
	CHECK(lacks(top, ".bash/rc"));
	CHECK(lacks(top, "HEADS"));
	CHECK(lacks(top, "HEADS/stra\xc3\x9f\x65"));
}

/* What begins as nothing that is there is known by that alone; in an empty directory that is all but itself and the one above. */
TEST(asked_by_what_it_begins_with)
{
	REQUIRE(mkdir(at("begins"), 0700) == 0);
	CHECK(lacks(at("begins"), "a") && lacks(at("begins"), ".git/hooks") &&
		lacks(at("begins"), "..."));
	CHECK(!lacks(at("begins"), ".") && !lacks(at("begins"), ".."));
	put("begins/Zebra");
	put("begins/9");
	CHECK(!lacks(at("begins"), "zebra") && !lacks(at("begins"), "ZEBRA/x") &&
		!lacks(at("begins"), "9"));
	CHECK(lacks(at("begins"), "zoo") && lacks(at("begins"), "[ebra") &&
		lacks(at("begins"), ".zebra"));
	put("begins/.Hidden");
	CHECK(!lacks(at("begins"), ".hidden") && lacks(at("begins"), ".git"));
}

/* Where case does not count, other letters find those of ASCII: a sharp s two of them, a long s, the sign of Kelvin, a ligature. */
TEST(asked_in_another_spelling)
{
	static const char *const odd[] = { "stra\xc3\x9f\x65", "stra\xc3\x9f\x65/below",
		".ba\xc5\xbfhrc", "\xe2\x84\xaa\x65ys", "o\xef\xac\x83\x63\x65",
		"HEAD\xe2\x80\x8b" };

	REQUIRE(mkdir(at("ascii"), 0700) == 0);
	put("ascii/STRASSE");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(odd); i++)
		CHECK(!lacks(at("ascii"), odd[i]));
	CHECK(!lacks(at("ascii"), "strasse"));
	CHECK(!lacks(at("ascii"), "Strasse/below"));
	CHECK(lacks(at("ascii"), "keys"));
}

/* Where case does not count the long s is an s. */
TEST(another_spelling)
{
	REQUIRE(mkdir(at("odd"), 0700) == 0);
	put("odd/.ba\xc5\xbfhrc");
	CHECK(!lacks(at("odd"), ".bashrc"));
	CHECK(!lacks(at("odd"), "anything"));
	REQUIRE(mkdir(at("kelvin"), 0700) == 0);
	put("kelvin/\xe2\x84\xaa\x65ys");
	CHECK(!lacks(at("kelvin"), "keys"));
	CHECK(!lacks(at("kelvin"), "anything"));
}

static const char *one_of(const char *dir, int i)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "%s/a-name-of-some-length-%d", dir, i);
	return name;
}

TEST(too_many)
{
	REQUIRE(mkdir(at("many"), 0700) == 0);
	for (int i = 0; i < 1200; i++)
		put(one_of("many", i));
	CHECK(!lacks(at("many"), ".bashrc"));
	names.room = WARD_DIR_NAMES_ROOM;
	CHECK(!lacks(at("many"), ".bashrc"));
	names.room = sizeof(buf);
}

/* On ext4 the directory is as large as it ever was. */
TEST(once_many)
{
	for (int i = 0; i < 1200; i++)
		CHECK(i < 5 || unlink(at(one_of("many", i))) == 0);
	CHECK(lacks(at("many"), ".bashrc"));
	CHECK(!lacks(at("many"), "a-name-of-some-length-4"));
	CHECK(lacks(at("many"), "a-name-of-some-length-5"));
}

/* To read it may take long, whatever is left in it. */
TEST(too_large_on_its_disk)
{
	struct stat st;

	REQUIRE(stat(at("many"), &st) == 0);
	if (st.st_size < 1)
		SKIP("the file system says nothing of what a directory takes");
	ward_dir_names_read(&names, at("many"), (size_t)st.st_size);
	CHECK(ward_dir_names_lack(&names, ".bashrc"));
	ward_dir_names_read(&names, at("many"), (size_t)st.st_size - 1);
	CHECK(!ward_dir_names_lack(&names, ".bashrc"));
}

TEST(not_to_be_believed)
{
	REQUIRE(symlink(top, at("link")) == 0);
	CHECK(!lacks(at("link"), "absent"));
	CHECK(!lacks(at("none"), "absent"));
	CHECK(!lacks(at("HEAD"), "absent"));
	CHECK(!lacks("/proc/self", "absent"));
}

static bool anywhere(void *arg, unsigned above)
{
	(void)arg;
	(void)above;
	return true;
}

/* A row whose names a weaker one has before it would hold nothing. */
TEST(no_row_hides_a_stronger_one)
{
	for (size_t i = 0; i < ward_persist_n; i++) {
		const struct ward_persist_name *row = &ward_persist[i], *found;
		unsigned as = row->dir ? WARD_AS_DIR : WARD_AS_FILE;
		char path[256];

		(void)snprintf(path, sizeof(path), "/w/%s", row->name);
		for (char *star; (star = strchr(path, '*'));)
			*star = 'x';
		CHECK_MSG(ward_persist_may(strrchr(path, '/') + 1), "%s", path);
		found = ward_persist_match(path, strrchr(path, '/') + 1, as, anywhere, NULL);
		REQUIRE(found);
		CHECK_MSG(found->kind <= row->kind, "%s: %s has it before", row->name, found->name);
	}
}

TEST(a_file_or_a_directory_alone)
{
	CHECK(!ward_persist_match("/w/.venv", ".venv", WARD_AS_DIR, anywhere, NULL));
	CHECK(ward_persist_match("/w/.venv", ".venv", WARD_AS_FILE, anywhere, NULL));
	CHECK(ward_persist_match("/w/.venv", ".venv", WARD_AS_ANY, anywhere, NULL));
	CHECK(!ward_persist_match("/w/.direnv", ".direnv", WARD_AS_FILE, anywhere, NULL));
	CHECK(ward_persist_match("/w/.direnv", ".direnv", WARD_AS_DIR, anywhere, NULL));
}

TEST(nothing_is_left)
{
	char command[600];

	(void)snprintf(command, sizeof(command), "rm -r '%s'", top);
	CHECK_EQ_INT(system(command), 0);
}

TAP_MAIN();
