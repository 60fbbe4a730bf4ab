/* SPDX-License-Identifier: Apache-2.0 */
/* May it be: a connection, by its name or address; each address that it leads to; and what is spoken on it, once that is known. */
#include <string.h>

#include "egress/flow.h"
#include "egress/inward.h"
#include "egress/upstream/upstream.h"
#include "policy/policy.h"

enum ward_effect ward_may(struct ward_egress *e, const struct ward_egress_ask *q, char *rule)
{
	char own[WARD_RULE_TEXT_MAX] = "";
	enum ward_effect effect = WARD_DENY;

	if (e->ops->ask(e->arg, q, &effect, rule ? rule : own, WARD_RULE_TEXT_MAX) != WARD_OK)
		return WARD_DENY;
	return effect == WARD_ASK && !q->hold ? WARD_DENY : effect;
}

static bool ask(struct ward_egress *e, const struct ward_egress_ask *q, char *rule)
{
	return ward_may(e, q, rule) == WARD_ALLOW;
}

bool ward_flow_may(struct ward_flow *f, const struct ward_egress_ask *q)
{
	return ask(f->e, q, f->rule);
}

bool ward_may_name(struct ward_flow *f, const char *name, bool meant, char *rule)
{
	const struct ward_egress_ask q = { .name = name,
		.port = f->to.port,
		.meant = meant,
		.program = ward_flow_program(f),
		.inspected = f->speaks };

	return ask(f->e, &q, rule);
}

bool ward_may_address(struct ward_flow *f, const struct ward_relay_addr *a, bool meant, char *rule)
{
	char text[WARD_ADDRESS_TEXT_MAX];
	const struct ward_egress_ask q = { .address = ward_address_text(a, text),
		.port = f->to.port,
		.meant = meant,
		.program = ward_flow_program(f),
		.inspected = f->speaks };

	return ask(f->e, &q, rule);
}

bool ward_may_lead(struct ward_flow *f, const char *from, const struct ward_relay_addr *a)
{
	char text[WARD_ADDRESS_TEXT_MAX];
	const struct ward_egress_ask q = { .name = from,
		.address = ward_address_text(a, text),
		.port = f->to.port,
		.program = ward_flow_program(f),
		.inspected = f->speaks };

	return ask(f->e, &q, NULL);
}

/* What a real address is, with what it is in words: this host's own ones count as its loopback, whatever else they are. */
enum ward_address_class ward_may_class(struct ward_egress *e, const struct ward_relay_addr *a,
	const char **ret_what)
{
	enum ward_address_class c = ward_address_what(a->family, a->a, ret_what);

	if ((c == WARD_ADDRESS_PUBLIC || c == WARD_ADDRESS_PRIVATE) &&
		ward_route_is_own(e->route, a)) {
		*ret_what = "of this host";
		return WARD_ADDRESS_LOOPBACK;
	}
	return c;
}

/*
 * One address that from leads to: may it be dialled? A forbid holds for whatever a name leads to; one of this host or of a private network
 * needs a rule that means it. What carries an IPv4 address must be allowed as itself, and as that.
 */
static bool may_reach(struct ward_flow *f, const char *from, const struct ward_relay_addr *a,
	enum ward_egress_why *why, const char **ret_what)
{
	enum ward_address_class c = ward_may_class(f->e, a, ret_what);

	*why = WARD_EGRESS_WHY_ADDRESS_NEVER;
	if (c == WARD_ADDRESS_NEVER)
		return false;
	*why = WARD_EGRESS_WHY_ADDRESS_FORBIDDEN;
	if (!ward_may_lead(f, from, a))
		return false;
	*why = WARD_EGRESS_WHY_ADDRESS_CLASS;
	return c == WARD_ADDRESS_PUBLIC || ward_may_address(f, a, true, NULL);
}

bool ward_may_carry(struct ward_flow *f, const char *from, const struct ward_relay_addr *a,
	enum ward_egress_why *why, const char **ret_what)
{
	const uint8_t *v4 = ward_address_nat64(a->family, a->a);
	struct ward_relay_addr in = { .family = 4, .port = a->port };

	if (!v4)
		return true;
	memcpy(in.a, v4, 4);
	return may_reach(f, from, &in, why, ret_what);
}

bool ward_may_dial(struct ward_flow *f, const struct ward_relay_addr *a, enum ward_egress_why *why,
	const char **ret_what)
{
	return may_reach(f, f->name->name, a, why, ret_what) &&
		ward_may_carry(f, f->name->name, a, why, ret_what);
}

/* ---- what is spoken ---- */

/* All that was asked of where it leads, before it was dialled. */
static bool leads_well(struct ward_flow *f)
{
	enum ward_egress_why why;
	const char *what;

	if (f->upstream)
		return ward_tunnel_may(f);
	if (ward_streq(f->name->name, WARD_HOST_SERVICE) &&
		ward_may_name(f, WARD_HOST_SERVICE, true, NULL) &&
		ward_may_lead(f, WARD_HOST_SERVICE, &f->peer))
		return true;
	return ward_may_dial(f, &f->peer, &why, &what);
}

bool ward_may_inspects(const struct ward_egress *e)
{
	return e->ops->inspects && e->ops->inspects(e->arg);
}

/* All that was asked of it, with what it speaks. */
static bool all_of(struct ward_flow *f)
{
	char shown[WARD_ADDRESS_TEXT_MAX];
	enum ward_address_class c;
	enum ward_egress_why why;
	const char *what;

	/* Where it leads is not known yet, at times: then it is asked again, by whoever knows. */
	if (f->name)
		return ward_may_name(f, f->name->name, false, f->rule) &&
			(!f->peer.family || leads_well(f));
	c = ward_may_class(f->e, &f->to, &what);
	return ward_may_address(f, &f->to, c == WARD_ADDRESS_LOOPBACK || c == WARD_ADDRESS_PRIVATE,
		       f->rule) &&
		ward_may_carry(f, ward_address_text(&f->to, shown), &f->to, &why, &what);
}

bool ward_may_speak(struct ward_flow *f)
{
	bool may;

	if (!ward_may_inspects(f->e))
		return true;
	f->speaks = f->inspected;
	may = all_of(f);
	f->speaks = NULL;
	return may;
}
