/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward-relay: moves the bytes of a run's connections, and decides nothing. All that it reads is hostile: what comes from the
 * sandbox, and what comes from servers. So it has no right of its own: it cannot make a socket, connect one, open a file or
 * start a program (confine.c). The gate tells it what may pass (../wire.h).
 *
 * One thread, one epoll. What cannot be written at once is kept, and its source is not read until it is gone: a flow keeps at
 * most 64 KiB, and all of them together WARD_RELAY_KEPT_MAX of each kind. No time stands still for a gate that does not answer: every
 * wait has an end.
 */
#pragma once

#include "base/base.h"
#include "egress/wire.h"
#include "spoken.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the program ends, for who started it. */
enum relay_exit { RELAY_EXIT_DONE = 0, RELAY_EXIT_USAGE = 2, RELAY_EXIT_CONFINE, RELAY_EXIT_GATE, RELAY_EXIT_MEMORY };

enum relay_side { RELAY_CLIENT = 0, RELAY_SERVER };
/* A way has the number of the side that it comes from. */
#define RELAY_UP RELAY_CLIENT
#define RELAY_DOWN RELAY_SERVER

/*
 * A ClientHello that passed may not be the one that counts. WAITS: what its server says to it is not known yet; AGAIN: it asked for
 * another; LAST: which is looked at as the first was.
 */
enum relay_hello { RELAY_HELLO_NONE = 0, RELAY_HELLO_WAITS, RELAY_HELLO_AGAIN, RELAY_HELLO_LAST };
/* May what is undecided go? WAITS: until it is known whether the gate lets it (DIALED); ASKED: it does not, and was asked. */
enum relay_go { RELAY_GO_NONE = 0, RELAY_GO_WAITS, RELAY_GO_ASKED, RELAY_GO_MAY };

struct relay_way {
	char *kept; /* what its sink did not take yet, or what is held; NULL = nothing */
	uint32_t off, len, cap;
	uint64_t moved, max; /* bytes delivered; at most, 0 = no limit */
	struct relay_way *older, *newer; /* held: of those that wait to be judged */
	bool held;
	bool eof; /* its source says no more */
	bool cut; /* max is reached */
	bool shut; /* and its sink was told */
};
struct relay_flow {
	/*
	 * Its slot in the low 16 bits, above it a count: what is said of an old flow never meets a new one. Or the gate's
	 * (WARD_GATE_FLOW).
	 */
	uint32_t id;
	uint16_t slot;
	struct relay_flow *next; /* of the gate's: of its bucket */
	int fd[2]; /* server: -1 until DIALED */
	uint32_t armed[2]; /* what epoll waits for; RELAY_UNARMED: it does not know the descriptor */
	struct relay_way way[2];
	bool passed; /* the client's bytes may go */
	uint32_t passable; /* not passed: so many of them may */
	bool seen; /* what is held was told to the gate, or waits to be (untold) */
	bool untold; /* seen: it passes by itself, once there is a server, if the gate lets it */
	struct relay_flow *owes_next; /* of relay's owes: it passed by itself */
	char *meant; /* what passes by itself is judged by that: the gate's DIALED; NULL = nothing does */
	bool dns; /* questions over TCP, answered here */
	bool inward; /* from the host to a server inside: nothing of it is held */
	uint8_t rule; /* of relay's rules: whose bytes it uses */
	bool asked; /* dns: its question is with the gate */
	uint8_t ending; /* 0, or enum ward_relay_end + 1 */
	uint8_t hello, heard; /* enum relay_hello; WAITS: so many bytes of an answer that asks for another were heard */
	uint32_t skip; /* behind a hello: so many bytes of a record are still to come, and pass */
	uint8_t looks, go; /* how often the first bytes were looked at, from their beginning; enum relay_go */
	uint64_t opened, first, last, dialed; /* ms, 0 = not yet: accepted, first byte of what is held, last byte moved, DIALED */
	uint64_t idle_ms, total_ms;
	struct ward_spoken spoken;
	struct ward_relay_addr to, from;
	bool told; /* the gate knows of it */
	bool drained; /* it was answered, and what the client still says is read and dropped */
	bool bounded; /* the client may say no more than left: its one request. What comes behind is dropped */
	uint64_t left, behind;
	struct relay_proxy *proxy; /* it came to the proxy, and has no answer yet; else NULL */
};
#define RELAY_UNARMED (~0u)
#define RELAY_DRAIN_MAX (1u << 20) /* what is read and dropped, so that closing does not take the answer with it */

