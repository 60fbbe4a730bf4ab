/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places of a run: workspace, working directory, the caller's home, the log. A workspace grants nothing; it is an
 * empty directory of the same name until something in it is granted. What would hand out a whole home, or put the log
 * where the confined side can write, is refused here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/audit.h"
#include "os/os.h"
#include "run/persist/persist.h"
#include "run/resolve/look.h"

#define PASSWD_LINE_MAX ((size_t)1 << 20)
#define WORDS_LOOKED 64 /* of a command: what a pattern of the shell made of it can be thousands */

static int fail(struct ward_error *err, int code, const char *option, const char *message,
	const char *fix)
{
	(void)ward_fail(err, code, "%s", message);
	ward_fail_at(err, option, 0, 0);
	ward_fail_fix(err, "%s", fix);
	return code;
}

/*
 * A field of who has this number in /etc/passwd, however long that is: to *ret, malloc'ed, or NULL: there is no such line. 0, or -errno: that
 * is not known.
 */
static int passwd_field(uid_t uid, int which, char **ret)
{
	FILE *f = fopen("/etc/passwd", "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	*ret = NULL;
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	errno = 0;
	while (r == 0 && !*ret && getline(&line, &size, f) >= 0) {
		char *field[7] = { line }, *end;
		int n = 1;

		line[strcspn(line, "\n")] = '\0';
		for (char *s = line; n < 7 && (s = strchr(s, ':')); n++) {
			*s++ = '\0';
			field[n] = s;
		}
		if (n < 7 || field[2][0] < '0' || field[2][0] > '9' ||
			strtoul(field[2], &end, 10) != uid || *end)
			continue;
		*ret = strdup(field[which]);
		r = *ret ? 0 : -ENOMEM;
	}
	if (r == 0 && !*ret && !feof(f))
		r = errno ? -errno : -EIO;
	free(line);
	(void)fclose(f);
	return r;
}

char *ward_rs_home_named(uid_t uid)
{
	const char *home = getenv("HOME");
	char *listed = NULL;

	if (home && home[0] == '/')
		return strdup(home);
	/* For a caller without $HOME (a service). */
	(void)passwd_field(uid, 5, &listed);
	return listed;
}

/*
 * Who sets HOME for one program (a job of CI, an agent's own home), or has none, starts others otherwise: those read their policies where the
 * account has its home. One that only a service of names knows is not asked for: that has its time.
 */
const char *ward_rs_account(struct ward_resolver *rs)
{
	const char *home = getenv("HOME");
	struct ward_target t;
	char *listed = NULL;

	if (!rs->account) {
		int r = passwd_field(rs->host->uid, 5, &listed);

		rs->account = "";
		/* Where it is not known what has to be held nothing starts. */
		if (r < 0)
			rs->starved = -r;
		if (listed && listed[0] == '/' && ward_rs_target(rs, listed, &t) == 0 &&
			S_ISDIR(t.st.st_mode) && !ward_streq(t.path, "/") &&
			!(home && home[0] == '/' && ward_streq(t.path, ward_rs_home(rs))))
			rs->account = t.path;
		free(listed);
	}
	return rs->account[0] ? rs->account : NULL;
}

/* Whom services of names know (nscd, LDAP), in their answer's time. */
static int asked_login(uid_t uid, char **ret)
{
	struct passwd pw, *found = NULL;
	char *line = NULL;
	int r = ERANGE;

	for (size_t n = 1024; r == ERANGE && n <= PASSWD_LINE_MAX; n *= 4) {
		free(line);
		line = malloc(n);
		r = line ? getpwuid_r(uid, &pw, line, n, &found) : ENOMEM;
	}
	/* Words of C libraries for: nobody. */
	if (r == ENOENT || r == ESRCH)
		r = 0;
	if (r == 0 && found) {
		*ret = strdup(pw.pw_name);
		r = *ret ? 0 : ENOMEM;
	}
	free(line);
	return -r;
}

int ward_rs_login(uid_t uid, char **ret)
{
	int r = passwd_field(uid, 0, ret);

	if (r == 0 && !*ret)
		r = asked_login(uid, ret);
	if (r == 0 && *ret && !**ret) {
		free(*ret);
		*ret = NULL;
	}
	return r;
}

/* Apart: what finds it has much on its stack, and it is asked for often. */
__attribute__((noinline)) static const char *find_home(struct ward_resolver *rs)
{
	struct ward_target t;
	char *home = ward_rs_home_named(rs->host->uid);
	const char *given = getenv("HOME");
	const char *real =
		home && home[0] == '/' && ward_rs_target(rs, home, &t) == 0 ? t.path : "";

	/* It is there, and there was no memory for it: what lies in it has to be held, and is not known. */
	if (!home && given && given[0] == '/')
		rs->starved = ENOMEM;
	free(home);
	return real;
}

const char *ward_rs_home(struct ward_resolver *rs)
{
	if (!rs->home)
		rs->home = find_home(rs);
	return rs->home;
}

bool ward_rs_is_home(struct ward_resolver *rs, const char *path)
{
	if (ward_streq(path, "/"))
		return true;
	return ward_rs_home(rs)[0] && ward_path_within(rs->home, path);
}

static int check_workspace(struct ward_resolver *rs, const struct ward_target *t,
	struct ward_error *err)
{
	const char *option = rs->r->workspace ? "--workspace" : "";
	char text[WARD_ERROR_MESSAGE_MAX];
	const char *reserved = ward_rs_reserved(t->path);

	if (!S_ISDIR(t->st.st_mode)) {
		(void)snprintf(text, sizeof(text), "the workspace %s is not a directory",
			ward_rs_show(rs, t->path));
		return fail(err, WARD_E_INVALID, option, text, "name a directory");
	}
	if (reserved && t->path[1]) {
		(void)snprintf(text, sizeof(text),
			"the workspace %s lies in %s, of which no sandbox has the host's",
			ward_rs_show(rs, t->path), reserved);
		return fail(err, WARD_E_REFUSED, option, text,
			"--workspace DIR, a directory of yours");
	}
	if (rs->r->workspace && !rs->r->i_know && ward_rs_is_home(rs, t->path)) {
		(void)snprintf(text, sizeof(text), "the workspace %s is %s",
			ward_rs_show(rs, t->path),
			!t->path[1]                             ? "the root of the host"
				: ward_streq(t->path, rs->home) ? "your home"
								: "above your home");
		return fail(err, WARD_E_REFUSED, option, text,
			!t->path[1]
				? "name the project's directory; with --i-know it may be read, but never written or reviewed as a whole"
				: "name the project's directory, or say --i-know");
	}
	return WARD_OK;
}

int ward_rs_place(struct ward_resolver *rs, struct ward_error *err)
{
	const char *given = rs->r->workspace ? rs->r->workspace : rs->cwd;
	const char *path = ward_rs_absolute(rs, rs->cwd, given);
	struct ward_node node = { .kind = WARD_NODE_DIR, .rule = -1 };
	struct ward_target t;
	int r = given[0] ? ward_rs_target(rs, path, &t) : -ENOENT;

	if (r == -ENOSYS)
		return fail(err, WARD_E_UNSUPPORTED, rs->r->workspace ? "--workspace" : "",
			"openat2 is refused here, as it is inside a sandbox (Ward's own is one)",
			"start ward outside of it, or of a systemd unit with RestrictSUIDSGID= or DynamicUser=; or Linux is older than 5.6");
	if (r < 0) {
		(void)ward_fail_errno(err, r == -ENOENT ? WARD_E_NOTFOUND : WARD_E_INVALID, -r,
			"the workspace %s cannot be opened", ward_rs_show(rs, given));
		ward_fail_at(err, rs->r->workspace ? "--workspace" : "", 0, 0);
		ward_fail_fix(err,
			r == -EACCES
				? "cd to a directory that you may enter, or name it: --workspace DIR"
				: r == -ENAMETOOLONG ? "name one whose path is shorter"
						     : "name a directory that exists");
		return r == -ENOENT ? WARD_E_NOTFOUND : WARD_E_INVALID;
	}
	r = check_workspace(rs, &t, err);
	if (r < 0)
		return r;
	rs->workspace = node.dest = t.path;
	rs->workspace_st = t.st;
	return ward_rs_node(rs, &node, err);
}

/* Is there a directory of this name inside? Real paths only. */
static bool is_inside(const struct ward_resolver *rs, const char *path)
{
	if (ward_path_within(path, rs->workspace) || ward_rs_visible(rs, path))
		return true;
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind != WARD_NODE_SYMLINK && n->kind != WARD_NODE_FILE &&
			ward_path_within(n->dest, path))
			return true;
	}
	return false;
}

