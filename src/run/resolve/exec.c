/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: CMD, SCRIPT's interpreter, and what EXTERNAL_COMMAND names. What the caller typed may bring itself, and
 * the runtime whose shape it lies in. What a file says ("#!", pyvenv.cfg) may too, unless that file lies in the
 * workspace: then it chooses among what is visible. Nothing is run to find out what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/rules/rules.h"

#define CHAIN_MAX 4

int ward_rs_exec_mode(struct ward_resolver *rs, struct ward_error *err)
{
	bool named = rs->book != NULL && !rs->exec_default; /* where there are policies they say */

	(void)err;
	for (size_t i = 0; i < rs->caps.n; i++) {
		const struct ward_cap *cap = &rs->caps.v[i];

		if (cap->type != WARD_CAP_EXTERNAL_COMMAND)
			continue;
		named = true;
		rs->exec_all |= ward_streq(cap->resource, "*");
	}
	if (!named && rs->r->kind == WARD_COMMAND_RUN)
		rs->exec_all = true;
	return WARD_OK;
}

static bool in_workspace(const struct ward_resolver *rs, const char *path)
{
	return ward_path_within(path, rs->workspace);
}

static int refuse(struct ward_resolver *rs, const struct ward_program *p, const char *why,
	struct ward_error *err)
{
	char word[WARD_PASTE_MAX];

	(void)ward_fail(err, WARD_E_REFUSED, "%s%s, %s", p->from ? "its #! line names " : "",
		ward_rs_show(rs, p->path), why);
	ward_fail_class(err, WARD_CLASS_EXTERNAL_COMMAND, WARD_VIOLATION_EXEC);
	if (p->from)
		ward_fail_at(err, p->from, 1, 0);
	ward_fail_fix(err, "if that is meant, grant it: --read %s",
		ward_paste(word, p->t.path ? p->t.path : p->path, "PATH"));
	return WARD_E_REFUSED;
}

/* Not the file itself, but the way to it is closed: a virtual environment of root's Python, say, to anybody else. */
static bool is_out_of_reach(const char *path)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, path, O_PATH, 0, 0);

	return fd == -EACCES;
}

static int fail_spawn(struct ward_resolver *rs, const char *name, int e, struct ward_error *err)
{
	/* It stood behind a --caches without names, and is one of theirs, or nearly. */
	const char *caches = e == ENOENT && rs->r->caches_bare ? ward_cache_meant(name) : NULL;
	char word[WARD_PASTE_MAX];

	(void)ward_fail_errno(err, WARD_E_SPAWN, e, "%s cannot be executed",
		ward_rs_show(rs, name));
	if (caches)
		ward_fail_fix(err, "it was taken for the command; did you mean --caches=%s?",
			ward_paste(word, caches, "NAME"));
	else if (e == ENOENT)
		ward_fail_fix(err, "%s%s",
			strchr(name, '/') ? "name a program that exists"
				: strchr(name, ' ')
				? "a command is words of its own, not one in quotes"
				: "it is not on the run's PATH: name it by its path",
			rs->r->caches_bare && !strchr(name, '/')
				? "; names of caches are written --caches=NAME,..."
				: "");
	else if (e == EACCES && is_out_of_reach(name))
		ward_fail_fix(err,
			"a directory on the way to it, or to what it is a link to, may not be entered by you: namei -l %s",
			ward_paste(word, name, "PATH"));
	else if (e == EACCES)
		ward_fail_fix(err, "name a program (chmod +x, if it is one)");
	return WARD_E_SPAWN;
}

/* The same in words of what was given; e decides between exit codes 126 and 127. */
static int fail_given(struct ward_resolver *rs, const char *given, int e, const char *what,
	const char *fix, struct ward_error *err)
{
	(void)ward_fail(err, WARD_E_SPAWN, "%s cannot be executed: %s", ward_rs_show(rs, given),
		what);
	if (err)
		err->sys_errno = e;
	ward_fail_fix(err, "%s", fix);
	return WARD_E_SPAWN;
}

