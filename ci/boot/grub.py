# SPDX-License-Identifier: MIT
"""Boot the disk image as a machine does: firmware, GRUB, kernel, first process; BIOS and UEFI."""

import tempfile
import time
from pathlib import Path

from tool import build, disk, host, qemu, symbols
from tool.base import BUILD, WeftError

LIMIT = 90


def boot(image, firmware):
    """Whether the first process came up, and the end of what was said."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        log = Path(folder, "log")
        log.touch()
        argv = [*qemu.machine(2, 1024, log), "-display", "none", *firmware,
                *qemu.disk(image), "-device", "VGA", "-serial", "chardev:con"]
        guest = qemu.Guest(argv, folder)
        said, deadline = b"", time.monotonic() + LIMIT
        try:
            while time.monotonic() < deadline and b"@@weft-init" not in said:
                data = guest.read(0.5)
                if data is None:
                    break
                said += data
        finally:
            guest.stop()
        text = log.read_text(errors="replace")
        why = f"{said.decode(errors='replace')[-600:]}\n{text[-600:]}\n{symbols.backtraces(text)}"
        return b"@@weft-init" in said, why


def tests():
    host.need("run", "image", "disk", "uefi")
    build.programs()
    build.kernel()
    image = disk.image("minimal")
    try:
        disk.check(image)
        yield "the disk's file system is clean", True, ""
    except WeftError as error:
        yield "the disk's file system is clean", False, str(error)
    for name, firmware in (("BIOS", []), ("UEFI", ["-bios", "/usr/share/OVMF/OVMF_CODE.fd"])):
        ok, why = boot(image, firmware)
        yield f"GRUB on {name}", ok, why
