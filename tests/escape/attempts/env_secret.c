/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A variable of the caller's environment.
 * class: environment
 * escaped: leak env
 */
#include "attempt.h"

ATTEMPT(env_secret)
{
	const char *v = getenv("WARD_ESCAPE");

	return v ? found(v, strlen(v)) : REFUSED;
}
