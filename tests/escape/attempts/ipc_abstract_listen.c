/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serves an abstract Unix name that processes of the host can connect to.
 * class: ipc
 * args: token marker
 * during: connect
 * escaped: served
 */
#include "net.h"

ATTEMPT(ipc_abstract_listen)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	int n = snprintf(u.sun_path + 1, sizeof(u.sun_path) - 1, "ward-esc-%s", arg("marker"));

	return serve(AF_UNIX, &u,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
}
