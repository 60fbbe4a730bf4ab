/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints to be asked about when a ceiling comes while a run lives: one of each grant that the run has, and one of each host, domain
 * and range that the new ceiling names, at every port at which it could answer differently. Whether the run had them, and has them
 * still, is the caller's to find out.
 */
#include <stdio.h>
#include <string.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define PROBE "ward-probe"

/* One of what e means, at that port. */
static int add(struct ward_resolver *rs, const struct ward_endpoint *e, uint16_t port,
	struct ward_texts *to, struct ward_error *err)
{
	struct ward_endpoint one = *e;
	char text[WARD_ENDPOINT_TEXT_MAX];

	if (e->kind == WARD_HOST_CHILD || e->kind == WARD_HOST_BELOW) {
		int n = snprintf(one.name, sizeof(one.name), PROBE ".%s", e->name);

		if (n < 0 || (size_t)n >= sizeof(one.name))
			return WARD_OK;
		one.name_n = (size_t)n;
	}
	one.kind = e->family == 0 ? WARD_HOST_NAME : WARD_HOST_ADDRESS;
	one.ports[0] = (struct ward_port_range){ port, port };
	one.n_ports = 1;
	ward_endpoint_text(&one, text);
	return ward_rs_text(rs, to, ward_arena_strdup(rs->arena, text), err);
}

static int at_ports(struct ward_resolver *rs, const struct ward_endpoint *e,
	const struct ward_book *now, struct ward_texts *to, struct ward_error *err)
{
	size_t n;
	const uint16_t *ports = ward_book_ports(now, &n);
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < e->n_ports; i++)
		r = add(rs, e, e->ports[i].first, to, err);
	for (size_t i = 0; r == WARD_OK && i < n; i++)
		r = add(rs, e, ports[i], to, err);
	return r;
}

/* "Ward::Domain" and "example.com" as a capability has it; false: it is about something else. */
static bool named(const struct cedar_uid *uid, struct ward_endpoint *ret)
{
	static const struct {
		const char *type, *before;
		bool port;
	} rows[] = { { "Ward::Endpoint", "", true }, { "Ward::Host", "", false },
		{ "Ward::Cidr", "", false }, { "Ward::Domain", "**.", false } };
	struct ward_endpoint_fault why;
	char text[WARD_ENDPOINT_TEXT_MAX];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		const char *id = uid->id->s;
		bool brackets = !rows[i].port && strchr(id, ':') != NULL;

		if (!ward_streq(uid->type->s, rows[i].type))
			continue;
		(void)snprintf(text, sizeof(text), brackets ? "%s[%.480s]%s" : "%s%.480s%s",
			id[0] == '*' ? "" : rows[i].before, id, rows[i].port ? "" : ":1");
		return ward_endpoint_parse(ward_str(text), ret, &why);
	}
	return false;
}

/* What the ceiling names, at the ports that the run was granted. */
static int at_granted_ports(struct ward_resolver *rs, const struct ward_plan *plan,
	const struct ward_endpoint *e, struct ward_texts *to, struct ward_error *err)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint granted;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < plan->n_rules; i++) {
		if (plan->rules[i].type != WARD_CAP_NETWORK_CONNECT ||
			!ward_endpoint_parse(ward_str(plan->rules[i].pattern), &granted, &why))
			continue;
		for (size_t k = 0; r == WARD_OK && k < granted.n_ports; k++)
			r = add(rs, e, granted.ports[k].first, to, err);
	}
	return r;
}

int ward_net_asked_again(struct ward_resolver *rs, const struct ward_plan *plan,
	const struct ward_book *now, struct ward_texts *to, struct ward_error *err)
{
	const struct cedar_uid *uid;
	struct ward_endpoint_fault why;
	struct ward_endpoint e;
	size_t at = 0;
	bool any = false;
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < plan->n_rules; i++) {
		const struct ward_rule *rule = &plan->rules[i];

		if (rule->type != WARD_CAP_NETWORK_CONNECT)
			continue;
		any = true;
		/* What a policy's conditions say has no such form: what the ceiling names is asked about below. */
		if (ward_endpoint_parse(ward_str(rule->pattern), &e, &why))
			r = at_ports(rs, &e, now, to, err);
	}
	while (any && r == WARD_OK && (uid = ward_book_named(now, &at)) != NULL) {
		if (!named(uid, &e))
			continue;
		r = at_ports(rs, &e, now, to, err);
		if (r == WARD_OK)
			r = at_granted_ports(rs, plan, &e, to, err);
	}
	/* A ceiling that lists what may be granted, and nothing of this: some name that nobody names. */
	if (any && r == WARD_OK && ward_endpoint_parse(WARD_STR(PROBE ".example:443"), &e, &why))
		r = at_ports(rs, &e, now, to, err);
	return r;
}
