/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp, host side: hands out the programs that the build made of data/seccomp, and says of a notified call what
 * the same data says. Works on copied numbers only: it follows no pointer of the confined side, installs
 * nothing, allocates nothing. A call that it cannot place is refused.
 */
#include <errno.h>
#include <stdio.h>

#include "confine/native/kernel/seccomp_table.h"

#define X32_BIT 0x40000000u
#define X32_END 0x80000000u

const struct sock_filter *ward_seccomp_program(uint32_t switches, size_t *ret_n)
{
	const struct ward_seccomp_program *p =
		&ward_seccomp_programs[switches % WARD_SECCOMP_VARIANTS];

	*ret_n = p->n;
	return p->insns;
}

static const struct ward_seccomp_call *find_call(int nr)
{
	if (nr < 0 || (size_t)nr >= ward_seccomp_n_calls || !ward_seccomp_calls[nr].name)
		return NULL;
	return &ward_seccomp_calls[nr];
}

const char *ward_seccomp_name(int nr)
{
	const struct ward_seccomp_call *call = find_call(nr);

	return call ? call->name : NULL;
}

static bool cond_holds(const struct ward_seccomp_cond *c, uint32_t switches,
	const struct seccomp_data *d)
{
	switch (c->kind) {
	case WARD_COND_EQ: return (d->args[c->arg] & c->mask) == c->value;
	case WARD_COND_ANY: return (d->args[c->arg] & c->mask) != 0;
	case WARD_COND_SWITCH: return (c->mask & switches) != 0;
	}
	return false;
}

/* The first rule all of whose conditions hold; the last one has none, so there always is one. */
static const struct ward_seccomp_rule *find_rule(const struct ward_seccomp_call *call,
	uint32_t switches, const struct seccomp_data *d)
{
	const struct ward_seccomp_rule *r = &ward_seccomp_rules[call->first_rule];
	const struct ward_seccomp_rule *last = r + call->n_rules - 1;

	for (; r < last; r++) {
		unsigned i = 0;

		while (i < r->n_conds && cond_holds(&r->conds[i], switches, d))
			i++;
		if (i == r->n_conds)
			return r;
	}
	return last;
}

/* What has a verb looked at, and what it is otherwise. */
static const struct {
	uint32_t by;
	enum ward_seccomp_verb otherwise;
} looked[] = {
	[WARD_SECCOMP_EXEC] = { WARD_SECCOMP_NOTIFY_EXEC, WARD_SECCOMP_OPEN },
	[WARD_SECCOMP_REPLACE] = { WARD_SECCOMP_NOTIFY_REPLACE | WARD_SECCOMP_NOTIFY_WRITE,
		WARD_SECCOMP_ALLOW },
	[WARD_SECCOMP_WRITE] = { WARD_SECCOMP_NOTIFY_WRITE, WARD_SECCOMP_OPEN },
	[WARD_SECCOMP_CHANGE] = { WARD_SECCOMP_NOTIFY_WRITE, WARD_SECCOMP_ALLOW },
};

/* Without a view, or a listener, there is nothing to say about these. */
static enum ward_seccomp_verb looked_at(uint32_t switches, enum ward_seccomp_verb verb)
{
	if ((size_t)verb >= WARD_ARRAY_SIZE(looked) || !looked[verb].by)
		return verb;
	if ((switches & looked[verb].by) &&
		!(switches & (WARD_SECCOMP_NO_SOCKET | WARD_SECCOMP_NO_LISTENER)))
		return verb;
	return looked[verb].otherwise;
}

void ward_seccomp_judge(uint32_t switches, const struct seccomp_data *d,
	struct ward_seccomp_verdict *ret)
{
	const struct ward_seccomp_call *call;

	*ret = (struct ward_seccomp_verdict){ WARD_SECCOMP_NOTIFY, ward_seccomp_unknown_errno, "",
		"" };
	if (d->arch != ward_seccomp_arch) {
		ret->verb = WARD_SECCOMP_FOREIGN;
		return;
	}
#ifdef __x86_64__
	if ((uint32_t)d->nr >= X32_BIT && (uint32_t)d->nr < X32_END) {
		ret->verb = WARD_SECCOMP_FOREIGN;
		return;
	}
#endif
	call = find_call(d->nr);
	if (!call)
		return;
	ret->name = call->name;
	ret->verb = (enum ward_seccomp_verb)call->verb;
	ret->err = call->err;
	if (call->n_rules) {
		const struct ward_seccomp_rule *r = find_rule(call, switches, d);

		ret->verb = (enum ward_seccomp_verb)r->verb;
		ret->err = r->err;
		ret->detail = r->detail;
	}
	if (ret->verb == WARD_SECCOMP_PRIVATE)
		ret->verb = switches & WARD_SECCOMP_NO_SOCKET ? WARD_SECCOMP_NOTIFY
							      : WARD_SECCOMP_ALLOW;
	ret->verb = looked_at(switches, ret->verb);
	if (ret->verb == WARD_SECCOMP_OPEN && !(switches & WARD_SECCOMP_NOTIFY_OPEN))
		ret->verb = WARD_SECCOMP_ALLOW;
	if (ret->verb == WARD_SECCOMP_ALLOW)
		ret->err = 0;
}
