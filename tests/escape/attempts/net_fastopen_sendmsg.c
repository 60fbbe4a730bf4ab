/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same by sendmsg, with the address where no filter sees it.
 * class: network
 * plants: tcp
 * args: port token
 * escaped: heard
 */
#include "net.h"

ATTEMPT(net_fastopen_sendmsg)
{
	return send_message(socket(AF_INET, SOCK_STREAM, 0), AF_INET, "127.0.0.1", MSG_FASTOPEN);
}
