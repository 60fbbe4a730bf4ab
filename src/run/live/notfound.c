/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that ends with 127, a shell's word for "not found", under a mode or a profile: which directories of the caller's PATH
 * the run does not have on its own. What is not in the view is not looked for there, so no refusal names it. The host is looked
 * at only then, and it is a line of the report and nothing else. And of one that ended badly where there is no view: no /tmp.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run/life.h"
#include "run/persist/persist.h"
#include "run/rules/rules.h"

#define CODE_NOT_FOUND 127
#define SHOWN_MAX 4

static const char *inside(const struct ward_plan *plan, const char *name, const char *otherwise)
{
	for (char *const *e = plan->env; e && *e; e++) {
		if (ward_has_prefix(*e, name))
			return *e + strlen(name);
	}
	return otherwise;
}

/* The next directory of a PATH, and where the rest begins; false: it is the end. Relative ones and long ones are passed over. */
static bool next_dir(struct ward_looks *looks, const char **rest, char dir[WARD_PATH_MAX],
	struct stat *st)
{
	while (*rest && **rest) {
		const char *s = *rest, *end = strchrnul(s, ':');
		size_t n = (size_t)(end - s);

		*rest = *end ? end + 1 : end;
		if (*s != '/' || n >= WARD_PATH_MAX)
			continue;
		memcpy(dir, s, n);
		dir[n] = '\0';
		/* A mount whose server is gone keeps nobody waiting for a hint. */
		if (ward_look(looks, dir, 0, st) == 0 && S_ISDIR(st->st_mode))
			return true;
	}
	return false;
}

/* Of dir nothing is in the view but links into runtimes: what else lies there is not there. */
static bool only_links(const struct ward_plan *plan, const char *dir)
{
	size_t len = strlen(dir);
	bool links = false;

	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct ward_node *n = &plan->nodes[i];

		if (n->kind == WARD_NODE_BIND && ward_path_within(dir, n->dest))
			return false;
		links = links ||
			(n->kind == WARD_NODE_SYMLINK && strncmp(n->dest, dir, len) == 0 &&
				n->dest[len] == '/' && !strchr(n->dest + len + 1, '/'));
	}
	return links;
}

/* The same directory, be it by another name: /bin, a link to a version. */
static bool is_inside(struct ward_looks *looks, const struct ward_plan *plan, const char *path,
	const struct stat *is)
{
	char dir[WARD_PATH_MAX];
	struct stat st;

	while (next_dir(looks, &path, dir, &st)) {
		if (st.st_dev == is->st_dev && st.st_ino == is->st_ino)
			return !only_links(plan, dir);
	}
	return false;
}

void ward_not_found(struct life *l)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const char *path, *rest = getenv("PATH");
	char dir[WARD_PATH_MAX], word[WARD_PASTE_MAX];
	struct stat st, shown[SHOWN_MAX];
	struct ward_looks looks = { 0 };
	size_t n = 0, same;

	if (!l->o->has_code || l->o->code != CODE_NOT_FOUND || !l->plan || !l->book ||
		(!l->book->mode && !l->book->profile))
		return;
	ward_looks_begin(&looks);
	path = inside(l->plan, "PATH=", "");
	while (n < SHOWN_MAX && next_dir(&looks, &rest, dir, &st)) {
		for (same = 0; same < n; same++) {
			if (shown[same].st_dev == st.st_dev && shown[same].st_ino == st.st_ino)
				break;
		}
		if (same < n || is_inside(&looks, l->plan, path, &st))
			continue;
		ward_buf_addf(&b, "%s%s", n ? ", " : "", ward_paste(word, dir, "DIR"));
		shown[n++] = st;
	}
	ward_looks_done(&looks);
	if (n > 0 && !b.failed)
		ward_outcome_note(l->o,
			"not found (127): of your PATH the run does not have %s; --read DIR shows one, and what its links lead to takes another",
			ward_buf_cstr(&b));
}

/*
 * Without a view /tmp is the host's, for all of its users, and nobody names what is refused there. Nearly each test runner and compiler
 * makes a directory in it, so that it is said, but not before something went wrong: to who works without one it is no news.
 */
void ward_no_tmp(struct life *l)
{
	const struct ward_plan *p = l->plan;
	const char *tmp;

	if (!l->o->has_code || l->o->code == 0 || l->o->code == CODE_NOT_FOUND || !p ||
		p->backend != WARD_BACKEND_NATIVE || !(p->seccomp & WARD_SECCOMP_NO_SOCKET) ||
		p->attribution == WARD_ATTR_NOTIFY)
		return;
	tmp = inside(p, "TMPDIR=", "/tmp");
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (p->nodes[i].kind == WARD_NODE_BIND && p->nodes[i].write &&
			ward_path_within(tmp, p->nodes[i].dest))
			return;
	}
	ward_outcome_note(l->o,
		"it ended with %d: without user namespaces a run has no /tmp and no home of its own, and no grant lets it write TMPDIR; mkdir DIR, and --write DIR --env TMPDIR=DIR --env HOME=DIR",
		l->o->code);
}
