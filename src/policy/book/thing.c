/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question in cedar's words. The resource is an entity that is made for it: it lies in every directory, pattern, host,
 * domain and range that contains it, as far as some policy names them, since nothing else can ask. What the sandbox chose is hostile bytes: a name
 * that has not its form is refused, never mended.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/policy.h"

struct ward_desk {
	struct ward_arena *arena; /* of one request */
	struct cedar_scratch *scratch;
	struct cedar_uid uid;
	struct cedar_entity entity;
	const struct cedar_uid **above; /* with room for their hashes */
	size_t n, cap;
	uint32_t *hits; /* of patterns */
	void *room; /* for matching them */
	size_t cap_hits, cap_room;
};

struct ward_desk *ward_desk_new(void)
{
	struct ward_desk *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->arena = ward_arena_new(0);
	d->scratch = ward_cedar_scratch_new();
	if (d->arena == NULL || d->scratch == NULL)
		ward_desk_freep(&d);
	return d;
}

void ward_desk_free(struct ward_desk *d)
{
	if (d == NULL)
		return;
	ward_arena_free(d->arena);
	ward_cedar_scratch_free(d->scratch);
	free(d->above);
	free(d->hits);
	free(d->room);
	free(d);
}

void ward_desk_freep(struct ward_desk **d)
{
	ward_desk_free(*d);
	*d = NULL;
}

struct cedar_scratch *ward_desk_scratch(struct ward_desk *d)
{
	return d->scratch;
}

/* ---- what it lies in ---- */

struct finding {
	const struct ward_book *b;
	struct ward_desk *d;
	const struct ward_query *q;
};

static bool lies_in(struct ward_desk *d, const struct cedar_uid *uid)
{
	if (d->n == d->cap) {
		size_t cap = d->cap > 0 ? d->cap * 2 : 64;
		const struct cedar_uid **v = realloc(d->above, CEDAR_ANCESTORS_BYTES(cap));

		if (v == NULL)
			return false;
		d->above = v;
		d->cap = cap;
	}
	d->above[d->n++] = uid;
	return true;
}

/* In the entity of that name, if there is one. False: no memory. */
static bool lies_in_named(const struct finding *f, enum ward_type t, const char *s, size_t n)
{
	const struct ward_known *k = &f->b->known;
	const struct cedar_str *type = f->b->types[t];
	uint64_t hash = ward_cedar_hash_mix(type->hash, ward_cedar_hash(s, n));

	if (k->cap == 0)
		return true;
	for (size_t at = hash & (k->cap - 1); k->v[at] != NULL; at = (at + 1) & (k->cap - 1)) {
		const struct cedar_uid *uid = k->v[at];

		if (uid->hash == hash && uid->id->n == n && memcmp(uid->id->s, s, n) == 0 &&
			ward_cedar_str_eq(uid->type, type))
			return lies_in(f->d, uid);
	}
	return true;
}

static bool room_for(struct ward_desk *d, const struct ward_globs *g)
{
	size_t room = ward_patterns_scratch_size(g->patterns);

	if (room > d->cap_room) {
		void *p = realloc(d->room, room);

		if (p == NULL)
			return false;
		d->room = p;
		d->cap_room = room;
	}
	if (g->n > d->cap_hits) {
		uint32_t *hits = realloc(d->hits, g->n * sizeof(*hits));

		if (hits == NULL)
			return false;
		d->hits = hits;
		d->cap_hits = g->n;
	}
	return true;
}

static int patterns(const struct finding *f, const struct ward_globs *g, struct ward_str path)
{
	size_t n;

	if (g->n == 0)
		return WARD_OK;
	if (!room_for(f->d, g))
		return WARD_E_NOMEM;
	n = ward_patterns_match(g->patterns, path, f->d->room, f->d->hits);
	for (size_t i = 0; i < n; i++) {
		if (!lies_in(f->d, g->uids[f->d->hits[i]]))
			return WARD_E_NOMEM;
	}
	return WARD_OK;
}

