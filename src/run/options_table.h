/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table: the one place where an option of `ward run`, `ward sandbox run` and `ward plan` is
 * written down. Parsing, --help, the OPTIONS section of the man page and the completion are made from it;
 * a test holds them together. It is included with WARD_OPT defined as what is wanted of each row:
 *
 *	WARD_OPT(function, name, argument, repeatable, group, one line of help, paragraph, choices)
 *
 * It refuses to say what an option does to a run beyond these texts: that is options.c.
 */

/* clang-format off */
#define G_GRANT  "Grants"
#define G_POLICY "Policies"
#define G_PLACE  "Place and environment"
#define G_LIMIT  "Limits"
#define G_STREAM "Streams"
#define G_RECORD "Record"
#define G_HOLD   "What must hold"
#define G_MODE   "Mode"

WARD_OPT(apply_cap, "cap", "TYPE:RESOURCE", true, G_GRANT,
	"grant one capability",
	"Grant one capability. The text is split at the first colon; the rest is the resource, verbatim. "
	"Types held today: FILE_READ, FILE_WRITE, EXTERNAL_COMMAND, ENV, NETWORK_CONNECT, NETWORK_LISTEN. File resources are "
	"patterns: * and ? within one component, ** any depth, DIR/** a whole directory; relative ones start at the workspace.",
	"FILE_READ:|FILE_WRITE:|EXTERNAL_COMMAND:|ENV:|NETWORK_CONNECT:|NETWORK_LISTEN:")
WARD_OPT(apply_capabilities, "capabilities", "FILE", true, G_GRANT,
	"grant what a capability file lists",
	"Grant every capability of FILE: a JSON list of {\"type\", \"resource\", \"description\"?}, or an object "
	"with that list as \"capabilities\". Unknown fields and duplicate keys are errors. At most 1 MiB.",
	NULL)
WARD_OPT(apply_read, "read", "PATH", true, G_GRANT,
	"let PATH be read; a directory means all below it",
	"Let PATH be read. PATH is literal (no character is special) and relative to the caller's working "
	"directory; a directory means everything below it. PATH must exist.",
	NULL)
WARD_OPT(apply_write, "write", "PATH", true, G_GRANT,
	"let PATH be read and written",
	"Let PATH be read and written; PATH as for --read. A file grant is that one file: it can be written and "
	"truncated, but not replaced, renamed or removed; grant its directory for that.",
	NULL)
WARD_OPT(apply_env, "env", "NAME[=VALUE]", true, G_GRANT,
	"pass NAME, or set it to VALUE",
	"With NAME alone pass the caller's variable (an error when it is not set; the same as --cap ENV:NAME); "
	"with =VALUE set it; either counts, whatever a profile sets. Nothing else of the caller's environment goes in but "
	"LANG, LC_*, TERM and TZ.",
	NULL)
WARD_OPT(ward_apply_caches, "caches", "[=NAME,...]", false, G_GRANT,
	"let package caches of the host be read, and what is written to them be thrown away",
	"Let the package caches NAME (npm, pip, cargo, go, go-build, maven, gradle, gradle-wrapper, uv, uv-python, "
	"poetry, hatch, pnpm, yarn-berry, corepack, bun, deno, composer, gem; all: these, as without NAME; "
	"by its own name alone each of cargo-git, pipenv, pre-commit, yarn) be read, so that what was fetched before "
	"need not be fetched again. "
	"What the command writes there lies in a layer of its own, a part of --disk, and is gone with it: the host's stay as they are. "
	"Of what lies beside them (configuration, logins) nothing is shown. none: nor those of the profile. Names are never a word of "
	"their own: "
	"--caches=npm,pip.",
	"npm|pip|cargo|go|go-build|maven|gradle|gradle-wrapper|uv|uv-python|poetry|"
	"hatch|pnpm|yarn-berry|corepack|bun|deno|composer|gem|cargo-git|pipenv|pre-commit|yarn|all|none")
WARD_OPT(ward_apply_publish, "publish", "[[ADDRESS:]PORT:]PORT", true, G_GRANT,
	"let the host reach a server inside, at a port of its loopback",
	"Let whoever connects to PORT of ADDRESS on the host reach the server that listens at the last PORT inside, by TCP. Without "
	"ADDRESS at 127.0.0.1 and ::1; with one port alone at the same on both sides. Port 0 on the host is one that the kernel "
	"chooses. An IPv6 address is written [ADDRESS]. It is a grant, as --cap NETWORK_LISTEN:ADDRESS:PORT is, and what a policy "
	"forbids is refused.",
	NULL)
