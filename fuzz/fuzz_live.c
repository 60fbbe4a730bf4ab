/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run that is alive is asked over its socket (src/approve/live.c). The input is messages, each a length of two bytes and the
 * text, sent in turn on three connections. Whatever they say: each gets one reply, which is JSON; only a whole, well-formed "stop" is
 * taken for one, and its reason is a text of at most WARD_REASON_MAX bytes that came from that message.
 */
#include "approve/live.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_live.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define PEERS 3
#define MESSAGES 16

static bool is_object_with(const char *s, size_t n, const char *key, bool *ret)
{
	struct ward_arena *a = ward_arena_new(1u << 20);
	struct ward_json *v = NULL;
	const struct ward_json *k = NULL;

	MUST(a);
	if (ward_json_parse(a, s, n, "reply", &v, NULL) == WARD_OK && v->type == WARD_JSON_OBJECT)
		k = ward_json_get(v, key);
	*ret = k && k->type == WARD_JSON_BOOL && k->b;
	ward_arena_free(a);
	return k != NULL;
}

static void one(struct ward_live *l, size_t i, int theirs, const uint8_t *text, size_t n)
{
	struct pollfd fds[WARD_LIVE_POLL_MAX];
	struct ward_stopped got;
	char reply[65536];
	bool ok = false;
	ssize_t r;

	if (n == 0 || send(theirs, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		return;
	MUST(ward_live_poll(l, fds) == WARD_LIVE_POLL_MAX);
	fds[i + 1].revents = POLLIN;
	ward_live_ready(l, fds, WARD_LIVE_POLL_MAX, &got);
	r = recv(theirs, reply, sizeof(reply), MSG_DONTWAIT);
	MUST(r > 0 && is_object_with(reply, (size_t)r, "ok", &ok));
	MUST(!got.wanted || (ok && n <= REQUEST_MAX && memmem(text, n, "op", 2)));
	MUST(memchr(got.reason, '\0', sizeof(got.reason)));
	MUST(ward_utf8_valid(got.reason, strlen(got.reason)));
	MUST(got.wanted || (!got.now && !got.reason[0]));
	MUST(l->waits[i] || !got.wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char word[] = "tool", *argv[] = { word, NULL };
	static const char *const labels[] = { "team=ops" };
	const struct ward_live_run run = { .run = "01M8BFCZ1X6EEQSZDMNBR5W7AA",
		.workspace = "/w",
		.argv = argv,
		.labels = labels,
		.n_labels = 1 };
	struct ward_live l = { .run = run, .workspace = word, .dir = -1, .sock = -1 };
	int theirs[PEERS], pair[2];

	for (size_t i = 0; i < CONNECTIONS; i++)
		l.peers[i] = -1;
	for (size_t i = 0; i < PEERS; i++) {
		MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ==
			0);
		l.peers[i] = pair[0];
		theirs[i] = pair[1];
	}
	for (size_t k = 0; k < MESSAGES && size >= 2; k++) {
		size_t n = (size_t)data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		one(&l, k % PEERS, theirs[k % PEERS], data, n);
		data += n;
		size -= n;
	}
	for (size_t i = 0; i < PEERS; i++) {
		MUST(l.peers[i] >= 0);
		ward_close(l.peers[i]);
		ward_close(theirs[i]);
	}
	return 0;
}
