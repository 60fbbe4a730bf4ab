/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the inside hears of a flow that is refused (the record says more), and of what it said first, judged: does that agree with what was
 * connected to? What agrees whatever the policies say the relay has passed on by then (wire.h); its word of it is for the record, and is
 * held against it where it is not true.
 */
#include <stdio.h>
#include <string.h>

#include "egress/flow.h"
#include "policy/policy.h"

/* Would the capability that the answer names help? It is of what was asked: a name, or an address that may be reached. */
static bool is_granted_so(const struct ward_flow *f)
{
	const uint8_t *v4 = ward_address_nat64(f->to.family, f->to.a);

	if (f->name || f->asked)
		return f->named;
	return ward_address_classify(f->to.family, f->to.a) != WARD_ADDRESS_NEVER &&
		(!v4 || ward_address_classify(4, v4) == WARD_ADDRESS_PUBLIC);
}

/* What it is that a name leads to is not told: an inner name's class would be. */
static void put_reason(const struct ward_flow *f, enum ward_egress_why why, char *out, size_t size)
{
	struct ward_egress_event v = { 0 };
	bool leads = why == WARD_EGRESS_WHY_ADDRESS_NEVER || why == WARD_EGRESS_WHY_ADDRESS_CLASS ||
		why == WARD_EGRESS_WHY_ADDRESS_FORBIDDEN;
	bool own = why == WARD_EGRESS_WHY_NO_NAME &&
		ward_address_classify(f->to.family, f->to.a) == WARD_ADDRESS_LOOPBACK;

	/* That the host has a proxy, and what that says, is the host's. */
	if (why == WARD_EGRESS_WHY_UPSTREAM_ADDRESS)
		why = WARD_EGRESS_WHY_ADDRESS_FORBIDDEN;
	else if (why > WARD_EGRESS_WHY_UPSTREAM_ADDRESS &&
		why <= WARD_EGRESS_WHY_UPSTREAM_UNREACHABLE)
		why = WARD_EGRESS_WHY_UNREACHABLE;
	ward_tell_why(&v, why, own ? WARD_ANSWER_LOOPBACK : NULL);
	if (leads && f->name)
		(void)snprintf(out, size,
			"address: it leads to an address that may not be reached");
	else
		(void)snprintf(out, size, "%s: %s", v.why, v.text);
}

/*
 * For who asked the proxy: the word, and what it means in general. What a name leads to, which rule it was and what went wrong outside is
 * not told to the inside. A grant helps where no rule said no.
 */
void ward_answer_refused(struct ward_flow *f, enum ward_egress_why why)
{
	static const enum ward_relay_refusal kinds[WARD_EGRESS_WHY_MAX] = {
		[WARD_EGRESS_WHY_TOO_MANY] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_BUDGET_CONNECTIONS] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_BUDGET_RATE] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_RESOLVER_SILENT] = WARD_REFUSAL_SILENT,
		[WARD_EGRESS_WHY_NOT_RESOLVED] = WARD_REFUSAL_NO_HOST,
		[WARD_EGRESS_WHY_UNREACHABLE] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_UPSTREAM_INNER] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_UPSTREAM_LOGIN] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_UPSTREAM_REFUSED] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_UPSTREAM_FAILED] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_UPSTREAM_SILENT] = WARD_REFUSAL_SILENT,
		[WARD_EGRESS_WHY_UPSTREAM_BROKEN] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_UPSTREAM_UNREACHABLE] = WARD_REFUSAL_NO_WAY,
		[WARD_EGRESS_WHY_RELAY_LOST] = WARD_REFUSAL_BUSY,
		[WARD_EGRESS_WHY_SYSTEM] = WARD_REFUSAL_BUSY,
	};
	struct ward_relay_msg m = { .type = WARD_GATE_REFUSED, .id = f->id, .value = kinds[why] };

	if (why == WARD_EGRESS_WHY_NO_RULE && !f->rule[0] && is_granted_so(f))
		m.value = WARD_REFUSAL_GRANT;
	if (f->how != WARD_HOW_CAPTURED)
		put_reason(f, why, m.name, sizeof(m.name));
	ward_flow_hand(f);
	ward_gate_send(f->e, &m, -1);
}

/* ---- the first bytes ---- */

/* Of a flow to an address: there is no name that was judged, so one that the client names has to be allowed, too. */
static bool may_say(struct ward_flow *f, const char *said)
{
	struct ward_egress_ask q = {
		.name = said, .port = f->to.port, .program = ward_flow_program(f)
	};
	struct ward_relay_addr a = { 0 };

	if (f->name)
		return false; /* the same passes by itself */
	if (ward_address_parse(said, strlen(said), &a))
		return ward_address_same(&a, &f->to);
	/* Nobody was asked about this name: first whether it may be at all, and then whether that may be spoken to it. */
	if (ward_may(f->e, &q, NULL) != WARD_ALLOW)
		return false;
	q.inspected = f->inspected;
	return !ward_may_inspects(f->e) || ward_may(f->e, &q, NULL) == WARD_ALLOW;
}

