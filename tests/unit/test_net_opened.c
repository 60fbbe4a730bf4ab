/* SPDX-License-Identifier: Apache-2.0 */
/* Which connections of a run have a begin on record and no end: each record is noted in the log's order. */
#include "tap.h"

#include "run/run.h"

static struct ward_net_opened *o;
static struct ward_arena *arena;

static void note(const char *kind, const char *comm, int count, bool dialled)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *rec = NULL;

	ward_buf_addf(&b,
		"{\"kind\":\"%s\",\"resource\":\"good.example:443\",\"detail\":{\"count\":%d,\"dialled\":%s,\"address\":\"192.0.2.1\"",
		kind, count, dialled ? "true" : "false");
	if (comm)
		ward_buf_addf(&b, ",\"comm\":\"%s\"", comm);
	ward_buf_adds(&b, "}}");
	if (ward_json_parse(arena, b.s, b.n, "rec", &rec, &err) < 0)
		abort();
	CHECK_EQ_INT(ward_net_opened_note(o, rec, comm ? comm : "nobody"), WARD_OK);
}

/* From the host: who came is part of it. */
static void came(const char *kind, const char *peer, int count)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *rec = NULL;

	ward_buf_addf(&b,
		"{\"kind\":\"%s\",\"resource\":\"127.0.0.1:8080\",\"detail\":{\"count\":%d,\"address\":\"127.0.0.1\",\"peer\":\"%s\",\"inner\":80}}",
		kind, count, peer);
	if (ward_json_parse(arena, b.s, b.n, "rec", &rec, &err) < 0)
		abort();
	CHECK_EQ_INT(ward_net_opened_note(o, rec, peer), WARD_OK);
}

static void add(void *arg, const char *line, int64_t n)
{
	ward_buf_addf(arg, "%s %lld;", line, (long long)n);
}

static void begin(void)
{
	arena = ward_arena_new(1u << 20);
	o = ward_net_opened_new();
	if (!arena || !o)
		abort();
}

static void end(const char *want)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_net_opened_each(o, add, &b);
	CHECK_STR_EQ(b.n ? ward_buf_cstr(&b) : "", want);
	ward_net_opened_free(o);
	ward_arena_free(arena);
}

TEST(what_began_and_did_not_end)
{
	begin();
	note("net.open", "curl", 1, true);
	note("net.open", "curl", 2, true);
	note("net.connect", "curl", 1, true);
	end("curl 2;");

	begin();
	note("net.open", "curl", 1, true);
	note("net.connect", "wget", 1, true);
	end("curl 1;");
	/* Nothing was ever connected to. */
	begin();
	note("net.open", "curl", 1, true);
	note("net.connect", "curl", 1, false);
	end("curl 1;");
}

TEST(what_came_in_and_did_not_end)
{
	begin();
	came("net.open", "192.0.2.1", 2);
	came("net.open", "192.0.2.2", 1);
	came("net.accept", "192.0.2.1", 1);
	came("net.accept", "192.0.2.2", 1);
	end("192.0.2.1 1;");
}

/* Who it is may not be known yet when a connection begins. */
TEST(whose_it_was_is_known_at_the_end)
{
	begin();
	note("net.open", NULL, 3, true);
	note("net.connect", "curl", 2, true);
	end("nobody 1;");

	begin();
	note("net.open", NULL, 1, true);
	note("net.open", "curl", 1, true);
	note("net.connect", "curl", 2, true);
	end("");
	/* The other way round it is somebody's own. */
	begin();
	note("net.open", "curl", 1, true);
	note("net.connect", NULL, 1, true);
	end("curl 1;");
}

TAP_MAIN();
