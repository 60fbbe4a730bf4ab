/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipath TCP, which rules about TCP overlook.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_mptcp)
{
	return send_token(AF_INET, SOCK_STREAM, 262, "127.0.0.1");
}
