/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ward pending` and `ward approve` make of a waiting run's reply (src/approve/client.c): the input is one reply. Whatever it says,
 * people see lines of text without control bytes, machines see JSON, and no answer is given that a run did not take.
 */
#include "approve/client.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_client.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static void shown_is_text(const struct waiting *w)
{
	struct ward_buf b = WARD_BUF_INIT;

	(void)show_all(w, false, &b);
	MUST(!b.failed && b.n > 0 && b.s[b.n - 1] == '\n');
	for (size_t i = 0; i < b.n; i++)
		MUST(b.s[i] == '\n' || ((unsigned char)b.s[i] >= 0x20 && b.s[i] != 0x7f));
	MUST(ward_utf8_valid(b.s, b.n));
	ward_buf_done(&b);
}

static void shown_is_json(const struct waiting *w)
{
	const struct ward_json_options o = { .bytes_max = REPLY_MAX, .depth_max = 32 };
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_json *v = NULL;
	size_t n = show_all(w, true, &b), k = 0;

	MUST(!b.failed);
	MUST(ward_json_parse_with(w->arena, b.s, b.n, "shown", &o, &v, NULL) == WARD_OK);
	v = (struct ward_json *)(uintptr_t)ward_json_get(v, "runs");
	MUST(v && v->child && !v->child->next);
	for (const struct ward_json *q = asks_of(v->child); q; q = q->next)
		k++;
	MUST(k == n);
	ward_buf_done(&b);
}

static void not_answered(const struct waiting *w)
{
	static const char *const said[] = { "no", "once", "run" };
	struct ward_error err = WARD_ERROR_INIT;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(said); i++) {
		struct ward_buf told = WARD_BUF_INIT;
		int r = answer_run(w, 0, said[i], &told, &err);

		/* Nobody listens at the path: whatever was asked cannot have had its answer. */
		MUST(told.n == 0 && (r < 0 || !asks_of(w->run[0])));
		MUST(answer_digest(w, "00000000", said[i], &told, &err) < 0);
		MUST(told.n == 0);
		ward_buf_done(&told);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ward_json_options o = { .bytes_max = REPLY_MAX, .depth_max = 16 };
	struct waiting w = { .arena = ward_arena_new(64u << 20), .dir = -1, .n = 1 };
	struct ward_json *reply = NULL;

	MUST(w.arena);
	w.path[0] = "/dev/null/nobody";
	if (size <= (1u << 16) &&
		ward_json_parse_with(w.arena, (const char *)data, size, "reply", &o, &reply,
			NULL) == WARD_OK &&
		reply->type == WARD_JSON_OBJECT && is_ok(reply)) {
		w.run[0] = reply;
		shown_is_text(&w);
		shown_is_json(&w);
		not_answered(&w);
	}
	ward_arena_free(w.arena);
	return 0;
}
