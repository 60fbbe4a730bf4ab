/* SPDX-License-Identifier: Apache-2.0 */
/* Private to workspace: numbers in its files, which are little endian on every machine. */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/base.h"

static inline void put_u32(struct ward_buf *b, uint32_t v)
{
	v = htole32(v);
	ward_buf_add(b, &v, sizeof(v));
}

static inline void put_u64(struct ward_buf *b, uint64_t v)
{
	v = htole64(v);
	ward_buf_add(b, &v, sizeof(v));
}

static inline uint32_t get_u32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t get_u64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}
