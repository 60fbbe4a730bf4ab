#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs that are alive when their ceiling changes: a new epoch that denies what one of them was granted ends it, whole and within a
second; whatever cannot be kept does, too; and nothing else does. As root and as a user, on an /etc of their own."""
import json
import os
import resource
import shutil
import sys
import time

import box
from ceiling_box import CEILING, ceiling, own_etc
from tap import check, check_eq, check_in, skip

QUIET = 'forbid (principal, action, resource in Ward::Path::"/nowhere");\n'
SOON = 1.0


class Live:
    def __init__(self, p, uid):
        self.p, self.uid = p, uid
        self.mark = box.marker()
        if uid:
            for d in (p.ws, p.side, p.home):
                os.chown(d, uid, uid)
        self.q = None

    def own(self):
        if self.uid:
            for top, dirs, files in os.walk(self.p.ws):
                for name in dirs + files:
                    os.lchown(os.path.join(top, name), self.uid, self.uid)

    def start(self, *words, script=""):
        """A run that does not heed TERM, with children that do not either; back when all of them are there."""
        def become():
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        self.own()
        self.err = open(self.p.side / "err", "wb+")  # pylint: disable=consider-using-with
        os.environ.update(HOME=str(self.p.home), XDG_CONFIG_HOME=str(self.p.home / "config"))
        self.q = self.p.start("--outcome", self.p.outcome_file, *words, "sh", "-c",
                              f"trap '' TERM; {script} sleep {self.mark} & sleep {self.mark} & wait; wait",
                              before=become if self.uid else None, stdin=-3, stdout=self.err, stderr=self.err)
        box.wait_for(lambda: len(self.there()) >= 3 or self.q.poll() is not None)
        check(self.q.poll() is None, f"it did not start: {self.said()}")

    def there(self):
        return box.with_marker(self.mark)

    def said(self):
        return (self.p.side / "err").read_text(errors="replace")

    def lives(self, seconds=0.8):
        time.sleep(seconds)
        check(self.q.poll() is None and self.there(), f"it ended: {self.q.poll()} {self.said()}")

    def epochs(self):
        return [r for r in box.records(self.p) if r["kind"] == "policy.epoch"]

    def ends(self, *texts, soon=SOON):
        took = box.turns(lambda: self.q.poll() is not None, 5)
        check(took is not None, "it lives on")
        check(took <= soon, f"it took {took:.2f} s")
        check_eq(self.there(), [])
        check_eq(self.q.returncode, 137, self.said())
        for t in texts:
            check_in(t, self.said())
        for line in self.said().splitlines():
            check(line.startswith("ward: "), line)
        outcome = json.loads(self.p.outcome_file.read_text())
        check_eq(outcome["status"], "policy_kill")
        check(outcome["error"] and outcome["error"]["fix"], outcome["error"])
        last = box.records(self.p)[-1]
        check_eq((last["kind"], last["detail"]["status"]), ("run.end", "policy_kill"))
        denied = [r for r in self.epochs() if r["effect"] == "deny"]
        check_eq(len(denied), 1)
        box.verify(self.p)
        return denied[0], outcome

    def goes_on(self):
        """Still alive, and the last epoch is in the log as one that takes nothing."""
        box.wait_for(self.epochs, 60)
        self.lives(0.3)
        check_eq([r["effect"] for r in self.epochs()], ["allow"], self.said())


def epochs(fn):
    """As root, and as a user whom root bounds."""
    for user in (False, True):
        def one(p, user=user):
            own_etc()
            if user:
                box.bound_fuse()
            fn(Live(p, box.free_id() if user else None))
        one.__name__ = f"{fn.__name__}{' as a user' if user else ''}"
        box.root_only(one)
    return fn


@epochs
def a_new_epoch_ends_a_run_that_holds_what_it_denies(v):
    v.p.write("src/a", "a\n", 0o666)
    v.p.write("secret/key", "key\n", 0o666)
    ceiling(1, QUIET)
    v.start("--read", ".", "--grace", "30s")
    ceiling(2, QUIET + '\n@id("no-keys") @reason("keys have leaked")\n'
            f'forbid (principal, action, resource in Ward::Path::"{v.p.ws}/secret");\n')
    rec, outcome = v.ends("epoch 2", "fs.read", f"{v.p.ws}/secret", "no-keys", "keys have leaked", "/etc/ward/host.cedar:3")
    check_eq((rec["action"], rec["resource"], rec["layer"]), ("fs.read", f"{v.p.ws}/secret", "ceiling"))
    check_eq(rec["rules"], ["/etc/ward/host.cedar:3 no-keys"])
    check_eq((rec["detail"]["from"], rec["detail"]["to"], rec["detail"]["reason"]), (1, 2, "keys have leaked"))
    check_eq((outcome["error"]["file"], outcome["error"]["line"]), ("/etc/ward/host.cedar", 3))


@epochs
def a_ceiling_where_there_was_none_counts(v):
    v.start("--read", ".")
    ceiling(1, 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n')
    rec, _ = v.ends("epoch 1", "/etc/ward/host.cedar:1")
    check_eq((rec["detail"]["from"], rec["detail"]["to"]), (0, 1))


@epochs
def a_document_denies_as_well(v):
    v.p.write("secret/key", "key\n")
    ceiling(4, QUIET)
    v.start("--write", ".")
    ceiling(5, QUIET, team_yaml='schemaVersion: 2\nkind: Policy\nmetadata: {name: team}\nspec:\n  denyRead: ["secret/**"]\n')
    v.ends("epoch 5", "/etc/ward/team.yaml:5")


@epochs
def a_list_that_leaves_something_out_ends_it(v):
    ceiling(1, QUIET)
    v.start("--read", ".")
    ceiling(2, 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"/usr");\n')
    v.ends("epoch 2", "lists what may be granted", "/etc/ward/host.cedar:1")
    # Not a word of it is about the workspace: what every run has is granted, too.
    ceiling(3, QUIET)
    v.p.log.unlink()
    v.start()
    ceiling(4, 'permit (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./");\n')
    v.ends("epoch 4", "lists what may be granted", "/etc/ward/host.cedar:1")


@epochs
def what_the_run_does_not_hold_may_be_denied(v):
    v.p.write("src/a", "a\n", 0o666)
    v.p.write("other/a", "a\n", 0o666)
    ceiling(1, QUIET)
    v.start("--read", "src", "--env", "LC_ALL")
    ceiling(7, f'forbid (principal, action, resource in Ward::Path::"{v.p.ws}/other");\n'
               f'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"{v.p.ws}/src");\n'
               'forbid (principal, action == Ward::Action::"env.read", resource == Ward::Variable::"TOKEN");\n'
               'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"/usr");\n'
               'forbid (principal, action, resource in Ward::Glob::"**/*.pem");\n')
    v.goes_on()
    ceiling(8, f'forbid (principal, action, resource == Ward::Path::"{v.p.ws}/src/a");\n')
    box.wait_for(lambda: v.q.poll() is not None, 20)
    check_eq([(r["effect"], r["detail"]["from"], r["detail"]["to"]) for r in v.epochs()], [("allow", 1, 7), ("deny", 7, 8)])


@epochs
def what_is_not_seen_behind_a_closed_directory_may_be_what_it_denies(v):
    """As the user that Ward runs as. Who knows a name reads it all the same; and a run closes what is its user's as it likes."""
    v.p.write("shut/in/key.pem", "key\n", 0o666)
    v.p.write("shut/in/tool", "#!/bin/true\n", 0o777)
    key = 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"**/*.pem");\n'
    tool = 'forbid (principal, action == Ward::Action::"proc.exec", resource) when { resource.name == "tool" };\n'
    for n, (words, script, rule) in enumerate(((("--read", "."), "", key), (("--write", ".", "--accept", "files=advisory"), "chmod 0 shut/in;", key),
                                               (("--write", "."), "chmod 0 shut/in;", tool))):
        shut = v.p.ws / "shut/in"
        if "--accept" in words and not v.uid:
            continue   # root looks there, and finds nothing
        v.p.write("x.cedar", key if "--accept" in words else QUIET, 0o644)
        ceiling(1, QUIET)
        if not script:
            shut.chmod(0o311)
        v.p.log.unlink(missing_ok=True)
        if "--accept" in words:
            (shut / "key.pem").rename(v.p.side / "key.pem")
        v.start("--policy", "x.cedar", *words, script=script)
        ceiling(2, QUIET + rule)
        rec, _ = v.ends("epoch 2", "/etc/ward/host.cedar:2")
        if v.uid:
            check_in("cannot be looked into", v.said())
            check_eq(rec["resource"], str(shut), str(n))
        shut.chmod(0o755)
    # A run that began with it has nothing there to be taken.
    v.p.write("shut/in/key.pem", "key\n", 0o666)
    shut.chmod(0o311)
    ceiling(1, QUIET + key)
    v.p.log.unlink(missing_ok=True)
    v.start("--read", ".", "--accept", "files=advisory")
    ceiling(2, "// no other\n" + QUIET + key)
    v.goes_on()


