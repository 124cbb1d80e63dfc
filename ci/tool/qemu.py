# SPDX-License-Identifier: MIT
"""Starting QEMU: accelerator and CPU model, the machine, QMP, and the guest's console and log."""

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import host
from .base import BUILD, WeftError

# Fastest of QEMU's models where every instruction is translated: no AVX, no ERMS to emulate.
TCG_CPU = "Nehalem"
libc = ctypes.CDLL(None)
KVM_TRIAL = BUILD / "kvm-trial"


def kvm_works():
    """Boot a sector that writes to the debug-exit port under KVM; remember the answer."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    host.need("run")
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if KVM_TRIAL.exists():
        known, answer = KVM_TRIAL.read_text().split()
        if known == boot_id:
            return answer == "yes"
    # mov dx, 0x501; mov al, 0x10; out dx, al; jmp $
    sector = bytes([0xBA, 0x01, 0x05, 0xB0, 0x10, 0xEE, 0xEB, 0xFE]).ljust(510, b"\0") + b"\x55\xaa"
    with tempfile.NamedTemporaryFile() as image:
        image.write(sector)
        image.flush()
        try:
            status = subprocess.run(
                ["qemu-system-x86_64", "-machine", "q35", "-accel", "kvm", "-cpu", "host",
                 "-display", "none", "-nodefaults", "-drive",
                 f"file={image.name},format=raw,if=ide,readonly=on", "-device",
                 "isa-debug-exit,iobase=0x501,iosize=0x02"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=20).returncode
        except subprocess.TimeoutExpired:
            status = -1
    works = status == (0x10 << 1 | 1)
    KVM_TRIAL.parent.mkdir(parents=True, exist_ok=True)
    KVM_TRIAL.write_text(f"{boot_id} {'yes' if works else 'no'}\n")
    return works


def accelerator():
    if kvm_works():
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", TCG_CPU]


def machine(smp=2, mem=2048, log=None):
    """The part of the command line that every guest has."""
    argv = ["qemu-system-x86_64", "-machine", "q35", *accelerator(), "-smp", str(smp),
            "-m", str(mem), "-nodefaults", "-no-user-config", "-no-reboot", "-vga", "none",
            "-device", "isa-debug-exit,iobase=0x501,iosize=0x02"]
    if log is not None:
        argv += ["-debugcon", f"file:{log}", "-global", "isa-debugcon.iobase=0xe9"]
    return argv


def disk(path, snapshot=True, number=0):
    kind = "qcow2" if str(path).endswith(".qcow2") else "raw"
    return ["-drive", f"file={path},format={kind},if=none,id=disk{number},discard=unmap,"
            f"snapshot={'on' if snapshot else 'off'}",
            "-device", f"virtio-blk-pci,drive=disk{number},serial=weft{number}"]


def desktop(gl=False):
    """Display and input devices as in the baseline measurements."""
    gpu = "virtio-gpu-gl-pci" if gl else "virtio-gpu-pci"
    return ["-device", f"{gpu},xres=1280,yres=800", "-device", "virtio-keyboard-pci",
            "-device", "virtio-tablet-pci"]


class Qmp:
    """The monitor protocol: one JSON object per line over a socket."""

    def __init__(self, path, timeout=20):
        deadline = time.monotonic() + timeout
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise WeftError("QEMU's monitor does not answer") from None
                time.sleep(0.02)
        self.socket.settimeout(timeout)
        self.file = self.socket.makefile("rwb")
        self.file.readline()
        self.call("qmp_capabilities")

    def call(self, name, **arguments):
        message = {"execute": name, "arguments": arguments}
        self.file.write(json.dumps(message).encode() + b"\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise WeftError(f"QEMU's monitor closed during {name}")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise WeftError(f"QEMU: {name}: {answer['error'].get('desc')}")

    def human(self, line):
        return self.call("human-monitor-command", **{"command-line": line})

    def screendump(self, path):
        self.call("screendump", filename=str(path))

    def keys(self, *names, hold=80):
        self.call("send-key", keys=[{"type": "qcode", "data": n} for n in names],
                  **{"hold-time": hold})

    def pointer(self, x, y, width=1280, height=800):
        scale = 0x7FFF
        self.call("input-send-event", events=[
            {"type": "abs", "data": {"axis": "x", "value": x * scale // width}},
            {"type": "abs", "data": {"axis": "y", "value": y * scale // height}}])

    def button(self, down, name="left"):
        self.call("input-send-event",
                  events=[{"type": "btn", "data": {"down": down, "button": name}}])

    def close(self):
        self.file.close()
        self.socket.close()


def die_with_parent():
    """In the child: be killed when the tool dies, so that no machine is left running."""
    libc.prctl(1, signal.SIGKILL)   # PR_SET_PDEATHSIG


class Guest:
    """A running QEMU; what is connected to its chardev "con" is on a pipe.

    `read` gives console bytes as they come; with `talk`, `write` types on it. `log` is the file that the kernel's log is written to.
    """

    def __init__(self, argv, folder, console=True, stderr=None, talk=False):
        host.need("run")
        self.folder = Path(folder)
        self.started = time.monotonic()
        self.qmp_path = self.folder / "qmp"
        argv = [*argv, "-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        if console:
            argv += ["-chardev", "stdio,id=con,signal=off"]
        self.stderr = open(self.folder / "qemu.err", "wb")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE if talk else subprocess.DEVNULL if console else None,
            stdout=subprocess.PIPE if console else None, stderr=stderr or self.stderr,
            preexec_fn=die_with_parent)
        self.selector = selectors.DefaultSelector()
        if console:
            os.set_blocking(self.process.stdout.fileno(), False)
            self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def read(self, timeout):
        """Console bytes, b"" if none came within `timeout` seconds, None at the end."""
        if not self.selector.select(timeout):
            return b"" if self.process.poll() is None else self.rest()
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        return data or None

    def write(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def rest(self):
        try:
            return os.read(self.process.stdout.fileno(), 1 << 16) or None
        except BlockingIOError:
            return None

    def qmp(self):
        return Qmp(self.qmp_path)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.selector.close()
        self.stderr.close()

    def errors(self):
        return (self.folder / "qemu.err").read_text(errors="replace").strip()
