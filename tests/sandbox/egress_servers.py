# SPDX-License-Identifier: Apache-2.0
"""
Servers as people run them, for test_egress_real.py: on the loopback, with files in a directory of their own, started once by the process
that runs the tests, whoever that is. A server whose program is not here is not in `ports`.
"""
import base64
import contextlib
import hashlib
import http.server
import io
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time

from ports import free_port

NAME, OTHER = "good.test.example", "other.test.example"
HELLO = "hello from nginx\n"
GREETING = "hello from the repository\n"
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
READY_S = 60 * int(os.environ.get("WARD_TEST_PATIENCE", "1"))   # as tests/harness/tap.py has it


def listens(port):
    with socket.socket() as c:
        return c.connect_ex(("127.0.0.1", port)) == 0


def quietly(*words, **more):
    p = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
    if p.returncode:
        raise RuntimeError(f"{words[0]}: exit {p.returncode}: {p.stdout[-2000:].decode(errors='replace')}")


class Backend(http.server.BaseHTTPRequestHandler):
    """Behind nginx: git's own CGI program, and a registry with one package of npm."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name
        path, _, query = self.path.partition("?")
        if path.startswith("/git/"):
            self.git(path.removeprefix("/git"), query)
        elif path == "/npm/ward-test-package":
            self.answer(self.server.packument(self.headers["Host"]), "application/json")
        elif path == "/npm/ward-test-package/-/ward-test-package-1.0.0.tgz":
            self.answer(self.server.tarball, "application/octet-stream")
        else:
            self.send_error(404)

    do_POST = do_GET  # pylint: disable=invalid-name

    def git(self, path, query):
        n = int(self.headers.get("Content-Length", 0))
        env = {"GIT_PROJECT_ROOT": str(self.server.repositories), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query,
               "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(n),
               "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""), "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
               "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "REMOTE_ADDR": "127.0.0.1"}
        out = subprocess.run(["/usr/bin/git", "http-backend"], input=self.rfile.read(n), env=env, stdout=subprocess.PIPE, check=False).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for key, value in fields.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)


class BackendServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, repositories):
        self.repositories = repositories
        self.tarball = self.make_tarball()
        super().__init__(("127.0.0.1", 0), Backend)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @staticmethod
    def make_tarball():
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            for name, text in (("package.json", json.dumps({"name": "ward-test-package", "version": "1.0.0", "main": "index.js"})),
                               ("index.js", "module.exports = 'installed';\n")):
                info = tarfile.TarInfo("package/" + name)
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
        return out.getvalue()

    def packument(self, host):
        dist = {"tarball": f"https://{host}/npm/ward-test-package/-/ward-test-package-1.0.0.tgz",
                "shasum": hashlib.sha1(self.tarball).hexdigest(),
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(self.tarball).digest()).decode()}
        return json.dumps({"name": "ward-test-package", "dist-tags": {"latest": "1.0.0"},
                           "versions": {"1.0.0": {"name": "ward-test-package", "version": "1.0.0", "dist": dist}}}).encode()


def account():
    """The name of who runs this, or "": a user id without an account, as containers have it. Neither sshd nor PostgreSQL serves one."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""


