/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values from entity-JSON. What a document may hold is decided here as the language's own engine decides it, down to what
 * it lets pass: an escape is one only if it is complete, and a plain record otherwise; an identifier may be a list of its
 * two texts. Integers are 64-bit and written as such; null, and anything else that is no value, is an error.
 */
#include <string.h>

#include "cedar/value/value.h"

typedef const struct cedar_json_context ctx;

static int value(ctx *c, const struct ward_json *j, const struct cedar_type *t, unsigned depth,
	struct cedar_value *ret);

static struct ward_arena *scratch(ctx *c)
{
	return c->scratch != NULL ? c->scratch : ward_cedar_pool_arena(c->pool);
}

/* ---- messages ---- */

static void where(ctx *c, struct ward_buf *out)
{
	if (c->what != NULL) {
		ward_buf_adds(out, c->what);
	} else if (c->uid != NULL && c->name != NULL) {
		ward_buf_addf(out, "in %s `", c->tag ? "tag" : "attribute");
		ward_cedar_escape(out, ward_cedar_text(c->name));
		ward_buf_adds(out, "` on `");
		ward_cedar_print_uid(out, c->uid);
		ward_buf_addc(out, '`');
	} else if (c->uid != NULL) {
		ward_buf_adds(out, "in parents field of `");
		ward_cedar_print_uid(out, c->uid);
		ward_buf_addc(out, '`');
	}
	if (out->n > 0)
		ward_buf_adds(out, ", ");
}

static int report(ctx *c, const struct ward_json *j, struct ward_buf *message)
{
	int code = message->failed ? WARD_E_NOMEM
				   : ward_cedar_diag(c->diags, CEDAR_ERROR, 0, j->start, j->end,
					     "%s", ward_buf_cstr(message));

	ward_buf_done(message);
	return code;
}

/* WHERE, BEFORE `NAME` BEHIND */
static int wrong(ctx *c, const struct ward_json *j, const char *before, struct ward_str name,
	const char *behind)
{
	struct ward_buf b = WARD_BUF_INIT;

	where(c, &b);
	ward_buf_adds(&b, before);
	if (name.s != NULL) {
		ward_buf_addc(&b, '`');
		ward_cedar_escape(&b, name);
		ward_buf_addc(&b, '`');
	}
	ward_buf_adds(&b, behind);
	return report(c, j, &b);
}

static int nomem(void)
{
	return WARD_E_NOMEM;
}

/* What is wrong with a call, which is evaluated as it is read. */
static void evaluating(ctx *c, struct ward_buf *out)
{
	if (c->what != NULL || c->uid == NULL || c->name == NULL)
		return;
	ward_buf_addf(out, "failed to evaluate %s `", c->tag ? "tag" : "attribute");
	ward_cedar_escape(out, ward_cedar_text(c->name));
	ward_buf_adds(out, "` of `");
	ward_cedar_print_uid(out, c->uid);
	ward_buf_adds(out, "`: ");
}

static int failed(ctx *c, const struct ward_json *j, const struct cedar_fault *f)
{
	struct ward_buf b = WARD_BUF_INIT, help = WARD_BUF_INIT;
	int code;

	if (f->kind == CEDAR_FAULT_MEMORY)
		return nomem();
	evaluating(c, &b);
	ward_cedar_fault_print(&b, f);
	code = report(c, j, &b);
	ward_cedar_fault_help(&help, f);
	if (help.n > 0)
		ward_cedar_diag_help(c->diags, "%s", ward_buf_cstr(&help));
	ward_buf_done(&help);
	return code;
}

static int no_function(ctx *c, const struct ward_json *j, struct ward_str name)
{
	struct ward_buf b = WARD_BUF_INIT;

	evaluating(c, &b);
	ward_buf_adds(&b, "extension function `");
	ward_cedar_escape(&b, name);
	ward_buf_adds(&b, "` does not exist");
	return report(c, j, &b);
}

static int no_reference(ctx *c, const struct ward_json *j)
{
	struct ward_buf b = WARD_BUF_INIT, got = { .max = 200 };
	int code;

	ward_jw_value(&got, j);
	where(c, &b);
	ward_buf_addf(&b, "expected a literal entity reference, but got `%s`",
		got.failed ? ward_json_type_name(j->type) : ward_buf_cstr(&got));
	code = report(c, j, &b);
	ward_cedar_diag_help(c->diags,
		"literal entity references can be made with `{ \"type\": \"SomeType\", \"id\": \"SomeId\" }`");
	ward_buf_done(&got);
	return code;
}

