/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes, from a side to the other. They go through one buffer for all flows; only what the sink does not take at once is kept with the
 * flow, and then its source waits. splice is not used: from TCP to TCP it is slower (bench/splice.c), and a pipe pair costs four descriptors.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAY_MAX (48u << 10) /* of one way at a time */
#define WAY_MIN \
	(4u << 10) /* as long as there is one byte of room: a way never stands still because of the other one */
#define TURNS 4 /* full buffers, before other flows have theirs */
#define OWED_MS \
	1000 /* that first bytes passed by themselves the gate hears after that at the latest */

static char shared[WAY_MAX];
/* What most flows hold at first; the heap would go to the kernel for each. */
#define SMALL 1024u
#define SPARE_MAX 32
static char *spare[SPARE_MAX];
static unsigned n_spare;
/* And one as large as they get: a line without an end is kept and passed on, buffer by buffer. */
static char *spare_whole;

/* Of all flows, in blocks of the heap. What is held waits for its client's sake, not for a sink: it must not crowd out the rest. */
static size_t kept[2];
static struct relay_way *oldest, *newest; /* held */

static void hold_begins(struct relay_way *w)
{
	w->held = true;
	w->older = newest;
	w->newer = NULL;
	if (newest != NULL)
		newest->newer = w;
	else
		oldest = w;
	newest = w;
}

static void hold_ends(struct relay_way *w)
{
	if (!w->held)
		return;
	if (w->older != NULL)
		w->older->newer = w->newer;
	else
		oldest = w->newer;
	if (w->newer != NULL)
		w->newer->older = w->older;
	else
		newest = w->older;
	w->older = w->newer = NULL;
	w->held = false;
	kept[true] -= w->cap;
	kept[false] += w->cap;
}

/* With no room for it on the way it counts as held until its sink takes it: who is judged and not dialled yet has no bound else. */
void relay_judged(struct relay_way *w)
{
	if (kept[false] + w->cap <= RELAY_KEPT_MAX)
		hold_ends(w);
}

static char *block_of(struct relay_way *w, size_t cap)
{
	char *block = spare_whole;

	if (w->kept == NULL && cap == SMALL && n_spare > 0)
		return spare[--n_spare];
	if (w->kept != NULL || cap < WARD_RELAY_HELD_MAX || block == NULL)
		return realloc(w->kept, cap);
	spare_whole = NULL;
	return block;
}

bool relay_keep(struct relay_way *w, const char *p, size_t n)
{
	size_t cap = w->cap == 0 ? SMALL : w->cap;
	char *block;

	if (w->off > 0) {
		memmove(w->kept, w->kept + w->off, w->len);
		w->off = 0;
	}
	if (n > WARD_RELAY_HELD_MAX - w->len)
		return false;
	while (cap < w->len + n)
		cap *= 2;
	if (cap != w->cap) {
		block = block_of(w, cap);
		if (block == NULL)
			return false;
		w->kept = block;
		kept[w->held] += cap - w->cap;
		w->cap = (uint32_t)cap;
	}
	memcpy(w->kept + w->len, p, n);
	w->len += (uint32_t)n;
	return true;
}

void relay_drop(struct relay_way *w)
{
	hold_ends(w);
	kept[false] -= w->cap;
	if (w->cap == SMALL && n_spare < SPARE_MAX)
		spare[n_spare++] = w->kept;
	else if (w->cap == WARD_RELAY_HELD_MAX && spare_whole == NULL)
		spare_whole = w->kept;
	else
		free(w->kept);
	w->kept = NULL;
	w->off = w->len = w->cap = 0;
}

