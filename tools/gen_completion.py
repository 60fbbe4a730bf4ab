# SPDX-License-Identifier: Apache-2.0
"""Completions of zsh and fish, from the option table that gen-options reads; and what the table does not hold: the options
of the small commands, for those of bash too. It refuses to guess: what takes a value here says so by "="."""

# Options of `ward run` that `ward policy` takes; tests/cli/test_policy_tools.py tries each of them.
POLICY = "mode profile policy component trust backend cap capabilities read write env repo-root environment label caches workspace i-know".split()

# COMMAND: options. NAME= takes a value; NAME=FILE a file, NAME=DIR a directory, NAME=A|B one of these. "policy" stands for those above.
SMALL = {
    "policy explain": "policy json accept= upstream-proxy= upstream-direct= op=read|modify path=FILE action= resource= run= audit=FILE",
    "policy check": "policy json",
    "policy test": "policy json",
    "policy show": "policy as=cedar|snapshot run= audit=FILE",
    "policy diff": "policy json requests=FILE run= audit=FILE",
    "policy snapshot": "policy json store=DIR run= audit=FILE",
    "policy fmt": "check",
    "net check": "policy json upstream-proxy= upstream-direct=",
    "net log": "json audit=FILE",
    "audit verify": "json head=",
    "audit show": "json",
    "pending": "json",
    "approve": "once run",
    "deny": "",
    "allow": "once always audit=FILE",
    "stop": "all match= now reason= wait= dry-run json",
    "runs ls": "json",
    "runs show": "json",
    "runs rm": "",
    "runs gc": "older-than= dry-run json",
    "runs": "json older-than= dry-run",
    "commit": "approve=risky|critical theirs=FILE ours=FILE incomplete dry-run json continue abort",
    "diff": "patch stat name-only name-status json",
    "discard": "",
    "trust": "show revoke hash= json",
    "doctor": "json",
    "version": "json",
    "help": "",
}
# What stands behind the options of a command: all others take files.
NOTHING = ("pending", "approve", "deny", "discard", "stop", "runs ls", "runs show", "runs rm", "runs gc", "runs", "doctor", "version", "help", "net check", "net log")
RUNS = ("run", "sandbox run", "plan")
LEVELS = "none advisory sampled enforced"


def small(command):
    """(name, value or None) of each option that the table has not."""
    return [(o.partition("=")[0], o.partition("=")[2] if "=" in o else None) for o in SMALL[command].split() if o != "policy"]


def visible(data):
    return [c for c in data["commands"] if not c["hidden"]]


def words_of(data):
    """The first words; and of those that are a group the second ones."""
    groups = {}
    for c in visible(data):
        first, _, second = c["name"].partition(" ")
        groups.setdefault(first, []).extend([(second, c["summary"])] if second else [])
    return groups


def about(data, first):
    """One line on a first word: its own, or the names of its commands."""
    own = [c["summary"] for c in visible(data) if c["name"] == first]
    return own[0] if own else ", ".join(second for second, _ in words_of(data)[first])


def rows(data, command):
    """(name, letter, how, value, repeat, help) of each option of a command; how: None, "=" a value, "[=" one that is no word of its own."""
    cedar = next((c["cedar"] for c in data["commands"] if c["name"] == command), 0)
    if cedar:
        return [(o["name"], o["letter"], "=" if o["arg"] else None, o["choices"] or o["arg"], False, o["help"])
                for o in data["cedar_options"] if o["commands"] & cedar]
    of_run = [(o["name"], None, "[=" if o["arg"].startswith("[=") else "=", o["choices"] or o["arg"], o["repeat"], o["help"]) if o["arg"] else
              (o["name"], None, None, None, o["repeat"], o["help"]) for o in data["options"]]
    if command in RUNS:
        return of_run
    taken = POLICY if "policy" in SMALL[command].split() else []
    return [r for r in of_run if r[0] in taken] + [(name, None, None if value is None else "=", value, True, "") for name, value in small(command)]


def kind(name, value):
    """cap, axis, file, dir, none, or the words to choose from."""
    if name in ("cap", "require", "accept"):
        return {"cap": "cap"}.get(name, "axis")
    if value in ("FILE", "PATH", "FILE|fd:N"):
        return "file"
    if value == "DIR":
        return "dir"
    return value.split("|") if value and "|" in value else "none"


# zsh ----------------------------------------------------------------------------------------------------------------