static int old_escape(ctx *c, const struct ward_json *j)
{
	int code = wrong(c, j, "", (struct ward_str){ NULL, 0 },
		"the `__expr` escape is no longer supported");

	ward_cedar_diag_help(c->diags,
		"to create an entity reference, use `__entity`; to create an extension value, use `__extn`;"
		" and for all other values, use JSON directly");
	return code;
}

/* ---- identifiers ---- */

static const struct ward_json *member(const struct ward_json *j, const char *name,
	enum ward_json_type type)
{
	const struct ward_json *m = ward_json_get(j, name);

	return m != NULL && m->type == type ? m : NULL;
}

/* {"type":TEXT,"id":TEXT} with whatever else; or, where list is, [TEXT, TEXT]. */
static bool type_and_id(const struct ward_json *j, bool list, struct ward_str *type,
	struct ward_str *id)
{
	const struct ward_json *t, *i;

	if (j->type == WARD_JSON_ARRAY) {
		t = list && j->count == 2 ? j->child : NULL;
		i = t != NULL ? t->next : NULL;
	} else {
		t = member(j, "type", WARD_JSON_STRING);
		i = member(j, "id", WARD_JSON_STRING);
	}
	if (t == NULL || i == NULL || t->type != WARD_JSON_STRING || i->type != WARD_JSON_STRING)
		return false;
	*type = t->str;
	*id = i->str;
	return true;
}

static int uid_of(ctx *c, const struct ward_json *j, struct ward_str type, struct ward_str id,
	const struct cedar_uid **ret)
{
	int code;

	if (!ward_cedar_is_name(type)) {
		code = wrong(c, j, "", type, " is not a name of an entity type");
		ward_cedar_diag_help(c->diags,
			"names are identifiers with `::` between and nothing else, as in `App::User`");
		return code;
	}
	*ret = ward_cedar_intern_uid(c->pool, ward_cedar_intern(c->pool, type.s, type.n),
		ward_cedar_intern(c->pool, id.s, id.n));
	return *ret != NULL ? WARD_OK : nomem();
}

int ward_cedar_json_uid(ctx *c, const struct ward_json *j, const struct cedar_uid **ret)
{
	const struct ward_json *escape = ward_json_get(j, "__entity");
	struct ward_str type, id;

	if (member(j, "__expr", WARD_JSON_STRING) != NULL)
		return old_escape(c, j);
	if ((escape != NULL && type_and_id(escape, true, &type, &id)) ||
		type_and_id(j, true, &type, &id))
		return uid_of(c, j, type, id, ret);
	return no_reference(c, j);
}

/* ---- calls ---- */

struct call {
	struct ward_str fn;
	const struct ward_json *args; /* first of n siblings */
	size_t n;
};

/* {"fn":TEXT,"arg":VALUE} or {"fn":TEXT,"args":[VALUE...]}, with whatever else. */
static bool call_of(const struct ward_json *j, struct call *ret)
{
	const struct ward_json *fn = member(j, "fn", WARD_JSON_STRING);
	const struct ward_json *arg = ward_json_get(j, "arg");
	const struct ward_json *args = member(j, "args", WARD_JSON_ARRAY);

	if (fn == NULL)
		return false;
	if (arg != NULL)
		*ret = (struct call){ fn->str, arg, 1 };
	else if (args != NULL)
		*ret = (struct call){ fn->str, args->child, args->count };
	else
		return false;
	return true;
}

