/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cure of a refusal: the least grant that would allow what was refused, as an option to paste into a shell. The
 * resource was chosen by the hostile side, so a cure must not be a trap: it is quoted, a name that a pattern would
 * read as more than itself becomes a literal path, and nothing is offered that Ward itself would then refuse, that is
 * protected, or that does not fit whole. No cure is "", never a shortened one.
 */
#include <stdio.h>
#include <string.h>

#include "decide/decide.h"

/* --cap 'TYPE:RESOURCE' */
static int cap_option(struct ward_buf *out, enum ward_cap_type type, const char *resource)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;

	ward_buf_addf(&text, "%s:%s", ward_cap_type_name(type), resource);
	if (text.failed)
		return WARD_E_NOMEM;
	ward_buf_adds(out, "--cap ");
	ward_quote_shell(out, text.s, text.n);
	return WARD_OK;
}

/* A refused path, with everything below it if dir. */
static int path_cure(struct ward_buf *out, enum ward_cap_type type, const char *path, bool dir)
{
	char pattern[WARD_PATH_MAX + 4];
	struct ward_cap as_pattern = { .type = type, .resource = pattern };
	struct ward_cap as_literal = { .type = type, .resource = path, .literal = true };

	/* The whole host is not the least of anything: whoever wants it has to think of it. */
	if (ward_streq(path, "/"))
		return WARD_OK;
	(void)snprintf(pattern, sizeof(pattern), "%s%s", path, dir ? "/**" : "");
	if (!ward_glob_is_pattern(path) && ward_cap_check(&as_pattern, NULL) == WARD_OK)
		return cap_option(out, type, pattern);
	if (ward_cap_check(&as_literal, NULL) == WARD_OK) {
		ward_buf_adds(out, type == WARD_CAP_FILE_WRITE ? "--write " : "--read ");
		ward_quote_shell(out, path, strlen(path));
	}
	return WARD_OK;
}

/* The directory alone; of a name that no pattern can say there is only the whole. */
static int looked_cure(struct ward_buf *out, const char *path)
{
	char pattern[WARD_PATH_MAX + 4];
	struct ward_cap cap = { .type = WARD_CAP_FILE_READ, .resource = pattern };

	(void)snprintf(pattern, sizeof(pattern), "%s/.", path);
	return ward_cap_is_alone(&cap) && ward_cap_check(&cap, NULL) == WARD_OK
		? cap_option(out, cap.type, pattern)
		: path_cure(out, cap.type, path, true);
}

static int file_cure(struct ward_buf *out, const struct ward_question *q)
{
	char path[WARD_PATH_MAX];
	char *slash;

	if (q->resource[0] != '/' || ward_path_has_dotdot(q->resource) ||
		ward_path_normalize(q->resource, path, sizeof(path)) < 0)
		return WARD_OK;
	if (!q->absent && q->is_dir && q->looked && q->action == WARD_CAP_FILE_READ)
		return looked_cure(out, path);
	if (!q->absent)
		return path_cure(out, q->action, path, q->is_dir);
	/* What does not exist cannot be granted by its name, nor can a directory that does not exist either. */
	if (q->above) {
		if (q->above[0] != '/' || ward_path_normalize(q->above, path, sizeof(path)) < 0)
			return WARD_OK;
		return path_cure(out, q->action, path, true);
	}
	slash = strrchr(path, '/');
	slash[slash == path ? 1 : 0] = '\0';
	return path_cure(out, q->action, path, true);
}

static int command_cure(struct ward_buf *out, const struct ward_question *q)
{
	struct ward_cap cap = { .type = q->action, .resource = q->resource };
	char path[WARD_PATH_MAX];

	/* Made inside: the host has no such program, and its directory of that name would be another one. */
	if (q->absent) {
		if (q->resource[0] != '/' || ward_path_has_dotdot(q->resource) ||
			ward_path_normalize(q->resource, path, sizeof(path)) < 0)
			return WARD_OK;
		return cap_option(out, q->action, "*");
	}
	if (ward_glob_is_pattern(q->resource) || ward_cap_check(&cap, NULL) < 0)
		return WARD_OK;
	return cap_option(out, q->action, q->resource);
}

static int env_cure(struct ward_buf *out, const struct ward_question *q)
{
	struct ward_cap cap = { .type = q->action, .resource = q->resource };

	/* A name needs no quotes; with a value it would set one, which nobody asked for. */
	if (strchr(q->resource, '=') == NULL && ward_cap_check(&cap, NULL) == WARD_OK)
		ward_buf_addf(out, "--env %s", q->resource);
	return WARD_OK;
}

/*
 * The least: that name or address, at that port. What is no name, or is never reached, has none. One that carries an inner IPv4 address
 * (NAT64) is reached by who may reach both.
 */
static int endpoint_cure(struct ward_buf *out, const struct ward_question *q)
{
	struct ward_cap cap = { .type = q->action, .resource = q->resource };
	char text[WARD_ENDPOINT_TEXT_MAX];
	enum ward_address_class inner = WARD_ADDRESS_PUBLIC;
	struct ward_endpoint e, in;
	int r;

	if (!ward_endpoint_parse_asked(ward_str(q->resource), &e) || ward_cap_check(&cap, NULL) < 0)
		return WARD_OK;
	if (q->action == WARD_CAP_NETWORK_CONNECT && ward_endpoint_carried(&e, &in))
		inner = ward_address_classify(in.family, in.address);
	/* The gate takes nothing out by such a way to the host's loopback, whoever grants it. */
	if (inner == WARD_ADDRESS_NEVER || inner == WARD_ADDRESS_LOOPBACK)
		return WARD_OK;
	r = cap_option(out, q->action, q->resource);
	if (r < 0 || inner == WARD_ADDRESS_PUBLIC)
		return r;
	ward_endpoint_text(&in, text);
	ward_buf_addc(out, ' ');
	return cap_option(out, q->action, text);
}

/* What nothing holds has no cure, and so no entry. */
static int (*const cures[WARD_CAP_TYPE_MAX])(struct ward_buf *out,
	const struct ward_question *q) = {
	[WARD_CAP_FILE_READ] = file_cure,
	[WARD_CAP_FILE_WRITE] = file_cure,
	[WARD_CAP_EXTERNAL_COMMAND] = command_cure,
	[WARD_CAP_ENV] = env_cure,
	[WARD_CAP_NETWORK_CONNECT] = endpoint_cure,
	[WARD_CAP_NETWORK_LISTEN] = endpoint_cure,
};

int ward_cure(const struct ward_question *q, char *out, size_t size)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	int r;

	if (out == NULL || size == 0)
		return WARD_E_INVALID;
	out[0] = '\0';
	if (q == NULL || (unsigned)q->action >= WARD_CAP_TYPE_MAX)
		return WARD_E_INVALID;
	if (q->protected_name || q->syscall != NULL || q->resource == NULL ||
		cures[q->action] == NULL)
		return WARD_OK;
	r = cures[q->action](&text, q);
	if (r < 0)
		return r;
	if (text.failed)
		return WARD_E_NOMEM;
	if (text.n < size && text.n > 0)
		memcpy(out, text.s, text.n + 1);
	return WARD_OK;
}
