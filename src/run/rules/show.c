/* SPDX-License-Identifier: Apache-2.0 */
/* `ward policy show` and `check`: all policies of a request as one text, as its snapshot, or counted. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/rules/rules.h"
#include "ward/policy.h"

/* Where a character of a Cedar text stands. */
enum where { IN_CODE = 0, IN_COMMENT, IN_STRING };

static enum where next(enum where at, const char *s, size_t left)
{
	switch (at) {
	case IN_CODE:
		return *s == '"'                                 ? IN_STRING
			: left > 1 && s[0] == '/' && s[1] == '/' ? IN_COMMENT
								 : IN_CODE;
	case IN_COMMENT: return *s == '\n' || *s == '\r' ? IN_CODE : IN_COMMENT;
	default: return *s == '"' ? IN_CODE : IN_STRING;
	}
}

/* Policies are UTF-8 when they are read. */
static size_t width(const char *s, size_t left)
{
	uint8_t c = (uint8_t)*s;
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return n < left ? n : left;
}

/* A character that a terminal would act on, or that nobody sees: written so that the language reads the same text. */
static void hidden(struct ward_buf *b, enum where at, const char *s, size_t n)
{
	uint32_t cp = (uint8_t)s[0] & (n == 1 ? 0xffu : 0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | ((uint8_t)s[i] & 0x3fu);
	if (*s == '\r')
		ward_buf_adds(b, at == IN_STRING ? "\\r" : "\n");
	else if (at == IN_CODE)
		ward_buf_addc(b, ' ');
	else
		ward_buf_addf(b, "\\u{%x}", (unsigned)cp);
}

/* Text of others for a terminal: lines and tabs stay, and all that is visible. */
static void shown(struct ward_buf *b, struct ward_str text)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf one = WARD_BUF_INIT;
	enum where at = IN_CODE;

	for (size_t i = 0, n; i < text.n; i += n) {
		const char *s = text.s + i;
		size_t left = text.n - i;
		/* What is behind a backslash ends no string. */
		bool pair =
			at == IN_STRING && left > 1 && *s == '\\' && (s[1] == '"' || s[1] == '\\');

		n = pair ? 2 : width(s, left);
		ward_buf_clear(&one);
		ward_show(&one, s, n);
		b->failed = b->failed || one.failed;
		if (pair || *s == '\n' || *s == '\t' || (one.n == n && memcmp(one.s, s, n) == 0))
			ward_buf_add(b, s, n);
		else
			hidden(b, at, s, n);
		at = pair ? at : next(at, s, left);
	}
}

static void source(struct ward_buf *b, const struct ward_source *s)
{
	ward_buf_adds(b, "// ---- ");
	ward_show(b, s->name, strlen(s->name));
	ward_buf_addf(b, " (%s%s) ----\n", ward_layer_name(s->layer),
		s->narrows ? ", may only narrow" : "");
	shown(b, s->text);
	if (s->text.n > 0 && s->text.s[s->text.n - 1] != '\n')
		ward_buf_addc(b, '\n');
	ward_buf_addc(b, '\n');
}

static int with_rules(struct ward_request *r,
	int (*show)(struct ward_buf *b, struct ward_resolver *rs, struct ward_rulebook *book,
		int how, struct ward_error *err),
	int how, char **ret_text, struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *book = NULL;
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_resolver rs;
	struct ward_host host;
	int code;

	if (!r || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"the policies of no request, or no place for the text");
	*ret_text = NULL;
	code = ward_rules_of(r, &host, &rs, &arena, &book, err);
	if (code == WARD_OK)
		code = show(&b, &rs, book, how, err);
	if (code < 0)
		return code;
	*ret_text = ward_buf_take(&b);
	return *ret_text ? WARD_OK : ward_rs_nomem(err);
}

int ward_rules_text(struct ward_rulebook *book, enum ward_policy_form form, struct ward_buf *b,
	struct ward_error *err)
{
	int r = WARD_OK;

	if (form == WARD_POLICY_AS_SNAPSHOT) {
		ward_buf_add(b, book->snapshot.s, book->snapshot.n);
		ward_buf_addc(b, '\n');
		return WARD_OK;
	}
	r = ward_sources_write(&book->sources, err);
	for (size_t i = 0; r == WARD_OK && i < book->sources.n; i++)
		source(b, &book->sources.v[i]);
	return r;
}

