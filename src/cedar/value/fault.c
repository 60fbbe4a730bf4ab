/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults as text, worded as the language's own engine words them. Nothing here is called while a request is decided.
 */
#include "cedar/value/ext.h"

#define SHOWN_MAX 5 /* names that a help lists */

/* In the order in which several are named. */
static const struct {
	uint8_t tag;
	const char *name;
} types[] = { { CEDAR_V_BOOL, "bool" }, { CEDAR_V_LONG, "long" }, { CEDAR_V_STRING, "string" },
	{ CEDAR_V_SET, "set" }, { CEDAR_V_RECORD, "record" },
	{ CEDAR_V_ENTITY, "(entity of type `any_entity_type`)" }, { CEDAR_V_DECIMAL, "decimal" },
	{ CEDAR_V_IP, "ipaddr" }, { CEDAR_V_DATETIME, "datetime" },
	{ CEDAR_V_DURATION, "duration" } };

static void quoted(struct ward_buf *out, const struct cedar_str *s)
{
	ward_buf_addc(out, '`');
	if (s != NULL)
		ward_buf_add(out, s->s, s->n);
	ward_buf_addc(out, '`');
}

static void quoted_uid(struct ward_buf *out, const struct cedar_uid *uid)
{
	ward_buf_addc(out, '`');
	ward_cedar_print_uid(out, uid);
	ward_buf_addc(out, '`');
}

static void print_type(struct ward_buf *out, const struct cedar_fault *f)
{
	bool many = (f->want & (f->want - 1)) != 0;
	bool first = true;

	ward_buf_adds(out, many ? "type error: expected one of [" : "type error: expected ");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(types); i++) {
		if (!(f->want & 1u << types[i].tag))
			continue;
		ward_buf_adds(out, first ? "" : ", ");
		ward_buf_adds(out, types[i].name);
		first = false;
	}
	ward_buf_adds(out, many ? "], got " : ", got ");
	ward_cedar_value_type_name(out, &f->value);
}

static void print_missing(struct ward_buf *out, const struct cedar_fault *f)
{
	if (f->uid != NULL)
		quoted_uid(out, f->uid);
	else
		ward_buf_adds(out, "record");
	ward_buf_adds(out,
		f->kind == CEDAR_FAULT_TAG ? " does not have the tag "
					   : " does not have the attribute ");
	quoted(out, f->name);
}

static void print_overflow(struct ward_buf *out, const struct cedar_fault *f)
{
	bool unary = f->op == CEDAR_X_NEG;

	ward_buf_addf(out, "integer overflow while attempting to %s the value%s `%lld`",
		unary                          ? "negate"
			: f->op == CEDAR_X_ADD ? "add"
			: f->op == CEDAR_X_SUB ? "subtract"
					       : "multiply",
		unary ? "" : "s", (long long)f->value.number);
	if (!unary)
		ward_buf_addf(out, " and `%lld`", (long long)f->value2.number);
}

static void print_extension(struct ward_buf *out, const struct cedar_fault *f)
{
	enum cedar_fn fn = (enum cedar_fn)f->fn;
	struct ward_str s = { "", 0 };

	if (f->value.tag == CEDAR_V_STRING)
		s = ward_cedar_text(f->value.str);
	ward_buf_addf(out, "error while evaluating `%s` extension function: ",
		fn == CEDAR_FN_IP ? "ipaddr" : ward_cedar_functions[fn].name);
	switch ((int)fn) {
	case CEDAR_FN_DECIMAL: ward_cedar_decimal_complain(out, s); break;
	case CEDAR_FN_IP: ward_cedar_ip_complain(out, s); break;
	case CEDAR_FN_DATETIME: ward_cedar_datetime_complain(out, s); break;
	case CEDAR_FN_DURATION: ward_cedar_duration_complain(out, s); break;
	case CEDAR_FN_OFFSET:
		ward_buf_adds(out, "overflows when adding an offset: ");
		ward_cedar_datetime_print(out, f->value.number);
		ward_buf_adds(out, "+(");
		ward_cedar_duration_print(out, f->value2.number);
		ward_buf_addc(out, ')');
		break;
	case CEDAR_FN_DURATION_SINCE:
		ward_buf_adds(out, "overflows when computing the duration between ");
		ward_cedar_datetime_print(out, f->value.number);
		ward_buf_adds(out, " and ");
		ward_cedar_datetime_print(out, f->value2.number);
		break;
	default:
		ward_buf_adds(out, "overflows when computing the date of ");
		ward_cedar_datetime_print(out, f->value.number);
		break;
	}
}

void ward_cedar_fault_print(struct ward_buf *out, const struct cedar_fault *f)
{
	switch ((enum cedar_fault_kind)f->kind) {
	case CEDAR_FAULT_TYPE: print_type(out, f); break;
	case CEDAR_FAULT_ENTITY:
		ward_buf_adds(out, "entity ");
		quoted_uid(out, f->uid);
		ward_buf_adds(out, " does not exist");
		break;
	case CEDAR_FAULT_ATTR:
	case CEDAR_FAULT_TAG: print_missing(out, f); break;
	case CEDAR_FAULT_OVERFLOW: print_overflow(out, f); break;
	case CEDAR_FAULT_ARITY:
		ward_buf_addf(out,
			"wrong number of arguments provided to extension function `%s`: expected %u, got %u",
			ward_cedar_functions[f->fn].name, f->want, f->got);
		break;
	case CEDAR_FAULT_EXTENSION: print_extension(out, f); break;
	case CEDAR_FAULT_SLOT:
		ward_buf_addf(out, "template slot `%s` was not linked",
			f->op == CEDAR_SLOT_PRINCIPAL ? "?principal" : "?resource");
		break;
	case CEDAR_FAULT_UNKNOWN:
		ward_buf_adds(out, "the expression contains unknown(s): `");
		if (f->name != NULL) {
			ward_buf_adds(out, "unknown(");
			ward_cedar_quote(out, ward_cedar_text(f->name));
			ward_buf_addc(out, ')');
		}
		ward_buf_addc(out, '`');
		break;
	case CEDAR_FAULT_DEPTH: ward_buf_adds(out, "recursion limit reached"); break;
	case CEDAR_FAULT_MEMORY: ward_buf_adds(out, "no memory left"); break;
	case CEDAR_FAULT_NONE:
	case CEDAR_FAULT_KIND_MAX: break;
	}
}

