# SPDX-License-Identifier: MIT
"""The desktop in a booted guest, looked at through screenshots and used by keyboard and mouse."""

import argparse
import re
import time

from tool import desktop
from tool.base import ROOT

WIDTH, HEIGHT, PANEL = 1280, 800, 34


def machine(command=None):
    args = argparse.Namespace(kernel="weft", config="desktop", root="disk", disk=None, smp=2,
                              mem=4096, append="", gl=False, add=[])
    return desktop.Desktop(args, command)


def text_like(picture, x, y, width, height):
    """Whether a part of the picture has the many light and dark changes along its rows of text."""
    part = picture.crop(x, y, width, height)
    changes = 0
    for row in range(height):
        line = [sum(part.pixel(col, row)) for col in range(width)]
        changes += sum(1 for a, b in zip(line, line[1:]) if abs(a - b) > 150)
    return changes


def tests():
    """One boot; each check builds on the one before."""
    with machine("foot sh -c 'stty -echo; while read -r line; do eval \"$line\"; done'") as guest:
        shown = guest.wait_picture(150, desktop.up)
        yield "the first picture of the desktop", shown is not None, "" if shown else guest.end()
        if not shown:
            return
        clock = guest.wait_picture(60, lambda p: text_like(p, 1100, 5, 140, 24) > 60)
        yield "the panel shows a clock", clock is not None, "no text at the panel's right"
        window = guest.wait_picture(60, lambda p: p.pixel(640, 400) != shown.pixel(640, 400))
        yield "a terminal opens", window is not None, "the middle of the screen stays as it was"
        if not window:
            return
        guest.wait(3)
        before = guest.picture()
        guest.type("seq 1 20\n")
        after = guest.wait_picture(30, lambda p: text_like(p, 275, 190, 60, 300) >
                                   text_like(before, 275, 190, 60, 300) + 100)
        yield "typed text runs and its output is shown", after is not None, "no new text in the terminal"
        # The title bar of the window follows the mouse while its button is held.
        top = next((y for y in range(PANEL + 2, HEIGHT)
                    if window.pixel(640, y) != shown.pixel(640, y)), None)
        moved = None
        if top is not None:
            guest.qmp.pointer(500, top + 14)
            guest.wait(0.5)
            guest.qmp.button(True)
            for step in range(1, 11):
                guest.qmp.pointer(500, top + 14 + 10 * step)
                guest.wait(0.1)
            guest.qmp.button(False)
            moved = guest.wait_picture(20, lambda p: p.pixel(400, top + 30) == shown.pixel(400, top + 30))
        yield "a window is moved with the mouse", moved is not None, f"title bar at {top} stays"
        guest.type("exit\n")
        closed = guest.wait_picture(20, lambda p: p.pixel(640, 500) == shown.pixel(640, 500))
        yield "the window closes when its program ends", closed is not None, "it is still there"
        log = guest.log()
        yield "nothing in the log speaks of a crash", not re.search(
            r"panic|killed by signal", log), "\n".join(log.splitlines()[-10:])
