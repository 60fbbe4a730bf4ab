#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Package caches with the tools themselves: an installation on the host fills the cache, out of a registry that the test makes; inside, with
`--caches` and no network, the same installation works out of it, and without `--caches` it does not; a run that overwrites everything in the
cache changes nothing of the host's, and the next run works as the first did. The internet is not needed.
"""
import encodings.idna  # pylint: disable=unused-import  # before another user who may not read it needs it
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import box  # noqa: E402  pylint: disable=wrong-import-position
from box import both  # noqa: E402  pylint: disable=wrong-import-position
from tap import check, check_eq, skip  # noqa: E402  pylint: disable=wrong-import-position
from caches_box import CACHES, snapshot  # noqa: E402  pylint: disable=wrong-import-position

SYSTEM = "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin"
POISON = "find -L \"$1\" -type f -exec sh -c 'for f; do chmod u+w \"$f\" \"${f%/*}\"; echo poison > \"$f\" || exit 1; done' sh {} +"


def need(program, path=SYSTEM):
    found = shutil.which(program, path=path)
    if not found:
        skip(f"no {program} here")
    return found


def host(p, *argv, env=None, cwd=None):
    r = subprocess.run([str(a) for a in argv], cwd=cwd or p.ws, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
                       timeout=170, env={"PATH": SYSTEM, "LC_ALL": "C.UTF-8", "HOME": str(p.home), **(env or {})})
    check_eq(r.returncode, 0, f"on the host: {argv}: {r.stdout}")
    return r.stdout


def archive(files, top=""):
    """A tarball, the same bytes each time."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(top + name)
            info.size, info.mode = len(text), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def serve(pages):
    """{path: (type, bytes)} over HTTP, at a port of the loopback."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # pylint: disable=invalid-name
            kind, data = pages.get(self.path.split("?")[0], (None, b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args):  # pylint: disable=arguments-differ
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def works(p, name, clean, *argv, env=None, words=(), path=SYSTEM):
    """Out of the cache, as often as anybody likes, whatever a run did to it in between."""
    top = p.home / CACHES[name][1]
    before = snapshot(top)
    check(len(before) > 1, "nothing was fetched")
    env = {"PATH": path, "HOME": str(p.home), **(env or {})}
    words = ("--mode", "workspace_write", *words)

    def once(*caches):
        clean()
        return p.run(*words, *caches, "--", *argv, env=env, timeout=170)
    r = once()
    check(r.code != 0 or name in ("cargo", "go", "gem"), f"without the cache it works as well: {r.out}")    # those are read in any case
    for caches in ("--caches", f"--caches={name}"):
        r = once(caches)
        check_eq(r.code, 0, f"{r.out}{r.err}")
        check_eq(snapshot(top), before, "the host's cache was changed")
    inside = "/home/ward/" + CACHES[name][0] if "/" in CACHES[name][0] else str(top)
    r = p.run(*words, f"--caches={name}", "--", "sh", "-c", POISON + f' && grep -rq poison "$1/" && ! grep -rLq poison "$1/"; ls "$1" > {p.ws}/poisoned', "sh", inside, env=env)
    check((p.ws / "poisoned").read_text(), f"nothing was poisoned: {r.err}")
    check_eq(snapshot(top), before, "the host's cache was poisoned")
    (p.ws / "poisoned").unlink()
    r = once("--caches")
    check_eq(r.code, 0, f"after a poisoned run: {r.out}{r.err}")


@both
def npm_installs_offline(p):
    need("npm")
    data = archive({"package.json": json.dumps({"name": "dep", "version": "1.0.0", "main": "i.js"}), "i.js": "module.exports = 'dep'\n"}, "package/")
    pages = {"/dep/-/dep-1.0.0.tgz": ("application/octet-stream", data)}
    server = serve(pages)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    pages["/dep"] = ("application/json", json.dumps({"name": "dep", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
        "name": "dep", "version": "1.0.0", "main": "i.js", "dist": {
            "tarball": url + "/dep/-/dep-1.0.0.tgz", "shasum": hashlib.sha1(data).hexdigest()}}}}).encode())
    p.write("package.json", json.dumps({"name": "x", "version": "1.0.0", "dependencies": {"dep": "1.0.0"}}))
    quiet = ["--registry", url, "--no-audit", "--no-fund", "--no-update-notifier"]
    host(p, "npm", "install", *quiet)
    server.shutdown()

    def clean():
        shutil.rmtree(p.ws / "node_modules", ignore_errors=True)
    works(p, "npm", clean, "sh", "-c", "npm ci --offline " + " ".join(quiet) + " && node -e \"process.exit(require('dep') === 'dep' ? 0 : 1)\"")


@both
def pip_installs_what_it_built_before(p):
    """A source archive is built once, and the wheel kept in the cache. It cannot be built again: setup.py does not work any more."""
    need("python3")
    host(p, "python3", "-m", "venv", "--system-site-packages", p.ws / "venv")
    if subprocess.run([p.ws / "venv/bin/python", "-c", "import setuptools, wheel, pip"], check=False, stderr=subprocess.DEVNULL).returncode:
        skip("no pip with setuptools and wheel here")
    data = archive({"setup.py": f"import os, setuptools\nassert not os.path.exists({str(p.ws / 'broken')!r})\nsetuptools.setup(name='dep', version='1.0', py_modules=['dep'])\n",
                    "dep.py": "NAME = 'dep'\n", "PKG-INFO": "Metadata-Version: 1.0\nName: dep\nVersion: 1.0\n"}, "dep-1.0/")
    server = serve({"/simple/dep/": ("text/html", b'<a href="/dep-1.0.tar.gz">dep-1.0.tar.gz</a>'), "/dep-1.0.tar.gz": ("application/gzip", data)})
    index = f"http://127.0.0.1:{server.server_address[1]}/simple/"
    pip = ["venv/bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--no-build-isolation"]
    host(p, *pip, "--index-url", index, "dep")
    server.shutdown()
    p.write("dep-1.0.tar.gz", data)
    host(p, *pip, "--no-index", "--find-links", p.ws, "--force-reinstall", "dep")
    (p.ws / "broken").touch()

    def clean():
        host(p, "venv/bin/python", "-m", "pip", "uninstall", "-q", "-y", "dep")
    works(p, "pip", clean, "sh", "-c", " ".join(pip) + f" --no-index --find-links {p.ws} dep && venv/bin/python -c 'import dep'")


@both
def cargo_builds_offline(p):
    rust = next((d for d in pathlib.Path("/root/.rustup/toolchains").glob("*/bin")), None) if os.geteuid() == 0 else None
    path = f"{rust}:{SYSTEM}" if rust else SYSTEM
    need("cargo", path)
    data = archive({"Cargo.toml": '[package]\nname = "dep"\nversion = "1.0.0"\nedition = "2018"\n', "src/lib.rs": "pub fn one() -> u32 { 1 }\n"}, "dep-1.0.0/")
    row = {"name": "dep", "vers": "1.0.0", "deps": [], "cksum": hashlib.sha256(data).hexdigest(), "features": {}, "yanked": False}
    pages = {"/index/3/d/dep": ("text/plain", (json.dumps(row) + "\n").encode()), "/dl/dep/1.0.0.crate": ("application/octet-stream", data)}
    server = serve(pages)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    pages["/index/config.json"] = ("application/json", json.dumps({"dl": url + "/dl/{crate}/{version}.crate"}).encode())
    p.write("Cargo.toml", '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2018"\n[dependencies]\ndep = { version = "1", registry = "local" }\n')
    p.write("src/main.rs", "fn main() { assert_eq!(dep::one(), 1) }\n")
    p.write(".cargo/config.toml", f'[registries.local]\nindex = "sparse+{url}/index/"\n')
    host(p, "cargo", "fetch", env={"PATH": path})
    server.shutdown()

    def clean():
        shutil.rmtree(p.ws / "target", ignore_errors=True)
    works(p, "cargo", clean, "cargo", "run", "--offline", "-q", words=("--read", rust.parent) if rust else (), path=path)


@both
def go_builds_offline(p):
    need("go")
    proxy = p.base / "proxy/example.com/dep/@v"
    proxy.mkdir(parents=True)
    mod = "module example.com/dep\n\ngo 1.16\n"
    (proxy / "list").write_text("v1.0.0\n")
    (proxy / "v1.0.0.info").write_text('{"Version":"v1.0.0","Time":"2020-01-01T00:00:00Z"}')
    (proxy / "v1.0.0.mod").write_text(mod)
    with zipfile.ZipFile(proxy / "v1.0.0.zip", "w") as z:
        z.writestr("example.com/dep@v1.0.0/go.mod", mod)
        z.writestr("example.com/dep@v1.0.0/dep.go", "package dep\n\nfunc One() int { return 1 }\n")
    p.write("go.mod", "module example.com/x\n\ngo 1.16\n\nrequire example.com/dep v1.0.0\n")
    p.write("x.go", 'package main\n\nimport "example.com/dep"\n\nfunc main() { println(dep.One()) }\n')
    settings = {"GOFLAGS": "-mod=mod", "GONOSUMDB": "*", "GONOSUMCHECK": "1", "GOSUMDB": "off", "GOTOOLCHAIN": "local"}
    host(p, "go", "build", "-buildvcs=false", "-o", "out", ".", env={**settings, "GOPROXY": f"file://{p.base}/proxy"})
    given = [w for name, value in {**settings, "GOPROXY": "off"}.items() for w in ("--env", f"{name}={value}")]

    def clean():
        (p.ws / "out").unlink(missing_ok=True)
    works(p, "go", clean, "go", "build", "-buildvcs=false", "-o", "out", ".", words=given)
    # What it compiled before it does not compile again: the run has the host's build cache, and says that nothing was to be done.
    top = p.home / CACHES["go-build"][1]
    before = snapshot(top)
    seen = {}
    for caches in ("--caches=go", "--caches=go,go-build"):
        clean()
        r = p.run("--mode", "workspace_write", *given, caches, "--", "go", "build", "-buildvcs=false", "-x", "-o", "out", ".", env={"PATH": SYSTEM, "HOME": str(p.home)}, timeout=170)
        check_eq(r.code, 0, r.err)
        seen[caches] = r.err.count("/compile ")
    check(seen["--caches=go"] > 5 > seen["--caches=go,go-build"], f"compiled: {seen}")
    check_eq(snapshot(top), before, "the host's build cache was changed")
    host(p, "go", "clean", "-modcache")


@both
def maven_resolves_offline(p):
    """A parent that is in the repository alone. Plugins, which the goals of a real build need, would have to come from elsewhere."""
    need("mvn")
    where = p.home / ".m2/repository/com/example/parent/1"
    where.mkdir(parents=True)
    (where / "parent-1.pom").write_text("<project><modelVersion>4.0.0</modelVersion><groupId>com.example</groupId><artifactId>parent</artifactId>"
                                        "<version>1</version><packaging>pom</packaging></project>")
    p.write("pom.xml", "<project><modelVersion>4.0.0</modelVersion><parent><groupId>com.example</groupId><artifactId>parent</artifactId><version>1</version>"
                       "<relativePath/></parent><artifactId>x</artifactId><packaging>pom</packaging></project>")
    host(p, "mvn", "-o", "-q", "validate", env={"MAVEN_OPTS": f"-Duser.home={p.home}"})
    etc = ["--read", "/etc/maven"] if os.path.isdir("/etc/maven") else []
    works(p, "maven", lambda: None, "mvn", "-o", "-q", "validate", words=etc)


@both
def gems_of_one_person_are_found(p):
    """What the caller installed for himself, by RubyGems and by Bundler; without a word about caches, too."""
    need("gem")
    need("bundle")
    p.write("dep.gemspec", "Gem::Specification.new { |s| s.name = 'dep'; s.version = '1.0'; s.summary = s.authors = 'x'; s.files = ['lib/dep.rb'] }\n")
    p.write("lib/dep.rb", "DEP = 'dep'\n")
    host(p, "gem", "build", "dep.gemspec")
    host(p, "gem", "install", "--user-install", "--local", "--no-document", "dep-1.0.gem")
    p.write("Gemfile", "gem 'dep'\n")
    ask = "ruby -e \"require 'dep'; exit DEP == 'dep'\" && bundle exec ruby -e \"require 'dep'; exit DEP == 'dep'\""
    host(p, "sh", "-c", ask)
    env = {"PATH": SYSTEM, "HOME": str(p.home)}
    r = p.run("--mode", "workspace_write", "--", "sh", "-c", ask, env=env)
    check_eq(r.code, 0, f"{r.out}{r.err}")
    r = p.run("--mode", "workspace_write", "--", "gem", "uninstall", "--user-install", "-x", "dep", env=env)
    check(list((p.home / ".local/share/gem/ruby").glob("*/gems/dep-1.0/lib/dep.rb")), f"it was taken from the host: {r.out}{r.err}")
    works(p, "gem", lambda: None, "sh", "-c", ask)


if __name__ == "__main__":
    box.main()
