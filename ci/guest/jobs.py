#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An interactive bash with job control on a pty: what is typed, the signals of its keys, the window's size, the
hang-up. Runs on the base configuration, and passes whole on Debian's kernel too."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

good = bad = 0


def check(name, ok, why=""):
    global good, bad
    good, bad = good + bool(ok), bad + (not ok)
    print(f"ok {name}" if ok else f"not ok {name}: {why!r}", flush=True)


class Shell:
    """bash on a pty. Each line typed ends with a mark of its own, so that its output is known."""

    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir("/tmp")
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      {"PATH": "/usr/bin:/bin", "PS1": "ready$ ", "TERM": "dumb", "LC_ALL": "C", "HOME": "/tmp"})
        self.out, self.at = "", 0

    def read(self, limit):
        if not select.select([self.fd], [], [], limit)[0]:
            return False
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        self.out += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, limit=30):
        """What the pattern matches after all that was matched before, or None."""
        end = time.monotonic() + limit
        while True:
            found = re.compile(pattern, re.S).search(self.out, self.at)
            if found:
                self.at = found.end()
                return found
            if time.monotonic() > end or (not self.read(0.2) and self.ended()):
                return None

    def type(self, text):
        os.write(self.fd, text.encode())

    def run(self, line, pattern, limit=30):
        self.type(line + "\n")
        return self.expect(pattern, limit)

    def ended(self):
        pid, self.status = os.waitpid(self.pid, os.WNOHANG) if self.pid else (0, 0)
        if pid:
            self.pid = 0
        return not self.pid

    def rest(self):
        return self.out[self.at:][-300:]


def program(pid):
    try:
        return open(f"/proc/{pid}/comm").read().strip()
    except OSError:
        return ""


