#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
A connection that a person has to say yes to waits while he is asked (--ask wait): with the answer it is made or reset, and until then nothing
of it leaves the host, a question to a name server included. The answer is remembered, but for what is critical; so is a no.
"""
import json
import os
import pathlib
import re
import subprocess
import time

import box
import cli
from box import both, root_only
from ceiling_box import ceiling, own_etc
from egress_box import HELLO, Dns, Http
from tap import check, check_eq, check_in, skip

NAME = "good.test.example"
CONNECT = 'permit (principal, action == Ward::Action::"net.connect", resource in Ward::'
LOOPBACK = f'{CONNECT}Cidr::"127.0.0.0/8");\n'
DOMAIN = CONNECT + 'Domain::"test.example");\n'


class Held:
    """A server behind NAME, and a run that would have to be asked about it."""

    def __init__(self, p, policy, script, *words, ask="wait"):
        self.p = p
        (p.side / "www").mkdir()
        (p.side / "www/hello").write_bytes(HELLO)
        (p.side / "run").mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(p.side / "run")
        self.http = Http(p.side / "www")
        self.dns = Dns({NAME: ["127.0.0.1"], "more.test.example": ["127.0.0.1"]})
        p.write("net.cedar", policy + LOOPBACK)
        script = script.replace("GET", f"curl -4 -sS -m {40 * cli.PATIENCE}").replace("PORT", str(self.http.port))
        self.q = p.start("--ask", ask, *words, "--resolver", self.dns.at, "--policy", "net.cedar", "--outcome", p.outcome_file, "--",
                         "/bin/sh", "-c", script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def pending(self, n=1):
        """The digests of what is asked, once there are n of them."""
        end = time.monotonic() + 20 * cli.PATIENCE
        while time.monotonic() < end and self.q.poll() is None:
            for run in json.loads(cli.ward("pending", "--json").out)["runs"]:
                if run["pid"] == self.q.pid and len(run["asks"]) >= n:
                    return [k["digest"] for k in run["asks"]]
            time.sleep(0.02)
        raise AssertionError(f"nobody is asked: {self.q.poll()} {self.q.communicate()}")

    def end(self):
        out, err = self.q.communicate(timeout=60)
        return out, err, json.loads(self.p.outcome_file.read_text())

    def said(self):
        return [(r["kind"], r["resource"], r["detail"].get("scope")) for r in box.records(self.p) if r["kind"].startswith("approval.")]


@both
def a_yes_lets_the_connection_through(p):
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello && GET http://{NAME}:PORT/hello")
    digest = h.pending()[0]
    check_eq((h.dns.queries, h.http.requests), ([], []), "something left before the answer")
    r = cli.ward("approve", digest)
    check_eq(r.code, 0, r.err)
    out, err, doc = h.end()
    # The second is not asked about: that was said.
    check_eq((out, doc["violations"]), (2 * HELLO.decode(), []), err)
    where = f"{NAME}:{h.http.port}"
    check_eq(h.said(), [("approval.requested", where, None), ("approval.granted", where, "once")])
    check_eq(len(h.http.requests), 2)
    connects = [r for r in box.records(p) if r["kind"] == "net.connect"]
    check(connects and all(r["rules"] for r in connects), str(connects))
    sockets = "/run/ward" if os.geteuid() == 0 else p.side / "run/ward"
    check(doc["run"] not in os.listdir(sockets), "the socket is left")


@root_only
def nobody_else_waits_until_a_question_is_in_the_log(p):
    """Ward's own thread writes it, and waits for the disk: the one that mediates connects writes nothing of it."""
    if not os.path.exists("/proc/self/io"):
        skip("this kernel does not count what a thread writes")
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello")
    digest = h.pending()[0]
    wrote = {}
    for at in pathlib.Path(f"/proc/{h.q.pid}/task").iterdir():
        wrote[at.joinpath("comm").read_text().strip()] = int(re.search(r"wchar: (\d+)", at.joinpath("io").read_text())[1])
    check(wrote["ward-notify"] < 200, str(wrote))
    check_eq(cli.ward("approve", digest).code, 0)
    check_eq(h.end()[0], HELLO.decode())


@both
def a_no_resets_it_and_is_remembered(p):
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello; date +%s.%N; GET http://{NAME}:PORT/hello; date +%s.%N")
    r = cli.ward("deny", h.pending()[0])
    check_eq(r.code, 0, r.err)
    out, err, doc = h.end()
    first, second = (float(word) for word in out.split())
    check(second - first < 20, f"the second waited: {out}")   # curl gives up after 40
    check_eq((h.dns.queries, h.http.requests), ([], []))
    check_eq([(v["resource"], v["count"]) for v in doc["violations"]], [(f"{NAME}:{h.http.port}", 2)], err)
    check_eq(doc["violations"][0]["cure"], f"--cap 'NETWORK_CONNECT:{NAME}:{h.http.port}' --approve risky")
    blocks = [r["detail"] for r in box.records(p) if r["kind"] == "net.block"]
    check_eq({(b["reason"], b["why"]) for b in blocks}, {("no_rule", "a person was asked, and said no")})