static int implied_rule(struct ward_resolver *rs, enum ward_cap_type type, const char *path,
	const char *text, struct ward_error *err)
{
	struct ward_rule rule = {
		.type = type,
		.pattern = path,
		.origin = { .file = "implied" },
		.text = text,
		.literal = true,
	};

	return ward_rs_rule(rs, &rule, err);
}

/* ---- looking names up ---- */

static int executable(const struct ward_target *t)
{
	if (!S_ISREG(t->st.st_mode) || !(t->st.st_mode & 0111))
		return -EACCES;
	return 0;
}

/* ---- one program and what it needs ---- */

/* Every link on the way is there inside already. */
static bool links_shown(const struct ward_resolver *rs, const struct ward_target *t)
{
	for (size_t i = 0; i < t->n_links; i++) {
		bool found = ward_rs_visible(rs, t->links[i].at);

		for (size_t k = 0; k < rs->n_nodes && !found; k++)
			found = rs->nodes[k].kind == WARD_NODE_SYMLINK &&
				ward_streq(rs->nodes[k].dest, t->links[i].at);
		if (!found)
			return false;
	}
	return true;
}

static int bring_alone(struct ward_resolver *rs, const struct ward_program *p,
	struct ward_error *err)
{
	struct ward_node n;
	int r;

	if (ward_rs_reserved(p->t.path))
		return refuse(rs, p, "which lies in /proc, /sys or /dev", err);
	r = implied_rule(rs, WARD_CAP_FILE_READ, p->t.path, "implied: the command", err);
	if (r < 0)
		return r;
	n = ward_rs_bind(rs, &p->t, r);
	n.exec = true;
	return ward_rs_node(rs, &n, err);
}

/*
 * path lies in a runtime that counts: grant it. A path of the workspace is never asked, one of the base needs nothing. What
 * was granted by name only wants its bin on the PATH: then no rule about prefixes can refuse it.
 */
static int bring_runtime(struct ward_resolver *rs, const struct ward_program *p, const char *path,
	struct ward_error *err)
{
	const struct ward_node *shown = ward_rs_shown_by(rs, path);
	const char *prefix, *name;
	int r;

	if (in_workspace(rs, path) || (shown && shown->base))
		return WARD_OK;
	r = ward_rt_prefix(rs, path, &prefix, &name, shown ? NULL : err);
	if (r < 0 && shown)
		return WARD_OK;
	if (r < 0 && p->from)
		ward_fail_at(err, p->from, 1, 0);
	return r < 0 || !prefix ? r : ward_rt_grant(rs, prefix, name, err);
}

/* Of what an untrusted file names nothing is said but of what it may see anyway. */
static int check_linked(struct ward_resolver *rs, const struct ward_program *p,
	struct ward_error *err)
{
	int r = WARD_OK;

	if (p->trusted || ward_rs_visible(rs, p->t.path))
		r = ward_rt_linked(rs, p->path, &p->t, err);
	if (r < 0 && p->from)
		ward_fail_at(err, p->from, 1, 0);
	return r;
}

static int make_visible(struct ward_resolver *rs, struct ward_program *p, struct ward_error *err)
{
	bool trusted = p->trusted;
	int r;

	if (ward_rs_visible(rs, p->t.path) && links_shown(rs, &p->t)) {
		if (in_workspace(rs, p->path))
			return ward_rt_venv(rs, p->path, false, err);
		return trusted ? bring_runtime(rs, p, p->t.path, err) : WARD_OK;
	}
	r = check_linked(rs, p, err);
	if (r < 0)
		return r;
	if (trusted) {
		r = bring_runtime(rs, p, p->path, err);
		if (r == WARD_OK)
			r = bring_runtime(rs, p, p->t.path, err);
		if (r < 0)
			return r;
	}
	r = ward_rt_venv(rs, p->path, trusted && !in_workspace(rs, p->path), err);
	if (r < 0)
		return r;
	if (!ward_rs_visible(rs, p->t.path)) {
		if (!trusted)
			return refuse(rs, p,
				"which is not granted, and a file in the workspace cannot add to what is",
				err);
		if (!p->alone)
			return refuse(rs, p,
				"which no grant and no runtime of data/runtimes covers", err);
		r = bring_alone(rs, p, err);
		if (r < 0)
			return r;
	}
	return ward_rs_links(rs, &p->t, -1, err);
}

