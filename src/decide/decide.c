/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge. The answer is DENY before anything is looked at, and only a rule that matches makes it ALLOW; whatever
 * goes wrong on the way leaves it DENY. The resource is hostile bytes: a strange one is refused with a reason, it is
 * no error. Errors are for callers that ask without a question and for lack of memory.
 */
#include <stdio.h>
#include <string.h>

#include "decide/own.h"

const char *ward_effect_name(enum ward_effect e)
{
	static const char *const names[] = { "deny", "ask", "allow" };

	return (unsigned)e < WARD_ARRAY_SIZE(names) ? names[e] : "deny";
}

static bool is_file(enum ward_cap_type t)
{
	return t == WARD_CAP_FILE_READ || t == WARD_CAP_FILE_WRITE;
}

/* FILE_WRITE answers FILE_READ; nothing else stands for another type. */
static bool type_answers(enum ward_cap_type rule, enum ward_cap_type action)
{
	return rule == action || (rule == WARD_CAP_FILE_WRITE && action == WARD_CAP_FILE_READ);
}

/* path is absolute and normalised. */
static bool path_matches(const struct ward_rule *rule, const char *path)
{
	if (rule->pattern[0] != '/')
		return false;
	if (!rule->literal)
		return ward_glob_match(rule->pattern, path);
	return ward_streq(path, rule->pattern) ||
		(rule->subtree && ward_path_within(path, rule->pattern));
}

static bool command_matches(const struct ward_rule *rule, const char *path)
{
	if (!rule->literal && ward_streq(rule->pattern, "*"))
		return true;
	return path_matches(rule, path);
}

static bool env_matches(const struct ward_rule *rule, const char *name)
{
	size_t n = strcspn(rule->pattern, "=");

	return n > 0 && strlen(name) == n && memcmp(rule->pattern, name, n) == 0;
}

/* What nothing holds has no matcher: a rule of such a type grants nothing. */
static bool (*const matchers[WARD_CAP_TYPE_MAX])(const struct ward_rule *rule,
	const char *resource) = {
	[WARD_CAP_FILE_READ] = path_matches,
	[WARD_CAP_FILE_WRITE] = path_matches,
	[WARD_CAP_EXTERNAL_COMMAND] = command_matches,
	[WARD_CAP_ENV] = env_matches,
};

/* Not a wildcard, and no range that holds more than the addresses of one kind. */
static bool means(const char *pattern, const struct ward_endpoint *asked)
{
	struct ward_endpoint e;
	struct ward_endpoint_fault why;

	if (!ward_endpoint_parse(ward_str(pattern), &e, &why))
		return false;
	return e.kind == WARD_HOST_NAME || e.kind == WARD_HOST_ADDRESS ||
		(e.kind == WARD_HOST_RANGE &&
			e.bits >= ward_address_line(asked->family, asked->address));
}

static const struct ward_rule *find_endpoint(const struct ward_rules *rules,
	const struct ward_endpoint *asked, bool any_port, bool meant)
{
	if (rules->net != NULL)
		return ward_net_index_find(rules->net, asked, any_port, meant);
	for (size_t i = 0; i < rules->n; i++) {
		const struct ward_rule *r = &rules->v[i];

		if (r->type == WARD_CAP_NETWORK_CONNECT && !r->told &&
			(any_port ? ward_endpoint_holds_host(r->pattern, asked)
				  : ward_endpoint_holds(r->pattern, asked)) &&
			(!meant || means(r->pattern, asked)))
			return r;
	}
	return NULL;
}

static const struct ward_rule *find(const struct ward_rules *rules, enum ward_cap_type action,
	const char *resource)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (type_answers(rules->v[i].type, action) &&
			matchers[action](&rules->v[i], resource))
			return &rules->v[i];
	}
	return NULL;
}

/* For each connection some times: printf takes longer than the rest of a decision. */
static void because(struct ward_decision *d, const char *why)
{
	size_t n = strnlen(why, sizeof(d->why) - 1);

	memcpy(d->why, why, n);
	d->why[n] = '\0';
}

/* The form in which the resource is compared, or NULL with the reason in d. */
static const char *resource_of(const struct ward_question *q, char path[WARD_PATH_MAX],
	struct ward_decision *d)
{
	if (!is_file(q->action) && q->action != WARD_CAP_EXTERNAL_COMMAND)
		return q->resource;
	/* "Every program?" is a question that the rule "*" alone answers. */
	if (q->action == WARD_CAP_EXTERNAL_COMMAND && ward_streq(q->resource, "*"))
		return q->resource;
	if (q->resource[0] != '/')
		because(d, "not an absolute path");
	else if (ward_path_has_dotdot(q->resource))
		because(d, "\"..\" in a path: what it names depends on links");
	else if (ward_path_normalize(q->resource, path, WARD_PATH_MAX) < 0)
		because(d, "the path is too long");
	else
		return path;
	return NULL;
}

static void lacking(struct ward_decision *d)
{
	because(d, "no rule grants it");
	d->negated = true;
}

/* Why a file that no rule allows is refused: writing what may be read deserves its own words. */
static void explain(const struct ward_rules *rules, const struct ward_question *q,
	const char *resource, struct ward_decision *d)
{
	lacking(d);
	if (q->action == WARD_CAP_FILE_WRITE && find(rules, WARD_CAP_FILE_READ, resource) != NULL)
		because(d, "granted for reading only");
}

