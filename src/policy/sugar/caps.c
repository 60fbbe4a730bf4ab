/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities as policies: a table says what each type permits, on what. */
#include <stdio.h>
#include <string.h>

#include "policy/fail.h"
#include "policy/sugar/own.h"

struct job {
	struct ward_buf *out;
	struct ward_arena *arena;
	const struct ward_cap *cap;
	const struct ward_sugar_host *host;
	const char *component; /* the UUID of who is permitted; NULL: whoever runs */
	bool denies;
	struct ward_error *err;
};

static int no_memory(struct job *j)
{
	return ward_fail(j->err, WARD_E_NOMEM, "no memory left for the policies");
}

/* "permit (principal, action ACTION, " */
static void scope(struct job *j, const char *action)
{
	ward_buf_adds(j->out, j->denies ? "forbid (principal" : "permit (principal");
	if (j->component != NULL) {
		ward_buf_adds(j->out, " in ");
		ward_sugar_uid(j->out, "Component", j->component);
	}
	ward_buf_addf(j->out, ", action %s, ", action);
}

static void scope_of(struct job *j, const char *action)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "== Ward::Action::\"%s\"", action);
	scope(j, text);
}

/* Beginning of a policy of the capability at hand: where it stands. */
static void head(struct job *j)
{
	const struct ward_cap *c = j->cap;
	struct ward_buf text = WARD_BUF_INIT;
	const char *option = c->literal && c->type == WARD_CAP_FILE_READ ? "--read"
		: c->literal && c->type == WARD_CAP_FILE_WRITE           ? "--write"
									 : NULL;

	if (c->link != NULL)
		ward_buf_addf(&text, "%s %s -> %s", ward_cap_type_name(c->type), c->link,
			c->resource);
	else if (option != NULL)
		ward_buf_addf(&text, "%s %s", option, c->resource);
	else
		ward_buf_addf(&text, "%s %s", ward_cap_type_name(c->type), c->resource);
	ward_sugar_head(j->out, &c->origin, ward_buf_cstr(&text));
	j->out->failed = j->out->failed || text.failed;
	ward_buf_done(&text);
}

static int too_long(struct job *j, const char *what)
{
	int code = ward_cap_fail(j->err, j->cap, "%s", what);

	ward_fail_fix(j->err, "write a shorter one, with * for what may be anything");
	return code;
}

static int file(struct job *j)
{
	const char *resource = j->cap->resource;
	const struct ward_pattern *pattern;
	struct ward_source_place place;
	struct ward_pattern_error bad;
	char path[WARD_PATH_MAX];
	int r;

	head(j);
	/* To write is to read, too; so who may not read may not write, and who may not write may read. */
	scope(j,
		(j->cap->type == WARD_CAP_FILE_WRITE) != j->denies
			? "in [Ward::Action::\"fs.read\", Ward::Action::\"fs.write\"]"
			: j->denies ? "== Ward::Action::\"fs.write\""
				    : "== Ward::Action::\"fs.read\"");
	if (j->cap->literal) {
		const char *cwd = j->host != NULL && j->host->cwd != NULL ? j->host->cwd : "/";

		if (ward_path_join(cwd, resource, path, sizeof(path)) < 0)
			return too_long(j, "the path is too long");
		/* Nothing lies in a file, and all of a directory is meant. */
		ward_buf_adds(j->out, "resource in ");
		ward_sugar_uid(j->out, "Path", path);
	} else {
		r = ward_pattern_compile(j->arena, ward_str(resource), WARD_GRAMMAR_1, &pattern,
			&bad);
		if (r == WARD_E_NOMEM)
			return no_memory(j);
		if (r != WARD_OK)
			return ward_cap_fail(j->err, j->cap, "%s", bad.what);
		if (!ward_sugar_place(j->arena, pattern, WARD_GRAMMAR_1, &place))
			return no_memory(j);
		if (ward_sugar_is_long(&place))
			return too_long(j,
				"the pattern is too long, with a backslash before each of [ ] { }");
		ward_sugar_resource(j->out, &place);
	}
	ward_buf_adds(j->out, ");\n\n");
	return WARD_OK;
}

