/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `ward stop` makes of the messages of a run (src/approve/stop.c): the input is two, the first with a length of two bytes before
 * it: what the run says of itself, and what it says at its end. Whatever they say: only a whole message that says so ends a run, and
 * people see lines without control bytes, machines JSON. Names of sockets are the same bytes once more.
 */
#include "approve/stop.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_stop.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define ID "01M8BFCZ1X6EEQSZDMNBR5W7AA"

static void shown(struct stopping *s, const struct ward_stop *what)
{
	const struct ward_json_options o = { .bytes_max = 1u << 22, .depth_max = 32 };
	struct ward_json *v = NULL;
	char *text = NULL;
	size_t lines = 0;

	s->what = what;
	MUST(report(s, &text, NULL) == WARD_OK);
	if (what->json)
		MUST(ward_json_parse_with(s->arena, text, strlen(text), "shown", &o, &v, NULL) ==
			WARD_OK);
	for (const char *p = text; *p; p++) {
		lines += *p == '\n';
		MUST(*p == '\n' || ((unsigned char)*p >= 0x20 && *p != 0x7f));
	}
	MUST(lines == 1);
	free(text);
}

static void names(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);

	MUST(text);
	memcpy(text, data, size);
	/* What passes for a name is the id of a run and the suffix, and so has no directory in it. */
	MUST(!is_live_name(text) ||
		(strlen(text) == WARD_ULID_SIZE - 1 + strlen(WARD_LIVE_SUFFIX) &&
			!strchr(text, '/')));
	free(text);
}

static void exchange(struct stopping *s, struct owner *of, const uint8_t *data, size_t size)
{
	struct live_run *run = &s->v[0];
	size_t n = (size_t)data[0] | (size_t)data[1] << 8;
	struct ward_json *told = NULL;
	int pair[2];

	data += 2;
	size -= 2;
	n = n < size ? n : size;
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	*run = (struct live_run){ .of = of, .id = ID, .fd = pair[0], .dir = -1 };
	s->n = 1;
	if (n > 0 && send(pair[1], data, n, MSG_NOSIGNAL) == (ssize_t)n) {
		enum heard h = receive(of->arena, pair[0], MSG_DONTWAIT, &told);

		MUST((h == HEARD_MESSAGE) == (told != NULL));
		MUST(h == HEARD_MESSAGE || h == HEARD_NONSENSE);
		MUST(!is_run(told, ID) || memmem(data, n, "ok", 2) || memchr(data, '\\', n));
		run->told = told && is_run(told, ID) && matches(s, told) ? told : NULL;
	}
	if (size > n && send(pair[1], data + n, size - n, MSG_NOSIGNAL) == (ssize_t)(size - n)) {
		hear(run);
		MUST(!run->ended || (!run->why && run->status));
		MUST(!run->ended || memmem(data + n, size - n, "true", 4));
	}
	shown(s, &(struct ward_stop){ .all = true });
	shown(s, &(struct ward_stop){ .all = true, .json = true });
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stopping s;
	static const char *const labels[] = { "team=ops" };
	const struct ward_stop what = { .match = labels, .n_match = 1 };

	if (size < 2 || size > (1u << 16))
		return 0;
	s.what = &what;
	s.arena = ward_arena_new(16u << 20);
	MUST(s.arena);
	names(data, size);
	exchange(&s, &(struct owner){ .arena = s.arena }, data, size);
	ward_arena_free(s.arena);
	return 0;
}
