/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment: composed, never inherited. data/environment says what every run has and which few names of the
 * caller's pass; the rest is asked for by name. What changes which code a program loads (LD_PRELOAD and its kin) has to
 * be set to a value in so many words, and is warned about.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/resolve/look.h"

extern char **environ;

static size_t name_len(const char *s)
{
	return strcspn(s, "=");
}

static bool matches(const char *pattern, const char *name, size_t n)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return n >= len - 1 && strncmp(pattern, name, len - 1) == 0;
	return n == len && strncmp(pattern, name, n) == 0;
}

static bool listed(const char *const *list, const char *name, size_t n)
{
	for (; *list; list++)
		if (matches(*list, name, n))
			return true;
	return false;
}

/* NAME=VALUE, in place of what has this name; it is none of those behind the first old ones. */
static int put_new(struct ward_resolver *rs, const char *assignment, size_t old,
	struct ward_error *err)
{
	size_t n;

	if (!assignment)
		return ward_rs_nomem(err);
	n = name_len(assignment);
	for (size_t i = 0; i < old; i++) {
		if (strncmp(rs->env.v[i], assignment, n + 1) == 0) {
			rs->env.v[i] = assignment;
			return WARD_OK;
		}
	}
	return ward_rs_text_new(rs, &rs->env, assignment, err);
}

static int put(struct ward_resolver *rs, const char *assignment, struct ward_error *err)
{
	return put_new(rs, assignment, rs->env.n, err);
}

static int baseline(struct ward_resolver *rs, struct ward_error *err)
{
	/* Without a view there is no home of the run's own. */
	static const char *const own[] = { "HOME", "USER", "LOGNAME", NULL };
	const bool direct = rs->r->backend == WARD_BACKEND_DIRECT;
	int r = WARD_OK;

	for (const char *const *s = ward_env_set; *s && r == WARD_OK; s++)
		if (!direct || !listed(own, *s, name_len(*s)))
			r = put(rs, *s, err);
	for (const char *const *s = ward_env_alone;
		*s && !direct && !rs->host->userns && r == WARD_OK; s++)
		r = put(rs, *s, err);
	for (char **e = environ; e && *e && r == WARD_OK; e++) {
		const size_t n = name_len(*e);

		if ((*e)[n] == '=' &&
			(listed(ward_env_pass, *e, n) || (direct && listed(own, *e, n))))
			r = put(rs, *e, err);
	}
	if (r == WARD_OK && rs->r->run_id)
		r = put(rs, ward_arena_printf(rs->arena, "WARD_RUN=%s", rs->r->run_id), err);
	return r;
}

static int set(struct ward_resolver *rs, const char *name, size_t n, const char *value, size_t old,
	struct ward_error *err)
{
	int r = WARD_OK;

	if (n == 8 && strncmp(name, "WARD_RUN", n) == 0) {
		(void)ward_fail(err, WARD_E_INVALID,
			"WARD_RUN is the run's own name and cannot be set");
		ward_fail_at(err, "--env", 0, 0);
		ward_fail_fix(err, "use another name");
		return WARD_E_INVALID;
	}
	if (listed(ward_env_risky, name, n))
		r = ward_rs_warn(rs, err, "--env %.*s changes which code programs load", (int)n,
			name);
	if (r == WARD_OK)
		r = put_new(rs, ward_arena_printf(rs->arena, "%.*s=%s", (int)n, name, value), old,
			err);
	return r;
}

/*
 * The server of this host that a value of the caller's means: of a URL, or HOST:PORT as it is. Its host, a loopback one, and what
 * follows it (":8080", or nothing) are all of the value that anybody is shown. Length of both, 0: none.
 */
static size_t own_server(const char *value, const char **ret, const char **ret_port)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
	const char *url = strstr(value, "://"), *s = url ? url + 3 : value;
	size_t n = strcspn(s, "/?#"), len, digits;
	const char *at = memrchr(s, '@', n);

	n -= at ? (size_t)(at + 1 - s) : 0;
	s = at ? at + 1 : s;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(hosts); i++) {
		len = strlen(hosts[i]);
		if (n < len || strncasecmp(s, hosts[i], len) != 0)
			continue;
		digits = s[len] == ':' ? strspn(s + len + 1, "0123456789") : 0;
		if (n != len + (digits ? digits + 1 : 0) || digits > 5 || (!digits && !url))
			continue;
		*ret = s;
		*ret_port = s + len;
		return n;
	}
	return 0;
}

