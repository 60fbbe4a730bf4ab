/* SPDX-License-Identifier: Apache-2.0 */
/* ward pending, approve, deny, allow: what waits for a person, the answer, and the cures of the log. The library does it; this is words in, lines out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bin/cli.h"
#include "ward/approve.h"

static int not_understood(const char *word, const char *command)
{
	struct ward_error err = WARD_ERROR_INIT;

	if (word)
		(void)misunderstood(word, command, &err);
	else
		ward_fail(&err, WARD_E_INVALID, "a run or a question is missing");
	return usage_error(&err, command);
}

static int failed(const struct ward_error *err)
{
	say_error(err);
	return err->code == WARD_E_REFUSED || err->code == WARD_E_NOTFOUND ? EXIT_REFUSED
									   : EXIT_USAGE;
}

static int print(char *text)
{
	(void)fputs(text, stdout);
	free(text);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
}

int cmd_pending(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	bool json = take_word(&w, "--json");
	char *text = NULL;
	size_t n = 0;
	int code;

	if (w.n > 0)
		return not_understood(w.v[0], "pending");
	if (ward_approve_pending(json, &text, &n, &err) < 0)
		return failed(&err);
	code = print(text);
	return code == EXIT_OK && n == 0 ? EXIT_REFUSED : code;
}

static int answer(const char *what, enum ward_approve_answer a)
{
	struct ward_error err = WARD_ERROR_INIT;
	char *text = NULL;
	int r = ward_approve_answer(what, a, &text, &err);
	int code = text ? print(text) : EXIT_OK;

	return r < 0 ? failed(&err) : code;
}

int cmd_approve(struct words w)
{
	enum ward_approve_answer a = WARD_APPROVE_ONCE;
	const char *what = NULL;
	bool said = false;

	for (; w.n > 0; w.n--, w.v++) {
		const char *word = w.v[0];

		if (!said && (ward_streq(word, "--once") || ward_streq(word, "--run"))) {
			a = word[2] == 'r' ? WARD_APPROVE_RUN : WARD_APPROVE_ONCE;
			said = true;
		} else if (word[0] != '-' && word[0] && !what) {
			what = word;
		} else {
			return not_understood(word, "approve");
		}
	}
	return what ? answer(what, a) : not_understood(NULL, "approve");
}

int cmd_deny(struct words w)
{
	if (w.n != 1 || w.v[0][0] == '-')
		return not_understood(w.n == 0 ? NULL : w.v[w.n > 1 && w.v[0][0] != '-'], "deny");
	return answer(w.v[0], WARD_APPROVE_NO);
}

int cmd_allow(struct words w)
{
	struct ward_error err = WARD_ERROR_INIT;
	const char *what = NULL, *file = NULL;
	bool always = false, said = false;
	char *text = NULL;

	for (; w.n > 0; w.n--, w.v++) {
		const char *word = w.v[0];

		if (!said && (ward_streq(word, "--once") || ward_streq(word, "--always"))) {
			always = word[2] == 'a';
			said = true;
		} else if (!file && ward_has_prefix(word, "--audit=") && word[8]) {
			file = word + 8;
		} else if (!file && ward_streq(word, "--audit") && w.n > 1) {
			file = w.v[1];
			w.n--;
			w.v++;
		} else if (word[0] != '-' && word[0] && !what) {
			what = word;
		} else {
			return not_understood(word, "allow");
		}
	}
	if (!what)
		return not_understood(NULL, "allow");
	return ward_approve_allow(what, always, file, &text, &err) < 0 ? failed(&err) : print(text);
}
