#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Debian's set-id programs at work, driven through a pty: su, passwd, unix_chkpwd. Runs as root on the
base configuration, and passes whole on Debian's kernel too."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

good = bad = 0


def check(name, ok, why=""):
    global good, bad
    good, bad = good + bool(ok), bad + (not ok)
    print(f"ok {name}" if ok else f"not ok {name}: {why!r}", flush=True)


def as_user(argv, talk, uid=1000, env=None, limit=30):
    """Runs argv on a pty as uid; talk: pairs of what to wait for and what to type. (output, status)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir("/tmp")
        os.setgroups([uid])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.execve(argv[0], argv, {"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C", **(env or {})})
    out, at, end = b"", 0, time.monotonic() + limit
    talk = list(talk)
    while time.monotonic() < end:
        ready, _, _ = select.select([fd], [], [], 0.2)
        if ready:
            try:
                data = os.read(fd, 4096)
            except OSError:
                data = b""
            if not data:
                break
            out += data
        if talk and out.find(talk[0][0].encode(), at) >= 0:
            at = len(out)
            os.write(fd, talk.pop(0)[1].encode() + b"\n")
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    return out.decode(errors="replace"), os.waitstatus_to_exitcode(status)


def shadow(user):
    return next(line for line in open("/etc/shadow") if line.startswith(user + ":"))


subprocess.run(["chpasswd"], input="root:Secret-of-root\nuser:Word-of-user\n", text=True, check=True)

out, status = as_user(["/usr/bin/su", "-c", "id -u; cat /proc/self/loginuid >/dev/null; cat /etc/shadow | head -1"],
                      [("assword:", "Secret-of-root")])
check("su with the right password", status == 0 and "\n0\r\n" in out and "root:" in out, (out, status))
out, status = as_user(["/usr/bin/su", "-c", "id -u"], [("assword:", "wrong")])
check("su with a wrong password", status == 1 and "uthentication failure" in out and "\n0" not in out, (out, status))
out, status = as_user(["/usr/bin/su", "-", "-c", "exit 23"], [("assword:", "Secret-of-root")])
check("su: the status of the command", status == 23, (out, status))
out, status = as_user(["/usr/bin/su", "-c", "tty; ps -o ppid=,sid= -p $$"], [("assword:", "Secret-of-root")])
check("su: its terminal", status == 0 and "/dev/pts/" in out, (out, status))
out, status = as_user(["/usr/bin/su"], [("assword:", "Secret-of-root"), ("#", "id -un; exit 5")])
check("su: an interactive shell", status == 5 and "root" in out, (out, status))

out, status = as_user(["/usr/bin/su", "-c", "true"], [("assword:", "wrong")],
                      env={"LD_PRELOAD": "/tmp/evil.so", "LD_LIBRARY_PATH": "/tmp", "LD_DEBUG": "libs"})
check("the loader's environment is ignored", status == 1 and "evil" not in out and "calling init" not in out, out)

helper = "/usr/sbin/unix_chkpwd"
for name, word, want in (("right", "Word-of-user", 0), ("wrong", "no", 7)):
    done = subprocess.run([helper, "user", "nullok"], input=word.encode() + b"\0", user=1000, group=1000, extra_groups=[])
    check(f"unix_chkpwd: the {name} password of its caller", done.returncode == want, done.returncode)
done = subprocess.run([helper, "root", "nullok"], input=b"Secret-of-root\0", user=1000, group=1000, extra_groups=[])
check("unix_chkpwd: not for another user", done.returncode != 0, done.returncode)

before = shadow("user")
out, status = as_user(["/usr/bin/passwd"], [("urrent password:", "Word-of-user"), ("ew password:", "Other-and-8"),
                                            ("new password:", "Other-and-8")])
check("passwd changes one's own password", status == 0 and shadow("user") != before, (out, status))
before = shadow("root")
out, status = as_user(["/usr/bin/passwd", "root"], [])
check("passwd: not another's", status != 0 and shadow("root") == before, (out, status))
out, status = as_user(["/usr/bin/su", "user", "-c", "id -un"], [("assword:", "Other-and-8")], uid=1001)
check("su to another user, with the new password", status == 0 and "user" in out, (out, status))

print(f"@@tests {good} {bad}")
sys.exit(bad != 0)