/* typed: the arguments may be written in short too, as the function's types say. */
static int call(ctx *c, const struct ward_json *j, const struct call *call, bool typed,
	unsigned depth, struct cedar_value *ret)
{
	static const struct cedar_type types[] = { [CEDAR_T_NONE] = { .kind = CEDAR_TYPE_NONE },
		[CEDAR_T_BOOL] = { .kind = CEDAR_TYPE_BOOL },
		[CEDAR_T_LONG] = { .kind = CEDAR_TYPE_LONG },
		[CEDAR_T_STRING] = { .kind = CEDAR_TYPE_STRING },
		[CEDAR_T_DECIMAL] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_DECIMAL },
		[CEDAR_T_IPADDR] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_IPADDR },
		[CEDAR_T_DATETIME] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_DATETIME },
		[CEDAR_T_DURATION] = { .kind = CEDAR_TYPE_EXT, .ext = CEDAR_EXT_DURATION } };
	enum cedar_fn fn = ward_cedar_function(call->fn);
	const struct cedar_function *d = &ward_cedar_functions[fn];
	const struct ward_json *arg = call->args;
	struct cedar_value v[WARD_ARRAY_SIZE(d->args)] = { 0 };
	struct cedar_fault f;
	int code;

	if (fn == CEDAR_FN_NONE)
		return no_function(c, j, call->fn);
	if (call->n != d->n_args) {
		f = (struct cedar_fault){ .kind = CEDAR_FAULT_ARITY,
			.fn = (uint8_t)fn,
			.want = d->n_args,
			.got = (uint32_t)call->n };
		return failed(c, j, &f);
	}
	for (size_t i = 0; i < call->n; i++, arg = arg->next) {
		code = value(c, arg, typed ? &types[d->args[i]] : NULL, depth + 1, &v[i]);
		if (code < 0)
			return code;
	}
	return ward_cedar_call(ward_cedar_pool_arena(c->pool), fn, v, call->n, ret, &f)
		? WARD_OK
		: failed(c, j, &f);
}

/* ---- sets and records ---- */

static int set(ctx *c, const struct ward_json *j, const struct cedar_type *element, unsigned depth,
	struct cedar_value *ret)
{
	struct cedar_value *v = ward_arena_alloc(scratch(c), j->count * sizeof(*v));
	size_t n = 0;
	int code;

	if (v == NULL)
		return nomem();
	for (const struct ward_json *e = j->child; e != NULL; e = e->next) {
		code = value(c, e, element, depth + 1, &v[n++]);
		if (code < 0)
			return code;
	}
	*ret = (struct cedar_value){ .tag = CEDAR_V_SET,
		.set = ward_cedar_set_new(ward_cedar_pool_arena(c->pool), v, n) };
	return ret->set != NULL ? WARD_OK : nomem();
}

/* All that t requires is there. The attributes of t are few, those of a document may be many: look from both sides. */
static int complete(ctx *c, const struct ward_json *j, const struct cedar_type *t,
	const struct cedar_record *r)
{
	for (uint32_t i = 0; i < t->n; i++) {
		struct ward_str name = ward_cedar_text(t->attrs[i].name);

		if (t->attrs[i].required && ward_cedar_record_get(r, t->attrs[i].name) == NULL)
			return wrong(c, j, "expected the record to have an attribute ", name,
				", but it does not");
	}
	return WARD_OK;
}

static int record(ctx *c, const struct ward_json *j, const struct cedar_type *t, unsigned depth,
	struct cedar_value *ret)
{
	struct cedar_member *v = ward_arena_alloc(scratch(c), j->count * sizeof(*v));
	const struct cedar_str *twice;
	size_t n = 0;
	int code;

	if (v == NULL)
		return nomem();
	for (const struct ward_json *e = j->child; e != NULL; e = e->next, n++) {
		const struct cedar_attr_type *attr = NULL;

		v[n].name = ward_cedar_intern(c->pool, e->key.s, e->key.n);
		if (v[n].name == NULL)
			return nomem();
		if (t != NULL) {
			attr = ward_cedar_type_attr(t, v[n].name);
			if (attr == NULL)
				return wrong(c, e, "record attribute ", e->key,
					" should not exist according to the schema");
		}
		code = value(c, e, attr != NULL ? attr->type : NULL, depth + 1, &v[n].value);
		if (code < 0)
			return code;
	}
	*ret = (struct cedar_value){ .tag = CEDAR_V_RECORD,
		.record = ward_cedar_record_new(ward_cedar_pool_arena(c->pool), v, n, &twice) };
	if (ret->record == NULL)
		return twice != NULL
			? wrong(c, j, "duplicate key ", ward_cedar_text(twice), " in record")
			: nomem();
	return t != NULL ? complete(c, j, t, ret->record) : WARD_OK;
}

