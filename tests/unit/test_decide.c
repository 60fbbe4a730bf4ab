/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge: whatever is wrong with a question, a rule or the memory, the answer is DENY; and every cure, for whatever
 * bytes the hostile side chose, is one line for a shell that grants what was refused when it is pasted. The plain
 * cases are in tests/table/decide.tests.
 */
#include "alloc_fail.h"
#include "base/base.h"
#include "decide/decide.h"
#include "policy/policy.h"
#include "tap.h"

static struct ward_decision d;

static int decide(const struct ward_rules *rules, const struct ward_question *q)
{
	memset(&d, 0xff, sizeof(d));
	return ward_decide(rules, q, &d, NULL);
}

static void check_denied(void)
{
	CHECK_EQ_INT(d.effect, WARD_DENY);
	CHECK_NULL(d.rule);
	CHECK_STR_EQ(d.cure, "");
	CHECK(d.why[0] != '\0');
}

TEST(a_rule_that_means_an_endpoint)
{
	static const struct {
		const char *pattern, *resource;
		enum ward_effect effect;
	} all[] = { { "0.0.0.0/0:443", "127.0.0.1:443", WARD_DENY },
		{ "126.0.0.0/7:443", "127.0.0.1:443", WARD_DENY },
		{ "127.0.0.0/8:443", "127.0.0.1:443", WARD_ALLOW },
		{ "127.0.0.1:443", "127.0.0.1:443", WARD_ALLOW },
		{ "8.0.0.0/6:443", "10.1.2.3:443", WARD_DENY },
		{ "10.0.0.0/8:443", "10.1.2.3:443", WARD_ALLOW },
		{ "[::/0]:443", "[::1]:443", WARD_DENY }, { "[::1]:443", "[::1]:443", WARD_ALLOW },
		{ "[fc00::/6]:443", "[fd00::1]:443", WARD_DENY },
		{ "[fd00::/8]:443", "[fd00::1]:443", WARD_ALLOW },
		{ "**.internal:443", "host.ward.internal:443", WARD_DENY },
		{ "*.ward.internal:443", "host.ward.internal:443", WARD_DENY },
		{ "host.ward.internal:443", "host.ward.internal:443", WARD_ALLOW } };

	TABLE(row, all) {
		const struct ward_rule rule = { .type = WARD_CAP_NETWORK_CONNECT,
			.pattern = row->pattern };
		const struct ward_rules rules = { &rule, 1 };
		struct ward_question q = { .action = WARD_CAP_NETWORK_CONNECT,
			.resource = row->resource };

		CASE("%s %s", row->pattern, row->resource);
		CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
		CHECK_EQ_INT(d.effect, WARD_ALLOW);
		q.meant = true;
		CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
		CHECK_EQ_INT(d.effect, row->effect);
	}
}

TEST(zero_is_deny)
{
	CHECK_EQ_INT(WARD_DENY, 0);
	CHECK_STR_EQ(ward_effect_name(WARD_DENY), "deny");
	CHECK_STR_EQ(ward_effect_name(WARD_ASK), "ask");
	CHECK_STR_EQ(ward_effect_name(WARD_ALLOW), "allow");
	CHECK_STR_EQ(ward_effect_name((enum ward_effect)7), "deny");
}

static const struct ward_rule everything[] = {
	{ .type = WARD_CAP_FILE_WRITE, .pattern = "/**" },
	{ .type = WARD_CAP_EXTERNAL_COMMAND, .pattern = "*" },
};
static const struct ward_rules all = { everything, WARD_ARRAY_SIZE(everything) };

