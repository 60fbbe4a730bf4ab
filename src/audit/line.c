/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record as text: built from an event, and checked when it is read back. docs/spec/audit.md is the format.
 * What a caller brings as finished JSON is parsed before it may be written, by the code that verify uses: a value that
 * is none, that holds a raw newline, or that would smuggle a member into the record is refused. All else is written
 * here, by the writer of base, and texts may hold any bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/log.h"

#define HEX 64u
#define PREV_KEY_LEN (sizeof(WARD_AUDIT_PREV_KEY) - 1)
#define HASH_KEY_LEN (sizeof(WARD_AUDIT_HASH_KEY) - 1)
#define HEAD_KEY_LEN (sizeof(WARD_AUDIT_HEAD_KEY) - 1)
/* Behind the hashed bytes: ,"hash":"<64>"}  (the quote before the comma belongs to prev, and is hashed) */
#define HASH_END (HASH_KEY_LEN - 1 + HEX + 2)
#define CHAIN_END (PREV_KEY_LEN + HEX + 1 + HASH_END)

/* Nodes of the longest line that JSON allows to be all commas, with room to spare. */
#define LINE_ARENA_MAX (64u << 20)

/* Every member of the format, in the order in which they stand. */
static const struct {
	const char *name;
	enum ward_json_type type;
	bool required;
} members[] = {
	{ "v", WARD_JSON_INT, true },
	{ "seq", WARD_JSON_INT, true },
	{ "id", WARD_JSON_STRING, true },
	{ "ts", WARD_JSON_INT, true },
	{ "mono", WARD_JSON_INT, true },
	{ "boot", WARD_JSON_STRING, true },
	{ "host", WARD_JSON_STRING, true },
	{ "run", WARD_JSON_STRING, false },
	{ "parent", WARD_JSON_STRING, false },
	{ "session", WARD_JSON_STRING, false },
	{ "agent", WARD_JSON_STRING, false },
	{ "trace", WARD_JSON_STRING, false },
	{ "workspace", WARD_JSON_STRING, false },
	{ "kind", WARD_JSON_STRING, true },
	{ "effect", WARD_JSON_STRING, false },
	{ "principal", WARD_JSON_STRING, false },
	{ "action", WARD_JSON_STRING, false },
	{ "resource", WARD_JSON_STRING, false },
	{ "rules", WARD_JSON_ARRAY, false },
	{ "negated", WARD_JSON_BOOL, false },
	{ "layer", WARD_JSON_STRING, false },
	{ "policy", WARD_JSON_STRING, false },
	{ "axes", WARD_JSON_OBJECT, false },
	{ "pid", WARD_JSON_INT, false },
	{ "pid_start", WARD_JSON_INT, false },
	{ "detail", WARD_JSON_OBJECT, false },
	{ "prev", WARD_JSON_STRING, true },
	{ "hash", WARD_JSON_STRING, true },
};

static const char *const effects[] = { "allow", "deny", "ask" };

static bool is_hex64(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
	return n == HEX;
}

/* ---- writing ---- */

static int check_kind(const char *kind, struct ward_error *err)
{
	if (ward_audit_kind_known(kind))
		return WARD_OK;
	const char *names[64];
	size_t n = 0;
	for (const char *k; n < WARD_ARRAY_SIZE(names) && (k = ward_audit_kind(n)); n++)
		names[n] = k;
	const char *near = kind ? ward_nearest(kind, names, n) : NULL;
	int r = ward_fail(err, WARD_E_INVALID, "audit record of unknown kind \"%s\"",
		kind ? kind : "");
	if (near)
		ward_fail_fix(err, "did you mean \"%s\"?", near);
	return r;
}

int ward_audit_event_check(const struct ward_event *e, struct ward_error *err)
{
	int r = check_kind(e->kind, err);
	if (r < 0)
		return r;
	bool known = !e->effect;
	for (size_t i = 0; !known && i < WARD_ARRAY_SIZE(effects); i++)
		known = ward_streq(e->effect, effects[i]);
	if (!known)
		return ward_fail(err, WARD_E_INVALID,
			"audit record %s: effect \"%s\" is none of allow, deny, ask", e->kind,
			e->effect);
	if (e->policy && !is_hex64(e->policy, strlen(e->policy)))
		return ward_fail(err, WARD_E_INVALID,
			"audit record %s: policy \"%s\" is no SHA-256 in lower-case hex", e->kind,
			e->policy);
	if (e->pid < 0)
		return ward_fail(err, WARD_E_INVALID, "audit record %s: pid %d is negative",
			e->kind, e->pid);
	if (e->pid_start > INT64_MAX)
		return ward_fail(err, WARD_E_INVALID, "audit record %s: pid_start is out of range",
			e->kind);
	for (size_t i = 0; i < e->n_rules; i++)
		if (!e->rules || !e->rules[i])
			return ward_fail(err, WARD_E_INVALID, "audit record %s: rule %zu is NULL",
				e->kind, i);
	return WARD_OK;
}

