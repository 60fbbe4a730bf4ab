/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table of `ward cedar`: the one place where an option of one of its commands is written down. Parsing, --help,
 * the man page and the completion are made from it. Names and letters are those of the official `cedar` command, where it
 * has the option. It is included with CEDAR_OPT defined as what is wanted of each row:
 *
 *	CEDAR_OPT(id, letter, name, argument, commands, commands that cannot do without, one line of help, paragraph, choices)
 *
 * letter 0: there is none; argument "": a flag; choices "": anything goes, else it must be one of a|b|c. The texts are
 * joined to one, so that the table costs a program that does not read it nothing at its start.
 */

/* clang-format off */
#define C_REQUEST   (C_AUTHORIZE | C_EVALUATE | C_PARTIAL)
#define C_POLICIES  (C_AUTHORIZE | C_VALIDATE | C_CHECK_PARSE | C_LINK | C_PARTIAL)
#define C_SCHEMA    (C_AUTHORIZE | C_EVALUATE | C_VALIDATE | C_CHECK_PARSE | C_PARTIAL | C_ENTITIES)
#define C_ALL       (C_POLICIES | C_SCHEMA | C_FORMAT | C_TRANSLATE_POLICY | C_TRANSLATE_SCHEMA | C_CONFORMANCE)

CEDAR_OPT(PRINCIPAL, 'l', "principal", "ENTITY", C_REQUEST, 0,
	"who: User::\"alice\"",
	"Principal of the request, as in User::\"alice\". For partially-authorize: unknown where it is not given.", "")
CEDAR_OPT(ACTION, 'a', "action", "ENTITY", C_REQUEST, 0,
	"does what: Action::\"view\"",
	"Action of the request, as in Action::\"view\". For partially-authorize: unknown where it is not given.", "")
CEDAR_OPT(RESOURCE, 'r', "resource", "ENTITY", C_REQUEST, 0,
	"with what: Photo::\"1.jpg\"",
	"Resource of the request, as in Photo::\"1.jpg\". For partially-authorize: unknown where it is not given.", "")
CEDAR_OPT(CONTEXT, 'c', "context", "FILE", C_REQUEST, 0,
	"context of the request, a JSON object",
	"File with the context of the request, a JSON object. Without it the context is empty; for partially-authorize it is "
	"unknown.", "")
CEDAR_OPT(REQUEST_JSON, 0, "request-json", "FILE", C_REQUEST, 0,
	"the request: {principal, action, resource, context}",
	"File with the whole request: a JSON object with principal, action and resource, as text or as {\"type\", \"id\"}, and "
	"context. It takes the place of --principal, --action, --resource and --context.", "")
CEDAR_OPT(REQUESTS, 0, "requests", "FILE", C_AUTHORIZE, 0,
	"many requests, one a line; answers one a line",
	"File with one request a line, each a JSON object as for --request-json, in which validateRequest may say whether the "
	"request is checked against the schema. For each one line {\"decision\", \"reason\", \"errors\"} is printed, in the same "
	"order, as soon as no more input is waiting. A line that is no request is answered with a failure and no decision.", "")
CEDAR_OPT(REQUEST_VALIDATION, 0, "request-validation", "BOOL", C_AUTHORIZE | C_EVALUATE, 0,
	"check the request against the schema; default: true",
	"Whether the request is checked against the schema, if there is one. Default: true. The context is read by the schema "
	"in either case.", "true|false")

CEDAR_OPT(POLICIES, 'p', "policies", "FILE", C_POLICIES | C_FORMAT | C_TRANSLATE_POLICY, 0,
	"policies and templates; default: standard input",
	"File with static policies and templates; standard input where it is not given, or -. Policies are named policy0, "
	"policy1, ... in the order of the text, or by their annotation @id(\"name\"). check-parse reads standard input only where "
	"nothing else is to be checked.", "")
CEDAR_OPT(POLICY_FORMAT, 0, "policy-format", "FORMAT", C_POLICIES, 0,
	"cedar or json; default: cedar",
	"Syntax of the file of --policies: cedar, or json (a policy set, or one policy). Default: cedar.", "cedar|json")
CEDAR_OPT(TEMPLATE_LINKED, 'k', "template-linked", "FILE", C_POLICIES, 0,
	"template-linked policies",
	"File with links of templates: a JSON list of {\"template_id\", \"link_id\", \"args\": {\"?principal\": \"User::\\\"a\\\"\"}}. "
	"ward cedar link adds to it, and makes it where it is missing.", "")
CEDAR_OPT(TEMPLATE_ID, 0, "template-id", "ID", C_LINK, C_LINK,
	"the template to link",
	"Id of the template to link.", "")
CEDAR_OPT(NEW_ID, 'n', "new-id", "ID", C_LINK, C_LINK,
	"the new policy's id",
	"Id of the policy that comes out; it must not be taken.", "")
CEDAR_OPT(ARGUMENTS, 'a', "arguments", "JSON", C_LINK, C_LINK,
	"{\"?principal\": \"User::\\\"a\\\"\"}: what fills the slots",
	"What fills the slots of the template: a JSON object from \"?principal\" and \"?resource\" to entities as text.", "")

CEDAR_OPT(SCHEMA, 's', "schema", "FILE", C_SCHEMA | C_TRANSLATE_SCHEMA, C_VALIDATE,
	"the schema",
	"File with the schema. Entities and context are read by it, its actions are added to the entities. translate-schema "
	"reads standard input where it is not given.", "")
