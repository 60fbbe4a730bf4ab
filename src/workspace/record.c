/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace.json: written whole, read strictly. A record of a newer version, with a member that is not known or without one that is, is
 * an error that says so and never a guess: what is made of it is applied to somebody's files. docs/spec/workspace.md
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/store.h"

enum member_kind {
	MEMBER_RUN,
	MEMBER_PATH,
	MEMBER_TEXT,
	MEMBER_NUMBER,
	MEMBER_SIZE,
	MEMBER_TIME,
	MEMBER_BACKEND,
	MEMBER_CODE,
	MEMBER_BOOL,
	MEMBER_BOOT
};

#define FACT(name, kind) \
	{ \
#name, kind, offsetof(struct ward_workspace_facts, name), 1 \
	}
static const struct member {
	const char *name;
	enum member_kind kind;
	size_t at;
	int since; /* the version of the record that has it first */
} members[] = {
	FACT(run, MEMBER_RUN),
	FACT(root, MEMBER_PATH),
	FACT(root_dev, MEMBER_NUMBER),
	FACT(root_ino, MEMBER_NUMBER),
	{ "root_born_ns", MEMBER_TIME, offsetof(struct ward_workspace_facts, root_born.ns), 2 },
	{ "root_handle", MEMBER_NUMBER, offsetof(struct ward_workspace_facts, root_born.handle),
		2 },
	{ "boot", MEMBER_BOOT, 0, 1 },
	FACT(since_ns, MEMBER_TIME),
	{ "since_boot_ns", MEMBER_TIME, offsetof(struct ward_workspace_facts, since_boot_ns), 3 },
	FACT(backend, MEMBER_BACKEND),
	FACT(bound, MEMBER_SIZE),
	FACT(log, MEMBER_PATH),
	FACT(command, MEMBER_TEXT),
	FACT(started_ns, MEMBER_TIME),
	FACT(ended_ns, MEMBER_TIME),
	FACT(code, MEMBER_CODE),
	FACT(incomplete, MEMBER_BOOL),
};

static char boot_read[STORE_BOOT_SIZE];

static void read_boot(char out[STORE_BOOT_SIZE])
{
	WARD_FD fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, STORE_BOOT_SIZE - 1);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789abcdef-")] = '\0';
}

static void read_boot_once(void)
{
	read_boot(boot_read);
}

/* No process outlives its boot, and a commit asks at each change. What could not be read is asked for again. */
void ward_record_boot(char out[STORE_BOOT_SIZE])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pthread_once(&once, read_boot_once) != 0 || !boot_read[0])
		read_boot(out);
	else
		memcpy(out, boot_read, STORE_BOOT_SIZE);
}

/* ---- writing ---- */

static void put(struct ward_buf *b, const struct member *m, const struct ward_workspace_facts *f,
	const char *boot)
{
	const void *p = (const char *)f + m->at;
	char number[24];

	ward_jw_key(b, m->name);
	switch (m->kind) {
	case MEMBER_RUN: ward_jw_cstr(b, f->run); break;
	case MEMBER_PATH: ward_jw_path(b, *(const char *const *)p); break;
	case MEMBER_TEXT: ward_jw_cstr(b, *(const char *const *)p); break;
	case MEMBER_NUMBER: /* more than a number of JSON surely holds */
		(void)snprintf(number, sizeof(number), "%" PRIu64, *(const uint64_t *)p);
		ward_jw_cstr(b, number);
		break;
	case MEMBER_SIZE: ward_jw_u64(b, *(const uint64_t *)p); break;
	case MEMBER_TIME: ward_jw_i64(b, *(const int64_t *)p); break;
	case MEMBER_BACKEND: ward_jw_cstr(b, ward_disk_backend_name(f->backend)); break;
	case MEMBER_CODE:
		if (f->has_code)
			ward_jw_i64(b, f->code);
		else
			ward_jw_null(b);
		break;
	case MEMBER_BOOL: ward_jw_bool(b, *(const bool *)p); break;
	case MEMBER_BOOT: ward_jw_cstr(b, boot); break;
	}
}

void ward_record_write(const struct ward_workspace_facts *f, const char *boot, struct ward_buf *out)
{
	ward_jw_open(out, '{');
	ward_jw_ki64(out, "version", WARD_WORKSPACE_VERSION);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(members); i++)
		put(out, &members[i], f, boot);
	ward_jw_close(out, '}');
	ward_buf_addc(out, '\n');
}

/* ---- reading ---- */

static int wrong(const struct ward_json *v, const char *name, const char *what,
	struct ward_error *err)
{
	int r = ward_fail(err, WARD_E_PARSE, "\"%s\" %s", name, what);

	ward_fail_at(err, NULL, v ? v->line : 1, v ? v->column : 1);
	return r;
}

static int take_path(const struct ward_json *v, const struct member *m, struct ward_arena *a,
	const char **ret, struct ward_error *err)
{
	const char *s = ward_json_path(v, a);
	char normal[WARD_PATH_MAX];

	if (!s || s[0] != '/' || ward_path_normalize(s, normal, sizeof(normal)) < 0 ||
		!ward_streq(s, normal))
		return wrong(v, m->name, "is no absolute path", err);
	*ret = s;
	return WARD_OK;
}