static void programs(struct job *j, const char *found)
{
	head(j);
	scope(j, "in Ward::Action::\"run_programs\"");
	if (ward_streq(found, "*"))
		ward_buf_adds(j->out, "resource");
	else
		ward_sugar_program(j->out, found);
	ward_buf_adds(j->out, ");\n\n");
}

/* Whoever names what is not there, and believes that it is denied, is told. */
static int denied_command(struct job *j)
{
	const char *name = j->cap->resource;
	const char *const *all;
	int r = ward_sugar_find_all(j->host, j->arena, name, &all, j->err);

	if (r == WARD_OK && all[0] == NULL &&
		ward_sugar_find(j->host, j->arena, name, &j->cap->origin, j->err) == NULL)
		return WARD_E_NOTFOUND;
	for (; r == WARD_OK && *all != NULL; all++)
		programs(j, *all);
	return r;
}

static int command(struct job *j)
{
	const char *found;

	if (j->denies)
		return denied_command(j);
	found = ward_sugar_find(j->host, j->arena, j->cap->resource, &j->cap->origin, j->err);
	if (found == NULL)
		return WARD_E_NOTFOUND;
	programs(j, found);
	if (ward_streq(found, "*"))
		return WARD_OK; /* every program that can be read already */
	head(j);
	scope_of(j, "fs.read");
	ward_sugar_program(j->out, found);
	ward_buf_adds(j->out, ");\n\n");
	return WARD_OK;
}

static int variable(struct job *j)
{
	if (strchr(j->cap->resource, '=') != NULL)
		return WARD_OK;
	head(j);
	scope_of(j, "env.read");
	ward_buf_adds(j->out, "resource == ");
	ward_sugar_uid(j->out, "Variable", j->cap->resource);
	ward_buf_adds(j->out, ");\n\n");
	return WARD_OK;
}

/* Every port that is meant, as a condition; nothing for all of them. */
static void ports(struct ward_buf *out, const struct ward_endpoint *e)
{
	if (e->n_ports == 1 && e->ports[0].first == 1 && e->ports[0].last == UINT16_MAX)
		return;
	ward_buf_adds(out, " when { ");
	for (size_t i = 0; i < e->n_ports; i++) {
		const struct ward_port_range *r = &e->ports[i];

		if (i > 0)
			ward_buf_adds(out, " || ");
		if (r->first == r->last)
			ward_buf_addf(out, "resource.port == %u", r->first);
		else
			ward_buf_addf(out,
				e->n_ports > 1 ? "(resource.port >= %u && resource.port <= %u)"
					       : "resource.port >= %u && resource.port <= %u",
				r->first, r->last);
	}
	ward_buf_adds(out, " }");
}

/* The entity that holds every endpoint of that host. */
static void host_entity(struct ward_buf *out, const struct ward_endpoint *e)
{
	static const char *const types[] = { [WARD_HOST_NONE] = "Host",
		[WARD_HOST_NAME] = "Host",
		[WARD_HOST_CHILD] = "Domain",
		[WARD_HOST_BELOW] = "Domain",
		[WARD_HOST_ADDRESS] = "Host",
		[WARD_HOST_RANGE] = "Cidr" };
	char text[WARD_ENDPOINT_TEXT_MAX];

	ward_endpoint_host(e, text);
	ward_sugar_uid(out, types[e->kind], e->kind == WARD_HOST_BELOW ? e->name : text);
}

static int endpoint(struct job *j)
{
	bool connects = j->cap->type == WARD_CAP_NETWORK_CONNECT;
	struct ward_endpoint e;
	struct ward_endpoint_fault why;
	char text[WARD_ENDPOINT_TEXT_MAX];

	/* The capability was checked. */
	if (!ward_endpoint_parse(ward_str(j->cap->resource), &e, &why))
		return ward_cap_fail(j->err, j->cap, "%s", why.what);
	head(j);
	scope_of(j, connects ? "net.connect" : "net.listen");
	if (ward_endpoint_is_one(&e)) {
		ward_endpoint_text(&e, text);
		ward_buf_adds(j->out, "resource == ");
		ward_sugar_uid(j->out, "Endpoint", text);
		ward_buf_adds(j->out, ");\n\n");
		return WARD_OK;
	}
	ward_buf_adds(j->out, "resource in ");
	host_entity(j->out, &e);
	ward_buf_adds(j->out, ")");
	ports(j->out, &e);
	ward_buf_adds(j->out, ";\n\n");
	return WARD_OK;
}

