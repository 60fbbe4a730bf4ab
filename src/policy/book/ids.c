/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids of Ward's entities have forms: a path is absolute or begins with "./", a pattern is of grammar 2, a host is in lower
 * case. A second spelling would be an entity of its own, which no request ever names: a rule about it would be void and
 * nobody would know. So it is an error, at its place, with the spelling that is right. What begins with "./" is bound to the
 * workspace here. What is mentioned is remembered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/book/own.h"
#include "policy/doc/component.h"
#include "policy/fail.h"

#define ID_MAX 4096

static bool refuse(struct cedar_refusal *why, const char *what, const char *help)
{
	(void)snprintf(why->what, sizeof(why->what), "%s", what);
	/* One that does not fit whole is none. */
	if (strlen(help) < sizeof(why->help))
		memcpy(why->help, help, strlen(help) + 1);
	return false;
}

/* Right is `spelling`, which may be too long to be shown. */
static bool respell(struct cedar_refusal *why, const char *what, const char *spelling)
{
	(void)snprintf(why->what, sizeof(why->what), "%s", what);
	if (strlen(spelling) < sizeof(why->help) - 16)
		(void)snprintf(why->help, sizeof(why->help), "write \"%s\"", spelling);
	return false;
}

/* ---- forms: false: *why; out gets the id that counts ---- */

typedef bool form_fn(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why);

/* What to write for a path that is neither absolute nor bound: "./" before what means another place would be a rule about nothing. */
static const char *unbound_fix(const char *id)
{
	if (id[0] == '.' && id[1] == '\0')
		return "the workspace itself is \"./\"";
	if (id[0] == '.' && id[1] == '.')
		return "write the whole path: \"..\" is in none";
	if (id[0] == '~')
		return "\"~\" is not expanded: write the whole path";
	if (ward_path_elsewhere(id) != NULL)
		return "write the whole path as this host has it: no variable is expanded, and no drive and no URL is known";
	return "write \"./\" before it, or the whole path";
}

static bool path_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	bool bound = strncmp(id, "./", 2) == 0;
	WARD_UNSET char normal[WARD_PATH_MAX];

	if (id[0] != '/' && !bound)
		return refuse(why,
			"a path is absolute or begins with \"./\", which is the workspace",
			unbound_fix(id));
	if (ward_path_has_dotdot(id))
		return refuse(why, "\"..\" in a path: what it names depends on links",
			"write the path that is meant");
	if (ward_path_normalize(bound ? id + 1 : id, normal, sizeof(normal)) < 0)
		return refuse(why, "the path is too long", "");
	if (strcmp(normal, bound ? id + 1 : id) != 0) {
		WARD_UNSET char right[WARD_PATH_MAX + 1];

		(void)snprintf(right, sizeof(right), "%s%s", bound ? "." : "", normal);
		return respell(why,
			"a path has one spelling: no \"//\", no \"/./\", no \"/\" at its end",
			right);
	}
	if (bound &&
		ward_path_join(b->workspace, strcmp(id, "./") == 0 ? "." : id + 2, out,
			WARD_PATH_MAX) < 0)
		return refuse(why, "the path is too long below the workspace", "");
	if (!bound)
		memcpy(out, normal, strlen(normal) + 1);
	return true;
}

/* Hosts, however many, as the resource of a rule: what an option says in one word takes another type here. */
static void in_hosts(const struct ward_endpoint *e, char *out, size_t size)
{
	char host[WARD_ENDPOINT_TEXT_MAX];
	const char *type = "Host", *id = host;

	ward_endpoint_host(e, host);
	if (e->kind == WARD_HOST_RANGE)
		type = "Cidr";
	else if (e->kind == WARD_HOST_CHILD || e->kind == WARD_HOST_BELOW)
		type = "Domain";
	if (e->kind == WARD_HOST_BELOW)
		id += strlen("**.");
	(void)snprintf(out, size, "`resource in Ward::%s::\"%.90s\"`", type,
		strlen(id) <= 90 ? id : "...");
}

