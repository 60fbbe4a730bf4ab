/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward(1): the table of commands and the way to each. No command is found by a prefix of its name, and
 * nothing is guessed: an unknown word ends here, with the nearest known one.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bin/cli.h"

static const struct command commands[] = {
	{ "run", cmd_run, "run [options] [--] CMD [ARG...]",
		"run a command confined, deny by default",
		"Run CMD with nothing but what is granted: a view of the file system that holds only granted "
		"paths, no network, a small set of system calls, bounded memory, processes and disk. What it "
		"tried and did not get is reported afterwards, each with the option that would allow it.",
		"ward run -- ls /etc\n"
		"ward run --read . -- python3 tool.py\n"
		"ward run --write ./out --timeout 30s --memory 512M -- make\n"
		"ward run --json --cap 'FILE_READ:src/**' -- wc -l src/main.c",
		true, false },
	{ "sandbox run", cmd_sandbox_run, "sandbox run SCRIPT [options] [-- ARG...]",
		"run an untrusted script under tighter defaults",
		"Run SCRIPT with the interpreter of its first line or its extension. Only the script and its "
		"interpreter are granted; memory is 256M, one processor, 128 processes, if not said otherwise.",
		"ward sandbox run tool.py\n"
		"ward sandbox run tool.py --capabilities caps.json -- --verbose",
		true, false },
	{ "plan", cmd_plan,
		"plan [run] [options] [--] CMD [ARG...]\nplan sandbox run SCRIPT [options] [-- ARG...]",
		"show what a run would do and what holds each axis",
		"Print the plan of a run: what exists inside, which rule grants it, the limits, and what holds each "
		"axis on this host. Nothing is run. Exit: 0 it would start, 1 it would be refused, 2 usage or error.",
		"ward plan --read . -- python3 tool.py\n"
		"ward plan --json sandbox run tool.py",
		true, false },
	{ "doctor", cmd_doctor, "doctor [--json]",
		"try every mechanism of this host and say what to fix",
		"Execute every mechanism that confines and report ok, warn or fail, with the one command that mends "
		"it. Exit: 0 nothing failed, 1 something failed, 2 usage or error.",
		NULL, false, false },
	{ "audit verify", cmd_audit_verify, "audit verify [FILE] [--head HASH] [--json]",
		"check the hash chain of the log",
		"Check every record of FILE (default: the log of this user) and name the first inconsistent one. With "
		"--head the record of that hash must be there, so that a cut tail shows. Exit: 0 consistent, 1 not, "
		"2 usage or error.",
		"ward audit verify\n"
		"ward audit verify audit.jsonl --head \"$(cat head)\"",
		false, false },
	{ "audit show", cmd_audit_show, "audit show [FILE] [--json]", "print the log for people",
		"Print the records of FILE (default: the log of this user), one line each; with --json as they are.",
		NULL, false, false },
	{ "version", cmd_version, "version [--json]", "print the version",
		"Print the version and, with --json, the versions of the formats.", NULL, false,
		false },
	{ "help", cmd_help, "help [COMMAND]", "this text, or that of a command",
		"Print the commands, or what COMMAND does and takes.", NULL, false, false },
	{ "options", cmd_options, "options --json", "the option table, for generators",
		"Print the option table as JSON: what man page, completion and tests are made from.",
		NULL, false, true },
};

const struct command *command_at(size_t i)
{
	return i < WARD_ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

/* Does name ("run", "sandbox run") consist of these words? *ret_words: of how many. */
static bool name_is(const char *name, const char *first, const char *second, int *ret_words)
{
	const char *space = strchr(name, ' ');

	if (!space) {
		*ret_words = 1;
		return ward_streq(name, first);
	}
	*ret_words = 2;
	return second && strlen(first) == (size_t)(space - name) &&
		memcmp(name, first, strlen(first)) == 0 && ward_streq(space + 1, second);
}

const struct command *command_find(const char *first, const char *second, int *ret_words)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(commands); i++)
		if (name_is(commands[i].name, first, second, ret_words))
			return &commands[i];
	return NULL;
}

void say_error(const struct ward_error *err)
{
	char line[WARD_ERROR_MESSAGE_MAX + WARD_ERROR_FIX_MAX + WARD_ERROR_FILE_MAX + 64];

	(void)ward_error_format(err, line, sizeof(line));
	fprintf(stderr, "ward: %s\n", line);
}

bool take_word(struct words *w, const char *word)
{
	if (w->n < 1 || !ward_streq(w->v[0], word))
		return false;
	w->n--;
	w->v++;
	return true;
}

bool wants_help(const struct words *w)
{
	return w->n > 0 && (ward_streq(w->v[0], "--help") || ward_streq(w->v[0], "-h"));
}

static int unknown_command(const char *first, const char *second)
{
	struct ward_error err = WARD_ERROR_INIT;
	const char *names[WARD_ARRAY_SIZE(commands)];
	char all[128];
	const char *near;

	(void)snprintf(all, sizeof(all), "%s%s%s", first, second ? " " : "", second ? second : "");
	for (size_t i = 0; i < WARD_ARRAY_SIZE(commands); i++)
		names[i] = commands[i].name;
	near = ward_nearest(all, names, WARD_ARRAY_SIZE(commands));
	if (!near)
		near = ward_nearest(first, names, WARD_ARRAY_SIZE(commands));
	ward_fail(&err, WARD_E_INVALID, "unknown command \"%s\"", first);
	if (ward_streq(first, "sandbox") || ward_streq(first, "audit"))
		ward_fail_fix(&err, "%s",
			first[0] == 's' ? "use ward sandbox run SCRIPT"
					: "use ward audit verify or ward audit show");
	else if (near)
		ward_fail_fix(&err,
			"did you mean ward %s? To run a command: ward run [options] [--] CMD",
			near);
	else
		ward_fail_fix(&err, "to run a command: ward run [options] [--] CMD; see ward help");
	return usage_error(&err, NULL);
}

/* A closed 0, 1 or 2 would be taken by the first file that is opened, and then be read or written by mistake. */
static void hold_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
			_exit(EXIT_WARD);
}

int main(int argc, char **argv)
{
	struct words w = { argc - 1, argv + 1 };
	const struct command *c;
	int taken = 0;

	hold_standard_descriptors();
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write, not our end */
	if (w.n < 1) {
		(void)print_help(NULL);
		return EXIT_USAGE;
	}
	if (wants_help(&w))
		return print_help(NULL);
	if (ward_streq(w.v[0], "--version"))
		return cmd_version((struct words){ 0, NULL });
	c = command_find(w.v[0], w.n > 1 ? w.v[1] : NULL, &taken);
	if (!c)
		return unknown_command(w.v[0], w.n > 1 && w.v[1][0] != '-' ? w.v[1] : NULL);
	w.n -= taken;
	w.v += taken;
	if (wants_help(&w))
		return print_help(c);
	return c->fn(w);
}
