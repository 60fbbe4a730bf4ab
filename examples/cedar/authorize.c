/* SPDX-License-Identifier: Apache-2.0 */
/* Cedar in a C program: cc authorize.c $(pkg-config --cflags --libs libward-policy). Prints "allow (policy0)". */
#include <stdio.h>
#include <string.h>

#include <ward/cedar.h>

#define TEXT(s) (s), strlen(s)
static const char policies[] =
	"permit(principal in Group::\"staff\", action == Action::\"view\", resource)\n"
	"unless { context.hour < 8 };";
static const char entities[] = "[{\"uid\": {\"type\": \"User\", \"id\": \"ann\"}, \"attrs\": {},"
			       "  \"parents\": [{\"type\": \"Group\", \"id\": \"staff\"}]}]";

int main(void)
{
	struct ward_policy_diags *d = ward_policy_diags_new();
	struct ward_policy_set *set = ward_policy_set_new();
	struct ward_policy_request *r = ward_policy_request_new();
	struct ward_policy_scratch *scratch = ward_policy_scratch_new(); /* one a thread */
	struct ward_policy_compiled *compiled = NULL;
	struct ward_policy_entities *e = NULL;
	struct ward_policy_answer answer = { WARD_POLICY_DENY, 0, 0, NULL, NULL };
	struct ward_error err = WARD_ERROR_INIT;

	if (!d || !set || !r || !scratch ||
		ward_policy_set_parse(set, WARD_POLICY_CEDAR, 0, "policies", TEXT(policies), d) <
			0 ||
		ward_policy_compile(set, &compiled, d) <
			0 || /* once; then any number of requests */
		ward_policy_entities_parse(NULL, "entities", TEXT(entities), &e, d) < 0 ||
		ward_policy_request_set_text(r, WARD_POLICY_PRINCIPAL, NULL, TEXT("User::\"ann\""),
			d) < 0 ||
		ward_policy_request_set_text(r, WARD_POLICY_ACTION, NULL, TEXT("Action::\"view\""),
			d) < 0 ||
		ward_policy_request_set_text(r, WARD_POLICY_RESOURCE, NULL, TEXT("Doc::\"1\""), d) <
			0 ||
		ward_policy_request_set_context(r, NULL, NULL, TEXT("{\"hour\": 9}"), d) < 0 ||
		ward_policy_authorize(compiled, e, r, scratch, &answer) < 0) {
		(void)(d && ward_policy_diags_error(d, &err));
		fprintf(stderr, "%s:%u:%u: %s\n", err.file, err.line, err.column, err.message);
	} else {
		printf("%s (%s)\n", answer.decision == WARD_POLICY_ALLOW ? "allow" : "deny",
			answer.n_reasons
				? ward_policy_compiled_id(compiled, answer.reasons[0], NULL)
				: "by default");
	}
	ward_policy_entities_unref(e);
	ward_policy_compiled_unref(compiled);
	ward_policy_scratch_free(scratch);
	ward_policy_request_free(r);
	ward_policy_set_free(set);
	ward_policy_diags_free(d);
	return answer.decision == WARD_POLICY_ALLOW ? 0 : 1;
}
