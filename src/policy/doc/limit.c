/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of a profile: the values of the options of the same names, as text or as a number, and no less than those take: a size
 * without its unit (memory: 512) would be bytes, in which nothing starts.
 */
#include <stdio.h>
#include <string.h>

#include "policy/doc/internal.h"

static int size_of(const char *text, uint64_t min, const char *fix, uint64_t *ret,
	struct ward_error *err)
{
	int r = ward_parse_size(text, ret, err);

	if (r < 0 || *ret >= min)
		return r;
	r = ward_fail(err, WARD_E_INVALID, "too little to start anything");
	ward_fail_fix(err, "%s", fix);
	return r;
}

static int parse(enum ward_doc_limit_id id, const char *text, uint64_t *ret, struct ward_error *err)
{
	uint32_t millicpus = 0;
	int r;

	switch (id) {
	case WARD_DOC_MEMORY:
		return size_of(text, WARD_LIMIT_MEMORY_MIN, "write 1M or more, such as 256M", ret,
			err);
	case WARD_DOC_DISK:
		return size_of(text, WARD_LIMIT_DISK_MIN, "write 64K or more, such as 256M", ret,
			err);
	case WARD_DOC_OUTPUT: return ward_parse_size(text, ret, err);
	case WARD_DOC_TIMEOUT:
	case WARD_DOC_GRACE: return ward_parse_duration(text, ret, err);
	case WARD_DOC_CPUS:
		r = ward_parse_cpus(text, &millicpus, err);
		*ret = millicpus;
		return r;
	case WARD_DOC_NOFILE:
		return ward_parse_u64(text, WARD_LIMIT_NOFILE_MIN, WARD_LIMIT_NOFILE_MAX, ret, err);
	default: return ward_parse_u64(text, WARD_LIMIT_PIDS_MIN, WARD_LIMIT_PIDS_MAX, ret, err);
	}
}

/* As a person wrote it, to three digits; what needs more keeps them, and is refused. No locale has a say. */
static void real_text(double d, char *out, size_t size)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	double size_of = d < 0 ? -d : d;

	if (size_of < 1e9) {
		int64_t thousandths = (int64_t)(size_of * 1000 + 0.5);
		double off = size_of * 1000 - (double)thousandths;

		if (off < 1e-6 && off > -1e-6) {
			(void)snprintf(out, size, "%s%lld.%03lld", d < 0 ? "-" : "",
				(long long)(thousandths / 1000), (long long)(thousandths % 1000));
			return;
		}
	}
	ward_jw_f64(&b, d);
	(void)snprintf(out, size, "%s", ward_buf_cstr(&b));
}

static int read_limit(const struct doc_reader *in, const struct ward_json *node,
	enum ward_doc_limit_id id, struct ward_doc_limit *ret)
{
	char text[64];
	int r;

	if (node->type == WARD_JSON_INT) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)node->i);
	} else if (node->type == WARD_JSON_REAL) {
		real_text(node->d, text, sizeof(text));
	} else if (node->type == WARD_JSON_STRING && node->str.n < sizeof(text)) {
		memcpy(text, node->str.s, node->str.n + 1);
	} else if (node->type == WARD_JSON_STRING) {
		(void)snprintf(text, sizeof(text), "%.40s...", node->str.s);
	} else {
		return ward_doc_wrong_type(in, node, ward_doc_limit_name(id),
			"a number or a string");
	}
	r = parse(id, text, &ret->value, in->err);
	ret->origin = ward_doc_origin(in, node);
	ret->doc = in->doc;
	if (r < 0) {
		ret->value = 0;
		ward_fail_at(in->err, in->doc->file, node->line, node->column);
	}
	return r;
}

int ward_doc_limits_read(const struct doc_reader *in, const struct ward_json *node,
	struct ward_doc_limit *ret)
{
	static const char *const names[WARD_DOC_LIMIT_MAX] = {
#define WARD_X(id, name) [id] = name,
		WARD_DOC_LIMITS(WARD_X)
#undef WARD_X
	};
	const struct ward_json *field[WARD_DOC_LIMIT_MAX] = { NULL };
	int r = ward_doc_fields(in, node, "limits", names, WARD_DOC_LIMIT_MAX, field);

	for (unsigned i = 0; i < WARD_DOC_LIMIT_MAX && r == WARD_OK; i++) {
		if (field[i] != NULL)
			r = read_limit(in, field[i], (enum ward_doc_limit_id)i, &ret[i]);
	}
	return r;
}
