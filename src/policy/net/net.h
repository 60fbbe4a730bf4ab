/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/net: what an address is, what a name may be, and the endpoints of NETWORK_CONNECT (docs/spec/capabilities.md). Pure: nothing
 * is looked up.
 */
#pragma once

#include "base/base.h"

/* ---- address.c: what an address is (data/addresses) ---- */
enum ward_address_class {
	WARD_ADDRESS_NEVER = 0, /* metadata, link-local, multicast, broadcast, unspecified, reserved, malformed */
	WARD_ADDRESS_LOOPBACK,
	WARD_ADDRESS_PRIVATE, /* RFC 1918, CGNAT, ULA, site-local, documentation */
	WARD_ADDRESS_PUBLIC,
	WARD_ADDRESS_CLASS_MAX
};
/*
 * family 4 or 6, bytes in network order. Forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) are what
 * that is.
 */
enum ward_address_class ward_address_classify(int family, const uint8_t *a);
/* The same, and what it is, in words: "private", "metadata of Alibaba Cloud"; "public" for PUBLIC. */
enum ward_address_class ward_address_what(int family, const uint8_t *a, const char **ret_what);
const char *ward_address_class_name(enum ward_address_class c);
