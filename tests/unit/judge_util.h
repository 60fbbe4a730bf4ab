/* SPDX-License-Identifier: Apache-2.0 */
/* A book out of sources that a test writes down, for workspace /w, and questions to it. */
#pragma once

#include "decide/decide.h"
#include "policy/vocabulary.h"
#include "tap.h"

static struct ward_source sources[64];
static size_t n_sources;
static struct cedar_schema *schema;
static TAP_UNUSED bool without_schema;   /* books are made without it, by the tables that were made of it */
static struct ward_book *book;
static struct ward_desk *desk;
static bool patterns_stay TAP_UNUSED;
static struct ward_error err;
static struct ward_verdict verdict;

static TAP_UNUSED void add_source(const char *name, enum ward_layer layer, bool narrows, unsigned list, const char *text)
{
	sources[n_sources++] = (struct ward_source){ .name = name, .text = ward_str(text), .layer = layer,
		.narrows = narrows, .list = list };
}

static TAP_UNUSED void one_source(const char *text)
{
	n_sources = 0;
	add_source("policy.cedar", WARD_LAYER_RUN, false, 0, text);
}

static TAP_UNUSED void judge_begin(void)
{
	struct cedar_diags d;

	if (schema == NULL) {
		REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
		REQUIRE(ward_cedar_schema_parse((struct ward_str){ ward_schema_text, ward_schema_size },
				CEDAR_SCHEMA_TEXT, &schema, &d) == WARD_OK);
		ward_cedar_diags_done(&d);
	}
	if (desk == NULL)
		desk = ward_desk_new();
	REQUIRE(desk != NULL);
}

static TAP_UNUSED int judge_book(void)
{
	static const char *const git[] = { "/w/.git" }, *const labels[] = { "team=ops" };
	static const char *const git_rules[] = { "/w/.git/hooks", "/w/.git/config" };
	static const struct ward_who who = { .run = "r1", .agent = "claude", .person = "ann", .uid = 1000,
		.git_dirs = git, .n_git_dirs = 1, .git_protected = git_rules, .n_git_protected = 2 };
	static const struct ward_circumstances now = { .environment = "ci", .tier = 1, .labels = labels,
		.n_labels = 1 };
	struct ward_book_input in = { .workspace = "/w", .sources = sources, .n_sources = n_sources,
		.who = &who, .circumstances = &now };

	judge_begin();
	in.patterns_stay = patterns_stay;
	in.schema = without_schema ? NULL : schema;
	ward_book_freep(&book);
	memset(&err, 0, sizeof(err));
	return ward_book_new(&in, &book, &err);
}

static TAP_UNUSED void ask(const char *action, const char *resource)
{
	struct ward_query q = { .resource = ward_str(resource), .now_ms = 1700000000000 };

	REQUIRE(ward_action_parse(ward_str(action), &q.action, NULL) == WARD_OK);
	CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
}

/* "ACTION RESOURCE allow|deny WHY" or "ACTION RESOURCE ask LEVEL", one a line. */
static TAP_UNUSED void check_asks(const char *text)
{
	while (*text != '\0') {
		char action[64], resource[512], effect[16], more[32], line[1024];
		size_t n = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		REQUIRE(sscanf(line, "%63s %511s %15s %31s", action, resource, effect, more) == 4);
		ask(action, resource);
		snprintf(line, sizeof(line), "%s %s %s %s", action, resource, ward_effect_name(verdict.effect),
			verdict.effect == WARD_ASK ? ward_approval_name(verdict.approval) : ward_why_name(verdict.why));
		if (strncmp(text, line, n) != 0 || line[n] != '\0')
			FAIL("got: %s\n  want: %.*s (%s)", line, (int)n, text, verdict.text);
		text += n + (text[n] == '\n');
	}
}
