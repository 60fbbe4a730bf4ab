/* SPDX-License-Identifier: Apache-2.0 */
/* One run while it lives. Private to run: run.c starts it, supervise.c watches it, record.c writes what happened. */
#pragma once

#include "approve/approve.h"
#include "egress/egress.h"
#include "registry/registry.h"
#include "run/outcome.h"
#include "run/persist/persist.h"
#include "run/request.h"
#include "run/streams.h"
#include "workspace/workspace.h"

struct life {
	struct ward_request *r;
	struct ward_outcome *o;
	struct ward_plan *plan;
	struct ward_pin *pins;      /* pin.c: names that are kept from coming to be while the run lives */
	size_t n_pins;
	bool pins_left;             /* one could not be taken away */
	int anchor;                 /* holds the locks on them and on the next; the init has it too. 0 = none */
	struct ward_pending *pending; /* where the next start finds the run, if it is killed */
	bool not_pending;           /* there is no place for that, and it was said */
	struct ward_looks looks; struct ward_before before; struct ward_lost lost; /* at refused names; what was, late.c, lost.c */
	struct ward_rulebook *book; /* NULL: only the request's own capabilities decide */
	struct ward_asks asks;      /* what a person has to be asked, and what was said; its arena is ours */
	struct ward_buf rules;      /* what a person said yes to for longer, as policies */
	struct ward_audit *audit; uint64_t torn; /* bytes of it that were cut off, and that was said */
	struct ward_workspace *workspace; /* of what is under review; NULL: nothing is, or it is not made yet */
	struct review_live *landing; /* makes real what may be while the run lives; NULL: nothing does */
	int64_t since_ns;           /* wall clock: nothing of it was looked at before */
	bool went; char principal[128], trace[33]; /* the command had its GO; who runs it, and for which trace: record.c */
	struct ward_head_start *head; /* not yet taken by a cage */
	struct ward_cage *cage;
	struct ward_streams streams;
	struct ward_live *live;     /* where ward stop finds it; NULL: nowhere */
	struct ward_audit_mark first, last; /* of this run's records; seq 0 = none */
	struct ward_audit_mark ahead[2]; /* the same of run.start and its kind, until record_settle */
	bool start_tried;      /* run.start may be in the log, whether or not anybody was told */
	bool started_recorded; /* run.start is durable: a run.end must follow */
	bool end_recorded, cache_refused; /* the latter: live/uncached.c: one that is only read was to be written */
	const char *const *cache_roots; /* where those lie, in the arena of asks; the last is NULL. NULL: not looked up yet */
	char *axes_json; /* owned */
	uint64_t names_over, names_lost; /* refusals that no list has room for: counted; lost: not even looked up */
	struct ward_net_index *net_index; /* of the plan's rules; NULL: none is of the network */
	struct net_hold *hold;      /* net/hold.c: what a person is asked while it lives; NULL: nothing yet */
	bool hold_over, net_elsewhere; /* nobody is asked any more; a connect is mediated: no disk is waited for */
	struct ward_egress *egress; /* the gate of the network; NULL: there is none */
	struct net_turn *turn;      /* net/egress.c: who may do what the gate does; NULL: the run's own thread alone */
	struct ward_egress_listener listen[WARD_PUBLISH_SOCKETS_MAX]; /* net/listen.c: as plan->published, until the gate has them */
	uint16_t listen_port[WARD_PUBLISH_SOCKETS_MAX];
	size_t n_listen; uint32_t chosen; /* bits: whose port the kernel chose */
	int net_failed;             /* what it told could not be recorded: the run ends */
	struct ward_error net_error;
	unsigned net_notes;
	/* supervision, all times monotonic ns; 0 = not set */
	uint64_t t_start, t_timeout, t_kill, t_settle;
	uint64_t t_look, t_bad;     /* when the ceiling is looked at; since when it cannot be kept, which may be mended */
	uint64_t t_continue; unsigned continues; /* when a command that took a ^Z is told to go on, and how often yet */
	struct ward_epoch epoch;    /* that the run is held to */
	int cancel_sig; bool ended; /* the command has; status is final */
};

/* ---- ask.c: the only door to the judge ---- */
/*
 * The grants of the plan, judged one by one; one policy.check each, run.start last, in one durable append. Only after
 * it returned WARD_OK may the command start. A grant that the judge does not allow: WARD_E_REFUSED.
 */
int ward_ask_grants(struct life *l, struct ward_error *err);
/*
 * A refusal that the kernel made: what the judge says of it (never more than the kernel did). The caller
 * records it.
 */