WARD_OPT(apply_i_know, "i-know", NULL, false, G_GRANT,
	"allow / or $HOME as workspace, $HOME as write grant",
	"Allow a workspace that is /, and a workspace or a write grant that is $HOME or an ancestor of it. Without it such "
	"a request is refused. / itself and /home can never be granted: no view can hold them.",
	NULL)

WARD_OPT(ward_apply_mode, "mode", "MODE", false, G_POLICY,
	"what runs of this kind may do, as shipped policies",
	"Add a shipped policy: read_only (look at the repository), workspace_write (build and test in the workspace, no network, no "
	"history), repo_write (commit, once a person agreed), danger_full_access. Its limits are the defaults of the others here. "
	"data/modes has the texts; ward policy show prints them.",
	"read_only|workspace_write|repo_write|danger_full_access")
WARD_OPT(ward_apply_profile, "profile", "NAME", false, G_POLICY,
	"path rules of a document by name",
	"Add the profile NAME of the policy documents of the layers and of --policy: which files may be read and modified, which "
	"programs be run, which variables be seen. An unknown name is an error.",
	NULL)
WARD_OPT(ward_apply_policy, "policy", "FILE", true, G_POLICY,
	"add a policy file: .cedar, .yaml or .json",
	"Add the policies of FILE for this run: Cedar text where the name ends in .cedar, grants of components where it ends in "
	".cedar.json, else a policy document. What they permit adds to what other rules permit; what any rule forbids stays forbidden.",
	NULL)
WARD_OPT(ward_apply_component, "component", "FILE", false, G_POLICY,
	"what the command says of itself: who it is, what it asks for",
	"The description of a component, JSON or YAML: its UUID, name, version, lifecycle, and the capabilities that it asks for. It "
	"grants nothing: what it asks for and no rule grants is refused before the start. Rules see who it is and its phase.",
	NULL)
WARD_OPT(ward_apply_trust, "trust", "LEVEL", false, G_POLICY,
	"whose code it is: untrusted, semi_trusted or trusted; default: untrusted",
	"How far you vouch for the command. Less trust asks for stronger isolation, as the rules of the host say. Default untrusted; "
	"with --backend direct, which vouches for it, trusted.",
	"untrusted|semi_trusted|trusted")
WARD_OPT(ward_apply_tier, "tier", "N", false, G_POLICY,
	"how strong the isolation has to be at least: 0 to 3",
	"0 none (direct), 1 this kernel's own means (native), 2 gVisor, 3 a microVM. Rules about trust, environment and phase may "
	"ask for more; the highest counts. A tier that no backend here has is refused.",
	"0|1|2|3")
WARD_OPT(ward_apply_approve, "approve", "LEVEL", false, G_POLICY,
	"say yes, for this run, to what rules ask a person about",
	"Say yes beforehand to what a rule with @approval would ask: risky, or critical (which includes risky). It holds for this run "
	"alone, is recorded with it, and never overrules a forbid. Without it what is asked about is not granted.",
	"risky|critical")
WARD_OPT(ward_apply_ask, "ask", "HOW", false, G_POLICY,
	"whom rules with @approval ask before the start: auto, wait or no",
	"auto: on the terminal, where standard input, output and error are it and Ward is in its foreground; else nobody, and "
	"the answer is no at once. wait: the run waits, and is answered from another terminal with ward pending, ward approve "
	"and ward deny. no: nobody is asked. Default auto; of the library no.",
	"auto|wait|no")
WARD_OPT(ward_apply_ask_timeout, "ask-timeout", "TIME", false, G_POLICY,
	"how long a person is waited for; default: 5m",
	"After TIME the answer to all that was asked is no. Default 5m.",
	NULL)
WARD_OPT(ward_apply_repo_root, "repo-root", "DIR", false, G_POLICY,
	"what bounds the reads of a mode; default: git's top directory",
	"The directory that a mode lets be read: the repository's top, in which the workspace lies. Without it, it is git's top "
	"directory above the workspace, or the workspace. Where there is neither a mode, a profile nor a policy it is refused, since "
	"nothing asks for it.",
	NULL)