static int fail_cwd(struct ward_resolver *rs, int code, const char *path, const char *why,
	struct ward_error *err)
{
	char word[WARD_PASTE_MAX];

	(void)ward_fail(err, code, "the working directory %s %s", ward_rs_show(rs, path), why);
	ward_fail_at(err, rs->r->cwd ? "--cwd" : "", 0, 0);
	if (code == WARD_E_REFUSED) /* it is there, and could be granted */
		ward_fail_fix(err, "--cwd DIR in the workspace or under a grant, or --read %s",
			ward_paste(word, path, "PATH"));
	else
		ward_fail_fix(err, "--cwd DIR in the workspace or under a grant");
	return code;
}

/* A mask of a rule over it, or over what it lies in: the command could not enter it. */
static bool is_taken_out(const struct ward_resolver *rs, const char *path)
{
	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];

		if (n->kind == WARD_NODE_MASK && n->told && n->mode == 0 &&
			ward_path_within(path, n->dest) && ward_rs_covers(rs, n))
			return true;
	}
	return false;
}

static int fail_taken_out(struct ward_resolver *rs, const char *path, struct ward_error *err)
{
	char word[WARD_PASTE_MAX];

	(void)fail_cwd(rs, WARD_E_REFUSED, path, "is taken out of what is granted by a policy",
		err);
	ward_fail_fix(err,
		"--cwd DIR that may be read, or take the rule away: ward policy explain --op read --path %s says which",
		ward_paste(word, path, "PATH"));
	return WARD_E_REFUSED;
}