static void allow(struct ward_decision *d, const struct ward_rule *rule)
{
	d->rule = rule;
	because(d, "a rule grants it");
	d->negated = false;
	d->effect = WARD_ALLOW;
}

/* One that a rule about itself would hold, too: a grant of a whole domain is asked about as what it says. */
static const struct ward_rule *find_same(const struct ward_rules *rules, const char *pattern)
{
	if (rules->net != NULL)
		return ward_net_index_same(rules->net, pattern);
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->v[i].type == WARD_CAP_NETWORK_CONNECT &&
			ward_streq(rules->v[i].pattern, pattern))
			return &rules->v[i];
	}
	return NULL;
}

static void judge_endpoint(const struct ward_rules *rules, const struct ward_question *q,
	struct ward_decision *d)
{
	struct ward_endpoint asked;
	const struct ward_rule *rule;
	const char *what;

	if (!ward_endpoint_parse_asked(ward_str(q->resource), &asked)) {
		/* A range or a wildcard is no place to connect to: only the rule itself is what it means. */
		rule = find_same(rules, q->resource);
		if (rule != NULL)
			allow(d, rule);
		else
			because(d, "not one host and one port in their one spelling");
		return;
	}
	if (asked.kind == WARD_HOST_ADDRESS &&
		ward_address_what(asked.family, asked.address, &what) == WARD_ADDRESS_NEVER) {
		(void)snprintf(d->why, sizeof(d->why), "never reached, whatever is granted: %s",
			what);
		return;
	}
	rule = find_endpoint(rules, &asked, false, q->meant);
	if (rule == NULL)
		rule = find_same(rules, q->resource);
	if (rule != NULL)
		allow(d, rule);
	else
		lacking(d);
}

/* The host's own address at which the run would be reached: whatever it is, nothing goes out by it. */
static void judge_listening(const struct ward_rules *rules, const struct ward_question *q,
	struct ward_decision *d)
{
	struct ward_endpoint asked;
	bool one = ward_endpoint_parse_asked(ward_str(q->resource), &asked);

	lacking(d);
	for (size_t i = 0; i < rules->n; i++) {
		const struct ward_rule *r = &rules->v[i];

		if (r->type == WARD_CAP_NETWORK_LISTEN &&
			(ward_streq(r->pattern, q->resource) ||
				(one && ward_endpoint_holds(r->pattern, &asked)))) {
			allow(d, r);
			return;
		}
	}
}

static void judge(const struct ward_rules *rules, const struct ward_question *q,
	struct ward_decision *d)
{
	char path[WARD_PATH_MAX];
	const char *resource;
	const struct ward_rule *rule;

	if (q->protected_name) {
		because(d, "protected: no grant can allow it");
		return;
	}
	if (q->syscall != NULL) {
		because(d, "the system call is not on the list of allowed ones");
		return;
	}
	if (q->action == WARD_CAP_NETWORK_CONNECT) {
		judge_endpoint(rules, q, d);
		return;
	}
	if (q->action == WARD_CAP_NETWORK_LISTEN) {
		judge_listening(rules, q, d);
		return;
	}
	if (matchers[q->action] == NULL) {
		because(d, "this capability is not held by this backend yet");
		return;
	}
	resource = resource_of(q, path, d);
	if (resource == NULL)
		return;
	rule = find(rules, q->action, resource);
	if (rule == NULL) {
		explain(rules, q, resource, d);
		return;
	}
	allow(d, rule);
}

/* Is there a question, and can every rule be read? */
static bool well_formed(const struct ward_rules *rules, const struct ward_question *q)
{
	if (rules == NULL || q == NULL || (rules->n > 0 && rules->v == NULL))
		return false;
	if ((unsigned)q->action >= WARD_CAP_TYPE_MAX)
		return false;
	if ((q->syscall != NULL) != (q->action == WARD_CAP_NONE))
		return false;
	if (q->syscall == NULL && (q->resource == NULL || q->resource[0] == '\0'))
		return false;
	if (rules->net != NULL)
		return ward_net_index_is_of(rules->net, rules);
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->v[i].pattern == NULL)
			return false;
	}
	return true;
}

int ward_decide(const struct ward_rules *rules, const struct ward_question *q,
	struct ward_decision *ret, struct ward_error *err)
{
	int r;

	if (ret == NULL)
		return ward_fail(err, WARD_E_INVALID, "a decision without a place for it");
	ret->effect = WARD_DENY;
	ret->rule = NULL;
	ret->negated = false;
	ret->cure[0] = '\0';
	because(ret, "the question could not be decided");
	if (!well_formed(rules, q))
		return ward_fail(err, WARD_E_INVALID,
			"a question without action or resource, or a rule without pattern");
	judge(rules, q, ret);
	if (ret->effect == WARD_ALLOW || q->no_cure)
		return WARD_OK;
	r = ward_cure(q, ret->cure, sizeof(ret->cure));
	if (r < 0)
		return ward_fail(err, r, "no memory for the cure of a refusal");
	return WARD_OK;
}

const struct ward_rule *ward_decide_any_port(const struct ward_rules *rules, const char *name)
{
	struct ward_endpoint asked = { .kind = WARD_HOST_NAME };

	if (rules == NULL || name == NULL || (rules->n > 0 && rules->v == NULL) ||
		(rules->net != NULL && !ward_net_index_is_of(rules->net, rules)) ||
		!ward_name_is_normal(ward_str(name)))
		return NULL;
	asked.name_n = strlen(name);
	memcpy(asked.name, name, asked.name_n + 1);
	return find_endpoint(rules, &asked, true, false);
}
