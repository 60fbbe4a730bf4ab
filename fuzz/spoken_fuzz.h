/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First bytes, whole and in pieces of the size that the last byte says. The verdict is the same, and stands from the piece on
 * that it came with; a name is in its normal form or an address; what is refused or not known has none; what is to be looked at
 * again was there.
 */
#pragma once

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress/relay/spoken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static int spoken_fuzz(const uint8_t *data, size_t size)
{
	struct ward_spoken whole = { 0 }, pieces = { 0 };
	char name[WARD_RELAY_NAME_MAX + 2];
	bool decided = false, all;
	size_t step, at = 0;

	if (size < 2 || size > 66000)
		return 0;
	size--;
	step = data[size] == 0 ? size : data[size];
	all = ward_spoken_look(&whole, data, size, false);
	while (!decided && at < size) {
		at = at + step < size ? at + step : size;
		uint8_t *own = malloc(at);

		MUST(own != NULL);
		memcpy(own, data, at);
		if (at >= pieces.need)
			decided = ward_spoken_look(&pieces, own, at, false);
		free(own);
	}
	MUST(decided == all);
	if (!decided) {
		MUST(ward_spoken_look(&pieces, data, size, true));
		MUST(pieces.what == WARD_SPOKEN_BROKEN || pieces.what == WARD_SPOKEN_UNKNOWN);
		return 0;
	}
	MUST(whole.what == pieces.what && strcmp(whole.name, pieces.name) == 0);
	MUST(whole.take <= size && pieces.take <= at);
	if (whole.what == WARD_SPOKEN_BROKEN || whole.what == WARD_SPOKEN_UNKNOWN)
		MUST(whole.name[0] == '\0' && whole.take == 0);
	if (whole.name[0] != '\0')
		MUST(ward_host_or_address((const uint8_t *)whole.name, strlen(whole.name), false, name) &&
			strcmp(whole.name, name) == 0);
	return 0;
}