/* Relative patterns are about what lies in the workspace, "." being itself. */
static int all_patterns(const struct finding *f, struct ward_str path, size_t known)
{
	size_t n = f->b->workspace_n;
	int r = patterns(f, &f->b->globs[0], path);

	if (r != WARD_OK || known < n || memcmp(path.s, f->b->workspace, n) != 0)
		return r;
	if (path.n == n)
		return patterns(f, &f->b->globs[1], WARD_STR("."));
	if (n > 1 && path.s[n] != '/')
		return WARD_OK;
	n += n > 1;
	return patterns(f, &f->b->globs[1], (struct ward_str){ path.s + n, path.n - n });
}

static bool is_any_alone(struct ward_str s)
{
	static const char any[] = "/" WARD_ANY_NAME;
	const size_t n = sizeof(any) - 1;

	for (; s.n >= n && memcmp(s.s, any, n) == 0; s.n -= n)
		s.s += n;
	return s.n == 0;
}

/*
 * Absolute, one spelling. The directories above are looked up on the way. What stands for any name is none that something could be named
 * by; who did not say that it is there has a path of two spellings.
 */
static int path(const struct finding *f, bool itself)
{
	const struct ward_str all = f->q->resource;
	const char *s = all.s;
	size_t n = f->q->any ? ward_path_known(all) : all.n, from = 1;
	bool below = n < all.n;

	if (below && !is_any_alone((struct ward_str){ s + n, all.n - n }))
		return WARD_E_INVALID;
	n += below && n == 0; /* of "/" itself */
	if (n == 0 || all.n >= WARD_PATH_MAX || s[0] != '/' || (n > 1 && s[n - 1] == '/') ||
		memchr(s, '\0', n) != NULL)
		return WARD_E_INVALID;
	if ((n > 1 || below) && !lies_in_named(f, WARD_TYPE_PATH, "/", 1))
		return WARD_E_NOMEM;
	for (size_t i = 1; n > 1 && i <= n; i++) {
		size_t width = i - from;

		if (i < n && s[i] != '/')
			continue;
		if (width == 0 ||
			(s[from] == '.' && (width == 1 || (width == 2 && s[from + 1] == '.'))))
			return WARD_E_INVALID;
		if ((i < n || below) && !lies_in_named(f, WARD_TYPE_PATH, s, i))
			return WARD_E_NOMEM;
		from = i + 1;
	}
	if (itself && !below && !lies_in_named(f, WARD_TYPE_PATH, s, n))
		return WARD_E_NOMEM;
	return all_patterns(f, all, n);
}

static int only_path(const struct finding *f)
{
	return path(f, false);
}

static int file_of_path(const struct finding *f)
{
	return path(f, true);
}

static int address(const struct finding *f, const struct cedar_ip *ip)
{
	const struct ward_range *r;
	size_t at = 0;

	while ((r = ward_book_range_of(f->b, ip, &at)) != NULL) {
		if (!lies_in(f->d, r->uid))
			return WARD_E_NOMEM;
	}
	return WARD_OK;
}

/* "a.b.example.com" is in "b.example.com", "example.com", "com", and in "*.b.example.com". */
static int domains(const struct finding *f, const char *s, size_t n)
{
	char star[512];

	for (size_t i = 0; i < n; i++) {
		if (s[i] != '.')
			continue;
		if (!lies_in_named(f, WARD_TYPE_DOMAIN, s + i + 1, n - i - 1))
			return WARD_E_NOMEM;
		if (memchr(s, '.', i) != NULL || n - i + 1 > sizeof(star))
			continue;
		star[0] = '*';
		memcpy(star + 1, s + i, n - i);
		if (!lies_in_named(f, WARD_TYPE_DOMAIN, star, n - i + 1))
			return WARD_E_NOMEM;
	}
	return WARD_OK;
}