WARD_OPT(ward_apply_environment, "environment", "NAME", false, G_POLICY,
	"dev, test, ci, staging or prod, for rules that ask; default: dev",
	"Where the run takes place, for policies that look at context.environment. Default dev.",
	"dev|test|ci|staging|prod")
WARD_OPT(ward_apply_label, "label", "KEY=VALUE", true, G_POLICY,
	"a label of the run, for rules that ask",
	"A label that policies see in context.labels. At most 64.",
	NULL)

WARD_OPT(apply_workspace, "workspace", "DIR", false, G_PLACE,
	"what relative resources start at; default: .",
	"The directory that relative resources start at; the caller's working directory if not given. It grants "
	"nothing by itself and lies inside at the same path.",
	NULL)
WARD_OPT(ward_apply_review, "review", "[=HOW]", false, G_PLACE,
	"let the workspace be written, and nothing of it be real before it is looked at",
	"Let the command write anywhere in the workspace, but what no policy lets it: what it writes lies in a layer above the "
	"project, which stays as it is. ward diff shows the layer afterwards, ward commit makes it real, change by change as the "
	"policies say, ward discard forgets it. --review=auto makes real at once, when the command has returned 0, what "
	"policies permit without asking anybody; the rest waits. --review=live does so while the command lives, soon after each "
	"change. HOW is never a word of its own: --review=auto.",
	"auto|live")
WARD_OPT(apply_cwd, "cwd", "DIR", false, G_PLACE,
	"start the command in DIR",
	"Start the command in DIR instead of the caller's working directory (or of the workspace, where that is "
	"not granted).",
	NULL)
WARD_OPT(apply_resolver, "resolver", "ADDRESS[:PORT]", false, G_PLACE,
	"the name server that allowed names are looked up with; default: /etc/resolv.conf",
	"Look the names that may be connected to up with this name server, outside of the sandbox, in place of those of "
	"/etc/resolv.conf. The command itself never reaches it. An IPv6 address with a port is written [ADDRESS]:PORT.",
	NULL)
WARD_OPT(ward_apply_upstream_proxy, "upstream-proxy", "PROXY", false, G_PLACE,
	"the HTTP proxy that is the host's only way out: env, file:PATH or http://HOST:PORT",
	"Ask this proxy of the host's (CONNECT) for each name, and each public address, that may be connected to, in place of looking "
	"it up and dialling it. What is decided stays the same, but where a name leads the proxy alone knows. env: HTTPS_PROXY, or "
	"ALL_PROXY, and NO_PROXY of the caller's environment, which is looked at for this where env is said alone. file:PATH: a file "
	"with one line, the proxy's URL, which may have USER:PASSWORD@ in it; here it may not, since every process sees a command "
	"line. The command itself never learns of it.",
	"env|file:|http://")
WARD_OPT(ward_apply_upstream_direct, "upstream-direct", "HOST,...", true, G_PLACE,
	"names, addresses and ranges that do not go by --upstream-proxy",
	"Look up and dial these from here, as without --upstream-proxy: a name and all below it, an address, a range, all but a range "
	"with :PORT for one port alone; * is all. It counts in place of NO_PROXY. An address of this host, or of a private network, "
	"that may be connected to has to be among them: the proxy is not asked for it. host.ward.internal never goes by it.",
	NULL)

WARD_OPT(apply_timeout, "timeout", "TIME", false, G_LIMIT,
	"end the run after TIME; default: never",
	"End the run after TIME of wall clock: TERM, then KILL after --grace; the status is timeout, the exit "
	"code 124. TIME is a number with ms, s, m or h; without a unit seconds.",
	NULL)
WARD_OPT(apply_grace, "grace", "TIME", false, G_LIMIT,
	"from TERM to KILL; default: 5s",
	"How long the command has between TERM and KILL when its run is ended. Default 5s.",
	NULL)
WARD_OPT(apply_cpus, "cpus", "N", false, G_LIMIT,
	"processor time, 0.5 = half of one; default: all, script 1",
	"How many processors' time the run may use; fractions such as 0.5 are allowed. Default: all for ward run, "
	"1 for ward sandbox run.",
	NULL)
WARD_OPT(apply_memory, "memory", "SIZE", false, G_LIMIT,
	"memory; default: 75 % of what is free, script 256M",
	"How much memory the run may use, private tmpfs included. Reaching it ends the run: status oom, exit code 137. "
	"SIZE is a number with K, M, G or T (binary). Default: 75 % of what is available for ward run, 256M for "
	"ward sandbox run.",
	NULL)
