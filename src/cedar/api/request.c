/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: who wants to do what with which thing, and under which circumstances. Each has a pool of its own.
 */
#include <stdlib.h>

#include "cedar/api/api.h"

struct ward_policy_request *ward_policy_request_new(void)
{
	struct ward_policy_request *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->pool = ward_cedar_pool_new(0);
	if (r->pool == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void ward_policy_request_free(struct ward_policy_request *r)
{
	if (r == NULL)
		return;
	ward_cedar_pool_free(r->pool);
	free(r);
}

void ward_policy_request_clear(struct ward_policy_request *r)
{
	r->r = (struct cedar_request){ 0 };
	ward_cedar_pool_reset(r->pool);
}

static void set(struct ward_policy_request *r, enum ward_policy_part part,
	const struct cedar_uid *uid)
{
	if (part == WARD_POLICY_PRINCIPAL)
		r->r.principal = uid;
	else if (part == WARD_POLICY_ACTION)
		r->r.action = uid;
	else
		r->r.resource = uid;
}

int ward_policy_request_set_text(struct ward_policy_request *r, enum ward_policy_part part,
	const char *file, const char *text, size_t n, struct ward_policy_diags *d)
{
	struct ward_str t = ward_text_of(text, n);
	const struct cedar_uid *uid = NULL;
	struct cedar_diags found;
	int code = ward_check_size(d, n, WARD_CEDAR_TEXT_MAX);

	if (code < 0)
		return code;
	code = ward_cedar_diags_init(&found);
	if (code == WARD_OK)
		code = ward_cedar_parse_uid(r->pool, t, &uid, &found);
	code = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, code);
	if (code == WARD_OK)
		set(r, part, uid);
	return code;
}

int ward_policy_request_set_uid(struct ward_policy_request *r, enum ward_policy_part part,
	const char *type, size_t type_n, const char *id, size_t id_n, struct ward_policy_diags *d)
{
	const struct cedar_str *t, *i;
	const struct cedar_uid *uid = NULL;

	if (type_n > WARD_CEDAR_TEXT_MAX || id_n > WARD_CEDAR_TEXT_MAX)
		return ward_check_size(d, type_n > id_n ? type_n : id_n, WARD_CEDAR_TEXT_MAX);
	if (!ward_cedar_is_name(ward_text_of(type, type_n)))
		return ward_diags_say(d, WARD_E_PARSE,
			"the type is not the name of an entity type");
	if (!ward_utf8_valid(ward_text_of(id, id_n).s, id_n))
		return ward_diags_say(d, WARD_E_PARSE, "the id is no valid UTF-8");
	t = ward_cedar_intern(r->pool, type, type_n);
	i = ward_cedar_intern(r->pool, ward_text_of(id, id_n).s, id_n);
	if (t != NULL && i != NULL)
		uid = ward_cedar_intern_uid(r->pool, t, i);
	if (uid == NULL)
		return ward_diags_say(d, WARD_E_NOMEM, ward_code_name(WARD_E_NOMEM));
	set(r, part, uid);
	return WARD_OK;
}

int ward_policy_request_set_context(struct ward_policy_request *r,
	const struct ward_policy_schema *schema, const char *file, const char *json, size_t n,
	struct ward_policy_diags *d)
{
	struct ward_str t = ward_text_of(json, n);
	const struct cedar_record *context = NULL;
	struct cedar_diags found;
	int code = ward_check_size(d, n, WARD_CEDAR_JSON_BYTES_MAX);

	if (code < 0)
		return code;
	if (schema != NULL && r->r.action == NULL)
		return ward_diags_say(d, WARD_E_INVALID,
			"a schema reads the context of an action, and the action is not known");
	code = ward_cedar_diags_init(&found);
	if (code == WARD_OK)
		code = ward_cedar_context_parse(r->pool, t, schema != NULL ? schema->schema : NULL,
			r->r.action, &context, &found);
	code = ward_diags_move(d, &found, &(struct origin){ file, t, NULL }, code);
	if (code == WARD_OK)
		r->r.context = context;
	return code;
}

int ward_policy_request_validate(const struct ward_policy_request *r,
	const struct ward_policy_schema *schema, struct ward_policy_diags *d)
{
	struct cedar_diags found;
	int code = ward_cedar_diags_init(&found);

	if (code == WARD_OK)
		code = ward_cedar_request_validate(&r->r, schema->schema, &found);
	return ward_diags_move(d, &found, &(struct origin){ 0 }, code);
}
