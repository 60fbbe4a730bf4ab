/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of people to words of the schema. A word is known only if it is spelled exactly; anything near one is an error that
 * names it, never a guess that would grant something.
 */
#include <string.h>

#include "policy/fail.h"
#include "policy/vocabulary.h"

static const char *const action_names[] = {
#define WARD_X(id, name, thing) name,
	WARD_ACTIONS(WARD_X)
#undef WARD_X
};
_Static_assert(WARD_ACT_MAX <= 32, "a set of actions is 32 bits");

/* Ends a failed look-up: the word, the nearest one, and where all of them are. */
static int unknown(struct ward_error *err, const char *what, struct ward_str word, const char *near,
	const char *all)
{
	char shown[WARD_CAP_SHOWN_MAX];

	ward_cap_shown(word, shown);
	(void)ward_fail(err, WARD_E_CAPABILITY, "unknown %s %s", what, shown);
	if (near != NULL)
		ward_fail_fix(err, "did you mean %s?", near);
	else
		ward_fail_fix(err, "%s", all);
	ward_fail_class(err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
	return WARD_E_CAPABILITY;
}

/* ward_nearest() of two lists: the nearer one of both, the first where they are as near. */
static const char *nearest(struct ward_str word, const char *const *names, size_t n,
	const char *const *more, size_t n_more)
{
	const char *both[2];
	char text[64];
	size_t found = 0;

	if (word.n == 0 || word.n >= sizeof(text))
		return NULL;
	memcpy(text, word.s, word.n);
	text[word.n] = '\0';
	both[found] = ward_nearest(text, names, n);
	found += both[found] != NULL;
	both[found] = ward_nearest(text, more, n_more);
	found += both[found] != NULL;
	return ward_nearest(text, both, found);
}

#define WORDS_MAX 64 /* gen-vocabulary refuses more */

int ward_actions_parse(struct ward_str word, uint32_t *ret, struct ward_error *err)
{
	const char *words[WORDS_MAX];
	enum ward_action action;
	size_t n = ward_aliases_n < WORDS_MAX ? ward_aliases_n : WORDS_MAX;

	*ret = 0;
	if (ward_action_parse(word, &action, NULL) == WARD_OK) {
		*ret = WARD_ACTION_BIT(action);
		return WARD_OK;
	}
	for (size_t i = 0; i < n; i++) {
		words[i] = ward_aliases[i].word;
		if (ward_str_eq(word, ward_str(words[i]))) {
			*ret = ward_aliases[i].actions;
			return WARD_OK;
		}
	}
	return unknown(err, "action", word,
		nearest(word, action_names, WARD_ARRAY_SIZE(action_names), words, n),
		"fs.read, fs.write and net.connect are some; docs/spec/vocabulary.md lists all");
}

const struct ward_mode_data *ward_mode(enum ward_mode m)
{
	return (unsigned)m > WARD_MODE_NONE && (unsigned)m < WARD_MODE_MAX ? &ward_modes[m] : NULL;
}

int ward_mode_parse(struct ward_str word, enum ward_mode *ret, struct ward_error *err)
{
	const char *words[WORDS_MAX], *names[WARD_MODE_MAX];
	size_t n = ward_mode_aliases_n < WORDS_MAX ? ward_mode_aliases_n : WORDS_MAX;

	*ret = WARD_MODE_NONE;
	for (unsigned m = WARD_MODE_NONE + 1; m < WARD_MODE_MAX; m++) {
		names[m] = ward_modes[m].name;
		if (ward_str_eq(word, ward_str(names[m]))) {
			*ret = (enum ward_mode)m;
			return WARD_OK;
		}
	}
	for (size_t i = 0; i < n; i++) {
		words[i] = ward_mode_aliases[i].word;
		if (ward_str_eq(word, ward_str(words[i]))) {
			*ret = ward_mode_aliases[i].mode;
			return WARD_OK;
		}
	}
	return unknown(err, "mode", word, nearest(word, names + 1, WARD_MODE_MAX - 1, words, n),
		"the modes are read_only, workspace_write, repo_write and danger_full_access: docs/spec/modes.md");
}

bool ward_is_label(struct ward_str text)
{
	const char *eq = text.n > 0 ? memchr(text.s, '=', text.n) : NULL;

	return eq != NULL && eq != text.s && text.n <= WARD_LABEL_BYTES_MAX &&
		ward_utf8_valid(text.s, text.n);
}

bool ward_is_variable(struct ward_str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];
		bool letter = c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return name.n > 0;
}
