/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: what each row of options_table.h does to a request. Strict: a value is taken whole or refused with
 * one line that says what, where and how to mend it; an option that may not repeat and does is an error; a
 * call that fails changes nothing. Nothing here looks further than a name and a file that was named.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "egress/egress.h"
#include "os/os.h"
#include "run/persist/persist.h"
#include "run/request.h"

#define GRACE_MAX_MS 3600000u

static ward_apply_fn apply_cap, apply_capabilities, apply_read, apply_write, apply_env,
	apply_i_know, apply_workspace, apply_cwd, apply_timeout, apply_grace, apply_cpus,
	apply_memory, apply_pids, apply_disk, apply_output_limit, apply_nofile, apply_net_limit,
	apply_stdin, apply_tty, apply_json, apply_quiet, apply_audit, apply_head_to, apply_outcome,
	apply_report, apply_no_late_names, apply_fail_on_violation, apply_require, apply_accept,
	apply_backend, apply_attribution, apply_deny_errno, apply_dry_run, apply_resolver;

static const struct ward_option table[] = {
#define WARD_OPT(fn, name, arg, repeat, group, help, text, choices) \
	{ name, arg, repeat, group, help, text, choices },
#include "run/options_table.h"
#undef WARD_OPT
};

static ward_apply_fn *const apply[] = {
#define WARD_OPT(fn, name, arg, repeat, group, help, text, choices) fn,
#include "run/options_table.h"
#undef WARD_OPT
};

const struct ward_option *ward_options(size_t *ret_n)
{
	if (ret_n)
		*ret_n = WARD_ARRAY_SIZE(table);
	return table;
}

int ward_option_index(const char *name)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(table); i++)
		if (ward_streq(table[i].name, name))
			return (int)i;
	return -1;
}

/* ---- helpers ---- */

int ward_option_keep(struct ward_request *r, const char *value, const char **ret,
	struct ward_error *err)
{
	char *copy;

	if (!value[0]) {
		int code = ward_fail(err, WARD_E_INVALID, "an empty value");

		ward_fail_fix(err, "give one, or leave the option out");
		return code;
	}
	if (strlen(value) >= WARD_PATH_MAX) {
		int code = ward_fail(err, WARD_E_LIMIT, "a value of more than %d bytes",
			WARD_PATH_MAX - 1);

		ward_fail_fix(err, "give a shorter one");
		return code;
	}
	copy = ward_arena_strdup(r->arena, value);
	if (!copy)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	*ret = copy;
	return WARD_OK;
}

static int fail_choice(const char *value, const char *const *names, size_t n,
	struct ward_error *err)
{
	const char *near = ward_nearest(value, names, n);
	char all[256] = "";
	int code = ward_fail(err, WARD_E_INVALID, "unknown value \"%s\"", value);

	for (size_t i = 0; i < n; i++) {
		strncat(all, i ? ", " : "", sizeof(all) - strlen(all) - 1);
		strncat(all, names[i], sizeof(all) - strlen(all) - 1);
	}
	if (near)
		ward_fail_fix(err, "did you mean %s? (one of %s)", near, all);
	else
		ward_fail_fix(err, "use one of %s", all);
	return code;
}

int ward_option_choice(const char *value, const char *const *names, size_t n, int *ret,
	struct ward_error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (ward_streq(value, names[i])) {
			*ret = (int)i;
			return WARD_OK;
		}
	}
	return fail_choice(value, names, n, err);
}

static int at_least(uint64_t value, uint64_t min, const char *fix, struct ward_error *err)
{
	int code;

	if (value >= min)
		return WARD_OK;
	code = ward_fail(err, WARD_E_INVALID, "too little to start anything");
	ward_fail_fix(err, "%s", fix);
	return code;
}

/* ---- grants ---- */

static int apply_cap(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	return ward_caps_add_arg(&r->caps, value, index, err);
}

/* Also of a file that lists nothing: what is written into it is granted next time. */
static int keep_cap_file(struct ward_request *r, const char *file, struct ward_error *err)
{
	const char **v = ward_arena_alloc(r->arena, (r->n_cap_files + 1) * sizeof(*v));

	if (!v)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (r->n_cap_files > 0)
		memcpy(v, r->cap_files, r->n_cap_files * sizeof(*v));
	v[r->n_cap_files++] = file;
	r->cap_files = v;
	return WARD_OK;
}