@epochs
def a_rule_about_names_elsewhere_ends_nobody_for_a_closed_directory(v):
    """And of those that may be about it, not the first of all is named; what is seen comes before what is not."""
    for name in ("shut/in/a", "seen/a.pem", "docs/a"):
        v.p.write(name, "text\n", 0o666)
    shut = v.p.ws / "shut/in"
    forbid = 'forbid (principal, action == Ward::Action::"fs.{}", resource in Ward::Glob::"{}");\n'
    far = forbid.format("read", "docs/*.pem")
    shut.chmod(0o311)
    ceiling(1, QUIET)
    v.start("--read", ".")
    ceiling(2, QUIET + far + forbid.format("write", "shut/**/*.lock"))
    v.goes_on()
    ceiling(3, QUIET + far + forbid.format("read", "s*/**/*.pem"))
    box.wait_for(lambda: v.q.poll() is not None, 20)
    check_in("/etc/ward/host.cedar:3", v.said())
    check_in(f"{v.p.ws}/seen/a.pem", v.said())
    if not v.uid:
        return
    v.p.log.unlink(missing_ok=True)
    ceiling(1, QUIET)
    v.start("--read", ".")
    ceiling(2, QUIET + far + forbid.format("read", "shut/**/*.pem"))
    rec, _ = v.ends("cannot be looked into", "/etc/ward/host.cedar:3")
    check_eq(rec["resource"], str(shut))


