/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP where, besides, nobody can be told of calls, since another filter has the listener.
 * class: network
 * host: container-listener
 * plants: tcp
 * args: port token
 * grants: --write {ws} --accept processes=advisory
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fallback_unsupervised)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
}
