/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of `ward cedar`: the one place where they are written down. It is included with CEDAR_COMMAND defined as what
 * is wanted of each row:
 *
 *	CEDAR_COMMAND(function, bit in the option table, name, usage, one line, paragraph, examples)
 *
 * Usage and examples are lines; examples "": none. The texts are joined to one, as those of the options are.
 */

/* clang-format off */
CEDAR_COMMAND(cmd_cedar_authorize, C_AUTHORIZE, "cedar authorize",
	"cedar authorize -l ENTITY -a ENTITY -r ENTITY [-c FILE] [options]\n"
	"cedar authorize --request-json FILE [options]\n"
	"cedar authorize --requests FILE.jsonl [options]",
	"decide a request, or many",
	"Hold a request against policies: ALLOW or DENY. With --requests many of them, one JSON object a "
	"line in, one answer a line out; then 0 means that every line was answered.",
	"ward cedar authorize -p p.cedar -l 'User::\"a\"' -a 'Action::\"view\"' -r 'D::\"1\"'\n"
	"ward cedar authorize -p p.cedar --entities e.json --requests r.jsonl")
CEDAR_COMMAND(cmd_cedar_evaluate, C_EVALUATE, "cedar evaluate",
	"cedar evaluate [-l ENTITY -a ENTITY -r ENTITY] [options] EXPRESSION",
	"print the value of an expression",
	"Evaluate EXPRESSION for a request, or, where none is given, by itself.",
	"ward cedar evaluate '[1, 2].contains(1 + 1)'")
CEDAR_COMMAND(cmd_cedar_validate, C_VALIDATE, "cedar validate",
	"cedar validate -s SCHEMA [-p POLICIES] [options]",
	"check policies against a schema",
	"Say where policies can go wrong for requests that the schema allows.",
	"")
CEDAR_COMMAND(cmd_cedar_check_parse, C_CHECK_PARSE, "cedar check-parse",
	"cedar check-parse [-p FILE] [--expression X] [-s FILE] [--entities FILE]",
	"check that something is well-formed",
	"Check that what is given can be parsed; if nothing is given, policies on standard input.",
	"")
CEDAR_COMMAND(cmd_cedar_check_entities, C_ENTITIES, "cedar check-entities",
	"cedar check-entities --entities FILE [-s SCHEMA]",
	"check entities, by themselves or against a schema",
	"Check that entities are well-formed, that their hierarchy has no cycle, and, with a schema, that they "
	"are what it says.",
	"")
CEDAR_COMMAND(cmd_cedar_format, C_FORMAT, "cedar format",
	"cedar format [-p POLICIES] [-l N] [-i N] [--write | --check]",
	"lay out the text of policies",
	"Print the policies laid out anew, comments kept. What is printed means the same, and formatting it again "
	"changes nothing.",
	"")
CEDAR_COMMAND(cmd_cedar_translate_policy, C_TRANSLATE_POLICY, "cedar translate-policy",
	"cedar translate-policy --direction DIRECTION [-p POLICIES]",
	"policies from text to JSON, and back",
	"Translate a policy set from Cedar's syntax to JSON or back. Comments are lost; in Cedar's syntax ids are "
	"too.",
	"")
CEDAR_COMMAND(cmd_cedar_translate_schema, C_TRANSLATE_SCHEMA, "cedar translate-schema",
	"cedar translate-schema --direction DIRECTION [-s SCHEMA]",
	"schemas from text to JSON, and back",
	"Translate a schema from Cedar's syntax to JSON or back. Comments are lost.",
	"")
CEDAR_COMMAND(cmd_cedar_link, C_LINK, "cedar link",
	"cedar link -p POLICIES --template-id ID -n ID -a JSON [-k FILE]",
	"make a policy of a template",
	"Link a template: print the policy that comes out and, with --template-linked, add the link to that file.",
	"ward cedar link -p t.cedar --template-id t -n l -a '{\"?principal\":\"U::\\\"a\\\"\"}'")
CEDAR_COMMAND(cmd_cedar_partially_authorize, C_PARTIAL, "cedar partially-authorize",
	"cedar partially-authorize [-l ENTITY] [-a ENTITY] [-r ENTITY] [options]",
	"decide a request of which parts are unknown",
	"Hold what is known of a request against policies. If that does not decide it, print what is left of each "
	"policy: the conditions on the rest.",
	"")
CEDAR_COMMAND(cmd_cedar_conformance, C_CONFORMANCE, "cedar conformance",
	"cedar conformance [options] DIR|CASE...",
	"run integration tests of Cedar",
	"Run every case that is found: files in the format of Cedar's integration tests, with recorded validation "
	"results and schemas in JSON where they lie beside them, lists of entities with verdicts, and files of "
	"vectors. Each disagreement is a line; the last line says how many cases passed and failed.",
	"")
/* clang-format on */
