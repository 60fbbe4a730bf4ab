/* SPDX-License-Identifier: Apache-2.0 */
/* Private to policy/net: the tables that tools/gen-addresses makes. */
#pragma once

#include "policy/net/net.h"

struct ward_address_row4 {
	uint32_t net;
	unsigned char bits;
	enum ward_address_class c;
	const char *what;
};
struct ward_address_row6 {
	uint8_t net[16];
	unsigned char bits;
	signed char at; /* -1, or where the IPv4 address stands that it carries */
	bool inverted;
	enum ward_address_class c;
	const char *what;
};
extern const struct ward_address_row4 ward_address_rows4[];
extern const size_t ward_address_rows4_n;
extern const struct ward_address_row6 ward_address_rows6[];
extern const size_t ward_address_rows6_n;
