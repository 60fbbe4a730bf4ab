/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The book and its judge: what policies allow, forbid and ask, who narrows, how resources lie in what policies name, and what is
 * refused when it is read, at its place.
 */
#include "alloc_fail.h"
#include "judge_util.h"

/* ---- one policy, several questions ---- */

static const struct {
	const char *policy;
	const char *asks; /* "action resource verdict" each, one a line */
} rows[] = {
	{ "", "fs.read /w/a deny no_rule" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"./src\");",
		"fs.read /w/src allow granted\n"
		"fs.read /w/src/a/b allow granted\n"
		"fs.read /w/srcs deny no_rule\n"
		"fs.read /w deny no_rule\n"
		"fs.read /src/a deny no_rule\n"
		"fs.write /w/src/a deny no_rule\n"
		"fs.read /w/src/../b deny malformed\n"
		"fs.read /w//src deny malformed\n"
		"fs.read /w/src/ deny malformed\n"
		"fs.read /w/./src deny malformed\n"
		"fs.read src/a deny malformed" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"./\");"
	  "forbid (principal, action, resource in Ward::Path::\"/w/secret\");",
		"fs.read /w allow granted\n"
		"fs.read /w/a allow granted\n"
		"fs.read /w/secret deny forbidden\n"
		"fs.read /w/secret/key deny forbidden\n"
		"fs.read /w/secrets allow granted" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource == Ward::Path::\"./a\");",
		"fs.read /w/a allow granted\n"
		"fs.read /w/a/b deny no_rule" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"/\");",
		"fs.read / allow granted\n"
		"fs.read /x allow granted" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Glob::\"**/*.c\");"
	  "forbid (principal, action, resource in Ward::Glob::\"**/.env\") unless { resource in Ward::Path::\"./ok\" };",
		"fs.read /w/a.c allow granted\n"
		"fs.read /w/x/y/a.c allow granted\n"
		"fs.read /w/a.h deny no_rule\n"
		"fs.read /x/a.c deny no_rule\n"
		"fs.read /w/.env deny forbidden\n"
		"fs.read /w/ok/.env deny no_rule" },
	{ "permit (principal is Ward::Run, action in Ward::Action::\"repo_read\", resource)"
	  "  when { resource is Ward::Path && resource in principal.repo_root };"
	  "forbid (principal is Ward::Run, action == Ward::Action::\"fs.write\", resource) when { resource in principal.git_dirs };"
	  "permit (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./\");",
		"fs.read /w/a allow granted\n"
		"fs.write /w/a allow granted\n"
		"fs.write /w/.git/config deny forbidden" },
	{ "permit (principal, action in Ward::Action::\"run_programs\", resource in Ward::Path::\"/usr/bin\");"
	  "forbid (principal, action == Ward::Action::\"proc.exec\", resource) when { resource.name like \"*sudo*\" };",
		"proc.exec /usr/bin/git allow granted\n"
		"fs.exec /usr/bin/git allow granted\n"
		"proc.exec /usr/bin/sudoedit deny forbidden\n"
		"proc.exec /usr/local/bin/git deny no_rule" },
	{ "permit (principal, action in Ward::Action::\"run_programs\", resource in Ward::Path::\"/usr/bin/git\");",
		"proc.exec /usr/bin/git allow granted\n"
		"proc.exec /usr/bin/gitk deny no_rule" },
	{ "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Domain::\"github.com\") when { resource.port == 443 };"
	  "permit (principal, action == Ward::Action::\"net.connect\", resource == Ward::Endpoint::\"example.com:80\");"
	  "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Domain::\"*.one.org\");"
	  "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Host::\"h.net\");"
	  "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"10.1.0.0/16\");"
	  "forbid (principal, action, resource in Ward::Cidr::\"10.1.2.0/23\");"
	  "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"2001:db8::/33\");",
		"net.connect api.github.com:443 allow granted\n"
		"net.connect a.b.github.com:443 allow granted\n"
		"net.connect api.github.com:80 deny no_rule\n"
		"net.connect github.com:443 deny no_rule\n"
		"net.connect evilgithub.com:443 deny no_rule\n"
		"net.connect API.github.com:443 deny malformed\n"
		"net.connect example.com:80 allow granted\n"
		"net.connect example.com:81 deny no_rule\n"
		"net.connect a.one.org:1 allow granted\n"
		"net.connect a.b.one.org:1 deny no_rule\n"
		"net.connect one.org:1 deny no_rule\n"
		"net.connect h.net:65535 allow granted\n"
		"net.connect 10.1.9.9:22 allow granted\n"
		"net.connect 10.1.3.9:22 deny forbidden\n"
		"net.connect 10.2.0.1:22 deny no_rule\n"
		"net.connect [2001:db8::1]:22 allow granted\n"
		"net.connect [2001:db8:8000::1]:22 deny no_rule\n"
		"net.connect h.net:0 deny malformed\n"
		"net.connect h.net deny malformed\n"
		"net.connect :1 deny malformed" },
	{ "permit (principal, action == Ward::Action::\"env.read\", resource) when { resource.name like \"API_*\" };"
	  "permit (principal, action == Ward::Action::\"secret.read\", resource == Ward::Secret::\"db\");",
		"env.read API_KEY allow granted\n"
		"env.read XAPI_KEY deny no_rule\n"
		"secret.read db allow granted\n"
		"secret.read db2 deny no_rule" },
	{ "@approval(\"risky\") permit (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./\");"
	  "@approval(\"critical\") permit (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./deploy\");"
	  "permit (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./src\");"
	  "@approval(\"critical\") permit (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"/etc\");",
		"fs.write /w/a ask risky\n"
		"fs.write /w/deploy/a ask risky\n"
		"fs.write /w/src/a allow granted\n"
		"fs.write /etc/a ask critical" },
	{ "permit (principal, action, resource) when { context.environment == Ward::Environment::\"ci\" };",
		"fs.read /a allow granted" },
	{ "permit (principal, action, resource) when { context has mode };",
		"fs.read /a deny no_rule" },
	{ "permit (principal, action, resource) when { context.labels.contains(\"team=ops\") };",
		"fs.read /a allow granted" },
	{ "permit (principal, action, resource) when { context.time < datetime(\"2026-11-26\") };",
		"fs.read /a allow granted" },
	{ "permit (principal, action, resource) when { context.time > datetime(\"2026-11-26\") };",
		"fs.read /a deny no_rule" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource);"
	  "forbid (principal, action, resource) when { context.tier + 9223372036854775807 > 0 };",
		"fs.read /a deny failed" },
	{ "permit (principal in Ward::Person::\"ann\", action == Ward::Action::\"fs.read\", resource);",
		"fs.read /a allow granted" },
	{ "permit (principal in Ward::Agent::\"claude\", action == Ward::Action::\"fs.read\", resource);",
		"fs.read /a allow granted" },
	{ "permit (principal == Ward::Person::\"ann\", action == Ward::Action::\"fs.read\", resource);",
		"fs.read /a deny no_rule" },
	{ "permit (principal == Ward::Run::\"r1\", action == Ward::Action::\"fs.read\", resource);",
		"fs.read /a allow granted" },
	{ "permit (principal, action == Ward::Action::\"grant.request\", resource) when { resource.action == \"fs.read\" };",
		"grant.request FILE_READ:/a allow granted\n"
		"grant.request FILE_WRITE:/a deny no_rule\n"
		"grant.request x deny malformed" },
	{ "permit (principal, action == Ward::Action::\"env.read\", resource);",
		"env.read _a1 allow granted\n"
		"env.read A=B deny malformed\n"
		"env.read 1A deny malformed\n"
		"env.read A-B deny malformed" },
	{ "permit (principal, action == Ward::Action::\"mode.enter\", resource == Ward::Mode::\"read_only\");",
		"mode.enter read_only allow granted\n"
		"mode.enter repo_write deny no_rule" },
};

