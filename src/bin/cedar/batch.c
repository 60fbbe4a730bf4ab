/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward cedar authorize --requests: one request a line in, one answer a line out, in order, in bounded memory. What is ready
 * is written before the reading waits, so that a program at the other end may send a request and read its answer; and in
 * large pieces as long as there is more to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bin/cedar/cedar.h"

#define READ_SIZE (256u << 10)
#define WRITE_SIZE (64u << 10)

struct reader {
	int fd;
	const char *name;
	struct text t; /* what is not taken yet starts at at */
	size_t at, cap;
	bool end, over;
	int sys;
};
struct batch {
	struct args *a;
	const struct ward_policy_compiled *c;
	const struct ward_policy_schema *schema;
	const struct ward_policy_entities *e;
	struct ward_policy_request *r;
	struct ward_policy_scratch *s;
	struct ward_arena *arena;
	struct ward_buf out;
	uint64_t line;
	bool failed; /* a line without an answer */
	bool broken; /* output that cannot be written, or no memory */
};

/* ---- lines ---- */

static void flush(struct batch *b)
{
	const char *s = b->out.s;
	size_t n = b->out.n;

	if (b->out.failed)
		b->broken = true;
	while (n > 0 && !b->broken) {
		ssize_t w = write(STDOUT_FILENO, s, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			fprintf(stderr, "ward: cannot write to standard output: %s\n",
				strerror(errno));
			b->broken = true;
			return;
		}
		s += w;
		n -= (size_t)w;
	}
	ward_buf_clear(&b->out);
}

/* More of the file behind what is there. False: there is none, or it failed. */
static bool more(struct batch *b, struct reader *in)
{
	ssize_t n;

	if (in->at > 0) {
		memmove(in->t.s, in->t.s + in->at, in->t.n - in->at);
		in->t.n -= in->at;
		in->at = 0;
	}
	if (in->t.n + READ_SIZE > in->cap) {
		size_t cap = in->cap ? in->cap * 2 : 2 * READ_SIZE;
		char *s = cap <= 2 * (size_t)WARD_BUF_MAX ? realloc(in->t.s, cap) : NULL;

		if (!s) {
			in->sys = in->t.n >= WARD_BUF_MAX ? EFBIG : ENOMEM;
			return false;
		}
		in->t.s = s;
		in->cap = cap;
	}
	flush(b);
	do
		n = read(in->fd, in->t.s + in->t.n, READ_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		in->sys = errno;
	if (n <= 0) {
		in->end = true;
		return false;
	}
	in->t.n += (size_t)n;
	return !b->broken;
}

/* The next line without its end; false at the end of the file. */
static bool next(struct batch *b, struct reader *in, struct text *ret)
{
	size_t seen = in->at;

	for (;;) {
		size_t n = in->t.n - seen;
		char *start = in->t.s + in->at, *end = n ? memchr(in->t.s + seen, '\n', n) : NULL;

		if (!end && !in->end) {
			size_t done = in->t.n - in->at;

			if (!more(b, in) && in->sys)
				return false;
			seen = in->at + done;
			continue;
		}
		if (!end && in->at == in->t.n)
			return false;
		ret->s = start;
		ret->n = end ? (size_t)(end - start) : in->t.n - in->at;
		in->at += ret->n + (end ? 1 : 0);
		b->line++;
		return true;
	}
}

static bool is_blank(const struct text *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strchr(" \t\r", t->s[i]) || !t->s[i])
			return false;
	return true;
}

/* ---- answers ---- */

/* No decision, and why. */
static void put_failure(struct batch *b, const char *message, uint32_t column)
{
	b->failed = true;
	ward_jw_open(&b->out, '{');
	ward_jw_key(&b->out, "decision");
	ward_jw_null(&b->out);
	ward_jw_key(&b->out, "reason");
	ward_jw_raw(&b->out, "[]", 2);
	ward_jw_key(&b->out, "errors");
	ward_jw_raw(&b->out, "[]", 2);
	ward_jw_kstr(&b->out, "failure", message);
	ward_jw_ku64(&b->out, "line", b->line);
	if (column > 0)
		ward_jw_ku64(&b->out, "column", column);
	ward_jw_close(&b->out, '}');
}

static void put_finding(struct batch *b, const char *why)
{
	struct ward_policy_diag g;
	size_t n = ward_policy_diags_count(b->a->d);

	for (size_t i = 0; i < n; i++) {
		if (ward_policy_diags_at(b->a->d, i, &g) < 0 || g.warning)
			continue;
		why = g.message;
		break;
	}
	put_failure(b, why, 0);
	ward_policy_diags_clear(b->a->d);
}

