/* SPDX-License-Identifier: Apache-2.0 */
/* The store as entity-JSON, which is read again to an equal one. */
#include "cedar/entity/store.h"

static void member(struct ward_buf *out, const char *key, const struct cedar_record *r)
{
	struct cedar_value v = { .tag = CEDAR_V_RECORD, .record = r };

	ward_jw_key(out, key);
	ward_cedar_value_json(out, &v);
}

void ward_cedar_entities_json(const struct cedar_entities *s, struct ward_buf *out)
{
	ward_jw_open(out, '[');
	for (size_t i = 0; i < s->n && !out->failed; i++) {
		const struct cedar_entity *e = ward_cedar_entities_at(s, i);

		if (e == NULL) {
			out->failed = true;
			return;
		}
		ward_jw_open(out, '{');
		ward_jw_key(out, "uid");
		ward_cedar_uid_json(out, e->uid);
		member(out, "attrs", e->attrs);
		ward_jw_key(out, "parents");
		ward_jw_open(out, '[');
		for (uint32_t k = 0; k < e->n_parents; k++)
			ward_cedar_uid_json(out, e->parents[k]);
		ward_jw_close(out, ']');
		if (e->tags->n > 0)
			member(out, "tags", e->tags);
		ward_jw_close(out, '}');
	}
	ward_jw_close(out, ']');
}
