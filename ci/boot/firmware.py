# SPDX-License-Identifier: MIT
"""The desktop on a plain VGA as firmware and GRUB leave it: the live image, without virtio-gpu."""

import tempfile
import time
from pathlib import Path

from tool import build, desktop, disk, host, picture, qemu
from tool.base import BUILD

CONFIG = "desktop-minimal"


def differs(before, after, x, y, size=24):
    """How many pixels of a square have changed."""
    return sum(before.pixel(col, row) != after.pixel(col, row)
               for col in range(x, x + size) for row in range(y, y + size))


def read_for(guest, seconds):
    """Let the guest run. False: it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if guest.read(0.2) is None:
            return False
    return True


def tests():
    host.need("run", "image", "disk", "iso")
    build.programs()
    build.kernel()
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        image = disk.iso(CONFIG, Path(folder, "live.iso"))
        log = Path(folder, "log")
        log.touch()
        argv = [*qemu.machine(2, 4096, log), "-display", "none", "-device", "VGA",
                "-device", "virtio-keyboard-pci", "-device", "virtio-tablet-pci",
                "-cdrom", str(image), "-serial", "chardev:con"]
        guest = qemu.Guest(argv, folder)
        try:
            qmp = guest.qmp()
            shown, deadline = None, time.monotonic() + 240
            while time.monotonic() < deadline and not shown:
                if not read_for(guest, 1):
                    break
                shot = picture.take(qmp, Path(folder))
                if desktop.up(shot):
                    shown = shot
            text = log.read_text(errors="replace")
            yield "GRUB's frame buffer shows the desktop", shown is not None, text[-1500:]
            if not shown:
                return
            yield "the driver is the one for firmware's displays", f"firmware: {shown.width}x{shown.height}" in text, text[-600:]
            size = shown.width, shown.height
            read_for(guest, 3)
            before = picture.take(qmp, Path(folder))
            qmp.pointer(300, 400, *size)
            read_for(guest, 2)
            after = picture.take(qmp, Path(folder))
            qmp.pointer(600, 500, *size)
            read_for(guest, 2)
            last = picture.take(qmp, Path(folder))
            yield "the pointer is drawn where the mouse is", differs(before, after, 300, 400) > 20, "no change at 300,400"
            yield "and what was under it comes back", (differs(before, last, 300, 400) == 0 and
                                                       differs(before, last, 600, 500) > 20), "a trace of the pointer"
        finally:
            guest.stop()
