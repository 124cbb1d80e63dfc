# SPDX-License-Identifier: MIT
"""./weft run and ./weft screenshot: the whole system with a screen, a keyboard and a pointer."""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import build, disk, host, job, linux, newc, picture, qemu, rootfs, symbols
from .base import BUILD, ROOT, WeftError, run, say

# What Debian's kernel starts in place of the configuration's services.
LINUX_SESSION = "/usr/lib/weft/start-desktop"

CHARACTERS = {" ": "spc", "\n": "ret", "\t": "tab", "-": "minus", "=": "equal", "/": "slash",
              "\\": "backslash", ".": "dot", ",": "comma", ";": "semicolon", "'": "apostrophe",
              "`": "grave_accent", "[": "bracket_left", "]": "bracket_right"}
SHIFTED = {"_": "minus", "+": "equal", "?": "slash", "|": "backslash", ">": "dot", "<": "comma",
           ":": "semicolon", '"': "apostrophe", "~": "grave_accent", "{": "bracket_left",
           "}": "bracket_right", "!": "1", "@": "2", "#": "3", "$": "4", "%": "5", "^": "6",
           "&": "7", "*": "8", "(": "9", ")": "0"}


def key_names(character):
    """QEMU's key names that type a character on a US keyboard."""
    if character in CHARACTERS:
        return [CHARACTERS[character]]
    if character in SHIFTED:
        return ["shift", SHIFTED[character]]
    if character.isascii() and character.isalnum():
        return (["shift"] if character.isupper() else []) + [character.lower()]
    raise WeftError(f"cannot type {character!r}")


def type_text(qmp, text, pause=0.12):
    """Type text; a chord is written <meta_l-ret>, a less-than sign <less>."""
    at = 0
    while at < len(text):
        names = None
        if text[at] == "<" and ">" in text[at:]:
            end = text.index(">", at)
            names = text[at + 1:end].split("-")
            if names == ["less"]:
                names = ["shift", "comma"]
            at = end + 1
        else:
            names = key_names(text[at])
            at += 1
        qmp.keys(*names, hold=60)
        time.sleep(pause)