TEST(verdicts)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		CASE("%s", rows[i].policy);
		one_source(rows[i].policy);
		REQUIRE(judge_book() == WARD_OK);
		check_asks(rows[i].asks);
	}
}

/* ---- who narrows ---- */

TEST(a_ceiling_forbids_and_lists)
{
	one_source("permit (principal, action == Ward::Action::\"fs.read\", resource);"
		   "permit (principal, action == Ward::Action::\"env.read\", resource);");
	add_source("ceiling.cedar", WARD_LAYER_CEILING, true, 0,
		"forbid (principal, action, resource in Ward::Path::\"/etc\");"
		"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"./\");"
		"permit (principal, action == Ward::Action::\"fs.write\", resource in Ward::Path::\"./\");"
		"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"/etc\");");
	REQUIRE(judge_book() == WARD_OK);
	check_asks("fs.read /w/a allow granted\n"
		   "fs.read /b deny narrowed\n"
		   "fs.read /etc/x deny forbidden\n"
		   "fs.write /w/a deny no_rule\n" /* a list grants nothing */
		   "env.read HOME allow granted"); /* of which the list says nothing */
	ask("fs.read", "/b");
	CHECK_EQ_INT(verdict.layer, WARD_LAYER_CEILING);
	CHECK_STR_EQ(verdict.text,
		"the ceiling lists what may be granted, and this is not among it");
}

TEST(lists_of_two_layers_must_agree_and_the_highest_level_counts)
{
	one_source(
		"@approval(\"risky\") permit (principal, action == Ward::Action::\"fs.read\", resource);");
	add_source("a", WARD_LAYER_CEILING, true, 0,
		"permit (principal, action, resource in Ward::Path::\"/a\");");
	add_source("b", WARD_LAYER_CEILING, true, 0,
		"@approval(\"critical\") permit (principal, action, resource in Ward::Path::\"/b\");");
	add_source("c", WARD_LAYER_REPOSITORY, true, 1,
		"permit (principal, action == Ward::Action::\"fs.read\", resource) unless { resource in Ward::Path::\"/a/x\" };");
	REQUIRE(judge_book() == WARD_OK);
	check_asks("fs.read /a/1 ask risky\n"
		   "fs.read /b/1 ask critical\n"
		   "fs.read /a/x deny narrowed\n"
		   "fs.read /c deny narrowed");
	ask("fs.read", "/a/x");
	CHECK_EQ_INT(verdict.layer, WARD_LAYER_REPOSITORY);
	CHECK_STR_EQ(verdict.text,
		"the repository lists what may be granted, and this is not among it");
	/* Who wants the person is who is named. */
	check_asks("fs.read /b/1 ask critical");
	CHECK_STR_EQ(verdict.rules[0]->file, "b");
	CHECK_EQ_INT(verdict.layer, WARD_LAYER_CEILING);
	check_asks("fs.read /a/1 ask risky");
	CHECK_STR_EQ(verdict.rules[0]->file, "policy.cedar");
}

