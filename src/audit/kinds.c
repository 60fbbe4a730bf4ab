/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of record that this version writes, as one table. An alias is another name that documents and
 * products use for the same event; it is never written. A kind that is not in the table is refused by
 * append; a reader keeps one that it does not know.
 */
#include "audit/log.h"

static const struct {
	const char *name, *alias;
} kinds[] = {
	{ "run.start", "SandboxStart" },
	{ "policy.snapshot", NULL },
	{ "policy.check", NULL },
	{ "policy.block", NULL },
	{ "policy.epoch", NULL },
	{ "approval.requested", NULL },
	{ "approval.granted", NULL },
	{ "approval.denied", NULL },
	{ "capability.denied", "CapabilityDenied" },
	{ "sandbox.violation", NULL },
	{ "selftest", NULL },
	{ "limit.hit", NULL },
	{ "net.open", NULL },
	{ "net.connect", NULL },
	{ "net.block", NULL },
	{ "net.accept", NULL },
	{ "dns.query", NULL },
	{ "dns.block", NULL },
	{ "fs.late", NULL },
	{ "workspace.open", NULL },
	{ "workspace.close", NULL },
	{ "workspace.change", NULL },
	{ "workspace.commit", NULL },
	{ "workspace.discard", NULL },
	{ "run.stop", NULL },
	{ "run.end", NULL },
};

const char *ward_audit_kind(size_t i)
{
	return i < WARD_ARRAY_SIZE(kinds) ? kinds[i].name : NULL;
}

const char *ward_audit_kind_alias(size_t i)
{
	return i < WARD_ARRAY_SIZE(kinds) ? kinds[i].alias : NULL;
}

bool ward_audit_kind_known(const char *kind)
{
	for (size_t i = 0; kind && i < WARD_ARRAY_SIZE(kinds); i++)
		if (ward_streq(kind, kinds[i].name))
			return true;
	return false;
}