static bool validates(const struct batch *b, const struct ward_json *j)
{
	const struct ward_json *v = ward_json_get(j, "validateRequest");

	if (!b->schema)
		return false;
	if (v)
		return v->b;
	return !ward_streq(b->a->v[O_REQUEST_VALIDATION], "false");
}

static bool known(const struct ward_json *j, const char *name)
{
	const struct ward_json *v = ward_json_get(j, name);

	return v && v->type != WARD_JSON_NULL;
}

/* Is all of it there and of its kind, as far as fill_request does not say so? */
static bool is_whole(const struct ward_json *j, const char **why)
{
	const struct ward_json *context = ward_json_get(j, "context");
	const struct ward_json *validate = ward_json_get(j, "validateRequest");

	*why = "principal, action and resource must be given";
	if (!known(j, "principal") || !known(j, "action") || !known(j, "resource"))
		return false;
	*why = "the context is an object";
	if (context && context->type == WARD_JSON_NULL)
		return false;
	*why = "validateRequest is true or false";
	return !validate || validate->type == WARD_JSON_BOOL;
}

/* Everything of one request; false: *why, or a finding. */
static bool answer(struct batch *b, struct text *line, const struct ward_json *j, const char **why)
{
	struct ward_policy_answer got;
	int code;

	ward_policy_request_clear(b->r);
	if (!fill_request(b->r, j, line, false, b->a->v[O_REQUESTS], b->schema, b->a->d, why))
		return false;
	if (!ward_json_get(j, "context") &&
		ward_policy_request_set_context(b->r, NULL, NULL, "{}", 2, b->a->d) < 0)
		return false;
	if (!is_whole(j, why))
		return false;
	if (validates(b, j) && ward_policy_request_validate(b->r, b->schema, b->a->d) < 0)
		return false;
	code = ward_policy_authorize(b->c, b->e, b->r, b->s, &got);
	*why = ward_code_name(code);
	if (code < 0)
		return false;
	put_answer(&b->out, b->c, &got, b->s, b->a->v[O_VERBOSE] != NULL);
	return true;
}

static void one_line(struct batch *b, struct text *line)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_json *j = NULL;
	const char *why = "no request";
	size_t before = b->out.n;

	ward_arena_reset(b->arena);
	if (!parse_json(b->arena, line, NULL, &j, &err)) {
		put_failure(b, err.message, err.column);
	} else if (!answer(b, line, j, &why)) {
		b->out.n = before;
		put_finding(b, why);
	}
	ward_buf_addc(&b->out, '\n');
	if (b->out.n >= WRITE_SIZE || b->out.failed)
		flush(b);
}

static int finish(struct batch *b, const struct reader *in)
{
	struct ward_error err = WARD_ERROR_INIT;

	flush(b);
	if (in->sys) {
		ward_fail_errno(&err, WARD_E_SYSTEM, in->sys, "failed to read requests");
		ward_fail_at(&err, shown_name(in->name), (uint32_t)b->line + 1, 0);
		return fail_error(b->a, &err);
	}
	if (b->out.failed)
		return out_of_memory(b->a);
	return b->failed || b->broken ? CEDAR_FAILURE : CEDAR_SUCCESS;
}

int authorize_many(struct args *a, const struct ward_policy_compiled *c,
	const struct ward_policy_schema *schema, const struct ward_policy_entities *e)
{
	WARD_CLEANUP(ward_arena_freep) struct ward_arena *arena = ward_arena_new(0);
	WARD_CLEANUP(free_request) struct ward_policy_request *r = ward_policy_request_new();
	WARD_CLEANUP(free_scratch) struct ward_policy_scratch *s = ward_policy_scratch_new();
	struct batch b = { .a = a, .c = c, .schema = schema, .e = e, .r = r, .s = s };
	struct reader in = { .name = a->v[O_REQUESTS], .fd = STDIN_FILENO };
	struct ward_error err = WARD_ERROR_INIT;
	struct text line = { 0 };
	int code;

	b.arena = arena;
	if (!arena || !r || !s)
		return out_of_memory(a);
	if (!ward_streq(in.name, "-"))
		in.fd = open(in.name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in.fd < 0) {
		ward_fail_errno(&err, WARD_E_SYSTEM, errno, "failed to open requests file");
		ward_fail_at(&err, in.name, 0, 0);
		return fail_error(a, &err);
	}
	while (!b.broken && next(&b, &in, &line))
		if (!is_blank(&line))
			one_line(&b, &line);
	code = finish(&b, &in);
	if (in.fd != STDIN_FILENO)
		(void)close(in.fd);
	free(in.t.s);
	ward_buf_done(&b.out);
	return code;
}
