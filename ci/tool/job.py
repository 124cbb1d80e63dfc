# SPDX-License-Identifier: MIT
"""Jobs: one command in a freshly booted guest, its output passed on, its status returned.

The protocol is described in docs/job-protocol.md. The guest is Weft or Debian's kernel; what it
runs on is the boot archive alone, or a configuration's root file system.
"""

import contextlib
import io
import re
import secrets
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import build, disk, linux, newc, qemu, rootfs, symbols
from .base import BUILD, WeftError, say

TIMEOUT_STATUS = 124
BOOT_STATUS = 125
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh",
    "TERM": "dumb", "LANG": "C.UTF-8",
}


@dataclass
class Job:
    argv: list
    kernel: str = "weft"
    config: str = "none"        # "none": the boot archive only
    root: str = "memory"        # where the root file system is: memory or disk
    root_disk: str = ""         # a disk that keeps changes, in place of the configuration's own
    smp: int = 2
    mem: int = 0                # MiB; 0: chosen by what is loaded
    timeout: float = 300
    packages: list = field(default_factory=list)
    add: list = field(default_factory=list)
    env: dict = field(default_factory=dict)
    append: str = ""            # more options for the kernel
    devices: list = field(default_factory=list)
    desktop: bool = False
    modules: list = field(default_factory=list)
    log: str = ""               # keep the kernel's log here
    disks: list = field(default_factory=list)   # files, "image", or "empty:MIB"


@dataclass
class Outcome:
    status: int
    output: bytes = b""
    log: str = ""
    reason: str = ""            # why the status is 124 or 125
    init_at: float = 0          # seconds from QEMU's start to the first process
    start_at: float = 0         # ... to the command's start
    end_at: float = 0


# A shell that reads lines from the console and runs them as root, beside the desktop's session.
AGENT_SERVICE = """\
program bin/job-run /bin/bash /job/agent
runtime posix
paths
after mounts
give console
restart never
env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
env HOME=/root
"""


def overlay(job, nonce, root_device=None, autostart=None, agent=None):
    """The archive that carries the command and the host's files.

    `autostart` is a shell line for the desktop's session to run when it is up, `agent` a script that a
    service of its own runs as root.
    """
    out = io.BytesIO()
    with newc.Writer(out) as w:
        if autostart:
            w.add("job/autostart", autostart.encode() + b"\n")
        if agent:
            w.add("job/agent", agent.encode() + b"\n")
            w.add("etc/init/agent.service", AGENT_SERVICE.encode())
        if job.argv:
            w.add("job/cmd", b"".join(a.encode("utf-8", "surrogateescape") + b"\0"
                                      for a in job.argv))
        w.add("job/nonce", nonce.encode() + b"\n")
        env = {**ENVIRONMENT, **job.env}
        w.add("job/env", b"".join(f"{k}={v}".encode() + b"\0" for k, v in env.items()))
        if root_device:
            w.add("job/root", root_device.encode() + b"\n")
        for path in job.add:
            path = Path(path)
            if not path.exists():
                raise WeftError(f"{path}: no such file to add")
            w.tree(f"host/{path.resolve().name}", path.resolve())
    return out.getvalue()