static void put_text(struct ward_buf *b, const char *key, const char *s)
{
	if (s)
		ward_jw_kstr(b, key, s);
}

static void put_number(struct ward_buf *b, const char *key, uint64_t v)
{
	if (v != 0)
		ward_jw_ku64(b, key, v);
}

static unsigned put_raw(struct ward_buf *b, const char *key, const char *json)
{
	if (!json)
		return 0;
	ward_jw_key(b, key);
	ward_jw_raw(b, json, strlen(json));
	return 1;
}

static void put_rules(struct ward_buf *b, const struct ward_event *e)
{
	if (e->n_rules > 0)
		ward_jw_kstrs(b, "rules", e->rules, e->n_rules);
}

/* What the log itself says of a record. */
static void put_stamp(struct ward_buf *b, const struct ward_audit_stamp *s)
{
	char id[WARD_ULID_SIZE];
	ward_ulid_next(s->ids, id);
	ward_jw_ki64(b, "v", 1);
	ward_jw_ku64(b, "seq", s->seq);
	ward_jw_kstr(b, "id", id);
	ward_jw_ku64(b, "ts", ward_now_wall_ns());
	ward_jw_ku64(b, "mono", ward_now_mono_ns());
	ward_jw_kstr(b, "boot", s->boot);
	ward_jw_kstr(b, "host", s->host);
}

/* All members of an event, in the order of the table above. */
static void put_event(struct ward_buf *b, const struct ward_event *e)
{
	put_text(b, "run", e->run);
	put_text(b, "parent", e->parent);
	put_text(b, "session", e->session);
	put_text(b, "agent", e->agent);
	put_text(b, "trace", e->trace);
	put_text(b, "workspace", e->workspace);
	put_text(b, "kind", e->kind);
	put_text(b, "effect", e->effect);
	put_text(b, "principal", e->principal);
	put_text(b, "action", e->action);
	put_text(b, "resource", e->resource);
	put_rules(b, e);
	if (e->negated)
		ward_jw_kbool(b, "negated", true);
	put_text(b, "layer", e->layer);
	put_text(b, "policy", e->policy);
	(void)put_raw(b, "axes", e->axes_json);
	put_number(b, "pid", (uint64_t)e->pid);
	put_number(b, "pid_start", e->pid_start);
	(void)put_raw(b, "detail", e->detail_json);
}

/* all: an object with what the caller brought and nothing else, as deep as in the record. count: of its members. */
static int check_parsed(const struct ward_buf *all, unsigned count, const char *kind,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = NULL;
	struct ward_json *rec = NULL;
	struct ward_error inner = WARD_ERROR_INIT;
	int r = ward_audit_line_parse(&a, all->s, all->n, NULL, 0, &rec, &inner);
	if (r == WARD_E_NOMEM)
		return ward_fail(err, r, "audit record %s: out of memory", kind);
	if (r < 0)
		return ward_fail(err, WARD_E_INVALID,
			"audit record %s: axes or detail is not valid JSON: %s", kind,
			inner.message);
	/* A value can add members to the object around it, never take one away. */
	if (rec->type != WARD_JSON_OBJECT || rec->count != count)
		return ward_fail(err, WARD_E_INVALID,
			"audit record %s: axes or detail is not one JSON object", kind);
	for (const struct ward_json *m = rec->child; m; m = m->next)
		if (m->type != WARD_JSON_OBJECT)
			return ward_fail(err, WARD_E_INVALID,
				"audit record %s: member %s is of the wrong type", kind, m->key.s);
	return WARD_OK;
}

/* Would verify accept the line with these finished values in it? Of a thousand changes most say the same. */
static int check_raw(const struct ward_event *e, const struct ward_event *before,
	struct ward_error *err)
{
	if (!e->axes_json && !e->detail_json)
		return WARD_OK;
	if (before && ward_streq(e->axes_json, before->axes_json) &&
		ward_streq(e->detail_json, before->detail_json))
		return WARD_OK;
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	ward_jw_open(&b, '{');
	unsigned count = put_raw(&b, "axes", e->axes_json);
	count += put_raw(&b, "detail", e->detail_json);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "audit record %s: out of memory", e->kind);
	for (size_t i = 0; i < b.n; i++)
		if ((unsigned char)b.s[i] < 0x20)
			return ward_fail(err, WARD_E_INVALID,
				"audit record %s: a finished JSON value holds a control byte",
				e->kind);
	return check_parsed(&b, count, e->kind, err);
}

