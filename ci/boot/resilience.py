# SPDX-License-Identifier: MIT
"""Each driver, inputd and drivers/pci killed while the desktop is in use: somebody types, a program flips
frames, files are read from the disk and written. The killed is back within a second, what was typed
arrives, files verify, and nobody else has ended."""

import argparse
import re
import statistics

from tool import desktop, picture
from tool.base import BUILD, ROOT, WeftError

BACK_MS = 1000
# (service by its name's beginning, the device whose answer ends the time that it was away)
VIRTIO = [("virtio-blk", "/dev/vda"), ("virtio-gpu", None), ("virtio-input", None),
          ("inputd", "/dev/input/event0"), ("pci", None)]
PLAIN = [("firmware", None), ("ps2", None), ("inputd", "/dev/input/event0"),
         ("virtio-blk", "/dev/vda"), ("pci", None)]
# A driver of the keyboard loses what is typed while it is away; under the others every key must arrive.
LOSES_KEYS = ("virtio-input", "ps2", "inputd")

# The terminal comes last: it has the keyboard.
SESSION = ("weston-simple-shm & sleep 6; "
           "foot -W 40x8 sh -c 'touch /tmp/typed; while IFS= read -r line; do echo \"$line\" >>/tmp/typed; echo \"$line\"; done'")
PROGRAMS = "ps -eo pid,comm --no-headers | awk '$2 ~ /^(weft-compositor|foot|waybar|weston|seatd|dbus|mako)/' | sort -n"


class Broken(Exception):
    pass


class Killing:
    def show(self, why):
        """Keeps the picture for whoever looks into a failure."""
        (BUILD / "resilience.png").write_bytes(picture.png(self.guest.picture()))
        return f"{why}\n(build/resilience.png)"

    def __init__(self, guest, firmware):
        self.guest, self.firmware, self.typed, self.times = guest, firmware, 0, {}

    def call(self, line, seconds=60):
        status, text = self.guest.call(line, seconds)
        if status is None:
            raise Broken(f"the shell does not answer: {text[-300:]}\n{self.guest.end()}")
        return text.strip()

    def services(self):
        rows = [row.split() for row in self.call("weftctl").splitlines()[1:]]
        return [row[0] for row in rows if len(row) > 3 and row[1] == "running"]

    def lines(self):
        return self.call("cat /tmp/typed 2>/dev/null").splitlines()

    def type_and_see(self, why):
        """A line that is typed arrives whole."""
        self.typed += 1
        word = f"line{self.typed}"
        self.guest.type(word + "\n")
        for _ in range(20):
            self.guest.wait(0.3)
            lines = self.lines()
            if lines and lines[-1] == word:
                return
        raise Broken(f"{why}: {word} was typed, the terminal has {lines[-3:]}")

    def settle(self):
        """Until the terminal has the keyboard: what is typed before goes elsewhere."""
        for last in (False,) * 5 + (True,):
            try:
                return self.type_and_see("at first")
            except Broken:
                if last:
                    raise
                self.guest.wait(3)

    def pictures_change(self, why):
        first = self.guest.picture()
        if not self.guest.wait_picture(15, lambda p: p.data != first.data, every=0.2):
            raise Broken(f"{why}: the picture stands still")
        if not desktop.up(first):
            raise Broken(f"{why}: the picture is empty")

    def programs(self):
        """(pid, name) of each; some have children for a moment, which have their names."""
        return {tuple(line.split()) for line in self.call(PROGRAMS).splitlines()}

    def load(self):
        text = self.call("cat /tmp/load").split()
        return int(text[0]), " ".join(text[2:])

    def kill(self, name, device):
        """One death, with somebody typing on. Raises Broken."""
        guest = self.guest
        before, load = self.programs(), self.load()
        mark = len(guest.console)
        number = guest.start(f"/host/kill-service.py {name} {device or ''}")
        guest.type("abc")
        status, text = guest.finish(number, mark, 40)
        if status is None:
            raise Broken(f"{name}: killing it did not end\n{guest.end()}")
        found = re.search(r"@@killed (\S+) (\d+) (\d+) (\d+)", text)
        if not found:
            raise Broken(f"{name}: {text[-300:]}")
        guest.type("\n")
        self.times.setdefault(name.split(".")[0], []).append(int(found[4]))
        if found[3] == "0":
            raise Broken(f"{name}: did not come back\n{guest.end()}")
        changed = re.findall(r"@@changed (.*)", text)
        if changed:
            raise Broken(f"{name}: others changed: {changed}")
        guest.wait(0.5)
        if not name.startswith(LOSES_KEYS) and self.lines()[-1:] != ["abc"]:
            raise Broken(f"{name}: abc was typed meanwhile, the terminal has {self.lines()[-3:]}")
        self.type_and_see(name)
        self.pictures_change(name)
        gone = before - self.programs()
        if gone:
            raise Broken(f"{name}: programs have ended: {sorted(gone)}")
        for _ in range(30):
            rounds, wrong = self.load()
            if wrong != "-":
                raise Broken(f"{name}: files: {wrong}")
            if rounds > load[0]:
                return
            guest.wait(1)
        raise Broken(f"{name}: nothing is read from the disk any more, {rounds} rounds")


