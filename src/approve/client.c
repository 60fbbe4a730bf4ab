/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the bell: what waits, and the answer to it. The directory says which runs there are, each is asked itself, and
 * one that does not answer is passed over; a socket that nobody listens on any more is removed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "ward/approve.h"

#define REPLY_MAX (16u << 20)
#define RUNS_MAX 1024 /* ward stop looks at as many */
#define PREFIX_MIN 8
#define PATIENCE_S 5
#define WORD_SHOWN 200

static int outside(struct ward_error *err)
{
	if (!getenv("WARD_RUN"))
		return WARD_OK;
	(void)ward_fail(err, WARD_E_REFUSED,
		"nothing is answered from inside a sandbox (WARD_RUN is set)");
	ward_fail_fix(err, "use a shell outside of it");
	return WARD_E_REFUSED;
}

/* ---- one request ---- */

static int ring(int dir, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const struct timespec nap = { .tv_nsec = 10000000 };
	WARD_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%.40s", dir,
		ward_path_basename(path));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	/* Refused twice: a run that is alive may have ended one socket and have made another of that name meanwhile. */
	for (int i = 0; connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0; i++) {
		if (errno != ECONNREFUSED)
			return -1;
		if (i > 0) {
			(void)unlinkat(dir, ward_path_basename(path), 0);
			return -1;
		}
		(void)nanosleep(&nap, NULL);
	}
	return ward_take_fd(&fd);
}

/* The reply, or NULL: nobody is there, or what came is none. */
static struct ward_json *request(struct ward_arena *a, int dir, const char *path,
	struct ward_str text)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = REPLY_MAX };
	WARD_FD fd = ring(dir, path);
	struct ward_json *reply = NULL;
	const struct ward_json_options o = { .bytes_max = REPLY_MAX, .depth_max = 16 };
	char part[4096];
	ssize_t n;

	if (fd < 0 || send(fd, text.s, text.n, MSG_NOSIGNAL) != (ssize_t)text.n ||
		shutdown(fd, SHUT_WR) < 0)
		return NULL;
	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		ward_buf_add(&b, part, (size_t)n);
	if (n < 0 || b.failed || b.n == 0 ||
		ward_json_parse_with(a, b.s, b.n, path, &o, &reply, NULL) < 0 ||
		reply->type != WARD_JSON_OBJECT)
		return NULL;
	return reply;
}

static const char *text_of(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = o && o->type == WARD_JSON_OBJECT ? ward_json_get(o, key) : NULL;

	return v && v->type == WARD_JSON_STRING ? v->str.s : "";
}

static bool is_ok(const struct ward_json *reply)
{
	const struct ward_json *v = reply ? ward_json_get(reply, "ok") : NULL;

	return v && v->type == WARD_JSON_BOOL && v->b;
}

/* ---- all runs ---- */

struct waiting {
	struct ward_arena *arena;
	const char *path[RUNS_MAX];
	const struct ward_json *run[RUNS_MAX];
	size_t n;
	bool more; /* sockets that were not asked */
	int dir;
};

