/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool of data/caches that failed, and the run did not have what the host has of its package cache, or had it only to read: the word that
 * shows it. What is not in the view is not looked for there, and what was asked of the network instead is refused as any connection: neither
 * says so. The host is looked at only then, and it is a line of the report and nothing else. What the text of "sh -c" starts, or a Makefile, is
 * guessed from its words: a wrong guess is a line too many, or none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "policy/policy.h"
#include "run/life.h"

static bool asked_network(const struct ward_outcome *o)
{
	for (size_t i = 0; i < o->n_violations; i++) {
		if (o->violations[i].axis == WARD_AXIS_NETWORK)
			return true;
	}
	return false;
}

/* What a failed run was: the command it was given, or one that the text of a shell starts. */
struct failed {
	struct life *l;
	bool network; /* it was refused the network */
	bool offline; /* it was told not to fetch */
	bool told;
	bool recipe; /* a Makefile is being looked through, and what make is told there is not followed */
};

/* As the tool itself takes it, which is what counts when the option is there; links resolved. False: it is not there. */
static bool on_host(const struct ward_cache *c, char ret[WARD_PATH_MAX], struct stat *st)
{
	char path[WARD_PATH_MAX];

	for (size_t i = 0; i < c->n_roots; i++) {
		const char *base = getenv(c->roots[i].env ? c->roots[i].env : "HOME");
		int n;

		if (!base || !*base)
			continue;
		n = snprintf(path, sizeof(path), "%s%s", base, c->roots[i].rest);
		if (base[0] != '/' || n < 0 || (size_t)n >= sizeof(path))
			return false;
		return realpath(path, ret) && stat(ret, st) == 0 && S_ISDIR(st->st_mode);
	}
	return false;
}

/* By itself, or in what is shown: of the entries that it lies in the deepest says so. */
static bool in_plan(const struct ward_plan *p, const char *path, const struct stat *st)
{
	const struct ward_node *deepest = NULL;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const struct ward_node *n = &p->nodes[i];

		if ((n->kind == WARD_NODE_BIND || n->kind == WARD_NODE_CACHE) &&
			n->dev == st->st_dev && n->ino == st->st_ino)
			return true;
		if (ward_path_within(path, n->dest) &&
			(!deepest || strlen(n->dest) > strlen(deepest->dest)))
			deepest = n;
	}
	return deepest && deepest->kind == WARD_NODE_BIND;
}

static bool is_shown(const struct ward_plan *p, const struct ward_cache *c)
{
	char path[WARD_PATH_MAX];
	struct stat st;

	return on_host(c, path, &st) && in_plan(p, path, &st);
}

static bool is_missed(const struct ward_plan *p, const struct ward_cache *c)
{
	char path[WARD_PATH_MAX];
	struct stat st;

	return on_host(c, path, &st) && !in_plan(p, path, &st);
}

/* ---- what is only read ---- */

/* Once: of refusals there may be thousands. NULL: no memory. */
static const char *const *look_up(struct life *l)
{
	const char **v = ward_arena_alloc(l->asks.arena, (ward_caches_n + 1) * sizeof(*v));
	char root[WARD_PATH_MAX];
	struct stat st;
	size_t n = 0;

	for (size_t i = 0; v && i < ward_caches_n; i++) {
		if (!ward_caches[i].implied || !on_host(&ward_caches[i], root, &st))
			continue;
		v[n] = ward_arena_strdup(l->asks.arena, root);
		if (!v[n])
			return NULL;
		n++;
	}
	if (v)
		v[n] = NULL;
	return v;
}

void ward_uncached_refused(struct life *l, const char *path)
{
	if (l->cache_refused || !l->plan->egress || !l->plan->caches_read)
		return;
	if (!l->cache_roots)
		l->cache_roots = look_up(l);
	for (size_t i = 0; l->cache_roots && l->cache_roots[i]; i++)
		l->cache_refused |= ward_path_within(path, l->cache_roots[i]);
}

/*
 * A tool that fetches what such a cache has not is told EROFS. Ward hears of it where it names writes of what is only read; where it does
 * not, any command that failed may have been one.
 */
static void only_read(struct life *l)
{
	if (l->plan->egress && l->plan->caches_read &&
		(l->cache_refused || !(l->plan->seccomp & WARD_SECCOMP_NOTIFY_WRITE)))
		ward_outcome_note(l->o,
			"the host's package caches are only read in this run; if what is fetched is to have a place above them: --caches=%s",
			l->plan->caches_read);
}

/* ---- what is not shown ---- */

static size_t without_version(const char *name)
{
	size_t n = strlen(name);

	while (n > 0 && strchr("0123456789.", name[n - 1]))
		n--;
	return n;
}

/* pip, pip3 and pip3.11 are one. */
static bool same_program(const char *a, const char *b)
{
	size_t n = without_version(a);

	return n == without_version(b) && memcmp(a, b, n) == 0;
}

/* Whether the run was shown one of its caches. What is shown by its own name alone is then hardly what it lacked. */
static bool has_any(const struct failed *f, const char *program)
{
	for (size_t i = 0; i < ward_caches_n; i++) {
		if (same_program(program, ward_caches[i].program) &&
			is_shown(f->l->plan, &ward_caches[i]))
			return true;
	}
	return false;
}

static bool concerns(const struct failed *f, const struct ward_cache *c, const char *command)
{
	for (size_t i = 0; i < c->n_needed; i++) {
		if (ward_streq(command, c->needed[i]))
			return true;
	}
	if (!same_program(command, c->program))
		return false;
	return f->network || (f->offline && !(c->named && has_any(f, command)));
}