class Servers:
    """ports: what runs, by its word. pub: what a run may read (the authority's certificate, known hosts); key_text: of the ssh user."""

    def __init__(self, top):
        self.top, self.ports, self.running = pathlib.Path(top), {}, []
        self.pub, self.repositories = self.top / "pub", self.top / "repos"
        self.pub.mkdir()
        self.log = open(self.top / "log", "ab")  # pylint: disable=consider-using-with
        self.user, self.key_text = account(), ""
        try:
            self.start()
        except BaseException:
            # What runs already is nobody's otherwise.
            self.end()
            raise

    def start(self):
        self.certificates()
        self.repository()
        for one in (self.nginx, self.git_daemon, self.sshd, self.redis, self.postgres):
            one()
        end = time.monotonic() + READY_S
        for word, port in self.ports.items():
            while not listens(port):
                if time.monotonic() > end:
                    raise RuntimeError(f"{word} does not listen:\n{(self.top / 'log').read_text(errors='replace')[-3000:]}")
                time.sleep(0.02)

    def end(self):
        for p in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        self.log.close()

    def serve(self, *words, **more):
        # A group of its own, since most of them are several processes.
        self.running.append(subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL,  # pylint: disable=consider-using-with
                                             stdout=self.log, stderr=self.log, start_new_session=True, **more))

    def certificates(self):
        """An authority that only the clients of these tests know, and one certificate for both names."""
        conf = self.top / "cnf"
        conf.write_text("[req]\ndistinguished_name=d\n[d]\n[ca]\nbasicConstraints=critical,CA:true\nkeyUsage=keyCertSign\n"
                        f"[leaf]\nsubjectAltName=DNS:{NAME},DNS:{OTHER}\n")
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        ca, cakey = self.pub / "ca.pem", self.top / "ca.key"
        quietly("openssl", "req", "-config", conf, "-x509", *new, "-extensions", "ca", "-subj", "/CN=authority of a test", "-days", "2",
                "-keyout", cakey, "-out", ca)
        quietly("openssl", "req", "-config", conf, *new, "-subj", f"/CN={NAME}", "-keyout", self.top / "key.pem", "-out", self.top / "csr")
        quietly("openssl", "x509", "-req", "-in", self.top / "csr", "-CA", ca, "-CAkey", cakey, "-CAcreateserial", "-days", "2",
                "-extfile", conf, "-extensions", "leaf", "-out", self.top / "cert.pem")

    def repository(self):
        work, bare = self.top / "work", self.repositories / "r.git"
        env = dict(os.environ, HOME=str(self.top), GIT_CONFIG_NOSYSTEM="1")
        git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "init.defaultBranch=main"]
        quietly(*git, "init", "-q", work, env=env)
        (work / "greeting").write_text(GREETING)
        quietly(*git, "-C", work, "add", ".", env=env)
        quietly(*git, "-C", work, "commit", "-qm", "c", env=env)
        quietly(*git, "clone", "-q", "--bare", work, bare, env=env)

    def nginx(self):
        if not os.path.exists("/usr/sbin/nginx"):
            return
        back = BackendServer(self.repositories).server_address[1]
        self.ports.update(https=free_port(), http=free_port())
        (self.top / "www").mkdir()
        (self.top / "www/hello").write_text(HELLO)
        temp = "".join(f"\t{kind}_temp_path {self.top}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        where = (f"\t\tlocation / {{ root {self.top}/www; }}\n"
                 f"\t\tlocation ~ ^/(git|npm)/ {{ proxy_pass http://127.0.0.1:{back}; proxy_set_header Host $http_host; }}\n")
        (self.top / "nginx.conf").write_text(
            f"daemon off;\nworker_processes 1;\npid {self.top}/nginx.pid;\nerror_log stderr;\n" + (f"user {self.user};\n" if os.geteuid() == 0 else "") +
            f"events {{ worker_connections 256; }}\nhttp {{\n\taccess_log {self.top}/access;\n{temp}"
            f"\tserver {{\n\t\tlisten 127.0.0.1:{self.ports['http']};\n{where}\t}}\n"
            f"\tserver {{\n\t\tlisten 127.0.0.1:{self.ports['https']} ssl http2;\n\t\tssl_certificate {self.top}/cert.pem;\n"
            f"\t\tssl_protocols TLSv1.2 TLSv1.3;\n\t\tssl_certificate_key {self.top}/key.pem;\n{where}\t}}\n}}\n")
        self.serve("/usr/sbin/nginx", "-e", "stderr", "-p", self.top, "-c", self.top / "nginx.conf")

    def requests(self):
        """How many nginx has had."""
        with contextlib.suppress(FileNotFoundError):
            return len((self.top / "access").read_text().splitlines())
        return 0

    def git_daemon(self):
        self.ports["git"] = free_port()
        if not os.path.exists("/usr/lib/git-core/git-daemon"):
            del self.ports["git"]
            return
        self.serve("/usr/lib/git-core/git-daemon", "--listen=127.0.0.1", f"--port={self.ports['git']}", "--export-all", "--reuseaddr",
                   f"--base-path={self.repositories}", env=dict(os.environ, HOME=str(self.top)))

    def sshd(self):
        if not self.user or not os.path.exists("/usr/sbin/sshd"):
            return
        port = self.ports["ssh"] = free_port()
        key = self.top / "user_key"
        for path in (self.top / "host_key", key):
            quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
        self.key_text = key.read_text()
        (self.top / "authorized").write_text(key.with_suffix(".pub").read_text())
        (self.pub / "known").write_text(f"[{NAME}]:{port} {(self.top / 'host_key.pub').read_text()}")
        root = os.geteuid() == 0
        (self.top / "sshd.conf").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {self.top}/host_key\nPidFile none\nAuthorizedKeysFile {self.top}/authorized\n"
            f"StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin yes\nMaxStartups 100\n")
        words = ["/usr/sbin/sshd", "-D", "-e", "-f", self.top / "sshd.conf"]
        if root:
            # It wants a directory for its unprivileged half at a fixed place: in mounts of its own.
            words = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"', "sh", *words]
        self.serve(*words)

    def redis(self):
        if not os.path.exists("/usr/bin/redis-server"):
            return
        self.ports["redis"] = free_port()
        self.serve("/usr/bin/redis-server", "--port", self.ports["redis"], "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                   "--dir", self.top)

    def postgres(self):
        """One that speaks TLS and one that answers that it does not; it refuses to be root."""
        if not self.user or not (POSTGRES / "initdb").exists():
            return
        home = self.top / "pg"
        home.mkdir()
        prefix = []
        if os.geteuid() == 0:
            prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for one in ("key.pem", "cert.pem"):
            shutil.copy(self.top / one, home / one)
            (home / one).chmod(0o600)
        if prefix:
            quietly("chown", "-R", "postgres:postgres", home)
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        quietly(*prefix, POSTGRES / "initdb", "-D", home / "tls", "-A", "trust", "-U", "ward", "--no-sync", "--no-locale", "-E", "UTF8", env=env, cwd="/")
        quietly(*prefix, "cp", "-r", home / "tls", home / "plain", cwd="/")
        for one in ("tls", "plain"):
            port = self.ports["postgres_" + one] = free_port()
            more = ["-c", "ssl=on", "-c", f"ssl_cert_file={home}/cert.pem", "-c", f"ssl_key_file={home}/key.pem"] if one == "tls" else []
            self.serve(*prefix, POSTGRES / "postgres", "-D", home / one, "-p", port, "-h", "127.0.0.1", "-k", "", "-c", "fsync=off",
                       "-c", "shared_buffers=8MB", "-c", "max_worker_processes=0", "-c", "autovacuum=off", *more, env=env, cwd="/")
