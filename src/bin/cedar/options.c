/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of `ward cedar` to options, by the table and nothing else: what a command takes, what it cannot do without, which
 * values there are. No name is found by its beginning.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cedar/cedar.h"

/* One text, not pointers: nothing has to be relocated when ward starts for something else. */
static const char texts[] =
#define CEDAR_OPT(id, letter, name, arg, commands, required, help, text, choices) \
	name "\0" arg "\0" help "\0" text "\0" choices "\0"
#include "bin/cedar/options_table.h"
#undef CEDAR_OPT
	;
static const struct row {
	uint16_t commands, required;
	char letter;
} rows[O_MAX] = {
#define CEDAR_OPT(id, letter, name, arg, commands, required, help, text, choices) \
	{ (commands), (required), (letter) },
#include "bin/cedar/options_table.h"
#undef CEDAR_OPT
};
enum field { F_NAME = 0, F_ARG, F_HELP, F_TEXT, F_CHOICES, FIELDS };

static const char *field(int option, enum field f)
{
	const char *s = texts;

	for (int i = option * FIELDS + (int)f; i > 0; i--)
		s += strlen(s) + 1;
	return s;
}

static bool takes(unsigned command, int option)
{
	return (rows[option].commands & command) != 0;
}

static int find_name(unsigned command, const char *name, size_t n)
{
	for (int i = 0; i < O_MAX; i++) {
		const char *s = field(i, F_NAME);

		if (takes(command, i) && strlen(s) == n && memcmp(s, name, n) == 0)
			return i;
	}
	return -1;
}

static int find_letter(unsigned command, char letter)
{
	for (int i = 0; i < O_MAX; i++)
		if (takes(command, i) && rows[i].letter == letter)
			return i;
	return -1;
}

/* ---- words to options ---- */

/* "cedar authorize": of the command with this bit. */
static const struct command *command_of(unsigned bit)
{
	for (size_t i = 0; command_at(i); i++)
		if (command_at(i)->cedar == bit)
			return command_at(i);
	return NULL;
}

static bool usage(const struct args *a, const char *word, const char *fmt, const char *arg)
{
	struct ward_error err = WARD_ERROR_INIT;
	char message[512];

	(void)snprintf(message, sizeof(message), "%s%s", fmt, arg ? arg : "");
	ward_fail(&err, WARD_E_INVALID, "%s", message);
	if (word)
		ward_fail_at(&err, word, 0, 0);
	ward_fail_fix(&err, "see ward help %s", command_of(a->command)->name);
	say_error(&err);
	return false;
}

static bool known_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	if (!*choices)
		return true;
	for (const char *s = choices; *s;) {
		size_t len = strcspn(s, "|");

		if (len == n && memcmp(s, value, n) == 0)
			return true;
		s += len + (s[len] == '|');
	}
	return false;
}

static bool set(struct args *a, int option, const char *word, const char *value)
{
	const char *choices = field(option, F_CHOICES);

	if (a->v[option])
		return usage(a, word, "is given twice", NULL);
	if (!known_choice(choices, value))
		return usage(a, word, "is one of ", choices);
	a->v[option] = value;
	return true;
}

static const char *take(struct words *w)
{
	w->n--;
	return *w->v++;
}

/* --name, --name=VALUE, --name VALUE. */
static bool take_long(struct args *a, struct words *w)
{
	char shown[64];
	const char *word = take(w), *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : strlen(word);
	int o = find_name(a->command, word + 2, n - 2);

	(void)snprintf(shown, sizeof(shown), "%.*s", (int)(n < 60 ? n : 60), word);
	if (o < 0)
		return usage(a, shown, "unknown option", NULL);
	if (!*field(o, F_ARG)) {
		if (value)
			return usage(a, shown, "takes no value", NULL);
		return set(a, o, shown, "");
	}
	if (!value && w->n < 1)
		return usage(a, shown, "an argument is missing: ", field(o, F_ARG));
	return set(a, o, shown, value ? value + 1 : take(w));
}

/* -x, -xy, -xVALUE, -x=VALUE, -x VALUE. */
static bool take_short(struct args *a, struct words *w)
{
	const char *word = take(w) + 1;

	while (*word) {
		char shown[3] = { '-', *word, '\0' };
		int o = find_letter(a->command, *word++);

		if (o < 0)
			return usage(a, shown, "unknown option", NULL);
		if (*field(o, F_ARG)) {
			if (!*word && w->n < 1)
				return usage(a, shown, "an argument is missing: ", field(o, F_ARG));
			return set(a, o, shown, *word ? word + (*word == '=') : take(w));
		}
		if (!set(a, o, shown, ""))
			return false;
	}
	return true;
}

