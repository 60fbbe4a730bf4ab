/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as text of the language, as entity-JSON, and as expressions; and types as messages and schemas write them. An
 * extension value is printed as it was written, or in its canonical form if it was computed. No memory: out->failed.
 */
#include "cedar/value/print.h"

#include "cedar/value/ext.h"

typedef void print_fn(struct ward_buf *out, const struct cedar_value *v);

/* print v with its sets in order. */
static void print_ordered(struct ward_buf *out, const struct cedar_value *v, print_fn *print)
{
	struct ward_arena *arena;
	struct cedar_value ordered;

	if (!ward_cedar_value_has_set(v)) {
		print(out, v);
		return;
	}
	arena = ward_arena_new(WARD_CEDAR_BYTES_MAX);
	if (arena == NULL || ward_cedar_value_order(arena, v, &ordered) < 0)
		out->failed = true;
	else
		print(out, &ordered);
	ward_arena_free(arena);
}

void ward_cedar_ext_argument(struct ward_buf *out, const struct cedar_value *v)
{
	if (v->text != NULL)
		ward_buf_add(out, v->text->s, v->text->n);
	else if (v->tag == CEDAR_V_DECIMAL)
		ward_cedar_decimal_print(out, v->number);
	else if (v->tag == CEDAR_V_IP)
		ward_cedar_ip_print(out, v->ip);
	else
		ward_cedar_duration_print(out, v->number);
}

static const char *constructor(uint8_t tag)
{
	static const char *const names[CEDAR_V_MAX] = { [CEDAR_V_DECIMAL] = "decimal",
		[CEDAR_V_IP] = "ip",
		[CEDAR_V_DATETIME] = "datetime",
		[CEDAR_V_DURATION] = "duration" };

	return names[tag];
}

void ward_cedar_value_type_name(struct ward_buf *out, const struct cedar_value *v)
{
	static const char *const names[CEDAR_V_MAX] = { [CEDAR_V_NONE] = "nothing",
		[CEDAR_V_BOOL] = "bool",
		[CEDAR_V_LONG] = "long",
		[CEDAR_V_STRING] = "string",
		[CEDAR_V_SET] = "set",
		[CEDAR_V_RECORD] = "record",
		[CEDAR_V_DECIMAL] = "decimal",
		[CEDAR_V_IP] = "ipaddr",
		[CEDAR_V_DATETIME] = "datetime",
		[CEDAR_V_DURATION] = "duration" };

	if (v->tag != CEDAR_V_ENTITY) {
		ward_buf_adds(out, names[v->tag]);
		return;
	}
	ward_buf_adds(out, "(entity of type `");
	ward_buf_add(out, v->uid->type->s, v->uid->type->n);
	ward_buf_adds(out, "`)");
}

/* ---- text ---- */

static void print_name(struct ward_buf *out, const struct cedar_str *name)
{
	if (ward_cedar_is_ident(ward_cedar_text(name)))
		ward_buf_add(out, name->s, name->n);
	else
		ward_cedar_quote(out, ward_cedar_text(name));
}

static void print_ext(struct ward_buf *out, const struct cedar_value *v)
{
	struct ward_buf text = WARD_BUF_INIT;

	if (v->tag == CEDAR_V_DATETIME && v->text == NULL) {
		ward_cedar_datetime_print(out, v->number);
		return;
	}
	ward_cedar_ext_argument(&text, v);
	ward_buf_adds(out, constructor(v->tag));
	ward_buf_addc(out, '(');
	ward_cedar_quote(out, ward_buf_str(&text));
	ward_buf_addc(out, ')');
	out->failed |= text.failed;
	ward_buf_done(&text);
}

/* most: so many elements of each set and record; the rest is ".. ". */
static void print_some(struct ward_buf *out, const struct cedar_value *v, uint32_t most)
{
	uint32_t n;

	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_BOOL: ward_buf_adds(out, v->truth ? "true" : "false"); break;
	case CEDAR_V_LONG: ward_buf_addf(out, "%lld", (long long)v->number); break;
	case CEDAR_V_STRING: ward_cedar_quote(out, ward_cedar_text(v->str)); break;
	case CEDAR_V_ENTITY: ward_cedar_print_uid(out, v->uid); break;
	case CEDAR_V_SET:
		n = v->set->n < most ? v->set->n : most;
		ward_buf_addc(out, '[');
		for (uint32_t i = 0; i < n; i++) {
			print_some(out, &v->set->v[i], most);
			ward_buf_adds(out, i + 1 < v->set->n ? ", " : "");
		}
		ward_buf_adds(out, n < v->set->n ? ".. ]" : "]");
		break;
	case CEDAR_V_RECORD:
		n = v->record->n < most ? v->record->n : most;
		ward_buf_addc(out, '{');
		for (uint32_t i = 0; i < n; i++) {
			print_name(out, v->record->v[i].name);
			ward_buf_adds(out, ": ");
			print_some(out, &v->record->v[i].value, most);
			ward_buf_adds(out, i + 1 < v->record->n ? ", " : "");
		}
		ward_buf_adds(out, n < v->record->n ? ".. }" : "}");
		break;
	case CEDAR_V_DECIMAL:
	case CEDAR_V_IP:
	case CEDAR_V_DATETIME:
	case CEDAR_V_DURATION: print_ext(out, v); break;
	case CEDAR_V_NONE:
	case CEDAR_V_MAX: break;
	}
}

