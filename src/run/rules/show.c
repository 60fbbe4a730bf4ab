/* SPDX-License-Identifier: Apache-2.0 */
/* `ward policy show` and `check`: all policies of a request as one text, as its snapshot, or counted. */
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "run/rules/rules.h"
#include "ward/policy.h"

static void source(struct ward_buf *b, const struct ward_source *s)
{
	ward_buf_addf(b, "// ---- %s (%s%s) ----\n", s->name, ward_layer_name(s->layer),
		s->narrows ? ", may only narrow" : "");
	ward_buf_add(b, s->text.s, s->text.n);
	if (s->text.n > 0 && s->text.s[s->text.n - 1] != '\n')
		ward_buf_addc(b, '\n');
	ward_buf_addc(b, '\n');
}

static int with_rules(struct ward_request *r,
	int (*show)(struct ward_buf *b, const struct ward_resolver *rs,
		const struct ward_rulebook *book, int how),
	int how, char **ret_text, struct ward_error *err)
{
	WARD_CLEANUP(ward_rulebook_freep) struct ward_rulebook *book = NULL;
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = NULL;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_resolver rs;
	struct ward_host host;
	int code = ward_rules_of(r, &host, &rs, &arena, &book, err);

	*ret_text = NULL;
	if (code == WARD_OK)
		code = show(&b, &rs, book, how);
	if (code < 0)
		return code;
	*ret_text = ward_buf_take(&b);
	return *ret_text ? WARD_OK : ward_rs_nomem(err);
}

static int show(struct ward_buf *b, const struct ward_resolver *rs,
	const struct ward_rulebook *book, int how)
{
	(void)rs;
	if (how == WARD_POLICY_AS_SNAPSHOT) {
		ward_buf_add(b, book->snapshot, book->snapshot_n);
		ward_buf_addc(b, '\n');
		return WARD_OK;
	}
	for (size_t i = 0; i < book->sources.n; i++)
		source(b, &book->sources.v[i]);
	return WARD_OK;
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
	int code = ward_rules_of(r, &host, &rs, &arena, &book, err);

	*ret_text = NULL;
	if (code < 0)
		return code;
	ward_buf_addf(&path, "%s/%s.json", dir, book->sha256);
	if (path.failed)
		return ward_rs_nomem(err);
	/* Its name is its content: one that is there is the same. */
	if (lstat(ward_buf_cstr(&path), &st) < 0 || !S_ISREG(st.st_mode) ||
		(size_t)st.st_size != book->snapshot_n)
		code = ward_replace_file(ward_buf_cstr(&path), book->snapshot, book->snapshot_n,
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

static int check(struct ward_buf *b, const struct ward_resolver *rs,
	const struct ward_rulebook *book, int json)
{
	size_t permits, forbids;

	count(book, &permits, &forbids);
	if (!json) {
		for (size_t i = 0; i < rs->warnings.n; i++)
			ward_buf_addf(b, "warning: %s\n", rs->warnings.v[i]);
		ward_buf_addf(b,
			"%zu permits, %zu forbids, out of %zu sources, %zu warnings; sha256 %s\n",
			permits, forbids, book->sources.n, rs->warnings.n, book->sha256);
		return WARD_OK;
	}
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_ku64(b, "permits", permits);
	ward_jw_ku64(b, "forbids", forbids);
	ward_jw_ku64(b, "sources", book->sources.n);
	ward_jw_key(b, "warnings");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < rs->warnings.n; i++)
		ward_jw_cstr(b, rs->warnings.v[i]);
	ward_jw_close(b, ']');
	ward_jw_kstr(b, "policy_sha256", book->sha256);
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
	return WARD_OK;
}

int ward_request_check(struct ward_request *r, bool json, char **ret_text, struct ward_error *err)
{
	return with_rules(r, check, json, ret_text, err);
}
