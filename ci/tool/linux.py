# SPDX-License-Identifier: MIT
"""Debian's kernel, the yardstick: fetched from trixie, started with an archive of our own.

The archive holds one static program (ci/guest/linux-init.c) and the kernel modules that the guest's
devices need, unpacked and in dependency order, so that the start is as short as Linux allows.
"""

import lzma
import os
import re
import struct

from . import debian, host, newc
from .base import CACHE, ROOT, WeftError, cached, digest, remove, run, step

PACKAGE = "linux-image-amd64"

# With the mitigations on, every system call would replace the page tables on the CPU model that we
# use, which under TCG costs more than the call. Weft has none of them either: compare like with like.
APPEND = "console=ttyS1 quiet loglevel=4 panic=-1 mitigations=off rdinit=/init"

DISK_MODULES = ["virtio_blk", "crc32c_generic", "crc32c_intel", "ext4"]
DEVICE_MODULES = ["virtio_input", "evdev", "psmouse", "virtio_gpu", "virtio_net", "button"]


def tree():
    """A folder with trixie's vmlinuz and its modules (cached)."""
    def make(target):
        with step(f"Debian's kernel from {debian.SUITE}"):
            whole = target.with_name(target.name + ".whole")
            try:
                debian.mmdebstrap(whole, [PACKAGE], variant="extract", extra=["--format=directory"],
                                  log=CACHE / "logs" / "linux.log")
                kernels = sorted((whole / "boot").glob("vmlinuz-*"))
                if not kernels:
                    raise WeftError(f"{PACKAGE}: no kernel in it")
                version = kernels[-1].name.removeprefix("vmlinuz-")
                target.mkdir()
                os.replace(kernels[-1], target / "vmlinuz")
                os.replace(whole / "usr/lib/modules" / version, target / "modules")
                (target / "version").write_text(version + "\n")
            finally:
                remove(whole)

    return cached("linux", digest("linux-1", debian.SUITE, PACKAGE), "", make)


def module_info(data):
    """The .modinfo section of a module: a list of (key, value)."""
    shoff, = struct.unpack_from("<Q", data, 0x28)
    entry, count, names = struct.unpack_from("<HHH", data, 0x3A)
    def section(index):
        return struct.unpack_from("<IIQQQQ", data, shoff + index * entry)
    strings = section(names)[4]
    for index in range(count):
        name, _, _, _, offset, size = section(index)
        start = strings + name
        if data[start:data.index(b"\0", start)] == b".modinfo":
            pairs = data[offset:offset + size].split(b"\0")
            return [tuple(p.decode().split("=", 1)) for p in pairs if b"=" in p]
    return []


def modules(folder, wanted):
    """(file name, bytes) of the wanted modules and what they depend on, in loading order."""
    files = {}
    for path in folder.rglob("*.ko*"):
        files[path.name.split(".ko")[0].replace("-", "_")] = path
    order = {}

    def visit(name, chain=()):
        name = name.replace("-", "_")
        if name in order or name in chain or name not in files:
            return  # built into the kernel, or already there
        path = files[name]
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        info = module_info(data)
        for key, value in info:
            if key in ("depends", "softdep"):
                text = value if key == "depends" else value.partition("pre:")[2].split("post:")[0]
                for other in re.split(r"[,\s]+", text):
                    if other:
                        visit(other, (*chain, name))
        order[name] = data

    for name in wanted:
        visit(name)
    return [(f"{name}.ko", data) for name, data in order.items()]


def init_program():
    host.need("build")
    source = ROOT / "ci/guest/linux-init.c"

    def make(target):
        run(["musl-gcc", "-static", "-O2", "-Wall", "-Wextra", "-Wno-unused-result", "-o", target, source])

    return cached("linux-init", digest("init-1", source), "", make)


def archive(wanted=()):
    """The initial archive with our init and the wanted modules (cached, not compressed)."""
    folder, init = tree(), init_program()
    version = (folder / "version").read_text()

    def make(target):
        with open(target, "wb") as out, newc.Writer(out) as w:
            w.file("init", init, 0o755)
            w.directory("root", 0o700)
            names = []
            for name, data in modules(folder / "modules", wanted):
                w.add(f"modules/{name}", data)
                names.append(name)
            w.add("modules/order", "".join(f"{n}\n" for n in names).encode())

    return cached("linux-init", digest("archive-1", version, init.name, *wanted), ".cpio", make)
