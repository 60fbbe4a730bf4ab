/* SPDX-License-Identifier: Apache-2.0 */
/* live/uncached.c: where the host's package caches lie is looked up once in a run, however much is refused. realpath() is counted here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/rawcall.h"
#include "plan/plan.h"
#include "run/life.h"
#include "tap.h"

static size_t looked;

/* Nothing here has a link. */
char *realpath(const char *path, char *out)
{
	looked++;
	if (access(path, F_OK) < 0)
		return NULL;
	(void)snprintf(out, WARD_PATH_MAX, "%s", path);
	return out;
}

static char home[64];

static void begin(struct life *l, struct ward_plan *plan)
{
	char path[128];

	(void)snprintf(home, sizeof(home), "/tmp/ward-uncached-XXXXXX");
	REQUIRE(mkdtemp(home) != NULL && clearenv() == 0 && setenv("HOME", home, 1) == 0);
	(void)snprintf(path, sizeof(path), "%s/.cargo", home);
	REQUIRE(mkdir(path, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/.cargo/registry", home);
	REQUIRE(mkdir(path, 0755) == 0);
	*plan = (struct ward_plan){ .egress = true, .caches_read = "cargo,go" };
	*l = (struct life){ .plan = plan, .asks = { .arena = ward_arena_new(1 << 20) } };
	REQUIRE(l->asks.arena != NULL);
	looked = 0;
}

static void end(struct life *l)
{
	char path[128];

	ward_arena_free(l->asks.arena);
	(void)snprintf(path, sizeof(path), "%s/.cargo/registry", home);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/.cargo", home);
	(void)rmdir(path);
	(void)rmdir(home);
}

TEST(the_host_is_looked_at_once_for_all_that_is_refused)
{
	struct ward_plan plan;
	struct life l;
	char path[128];

	begin(&l, &plan);
	for (int i = 0; i < 100; i++)
		ward_uncached_refused(&l, "/tmp/elsewhere");
	CHECK(!l.cache_refused);
	CHECK_MSG(looked > 0 && looked <= ward_caches_n, "%zu", looked);
	(void)snprintf(path, sizeof(path), "%s/.cargo/registry/index", home);
	ward_uncached_refused(&l, path);
	CHECK(l.cache_refused && looked <= ward_caches_n);
	end(&l);
}

TAP_MAIN();