@epochs
def a_pattern_at_any_depth_reaches_who_only_reads(v):
    for n, pattern in enumerate(("**/*.pem", "*/*/key.pem", "s*/**", "**/in/**", "?*/in/k*")):
        v.p.write("shut/in/key.pem", "key\n", 0o666)
        ceiling(1, QUIET)
        v.p.log.unlink(missing_ok=True)
        v.start("--read", ".")
        ceiling(2, QUIET + f'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Glob::"{pattern}");\n')
        rec, _ = v.ends("epoch 2", "/etc/ward/host.cedar:2")
        check_in("/shut", rec["resource"], str(n))


@epochs
def what_the_first_ceiling_took_away_is_not_taken_twice(v):
    """Masks, pins, protected names, a mode: the same rules under a higher number change nothing."""
    for name in ("src/a", "secret/key", ".git/HEAD", ".git/config", "locked/a", "kept/deep/a", "a.pem"):
        v.p.write(name, "x\n", 0o666)
    rules = ('forbid (principal, action, resource in Ward::Path::"./secret");\n'
             'forbid (principal, action, resource in Ward::Path::"./absent/deep");\n'
             'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./locked");\n'
             'forbid (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./kept/deep");\n'
             'forbid (principal is Ward::Run, action == Ward::Action::"fs.write", resource) when { resource in principal.git_protected };\n'
             'forbid (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"/usr/bin/perl");\n'
             'permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./");\n')
    ceiling(1, rules)
    v.start("--mode", "workspace_write")
    ceiling(2, "// no other rules\n" + rules)
    v.goes_on()


