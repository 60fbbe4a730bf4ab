/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward stop: the other side of live.c. No process is ever named by its number: who is told to end is whoever listens on the socket, by
 * the connection on which it said which run it is, and that connection closes when nothing of the run is alive. So what has gone
 * meanwhile is gone, and nobody else is met in its place.
 *
 * Sockets are found where runs of this environment would put them, and where the kernel's list of bound sockets has some, since
 * another session may have another environment. Whose they are is the kernel's word: the listener must own the directory. Root meets
 * everybody's, and anybody can make sockets that look like a run's: so each user has a share of its own of all that is bounded here, what
 * is over it is said and counts as not ended, and keeps no other user's run from being found, asked or told.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"
#include "ward/live.h"

#define RUNS_MAX 16384
#define OWNER_RUNS_MAX 1024
#define OWNER_DIRS_MAX 256
#define OWNER_BYTES_MAX (64u << 20) /* of what its runs say */
#define OWNER_SLOW_NS 10000000000ull /* that its sockets together keep root waiting */
#define SLOW_NS 50000000ull /* less is none */
#define MESSAGE_MAX (128u << 10)
#define NET_UNIX_MAX (64u << 20)
#define PATIENCE_S 2
#define WAIT_MS 10000
#define ASK_AGAIN 5
#define NAP_NS 50000000 /* between bind and listen lies less */

/* A user whose sockets are met. */
struct owner {
	struct owner *next;
	struct ward_arena *arena;
	uint32_t uid;
	unsigned runs, dirs;
	uint64_t slow_ns;
	bool over; /* more than its share, which has been said */
};

struct live_run {
	struct owner *of; /* NULL: nobody's, there is none of that name */
	const char *id;
	const struct ward_json *told; /* what it says of itself; NULL: nothing */
	int fd; /* -1: it has ended, or there is none */
	int dir; /* where its socket lies */
	uint32_t uid;
	bool meant, ended;
	const char *status, *why; /* how it ended; why it is not told to */
};

struct stopping {
	const struct ward_stop *what;
	struct ward_arena *arena;
	struct live_run v[RUNS_MAX];
	size_t n;
	struct owner *owners;
	struct looked {
		uint64_t dev, ino;
		int fd; /* -1: nothing in it was meant */
	} * dirs; /* looked into already */
	size_t n_dirs;
	struct pollfd fds[RUNS_MAX];
	struct ward_error *err;
};

static int nomem(struct stopping *s)
{
	return ward_fail(s->err, WARD_E_NOMEM, "out of memory");
}

/* ---- what is asked for ---- */

static int unclear(struct stopping *s, const char *word, const char *what, const char *fix)
{
	if (word)
		(void)ward_fail(s->err, WARD_E_INVALID, "\"%.64s\" %s", word, what);
	else
		(void)ward_fail(s->err, WARD_E_INVALID, "%s", what);
	ward_fail_fix(s->err, "%s", fix);
	return WARD_E_INVALID;
}

static int check(struct stopping *s)
{
	const struct ward_stop *w = s->what;

	if (getenv("WARD_RUN")) {
		(void)ward_fail(s->err, WARD_E_REFUSED,
			"nothing is stopped from inside a sandbox (WARD_RUN is set)");
		ward_fail_fix(s->err, "use a shell outside of it");
		return WARD_E_REFUSED;
	}
	if ((w->n_runs > 0) + (w->n_match > 0) + w->all != 1)
		return unclear(s, NULL, "which runs is not clear",
			"ward stop RUN..., ward stop --match KEY=VALUE, or ward stop --all");
	for (size_t i = 0; i < w->n_runs; i++) {
		if (!ward_ulid_valid(w->runs[i]))
			return unclear(s, w->runs[i], "is no run's id",
				"an id has 26 letters and digits; ward stop --all --dry-run shows them");
	}
	for (size_t i = 0; i < w->n_match; i++) {
		const char *eq = w->match[i] ? strchr(w->match[i], '=') : NULL;

		if (!eq || eq == w->match[i])
			return unclear(s, w->match[i], "is no KEY=VALUE",
				"as in --match team=ops, for runs with --label team=ops");
	}
	if (w->reason &&
		(strlen(w->reason) > WARD_REASON_MAX ||
			!ward_utf8_valid(w->reason, strlen(w->reason))))
		return unclear(s, NULL, "the reason has more than 256 bytes, or is no text",
			"say it shorter, in UTF-8");
	return WARD_OK;
}

