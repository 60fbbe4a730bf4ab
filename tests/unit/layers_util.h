/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of policy layers share: a tree of their own (T: etc, config, ws/.ward, state), where everything belongs to
 * whoever runs the test, who stands for root too where the ceiling is read.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "registry/layers.h"

static char T[64];
static struct ward_arena *arena; /* of the last load */
static const struct ward_layers *layers;
static struct ward_error err;
static struct ward_layers_where where;

static TAP_UNUSED const char *at(const char *rel)
{
	static char ring[16][512];
	static unsigned i;
	char *out = ring[i++ % 16];

	snprintf(out, sizeof(ring[0]), "%s%s%s", T, rel[0] ? "/" : "", rel);
	return out;
}

static TAP_UNUSED void put_bytes(const char *rel, const void *p, size_t n, mode_t mode)
{
	int fd;

	(void)unlink(at(rel));
	fd = open(at(rel), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, p, n) == (ssize_t)n);
	REQUIRE(fchmod(fd, mode) == 0);
	close(fd);
}

static TAP_UNUSED void put(const char *rel, const char *text)
{
	put_bytes(rel, text, strlen(text), 0644);
}

static TAP_UNUSED void make_dir(const char *rel, mode_t mode)
{
	REQUIRE(mkdir(at(rel), 0700) == 0 || errno == EEXIST);
	REQUIRE(chmod(at(rel), mode) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void clean_up(void)
{
	if (T[0])
		(void)nftw(T, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	T[0] = '\0';
	ward_arena_freep(&arena);
}

/* A path that stays. */
static TAP_UNUSED const char *keep(unsigned i, const char *rel)
{
	static char kept[4][512];

	snprintf(kept[i], sizeof(kept[i]), "%s", at(rel));
	return kept[i];
}

/* A fresh tree, without any layer. */
static TAP_UNUSED void tree(void)
{
	static bool begun;

	clean_up();
	if (!begun)
		atexit(clean_up);
	begun = true;
	snprintf(T, sizeof(T), "/tmp/ward-layers-XXXXXX");
	REQUIRE(mkdtemp(T) != NULL);
	make_dir("ws", 0755);
	make_dir("state", 0700);
	where = (struct ward_layers_where){ .uid = geteuid(), .ceiling_uid = geteuid() };
	where.ceiling = keep(0, "etc");
	where.user = keep(1, "config");
	where.workspace = keep(2, "ws");
	where.trust = keep(3, "state/trust");
}

/* The same, with one file in each layer. */
static TAP_UNUSED void full_tree(void)
{
	tree();
	make_dir("etc", 0755);
	make_dir("config", 0755);
	make_dir("ws/.ward", 0755);
	put("etc/deny.cedar", "forbid(principal, action, resource);\n");
	put("config/mine.yaml", "a: 1\n");
	put("ws/.ward/build.json", "{}");
}

static TAP_UNUSED int load(void)
{
	ward_arena_freep(&arena);
	arena = ward_arena_new(0);
	REQUIRE(arena);
	memset(&err, 0, sizeof(err));
	layers = (const void *)1;
	return ward_layers_load(arena, &where, &layers, &err);
}

/* The load is refused with this code, and says so. */
#define REFUSED(want, file_part, message_part, fix_part) \
	do { \
		CHECK_EQ_INT(load(), want); \
		CHECK_NULL(layers); \
		CHECK_EQ_INT(err.code, want); \
		CHECK_STR_CONTAINS(err.file, file_part); \
		CHECK_STR_CONTAINS(err.message, message_part); \
		CHECK_STR_CONTAINS(err.fix, fix_part); \
	} while (0)
#define OK() \
	do { \
		int tap_r = load(); \
		CHECK_MSG(tap_r == WARD_OK, "%s: %s", err.file, err.message); \
		REQUIRE(tap_r == WARD_OK && layers); \
	} while (0)
