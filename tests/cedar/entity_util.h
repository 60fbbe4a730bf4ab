/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of entities: schemas and stores out of texts. */
#pragma once

#include "cedar_data.h"

static TAP_UNUSED struct cedar_schema *schema_of(const char *text)
{
	struct cedar_schema *s = NULL;
	struct cedar_diags d;

	REQUIRE(ward_cedar_diags_init(&d) == WARD_OK);
	if (ward_cedar_schema_parse(ward_str(text), CEDAR_SCHEMA_TEXT, &s, &d) < 0)
		FAIL("schema: %s", d.n > 0 ? d.v[0].message : "no words");
	ward_cedar_diags_done(&d);
	REQUIRE(s != NULL);
	return s;
}

static TAP_UNUSED struct cedar_entities *read_entities(const char *text, const struct cedar_schema *schema,
	struct cedar_diags *d)
{
	struct cedar_entities *e = NULL;
	size_t n = strlen(text);
	char *copy = malloc(n + 1);
	int code;

	REQUIRE(copy != NULL && ward_cedar_diags_init(d) == WARD_OK);
	memcpy(copy, text, n + 1);
	code = ward_cedar_entities_parse((struct ward_str){ copy, n }, schema, &e, d);
	CHECK((code == WARD_OK) == (e != NULL));
	CHECK((code == WARD_OK) == (d->errors == 0));
	memset(copy, 'x', n); /* the store does not look at its text again */
	free(copy);
	return e;
}

static TAP_UNUSED const struct cedar_uid *uid(struct cedar_pool *p, const char *type, const char *id)
{
	const struct cedar_uid *u = ward_cedar_intern_uid(p,
		ward_cedar_intern(p, type, strlen(type)), ward_cedar_intern(p, id, strlen(id)));

	REQUIRE(u != NULL);
	return u;
}