/* ---- one run ---- */

/* What came of a look at a connection. Only a message can say that a run has ended. */
enum heard { HEARD_NONSENSE, HEARD_NOTHING, HEARD_CLOSED, HEARD_MESSAGE };

static enum heard receive(struct ward_arena *arena, int fd, int flags, struct ward_json **ret)
{
	const struct ward_json_options o = { .bytes_max = MESSAGE_MAX, .depth_max = 8 };
	char *part = malloc(MESSAGE_MAX);
	enum heard heard = HEARD_MESSAGE;
	ssize_t n = part ? recv(fd, part, MESSAGE_MAX, flags) : -1;

	*ret = NULL;
	if (part && n < 0 && (errno == EAGAIN || errno == EINTR))
		heard = HEARD_NOTHING;
	else if (part && (n == 0 || (n < 0 && errno == ECONNRESET)))
		heard = HEARD_CLOSED;
	else if (n < 0 ||
		ward_json_parse_with(arena, part, (size_t)n, "reply", &o, ret, NULL) < 0 ||
		(*ret)->type != WARD_JSON_OBJECT)
		heard = HEARD_NONSENSE;
	if (heard != HEARD_MESSAGE)
		*ret = NULL;
	free(part);
	return heard;
}

static const char *text_of(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = o ? ward_json_get(o, key) : NULL;

	return v && v->type == WARD_JSON_STRING ? v->str.s : "";
}

static bool is_true(const struct ward_json *o, const char *key)
{
	const struct ward_json *v = o ? ward_json_get(o, key) : NULL;

	return v && v->type == WARD_JSON_BOOL && v->b;
}

/* Time that a user's sockets take is that user's. */
static void took(struct owner *of, uint64_t since_ns)
{
	uint64_t ns = ward_now_mono_ns() - since_ns;

	of->slow_ns += ns >= SLOW_NS ? ns : 0;
}

static struct ward_json *request(struct owner *of, int fd, const char *text, size_t n)
{
	uint64_t begin = ward_now_mono_ns();
	struct ward_json *reply;

	if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n) {
		took(of, begin);
		return NULL;
	}
	(void)receive(of->arena, fd, 0, &reply);
	took(of, begin);
	return reply;
}

/* The listener is who owns the directory, and outside of every sandbox. */
static bool is_owner(int fd, uint32_t uid)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && n == sizeof(peer) &&
		peer.uid == uid && ward_peer_same_namespace(peer.pid);
}

static int connect_to(int dir, const char *name, uint32_t uid)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	WARD_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%.40s", dir, name);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	return is_owner(fd, uid) ? ward_take_fd(&fd) : -EPERM;
}

/* -ENOENT, -ECONNREFUSED: nobody listens there any more. -EPERM: it is another who does. */
static int reach(int dir, const char *name, struct owner *of)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t begin = ward_now_mono_ns();
	int fd = connect_to(dir, name, of->uid);

	if (fd != -ECONNREFUSED) {
		took(of, begin);
		return fd;
	}
	/* It was killed; or it has a name already, and listens in a moment: then it must keep the name. */
	(void)nanosleep(&nap, NULL);
	fd = connect_to(dir, name, of->uid);
	if (fd == -ECONNREFUSED)
		(void)unlinkat(dir, name, 0);
	took(of, begin);
	return fd;
}

static bool wanted(const struct stopping *s, const char *id)
{
	bool found = s->what->n_runs == 0;

	for (size_t i = 0; i < s->what->n_runs; i++)
		found = found || ward_streq(s->what->runs[i], id);
	return found;
}

static bool has_label(const struct ward_json *told, const char *label)
{
	const struct ward_json *v = ward_json_get(told, "labels");

	for (v = v && v->type == WARD_JSON_ARRAY ? v->child : NULL; v; v = v->next) {
		if (v->type == WARD_JSON_STRING && ward_streq(v->str.s, label))
			return true;
	}
	return false;
}

static bool matches(const struct stopping *s, const struct ward_json *told)
{
	for (size_t i = 0; i < s->what->n_match; i++) {
		if (!has_label(told, s->what->match[i]))
			return false;
	}
	return true;
}