/* The loader that the kernel opens beside an ELF program has to be executable too. */
static int add_loader(struct ward_resolver *rs, const struct ward_head *h, struct ward_error *err)
{
	struct ward_target t;

	int r;

	if (!h->loader[0] || h->loader[0] != '/' || ward_rs_target(rs, h->loader, &t) < 0)
		return WARD_OK;
	r = ward_rules_needed(rs, t.path, WARD_NEED_READ, err);
	if (r < 0 || rs->exec_all)
		return r;
	return ward_rs_visible(rs, t.path) ? ward_rs_text(rs, &rs->exec_paths, t.path, err)
					   : WARD_OK;
}

static int add_needs(struct ward_resolver *rs, const char *path, struct ward_error *err)
{
	const char *name = ward_path_basename(path);

	for (size_t i = 0; i < ward_program_needs_n; i++) {
		struct ward_target t;
		int r;

		if (!ward_streq(ward_program_needs[i].program, name) ||
			ward_rs_target(rs, ward_program_needs[i].path, &t) < 0 ||
			!ward_rs_visible(rs, t.path))
			continue;
		r = ward_rs_text(rs, &rs->exec_paths, t.path, err);
		if (r < 0)
			return r;
	}
	return WARD_OK;
}

/*
 * A "#!" names what is not there. Where it would not be visible anyway the answer is the same as if it were there: a
 * script cannot find out what exists.
 */
static int no_interpreter(struct ward_resolver *rs, struct ward_program *p, int e,
	struct ward_error *err)
{
	char dir[WARD_PATH_MAX];
	struct ward_target t;
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", p->path ? p->path : "");
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	p->t.path = NULL;
	if (ward_rs_target(rs, dir, &t) < 0 || !ward_rs_visible(rs, t.path))
		return refuse(rs, p, "which no grant and no runtime of data/runtimes covers", err);
	(void)fail_spawn(rs, p->path, e, err);
	ward_fail_at(err, p->from, 1, 0);
	return WARD_E_SPAWN;
}

static int follow_script(struct ward_resolver *rs, const struct ward_program *p,
	const struct ward_head *h, struct ward_error *err)
{
	struct ward_program next = {
		.from = p->t.path,
		.rule_text = "implied: a #! line",
		.trusted = p->trusted && !in_workspace(rs, p->t.path) && !in_workspace(rs, p->path),
		.depth = p->depth + 1,
	};
	int r;

	if (next.depth > CHAIN_MAX)
		return refuse(rs, p, "whose #! lines lead over 4 programs", err);
	if (h->env) {
		r = ward_rs_lookup(rs, h->interp, next.trusted, &next.path, &next.t);
		/* env(1) says so itself, inside. */
		if (r < 0)
			return WARD_OK;
	} else {
		next.path = ward_arena_strdup(rs->arena, h->interp);
		r = next.path ? ward_rs_target(rs, next.path, &next.t) : -ENOMEM;
		if (r < 0)
			return no_interpreter(rs, &next, -r, err);
	}
	return ward_rs_program(rs, &next, err);
}

/* A version manager's stand-in is read, never run: the program becomes what it stands for. */
static int follow_shim(struct ward_resolver *rs, struct ward_program *p, struct ward_error *err)
{
	const char *real = NULL;
	int r;

	if (ward_rs_visible(rs, p->t.path) || !p->trusted)
		return WARD_OK;
	r = ward_rt_unshim(rs, p->path, &real, err);
	if (r < 0 || !real)
		return r;
	p->path = real;
	r = ward_rs_target(rs, real, &p->t);
	return r < 0 ? fail_spawn(rs, real, -r, err) : WARD_OK;
}