/* inspected: a Protocol of data/ward.cedarschema */
static const struct {
	const char *inspected, *words;
	bool again;
} spoken[WARD_SPOKEN_MAX] = {
	[WARD_SPOKEN_UNKNOWN] = { "none", "something that Ward does not know (none)" },
	[WARD_SPOKEN_BROKEN] = { "none", "something broken" },
	[WARD_SPOKEN_TLS] = { "tls", "TLS (tls)",
		.again = true }, /* the server may ask for another hello */
	[WARD_SPOKEN_TLS_ECH] = { "tls_ech", "TLS that hides whom it asks for (tls_ech)",
		.again = true },
	[WARD_SPOKEN_HTTP] = { "http", "HTTP without TLS (http)" },
	[WARD_SPOKEN_HTTP2] = { "http2", "HTTP/2 without TLS (http2)", .again = true },
	[WARD_SPOKEN_SSH] = { "ssh", "SSH (ssh)" },
	[WARD_SPOKEN_POSTGRES] = { "postgres", "PostgreSQL (postgres)", .again = true },
};

void ward_answer_spoken(struct ward_flow *f)
{
	const char *words = f->inspected;
	char text[120];

	for (size_t i = WARD_SPOKEN_MAX; i-- > 0;)
		if (ward_streq(spoken[i].inspected, f->inspected) && i != WARD_SPOKEN_BROKEN)
			words = spoken[i].words;
	(void)snprintf(text, sizeof(text), "the client speaks %s, which a rule forbids", words);
	ward_flow_refuse_as(f, WARD_EGRESS_WHY_PROTOCOL_FORBIDDEN, text);
}

/* It waits for our word; or went on already, which only what passes by itself may. */
static void pass(struct ward_flow *f, bool passed, bool alone)
{
	struct ward_relay_msg m = { .type = WARD_GATE_PASS, .id = f->id };

	if (passed && !(alone && f->lets && f->state == WARD_FLOW_OPEN)) {
		ward_gate_lost(f->e, "it passed what it had to ask about");
		return;
	}
	if (!passed)
		ward_gate_send(f->e, &m, -1);
	ward_flow_whose(f, false);
}

/* So far it is nothing that is known, and may become something: may that much go? */
static void seen_some(struct ward_flow *f, const struct ward_relay_msg *m)
{
	const struct ward_relay_msg pass = { .type = WARD_GATE_PASS, .id = f->id, .value = 1 };
	const char *was = f->inspected;

	if (f->some || m->value != (WARD_SPOKEN_UNKNOWN | WARD_SEEN_SOME) || m->name[0] ||
		(f->state != WARD_FLOW_OPEN && f->state != WARD_FLOW_REFUSED)) {
		ward_gate_lost(f->e, "it told of first bytes that cannot be");
		return;
	}
	f->some = true;
	if (f->state == WARD_FLOW_REFUSED)
		return;
	f->inspected = spoken[WARD_SPOKEN_UNKNOWN].inspected;
	if (!ward_may_speak(f)) {
		ward_answer_spoken(f);
		return;
	}
	/* What came behind it may be known by now. */
	f->inspected = was ? was : f->inspected;
	ward_gate_send(f->e, &pass, -1);
}

void ward_flow_seen(struct ward_egress *e, const struct ward_relay_msg *m)
{
	struct ward_flow *f = ward_flow_find(e, m->id);
	uint32_t what = m->value & ~WARD_SEEN_PASSED;
	bool passed = m->value & WARD_SEEN_PASSED, alone;
	struct ward_relay_addr a;
	char text[400];

	if (f && !f->inward && (m->value & WARD_SEEN_SOME)) {
		seen_some(f, m);
		return;
	}
	if (!f || f->inward || what >= WARD_SPOKEN_MAX || (f->looks && !f->again) ||
		(m->name[0] && !ward_name_is_normal(ward_str(m->name)) &&
			!ward_address_parse(m->name, strlen(m->name), &a))) {
		ward_gate_lost(e, "it told of first bytes that cannot be");
		return;
	}
	f->looks++;
	f->again = spoken[what].again && f->looks < WARD_RELAY_LOOKS_MAX;
	if (f->state == WARD_FLOW_REFUSED)
		return;
	f->inspected = spoken[what].inspected;
	alone = ward_spoken_passes(what, m->name, f->name ? f->name->name : "");
	if (passed) {
		pass(f, true, alone);
	} else if (what == WARD_SPOKEN_BROKEN) {
		ward_flow_refuse_as(f, WARD_EGRESS_WHY_BROKEN, NULL);
	} else if (what == WARD_SPOKEN_TLS_ECH && !alone) {
		ward_flow_refuse_as(f, WARD_EGRESS_WHY_ECH, NULL);
	} else if (!ward_may_speak(f)) {
		ward_answer_spoken(f);
	} else if (!alone && !may_say(f, m->name)) {
		(void)snprintf(text, sizeof(text), "the client asks the server for \"%s\"%s",
			m->name, f->name ? "" : ", which no rule grants");
		ward_flow_refuse_as(f, WARD_EGRESS_WHY_NAME_MISMATCH, text);
	} else {
		pass(f, false, false);
	}
}
