/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same with UDP.
 * class: network
 * host: no-namespaces-6.1
 * plants: udp
 * args: port token
 * grants: --write {ws} --accept files=advisory --accept ipc=advisory --accept processes=advisory
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fallback_udp)
{
	return send_token(AF_INET, SOCK_DGRAM, 0, "127.0.0.1");
}