TEST(a_failing_list_is_a_deny)
{
	one_source("permit (principal, action == Ward::Action::\"fs.read\", resource);");
	add_source("a", WARD_LAYER_CEILING, true, 0,
		"permit (principal, action, resource);"
		"permit (principal, action, resource) when { context.tier + 9223372036854775807 > 0 };");
	REQUIRE(judge_book() == WARD_OK);
	check_asks("fs.read /a deny failed");
}

/* ---- provenance ---- */

TEST(rules_are_named)
{
	one_source(
		"// first\n"
		"@id(\"src\") @reason(\"why not\")\n"
		"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"./src\");\n"
		"  forbid (principal, action, resource in Ward::Path::\"./src/x\");\n");
	REQUIRE(judge_book() == WARD_OK);
	ask("fs.read", "/w/src/a");
	REQUIRE(verdict.n_rules == 1);
	CHECK_STR_EQ(verdict.rules[0]->id, "src");
	CHECK_STR_EQ(verdict.rules[0]->reason, "why not");
	CHECK_STR_EQ(verdict.rules[0]->file, "policy.cedar");
	CHECK_EQ_UINT(verdict.rules[0]->line, 2);
	CHECK_EQ_UINT(verdict.rules[0]->column, 1);
	CHECK_EQ_INT(verdict.rules[0]->layer, WARD_LAYER_RUN);
	CHECK(!verdict.rules[0]->forbids);
	ask("fs.read", "/w/src/x");
	REQUIRE(verdict.n_rules == 1);
	CHECK_EQ_UINT(verdict.rules[0]->line, 4);
	CHECK_EQ_UINT(verdict.rules[0]->column, 3);
	CHECK(verdict.rules[0]->forbids);
	CHECK_STR_EQ(verdict.rules[0]->text,
		"forbid (principal, action, resource in Ward::Path::\"./src/x\");");
}

/* ---- what is refused when it is read ---- */

