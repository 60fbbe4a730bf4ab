/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ward(1): the table of commands and the way to each. No command is found by a prefix of its name, and
 * nothing is guessed: an unknown word ends here, with the nearest known one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bin/cedar/cedar.h"

#define STACK_LEAST (256u << 10) /* bytes; some 100 KiB are used */
#define RUN_EXITS \
	"the command's own, or\n" \
	"123  it returned 0 but was refused something (--fail-on-violation)\n" \
	"124  --timeout was reached\n" \
	"125  Ward failed, or refused before the start\n" \
	"126  the command cannot be executed\n" \
	"127  the command was not found\n" \
	"137  memory, another limit, a forbidden system call or a new ceiling ended it\n" \
	"128+N  signal N ended it, or the run was cancelled by it"

/* clang-format off */
static const struct command commands[] = {
	{
		.name = "run",
		.fn = cmd_run,
		.usage = "run [options] [--] CMD [ARG...]",
		.summary = "run a command confined, deny by default",
		.text = "Run CMD with nothing but what is granted: a view of the file system that holds only granted "
			"paths, no network but what is named, a small set of system calls, bounded memory, processes and disk. What it "
			"tried and did not get is reported afterwards, each with the option that would allow it.",
		.examples = "ward run -- ls /etc\n"
			"ward run --read . -- python3 tool.py\n"
			"ward run --read . --write ./out --timeout 30s --memory 512M -- make\n"
			"ward run --json --cap 'FILE_READ:src/**' -- wc -l src/main.c",
		.exits = RUN_EXITS,
		.options = true,
	},
	{
		.name = "sandbox run",
		.fn = cmd_sandbox_run,
		.usage = "sandbox run SCRIPT [options] [-- ARG...]",
		.summary = "run an untrusted script under tighter defaults",
		.text = "Run SCRIPT with the interpreter of its first line or its extension. Only the script and its "
			"interpreter are granted; memory is 256M, one processor, 128 processes, if not said otherwise.",
		.examples = "ward sandbox run tool.py\n"
			"ward sandbox run tool.py --capabilities caps.json -- --verbose",
		.exits = RUN_EXITS,
		.options = true,
	},
	{
		.name = "plan",
		.fn = cmd_plan,
		.usage = "plan [run] [options] [--] CMD [ARG...]\n"
			"plan sandbox run SCRIPT [options] [-- ARG...]",
		.summary = "show what a run would do and what holds each axis",
		.text = "Print the plan of a run: what exists inside, which rule grants it, the limits, and what holds "
			"each axis on this host. Nothing is run.",
		.examples = "ward plan --read . -- python3 tool.py\n"
			"ward plan sandbox run tool.py --json",
		.exits = "0  it would start\n"
			"1  it would be refused\n"
			"2  usage or error",
		.options = true,
	},
	{
		.name = "doctor",
		.fn = cmd_doctor,
		.usage = "doctor [--json]",
		.summary = "try every mechanism of this host and say what to fix",
		.text = "Execute every mechanism that confines and report ok, warn or fail, with the one command that "
			"mends it.",
		.exits = "0  nothing failed\n"
			"1  something failed\n"
			"2  usage or error",
	},
	{
		.name = "policy explain",
		.fn = cmd_policy_explain,
		.usage = "policy explain [options] --op read|modify --path PATH\n"
			"policy explain [options] --action ACTION --resource RESOURCE\n"
			"policy explain --run RUN [--audit FILE] --op OP --path PATH",
		.summary = "say which rule decides, where it stands, and what would change it",
		.text = "Judge one request by the policies that a run with the same options would have, and say why: each rule "
			"that decides with file, line and layer, and the least grant that would change it. The options are those of "
			"ward run that policies depend on: --mode, --profile, --policy, --component, --trust, --backend, --cap, --capabilities, --read, --write, "
			"--env, --repo-root, --environment, --label, --workspace, and --accept, without which a run of these options may not be planned; "
			"of a connection --upstream-proxy and --upstream-direct, by which it would go. "
			"Actions are those of docs/spec/vocabulary.md. With --run RUN the answer is that of the policies that were stored with RUN, "
			"whatever policies say today; relative paths start at its workspace.",
		.examples = "ward policy explain --mode workspace_write --op modify --path .git/config\n"
			"ward policy explain --profile reviewer --op read --path .env\n"
			"ward policy explain --run 01JD7Z3NDEKTSV4RRFFQ69G5FA --op read --path .env\n"
			"ward policy explain --action env.read --resource LANG --json",
		.exits = "0  allowed\n"
			"1  denied, or a person would be asked\n"
			"2  usage, or an error in a policy",
	},
	{
		.name = "policy check",
		.fn = cmd_policy_check,
		.usage = "policy check [options] [FILE...]",
		.summary = "read all policies of a run and say what is wrong with them",
		.text = "Read and validate the policies that a run with the same options would have, FILE... among them as --policy would "
			"add them, and print the warnings: empty lists, rules that can never match.",
		.examples = "ward policy check team.yaml\n"
			"ward policy check --mode repo_write --profile implementer --policy team.yaml",
		.exits = "0  they are right\n"
			"1  they are not\n"
			"2  usage or error",
	},
	{
		.name = "policy show",
		.fn = cmd_policy_show,
		.usage = "policy show [options] [--as cedar|snapshot]\n"
			"policy show --run RUN [--audit FILE] [--as cedar|snapshot]",
		.summary = "print all policies of a run as Cedar text",
		.text = "Print the policies that a run with the same options would have as Cedar text: modes and policy files as they are, "
			"profiles, capabilities and what every run has as what they compile to, each with the place of its rule. With "
			"--as snapshot the JSON document whose SHA-256 is the policy_sha256 of outcome and log. With --run those that RUN had, "
			"as they were stored with it.",
		.examples = "ward policy show --mode workspace_write\n"
			"ward policy show --run 01JD7Z3NDEKTSV4RRFFQ69G5FA\n"
			"ward policy show --read . --as snapshot",
		.exits = "0  printed\n"
			"2  usage, or an error in a policy",
	},
	{
		.name = "policy test",
		.fn = cmd_policy_test,
		.usage = "policy test [options] FILE...",
		.summary = "check expectations that are written beside a policy",
		.text = "Judge each question of FILE (a list in YAML or JSON, docs/spec/policy-test.md) and compare the answer with the "
			"expected one: a failure is a line with its place, the last line counts. Options are those of ward policy "
			"explain; what FILE says itself counts before them.",
		.examples = "ward policy test tests.yaml\n"
			"ward policy test --mode workspace_write expectations.json --json",
		.exits = "0  all as expected\n"
			"1  some are not\n"
			"2  usage, or an error in a file",
	},
	{
		.name = "policy diff",
		.fn = cmd_policy_diff,
		.usage = "policy diff [options] A B [--requests FILE]\n"
			"policy diff --run RUN [--audit FILE] [options] [--requests FILE]",
		.summary = "name the questions that two policies answer differently",
		.text = "Compare A with B, each a mode, a policy file or a directory of them, with the same options beside both. Asked is "
			"everything that either names, with names beside and below it, names that patterns match, and the questions of "
			"--requests FILE (as for ward policy test). A text in a condition (like \"API_*\") is not guessed at. With --run A is what "
			"was stored with RUN, and B what the options say now.",
		.examples = "ward policy diff read_only workspace_write\n"
			"ward policy diff old.yaml new.yaml --profile builder --json\n"
			"ward policy diff --run 01JD7Z3NDEKTSV4RRFFQ69G5FA --mode workspace_write",
		.exits = "0  no answer differs\n"
			"1  some do\n"
			"2  usage, or an error in a file",
	},
	{
		.name = "policy fmt",
		.fn = cmd_policy_fmt,
		.usage = "policy fmt [--check] FILE...",
		.summary = "lay Cedar files out anew, comments kept",
		.text = "Write each FILE, which ends in .cedar, as the formatter lays it out; with --check change nothing and print the names "
			"of those that would change. Documents in YAML and JSON stay as they were written, and are refused.",
		.examples = "ward policy fmt .ward/net.cedar\n"
			"ward policy fmt --check .ward/net.cedar",
		.exits = "0  done, or nothing would change\n"
			"1  something would change\n"
			"2  usage or error",
	},
	{
		.name = "policy snapshot",
		.fn = cmd_policy_snapshot,
		.usage = "policy snapshot [options] [--store DIR]\n"
			"policy snapshot --run RUN [--audit FILE]",
		.summary = "print or keep all that decisions of a run depend on",
		.text = "Print the snapshot (docs/spec/snapshot.md) of the policies that a run with the same options would have; with --store "
			"write it to DIR, which is made if it is not there, under its SHA-256, which is the policy_sha256 of outcome and log, and "
			"print the name. With --run print what was stored with RUN, after checking it against the log (default: that of this user).",
		.examples = "ward policy snapshot --mode workspace_write\n"
			"ward policy snapshot --run 01JD7Z3NDEKTSV4RRFFQ69G5FA\n"
			"ward policy snapshot --profile builder --store ~/snapshots",
		.exits = "0  printed, or written\n"
			"2  usage, or an error in a policy",
	},
	{
		.name = "net check",
		.fn = cmd_net_check,
		.usage = "net check [options] HOST:PORT",
		.summary = "say whether a run may connect to HOST:PORT, and why",
		.text = "Judge a connection to HOST:PORT by the policies that a run with the same options would have: the rule that "
			"decides with its place, what a literal address is, and the least grant that would allow it. The options are those of ward "
			"policy explain, --upstream-proxy and --upstream-direct among them. No name is looked up; what a name leads to is looked at when a run connects.",
		.examples = "ward net check --cap 'NETWORK_CONNECT:*.example.com:443' api.example.com:443\n"
			"ward net check --mode workspace_write api.example.com:443\n"
			"ward net check --policy net.cedar '[2001:db8::1]:22' --json",
		.exits = "0  allowed\n"
			"1  denied, or a person would be asked\n"
			"2  usage, or an error in a policy",
	},
	{
		.name = "audit verify",
		.fn = cmd_audit_verify,
		.usage = "audit verify [FILE] [--head HASH] [--json]",
		.summary = "check the hash chain of the log",
		.text = "Check every record of FILE (default: the log of this user) and name the first inconsistent "
			"one. With --head the record of that hash must be there, so that a cut tail shows.",
		.examples = "ward audit verify\n"
			"ward audit verify audit.jsonl --head \"$(cat head)\"",
		.exits = "0  consistent\n"
			"1  not consistent\n"
			"2  usage or error",
	},
	{
		.name = "audit show",
		.fn = cmd_audit_show,
		.usage = "audit show [FILE] [--json]",
		.summary = "print the log for people",
		.text = "Print the records of FILE (default: the log of this user), one line each; with --json as they "
			"are.",
	},
	{
		.name = "net log",
		.fn = cmd_net_log,
		.usage = "net log RUN [--audit FILE] [--json]",
		.summary = "print what a run did on the network",
		.text = "Print the records of RUN (its id, as the outcome and the log have it) that are about the network: the names that it "
			"asked for, the connections that it had, those that were refused and why, and the limits that it met. They come from "
			"FILE (default: the log of this user); with --json as they are.",
		.examples = "ward net log 01JDZ5N6Q0W3VJ1X7R8K2M4T9C\n"
			"ward net log --json 01JDZ5N6Q0W3VJ1X7R8K2M4T9C",
	},
	{
		.name = "pending",
		.fn = cmd_pending,
		.usage = "pending [--json]",
		.summary = "what runs wait for a person to say yes to",
		.text = "Print the questions of runs that were started with --ask wait: the rule that asks, what a yes would give, and "
			"how long the run waits.",
		.examples = "ward pending\n"
			"ward pending --json",
		.exits = "0  something waits\n"
			"1  nothing waits, or refused\n"
			"2  usage or error",
	},
	{
		.name = "approve",
		.fn = cmd_approve,
		.usage = "approve RUN|ID [--once|--run]",
		.summary = "say yes to what a run waits for",
		.text = "Say yes to all questions of RUN, or to the one whose digest begins with ID (8 digits or more). With --once, "
			"the default, exactly what is asked is granted; with --run the rule is not asked about again in that run. What is "
			"critical must be named by its ID, and takes --once alone.",
		.examples = "ward approve 16ee8c9a61c1\n"
			"ward approve 01JD7Z3NDEKTSV4RRFFQ69G5FA --run",
		.exits = "0  said\n"
			"1  refused, or nothing of that name waits\n"
			"2  usage or error",
	},
	{
		.name = "deny",
		.fn = cmd_deny,
		.usage = "deny RUN|ID",
		.summary = "say no to what a run waits for",
		.text = "Say no to all questions of RUN, or to the one whose digest begins with ID. The run goes on without.",
		.examples = "ward deny 16ee8c9a61c1",
		.exits = "0  said\n"
			"1  refused, or nothing of that name waits\n"
			"2  usage or error",
	},
	{
		.name = "allow",
		.fn = cmd_allow,
		.usage = "allow RUN#SEQ [--once|--always] [--audit FILE]",
		.summary = "what would allow a refusal of the log, as an option or a rule",
		.text = "Take the cure of the refusal SEQ of RUN out of the log (default: that of this user; '#SEQ' is enough). With --once, the "
			"default, print the option that would allow it; with --always add a permit for it, in that workspace, to the "
			"user's policies (allowed.cedar). What the ceiling or another rule forbids, and Ward's own files, have no cure.",
		.examples = "ward allow '#25'\n"
			"ward allow 01JD7Z3NDEKTSV4RRFFQ69G5FA#25 --always",
		.exits = "0  printed, or written\n"
			"1  refused, or there is no such record\n"
			"2  usage or error",
	},
	{
		.name = "stop",
		.fn = cmd_stop,
		.usage = "stop [options] RUN...\n"
			"stop [options] --match KEY=VALUE...\n"
			"stop [options] --all",
		.summary = "end runs that are alive",
		.text = "End each RUN, or the runs that have all of these labels (ward run --label), or all of them: your own; as root, "
			"everybody's. A run ends as after a TERM to its ward, after the grace that it was given with KILL (--now: KILL at "
			"once), and its log says who ended it and why (--reason TEXT). Then wait until nothing of them is alive, 10 s at most "
			"(--wait TIME), and print a line for each; --json prints a document. With --dry-run say which they are, and end none.",
		.examples = "ward stop 01JD7Z3NDEKTSV4RRFFQ69G5FA --reason 'wrong branch'\n"
			"ward stop --match team=ops --now\n"
			"ward stop --all --dry-run",
		.exits = "0  all of them have ended\n"
			"1  one is not alive, cannot be asked or lives on; there is none; or refused\n"
			"2  usage or error",
	},
	{
		.name = "runs ls",
		.fn = cmd_runs_ls,
		.usage = "runs [ls] [--json]",
		.summary = "what runs under review changed, and what became of it",
		.text = "List the runs under review (ward run --review) whose changes are kept: how old, in what state, how many changes, how "
			"large, of which directory, and the command. States: live, pending (the changes wait), committing (a commit began and "
			"did not end), lost (they lay on a tmpfs and went with it, or are forgotten but for the record of that), broken (the record cannot be read).",
		.examples = "ward runs\n"
			"ward runs ls --json",
		.exits = "0  listed, also if there is none\n"
			"1  the store cannot be read\n"
			"2  usage or error",
	},
	{
		.name = "runs show",
		.fn = cmd_runs_show,
		.usage = "runs show RUN [--json]",
		.summary = "all that is known of one of them",
		.text = "Print what is known of RUN (its id, or the beginning of it if no other begins so), and what can be done with it.",
		.examples = "ward runs show 01JD7Z",
		.exits = "0  printed\n"
			"1  there is no such run, or its record cannot be read\n"
			"2  usage or error",
	},
	{
		.name = "runs rm",
		.fn = cmd_runs_rm,
		.usage = "runs rm RUN...",
		.summary = "forget what these runs changed",
		.text = "Forget what each RUN changed, as ward discard does. One that is alive, or of which a commit has begun that can still be ended, is refused.",
		.examples = "ward runs rm 01JD7Z3NDEKTSV4RRFFQ69G5FA",
		.exits = "0  forgotten\n"
			"1  refused, or there is no such run\n"
			"2  usage or error",
	},
	{
		.name = "runs gc",
		.fn = cmd_runs_gc,
		.usage = "runs gc [--older-than TIME] [--dry-run] [--json]",
		.summary = "take away what nobody needs of them",
		.text = "Take away what starts and removals that died have left, and runs whose layer is lost. With --older-than TIME also "
			"those that ended that long ago, and what they changed with them. Never one that is alive, that is broken, or of which a "
			"commit has begun. With --dry-run only say which.",
		.examples = "ward runs gc\n"
			"ward runs gc --older-than 720h --dry-run",
		.exits = "0  done, also if there was nothing\n"
			"1  something could not be taken away\n"
			"2  usage or error",
	},
	{
		.name = "runs",
		.fn = cmd_runs,
		.usage = "runs [--json]",
		.summary = "the same as runs ls",
		.text = "List the runs under review.",
		.hidden = true,
	},
	{
		.name = "diff",
		.fn = cmd_diff,
		.usage = "diff [--patch|--stat|--name-only|--name-status|--json] [RUN] [PATH...]",
		.summary = "show what a run under review changed",
		.text = "Show what RUN (ward run --review; default: the youngest that waits where you are) changed below PATH... (default: all), as git diff "
			"would, and what it would not: empty directories, attributes, devices. Every deletion and rename is there. On a terminal what "
			"a file could do to it is escaped; elsewhere git apply takes the patch.",
		.examples = "ward diff\n"
			"ward diff --stat\n"
			"ward diff 01JD7Z3NDEKTSV4RRFFQ69G5FA src docs\n"
			"ward diff --name-status",
		.exits = "0  shown, if only that nothing changed\n"
			"1  there is no such run, or it cannot be shown\n"
			"2  usage",
	},
	{
		.name = "discard",
		.fn = cmd_discard,
		.usage = "discard [RUN]",
		.summary = "forget what a run under review changed",
		.text = "Forget what RUN changed: the project stays as it is, and the log says so. Without RUN the one that left changes in the "
			"working directory; if several have, they are listed, and none is taken. One that is alive, or of which a commit has "
			"begun that can still be ended, is refused.",
		.examples = "ward discard\n"
			"ward discard 01JD7Z",
		.exits = "0  forgotten\n"
			"1  refused, or there is no such run\n"
			"2  usage, or more than one run may be meant",
	},
	{
		.name = "commit",
		.fn = cmd_commit,
		.usage = "commit [options] [RUN] [PATH...]\n"
			"commit [RUN] --continue|--abort",
		.summary = "make real what a run under review changed",
		.text = "Decide each thing that RUN (ward run --review; default: the only one that waits where you are) changed below PATH... "
			"(default: all), and make real what may be: what the policies of the run forbid, devices, pipes and sockets are refused; names that "
			"run code later, set-ID bits and links that lead out of the tree are asked about on the terminal; what somebody else changed "
			"meanwhile is never overwritten. --approve risky (or critical) says yes beforehand; --theirs PATH keeps what the project "
			"has, --ours PATH takes what the run made. With --dry-run say what would be decided. What could not all be kept at the "
			"end of the run is refused without --incomplete. After a commit that did not end "
			"--continue finishes it and --abort undoes it. What was not made real waits, and is shown with why and what helps.",
		.examples = "ward commit\n"
			"ward commit 01JD7Z3NDEKTSV4RRFFQ69G5FA src docs\n"
			"ward commit --dry-run --json\n"
			"ward commit --approve risky --ours src/main.c",
		.exits = "0  all that was asked for is real\n"
			"1  something waits, is refused or is in conflict, or there is no such run\n"
			"2  usage or error",
	},
	{
		.name = "trust",
		.fn = cmd_trust,
		.usage = "trust [--hash HASH] [--json] [DIR]\n"
			"trust --show [--json] [DIR]\n"
			"trust --revoke [--json] [DIR]",
		.summary = "let the policy of a repository grant, until it changes",
		.text = "Print what lies in DIR/.ward (default: here) and its hash, and remember both its place and "
			"its hash: from then on that policy may grant, until a byte of it changes or the repository "
			"is moved. An untrusted one only narrows. With --show nothing is remembered; with --hash "
			"only what was looked at is trusted; --revoke forgets DIR.",
		.examples = "ward trust --show\n"
			"ward trust --hash HASH\n"
			"ward trust --revoke ~/old",
		.exits = "0  trusted, or with --revoke forgotten\n"
			"1  not trusted (with --revoke: nor was it before), or refused\n"
			"2  usage or error",
	},
	{
		.name = "version",
		.fn = cmd_version,
		.usage = "version [--json]",
		.summary = "print the version",
		.text = "Print the version and, with --json, an object: name, version, formats (outcome, audit and plan: the number in their \"v\"), "
			"and backends (those that --backend takes).",
	},
	{
		.name = "help",
		.fn = cmd_help,
		.usage = "help [COMMAND]",
		.summary = "this text, or that of a command",
		.text = "Print the commands, or what COMMAND does and takes.",
	},
	{
		.name = "options",
		.fn = cmd_options,
		.usage = "options --json",
		.summary = "the option table, for generators",
		.text = "Print commands and options as JSON: what man page, completion and tests are made from.",
		.hidden = true,
	},
};
/* clang-format on */

