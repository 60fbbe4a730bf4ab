/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a command line, taken one after the other. */
#include <stdio.h>
#include <string.h>

#include "bin/cli.h"

bool take_word(struct words *w, const char *word)
{
	if (w->n < 1 || !ward_streq(w->v[0], word))
		return false;
	w->n--;
	w->v++;
	return true;
}

bool take_value(struct words *w, const char *name, const char **ret)
{
	size_t n = strlen(name);
	const char *word = w->v[0];

	if (!ward_has_prefix(word, name) || (word[n] != '\0' && word[n] != '='))
		return false;
	*ret = word[n] == '=' ? word + n + 1 : NULL;
	if (word[n] == '\0' && w->n > 1) {
		*ret = w->v[1];
		w->n--;
		w->v++;
	}
	w->n--;
	w->v++;
	return true;
}

/* Its own options, as its usage and its text name them; those of a run ("ward run --label") are none. The first one behind *at. */
static bool next_option(const char **at, char *ret, size_t size)
{
	static const char other[] = "ward run ";
	const char *s = *at;

	while ((s = strstr(s, "--"))) {
		size_t n = 2 + strspn(s + 2, "abcdefghijklmnopqrstuvwxyz-");
		size_t before = (size_t)(s - *at);
		bool own = before < sizeof(other) - 1 ||
			memcmp(s - (sizeof(other) - 1), other, sizeof(other) - 1) != 0;

		if (n > 2 && n < size && own) {
			memcpy(ret, s, n);
			ret[n] = '\0';
			*at = s + n;
			return true;
		}
		s += n;
	}
	return false;
}

static const char *nearest_option(const char *word, const struct command *c, char *ret, size_t size)
{
	char names[16][24];
	const char *list[WARD_ARRAY_SIZE(names)], *near;
	const char *const texts[] = { c->usage, c->text };
	size_t n = 0;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(texts); i++) {
		const char *at = texts[i];

		while (n < WARD_ARRAY_SIZE(names) && next_option(&at, names[n], sizeof(names[n]))) {
			list[n] = names[n] + 2;
			n++;
		}
	}
	near = ward_nearest(word + 2, list, n); /* the dashes are no likeness */
	if (near)
		(void)snprintf(ret, size, "--%s", near);
	return near ? ret : NULL;
}

int misunderstood(const char *word, const char *command, struct ward_error *err)
{
	const struct command *c = command_named(command);
	char name[64], found[24];
	const char *near = NULL;

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	if (c && ward_has_prefix(name, "--"))
		near = nearest_option(name, c, found, sizeof(found));
	if (near && ward_streq(near, name)) {
		ward_fail(err, WARD_E_INVALID,
			"\"%s\" cannot stand here: it is given twice, without its value, or beside "
			"what it excludes",
			word);
		near = NULL;
	} else {
		ward_fail(err, WARD_E_INVALID, "\"%s\" is not understood", word);
	}
	if (near)
		ward_fail_fix(err, "did you mean %s?", near);
	else
		ward_fail_fix(err, "see ward help %s", command);
	return WARD_E_INVALID;
}

/* 26 of Crockford's digits, or at least 8 of them: a path of such a name is written ./NAME. */
static bool is_run(const char *word)
{
	size_t n = strspn(word, "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz");

	return n >= 8 && n <= 26 && !word[n] && (word[0] >= '0' && word[0] <= '7');
}

void take_run_or_path(struct words *w, bool may_be_run, const char **run, const char **paths,
	size_t *io_n)
{
	if (may_be_run && is_run(w->v[0]))
		*run = w->v[0];
	else
		paths[(*io_n)++] = w->v[0];
	w->n--;
	w->v++;
}
