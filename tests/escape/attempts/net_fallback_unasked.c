/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP where layers are missing and nobody has accepted that: Ward must not start it.
 * class: network
 * host: container-listener
 * plants: tcp
 * args: port token
 * expect: refused
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fallback_unasked)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
}