/* It may be started here: it is a program, visible inside, and no rule refuses it. */
static int check_startable(struct ward_resolver *rs, struct ward_program *p, struct ward_error *err)
{
	int r;

	/* What a "#!" names is only spoken about once it may be seen. */
	if (!p->from && S_ISDIR(p->t.st.st_mode))
		return fail_given(rs, p->path, EACCES, "it is a directory", "name a program", err);
	if (!p->from && executable(&p->t) < 0)
		return fail_spawn(rs, p->path, EACCES, err);
	r = make_visible(rs, p, err);
	if (r < 0)
		return r;
	if (executable(&p->t) < 0) {
		(void)fail_spawn(rs, p->path, EACCES, err);
		ward_fail_at(err, p->from, 1, 0);
		return WARD_E_SPAWN;
	}
	return ward_rules_needed(rs, p->t.path, WARD_NEED_START, err);
}

/* Where what may be executed is named: it, and what it executes by itself. */
static int name_executed(struct ward_resolver *rs, const struct ward_program *p,
	struct ward_error *err)
{
	int r;

	if (rs->exec_all)
		return WARD_OK;
	r = ward_rs_text(rs, &rs->exec_paths, p->t.path, err);
	if (r == WARD_OK)
		r = add_needs(rs, p->path, err);
	if (r == WARD_OK && p->rule_text)
		r = implied_rule(rs, WARD_CAP_EXTERNAL_COMMAND, p->path, p->rule_text, err);
	return r;
}

static int add_interpreter(struct ward_resolver *rs, const struct ward_program *p,
	const struct ward_head *h, struct ward_error *err)
{
	struct ward_program env = {
		.path = "/usr/bin/env", .depth = p->depth + 1, .rule_text = "implied: a #! line"
	};
	int r = WARD_OK;

	/* A permit of a script is none of its interpreter, which could then run anything else: it needs one of its own. */
	if (p->decided)
		return ward_rules_interpreter(rs, p->path, h->env ? env.path : h->interp, err);
	/* "#!/usr/bin/env X" runs both. */
	if (h->env && ward_rs_target(rs, env.path, &env.t) == 0)
		r = rs->exec_all ? ward_rules_needed(rs, env.t.path, WARD_NEED_START, err)
				 : ward_rs_program(rs, &env, err);
	return r < 0 ? r : follow_script(rs, p, h, err);
}

int ward_rs_program(struct ward_resolver *rs, struct ward_program *p, struct ward_error *err)
{
	const struct ward_node *shown;
	struct ward_head head = { 0 };
	int r;

	r = follow_shim(rs, p, err);
	if (r == WARD_OK)
		r = check_startable(rs, p, err);
	if (r < 0)
		return r;
	shown = ward_rs_shown_by(rs, p->t.path);
	/* What the base shows is whole by itself, and where everything may be executed nothing needs naming. */
	if (rs->exec_all && shown && shown->base && !rs->base_cut)
		return WARD_OK;
	r = ward_head_read(p->t.path, &head, err);
	if (r < 0) {
		ward_fail_at(err, p->t.path, 1, 0);
		return r;
	}
	r = name_executed(rs, p, err);
	if (r < 0)
		return r;
	r = ward_head_line_end(rs, &head, p->path, err);
	if (r < 0)
		return r;
	return head.script ? add_interpreter(rs, p, &head, err) : add_loader(rs, &head, err);
}

/* ---- CMD ---- */

/* A relative name in the workspace that is a link out of it: whoever wrote the workspace chose the target. */
static int check_leaving(struct ward_resolver *rs, const char *given, const struct ward_program *p,
	struct ward_error *err)
{
	char lexical[WARD_PATH_MAX], word[WARD_PASTE_MAX];
	int r;