static const struct {
	const char *policy, *message; /* the whole line */
} refused[] = {
#define IN(resource) \
	"permit (principal, action == Ward::Action::\"fs.read\", resource in " resource ");"
	{ IN("Ward::Path::\"src\""),
		"policy.cedar:1:67: a path is absolute or begins with \"./\", which is the workspace" },
	{ IN("Ward::Path::\".\""),
		"policy.cedar:1:67: a path is absolute or begins with \"./\", which is the workspace" },
	{ IN("Ward::Path::\"\""),
		"policy.cedar:1:67: an id is not empty, has at most 4095 bytes, and no NUL" },
	{ IN("Ward::Path::\"/a/../b\""),
		"policy.cedar:1:67: \"..\" in a path: what it names depends on links" },
	{ IN("Ward::Path::\"./secret/./key\""),
		"policy.cedar:1:67: a path has one spelling: no \"//\", no \"/./\", no \"/\" at its end" },
	{ IN("Ward::Path::\"./secret/\""),
		"policy.cedar:1:67: a path has one spelling: no \"//\", no \"/./\", no \"/\" at its end" },
	{ IN("Ward::Path::\"/a//b\""),
		"policy.cedar:1:67: a path has one spelling: no \"//\", no \"/./\", no \"/\" at its end" },
	{ IN("Ward::Pth::\"/a\""), "policy.cedar:1:67: unrecognized entity type `Ward::Pth`" },
#undef IN
	{ "permit (principal, action == Ward::Action::\"fs.raed\", resource);",
		"policy.cedar:1:30: unrecognized action `Ward::Action::\"fs.raed\"`" },
	{ "\npermit (principal, action, resource == ?resource);",
		"policy.cedar:2:40: static policy set includes a template" },
	{ "permit (principal, action, resource)", "policy.cedar:1:37: unexpected end of input" },
	{ "@aproval(\"risky\") permit (principal, action, resource);",
		"policy.cedar:1:1: @aproval: there is no such annotation" },
	{ "@approval(\"hgih\") permit (principal, action, resource);",
		"policy.cedar:1:1: @approval: the levels are \"risky\" and \"critical\"" },
	{ "@approval permit (principal, action, resource);",
		"policy.cedar:1:1: @approval: there is nothing in it" },
	{ "@approval(\"risky\") forbid (principal, action, resource);",
		"policy.cedar:1:1: @approval: a forbid is never asked about" },
	{ "@source(\"x:1\") permit (principal, action, resource);",
		"policy.cedar:1:1: @source: Ward itself says this of what it generates" },
	{ "permit (principal, action == Ward::Action::\"net.connect\", resource == Ward::Endpoint::\"A.com:1\");",
		"policy.cedar:1:71: an endpoint has one spelling; write \"a.com:1\"" },
	{ "permit (principal, action == Ward::Action::\"net.connect\", resource == Ward::Endpoint::\"*.com:1\");",
		"policy.cedar:1:71: an endpoint is one host and one port" },
	{ "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"10.0.0.1\");",
		"policy.cedar:1:71: a range of addresses is ADDRESS/BITS" },
	{ "forbid (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"10.9.1.0/16\");",
		"policy.cedar:1:71: there are bits behind the prefix; write 10.9.0.0/16" },
	{ "forbid (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"::ffff:a00:0/104\");",
		"policy.cedar:1:71: an IPv4 address in the form of IPv6; write 10.0.0.0/8" },
	{ "forbid (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"fd00:0::/8\");",
		"policy.cedar:1:71: a range has one spelling; write \"fd00::/8\"" },
	{ "forbid (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"fd00::1/8\");",
		"policy.cedar:1:71: there are bits behind the prefix; write fd00::/8" },
	{ "permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Host::\"2001:DB8::1\");",
		"policy.cedar:1:71: a host has one spelling" },
	{ "permit (principal, action == Ward::Action::\"env.read\", resource == Ward::Variable::\"API_*\");",
		"policy.cedar:1:68: a variable's name has letters, digits and \"_\", and no digit first" },
	{ "permit (principal, action, resource) when { context.mode == Ward::Mode::\"read_only\" };",
		"policy.cedar:1:45: " },
	{ "permit (principal, action, resource) when { context has tme };",
		"policy.cedar:1:45: has: nothing has an attribute `tme`; did you mean `time`?" },
	{ "permit (principal, action, resource) unless { resource has name && context has \"mod\" };",
		"policy.cedar:1:68: has: nothing has an attribute `mod`; did you mean `mode`?" },
	{ "permit (principal, action, resource) when { principal has workspace.nme };",
		"has: nothing has an attribute `nme`; did you mean `name`?" },
	{ "permit (principal, action, resource) when { principal has quicksilver };",
		"nothing has an attribute `quicksilver`; data/ward.cedarschema lists what there is" },
#define NEVER "this forbid holds nothing: it is false of every request that there can be; "
	{ "\xef\xbb\xbfpermit (principal, action, resource);",
		"policy.cedar:1:1: the text begins with a byte order mark; save it as UTF-8 without one" },
	{ "forbid (principal, action, resource) when { context.environment == Ward::Environment::\"prd\" };",
		"policy.cedar:1:68: entity `Ward::Environment::\"prd\"` is of an enumerated entity type" },
	{ "\n  forbid (principal, action, resource) when { false };",
		"policy.cedar:2:3: " NEVER "mend its types" },
	{ "permit (principal, action, resource);\nforbid (principal, action == Ward::Action::\"fs.read\", "
	  "resource == Ward::Endpoint::\"a.example:1\");",
		"policy.cedar:2:1: " NEVER },
	{ "forbid (principal, action == Ward::Action::\"net.connect\", resource == Ward::Host::\"a.example\");",
		NEVER "try replacing `==` with `in` in the resource clause" },
	{ "forbid (principal, action == Ward::Action::\"network_access\", resource);", NEVER },
	{ "forbid (principal in Ward::Mode::\"read_only\", action, resource);", NEVER },
	{ "forbid (principal, action, resource) when { resource has name && resource has tier };",
		NEVER },
#undef NEVER
#define WHO \
	"this forbid holds nothing: the principal of a request is a run, which lies in who it acts for; "
	{ "forbid (principal == Ward::Person::\"u\", action == Ward::Action::\"fs.read\", resource);",
		WHO "write `principal in` instead of `principal ==`" },
	{ "forbid (principal is Ward::Agent, action, resource);", WHO "write `principal in` and" },
	{ "forbid (principal is Ward::Component in Ward::Component::\"3f2c1a90-0000-4000-8000-0123456789ab\", action == Ward::Action::\"env.read\", resource);",
		WHO },
	/* By what they say of it further on. */
	{ "forbid (principal, action == Ward::Action::\"fs.read\", resource) when { principal is Ward::Person };",
		WHO "write `principal in` and who it is, and take out of the conditions" },
	{ "forbid (principal, action == Ward::Action::\"fs.read\", resource) when { principal == Ward::Person::\"u\" };",
		WHO },
	{ "forbid (principal, action in [Ward::Action::\"fs.read\", Ward::Action::\"net.connect\"], resource) "
	  "when { principal has uid && principal.uid == 0 };",
		WHO },
	{ "forbid (principal, action == Ward::Action::\"fs.write\", resource) unless { principal is Ward::Run };",
		WHO },
	{ "forbid (principal in Ward::Person::\"u\", action == Ward::Action::\"env.read\", resource) "
	  "when { principal is Ward::Agent || principal is Ward::Component };",
		WHO },
	/* Nor does an agent or a component enter a mode. */
	{ "forbid (principal is Ward::Agent, action == Ward::Action::\"mode.enter\", resource);",
		WHO },
	{ "forbid (principal, action, resource) when { principal is Ward::Component };", WHO },
#undef WHO
};

