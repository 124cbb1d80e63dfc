# SPDX-License-Identifier: MIT
"""The desktop on a disk that keeps changes: switched off from its menu, started again as UEFI and GRUB do it, restarted by
its user. What was written is there, and e2fsck finds nothing to mend."""

import argparse
import tempfile
import time
from pathlib import Path

from tool import desktop, disk, host
from tool.base import BUILD

from .files import clean

NOTE = "/home/user/note"


def machine(path, firmware=None, command=None):
    return desktop.Desktop(argparse.Namespace(
        kernel="weft", config="desktop", root="disk", disk=str(path), smp=2, mem=2048, append="", gl=False, add=[],
        firmware=firmware), command)


def ends(guest, what):
    """Whether the machine ends by itself, in good order."""
    began = time.monotonic()
    ended = not guest.wait(120)
    text = guest.log()
    yield f"{what} ends the machine", ended and time.monotonic() - began < 90, guest.end()
    yield f"{what}: the file system is unmounted", "unmounted" in text, text[-600:]


def terminal(guest, before):
    """Opens one by its key; whether it is there."""
    for _ in range(4):
        guest.type("<meta_l-ret>")
        if guest.wait_picture(20, lambda p: sum(p.pixel(640, 300)) < 120 and p.pixel(640, 300) != before.pixel(640, 300)):
            guest.wait(4)
            return True
    return False


def tests():
    host.need("run", "image", "disk", "uefi")
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        path = disk.copy("desktop", Path(folder, "disk.raw"))
        with machine(path) as guest:
            shown = guest.wait_picture(240, desktop.up)
            yield "the desktop is on the screen", shown is not None, "" if shown else guest.end()
            if not shown:
                return
            guest.wait(5)
            yield "a terminal opens", terminal(guest, shown), "no dark window"
            guest.type(f"date +%s >{NOTE}; echo written >>{NOTE}\n")
            guest.wait(5)
            now = time.time()
            guest.type("<meta_l-shift-e>")
            guest.wait(3)
            guest.type("<up>")      # from the end: Switch off
            guest.wait(1)
            guest.type("\n")
            yield from ends(guest, "Switch off")
        yield clean(path, "after it")
        note = disk.contents(path, NOTE).decode(errors="replace").split()
        yield "the note is on the disk", note[1:] == ["written"], f"{note}"
        # The clock is the host's, which QEMU's real-time clock shows.
        yield "the time of day is right", bool(note) and abs(int(note[0]) - now) < 60, f"{note} at {now:.0f}"
        with machine(path, "uefi") as guest:
            shown = guest.wait_picture(240, desktop.up)
            yield "UEFI and GRUB start the desktop from the disk", shown is not None, "" if shown else guest.end()
            if not shown:
                return
            guest.wait(5)
            yield "a terminal opens there", terminal(guest, shown), "no dark window"
            guest.type(f"tail -n 2 {NOTE} | tr a-z A-Z >{NOTE}.2; sync; reboot\n")
            yield from ends(guest, "reboot by the user")
        yield clean(path, "after a restart")
        note = disk.contents(path, f"{NOTE}.2").decode(errors="replace").split()
        yield "what the first session wrote the second has read", note[1:] == ["WRITTEN"], f"{note}"
