/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of resolve share: a tree of their own under /tmp (T: a home, a workspace, things beside them), a
 * request filled by option names, and a short form of what the plan then shows below T.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "run/resolve/resolve.h"

static char T[64]; /* the tree of this process */
static const char *tree_in = "/tmp";
static struct ward_plan *plan; /* of the last try */
static struct ward_error err; /* of the last try */

static TAP_UNUSED const char *at(const char *rel)
{
	static char ring[8][512];
	static unsigned i;
	char *out = ring[i++ % 8];

	snprintf(out, sizeof(ring[0]), "%s%s%.440s", T, rel[0] ? "/" : "", rel);
	return out;
}

static TAP_UNUSED void put(const char *rel, const char *text, mode_t mode)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s", at(rel));
	for (char *s = path + strlen(T) + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		(void)mkdir(path, 0755);
		*s = '/';
	}
	if (!text) {
		(void)mkdir(path, mode);
		return;
	}
	/* Never through a link: some of them lead to programs of this machine. */
	(void)unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static TAP_UNUSED void put_link(const char *rel, const char *target)
{
	put(rel, "", 0600);
	unlink(at(rel));
	REQUIRE(symlink(target, at(rel)) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void clean_up(void)
{
	if (T[0])
		(void)nftw(T, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	T[0] = '\0';
}

/* A fresh tree; the working directory is its workspace, HOME its home. */
static TAP_UNUSED void tree(void)
{
	static bool once;

	clean_up();
	if (!once)
		atexit(clean_up);
	once = true;
	snprintf(T, sizeof(T), "%s/ward-resolve-XXXXXX", tree_in);
	REQUIRE(mkdtemp(T) != NULL);
	put("home", NULL, 0755);
	put("ws", NULL, 0755);
	put("ws/f", "f", 0644);
	put("ws/dir/g", "g", 0644);
	put("out/secret", "s", 0644);
	REQUIRE(chdir(at("ws")) == 0);
	setenv("HOME", at("home"), 1);
	setenv("PATH", "/usr/bin:/bin", 1);
	unsetenv("PYENV_ROOT");
	unsetenv("RUSTUP_HOME");
	unsetenv("CARGO_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
}

static struct ward_host host_facts(void)
{
	return (struct ward_host){
		.uid = getuid(),
		.gid = getgid(),
		.userns = true,
		.fuse = true,
		.idmap = true,
		.landlock_abi = 7,
		.seccomp_notify = true, .nft = true,
		.cgroup = 2,
		.cgroup_memory = true,
		.cgroup_pids = true,
		.cgroup_cpu = true,
		.ncpus = 2,
		.memory_available = 1ull << 30,
	};
}

/*
 * Words: options as "--name" "value" (or "--i-know"), then "--", then the command. The result of ward_resolve; plan
 * and err are set.
 */
#define MAX_WORDS 24
static TAP_UNUSED int try_words(enum ward_command_kind kind, const char *const *w)
{
	struct ward_request *r = ward_request_new(kind);
	struct ward_host host = host_facts();
	int n = 0, res = WARD_OK;

	REQUIRE(r);
	ward_plan_free(plan);
	plan = NULL;
	memset(&err, 0, sizeof(err));
	r->run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
	while (*w && ward_has_prefix(*w, "--") && strcmp(*w, "--") != 0 && res == WARD_OK) {
		bool flag = strcmp(*w, "--i-know") == 0;

		res = ward_request_set(r, *w + 2, flag ? NULL : w[1], &err);
		w += flag ? 1 : 2;
	}
	if (*w && strcmp(*w, "--") == 0)
		w++;
	while (w[n])
		n++;
	if (res == WARD_OK)
		res = ward_request_command(r, n, (char *const *)(uintptr_t)w, &err);
	if (res == WARD_OK)
		res = ward_resolve(r, &host, &plan, NULL, &err);
	CHECK((res == WARD_OK) == (plan != NULL));
	ward_request_free(r);
	return res;
}
#define RUN(...) try_words(WARD_COMMAND_RUN, (const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPT(...) try_words(WARD_COMMAND_SCRIPT, (const char *const[]){ __VA_ARGS__, NULL })

/* An error as the person sees it. */
static TAP_UNUSED const char *said(void)
{
	static char line[2048];

	ward_error_format(&err, line, sizeof(line));
	return line;
}

#define OK(x) \
	do { \
		int ok_ = (x); \
		CHECK_MSG(ok_ == WARD_OK, "%s: %d %s", #x, ok_, said()); \
		REQUIRE(plan); \
	} while (0)
/* Refused with code, in one line that holds part and has a fix. */
#define REFUSED(x, code_, part) \
	do { \
		int r_ = (x); \
		CHECK_EQ_INT(r_, code_); \
		CHECK_STR_CONTAINS(said(), part); \
		CHECK_MSG(err.fix[0] != '\0', "no fix: %s", said()); \
		CHECK_NULL(strchr(said(), '\n')); \
	} while (0)

static TAP_UNUSED const struct ward_node *node(const char *dest)
{
	for (size_t i = 0; plan && i < plan->n_nodes; i++)
		if (strcmp(plan->nodes[i].dest, dest) == 0)
			return &plan->nodes[i];
	return NULL;
}

/* What is below T: "r ws/f", "w ws/", "l a -> b", "d x/", sorted, with ", " between. */
static TAP_UNUSED const char *shows(void)
{
	static char out[16384];
	size_t n = 0, cut = strlen(T) + 1;

	out[0] = '\0';
	for (size_t i = 0; plan && i < plan->n_nodes && n < sizeof(out); i++) {
		const struct ward_node *v = &plan->nodes[i];

		if (strncmp(v->dest, T, cut - 1) != 0 || v->dest[cut - 1] != '/')
			continue;
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%c %s%s", n ? ", " : "",
			v->kind == WARD_NODE_BIND              ? (v->write ? 'w' : 'r')
				: v->kind == WARD_NODE_SYMLINK ? 'l'
							       : 'd',
			v->dest + cut,
			v->kind == WARD_NODE_SYMLINK                    ? " -> "
				: v->kind == WARD_NODE_DIR || v->is_dir ? "/"
									: "");
		if (v->kind == WARD_NODE_SYMLINK)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s",
				ward_has_prefix(v->source, T) ? v->source + cut : v->source);
	}
	return out;
}

static TAP_UNUSED const char *env_of(const char *name)
{
	for (char *const *e = plan ? plan->env : NULL; e && *e; e++)
		if (strncmp(*e, name, strlen(name)) == 0 && (*e)[strlen(name)] == '=')
			return *e + strlen(name) + 1;
	return NULL;
}

static TAP_UNUSED bool may_exec(const char *path)
{
	for (size_t i = 0; plan && i < plan->n_exec_paths; i++)
		if (strcmp(plan->exec_paths[i], path) == 0)
			return true;
	return false;
}

static TAP_UNUSED bool warned(const char *part)
{
	for (size_t i = 0; plan && i < plan->n_warnings; i++)
		if (strstr(plan->warnings[i], part))
			return true;
	return false;
}

static TAP_UNUSED bool has_rule(enum ward_cap_type type, const char *pattern)
{
	for (size_t i = 0; plan && i < plan->n_rules; i++)
		if (plan->rules[i].type == type && strcmp(plan->rules[i].pattern, pattern) == 0)
			return true;
	return false;
}