static int endpoint(const struct finding *f)
{
	struct ward_endpoint e;
	struct cedar_ip ip = { 0 };
	char host[WARD_ENDPOINT_TEXT_MAX];

	/* One spelling alone: another one would be an entity that no policy means. */
	if (!ward_endpoint_parse_asked(f->q->resource, &e))
		return WARD_E_INVALID;
	if (f->q->action != WARD_ACT_NET_LISTEN && !f->q->unreached &&
		e.kind == WARD_HOST_ADDRESS &&
		ward_address_classify(e.family, e.address) == WARD_ADDRESS_NEVER)
		return WARD_E_REFUSED;
	ward_endpoint_host(&e, host);
	if (!lies_in_named(f, WARD_TYPE_HOST, host, strlen(host)))
		return WARD_E_NOMEM;
	if (f->q->leads_to != NULL) {
		if (!ward_cedar_ip_parse(ward_str(f->q->leads_to), &ip))
			return WARD_E_INVALID;
		if (!lies_in_named(f, WARD_TYPE_HOST, f->q->leads_to, strlen(f->q->leads_to)) ||
			address(f, &ip) != WARD_OK)
			return WARD_E_NOMEM;
	}
	if (e.kind == WARD_HOST_NAME)
		return domains(f, host, strlen(host));
	return ward_cedar_ip_parse(ward_str(host), &ip) ? address(f, &ip) : WARD_E_INVALID;
}

static int plain(const struct finding *f)
{
	struct ward_str r = f->q->resource;

	return r.n == 0 || r.n >= WARD_PATH_MAX || !ward_utf8_valid(r.s, r.n) ? WARD_E_INVALID
									      : WARD_OK;
}

/* As in rules: what no variable can be called would be said to be granted by a rule about all of them, and no run is given it. */
static int variable(const struct finding *f)
{
	return ward_is_variable(f->q->resource) ? plain(f) : WARD_E_INVALID;
}

/* ---- its attributes ---- */

static bool string(const struct finding *f, struct cedar_member *m, enum ward_word name,
	const char *s, size_t n)
{
	struct cedar_str *str = ward_arena_alloc(f->d->arena, sizeof(*str) + n + 1);

	if (str == NULL)
		return false;
	str->n = (uint32_t)n;
	memcpy(str->s, s, n);
	str->hash = ward_cedar_hash(s, n);
	*m = (struct cedar_member){ .name = f->b->words[name],
		.value = { .tag = CEDAR_V_STRING, .str = str } };
	return true;
}

/* One of a closed list of words. False: no memory. */
static bool one_of(const struct finding *f, struct cedar_member *m, enum ward_word name,
	enum ward_type t, const char *id)
{
	struct cedar_member text;
	struct cedar_uid *uid = ward_arena_alloc(f->d->arena, sizeof(*uid));

	if (uid == NULL || !string(f, &text, name, id, strlen(id)))
		return false;
	*uid = (struct cedar_uid){ .type = f->b->types[t], .id = text.value.str };
	uid->hash = ward_cedar_hash_mix(uid->type->hash, uid->id->hash);
	*m = (struct cedar_member){ .name = f->b->words[name],
		.value = { .tag = CEDAR_V_ENTITY, .uid = uid } };
	return true;
}

static size_t last_name(struct ward_str r, char separator)
{
	const char *at = memrchr(r.s, separator, r.n);

	return at != NULL ? (size_t)(at - r.s) + 1 : 0;
}