	if (given[0] == '/' || in_workspace(rs, p->t.path) || ward_rs_visible(rs, p->t.path) ||
		ward_path_join(rs->cwd, given, lexical, sizeof(lexical)) < 0 ||
		!in_workspace(rs, lexical))
		return WARD_OK;
	r = ward_rt_venv(rs, lexical, false, err);
	if (r < 0)
		return r;
	(void)ward_fail(err, WARD_E_REFUSED, "%s leads out of the workspace, to %s",
		ward_rs_show(rs, given), ward_rs_show(rs, p->t.path));
	ward_fail_class(err, WARD_CLASS_EXTERNAL_COMMAND, WARD_VIOLATION_EXEC);
	ward_fail_fix(err, "if that is meant, name it: %s",
		ward_paste(word, p->t.path, "its path"));
	return WARD_E_REFUSED;
}

/* Find what the caller typed: with a slash a path, else a name. path: as it will be found inside. */
static int find_typed(struct ward_resolver *rs, const char *given, struct ward_program *p,
	struct ward_error *err)
{
	char norm[WARD_PATH_MAX];
	const char *path;
	int r;

	if (!strchr(given, '/') && !ward_streq(given, ".") && !ward_streq(given, ".."))
		r = given[0] ? ward_rs_lookup(rs, given, true, &p->path, &p->t) : -ENOENT;
	else {
		path = ward_rs_absolute(rs, rs->cwd, given);
		r = ward_rs_target(rs, path, &p->t);
		if (r == 0 &&
			(ward_path_has_dotdot(path) ||
				ward_path_normalize(path, norm, sizeof(norm)) < 0))
			p->path = p->t.path;
		else if (r == 0)
			p->path = ward_arena_strdup(rs->arena, norm);
	}
	if (r < 0)
		return fail_spawn(rs, given, -r, err);
	if (!p->path)
		return ward_rs_nomem(err);
	return strchr(given, '/') ? check_leaving(rs, given, p, err) : WARD_OK;
}

static int resolve_command(struct ward_resolver *rs, struct ward_error *err)
{
	struct ward_program p = {
		.rule_text = "implied: the command", .trusted = true, .alone = true
	};
	const struct ward_request *req = rs->r;
	int r = find_typed(rs, req->argv[0], &p, err);

	if (r == WARD_OK)
		r = ward_rs_program(rs, &p, err);
	if (r < 0)
		return r;
	rs->exe = p.path;
	rs->argv = req->argv;
	return WARD_OK;
}

/* ---- SCRIPT ---- */

static int fail_kind(struct ward_resolver *rs, const char *script, const struct ward_head *h,
	struct ward_error *err)
{
	char word[WARD_PASTE_MAX];

	if (h->elf) {
		(void)ward_fail(err, WARD_E_INVALID, "%s is a program, not a script",
			ward_rs_show(rs, script));
		ward_fail_fix(err, "ward run %s", ward_paste(word, script, "CMD"));
	} else {
		(void)ward_fail(err, WARD_E_INVALID, "which interpreter %s wants is not known",
			ward_rs_show(rs, script));
		ward_fail_fix(err,
			"give it a first line such as #!/usr/bin/env python3, or: ward run INTERPRETER %s",
			ward_paste(word, script, "SCRIPT"));
	}
	ward_fail_at(err, script, 1, 0);
	return WARD_E_INVALID;
}

static const char *by_extension(const char *path)
{
	const char *dot = strrchr(ward_path_basename(path), '.');

	for (size_t i = 0; dot && i < ward_script_kinds_n; i++)
		if (ward_streq(dot, ward_script_kinds[i].ext))
			return ward_script_kinds[i].program;
	return NULL;
}

