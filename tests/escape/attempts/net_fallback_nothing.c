/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP where nothing could hold it, and all was accepted that can be: Ward must not start it.
 * class: network
 * host: no-seccomp
 * plants: tcp
 * args: port token
 * grants: --write {ws} --accept syscalls=none
 * expect: refused
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fallback_nothing)
{
	return send_token(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
}
