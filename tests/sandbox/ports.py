# SPDX-License-Identifier: Apache-2.0
"""
Ports of this host, for what is told a number and binds later. One that the kernel gave and took back it may give to whoever asks next, a
connection on its way out included; so these are of those that it gives nobody by itself, and each is one process's as long as it lives, by a
name that only one can have in this network.
"""
import contextlib
import pathlib
import random
import socket

LEAST = 10000       # below are the numbers that people know by heart
_mine = []


def _spare():
    low, high = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    spare = [n for n in range(LEAST, 65536) if not low <= n <= high]
    return spare or list(range(LEAST, 65536))


def _nobody_listens(port, hosts):
    for host in hosts:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
            s.bind((host, port))


def free_port(*hosts):
    """One that nobody has at any of hosts (127.0.0.1, if none is named), and that no other process of these tests gets."""
    for port in random.sample(spare := _spare(), len(spare)):
        with contextlib.suppress(OSError), contextlib.ExitStack() as undo:
            name = undo.enter_context(socket.socket(socket.AF_UNIX))
            name.bind(f"\0ward-test-port-{port}")
            _nobody_listens(port, hosts or ("127.0.0.1",))
            undo.pop_all()
            _mine.append(name)
            return port
    raise OSError("no port is free")