/* Those of `ward cedar` stand before the last ones, which are about ward itself. */
#define ABOUT_WARD 3
_Static_assert(WARD_ARRAY_SIZE(commands) > ABOUT_WARD, "version, help, options");

const struct command *command_at(size_t i)
{
	size_t before = WARD_ARRAY_SIZE(commands) - ABOUT_WARD;
	const struct command *c = i < before ? &commands[i] : cedar_command_at(i - before);

	if (c)
		return c;
	i -= cedar_command_count();
	return i < WARD_ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

const struct command *command_named(const char *name)
{
	for (size_t i = 0; command_at(i); i++) {
		if (ward_streq(command_at(i)->name, name))
			return command_at(i);
	}
	return NULL;
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
	for (size_t i = 0; ward_streq(first, "cedar") && cedar_command_at(i); i++)
		if (name_is(cedar_command_at(i)->name, first, second, ret_words))
			return cedar_command_at(i);
	return NULL;
}

void say_error(const struct ward_error *err)
{
	char line[WARD_ERROR_MESSAGE_MAX + WARD_ERROR_FIX_MAX + WARD_ERROR_FILE_MAX + 64];

	(void)ward_error_format(err, line, sizeof(line));
	fprintf(stderr, "ward: %s\n", line);
}

bool wants_help(const struct words *w)
{
	return w->n > 0 && (ward_streq(w->v[0], "--help") || ward_streq(w->v[0], "-h"));
}

/* Is it the first of two words? Their second words, then, as "explain, show or test". */
static size_t group(const char *first, char *out, size_t size)
{
	const struct command *c;
	size_t n = 0, length = strlen(first), total = 0, at = 0;

	for (size_t i = 0; (c = command_at(i)); i++)
		total += ward_has_prefix(c->name, first) && c->name[length] == ' ';
	out[0] = '\0';
	for (size_t i = 0; (c = command_at(i)) && at < size; i++) {
		int put;

		if (!ward_has_prefix(c->name, first) || c->name[length] != ' ')
			continue;
		n++;
		put = snprintf(out + at, size - at, "%s%s",
			n == 1              ? ""
				: n < total ? ", "
					    : " or ",
			c->name + length + 1);
		at += put > 0 ? (size_t)put : 0;
	}
	return total;
}

/* "ward explain": the word alone, of the first group that has it; or what others call it. NULL: none has. */
static const char *without_group(const char *word)
{
	static const char *const elsewhere[][2] = { { "log", "audit show" },
		{ "logs", "audit show" }, { "exec", "run" }, { "kill", "stop" },
		{ "list", "runs ls" }, { "-V", "version" }, { "-v", "version" }, { "shell", "run" },
		{ "start", "run" } };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(elsewhere); i++)
		if (ward_streq(elsewhere[i][0], word))
			return elsewhere[i][1];
	for (size_t i = 0; command_at(i); i++) {
		const char *blank = strchr(command_at(i)->name, ' ');

		if (blank && ward_streq(blank + 1, word))
			return command_at(i)->name;
	}
	return NULL;
}