@epochs
def programs_variables_and_modes_count(v):
    rows = (
        (("--read", "."), 'forbid (principal, action == Ward::Action::"proc.exec", resource == Ward::Program::"/usr/bin/env");\n', "proc.exec"),
        (("--env", "LC_ALL"), 'forbid (principal, action == Ward::Action::"env.read", resource == Ward::Variable::"LC_ALL");\n', "env.read"),
        (("--mode", "workspace_write"), 'forbid (principal, action == Ward::Action::"mode.enter", resource == Ward::Mode::"workspace_write");\n', "mode.enter"),
        # A name that is not there yet, and that the run could make.
        (("--write", "."), 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./new/name");\n', "fs.write"),
        (("--write", "."), 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"new/**");\n', "fs.write"),
        (("--write", "."), 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"other/name");\n', "fs.write"),
        # A directory alone: what is in it may be written, and it may be moved no more.
        (("--write", "."), 'forbid (principal, action == Ward::Action::"fs.write", resource == Ward::Path::"./kept/deep");\n', "fs.write"),
        # Names that no view holds.
        (("--write", "."), 'forbid (principal, action == Ward::Action::"fs.write", resource in Ward::Glob::"**/*.pem");\n', "fs.write"),
        (("--read", "."), 'forbid (principal, action == Ward::Action::"fs.read", resource in Ward::Path::"./") when { context.time > datetime("2020-01-01") };\n', "fs.read"),
        # Whether it may run at all.
        ((), 'forbid (principal, action == Ward::Action::"sandbox.run", resource);\n', "sandbox.run"),
        (("--label", "team=dev"), 'forbid (principal, action == Ward::Action::"sandbox.run", resource) when { context.labels.contains("team=dev") };\n',
         "sandbox.run"),
        # Programs by their name.
        ((), 'forbid (principal, action == Ward::Action::"proc.exec", resource) when { resource.name == "env" };\n', "proc.exec"),
        (("--label", "team=ops", "--read", "."), 'forbid (principal, action, resource) when { context.labels.contains("team=ops") };\n', ""),
    )
    v.p.write("kept/deep/a", "a\n", 0o666)
    for n, (words, rule, action) in enumerate(rows):
        ceiling(2 * n + 1, QUIET)
        v.p.log.unlink(missing_ok=True)
        v.start(*words)
        ceiling(2 * n + 2, QUIET + rule)
        rec, _ = v.ends(f"epoch {2 * n + 2}", "/etc/ward/host.cedar:2")
        if action:
            check_eq(rec["action"], action)


HIDDEN = '{ context has inspected && context.inspected == Ward::Protocol::"tls_ech" }'


@epochs
def what_may_be_connected_to_counts(v):
    """One endpoint of a wider grant is enough; what the first ceiling kept from the run already is not taken twice."""
    connect = ' (principal, action == Ward::Action::"net.connect", resource '
    rows = (
        (("--cap", "NETWORK_CONNECT:a.example.org:443"), 'forbid' + connect + '== Ward::Endpoint::"a.example.org:443");\n'),
        (("--cap", "NETWORK_CONNECT:*.example.org:443"), 'forbid' + connect + 'in Ward::Host::"b.example.org") when { resource.port == 443 };\n'),
        (("--cap", "NETWORK_CONNECT:10.0.0.0/8:5432"), 'forbid' + connect + 'in Ward::Cidr::"10.9.0.0/16");\n'),
        (("--cap", "NETWORK_CONNECT:**.example.org:*"), 'permit' + connect + 'in Ward::Domain::"example.org") when { resource.port == 443 };\n'),
        # Where a name leads nobody knows beforehand, and what an address carries is another spelling of that.
        (("--cap", "NETWORK_CONNECT:a.example.org:443"), 'forbid' + connect + 'in Ward::Cidr::"93.184.0.0/16");\n'),
        (("--cap", "NETWORK_CONNECT:**.example.org:443"), 'forbid' + connect + 'in Ward::Host::"2600::1") when { resource.port == 443 };\n'),
        (("--cap", "NETWORK_CONNECT:[64:ff9b::5db8:d822]:443"), 'forbid' + connect + 'in Ward::Host::"93.184.216.34");\n'),
        # What is spoken on a connection that is open is not known, nor whether that leads there.
        (("--cap", "NETWORK_CONNECT:a.example.org:443"), 'forbid' + connect + 'in Ward::Domain::"example.org") when ' + HIDDEN + ";\n"),
        (("--cap", "NETWORK_CONNECT:a.example.org:443"), 'forbid' + connect + 'in Ward::Cidr::"93.184.0.0/16") when ' + HIDDEN + ";\n"),
    )
    kept = "forbid" + connect + 'in Ward::Host::"kept.example.org");\n' + "forbid" + connect + 'in Ward::Host::"9.9.9.9");\n'
    # A name leads to an inner address only where a rule means that.
    other = ("forbid" + connect + 'in Ward::Domain::"example.net");\n' + "forbid" + connect + 'in Ward::Domain::"example.com") when ' + HIDDEN + ";\n"
             "forbid" + connect + 'in Ward::Cidr::"192.168.0.0/16");\n'
             "forbid" + connect + 'in Ward::Cidr::"93.184.0.0/16") unless { resource in Ward::Domain::"example.org" || resource.port < 6000 };\n')
    for n, (words, rule) in enumerate(rows):
        ceiling(3 * n + 1, QUIET + kept)
        v.p.log.unlink(missing_ok=True)
        v.start(*words)
        ceiling(3 * n + 2, QUIET + kept + other)
        v.goes_on()
        ceiling(3 * n + 3, QUIET + kept + rule)
        box.wait_for(lambda: v.q.poll() is not None, 5)
        check_eq([(r["effect"], r.get("action")) for r in v.epochs()][-1], ("deny", "net.connect"), words)


@epochs
def by_a_proxy_of_the_host_a_name_may_lead_to_inner_addresses(v):
    """Which it looks up, so that a rule about those takes it away."""
    inner = 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"192.168.0.0/16")'
    for n, (rule, ends) in enumerate(((inner + ' unless { resource in Ward::Domain::"example.org" };\n', False), (inner + ";\n", True))):
        ceiling(2 * n + 1, QUIET)
        v.p.log.unlink(missing_ok=True)
        v.start("--cap", "NETWORK_CONNECT:a.example.org:443", "--upstream-proxy", "http://127.0.0.1:9")
        ceiling(2 * n + 2, QUIET + rule)
        if ends:
            v.ends(f"epoch {2 * n + 2}", "/etc/ward/host.cedar:2")
        else:
            v.goes_on()
            v.q.kill()
            v.q.wait()