static int apply_capabilities(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf text = WARD_BUF_INIT;
	const char *file = NULL;
	size_t before = r->caps.n;
	int code = ward_option_keep(r, value, &file, err);

	(void)index;
	if (code < 0)
		return code;
	code = ward_read_file(file, WARD_CAPFILE_BYTES_MAX, &text, err);
	if (code < 0) {
		ward_fail_fix(err,
			"--capabilities takes a regular JSON file of at most %u bytes that you may read",
			WARD_CAPFILE_BYTES_MAX);
		return code;
	}
	code = ward_caps_parse(&r->caps, ward_buf_cstr(&text), text.n, file, err);
	if (code >= 0)
		code = keep_cap_file(r, file, err);
	if (code < 0)
		r->caps.n = before; /* all of the file or nothing */
	return code;
}

static int add_path(struct ward_request *r, enum ward_cap_type type, const char *option,
	const char *value, unsigned index, struct ward_error *err)
{
	struct ward_cap cap = {
		.type = type,
		.resource = value,
		.literal = true,
		.origin = { .file = option, .index = index },
	};

	return ward_caps_add(&r->caps, &cap, err);
}

static int apply_read(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	return add_path(r, WARD_CAP_FILE_READ, "--read", value, index, err);
}

static int apply_write(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	return add_path(r, WARD_CAP_FILE_WRITE, "--write", value, index, err);
}

