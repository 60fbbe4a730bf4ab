/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying the audit log: whatever is done to a log must be seen. Exhaustive over the bytes of a log of sixty records:
 * every bit of every byte, every cut; and the ways in which somebody would edit one. A second verifier, written in
 * another language from docs/spec/audit.md, must come to the same head.
 */
#include <spawn.h>

#include "audit_util.h"

#define RECORDS 60

extern char **environ;
static struct ward_error err;
static struct blob log60, line60[RECORDS];

static void begin_with(unsigned records)
{
	audit_begin();
	REQUIRE(audit_write(audit_log, records, &err) == WARD_OK);
	log60 = blob_read(audit_log);
	REQUIRE(blob_lines(log60, line60, RECORDS) == records);
}

static void begin(void)
{
	begin_with(RECORDS);
}

static void end(void)
{
	free(log60.s);
	audit_end();
}

/* Write the lines in this order and verify. */
static bool verifies(const struct blob *lines, size_t n, struct ward_audit_report *rep)
{
	int fd = open(audit_log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	for (size_t i = 0; i < n; i++)
		REQUIRE(write(fd, lines[i].s, lines[i].n) == (ssize_t)lines[i].n);
	close(fd);
	return audit_verifies(audit_log, rep);
}

/* Give a line (with its newline) a new hash that fits its bytes. */
static void rehash(struct blob line)
{
	ward_sha256_hex(line.s, line.n - 76, line.s + line.n - 67);
	memcpy(line.s + line.n - 3, "\"}\n", 3);
}

static struct blob copy(struct blob b)
{
	struct blob c = { malloc(b.n + 1), b.n };
	REQUIRE(c.s);
	memcpy(c.s, b.s, b.n);
	c.s[c.n] = '\0';
	return c;
}

TEST(a_whole_log_verifies)
{
	begin();
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, RECORDS);
	CHECK_EQ_UINT(rep.first_seq, 1);
	CHECK_EQ_UINT(rep.last_seq, RECORDS);
	CHECK_EQ_UINT(rep.bad_line, 0);
	CHECK(memcmp(rep.head, log60.s + log60.n - 67, 64) == 0);
	blob_write(audit_log, "", 0);
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 0);
	CHECK_STR_EQ(rep.head, AUDIT_ZEROS);
	end();
}