static const char list[] = "{\"v\":1,\"op\":\"list\"}";

static bool is_run(const struct ward_json *told, const char *id)
{
	return is_true(told, "ok") && ward_streq(text_of(told, "run"), id);
}

static const char *cannot_be_asked(struct stopping *s, int sys)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_buf_adds(&b, "it cannot be asked: ");
	ward_buf_adds(&b,
		sys == EPERM ? "who listens is not its user, outside of every sandbox"
			     : strerror(sys));
	return b.failed ? NULL : ward_arena_dup(s->arena, b.s, b.n);
}

static int add(struct stopping *s, const struct live_run *run)
{
	if (s->n == RUNS_MAX)
		return ward_fail(s->err, WARD_E_LIMIT, "more than %u runs are alive", RUNS_MAX);
	s->v[s->n++] = *run;
	return WARD_OK;
}

/* Once a user, by the first that was not asked. */
static int too_many(struct stopping *s, const struct live_run *run)
{
	struct live_run first = *run;

	if (run->of->over)
		return WARD_OK;
	run->of->over = true;
	first.why =
		"it, and perhaps others of its user, was not asked: that user has more sockets of this kind, or slower ones, than are looked at at once";
	return add(s, &first);
}

/* One that does not say what it is may be any of those that are meant: it is told about, and counts. */
static int meet(struct stopping *s, int dir, const char *name, struct owner *of)
{
	struct live_run run = { .of = of, .fd = -1, .dir = dir, .uid = of->uid, .meant = true };
	char id[WARD_ULID_SIZE];
	WARD_FD fd = -1;

	memcpy(id, name, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	if (!wanted(s, id) || (of->over && s->what->n_runs == 0))
		return WARD_OK;
	run.id = ward_arena_dup(s->arena, id, sizeof(id) - 1);
	if (!run.id)
		return nomem(s);
	if (dir < 0 || of->runs >= OWNER_RUNS_MAX || of->slow_ns >= OWNER_SLOW_NS)
		return too_many(s, &run);
	fd = reach(dir, name, of);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return WARD_OK;
	of->runs++;
	if (fd < 0) {
		run.why = cannot_be_asked(s, -fd);
		return run.why ? add(s, &run) : nomem(s);
	}
	run.told = request(of, fd, list, sizeof(list) - 1);
	if (!is_run(run.told, run.id)) {
		run.told = NULL;
		run.why = "it does not answer";
	} else if (!matches(s, run.told)) {
		of->runs--;
		return WARD_OK;
	}
	if (s->n < RUNS_MAX)
		run.fd = ward_take_fd(&fd);
	return add(s, &run);
}

/* ---- all of them ---- */

static bool is_live_name(const char *name)
{
	char id[WARD_ULID_SIZE];
	size_t n = strlen(name);

	if (n != sizeof(id) - 1 + strlen(WARD_LIVE_SUFFIX) ||
		!ward_has_suffix(name, WARD_LIVE_SUFFIX))
		return false;
	memcpy(id, name, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	return ward_ulid_valid(id);
}

static struct owner *owner_of(struct stopping *s, uint32_t uid)
{
	struct owner *of = s->owners;

	while (of && of->uid != uid)
		of = of->next;
	if (of)
		return of;
	of = calloc(1, sizeof(*of));
	if (!of)
		return NULL;
	of->uid = uid;
	of->arena = ward_arena_new(OWNER_BYTES_MAX);
	of->next = s->owners;
	s->owners = of;
	return of->arena ? of : NULL;
}

/* Of the caller alone; root's look goes everywhere, but only where the directory is one user's alone, too. */
static bool may_look(const struct stopping *s, int dir, struct stat *ret)
{
	if (fstat(dir, ret) < 0 || (ret->st_mode & 07777) != 0700 ||
		(ret->st_uid != geteuid() && geteuid() != 0))
		return false;
	for (size_t i = 0; i < s->n_dirs; i++) {
		if (s->dirs[i].dev == ret->st_dev && s->dirs[i].ino == ret->st_ino)
			return false;
	}
	return true;
}

/* What could not be seen is not nothing. */
static int cannot_read(struct stopping *s, int sys)
{
	return ward_fail_errno(s->err, WARD_E_SYSTEM, sys, "where runs listen cannot be read");
}

static int all_in(struct stopping *s, int dir, struct owner *of)
{
	int r = WARD_OK, sys, again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again >= 0 ? fdopendir(again) : NULL;
	const struct dirent *e;

	if (!d) {
		ward_close(again);
		return cannot_read(s, errno);
	}
	while (errno = 0, r == WARD_OK && (e = readdir(d))) {
		if (is_live_name(e->d_name))
			r = meet(s, dir, e->d_name, of);
	}
	sys = r == WARD_OK ? errno : 0;
	closedir(d);
	return sys ? cannot_read(s, sys) : r;
}

/* name: NULL, or of a socket that was bound there. */
static int look_into(struct stopping *s, const char *path, const char *name)
{
	WARD_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	size_t before = s->n;
	struct looked *dirs;
	struct owner *of;
	struct stat st;
	int r;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return cannot_read(s, errno);
	if (fd < 0 || !may_look(s, fd, &st))
		return WARD_OK;
	of = owner_of(s, st.st_uid);
	if (!of)
		return nomem(s);
	if (of->dirs >= OWNER_DIRS_MAX)
		return name ? meet(s, -1, name, of) : WARD_OK;
	dirs = realloc(s->dirs, (s->n_dirs + 1) * sizeof(*dirs));
	if (!dirs)
		return nomem(s);
	s->dirs = dirs;
	of->dirs++;
	dirs[s->n_dirs++] = (struct looked){ st.st_dev, st.st_ino, -1 };
	r = all_in(s, fd, of);
	if (s->n > before) /* it is looked into again */
		dirs[s->n_dirs - 1].fd = ward_take_fd(&fd);
	return r;
}

/* "... 00010000 0005 01 12345 /run/user/1000/ward/01J....live" */
static int look_line(struct stopping *s, char *line)
{
	char *path = line, *slash;

	/* The name is the eighth field; one that is abstract or relative is no path. */
	for (unsigned i = 0; i < 7; i++) {
		path += strcspn(path, " ");
		path += strspn(path, " ");
	}
	slash = strrchr(path, '/');
	if (path[0] != '/' || slash == path || !is_live_name(slash + 1))
		return WARD_OK;
	*slash = '\0';
	return look_into(s, path, slash + 1);
}

/* The kernel's list of bound sockets; where there is none, or we may not see it, nothing is in it. */
static int list_sockets(struct stopping *s, struct ward_buf *out)
{
	WARD_FD fd = open("/proc/net/unix", O_RDONLY | O_CLOEXEC);
	char part[8192];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? WARD_OK : cannot_read(s, errno);
	while ((n = read(fd, part, sizeof(part))) > 0)
		ward_buf_add(out, part, (size_t)n);
	if (n < 0)
		return cannot_read(s, errno);
	return out->failed ? nomem(s) : WARD_OK;
}

static int look_everywhere(struct stopping *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = { .max = NET_UNIX_MAX };
	char path[WARD_PATH_MAX], *line = NULL, *next;
	int r = WARD_OK;

	for (unsigned i = 0; r == WARD_OK && i < WARD_LIVE_PLACES; i++) {
		if (ward_live_where(i, path))
			r = look_into(s, path, NULL);
	}
	if (r == WARD_OK)
		r = list_sockets(s, &b);
	if (r == WARD_OK && b.n > 0)
		line = (char *)(uintptr_t)ward_buf_cstr(&b);
	for (; r == WARD_OK && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		r = look_line(s, line);
	}
	return r;
}

/* What was named and is not there. */
static int add_missing(struct stopping *s)
{
	int r = WARD_OK;

	for (size_t i = 0; r == WARD_OK && i < s->what->n_runs; i++) {
		size_t k = 0;

		while (k < s->n && !ward_streq(s->v[k].id, s->what->runs[i]))
			k++;
		if (k < s->n)
			continue;
		r = add(s,
			&(struct live_run){ .id = s->what->runs[i],
				.fd = -1,
				.why = "no run of that name is alive" });
	}
	return r;
}

static int by_id(const void *a, const void *b)
{
	const struct live_run *x = a, *y = b;

	return strcmp(x->id, y->id);
}

/* ---- the end ---- */

static int tell_all(struct stopping *s)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;

	ward_jw_open(&b, '{');
	ward_jw_ki64(&b, "v", 1);
	ward_jw_kstr(&b, "op", "stop");
	if (s->what->reason)
		ward_jw_kstr(&b, "reason", s->what->reason);
	ward_jw_kbool(&b, "now", s->what->now);
	ward_jw_close(&b, '}');
	if (b.failed)
		return nomem(s);
	for (size_t i = 0; i < s->n; i++) {
		struct live_run *run = &s->v[i];
		const struct ward_json *reply;

		if (run->fd < 0 || run->why)
			continue;
		if (run->of->slow_ns >= OWNER_SLOW_NS) {
			run->why = "it was not told: others of its user take too long to answer";
			continue;
		}
		reply = request(run->of, run->fd, b.s, b.n);
		/* It may have ended by itself a moment ago, and says that instead. */
		if (is_true(reply, "ended")) {
			run->ended = true;
			run->status = text_of(reply, "status");
		} else if (!is_true(reply, "ok")) {
			run->why = reply ? text_of(reply, "why") : "it does not answer";
		}
	}
	return WARD_OK;
}

/*
 * Closed without a word. If nobody listens any more its supervisor was killed, and with it goes the sandbox; a process that is killed
 * may close its connections before it closes what it listens on, so this looks more than once.
 */
static void ask_again(struct live_run *run)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	char name[WARD_LIVE_NAME_MAX];

	(void)snprintf(name, sizeof(name), "%s" WARD_LIVE_SUFFIX, run->id);
	run->why = "it closed the connection, and whether it has ended is not known";
	for (unsigned i = 0; i < ASK_AGAIN && run->of->slow_ns < OWNER_SLOW_NS; i++) {
		WARD_FD fd = reach(run->dir, name, run->of);

		if (fd == -ENOENT || fd == -ECONNREFUSED) {
			run->ended = true;
			run->status = "killed";
			run->why = NULL;
			return;
		}
		if (fd >= 0 && is_run(request(run->of, fd, list, sizeof(list) - 1), run->id)) {
			run->why = "it closed the connection, and still answers";
			return;
		}
		(void)nanosleep(&moment, NULL);
	}
}