static bool is_proxy(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && strcasecmp(name + n - 6, "_proxy") == 0;
}

/* The file of a socket that a value means: "/run/x", "unix:///run/x" (DOCKER_HOST), "unix:path=/run/x,guid=0" (DBUS). NULL: none. */
static const char *socket_path(struct ward_resolver *rs, const char *value)
{
	const char *s = value;

	if (ward_has_prefix(s, "unix:")) {
		s += strlen("unix:");
		if (ward_has_prefix(s, "path="))
			return ward_arena_dup(rs->arena, s + strlen("path="),
				strcspn(s + strlen("path="), ",;"));
		s += ward_has_prefix(s, "//") ? 2 : 0;
	}
	return s;
}

/* "SSH_AUTH_SOCK": whatever is granted, a socket of the host's is none to speak to. */
static int warn_socket(struct ward_resolver *rs, const char *name, const char *value,
	struct ward_error *err)
{
	const char *path = socket_path(rs, value);
	struct ward_target t;

	if (!path)
		return ward_rs_nomem(err);
	if (path[0] != '/' || rs->r->backend == WARD_BACKEND_DIRECT ||
		ward_rs_target(rs, path, &t) < 0 || !S_ISSOCK(t.st.st_mode))
		return WARD_OK;
	return ward_rs_warn(rs, err,
		"--env %s names a socket of the host, which cannot be reached from inside%s", name,
		ward_streq(name, "SSH_AUTH_SOCK") ? "; ssh-agent COMMAND starts an agent there"
						  : "");
}

