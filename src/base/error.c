/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filling and naming errors. A message is one printable line whatever the text in it was: control
 * bytes and bytes that are not UTF-8 are escaped, and what is too long is cut between two
 * characters. Nothing here allocates, so that "out of memory" can be said. A code that is no
 * failure becomes WARD_E_INTERNAL: an error is never an allow.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/text.h"

/* More than any field holds, so that a cut is always seen and marked. */
#define RAW_MAX 1024

static const struct {
	int code;
	const char *text;
} codes[] = {
#define WARD_X(name, value, text) { value, text },
	WARD_CODES(WARD_X)
#undef WARD_X
};

static const struct {
	const char *name, *code;
} classes[] = {
#define WARD_X(id, name, code, parent) [id] = { name, code },
	WARD_ERROR_CLASSES(WARD_X)
#undef WARD_X
};

static const struct {
	const char *name, *code;
} violations[] = {
#define WARD_X(id, name, code) [id] = { name, code },
	WARD_VIOLATIONS(WARD_X)
#undef WARD_X
};

const char *ward_code_name(int code)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(codes); i++) {
		if (codes[i].code == code)
			return codes[i].text;
	}
	return "unknown";
}

const char *ward_error_class_name(enum ward_error_class c)
{
	return (size_t)c < WARD_ARRAY_SIZE(classes) ? classes[c].name : "unknown";
}

const char *ward_error_class_code(enum ward_error_class c)
{
	return (size_t)c < WARD_ARRAY_SIZE(classes) ? classes[c].code : "unknown";
}

const char *ward_violation_name(enum ward_violation_type v)
{
	return (size_t)v < WARD_ARRAY_SIZE(violations) ? violations[v].name : "unknown";
}

const char *ward_violation_code(enum ward_violation_type v)
{
	return (size_t)v < WARD_ARRAY_SIZE(violations) ? violations[v].code : "unknown";
}

/* The class that a code belongs to unless ward_fail_class() says another. */
static enum ward_error_class class_of(int code)
{
	if (code == WARD_E_CAPABILITY)
		return WARD_CLASS_CAPABILITY;
	return code == WARD_E_SPAWN ? WARD_CLASS_EXTERNAL_COMMAND : WARD_CLASS_SECURITY;
}

/*
 * The values may point into err itself (a message that quotes the one before it): they are
 * formatted before err is touched. tail is kept whole; the message in front of it is cut.
 */
WARD_PRINTF(5, 0)
static int fill(struct ward_error *err, int code, int sys, const char *tail, const char *fmt,
	va_list ap)
{
	char raw[RAW_MAX];
	size_t room, len;

	if (code >= 0 || code < WARD_E_INTERNAL)
		code = WARD_E_INTERNAL;
	if (err == NULL)
		return code;
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	memset(err, 0, sizeof(*err));
	err->code = code;
	err->sys_errno = sys;
	err->error_class = class_of(code);
	room = sizeof(err->message) - strlen(tail);
	len = ward_escape_fixed(err->message, room, raw, strlen(raw), "");
	memcpy(err->message + len, tail, strlen(tail) + 1);
	return code;
}

int ward_fail(struct ward_error *err, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fill(err, code, 0, "", fmt, ap);
	va_end(ap);
	return r;
}

/* The C library of the static ward knows no words for some errors that the kernel gives. */
static const char *words_of(int sys)
{
	switch (sys) {
	case EUSERS: return "Too many users";
	case ETOOMANYREFS: return "Too many references";
	case EUCLEAN: return "Structure needs cleaning";
	default: return strerror(sys);
	}
}

int ward_fail_errno(struct ward_error *err, int code, int sys, const char *fmt, ...)
{
	char tail[96];
	va_list ap;
	int saved = errno;
	int r;

	sys = sys < 0 ? -sys : sys;
	(void)snprintf(tail, sizeof(tail), ": %s", words_of(sys));
	va_start(ap, fmt);
	r = fill(err, code, sys, tail, fmt, ap);
	va_end(ap);
	errno = saved;
	return r;
}

void ward_fail_at(struct ward_error *err, const char *file, uint32_t line, uint32_t column)
{
	char name[WARD_ERROR_FILE_MAX];

	if (err == NULL)
		return;
	if (file != NULL) {
		(void)ward_escape_fixed(name, sizeof(name), file, strlen(file), "");
		memcpy(err->file, name, sizeof(err->file));
	}
	err->line = line;
	err->column = column;
}

void ward_fail_fix(struct ward_error *err, const char *fmt, ...)
{
	char raw[RAW_MAX];
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	va_end(ap);
	(void)ward_escape_fixed(err->fix, sizeof(err->fix), raw, strlen(raw), "");
}

void ward_fail_class(struct ward_error *err, enum ward_error_class c, enum ward_violation_type v)
{
	if (err == NULL)
		return;
	err->error_class = c;
	err->violation = v;
}

size_t ward_error_format(const struct ward_error *err, char *buf, size_t size)
{
	char where[WARD_ERROR_FILE_MAX + 32] = "";
	static const struct ward_error none = WARD_ERROR_INIT;
	const char *message, *before_fix;
	int n;

	err = err != NULL ? err : &none;
	message = err->message[0] != '\0' ? err->message : ward_code_name(err->code);
	before_fix = err->fix[0] != '\0' ? "; " : "";
	if (err->line > 0 && err->column > 0)
		(void)snprintf(where, sizeof(where),
			"%s%u:%u: ", err->file[0] != '\0' ? "" : "line ", err->line, err->column);
	else if (err->line > 0)
		(void)snprintf(where, sizeof(where), "%s%u: ", err->file[0] != '\0' ? "" : "line ",
			err->line);
	n = snprintf(buf, size, "%s%s%s%s%s%s", err->file,
		err->file[0] == '\0' ? "" : (where[0] != '\0' ? ":" : ": "), where, message,
		before_fix, err->fix);
	return n < 0 ? 0 : (size_t)n;
}