static void hear(struct live_run *run)
{
	struct ward_json *reply;

	switch (receive(run->of->arena, run->fd, MSG_DONTWAIT, &reply)) {
	case HEARD_NOTHING: return;
	case HEARD_CLOSED: ask_again(run); return;
	case HEARD_NONSENSE:
		run->why = "what it says is not understood, and whether it has ended is not known";
		return;
	case HEARD_MESSAGE:
		run->ended = is_true(reply, "ended");
		run->status = run->ended ? text_of(reply, "status") : NULL;
		return;
	}
}

static void wait_all(struct stopping *s)
{
	uint64_t until =
		ward_now_mono_ns() + (s->what->wait_ms ? s->what->wait_ms : WAIT_MS) * 1000000;

	for (;;) {
		struct pollfd *fds = s->fds;
		uint64_t now = ward_now_mono_ns();
		size_t left = 0;

		for (size_t i = 0; i < s->n; i++) {
			bool waits = s->v[i].fd >= 0 && !s->v[i].why && !s->v[i].ended;

			fds[i] = (struct pollfd){ .fd = waits ? s->v[i].fd : -1, .events = POLLIN };
			left += waits;
		}
		if (left == 0 || now >= until)
			break;
		if (poll(fds, (nfds_t)s->n, (int)((until - now) / 1000000) + 1) < 0 &&
			errno != EINTR)
			break;
		for (size_t i = 0; i < s->n; i++) {
			if (fds[i].fd >= 0 && fds[i].revents)
				hear(&s->v[i]);
		}
	}
	for (size_t i = 0; i < s->n; i++) {
		if (!s->v[i].ended && !s->v[i].why)
			s->v[i].why = "it was told to end, and has not yet";
	}
}

