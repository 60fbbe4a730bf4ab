/* SPDX-License-Identifier: Apache-2.0 */
/* The first frames of HTTP/2 as the relay reads them, whole and in pieces: see spoken_fuzz.h; then what follows, frame by frame. */
#include "spoken_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_spoken s = { 0 };
	size_t at = 0;

	(void)spoken_fuzz(data, size);
	while (at < size && ward_spoken_look(&s, data + at, size - at, false) &&
		s.what == WARD_SPOKEN_HTTP2 && s.take > 0) {
		MUST(s.name[0] == '\0' && s.take <= size - at);
		at += s.take;
		s = (struct ward_spoken){ .h2 = true };
	}
	if (s.h2 && s.what == WARD_SPOKEN_HTTP2)
		MUST(s.name[0] != '\0');
	return 0;
}
