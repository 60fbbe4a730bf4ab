/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a command line, taken one after the other. */
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
