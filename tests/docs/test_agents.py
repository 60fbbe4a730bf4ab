#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/guide/agents.md says to a person what tests/real/agents.list has been tried with."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/harness"))
sys.path.insert(0, str(ROOT / "tests/real"))
import agents  # noqa: E402  pylint: disable=wrong-import-position
from tap import check_eq, check_in, main, test  # noqa: E402  pylint: disable=wrong-import-position

ROWS = dict(re.findall(r"^\| (\w+)[^|]* (\|.*)\|$", (ROOT / "docs/guide/agents.md").read_text().partition("| agent |")[2], flags=re.M))


@test
def the_same_agents():
    check_eq(sorted(ROWS), sorted(a.name for a in agents.read_list()))


@test
def their_words_variables_and_places_are_named():
    for a in agents.read_list():
        for word in a.run:
            if word.startswith("-"):
                check_in(word, ROWS[a.name], a.name)
        for name in a.env:
            if not name.endswith("API_KEY") or name == "API_KEY":
                check_in(f"--env {name}", ROWS[a.name].replace(f"--env {name}=", f"--env {name} "), a.name)
        for d in a.write:
            check_in(f"--env HOME --write ~/{d}", ROWS[a.name], a.name)


if __name__ == "__main__":
    main()