TEST(refused_when_it_is_read)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(refused); i++) {
		char line[2048];

		CASE("%s", refused[i].policy);
		one_source(refused[i].policy);
		CHECK(judge_book() < 0);
		CHECK(book == NULL);
		ward_error_format(&err, line, sizeof(line));
		if (strstr(line, refused[i].message) == NULL)
			CHECK_STR_EQ(line, refused[i].message);
	}
}

static const struct {
	const char *policy, *message; /* NULL: nothing is told */
} vain[] = {
	{ "permit (principal, action, resource) when { false };",
		"this permit grants nothing: it is false of every request that there can be; "
		"mend its types, attributes and conditions, or take it out" },
	{ "permit (principal, action == Ward::Action::\"net.connect\", resource == Ward::Host::\"a.example\");",
		"this permit grants nothing: it is false of every request that there can be; "
		"try replacing `==` with `in` in the resource clause" },
	{ "permit (principal == Ward::Person::\"u\", action == Ward::Action::\"fs.read\", resource);",
		"this permit grants nothing: the principal of a request is a run, which lies in who it acts for; "
		"write `principal in` instead of `principal ==`" },
	{ "forbid (principal == Ward::Person::\"u\", action, resource);",
		"this rule is about entering a mode alone: the principal of every other request is a run, "
		"which lies in who it acts for; write `principal in` instead of `principal ==`" },
	{ "forbid (principal == Ward::Person::\"u\", action == Ward::Action::\"mode.enter\", resource);",
		NULL },
	{ "forbid (principal, action, resource) when { principal is Ward::Person };",
		"this rule is about entering a mode alone: the principal of every other request is a run, "
		"which lies in who it acts for; write `principal in` and who it is, and take out of the conditions "
		"what is true of no run" },
	{ "permit (principal, action == Ward::Action::\"fs.read\", resource) when { principal is Ward::Person };",
		"this permit grants nothing: the principal of a request is a run, which lies in who it acts for; "
		"write `principal in` and who it is, and take out of the conditions what is true of no run" },
	{ "forbid (principal, action == Ward::Action::\"mode.enter\", resource) when { principal is Ward::Person };",
		NULL },
	{ "forbid (principal, action, resource) when { principal is Ward::Run || principal is Ward::Person };",
		NULL },
	{ "forbid (principal, action, resource) when { principal in Ward::Person::\"u\" };", NULL },
	{ "forbid (principal, action, resource) when { principal is Ward::Run && "
	  "principal.workspace == Ward::Path::\"/w\" };",
		NULL },
	{ "forbid (principal in Ward::Agent::\"a\", action, resource);",
		"no run has an agent, so that nothing lies in this one; "
		"whose run it is says a component (--component) or a label (--label)" },
	{ "forbid (principal is Ward::Run in Ward::Person::\"u\", action, resource);", NULL },
	{ "permit (principal, action, resource) when { context has mode && resource has name };",
		NULL },
	{ "permit (principal, action, resource) when { context has argv_sha256 };", NULL },
	{ "forbid (principal, action == Ward::Action::\"env.read\", resource) "
	  "when { resource.name like \"S\xd0\x95"
	  "CRET\" };",
		"string `\"S\xd0\x95"
		"CRET\"` contains mixed scripts" },
};

/* A permit that gives nothing is no danger, and what reads as something else may be meant: they are told, each once. */
TEST(what_is_in_vain_is_told)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(vain); i++) {
		const struct ward_book_warning *w;
		size_t n;

		CASE("%s", vain[i].policy);
		one_source(vain[i].policy);
		REQUIRE(judge_book() == WARD_OK);
		w = ward_book_warnings(book, &n);
		CHECK_EQ_UINT(n, vain[i].message != NULL);
		if (n != 1 || vain[i].message == NULL)
			continue;
		CHECK_STR_EQ(w->message, vain[i].message);
		CHECK_STR_EQ(w->file, "policy.cedar");
		CHECK_EQ_UINT(w->line, 1);
	}
}

/* However many warnings there are before it, a forbid that holds nothing is not passed over. */
TEST(in_vain_behind_many)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	static const int numbers[] = { 300, 5000 };
	char line[2048];

	for (size_t k = 0; k < WARD_ARRAY_SIZE(numbers); k++) {
		CASE("%d", numbers[k]);
		ward_buf_clear(&text);
		for (int i = 0; i < numbers[k]; i++)
			ward_buf_adds(&text,
				"permit (principal, action, resource) when { false };\n");
		ward_buf_adds(&text, "forbid (principal, action, resource) when { false };\n");
		one_source(ward_buf_cstr(&text));
		CHECK(judge_book() < 0);
		ward_error_format(&err, line, sizeof(line));
		CHECK(strstr(line,
			      k == 0 ? "policy.cedar:301:1: this forbid holds nothing"
				     : "policy.cedar: there are more than 4096 warnings") != NULL);
	}
}