static void waiting_done(struct waiting *w)
{
	ward_close(w->dir);
	ward_arena_free(w->arena);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* only: of that run; NULL: of all. */
static int find_sockets(struct waiting *w, const char *path, const char *only,
	struct ward_error *err)
{
	const struct dirent *e;
	DIR *d = opendir(path);

	if (!d)
		return ward_fail_errno(err, WARD_E_SYSTEM, errno, "'%s' cannot be read", path);
	while ((errno = 0, e = readdir(d))) {
		if (!ward_ulid_valid(e->d_name) || (only && !ward_streq(e->d_name, only)))
			continue;
		if (w->n == RUNS_MAX) {
			w->more = true;
			break;
		}
		w->path[w->n] = ward_arena_printf(w->arena, "%s/%s", path, e->d_name);
		if (w->path[w->n])
			w->n++;
	}
	closedir(d);
	if (w->n > 0)
		qsort(w->path, w->n, sizeof(w->path[0]), by_name);
	return WARD_OK;
}

static int find_waiting(struct waiting *w, const char *only, struct ward_error *err)
{
	char path[WARD_PATH_MAX];
	size_t kept = 0;
	int r = outside(err);

	*w = (struct waiting){ .arena = ward_arena_new(64u << 20), .dir = -1 };
	if (r < 0)
		return r;
	if (!w->arena)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	r = ward_bell_dir(false, &w->dir, path, err);
	if (r == WARD_E_NOTFOUND)
		return WARD_OK;
	if (r == WARD_OK)
		r = find_sockets(w, path, only, err);
	for (size_t i = 0; r == WARD_OK && i < w->n; i++) {
		const struct ward_json *run = request(w->arena, w->dir, w->path[i],
			WARD_STR("{\"v\":1,\"op\":\"list\"}"));

		if (!is_ok(run))
			continue;
		w->path[kept] = w->path[i];
		w->run[kept++] = run;
	}
	w->n = kept;
	return r;
}

static const struct ward_json *asks_of(const struct ward_json *run)
{
	const struct ward_json *v = ward_json_get(run, "asks");

	return v && v->type == WARD_JSON_ARRAY ? v->child : NULL;
}

/* ---- what waits ---- */

static void quoted(struct ward_buf *b, const char *s)
{
	ward_quote(b, s, strlen(s));
}

static void show_ask(struct ward_buf *b, const struct ward_json *k)
{
	const struct ward_json *rule = ward_json_get(k, "rule"),
			       *things = ward_json_get(k, "things"),
			       *total = ward_json_get(k, "things_total"), *line;
	size_t shown = 0;

	ward_buf_adds(b, "  ");
	ward_show(b, text_of(k, "digest"), strnlen(text_of(k, "digest"), 12));
	ward_buf_adds(b, " ");
	ward_show(b, text_of(k, "level"), strlen(text_of(k, "level")));
	if (text_of(k, "reason")[0]) {
		ward_buf_addc(b, ' ');
		quoted(b, text_of(k, "reason"));
	}
	ward_buf_adds(b, " rule ");
	quoted(b, text_of(rule, "file"));
	line = rule && rule->type == WARD_JSON_OBJECT ? ward_json_get(rule, "line") : NULL;
	ward_buf_addf(b, ":%lld\n", line && line->type == WARD_JSON_INT ? (long long)line->i : 0);
	for (const struct ward_json *t = things && things->type == WARD_JSON_ARRAY ? things->child
										   : NULL;
		t; t = t->next, shown++) {
		const struct ward_json *below =
			t->type == WARD_JSON_OBJECT ? ward_json_get(t, "below") : NULL;

		ward_buf_adds(b, "    ");
		ward_show(b, text_of(t, "action"), strlen(text_of(t, "action")));
		ward_buf_addc(b, ' ');
		quoted(b, text_of(t, "resource"));
		ward_buf_adds(b, below && below->b ? " and all below\n" : "\n");
	}
	if (total && total->type == WARD_JSON_INT && total->i > (int64_t)shown)
		ward_buf_addf(b, "    and %llu more\n", (unsigned long long)total->i - shown);
}

static size_t show_run(struct ward_buf *b, const struct ward_json *run)
{
	const struct ward_json *argv = ward_json_get(run, "argv"),
			       *total = ward_json_get(run, "argv_total"),
			       *left = ward_json_get(run, "left_ms");
	size_t n = 0, words = 0;

	ward_show(b, text_of(run, "run"), strlen(text_of(run, "run")));
	ward_buf_adds(b, " in ");
	quoted(b, text_of(run, "workspace"));
	ward_buf_adds(b, ":");
	for (const struct ward_json *w = argv && argv->type == WARD_JSON_ARRAY ? argv->child : NULL;
		w; w = w->next, words++) {
		ward_buf_addc(b, ' ');
		if (w->type == WARD_JSON_STRING)
			ward_quote(b, w->str.s, w->str.n > WORD_SHOWN ? WORD_SHOWN : w->str.n);
		if (w->type == WARD_JSON_STRING && w->str.n > WORD_SHOWN)
			ward_buf_adds(b, "...");
	}
	if (total && total->type == WARD_JSON_INT && total->i > (int64_t)words)
		ward_buf_addf(b, " and %zu more", (size_t)total->i - words);
	ward_buf_addf(b, ", %lld s left\n",
		left && left->type == WARD_JSON_INT ? (long long)left->i / 1000 : 0);
	for (const struct ward_json *k = asks_of(run); k; k = k->next, n++)
		show_ask(b, k);
	return n;
}

static size_t show_all(const struct waiting *w, bool json, struct ward_buf *b)
{
	size_t n = 0;

	if (json) {
		ward_jw_open(b, '{');
		ward_jw_ki64(b, "v", 1);
		ward_jw_key(b, "runs");
		ward_jw_open(b, '[');
	}
	for (size_t i = 0; i < w->n; i++) {
		if (json) {
			ward_jw_value(b, w->run[i]);
			for (const struct ward_json *k = asks_of(w->run[i]); k; k = k->next)
				n++;
		} else {
			n += show_run(b, w->run[i]);
		}
	}
	if (!json && w->more)
		ward_buf_addf(b,
			"not all were asked: these %u first; answer some, then look again\n",
			RUNS_MAX);
	if (json) {
		ward_jw_close(b, ']');
		if (w->more)
			ward_jw_kbool(b, "more", true);
		ward_jw_close(b, '}');
		ward_buf_addc(b, '\n');
	}
	return n;
}

static int give(struct ward_buf *b, char **ret, struct ward_error *err)
{
	(void)ward_buf_cstr(b);
	*ret = ward_buf_take(b);
	return *ret ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "out of memory");
}

