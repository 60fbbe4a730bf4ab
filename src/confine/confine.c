/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One cage, whichever backend built it. There is no fallback from one backend to another: a plan names its backend, and what
 * that one cannot hold is refused by the plan.
 */
#include <stdlib.h>

#include "confine/backend.h"

struct ward_cage {
	const struct ward_backend_ops *ops;
	void *impl;
};

int ward_cage_start(const struct ward_plan *plan, const struct ward_cage_options *opts,
	struct ward_cage **ret, struct ward_error *err)
{
	static const struct ward_backend_ops *const backends[] = {
		[WARD_BACKEND_NATIVE] = &ward_native_backend,
		[WARD_BACKEND_DIRECT] = &ward_direct_backend,
	};
	struct ward_cage *c;
	int r;

	*ret = NULL;
	c = (unsigned)plan->backend < WARD_ARRAY_SIZE(backends) ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		ward_head_start_free(opts->head);
		return ward_fail(err, WARD_E_NOMEM, "no such backend, or no memory for a cage");
	}
	c->ops = backends[plan->backend];
	r = c->ops->start(plan, opts, &c->impl, err);
	if (r < 0) {
		free(c);
		return r;
	}
	*ret = c;
	return WARD_OK;
}

int ward_cage_go(struct ward_cage *c, struct ward_error *err)
{
	return c->ops->go(c->impl, err);
}

int ward_cage_fd(const struct ward_cage *c)
{
	return c->ops->fd(c->impl);
}

int ward_cage_timeout(const struct ward_cage *c)
{
	return c->ops->timeout(c->impl);
}

int ward_cage_next(struct ward_cage *c, const struct ward_cage_due *due,
	struct ward_cage_event *ret, struct ward_error *err)
{
	return c->ops->next(c->impl, due, ret, err);
}

int ward_cage_signal(struct ward_cage *c, int sig)
{
	return c->ops->signal(c->impl, sig);
}

void ward_cage_kill(struct ward_cage *c)
{
	c->ops->kill(c->impl);
}

void ward_cage_usage(struct ward_cage *c, struct ward_usage *ret)
{
	c->ops->usage(c->impl, ret);
}

void ward_cage_finish(struct ward_cage *c)
{
	c->ops->finish(c->impl);
}

int ward_cage_take_refusals(struct ward_cage *c, struct ward_refusal **ret, size_t *ret_n,
	uint64_t *ret_dropped)
{
	return c->ops->take_refusals(c->impl, ret, ret_n, ret_dropped);
}

void ward_cage_take_net(struct ward_cage *c, int ret[WARD_NET_SOCKET_MAX])
{
	c->ops->take_net(c->impl, ret);
}

bool ward_cage_who(struct ward_cage *c, const struct sockaddr *source, socklen_t n, bool wait,
	struct ward_cage_who *ret)
{
	return c->ops->who(c->impl, source, n, wait, ret);
}

void ward_cage_on_captured(struct ward_cage *c, ward_captured_fn *fn, void *arg)
{
	c->ops->on_captured(c->impl, fn, arg);
}

int ward_cage_layer(const struct ward_cage *c)
{
	return c->ops->layer(c->impl);
}

void ward_cage_free(struct ward_cage *c)
{
	if (!c)
		return;
	c->ops->free(c->impl);
	free(c);
}