/* ---- values ---- */

static int plain(ctx *c, const struct ward_json *j, unsigned depth, struct cedar_value *ret);

/* Numbers that are none count even where nothing is read. */
static const struct ward_json *real_within(const struct ward_json *j)
{
	const struct ward_json *found = j->type == WARD_JSON_REAL ? j : NULL;

	if (j->type != WARD_JSON_ARRAY && j->type != WARD_JSON_OBJECT)
		return found;
	for (const struct ward_json *m = j->child; m != NULL && found == NULL; m = m->next)
		found = real_within(m);
	return found;
}

const struct ward_json *ward_cedar_json_stray_real(const struct ward_json *escape)
{
	bool entity = ward_str_eq(escape->key, WARD_STR("__entity"));
	bool arg = !entity && ward_json_get(escape, "arg") != NULL;
	const struct ward_json *found = NULL;

	if (escape->count <= 2)
		return NULL;
	for (const struct ward_json *m = escape->child; m != NULL && found == NULL; m = m->next) {
		if (entity || !ward_str_eq(m->key, arg ? WARD_STR("arg") : WARD_STR("args")))
			found = real_within(m);
	}
	return found;
}

/* An object without a type to guide: an escape, if it is a complete one and nothing else, or a record. */
static int object(ctx *c, const struct ward_json *j, unsigned depth, struct cedar_value *ret)
{
	const struct ward_json *only = j->count == 1 ? j->child : NULL, *stray;
	struct ward_str type, id;
	struct call escape;

	if (only != NULL && ward_str_eq(only->key, WARD_STR("__expr")) &&
		only->type == WARD_JSON_STRING)
		return old_escape(c, j);
	if (only != NULL && ward_str_eq(only->key, WARD_STR("__entity")) &&
		type_and_id(only, false, &type, &id)) {
		stray = ward_cedar_json_stray_real(only);
		if (stray != NULL)
			return plain(c, stray, depth, ret);
		*ret = (struct cedar_value){ .tag = CEDAR_V_ENTITY };
		return uid_of(c, j, type, id, &ret->uid);
	}
	if (only != NULL && ward_str_eq(only->key, WARD_STR("__extn")) && call_of(only, &escape)) {
		stray = ward_cedar_json_stray_real(only);
		return stray != NULL ? plain(c, stray, depth, ret)
				     : call(c, j, &escape, false, depth, ret);
	}
	return record(c, j, NULL, depth, ret);
}

static int plain(ctx *c, const struct ward_json *j, unsigned depth, struct cedar_value *ret)
{
	switch (j->type) {
	case WARD_JSON_NULL:
		return wrong(c, j, "found a `null`; JSON `null`s are not allowed in Cedar",
			(struct ward_str){ NULL, 0 }, "");
	case WARD_JSON_BOOL:
		*ret = (struct cedar_value){ .tag = CEDAR_V_BOOL, .truth = j->b };
		return WARD_OK;
	case WARD_JSON_INT:
		*ret = (struct cedar_value){ .tag = CEDAR_V_LONG, .number = j->i };
		return WARD_OK;
	case WARD_JSON_REAL:
		return wrong(c, j,
			"found a number that is not a 64-bit integer written as one (nor may it be -0)",
			(struct ward_str){ NULL, 0 }, "");
	case WARD_JSON_STRING:
		*ret = (struct cedar_value){ .tag = CEDAR_V_STRING,
			.str = ward_cedar_intern(c->pool, j->str.s, j->str.n) };
		return ret->str != NULL ? WARD_OK : nomem();
	case WARD_JSON_ARRAY: return set(c, j, NULL, depth, ret);
	case WARD_JSON_OBJECT: return object(c, j, depth, ret);
	}
	return WARD_E_INTERNAL;
}

/* A value of an extension type: the escape, the call without its escape, or what stands in the type's constructor. */
static int extension(ctx *c, const struct ward_json *j, enum cedar_ext ext, unsigned depth,
	struct cedar_value *ret)
{
	static const char *const constructors[CEDAR_EXT_MAX] = { [CEDAR_EXT_DECIMAL] = "decimal",
		[CEDAR_EXT_IPADDR] = "ip",
		[CEDAR_EXT_DATETIME] = "datetime",
		[CEDAR_EXT_DURATION] = "duration" };
	const struct ward_json *escape = ward_json_get(j, "__extn");
	struct call explicit;

