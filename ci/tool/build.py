# SPDX-License-Identifier: MIT
"""Compiling with meson and ninja, and the boot archive made of what was compiled."""

import os
import re
import subprocess
import sys

from . import host, newc
from .base import BUILD, ROOT, Options, WeftError, digest, remove, say

MAIN = BUILD / "main"
UNIT = BUILD / "unit"
KERNEL = MAIN / "kernel" / "weft.elf"
ARCHIVE = BUILD / "boot.cpio"


def ninja(folder, options=(), targets=()):
    """Configure `folder` if that was not done, and bring it up to date."""
    host.need("build")
    if not (folder / "build.ninja").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove(folder)  # what an earlier setup that failed has left
        call(["meson", "setup", *options, folder, ROOT], f"configuring {folder.name}")
    elif parts_stamp(folder).read_text() != parts():
        # meson does not notice a meson.build that it asked for in vain before.
        call(["meson", "setup", "--reconfigure", folder, ROOT], f"configuring {folder.name}")
    parts_stamp(folder).write_text(parts())
    call(["ninja", "-C", folder, *targets], "compiling")


def parts_stamp(folder):
    stamp = folder / "weft-parts"
    if not stamp.exists():
        stamp.write_text("")
    return stamp


def parts():
    """The meson.build files that there are."""
    found = []
    for top in ("kernel", "libc", "servers", "drivers", "drm", "compositor", "session", "ci"):
        found += sorted(str(p.relative_to(ROOT)) for p in (ROOT / top).rglob("meson.build"))
    return "\n".join(found)


def call(argv, what):
    """Run a build step: silent when it goes well, its whole output when it does not."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        lines = [l for l in text.splitlines() if not re.match(r"\[\d+/\d+\] |ninja: Entering", l)]
        raise WeftError(f"{what} failed\n" + "\n".join(lines).strip())
    if not Options.quiet and what != "compiling":
        say(what)
    return text


def manifest():
    """Entries (guest path, file, mode) of the boot archive."""
    folder = ROOT / "image"
    entries = {}
    for source in [folder / "boot-archive.txt", *sorted((folder / "boot-archive.d").glob("*.txt"))]:
        for number, line in enumerate(source.read_text().splitlines(), 1):
            words = line.split("#", 1)[0].split()
            if not words:
                continue
            where = f"{source.relative_to(ROOT)}:{number}"
            if len(words) not in (2, 3):
                raise WeftError(f"{where}: wants a guest path, a file and perhaps a mode")
            guest = words[0].strip("/")
            if guest in entries:
                raise WeftError(f"{where}: {guest} is named twice")
            try:
                mode = int(words[2], 8) if len(words) == 3 else 0o755
            except ValueError:
                raise WeftError(f"{where}: {words[2]} is not a mode in octal") from None
            file = words[1]
            path = ROOT / file[4:] if file.startswith("src:") else MAIN / file
            if not path.is_file():
                raise WeftError(f"{where}: {path} was not built")
            entries[guest] = (path, mode)
    return [(guest, *entries[guest]) for guest in sorted(entries)]


def boot_archive():
    """Write build/boot.cpio if what is in it changed; return its path."""
    entries = manifest()
    stamp = ARCHIVE.with_suffix(".stamp")
    key = digest("boot-1", *(f"{g} {p} {m:o} {p.stat().st_mtime_ns} {p.stat().st_size}"
                             for g, p, m in entries))
    if ARCHIVE.exists() and stamp.exists() and stamp.read_text() == key:
        return ARCHIVE
    temporary = ARCHIVE.with_suffix(f".{os.getpid()}")
    with open(temporary, "wb") as out, newc.Writer(out) as archive:
        for guest, path, mode in entries:
            archive.file(guest, path, mode)
    os.replace(temporary, ARCHIVE)
    stamp.write_text(key)
    return ARCHIVE


def programs():
    """Compile everything that goes into the image."""
    ninja(MAIN)
    return boot_archive()


def kernel():
    if not KERNEL.exists():
        raise WeftError(f"{KERNEL.relative_to(ROOT)} was not built: this checkout has no kernel")
    return KERNEL


def sanitised():
    """Compile the host unit tests with ASan and UBSan."""
    host.need("build", "unit")
    ninja(UNIT, ["-Dunit=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                 "-Doptimization=1"])


def main():
    programs()
    if sys.stdout.isatty() or not Options.quiet:
        for path in (KERNEL, ARCHIVE):
            if path.exists():
                print(f"{path.relative_to(ROOT)} ({path.stat().st_size >> 10} KiB)")