CEDAR_OPT(SCHEMA_FORMAT, 0, "schema-format", "FORMAT", C_SCHEMA, 0,
	"cedar or json; default: cedar",
	"Syntax of the file of --schema: cedar or json. Default: cedar.", "cedar|json")
CEDAR_OPT(ENTITIES, 0, "entities", "FILE", C_AUTHORIZE | C_EVALUATE | C_CHECK_PARSE | C_PARTIAL | C_ENTITIES, C_ENTITIES,
	"entities, a JSON list",
	"File with the entities: a JSON list of {\"uid\", \"attrs\", \"parents\", \"tags\"}. Without it there are none but the "
	"actions of the schema.", "")
CEDAR_OPT(EXPRESSION, 0, "expression", "EXPRESSION", C_CHECK_PARSE, 0,
	"an expression to parse",
	"An expression to parse.", "")

CEDAR_OPT(DENY_WARNINGS, 0, "deny-warnings", "", C_VALIDATE, 0,
	"warnings are a failure too",
	"Fail where there is a warning, too.", "")
CEDAR_OPT(VALIDATION_MODE, 0, "validation-mode", "MODE", C_VALIDATE, 0,
	"strict or permissive; default: strict",
	"strict, or permissive, which takes more policies and promises less of them. Default: strict.", "strict|permissive")
CEDAR_OPT(LEVEL, 0, "level", "N", C_VALIDATE, 0,
	"check how deep entities are looked into, too",
	"Check too that no policy needs more than N steps from entity to entity.", "")
CEDAR_OPT(COMPAT, 0, "compat", "VERSION", C_VALIDATE | C_CONFORMANCE, 0,
	"the engine whose verdict counts: 4.9, 4.10 or 4.13",
	"An action scope that fits no action of the schema is an error for the engines 4.9 and 4.10, and a warning for 4.13. "
	"validate: default 4.13. conformance: by default a case on whose verdict they differ may have either.", "4.9|4.10|4.13")

CEDAR_OPT(LINE_WIDTH, 'l', "line-width", "UINT", C_FORMAT, 0,
	"line width; default: 80",
	"Width of lines, in characters. Default: 80.", "")
CEDAR_OPT(INDENT_WIDTH, 'i', "indent-width", "INT", C_FORMAT, 0,
	"indentation width; default: 2",
	"Width of an indentation. Default: 2.", "")
CEDAR_OPT(WRITE, 'w', "write", "", C_FORMAT, 0,
	"write the result back to the file",
	"Write the result back to the file of --policies, by rename.", "")
CEDAR_OPT(CHECK, 'c', "check", "", C_FORMAT, 0,
	"fail where the text is not formatted",
	"Exit with 1 where the text is not formatted already. Not with --write.", "")
CEDAR_OPT(POLICY_DIRECTION, 0, "direction", "DIRECTION", C_TRANSLATE_POLICY, C_TRANSLATE_POLICY,
	"cedar-to-json or json-to-cedar",
	"From which syntax to which.", "cedar-to-json|json-to-cedar")
CEDAR_OPT(SCHEMA_DIRECTION, 0, "direction", "DIRECTION", C_TRANSLATE_SCHEMA, C_TRANSLATE_SCHEMA,
	"cedar-to-json, json-to-cedar, ...-with-resolved-types",
	"From which syntax to which. With resolved types every name is that of a type, for which the schema must be whole.",
	"cedar-to-json|json-to-cedar|cedar-to-json-with-resolved-types")

CEDAR_OPT(VALIDATION, 0, "validation", "DIR", C_CONFORMANCE, 0,
	"recorded validation results of the cases",
	"Folder with NAME.validation.json for cases NAME.json. Default: corpus-tests-validation beside the cases' folder, or in it.",
	"")
CEDAR_OPT(JSON_SCHEMAS, 0, "json-schemas", "DIR", C_CONFORMANCE, 0,
	"schemas of the cases in JSON",
	"Folder with NAME.cedarschema.json for cases NAME.json. Default: corpus-tests-json-schemas beside the cases' folder, or "
	"in it.", "")
CEDAR_OPT(MESSAGES, 0, "messages", "", C_CONFORMANCE, 0,
	"recorded error texts must be the same, too",
	"Compare the recorded texts of validation errors and of probes, too, and count a difference as a failure.", "")

CEDAR_OPT(VERBOSE, 'v', "verbose", "", C_AUTHORIZE | C_CONFORMANCE, 0,
	"say more: which policies decided",
	"authorize: say which policies decided; with --requests say why policies failed. conformance: say which checks passed.", "")
CEDAR_OPT(TIMING, 't', "timing", "", C_AUTHORIZE | C_PARTIAL, 0,
	"print how long the decision took",
	"Print how long the decision took, in microseconds.", "")
CEDAR_OPT(JSON, 0, "json", "", C_ALL, 0,
	"print one JSON document",
	"Print one JSON document on standard output, for failures too.", "")
CEDAR_OPT(ERROR_FORMAT, 'f', "error-format", "FORMAT", C_ALL, 0,
	"human, plain or json; default: human",
	"How findings are printed on standard error: human, with the line and carets under what is meant; plain, one line each; "
	"json, a list. Default: $CEDAR_ERROR_FORMAT, or human.", "human|plain|json")
#undef C_REQUEST
#undef C_POLICIES
#undef C_SCHEMA
#undef C_ALL
/* clang-format on */