/* ret_at: where it is among the sorted names, or has to be put. */
static bool env_has(const struct ward_request *r, const char *name, size_t *ret_at)
{
	size_t lo = 0, hi = r->n_env;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(r->env_names[mid], name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_at = lo;
	return lo < r->n_env && ward_streq(r->env_names[lo], name);
}

/* For one more: twice as many, whenever there are a power of two. */
static bool env_room(struct ward_request *r)
{
	const size_t n = r->n_env > 0 ? 2 * r->n_env : 1;
	struct ward_env_set *env;
	const char **names;

	if (r->n_env & (r->n_env - 1))
		return true;
	env = reallocarray(r->env, n, sizeof(*env));
	if (!env)
		return false;
	r->env = env;
	names = reallocarray(r->env_names, n, sizeof(*names));
	if (!names)
		return false;
	r->env_names = names;
	return true;
}

static int env_assign(struct ward_request *r, const char *value, size_t n_name, unsigned index,
	struct ward_error *err)
{
	char *name = ward_arena_dup(r->arena, value, n_name);
	char *text = ward_arena_strdup(r->arena, value + n_name + 1);
	size_t at;

	if (!name || !text)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (env_has(r, name, &at)) {
		int code = ward_fail(err, WARD_E_INVALID, "%s is set twice", name);

		ward_fail_fix(err, "keep one --env %s=VALUE", name);
		return code;
	}
	if (!env_room(r))
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	memmove(r->env_names + at + 1, r->env_names + at, (r->n_env - at) * sizeof(*r->env_names));
	r->env_names[at] = name;
	r->env[r->n_env++] =
		(struct ward_env_set){ name, text, { .file = "--env", .index = index } };
	return WARD_OK;
}

static int apply_env(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	const char *eq = strchr(value, '=');
	size_t n = eq ? (size_t)(eq - value) : strlen(value);
	struct ward_cap cap = {
		.type = WARD_CAP_ENV,
		.resource = value,
		.origin = { .file = "--env", .index = index },
	};

	if (!ward_is_variable((struct ward_str){ value, n })) {
		int code = ward_fail(err, WARD_E_INVALID, "\"%.*s\" is not a variable name",
			(int)(n > 64 ? 64 : n), value);

		ward_fail_fix(err,
			"letters, digits and _ only, as in --env LANG or --env MODE=test");
		return code;
	}
	return eq ? env_assign(r, value, n, index, err) : ward_caps_add(&r->caps, &cap, err);
}

/* ---- place ---- */

static int apply_workspace(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_option_keep(r, value, &r->workspace, err);
}

static int apply_cwd(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_option_keep(r, value, &r->cwd, err);
}

static int apply_resolver(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	r->resolver = ward_arena_strdup(r->arena, value);
	if (!r->resolver)
		return ward_fail(err, WARD_E_NOMEM, "no memory for an option");
	return ward_egress_resolver_check(value, err);
}

static int apply_audit(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	int code = ward_named_answers(r, value, err);

	(void)index;
	return code < 0 ? code : ward_option_keep(r, value, &r->audit, err);
}

/* ---- limits ---- */

static int apply_timeout(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_parse_duration(value, &r->limits.timeout_ms, err);
}

static int apply_grace(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	uint64_t ms = 0;
	int code = ward_parse_duration(value, &ms, err);

	(void)index;
	if (code < 0)
		return code;
	if (ms > GRACE_MAX_MS) {
		code = ward_fail(err, WARD_E_INVALID, "more than an hour between TERM and KILL");
		ward_fail_fix(err, "give 1h or less");
		return code;
	}
	r->limits.grace_ms = ms;
	return WARD_OK;
}

static int apply_cpus(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_parse_cpus(value, &r->limits.millicpus, err);
}

static int apply_memory(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	uint64_t n = 0;
	int code = ward_parse_size(value, &n, err);

	(void)index;
	if (code >= 0)
		code = at_least(n, WARD_LIMIT_MEMORY_MIN, "give 1M or more, as in --memory 256M",
			err);
	if (code >= 0)
		r->limits.memory = n;
	return code;
}

static int apply_pids(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	uint64_t n = 0;
	int code = ward_parse_u64(value, 1, WARD_LIMIT_PIDS_MAX, &n, err);

	(void)index;
	if (code >= 0 && n < WARD_LIMIT_PIDS_MIN)
		code = ward_fail(err, WARD_E_INVALID,
			"the sandbox's own init is one, so that none is left for the command");
	/* The range is said whole, whatever was wrong. */
	if (code < 0)
		ward_fail_fix(err, "write a whole number, %u to %u, as in --pids 64",
			WARD_LIMIT_PIDS_MIN, WARD_LIMIT_PIDS_MAX);
	if (code >= 0)
		r->limits.pids = (uint32_t)n;
	return code;
}

static int apply_disk(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	uint64_t n = 0;
	int code = ward_parse_size(value, &n, err);

	(void)index;
	if (code >= 0)
		code = at_least(n, WARD_LIMIT_DISK_MIN, "give 64K or more, as in --disk 256M", err);
	if (code >= 0)
		r->limits.disk = n;
	return code;
}

static int apply_output_limit(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_parse_size(value, &r->limits.output, err);
}

static int apply_nofile(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	uint64_t n = 0;
	int code = ward_parse_u64(value, WARD_LIMIT_NOFILE_MIN, WARD_LIMIT_NOFILE_MAX, &n, err);

	(void)index;
	if (code >= 0)
		r->limits.nofile = (uint32_t)n;
	return code;
}

static int apply_net_limit(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return ward_net_limits_parse(value, &r->limits.net, err);
}

/* ---- streams ---- */

static int exclude(bool clash, const char *other, const char *why, struct ward_error *err)
{
	int code;

	if (!clash)
		return WARD_OK;
	code = ward_fail(err, WARD_E_INVALID, "not together with %s: %s", other, why);
	ward_fail_fix(err, "leave one of the two out");
	return code;
}

int ward_stdin_fifo(const char *path, struct ward_error *err)
{
	char word[WARD_PASTE_MAX];
	int code = ward_fail(err, WARD_E_INVALID,
		"\"%s\" is a fifo, and its other end would be waited for", path);

	ward_fail_fix(err, "let the shell open it: < %s", ward_paste(word, path, "FIFO"));
	return code;
}

/* The file is opened again, for good, when the run starts; here only a mistake is told early. */
static int check_stdin_file(const char *path, struct ward_error *err)
{
	struct stat st;
	int fd, code = WARD_OK;
	bool fifo = false;

	if (!path[0]) {
		code = ward_fail(err, WARD_E_INVALID, "file: without a path");
		ward_fail_fix(err, "give --stdin file:PATH");
		return code;
	}
	fd = ward_openat2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, 0);
	if (fd < 0)
		code = ward_fail_errno(err, fd == -ENOENT ? WARD_E_NOTFOUND : WARD_E_SYSTEM, -fd,
			"cannot read \"%s\"", path);
	else if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		code = ward_fail(err, WARD_E_INVALID, "\"%s\" is a directory", path);
	else if (isatty(fd))
		code = ward_fail(err, WARD_E_INVALID, "\"%s\" is a terminal, and none goes inside",
			path);
	else if ((fifo = S_ISFIFO(st.st_mode)))
		code = ward_stdin_fifo(path, err);
	if (fd >= 0)
		ward_close(fd);
	if (code < 0 && !fifo)
		ward_fail_fix(err, "name a file that you may read");
	return code;
}