def command_line(job, nonce, folder):
    """QEMU's arguments for a job, and the memory that it is given."""
    log = folder / "log"
    log.touch()
    devices = list(job.devices)
    parts = []
    if job.kernel == "linux":
        on_disk = job.config != "none"
        wanted = [*(linux.DISK_MODULES if on_disk else []),
                  *(linux.DEVICE_MODULES if job.desktop else []), *job.modules]
        parts.append(linux.archive(wanted))
        if on_disk:
            devices += qemu.disk(disk.image(job.config, job.packages))
        extra = overlay(job, nonce, "/dev/vda3" if on_disk else None)
        kernel = linux.tree() / "vmlinuz"
        append = f"{linux.APPEND} {job.append}"
    elif job.kernel == "weft":
        parts.append(build.programs())
        kernel = build.kernel()
        append = job.append
        if job.config != "none":
            if job.root == "disk":
                devices += qemu.disk(job.root_disk or disk.image(job.config, job.packages),
                                     snapshot=not job.root_disk)
                append += " root=/dev/vda3"
            else:
                parts.append(rootfs.as_cpio(job.config, job.packages))
        extra = overlay(job, nonce)
    else:
        raise WeftError(f"--kernel {job.kernel}: weft or linux")
    for path in job.disks:
        of_image = path == "image"
        if path.startswith("empty:"):
            size, path = int(path[6:]), folder / f"disk{devices.count('-drive')}.raw"
            with open(path, "wb") as out:
                out.truncate(size << 20)
        devices += qemu.disk(disk.image(job.config, job.packages) if of_image else path,
                             snapshot=of_image, number=devices.count("-drive"))
    initrd = folder / "initrd"
    newc.join(initrd, parts, extra)
    size = initrd.stat().st_size >> 20
    mem = job.mem or (1024 if size < 128 else 2048 + size // 512 * 1024)
    argv = qemu.machine(job.smp, mem, log if job.kernel == "weft" else None)
    argv += ["-display", "none", "-kernel", str(kernel), "-initrd", str(initrd)]
    if append.strip():
        argv += ["-append", append.strip()]
    if job.desktop:
        devices += qemu.desktop()
    argv += [*devices, "-serial", "chardev:con"]
    if job.kernel == "linux":
        # The second serial port takes the kernel's messages, as the log does on Weft.
        argv += ["-chardev", f"file,id=log,path={log}", "-serial", "chardev:log"]
    return argv, log


FAIL = re.compile(rb"@@weft-fail ([^\n]*)\n")


class Splitter:
    """Finds the protocol's lines in console output, however it is cut into pieces.

    `feed` returns the bytes that are certainly the command's. Bytes that may be the beginning of
    the end mark are held back.
    """

    def __init__(self, nonce):
        self.start = f"\n@@weft-start {nonce}\n".encode()
        self.end = f"\n@@weft-exit {nonce} ".encode()
        self.init = b"@@weft-init"
        self.before = b"\n"
        self.held = b""
        self.started = self.inited = False
        self.status = None

    def feed(self, data):
        if not self.started:
            self.before += data
            self.inited = self.inited or self.init in self.before
            at = self.before.find(self.start)
            if at < 0:
                return b""
            self.started = self.inited = True
            data = self.before[at + len(self.start):]
            self.before = self.before[:at]
        if self.status is not None:
            return b""
        self.held += data
        at = self.held.find(self.end)
        if at >= 0:
            line_end = self.held.find(b"\n", at + len(self.end))
            if line_end >= 0:
                word = self.held[at + len(self.end):line_end].strip()
                self.status = int(word) & 0xFF if word.lstrip(b"-").isdigit() else 255
                out, self.held = self.held[:at], b""
                return out
            out, self.held = self.held[:at], self.held[at:]
            return out
        keep = 0
        for length in range(min(len(self.end), len(self.held)), 0, -1):
            if self.held.endswith(self.end[:length]):
                keep = length
                break
        out = self.held[:len(self.held) - keep]
        self.held = self.held[len(self.held) - keep:]
        return out


class LogWatch:
    """Looks for a panic in the kernel's log while it grows."""

    def __init__(self, path):
        self.path, self.at, self.tail = path, 0, b""
        self.panicked = None

    def look(self):
        with open(self.path, "rb") as log:
            log.seek(self.at)
            data = log.read()
        self.at += len(data)
        self.tail = (self.tail + data)[-65536:]
        if self.panicked is None and re.search(rb"@@panic|\] panic: |Kernel panic", self.tail):
            self.panicked = time.monotonic()
        return self.panicked is not None and time.monotonic() - self.panicked > 1.5


def run(job, sink=None, begun=None):
    """Boot, run the command, and give its Outcome. `sink` gets output as it arrives, `begun` the
    machine when it has been started."""
    nonce = secrets.token_hex(8)
    runs = BUILD / "run"
    runs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs) as folder:
        folder = Path(folder)
        argv, log_path = command_line(job, nonce, folder)
        guest = qemu.Guest(argv, folder, console=True)
        if begun:
            begun(guest)
        splitter, watch = Splitter(nonce), LogWatch(log_path)
        outcome = Outcome(BOOT_STATUS)
        deadline = guest.started + job.timeout
        out = bytearray()
        try:
            while splitter.status is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    outcome.status = TIMEOUT_STATUS if splitter.started else BOOT_STATUS
                    outcome.reason = (f"out of time after {job.timeout:g} s" if splitter.started
                                      else f"no command was started within {job.timeout:g} s")
                    break
                data = guest.read(min(left, 0.25))
                if data is None:
                    outcome.reason = "the machine stopped"
                    break
                if not data:
                    if watch.look():
                        outcome.reason = "the kernel panicked"
                        break
                    continue
                now = time.monotonic() - guest.started
                got = splitter.feed(data)
                if splitter.inited and not outcome.init_at:
                    outcome.init_at = now
                if splitter.started and not outcome.start_at:
                    outcome.start_at = now
                if got:
                    out += got
                    if sink:
                        sink(got)
                failed = FAIL.search(splitter.before + splitter.held)
                if failed:
                    outcome.reason = f"no command was started: {failed[1].decode()}"
                    break
            outcome.end_at = time.monotonic() - guest.started
            if splitter.status is not None:
                outcome.status = splitter.status
            elif splitter.held:
                out += splitter.held
                if sink:
                    sink(splitter.held)
            if splitter.status is not None:
                # A disk that keeps changes is written back at the machine's end.
                with contextlib.suppress(Exception):
                    guest.process.wait(120 if job.root_disk else 3)
        finally:
            guest.stop()
        outcome.output = bytes(out)
        outcome.log = log_path.read_text(errors="replace")
        if job.log:
            Path(job.log).write_text(outcome.log)
        (BUILD / "last.log").write_text(outcome.log)
        if outcome.reason:
            outcome.reason += describe(splitter, outcome, guest)
        return outcome


def describe(splitter, outcome, guest):
    """The ends of the console and of the log, for an error message."""
    text = ""
    console = splitter.before.decode(errors="replace").strip()
    for name, what in (("QEMU", guest.errors()), ("console", console), ("log", outcome.log)):
        lines = what.rstrip().splitlines()[-30:]
        if lines:
            text += f"\n--- {name} ---\n" + "\n".join(lines)
    trace = symbols.backtraces(outcome.log)
    if trace:
        text += "\n--- back trace ---\n" + trace
    return text


def exec_command(args):
    """./weft exec"""
    job = Job(args.argv, kernel=args.kernel, config=args.config, root=args.root, smp=args.smp,
              mem=args.mem, timeout=args.timeout, packages=args.package, add=args.add,
              append=args.append, log=args.log, disks=args.disk, desktop=args.devices == "desktop",
              env=dict(e.split("=", 1) for e in args.env))
    if job.packages and job.config == "none":
        raise WeftError("--package needs a --config to add it to")

    def sink(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    outcome = run(job, sink)
    if outcome.reason:
        print(f"weft: {outcome.reason}", file=sys.stderr)
    else:
        trace = symbols.backtraces(outcome.log)
        if trace:
            print(f"weft: the kernel's log has a back trace\n{trace}", file=sys.stderr)
    if args.times:
        say(f"first process {outcome.init_at:.2f} s, command {outcome.start_at:.2f} s, "
            f"end {outcome.end_at:.2f} s")
    return outcome.status
