/* SPDX-License-Identifier: Apache-2.0 */
/* Private to decide: net.c answers what decide.c asks about NETWORK_CONNECT. */
#pragma once

#include "decide/decide.h"

/* Was it made of exactly these? */
bool ward_net_index_is_of(const struct ward_net_index *x, const struct ward_rules *rules);
/* The first rule, in their order, that holds what was asked for, one name or address; meant, any_port: as of a question. NULL: none. */
const struct ward_rule *ward_net_index_find(const struct ward_net_index *x, const struct ward_endpoint *asked, bool any_port,
	bool meant);
/* The first rule that has this very pattern. */
const struct ward_rule *ward_net_index_same(const struct ward_net_index *x, const char *pattern);
