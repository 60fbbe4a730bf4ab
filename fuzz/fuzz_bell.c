/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run that waits is asked and answered over its socket (src/approve/bell.c). The input is requests, each a length of two bytes
 * and the text. Whatever they say: each gets one reply, which is JSON; an answer that counts names a whole digest and one of three words,
 * the first one counts, and what is critical is never remembered.
 */
#include "approve/bell.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_bell.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define QUESTIONS 4
#define REQUESTS 16

/* Digests in the words of the corpus: 64 times one digit. */
static void ask(struct ward_asked *k, char digit, enum ward_approval level)
{
	*k = (struct ward_asked){
		.id = "rule", .file = "a.cedar", .text = "permit", .level = level
	};
	memset(k->digest, digit, WARD_SHA256_HEX - 1);
	k->answer = WARD_SAID_OPEN;
}

static bool is_json(const char *s, size_t n)
{
	struct ward_arena *a = ward_arena_new(1u << 20);
	struct ward_json *v = NULL;
	bool is;

	MUST(a);
	is = ward_json_parse(a, s, n, "reply", &v, NULL) == WARD_OK && v->type == WARD_JSON_OBJECT;
	ward_arena_free(a);
	return is;
}

static void one(struct ward_bell *b, struct ward_reply *replies, const uint8_t *text, size_t n)
{
	struct ward_reply was[QUESTIONS];
	const struct ward_asks *a = b->run.asks;
	char reply[65536];
	size_t changed = 0;
	int pair[2];
	ssize_t r;

	memcpy(was, replies, sizeof(was));
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	MUST(send(pair[1], text, n, MSG_NOSIGNAL) == (ssize_t)n && shutdown(pair[1], SHUT_WR) == 0);
	serve(b, pair[0], PATIENCE_NS, replies);
	close(pair[0]);
	r = recv(pair[1], reply, sizeof(reply), MSG_DONTWAIT);
	close(pair[1]);
	/* A peer that had more to say is cut off, and may not hear why. */
	MUST(n >= REQUEST_MAX || (r > 0 && is_json(reply, (size_t)r)));
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (memcmp(&was[i], &replies[i], sizeof(was[i])) == 0)
			continue;
		changed++;
		MUST(!was[i].how && ward_streq(replies[i].how, "peer"));
		MUST(a->v[i].answer == WARD_SAID_OPEN && !a->v[i].agreed);
		MUST(memmem(text, n, "answer", 6) || memchr(text, '\\', n));
		MUST(replies[i].said == WARD_SAID_NO || replies[i].said == WARD_SAID_ONCE ||
			(replies[i].said == WARD_SAID_RUN &&
				a->v[i].level != WARD_APPROVAL_CRITICAL));
	}
	MUST(changed <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char word[] = "tool", *argv[] = { word, NULL };
	struct ward_asked v[QUESTIONS];
	struct ward_asks asks = { .workspace = "/w", .v = v, .n = QUESTIONS };
	struct ward_reply replies[QUESTIONS];
	struct ward_bell b = { .run = { .run = "01M8BFCZ1X6EEQSZDMNBR5W7AA",
				       .argv = argv,
				       .asks = &asks,
				       .stop_fd = -1 },
		.dir = -1,
		.sock = -1 };

	memset(replies, 0, sizeof(replies));
	ask(&v[0], '0', WARD_APPROVAL_RISKY);
	ask(&v[1], '1', WARD_APPROVAL_CRITICAL);
	ask(&v[2], '2', WARD_APPROVAL_RISKY);
	ask(&v[3], '3', WARD_APPROVAL_RISKY);
	v[2].answer = WARD_SAID_NO;
	v[3].agreed = true;
	for (size_t k = 0; k < REQUESTS && size >= 2; k++) {
		size_t n = (size_t)data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		one(&b, replies, data, n);
		data += n;
		size -= n;
	}
	return 0;
}
