# SPDX-License-Identifier: MIT
"""libwayland's own tests, built from Debian's source package as it is, run in the image."""

import os

from tool import debian, host, job, suites
from tool.base import CACHE, ROOT, cached, digest, run, step

PACKAGES = ["apt", "build-essential", "meson", "ninja-build", "pkgconf", "libffi-dev", "libexpat1-dev",
            "libxml2-dev", "ca-certificates"]
# Built where the guest will see it, because the tests hold their paths.
BUILD = ("mkdir -p /host && cd /host && apt-get update -q && "
         "apt-get source -q --only-source --download-only wayland && "
         "dpkg-source --no-check -x wayland_*.dsc wayland && cd wayland && "
         "meson setup out -Ddocumentation=false -Ddtd_validation=false -Dbuildtype=debugoptimized && "
         "ninja -C out && meson introspect --tests out >tests.json")


def built():
    """Debian's source tree of wayland, compiled in a tree of trixie (cached)."""
    host.need("image")
    key = digest("wayland-3", debian.SUITE, BUILD, *PACKAGES)

    def make(target):
        with step("libwayland from its source package"):
            target.mkdir()
            source = f"deb-src {debian.host_mirror() or ''} {debian.SUITE} main"
            run(["mmdebstrap", "--variant=essential", "--format=null",
                 "--mode=" + ("root" if os.getuid() == 0 else "unshare"),
                 "--include=" + ",".join(PACKAGES),
                 f"--customize-hook=echo '{source}' >\"$1\"/etc/apt/sources.list.d/source.list",
                 f"--customize-hook=chroot \"$1\" sh -c '{BUILD}'",
                 f"--customize-hook=sync-out /host/wayland {target}",
                 debian.SUITE, "/dev/null", *filter(None, [debian.host_mirror()])],
                log=CACHE / "logs" / "wayland.log")

    return cached("wayland", key, "/wayland", make_parent(make))


def make_parent(make):
    def wrapped(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        make(target)
    return wrapped


def tests(kernel=None):
    kernel = kernel or os.environ.get("WEFT_KERNEL", "weft")
    task = job.Job(["/host/meson-tests.py", "/host/wayland/tests.json"], kernel=kernel,
                   config="base", packages=["libffi8", "libexpat1", "libxml2"],
                   add=[built(), ROOT / "ci/guest/meson-tests.py"], mem=3072, timeout=900)
    outcome = job.run(task)
    for result in suites.checks(outcome.output.decode(errors="replace"), "libwayland: "):
        yield result.name, result.ok, result.why
    if outcome.reason:
        yield "libwayland: end", False, outcome.reason
