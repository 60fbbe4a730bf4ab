/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log and a printed plan do not show. Each row is a command line, its words divided by "|", and what is left of it. SECRET
 * never may be left anywhere.
 */
#include <stdlib.h>

#include "policy/policy.h"
#include "tap.h"

#define WORDS_MAX 16
#define R WARD_REDACTED

static void shown(const char *line, struct ward_buf *out)
{
	char *copy = strdup(line), *save = NULL;
	struct ward_redactor r = { 0 };
	const char *sep = "";

	for (char *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save)) {
		ward_buf_adds(out, sep);
		ward_redact_word(&r, ward_str(w), SIZE_MAX, out);
		sep = "|";
	}
	free(copy);
}

TEST(secrets)
{
	static const char *const cases[][2] = {
		{ "curl|--token|SECRET|x", "curl|--token|" R "|x" },
		{ "curl|--token=SECRET|x", "curl|--token=" R "|x" },
		{ "curl|--token=SECRET SECRET|x", "curl|--token=" R "|x" },
		{ "x|--api-key|SECRET", "x|--api-key|" R },
		{ "x|--apiKey=SECRET", "x|--apiKey=" R },
		{ "x|-password|SECRET", "x|-password|" R },
		{ "x|--token|--SECRET", "x|--token|" R },
		{ "env|DB_PASSWORD=SECRET|x", "env|DB_PASSWORD=" R "|x" },
		{ "env|database.password=SECRET", "env|database.password=" R },
		{ "env|AWS_SECRET_ACCESS_KEY=SECRET", "env|AWS_SECRET_ACCESS_KEY=" R },
		{ "x|ssl_key=SECRET", "x|ssl_key=" R },
		{ "x|authHeader=SECRET", "x|authHeader=" R },
		{ "curl|-H|Authorization: Bearer SECRET", "curl|-H|Authorization: " R },
		{ "curl|-H|x-api-key:SECRET", "curl|-H|x-api-key:" R },
		{ "curl|-H|Cookie: a=SECRET; b=SECRET", "curl|-H|Cookie: " R },
		{ "curl|-u|me:SECRET|x", "curl|-u|me:" R "|x" },
		{ "curl|--user|me:SE:CRET|x", "curl|--user|me:" R "|x" },
		{ "git|clone|https://me:SECRET@h.example/x",
			"git|clone|https://me:" R "@h.example/x" },
		{ "git|clone|https://SECRET@h.example/x", "git|clone|https://" R "@h.example/x" },
		{ "psql|postgres://me:SECRET@h:5432/db", "psql|postgres://me:" R "@h:5432/db" },
		{ "curl|https://h.example/?a=b&token=SECRET&c=d",
			"curl|https://h.example/?a=b&token=" R "&c=d" },
		{ "sh|-c|export TOKEN=SECRET; make", "sh|-c|export TOKEN=" R "; make" },
		{ "sh|-c|TOKEN='SECRET SECRET' make", "sh|-c|TOKEN=" R },
		{ "sh|-c|x TOKEN='SECRET SECRET' make", "sh|-c|x TOKEN='" R "' make" },
		{ "sh|-c|x TOKEN=\"SEC\\\"SECRET\" make", "sh|-c|x TOKEN=\"" R "\" make" },
		{ "sh|-c|curl --token SECRET x", "sh|-c|curl --token " R " x" },
		{ "sh|-c|curl -H 'Authorization: Bearer SECRET' x",
			"sh|-c|curl -H 'Authorization: " R "' x" },
		{ "x|{\"user\": \"me\", \"password\": \"SECRET\"}",
			"x|{\"user\": \"me\", \"password\": \"" R "\"}" },
		{ "x|ghp_SECRET0123456789", "x|ghp_" R },
		{ "x|--note=ghp_SECRET0123456789", "x|--note=ghp_" R },
		{ "x|(sk-SECRET-0123456789)", "x|(sk-" R ")" },
		{ "x|AKIASECRET0123456789", "x|AKIA" R },
		{ "x|a eyJSECRET0123.456.789 b", "x|a eyJ" R " b" },
		{ "x|-----BEGIN RSA PRIVATE KEY-----\nSECRET\n", "x|-----BEGIN" R },
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(cases); i++) {
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", cases[i][0]);
		shown(cases[i][0], &b);
		CHECK_STR_EQ(ward_buf_cstr(&b), cases[i][1]);
		CHECK(!strstr(ward_buf_cstr(&b), "SECRET") || strstr(cases[i][1], "_SECRET_"));
		ward_buf_done(&b);
	}
}

/* What people need to see of a log stays. */
TEST(the_rest_stays)
{
	static const char *const lines[] = {
		"npm|test",
		"make|-j8|CFLAGS=-O2",
		"git|commit|--author=me <me@h.example>",
		"git|clone|ssh://git@h.example:22/x",
		"git|clone|git@h.example:x/y.git",
		"cp|secrets/a|b",
		"x|--key-file|/etc/x",
		"x|ghp_",
		"x|sk-1",
		"x|--monkey=1",
		"x|https://h.example:8443/a@b",
		"x|http://h.example/?q=a@b",
		"x|a::b",
		"x|--|--|-",
		"x|tokens are fine",
		"x|keyword=1",
		"x|PWD=/home/me",
		"sh|-c|test -u a",
	};

	for (size_t i = 0; i < WARD_ARRAY_SIZE(lines); i++) {
		struct ward_buf b = WARD_BUF_INIT;

		CASE("%s", lines[i]);
		shown(lines[i], &b);
		CHECK_STR_EQ(ward_buf_cstr(&b), lines[i]);
		ward_buf_done(&b);
	}
}

/* Any bytes: no step beyond the end, and an end. */
TEST(any_bytes)
{
	static const char letters[] = "-=:'\"\\ &/@.tTokEn_KEY\n\xff";
	uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		struct ward_redactor r = { 0 };
		struct ward_buf b = WARD_BUF_INIT;
		size_t n = (size_t)i % 40;
		char *word = malloc(n + 1);

		for (size_t k = 0; k < n; k++) {
			seed = seed * 1664525 + 1013904223;
			word[k] = letters[(seed >> 16) % (sizeof(letters) - 1)];
		}
		ward_redact_word(&r, (struct ward_str){ word, n }, 64, &b);
		CHECK(!b.failed && b.n < 64 + n + sizeof(R));
		ward_buf_done(&b);
		free(word);
	}
}

TAP_MAIN();