int ward_rs_place_cwd(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_node node = { .kind = WARD_NODE_DIR, .rule = -1 };
	struct ward_target t = { .path = rs->cwd };
	const char *path;
	int r;

	if (!rs->r->cwd) {
		/* Somewhere else than the workspace that was named, and nothing of it granted: start in the workspace. */
		rs->inside_cwd = is_inside(rs, rs->cwd) ? rs->cwd : rs->workspace;
	} else {
		path = ward_rs_absolute(rs, rs->cwd, rs->r->cwd);
		rs->inside_cwd = NULL;
		for (size_t i = 0; path && i < rs->n_nodes && !rs->inside_cwd; i++)
			if (rs->nodes[i].kind == WARD_NODE_TMPFS &&
				ward_streq(path, rs->nodes[i].dest))
				rs->inside_cwd = path;
		if (rs->inside_cwd)
			return WARD_OK;
		r = rs->r->cwd[0] ? ward_rs_target(rs, path, &t) : -ENOENT;
		if (r < 0)
			return fail_cwd(rs, WARD_E_NOTFOUND, rs->r->cwd,
				r == -ELOOP                  ? "is a circle of links"
					: r == -ENAMETOOLONG ? "is too long a path"
					: r == -EACCES       ? "may not be entered"
							     : "does not exist",
				err);
		if (!S_ISDIR(t.st.st_mode))
			return fail_cwd(rs, WARD_E_INVALID, rs->r->cwd, "is not a directory", err);
		if (!is_inside(rs, t.path))
			return fail_cwd(rs, WARD_E_REFUSED, t.path, "is not in the view", err);
		rs->inside_cwd = t.path;
	}
	if (is_taken_out(rs, rs->inside_cwd))
		return fail_taken_out(rs, rs->inside_cwd, err);
	if (!ward_path_within(rs->inside_cwd, rs->workspace))
		return WARD_OK;
	node.dest = rs->inside_cwd;
	return ward_rs_node(rs, &node, err);
}

/* ---- the log lies where nothing inside can write ---- */

/* The real path that a file to be made would have: links of its directory resolved, what is missing taken as it is. */
static const char *real_path(struct ward_resolver *rs, const char *path)
{
	char dir[WARD_PATH_MAX];
	const char *rest;
	struct ward_target t;
	char *slash;

	if (ward_rs_target(rs, path, &t) == 0)
		return t.path;
	if (!path || (size_t)snprintf(dir, sizeof(dir), "%s", path) >= sizeof(dir))
		return NULL;
	while ((slash = strrchr(dir, '/'))) {
		*slash = '\0';
		rest = path + (slash - dir) + 1;
		if (ward_rs_target(rs, dir[0] ? dir : "/", &t) == 0)
			return ward_rs_absolute(rs, t.path, rest);
	}
	return NULL;
}