/* Hosts are there, and the ports of an option: those of a rule are asked for in its conditions. */
static bool ports_apart(const struct ward_endpoint *e, const char *what, struct cedar_refusal *why)
{
	char hosts[128];

	in_hosts(e, hosts, sizeof(hosts));
	(void)snprintf(why->what, sizeof(why->what), "%s", what);
	(void)snprintf(why->help, sizeof(why->help),
		"one port is HOST:443; every port: %s; some: that, and `resource.port` in a condition",
		hosts);
	return false;
}

static bool no_endpoint(const char *id, const struct ward_endpoint_fault *bad,
	struct cedar_refusal *why)
{
	struct ward_endpoint_fault other;
	struct ward_endpoint e;
	const char *colon = strrchr(id, ':');
	char what[128], host[WARD_ENDPOINT_TEXT_MAX];

	(void)snprintf(what, sizeof(what), "this is no endpoint: %.100s", bad->what);
	if (colon == NULL || colon[1] == ']')
		colon = id + strlen(id);
	if (colon - id < (ptrdiff_t)sizeof(host) - 2) {
		(void)snprintf(host, sizeof(host), "%.*s:1", (int)(colon - id), id);
		if (strstr(id, "://") == NULL && ward_endpoint_parse(ward_str(host), &e, &other))
			return ports_apart(&e, what, why);
	}
	return refuse(why, what, bad->fix);
}

/* host:port as in a capability, but one host and one port. */
static bool endpoint_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	struct ward_endpoint_fault bad;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];

	(void)b;
	if (!ward_endpoint_parse(ward_str(id), &e, &bad))
		return no_endpoint(id, &bad, why);
	if (!ward_endpoint_is_one(&e))
		return ports_apart(&e, "an endpoint is one host and one port", why);
	ward_endpoint_text(&e, text);
	if (strcmp(text, id) != 0)
		return respell(why, "an endpoint has one spelling", text);
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

/* Hosts that an option names by a pattern are another type of Ward's: the rule that means the same. */
static bool many_hosts(const char *id, enum ward_host_kind kind, struct cedar_refusal *why)
{
	const char *type = kind == WARD_HOST_RANGE ? "Cidr" : "Domain";

	if (kind == WARD_HOST_BELOW)
		id += strlen("**.");
	(void)snprintf(why->what, sizeof(why->what),
		"these are several hosts, and this is the type of one");
	if (strlen(id) < sizeof(why->help) - 40)
		(void)snprintf(why->help, sizeof(why->help), "write `resource in Ward::%s::\"%s\"`",
			type, id);
	return false;
}

/* One host, as it stands in an endpoint: with its brackets and a port, which every host has. */
static bool one_host(const char *id, enum ward_host_kind kind, struct cedar_refusal *why)
{
	struct ward_endpoint_fault bad;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int n = snprintf(text, sizeof(text), strchr(id, ':') != NULL ? "[%s]:1" : "%s:1", id);

	if (n < 0 || (size_t)n >= sizeof(text))
		return refuse(why, "the name of the host is too long", "");
	if (!ward_endpoint_parse(ward_str(text), &e, &bad)) {
		char what[128];

		(void)snprintf(what, sizeof(what), "this is no host's name or address: %.90s",
			bad.what);
		return refuse(why, what, bad.fix);
	}
	if (e.kind != kind && !(kind == WARD_HOST_NAME && e.kind == WARD_HOST_ADDRESS))
		return many_hosts(id, e.kind, why);
	ward_endpoint_host(&e, text);
	if (strcmp(text, id) != 0)
		return respell(why, "a host has one spelling", text);
	return true;
}

static bool host_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	(void)b;
	if (!one_host(id, WARD_HOST_NAME, why))
		return false;
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

