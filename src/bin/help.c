/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --help: made from the table of commands and the option table, 80 columns wide. No text about an option is
 * written here; a text that is not in a table is not help.
 */
#include <stdio.h>
#include <string.h>

#include "bin/cedar/cedar.h"

#define WIDTH 79
#define OPTION_COLUMN 25
#define COMMAND_COLUMN 19

/* Print text wrapped, every line but the first behind indent blanks; column is where the first one starts. */
static void wrap(const char *text, int column, int indent)
{
	int at = column;

	while (*text) {
		int n = (int)strcspn(text, " ");

		if (at > indent && at + 1 + n > WIDTH) {
			printf("\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			putchar(' ');
			at++;
		}
		printf("%.*s", n, text);
		at += n;
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void print_lines(const char *text, const char *prefix)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("%s%.*s\n", prefix, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

void print_row(const char *left, const char *text)
{
	int n = printf("  %s", left);

	if (n + 2 > OPTION_COLUMN) {
		putchar('\n');
		n = 0;
	}
	printf("%*s", OPTION_COLUMN - n, "");
	wrap(text, OPTION_COLUMN, OPTION_COLUMN);
}

static void print_option(const struct ward_option *o)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "--%s%s%s", o->name,
		o->arg && !ward_has_prefix(o->arg, "[=") ? " " : "", o->arg ? o->arg : "");
	print_row(left, o->help);
}

static void print_options(void)
{
	size_t n = 0;
	const struct ward_option *o = ward_options(&n);
	const char *group = "";

	for (size_t i = 0; i < n; i++) {
		if (!ward_streq(group, o[i].group)) {
			group = o[i].group;
			printf("\n%s:\n", group);
		}
		print_option(&o[i]);
	}
	printf("\nSizes: 512K 64M 1G (binary). Times: 500ms 30s 5m 1h. --opt=VALUE works too.\n"
	       "The whole text of each option: man ward-run.\n");
}

static void print_command(const struct command *c)
{
	int n = printf("  %s", c->name);

	printf("%*s", COMMAND_COLUMN - n, "");
	wrap(c->summary, COMMAND_COLUMN, COMMAND_COLUMN);
}

/* The commands of `ward cedar` are one line here. */
static void print_commands(void)
{
	static const struct command group = {
		.name = "cedar ...",
		.summary =
			"the Cedar policy language: authorize, validate, format; see ward help cedar"
	};
	bool said = false;

	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);

		if (c->hidden || (c->cedar && said))
			continue;
		print_command(c->cedar ? &group : c);
		said = said || c->cedar;
	}
}

static int finish(void)
{
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

bool print_help_group(const char *first)
{
	size_t n = strlen(first);
	bool any = false;

	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);

		if (c->hidden || strncmp(c->name, first, n) != 0 || c->name[n] != ' ')
			continue;
		printf("%s", any ? "" : "Usage:\n");
		print_lines(c->usage, "  ward ");
		any = true;
	}
	if (any)
		printf("\nward help %s COMMAND says more.\n", first);
	return any;
}

int print_help(const struct command *c)
{
	if (!c) {
		printf("ward runs untrusted commands confined: nothing is granted that you did not grant.\n\n"
		       "Usage: ward COMMAND ...\n\n");
		print_commands();
		printf("\nExamples:\n"
		       "  ward run -- ls /etc\n"
		       "  ward sandbox run tool.py --cap 'FILE_READ:data/*.csv'\n"
		       "\nward help COMMAND says more.\n");
		return finish();
	}
	printf("Usage:\n");
	print_lines(c->usage, "  ward ");
	putchar('\n');
	wrap(c->text, 0, 0);
	if (c->examples) {
		printf("\nExamples:\n");
		print_lines(c->examples, "  ");
	}
	if (c->exits) {
		printf("\nExit codes:\n");
		print_lines(c->exits, "  ");
	}
	if (c->options)
		print_options();
	if (c->cedar) {
		printf("\nOptions:\n");
		print_cedar_options(c->cedar);
		printf("\nThe whole text of each option: man ward-cedar.\n");
	}
	return finish();
}

int usage_error(const struct ward_error *err, const char *command)
{
	struct ward_error own = *err;

	/* One line, which says how to mend it. */
	if (command && !own.fix[0])
		ward_fail_fix(&own, "see ward help %s", command);
	say_error(&own);
	return EXIT_USAGE;
}