/* A first word that nearly is the first of two: "policy". */
static const char *nearest_group(const char *first)
{
	static char words[64][32];
	const char *names[WARD_ARRAY_SIZE(words)];
	size_t n = 0;

	for (size_t i = 0; command_at(i) && n < WARD_ARRAY_SIZE(words); i++) {
		const char *name = command_at(i)->name, *blank = strchr(name, ' ');

		if (!blank)
			continue;
		(void)snprintf(words[n], sizeof(words[n]), "%.*s", (int)(blank - name), name);
		names[n] = words[n];
		n++;
	}
	return ward_nearest(first, names, n);
}

const char *command_near(const char *first, const char *second)
{
	const char *names[64], *near;
	char all[128], seconds[256];
	size_t n = 0;
	bool grouped = group(first, seconds, sizeof(seconds)) > 0;

	/* Other tools have it; here nothing is to be set up, and it is nearest to "net". */
	if (ward_streq(first, "init"))
		return NULL;
	(void)snprintf(all, sizeof(all), "%s%s%s", first, second ? " " : "", second ? second : "");
	for (; command_at(n) && n < WARD_ARRAY_SIZE(names); n++)
		names[n] = command_at(n)->name;
	near = grouped ? NULL : without_group(first);
	if (!near)
		near = ward_nearest(all, names, n);
	if (!near && !grouped)
		near = ward_nearest(first, names, n);
	return near || grouped ? near : nearest_group(first);
}