/* Nobody to ask, nowhere to think, nothing asked: an error, and a no. */
TEST(without_a_book_a_desk_or_a_question)
{
	struct ward_query q = { .action = WARD_ACT_FS_READ, .resource = WARD_STR("/w/a.c") };

	one_source("permit (principal, action == Ward::Action::\"fs.read\", resource);");
	REQUIRE(judge_book() == WARD_OK);
	for (int without = 0; without <= 3; without++) {
		struct ward_verdict v;
		int r;

		CASE("without %d", without);
		memset(&v, 0xff, sizeof(v));
		r = ward_judge(without == 1 ? NULL : book, without == 2 ? NULL : desk,
			without == 3 ? NULL : &q, &v);
		CHECK_EQ_INT(r, without ? WARD_E_INVALID : WARD_OK);
		CHECK_EQ_INT(v.effect, without ? WARD_DENY : WARD_ALLOW);
		CHECK_EQ_INT(v.why, without ? WARD_WHY_MALFORMED : WARD_WHY_GRANTED);
	}
}

/* ---- memory ---- */

TEST(no_memory)
{
	size_t failures = 0;

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer has an allocator of its own");
	for (unsigned n = 1;; n++) {
		int r;

		one_source(
			"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Glob::\"**/*.c\");"
			"permit (principal, action == Ward::Action::\"net.connect\", resource in Ward::Cidr::\"10.0.0.0/8\");");
		add_source("ceiling.cedar", WARD_LAYER_CEILING, true, 0,
			"forbid (principal, action, resource in Ward::Path::\"/etc\");"
			"permit (principal, action, resource in Ward::Path::\"/w\");");
		judge_begin();
		alloc_fail_at = n;
		alloc_fail_hit = false;
		r = judge_book();
		alloc_fail_at = 0;
		if (!alloc_fail_hit)
			break;
		failures++;
		CHECK_EQ_INT(r, WARD_E_NOMEM);
		CHECK(book == NULL);
	}
	CHECK(failures > 50);
	check_asks("fs.read /w/a.c allow granted");
}

/* ---- connecting: what a rule means, and what a name leads to ---- */

#define CONNECT "(principal, action == Ward::Action::\"net.connect\", resource"
TEST(only_a_rule_that_means_an_endpoint_counts_where_that_is_asked)
{
	static const struct {
		const char *policy, *resource, *effect; /* with meant; without it all are granted */
	} all[] = {
		{ "permit " CONNECT ");", "127.0.0.1:443", "deny" },
		{ "permit " CONNECT " is Ward::Endpoint) when { resource.port == 443 };",
			"10.1.2.3:443", "deny" },
		{ "permit " CONNECT " is Ward::Endpoint) when { resource.port == 443 };",
			"[::1]:443", "deny" },
		{ "permit " CONNECT " in Ward::Cidr::\"0.0.0.0/0\");", "127.0.0.1:443", "deny" },
		{ "permit " CONNECT " in Ward::Cidr::\"0.0.0.0/1\");", "127.0.0.1:443", "deny" },
		{ "permit " CONNECT " in Ward::Cidr::\"126.0.0.0/7\");", "127.0.0.1:443", "deny" },
		{ "permit " CONNECT " in Ward::Cidr::\"127.0.0.0/8\");", "127.0.0.1:443", "allow" },
		{ "permit " CONNECT ") when { resource in Ward::Cidr::\"127.0.0.0/8\" };",
			"127.0.0.1:443", "allow" },
		{ "permit " CONNECT ") unless { resource in Ward::Cidr::\"126.0.0.0/8\" };",
			"127.0.0.1:443", "deny" },
		{ "permit " CONNECT " == Ward::Endpoint::\"127.0.0.1:443\");", "127.0.0.1:443",
			"allow" },
		{ "permit " CONNECT " in Ward::Host::\"127.0.0.1\");", "127.0.0.1:443", "allow" },
		{ "permit " CONNECT " in Ward::Cidr::\"8.0.0.0/6\");", "10.1.2.3:443", "deny" },
		{ "permit " CONNECT " in Ward::Cidr::\"10.0.0.0/8\");", "10.1.2.3:443", "allow" },
		{ "permit " CONNECT " in Ward::Cidr::\"::/0\");", "[::1]:443", "deny" },
		{ "permit " CONNECT " in Ward::Host::\"::1\");", "[::1]:443", "allow" },
		{ "permit " CONNECT " in Ward::Cidr::\"fc00::/6\");", "[fd00::1]:443", "deny" },
		{ "permit " CONNECT " in Ward::Cidr::\"fd00::/8\");", "[fd00::1]:443", "allow" },
		/* A forbid of what stands beside it does not make a wide rule mean it. */
		{ "permit " CONNECT ");"
		  "forbid " CONNECT ") unless { resource in Ward::Host::\"127.0.0.1\" };",
			"127.0.0.1:443", "deny" },
		/* Of two rules that which means it says whether somebody has to be asked. */
		{ "permit " CONNECT "); @approval(\"critical\") permit " CONNECT
		  " in Ward::Host::\"127.0.0.1\");",
			"127.0.0.1:443", "ask" },
		{ "permit " CONNECT " in Ward::Domain::\"internal\");", "host.ward.internal:443",
			"deny" },
		{ "permit " CONNECT " in Ward::Domain::\"*.ward.internal\");",
			"host.ward.internal:443", "deny" },
		{ "permit " CONNECT ");", "host.ward.internal:443", "deny" },
		{ "permit " CONNECT " in Ward::Host::\"host.ward.internal\");",
			"host.ward.internal:443", "allow" },
		{ "permit " CONNECT " == Ward::Endpoint::\"host.ward.internal:443\");",
			"host.ward.internal:443", "allow" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(all); i++) {
		struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
			.resource = ward_str(all[i].resource),
			.now_ms = 1700000000000 };

		CASE("%s: %s", all[i].resource, all[i].policy);
		one_source(all[i].policy);
		REQUIRE(judge_book() == WARD_OK);
		CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
		CHECK_STR_EQ(ward_effect_name(verdict.effect), "allow");
		q.meant = true;
		CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
		CHECK_STR_EQ(ward_effect_name(verdict.effect), all[i].effect);
	}
}

