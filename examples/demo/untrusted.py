#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A script that nobody has read. Each argument is something that it tries; it says how that went."""
import socket
import sys


def attempt(what, action):
    try:
        print(f"  script: {what}: {action()}", flush=True)
    except OSError as error:
        print(f"  script: {what}: {error.strerror or error}", flush=True)


def first_line(path):
    with open(path, encoding="utf-8") as f:
        return "read: " + f.readline().strip()


def connect():
    with socket.create_connection(("192.0.2.1", 443), timeout=3):
        return "connected"


def memory():
    hoard = [bytearray(b"x" * (1 << 20)) for _ in range(300)]
    return f"got {len(hoard)} MiB"


for name in sys.argv[1:]:
    if name == "connect":
        attempt("connect to 192.0.2.1:443", connect)
    elif name == "memory":
        attempt("use 300 MiB of memory", memory)
    else:
        attempt(f"read {name}", lambda path=name: first_line(path))