/* Which interpreter: "#!" first, then the extension, which is Ward's own choice and so may be looked for further. */
static int find_interpreter(struct ward_resolver *rs, const struct ward_program *script,
	const struct ward_head *h, struct ward_program *p, struct ward_error *err)
{
	bool trusted = !in_workspace(rs, script->t.path);
	const char *name = NULL;
	int r;

	p->trusted = trusted;
	p->from = h->script ? script->t.path : NULL;
	if (h->script && !h->env) {
		p->path = ward_arena_strdup(rs->arena, h->interp);
		r = p->path ? ward_rs_target(rs, p->path, &p->t) : -ENOMEM;
		name = h->interp;
	} else {
		name = h->script ? h->interp : by_extension(script->t.path);
		if (!name)
			return fail_kind(rs, script->t.path, h, err);
		p->trusted |= !h->script;
		r = ward_rs_lookup(rs, name, p->trusted, &p->path, &p->t);
	}
	if (r == 0)
		return WARD_OK;
	if (h->script && !h->env)
		return no_interpreter(rs, p, -r, err);
	(void)ward_fail_errno(err, WARD_E_SPAWN, -r, "the interpreter %s cannot be executed",
		ward_rs_show(rs, name));
	ward_fail_at(err, script->t.path, 1, 0);
	ward_fail_fix(err, "install it, or name one that is there: ward run INTERPRETER SCRIPT");
	return WARD_E_SPAWN;
}

static int script_argv(struct ward_resolver *rs, const char *interp, const char *arg,
	const char *script, struct ward_error *err)
{
	const struct ward_request *req = rs->r;
	char **argv = ward_arena_alloc(rs->arena, ((size_t)req->argc + 3) * sizeof(*argv));
	size_t n = 0;

	if (!argv)
		return ward_rs_nomem(err);
	argv[n++] = ward_arena_strdup(rs->arena, interp);
	if (arg[0])
		argv[n++] = ward_arena_strdup(rs->arena, arg);
	argv[n++] = ward_arena_strdup(rs->arena, script);
	for (int i = 1; i < req->argc; i++)
		argv[n++] = req->argv[i];
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return ward_rs_nomem(err);
	rs->argv = argv;
	return WARD_OK;
}

/* The script itself: an implied read of that one file. */
static int show_script(struct ward_resolver *rs, const struct ward_program *script,
	struct ward_error *err)
{
	struct ward_node n;
	int r;

	if (ward_rs_visible(rs, script->t.path))
		return WARD_OK;
	r = implied_rule(rs, WARD_CAP_FILE_READ, script->t.path, "implied: the script", err);
	if (r < 0)
		return r;
	n = ward_rs_bind(rs, &script->t, r);
	return ward_rs_node(rs, &n, err);
}

static int resolve_script(struct ward_resolver *rs, struct ward_error *err)
{
	const char *given = rs->r->argv[0];
	const char *path = ward_rs_absolute(rs, rs->cwd, given);
	struct ward_program script = { .path = given };
	struct ward_program p = { .rule_text = "implied: the interpreter" };
	struct ward_head head = { 0 };
	int r = given[0] ? ward_rs_target(rs, path, &script.t) : -ENOENT;

	/* A script is a path, also without a slash: no PATH is searched for it. */
	if (r == -ENOENT || r == -ENOTDIR)
		return fail_given(rs, given, ENOENT, "no such script",
			"name a script that exists, by its path", err);
	if (r < 0)
		return fail_spawn(rs, given, -r, err);
	if (S_ISDIR(script.t.st.st_mode))
		return fail_given(rs, given, EACCES, "it is a directory", "name a script in it",
			err);
	if (!S_ISREG(script.t.st.st_mode) || ward_rs_reserved(script.t.path))
		return fail_spawn(rs, given, EACCES, err);
	r = check_leaving(rs, given, &script, err);
	if (r == WARD_OK)
		r = ward_head_read(script.t.path, &head, err);
	if (r < 0) {
		ward_fail_at(err, script.t.path, 1, 0);
		return r;
	}
	if (head.n == 0 && script.t.st.st_size > 0)
		return fail_spawn(rs, given, EACCES, err);
	r = find_interpreter(rs, &script, &head, &p, err);
	if (r == WARD_OK)
		r = ward_rs_program(rs, &p, err);
	if (r == WARD_OK)
		r = show_script(rs, &script, err);
	if (r < 0)
		return r;
	rs->exe = p.path;
	return script_argv(rs, p.path, head.arg, script.t.path, err);
}