/* ---- what is said of it ---- */

static void show(struct ward_buf *b, const struct live_run *run)
{
	const struct ward_json *argv = run->told ? ward_json_get(run->told, "argv") : NULL;

	ward_buf_adds(b, run->id);
	if (run->ended) {
		ward_buf_adds(b, " ended: ");
		ward_show(b, run->status, strlen(run->status));
	} else {
		ward_buf_adds(b, run->why ? ": " : " lives");
		ward_show(b, run->why ? run->why : "", run->why ? strlen(run->why) : 0);
	}
	if (run->told) {
		ward_buf_addf(b, "; uid %u, in ", (unsigned)run->uid);
		ward_quote(b, text_of(run->told, "workspace"),
			strlen(text_of(run->told, "workspace")));
		ward_buf_addc(b, ':');
	}
	for (const struct ward_json *w = argv && argv->type == WARD_JSON_ARRAY ? argv->child : NULL;
		w; w = w->next) {
		ward_buf_addc(b, ' ');
		if (w->type == WARD_JSON_STRING)
			ward_quote(b, w->str.s, w->str.n);
	}
	ward_buf_addc(b, '\n');
}

static void show_json(struct ward_buf *b, const struct live_run *run)
{
	static const char *const keys[] = { "pid", "workspace", "argv", "labels" };

	ward_jw_open(b, '{');
	ward_jw_kstr(b, "run", run->id);
	for (size_t i = 0; run->told && i < WARD_ARRAY_SIZE(keys); i++) {
		const struct ward_json *v = ward_json_get(run->told, keys[i]);

		if (!v)
			continue;
		ward_jw_key(b, keys[i]);
		ward_jw_value(b, v);
	}
	if (run->fd >= 0)
		ward_jw_ku64(b, "uid", run->uid);
	ward_jw_kbool(b, "ended", run->ended);
	ward_jw_kstr(b, "status", run->status);
	ward_jw_kstr(b, "why", run->why);
	ward_jw_close(b, '}');
}

