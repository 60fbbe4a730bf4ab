/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What packages laid outside /usr, as data/runtimes lists it, under what is meant to work as it is: a mode, a profile. Each is
 * shown as the runtime base is, if the host has it by that very name and root owns it. Where vendors keep keys among the settings
 * (PHP's modules) nothing is shown: a file is made that says which modules there are, from the names of the files alone.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "run/resolve/look.h"

#define MODULES_MAX 256

/*
 * May anybody read the file? A file of the base is read by Ward for the run (broker/fuse.c), and Ward may be root: what the host keeps from
 * others stays out. A directory is a mount, in which modes hold.
 */
static bool is_public(struct ward_resolver *rs, const char *path, mode_t mode)
{
	char dir[WARD_PATH_MAX];
	struct ward_target above;
	char *slash;

	if (!(mode & S_IROTH))
		return false;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	while ((slash = strrchr(dir, '/')) != NULL && slash != dir) {
		*slash = '\0';
		if (ward_rs_look(rs, dir, &above) < 0 || !(above.st.st_mode & S_IXOTH))
			return false;
	}
	return true;
}

/* A link, in it or on the way to it, is passed over: nobody asked for what it leads to. */
static bool fit(struct ward_resolver *rs, const char *path, struct ward_target *ret)
{
	if (ward_rs_look(rs, path, ret) != 0 || ret->st.st_uid != 0 || (ret->st.st_mode & S_IWOTH))
		return false;
	return S_ISDIR(ret->st.st_mode) ||
		(S_ISREG(ret->st.st_mode) && is_public(rs, path, ret->st.st_mode));
}

int ward_rs_parts(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_target t;
	int r = WARD_OK;

	rs->parts = (struct ward_texts){ 0 };
	rs->works = true;
	for (size_t i = 0; r == WARD_OK && i < ward_parts_n; i++) {
		if (fit(rs, ward_parts[i].path, &t))
			r = ward_rs_push(rs, &rs->parts, ward_parts[i].path, err);
	}
	return r;
}

/* NUMBER-NAME.ini of a module that is known; NULL: of none. */
static const struct ward_module *module_of(const char *file)
{
	size_t digits = strspn(file, "0123456789"), n = strlen(file);

	if (digits == 0 || file[digits] != '-' || !ward_has_suffix(file, ".ini"))
		return NULL;
	file += digits + 1;
	n -= digits + 1 + strlen(".ini");
	for (size_t i = 0; i < ward_modules_n; i++) {
		if (strlen(ward_modules[i].name) == n && memcmp(ward_modules[i].name, file, n) == 0)
			return &ward_modules[i];
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order in which PHP would read them: some need others. */
static int list(struct ward_resolver *rs, const char *dir, struct ward_buf *to,
	struct ward_error *err)
{
	const char *found[MODULES_MAX];
	const struct dirent *e;
	DIR *d = opendir(dir);
	size_t n = 0;

	while (d && n < MODULES_MAX && (e = readdir(d)) != NULL) {
		if (!module_of(e->d_name))
			continue;
		found[n] = ward_arena_strdup(rs->arena, e->d_name);
		if (!found[n++]) {
			closedir(d);
			return ward_rs_nomem(err);
		}
	}
	if (d)
		closedir(d);
	if (n > 0)
		qsort(found, n, sizeof(*found), by_name);
	for (size_t i = 0; i < n; i++) {
		const struct ward_module *m = module_of(found[i]);

		ward_buf_addf(to, "%sextension=%s\n", m->zend ? "zend_" : "", m->name);
	}
	return to->failed ? ward_rs_nomem(err) : WARD_OK;
}

static int modules(struct ward_resolver *rs, const char *file, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	struct ward_node n = { .kind = WARD_NODE_FILE, .dest = file, .base = true, .rule = -1 };
	struct ward_target t;
	char dir[WARD_PATH_MAX];
	int r;

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(file, '/') - file), file);
	if (!fit(rs, dir, &t) || !S_ISDIR(t.st.st_mode))
		return WARD_OK;
	r = list(rs, dir, &text, err);
	if (r < 0 || text.n == 0)
		return r;
	n.source = ward_arena_dup(rs->arena, text.s, text.n);
	n.source_len = text.n;
	return n.source ? ward_rs_node(rs, &n, err) : ward_rs_nomem(err);
}

int ward_rs_parts_shown(struct ward_resolver *rs, struct ward_error *err)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < rs->parts.n; i++) {
		struct ward_target t;
		struct ward_node n;

		if (!fit(rs, rs->parts.v[i], &t))
			continue;
		t.path = rs->parts.v[i];
		n = ward_rs_bind(rs, &t, -1);
		n.base = true;
		n.idmap = false;
		r = ward_rs_node(rs, &n, err);
	}
	for (size_t i = 0; r == WARD_OK && rs->works && i < ward_modules_at_n; i++)
		r = modules(rs, ward_modules_at[i].path, err);
	return r;
}
