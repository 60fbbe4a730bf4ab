/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the parser: a text in, what became of it in pool, list and diags until the next one. */
#pragma once

#include "cedar/syntax/syntax.h"
#include "tap.h"

static struct cedar_pool *pool;
static struct cedar_diags diags;
static struct cedar_policy_list list;

static void fresh(void)
{
	ward_cedar_policy_list_done(&list);
	ward_cedar_diags_done(&diags);
	ward_cedar_pool_freep(&pool);
	pool = ward_cedar_pool_new(0);
	REQUIRE(pool != NULL && ward_cedar_diags_init(&diags) == WARD_OK);
}

static TAP_UNUSED int policies(const char *text, size_t n)
{
	fresh();
	return ward_cedar_parse_policies(pool, (struct ward_str){ text, n }, NULL, &list, &diags);
}
