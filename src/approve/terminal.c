/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking on the terminal. Only where this process alone owns it: a program that runs ward for somebody has the terminal for
 * itself, and gets no question in its screen. The names and reasons were chosen by others: none of them may move the cursor, look
 * like a question of ours, or go on for pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "approve/approve.h"
#include "os/os.h"

#define TRIES 3
#define WORDS_SHOWN 8
#define THINGS_SHOWN 12
#define TEXT_SHOWN 200
#define LINE_MAX_BYTES 64

int ward_terminal_open(void)
{
	WARD_FD fd = -1;

	for (int i = 0; i < 3; i++) {
		/* Answers for the controlling terminal alone. */
		if (!isatty(i) || tcgetsid(i) != getsid(0))
			return -1;
	}
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || tcgetpgrp(fd) != getpgrp())
		return -1;
	return ward_take_fd(&fd);
}

/* ---- the question ---- */

static void quoted(struct ward_buf *b, const char *s)
{
	size_t n = strlen(s);

	ward_quote(b, s, n > TEXT_SHOWN ? TEXT_SHOWN : n);
	if (n > TEXT_SHOWN)
		ward_buf_adds(b, "...");
}

static void command(struct ward_buf *b, char *const *argv)
{
	size_t i = 0;

	for (; argv[i] && i < WORDS_SHOWN; i++) {
		ward_buf_addc(b, ' ');
		quoted(b, argv[i]);
	}
	if (argv[i])
		ward_buf_adds(b, " ...");
}

static void question(struct ward_buf *b, const struct ward_bell_run *run,
	const struct ward_asked *k, size_t number, size_t total)
{
	ward_buf_addf(b, "ward: asked before the start (%zu of %zu) of", number, total);
	command(b, run->argv);
	ward_buf_adds(b, "\nward:   in ");
	quoted(b, run->asks->workspace);
	ward_buf_addf(b, "\nward:   %s", ward_approval_name(k->level));
	if (k->reason) {
		ward_buf_adds(b, ": ");
		quoted(b, k->reason);
	}
	ward_buf_adds(b, "\nward:   rule ");
	if (k->id) {
		quoted(b, k->id);
		ward_buf_adds(b, " ");
	}
	quoted(b, k->file);
	ward_buf_addf(b, ":%u (%s)\n", k->line, ward_layer_name(k->layer));
	for (size_t i = 0; i < k->n_things && i < THINGS_SHOWN; i++) {
		ward_buf_addf(b, "ward:   %s ", ward_action_name(k->things[i].action));
		quoted(b, k->things[i].resource);
		ward_buf_adds(b, k->things[i].below ? " and all below\n" : "\n");
	}
	if (k->n_things > THINGS_SHOWN)
		ward_buf_addf(b, "ward:   and %zu more: ward plan shows all\n",
			k->n_things - THINGS_SHOWN);
}

static void choices(struct ward_buf *b, const struct ward_asked *k, bool rule)
{
	ward_buf_adds(b, "ward: yes, once (o)");
	if (k->level != WARD_APPROVAL_CRITICAL)
		ward_buf_adds(b, "; for this run (r)");
	if (rule)
		ward_buf_addf(b, "; and by a rule for %d days (w)", WARD_APPROVED_DAYS);
	ward_buf_adds(b, "; no (n)? ");
}

/* ---- the answer ---- */

static int left_ms(uint64_t until_ns)
{
	uint64_t now = ward_now_mono_ns();

	return now >= until_ns                         ? 0
		: (until_ns - now) / 1000000 > 3600000 ? 3600000
						       : (int)((until_ns - now) / 1000000) + 1;
}

/* A line, without its end; NULL or why there is none. */
static const char *read_line(int fd, const struct ward_bell_run *run, char line[LINE_MAX_BYTES])
{
	for (;;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN },
			{ .fd = run->stop_fd, .events = POLLIN } };
		ssize_t n;

		if (ward_now_mono_ns() >= run->until_ns)
			return "timeout";
		n = poll(p, 2, left_ms(run->until_ns));
		if (n < 0 && errno != EINTR)
			return "end";
		if (n <= 0)
			continue;
		if (p[1].revents && run->stop && run->stop(run->arg))
			return "cancelled";
		if (!p[0].revents)
			continue;
		n = read(fd, line, LINE_MAX_BYTES - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return "end";
		line[n] = '\0';
		/* A part of a longer line is no answer. */
		if (line[n - 1] != '\n')
			line[0] = '?';
		line[strcspn(line, "\r\n")] = '\0';
		return NULL;
	}
}

static bool is(const char *line, const char *letter, const char *word)
{
	return ward_streq(line, letter) || ward_streq(line, word);
}

/* False: it is no answer that was offered. */
static bool understand(const char *line, const struct ward_asked *k, bool rule,
	struct ward_reply *ret)
{
	bool critical = k->level == WARD_APPROVAL_CRITICAL;

	ret->how = "tty";
	if (is(line, "n", "no"))
		return true;
	if (is(line, "o", "once")) {
		ret->said = WARD_SAID_ONCE;
	} else if (is(line, "r", "run") && !critical) {
		ret->said = WARD_SAID_RUN;
	} else if (is(line, "w", "rule") && rule) {
		ret->said = WARD_SAID_RUN;
		ret->rule = true;
	}
	return ret->said != WARD_SAID_NO;
}

void ward_terminal_ask(int fd, const struct ward_bell_run *run, const struct ward_asked *k,
	size_t number, size_t total, struct ward_reply *ret)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	bool rule = ward_rule_possible(run->asks, k);
	char line[LINE_MAX_BYTES];

	*ret = (struct ward_reply){ .said = WARD_SAID_NO, .how = "end", .uid = getuid() };
	question(&b, run, k, number, total);
	for (int i = 0; i < TRIES; i++) {
		const char *none;

		choices(&b, k, rule);
		/* What was typed before the question was seen is no answer to it. */
		(void)tcflush(fd, TCIFLUSH);
		if (b.failed || ward_write_all(fd, b.s, b.n) < 0)
			return;
		ward_buf_clear(&b);
		none = read_line(fd, run, line);
		if (none) {
			ret->how = none;
			(void)ward_write_all(fd, "\nward: no\n", 10);
			return;
		}
		if (understand(line, k, rule, ret))
			return;
	}
}

/* The letter of the word that the line is, or begins. */
static char chosen(const char *line, const char *choices)
{
	size_t n, length = strlen(line);

	for (; *choices; choices += n + (choices[n] == ' ')) {
		n = strcspn(choices, " ");
		if (length > 0 && (length == 1 || length == n) &&
			memcmp(line, choices, length) == 0)
			return choices[0];
	}
	return 0;
}

char ward_terminal_choose(int fd, struct ward_str text, const char *choices)
{
	/* Whoever typed the command sits there: he may take his time. */
	const struct ward_bell_run run = { .until_ns = UINT64_MAX, .stop_fd = -1 };
	char line[LINE_MAX_BYTES];

	for (int i = 0; i < TRIES; i++) {
		char letter;

		(void)tcflush(fd, TCIFLUSH);
		if (ward_write_all(fd, text.s, text.n) < 0 || read_line(fd, &run, line))
			return 0;
		letter = chosen(line, choices);
		if (letter)
			return letter;
	}
	return 0;
}