TEST(errors_deny)
{
	static const struct ward_rule broken[] = { { .type = WARD_CAP_FILE_READ, .pattern = "/**" },
		{ .type = WARD_CAP_FILE_READ } };
	static const struct ward_rules no_pattern = { broken, 2 }, no_list = { NULL, 1 };
	static const struct ward_question good = { .action = WARD_CAP_FILE_READ, .resource = "/a" };
	static const struct {
		const struct ward_rules *rules;
		struct ward_question q;
	} rows[] = {
		{ NULL, { .action = WARD_CAP_FILE_READ, .resource = "/a" } },
		{ &no_list, { .action = WARD_CAP_FILE_READ, .resource = "/a" } },
		{ &no_pattern, { .action = WARD_CAP_FILE_READ, .resource = "/a" } },
		{ &all, { .action = WARD_CAP_FILE_READ } },
		{ &all, { .action = WARD_CAP_FILE_READ, .resource = "" } },
		{ &all, { .action = WARD_CAP_NONE, .resource = "/a" } },
		{ &all, { .action = WARD_CAP_TYPE_MAX, .resource = "/a" } },
		{ &all, { .action = (enum ward_cap_type) - 1, .resource = "/a" } },
		{ &all, { .action = WARD_CAP_FILE_READ, .resource = "/a", .syscall = "bpf" } },
	};

	TABLE(row, rows) {
		CASE("row %td", row - rows);
		CHECK_EQ_INT(decide(row->rules, &row->q), WARD_E_INVALID);
		check_denied();
		CHECK_STR_EQ(d.why, "the question could not be decided");
	}
	CASE("%s", "no question");
	CHECK_EQ_INT(decide(&all, NULL), WARD_E_INVALID);
	check_denied();
	CHECK_EQ_INT(ward_decide(&all, &good, NULL, NULL), WARD_E_INVALID);
	CHECK_EQ_INT(decide(&all, &good), WARD_OK);
	CHECK_EQ_INT(d.effect, WARD_ALLOW);
	CHECK_EQ_PTR(d.rule, &everything[0]);
	CHECK_STR_EQ(d.cure, "");
}

/* Strange resources are the other side's choice: refused, and no error that could end a run. */
TEST(strange_resources_are_denied)
{
	static char longest[3 * WARD_PATH_MAX];
	struct ward_question q = { .action = WARD_CAP_FILE_READ, .resource = longest };

	memset(longest, 'x', sizeof(longest) - 1);
	CHECK_EQ_INT(decide(&all, &q), WARD_OK);
	check_denied();
	longest[0] = '/';
	CHECK_EQ_INT(decide(&all, &q), WARD_OK);
	check_denied();
	q.resource = "relative";
	CHECK_EQ_INT(decide(&all, &q), WARD_OK);
	check_denied();
	q.resource = "/ws/../etc/passwd";
	CHECK_EQ_INT(decide(&all, &q), WARD_OK);
	check_denied();
	CHECK_STR_CONTAINS(d.why, "..");
}

TEST(no_cure)
{
	static const struct ward_rules none = { NULL, 0 };
	struct ward_question q = { .syscall = "bpf" };

	CHECK_EQ_INT(decide(&none, &q), WARD_OK);
	check_denied();
	q.resource = "a detail";
	CHECK_EQ_INT(decide(&all, &q), WARD_OK);
	check_denied();
	q = (struct ward_question){
		.action = WARD_CAP_FILE_READ, .resource = "/a", .protected_name = true
	};
	CHECK_EQ_INT(decide(&all, &q), WARD_OK); /* a rule grants it, and still */
	check_denied();
	CHECK_STR_CONTAINS(d.why, "protected");
	q = (struct ward_question){ .action = WARD_CAP_NETWORK_CONNECT,
		.resource = "example.com:443" };
	CHECK_EQ_INT(decide(&none, &q), WARD_OK);
	CHECK_EQ_INT(d.effect, WARD_DENY);
	CHECK_STR_EQ(d.why, "no rule grants it");
	q.action = WARD_CAP_SECRET_ACCESS;
	CHECK_EQ_INT(decide(&none, &q), WARD_OK);
	check_denied();
	q = (struct ward_question){ .action = WARD_CAP_DATABASE_READ, .resource = "x" };
	CHECK_EQ_INT(decide(&none, &q), WARD_OK);
	check_denied();
}

TEST(reasons)
{
	static const struct ward_rule read_only[] = { { .type = WARD_CAP_FILE_READ,
		.pattern = "/ws/**" } };
	static const struct ward_rules rules = { read_only, 1 };
	struct ward_question q = { .action = WARD_CAP_FILE_READ, .resource = "/etc/passwd" };

	CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
	CHECK_STR_EQ(d.why, "no rule grants it");
	CHECK_STR_EQ(d.cure, "--cap 'FILE_READ:/etc/passwd'");
	q = (struct ward_question){ .action = WARD_CAP_FILE_WRITE, .resource = "/ws/a" };
	CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
	CHECK_STR_EQ(d.why, "granted for reading only");
}

TEST(the_first_rule_is_named)
{
	static const struct ward_rule v[] = { { .type = WARD_CAP_FILE_READ, .pattern = "/b/**" },
		{ .type = WARD_CAP_FILE_WRITE, .pattern = "/a/**" },
		{ .type = WARD_CAP_FILE_READ, .pattern = "/a/**" } };
	static const struct ward_rules rules = { v, 3 };
	struct ward_question q = { .action = WARD_CAP_FILE_READ, .resource = "/a/x" };

	CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
	CHECK_EQ_PTR(d.rule, &v[1]);
}

