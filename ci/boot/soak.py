# SPDX-License-Identifier: MIT
"""The desktop in use for a long time: programs come and go, windows move, workspaces change, pictures are
taken. Between the rounds, when every window is closed, memory is measured: what the kernel, the servers, the
drivers, the compositor and the panel hold must not grow. WEFT_SOAK=minutes sets another length."""

import argparse
import json
import os
import re
import time

from tool import desktop
from tool.base import BUILD, ROOT

STAY = re.compile(r"weft-compositor|waybar|mako|seatd|dbus-daemon|swaybg|"
                  r"init|ext4|fs|tmp|dev|drm|inputd|ipc|proc|pty|pci|virtio-.*|ps2|firmware")
# What may be added over a whole run that is as long as half an hour, by what rises steadily. Rounds differ a little from each
# other, and allocators keep what they had once: a leak shows in every round, noise does not.
KIB, OBJECTS = 512, 24
WARM_UP = 0.3   # of the samples


def slope(values):
    """The least squares' rise over the whole row of values, a robust one: the median of pairs (Theil and Sen)."""
    n = len(values)
    steps = sorted((values[j] - values[i]) / (j - i) for i in range(n) for j in range(i + 1, n))
    return steps[len(steps) // 2] * (n - 1) if steps else 0


def series(samples):
    """{name: (limit, values)} of all that is to stay."""
    rows = {}
    for kind in ("kernel", "anon", "shared", "kstacks", "tables", "dma"):
        rows[f"kernel's {kind} KiB"] = 2 * KIB, [s["memory"][kind] for s in samples]
    for kind in samples[0]["objects"]:
        rows[f"objects of kind {kind}"] = OBJECTS, [s["objects"].get(kind, 0) for s in samples]
    for name in set.intersection(*(set(s["programs"]) for s in samples)):
        if STAY.fullmatch(name):
            rows[f"{name} KiB"] = KIB, [s["programs"][name]["kib"] for s in samples]
            rows[f"{name} fds"] = OBJECTS, [s["programs"][name]["fds"] for s in samples]
            rows[f"{name} threads"] = 2, [s["programs"][name]["threads"] for s in samples]
    return rows


class User:
    def __init__(self, guest):
        self.guest = guest

    def keys(self, text, pause=0.7):
        self.guest.type(text)
        self.guest.wait(pause)

    def drag(self, x, y, to_x, to_y):
        qmp = self.guest.qmp
        qmp.pointer(x, y)
        self.guest.wait(0.15)
        qmp.button(True)
        for step in range(1, 7):
            qmp.pointer(x + (to_x - x) * step // 6, y + (to_y - y) * step // 6)
            self.guest.wait(0.08)
        qmp.button(False)
        self.guest.wait(0.3)

    def round(self, number):
        """What people do, once; every window is closed at its end."""
        self.keys("<meta_l-ret>", 3)
        self.keys("ls -l /usr/bin\n", 1.5)
        self.drag(640, 172, 500 + number % 5 * 20, 250)
        self.keys("<meta_l-up>", 0.8)
        self.keys("<meta_l-down>", 0.8)
        self.keys("<meta_l-left>")
        self.keys("<meta_l-ret>", 2.5)
        self.keys("grim /tmp/picture.png; seq 3000 | tail -n 200\n", 3)
        self.keys("<alt-tab>")
        self.keys("<meta_l-shift-3>")
        self.keys("<meta_l-3>")
        self.keys("<meta_l-1>")
        if number % 2 == 0:
            self.keys("<meta_l-e>", 6)
            self.keys("<meta_l-q>", 1.5)
        else:
            self.keys("<meta_l>", 3)
            self.keys("foot\n", 3)
        self.guest.qmp.pointer(60, 700)
        self.guest.qmp.button(True, "right")
        self.guest.qmp.button(False, "right")
        self.guest.wait(1)
        self.keys("<esc>")
        self.keys("<meta_l-f1>", 1.5)
        self.keys("<esc>")
        # Whatever is left, on every workspace.
        self.call("pkill -x foot; pkill -x thunar; pkill -x Thunar; pkill -x fuzzel; true")
        self.keys("<meta_l-1>", 2)

    def call(self, line, seconds=90):
        status, text = self.guest.call(line, seconds)
        if status is None:
            raise AssertionError(f"the shell does not answer: {text[-300:]}\n{self.guest.end()}")
        return text

    def sample(self):
        text = self.call("/host/memory.py")
        found = re.search(r"^@@memory (.*)$", text, re.M)
        if not found:
            raise AssertionError(text[-500:])
        return json.loads(found[1])


def tests(minutes=30):
    minutes = float(os.environ.get("WEFT_SOAK", minutes))
    args = argparse.Namespace(kernel="weft", config="desktop", root="disk", disk=None, smp=2, mem=3072, append="", gl=False,
                              add=[ROOT / "ci/guest/memory.py"])
    samples, rounds = [], 0
    with desktop.Desktop(args, agent=desktop.Desktop.AGENT) as guest:
        shown = guest.wait_picture(240, desktop.up)
        yield "the desktop is on the screen", shown is not None, "" if shown else guest.end()
        if not shown:
            return
        guest.wait(60, lambda: b"@@agent" in guest.console)
        user = User(guest)
        user.call("sleep 10")
        before = {n: p["count"] for n, p in user.sample()["programs"].items() if STAY.fullmatch(n)}
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end or rounds < 8:
            user.round(rounds)
            rounds += 1
            samples.append({"at": time.monotonic(), **user.sample()})
            (BUILD / "soak.json").write_text(json.dumps(samples))
        last = guest.picture()
        yield "the desktop is there at the end", desktop.up(last), guest.end()
        log = guest.log()
        yield "nothing in the log speaks of a crash", not re.search(r"panic|killed by signal|ended with status", log), \
            "\n".join(log.splitlines()[-10:])
    after = {n: p["count"] for n, p in samples[-1]["programs"].items() if STAY.fullmatch(n)}
    yield "the same services run as before", before == after, f"{before} {after}"
    kept = samples[int(len(samples) * WARM_UP):]
    share = max(1.0, minutes / 30)
    print(f"soak: {rounds} rounds in {minutes:g} minutes, {len(kept)} samples after the warm-up")
    for name, (limit, values) in sorted(series(kept).items()):
        rise = slope(values)
        if abs(rise) > limit / 8:
            print(f"soak: {name}: from {values[0]} to {values[-1]}, a rise of {rise:.0f} over the run", flush=True)
        yield f"{name} does not grow", rise <= limit * share, \
            f"a rise of {rise:.0f} over the run: {values[::max(1, len(values) // 12)]}"
