/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1 request as the relay reads it, whole and in pieces: see spoken_fuzz.h. */
#include "spoken_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return spoken_fuzz(data, size);
}
