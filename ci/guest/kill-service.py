#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Kills a service with SIGKILL and says how long it was away. usage: kill-service.py NAME [PATH]

With PATH, a device, the time is until a fresh open and a read or poll of it have been answered by the new process; a
block device is read past every cache. Prints "@@killed NAME OLD-PID NEW-PID MILLISECONDS", and a line
"@@changed NAME ..." for every other service that is not what it was before."""

import os
import select
import signal
import subprocess
import sys
import time

LIMIT = 15


def services():
    """{name: (state, pid, starts)}"""
    text = subprocess.run(["weftctl"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in text.splitlines()[1:]]
    return {row[0]: (row[1], int(row[2]), int(row[3])) for row in rows if len(row) >= 4}


def serves(path):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if "/input/" in path:
            select.select([fd], [], [], 0)
        else:
            os.pread(fd, 512, (int(time.time()) % 4096) * 512)
    finally:
        os.close(fd)


def main():
    name, path = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
    before = services()
    old = before[name][1]
    if not old:
        sys.exit(f"{name} does not run")
    began = time.monotonic()
    os.kill(old, signal.SIGKILL)
    if path:
        serves(path)
    served = time.monotonic()
    now = services()
    while now.get(name, ("", 0, 0))[0] != "running" or now[name][1] in (0, old):
        if time.monotonic() - began > LIMIT:
            break
        time.sleep(0.02)
        now = services()
        served = time.monotonic()
    state, new, _ = now.get(name, ("gone", 0, 0))
    back = state == "running" and new not in (0, old)
    print(f"@@killed {name} {old} {new if back else 0} {(served - began) * 1000:.0f}")
    for other in sorted(set(before) | set(now)):
        if other != name and before.get(other) != now.get(other):
            print(f"@@changed {other} {before.get(other)} {now.get(other)}")


main()
