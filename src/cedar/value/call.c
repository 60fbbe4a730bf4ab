/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extension functions on values. Arity first, then the arguments' types from left to right, then the function: as
 * the language's own engine reports what is wrong.
 */
#include <string.h>

#include "cedar/value/value.h"

#define DAY (24 * 60 * 60 * 1000ll)

static const uint8_t tags[] = { [CEDAR_T_NONE] = CEDAR_V_NONE,
	[CEDAR_T_BOOL] = CEDAR_V_BOOL,
	[CEDAR_T_LONG] = CEDAR_V_LONG,
	[CEDAR_T_STRING] = CEDAR_V_STRING,
	[CEDAR_T_DECIMAL] = CEDAR_V_DECIMAL,
	[CEDAR_T_IPADDR] = CEDAR_V_IP,
	[CEDAR_T_DATETIME] = CEDAR_V_DATETIME,
	[CEDAR_T_DURATION] = CEDAR_V_DURATION };

static bool check_arguments(enum cedar_fn fn, const struct cedar_value *v, size_t n,
	struct cedar_fault *f)
{
	const struct cedar_function *d = &ward_cedar_functions[fn];

	if (n != d->n_args) {
		*f = (struct cedar_fault){ .kind = CEDAR_FAULT_ARITY,
			.fn = (uint8_t)fn,
			.want = d->n_args,
			.got = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX };
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (v[i].tag == tags[d->args[i]])
			continue;
		*f = (struct cedar_fault){ .kind = CEDAR_FAULT_TYPE,
			.fn = (uint8_t)fn,
			.want = (uint16_t)(1u << tags[d->args[i]]),
			.value = v[i] };
		return false;
	}
	return true;
}

static bool bad(enum cedar_fn fn, const struct cedar_value *v, size_t n, struct cedar_fault *f)
{
	*f = (struct cedar_fault){
		.kind = CEDAR_FAULT_EXTENSION, .fn = (uint8_t)fn, .value = v[0]
	};
	if (n > 1)
		f->value2 = v[1];
	return false;
}

static bool no_memory(struct cedar_fault *f)
{
	*f = (struct cedar_fault){ .kind = CEDAR_FAULT_MEMORY };
	return false;
}

/* The four functions that make a value of a text. */
static bool construct(struct ward_arena *a, enum cedar_fn fn, const struct cedar_value *v,
	struct cedar_value *ret, struct cedar_fault *f)
{
	struct ward_str text = ward_cedar_text(v->str);
	struct cedar_ip ip;
	struct cedar_ip *kept;
	int64_t number = 0;
	bool ok;

	if (fn == CEDAR_FN_IP) {
		if (!ward_cedar_ip_parse(text, &ip))
			return bad(fn, v, 1, f);
		kept = ward_arena_alloc(a, sizeof(*kept));
		if (kept == NULL)
			return no_memory(f);
		*kept = ip;
		*ret = (struct cedar_value){ .tag = CEDAR_V_IP, .ip = kept, .text = v->str };
		return true;
	}
	if (fn == CEDAR_FN_DECIMAL)
		ok = ward_cedar_decimal_parse(text, &number);
	else if (fn == CEDAR_FN_DATETIME)
		ok = ward_cedar_datetime_parse(text, &number);
	else
		ok = ward_cedar_duration_parse(text, &number);
	if (!ok)
		return bad(fn, v, 1, f);
	*ret = (struct cedar_value){
		.tag = tags[ward_cedar_functions[fn].result], .number = number, .text = v->str
	};
	return true;
}

/* ---- addresses ---- */

/* The bits from prefix on set (in *last) and not (in *first): the two ends of the range. */
static void range(const struct cedar_ip *ip, uint8_t first[16], uint8_t last[16])
{
	unsigned bytes = ip->v6 ? 16 : 4;

	memset(first, 0, 16);
	memset(last, 0, 16);
	for (unsigned i = 0; i < bytes; i++) {
		unsigned bits = ip->prefix >= 8 * (i + 1) ? 8
			: ip->prefix > 8 * i              ? ip->prefix % 8
							  : 0;
		uint8_t host = (uint8_t)(0xffu >> bits);

		first[i] = ip->addr[i] & (uint8_t)~host;
		last[i] = ip->addr[i] | host;
	}
}

