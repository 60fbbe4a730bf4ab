/* SPDX-License-Identifier: Apache-2.0 */
/* Names of actions both ways, and nothing taken that is only near. That they are the schema's: tests/cli/test_vocabulary.py. */
#include "policy/action.h"
#include "tap.h"

TEST(names)
{
	for (unsigned a = WARD_ACT_NONE + 1; a < WARD_ACT_MAX; a++) {
		enum ward_action got = WARD_ACT_NONE;
		const char *name = ward_action_name((enum ward_action)a);

		CASE("%s", name);
		CHECK_EQ_INT(ward_action_parse(ward_str(name), &got, NULL), WARD_OK);
		CHECK_EQ_INT(got, a);
		CHECK(ward_action_thing((enum ward_action)a) != WARD_THING_NONE);
	}
	CASE("%s", "none");
	CHECK_STR_EQ(ward_action_name(WARD_ACT_NONE), "unknown");
	CHECK_STR_EQ(ward_action_name(WARD_ACT_MAX), "unknown");
	CHECK_EQ_INT(ward_action_thing(WARD_ACT_MAX), WARD_THING_NONE);
	CHECK_STR_EQ(ward_thing_name(WARD_THING_NONE), "unknown");
	CHECK_STR_EQ(ward_thing_name(WARD_THING_MAX), "unknown");
	CHECK_STR_EQ(ward_thing_name(WARD_THING_PATH), "Path");
}

TEST(unknown_ones)
{
	static const struct {
		struct ward_str name;
		const char *fix;
	} cases[] = {
		{ WARD_STR("fs.raed"), "did you mean fs.read?" },
		{ WARD_STR("FS.READ"), "did you mean fs.read?" },
		{ WARD_STR("fs.read "), "did you mean fs.read?" },
		{ WARD_STR("fs.read\0"), "did you mean fs.read?" },
		{ WARD_STR(""), "data/ward.cedarschema" },
		{ WARD_STR("what the sandbox would like to do to the host"),
			"data/ward.cedarschema" },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		enum ward_action got = WARD_ACT_FS_WRITE;
		struct ward_error err = { 0 };

		CASE("%s", cases[i].name.s);
		CHECK_EQ_INT(ward_action_parse(cases[i].name, &got, &err), WARD_E_INVALID);
		CHECK_EQ_INT(got, WARD_ACT_NONE);
		CHECK(strstr(err.fix, cases[i].fix) != NULL);
	}
}

TAP_MAIN();
