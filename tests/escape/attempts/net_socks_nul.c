/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name with a NUL in it, asked of a proxy: what stands behind the NUL is granted, what stands before it is dialled. After the SOCKS5
 * hole of Claude Code 2.0.24 to 2.1.89.
 * class: network
 * plants: tcp named
 * args: proxy port token
 * grants: --write {ws} --resolver {resolver} --cap NETWORK_CONNECT:*.allowed.test.example:{port} --cap NETWORK_CONNECT:127.0.0.1:{port}
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_socks_nul)
{
	static const char name[] = "evil.test.example\0.allowed.test.example";

	return send_by_socks(name, sizeof(name) - 1);
}
