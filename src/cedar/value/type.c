/* SPDX-License-Identifier: Apache-2.0 */
/* Types that a schema gives, as it writes them. */
#include "cedar/value/value.h"

const struct cedar_attr_type *ward_cedar_type_attr(const struct cedar_type *record,
	const struct cedar_str *name)
{
	uint32_t lo = 0, hi = record->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = ward_cedar_str_cmp(record->attrs[mid].name, name);

		if (c == 0)
			return &record->attrs[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static void print_record(struct ward_buf *out, const struct cedar_type *t)
{
	ward_buf_addc(out, '{');
	/* Types are shared: what is written of a small one may be longer than any memory. */
	for (uint32_t i = 0; i < t->n && !out->failed; i++) {
		struct ward_str name = ward_cedar_text(t->attrs[i].name);

		ward_buf_adds(out, i > 0 ? ", " : "");
		if (ward_cedar_is_ident(name))
			ward_buf_add(out, name.s, name.n);
		else
			ward_cedar_quote(out, name);
		ward_buf_adds(out, t->attrs[i].required ? ": " : "?: ");
		ward_cedar_type_print(out, t->attrs[i].type);
	}
	ward_buf_addc(out, '}');
}

void ward_cedar_type_print(struct ward_buf *out, const struct cedar_type *t)
{
	switch ((enum cedar_type_kind)t->kind) {
	case CEDAR_TYPE_BOOL: ward_buf_adds(out, "Bool"); break;
	case CEDAR_TYPE_LONG: ward_buf_adds(out, "Long"); break;
	case CEDAR_TYPE_STRING: ward_buf_adds(out, "String"); break;
	case CEDAR_TYPE_SET:
		ward_buf_adds(out, "Set<");
		ward_cedar_type_print(out, t->element);
		ward_buf_addc(out, '>');
		break;
	case CEDAR_TYPE_RECORD: print_record(out, t); break;
	case CEDAR_TYPE_ENTITY: ward_buf_add(out, t->name->s, t->name->n); break;
	case CEDAR_TYPE_EXT: ward_buf_adds(out, ward_cedar_ext_name((enum cedar_ext)t->ext)); break;
	case CEDAR_TYPE_NONE: break;
	}
}
