/* SPDX-License-Identifier: Apache-2.0 */
/* ward trust: shows what a repository's policy says, and pins it. The library does both; this is words in, lines out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cli.h"
#include "ward/trust.h"

struct trust_words {
	bool show, revoke, json;
	const char *hash, *dir;
};

static int not_understood(const char *word)
{
	struct ward_error err = WARD_ERROR_INIT;

	(void)misunderstood(word, "trust", &err);
	return usage_error(&err, NULL);
}

static int no_hash(void)
{
	struct ward_error err = WARD_ERROR_INIT;

	ward_fail(&err, WARD_E_INVALID, "an argument is missing");
	ward_fail_at(&err, "--hash", 0, 0);
	ward_fail_fix(&err, "give --hash HASH, as ward trust --show has it");
	return usage_error(&err, NULL);
}

static int take_words(struct words w, struct trust_words *ret)
{
	bool options = true;

	while (w.n > 0) {
		const char *word = w.v[0];

		w.n--;
		w.v++;
		if (options && ward_streq(word, "--")) {
			options = false;
		} else if (options && ward_streq(word, "--show")) {
			ret->show = true;
		} else if (options && ward_streq(word, "--revoke")) {
			ret->revoke = true;
		} else if (options && ward_streq(word, "--json")) {
			ret->json = true;
		} else if (options && ward_has_prefix(word, "--hash=")) {
			ret->hash = word + strlen("--hash=");
		} else if (options && ward_streq(word, "--hash")) {
			if (w.n < 1)
				return no_hash();
			ret->hash = w.v[0];
			w.n--;
			w.v++;
		} else if ((!options || word[0] != '-') && word[0] && !ret->dir) {
			ret->dir = word;
		} else {
			return not_understood(word);
		}
	}
	if (ret->show && ret->revoke)
		return not_understood("--show --revoke");
	if (ret->hash && (ret->show || ret->revoke))
		return not_understood("--hash");
	return EXIT_OK;
}

int cmd_trust(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct trust_words t = { 0 };
	enum ward_trust_state state = WARD_TRUST_PINNED;
	char *text = NULL;
	int r, code = take_words(w, &t);

	if (code != EXIT_OK)
		return code;
	if (!t.dir)
		t.dir = ".";
	if (t.show)
		r = ward_trust_show(t.dir, t.json, &text, &state, &err);
	else if (t.revoke)
		r = ward_trust_revoke(t.dir, t.json, &text, &err);
	else
		r = ward_trust_pin(t.dir, t.hash, t.json, &text, &err);
	if (r < 0) {
		say_error(&err);
		/* To forget what nobody trusted is understood, and not done. */
		return r == WARD_E_REFUSED || (t.revoke && r == WARD_E_NOTFOUND) ? EXIT_REFUSED
										 : EXIT_USAGE;
	}
	(void)fputs(text, stdout);
	free(text);
	if (fflush(stdout) != 0)
		return EXIT_USAGE;
	return state == WARD_TRUST_PINNED ? EXIT_OK : EXIT_REFUSED;
}
