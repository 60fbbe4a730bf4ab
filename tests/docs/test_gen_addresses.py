#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/gen-addresses: each mistake in data/addresses is one line with its place."""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
from tap import cases, check, check_eq, check_in, main, test  # noqa: E402

TOOL, DATA = ROOT / "tools/gen-addresses", ROOT / "data/addresses"


def run(old="", new=""):
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        text = DATA.read_text()
        check_in(old, text, "the text to change is gone")
        (d / "addresses").write_text(text.replace(old, new, 1))
        p = subprocess.run([sys.executable, TOOL, d, d / "out.c"], capture_output=True, text=True, check=False)
        return p.returncode, p.stderr, (d / "out.c").read_text() if (d / "out.c").exists() else None


@test
def the_shipped_data():
    code, err, out = run()
    check_eq((code, err), (0, ""))
    check(out.count("WARD_ADDRESS_NEVER") > 30, out)


@cases([
    ("an unknown class", "private  10.0.0.0/8", "secret  10.0.0.0/8", ": secret: no class"),
    ("public, which nothing needs to say", "private  10.0.0.0/8", "public  10.0.0.0/8", ": public: no class"),
    ("bits behind the prefix", "private  10.0.0.0/8", "private  10.0.0.1/8", "has host bits set"),
    ("no length", "private  10.0.0.0/8", "private  10.0.0.0", "10.0.0.0: no prefix"),
    ("no word for it", "10.0.0.0/8           private", "10.0.0.0/8", 'not "CLASS PREFIX WHAT"'),
    ("a prefix twice", "private  172.16.0.0/12", "private  10.0.0.0/8", "10.0.0.0/8 is there twice"),
    ("no place", "64:ff9b::/96         12", "64:ff9b::/96         x", "x: no place"),
    ("a place outside", "64:ff9b::/96         12", "64:ff9b::/96         13", "13: no place in 64:ff9b::/96"),
    ("a quote", "private  10.0.0.0/8           private", 'private  10.0.0.0/8  "', "letters, digits"),
    ("bytes that are no ASCII", "loopback", "l\u00f6\u00f6pback", "data/addresses:"),
])
def refused(old, new, message):
    code, err, out = run(old, new)
    check_eq(code, 1, err)
    check(out is None, "a file was written")
    check_in(message, err)
    check(err.startswith("data/addresses:") and err.count("\n") == 1, err)


main()