ZSH = """\
#compdef ward
# zsh completion for ward(1). Made from the option table by tools/gen-options; do not edit.
# SPDX-License-Identifier: Apache-2.0
_ward_cap()
{
	if compset -P 'FILE_(READ|WRITE):'; then
		_files
	elif compset -P 'EXTERNAL_COMMAND:'; then
		_command_names -e
	elif compset -P '*:'; then
		_message resource
	else
		compadd -S '' -- %(caps)s
	fi
}

_ward_axis()
{
	if compset -P '*='; then
		compadd -- %(levels)s
	else
		compadd -S '' -- %(axes)s
	fi
}

# The command of a run, then whatever belongs to it.
_ward_program()
{
	_alternative 'commands:command:_command_names -e' 'files:file:_files'
}

_ward()
{
	local command

	shift words
	((CURRENT--))
	if ((CURRENT == 1)); then
		local -a commands=(
%(first)s
		)
		_describe -t commands command commands
		return
	fi
	command=${words[1]}
	case $command in
	help)
		compadd -- %(names)s
		return
		;;
%(groups)s
	esac
	# A plan is asked for with the words of the run.
	if [[ $command == plan ]] && ((CURRENT > 2)) && [[ ${words[2]} == run ]]; then
		shift words
		((CURRENT--))
	elif [[ $command == plan ]] && ((CURRENT > 3)) && [[ ${words[2]} == sandbox ]]; then
		shift 2 words
		((CURRENT -= 2))
	fi
	case $command in
%(commands)s
	*) _files ;;
	esac
}

if [[ ${funcstack[1]} == _ward ]]; then
	_ward "$@"
else
	compdef _ward ward
fi
"""


def zsh_quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_plain(text):
    """What stands between brackets, or between colons, of a row of _arguments."""
    for c in "\\[]:":
        text = text.replace(c, "\\" + c)
    return text


def zsh_row(row):
    name, letter, how, value, repeat, text = row
    said = f"[{zsh_plain(text)}]" if text else ""
    k = kind(name, value) if how else None
    does = {"cap": "_ward_cap", "axis": "_ward_axis", "file": "_files", "dir": "_files -/", "none": " "}
    tail = "" if not how else f":{zsh_plain(name)}:" + (does[k] if isinstance(k, str) else "(" + " ".join(zsh_plain(w) for w in k) + ")")
    many = "*" if repeat else ""
    if how == "[=":
        tail = ":" + tail
    spell = [f"--{name}" + {None: "", "=": "=", "[=": "=-"}[how]] + ([f"-{letter}" + ("+" if how else "")] if letter else [])
    return [zsh_quote(many + s + said + tail) for s in spell]


def zsh(data):
    def described(pairs):
        return "\n".join("\t\t\t" + zsh_quote(w.replace(":", "\\:") + ":" + text) for w, text in pairs)
    groups, names = words_of(data), [c["name"] for c in visible(data)]
    commands = []
    for command in names + ["runs"]:
        rest = {"run": "'(-)1:command:_ward_program' '*::argument:_normal'", "plan": "'(-)1:command:_ward_program' '*::argument:_normal'"}.get(
            command, "" if command in NOTHING else "'*:file:_files -/'" if command == "trust" else "'*:file:_files'")
        specs = [s for row in rows(data, command) for s in zsh_row(row)] + ["'(-)--help[say how it is used]'"] + ([rest] if rest else [])
        commands.append(f"\t{zsh_quote(command)})\n\t\t_arguments -s -S : \\\n" + " \\\n".join("\t\t\t" + s for s in specs) + "\n\t\t;;")
    caps, axes = (next(o["choices"] for o in data["options"] if o["name"] == n).replace("|", " ") for n in ("cap", "require"))
    inner = [f"\t{first})\n\t\tif ((CURRENT == 2)); then\n\t\t\tlocal -a seconds=(\n{described(seconds)}\n\t\t\t)\n"
             f"\t\t\t_describe -t commands command seconds\n" + ("\t\t\tcompadd -- --json --help\n" if first == "runs" else "") +
             "\t\t\treturn\n\t\tfi\n"
             + ("\t\tif [[ ${words[2]} != -* ]]; then\n\t\t\tshift words\n\t\t\t((CURRENT--))\n\t\t\tcommand+=\" ${words[1]}\"\n\t\tfi\n" if first == "runs"
                else "\t\tshift words\n\t\t((CURRENT--))\n\t\tcommand+=\" ${words[1]}\"\n") + "\t\t;;"
             for first, seconds in groups.items() if seconds]
    return ZSH % {"caps": caps, "axes": axes, "levels": LEVELS, "first": described((w, about(data, w)) for w in groups), "names": " ".join(groups),
                  "groups": "\n".join(inner), "commands": "\n".join(commands)}


# fish ---------------------------------------------------------------------------------------------------------------