@epochs
def what_was_forbidden_before_is_not_asked_again(v):
    """Thousands of ranges and many names: of these only the new range is asked about; and names that no rule tells apart are one question."""
    row = 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Cidr::"{}");\n'
    rows = "".join(row.format(f"20.{i >> 8}.{i & 255}.0/24") for i in range(4000))
    many = QUIET + rows
    ceiling(1, many)
    v.start(*(w for i in range(100) for w in ("--cap", f"NETWORK_CONNECT:h{i}.example.org:443")))
    ceiling(2, "// no other rules\n" + many)
    v.goes_on()
    # All of them new by their words, and none of them new.
    ceiling(3, QUIET + "".join(rows.replace('");', f'") when {{ resource.port {how} 25 }};') for how in ("!=", "==")))
    box.wait_for(lambda: len(v.epochs()) == 2 or v.q.poll() is not None)
    check_eq([r["effect"] for r in v.epochs()], ["allow", "allow"], v.said())
    ceiling(4, many + row.format("93.184.0.0/16"))
    box.wait_for(lambda: v.q.poll() is not None)
    check_eq([(r["effect"], r.get("action")) for r in v.epochs()][-1], ("deny", "net.connect"))


@epochs
def what_conditions_and_wide_grants_let_be_connected_to_counts(v):
    """Where the grant has no name to ask about, one is found."""
    connect = ' (principal, action == Ward::Action::"net.connect", resource '
    long = ".".join(["a" * 61] * 4)
    public = "forbid" + connect + 'in Ward::Cidr::"93.184.0.0/16");\n'
    rows = (
        # The conditions of a policy, of a port that nobody else names.
        ("permit" + connect + 'in Ward::Domain::"example.org") when { resource.port == 8443 };\n', (),
         "permit" + connect + 'in Ward::Domain::"example.net");\n'),
        ("permit" + connect + 'in Ward::Host::"a.example.org") when { resource.port == 8443 };\n', (),
         "forbid" + connect + 'in Ward::Domain::"example.org") unless { resource.port == 443 };\n'),
        # The ceiling's name, at a port of the policy's.
        ("permit" + connect + 'is Ward::Endpoint) when { resource.port == 8443 };\n', (),
         "forbid" + connect + 'in Ward::Host::"a.example.org") unless { [443, 80, 47911].contains(resource.port) };\n'),
        # What a name that stands in a condition, or in a list above the grant, leads to; and what the next list leaves out.
        ("permit" + connect + 'is Ward::Endpoint) when { resource in Ward::Host::"h1.example.org" };\n', (), public),
        ("permit" + connect + 'is Ward::Endpoint) when { resource.port == 443 && resource in [Ward::Domain::"example.org"] };\n', (), public),
        ("permit" + connect + 'is Ward::Endpoint) unless { !(resource in Ward::Host::"h1.example.org") };\n', (), public),
        ("", ("--cap", "NETWORK_CONNECT:**.example.org:443"), "permit" + connect + 'in Ward::Host::"h2.example.org");\n',
         "permit" + connect + 'in Ward::Host::"h1.example.org");\n'),
        # Ranges whose first address is never reached.
        ("", ("--cap", "NETWORK_CONNECT:0.0.0.0/0:443"), "forbid" + connect + "is Ward::Endpoint);\n"),
        ("", ("--cap", "NETWORK_CONNECT:[::/0]:443"), "forbid" + connect + "is Ward::Endpoint);\n"),
        # Far below a domain, and where there is little room.
        ("", ("--cap", "NETWORK_CONNECT:**.example.org:443"),
         "forbid" + connect + 'in Ward::Domain::"example.org") unless { resource in Ward::Domain::"*.example.org" };\n'),
        ("", ("--cap", f"NETWORK_CONNECT:**.{long}:443"), "forbid" + connect + "is Ward::Endpoint);\n"),
    )
    for n, (policy, words, rule, *first) in enumerate(rows):
        ceiling(2 * n + 1, QUIET + "".join(first))
        v.p.log.unlink(missing_ok=True)
        v.p.write("net.cedar", policy or QUIET)
        v.start("--policy", "net.cedar", *words)
        ceiling(2 * n + 2, QUIET + rule)
        box.wait_for(lambda: v.q.poll() is not None, 5)
        check_eq([(r["effect"], r.get("action")) for r in v.epochs()], [("deny", "net.connect")], (n, policy, words, rule))


