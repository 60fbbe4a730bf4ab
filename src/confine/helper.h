/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a run that has a ward-init for helper, from the start to the end: what the backends native and direct share. As in
 * confine/backend.h; implemented in native/cage.c, where the helper's wire is known. Private to confine.
 */
#pragma once

#include "confine/confine.h"

/* By the plan's backend: with all controls, or (direct) with limits alone. */
int ward_helper_start(const struct ward_plan *plan, const struct ward_cage_options *opts,
	void **ret, struct ward_error *err);
int ward_helper_go(void *cage, struct ward_error *err);
int ward_helper_fd(const void *cage);
int ward_helper_timeout(const void *cage);
int ward_helper_next(void *cage, const struct ward_cage_due *due, struct ward_cage_event *ret, struct ward_error *err);
int ward_helper_signal(void *cage, int sig);
void ward_helper_kill(void *cage);
void ward_helper_usage(void *cage, struct ward_usage *ret);
void ward_helper_finish(void *cage);
int ward_helper_take_refusals(void *cage, struct ward_refusal **ret, size_t *ret_n,
	uint64_t *ret_dropped);
void ward_helper_take_net(void *cage, int ret[WARD_NET_SOCKET_MAX]);
bool ward_helper_who(void *cage, const struct sockaddr *source, socklen_t n, bool wait, struct ward_cage_who *ret);
void ward_helper_on_captured(void *cage, ward_captured_fn *fn, void *arg);
int ward_helper_layer(const void *cage);
void ward_helper_free(void *cage);

/* The rows of struct ward_backend_ops that both have. */
#define WARD_HELPER_OPS .start = ward_helper_start, .go = ward_helper_go, .fd = ward_helper_fd, \
	.timeout = ward_helper_timeout, .next = ward_helper_next, .signal = ward_helper_signal, \
	.kill = ward_helper_kill, .usage = ward_helper_usage, .finish = ward_helper_finish, \
	.take_refusals = ward_helper_take_refusals, .take_net = ward_helper_take_net, .who = ward_helper_who, \
	.on_captured = ward_helper_on_captured, .layer = ward_helper_layer, \
	.free = ward_helper_free
