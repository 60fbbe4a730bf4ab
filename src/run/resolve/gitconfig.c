/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thing of the caller's git configuration that goes inside: user.name and user.email, so that a commit can be
 * made. Nothing else of it does (aliases and hooks are programs, credential helpers are secrets); includes are not
 * followed. What cannot be read or understood is left out: a missing name is no reason to refuse a run; no memory is, as everywhere.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define CONFIG_BYTES_MAX (64u << 10)

static const char blanks[] = " \t\r";

/* Take a value as git reads it: quotes, backslash escapes, comments, blanks at the end. False: not usable. */
static bool take_value(const char *s, const char *end, char out[WARD_GITCONFIG_VALUE_MAX])
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
		if (n + 1 >= WARD_GITCONFIG_VALUE_MAX)
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

/* Is this line, from "[" on, the head of the section, or of its subsections where those count? */
static bool is_section(const char *s, const char *eol, const char *section, bool subsections)
{
	size_t n = strlen(section);

	if ((size_t)(eol - s) < n + 2 || strncasecmp(s + 1, section, n) != 0)
		return false;
	return s[n + 1] == ']' || (subsections && strchr(" \t\"", s[n + 1]));
}

/* Behind the head of a section: a key may follow on the same line. */
static const char *behind_head(const char *s, const char *eol)
{
	bool quoted = false;

	for (; s < eol; s++) {
		if (*s == '\\' && quoted && s + 1 < eol)
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (*s == ']' && !quoted)
			return s + 1;
	}
	return eol;
}

bool ward_gitconfig_each(const char *text, size_t n, const struct ward_gitconfig_key *k,
	bool (*each)(const char *value, void *arg), void *arg)
{
	const char *end = text + n;
	bool here = false;

	if (memchr(text, '\0', n))
		return true;
	/* git passes over a mark of the byte order. */
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (const char *s = text, *eol; s < end; s = eol + 1) {
		char value[WARD_GITCONFIG_VALUE_MAX];
		size_t key = 0;
		const char *eq;

		eol = memchr(s, '\n', (size_t)(end - s));
		if (!eol)
			eol = end;
		while (s < eol && strchr(blanks, *s))
			s++;
		if (s < eol && *s == '[') {
			here = is_section(s, eol, k->section, k->subsections);
			s = behind_head(s, eol);
			while (s < eol && strchr(blanks, *s))
				s++;
		}
		while (s + key < eol && !strchr(" \t\r=", s[key]))
			key++;
		eq = s + key;
		while (eq < eol && strchr(blanks, *eq))
			eq++;
		if (!here ||
			(k->key && (key != strlen(k->key) || strncasecmp(s, k->key, key) != 0)))
			continue;
		/* A key alone says yes. */
		if (eq >= eol || *eq == '#' || *eq == ';') {
			if (k->alone && !each("true", arg))
				return false;
			continue;
		}
		if (*eq != '=')
			continue;
		if (take_value(eq + 1, eol, value) && !each(value, arg))
			return false;
	}
	return true;
}

struct user {
	char name[WARD_GITCONFIG_VALUE_MAX], email[WARD_GITCONFIG_VALUE_MAX];
};

static bool keep_value(const char *value, void *arg)
{
	(void)snprintf(arg, WARD_GITCONFIG_VALUE_MAX, "%s", value);
	return true;
}

void ward_gitconfig_user(const char *text, size_t n, struct ward_buf *out)
{
	static const struct ward_gitconfig_key name = { "user", "name", false },
					       email = { "user", "email", false };
	struct user u = { { 0 }, { 0 } };

	(void)ward_gitconfig_each(text, n, &name, keep_value, u.name);
	(void)ward_gitconfig_each(text, n, &email, keep_value, u.email);
	if (!u.name[0] && !u.email[0])
		return;
	ward_buf_adds(out, "[user]\n");
	if (u.name[0])
		put_value(out, "name", u.name);
	if (u.email[0])
		put_value(out, "email", u.email);
}

/* WARD_E_NOMEM is told from all that a run can do without. */
static int read_config(const char *path, struct ward_buf *b)
{
	return path ? ward_read_file(path, CONFIG_BYTES_MAX, b, NULL) : WARD_E_NOMEM;
}

/* The caller's own; what it includes is not followed. WARD_E_NOMEM, and out is less than it is. */
static int read_user(struct ward_resolver *rs, struct ward_buf *out)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf in = WARD_BUF_INIT;
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	const char *path;
	int r;

	if (!home || home[0] != '/')
		return WARD_OK;
	r = read_config(ward_arena_printf(rs->arena, "%s/.gitconfig", home), &in);
	if (r < 0 && r != WARD_E_NOMEM) {
		if (xdg && xdg[0] == '/')
			path = ward_arena_printf(rs->arena, "%s/git/config", xdg);
		else
			path = ward_arena_printf(rs->arena, "%s/.config/git/config", home);
		r = read_config(path, &in);
	}
	if (r == WARD_OK && in.n > 0)
		ward_gitconfig_user(in.s, in.n, out);
	return r == WARD_E_NOMEM ? r : WARD_OK;
}

/* Fixed words: what the caller's own configuration would run is not asked. */
#define LFS_PROGRAM "/usr/bin/git-lfs"
#define LFS_CONFIG \
	"[filter \"lfs\"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n" \
	"\tprocess = git-lfs filter-process\n\trequired = true\n[lfs]\n\tstorage = /tmp/.git-lfs\n"

const char *ward_rs_git_lfs(struct ward_resolver *rs)
{
	const struct ward_git *g = rs->book ? &rs->book->git : NULL;
	struct ward_target t;

	if (rs->r->mode != WARD_MODE_WORKSPACE_WRITE && rs->r->mode != WARD_MODE_READ_ONLY)
		return NULL;
	for (size_t i = 0; g && i < g->dirs.n; i++) {
		const char *lfs = ward_arena_printf(rs->arena, "%s/lfs", g->dirs.v[i]);

		/* A list of directories is written with colons. */
		if (lfs && !strchr(lfs, ':') && ward_rs_target(rs, lfs, &t) == 0 &&
			S_ISDIR(t.st.st_mode) && ward_rs_target(rs, LFS_PROGRAM, &t) == 0)
			return g->dirs.v[i];
	}
	return NULL;
}

const char *ward_rs_gitconfig(struct ward_resolver *rs)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf out = WARD_BUF_INIT;

	/* Root's files are another's inside, and an index keeps whose each was: all would look changed, and be read each time. */
	if (rs->host->uid == 0)
		ward_buf_adds(&out, "[core]\n\tcheckStat = minimal\n");
	if (read_user(rs, &out) < 0)
		return NULL;
	/* git-lfs writes what it compares: where git's own directories are not written, to a place of the run's. */
	if (ward_rs_git_lfs(rs))
		ward_buf_adds(&out, LFS_CONFIG);
	/* Half of it is another configuration. */
	return out.failed ? NULL : ward_arena_strdup(rs->arena, ward_buf_cstr(&out));
}
