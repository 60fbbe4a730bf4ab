/* SPDX-License-Identifier: Apache-2.0 */
/* policy/doc/setting: what a profile says that is no list of rules: its limits, and the mode of its network. */
#pragma once

#include "policy/policy.h"
#include "policy/net/net.h"

struct ward_doc;

/* X(id, name in the document). Bytes, milliseconds, thousandths of a cpu, or plain counts. */
#define WARD_DOC_LIMITS(X) \
	X(WARD_DOC_MEMORY, "memory") \
	X(WARD_DOC_PIDS, "pids") \
	X(WARD_DOC_CPUS, "cpus") \
	X(WARD_DOC_DISK, "disk") \
	X(WARD_DOC_TIMEOUT, "timeout") \
	X(WARD_DOC_GRACE, "grace") \
	X(WARD_DOC_OUTPUT, "output") \
	X(WARD_DOC_NOFILE, "nofile")

enum ward_doc_limit_id {
#define WARD_X(id, name) id,
	WARD_DOC_LIMITS(WARD_X)
#undef WARD_X
	WARD_DOC_LIMIT_MAX
};

struct ward_doc_limit {
	uint64_t value;         /* 0: none is set */
	struct ward_origin origin;
	const struct ward_doc *doc;
};

/* What "network" of a profile says of every endpoint that its lists do not. */
enum ward_doc_net_mode { WARD_DOC_NET_DENY_ALL = 0, WARD_DOC_NET_ALLOW, WARD_DOC_NET_OPEN, WARD_DOC_NET_MODE_MAX };
struct ward_doc_network {
	enum ward_doc_net_mode mode;
	struct ward_origin origin;           /* of the whole; line 0: nothing is said of the network */
	struct ward_origin mode_origin;      /* of the mode; line 0: it was left out */
	struct ward_net_limits limits;       /* of the run; 0: nothing is said */
	struct ward_origin limits_origin;    /* line 0: there are none */
	struct ward_origin limit_origin[WARD_NET_LIMIT_MAX]; /* of each that is said */
};
