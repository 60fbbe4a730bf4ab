# SPDX-License-Identifier: Apache-2.0
"""A server of the run and its clients in other processes, over a socket that the run bound: for the tests of sockets."""
import textwrap

from tap import check_eq

TALK = """
    import os, socket, sys, time
    path, kind = sys.argv[1], getattr(socket, sys.argv[2])
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path)
    s.listen(8)
    # A child, a grandchild in a session of its own, and a program that is executed anew: each is another process.
    client = "import socket,sys; s=socket.socket(socket.AF_UNIX, socket.%s); s.connect(sys.argv[1]); s.sendall(b'hello'); print(s.recv(10).decode())" % sys.argv[2]
    for how in (0, 1):
        if os.fork() == 0:
            if how:
                os.setsid()
                if os.fork():
                    os._exit(0)
            os.execvp("python3", ["python3", "-S", "-c", client, os.path.relpath(path) if how else path])
    for _ in (0, 1):
        peer = s.accept()[0]
        assert peer.recv(10) == b"hello"
        peer.sendall(b"answer")
        peer.close()
    for _ in (0, 1):
        try: os.wait()
        except ChildProcessError: pass
    time.sleep(0.2)
"""
KINDS = ("SOCK_STREAM", "SOCK_SEQPACKET")


def own(p, where, kinds=KINDS):
    p.write("talk.py", textwrap.dedent(TALK), 0o644)
    p.ws.chmod(0o777)
    for kind in kinds:
        r = p.run("--write", ".", "python3", "talk.py", f"{where}/{kind}.sock", kind)
        check_eq((r.code, r.out.split()), (0, ["answer", "answer"]), f"{where} {kind}: {r.err}")
        (p.ws / f"{kind}.sock").unlink(missing_ok=True)
