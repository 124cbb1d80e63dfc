# SPDX-License-Identifier: MIT
"""The rows of `./weft bench desktop`: one boot of the desktop on one kernel."""

import argparse
import re
import statistics
import time

from tool import bench, desktop
from tool.base import ROOT, WeftError

LIMIT = 420
FIRST = re.compile(rb"(\d\d):(\d\d):(\d\d\.\d+)[^\n]*first frame on")


def options(kernel, env):
    return argparse.Namespace(kernel=kernel, config="desktop", root="disk", disk=None, smp=2, mem=2048,
                              append="", gl=False, add=[ROOT / "ci/guest/desktop-bench.sh"],
                              env=env)


def key_to_screen(machine):
    """Seconds from a key press to a changed picture, the median of several."""
    times = []
    for key in "abcdefgh":
        machine.wait(0.5)
        before = machine.picture()
        start = time.monotonic()
        machine.qmp.keys(key, hold=20)
        while time.monotonic() - start < 3:
            if machine.picture().data != before.data:
                times.append(time.monotonic() - start)
                break
    return statistics.median(times) * 1000 if len(times) >= 4 else None


def measure(kernel, spec):
    """(name, unit, value, better) of each row, once per renderer of the compositor."""
    rows = []
    for renderer in spec.get("renderers", ["pixman"]):
        rows += [(f"{name} [{renderer}]", unit, value, better)
                 for name, unit, value, better in once(kernel, {"WLR_RENDERER": renderer})]
    return rows


def once(kernel, env):
    rows = []
    with desktop.Desktop(options(kernel, env), "exec /host/desktop-bench.sh") as machine:
        start = machine.guest.started
        if not machine.wait(120, lambda: FIRST.search(machine.console)) or \
                not FIRST.search(machine.console):
            raise WeftError(f"bench desktop on {kernel}: no first frame\n{machine.end()}")
        hours, minutes, seconds = FIRST.search(machine.console).groups()
        rows.append(("boot-to-first-frame", "s", time.monotonic() - start, "lower"))
        rows.append(("compositor-to-first-frame", "s",
                     int(hours) * 3600 + int(minutes) * 60 + float(seconds), "lower"))
        machine.wait(LIMIT, lambda: b"@@desktop-bench keys" in machine.console)
        if b"@@desktop-bench keys" not in machine.console:
            raise WeftError(f"bench desktop on {kernel}: ended early\n{machine.end()}")
        took = key_to_screen(machine)
        rows += bench.rows(machine.console.decode(errors="replace").replace("\r", ""))
        if took is not None:
            rows.append(("key-to-screen", "ms", took, "lower"))
    return rows
