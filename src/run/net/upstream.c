/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --upstream-proxy and --upstream-direct: the host's own way out, said by its owner alone. No policy, no component and nothing of the
 * inside has a word for it; nor has the environment, where the option does not say so. Its password is on no command line, in no
 * message and no record, and a file that has it is refused where the command could read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "egress/egress.h"
#include "os/os.h"
#include "run/request.h"
#include "run/rules/tools.h"

#define FILE_MAX 4096 /* bytes: one URL */
#define FILE_IS "file:"

static int no(struct ward_error *err, const char *fix, const char *what)
{
	(void)ward_fail(err, WARD_E_INVALID, "%s", what);
	ward_fail_fix(err, "%s", fix);
	return WARD_E_INVALID;
}

static int begin(struct ward_request *r, const char *value, struct ward_error *err)
{
	const char *kept;
	int code = ward_option_keep(r, value, &kept, err); /* not empty, nor too long */

	if (code < 0)
		return code;
	if (!r->upstream)
		r->upstream = ward_upstream_new(r->arena);
	return r->upstream ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "out of memory");
}

/* ---- where it is said ---- */

/* The first of them that is set to something. */
static const char *first_set(const char *const *names, size_t n, const char **ret_name)
{
	for (size_t i = 0; i < n; i++) {
		const char *v = getenv(names[i]);

		if (v && v[0]) {
			*ret_name = names[i];
			return v;
		}
	}
	return NULL;
}

static int by_env(struct ward_request *r, struct ward_error *err)
{
	static const char *const proxies[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
		"ALL_PROXY" };
	static const char *const direct[] = { "no_proxy", "NO_PROXY" };
	const char *name = NULL;
	const char *url = first_set(proxies, WARD_ARRAY_SIZE(proxies), &name), *spared;
	int code;

	if (!url)
		return no(err, "set HTTPS_PROXY, name the proxy here, or leave the option out",
			"HTTPS_PROXY is not set, nor https_proxy, nor ALL_PROXY");
	code = ward_upstream_set(r->upstream, url, name, err);
	if (code < 0)
		return code;
	spared = first_set(direct, WARD_ARRAY_SIZE(direct), &name);
	return spared ? ward_upstream_spare(r->upstream, spared, true, name, err) : WARD_OK;
}

/* Whoever else may write it would say where all goes; who may read it has the password. */
static int check_file(int fd, const char *path, struct ward_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "cannot look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return no(err, "name a regular file", "it is no regular file");
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return no(err, "name a file of your own", "the file is somebody else's");
	/* By another name of it the command could have it, whatever is looked at here. */
	if (st.st_nlink > 1)
		return no(err, "copy it to a file of its own, and name that",
			"the file has another name, a hard link");
	if (st.st_mode & (S_IROTH | S_IWOTH))
		return no(err, "chmod o= FILE", "everybody may read the file, or write it");
	return WARD_OK;
}

static int by_file(struct ward_request *r, const char *path, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	WARD_FD fd = -1;
	const char *kept = NULL;
	char *text, *end;
	int code = ward_option_keep(r, path, &kept, err);

	if (code < 0)
		return code;
	fd = ward_open_named(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		code = ward_fail_errno(err, WARD_E_NOTFOUND, -fd, "cannot open '%s'", path);
		ward_fail_fix(err, "name a file that you may read, with one line, the proxy's URL");
		return code;
	}
	code = check_file(fd, path, err);
	if (code == WARD_OK)
		code = ward_read_fd(fd, path, FILE_MAX, &b, err);
	if (code < 0)
		return code;
	text = b.n ? b.s : NULL;
	end = text ? strchr(ward_buf_cstr(&b), '\n') : NULL;
	if (end && end[1] == '\0')
		*end = '\0';
	if (!text || !text[0] || strchr(text, '\n') || strlen(text) + (end != NULL) != b.n)
		code = no(err, "write http://USER:PASSWORD@HOST:PORT into it, and nothing else",
			"the file has not one line");
	else
		code = ward_upstream_set(r->upstream, text, "the file", err);
	if (b.s)
		explicit_bzero(b.s, b.n);
	if (code == WARD_OK)
		r->upstream_file = kept;
	return code;
}

int ward_apply_upstream_proxy(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	int code = begin(r, value, err);

	(void)index;
	if (code < 0)
		return code;
	if (ward_streq(value, "env"))
		return by_env(r, err);
	if (strncmp(value, FILE_IS, strlen(FILE_IS)) == 0)
		return by_file(r, value + strlen(FILE_IS), err);
	if (strchr(value, '@'))
		return no(err,
			"write the URL into a file that you alone may read, and name that: file:PATH; or into HTTPS_PROXY, and say env",
			"a user and a password on a command line are seen by every process of the host");
	return ward_upstream_set(r->upstream, value, "", err);
}