static int unknown_command(const char *first, const char *second)
{
	struct ward_error err = WARD_ERROR_INIT;
	char all[128], seconds[256];
	const char *near = command_near(first, second);
	bool grouped = group(first, seconds, sizeof(seconds)) > 0;

	(void)snprintf(all, sizeof(all), "%s%s%s", first, second ? " " : "", second ? second : "");
	ward_fail(&err, WARD_E_INVALID, "unknown command \"%s\"", grouped ? all : first);
	if (grouped && !second)
		ward_fail(&err, WARD_E_INVALID, "the word behind \"ward %s\" is missing", first);
	if (grouped && second && near && ward_has_prefix(near, first))
		ward_fail_fix(&err, "did you mean ward %s?", near);
	else if (ward_streq(first, "cedar"))
		ward_fail_fix(&err, "see ward help cedar");
	else if (grouped)
		ward_fail_fix(&err, "ward %s %s; see ward help %s", first, seconds, first);
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

/* What did not arrive was not said, whatever the command found; a reader that has read enough is told nothing. */
static int written(int code)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct pollfd reader = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (poll(&reader, 1, 0) < 1 || !(reader.revents & POLLERR)) {
		ward_fail(&err, WARD_E_SYSTEM, "cannot write to standard output");
		say_error(&err);
	}
	return code == EXIT_OK ? EXIT_USAGE : code;
}