int ward_approve_pending(bool json, char **ret_text, size_t *ret_n, struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;
	WARD_CLEANUP(waiting_done) struct waiting w = { .dir = -1 };
	size_t n;
	int r;

	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_approve_pending without a place for the text");
	*ret_text = NULL;
	r = find_waiting(&w, NULL, err);
	if (r < 0)
		return r;
	n = show_all(&w, json, &b);
	if (ret_n)
		*ret_n = n;
	return give(&b, ret_text, err);
}

/* ---- an answer ---- */

static int gone(struct ward_error *err, const char *what)
{
	(void)ward_fail(err, WARD_E_NOTFOUND, "%s", what);
	ward_fail_fix(err, "ward pending shows what does");
	return WARD_E_NOTFOUND;
}

static int answer_one(const struct waiting *w, size_t i, const char *digest, const char *said,
	struct ward_buf *told, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	const struct ward_json *reply;

	ward_jw_open(&b, '{');
	ward_jw_ki64(&b, "v", 1);
	ward_jw_kstr(&b, "op", "answer");
	ward_jw_kstr(&b, "digest", digest);
	ward_jw_kstr(&b, "said", said);
	ward_jw_close(&b, '}');
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	reply = request(w->arena, w->dir, w->path[i], (struct ward_str){ b.s, b.n });
	if (!reply)
		return gone(err, "the run does not wait any more");
	if (!is_ok(reply))
		return ward_fail(err, WARD_E_REFUSED, "%.12s: %.200s", digest,
			text_of(reply, "why"));
	ward_buf_addf(told, "%.12s %s\n", digest, said);
	return WARD_OK;
}

static bool critical(const struct ward_json *k)
{
	return !ward_streq(text_of(k, "level"), "risky");
}