	if (member(j, "__expr", WARD_JSON_STRING) != NULL)
		return old_escape(c, j);
	if ((escape != NULL && call_of(escape, &explicit)) || call_of(j, &explicit))
		return call(c, j, &explicit, true, depth, ret);
	explicit = (struct call){ ward_str(constructors[ext]), j, 1 };
	return call(c, j, &explicit, true, depth, ret);
}

#define TYPE_SHOWN_MAX 65536 /* bytes of a type in a message */

/* A set or record is due, and this is something else. */
static int mismatch(ctx *c, const struct ward_json *j, const struct cedar_type *t)
{
	struct ward_buf b = WARD_BUF_INIT, type = { .max = TYPE_SHOWN_MAX };

	where(c, &b);
	ward_cedar_type_print(&type, t);
	ward_buf_addf(&b, "type mismatch: value was expected to have type %s, but it is %s",
		type.failed ? "that is too large to be shown" : ward_buf_cstr(&type),
		ward_json_type_name(j->type));
	ward_buf_done(&type);
	return report(c, j, &b);
}

static int value(ctx *c, const struct ward_json *j, const struct cedar_type *t, unsigned depth,
	struct cedar_value *ret)
{
	if (depth > WARD_CEDAR_DEPTH_MAX) {
		(void)ward_cedar_diag(c->diags, CEDAR_ERROR, 0, j->start, j->end,
			"a value is nested deeper than %d", WARD_CEDAR_DEPTH_MAX);
		return WARD_E_LIMIT;
	}
	switch (t != NULL ? (enum cedar_type_kind)t->kind : CEDAR_TYPE_NONE) {
	case CEDAR_TYPE_ENTITY:
		*ret = (struct cedar_value){ .tag = CEDAR_V_ENTITY };
		return ward_cedar_json_uid(c, j, &ret->uid);
	case CEDAR_TYPE_EXT: return extension(c, j, (enum cedar_ext)t->ext, depth, ret);
	case CEDAR_TYPE_SET:
		return j->type == WARD_JSON_ARRAY ? set(c, j, t->element, depth, ret)
						  : mismatch(c, j, t);
	case CEDAR_TYPE_RECORD:
		return j->type == WARD_JSON_OBJECT ? record(c, j, t, depth, ret)
						   : mismatch(c, j, t);
	default: return plain(c, j, depth, ret);
	}
}

int ward_cedar_json_value(ctx *c, const struct ward_json *j, const struct cedar_type *expected,
	struct cedar_value *ret)
{
	return value(c, j, expected, 0, ret);
}

/* ---- documents ---- */

static const struct ward_json_options limits = { .bytes_max = WARD_CEDAR_JSON_BYTES_MAX,
	.depth_max = WARD_CEDAR_JSON_DEPTH_MAX,
	.nul_ok = true,
	.wide_ok = true };

static int unreadable(struct cedar_diags *d, int code, const struct ward_error *err)
{
	if (err->code == WARD_OK)
		return code;
	(void)ward_cedar_diag(d, CEDAR_ERROR, 0, err->start, err->end, "%s", err->message);
	if (err->fix[0] != '\0')
		ward_cedar_diag_help(d, "%s", err->fix);
	return code;
}

int ward_cedar_json_parse(struct ward_arena *a, struct ward_str text, struct ward_json **ret,
	struct cedar_diags *d)
{
	struct ward_error err = WARD_ERROR_INIT;
	int code = ward_json_parse_with(a, text.s, text.n, NULL, &limits, ret, &err);

	return code < 0 ? unreadable(d, code, &err) : WARD_OK;
}

int ward_cedar_json_each(struct ward_arena *a, struct ward_str text,
	int (*each)(const struct ward_json *element, void *arg), void *arg, struct cedar_diags *d)
{
	struct ward_error err = WARD_ERROR_INIT;
	int code = ward_json_each(a, text.s, text.n, NULL, &limits, each, arg, &err);

	return code < 0 ? unreadable(d, code, &err) : WARD_OK;
}
