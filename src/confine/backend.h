/* SPDX-License-Identifier: Apache-2.0 */
/* What a backend provides: the functions of confine.h, under one table. Private to confine. */
#pragma once

#include "confine/confine.h"

struct ward_backend_ops {
	const char *name;
	int (*start)(const struct ward_plan *plan, const struct ward_cage_options *opts, void **ret,
		struct ward_error *err);
	int (*go)(void *cage, struct ward_error *err);
	int (*fd)(const void *cage);
	int (*timeout)(const void *cage);
	int (*next)(void *cage, const struct ward_cage_due *due, struct ward_cage_event *ret, struct ward_error *err);
	int (*signal)(void *cage, int sig);
	void (*kill)(void *cage);
	void (*usage)(void *cage, struct ward_usage *ret);
	void (*finish)(void *cage);
	int (*take_refusals)(void *cage, struct ward_refusal **ret, size_t *ret_n,
		uint64_t *ret_dropped);
	void (*take_net)(void *cage, int ret[WARD_NET_SOCKET_MAX]);
	bool (*who)(void *cage, const struct sockaddr *source, socklen_t n, bool wait, struct ward_cage_who *ret);
	void (*on_captured)(void *cage, ward_captured_fn *fn, void *arg);
	int (*layer)(const void *cage);
	void (*free)(void *cage);
};

extern const struct ward_backend_ops ward_native_backend, ward_direct_backend;
