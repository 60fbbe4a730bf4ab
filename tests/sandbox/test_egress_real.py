#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
Programs as people have them, not told of anything, against servers as people run them: what was granted works, and what was not, another name
or another port, fails at once with a record that names it. One run a client: it does the allowed thing, then the refused ones, and says how
long these took it. A program of a command line starts anew each time: what is compared is the same command line at a server of the sandbox's
own that resets what is connected (GnuTLS reads all certificates of the host before it sends a byte).
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import box
import cli
from box import both, both_cases
from egress_box import Dns
from egress_servers import GREETING, HELLO, NAME, OTHER, Servers
from tap import check, check_eq, check_in, skip

PYTHON = "/usr/bin/python3"
REFUSED_MS = 50
OWN = 8010                      # of the sandbox's own loopback: what is connected there is reset at once
SHUT = 8009                     # a port of NAME that nothing grants
OTHERS = [OTHER, "b." + OTHER, "c." + OTHER]    # more than one: Java remembers what failed
GO = "/usr/local/go/bin/go" if os.path.exists("/usr/local/go/bin/go") else "/usr/bin/go"

_state = {}

# ---- clients that are a command line ----

# Runs them inside: the allowed one once, then the others in turn, the swiftest of each counts. Forty rounds at most, since others use the machine.
RUNNER = """
import json, socket, struct, subprocess, sys, threading, time
own = socket.create_server(("127.0.0.1", OWN))
def reset():
    while True:
        c, _ = own.accept()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
threading.Thread(target=reset, daemon=True).start()
def once(argv):
    t = time.monotonic()
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    return p, (time.monotonic() - t) * 1000
job = json.loads(sys.argv[1])
p, _ = once(job["works"])
said = {"works": [p.returncode, p.stdout, p.stderr[-1500:]], "ms": {}, "worked": [], "err": ""}
for turn in range(40):
    for word, argv in job["fails"].items():
        p, ms = once(argv)
        said["err"] = p.stderr[-300:]
        said["worked"] += [word] if p.returncode == 0 else []
        said["ms"][word] = min(ms, said["ms"].get(word, ms))
    if turn >= 1 and max(said["ms"].values()) - said["ms"]["own"] < job["enough"] or said["worked"]:
        break
print(json.dumps(said))
""".replace("OWN", str(OWN))
SSH = ["-F", "none", "-i", "key", "-o", "UserKnownHostsFile=PUB/known", "-o", "BatchMode=yes"]
# A row: the server, what the client says when it works, and its command line at HOST:PORT.
COMMANDS = {
    "curl": ("https", HELLO, ["curl", "-sS", "-m", "20", "--cacert", "PUB/ca.pem", "https://HOST:PORT/hello"]),
    "curl without TLS": ("http", HELLO, ["curl", "-sS", "-m", "20", "http://HOST:PORT/hello"]),
    "wget": ("https", HELLO,
             ["wget", "-q", "-t", "1", "-T", "20", "-O", "-", "--ca-certificate=PUB/ca.pem", "https://HOST:PORT/hello"]),
    "git over https": ("https", "refs/heads/main", ["git", "-c", "http.sslCAInfo=PUB/ca.pem", "ls-remote", "https://HOST:PORT/git/r.git"]),
    "git over its own protocol": ("git", "refs/heads/main", ["git", "ls-remote", "git://HOST:PORT/r.git"]),
    "git over ssh": ("ssh", "refs/heads/main",
                     ["git", "-c", "core.sshCommand=ssh " + " ".join(SSH), "ls-remote", "ssh://USER@HOST:PORT/REPOS/r.git"]),
    "ssh": ("ssh", "hello by ssh\n", ["ssh", *SSH, "-p", "PORT", "USER@HOST", "echo hello by ssh"]),
    "psql with TLS": ("postgres_tls", "42\n",
                      ["psql", "host=HOST port=PORT user=ward dbname=postgres connect_timeout=20 sslmode=verify-full sslrootcert=PUB/ca.pem", "-Atc", "select 42"]),
    "psql where there is no TLS": ("postgres_plain", "42\n",
                                   ["psql", "host=HOST port=PORT user=ward dbname=postgres connect_timeout=20", "-Atc", "select 42"]),
    "redis-cli": ("redis", "PONG\n", ["redis-cli", "-h", "HOST", "-p", "PORT", "PING"]),
    "openssl s_client": ("https", "Verification: OK",
                         ["sh", "-c", "exec openssl s_client -brief -CAfile PUB/ca.pem -verify_return_error -servername HOST -connect HOST:PORT 2>&1"]),
}
INSPECTED = {"https": "tls", "http": "http", "ssh": "ssh", "postgres_tls": "tls"}