def free_display():
    """The lowest VNC display whose port nobody listens on."""
    for number in range(100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", 5900 + number))
                return number
    raise WeftError("no free port for VNC")


def display(headless, gl):
    """Arguments for the screen, and what to tell the user."""
    if headless:
        return ["-display", "none"], None
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        host.need("window", *(["gl"] if gl else []))
        return ["-display", f"gtk,gl={'on' if gl else 'off'},show-cursor=off"], None
    if gl:
        raise WeftError("--gl needs a display: set DISPLAY (Xvfb will do)")
    number = free_display()
    return (["-display", f"vnc=127.0.0.1:{number}"],
            f"there is no display here: connect a VNC viewer to 127.0.0.1:{5900 + number}")


FIRMWARE = {"bios": [], "uefi": ["-bios", "/usr/share/OVMF/OVMF_CODE.fd"]}


def from_firmware(args, folder, overlay):
    """A machine as people have them: firmware, GRUB and root from the disk, a plain VGA, PS/2 input."""
    log = folder / "log"
    log.touch()
    host.need("uefi")
    build.programs()
    build.kernel()
    path = args.disk or (disk.copy(args.config, folder / "disk.raw", overlay) if overlay
                         else disk.image(args.config))
    argv = qemu.machine(args.smp, args.mem or 2048, log)
    return [*argv, *FIRMWARE[args.firmware], "-device", "VGA", "-rtc", "base=utc",
            *qemu.disk(path, snapshot=not (args.disk or overlay)), "-serial", "chardev:con"], log


def pieces(args, folder, overlay=b""):
    """Kernel, archives and disk of a desktop machine as QEMU arguments."""
    if getattr(args, "firmware", None):
        return from_firmware(args, folder, overlay)
    log = folder / "log"
    log.touch()
    archives, append, devices = [], args.append, []
    build.programs()
    if args.config != "none":
        if args.kernel == "linux" or args.root == "disk":
            path = Path(args.disk) if args.disk else disk.image(args.config)
            if args.disk and not path.exists():
                run(["cp", "--sparse=always", disk.image(args.config), path])
            devices += qemu.disk(path, snapshot=not args.disk)
        if args.kernel == "weft" and args.root == "disk":
            append += " root=/dev/vda3"
    if args.kernel == "linux":
        kernel = linux.tree() / "vmlinuz"
        archives.append(linux.archive([*linux.DISK_MODULES, *linux.DEVICE_MODULES]))
        append += f" {linux.APPEND}"
    else:
        kernel = build.kernel()
        archives.append(build.ARCHIVE)
        if args.config != "none":
            archives.append(rootfs.services_cpio(args.config))
        if args.config != "none" and args.root == "memory":
            archives.append(rootfs.as_cpio(args.config))
    initrd = folder / "initrd"
    newc.join(initrd, archives, overlay)
    mem = args.mem or 2048 + (initrd.stat().st_size >> 30) * 1024
    argv = qemu.machine(args.smp, mem, log if args.kernel == "weft" else None)
    argv += ["-kernel", str(kernel), "-initrd", str(initrd), *qemu.desktop(args.gl), *devices,
             "-rtc", "base=utc"]
    if append.strip():
        argv += ["-append", append.strip()]
    argv += ["-serial", "chardev:con"]
    if args.kernel == "linux":
        argv += ["-chardev", f"file,id=log,path={log}", "-serial", "chardev:log"]
    return argv, log


def main(args):
    """./weft run: a machine with a screen until it is switched off."""
    host.need("run")
    folder = BUILD / "run" / f"desktop-{os.getpid()}"
    folder.mkdir(parents=True)
    process = None
    try:
        extra = session_overlay(args, None) if args.kernel == "linux" else b""
        argv, log = pieces(args, folder, extra)
        screen, hint = display(args.headless, args.gl)
        argv += screen
        if args.gdb:
            argv += ["-S", "-gdb", "tcp:127.0.0.1:1234"]
            say("the machine waits for a debugger:\n"
                f"  gdb -ex 'target remote 127.0.0.1:1234' {build.KERNEL}")
        if hint:
            say(hint)
        if not args.disk and args.root == "disk" and args.config != "none":
            say("changes on the disk are forgotten at the end; --disk FILE keeps them")
        argv += ["-chardev", "stdio,id=con,signal=off" if sys.stdin.isatty()
                 else "stdio,id=con,signal=on"]
        process = subprocess.Popen(argv, preexec_fn=qemu.die_with_parent)
        status = process.wait()
        text = log.read_text(errors="replace")
        (BUILD / "last.log").write_text(text)
        trace = symbols.backtraces(text)
        if trace:
            print(f"weft: the kernel's log has a back trace\n{trace}", file=sys.stderr)
        return 0 if status in (0, 1) else status
    finally:
        if process and process.poll() is None:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def session_overlay(args, command, agent=None):
    """What tells the session to run a command once it is up, and what runs beside it as root."""
    nonce = secrets.token_hex(8)
    argv = [LINUX_SESSION] if args.kernel == "linux" else []
    task = job.Job(argv, kernel=args.kernel, add=getattr(args, "add", []),
                   env=getattr(args, "env", {}))
    root = "/dev/vda3" if args.kernel == "linux" else None
    return job.overlay(task, nonce, root, autostart=command, agent=agent)


class Desktop:
    """A headless desktop machine for screenshots and tests, with the monitor at hand."""

    def __init__(self, args, command=None, folder=None, agent=None):
        runs = BUILD / "run"
        runs.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(dir=folder or runs))
        self.log_path = None
        self.console = b""
        try:
            more = session_overlay(args, command, agent) if command or agent or args.kernel == "linux" \
                or getattr(args, "add", []) or getattr(args, "env", {}) else b""
            argv, self.log_path = pieces(args, self.folder, more)
            self.guest = qemu.Guest([*argv, "-display", "none"], self.folder, talk=True)
            self.watch = job.LogWatch(self.log_path)
            self.qmp = self.guest.qmp()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def wait(self, seconds, until=None):
        """Let the guest run; stop early when `until()` is true. False if the machine stopped."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            data = self.guest.read(min(left, 0.2))
            if data is None:
                return False
            self.console += data
            if self.watch.look():
                return False
            if until and until():
                return True

    def picture(self):
        return picture.take(self.qmp, self.folder)

    def wait_picture(self, seconds, good, every=0.5):
        """The first picture that is `good` within `seconds`, else None."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.wait(every):
                raise WeftError("the machine stopped\n" + self.end())
            shot = self.picture()
            if good(shot):
                return shot
        return None

    # What the session runs for call(): lines of the console, one after the other.
    AGENT = "stty -echo; echo @@agent; while IFS= read -r line; do eval \"$line\"; done"

    def start(self, line):
        """Have AGENT run a shell line; the number by which `finish` knows it."""
        self.calls = getattr(self, "calls", 0) + 1
        self.guest.write(line.encode() + b"\n" + f"echo @@called {self.calls} $?\n".encode())
        return self.calls

    def finish(self, number, start, seconds=60):
        """Status and output, from the console's place `start` on, of the line `number`."""
        done = lambda: re.search(rb"@@called %d (\d+)\r?\n" % number, self.console[start:])
        self.wait(seconds, done)
        found = done()
        text = self.console[start:start + found.start() if found else None]
        return (int(found[1]) if found else None,
                text.decode(errors="replace").replace("\r", ""))

    def call(self, line, seconds=60):
        """Have AGENT run a shell line; its status and output, or (None, what there was so far)."""
        start = len(self.console)
        return self.finish(self.start(line), start, seconds)

    def type(self, text):
        type_text(self.qmp, text)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path else ""

    def end(self):
        """The ends of console and log, for messages."""
        text = self.console.decode(errors="replace").splitlines()[-25:]
        text += ["--- log ---", *self.log().splitlines()[-25:]]
        trace = symbols.backtraces(self.log())
        return "\n".join(text) + ("\n" + trace if trace else "")

    def close(self):
        guest = getattr(self, "guest", None)
        if guest:
            with contextlib.suppress(Exception):
                self.qmp.close()
            guest.stop()
        if self.log_path:
            (BUILD / "last.log").write_text(self.log())
            (BUILD / "last.console").write_bytes(self.console)
        shutil.rmtree(self.folder, ignore_errors=True)


def up(shot):
    """A desktop shows more than a text screen or a blank one does."""
    return shot.colours() > 64


def screenshot(args):
    """./weft screenshot"""
    if args.kernel == "linux" or args.config != "none":
        host.need("image", "disk")
    host.need("run")
    args.gl = False
    with Desktop(args, args.run) as desktop:
        shown = desktop.wait_picture(args.timeout, up)
        if shown is None:
            say("the screen stayed blank; the picture shows it as it is")
        desktop.wait(args.after)
        if args.type:
            desktop.type(args.type.encode().decode("unicode_escape"))
            desktop.wait(args.after_type)
        shot = desktop.picture()
        Path(args.out).write_bytes(picture.png(shot))
        if shown is None:
            print(desktop.end(), file=sys.stderr)
            return 1
    say(f"{args.out}: {shot.width}x{shot.height}, {shot.colours()} colours")
    return 0
