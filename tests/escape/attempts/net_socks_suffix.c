/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name that only ends as one that is granted does.
 * class: network
 * plants: tcp named
 * args: proxy port token
 * grants: --write {ws} --resolver {resolver} --cap NETWORK_CONNECT:*.allowed.test.example:{port} --cap NETWORK_CONNECT:127.0.0.1:{port}
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_socks_suffix)
{
	static const char name[] = "evil-allowed.test.example";

	return send_by_socks(name, sizeof(name) - 1);
}