static int dispatch(struct words w)
{
	const struct command *c;
	int taken = 0;

	if (w.n < 1) {
		(void)print_help(NULL);
		return EXIT_USAGE;
	}
	if (wants_help(&w))
		return print_help(NULL);
	if (ward_streq(w.v[0], "--version"))
		return cmd_version((struct words){ 0, NULL });
	c = command_find(w.v[0], w.n > 1 ? w.v[1] : NULL, &taken);
	if (!c && w.n == 2 && wants_help(&(struct words){ 1, w.v + 1 }) && print_help_group(w.v[0]))
		return fflush(stdout) == 0 ? EXIT_OK : EXIT_USAGE;
	if (!c)
		return unknown_command(w.v[0], w.n > 1 && w.v[1][0] != '-' ? w.v[1] : NULL);
	w.n -= taken;
	w.v += taken;
	if (wants_help(&w))
		return print_help(c);
	return c->cedar ? cedar_command_run(c->cedar, w) : c->fn(w);
}

/* Has it a capability that it was not given as one of its caller's? These the kernel keeps apart, and drops them where the file has its own. */
static bool has_capabilities(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[2] = { { 0 } };

	if (syscall(SYS_capget, &h, has) != 0)
		return true;
	for (unsigned long c = 0; c < 64; c++) {
		if ((has[c / 32].permitted >> c % 32 & 1) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) != 1)
			return true;
	}
	return false;
}