static bool all_there(const struct args *a)
{
	for (int i = 0; i < O_MAX; i++) {
		char name[64];

		if ((rows[i].required & a->command) == 0 || a->v[i])
			continue;
		(void)snprintf(name, sizeof(name), "--%s", field(i, F_NAME));
		return usage(a, name, "is missing: ", field(i, F_ARG));
	}
	return true;
}

static bool from_stdin(const struct args *a, enum option o)
{
	if (o == O_POLICIES && !a->v[o]) /* check-parse may be about something else */
		return takes(a->command, o) && a->command != C_CHECK_PARSE;
	return ward_streq(a->v[o], "-");
}

/* What stands on standard input can be read once: the second reader would find nothing, which may mean something. */
static bool one_stdin(const struct args *a)
{
	static const enum option files[] = { O_POLICIES, O_TEMPLATE_LINKED, O_SCHEMA, O_ENTITIES,
		O_CONTEXT, O_REQUEST_JSON, O_REQUESTS };
	const char *first = NULL;
	char name[64];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(files); i++) {
		if (!from_stdin(a, files[i]))
			continue;
		(void)snprintf(name, sizeof(name), "--%s", field((int)files[i], F_NAME));
		if (first)
			return usage(a, name, "is standard input, and so is --", first);
		first = field((int)files[i], F_NAME);
	}
	return true;
}

static bool take_words(struct args *a, struct words w, int rest_max)
{
	struct words all = w;
	int kept = 0;
	bool end = false;

	while (w.n > 0) {
		const char *word = w.v[0];

		if (!end && ward_streq(word, "--")) {
			end = true;
			(void)take(&w);
		} else if (!end && word[0] == '-' && word[1] == '-') {
			if (!take_long(a, &w))
				return false;
		} else if (!end && word[0] == '-' && word[1]) {
			if (!take_short(a, &w))
				return false;
		} else if (kept >= rest_max) {
			return usage(a, word, "is not understood", NULL);
		} else {
			all.v[kept++] = w.v[0];
			(void)take(&w);
		}
	}
	a->rest = (struct words){ kept, all.v };
	return all_there(a) && one_stdin(a);
}

bool take_args(struct words w, unsigned command, int rest_max, struct args *a, int *ret)
{
	const char *format = getenv("CEDAR_ERROR_FORMAT");

	*a = (struct args){ .command = command };
	for (int i = 0; i < w.n && !ward_streq(w.v[i], "--"); i++) {
		if (ward_streq(w.v[i], "--help") || ward_streq(w.v[i], "-h")) {
			*ret = print_help(command_of(command));
			return false;
		}
	}
	*ret = EXIT_USAGE;
	if (!take_words(a, w, rest_max))
		return false;
	if (!a->v[O_ERROR_FORMAT] && format && *format &&
		!set(a, O_ERROR_FORMAT, "CEDAR_ERROR_FORMAT", format))
		return false;
	a->d = ward_policy_diags_new();
	if (!a->d)
		*ret = out_of_memory(a);
	return a->d != NULL;
}

void args_done(struct args *a)
{
	ward_policy_diags_free(a->d);
	a->d = NULL;
}

/* ---- the table for others ---- */

void print_cedar_options(unsigned command)
{
	for (int i = 0; i < O_MAX; i++) {
		char left[64], letter[8] = "    ";

		if (!takes(command, i))
			continue;
		if (rows[i].letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", rows[i].letter);
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, field(i, F_NAME),
			*field(i, F_ARG) ? " " : "", field(i, F_ARG));
		print_row(left, field(i, F_HELP));
	}
}

void put_cedar_options(struct ward_buf *b)
{
	ward_jw_open(b, '[');
	for (int i = 0; i < O_MAX; i++) {
		char letter[2] = { rows[i].letter, '\0' };
		const char *arg = field(i, F_ARG), *choices = field(i, F_CHOICES);

		ward_jw_open(b, '{');
		ward_jw_kstr(b, "name", field(i, F_NAME));
		ward_jw_kstr(b, "letter", *letter ? letter : NULL);
		ward_jw_kstr(b, "arg", *arg ? arg : NULL);
		ward_jw_ki64(b, "commands", rows[i].commands);
		ward_jw_ki64(b, "required", rows[i].required);
		ward_jw_kstr(b, "help", field(i, F_HELP));
		ward_jw_kstr(b, "text", field(i, F_TEXT));
		ward_jw_kstr(b, "choices", *choices ? choices : NULL);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
}