/* All of the one request was read. */
static inline bool relay_asked_all(const struct relay_flow *f)
{
	return f->bounded && f->left == 0;
}

/* What is kept of all flows together; the tests' program has less room, so that they need not fill it. */
#ifdef WARD_RELAY_TEST
#define RELAY_KEPT_MAX (4u << 20)
#else
#define RELAY_KEPT_MAX WARD_RELAY_KEPT_MAX
#endif

struct relay_note; /* a message that the gate's socket did not take yet */
struct relay {
	int epoll;
	int fd[WARD_RELAY_FD_MAX]; /* -1 = none */
	int inward[WARD_PUBLISH_SOCKETS_MAX]; /* listeners of the host's, in order */
	uint32_t n_inward, inward_flows;
	bool paused; /* nothing new is taken on */
	uint64_t paused_until;
	uint64_t now, next; /* ms; nobody's time is up before that, UINT64_MAX = none runs */
	unsigned flows, flows_max;
	/* of all flows of one rule together; 0: of none, without a limit */
	struct {
		uint64_t moved[2], max[2];
	} rules[WARD_EGRESS_BUDGETS_MAX + 1];
	uint64_t moved[2], max[2]; /* of all flows together, by what is up and down for the run; 0 = no limit */
	uint32_t count;
	struct relay_note *first, *last;
	struct ward_relay_msg told[WARD_RELAY_TOLD_MAX]; /* what goes with the next packet, or when its time is up */
	unsigned n_told;
	bool lazy; /* the gate says: ends may wait */
	bool ctl_full, gone;
	uint64_t ctl_since; /* the gate reads nothing since */
	struct relay_flow *owes; /* told with the next message, or soon */
	uint64_t limited[WARD_RELAY_LIMIT_MAX], limited_next; /* turned away and not told yet; when it may be told */
};

/* ---- confine.c: before the first byte is read. 0, or the exit. ret_flows: how many there are descriptors for. ---- */
int relay_confine(unsigned id, unsigned *ret_flows);
#define RELAY_SEND_FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT) /* the only ones that the filter lets pass */

/* ---- main.c ---- */
/* What an epoll event is about: kind in the high half, a flow's id or a descriptor's place in the low one. */
enum relay_kind { RELAY_KIND_FD = 0, RELAY_KIND_CLIENT, RELAY_KIND_SERVER, RELAY_KIND_INWARD, RELAY_KIND_END };
/* One of those at which the run's network ends; fd: taken. False: it is not. */
bool relay_socket(struct relay *r, uint32_t which, int fd);
void relay_due(struct relay *r, uint64_t at); /* look at the clock again at that time */
void relay_pause(struct relay *r, uint64_t ms);
void relay_limited(struct relay *r, enum ward_relay_limit what);
#ifdef WARD_RELAY_TEST
int relay_try(const char *name); /* trial.c */
#endif

/* ---- gate.c: the wire. r->gone, when the gate is, or does not keep to it: the program ends. ---- */
void relay_tell(struct relay *r, const struct ward_relay_msg *m);
void relay_tell_late(struct relay *r, const struct ward_relay_msg *m); /* with the next packet, or at the next relay_due() */
void relay_tell_all(struct relay *r); /* what waits to be told */
void relay_tell_more(struct relay *r); /* the socket takes some again */
void relay_hear(struct relay *r, unsigned max); /* so many messages, if there are */