def machine(firmware=None):
    args = argparse.Namespace(kernel="weft", config="desktop", root="disk", disk=None, smp=2, mem=3072, append="", gl=False,
                              firmware=firmware, add=[ROOT / "ci/guest/kill-service.py", ROOT / "ci/guest/disk-load.py"])
    return desktop.Desktop(args, SESSION, agent=desktop.Desktop.AGENT)


def one_machine(targets, kills, firmware, label):
    with machine(firmware) as guest:
        shown = guest.wait_picture(240, desktop.up)
        yield f"{label}: the desktop is on the screen", shown is not None, "" if shown else guest.end()
        if not shown:
            return
        guest.wait(60, lambda: b"@@agent" in guest.console)
        user = Killing(guest, firmware)
        try:
            # Keys are held for 60 ms; a host that is short of time makes that long enough to be repeated. The file is read anew.
            user.call("sed -i 's/^keyboard repeat.*/keyboard repeat 0 400/' /etc/weft/compositor.conf")
            user.call("mkdir -p /root/load; (/host/disk-load.py /root/load /tmp/load >/dev/null 2>&1 &) ; "
                      "until [ -e /tmp/typed ]; do sleep 0.5; done; sleep 3", 180)
            user.settle()
            user.pictures_change("at first")
            names = user.services()
        except (Broken, WeftError) as why:
            yield f"{label}: the desktop is in use", False, user.show(why)
            return
        yield f"{label}: the desktop is in use", True, ""
        for target, device in targets:
            instances = [n for n in names if n == target or n.startswith(target + ".")]
            yield f"{label}: {target} runs", bool(instances), f"services: {names}"
            for name in instances:
                why, count = "", 0
                try:
                    for count in range(1, kills + 1):
                        user.kill(name, device)
                except (Broken, WeftError) as broken:
                    why = user.show(f"kill {count}: {broken}")
                yield f"{label}: {name} is killed {kills} times", not why, why
                if why:
                    return
            times = user.times.get(target, [])
            print(f"{label}: {target}: away for {statistics.median(times):.0f} ms (median), {max(times)} ms (longest) "
                  f"of {len(times)}", flush=True)
            yield f"{label}: {target} is back within a second", max(times) <= BACK_MS, f"{sorted(times)} ms"
        log = guest.log()
        yield f"{label}: nobody else ended", not re.search(r"panic|killed by signal", log), \
            "\n".join(log.splitlines()[-10:])


def tests(kills=20, machines=("virtio", "plain")):
    if "virtio" in machines:
        yield from one_machine(VIRTIO, kills, None, "virtio")
    if "plain" in machines:
        yield from one_machine(PLAIN, kills, "bios", "VGA and PS/2")