static int report(const struct stopping *s, char **ret, struct ward_error *err)
{
	struct ward_buf b = WARD_BUF_INIT;

	if (s->what->json) {
		ward_jw_open(&b, '{');
		ward_jw_ki64(&b, "v", 1);
		ward_jw_kbool(&b, "dry_run", s->what->dry_run);
		ward_jw_key(&b, "runs");
		ward_jw_open(&b, '[');
	}
	for (size_t i = 0; i < s->n; i++)
		(s->what->json ? show_json : show)(&b, &s->v[i]);
	if (s->what->json) {
		ward_jw_close(&b, ']');
		ward_jw_close(&b, '}');
		ward_buf_addc(&b, '\n');
	}
	(void)ward_buf_cstr(&b);
	*ret = ward_buf_take(&b);
	return *ret ? WARD_OK : ward_fail(err, WARD_E_NOMEM, "out of memory");
}

static int stop_all(struct stopping *s, char **ret_text)
{
	int r = check(s);

	if (r == WARD_OK)
		r = look_everywhere(s);
	if (r == WARD_OK)
		r = add_missing(s);
	if (r < 0)
		return r;
	if (s->n > 0)
		qsort(s->v, s->n, sizeof(s->v[0]), by_id);
	if (!s->what->dry_run) {
		r = tell_all(s);
		if (r == WARD_OK)
			wait_all(s);
	}
	return r == WARD_OK ? report(s, ret_text, s->err) : r;
}

int ward_live_stop(const struct ward_stop *what, char **ret_text, size_t *ret_n, size_t *ret_left,
	struct ward_error *err)
{
	struct stopping *s;
	size_t left = 0;
	int r;

	if (!what || !ret_text || (what->n_runs > 0 && !what->runs) ||
		(what->n_match > 0 && !what->match))
		return ward_fail(err, WARD_E_INVALID,
			"ward_live_stop without what is meant, or a place for the text");
	*ret_text = NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	s->what = what;
	s->err = err;
	s->arena = ward_arena_new(256u << 20);
	r = s->arena ? stop_all(s, ret_text) : nomem(s);
	for (size_t i = 0; i < s->n; i++) {
		ward_close(s->v[i].fd);
		left += s->v[i].why != NULL;
	}
	for (size_t i = 0; i < s->n_dirs; i++)
		ward_close(s->dirs[i].fd);
	free(s->dirs);
	for (struct owner *of = s->owners, *next; of; of = next) {
		next = of->next;
		ward_arena_free(of->arena);
		free(of);
	}
	if (ret_n)
		*ret_n = s->n;
	if (ret_left)
		*ret_left = left;
	ward_arena_free(s->arena);
	free(s);
	return r;
}
