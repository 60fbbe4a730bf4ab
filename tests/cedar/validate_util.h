/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the validator: a schema and a policy text in, the findings as lines out.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/cedar.h"
#include "tap.h"

/* One call; everything in it is freed by check_done(). */
struct check {
	struct cedar_schema *schema;
	struct cedar_policies set;
	struct cedar_diags d;
	const char *policy; /* the text */
	int result;
};

static TAP_UNUSED void check_done(struct check *c)
{
	ward_cedar_policies_done(&c->set);
	ward_cedar_diags_done(&c->d);
	ward_cedar_schema_freep(&c->schema);
}

/* Schema and policies are read; false: one of them is none, which is a failed check unless memory is short. */
static TAP_UNUSED bool check_read(struct check *c, const char *schema, const char *policy)
{
	*c = (struct check){ .policy = policy };
	c->result = ward_cedar_diags_init(&c->d);
	if (c->result == WARD_OK)
		c->result = ward_cedar_schema_parse(ward_str(schema), CEDAR_SCHEMA_TEXT, &c->schema,
			&c->d);
	if (c->result == WARD_OK)
		c->result = ward_cedar_policies_init(&c->set);
	if (c->result == WARD_OK)
		c->result = ward_cedar_policies_parse(&c->set, ward_str(policy), NULL, false, &c->d);
	if (c->result != WARD_OK && c->result != WARD_E_NOMEM)
		FAIL("not read: %s", c->d.n > 0 ? c->d.v[0].message : "?");
	if (c->result != WARD_OK)
		return false;
	ward_cedar_diags_done(&c->d);
	c->result = ward_cedar_diags_init(&c->d);
	return c->result == WARD_OK;
}

static TAP_UNUSED void check_run(struct check *c, const struct cedar_validate_options *o)
{
	c->result = ward_cedar_validate(c->schema, &c->set, o, &c->d);
}

/* The message without "for policy `id`, ". */
static TAP_UNUSED const char *bare(const char *message)
{
	const char *p = strncmp(message, "for policy `", 12) == 0 ? strstr(message + 12, "`, ") : NULL;

	if (p == NULL && strncmp(message, "for policy `", 12) == 0)
		p = strstr(message + 12, "`: ");
	return p != NULL ? p + 3 : message;
}

/* Kind, what is underlined, message, advice; or kind and message of errors alone. */
static TAP_UNUSED void check_line(const struct check *c, const struct cedar_diag *g, bool full,
	struct ward_buf *out)
{
	const char *help = g->help != NULL ? g->help : "";

	ward_buf_adds(out, g->kind == CEDAR_FINDING_UNRECOGNIZED_ACTION_APPLICATION ?
			"InvalidActionApplication" :
			ward_cedar_finding_name(g->kind));
	ward_buf_addc(out, '\t');
	if (!full) {
		ward_buf_addf(out, "%s\n", bare(g->message));
		return;
	}
	if (g->end - g->start == strlen(c->policy))
		ward_buf_addc(out, '*');
	else
		ward_buf_add(out, c->policy + g->start, g->end - g->start);
	ward_buf_addf(out, "\t%s\t%s\n", bare(g->message), bare(help));
}

static TAP_UNUSED int line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in order, each once, so that two texts of lines can be compared as sets. */
static TAP_UNUSED void sort_lines(const char *text, struct ward_buf *out)
{
	char *copy = strdup(text), *lines[64];
	size_t n = 0;

	for (char *p = copy; p != NULL && *p && n < 64;) {
		char *end = strchr(p, '\n');

		lines[n++] = p;
		if (end != NULL)
			*end = '\0';
		p = end != NULL ? end + 1 : NULL;
	}
	qsort(lines, n, sizeof(*lines), line_cmp);
	ward_buf_clear(out);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(lines[i - 1], lines[i]) != 0)
			ward_buf_addf(out, "%s\n", lines[i]);
	free(copy);
}

/* What was found is what is wanted, as sets of lines. */
static TAP_UNUSED void check_lines(const struct check *c, const char *want, bool full)
{
	struct ward_buf got WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf a WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;
	struct ward_buf b WARD_CLEANUP(ward_buf_done) = WARD_BUF_INIT;

	for (size_t i = 0; i < c->d.n; i++)
		if (full || c->d.v[i].severity == CEDAR_ERROR)
			check_line(c, &c->d.v[i], full, &got);
	sort_lines(ward_buf_cstr(&got), &a);
	sort_lines(want, &b);
	CHECK_STR_EQ(ward_buf_cstr(&a), ward_buf_cstr(&b));
	CHECK_EQ_INT(c->result, c->d.errors > 0 ? WARD_E_REFUSED : WARD_OK);
}