static int apply_stdin(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "inherit", "null", "file:PATH" };
	int which = 0;
	int code = exclude(r->tty, "--tty", "the pty is the standard input", err);

	(void)index;
	if (code >= 0)
		code = ward_has_prefix(value, "file:")
			? check_stdin_file(value + strlen("file:"), err)
			: ward_option_choice(value, names, 2, &which, err);
	if (code < 0) {
		if (code == WARD_E_INVALID && !ward_has_prefix(value, "file:") && !r->tty)
			return fail_choice(value, names, WARD_ARRAY_SIZE(names), err);
		return code;
	}
	return ward_option_keep(r, value, &r->stdin_mode, err);
}

static int apply_tty(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	int code = exclude(r->json, "--json", "a pty is relayed, not captured", err);

	(void)value;
	(void)index;
	if (code >= 0)
		code = exclude(r->stdin_mode != NULL, "--stdin", "the pty is the standard input",
			err);
	if (code >= 0)
		r->tty = true;
	return code;
}

static int apply_json(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	int code = exclude(r->tty, "--tty", "a pty is relayed, not captured", err);

	(void)value;
	(void)index;
	if (code >= 0)
		r->json = true;
	return code;
}

static int apply_quiet(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)value, (void)index, (void)err;
	r->quiet = true;
	return WARD_OK;
}

/* ---- record ---- */

/* A place of its own for each: the last one written would take the others' away. */
static int open_dest(struct ward_request *r, struct ward_dest *d, const char *value,
	struct ward_error *err)
{
	const struct {
		const struct ward_dest *d;
		const char *option;
	} all[] = { { &r->outcome, "--outcome" }, { &r->report, "--report" },
		{ &r->head_to, "--head-to" } };
	int code = ward_named_answers(r, value, err);

	if (code >= 0)
		code = ward_dest_open(d, r->arena, value, err);

	for (size_t i = 0; code >= 0 && i < WARD_ARRAY_SIZE(all); i++)
		if (all[i].d != d && ward_dest_same(all[i].d, d)) {
			ward_dest_done(d);
			code = ward_fail(err, WARD_E_INVALID,
				"\"%s\" is the file of %s already, which one of the two would replace",
				value, all[i].option);
			ward_fail_fix(err, "name another file");
		}
	return code;
}

static int apply_head_to(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return open_dest(r, &r->head_to, value, err);
}

static int apply_outcome(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return open_dest(r, &r->outcome, value, err);
}

static int apply_report(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return open_dest(r, &r->report, value, err);
}

static int apply_fail_on_violation(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)value, (void)index, (void)err;
	r->fail_on_violation = true;
	return WARD_OK;
}

/* ---- what must hold ---- */

static int set_axis(signed char *levels, const char *value, struct ward_error *err)
{
	enum ward_axis axis = 0;
	enum ward_level level = WARD_LEVEL_NONE;
	int code = ward_axis_level_parse(value, &axis, &level, err);

	if (code < 0)
		return code;
	if (levels[axis] >= 0) {
		code = ward_fail(err, WARD_E_INVALID, "axis %s is given twice",
			ward_axis_name(axis));
		ward_fail_fix(err, "keep one of the two");
		return code;
	}
	levels[axis] = (signed char)level;
	return WARD_OK;
}

static int apply_require(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return set_axis(r->require, value, err);
}

static int apply_accept(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)index;
	return set_axis(r->accept, value, err);
}

static int apply_backend(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "native", "direct" };
	static const enum ward_backend values[] = { WARD_BACKEND_NATIVE, WARD_BACKEND_DIRECT };
	int which = 0, code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->backend = values[which];
	return code;
}

static int apply_attribution(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "auto", "fuse", "notify", "none" };
	static const enum ward_attribution values[] = { WARD_ATTR_AUTO, WARD_ATTR_FUSE,
		WARD_ATTR_NOTIFY, WARD_ATTR_NONE };
	int which = 0, code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->attribution = values[which];
	return code;
}

static int apply_deny_errno(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	static const char *const names[] = { "ENOENT", "EACCES" };
	static const int values[] = { ENOENT, EACCES };
	int which = 0, code = ward_option_choice(value, names, WARD_ARRAY_SIZE(names), &which, err);

	(void)index;
	if (code >= 0)
		r->deny_errno = values[which];
	return code;
}

static int apply_i_know(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)value, (void)index, (void)err;
	r->i_know = true;
	return WARD_OK;
}

static int apply_no_late_names(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)value, (void)index, (void)err;
	r->no_late_names = true;
	return WARD_OK;
}

static int apply_dry_run(struct ward_request *r, const char *value, unsigned index,
	struct ward_error *err)
{
	(void)value, (void)index, (void)err;
	r->dry_run = true;
	return WARD_OK;
}

