/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things stand in a YAML text, and how the reader complains. libyaml counts characters and takes five things for the
 * end of a line; Ward counts bytes and lines end with "\n", "\r\n" alone, so the other three are refused first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/yaml_reader.h"

/* A line end of YAML 1.1 that is none in 1.2, or of 1.2 that editors do not count. */
static const char *odd_line_end(const char *s, size_t left)
{
	if (s[0] == '\r')
		return left < 2 || s[1] != '\n' ? "a carriage return" : NULL;
	if (left >= 2 && memcmp(s, "\xc2\x85", 2) == 0)
		return "U+0085";
	if (left >= 3 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0))
		return s[2] == '\xa8' ? "U+2028" : "U+2029";
	return NULL;
}

int ward_yaml_lines(struct yaml_reader *r)
{
	size_t count = 2, start = 0;

	for (size_t i = 0; i < r->n; i++)
		count += r->text[i] == '\n';
	r->lines = ward_arena_alloc(r->arena, count * sizeof(*r->lines));
	if (r->lines == NULL)
		return ward_yaml_nomem(r);
	r->n_lines = 1;
	for (size_t i = 0; i < r->n; i++) {
		const char *odd = odd_line_end(r->text + i, r->n - i);

		if (odd != NULL) {
			int code = ward_fail(r->err, WARD_E_PARSE,
				"%s, which only some readers take for the end of a line", odd);

			ward_fail_at(r->err, r->file, (uint32_t)r->n_lines,
				(uint32_t)(i - start + 1));
			ward_fail_fix(r->err,
				"end lines with \\n; inside a text write \"\\r\", \"\\N\", \"\\L\" or \"\\P\"");
			return code;
		}
		if (r->text[i] == '\n') {
			start = i + 1;
			r->lines[r->n_lines++] = (uint32_t)start;
		}
	}
	return WARD_OK;
}

size_t ward_yaml_offset(struct yaml_reader *r, const yaml_mark_t *mark)
{
	/* At the end of a text without a newline libyaml imagines one, and a line behind it. */
	if (mark->line >= r->n_lines) {
		r->line = r->n_lines - 1;
		r->column = SIZE_MAX;
		r->offset = r->n;
		return r->n;
	}
	if (mark->line != r->line || mark->column < r->column || r->offset < r->lines[mark->line]) {
		r->line = mark->line;
		r->column = 0;
		r->offset = r->lines[mark->line];
	}
	while (r->column < mark->column && r->offset < r->n) {
		r->offset++;
		while (r->offset < r->n && ((uint8_t)r->text[r->offset] & 0xc0) == 0x80)
			r->offset++;
		r->column++;
	}
	return r->offset;
}

uint32_t ward_yaml_line(const struct yaml_reader *r, const yaml_mark_t *mark)
{
	return (uint32_t)(mark->line < r->n_lines ? mark->line + 1 : r->n_lines);
}

uint32_t ward_yaml_column(struct yaml_reader *r, const yaml_mark_t *mark)
{
	size_t offset = ward_yaml_offset(r, mark);

	return (uint32_t)(offset - r->lines[r->line] + 1);
}

int ward_yaml_fail(struct yaml_reader *r, int code, const yaml_mark_t *mark, const char *fmt, ...)
{
	char message[WARD_ERROR_MESSAGE_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(message, sizeof(message), fmt, ap) < 0)
		message[0] = '\0';
	va_end(ap);
	code = ward_fail(r->err, code, "%s", message);
	ward_fail_at(r->err, r->file, ward_yaml_line(r, mark), ward_yaml_column(r, mark));
	if (r->err != NULL) {
		r->err->start = (uint32_t)ward_yaml_offset(r, mark);
		r->err->end = r->err->start + (r->err->start < r->n ? 1 : 0);
	}
	return code;
}

int ward_yaml_nomem(struct yaml_reader *r)
{
	int code = ward_fail(r->err, WARD_E_NOMEM,
		"no memory left for this document, or it needs more than is allowed for one");

	ward_fail_at(r->err, r->file, 0, 0);
	return code;
}