/*
 * A set-ID bit or capabilities of the file are rights that the caller has not, and with a grant it would get at what only these may read.
 * Who was only cleaned of its environment by a security module (root's services, where SELinux is) has what it had.
 */
static bool lends_rights(void)
{
	if (!getauxval(AT_SECURE))
		return false;
	if (getauxval(AT_UID) != getauxval(AT_EUID) || getauxval(AT_GID) != getauxval(AT_EGID))
		return true;
	/* Root has them all, unless it was told to be nobody. */
	if (getauxval(AT_UID) == 0 && prctl(PR_GET_SECUREBITS) >= 0 &&
		!(prctl(PR_GET_SECUREBITS) & SECBIT_NOROOT))
		return false;
	return has_capabilities();
}

static int refuse_rights(void)
{
	struct ward_error err = WARD_ERROR_INIT;

	ward_fail(&err, WARD_E_REFUSED,
		"ward has rights of its own (a set-ID bit or capabilities of its file), and would lend them to whoever calls it");
	ward_fail_fix(&err, "take them away: chmod u-s,g-s and setcap -r the program");
	say_error(&err);
	return EXIT_WARD;
}

/* Less is used, but an end by SIGSEGV in the middle of something says nothing. */
static bool has_no_stack(void)
{
	struct rlimit has;

	return getrlimit(RLIMIT_STACK, &has) == 0 && has.rlim_cur < STACK_LEAST;
}

static int refuse_stack(void)
{
	struct ward_error err = WARD_ERROR_INIT;

	ward_fail(&err, WARD_E_LIMIT, "the limit of the stack is below %u KiB", STACK_LEAST >> 10);
	ward_fail_fix(&err, "ulimit -s 8192");
	say_error(&err);
	return EXIT_WARD;
}

int main(int argc, char **argv)
{
	hold_standard_descriptors();
	if (lends_rights())
		return refuse_rights();
	if (has_no_stack())
		return refuse_stack();
	/* What is made here, is its owner's: a umask that took that would leave a ~/.local that nobody can enter. Commands have their own. */
	(void)umask(umask(077) & 077);
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is a failed write, not our end */
	(void)signal(SIGXFSZ,
		SIG_IGN); /* and a limit on file sizes an error; inside both are as they were */
	return written(dispatch((struct words){ argc - 1, argv + 1 }));
}