static int take_text(const struct ward_json *v, const struct member *m, struct ward_workspace *w,
	const char *run, void *p, struct ward_error *err)
{
	struct ward_workspace_facts *f = &w->facts;
	bool text = v->type == WARD_JSON_STRING;

	switch (m->kind) {
	case MEMBER_RUN:
		if (!text || !ward_streq(v->str.s, run))
			return wrong(v, m->name, "is not the run that its directory is of", err);
		(void)snprintf(f->run, sizeof(f->run), "%s", run);
		return WARD_OK;
	case MEMBER_TEXT:
		if (!text)
			return wrong(v, m->name, "is no text", err);
		*(const char **)p = ward_arena_strdup(w->arena, v->str.s);
		return *(const char **)p ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "out of memory");
	case MEMBER_BACKEND:
		if (!text || ward_disk_backend_parse(v->str.s, &f->backend, NULL) < 0)
			return wrong(v, m->name, "is no disk backend", err);
		return WARD_OK;
	case MEMBER_BOOT:
		if (!text || v->str.n >= STORE_BOOT_SIZE)
			return wrong(v, m->name, "is no identifier of a boot", err);
		(void)snprintf(w->boot, sizeof(w->boot), "%s", v->str.s);
		return WARD_OK;
	case MEMBER_NUMBER:
		if (!text || ward_parse_u64(v->str.s, 0, UINT64_MAX, p, NULL) < 0)
			return wrong(v, m->name, "is no number in a text", err);
		return WARD_OK;
	default: return take_path(v, m, w->arena, p, err);
	}
}

static int take(const struct ward_json *v, const struct member *m, struct ward_workspace *w,
	const char *run, struct ward_error *err)
{
	struct ward_workspace_facts *f = &w->facts;
	void *p = (char *)f + m->at;

	switch (m->kind) {
	case MEMBER_SIZE:
	case MEMBER_TIME:
		if (v->type != WARD_JSON_INT || v->i < 0)
			return wrong(v, m->name, "is no whole number from 0", err);
		memcpy(p, &v->i, sizeof(v->i)); /* int64_t or, as it is not negative, uint64_t */
		return WARD_OK;
	case MEMBER_CODE:
		f->has_code = v->type == WARD_JSON_INT;
		if (v->type != WARD_JSON_NULL && (!f->has_code || v->i < 0 || v->i > 255))
			return wrong(v, m->name, "is neither null nor an exit code", err);
		f->code = f->has_code ? (int)v->i : 0;
		return WARD_OK;
	case MEMBER_BOOL:
		if (v->type != WARD_JSON_BOOL)
			return wrong(v, m->name, "is neither true nor false", err);
		*(bool *)p = v->b;
		return WARD_OK;
	default: return take_text(v, m, w, run, p, err);
	}
}

static int get_version(const struct ward_json *o, int *ret, struct ward_error *err)
{
	const struct ward_json *v = ward_json_get(o, "version");
	int r;

	if (o->type != WARD_JSON_OBJECT || !v || v->type != WARD_JSON_INT || v->i < 1)
		return wrong(v ? v : o, "version", "is not there, or no version", err);
	if (v->i <= WARD_WORKSPACE_VERSION) {
		*ret = (int)v->i;
		return WARD_OK;
	}
	r = ward_fail(err, WARD_E_UNSUPPORTED,
		"the record is of version %" PRId64 ", and this ward knows versions up to %d", v->i,
		WARD_WORKSPACE_VERSION);
	ward_fail_at(err, NULL, v->line, v->column);
	ward_fail_fix(err, "use the ward that made it, or a newer one");
	return r;
}

static bool known(struct ward_str key, int version)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(members); i++)
		if (members[i].since <= version && ward_str_eq(key, ward_str(members[i].name)))
			return true;
	return ward_str_eq(key, WARD_STR("version"));
}

int ward_record_read(struct ward_workspace *w, const char *run, const char *text, size_t n,
	struct ward_error *err)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *a = ward_arena_new(0);
	struct ward_json *o = NULL;
	int version = 0, r;

	ward_arena_free(w->arena);
	w->arena = ward_arena_new(0);
	if (!a || !w->arena)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	r = ward_json_parse(a, text, n, NULL, &o, err);
	if (r == WARD_OK)
		r = get_version(o, &version, err);
	if (r < 0)
		return r;
	for (const struct ward_json *v = o->child; v; v = v->next)
		if (!known(v->key, version)) {
			char name[64];

			(void)snprintf(name, sizeof(name), "%.*s",
				(int)(v->key.n < 60 ? v->key.n : 60), v->key.s);
			return wrong(v, name, "is not known", err);
		}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(members) && r == WARD_OK; i++) {
		const struct ward_json *v = ward_json_get(o, members[i].name);

		if (members[i].since > version)
			continue;
		r = v ? take(v, &members[i], w, run, err)
		      : wrong(o, members[i].name, "is not there", err);
	}
	return r;
}

int ward_record_keep(struct ward_workspace *w, const struct ward_workspace_facts *f,
	struct ward_error *err)
{
	struct ward_arena *a = ward_arena_new(0);
	struct ward_workspace_facts copy = *f;
	const char *command = f->command ? f->command : "";
	size_t n = strlen(command);

	if (n > WARD_WORKSPACE_COMMAND_MAX) {
		n = WARD_WORKSPACE_COMMAND_MAX;
		while (n > 0 && ((unsigned char)command[n] & 0xc0u) == 0x80u)
			n--; /* not in the middle of a character */
	}
	if (a) {
		copy.root = ward_arena_strdup(a, f->root);
		copy.log = ward_arena_strdup(a, f->log);
		copy.command = ward_arena_dup(a, command, n);
	}
	if (!a || !copy.root || !copy.log || !copy.command) {
		ward_arena_free(a);
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	}
	ward_arena_free(w->arena);
	w->arena = a;
	w->facts = copy;
	return WARD_OK;
}