/* Whom Ward's own proxy does not speak for: neither does it read what such a one is asked for. */
static bool is_tunnel(const char *value)
{
	static const char *const schemes[] = { "socks://", "socks4://", "socks4a://", "socks5://",
		"socks5h://", "https://" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(schemes); i++) {
		if (strncasecmp(value, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	return false;
}

/* What is passed was written for the host, where this is the host's own server, or its proxy; inside it is nobody. A set value is for the inside. */
static int warn_own(struct ward_resolver *rs, const char *name, const char *value,
	struct ward_error *err)
{
	const char *server = NULL, *port = NULL;
	size_t n = own_server(value, &server, &port);

	if (rs->r->backend == WARD_BACKEND_DIRECT || strcasecmp(name, "no_proxy") == 0)
		return WARD_OK;
	/* Of its value nothing is shown: there may be a password in it. */
	if (n == 0 && is_proxy(name) && is_tunnel(value))
		return ward_rs_warn(rs, err,
			"--env %s: what is asked of a proxy by SOCKS or TLS nobody here judges, once it may be reached: it is a way to all that it reaches; leave it out: programs need no variable, and --upstream-proxy speaks HTTP without TLS alone",
			name);
	if (n == 0 && value[0] && is_proxy(name))
		return ward_rs_warn(rs, err,
			"--env %s: a proxy is asked for other names than its own, which is refused inside; leave it out: --upstream-proxy goes by it, and programs need no variable",
			name);
	if (n == 0)
		return WARD_OK;
	server = ward_arena_dup(rs->arena, server, n);
	if (!server)
		return ward_rs_nomem(err);
	if (is_proxy(name))
		return ward_rs_warn(rs, err,
			"--env %s: %s is the run's own inside; leave it out: what is granted is reached without a proxy",
			name, server);
	port = *port == ':' ? strrchr(server, ':') : ":PORT";
	return ward_rs_warn(rs, err,
		"--env %s: %s is the run's own inside; the host's is " WARD_HOST_SERVICE
		": --env %s=VALUE with that name, and --cap NETWORK_CONNECT:" WARD_HOST_SERVICE
		"%s",
		name, server, name, port);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * An option gives it a value, or a capability behind this one, of which next is the first: what the host has of it, or has not, is
 * nobody's question.
 */
static bool is_given(const struct ward_resolver *rs, const char *name, size_t next)
{
	const struct ward_request *req = rs->r;
	const size_t n = strlen(name);

	for (size_t i = next; i < rs->caps.n; i++) {
		const struct ward_cap *cap = &rs->caps.v[i];

		if (cap->type == WARD_CAP_ENV && strncmp(cap->resource, name, n) == 0 &&
			cap->resource[n] == '=')
			return true;
	}
	return req->n_env > 0 &&
		bsearch(&name, req->env_names, req->n_env, sizeof(name), by_text) != NULL;
}

/* ENV:NAME passes the caller's; ENV:NAME=VALUE sets. It is none of those behind the first old ones; next is the capability behind it. */
static int grant(struct ward_resolver *rs, const struct ward_cap *cap, size_t next, size_t old,
	struct ward_error *err)
{
	const char *name = cap->resource;
	size_t n = name_len(name);
	const char *value = name[n] == '=' ? name + n + 1 : NULL;
	char *shown = ward_arena_dup(rs->arena, name, n);
	struct ward_cap quiet = *cap;
	struct ward_rule rule = {
		.type = WARD_CAP_ENV, .pattern = shown, .origin = cap->origin, .literal = true
	};
	int r;

	if (!shown)
		return ward_rs_nomem(err);
	quiet.resource = shown; /* a value may be a secret: it is in no message and no rule */
	rule.text = ward_rs_rule_text(rs, &quiet);
	r = ward_rs_rule(rs, &rule, err);
	if (r < 0)
		return r;
	if (value)
		return set(rs, name, n, value, old, err);
	if (is_given(rs, shown, next))
		return WARD_OK;
	if (listed(ward_env_risky, name, n)) {
		(void)ward_rs_cap_fail(rs, &quiet, WARD_E_CAPABILITY, err,
			"changes which code programs load, and is not passed on");
		ward_fail_fix(err, "--env %s=VALUE sets it in so many words", shown);
		return WARD_E_CAPABILITY;
	}
	value = getenv(shown);
	if (!value) {
		(void)ward_rs_cap_fail(rs, &quiet, WARD_E_CAPABILITY, err, "is not set here");
		ward_fail_fix(err, "set it before, or --env %s=VALUE", shown);
		return WARD_E_CAPABILITY;
	}
	r = warn_own(rs, shown, value, err);
	if (r == WARD_OK)
		r = warn_socket(rs, shown, value, err);
	return r < 0 ? r : set(rs, name, n, value, old, err);
}

/* What this host has of data/environment's directories, behind the PATH at *io, which nobody has set. */
static int host_path(struct ward_resolver *rs, const char **io, struct ward_error *err)
{
	struct stat st;

	for (const char *const *dir = ward_env_path; *dir; dir++) {
		if (fstatat(AT_FDCWD, *dir, &st, 0) < 0 || !ward_base_holds(*dir))
			continue;
		*io = ward_arena_printf(rs->arena, "%s:%s", *io, *dir);
		if (!*io)
			return ward_rs_nomem(err);
	}
	return WARD_OK;
}

static bool has(const char *const *list, const char *assignment)
{
	while (*list && *list != assignment)
		list++;
	return *list;
}

int ward_rs_env(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_request *req = rs->r;
	int r = baseline(rs, err);
	size_t old;

	for (size_t i = 0; i < rs->caps.n && r == WARD_OK; i++)
		if (rs->caps.v[i].type == WARD_CAP_ENV)
			r = grant(rs, &rs->caps.v[i], i + 1, rs->env.n, err);
	old = rs->env.n; /* those of --env are each another one */
	for (size_t i = 0; i < req->n_env && r == WARD_OK; i++) {
		const struct ward_env_set *e = &req->env[i];
		struct ward_cap cap = {
			.type = WARD_CAP_ENV, .resource = e->name, .origin = e->origin
		};

		if (e->value)
			cap.resource = ward_arena_printf(rs->arena, "%s=%s", e->name, e->value);
		r = cap.resource ? grant(rs, &cap, rs->caps.n, old, err) : ward_rs_nomem(err);
	}
	for (size_t i = 0; i < rs->env.n && r == WARD_OK; i++) {
		if (strncmp(rs->env.v[i], "PATH=", 5) != 0)
			continue;
		rs->path_set = !has(ward_env_set, rs->env.v[i]);
		if (!rs->path_set)
			r = host_path(rs, &rs->env.v[i], err);
		rs->path = rs->env.v[i] + 5;
	}
	return r;
}

/* What the environment has of it; "" for nothing. */
static const char *value_of(const struct ward_resolver *rs, const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i < rs->env.n; i++)
		if (strncmp(rs->env.v[i], name, n) == 0 && rs->env.v[i][n] == '=')
			return rs->env.v[i] + n + 1;
	return "";
}

/* It is there, and the run may not read it. What is not known is not said to be fine. */
static bool is_refused(struct ward_resolver *rs, const char *dir, const char *file)
{
	const char *path = ward_arena_printf(rs->arena, "%s/%s", dir, file);
	struct ward_target t;
	int r = path && dir[0] == '/' ? ward_rs_target(rs, path, &t) : -EINVAL;

	if (r == -ENOENT || r == -ENOTDIR)
		return false;
	return r < 0 || !ward_rs_visible(rs, t.path);
}

/* Without a view: git is kept from its configuration in the home only where that is refused, which it takes for its end. */
int ward_rs_env_home(struct ward_resolver *rs, struct ward_error *err)
{
	const char *home = value_of(rs, "HOME"), *config = value_of(rs, "XDG_CONFIG_HOME");
	size_t i = 0;

	(void)err;
	while (i < rs->env.n &&
		!(ward_has_prefix(rs->env.v[i], "GIT_CONFIG_GLOBAL=") &&
			has(ward_env_alone, rs->env.v[i])))
		i++;
	if (i == rs->env.n || is_refused(rs, home, ".gitconfig") ||
		is_refused(rs, config[0] ? config : home,
			config[0] ? "git/config" : ".config/git/config"))
		return WARD_OK;
	rs->env.n--;
	memmove(&rs->env.v[i], &rs->env.v[i + 1], (rs->env.n - i) * sizeof(rs->env.v[0]));
	return WARD_OK;
}

static int check_size(const struct ward_resolver *rs, struct ward_error *err)
{
	size_t bytes = 0;

	for (char **a = rs->argv; *a; a++)
		bytes += strlen(*a) + 1 + sizeof(*a);
	for (size_t i = 0; i < rs->env.n; i++)
		bytes += strlen(rs->env.v[i]) + 1 + sizeof(char *);
	if (bytes <= WARD_ARGV_BYTES_MAX)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_LIMIT,
		"arguments and environment are %zu bytes, %u is the most", bytes,
		WARD_ARGV_BYTES_MAX);
	ward_fail_fix(err, "pass the data in a file, or on stdin");
	return WARD_E_LIMIT;
}

int ward_rs_env_finish(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; i < rs->bins.n && r == WARD_OK && !rs->path_set; i++) {
		char *path;

		if (ward_rs_on_path(rs->path, rs->bins.v[i]))
			continue;
		path = ward_arena_printf(rs->arena, "PATH=%s:%s", rs->path, rs->bins.v[i]);
		r = path ? put(rs, path, err) : ward_rs_nomem(err);
		if (r == WARD_OK)
			rs->path = path + strlen("PATH=");
	}
	return r < 0 ? r : check_size(rs, err);
}

/* ---- programs by their names ---- */

/* What the caller sets PATH to; NULL: nothing, and it is composed. */
static const char *path_asked(const struct ward_request *req)
{
	for (size_t i = 0; i < req->n_env; i++) {
		if (ward_streq(req->env[i].name, "PATH"))
			return req->env[i].value ? req->env[i].value : getenv("PATH");
	}
	for (size_t i = 0; i < req->caps.n; i++) {
		const struct ward_cap *cap = &req->caps.v[i];

		if (cap->type == WARD_CAP_ENV && ward_streq(cap->resource, "PATH"))
			return getenv("PATH");
		if (cap->type == WARD_CAP_ENV && ward_has_prefix(cap->resource, "PATH="))
			return cap->resource + strlen("PATH=");
	}
	return NULL;
}

/* What PATH is where nobody sets it; NULL: no memory. */
static const char *path_composed(struct ward_resolver *rs)
{
	const char *path = "";

	for (const char *const *s = ward_env_set; *s; s++)
		if (ward_has_prefix(*s, "PATH="))
			path = *s + strlen("PATH=");
	return host_path(rs, &path, NULL) < 0 ? NULL : path;
}

/*
 * Rules are gathered before there is a view and an environment, and a name in them means what it will mean inside. Where stand-ins are
 * on the caller's PATH that is a version's own program: they themselves are nowhere in a run, and a rule about them holds nothing.
 */
static int path_ahead(struct ward_resolver *rs, const char **ret)
{
	const struct ward_request *req = rs->r;
	const bool works = req->kind == WARD_COMMAND_RUN && (req->mode || req->profile);
	const char *own = path_asked(req), *base, *callers;

	*ret = rs->path ? rs->path : rs->ahead;
	if (*ret)
		return 0;
	base = path_composed(rs);
	if (!base || ward_rs_callers_path(rs, &callers, NULL) < 0)
		return -ENOMEM;
	if (own)
		rs->ahead = ward_arena_printf(rs->arena, "%s:%s", own, callers);
	else
		rs->ahead = ward_arena_printf(rs->arena, "%s:%s", works ? callers : base,
			works ? base : callers);
	*ret = rs->ahead;
	return *ret ? 0 : -ENOMEM;
}

/* What name is in the directory at *io, which then is behind it; false: there is none any more. */
static bool next_on(const char **io, const char *name, char path[WARD_PATH_MAX])
{
	const char *s, *end;

	for (s = *io; s && *s; s = *end ? end + 1 : end) {
		end = strchrnul(s, ':');
		if (*s != '/' ||
			(size_t)snprintf(path, WARD_PATH_MAX, "%.*s/%s", (int)(end - s), s, name) >=
				WARD_PATH_MAX)
			continue;
		*io = *end ? end + 1 : end;
		return true;
	}
	return false;
}

/* Whether it is there is not known. */
static bool unknown(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM;
}

static int search(struct ward_resolver *rs, const char *dirs, const char *name, bool callers,
	const char **ret_path, struct ward_target *ret)
{
	char path[WARD_PATH_MAX];
	int worst = -ENOENT, r;

	while (next_on(&dirs, name, path)) {
		/* What the workspace put there is not what the caller meant. */
		if (callers && ward_path_within(path, rs->workspace))
			continue;
		r = ward_rs_target(rs, path, ret);
		if (unknown(r))
			return r; /* another one farther on is not what was meant */
		if (r < 0 || (callers && ward_path_within(ret->path, rs->workspace)))
			continue;
		if (!S_ISREG(ret->st.st_mode) || !(ret->st.st_mode & 0111)) {
			worst = -EACCES;
			continue;
		}
		*ret_path = ward_arena_strdup(rs->arena, path);
		return *ret_path ? 0 : -ENOMEM;
	}
	return worst;
}

/* Ahead of the run it is a rule that names it: what the workspace put there does not count then, whoever set PATH to what. */
int ward_rs_lookup(struct ward_resolver *rs, const char *name, bool trusted, const char **ret_path,
	struct ward_target *ret)
{
	const char *path;
	int r = path_ahead(rs, &path);

	if (r == 0)
		r = search(rs, path, name, !rs->path, ret_path, ret);
	if (trusted && (r == -ENOENT || r == -EACCES))
		r = search(rs, getenv("PATH"), name, true, ret_path, ret);
	return r;
}

static int search_all(struct ward_resolver *rs, const char *dirs, const char *name,
	struct ward_texts *to, struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	struct ward_target t;
	int r = WARD_OK;

	while (r == WARD_OK && next_on(&dirs, name, path)) {
		int found = ward_rs_target(rs, path, &t);

		if (unknown(found))
			return ward_fail(err, WARD_E_SYSTEM, "cannot look for %s: %s",
				ward_rs_show(rs, path), strerror(-found));
		/* That it may be executed can come later. */
		if (found == 0 && S_ISREG(t.st.st_mode))
			r = ward_rs_text(rs, to, t.path, err);
	}
	return r;
}

/* Whatever PATH is set to, outside or inside: what is denied is a program that everybody knows by that name. */
int ward_rs_lookup_all(struct ward_resolver *rs, const char *name, struct ward_texts *to,
	struct ward_error *err)
{
	const char *base = path_composed(rs), *path;
	int r = !base || path_ahead(rs, &path) < 0 ? ward_rs_nomem(err)
						   : search_all(rs, path, name, to, err);

	if (r == WARD_OK)
		r = search_all(rs, base, name, to, err);
	return r == WARD_OK ? search_all(rs, getenv("PATH"), name, to, err) : r;
}