int ward_yaml_one_entry(struct yaml_reader *r, const yaml_event_t *event)
{
	const yaml_mark_t *from = &event->start_mark, *to = &event->end_mark;
	size_t line = from->line + 1;

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return WARD_OK;
	for (; line <= to->line && line < r->n_lines; line++) {
		size_t at = r->lines[line];
		yaml_mark_t mark = { .line = line };

		while (at < r->n && (r->text[at] == ' ' || r->text[at] == '\t'))
			at++;
		if (at + 1 >= r->n || r->text[at] != '-' || r->text[at + 1] != ' ')
			continue;
		mark.column = at - r->lines[line];
		(void)ward_yaml_fail(r, WARD_E_PARSE, &mark,
			"this \"- \" goes on with the text of line %u, and is no entry of its own",
			ward_yaml_line(r, from));
		ward_fail_fix(r->err,
			"indent it as the entries above it; a text of several lines is written in quotes");
		return WARD_E_PARSE;
	}
	return WARD_OK;
}

/* Where a text begins that wants quotes, if libyaml has taken it for something else: a pattern for an alias, an exception for a tag. */
static bool wants_quotes(const yaml_parser_t *p)
{
	return p->context != NULL &&
		(strstr(p->context, "an alias") != NULL ||
			strstr(p->context, "an anchor") != NULL ||
			strstr(p->context, "a tag") != NULL ||
			strstr(p->context, "a directive") != NULL);
}

/* What most often is wrong with a line that libyaml cannot read: a pattern without quotes, or a tab. */
static void hint(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line < r->n_lines ? p->problem_mark.line : r->n_lines - 1;
	size_t at = r->lines[line], n = 0;
	const char *ends = "\n\r", *value;
	char word[48];

	while (at < r->n &&
		(r->text[at] == ' ' ||
			(r->text[at] == '-' && at + 1 < r->n && r->text[at + 1] == ' ')))
		at++;
	if (at < r->n && r->text[at] == '\t') {
		ward_fail_fix(r->err, "indent with blanks: YAML takes no tabs there");
		return;
	}
	if (wants_quotes(p)) {
		at = ward_yaml_offset(r, &p->context_mark);
		ends = "\n\r ,]}";
	}
	value = r->text + at;
	while (at + n < r->n && n < sizeof(word) - 1 && strchr(ends, value[n]) == NULL) {
		word[n] = value[n];
		n++;
	}
	word[n] = '\0';
	if (n > 0 && strchr("*!&@`%[{", word[0]) != NULL && strchr(word, '"') == NULL)
		ward_fail_fix(r->err, "a text that begins with \"%c\" is written in quotes: \"%s\"",
			word[0], word);
	else
		ward_fail_fix(r->err, "look at the indentation and the quotes of this line");
}

int ward_yaml_broken(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem != NULL ? p->problem : "it cannot be read";
	int code;

	if (p->error == YAML_MEMORY_ERROR)
		return ward_yaml_nomem(r);
	if (p->error == YAML_READER_ERROR) {
		size_t at = p->problem_offset < r->n ? p->problem_offset : r->n;
		size_t line = 0;

		while (line + 1 < r->n_lines && r->lines[line + 1] <= at)
			line++;
		code = ward_fail(r->err, WARD_E_PARSE, "not YAML: %s", problem);
		ward_fail_at(r->err, r->file, (uint32_t)line + 1,
			(uint32_t)(at - r->lines[line] + 1));
		ward_fail_fix(r->err, "save it as UTF-8 without control characters");
		return code;
	}
	if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		code = ward_yaml_fail(r, WARD_E_PARSE, &p->problem_mark,
			"not YAML: %s (%s from line %zu)", problem, p->context,
			p->context_mark.line + 1);
	else
		code = ward_yaml_fail(r, WARD_E_PARSE, &p->problem_mark, "not YAML: %s", problem);
	hint(r);
	return code;
}