/* A ceiling that lists the name itself makes no wildcard of the run mean it. */
TEST(a_list_does_not_make_a_rule_mean_what_it_lists)
{
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = WARD_STR("host.ward.internal:5432"),
		.meant = true };

	one_source("permit " CONNECT " in Ward::Domain::\"internal\");");
	add_source("ceiling.cedar", WARD_LAYER_CEILING, true, 1,
		"permit " CONNECT " in Ward::Host::\"host.ward.internal\");");
	REQUIRE(judge_book() == WARD_OK);
	CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
	CHECK_EQ_INT(verdict.effect, WARD_DENY);
	CHECK_EQ_INT(verdict.why, WARD_WHY_NO_RULE);
	q.meant = false;
	CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
	CHECK_EQ_INT(verdict.effect, WARD_ALLOW);
}

TEST(a_forbid_holds_for_what_a_name_leads_to)
{
	static const struct {
		const char *forbid, *address, *effect;
	} all[] = {
		{ "", "93.184.216.34", "allow" },
		{ "forbid " CONNECT " in Ward::Cidr::\"93.0.0.0/8\");", "93.184.216.34", "deny" },
		{ "forbid " CONNECT " in Ward::Cidr::\"93.0.0.0/8\");", "94.184.216.34", "allow" },
		{ "forbid " CONNECT " in Ward::Cidr::\"2600::/16\");", "2600::1", "deny" },
		{ "forbid " CONNECT " in Ward::Host::\"93.184.216.34\");", "93.184.216.34",
			"deny" },
		{ "forbid " CONNECT " == Ward::Endpoint::\"93.184.216.34:443\");", "93.184.216.34",
			"deny" },
		{ "forbid " CONNECT " == Ward::Endpoint::\"93.184.216.34:444\");", "93.184.216.34",
			"allow" },
		{ "forbid " CONNECT ") when { resource == Ward::Endpoint::\"[2600::1]:443\" };",
			"2600::1", "deny" },
		/* These spare the name, and so what it leads to. */
		{ "forbid " CONNECT ") unless { resource in Ward::Domain::\"example.com\" };",
			"93.184.216.34", "allow" },
		{ "forbid " CONNECT ") unless { resource in Ward::Host::\"a.example.com\" };",
			"93.184.216.34", "allow" },
		{ "forbid " CONNECT " is Ward::Endpoint) when { resource.port == 22 };",
			"93.184.216.34", "allow" },
		{ "", "no address", "deny" },
	};
	struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
		.resource = WARD_STR("a.example.com:443"),
		.now_ms = 1700000000000 };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(all); i++) {
		CASE("%s: %s", all[i].address, all[i].forbid);
		one_source("permit " CONNECT " in Ward::Host::\"a.example.com\");");
		/* A ceiling's forbid, and its list, which knows no address: that is no forbid. */
		add_source("ceiling.cedar", WARD_LAYER_CEILING, true, 1, all[i].forbid);
		add_source("list.cedar", WARD_LAYER_CEILING, true, 2,
			"permit " CONNECT " in Ward::Domain::\"example.com\");");
		REQUIRE(judge_book() == WARD_OK);
		CHECK_EQ_INT(ward_judge_leads(book, desk, &q, all[i].address, &verdict), WARD_OK);
		CHECK_STR_EQ(ward_effect_name(verdict.effect), all[i].effect);
	}
}

static uint32_t next_random(uint32_t *io)
{
	*io ^= *io << 13;
	*io ^= *io >> 17;
	return *io ^= *io << 5;
}

