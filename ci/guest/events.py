# SPDX-License-Identifier: MIT
"""Prints what input devices send, one line an event, until F12 is released or time is up."""

import glob
import os
import select
import struct
import sys
import time

EVENT = struct.Struct("llHHi")


def main():
    files = {}
    for path in sorted(glob.glob("/sys/class/input/event*")):
        with open(f"{path}/device/name") as f:
            name = f.read().strip()
        fd = os.open(f"/dev/input/{os.path.basename(path)}", os.O_RDWR | os.O_NONBLOCK)
        files[fd] = name
        print("device", name, flush=True)
    print("ready", flush=True)
    deadline = time.monotonic() + float(sys.argv[1])
    while time.monotonic() < deadline:
        for fd in select.select(list(files), [], [], 0.5)[0]:
            data = os.read(fd, EVENT.size * 64)
            for at in range(0, len(data), EVENT.size):
                _, _, kind, code, value = EVENT.unpack_from(data, at)
                if kind not in (1, 2, 3):
                    continue
                print("event", files[fd].split()[0], kind, code, value, flush=True)
                if (kind, code, value) == (1, 88, 0):
                    return
    print("out of time")


main()