static int show(struct ward_buf *b, struct ward_resolver *rs, struct ward_rulebook *book, int how,
	struct ward_error *err)
{
	(void)rs;
	return ward_rules_text(book, (enum ward_policy_form)how, b, err);
}

int ward_request_policy(struct ward_request *r, enum ward_policy_form form, char **ret_text,
	struct ward_error *err)
{
	if (form != WARD_POLICY_AS_CEDAR && form != WARD_POLICY_AS_SNAPSHOT)
		return ward_fail(err, WARD_E_INVALID, "no such form");
	return with_rules(r, show, (int)form, ret_text, err);
}

/* ---- snapshot ---- */

int ward_request_snapshot(struct ward_request *r, const char *dir, char **ret_text,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *book = NULL;
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf path = WARD_BUF_INIT;
	struct ward_resolver rs;
	struct ward_host host;
	struct stat st;
	int code;

	if (!r || !dir || !ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_request_snapshot without a request, a directory, or a place for the text");
	*ret_text = NULL;
	code = ward_rules_of(r, &host, &rs, &arena, &book, err);
	if (code < 0)
		return code;
	ward_buf_addf(&path, "%s/%s.json", dir, book->sha256);
	if (path.failed)
		return ward_rs_nomem(err);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		(void)ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot make the directory");
		ward_fail_at(err, dir, 0, 0);
		ward_fail_fix(err, "make what lies above it, or name another one");
		return WARD_E_SYSTEM;
	}
	/* Its name is its content: one that is there is the same. */
	if (lstat(ward_buf_cstr(&path), &st) < 0 || !S_ISREG(st.st_mode) ||
		(size_t)st.st_size != book->snapshot.n)
		code = ward_replace_file(ward_buf_cstr(&path), book->snapshot.s, book->snapshot.n,
			0600, err);
	if (code < 0)
		return code;
	*ret_text = ward_buf_take(&path);
	return *ret_text ? WARD_OK : ward_rs_nomem(err);
}

/* ---- check ---- */

static void count(const struct ward_rulebook *book, size_t *permits, size_t *forbids)
{
	const struct ward_book_set *s = ward_book_grants(book->book);

	*permits = *forbids = 0;
	for (size_t k = 0; k <= ward_book_n_bounds(book->book); k++) {
		for (size_t i = 0; i < s->policies.statics.n; i++)
			++*(s->rules[i].forbids ? forbids : permits);
		s = ward_book_bound(book->book, k);
	}
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void counted(struct ward_buf *b, const struct ward_resolver *rs,
	const struct ward_rulebook *book, bool json)
{
	size_t permits, forbids;

	count(book, &permits, &forbids);
	if (!json) {
		for (size_t i = 0; i < rs->warnings.n; i++)
			ward_buf_addf(b, "warning: %s\n", rs->warnings.v[i]);
		ward_buf_addf(b,
			"%zu permit%s, %zu forbid%s, out of %zu source%s, %zu warning%s; sha256 %s\n",
			permits, plural(permits), forbids, plural(forbids), book->sources.n,
			plural(book->sources.n), rs->warnings.n, plural(rs->warnings.n),
			book->sha256);
		return;
	}
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_ku64(b, "permits", permits);
	ward_jw_ku64(b, "forbids", forbids);
	ward_jw_ku64(b, "sources", book->sources.n);
	ward_jw_kstrs(b, "warnings", rs->warnings.v, rs->warnings.n);
	ward_jw_kstr(b, "policy_sha256", book->sha256);
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
}

/* What a run would be refused for is wrong before one is tried. */
static int check(struct ward_buf *b, struct ward_resolver *rs, struct ward_rulebook *book, int json,
	struct ward_error *err)
{
	int r;

	rs->book = book;
	r = ward_rs_net_check(rs, err);
	if (r == WARD_OK)
		counted(b, rs, book, json);
	return r;
}

int ward_request_check(struct ward_request *r, bool json, char **ret_text, struct ward_error *err)
{
	return with_rules(r, check, json, ret_text, err);
}