static int refuse_audit(struct ward_resolver *rs, const char *path, const char *where,
	const char *dir, struct ward_error *err)
{
	bool given = rs->r->audit;
	/* A service and a cron job of root begin there: no place is elsewhere. */
	bool all = given && ward_streq(dir, "/");

	rs->r->audit_refused = true;
	(void)ward_fail(err, WARD_E_REFUSED,
		"the log %s lies %s %s, where the command could change it", ward_rs_show(rs, path),
		where, ward_rs_show(rs, dir));
	ward_fail_at(err, given ? "--audit" : "", 0, 0);
	ward_fail_fix(err,
		all ? "leave it out for the default, or name a directory of its own as the workspace: --workspace DIR"
			: given ? "--audit FILE elsewhere, or leave it out for the default"
				: "--audit FILE elsewhere, or a narrower write grant");
	return WARD_E_REFUSED;
}

/* The path that the log would have; NULL: none, or whoever opens it says what is wrong. Looked up once. */
static const char *audit_path(struct ward_resolver *rs)
{
	char buf[WARD_PATH_MAX];

	if (rs->audit || ward_streq(rs->r->audit, "/dev/null"))
		return rs->audit;
	if (rs->r->audit)
		rs->audit = real_path(rs, ward_rs_absolute(rs, rs->cwd, rs->r->audit));
	else if (ward_audit_default_path(buf, sizeof(buf), NULL) == WARD_OK)
		rs->audit = real_path(rs, buf);
	return rs->audit;
}

/* The default place may lie in a workspace that is the home: only a grant lets the command write there. */
int ward_rs_check_audit_place(struct ward_resolver *rs, struct ward_error *err)
{
	const char *path = rs->r->audit ? audit_path(rs) : NULL;

	rs->r->audit_refused = false;
	if (!path || !ward_path_within(path, rs->workspace))
		return WARD_OK;
	return refuse_audit(rs, path, "in the workspace", rs->workspace, err);
}

static int refuse_store(struct ward_resolver *rs, const char *dest, const char *what,
	struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_REFUSED, "%s cannot be written by a run: %s are kept there",
		ward_rs_show(rs, dest), what);
	ward_fail_fix(err, "take it out");
	return WARD_E_REFUSED;
}

/* Log, and snapshots and begun runs beside it, are out of the command's reach: above, at and below the latter two. */
int ward_rs_check_audit(struct ward_resolver *rs, struct ward_error *err)
{
	char store[WARD_PATH_MAX];

	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *n = &rs->nodes[i];
		const char *path;

		if (n->kind != WARD_NODE_BIND || !n->write)
			continue;
		path = audit_path(rs);
		if (path && ward_path_within(path, n->dest))
			return refuse_audit(rs, path, "under the write grant", n->dest, err);
		if (path && ward_store_where(path, store, NULL) == WARD_OK &&
			ward_path_within(n->dest, store))
			return refuse_store(rs, n->dest, "policies of runs", err);
		if (path && ward_pending_where(path, store) == WARD_OK &&
			ward_path_within(n->dest, store))
			return refuse_store(rs, n->dest, "runs that have begun", err);
	}
	return WARD_OK;
}

/* So that it is there from the start, and covered. */
static int make_log(struct ward_resolver *rs, const char *path, bool runs, struct ward_error *err)
{
	struct ward_audit *a = NULL;
	struct ward_target t;
	int r = WARD_OK;

	if (!rs->starts || ward_rs_target(rs, path, &t) == 0)
		return WARD_OK;
	if (runs)
		(void)mkdir(path, 0700); /* not possible: nor is it later */
	else
		r = ward_audit_open(rs->r->audit, &a, NULL, err);
	ward_audit_close(a);
	return r;
}

static int cover_log(struct ward_resolver *rs, const char *path, bool runs, struct ward_error *err)
{
	struct ward_node n = {
		.kind = WARD_NODE_MASK, .is_dir = runs, .fixed = true, .rule = -1, .dest = path
	};
	struct ward_target t;
	int r;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		if (rs->nodes[i].kind != WARD_NODE_BIND ||
			!ward_path_within(rs->nodes[i].dest, path))
			continue;
		(void)ward_fail(err, WARD_E_REFUSED,
			"%s cannot be granted: it is the run's log, and whoever reads it can lock it",
			ward_rs_show(rs, rs->nodes[i].dest));
		ward_fail_fix(err, "give it through a pipe: cat FILE |");
		return WARD_E_REFUSED;
	}
	if (!ward_rs_visible(rs, path))
		return WARD_OK;
	r = make_log(rs, path, runs, err);
	return r < 0 || ward_rs_target(rs, path, &t) < 0 ? r : ward_rs_node(rs, &n, err);
}

