/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP where, besides, nobody can be told of calls, since another filter has the listener. All is accepted that a kernel before 6.12 asks
 * for there, which lowers nothing on a newer one.
 * class: network
 * host: container-listener
 * plants: tcp
 * args: port token
 * grants: --write {ws} --accept files=advisory --accept ipc=advisory --accept processes=advisory
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fallback_unsupervised)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
}
