/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "network" of a profile: a mode, and lists of endpoints in the grammar of NETWORK_CONNECT. Without a mode it is deny-all: what is left
 * out opens nothing. And limits, in the words of --net-limit.
 */
#include <stdio.h>
#include <string.h>

#include "policy/doc/internal.h"
#include "policy/net/net.h"

static const char *const modes[WARD_DOC_NET_MODE_MAX] = { [WARD_DOC_NET_DENY_ALL] = "deny-all",
	[WARD_DOC_NET_ALLOW] = "allow",
	[WARD_DOC_NET_OPEN] = "open" };

const char *ward_doc_net_mode_name(enum ward_doc_net_mode mode)
{
	return (unsigned)mode < WARD_DOC_NET_MODE_MAX ? modes[mode] : "unknown";
}

bool ward_doc_is_network(enum ward_doc_list list)
{
	return list == WARD_DOC_LIST_NET_ALLOW || list == WARD_DOC_LIST_NET_DENY;
}

static int read_mode(const struct doc_reader *in, const struct ward_json *node,
	struct ward_doc_network *ret)
{
	char shown[WARD_CAP_SHOWN_MAX];
	const char *near;

	if (node == NULL)
		return WARD_OK;
	if (node->type != WARD_JSON_STRING)
		return ward_doc_wrong_type(in, node, "network.mode", "a string");
	ret->mode_origin = ward_doc_origin(in, node);
	for (unsigned i = 0; i < WARD_DOC_NET_MODE_MAX; i++) {
		if (ward_str_eq(node->str, ward_str(modes[i]))) {
			ret->mode = (enum ward_doc_net_mode)i;
			return WARD_OK;
		}
	}
	near = ward_nearest(node->str.s, modes, WARD_DOC_NET_MODE_MAX);
	ward_cap_shown(node->str, shown);
	(void)ward_doc_fail(in->err, WARD_E_PARSE, &ret->mode_origin, "unknown network.mode %s",
		shown);
	if (near != NULL)
		ward_fail_fix(in->err, "did you mean \"%s\"?", near);
	else
		ward_fail_fix(in->err, "the modes are deny-all, allow, open");
	return WARD_E_PARSE;
}

/* One of them, as text: NAME=VALUE. */
static int read_limit(const struct doc_reader *in, const struct ward_json *node,
	struct ward_net_limits *io)
{
	char text[96];
	int r;

	if (node->type == WARD_JSON_INT)
		(void)snprintf(text, sizeof(text), "%s=%lld", node->key.s, (long long)node->i);
	else if (node->type == WARD_JSON_STRING)
		(void)snprintf(text, sizeof(text), "%s=%s", node->key.s, node->str.s);
	else
		return ward_doc_wrong_type(in, node, node->key.s,
			"a whole number, or a string with a unit");
	if (node->type == WARD_JSON_STRING && node->str.n == 0) {
		r = ward_fail(in->err, WARD_E_PARSE, "%s has no value", node->key.s);
		ward_fail_fix(in->err,
			"write a whole number, or one with a unit, or leave the field out");
	} else if (strchr(text, ',')) {
		r = ward_fail(in->err, WARD_E_PARSE, "%s has more than one value", node->key.s);
		ward_fail_fix(in->err, "write each limit as a field of its own");
	} else {
		r = ward_net_limits_parse(text, io, in->err);
	}
	if (r < 0)
		ward_fail_at(in->err, in->doc->file, node->line, node->column);
	return r;
}

static int read_limits(const struct doc_reader *in, const struct ward_json *node,
	struct ward_doc_network *ret)
{
	const struct ward_json *field[WARD_NET_LIMIT_MAX] = { NULL };
	const char *names[WARD_NET_LIMIT_MAX];
	int r;

	if (node == NULL)
		return WARD_OK;
	for (size_t i = 0; i < WARD_NET_LIMIT_MAX; i++)
		names[i] = ward_net_limit_name((enum ward_net_limit)i);
	ret->limits_origin = ward_doc_origin(in, node);
	r = ward_doc_fields(in, node, "network.limits", names, WARD_NET_LIMIT_MAX, field);
	for (size_t i = 0; i < WARD_NET_LIMIT_MAX && r == WARD_OK; i++)
		if (field[i] != NULL) {
			r = read_limit(in, field[i], &ret->limits);
			ret->limit_origin[i] = ward_doc_origin(in, field[i]);
		}
	return r;
}

int ward_doc_network_read(const struct doc_reader *in, const struct ward_json *node,
	struct ward_doc_profile *ret)
{
	enum { MODE, ALLOW, DENY, LIMITS, FIELDS };
	static const char *const names[FIELDS] = { "mode", "allow", "deny", "limits" };
	const struct ward_json *field[FIELDS] = { NULL };
	int r = ward_doc_fields(in, node, "network", names, FIELDS, field);

	ret->network.origin = ward_doc_origin(in, node);
	if (r == WARD_OK)
		r = read_mode(in, field[MODE], &ret->network);
	if (r == WARD_OK)
		r = read_limits(in, field[LIMITS], &ret->network);
	if (r == WARD_OK)
		r = ward_doc_rules_read(in, field[ALLOW], WARD_DOC_LIST_NET_ALLOW,
			&ret->lists[WARD_DOC_LIST_NET_ALLOW]);
	if (r == WARD_OK)
		r = ward_doc_rules_read(in, field[DENY], WARD_DOC_LIST_NET_DENY,
			&ret->lists[WARD_DOC_LIST_NET_DENY]);
	return r;
}

bool ward_doc_network_has(size_t *budget, struct ward_doc_rules list, const struct ward_doc_rule *r)
{
	struct ward_endpoint_fault why;
	struct ward_endpoint e;

	/* Which of two ranges or wildcards is the wider is not looked for. */
	if (list.n > 0 &&
		(!ward_endpoint_parse(ward_str(r->pattern), &e, &why) || !ward_endpoint_is_one(&e)))
		return true;
	for (size_t i = 0; i < list.n; i++) {
		if (*budget == 0)
			return true;
		(*budget)--;
		if (ward_endpoint_holds(list.v[i].pattern, &e))
			return true;
	}
	return false;
}