# ---- clients that are a library: the program does all of it, and says so in lines of a word and milliseconds ----

URLLIB = """
import ssl, sys, time, urllib.request
ca, works, *refused = sys.argv[1:]
c = ssl.create_default_context(cafile=ca)
print(urllib.request.urlopen(works, context=c, timeout=20).read().decode(), end="")
for url in refused:
    t = time.monotonic()
    try:
        print("works", urllib.request.urlopen(url, context=c, timeout=20).read())
    except OSError:
        print("refused", url, (time.monotonic() - t) * 1000)
"""
REQUESTS = """
import requests, sys, time
ca, works, *refused = sys.argv[1:]
print(requests.get(works, verify=ca, timeout=20).text, end="")
for url in refused:
    t = time.monotonic()
    try:
        print("works", requests.get(url, verify=ca, timeout=20).text)
    except requests.RequestException:
        print("refused", url, (time.monotonic() - t) * 1000)
"""
NODE = """
const [ca, works, ...refused] = process.argv.slice(1);
(async () => {
  process.stdout.write(await (await fetch(works)).text());
  for (const url of refused) {
    const t = performance.now();
    try { console.log("works", await (await fetch(url)).text()); } catch { console.log("refused", url, performance.now() - t); }
  }
})();
"""
# The library with which npm fetches, as npm has it.
NPM = """
const at = require.resolve("npm-registry-fetch", { paths: ["/usr/lib/node_modules/npm", "/usr/share/nodejs/npm", "/usr/share/nodejs"] });
const fetchIt = require(at), fs = require("fs");
const [ca, works, ...refused] = process.argv.slice(1);
const how = { ca: fs.readFileSync(ca, "utf8"), retry: { retries: 0 }, fetchRetries: 0 };
(async () => {
  process.stdout.write((await fetchIt.json("/ward-test-package", { ...how, registry: works }))["dist-tags"].latest + "\\n");
  for (const url of refused) {
    const t = performance.now();
    try { await fetchIt.json("/ward-test-package", { ...how, registry: url }); console.log("works"); } catch { console.log("refused", url, performance.now() - t); }
  }
})();
"""
JAVA = """
import java.io.*;
import java.net.*;
import java.security.*;
import java.security.cert.*;
import javax.net.ssl.*;

public class Fetch {
	static byte[] get(String url) throws IOException {
		URLConnection c = new URL(url).openConnection();
		c.setConnectTimeout(20000);
		c.setReadTimeout(20000);
		try (InputStream in = c.getInputStream()) {
			return in.readAllBytes();
		}
	}

	public static void main(String[] a) throws Exception {
		KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
		store.load(null, null);
		try (InputStream in = new FileInputStream(a[0])) {
			store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
		}
		TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		trust.init(store);
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, trust.getTrustManagers(), null);
		HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
		System.out.write(get(a[1]));
		for (int i = 2; i < a.length; i++) {
			long t = System.nanoTime();
			try {
				System.out.println("works " + new String(get(a[i])));
			} catch (IOException e) {
				System.out.println("refused " + a[i] + " " + (System.nanoTime() - t) / 1e6);
			}
		}
		System.out.flush();
	}
}
"""
# Without net/http, whose compilation takes longer than all of these tests.
GO_SOURCE = """
package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"time"
)

func get(at string) ([]byte, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	c, err := net.DialTimeout("tcp", u.Host, 20*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err = io.WriteString(c, "GET "+u.Path+" HTTP/1.0\\r\\nHost: "+u.Host+"\\r\\n\\r\\n"); err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

func main() {
	b, err := get(os.Args[2])
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	os.Stdout.Write(b)
	for _, at := range os.Args[3:] {
		t := time.Now()
		if b, err := get(at); err == nil {
			fmt.Println("works", string(b))
		} else {
			fmt.Println("refused", at, float64(time.Since(t).Microseconds())/1000)
		}
	}
}
"""
# A row: scheme and path of what is fetched, what it says, and the command line before "CA WORKS REFUSED...".
LIBRARIES = {
    "python urllib": ("https", "/hello", HELLO, lambda p: [PYTHON, "-c", URLLIB]),
    "python requests": ("https", "/hello", HELLO, lambda p: [PYTHON, "-c", REQUESTS]),
    "node fetch": ("https", "/hello", HELLO, lambda p: ["env", "NODE_EXTRA_CA_CERTS=" + ca(), "node", "-e", NODE]),
    "what npm fetches with": ("https", "/npm/", "1.0.0\n", lambda p: ["node", "-e", NPM]),
    "java": ("https", "/hello", HELLO, lambda p: ["java", "-XX:TieredStopAtLevel=1", str(p.write("Fetch.java", JAVA))]),
    "a static go program": ("http", "/hello", HELLO, lambda p: [str(go_program(p))]),
}
NEEDS = {"java": "/usr/bin/javac", "node fetch": "/usr/bin/node", "what npm fetches with": "/usr/bin/npm", "a static go program": GO}