/*
 * One word of a shell line, '...' pieces with \' between them or one $'...', in which no quote stands: a shell that does not know
 * that form would end the word there. False for anything else.
 */
static bool unquote(const char *s, char *out)
{
	static const char plain[] = "0123456789abcdef";
	bool escapes = s[0] == '$';

	s += escapes;
	for (;;) {
		if (*s++ != '\'')
			return false;
		for (; *s && *s != '\''; s++) {
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				return false;
			if (!escapes || *s != '\\') {
				*out++ = *s;
				continue;
			}
			s++;
			if (*s == 'x') {
				const char *high = strchr(plain, s[1]), *low = strchr(plain, s[2]);

				if (!s[1] || !s[2] || !high || !low)
					return false;
				*out++ = (char)((high - plain) * 16 + (low - plain));
				s += 2;
			} else if (strncmp(s, "047", 3) == 0) {
				*out++ = '\'';
				s += 2;
			} else if (*s == '\'') {
				return false;
			} else {
				*out++ = *s == 'n'  ? '\n'
					: *s == 't' ? '\t'
					: *s == 'r' ? '\r'
						    : *s;
			}
		}
		if (*s++ != '\'')
			return false;
		*out = '\0';
		if (*s == '\0')
			return true;
		if (escapes || s[0] != '\\' || (s[1] != '\'' && s[1] != '\\'))
			return false;
		*out++ = s[1];
		s += 2;
	}
}

/* Paste the cure: a rule as run would make it out of the option. */
static bool paste(const char *cure, const struct ward_question *q, struct ward_rule *rule,
	char *text)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(1u << 20);
	struct ward_caps caps = { .arena = arena };
	struct ward_error err = WARD_ERROR_INIT;

	*rule = (struct ward_rule){ .type = q->action, .pattern = text };
	if (ward_has_prefix(cure, "--read ") || ward_has_prefix(cure, "--write ")) {
		if (ward_has_prefix(cure, "--write ") != (q->action == WARD_CAP_FILE_WRITE))
			return false;
		rule->literal = true;
		rule->subtree = q->is_dir || q->absent;
		return unquote(strchr(cure, ' ') + 1, text);
	}
	static char arg[2 * WARD_CURE_MAX];
	if (!ward_has_prefix(cure, "--cap ") || !unquote(cure + 6, arg))
		return false;
	if (ward_caps_add_arg(&caps, arg, 1, &err) < 0 || caps.v[0].type != q->action)
		return false;
	strcpy(text, caps.v[0].resource);
	return true;
}

static uint64_t seed;

