# SPDX-License-Identifier: MIT
"""Names for the addresses of kernel back traces ("@@bt ADDR ADDR ..." lines in the log)."""

import re
import subprocess

from . import build

LINE = re.compile(r"@@bt((?:\s+(?:0x)?[0-9a-fA-F]{8,16})+)")


def names(addresses, elf=None):
    """function file:line of each address; the address itself where nothing is known."""
    elf = elf or build.KERNEL
    if not elf.exists():
        return [f"0x{a:x}" for a in addresses]
    done = subprocess.run(["addr2line", "-e", str(elf), "-f", "-s", "-C", "-p",
                           *(f"0x{a:x}" for a in addresses)], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if len(lines) != len(addresses):
        return [f"0x{a:x}" for a in addresses]
    return [f"0x{a:x} {line}" for a, line in zip(addresses, lines)]


def backtraces(log, elf=None):
    """Every back trace of a log, one frame per line; return addresses are taken back by one."""
    out = []
    for match in LINE.finditer(log):
        found = [int(a, 16) for a in match.group(1).split()]
        inside = [found[0], *(a - 1 for a in found[1:])]
        out += [f"  {line}" for line in names(inside, elf)] + [""]
    return "\n".join(out).rstrip()