/*
 * Who may read a file may lock it. With the log locked this run's supervisor would wait to write, and look at no limit meanwhile, and no other
 * run could start. Without namespaces there is nothing to cover it with.
 */
int ward_rs_cover_log(struct ward_resolver *rs, struct ward_error *err)
{
	char runs[WARD_PATH_MAX];
	const char *path = audit_path(rs), *dir;
	int r;

	if (!path || !rs->host->userns || rs->r->backend == WARD_BACKEND_DIRECT)
		return WARD_OK;
	r = cover_log(rs, path, false, err);
	if (r < 0 || ward_pending_where(path, runs) < 0)
		return r;
	dir = ward_arena_strdup(rs->arena, runs);
	return dir ? cover_log(rs, dir, true, err) : ward_rs_nomem(err);
}

/* The private directory that path lies in, as it is inside: the host's own name is told there by nobody. NULL: in none, or it is seen, or asked about. */
static const char *hidden_by(const struct ward_resolver *rs, const char *path)
{
	const char *dir = NULL;
	size_t n = 0;

	for (size_t i = 0; i < rs->n_nodes; i++) {
		const struct ward_node *node = &rs->nodes[i];

		if (node->kind == WARD_NODE_TMPFS && !node->review && strlen(node->dest) > n &&
			ward_path_within(path, node->dest) && !ward_streq(path, node->dest)) {
			dir = node->dest;
			n = strlen(dir);
		}
		/* /var/tmp leads to /tmp inside: nothing of it is granted by that name. */
		if (node->kind == WARD_NODE_SYMLINK && ward_path_within(path, node->dest) &&
			ward_streq(node->dest, "/var/tmp") && !ward_streq(path, node->dest))
			return node->dest;
	}
	if (!dir || ward_rs_visible(rs, path))
		return NULL;
	/* On the way to what is granted the layer below the view answers, and names it. */
	n += 1 + strcspn(path + n + 1, "/");
	for (size_t i = 0; i <= rs->n_nodes; i++) {
		const char *dest = i < rs->n_nodes ? rs->nodes[i].dest : rs->inside_cwd;

		if (dest && strncmp(dest, path, n) == 0 && (!dest[n] || dest[n] == '/'))
			return NULL;
	}
	return dir;
}

/* "/tmp/x", and that of "--file=/tmp/x". */
static const char *path_in(const char *word)
{
	const char *value = strchr(word, '=');

	if (*word == '/')
		return word;
	return value && value[1] == '/' && strcspn(word, "/") > (size_t)(value - word) ? value + 1
										       : NULL;
}

/*
 * Who says "python3 /tmp/x.py" means the host's /tmp, and inside is another, empty one: "no such file", and no refusal that would say why.
 * So the words of the command are looked at before.
 */
int ward_rs_words(struct ward_resolver *rs, struct ward_error *err)
{
	char path[WARD_PATH_MAX], option[WARD_PASTE_MAX];
	const char *word, *dir;
	struct stat st;

	/* Under Landlock alone nothing is hidden. */
	if (rs->r->backend == WARD_BACKEND_DIRECT || !rs->host->userns)
		return WARD_OK;
	for (size_t i = 1; i <= WORDS_LOOKED && rs->argv[i]; i++) {
		word = path_in(rs->argv[i]);
		if (!word || ward_path_normalize(word, path, sizeof(path)) < 0)
			continue;
		dir = hidden_by(rs, path);
		if (!dir || ward_rs_lstat(rs, path, &st) < 0)
			continue;
		if (S_ISSOCK(st.st_mode))
			return ward_rs_warn(rs, err,
				"%s is a socket of the host, which cannot be reached from inside",
				ward_rs_show(rs, path));
		return ward_rs_warn(rs, err,
			"%s is not there inside: %s is the run's own, and empty; the host's has to be granted: --read %s (or --write)",
			ward_rs_show(rs, path), dir, ward_paste(option, path, "FILE"));
	}
	return WARD_OK;
}
