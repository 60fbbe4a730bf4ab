/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP to the host's loopback where a run has neither a network namespace nor Landlock's rules of the network, so that a filter alone holds it:
 * what came of GHSA-72w7-mf9g-733p.
 * class: network
 * host: no-namespaces-6.1
 * plants: tcp
 * args: port token
 * grants: --write {ws} --accept files=advisory --accept ipc=advisory --accept processes=advisory
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fallback_tcp)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
}
