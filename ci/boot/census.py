# SPDX-License-Identifier: MIT
"""How many of the Linux calls that a traced desktop makes the runtime serves: in full, in part, not."""

import re

from tool.base import ROOT

TABLE = ROOT / "libc/posix/src/core/calls.def"
CENSUS = ROOT / "libc/posix/tests/census.txt"
LINE = re.compile(r'^(?:CALL\((\d+), (\w+), "(\w*)", (FULL|PART)\)|NONE\((\d+), (\w+), "(\w*)"\))$')


def table():
    """{name: "FULL", "PART" or "NONE"}; the numbers in ascending order."""
    states, last = {}, -1
    for text in TABLE.read_text().splitlines():
        if not text.startswith(("CALL", "NONE")):
            continue
        match = LINE.match(text)
        if not match:
            raise ValueError(f"{TABLE.name}: {text}")
        number, name = int(match[1] or match[5]), match[2] or match[6]
        if number <= last or name in states:
            raise ValueError(f"{TABLE.name}: {name} is out of order or named twice")
        last = number
        states[name] = match[4] or "NONE"
    return states


def tests():
    names = [line for line in CENSUS.read_text().splitlines() if line and not line.startswith("#")]
    states = table()
    state = {name: states.get(name, "NONE") for name in names}
    count = {which: sum(s == which for s in state.values()) for which in ("FULL", "PART", "NONE")}
    print(f"posix: of {len(names)} calls of a desktop {count['FULL']} are served in full, "
          f"{count['PART']} in part, {count['NONE']} not; of all in the table "
          f"{sum(s == 'FULL' for s in states.values())} in full, "
          f"{sum(s == 'PART' for s in states.values())} in part")
    for which in ("PART", "NONE"):
        listed = " ".join(name for name in names if state[name] == which)
        if listed:
            print(f"posix: {'in part' if which == 'PART' else 'not served'}: {listed}")
    yield "the census has its calls", len(names) == 130, f"{len(names)}"
    # rseq is refused: C libraries do without it.
    missing = [name for name in names if state[name] == "NONE" and name != "rseq"]
    yield "every call of the census is served", not missing, " ".join(missing)