static void tell(struct failed *f, const char *command)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct life *l = f->l;
	size_t n = 0;

	for (size_t i = 0; i < ward_caches_n; i++) {
		const struct ward_cache *c = &ward_caches[i];

		if (concerns(f, c, command) && !(l->r->caches & UINT32_C(1) << i) &&
			is_missed(l->plan, c))
			ward_buf_addf(&b, "%s%s", n++ > 0 ? "," : "", c->name);
	}
	f->told = n > 0 && !b.failed;
	if (f->told)
		ward_outcome_note(l->o,
			"%s had nothing of what it fetched or made on this host before: --caches=%s lets that be read, and what is written there is thrown away",
			command, ward_buf_cstr(&b));
}

/* ---- what a shell was told ---- */

/* In front of a command, and none itself. */
static bool goes_before(const char *word)
{
	static const char *const words[] = { "env", "exec", "command", "time", "timeout", "nice",
		"nohup", "if", "then", "else", "elif", "while", "until", "do", "!" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++) {
		if (ward_streq(word, words[i]))
			return true;
	}
	return !*word || strchr("-0123456789", *word) || strchr(word, '=');
}

static void started(struct failed *f, const char *command, char *const *argv);

/* Where a command may stand in it, and the words that stand there; quotes and what is expanded are not looked into. */
static void each_command(struct failed *f, const char *text)
{
	static const char between[] = " \t\"'", ends[] = "\n;&|(){}`";
	bool at_command = true;
	char word[64];

	while (*text && !f->told) {
		size_t n = strcspn(text, " \t\"'\n;&|(){}`");

		if (n == 0) {
			at_command = at_command || strchr(ends, *text);
			text += strspn(text, between) + (strchr(ends, *text) != NULL);
			continue;
		}
		if (at_command && n < sizeof(word)) {
			memcpy(word, text, n);
			word[n] = '\0';
			at_command = goes_before(word);
			if (!at_command)
				started(f, ward_path_basename(word + strspn(word, "@+")), NULL);
		}
		text += n;
	}
}

/* ---- what make was told ---- */

#define MAKEFILE_MAX (64u << 10)

/* The file that it names by -f, or the first of those that make looks for in its directory; NULL: make is told to go elsewhere first. */
static const char *makefile_of(char *const *argv, int dir)
{
	static const char *const names[] = { "GNUmakefile", "makefile", "Makefile" };

	for (size_t i = 1; argv && argv[i]; i++) {
		if (ward_streq(argv[i], "-f") && argv[i + 1])
			return argv[i + 1];
		if (strncmp(argv[i], "-C", 2) == 0 || strncmp(argv[i], "--directory", 11) == 0)
			return NULL;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		if (faccessat(dir, names[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return names[i];
	}
	return NULL;
}

/* As the words of a shell. The run may have written it: a regular file in the directory itself, no link, and not all of it where it is long. */
static void each_recipe(struct failed *f, char *const *argv)
{
	const struct ward_plan *p = f->l->plan;
	WARD_FD dir = ward_path_within(p->cwd, p->workspace)
		? ward_openat2(AT_FDCWD, p->cwd, O_PATH | O_DIRECTORY, 0, WARD_OPEN_NO_SYMLINKS)
		: -1;
	const char *name = dir < 0 ? NULL : makefile_of(argv, dir);
	char *text = name && !strchr(name, '/')
		? ward_arena_alloc(f->l->asks.arena, MAKEFILE_MAX + 1)
		: NULL;
	struct stat st;
	ssize_t n;
	WARD_FD fd = text
		? openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
		: -1;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = read(fd, text, MAKEFILE_MAX);
	if (n < 0)
		return;
	text[n] = '\0';
	f->recipe = true;
	each_command(f, text);
}

/* argv: NULL where only the name is known. */
static void started(struct failed *f, const char *command, char *const *argv)
{
	if (!ward_streq(command, "make") && !ward_streq(command, "gmake"))
		tell(f, command);
	else if (!f->recipe)
		each_recipe(f, argv);
}

/* The text behind -c, or a word that ends in c as "-lc" does. NULL: it is no shell, or was given none. */
static const char *shell_text(char *const *argv)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "zsh", "ksh" };
	const char *name = ward_path_basename(argv[0]);
	bool shell = false;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(shells); i++)
		shell = shell || ward_streq(name, shells[i]);
	for (size_t i = 1; shell && argv[i] && argv[i][0] == '-'; i++) {
		if (argv[i][1] != '-' && strchr(argv[i], 'c'))
			return argv[i + 1];
	}
	return NULL;
}

void ward_uncached(struct life *l)
{
	char *const *argv = l->r->argv;
	struct failed f = { .l = l, .network = asked_network(l->o) };
	const char *text;

	if (!l->o->has_code || l->o->code == 0 || !l->plan || l->r->caches_none ||
		l->r->backend != WARD_BACKEND_NATIVE || l->r->argc == 0)
		return;
	text = shell_text(argv);
	f.offline = text && strstr(text, "--offline");
	for (int i = 1; i < l->r->argc; i++)
		f.offline = f.offline || ward_streq(argv[i], "--offline");
	while (*argv && goes_before(ward_path_basename(*argv)))
		argv++;
	/* `python3 -m pip` is pip. */
	if (*argv && strncmp(ward_path_basename(*argv), "python", 6) == 0 &&
		ward_streq(argv[1], "-m") && argv[2])
		argv += 2;
	if (text)
		each_command(&f, text);
	else if (*argv)
		started(&f, ward_path_basename(*argv), argv);
	only_read(l);
}