FISH = """\
# fish completion for ward(1). Made from the option table by tools/gen-options; do not edit.
# SPDX-License-Identifier: Apache-2.0
set -g __ward_groups %(groups)s
set -g __ward_valued %(valued)s

# What stands before the cursor: the command, one line; then, where a run's own command has begun, each word of that.
function __ward_look
	set -l words (commandline -opc)
	set -e words[1]
	set -l command
	if test "$words[1]" = plan
		# A plan is asked for with the words of the run.
		set command plan
		set -e words[1]
		if test "$words[1]" = run
			set -e words[1]
		else if test "$words[1]" = sandbox; and test "$words[2]" = run
			set -e words[1..2]
		end
	else if set -q words[1]; and contains -- $words[1] $__ward_groups
		set command $words[1]
		set -e words[1]
		if set -q words[1]; and not string match -q -- '-*' $words[1]
			set command "$command $words[1]"
			set -e words[1]
		end
	else if set -q words[1]
		set command $words[1]
		set -e words[1]
	end
	echo "$command"
	contains -- "$command" run plan 'sandbox run'
	or return
	while set -q words[1]
		if test "$words[1]" = --
			set -e words[1]
			echo behind
			string join \\n -- $words
			return
		else if not string match -q -- '-*' $words[1]
			echo behind
			string join \\n -- $words
			return
		else if contains -- $words[1] $__ward_valued
			set -e words[1]
		end
		set -e words[1]
	end
end

function __ward_at
	set -l seen (__ward_look)
	test (count $seen) -eq 1
	and contains -- "$seen[1]" $argv
end

function __ward_behind
	test (count (__ward_look)) -gt 1
end

# What the command of a run would be offered were it typed alone.
function __ward_program
	set -l seen (__ward_look)
	complete -C (string join ' ' -- (string escape -- $seen[3..-1]) (commandline -ct))
end

# A command of a run: what fish would offer for one, where an option has not begun.
function __ward_begin
	string match -q -- '-*' (commandline -ct)
	or complete -C (commandline -ct)
end

function __ward_cap
	set -l word (commandline -ct | string replace -r -- '^--cap=' '')
	set -l parts (string split -m1 : -- $word)
	switch $word
		case 'FILE_READ:*' 'FILE_WRITE:*'
			for path in (complete -C "'' $parts[2]")
				echo $parts[1]:$path
			end
		case 'EXTERNAL_COMMAND:*'
			for name in (complete -C "$parts[2]")
				echo $parts[1]:$name
			end
		case '*:*'
		case '*'
			printf '%%s\\n' %(caps)s
	end
end

function __ward_axis
	for axis in %(axes)s
		for level in %(levels)s
			echo $axis$level
		end
	end
end

complete -c ward -f
complete -c ward -n __ward_behind -a '(__ward_program)'
%(first)s
%(rows)s
"""


def fish_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_row(row, commands):
    name, letter, how, value, _, text = row
    k = kind(name, value) if how else None
    does = {"cap": "-x -a '(__ward_cap)'", "axis": "-x -a '(__ward_axis)'", "file": "-r -F", "dir": "-x -a '(__fish_complete_directories)'", "none": "-x", None: ""}
    tail = does[k] if not isinstance(k, list) else f"{'-f' if how == '[=' else '-x'} -a {fish_quote(' '.join(k))}"
    out = f"complete -c ward -n {fish_quote('__ward_at ' + ' '.join(fish_quote(c) for c in commands))} -l {name}" + (f" -s {letter}" if letter else "")
    return out + (f" {tail}" if tail else "") + (f" -d {fish_quote(text)}" if text else "")


def fish(data):
    groups, names = words_of(data), [c["name"] for c in visible(data)] + ["runs"]
    first = [f"complete -c ward -n \"__ward_at ''\" -a {w} -d {fish_quote(about(data, w))}" for w in groups]
    for group, seconds in groups.items():
        first += [f"complete -c ward -n '__ward_at {group}' -a {w} -d {fish_quote(text)}" for w, text in seconds]
    first += [f"complete -c ward -n '__ward_at help' -a {fish_quote(' '.join(groups))}",
              "complete -c ward -n '__ward_at plan' -a 'run sandbox'",
              "complete -c ward -n '__ward_at " + " ".join(fish_quote(c) for c in ("run", "plan")) + "' -a '(__ward_begin)'",
              "complete -c ward -n '__ward_at trust' -a '(__fish_complete_directories)'"]
    files = [n for n in names if n not in NOTHING + ("run", "plan", "trust")]
    first.append(f"complete -c ward -n {fish_quote('__ward_at ' + ' '.join(fish_quote(c) for c in files))} -F")
    of = {}
    for command in names:
        for row in rows(data, command) + [("help", None, None, None, False, "say how it is used")]:
            of.setdefault(row, []).append(command)
    caps, axes = (next(o["choices"] for o in data["options"] if o["name"] == n).replace("|", " ") for n in ("cap", "require"))
    return FISH % {"groups": " ".join(g for g, seconds in groups.items() if seconds), "caps": caps, "axes": axes, "levels": LEVELS,
                   "valued": " ".join("--" + o["name"] for o in data["options"] if o["arg"] and not o["arg"].startswith("[=")),
                   "first": "\n".join(first), "rows": "\n".join(fish_row(row, commands) for row, commands in of.items())}