/* "example.com", or "*.example.com". */
static bool domain_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	const char *name = strncmp(id, "*.", 2) == 0 ? id + 2 : id;
	struct cedar_refusal spelling = { 0 };

	(void)b;
	if (strncmp(id, "**.", 3) == 0)
		return respell(why, "every name below a domain is the domain itself", id + 3);
	if (ward_name_is_normal(ward_str(name))) {
		(void)snprintf(out, WARD_PATH_MAX, "%s", id);
		return true;
	}
	(void)one_host(name, WARD_HOST_NAME, &spelling);
	return refuse(why, "a domain is a name in lower case; \"*.\" before it: one label below it",
		strncmp(id, "*.", 2) == 0 ? "" : spelling.help);
}

/* As it stands in an endpoint, without the brackets: what that would refuse holds nothing, or not what it seems to. */
static bool range_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	struct ward_endpoint_fault bad;
	struct ward_endpoint e;
	char text[WARD_ENDPOINT_TEXT_MAX];
	int n = snprintf(text, sizeof(text), strchr(id, ':') != NULL ? "[%s]:1" : "%s:1", id);
	struct cedar_ip ip;

	(void)b;
	if (n < 0 || (size_t)n >= sizeof(text) || strchr(id, '/') == NULL ||
		!ward_cedar_ip_parse(ward_str(id), &ip))
		return refuse(why, "a range of addresses is ADDRESS/BITS",
			"for example \"10.0.0.0/8\"");
	if (!ward_endpoint_parse(ward_str(text), &e, &bad)) {
		size_t kept = 0;

		for (const char *c = bad.fix; *c != '\0'; c++) {
			if (*c != '[' && *c != ']')
				bad.fix[kept++] = *c;
		}
		bad.fix[kept] = '\0';
		return refuse(why, bad.what, bad.fix);
	}
	ward_endpoint_host(&e, text);
	if (e.kind != WARD_HOST_RANGE || strcmp(text, id) != 0)
		return respell(why, "a range has one spelling", text);
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

static bool variable_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	(void)b;
	if (!ward_is_variable(ward_str(id)))
		return refuse(why, WARD_VARIABLE_FORM,
			"several of them: `resource.name like \"API_*\"`");
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

static bool name_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	(void)b;
	for (size_t i = 0; id[i] != '\0'; i++) {
		if ((unsigned char)id[i] < ' ' || id[i] == 0x7f)
			return refuse(why, "there is a control character in this id", "");
	}
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

static bool glob_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	struct ward_pattern_error found;

	if (strncmp(id, "./", 2) == 0)
		return refuse(why,
			"a pattern has no \"./\" before it: it is relative to the workspace anyway",
			"");
	if (!b->sure && ward_pattern_check(ward_str(id), WARD_GRAMMAR_2, &found) < 0) {
		why->no_memory = found.code == WARD_E_NOMEM;
		return refuse(why, found.what, found.fix);
	}
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

/* Another spelling would be a component that no run ever is. */
static bool component_form(const struct ward_book *b, const char *id, char out[WARD_PATH_MAX],
	struct cedar_refusal *why)
{
	if (!b->sure && !ward_is_uuid(ward_str(id)))
		return refuse(why, "a component is named by its UUID, in small letters",
			"write the metadata.id of its description, such as \"3f2c1a90-0000-4000-8000-0123456789ab\"");
	(void)snprintf(out, WARD_PATH_MAX, "%s", id);
	return true;
}

/* What has no form here is the schema's to judge. */
static form_fn *const forms[WARD_TYPE_MAX] = {
	[WARD_TYPE_PATH] = path_form,
	[WARD_TYPE_PROGRAM] = path_form,
	[WARD_TYPE_REPOSITORY] = path_form,
	[WARD_TYPE_GLOB] = glob_form,
	[WARD_TYPE_ENDPOINT] = endpoint_form,
	[WARD_TYPE_HOST] = host_form,
	[WARD_TYPE_DOMAIN] = domain_form,
	[WARD_TYPE_CIDR] = range_form,
	[WARD_TYPE_VARIABLE] = variable_form,
	[WARD_TYPE_COMPONENT] = component_form,
	[WARD_TYPE_SECRET] = name_form,
	[WARD_TYPE_ARTIFACT] = name_form,
	[WARD_TYPE_TABLE] = name_form,
	[WARD_TYPE_REGISTRY] = name_form,
	[WARD_TYPE_TOOL] = name_form,
	[WARD_TYPE_SANDBOX] = name_form,
	[WARD_TYPE_CAPABILITY] = name_form,
};