static void print(struct ward_buf *out, const struct cedar_value *v)
{
	print_some(out, v, UINT32_MAX);
}

static void print_five(struct ward_buf *out, const struct cedar_value *v)
{
	print_some(out, v, 5);
}

void ward_cedar_value_print(struct ward_buf *out, const struct cedar_value *v)
{
	print_ordered(out, v, print);
}

void ward_cedar_value_print_short(struct ward_buf *out, const struct cedar_value *v)
{
	print_ordered(out, v, print_five);
}

/* ---- entity-JSON ---- */

static void json_uid(struct ward_buf *out, const struct cedar_uid *uid)
{
	ward_jw_open(out, '{');
	ward_jw_key(out, "type");
	ward_jw_str(out, uid->type->s, uid->type->n);
	ward_jw_key(out, "id");
	ward_jw_str(out, uid->id->s, uid->id->n);
	ward_jw_close(out, '}');
}

/* {"__extn":{"fn":NAME,"arg":TEXT}} */
static void json_call(struct ward_buf *out, const char *fn, struct ward_str arg)
{
	ward_jw_open(out, '{');
	ward_jw_key(out, "__extn");
	ward_jw_open(out, '{');
	ward_jw_kstr(out, "fn", fn);
	ward_jw_key(out, "arg");
	ward_jw_str(out, arg.s, arg.n);
	ward_jw_close(out, '}');
	ward_jw_close(out, '}');
}

static void json_ext(struct ward_buf *out, const struct cedar_value *v)
{
	struct ward_buf text = WARD_BUF_INIT;
	struct ward_str arg;

	ward_cedar_ext_argument(&text, v);
	arg = ward_buf_str(&text);
	if (v->tag == CEDAR_V_DATETIME && v->text == NULL) {
		ward_jw_open(out, '{');
		ward_jw_key(out, "__extn");
		ward_jw_open(out, '{');
		ward_jw_kstr(out, "fn", "offset");
		ward_jw_key(out, "args");
		ward_jw_open(out, '[');
		json_call(out, "datetime", WARD_STR("1970-01-01"));
		json_call(out, "duration", arg);
		ward_jw_close(out, ']');
		ward_jw_close(out, '}');
		ward_jw_close(out, '}');
	} else {
		json_call(out, constructor(v->tag), arg);
	}
	out->failed |= text.failed;
	ward_buf_done(&text);
}

static void json(struct ward_buf *out, const struct cedar_value *v)
{
	switch ((enum cedar_tag)v->tag) {
	case CEDAR_V_BOOL: ward_jw_bool(out, v->truth); break;
	case CEDAR_V_LONG: ward_jw_i64(out, v->number); break;
	case CEDAR_V_STRING: ward_jw_str(out, v->str->s, v->str->n); break;
	case CEDAR_V_ENTITY:
		ward_jw_open(out, '{');
		ward_jw_key(out, "__entity");
		json_uid(out, v->uid);
		ward_jw_close(out, '}');
		break;
	case CEDAR_V_SET:
		ward_jw_open(out, '[');
		for (uint32_t i = 0; i < v->set->n; i++)
			json(out, &v->set->v[i]);
		ward_jw_close(out, ']');
		break;
	case CEDAR_V_RECORD:
		ward_jw_open(out, '{');
		for (uint32_t i = 0; i < v->record->n; i++) {
			ward_jw_str(out, v->record->v[i].name->s, v->record->v[i].name->n);
			ward_buf_addc(out, ':');
			json(out, &v->record->v[i].value);
		}
		ward_jw_close(out, '}');
		break;
	case CEDAR_V_DECIMAL:
	case CEDAR_V_IP:
	case CEDAR_V_DATETIME:
	case CEDAR_V_DURATION: json_ext(out, v); break;
	case CEDAR_V_NONE:
	case CEDAR_V_MAX: ward_jw_null(out); break;
	}
}

void ward_cedar_uid_json(struct ward_buf *out, const struct cedar_uid *uid)
{
	json_uid(out, uid);
}

void ward_cedar_value_json(struct ward_buf *out, const struct cedar_value *v)
{
	print_ordered(out, v, json);
}