static bool later(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

static void gone(struct relay_flow *f, enum relay_side side)
{
	if (f->ending == 0)
		f->ending =
			(uint8_t)((side == RELAY_CLIENT ? WARD_END_CLIENT : WARD_END_SERVER) + 1);
}

static uint64_t left(uint64_t max, uint64_t moved)
{
	return max == 0 ? UINT64_MAX : max > moved ? max - moved : 0;
}

/* How many of n bytes the sink took; -1: none, and the flow ends. */
static ssize_t deliver(struct relay *r, struct relay_flow *f, enum relay_side way, const char *p,
	size_t n)
{
	struct relay_way *w = &f->way[way];
	/* Up is what leaves the run: what a server inside says, too. */
	enum relay_side of_run = f->inward ? !way : way;
	enum ward_relay_end end = WARD_END_DONE;
	ssize_t sent;

	if (n > left(w->max, w->moved) || n > left(r->max[of_run], r->moved[of_run])) {
		n = (size_t)left(w->max, w->moved);
		if (n > left(r->max[of_run], r->moved[of_run]))
			n = (size_t)left(r->max[of_run], r->moved[of_run]);
		end = of_run == RELAY_UP ? WARD_END_BYTES_UP : WARD_END_BYTES_DOWN;
	}
	if (n > left(r->rules[f->rule].max[way], r->rules[f->rule].moved[way])) {
		n = (size_t)left(r->rules[f->rule].max[way], r->rules[f->rule].moved[way]);
		end = way == RELAY_UP ? WARD_END_RULE_UP : WARD_END_RULE_DOWN;
	}
	if (end != WARD_END_DONE) {
		w->cut = true;
		if (f->ending == 0)
			f->ending = (uint8_t)(end + 1);
	}
	sent = n > 0 ? send(f->fd[!way], p, n, RELAY_SEND_FLAGS) : 0;
	if (sent < 0) {
		if (later(errno))
			return 0;
		gone(f, !way);
		return -1;
	}
	w->moved += (uint64_t)sent;
	r->moved[of_run] += (uint64_t)sent;
	r->rules[f->rule].moved[way] += (uint64_t)sent;
	f->last = r->now;
	return sent;
}

bool relay_go_waits(const struct relay_flow *f)
{
	return f->go == RELAY_GO_WAITS || f->go == RELAY_GO_ASKED;
}

/* What is kept and may go. false: some is left of that, or the flow ends. */
static bool flush(struct relay *r, struct relay_flow *f, enum relay_side way)
{
	struct relay_way *w = &f->way[way];
	size_t max = way == RELAY_UP && !f->passed ? f->passable : w->len;
	ssize_t n;

	if (w->len == 0)
		return true;
	if (way == RELAY_UP && relay_go_waits(f))
		return false;
	n = deliver(r, f, way, w->kept + w->off, max);
	if (n <= 0)
		return false;
	w->off += (uint32_t)n;
	w->len -= (uint32_t)n;
	if (!f->passed && way == RELAY_UP)
		f->passable -= (uint32_t)n;
	if (w->len == 0)
		relay_drop(w);
	return (size_t)n == max && !w->cut;
}

/* At most so many bytes at once: both ways together keep to one flow's share. */
static size_t room(const struct relay_flow *f, enum relay_side way)
{
	size_t other = f->way[!way].len;
	size_t n = other < WARD_RELAY_HELD_MAX ? WARD_RELAY_HELD_MAX - other : 0;

	if (n < WAY_MIN || kept[false] >= RELAY_KEPT_MAX)
		return WAY_MIN;
	return n < WAY_MAX ? n : WAY_MAX;
}

/* The source's end, told to the sink behind all that came before it. */
static void finish(struct relay_flow *f, enum relay_side way)
{
	struct relay_way *w = &f->way[way];

	if (!w->eof || w->shut || w->len > 0 || f->fd[!way] < 0 || f->ending != 0)
		return;
	(void)shutdown(f->fd[!way], SHUT_WR); /* if it is gone already, its own event says so */
	w->shut = true;
}

/* So many bytes may still be read from there. */
static size_t may_read(const struct relay_flow *f, enum relay_side way, size_t max)
{
	return way == RELAY_UP && f->bounded && f->left < max ? (size_t)f->left : max;
}

static void was_read(struct relay_flow *f, enum relay_side way, size_t n)
{
	if (way == RELAY_UP && f->bounded)
		f->left -= n;
}

/* Nothing more of it is judged. */
static void passes_all(struct relay_flow *f)
{
	f->passed = true;
	relay_judged(&f->way[RELAY_UP]);
	free(f->meant);
	f->meant = NULL;
}

/* Behind the one request. */
static void drop_behind(struct relay_flow *f)
{
	ssize_t n = recv(f->fd[RELAY_CLIENT], shared, sizeof(shared), MSG_DONTWAIT);

	if (n < 0 && !later(errno))
		gone(f, RELAY_CLIENT);
	if (n == 0)
		f->way[RELAY_UP].eof = true;
	if (n > 0)
		f->behind += (uint64_t)n;
	if (f->behind > RELAY_DRAIN_MAX)
		gone(f, RELAY_CLIENT);
}

/*
 * What the server says to a hello that passed. Is it not that it wants another, all else passes. One byte in front is its answer to
 * what was asked before the hello (PostgreSQL).
 */
static void hear(struct relay_flow *f, const char *p, size_t n)
{
	for (size_t i = 0; i < n && f->hello == RELAY_HELLO_WAITS; i++) {
		if (f->heard == 0 && f->looks > 0 && (p[i] == 'S' || p[i] == 'N' || p[i] == 'G'))
			continue;
		if (!ward_spoken_again(f->heard, (uint8_t)p[i])) {
			f->hello = RELAY_HELLO_NONE;
			passes_all(f);
		} else if (++f->heard == WARD_AGAIN_LEN) {
			f->hello = RELAY_HELLO_AGAIN;
		}
	}
}

/* One buffer. false: there is no more at the moment. */
static bool turn(struct relay *r, struct relay_flow *f, enum relay_side way)
{
	struct relay_way *w = &f->way[way];
	size_t max = may_read(f, way, room(f, way));
	ssize_t n, sent;

	if (way == RELAY_UP && relay_asked_all(f)) {
		drop_behind(f);
		return false;
	}
	n = recv(f->fd[way], shared, max, MSG_DONTWAIT);
	if (n < 0) {
		if (!later(errno))
			gone(f, way);
		return false;
	}
	if (n == 0) {
		w->eof = true;
		if (f->inward && way == RELAY_DOWN) {
			f->last = r->now;
			relay_due(r, r->now + WARD_INWARD_END_MS);
		}
		return false;
	}
	was_read(f, way, (size_t)n);
	if (way == RELAY_DOWN && f->hello == RELAY_HELLO_WAITS)
		hear(f, shared, (size_t)n);
	sent = deliver(r, f, way, shared, (size_t)n);
	if (sent < 0 || w->cut)
		return false;
	if (sent < n) {
		if (!relay_keep(w, shared + sent, (size_t)(n - sent)))
			f->ending = WARD_END_MEMORY + 1;
		return false;
	}
	return (size_t)n == max && !w->eof;
}

/* ---- the client's first bytes ---- */

static struct ward_relay_msg seen_of(const struct relay_flow *f, uint32_t passed)
{
	struct ward_relay_msg m = {
		.type = WARD_RELAY_SEEN, .id = f->id, .value = f->spoken.what | passed
	};

	memcpy(m.name, f->spoken.name, sizeof(m.name));
	return m;
}

static void tell_seen(struct relay *r, const struct relay_flow *f, uint32_t passed)
{
	const struct ward_relay_msg m = seen_of(f, passed);

	relay_tell(r, &m);
}

void relay_tell_owed(struct relay *r)
{
	struct relay_flow *in_turn = NULL, *f, *next;

	for (f = r->owes, r->owes = NULL; f != NULL; f = next) {
		next = f->owes_next;
		f->owes_next = in_turn;
		in_turn = f;
	}
	for (f = in_turn; f != NULL; f = next) {
		const struct ward_relay_msg m = seen_of(f, WARD_SEEN_PASSED);

		next = f->owes_next;
		f->owes_next = NULL;
		relay_tell_late(r, &m);
	}
}

void relay_passes(struct relay *r, struct relay_flow *f)
{
	f->last = r->now;
	if (f->hello == RELAY_HELLO_NONE && f->spoken.hello > 0) {
		f->hello = RELAY_HELLO_WAITS;
		f->passable += f->spoken.hello;
		f->seen = false;
		f->first = 0;
	} else if (f->spoken.take == 0) {
		passes_all(f);
	} else {
		/* That much is judged. What follows begins anew. */
		f->passable += f->spoken.take;
		f->spoken = (struct ward_spoken){ .h2 = f->spoken.what == WARD_SPOKEN_HTTP2 };
		f->looks++;
		f->seen = false;
		f->first = 0;
	}
}

/*
 * Without the gate, which hears of it: when all may go, with what it is told next of anything, so that it is not woken while somebody waits for
 * the first answer.
 */
static void passes_alone(struct relay *r, struct relay_flow *f)
{
	if (f->spoken.take == 0) {
		f->owes_next = r->owes;
		r->owes = f;
		relay_due(r, r->now + OWED_MS);
	} else {
		tell_seen(r, f, WARD_SEEN_PASSED);
	}
	relay_passes(r, f);
}

/*
 * A proxy that is asked for another port would reach what was not granted; nothing here asks the gate for that port, and by name only a flow's
 * own host may be meant anyway. So nobody goes through a proxy to another port. (Of HTTP/2 the port is not read.) Which one was dialled is
 * known for sure from DIALED on.
 */
static bool other_port(const struct relay_flow *f)
{
	return f->spoken.port != 0 && f->spoken.port != f->to.port;
}

/* It is decided what is spoken. */
static void seen(struct relay *r, struct relay_flow *f)
{
	const char *meant = f->meant != NULL ? f->meant : "";
	bool alone = ward_spoken_passes(f->spoken.what, f->spoken.name, meant);

	f->seen = true;
	f->last = r->now;
	relay_due(r, r->now + WARD_RELAY_GATE_MS);
	if (f->dialed == 0 && (alone || f->spoken.port != 0))
		f->untold = true;
	else if (alone && f->meant != NULL)
		passes_alone(r, f);
	else
		tell_seen(r, f, 0);
}

static void ask_go(struct relay *r, struct relay_flow *f)
{
	const struct ward_relay_msg m = {
		.type = WARD_RELAY_SEEN, .id = f->id, .value = WARD_SPOKEN_UNKNOWN | WARD_SEEN_SOME
	};

	f->go = RELAY_GO_ASKED;
	relay_tell(r, &m);
}

void relay_seen_dialed(struct relay *r, struct relay_flow *f)
{
	if (f->meant != NULL)
		f->go = RELAY_GO_MAY;
	else if (f->go == RELAY_GO_WAITS)
		ask_go(r, f);
	if (!f->untold)
		return;
	f->untold = false;
	if (other_port(f))
		f->spoken = (struct ward_spoken){ .what = WARD_SPOKEN_BROKEN };
	seen(r, f);
}

void relay_flow_late(struct relay *r, struct relay_flow *f)
{
	relay_tell_owed(r);
	f->spoken = (struct ward_spoken){ .what = WARD_SPOKEN_BROKEN };
	seen(r, f);
	relay_flow_settle(r, f);
}

/*
 * Undecided. What may go does, all of it, or what is in front of its end where no more can be held, without a word to the gate, if that is
 * its will: a client may say no more before it is answered. false: nothing may, or it ends there.
 */
static bool let_go(struct relay *r, struct relay_flow *f, size_t n)
{
	enum ward_spoken_go go = f->spoken.go;

	if (go == WARD_GO_NOTHING && f->spoken.front > 0 && n >= WARD_RELAY_HELD_MAX) {
		go = WARD_GO_LINE;
		n = f->spoken.front;
	}
	if (go == WARD_GO_NOTHING || f->way[RELAY_UP].eof)
		return false;
	f->passable += (uint32_t)n;
	f->spoken = (struct ward_spoken){ .gone = go, .gone_line = f->spoken.line };
	f->first = r->now;
	if (f->go == RELAY_GO_NONE && f->dialed != 0)
		ask_go(r, f);
	else if (f->go == RELAY_GO_NONE)
		f->go = RELAY_GO_WAITS;
	return true;
}

/*
 * Behind a hello that passed. Whatever is no handshake goes on (what is sent early); another hello waits for its server to want it, and
 * is looked at as the first was. false: there is nothing to do about it but wait, or it was told.
 */
static bool look_behind(struct relay *r, struct relay_flow *f)
{
	struct relay_way *w = &f->way[RELAY_UP];
	size_t n = w->len - f->passable, goes = n < f->skip ? n : f->skip;
	enum ward_spoken_record what;

	f->passable += (uint32_t)goes;
	f->skip -= (uint32_t)goes;
	if (goes == n)
		return false;
	what = ward_spoken_record((const uint8_t *)w->kept + w->off + f->passable, n - goes,
		&f->skip);
	if (what == WARD_RECORD_PASSES)
		return true;
	f->skip = 0;
	if ((what == WARD_RECORD_MORE ||
		    (what == WARD_RECORD_HANDSHAKE && f->hello == RELAY_HELLO_WAITS)) &&
		w->len < WARD_RELAY_HELD_MAX)
		return false;
	/* What is owed of the first one is said by its words. */
	relay_tell_owed(r);
	f->hello = RELAY_HELLO_LAST;
	f->spoken = (struct ward_spoken){ .what = WARD_SPOKEN_UNKNOWN };
	if (what == WARD_RECORD_HANDSHAKE && w->len < WARD_RELAY_HELD_MAX)
		return true;
	f->spoken.what = WARD_SPOKEN_BROKEN;
	seen(r, f);
	return false;
}

/* What is held and was not judged yet. false: there is nothing to do about it but wait, or it was told. */
static bool look_once(struct relay *r, struct relay_flow *f)
{
	struct relay_way *w = &f->way[RELAY_UP];
	const uint8_t *p = (const uint8_t *)w->kept + w->off + f->passable;
	size_t n = w->len - f->passable;
	bool h2 = f->spoken.h2;

	if (f->seen || n == 0)
		return false;
	if (f->hello == RELAY_HELLO_WAITS || f->hello == RELAY_HELLO_AGAIN)
		return look_behind(r, f);
	if (n < f->spoken.need && !w->eof)
		return false;
	if (f->looks >= WARD_RELAY_LOOKS_MAX - 1) {
		f->spoken = (struct ward_spoken){ .what = WARD_SPOKEN_BROKEN };
	} else if (!ward_spoken_look(&f->spoken, p, n, w->eof)) {
		if (let_go(r, f, n))
			return true;
		if (n < WARD_RELAY_HELD_MAX && !w->eof)
			return false;
		f->spoken = (struct ward_spoken){ .what = WARD_SPOKEN_BROKEN };
	}
	if (f->dialed != 0 && other_port(f))
		f->spoken = (struct ward_spoken){ .what = WARD_SPOKEN_BROKEN };
	if (!h2 || f->spoken.take == 0) {
		seen(r, f);
		if (f->seen)
			return false;
		f->first = r->now; /* some of it passed by itself: what follows has its own time */
		return true;
	}
	/* The gate let this connection pass as HTTP/2: a frame that is no request passes with it. */
	f->passable += f->spoken.take;
	f->spoken = (struct ward_spoken){ .h2 = true };
	f->first = r->now;
	return true;
}

static void look(struct relay *r, struct relay_flow *f)
{
	while (look_once(r, f))
		;
	if (!f->seen && f->way[RELAY_UP].len == f->passable)
		f->first = 0;
}

static void begun(struct relay *r, struct relay_flow *f)
{
	f->first = r->now;
	relay_due(r, r->now + WARD_RELAY_FIRST_MS);
	look(r, f);
}

static struct relay_flow *flow_of(struct relay_way *w)
{
	return (struct relay_flow *)(void *)((char *)w - offsetof(struct relay_flow, way));
}

/* Keep what is not judged yet; whoever waits for the longest time makes room for it. false: the flow ends. */
bool relay_keep_held(struct relay *r, struct relay_flow *f, const char *p, size_t n)
{
	struct relay_way *w = &f->way[RELAY_UP];

	if (w->cap == 0)
		hold_begins(w);
	if (!relay_keep(w, p, n)) {
		f->ending = WARD_END_MEMORY + 1;
		return false;
	}
	while (kept[true] > RELAY_KEPT_MAX && flow_of(oldest) != f)
		relay_flow_end(r, flow_of(oldest), WARD_END_HELD);
	if (kept[true] > RELAY_KEPT_MAX)
		f->ending = WARD_END_HELD + 1;
	return f->ending == 0;
}

/* Read and hold, until it is known what it is. Nothing is read from there to the gate's word. */
static void hold(struct relay *r, struct relay_flow *f)
{
	struct relay_way *w = &f->way[RELAY_UP];
	ssize_t n;

	if (f->passable > 0 && (f->dialed == 0 || !flush(r, f, RELAY_UP)))
		return;
	if (w->len > 0 && f->first == 0)
		begun(r, f);
	if (f->seen)
		return;
	if (w->eof) {
		finish(f, RELAY_UP);
		return;
	}
	if (relay_asked_all(f))
		return;
	n = recv(f->fd[RELAY_CLIENT], shared,
		may_read(f, RELAY_UP,
			WARD_RELAY_HELD_MAX - w->len < WAY_MAX ? WARD_RELAY_HELD_MAX - w->len
							       : WAY_MAX),
		MSG_DONTWAIT);
	if (n < 0) {
		if (!later(errno))
			gone(f, RELAY_CLIENT);
		return;
	}
	if (n > 0)
		was_read(f, RELAY_UP, (size_t)n);
	if (n == 0) {
		w->eof = true;
	} else if (!relay_keep_held(r, f, shared, (size_t)n)) {
		return;
	} else if (f->first == 0) {
		begun(r, f);
	} else {
		look(r, f);
	}
	if (w->eof)
		look(r, f);
	if (f->passable > 0 && f->dialed != 0 && !flush(r, f, RELAY_UP))
		return;
	/* A client that said nothing at all may end without being judged: there is nothing to judge. */
	finish(f, RELAY_UP);
}

void relay_pump(struct relay *r, struct relay_flow *f, enum relay_side way)
{
	struct relay_way *w = &f->way[way];
	bool read = false, waits = f->hello == RELAY_HELLO_WAITS;

	if (way == RELAY_UP && !f->passed) {
		hold(r, f);
		if (!f->passed || f->ending != 0)
			return;
		/* A moment ago: what came since epoll tells. */
		read = true;
	}
	if (f->dialed == 0 || w->shut || !flush(r, f, way))
		return;
	if (!w->eof && !read)
		for (int i = 0; i < TURNS && turn(r, f, way); i++)
			;
	finish(f, way);
	/* The server's word, for which what is held may have waited. */
	if (!waits || f->hello == RELAY_HELLO_WAITS || f->way[RELAY_UP].len == 0 || f->ending != 0)
		return;
	if (!f->passed)
		look(r, f);
	relay_pump(r, f, RELAY_UP);
}