int ward_rs_exec(struct ward_resolver *rs, struct ward_error *err)
{
	return rs->r->kind == WARD_COMMAND_SCRIPT ? resolve_script(rs, err)
						  : resolve_command(rs, err);
}

/* ---- EXTERNAL_COMMAND ---- */

static int grant_tree(struct ward_resolver *rs, const struct ward_cap *cap, const char *dir,
	struct ward_error *err)
{
	struct ward_rule rule = {
		.type = cap->type, .origin = cap->origin, .literal = true, .subtree = true
	};
	struct ward_target t;
	int r;

	if (ward_rs_target(rs, dir, &t) < 0 || !S_ISDIR(t.st.st_mode)) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "%s is no directory",
			ward_rs_show(rs, dir));
		ward_fail_fix(err, "name a directory of programs that exists");
		return WARD_E_CAPABILITY;
	}
	rule.pattern = t.path;
	rule.text = ward_rs_rule_text(rs, cap);
	r = ward_rs_rule(rs, &rule, err);
	if (r >= 0 && !ward_rs_visible(rs, t.path))
		r = ward_rs_show_target(rs, cap, &t, NULL, r, err);
	return r < 0 ? r : ward_rs_text(rs, &rs->exec_paths, t.path, err);
}

static int grant_one(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_program p = { .trusted = true, .alone = true, .decided = cap->decided };
	struct ward_rule rule = { .type = cap->type, .origin = cap->origin, .literal = true };
	int r;

	if (cap->resource[0] == '/') {
		p.path = cap->resource;
		r = ward_rs_target(rs, p.path, &p.t);
	} else {
		r = ward_rs_lookup(rs, cap->resource, true, &p.path, &p.t);
	}
	if (r < 0 || executable(&p.t) < 0) {
		(void)ward_rs_cap_fail(rs, cap, WARD_E_CAPABILITY, err, "%s",
			r == -ENOENT ? "is no program on the run's PATH or of that path"
				     : "is not executable");
		ward_fail_fix(err, "name a program that is installed, or DIRECTORY/** or *");
		return WARD_E_CAPABILITY;
	}
	rule.pattern = p.path;
	rule.text = ward_rs_rule_text(rs, cap);
	r = ward_rs_rule(rs, &rule, err);
	return r < 0 ? r : ward_rs_program(rs, &p, err);
}

static int grant_all(struct ward_resolver *rs, const struct ward_cap *cap, struct ward_error *err)
{
	struct ward_rule rule = {
		.type = WARD_CAP_EXTERNAL_COMMAND,
		.pattern = "/**",
		.origin = { .file = "implied" },
		.text = "default of ward run: EXTERNAL_COMMAND:*",
	};
	int r;

	if (cap) {
		rule.origin = cap->origin;
		rule.text = ward_rs_rule_text(rs, cap);
	}
	r = ward_rs_rule(rs, &rule, err);
	return r < 0 ? r : WARD_OK;
}

int ward_rs_exec_grants(struct ward_resolver *rs, struct ward_error *err)
{
	bool any = false;

	for (size_t i = 0; i < rs->caps.n; i++) {
		const struct ward_cap *cap = &rs->caps.v[i];
		char dir[WARD_PATH_MAX];
		int r;

		if (cap->type != WARD_CAP_EXTERNAL_COMMAND)
			continue;
		any = true;
		if (ward_streq(cap->resource, "*"))
			r = grant_all(rs, cap, err);
		else if (ward_has_suffix(cap->resource, "/**") &&
			ward_glob_is_subtree(cap->resource, dir, sizeof(dir)))
			r = grant_tree(rs, cap, dir, err);
		else
			r = grant_one(rs, cap, err);
		if (r < 0)
			return r;
	}
	return any || !rs->exec_all ? WARD_OK : grant_all(rs, NULL, err);
}