enum record_there { RECORD_ABSENT = 0, RECORD_FILE, RECORD_LINK, RECORD_DIR }; /* what the host has under a refused name */
/* above: for what is absent, the nearest directory above it on the host; NULL = the one it lies in */
int ward_ask_refusal(struct life *l, const struct ward_refusal *f, enum record_there there, const char *above,
	struct ward_decision *ret, struct ward_error *err);

/* net/ask.c: the rules with limits that let this through, host as of ward_ask_connect(): egress.h, limits of ward_egress_ops. */
int ward_ask_limits(struct life *l, const char *host, uint16_t port, const char *program, struct ward_egress_limit *ret, size_t max);
struct ward_connect_asked {
	bool meant; /* only rules count that mean it (struct ward_query) */
	bool hold;  /* a person may be asked now: ASK, and the gate is told when he has answered */
	bool cure, unreached; /* of a refusal, what would help: it takes longer; what is never reached from here may be there */
	bool anyone; const char *program, *inspected; /* may any program? Who connects, what is spoken; NULL: not known */
};
/*
 * net/ask.c: host is a name in its one spelling, or an address as text without brackets; port 0: is there any port at which it may be
 * reached? *ret is DENY before anything is looked at, and after any error. Where a person would have to be asked it is a deny, unless
 * he said yes to this endpoint, or hold is set and somebody is there. ret->rule or ret->by: who says so. Nothing is recorded.
 */
int ward_ask_connect(struct life *l, const char *host, uint16_t port, struct ward_connect_asked how, struct ward_decision *ret,
	struct ward_error *err);
/* Does a policy forbid the address that host leads to? ALLOW: none does. Of how program and inspected count. */
int ward_ask_leads(struct life *l, const char *host, uint16_t port, const char *address, struct ward_connect_asked how,
	struct ward_decision *ret, struct ward_error *err);
/* The same of a name that leads where nobody here knows: to all that a policy forbids. */
int ward_ask_unseen(struct life *l, const char *host, uint16_t port, struct ward_connect_asked how, struct ward_decision *ret);
struct ward_verdict; /* a person said yes to it before the start, and to a question as serious as the one that is asked now */
bool ward_ask_answered(const struct ward_rule *r, const struct ward_verdict *v);
/* net/listen.c: may somebody come in to this address and port of the host, now? */
int ward_ask_listen(struct life *l, const char *address, uint16_t port, struct ward_decision *ret, struct ward_error *err);

/* ---- asking.c: a person, before anything starts ---- */
int asking_begin(struct life *l, struct ward_error *err);
/*
 * After a look at the request: what nobody has answered is asked, where somebody is there, else denied; all of it is in the log
 * before it counts. *ret_again: something was answered, so the request has to be looked at again.
 */
int asking_do(struct life *l, bool *ret_again, struct ward_error *err);
void asking_write_rules(struct life *l), asking_end(struct life *l); /* the rules that a person wanted to have written */
void ward_not_found(struct life *l), ward_no_tmp(struct life *l); /* live/ */
void ward_uncached(struct life *l), ward_uncached_refused(struct life *l, const char *path);
/* A question, and its answer, in the log, durably. */
int asking_record(struct life *l, const struct ward_asks *a, const struct ward_asked *k, struct ward_error *err);
int asking_record_said(struct life *l, const struct ward_asks *a, const struct ward_asked *k, const struct ward_reply *s,
	struct ward_error *err);

/* ---- review/start.c, review/end.c: nothing of it does anything in a run that is not under review ---- */
int review_begin(struct life *l, struct ward_error *err);  /* the plan has its layer; made for the first one */
int review_keep(struct life *l, struct ward_error *err);   /* before the start is recorded: on record */
void review_wait(const struct life *l);                    /* before GO */
void review_turn(const struct life *l);                    /* now and then while it lives: the entry becomes durable */
void review_sync(const struct life *l);                    /* the layer was written: it becomes so, too */
int review_end(struct life *l, struct ward_error *err);    /* nobody writes any more: what waits, counted and said */
void review_done(struct life *l);                          /* nothing of the run is alive */
void review_live_begin(struct life *l);                    /* review/live.c: of --review=live; after GO */
void review_live_end(struct life *l, size_t *ret_n);       /* nothing of that is alive, and it is said; *ret_n: what it made real */
/* keep.c: what the directories of a layer have, from a tmpfs into the store; *ret_left: objects that could not be kept. */
int ward_layer_keep(int from, int to, uint64_t *ret_left, struct ward_error *err);