@epochs
def another_ceiling_under_the_same_number_is_for_later_runs(v):
    ceiling(3, QUIET)
    v.start("--read", ".")
    ceiling(3, f'forbid (principal, action, resource in Ward::Path::"{v.p.ws}");\n')
    v.lives(1.0)
    check_eq(v.epochs(), [])


@epochs
def what_cannot_be_kept_ends_the_run(v):
    def back():
        ceiling(1, QUIET)

    def gone():
        shutil.rmtree(CEILING)

    def no_number():
        (CEILING / "epoch").unlink()

    def no_epoch():
        (CEILING / "epoch").write_text("many\n")

    def open_to_all():
        (CEILING / "host.cedar").chmod(0o666)

    def unreadable():
        os.rename("/etc/ward", "/etc/ward.away")
        os.symlink("/etc/ward.away", "/etc/ward")

    def not_understood():
        (CEILING / "more.cedar").write_text("forbid (principal, action, resource in\n")
        (CEILING / "epoch").write_text("6\n")

    def empty():
        (CEILING / "host.cedar").unlink()
        (CEILING / "epoch").write_text("6\n")

    def unknown_kind():
        (CEILING / ".host.cedar.swp").write_text("")
    for change, text in ((back, "/etc/ward/epoch"), (gone, "/etc/ward/epoch"), (no_number, "/etc/ward/epoch"), (no_epoch, "/etc/ward/epoch:1"),
                         (open_to_all, "/etc/ward/host.cedar"), (unreadable, "/etc/ward"), (not_understood, "/etc/ward/more.cedar"),
                         (unknown_kind, "/etc/ward/.host.cedar.swp"), (empty, "/etc/ward")):
        if CEILING.is_symlink():
            CEILING.unlink()
        shutil.rmtree(CEILING, ignore_errors=True)
        ceiling(5, QUIET)
        v.p.log.unlink(missing_ok=True)
        v.start("--read", ".")
        change()
        rec, _ = v.ends("the ceiling cannot be kept any more", text)
        check_in("the ceiling cannot be kept any more", rec["detail"]["why"])