/* ---- flow.c ---- */
struct relay_flow *relay_flow_get(struct relay *r, uint32_t id);
void relay_accept(struct relay *r, int listener, uint32_t inward); /* inward: 0, or 1 + which of the host's listeners it is */
void relay_flow_event(struct relay *r, uint32_t id, enum relay_side side, uint32_t events);
/* The gate accepted it; fd: the client's, and that of its server or -1, taken. false: that cannot be. */
bool relay_flow_client(struct relay *r, const struct ward_relay_msg *m, const int fd[2]);
/* What the gate said; server: the descriptor, taken. */
void relay_flow_dialed(struct relay *r, const struct ward_relay_msg *m, int server);
void relay_flow_pass(struct relay *r, uint32_t id, bool some);
void relay_flow_end(struct relay *r, struct relay_flow *f, enum ward_relay_end why);
void relay_flow_forget(const struct relay *r, struct relay_flow *f, enum relay_side s); /* before it is closed */
void relay_flow_timers(struct relay *r);
void relay_flow_end_all(struct relay *r);
void relay_flow_settle(struct relay *r, struct relay_flow *f); /* what epoll waits for, by what it can use; or it ends, if it has to */

/* ---- proxy_flow.c: who speaks to the proxy. From its end on (f->proxy is NULL) a flow is as those that are captured. ---- */
bool relay_proxy_new(struct relay *r, struct relay_flow *f); /* false: no memory */
void relay_proxy_event(struct relay *r, struct relay_flow *f, uint32_t events); /* while it is not told, or is drained */
void relay_proxy_late(struct relay *r, struct relay_flow *f);
void relay_proxy_dialed(struct relay_flow *f);
void relay_proxy_answered(struct relay *r, struct relay_flow *f); /* the server's answer to the one request is over */
void relay_proxy_refused(struct relay *r, struct relay_flow *f, const struct ward_relay_msg *m);
uint64_t relay_proxy_deadline(const struct relay_flow *f);

/* ---- inward.c: from the host to a server inside ---- */
bool relay_inward_socket(struct relay *r, uint32_t which, int fd); /* fd: taken. False: it is not */
int relay_inward_listen(struct relay *r, int op);
/* A flow of that kind begins. False: there are as many as there may be. */
bool relay_inward_begin(struct relay *r, struct relay_flow *f);

/* ---- pump.c: bytes ---- */
void relay_pump(struct relay *r, struct relay_flow *f, enum relay_side way);
/* Keep n more bytes behind those that are kept. false: no memory. */
bool relay_keep(struct relay_way *w, const char *p, size_t n);
void relay_drop(struct relay_way *w);
/* The same of what its client said and nobody judged yet. false: the flow ends. */
bool relay_keep_held(struct relay *r, struct relay_flow *f, const char *p, size_t n);
void relay_passes(struct relay *r, struct relay_flow *f); /* the gate's word, or ours: what was seen may go */
void relay_tell_owed(struct relay *r); /* by relay_tell_late() */
bool relay_go_waits(const struct relay_flow *f); /* some of what is kept may not go yet, whatever is said behind it */
/* The flow was dialled: what waits for that (untold, RELAY_GO_WAITS) passes, or the gate is asked. */
void relay_seen_dialed(struct relay *r, struct relay_flow *f);
void relay_judged(struct relay_way *w); /* what is kept of it is held no more, if there is room for it on the way */

void relay_flow_late(struct relay *r, struct relay_flow *f); /* its time to say what it speaks is up */

/* ---- names.c: questions ---- */
void relay_names_udp(struct relay *r, enum ward_relay_fd which, unsigned max); /* so many questions, if there are */
void relay_names_tcp(struct relay *r, struct relay_flow *f);
void relay_names_answer(struct relay *r, const struct ward_relay_msg *m);
void relay_names_server(const struct ward_relay_msg *m); /* one of several, before the answer */
void relay_names_timers(struct relay *r);
void relay_names_forget(struct relay *r, uint32_t flow);
void relay_names_end(struct relay *r); /* what was not told yet */
