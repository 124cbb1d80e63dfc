# SPDX-License-Identifier: MIT
"""A user before the desktop: opens programs by keyboard and mouse, and looks at what the screen shows.

What is seen is kept as build/seen/NAME.png, for a person to look at.
"""

import argparse
import json
import re
import time

from tool import desktop, picture
from tool.base import BUILD, WeftError

WIDTH, HEIGHT, PANEL = 1280, 800, 34
SEEN = BUILD / "seen"
SLOW = 150      # seconds that a program may take to come up on a busy machine without KVM


def machine(env=None):
    args = argparse.Namespace(kernel="weft", config="desktop", root="disk", disk=None, smp=2,
                              mem=4096, append="", gl=False, add=[], env=env or {})
    return User(args, desktop.Desktop.AGENT)


def text_like(shot, x, y, width, height):
    """How many changes from light to dark and back there are along the rows of a part, as in text."""
    part = shot.crop(x, y, width, height)
    changes = 0
    for row in range(height):
        line = [sum(part.pixel(col, row)) for col in range(width)]
        changes += sum(1 for a, b in zip(line, line[1:]) if abs(a - b) > 150)
    return changes


def near(colour, wanted, distance=40):
    return all(abs(a - b) <= distance for a, b in zip(colour, wanted))


def share(shot, wanted, distance=40):
    """The share of pixels of about a colour, of every fourth in both directions."""
    seen = [shot.pixel(x, y) for y in range(0, shot.height, 4) for x in range(0, shot.width, 4)]
    return sum(near(pixel, wanted, distance) for pixel in seen) / len(seen)


def unlike(shot, other, distance=24):
    """The share of pixels, of every fourth in both directions, that differ by more than shades do."""
    places = [(x, y) for y in range(0, shot.height, 4) for x in range(0, shot.width, 4)]
    return sum(not near(shot.pixel(*at), other.pixel(*at), distance) for at in places) / len(places)


class User(desktop.Desktop):
    def see(self, name):
        """The screen as it is, kept for a person."""
        shot = self.picture()
        SEEN.mkdir(parents=True, exist_ok=True)
        (SEEN / f"{name}.png").write_bytes(picture.png(shot))
        return shot

    def sessions(self):
        """How many sessions have begun."""
        return len(re.findall(rb"^@@agent\r?$", self.console, re.M))

    def session(self, number, seconds=SLOW):
        """Wait for the session's agent, and then for more than a blank screen. -> the picture, None"""
        self.wait(seconds, lambda: self.sessions() >= number)
        return self.wait_picture(seconds, desktop.up) if self.sessions() >= number else None

    def tell(self, line, seconds=SLOW):
        """What a shell line in the session prints; an error if it fails."""
        status, text = self.call(line, seconds)
        if status != 0:
            raise WeftError(f"{line}: {'out of time' if status is None else status}: {text[-400:]}")
        return text

    def until(self, seconds, good, every=1):
        """The first true answer of good() within `seconds`, else a false one."""
        end = time.monotonic() + seconds
        while not (answer := good()) and time.monotonic() < end:
            if not self.wait(every):
                raise WeftError("the machine stopped\n" + self.end())
        return answer

    def windows(self):
        """What the compositor says of its windows."""
        text = self.tell("weft-msg get windows")
        found = re.search(r"^\[.*\]\s*$", text, re.M)
        return json.loads(found[0]) if found else []

    def window(self, title, seconds=SLOW):
        """The window of a title (or program) once it is there, else None."""
        match = lambda w: re.search(title, w["title"]) or re.search(title, w["app_id"] or "")
        return self.until(seconds, lambda: next(filter(match, self.windows()), None))

    def gone(self, title, seconds=60):
        return self.until(seconds, lambda: not self.window(title, 0))

    def launch(self, line, log):
        """Start a program in the background."""
        self.tell(f"({line}) >/tmp/{log} 2>&1 </dev/null &")

    def inside(self, window, shot):
        """The part of the picture that a window fills."""
        box = window["content"]
        x, y = max(0, box["x"]), max(0, box["y"])
        return shot.crop(x, y, min(box["x"] + box["width"], WIDTH) - x,
                         min(box["y"] + box["height"], HEIGHT) - y)

    def click(self, x, y, button="left"):
        self.qmp.pointer(x, y)
        self.wait(0.5)
        self.qmp.button(True, button)
        self.wait(0.2)
        self.qmp.button(False, button)
        self.wait(0.5)

    def keys(self, *names):
        self.qmp.keys(*names)
        self.wait(0.5)

    def log_is_clean(self):
        return not re.search(r"panic|killed by signal", self.log())