/* ---- the door ---- */

/* What the sandboxes that people come from call it: bwrap, docker, deno, firejail, srt. */
static const char *called_here(const char *foreign)
{
	static const struct {
		const char *here, *foreign[8];
	} words[] = {
		{ "--cap NETWORK_CONNECT:HOST:PORT",
			{ "net", "network", "share-net", "allow-net", "allow-network", "allow-host",
				"allowed-domains" } },
		{ "--read PATH", { "ro", "ro-bind", "readonly", "read-only", "allow-read" } },
		{ "--write PATH",
			{ "rw", "bind", "volume", "mount", "allow-write", "add-dir",
				"read-write" } },
		{ "--cwd DIR", { "workdir", "chdir", "cd" } },
		{ "--env NAME", { "allow-env", "setenv", "pass-env", "keep-env" } },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(words); i++)
		for (size_t k = 0; k < WARD_ARRAY_SIZE(words[i].foreign); k++)
			if (ward_streq(words[i].foreign[k], foreign))
				return words[i].here;
	return NULL;
}

static int fail_unknown(const struct ward_request *r, const char *name, struct ward_error *err)
{
	const char *names[WARD_ARRAY_SIZE(table)];
	const char *bare =
		name + (ward_has_prefix(name, "--") ? 2 : 0); /* the library has them without */
	const char *near;
	char place[64];
	int code = ward_fail(err, WARD_E_INVALID, "unknown option");

	for (size_t i = 0; i < WARD_ARRAY_SIZE(table); i++)
		names[i] = table[i].name;
	near = ward_nearest(bare, names, WARD_ARRAY_SIZE(table));
	(void)snprintf(place, sizeof(place), "--%s", name);
	ward_fail_at(err, place, 0, 0);
	if (near && bare != name && ward_streq(near, bare)) {
		ward_fail_fix(err, "its name here has no dashes: \"%s\"", near);
		return code;
	}
	if (called_here(name)) {
		ward_fail_fix(err, "here it is %s", called_here(name));
		return code;
	}
	/* Three letters away from a short word is any other short word. */
	if (near && (near[0] == name[0] || strlen(name) > 5))
		ward_fail_fix(err, "did you mean --%s?", near);
	else if (r->kind == WARD_COMMAND_SCRIPT)
		ward_fail_fix(err,
			"arguments of the script go behind --; see ward help sandbox run");
	else
		ward_fail_fix(err, "see ward help run");
	return code;
}

/* What holds for every option: an argument where one belongs, and not twice. */
static int check_use(const struct ward_request *r, int i, const char *value, struct ward_error *err)
{
	const struct ward_option *o = &table[i];
	bool optional = o->arg && ward_has_prefix(o->arg, "[=");
	int code;

	if (o->arg && !optional && !value) {
		code = ward_fail(err, WARD_E_INVALID, "an argument is missing");
		ward_fail_fix(err, "give --%s %s", o->name, o->arg);
	} else if (optional && value && !value[0]) {
		code = ward_fail(err, WARD_E_INVALID, "an argument is missing");
		ward_fail_fix(err, "give --%s%s, or --%s alone", o->name, o->arg, o->name);
	} else if (!o->arg && value) {
		code = ward_fail(err, WARD_E_INVALID, "takes no argument");
		ward_fail_fix(err, "write --%s alone, or leave it out", o->name);
	} else if (!o->repeat && r->given[i] > 0) {
		code = ward_fail(err, WARD_E_INVALID, "given twice");
		ward_fail_fix(err, "keep one --%s", o->name);
	} else {
		return WARD_OK;
	}
	return code;
}

int ward_request_set(struct ward_request *r, const char *name, const char *value,
	struct ward_error *err)
{
	struct ward_error why = WARD_ERROR_INIT;
	char place[64];
	int code, i = ward_option_index(name);

	if (!r)
		return ward_fail(err, WARD_E_INVALID, "ward_request_set without a request");
	if (i < 0)
		return fail_unknown(r, name, err);
	code = check_use(r, i, value, &why);
	if (code >= 0)
		code = apply[i](r, value, r->given[i] + 1, &why);
	if (code >= 0) {
		r->given[i]++;
		return WARD_OK;
	}
	if (!why.file[0]) {
		(void)snprintf(place, sizeof(place), "--%s", name);
		ward_fail_at(&why, place, 0, 0);
	}
	if (err)
		*err = why;
	return code;
}