def ca():
    return str(_state["servers"].pub / "ca.pem")


def go_program(p):
    """Built once, by whoever began, for all."""
    target = p.ws / "fetch"
    target.write_bytes(_state["go"].read_bytes())
    target.chmod(0o755)
    return target


def build_go(top):
    (top / "go").mkdir()
    (top / "go/m.go").write_text(GO_SOURCE)
    env = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-mod=mod", GOPROXY="off", GOTOOLCHAIN="local")
    env.setdefault("HOME", str(top))
    subprocess.run([GO, "build", "-o", "m", "m.go"], cwd=top / "go", check=True, env=env, timeout=500)
    (top / "go/m").chmod(0o755)
    return top / "go/m"


def need(word, *programs):
    s = _state["servers"]
    if word not in s.ports:
        skip(f"no server of the kind {word} is here")
    for one in programs:
        if not any(os.path.exists(f"{d}{one}") for d in ("", "/usr/bin/", "/bin/")):
            skip(f"{one} is not here")
    return s.ports[word]


def run(p, port, *words):
    """-> (result, outcome, name server). NAME at that port is granted, and the loopback that it leads to."""
    s = _state["servers"]
    dns = Dns({NAME: ["127.0.0.1"], OTHER: ["127.0.0.1"]})
    key = p.write("key", s.key_text, 0o600) if s.key_text else None
    r, doc = p.outcome("--resolver", dns.at, "--cap", f"NETWORK_CONNECT:{NAME}:{port}", "--cap", f"NETWORK_CONNECT:127.0.0.1:{port}",
                       "--read", s.pub, "--write", ".", "--", *words, timeout=170)
    if key:
        key.unlink()
    return r, doc, dns


def held(p, doc, dns, port, inspected=None):
    """The records of all three, and nobody was asked for a refused name."""
    told = [r for r in box.records(p) if r["kind"].startswith(("net.", "dns."))]
    found = {(r["kind"], r["resource"], r["detail"].get("reason")) for r in told}
    for one in (("dns.block", OTHER, "no_rule"), ("net.block", f"{NAME}:{SHUT}", "no_rule"), ("net.connect", f"{NAME}:{port}", None)):
        check(one in found, f"no record {one}: {sorted(map(str, found))}")
    for resource in (OTHER, f"{NAME}:{SHUT}"):
        check_in(resource, [v["resource"] for v in doc["violations"]])
    # Nor did it miss anything else: Debian's psql is a Perl program, and Perl looks for a user's password; its library
    # for what the host says of Kerberos, where that says anything.
    check_eq({v["resource"] for v in doc["violations"]} - {*OTHERS, f"{NAME}:{SHUT}", "/etc/shadow", "/etc/krb5.conf"}, set())
    if inspected:
        check_in(inspected, [r["detail"]["inspected"] for r in told if r["kind"] == "net.connect"])
    check_eq(dns.names(), {NAME})


def fill(words, host, port):
    s = _state["servers"]
    put = {"PUB": str(s.pub), "REPOS": str(s.repositories).lstrip("/"), "USER": s.user, "HOST": host, "PORT": str(port)}
    for word, value in put.items():
        words = [w.replace(word, value) for w in words]
    return words


@both_cases([(name, *row) for name, row in COMMANDS.items()])
def reaches_its_server_and_no_other(p, server, says, words):
    port = need(server, words[0])
    fails = {"own": fill(words, "127.0.0.1", OWN), "name": fill(words, OTHER, port), "port": fill(words, NAME, SHUT)}
    served = _state["servers"].requests()
    r, doc, dns = run(p, port, PYTHON, "-c", RUNNER, json.dumps({"works": fill(words, NAME, port), "fails": fails, "enough": REFUSED_MS}))
    check_eq(r.code, 0, r.err)
    said = json.loads(r.out)
    check_eq(said["works"][0], 0, f"{said['works']} {r.err}")
    check_in(says, said["works"][1])
    check_eq(said["worked"], [])
    for word in ("name", "port"):
        check(said["ms"][word] - said["ms"]["own"] < REFUSED_MS, f"{word}: {said['ms']} {said['err']}")
    held(p, doc, dns, port, INSPECTED.get(server))
    if server in ("http", "https"):
        # git asks twice for what it is given.
        check(_state["servers"].requests() - served <= 2, "a refused request was served")


