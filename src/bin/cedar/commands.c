/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of `ward cedar`, made from their table only where somebody asks for them: whoever starts ward for something
 * else pays for none of it.
 */
#include <string.h>

#include "bin/cedar/cedar.h"

#define EXITS \
	"0  it went well; authorize: allow\n" \
	"1  it failed: no answer\n" \
	"2  authorize: deny; or wrong words on the command line\n" \
	"3  validate: the policies are not valid\n" \
	"4  partially-authorize: it depends on what is unknown"

static const char texts[] =
#define CEDAR_COMMAND(fn, bit, name, usage, summary, text, examples) \
	name "\0" usage "\0" summary "\0" text "\0" examples "\0"
#include "bin/cedar/commands_table.h"
#undef CEDAR_COMMAND
	;
static const uint16_t bits[] = {
#define CEDAR_COMMAND(fn, bit, name, usage, summary, text, examples) (bit),
#include "bin/cedar/commands_table.h"
#undef CEDAR_COMMAND
};

size_t cedar_command_count(void)
{
	return WARD_ARRAY_SIZE(bits);
}

static const char *next(const char **at)
{
	const char *s = *at;

	*at += strlen(s) + 1;
	return s;
}

const struct command *cedar_command_at(size_t i)
{
	static struct command made[WARD_ARRAY_SIZE(bits)];
	const char *at = texts;

	if (i >= WARD_ARRAY_SIZE(bits))
		return NULL;
	for (size_t k = 0; !made[i].name && k < WARD_ARRAY_SIZE(bits); k++) {
		struct command *c = &made[k];

		c->name = next(&at);
		c->usage = next(&at);
		c->summary = next(&at);
		c->text = next(&at);
		c->examples = next(&at);
		if (!*c->examples)
			c->examples = NULL;
		c->exits = EXITS;
		c->cedar = bits[k];
	}
	return &made[i];
}

int cedar_command_run(unsigned bit, struct words w)
{
#define CEDAR_COMMAND(fn, b, name, usage, summary, text, examples) \
	if (bit == (b)) \
		return fn(w);
#include "bin/cedar/commands_table.h"
#undef CEDAR_COMMAND
	return EXIT_USAGE;
}