/* What is known by a name alone; "*" in it is any run of characters. */
static const struct {
	const char *action, *type;
} named[WARD_CAP_TYPE_MAX] = {
	[WARD_CAP_SECRET_ACCESS] = { "secret.read", "Secret" },
	[WARD_CAP_DATABASE_READ] = { "db.read", "Table" },
	[WARD_CAP_DATABASE_WRITE] = { "db.write", "Table" },
	[WARD_CAP_REGISTRY_READ] = { "registry.read", "Registry" },
	[WARD_CAP_REGISTRY_WRITE] = { "registry.write", "Registry" },
	[WARD_CAP_ARTIFACT_READ] = { "artifact.read", "Artifact" },
	[WARD_CAP_ARTIFACT_WRITE] = { "artifact.write", "Artifact" },
};

static void like(struct ward_buf *out, const char *pattern)
{
	ward_buf_adds(out, " when { resource.name like \"");
	for (const char *s = pattern; *s != '\0';) {
		size_t n = strcspn(s, "*");

		ward_cedar_escape(out, (struct ward_str){ s, n });
		s += n;
		if (*s == '*') {
			ward_buf_addc(out, '*');
			s++;
		}
	}
	ward_buf_adds(out, "\" }");
}

static int by_name(struct job *j)
{
	const char *resource = j->cap->resource;
	bool pattern = strchr(resource, '*') != NULL;

	head(j);
	scope_of(j, named[j->cap->type].action);
	ward_buf_adds(j->out, "resource");
	if (!pattern) {
		ward_buf_adds(j->out, " == ");
		ward_sugar_uid(j->out, named[j->cap->type].type, resource);
	}
	ward_buf_adds(j->out, ")");
	if (pattern)
		like(j->out, resource);
	ward_buf_adds(j->out, ";\n\n");
	return WARD_OK;
}

static int (*const makers[WARD_CAP_TYPE_MAX])(struct job *j) = {
	[WARD_CAP_FILE_READ] = file,
	[WARD_CAP_FILE_WRITE] = file,
	[WARD_CAP_EXTERNAL_COMMAND] = command,
	[WARD_CAP_ENV] = variable,
	[WARD_CAP_NETWORK_CONNECT] = endpoint,
	[WARD_CAP_NETWORK_LISTEN] = endpoint,
	[WARD_CAP_SECRET_ACCESS] = by_name,
	[WARD_CAP_DATABASE_READ] = by_name,
	[WARD_CAP_DATABASE_WRITE] = by_name,
	[WARD_CAP_REGISTRY_READ] = by_name,
	[WARD_CAP_REGISTRY_WRITE] = by_name,
	[WARD_CAP_ARTIFACT_READ] = by_name,
	[WARD_CAP_ARTIFACT_WRITE] = by_name,
};

static int make(struct job *j)
{
	if ((unsigned)j->cap->type >= WARD_CAP_TYPE_MAX || makers[j->cap->type] == NULL)
		return ward_cap_fail(j->err, j->cap, "is of no type");
	return makers[j->cap->type](j);
}

int ward_sugar_cap(struct ward_buf *out, struct ward_arena *a, const struct ward_cap *cap,
	const struct ward_sugar_grant *grant, const struct ward_sugar_host *host,
	struct ward_error *err)
{
	struct job j = { .out = out,
		.arena = a,
		.cap = cap,
		.host = host,
		.component = grant->component,
		.denies = grant->denies,
		.err = err };

	return make(&j);
}

int ward_sugar_caps(struct ward_sources *to, const struct ward_caps *caps, enum ward_layer layer,
	const struct ward_sugar_host *host, struct ward_error *err)
{
	struct ward_buf text = WARD_BUF_INIT;
	struct job j = { .out = &text, .arena = to->arena, .host = host, .err = err };
	struct ward_source src = { .name = "capabilities", .layer = layer, .generated = true };
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < caps->n; i++) {
		j.cap = &caps->v[i];
		r = make(&j);
	}
	if (r == WARD_OK && text.failed)
		r = no_memory(&j);
	if (r == WARD_OK) {
		src.text = (struct ward_str){ ward_buf_cstr(&text), text.n };
		r = ward_sources_add(to, &src, err);
	}
	ward_buf_done(&text);
	return r;
}