@both
def what_is_told_at_the_end_has_the_same_words(p):
    h = Held(p, '@approval("risky") ' + DOMAIN, f"for i in 1 2 3 4 5 6 7; do GET http://{NAME}:PORT/hello; done")
    check_eq(cli.ward("deny", h.pending()[0]).code, 0)
    _, err, doc = h.end()
    check_eq([(v["count"]) for v in doc["violations"]], [7], err)
    check_eq({r["detail"]["why"] for r in box.records(p) if r["kind"] == "net.block"}, {"a person was asked, and said no"})


@both
def no_answer_in_time_is_a_no(p):
    began = time.monotonic()
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello; GET http://{NAME}:PORT/hello", "--ask-timeout", "1s")
    out, _, doc = h.end()
    check(1 <= time.monotonic() - began < 20 * cli.PATIENCE, "it was not waited for an answer, or too long")
    check_eq((out, h.dns.queries, [v["count"] for v in doc["violations"]]), ("", [], [2]))
    where = f"{NAME}:{h.http.port}"
    check_eq(h.said(), [("approval.requested", where, None), ("approval.denied", where, None)])
    check_in("did not answer", [r for r in box.records(p) if r["kind"] == "net.block"][0]["detail"]["why"])


@both
def what_is_critical_is_asked_each_time(p):
    h = Held(p, '@approval("critical") ' + DOMAIN, f"GET http://{NAME}:PORT/hello; GET http://{NAME}:PORT/hello")
    first = h.pending()[0]
    check_eq(cli.ward("approve", first, "--run").code, 1)
    check_eq(cli.ward("approve", first).code, 0)
    check(box.wait_for(lambda: len(h.http.requests) == 1), "the first was not let through")
    check_eq(cli.ward("deny", h.pending()[0]).code, 0)
    out, err, _ = h.end()
    check_eq((out, len(h.http.requests)), (HELLO.decode(), 1), err)


@root_only
def what_is_critical_may_be_asked_more_often_than_there_are_places(p):
    """Its place is free again. The run's socket comes and goes with each question, and whoever looks meanwhile leaves it alone."""
    n = 70  # WARD_ASKS_MAX: 64
    h = Held(p, '@approval("critical") ' + DOMAIN, f"for i in $(seq {n}); do GET http://{NAME}:PORT/hello || exit 1; done")
    for _ in range(n):
        r = cli.ward("approve", h.pending()[0])
        check_eq(r.code, 0, r.err)
    out, err, _ = h.end()
    check_eq((out, len(h.http.requests)), (n * HELLO.decode(), n), err)


@both
def for_the_run_is_for_the_whole_rule(p):
    get = f"GET http://{NAME}:PORT/hello"
    h = Held(p, '@approval("risky") ' + DOMAIN, f"{get}; {get.replace('good', 'more')}; GET http://other.example:PORT/hello")
    check_eq(cli.ward("approve", h.pending()[0], "--run").code, 0)
    out, err, doc = h.end()
    check_eq(out, 2 * HELLO.decode(), err)
    check_eq([v["resource"] for v in doc["violations"]], ["other.example"])


@both
def a_literal_address_waits_too(p):
    """It is not looked up, and is not dialled before somebody says so. Another endpoint is another question."""
    ask = '@approval("risky") ' + CONNECT + 'Cidr::"192.0.2.0/24");\n'
    h = Held(p, ask, "curl -sS -m 5 http://192.0.2.1:80/ & curl -sS -m 5 http://192.0.2.2:80/ & wait")
    for digest in h.pending(2):
        check_eq(cli.ward("deny", digest).code, 0)
    _, err, doc = h.end()
    check_eq(sorted(v["resource"] for v in doc["violations"]), ["192.0.2.1:80", "192.0.2.2:80"], err)


@both
def without_wait_nobody_is_asked(p):
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello", ask="no")
    _, _, doc = h.end()
    check_eq([v["resource"] for v in doc["violations"]], [NAME])
    check_eq((h.said(), h.dns.queries), ([], []))


@both
def a_forbid_is_not_asked_about(p):
    forbid = 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"' + NAME + '");\n'
    h = Held(p, '@approval("risky") ' + DOMAIN + forbid, f"GET http://{NAME}:PORT/hello")
    _, _, doc = h.end()
    check_eq(([v["resource"] for v in doc["violations"]], h.said()), ([NAME], []))


@both
def the_end_of_the_run_answers_no(p):
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello & sleep 2")
    h.pending()
    h.end()
    check_eq([kind for kind, _, _ in h.said()], ["approval.requested", "approval.denied"])
    told = [(r["kind"], r["effect"], r["detail"].get("reason")) for r in box.records(p) if r["kind"].startswith("net.")]
    check_eq(told, [("net.block", "deny", "no_rule")])


@both
def who_gives_up_was_not_let_through(p):
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET -m 1 http://{NAME}:PORT/hello; sleep 1")
    h.end()
    told = [(r["kind"], r["effect"], r["detail"].get("reason")) for r in box.records(p) if r["kind"].startswith("net.")]
    check_eq(told, [("net.block", "deny", "no_rule")])