/* The ranges are found by width and beginning: compared with a look at each, of ranges in ranges, beside each other and of one address. */
TEST(an_address_lies_in_just_the_ranges_that_hold_it)
{
	enum { RANGES = 60, ADDRESSES = 400 };
	uint32_t from[RANGES], seed = 20261130;
	unsigned bits[RANGES];
	char text[128], *policies = calloc(1, RANGES * sizeof(text));

	REQUIRE(policies != NULL);
	for (size_t i = 0; i < RANGES; i++) {
		bits[i] = i < 33 ? (unsigned)i : 1 + next_random(&seed) % 32;
		/* Near each other, so that many hold one address. */
		from[i] = 0x14000000u | (next_random(&seed) & 0xc0030303u);
		from[i] &= bits[i] ? 0xffffffffu << (32 - bits[i]) : 0;
		(void)snprintf(text, sizeof(text),
			"forbid " CONNECT " in Ward::Cidr::\"%u.%u.%u.%u/%u\");", from[i] >> 24,
			from[i] >> 16 & 255, from[i] >> 8 & 255, from[i] & 255, bits[i]);
		(void)strcat(policies, bits[i] == 0 ? "" : text);
	}
	one_source("permit " CONNECT ");"
		   "forbid " CONNECT " in Ward::Cidr::\"2600::/16\");"
		   "forbid " CONNECT " in Ward::Cidr::\"1400::/12\");");
	add_source("ranges.cedar", WARD_LAYER_CEILING, true, 1, policies);
	REQUIRE(judge_book() == WARD_OK);
	for (size_t i = 0; i < ADDRESSES; i++) {
		uint32_t at = 0x14000000u | (next_random(&seed) & 0xc0030303u);
		size_t held = 0;

		for (size_t k = 0; k < RANGES; k++)
			held += bits[k] != 0 && ((at ^ from[k]) >> (32 - bits[k])) == 0;
		(void)snprintf(text, sizeof(text), "%u.%u.%u.%u:443", at >> 24, at >> 16 & 255,
			at >> 8 & 255, at & 255);
		CASE("%s", text);
		struct ward_query q = { .action = WARD_ACT_NET_CONNECT,
			.resource = ward_str(text),
			.now_ms = 1700000000000 };

		CHECK_EQ_INT(ward_judge(book, desk, &q, &verdict), WARD_OK);
		CHECK_EQ_INT(verdict.effect, held > 0 ? WARD_DENY : WARD_ALLOW);
		CHECK_EQ_INT(verdict.n_rules, held > 0 ? held : 1);
	}
	free(policies);
}

/* What stands for any name is what the caller put there: without that word the same bytes are no path, and a file of that name is a file. */
TEST(any_name)
{
	static const struct {
		const char *resource;
		bool any;
		const char *effect;
	} asked[] = {
		{ "/w/x", false, "deny" },
		{ "/w/a", false, "allow" },
		{ "/w/" WARD_ANY_NAME, true, "allow" },
		{ "/w/" WARD_ANY_NAME "/" WARD_ANY_NAME, true, "allow" },
		{ "/w/" WARD_ANY_NAME, false, "deny" },
		{ "/w/" WARD_ANY_NAME "/x", true, "deny" },
		{ "/w/\001\377", true, "deny" },
		{ "/w/\001\377", false, "deny" },
		{ "/w/\001\377/x", true, "deny" },
		{ "/w/\001\001", true, "deny" },
		{ "/w/\001\001", false, "deny" },
		{ "/w/\001\377/" WARD_ANY_NAME, true, "deny" },
		{ "/w/\001\001/" WARD_ANY_NAME, true, "deny" },
		{ "/w/a/" WARD_ANY_NAME, true, "allow" },
		{ "/w", true, "allow" },
		{ "/" WARD_ANY_NAME, true, "deny" },
	};

	one_source(
		"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Path::\"/w\");"
		"permit (principal, action == Ward::Action::\"fs.read\", resource == Ward::Path::\"/w\");"
		"forbid (principal, action == Ward::Action::\"fs.read\", resource in Ward::Glob::\"/w/[!a]*/**\");");
	REQUIRE(judge_book() == WARD_OK);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(asked); i++) {
		struct ward_query q = { .action = WARD_ACT_FS_READ,
			.resource = ward_str(asked[i].resource),
			.any = asked[i].any };
		struct ward_verdict v;

		CASE("row %zu", i);
		CHECK_EQ_INT(ward_judge(book, desk, &q, &v), WARD_OK);
		CHECK_STR_EQ(ward_effect_name(v.effect), asked[i].effect);
	}
}

/* A judge that runs out of memory has said no, whatever it had found so far. */
TEST(no_memory_while_judging)
{
	struct ward_desk *mine = NULL;
	struct ward_query q = { .action = WARD_ACT_FS_READ, .resource = WARD_STR("/w/a.c") };
	struct ward_verdict v;
	unsigned n = 1, failures = 0;
	int r;

	if (!ALLOC_FAIL_WORKS)
		SKIP("a sanitizer has an allocator of its own");
	one_source(
		"permit (principal, action == Ward::Action::\"fs.read\", resource in Ward::Glob::\"**/*.c\");");
	add_source("ceiling.cedar", WARD_LAYER_CEILING, true, 0,
		"permit (principal, action, resource in Ward::Path::\"/w\");");
	REQUIRE(judge_book() == WARD_OK);
	do {
		mine = ward_desk_new();
		REQUIRE(mine);
		memset(&v, 0xff, sizeof(v));
		alloc_fail_at = n++;
		alloc_fail_hit = false;
		r = ward_judge(book, mine, &q, &v);
		alloc_fail_at = 0;
		ward_desk_free(mine);
		failures += alloc_fail_hit;
		CHECK_EQ_INT(r, alloc_fail_hit ? WARD_E_NOMEM : WARD_OK);
		CHECK_EQ_INT(v.effect, alloc_fail_hit ? WARD_DENY : WARD_ALLOW);
	} while (alloc_fail_hit);
	CHECK(failures > 2);
}

TAP_MAIN();