/* *n attributes; WARD_E_INVALID where there is none that could be. */
static int attributes(const struct finding *f, enum ward_thing thing, struct cedar_member m[2],
	size_t *n)
{
	struct ward_str r = f->q->resource;
	const char *backend = f->q->backend != NULL ? f->q->backend : "";
	const char *action;
	enum ward_cap_type type;
	uint64_t port;
	size_t at;
	char digits[24];
	bool ok = true;

	*n = 1;
	switch (thing) {
	case WARD_THING_PROGRAM:
		if (f->q->any && r.n > 1 && r.s[r.n - 1] == '/')
			r.n--;
		at = last_name(r, '/');
		ok = string(f, m, WARD_WORD_NAME, r.s + at, r.n - at);
		break;
	case WARD_THING_ENDPOINT:
		at = last_name(r, ':');
		if (r.n - at >= sizeof(digits))
			return WARD_E_INVALID;
		memcpy(digits, r.s + at, r.n - at);
		digits[r.n - at] = '\0';
		if (ward_parse_u64(digits, 1, 65535, &port, NULL) < 0)
			return WARD_E_INVALID;
		m[0] = (struct cedar_member){ .name = f->b->words[WARD_WORD_PORT],
			.value = { .tag = CEDAR_V_LONG, .number = (int64_t)port } };
		break;
	case WARD_THING_SANDBOX:
		ok = string(f, m, WARD_WORD_BACKEND, backend, strlen(backend));
		break;
	case WARD_THING_CAPABILITY:
		*n = 2;
		for (at = 0; at < r.n && r.s[at] != ':';)
			at++;
		if (at == r.n)
			return WARD_E_INVALID;
		/* As the schema says: the action, whatever the word for it. */
		if (ward_cap_type_parse((struct ward_str){ r.s, at }, &type, NULL) < 0)
			return WARD_E_INVALID;
		action = ward_action_name(ward_cap_action(type));
		ok = string(f, &m[0], WARD_WORD_ACTION, action, strlen(action)) &&
			string(f, &m[1], WARD_WORD_TARGET, r.s + at + 1, r.n - at - 1);
		break;
	case WARD_THING_VARIABLE:
	case WARD_THING_SECRET:
	case WARD_THING_ARTIFACT:
	case WARD_THING_TABLE:
	case WARD_THING_REGISTRY:
	case WARD_THING_TOOL: ok = string(f, m, WARD_WORD_NAME, r.s, r.n); break;
	default: *n = 0; break;
	}
	return ok ? WARD_OK : WARD_E_NOMEM;
}

/* ---- the whole ---- */

static const struct {
	enum ward_type type;
	int (*find)(const struct finding *f);
} things[WARD_THING_MAX] = {
	[WARD_THING_PATH] = { WARD_TYPE_PATH, only_path },
	[WARD_THING_PROGRAM] = { WARD_TYPE_PROGRAM, file_of_path },
	[WARD_THING_REPOSITORY] = { WARD_TYPE_REPOSITORY, file_of_path },
	[WARD_THING_ENDPOINT] = { WARD_TYPE_ENDPOINT, endpoint },
	[WARD_THING_VARIABLE] = { WARD_TYPE_VARIABLE, variable },
	[WARD_THING_SECRET] = { WARD_TYPE_SECRET, plain },
	[WARD_THING_ARTIFACT] = { WARD_TYPE_ARTIFACT, plain },
	[WARD_THING_TABLE] = { WARD_TYPE_TABLE, plain },
	[WARD_THING_REGISTRY] = { WARD_TYPE_REGISTRY, plain },
	[WARD_THING_TOOL] = { WARD_TYPE_TOOL, plain },
	[WARD_THING_SANDBOX] = { WARD_TYPE_SANDBOX, plain },
	[WARD_THING_CAPABILITY] = { WARD_TYPE_CAPABILITY, plain },
	[WARD_THING_MODE] = { WARD_TYPE_MODE, plain },
};

static int resource(const struct finding *f, enum ward_thing thing)
{
	static const struct cedar_record nothing = { 0 };
	struct ward_desk *d = f->d;
	struct cedar_member m[2];
	struct cedar_str *id;
	size_t n;
	int r = attributes(f, thing, m, &n);

	if (r != WARD_OK)
		return r;
	r = things[thing].find(f);
	if (r != WARD_OK)
		return r;
	id = ward_arena_alloc(d->arena, sizeof(*id) + f->q->resource.n + 1);
	if (id == NULL)
		return WARD_E_NOMEM;
	id->n = (uint32_t)f->q->resource.n;
	memcpy(id->s, f->q->resource.s, id->n);
	id->hash = ward_cedar_hash(id->s, id->n);
	d->uid = (struct cedar_uid){ .type = f->b->types[things[thing].type], .id = id };
	d->uid.hash = ward_cedar_hash_mix(d->uid.type->hash, id->hash);
	d->entity = (struct cedar_entity){ .uid = &d->uid, .attrs = &nothing, .tags = &nothing };
	if (n > 0)
		d->entity.attrs = ward_cedar_record_new(d->arena, m, n, NULL);
	if (d->n > 0)
		ward_cedar_entity_ancestors(&d->entity, d->above, (uint32_t)d->n);
	return d->entity.attrs != NULL ? WARD_OK : WARD_E_NOMEM;
}

