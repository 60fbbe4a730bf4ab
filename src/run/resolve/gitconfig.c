/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thing of the caller's git configuration that goes inside: user.name and user.email, so that a commit can be
 * made. Nothing else of it does (aliases and hooks are programs, credential helpers are secrets); includes are not
 * followed. What cannot be read or understood is left out: a missing name is no reason to refuse a run.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/resolve.h"

#define CONFIG_BYTES_MAX (64u << 10)
#define VALUE_MAX 256

static const char blanks[] = " \t\r";

/* Take a value as git reads it: quotes, backslash escapes, comments, blanks at the end. False: not usable. */
static bool take_value(const char *s, const char *end, char out[VALUE_MAX])
{
	bool quoted = false;
	size_t n = 0, keep = 0;

	if (end > s && end[-1] == '\r')
		end--;
	while (s < end && strchr(blanks, *s))
		s++;
	for (; s < end; s++) {
		char c = *s;

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (!quoted && (c == '#' || c == ';'))
			break;
		if (c == '\\') {
			if (++s >= end || (*s != '\\' && *s != '"'))
				return false;
			c = *s;
		}
		if ((unsigned char)c < 0x20 && c != '\t')
			return false;
		if (n + 1 >= VALUE_MAX)
			return false;
		out[n++] = c;
		if (quoted || !strchr(blanks, c))
			keep = n;
	}
	out[keep] = '\0';
	return !quoted && keep > 0 && ward_utf8_valid(out, keep);
}

static void put_value(struct ward_buf *out, const char *key, const char *value)
{
	ward_buf_addf(out, "\t%s = \"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			ward_buf_addc(out, '\\');
		ward_buf_addc(out, *value);
	}
	ward_buf_adds(out, "\"\n");
}

void ward_gitconfig_user(const char *text, size_t n, struct ward_buf *out)
{
	char name[VALUE_MAX] = "", email[VALUE_MAX] = "";
	const char *end = text + n;
	bool user = false;

	if (memchr(text, '\0', n))
		return;
	for (const char *s = text, *eol; s < end; s = eol + 1) {
		eol = memchr(s, '\n', (size_t)(end - s));
		if (!eol)
			eol = end;
		while (s < eol && strchr(blanks, *s))
			s++;
		if (s == eol)
			continue;
		if (*s == '[') {
			user = eol - s >= 6 && strncasecmp(s, "[user]", 6) == 0;
			continue;
		}
		size_t key = 0;
		while (s + key < eol && !strchr(" \t\r=", s[key]))
			key++;
		const char *eq = s + key;
		while (eq < eol && strchr(blanks, *eq))
			eq++;
		if (!user || eq >= eol || *eq != '=')
			continue;
		char value[VALUE_MAX];
		char *to = key == 4 && strncasecmp(s, "name", 4) == 0 ? name
			: key == 5 && strncasecmp(s, "email", 5) == 0 ? email
								      : NULL;
		if (to && take_value(eq + 1, eol, value))
			memcpy(to, value, sizeof(value));
	}
	if (!name[0] && !email[0])
		return;
	ward_buf_adds(out, "[user]\n");
	if (name[0])
		put_value(out, "name", name);
	if (email[0])
		put_value(out, "email", email);
}

static bool read_config(const char *path, struct ward_buf *b)
{
	return path && ward_read_file(path, CONFIG_BYTES_MAX, b, NULL) == WARD_OK;
}

const char *ward_rs_gitconfig(struct ward_resolver *rs)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf in = WARD_BUF_INIT, out = WARD_BUF_INIT;
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	const char *path = NULL;

	if (!home || home[0] != '/')
		return "";
	if (!read_config(ward_arena_printf(rs->arena, "%s/.gitconfig", home), &in)) {
		if (xdg && xdg[0] == '/')
			path = ward_arena_printf(rs->arena, "%s/git/config", xdg);
		else
			path = ward_arena_printf(rs->arena, "%s/.config/git/config", home);
		if (!read_config(path, &in))
			return "";
	}
	if (in.n > 0)
		ward_gitconfig_user(in.s, in.n, &out);
	return ward_arena_strdup(rs->arena, ward_buf_cstr(&out));
}