@both_cases([(name, name, *row) for name, row in LIBRARIES.items()])
def reaches_by_its_library_and_no_other(p, name, server, path, says, words):
    port = need(server, *([NEEDS[name]] if name in NEEDS else []))
    if "requests" in name and subprocess.run([PYTHON, "-c", "import requests"], stderr=subprocess.DEVNULL, check=False).returncode:
        skip("python has no requests")
    scheme = server + "://"
    refused = [f"{scheme}{other}:{port}{path}" for other in OTHERS] + [f"{scheme}{NAME}:{SHUT}{path}"] * 3
    refused += [f"{scheme}127.0.0.1:{OWN}{path}"] * 3    # what the client itself takes to be refused, on this machine at this moment
    served = _state["servers"].requests()
    r, doc, dns = run(p, port, *words(p), ca(), f"{scheme}{NAME}:{port}{path}", *refused)
    check_eq(r.code, 0, r.err)
    check_in(says, r.out)
    lines = [line.split() for line in r.out.splitlines() if line.startswith("refused ")]
    check_eq([line[1] for line in lines], refused, r.out)
    names, ports, own = (min(float(line[2]) for line in lines[i:i + 3]) for i in (0, 3, 6))
    check(max(names, ports) - own < REFUSED_MS, r.out)
    held(p, doc, dns, port, INSPECTED[server])
    check_eq(_state["servers"].requests() - served, 1)


@both
def npm_installs_from_its_registry_and_from_no_other(p):
    port = need("https", "npm")
    where = f"https://{NAME}:{port}/npm/"
    words = ["npm", "install", "--cafile", ca(), "--no-audit", "--no-fund", "--fetch-retries=0", "ward-test-package"]
    r, _, dns = run(p, port, *words, "--registry", where)
    check_eq(r.code, 0, r.err)
    check_eq((p.ws / "node_modules/ward-test-package/index.js").read_text(), "module.exports = 'installed';\n")
    check_eq(dns.names(), {NAME})
    p.write("shut/package.json", "{}\n")
    r, doc, dns = run(p, port, *words, "--prefix", "shut", "--registry", where.replace(NAME, OTHER))
    check(r.code != 0, r.out)
    check_in(OTHER, [v["resource"] for v in doc["violations"]])
    check(OTHER not in dns.names(), str(dns.queries))


@both_cases([("https", "https", "https://HOST:PORT/git/r.git"), ("ssh", "ssh", "ssh://USER@HOST:PORT/REPOS/r.git"),
             ("its own protocol", "git", "git://HOST:PORT/r.git")])
def git_clones_over(p, server, url):
    port = need(server, "git")
    r, _, _ = run(p, port, *fill(["git", "-c", "http.sslCAInfo=PUB/ca.pem", "-c", "core.sshCommand=ssh " + " ".join(SSH), "clone", "-q", url, "got"], NAME, port))
    check_eq(r.code, 0, r.err)
    check_eq((p.ws / "got/greeting").read_text(), GREETING)


@both
def a_clients_tls_for_another_name_ends_before_the_server_hears_it(p):
    """nginx would serve it: one certificate, one host for both names."""
    port = need("https", "curl")
    for words in (["curl", "-sS", "-m", "20", "--cacert", ca(), "--connect-to", f"{OTHER}:{port}:{NAME}:{port}", f"https://{OTHER}:{port}/hello"],
                  ["openssl", "s_client", "-brief", "-CAfile", ca(), "-servername", OTHER, "-connect", f"{NAME}:{port}"]):
        served = _state["servers"].requests()
        r, doc, dns = run(p, port, *words)
        check(r.code != 0 and "ESTABLISHED" not in r.err, r.out + r.err)
        check_eq([r["detail"]["reason"] for r in box.records(p) if r["kind"] == "net.block"][-1:], ["name_mismatch"])
        check_in(f"{NAME}:{port}", [v["resource"] for v in doc["violations"]])
        check_eq(_state["servers"].requests() - served, 0)
        check_eq(dns.names(), {NAME})


def main():
    top, own = pathlib.Path(tempfile.mkdtemp(prefix="ward-real-")), os.getpid()

    def clean():
        if os.getpid() == own:
            if "servers" in _state:
                _state["servers"].end()
            cli.tree.remove_tree(str(top))

    def told(*_):
        # Whatever catches what is raised: who takes too long is told to end, and takes the servers along.
        clean()
        os._exit(1)
    signal.signal(signal.SIGTERM, told)
    try:
        top.chmod(0o755)
        _state["servers"] = Servers(top)
        if os.path.exists(GO):
            _state["go"] = build_go(top)
        box.main()
    finally:
        clean()


if __name__ == "__main__":
    sys.exit(main())