WARD_OPT(apply_pids, "pids", "N", false, G_LIMIT,
	"processes and threads; default: 4096, script 128",
	"How many processes and threads may live at once; further forks are refused. At least 2, since the sandbox's own "
	"init is one of them. Default: 4096 for ward run, 128 for ward sandbox run.",
	NULL)
WARD_OPT(apply_disk, "disk", "SIZE", false, G_LIMIT,
	"all private tmpfs together; default: 1G, script 256M",
	"How much the private /tmp, /dev/shm and home may hold together. Granted directories are the host's and not "
	"counted; what a run under review writes there is by itself (see --disk-backend). Default: 1G for ward run, 256M for ward "
	"sandbox run.",
	NULL)
WARD_OPT(ward_apply_disk_backend, "disk-backend", "NAME", false, G_LIMIT,
	"with --review: where the layer lies, dir, tmpfs or loop; default: dir",
	"Where what a run under review writes lies, and what bounds it. dir: a directory of the store, which is looked at now and "
	"then. tmpfs: in "
	"memory, bounded by the kernel, and copied to the store at the end; it is lost with Ward. loop: as root, a file system in a "
	"file, bounded "
	"by the kernel. The bound is --disk, where that is given; else 10G, of a tmpfs 1G. Default dir.",
	"dir|tmpfs|loop")
WARD_OPT(apply_output_limit, "output-limit", "SIZE", false, G_LIMIT,
	"bytes of each output stream; default: none, script 64M",
	"How many bytes of standard output, and of standard error, are passed on or captured. Reaching it ends the run: "
	"status limit, exit code 137. Default: unlimited for "
	"ward run (64M where it is captured by --json), 64M for ward sandbox run.",
	NULL)
WARD_OPT(apply_nofile, "nofile", "N", false, G_LIMIT,
	"open descriptors (soft limit); default: 1024",
	"How many descriptors a process may hold open. Default 1024.",
	NULL)
WARD_OPT(apply_net_limit, "net-limit", "NAME=VALUE", true, G_LIMIT,
	"bound what the run uses of the network; default: see ward plan",
	"Bound what all connections of the run together use of the network that it was granted: connections=N at a time, "
	"connections-total=N, rate=N new ones a second, bytes-up=SIZE, bytes-down=SIZE, names=N different ones; and of each connection "
	"idle=TIME without a byte and time=TIME in all. Several with commas between, or the option again. What is over it is refused "
	"or ended, with a record. Default: connections=8192, names=4096, idle=1h, and no other. A profile may say the same "
	"(network: limits:), which holds where this option does not; of one rule alone @net_limit does, beside both.",
	"connections=|connections-total=|rate=|bytes-up=|bytes-down=|idle=|time=|names=")

WARD_OPT(apply_stdin, "stdin", "MODE", false, G_STREAM,
	"inherit, null or file:PATH; default: inherit",
	"Where standard input comes from. inherit: the caller's pipe or file; a terminal never goes inside, and "
	"reads as empty there unless a pty is relayed. null: empty. file:PATH: that file, opened by Ward; a "
	"relative PATH that leads out of the current directory by a link is refused, and so is a fifo, which < FIFO opens.",
	"inherit|null|file:")
WARD_OPT(apply_tty, "tty", NULL, false, G_STREAM,
	"relay a private pty even if this is no terminal",
	"Give the command a private pseudo-terminal that Ward relays (window size, ^C and ^Z included). This is "
	"the default when standard input and output are terminals.",
	NULL)
WARD_OPT(apply_json, "json", NULL, false, G_STREAM,
	"print one outcome document, streams captured in it",
	"Capture the command's streams and print one JSON document, the outcome, on standard output. With ward plan "
	"and --dry-run: print the plan as JSON.",
	NULL)
WARD_OPT(apply_quiet, "quiet", NULL, false, G_STREAM,
	"print nothing but errors of Ward itself",
	"Print no report of refusals and limits; errors of Ward itself are still printed. Outcome and log are not "
	"affected.",
	NULL)

WARD_OPT(apply_audit, "audit", "FILE", false, G_RECORD,
	"the log; default: ~/.local/state/ward/audit.jsonl",
	"Append the records of this run to FILE instead of $XDG_STATE_HOME/ward/audit.jsonl (as root "
	"/var/log/ward/audit.jsonl). FILE must not lie in the workspace or under a write grant. /dev/null means no "
	"log, and is shown as such.",
	NULL)