static bool in_range(const struct cedar_ip *a, const struct cedar_ip *b)
{
	uint8_t first[16], last[16], b_first[16], b_last[16];

	if (a->v6 != b->v6)
		return false;
	range(a, first, last);
	range(b, b_first, b_last);
	return memcmp(b_first, first, 16) <= 0 && memcmp(last, b_last, 16) <= 0;
}

static bool is_loopback(const struct cedar_ip *ip)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (ip->v6)
		return memcmp(ip->addr, one, 16) == 0 && ip->prefix == 128;
	return ip->addr[0] == 127 && ip->prefix >= 8;
}

static bool is_multicast(const struct cedar_ip *ip)
{
	if (ip->v6)
		return ip->addr[0] == 0xff && ip->prefix >= 8;
	return ip->addr[0] >> 4 == 14 && ip->prefix >= 4;
}

/* ---- what has no way to fail but a range ---- */

static int64_t floor_mod(int64_t v, int64_t by)
{
	int64_t r = v % by;

	return r < 0 ? r + by : r;
}

static bool moments(enum cedar_fn fn, const struct cedar_value *v, size_t n,
	struct cedar_value *ret, struct cedar_fault *f)
{
	int64_t r = 0;
	bool overflow = false;

	if (fn == CEDAR_FN_OFFSET)
		overflow = __builtin_add_overflow(v[0].number, v[1].number, &r);
	else if (fn == CEDAR_FN_DURATION_SINCE)
		overflow = __builtin_sub_overflow(v[0].number, v[1].number, &r);
	else if (fn == CEDAR_FN_TO_DATE)
		overflow = __builtin_sub_overflow(v[0].number, floor_mod(v[0].number, DAY), &r);
	else
		r = floor_mod(v[0].number, DAY);
	if (overflow)
		return bad(fn, v, n, f);
	*ret = (struct cedar_value){ .tag = tags[ward_cedar_functions[fn].result], .number = r };
	return true;
}

static int64_t duration_in(enum cedar_fn fn, int64_t ms)
{
	switch ((int)fn) {
	case CEDAR_FN_TO_SECONDS: return ms / 1000;
	case CEDAR_FN_TO_MINUTES: return ms / (60 * 1000);
	case CEDAR_FN_TO_HOURS: return ms / (60 * 60 * 1000);
	case CEDAR_FN_TO_DAYS: return ms / DAY;
	default: return ms;
	}
}

static bool predicate(enum cedar_fn fn, const struct cedar_value *v)
{
	switch ((int)fn) {
	case CEDAR_FN_LESS_THAN: return v[0].number < v[1].number;
	case CEDAR_FN_LESS_THAN_OR_EQUAL: return v[0].number <= v[1].number;
	case CEDAR_FN_GREATER_THAN: return v[0].number > v[1].number;
	case CEDAR_FN_GREATER_THAN_OR_EQUAL: return v[0].number >= v[1].number;
	case CEDAR_FN_IS_IPV4: return v[0].ip->v6 == 0;
	case CEDAR_FN_IS_IPV6: return v[0].ip->v6 != 0;
	case CEDAR_FN_IS_LOOPBACK: return is_loopback(v[0].ip);
	case CEDAR_FN_IS_MULTICAST: return is_multicast(v[0].ip);
	default: return in_range(v[0].ip, v[1].ip);
	}
}

bool ward_cedar_call(struct ward_arena *a, enum cedar_fn fn, const struct cedar_value *v, size_t n,
	struct cedar_value *ret, struct cedar_fault *f)
{
	const struct cedar_function *d = &ward_cedar_functions[fn];

	if (!check_arguments(fn, v, n, f))
		return false;
	if (fn == CEDAR_FN_UNKNOWN) {
		*f = (struct cedar_fault){ .kind = CEDAR_FAULT_UNKNOWN, .name = v[0].str };
		return false;
	}
	if (d->constructor)
		return construct(a, fn, v, ret, f);
	if (d->result == CEDAR_T_BOOL)
		*ret = (struct cedar_value){ .tag = CEDAR_V_BOOL, .truth = predicate(fn, v) };
	else if (d->result == CEDAR_T_LONG)
		*ret = (struct cedar_value){ .tag = CEDAR_V_LONG,
			.number = duration_in(fn, v[0].number) };
	else
		return moments(fn, v, n, ret, f);
	return true;
}