/* ---- pin.c ---- */
int ward_pins_make(struct life *l, struct ward_error *err);      /* what was held before is given up first */
void ward_pins_remove(struct life *l);                           /* when nothing of the run is alive; the last holder takes them away */
void ward_pin_forget(const char *dest);                          /* of a run that is dead: unless another holds it, or it is none */

/* ---- aborted.c: runs whose ward was killed ---- */
/* Before anything is made that would be left. What was begun before, for another plan, it replaces. */
int pending_begin(struct life *l, struct ward_error *err);
void pending_end(struct life *l);
/* Runs of this log that died without an end: what they left goes, and their end is written. */
int aborted_sweep(struct life *l, struct ward_error *err);

/* ---- run.c ---- */
int open_log(struct life *l, struct ward_error *err);
bool keeps_policies(const struct life *l);       /* there are any, and a log to keep them with */

/* ---- record.c ---- */
void record_event(struct life *l, struct ward_event *e); /* fill what all records of a run share */
int record_append(struct life *l, const struct ward_event *v, size_t n, bool durable,
	uint64_t *ret_first_seq, struct ward_error *err);
/* The records of the start, run.start last: written, and made durable while the cage is made. */
int record_ahead(struct life *l, const struct ward_event *v, size_t n, struct ward_error *err);
int record_settle(struct life *l, struct ward_error *err); /* before GO: how that went */
/* Refusals seen since the last time: judged, recorded, put into the outcome. */
int record_refusals(struct life *l, struct ward_error *err);
int record_limit(struct life *l, const char *what, uint64_t value, uint64_t extra,
	struct ward_error *err);
int record_end(struct life *l, struct ward_error *err);
void record_policy_hash(const struct ward_plan *p, char out[WARD_SHA256_HEX]); /* SHA-256 of the rules in their canonical form */

/* ---- live/stop.c ---- */
void live_begin(struct life *l);
int live_stop(struct life *l, const struct ward_stopped *s, struct ward_error *err);

/* ---- live/watch.c ---- */
void watch_begin(struct life *l);
/* When it is time: look at the ceiling, and end the run where a new epoch of it denies what was granted. */
int watch_ceiling(struct life *l, struct ward_error *err);

/* ---- net/egress.c: nothing of it does anything in a run without egress ---- */
#define WARD_NET_NOTES_MAX 8
/* listen.c: what the plan publishes is listened at, from now on and once for all tries of a start; what cannot be is an error here. */
int net_listen(struct life *l, struct ward_error *err);
void net_unlisten(struct life *l);
void net_tell(struct life *l); /* before GO: the ports that nobody could know */
int net_prepare(struct life *l, struct ward_error *err); /* while the cage is made */
int net_begin(struct life *l, struct ward_error *err);   /* the cage is there, the command has not started */
int net_next(struct life *l, struct ward_error *err);
/* Around the wait for what comes next: meanwhile whoever mediates a connect may take the gate's turn. */
void net_waits(struct life *l); void net_waited(struct life *l);
void net_ends(struct life *l);                           /* nobody inside is alive: what follows goes on beside it */
int net_end(struct life *l, struct ward_error *err);     /* its last records */

/* ---- net/hold.c: a person is asked about a connection, which waits ---- */
/* What was said of it; OPEN: somebody is being asked. begin: ask, if nobody was. *ret_how: of the answer, static; NULL: none. */
enum ward_said hold_ask(struct life *l, const struct ward_verdict *v, const struct ward_query *q, bool begin, const char **ret_how);
struct ward_agreed; struct ward_agreed hold_agreed(const struct life *l);
int hold_stop(struct life *l, struct ward_error *err);   /* what is open is a no, and nobody is asked any more */
bool hold_had(const struct life *l, const char *endpoint); /* nobody is asked any more, and a yes may reach that name at some port */
bool hold_may(const struct life *l);                     /* is there anybody to be asked? */
int hold_next(struct life *l, struct ward_error *err);   /* answers that have come, and questions whose time is over */
int hold_end(struct life *l, struct ward_error *err);    /* what is open is a no; what the gate tells last needs the answers still */
void hold_free(struct life *l);

/* ---- supervise.c ---- */
int supervise(struct life *l, struct ward_error *err);
/* As after this signal to Ward: passed on, and the grace begins; or all is killed at once. The run is cancelled. */
void end_as(struct life *l, int sig);
void end_now(struct life *l, int sig);
