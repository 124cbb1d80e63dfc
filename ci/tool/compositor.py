# SPDX-License-Identifier: MIT
"""The compositor: built for trixie with the host's gcc and a cross file, tested in a tree of it."""

import os
import shutil
import subprocess

from . import build, debian, host
from .base import BUILD, CACHE, ROOT, cached, digest, read_list, remove, step

SOURCE = ROOT / "compositor"
FOLDER = BUILD / "compositor"
CROSS = BUILD / "compositor.ini"

CROSS_TEXT = """\
[constants]
sysroot = '{sysroot}'
lib = sysroot / 'usr/lib/x86_64-linux-gnu'

[binaries]
c = ['gcc', '--sysroot=' + sysroot]
ar = 'ar'
strip = 'strip'
pkg-config = '{pkgconfig}'
pkgconfig = '{pkgconfig}'
# Trixie's own, run with trixie's own libraries.
wayland-scanner = [sysroot / 'usr/lib64/ld-linux-x86-64.so.2', '--library-path', lib,
                   sysroot / 'usr/bin/wayland-scanner']

[built-in options]
# The host's libraries of the same names would be found first without these.
c_link_args = ['-B' + lib, '-L' + lib, '-Wl,-rpath-link,' + lib]

[properties]
sys_root = sysroot
pkg_config_libdir = [lib / 'pkgconfig', sysroot / 'usr/share/pkgconfig']
wayland_protocols = sysroot / 'usr/share/wayland-protocols'
needs_exe_wrapper = true

[host_machine]
system = 'linux'
cpu_family = 'x86_64'
cpu = 'x86_64'
endian = 'little'
"""


def cross_file():
    """Write the cross file; a folder configured with another one is of no use any more."""
    host.need("build")
    text = CROSS_TEXT.format(sysroot=debian.sysroot(), pkgconfig=shutil.which("pkg-config"))
    if not CROSS.exists() or CROSS.read_text() != text:
        for folder in (FOLDER, FOLDER.with_name("compositor-asan")):
            remove(folder)
        CROSS.parent.mkdir(parents=True, exist_ok=True)
        CROSS.write_text(text)
    return CROSS


def make(sanitised=False):
    """Compile; return the folder with weft-compositor and weft-msg."""
    cross = cross_file()
    folder = FOLDER.with_name("compositor-asan") if sanitised else FOLDER
    if not (folder / "build.ninja").exists():
        remove(folder)
        options = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dtests=true"] \
            if sanitised else []
        build.call(["meson", "setup", "--cross-file", cross, *options, folder, SOURCE],
                   f"configuring {folder.name}")
    build.call(["ninja", "-C", folder], "compiling")
    return folder


def test_tree():
    """A tree of trixie in which the compositor and the tests' clients run (cached)."""
    packages = sorted(set(read_list(SOURCE / "tests" / "packages.txt")))
    key = digest("compositor-tree-1", debian.SUITE, *packages)

    def fill(target):
        with step(f"test tree of {len(packages)} packages from {debian.SUITE}"):
            debian.mmdebstrap(target, packages, variant="essential",
                              log=CACHE / "logs" / "compositor-tree.log",
                              extra=["--format=directory", "--dpkgopt=force-unsafe-io"])

    return cached("compositor-tree", key, "", fill)


def tests(result):
    """Unit and integration tests, with ASan and UBSan, in the test tree."""
    folder = make(sanitised=True)
    argv = ["sh", SOURCE / "tests" / "in-tree.sh", test_tree(), folder, ROOT,
            "sh", "/src/compositor/tests/run.sh"]
    if os.getuid() != 0:
        argv = ["unshare", "--user", "--map-root-user", *argv]
    try:
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=900)
        text, status, told = done.stdout, done.returncode, done.stderr
    except subprocess.TimeoutExpired as late:
        text, told = ((stream or b"").decode(errors="replace")
                      for stream in (late.stdout, late.stderr))
        status = "out of time"
    seen = 0
    for line in text.splitlines():
        verdict, _, rest = line.partition(" - ")
        if verdict in ("ok", "not ok"):
            seen += 1
            name, _, why = rest.partition(": ")
            yield result(name, verdict == "ok", why)
    if status != 0 or seen == 0:
        lines = (told or text).strip().splitlines()
        yield result("run", False, "\n    ".join([f"ended with {status} after {seen} checks:",
                                                 *lines[-120:]]))
