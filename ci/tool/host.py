# SPDX-License-Identifier: MIT
"""Host packages: finds what a kind of work needs and installs what is missing with apt-get."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .base import ROOT, Options, WeftError, say

LIST = ROOT / "ci" / "host-packages.txt"
SBIN = ["/usr/sbin", "/sbin", "/usr/local/sbin"]


def table(text=None):
    """Rows (probe, package, groups) of the list file."""
    rows = []
    for number, line in enumerate((text or LIST.read_text()).splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) < 3:
            raise WeftError(f"{LIST}:{number}: wants a probe, a package and its groups")
        rows.append((words[0], words[1], set(words[2:])))
    return rows


def present(probe):
    if probe.startswith("/"):
        return Path(probe).exists()
    path = os.pathsep.join([os.environ.get("PATH", ""), *SBIN])
    return shutil.which(probe, path=path) is not None


def missing(groups, rows=None):
    wanted = {p: None for probe, p, g in (rows or table()) if g & set(groups) and not present(probe)}
    return list(wanted)


def may_install(packages):
    if Options.yes or os.environ.get("CI") == "true":
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"weft: missing Debian packages: {' '.join(packages)}\nInstall them? [Y/n] ", end="",
          file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def need(*groups):
    """Make sure that what these groups of work use is installed."""
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *SBIN])
    if "image" in groups and os.getuid() != 0:
        groups = (*groups, "rootless")
    packages = missing(groups)
    if not packages:
        return
    if not may_install(packages):
        raise WeftError("missing Debian packages: " + " ".join(packages) +
                        "\n(install them, or pass --yes to have it done)")
    say("installing " + " ".join(packages))
    sudo = [] if os.getuid() == 0 else ["sudo"]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    quiet = {"stdout": sys.stderr, "env": env, "stdin": subprocess.DEVNULL}
    subprocess.run([*sudo, "apt-get", "update", "-q"], **quiet)
    if subprocess.run(install, **quiet).returncode != 0:
        raise WeftError("apt-get could not install " + " ".join(packages))
    still = missing(groups)
    if still:
        raise WeftError("still missing after installing: " + " ".join(still))