def foreground(fd):
    """The foreground process group of the terminal, as its other side sees it."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.TIOCGPGRP, b"\0\0\0\0"))[0]


def state(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def wait_for(condition, limit=15):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def main():
    sh = Shell()
    check("bash is there", sh.expect(r"ready\$ "), sh.out)
    check("it has job control", sh.run("echo $-", r"\r\n\w*m\w*\r\n.*ready\$ "), sh.rest())
    check("its terminal", sh.run("tty", r"\r\n/dev/pts/\d+\r\n.*ready\$ "), sh.rest())
    check("the shell is in the foreground", foreground(sh.fd) == sh.pid, foreground(sh.fd))

    sh.type("echo typed wrong\x7f\x7f\x7f\x7f\x7fright\n")
    check("a line is edited", sh.expect(r"\r\ntyped right\r\n.*ready\$ "), sh.rest())
    sh.type("\x1b[A\n")
    check("the line before comes back", sh.expect(r"\r\ntyped right\r\n.*ready\$ "), sh.rest())
    sh.type("echo nothing of this\x03")
    check("Ctrl-C at the prompt", sh.expect(r"\^C.*ready\$ ") and sh.run("echo status $?", r"status 130\r\n.*ready\$ "), sh.rest())

    sh.type("sleep 1000\n")
    # The shell's child ignores what comes before it has become the program.
    runs = lambda: program(foreground(sh.fd)) == "sleep"
    check("a program is in the foreground", wait_for(runs), foreground(sh.fd))
    sh.type("\x03")
    check("Ctrl-C ends it", sh.expect(r"\^C.*ready\$ "), sh.rest())
    check("its status tells the signal", sh.run("echo status $?", r"status 130\r\n.*ready\$ "), sh.rest())
    check("and the shell is in front again", foreground(sh.fd) == sh.pid)
    sh.type("sleep 1000\n")
    wait_for(runs)
    sh.type("\x1c")
    check("Ctrl-\\ quits it", sh.expect(r"Quit.*ready\$ ") and sh.run("echo status $?", r"status 131\r\n.*ready\$ "), sh.rest())

    sh.type("sleep 1001\n")
    wait_for(runs)
    sleeper = foreground(sh.fd)
    sh.type("\x1a")
    check("Ctrl-Z stops it", sh.expect(r"\^Z.*\[1\]\+ +Stopped +sleep 1001.*ready\$ "), sh.rest())
    check("it is stopped", wait_for(lambda: state(sleeper) == "T"), state(sleeper))
    check("jobs", sh.run("jobs -l", rf"\[1\]\+ +{sleeper} Stopped.*sleep 1001.*ready\$ "), sh.rest())
    check("bg", sh.run("bg", r"\[1\]\+ sleep 1001 &.*ready\$ ") and wait_for(lambda: state(sleeper) == "S"), state(sleeper))
    check("it runs behind", sh.run("jobs", r"\[1\]\+ +Running +sleep 1001 &.*ready\$ ") and foreground(sh.fd) == sh.pid, sh.rest())
    sh.type("fg\n")
    check("fg", sh.expect(r"sleep 1001\r\n") and wait_for(lambda: foreground(sh.fd) == sleeper), sh.rest())
    sh.type("\x1a")
    check("stopped once more", sh.expect(r"Stopped +sleep 1001.*ready\$ "), sh.rest())
    check("kill %1", sh.run("kill %1; sleep 0.3; jobs; echo gone", r"Terminated +sleep 1001\r\n.*ready\$ ") and state(sleeper) == "", sh.rest())

    check("a job behind may not read", sh.run("cat &", r"\[1\] \d+\r\n.*ready\$ ") and
          sh.run("sleep 0.5; jobs", r"Stopped( \(tty input\))? +cat.*ready\$ "), sh.rest())
    sh.type("fg\n")
    sh.expect(r"cat\r\n")
    sh.type("some words\n")
    check("in front it reads", sh.expect(r"some words\r\nsome words\r\n"), sh.rest())
    sh.type("\x04")
    check("Ctrl-D is its end", sh.expect(r"ready\$ "), sh.rest())
    check("a pipeline is one job", sh.run("sleep 1002 | cat &", r"\[1\] \d+\r\n.*ready\$ ") and
          sh.run("kill %1; wait; jobs; echo none left", r"none left\r\n.*ready\$ "), sh.rest())
    check("tostop", sh.run("stty tostop; (echo written) & sleep 0.5; jobs", r"Stopped( \(tty output\))? .*ready\$ ") and
          sh.run("stty -tostop; fg", r"written\r\n.*ready\$ "), sh.rest())
    check("SIGWINCH is caught", sh.run("trap 'echo size: $(stty size)' WINCH; echo set", r"\r\nset\r\n.*ready\$ "), sh.rest())
    fcntl.ioctl(sh.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    check("TIOCSWINSZ tells the shell", sh.run("true", r"size: 33 99\r\n"), sh.rest())
    sh.run("trap - WINCH; stty size", r"33 99\r\n.*ready\$ ")
    check("and a program in front", sh.run(
        "python3 -c 'from signal import *; pthread_sigmask(SIG_BLOCK, [SIGWINCH]); print(\"waits\", flush=True); sigwait([SIGWINCH]); "
        "print(\"got it\")'", r"\r\nwaits\r\n"), sh.rest())
    fcntl.ioctl(sh.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    check("which is woken", sh.expect(r"got it\r\n.*ready\$ "), sh.rest())
    before = len(sh.out)
    fcntl.ioctl(sh.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    sh.run("echo same", r"\r\nsame\r\n.*ready\$ ")
    check("the same size tells nobody", "got it" not in sh.out[before:])

    sh.type("(trap 'echo hup >/tmp/jobs-hup; exit' HUP; echo up; while :; do sleep 0.1; done)\n")
    check("a program that waits for the end", sh.expect(r"\r\nup\r\n"), sh.rest())
    last = foreground(sh.fd)
    os.close(sh.fd)
    check("the hang-up reaches it", wait_for(lambda: os.path.exists("/tmp/jobs-hup")))
    check("and ends it", wait_for(lambda: state(last) in ("", "Z")), state(last))
    check("and the shell", wait_for(sh.ended), sh.pid)

    sh = Shell()
    sh.expect(r"ready\$ ")
    sh.type("exit 7\n")
    check("exit", wait_for(lambda: not sh.read(0.1) and sh.ended()) and os.waitstatus_to_exitcode(sh.status) == 7, sh.rest())
    sh = Shell()
    sh.expect(r"ready\$ ")
    sh.type("sleep 1004 &\n")
    number = sh.expect(r"\[1\] (\d+)\r\n.*ready\$ ")
    time.sleep(0.5)  # until it reads: readline looks at signals before that, and when one interrupts it
    os.kill(sh.pid, signal.SIGHUP)
    check("a shell that is hung up takes its jobs along", wait_for(lambda: not sh.read(0.1) and sh.ended()) and number and
          wait_for(lambda: state(int(number[1])) == ""), sh.rest())

    print(f"@@tests {good} {bad}")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
