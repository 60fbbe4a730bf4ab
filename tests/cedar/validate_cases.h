/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads validate.cases, whose first lines say what it is.
 */
#pragma once

#include "validate_util.h"

struct cases {
	char *text, *at;
	struct ward_buf schema;
};
struct one {
	struct ward_buf policy, strict, permissive;
	bool differs; /* permissively */
	const char *how, *body; /* of cases.text */
};

static TAP_UNUSED void cases_done(struct cases *s)
{
	free(s->text);
	ward_buf_done(&s->schema);
}

static TAP_UNUSED void one_done(struct one *o)
{
	ward_buf_done(&o->policy);
	ward_buf_done(&o->strict);
	ward_buf_done(&o->permissive);
}

/* The next line without its end; NULL: there is no more. */
static char *next_line(struct cases *s)
{
	char *line = s->at, *end = strchr(line, '\n');

	if (*line == '\0' || end == NULL)
		return NULL;
	*end = '\0';
	s->at = end + 1;
	return line;
}

static TAP_UNUSED bool cases_open(struct cases *s)
{
	FILE *f = fopen(WARD_SOURCE_ROOT "/tests/cedar/validate.cases", "r");
	long n;

	*s = (struct cases){ .schema = WARD_BUF_INIT };
	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0)
		return false;
	rewind(f);
	s->at = s->text = calloc(1, (size_t)n + 1);
	if (s->text == NULL || fread(s->text, 1, (size_t)n, f) != (size_t)n)
		return false;
	fclose(f);
	return true;
}

static const char *frame(const char *how, size_t n)
{
	static const struct {
		const char *how, *format;
	} frames[] = {
		{ "user",
			"permit(principal is User, action == Action::\"read\", resource is Doc) when { %s };" },
		{ "both",
			"permit(principal, action in [Action::\"read\", Action::\"edit\"], resource is Doc) when { %s };" },
		{ "any", "permit(principal, action, resource) when { %s };" },
		{ "policy", "%s" },
	};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		if (strlen(frames[i].how) == n && memcmp(frames[i].how, how, n) == 0)
			return frames[i].format;
	return NULL;
}

static void one_line(struct one *o, const char *line)
{
	unsigned tabs = 0;

	if (strcmp(line, "~") == 0) {
		o->differs = true;
		ward_buf_clear(&o->permissive);
		return;
	}
	for (const char *p = line; *p; p++)
		tabs += *p == '\t';
	if (o->differs) {
		ward_buf_addf(&o->permissive, "%s\n", line);
		return;
	}
	ward_buf_addf(&o->strict, "%s%s\n", line, tabs == 2 ? "\t" : "");
	if (strncmp(line, "Impossible", 10) == 0 || strncmp(line, "InvalidActionApp", 16) == 0)
		return;
	const char *place = strchr(line, '\t'), *text = strchr(place + 1, '\t');

	ward_buf_add(&o->permissive, line, (size_t)(place - line));
	ward_buf_add(&o->permissive, text, strcspn(text + 1, "\t") + 1);
	ward_buf_addc(&o->permissive, '\n');
}

static TAP_UNUSED bool cases_next(struct cases *s, struct one *o)
{
	bool schema = false;
	char *line, *how;
	size_t n;

	*o = (struct one){ 0 };
	while ((line = next_line(s)) != NULL && strncmp(line, "= ", 2) != 0) {
		if (*line != '%')
			continue;
		if (!schema)
			ward_buf_clear(&s->schema);
		schema = true;
		ward_buf_addf(&s->schema, "%s\n", line + 2);
	}
	if (line == NULL)
		return false;
	how = line + 2;
	n = strcspn(how, " ");
	o->how = how;
	o->body = how + n + 1;
	for (const char *f = frame(how, n); f != NULL && *f; f++) {
		if (f[0] == '%' && f[1] == 's') {
			ward_buf_adds(&o->policy, o->body);
			f++;
		} else {
			ward_buf_addc(&o->policy, *f);
		}
	}
	while ((line = next_line(s)) != NULL && *line != '\0')
		one_line(o, line);
	CASE("%s", ward_buf_cstr(&o->policy));
	return true;
}