/* ---- what is mentioned ---- */

static bool room(struct ward_known *k)
{
	size_t cap = k->cap > 0 ? k->cap * 2 : 64;
	const struct cedar_uid **v;

	if (k->n + 1 <= k->cap / 2)
		return true;
	v = calloc(cap, sizeof(*v));
	if (v == NULL)
		return false;
	for (size_t i = 0; i < k->cap; i++) {
		size_t at;

		if (k->v[i] == NULL)
			continue;
		for (at = k->v[i]->hash & (cap - 1); v[at] != NULL;)
			at = (at + 1) & (cap - 1);
		v[at] = k->v[i];
	}
	free(k->v);
	k->v = v;
	k->cap = cap;
	return true;
}

static bool remember_glob(struct ward_book *b, const struct cedar_uid *uid)
{
	struct ward_globs *g = &b->globs[uid->id->s[0] != '/'];

	if (g->n == g->cap) {
		size_t cap = g->cap > 0 ? g->cap * 2 : 16;
		const struct cedar_uid **v = realloc(g->uids, cap * sizeof(*v));
		const struct ward_pattern **ready;

		if (v == NULL)
			return false;
		g->uids = v;
		ready = realloc(g->ready, cap * sizeof(*ready));
		if (ready == NULL)
			return false;
		g->ready = ready;
		g->cap = cap;
	}
	g->ready[g->n] = b->ready;
	g->uids[g->n++] = uid;
	return true;
}

static bool remember_range(struct ward_book *b, const struct cedar_uid *uid)
{
	struct ward_range r = { .uid = uid };

	if (!ward_cedar_ip_parse(ward_cedar_text(uid->id), &r.ip))
		return true; /* no form, no members */
	if (b->n_ranges == b->cap_ranges) {
		size_t cap = b->cap_ranges > 0 ? b->cap_ranges * 2 : 8;
		struct ward_range *v = realloc(b->ranges, cap * sizeof(*v));

		if (v == NULL)
			return false;
		b->ranges = v;
		b->cap_ranges = cap;
	}
	b->ranges[b->n_ranges++] = r;
	return true;
}

/* Bits of the range that both have: above 0 where the second comes later. */
static int in_its_bits(const struct ward_range *r, const struct cedar_ip *ip)
{
	unsigned whole = r->ip.prefix / 8, mask = 0xff00u >> r->ip.prefix % 8 & 0xffu;
	int c = memcmp(ip->addr, r->ip.addr, whole);

	return c != 0 || mask == 0
		? c
		: (int)(ip->addr[whole] & mask) - (int)(r->ip.addr[whole] & mask);
}

/* Those of one width beside each other, each in the order of its bits. */
static int by_width(const void *a, const void *b)
{
	const struct ward_range *x = a, *y = b;

	if (x->ip.v6 != y->ip.v6)
		return (int)x->ip.v6 - (int)y->ip.v6;
	if (x->ip.prefix != y->ip.prefix)
		return (int)x->ip.prefix - (int)y->ip.prefix;
	return in_its_bits(y, &x->ip);
}

void ward_book_sort_ranges(struct ward_book *b)
{
	if (b->n_ranges > 1)
		qsort(b->ranges, b->n_ranges, sizeof(*b->ranges), by_width);
	for (size_t i = b->n_ranges; i-- > 0;) {
		struct ward_range *r = &b->ranges[i];
		bool last = i + 1 == b->n_ranges || r[1].ip.v6 != r->ip.v6 ||
			r[1].ip.prefix != r->ip.prefix;

		r->same = last ? 1 : r[1].same + 1;
	}
}