/* ---- help ---- */

static void help_record(struct ward_buf *out, const struct cedar_record *r)
{
	bool all = r->n <= SHOWN_MAX;

	if (r->n == 0) {
		ward_buf_adds(out, "record does not have any attributes");
		return;
	}
	ward_buf_adds(out, "available attributes: [");
	for (uint32_t i = 0; i < r->n && i < SHOWN_MAX; i++) {
		struct ward_str name = ward_cedar_text(r->v[i].name);

		/* As the language's own tools write it: in quotes only where all are named. */
		if (i > 0)
			ward_buf_adds(out, all ? ", " : ",");
		if (all)
			ward_cedar_quote(out, name);
		else
			ward_buf_add(out, name.s, name.n);
	}
	if (!all)
		ward_buf_addf(out, ", ... (%u more attributes) ", r->n - SHOWN_MAX);
	ward_buf_addc(out, ']');
}

static void help_entity(struct ward_buf *out, const struct cedar_fault *f)
{
	const struct cedar_record *r = f->value.record;
	bool attr = f->kind == CEDAR_FAULT_ATTR;
	const char *kinds = attr ? "attributes" : "tags";

	if (r->n == 0) {
		quoted_uid(out, f->uid);
		ward_buf_addf(out, " does not have any %s", kinds);
	} else {
		ward_buf_addf(out, "available %s: [", kinds);
		for (uint32_t i = 0; i < r->n && i < SHOWN_MAX; i++) {
			ward_buf_adds(out, i > 0 ? "," : "");
			ward_buf_add(out, r->v[i].name->s, r->v[i].name->n);
		}
		if (r->n > SHOWN_MAX)
			ward_buf_addf(out, ", ... (%u more attributes) ", r->n - SHOWN_MAX);
		ward_buf_addc(out, ']');
	}
	if (f->value2.tag != CEDAR_V_RECORD || f->name == NULL ||
		ward_cedar_record_get(f->value2.record, f->name) == NULL)
		return;
	ward_buf_addf(out, "; note that %s (not %s) named ", attr ? "a tag" : "an attribute",
		attr ? "an attribute" : "a tag");
	quoted(out, f->name);
	ward_buf_adds(out, " does exist");
}

/* A text where a value of an extension type is due. */
static void help_type(struct ward_buf *out, const struct cedar_fault *f)
{
	if (f->value.tag != CEDAR_V_STRING)
		return;
	if (f->want == 1u << CEDAR_V_IP)
		ward_buf_adds(out, "maybe you forgot to apply the `ip` constructor?");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(types); i++) {
		if (f->want == 1u << types[i].tag && types[i].tag >= CEDAR_V_DECIMAL &&
			types[i].tag != CEDAR_V_IP)
			ward_buf_addf(out, "maybe you forgot to apply the `%s` constructor?",
				types[i].name);
	}
}

/* One for each constructor, whatever is wrong; of decimals, what is wrong has its own. */
static void help_extension(struct ward_buf *out, const struct cedar_fault *f)
{
	if (f->value.tag != CEDAR_V_STRING)
		return;
	if (f->fn == CEDAR_FN_DECIMAL)
		ward_cedar_decimal_advise(out, ward_cedar_text(f->value.str));
	else if (f->fn == CEDAR_FN_DATETIME)
		ward_buf_adds(out,
			"valid datetime strings start with `YYYY-MM-DD` and may optionally include"
			" `THH:MM:SS` plus `Z`, `.SSSZ`, or an offset like `+0700`");
	else if (f->fn == CEDAR_FN_DURATION)
		ward_buf_adds(out,
			"valid duration strings are concatenated quantity-unit pairs with an optional"
			" leading `-`, for example `1d2h3m4s50ms`");
	else
		ward_buf_adds(out,
			"valid IP strings are IPv4/IPv6 addresses or CIDR ranges like `127.0.0.1`,"
			" `127.0.0.1/24`, or `ffee::/64`");
}

void ward_cedar_fault_help(struct ward_buf *out, const struct cedar_fault *f)
{
	bool record = f->value.tag == CEDAR_V_RECORD;

	if (f->kind == CEDAR_FAULT_TYPE)
		help_type(out, f);
	else if (f->kind == CEDAR_FAULT_EXTENSION)
		help_extension(out, f);
	else if (f->kind == CEDAR_FAULT_ATTR && f->uid == NULL && record)
		help_record(out, f->value.record);
	else if ((f->kind == CEDAR_FAULT_ATTR || f->kind == CEDAR_FAULT_TAG) && record)
		help_entity(out, f);
	else if (f->kind == CEDAR_FAULT_UNKNOWN)
		ward_buf_adds(out, "consider using the partial evaluation APIs");
}