TEST(every_flipped_bit_is_seen_and_its_line_named)
{
	begin();
	struct ward_audit_report rep;
	int fd = open(audit_log, O_WRONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	size_t line = 1, missed = 0, misnamed = 0;
	for (size_t i = 0; i < log60.n; i++) {
		/* all eight bits in two records and at the very end, one that moves through the byte elsewhere */
		bool all = line <= 2 || i + 160 >= log60.n;
		for (unsigned bit = all ? 0 : i % 8; bit < (all ? 8 : i % 8 + 1); bit++) {
			char c = (char)(log60.s[i] ^ (1 << bit));
			REQUIRE(pwrite(fd, &c, 1, (off_t)i) == 1);
			if (audit_verifies(audit_log, &rep))
				missed++;
			else if (rep.bad_line != line || rep.why[0] == '\0' ||
				rep.records != line - 1)
				misnamed++;
		}
		REQUIRE(pwrite(fd, log60.s + i, 1, (off_t)i) == 1);
		line += log60.s[i] == '\n';
	}
	close(fd);
	CHECK_EQ_SIZE(missed, 0);
	CHECK_EQ_SIZE(misnamed, 0);
	CHECK(audit_verifies(audit_log, NULL));
	end();
}

TEST(every_cut_is_torn_or_shows_by_the_head)
{
	begin_with(20);
	struct ward_audit_report rep, whole;
	REQUIRE(audit_verifies(audit_log, &whole));
	size_t wrong = 0, line = 19;
	for (size_t cut = log60.n - 1; cut > 0; cut--) {
		REQUIRE(truncate(audit_log, (off_t)cut) == 0);
		bool at_end = log60.s[cut - 1] == '\n';
		bool ok = audit_verifies(audit_log, &rep);
		wrong += ok != at_end || rep.torn == at_end || rep.records != line;
		wrong += !at_end && rep.bad_line != line + 1;
		if (at_end) {
			/* a cut at a line end is a good log: only the head from elsewhere tells */
			wrong += ward_audit_verify(audit_log, whole.head, &rep, &err) !=
					WARD_E_AUDIT ||
				rep.ok || rep.head_seq != 0 ||
				!strstr(rep.why, "cut, replaced or rewritten");
			line--;
		}
	}
	CHECK_EQ_SIZE(wrong, 0);
	end();
}

TEST(head_is_found_wherever_it_is)
{
	begin();
	struct ward_audit_report rep;
	for (size_t i = 0; i < RECORDS; i++) {
		char head[WARD_SHA256_HEX] = "";
		memcpy(head, line60[i].s + line60[i].n - 67, 64);
		CHECK_EQ_INT(ward_audit_verify(audit_log, head, &rep, &err), WARD_OK);
		CHECK_EQ_UINT(rep.head_seq, i + 1);
		CHECK(rep.head_last == (i == RECORDS - 1));
	}
	static const char *const bad[] = { "", "abc",
		"G000000000000000000000000000000000000000000000000000000000000000",
		AUDIT_ZEROS "0" };
	TABLE(head, bad) {
		CASE("head %s", *head);
		CHECK_EQ_INT(ward_audit_verify(audit_log, *head, &rep, &err), WARD_E_INVALID);
		CHECK(!rep.ok);
	}
	tap_case[0] = '\0';
	CHECK_EQ_INT(ward_audit_verify(audit_log, AUDIT_ZEROS, &rep, &err), WARD_E_AUDIT);
	CHECK_EQ_UINT(rep.bad_line, 0);
	end();
}

TEST(swapped_dropped_and_repeated_records_are_seen)
{
	begin();
	struct blob l[RECORDS + 1];
	struct ward_audit_report rep;
	for (size_t i = 0; i < RECORDS; i++) {
		CASE("record %zu", i + 1);
		memcpy(l, line60, sizeof(line60));
		if (i + 1 < RECORDS) {
			l[i] = line60[i + 1];
			l[i + 1] = line60[i];
			CHECK(!verifies(l, RECORDS, &rep));
			CHECK_EQ_UINT(rep.bad_line, i + 1);
			CHECK_STR_CONTAINS(rep.why, "prev mismatch");
			memcpy(l, line60, sizeof(line60));
			memmove(&l[i], &l[i + 1], (RECORDS - 1 - i) * sizeof(l[0]));
			CHECK(!verifies(l, RECORDS - 1, &rep));
			CHECK_EQ_UINT(rep.bad_line, i + 1);
			CHECK_EQ_UINT(rep.bad_seq, i + 2);
			memcpy(l, line60, sizeof(line60));
		}
		memmove(&l[i + 1], &line60[i], (RECORDS - i) * sizeof(l[0]));
		CHECK(!verifies(l, RECORDS + 1, &rep));
		CHECK_EQ_UINT(rep.bad_line, i + 2);
	}
	end();
}

TEST(two_logs_do_not_splice)
{
	begin();
	char other[112];
	snprintf(other, sizeof(other), "%s.other", audit_log);
	REQUIRE(audit_write(other, RECORDS, &err) == WARD_OK);
	struct blob b = blob_read(other), l[RECORDS], theirs[RECORDS];
	REQUIRE(blob_lines(b, theirs, RECORDS) == RECORDS);
	for (size_t i = 1; i < RECORDS; i++) {
		CASE("from %zu on", i + 1);
		memcpy(l, line60, i * sizeof(l[0]));
		memcpy(&l[i], &theirs[i], (RECORDS - i) * sizeof(l[0]));
		struct ward_audit_report rep;
		CHECK(!verifies(l, RECORDS, &rep));
		CHECK_EQ_UINT(rep.bad_line, i + 1);
	}
	free(b.s);
	end();
}

TEST(a_rehashed_edit_breaks_the_link_behind_it)
{
	begin();
	struct blob l[RECORDS], edit = copy(line60[20]);
	struct ward_audit_report rep;
	memcpy(l, line60, sizeof(line60));
	l[20] = edit;
	/* a new text under a new, right hash */
	char *at = strstr(edit.s, "\"policy.check\"");
	REQUIRE(at);
	memcpy(at, "\"policy.block\"", 14);
	rehash(edit);
	CHECK(!verifies(l, RECORDS, &rep));
	CHECK_EQ_UINT(rep.bad_line, 22);
	CHECK_STR_CONTAINS(rep.why, "prev mismatch");
	/* a wrong prev under a right hash */
	memcpy(edit.s, line60[20].s, edit.n);
	at = strstr(edit.s, "\"prev\":\"");
	REQUIRE(at);
	memcpy(at + 8, AUDIT_ZEROS, 64);
	rehash(edit);
	CHECK(!verifies(l, RECORDS, &rep));
	CHECK_EQ_UINT(rep.bad_line, 21);
	/* the last record rewritten whole: this is what an unsigned chain cannot see, and the head can */
	REQUIRE(verifies(line60, RECORDS, &rep));
	char head[WARD_SHA256_HEX];
	memcpy(head, rep.head, sizeof(head));
	struct blob last = copy(line60[RECORDS - 1]);
	at = strstr(last.s, "\"policy.check\"");
	REQUIRE(at);
	memcpy(at, "\"policy.block\"", 14);
	rehash(last);
	memcpy(l, line60, sizeof(line60));
	l[RECORDS - 1] = last;
	CHECK(verifies(l, RECORDS, &rep));
	CHECK_EQ_INT(ward_audit_verify(audit_log, head, &rep, &err), WARD_E_AUDIT);
	free(last.s);
	free(edit.s);
	end();
}

/* One line: text with HASH replaced by the hash of what stands before ,"hash": */
static struct blob forge(const char *text)
{
	struct blob b = { malloc(strlen(text) + 80), 0 };
	char hash[WARD_SHA256_HEX];
	REQUIRE(b.s);
	ward_sha256_hex(text, strlen(text), hash);
	b.n = (size_t)sprintf(b.s, "%s,\"hash\":\"%s\"}\n", text, hash);
	return b;
}

#define HEAD \
	"{\"v\":1,\"seq\":1,\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"ts\":1,\"mono\":1,\"boot\":\"b\",\"host\":\"h\""
#define PREV ",\"prev\":\"" AUDIT_ZEROS "\""

TEST(a_forged_first_record_is_judged_by_its_form)
{
	static const struct {
		const char *name, *text, *why; /* why NULL: good */
	} rows[] = {
		{ "good", HEAD ",\"kind\":\"run.end\"" PREV, NULL },
		{ "unknown kind", HEAD ",\"kind\":\"net.connect\"" PREV, NULL },
		{ "unknown members",
			HEAD ",\"new\":[1],\"kind\":\"x\",\"also\":{\"hash\":\"y\"}" PREV, NULL },
		{ "seq 0", "{\"v\":1,\"seq\":0,\"kind\":\"x\"" PREV, "does not begin" },
		{ "seq 01", "{\"v\":1,\"seq\":01,\"kind\":\"x\"" PREV, "bad JSON" },
		{ "seq 2", "{\"v\":1,\"seq\":2,\"kind\":\"x\"" PREV, "seq gap: 2 where 1" },
		{ "seq huge", "{\"v\":1,\"seq\":99999999999999999999,\"kind\":\"x\"" PREV,
			"bad JSON" },
		{ "v 2", "{\"v\":2,\"seq\":1,\"kind\":\"x\"" PREV, "does not begin" },
		{ "no kind", HEAD PREV, "kind is missing" },
		{ "kind twice", HEAD ",\"kind\":\"x\",\"kind\":\"x\"" PREV, "bad JSON" },
		{ "kind a number", HEAD ",\"kind\":1" PREV, "kind is of the wrong type" },
		{ "order", HEAD ",\"kind\":\"x\",\"run\":\"r\"" PREV, "run is out of order" },
		{ "required out of order", "{\"v\":1,\"seq\":1,\"ts\":1,\"id\":\"x\"" PREV,
			"id is missing or out of order" },
		{ "early prev", HEAD PREV ",\"kind\":\"x\"", "does not end with prev" },
		{ "detail text", HEAD ",\"kind\":\"x\",\"detail\":\"d\"" PREV,
			"detail is of the wrong type" },
		{ "no JSON", HEAD ",\"kind\":}" PREV, "bad JSON" },
		{ "raw tab", HEAD ",\"kind\":\"\t\"" PREV, "bad JSON" },
		{ "bad UTF-8", HEAD ",\"kind\":\"\xff\"" PREV, "bad JSON" },
		{ "lone", "{\"v\":1,\"seq\":1,\"id\":1", "does not end with prev" },
		{ "nothing", "", "bad JSON" },
	};
	audit_begin();
	TABLE(row, rows) {
		struct ward_audit_report rep;
		struct blob line = forge(row->text);
		CASE("%s", row->name);
		CHECK(verifies(&line, 1, &rep) == !row->why);
		CHECK_EQ_UINT(rep.bad_line, row->why ? 1 : 0);
		CHECK_STR_CONTAINS(rep.why, row->why ? row->why : "");
		free(line.s);
	}
	/* a record of another writer, with kinds and members of a later version, is chained onto and kept */
	tap_case[0] = '\0';
	struct blob line = forge(rows[2].text);
	blob_write(audit_log, line.s, line.n);
	CHECK_EQ_INT(audit_write(audit_log, 2, &err), WARD_OK);
	CHECK(audit_verifies(audit_log, NULL));
	struct blob b = blob_read(audit_log);
	CHECK(b.n > line.n && memcmp(b.s, line.s, line.n) == 0);
	free(b.s);
	free(line.s);
	audit_end();
}

TEST(other_damage_is_named)
{
	begin();
	static const struct {
		const char *name, *text;
		size_t n;
		const char *why;
	} rows[] = {
		{ "an empty line", "\n", 1, "bad JSON" },
		{ "an array", "[]\n", 3, "does not begin" },
		{ "a text", "hello\n", 6, "bad JSON" },
		{ "zeros", "\0\0\0\0\n", 5, "bad JSON" },
		{ "zeros, torn", "\0\0\0\0", 4, "torn" },
		{ "carriage return", "{}\r\n", 4, "does not begin" },
	};
	TABLE(row, rows) {
		struct ward_audit_report rep;
		struct blob l[RECORDS + 1];
		memcpy(l, line60, sizeof(line60));
		char text[8];
		memcpy(text, row->text, row->n);
		l[RECORDS] = (struct blob){ text, row->n };
		CASE("%s", row->name);
		CHECK(!verifies(l, RECORDS + 1, &rep));
		CHECK_EQ_UINT(rep.bad_line, RECORDS + 1);
		CHECK_EQ_UINT(rep.bad_seq, RECORDS + 1);
		CHECK_STR_CONTAINS(rep.why, row->why);
	}
	tap_case[0] = '\0';
	struct blob big = { malloc(WARD_AUDIT_LINE_MAX * 2), WARD_AUDIT_LINE_MAX * 2 };
	struct ward_audit_report rep;
	REQUIRE(big.s);
	memset(big.s, 'x', big.n);
	CHECK(!verifies(&big, 1, &rep));
	CHECK(!rep.torn);
	CHECK_STR_CONTAINS(rep.why, "longer than a record");
	free(big.s);
	end();
}

TEST(what_is_no_log_file_is_an_error_and_not_a_verdict)
{
	struct ward_audit_report rep;
	CHECK_EQ_INT(ward_audit_verify("/tmp/no/such/log", NULL, &rep, &err), WARD_E_NOTFOUND);
	CHECK(!rep.ok);
	CHECK_EQ_INT(ward_audit_verify("/tmp", NULL, &rep, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_verify("/dev/null", NULL, &rep, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_verify("", NULL, &rep, &err), WARD_E_INVALID);
	CHECK_EQ_INT(ward_audit_verify("/tmp", NULL, NULL, &err), WARD_E_INVALID);
	CHECK(!rep.ok);
	audit_begin();
	REQUIRE(mkfifo(audit_log, 0600) == 0);
	CHECK_EQ_INT(ward_audit_verify(audit_log, NULL, &rep, &err), WARD_E_INVALID);
	audit_end();
}

TEST(clocks_may_go_backwards)
{
	audit_begin();
	struct ward_audit_report rep;
	char second[1024], hash[WARD_SHA256_HEX];
	struct blob l[2];
	l[0] = forge(
		"{\"v\":1,\"seq\":1,\"id\":\"i\",\"ts\":900,\"mono\":900,\"boot\":\"b\",\"host\":\"h\",\"kind\":\"x\"" PREV);
	memcpy(hash, l[0].s + l[0].n - 67, 64);
	hash[64] = '\0';
	snprintf(second, sizeof(second),
		"{\"v\":1,\"seq\":2,\"id\":\"i\",\"ts\":1,\"mono\":-5,\"boot\":\"c\",\"host\":\"h\",\"kind\":\"x\",\"prev\":\"%s\"",
		hash);
	l[1] = forge(second);
	CHECK(verifies(l, 2, &rep));
	free(l[0].s);
	free(l[1].s);
	audit_end();
}

struct seen {
	uint64_t lines, stop_at;
	size_t bytes;
};

static int see(void *arg, const struct ward_json *rec, const char *line, size_t n, uint64_t lineno)
{
	struct seen *s = arg;
	s->lines++;
	s->bytes += n + 1;
	if (lineno != s->lines || ward_json_get(rec, "seq")->i != (int64_t)lineno ||
		line[n - 1] != '}')
		return 99;
	return lineno == s->stop_at ? 7 : 0;
}

TEST(each_gives_every_line_and_stops_when_told)
{
	begin();
	struct seen s = { 0 };
	CHECK_EQ_INT(ward_audit_each(audit_log, see, &s, &err), 0);
	CHECK_EQ_UINT(s.lines, RECORDS);
	CHECK_EQ_SIZE(s.bytes, log60.n);
	s = (struct seen){ .stop_at = 5 };
	CHECK_EQ_INT(ward_audit_each(audit_log, see, &s, &err), 7);
	CHECK_EQ_UINT(s.lines, 5);
	s = (struct seen){ 0 };
	REQUIRE(truncate(audit_log, (off_t)log60.n - 5) == 0);
	CHECK_EQ_INT(ward_audit_each(audit_log, see, &s, &err), WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "line 60: the last line is torn");
	CHECK_EQ_UINT(s.lines, RECORDS - 1);
	s = (struct seen){ 0 };
	log60.s[line60[0].n + 1] = '!';
	blob_write(audit_log, log60.s, log60.n);
	CHECK_EQ_INT(ward_audit_each(audit_log, see, &s, &err), WARD_E_AUDIT);
	CHECK_EQ_UINT(s.lines, 1);
	CHECK_EQ_UINT(err.line, 2);
	CHECK_EQ_INT(ward_audit_each("/tmp/no/such/log", see, &s, &err), WARD_E_NOTFOUND);
	end();
}

static int see_one(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno)
{
	(void)line;
	(void)n;
	*(uint64_t *)arg += lineno == 0 ? (uint64_t)ward_json_get(rec, "seq")->i : 1000;
	return 0;
}

TEST(last_with_parses_the_lines_that_have_the_text_alone)
{
	begin();
	uint64_t sum = 0;
	CHECK_EQ_INT(ward_audit_last_with(audit_log, "\"seq\":7,", see_one, &sum, &err), 0);
	CHECK_EQ_UINT(sum, 7);
	sum = 0;
	CHECK_EQ_INT(ward_audit_last_with(audit_log, "no line has this", see_one, &sum, &err), 0);
	CHECK_EQ_UINT(sum, 0);
	/* The second line is no JSON: that is found by whoever wants it, and is in nobody else's way. */
	log60.s[line60[0].n + 1] = '!';
	blob_write(audit_log, log60.s, log60.n);
	CHECK_EQ_INT(ward_audit_last_with(audit_log, "\"seq\":7,", see_one, &sum, &err), 0);
	CHECK_EQ_UINT(sum, 7);
	CHECK_EQ_INT(ward_audit_last_with(audit_log, "\"seq\":2,", see_one, &sum, &err),
		WARD_E_AUDIT);
	CHECK_EQ_UINT(err.line, 2);
	/* What has no end is told in any case. */
	REQUIRE(truncate(audit_log, (off_t)log60.n - 5) == 0);
	CHECK_EQ_INT(ward_audit_last_with(audit_log, "\"seq\":7,", see_one, &sum, &err),
		WARD_E_AUDIT);
	CHECK_STR_CONTAINS(err.message, "torn");
	end();
}

static int count_one(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno)
{
	(void)rec;
	(void)line;
	(void)n;
	(void)lineno;
	++*(uint64_t *)arg;
	return 0;
}

/* As memmem() has it, for each piece of a line, and for each with a letter that is another. */
TEST(last_with_finds_a_text_wherever_it_stands)
{
	uint64_t found, want;

	begin();
	for (size_t len = 0; len < 80; len += len < 8 ? 1 : 17)
		for (size_t at = 0; at + len < line60[2].n; at += 11 + len)
			for (int other = 0; other < 2; other++) {
				char text[400];

				memcpy(text, line60[2].s + at, len);
				text[len] = '\0';
				if (other && len > 0)
					text[(at * 7) % len] ^= 1;
				want = found = 0;
				for (size_t i = 0; i < RECORDS; i++)
					want += memmem(line60[i].s, line60[i].n, text,
							strlen(text)) != NULL;
				CHECK_EQ_INT(ward_audit_last_with(audit_log, text, count_one,
						     &found, &err),
					0);
				CHECK_EQ_UINT(found, want);
			}
	{
		char text[400];

		REQUIRE(line60[2].n > 300);
		memcpy(text, line60[2].s + 3, 290);
		text[290] = '\0';
		found = 0;
		CHECK_EQ_INT(ward_audit_last_with(audit_log, text, count_one, &found, &err), 0);
		CHECK_EQ_UINT(found, 1);
	}
	end();
}

struct backwards {
	uint64_t last, until, n;
};

static int see_back(void *arg, const struct ward_json *rec, const char *line, size_t n,
	uint64_t lineno)
{
	struct backwards *b = arg;
	uint64_t seq = (uint64_t)ward_json_get(rec, "seq")->i;

	(void)lineno;
	CHECK(n > 2 && line[0] == '{' && line[n - 1] == '}');
	CHECK(b->last == 0 || seq == b->last - 1);
	b->last = seq;
	b->n++;
	return seq == b->until ? 7 : 0;
}

/* Lines of every length up to some chunks, so that each part of one is at an end of what is read at once. */
TEST(last_with_reads_from_the_end_and_no_further_than_it_must)
{
	struct ward_audit *a = NULL;
	static char text[200001];
	const uint64_t n = 120;
	FILE *f;

	audit_begin();
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	for (uint64_t i = 1; i <= n; i++) {
		struct ward_event e = {
			.kind = "limit.hit", .resource = text, .run = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
		};
		size_t len = (size_t)(i % 7 == 0 ? i * 1500 : i * 37);

		memset(text, 'z', len);
		text[len] = '\0';
		REQUIRE(ward_audit_append(a, &e, 1, false, NULL, NULL, &err) == WARD_OK);
	}
	ward_audit_close(a);
	for (uint64_t until = 0; until <= n; until += 1) {
		struct backwards b = { .until = until };

		CHECK_EQ_INT(ward_audit_last_with(audit_log, "01ARZ3NDEKTSV4RRFFQ69G5FAV", see_back,
				     &b, &err),
			until ? 7 : 0);
		CHECK_EQ_UINT(b.last, until ? until : 1);
		CHECK_EQ_UINT(b.n, until ? n - until + 1 : n);
	}
	/* What lies before what was looked for is in nobody's way; behind it, it is told, by its number. */
	f = fopen(audit_log, "r+");
	REQUIRE(f && fseek(f, 1, SEEK_SET) == 0 && fputc('!', f) != EOF && fclose(f) == 0);
	{
		struct backwards b = { .until = 2 };

		CHECK_EQ_INT(ward_audit_last_with(audit_log, "01ARZ3NDEKTSV4RRFFQ69G5FAV", see_back,
				     &b, &err),
			7);
		b = (struct backwards){ .until = 0 };
		CHECK_EQ_INT(ward_audit_last_with(audit_log, "01ARZ3NDEKTSV4RRFFQ69G5FAV", see_back,
				     &b, &err),
			WARD_E_AUDIT);
		CHECK_EQ_UINT(err.line, 1);
		CHECK_EQ_UINT(b.last, 2);
	}
	REQUIRE(truncate(audit_log, 0) == 0);
	CHECK_EQ_INT(ward_audit_last_with(audit_log, "01ARZ3NDEKTSV4RRFFQ69G5FAV", see_back,
			     &(struct backwards){ 0 }, &err),
		0);
	audit_end();
}

TEST(a_log_of_many_chunks_is_read_whole)
{
	audit_begin();
	struct ward_audit *a = NULL;
	static char text[100001];
	memset(text, 'y', 100000);
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	for (size_t i = 0; i < 20; i++) {
		text[i * 5000] = '\0';
		struct ward_event e = { .kind = "limit.hit", .resource = text };
		CHECK_EQ_INT(ward_audit_append(a, &e, 1, false, NULL, NULL, &err), WARD_OK);
		text[i * 5000] = 'y';
	}
	ward_audit_close(a);
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 20);
	audit_end();
}

/* ---- the second verifier ---- */

static const char script[] =
	"import hashlib, json, sys\n"
	"prev, seq = '0' * 64, 0\n"
	"data = open(sys.argv[1], 'rb').read()\n"
	"assert data == b'' or data.endswith(b'\\n'), 'torn'\n"
	"for raw in data.split(b'\\n')[:-1]:\n"
	"    rec = json.loads(raw.decode('utf-8'))\n"
	"    body, mark, rest = raw.rpartition(b',\"hash\":')\n"
	"    assert rest == json.dumps(rec['hash']).encode() + b'}', 'hash is not last'\n"
	"    assert hashlib.sha256(body).hexdigest() == rec['hash'], 'hash'\n"
	"    assert rec['prev'] == prev and rec['seq'] == seq + 1, 'chain'\n"
	"    prev, seq = rec['hash'], rec['seq']\n"
	"print(seq, prev)\n";

/* Run it on audit_log: its output, or false when it found the log bad. */
static bool second_opinion(char *out, size_t size)
{
	char program[] = "python3", c[] = "-c", code[sizeof(script)];
	char *argv[] = { program, c, code, audit_log, NULL };
	int fd[2], status = -1;
	pid_t pid;
	posix_spawn_file_actions_t fa;
	memcpy(code, script, sizeof(script));
	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fd[1], 1);
	posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
	int r = posix_spawnp(&pid, "python3", &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	close(fd[1]);
	if (r != 0) {
		close(fd[0]);
		SKIP("no python3 here: %s", strerror(r));
	}
	size_t got = 0;
	ssize_t n;
	while ((n = read(fd[0], out + got, size - 1 - got)) > 0)
		got += (size_t)n;
	out[got] = '\0';
	close(fd[0]);
	REQUIRE(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		SKIP("no python3 here");
	return status == 0;
}

TEST(a_second_verifier_agrees)
{
	begin();
	struct ward_audit_report rep;
	char out[256], want[256];
	CHECK(audit_verifies(audit_log, &rep));
	CHECK(second_opinion(out, sizeof(out)));
	snprintf(want, sizeof(want), "%d %s\n", RECORDS, rep.head);
	CHECK_STR_EQ(out, want);
	log60.s[line60[0].n + 100] ^= 1;
	blob_write(audit_log, log60.s, log60.n);
	CHECK(!second_opinion(out, sizeof(out)) && !audit_verifies(audit_log, NULL));
	end();
}

/* A finished value is looked at alone, but as deep as it will stand in the record: what append takes, verify takes. */
TEST(a_detail_is_as_deep_as_verify_reads)
{
	struct ward_audit *a = NULL;
	uint64_t taken = 0, refused = 0;
	audit_begin();
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	for (size_t depth = WARD_JSON_DEPTH_MAX - 4; depth < WARD_JSON_DEPTH_MAX + 4; depth++) {
		char text[8 * WARD_JSON_DEPTH_MAX] = "";
		size_t n = 0;
		for (size_t i = 0; i < depth; i++, n += 5)
			memcpy(text + n, "{\"a\":", 5);
		text[n++] = '1';
		memset(text + n, '}', depth);
		struct ward_event e = { .kind = "run.end", .detail_json = text };
		int r = ward_audit_append(a, &e, 1, false, NULL, NULL, &err);
		CASE("%zu deep", depth);
		CHECK(r == WARD_OK || r == WARD_E_INVALID);
		taken += r == WARD_OK;
		refused += r < 0;
		CHECK(audit_verifies(audit_log, NULL));
	}
	CHECK(taken > 0 && refused > 0);
	ward_audit_close(a);
	audit_end();
}

/* The lock is not held over the sync: others append, and sync, between somebody's write and his own sync. */
static bool durable_batches(void)
{
	struct ward_audit *a = NULL;
	struct ward_event e[3];
	for (unsigned i = 0; i < 3; i++)
		audit_event_fill(&e[i], i);
	bool ok = ward_audit_open(audit_log, &a, NULL, NULL) == WARD_OK;
	for (int i = 0; i < 15 && ok; i++) {
		struct ward_audit_mark first, last;
		struct ward_audit_report rep;
		ok = ward_audit_append(a, e, 3, true, &first, &last, NULL) == WARD_OK &&
			last.seq == first.seq + 2;
		/* what was acknowledged is there at once, and stays */
		if (ok && i % 5 == 0)
			ok = ward_audit_verify(audit_log, last.hash, &rep, NULL) == WARD_OK;
	}
	ward_audit_close(a);
	return ok;
}

TEST(concurrent_durable_batches_make_one_chain)
{
	audit_begin();
	pid_t pids[10];
	fflush(stdout);
	for (int i = 0; i < 10; i++) {
		pids[i] = fork();
		REQUIRE(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(durable_batches() ? 0 : 1);
	}
	for (int i = 0; i < 10; i++) {
		int status = -1;
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	}
	struct ward_audit_report rep;
	CHECK(audit_verifies(audit_log, &rep));
	CHECK_EQ_UINT(rep.records, 450);
	CHECK_EQ_UINT(rep.last_seq, 450);
	audit_end();
}

/* Their sums are made another way, and are the same. */
TEST(many_at_once_are_chained_as_one_by_one)
{
	audit_begin();
	struct ward_audit *a = NULL;
	struct ward_event e[40];
	struct ward_audit_mark first, last;
	struct ward_audit_report rep;
	REQUIRE(ward_audit_open(audit_log, &a, NULL, &err) == WARD_OK);
	for (unsigned i = 0; i < WARD_ARRAY_SIZE(e); i++)
		audit_event_fill(&e[i], i);
	CHECK_EQ_INT(ward_audit_append(a, e, 1, true, NULL, NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_audit_append(a, e, WARD_ARRAY_SIZE(e), true, &first, &last, &err),
		WARD_OK);
	CHECK_EQ_INT(ward_audit_append(a, e, 1, true, NULL, NULL, &err), WARD_OK);
	CHECK_EQ_INT(ward_audit_verify(audit_log, last.hash, &rep, &err), WARD_OK);
	CHECK_EQ_UINT(rep.head_seq, last.seq);
	CHECK_EQ_UINT(rep.last_seq, WARD_ARRAY_SIZE(e) + 2);
	ward_audit_close(a);
	audit_end();
}

TAP_MAIN();
