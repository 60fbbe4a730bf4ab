/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has the gate's turn: the run's own thread, but while it waits; then whoever makes a connect that is captured. The gate and the cage
 * are stand-ins: what is looked at is who comes, and when.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run/life.h"
#include "tap.h"

#define TURN_NS 2000000
#define ROUNDS 20
#define MOST 2000 /* turns of the other thread: its end, if the run's never gets on */

int __wrap_ward_egress_attach(struct ward_egress *e, const int *sockets, bool accepts,
	struct ward_error *err);
bool __wrap_ward_egress_came(struct ward_egress *e, bool six,
	const struct ward_egress_caller *caller);
void __wrap_ward_egress_ring(struct ward_egress *e);
void __wrap_ward_egress_end(struct ward_egress *e);
void __wrap_ward_egress_stop(struct ward_egress *e);
void __wrap_ward_cage_take_net(struct ward_cage *c, int *ret);
void __wrap_ward_cage_on_captured(struct ward_cage *c, ward_captured_fn *fn, void *arg);

static struct {
	struct life l;
	struct ward_plan plan;
	pthread_mutex_t lock; /* as a broker's: over the next, which is called under it */
	ward_captured_fn *fn;
	void *arg;
	atomic_uint came, rang, inside, both, ended_early;
	atomic_bool over;
	pthread_t other;
} w;

int __wrap_ward_egress_attach(struct ward_egress *e, const int *sockets, bool accepts,
	struct ward_error *err)
{
	(void)e, (void)sockets, (void)err;
	return accepts ? WARD_OK : WARD_E_INTERNAL;
}

bool __wrap_ward_egress_came(struct ward_egress *e, bool six,
	const struct ward_egress_caller *caller)
{
	const struct timespec turn = { .tv_nsec = TURN_NS };

	(void)e, (void)six, (void)caller;
	atomic_fetch_add(&w.both, atomic_fetch_add(&w.inside, 1));
	(void)nanosleep(&turn, NULL);
	atomic_fetch_sub(&w.inside, 1);
	atomic_fetch_add(&w.came, 1);
	return false;
}

void __wrap_ward_egress_ring(struct ward_egress *e)
{
	(void)e;
	atomic_fetch_add(&w.rang, 1);
}

void __wrap_ward_egress_end(struct ward_egress *e)
{
	(void)e;
	atomic_fetch_add(&w.ended_early, w.fn != NULL);
}

void __wrap_ward_egress_stop(struct ward_egress *e)
{
	(void)e;
	atomic_fetch_add(&w.ended_early, w.fn != NULL);
}

void __wrap_ward_cage_take_net(struct ward_cage *c, int *ret)
{
	(void)c;
	for (int i = 0; i < WARD_NET_SOCKET_MAX; i++)
		ret[i] = -1;
	ret[WARD_NET_TCP4] = ret[WARD_NET_UDP4] = 1000000; /* of nobody */
}

void __wrap_ward_cage_on_captured(struct ward_cage *c, ward_captured_fn *fn, void *arg)
{
	(void)c;
	(void)pthread_mutex_lock(&w.lock);
	w.fn = fn;
	w.arg = arg;
	(void)pthread_mutex_unlock(&w.lock);
}

static void connects(void)
{
	(void)pthread_mutex_lock(&w.lock);
	if (w.fn)
		w.fn(w.arg, false, NULL);
	(void)pthread_mutex_unlock(&w.lock);
}

/* One behind the other, as a broker does. */
static void *connects_on(void *arg)
{
	while (atomic_load(&w.came) < MOST && !atomic_load(&w.over))
		connects();
	return arg;
}

static void begin(void)
{
	struct ward_error err = WARD_ERROR_INIT;

	memset(&w, 0, sizeof(w));
	(void)pthread_mutex_init(&w.lock, NULL);
	w.plan.egress = true;
	w.l.plan = &w.plan;
	w.l.egress = (struct ward_egress *)&w; /* nobody looks into it */
	REQUIRE(net_begin(&w.l, &err) == WARD_OK);
	REQUIRE(w.fn && w.l.turn);
}

static void end(void)
{
	CHECK_EQ_INT(net_end(&w.l, NULL), WARD_OK);
	CHECK(!w.fn && !w.l.turn);
	CHECK_EQ_INT(atomic_load(&w.ended_early), 0);
	CHECK_EQ_INT(atomic_load(&w.both), 0);
}

static void pause_ms(long ms)
{
	(void)nanosleep(&(const struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

TEST(while_the_run_waits_and_no_longer)
{
	begin();
	connects();
	CHECK(atomic_load(&w.came) == 0 && atomic_load(&w.rang) == 1);
	net_waits(&w.l);
	connects();
	CHECK(atomic_load(&w.came) == 1 && atomic_load(&w.rang) == 1);
	net_waited(&w.l);
	connects();
	CHECK(atomic_load(&w.came) == 1 && atomic_load(&w.rang) == 2);
	end();
}

/* Whoever connects without end has at most the turn that he is in, and one that he was about to take. */
TEST(the_run_s_own_thread_comes_next)
{
	unsigned more = 0, quiet;

	begin();
	REQUIRE(pthread_create(&w.other, NULL, connects_on, NULL) == 0);
	for (int i = 0; i < ROUNDS; i++) {
		unsigned before = atomic_load(&w.came);

		net_waits(&w.l);
		for (int k = 0; k < 1000 && atomic_load(&w.came) == before; k++)
			pause_ms(1);
		CHECK(atomic_load(&w.came) > before);
		before = atomic_load(&w.came);
		net_waited(&w.l);
		quiet = atomic_load(&w.came);
		more = quiet - before > more ? quiet - before : more;
		pause_ms(5);
		CHECK_EQ_INT(atomic_load(&w.came), quiet);
	}
	CHECK(more <= 2);
	atomic_store(&w.over, true);
	(void)pthread_join(w.other, NULL);
	end();
}

/* What is there for the turn goes only when nobody can come any more; after that nobody does, and the gate ends. */
TEST(nobody_comes_when_nobody_inside_is_alive)
{
	unsigned before;

	for (int i = 0; i < ROUNDS; i++) {
		begin();
		REQUIRE(pthread_create(&w.other, NULL, connects_on, NULL) == 0);
		net_waits(&w.l);
		pause_ms(3);
		net_waited(&w.l);
		net_ends(&w.l);
		before = atomic_load(&w.came) + atomic_load(&w.rang);
		CHECK(!w.fn && !w.l.turn);
		pause_ms(3);
		CHECK_EQ_INT(atomic_load(&w.came) + atomic_load(&w.rang), before);
		atomic_store(&w.over, true);
		(void)pthread_join(w.other, NULL);
		end();
	}
}

TAP_MAIN();