const struct ward_range *ward_book_range_of(const struct ward_book *b, const struct cedar_ip *ip,
	size_t *io_at)
{
	while (*io_at < b->n_ranges) {
		const struct ward_range *r = &b->ranges[*io_at];
		size_t low = 0, high = r->ip.v6 == ip->v6 ? r->same : 0;

		while (low < high) {
			size_t mid = low + (high - low) / 2;

			if (in_its_bits(&r[mid], ip) > 0)
				low = mid + 1;
			else
				high = mid;
		}
		if (r->ip.v6 == ip->v6 && low < r->same && in_its_bits(&r[low], ip) == 0) {
			*io_at += low + 1;
			return &r[low];
		}
		*io_at += r->same;
	}
	return NULL;
}

bool ward_book_mention(struct ward_book *b, const struct cedar_uid *uid)
{
	struct ward_known *k = &b->known;
	size_t at;

	if (!room(k))
		return false;
	for (at = uid->hash & (k->cap - 1); k->v[at] != NULL; at = (at + 1) & (k->cap - 1)) {
		if (ward_cedar_uid_eq(k->v[at], uid))
			return true;
	}
	if (ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_GLOB]) && !remember_glob(b, uid))
		return false;
	if (ward_cedar_str_eq(uid->type, b->types[WARD_TYPE_CIDR]) && !remember_range(b, uid))
		return false;
	k->v[at] = uid;
	k->n++;
	return true;
}

const struct cedar_uid *ward_book_uid(struct ward_book *b, enum ward_type t, const char *id,
	size_t n)
{
	const struct cedar_str *text = ward_cedar_intern(b->pool, id, n);

	return text != NULL ? ward_cedar_intern_uid(b->pool, b->types[t], text) : NULL;
}

static enum ward_type type_of(const struct ward_book *b, const struct cedar_uid *uid)
{
	for (unsigned t = WARD_TYPE_NONE + 1; t < WARD_TYPE_MAX; t++) {
		if (ward_cedar_str_eq(uid->type, b->types[t]))
			return (enum ward_type)t;
	}
	return WARD_TYPE_NONE;
}

/* The same id as before is right, and has no other one that counts. */
static const struct cedar_uid *seen_before(const struct ward_book *b, const struct cedar_uid *uid)
{
	const struct ward_known *k = &b->known;

	if (k->cap == 0 || uid->id->n == 0 || uid->id->s[0] == '.')
		return NULL;
	for (size_t at = uid->hash & (k->cap - 1); k->v[at] != NULL; at = (at + 1) & (k->cap - 1)) {
		if (ward_cedar_uid_eq(k->v[at], uid))
			return k->v[at];
	}
	return NULL;
}

bool ward_book_names(const struct ward_book *b, const struct cedar_uid *uid)
{
	return seen_before(b, uid) != NULL;
}

const struct cedar_uid *ward_book_id(struct cedar_pool *pool, const struct cedar_uid *uid,
	struct cedar_refusal *why, void *arg)
{
	struct ward_book *b = arg;
	enum ward_type t = type_of(b, uid);
	const struct cedar_uid *seen;
	const struct cedar_str *id;
	WARD_UNSET char out[WARD_PATH_MAX];

	if (forms[t] == NULL)
		return uid;
	seen = seen_before(b, uid);
	if (seen != NULL)
		return seen;
	if (uid->id->n == 0 || uid->id->n >= ID_MAX ||
		memchr(uid->id->s, '\0', uid->id->n) != NULL) {
		(void)refuse(why, "an id is not empty, has at most 4095 bytes, and no NUL", "");
		return NULL;
	}
	if (!forms[t](b, uid->id->s, out, why))
		return NULL;
	/* No request is about a component: it is who asks. */
	if (t == WARD_TYPE_COMPONENT)
		return uid;
	id = ward_cedar_intern(b->pool, out, strlen(out));
	(void)pool; /* the book's own outlives every tree of it */
	uid = id != NULL ? ward_cedar_intern_uid(b->pool, b->types[t], id) : NULL;
	why->no_memory = uid == NULL || !ward_book_mention(b, uid);
	return why->no_memory ? NULL : uid;
}