@box.root_only
def a_moment_without_a_descriptor_is_a_moment(p):
    """It cannot be read then, and nothing is wrong with it. Where that goes on nobody knows what it says."""
    own_etc()
    v = Live(p, None)
    ceiling(1, QUIET)
    v.start("--read", ".")
    before = resource.prlimit(v.q.pid, resource.RLIMIT_NOFILE)
    there = {int(n) for n in os.listdir(f"/proc/{v.q.pid}/fd")}
    # Of what it looks at the next would be the first without a number.
    none = (min(set(range(1024)) - there), before[1])
    resource.prlimit(v.q.pid, resource.RLIMIT_NOFILE, none)
    v.lives(0.5)
    resource.prlimit(v.q.pid, resource.RLIMIT_NOFILE, before)
    v.lives(1.5)
    check_eq(v.epochs(), [])
    resource.prlimit(v.q.pid, resource.RLIMIT_NOFILE, none)
    check(box.turns(lambda: not v.there(), 5) is not None, "it lives on")
    resource.prlimit(v.q.pid, resource.RLIMIT_NOFILE, before)
    v.ends("the ceiling cannot be kept any more", "raise its limit of open files")
    check("mend /etc/ward" not in v.said(), v.said())


@epochs
def a_moment_without_a_ceiling_is_a_moment(v):
    """Whoever renames directories leaves none for a while. One that was longer, on a busy machine, is none: the run may end, and another is begun."""
    ceiling(1, QUIET)
    v.start("--read", ".")
    moments = 0
    for n in range(2, 32):
        begun = time.monotonic()
        CEILING.rename("/etc/ward.old")
        time.sleep(0.15)
        ceiling(n, QUIET)
        if time.monotonic() - begun < 0.24:
            v.lives(0.3)
            moments += 1
        elif box.wait_for(lambda: v.q.poll() is not None, 2):
            box.wait_for(lambda: not v.there(), 20)
            v.p.log.unlink()
            v.start("--read", ".")
            moments = 0
        if moments == 6:
            break
    else:
        skip("no moment was short enough on a machine as busy as this one")
    v.lives(0.5)
    check_eq({r["effect"] for r in v.epochs()}, {"allow"})


@epochs
def what_a_person_said_yes_to_stays_granted(v):
    """A list of the new ceiling that would ask: --approve said so beforehand."""
    ask = ('@approval("risky") permit (principal, action == Ward::Action::"fs.write", resource in Ward::Path::"./");\n')
    ceiling(1, QUIET)
    v.start("--write", ".", "--approve", "risky")
    ceiling(2, ask)
    v.goes_on()
    v.q.kill()
    box.wait_for(lambda: not v.there(), 20)
    v.p.log.unlink()
    ceiling(3, QUIET)
    v.start("--write", ".")
    ceiling(4, ask)
    v.ends("a person would have to be asked", "/etc/ward/host.cedar:1")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("TAP version 13\n1..0 # SKIP only root has a ceiling to change")
        sys.exit(0)
    box.main()