static unsigned draw(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

TEST(every_cure_grants_what_was_refused)
{
	static const char *const pieces[] = { "/", "/", "a", "b c", "*", "?", "**", "'", "\\", "\"",
		"$(x)", "`", "\n", "\x1b[2J", "\xff", "\xc3\xa9", "\xe2\x80\xae", "~", "[", "{",
		"!", ";", "-", "..", ".", ":", "\t" };
	static const struct ward_rules none = { NULL, 0 };
	static char text[2 * WARD_CURE_MAX];
	unsigned cured = 0, allowed = 0, alone = 0;

	seed = 77;
	for (unsigned i = 0; i < 50000; i++) {
		char path[256] = "/";
		struct ward_question q = { .resource = path,
			.is_dir = draw(2),
			.looked = draw(2),
			.absent = draw(8) == 0 };
		struct ward_rule rule;

		q.action = draw(2) ? WARD_CAP_FILE_READ : WARD_CAP_FILE_WRITE;
		if (draw(5) == 0)
			q.action = WARD_CAP_EXTERNAL_COMMAND;
		for (unsigned k = draw(8); k > 0; k--)
			strcat(path, pieces[draw(WARD_ARRAY_SIZE(pieces))]);
		CHECK_EQ_INT(decide(&none, &q), WARD_OK);
		if (d.cure[0] == '\0')
			continue;
		cured++;
		if (!paste(d.cure, &q, &rule, text)) {
			FAIL("cannot be pasted: %s", d.cure);
			continue;
		}
		struct ward_rules rules = { &rule, 1 };
		char cure[WARD_CURE_MAX];
		strcpy(cure, d.cure);
		CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
		allowed += d.effect == WARD_ALLOW;
		CHECK_MSG(d.effect == WARD_ALLOW, "pasted and still refused: %s", cure);
		/* Of a directory that was looked at, nothing that lies in it. */
		if (ward_has_suffix(cure, "/.'")) {
			alone++;
			CHECK(q.looked && q.is_dir && !q.absent && q.action == WARD_CAP_FILE_READ);
			strcat(path, "/Z");
			q.is_dir = false;
			CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
			CHECK_MSG(d.effect == WARD_DENY, "grants %s too: %s", path, cure);
			continue;
		}
		/* No wider than a directory: a sibling stays refused. */
		if (!q.is_dir && !q.absent) {
			strcat(path, "Z");
			CHECK_EQ_INT(decide(&rules, &q), WARD_OK);
			CHECK_MSG(d.effect == WARD_DENY, "grants %s too: %s", path, cure);
		}
	}
	CHECK(cured > 20000);
	CHECK(alone > 500);
	CHECK_EQ_UINT(cured, allowed);
}

/* A directory that is not there cannot be granted either: the nearest one that is. */
TEST(a_cure_climbs_to_what_exists)
{
	char out[WARD_CURE_MAX];
	struct ward_question q = { .action = WARD_CAP_FILE_WRITE,
		.resource = "/ws/no/such/x",
		.absent = true,
		.above = "/ws" };

	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK_STR_EQ(out, "--cap 'FILE_WRITE:/ws/**'");
	q.above = "/ws//a*b/";
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK_STR_EQ(out, "--write '/ws/a*b'");
	q.above = "/";
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK_STR_EQ(out, "");
	q.above = NULL;
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK_STR_EQ(out, "--cap 'FILE_WRITE:/ws/no/such/**'");
}

TEST(a_cure_that_does_not_fit_is_none)
{
	static char path[WARD_PATH_MAX], out[WARD_CURE_MAX];
	struct ward_question q = { .action = WARD_CAP_FILE_READ, .resource = path };

	memset(path, '\x01', sizeof(path) - 1);
	path[0] = '/';
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK_STR_EQ(out, "");
	memset(path + 1, 'x', sizeof(path) - 2);
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK_EQ_SIZE(strlen(out), strlen("--cap 'FILE_READ:'") + WARD_PATH_MAX - 1);
	CHECK_EQ_INT(ward_cure(&q, out, 16), WARD_OK);
	CHECK_STR_EQ(out, "");
	/* With its subtree it is too long for a pattern, but not for a literal. */
	q.is_dir = true;
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_OK);
	CHECK(ward_has_prefix(out, "--read '/xxx"));
	CHECK_EQ_INT(ward_cure(&q, NULL, 16), WARD_E_INVALID);
	CHECK_EQ_INT(ward_cure(&q, out, 0), WARD_E_INVALID);
	CHECK_EQ_INT(ward_cure(NULL, out, sizeof(out)), WARD_E_INVALID);
	q.action = WARD_CAP_TYPE_MAX;
	CHECK_EQ_INT(ward_cure(&q, out, sizeof(out)), WARD_E_INVALID);
}

TEST(every_allocation_may_fail)
{
	static const struct ward_rules none = { NULL, 0 };
	static const struct ward_question rows[] = {
		{ .action = WARD_CAP_FILE_READ, .resource = "/etc/passwd" },
		{ .action = WARD_CAP_FILE_WRITE, .resource = "/we*ird" },
		{ .action = WARD_CAP_EXTERNAL_COMMAND, .resource = "/usr/bin/curl" },
		{ .action = WARD_CAP_EXTERNAL_COMMAND, .resource = "/tmp/x", .absent = true },
		{ .action = WARD_CAP_ENV, .resource = "HOME" },
	};

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer owns the allocator");
	TABLE(row, rows) {
		for (unsigned long n = 1;; n++) {
			alloc_fail_hit = false;
			alloc_fail_at = n;
			int r = decide(&none, row);
			alloc_fail_at = 0;
			CASE("%s, allocation %lu", row->resource, n);
			CHECK_EQ_INT(d.effect, WARD_DENY);
			CHECK_NULL(d.rule);
			CHECK_EQ_INT(r, alloc_fail_hit ? WARD_E_NOMEM : WARD_OK);
			CHECK((d.cure[0] == '\0') == alloc_fail_hit);
			if (!alloc_fail_hit)
				break;
		}
	}
	/* An allow needs no memory. */
	struct ward_question q = { .action = WARD_CAP_FILE_READ, .resource = "/a" };
	alloc_fail_at = 1;
	CHECK_EQ_INT(decide(&all, &q), WARD_OK);
	alloc_fail_at = 0;
	CHECK_EQ_INT(d.effect, WARD_ALLOW);
}

TAP_MAIN();