static int context(const struct finding *f, const struct cedar_record **ret)
{
	const struct ward_query *q = f->q;
	const struct {
		enum ward_word word;
		const char *text;
	} more[] = { { WARD_WORD_ARGV, q->argv_sha256 }, { WARD_WORD_METHOD, q->method },
		{ WARD_WORD_PATH, q->path }, { WARD_WORD_BRANCH, q->branch },
		{ WARD_WORD_REMOTE, q->remote }, { WARD_WORD_PROGRAM, q->program } };
	WARD_UNSET struct cedar_member m[WARD_WORD_MAX];
	size_t n = f->b->n_fixed;

	memcpy(m, f->b->fixed, n * sizeof(*m));
	for (size_t i = 0; i < n && q->tier != NULL; i++) {
		if (m[i].name == f->b->words[WARD_WORD_TIER])
			m[i].value.number = *q->tier;
	}
	m[n++] = (struct cedar_member){ .name = f->b->words[WARD_WORD_TIME],
		.value = { .tag = CEDAR_V_DATETIME, .number = q->now_ms } };
	for (size_t i = 0; i < WARD_ARRAY_SIZE(more); i++) {
		if (more[i].text == NULL)
			continue;
		if (!ward_utf8_valid(more[i].text, strlen(more[i].text)))
			return WARD_E_INVALID;
		if (!string(f, &m[n++], more[i].word, more[i].text, strlen(more[i].text)))
			return WARD_E_NOMEM;
	}
	if (q->inspected != NULL &&
		!one_of(f, &m[n++], WARD_WORD_INSPECTED, WARD_TYPE_PROTOCOL, q->inspected))
		return WARD_E_NOMEM;
	*ret = ward_cedar_record_new(f->d->arena, m, n, NULL);
	return *ret != NULL ? WARD_OK : WARD_E_NOMEM;
}

int ward_book_request(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	struct cedar_request *ret)
{
	struct finding f = { b, d, q };
	enum ward_thing thing =
		q->thing != WARD_THING_NONE ? q->thing : ward_action_thing(q->action);
	int r;

	*ret = (struct cedar_request){ 0 };
	if ((unsigned)q->action <= WARD_ACT_NONE || (unsigned)q->action >= WARD_ACT_MAX ||
		(unsigned)thing >= WARD_THING_MAX || things[thing].find == NULL ||
		q->resource.s == NULL)
		return WARD_E_INVALID;
	ward_arena_reset(d->arena);
	d->n = 0;
	r = resource(&f, thing);
	if (r == WARD_OK)
		r = context(&f, &ret->context);
	if (r != WARD_OK)
		return r;
	ret->principal = q->by_person ? b->person : b->principal;
	ret->action = b->actions[q->action];
	ret->resource = &d->uid;
	ret->own[2] = &d->entity;
	return WARD_OK;
}

int ward_book_told_apart(const struct ward_book *b, struct ward_desk *d, const struct ward_query *q,
	bool (*counts)(void *arg, const struct cedar_uid *uid), void *arg, struct ward_buf *to)
{
	struct finding f = { b, d, q };
	struct ward_endpoint e;
	struct cedar_request request;
	int r = ward_book_request(b, d, q, &request);

	if (r != WARD_OK || !ward_endpoint_parse_asked(q->resource, &e))
		return r != WARD_OK ? r : WARD_E_INVALID;
	/* It may be named itself: then it is what it "lies in", too. */
	if (!lies_in_named(&f, WARD_TYPE_ENDPOINT, q->resource.s, q->resource.n))
		return WARD_E_NOMEM;
	ward_buf_addf(to, "%u\n", e.ports[0].first);
	for (size_t i = 0; i < d->n; i++) {
		if (counts == NULL || counts(arg, d->above[i]))
			ward_buf_addf(to, "%s %s\n", d->above[i]->type->s, d->above[i]->id->s);
	}
	return to->failed ? WARD_E_NOMEM : WARD_OK;
}
