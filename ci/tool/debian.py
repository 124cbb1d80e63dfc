# SPDX-License-Identifier: MIT
"""Debian trixie: where it is fetched from, and trees made of its packages with mmdebstrap."""

import os
import re
from pathlib import Path

from . import host
from .base import CACHE, ROOT, SOURCE_DATE_EPOCH, WeftError, cached, digest, read_list, run, step

SUITE = "trixie"


def host_mirror(root=Path("/etc/apt")):
    """The archive that the host's own apt uses for Debian's main suites, or None.

    Trixie is asked from the same place, so a site's mirror or proxy setting is respected. None
    leaves the choice to mmdebstrap.
    """
    release = {}
    os_release = Path("/etc/os-release")
    if os_release.exists():
        release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release.read_text(), re.M))
    suites = {release.get("VERSION_CODENAME", "bookworm"), "stable", "bookworm", SUITE}
    found = []
    for path in [root / "sources.list", *sorted((root / "sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", text):
                fields = dict(re.findall(r"^(\w[\w-]*):\s*(.*)$", stanza, re.M))
                if fields.get("Enabled", "yes").lower() == "no":
                    continue
                if "main" in fields.get("Components", "").split():
                    for uri in fields.get("URIs", "").split():
                        found += [(uri, s) for s in fields.get("Suites", "").split()]
        elif path.suffix == ".list":
            for uri, suite, parts in re.findall(
                    r"^\s*deb\s+(?:\[[^]]*\]\s*)?(\S+)\s+(\S+)\s+(.*)$", text, re.M):
                if "main" in parts.split():
                    found.append((uri, suite))
    for uri, suite in found:
        if suite in suites and uri.startswith(("http:", "https:", "file:")):
            return uri.rstrip("/")
    return None


def mmdebstrap(target, packages, *, variant, extra=(), log):
    """Make `target` (a directory or a .tar by its name) of trixie's packages."""
    host.need("image")
    mirror = host_mirror()
    argv = ["mmdebstrap", f"--variant={variant}", "--architectures=amd64",
            "--mode=" + ("root" if os.getuid() == 0 else "unshare"),
            '--aptopt=Apt::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
            '--aptopt=Acquire::Retries "3"',
            "--include=" + ",".join(packages), *extra, SUITE, str(target)]
    if mirror:
        argv.append(mirror)
    run(argv, log=log, env={"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, "LC_ALL": "C.UTF-8"})


def sysroot(list_file=ROOT / "image" / "sysroot.txt"):
    """A tree with trixie's headers and libraries, to build programs of the image against."""
    packages = sorted(set(read_list(list_file)))
    if not packages:
        raise WeftError(f"{list_file}: names no package")
    key = digest("sysroot-1", SUITE, *packages)

    def make(target):
        with step(f"sysroot from {SUITE} ({len(packages)} packages and what they need)"):
            # Packages are only unpacked: nothing in a sysroot is run.
            mmdebstrap(target, packages, variant="extract", log=CACHE / "logs" / "sysroot.log",
                       extra=["--format=directory"])
            relative_links(target)
            target.chmod(0o755)

    return cached("sysroot", key, "", make)


def relative_links(tree):
    """Turn absolute symbolic links into relative ones, so that they stay in the tree."""
    for folder, dirs, files in os.walk(tree):
        for name in dirs + files:
            path = Path(folder, name)
            if path.is_symlink():
                to = os.readlink(path)
                if to.startswith("/"):
                    path.unlink()
                    path.symlink_to(os.path.relpath(str(tree) + to, folder))