int ward_audit_line_build(struct ward_buf *line, const struct ward_event *e,
	const struct ward_audit_stamp *s, char hash[WARD_SHA256_HEX], struct ward_error *err)
{
	ward_buf_clear(line);
	ward_jw_open(line, '{');
	put_stamp(line, s);
	put_event(line, e);
	ward_jw_kstr(line, "prev", s->prev);
	if (s->of_many)
		ward_sha256_quicken();
	if (!line->failed)
		ward_sha256_hex(line->s, line->n, hash);
	ward_jw_kstr(line, "hash", hash);
	ward_jw_close(line, '}');
	if (line->n > WARD_AUDIT_LINE_MAX) {
		int r = ward_fail(err, WARD_E_LIMIT, "audit record %s is longer than %u bytes",
			e->kind, WARD_AUDIT_LINE_MAX);
		ward_fail_fix(err, "give it less detail");
		return r;
	}
	if (line->failed)
		return ward_fail(err, WARD_E_NOMEM, "audit record %s: out of memory", e->kind);
	return check_raw(e, s->before, err);
}

/* ---- reading back ---- */

static bool no(char *why, size_t size, const char *text)
{
	if (why)
		snprintf(why, size, "%s", text);
	return false;
}

static bool read_seq(const char *line, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = HEAD_KEY_LEN;
	*ret = 0;
	if (n <= HEAD_KEY_LEN || memcmp(line, WARD_AUDIT_HEAD_KEY, HEAD_KEY_LEN) != 0 ||
		line[i] == '0')
		return false;
	for (; i < n && line[i] >= '0' && line[i] <= '9'; i++) {
		if (v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(line[i] - '0');
	}
	if (i == n || line[i] != ',' || v == 0)
		return false;
	*ret = v;
	return true;
}

bool ward_audit_line_frame(const char *line, size_t n, struct ward_audit_links *ret, char *why,
	size_t size)
{
	*ret = (struct ward_audit_links){ 0 };
	if (!read_seq(line, n, &ret->seq))
		return no(why, size, "it does not begin with {\"v\":1,\"seq\":N,");
	if (n < HEAD_KEY_LEN + 2 + CHAIN_END)
		return no(why, size, "it does not end with prev and hash");
	const char *end = line + n - CHAIN_END;
	const char *prev = end + PREV_KEY_LEN;
	const char *hash_key = prev + HEX;
	const char *hash = hash_key + HASH_KEY_LEN;
	if (memcmp(end, WARD_AUDIT_PREV_KEY, PREV_KEY_LEN) != 0 || !is_hex64(prev, HEX) ||
		memcmp(hash_key, WARD_AUDIT_HASH_KEY, HASH_KEY_LEN) != 0 || !is_hex64(hash, HEX) ||
		memcmp(hash + HEX, "\"}", 2) != 0)
		return no(why, size, "it does not end with prev and hash");
	memcpy(ret->prev, prev, HEX);
	ward_sha256_hex(line, n - HASH_END, ret->hash);
	if (memcmp(ret->hash, hash, HEX) != 0)
		return no(why, size, "hash mismatch: its bytes are not those that were hashed");
	return true;
}

bool ward_audit_record_valid(const struct ward_json *rec, char *why, size_t size)
{
	size_t at = 0;
	if (rec->type != WARD_JSON_OBJECT)
		return no(why, size, "it is not a JSON object");
	for (const struct ward_json *m = rec->child; m; m = m->next) {
		size_t i = 0;
		while (i < WARD_ARRAY_SIZE(members) &&
			!ward_str_eq(m->key, ward_str(members[i].name)))
			i++;
		if (i == WARD_ARRAY_SIZE(members))
			continue;
		for (; at < i; at++)
			if (members[at].required) {
				snprintf(why, size, "member %s is missing or out of order",
					members[at].name);
				return false;
			}
		if (i < at || m->type != members[i].type) {
			snprintf(why, size, "member %s is %s", members[i].name,
				i < at ? "out of order" : "of the wrong type");
			return false;
		}
		at = i + 1;
	}
	if (at < WARD_ARRAY_SIZE(members))
		return no(why, size, "a required member is missing");
	return true;
}

int ward_audit_line_parse(struct ward_arena **a, const char *line, size_t n, const char *file,
	uint64_t lineno, struct ward_json **ret, struct ward_error *err)
{
	*a = ward_arena_new(LINE_ARENA_MAX);
	if (!*a) {
		(void)ward_fail(err, WARD_E_NOMEM, "out of memory");
		return WARD_E_NOMEM;
	}
	int r = ward_json_parse(*a, line, n, file, ret, err);
	if (r < 0 && err && lineno)
		err->line = lineno > UINT32_MAX ? UINT32_MAX : (uint32_t)lineno;
	return r;
}
