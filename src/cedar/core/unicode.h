/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the language: the tables about characters. One is a list of 32-bit entries in ascending order, the first of character
 * 0: the first character of a run in the upper 21 bits, what is true of it in the lower 11. Integers only, so that they
 * cost a program nothing at its start. tools/gen-unicode writes them.
 */
#pragma once

#include "cedar/core/core.h"

#define CEDAR_TABLE_FIRST(entry) ((entry) >> 11)
#define CEDAR_TABLE_VALUE(entry) ((entry) & 0x7ffu)

/* The character that s, n > 0 bytes of valid UTF-8, begins with; returns its length. */
size_t ward_cedar_decode(const char *s, size_t n, uint32_t *ret);
uint32_t ward_cedar_table_find(const uint32_t *table, size_t n, uint32_t c);

extern const uint32_t ward_cedar_escape_table[]; /* 0 never, 1 always, 2 at the start of a text */
extern const size_t ward_cedar_escape_table_n;
extern const uint32_t ward_cedar_identifier_table[]; /* 1: may stand in an identifier by the General Security Profile */
extern const size_t ward_cedar_identifier_table_n;
/*
 * Which set of scripts: 0 none, 1 every; else s, whose scripts are members[first[s - 2]] up to members[first[s - 1]]. Those
 * written together (Hanb, Jpan, Kore) are scripts as well.
 */
#define CEDAR_SCRIPTS_NONE 0
#define CEDAR_SCRIPTS_EVERY 1
#define CEDAR_SCRIPTS_MAX 192
extern const uint32_t ward_cedar_script_table[];
extern const size_t ward_cedar_script_table_n;
extern const uint16_t ward_cedar_script_first[];
extern const size_t ward_cedar_script_first_n;
extern const uint8_t ward_cedar_script_members[];
extern const size_t ward_cedar_script_members_n;
/* Columns in the lower two bits; the flags of data/unicode/width above them. */
#define CEDAR_WIDTH_EMOJI 0x4u
#define CEDAR_WIDTH_VS16 0x8u
#define CEDAR_WIDTH_VS15 0x10u
#define CEDAR_WIDTH_BASE 0x20u
#define CEDAR_WIDTH_TRANSPARENT 0x40u
#define CEDAR_WIDTH_ALEF 0x80u
#define CEDAR_WIDTH_COENG 0x100u
#define CEDAR_WIDTH_LIGATURE 0x200u
extern const uint32_t ward_cedar_width_table[];
extern const size_t ward_cedar_width_table_n;