WARD_OPT(apply_head_to, "head-to", "FILE|fd:N", false, G_RECORD,
	"write the log's last hash at the end",
	"At the end write the hash of the run's last record as one line, for ward audit verify --head.",
	NULL)
WARD_OPT(apply_outcome, "outcome", "FILE|fd:N", false, G_RECORD,
	"write the outcome document",
	"Write the outcome (JSON) to FILE, by rename, or to an open descriptor. It is written for every end, a "
	"refusal before the start included.",
	NULL)
WARD_OPT(apply_report, "report", "FILE|fd:N", false, G_RECORD,
	"write the report of refusals there, not to stderr",
	"Write the report of refusals and limits to FILE or an open descriptor instead of standard error.",
	NULL)
WARD_OPT(apply_no_late_names, "no-late-names", NULL, false, G_RECORD,
	"do not look at the end for names that run code later",
	"Names that run code later for their user (data/persist: hooks, configuration of shells and editors) cannot be held where they "
	"are not there yet. So the end of a run looks through what it could write, and lists those that appeared or changed. "
	"With this option it does not.",
	NULL)
WARD_OPT(apply_fail_on_violation, "fail-on-violation", NULL, false, G_RECORD,
	"exit 123 if the command returned 0 but was refused something",
	"Exit with 123 when the command returned 0 but something it tried was refused, or somebody outside replaced what "
	"a policy keeps from it, or may have.",
	NULL)

WARD_OPT(apply_require, "require", "AXIS=LEVEL", true, G_HOLD,
	"refuse to start unless AXIS is held at LEVEL",
	"Refuse to start unless AXIS is held at LEVEL or better. Levels: none, advisory, sampled, enforced. Axes: "
	"files, files.meta, exec, network, ipc, syscalls, processes, memory, cpu, pids, disk, env, attribution.",
	"files=|files.meta=|exec=|network=|ipc=|syscalls=|processes=|memory=|cpu=|pids=|disk=|env=|attribution=")
WARD_OPT(apply_accept, "accept", "AXIS=LEVEL", true, G_HOLD,
	"start even if AXIS is held at LEVEL only",
	"Accept that AXIS is held at LEVEL only, where the shipped minimum asks for more. It is shown on standard "
	"error, in the plan and in the log.",
	"files=|files.meta=|exec=|network=|ipc=|syscalls=|processes=|memory=|cpu=|pids=|disk=|env=|attribution=")
WARD_OPT(apply_backend, "backend", "NAME", false, G_HOLD,
	"native or direct (no isolation); default: native",
	"native confines by namespaces, Landlock, seccomp and cgroups. direct is for trusted code: it isolates nothing, "
	"and naming it is the acceptance of that for every axis. Limits, the environment, the log and the end of all "
	"that was left behind are as with native, but hold nobody who means to get around them.",
	"native|direct")
WARD_OPT(apply_attribution, "attribution", "HOW", false, G_HOLD,
	"how refused paths are named: auto, fuse, notify or none",
	"How refused paths are seen and named. auto: fuse where /dev/fuse can be opened, else none (the report then "
	"says attribution: partial), but for programs and single files, which are named without it. notify: seccomp "
	"notification of open and exec, which needs no /dev/fuse but slows each of these calls, and names no path that "
	"is only looked at, listed or made (so partial as well). Paths are refused in any case.",
	"auto|fuse|notify|none")
WARD_OPT(apply_deny_errno, "deny-errno", "ERRNO", false, G_HOLD,
	"what an ungranted name answers; default: ENOENT",
	"What an ungranted name answers, whether it exists or not: ENOENT, or EACCES, which a program may tell apart from "
	"a missing file of a granted directory. EACCES is FUSE's answer: without (see --attribution) the run is refused.",
	"ENOENT|EACCES")

WARD_OPT(apply_dry_run, "dry-run", NULL, false, G_MODE,
	"print the plan and run nothing",
	"The same as ward plan: print what would be done and what holds each axis; run nothing.",
	NULL)

#undef G_GRANT
#undef G_PLACE
#undef G_LIMIT
#undef G_STREAM
#undef G_RECORD
#undef G_HOLD
#undef G_MODE
/* clang-format on */