int ward_apply_upstream_direct(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	int code = begin(r, value, err);

	(void)index;
	return code < 0 ? code : ward_upstream_spare(r->upstream, value, false, "", err);
}

/* ---- asked beforehand: what the gate, and ask.c, would say of an endpoint that may be connected to ---- */

struct leads {
	const struct ward_rulebook *book;
	const struct ward_query *q;
	struct ward_by_upstream *ret;
	struct ward_verdict v;
	size_t n;
};

/* Not 0: it could lead there, and is refused. */
static int leads_there(void *arg, const char *address, bool tried)
{
	struct leads *l = arg;
	struct ward_query one = *l->q;
	char *why = l->ret->why;

	one.unreached = true;
	if (++l->n > WARD_EGRESS_UNSEEN_MAX) {
		(void)snprintf(why, sizeof(l->ret->why),
			"where it leads only the host's proxy would know, and rules forbid more addresses than are looked at for each connection");
		return 1;
	}
	if (tried && ward_judge_leads(l->book->book, l->book->desk, &one, address, &l->v) == 0 &&
		l->v.effect == WARD_ALLOW)
		return 0;
	(void)snprintf(why, sizeof(l->ret->why),
		"where it leads only the host's proxy would know, and a rule forbids %.100s",
		address);
	if (tried && l->v.n_rules > 0)
		l->ret->by = l->v.rules[0];
	return 1;
}

int ward_net_by_upstream(const struct ward_request *r, const struct ward_rulebook *book,
	const struct ward_query *q, struct ward_by_upstream *ret)
{
	enum ward_upstream_way way;
	struct leads l = { .book = book, .q = q, .ret = ret };
	struct ward_endpoint e;

	*ret = (struct ward_by_upstream){ .proxy = NULL };
	if (!ward_upstream_text(r->upstream) || q->action != WARD_ACT_NET_CONNECT ||
		!ward_endpoint_parse_asked(q->resource, &e))
		return WARD_OK;
	way = ward_upstream_way(r->upstream, &e);
	if (way == WARD_UPSTREAM_SPARED)
		return WARD_OK;
	ret->proxy = ward_upstream_text(r->upstream);
	if (way != WARD_UPSTREAM_ASKED) {
		ret->refused = "upstream_inner";
		(void)snprintf(ret->why, sizeof(ret->why), "%s",
			e.kind == WARD_HOST_NAME
				? "asked of the host's proxy that is the proxy's own host, or its cloud's metadata"
				: "the address is not asked of the host's proxy: --upstream-direct dials it from here");
		return WARD_OK;
	}
	if (e.kind != WARD_HOST_NAME)
		return WARD_OK;
	l.v.effect = WARD_DENY;
	switch (ward_net_led_to(book->book, NULL, true, leads_there, &l)) {
	case WARD_OK: return WARD_OK;
	case 1: ret->refused = "upstream_address"; return WARD_OK;
	default: return WARD_E_NOMEM;
	}
}

/* ---- with the rest of the request ---- */

int ward_rs_upstream_check(const struct ward_request *r, struct ward_error *err)
{
	if (ward_upstream_text(r->upstream) || !ward_upstream_spares(r->upstream))
		return WARD_OK;
	(void)ward_fail(err, WARD_E_INVALID, "there is no proxy that it could spare");
	ward_fail_at(err, "--upstream-direct", 0, 0);
	ward_fail_fix(err, "name one with --upstream-proxy, or leave it out");
	return WARD_E_INVALID;
}

int ward_rs_upstream(struct ward_resolver *rs, struct ward_error *err)
{
	const struct ward_request *r = rs->r;
	const char *path = r->upstream_file, *proxy = ward_upstream_text(r->upstream);
	struct ward_target t;
	bool some = false;

	if (ward_rs_upstream_check(r, err) < 0)
		return WARD_E_INVALID;
	if (path && ward_rs_target(rs, ward_rs_absolute(rs, rs->cwd, path), &t) == 0 &&
		ward_rs_visible(rs, t.path)) {
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s lies where the command could read it, and has the proxy's password",
			ward_rs_show(rs, path));
		ward_fail_at(err, "--upstream-proxy", 0, 0);
		ward_fail_fix(err, "put it where nothing is granted, or use --upstream-proxy env");
		return WARD_E_REFUSED;
	}
	for (size_t i = 0; i < rs->n_rules; i++)
		some |= rs->rules[i].type == WARD_CAP_NETWORK_CONNECT;
	return proxy && some
		? ward_rs_warn(rs, err,
			  "names are asked of the host's proxy %s: where they lead it alone knows, and no address behind them is judged (docs/egress.md)",
			  proxy)
		: WARD_OK;
}