/* The command of a run that is alive brings about questions as it likes: by now others than were looked at. */
static bool alive(const struct ward_json *run)
{
	const struct ward_json *v = ward_json_get(run, "alive");

	return v && v->type == WARD_JSON_BOOL && v->b;
}

static int answer_run(const struct waiting *w, size_t i, const char *said, struct ward_buf *told,
	struct ward_error *err)
{
	const struct ward_json *left = NULL;
	int r = WARD_OK;

	for (const struct ward_json *k = asks_of(w->run[i]); r == WARD_OK && k; k = k->next) {
		if ((critical(k) || alive(w->run[i])) && !ward_streq(said, "no"))
			left = k;
		else
			r = answer_one(w, i, text_of(k, "digest"), said, told, err);
	}
	if (r < 0 || !left)
		return r;
	(void)ward_fail(err, WARD_E_REFUSED, "%.12s %s: it must be named by itself",
		text_of(left, "digest"),
		critical(left) ? "is critical" : "is asked by a run that is alive");
	ward_fail_fix(err, "ward approve %.12s --once", text_of(left, "digest"));
	return WARD_E_REFUSED;
}

static bool is_prefix(const char *s)
{
	return strlen(s) >= PREFIX_MIN && strlen(s) < WARD_SHA256_HEX &&
		s[strspn(s, "0123456789abcdef")] == '\0';
}

static int answer_digest(const struct waiting *w, const char *what, const char *said,
	struct ward_buf *told, struct ward_error *err)
{
	const char *digest = NULL;
	size_t at = 0, found = 0;

	for (size_t i = 0; i < w->n; i++) {
		for (const struct ward_json *k = asks_of(w->run[i]); k; k = k->next) {
			if (!ward_has_prefix(text_of(k, "digest"), what))
				continue;
			digest = text_of(k, "digest");
			at = i;
			found++;
		}
	}
	if (found == 1)
		return answer_one(w, at, digest, said, told, err);
	if (found == 0)
		return gone(err,
			w->more ? "nothing of that name waits for an answer in the runs that were asked, which are not all: name the run"
				: "nothing of that name waits for an answer");
	(void)ward_fail(err, WARD_E_REFUSED, "%zu questions begin with %s", found, what);
	ward_fail_fix(err, "write more of it, or name the run; ward pending shows both");
	return WARD_E_REFUSED;
}

int ward_approve_answer(const char *what, enum ward_approve_answer answer, char **ret_text,
	struct ward_error *err)
{
	static const char *const words[] = { "no", "once", "run" };
	WARD_CLEANUP(ward_buf_done) struct ward_buf told = WARD_BUF_INIT;
	WARD_CLEANUP(waiting_done) struct waiting w = { .dir = -1 };
	int r;

	if (!ret_text)
		return ward_fail(err, WARD_E_INVALID,
			"ward_approve_answer without a place for the text");
	*ret_text = NULL;
	if (!what || (unsigned)answer >= WARD_ARRAY_SIZE(words) ||
		(!ward_ulid_valid(what) && !is_prefix(what))) {
		(void)ward_fail(err, WARD_E_INVALID, "that names no run and no question");
		ward_fail_fix(err,
			"give a run's id, or 8 or more digits of a question's, as ward pending has them");
		return WARD_E_INVALID;
	}
	r = find_waiting(&w, ward_ulid_valid(what) ? what : NULL, err);
	if (r < 0)
		return r;
	if (is_prefix(what)) {
		r = answer_digest(&w, what, words[answer], &told, err);
	} else {
		size_t i = 0;

		while (i < w.n && !ward_streq(ward_path_basename(w.path[i]), what))
			i++;
		r = i < w.n ? answer_run(&w, i, words[answer], &told, err)
			    : gone(err, "no run of that name waits for an answer");
	}
	/* Of several questions some may have their answer, which counts. */
	if (r < 0 && told.n > 0)
		(void)give(&told, ret_text, NULL);
	return r == WARD_OK ? give(&told, ret_text, err) : r;
}