@both
def by_its_name_a_run_that_is_alive_gets_no_yes(p):
    """Its command brings about questions at will: a yes is to one of them."""
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello")
    h.pending()
    run = next(r["run"] for r in json.loads(cli.ward("pending", "--json").out)["runs"] if r["pid"] == h.q.pid)
    for how in ("--once", "--run"):
        r = cli.ward("approve", run, how)
        check(r.code != 0, "it took a yes to whatever is asked")
        check_in("it must be named by itself", r.err)
    check_eq(len(h.pending()), 1)
    check_eq(cli.ward("deny", run).code, 0)
    out, err, _ = h.end()
    check_eq((out, h.http.requests), ("", []), err)


def killed_by_a_ceiling(p, level, how, forbids, when=""):
    own_etc()
    h = Held(p, f'@approval("{level}") ' + DOMAIN, f"GET http://{NAME}:PORT/hello; sleep 300")
    check_eq(cli.ward("approve", h.pending()[0], how).code, 0)
    check(box.wait_for(lambda: len(h.http.requests) == 1), "it was not let through")
    began = time.monotonic()
    ceiling(1, f'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"{forbids}"){when};\n')
    _, err, doc = h.end()
    check_eq(doc["status"], "policy_kill", err)
    check_in(forbids, err)
    check(time.monotonic() - began < 5 * cli.PATIENCE, "it was late")


@root_only
def a_new_ceiling_is_held_against_a_yes_that_was_given_meanwhile(p):
    killed_by_a_ceiling(p, "risky", "--once", NAME)


@root_only
def as_is_one_that_forbids_it_to_the_program_that_was_let_through(p):
    """Which one it was is not known by then: each that the ceiling names may have been it."""
    killed_by_a_ceiling(p, "risky", "--once", NAME, ' when { context has program && context.program == "/usr/bin/curl" }')


@root_only
def a_ceiling_of_programs_that_it_does_not_name_ends_the_run(p):
    """Of a pattern it is not known which of them are meant, nor which one has a connection."""
    own_etc()
    h = Held(p, DOMAIN, f"GET http://{NAME}:PORT/hello; sleep 30")
    check(box.wait_for(lambda: len(h.http.requests) == 1), "it was not let through")
    ceiling(1, 'forbid (principal, action == Ward::Action::"net.connect", resource) when { context has program && context.program like "/usr/bin/cu*" };\n')
    _, err, doc = h.end()
    check_eq(doc["status"], "policy_kill", err)
    check_in("otherwise than as a whole", err)


@root_only
def as_against_what_a_yes_for_the_run_reaches(p):
    killed_by_a_ceiling(p, "risky", "--run", "more.test.example")


@root_only
def and_against_what_is_not_remembered(p):
    killed_by_a_ceiling(p, "critical", "--once", NAME)


def goes_on_under_a_ceiling(p, how):
    own_etc()
    text = '@approval("risky") ' + DOMAIN + LOOPBACK
    ceiling(1, text)
    h = Held(p, DOMAIN, f"GET http://{NAME}:PORT/hello; sleep 1; GET http://{NAME}:PORT/hello")
    check_eq(cli.ward("approve", h.pending()[0], how).code, 0)
    check(box.wait_for(lambda: len(h.http.requests) == 1), "it was not let through")
    ceiling(2, text)
    out, err, doc = h.end()
    check_eq((out, doc["status"]), (2 * HELLO.decode(), "exited"), err)
    check_eq([r["effect"] for r in box.records(p) if r["kind"] == "policy.epoch"], ["allow"])


@root_only
def what_a_new_ceiling_asks_about_as_well_was_said(p):
    goes_on_under_a_ceiling(p, "--once")


@root_only
def or_was_said_for_the_run(p):
    goes_on_under_a_ceiling(p, "--run")


@root_only
def under_a_new_ceiling_nobody_is_asked_any_more(p):
    own_etc()
    h = Held(p, '@approval("risky") ' + DOMAIN, f"GET http://{NAME}:PORT/hello; GET http://more.test.example:PORT/hello; GET http://{NAME}:PORT/hello")
    h.pending()
    began = time.monotonic()
    ceiling(1, 'forbid (principal, action == Ward::Action::"net.connect", resource in Ward::Host::"other.example");\n')
    out, err, doc = h.end()
    check_eq((out, doc["status"], h.dns.queries), ("", "exited", []), err)
    check(time.monotonic() - began < 20 * cli.PATIENCE, "something waited")
    where = f"{NAME}:{h.http.port}"
    check_eq(h.said(), [("approval.requested", where, None), ("approval.denied", where, None)])
    check_eq([r["detail"]["by"]["how"] for r in box.records(p) if r["kind"] == "approval.denied"], ["epoch"])
    check_in("the ceiling changed", [r for r in box.records(p) if r["kind"] == "net.block"][0]["detail"]["why"])


if __name__ == "__main__":
    box.main(at_once=3)
