/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the public library share: a small world, and one text after the other in a call. */
#pragma once

#include "tap.h"
#include "ward/cedar.h"

#define TEXT(s) (s), strlen(s)

static const char world_policies[] =
	"@id(\"view\")\n"
	"permit(principal in Group::\"staff\", action == Action::\"view\", resource is Doc) when { context.hour < 18 };\n"
	"@id(\"never\") @why\n"
	"forbid(principal, action, resource) when { resource.secret };\n"
	"@id(\"share\") @why(\"asked\")\n"
	"permit(principal == ?principal, action == Action::\"edit\", resource in ?resource);\n";
static const char world_schema[] =
	"entity Group; entity User in [Group]; entity Doc in [Doc] { secret: Bool };"
	"action view, edit appliesTo { principal: User, resource: Doc, context: { hour: Long } };";
static const char world_entities[] =
	"[{\"uid\":{\"type\":\"User\",\"id\":\"a\"},\"attrs\":{},\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}]},"
	"{\"uid\":{\"type\":\"Doc\",\"id\":\"1\"},\"attrs\":{\"secret\":false},\"parents\":[]},"
	"{\"uid\":{\"type\":\"Doc\",\"id\":\"2\"},\"attrs\":{\"secret\":true},\"parents\":[]}]";

static TAP_UNUSED int set_request(struct ward_policy_request *r, const char *p, const char *a, const char *res,
	const char *context, const struct ward_policy_schema *s, struct ward_policy_diags *d)
{
	int code;

	ward_policy_request_clear(r);
	code = ward_policy_request_set_text(r, WARD_POLICY_PRINCIPAL, "p", TEXT(p), d);
	if (code == WARD_OK)
		code = ward_policy_request_set_text(r, WARD_POLICY_ACTION, "a", TEXT(a), d);
	if (code == WARD_OK)
		code = ward_policy_request_set_text(r, WARD_POLICY_RESOURCE, "r", TEXT(res), d);
	if (code == WARD_OK)
		code = ward_policy_request_set_context(r, s, "c", TEXT(context), d);
	return code;
}
